"""From scaled vectors to symbols over a λ ladder, in the two modes that results are named by.

``direct``: each λ on its own, never worse than two fixed choices. ``path``: the lower convex hull
of what all λ of a ladder found, so that a vector's bits never rise with λ and one λ gives what the
whole ladder gives. Letters as in `quantizer`.
"""

from collections.abc import Sequence

import numpy as np

from quantlab.codebooks.paths import Paths, join_paths, make_paths
from quantlab.codebooks.quantizer import Quantizer
from quantlab.codebooks.search import Kernel, SearchResult, search
from quantlab.entropy import ConditionedPrior, Prior

_BLOCK = 8192  # vectors


def encode_direct(
    quantizer: Quantizer,
    z: np.ndarray,
    prior: Prior | ConditionedPrior,
    lams: Sequence[float],
    *,
    beam: int = 1,
    kernel: Kernel = "auto",
) -> list[SearchResult]:
    """Choose symbols at each λ on its own (mode ``direct``), never worse than two fixed choices.

    Stage-wise search can miss what is plainly better, so each vector's result is compared with its
    symbols of λ = 0 and with all SKIP, and the cheapest is kept: J(λ) ≤ min(J of all SKIP, J of
    the λ = 0 symbols) holds for every vector.

    Parameters
    ----------
    quantizer : Quantizer
        The codebooks.
    z : np.ndarray [shape=(N, D)]
        Scaled vectors.
    prior : Prior
        What symbols cost; of a prior conditioned on λ, each λ takes its own.
    lams : Sequence[float]
        Finite λ ≥ 0, in any order.
    beam : int
        Prefixes kept by the search, 1 … 32.
    kernel : {"auto", "reference", "cpu", "gpu"}
        Implementation of the search.

    Returns
    -------
    list[SearchResult]
        One per λ, in the order given.
    """
    if isinstance(prior, ConditionedPrior):
        return [
            encode_direct(quantizer, z, prior.at(lam), [lam], beam=beam, kernel=kernel)[0]
            for lam in lams
        ]
    nearest, *results = search(quantizer, z, prior, [0.0, *lams], beam=beam, kernel=kernel)
    skipped = _all_skip(quantizer, z, prior)
    return [
        _cheapest([result, nearest, skipped], lam)
        for result, lam in zip(results, lams, strict=True)
    ]


def encode_paths(
    quantizer: Quantizer,
    z: np.ndarray,
    prior: Prior,
    ladder: Sequence[float],
    *,
    beam: int = 1,
    kernel: Kernel = "auto",
) -> Paths:
    """Find each vector's path: the hull of (bits, distortion) over a ladder, λ = 0 and all SKIP.

    Vectors are searched in blocks, so memory beside the paths is that of one block over all λ.
    Parameters as `encode_direct`, the prior not conditioned on λ.
    """
    lams = sorted({0.0, *ladder})

    def block_paths(block: np.ndarray) -> Paths:
        found = search(quantizer, block, prior, lams, beam=beam, kernel=kernel)
        return make_paths([*found, _all_skip(quantizer, block, prior)])

    starts = range(0, max(len(z), 1), _BLOCK)
    return join_paths([block_paths(z[start : start + _BLOCK]) for start in starts])


def _all_skip(quantizer: Quantizer, z: np.ndarray, prior: Prior) -> SearchResult:
    """Price SKIP at every position; its bits are the same for all vectors."""
    symbols = np.full((1, quantizer.num_symbols), quantizer.skip, np.uint16)
    bits = float(prior.code_length_bits(symbols)[0])
    return SearchResult(
        np.broadcast_to(symbols, (len(z), quantizer.num_symbols)),
        np.einsum("nd,nd->n", z, z, dtype=np.float64),
        np.full(len(z), bits),
    )


def _cheapest(candidates: list[SearchResult], lam: float) -> SearchResult:
    if lam == 0:
        return candidates[0]
    choice = np.stack([candidate.cost(lam) for candidate in candidates]).argmin(axis=0)
    rows = np.arange(len(choice))

    def pick(name: str) -> np.ndarray:
        return np.stack([getattr(candidate, name) for candidate in candidates])[choice, rows]

    return SearchResult(pick("symbols"), pick("distortion"), pick("code_length_bits"))
