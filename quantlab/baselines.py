"""What rate-aware code choice is compared with: similarity reductions and plain references.

A reduction lowers similarity directly, without a prior in the choice; its symbols are then coded
with a factorized prior fitted on the same method's training symbols. A reference is matched to a
codec's distortion. Letters: ``N`` vectors, ``D`` dimensions, ``S`` symbols, ``z`` scaled vectors.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quantlab.codebooks import Quantizer, search, uniform_prior
from quantlab.entropy import FactorizedPrior
from quantlab.errors import InputError

_BLOCK_BYTES = 64 << 20
_STEP_BISECTIONS = 24  # over less than five decades: a step within a millionth


@dataclass(frozen=True, eq=False)
class Reduced:
    """Vectors whose mean centred cosine was lowered to a target.

    Attributes
    ----------
    target, achieved : float
        The mean centred cosine asked for and reached over the set.
    z_hat : np.ndarray [shape=(N, D), dtype=float32]
        The reduced vectors, scaled.
    code_length_bits : np.ndarray [shape=(N,), dtype=float64]
        Bits of each vector under the prior of the method's own training symbols.
    """

    target: float
    achieved: float
    z_hat: np.ndarray
    code_length_bits: np.ndarray


@dataclass(frozen=True, eq=False)
class _Dropping:
    """Symbols of λ = 0 and the order in which to give them up."""

    symbols: np.ndarray
    order: np.ndarray
    cosine: np.ndarray


def drop_least(
    quantizer: Quantizer,
    z: np.ndarray,
    z_train: np.ndarray,
    targets: Sequence[float],
    *,
    rng: np.random.Generator,
) -> list[Reduced]:
    """Turn the symbols of λ = 0 into SKIP one by one, each time the one that costs least cosine.

    Parameters
    ----------
    quantizer : Quantizer
        The codebooks.
    z : np.ndarray [shape=(N, D)]
        Scaled vectors to reduce, N ≥ 1.
    z_train : np.ndarray [shape=(M, D)]
        Training vectors, reduced alike to fit the prior that codes the symbols.
    targets : Sequence[float]
        Mean centred cosines to meet. Neighbouring counts are mixed over the vectors of the set
        where one count cannot hit the target.
    rng : np.random.Generator
        Decides which vectors take the larger count.

    Returns
    -------
    list[Reduced]
        One per target, in the order given.
    """
    test, train = _dropping(quantizer, z), _dropping(quantizer, z_train)
    orders = rng.permutation(len(z)), rng.permutation(len(z_train))
    reduced = []
    for target in targets:
        counts, achieved = _counts_for(test.cosine, target, orders[0])
        train_counts, _ = _counts_for(train.cosine, target, orders[1])
        prior = FactorizedPrior.fit(
            _dropped(train, train_counts, quantizer.skip), alphabet_size=quantizer.alphabet_size
        )
        symbols = _dropped(test, counts, quantizer.skip)
        bits = prior.code_length_bits(symbols)
        reduced.append(Reduced(float(target), achieved, quantizer.decode(symbols), bits))
    return reduced


def _dropping(quantizer: Quantizer, z: np.ndarray) -> _Dropping:
    if len(z) == 0:
        raise InputError("no vectors to reduce")
    symbols = search(quantizer, z, uniform_prior(quantizer), [0.0])[0].symbols
    block = max(_BLOCK_BYTES // (8 * quantizer.num_symbols * quantizer.num_dims), 1)
    parts = [
        _drop_block(quantizer, z[start : start + block], symbols[start : start + block])
        for start in range(0, len(z), block)
    ]
    return _Dropping(
        symbols,
        np.concatenate([order for order, _ in parts]),
        np.concatenate([cosine for _, cosine in parts]),
    )


def _drop_block(
    quantizer: Quantizer, z: np.ndarray, symbols: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Greedy order of giving up ``[n, S]`` and the cosine after each count ``[n, S + 1]``."""
    contributions = _contributions(quantizer, symbols)
    gram = contributions @ contributions.transpose(0, 2, 1)
    with_z = np.einsum("nsd,nd->ns", contributions, z.astype(np.float64))
    with_hat, dot, power = gram.sum(axis=2), with_z.sum(axis=1), gram.sum(axis=(1, 2))
    norm = np.linalg.norm(z.astype(np.float64), axis=1)
    rows = np.arange(len(z))
    order = np.empty(symbols.shape, np.int64)
    cosine = np.empty((len(z), symbols.shape[1] + 1))
    cosine[:, 0] = _cosine(dot, power, norm)
    gone = np.zeros(symbols.shape, bool)
    for count in range(symbols.shape[1]):
        left = power[:, None] - 2 * with_hat + np.diagonal(gram, axis1=1, axis2=2)
        after = _cosine(dot[:, None] - with_z, left, norm[:, None])
        chosen = np.where(gone, -np.inf, after).argmax(axis=1)
        order[:, count], gone[rows, chosen] = chosen, True
        dot, power = dot - with_z[rows, chosen], left[rows, chosen]
        with_hat = with_hat - gram[rows, :, chosen]
        cosine[:, count + 1] = after[rows, chosen]
    cosine[:, -1] = 0.0  # nothing is left: the zero vector, whose cosine is 0 by definition
    return order, cosine


def _contributions(quantizer: Quantizer, symbols: np.ndarray) -> np.ndarray:
    """Return what each symbol adds to the reconstruction, float64 ``[n, S, D]``."""
    books = quantizer.with_skip().astype(np.float64)
    width = books.shape[3]
    out = np.zeros((len(symbols), quantizer.num_symbols, quantizer.num_dims))
    for position in range(quantizer.num_symbols):
        group, stage = divmod(position, quantizer.num_stages)
        span = slice(group * width, (group + 1) * width)
        out[:, position, span] = books[group, stage, symbols[:, position]]
    return out


def _cosine(dot: np.ndarray, power: np.ndarray, norm: np.ndarray) -> np.ndarray:
    """Cosine from ⟨z, ẑ⟩, ‖ẑ‖² and ‖z‖; 0 where a side is (numerically) zero."""
    scale = np.sqrt(np.maximum(power, 0.0)) * norm
    safe = scale > 1e-9 * np.maximum(norm, 1.0)
    return np.divide(dot, scale, out=np.zeros_like(scale), where=safe).clip(-1.0, 1.0)


def _counts_for(cosine: np.ndarray, target: float, order: np.ndarray) -> tuple[np.ndarray, float]:
    """How many symbols each vector gives up so that the set's mean cosine meets `target`."""
    means = cosine.mean(axis=0)
    # Giving up a symbol can raise the cosine, so look for the last count that is still above.
    above = np.flatnonzero(means >= target)
    count = int(above[-1]) if len(above) else int(np.abs(means - target).argmin())
    if len(above) == 0 or count == cosine.shape[1] - 1:
        return np.full(len(cosine), count), float(means[count])
    steps = (cosine[order, count + 1] - cosine[order, count]).cumsum() / len(cosine)
    reached = means[count] + np.concatenate([[0.0], steps])
    further = int(np.abs(reached - target).argmin())
    counts = np.full(len(cosine), count)
    counts[order[:further]] += 1
    return counts, float(reached[further])


def _dropped(dropping: _Dropping, counts: np.ndarray, skip: int) -> np.ndarray:
    symbols = dropping.symbols.copy()
    rank = np.empty_like(dropping.order)
    np.put_along_axis(rank, dropping.order, np.arange(rank.shape[1])[None, :], axis=1)
    symbols[rank < counts[:, None]] = skip
    return symbols


def coarse_step(z: np.ndarray, z_train: np.ndarray, targets: Sequence[float]) -> list[Reduced]:
    """Round every dimension to a uniform step, bisected until the mean cosine meets each target.

    Parameters
    ----------
    z, z_train : np.ndarray [shape=(N, D)], [shape=(M, D)]
        Scaled vectors to reduce, and training vectors for the prior of the rounded values.
    targets : Sequence[float]
        Mean centred cosines to meet, 0 to 1. With few vectors the mean moves in steps; `achieved`
        is what was reached.

    Returns
    -------
    list[Reduced]
        One per target, in the order given.
    """
    if len(z) == 0:
        raise InputError("no vectors to reduce")
    exact = z.astype(np.float64)
    norm = np.linalg.norm(exact, axis=1)
    reduced = []
    for target in targets:
        step = _step_for(exact, norm, target)
        levels = np.rint(exact / step)
        bits = _level_bits(levels, np.rint(z_train.astype(np.float64) / step))
        z_hat = (levels * step).astype(np.float32)
        reduced.append(Reduced(float(target), _mean_cosine(exact, norm, z_hat), z_hat, bits))
    return reduced


def _step_for(z: np.ndarray, norm: np.ndarray, target: float) -> float:
    largest = float(np.abs(z).max())
    low, high = largest * 1e-4, largest * 2.5  # at the upper end everything rounds to zero
    for _ in range(_STEP_BISECTIONS):
        middle = float(np.sqrt(low * high))
        if _mean_cosine(z, norm, np.rint(z / middle) * middle) >= target:
            low = middle
        else:
            high = middle
    return low


def _mean_cosine(z: np.ndarray, norm: np.ndarray, z_hat: np.ndarray) -> float:
    dot = np.einsum("nd,nd->n", z, z_hat)
    power = np.einsum("nd,nd->n", z_hat, z_hat, dtype=np.float64)
    return float(_cosine(dot, power, norm).mean())


def _level_bits(levels: np.ndarray, train_levels: np.ndarray) -> np.ndarray:
    """Bits of each row of integer levels under a prior fitted on training levels."""
    reach = int(max(np.abs(levels).max(), np.abs(train_levels).max()))
    alphabet = 2 * reach + 2  # one spare symbol, so that an all-zero table has two to choose from
    offset = reach
    prior = FactorizedPrior.fit((train_levels + offset).astype(np.int64), alphabet_size=alphabet)
    return prior.code_length_bits((levels + offset).astype(np.int64))


def shrink(
    z: np.ndarray, offsets: np.ndarray, distortion: np.ndarray, *, toward: np.ndarray
) -> np.ndarray:
    """Pull each item toward one point until it is as distorted as a codec made it: a plain blur.

    ẑ = m + α(z − m) with one α in 0 … 1 per item. Where even α = 0 distorts less than the codec
    did, α is 0 and the reference stays the closer one.

    Parameters
    ----------
    z : np.ndarray [shape=(ΣT, D)]
        Scaled frames of all items.
    offsets : np.ndarray [shape=(N + 1,)]
        Where items start and end.
    distortion : np.ndarray [shape=(N,)]
        ‖z − ẑ‖² to match, mean over each item's frames.
    toward : np.ndarray [shape=(D,)]
        The point m: zero for the training mean, a class mean for a codec biased to that class.

    Returns
    -------
    np.ndarray [shape=(ΣT, D), dtype=float64]
        The shrunken frames.
    """
    away = z.astype(np.float64) - toward
    lengths = np.diff(offsets)
    power = np.add.reduceat(np.einsum("td,td->t", away, away), offsets[:-1]) / lengths
    pulled = np.sqrt(np.divide(distortion, power, out=np.ones_like(power), where=power > 0))
    # A codec's zero output must match α = 0 exactly: the least remainder would have a direction.
    alpha = np.where(pulled > 1.0 - 1e-6, 0.0, 1.0 - pulled)
    alpha = np.repeat(alpha, lengths)
    return toward + alpha[:, None] * away
