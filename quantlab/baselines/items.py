"""Frames of items that a reference is to distort as much as a codec did.

Letters: ``N`` items, ``T`` frames, ``D`` dimensions. Item ``n`` owns the frames ``offsets[n]`` to
``offsets[n + 1]``.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from quantlab.errors import InputError

_BLOCK_BYTES = 1 << 20
_ALL = 1.0 - 1e-6


@dataclass(frozen=True, eq=False)
class Items:
    """Checked frames of items and the distortion asked of each.

    Attributes
    ----------
    z : np.ndarray [shape=(ΣT, D), dtype=float64]
        Scaled frames.
    offsets : np.ndarray [shape=(N + 1,), dtype=int64]
        Where items start and end.
    distortion : np.ndarray [shape=(N,), dtype=float64, >= 0]
        ‖z − ẑ‖² to match, mean over each item's frames.
    """

    z: np.ndarray
    offsets: np.ndarray
    distortion: np.ndarray

    @classmethod
    def of(cls, z: np.ndarray, offsets: np.ndarray, distortion: np.ndarray) -> "Items":
        """Check what a reference was given; InputError when it cannot be used."""
        frames, bounds = np.asarray(z, np.float64), np.asarray(offsets, np.int64)
        wanted = np.asarray(distortion, np.float64)
        if frames.ndim != 2 or not np.isfinite(frames).all():
            raise InputError(f"frames must be finite [ΣT, D], given {frames.shape}")
        if bounds.ndim != 1 or len(bounds) < 2 or bounds[0] != 0 or bounds[-1] != len(frames):
            raise InputError(f"the offsets of items must run from 0 to {len(frames)}")
        if (np.diff(bounds) < 1).any():
            raise InputError("an item has no frames")
        if wanted.shape != (len(bounds) - 1,):
            raise InputError(f"{len(bounds) - 1} items have distortions {wanted.shape}")
        if not (np.isfinite(wanted) & (wanted >= 0)).all():
            raise InputError("distortions to match must be finite and >= 0")
        return cls(frames, bounds, wanted)

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Average values of frames ``[ΣT, …]`` over the frames of each item, ``[N, …]``."""
        sums = np.add.reduceat(values, self.offsets[:-1], axis=0)
        return sums / self._lengths.reshape(-1, *[1] * (values.ndim - 1))

    def power(self, frames: np.ndarray) -> np.ndarray:
        """Return the mean squared length of frames ``[ΣT, D]`` in each item, ``[N]``."""
        return self.mean(np.einsum("td,td->t", frames, frames))

    def at_frames(self, values: np.ndarray) -> np.ndarray:
        """Repeat values of items ``[N, …]`` for each of their frames, ``[ΣT, …]``."""
        return np.repeat(values, self._lengths, axis=0)

    def exceed(self, power: np.ndarray) -> np.ndarray:
        """Whether items are to be as distorted as by their point alone, at distance² `power`.

        A codec's constant output must be met exactly, whatever the last digits of its distortion:
        the least remainder would have a direction.
        """
        return self.distortion > _ALL**2 * power

    def blocks(self) -> Iterator[tuple[slice, "Items"]]:
        """Yield some items at a time and where their frames are; an item is never cut."""
        room = max(_BLOCK_BYTES // (8 * self.z.shape[1]), 1)
        first, last = 0, len(self.distortion)
        while first < last:
            fitting = np.searchsorted(self.offsets, self.offsets[first] + room, side="right") - 1
            stop = max(int(fitting), first + 1)
            frames = slice(int(self.offsets[first]), int(self.offsets[stop]))
            bounds = self.offsets[first : stop + 1] - frames.start
            yield frames, Items(self.z[frames], bounds, self.distortion[first:stop])
            first = stop

    @property
    def _lengths(self) -> np.ndarray:
        return np.diff(self.offsets)
