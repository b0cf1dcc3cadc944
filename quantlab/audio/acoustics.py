"""The acoustic features of voice conversion: 80 log-mel bands and log-F0, ten milliseconds apart.

`log10_mel` has the convention of VQMIVC and StyleVC, which differs from `log_mel` in window,
padding, magnitude, filter area and unit; `griffin_lim` turns it back into samples. Normalisation
of the bands is the model's affair, as it needs statistics of a training set.
Letters: T frames, B bands (always 80).
"""

import functools

import numpy as np

from quantlab.audio.clip import refuse_non_finite
from quantlab.audio.spectrum import HOP_S, SAMPLE_RATE, mel_power, mel_weights
from quantlab.audio.voice import f0_track
from quantlab.errors import InputError

NUM_FFT = 400
HOP = round(HOP_S * SAMPLE_RATE)
NUM_BANDS = 80
LOW_HZ = 80.0
HIGH_HZ = 7600.0
MEL_FLOOR = 1e-10


def log10_mel(samples: np.ndarray) -> np.ndarray:
    """Return the decadic logarithm of 80 mel bands of the magnitude spectrum.

    Frames of 400 samples under a periodic Hann window, 160 samples apart, the first centred on
    sample 0, with the clip reflected at both ends; triangles from 80 to 7600 Hz on Slaney's scale,
    each divided by half its width in Hz.

    Parameters
    ----------
    samples : np.ndarray [n], float
        Mono samples at 16 kHz, n > 200.

    Returns
    -------
    np.ndarray [T, 80], float32
        From −10 (silence) to about 0.5 (full scale); T = 1 + n // 160.

    Raises
    ------
    InputError
        The samples are not a finite vector of more than 200 numbers.

    References
    ----------
    D. Wang et al., "VQMIVC: Vector quantization and mutual information-based unsupervised speech
    representation disentanglement for one-shot voice conversion", Interspeech 2021.
    M. Slaney, "Auditory Toolbox", Interval Research technical report 1998-010.

    Examples
    --------
    >>> import numpy as np
    >>> log10_mel(np.zeros(1600, np.float32)).shape
    (11, 80)
    """
    import scipy.fft

    signal = _checked(samples)
    padded = np.pad(signal, NUM_FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, NUM_FFT)[::HOP]
    magnitude = np.abs(np.asarray(scipy.fft.rfft(frames * periodic_hann(), axis=1)))
    bands = mel_power(magnitude, num_bands=NUM_BANDS, low_hz=LOW_HZ, high_hz=HIGH_HZ)
    return np.log10(np.maximum(bands * _areas(), MEL_FLOOR)).astype(np.float32)


def log_f0(samples: np.ndarray) -> np.ndarray:
    """Return the natural logarithm of the pitch in Hz, on the frames of `log10_mel`.

    Parameters
    ----------
    samples : np.ndarray [n], float
        Mono samples at 16 kHz, n > 200.

    Returns
    -------
    np.ndarray [T], float32
        ln Hz where `f0_track` finds a pitch (ln 60 to ln 600), 0 where it does not;
        T = 1 + n // 160.

    Raises
    ------
    InputError
        The samples are not a finite vector of more than 200 numbers.

    Examples
    --------
    >>> import numpy as np
    >>> log_f0(np.zeros(1600, np.float32)).tolist() == [0.0] * 11
    True
    """
    f0 = f0_track(_checked(samples))
    return np.log(np.where(f0 > 0, f0, 1.0)).astype(np.float32)


def normalise_f0(log_f0: np.ndarray) -> np.ndarray:
    """Return the contour with zero mean and unit deviation over its voiced frames.

    Parameters
    ----------
    log_f0 : np.ndarray [T], float
        ln Hz, 0 where there is no pitch, from `log_f0`.

    Returns
    -------
    np.ndarray [T], float32
        Unvoiced frames stay 0, and so does everything where the pitch never changes.

    Raises
    ------
    InputError
        The contour is not a finite vector.

    Examples
    --------
    >>> normalise_f0(np.array([0.0, 5.0, 0.0, 5.5])).tolist()
    [0.0, -1.0, 0.0, 1.0]
    """
    contour = np.asarray(log_f0, dtype=np.float64)
    if contour.ndim != 1:
        raise InputError(f"a pitch contour is a vector, given shape {contour.shape}")
    refuse_non_finite(contour, "the pitch contour")
    voiced = contour != 0
    values = contour[voiced]
    normal = np.zeros(contour.shape, np.float32)
    # Equal values have a deviation of a rounding error, so spread is what tells them.
    if values.size and np.ptp(values) > 0:
        normal[voiced] = (values - values.mean()) / values.std()
    return normal


def mel_band_hz() -> np.ndarray:
    """Return the centre frequencies of the bands of `log10_mel`, [80] float64, in Hz."""
    low, high = slaney_mel(np.array([LOW_HZ, HIGH_HZ]))
    return slaney_hz(np.linspace(low, high, NUM_BANDS + 2))[1:-1]


@functools.cache
def mel_matrix() -> np.ndarray:
    """Return the filters of `log10_mel`, [201, 80] float64, read-only."""
    table = mel_weights(NUM_BANDS, NUM_FFT, LOW_HZ, HIGH_HZ) * _areas()
    table.setflags(write=False)
    return table


@functools.cache
def periodic_hann() -> np.ndarray:
    """Return the window of `log10_mel`, [400] float64, read-only."""
    window = np.hanning(NUM_FFT + 1)[:-1]
    window.setflags(write=False)
    return window


@functools.cache
def _areas() -> np.ndarray:
    """Return the height [80] of each filter that gives it Slaney's area, read-only."""
    low, high = slaney_mel(np.array([LOW_HZ, HIGH_HZ]))
    edges = slaney_hz(np.linspace(low, high, NUM_BANDS + 2))
    heights = 2 / (edges[2:] - edges[:-2])
    heights.setflags(write=False)
    return heights


def slaney_mel(hz: np.ndarray) -> np.ndarray:
    """Return Slaney's mel: 3f/200 up to 1 kHz, 15 + 27·ln(f/1000)/ln 6.4 above."""
    above = 15 + 27 * np.log(np.maximum(hz, 1000) / 1000) / np.log(6.4)
    return np.where(hz < 1000, 3 * hz / 200, above)


def slaney_hz(mel: np.ndarray) -> np.ndarray:
    """Return the frequency in Hz of a value of Slaney's mel scale."""
    return np.where(mel < 15, 200 * mel / 3, 1000 * np.exp(np.log(6.4) * (mel - 15) / 27))


def _checked(samples: np.ndarray) -> np.ndarray:
    """Return the samples as float64, or raise InputError."""
    if samples.ndim != 1 or samples.size <= NUM_FFT // 2:
        raise InputError(
            f"samples must be a vector of more than {NUM_FFT // 2}, so that its ends can be "
            f"reflected; given shape {samples.shape}"
        )
    refuse_non_finite(samples, "the clip")
    return np.asarray(samples, dtype=np.float64)
