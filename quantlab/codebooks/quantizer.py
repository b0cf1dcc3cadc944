"""Residual quantizers: plain (RVQ) and grouped (GRVQ), with a SKIP symbol at every stage.

Letters: ``N`` vectors, ``D`` dimensions, ``G`` groups, ``Q`` stages, ``K`` codes, ``S = G·Q``
symbols per vector in the order group outer, stage inner. Symbol ``K`` is SKIP and adds zero.
"""

from dataclasses import dataclass

import numpy as np

from quantlab.entropy import FactorizedPrior, check_symbols
from quantlab.errors import InputError


@dataclass(frozen=True, eq=False)
class Quantizer:
    """Codebooks that sum, stage by stage, to a reconstruction of each group of dimensions.

    Attributes
    ----------
    codebooks : np.ndarray [shape=(G, Q, K, D/G), dtype=float32]
        Finite code vectors, SKIP not included.
    """

    codebooks: np.ndarray

    def __post_init__(self) -> None:
        books = np.asarray(self.codebooks)
        if books.ndim != 4 or 0 in books.shape:
            raise InputError(f"codebooks must be [G, Q, K, D/G], none empty, given {books.shape}")
        if not np.isfinite(books).all():
            raise InputError("codebooks hold NaN or infinite values; train the codec again")
        object.__setattr__(self, "codebooks", np.ascontiguousarray(books, dtype=np.float32))

    @property
    def num_groups(self) -> int:
        """Groups of dimensions, G."""
        return self.codebooks.shape[0]

    @property
    def num_stages(self) -> int:
        """Residual stages per group, Q."""
        return self.codebooks.shape[1]

    @property
    def num_codes(self) -> int:
        """Codes per stage without SKIP, K."""
        return self.codebooks.shape[2]

    @property
    def skip(self) -> int:
        """The index of SKIP, K."""
        return self.num_codes

    @property
    def num_dims(self) -> int:
        """Dimensions of a vector, D."""
        return self.num_groups * self.codebooks.shape[3]

    @property
    def num_symbols(self) -> int:
        """Symbols per vector, S = G·Q."""
        return self.num_groups * self.num_stages

    @property
    def alphabet_size(self) -> int:
        """Symbols to choose from at each position, K + 1."""
        return self.num_codes + 1

    @property
    def parameter_bits(self) -> int:
        """Bits of the codebooks in single precision."""
        return 32 * self.codebooks.size

    def grouped(self, vectors: np.ndarray) -> np.ndarray:
        """View vectors ``[N, D]`` as ``[N, G, D/G]``; InputError when D is another."""
        if vectors.ndim != 2 or vectors.shape[1] != self.num_dims:
            raise InputError(
                f"vectors have shape {vectors.shape}, the quantizer takes [N, {self.num_dims}]"
            )
        return vectors.reshape(len(vectors), self.num_groups, self.codebooks.shape[3])

    def decode(self, symbols: np.ndarray, *, num_stages: int | None = None) -> np.ndarray:
        """Reconstruct vectors from symbols.

        Parameters
        ----------
        symbols : np.ndarray [shape=(N, S)]
            Integers in 0 … K.
        num_stages : int, optional
            Use only the first stages of every group, 0 … Q.

        Returns
        -------
        np.ndarray [shape=(N, D), dtype=float32]
            Sums of code vectors, added in stage order.

        Raises
        ------
        InputError
            Symbols are out of range or not ``[N, S]``, or `num_stages` is not 0 … Q.
        """
        checked = check_symbols(symbols, alphabet_size=self.alphabet_size)
        if checked.shape[1] != self.num_symbols:
            raise InputError(
                f"symbols have {checked.shape[1]} positions, expected {self.num_symbols}"
            )
        stages = self.num_stages if num_stages is None else num_stages
        if not 0 <= stages <= self.num_stages:
            raise InputError(f"num_stages is {stages}; this quantizer has 0 … {self.num_stages}")
        by_group = checked.reshape(-1, self.num_groups, self.num_stages)
        books = self.with_skip()
        out = np.zeros((len(checked), self.num_groups, books.shape[3]), np.float32)
        for group in range(self.num_groups):
            for stage in range(stages):
                out[:, group] += books[group, stage, by_group[:, group, stage]]
        return out.reshape(len(checked), self.num_dims)

    def with_skip(self) -> np.ndarray:
        """Return the codebooks with the zero vector of SKIP appended, ``[G, Q, K + 1, D/G]``."""
        zero = np.zeros((self.num_groups, self.num_stages, 1, self.codebooks.shape[3]), np.float32)
        return np.concatenate([self.codebooks, zero], axis=2)


def uniform_prior(quantizer: Quantizer) -> FactorizedPrior:
    """Return the prior under which every symbol of a quantizer costs the same."""
    return FactorizedPrior.uniform(quantizer.num_symbols, alphabet_size=quantizer.alphabet_size)
