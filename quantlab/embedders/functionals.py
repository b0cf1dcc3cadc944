"""The first embedder: statistics of pitch, loudness, voice quality and spectrum, without weights.

Descriptors come from `functional_series`, statistics from `functional_banks` and
`functional_prosody`, and `functional_units` brings every dimension into commensurate units. Nothing
is learned. Utterance vectors are 48 banks of ten numbers, four banks to a theme, so that 2, 3, 4,
6, 8, 12, 16 or 24 equal groups hold whole banks; frame vectors are 24 descriptors by five contexts.
Letters: T frames, D dimensions.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pydantic

from quantlab.audio import SAMPLE_RATE, Clip
from quantlab.config import Settings, fingerprint
from quantlab.embedders.functional_banks import local_statistics, series_banks
from quantlab.embedders.functional_prosody import prosody_banks, slope_banks
from quantlab.embedders.functional_series import SERIES, Described, describe
from quantlab.embedders.functional_units import (
    FRAME_SERIES,
    FRAME_STATISTICS,
    UTTERANCE_BANKS,
    VOICE_SERIES,
    bank_statistics,
    frame_units,
    utterance_units,
)
from quantlab.embedders.protocol import Level
from quantlab.errors import InputError

_FRAME_SAMPLES = SAMPLE_RATE // 50
_REACHES = (10, 50)
"""Local statistics reach ±0.1 s and ±0.5 s, in frames of 10 ms."""


class FunctionalsSettings(Settings):
    """Settings of the functionals embedder."""

    pitch_low_hz: float = pydantic.Field(default=60.0, ge=40.0, le=400.0)
    """Lowest pitch searched, 40 to 400 Hz."""

    pitch_high_hz: float = pydantic.Field(default=600.0, ge=100.0, le=800.0)
    """Highest pitch searched, 100 to 800 Hz; above `pitch_low_hz`."""

    min_periodicity: float = pydantic.Field(default=0.45, ge=0.0, lt=1.0)
    """Frames whose autocorrelation at the pitch period is lower count as unvoiced."""

    pause_db: float = pydantic.Field(default=25.0, gt=0.0, le=50.0)
    """Frames this many dB below the clip's loud level (95th percentile) count as pauses."""

    bound: float = pydantic.Field(default=4.0, ge=1.0, le=20.0)
    """No value lies beyond ±bound: each is ``bound · tanh(u / bound)`` of its value u in units."""

    @pydantic.model_validator(mode="after")
    def _range_is_ordered(self) -> "FunctionalsSettings":
        if self.pitch_low_hz >= self.pitch_high_hz:
            raise ValueError(
                f"pitch_low_hz {self.pitch_low_hz:g} must be below "
                f"pitch_high_hz {self.pitch_high_hz:g}"
            )
        return self


class Functionals:
    """Embed a clip by statistics of its descriptors.

    Vectors do not depend on the clip's gain or constant offset. Every dimension has a spread of
    order one over acted studio speech and is bounded, so that squared error means the same in all
    of them.

    Parameters
    ----------
    settings : FunctionalsSettings, optional
        Defaults where absent.

    Examples
    --------
    >>> import numpy as np
    >>> from quantlab.audio import clip_from_array
    >>> tone = np.sin(2 * np.pi * 200 / 16000 * np.arange(16000))
    >>> Functionals().embed(clip_from_array(tone, 16000), level="utterance").shape
    (1, 480)
    """

    name: ClassVar[str] = "functionals"
    version: ClassVar[int] = 1
    frame_rate_hz: ClassVar[float] = 50.0
    shares_model: ClassVar[bool] = False
    settings_class: ClassVar[type[FunctionalsSettings]] = FunctionalsSettings

    def __init__(self, settings: FunctionalsSettings | None = None) -> None:
        self._settings = settings or FunctionalsSettings()

    @property
    def settings(self) -> FunctionalsSettings:
        """The settings it was made with."""
        return self._settings

    @property
    def batch_seconds(self) -> float:
        """It works clip by clip."""
        return 0.0

    def num_dims(self, level: Level) -> int:
        """Return D: 480 for utterances, 120 for frames."""
        return len(self.feature_names(level))

    def feature_names(self, level: Level) -> tuple[str, ...]:
        """Return one name per dimension, ``descriptor.statistic``.

        Raises
        ------
        InputError
            The level is unknown.
        """
        if _checked(level) == "utterance":
            return tuple(
                f"{bank}.{statistic}"
                for bank in UTTERANCE_BANKS
                for statistic in bank_statistics(bank)
            )
        return tuple(
            f"{name}.{statistic}" for name in FRAME_SERIES for statistic in FRAME_STATISTICS
        )

    def embed(self, clip: Clip, *, level: Level) -> np.ndarray:
        """Embed one clip.

        Parameters
        ----------
        clip : Clip
            Mono float32 samples at 16 kHz.
        level : {"utterance", "frame"}
            One vector for the clip, or one for each whole 20 ms.

        Returns
        -------
        np.ndarray [T, D], float32
            Finite, within ±bound; T is 1 at utterance level, else the number of whole 20 ms.

        Raises
        ------
        InputError
            What was given is no `Clip`, or the level is unknown.
        """
        if not isinstance(clip, Clip):
            raise InputError(
                f"an audio clip is needed, given {type(clip).__name__}; "
                "use read_clip, or clip_from_array with the sample rate"
            )
        _checked(level)
        described = describe(
            clip.samples,
            low_hz=self._settings.pitch_low_hz,
            high_hz=self._settings.pitch_high_hz,
            min_periodicity=self._settings.min_periodicity,
            pause_db=self._settings.pause_db,
        )
        if level == "utterance":
            raw, (centre, spread) = utterance_statistics(described)[None], utterance_units()
        else:
            num_frames = clip.samples.size // _FRAME_SAMPLES
            raw, (centre, spread) = frame_statistics(described, num_frames), frame_units()
        in_units = (raw - centre) / spread
        bounded = self._settings.bound * np.tanh(in_units / self._settings.bound)
        return bounded.reshape(len(raw), -1).astype(np.float32)

    def embed_batch(self, clips: Sequence[Clip], *, level: Level) -> list[np.ndarray]:
        """Embed clips one by one."""
        return [self.embed(clip, level=level) for clip in clips]

    def head(self) -> None:
        """There is no classifier."""
        return None

    def card(self) -> dict[str, Any]:
        """Return what a reader must know: name, version, licence, training, settings, dims."""
        return {
            "name": self.name,
            "version": self.version,
            "licence": "Apache-2.0",
            "trained_on": [],
            "units": "typical values of EmoDB and nEMO, without labels, rounded to two figures",
            "units_from": ["emodb", "nemo"],
            "settings": self._settings.model_dump(),
            "dims": {level: self.num_dims(level) for level in ("utterance", "frame")},
            "frame_rate_hz": self.frame_rate_hz,
        }

    def fingerprint(self, level: Level) -> str:
        """Return 64 hexadecimal characters that change whenever the output may."""
        return fingerprint(
            {
                "name": self.name,
                "version": self.version,
                "settings": self._settings,
                "level": _checked(level),
            }
        )


def _checked(level: str) -> str:
    if level not in ("utterance", "frame"):
        raise InputError(f"level {level!r} is unknown; use 'utterance' or 'frame'")
    return level


def utterance_statistics(described: Described) -> np.ndarray:
    """Return all banks [48, 10] of a clip in their physical units, float64."""
    energy = described.column("energy")
    at_energy = SERIES.index("energy")
    voice = series_banks(described.values, described.voice, energy)
    active = series_banks(described.values, described.active, energy)
    everywhere = np.ones(len(energy), dtype=bool)
    overall = series_banks(energy[:, None], everywhere, described.column("harmonicity"))
    banks = {
        name: (voice if name in VOICE_SERIES else active)[row] for row, name in enumerate(SERIES)
    }
    banks |= {"energy_all": overall[0], "energy_voice": voice[at_energy]}
    banks |= prosody_banks(described) | slope_banks(described)
    return np.stack([banks[name] for name in UTTERANCE_BANKS])


def frame_statistics(described: Described, num_frames: int) -> np.ndarray:
    """Return [T, 24, 5]: each descriptor's value, and local means and spreads, in its unit.

    Frame t stands for the 20 ms from t · 20 ms on; its values are those at its centre.
    """
    values = described.values[:, : len(FRAME_SERIES)]
    views = [values]
    for reach in _REACHES:
        views.extend(local_statistics(values, reach))
    centres = slice(1, 2 * num_frames, 2)
    return np.stack([view[centres] for view in views], axis=2)
