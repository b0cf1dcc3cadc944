"""Two runs at equal bits: against SciPy and numpy, and what must hold whatever the numbers."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_ind, ttest_rel

from quantlab.analysis import DIFFERENCE_COLUMNS, difference_table
from quantlab.errors import InputError

METRIC, BITS = "cos_centred_frames", "payload_bits"
LADDER = (0.0, 0.5, 2.0, 8.0)
LEVELS = [12.0, 15.0, 19.5]


def make_speakers(seed, *, names=("s0", "s1", "s2", "s3"), emotions=("all", "sad"), skip=()):
    """Return a table `speakers` whose curves all hold the levels from 10 to 20."""
    rng = np.random.default_rng(seed)
    rows = []
    for emotion in emotions:
        for name in names:
            if (emotion, name) in skip:
                continue
            bits = np.array([24.0, 17.0, 13.0, 8.0]) + rng.uniform(-1, 1, 4)
            other = {"distortion": 100 - 3 * bits, METRIC: rng.normal(size=4)}
            for metric, values in {BITS: bits, **other}.items():
                rows += [
                    {"lam": lam, "metric": metric, "emotion": emotion, "speaker": name, "value": v}
                    for lam, v in zip(LADDER, values, strict=True)
                ]
    table = pd.DataFrame(rows).assign(protocol="speaker", recipe="balanced", method="codec")
    return table.sample(frac=1.0, random_state=seed).sort_values("emotion", kind="stable")


def at_levels(table, emotion, name, level, *, axis=BITS, metric=METRIC):
    """Read one speaker's curve with numpy."""
    own = table[(table["emotion"] == emotion) & (table["speaker"] == name)]
    x, y = (own[own["metric"] == key].sort_values("lam")["value"] for key in (axis, metric))
    order = np.argsort(x.to_numpy())
    return np.interp(level, x.to_numpy()[order], y.to_numpy()[order], left=np.nan, right=np.nan)


def row_of(found, emotion, level):
    (row,) = found[(found["emotion"] == emotion) & (found["level"] == level)].itertuples()
    return row


def columns(found, *names):
    return found[list(names)].to_numpy(np.float64)


@pytest.mark.parametrize("axis", [BITS, "distortion"])
def test_shared_speakers_are_paired_as_in_scipy(axis) -> None:
    first, second = make_speakers(1), make_speakers(2)
    levels = LEVELS if axis == BITS else [45.0, 60.0]
    found = difference_table(first, second, metric=METRIC, axis=axis, levels=levels)
    assert list(found.columns) == list(DIFFERENCE_COLUMNS)
    assert len(found) == 2 * len(levels)
    for emotion in ("all", "sad"):
        for level in levels:
            own, other = (
                [at_levels(table, emotion, f"s{n}", level, axis=axis) for n in range(4)]
                for table in (first, second)
            )
            row = row_of(found, emotion, level)
            interval = ttest_rel(own, other).confidence_interval()
            assert (row.low, row.high) == pytest.approx((interval.low, interval.high))
            assert row.difference == pytest.approx(np.mean(own) - np.mean(other))
            assert (row.value_first, row.value_second) == pytest.approx(
                (np.mean(own), np.mean(other))
            )
            assert (row.num_speakers, row.paired, row.axis) == (4, True, axis)


@pytest.mark.parametrize("same_corpus", [True, False])
def test_other_speakers_are_compared_as_in_scipy(same_corpus) -> None:
    first = make_speakers(3)
    # Equal names in another corpus are other people.
    names = ("t0", "t1", "t2", "t3", "t4", "t5") if same_corpus else ("s0", "s1", "s2")
    second = make_speakers(4, names=names)
    found = difference_table(first, second, metric=METRIC, levels=LEVELS, same_corpus=same_corpus)
    for level in LEVELS:
        own = [at_levels(first, "sad", f"s{n}", level) for n in range(4)]
        other = [at_levels(second, "sad", name, level) for name in names]
        row = row_of(found, "sad", level)
        interval = ttest_ind(own, other, equal_var=False).confidence_interval()
        assert (row.low, row.high) == pytest.approx((interval.low, interval.high))
        assert row.difference == pytest.approx(np.mean(own) - np.mean(other))
        assert not row.paired
        assert (row.num_first, row.num_second) == (4, len(names))
        assert row.num_speakers == min(4, len(names))


def test_speakers_of_only_one_run_are_left_out_of_pairs() -> None:
    first, second = make_speakers(5), make_speakers(6, names=("s1", "s2", "s3", "s9"))
    found = difference_table(first, second, metric=METRIC, levels=[15.0])
    row = row_of(found, "all", 15.0)
    own, other = (
        [at_levels(table, "all", f"s{n}", 15.0) for n in (1, 2, 3)] for table in (first, second)
    )
    assert (row.num_speakers, row.num_first, row.num_second) == (3, 3, 3)
    assert row.difference == pytest.approx(np.mean(own) - np.mean(other))


def test_a_curve_is_not_drawn_beyond_its_ends() -> None:
    first, second = make_speakers(7), make_speakers(8)
    short = (first["speaker"] == "s0") & (first["lam"] == LADDER[-1])
    found = difference_table(first[~short], second, metric=METRIC, levels=[9.5, 15.0])
    low = row_of(found, "all", 9.5)
    assert low.num_speakers == 3
    kept = [at_levels(first, "all", f"s{n}", 9.5) for n in (1, 2, 3)]
    assert low.value_first == pytest.approx(np.mean(kept))
    assert row_of(found, "all", 15.0).num_speakers == 4


@pytest.mark.parametrize("same_corpus", [True, False])
def test_levels_that_fewer_than_two_speakers_reach_have_no_row(same_corpus) -> None:
    first, second = make_speakers(9), make_speakers(10)
    lonely = (first["lam"] == LADDER[-1]) & (first["speaker"] != "s0")
    found = difference_table(
        first[~lonely], second, metric=METRIC, levels=[9.5, 15.0, 900.0], same_corpus=same_corpus
    )
    assert set(found["level"]) == {15.0}


def test_emotions_of_one_run_only_are_left_out() -> None:
    first = make_speakers(11, emotions=("all", "fear", "sad"))
    second = make_speakers(12, emotions=("all", "happy", "sad"))
    found = difference_table(first, second, metric=METRIC, levels=[15.0])
    assert found["emotion"].tolist() == ["all", "sad"]


def test_speakers_without_an_emotion_are_left_out_of_it() -> None:
    first, second = make_speakers(13, skip={("sad", "s2")}), make_speakers(14)
    found = difference_table(first, second, metric=METRIC, levels=[15.0])
    assert found.set_index("emotion")["num_speakers"].to_dict() == {"all": 4, "sad": 3}


def test_levels_are_round_numbers_that_both_runs_hold() -> None:
    first, second = make_speakers(15), make_speakers(16)
    far = second.assign(value=second["value"] * np.where(second["metric"] == BITS, 1.7, 1.0))
    found = difference_table(first, far, metric=METRIC)
    levels = np.unique(found["level"])
    steps = np.diff(levels)
    assert 8 <= len(levels) <= 30
    assert np.allclose(steps, steps[0])
    assert steps[0] in (0.5, 1.0, 2.0)
    assert np.allclose(levels / steps[0], np.round(levels / steps[0]))
    ends = [
        table.loc[table["metric"] == BITS, "value"].agg(["min", "max"]) for table in (first, far)
    ]
    assert max(end["min"] for end in ends) <= levels[0]
    assert levels[-1] <= min(end["max"] for end in ends)


def test_runs_whose_bits_do_not_meet_have_no_rows() -> None:
    first, second = make_speakers(17), make_speakers(18)
    far = second.assign(value=second["value"] + np.where(second["metric"] == BITS, 1000.0, 0.0))
    assert difference_table(first, far, metric=METRIC).empty
    empty = difference_table(first, second.iloc[:0], metric=METRIC)
    assert empty.empty
    assert list(empty.columns) == list(DIFFERENCE_COLUMNS)
    assert difference_table(first, second, metric="uar_logistic").empty
    assert difference_table(first, second, metric=METRIC, protocol="text").empty
    assert difference_table(first, second, metric=METRIC, recipe="shuffled").empty


@given(st.integers(0, 10_000), st.booleans())
@settings(max_examples=30, deadline=None)
def test_swapping_the_runs_negates_the_difference(seed, same_corpus) -> None:
    first, second = make_speakers(seed), make_speakers(seed + 1, names=("s1", "s2", "s3", "x", "y"))
    kept = {"metric": METRIC, "levels": LEVELS, "same_corpus": same_corpus}
    one, other = difference_table(first, second, **kept), difference_table(second, first, **kept)
    assert len(one) == len(other) == 2 * len(LEVELS)
    assert np.array_equal(columns(one, "difference"), -columns(other, "difference"))
    assert np.array_equal(columns(one, "low", "high"), -columns(other, "high", "low"))
    assert np.array_equal(
        columns(one, "value_first", "num_first"), columns(other, "value_second", "num_second")
    )
    assert (one["low"] < one["difference"]).all()


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_a_run_differs_from_itself_by_exactly_nothing(seed) -> None:
    table = make_speakers(seed)
    paired = difference_table(table, table, metric=METRIC)
    assert len(paired) > 10
    assert (columns(paired, "difference", "low", "high") == 0.0).all()
    apart = difference_table(table, table, metric=METRIC, same_corpus=False)
    assert (columns(apart, "difference") == 0.0).all()
    assert np.array_equal(columns(apart, "low"), -columns(apart, "high"))
    assert (apart["high"] > 0).all()


def test_speakers_that_do_not_differ_leave_no_doubt() -> None:
    table = make_speakers(19)
    flat = table.assign(value=table["value"].where(table["metric"] != METRIC, 0.25))
    found = difference_table(flat, flat, metric=METRIC, levels=[15.0], same_corpus=False)
    assert (columns(found, "low", "high") == 0.0).all()


def test_what_cannot_be_compared_is_refused() -> None:
    table = make_speakers(20)
    with pytest.raises(InputError, match=r"equal in 'lam'; choose from \['payload_bits'"):
        difference_table(table, table, metric=METRIC, axis="lam")
    with pytest.raises(InputError, match="do not differ in it"):
        difference_table(table, table, metric=BITS)
    with pytest.raises(InputError, match="finite"):
        difference_table(table, table, metric=METRIC, levels=[float("nan")])
