"""The kernels of the search against its reference, against faiss, and on awkward arrays."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.codebooks import Quantizer, price, search, search_exhaustive, uniform_prior
from quantlab.codebooks.search_gpu import search_gpu
from quantlab.entropy import FactorizedPrior, PairwisePrior
from quantlab.errors import InputError

from .search_cases import LAMS, MarkovPrior, make_case, same, tied

SHAPES = [(1, 3, 6, 8), (2, 3, 5, 8), (4, 1, 3, 8), (1, 4, 1, 6), (1, 1, 1, 2), (3, 2, 40, 12)]


@pytest.mark.parametrize(("groups", "stages", "codes", "dims"), SHAPES)
@pytest.mark.parametrize("beam", [1, 2, 5, 32])
def test_compiled_kernels_equal_the_reference(
    groups: int, stages: int, codes: int, dims: int, beam: int
) -> None:
    shape = {"groups": groups, "stages": stages, "codes": codes, "dims": dims, "count": 12}
    quantizer, z, factorized = make_case(groups + stages, **shape)
    markov = MarkovPrior.drawn(0, quantizer.num_symbols, quantizer.alphabet_size)
    for prior in (factorized, markov):
        plain = search(quantizer, z, prior, LAMS, beam=beam, kernel="reference")
        assert same(search(quantizer, z, prior, LAMS, beam=beam, kernel="cpu"), plain)
        assert np.isfinite(plain[-1].code_length_bits).all()
    plain = search(quantizer, z, factorized, LAMS, beam=beam, kernel="reference")
    torch_results = search_gpu(quantizer, z, factorized, LAMS, beam=beam, device="cpu")
    for lam, one, other in zip(LAMS, plain, torch_results, strict=True):
        pair = one.symbols, other.symbols
        assert tied(quantizer, z, factorized, pair, lam).all()
        assert (pair[0] == pair[1]).mean() > 0.99
        assert np.allclose(other.distortion, one.distortion, rtol=1e-4, atol=1e-4)


@given(st.integers(0, 10**6), st.sampled_from([1, 2]), st.floats(1e-3, 1e3))
@settings(max_examples=25, deadline=None)
def test_scale_and_offset_do_not_blunt_the_choice(seed: int, groups: int, scale: float) -> None:
    """Vectors far from all codes leave single precision few digits for what differs."""
    quantizer, z, prior = make_case(seed, groups=groups, count=10)
    far = Quantizer(quantizer.codebooks * scale)
    shifted = (z + 300.0) * scale
    lams = [lam * scale**2 for lam in LAMS]
    assert same(
        search(far, shifted, prior, lams), search(far, shifted, prior, lams, kernel="reference")
    )


def test_equal_codes_are_told_apart_by_index_alone() -> None:
    """A product may round the columns of equal codes differently; the choice must not."""
    rng = np.random.default_rng(3)
    books = 0.2 * rng.normal(size=(1, 2, 37, 96)).astype(np.float32)
    books[:, :, 30:] = books[:, :, 3:10]
    quantizer = Quantizer(books)
    z = rng.normal(size=(500, 96)).astype(np.float32)
    found = search(quantizer, z, uniform_prior(quantizer), [0.0, 0.5])
    for result in found:
        assert not ((result.symbols >= 30) & (result.symbols < 37)).any()
        assert np.isin(result.symbols, np.arange(3, 10)).any()


def test_the_choice_does_not_depend_on_company_or_threads() -> None:
    quantizer, z, prior = make_case(7, stages=4, codes=40, dims=64, count=700)
    together = search(quantizer, z, prior, LAMS)
    apart = [search(quantizer, z[row : row + 1], prior, LAMS) for row in range(0, 700, 50)]
    for index, result in enumerate(together):
        mine = np.concatenate([results[index].symbols for results in apart])
        assert np.array_equal(result.symbols[::50], mine)
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        assert same(search(quantizer, z, prior, LAMS), together)


@pytest.mark.parametrize("beam", [1, 3])
def test_any_layout_dtype_and_memory_map(tmp_path: Path, beam: int) -> None:
    quantizer, z, prior = make_case(9, groups=2, count=300)
    halves = z.astype(np.float16)
    expected = search(quantizer, halves.astype(np.float32), prior, LAMS, beam=beam)
    wide = np.zeros((300, 16), np.float32)
    wide[:, ::2] = halves
    mapped = np.memmap(tmp_path / "z", np.float16, "w+", shape=z.shape)
    mapped[:] = halves
    layouts = [halves, wide[:, ::2], np.asfortranarray(halves.astype(np.float64)), mapped]
    for layout in [*layouts, halves[::-1][::-1]]:
        assert same(search(quantizer, layout, prior, LAMS, beam=beam), expected)


def test_small_distortions_keep_their_digits() -> None:
    quantizer, _, prior = make_case(10, stages=4, codes=20, dims=32)
    rng = np.random.default_rng(0)
    symbols = rng.integers(0, 20, (50, 4))
    exact = quantizer.decode(symbols).astype(np.float64)
    z = exact + 1e-4 * rng.normal(size=exact.shape)
    for results in (
        search(quantizer, z, prior, [0.0], beam=32),
        search(quantizer, z, prior, [0.0]),
        search_gpu(quantizer, z, prior, [0.0], beam=32, device="cpu"),
    ):
        priced = price(quantizer, z, results[0].symbols, prior)
        assert np.allclose(results[0].distortion, priced.distortion, rtol=1e-3, atol=1e-12)
    assert (search(quantizer, z, prior, [0.0], beam=32)[0].distortion < 1e-6).mean() > 0.9


def test_tables_too_large_fall_back_to_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    quantizer, z, prior = make_case(11)
    expected = search(quantizer, z, prior, LAMS)
    monkeypatch.setattr(sys.modules["quantlab.codebooks.search"], "_TABLE_LIMIT", 0)
    assert same(search(quantizer, z, prior, LAMS), expected)
    with pytest.raises(InputError, match="NaN"):
        search(quantizer, np.full((1, 8), np.nan), prior, [0.0])


def test_a_new_quantizer_does_not_meet_the_tables_of_an_old_one() -> None:
    for seed in range(5):
        quantizer, z, prior = make_case(seed)
        plain = search(quantizer, z, prior, LAMS, kernel="reference")
        assert same(search(quantizer, z, prior, LAMS), plain)
        del quantizer


@pytest.mark.parametrize("beam", [1, 4])
def test_a_prior_that_leaves_nothing_possible_is_refused(beam: int) -> None:
    quantizer, z, _ = make_case(12)
    for value, message in ((np.inf, "every symbol impossible"), (np.nan, "NaN"), (-1.0, "NaN")):
        prior = MarkovPrior(np.full((3, 7, 7), value))
        with pytest.raises(InputError, match=message):
            search(quantizer, z, prior, [1.0], beam=beam)


def test_impossible_symbols_are_never_chosen() -> None:
    quantizer, z, _ = make_case(13, groups=2)
    prior = MarkovPrior.drawn(1, 6, 7)
    for beam in (1, 4):
        for result in search(quantizer, z, prior, LAMS, beam=beam):
            assert np.isfinite(result.code_length_bits).all()
    every = search(quantizer, z, MarkovPrior(np.ones((6, 7, 7))), [0.0])[0].symbols
    assert np.isinf(prior.code_length_bits(every)).any(), "the case must hold something to avoid"


@pytest.mark.parametrize("beam", [1, 4])
def test_the_pairwise_prior_is_searched_as_the_reference_does(beam: int) -> None:
    quantizer, z, factorized = make_case(16, groups=2, count=300)
    symbols = search(quantizer, z, factorized, [0.1])[0].symbols
    alphabet, rng = quantizer.alphabet_size, np.random.default_rng(0)
    base = PairwisePrior.from_factorized(FactorizedPrior.fit(symbols, alphabet_size=alphabet))
    tensors = base.tensors()
    tensors["effects"] = rng.integers(-90, 90, (6, alphabet, 3)).astype(np.int16)
    tensors["loadings"] = rng.integers(-90, 90, (6, 3, alphabet)).astype(np.int16)
    tensors["effects"][-1], tensors["loadings"][0] = 0, 0
    tensors["shift"] = np.array([3])
    prior, few = PairwisePrior.from_tensors(tensors), z[:25]
    plain = search(quantizer, few, prior, LAMS, beam=beam, kernel="reference")
    assert same(search(quantizer, few, prior, LAMS, beam=beam), plain)
    assert (plain[3].symbols != search(quantizer, few, base, LAMS)[3].symbols).any()


def test_the_prior_is_asked_once_for_each_prefix() -> None:
    quantizer, z, _ = make_case(14)
    prior = MarkovPrior.drawn(2, 3, 7)
    asked: list[int] = []

    class Counting:
        def __init__(self, context: object) -> None:
            self.context = context

        def bits(self) -> np.ndarray:
            asked.append(len(self.context.bits()))  # type: ignore[attr-defined]
            return self.context.bits()  # type: ignore[attr-defined]

        def extend(self, parents: np.ndarray, symbols: np.ndarray) -> "Counting":
            return Counting(self.context.extend(parents, symbols))  # type: ignore[attr-defined]

    class CountingPrior(MarkovPrior):
        def start(self, num_rows: int) -> Counting:  # type: ignore[override]
            return Counting(super().start(num_rows))

    results = search(quantizer, z, CountingPrior(prior.table), LAMS)
    symbols = np.concatenate([result.symbols for result in results])
    distinct = [len(np.unique(symbols[:, :length], axis=0)) for length in range(3)]
    assert asked == distinct


@pytest.mark.parametrize("beam", [1, 2, 4, 8, 32])
def test_equal_to_faiss_with_lambda_folded_into_its_norms(beam: int) -> None:
    """λ·bits added to faiss's centroid norms turns its residual quantizer into a rate-aware one."""
    faiss = pytest.importorskip("faiss")
    stages, codes, dims = 4, 15, 16
    quantizer, z, prior = make_case(3, stages=stages, codes=codes, dims=dims, count=300)
    books = np.ascontiguousarray(quantizer.with_skip()[0].reshape(-1, dims))
    for lam in (0.0, 0.05, 0.5):
        peer = faiss.ResidualQuantizer(dims, stages, 4)
        peer.max_beam_size = beam
        peer.use_beam_LUT = 1
        faiss.copy_array_to_vector(books.ravel(), peer.codebooks)
        peer.is_trained = True
        peer.compute_codebook_tables()
        norms = (books.astype(np.float64) ** 2).sum(axis=1) + lam * prior.bits_table().ravel()
        faiss.copy_array_to_vector(norms.astype(np.float32), peer.centroid_norms)
        bits = np.unpackbits(peer.compute_codes(z), axis=1, bitorder="little")[:, : 4 * stages]
        theirs = bits.reshape(len(z), stages, 4) @ (1 << np.arange(4))
        ours = search(quantizer, z, prior, [lam], beam=beam)[0]
        cost = price(quantizer, z, theirs, prior).cost(lam)
        close = np.abs(cost - ours.cost(lam)) <= 1e-5 * ours.cost(lam)
        assert ((theirs == ours.symbols).all(axis=1) | close).all()
        assert (theirs == ours.symbols).all(axis=1).mean() > 0.99


def test_a_wide_beam_reaches_the_optimum_of_small_cases() -> None:
    reached = []
    for seed in range(6):
        quantizer, z, prior = make_case(seed, stages=3, codes=7, dims=6, count=60)
        markov = MarkovPrior.drawn(seed, 3, 8)
        for lam in (0.0, 0.1, 1.0):
            for any_prior in (prior, markov):
                best = search_exhaustive(quantizer, z, any_prior, lam).cost(lam)
                kept = search(quantizer, z, any_prior, [lam], beam=32)[0].cost(lam)
                assert (kept >= best - 1e-6 * (1 + best)).all()
                reached.append(kept <= best * (1 + 1e-5) + 1e-9)
    assert np.concatenate(reached).mean() >= 0.99


@pytest.mark.gpu
@pytest.mark.parametrize("beam", [1, 8])
def test_cuda_chooses_what_the_cpu_chooses(beam: int) -> None:
    quantizer, z, prior = make_case(15, groups=2, stages=4, codes=63, dims=128, count=2000)
    prior = FactorizedPrior.fit(
        search(quantizer, z, prior, [0.0])[0].symbols, alphabet_size=quantizer.alphabet_size
    )
    ours = search(quantizer, z, prior, LAMS, beam=beam)
    theirs = search(quantizer, z, prior, LAMS, beam=beam, kernel="gpu")
    for lam, one, other in zip(LAMS, ours, theirs, strict=True):
        pair = one.symbols, other.symbols
        assert tied(quantizer, z, prior, pair, lam).all() or beam > 1
        assert (pair[0] == pair[1]).all(axis=1).mean() > 0.995
        assert np.allclose(one.distortion, other.distortion, rtol=1e-2)
