"""Vocoders behind one protocol: from log-mel bands to samples. A further one is one small class."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Protocol

import numpy as np
from pydantic import Field

from quantlab.audio import SAMPLE_RATE, griffin_lim
from quantlab.config import Settings
from quantlab.errors import ConfigError


class Vocoder(Protocol):
    """Turns bands into samples.

    Attributes
    ----------
    name : str
        How settings and the command line call it.
    sample_rate : int
        Samples per second of what it makes.
    settings_class : type[Settings]
        What its settings are parsed with and its constructor takes.
    """

    name: ClassVar[str]
    sample_rate: ClassVar[int]
    settings_class: ClassVar[type[Any]]

    @property
    def settings(self) -> Settings:
        """The settings it was made with."""
        ...

    def synthesise(self, log10_mel: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
        """Return the samples of bands.

        Parameters
        ----------
        log10_mel : np.ndarray [T, 80], float
            Bands as `quantlab.audio.log10_mel` gives them, the normalisation of a model undone.
        rng : np.random.Generator
            Source of all randomness.

        Returns
        -------
        np.ndarray [n], float32
            Mono samples, not limited to ±1; equal bands and states of `rng` give equal bytes.

        Raises
        ------
        InputError
            The bands cannot be used.
        """
        ...


class GriffinLimSettings(Settings):
    """Settings of the vocoder ``griffin_lim``; see `quantlab.audio.griffin_lim`."""

    num_iterations: Annotated[int, Field(ge=0, le=10_000)] = 60
    """Projections onto the consistent spectrograms."""
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.99
    """Weight of the last step in the next one."""


class GriffinLim:
    """The vocoder that needs no training: a consistent phase is sought for the bands.

    Parameters
    ----------
    settings : GriffinLimSettings, optional
        Iterations and momentum.
    """

    name: ClassVar[str] = "griffin_lim"
    sample_rate: ClassVar[int] = SAMPLE_RATE
    settings_class: ClassVar[type[GriffinLimSettings]] = GriffinLimSettings

    def __init__(self, settings: GriffinLimSettings | None = None) -> None:
        self._settings = settings or GriffinLimSettings()

    @property
    def settings(self) -> GriffinLimSettings:
        """The settings it was made with."""
        return self._settings

    def synthesise(self, log10_mel: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
        """Return ``160 (T − 1)`` samples at 16 kHz; see `Vocoder.synthesise`."""
        return griffin_lim(
            log10_mel,
            rng=rng,
            num_iterations=self.settings.num_iterations,
            momentum=self.settings.momentum,
        )


VOCODERS: Mapping[str, type[Any]] = {"griffin_lim": GriffinLim}
"""Vocoder name to class. A further vocoder is one class that fulfils `Vocoder`."""


def get_vocoder(name: str, settings: Mapping[str, Any] | None = None) -> Vocoder:
    """Build a vocoder by name.

    Raises
    ------
    ConfigError
        The name is unknown, or a setting is.
    """
    if name not in VOCODERS:
        raise ConfigError(f"vocoder {name!r} is unknown; available: {', '.join(VOCODERS)}")
    kind = VOCODERS[name]
    return kind(kind.settings_class.parse(settings or {}, where=f"vocoder {name}"))
