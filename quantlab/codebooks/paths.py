"""Mode ``path``: what each vector can be coded as, from most bits to fewest; rate control on it.

The (bits, distortion) points that a search found over many λ, pruned to their lower convex hull:
along it bits never rise with λ, so one λ gives what a whole sweep gave, and a target in bits can be
met by taking steps in order of their price. Letters: ``N`` vectors, ``S`` symbols, ``P`` points.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from quantlab.codebooks.results import SearchResult
from quantlab.errors import InputError

_BLOCK = 8192  # vectors whose hulls are found at a time
_SLACK_BITS = 1e-9  # what the order of a sum may change


@dataclass(frozen=True, eq=False)
class RateControlled:
    """Points chosen to meet a target in bits.

    Attributes
    ----------
    result : SearchResult
        One point per vector.
    lam : float or np.ndarray [shape=(items,), dtype=float64]
        The smallest λ at which that many bits are chosen; 0 where nothing had to be saved.
    target, achieved : float or np.ndarray [shape=(items,), dtype=float64]
        Bits asked and bits spent: per vector on average, or per item in all.
    shortfall_bits : float or np.ndarray [shape=(items,), dtype=float64]
        Target minus achieved, in the same unit. Negative where even the cheapest points exceed the
        target.
    """

    result: SearchResult
    lam: float | np.ndarray
    target: float | np.ndarray
    achieved: float | np.ndarray
    shortfall_bits: float | np.ndarray


@dataclass(frozen=True, eq=False)
class Paths:
    """The hull points of N vectors, one after another.

    Attributes
    ----------
    symbols : np.ndarray [shape=(P, S), dtype=uint16]
        Of each vector in order of falling bits and rising distortion, both strictly.
    bits : np.ndarray [shape=(P,), dtype=float64]
        Code length of each point.
    distortion : np.ndarray [shape=(P,), dtype=float64]
        ‖z − ẑ‖² of each point. The price of a step, added distortion per bit saved, rises strictly
        along a vector's path.
    offsets : np.ndarray [shape=(N + 1,), dtype=int64]
        The points of vector n are ``offsets[n]`` to ``offsets[n + 1]``, at least one.
    """

    symbols: np.ndarray
    bits: np.ndarray
    distortion: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def prices(self) -> np.ndarray:
        """The λ at which each point gives way to the next, float64 ``[P]``; ∞ for the last."""
        prices = np.full(len(self.bits), np.inf)
        steps = self._steps
        saved = self.bits[steps] - self.bits[steps + 1]
        prices[steps] = (self.distortion[steps + 1] - self.distortion[steps]) / saved
        return prices

    @cached_property
    def _steps(self) -> np.ndarray:
        """Points that have a next one on the same path."""
        has_next = np.ones(len(self.bits), bool)
        has_next[self.offsets[1:] - 1] = False
        return np.flatnonzero(has_next)

    @cached_property
    def _owner(self) -> np.ndarray:
        """The vector of each point."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def at(self, lam: float) -> SearchResult:
        """Return the point of each vector that minimises distortion + λ·bits, ties to more bits.

        At λ = 0 that is the smallest distortion found. InputError when λ is negative or not finite.
        """
        if not (np.isfinite(lam) and lam >= 0):
            raise InputError(f"lam must be finite and >= 0, given {lam}")
        taken = self._owner[self.prices < lam]
        return self._points(np.bincount(taken, minlength=len(self)))

    def _points(self, num_steps: np.ndarray) -> SearchResult:
        chosen = self.offsets[:-1] + num_steps
        return SearchResult(self.symbols[chosen], self.distortion[chosen], self.bits[chosen])

    def for_mean_bits(self, target: float) -> RateControlled:
        """Spend a mean number of bits per vector over the whole corpus.

        Steps of all vectors are taken in order of price (equal prices: in order of vectors), and
        the number of steps is the one whose mean comes nearest to the target. Between the mean of
        the cheapest and of the dearest points the miss is at most half a step of one vector,
        divided by N.

        Parameters
        ----------
        target : float
            Mean bits per vector, finite and ≥ 0.

        Raises
        ------
        InputError
            The target is negative or not finite, or there are no vectors.
        """
        _check_targets(np.asarray(target))
        if not len(self):
            raise InputError("there are no vectors to spend bits on; give at least one")
        order = self._steps[np.argsort(self.prices[self._steps], kind="stable")]
        saved = np.cumsum(self.bits[order] - self.bits[order + 1])
        totals = self.bits[self.offsets[:-1]].sum() - np.concatenate([[0.0], saved])
        count = int(np.abs(totals - target * len(self)).argmin())
        taken = order[:count]
        result = self._points(np.bincount(self._owner[taken], minlength=len(self)))
        achieved = float(result.code_length_bits.mean())
        lam = float(np.nextafter(self.prices[taken[-1]], np.inf)) if count else 0.0
        return RateControlled(result, lam, float(target), achieved, float(target) - achieved)

    def for_item_bits(
        self, target: float | np.ndarray, frame_offsets: np.ndarray
    ) -> RateControlled:
        """Spend at most so many bits on each item (utterance) of consecutive vectors.

        The paths of an item's vectors are merged in order of price (equal prices: in order of
        vectors) and the point with most bits that fits is taken; where none fits, the last one,
        and the shortfall is negative.

        Parameters
        ----------
        target : float or np.ndarray [shape=(items,)]
            Bits for the item as a whole, finite and ≥ 0.
        frame_offsets : np.ndarray [shape=(items + 1,), dtype=int]
            The vectors of item i are ``frame_offsets[i]`` to ``frame_offsets[i + 1]``.

        Raises
        ------
        InputError
            A target is negative or not finite, or the offsets do not run from 0 to N.
        """
        bounds = _checked_bounds(frame_offsets, len(self))
        num_items = len(bounds) - 1
        _check_targets(np.asarray(target))
        targets = np.broadcast_to(np.asarray(target, np.float64), (num_items,)).copy()
        item_of = np.repeat(np.arange(num_items), np.diff(bounds))
        items = item_of[self._owner[self._steps]]
        sequence = np.lexsort((self.prices[self._steps], items))
        order, items = self._steps[sequence], items[sequence]
        saved = _running(self.bits[order] - self.bits[order + 1], items, num_items)
        most = _sum_per_item(self.bits[self.offsets[:-1]], item_of, num_items)
        taken = most[items] - saved > targets[items] + _SLACK_BITS
        result = self._points(np.bincount(self._owner[order[taken]], minlength=len(self)))
        achieved = _sum_per_item(result.code_length_bits, item_of, num_items)
        lam = np.zeros(num_items)
        np.maximum.at(lam, items[taken], np.nextafter(self.prices[order[taken]], np.inf))
        return RateControlled(result, lam, targets, achieved, targets - achieved)


def _check_targets(target: np.ndarray) -> None:
    if not np.isfinite(target).all() or (target < 0).any():
        raise InputError(f"a target must be finite and >= 0 bits, given {target}")


def _checked_bounds(frame_offsets: np.ndarray, num_vectors: int) -> np.ndarray:
    bounds = np.asarray(frame_offsets)
    proper = bounds.ndim == 1 and bounds.size > 0 and bounds.dtype.kind in "ui"
    if not proper or bounds[0] != 0 or bounds[-1] != num_vectors or (np.diff(bounds) < 0).any():
        raise InputError(
            f"frame_offsets must rise from 0 to the number of vectors, {num_vectors}, "
            f"given {bounds}"
        )
    return bounds.astype(np.int64)


def _sum_per_item(values: np.ndarray, items: np.ndarray, num_items: int) -> np.ndarray:
    return np.bincount(items, weights=values, minlength=num_items)


def _running(values: np.ndarray, items: np.ndarray, num_items: int) -> np.ndarray:
    """Sum what stands before each value within its item; `items` ascending."""
    before = np.cumsum(values) - values
    starts = np.searchsorted(items, np.arange(num_items))
    at_start = np.append(before, 0.0)[np.minimum(starts, len(values))]
    return before - at_start[items]


def make_paths(results: Sequence[SearchResult]) -> Paths:
    """Prune what a search found at several λ to each vector's lower convex hull.

    Parameters
    ----------
    results : Sequence[SearchResult]
        Of the same vectors, in any order; all SKIP belongs among them, so that the path reaches
        the fewest bits. Points of infinite code length are dropped.

    Returns
    -------
    Paths
        From the smallest distortion (of equal ones the fewest bits) to the fewest bits (of equal
        ones the smallest distortion).

    Raises
    ------
    InputError
        No results, results of different shapes, or a vector without a possible point.
    """
    if not results:
        raise InputError("a path needs the results of at least one lam")
    if any(result.symbols.shape != results[0].symbols.shape for result in results):
        raise InputError("the results belong to different vectors; search them together")
    num_vectors = len(results[0].symbols)
    parts = [
        _block_paths(results, slice(start, start + _BLOCK))
        for start in range(0, max(num_vectors, 1), _BLOCK)
    ]
    return join_paths(parts)


def join_paths(parts: Sequence[Paths]) -> Paths:
    """Put the paths of several sets of vectors one after another."""
    counts = np.concatenate([np.diff(part.offsets) for part in parts])
    return Paths(
        np.concatenate([part.symbols for part in parts]),
        np.concatenate([part.bits for part in parts]),
        np.concatenate([part.distortion for part in parts]),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
    )


def _block_paths(results: Sequence[SearchResult], part: slice) -> Paths:
    from quantlab.codebooks.hull_kernel import keep_hulls

    bits = np.stack([result.code_length_bits[part] for result in results], axis=1)
    distortion = np.stack([result.distortion[part] for result in results], axis=1)
    kept = np.zeros(bits.shape, np.int64)
    counts = np.zeros(len(bits), np.int64)
    keep_hulls(bits, distortion, kept, counts)
    if (counts == 0).any():
        raise InputError(
            "a vector has no symbols of finite code length; fit the prior on this quantizer again"
        )
    rows, places = np.nonzero(np.arange(bits.shape[1]) < counts[:, None])
    columns = kept[rows, places]
    symbols = np.empty((len(rows), results[0].symbols.shape[1]), np.uint16)
    for index, result in enumerate(results):
        mine = columns == index
        symbols[mine] = result.symbols[part][rows[mine]]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Paths(symbols, bits[rows, columns], distortion[rows, columns], offsets)
