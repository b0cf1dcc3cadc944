"""The gate for arrays: every public function of this room that takes vectors passes them here.

Behind it the vectors are finite float64 matrices; a refusal names the array and the first bad row.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from quantlab.errors import InputError


def matrix(name: str, values: ArrayLike, *, num_dims: int | None = None) -> np.ndarray:
    """Return `values` as a finite float64 matrix.

    Parameters
    ----------
    name : str
        What the array is called in the message of a refusal.
    values : array_like, shape [N, D]
        Any real numbers.
    num_dims : int > 0, optional
        The `D` that is demanded; any when left out.

    Returns
    -------
    np.ndarray, float64, shape [N, D]

    Raises
    ------
    InputError
        If the array is not a matrix, has another width, or holds NaN or infinity.
    """
    rows = np.asarray(values, dtype=np.float64)
    if rows.ndim != 2:
        raise InputError(f"{name} has shape {rows.shape}; give a matrix with one row per vector.")
    if num_dims is not None and rows.shape[1] != num_dims:
        raise InputError(f"{name} has {rows.shape[1]} dimensions; it needs {num_dims}.")
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        raise InputError(
            f"Row {int(np.argmin(finite))} of {name} holds NaN or infinity; "
            "only finite vectors can be compared."
        )
    return rows


def same_shape(name: str, values: np.ndarray, other_name: str, other: np.ndarray) -> None:
    """Refuse two arrays whose shapes differ.

    Raises
    ------
    InputError
        If the shapes differ.
    """
    if values.shape != other.shape:
        raise InputError(
            f"{name} has shape {values.shape} but {other_name} has {other.shape}; "
            "give one reconstruction per vector."
        )


def item_offsets(offsets: ArrayLike, num_frames: int) -> np.ndarray:
    """Return the frame offsets of the items as integers.

    Parameters
    ----------
    offsets : array_like of int, shape [N + 1]
        Item `n` owns frames `offsets[n]` to `offsets[n + 1]`, the end excluded.
    num_frames : int >= 0
        Number of frames that the offsets have to cover.

    Returns
    -------
    np.ndarray, int64, shape [N + 1]

    Raises
    ------
    InputError
        If they do not start at 0, do not end at `num_frames`, or leave an item without a frame.
    """
    bounds = np.asarray(offsets, dtype=np.int64)
    if bounds.ndim != 1 or len(bounds) < 2 or bounds[0] != 0 or bounds[-1] != num_frames:
        raise InputError(
            f"Offsets of shape {bounds.shape} do not cover the {num_frames} frames; "
            "they must start at 0 and end at the number of frames."
        )
    lengths = np.diff(bounds)
    if (lengths < 1).any():
        raise InputError(
            f"Item {int(np.argmax(lengths < 1))} has no frame; leave such items out beforehand."
        )
    return bounds


def label_codes(
    name: str, labels: ArrayLike | Sequence[str], classes: Sequence[str], *, num_labels: int
) -> np.ndarray:
    """Translate labels into positions within `classes`.

    Parameters
    ----------
    name : str
        What the labels are called in the message of a refusal.
    labels : array_like of str, shape [N]
        One label per item.
    classes : sequence of str, length E
        The labels that are allowed, each once.
    num_labels : int >= 0
        The `N` that is demanded.

    Returns
    -------
    np.ndarray, int64, shape [N]

    Raises
    ------
    InputError
        If the number of labels differs, a class is listed twice, or a label is not listed.
    """
    given = np.asarray(labels).astype(str)
    if given.shape != (num_labels,):
        raise InputError(
            f"{name} has shape {given.shape}; give one label for each of {num_labels}."
        )
    listed = np.asarray(list(classes), dtype=str)
    found, codes = np.unique(given, return_inverse=True)
    order = np.argsort(listed, kind="stable")
    if (listed[order][1:] == listed[order][:-1]).any():
        raise InputError(f"The classes {list(classes)} name one class twice; list each once.")
    unknown = [str(label) for label in found if label not in listed]
    if unknown:
        raise InputError(f"{name} holds {unknown}, which is not among the classes {list(classes)}.")
    places = order[np.searchsorted(listed[order], found)]
    return places[codes].astype(np.int64)
