"""Fitting what codes scaled (and rotated) vectors: the codebooks, the prior and the ladder."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from quantlab.codebooks.alternation import fit_prior
from quantlab.codebooks.contextual import fit_contextual
from quantlab.codebooks.ladder import ladder_ends, make_ladder
from quantlab.codebooks.quantizer import Quantizer
from quantlab.codebooks.refine import refine
from quantlab.codebooks.settings import CodecSettings
from quantlab.codebooks.training import fit_quantizer
from quantlab.codebooks.trellis_fit import fit_trellis, lam_for_bits
from quantlab.entropy import ConditionedPrior, Prior


@dataclass(frozen=True, eq=False)
class FittedCode:
    """Codebooks with the prior and the ladder that belong to them.

    Attributes
    ----------
    quantizer : Quantizer
        The codebooks.
    prior : Prior or ConditionedPrior
        What symbols cost.
    ladder : tuple[float, ...]
        The λ ladder, ascending.
    about : dict[str, Any]
        What a card says of the fit.
    """

    quantizer: Quantizer
    prior: Prior | ConditionedPrior
    ladder: tuple[float, ...]
    about: dict[str, Any]


def fit_code(
    y: np.ndarray,
    settings: CodecSettings,
    *,
    ladder: tuple[float, ...],
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
) -> FittedCode:
    """Fit codebooks, prior and ladder to training vectors ``[N, M]``.

    Parameters
    ----------
    y : np.ndarray [shape=(N, M)]
        Scaled, and where the settings ask for it rotated, training vectors.
    settings : CodecSettings
        Everything that shapes the codec.
    ladder : tuple[float, ...]
        Given λ; empty finds them from the data.
    rng : np.random.Generator
        Source of all randomness.
    groups : np.ndarray [shape=(N,)], optional
        Speakers of the vectors.

    Raises
    ------
    InputError
        Too few vectors, non-finite values, or dimensions that the groups do not divide.
    """
    if settings.scheme == "trellis":
        return _fit_trellis(y, settings, ladder, rng)
    return _fit_residual(y, settings, ladder, rng, groups)


def _fit_residual(
    y: np.ndarray,
    settings: CodecSettings,
    ladder: tuple[float, ...],
    rng: np.random.Generator,
    groups: np.ndarray | None,
) -> FittedCode:
    quantizer = fit_quantizer(y, settings.quantizer, rng=rng)
    return fit_entropy(quantizer, y, settings, ladder=ladder, rng=rng, groups=groups)


def fit_entropy(
    quantizer: Quantizer,
    y: np.ndarray,
    settings: CodecSettings,
    *,
    ladder: tuple[float, ...],
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
) -> FittedCode:
    """Fit prior and ladder to codebooks, and where the settings ask for it the codebooks to them.

    Parameters as those of `fit_code`; `quantizer` holds the codebooks to start from.
    """
    fitted = fit_prior(
        quantizer,
        y,
        settings.prior,
        ladder=ladder,
        num_lams=settings.ladder.num,
        rng=rng,
        groups=groups,
    )
    prior: Prior | ConditionedPrior = fitted.prior
    if settings.quantizer.refine_rounds:
        refined = refine(
            quantizer,
            fitted.prior,
            y,
            [lam for lam in fitted.ladder if lam > 0],
            rounds=settings.quantizer.refine_rounds,
            beam=settings.beam,
        )
        quantizer, prior = refined.quantizer, refined.prior
    if settings.prior.kind != "factorized" or settings.prior.per_lam:
        rows = np.sort(rng.permutation(len(y))[: settings.prior.max_context_vectors])
        prior = fit_contextual(
            quantizer,
            y[rows],
            prior,
            fitted.ladder,
            settings.prior,
            rng=rng,
            groups=None if groups is None else np.asarray(groups)[rows],
        )
    about = {
        "codes_asked": settings.quantizer.codes,
        "codes": quantizer.num_codes,
        "prior_start": fitted.start,
        "prior_held_out_cost_bits": fitted.held_out_cost,
    }
    return FittedCode(quantizer, prior, fitted.ladder, about)


def _fit_trellis(
    y: np.ndarray, settings: CodecSettings, ladder: tuple[float, ...], rng: np.random.Generator
) -> FittedCode:
    variances = np.einsum("nd,nd->d", y, y, dtype=np.float64) / len(y)
    lam = lam_for_bits(variances, settings.trellis.bits)
    fitted = fit_trellis(
        y, lam, rng=rng, num_states=settings.trellis.states, rounds=settings.trellis.rounds
    )
    found = ladder or make_ladder(
        ladder_ends(fitted.quantizer, y, fitted.prior), settings.ladder.num
    )
    codes = fitted.quantizer.num_codes
    about = {"codes_asked": codes, "codes": codes, "made_for_lam": lam}
    return FittedCode(fitted.quantizer, fitted.prior, found, about)
