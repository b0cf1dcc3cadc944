"""The scaling that all codecs of an embedding set share: one mean vector and one scalar.

Features in physical units (hertz beside counts beside ratios) have no common scale that a squared
distance could use; for them each dimension has its own.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from quantlab.errors import InputError

ScalingKind = Literal["scalar", "standard", "none"]

_BLOCK = 65536
_CONSTANT = 1e-6  # spreads below this share of the mean's size are rounding, not information


@dataclass(frozen=True)
class Scaling:
    """z = (x − mean)/scale, with E‖z‖² = D over the training vectors, emotions weighted equally.

    Attributes
    ----------
    mean : np.ndarray [shape=(D,), dtype=float32]
        The emotion-balanced training mean, in feature units.
    scale : float or np.ndarray [shape=(D,), dtype=float32]
        The scalar s > 0, in feature units; or one such number per dimension.
    """

    mean: np.ndarray
    scale: float | np.ndarray

    def __post_init__(self) -> None:
        mean = np.ascontiguousarray(self.mean, dtype=np.float32)
        if mean.ndim != 1 or not np.isfinite(mean).all():
            raise InputError("the mean of a scaling must be a finite vector")
        scale = np.asarray(self.scale)
        if scale.shape not in ((), mean.shape) or not (np.isfinite(scale) & (scale > 0)).all():
            raise InputError(
                f"the scale of a scaling must be finite and > 0, one number or {len(mean)}, given "
                f"{self.scale}"
            )
        object.__setattr__(self, "mean", mean)
        one = not scale.shape
        object.__setattr__(
            self, "scale", float(scale) if one else np.ascontiguousarray(scale, dtype=np.float32)
        )

    @property
    def lam_unit(self) -> float:
        """What one unit of λ is in feature units squared per bit: s²; NaN without a common s."""
        return self.scale**2 if isinstance(self.scale, float) else float("nan")

    def lam_raw(self, lam: float) -> float | None:
        """Return λ in feature units squared per bit; None without a common s."""
        return lam * self.lam_unit if isinstance(self.scale, float) else None

    @classmethod
    def fit(
        cls,
        vectors: np.ndarray,
        emotion_of_vector: np.ndarray,
        *,
        kind: ScalingKind = "scalar",
    ) -> "Scaling":
        """Fit the scaling to training vectors.

        Parameters
        ----------
        vectors : np.ndarray [shape=(N, D)]
            Finite feature vectors, a memory map for instance; read in blocks.
        emotion_of_vector : np.ndarray [shape=(N,), str]
            Their emotions; each emotion counts equally.
        kind : {"scalar", "standard", "none"}
            ``scalar``: one s for all dimensions. ``standard``: each dimension by its own standard
            deviation, constant ones by 1. ``none``: z = x.

        Returns
        -------
        Scaling
            Mean and scale.

        Raises
        ------
        InputError
            No vectors, non-finite values, or all vectors equal.
        """
        if len(vectors) == 0:
            raise InputError("no training vectors to fit a scaling to; check the split")
        if kind == "none":
            return cls.none(vectors.shape[1])
        _, codes, counts = np.unique(emotion_of_vector, return_inverse=True, return_counts=True)
        weights = 1.0 / (len(counts) * counts[codes])
        mean = np.zeros(vectors.shape[1])
        for part in _blocks(len(vectors)):
            mean += weights[part] @ vectors[part].astype(np.float64)
        if not np.isfinite(mean).all():
            raise InputError("training vectors hold NaN or infinite values; embed them again")
        variances = np.zeros(vectors.shape[1])
        for part in _blocks(len(vectors)):
            centred = vectors[part].astype(np.float64) - mean
            variances += weights[part] @ (centred * centred)
        if not variances.any():
            raise InputError("all training vectors are equal; there is nothing to quantize")
        if kind == "scalar":
            return cls(mean.astype(np.float32), float(np.sqrt(variances.mean())))
        spread = np.sqrt(variances)
        return cls(mean.astype(np.float32), np.where(spread > _CONSTANT * np.abs(mean), spread, 1))

    @classmethod
    def none(cls, num_dims: int) -> "Scaling":
        """Return the identity, for codecs that come from elsewhere."""
        return cls(np.zeros(num_dims, np.float32), 1.0)

    def forward(self, vectors: np.ndarray) -> np.ndarray:
        """Return z of feature vectors ``[N, D]`` as float32."""
        if vectors.ndim != 2 or vectors.shape[1] != len(self.mean):
            raise InputError(f"vectors have shape {vectors.shape}, expected [N, {len(self.mean)}]")
        z = (vectors.astype(np.float32) - self.mean) / np.asarray(self.scale, np.float32)
        if not np.isfinite(z).all():
            raise InputError("vectors hold NaN or infinite values; embed them again")
        return z

    def inverse(self, z: np.ndarray) -> np.ndarray:
        """Return feature vectors of `z` ``[N, D]`` as float32."""
        return z * np.asarray(self.scale, np.float32) + self.mean


def _blocks(length: int) -> list[slice]:
    return [slice(start, start + _BLOCK) for start in range(0, length, _BLOCK)]
