"""Decode and check one audio clip: from a file, from bytes or from an array.

The bytes are read once, hashed, and decoded from memory in blocks, so that neither a long file nor
one with many channels fills the memory. Every fault ends in an InputError that says which clip,
what was found and what is allowed.
"""

import io
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quantlab.audio.clip import MIN_DURATION_S, Clip, ClipFlags, refuse_non_finite
from quantlab.audio.riff import missing_bytes
from quantlab.audio.spectrum import SAMPLE_RATE
from quantlab.errors import InputError, IntegrityError
from quantlab.store import sha256_bytes

MIN_RATE_HZ, MAX_RATE_HZ = 4_000, 192_000
MAX_CHANNELS = 8
MAX_FILE_BYTES = 1 << 30

_BLOCK_FRAMES = 1 << 16
_UNKNOWN_FRAMES = 1 << 62
_CLIPPED_SHARE = 0.001
_SILENT_PEAK = 0.001
_CANCELLED_SHARE = 0.05
_DC_OFFSET = 0.02

# Just below the largest positive value that each coding can hold.
_FULL_SCALE = {
    "PCM_U8": 0.992,
    "PCM_S8": 0.992,
    "PCM_16": 0.99996,
    "PCM_24": 0.99999,
    "PCM_32": 0.99999,
    "ALAW": 0.984,
    "ULAW": 0.980,
}
_OTHER_FULL_SCALE = 0.9999


def read_clip(
    path: str | Path,
    *,
    max_duration_s: float = 600.0,
    strict: bool = False,
    expected_sha256: str | None = None,
) -> Clip:
    """Read one audio file as mono float32 at 16 kHz.

    Parameters
    ----------
    path : str or Path
        A regular file; its content decides the format, not its name.
    max_duration_s : float > 0
        Longer clips are refused before they are decoded.
    strict : bool
        Whether a truncated file is refused instead of flagged.
    expected_sha256 : str, optional
        SHA-256 that the file's bytes must have.

    Returns
    -------
    Clip
        Samples, hash of the file's bytes and flags.

    Raises
    ------
    InputError
        The file cannot be read, is no audio, or its audio cannot be used: shorter than 0.1 s,
        longer than allowed, a rate outside 4-192 kHz, more than 8 channels, NaN or infinity.
    IntegrityError
        The bytes are not those expected.
    """
    source = Path(path)
    name = shown(path)
    data = _read_regular(source, name)
    digest = sha256_bytes(data)
    if expected_sha256 is not None and digest != expected_sha256.lower():
        raise IntegrityError(
            f"{name} has changed: SHA-256 {digest[:12]}, expected {expected_sha256[:12]}; "
            "index the corpus again or restore the file"
        )
    return _decode(
        data, digest, name=name, source=source, max_duration_s=max_duration_s, strict=strict
    )


def decode_bytes(
    data: bytes, *, name: str, max_duration_s: float = 60.0, strict: bool = False
) -> Clip:
    """Decode an audio file held in memory, an upload for instance.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        What to call it in messages; never used as a path.
    max_duration_s, strict
        As in `read_clip`.

    Returns
    -------
    Clip
        As `read_clip`, without a source.

    Raises
    ------
    InputError
        As `read_clip`.
    """
    label = shown(name)
    digest = sha256_bytes(data)
    return _decode(
        data, digest, name=label, source=None, max_duration_s=max_duration_s, strict=strict
    )


def clip_from_array(samples: np.ndarray, sample_rate: int, *, name: str = "array") -> Clip:
    """Make a clip from mono samples of any allowed rate.

    Parameters
    ----------
    samples : np.ndarray [n], float
        Mono samples; ±1 is full scale.
    sample_rate : int
        Samples per second, 4 000 to 192 000.
    name : str
        What to call it in messages.

    Returns
    -------
    Clip
        Its hash is that of the samples given, as float32, and their rate.

    Raises
    ------
    InputError
        The array is not a vector of reals, or as `read_clip`.
    """
    if samples.ndim != 1 or samples.dtype.kind != "f":
        raise InputError(
            f"{name}: a vector of reals is needed, given {samples.dtype} of shape {samples.shape}; "
            "average the channels first and scale integers to ±1"
        )
    _check_rate(sample_rate, name)
    _check_length(samples.size, sample_rate, name)
    # A copy: what the caller does to the array afterwards must not reach the clip.
    mono = np.array(samples, dtype=np.float32, order="C")
    refuse_non_finite(mono, name)
    digest = sha256_bytes(mono.tobytes() + str(sample_rate).encode())
    seen = _Seen.of(mono[:, None], full_scale=_OTHER_FULL_SCALE)
    flags = _flags(
        seen, mono, name="array/FLOAT", rate=sample_rate, num_channels=1, truncated_by=""
    )
    return Clip(_resample(mono, sample_rate, name), digest, None, flags)


def shown(name: str | Path) -> str:
    """Return a file name as it may stand in a message: control characters are escaped."""
    text = str(name)
    return text if text.isprintable() else repr(text)


def _read_regular(path: Path, name: str) -> bytes:
    """Read a regular file; never wait for a pipe, a socket or a device."""
    try:
        # The first check keeps devices unopened, the second counts if the file was swapped.
        _refuse_irregular(os.stat(path), name)
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(handle, "rb") as file:
            _refuse_irregular(os.fstat(handle), name)
            return file.read()
    except FileNotFoundError:
        raise InputError(f"{name} is missing; check the path") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read {name}: {reason}") from error


def _refuse_irregular(status: os.stat_result, name: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{name} is a directory; give one audio file")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{name} is not a regular file but a pipe, socket or device")
    if status.st_size > MAX_FILE_BYTES:
        raise InputError(
            f"{name} has {status.st_size} bytes; at most {MAX_FILE_BYTES} are read, cut it"
        )


@dataclass
class _Seen:
    """Running figures over the blocks of a clip, per channel where not said otherwise."""

    num_frames: int
    at_full_scale: np.ndarray
    power: np.ndarray
    peak: float

    @classmethod
    def of(cls, block: np.ndarray, *, full_scale: float) -> "_Seen":
        size = np.abs(block)
        return cls(
            num_frames=len(block),
            at_full_scale=(size >= full_scale).sum(axis=0),
            power=np.sum(block.astype(np.float64) ** 2, axis=0),
            peak=float(size.max(initial=0.0)),
        )

    def add(self, other: "_Seen") -> None:
        self.num_frames += other.num_frames
        self.at_full_scale = self.at_full_scale + other.at_full_scale
        self.power = self.power + other.power
        self.peak = max(self.peak, other.peak)


class _Bytes(io.BytesIO):
    """Bytes whose `seek` stays where it is when a damaged file asks for a place before the start.

    libsndfile calls it from C, where an exception would be printed and lost.
    """

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_CUR: self.tell(), io.SEEK_END: len(self.getbuffer())}.get(whence, 0)
        return super().seek(start + offset) if start + offset >= 0 else self.tell()


def _decode(
    data: bytes,
    digest: str,
    *,
    name: str,
    source: Path | None,
    max_duration_s: float,
    strict: bool,
) -> Clip:
    import soundfile

    if not data:
        raise InputError(f"{name} is empty (0 bytes)")
    try:
        with soundfile.SoundFile(_Bytes(data)) as file:
            _check_header(file, name=name, max_duration_s=max_duration_s)
            promised, rate = file.frames, file.samplerate
            mono, seen = _downmix(file, name=name)
            kind, num_channels = f"{file.format}/{file.subtype}", file.channels
    except (soundfile.SoundFileError, RuntimeError, TypeError) as error:
        raise InputError(
            f"{name} cannot be decoded as audio: {_reason(error)}; give WAV, FLAC, OGG or MP3"
        ) from error
    truncated_by = _truncation(data, promised=promised, found=mono.size)
    if truncated_by and strict:
        raise InputError(f"{name} is truncated: {truncated_by}; restore the whole file")
    _check_length(mono.size, rate, name)
    flags = _flags(
        seen, mono, name=kind, rate=rate, num_channels=num_channels, truncated_by=truncated_by
    )
    return Clip(_resample(mono, rate, name), digest, source, flags)


def _reason(error: Exception) -> str:
    """Return libsndfile's own words without the address of our buffer."""
    text = str(getattr(error, "error_string", "") or error)
    return text.strip().rstrip(".") or type(error).__name__


def _check_header(file: Any, *, name: str, max_duration_s: float) -> None:
    """Refuse by what the header says, before anything is decoded."""
    _check_rate(file.samplerate, name)
    if file.channels > MAX_CHANNELS:
        raise InputError(
            f"{name} has {file.channels} channels; at most {MAX_CHANNELS} are averaged, "
            "export the one that holds the voice"
        )
    if file.frames >= _UNKNOWN_FRAMES:
        raise InputError(
            f"{name} does not say how long it is (a streamed FLAC, for instance); "
            "convert it to WAV or encode it to a file"
        )
    duration_s = file.frames / file.samplerate
    if duration_s > max_duration_s:
        raise InputError(
            f"{name} lasts {duration_s:.1f} s; at most {max_duration_s:g} s are allowed, cut it"
        )


def _check_rate(rate: int, name: str) -> None:
    if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
        raise InputError(
            f"{name} has a sample rate of {rate} Hz; {MIN_RATE_HZ}-{MAX_RATE_HZ} Hz are allowed"
        )


def _check_length(num_samples: int, rate: int, name: str) -> None:
    if num_samples < MIN_DURATION_S * rate:
        raise InputError(
            f"{name}: {num_samples} samples; need >= {MIN_DURATION_S} s (at {rate} Hz that is "
            f"{int(np.ceil(MIN_DURATION_S * rate))})"
        )


def _downmix(file: Any, *, name: str) -> tuple[np.ndarray, _Seen]:
    """Read block by block; return the mean of the channels and the running figures."""
    full_scale = _FULL_SCALE.get(file.subtype, _OTHER_FULL_SCALE)
    seen = _Seen(0, np.zeros(file.channels), np.zeros(file.channels), 0.0)
    mono, num_bad, first_bad = [np.zeros(0, np.float32)], 0, -1
    while len(block := file.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)):
        bad = ~np.isfinite(block).all(axis=1)
        if bad.any():
            first_bad = seen.num_frames + int(bad.argmax()) if first_bad < 0 else first_bad
            num_bad += int(bad.sum())
            block = np.where(bad[:, None], np.float32(0), block)
        seen.add(_Seen.of(block, full_scale=full_scale))
        mono.append(block.mean(axis=1, dtype=np.float64).astype(np.float32))
    if num_bad:
        raise InputError(
            f"{name}: {num_bad} NaN or infinite samples, the first at index {first_bad}; "
            "export it again or leave it out"
        )
    return np.concatenate(mono), seen


def _truncation(data: bytes, *, promised: int, found: int) -> str:
    """Say by how much a file falls short of its header, ``""`` where it is whole."""
    lacking = missing_bytes(data)
    if lacking:
        return f"{lacking} bytes of its audio are missing"
    if found < promised:
        return f"its header says {promised} samples, {found} could be decoded"
    return ""


def _flags(
    seen: _Seen,
    mono: np.ndarray,
    *,
    name: str,
    rate: int,
    num_channels: int,
    truncated_by: str,
) -> ClipFlags:
    mean = float(mono.mean(dtype=np.float64))
    mix_power = float(np.sum(mono.astype(np.float64) ** 2))
    clipped_share = float(np.max(seen.at_full_scale)) / seen.num_frames
    cancelling = num_channels > 1 and mix_power < _CANCELLED_SHARE * float(seen.power.mean())
    silent = float(np.abs(mono - mean).max()) < _SILENT_PEAK
    raised = {
        "truncated": (bool(truncated_by), f"truncated: {truncated_by}"),
        "clipped": (clipped_share >= _CLIPPED_SHARE, f"{clipped_share:.2%} at full scale"),
        "silent": (silent, "silent: nothing above -60 dB of full scale"),
        "narrow_band": (rate < SAMPLE_RATE, f"narrow band: {rate} samples per second"),
        "over_range": (seen.peak > 1.0, f"peak {seen.peak:.3g} is beyond full scale; kept"),
        "cancelling_channels": (cancelling, "the channels cancel each other in their mean"),
        "dc_offset": (abs(mean) > _DC_OFFSET, f"constant offset of {mean:.3f}"),
    }
    texts = [text for is_raised, text in raised.values() if is_raised]
    if num_channels > 1:
        texts.append(f"{num_channels} channels averaged to one")
    return ClipFlags(
        **{flag: is_raised for flag, (is_raised, _) in raised.items()},
        source_format=name,
        source_rate=rate,
        source_channels=num_channels,
        warnings=tuple(texts),
    )


def _resample(mono: np.ndarray, rate: int, name: str) -> np.ndarray:
    if rate == SAMPLE_RATE:
        return mono
    import soxr

    samples = np.asarray(soxr.resample(mono, rate, SAMPLE_RATE, quality="HQ"), dtype=np.float32)
    refuse_non_finite(samples, f"{name} (after resampling)")
    # The filter may round the shortest legal clip down by one sample.
    lacking = int(MIN_DURATION_S * SAMPLE_RATE) - samples.size
    return np.pad(samples, (0, max(lacking, 0)))
