"""What every embedder offers, whatever computes its vectors."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Protocol

import numpy as np

from quantlab.audio import Clip
from quantlab.config import Settings
from quantlab.embedders.heads import Head

Level = Literal["utterance", "frame"]
"""One vector per clip, or one per frame."""


class Embedder(Protocol):
    """Turns a clip into vectors. Equal clips give equal bytes.

    An embedder holds its settings only, so that it can be sent to worker processes; a model that it
    needs is loaded once per process.

    Attributes
    ----------
    name : str
        How settings and cards call it.
    frame_rate_hz : float
        Frames per second at frame level.
    settings_class : type[Settings]
        What its settings are parsed with and its constructor takes.
    shares_model : bool
        Whether several threads of a process may embed at once with one loaded model; else workers
        are processes.
    """

    name: ClassVar[str]
    frame_rate_hz: ClassVar[float]
    settings_class: ClassVar[type[Any]]
    shares_model: ClassVar[bool]

    @property
    def settings(self) -> Settings:
        """The settings it was made with."""
        ...

    @property
    def batch_seconds(self) -> float:
        """Seconds of audio, padding included, that it takes at once; 0 for clip by clip."""
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

    def embed_batch(self, clips: Sequence[Clip], *, level: Level) -> list[np.ndarray]:
        """Return what `embed` gives of each clip, within the embedder's stated tolerance."""
        ...

    def head(self) -> Head | None:
        """Return the classifier that came with the embedder; None when there is none."""
        ...

    def card(self) -> dict[str, Any]:
        """Return name, version, licence, trained_on (items it has seen), settings and dims."""
        ...

    def fingerprint(self, level: Level) -> str:
        """Return 64 hexadecimal characters that change whenever its output may."""
        ...
