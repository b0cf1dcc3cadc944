"""What may be claimed from intervals: the verdict of one, and the correction for many.

A comparison over fewer than `MIN_CLUSTERS` clusters supports no claim, whatever its interval.
"""

import numpy as np
from numpy.typing import ArrayLike

from quantlab.analysis.statistics import Interval, t_quantile
from quantlab.errors import InputError

MIN_CLUSTERS = 6
"""Fewer clusters than this, and a comparison's verdict is "cannot tell"."""


def verdict(low: ArrayLike, high: ArrayLike, num_clusters: ArrayLike) -> np.ndarray:
    """Say on which side of zero an interval lies.

    Parameters
    ----------
    low, high : array_like
        Ends of the intervals.
    num_clusters : array_like of int
        Clusters that they rest on.

    Returns
    -------
    np.ndarray of str
        "above" (all of it > 0), "below" (all of it < 0), "inside" (zero is within), or "cannot
        tell" (fewer than `MIN_CLUSTERS` clusters, or no interval).

    Examples
    --------
    >>> verdict([0.1, -1.0, 0.1], [0.2, 1.0, 0.2], [6, 9, 5]).tolist()
    ['above', 'inside', 'cannot tell']
    """
    lower, upper = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    untold = np.isnan(lower) | np.isnan(upper) | (np.asarray(num_clusters) < MIN_CLUSTERS)
    return np.select(
        [untold, lower > 0, upper < 0], ["cannot tell", "above", "below"], default="inside"
    )


def p_value(interval: Interval, *, null: float = 0.0, level: float = 0.95) -> float:
    """Return the two-sided p-value that belongs to a t interval.

    Parameters
    ----------
    interval : Interval
        From `cluster_mean` or `jackknife_interval`, not from a bootstrap.
    null : float
        The value that is tested.
    level : float in (0, 1)
        The level that the interval was made with.

    Returns
    -------
    float, 0 to 1
        NaN where the interval is.
    """
    from scipy.special import stdtr

    error = float((interval.high - interval.value) / t_quantile(interval.num_clusters, level=level))
    distance = abs(interval.value - null)
    if error == 0.0:
        return 1.0 if distance == 0.0 else 0.0
    return float(2.0 * stdtr(interval.num_clusters - 1, -distance / error))


def holm(p_values: ArrayLike) -> np.ndarray:
    """Return p-values adjusted for the number of claims, after Holm.

    Parameters
    ----------
    p_values : array_like, shape [M], 0 to 1
        One per claim of a report.

    Returns
    -------
    np.ndarray, float64, shape [M], 0 to 1
        Rejecting where these are at most α keeps the chance of any false claim at most α.

    Raises
    ------
    InputError
        If a p-value is NaN or outside 0 to 1.

    References
    ----------
    Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6(2).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    given = np.asarray(p_values, dtype=np.float64)
    if given.ndim != 1 or not ((given >= 0) & (given <= 1)).all():
        raise InputError(
            f"The p-values {given.tolist()} must be a list of numbers from 0 to 1; "
            "leave out claims that have none."
        )
    order = np.argsort(given, kind="stable")
    steps = given[order] * np.arange(len(given), 0, -1)
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
