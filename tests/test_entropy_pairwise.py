import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.entropy import (
    CodingPrior,
    FactorizedPrior,
    PairwisePrior,
    PairwiseSettings,
    decode_symbols,
    encode_symbols,
    fit_pairwise,
    prior_from_tensors,
)
from quantlab.entropy.integers import code_lengths, exponentials
from quantlab.errors import InputError
from quantlab.store import load_tensors, save_tensors

TOTAL = 1 << 20


def make_prior(seed: int, *, positions: int = 4, alphabet: int = 5, rank: int = 3) -> PairwisePrior:
    rng = np.random.default_rng(seed)
    pairs = np.array([(s, r) for s in range(positions) for r in range(s)])[::2]
    effects = rng.integers(-900, 900, (positions, alphabet, rank)).astype(np.int16)
    loadings = rng.integers(-900, 900, (positions, rank, alphabet)).astype(np.int16)
    effects[-1], loadings[0] = 0, 0
    return PairwisePrior(
        FactorizedPrior.from_counts(rng.integers(0, 1000, (positions, alphabet))).frequencies,
        effects,
        loadings,
        8,
        pairs,
        rng.integers(-127, 128, (len(pairs), alphabet, alphabet)).astype(np.int8),
    )


def slow_row(prior: PairwisePrior, earlier: list[int]) -> list[int]:
    """Frequencies by Python's own integers of any size, straight from the definition."""
    place, alphabet = len(earlier), prior.alphabet_size
    tilts = []
    for a in range(alphabet):
        product = sum(
            int(prior.effects[r, symbol, d]) * int(prior.loadings[place, d, a])
            for r, symbol in enumerate(earlier)
            for d in range(prior.effects.shape[2])
        )
        tilt = product >> prior.shift
        for (s, r), table in zip(prior.pairs.tolist(), prior.tables, strict=True):
            if s == place:
                tilt += int(table[earlier[r], a]) * 64
        tilts.append(tilt)
    above = [int(f) - 1 for f in prior.frequencies[place]]
    heights = [t + 1024 * n.bit_length() for t, n in zip(tilts, above, strict=True) if n]
    highest = max(heights)
    weights = []
    for tilt, n in zip(tilts, above, strict=True):
        below = highest - tilt - 1024 * n.bit_length()
        mantissa = n << (20 - n.bit_length())
        step = round(4096 * 2.0 ** (-(below % 1024) / 1024))
        weights.append((mantissa * step) >> (below // 1024) if n else 0)
    inverse = ((TOTAL - alphabet) << 42) // sum(weights)
    row = [1 + (weight * inverse >> 42) for weight in weights]
    row[row.index(max(row))] += TOTAL - sum(row)
    return row


@pytest.mark.parametrize("seed", range(3))
def test_frequencies_equal_those_of_big_integers(seed: int, rng: np.random.Generator) -> None:
    prior = make_prior(seed)
    assert isinstance(prior, CodingPrior)
    for length in range(prior.num_positions):
        earlier = rng.integers(0, prior.alphabet_size, (12, length))
        rows = prior.frequencies_after(earlier)
        assert rows.dtype == np.uint32
        expected = [slow_row(prior, prefix) for prefix in earlier.tolist()]
        assert (rows == np.array(expected)).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 40), st.integers(1, 5))
def test_rows_are_positive_and_sum_to_the_total(seed: int, alphabet: int, rank: int) -> None:
    prior = make_prior(seed, positions=3, alphabet=alphabet, rank=rank)
    rng = np.random.default_rng(seed)
    for length in range(3):
        rows = prior.frequencies_after(rng.integers(0, alphabet, (9, length)))
        assert (rows.sum(axis=1, dtype=np.int64) == TOTAL).all()
        assert rows.min() >= 1


def test_frequencies_follow_the_exponential() -> None:
    prior = make_prior(5)
    earlier = np.array([[1, 4, 2]])
    tilt = (
        prior.effects[[0, 1, 2], earlier[0]].sum(axis=0) @ prior.loadings[3].astype(int)
    ) / 2**18
    for (s, r), table in zip(prior.pairs, prior.tables, strict=True):
        tilt = tilt + (s == 3) * table[earlier[0, r]] / 16
    share = (prior.frequencies[3] - 1) * 2.0**tilt
    share = (1 + (TOTAL - 5) * share / share.sum()) / TOTAL
    assert prior.frequencies_after(earlier)[0] / TOTAL == pytest.approx(share, rel=2e-3, abs=2e-6)


def test_the_exponential_rounds_alike_whatever_the_platform() -> None:
    exact = [4096 * 2.0 ** (-i / 1024) for i in range(1024)]
    # No entry is so near to a tie that the last digit of a power could turn it.
    assert min(abs(value % 1 - 0.5) for value in exact) > 1e-6
    assert exponentials().tolist() == [round(value) for value in exact]
    assert code_lengths()[[0, 1, TOTAL]].tolist() == [math.inf, 20.0, 0.0]


def test_all_probabilities_of_sequences_sum_to_one() -> None:
    prior = make_prior(2, positions=3, alphabet=4)
    everything = np.array(list(itertools.product(range(4), repeat=3)))
    assert (2.0 ** -prior.code_length_bits(everything)).sum() == pytest.approx(1.0, abs=1e-12)


def test_without_weights_it_is_the_factorized_prior(rng: np.random.Generator) -> None:
    symbols = rng.integers(0, 7, (300, 4)) ** 2 % 7
    order_0 = FactorizedPrior.fit(symbols, alphabet_size=7)
    prior = PairwisePrior.from_factorized(order_0)
    flat = replace(make_prior(0, alphabet=7), frequencies=order_0.frequencies)
    for name in ("effects", "tables"):
        flat = replace(flat, **{name: np.zeros_like(getattr(flat, name))})
    for same in (prior, flat):
        for length in range(4):
            rows = same.frequencies_after(symbols[:, :length])
            assert (rows == order_0.frequencies[length]).all()
        assert (same.code_length_bits(symbols) == order_0.code_length_bits(symbols)).all()
    assert prior.parameter_bits == order_0.parameter_bits


def test_context_coding_and_whole_sequences_agree(rng: np.random.Generator) -> None:
    prior = make_prior(1)
    symbols = rng.integers(0, 5, (20, 4))
    context, coding, bits = prior.start(20), prior.start_coding(20), np.zeros(20)
    order = np.arange(20)
    for place in range(4):
        rows = prior.frequencies_after(symbols[order, :place])
        assert (np.broadcast_to(coding.frequencies(), (20, 5))[order] == rows).all()
        own = np.broadcast_to(context.bits(), (20, 5))
        assert (own == 20 - np.log2(np.broadcast_to(rows, (20, 5)))).all()
        bits[order] += own[np.arange(20), symbols[order, place]]
        parents = rng.permutation(20)
        context = context.extend(parents, symbols[order, place][parents])
        coding.append(symbols[:, place])
        order = order[parents]
    assert bits == pytest.approx(prior.code_length_bits(symbols), abs=1e-12)
    assert prior.code_length_bits(symbols[:0]).shape == (0,)


def test_single_and_double_precision_give_the_same_integers(rng: np.random.Generator) -> None:
    prior = make_prior(3, rank=9)
    assert prior._factors[0].dtype == np.float32
    wide = replace(prior, loadings=(prior.loadings * 36).astype(np.int16), effects=prior.effects)
    assert wide._factors[0].dtype == np.float64
    earlier = rng.integers(0, 5, (10, 3))
    rows = wide.frequencies_after(earlier)
    assert (rows == np.array([slow_row(wide, prefix) for prefix in earlier.tolist()])).all()


def test_what_it_codes_it_decodes(rng: np.random.Generator) -> None:
    prior = make_prior(4)
    symbols = rng.integers(0, 5, (500, 4))
    payload = encode_symbols(prior, symbols)
    assert (decode_symbols(prior, payload.data, 500) == symbols).all()
    assert payload.num_bits == pytest.approx(prior.code_length_bits(symbols).sum(), abs=3)


@pytest.mark.parametrize("rank", [0, 3])
def test_tensors_survive_a_file(tmp_path, rank: int) -> None:
    prior = make_prior(1, rank=rank) if rank else PairwisePrior.from_factorized(
        FactorizedPrior.uniform(4, alphabet_size=5)
    )  # fmt: skip
    save_tensors(tmp_path / "prior.safetensors", prior.tensors())
    again = prior_from_tensors("pairwise", load_tensors(tmp_path / "prior.safetensors"))
    assert isinstance(again, PairwisePrior)
    earlier = np.array([[0, 1, 2], [4, 4, 4]])
    assert (again.frequencies_after(earlier) == prior.frequencies_after(earlier)).all()
    assert again.parameter_bits == prior.parameter_bits


CHANGES = {
    "effects of a pairwise prior": lambda t: {"effects": t["effects"].astype(np.int32)},
    "loadings of a pairwise prior": lambda t: {"loadings": t["loadings"][:, :2]},
    "shift is 40": lambda t: {"shift": np.array([40])},
    "stored as uint8": lambda t: {"tables": t["tables"].view(np.int8)},
    "one whole number": lambda t: {"shift": np.array([1.5])},
    "first no loadings": lambda t: {"loadings": t["loadings"] + np.int16(1)},
    "ascending order": lambda t: {"pairs": t["pairs"][::-1].copy()},
    "pairs are positions": lambda t: {"pairs": t["pairs"][:, ::-1].copy()},
    "too large": lambda t: {"shift": np.array([0]), "loadings": t["loadings"] * np.int16(36)},
    "positive and sum": lambda t: {"frequencies": t["frequencies"] + 1},
    "a pairwise prior has": lambda t: {"more": np.zeros(1)},
}


@pytest.mark.parametrize("message", CHANGES)
def test_damaged_tensors_are_refused(message: str) -> None:
    tensors = make_prior(0, rank=9).tensors()
    with pytest.raises(InputError, match=message):
        PairwisePrior.from_tensors({**tensors, **CHANGES[message](tensors)})


@pytest.mark.parametrize(
    ("earlier", "message"),
    [
        (np.zeros((2, 4), int), "nothing follows after 4"),
        (np.full((2, 1), 5), "must lie in 0 … 4"),
        (np.zeros((2, 1)), "must be integers"),
    ],
)
def test_prefixes_that_cannot_be_are_refused(earlier: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_prior(0).frequencies_after(earlier)


def chained(rng: np.random.Generator, num_vectors: int) -> np.ndarray:
    """Symbols that follow their predecessor seven times in ten, six positions of eight."""
    symbols = rng.integers(0, 8, (num_vectors, 6))
    for place in range(1, 6):
        follows = rng.random(num_vectors) < 0.7
        symbols[follows, place] = (symbols[follows, place - 1] + place) % 8
    return symbols


QUICK = PairwiseSettings(rank=16, epochs=8, batch_size=128, learning_rate=0.03)


def test_fit_comes_near_to_the_true_entropy(rng: np.random.Generator) -> None:
    train, test = chained(rng, 3000), chained(rng, 2000)
    own = 0.7 + 0.3 / 8
    true = 3 + 5 * -(own * math.log2(own) + 7 * (0.3 / 8) * math.log2(0.3 / 8))
    speakers = np.repeat(np.arange(10), 300)
    prior = fit_pairwise(train, alphabet_size=8, rng=rng, groups=speakers, settings=QUICK)
    assert prior.code_length_bits(test).mean() == pytest.approx(true, rel=0.03)
    assert FactorizedPrior.fit(train, alphabet_size=8).code_length_bits(test).mean() > 17.9


@pytest.mark.parametrize("num_vectors", [2, 30, 400])
def test_where_nothing_can_be_learned_it_costs_next_to_nothing(num_vectors: int) -> None:
    rng = np.random.default_rng(3)
    symbols = rng.choice(5, (num_vectors + 2000, 6), p=[0.5, 0.2, 0.1, 0.1, 0.1])
    train, test = symbols[:num_vectors], symbols[num_vectors:]
    prior = fit_pairwise(train, alphabet_size=5, rng=rng, settings=QUICK)
    order_0 = FactorizedPrior.fit(train, alphabet_size=5)
    loss = prior.code_length_bits(test).mean() / order_0.code_length_bits(test).mean()
    assert loss < 1.01


def test_same_seed_same_bytes() -> None:
    symbols = chained(np.random.default_rng(0), 300)
    first, second = (
        PairwisePrior.fit(
            symbols, alphabet_size=8, rng=np.random.default_rng(7), settings=QUICK
        ).tensors()
        for _ in range(2)
    )
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)


def test_weights_count_like_copies() -> None:
    rng = np.random.default_rng(1)
    symbols = np.concatenate([chained(rng, 400), rng.integers(0, 8, (400, 6))])
    mass = np.repeat([1.0, 0.0], 400)
    prior = fit_pairwise(symbols, alphabet_size=8, rng=rng, weights=mass, settings=QUICK)
    test = chained(rng, 500)
    blind = fit_pairwise(symbols, alphabet_size=8, rng=rng, settings=QUICK)
    assert prior.code_length_bits(test).mean() < blind.code_length_bits(test).mean() - 0.3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"groups": np.zeros(3)}, "groups have shape"),
        ({"weights": np.full(20, np.nan)}, "weights must be finite"),
        ({"weights": np.zeros(20)}, "all weights are zero"),
        ({"symbols": np.full((20, 3), 9)}, "must lie in 0 … 7"),
    ],
)
def test_what_cannot_be_fitted_is_refused(change: dict, message: str) -> None:
    given_ = {"symbols": np.zeros((20, 3), int), **change}
    with pytest.raises(InputError, match=message):
        fit_pairwise(**given_, alphabet_size=8, rng=np.random.default_rng(0))


def test_few_codes_need_no_great_rank(rng: np.random.Generator) -> None:
    first = rng.integers(0, 3, 900)
    symbols = np.stack([first, first, rng.integers(0, 3, 900)], axis=1)
    prior = fit_pairwise(symbols[:600], alphabet_size=3, rng=rng)
    assert prior.effects.shape == (3, 3, 4)
    assert prior.code_length_bits(symbols[600:]).mean() < 2 * math.log2(3) + 0.2


@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (5, 1)])
def test_tiny_sets_give_the_factorized_prior(shape: tuple[int, int]) -> None:
    symbols = np.zeros(shape, int)
    prior = fit_pairwise(symbols, alphabet_size=4, rng=np.random.default_rng(0))
    order_0 = FactorizedPrior.fit(symbols, alphabet_size=4)
    assert (prior.frequencies == order_0.frequencies).all()
    assert not prior.effects.any()
