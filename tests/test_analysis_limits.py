"""Limits against closed forms, brute-force optimisation and sampling."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.covariance import LedoitWolf

from quantlab.analysis import (
    SPACE_FILLING_BITS,
    Twin,
    cosine_ceiling,
    fit_gaussian,
    fit_twin,
    rate_limit,
    space_filling_line,
    twin_limits,
    water_filling,
)
from quantlab.errors import InputError

variances_lists = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=12)


def brute_force_bits(variances, weights, target):
    """Minimise the rate over the distortion of each component, knowing no water level."""

    def rate(logs):
        return 0.5 * (weights * (np.log2(variances) - logs / np.log(2))).sum()

    start = np.log(np.minimum(variances, target / weights.sum() / 2))
    found = minimize(
        rate,
        start,
        bounds=[(None, np.log(value)) for value in variances],
        constraints={"type": "ineq", "fun": lambda logs: target - weights @ np.exp(logs)},
        method="SLSQP",
        options={"maxiter": 500, "ftol": 1e-12},
    )
    assert found.success
    return found.fun


@pytest.mark.parametrize("share", [0.03, 0.2, 0.5, 0.9])
def test_water_filling_is_the_brute_force_optimum(share: float) -> None:
    variances = np.array([5.0, 3.0, 1.0, 0.4, 0.05])
    target = share * variances.sum()
    expected = brute_force_bits(variances, np.ones(5), target)
    assert water_filling(variances, distortion=target).bits == pytest.approx(expected, abs=1e-5)


def test_one_component_and_the_high_rate_closed_form() -> None:
    assert water_filling([9.0], distortion=2.25).bits == pytest.approx(1.0)
    variances = np.array([4.0, 2.0, 1.0])
    filled = water_filling(variances, distortion=[0.3, 0.03])
    assert filled.bits == pytest.approx(
        0.5 * np.log2(variances.prod() / np.array([0.1, 0.01]) ** 3)
    )
    assert filled.active.tolist() == [3, 3]
    assert filled.level == pytest.approx([0.1, 0.01])


def test_published_points_of_the_harmonic_gaussian() -> None:
    variances = 1.0 / np.arange(1, 769)
    filled = water_filling(variances / variances.sum(), bits=[16.6, 26.6, 42.5])
    assert filled.distortion.round(3).tolist() == [0.607, 0.547, 0.486]


@given(variances_lists, st.lists(st.floats(0.0, 60.0), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_bits_and_distortion_are_inverse_to_each_other(variances, bits) -> None:
    there = water_filling(variances, bits=bits)
    assert (there.distortion > 0).all()
    assert (there.distortion <= sum(variances) * (1 + 1e-9)).all()
    back = water_filling(variances, distortion=there.distortion)
    assert back.bits == pytest.approx(np.array(bits), abs=1e-5)
    given_level = np.minimum(there.level[:, None], np.array(variances))
    assert given_level.sum(axis=1) == pytest.approx(there.distortion)
    drawn = np.maximum(np.log2(np.array(variances) / there.level[:, None]), 0).sum(axis=1) / 2
    assert drawn == pytest.approx(np.array(bits), abs=1e-6)


@given(variances_lists)
@settings(max_examples=30, deadline=None)
def test_the_rate_falls_and_is_convex(variances) -> None:
    grid = np.linspace(0.02, 1.0, 40) * sum(variances)
    bits = water_filling(variances, distortion=grid).bits
    assert (np.diff(bits) <= 1e-9).all()
    assert (np.diff(bits, 2) >= -1e-7).all()
    assert bits[-1] == pytest.approx(0.0, abs=1e-9)


def test_targets_beyond_the_ends_and_components_without_variance() -> None:
    filled = water_filling([2.0, 0.0], distortion=[100.0, 2.0, 0.5])
    assert filled.distortion.tolist() == [2.0, 2.0, 0.5]
    assert filled.bits.tolist() == [0.0, 0.0, 1.0]
    assert filled.active.tolist() == [0, 0, 1]
    nothing = water_filling([0.0, 0.0], bits=3.0)
    assert (nothing.distortion, nothing.active) == (0.0, 0)
    assert water_filling([2.0, 1.0], bits=np.zeros((2, 3))).distortion.tolist() == [[3.0] * 3] * 2


def test_rotation_changes_no_limit(rng: np.random.Generator) -> None:
    variances = np.array([3.0, 1.0, 0.2])
    axes = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turned = rate_limit(axes @ np.diag(variances) @ axes.T, distortion=1.0)
    assert turned.bits == pytest.approx(water_filling(variances, distortion=1.0).bits)


def test_the_scalar_line_is_the_high_rate_loss_of_a_real_scalar_quantizer() -> None:
    from scipy.stats import norm

    step = 0.05
    edges = step * (np.arange(-200, 201) - 0.5)
    shares = np.diff(norm.cdf(edges))
    shares = shares[shares > 0]
    entropy = -(shares * np.log2(shares)).sum()
    line = space_filling_line(water_filling([1.0], distortion=step**2 / 12))
    assert line == pytest.approx(entropy, abs=1e-3)
    assert pytest.approx(0.2546, abs=5e-5) == SPACE_FILLING_BITS


def mixture() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    means = np.array([[2.0, 0.0], [-1.0, 1.0], [0.0, -2.0]])
    covariances = np.array([np.diag([1.0, 0.1]), np.diag([0.3, 0.3]), [[0.5, 0.2], [0.2, 0.2]]])
    return means, covariances, np.array([0.5, 0.3, 0.2])


@pytest.mark.parametrize("target", [0.05, 0.3, 0.7])
def test_rate_given_the_class_is_the_brute_force_optimum(target: float) -> None:
    means, covariances, shares = mixture()
    limits = twin_limits(means, covariances, 10 * shares, distortion=target)
    values = np.concatenate([np.linalg.eigvalsh(part) for part in covariances])
    expected = brute_force_bits(values, np.repeat(shares, 2), target)
    assert limits.lower_bits == pytest.approx(expected, abs=1e-5)
    entropy = -(shares * np.log2(shares)).sum()
    assert limits.class_bits == pytest.approx(entropy)
    assert limits.upper_bits - limits.lower_bits == pytest.approx(entropy)


def test_one_class_is_its_gaussian_and_equal_classes_share_it() -> None:
    covariance = np.diag([2.0, 0.5])
    alone = rate_limit(covariance, distortion=0.4).bits
    one = twin_limits(np.zeros((1, 2)), covariance[None], [1.0], distortion=0.4)
    assert (one.lower_bits, one.upper_bits, one.class_bits) == pytest.approx((alone, alone, 0.0))
    two = twin_limits(np.zeros((2, 2)), [covariance] * 2, [1.0, 1.0], distortion=0.4)
    assert two.lower_bits == two.gaussian_bits == two.tight_upper_bits == pytest.approx(alone)


def test_far_classes_cost_their_name_and_the_gaussian_bound_wins_at_few_bits() -> None:
    means, covariances, shares = mixture()
    twin = Twin(("a", "b", "c"), shares, 100 * means, covariances)
    limits = twin.limits([0.1, 0.9 * np.trace(twin.covariance)])
    assert limits.tight_upper_bits[0] == limits.upper_bits[0] < limits.gaussian_bits[0]
    assert limits.tight_upper_bits[1] == limits.gaussian_bits[1] < limits.upper_bits[1]
    assert (limits.lower_bits <= limits.tight_upper_bits).all()


def test_the_whole_covariance_and_a_fit_to_samples_come_back(rng: np.random.Generator) -> None:
    means, covariances, shares = mixture()
    twin = Twin(("a", "b", "c"), shares, means, covariances)
    vectors, place = twin.sample(60_000, rng=rng)
    assert np.cov(vectors.T, bias=True) == pytest.approx(twin.covariance, abs=0.05)
    again = fit_twin(vectors, np.array(twin.classes)[place])
    assert again.classes == twin.classes
    assert again.shares == pytest.approx(shares, abs=0.02)
    assert again.means == pytest.approx(means, abs=0.04)
    assert again.covariances == pytest.approx(covariances, abs=0.04)
    assert again.limits(0.2).lower_bits == pytest.approx(twin.limits(0.2).lower_bits, abs=0.05)


@pytest.mark.parametrize("num", [8, 40, 4000])
def test_shrinkage_is_that_of_ledoit_and_wolf(rng: np.random.Generator, num: int) -> None:
    samples = rng.normal(size=(num, 20)) * np.linspace(0.1, 3, 20)
    fitted, expected = fit_gaussian(samples), LedoitWolf().fit(samples)
    assert fitted.shrinkage == pytest.approx(expected.shrinkage_)
    assert fitted.covariance == pytest.approx(expected.covariance_)
    assert fitted.mean == pytest.approx(samples.mean(axis=0))


def test_shrinkage_mends_the_limit_of_few_vectors(rng: np.random.Generator) -> None:
    variances = 1.0 / np.arange(1, 41)
    samples = rng.normal(size=(60, 40)) * np.sqrt(variances)
    truth = water_filling(variances, distortion=0.4).bits
    plain = rate_limit(np.cov(samples.T, bias=True), distortion=0.4).bits
    shrunk = rate_limit(fit_gaussian(samples).covariance, distortion=0.4).bits
    assert plain < truth
    assert abs(shrunk - truth) < abs(plain - truth)


def test_the_cosine_ceiling_stands_above_codes_of_round_sources(rng: np.random.Generator) -> None:
    vectors = rng.normal(size=(4000, 48))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    filled = rate_limit(fit_gaussian(vectors).covariance, bits=48)  # one bit a dimension: signs
    cosine = (vectors * np.sign(vectors)).sum(axis=1).mean() / np.sqrt(48)
    assert cosine < cosine_ceiling(filled.distortion, 1.0) < 0.88
    assert cosine_ceiling([0.0, 0.75, 1.0, 7.0], 1.0).tolist() == [1.0, 0.5, 0.0, 0.0]


def test_a_source_that_is_no_gaussian_may_pass_its_gaussian_limit(rng: np.random.Generator) -> None:
    angles = rng.uniform(0, 2 * np.pi, 20_000)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    filled = rate_limit(fit_gaussian(circle).covariance, bits=3)
    off = angles - (np.floor(angles / (np.pi / 4)) + 0.5) * np.pi / 4  # three bits: eight arcs
    cosine = np.cos(off).mean()
    assert 2 - 2 * cosine < filled.distortion
    assert cosine > cosine_ceiling(filled.distortion, 1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: water_filling([1.0]), "either as bits or as distortion"),
        (lambda: water_filling([1.0], bits=1, distortion=1), "either as bits or as distortion"),
        (lambda: water_filling([1.0], bits=[2.0, -1.0]), "bits >= 0; given -1"),
        (lambda: water_filling([1.0], distortion=0.0), "distortion > 0"),
        (lambda: water_filling([1.0], distortion=np.nan), "finite"),
        (lambda: water_filling([-1.0], bits=1), "finite numbers >= 0"),
        (lambda: water_filling([], bits=1), "finite numbers >= 0"),
        (lambda: water_filling([[1.0]], bits=1), "must be a list"),
        (lambda: rate_limit([[1.0, 0.5], [0.0, 1.0]], bits=1), "square and symmetric"),
        (lambda: rate_limit([[1.0, 2.0], [2.0, 1.0]], bits=1), "eigenvalue -1"),
        (lambda: twin_limits([[0.0]], [[[1.0]]], [0.0], distortion=1), "leave out empty"),
        (lambda: twin_limits([[0.0]], [[1.0]], [1.0], distortion=1), "do not fit"),
        (lambda: fit_gaussian([[1.0, 2.0]]), "at least two"),
        (lambda: fit_gaussian([[np.inf], [1.0]]), "NaN or infinity"),
        (lambda: fit_twin([[1.0], [2.0]], ["a"]), "give one label each"),
        (lambda: cosine_ceiling(0.5, 0.0), "positive number"),
    ],
)
def test_refusals_say_what_is_allowed(call, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()
