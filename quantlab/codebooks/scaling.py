"""The scaling that all codecs of an embedding set share: one mean vector and one scalar."""

from dataclasses import dataclass

import numpy as np

from quantlab.errors import InputError

_BLOCK = 65536


@dataclass(frozen=True)
class Scaling:
    """z = (x − mean)/scale, with E‖z‖² = D over the training vectors, emotions weighted equally.

    Attributes
    ----------
    mean : np.ndarray [shape=(D,), dtype=float32]
        The emotion-balanced training mean, in feature units.
    scale : float
        The scalar s > 0, in feature units. λ in raw units is λ·s².
    """

    mean: np.ndarray
    scale: float

    def __post_init__(self) -> None:
        mean = np.ascontiguousarray(self.mean, dtype=np.float32)
        if mean.ndim != 1 or not np.isfinite(mean).all():
            raise InputError("the mean of a scaling must be a finite vector")
        if not (np.isfinite(self.scale) and self.scale > 0):
            raise InputError(f"the scale of a scaling must be finite and > 0, given {self.scale}")
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "scale", float(self.scale))

    @classmethod
    def fit(cls, vectors: np.ndarray, emotion_of_vector: np.ndarray) -> "Scaling":
        """Fit the scaling to training vectors.

        Parameters
        ----------
        vectors : np.ndarray [shape=(N, D)]
            Finite feature vectors, a memory map for instance; read in blocks.
        emotion_of_vector : np.ndarray [shape=(N,), str]
            Their emotions; each emotion counts equally.

        Returns
        -------
        Scaling
            Mean and scalar.

        Raises
        ------
        InputError
            No vectors, non-finite values, or all vectors equal.
        """
        if len(vectors) == 0:
            raise InputError("no training vectors to fit a scaling to; check the split")
        _, codes, counts = np.unique(emotion_of_vector, return_inverse=True, return_counts=True)
        weights = 1.0 / (len(counts) * counts[codes])
        mean = np.zeros(vectors.shape[1])
        for part in _blocks(len(vectors)):
            mean += weights[part] @ vectors[part].astype(np.float64)
        if not np.isfinite(mean).all():
            raise InputError("training vectors hold NaN or infinite values; embed them again")
        power = 0.0
        for part in _blocks(len(vectors)):
            centred = vectors[part].astype(np.float64) - mean
            power += float(weights[part] @ np.einsum("nd,nd->n", centred, centred))
        if power <= 0:
            raise InputError("all training vectors are equal; there is nothing to quantize")
        return cls(mean.astype(np.float32), float(np.sqrt(power / vectors.shape[1])))

    @classmethod
    def none(cls, num_dims: int) -> "Scaling":
        """Return the identity, for codecs that come from elsewhere."""
        return cls(np.zeros(num_dims, np.float32), 1.0)

    def forward(self, vectors: np.ndarray) -> np.ndarray:
        """Return z of feature vectors ``[N, D]`` as float32."""
        if vectors.ndim != 2 or vectors.shape[1] != len(self.mean):
            raise InputError(f"vectors have shape {vectors.shape}, expected [N, {len(self.mean)}]")
        z = (vectors.astype(np.float32) - self.mean) / np.float32(self.scale)
        if not np.isfinite(z).all():
            raise InputError("vectors hold NaN or infinite values; embed them again")
        return z

    def inverse(self, z: np.ndarray) -> np.ndarray:
        """Return feature vectors of `z` ``[N, D]`` as float32."""
        return z * np.float32(self.scale) + self.mean


def _blocks(length: int) -> list[slice]:
    return [slice(start, start + _BLOCK) for start in range(0, length, _BLOCK)]
