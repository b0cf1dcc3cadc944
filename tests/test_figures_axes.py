"""The λ axis: zero and unquantized have places of their own; ticks fit."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantlab.figures.axes import LamAxis, fit_range

LADDER = [0.0, 0.1, 1.0, 10.0, 100.0]


def test_zero_stands_left_of_the_smallest_and_clean_further_left() -> None:
    axis = LamAxis.of([*LADDER, float("nan")])
    places = axis.at([float("nan"), *LADDER])
    assert list(places[2:]) == LADDER[1:]
    assert 0 < places[0] < places[1] < 0.1
    assert places[1] / places[0] == pytest.approx(0.1 / places[1])
    left, right = axis.ends
    assert left < places[0]
    assert right > 100


def test_ticks_name_zero_clean_and_decades() -> None:
    layout = LamAxis.of(LADDER, clean=True).layout()
    assert layout["type"] == "log"
    assert list(layout["ticktext"]) == ["clean", "0", "0.1", "1", "10", "100"]
    assert layout["tickvals"][2:] == [0.1, 1.0, 10.0, 100.0]
    assert len(LamAxis.of([0.0, *LADDER], clean=True).breaks()) == 2
    assert len(LamAxis.of([0.1, 1.0]).breaks()) == 0


def test_a_short_ladder_has_more_ticks_and_a_narrow_panel_fewer() -> None:
    short = LamAxis.of([0.0, 1.0, 4.0, 12.0])
    assert {"1", "2", "5", "10"} <= set(short.layout()["ticktext"])
    narrow = LamAxis.of([0.0, *np.geomspace(1e-3, 1e4, 30)], clean=True).layout(narrow=True)
    assert len(narrow["ticktext"]) <= 5
    assert "clean" not in narrow["ticktext"]
    usual = LamAxis.of([0.0, *np.geomspace(0.075, 62, 17)]).layout(narrow=True)
    assert list(usual["ticktext"]) == ["0", "1", "10"]


@pytest.mark.parametrize("lams", [[], [0.0], [float("nan")], [5.0], [0.0, 1e-7, 1e9]])
def test_odd_ladders_still_give_an_axis(lams: list[float]) -> None:
    axis = LamAxis.of(lams)
    left, right = axis.ends
    assert 0 < left < right
    assert np.isfinite(axis.layout()["range"]).all()
    assert np.isfinite(axis.at(lams)).all()


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=40, unique=True))
def test_order_is_kept_and_everything_is_inside(lams: list[float]) -> None:
    axis = LamAxis.of([*lams, 0.0])
    places = axis.at([0.0, *sorted(lams)])
    assert (np.diff(places) > 0).all()
    left, right = axis.ends
    assert left < places[0]
    assert places[-1] < right
    ticks = axis.layout()["tickvals"]
    assert all(left <= tick <= right for tick in ticks)


def test_ranges_hold_values_and_cut_wild_intervals() -> None:
    frame = pd.DataFrame({"value": [0.0, 1.0], "low": [-9.0, 0.9], "high": [0.2, 1.1]})
    low, high = fit_range(frame)
    assert -1.6 < low < -1.4
    assert 1.1 < high < 1.2
    few = pd.DataFrame({"value": [0.0] * 99 + [1.0], "low": [-0.1] * 99 + [-9.0], "high": 1.0})
    assert -0.3 < fit_range(few)[0] < -0.1, "one wild interval does not flatten the rest"
    assert fit_range(frame, around=[5.0])[1] > 5.0
    assert fit_range(frame.iloc[:0]) == [0.0, 1.0]
