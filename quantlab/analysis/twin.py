"""The twin of labelled data: one Gaussian per class, a source whose R(D) is enclosed on both sides.

The two limits of a mixture of Gaussians enclose the true R(D) of that mixture, not of the data it
was fitted to. Distortion is ‖z − ẑ‖² per vector and bits are per vector. `D` dimensions, `E`
classes, `N` vectors; targets may have any shape.

References
----------
Gray (1973), "A new class of lower bounds to information rates of stationary sources via
conditional rate-distortion functions", IEEE Transactions on Information Theory 19(4).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from quantlab.analysis.checks import matrix
from quantlab.analysis.limits import fill, rate_limit, spectrum
from quantlab.errors import InputError


@dataclass(frozen=True, eq=False)
class TwinLimits:
    """Both limits of a mixture of Gaussians; arrays of the shape of the targets.

    Attributes
    ----------
    distortion : np.ndarray, float64
        The targets.
    lower_bits : np.ndarray, float64
        R(D | class): no code of the mixture needs fewer bits, not even one that is told the class.
    upper_bits : np.ndarray, float64
        R(D | class) + H(class): what telling the class first and coding within it would need.
    gaussian_bits : np.ndarray, float64
        R(D) of one Gaussian with the covariance of the whole mixture: the other upper bound, which
        is the lower of the two at few bits.
    class_bits : float
        H(class), the width of the sandwich.
    """

    distortion: np.ndarray
    lower_bits: np.ndarray
    upper_bits: np.ndarray
    gaussian_bits: np.ndarray
    class_bits: float

    @property
    def tight_upper_bits(self) -> np.ndarray:
        """The lower of both upper bounds."""
        return np.minimum(self.upper_bits, self.gaussian_bits)


@dataclass(frozen=True, eq=False)
class Gaussian:
    """A Gaussian fitted to vectors.

    Attributes
    ----------
    mean : np.ndarray, float64, shape [D]
        The mean.
    covariance : np.ndarray, float64, shape [D, D]
        The covariance after shrinkage; its trace is that of the sample covariance.
    shrinkage : float, 0 to 1
        How far the sample covariance was drawn toward a multiple of the identity.
    """

    mean: np.ndarray
    covariance: np.ndarray
    shrinkage: float


@dataclass(frozen=True, eq=False)
class Twin:
    """One Gaussian per class: a source shaped like labelled data whose limits can be computed.

    Attributes
    ----------
    classes : tuple of str, length E
        The classes, sorted.
    shares : np.ndarray, float64, shape [E], > 0, sum 1
        How often each class occurs.
    means : np.ndarray, float64, shape [E, D]
        Class means.
    covariances : np.ndarray, float64, shape [E, D, D]
        Class covariances after shrinkage.
    """

    classes: tuple[str, ...]
    shares: np.ndarray
    means: np.ndarray
    covariances: np.ndarray

    @property
    def covariance(self) -> np.ndarray:
        """Covariance of the whole mixture, ``[D, D]``."""
        return _mixed(self.means, self.covariances, self.shares)

    def limits(self, distortion: ArrayLike) -> TwinLimits:
        """Return both limits at distortions > 0; see `twin_limits`."""
        return twin_limits(self.means, self.covariances, self.shares, distortion=distortion)

    def sample(self, num: int, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw vectors ``[num, D]``, float64, and their classes as places in `classes`."""
        place = rng.choice(len(self.shares), size=num, p=self.shares)
        vectors = rng.standard_normal((num, self.means.shape[1]))
        for index, (mean, covariance) in enumerate(zip(self.means, self.covariances, strict=True)):
            values, axes = np.linalg.eigh(covariance)
            own = place == index
            vectors[own] = mean + (vectors[own] * np.sqrt(np.maximum(values, 0))) @ axes.T
        return vectors, place


def twin_limits(
    means: ArrayLike, covariances: ArrayLike, shares: ArrayLike, *, distortion: ArrayLike
) -> TwinLimits:
    """Enclose R(D) of a mixture of Gaussians from both sides.

    Knowing the class cannot cost bits, so R(D | class) ≤ R(D); telling it costs H(class), so R(D)
    ≤ R(D | class) + H(class). R(D | class) has one slope, hence one water level, in all classes.

    Parameters
    ----------
    means : array_like, shape [E, D]
        Class means.
    covariances : array_like, shape [E, D, D]
        Class covariances.
    shares : array_like, shape [E], > 0
        Shares of the classes; scaled to sum 1.
    distortion : array_like, > 0
        Targets.

    Returns
    -------
    TwinLimits
        Two-sided for the mixture itself, not for data that it was fitted to.

    Raises
    ------
    InputError
        If shapes do not fit, a share is not positive, or a covariance or target cannot be used.
    """
    middles, spreads = matrix("means", means), np.asarray(covariances, np.float64)
    weights = np.asarray(shares, np.float64)
    num_classes, num_dims = middles.shape
    if spreads.shape != (num_classes, num_dims, num_dims) or weights.shape != (num_classes,):
        raise InputError(
            f"means {middles.shape}, covariances {spreads.shape} and shares {weights.shape} do not "
            "fit; give [E, D], [E, D, D] and [E]."
        )
    if not (np.isfinite(weights).all() and (weights > 0).all()):
        raise InputError(f"The shares {weights.tolist()} must be positive; leave out empty classes")
    weights = weights / weights.sum()
    targets = np.asarray(distortion, np.float64)
    within = np.concatenate([spectrum(part) for part in spreads])
    lower = fill(within, np.repeat(weights, num_dims), distortion=targets).bits
    entropy = float(-(weights * np.log2(weights)).sum())
    whole = rate_limit(_mixed(middles, spreads, weights), distortion=targets)
    return TwinLimits(targets, lower, lower + entropy, whole.bits, entropy)


def fit_gaussian(samples: ArrayLike) -> Gaussian:
    """Fit a Gaussian to training vectors, its covariance shrunk as far as their number demands.

    With few vectors the sample covariance spreads its eigenvalues too far, the small ones down to
    zero at N ≤ D, and R(D) at high rates comes out too low. Shrinkage mends most of that, not all:
    limits from N < 10·D vectors are to be read as such.

    Parameters
    ----------
    samples : array_like, shape [N, D], N >= 2
        Training vectors.

    Returns
    -------
    Gaussian

    Raises
    ------
    InputError
        If there are fewer than two vectors, or numbers are not finite.

    References
    ----------
    Ledoit & Wolf (2004), "A well-conditioned estimator for large-dimensional covariance matrices",
    Journal of Multivariate Analysis 88(2), lemma 3.3.
    """
    rows = matrix("samples", samples)
    num, num_dims = rows.shape
    if num < 2:
        raise InputError(f"{num} vectors were given; a covariance needs at least two.")
    mean = rows.mean(axis=0)
    centred = rows - mean
    covariance = centred.T @ centred / num
    middle = np.trace(covariance) / num_dims
    spread = float(np.square(covariance).sum())
    away = spread - num_dims * middle**2  # ‖S − mI‖²
    noise = (np.square(np.square(centred).sum(axis=1)).mean() - spread) / num
    shrinkage = float(np.clip(noise / away, 0.0, 1.0)) if away > 0 else 0.0
    shrunk = (1 - shrinkage) * covariance
    shrunk[np.diag_indices(num_dims)] += shrinkage * middle
    return Gaussian(mean, shrunk, shrinkage)


def fit_twin(samples: ArrayLike, labels: ArrayLike) -> Twin:
    """Fit one Gaussian per class to training vectors.

    Parameters
    ----------
    samples : array_like, shape [N, D]
        Training vectors.
    labels : array_like of str, shape [N]
        Their classes, at least two vectors each.

    Returns
    -------
    Twin

    Raises
    ------
    InputError
        If lengths differ, or a class has fewer than two vectors.
    """
    rows, names = matrix("samples", samples), np.asarray(labels).astype(str)
    if names.shape != (len(rows),):
        raise InputError(f"{len(rows)} vectors have {names.shape} labels; give one label each.")
    classes, place = np.unique(names, return_inverse=True)
    fitted = [fit_gaussian(rows[place == index]) for index in range(len(classes))]
    return Twin(
        tuple(str(name) for name in classes),
        np.bincount(place) / len(rows),
        np.stack([part.mean for part in fitted]),
        np.stack([part.covariance for part in fitted]),
    )


def _mixed(means: np.ndarray, covariances: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return the covariance of a mixture: within classes plus between them."""
    apart = means - shares @ means
    return np.tensordot(shares, covariances, axes=1) + (apart.T * shares) @ apart
