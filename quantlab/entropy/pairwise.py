"""The pairwise prior: a log-linear autoregression over the symbols of a vector, in integers.

The logits of position s are b_s + Σ_{r<s} W_rs[symbol_r]. Here b_s is a row of frequencies, as a
factorized prior has it, and W_rs = E_r·V_s, of low rank, plus a full table for the few pairs of
positions that need one. E, V and the tables are whole numbers; `integers` makes frequencies of
them. Sums of products are computed in floating point, but in a precision in which all of them are
exact (see `_exact_type`), so every platform and every matrix library gets the same numbers.

Letters: ``N`` vectors, ``S`` symbol positions, ``A`` alphabet size, ``R`` rank, ``P`` full tables.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from quantlab.entropy.factorized import FactorizedPrior, check_symbols
from quantlab.entropy.integers import TILT_BITS, TILT_LIMIT, Base, code_lengths, split_base, spread
from quantlab.errors import InputError

if TYPE_CHECKING:
    from quantlab.entropy.pairwise_fit import PairwiseSettings

_BLOCK = 4096  # rows held at a time
_MOST_SHIFT = 32
_TYPES = {"pairs": np.int64, "tables": np.int8}
_NAMES = ("frequencies", "effects", "loadings", "shift", "pairs", "tables")


@dataclass(frozen=True, eq=False)
class PairwisePrior:
    """Symbol frequencies tilted by all symbols before.

    Attributes
    ----------
    frequencies : np.ndarray [shape=(S, A), dtype=uint32]
        Frequencies at each position before the tilt; each row is positive and sums to ``2**20``.
    effects : np.ndarray [shape=(S, A, R), dtype=int16]
        E: what each symbol adds to the state that later positions see. Those of the last position
        are zero.
    loadings : np.ndarray [shape=(S, R, A), dtype=int16]
        V: what the state does to each symbol. Those of the first position are zero.
    shift : int
        Bits dropped from products of the two; what is left is in units of ``2**-10`` bits.
    pairs : np.ndarray [shape=(P, 2), dtype=int64]
        Positions (s, r), r < s, that have a full table, in ascending order.
    tables : np.ndarray [shape=(P, A, A), dtype=int8]
        Tilt of each symbol at s for each symbol at r, in units of ``2**-4`` bits.
    """

    frequencies: np.ndarray
    effects: np.ndarray
    loadings: np.ndarray
    shift: int
    pairs: np.ndarray
    tables: np.ndarray
    kind: ClassVar[str] = "pairwise"

    def __post_init__(self) -> None:
        base = FactorizedPrior(self.frequencies).frequencies
        object.__setattr__(self, "frequencies", base)
        num_positions, alphabet = base.shape
        rank = self.effects.shape[-1] if self.effects.ndim == 3 else -1
        num_tables = len(self.pairs)
        shapes = {
            "effects": (num_positions, alphabet, rank),
            "loadings": (num_positions, rank, alphabet),
            "pairs": (num_tables, 2),
            "tables": (num_tables, alphabet, alphabet),
        }
        for name, shape in shapes.items():
            array, dtype = getattr(self, name), _TYPES.get(name, np.int16)
            if array.shape != shape or array.dtype != dtype:
                raise InputError(
                    f"{name} of a pairwise prior must be {np.dtype(dtype)} {shape}, "
                    f"given {array.dtype} {array.shape}"
                )
            object.__setattr__(self, name, np.ascontiguousarray(array))
        self._check_values()

    def _check_values(self) -> None:
        if not 0 <= self.shift <= _MOST_SHIFT:
            raise InputError(f"shift is {self.shift}; it must be 0 … {_MOST_SHIFT}")
        if self.effects[-1].any() or self.loadings[0].any():
            raise InputError("the last position has no effects and the first no loadings")
        places = [(int(s), int(r)) for s, r in self.pairs]
        if any(not 0 <= r < s < self.num_positions for s, r in places):
            raise InputError(f"pairs are positions (s, r), 0 <= r < s < {self.num_positions}")
        if places != sorted(set(places)):
            raise InputError("pairs must be in ascending order, each once")
        whole = np.abs(self.tables.astype(np.int64)).max(axis=(1, 2), initial=0) << TILT_BITS
        tilts = np.bincount(self.pairs[:, 0], whole, minlength=self.num_positions)
        if (tilts + self._bounds / (1 << self.shift) >= TILT_LIMIT).any():
            raise InputError("the weights of a pairwise prior are too large; fit it again")

    @classmethod
    def fit(
        cls,
        symbols: np.ndarray,
        *,
        alphabet_size: int,
        rng: np.random.Generator,
        stages: int = 0,
        groups: np.ndarray | None = None,
        weights: np.ndarray | None = None,
        settings: "PairwiseSettings | None" = None,
    ) -> "PairwisePrior":
        """Fit the prior to emitted symbols; see `fit_pairwise`."""
        from quantlab.entropy.pairwise_fit import fit_pairwise

        return fit_pairwise(
            symbols,
            alphabet_size=alphabet_size,
            rng=rng,
            stages=stages,
            groups=groups,
            weights=weights,
            settings=settings,
        )

    @classmethod
    def from_factorized(cls, prior: FactorizedPrior) -> "PairwisePrior":
        """Return the pairwise prior that ignores what came before, equal to `prior`."""
        num_positions, alphabet = prior.frequencies.shape
        return cls(
            prior.frequencies,
            np.zeros((num_positions, alphabet, 0), np.int16),
            np.zeros((num_positions, 0, alphabet), np.int16),
            0,
            np.zeros((0, 2), np.int64),
            np.zeros((0, alphabet, alphabet), np.int8),
        )

    @classmethod
    def from_tensors(cls, tensors: dict[str, np.ndarray]) -> "PairwisePrior":
        """Rebuild the prior from what `tensors` gave; InputError when they are not those of one."""
        if set(tensors) != set(_NAMES):
            raise InputError(f"a pairwise prior has {', '.join(_NAMES)}, given {sorted(tensors)}")
        shift = np.asarray(tensors["shift"])
        if shift.shape != (1,) or shift.dtype.kind not in "ui":
            raise InputError(f"shift must be one whole number, given {shift.dtype} {shift.shape}")
        tables = np.asarray(tensors["tables"])
        if tables.dtype != np.uint8:
            raise InputError(f"tables must be stored as uint8, given {tables.dtype}")
        return cls(**{**tensors, "shift": int(shift[0]), "tables": tables.view(np.int8)})

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays from which `from_tensors` rebuilds the prior.

        Tables are given as uint8, the same bits: tensor files here know no int8.
        """
        arrays = {name: getattr(self, name) for name in _NAMES}
        return {**arrays, "shift": np.array([self.shift]), "tables": self.tables.view(np.uint8)}

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
        """Bits of the tables, each array in the fewest bits that hold all its entries."""
        base = FactorizedPrior(self.frequencies).parameter_bits
        arrays = (self.effects[:-1], self.loadings[1:], self.tables)
        return base + sum(_width(array) * array.size for array in arrays)

    @cached_property
    def _bounds(self) -> np.ndarray:
        """Upper bounds ``[S]`` on Σ|E·V|, the sums in any order and all partial ones."""
        reach = np.abs(self.effects.astype(np.int64)).max(axis=1, initial=0)  # [S, R]
        before = np.concatenate([np.zeros((1, reach.shape[1]), np.int64), reach.cumsum(0)[:-1]])
        loadings = np.abs(self.loadings.astype(np.int64))
        return np.einsum("sr,sra->sa", before, loadings).max(axis=1, initial=0)

    @cached_property
    def _factors(self) -> tuple[np.ndarray, np.ndarray]:
        """E and V in the floating-point type in which their products are exact."""
        dtype = _exact_type(int(self._bounds.max()))
        return self.effects.astype(dtype), self.loadings.astype(dtype)

    @cached_property
    def _bases(self) -> list[Base]:
        return [split_base(row) for row in self.frequencies]

    @cached_property
    def _own_tables(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each position, the earlier positions that have a table, and the tables."""
        places = [self.pairs[:, 0] == position for position in range(self.num_positions)]
        return [(self.pairs[place, 1], self.tables[place]) for place in places]

    def _row_frequencies(self, state: np.ndarray, earlier: np.ndarray) -> np.ndarray:
        """Frequencies after prefixes ``[n, s]`` whose effects sum to `state` ``[n, R]``."""
        position = earlier.shape[1]
        predecessors, tables = self._own_tables[position]
        chosen = np.ascontiguousarray(earlier[:, predecessors], dtype=np.int64)
        products = state @ self._factors[1][position]
        return spread(products, self.shift, tables, chosen, self._bases[position])

    def frequencies_after(self, earlier: np.ndarray) -> np.ndarray:
        """Return the frequencies of the position after prefixes ``[N, s]``, s < S.

        Going through the positions one by one is cheaper with `start_coding`.

        Returns
        -------
        np.ndarray [shape=(N, A), dtype=uint32]
            ``[1, A]`` when s = 0. Each row is positive and sums to ``2**20``.

        Raises
        ------
        InputError
            A symbol is not in 0 … A − 1, or there are S of them.
        """
        prefixes = check_symbols(earlier, alphabet_size=self.alphabet_size)
        if prefixes.shape[1] >= self.num_positions:
            raise InputError(
                f"prefixes have {prefixes.shape[1]} symbols; nothing follows after "
                f"{self.num_positions}"
            )
        coding = self.start_coding(len(prefixes))
        for column in prefixes.T:
            coding.append(column)
        return coding.frequencies()

    def start_coding(self, num_rows: int) -> "PairwiseCoding":
        """Return empty prefixes of `num_rows` vectors, to be filled position by position."""
        return PairwiseCoding(self, num_rows)

    def code_length_bits(self, symbols: np.ndarray) -> np.ndarray:
        """Return Σ −log2 p of each row of `symbols` ``[N, S]`` as float64 ``[N]`` in bits."""
        checked = check_symbols(symbols, alphabet_size=self.alphabet_size)
        if checked.shape[1] != self.num_positions:
            raise InputError(
                f"symbols have {checked.shape[1]} positions, the prior {self.num_positions}"
            )
        bits = np.zeros(len(checked))
        for start in range(0, len(checked), _BLOCK):
            block = checked[start : start + _BLOCK]
            coding, rows = self.start_coding(len(block)), np.arange(len(block))
            for column in block.T:
                frequencies = coding.frequencies()
                own = frequencies[rows if len(frequencies) > 1 else 0, column]
                bits[start : start + _BLOCK] += code_lengths()[own]
                coding.append(column)
        return bits

    def start(self, num_rows: int) -> "PairwiseContext":
        """Return `num_rows` empty prefixes."""
        state = np.zeros((num_rows, self.effects.shape[2]), self._factors[0].dtype)
        return PairwiseContext(self, state, np.zeros((num_rows, 0), np.int64))


class PairwiseCoding:
    """Prefixes of many vectors that grow together, position by position.

    `frequencies` gives the row of each vector for the next position, uint32 ``[N, A]``, or
    ``[1, A]`` at the first; `append` takes the symbols ``[N]`` chosen there. Symbols are not
    checked.
    """

    def __init__(self, prior: PairwisePrior, num_rows: int) -> None:
        self._prior = prior
        self._effects = prior._factors[0]
        self._state = np.zeros((num_rows, self._effects.shape[2]), self._effects.dtype)
        self._symbols = np.zeros((num_rows, prior.num_positions), np.int64)
        self._position = 0

    def frequencies(self) -> np.ndarray:
        """Return the frequencies of the next symbol of every vector."""
        if self._position == 0:
            return self._prior.frequencies[:1]
        return self._prior._row_frequencies(self._state, self._symbols[:, : self._position])

    def append(self, symbols: np.ndarray) -> None:
        """Lengthen every prefix by its symbol, integers ``[N]`` in 0 … A − 1."""
        self._symbols[:, self._position] = symbols
        if self._position + 1 < self._prior.num_positions:
            self._state += self._effects[self._position, symbols]
        self._position += 1


@dataclass(frozen=True, eq=False)
class PairwiseContext:
    """Prefixes of one length under a pairwise prior, to choose the next symbol for.

    Attributes
    ----------
    prior : PairwisePrior
        The prior.
    state : np.ndarray [shape=(n, R)]
        Sum of the effects of each prefix, whole numbers.
    symbols : np.ndarray [shape=(n, s), dtype=int64]
        The prefixes.
    """

    prior: PairwisePrior
    state: np.ndarray
    symbols: np.ndarray

    def bits(self) -> np.ndarray:
        """Return the code lengths of the next symbol, float64 ``[n, A]``; one row at the first."""
        if self.symbols.shape[1] == 0:
            return code_lengths()[self.prior.frequencies[:1]]
        return code_lengths()[self.prior._row_frequencies(self.state, self.symbols)]

    def extend(self, parents: np.ndarray, symbols: np.ndarray) -> "PairwiseContext":
        """Return the contexts of prefixes `parents` ``[m]``, each with a symbol ``[m]`` more."""
        position = self.symbols.shape[1]
        chosen = np.asarray(symbols, np.int64)
        state = self.state[parents] + self.prior._factors[0][position, chosen]
        return PairwiseContext(
            self.prior, state, np.concatenate([self.symbols[parents], chosen[:, None]], axis=1)
        )


def _exact_type(bound: int) -> type[np.floating]:
    """Return a type in which sums of whole numbers are exact when none exceeds `bound`.

    Below 2**24 single precision holds every whole number, and with it every partial sum in
    whatever order a matrix library adds; below 2**53 double precision does.
    """
    return np.float32 if bound < 1 << 24 else np.float64


def _width(array: np.ndarray) -> int:
    """Bits of the narrowest signed integer that holds every entry; 0 when all are zero."""
    largest = int(np.abs(array.astype(np.int64)).max(initial=0))
    return largest.bit_length() + 1 if largest else 0
