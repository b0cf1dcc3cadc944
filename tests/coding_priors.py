"""Priors for tests of the coder, in plain tables, and symbols made of whole numbers only."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

TOTAL = 1 << 20


@dataclass(frozen=True)
class RowsPrior:
    """A table of its own for every vector: frequencies ``[N, S, A]``; one row serves all, too."""

    frequencies: np.ndarray
    kind: ClassVar[str] = "rows"

    @property
    def num_positions(self) -> int:
        return self.frequencies.shape[1]

    @property
    def alphabet_size(self) -> int:
        return self.frequencies.shape[2]

    def frequencies_after(self, earlier: np.ndarray) -> np.ndarray:
        return self.frequencies[: len(earlier), earlier.shape[1]]


@dataclass(frozen=True)
class ShiftPrior:
    """An autoregression: one table ``[A]``, rotated by the sum of the symbols before."""

    table: np.ndarray
    num_positions: int
    kind: ClassVar[str] = "shift"

    @property
    def alphabet_size(self) -> int:
        return len(self.table)

    @property
    def parameter_bits(self) -> int:
        return 20 * len(self.table)

    def frequencies_after(self, earlier: np.ndarray) -> np.ndarray:
        shift = earlier.astype(np.int64).sum(axis=1, keepdims=True)
        return self.table[(np.arange(len(self.table)) - shift) % len(self.table)]

    def code_length_bits(self, symbols: np.ndarray) -> np.ndarray:
        bits = np.zeros(len(symbols))
        for position in range(symbols.shape[1]):
            rows = self.frequencies_after(symbols[:, :position])
            bits += 20 - np.log2(rows[np.arange(len(symbols)), symbols[:, position]])
        return bits

    def start(self, num_rows: int) -> None:
        raise NotImplementedError

    def tensors(self) -> dict[str, np.ndarray]:
        return {"table": self.table}

    @classmethod
    def from_tensors(cls, tensors: dict[str, np.ndarray]) -> "ShiftPrior":
        raise NotImplementedError


def whole_numbers(count: int, *, below: int, seed: int = 1) -> np.ndarray:
    """Return `count` whole numbers from a linear congruential generator, the same everywhere."""
    found = []
    for _ in range(count):
        seed = (6364136223846793005 * seed + 1442695040888963407) % (1 << 64)
        found.append((seed >> 33) % below)
    return np.array(found, np.int64)


def frequencies_of(counts: np.ndarray) -> np.ndarray:
    """Scale counts ``[..., A]`` to frequencies that sum to 2**20; zeros stay zero."""
    scaled = counts.astype(np.int64) * TOTAL // counts.sum(axis=-1, keepdims=True)
    flat = scaled.reshape(-1, scaled.shape[-1])
    flat[np.arange(len(flat)), flat.argmax(axis=1)] += TOTAL - flat.sum(axis=1)
    return scaled.astype(np.uint32)
