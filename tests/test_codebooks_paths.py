"""Paths: hulls against brute force and scipy, monotone bits, and rate control on them."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.codebooks import Paths, SearchResult, join_paths, make_paths, price, search
from quantlab.errors import InputError

from .search_cases import LAMS, make_case


def _results(bits: np.ndarray, distortion: np.ndarray) -> list[SearchResult]:
    """One result per column of ``[N, L]``; the symbol names the column."""
    return [
        SearchResult(np.full((len(bits), 1), column, np.uint16), distortion[:, column], rate)
        for column, rate in enumerate(bits.T)
    ]


def _drawn(seed: int, count: int = 30, points: int = 12) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 9, (count, points)) * rng.choice([1.0, 0.25])
    return bits, np.maximum(0.0, rng.integers(0, 12, (count, points)) - bits)


def _searched(count: int = 400) -> tuple[Paths, list[SearchResult], list[float]]:
    quantizer, z, prior = make_case(1, groups=2, stages=3, codes=12, count=count)
    lams = [0.0, *np.geomspace(1e-3, 100, 24)]
    skip = np.full((len(z), quantizer.num_symbols), quantizer.skip)
    results = [*search(quantizer, z, prior, lams), price(quantizer, z, skip, prior)]
    return make_paths(results), results, lams


@given(st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_every_lambda_finds_the_minimum_over_all_points(seed: int) -> None:
    bits, distortion = _drawn(seed)
    paths = make_paths(_results(bits, distortion))
    for lam in (0.0, 0.1, 0.5, 1.0, 3.0, 1e6):
        best = (distortion + lam * bits).min(axis=1)
        found = paths.at(lam)
        assert np.allclose(found.cost(lam), best)
        column = found.symbols[:, 0].astype(int)
        rows = np.arange(len(bits))
        assert np.array_equal(found.code_length_bits, bits[rows, column])
        assert np.array_equal(found.distortion, distortion[rows, column])


@given(st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_points_are_the_lower_left_corners_of_the_convex_hull(seed: int) -> None:
    from scipy.spatial import ConvexHull, QhullError

    bits, distortion = _drawn(seed, count=6)
    paths = make_paths(_results(bits, distortion))
    for row in range(len(bits)):
        mine = slice(paths.offsets[row], paths.offsets[row + 1])
        kept = set(zip(paths.bits[mine], paths.distortion[mine], strict=True))
        points = np.column_stack([bits[row], distortion[row]])
        # Far corners up and to the right leave the lower left side of the hull as it is.
        least = points.min(axis=0)
        far = [[1e3, points[:, 1].min()], [points[:, 0].min(), 1e3]]
        try:
            hull = ConvexHull(np.vstack([points, far, [[1e3, 1e3]]]))
        except QhullError:
            continue
        corners = {tuple(hull.points[index]) for index in hull.vertices}
        expected = {corner for corner in corners if max(corner) < 1e3}
        assert kept == expected
        assert paths.distortion[mine][0] == least[1]
        assert paths.bits[mine][-1] == least[0]


def test_bits_never_rise_and_prices_rise_strictly() -> None:
    paths, _, _ = _searched()
    last = np.full(len(paths), np.inf)
    for lam in [0.0, *np.geomspace(1e-4, 1e4, 200)]:
        bits = paths.at(lam).code_length_bits
        assert (bits <= last).all()
        last = bits
    for row in range(len(paths)):
        mine = slice(paths.offsets[row], paths.offsets[row + 1])
        assert (np.diff(paths.bits[mine]) < 0).all()
        assert (np.diff(paths.distortion[mine]) > 0).all()
        assert (np.diff(paths.prices[mine]) > 0).all()


def test_the_path_is_never_worse_than_the_search_and_one_lambda_gives_what_all_gave() -> None:
    paths, results, lams = _searched()
    assert any((np.diff([result.code_length_bits for result in results], axis=0) > 0).ravel())
    for lam, result in zip(lams, results[:-1], strict=True):
        assert (paths.at(lam).cost(lam) <= result.cost(lam) + 1e-9).all()
    best = np.min([result.distortion for result in results], axis=0)
    assert np.array_equal(paths.at(0.0).distortion, best)


def test_symbols_belong_to_their_points() -> None:
    quantizer, z, prior = make_case(1, groups=2, stages=3, codes=12, count=400)
    paths, _, _ = _searched()
    owner = np.repeat(np.arange(len(paths)), np.diff(paths.offsets))
    priced = price(quantizer, z[owner], paths.symbols, prior)
    assert np.allclose(priced.distortion, paths.distortion, rtol=1e-5)
    assert np.allclose(priced.code_length_bits, paths.bits)


def test_order_and_repetition_of_results_do_not_matter() -> None:
    bits, distortion = _drawn(5)
    once = make_paths(_results(bits, distortion))
    twice = make_paths([*_results(bits, distortion)[::-1], *_results(bits, distortion)])
    for name in ("bits", "distortion", "offsets"):
        assert np.array_equal(getattr(once, name), getattr(twice, name))


def test_impossible_points_are_dropped() -> None:
    results = _results(np.array([[np.inf, 3.0, 1.0]]), np.array([[0.0, 1.0, 2.0]]))
    paths = make_paths(results)
    assert paths.bits.tolist() == [3.0, 1.0]
    with pytest.raises(InputError, match="no symbols of finite code length"):
        make_paths(results[:1])


def test_paths_joined_are_the_paths_of_all() -> None:
    bits, distortion = _drawn(6)
    whole = make_paths(_results(bits, distortion))
    parts = [
        make_paths(_results(bits[rows], distortion[rows])) for rows in np.split(np.arange(30), 3)
    ]
    joined = join_paths(parts)
    for name in ("symbols", "bits", "distortion", "offsets"):
        assert np.array_equal(getattr(whole, name), getattr(joined, name))


def test_no_vectors_make_an_empty_path() -> None:
    paths = make_paths(_results(np.empty((0, 2)), np.empty((0, 2))))
    assert len(paths) == 0
    assert paths.at(1.0).symbols.shape == (0, 1)
    assert paths.for_item_bits(5.0, np.array([0, 0])).achieved.tolist() == [0.0]  # type: ignore[union-attr]


@given(st.integers(0, 10**6), st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_mean_bits_are_met_within_one_step(seed: int, place: float) -> None:
    bits, distortion = _drawn(seed)
    paths = make_paths(_results(bits, distortion))
    most, least = paths.at(0.0).code_length_bits, paths.at(1e9).code_length_bits
    target = float(least.mean() + place * (most.mean() - least.mean()))
    found = paths.for_mean_bits(target)
    largest_step = -np.diff(paths.bits).min(initial=0.0)
    assert abs(found.shortfall_bits) <= 0.5 * largest_step / len(paths) + 1e-9
    assert found.achieved == pytest.approx(found.result.code_length_bits.mean())
    # Equal slopes apart, nothing of equal bits has a lower distortion: it minimises D + λ·R.
    lam = float(found.lam)
    assert found.result.cost(lam).sum() == pytest.approx(paths.at(lam).cost(lam).sum())


def test_mean_bits_within_a_thousandth_on_many_vectors() -> None:
    paths, _, _ = _searched(4000)
    most, least = (float(paths.at(lam).code_length_bits.mean()) for lam in (0.0, 1e9))
    for target in np.linspace(least, most, 20):
        found = paths.for_mean_bits(float(target))
        assert found.achieved == pytest.approx(target, rel=1e-3)
        at = paths.at(float(found.lam)).code_length_bits.mean()
        assert at == pytest.approx(found.achieved, rel=1e-12)
    beyond = paths.for_mean_bits(most + 5)
    assert beyond.lam == 0.0
    assert beyond.shortfall_bits == pytest.approx(5.0)
    assert paths.for_mean_bits(0.0).shortfall_bits == pytest.approx(-least)


@given(st.integers(0, 10**6), st.integers(0, 60))
@settings(max_examples=40, deadline=None)
def test_item_bits_take_the_largest_point_that_fits(seed: int, target: int) -> None:
    bits, distortion = _drawn(seed)
    paths = make_paths(_results(bits, distortion))
    bounds = np.array([0, 0, 1, 4, 11, 30])
    found = paths.for_item_bits(float(target), bounds)
    chosen = found.result.code_length_bits
    for item, (begin, end) in enumerate(itertools.pairwise(bounds)):
        spent = chosen[begin:end].sum()
        assert found.achieved[item] == pytest.approx(spent)  # type: ignore[index]
        steps = sorted(
            (paths.prices[point], row, paths.bits[point] - paths.bits[point + 1])
            for row in range(begin, end)
            for point in range(paths.offsets[row], paths.offsets[row + 1] - 1)
        )
        total = sum(paths.bits[paths.offsets[row]] for row in range(begin, end))
        for _, _, saved in steps:
            if total <= target + 1e-9:
                break
            total -= saved
        assert spent == pytest.approx(total)
        if spent > target + 1e-6:
            assert spent == pytest.approx(sum(paths.bits[paths.offsets[begin + 1 : end + 1] - 1]))
    assert np.allclose(found.shortfall_bits, target - np.asarray(found.achieved))


def test_items_have_targets_of_their_own_and_lambda_gives_the_same() -> None:
    paths, _, _ = _searched()
    bounds = np.array([0, 100, 150, 400])
    most = np.add.reduceat(paths.at(0.0).code_length_bits, bounds[:-1])
    found = paths.for_item_bits(most * [0.9, 1.0, 0.8], bounds)
    lams = np.asarray(found.lam)
    assert lams[1] == 0.0
    assert (np.asarray(found.achieved) <= most * [0.9, 1.0, 0.8] + 1e-9).all()
    for item, lam in enumerate(lams):
        mine = slice(bounds[item], bounds[item + 1])
        expected = paths.at(lam).code_length_bits[mine]
        assert np.array_equal(found.result.code_length_bits[mine], expected)


def test_bad_requests_are_refused() -> None:
    bits, distortion = _drawn(7)
    results = _results(bits, distortion)
    paths = make_paths(results)
    for lam in (-1.0, np.inf, np.nan):
        with pytest.raises(InputError, match="lam must be finite and >= 0"):
            paths.at(lam)
        with pytest.raises(InputError, match="target must be finite and >= 0"):
            paths.for_mean_bits(lam)
        with pytest.raises(InputError, match="target must be finite and >= 0"):
            paths.for_item_bits(lam, np.array([0, 30]))
    for bounds in ([0, 31], [1, 30], [0, 20, 10, 30], [0.0, 30.0], []):
        with pytest.raises(InputError, match="must rise from 0 to the number of vectors, 30"):
            paths.for_item_bits(3.0, np.array(bounds))
    with pytest.raises(InputError, match="at least one lam"):
        make_paths([])
    with pytest.raises(InputError, match="different vectors"):
        make_paths([results[0], _results(bits[:3], distortion[:3])[0]])
    with pytest.raises(InputError, match="no vectors"):
        make_paths(_results(np.empty((0, 2)), np.empty((0, 2)))).for_mean_bits(1.0)


def test_lambda_zero_of_a_flat_case_prefers_fewer_bits() -> None:
    paths = make_paths(_results(np.array([[5.0, 2.0, 4.0]]), np.array([[1.0, 1.0, 1.0]])))
    assert paths.bits.tolist() == [2.0]
    assert paths.at(0.0).symbols.tolist() == [[1]]


def test_search_at_all_lambdas_of_the_module_gives_a_path() -> None:
    quantizer, z, prior = make_case(2)
    paths = make_paths(search(quantizer, z, prior, LAMS))
    assert len(paths) == len(z)
    assert (np.diff(paths.offsets) >= 1).all()
