"""Drift of reconstructions toward emotions: class centroids, and angles to them before and after.

All angles are taken in the scaled space z, whose origin is the training mean. `N` items, `D`
dimensions, `E` classes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from quantlab.analysis.checks import label_codes, matrix, same_shape
from quantlab.errors import InputError

_PARALLEL = 1e-9  # sin² of an angle below which two directions count as one


def centroids(z_means: ArrayLike, labels: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """Return the mean vector of each class.

    Parameters
    ----------
    z_means : array_like, shape [N, D]
        Time means of the training items, in z.
    labels : sequence of str, length N
        Class of each item.
    classes : sequence of str, length E
        The classes, in the order of the rows that are returned.

    Returns
    -------
    np.ndarray, float64, shape [E, D]

    Raises
    ------
    InputError
        If a label is not among the classes, or a class has no item.

    Examples
    --------
    >>> centroids([[1.0, 0.0], [3.0, 0.0], [0.0, 4.0]], ["sad", "sad", "happy"], ["happy", "sad"])
    array([[0., 4.],
           [2., 0.]])
    """
    rows = matrix("z_means", z_means)
    codes = label_codes("labels", labels, classes, num_labels=len(rows))
    counts = np.bincount(codes, minlength=len(classes))
    if (counts == 0).any():
        missing = [label for label, count in zip(classes, counts, strict=True) if count == 0]
        raise InputError(f"No item is labelled {missing}; a class without items has no centroid.")
    sums = np.zeros((len(classes), rows.shape[1]))
    np.add.at(sums, codes, rows)
    return sums / counts[:, None]


def attraction(z_means: ArrayLike, zhat_means: ArrayLike, centroids: ArrayLike) -> np.ndarray:
    """Return how far each reconstruction turned toward each class, in degrees.

    angle(z, centroid) − angle(ẑ, centroid): positive where the reconstruction points more toward
    the class than the original did. A zero vector has no direction and counts as 90°.

    Parameters
    ----------
    z_means, zhat_means : array_like, shape [N, D]
        Time means of items and of their reconstructions, in z.
    centroids : array_like, shape [E, D]
        Class means of training items, in z.

    Returns
    -------
    np.ndarray, float64, shape [N, E], -180 to 180 degrees

    Raises
    ------
    InputError
        If shapes do not fit, numbers are not finite, or a centroid is the zero vector.

    Examples
    --------
    >>> attraction([[1.0, 1.0]], [[2.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]).round(6).tolist()
    [[45.0, -45.0]]
    """
    rows, rows_hat = matrix("z_means", z_means), matrix("zhat_means", zhat_means)
    same_shape("z_means", rows, "zhat_means", rows_hat)
    targets = matrix("centroids", centroids, num_dims=rows.shape[1])
    if not targets.any(axis=1).all():
        raise InputError("A centroid is the zero vector; there is no direction toward it.")
    return _angles(rows, targets) - _angles(rows_hat, targets)


def displacement(
    z_means: ArrayLike, zhat_means: ArrayLike, centroids: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Regress each reconstruction's displacement on the ways to the mean and to each class.

    For every item and class, ẑ − z = a·(μ − z) + b·(centroid − μ) by least squares over the
    dimensions, where μ is the origin of z. Shrinkage toward the mean is a alone; what is drawn to a
    class beyond that is b.

    Parameters
    ----------
    z_means, zhat_means : array_like, shape [N, D]
        Time means of items and of their reconstructions, in z.
    centroids : array_like, shape [E, D]
        Class means of training items, in z.

    Returns
    -------
    np.ndarray, float64, shape [N, E]
        a: 0 leaves an item where it is, 1 takes it to the mean. NaN, as b, where the ways to mean
        and class are the same up to their length, so that they cannot be told apart.
    np.ndarray, float64, shape [N, E]
        b: 0 does not draw toward the class, 1 by as much as its centroid is away from the mean.

    Raises
    ------
    InputError
        If shapes do not fit or numbers are not finite.

    Examples
    --------
    >>> a, b = displacement([[0.0, 2.0]], [[0.5, 1.0]], [[1.0, 0.0]])
    >>> a.tolist(), b.tolist()
    ([[0.5]], [[0.5]])
    """
    rows, rows_hat = matrix("z_means", z_means), matrix("zhat_means", zhat_means)
    same_shape("z_means", rows, "zhat_means", rows_hat)
    targets = matrix("centroids", centroids, num_dims=rows.shape[1])
    moved = rows_hat - rows
    back, across = np.square(rows).sum(axis=1)[:, None], np.square(targets).sum(axis=1)[None, :]
    both = -rows @ targets.T
    with_back, with_across = -np.einsum("nd,nd->n", rows, moved)[:, None], moved @ targets.T
    determinant = back * across - both**2
    apart = determinant > _PARALLEL * back * across
    toward_mean = (across * with_back - both * with_across, determinant)
    toward_class = (back * with_across - both * with_back, determinant)
    first, second = (
        np.divide(above, below, out=np.full(both.shape, np.nan), where=apart)
        for above, below in (toward_mean, toward_class)
    )
    return first, second


def _angles(rows: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return angles [N, E] in degrees; the zero vector's cosine of 0 makes it 90°."""
    cosines = _directions(rows) @ _directions(targets).T
    return np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0)))


def _directions(rows: np.ndarray) -> np.ndarray:
    """Return rows of length one; zero rows stay zero."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1.0)
