"""The search against independent code: brute force and its own definition."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.codebooks import Quantizer, price, search, search_exhaustive
from quantlab.entropy import FactorizedPrior
from quantlab.errors import ConfigError, InputError

from .search_cases import LAMS, MarkovPrior, make_case


@pytest.mark.parametrize("kernel", ["reference", "cpu"])
@pytest.mark.parametrize("groups", [1, 2])
def test_lambda_zero_is_the_nearest_neighbour_stage_by_stage(groups: int, kernel: str) -> None:
    quantizer, z, prior = make_case(0, groups=groups)
    found = search(quantizer, z, prior, [0.0], kernel=kernel)[0].symbols  # type: ignore[arg-type]
    width = quantizer.num_dims // groups
    for row, vector in enumerate(z.astype(np.float64)):
        for group in range(groups):
            residual = vector[group * width : (group + 1) * width]
            for stage in range(quantizer.num_stages):
                candidates = [*quantizer.codebooks[group, stage], np.zeros(width)]
                distances = [float(((residual - code) ** 2).sum()) for code in candidates]
                chosen = int(np.argmin(distances))
                assert found[row, group * quantizer.num_stages + stage] == chosen
                residual = residual - candidates[chosen]


@pytest.mark.parametrize("kernel", ["reference", "cpu"])
def test_search_minimises_each_stage_by_brute_force(kernel: str) -> None:
    quantizer, z, prior = make_case(1)
    bits = -np.log2(prior.frequencies / 2**20)
    results = search(quantizer, z, prior, LAMS, kernel=kernel)  # type: ignore[arg-type]
    for lam, found in zip(LAMS, results, strict=True):
        for row, vector in enumerate(z.astype(np.float64)):
            residual, spent = vector, 0.0
            for stage in range(quantizer.num_stages):
                codes = quantizer.codebooks[0, stage].astype(np.float64)
                candidates = [*codes, np.zeros(len(vector))]
                costs = [
                    float(((residual - code) ** 2).sum()) + lam * bits[stage, index]
                    for index, code in enumerate(candidates)
                ]
                chosen = int(np.argmin(costs))
                residual, spent = residual - candidates[chosen], spent + bits[stage, chosen]
                assert found.symbols[row, stage] == chosen
            assert found.distortion[row] == pytest.approx(float((residual**2).sum()), rel=1e-5)
            assert found.code_length_bits[row] == pytest.approx(spent)


@pytest.mark.parametrize("lam", LAMS)
def test_exhaustive_search_finds_the_minimum(lam: float) -> None:
    quantizer, z, prior = make_case(2, stages=2, codes=3, dims=4, count=10)
    bits = prior.bits_table()
    found = search_exhaustive(quantizer, z, prior, lam)
    books = quantizer.with_skip().astype(np.float64)[0]
    for row, vector in enumerate(z.astype(np.float64)):
        best = min(
            float(((vector - books[0, a] - books[1, b]) ** 2).sum())
            + lam * (bits[0, a] + bits[1, b])
            for a, b in itertools.product(range(4), repeat=2)
        )
        assert found.cost(lam)[row] == pytest.approx(best, rel=1e-6)


def test_exhaustive_search_of_groups_apart_is_that_of_all_together() -> None:
    quantizer, z, prior = make_case(8, groups=2, stages=2, codes=3, dims=4, count=20)
    table = np.repeat(prior.bits_table()[:, None], quantizer.alphabet_size, axis=1)
    together = search_exhaustive(quantizer, z, MarkovPrior(table), 0.3)
    assert np.array_equal(search_exhaustive(quantizer, z, prior, 0.3).symbols, together.symbols)


@given(st.integers(0, 10**6), st.sampled_from(LAMS), st.sampled_from([1, 2]))
@settings(max_examples=20, deadline=None)
def test_no_beam_is_below_the_exhaustive_minimum(seed: int, lam: float, groups: int) -> None:
    quantizer, z, prior = make_case(seed, groups=groups, stages=2, codes=3, dims=4, count=8)
    exact = search_exhaustive(quantizer, z, prior, lam).cost(lam)
    for beam in (1, 4):
        kept = search(quantizer, z, prior, [lam], beam=beam)[0].cost(lam)
        assert (kept >= exact - 1e-6 * (1 + exact)).all()


@given(st.integers(0, 10**6), st.sampled_from([1, 2]))
@settings(max_examples=20, deadline=None)
def test_many_lambdas_at_once_choose_what_single_ones_choose(seed: int, groups: int) -> None:
    quantizer, z, prior = make_case(seed, groups=groups)
    shuffled = [10.0, 0.0, 0.1, 0.1, 1000.0, 0.01, 1.0]
    together = search(quantizer, z, prior, shuffled)
    for lam, result in zip(shuffled, together, strict=True):
        alone = search(quantizer, z, prior, [lam])[0]
        assert np.array_equal(result.symbols, alone.symbols)
        assert np.allclose(result.code_length_bits, prior.code_length_bits(result.symbols))
        priced = price(quantizer, z, result.symbols, prior)
        assert np.allclose(result.distortion, priced.distortion, rtol=1e-5, atol=1e-6)


def test_a_permuted_group_leaves_the_cost_unchanged() -> None:
    quantizer, z, prior = make_case(4, groups=2)
    swapped = Quantizer(quantizer.codebooks[::-1])
    other_prior = FactorizedPrior(np.roll(prior.frequencies, 3, axis=0))
    for beam in (1, 4):
        one = search(quantizer, z, prior, [0.3], beam=beam)[0]
        other = search(swapped, np.roll(z, 4, axis=1), other_prior, [0.3], beam=beam)[0]
        assert np.allclose(one.cost(0.3), other.cost(0.3))


@pytest.mark.parametrize("lam", [1e9, 1e300])
def test_large_lambda_gives_the_constant_output_predicted_from_the_prior(lam: float) -> None:
    quantizer, z, prior = make_case(5)
    found = search(quantizer, z, prior, [lam])[0].symbols
    assert (found == prior.bits_table().argmin(axis=1)).all()


@pytest.mark.parametrize("kernel", ["reference", "cpu"])
@pytest.mark.parametrize("beam", [1, 2])
def test_ties_go_to_the_lowest_index(kernel: str, beam: int) -> None:
    prior = FactorizedPrior.uniform(2, alphabet_size=4)
    for book in (np.ones((1, 2, 3, 2), np.float32), np.zeros((1, 2, 3, 2), np.float32)):
        chosen = search(Quantizer(book), np.ones((1, 2)), prior, [1.0], beam=beam, kernel=kernel)  # type: ignore[arg-type]
        # Two equal codes, then nothing left to gain: SKIP and a zero code cost the same.
        assert chosen[0].symbols.tolist() == ([[0, 3]] if book.any() else [[0, 0]])


def test_one_code_one_vector_and_none() -> None:
    quantizer = Quantizer(np.ones((1, 1, 1, 2), np.float32))
    prior = FactorizedPrior.from_counts(np.array([[1, 1]]))
    for beam in (1, 32):
        for value, chosen in ((0.9, 0), (-0.9, 1)):
            found = search(quantizer, np.full((1, 2), value), prior, [0.0], beam=beam)[0]
            assert found.symbols.tolist() == [[chosen]]
        nothing = search(quantizer, np.empty((0, 2)), prior, [0.0, 1.0], beam=beam)
        assert [result.symbols.shape for result in nothing] == [(0, 1)] * 2
        assert search(quantizer, np.ones((1, 2)), prior, [], beam=beam) == []


@pytest.mark.parametrize("kernel", ["reference", "cpu"])
@pytest.mark.parametrize(
    ("z", "positions", "lam", "message"),
    [
        (np.ones((2, 3)), 1, 0.0, r"takes \[N, 2\]"),
        (np.ones((2, 2)), 2, 0.0, "the quantizer has"),
        (np.full((2, 2), np.nan), 1, 0.0, "NaN"),
        (np.full((2, 2), np.inf), 1, 0.0, "infinite"),
        (np.ones((2, 2)), 1, -1.0, "given -1"),
        (np.ones((2, 2)), 1, np.inf, "given inf"),
        (np.ones((2, 2)), 1, np.nan, "given nan"),
    ],
)
def test_bad_input_is_refused(
    z: np.ndarray, positions: int, lam: float, message: str, kernel: str
) -> None:
    quantizer = Quantizer(np.ones((1, 1, 3, 2), np.float32))
    prior = FactorizedPrior.uniform(positions, alphabet_size=4)
    with pytest.raises(InputError, match=message):
        search(quantizer, z, prior, [lam], kernel=kernel)  # type: ignore[arg-type]


def test_bad_options_are_refused() -> None:
    quantizer, z, prior = make_case(6)
    for beam in (0, 33):
        with pytest.raises(InputError, match=r"beam is \d+; give 1 … 32"):
            search(quantizer, z, prior, [0.0], beam=beam)
    with pytest.raises(ConfigError, match="kernel 'fpga' is unknown; use one of auto"):
        search(quantizer, z, prior, [0.0], kernel="fpga")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="takes a factorized prior, given markov"):
        search(quantizer, z, MarkovPrior.drawn(0, 3, 7), [0.0], kernel="gpu")


def test_exhaustive_search_refuses_what_is_too_large() -> None:
    quantizer, z, prior = make_case(6, stages=3, codes=127)
    with pytest.raises(InputError, match="too many to try"):
        search_exhaustive(quantizer, z, prior, 0.0)
