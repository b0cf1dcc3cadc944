"""Inference that respects clusters: items of one speaker are not independent observations.

Intervals are those of Student's t with one degree of freedom less than there are clusters, around
a delete-one-cluster jackknife (CV3), which needs no formula of the statistic's derivative and so
serves means, ratios and recalls alike. `C` clusters.

References
----------
MacKinnon, Nielsen and Webb (2023), "Fast and reliable jackknife and bootstrap methods for
cluster-robust inference", Journal of Applied Econometrics 38(5), equation 13.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from quantlab.errors import InputError


@dataclass(frozen=True)
class Interval:
    """An estimate and its confidence interval.

    Attributes
    ----------
    value : float
        The estimate.
    low, high : float
        Ends of the interval; NaN where there are fewer than two clusters.
    num_clusters : int >= 1
        Number of clusters that the interval rests on.
    """

    value: float
    low: float
    high: float
    num_clusters: int


@dataclass(frozen=True, eq=False)
class Intervals:
    """Many estimates and their intervals; arrays of one shape.

    Attributes
    ----------
    value, low, high : np.ndarray, float64
        Estimates and ends of their intervals; NaN where undefined.
    num_clusters : np.ndarray, int64
        Number of clusters that each interval rests on.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    num_clusters: np.ndarray


def cluster_mean(
    values: ArrayLike,
    clusters: ArrayLike | Sequence[str],
    weights: ArrayLike | None = None,
    *,
    level: float = 0.95,
) -> Interval:
    """Return the mean over items with an interval that respects clusters.

    With clusters of one size this is Student's t interval of the cluster means.

    Parameters
    ----------
    values : array_like, shape [N]
        One finite number per item.
    clusters : array_like, shape [N]
        Whose item it is.
    weights : array_like >= 0, shape [N], optional
        Weight of each item; equal when left out.
    level : float in (0, 1)
        Coverage that is aimed at.

    Returns
    -------
    Interval

    Raises
    ------
    InputError
        If there are no items, shapes differ, numbers are not finite or weights are negative.

    Examples
    --------
    >>> cluster_mean([1.0, 3.0, 5.0, 7.0], ["a", "a", "b", "b"]).value
    4.0
    """
    sums, sizes = cluster_sums(values, clusters, weights)
    return jackknife_interval(
        np.stack([sums, sizes], axis=1),
        lambda total: float(quotient(total[0], total[1])),
        level=level,
    )


def cluster_sums(
    values: ArrayLike, clusters: ArrayLike | Sequence[str], weights: ArrayLike | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return Σ weight·value and Σ weight of each cluster, clusters of no weight left out.

    Parameters
    ----------
    values, clusters, weights
        As in `cluster_mean`.

    Returns
    -------
    tuple of two np.ndarray, float64, shape [C]

    Raises
    ------
    InputError
        As in `cluster_mean`.
    """
    numbers = np.asarray(values, dtype=np.float64)
    names = np.asarray(clusters)
    masses = np.ones(numbers.shape) if weights is None else np.asarray(weights, dtype=np.float64)
    if numbers.ndim != 1 or names.shape != numbers.shape or masses.shape != numbers.shape:
        raise InputError(
            f"Values of shape {numbers.shape}, clusters of shape {names.shape} and weights of "
            f"shape {masses.shape} do not belong together; give one of each per item."
        )
    if not (np.isfinite(numbers).all() and np.isfinite(masses).all() and (masses >= 0).all()):
        raise InputError(
            "A value is NaN or infinite, or a weight is negative; leave such items out."
        )
    if not masses.any():
        raise InputError("There is no item with a positive weight; a mean needs at least one.")
    _, codes = np.unique(names, return_inverse=True)
    sizes = np.bincount(codes, weights=masses)
    sums = np.bincount(codes, weights=masses * numbers)
    return sums[sizes > 0], sizes[sizes > 0]


def jackknife_interval(
    sums: ArrayLike, statistic: Callable[[np.ndarray], float], *, level: float = 0.95
) -> Interval:
    """Return a statistic of sums over clusters, with its delete-one-cluster interval.

    Parameters
    ----------
    sums : array_like, shape [C, ...]
        What each cluster adds to the totals that the statistic is made of: sums and counts, or a
        confusion matrix.
    statistic : callable
        Maps totals of shape [...] to a number, NaN where undefined.
    level : float in (0, 1)
        Coverage that is aimed at.

    Returns
    -------
    Interval
        NaN ends where there are fewer than two clusters, or where the statistic is undefined
        without one of them.

    Raises
    ------
    InputError
        If there is no cluster or the level is outside (0, 1).

    Examples
    --------
    >>> bits_and_frames = [[10.0, 2.0], [30.0, 4.0], [20.0, 4.0]]
    >>> jackknife_interval(bits_and_frames, lambda total: total[0] / total[1]).value
    6.0
    """
    found = jackknife_intervals(
        sums, lambda total: np.asarray(statistic(total), dtype=np.float64), level=level
    )
    return Interval(
        float(found.value), float(found.low), float(found.high), int(found.num_clusters)
    )


def jackknife_intervals(
    sums: ArrayLike,
    statistic: Callable[[np.ndarray], np.ndarray],
    *,
    present: np.ndarray | None = None,
    level: float = 0.95,
) -> Intervals:
    """Return many statistics of sums over clusters at once, with their intervals.

    Parameters
    ----------
    sums : array_like, shape [C, *cells, ...]
        What each cluster adds to the totals of each cell.
    statistic : callable
        Maps totals of shape [*cells, ...] to values of shape [*cells]; NaN where undefined, which a
        division of zero by zero may produce.
    present : np.ndarray of bool, shape [C, *cells], optional
        Which clusters have items in which cell; all when left out. Only these count as clusters.
    level : float in (0, 1)
        Coverage that is aimed at.

    Returns
    -------
    Intervals
        Arrays of shape [*cells]; NaN ends as in `jackknife_interval`.

    Raises
    ------
    InputError
        If there is no cluster or the level is outside (0, 1).
    """
    parts = np.asarray(sums, dtype=np.float64)
    if parts.ndim == 0 or len(parts) == 0:
        raise InputError("There is no cluster; an estimate needs at least one.")
    # Sums without a cluster are added up from both sides instead of being subtracted from the
    # total, so that what is zero stays exactly zero.
    after = np.concatenate([np.cumsum(parts[::-1], axis=0)[::-1], np.zeros_like(parts[:1])])
    before = np.zeros_like(parts[0])
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.asarray(statistic(after[0]), dtype=np.float64)
        counted = np.ones((len(parts), *value.shape), bool) if present is None else present
        squares = np.zeros(value.shape)
        for cluster, part in enumerate(parts):
            deviations = statistic(before + after[cluster + 1]) - value
            squares += np.where(counted[cluster], np.square(deviations), 0.0)
            before += part
    num_clusters = counted.sum(axis=0)
    error = np.sqrt(squares * (1.0 - 1.0 / np.maximum(num_clusters, 1)))
    half = t_quantile(num_clusters, level=level) * error
    return Intervals(value, value - half, value + half, num_clusters)


def t_quantile(num_clusters: ArrayLike, *, level: float) -> np.ndarray:
    """Return Student's two-sided quantile for C − 1 degrees of freedom.

    Parameters
    ----------
    num_clusters : array_like of int >= 0
        The `C`; fewer than 2 give NaN.
    level : float in (0, 1)
        Coverage that is aimed at.

    Returns
    -------
    np.ndarray, float64, the shape of `num_clusters`

    Raises
    ------
    InputError
        If the level is outside (0, 1).
    """
    from scipy.special import stdtrit

    if not 0.0 < level < 1.0:
        raise InputError(f"The level is {level}; it must lie between 0 and 1, 0.95 for instance.")
    degrees = np.asarray(num_clusters, dtype=np.float64) - 1.0
    return stdtrit(np.where(degrees >= 1.0, degrees, np.nan), 0.5 + level / 2.0)


def quotient(numerator: ArrayLike, denominator: ArrayLike) -> np.ndarray:
    """Divide element by element; NaN, without a warning, where the denominator is zero.

    Parameters
    ----------
    numerator, denominator : array_like
        Arrays that broadcast to one shape.

    Returns
    -------
    np.ndarray, float64
    """
    above, below = np.broadcast_arrays(
        np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    )
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below != 0)
