"""Mutual information between pairs of embeddings, in bits, beside what unrelated pairs would give.

The estimate is that of two Gaussian vectors. Embeddings are turned to their leading principal
components and each component is made normal by its ranks, so that outliers and units play no part.
For Gaussians the plug-in estimate has a bias that depends on sizes only and is known exactly, so it
is taken off: unrelated embeddings give 0 on average, which estimates by k-means or by neural
networks do not. What it cannot see is dependence without correlation of these components, and what
lies outside them. `N` items, `D` dimensions, `C` clusters.

References
----------
Misra, Singh and Demchuk (2005), "Estimation of the entropy of a multivariate normal distribution",
Journal of Multivariate Analysis 92(2), for the bias.
"""

from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from quantlab.analysis.checks import matrix
from quantlab.analysis.statistics import Interval, jackknife_interval
from quantlab.analysis.utterances import Utterances
from quantlab.errors import InputError

# Components that carry less than this share of the first one's deviation are rounding.
_ROUNDING = 1e-6
_UPPER = 0.95


@dataclass(frozen=True, kw_only=True)
class SharedBits:
    """Mutual information of two embeddings.

    Attributes
    ----------
    first, second : str
        Names of the embeddings.
    value, low, high : float
        Bits per item with the ends of the interval; negative by chance where there are none.
    baseline, baseline_high : float
        Mean and 95 % point of the estimates after the pairing of items has been permuted.
    num_dims_first, num_dims_second : int
        Components that were kept.
    num_items, num_clusters : int
        Items, and clusters of the interval.
    """

    first: str
    second: str
    value: float
    low: float
    high: float
    baseline: float
    baseline_high: float
    num_dims_first: int
    num_dims_second: int
    num_items: int
    num_clusters: int


def gaussian_information(
    first: ArrayLike, second: ArrayLike, clusters: ArrayLike, *, num_dims: int = 16
) -> Interval:
    """Estimate the mutual information of two embeddings.

    Parameters
    ----------
    first, second : array_like, shape [N, D]
        Vectors of the same items.
    clusters : array_like, shape [N]
        Whose item it is.
    num_dims : int > 0
        Leading principal components kept of each; fewer where an embedding has fewer.

    Returns
    -------
    Interval
        Bits per item; 0 where an embedding is constant.

    Raises
    ------
    InputError
        If numbers of items differ, vectors are not finite, or items are no more than the components
        kept of both together plus two, also without any one of the clusters.
    """
    left, right = _components(first, num_dims), _components(second, num_dims)
    names = np.asarray(clusters)
    if len(left) != len(right) or names.shape != (len(left),):
        raise InputError(
            f"There are {len(left)} and {len(right)} vectors with clusters of shape {names.shape}; "
            "give the vectors of the same items, and one cluster for each."
        )
    return _information(left, right, names)


def information_table(
    utterances: Utterances,
    *,
    rng: np.random.Generator,
    num_dims: int = 16,
    num_permutations: int = 200,
) -> pd.DataFrame:
    """Estimate the mutual information of every pair of embeddings, with intervals over speakers.

    Parameters
    ----------
    utterances : Utterances
        Two embeddings or more, and labels "speaker".
    rng : np.random.Generator
        Draws the permutations.
    num_dims : int > 0
        As in `gaussian_information`.
    num_permutations : int > 0
        For the baseline. Items of a speaker resemble each other, so an estimate above it may still
        be an accident of few speakers: the interval says so.

    Returns
    -------
    pd.DataFrame
        One row per pair, with the columns of `SharedBits`.

    Raises
    ------
    InputError
        As in `gaussian_information`, or if there are fewer than two embeddings.
    """
    if len(utterances.embeddings) < 2:
        raise InputError("There is one embedding; a pair needs two.")
    speakers = utterances.named("speaker")
    vectors = {name: utterances.vectors(name) for name in utterances.embeddings}
    parts = {name: _components(values, num_dims) for name, values in vectors.items()}
    rows = []
    for first, second in combinations(parts, 2):
        left, right = parts[first], parts[second]
        found = _information(left, right, speakers)
        unrelated = [
            _information(left, right[rng.permutation(len(right))], np.zeros(len(right))).value
            for _ in range(num_permutations)
        ]
        rows.append(
            SharedBits(
                first=first,
                second=second,
                value=found.value,
                low=found.low,
                high=found.high,
                baseline=float(np.mean(unrelated)),
                baseline_high=float(np.quantile(unrelated, _UPPER)),
                num_dims_first=left.shape[1],
                num_dims_second=right.shape[1],
                num_items=len(left),
                num_clusters=found.num_clusters,
            )
        )
    return pd.DataFrame([asdict(row) for row in rows])


def _components(vectors: ArrayLike, num_dims: int) -> np.ndarray:
    """Return leading principal components, each made normal by its ranks, [N, at most num_dims]."""
    from scipy.stats import norm, rankdata

    if num_dims < 1:
        raise InputError(f"{num_dims} components were asked for; ask for at least one.")
    rows = matrix("an embedding", vectors)
    centred = rows - rows.mean(axis=0)
    left, spread, _ = np.linalg.svd(centred, full_matrices=False)
    scale = max(float(np.abs(rows).max(initial=0.0)), np.finfo(np.float64).tiny)
    kept = spread > _ROUNDING * max(float(spread.max(initial=0.0)), scale)
    ranks = rankdata(left[:, kept][:, :num_dims], axis=0)
    return np.asarray(norm.ppf((ranks - 0.5) / max(len(rows), 1)))


def _information(left: np.ndarray, right: np.ndarray, clusters: np.ndarray) -> Interval:
    """Return the bits that two sets of components share, from sums over clusters."""
    both = np.concatenate([left, right], axis=1)
    names, codes = np.unique(clusters, return_inverse=True)
    num_left, num_both = left.shape[1], both.shape[1]
    sizes = np.bincount(codes)
    fewest = len(both) - (sizes.max(initial=0) if len(names) > 1 else 0)
    if fewest <= num_both + 2:
        raise InputError(
            f"{fewest} items cannot tell how {num_left} and {num_both - num_left} components go "
            "together; give more items, or keep fewer components."
        )
    if num_left in (0, num_both):
        return Interval(0.0, 0.0, 0.0, len(names))
    sums = np.zeros((len(names), num_both + 1, num_both + 1))
    extended = np.concatenate([np.ones((len(both), 1)), both], axis=1)
    for code in range(len(names)):
        rows = extended[codes == code]
        sums[code] = rows.T @ rows
    return jackknife_interval(sums, lambda total: _from_moments(total, num_left))


def _from_moments(total: np.ndarray, num_left: int) -> float:
    """Return bits from Σ(1, x)(1, x)ᵀ, the bias of the plug-in estimate taken off."""
    from scipy.special import digamma

    count, mean = total[0, 0], total[0, 1:] / total[0, 0]
    covariance = total[1:, 1:] / count - np.outer(mean, mean)
    num_both = len(covariance)
    logs = [
        np.linalg.slogdet(covariance[part, part])[1]
        for part in (slice(num_left), slice(num_left, None), slice(None))
    ]
    # E log|S| exceeds log|Σ| by Σ ψ((n − i)/2) for i = 1 … d, up to terms that cancel here.
    biases = [
        digamma((count - 1 - np.arange(size)) / 2).sum()
        for size in (num_left, num_both - num_left, num_both)
    ]
    nats = 0.5 * ((logs[0] + logs[1] - logs[2]) - (biases[0] + biases[1] - biases[2]))
    return float(nats / np.log(2))
