"""References matched in distortion that know the covariance: water-filling and cut components.

Letters: ``N`` items, ``T`` frames, ``D`` dimensions. Item ``n`` owns the frames ``offsets[n]`` to
``offsets[n + 1]``.

References
----------
Cover & Thomas (2006), "Elements of Information Theory", §10.3.3 (reverse water-filling).
"""

from dataclasses import dataclass

import numpy as np

from quantlab.baselines.items import Items
from quantlab.errors import InputError

_FLOOR = 1e-9  # of the largest variance: directions without any get this, to be left till last
_LOWEST = 1e-9  # of the smallest variance: a water level that is as good as none
_TOLERANCE = 1e-9  # of the distortion asked for
_STEPS, _FIRST_BISECTIONS = 100, 16  # about 25 are needed


@dataclass(frozen=True, eq=False)
class GaussianModel:
    """A Gaussian in its principal axes, computed once and used for many references.

    Attributes
    ----------
    mean : np.ndarray [shape=(D,), dtype=float64]
        The mean, in z.
    variances : np.ndarray [shape=(D,), dtype=float64]
        Variances along the axes, descending, > 0: directions in which the data do not vary have
        the least of them.
    axes : np.ndarray [shape=(D, D), dtype=float64]
        Orthonormal axes, one per column.
    """

    mean: np.ndarray
    variances: np.ndarray
    axes: np.ndarray

    @classmethod
    def of(cls, mean: np.ndarray, covariance: np.ndarray) -> "GaussianModel":
        """Find the principal axes of a Gaussian.

        Parameters
        ----------
        mean : np.ndarray [shape=(D,)]
            The mean.
        covariance : np.ndarray [shape=(D, D)]
            Its covariance, of any rank.

        Returns
        -------
        GaussianModel
            Axes by descending variance.

        Raises
        ------
        InputError
            Shapes do not fit, or numbers are not finite.
        """
        centre, spread = np.asarray(mean, np.float64), np.asarray(covariance, np.float64)
        if centre.ndim != 1 or spread.shape != (len(centre), len(centre)):
            raise InputError(
                f"a Gaussian has mean [D] and covariance [D, D], given {centre.shape} and "
                f"{spread.shape}"
            )
        if not (np.isfinite(centre).all() and np.isfinite(spread).all()):
            raise InputError("the mean or the covariance holds NaN or infinite values")
        variances, axes = np.linalg.eigh(spread)
        largest = float(variances[-1]) if variances[-1] > 0 else 1.0
        return cls(
            centre,
            np.maximum(variances, _FLOOR * largest)[::-1].copy(),
            np.ascontiguousarray(axes[:, ::-1]),
        )

    @classmethod
    def fit(cls, vectors: np.ndarray, *, mean: np.ndarray | None = None) -> "GaussianModel":
        """Fit the Gaussian to training vectors.

        Parameters
        ----------
        vectors : np.ndarray [shape=(M, D)]
            Scaled training vectors, M ≥ 1; fewer than D are enough.
        mean : np.ndarray [shape=(D,)], optional
            The point to spread around in place of the vectors' own mean: zero for the mean of the
            scaling, which a codec's zero output is to be met by exactly.

        Returns
        -------
        GaussianModel
            Mean and covariance of the vectors, without shrinkage.

        Raises
        ------
        InputError
            There are no vectors, shapes do not fit, or numbers are not finite.
        """
        exact = np.asarray(vectors, np.float64)
        if exact.ndim != 2 or len(exact) == 0:
            raise InputError(f"a Gaussian is fitted to vectors [M, D], M >= 1, given {exact.shape}")
        centre = exact.mean(axis=0) if mean is None else np.asarray(mean, np.float64)
        if centre.shape != exact.shape[1:]:
            raise InputError(f"the mean {centre.shape} does not fit vectors {exact.shape}")
        away = exact - centre
        return cls.of(centre, away.T @ away / len(away))

    def coordinates(self, frames: np.ndarray) -> np.ndarray:
        """Return frames ``[ΣT, D]`` around the mean, along the axes."""
        if frames.shape[1] != len(self.mean):
            raise InputError(
                f"the model has {len(self.mean)} dimensions, frames are {frames.shape}"
            )
        return (frames - self.mean) @ self.axes

    def frames(self, coordinates: np.ndarray) -> np.ndarray:
        """Return the frames of `coordinates` ``[ΣT, D]``; of zeros the mean exactly."""
        return self.mean + coordinates @ self.axes.T


def water_fill(
    z: np.ndarray,
    offsets: np.ndarray,
    distortion: np.ndarray,
    *,
    model: GaussianModel,
    rng: np.random.Generator,
) -> np.ndarray:
    """Pass each item through the test channel of R(D) of a Gaussian, as distorted as by a codec.

    Along an axis of variance σ² and at water level θ, ŷ = g·y + √(g·θ)·n with g = max(1 − θ/σ², 0)
    and n ~ N(0, 1): what an ideal code of that Gaussian would give. One level per item is bisected
    so that the distortion, with the noise that was drawn, is the one asked for. Where even the mean
    distorts less than the codec did, the output is the mean exactly.

    Parameters
    ----------
    z : np.ndarray [shape=(ΣT, D)]
        Scaled frames of all items.
    offsets : np.ndarray [shape=(N + 1,)]
        Where items start and end.
    distortion : np.ndarray [shape=(N,)]
        ‖z − ẑ‖² to match, mean over each item's frames.
    model : GaussianModel
        Of all training vectors, or of those of one class for a codec biased to it.
    rng : np.random.Generator
        Draws the noise.

    Returns
    -------
    np.ndarray [shape=(ΣT, D), dtype=float64]
        The frames after the channel.

    Raises
    ------
    InputError
        Frames, offsets or distortions cannot be used, or the model has other dimensions.
    """
    items = Items.of(z, offsets, distortion)
    out = np.empty_like(items.z)
    for part, some in items.blocks():
        y = model.coordinates(some.z)
        noise = rng.standard_normal(y.shape)
        submerged = _submerged(some, y, noise, model.variances)
        scale = np.sqrt(submerged * (1.0 - submerged) * model.variances)
        heard = some.at_frames(1.0 - submerged) * y + some.at_frames(scale) * noise
        out[part] = model.frames(heard)
    return out


def _submerged(items: Items, y: np.ndarray, noise: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """Find the level of each item; return min(θ/σ², 1) of every axis, ``[N, D]``."""
    own, drawn = items.mean(y * y), items.mean(noise * noise) * variances
    cross = -2.0 * np.sqrt(variances) * items.mean(y * noise)
    power = own.sum(axis=1)
    wanted = np.minimum(items.distortion, power)
    at_low, at_high = np.zeros_like(power), power
    nothing, everything = items.distortion == 0.0, items.exceed(power)
    low = np.full(len(own), np.log(_LOWEST * variances[-1]))
    high = np.where(nothing | everything, low, np.log(variances[0]))
    share = np.empty_like(own)
    for step in range(_STEPS):
        gap = at_high - at_low
        place = np.full_like(gap, 0.5)
        if step >= _FIRST_BISECTIONS and step % 2:  # a line meets the level of a narrow bracket
            np.divide(wanted - at_low, gap, out=place, where=gap > 0)
        level = low + place * (high - low)
        share = np.minimum(np.exp(level)[:, None] / variances, 1.0)
        # r = θ/σ² leaves the error −r·y + √(r(1 − r))·σ·n on an axis, which is −y once r is 1.
        mixed = share * (1.0 - share)
        error = (share * (share * own + np.sqrt(mixed) * cross) + mixed * drawn).sum(axis=1)
        met, above = np.abs(error - wanted) <= _TOLERANCE * wanted, error > wanted
        low, high = np.where(above & ~met, low, level), np.where(above | met, level, high)
        if (low == high).all():
            break
        at_low, at_high = np.where(above, at_low, error), np.where(above, error, at_high)
    share[nothing], share[everything] = 0.0, 1.0
    return share


def pca_truncate(
    z: np.ndarray, offsets: np.ndarray, distortion: np.ndarray, *, model: GaussianModel
) -> np.ndarray:
    """Keep the leading principal components of each item, as many as a codec's distortion leaves.

    The last one kept is kept in part, so that the distortion is the one asked for; the others take
    the mean's value. Where even the mean distorts less, the output is the mean exactly.

    Parameters
    ----------
    z, offsets, distortion, model
        As for `water_fill`.

    Returns
    -------
    np.ndarray [shape=(ΣT, D), dtype=float64]
        The frames with fewer components.

    Raises
    ------
    InputError
        Frames, offsets or distortions cannot be used, or the model has other dimensions.
    """
    items = Items.of(z, offsets, distortion)
    out = np.empty_like(items.z)
    for part, some in items.blocks():
        y = model.coordinates(some.z)
        out[part] = model.frames(some.at_frames(_kept(some, y)) * y)
    return out


def _kept(items: Items, y: np.ndarray) -> np.ndarray:
    """Return how much of every component each item keeps, 0 to 1, ``[N, D]``."""
    energy = items.mean(y * y)
    tail = energy[:, ::-1].cumsum(axis=1)[:, ::-1]  # what is lost when all from here on go
    beyond = np.concatenate([tail[:, 1:], np.zeros((len(tail), 1))], axis=1)
    missing = np.clip(items.distortion[:, None] - beyond, 0.0, energy)
    lost = np.sqrt(np.divide(missing, energy, out=np.ones_like(energy), where=energy > 0))
    lost[items.exceed(tail[:, 0])] = 1.0
    return 1.0 - lost
