"""The search against independent code: brute force, faiss, and its own definition."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.codebooks import Quantizer, encode_ladder, price, search, search_exhaustive
from quantlab.codebooks.search import search_ladder
from quantlab.entropy import FactorizedPrior
from quantlab.errors import InputError

LAMS = [0.0, 0.01, 0.1, 1.0, 10.0, 1000.0]


def _case(
    seed: int, *, groups: int = 1, stages: int = 3, codes: int = 6, dims: int = 8, count: int = 40
) -> tuple[Quantizer, np.ndarray, FactorizedPrior]:
    rng = np.random.default_rng(seed)
    books = rng.normal(size=(groups, stages, codes, dims // groups)).astype(np.float32)
    books /= np.arange(1, stages + 1)[None, :, None, None]
    z = rng.normal(size=(count, dims)).astype(np.float32)
    counts = rng.integers(0, 50, (groups * stages, codes + 1))
    return Quantizer(books), z, FactorizedPrior.from_counts(counts)


@pytest.mark.parametrize("groups", [1, 2])
def test_lambda_zero_is_the_nearest_neighbour_stage_by_stage(groups: int) -> None:
    quantizer, z, prior = _case(0, groups=groups)
    found = search(quantizer, z, prior.bits_table(), 0.0).symbols
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


@pytest.mark.parametrize("lam", LAMS)
def test_search_minimises_each_stage_by_brute_force(lam: float) -> None:
    quantizer, z, prior = _case(1)
    bits = -np.log2(prior.frequencies / 2**20)
    found = search(quantizer, z, prior.bits_table(), lam)
    for row, vector in enumerate(z.astype(np.float64)):
        residual, spent = vector, 0.0
        for stage in range(quantizer.num_stages):
            candidates = [*quantizer.codebooks[0, stage].astype(np.float64), np.zeros(len(vector))]
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
    quantizer, z, prior = _case(2, stages=2, codes=3, dims=4, count=10)
    bits = prior.bits_table()
    found = search_exhaustive(quantizer, z, bits, lam)
    books = quantizer.with_skip().astype(np.float64)[0]
    for row, vector in enumerate(z.astype(np.float64)):
        best = min(
            float(((vector - books[0, a] - books[1, b]) ** 2).sum())
            + lam * (bits[0, a] + bits[1, b])
            for a, b in itertools.product(range(4), repeat=2)
        )
        assert found.cost(lam)[row] == pytest.approx(best, rel=1e-6)


@given(st.integers(0, 10**6), st.sampled_from(LAMS), st.sampled_from([1, 2]))
@settings(max_examples=25, deadline=None)
def test_stagewise_search_is_never_below_the_exhaustive_minimum(
    seed: int, lam: float, groups: int
) -> None:
    quantizer, z, prior = _case(seed, groups=groups, stages=2, codes=3, dims=4, count=8)
    table = prior.bits_table()
    stagewise = search(quantizer, z, table, lam).cost(lam)
    exact = search_exhaustive(quantizer, z, table, lam).cost(lam)
    assert (stagewise >= exact - 1e-9 * (1 + exact)).all()


@given(st.integers(0, 10**6), st.sampled_from([1, 2]))
@settings(max_examples=25, deadline=None)
def test_many_lambdas_at_once_choose_what_single_ones_choose(seed: int, groups: int) -> None:
    quantizer, z, prior = _case(seed, groups=groups)
    together = search_ladder(quantizer, z, prior.bits_table(), LAMS)
    for lam, result in zip(LAMS, together, strict=True):
        alone = search(quantizer, z, prior.bits_table(), lam)
        assert np.allclose(result.cost(lam), alone.cost(lam), rtol=1e-5)
        assert (result.symbols == alone.symbols).all(axis=1).mean() > 0.95
        assert np.allclose(result.code_length_bits, prior.code_length_bits(result.symbols))
        priced = price(quantizer, z, result.symbols, prior.bits_table())
        assert np.allclose(result.distortion, priced.distortion, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("lam", [0.0, 0.05, 0.5])
def test_equal_to_faiss_with_lambda_folded_into_its_norms(lam: float) -> None:
    """λ·bits added to faiss's centroid norms turns its residual quantizer into a rate-aware one."""
    faiss = pytest.importorskip("faiss")
    stages, codes, dims = 3, 15, 8
    quantizer, z, prior = _case(3, stages=stages, codes=codes, dims=dims, count=300)
    books = np.ascontiguousarray(quantizer.with_skip()[0].reshape(-1, dims))
    peer = faiss.ResidualQuantizer(dims, stages, 4)
    peer.max_beam_size = 1
    peer.use_beam_LUT = 1
    faiss.copy_array_to_vector(books.ravel(), peer.codebooks)
    peer.is_trained = True
    peer.compute_codebook_tables()
    norms = (books.astype(np.float64) ** 2).sum(axis=1) + lam * prior.bits_table().ravel()
    faiss.copy_array_to_vector(norms.astype(np.float32), peer.centroid_norms)
    packed = peer.compute_codes(z)
    bits = np.unpackbits(packed, axis=1, bitorder="little")[:, : 4 * stages]
    theirs = bits.reshape(len(z), stages, 4) @ (1 << np.arange(4))
    ours = search(quantizer, z, prior.bits_table(), lam)
    cost = price(quantizer, z, theirs, prior.bits_table()).cost(lam)
    tied = np.abs(cost - ours.cost(lam)) <= 1e-5 * ours.cost(lam)
    assert ((theirs == ours.symbols).all(axis=1) | tied).all()


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_encoding_is_never_worse_than_skipping_or_than_lambda_zero(seed: int) -> None:
    quantizer, z, prior = _case(seed)
    table = prior.bits_table()
    skipped = price(quantizer, z, np.full((len(z), 3), quantizer.skip), table)
    nearest = search(quantizer, z, table, 0.0)
    for lam, result in zip(LAMS, encode_ladder(quantizer, z, prior, LAMS), strict=True):
        bound = np.minimum(skipped.cost(lam), nearest.cost(lam))
        assert (result.cost(lam) <= bound * (1 + 1e-6)).all()


def test_a_permuted_group_leaves_the_cost_unchanged() -> None:
    quantizer, z, prior = _case(4, groups=2)
    swapped = Quantizer(quantizer.codebooks[::-1])
    table = prior.bits_table()
    one = search(quantizer, z, table, 0.3)
    other = search(swapped, np.roll(z, 4, axis=1), np.roll(table, 3, axis=0), 0.3)
    assert np.allclose(one.cost(0.3), other.cost(0.3))


def test_large_lambda_gives_the_constant_output_predicted_from_the_prior() -> None:
    quantizer, z, prior = _case(5)
    found = search(quantizer, z, prior.bits_table(), 1e9).symbols
    assert (found == prior.bits_table().argmin(axis=1)).all()


def test_ties_go_to_the_lowest_index() -> None:
    quantizer = Quantizer(np.ones((1, 1, 3, 2), np.float32))
    table = np.full((1, 4), 2.0)
    assert search(quantizer, np.ones((1, 2)), table, 1.0).symbols.tolist() == [[0]]
    zero = Quantizer(np.zeros((1, 1, 3, 2), np.float32))
    assert search(zero, np.ones((1, 2)), table, 1.0).symbols.tolist() == [[0]]


def test_one_code_and_one_vector() -> None:
    quantizer = Quantizer(np.ones((1, 1, 1, 2), np.float32))
    table = FactorizedPrior.from_counts(np.array([[1, 1]])).bits_table()
    assert search(quantizer, np.full((1, 2), 0.9), table, 0.0).symbols.tolist() == [[0]]
    assert search(quantizer, np.full((1, 2), -0.9), table, 0.0).symbols.tolist() == [[1]]
    assert search(quantizer, np.empty((0, 2)), table, 0.0).symbols.shape == (0, 1)


@pytest.mark.parametrize(
    ("z", "table", "lam", "message"),
    [
        (np.ones((2, 3)), np.ones((1, 4)), 0.0, r"takes \[N, 2\]"),
        (np.ones((2, 2)), np.ones((2, 4)), 0.0, "the quantizer has"),
        (np.ones((2, 2)), -np.ones((1, 4)), 0.0, "not negative"),
        (np.ones((2, 2)), np.full((1, 4), np.nan), 0.0, "finite"),
        (np.full((2, 2), np.nan), np.ones((1, 4)), 0.0, "NaN"),
        (np.ones((2, 2)), np.ones((1, 4)), -1.0, "given -1"),
        (np.ones((2, 2)), np.ones((1, 4)), np.inf, "given inf"),
    ],
)
def test_bad_input_is_refused(z: np.ndarray, table: np.ndarray, lam: float, message: str) -> None:
    quantizer = Quantizer(np.ones((1, 1, 3, 2), np.float32))
    with pytest.raises(InputError, match=message):
        search(quantizer, z, table, lam)


def test_exhaustive_search_refuses_what_is_too_large() -> None:
    quantizer, z, prior = _case(6, stages=3, codes=127)
    with pytest.raises(InputError, match="too many to try"):
        search_exhaustive(quantizer, z, prior.bits_table(), 0.0)
