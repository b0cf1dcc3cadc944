"""The definition of the search: plain, in double precision, one vector after another.

Every faster kernel must choose the same symbols, but where two choices cost the same within 1e-5 of
the cost. Letters: ``N`` vectors, ``G`` groups, ``Q`` stages, ``A = K + 1`` symbols, ``b`` prefixes
kept, ``W = D/G``.
"""

from collections.abc import Sequence

import numpy as np

from quantlab.codebooks.quantizer import Quantizer
from quantlab.codebooks.results import SearchResult
from quantlab.entropy import FactorizedPrior, Prior


def search_reference(
    quantizer: Quantizer,
    z: np.ndarray,
    prior: Prior,
    lams: Sequence[float] | np.ndarray,
    *,
    beam: int = 1,
) -> list[SearchResult]:
    """Choose symbols position by position, keeping the `beam` cheapest prefixes; see `search`."""
    books = quantizer.with_skip().astype(np.float64)
    vectors = quantizer.grouped(z).astype(np.float64)
    results = []
    for lam in lams:
        symbols = np.empty((len(z), quantizer.num_symbols), np.uint16)
        distortion, bits = np.empty(len(z)), np.empty(len(z))
        for row, vector in enumerate(vectors):
            symbols[row], distortion[row], bits[row] = _search_one(books, vector, prior, lam, beam)
        results.append(SearchResult(symbols, distortion, bits))
    return results


def _search_one(
    books: np.ndarray, vector: np.ndarray, prior: Prior, lam: float, beam: int
) -> tuple[np.ndarray, float, float]:
    num_groups, num_stages, alphabet, _ = books.shape
    residual = vector[None]  # [b, G, W]
    symbols = np.empty((1, 0), np.int64)
    spent = np.zeros(1)
    context = prior.start(1)
    for group, stage in np.ndindex(num_groups, num_stages):
        if stage == 0 and isinstance(prior, FactorizedPrior):
            # Costs of groups add up and nothing connects them: the best of each is the best of all.
            residual, symbols, spent = residual[:1], symbols[:1], spent[:1]
        left = residual[:, group, None] - books[group, stage]  # [b, A, W]
        others = np.delete(residual, group, axis=1)
        distortion = (left**2).sum(axis=2) + (others**2).sum(axis=(1, 2))[:, None]
        bits = spent[:, None] + context.bits()[: len(spent)]
        cost = np.full(bits.shape, np.inf)  # an impossible symbol is not chosen at any λ
        possible = np.isfinite(bits)
        cost[possible] = distortion[possible] + lam * bits[possible]
        kept = np.argsort(cost, axis=None, kind="stable")[:beam]
        kept = kept[np.isfinite(cost.ravel()[kept])]
        parents, chosen = np.divmod(kept, alphabet)
        residual = residual[parents]
        residual[:, group] = left[parents, chosen]
        symbols = np.concatenate([symbols[parents], chosen[:, None]], axis=1)
        spent = bits[parents, chosen]
        if symbols.shape[1] < num_groups * num_stages:
            context = context.extend(parents, chosen)
    return symbols[0], float((residual[0] ** 2).sum()), float(spent[0])
