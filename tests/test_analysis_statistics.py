"""Intervals against textbook formulas, brute force and simulation."""

import doctest
import importlib
import pkgutil
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import quantlab.analysis
from quantlab.analysis import (
    MIN_CLUSTERS,
    Interval,
    cluster_mean,
    holm,
    jackknife_interval,
    jackknife_intervals,
    p_value,
    verdict,
    wild_cluster_bootstrap,
)
from quantlab.errors import InputError


def clustered(rng, sizes, *, between=1.0, within=1.0):
    """Return values with a random effect per cluster, true mean 0, and the clusters."""
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    effects = between * rng.normal(size=len(sizes))
    return effects[clusters] + within * rng.normal(size=len(clusters)), clusters


def test_with_equal_clusters_it_is_students_interval_of_their_means():
    values, clusters = clustered(np.random.default_rng(0), [5] * 7)
    means = values.reshape(7, 5).mean(axis=1)
    low, high = stats.t.interval(0.95, 6, means.mean(), stats.sem(means))
    found = cluster_mean(values, clusters)
    assert (found.value, found.low, found.high) == pytest.approx((means.mean(), low, high))
    assert found.num_clusters == 7


def test_with_one_item_per_cluster_it_is_students_interval():
    values = np.random.default_rng(0).normal(size=20)
    low, high = stats.t.interval(0.9, 19, values.mean(), stats.sem(values))
    found = cluster_mean(values, [f"s{n}" for n in range(20)], level=0.9)
    assert (found.low, found.high) == pytest.approx((low, high))


def test_cv3_equals_its_matrix_form():
    # MacKinnon, Nielsen and Webb (2023), equation 13, with M_gg = I − X_g (X'X)^-1 X_g' inverted.
    rng = np.random.default_rng(5)
    sizes = [2, 9, 4, 7, 3, 5]
    values, clusters = clustered(rng, sizes)
    num_items = len(values)
    residuals = values - values.mean()
    middle = 0.0
    for cluster, size in enumerate(sizes):
        leverage = np.eye(size) - np.ones((size, size)) / num_items
        score = np.ones(size) @ np.linalg.solve(leverage, residuals[clusters == cluster])
        middle += score**2
    error = np.sqrt(5 / 6 * middle) / num_items
    found = cluster_mean(values, clusters)
    assert found.high - found.value == pytest.approx(stats.t.ppf(0.975, 5) * error)


def test_weights_are_repetitions():
    values, clusters = np.array([1.0, 4.0, 2.0, 8.0]), np.array(["a", "a", "b", "c"])
    weights = np.array([3, 1, 2, 1])
    weighted = cluster_mean(values, clusters, weights)
    repeated = cluster_mean(np.repeat(values, weights), np.repeat(clusters, weights))
    assert weighted.value == pytest.approx(repeated.value)
    assert weighted.low == pytest.approx(repeated.low)
    left_out = cluster_mean([*values, 99.0], [*clusters, "d"], [*weights, 0])
    assert left_out == weighted


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.integers(1, 6), min_size=2, max_size=9),
    shift=st.floats(-100, 100),
    factor=st.floats(0.01, 100),
)
def test_an_interval_follows_its_values_and_not_their_order(seed, sizes, shift, factor):
    rng = np.random.default_rng(seed)
    values, clusters = clustered(rng, sizes)
    found = cluster_mean(values, clusters)
    assert found.low <= found.value <= found.high
    order = rng.permutation(len(values))
    names = rng.permutation(len(sizes))
    moved = cluster_mean(shift + factor * values[order], names[clusters[order]])
    scale = 1.0 + abs(shift) + factor
    for before, after in (
        (found.value, moved.value),
        (found.low, moved.low),
        (found.high, moved.high),
    ):
        assert after == pytest.approx(shift + factor * before, abs=1e-9 * scale)


def test_one_cluster_has_a_value_and_no_interval():
    found = cluster_mean([1.0, 2.0], ["a", "a"])
    assert found.value == 1.5
    assert np.isnan([found.low, found.high]).all()
    assert found.num_clusters == 1
    assert np.isnan(p_value(found))


def test_coverage_at_six_clusters_of_different_size():
    rng = np.random.default_rng(11)
    sizes = np.array([10, 14, 20, 25, 30, 41])
    trials = 4000
    means = 0.7 * rng.normal(size=(6, trials)) + rng.normal(size=(6, trials)) / np.sqrt(
        sizes[:, None]
    )
    sums = np.stack([means * sizes[:, None], np.broadcast_to(sizes[:, None], means.shape)], axis=-1)
    found = jackknife_intervals(sums, lambda total: total[..., 0] / total[..., 1])
    coverage = np.mean((found.low <= 0) & (found.high >= 0))
    assert coverage == pytest.approx(0.95, abs=0.02)
    # The percentile bootstrap over clusters, which is not used, for comparison: about 86 %.
    picks = rng.integers(6, size=(400, 6))
    drawn = sums[picks].sum(axis=1)
    low, high = np.quantile(drawn[..., 0] / drawn[..., 1], [0.025, 0.975], axis=0)
    assert np.mean((low <= 0) & (high >= 0)) < 0.90


def test_a_ratio_is_recomputed_without_each_cluster():
    sums = np.array([[3.0, 1.0], [5.0, 2.0], [4.0, 4.0], [9.0, 3.0]])
    found = jackknife_interval(sums, lambda total: total[0] / total[1])
    whole = 21 / 10
    without = np.array([18 / 9, 16 / 8, 17 / 6, 12 / 7])
    half = stats.t.ppf(0.975, 3) * np.sqrt(3 / 4 * np.sum((without - whole) ** 2))
    assert found == Interval(
        whole, pytest.approx(whole - half), pytest.approx(whole + half), num_clusters=4
    )


def test_many_intervals_equal_single_ones_and_absent_clusters_do_not_count():
    rng = np.random.default_rng(2)
    sums = rng.random(size=(8, 5, 2)) + 0.1
    present = rng.random(size=(8, 5)) < 0.7
    sums[~present] = 0.0
    found = jackknife_intervals(
        sums, lambda total: total[..., 0] / total[..., 1], present=present, level=0.8
    )
    for cell in range(5):
        alone = jackknife_interval(
            sums[present[:, cell], cell], lambda total: total[0] / total[1], level=0.8
        )
        assert found.value[cell] == pytest.approx(alone.value)
        assert found.low[cell] == pytest.approx(alone.low)
        assert found.high[cell] == pytest.approx(alone.high)
        assert found.num_clusters[cell] == alone.num_clusters


def test_what_hangs_on_one_cluster_has_no_interval():
    found = jackknife_interval([[3.0, 1.0], [0.0, 0.0]], lambda total: total[0] / total[1])
    assert found.value == 3.0
    assert np.isnan(found.low)


def test_the_p_value_is_that_of_the_t_test():
    values = np.random.default_rng(4).normal(size=12) + 0.4
    found = cluster_mean(values, np.arange(12))
    assert p_value(found, null=0.1) == pytest.approx(stats.ttest_1samp(values, 0.1).pvalue)
    assert p_value(found, null=found.low) == pytest.approx(0.05)
    same = cluster_mean([2.0, 2.0], ["a", "b"])
    assert p_value(same, null=2.0) == 1.0
    assert p_value(same, null=1.0) == 0.0


def test_verdicts():
    assert MIN_CLUSTERS == 6
    low = [0.1, -0.2, -0.3, 0.1, np.nan, 0.0]
    high = [0.2, 0.2, -0.1, 0.2, np.nan, 0.0]
    assert verdict(low, high, [6, 6, 9, 5, 9, 6]).tolist() == [
        "above",
        "inside",
        "below",
        "cannot tell",
        "cannot tell",
        "inside",
    ]


def holm_step_down(p_values, alpha):
    """Return what Holm's procedure rejects, as he words it: from the smallest, until one stays."""
    rejected = np.zeros(len(p_values), dtype=bool)
    for step, place in enumerate(np.argsort(p_values, kind="stable")):
        if p_values[place] > alpha / (len(p_values) - step):
            break
        rejected[place] = True
    return rejected


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 1), max_size=8), st.floats(0.001, 0.999))
def test_holm_rejects_what_the_procedure_rejects(p_values, alpha):
    given = np.array(p_values)
    adjusted = holm(given)
    assert (adjusted >= given).all()
    assert (adjusted <= 1.0).all()
    assert (np.diff(adjusted[np.argsort(given, kind="stable")]) >= 0).all()
    clear = ~np.isclose(adjusted, alpha)
    np.testing.assert_array_equal((adjusted <= alpha)[clear], holm_step_down(given, alpha)[clear])


def brute_force_p_value(values, clusters, null):
    """Return the Rademacher wild cluster bootstrap p-value with every item regenerated."""
    names = np.unique(clusters)

    def statistic(sample):
        whole = sample.mean()
        without = np.array([sample[clusters != name].mean() for name in names])
        variance = (len(names) - 1) / len(names) * np.sum((without - whole) ** 2)
        return (whole - null) / np.sqrt(variance)

    observed = abs(statistic(values))
    drawn = [
        abs(statistic(null + np.array(signs)[clusters] * (values - null)))
        for signs in product((-1.0, 1.0), repeat=len(names))
    ]
    return np.mean(np.array(drawn) >= observed - 1e-9)


def test_bootstrap_ends_are_where_the_brute_force_test_begins_to_reject():
    values, clusters = clustered(np.random.default_rng(8), [3, 5, 2, 6, 4, 3, 5])
    rng = np.random.default_rng(0)
    found = wild_cluster_bootstrap(values, clusters, rng=rng, kind="rademacher")
    width = found.high - found.low
    for end, outwards in ((found.low, -1.0), (found.high, 1.0)):
        inner, outer = end - outwards * 1e-4 * width, end + outwards * 1e-4 * width
        assert brute_force_p_value(values, clusters, inner) > 0.05
        assert brute_force_p_value(values, clusters, outer) <= 0.05
    # 2^7 combinations were enumerated, so nothing was drawn.
    assert rng.random() == np.random.default_rng(0).random()


def test_bootstrap_resembles_the_t_interval_of_normal_clusters():
    values, clusters = clustered(np.random.default_rng(1), [12] * 15)
    plain = cluster_mean(values, clusters)
    found = wild_cluster_bootstrap(values, clusters, rng=np.random.default_rng(0))
    assert found.value == pytest.approx(plain.value)
    assert found.low == pytest.approx(plain.low, abs=0.1 * (plain.high - plain.low))
    assert found.high == pytest.approx(plain.high, abs=0.1 * (plain.high - plain.low))
    again = wild_cluster_bootstrap(values, clusters, rng=np.random.default_rng(0))
    assert found == again


def test_bootstrap_coverage_at_six_clusters():
    rng = np.random.default_rng(6)
    trials, hits = 120, 0
    for _ in range(trials):
        values, clusters = clustered(rng, [4, 6, 8, 9, 10, 13])
        found = wild_cluster_bootstrap(values, clusters, rng=rng, num_draws=399)
        hits += found.low <= 0.0 <= found.high
    assert 0.90 <= hits / trials <= 0.99


def test_bootstrap_of_too_little():
    rng = np.random.default_rng(0)
    assert np.isnan(wild_cluster_bootstrap([1.0, 2.0], ["a", "a"], rng=rng).low)
    agreeing = wild_cluster_bootstrap([2.0, 2.0, 2.0], ["a", "b", "c"], rng=rng)
    assert (agreeing.low, agreeing.high) == (2.0, 2.0)
    # Four clusters have 16 sign patterns, two of which repeat the data: p is never below 1/8.
    few = wild_cluster_bootstrap([1.0, 2.0, 3.0, 5.0], list("abcd"), rng=rng, kind="rademacher")
    assert (few.low, few.high) == (-np.inf, np.inf)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cluster_mean([], []), "at least one"),
        (lambda: cluster_mean([1.0], ["a", "b"]), "do not belong together"),
        (lambda: cluster_mean([np.nan], ["a"]), "NaN or infinite"),
        (lambda: cluster_mean([1.0], ["a"], [-1.0]), "negative"),
        (lambda: cluster_mean([1.0], ["a"], [0.0]), "positive weight"),
        (lambda: cluster_mean([1.0, 2.0], ["a", "b"], level=95), "level is 95"),
        (lambda: jackknife_interval(np.empty((0, 2)), lambda total: 0.0), "no cluster"),
        (lambda: holm([0.1, np.nan]), "from 0 to 1"),
        (lambda: holm([1.5]), "from 0 to 1"),
        (
            lambda: wild_cluster_bootstrap(
                [1.0, 2.0], ["a", "b"], rng=np.random.default_rng(0), num_draws=10
            ),
            "at least 99",
        ),
        (
            lambda: wild_cluster_bootstrap(
                [1.0, 2.0], ["a", "b"], rng=np.random.default_rng(0), kind="normal"
            ),
            "kind 'normal'",
        ),
    ],
)
def test_what_cannot_be_inferred_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()


@pytest.mark.parametrize(
    "name", [module.name for module in pkgutil.iter_modules(quantlab.analysis.__path__)]
)
def test_examples_in_docstrings(name):
    module = importlib.import_module(f"quantlab.analysis.{name}")
    assert doctest.testmod(module).failed == 0
