"""Write one clip to a 16-bit file."""

import io
from pathlib import Path

import numpy as np

from quantlab.audio.clip import refuse_non_finite
from quantlab.audio.spectrum import SAMPLE_RATE
from quantlab.errors import InputError
from quantlab.store import write_bytes

_FORMATS = {".wav": "WAV", ".flac": "FLAC"}


def to_pcm16(samples: np.ndarray) -> np.ndarray:
    """Turn reals into 16-bit integers: cut to ±1, scaled by 32 767, rounded; never wraps.

    Parameters
    ----------
    samples : np.ndarray, float
        Finite samples, ±1 is full scale.

    Returns
    -------
    np.ndarray, int16
        Of the same shape, −32 767 to 32 767.
    """
    cut = np.clip(np.asarray(samples, dtype=np.float64), -1.0, 1.0)
    return np.rint(cut * 32767).astype(np.int16)


def encode_clip(
    samples: np.ndarray, *, sample_rate: int = SAMPLE_RATE, suffix: str = ".wav"
) -> bytes:
    """Return mono samples as the bytes of a 16-bit file, for a player or a download.

    Parameters
    ----------
    samples : np.ndarray [n], float
        Mono samples; beyond ±1 they are cut.
    sample_rate : int
        Samples per second, 4 000 to 192 000.
    suffix : {".wav", ".flac"}
        The format.

    Raises
    ------
    InputError
        The samples are not a non-empty finite vector, or rate or format are not allowed.
    """
    import soundfile

    array = np.asarray(samples)
    if array.ndim != 1 or not array.size or array.dtype.kind != "f":
        raise InputError(
            f"a non-empty vector of reals is needed, given {array.dtype} of shape {array.shape}"
        )
    refuse_non_finite(array, "samples to write")
    if not 4_000 <= sample_rate <= 192_000:
        raise InputError(f"a sample rate of {sample_rate} Hz is not within 4000-192000 Hz")
    if suffix.lower() not in _FORMATS:
        raise InputError(f"cannot write {suffix!r}; use {' or '.join(_FORMATS)}")
    buffer = io.BytesIO()
    soundfile.write(
        buffer, to_pcm16(array), sample_rate, format=_FORMATS[suffix.lower()], subtype="PCM_16"
    )
    return buffer.getvalue()


def write_clip(path: str | Path, samples: np.ndarray, *, sample_rate: int = SAMPLE_RATE) -> None:
    """Write mono samples to a 16-bit WAV or FLAC file, atomically.

    Parameters
    ----------
    path : str or Path
        Ends in ``.wav`` or ``.flac``.
    samples, sample_rate
        As in `encode_clip`.

    Raises
    ------
    InputError
        As in `encode_clip`.
    QuantlabError
        The file system refused.
    """
    target = Path(path)
    write_bytes(target, encode_clip(samples, sample_rate=sample_rate, suffix=target.suffix))
