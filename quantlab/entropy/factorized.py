"""The factorized prior: an order-0 model of each symbol position, in integer tables.

Letters: ``N`` vectors, ``S`` symbol positions, ``A`` alphabet size (codes and SKIP). Probabilities
are integer frequencies that sum to ``2**PRECISION_BITS``, so that every platform computes the same
code lengths and a decoder can rebuild the table exactly.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from quantlab.errors import InputError

PRECISION_BITS = 20
_TOTAL = 1 << PRECISION_BITS
_SMOOTHING = 0.5  # Krichevsky and Trofimov's estimator: half a count for every symbol


@dataclass(frozen=True)
class FactorizedPrior:
    """Independent symbol frequencies at each position.

    Attributes
    ----------
    frequencies : np.ndarray [shape=(S, A), dtype=uint32]
        Each row sums to ``2**20`` and holds no zero, so every symbol can be coded.
    """

    frequencies: np.ndarray
    kind: ClassVar[str] = "factorized"

    def __post_init__(self) -> None:
        table = np.asarray(self.frequencies)
        if table.ndim != 2 or table.dtype.kind not in "ui":
            raise InputError(
                f"frequencies must be integers [S, A], given {table.dtype} {table.shape}"
            )
        if (
            table.size == 0
            or table.min() < 1
            or (table.sum(axis=1, dtype=np.int64) != _TOTAL).any()
        ):
            raise InputError(f"each row of frequencies must be positive and sum to {_TOTAL}")
        object.__setattr__(self, "frequencies", np.ascontiguousarray(table, dtype=np.uint32))

    @classmethod
    def from_counts(cls, counts: np.ndarray) -> "FactorizedPrior":
        """Fit the prior to symbol counts, each raised by one half.

        Parameters
        ----------
        counts : np.ndarray [shape=(S, A)]
            How often each symbol was emitted at each position; finite and not negative. All zero
            gives the uniform prior.

        Returns
        -------
        FactorizedPrior
            Frequencies within one unit of ``2**20`` times the smoothed shares.

        Raises
        ------
        InputError
            Counts are negative, not finite, not a matrix, or the alphabet exceeds the precision.

        References
        ----------
        Krichevsky and Trofimov, "The performance of universal encoding", IEEE Trans. Inf. Theory
        27 (1981), equation 4.
        """
        weights = np.asarray(counts, dtype=np.float64)
        _check_shape("counts", weights)
        if not np.isfinite(weights).all() or (weights < 0).any():
            raise InputError("counts must be finite and not negative")
        return cls(_frequencies(weights + _SMOOTHING))

    @classmethod
    def from_weights(cls, weights: np.ndarray) -> "FactorizedPrior":
        """Make the prior of given probabilities, or of weights in proportion to them.

        Parameters
        ----------
        weights : np.ndarray [shape=(S, A)]
            Positive and finite.

        Returns
        -------
        FactorizedPrior
            Frequencies ``1 + p·(2**20 − A)``, rounded down; what that leaves, less than A units,
            goes to the most probable symbol of a position.

        Raises
        ------
        InputError
            Weights are not positive, not finite, not a matrix, or the alphabet exceeds the
            precision.
        """
        given = np.asarray(weights, dtype=np.float64)
        _check_shape("weights", given)
        if not np.isfinite(given).all() or (given <= 0).any():
            raise InputError("weights must be finite and positive")
        return cls(_frequencies(given))

    @classmethod
    def fit(cls, symbols: np.ndarray, *, alphabet_size: int) -> "FactorizedPrior":
        """Fit the prior to emitted symbols ``[N, S]``; see `from_counts`."""
        return cls.from_counts(count_symbols(symbols, alphabet_size=alphabet_size))

    @classmethod
    def uniform(cls, num_positions: int, *, alphabet_size: int) -> "FactorizedPrior":
        """Return the prior that expects every symbol alike."""
        return cls.from_counts(np.zeros((num_positions, alphabet_size)))

    @classmethod
    def from_tensors(cls, tensors: dict[str, np.ndarray]) -> "FactorizedPrior":
        """Rebuild the prior from what `tensors` gave; InputError when that is incomplete."""
        if set(tensors) != {"frequencies"}:
            raise InputError(f"a factorized prior has frequencies, given {sorted(tensors)}")
        return cls(tensors["frequencies"])

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays from which `from_tensors` rebuilds the prior."""
        return {"frequencies": self.frequencies}

    @property
    def num_positions(self) -> int:
        """Symbols per vector, S."""
        return self.frequencies.shape[0]

    @property
    def alphabet_size(self) -> int:
        """Symbols to choose from at each position, A = K + 1."""
        return self.frequencies.shape[1]

    @property
    def parameter_bits(self) -> int:
        """Bits of the stored table; the last entry of a row follows from the others."""
        return self.num_positions * (self.alphabet_size - 1) * PRECISION_BITS

    def bits_table(self) -> np.ndarray:
        """Return the code length of every symbol, −log2 p, as float64 ``[S, A]`` in bits."""
        return PRECISION_BITS - np.log2(self.frequencies.astype(np.float64))

    def code_length_bits(self, symbols: np.ndarray) -> np.ndarray:
        """Return Σ −log2 p of each row of `symbols` ``[N, S]`` as float64 ``[N]`` in bits."""
        checked = check_symbols(symbols, alphabet_size=self.alphabet_size)
        if checked.shape[1] != self.num_positions:
            raise InputError(
                f"symbols have {checked.shape[1]} positions, the prior {self.num_positions}"
            )
        return self.bits_table()[np.arange(self.num_positions), checked].sum(axis=1)

    def start(self, num_rows: int) -> "FactorizedContext":
        """Return empty prefixes; what was chosen before does not matter to this prior."""
        return FactorizedContext(self.bits_table(), 0)

    def frequencies_after(self, earlier: np.ndarray) -> np.ndarray:
        """Return the frequencies ``[1, A]`` of the position after prefixes ``[N, s]``."""
        return self.frequencies[earlier.shape[1]][None]


def _check_shape(name: str, table: np.ndarray) -> None:
    if table.ndim != 2 or not 2 <= table.shape[1] <= _TOTAL // 2:
        raise InputError(f"{name} must be [S, A] with 2 <= A <= {_TOTAL // 2}, given {table.shape}")


def _frequencies(weights: np.ndarray) -> np.ndarray:
    """Return positive integers [S, A] in proportion to weights; each row sums to the total."""
    share = weights / weights.sum(axis=1, keepdims=True)
    # One unit for everybody first, so that no symbol can become impossible to code.
    table = 1 + np.floor(share * (_TOTAL - weights.shape[1])).astype(np.int64)
    rows = np.arange(len(table))
    table[rows, share.argmax(axis=1)] += _TOTAL - table.sum(axis=1)
    return table.astype(np.uint32)


@dataclass(frozen=True)
class FactorizedContext:
    """Any prefixes of one length under a factorized prior.

    Attributes
    ----------
    table : np.ndarray [shape=(S, A), dtype=float64]
        Code lengths in bits.
    position : int
        Symbols that the prefixes hold.
    """

    table: np.ndarray
    position: int

    def bits(self) -> np.ndarray:
        """Return the code lengths ``[1, A]`` of the next symbol, the same for every prefix."""
        return self.table[self.position][None]

    def extend(self, parents: np.ndarray, symbols: np.ndarray) -> "FactorizedContext":
        """Return the context of prefixes that are one symbol longer."""
        return FactorizedContext(self.table, self.position + 1)


def check_symbols(symbols: np.ndarray, *, alphabet_size: int) -> np.ndarray:
    """Return `symbols` as int64 ``[N, S]``; InputError when not integers in ``[0, A)``."""
    array = np.asarray(symbols)
    if array.ndim != 2 or array.dtype.kind not in "ui":
        raise InputError(f"symbols must be integers [N, S], given {array.dtype} {array.shape}")
    if array.size and (array.min() < 0 or array.max() >= alphabet_size):
        raise InputError(
            f"symbols must lie in 0 … {alphabet_size - 1}, given {array.min()} … {array.max()}"
        )
    return array.astype(np.int64)


def count_symbols(symbols: np.ndarray, *, alphabet_size: int) -> np.ndarray:
    """Count each symbol at each position: int64 ``[S, A]`` from symbols ``[N, S]``."""
    checked = check_symbols(symbols, alphabet_size=alphabet_size)
    num_positions = checked.shape[1]
    flat = checked + alphabet_size * np.arange(num_positions)
    counts = np.bincount(flat.ravel(), minlength=num_positions * alphabet_size)
    return counts.reshape(num_positions, alphabet_size)
