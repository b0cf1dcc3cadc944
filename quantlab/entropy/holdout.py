"""Which training vectors a prior is not fitted on, to tell when to stop, and what each counts."""

import numpy as np

from quantlab.errors import InputError

_SHARE = 0.1


def hold_out(
    num_vectors: int, groups: np.ndarray | None, *, rng: np.random.Generator
) -> np.ndarray:
    """Draw the held-out vectors: whole groups, about a tenth of all vectors, or a random tenth.

    Parameters
    ----------
    num_vectors : int
        Vectors, N.
    groups : np.ndarray [shape=(N,)], optional
        What must not be on both sides: speakers. With a single group vectors are drawn.
    rng : np.random.Generator
        Source of all randomness.

    Returns
    -------
    np.ndarray [shape=(N,), dtype=bool]
        True where held out; at least one vector is not, and at least one is when N > 1.

    Raises
    ------
    InputError
        `groups` has another length.
    """
    if groups is not None and np.shape(groups) != (num_vectors,):
        raise InputError(f"groups have shape {np.shape(groups)}, expected ({num_vectors},)")
    if groups is None or len(np.unique(groups)) < 2:
        count = max(int(_SHARE * num_vectors), min(num_vectors - 1, 1))
        members, chosen = np.arange(num_vectors), rng.permutation(num_vectors)[:count]
        return np.isin(members, chosen)
    names, members = np.unique(groups, return_inverse=True)
    order = rng.permutation(len(names))
    sizes = np.bincount(members)[order].cumsum()
    count = min(int(np.searchsorted(sizes, _SHARE * num_vectors)) + 1, len(names) - 1)
    return np.isin(members, order[:count])


def check_weights(weights: np.ndarray | None, num_vectors: int) -> np.ndarray:
    """Return what each vector counts, float64 ``[N]`` with mean one, all alike by default.

    InputError when `weights` are not N finite numbers ≥ 0, or all zero.
    """
    if weights is None:
        return np.ones(num_vectors)
    mass = np.asarray(weights, np.float64)
    if mass.shape != (num_vectors,) or not np.isfinite(mass).all() or (mass < 0).any():
        raise InputError(
            f"weights must be finite, >= 0 and one for each of {num_vectors} vectors, "
            f"given {mass.shape}"
        )
    if num_vectors and not mass.any():
        raise InputError("all weights are zero; give some vectors a weight above zero")
    return mass / mass.mean() if num_vectors else mass
