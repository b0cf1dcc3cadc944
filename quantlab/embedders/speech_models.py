"""HuBERT and WavLM through transformers: 50 Hz frames of a layer that is chosen by name.

Letters: ``T`` frames, ``D`` dimensions.

References
----------
Hsu et al., "HuBERT", IEEE/ACM TASLP 2021, arXiv:2106.07447; Chen et al., "WavLM", IEEE JSTSP 2022,
arXiv:2110.13900.
"""

import re
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pydantic

from quantlab.audio import Clip
from quantlab.compat import DeviceName, choose_device, heal_torchvision
from quantlab.config import Settings, fingerprint
from quantlab.embedders.learned import models_folder, require_clips, run_windows
from quantlab.embedders.protocol import Level
from quantlab.errors import ConfigError, InputError, IntegrityError
from quantlab.store import read_json, sha256_file

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_FILES = ("config.json", "preprocessor_config.json", *_WEIGHTS)
_UNUSED = {"masked_spec_embed"}  # stands for masked frames in training only
_SHOWN = 3
_LOADING = threading.Lock()


class SpeechModelSettings(Settings):
    """Settings of the hubert and wavlm embedders."""

    model: str = ""
    """Name on Hugging Face; by default the large model that was not fine-tuned."""

    directory: str = ""
    """Folder with config.json and the weights; by default under ``$QUANTLAB_MODELS``, or in
    ``models`` under the cache."""

    download: bool = False
    """Fetch the model when it is not there: the only case in which the network is used."""

    layer: str = pydantic.Field(default="last", pattern=r"^(last|layer_\d{1,3})$")
    """``last`` (the model's output, after its final normalisation), or ``layer_0`` (what enters the
    transformer) to ``layer_<number of layers>``."""

    device: DeviceName = "auto"
    """``auto`` takes the GPU where there is one."""

    window_s: float = pydantic.Field(default=30.0, ge=5.0, le=600.0)
    """Longer clips are embedded in overlapping windows of this many seconds."""

    overlap_s: float = pydantic.Field(default=2.0, ge=0.0, le=2.5)
    """What neighbouring windows share, in seconds; half of it is left out on either side."""


class _SpeechModel:
    """What HuBERT and WavLM have in common; clips are embedded one by one."""

    name: ClassVar[str]
    default_model: ClassVar[str]
    model_type: ClassVar[str]
    class_name: ClassVar[str]
    pretraining: ClassVar[str]
    source: ClassVar[str]
    version: ClassVar[int] = 1
    frame_rate_hz: ClassVar[float] = 50.0
    shares_model: ClassVar[bool] = True
    settings_class: ClassVar[type[SpeechModelSettings]] = SpeechModelSettings

    def __init__(self, settings: SpeechModelSettings | None = None) -> None:
        self._settings = settings or SpeechModelSettings()

    @property
    def settings(self) -> SpeechModelSettings:
        """The settings it was made with."""
        return self._settings

    @property
    def model(self) -> str:
        """Name of the model on Hugging Face."""
        return self._settings.model or self.default_model

    @property
    def directory(self) -> Path:
        """Where the model lies, or would be downloaded to."""
        chosen = self._settings.directory
        return Path(chosen) if chosen else models_folder() / self.model.rpartition("/")[2]

    @property
    def batch_seconds(self) -> float:
        """It works clip by clip: padding would change what group-normalised models see."""
        return 0.0

    def num_dims(self, level: Level) -> int:
        """Return D, the width of the transformer, for frames and utterances alike."""
        return int(self._config()["hidden_size"])

    def _config(self) -> dict[str, Any]:
        """Return config.json after checking that this is such a model and has the layer."""
        place = self.directory
        if self._settings.download and not (place / "config.json").is_file():
            _download(self.model, place)
        if not (place / "config.json").is_file() or self._weights() is None:
            raise InputError(
                f"no {self.name} in {place} (config.json and {' or '.join(_WEIGHTS)} are needed); "
                "give its folder with --model, set QUANTLAB_MODELS, or allow the download with "
                "--download"
            )
        config = read_json(place / "config.json")
        if not isinstance(config, dict) or config.get("model_type") != self.model_type:
            raise IntegrityError(
                f"{place / 'config.json'} is not of a {self.model_type} model; give another folder"
            )
        last = int(config["num_hidden_layers"])
        chosen = self._settings.layer
        if chosen != "last" and int(chosen.removeprefix("layer_")) > last:
            raise ConfigError(
                f"layer {self._settings.layer!r} is beyond the {last} layers of {place}; "
                f"use last, or layer_0 to layer_{last}"
            )
        return config

    def _weights(self) -> Path | None:
        return next((path for name in _WEIGHTS if (path := self.directory / name).is_file()), None)

    def _weights_sha256(self) -> str:
        self._config()
        path = self._weights()
        status = path.stat() if path else None
        return _sha256(path, (status.st_size, status.st_mtime_ns)) if path and status else ""

    def embed(self, clip: Clip, *, level: Level) -> np.ndarray:
        """Embed one clip; see `Embedder.embed`.

        Raises
        ------
        InputError
            No clip, an unknown level, or the model is not there.
        IntegrityError
            The model's files are damaged or incomplete.
        ConfigError
            transformers is not installed, or there is no such layer or device.
        """
        return self.embed_batch([clip], level=level)[0]

    def embed_batch(self, clips: Sequence[Clip], *, level: Level) -> list[np.ndarray]:
        """Embed clips one by one; errors as those of `embed`."""
        require_clips(clips, level)
        if not clips:
            return []
        config = self._config()
        device = choose_device(self._settings.device)
        weights = self._weights_sha256()
        with _LOADING:  # threads that start together load it once
            network = _load(self.class_name, self.directory, weights, device)
        chosen = self._settings.layer
        layer = None if chosen == "last" else int(chosen.removeprefix("layer_"))
        normalised = _normalises(self.directory, config)
        frames = run_windows(
            [_normalise(clip.samples) if normalised else clip.samples for clip in clips],
            lambda waves: [_frames(network, wave, layer, device) for wave in waves],
            batch_seconds=0.0,
            window_s=self._settings.window_s,
            overlap_s=self._settings.overlap_s,
        )
        if level == "frame":
            return frames
        return [each.mean(axis=0, keepdims=True) for each in frames]

    def head(self) -> None:
        """There is no classifier."""
        return None

    def card(self) -> dict[str, Any]:
        """Return what a reader must know: model, layer, what it was trained on."""
        dims = self.num_dims("frame")
        return {
            "name": self.name,
            "version": self.version,
            "model": self.model,
            "licence": "see the model card of the published weights",
            "source": self.source,
            "weights_sha256": self._weights_sha256(),
            "trained_on": [],
            "pretraining": self.pretraining,
            "layer": self._settings.layer,
            "pooling": "mean over frames",
            "settings": {
                key: getattr(self._settings, key) for key in ("layer", "window_s", "overlap_s")
            },
            "dims": {level: dims for level in ("utterance", "frame")},
            "frame_rate_hz": self.frame_rate_hz,
        }

    def fingerprint(self, level: Level) -> str:
        """Return 64 hexadecimal characters that change whenever the output may."""
        require_clips([], level)
        settings = self._settings
        return fingerprint(
            {
                "name": self.name,
                "version": self.version,
                "weights": self._weights_sha256(),
                "config": self._config(),
                "layer": settings.layer,
                "window_s": settings.window_s,
                "overlap_s": settings.overlap_s,
                "level": level,
            }
        )


class Hubert(_SpeechModel):
    """Embed clips with a HuBERT model."""

    name = "hubert"
    default_model = "facebook/hubert-large-ll60k"
    model_type = "hubert"
    class_name = "HubertModel"
    pretraining = "speech without labels: Libri-Light, 60 000 h of audiobooks"
    source = "Hsu et al., HuBERT, arXiv:2106.07447; run through transformers"


class WavLM(_SpeechModel):
    """Embed clips with a WavLM model."""

    name = "wavlm"
    default_model = "microsoft/wavlm-large"
    model_type = "wavlm"
    class_name = "WavLMModel"
    pretraining = "speech without labels: Libri-Light, GigaSpeech and VoxPopuli, 94 000 h"
    source = "Chen et al., WavLM, arXiv:2110.13900; run through transformers"


@lru_cache(maxsize=8)
def _sha256(path: Path, _state: tuple[int, int]) -> str:
    return sha256_file(path)


@lru_cache(maxsize=2)
def _load(class_name: str, folder: Path, _weights: str, device: str) -> Any:
    """Load a network from local files only; whatever is missing or misshapen is refused."""
    import torch

    transformers = _transformers()
    kind = getattr(transformers, class_name)
    try:
        with torch.random.fork_rng(devices=[]):
            model, report = kind.from_pretrained(
                str(folder),
                local_files_only=True,
                output_loading_info=True,
                dtype=torch.float32,
            )
    except Exception as error:  # a damaged file can make the reader fail in any way
        text = re.sub(r"\s+", " ", str(error))[:300]
        raise IntegrityError(f"the weights in {folder} cannot be read: {text}") from error
    missing = sorted(set(report["missing_keys"]) - _UNUSED)
    misshapen = sorted(str(entry) for entry in report["mismatched_keys"])
    if missing or misshapen:
        raise IntegrityError(
            f"the weights in {folder} do not fit their configuration: missing "
            f"{missing[:_SHOWN]} ({len(missing)}), of other shape {misshapen[:_SHOWN]}; with them "
            "left at random the vectors would mean nothing; fetch the model anew"
        )
    for name, value in model.state_dict().items():
        if not torch.isfinite(value).all():
            raise IntegrityError(f"{folder}: {name} holds NaN or infinite weights; fetch it anew")
    return model.eval().to(device)


def _transformers() -> Any:
    heal_torchvision()
    try:
        import transformers
    except ImportError as error:
        raise ConfigError(
            f"HuBERT and WavLM need transformers, which cannot be imported here ({error}); "
            "install it with: pip install 'quantlab[speech-models]'"
        ) from error
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    return transformers


def _normalises(folder: Path, config: dict[str, Any]) -> bool:
    """Whether waves are brought to zero mean and unit variance, as the model was trained."""
    path = folder / "preprocessor_config.json"
    if path.is_file():
        return bool(read_json(path).get("do_normalize", True))
    return config.get("feat_extract_norm") == "layer"


def _normalise(samples: np.ndarray) -> np.ndarray:
    wave = samples.astype(np.float32)
    return (wave - wave.mean()) / np.sqrt(wave.var() + 1e-7)


def _frames(network: Any, wave: np.ndarray, layer: int | None, device: str) -> np.ndarray:
    """Return the frames ``[T, D]`` of one wave ``[n]`` after a layer; None takes the output."""
    import torch

    source = torch.from_numpy(np.array(wave, np.float32))[None].to(device)
    with torch.inference_mode():
        given = network(source, output_hidden_states=layer is not None)
    found = given.last_hidden_state if layer is None else given.hidden_states[layer]
    return found[0].float().cpu().numpy()


def _download(model: str, folder: Path) -> None:
    try:
        from huggingface_hub import snapshot_download

        snapshot_download(model, local_dir=str(folder), allow_patterns=list(_FILES))
    except ImportError as error:
        raise ConfigError(
            f"downloading needs transformers' hub library ({error}); "
            "install it with: pip install 'quantlab[speech-models]'"
        ) from error
    except Exception as error:  # the hub raises whatever its transport does
        raise InputError(
            f"{model} could not be fetched: {error}; check the name and the network, or put the "
            f"files into {folder} by hand"
        ) from error
