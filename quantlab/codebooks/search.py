"""Rate-aware code choice, in plain, exact form: the reference that faster kernels must equal.

`search` chooses for many λ at once, `search_exhaustive` finds the true minimum for tiny codebooks.

Minimises J = ‖z − ẑ‖² + λ·Σ −log2 p(symbol) over codes and SKIP, in double precision. Letters as in
`quantizer`; ``A = K + 1``. Ties go to the lowest index.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quantlab.codebooks.quantizer import Quantizer
from quantlab.entropy import Prior
from quantlab.errors import InputError

_BLOCK = 4096  # vectors priced at a time
_LADDER_BLOCK = 1024
_EXHAUSTIVE_LIMIT = 1 << 20


@dataclass(frozen=True)
class SearchResult:
    """The chosen symbols and what they cost.

    Attributes
    ----------
    symbols : np.ndarray [shape=(N, S), dtype=uint16]
        Indices 0 … K, K being SKIP.
    distortion : np.ndarray [shape=(N,), dtype=float64]
        ‖z − ẑ‖², a sum over the D dimensions.
    code_length_bits : np.ndarray [shape=(N,), dtype=float64]
        Σ −log2 p over the S symbols.
    """

    symbols: np.ndarray
    distortion: np.ndarray
    code_length_bits: np.ndarray

    def cost(self, lam: float) -> np.ndarray:
        """Return J = distortion + λ·bits of each vector, float64 ``[N]``."""
        return self.distortion + lam * self.code_length_bits


def search(
    quantizer: Quantizer, z: np.ndarray, prior: Prior, lams: Sequence[float]
) -> list[SearchResult]:
    """Choose symbols stage by stage, each minimising the cost of its own residual, at several λ.

    At λ = 0 this is the nearest neighbour stage by stage, SKIP among the candidates.
    ‖r − c‖² of every later residual follows from ⟨z, c⟩ and from products between codes, none of
    which depends on λ. Memory is bounded by about 1024·S·(K + 1)·8 bytes plus the products between
    codes, G·(Q·(K + 1))²·8 bytes.

    Parameters
    ----------
    quantizer : Quantizer
        The codebooks.
    z : np.ndarray [shape=(N, D)]
        Scaled vectors.
    prior : Prior
        What symbols cost, in bits.
    lams : Sequence[float]
        Squared distance per bit, finite and ≥ 0, in any order.

    Returns
    -------
    list[SearchResult]
        One per λ, in the order given.

    Raises
    ------
    InputError
        Shapes do not fit, values are not finite, or a λ is out of range.

    References
    ----------
    Chou, Lookabaugh and Gray, "Entropy-constrained vector quantization", IEEE Trans. ASSP 37
    (1989), equation 5, applied to each residual stage.
    """
    bits_table = _table(prior)
    for lam in lams:
        _check(quantizer, z, bits_table, lam)
    books = quantizer.with_skip().astype(np.float64)
    cross = _cross_products(books)
    norms = np.einsum("gqkd,gqkd->gqk", books, books)
    shape = (len(lams), len(z))
    symbols = np.empty((*shape, quantizer.num_symbols), np.uint16)
    distortion, bits = np.empty(shape), np.empty(shape)
    for start in range(0, len(z), _LADDER_BLOCK):
        part = slice(start, start + _LADDER_BLOCK)
        block = quantizer.grouped(z[part]).astype(np.float64)
        # ‖z − c‖² − ‖z‖² of every code of every stage, [G, Q, n, K + 1].
        products = books @ block.transpose(1, 2, 0)[:, None]
        first = np.ascontiguousarray((norms[..., None] - 2.0 * products).swapaxes(2, 3))
        power = np.einsum("ngd,ngd->n", block, block)
        for row, lam in enumerate(lams):
            chosen, gained, spent = _choose(first, cross, bits_table, lam)
            symbols[row, part] = chosen
            distortion[row, part] = np.maximum(power + gained, 0.0)
            bits[row, part] = spent
    return [SearchResult(*parts) for parts in zip(symbols, distortion, bits, strict=True)]


def price(quantizer: Quantizer, z: np.ndarray, symbols: np.ndarray, prior: Prior) -> SearchResult:
    """Return what given symbols ``[N, S]`` cost for vectors `z` ``[N, D]``; see `search`."""
    distortion = np.empty(len(z))
    for start in range(0, len(z), _BLOCK):
        part = slice(start, start + _BLOCK)
        error = z[part].astype(np.float64) - quantizer.decode(symbols[part])
        distortion[part] = np.einsum("nd,nd->n", error, error)
    bits = prior.code_length_bits(symbols)
    return SearchResult(symbols.astype(np.uint16), distortion, bits)


def _table(prior: Prior) -> np.ndarray:
    """Code lengths ``[S, A]`` of a prior that does not look at what came before."""
    context, table = prior.start(1), []
    for _ in range(prior.num_positions):
        table.append(context.bits()[0])
        context = context.extend(np.zeros(1, np.int64), np.zeros(1, np.int64))
    return np.stack(table)


def _check(quantizer: Quantizer, z: np.ndarray, bits_table: np.ndarray, lam: float) -> None:
    quantizer.grouped(z)
    expected = (quantizer.num_symbols, quantizer.alphabet_size)
    if bits_table.shape != expected:
        raise InputError(
            f"the prior gives bits for {bits_table.shape}, the quantizer has {expected}"
        )
    if not np.isfinite(bits_table).all() or (bits_table < 0).any():
        raise InputError("code lengths must be finite and not negative; fit the prior again")
    if not np.isfinite(z).all():
        raise InputError("vectors hold NaN or infinite values; check the embedding set")
    if not (np.isfinite(lam) and lam >= 0):
        raise InputError(f"lam must be finite and >= 0, given {lam}")


def _cross_products(books: np.ndarray) -> list[list[list[np.ndarray]]]:
    """Return 2⟨c, c′⟩ of each stage's codes with those of the stages before it."""
    return [
        [
            [2.0 * group[earlier] @ group[stage].T for earlier in range(stage)]
            for stage in range(len(group))
        ]
        for group in books
    ]


def _choose(
    first: np.ndarray,
    cross: list[list[list[np.ndarray]]],
    bits_table: np.ndarray,
    lam: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Symbols ``[n, S]``, distortion beyond ‖z‖² and bits ``[n]`` from the λ-free products."""
    num_groups, num_stages, num_rows, _ = first.shape
    rows = np.arange(num_rows)
    symbols = np.empty((num_rows, num_groups * num_stages), np.uint16)
    gained, spent = np.zeros(num_rows), np.zeros(num_rows)
    for group, stage in np.ndindex(num_groups, num_stages):
        position = group * num_stages + stage
        charge = lam * bits_table[position]
        cost = first[group, stage] + charge
        for earlier, products in enumerate(cross[group][stage]):
            cost += products[symbols[:, position - stage + earlier]]
        chosen = cost.argmin(axis=1)
        symbols[:, position] = chosen
        gained += cost[rows, chosen] - charge[chosen]
        spent += bits_table[position, chosen]
    return symbols, gained, spent


def search_exhaustive(
    quantizer: Quantizer, z: np.ndarray, prior: Prior, lam: float
) -> SearchResult:
    """Try every symbol sequence of every group: the true minimum of J, for tiny codebooks.

    Parameters and errors as `search`; InputError also when a group has more than 2**20 sequences.
    """
    bits_table = _table(prior)
    _check(quantizer, z, bits_table, lam)
    num_stages, alphabet = quantizer.num_stages, quantizer.alphabet_size
    if alphabet**num_stages > _EXHAUSTIVE_LIMIT:
        raise InputError(
            f"{alphabet}**{num_stages} sequences are too many to try; use search instead"
        )
    sequences = np.array(list(itertools.product(range(alphabet), repeat=num_stages)))
    books = quantizer.with_skip().astype(np.float64)
    groups = quantizer.grouped(z).astype(np.float64)
    symbols = np.empty((len(z), quantizer.num_groups, num_stages), np.uint16)
    for group in range(quantizer.num_groups):
        table = bits_table.reshape(quantizer.num_groups, num_stages, alphabet)[group]
        points = sum(books[group, stage, sequences[:, stage]] for stage in range(num_stages))
        bits = table[np.arange(num_stages), sequences].sum(axis=1)
        for row in range(len(z)):
            error = groups[row, group] - points
            cost = np.einsum("md,md->m", error, error) + lam * bits
            symbols[row, group] = sequences[cost.argmin()]
    return price(quantizer, z, symbols.reshape(len(z), -1), prior)
