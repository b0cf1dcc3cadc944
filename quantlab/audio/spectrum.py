"""Short-time spectra and mel bands of 16 kHz samples.

Frame t is centred at t · hop, with zeros beyond both ends, so that spectra and pitch tracks share
one time axis. Sums run in numpy, never in a BLAS, so results do not depend on its thread count.
Letters: T frames, F frequency bins, B bands.
"""

import functools
import warnings

import numpy as np

from quantlab.errors import InputError

SAMPLE_RATE = 16_000
HOP_S = 0.010

_POWER_FLOOR = 1e-20


def count_frames(num_samples: int, *, hop_s: float = HOP_S) -> int:
    """Return the number of frames of a clip: one at time zero and one for each whole hop."""
    return 1 + num_samples // round(hop_s * SAMPLE_RATE)


def power_spectrum(
    samples: np.ndarray, *, window_s: float = 0.040, hop_s: float = HOP_S, num_fft: int = 1024
) -> np.ndarray:
    """Return the power spectrum of Hann-windowed frames.

    Parameters
    ----------
    samples : np.ndarray [n], float
        Mono samples at 16 kHz.
    window_s, hop_s : float > 0
        Length and spacing of the frames in seconds.
    num_fft : int
        FFT length, at least the window's length in samples.

    Returns
    -------
    np.ndarray [T, num_fft // 2 + 1], float64
        Power per bin; a full-scale sine gives about one quarter in its bin.

    Raises
    ------
    InputError
        The samples are not a non-empty vector, or the window is longer than the FFT.
    """
    window, hop = round(window_s * SAMPLE_RATE), round(hop_s * SAMPLE_RATE)
    if samples.ndim != 1 or not samples.size:
        raise InputError(f"samples must be a non-empty vector, given shape {samples.shape}")
    if not 2 <= window <= num_fft or hop < 1:
        raise InputError(
            f"a window of {window} samples and a hop of {hop} do not fit an FFT of {num_fft}"
        )
    import scipy.fft

    padded = np.pad(samples.astype(np.float32), (window // 2, window))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    num_frames = count_frames(samples.size, hop_s=hop_s)
    tapered = frames[:num_frames] * hann(window).astype(np.float32)
    # Single precision: a noise floor 140 dB below the frame's peak, at a quarter of the time.
    spectrum = np.asarray(scipy.fft.rfft(tapered, num_fft, axis=1))
    return spectrum.real.astype(np.float64) ** 2 + spectrum.imag.astype(np.float64) ** 2


def hann(window: int) -> np.ndarray:
    """Return a Hann window of `window` samples that sums to one, float64."""
    taper = np.hanning(window + 2)[1:-1]
    return taper / taper.sum()


def bin_hz(num_bins: int) -> np.ndarray:
    """Return the centre frequencies in Hz of the bins of a one-sided spectrum."""
    return np.arange(num_bins) * (SAMPLE_RATE / 2 / (num_bins - 1))


def decibels(power: np.ndarray) -> np.ndarray:
    """Return 10·log10 of a power, floored at −200 dB."""
    return 10 * np.log10(np.maximum(power, _POWER_FLOOR))


@functools.lru_cache(maxsize=8)
def mel_weights(num_bands: int, num_fft: int, low_hz: float, high_hz: float) -> np.ndarray:
    """Return triangular mel filters of unit height (Slaney's scale), [F, B] float64, read-only."""
    import librosa

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Empty filters detected")
        weights = librosa.filters.mel(
            sr=SAMPLE_RATE, n_fft=num_fft, n_mels=num_bands, fmin=low_hz, fmax=high_hz, norm=None
        )
    empty = int((weights.max(axis=1) == 0).sum())
    if empty:
        raise InputError(
            f"{empty} of {num_bands} mel bands fall between the bins of an FFT of {num_fft}; "
            "take fewer bands or a longer FFT"
        )
    table = np.ascontiguousarray(weights.T, dtype=np.float64)
    table.setflags(write=False)
    return table


def mel_power(
    power: np.ndarray, *, num_bands: int = 40, low_hz: float = 50.0, high_hz: float = 7800.0
) -> np.ndarray:
    """Sum a power spectrum into mel bands.

    Parameters
    ----------
    power : np.ndarray [T, F], float64
        From `power_spectrum`.
    num_bands : int > 0
        Number of bands B.
    low_hz, high_hz : float
        Outer edges, 0 <= low < high <= 8000.

    Returns
    -------
    np.ndarray [T, B], float64
        Power per band.

    Raises
    ------
    InputError
        The edges are out of range, or a band is so narrow that it holds no bin.
    """
    num_fft = 2 * (power.shape[1] - 1)
    if not 0 <= low_hz < high_hz <= SAMPLE_RATE / 2:
        raise InputError(f"mel edges {low_hz}-{high_hz} Hz must lie in 0-{SAMPLE_RATE // 2} Hz")
    table = mel_weights(num_bands, num_fft, low_hz, high_hz)
    bands = np.empty((len(power), num_bands))
    for band, weights in enumerate(table.T):
        inside = slice(*(np.flatnonzero(weights)[[0, -1]] + (0, 1)))
        # einsum is numpy's own loop, not a BLAS: the order of the sum is fixed.
        bands[:, band] = np.einsum("tf,f->t", power[:, inside], weights[inside])
    return bands


def log_mel(
    samples: np.ndarray,
    *,
    num_bands: int = 40,
    window_s: float = 0.025,
    hop_s: float = HOP_S,
    num_fft: int = 512,
    low_hz: float = 50.0,
    high_hz: float = 7800.0,
    floor_db: float = -100.0,
) -> np.ndarray:
    """Return the log-mel spectrogram in decibels.

    Parameters
    ----------
    samples : np.ndarray [n], float
        Mono samples at 16 kHz.
    num_bands, window_s, hop_s, num_fft, low_hz, high_hz
        See `power_spectrum` and `mel_power`.
    floor_db : float
        Lowest value given, for silence.

    Returns
    -------
    np.ndarray [T, num_bands], float32
        Decibels, from `floor_db` upwards.

    Raises
    ------
    InputError
        As `power_spectrum` and `mel_power`.

    Examples
    --------
    >>> import numpy as np
    >>> log_mel(np.zeros(1600, np.float32)).shape
    (11, 40)
    """
    power = power_spectrum(samples, window_s=window_s, hop_s=hop_s, num_fft=num_fft)
    bands = mel_power(power, num_bands=num_bands, low_hz=low_hz, high_hz=high_hz)
    return np.maximum(decibels(bands), floor_db).astype(np.float32)
