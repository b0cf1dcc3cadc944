"""What a search and a codec return, and what given symbols cost.

Letters: ``N`` vectors, ``D`` dimensions, ``S`` symbols per vector.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from quantlab.codebooks.quantizer import Quantizer
from quantlab.entropy import Prior

Mode = Literal["path", "direct"]

_BLOCK = 4096  # vectors priced at a time


@dataclass(frozen=True, eq=False)
class SearchResult:
    """The chosen symbols and what they cost.

    Attributes
    ----------
    symbols : np.ndarray [shape=(N, S), dtype=uint16]
        Indices 0 … K, K being SKIP.
    distortion : np.ndarray [shape=(N,), dtype=float64]
        ‖z − ẑ‖², a sum over the D dimensions.
    code_length_bits : np.ndarray [shape=(N,), dtype=float64]
        Σ −log2 p over the S symbols.
    """

    symbols: np.ndarray
    distortion: np.ndarray
    code_length_bits: np.ndarray

    def cost(self, lam: float) -> np.ndarray:
        """Return J = distortion + λ·bits of each vector, float64 ``[N]``."""
        charge = np.full(self.code_length_bits.shape, np.inf)  # what is impossible is so at λ = 0
        np.multiply(
            lam, self.code_length_bits, out=charge, where=np.isfinite(self.code_length_bits)
        )
        return self.distortion + charge


@dataclass(frozen=True, eq=False)
class Encoded:
    """Vectors after quantization at one λ.

    Attributes
    ----------
    lam : float
        Squared distance in z per bit.
    symbols : np.ndarray [shape=(N, S), dtype=uint16]
        Indices 0 … K, K being SKIP.
    distortion : np.ndarray [shape=(N,), dtype=float64]
        ‖z − ẑ‖² of each vector.
    code_length_bits : np.ndarray [shape=(N,), dtype=float64]
        Σ −log2 p of each vector.
    mode : {"path", "direct"}
        How the symbols were chosen.
    """

    lam: float
    symbols: np.ndarray
    distortion: np.ndarray
    code_length_bits: np.ndarray
    mode: Mode


def price(quantizer: Quantizer, z: np.ndarray, symbols: np.ndarray, prior: Prior) -> SearchResult:
    """Return what given symbols ``[N, S]`` cost for vectors `z` ``[N, D]``; see `search`."""
    distortion = np.empty(len(z))
    for start in range(0, len(z), _BLOCK):
        part = slice(start, start + _BLOCK)
        error = np.asarray(z[part], np.float64) - quantizer.decode(symbols[part])
        distortion[part] = np.einsum("nd,nd->n", error, error)
    bits = prior.code_length_bits(symbols)
    return SearchResult(symbols.astype(np.uint16), distortion, bits)
