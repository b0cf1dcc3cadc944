"""Writing embedding sets: shard by shard, never whole in memory, and on from where it stopped.

Every shard is whole or absent. A journal beside the shards says which job they belong to; the same
job, begun again, keeps those that are there and goes on with the item behind them.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from quantlab.config import fingerprint
from quantlab.embedders.heads import Head
from quantlab.embedders.sets import (
    CARD,
    FORMAT_VERSION,
    HEAD,
    ITEM_SCHEMA,
    ITEMS,
    POSTERIORS,
    SHARDS,
)
from quantlab.errors import InputError, IntegrityError
from quantlab.store import (
    map_tensors,
    provenance,
    read_json,
    save_tensors,
    sweep_stale,
    write_json,
    write_table,
)

_SHARD_BYTES = 64 << 20
_JOURNAL = "unfinished.json"
_IDENTITY = ("item", "corpus", "language", "speaker", "emotion", "text_id")

FramesFrom = Callable[[int], Iterable[np.ndarray]]
"""Given the number of an item, the arrays ``[T, D]`` of it and of all items behind it."""


def write_set(
    folder: str | Path,
    items: pd.DataFrame,
    frames: Iterable[np.ndarray] | FramesFrom,
    *,
    card: Mapping[str, Any],
    dtype: Literal["float16", "float32"] = "float16",
    head: Head | None = None,
    posteriors: np.ndarray | None = None,
    job: str = "",
) -> None:
    """Write an embedding set, shard by shard, never whole in memory.

    Parameters
    ----------
    folder : str or Path
        Where to write; an older set there is replaced, its card first.
    items : pd.DataFrame
        One row per item with columns of `ITEM_SCHEMA`; at least ``item``, absent ones are left
        empty, and ``num_frames`` is counted.
    frames : Iterable[np.ndarray] or callable
        One array ``[T, D]``, T ≥ 1, per row of `items`, in the same order; or a function of the
        number of the first item that is wanted, with which an interrupted job can go on.
    card : Mapping[str, Any]
        What the card says beside format, shape and checksums: embedder, level, licence, settings.
    dtype : {"float16", "float32"}
        Precision on disk.
    head : Head, optional
        The embedder's own classifier.
    posteriors : np.ndarray [shape=(N, C)], optional
        Its class probabilities of every item; needed with `head`.
    job : str
        What names the content, a fingerprint of the items and the embedder: shards of the same
        unfinished job are kept. Empty begins anew.

    Raises
    ------
    InputError
        Numbers of items and arrays differ, shapes differ, item names repeat, or values are not
        finite.
    """
    place = Path(folder)
    table = _complete(items)
    (place / CARD).unlink(missing_ok=True)
    writer = _ShardWriter(place / SHARDS, np.dtype(dtype), job)
    done = writer.num_items
    for array in frames(done) if callable(frames) else frames:
        writer.add(np.asarray(array))
    if writer.num_items != len(items) or not writer.num_items:
        raise InputError(
            f"{writer.num_items} embeddings for {len(items)} items; nothing was written"
        )
    shards = writer.close()
    table["num_frames"] = np.asarray(writer.lengths, np.int64)
    write_table(place / ITEMS, table, schema=ITEM_SCHEMA)
    classes = _write_head(place, table["item"].tolist(), head, posteriors)
    identity = fingerprint(
        {
            "format": FORMAT_VERSION,
            "shards": [entry["frames"]["sha256"] for entry in shards.values()],
            "labels": {name: table[name].astype(str).tolist() for name in _IDENTITY},
            "lengths": writer.lengths,
            "head": classes,
        }
    )
    write_json(
        place / CARD,
        {
            **card,
            "kind": "embedding set",
            "format": FORMAT_VERSION,
            "num_items": len(items),
            "num_frames": int(np.sum(writer.lengths)),
            "num_dims": writer.num_dims,
            "dtype": dtype,
            "shards": shards,
            "head": classes,
            "fingerprint": identity,
            "provenance": provenance(),
        },
    )
    (place / SHARDS / _JOURNAL).unlink(missing_ok=True)


def _complete(items: pd.DataFrame) -> pd.DataFrame:
    """Return the items with every column of a set, in order."""
    repeated = items.loc[items["item"].duplicated(), "item"].tolist()
    if repeated:
        raise InputError(f"item names repeat: {repeated[0]}")
    empty = {"string": "", "float64": np.nan, "int64": 0}
    absent = {name: empty[kind] for name, kind in ITEM_SCHEMA.items() if name not in items}
    return items.assign(**absent).loc[:, list(ITEM_SCHEMA)]


def _write_head(
    place: Path, names: list[str], head: Head | None, posteriors: np.ndarray | None
) -> dict[str, Any] | None:
    """Write the classifier and its probabilities; return the card's entry, or remove old files."""
    if head is None:
        for name in (HEAD, POSTERIORS):
            (place / name).unlink(missing_ok=True)
        return None
    if posteriors is None or posteriors.shape != (len(names), len(head.classes)):
        shape = None if posteriors is None else posteriors.shape
        raise InputError(
            f"posteriors have shape {shape}, expected [{len(names)}, {len(head.classes)}]"
        )
    tensors = save_tensors(place / HEAD, {"weight": head.weight, "bias": head.bias})
    columns = {"item": names, **dict(zip(head.classes, posteriors.T, strict=True))}
    schema = {"item": "string", **dict.fromkeys(head.classes, "float64")}
    write_table(place / POSTERIORS, pd.DataFrame(columns), schema=schema)
    return {"classes": list(head.classes), "tensors": tensors}


class _ShardWriter:
    """Gathers items into shards of about 64 MiB, and knows those that an earlier run left."""

    def __init__(self, folder: Path, dtype: np.dtype, job: str) -> None:
        self.num_dims = 0
        self.lengths: list[int] = []
        self._folder = folder
        self._dtype = dtype
        self._job = job
        self._arrays: list[np.ndarray] = []
        self._bytes = 0
        self._cards: dict[str, Any] = {}
        if folder.is_dir():
            sweep_stale(folder)
        if job:
            self._resume()

    @property
    def num_items(self) -> int:
        return len(self.lengths)

    def _resume(self) -> None:
        """Take over the shards of the journal, as far as they are there."""
        try:
            journal = read_json(self._folder / _JOURNAL)
            if (journal["job"], journal["dtype"]) != (self._job, self._dtype.name):
                return
            for name, card in journal["shards"].items():
                tensors = map_tensors(self._folder / name)
                self.lengths.extend(np.diff(tensors["offsets"]).tolist())
                self.num_dims = tensors["frames"].shape[1]
                self._cards[name] = card
        except (InputError, IntegrityError, KeyError, TypeError):
            return

    def add(self, array: np.ndarray) -> None:
        if (
            array.ndim != 2
            or len(array) == 0
            or (self.num_dims or array.shape[1]) != array.shape[1]
        ):
            raise InputError(f"an embedding has shape {array.shape}, expected [T, {self.num_dims}]")
        self.num_dims = array.shape[1]
        if not np.isfinite(array).all() or np.abs(array).max() > np.finfo(self._dtype).max:
            raise InputError(f"an embedding holds values that {self._dtype} cannot hold")
        self._arrays.append(array.astype(self._dtype))
        self._bytes += self._arrays[-1].nbytes
        self.lengths.append(len(array))
        if self._bytes >= _SHARD_BYTES:
            self._flush()

    def _flush(self) -> None:
        name = f"{len(self._cards):05d}.safetensors"
        lengths = [len(array) for array in self._arrays]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        tensors = {"frames": np.concatenate(self._arrays), "offsets": offsets}
        self._cards[name] = save_tensors(self._folder / name, tensors)
        self._arrays, self._bytes = [], 0
        if self._job:
            journal = {"job": self._job, "dtype": self._dtype.name, "shards": self._cards}
            write_json(self._folder / _JOURNAL, journal)

    def close(self) -> dict[str, Any]:
        if self._arrays:
            self._flush()
        for stale in self._folder.glob("*.safetensors"):
            if stale.name not in self._cards:
                stale.unlink()
        return self._cards
