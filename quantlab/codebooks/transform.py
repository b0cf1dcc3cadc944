"""The Karhunen–Loève transform: a rotation onto the principal axes of the training vectors.

Letters: ``N`` vectors, ``D`` dimensions, ``M ≤ D`` components. Energy is counted about the origin,
where the scaling puts the mean of the training vectors.
"""

from dataclasses import dataclass

import numpy as np

from quantlab.errors import InputError

_BLOCK = 8192
_ORTHONORMAL = 1e-3


@dataclass(frozen=True, eq=False)
class Klt:
    """Orthonormal axes, largest variance first.

    Attributes
    ----------
    basis : np.ndarray [shape=(M, D), dtype=float32]
        Orthonormal rows. The entry of largest magnitude of each is positive.
    variances : np.ndarray [shape=(M,), dtype=float64]
        Mean square of each component over the training vectors, falling.
    """

    basis: np.ndarray
    variances: np.ndarray

    def __post_init__(self) -> None:
        basis = np.ascontiguousarray(self.basis, dtype=np.float32)
        variances = np.ascontiguousarray(self.variances, dtype=np.float64)
        if basis.ndim != 2 or 0 in basis.shape or variances.shape != basis.shape[:1]:
            raise InputError(
                f"a basis [M, D] and variances [M] are needed, given {basis.shape} and "
                f"{variances.shape}"
            )
        if not (np.isfinite(basis).all() and np.isfinite(variances).all()):
            raise InputError("the basis or its variances hold NaN or infinite values")
        if np.abs(basis @ basis.T - np.eye(len(basis))).max() > _ORTHONORMAL:
            raise InputError("the rows of the basis are not orthonormal; fit the transform again")
        object.__setattr__(self, "basis", basis)
        object.__setattr__(self, "variances", variances)

    @classmethod
    def fit(cls, z: np.ndarray, components: int = 0) -> "Klt":
        """Find the principal axes.

        Memory: the D×D moments and one block of vectors, so `z` may be a memory map.

        Parameters
        ----------
        z : np.ndarray [shape=(N, D)]
            Finite scaled training vectors, N ≥ 1.
        components : int
            Axes to keep, M in 1 … D; 0 keeps all.

        Returns
        -------
        Klt
            The axes of largest energy.

        Raises
        ------
        InputError
            No vectors, values that are not finite, or `components` out of range.
        """
        from scipy.linalg import eigh

        if z.ndim != 2 or 0 in z.shape:
            raise InputError(f"vectors must be [N, D] and not empty, given {z.shape}")
        num_dims = z.shape[1]
        if not 0 <= components <= num_dims:
            raise InputError(f"components is {components}; vectors have {num_dims} dimensions")
        moments = np.zeros((num_dims, num_dims))
        for start in range(0, len(z), _BLOCK):
            block = np.asarray(z[start : start + _BLOCK], dtype=np.float64)
            moments += block.T @ block
        if not np.isfinite(moments).all():
            raise InputError("vectors hold NaN or infinite values; check the embedding set")
        kept = components or num_dims
        values, axes = eigh(moments / len(z), subset_by_index=(num_dims - kept, num_dims - 1))
        basis = np.ascontiguousarray(axes.T[::-1])
        rows = np.arange(kept)
        basis *= np.where(basis[rows, np.abs(basis).argmax(axis=1)] < 0, -1.0, 1.0)[:, None]
        return cls(basis.astype(np.float32), np.maximum(values[::-1], 0.0))

    @property
    def num_components(self) -> int:
        """Components kept, M."""
        return self.basis.shape[0]

    @property
    def num_dims(self) -> int:
        """Dimensions of a vector, D."""
        return self.basis.shape[1]

    @property
    def parameter_bits(self) -> int:
        """Bits of the basis in single precision; the variances are not needed for decoding."""
        return 32 * self.basis.size

    def forward(self, z: np.ndarray) -> np.ndarray:
        """Return the components ``[N, M]``, float32, of vectors ``[N, D]``."""
        self._check(z, self.num_dims)
        return np.asarray(z, dtype=np.float32) @ self.basis.T

    def inverse(self, y: np.ndarray) -> np.ndarray:
        """Return the vectors ``[N, D]``, float32, that have components ``[N, M]``, else zero."""
        self._check(y, self.num_components)
        return np.asarray(y, dtype=np.float32) @ self.basis

    def lost(self, z: np.ndarray) -> np.ndarray:
        """Return the energy of each vector ``[N, D]`` outside the basis, float64 ``[N]``."""
        self._check(z, self.num_dims)
        out = np.empty(len(z))
        for start in range(0, len(z), _BLOCK):
            block = np.asarray(z[start : start + _BLOCK], dtype=np.float32)
            rest = (block - self.inverse(self.forward(block))).astype(np.float64)
            out[start : start + _BLOCK] = np.einsum("nd,nd->n", rest, rest)
        return out

    def _check(self, array: np.ndarray, width: int) -> None:
        if array.ndim != 2 or array.shape[1] != width:
            raise InputError(f"expected [N, {width}], given {array.shape}")
