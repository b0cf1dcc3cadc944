"""What a similarity reduction returns, and the cosine it is measured by.

Letters: ``N`` vectors, ``D`` dimensions.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Reduced:
    """Vectors whose mean centred cosine was lowered to a target.

    Attributes
    ----------
    target, achieved : float
        The mean centred cosine asked for and reached over the set.
    z_hat : np.ndarray [shape=(N, D), dtype=float32]
        The reduced vectors, scaled.
    code_length_bits : np.ndarray [shape=(N,), dtype=float64]
        Bits of each vector under the prior of the method's own training symbols; NaN where there
        is no code.
    """

    target: float
    achieved: float
    z_hat: np.ndarray
    code_length_bits: np.ndarray


def cosine_of(dot: np.ndarray, power: np.ndarray, norm: np.ndarray) -> np.ndarray:
    """Cosine from ⟨z, ẑ⟩, ‖ẑ‖² and ‖z‖; 0 where a side is (numerically) zero."""
    scale = np.sqrt(np.maximum(power, 0.0)) * norm
    safe = scale > 1e-9 * np.maximum(norm, 1.0)
    return np.divide(dot, scale, out=np.zeros_like(scale), where=safe).clip(-1.0, 1.0)
