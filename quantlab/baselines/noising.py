"""The reduction without a code: noise of one size, as much as lowers the cosine to each target.

Letters: ``N`` vectors, ``D`` dimensions, ``L`` targets.
"""

from collections.abc import Callable, Sequence

import numpy as np

from quantlab.baselines.reduced import Reduced, cosine_of
from quantlab.errors import InputError

_LEAST, _LARGEST = 1e-6, 100.0  # standard deviations, relative to that of the vectors
_BISECTIONS = 50  # over eight decades: to the last digits of a double


def noise(z: np.ndarray, targets: Sequence[float], *, rng: np.random.Generator) -> list[Reduced]:
    """Add Gaussian noise of one standard deviation until the mean cosine meets each target.

    All targets take the same noise, scaled. It has at most 100 times the root mean square of the
    vectors, a cosine of about .01; for a lower target it stays there, and `achieved` says so.

    Parameters
    ----------
    z : np.ndarray [shape=(N, D)]
        Scaled vectors to reduce, N ≥ 1.
    targets : Sequence[float]
        Mean centred cosines to meet, 0 to 1.
    rng : np.random.Generator
        Draws the noise.

    Returns
    -------
    list[Reduced]
        One per target, in the order given; without a code, so all bits are NaN.

    Raises
    ------
    InputError
        There are no vectors, or they are not finite.
    """
    if len(z) == 0:
        raise InputError("no vectors to reduce")
    if not np.isfinite(z).all():
        raise InputError("vectors hold NaN or infinite values; check the embedding set")
    drawn = rng.standard_normal(z.shape, dtype=np.float32)
    power, with_noise, of_noise = (
        np.einsum("nd,nd->n", one, other, dtype=np.float64)
        for one, other in ((z, z), (z, drawn), (drawn, drawn))
    )
    norm = np.sqrt(power)

    def means(sizes: np.ndarray) -> np.ndarray:
        size = sizes[:, None]
        noisy = power + 2 * size * with_noise + size**2 * of_noise
        return cosine_of(power + size * with_noise, noisy, norm).mean(axis=1)

    sizes = _sizes_for(means, np.asarray(targets, np.float64), np.sqrt(power.mean() / z.shape[1]))
    reduced = []
    for target, achieved, size in zip(targets, means(sizes), sizes, strict=True):
        z_hat = (z + np.float32(size) * drawn).astype(np.float32)
        reduced.append(Reduced(float(target), float(achieved), z_hat, np.full(len(z), np.nan)))
    return reduced


def _sizes_for(
    means: Callable[[np.ndarray], np.ndarray], targets: np.ndarray, unit: float
) -> np.ndarray:
    """Bisect the standard deviation for all targets; the mean cosine ``means(sizes)`` falls."""
    low, high = np.full(len(targets), _LEAST), np.full(len(targets), _LARGEST)
    for _ in range(_BISECTIONS):
        middle = np.sqrt(low * high)
        above = means(unit * middle) >= targets
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return unit * np.where(low > _LEAST, low, 0.0)  # a target that no noise meets takes none
