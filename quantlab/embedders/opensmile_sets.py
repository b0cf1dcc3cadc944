"""Standard functionals of openSMILE as an embedder; an extra, because of its licence.

The features are in physical units (hertz beside ratios beside counts), so codecs scale each
dimension by itself.

References
----------
Eyben, Wöllmer and Schuller, "openSMILE", ACM Multimedia 2010; Eyben et al., "GeMAPS", IEEE
Transactions on Affective Computing 2016 (eGeMAPS).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar, Literal

import numpy as np

from quantlab.audio import SAMPLE_RATE, Clip
from quantlab.config import Settings, fingerprint
from quantlab.embedders.learned import require_clips
from quantlab.embedders.protocol import Level
from quantlab.errors import ConfigError, InputError

FeatureSetName = Literal["eGeMAPSv02", "emobase", "IS10", "ComParE_2016"]
_NUM_FEATURES: dict[FeatureSetName, int] = {
    "eGeMAPSv02": 88,
    "emobase": 988,
    "IS10": 1582,
    "ComParE_2016": 6373,
}
# openSMILE multiplies by 32768 and keeps 16 bits, where +1.0 would become the lowest value.
_HIGHEST = 32767 / 32768
_NAMES_SHOWN = 3


class OpenSmileSettings(Settings):
    """Settings of the opensmile embedder."""

    feature_set: FeatureSetName = "eGeMAPSv02"
    """``eGeMAPSv02`` (88 features), ``emobase`` (988), ``IS10`` (1582, the set of the Interspeech
    2010 challenge; many values differ from those of emobase2010 under the same names) or
    ``ComParE_2016`` (6373)."""


class OpenSmile:
    """Embed a clip by one of openSMILE's sets of functionals.

    Parameters
    ----------
    settings : OpenSmileSettings, optional
        Defaults where absent.
    """

    name: ClassVar[str] = "opensmile"
    version: ClassVar[int] = 1
    frame_rate_hz: ClassVar[float] = 0.0
    shares_model: ClassVar[bool] = False
    settings_class: ClassVar[type[OpenSmileSettings]] = OpenSmileSettings

    def __init__(self, settings: OpenSmileSettings | None = None) -> None:
        self._settings = settings or OpenSmileSettings()

    @property
    def settings(self) -> OpenSmileSettings:
        """The settings it was made with."""
        return self._settings

    @property
    def batch_seconds(self) -> float:
        """It works clip by clip."""
        return 0.0

    def num_dims(self, level: Level) -> int:
        """Return D, the number of features of the set."""
        _require_utterance(level)
        return _NUM_FEATURES[self._settings.feature_set]

    def feature_names(self) -> tuple[str, ...]:
        """Return openSMILE's name of each dimension."""
        return tuple(_smile(self._settings.feature_set).feature_names)

    def embed(self, clip: Clip, *, level: Level) -> np.ndarray:
        """Embed one clip.

        Parameters
        ----------
        clip : Clip
            Mono float32 samples at 16 kHz; what lies beyond full scale is clipped.
        level : {"utterance"}
            There is one vector per clip.

        Returns
        -------
        np.ndarray [1, D], float32
            In openSMILE's own units.

        Raises
        ------
        InputError
            No clip, another level, or features that are not finite for this clip.
        ConfigError
            opensmile is not installed.
        """
        require_clips([clip], level)
        _require_utterance(level)
        smile = _smile(self._settings.feature_set)
        samples = np.clip(clip.samples, -1.0, _HIGHEST)
        values = smile.process_signal(samples, SAMPLE_RATE).to_numpy(np.float64)
        with np.errstate(over="ignore"):
            features = values.astype(np.float32)
        if not np.isfinite(features).all():
            bad = np.flatnonzero(~np.isfinite(features[0]))
            names = ", ".join(smile.feature_names[at] for at in bad[:_NAMES_SHOWN])
            raise InputError(
                f"{len(bad)} features of {self._settings.feature_set} are not finite ({names}); "
                "the clip may be too short or without voice, leave it out"
            )
        return features

    def embed_batch(self, clips: Sequence[Clip], *, level: Level) -> list[np.ndarray]:
        """Embed clips one by one."""
        return [self.embed(clip, level=level) for clip in clips]

    def head(self) -> None:
        """There is no classifier."""
        return None

    def card(self) -> dict[str, Any]:
        """Return what a reader must know: name, version, licence, units, settings, dims."""
        return {
            "name": self.name,
            "version": self.version,
            "library": _library_version(),
            "licence": "audEERING research licence: openSMILE is free for research only",
            "source": "Eyben et al., openSMILE, ACM Multimedia 2010",
            "trained_on": [],
            "units": "physical",
            "settings": self._settings.model_dump(),
            "dims": {"utterance": self.num_dims("utterance")},
            "frame_rate_hz": None,
        }

    def fingerprint(self, level: Level) -> str:
        """Return 64 hexadecimal characters that change whenever the output may."""
        _require_utterance(level)
        return fingerprint(
            {
                "name": self.name,
                "version": self.version,
                "library": _library_version(),
                "settings": self._settings,
                "level": level,
            }
        )


def _require_utterance(level: str) -> None:
    if level != "utterance":
        raise InputError(f"opensmile gives one vector per clip, level {level!r} is not to be had")


def _library_version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("opensmile")
    except PackageNotFoundError as error:
        raise _absent(error) from error


@lru_cache(maxsize=4)
def _smile(feature_set: FeatureSetName) -> Any:
    try:
        import opensmile
    except ImportError as error:
        raise _absent(error) from error
    return opensmile.Smile(
        feature_set=getattr(opensmile.FeatureSet, feature_set),
        feature_level=opensmile.FeatureLevel.Functionals,
        num_workers=1,
    )


def _absent(error: Exception) -> ConfigError:
    return ConfigError(
        f"the embedder opensmile needs the library of that name ({error}), which is free for "
        "research only; install it with: pip install 'quantlab[opensmile]'"
    )
