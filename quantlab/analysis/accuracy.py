"""Scores of classifiers from confusion matrices: recall per class, their mean (UAR) and macro-F1.

A confusion matrix has the true class in rows and the predicted one in columns. Matrices are kept
per cluster (speaker), because their sums over clusters are what the intervals are made from.
`C` clusters, `E` classes; averages run over the classes that occur among the true labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from quantlab.analysis.checks import label_codes
from quantlab.analysis.statistics import Intervals, jackknife_intervals, quotient
from quantlab.errors import InputError


@dataclass(frozen=True, eq=False)
class Scores:
    """What classifiers score, with intervals, and what a classifier that ignores its input would.

    Attributes
    ----------
    uar, macro_f1 : Intervals, shape [*cells]
        Mean recall, and mean F1, over the classes that occur.
    recall : Intervals, shape [*cells, E]
        Share of each class's items that got its label; NaN for classes that do not occur.
    chance : np.ndarray, float64, shape [*cells]
        One over the number of classes that occur: the expected recall of guessing.
    majority_uar, majority_macro_f1 : np.ndarray, float64, shape [*cells]
        Scores of always answering with the most frequent class.
    majority_recall : np.ndarray, float64, shape [*cells, E]
        The same for recall: 1 for that class and 0 for the others.
    """

    uar: Intervals
    macro_f1: Intervals
    recall: Intervals
    chance: np.ndarray
    majority_uar: np.ndarray
    majority_macro_f1: np.ndarray
    majority_recall: np.ndarray


def confusion_matrices(
    truth: ArrayLike | Sequence[str],
    predicted: ArrayLike | Sequence[str],
    clusters: ArrayLike | Sequence[str],
    *,
    classes: Sequence[str],
) -> np.ndarray:
    """Count true against predicted labels, cluster by cluster.

    Parameters
    ----------
    truth, predicted : array_like of str, shape [N]
        Labels of the items.
    clusters : array_like, shape [N]
        Whose item it is.
    classes : sequence of str, length E
        All labels, in the order of rows and columns.

    Returns
    -------
    np.ndarray, int64, shape [C, E, E]
        One matrix per cluster, clusters sorted.

    Raises
    ------
    InputError
        If lengths differ or a label is not among the classes.

    Examples
    --------
    >>> confusion_matrices(["a", "b"], ["a", "a"], ["s1", "s1"], classes=["a", "b"]).tolist()
    [[[1, 0], [1, 0]]]
    """
    names, cluster_codes = np.unique(np.asarray(clusters), return_inverse=True)
    num_items, num_classes = len(cluster_codes), len(classes)
    rows = label_codes("truth", truth, classes, num_labels=num_items)
    columns = label_codes("predicted", predicted, classes, num_labels=num_items)
    cells = (cluster_codes * num_classes + rows) * num_classes + columns
    counts = np.bincount(cells, minlength=len(names) * num_classes**2)
    return counts.reshape(len(names), num_classes, num_classes)


def recalls(confusion: ArrayLike) -> np.ndarray:
    """Return the recall of each class.

    Parameters
    ----------
    confusion : array_like >= 0, shape [..., E, E]
        Confusion matrices.

    Returns
    -------
    np.ndarray, float64, shape [..., E], 0 to 1
        NaN for classes without items.
    """
    counts = np.asarray(confusion, dtype=np.float64)
    return quotient(np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-1))


def uar(confusion: ArrayLike) -> np.ndarray:
    """Return the unweighted average recall over the classes that occur.

    Parameters
    ----------
    confusion : array_like >= 0, shape [..., E, E]
        Confusion matrices.

    Returns
    -------
    np.ndarray, float64, shape [...], 0 to 1
        NaN where there is no item.
    """
    return _mean_over_classes(recalls(confusion))


def macro_f1(confusion: ArrayLike) -> np.ndarray:
    """Return F1 averaged over the classes that occur among the true labels.

    Parameters
    ----------
    confusion : array_like >= 0, shape [..., E, E]
        Confusion matrices.

    Returns
    -------
    np.ndarray, float64, shape [...], 0 to 1
        NaN where there is no item.
    """
    counts = np.asarray(confusion, dtype=np.float64)
    support = counts.sum(axis=-1)
    f1 = quotient(2.0 * np.diagonal(counts, axis1=-2, axis2=-1), support + counts.sum(axis=-2))
    return _mean_over_classes(np.where(support > 0, f1, np.nan))


def scores(confusions: ArrayLike) -> Scores:
    """Score classifiers, with intervals that respect clusters.

    Parameters
    ----------
    confusions : array_like of int, shape [C, *cells, E, E]
        Confusion matrices of each cluster; without cells, those of one classifier.

    Returns
    -------
    Scores
        Ends of an interval are NaN below two clusters, and for UAR and macro-F1 also where a class
        occurs in one cluster only, because there is no score without it.

    Raises
    ------
    InputError
        If the array is not one of square matrices per cluster.
    """
    counts = np.asarray(confusions)
    if counts.ndim < 3 or counts.shape[-1] != counts.shape[-2]:
        raise InputError(
            f"Confusion matrices of shape {counts.shape} cannot be scored; "
            "give one square matrix per cluster."
        )
    support = counts.sum(axis=-1)  # [C, *cells, E]
    total = support.sum(axis=0)
    occurs = total > 0

    def whole(statistic):
        """Leave the statistic undefined where a class has been lost with its only cluster."""
        return lambda sums: np.where(
            ((sums.sum(axis=-1) > 0) == occurs).all(axis=-1), statistic(sums), np.nan
        )

    present = support.any(axis=-1)
    constant = _majority(total)
    return Scores(
        uar=jackknife_intervals(counts, whole(uar), present=present),
        macro_f1=jackknife_intervals(counts, whole(macro_f1), present=present),
        recall=jackknife_intervals(counts, recalls, present=support > 0),
        chance=quotient(1.0, occurs.sum(axis=-1)),
        majority_uar=uar(constant),
        majority_macro_f1=macro_f1(constant),
        majority_recall=recalls(constant),
    )


def always_one_label(predicted: np.ndarray, sets: np.ndarray, *, num_sets: int) -> np.ndarray:
    """Say which evaluated sets were given one label throughout.

    Parameters
    ----------
    predicted : np.ndarray, int64, shape [N]
        Code of the label that each item was given.
    sets : np.ndarray, int64, shape [N], 0 to num_sets - 1
        The set (the items of one fold, say) that each item belongs to.
    num_sets : int >= 0
        Number of sets.

    Returns
    -------
    np.ndarray, bool, shape [num_sets]
        True also for a set without items.

    Examples
    --------
    >>> always_one_label(np.array([2, 2, 0, 1]), np.array([0, 0, 1, 1]), num_sets=2).tolist()
    [True, False]
    """
    some = np.zeros(num_sets, dtype=np.int64)
    some[sets] = predicted
    differing = np.bincount(sets[predicted != some[sets]], minlength=num_sets)
    return differing == 0


def _mean_over_classes(values: np.ndarray) -> np.ndarray:
    """Average over the last axis, leaving out NaN; NaN where nothing is left."""
    defined = ~np.isnan(values)
    return quotient(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1))


def _majority(support: np.ndarray) -> np.ndarray:
    """Return the confusion matrices [..., E, E] of always answering with the commonest class."""
    answer = np.argmax(support, axis=-1)[..., None, None]
    columns = np.arange(support.shape[-1])
    return np.where(columns == answer, support[..., :, None], 0)
