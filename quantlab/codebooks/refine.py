"""Entropy-constrained refinement: codebooks and prior fitted together to what the search chooses.

One round assigns symbols at the given λ, counts the prior anew and solves for the stages of each
group by least squares. What is lowered is the mean over λ of R + D/λ, in bits per vector, the
objective of `alternation`; a round that does not lower it is undone. Letters as in `quantizer`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from quantlab.codebooks.encoding import encode_direct
from quantlab.codebooks.leastsquares import NormalEquations
from quantlab.codebooks.quantizer import Quantizer
from quantlab.codebooks.search import SearchResult
from quantlab.entropy import FactorizedPrior, Prior, count_symbols
from quantlab.errors import ConfigError, InputError

_BLOCK = 1 << 16

DeadCodes = Literal["keep", "replace"]
RefitPrior = Callable[[Sequence[np.ndarray]], Prior]


@dataclass(frozen=True, eq=False)
class Refined:
    """Codebooks and a prior that belong together.

    Attributes
    ----------
    quantizer : Quantizer
        The codebooks.
    prior : Prior
        The prior.
    history : tuple[float, ...]
        The mean over λ of R + D/λ, bits per vector, as given and after each round that was kept;
        strictly falling.
    """

    quantizer: Quantizer
    prior: Prior
    history: tuple[float, ...]


def refine(
    quantizer: Quantizer,
    prior: Prior,
    z: np.ndarray,
    lams: Sequence[float],
    *,
    rounds: int,
    beam: int = 1,
    tolerance: float = 1e-4,
    dead_codes: DeadCodes = "keep",
    rng: np.random.Generator | None = None,
    refit: RefitPrior | None = None,
) -> Refined:
    """Refine codebooks and prior for one λ or several.

    Parameters
    ----------
    quantizer : Quantizer
        Codebooks to start from.
    prior : Prior
        Prior to start from.
    z : np.ndarray [shape=(N, D)]
        Scaled training vectors, N ≥ 1.
    lams : Sequence[float]
        Squared distance per bit, finite and > 0; each has the same weight.
    rounds : int
        Most rounds, ≥ 0.
    beam : int
        Prefixes kept by the search.
    tolerance : float
        Relative gain below which the rounds end.
    dead_codes : {"keep", "replace"}
        What happens to codes that no vector chose at any λ. ``keep``: they stay where they are.
        ``replace``: they move to what the other stages leave of a vector drawn from `rng`.
    rng : np.random.Generator, optional
        Needed by ``replace`` only.
    refit : callable, optional
        Fits the prior to one symbol array ``[N, S]`` per λ. Without it a factorized prior is
        counted anew, and any other kept as it is.

    Returns
    -------
    Refined
        The codebooks and prior with the lowest objective that was met.

    Raises
    ------
    InputError
        No vectors, shapes that do not fit, non-finite values, or λ not positive.
    ConfigError
        The policy is unknown or lacks its generator, or `rounds` is negative.

    References
    ----------
    Chou, Lookabaugh and Gray, "Entropy-constrained vector quantization", IEEE Trans. ASSP 37
    (1989), section III; the joint step over stages as in Kossentini, Smith and Barnes, "Necessary
    conditions for the optimality of residual vector quantizers", IEEE Trans. IT 41 (1995).
    """
    _check(z, lams, rounds, dead_codes, rng)
    results = encode_direct(quantizer, z, prior, lams, beam=beam)
    best, history = (quantizer, prior), [_objective(results, lams)]
    for _ in range(rounds):
        symbols = [result.symbols for result in results]
        quantizer = refit_codebooks(quantizer, z, symbols, weights=[1 / lam for lam in lams])
        if dead_codes == "replace" and rng is not None:
            quantizer = _replace_unused(quantizer, z, symbols, rng)
        prior = _refit_prior(prior, symbols, refit)
        results = encode_direct(quantizer, z, prior, lams, beam=beam)
        cost = _objective(results, lams)
        if not cost < history[-1]:
            break
        settled = cost >= history[-1] * (1 - tolerance)
        best = quantizer, prior
        history.append(cost)
        if settled:
            break
    return Refined(*best, tuple(history))


def refine_ladder(
    quantizer: Quantizer,
    prior: Prior,
    z: np.ndarray,
    lams: Sequence[float],
    *,
    rounds: int,
    beam: int = 1,
    tolerance: float = 1e-4,
    dead_codes: DeadCodes = "keep",
    rng: np.random.Generator | None = None,
    refit: RefitPrior | None = None,
) -> list[Refined]:
    """Refine for each λ by itself, each starting from what the λ before it ended with.

    Parameters, raises as `refine`; `lams` in the order in which they are walked, rising or falling.

    Returns
    -------
    list[Refined]
        One per λ, in the order given.
    """
    _check(z, lams, rounds, dead_codes, rng)
    ladder = []
    for lam in lams:
        refined = refine(
            quantizer,
            prior,
            z,
            [lam],
            rounds=rounds,
            beam=beam,
            tolerance=tolerance,
            dead_codes=dead_codes,
            rng=rng,
            refit=refit,
        )
        quantizer, prior = refined.quantizer, refined.prior
        ladder.append(refined)
    return ladder


def refit_codebooks(
    quantizer: Quantizer,
    z: np.ndarray,
    symbols: Sequence[np.ndarray],
    *,
    weights: Sequence[float],
) -> Quantizer:
    """Return the codebooks with the least weighted squared error for given symbols.

    Parameters
    ----------
    quantizer : Quantizer
        Where the codes stand; codes that no vector chose stay there.
    z : np.ndarray [shape=(N, D)]
        Scaled vectors.
    symbols : Sequence[np.ndarray]
        Arrays ``[N, S]``, one for each weight.
    weights : Sequence[float]
        Positive weights of the squared errors.

    Returns
    -------
    Quantizer
        Jointly optimal stages of every group, to within a slight pull towards `quantizer`.
    """
    shape = quantizer.codebooks.shape
    groups = quantizer.grouped(z)
    books = np.empty(shape, np.float32)
    largest = max(weights)
    for group in range(shape[0]):
        positions = slice(group * shape[1], (group + 1) * shape[1])
        normal = NormalEquations(*shape[1:])
        for chosen, weight in zip(symbols, weights, strict=True):
            for start in range(0, len(z), _BLOCK):
                rows = slice(start, start + _BLOCK)
                normal.add(chosen[rows, positions], groups[rows, group], weight=weight / largest)
        books[group] = normal.solve(quantizer.codebooks[group])
    return Quantizer(books)


def _objective(results: Sequence[SearchResult], lams: Sequence[float]) -> float:
    return float(
        np.mean(
            [
                result.code_length_bits.mean() + result.distortion.mean() / lam
                for result, lam in zip(results, lams, strict=True)
            ]
        )
    )


def _refit_prior(prior: Prior, symbols: Sequence[np.ndarray], refit: RefitPrior | None) -> Prior:
    if refit is not None:
        return refit(symbols)
    if not isinstance(prior, FactorizedPrior):
        return prior
    counts = [count_symbols(chosen, alphabet_size=prior.alphabet_size) for chosen in symbols]
    return FactorizedPrior.from_counts(np.sum(counts, axis=0))


def _replace_unused(
    quantizer: Quantizer, z: np.ndarray, symbols: Sequence[np.ndarray], rng: np.random.Generator
) -> Quantizer:
    """Move codes that no array of symbols holds, judged by the first array's residuals."""
    alphabet = quantizer.alphabet_size
    counts = np.sum([count_symbols(chosen, alphabet_size=alphabet) for chosen in symbols], axis=0)
    books, with_skip = quantizer.codebooks.copy(), quantizer.with_skip()
    for position in range(quantizer.num_symbols):
        group, stage = divmod(position, quantizer.num_stages)
        unused = np.flatnonzero(counts[position, :-1] == 0)
        rows = rng.choice(len(z), size=len(unused), replace=len(unused) > len(z))
        error = quantizer.grouped(z[rows] - quantizer.decode(symbols[0][rows]))[:, group]
        books[group, stage, unused] = error + with_skip[group, stage, symbols[0][rows, position]]
    return Quantizer(books)


def _check(
    z: np.ndarray,
    lams: Sequence[float],
    rounds: int,
    dead_codes: str,
    rng: np.random.Generator | None,
) -> None:
    if not len(z):
        raise InputError("0 training vectors were given; refinement needs at least one")
    if not len(lams) or not all(np.isfinite(lam) and lam > 0 for lam in lams):
        raise InputError(f"refinement needs finite lams > 0, given {tuple(lams)}; leave 0 out")
    if rounds < 0:
        raise ConfigError(f"rounds is {rounds}; give 0 or more")
    if dead_codes not in ("keep", "replace"):
        raise ConfigError(f"dead_codes is {dead_codes!r}; use keep or replace")
    if dead_codes == "replace" and rng is None:
        raise ConfigError("dead_codes: replace draws vectors; give rng")
