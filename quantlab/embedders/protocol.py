"""What every embedder offers, whatever computes its vectors."""

from typing import Any, ClassVar, Literal, Protocol

import numpy as np

from quantlab.audio import Clip
from quantlab.config import Settings

Level = Literal["utterance", "frame"]
"""One vector per clip, or one per frame."""


class Embedder(Protocol):
    """Turns a clip into vectors. Equal clips give equal bytes.

    Attributes
    ----------
    name : str
        How settings and cards call it.
    frame_rate_hz : float
        Frames per second at frame level.
    settings_class : type[Settings]
        What its settings are parsed with and its constructor takes.
    """

    name: ClassVar[str]
    frame_rate_hz: ClassVar[float]
    settings_class: ClassVar[type[Any]]

    @property
    def settings(self) -> Settings:
        """The settings it was made with."""
        ...

    def num_dims(self, level: Level) -> int:
        """Return the number of dimensions D of its vectors."""
        ...

    def embed(self, clip: Clip, *, level: Level) -> np.ndarray:
        """Embed one clip.

        Parameters
        ----------
        clip : Clip
            Mono float32 samples at 16 kHz.
        level : {"utterance", "frame"}
            One vector, or one per frame.

        Returns
        -------
        np.ndarray [T, D], float32
            Finite vectors; T is 1 at utterance level.

        Raises
        ------
        InputError
            What was given is no `Clip`, or the level is unknown.
        """
        ...

    def card(self) -> dict[str, Any]:
        """Return name, version, licence, trained_on (items it has seen), settings and dims."""
        ...

    def fingerprint(self, level: Level) -> str:
        """Return 64 hexadecimal characters that change whenever its output may."""
        ...
