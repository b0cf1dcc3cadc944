"""A trained StyleVC on disk: ``weights.safetensors`` and, written last, ``card.json``.

The card says what the network looks like and what it was trained on; loading compares every
tensor's name, shape, type and checksum with it. Optimisers and the estimators of information are
not part of it: those are needed to go on training only.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from quantlab.errors import ConfigError, InputError, IntegrityError
from quantlab.models.stylevc.network import StyleVC, make_network
from quantlab.models.stylevc.settings import PRESETS, NetworkSettings
from quantlab.store import load_tensors, provenance, read_json, save_tensors, write_json

KIND = "stylevc"
FORMAT_VERSION = 1

_WEIGHTS, _CARD = "weights.safetensors", "card.json"
_CUSTOM = "custom"
_NO_WIDTHS = ("emotion_dims", "reshape_replica", "code_decay")
_OF_WEIGHTS = {
    *("kind", "format", "preset", "network", "half", "tensors"),
    *("mel_statistics", "emotions", "speakers"),
}


@dataclass(frozen=True, eq=False)
class Loaded:
    """A trained model and what its card says.

    Attributes
    ----------
    model : StyleVC
        On the CPU, single precision, in evaluation mode.
    card : dict[str, Any]
        The card.
    """

    model: StyleVC
    card: dict[str, Any]

    @property
    def mel_statistics(self) -> np.ndarray:
        """Mean and standard deviation of each mel band in training, float32 ``[2, num_mels]``."""
        return np.asarray(self.card["mel_statistics"], np.float32)

    @property
    def emotions(self) -> tuple[str, ...]:
        """Emotions of the training data, in the order of their indices."""
        return tuple(self.card["emotions"])

    @property
    def speakers(self) -> tuple[str, ...]:
        """Speakers of the training data, in the order of their indices."""
        return tuple(self.card["speakers"])


def preset_name(settings: NetworkSettings) -> str:
    """Return the preset with these widths, or ``custom``; what is no width makes no difference."""
    for name, preset in PRESETS.items():
        inputs = {key: getattr(preset, key) for key in _NO_WIDTHS}
        if settings.model_copy(update=inputs) == preset:
            return name
    return _CUSTOM


def save_model(
    folder: str | Path, model: StyleVC, *, card: Mapping[str, Any], half: bool = True
) -> None:
    """Write a model.

    Parameters
    ----------
    folder : str or Path
        Where to; made if needed.
    model : StyleVC
        The model; only its networks are kept.
    card : Mapping[str, Any]
        ``mel_statistics`` ``[2, num_mels]``, ``emotions``, ``speakers``, and whatever a reader must
        know, plain enough for JSON.
    half : bool
        Whether matrices are kept in half precision; codes, biases and statistics never are.

    Raises
    ------
    InputError
        The card lacks something, or a weight is not finite or too large for half precision.
        Nothing that was there before is changed.
    """
    _check_card(card, model.settings)
    written = {
        **card,
        "kind": KIND,
        "format": FORMAT_VERSION,
        "preset": preset_name(model.settings),
        "network": model.settings.model_dump(mode="json"),
        "half": half,
        "provenance": provenance(),
    }
    _refuse_odd(written)
    matrices = {name for name, weight in model.named_parameters() if weight.ndim > 1}
    arrays = {}
    for name, tensor in model.state_dict().items():
        array = tensor.detach().cpu().numpy()
        arrays[name] = _halved(name, array) if half and name in matrices else array
    written["tensors"] = save_tensors(Path(folder) / _WEIGHTS, arrays)
    write_json(Path(folder) / _CARD, written)


def update_card(folder: str | Path, **entries: Any) -> None:
    """Add to the card of a model that `save_model` wrote, ``metrics`` for instance.

    Parameters
    ----------
    folder : str or Path
        Where the model is.
    **entries : Any
        Keys and what they hold, plain enough for JSON; what was there under these keys is replaced.

    Raises
    ------
    InputError
        The folder holds no StyleVC model, an entry is not plain, or is one of those that describe
        the weights. The card stays as it was.
    IntegrityError
        The card is damaged.
    """
    path = Path(folder) / _CARD
    card = _read_card(path)
    if fixed := sorted(set(entries) & _OF_WEIGHTS):
        raise InputError(
            f"{', '.join(fixed)} of {path} belong to the weights; save the model anew to change "
            "them"
        )
    _refuse_odd(entries)
    write_json(path, {**card, **entries})


def _refuse_odd(card: Mapping[str, Any]) -> None:
    try:
        json.dumps(card, allow_nan=False, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise InputError(f"the card is not plain JSON ({error}); use lists and text") from error


def _halved(name: str, array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        halved = array.astype(np.float16)
    if np.isinf(halved).any() and np.isfinite(array).all():
        raise InputError(
            f"tensor '{name}' reaches {np.abs(array).max():.3g}, more than half precision holds; "
            "save with half=False"
        )
    return halved


def load_model(folder: str | Path, *, preset: str | None = None) -> Loaded:
    """Read a model that `save_model` wrote.

    Parameters
    ----------
    folder : str or Path
        Where it is.
    preset : str, optional
        The preset that is expected; any by default.

    Returns
    -------
    Loaded
        Model and card.

    Raises
    ------
    ConfigError
        The model is of another preset than the one asked for.
    InputError
        The folder holds no StyleVC model.
    IntegrityError
        A file is damaged, does not match its card, or has an unknown format version.
    """
    place = Path(folder)
    card = _read_card(place / _CARD)
    if preset is not None and card.get("preset") != preset:
        raise ConfigError(
            f"{place} holds a StyleVC of preset {card.get('preset')!r}, asked for was {preset!r}; "
            "choose its preset or another folder"
        )
    try:
        settings = NetworkSettings.parse(card["network"], where=f"{place / _CARD}: network")
        _check_card(card, settings)
        expected, half = dict(card["tensors"]), bool(card["half"])
    except (ConfigError, InputError, KeyError, TypeError, ValueError) as error:
        raise IntegrityError(f"{place} is not a whole StyleVC: {error}") from error
    model = make_network(settings, seed=0)
    state = _checked_state(place, model, load_tensors(place / _WEIGHTS, expected), half=half)
    model.load_state_dict(state)
    return Loaded(model=model.eval(), card=card)


def _read_card(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(
            f"{path.parent} holds no StyleVC (no card.json); run: quantlab fit-stylevc EXPERIMENT"
        )
    card = read_json(path)
    if not isinstance(card, dict) or card.get("kind") != KIND:
        raise InputError(f"{path} is not the card of a StyleVC; choose another folder")
    if card.get("format") != FORMAT_VERSION:
        raise IntegrityError(
            f"{path} has format {card.get('format')}, this version reads {FORMAT_VERSION}; "
            "train the model again"
        )
    return card


def _check_card(card: Mapping[str, Any], settings: NetworkSettings) -> None:
    try:
        statistics = np.asarray(card.get("mel_statistics", ()), np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"the card's mel_statistics are not numbers: {error}") from error
    if statistics.shape != (2, settings.num_mels) or not np.isfinite(statistics).all():
        raise InputError(
            f"the card's mel_statistics are finite [2, {settings.num_mels}], mean and deviation, "
            f"given shape {statistics.shape}"
        )
    if statistics[1].min() <= 0:
        raise InputError("the card's mel_statistics hold a standard deviation that is not above 0")
    for key in ("emotions", "speakers"):
        names = card.get(key, ())
        texts = isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)
        if not texts or not len(set(names)) == len(names) > 0:
            raise InputError(f"the card's {key} are a list of different names, given {names!r}")


def _checked_state(
    place: Path, model: StyleVC, arrays: Mapping[str, np.ndarray], *, half: bool
) -> dict[str, torch.Tensor]:
    """Return the arrays as the model's state; IntegrityError naming what does not fit it."""
    own = model.state_dict()
    missing, extra = sorted(set(own) - set(arrays)), sorted(set(arrays) - set(own))
    if missing or extra:
        raise IntegrityError(
            f"{place}: the network that the card describes lacks {missing} and has no {extra}"
        )
    matrices = {name for name, weight in model.named_parameters() if weight.ndim > 1}
    state = {}
    for name, tensor in own.items():
        array = arrays[name]
        kind = "float16" if half and name in matrices else str(tensor.dtype).removeprefix("torch.")
        if array.shape != tuple(tensor.shape) or str(array.dtype) != kind:
            raise IntegrityError(
                f"{place}: tensor '{name}' is {array.dtype} {array.shape}, the network that the "
                f"card describes has {kind} {tuple(tensor.shape)}"
            )
        state[name] = torch.from_numpy(array).to(tensor.dtype)
    return state
