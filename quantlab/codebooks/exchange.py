"""Training rows that are spread over processes, and how the processes share what they count.

Letters as in `quantizer`; a row's *number* counts over all processes, in the order of their ranks.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from quantlab.errors import InputError

if TYPE_CHECKING:
    import torch

BLOCK = 1 << 16  # rows read at a time


class Exchange(Protocol):
    """How processes that hold different rows of the training vectors share what they counted."""

    @property
    def rank(self) -> int:
        """Which process this is, 0 … size − 1."""
        ...

    @property
    def size(self) -> int:
        """Number of processes."""
        ...

    def all_reduce(self, tensor: "torch.Tensor") -> "torch.Tensor":
        """Return the sum of every process's tensor, the same everywhere."""
        ...

    def broadcast(self, tensor: "torch.Tensor") -> "torch.Tensor":
        """Return the first process's tensor."""
        ...


@dataclass(frozen=True)
class Alone:
    """The exchange of a process that holds all rows."""

    rank: int = 0
    size: int = 1

    def all_reduce(self, tensor: "torch.Tensor") -> "torch.Tensor":
        """Return the tensor."""
        return tensor

    def broadcast(self, tensor: "torch.Tensor") -> "torch.Tensor":
        """Return the tensor."""
        return tensor


ALONE = Alone()


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of one process among those of all.

    Attributes
    ----------
    values : np.ndarray [shape=(n, D)]
        Any real type and layout; a memory map is read in blocks.
    first, total : int
        Number of the first row here, and of all rows everywhere.
    """

    values: np.ndarray
    first: int
    total: int

    @classmethod
    def spread_over(cls, values: np.ndarray, exchange: Exchange, *, device: str) -> "Rows":
        """Agree with the other processes on who holds which rows."""
        import torch

        sizes = torch.zeros(exchange.size, dtype=torch.int64, device=device)
        sizes[exchange.rank] = len(values)
        sizes = exchange.all_reduce(sizes).cpu().numpy()
        return cls(values, int(sizes[: exchange.rank].sum()), int(sizes.sum()))

    def take(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return those of the numbered rows that are here, float32 ``[m, D]``, and their places.

        Places are positions in `numbers`, ascending.
        """
        inside = (numbers >= self.first) & (numbers < self.first + len(self.values))
        places = np.flatnonzero(inside)
        wanted = numbers[places] - self.first
        ascending = np.argsort(wanted)  # a memory map is read in its own order
        rows = np.empty((len(wanted), self.values.shape[1]), np.float32)
        for start in range(0, len(wanted), BLOCK):
            part = ascending[start : start + BLOCK]
            rows[part] = self.values[wanted[part]]
        return _finite(rows), places

    def block(self, start: int) -> np.ndarray:
        """Return up to 65 536 of the rows here from `start` on, float32 and contiguous."""
        return _finite(np.array(self.values[start : start + BLOCK], dtype=np.float32, order="C"))


def _finite(rows: np.ndarray) -> np.ndarray:
    if not np.isfinite(rows).all():
        raise InputError("training vectors hold NaN or infinite values; check the embedding set")
    return rows
