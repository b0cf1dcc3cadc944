"""Limits from rate–distortion theory: how few bits any code needs at a distortion, by a model.

Every limit here belongs to a *model* of the data, a Gaussian or one Gaussian per class. The
Gaussian R(D) on the covariance of real data is an upper bound on the true R(D) of those data (no
source of equal covariance needs more bits), so a good code may lie below it; it is exact only for
Gaussian sources. Distortion is ‖z − ẑ‖² per vector and bits are per vector. `D` dimensions;
targets may have any shape.

References
----------
Cover & Thomas (2006), "Elements of Information Theory", theorem 10.3.3 (reverse water-filling).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from quantlab.analysis.checks import matrix
from quantlab.errors import InputError

SPACE_FILLING_BITS = 0.5 * float(np.log2(np.pi * np.e / 6))
"""What a uniform scalar quantizer with an ideal entropy code loses per dimension at high rate."""

_ROUNDING = 1e-10  # of the largest eigenvalue: below it, a negative one is rounding


@dataclass(frozen=True, eq=False)
class WaterFilling:
    """Points of R(D) of independent Gaussians; arrays of the shape of the targets.

    Attributes
    ----------
    distortion : np.ndarray, float64, >= 0
        Mean squared error per vector; never above the sum of the variances.
    bits : np.ndarray, float64, >= 0
        R(D) per vector.
    level : np.ndarray, float64, >= 0
        The water level: every component keeps min(level, variance) of error.
    active : np.ndarray, int64
        How many components lie above the level, the only ones that are spent bits on.
    """

    distortion: np.ndarray
    bits: np.ndarray
    level: np.ndarray
    active: np.ndarray


def water_filling(
    variances: ArrayLike, *, bits: ArrayLike | None = None, distortion: ArrayLike | None = None
) -> WaterFilling:
    """Return R(D) of independent Gaussian components at given bits or given distortions.

    Parameters
    ----------
    variances : array_like, shape [D], >= 0
        Variances of the components, in any order: for a correlated Gaussian the eigenvalues of its
        covariance.
    bits : array_like, >= 0
        Targets in bits per vector, or
    distortion : array_like, > 0
        targets in squared error per vector; above the sum of the variances none is needed.

    Returns
    -------
    WaterFilling
        Exact for Gaussians; for other sources of these variances an upper bound on R(D).

    Raises
    ------
    InputError
        If a variance or target is out of range, or not exactly one kind of target is given.

    References
    ----------
    Cover & Thomas (2006), theorem 10.3.3.

    Examples
    --------
    >>> filled = water_filling([4.0, 1.0], distortion=[2.0, 5.0])
    >>> filled.bits.tolist(), filled.active.tolist()
    ([1.0, 0.0], [1, 0])
    """
    given = _variances(variances)
    return fill(given, np.ones_like(given), bits=bits, distortion=distortion)


def rate_limit(
    covariance: ArrayLike, *, bits: ArrayLike | None = None, distortion: ArrayLike | None = None
) -> WaterFilling:
    """Return R(D) of a Gaussian of this covariance, an upper bound on that of other sources.

    A covariance that was estimated from few vectors has small eigenvalues that are too small, so
    the limit at high rates comes out too low: estimate it with `fit_gaussian`, from training
    vectors.

    Parameters
    ----------
    covariance : array_like, shape [D, D]
        Symmetric, without negative eigenvalues.
    bits, distortion : array_like
        Targets, as in `water_filling`.

    Returns
    -------
    WaterFilling

    Raises
    ------
    InputError
        If the covariance is none, or the targets are out of range.
    """
    return water_filling(spectrum(covariance), bits=bits, distortion=distortion)


def space_filling_line(filled: WaterFilling) -> np.ndarray:
    """Return what uniform scalar quantizers with an ideal entropy code need, by the high-rate rule.

    R(D) + ½ log₂(πe/6) ≈ .2546 bit for every component above the water level. It estimates what
    remains to be won over scalar transform coding by filling space better; it is no bound: at low
    rates, where most active components carry less than a bit, good scalar quantizers stay below.

    Parameters
    ----------
    filled : WaterFilling
        Points of R(D).

    Returns
    -------
    np.ndarray, float64
        Bits at the distortions of `filled`.
    """
    return filled.bits + SPACE_FILLING_BITS * filled.active


def cosine_ceiling(distortion: ArrayLike, total: float) -> np.ndarray:
    """Return √(1 − D/D₀): the highest mean cosine at a distortion, for vectors of one length.

    A code of vectors u with ‖u‖² = D₀ and mean cosine c gives, every output scaled to the length
    c·√D₀, the distortion D₀(1 − c²); so c cannot exceed √(1 − D(R)/D₀). With the distortion of a
    Gaussian model, which the data may undercut, the ceiling is that of the model.

    Parameters
    ----------
    distortion : array_like, >= 0
        D of vectors scaled to one length.
    total : float > 0
        D₀, their squared length.

    Returns
    -------
    np.ndarray, float64, 0 to 1
    """
    if not (np.isfinite(total) and total > 0):
        raise InputError(f"The squared length is {total}; it must be a positive number.")
    return np.sqrt(np.clip(1 - np.asarray(distortion, np.float64) / total, 0.0, 1.0))


def fill(
    variances: np.ndarray,
    weights: np.ndarray,
    *,
    bits: ArrayLike | None = None,
    distortion: ArrayLike | None = None,
) -> WaterFilling:
    """Fill components that count `weights` times each, from corner to corner, so exactly."""
    if (bits is None) == (distortion is None):
        raise InputError("give the targets either as bits or as distortion, not both or neither")
    targets = np.asarray(distortion if bits is None else bits, np.float64)
    least = "distortion > 0" if bits is None else "bits >= 0"
    if not np.isfinite(targets).all() or (targets < 0).any() or (bits is None and 0 in targets):
        raise InputError(f"Targets must be finite and {least}; given {targets.min():.6g} at least.")
    order = np.argsort(-variances, kind="stable")
    order = order[variances[order] > 0]
    heights, shares = variances[order], weights[order]
    if not len(order):
        nothing = np.zeros(targets.shape)
        return WaterFilling(nothing, nothing, nothing, nothing.astype(np.int64))
    logs, above = np.log2(heights), np.cumsum(shares)
    log_sum, mass = np.cumsum(shares * logs), np.cumsum(shares * heights)
    below = mass[-1] - mass  # energy of the components that stay under water
    # At the k-th corner the level is heights[k]: component k is about to rise above the water.
    if bits is None:
        total = float(mass[-1])
        reached = np.minimum(targets, total)
        corners = above * heights + below
        last = np.clip(np.searchsorted(-corners, -reached, side="left") - 1, 0, len(order) - 1)
        level = np.clip((reached - below[last]) / above[last], 0.0, heights[0])
    else:
        corners = 0.5 * (log_sum - above * logs)
        last = np.clip(np.searchsorted(corners, targets, side="left") - 1, 0, len(order) - 1)
        level = np.minimum(2.0 ** ((log_sum[last] - 2 * targets) / above[last]), heights[0])
        reached = above[last] * level + below[last]
    log_level = np.log2(np.maximum(level, np.finfo(np.float64).tiny))
    rate = np.maximum(0.5 * (log_sum[last] - above[last] * log_level), 0.0)
    active = np.searchsorted(-heights, -level, side="left")
    return WaterFilling(reached, rate if bits is None else targets, level, active)


def _variances(variances: ArrayLike) -> np.ndarray:
    given = np.asarray(variances, np.float64)
    if given.ndim != 1 or not given.size or not (np.isfinite(given).all() and (given >= 0).all()):
        raise InputError("Variances must be a list of finite numbers >= 0; look for NaN or signs.")
    return given


def spectrum(covariance: ArrayLike) -> np.ndarray:
    """Return the eigenvalues of a covariance, those that are negative by rounding as zero."""
    table = matrix("covariance", covariance)
    if table.shape[0] != table.shape[1] or not np.allclose(table, table.T, rtol=1e-6, atol=1e-12):
        raise InputError(f"A covariance is square and symmetric; this one has shape {table.shape}.")
    values = np.linalg.eigvalsh(table)
    if values[0] < -_ROUNDING * max(float(values[-1]), 1e-300):
        raise InputError(f"The covariance has the eigenvalue {values[0]:.6g}; none may be negative")
    return np.maximum(values, 0.0)
