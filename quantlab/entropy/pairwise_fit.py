"""Fitting the pairwise prior: training in floating point, then rounding to whole numbers.

Letters as in `pairwise`. Training is AdamW on mini-batches with gradients written out, which is
several times faster than automatic differentiation of many small tables. A part of the vectors,
whole groups (speakers) where there are several, is held out to say when to stop.
"""

import itertools
import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from quantlab.compat import single_thread
from quantlab.config import Settings
from quantlab.entropy.factorized import FactorizedPrior, check_symbols
from quantlab.entropy.holdout import check_weights, hold_out
from quantlab.entropy.integers import TABLE_BITS, TILT_BITS
from quantlab.entropy.pairwise import PairwisePrior
from quantlab.entropy.pairwise_training import (
    Optimizer,
    Weights,
    initial_weights,
    mean_bits,
    smoothed_share,
    weighted_counts,
)

if TYPE_CHECKING:
    import torch

_CHECK_STEPS = 250  # steps between looks at the held-out vectors
_CHECK_VECTORS = 8192  # of them at most
_DROPS = 4  # of the learning rate, by _DROP each, before training ends
_DROP = 3.0
_LEAST_CHECKS = 12
_LEAST_STEPS = 600
_LAST_PACE = 0.4
_STRENGTHS = (1.0, 0.75, 0.5, 0.25)
_MANY = 1e12  # counts so high that smoothing them changes nothing

logger = logging.getLogger(__name__)


class PairwiseSettings(Settings):
    """How a pairwise prior is shaped and trained."""

    rank: int = Field(default=96, ge=1, le=1024)
    """Numbers in the state that sums up the symbols so far."""

    reach: int = Field(default=2, ge=0)
    """How many positions back in its own group a position has full tables for."""

    epochs: float = Field(default=10.0, gt=0)
    """Most passes over the training vectors; more where there are few."""

    batch_size: int = Field(default=1024, ge=1)
    """Vectors of a training step; fewer where there are few."""

    learning_rate: float = Field(default=5e-3, gt=0)
    """Of AdamW at the start."""

    weight_decay: float = Field(default=0.01, ge=0)
    """Of AdamW, on everything but the bias."""

    fraction_bits: int = Field(default=6, ge=5, le=9)
    """Fraction bits of the rounded weights."""


def fit_pairwise(
    symbols: np.ndarray,
    *,
    alphabet_size: int,
    rng: np.random.Generator,
    stages: int = 0,
    groups: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    settings: PairwiseSettings | None = None,
) -> PairwisePrior:
    """Fit a pairwise prior to emitted symbols.

    What the weights gain is measured on held-out vectors, and they are scaled down, to nothing if
    need be, where they do not help there; without weights the prior equals the factorized one.

    Parameters
    ----------
    symbols : np.ndarray [shape=(N, S)]
        Integers in 0 … A − 1.
    alphabet_size : int
        A.
    rng : np.random.Generator
        Source of all randomness.
    stages : int
        Stages of a group, Q: consecutive positions that bear on each other in ways of their own;
        0 takes all positions for one group.
    groups : np.ndarray [shape=(N,)], optional
        Speakers: whole ones are held out.
    weights : np.ndarray [shape=(N,)], optional
        How much each vector counts, finite and ≥ 0; all alike by default.
    settings : PairwiseSettings, optional
        Shape and training.

    Returns
    -------
    PairwisePrior
        In whole numbers.

    Raises
    ------
    InputError
        Symbols are out of range, or groups or weights do not fit them.
    """
    checked = check_symbols(symbols, alphabet_size=alphabet_size)
    chosen = settings or PairwiseSettings()
    mass = check_weights(weights, len(checked))
    order_0 = FactorizedPrior.from_counts(weighted_counts(checked, mass, alphabet_size))
    held_out = hold_out(len(checked), groups, rng=rng) & (mass > 0)
    rest = ~held_out & (mass > 0)
    if checked.shape[1] < 2 or not held_out.any() or not rest.any():
        return PairwisePrior.from_factorized(order_0)
    import torch  # before `single_thread`, which holds what is loaded to one thread

    del torch
    with single_thread():
        pairs = _near_pairs(checked.shape[1], stages or checked.shape[1], chosen.reach)
        return _fit(checked, mass, held_out, order_0, pairs, chosen, rng)


def _fit(
    symbols: np.ndarray,
    mass: np.ndarray,
    held_out: np.ndarray,
    order_0: FactorizedPrior,
    pairs: np.ndarray,
    settings: PairwiseSettings,
    rng: np.random.Generator,
) -> PairwisePrior:
    alphabet = order_0.alphabet_size
    rest, places = ~held_out & (mass > 0), np.flatnonzero(held_out)
    if len(places) > _CHECK_VECTORS:
        places = np.sort(rng.choice(places, _CHECK_VECTORS, replace=False))
    judge = _Sample.make(symbols[places], mass[places])
    share = smoothed_share(symbols[rest], mass[rest], alphabet)
    sample = _Sample.make(symbols[rest], mass[rest])
    rank = min(settings.rank, (len(share) - 1) * (alphabet - 1))  # no more can be of use
    start = initial_weights(sample.symbols, share, rank, pairs, rng=rng)
    best, drops = _train(sample, judge, start, settings, rng)
    plain = np.log(share)
    least, strength = judge.bits(best.scaled(0.0, plain)), 0.0
    for candidate in _STRENGTHS:
        bits = judge.bits(best.scaled(candidate, plain))
        if bits < least:
            least, strength = bits, candidate
    if strength == 0:
        return PairwisePrior.from_factorized(order_0)
    everything = mass > 0
    whole = _Sample.make(symbols[everything], mass[everything])
    final = _finish(best, whole, drops, settings, rng)
    share = smoothed_share(symbols[everything], mass[everything], alphabet)
    return _rounded(final.scaled(strength, np.log(share)), share, settings)


@dataclass(frozen=True)
class _Sample:
    """Vectors as columns ``[S, N]``, and what each of them counts."""

    symbols: "torch.Tensor"
    mass: "torch.Tensor"

    @classmethod
    def make(cls, symbols: np.ndarray, mass: np.ndarray) -> "_Sample":
        import torch

        columns = torch.from_numpy(np.ascontiguousarray(symbols.T))
        return cls(columns, torch.from_numpy(mass.astype(np.float32)))

    def __len__(self) -> int:
        return len(self.mass)

    def bits(self, weights: Weights) -> float:
        return mean_bits(weights, self.symbols, self.mass)

    def passes(self, size: int, rng: np.random.Generator) -> "Iterator[_Sample]":
        """Yield batches without end, every vector once before any comes again."""
        import torch

        while True:
            order = torch.from_numpy(rng.permutation(len(self)))
            for part in order.split(size):
                yield _Sample(self.symbols[:, part], self.mass[part])


def _train(
    sample: _Sample,
    judge: _Sample,
    weights: Weights,
    settings: PairwiseSettings,
    rng: np.random.Generator,
) -> tuple[Weights, int]:
    """Return the weights that serve `judge` best on the way, and how often the rate fell before.

    The rate falls along a cosine, and to a third whenever nothing has been gained; then training
    goes on from the best so far. While all goes well it ends half way, for `_finish` to go on.
    """
    size, steps = _batches(sample, settings)
    every = min(_CHECK_STEPS, -(-steps // _LEAST_CHECKS))
    checks = -(-steps // every)
    batches = sample.passes(size, rng)
    best, least, drops, fallen = weights, judge.bits(weights), 0, 0
    optimizer = Optimizer(best.copy(), decay=settings.weight_decay)
    for check in range(checks):
        if drops == 0 and check == checks // 2:
            break
        for step, batch in enumerate(itertools.islice(batches, every)):
            pace = _cosine((check + step / every) / checks) / _DROP**drops
            optimizer.step(batch.symbols, batch.mass, rate=settings.learning_rate * pace)
        bits = judge.bits(optimizer.weights)
        logger.debug("pairwise prior, check %d of %d: %.3f bits", check + 1, checks, bits)
        if bits < least:
            best, least, fallen = optimizer.weights.copy(), bits, drops
            continue
        drops += 1
        if drops > _DROPS:
            break
        optimizer = Optimizer(best.copy(), decay=settings.weight_decay)
    return best, drops and max(fallen, 1)


def _finish(
    weights: Weights,
    sample: _Sample,
    drops: int,
    settings: PairwiseSettings,
    rng: np.random.Generator,
) -> Weights:
    """Take in the held-out vectors as well: the second half of training, where the first went well.

    Where the rate has fallen there is danger of learning by heart, so a fifth as many steps follow,
    at a rate that changes little.
    """
    size, steps = _batches(sample, settings)
    height, steps = (1.0, steps // 2) if drops == 0 else (_LAST_PACE / _DROP**drops, steps // 5)
    optimizer = Optimizer(weights.copy(), decay=settings.weight_decay)
    for step, batch in enumerate(itertools.islice(sample.passes(size, rng), steps)):
        pace = height * _cosine(0.5 + 0.5 * step / steps)
        optimizer.step(batch.symbols, batch.mass, rate=settings.learning_rate * pace)
    return optimizer.weights


def _batches(sample: _Sample, settings: PairwiseSettings) -> tuple[int, int]:
    """Vectors of a batch, and batches of the whole training; few vectors are seen more often."""
    size = max(1, min(settings.batch_size, len(sample) // 16))
    return size, max(_LEAST_STEPS, round(settings.epochs * len(sample) / size))


def _cosine(done: float) -> float:
    return (1.0 + math.cos(math.pi * done)) / 2.0


def _near_pairs(num_positions: int, stages: int, reach: int) -> np.ndarray:
    """Pairs (s, r) of one group, at most `reach` positions apart: ``[P, 2]``, ascending."""
    pairs = [(s, r) for s in range(num_positions) for r in range(max(s - s % stages, s - reach), s)]
    return np.array(pairs, np.int64).reshape(-1, 2)


def _rounded(weights: Weights, share: np.ndarray, settings: PairwiseSettings) -> PairwisePrior:
    """Round the weights, centred so that the tilt of a symbol is zero on average.

    `share` ``[S, A]`` says how often each symbol occurs.
    """
    log2 = math.log(2)
    bias, effects, loadings, tables = (array.double().numpy() for array in weights.arrays())
    mean = np.einsum("sa,sar->sr", share, effects)
    effects = effects - mean[:, None]
    effects[-1] = 0.0
    reached = np.concatenate([np.zeros((1, mean.shape[1])), mean.cumsum(0)[:-1]])
    bias = bias + np.einsum("sr,sra->sa", reached, loadings)
    tables = tables.copy()
    for row, (s, r) in enumerate(weights.pairs):
        centre = share[r] @ tables[row]
        tables[row] -= centre
        bias[s] += centre
    # Each axis of the state can be stretched at will; even out where rounding hurts.
    lengths = [
        np.sqrt((array**2).mean(axis=axes))
        for array, axes in ((effects, (0, 1)), (loadings, (0, 2)))
    ]
    stretch = np.sqrt((lengths[1] + 1e-12) / (lengths[0] + 1e-12) / log2)
    scale = float(1 << settings.fraction_bits)
    chances = np.exp(bias - bias.max(axis=1, keepdims=True))
    counts = _MANY * chances / chances.sum(axis=1, keepdims=True)
    return PairwisePrior(
        FactorizedPrior.from_counts(counts).frequencies,
        _whole(effects * stretch * scale, np.int16),
        _whole(loadings / stretch[:, None] / log2 * scale, np.int16),
        2 * settings.fraction_bits - TILT_BITS,
        weights.pairs,
        _whole(tables / log2 * (1 << TABLE_BITS), np.int8),
    )


def _whole(values: np.ndarray, dtype: type[np.signedinteger]) -> np.ndarray:
    limit = np.iinfo(dtype).max
    return np.clip(np.rint(values), -limit, limit).astype(dtype)
