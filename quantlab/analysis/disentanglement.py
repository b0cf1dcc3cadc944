"""DCI: disentanglement, completeness and informativeness of a code, from gradient-boosted trees.

One classifier per factor learns it from the code's dimensions. How much each dimension helps makes
the importances R; disentanglement asks whether a dimension serves one factor, completeness whether
a factor is served by one dimension, informativeness how well factors are told.

The number is read together with its controls. On a dense embedding one threshold on one dimension
may tell a class from the rest, so that disentanglement mostly follows separability: if a random
rotation leaves it as high, no axis meant anything. Fewer trees or more items give fewer accidental
importances and higher scores, so values compare at equal settings and equal numbers of items only.

Trees are scikit-learn's `GradientBoostingClassifier`: histogram gradient boosting is faster but
tells no impurity importances, and permutation importances, which it offers, vanish where two
dimensions say the same. The time goes into sorting values, so dimensions are first put into a few
bins of about equally many training items, split at the widest gap nearby: with 16 bins scores
differ by about .02 and a fit takes half as long. `N` items, `D` dimensions, `K` factors.

References
----------
Eastwood and Williams (2018), "A framework for the quantitative evaluation of disentangled
representations", ICLR. Weights and the trees' settings follow Locatello et al. (2019),
"Challenging common assumptions in the unsupervised learning of disentangled representations", ICML.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from quantlab.analysis.checks import matrix
from quantlab.analysis.factors import FactorSet
from quantlab.analysis.statistics import Interval, cluster_mean, jackknife_intervals, quotient
from quantlab.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Trees:
    """Settings of the gradient-boosted trees.

    Attributes
    ----------
    num_trees : int > 0
        Boosting stages; each has one tree, or one per class where a factor has more than two.
    depth : int > 0
        Of a tree.
    learning_rate : float > 0
        Shrinks what each stage adds.
    num_bins : int >= 2, or 0
        Bins of about equally many training items for each dimension; 0 leaves values alone.
    """

    num_trees: int
    depth: int = 3
    learning_rate: float = 0.1
    num_bins: int = 16

    def __post_init__(self) -> None:
        if min(self.num_trees, self.depth) < 1 or self.learning_rate <= 0 or self.num_bins < 0:
            raise InputError(f"{self} cannot be grown; every number must be positive, bins or 0.")
        if self.num_bins == 1:
            raise InputError("One bin holds nothing; give 2 bins or more, or 0 for none.")


QUICK_TREES = Trees(num_trees=50)
"""About 15 s for five one-versus-rest factors, 2000 items and 256 dimensions on one core."""

PUBLISHED_TREES = Trees(num_trees=100, num_bins=0)
"""Scikit-learn's defaults, as in published DCI scores; about five times as long."""


@dataclass(frozen=True, eq=False)
class DciScores:
    """What the formulas make of importances.

    Attributes
    ----------
    disentanglement, completeness : float, 0 to 1
        Averages over dimensions and over factors.
    of_dims : np.ndarray, float64, shape [D]
        Disentanglement of each dimension; 0 where it has no importance.
    of_factors : np.ndarray, float64, shape [K]
        Completeness of each factor; 0 where nothing is important for it.
    """

    disentanglement: float
    completeness: float
    of_dims: np.ndarray
    of_factors: np.ndarray


@dataclass(frozen=True, eq=False)
class Dci:
    """DCI of one code.

    Attributes
    ----------
    factors : tuple of str, length K
        Names of the factors.
    importances : np.ndarray, float64, shape [D, K], >= 0
        R: a factor's column adds up to one, or to zero where its trees never split.
    scores : DciScores
        Disentanglement and completeness.
    informativeness, informativeness_train : float, 0 to 1
        Accuracy on test and on training items, averaged over factors.
    majority : float, 0 to 1
        Accuracy of always giving the commonest value; of one-versus-rest factors, of always
        answering "rest": `1 - 1/E` for `E` equally common classes.
    correct : np.ndarray, float64, shape [N of the test]
        Share of the factors that each test item was given right.
    """

    factors: tuple[str, ...]
    importances: np.ndarray
    scores: DciScores
    informativeness: float
    informativeness_train: float
    majority: float
    correct: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class DciIntervals:
    """DCI with intervals.

    Attributes
    ----------
    disentanglement, completeness : Interval
        Trees are grown again without each cluster of the training items. They are unstable, so
        that these intervals are wide rather than narrow.
    informativeness : Interval
        Over clusters of the test items, for the trees as they are.
    majority : float, 0 to 1
        As in `Dci`.
    """

    disentanglement: Interval
    completeness: Interval
    informativeness: Interval
    majority: float


def dci_scores(importances: ArrayLike, *, weighted: bool = True) -> DciScores:
    """Apply the formulas of disentanglement and completeness to importances.

    Disentanglement of dimension i is 1 − H_K(P_i) with P_ij = R_ij / Σ_k R_ik; completeness of
    factor j is 1 − H_D(Q_j) with Q_ij = R_ij / Σ_d R_dj; subscripts of H are the base.

    Parameters
    ----------
    importances : array_like >= 0, shape [D, K]
        R, with two dimensions and two factors or more.
    weighted : bool
        Weight dimensions, and factors, by their share of all importance. Without, every dimension
        that no tree uses counts as entangled, which pulls wide codes toward 0.

    Returns
    -------
    DciScores

    Raises
    ------
    InputError
        If there is one dimension or one factor, or a number is negative or not finite.

    Examples
    --------
    >>> dci_scores([[1.0, 0.0], [0.0, 1.0]]).disentanglement
    1.0
    >>> dci_scores([[1.0, 1.0], [1.0, 1.0]]).completeness
    0.0
    """
    table = matrix("importances", importances)
    if min(table.shape) < 2 or (table < 0).any():
        raise InputError(
            f"Importances of shape {table.shape}, the smallest {table.min():.3g}, have no DCI; "
            "give two dimensions or more, two factors or more, and no negative number."
        )
    of_dims, of_factors = _purity(table), _purity(table.T)
    if not weighted:
        return DciScores(float(of_dims.mean()), float(of_factors.mean()), of_dims, of_factors)
    total = table.sum()
    if total == 0:
        return DciScores(0.0, 0.0, of_dims, of_factors)
    return DciScores(
        float(of_dims @ table.sum(axis=1) / total),
        float(of_factors @ table.sum(axis=0) / total),
        of_dims,
        of_factors,
    )


def _purity(table: np.ndarray) -> np.ndarray:
    """Return one minus the normalised entropy of each row; 0 for rows without mass."""
    from scipy.special import xlogy

    sums = table.sum(axis=1, keepdims=True)
    shares = np.nan_to_num(quotient(table, sums))
    entropy = -xlogy(shares, shares).sum(axis=1) / np.log(table.shape[1])
    return np.where(sums[:, 0] > 0, np.clip(1.0 - entropy, 0.0, 1.0), 0.0)


def block_importances(importances: ArrayLike, num_dims: Sequence[int]) -> np.ndarray:
    """Add up importances within each of the embeddings that a code was put together from.

    Parameters
    ----------
    importances : array_like, shape [D, K]
        Of the whole code.
    num_dims : sequence of int > 0
        Dimensions of each embedding, in order; they add up to `D`.

    Returns
    -------
    np.ndarray, float64, shape [embeddings, K]
        Which embedding serves which factor; `dci_scores` of it are those of whole embeddings.

    Raises
    ------
    InputError
        If the dimensions do not add up.

    Examples
    --------
    >>> block_importances([[0.5, 0.0], [0.5, 0.1], [0.0, 0.9]], [2, 1]).tolist()
    [[1.0, 0.1], [0.0, 0.9]]
    """
    table = matrix("importances", importances)
    if min(num_dims, default=0) < 1 or sum(num_dims) != len(table):
        raise InputError(
            f"Embeddings of {list(num_dims)} dimensions do not make up the {len(table)} of the "
            "importances; give the dimensions of each, in order."
        )
    return np.add.reduceat(table, np.cumsum([0, *num_dims[:-1]]), axis=0)


def fit_dci(
    train: FactorSet,
    test: FactorSet,
    *,
    seed: int,
    trees: Trees = QUICK_TREES,
    weighted: bool = True,
) -> Dci:
    """Measure DCI.

    Parameters
    ----------
    train, test : FactorSet
        What trees are grown on and scored on; the same factors.
    seed : int >= 0
        Decides between equally good splits.
    trees : Trees
        `QUICK_TREES` or `PUBLISHED_TREES`, say.
    weighted : bool
        As in `dci_scores`.

    Returns
    -------
    Dci

    Raises
    ------
    InputError
        If factors or dimensions differ, there is one of them only, or a factor has one value.
    """
    code, test_code = _checked(train, test)
    code, test_code = _binned(code, test_code, trees.num_bins)
    importances = np.empty((code.shape[1], len(train.factors)))
    accuracy, majority = np.empty((2, len(train.factors)))
    correct = np.zeros(len(test_code))
    for place, (name, values) in enumerate(train.factors.items()):
        truth = test.factors[name]
        model = _grown(code, values, trees, seed=seed)
        # With binned values scikit-learn's importances may be negative by rounding.
        importances[:, place] = np.abs(model.feature_importances_)
        accuracy[place] = np.mean(model.predict(code) == values)
        correct += (model.predict(test_code) == truth) / len(train.factors)
        majority[place] = np.unique(truth, return_counts=True)[1].max() / len(truth)
    return Dci(
        factors=tuple(train.factors),
        importances=importances,
        scores=dci_scores(importances, weighted=weighted),
        informativeness=float(correct.mean()),
        informativeness_train=float(accuracy.mean()),
        majority=float(majority.mean()),
        correct=correct,
    )


def dci_intervals(
    train: FactorSet,
    test: FactorSet,
    *,
    seed: int,
    trees: Trees = QUICK_TREES,
    weighted: bool = True,
) -> DciIntervals:
    """Measure DCI with intervals; takes as long as one DCI per cluster of the training items.

    Parameters
    ----------
    train, test, seed, trees, weighted
        As in `fit_dci`.

    Returns
    -------
    DciIntervals

    Raises
    ------
    InputError
        As in `fit_dci`, also where a factor has one value without one of the clusters.
    """
    names, cluster = np.unique(train.clusters, return_inverse=True)
    fitted: list[Dci] = []

    def pair(kept: np.ndarray) -> np.ndarray:
        chosen = kept[cluster] > 0
        factors = {name: values[chosen] for name, values in train.factors.items()}
        part = FactorSet(train.vectors[chosen], factors, train.clusters[chosen])
        fitted.append(fit_dci(part, test, seed=seed, trees=trees, weighted=weighted))
        return np.array([fitted[-1].scores.disentanglement, fitted[-1].scores.completeness])

    # Each cluster adds itself to what is kept, so that leaving it out of the sum leaves it out.
    found = jackknife_intervals(np.eye(len(names)), pair)
    whole = fitted[0]
    disentanglement, completeness = (
        Interval(float(value), float(low), float(high), len(names))
        for value, low, high in zip(found.value, found.low, found.high, strict=True)
    )
    return DciIntervals(
        disentanglement,
        completeness,
        cluster_mean(whole.correct, test.clusters),
        whole.majority,
    )


def _checked(train: FactorSet, test: FactorSet) -> tuple[np.ndarray, np.ndarray]:
    """Return the vectors of both parts."""
    code = matrix("train", train.vectors)
    test_code = matrix("test", test.vectors, num_dims=code.shape[1])
    if missing := sorted(set(train.factors) ^ set(test.factors)):
        raise InputError(
            f"The factors {missing} are in one of training and test items only; every class and "
            "label must occur in both."
        )
    if not len(test_code):
        raise InputError("There is no test item; give some.")
    for name, values in train.factors.items():
        if len(np.unique(values)) < 2:
            raise InputError(f"The factor {name!r} has one value only; it needs two or more.")
    return code, test_code


def _binned(code: np.ndarray, test_code: np.ndarray, num_bins: int) -> tuple[np.ndarray, ...]:
    """Replace values by the number of the training bin that they fall into.

    Ranks are cut into windows of one length, and the edge is put into the widest gap of each, so
    that no bin holds both sides of a gap between classes.
    """
    if not num_bins or num_bins > len(code) // 2:
        return code, test_code
    ordered = np.sort(code, axis=0)
    gaps, middles = np.diff(ordered, axis=0), 0.5 * (ordered[:-1] + ordered[1:])
    ends = np.linspace(0, len(gaps), num_bins).astype(np.int64)
    widest = [start + gaps[start:end].argmax(axis=0) for start, end in pairwise(ends)]
    edges_BD = np.take_along_axis(middles, np.array(widest), axis=0)
    parts = []
    for rows in (code, test_code):
        columns = zip(edges_BD.T, rows.T, strict=True)
        found = [np.searchsorted(edges, values) for edges, values in columns]
        parts.append(np.stack(found, axis=1).astype(np.float32))
    return tuple(parts)


def _grown(code: np.ndarray, values: np.ndarray, trees: Trees, *, seed: int):
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(
        n_estimators=trees.num_trees,
        max_depth=trees.depth,
        learning_rate=trees.learning_rate,
        random_state=seed,
    ).fit(code, values)
