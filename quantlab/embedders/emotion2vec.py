"""emotion2vec through FunASR: 50 Hz frames, utterance vectors, and the class head of some variants.

FunASR's network class is built here and its weights are loaded strictly, because its own loader
takes a missing or misshapen file for random weights, and its public entry point changes global
seeds, threads and logging. What comes out is what ``AutoModel.generate`` gives, clip by clip.
Letters: ``T`` frames, ``D`` dimensions.

References
----------
Ma et al., "emotion2vec: Self-Supervised Pre-Training for Speech Emotion Representation", Findings
of ACL 2024, arXiv:2312.15185.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pydantic

from quantlab.audio import Clip
from quantlab.compat import DeviceName, choose_device
from quantlab.config import Settings, fingerprint
from quantlab.embedders.emotion2vec_files import (
    TRAINED_ON,
    Variant,
    download_model,
    open_model_files,
)
from quantlab.embedders.emotion2vec_network import load_network
from quantlab.embedders.heads import Head
from quantlab.embedders.learned import models_folder, require_clips, run_windows
from quantlab.embedders.protocol import Level
from quantlab.errors import InputError

_GPU_BATCH_SECONDS = 120.0


class Emotion2vecSettings(Settings):
    """Settings of the emotion2vec embedder."""

    model: Variant = "plus_base"
    """Which of the published models: ``base`` and ``plus_seed`` to ``plus_large``."""

    directory: str = ""
    """Folder with config.yaml and model.pt; by default ``emotion2vec_<model>`` in
    ``$QUANTLAB_MODELS``, or in ``models`` under the cache."""

    download: bool = False
    """Fetch the model from `hub` when it is not there: the only case in which the network is
    used."""

    hub: Literal["hf", "ms"] = "hf"
    """Hugging Face or ModelScope."""

    device: DeviceName = "auto"
    """``auto`` takes the GPU where there is one."""

    precision: Literal["float32", "bfloat16"] = "float32"
    """``bfloat16`` computes products in half the digits: faster on a GPU, within about 0.02 of the
    values of float32."""

    batch_seconds: float | None = pydantic.Field(default=None, ge=0, le=3600)
    """Seconds of audio embedded at once; by default 120 on a GPU and clip by clip on a CPU, where
    batches gain nothing."""

    window_s: float = pydantic.Field(default=30.0, ge=5.0, le=600.0)
    """Longer clips are embedded in overlapping windows of this many seconds."""

    overlap_s: float = pydantic.Field(default=2.0, ge=0.0, le=5.0)
    """What neighbouring windows share, in seconds; half of it is left out on either side."""

    @pydantic.model_validator(mode="after")
    def _windows_move_on(self) -> "Emotion2vecSettings":
        if self.overlap_s > self.window_s / 2:
            raise ValueError(
                f"overlap_s {self.overlap_s:g} must be at most half of window_s {self.window_s:g}"
            )
        return self


class Emotion2vec:
    """Embed clips with emotion2vec.

    Parameters
    ----------
    settings : Emotion2vecSettings, optional
        Defaults where absent.

    Notes
    -----
    The utterance vector is the plain mean of the frames of the last layer. There are
    ⌊(n − 400)/320⌋ + 1 frames of n samples.
    """

    name: ClassVar[str] = "emotion2vec"
    version: ClassVar[int] = 1
    frame_rate_hz: ClassVar[float] = 50.0
    shares_model: ClassVar[bool] = True
    settings_class: ClassVar[type[Emotion2vecSettings]] = Emotion2vecSettings

    def __init__(self, settings: Emotion2vecSettings | None = None) -> None:
        self._settings = settings or Emotion2vecSettings()

    @property
    def settings(self) -> Emotion2vecSettings:
        """The settings it was made with."""
        return self._settings

    @property
    def directory(self) -> Path:
        """Where the model lies, or would be downloaded to."""
        chosen = self._settings.directory
        return Path(chosen) if chosen else models_folder() / f"{self.name}_{self._settings.model}"

    @property
    def batch_seconds(self) -> float:
        """Seconds of audio embedded at once; 0 for clip by clip."""
        if self._settings.batch_seconds is not None:
            return self._settings.batch_seconds
        return _GPU_BATCH_SECONDS if choose_device(self._settings.device) == "cuda" else 0.0

    def _files(self) -> Any:
        settings = self._settings
        if settings.download and not (self.directory / "model.pt").is_file():
            download_model(settings.model, settings.hub, self.directory)
        return open_model_files(self.directory, settings.model)

    def num_dims(self, level: Level) -> int:
        """Return D, which is the same for frames and utterances: 768, or 1024 of plus_large."""
        return self._files().num_dims

    def embed(self, clip: Clip, *, level: Level) -> np.ndarray:
        """Embed one clip; see `Embedder.embed`."""
        return self.embed_batch([clip], level=level)[0]

    def embed_batch(self, clips: Sequence[Clip], *, level: Level) -> list[np.ndarray]:
        """Embed several clips; padding is masked, so that each gets what it gets alone.

        Parameters
        ----------
        clips : Sequence[Clip]
            Mono float32 samples at 16 kHz.
        level : {"utterance", "frame"}
            One vector per clip, or one for each 20 ms.

        Returns
        -------
        list[np.ndarray]
            Of each clip ``[T, D]``, float32; T is 1 at utterance level. Within 1e-4 of what a clip
            gives by itself.

        Raises
        ------
        InputError
            What was given is no clip, the level is unknown, or the model is not there.
        IntegrityError
            The model's files are damaged or incomplete.
        ConfigError
            FunASR is not installed, or there is no such device.
        """
        require_clips(clips, level)
        if not clips:
            return []
        files = self._files()
        device = choose_device(self._settings.device)
        network = load_network(files, device, self._settings.precision)
        waves = [network.normalise(clip.samples) for clip in clips]
        frames = run_windows(
            waves,
            network.frames_of,
            batch_seconds=self.batch_seconds,
            window_s=self._settings.window_s,
            overlap_s=self._settings.overlap_s,
        )
        if level == "frame":
            return frames
        return [each.mean(axis=0, keepdims=True) for each in frames]

    def head(self) -> Head | None:
        """Return the model's own classifier; None of ``base``, which has none."""
        return self._files().head()

    def card(self) -> dict[str, Any]:
        """Return what a reader must know, above all what the model was trained on."""
        files = self._files()
        return {
            "name": self.name,
            "version": self.version,
            "model": self._settings.model,
            "licence": "see the model card of the published weights",
            "source": "Ma et al., emotion2vec, arXiv:2312.15185; run through FunASR",
            "weights_sha256": files.weights_sha256,
            "trained_on": [dict(entry) for entry in TRAINED_ON[self._settings.model]],
            "layer": "last",
            "pooling": "mean over frames",
            "settings": {
                key: getattr(self._settings, key)
                for key in ("model", "precision", "window_s", "overlap_s")
            },
            "dims": {level: files.num_dims for level in ("utterance", "frame")},
            "frame_rate_hz": self.frame_rate_hz,
        }

    def fingerprint(self, level: Level) -> str:
        """Return 64 hexadecimal characters that change whenever the output may."""
        if level not in ("utterance", "frame"):
            raise InputError(f"level {level!r} is unknown; use 'utterance' or 'frame'")
        files = self._files()
        settings = self._settings
        return fingerprint(
            {
                "name": self.name,
                "version": self.version,
                "weights": files.weights_sha256,
                "config": files.config_sha256,
                "precision": settings.precision,
                "window_s": settings.window_s,
                "overlap_s": settings.overlap_s,
                "level": level,
            }
        )
