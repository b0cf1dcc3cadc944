"""The trellis prior: a finite-state machine whose state says what may come next, and how often.

Letters: ``N`` vectors, ``S`` symbol positions, ``A`` alphabet size, ``Z`` states. Everybody starts
in state 0. A symbol of frequency zero is impossible in that state: this is how a trellis-coded
quantizer offers each state its own subset of one codebook. All tables are integers, so every
platform follows the same path.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from quantlab.entropy.factorized import PRECISION_BITS, check_symbols
from quantlab.errors import InputError

_TOTAL = 1 << PRECISION_BITS
_MAX_STATES = 1 << 12
_TENSORS = {"frequency_rows", "frequency_index", "next_rows", "next_index"}


@dataclass(frozen=True, eq=False)
class TrellisPrior:
    """Symbol frequencies at each position and state, and the state that each symbol leads to.

    Attributes
    ----------
    frequencies : np.ndarray [shape=(S, Z, A), dtype=uint32]
        Each row sums to ``2**20``; zero marks an impossible symbol.
    next_states : np.ndarray [shape=(S, Z, A), dtype=uint16]
        0 … Z − 1; of impossible symbols without meaning.
    """

    frequencies: np.ndarray
    next_states: np.ndarray
    kind: ClassVar[str] = "trellis"

    def __post_init__(self) -> None:
        table, following = np.asarray(self.frequencies), np.asarray(self.next_states)
        for name, array in (("frequencies", table), ("next_states", following)):
            if array.ndim != 3 or array.dtype.kind not in "ui" or array.size == 0:
                raise InputError(
                    f"{name} must be integers [S, Z, A], none of them empty, "
                    f"given {array.dtype} {array.shape}"
                )
        if table.shape != following.shape:
            raise InputError(
                f"frequencies {table.shape} and next_states {following.shape} differ in shape"
            )
        if table.shape[1] > _MAX_STATES:
            raise InputError(f"{table.shape[1]} states are too many, at most {_MAX_STATES}")
        if table.min() < 0 or (table.sum(axis=2, dtype=np.int64) != _TOTAL).any():
            raise InputError(f"each row of frequencies must be >= 0 and sum to {_TOTAL}")
        if following.min() < 0 or following.max() >= table.shape[1]:
            raise InputError(f"next_states must lie in 0 … {table.shape[1] - 1}")
        object.__setattr__(self, "frequencies", np.ascontiguousarray(table, dtype=np.uint32))
        object.__setattr__(self, "next_states", np.ascontiguousarray(following, dtype=np.uint16))

    @property
    def num_positions(self) -> int:
        """Symbols per vector, S."""
        return self.frequencies.shape[0]

    @property
    def num_states(self) -> int:
        """States of the machine, Z."""
        return self.frequencies.shape[1]

    @property
    def alphabet_size(self) -> int:
        """Symbols to choose from at each position, A = K + 1."""
        return self.frequencies.shape[2]

    @property
    def parameter_bits(self) -> int:
        """Bits of the different rows of both tables, and of saying which row stands where.

        Of a row of frequencies: one bit a symbol for whether it is possible, and the frequencies of
        the possible ones but the last. Of a row of next states: one state for each symbol.
        """
        stored = self.tensors()
        rows, following = stored["frequency_rows"], stored["next_rows"]
        places = stored["frequency_index"].size
        bits = rows.size + PRECISION_BITS * int((rows > 0).sum() - len(rows))
        bits += following.size * math.ceil(math.log2(self.num_states))
        return bits + places * sum(math.ceil(math.log2(len(kept))) for kept in (rows, following))

    @cached_property
    def state_bits(self) -> np.ndarray:
        """Code lengths −log2 p, float64 ``[S, Z, A]`` in bits, infinite where impossible."""
        with np.errstate(divide="ignore"):
            return PRECISION_BITS - np.log2(self.frequencies.astype(np.float64))

    @cached_property
    def cheapest_symbols(self) -> np.ndarray:
        """The symbols of the cheapest sequence, uint16 ``[S]``: the output as λ grows."""
        best = self.state_bits[-1].min(axis=1)
        choices = [self.state_bits[-1].argmin(axis=1)]
        for position in range(self.num_positions - 2, -1, -1):
            onward = self.state_bits[position] + best[self.next_states[position]]
            choices.append(onward.argmin(axis=1))
            best = onward.min(axis=1)
        symbols, state = [], 0
        for position, choice in enumerate(reversed(choices)):
            symbols.append(choice[state])
            state = self.next_states[position, state, choice[state]]
        return np.array(symbols, np.uint16)

    def states(self, symbols: np.ndarray) -> np.ndarray:
        """Return the state before each symbol and after the last, int64 ``[N, s + 1]``.

        Parameters
        ----------
        symbols : np.ndarray [shape=(N, s)]
            Prefixes of at most S symbols.

        Raises
        ------
        InputError
            Symbols are not integers in 0 … A − 1, or there are more than S.
        """
        checked = check_symbols(symbols, alphabet_size=self.alphabet_size)
        if checked.shape[1] > self.num_positions:
            raise InputError(
                f"symbols have {checked.shape[1]} positions, the prior {self.num_positions}"
            )
        out = np.zeros((len(checked), checked.shape[1] + 1), np.int64)
        for position in range(checked.shape[1]):
            step = self.next_states[position]
            out[:, position + 1] = step[out[:, position], checked[:, position]]
        return out

    def code_length_bits(self, symbols: np.ndarray) -> np.ndarray:
        """Return Σ −log2 p of each row of `symbols` ``[N, S]`` as float64 ``[N]`` in bits.

        Infinite for a sequence that holds an impossible symbol.
        """
        states = self.states(symbols)
        if states.shape[1] != self.num_positions + 1:
            raise InputError(
                f"symbols have {states.shape[1] - 1} positions, the prior {self.num_positions}"
            )
        total = np.zeros(len(states))
        for position in range(self.num_positions):
            total += self.state_bits[position][states[:, position], symbols[:, position]]
        return total

    def start(self, num_rows: int) -> "TrellisContext":
        """Return `num_rows` empty prefixes, all in state 0."""
        return TrellisContext(self, 0, np.zeros(num_rows, np.int64))

    def frequencies_after(self, earlier: np.ndarray) -> np.ndarray:
        """Return the frequencies ``[N, A]`` of the position after prefixes ``[N, s]``."""
        return self.frequencies[earlier.shape[1]][self.states(earlier)[:, -1]]

    def start_coding(self, num_rows: int) -> "TrellisSteps":
        """Return the state of coding `num_rows` vectors side by side, before their first symbol."""
        return TrellisSteps(self, num_rows)

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays from which `from_tensors` rebuilds the prior: each row kept once."""
        rows, index = np.unique(
            self.frequencies.reshape(-1, self.alphabet_size), axis=0, return_inverse=True
        )
        # What an impossible symbol leads to is without meaning: zero there keeps rows alike.
        meant = np.where(self.frequencies > 0, self.next_states, 0).astype(np.uint16)
        following, next_index = np.unique(
            meant.reshape(-1, self.alphabet_size), axis=0, return_inverse=True
        )
        places = self.frequencies.shape[:2]
        return {
            "frequency_rows": rows,
            "frequency_index": index.reshape(places).astype(np.uint32),
            "next_rows": following,
            "next_index": next_index.reshape(places).astype(np.uint32),
        }

    @classmethod
    def from_tensors(cls, tensors: dict[str, np.ndarray]) -> "TrellisPrior":
        """Rebuild the prior from what `tensors` gave; InputError when that is incomplete."""
        if set(tensors) != _TENSORS:
            raise InputError(f"a trellis prior has {sorted(_TENSORS)}, given {sorted(tensors)}")
        return cls(
            _spread(tensors["frequency_rows"], tensors["frequency_index"]),
            _spread(tensors["next_rows"], tensors["next_index"]),
        )


def _spread(rows: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Put row ``index[...]`` of `rows` everywhere."""
    fits = rows.ndim == 2 and index.ndim == 2 and index.dtype.kind in "ui" and index.size > 0
    if not fits or index.min() < 0 or index.max() >= len(rows):
        raise InputError(
            f"a table of a trellis prior is malformed: rows {rows.shape}, index {index.shape}"
        )
    return rows[index]


@dataclass(frozen=True, eq=False)
class TrellisContext:
    """Prefixes of one length under a trellis prior.

    Attributes
    ----------
    prior : TrellisPrior
        The machine.
    position : int
        Symbols that the prefixes hold.
    states : np.ndarray [shape=(n,), dtype=int64]
        Where each of them stands.
    """

    prior: TrellisPrior
    position: int
    states: np.ndarray

    def bits(self) -> np.ndarray:
        """Return the code lengths ``[n, A]`` of the next symbol."""
        return self.prior.state_bits[self.position][self.states]

    def extend(self, parents: np.ndarray, symbols: np.ndarray) -> "TrellisContext":
        """Return the contexts of prefixes `parents`, each with a symbol more."""
        following = self.prior.next_states[self.position][self.states[parents], symbols]
        return TrellisContext(self.prior, self.position + 1, following.astype(np.int64))


class TrellisSteps:
    """Frequencies of several vectors at once, position after position, as a coder wants them."""

    def __init__(self, prior: TrellisPrior, num_rows: int) -> None:
        self._prior = prior
        self._position = 0
        self._states = np.zeros(num_rows, np.int64)

    def frequencies(self) -> np.ndarray:
        """Return the frequencies ``[N, A]`` of the next symbol, uint32."""
        return self._prior.frequencies[self._position][self._states]

    def append(self, symbols: np.ndarray) -> None:
        """Take the symbols ``[N]`` that came."""
        step = self._prior.next_states[self._position]
        self._states = step[self._states, symbols].astype(np.int64)
        self._position += 1
