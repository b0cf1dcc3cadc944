"""Priors beyond order 0, alternated with the search from where the factorized prior stands.

Letters as in `quantizer`.
"""

from collections.abc import Sequence
from typing import assert_never

import numpy as np

from quantlab.codebooks.encoding import encode_direct, encode_paths
from quantlab.codebooks.quantizer import Quantizer
from quantlab.codebooks.search import SearchResult
from quantlab.codebooks.settings import PriorSettings
from quantlab.entropy import (
    ConditionedPrior,
    FactorizedPrior,
    Prior,
    fit_pairwise,
    fit_transformer,
)


def fit_contextual(
    quantizer: Quantizer,
    z: np.ndarray,
    prior: Prior,
    lams: Sequence[float],
    settings: PriorSettings,
    *,
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
) -> Prior | ConditionedPrior:
    """Refit a prior of the kind that is asked for, on what the search emits under the last one.

    Parameters
    ----------
    quantizer : Quantizer
        Fixed codebooks.
    z : np.ndarray [shape=(N, D)]
        Scaled training vectors.
    prior : Prior
        Where to start.
    lams : Sequence[float]
        The ladder; the symbols of all λ weigh alike, or each λ gets its own prior.
    settings : PriorSettings
        Kind, rounds, and whether the prior is conditioned on λ.
    rng : np.random.Generator
        Source of all randomness.
    groups : np.ndarray [shape=(N,)], optional
        Speakers, for stopping early on others than those that the prior is fitted on.

    Returns
    -------
    Prior or ConditionedPrior
        The prior of the last round.
    """
    alphabet = quantizer.alphabet_size
    current: Prior | ConditionedPrior = prior
    for _ in range(settings.context_rounds):
        emitted = _emitted(quantizer, z, current, lams, settings)
        if settings.per_lam:
            current = ConditionedPrior.fit(
                dict(zip(lams, (result.symbols for result in emitted), strict=True)),
                alphabet_size=alphabet,
                rng=rng,
                kind="pairwise" if settings.kind == "pairwise" else "factorized",
                stages=quantizer.num_stages,
                groups=groups,
                settings=settings.pairwise,
            )
        else:
            symbols, labels = _pooled(emitted, groups, settings.max_context_vectors, rng)
            current = _fit_one(quantizer, symbols, labels, settings, rng)
    return current


def _emitted(
    quantizer: Quantizer,
    z: np.ndarray,
    prior: Prior | ConditionedPrior,
    lams: Sequence[float],
    settings: PriorSettings,
) -> list[SearchResult]:
    if settings.per_lam or isinstance(prior, ConditionedPrior):
        return encode_direct(quantizer, z, prior, lams)
    paths = encode_paths(quantizer, z, prior, lams)
    return [paths.at(lam) for lam in lams]


def _pooled(
    emitted: Sequence[SearchResult],
    groups: np.ndarray | None,
    most: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Symbols of all λ together, sampled down, with the speakers of their vectors."""
    symbols = np.concatenate([result.symbols for result in emitted])
    chosen = np.sort(rng.permutation(len(symbols))[:most])
    labels = None if groups is None else np.tile(groups, len(emitted))[chosen]
    return symbols[chosen], labels


def _fit_one(
    quantizer: Quantizer,
    symbols: np.ndarray,
    groups: np.ndarray | None,
    settings: PriorSettings,
    rng: np.random.Generator,
) -> Prior:
    alphabet = quantizer.alphabet_size
    match settings.kind:
        case "factorized":
            return FactorizedPrior.fit(symbols, alphabet_size=alphabet)
        case "pairwise":
            return fit_pairwise(
                symbols,
                alphabet_size=alphabet,
                stages=quantizer.num_stages,
                rng=rng,
                groups=groups,
                settings=settings.pairwise,
            )
        case "transformer":
            return fit_transformer(
                symbols,
                alphabet_size=alphabet,
                stages=quantizer.num_stages,
                rng=rng,
                groups=groups,
                settings=settings.transformer,
            )
        case _:
            assert_never(settings.kind)
