"""Decoders behind one protocol: from a clip, a speaker and an emotion vector to log-mel bands.

A further decoder is one small class. Letters: ``T`` frames of 10 ms, ``E`` dimensions of an
embedding.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from quantlab.audio import Clip, log10_mel
from quantlab.compat import DeviceName
from quantlab.config import Settings
from quantlab.embedders import EMBEDDERS, Embedder, Level, get_embedder
from quantlab.errors import ConfigError, InputError

if TYPE_CHECKING:
    from quantlab.models import Inference


class Decoder(Protocol):
    """Says what a clip says in another emotion, or as another speaker.

    Attributes
    ----------
    name : str
        How settings and the command line call it.
    settings_class : type[Settings]
        What its settings are parsed with and its constructor takes.
    """

    name: ClassVar[str]
    settings_class: ClassVar[type[Any]]

    @property
    def embedder(self) -> Embedder:
        """The embedder whose vectors it takes as its emotion."""
        ...

    @property
    def level(self) -> Level:
        """Whether it takes an utterance vector, or the time mean of frames."""
        ...

    def card(self) -> dict[str, Any]:
        """Return name, model, weights_sha256, licence and trained_on (items it has seen)."""
        ...

    def speaker_vector(self, clip: Clip) -> np.ndarray:
        """Return who speaks in a clip, float32 ``[E]``."""
        ...

    def decode(self, source: Clip, *, speaker: Clip, emotion: np.ndarray) -> np.ndarray:
        """Return the bands of a conversion.

        Parameters
        ----------
        source : Clip
            What is said, and with which melody.
        speaker : Clip
            Who says it; the source itself keeps the speaker.
        emotion : np.ndarray [E]
            A vector of `embedder`.

        Returns
        -------
        np.ndarray [T, 80], float32
            Log10 mel as `quantlab.audio.log10_mel` gives it, T being that of the source.

        Raises
        ------
        InputError
            The vector cannot be used.
        """
        ...


class StyleVCDecoderSettings(Settings):
    """Settings of the decoder ``stylevc``."""

    directory: str = ""
    """Folder of the trained model, with card.json and weights.safetensors."""
    device: DeviceName = "auto"
    """``auto`` takes the GPU where there is one."""
    embedder: str = ""
    """Whose vectors the model takes, where it takes some and its card does not say."""
    embedder_directory: str = ""
    """Folder of that embedder's weights, where it has some."""


class StyleVCDecoder:
    """Decode with a StyleVC that was trained here.

    Parameters
    ----------
    settings : StyleVCDecoderSettings, optional
        `directory` has no default.

    Notes
    -----
    The melody is the source's F0 with mean and range taken out; the decoder gives it those of the
    speaker. The emotion is a vector of the model's own emotion encoder, or of the embedder that the
    model was trained with.
    """

    name: ClassVar[str] = "stylevc"
    settings_class: ClassVar[type[StyleVCDecoderSettings]] = StyleVCDecoderSettings

    def __init__(self, settings: StyleVCDecoderSettings | None = None) -> None:
        self.settings = settings or StyleVCDecoderSettings()

    def _model(self) -> "Inference":
        from quantlab.models import open_stylevc

        if not self.settings.directory:
            raise InputError(
                "the decoder stylevc needs the folder of a trained model: --model FOLDER, as "
                "quantlab fit-stylevc makes one"
            )
        return open_stylevc(self.settings.directory, device=self.settings.device)

    @property
    def embedder(self) -> Embedder:
        """The model's emotion encoder, or the embedder that its card or the settings name."""
        model, settings = self._model(), self.settings
        if not model.emotion_dims:
            place = {"directory": settings.directory, "device": settings.device}
            return get_embedder("stylevc", place)
        about = model.card.get("emotion_embedder") or {}
        name = str(about.get("name") or settings.embedder)
        if name not in EMBEDDERS:
            raise InputError(
                f"the StyleVC in {settings.directory} takes vectors of {model.emotion_dims} "
                f"dimensions of the embedder {name!r}, which is none of ours; name the one to "
                f"use: {', '.join(EMBEDDERS)}"
            )
        place = settings.embedder_directory
        made = get_embedder(
            name, {**about.get("settings", {}), **({"directory": place} if place else {})}
        )
        if (width := made.num_dims(self.level)) != model.emotion_dims:
            raise InputError(
                f"the StyleVC in {settings.directory} takes vectors of {model.emotion_dims} "
                f"dimensions, and {name} gives {width}; name the embedder it was trained with"
            )
        return made

    @property
    def level(self) -> Level:
        """``utterance``, unless the model was trained with time means of frames."""
        about = self._model().card.get("emotion_embedder") or {}
        return "frame" if about.get("level") == "frame" else "utterance"

    def card(self) -> dict[str, Any]:
        """Return what a reader must know of the model."""
        from quantlab.models import weights_sha256

        model = self._model()
        return {
            "name": self.name,
            "model": str(model.card.get("name", "")),
            "weights_sha256": weights_sha256(self.settings.directory),
            "licence": str(model.card.get("licence", "")),
            "source": str(model.card.get("source", "")),
            "trained_on": model.card.get("trained_on", []),
        }

    def speaker_vector(self, clip: Clip) -> np.ndarray:
        """Return the speaker embedding; see `Decoder.speaker_vector`."""
        bands = log10_mel(clip.samples)
        model = self._model()
        return model.speaker(model.prepare(bands, np.zeros(len(bands))))

    def decode(self, source: Clip, *, speaker: Clip, emotion: np.ndarray) -> np.ndarray:
        """Return the bands of a conversion; see `Decoder.decode`."""
        model = self._model()
        speech = model.read(source.samples)
        content, _ = model.content(speech)
        style = model.emotion_of(emotion) if model.emotion_dims else emotion
        return model.decode(content, speech.f0, self.speaker_vector(speaker), style)


DECODERS: Mapping[str, type[Any]] = {"stylevc": StyleVCDecoder}
"""Decoder name to class. A further decoder is one class that fulfils `Decoder`."""


def get_decoder(name: str, settings: Mapping[str, Any] | None = None) -> Decoder:
    """Build a decoder by name.

    Raises
    ------
    ConfigError
        The name is unknown, or a setting is.
    """
    if name not in DECODERS:
        raise ConfigError(f"decoder {name!r} is unknown; available: {', '.join(DECODERS)}")
    kind = DECODERS[name]
    return kind(kind.settings_class.parse(settings or {}, where=f"decoder {name}"))
