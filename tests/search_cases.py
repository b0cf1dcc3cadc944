"""Quantizers, vectors and priors for tests of the search; a prior that looks at the last symbol."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from quantlab.codebooks import Quantizer, SearchResult
from quantlab.entropy import FactorizedPrior

LAMS = [0.0, 0.01, 0.1, 1.0, 10.0, 1000.0]


def make_case(
    seed: int,
    *,
    groups: int = 1,
    stages: int = 3,
    codes: int = 6,
    dims: int = 8,
    count: int = 40,
) -> tuple[Quantizer, np.ndarray, FactorizedPrior]:
    """Draw a quantizer whose stages shrink, float32 vectors and a factorized prior."""
    rng = np.random.default_rng(seed)
    books = rng.normal(size=(groups, stages, codes, dims // groups)).astype(np.float32)
    books /= np.arange(1, stages + 1)[None, :, None, None]
    z = rng.normal(size=(count, dims)).astype(np.float32)
    counts = rng.integers(0, 50, (groups * stages, codes + 1))
    return Quantizer(books), z, FactorizedPrior.from_counts(counts)


@dataclass(frozen=True)
class MarkovPrior:
    """Code lengths ``[S, A, A]`` of each symbol after the last one (after 0 at the start)."""

    table: np.ndarray
    kind: ClassVar[str] = "markov"

    @classmethod
    def drawn(cls, seed: int, num_positions: int, alphabet_size: int) -> Self:
        """Draw probabilities, a fifth of them zero."""
        rng = np.random.default_rng(seed)
        share = rng.dirichlet(np.full(alphabet_size, 0.7), (num_positions, alphabet_size))
        share[rng.random(share.shape) < 0.2] = 0.0
        share[..., -1] += 0.01
        share /= share.sum(axis=2, keepdims=True)
        bits = np.full(share.shape, np.inf)
        np.log2(share, out=bits, where=share > 0)
        return cls(np.abs(bits))

    @property
    def num_positions(self) -> int:
        return self.table.shape[0]

    @property
    def alphabet_size(self) -> int:
        return self.table.shape[2]

    @property
    def parameter_bits(self) -> int:
        return 0

    def code_length_bits(self, symbols: np.ndarray) -> np.ndarray:
        now = symbols.astype(np.int64)
        before = np.concatenate([np.zeros((len(now), 1), np.int64), now[:, :-1]], axis=1)
        return self.table[np.arange(self.num_positions), before, now].sum(axis=1)

    def start(self, num_rows: int) -> "MarkovContext":
        return MarkovContext(self.table, 0, np.zeros(num_rows, np.int64))

    def tensors(self) -> dict[str, np.ndarray]:
        return {"table": self.table}

    @classmethod
    def from_tensors(cls, tensors: dict[str, np.ndarray]) -> Self:
        return cls(tensors["table"])


@dataclass(frozen=True)
class MarkovContext:
    """Prefixes, of which only the last symbol matters."""

    table: np.ndarray
    position: int
    last: np.ndarray

    def bits(self) -> np.ndarray:
        return self.table[self.position, self.last]

    def extend(self, parents: np.ndarray, symbols: np.ndarray) -> "MarkovContext":
        assert (parents < len(self.last)).all()
        return MarkovContext(self.table, self.position + 1, np.asarray(symbols))


def prefix_cost(
    quantizer: Quantizer, z: np.ndarray, symbols: np.ndarray, prior: FactorizedPrior, lam: float
) -> np.ndarray:
    """Cost of every prefix of each row's symbols, ``[N, S]``, by decoding it."""
    padded = np.full_like(symbols, quantizer.skip)
    bits = prior.bits_table()[np.arange(symbols.shape[1]), symbols]
    out = np.empty(symbols.shape)
    for position in range(symbols.shape[1]):
        padded[:, position] = symbols[:, position]
        error = z.astype(np.float64) - quantizer.decode(padded)
        out[:, position] = (error**2).sum(axis=1) + lam * bits[:, : position + 1].sum(axis=1)
    return out


def tied(
    quantizer: Quantizer,
    z: np.ndarray,
    prior: FactorizedPrior,
    pair: tuple[np.ndarray, np.ndarray],
    lam: float,
) -> np.ndarray:
    """Tell for each vector whether two choices are equal, or within 1e-5·J where they part."""
    one, other = (
        prefix_cost(quantizer, z, symbols.astype(np.int64), prior, lam) for symbols in pair
    )
    first = (pair[0] != pair[1]).argmax(axis=1)
    rows = np.arange(len(z))
    gap = np.abs(one[rows, first] - other[rows, first])
    return gap <= 1e-5 * np.maximum(one[rows, first], 1e-12)


def same(ours: Sequence[SearchResult], theirs: Sequence[SearchResult]) -> bool:
    """Tell whether all symbols, and the costs up to rounding, are equal."""
    return all(
        np.array_equal(one.symbols, other.symbols)
        and np.allclose(one.distortion, other.distortion, rtol=1e-5, atol=1e-5)
        and np.allclose(one.code_length_bits, other.code_length_bits)
        for one, other in zip(ours, theirs, strict=True)
    )
