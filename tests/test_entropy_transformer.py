import itertools
import math

import numpy as np
import pytest

from quantlab.entropy import (
    CodingPrior,
    FactorizedPrior,
    Prior,
    TransformerPrior,
    TransformerSettings,
    fit_transformer,
    prior_from_tensors,
)
from quantlab.errors import ConfigError, InputError
from quantlab.store import load_tensors, save_tensors

TINY = TransformerSettings(
    width=32, layers=2, heads=2, hidden=64, learning_rate=1e-2, batch_size=64, epochs=12,
    dropout=0.05, device="cpu",
)  # fmt: skip


def chained(rng: np.random.Generator, num_vectors: int) -> np.ndarray:
    """Symbols that follow their predecessor seven times in ten, four positions of six."""
    symbols = rng.integers(0, 6, (num_vectors, 4))
    for place in range(1, 4):
        follows = rng.random(num_vectors) < 0.7
        symbols[follows, place] = (symbols[follows, place - 1] + place) % 6
    return symbols


@pytest.fixture(scope="module")
def prior() -> TransformerPrior:
    rng = np.random.default_rng(0)
    return fit_transformer(
        chained(rng, 1500), alphabet_size=6, rng=rng, stages=2, settings=TINY,
        groups=np.repeat(np.arange(15), 100),
    )  # fmt: skip


def test_fit_comes_near_to_the_true_entropy(prior: TransformerPrior) -> None:
    test = chained(np.random.default_rng(1), 1000)
    own = 0.7 + 0.3 / 6
    step = -(own * math.log2(own) + 5 * (0.3 / 6) * math.log2(0.3 / 6))
    assert prior.code_length_bits(test).mean() == pytest.approx(math.log2(6) + 3 * step, rel=0.03)


def test_it_is_a_prior_that_no_bitstream_may_use(prior: TransformerPrior) -> None:
    assert isinstance(prior, Prior)
    assert not isinstance(prior, CodingPrior)
    assert prior.parameter_bits == 32 * sum(array.size for array in prior.arrays.values())


def test_all_probabilities_of_sequences_sum_to_one(prior: TransformerPrior) -> None:
    everything = np.array(list(itertools.product(range(6), repeat=4)))
    assert (2.0 ** -prior.code_length_bits(everything)).sum() == pytest.approx(1.0, abs=1e-5)
    assert prior.code_length_bits(everything[:0]).shape == (0,)


def test_later_symbols_do_not_change_earlier_code_lengths(prior: TransformerPrior) -> None:
    import torch

    symbols = torch.tensor([[1, 2, 3, 4], [1, 2, 0, 5]])
    logits = prior.network.logits(symbols)
    assert torch.allclose(logits[0, :3], logits[1, :3], atol=1e-5)
    assert not torch.allclose(logits[0, 3], logits[1, 3], atol=1e-2)


def test_cached_steps_agree_with_whole_sequences(
    prior: TransformerPrior, rng: np.random.Generator
) -> None:
    symbols = rng.integers(0, 6, (12, 4))
    context, bits, order = prior.start(12), np.zeros(12), np.arange(12)
    for place in range(4):
        own = np.broadcast_to(context.bits(), (12, 6))
        bits[order] += own[np.arange(12), symbols[order, place]]
        parents = rng.permutation(12)
        context = context.extend(parents, symbols[order, place][parents])
        order = order[parents]
    assert bits == pytest.approx(prior.code_length_bits(symbols), abs=1e-4)


def test_prefixes_can_fork(prior: TransformerPrior) -> None:
    context = prior.start(1).extend(np.array([0, 0]), np.array([2, 5]))
    context = context.extend(np.array([1, 1, 0]), np.array([0, 3, 4]))
    whole = np.array([[5, 0, 1], [5, 3, 1], [2, 4, 1]])
    total = np.array([prior.code_length_bits(np.c_[whole, np.full(3, last)]) for last in range(6)])
    first = -np.log2((2.0**-total).sum(axis=0))
    context_bits = context.bits()[:, 1]
    before = prior.start(1).bits()[0][whole[:, 0]]
    second = prior.start(3).extend(np.arange(3), whole[:, 0]).bits()[np.arange(3), whole[:, 1]]
    assert before + second + context_bits == pytest.approx(first, abs=1e-4)


def test_tensors_survive_a_file(tmp_path, prior: TransformerPrior) -> None:
    save_tensors(tmp_path / "prior.safetensors", prior.tensors())
    again = prior_from_tensors("transformer", load_tensors(tmp_path / "prior.safetensors"))
    assert isinstance(again, TransformerPrior)
    symbols = np.array([[0, 1, 2, 3], [5, 5, 5, 5]])
    assert (again.code_length_bits(symbols) == prior.code_length_bits(symbols)).all()


def test_same_seed_same_bytes_and_the_global_generator_is_left_alone() -> None:
    import torch

    symbols = chained(np.random.default_rng(0), 200)
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    quick = TINY.model_copy(update={"epochs": 1.0})
    first, second = (
        fit_transformer(
            symbols, alphabet_size=6, rng=np.random.default_rng(7), settings=quick
        ).tensors()
        for _ in range(2)
    )
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_training_stops_in_time() -> None:
    rng = np.random.default_rng(2)
    symbols = rng.choice(4, (64, 3), p=[0.7, 0.1, 0.1, 0.1])
    short = TINY.model_copy(update={"max_seconds": 1e-6, "epochs": 10_000.0})
    prior = fit_transformer(symbols, alphabet_size=4, rng=rng, settings=short)
    assert prior.num_positions == 3


CHANGES = {
    "fit each other: head$": lambda t: {"head": t["head"][:-1]},
    "needs token and widen": lambda t: {"widen": t["widen"][0, 0]},
    "finite float32": lambda t: {"last": t["last"] * np.float32(np.nan)},
    "layout is": lambda t: {"layout": np.array([4, 2])},
    "must be 1 or more": lambda t: {"layout": np.array([4, 0, 2])},
    "fit each other: group": lambda t: {"layout": np.array([9, 2, 2])},
    "fit each other": lambda t: {"layout": np.array([4, 2, 3])},
}


@pytest.mark.parametrize("message", CHANGES)
def test_damaged_tensors_are_refused(prior: TransformerPrior, message: str) -> None:
    tensors = prior.tensors()
    with pytest.raises(InputError, match=message):
        TransformerPrior.from_tensors({**tensors, **CHANGES[message](tensors)})


def test_what_cannot_be_fitted_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="needs two vectors"):
        fit_transformer(np.zeros((1, 3), int), alphabet_size=4, rng=rng)
    with pytest.raises(ConfigError, match="multiple of heads"):
        TransformerSettings.parse({"width": 30, "heads": 4})


def test_symbols_that_do_not_fit_are_refused(prior: TransformerPrior) -> None:
    with pytest.raises(InputError, match="symbols have 3 positions, the prior 4"):
        prior.code_length_bits(np.zeros((2, 3), int))
    assert FactorizedPrior.uniform(4, alphabet_size=6).num_positions == prior.num_positions
