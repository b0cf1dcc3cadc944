"""What a clip is: mono float32 samples at 16 kHz, checked, with flags on how they came about."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from quantlab.audio.spectrum import SAMPLE_RATE
from quantlab.errors import InputError

MIN_DURATION_S = 0.1


@dataclass(frozen=True)
class ClipFlags:
    """What is worth knowing about a clip's source.

    Attributes
    ----------
    truncated : bool
        The file holds less audio than its header says.
    clipped : bool
        At least 0.1 % of a channel's samples stand at full scale.
    silent : bool
        Once its mean is removed, nothing rises above −60 dB of full scale.
    narrow_band : bool
        The source rate is below 16 kHz, so the upper part of the spectrum is empty.
    over_range : bool
        Samples go beyond ±1; they are kept.
    cancelling_channels : bool
        The channels' mean holds less than 5 % of their mean power.
    dc_offset : bool
        The mean of the samples is beyond ±0.02.
    source_format : str
        Container and coding as they truly are, ``"WAV/PCM_16"`` for instance.
    source_rate : int
        Samples per second of the source.
    source_channels : int
        Channels of the source.
    warnings : tuple[str, ...]
        One sentence for each flag that is raised and for a downmix.
    """

    truncated: bool = False
    clipped: bool = False
    silent: bool = False
    narrow_band: bool = False
    over_range: bool = False
    cancelling_channels: bool = False
    dc_offset: bool = False
    source_format: str = ""
    source_rate: int = SAMPLE_RATE
    source_channels: int = 1
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Clip:
    """One clip as every embedder takes it.

    Attributes
    ----------
    samples : np.ndarray [n], float32
        Mono, 16 kHz, finite, at least 0.1 s, read-only; ±1 is full scale but not a limit.
    sha256 : str
        SHA-256 of the file's bytes (of the samples' bytes where there was no file).
    source : Path or None
        The file read, None for uploads and arrays.
    flags : ClipFlags
        How the samples came about.
    sample_rate : int
        Always 16 000.

    Raises
    ------
    InputError
        The samples are not what is said above.
    """

    samples: np.ndarray
    sha256: str
    source: Path | None = None
    flags: ClipFlags = field(default_factory=ClipFlags)
    sample_rate: int = SAMPLE_RATE

    def __post_init__(self) -> None:
        if self.sample_rate != SAMPLE_RATE:
            raise InputError(
                f"a clip has {SAMPLE_RATE} samples per second, given {self.sample_rate}; "
                "use clip_from_array to resample"
            )
        if self.samples.ndim != 1 or self.samples.dtype != np.float32:
            raise InputError(
                f"a clip is a float32 vector, given {self.samples.dtype} of shape "
                f"{self.samples.shape}; use clip_from_array or average the channels"
            )
        if self.samples.size < MIN_DURATION_S * SAMPLE_RATE:
            raise InputError(f"{self.samples.size} samples; need >= {MIN_DURATION_S} s")
        refuse_non_finite(self.samples, "the clip")
        # Embeddings are cached under the hash of the content, so the content must stay.
        view = self.samples.view()
        view.setflags(write=False)
        object.__setattr__(self, "samples", view)

    @property
    def duration_s(self) -> float:
        """Duration in seconds."""
        return self.samples.size / SAMPLE_RATE


def refuse_non_finite(samples: np.ndarray, name: str) -> None:
    """Raise InputError with the count and the first index of NaN and infinite samples."""
    finite = np.isfinite(samples)
    if not finite.all():
        count, first = int((~finite).sum()), int(np.argmin(finite))
        raise InputError(
            f"{name}: {count} NaN or infinite samples, the first at index {first}; "
            "export it again or leave it out"
        )
