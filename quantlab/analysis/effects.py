"""Effects that claims are judged by: one contrast per cluster, and what the clusters agree on.

An effect is a weighted sum of *terms*. A term has a value per item and a weight per group of items
(emotions, mostly): within each cluster the groups' means are taken and weighed, so that every
speaker is a comparison in itself and between-speaker differences cannot pass for an effect. The
clusters' contrasts then give Student's t interval. Where texts are shared by speakers they are
clusters too, and the interval respects both. `N` items, `E` groups, `C` clusters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from quantlab.analysis.claims import MIN_CLUSTERS, p_value
from quantlab.analysis.statistics import Interval, t_quantile
from quantlab.errors import InputError

LEVEL = 0.95
SPEAKER, BOTH = "speaker", "speaker and text"
_MOST_SPEAKERS = 1000
_WHOLE_CELLS = 0.5  # share of speaker × text cells that must hold every group to be subtracted


@dataclass(frozen=True, eq=False, kw_only=True)
class Term:
    """One part of an effect.

    Attributes
    ----------
    values : np.ndarray, float64, shape [N]
        NaN where an item has none.
    weights : np.ndarray, float64, shape [E]
        Weight of the mean over each group's items; 0 leaves a group out.
    factor : float
        What the term counts in the effect.
    """

    values: np.ndarray
    weights: np.ndarray
    factor: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """An effect with its interval.

    Attributes
    ----------
    value, low, high : float
        Mean over speakers and the ends of its 95 % interval; NaN where there are too few clusters.
    p : float, 0 to 1
        Two-sided, against zero; NaN where there is no interval.
    num_speakers : int
        Speakers that give a contrast.
    clustered_by : str
        "speaker" or "speaker and text": the clusters of the interval.
    spread : float
        Standard deviation of the speakers' contrasts; NaN below two speakers.
    """

    value: float
    low: float
    high: float
    p: float
    num_speakers: int
    clustered_by: str
    spread: float


def one_class(place: int, num_classes: int) -> np.ndarray:
    """Return the weights [E] of one group alone."""
    return np.eye(num_classes)[place]


def contrast(place: int, num_classes: int, *, without: Sequence[int] = ()) -> np.ndarray:
    """Return the weights [E] of one group less the mean of the others.

    Parameters
    ----------
    place, num_classes : int
        Which group of how many.
    without : sequence of int
        Groups to leave out of the others.

    Examples
    --------
    >>> contrast(1, 3).tolist()
    [-0.5, 1.0, -0.5]
    """
    others = [other for other in range(num_classes) if other != place and other not in without]
    weights = one_class(place, num_classes)
    weights[others] = -1.0 / max(len(others), 1)
    return weights


def average(num_classes: int, *, without: Sequence[int] = ()) -> np.ndarray:
    """Return the weights [E] of the plain mean over groups, some left out."""
    kept = [place for place in range(num_classes) if place not in without]
    weights = np.zeros(num_classes)
    weights[kept] = 1.0 / max(len(kept), 1)
    return weights


def estimate(
    terms: Sequence[Term], *, groups: np.ndarray, speakers: np.ndarray, texts: np.ndarray
) -> Estimate:
    """Estimate an effect.

    Parameters
    ----------
    terms : sequence of Term
        Their factors times their contrasts add up to the effect.
    groups : np.ndarray of int, shape [N], 0 to E - 1
        Group of each item.
    speakers, texts : np.ndarray of int >= 0, shape [N]
        Clusters of the items; -1 for a text that is unknown.

    Returns
    -------
    Estimate
        Of the mean over speakers. A group that a cluster lacks is left out of its contrast and the
        weights on that side are scaled up; a cluster without one side of a contrast is left out.

    Raises
    ------
    InputError
        If there is no term.

    References
    ----------
    Cameron, Gelbach and Miller (2011), "Robust inference with multiway clustering", Journal of
    Business & Economic Statistics 29(2), equation 2.7: the variances by speaker and by text are
    added and that by their intersection is taken away; here never below the larger of the two.
    """
    if not terms:
        raise InputError("an effect needs at least one term")
    by_speaker = contrasts(terms, groups=groups, clusters=speakers)
    number = len(by_speaker)
    value = float(by_speaker.mean()) if number else float("nan")
    variance, num_clusters, clustered_by = _variance(by_speaker), number, SPEAKER
    if _crossed(speakers, texts):
        by_text = contrasts(terms, groups=groups, clusters=texts)
        cells = speakers * (texts.max() + 1) + texts
        by_cell = contrasts(terms, groups=groups, clusters=cells)
        if len(by_text) >= MIN_CLUSTERS:
            whole = len(by_cell) >= _WHOLE_CELLS * len(np.unique(cells))
            shared = _variance(by_cell) if whole else 0.0
            of_text = _variance(by_text)
            # The degrees of freedom are those of the clusters that vary more.
            num_clusters = number if variance >= of_text else len(by_text)
            variance = max(variance, of_text, variance + of_text - shared)
            clustered_by = BOTH
    found = _interval(value, variance, num_clusters)
    return Estimate(
        value=value,
        low=found.low,
        high=found.high,
        p=p_value(found) if np.isfinite(found.high) else float("nan"),
        num_speakers=number,
        clustered_by=clustered_by,
        spread=float(by_speaker.std(ddof=1)) if number > 1 else float("nan"),
    )


def contrasts(terms: Sequence[Term], *, groups: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Return the effect within each cluster, float64 [C]; clusters without one are left out."""
    names, cluster = np.unique(clusters, return_inverse=True)
    total = np.zeros(len(names))
    for term in terms:
        means = _group_means(term.values, cluster, groups, len(names), len(term.weights))
        total += term.factor * _weighed(means, term.weights)
    return total[np.isfinite(total)]


def speakers_needed(found: Estimate, *, num_claims: int, level: float = LEVEL) -> float:
    """Return how many speakers would support an effect of this size and spread.

    Parameters
    ----------
    found : Estimate
        What was seen.
    num_claims : int >= 1
        Claims of the report: the strictest step of Holm's correction is asked for.
    level : float in (0, 1)
        Of the intervals.

    Returns
    -------
    float
        At least `MIN_CLUSTERS`; infinite above 1000, NaN where the spread is unknown.
    """
    if not np.isfinite(found.spread):
        return float("nan")
    strict = 1.0 - (1.0 - level) / max(num_claims, 1)
    enough = abs(found.value) > _half_widths(strict) * found.spread
    return float(MIN_CLUSTERS + np.argmax(enough)) if enough.any() else float("inf")


@lru_cache(maxsize=64)
def _half_widths(level: float) -> np.ndarray:
    """Return half-widths of intervals of unit spread, for `MIN_CLUSTERS` clusters and more."""
    numbers = np.arange(MIN_CLUSTERS, _MOST_SPEAKERS + 1)
    return t_quantile(numbers, level=level) / np.sqrt(numbers)


def _group_means(
    values: np.ndarray, cluster: np.ndarray, groups: np.ndarray, num_clusters: int, num_groups: int
) -> np.ndarray:
    """Return means [C, E], NaN where a cluster has no item of a group."""
    known = np.isfinite(values)
    cells = (cluster * num_groups + groups)[known]
    size = num_clusters * num_groups
    sums = np.bincount(cells, weights=values[known], minlength=size)
    counts = np.bincount(cells, minlength=size)
    means = np.divide(sums, counts, out=np.full(size, np.nan), where=counts > 0)
    return means.reshape(num_clusters, num_groups)


def _weighed(means: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weigh group means [C, E]; each side of a contrast keeps its total weight."""
    total = np.zeros(len(means))
    for side in (np.maximum(weights, 0.0), np.maximum(-weights, 0.0)):
        if not side.any():
            continue
        there = np.isfinite(means) * side
        mass = there.sum(axis=1)
        part = (np.where(np.isfinite(means), means, 0.0) * side).sum(axis=1)
        scaled = np.divide(part, mass, out=np.full(len(means), np.nan), where=mass > 0)
        total += np.sign(weights[np.argmax(side)]) * side.sum() * scaled
    return total


def _variance(values: np.ndarray) -> float:
    """Return the variance of the mean of clusters' contrasts [C]; NaN below two."""
    return float(values.var(ddof=1) / len(values)) if len(values) > 1 else float("nan")


def _interval(value: float, variance: float, num_clusters: int) -> Interval:
    """Return Student's t interval."""
    half = float(t_quantile(num_clusters, level=LEVEL)) * float(np.sqrt(variance))
    return Interval(value, value - half, value + half, max(num_clusters, 1))


def _crossed(speakers: np.ndarray, texts: np.ndarray) -> bool:
    """Say whether every text is spoken by several speakers, so that it is a cluster of its own."""
    if not len(texts) or texts.min() < 0:
        return False
    spoken = np.zeros((texts.max() + 1, speakers.max() + 1), bool)
    spoken[texts, speakers] = True
    by_text = spoken.sum(axis=1)
    return bool(by_text[by_text > 0].min() > 1)
