"""Effects by cluster: against loops, scipy and cases known by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from quantlab.analysis import Estimate, Term, estimate
from quantlab.analysis.effects import average, contrast, contrasts, speakers_needed
from quantlab.errors import InputError

NOBODY = np.empty(0, int)


def _estimate(values, groups, speakers, weights, texts=None) -> Estimate:
    values = np.asarray(values, float)
    return estimate(
        [Term(values=values, weights=np.asarray(weights, float))],
        groups=np.asarray(groups),
        speakers=_codes(speakers),
        texts=np.full(len(values), -1) if texts is None else _codes(texts),
    )


def _codes(names) -> np.ndarray:
    return np.unique(np.asarray(names), return_inverse=True)[1]


def test_interval_and_p_are_students_over_speakers() -> None:
    rng = np.random.default_rng(0)
    speakers = np.repeat([f"s{place}" for place in range(7)], 5)
    values = rng.normal(0.3, 1.0, 35)
    found = _estimate(values, np.zeros(35, int), speakers, [1.0])
    means = values.reshape(7, 5).mean(axis=1)
    tested = stats.ttest_1samp(means, 0.0)
    low, high = tested.confidence_interval(0.95)
    assert found.value == pytest.approx(means.mean())
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.p == pytest.approx(tested.pvalue)
    assert found.spread == pytest.approx(means.std(ddof=1))
    assert (found.num_speakers, found.clustered_by) == (7, "speaker")


def test_a_contrast_is_one_group_less_the_mean_of_the_others_in_every_speaker() -> None:
    rng = np.random.default_rng(1)
    speakers = np.repeat(["a", "b", "c"], 12)
    groups = np.tile(np.repeat([0, 1, 2], 4), 3)
    values = rng.normal(size=36)
    found = contrasts(
        [Term(values=values, weights=contrast(1, 3))], groups=groups, clusters=speakers
    )
    cells = values.reshape(3, 3, 4).mean(axis=2)
    assert found == pytest.approx(cells[:, 1] - (cells[:, 0] + cells[:, 2]) / 2)


def test_differences_between_speakers_do_not_pass_for_an_effect() -> None:
    speakers = np.repeat([f"s{place}" for place in range(6)], 2)
    level = np.repeat(np.arange(6) * 100.0, 2)
    values = level + np.tile([0.0, 1.0], 6)
    found = _estimate(values, np.tile([0, 1], 6), speakers, contrast(1, 2))
    assert found.value == pytest.approx(1.0)
    assert found.high - found.low == pytest.approx(0.0, abs=1e-9)


def test_a_missing_group_is_left_out_and_a_missing_side_leaves_out_the_speaker() -> None:
    groups = np.array([0, 1, 2, 0, 1, 1, 2])
    speakers = np.array(["a", "a", "a", "b", "b", "c", "c"])
    values = np.array([5.0, 1.0, 3.0, 7.0, 2.0, 1.0, 1.0])
    found = contrasts(
        [Term(values=values, weights=contrast(0, 3))], groups=groups, clusters=speakers
    )
    assert found.tolist() == [5.0 - 2.0, 7.0 - 2.0]  # "b" has one other group, "c" lacks the first


def test_missing_values_are_no_items() -> None:
    values = np.array([1.0, np.nan, 3.0, 5.0])
    found = contrasts(
        [Term(values=values, weights=np.ones(1))],
        groups=np.zeros(4, int),
        clusters=np.array(["a", "a", "b", "b"]),
    )
    assert found.tolist() == [1.0, 4.0]


def test_terms_add_up_with_their_factors() -> None:
    values = np.arange(6.0)
    clusters = np.repeat(["a", "b", "c"], 2)
    terms = [
        Term(values=values, weights=np.ones(1), factor=2.0),
        Term(values=values**2, weights=np.ones(1), factor=-1.0),
    ]
    found = contrasts(terms, groups=np.zeros(6, int), clusters=clusters)
    expected = 2 * values.reshape(3, 2).mean(1) - (values**2).reshape(3, 2).mean(1)
    assert found == pytest.approx(expected)


def _crossed(rng, of_speaker: float, of_text: float, size: int = 8):
    speakers, texts = np.repeat(np.arange(size), size), np.tile(np.arange(size), size)
    values = (
        of_speaker * rng.normal(size=size)[speakers]
        + of_text * rng.normal(size=size)[texts]
        + rng.normal(0, 0.5, size**2)
    )
    return values, speakers, texts


def test_variances_of_speakers_and_texts_add_up_less_what_they_share() -> None:
    values, speakers, texts = _crossed(np.random.default_rng(2), 1.0, 2.0)
    found = _estimate(values, np.zeros(64, int), speakers, [1.0], texts)
    square = values.reshape(8, 8)
    by_speaker, by_text = square.mean(axis=1).var(ddof=1) / 8, square.mean(axis=0).var(ddof=1) / 8
    error = np.sqrt(by_speaker + by_text - values.var(ddof=1) / 64)
    half = stats.t.ppf(0.975, 7) * error
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half))
    assert found.clustered_by == "speaker and text"
    own = np.array([f"{s}-{t}" for s, t in zip(speakers, texts, strict=True)])
    assert _estimate(values, np.zeros(64, int), speakers, [1.0], own).clustered_by == "speaker"


@pytest.mark.parametrize(
    ("of_speaker", "of_text"), [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)]
)
def test_an_effect_that_is_not_there_is_rarely_found(of_speaker, of_text) -> None:
    rng = np.random.default_rng(4)
    found = 0
    for _ in range(600):
        values, speakers, texts = _crossed(rng, of_speaker, of_text)
        found += _estimate(values, np.zeros(64, int), speakers, [1.0], texts).p <= 0.05
    assert found <= stats.binom.ppf(0.999, 600, 0.05)


def test_one_speaker_has_no_interval() -> None:
    found = _estimate([1.0, 2.0], [0, 0], ["a", "a"], [1.0])
    assert found.value == 1.5
    assert np.isnan([found.low, found.high, found.p, found.spread]).all()


def test_no_term_is_refused() -> None:
    with pytest.raises(InputError, match="at least one term"):
        estimate([], groups=NOBODY, speakers=NOBODY, texts=NOBODY)


@given(st.integers(2, 6), st.data())
@settings(max_examples=40, deadline=None)
def test_weights_of_a_contrast_sum_to_nothing_and_of_a_mean_to_one(number, data) -> None:
    place = data.draw(st.integers(0, number - 1))
    assert contrast(place, number).sum() == pytest.approx(0.0)
    without = data.draw(st.sets(st.integers(0, number - 1), max_size=number - 1))
    assert average(number, without=sorted(without)).sum() == pytest.approx(1.0)


def test_speakers_needed_is_the_first_number_whose_interval_would_exclude_zero() -> None:
    found = Estimate(
        value=1.0, low=0, high=2, p=0.1, num_speakers=8, clustered_by="speaker", spread=1.5
    )
    needed = int(speakers_needed(found, num_claims=10))

    def supported(number: int) -> bool:
        return 1.0 > stats.t.ppf(1 - 0.005 / 2, number - 1) * 1.5 / np.sqrt(number)

    assert supported(needed)
    assert not supported(needed - 1)
    tiny = Estimate(
        value=1e-9, low=0, high=2, p=0.1, num_speakers=8, clustered_by="speaker", spread=1.5
    )
    assert speakers_needed(tiny, num_claims=10) == float("inf")
