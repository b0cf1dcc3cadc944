"""The CPU search for factorized priors: one λ-free product, then all λ from partial sums.

‖r − c‖² of every residual follows from ⟨z, c⟩ and from products between codes, none of which
depends on λ. Letters: ``N`` vectors, ``D`` dimensions, ``G`` groups, ``Q`` stages, ``A = K + 1``
symbols, ``L`` values of λ, ``S = G·Q``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from quantlab.codebooks.quantizer import Quantizer
from quantlab.codebooks.results import SearchResult
from quantlab.entropy import FactorizedPrior
from quantlab.errors import InputError

_LARGE = 1e30  # single precision holds λ·bits up to here; beyond, only bits count anyway
BLOCK = 256  # vectors searched at a time by one thread


@dataclass(frozen=True, eq=False)
class Tables:
    """What the search needs of a quantizer, the same for all vectors and all λ.

    Attributes
    ----------
    books : np.ndarray [shape=(G, Q, A, D/G), dtype=float32]
        Codes and SKIP.
    norms : np.ndarray [shape=(G, Q, A), dtype=float32]
        ‖c‖².
    cross : np.ndarray [shape=(G, A·Q(Q − 1)/2, A), dtype=float32]
        2⟨c, c′⟩; rows in order of the stage of c, c itself, and the later stage of the c′.
    spread : np.ndarray [shape=(G,), dtype=float32]
        Σ over stages of the largest ‖c‖².
    """

    books: np.ndarray
    norms: np.ndarray
    cross: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, quantizer: Quantizer) -> "Tables":
        """Compute the tables, or return those that the quantizer has had before."""
        if quantizer not in _TABLES:
            _TABLES[quantizer] = cls._computed(quantizer)
        return _TABLES[quantizer]

    @classmethod
    def _computed(cls, quantizer: Quantizer) -> "Tables":
        books = quantizer.with_skip()
        norms = np.einsum("gqkd,gqkd->gqk", books, books, dtype=np.float64)
        groups, stages, alphabet, _ = books.shape
        cross = np.empty((groups, alphabet * stages * (stages - 1) // 2, alphabet), np.float32)
        for group in range(groups):
            start = 0
            for stage in range(stages - 1):
                later = books[group, stage + 1 :].reshape(-1, books.shape[3])
                stop = start + alphabet * (stages - 1 - stage)
                cross[group, start:stop] = (2.0 * books[group, stage] @ later.T).reshape(
                    -1, alphabet
                )
                start = stop
        spread = norms.max(axis=2).sum(axis=1)
        return cls(books, norms.astype(np.float32), cross, spread.astype(np.float32))


_TABLES: WeakKeyDictionary[Quantizer, Tables] = WeakKeyDictionary()


def cross_bytes(quantizer: Quantizer) -> int:
    """Bytes of the products between codes that a fast search holds."""
    stages = quantizer.num_stages
    pairs = quantizer.num_groups * stages * (stages - 1) // 2
    return 4 * pairs * quantizer.alphabet_size**2


def search_cpu(
    quantizer: Quantizer, z: np.ndarray, prior: FactorizedPrior, lams: Sequence[float] | np.ndarray
) -> list[SearchResult]:
    """Choose stage by stage at all λ; see `search`."""
    from quantlab.codebooks.factorized_kernel import choose_all_lams

    tables = Tables.of(quantizer)
    exact_lams, place = np.unique(np.asarray(lams, np.float64), return_inverse=True)
    exact_bits = prior.bits_table().reshape(tables.norms.shape)
    bits, few_lams = (
        exact_bits.astype(np.float32),
        np.minimum(exact_lams, _LARGE).astype(np.float32),
    )
    shape = (len(exact_lams), len(z))
    symbols = np.empty((*shape, quantizer.num_symbols), np.uint16)
    distortion, spent = np.empty(shape), np.empty(shape)

    def choose(part: slice) -> None:
        block = checked_block(quantizer, z[part])
        products = multiply(block, tables.books)
        choose_all_lams(
            block, products, tables.books, tables.norms, tables.cross, bits, exact_bits,
            few_lams, exact_lams, tables.spread,
            symbols[:, part], distortion[:, part], spent[:, part],
        )  # fmt: skip

    if len(exact_lams):
        for_blocks(choose, len(z), BLOCK)
    results = [SearchResult(*parts) for parts in zip(symbols, distortion, spent, strict=True)]
    return [results[index] for index in place]


def checked_block(quantizer: Quantizer, rows: np.ndarray) -> np.ndarray:
    """Copy some vectors as float64 ``[n, G, D/G]``; InputError when one is not finite."""
    block = np.ascontiguousarray(quantizer.grouped(rows), np.float64)
    if not np.isfinite(block).all():
        raise InputError("vectors hold NaN or infinite values; check the embedding set")
    return block


def multiply(block: np.ndarray, books: np.ndarray) -> np.ndarray:
    """Return ⟨z, c⟩ of a block with all codes and SKIP, float32 ``[n, G, Q, A]``."""
    groups, stages, alphabet, width = books.shape
    single = block.astype(np.float32)
    out = np.empty((len(block), groups, stages * alphabet), np.float32)
    for group in range(groups):
        np.matmul(single[:, group], books[group].reshape(-1, width).T, out=out[:, group])
    return out.reshape(len(block), groups, stages, alphabet)


def for_blocks(
    work: Callable[[slice], None], num_rows: int, size: int, *, spread: bool = True
) -> None:
    """Do work on blocks of rows; `spread` over as many threads as BLAS would use, each alone."""
    blocks = [slice(start, min(start + size, num_rows)) for start in range(0, num_rows, size)]
    controller = _threads()
    allowed = [one["num_threads"] for one in controller.info()] if spread else []
    workers = min(len(blocks), max([1, *allowed]))
    if workers <= 1:
        for block in blocks:
            work(block)
        return
    from concurrent.futures import ThreadPoolExecutor

    with controller.limit(limits=1), ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(work, blocks):
            pass


@cache
def _threads() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")
