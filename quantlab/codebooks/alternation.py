"""Fitting the prior on what the search emits, and the search on what the prior charges.

The alternation lowers the mean over the ladder of R(λ) + D(λ)/λ (at λ = 0 of R alone), for which
counting the symbols of all λ with equal weight is the exact refit of a factorized prior. It has
several fixed points, so it starts from both ends: from the symbols of λ = 0, and from a prior that
expects nothing but SKIP. The end with the lower cost on vectors that its prior was not fitted on is
kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from quantlab.codebooks.ladder import ladder_ends, make_ladder
from quantlab.codebooks.quantizer import Quantizer, uniform_prior
from quantlab.codebooks.search import SearchResult, price, search
from quantlab.codebooks.settings import PriorSettings
from quantlab.entropy import FactorizedPrior, count_symbols

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


def encode_ladder(
    quantizer: Quantizer, z: np.ndarray, prior: FactorizedPrior, lams: Sequence[float]
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
    prior : FactorizedPrior
        What symbols cost.
    lams : Sequence[float]
        Finite λ ≥ 0, in any order.

    Returns
    -------
    list[SearchResult]
        One per λ, in the order given.
    """
    skip = np.full((len(z), quantizer.num_symbols), quantizer.skip)
    nearest, *results = search(quantizer, z, prior, [0.0, *lams])
    all_skip = price(quantizer, z, skip, prior)
    return [
        _cheapest([result, nearest, all_skip], lam)
        for result, lam in zip(results, lams, strict=True)
    ]


def _cheapest(candidates: list[SearchResult], lam: float) -> SearchResult:
    if lam == 0:
        return candidates[0]
    choice = np.stack([candidate.cost(lam) for candidate in candidates]).argmin(axis=0)
    rows = np.arange(len(choice))

    def pick(name: str) -> np.ndarray:
        return np.stack([getattr(candidate, name) for candidate in candidates])[choice, rows]

    return SearchResult(pick("symbols"), pick("distortion"), pick("code_length_bits"))


def fit_prior(
    quantizer: Quantizer,
    z: np.ndarray,
    settings: PriorSettings,
    *,
    ladder: tuple[float, ...],
    num_lams: int,
    rng: np.random.Generator,
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

    Returns
    -------
    FittedPrior
        The prior refitted on the whole sample from the better start.
    """
    order = rng.permutation(len(z))[: settings.max_vectors]
    half = max(len(order) // 2, 1)
    fit_half, held_out = z[order[:half]], z[order[half:]]
    sample = z[np.sort(order)]
    halves = fit_half, held_out
    if ladder:
        return _from_both_ends(quantizer, halves, sample, ladder, settings)
    return _settle_ladder(quantizer, halves, sample, settings, num_lams)


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

    def ends_for(prior: FactorizedPrior) -> np.ndarray:
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
        costs[name] = _mean_cost(encode_ladder(quantizer, held_out, prior, lams), lams)
    start = min(costs, key=lambda name: costs[name])
    prior = _alternate(quantizer, sample, _starts(quantizer, sample)[start], lams, settings)
    return FittedPrior(prior, lams, start, costs)


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
        results = encode_ladder(quantizer, z, prior, lams)
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
