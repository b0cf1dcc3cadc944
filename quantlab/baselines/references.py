"""References matched in distortion that need no model: a blur toward a point, and added noise.

Letters: ``N`` items, ``T`` frames, ``D`` dimensions. Item ``n`` owns the frames ``offsets[n]`` to
``offsets[n + 1]``.
"""

import numpy as np

from quantlab.baselines.items import Items


def shrink(
    z: np.ndarray, offsets: np.ndarray, distortion: np.ndarray, *, toward: np.ndarray
) -> np.ndarray:
    """Pull each item toward one point until it is as distorted as a codec made it: a plain blur.

    ẑ = m + α(z − m) with one α in 0 … 1 per item. Where even α = 0 distorts less than the codec
    did, α is 0 and the reference stays the closer one.

    Parameters
    ----------
    z : np.ndarray [shape=(ΣT, D)]
        Scaled frames of all items.
    offsets : np.ndarray [shape=(N + 1,)]
        Where items start and end.
    distortion : np.ndarray [shape=(N,)]
        ‖z − ẑ‖² to match, mean over each item's frames.
    toward : np.ndarray [shape=(D,)]
        The point m: zero for the training mean, a class mean for a codec biased to that class.

    Returns
    -------
    np.ndarray [shape=(ΣT, D), dtype=float64]
        The shrunken frames.

    Raises
    ------
    InputError
        Frames, offsets or distortions cannot be used.
    """
    items = Items.of(z, offsets, distortion)
    away = items.z - toward
    power = items.power(away)
    ratio = np.divide(items.distortion, power, out=np.ones_like(power), where=power > 0)
    alpha = np.where(items.exceed(power), 0.0, 1.0 - np.sqrt(ratio))
    return toward + items.at_frames(alpha)[:, None] * away


def add_noise(
    z: np.ndarray, offsets: np.ndarray, distortion: np.ndarray, *, rng: np.random.Generator
) -> np.ndarray:
    """Add white Gaussian noise, scaled item by item to distort as much as a codec did.

    Parameters
    ----------
    z, offsets, distortion
        As for `shrink`.
    rng : np.random.Generator
        Draws the noise.

    Returns
    -------
    np.ndarray [shape=(ΣT, D), dtype=float64]
        The noisy frames; always exactly as distorted as asked.

    Raises
    ------
    InputError
        Frames, offsets or distortions cannot be used.
    """
    items = Items.of(z, offsets, distortion)
    noise = rng.standard_normal(items.z.shape)
    size = np.sqrt(items.distortion / items.power(noise))
    return items.z + items.at_frames(size)[:, None] * noise
