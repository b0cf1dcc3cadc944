"""Similarity of embeddings and their reconstructions: cosines and distortion, item by item.

Works on vectors in the scaled space z = (x − μ)/s, in which the training mean is the origin, and
knows nothing of codecs. `N` items, `T` frames, `D` dimensions; item `n` owns frames `offsets[n]`
to `offsets[n + 1]`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from quantlab.analysis.checks import item_offsets, matrix, same_shape
from quantlab.errors import InputError


@dataclass(frozen=True, eq=False)
class Similarity:
    """How close the reconstruction of each item is to the original; arrays of shape [N].

    Attributes
    ----------
    distortion : np.ndarray, float64, >= 0
        ‖z − ẑ‖² averaged over the item's frames.
    cos_raw_frames, cos_raw_means : np.ndarray, float64, -1 to 1
        Cosine in the raw space x, averaged over frames and between time means.
    cos_centred_frames, cos_centred_means : np.ndarray, float64, -1 to 1
        Cosine in z, where the training mean is the origin; 0 by definition where a side is zero.
    zero_output : np.ndarray, bool
        Whether the time mean of ẑ is the zero vector, so that its cosine is 0 by definition.
    """

    distortion: np.ndarray
    cos_raw_frames: np.ndarray
    cos_centred_frames: np.ndarray
    cos_raw_means: np.ndarray
    cos_centred_means: np.ndarray
    zero_output: np.ndarray


def similarity(
    z: ArrayLike, z_hat: ArrayLike, offsets: ArrayLike, *, mean: ArrayLike, scale: ArrayLike
) -> Similarity:
    """Compare items with their reconstructions.

    Parameters
    ----------
    z, z_hat : array_like, shape [ΣT, D]
        Scaled frames of all items, one after another, and their reconstructions.
    offsets : array_like of int, shape [N + 1]
        Where the items start and end; (0, 1, ..., N) for utterance embeddings.
    mean : array_like, shape [D]
        μ of the scaling.
    scale : float > 0 or array_like, shape [D]
        s of the scaling, one number or one per dimension.

    Returns
    -------
    Similarity

    Raises
    ------
    InputError
        If shapes, offsets or numbers cannot be used, or a raw vector is zero.
    """
    frames, frames_hat = _pair("z", z, "z_hat", z_hat)
    bounds = item_offsets(offsets, len(frames))
    origin = matrix("mean", np.atleast_2d(np.asarray(mean)), num_dims=frames.shape[1])
    unit = np.asarray(scale, dtype=np.float64)
    if unit.shape not in ((), (frames.shape[1],)) or not (np.isfinite(unit) & (unit > 0)).all():
        raise InputError(
            f"The scale is {scale}; it must be a positive number, or one per dimension."
        )
    means, means_hat = _over_frames(frames, bounds), _over_frames(frames_hat, bounds)
    raw_means, raw_means_hat = origin + unit * means, origin + unit * means_hat
    return Similarity(
        distortion=_over_frames(np.square(frames - frames_hat).sum(axis=1), bounds),
        cos_raw_frames=_over_frames(
            _cosine(origin + unit * frames, origin + unit * frames_hat, refuse_zero=True), bounds
        ),
        cos_centred_frames=_over_frames(_cosine(frames, frames_hat), bounds),
        cos_raw_means=_cosine(raw_means, raw_means_hat, refuse_zero=True),
        cos_centred_means=_cosine(means, means_hat),
        zero_output=np.logical_and.reduce(means_hat == 0, axis=1),
    )


def cosine_raw(x: ArrayLike, x_hat: ArrayLike) -> np.ndarray:
    """Return the cosine of each vector with its reconstruction.

    Parameters
    ----------
    x, x_hat : array_like, shape [N, D]
        Vectors in raw space.

    Returns
    -------
    np.ndarray, float64, shape [N], -1 to 1

    Raises
    ------
    InputError
        If shapes differ, or a vector is zero and therefore has no direction.

    Examples
    --------
    >>> cosine_raw([[3.0, 4.0]], [[4.0, 3.0]]).round(2).tolist()
    [0.96]
    """
    return _cosine(*_pair("x", x, "x_hat", x_hat), refuse_zero=True)


def cosine_centred(z: ArrayLike, z_hat: ArrayLike) -> np.ndarray:
    """Return the cosine of vectors whose mean has been removed; 0 where either is zero.

    A zero reconstruction says nothing about the item beyond the training mean, hence 0. So does an
    item that lies exactly on the mean.

    Parameters
    ----------
    z, z_hat : array_like, shape [N, D]
        Vectors whose origin is the training mean.

    Returns
    -------
    np.ndarray, float64, shape [N], -1 to 1

    Raises
    ------
    InputError
        If shapes differ or numbers are not finite.

    Examples
    --------
    >>> cosine_centred([[3.0, 4.0], [1.0, 0.0]], [[0.0, 0.0], [2.0, 0.0]]).tolist()
    [0.0, 1.0]
    """
    return _cosine(*_pair("z", z, "z_hat", z_hat))


def distortion(z: ArrayLike, z_hat: ArrayLike, offsets: ArrayLike) -> np.ndarray:
    """Return ‖z − ẑ‖² of each item, averaged over its frames.

    Parameters
    ----------
    z, z_hat : array_like, shape [ΣT, D]
        Frames of all items, one after another, and their reconstructions.
    offsets : array_like of int, shape [N + 1]
        Where the items start and end.

    Returns
    -------
    np.ndarray, float64, shape [N], >= 0

    Raises
    ------
    InputError
        If shapes or offsets do not fit.

    Examples
    --------
    >>> distortion([[1.0], [3.0], [5.0]], [[1.0], [1.0], [2.0]], [0, 2, 3]).tolist()
    [2.0, 9.0]
    """
    frames, frames_hat = _pair("z", z, "z_hat", z_hat)
    bounds = item_offsets(offsets, len(frames))
    return _over_frames(np.square(frames - frames_hat).sum(axis=1), bounds)


def time_means(frames: ArrayLike, offsets: ArrayLike) -> np.ndarray:
    """Return the mean over time of each item.

    Parameters
    ----------
    frames : array_like, shape [ΣT, D]
        Frames of all items, one after another.
    offsets : array_like of int, shape [N + 1]
        Where the items start and end.

    Returns
    -------
    np.ndarray, float64, shape [N, D]

    Raises
    ------
    InputError
        If shapes or offsets do not fit.
    """
    rows = matrix("frames", frames)
    return _over_frames(rows, item_offsets(offsets, len(rows)))


def random_pair_cosine(
    means: ArrayLike, *, rng: np.random.Generator, num_pairs: int = 10_000
) -> float:
    """Return the typical cosine of two distinct utterances drawn at random.

    The line that stands beside every curve of cosines: raw for time means in x, centred for time
    means in z. "Typical" is the mean over pairs, which is what the curves are means of.

    Parameters
    ----------
    means : array_like, shape [N, D], N >= 2
        Time means of the utterances.
    rng : np.random.Generator
        Draws the pairs; left untouched when there are at most `num_pairs` pairs, which are then
        all used.
    num_pairs : int >= 1
        Number of pairs to draw, with replacement.

    Returns
    -------
    float, -1 to 1

    Raises
    ------
    InputError
        If there are fewer than two utterances, or an utterance is the zero vector.
    """
    rows = matrix("means", means)
    num_items = len(rows)
    if num_items < 2 or num_pairs < 1:
        raise InputError(
            f"{num_pairs} pairs of {num_items} utterances were asked for; "
            "a pair needs two utterances, and at least one pair is needed."
        )
    if num_items * (num_items - 1) // 2 <= num_pairs:
        first, second = np.triu_indices(num_items, k=1)
    else:
        first = rng.integers(num_items, size=num_pairs)
        second = (first + rng.integers(1, num_items, size=num_pairs)) % num_items
    return float(_cosine(rows[first], rows[second], refuse_zero=True).mean())


def _pair(
    name: str, vectors: ArrayLike, name_hat: str, vectors_hat: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Pass vectors and their reconstructions through the gate."""
    rows, rows_hat = matrix(name, vectors), matrix(name_hat, vectors_hat)
    same_shape(name, rows, name_hat, rows_hat)
    return rows, rows_hat


def _cosine(rows: np.ndarray, rows_hat: np.ndarray, *, refuse_zero: bool = False) -> np.ndarray:
    """Return row-wise cosines; a zero row is refused or gives 0."""
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(rows_hat, axis=1)
    zero = lengths == 0
    if refuse_zero and zero.any():
        raise InputError(
            f"Vector {int(np.argmax(zero))} or its counterpart is zero and has no direction, so "
            "its raw cosine is undefined; leave such vectors out, or compare them centred."
        )
    products = np.einsum("nd,nd->n", rows, rows_hat)
    return np.clip(products / np.where(zero, 1.0, lengths), -1.0, 1.0)


def _over_frames(values: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Average frame values [ΣT, ...] within items; checked offsets leave no item empty."""
    if len(bounds) == len(values) + 1:
        return values  # one frame per item: utterance embeddings, where the mean is the frame
    lengths = np.diff(bounds).reshape((-1,) + (1,) * (values.ndim - 1))
    return np.add.reduceat(values, bounds[:-1], axis=0) / lengths
