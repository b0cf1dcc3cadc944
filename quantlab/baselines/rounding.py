"""The reduction that is a plain scalar quantizer: one uniform step for all dimensions.

Letters: ``N`` vectors, ``D`` dimensions.
"""

from collections.abc import Sequence

import numpy as np

from quantlab.baselines.reduced import Reduced, cosine_of
from quantlab.entropy import FactorizedPrior
from quantlab.errors import InputError

_STEP_BISECTIONS = 24  # over less than five decades: a step within a millionth


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

    Raises
    ------
    InputError
        There are no vectors.
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
    largest = float(np.abs(z).max()) or 1.0  # for zero vectors any step does
    low, high = largest * 1e-4, largest * 2.5  # at the upper end everything rounds to zero
    for _ in range(_STEP_BISECTIONS):
        middle = float(np.sqrt(low * high))
        if _mean_cosine(z, norm, np.rint(z / middle) * middle) >= target:
            low = middle
        else:
            high = middle
    return low


def _mean_cosine(z: np.ndarray, norm: np.ndarray, z_hat: np.ndarray) -> float:
    """Mean cosine of float64 vectors `z` ``[N, D]`` of lengths `norm` ``[N]`` with `z_hat`."""
    dot = np.einsum("nd,nd->n", z, z_hat)
    power = np.einsum("nd,nd->n", z_hat, z_hat, dtype=np.float64)
    return float(cosine_of(dot, power, norm).mean())


def _level_bits(levels: np.ndarray, train_levels: np.ndarray) -> np.ndarray:
    """Bits of each row of integer levels under a prior fitted on training levels."""
    reach = int(max(np.abs(levels).max(), np.abs(train_levels).max()))
    alphabet = 2 * reach + 2  # one spare symbol, so that an all-zero table has two to choose from
    offset = reach
    prior = FactorizedPrior.fit((train_levels + offset).astype(np.int64), alphabet_size=alphabet)
    return prior.code_length_bits((levels + offset).astype(np.int64))
