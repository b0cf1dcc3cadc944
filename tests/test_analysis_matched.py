"""Curves read at one level: against numpy's interpolation, and at the ends."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.analysis import at_level
from quantlab.errors import InputError


@given(st.integers(2, 7), st.integers(1, 5), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_equals_numpys_interpolation_item_by_item(num_lams, num_items, seed) -> None:
    rng = np.random.default_rng(seed)
    axis = rng.permuted(rng.normal(size=(num_lams, num_items)).cumsum(axis=0), axis=0)
    values = rng.normal(size=axis.shape)
    level = float(rng.normal())
    found = at_level(axis, values, level)
    for item in range(num_items):
        order = np.argsort(axis[:, item])
        expected = np.interp(level, axis[order, item], values[order, item])
        assert found.values[item] == pytest.approx(expected)
        outside = not axis[:, item].min() <= level <= axis[:, item].max()
        assert found.clamped[item] == outside


def test_points_at_one_place_are_averaged() -> None:
    axis = np.array([[4.0], [2.0], [2.0], [0.0]])
    values = np.array([[4.0], [1.0], [3.0], [0.0]])
    assert at_level(axis, values, 2.0).values.tolist() == [2.0]
    assert at_level(axis, values, 3.0).values.tolist() == [3.0]
    assert at_level(axis, values, 1.0).values.tolist() == [1.0]


def test_points_without_a_value_are_left_out() -> None:
    axis = np.array([[4.0, 1.0], [2.0, 1.0], [0.0, 1.0]])
    values = np.array([[4.0, np.nan], [np.nan, np.nan], [0.0, np.nan]])
    found = at_level(axis, values, 2.0)
    assert found.values[0] == 2.0
    assert np.isnan(found.values[1])
    assert found.clamped.tolist() == [False, False]


def test_shapes_must_agree() -> None:
    with pytest.raises(InputError, match="no curves"):
        at_level(np.zeros((2, 3)), np.zeros((3, 2)), 0.0)
