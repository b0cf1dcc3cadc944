"""Fitting a trellis-coded quantizer: its machine, its reproduction levels and its frequencies.

Components whose ideal rate is high are quantized on a fine grid of which each state offers one
half, split again over two branches (entropy-constrained trellis-coded quantization). Components of
low rate would waste most of a bit on a grid of their own. They share bits instead: now and then one
bit is spent, which moves the machine, and in between the state alone says what the reproduction is.
Levels start from the grid or at random and move to the mean of what they were chosen for.
Letters as in `trellis`.
"""

import math
from dataclasses import dataclass

import numpy as np

from quantlab.codebooks.quantizer import Quantizer
from quantlab.codebooks.trellis import Machine, search_trellis
from quantlab.entropy import PRECISION_BITS, TrellisPrior
from quantlab.errors import InputError

MAX_CODES = 256
_MIN_VECTORS = 8
_TOTAL = 1 << PRECISION_BITS

# Parity checks of the best one-dimensional codes, octal: Ungerboeck, "Channel coding with
# multilevel/phase signals", IEEE Trans. Inf. Theory 28 (1982), table I.
_PARITY_CHECKS = {
    4: (0o5, 0o2),
    8: (0o13, 0o4),
    16: (0o23, 0o4),
    32: (0o45, 0o10),
    64: (0o103, 0o24),
    128: (0o235, 0o126),
    256: (0o515, 0o362),
}
NUM_STATES = tuple(_PARITY_CHECKS)

_GRID_RATE = 0.35  # bits from which a component has a grid of its own
_SHARED_BIT = 0.7  # bits that the others gather until one is spent; it costs less than one then
_STEP = 1.1  # spacing of the grid's points, in roots of the water level
_REACH = 4.0  # the grid reaches so many standard deviations
_GAP = 1.12  # payload over R(D), for the λ that gives a wanted number of bits
_STOP_SHARE, _FIRST_STOP_SHARE = 2.0**-12, 2.0**-7  # least share of stopping early
_PRIOR_COUNTS = 2.0  # weight of the Gaussian guess, in counts
_COARSE_VECTORS = 20_000  # all but the last rounds see no more
_FINE_ROUNDS = 6

_SILENT, _GRID, _BIT, _CARRY = range(4)


@dataclass(frozen=True, eq=False)
class TrellisFit:
    """A trellis-coded quantizer.

    Attributes
    ----------
    quantizer : Quantizer
        One group and one stage per component.
    prior : TrellisPrior
        Its machine; the last state is the end, in which everything is SKIP.
    lam : float
        The λ it was made for.
    cost : np.ndarray [shape=(rounds,), dtype=float64]
        Mean J over the training vectors of each round, before its refit.
    """

    quantizer: Quantizer
    prior: TrellisPrior
    lam: float
    cost: np.ndarray


@dataclass(frozen=True, eq=False)
class _Plan:
    """What each component is (`kind` [S]), and its levels, machine and shares to start from."""

    kind: np.ndarray
    half: np.ndarray  # [Z], which half of a grid each state offers
    levels: np.ndarray  # [S, A]
    possible: np.ndarray  # [S, Z, A]
    next_states: np.ndarray  # [S, Z, A]
    shares: np.ndarray  # [S, Z, A]
    trust: np.ndarray  # [S], counts that a starting level weighs


def lam_for_bits(variances: np.ndarray, bits: float) -> float:
    """Return the λ at which a trellis quantizer spends about so many bits per vector.

    The slope of the Gaussian rate–distortion function, 2·ln 2 times the water level, at 12 % fewer
    bits: what the quantizer leaves of the distance to the limit.

    Parameters
    ----------
    variances : np.ndarray [shape=(M,)]
        Of uncorrelated components, at least one positive.
    bits : float > 0
        Payload bits per vector.

    Raises
    ------
    InputError
        No variance is positive, or `bits` is not.
    """
    falling = np.sort(variances[variances > 0])[::-1]
    if not len(falling) or not (np.isfinite(bits) and bits > 0):
        raise InputError(f"positive variances and bits are needed, given {bits} bits")
    logs = np.cumsum(np.log2(falling))
    active = np.arange(1, len(falling) + 1)
    levels = 2.0 ** ((logs - 2.0 * bits / _GAP) / active)
    # With m active components the level must lie below the m-th variance.
    level = levels[np.flatnonzero(levels < falling)[-1]]
    return float(2.0 * math.log(2.0) * level)


def fit_trellis(
    y: np.ndarray,
    lam: float,
    *,
    rng: np.random.Generator,
    num_states: int = 32,
    rounds: int = 24,
) -> TrellisFit:
    """Fit a trellis quantizer for one λ by alternating search and refit.

    Parameters
    ----------
    y : np.ndarray [shape=(N, S)]
        Finite uncorrelated components of training vectors, N ≥ 8, largest variance first.
    lam : float > 0
        Squared distance per bit; `lam_for_bits` finds one.
    rng : np.random.Generator
        Draws the starting levels and the vectors that the first rounds see.
    num_states : int
        4, 8, 16 … 256. More come closer to the limit, take longer and need more vectors.
    rounds : int ≥ 1
        Rounds of search and refit; all but the last six see at most 20 000 vectors.

    Returns
    -------
    TrellisFit
        Quantizer and prior.

    Raises
    ------
    InputError
        Too few vectors, values that are not finite, or an argument out of range.

    References
    ----------
    Fischer and Wang, "Entropy-constrained trellis-coded quantization", IEEE Trans. Inf. Theory 38
    (1992), section III.
    """
    _check(y, lam, num_states, rounds)
    variances = np.einsum("nd,nd->d", y, y, dtype=np.float64) / len(y)
    water = lam / (2.0 * math.log(2.0))
    plan = _plan(variances, water, num_states, rng)
    quantizer = Quantizer(plan.levels[:, None, :-1, None])
    prior = _prior(plan, plan.shares)
    machine = Machine.of(prior)
    sample = y
    if len(y) > _COARSE_VECTORS:
        sample = y[np.sort(rng.choice(len(y), _COARSE_VECTORS, replace=False))]
    costs = []
    for turn in range(rounds):
        seen = y if turn >= rounds - _FINE_ROUNDS else sample
        result = search_trellis(quantizer, seen, prior, [lam], machine=machine)[0]
        costs.append(float(result.cost(lam).mean()))
        quantizer, prior = _refit(plan, prior, seen, result.symbols)
    return TrellisFit(quantizer, prior, float(lam), np.array(costs))


def _check(y: np.ndarray, lam: float, num_states: int, rounds: int) -> None:
    if y.ndim != 2 or y.shape[1] == 0 or len(y) < _MIN_VECTORS:
        raise InputError(
            f"training vectors have shape {y.shape}; at least {_MIN_VECTORS} of them are needed"
        )
    if not np.isfinite(y).all():
        raise InputError("training vectors hold NaN or infinite values; check the embedding set")
    if not (np.isfinite(lam) and lam > 0):
        raise InputError(f"lam must be finite and > 0, given {lam}")
    if num_states not in _PARITY_CHECKS or rounds < 1:
        raise InputError(
            f"num_states must be one of {NUM_STATES} and rounds at least 1, "
            f"given {num_states} and {rounds}"
        )


def _code(num_states: int) -> tuple[np.ndarray, np.ndarray]:
    """Which half of the grid each state offers ``[Z]`` and where its branches lead ``[Z, 2]``.

    The systematic feedback encoder of a convolutional code: the lowest bit of the state is the
    check bit, the branch the information bit.
    """
    check, information = _PARITY_CHECKS[num_states]
    width = num_states.bit_length() - 1
    states = np.arange(num_states)
    half = states & 1
    following = np.empty((num_states, 2), np.int64)
    for branch in range(2):
        target = states >> 1
        for tap in range(1, width):
            flips = ((check >> tap) & 1 & half) ^ ((information >> tap) & 1 & branch)
            target = target ^ (flips << (tap - 1))
        following[:, branch] = target ^ (half << (width - 1))
    return half, following


def _kinds(rates: np.ndarray) -> np.ndarray:
    """Give each component a grid, a bit of its own, none, or nothing, by its ideal rate."""
    kind = np.full(len(rates), _SILENT)
    gathered = 0.0
    for component, rate in enumerate(rates):
        if rate <= 0:
            continue
        kind[component] = _CARRY
        if rate >= _GRID_RATE:
            kind[component] = _GRID
            continue
        gathered += rate
        if gathered >= _SHARED_BIT:
            kind[component] = _BIT
            gathered -= _SHARED_BIT
    return kind


def _plan(variances: np.ndarray, water: float, num_states: int, rng: np.random.Generator) -> _Plan:
    rates = 0.5 * np.log2(np.maximum(variances / water, 1.0))
    kind = _kinds(rates)
    half, following = _code(num_states)
    points, step = _grids(variances, kind, math.sqrt(water))
    num_codes = max(2 * num_states if (kind >= _BIT).any() else 1, int(points.max(initial=1)))
    shape = (len(rates), num_states + 1, num_codes + 1)
    plan = _Plan(
        kind,
        half,
        levels=np.zeros((shape[0], shape[2])),
        possible=np.zeros(shape, bool),
        next_states=np.zeros(shape, np.int64),
        shares=np.zeros(shape),
        trust=np.ones(shape[0]),
    )
    plan.possible[:, num_states, -1] = True  # the end: SKIP, for good
    plan.next_states[:, :, -1] = num_states
    for component, what in enumerate(kind):
        if what == _SILENT:
            plan.possible[component, :num_states, -1] = True
            plan.next_states[component, :num_states, -1] = np.arange(num_states)
        elif what == _GRID:
            _lay_grid(plan, component, following, int(points[component]), float(step[component]))
            spread = -0.5 * plan.levels[component] ** 2 / variances[component]
            plan.shares[component] = np.exp(spread) * plan.possible[component]
        else:
            _lay_states(plan, component, following, variances[component] - water, rng)
            # The mean of n values with noise of the water level, about a truth of that reach.
            plan.trust[component] = water / (variances[component] - water)
    # Stopping early is possible wherever something is chosen, but nobody expects it.
    plan.shares[..., -1] = 0.0
    plan.shares[:] = _normalized(plan.shares)
    choosing = (kind == _GRID) | (kind == _BIT)
    plan.possible[choosing, :num_states, -1] = True
    return plan


def _lay_grid(
    plan: _Plan, component: int, following: np.ndarray, num_points: int, step: float
) -> None:
    """Put points at 0, 1, −1, 2, −2 … steps; even ones are one half, odd ones the other."""
    codes = np.arange(num_points)
    place = (codes + 1) // 2 * np.where(codes % 2, 1, -1)
    plan.levels[component, codes] = place * step
    plan.possible[component][:-1, codes] = place % 2 == plan.half[:, None]
    plan.next_states[component][:-1, codes] = following[:, place // 2 % 2]


def _lay_states(
    plan: _Plan, component: int, following: np.ndarray, reach: float, rng: np.random.Generator
) -> None:
    """Give every state, or every branch of every state, one level of its own, at random."""
    from scipy.special import ndtri

    states = np.arange(len(following))
    targets = following.T if plan.kind[component] == _BIT else states[None]
    codes = np.arange(targets.size).reshape(targets.shape)
    quantiles = (rng.permutation(codes.size) + 0.5) / codes.size
    plan.levels[component, codes.ravel()] = ndtri(quantiles) * math.sqrt(reach)
    plan.possible[component][states, codes] = True
    plan.next_states[component][states, codes] = targets
    plan.shares[component][states, codes] = 1.0


def _grids(variances: np.ndarray, kind: np.ndarray, unit: float) -> tuple[np.ndarray, np.ndarray]:
    """Return how many points each component's grid has, and how far apart they are, ``[S]``.

    Odd numbers of points, at least five so that all four subsets hold one, at most `MAX_CODES`.
    """
    reach = _REACH * np.sqrt(variances)
    most = (MAX_CODES - 1) // 2
    side = np.clip(np.ceil(reach / (_STEP * unit)), 2, most)
    step = np.maximum(_STEP * unit, reach / most)
    return np.where(kind == _GRID, 2 * side + 1, 1).astype(np.int64), step


def _normalized(weights: np.ndarray) -> np.ndarray:
    total = weights.sum(axis=-1, keepdims=True)
    return weights / np.where(total > 0, total, 1.0)


def _refit(
    plan: _Plan, prior: TrellisPrior, y: np.ndarray, symbols: np.ndarray
) -> tuple[Quantizer, TrellisPrior]:
    """Move the levels to the means, and the frequencies to the shares, of what was chosen."""
    num_states, alphabet = prior.num_states, prior.alphabet_size
    states = prior.states(symbols)
    levels, shares = np.zeros_like(plan.levels), np.zeros_like(plan.shares)
    for component, what in enumerate(plan.kind):
        code = symbols[:, component].astype(np.int64)
        counts = np.bincount(code, minlength=alphabet)
        sums = np.bincount(code, weights=y[:, component], minlength=alphabet)
        trust = plan.trust[component]
        # A grid's levels are drawn to where they began, the random ones to nothing.
        anchor = plan.levels[component] if what == _GRID else 0.0
        levels[component] = (sums + trust * anchor) / (counts + trust)
        seen = np.bincount(states[:, component] * alphabet + code, minlength=shares[0].size)
        seen = seen.reshape(num_states, alphabet).astype(np.float64)
        if what == _GRID:  # all states that offer one half share their frequencies
            for half in range(2):
                rows = np.flatnonzero(plan.half == half)
                seen[rows] = seen[rows].sum(axis=0)
        seen += _PRIOR_COUNTS * plan.shares[component]
        shares[component] = _normalized(seen * plan.possible[component])
    return Quantizer(levels[:, None, :-1, None].astype(np.float32)), _prior(plan, shares)


def _prior(plan: _Plan, shares: np.ndarray) -> TrellisPrior:
    """Round shares to frequencies: one unit at least for whatever is possible."""
    shares = shares.copy()
    stop = (plan.kind == _GRID) | (plan.kind == _BIT)
    floor = np.where(np.arange(len(stop)) == stop.argmax(), _FIRST_STOP_SHARE, _STOP_SHARE)
    least = np.maximum(shares[..., -1], floor[:, None])
    shares[..., -1] = np.where(stop[:, None], least, shares[..., -1])
    shares = _normalized(shares)
    spare = _TOTAL - plan.possible.sum(axis=-1, keepdims=True)
    table = plan.possible + np.floor(shares * spare).astype(np.int64) * plan.possible
    rest = _TOTAL - table.sum(axis=-1)
    largest = np.where(plan.possible, table, -1).argmax(axis=-1)
    np.put_along_axis(
        table,
        largest[..., None],
        np.take_along_axis(table, largest[..., None], axis=-1) + rest[..., None],
        axis=-1,
    )
    return TrellisPrior(table.astype(np.uint32), plan.next_states.astype(np.uint16))
