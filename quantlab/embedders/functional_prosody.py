"""Banks of ten numbers that belong to one descriptor each: pitch, its motion, rhythm, loudness.

Letters: T frames of 10 ms.
"""

import numpy as np

from quantlab.audio import HOP_S
from quantlab.embedders.functional_banks import (
    MODULATIONS,
    TENTHS,
    contour_bank,
    modulation,
    segments,
    tenths,
)
from quantlab.embedders.functional_series import NUM_MEL, Described

PROSODY_STATISTICS = {
    "pitch_distribution": (
        "p5", "p25", "p75", "p95", "range", "quartile_range", "loudness_weighted", "asymmetry",
        "at_loudest", "deviation",
    ),
    "pitch_accents": (
        "rate", "height", "highest", "valley", "height_spread", "prominence", "drift",
        "highest_when", "lowest_when", "ending",
    ),
    "pitch_contour": TENTHS,
    "pitch_modulation": (*MODULATIONS, "jitter", "jitter_median"),
    "perturbation": (
        "jitter_p90", "jitter_share", "shimmer", "shimmer_median", "shimmer_p90", "peak_rate",
        "voiced_rate", "voiced_length", "voiced_length_spread", "voiced_longest",
    ),
    "rhythm": (
        "voiced_share", "active_share", "voice_share", "pause_length", "pause_longest",
        "pause_rate", "duration", "peak_interval", "peak_interval_spread", "loud_share",
    ),
    "energy_contour": TENTHS,
    "energy_modulation": (*MODULATIONS, "peak_level", "peak_level_spread"),
    **{
        f"mel_modulation_{part}": (*MODULATIONS, "variation", "change") for part in range(1, 5)
    },
}  # fmt: skip
"""Bank name to the names of its ten numbers."""

_SMOOTHING = np.hanning(11)[1:-1] / np.hanning(11).sum()
_SHORT_S = 0.02
"""Added to durations before their logarithm."""


def prosody_banks(clip: Described) -> dict[str, np.ndarray]:
    """Return the banks [10] of `PROSODY_STATISTICS`, all finite."""
    pitch, energy = clip.column("pitch"), clip.column("energy")
    spoken, heard = pitch[clip.voice], energy[clip.voice]
    jitter, shimmer = _perturbation(clip)
    peaks = _energy_peaks(energy)
    parts = clip.mel_db.reshape(len(energy), 4, NUM_MEL // 4).mean(axis=2)
    moving = modulation(np.column_stack([pitch, energy, parts]))
    heights = _smooth(energy)[peaks]
    level = (float(heights.mean()), float(heights.std())) if len(heights) else (0.0, 0.0)
    return {
        "pitch_distribution": _distribution(spoken, heard),
        "pitch_accents": _accents(pitch, clip.voice),
        "pitch_contour": tenths(spoken) - np.median(spoken),
        "pitch_modulation": np.concatenate([moving[0], jitter[:2]]),
        "perturbation": np.concatenate([jitter[2:], shimmer, _voiced_runs(clip, len(peaks))]),
        "rhythm": _rhythm(clip, peaks),
        "energy_contour": tenths(energy),
        "energy_modulation": np.concatenate([moving[1], level]),
        **_mel_modulation(clip, parts, moving[2:]),
    }


def _distribution(pitch: np.ndarray, energy: np.ndarray) -> np.ndarray:
    p5, p25, median, p75, p95 = np.percentile(pitch, (5, 25, 50, 75, 95))
    weight = 10 ** (energy / 20)
    return np.array(
        [
            p5,
            p25,
            p75,
            p95,
            p95 - p5,
            p75 - p25,
            np.sum(weight * pitch) / np.sum(weight),
            p95 + p5 - 2 * median,
            pitch[np.argmax(energy)],
            np.abs(pitch - median).mean(),
        ]
    )


def _accents(pitch: np.ndarray, voice: np.ndarray) -> np.ndarray:
    """Describe the humps of the pitch contour that rise at least a semitone above their sides."""
    import scipy.signal

    at = np.flatnonzero(voice)
    smooth = _smooth(pitch[at])
    median = float(np.median(smooth))
    tops, found = scipy.signal.find_peaks(smooth, prominence=1.0)
    valleys, _ = scipy.signal.find_peaks(-smooth, prominence=1.0)
    height = smooth[tops] - median if len(tops) else np.array([smooth.max() - median])
    depth = smooth[valleys] - median if len(valleys) else np.array([smooth.min() - median])
    tail = smooth[-max(len(smooth) // 10, 1) :]
    return np.array(
        [
            np.log2(1 + len(tops) / (len(at) * HOP_S)),
            height.mean(),
            height.max(),
            depth.mean(),
            height.std(),
            np.log2(1 + np.mean(found["prominences"])) if len(tops) else 0.0,
            height[-1] - height[0],
            np.argmax(smooth) / len(smooth),
            np.argmin(smooth) / len(smooth),
            tail.mean() - median,
        ]
    )


def _smooth(series: np.ndarray) -> np.ndarray:
    return np.convolve(np.pad(series, len(_SMOOTHING) // 2, mode="edge"), _SMOOTHING, "valid")


def _energy_peaks(energy: np.ndarray) -> np.ndarray:
    """Return the frames of the energy's syllable-like maxima above −20 dB."""
    smooth = _smooth(energy)
    middle = smooth[1:-1]
    return 1 + np.flatnonzero((middle > smooth[:-2]) & (middle >= smooth[2:]) & (middle > -20))


def _perturbation(clip: Described) -> tuple[np.ndarray, np.ndarray]:
    """Return jitter [4] and shimmer [3]: second differences over three voiced frames in a row."""
    row = clip.voiced[2:] & clip.voiced[1:-1] & clip.voiced[:-2]
    if row.sum() < 3:
        row[:] = False
    pitch = np.abs(np.diff(clip.column("pitch"), 2))[row]
    level = np.abs(np.diff(clip.column("energy"), 2))[row]
    if not len(pitch):
        pitch, level = np.full(1, 0.2), np.full(1, 1.0)
    mean, median, p90 = pitch.mean(), np.median(pitch), np.percentile(pitch, 90)
    jitter = np.array([*np.log2(np.array([mean, median, p90]) + 0.02), (pitch > 0.5).mean()])
    sizes = np.array([level.mean(), np.median(level), np.percentile(level, 90)])
    return jitter, np.log2(sizes + 0.05)


def _voiced_runs(clip: Described, num_peaks: int) -> np.ndarray:
    lengths = np.diff(segments(clip.voiced), axis=1)[:, 0] * HOP_S
    duration = len(clip.voiced) * HOP_S
    if not len(lengths):
        return np.array([num_peaks / duration, 0.0, np.log2(_SHORT_S), 0.0, np.log2(_SHORT_S)])
    return np.array(
        [
            num_peaks / duration,
            len(lengths) / duration,
            np.log2(lengths.mean() + _SHORT_S),
            lengths.std(),
            np.log2(lengths.max() + _SHORT_S),
        ]
    )


def _rhythm(clip: Described, peaks: np.ndarray) -> np.ndarray:
    pauses = np.diff(segments(~clip.active), axis=1)[:, 0] * HOP_S
    longest = pauses.max(initial=0.0)
    mean = pauses.mean() if len(pauses) else 0.0
    gaps = np.diff(peaks) * HOP_S
    return np.array(
        [
            clip.voiced.mean(),
            clip.active.mean(),
            clip.voiced[clip.active].mean(),
            np.log2(mean + _SHORT_S),
            np.log2(longest + _SHORT_S),
            len(pauses) / (len(clip.active) * HOP_S),
            np.log2(len(clip.active) * HOP_S),
            gaps.mean() if len(gaps) else 0.2,
            gaps.std() if len(gaps) > 1 else 0.1,
            (clip.column("energy") > -10).mean(),
        ]
    )


def _mel_modulation(
    clip: Described, parts: np.ndarray, moving: np.ndarray
) -> dict[str, np.ndarray]:
    relative = clip.mel_db - clip.mel_db.mean(axis=1, keepdims=True)
    spread = relative[clip.active].std(axis=0).reshape(4, -1).mean(axis=1)
    change = np.abs(np.diff(parts, axis=0, prepend=parts[:1]))[clip.active].mean(axis=0)
    return {
        f"mel_modulation_{part + 1}": np.concatenate([moving[part], [spread[part], change[part]]])
        for part in range(4)
    }


def slope_banks(clip: Described) -> dict[str, np.ndarray]:
    """Return the contour banks [10] of pitch and energy."""
    return {
        "pitch_slopes": contour_bank(clip.column("pitch"), clip.voice),
        "energy_slopes": contour_bank(np.maximum(clip.column("energy"), -40.0), clip.active),
    }
