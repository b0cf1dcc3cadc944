import numpy as np
import pytest

from quantlab.entropy import (
    ConditionedPrior,
    FactorizedPrior,
    PairwisePrior,
    PairwiseSettings,
    prior_from_tensors,
    refit_frequencies,
)
from quantlab.errors import InputError
from quantlab.store import load_tensors, save_tensors

QUICK = PairwiseSettings(rank=4, epochs=4, batch_size=64, learning_rate=0.03)


def emitted(rng: np.random.Generator) -> dict[float, np.ndarray]:
    """Symbols that follow their predecessor, and are the last one more often as λ grows."""
    symbols = rng.integers(0, 6, (600, 4))
    for place in range(1, 4):
        follows = rng.random(600) < 0.7
        symbols[follows, place] = symbols[follows, place - 1]
    return {
        lam: np.where(rng.random(symbols.shape) < share, 6, symbols)
        for lam, share in ((0.0, 0.0), (1.0, 0.3), (10.0, 0.8))
    }


@pytest.mark.parametrize("kind", ["factorized", "pairwise"])
def test_each_lam_gets_a_prior_that_suits_it(tmp_path, kind: str, rng: np.random.Generator) -> None:
    train, test = emitted(rng), emitted(rng)
    prior = ConditionedPrior.fit(
        train, alphabet_size=7, rng=rng, kind=kind, settings=QUICK  # pyright: ignore[reportArgumentType]
    )  # fmt: skip
    pooled = FactorizedPrior.fit(np.concatenate(list(train.values())), alphabet_size=7)
    for lam, symbols in test.items():
        own = prior.at(lam)
        assert own.kind == kind
        assert own.code_length_bits(symbols).mean() < pooled.code_length_bits(symbols).mean() - 0.03
    assert (prior.num_positions, prior.alphabet_size) == (4, 7)
    save_tensors(tmp_path / "prior.safetensors", prior.tensors())
    again = prior_from_tensors("conditioned", load_tensors(tmp_path / "prior.safetensors"))
    assert isinstance(again, ConditionedPrior)
    assert again.parameter_bits == prior.parameter_bits
    for lam, symbols in test.items():
        bits = again.at(lam).code_length_bits(symbols)
        assert (bits == prior.at(lam).code_length_bits(symbols)).all()


def test_a_factorized_prior_per_lam_is_the_one_fitted_there(rng: np.random.Generator) -> None:
    train = emitted(rng)
    prior = ConditionedPrior.fit(train, alphabet_size=7, rng=rng)
    alone = {lam: FactorizedPrior.fit(part, alphabet_size=7) for lam, part in train.items()}
    for lam, own in alone.items():
        assert (prior.at(lam).frequencies == own.frequencies).all()
    assert prior.parameter_bits == sum(own.parameter_bits for own in alone.values()) + 3 * 64


def test_the_nearest_lam_in_logarithm_is_taken(rng: np.random.Generator) -> None:
    prior = ConditionedPrior.fit(emitted(rng), alphabet_size=7, rng=rng)
    near = {0.0: 0.0, 1e-9: 1.0, 1.0: 1.0, 3.1: 1.0, 3.3: 10.0, 1e9: 10.0}
    for lam, expected in near.items():
        assert (prior.at(lam).frequencies == prior.at(expected).frequencies).all()
    for lam in (-1.0, np.nan, np.inf):
        with pytest.raises(InputError, match="lam must be finite and >= 0"):
            prior.at(lam)


def test_refitted_frequencies_expect_what_occurs(rng: np.random.Generator) -> None:
    train = emitted(rng)
    prior = PairwisePrior.fit(train[1.0], alphabet_size=7, rng=rng, settings=QUICK)
    assert prior.effects.any()
    symbols = train[10.0]
    refitted = refit_frequencies(prior, symbols)
    for place in range(4):
        expected = refitted.frequencies_after(symbols[:, :place]).mean(axis=0) / 2**20
        if place == 0:
            expected = refitted.frequencies[0] / 2**20
        seen = np.bincount(symbols[:, place], minlength=7) / len(symbols)
        assert expected == pytest.approx(seen, abs=0.01)
    assert refitted.code_length_bits(symbols).mean() < prior.code_length_bits(symbols).mean() - 0.5
    assert refit_frequencies(prior, symbols[:0]) is prior


BAD = {
    "lams must ascend": lambda t: {"lams": t["lams"][::-1].copy()},
    "lams must be finite": lambda t: {"lams": np.array([0.0, 1.0, np.nan])},
    "frequencies must be": lambda t: {"lams": t["lams"][:2]},
    "positive and sum": lambda t: {"frequencies": t["frequencies"] * np.uint32(2)},
    "has lams, frequencies": lambda t: {"frequencies": t["frequencies"][0]},
    "a pairwise prior has": lambda t: {"shared.effects": np.zeros((4, 7, 1), np.int16)},
    "for one λ or more": lambda t: {"frequencies": t["frequencies"][:0]},
}


@pytest.mark.parametrize("message", BAD)
def test_damaged_tensors_are_refused(message: str, rng: np.random.Generator) -> None:
    tensors = ConditionedPrior.fit(emitted(rng), alphabet_size=7, rng=rng).tensors()
    with pytest.raises(InputError, match=message):
        prior_from_tensors("conditioned", {**tensors, **BAD[message](tensors)})


def test_what_cannot_be_fitted_is_refused(rng: np.random.Generator) -> None:
    with pytest.raises(InputError, match="one λ or more"):
        ConditionedPrior.fit({}, alphabet_size=7, rng=rng)
    with pytest.raises(InputError, match="same vectors"):
        ConditionedPrior.fit(
            {0.0: np.zeros((3, 2), int), 1.0: np.zeros((4, 2), int)}, alphabet_size=7, rng=rng
        )
    with pytest.raises(InputError, match="kind is 'magic'"):
        ConditionedPrior.fit(
            {0.0: np.zeros((3, 2), int)}, alphabet_size=7, rng=rng, kind="magic"  # pyright: ignore[reportArgumentType]
        )  # fmt: skip
    with pytest.raises(InputError, match="prior kind 'magic' is unknown"):
        prior_from_tensors("magic", {})
