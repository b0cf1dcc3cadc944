"""Attraction in degrees, worked out by hand in the plane and checked for its symmetries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.analysis import attraction, centroids, displacement
from quantlab.errors import InputError


def at(*degrees):
    """Return unit vectors of the plane at these angles."""
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def test_centroids_are_class_means():
    z = np.array([[1.0, 0.0], [3.0, 2.0], [0.0, 4.0]])
    found = centroids(z, ["sad", "sad", "happy"], ["happy", "sad"])
    np.testing.assert_array_equal(found, [[0.0, 4.0], [2.0, 1.0]])


@pytest.mark.parametrize(
    ("before", "after", "target", "expected"),
    [
        (60.0, 20.0, 0.0, 40.0),  # turned 40° toward the class
        (20.0, 60.0, 0.0, -40.0),  # and away from it
        (10.0, -10.0, 0.0, 0.0),  # from one side to the other
        (180.0, 0.0, 0.0, 180.0),  # from opposite to on it
        (30.0, 30.0, 75.0, 0.0),  # not at all
    ],
)
def test_attraction_by_hand(before, after, target, expected):
    found = attraction(2.5 * at(before), 0.1 * at(after), 7.0 * at(target))
    assert found.shape == (1, 1)
    assert found[0, 0] == pytest.approx(expected, abs=1e-5)


def test_a_zero_reconstruction_counts_as_a_right_angle():
    found = attraction(at(60.0, 120.0), np.zeros((2, 2)), at(0.0))
    np.testing.assert_allclose(found, [[-30.0], [30.0]])


def test_every_item_is_compared_with_every_class():
    found = attraction(at(10.0, 80.0), at(30.0, 30.0), at(0.0, 90.0, 45.0))
    np.testing.assert_allclose(found, [[-20.0, 20.0, 20.0], [50.0, -50.0, 20.0]], atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), factor=st.floats(0.01, 100.0))
def test_attraction_has_the_symmetries_of_angles(seed, factor):
    rng = np.random.default_rng(seed)
    z, z_hat, targets = rng.normal(size=(3, 5, 4))
    found = attraction(z, z_hat, targets)
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    assert (np.abs(found) <= 180.0).all()
    np.testing.assert_allclose(attraction(z_hat, z, targets), -found, atol=1e-6)
    np.testing.assert_allclose(attraction(factor * z, z_hat, targets), found, atol=1e-6)
    np.testing.assert_allclose(attraction(z @ turn, z_hat @ turn, targets @ turn), found, atol=1e-6)
    # Plain shrinkage to the mean is the origin's business only: no angle changes.
    np.testing.assert_allclose(attraction(z, 0.3 * z, targets), 0.0, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: centroids(at(0.0), ["sad"], ["sad", "happy"]), r"No item is labelled \['happy'\]"),
        (lambda: centroids(at(0.0), ["odd"], ["sad"]), r"holds \['odd'\]"),
        (lambda: centroids(at(0.0), ["sad", "sad"], ["sad"]), "one label for each of 1"),
        (lambda: centroids(at(0.0), ["sad"], ["sad", "sad"]), "one class twice"),
        (lambda: attraction(at(0.0), at(0.0, 1.0), at(0.0)), "one reconstruction per vector"),
        (lambda: attraction(at(0.0), at(0.0), [[0.0, 0.0]]), "centroid is the zero vector"),
        (lambda: attraction(at(0.0), at(0.0), [[1.0]]), "needs 2"),
        (lambda: attraction([[np.inf, 0.0]], at(0.0), at(0.0)), "NaN or infinity"),
    ],
)
def test_what_has_no_angle_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()


@given(st.integers(2, 6), st.integers(1, 5), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_displacement_equals_least_squares_item_by_item(num_dims, num_items, seed):
    rng = np.random.default_rng(seed)
    z, z_hat = rng.normal(size=(2, num_items, num_dims))
    middles = rng.normal(size=(3, num_dims))
    to_mean, to_class = displacement(z, z_hat, middles)
    for item in range(num_items):
        for place, middle in enumerate(middles):
            ways = np.stack([-z[item], middle], axis=1)
            expected = np.linalg.lstsq(ways, z_hat[item] - z[item], rcond=None)[0]
            assert (to_mean[item, place], to_class[item, place]) == pytest.approx(
                tuple(expected), rel=1e-4, abs=1e-4
            )


def test_shrinkage_is_displacement_toward_the_mean_alone():
    rng = np.random.default_rng(3)
    z, middles = rng.normal(size=(5, 8)), rng.normal(size=(2, 8))
    to_mean, to_class = displacement(z, 0.3 * z, middles)
    np.testing.assert_allclose(to_mean, 0.7)
    np.testing.assert_allclose(to_class, 0.0, atol=1e-12)
    to_mean, to_class = displacement(z, 0.3 * z + 0.2 * middles[1], middles)
    np.testing.assert_allclose(to_mean[:, 1], 0.7)
    np.testing.assert_allclose(to_class[:, 1], 0.2)


def test_ways_that_coincide_cannot_be_told_apart():
    to_mean, to_class = displacement([[2.0, 0.0], [0.0, 0.0]], [[1.0, 0.0]] * 2, [[-3.0, 0.0]])
    assert np.isnan(to_mean).all()
    assert np.isnan(to_class).all()


def test_displacement_refuses_other_widths():
    with pytest.raises(InputError, match="3 dimensions; it needs 2"):
        displacement([[1.0, 0.0]], [[1.0, 0.0]], [[1.0, 0.0, 0.0]])
