"""The files of an emotion2vec model: configuration, weights, labels; and what it was trained on."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from quantlab.corpora import canonical_emotion
from quantlab.embedders.heads import Head
from quantlab.errors import ConfigError, InputError, IntegrityError
from quantlab.store import load_torch_weights, read_bytes, read_yaml, sha256_file

Variant = Literal["base", "base_finetuned", "plus_seed", "plus_base", "plus_large"]

# FunASR evaluates this text as Python, so nothing but short lists of whole numbers may stand in it.
_LAYERS = re.compile(r"(?=.*\d)[\d\[\](),+*\s]{1,300}")
_LONG = re.compile(r"\*\*|\d{5}|\*\s*\d{3}|(?:\*.*){6}")
_FILES = ("config.yaml", "configuration.json", "model.pt", "tokens.txt")
_HUB_IDS = {"hf": "emotion2vec/emotion2vec_{}", "ms": "iic/emotion2vec_{}"}

_UNLABELLED = ("iemocap", "meld", "mead", "cmu-mosei", "msp-podcast")
_LABELLED = (
    "crema-d", "emodb", "esd", "iemocap", "mead", "meld", "msp-podcast", "ravdess", "savee", "tess",
)  # fmt: skip
TRAINED_ON: Mapping[Variant, tuple[Mapping[str, Any], ...]] = {
    variant: tuple({"corpus": name, "labels": False} for name in _UNLABELLED)
    + (
        tuple({"corpus": name, "labels": True} for name in _LABELLED)
        if variant.startswith("plus")
        else ({"corpus": "iemocap", "labels": True},)
        if variant == "base_finetuned"
        else ()
    )
    for variant in ("base", "base_finetuned", "plus_seed", "plus_base", "plus_large")
}
"""Corpora that a variant has seen, as our readers call them: in pre-training without labels
(arXiv:2312.15185, table 1), and for the plus models with labels, the corpora of the EmoBox
collection. Others may be among them: the plus models' sets were never published in full."""


@dataclass(frozen=True, eq=False)
class ModelFiles:
    """A model's folder, its configuration checked.

    Attributes
    ----------
    folder : Path
        Where it lies.
    network : dict[str, Any]
        ``model_conf`` of config.yaml.
    labels : tuple[str, ...]
        The label of each output of the classifier; empty without one.
    weights_sha256, config_sha256 : str
        Hashes of model.pt and config.yaml.
    """

    folder: Path
    network: dict[str, Any]
    labels: tuple[str, ...]
    weights_sha256: str
    config_sha256: str

    @property
    def num_dims(self) -> int:
        """Dimensions D of a frame."""
        return int(self.network["embed_dim"])

    def weights(self) -> dict[str, Any]:
        """Return the tensors of model.pt by their names in the network.

        Raises
        ------
        IntegrityError
            The file holds no named tensors.
        """
        content = load_torch_weights(self.folder / "model.pt")
        tensors = content.get("model", content) if isinstance(content, dict) else None
        if not isinstance(tensors, dict) or not tensors:
            raise IntegrityError(
                f"{self.folder / 'model.pt'} holds no named weights; fetch the model anew"
            )
        # The plus models keep the network under one more name.
        return {name.removeprefix("d2v_model."): value for name, value in tensors.items()}

    def head(self) -> Head | None:
        """Return the classifier, its classes named by their labels, whatever their order."""
        if not self.labels:
            return None
        tensors = self.weights()
        try:
            weight, bias = (tensors[f"proj.{part}"].numpy() for part in ("weight", "bias"))
        except KeyError as error:
            raise IntegrityError(
                f"{self.folder / 'model.pt'} lacks {error}, but tokens.txt names "
                f"{len(self.labels)} classes; fetch the model anew"
            ) from None
        if len(weight) != len(self.labels):
            raise IntegrityError(
                f"{self.folder}: tokens.txt names {len(self.labels)} classes, the classifier has "
                f"{len(weight)}; fetch the model anew"
            )
        used = [row for row, label in enumerate(self.labels) if not label.startswith("unuse")]
        classes = tuple(_class_of(self.labels[row], self.folder) for row in used)
        return Head(classes, weight[used], bias[used])


def open_model_files(folder: Path, variant: str) -> ModelFiles:
    """Read a model's configuration; its weights are hashed once as long as they do not change.

    Raises
    ------
    InputError
        The folder or a file is not there.
    IntegrityError
        The configuration is not that of emotion2vec.
    """
    missing = [name for name in ("config.yaml", "model.pt") if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"no emotion2vec {variant} in {folder} ({' and '.join(missing)} missing); give its "
            "folder with --model, set QUANTLAB_MODELS, or allow the download with --download"
        )
    there = [folder / name for name in _FILES if (folder / name).is_file()]
    status = [path.stat() for path in there]
    return _open(folder, tuple((one.st_size, one.st_mtime_ns) for one in status))


@lru_cache(maxsize=4)
def _open(folder: Path, _state: tuple[tuple[int, int], ...]) -> ModelFiles:
    config = folder / "config.yaml"
    values = read_yaml(config)
    network: dict[str, Any] = values.get("model_conf") or {}
    try:
        layers = str(network["modalities"]["audio"]["feature_encoder_spec"])
        int(network["embed_dim"])
    except (KeyError, TypeError, ValueError) as error:
        raise IntegrityError(
            f"{config} is not the configuration of an emotion2vec model ({error})"
        ) from None
    if not _LAYERS.fullmatch(layers) or _LONG.search(layers):
        raise IntegrityError(
            f"{config}: feature_encoder_spec {layers[:80]!r} must be lists of numbers only"
        )
    labels = _labels(folder) if values.get("tokenizer") else ()
    return ModelFiles(
        folder, network, labels, sha256_file(folder / "model.pt"), sha256_file(config)
    )


def _labels(folder: Path) -> tuple[str, ...]:
    path = folder / "tokens.txt"
    if not path.is_file():
        raise IntegrityError(f"{path} is missing: the classifier's labels; fetch the model anew")
    text = read_bytes(path).decode("utf-8", "replace")
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _class_of(label: str, folder: Path) -> str:
    """Return the canonical emotion of a label such as ``生气/angry``, by its words."""
    if label == "<unk>":
        return "unknown"
    try:
        return canonical_emotion(label.rpartition("/")[2])
    except InputError as error:
        raise IntegrityError(f"{folder / 'tokens.txt'}: {error}") from None


def download_model(variant: str, hub: str, folder: Path) -> None:
    """Fetch a published model into `folder`; nothing of it is run.

    Raises
    ------
    ConfigError
        The hub's library is not installed.
    InputError
        The hub cannot be reached or has no such model.
    """
    name = _HUB_IDS[hub].format(variant)
    try:
        if hub == "hf":
            from huggingface_hub import snapshot_download

            snapshot_download(name, local_dir=str(folder), allow_patterns=list(_FILES))
        else:
            from modelscope import snapshot_download

            snapshot_download(
                name, revision="master", local_dir=str(folder), allow_patterns=list(_FILES)
            )
    except ImportError as error:
        raise ConfigError(
            f"downloading needs FunASR's hub libraries ({error}); "
            "install them with: pip install 'quantlab[emotion2vec]'"
        ) from error
    except Exception as error:  # the hubs raise whatever their transport does
        raise InputError(
            f"{name} could not be fetched from {hub}: {error}; check the network, try the other "
            f"hub, or put the files into {folder} by hand"
        ) from error
