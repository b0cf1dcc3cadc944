"""What every prior offers: code lengths of whole sequences, and step by step for a search.

Letters: ``N`` vectors, ``S`` symbol positions, ``A`` alphabet size (codes and SKIP).
"""

from typing import ClassVar, Protocol, Self, runtime_checkable

import numpy as np


class Context(Protocol):
    """Prefixes of symbol sequences, all of one length, to which a prior assigns what comes next."""

    def bits(self) -> np.ndarray:
        """Return −log2 p of every symbol at the next position, float64 ``[n, A]``.

        A prior that does not look at the prefix may return one row for all, ``[1, A]``. An
        impossible symbol costs infinity.
        """
        ...

    def extend(self, parents: np.ndarray, symbols: np.ndarray) -> "Context":
        """Return the contexts of prefixes `parents` ``[m]`` (indices), each with a symbol more."""
        ...


@runtime_checkable
class Prior(Protocol):
    """A probability model of the S symbols of a vector, in coding order."""

    kind: ClassVar[str]

    @property
    def num_positions(self) -> int:
        """Symbols per vector, S."""
        ...

    @property
    def alphabet_size(self) -> int:
        """Symbols to choose from at each position, A = K + 1."""
        ...

    @property
    def parameter_bits(self) -> int:
        """Bits of what must be stored to rebuild the prior."""
        ...

    def code_length_bits(self, symbols: np.ndarray) -> np.ndarray:
        """Return Σ −log2 p of each row of `symbols` ``[N, S]`` as float64 ``[N]`` in bits."""
        ...

    def start(self, num_rows: int) -> Context:
        """Return `num_rows` empty prefixes."""
        ...

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays from which `from_tensors` rebuilds the prior."""
        ...

    @classmethod
    def from_tensors(cls, tensors: dict[str, np.ndarray]) -> Self:
        """Rebuild a prior; InputError when the arrays are not those of one."""
        ...


@runtime_checkable
class CodingPrior(Prior, Protocol):
    """A prior in integers, which every platform computes alike: what a bitstream may use."""

    def frequencies_after(self, earlier: np.ndarray) -> np.ndarray:
        """Return the integer frequencies of the next symbol after the prefixes ``[N, s]``, s < S.

        uint32 ``[N, A]``, or ``[1, A]`` where the prefix does not matter; each row sums to
        ``2**20``. A zero means that the symbol cannot occur.
        """
        ...
