"""How far synthesised speech is from a reference: mel-cepstral distortion and pitch errors.

Published distortions differ by their conventions, by a factor of two and more, so every value here
carries a tag that states them, and values under different tags can neither be compared nor
averaged. Letters: T frames, B bands, P coefficients.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from quantlab.analysis.checks import matrix
from quantlab.errors import InputError

Cepstrum = Literal["natural", "thesis", "thesis_printed"]
"""``natural``: orthonormal DCT of ln mel. ``thesis``: orthonormal DCT of log10 mel, which published
values near 11.7 agree with. ``thesis_printed``: the same without normalisation, as that thesis
prints the transform.

An orthonormal coefficient of 80 bands is √160 times the one in a cepstral series of the spectrum,
so values are large beside those of vocoder cepstra."""

Alignment = Literal["none", "dtw"]
"""``none``: frame by frame, equal lengths. ``dtw``: along the path of least total distance."""

NUM_BANDS = 80
_BANDS = "80 mel bands of 80-7600 Hz, 25 ms Hann every 10 ms at 16 kHz"
_FRONT_ENDS: dict[Cepstrum, str] = {
    "natural": f"orthonormal DCT-II of ln, {_BANDS}",
    "thesis": f"orthonormal DCT-II of log10, {_BANDS}",
    "thesis_printed": f"unnormalised DCT-II of log10, {_BANDS}",
}
_DECIBELS = 10 / np.log(10) * np.sqrt(2)
_HIGHEST_LOG_F0 = 10.0


@dataclass(frozen=True)
class CepstralTag:
    """The convention of a mel-cepstral distortion.

    Attributes
    ----------
    front_end : str
        Transform, logarithm and bands.
    order : int
        Last coefficient P.
    c0 : bool
        Whether the level counts; it never does here.
    dtw : str
        ``"none"`` or ``"dtw"``.
    gate : str
        ``"none"``, or how far below the loudest frame a frame may lie and still count.
    """

    front_end: str
    order: int
    c0: bool
    dtw: str
    gate: str

    def __str__(self) -> str:
        """Return one line for a table or a card."""
        first = 0 if self.c0 else 1
        return f"{self.front_end}; c{first}-c{self.order}; alignment {self.dtw}; gate {self.gate}"


@dataclass(frozen=True)
class CepstralDistortion:
    """A mel-cepstral distortion and what it is one of.

    Values of one tag can be subtracted (giving decibels), ordered, and averaged by
    `mean_distortion`; with another tag all three raise InputError.

    Attributes
    ----------
    value_db : float ≥ 0
        Mean over frames, in the decibels of the tag's front end.
    tag : CepstralTag
        The convention.
    num_frames : int > 0
        Frames, or pairs of the alignment, that it is the mean of.
    """

    value_db: float
    tag: CepstralTag
    num_frames: int

    def __sub__(self, other: "CepstralDistortion") -> float:
        _same_tag(self, other)
        return self.value_db - other.value_db

    def __lt__(self, other: "CepstralDistortion") -> bool:
        _same_tag(self, other)
        return self.value_db < other.value_db


def _same_tag(one: CepstralDistortion, other: CepstralDistortion) -> None:
    if one.tag != other.tag:
        raise InputError(
            f"distortions of different conventions cannot be compared: '{one.tag}' and "
            f"'{other.tag}'; compute both in the same way"
        )


@dataclass(frozen=True)
class PitchErrors:
    """How far one pitch contour is from another.

    Attributes
    ----------
    rmse_cents, rmse_hz : float ≥ 0
        Root mean square difference over the frames that are voiced in both; NaN without any.
    correlation : float, -1 to 1
        Pearson's, of F0 in Hz over these frames; NaN where a contour does not move.
    voicing_error : float, 0 to 1
        Share of all frames that are voiced in one contour only.
    num_voiced : int
        Frames that are voiced in both.
    num_frames : int
        All frames.
    """

    rmse_cents: float
    rmse_hz: float
    correlation: float
    voicing_error: float
    num_voiced: int
    num_frames: int


def cepstral_distortion(
    reference: ArrayLike,
    other: ArrayLike,
    *,
    alignment: Alignment = "none",
    cepstrum: Cepstrum = "natural",
    order: int = 16,
    gate_db: float | None = None,
) -> CepstralDistortion:
    """Measure the mel-cepstral distortion between two clips, c0 left out.

    Parameters
    ----------
    reference, other : array_like, shape [T, 80]
        Log10 mel bands, as `quantlab.audio.log10_mel` gives them; lengths may differ with ``dtw``.
    alignment : {"none", "dtw"}
        ``none`` for reconstructions, ``dtw`` for speech of another timing.
    cepstrum : {"natural", "thesis", "thesis_printed"}
        Logarithm and normalisation; see `Cepstrum`.
    order : int, 1 to 79
        Last coefficient P.
    gate_db : float > 0, optional
        Leave out frames whose mean magnitude lies more than this below the loudest frame's: those
        of the reference and their counterparts with ``none``, each clip's own with ``dtw``.

    Returns
    -------
    CepstralDistortion

    Raises
    ------
    InputError
        The bands are no finite [T, 80] with T ≥ 1, lengths differ without alignment, or a
        convention is unknown or out of range.

    References
    ----------
    R. F. Kubichek, "Mel-cepstral distance measure for objective speech quality assessment", IEEE
    Pacific Rim Conference on Communications, Computers and Signal Processing, 1993.

    Examples
    --------
    >>> quiet, loud = np.zeros((3, 80)), np.ones((3, 80))
    >>> round(cepstral_distortion(quiet, loud).value_db, 6)
    0.0
    """
    bands = [_bands("reference", reference), _bands("other", other)]
    _check(alignment, cepstrum, order, gate_db)
    if alignment == "none" and len(bands[0]) != len(bands[1]):
        raise InputError(
            f"the reference has {len(bands[0])} frames and the other clip {len(bands[1])}; cut "
            "them to one length, or align them (dtw)"
        )
    if gate_db is not None:
        gates = [_loud(part, gate_db) for part in bands]
        kept = gates if alignment == "dtw" else [gates[0], gates[0]]
        bands = [part[keep] for part, keep in zip(bands, kept, strict=True)]
    first, second = (mel_cepstra(part, cepstrum=cepstrum, order=order) for part in bands)
    if alignment == "dtw":
        total, num_frames = least_path(first, second)
    else:
        total, num_frames = float(_distances(first, second).sum()), len(first)
    gate = "none" if gate_db is None else f"{gate_db:g} dB"
    tag = CepstralTag(_FRONT_ENDS[cepstrum], order, False, alignment, gate)
    return CepstralDistortion(_DECIBELS * total / num_frames, tag, num_frames)


def mean_distortion(values: Sequence[CepstralDistortion]) -> CepstralDistortion:
    """Average the distortions of clips, each clip counting once; their frames add up.

    Raises
    ------
    InputError
        There are none, or their tags differ.
    """
    if not values:
        raise InputError("there is no distortion to average; give at least one")
    for value in values[1:]:
        _same_tag(values[0], value)
    mean = float(np.mean([value.value_db for value in values]))
    return CepstralDistortion(mean, values[0].tag, sum(value.num_frames for value in values))


def mel_cepstra(
    log10_mel: ArrayLike, *, cepstrum: Cepstrum = "natural", order: int = 16
) -> np.ndarray:
    """Return the coefficients c1 to cP of each frame, [T, P] float64; see `cepstral_distortion`."""
    bands = _bands("log10_mel", log10_mel)
    _check("none", cepstrum, order, None)
    angles = np.pi / NUM_BANDS * (np.arange(NUM_BANDS)[:, None] + 0.5) * np.arange(1, order + 1)
    # einsum is numpy's own loop, not a BLAS: the order of the sum is fixed.
    cepstra = np.einsum("tb,bp->tp", bands, np.cos(angles))
    if cepstrum != "thesis_printed":
        cepstra *= np.sqrt(2 / NUM_BANDS)
    return cepstra * np.log(10) if cepstrum == "natural" else cepstra


def least_path(first: np.ndarray, second: np.ndarray) -> tuple[float, int]:
    """Return the least sum of distances along a warping path, and the path's number of pairs.

    A path goes from the first pair of frames to the last by steps of one frame in either clip or
    in both, none weighted. Of paths of one sum the shortest counts. Memory grows with T only: the
    table is computed by its diagonals ``i + j = d``, of which three are held.

    Parameters
    ----------
    first, second : np.ndarray [T, P]
        Frames, T ≥ 1; lengths may differ.

    Returns
    -------
    tuple[float, int]
        Sum of Euclidean distances, and the pairs that it runs over.
    """
    rows, columns = len(first), len(second)
    # Entry i + 1 of a diagonal belongs to frame i of the first clip; entry 0 lies outside.
    costs = np.full((3, rows + 1), np.inf)
    pairs = np.zeros((3, rows + 1), np.int64)
    costs[0, 0] = 0.0  # what the first pair is reached from
    for diagonal in range(rows + columns - 1):
        low, high = max(0, diagonal - columns + 1), min(diagonal + 1, rows)
        frames = np.arange(low, high)
        before, last, now = costs[diagonal % 3], costs[(diagonal + 1) % 3], (diagonal + 2) % 3
        counts, last_counts = pairs[diagonal % 3], pairs[(diagonal + 1) % 3]
        reached = np.stack([before[frames], last[frames], last[frames + 1]])
        taken = np.stack([counts[frames], last_counts[frames], last_counts[frames + 1]])
        best = reached.min(axis=0)
        shortest = np.where(reached == best, taken, rows + columns).min(axis=0)
        costs[now], pairs[now] = np.inf, 0
        costs[now, frames + 1] = best + _distances(first[frames], second[diagonal - frames])
        pairs[now, frames + 1] = shortest + 1
    end = (rows + columns) % 3
    return float(costs[end, rows]), int(pairs[end, rows])


def pitch_errors(reference: ArrayLike, other: ArrayLike) -> PitchErrors:
    """Compare two pitch contours frame by frame.

    Parameters
    ----------
    reference, other : array_like, shape [T]
        Natural logarithm of F0 in Hz, 0 where unvoiced, as `quantlab.audio.log_f0` gives it.

    Returns
    -------
    PitchErrors

    Raises
    ------
    InputError
        The contours are no finite vectors of one length, or are not logarithms.

    Examples
    --------
    >>> octave = pitch_errors(np.log([100.0, 120.0]), np.log([200.0, 240.0]))
    >>> round(octave.rmse_cents), round(octave.correlation, 6)
    (1200, 1.0)
    """
    first, second = _contour("reference", reference), _contour("other", other)
    if len(first) != len(second):
        raise InputError(
            f"the reference has {len(first)} frames and the other contour {len(second)}; cut them "
            "to one length"
        )
    voiced, voiced_too = first > 0, second > 0
    both = voiced & voiced_too
    cents = 1200 / np.log(2) * (second[both] - first[both])
    hz, hz_too = np.exp(first[both]), np.exp(second[both])
    moves = both.any() and np.ptp(hz) > 0 and np.ptp(hz_too) > 0
    return PitchErrors(
        rmse_cents=_root_mean_square(cents),
        rmse_hz=_root_mean_square(hz_too - hz),
        correlation=float(np.corrcoef(hz, hz_too)[0, 1]) if moves else float("nan"),
        voicing_error=float(np.mean(voiced != voiced_too)),
        num_voiced=int(both.sum()),
        num_frames=len(first),
    )


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2))) if values.size else float("nan")


def _distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.sqrt(np.sum((first - second) ** 2, axis=1))


def _loud(bands: np.ndarray, gate_db: float) -> np.ndarray:
    """Return which frames lie within `gate_db` of the loudest."""
    # The loudest band is taken out first, so that no level overflows.
    level = 20 * np.log10(np.mean(10 ** (bands - bands.max()), axis=1) + 1e-300)
    return level >= level.max() - gate_db


def _bands(name: str, values: ArrayLike) -> np.ndarray:
    bands = matrix(name, values, num_dims=NUM_BANDS)
    if not len(bands):
        raise InputError(f"{name} has no frames; give at least one")
    return bands


def _contour(name: str, values: ArrayLike) -> np.ndarray:
    contour = np.asarray(values, dtype=np.float64)
    if contour.ndim != 1 or not contour.size or not np.isfinite(contour).all():
        raise InputError(f"{name} must be a finite vector, given shape {contour.shape}")
    if contour.min() < 0 or contour.max() > _HIGHEST_LOG_F0:
        raise InputError(
            f"{name} reaches from {contour.min():g} to {contour.max():g}; give the natural "
            "logarithm of F0 in Hz, and 0 where there is no pitch"
        )
    return contour


def _check(alignment: str, cepstrum: str, order: int, gate_db: float | None) -> None:
    if alignment not in ("none", "dtw"):
        raise InputError(f"alignment is {alignment!r}; give none or dtw")
    if cepstrum not in _FRONT_ENDS:
        raise InputError(f"cepstrum is {cepstrum!r}; give one of {', '.join(_FRONT_ENDS)}")
    if not 1 <= order < NUM_BANDS:
        raise InputError(f"order must be 1 to {NUM_BANDS - 1}, given {order}")
    if gate_db is not None and not (np.isfinite(gate_db) and gate_db > 0):
        raise InputError(f"gate_db must be finite and > 0, given {gate_db}")
