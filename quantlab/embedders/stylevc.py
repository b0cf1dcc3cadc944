"""The emotion encoder of a StyleVC that was trained here: one vector per clip, or per window.

Letters: ``n`` samples, ``T`` windows, ``D`` dimensions.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pydantic

from quantlab.audio import Clip
from quantlab.compat import DeviceName
from quantlab.config import Settings, fingerprint
from quantlab.embedders.learned import require_clips
from quantlab.embedders.protocol import Level
from quantlab.errors import InputError

if TYPE_CHECKING:
    from quantlab.models import Inference

_MEL_FRAMES_PER_SECOND = 100
_HOP = 20


class StyleVCEmbedderSettings(Settings):
    """Settings of the StyleVC embedder."""

    directory: str = ""
    """Folder of the trained model, with card.json and weights.safetensors."""

    download: bool = False
    """There is nothing to download; true is refused."""

    device: DeviceName = "auto"
    """``auto`` takes the GPU where there is one."""

    window_s: float = pydantic.Field(default=1.28, ge=0.64, le=60.0)
    """Length of a window at frame level, in seconds; the default is a training crop."""

    @pydantic.field_validator("download")
    @classmethod
    def _nothing_to_download(cls, value: bool) -> bool:
        if value:
            raise ValueError("a StyleVC is trained with quantlab fit-stylevc, not downloaded")
        return value


class StyleVCEmbedder:
    """Embed clips by the emotion encoder of a StyleVC.

    Parameters
    ----------
    settings : StyleVCEmbedderSettings, optional
        `directory` has no default.

    Notes
    -----
    The utterance vector is the encoder's output on the whole clip, at frame level on windows that
    begin every 0.2 s: 1 + (t − window) / 0.2 s of them, rounded down, at least one. All values are
    0 or more. Clips shorter than a training crop are repeated until they fill one.
    """

    name: ClassVar[str] = "stylevc"
    version: ClassVar[int] = 1
    frame_rate_hz: ClassVar[float] = _MEL_FRAMES_PER_SECOND / _HOP
    shares_model: ClassVar[bool] = True
    settings_class: ClassVar[type[StyleVCEmbedderSettings]] = StyleVCEmbedderSettings

    def __init__(self, settings: StyleVCEmbedderSettings | None = None) -> None:
        self._settings = settings or StyleVCEmbedderSettings()

    @property
    def settings(self) -> StyleVCEmbedderSettings:
        """The settings it was made with."""
        return self._settings

    @property
    def batch_seconds(self) -> float:
        """It works clip by clip."""
        return 0.0

    def _model(self) -> "Inference":
        from quantlab.models import open_stylevc

        self._require_directory()
        model = open_stylevc(self._settings.directory, device=self._settings.device)
        if model.emotion_dims:
            raise InputError(
                f"the StyleVC in {self._settings.directory} has no emotion encoder: it takes its "
                f"emotion from vectors of {model.emotion_dims} dimensions; use their embedder"
            )
        return model

    def _weights_sha256(self) -> str:
        from quantlab.models import weights_sha256

        self._require_directory()
        return weights_sha256(self._settings.directory)

    def _require_directory(self) -> None:
        if not self._settings.directory:
            raise InputError(
                "the embedder stylevc needs the folder of a trained model; give it with --model "
                "checkpoints/nemo_gcl1_cls, or train one with quantlab fit-stylevc"
            )

    def num_dims(self, level: Level) -> int:
        """Return D, which is the same for windows and utterances."""
        require_clips([], level)
        return self._model().num_dims

    def embed(self, clip: Clip, *, level: Level) -> np.ndarray:
        """Embed one clip.

        Parameters
        ----------
        clip : Clip
            Mono float32 samples at 16 kHz.
        level : {"utterance", "frame"}
            One vector for the clip, or one per window.

        Returns
        -------
        np.ndarray [T, D], float32
            T is 1 at utterance level.

        Raises
        ------
        InputError
            What was given is no clip, the level is unknown, or the folder holds no such model.
        IntegrityError
            The model's files are damaged.
        """
        require_clips([clip], level)
        model = self._model()
        speech = model.read(clip.samples)
        if level == "utterance":
            return model.emotion(speech)[None]
        num_frames = round(self._settings.window_s * _MEL_FRAMES_PER_SECOND)
        return model.emotion_windows(speech, num_frames=num_frames, hop=_HOP)

    def embed_batch(self, clips: Sequence[Clip], *, level: Level) -> list[np.ndarray]:
        """Embed clips one by one."""
        require_clips(clips, level)
        return [self.embed(clip, level=level) for clip in clips]

    def head(self) -> None:
        """Return None: the classifiers of training are not kept with a model."""
        return None

    def card(self) -> dict[str, Any]:
        """Return what a reader must know, above all which clips the model was trained on."""
        model = self._model()
        return {
            "name": self.name,
            "version": self.version,
            "model": str(model.card.get("name", "")),
            "licence": str(model.card.get("licence", "")),
            "source": str(model.card.get("source", "")),
            "weights_sha256": self._weights_sha256(),
            "trained_on": model.card.get("trained_on", []),
            "pooling": "mean over time, within the network",
            "settings": {"window_s": self._settings.window_s},
            "dims": {level: model.num_dims for level in ("utterance", "frame")},
            "frame_rate_hz": self.frame_rate_hz,
        }

    def fingerprint(self, level: Level) -> str:
        """Return 64 hexadecimal characters that change whenever the output may."""
        require_clips([], level)
        model = self._model()
        return fingerprint(
            {
                "name": self.name,
                "version": self.version,
                "weights": self._weights_sha256(),
                "network": model.card["network"],
                "mel_statistics": model.card["mel_statistics"],
                "window_s": self._settings.window_s if level == "frame" else None,
                "level": level,
            }
        )
