"""The time series that the functionals embedder takes its statistics of.

Thirty-two descriptors on a 10 ms grid, from pitch to cepstrum. The clip's mean and its loudness
are removed first, so gain does not matter. A descriptor that means nothing in some frames (pitch
in unvoiced ones, the spectrum's shape in pauses) is interpolated across them.
Letters: T frames of 10 ms, C descriptors.
"""

from dataclasses import dataclass

import numpy as np

from quantlab.audio import (
    autocorrelation,
    band_db,
    cepstral_peak_prominence,
    decibels,
    f0_track,
    level_at,
    mel_power,
    peak_db,
    peak_periodicity,
    periodicity,
    power_spectrum,
    spectral_centroid,
    spectral_flux,
    spectral_slope,
    zero_crossing_rate,
)

NUM_MEL = 40
NUM_MEL_GROUPS = 8
NUM_CEPSTRA = 8

SERIES = (
    "pitch", "harmonicity", "peak_harmonicity", "cepstral_peak", "energy", "flux",
    "alpha_ratio", "hammarberg", "slope_0_500", "slope_500_1500", "slope_1500_5000", "centroid",
    "h1_h2", "h2_h4", "h1_a3", "zero_crossings",
    *(f"mel_{band}" for band in range(1, NUM_MEL_GROUPS + 1)),
    *(f"cepstrum_{order}" for order in range(1, NUM_CEPSTRA + 1)),
)  # fmt: skip
"""Names of the descriptors, in the order of the columns."""

_VOICE = ("h1_h2", "h2_h4", "h1_a3")
_AS_IT_IS = ("pitch", "harmonicity", "energy", "flux")

_PITCH_REFERENCE_HZ = 100.0
_NO_PITCH_HZ = 160.0
_QUIETEST_DB, _LOUDEST_DB = -50.0, 20.0
_POWER_RANGE_DB = 80.0
_MEL_RANGE_DB = 60.0
_PERIODIC_LIMITS = (1 / 11, 1000 / 1001)
_FEWEST_CROSSINGS = 0.02
_LEAST_PROMINENCE_DB = 0.3
_MIN_FRAMES = 4


@dataclass(frozen=True)
class Described:
    """The descriptors of one clip.

    Attributes
    ----------
    values : np.ndarray [T, C], float64
        One column per name of `SERIES`.
    mel_db : np.ndarray [T, 40], float64
        Log-mel levels in dB, at most 60 dB below the clip's highest.
    voiced : np.ndarray [T], bool
        Frames with a reliable pitch; may be none.
    active : np.ndarray [T], bool
        Frames that are no pause; at least one.
    voice : np.ndarray [T], bool
        Where voice quality is measured: voiced and active, or just active in unvoiced clips.
    """

    values: np.ndarray
    mel_db: np.ndarray
    voiced: np.ndarray
    active: np.ndarray
    voice: np.ndarray

    def column(self, name: str) -> np.ndarray:
        """Return the series [T] of a name."""
        return self.values[:, SERIES.index(name)]


def describe(
    samples: np.ndarray, *, low_hz: float, high_hz: float, min_periodicity: float, pause_db: float
) -> Described:
    """Compute all descriptors of a clip.

    Parameters
    ----------
    samples : np.ndarray [n], float32
        Mono samples at 16 kHz.
    low_hz, high_hz : float
        Pitch range.
    min_periodicity : float
        Frames less periodic than this count as unvoiced.
    pause_db : float
        Frames this far below the clip's loud level are pauses.

    Returns
    -------
    Described
        All values are finite.
    """
    centred, power, energy = _normalised(samples)
    f0 = f0_track(centred, low_hz=low_hz, high_hz=high_hz)
    correlation = autocorrelation(power)
    periodic = periodicity(correlation, f0)
    voiced = (f0 > 0) & (periodic > min_periodicity)
    active = energy > -pause_db
    if not active.any():
        active = np.ones_like(active)
    voice = voiced & active
    if voice.sum() < _MIN_FRAMES:
        voice = active
    known = voice & voiced
    filled_hz = fill(np.where(known, f0, _NO_PITCH_HZ), known if known.any() else active)
    power_db = decibels(power)
    power_db = np.maximum(power_db, power_db.max() - _POWER_RANGE_DB)
    mel_db = decibels(mel_power(power, num_bands=NUM_MEL))
    mel_db = np.maximum(mel_db, mel_db.max() - _MEL_RANGE_DB)
    found = {
        "pitch": 12 * np.log2(filled_hz / _PITCH_REFERENCE_HZ),
        "harmonicity": _harmonicity(np.where(voiced, periodic, 0.0)),
        "peak_harmonicity": _harmonicity(
            peak_periodicity(correlation, low_hz=low_hz, high_hz=high_hz)
        ),
        "energy": energy,
        "flux": spectral_flux(power),
        "zero_crossings": np.log2(zero_crossing_rate(centred) + _FEWEST_CROSSINGS),
        **_tilt(power, power_db),
        **_harmonics(power_db, filled_hz),
        **_shape(mel_db),
    }
    for name, series in found.items():
        if name not in _AS_IT_IS:
            found[name] = fill(series, voice if name in _VOICE else active)
    values = np.stack([found[name] for name in SERIES], axis=1)
    return Described(values, mel_db, voiced, active, voice)


def _normalised(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return samples and power at one loudness, and the frames' energy in dB below it."""
    centred = samples.astype(np.float64) - samples.mean(dtype=np.float64)
    peak = max(float(np.abs(centred).max()), 1e-9)
    power = power_spectrum(centred / peak)
    total = power.sum(axis=1)
    loud = max(float(np.percentile(total, 95)), 1e-9)
    energy = np.clip(decibels(total / loud), _QUIETEST_DB, _LOUDEST_DB)
    return centred / peak, power / loud, energy


def fill(series: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Interpolate a series [T] linearly across its frames that are not `known`; one must be."""
    return np.interp(np.arange(len(series)), np.flatnonzero(known), series[known])


def _harmonicity(periodic: np.ndarray) -> np.ndarray:
    """Turn periodicities into harmonics-to-noise ratios of −10 to 30 dB."""
    share = np.clip(periodic, *_PERIODIC_LIMITS)
    return decibels(share / (1 - share))


def _tilt(power: np.ndarray, power_db: np.ndarray) -> dict[str, np.ndarray]:
    """Spectral balance: the eGeMAPS measures, with the centroid in octaves."""
    return {
        "alpha_ratio": band_db(power, 50, 1000) - band_db(power, 1000, 5000),
        "hammarberg": peak_db(power_db, 0, 2000) - peak_db(power_db, 2000, 5000),
        "slope_0_500": spectral_slope(power_db, 60, 500),
        "slope_500_1500": spectral_slope(power_db, 500, 1500),
        "slope_1500_5000": spectral_slope(power_db, 1500, 5000),
        "centroid": np.log2(spectral_centroid(power) + 50.0),
        "cepstral_peak": np.log2(cepstral_peak_prominence(power_db) + _LEAST_PROMINENCE_DB),
    }


def _harmonics(power_db: np.ndarray, f0: np.ndarray) -> dict[str, np.ndarray]:
    """Level differences of harmonics and of the third formant's region, in dB."""
    first, second, fourth = (level_at(power_db, number * f0) for number in (1, 2, 4))
    return {
        "h1_h2": first - second,
        "h2_h4": second - fourth,
        "h1_a3": first - peak_db(power_db, 2000, 3500),
    }


def _shape(mel_db: np.ndarray) -> dict[str, np.ndarray]:
    """Eight mel bands relative to their mean, and cepstral coefficients, in dB."""
    relative = mel_db - mel_db.mean(axis=1, keepdims=True)
    width = NUM_MEL // NUM_MEL_GROUPS
    bands = relative.reshape(len(mel_db), NUM_MEL_GROUPS, width).mean(axis=2)
    order = np.arange(1, NUM_CEPSTRA + 1)[:, None]
    waves = np.cos(np.pi * order * (np.arange(NUM_MEL) + 0.5) / NUM_MEL)
    cepstra = np.einsum("tb,cb->tc", relative, waves) * (2 / NUM_MEL)
    return {f"mel_{band + 1}": bands[:, band] for band in range(NUM_MEL_GROUPS)} | {
        f"cepstrum_{number + 1}": cepstra[:, number] for number in range(NUM_CEPSTRA)
    }
