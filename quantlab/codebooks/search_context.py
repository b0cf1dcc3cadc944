"""The CPU search under any prior and with any beam, for all λ of a block of vectors together.

The prior is asked once for each distinct prefix, whichever vectors and λ share it. Letters: ``n``
vectors of a block, ``L`` values of λ, ``b`` prefixes kept, ``Q`` stages, ``A = K + 1`` symbols.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from quantlab.codebooks.quantizer import Quantizer
from quantlab.codebooks.results import SearchResult, price
from quantlab.codebooks.search_cpu import BLOCK, checked_block, for_blocks
from quantlab.entropy import Context, FactorizedPrior, Prior
from quantlab.errors import InputError

_ROWS = 4096  # prefixes that a block may hold, where sixteen λ differ
_DISTINCT_LAMS = 16


@dataclass(frozen=True, eq=False)
class _Block:
    """What the search at one position needs of a block, in double precision.

    Attributes
    ----------
    vectors : np.ndarray [shape=(n, G, D/G)]
        The vectors.
    books : np.ndarray [shape=(G, Q, A, D/G)]
        Codes and SKIP.
    cross : list[list[np.ndarray]]
        See `cross_tables`.
    lams : np.ndarray [shape=(L,)]
        Ascending.
    """

    vectors: np.ndarray
    books: np.ndarray
    cross: list[list[np.ndarray]]
    lams: np.ndarray

    def power(self) -> np.ndarray:
        """‖z‖², ``[n]``."""
        return np.einsum("ngd,ngd->n", self.vectors, self.vectors)

    def first(self, group: int, stage: int) -> np.ndarray:
        """‖c‖² − 2⟨z, c⟩, ``[n, A]``."""
        codes = self.books[group, stage]
        return np.einsum("kd,kd->k", codes, codes) - 2.0 * self.vectors[:, group] @ codes.T


def cross_tables(books: np.ndarray) -> list[list[np.ndarray]]:
    """2⟨c′, c⟩ of the codes c of each stage j (last axis) with those before it, [j, A, A]."""
    groups, stages = books.shape[:2]
    return [
        [2.0 * books[group, :stage] @ books[group, stage].T for stage in range(stages)]
        for group in range(groups)
    ]


_TABLES: WeakKeyDictionary[Quantizer, tuple[np.ndarray, list[list[np.ndarray]]]]
_TABLES = WeakKeyDictionary()


def _tables(quantizer: Quantizer) -> tuple[np.ndarray, list[list[np.ndarray]]]:
    """Return codebooks and products in double precision, computed once for each quantizer."""
    if quantizer not in _TABLES:
        books = quantizer.with_skip().astype(np.float64)
        _TABLES[quantizer] = books, cross_tables(books)
    return _TABLES[quantizer]


@dataclass(frozen=True, eq=False)
class _Leaves:
    """What a block's vectors chose: symbols int64 ``[m, S]``, and for whom.

    Vector int64 ``[m]``, and the range of λ, ``begin`` to ``end``, int64 ``[m]``.
    """

    symbols: np.ndarray
    vectors: np.ndarray
    begins: np.ndarray
    ends: np.ndarray


def search_context(
    quantizer: Quantizer,
    z: np.ndarray,
    prior: Prior,
    lams: Sequence[float] | np.ndarray,
    *,
    beam: int = 1,
) -> list[SearchResult]:
    """Choose position by position under any prior; see `search`."""
    books, cross = _tables(quantizer)
    sorted_lams, place = np.unique(np.asarray(lams, np.float64), return_inverse=True)
    shape = (len(sorted_lams), len(z))
    symbols = np.empty((*shape, quantizer.num_symbols), np.uint16)
    distortion, bits = np.empty(shape), np.empty(shape)

    def choose(part: slice) -> None:
        block = _Block(checked_block(quantizer, z[part]), books, cross, sorted_lams)
        leaves = _with_ranges(block, prior) if beam == 1 else _with_beam(block, prior, beam)
        priced = price(quantizer, z[part][leaves.vectors], leaves.symbols, prior)
        for index in range(len(sorted_lams)):
            mine = np.flatnonzero((leaves.begins <= index) & (index < leaves.ends))
            rows = part.start + leaves.vectors[mine]
            symbols[index, rows] = priced.symbols[mine]
            distortion[index, rows] = priced.distortion[mine]
            bits[index, rows] = priced.code_length_bits[mine]

    if len(sorted_lams):
        rows = _ROWS // (beam * min(len(sorted_lams), _DISTINCT_LAMS))
        size = min(max(rows, 1), BLOCK)
        # A prior may bring threads of its own; only the factorized one surely does not.
        for_blocks(choose, len(z), size, spread=isinstance(prior, FactorizedPrior))
    results = [SearchResult(*parts) for parts in zip(symbols, distortion, bits, strict=True)]
    return [results[index] for index in place]


def _checked_bits(context: Context, alphabet: int) -> np.ndarray:
    bits = np.ascontiguousarray(context.bits(), np.float64)
    if bits.ndim != 2 or bits.shape[1] != alphabet or not (bits >= 0).all():
        raise InputError(
            f"the prior gave code lengths {bits.shape}, NaN or negative ones among them or not for "
            f"{alphabet} symbols; fit it again on this quantizer"
        )
    if not np.isfinite(bits).any(axis=1).all():
        raise InputError("the prior makes every symbol impossible after some prefix; fit it again")
    return bits


def _longer(
    context: Context, prefixes: np.ndarray, symbols: np.ndarray, alphabet: int
) -> tuple[Context, np.ndarray]:
    """Extend each distinct prefix once; return the contexts and which of them is whose."""
    keys, inverse = np.unique(prefixes * alphabet + symbols, return_inverse=True)
    parents, chosen = np.divmod(keys, alphabet)
    return context.extend(parents, chosen), inverse.reshape(prefixes.shape)


def _with_ranges(block: _Block, prior: Prior) -> _Leaves:
    """Beam 1: one node for each distinct prefix of a vector, with the range of λ it serves."""
    from quantlab.codebooks.context_kernel import split_ranges

    num_groups, num_stages, alphabet, _ = block.books.shape
    num_vectors, num_lams = len(block.vectors), len(block.lams)
    vectors = np.arange(num_vectors)
    begins, ends = np.zeros(num_vectors, np.int64), np.full(num_vectors, num_lams)
    prefixes, gained = np.zeros(num_vectors, np.int64), block.power()
    symbols = np.empty((num_vectors, 0), np.int64)
    context = prior.start(1)
    for group, stage in np.ndindex(num_groups, num_stages):
        bits = _checked_bits(context, alphabet)
        parent, chosen, begin, end = np.empty((4, num_vectors * num_lams), np.int64)
        left = np.empty(num_vectors * num_lams)
        history = np.ascontiguousarray(symbols[:, symbols.shape[1] - stage :])
        size = split_ranges(
            vectors, begins, ends, prefixes, gained, history, block.first(group, stage),
            block.cross[group][stage], bits, block.lams, parent, chosen, begin, end, left,
        )  # fmt: skip
        parent, chosen, gained = parent[:size], chosen[:size], left[:size]
        begins, ends, vectors = begin[:size], end[:size], vectors[parent]
        symbols = np.concatenate([symbols[parent], chosen[:, None]], axis=1)
        if symbols.shape[1] < prior.num_positions:
            context, prefixes = _longer(context, prefixes[parent], chosen, alphabet)
    return _Leaves(symbols, vectors, begins, ends)


def _with_beam(block: _Block, prior: Prior, beam: int) -> _Leaves:
    """Beam above 1: each λ of each vector is a row of its own, in order of vectors, then of λ."""
    from quantlab.codebooks.context_kernel import keep_beams

    num_groups, num_stages, alphabet, _ = block.books.shape
    num_lams = len(block.lams)
    vectors = np.repeat(np.arange(len(block.vectors)), num_lams)
    lams = np.tile(block.lams, len(block.vectors))
    rows = np.arange(len(vectors))[:, None]
    counts = np.ones(len(vectors), np.int64)
    prefixes = np.zeros((len(vectors), 1), np.int64)
    gained, spent = block.power()[vectors][:, None], np.zeros((len(vectors), 1))
    symbols = np.empty((len(vectors), 1, 0), np.int64)
    context = prior.start(1)
    for group, stage in np.ndindex(num_groups, num_stages):
        if stage == 0 and isinstance(prior, FactorizedPrior):
            counts = np.minimum(counts, 1)
        bits = _checked_bits(context, alphabet)
        parent, chosen = np.zeros((2, len(vectors), beam), np.int64)
        left, total = np.zeros((2, len(vectors), beam))
        kept = np.empty_like(counts)
        history = np.ascontiguousarray(symbols[:, :, symbols.shape[2] - stage :])
        keep_beams(
            beam, counts, vectors, lams, prefixes, gained, spent, history,
            block.first(group, stage), block.cross[group][stage], bits,
            parent, chosen, left, total, kept,
        )  # fmt: skip
        width = int(kept.max(initial=1))
        # What lies beyond a row's count repeats its best prefix, so that no new context arises.
        unused = np.arange(width) >= kept[:, None]
        parent, chosen = parent[:, :width].copy(), chosen[:, :width].copy()
        parent[unused] = np.broadcast_to(parent[:, :1], unused.shape)[unused]
        chosen[unused] = np.broadcast_to(chosen[:, :1], unused.shape)[unused]
        counts, gained, spent = kept, left[:, :width].copy(), total[:, :width].copy()
        symbols = np.concatenate([symbols[rows, parent], chosen[:, :, None]], axis=2)
        if symbols.shape[2] < prior.num_positions:
            context, prefixes = _longer(context, prefixes[rows, parent], chosen, alphabet)
    places = np.tile(np.arange(num_lams), len(block.vectors))
    return _merged(_Leaves(symbols[:, 0], vectors, places, places + 1))


def _merged(leaves: _Leaves) -> _Leaves:
    """Join neighbouring λ of a vector that chose alike, so that each choice is priced once."""
    same = (leaves.vectors[1:] == leaves.vectors[:-1]) & (
        leaves.symbols[1:] == leaves.symbols[:-1]
    ).all(axis=1)
    starts = np.flatnonzero(np.concatenate([[True], ~same])[: len(leaves.vectors)])
    stops = np.append(starts[1:], len(leaves.vectors)) - 1
    return _Leaves(
        leaves.symbols[starts], leaves.vectors[starts], leaves.begins[starts], leaves.ends[stops]
    )
