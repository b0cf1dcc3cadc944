"""Pitch and voice quality of 16 kHz samples: F0, periodicity, cepstral peak, spectral tilt.

Every function is pure. Pitch comes from pyworld's DIO, refined by StoneMask; all else is read off
the power spectrum of `quantlab.audio.spectrum.power_spectrum`, on the same frames.
Letters: T frames, F frequency bins.
"""

import functools
import warnings
from typing import Any

import numpy as np

from quantlab.audio.spectrum import HOP_S, SAMPLE_RATE, bin_hz, decibels, hann
from quantlab.errors import InputError

# On 28 clips, with librosa's pYIN as referee: DIO at a quarter of the rate makes as many gross
# errors as at full rate (3.5 %) in half the time. Harvest takes seventy times as long and calls
# 63 % of the unvoiced frames voiced. The wide range finds 91 % of the voiced frames instead of 82 %
# and is meant to be checked by `periodicity`.
_DIO_SPEED = 4
_DIO_ALLOWED_RANGE = 0.2


@functools.cache
def _pyworld() -> Any:
    """Import pyworld, whose version 0.3.5 asks pkg_resources for its own number, which warns."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
        import pyworld
    return pyworld


def f0_track(
    samples: np.ndarray, *, low_hz: float = 60.0, high_hz: float = 600.0, hop_s: float = HOP_S
) -> np.ndarray:
    """Track the fundamental frequency with DIO and StoneMask.

    Parameters
    ----------
    samples : np.ndarray [n], float
        Mono samples at 16 kHz.
    low_hz, high_hz : float
        Range searched, 40 <= low < high <= 800.
    hop_s : float > 0
        Spacing of the frames in seconds; frame t is centred at t · hop.

    Returns
    -------
    np.ndarray [T], float64
        F0 in Hz, 0 where no pitch was found. DIO is generous: combine with `periodicity`.

    Raises
    ------
    InputError
        The range is not 40 <= low < high <= 800.

    References
    ----------
    M. Morise, H. Kawahara, H. Katayose, "Fast and reliable F0 estimation method based on the
    period extraction of vocal fold vibration of singing voice and speech", AES 35, 2009.
    """
    if not 40 <= low_hz < high_hz <= 800:
        raise InputError(f"F0 range {low_hz}-{high_hz} Hz must lie within 40-800 Hz")
    signal = np.ascontiguousarray(samples, dtype=np.float64)
    pyworld = _pyworld()
    coarse, times = pyworld.dio(
        signal,
        SAMPLE_RATE,
        f0_floor=low_hz,
        f0_ceil=high_hz,
        frame_period=hop_s * 1000,
        speed=_DIO_SPEED,
        allowed_range=_DIO_ALLOWED_RANGE,
    )
    fine = pyworld.stonemask(signal, coarse, times, SAMPLE_RATE)
    return np.where(coarse > 0, np.clip(fine, low_hz, high_hz), 0.0)


def autocorrelation(power: np.ndarray, *, window_s: float = 0.040) -> np.ndarray:
    """Return each frame's normalised autocorrelation, the window's own divided out.

    Parameters
    ----------
    power : np.ndarray [T, F], float64
        Spectrum of Hann windows of `window_s` seconds.
    window_s : float > 0
        The window's length in seconds.

    Returns
    -------
    np.ndarray [T, L], float64
        Lags of 0 to L − 1 samples, at most half the window; 1 at lag 0 (0 in silence), near 1 at
        the period of a periodic sound. Cut to −1..1.

    References
    ----------
    P. Boersma, "Accurate short-term analysis of the fundamental frequency and the
    harmonics-to-noise ratio of a sampled sound", IFA Proceedings 17, 1993, eq. 9.
    """
    num_fft = 2 * (power.shape[1] - 1)
    window = round(window_s * SAMPLE_RATE)
    shape = np.fft.irfft(np.abs(np.fft.rfft(hann(window), num_fft)) ** 2)
    num_lags = min(window // 2, num_fft - window)
    raw = _even_inverse(power)[:, :num_lags]
    scale = np.maximum(raw[:, :1], 1e-16) * (shape[:num_lags] / shape[0])
    return np.clip(raw / scale, -1.0, 1.0)


def _even_inverse(spectrum: np.ndarray) -> np.ndarray:
    """Return the first F values of ``irfft`` of a real, even spectrum [T, F]: a cosine sum."""
    import scipy.fft

    return np.asarray(scipy.fft.dct(spectrum, type=1, axis=1)) / (2 * (spectrum.shape[1] - 1))


def periodicity(correlation: np.ndarray, f0: np.ndarray) -> np.ndarray:
    """Return how periodic each frame is at its pitch.

    Parameters
    ----------
    correlation : np.ndarray [T, L], float64
        From `autocorrelation`.
    f0 : np.ndarray [T], float64
        Pitch in Hz, 0 where there is none.

    Returns
    -------
    np.ndarray [T], float64
        0 (no pitch or pure noise) to 1; the harmonics-to-noise ratio is p / (1 − p).
    """
    lag = np.rint(SAMPLE_RATE / np.maximum(f0, 1.0)).astype(int)
    near = np.clip(lag[:, None] + np.arange(-2, 3), 1, correlation.shape[1] - 1)
    best = np.take_along_axis(correlation, near, axis=1).max(axis=1)
    return np.where(f0 > 0, np.maximum(best, 0.0), 0.0)


def peak_periodicity(
    correlation: np.ndarray, *, low_hz: float = 60.0, high_hz: float = 600.0
) -> np.ndarray:
    """Return the largest autocorrelation [T] over all periods of the range, whatever the pitch."""
    first, last = int(SAMPLE_RATE / high_hz), int(SAMPLE_RATE / low_hz)
    return correlation[:, first : last + 1].max(axis=1)


def cepstral_peak_prominence(
    power_db: np.ndarray, *, low_hz: float = 60.0, high_hz: float = 600.0
) -> np.ndarray:
    """Return the height of the cepstral peak above the cepstrum's straight line, in dB.

    Parameters
    ----------
    power_db : np.ndarray [T, F]
        Log power spectrum in dB.
    low_hz, high_hz : float > 0
        Pitch range in which the peak is sought.

    Returns
    -------
    np.ndarray [T], float64
        Prominence: high for clear, low for breathy or rough voice. At least 0.

    References
    ----------
    J. Hillenbrand, R. A. Houde, "Acoustic correlates of breathy vocal quality", Journal of Speech
    and Hearing Research 39, 1996.
    """
    first, last = int(SAMPLE_RATE / high_hz), int(SAMPLE_RATE / low_hz)
    part = _even_inverse(power_db)[:, first : last + 1]
    time = np.arange(part.shape[1]) - (part.shape[1] - 1) / 2
    slope = np.einsum("tq,q->t", part, time) / np.sum(time * time)
    peak = part.argmax(axis=1)
    line = part.mean(axis=1) + slope * time[peak]
    return np.maximum(part.max(axis=1) - line, 0.0)


def level_at(power_db: np.ndarray, hz: np.ndarray) -> np.ndarray:
    """Return the level [T] in dB at one frequency per frame, between bins by interpolation.

    Parameters
    ----------
    power_db : np.ndarray [T, F]
        Log power spectrum in dB.
    hz : np.ndarray [T]
        Frequencies in Hz; beyond 8 kHz the last bin counts.
    """
    place = np.clip(hz / (SAMPLE_RATE / 2), 0.0, 1.0) * (power_db.shape[1] - 1)
    below = np.minimum(place.astype(int), power_db.shape[1] - 2)
    pair = np.take_along_axis(power_db, below[:, None] + np.arange(2), axis=1)
    part = place - below
    return pair[:, 0] * (1 - part) + pair[:, 1] * part


def band_db(power: np.ndarray, low_hz: float, high_hz: float) -> np.ndarray:
    """Return the level [T] in dB of the band from `low_hz` up to, not including, `high_hz`."""
    return decibels(power[:, _bins(power, low_hz, high_hz)].sum(axis=1))


def peak_db(power_db: np.ndarray, low_hz: float, high_hz: float) -> np.ndarray:
    """Return the highest level [T] in dB of the bins from `low_hz` up to `high_hz`."""
    return power_db[:, _bins(power_db, low_hz, high_hz)].max(axis=1)


def spectral_slope(power_db: np.ndarray, low_hz: float, high_hz: float) -> np.ndarray:
    """Return the slope [T] in dB per kHz of the straight line through a band's levels."""
    part = _bins(power_db, low_hz, high_hz)
    khz = bin_hz(power_db.shape[1])[part] / 1000
    khz = khz - khz.mean()
    return np.einsum("tf,f->t", power_db[:, part], khz) / np.sum(khz * khz)


def _bins(spectrum: np.ndarray, low_hz: float, high_hz: float) -> slice:
    first, last = np.searchsorted(bin_hz(spectrum.shape[1]), (low_hz, high_hz))
    if last - first < 2:
        raise InputError(f"the band {low_hz}-{high_hz} Hz holds fewer than two bins")
    return slice(int(first), int(last))


def spectral_centroid(power: np.ndarray) -> np.ndarray:
    """Return the centre of gravity [T] of the spectrum in Hz; 0 in silence."""
    total = power.sum(axis=1)
    return np.einsum("tf,f->t", power, bin_hz(power.shape[1])) / np.maximum(total, 1e-20)


def spectral_flux(power: np.ndarray) -> np.ndarray:
    """Return how much the shape of the amplitude spectrum changes from the frame before.

    Parameters
    ----------
    power : np.ndarray [T, F], float64
        Power spectrum.

    Returns
    -------
    np.ndarray [T], float64
        Distance of unit-length amplitude spectra, 0 (same shape) to √2; 0 for the first frame.
    """
    shape = np.sqrt(power / np.maximum(power.sum(axis=1, keepdims=True), 1e-20))
    step = np.sqrt(np.sum(np.diff(shape, axis=0) ** 2, axis=1))
    return np.concatenate([np.zeros(1), step])


def zero_crossing_rate(
    samples: np.ndarray, *, window_s: float = 0.025, hop_s: float = HOP_S
) -> np.ndarray:
    """Return the share [T] of neighbouring samples whose signs differ, 0 to 1."""
    window, hop = round(window_s * SAMPLE_RATE), round(hop_s * SAMPLE_RATE)
    crossing = np.diff(np.signbit(samples)).astype(np.int64)
    total = np.concatenate([np.zeros(1, np.int64), np.cumsum(crossing)])
    centre = np.arange(1 + samples.size // hop) * hop
    first = np.clip(centre - window // 2, 0, crossing.size)
    last = np.clip(centre + window // 2, 0, crossing.size)
    return (total[last] - total[first]) / window
