"""Fitting the prior on what the search emits, and the search on what the prior charges.

The alternation lowers the mean over the ladder of R(λ) + D(λ)/λ (at λ = 0 of R alone), for which
giving the symbols of all λ equal weight is the exact refit of a prior. It has several fixed points,
so it starts from both ends: from the symbols of λ = 0, and from a prior that expects nothing but
SKIP. The end with the lower cost on vectors that its prior was not fitted on is kept. Other
kinds of prior go on from the factorized prior that was found in this way, see `contextual`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from quantlab.codebooks.encoding import encode_paths
from quantlab.codebooks.ladder import ladder_ends, make_ladder
from quantlab.codebooks.quantizer import Quantizer, uniform_prior
from quantlab.codebooks.search import SearchResult, search
from quantlab.codebooks.settings import PriorSettings
from quantlab.entropy import FactorizedPrior, Prior, count_symbols

_LADDER_PASSES = 5
_LADDER_SETTLED = 0.1  # both ends within ten per cent


@dataclass(frozen=True)
class FittedPrior:
    """A prior, the ladder it was fitted over, and how it was found.

    Attributes
    ----------
    prior : FactorizedPrior
        The fitted prior.
    ladder : tuple[float, ...]
        The λ whose symbols it was fitted on.
    start : str
        ``"nearest"`` or ``"all_skip"``, the starting point that was kept.
    held_out_cost : dict[str, float]
        For each starting point, the mean over λ of R + (D − D₀)/λ in bits on the held-out half,
        D₀ being the distortion at the first λ.
    """

    prior: FactorizedPrior
    ladder: tuple[float, ...]
    start: str
    held_out_cost: dict[str, float]


def fit_prior(
    quantizer: Quantizer,
    z: np.ndarray,
    settings: PriorSettings,
    *,
    ladder: tuple[float, ...],
    num_lams: int,
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
) -> FittedPrior:
    """Alternate search and prior from both ends and keep the better.

    Parameters
    ----------
    quantizer : Quantizer
        Fixed codebooks.
    z : np.ndarray [shape=(N, D)]
        Scaled training vectors.
    settings : PriorSettings
        Rounds, tolerance and how many vectors to use.
    ladder : tuple[float, ...]
        The λ to fit over; empty finds them from the data.
    num_lams : int
        Length of the ladder when it is to be found.
    rng : np.random.Generator
        Draws the sample of vectors and its two halves.
    groups : np.ndarray [shape=(N,)], optional
        Labels, of speakers for instance, that held-out vectors do not share with the others. By
        default vectors are held out one by one.

    Returns
    -------
    FittedPrior
        The prior refitted on the whole sample from the better start.
    """
    order = rng.permutation(len(z))[: settings.max_vectors]
    first = _first_half(order, groups, rng)
    halves = z[order[first]], z[order[~first]]
    sample = z[np.sort(order)]
    if ladder:
        return _from_both_ends(quantizer, halves, sample, ladder, settings)
    return _settle_ladder(quantizer, halves, sample, settings, num_lams)


def _first_half(
    order: np.ndarray, groups: np.ndarray | None, rng: np.random.Generator
) -> np.ndarray:
    """Mark about half of the vectors, whole groups together where there are several."""
    names = np.unique(groups) if groups is not None else np.empty(0)
    if groups is None or len(names) < 2:
        return np.arange(len(order)) < max(len(order) // 2, 1)
    chosen = rng.permutation(names)[: len(names) // 2]
    first = np.isin(np.asarray(groups)[order], chosen)
    return first if 0 < first.sum() < len(order) else np.arange(len(order)) < len(order) // 2


def _settle_ladder(
    quantizer: Quantizer,
    halves: tuple[np.ndarray, np.ndarray],
    sample: np.ndarray,
    settings: PriorSettings,
    num_lams: int,
) -> FittedPrior:
    """Find a ladder and a prior that belong together.

    A long ladder holds many collapsed outputs, which sharpens the prior, which shortens the ladder:
    taken over as found, the two swing between extremes. Half steps in log λ settle.
    """

    def ends_for(prior: Prior) -> np.ndarray:
        return np.array(ladder_ends(quantizer, sample, prior))

    def fit_over(ends: np.ndarray) -> FittedPrior:
        lams = make_ladder(ends, num_lams)
        return _from_both_ends(quantizer, halves, sample, lams, settings)

    ends = ends_for(_nearest_prior(quantizer, sample))
    fitted = fit_over(ends)
    for _ in range(_LADDER_PASSES):
        found = ends_for(fitted.prior)
        if np.abs(np.log(found / ends)).max() < _LADDER_SETTLED:
            break
        ends = np.sqrt(found * ends)
        fitted = fit_over(ends)
    return replace(fitted, ladder=make_ladder(ends_for(fitted.prior), num_lams))


def _from_both_ends(
    quantizer: Quantizer,
    halves: tuple[np.ndarray, np.ndarray],
    sample: np.ndarray,
    lams: tuple[float, ...],
    settings: PriorSettings,
) -> FittedPrior:
    fit_half, held_out = halves
    costs = {}
    for name, begin in _starts(quantizer, fit_half).items():
        prior = _alternate(quantizer, fit_half, begin, lams, settings)
        costs[name] = _mean_cost(_encoded(quantizer, held_out, prior, lams), lams)
    start = min(costs, key=lambda name: costs[name])
    prior = _alternate(quantizer, sample, _starts(quantizer, sample)[start], lams, settings)
    return FittedPrior(prior, lams, start, costs)


def _encoded(
    quantizer: Quantizer, z: np.ndarray, prior: Prior, lams: Sequence[float]
) -> list[SearchResult]:
    paths = encode_paths(quantizer, z, prior, lams)
    return [paths.at(lam) for lam in lams]


def _nearest_prior(quantizer: Quantizer, z: np.ndarray) -> FactorizedPrior:
    symbols = search(quantizer, z, uniform_prior(quantizer), [0.0])[0].symbols
    return FactorizedPrior.fit(symbols, alphabet_size=quantizer.alphabet_size)


def _starts(quantizer: Quantizer, z: np.ndarray) -> dict[str, FactorizedPrior]:
    skipped = np.full((len(z), quantizer.num_symbols), quantizer.skip)
    return {
        "nearest": _nearest_prior(quantizer, z),
        "all_skip": FactorizedPrior.fit(skipped, alphabet_size=quantizer.alphabet_size),
    }


def _alternate(
    quantizer: Quantizer,
    z: np.ndarray,
    prior: FactorizedPrior,
    lams: Sequence[float],
    settings: PriorSettings,
) -> FactorizedPrior:
    last = np.inf
    for _ in range(settings.rounds):
        results = _encoded(quantizer, z, prior, lams)
        cost = _mean_cost(results, lams)
        if cost > last * (1 - settings.tolerance):
            break
        last = cost
        counts = sum(
            count_symbols(result.symbols, alphabet_size=quantizer.alphabet_size)
            for result in results
        )
        prior = FactorizedPrior.from_counts(np.asarray(counts))
    return prior


def _mean_cost(results: Sequence[SearchResult], lams: Sequence[float]) -> float:
    """Mean over λ and vectors of R + (D − D of the first λ)/λ in bits, with R alone at λ = 0.

    The first λ's distortion is the same whatever the prior when that λ is 0; taking it off keeps
    small λ from drowning the bits in a constant.
    """
    base = results[0].distortion.mean()
    costs = [
        result.code_length_bits.mean() + ((result.distortion.mean() - base) / lam if lam else 0.0)
        for result, lam in zip(results, lams, strict=True)
    ]
    return float(np.mean(costs))
