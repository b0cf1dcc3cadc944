"""Studentised wild cluster bootstrap: an interval for a mean that assumes no normality.

Whole clusters keep or change sign (or are scaled, for few clusters) under the tested mean, and the
interval holds the means that this test does not reject. `C` clusters, `B` draws.

References
----------
Cameron, Gelbach and Miller (2008), "Bootstrap-based improvements for inference with clustered
errors", Review of Economics and Statistics 90(3). Webb (2023), "Reworking wild bootstrap-based
inference for clustered errors", Canadian Journal of Economics 56(3).
"""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from quantlab.analysis.statistics import Interval, cluster_sums, t_quantile
from quantlab.errors import InputError

Kind = Literal["auto", "rademacher", "webb"]

_RADEMACHER = (-1.0, 1.0)
_WEBB = tuple(sign * size**0.5 for sign in (-1.0, 1.0) for size in (0.5, 1.0, 1.5))
# Below this many clusters two-valued weights give too few different statistics (Webb 2023).
_FEW_CLUSTERS = 12


def wild_cluster_bootstrap(
    values: ArrayLike,
    clusters: ArrayLike | Sequence[str],
    weights: ArrayLike | None = None,
    *,
    rng: np.random.Generator,
    level: float = 0.95,
    num_draws: int = 1999,
    kind: Kind = "auto",
) -> Interval:
    """Return the mean over items with a bootstrap interval that respects clusters.

    Parameters
    ----------
    values : array_like, shape [N]
        One finite number per item.
    clusters : array_like, shape [N]
        Whose item it is.
    weights : array_like >= 0, shape [N], optional
        Weight of each item; equal when left out.
    rng : np.random.Generator
        Draws the clusters' weights; left untouched when all combinations are few enough to try.
    level : float in (0, 1)
        Coverage that is aimed at.
    num_draws : int >= 99
        Number of draws; every combination is used instead where there are no more than this.
    kind : {"auto", "rademacher", "webb"}
        Two-valued or six-valued weights; "auto" takes Webb's below 12 clusters.

    Returns
    -------
    Interval
        Infinite ends where so few clusters cannot reject any mean; NaN below two clusters.

    Raises
    ------
    InputError
        If there are no items, shapes differ, numbers are not finite or a setting is out of range.
    """
    sums, sizes = cluster_sums(values, clusters, weights)
    num_clusters = len(sums)
    half = t_quantile(num_clusters, level=level)
    if num_draws < 99 or kind not in ("auto", "rademacher", "webb"):
        raise InputError(
            f"{num_draws} draws of kind {kind!r} were asked for; ask for at least 99, "
            "of kind auto, rademacher or webb."
        )
    value = float(sums.sum() / sizes.sum())
    if num_clusters < 2:
        return Interval(value, float("nan"), float("nan"), num_clusters)
    error = float(_error(sums - value * sizes, sizes))
    if error <= 1e-12 * np.abs(sums / sizes).max():
        return Interval(value, value, value, num_clusters)  # all clusters agree
    draws_BC = _draws(num_clusters, kind, rng=rng, num_draws=num_draws)

    def rejected(null: float) -> bool:
        scores = sums - null * sizes
        observed = abs(_studentised(scores, sizes))
        # A draw that repeats the data must count as equal to it in spite of rounding.
        extreme = np.abs(_studentised(draws_BC * scores, sizes)) >= observed * (1.0 - 1e-9)
        return bool(extreme.mean() <= 1.0 - level + 1e-12)

    step = float(half) * error
    return Interval(value, _end(rejected, value, -step), _end(rejected, value, step), num_clusters)


def _draws(
    num_clusters: int, kind: Kind, *, rng: np.random.Generator, num_draws: int
) -> np.ndarray:
    """Return the clusters' weights [B, C]: every combination, or the data and random ones."""
    webb = kind == "webb" or (kind == "auto" and num_clusters < _FEW_CLUSTERS)
    choices = _WEBB if webb else _RADEMACHER
    if len(choices) ** num_clusters <= num_draws:
        return np.array(list(product(choices, repeat=num_clusters)))
    drawn = rng.choice(np.array(choices), size=(num_draws, num_clusters))
    return np.concatenate([np.ones((1, num_clusters)), drawn])


def _error(scores: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the jackknife standard error of Σ scores / Σ sizes, clusters on the last axis."""
    total = scores.sum(axis=-1, keepdims=True)
    without = (total - scores) / (sizes.sum() - sizes)
    num_clusters = len(sizes)
    squares = np.square(without - total / sizes.sum()).sum(axis=-1)
    return np.sqrt(squares * (num_clusters - 1) / num_clusters)


def _studentised(scores: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return t of Σ scores / Σ sizes, clusters on the last axis; infinite without spread."""
    mean = scores.sum(axis=-1) / sizes.sum()
    error = _error(scores, sizes)
    return np.divide(mean, error, out=np.full(np.shape(mean), np.inf), where=error > 0)


def _end(rejected: Callable[[float], bool], value: float, step: float) -> float:
    """Return where the test begins to reject, going from `value` in the direction of `step`."""
    inside, outside = 0.0, 1.0
    while not rejected(value + outside * step):
        inside, outside = outside, 2.0 * outside
        if outside > 1e9:
            return float(np.copysign(np.inf, step))
    for _ in range(30):
        middle = 0.5 * (inside + outside)
        if rejected(value + middle * step):
            outside = middle
        else:
            inside = middle
    return value + outside * step
