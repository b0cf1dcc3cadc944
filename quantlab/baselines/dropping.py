"""Reductions that give up symbols: the cheapest first, the dearest first, or whole late stages.

Letters: ``N`` vectors, ``D`` dimensions, ``S`` symbols, ``C`` how many times something is given up.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from quantlab.baselines.prepared import Prepared, prepare
from quantlab.baselines.reduced import Reduced, cosine_of
from quantlab.codebooks import Quantizer
from quantlab.entropy import FactorizedPrior
from quantlab.errors import InputError


@dataclass(frozen=True, eq=False)
class _GivingUp:
    """In which order a set of vectors gives up its symbols, and what that does to the cosine."""

    symbols: np.ndarray
    rank: np.ndarray  # [N, S] or [1, S], below C: a symbol goes when more than its rank go
    cosine: np.ndarray  # [N, C + 1], after each count; 0 in the end

    def after(self, counts: np.ndarray, skip: int) -> np.ndarray:
        """Return the symbols when each vector gives up so many times, `counts` ``[N]``."""
        return np.where(self.rank < counts[:, None], skip, self.symbols)


def drop_least(
    quantizer: Quantizer,
    z: np.ndarray | Prepared,
    z_train: np.ndarray | Prepared,
    targets: Sequence[float],
    *,
    rng: np.random.Generator,
) -> list[Reduced]:
    """Turn the symbols of λ = 0 into SKIP one by one, each time the one that costs least cosine.

    Parameters
    ----------
    quantizer : Quantizer
        The codebooks.
    z : np.ndarray [shape=(N, D)] or Prepared
        Scaled vectors to reduce, N ≥ 1; prepared, where several reductions share them.
    z_train : np.ndarray [shape=(M, D)] or Prepared
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

    Raises
    ------
    InputError
        There are no vectors, they are not finite, or they do not fit the quantizer.
    """
    return _reduce(quantizer, (z, z_train), targets, lambda one: _dropping(one, "least"), rng)


def drop_most(
    quantizer: Quantizer,
    z: np.ndarray | Prepared,
    z_train: np.ndarray | Prepared,
    targets: Sequence[float],
    *,
    rng: np.random.Generator,
) -> list[Reduced]:
    """Turn the symbols of λ = 0 into SKIP one by one, each time the one that costs most cosine.

    Parameters, result and errors as `drop_least`.
    """
    return _reduce(quantizer, (z, z_train), targets, lambda one: _dropping(one, "most"), rng)


def truncate(
    quantizer: Quantizer,
    z: np.ndarray | Prepared,
    z_train: np.ndarray | Prepared,
    targets: Sequence[float],
    *,
    rng: np.random.Generator,
) -> list[Reduced]:
    """Keep the symbols of λ = 0 in the first stages of every group and turn the others into SKIP.

    Neighbouring numbers of stages are mixed over the vectors of the set. Parameters, result and
    errors as `drop_least`.
    """
    return _reduce(quantizer, (z, z_train), targets, _truncation, rng)


def _reduce(
    quantizer: Quantizer,
    sets: tuple[np.ndarray | Prepared, np.ndarray | Prepared],
    targets: Sequence[float],
    plan: Callable[[Prepared], _GivingUp],
    rng: np.random.Generator,
) -> list[Reduced]:
    """Give up symbols of test and training vectors by one plan until both meet each target."""
    test, train = (plan(_prepared(quantizer, vectors)) for vectors in sets)
    orders = rng.permutation(len(test.symbols)), rng.permutation(len(train.symbols))
    reduced = []
    for target in targets:
        counts, achieved = _counts_for(test.cosine, target, orders[0])
        train_counts, _ = _counts_for(train.cosine, target, orders[1])
        prior = FactorizedPrior.fit(
            train.after(train_counts, quantizer.skip), alphabet_size=quantizer.alphabet_size
        )
        symbols = test.after(counts, quantizer.skip)
        bits = prior.code_length_bits(symbols)
        reduced.append(Reduced(float(target), achieved, quantizer.decode(symbols), bits))
    return reduced


def _prepared(quantizer: Quantizer, vectors: np.ndarray | Prepared) -> Prepared:
    if not isinstance(vectors, Prepared):
        return prepare(quantizer, vectors)
    if vectors.quantizer is not quantizer:
        raise InputError("the vectors were prepared with another quantizer")
    return vectors


def _dropping(prepared: Prepared, first: Literal["least", "most"]) -> _GivingUp:
    """Give up symbols greedily, by what each costs of the cosine after those before."""
    gram, with_z, norm = prepared.gram, prepared.with_z, prepared.norm
    shape, stages = with_z.shape, gram.shape[2]
    sign = 1.0 if first == "least" else -1.0
    own = np.diagonal(gram, axis1=2, axis2=3).reshape(shape)
    with_hat, dot = gram.sum(axis=3), with_z.sum(axis=1)
    power = with_hat.sum(axis=(1, 2))
    rows = np.arange(len(norm))
    rank, gone = np.empty(shape, np.int64), np.zeros(shape, bool)
    cosine = np.empty((shape[0], shape[1] + 1))
    cosine[:, 0] = cosine_of(dot, power, norm)
    for count in range(shape[1]):
        left = power[:, None] - 2 * with_hat.reshape(shape) + own
        after = cosine_of(dot[:, None] - with_z, left, norm[:, None])
        chosen = np.where(gone, -np.inf, sign * after).argmax(axis=1)
        rank[rows, chosen], gone[rows, chosen] = count, True
        dot, power = dot - with_z[rows, chosen], left[rows, chosen]
        group, stage = np.divmod(chosen, stages)
        with_hat[rows, group] -= gram[rows, group, :, stage]
        cosine[:, count + 1] = after[rows, chosen]
    cosine[:, -1] = 0.0  # nothing is left: the zero vector, whose cosine is 0 by definition
    return _GivingUp(prepared.symbols, rank, cosine)


def _truncation(prepared: Prepared) -> _GivingUp:
    """Give up one stage of every group at a time, the last first."""
    gram = prepared.gram
    num_groups, stages = gram.shape[1:3]
    by_stage = prepared.with_z.reshape(-1, num_groups, stages).sum(axis=1)
    square = gram.sum(axis=1).cumsum(axis=1).cumsum(axis=2)  # ‖sum of the first stages‖²
    kept = cosine_of(
        by_stage.cumsum(axis=1), np.diagonal(square, axis1=1, axis2=2), prepared.norm[:, None]
    )
    cosine = np.concatenate([kept[:, ::-1], np.zeros((len(kept), 1))], axis=1)
    rank = np.tile(np.arange(stages)[::-1], num_groups)[None]
    return _GivingUp(prepared.symbols, rank, cosine)


def _counts_for(cosine: np.ndarray, target: float, order: np.ndarray) -> tuple[np.ndarray, float]:
    """How many times each vector gives up so that the set's mean cosine meets `target`."""
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
