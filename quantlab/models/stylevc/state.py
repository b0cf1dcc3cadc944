"""The state of an unfinished training on disk: everything that the next step depends on.

Tensors stand in ``<step>.safetensors``; ``state.json`` names that file, checks it, and says which
training it belongs to. It is replaced last, so that there is always one whole state: the old one
until the new one is complete. Random numbers need no state, because every step draws from a
generator of its own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quantlab.errors import ConfigError, IntegrityError
from quantlab.store import (
    load_tensors,
    read_json,
    resolve_under,
    save_tensors,
    sweep_stale,
    write_json,
)

FORMAT_VERSION = 1
JOURNAL = "state.json"

_SHOWN_DIFFERENCES = 6
_BEGIN_ANEW = "delete the folder to begin anew"


@dataclass(frozen=True, eq=False)
class State:
    """What was stored.

    Attributes
    ----------
    tensors : Mapping[str, np.ndarray]
        Weights, buffers and moments of the optimisers by name.
    progress : Mapping[str, Any]
        Plain numbers: the step, the best validation loss.
    """

    tensors: Mapping[str, np.ndarray]
    progress: Mapping[str, Any]


def save_state(folder: str | Path, state: State, *, identity: Mapping[str, Any]) -> None:
    """Store a state in place of the one before.

    Parameters
    ----------
    folder : str or Path
        Where states of this training go.
    state : State
        `progress` has the key ``step``.
    identity : Mapping[str, Any]
        What names the training; `load_state` compares it.

    Raises
    ------
    QuantlabError
        The disk is full or cannot be written. The state before is untouched.
    InputError
        A tensor holds NaN or infinity. The state before is untouched.
    """
    place = Path(folder)
    name = f"{int(state.progress['step']):08d}.safetensors"
    cards = save_tensors(place / name, state.tensors)
    write_json(
        place / JOURNAL,
        {
            "kind": "StyleVC training state",
            "format": FORMAT_VERSION,
            "file": name,
            "tensors": cards,
            "progress": dict(state.progress),
            "identity": dict(identity),
        },
    )
    for old in place.glob("*.safetensors"):
        if old.name != name:
            old.unlink()
    sweep_stale(place)


def load_state(folder: str | Path, *, identity: Mapping[str, Any]) -> State | None:
    """Read the state of a training; None where there is none.

    Raises
    ------
    ConfigError
        The state is of another training; the message names what differs.
    IntegrityError
        The state is damaged.
    """
    place = Path(folder)
    if not (place / JOURNAL).is_file():
        return None
    journal = read_json(place / JOURNAL)
    if not isinstance(journal, dict) or journal.get("format") != FORMAT_VERSION:
        raise IntegrityError(
            f"{place / JOURNAL} is of another format; delete {place} to begin anew"
        )
    try:
        found, file, tensors = journal["identity"], journal["file"], journal["tensors"]
        progress = dict(journal["progress"])
    except KeyError as error:
        raise IntegrityError(
            f"{place / JOURNAL} lacks {error}; delete {place} to begin anew"
        ) from None
    differing = list(_differences(found, dict(identity)))
    if differing:
        more = len(differing) - _SHOWN_DIFFERENCES
        rest = f"; and {more} more" if more > 0 else ""
        raise ConfigError(
            f"{place} holds the state of another training: "
            f"{'; '.join(differing[:_SHOWN_DIFFERENCES])}{rest}. Choose another output folder, or "
            "delete this one to begin anew"
        )
    return State(load_tensors(resolve_under(place, file), tensors), progress)


def _differences(found: Any, wanted: Any, path: str = "") -> Iterator[str]:
    """Yield one sentence for every value that differs between two plain structures."""
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        for key in sorted(found.keys() | wanted.keys()):
            inner = f"{path}.{key}" if path else str(key)
            yield from _differences(found.get(key), wanted.get(key), inner)
    elif _plain(found) != _plain(wanted):
        yield f"{path} was {_short(found)}, now {_short(wanted)}"


def _plain(value: Any) -> Any:
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


def _short(value: Any) -> str:
    text = repr(_plain(value))
    return text if len(text) <= 40 else f"{text[:37]}..."
