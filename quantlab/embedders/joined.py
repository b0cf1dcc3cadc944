"""Several embedding sets read as one: nothing is copied."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quantlab.config import fingerprint
from quantlab.embedders.sets import CARD, EmbeddingSet, open_set
from quantlab.errors import InputError

_SAME = ("level", "num_dims", "frame_rate_hz", "head")


def open_sets(folder: str | Path | Sequence[str | Path]) -> EmbeddingSet:
    """Open an embedding set, a folder of several, or several by name, as one set.

    Parameters
    ----------
    folder : str, Path or a sequence of them
        A set; or a folder whose sub-folders are sets (one per corpus); or a list of sets.

    Returns
    -------
    EmbeddingSet
        See `join_sets`.

    Raises
    ------
    InputError
        There is no whole set, or the sets do not go together.
    IntegrityError
        A file is damaged.
    """
    if not isinstance(folder, str | Path):
        return join_sets([open_set(one) for one in folder])
    parts = sorted(card.parent for card in Path(folder).glob(f"*/{CARD}"))
    if (Path(folder) / CARD).is_file() or not parts:
        return open_set(folder)
    return join_sets([open_set(part) for part in parts])


def join_sets(sets: Sequence[EmbeddingSet]) -> EmbeddingSet:
    """Put several sets of one embedder end to end, without copying a vector.

    Items that two sets name alike are called ``<corpus>/<item>``.

    Parameters
    ----------
    sets : Sequence[EmbeddingSet]
        At least one; same embedder and settings, level and width.

    Returns
    -------
    EmbeddingSet
        Its card names all corpora and licences; its fingerprint is that of the parts.

    Raises
    ------
    InputError
        No set, or sets that do not go together.
    """
    if not sets:
        raise InputError("no embedding set was given; name at least one")
    first = sets[0]
    if len(sets) == 1:
        return first
    for other in sets[1:]:
        _require_same(first, other)
    lengths = np.concatenate([np.diff(part.offsets) for part in sets])
    tables = pd.concat([part.items for part in sets], ignore_index=True)
    names = _names(tables)
    posteriors = None
    if first.head is not None:
        found = [part.posteriors for part in sets if part.posteriors is not None]
        posteriors = pd.concat(found, ignore_index=True).assign(item=names)
    return EmbeddingSet(
        tables.assign(item=names),
        _card(sets),
        tuple(shard for part in sets for shard in part.shards),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        first.head,
        posteriors,
    )


def _require_same(first: EmbeddingSet, other: EmbeddingSet) -> None:
    """Raise InputError when two sets do not come from one embedder used in one way."""
    for key in _SAME:
        mine, theirs = first.card.get(key), other.card.get(key)
        if mine != theirs:
            values = "" if key == "head" else f": {mine} and {theirs}"
            raise InputError(
                f"embedding sets differ in {key}{values}; embed all corpora in the same way"
            )
    mine, theirs = (part.card["embedder"] for part in (first, other))
    if mine != theirs:
        keys = [key for key in {*mine, *theirs} if mine.get(key) != theirs.get(key)]
        raise InputError(
            f"embedding sets come from different embedders ({mine.get('name')} and "
            f"{theirs.get('name')} differ in {', '.join(sorted(keys))}); embed all corpora alike"
        )


def _names(items: pd.DataFrame) -> list[str]:
    repeated = items["item"].duplicated(keep=False)
    whole = items["corpus"] + "/" + items["item"]
    names = whole.where(repeated, items["item"]).astype(str).tolist()
    if len(set(names)) < len(names):
        raise InputError("a clip stands in several sets under one corpus; leave one of them out")
    return names


def _card(sets: Sequence[EmbeddingSet]) -> dict[str, Any]:
    cards = [part.card for part in sets]

    def joined(key: str) -> str:
        return "; ".join(dict.fromkeys(str(card[key]) for card in cards if card.get(key)))

    def listed(key: str) -> list[str]:
        return sorted({name for card in cards for name in card.get(key, [])})

    return {
        **cards[0],
        "corpora": listed("corpora"),
        "languages": listed("languages"),
        "licence": joined("licence"),
        "source": joined("source"),
        "commands": [command for card in cards for command in card.get("commands", [])],
        "num_items": sum(card["num_items"] for card in cards),
        "num_frames": sum(card["num_frames"] for card in cards),
        "shards": {},
        "joined_from": [part.fingerprint for part in sets],
        "fingerprint": fingerprint({"joined": [part.fingerprint for part in sets]}),
    }
