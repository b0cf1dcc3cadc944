"""How embeddings scatter between and within the classes of a label, so that a collapse shows.

An embedding whose classes have shrunk to points, or that has become one point, makes probes look
perfect or at chance for reasons that have nothing to do with disentanglement. Everything here is
invariant to scale and rotation. `N` items, `D` dimensions, `E` classes, `C` clusters.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from quantlab.analysis.checks import matrix
from quantlab.analysis.statistics import Interval, Intervals, jackknife_intervals, quotient
from quantlab.analysis.utterances import Utterances
from quantlab.errors import InputError

COLLAPSED_POINT, COLLAPSED_CLASSES, COLLAPSED_LINE = "to a point", "onto classes", "to a line"
"""What an embedding can collapse to; the empty string where it did not."""

_LABELS = ("emotion", "speaker")


@dataclass(frozen=True, kw_only=True)
class CollapseRule:
    """Below which numbers an embedding counts as collapsed.

    Attributes
    ----------
    spread : float > 0
        Of `Scatter.spread`: to a point.
    within_share : float, 0 to 1
        Of `Scatter.within_share`, by its upper end where it has one: onto classes.
    effective_dims : float >= 1
        Of `Scatter.effective_dims`: to a line, where there is more than one dimension.
    """

    spread: float = 1e-3
    within_share: float = 0.05
    effective_dims: float = 1.1


@dataclass(frozen=True)
class Scatter:
    """Scatter of one embedding about the classes of one label.

    Attributes
    ----------
    ratio : Interval
        Between-class over within-class variance, summed over dimensions; infinite without any
        within.
    within_share : Interval
        Within-class variance over all variance, 0 to 1; NaN where all vectors are the same.
    chance_within_share : float
        Its mean over random labellings, (N − E) / (N − 1).
    spread : float, 0 to 1
        Root of the variance over the mean squared length: how far vectors are from being the same.
    effective_dims : float >= 1
        (Σλ)² / Σλ² of the covariance's eigenvalues λ: the dimensions that are in use; NaN where all
        vectors are the same.
    collapsed : str
        `COLLAPSED_POINT`, `COLLAPSED_CLASSES`, `COLLAPSED_LINE` or "".
    num_classes, num_items : int
        `E` and `N`.
    """

    ratio: Interval
    within_share: Interval
    chance_within_share: float
    spread: float
    effective_dims: float
    collapsed: str
    num_classes: int
    num_items: int


def scatter(
    vectors: ArrayLike,
    labels: Sequence[str] | np.ndarray,
    clusters: Sequence[str] | np.ndarray,
    *,
    rule: CollapseRule | None = None,
) -> Scatter:
    """Measure scatter between and within classes.

    Parameters
    ----------
    vectors : array_like, shape [N, D]
        Embeddings.
    labels, clusters : sequence of str, length N
        Class of each item, and whose it is. Intervals leave out one cluster at a time; where a
        class occurs in one cluster only they have no ends.
    rule : CollapseRule, optional
        What counts as collapsed; its defaults when left out.

    Returns
    -------
    Scatter

    Raises
    ------
    InputError
        If numbers of items differ, vectors are not finite, or there are not two classes and more
        items than classes.

    Examples
    --------
    >>> found = scatter([[0.0], [1.0], [4.0], [5.0]], ["a", "a", "b", "b"], ["s", "t", "s", "t"])
    >>> found.ratio.value, found.collapsed
    (16.0, '')
    """
    rows = matrix("vectors", vectors)
    names, groups = np.asarray(labels).astype(str), np.asarray(clusters).astype(str)
    if names.shape != (len(rows),) or groups.shape != names.shape:
        raise InputError(
            f"{len(rows)} vectors came with labels of shape {names.shape} and clusters of shape "
            f"{groups.shape}; give one of each per vector."
        )
    classes, codes = np.unique(names, return_inverse=True)
    if not 2 <= len(classes) < len(rows):
        raise InputError(
            f"{len(rows)} items of {len(classes)} classes have no scatter between and within; give "
            "two classes or more, and more items than classes."
        )
    mean = rows.mean(axis=0)
    centred = rows - mean
    variance = float(np.square(centred).sum() / len(rows))
    length = float(np.square(rows).sum() / len(rows))
    spread = float(np.sqrt(variance / length)) if length > 0 else 0.0
    same = spread <= 16 * np.finfo(np.float64).eps
    if same:
        # Differences are rounding, which would otherwise be taken apart like any scatter.
        centred = np.zeros_like(centred)
    found = jackknife_intervals(_sums(centred, codes, groups), _within_and_ratio(len(classes)))
    share, ratio = (_interval(found, place) for place in range(2))
    effective = _effective_dims(centred)
    return Scatter(
        ratio=ratio,
        within_share=share,
        chance_within_share=(len(rows) - len(classes)) / (len(rows) - 1),
        spread=spread,
        effective_dims=effective,
        collapsed=_collapse(spread, share, effective, rows.shape[1], rule or CollapseRule()),
        num_classes=len(classes),
        num_items=len(rows),
    )


def scatter_table(
    utterances: Utterances,
    *,
    labels: Sequence[str] = _LABELS,
    rule: CollapseRule | None = None,
) -> pd.DataFrame:
    """Measure the scatter of every embedding about every label.

    Parameters
    ----------
    utterances : Utterances
        With the labels, and those of the clusters: speakers, or texts where the label is the
        speaker.
    labels : sequence of str
        Which labels.
    rule : CollapseRule, optional
        As in `scatter`.

    Returns
    -------
    pd.DataFrame
        Two rows per embedding and label: embedding, label, metric ("within_share" or "ratio"),
        value, low, high, chance (of the ratio, that of the chance within share), spread,
        effective_dims, collapsed, num_items, num_clusters.

    Raises
    ------
    InputError
        As in `scatter`.
    """
    rows = []
    for embedding in utterances.embeddings:
        for label in labels:
            vectors, clusters = utterances.vectors(embedding), utterances.clusters(label)
            found = scatter(vectors, utterances.named(label), clusters, rule=rule)
            share = found.chance_within_share
            measured = {
                "within_share": (found.within_share, share),
                "ratio": (found.ratio, (1 - share) / share),
            }
            for metric, (one, chance) in measured.items():
                rows.append(
                    {
                        "embedding": embedding,
                        "label": label,
                        "metric": metric,
                        **asdict(one),
                        "chance": chance,
                        "spread": found.spread,
                        "effective_dims": found.effective_dims,
                        "collapsed": found.collapsed,
                        "num_items": found.num_items,
                    }
                )
    return pd.DataFrame(rows)


def _sums(centred: np.ndarray, codes: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Return counts, sums and squared lengths of each cluster and class, [C, E, 2 + D]."""
    names, places = np.unique(clusters, return_inverse=True)
    parts = np.concatenate(
        [np.ones((len(centred), 1)), np.square(centred).sum(axis=1, keepdims=True), centred], axis=1
    )
    sums = np.zeros((len(names), int(codes.max()) + 1, parts.shape[1]))
    np.add.at(sums, (places, codes), parts)
    return sums


def _within_and_ratio(num_classes: int):
    """Return the statistic of `_sums` that gives the within share and the ratio."""

    def statistic(total: np.ndarray) -> np.ndarray:
        counts, squares, sums = total[:, 0], total[:, 1].sum(), total[:, 2:]
        if (counts > 0).sum() < num_classes:
            return np.full(2, np.nan)
        of_class = (np.square(sums).sum(axis=1) / counts).sum()
        of_all = np.square(sums.sum(axis=0)).sum() / counts.sum()
        everything, between = squares - of_all, max(of_class - of_all, 0.0)
        within = max(squares - of_class, 0.0)
        if within <= 1e-12 * everything:
            within = 0.0
        share = float(quotient(within, everything))
        return np.array([share, np.inf if within == 0 < between else quotient(between, within)])

    return statistic


def _interval(found: Intervals, place: int) -> Interval:
    value, low, high = (float(ends[place]) for ends in (found.value, found.low, found.high))
    return Interval(value, low, high, int(found.num_clusters[place]))


def _effective_dims(centred: np.ndarray) -> float:
    """Return the participation ratio of the covariance, by the smaller of its two Gram matrices."""
    wide = centred.shape[1] > centred.shape[0]
    gram = centred @ centred.T if wide else centred.T @ centred
    return float(quotient(np.trace(gram) ** 2, np.square(gram).sum()))


def _collapse(
    spread: float, share: Interval, effective: float, num_dims: int, rule: CollapseRule
) -> str:
    if spread < rule.spread:
        return COLLAPSED_POINT
    upper = share.high if np.isfinite(share.high) else share.value
    if upper < rule.within_share:
        return COLLAPSED_CLASSES
    return COLLAPSED_LINE if num_dims > 1 and effective < rule.effective_dims else ""
