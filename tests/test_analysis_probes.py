"""Probes learn what is there, are deterministic, and let no warning of scikit-learn escape."""

import numpy as np
import pytest

from quantlab.analysis import PROBES, fit_probe
from quantlab.errors import InputError


def clouds(counts, *, num_dims=12, spread=0.6, seed=0):
    """Return vectors of several overlapping classes, and their labels."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(len(counts), num_dims))
    labels = np.repeat([f"class{place}" for place in range(len(counts))], counts)
    codes = np.repeat(np.arange(len(counts)), counts)
    return centres[codes] + spread * rng.normal(size=(len(codes), num_dims)), labels


@pytest.mark.parametrize("name", PROBES)
def test_a_probe_finds_classes_that_are_apart(name):
    x, labels = clouds([60, 60, 60])
    probe = fit_probe(name, x, labels, seed=0)
    held_out, truth = clouds([40, 40, 40], seed=1)
    assert probe.classes == ("class0", "class1", "class2")
    assert (probe.predict(held_out) == truth).mean() > 0.9


@pytest.mark.parametrize("name", PROBES)
def test_a_probe_is_deterministic(name):
    x, labels = clouds([30, 30], spread=2.0)
    fresh, _ = clouds([200, 200], spread=2.0, seed=1)
    first, second = (fit_probe(name, x, labels, seed=5).predict(fresh) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", PROBES)
def test_rare_classes_weigh_as_much_as_common_ones(name):
    x, labels = clouds([300, 20], num_dims=3, spread=1.5)
    held_out, truth = clouds([500, 500], num_dims=3, spread=1.5, seed=1)
    predicted = fit_probe(name, x, labels, seed=0).predict(held_out)
    hits = [np.mean(predicted[truth == label] == label) for label in ("class0", "class1")]
    assert abs(hits[0] - hits[1]) < 0.35
    assert min(hits) > 0.5


@pytest.mark.parametrize("name", PROBES)
def test_units_of_a_dimension_do_not_matter(name):
    x, labels = clouds([50, 50])
    held_out, _ = clouds([50, 50], seed=1)
    units = 10.0 ** np.arange(-6, 6)
    plain = fit_probe(name, x, labels, seed=0).predict(held_out)
    scaled = fit_probe(name, x * units, labels, seed=0).predict(held_out * units)
    np.testing.assert_array_equal(plain, scaled)


@pytest.mark.parametrize("name", PROBES)
def test_a_constant_dimension_and_few_items_are_no_trouble(name):
    probe = fit_probe(name, [[1.0, 0.0], [1.0, 1.0]], ["sad", "happy"], seed=0)
    assert probe.predict(np.empty((0, 2))).shape == (0,)
    assert set(probe.predict([[1.0, 0.0], [1.0, 1.0]])) <= {"sad", "happy"}


def test_predictions_do_not_depend_on_the_blocks_they_are_made_in():
    x, labels = clouds([40, 40], spread=2.0)
    many, _ = clouds([2500, 2500], spread=2.0, seed=1)
    probe = fit_probe("svm", x, labels, seed=0)
    parts = [probe.predict(part) for part in np.array_split(many, 7)]
    np.testing.assert_array_equal(probe.predict(many), np.concatenate(parts))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fit_probe("tree", [[0.0], [1.0]], ["a", "b"], seed=0), "no probe 'tree'"),
        (lambda: fit_probe("svm", [[0.0], [1.0]], ["a", "a"], seed=0), "two classes or more"),
        (lambda: fit_probe("svm", [[0.0], [1.0]], ["a"], seed=0), "for 2 vectors"),
        (lambda: fit_probe("svm", [[0.0], [np.nan]], ["a", "b"], seed=0), "Row 1 of x"),
        (
            lambda: fit_probe("logistic", [[0.0], [1.0]], ["a", "b"], seed=0).predict([[1.0, 2.0]]),
            "x has 2 dimensions; it needs 1",
        ),
    ],
)
def test_what_cannot_be_learned_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
