"""Scores against scikit-learn's, and their intervals against a jackknife written out."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t
from sklearn.metrics import (
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    recall_score,
)

from quantlab.analysis import confusion_matrices, macro_f1, recalls, scores, uar
from quantlab.errors import InputError

CLASSES = ["angry", "happy", "neutral", "sad"]


def judged(seed, *, num_items=120, num_speakers=7, truths=CLASSES):
    """Return true labels, labels that are often right, and speakers."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(truths, num_items)
    predicted = np.where(rng.random(num_items) < 0.6, truth, rng.choice(CLASSES, num_items))
    return truth, predicted, rng.choice([f"s{n}" for n in range(num_speakers)], num_items)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    num_items=st.integers(1, 60),
    num_truths=st.integers(1, 4),
)
def test_scores_equal_those_of_scikit_learn(seed, num_items, num_truths):
    truth, predicted, speakers = judged(seed, num_items=num_items, truths=CLASSES[:num_truths])
    counts = confusion_matrices(truth, predicted, speakers, classes=CLASSES).sum(axis=0)
    present = sorted(set(truth))
    np.testing.assert_array_equal(counts, confusion_matrix(truth, predicted, labels=CLASSES))
    with warnings.catch_warnings():
        # scikit-learn warns of labels that were predicted but are never true.
        warnings.simplefilter("ignore")
        assert uar(counts) == pytest.approx(balanced_accuracy_score(truth, predicted))
    assert macro_f1(counts) == pytest.approx(
        f1_score(truth, predicted, labels=present, average="macro", zero_division=0)
    )
    np.testing.assert_allclose(
        recalls(counts)[np.isin(CLASSES, present)],
        recall_score(truth, predicted, labels=present, average=None),
    )
    assert np.isnan(recalls(counts)[~np.isin(CLASSES, present)]).all()


def test_intervals_equal_a_jackknife_over_speakers():
    truth, predicted, speakers = judged(1)
    found = scores(confusion_matrices(truth, predicted, speakers, classes=CLASSES))
    names = np.unique(speakers)
    for part, judge in (
        (found.uar, balanced_accuracy_score),
        (found.macro_f1, lambda a, b: f1_score(a, b, average="macro")),
    ):
        whole = judge(truth, predicted)
        without = np.array(
            [judge(truth[speakers != name], predicted[speakers != name]) for name in names]
        )
        variance = (len(names) - 1) / len(names) * np.sum((without - whole) ** 2)
        half = t.ppf(0.975, len(names) - 1) * np.sqrt(variance)
        assert part.value == pytest.approx(whole)
        assert part.low == pytest.approx(whole - half)
        assert part.high == pytest.approx(whole + half)
        assert part.num_clusters == len(names)


def test_cells_are_scored_as_if_each_were_alone():
    cells = [
        confusion_matrices(*judged(seed, num_items=200), classes=CLASSES) for seed in (1, 2, 3)
    ]
    together = scores(np.stack(cells, axis=1))
    for place, cell in enumerate(cells):
        alone = scores(cell)
        for name in ("uar", "macro_f1", "recall"):
            for part in ("value", "low", "high", "num_clusters"):
                np.testing.assert_allclose(
                    getattr(getattr(together, name), part)[place],
                    getattr(getattr(alone, name), part),
                )
        np.testing.assert_allclose(together.majority_recall[place], alone.majority_recall)


def test_chance_and_majority_are_what_such_classifiers_score():
    truth = np.array(["sad"] * 5 + ["happy"] * 2 + ["angry"])
    counts = confusion_matrices(truth, truth, np.arange(8), classes=CLASSES)
    found = scores(counts)
    always = np.full(8, "sad")
    assert found.chance == pytest.approx(1 / 3)
    assert found.majority_uar == pytest.approx(balanced_accuracy_score(truth, always))
    assert found.majority_macro_f1 == pytest.approx(
        f1_score(truth, always, average="macro", zero_division=0)
    )
    np.testing.assert_array_equal(found.majority_recall, [0.0, 0.0, np.nan, 1.0])
    assert found.uar.value == found.macro_f1.value == 1.0


def test_a_class_of_one_speaker_leaves_the_mean_without_interval():
    truth = ["sad", "happy", "sad", "sad", "sad"]
    found = scores(confusion_matrices(truth, truth, ["a", "a", "b", "c", "c"], classes=CLASSES))
    assert found.uar.value == 1.0
    assert np.isnan(found.uar.low)
    assert np.isnan(found.macro_f1.high)
    assert np.isnan(found.recall.low[CLASSES.index("happy")])
    assert found.recall.low[CLASSES.index("sad")] == 1.0
    assert found.recall.num_clusters.tolist() == [0, 1, 0, 3]


def test_nothing_to_score_is_nan_without_a_warning():
    found = scores(np.zeros((2, 3, 4, 4), dtype=int))
    assert np.isnan(found.uar.value).all()
    assert np.isnan(found.chance).all()
    assert np.isnan(found.majority_macro_f1).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: confusion_matrices(["x"], ["sad"], ["a"], classes=CLASSES),
            r"truth holds \['x'\]",
        ),
        (lambda: confusion_matrices(["sad"], [""], ["a"], classes=CLASSES), r"predicted holds"),
        (lambda: confusion_matrices(["sad"], [], ["a"], classes=CLASSES), "one label for each"),
        (lambda: scores(np.zeros((4, 4))), r"shape \(4, 4\)"),
        (lambda: scores(np.zeros((2, 3, 4))), "square matrix"),
    ],
)
def test_what_cannot_be_counted_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
