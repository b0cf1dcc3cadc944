"""Embedding sets: frames of many items in memory-mapped shards, one table row per item.

Letters: ``N`` items, ``T`` frames of an item (1 for utterance embeddings), ``D`` dimensions. On
disk a set is ``shards/*.safetensors`` (frames, offsets), ``items.parquet`` and ``card.json``, the
last of which says that the set is whole.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from quantlab.config import fingerprint
from quantlab.errors import InputError, IntegrityError
from quantlab.store import (
    check_tensors,
    map_tensors,
    provenance,
    read_json,
    read_table,
    save_tensors,
    write_json,
    write_table,
)

FORMAT_VERSION = 1
ITEM_SCHEMA = {
    "item": "string",
    "corpus": "string",
    "language": "string",
    "speaker": "string",
    "gender": "string",
    "emotion": "string",
    "text_id": "string",
    "duration_s": "float64",
    "sha256": "string",
    "flags": "string",
    "num_frames": "int64",
}
_IDENTITY = ("item", "corpus", "language", "speaker", "emotion", "text_id")
_SHARD_BYTES = 64 << 20
_VERIFY_BELOW_BYTES = 256 << 20


@dataclass(frozen=True, eq=False)
class Frames:
    """Frames of some items, one after another.

    Attributes
    ----------
    values : np.ndarray [shape=(ΣT, D), dtype=float32]
        The vectors.
    offsets : np.ndarray [shape=(N + 1,), dtype=int64]
        Item n owns rows ``offsets[n]`` to ``offsets[n + 1]``.
    """

    values: np.ndarray
    offsets: np.ndarray

    @property
    def num_items(self) -> int:
        """Items, N."""
        return len(self.offsets) - 1


@dataclass(frozen=True, eq=False)
class EmbeddingSet:
    """An embedding set on disk, opened for reading.

    Attributes
    ----------
    items : pd.DataFrame
        One row per item: item (a unique name), corpus, language, speaker, gender, emotion,
        text_id, duration_s, sha256 (of the clip), flags, num_frames.
    card : Mapping[str, Any]
        Embedder, level, licence, settings, fingerprint.
    shards : tuple[np.ndarray, ...]
        Read-only maps ``[t, D]`` in half or single precision.
    offsets : np.ndarray [shape=(N + 1,), dtype=int64]
        Where each item starts in the shards put end to end.
    """

    items: pd.DataFrame
    card: Mapping[str, Any]
    shards: tuple[np.ndarray, ...]
    offsets: np.ndarray

    @property
    def num_items(self) -> int:
        """Items, N."""
        return len(self.items)

    @property
    def num_dims(self) -> int:
        """Dimensions of a vector, D."""
        return int(self.card["num_dims"])

    @property
    def level(self) -> str:
        """``"utterance"`` (one vector per item) or ``"frame"``."""
        return str(self.card["level"])

    @property
    def fingerprint(self) -> str:
        """Hash of the vectors and the items: 64 hexadecimal characters."""
        return str(self.card["fingerprint"])

    def frames(self, items: Sequence[int] | np.ndarray | None = None) -> Frames:
        """Read the frames of some items (all by default), in the order given, into memory."""
        rows = np.arange(self.num_items) if items is None else np.asarray(items, np.int64)
        lengths = np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        values = np.empty((int(offsets[-1]), self.num_dims), np.float32)
        starts = np.concatenate([[0], np.cumsum([len(shard) for shard in self.shards])])
        for place, row in enumerate(rows):
            begin, end = self.offsets[row], self.offsets[row + 1]
            shard = int(np.searchsorted(starts, begin, side="right")) - 1
            part = self.shards[shard][begin - starts[shard] : end - starts[shard]]
            values[offsets[place] : offsets[place + 1]] = part
        return Frames(values, offsets)

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Read single frames by their number in the whole set, float32 ``[len(rows), D]``."""
        wanted = np.asarray(rows, np.int64)
        values = np.empty((len(wanted), self.num_dims), np.float32)
        start = 0
        for shard in self.shards:
            inside = (wanted >= start) & (wanted < start + len(shard))
            values[inside] = shard[wanted[inside] - start]
            start += len(shard)
        return values

    def time_means(self, items: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """Return the mean over frames of some items (all by default), float32 ``[N, D]``."""
        rows = np.arange(self.num_items) if items is None else np.asarray(items, np.int64)
        blocks = [
            _block_means(self.frames(rows[start : start + 256]))
            for start in range(0, len(rows), 256)
        ]
        return np.concatenate(blocks) if blocks else np.empty((0, self.num_dims), np.float32)


def _block_means(frames: Frames) -> np.ndarray:
    sums = np.add.reduceat(frames.values, frames.offsets[:-1], axis=0, dtype=np.float64)
    return (sums / np.diff(frames.offsets)[:, None]).astype(np.float32)


def write_set(
    folder: str | Path,
    items: pd.DataFrame,
    frames: Iterable[np.ndarray],
    *,
    card: Mapping[str, Any],
    dtype: Literal["float16", "float32"] = "float16",
) -> None:
    """Write an embedding set, shard by shard, never whole in memory.

    Parameters
    ----------
    folder : str or Path
        Where to write; an older set there is replaced, its card first.
    items : pd.DataFrame
        One row per item with the columns of `ITEM_SCHEMA` but ``num_frames``.
    frames : Iterable[np.ndarray]
        One array ``[T, D]``, T ≥ 1, per row of `items`, in the same order.
    card : Mapping[str, Any]
        What the card says beside format, shape and checksums: embedder, level, licence, settings.
    dtype : {"float16", "float32"}
        Precision on disk.

    Raises
    ------
    InputError
        Numbers of items and arrays differ, shapes differ, or values are not finite.
    """
    place = Path(folder)
    (place / "card.json").unlink(missing_ok=True)
    writer = _ShardWriter(place / "shards", np.dtype(dtype))
    lengths = [writer.add(np.asarray(array)) for array in frames]
    if len(lengths) != len(items) or not lengths:
        raise InputError(f"{len(lengths)} embeddings for {len(items)} items; nothing was written")
    shards = writer.close()
    table = items.assign(num_frames=np.asarray(lengths, np.int64)).loc[:, list(ITEM_SCHEMA)]
    if table["item"].duplicated().any():
        raise InputError(f"item names repeat: {table['item'][table['item'].duplicated()].iloc[0]}")
    write_table(place / "items.parquet", table, schema=ITEM_SCHEMA)
    identity = fingerprint(
        {
            "format": FORMAT_VERSION,
            "shards": [entry["frames"]["sha256"] for entry in shards.values()],
            "labels": {name: table[name].astype(str).tolist() for name in _IDENTITY},
            "lengths": lengths,
        }
    )
    write_json(
        place / "card.json",
        {
            **card,
            "kind": "embedding set",
            "format": FORMAT_VERSION,
            "num_items": len(items),
            "num_frames": int(np.sum(lengths)),
            "num_dims": writer.num_dims,
            "shards": shards,
            "fingerprint": identity,
            "provenance": provenance(),
        },
    )


class _ShardWriter:
    """Gathers items into shards of about 64 MiB."""

    def __init__(self, folder: Path, dtype: np.dtype) -> None:
        self.num_dims = 0
        self._folder = folder
        self._dtype = dtype
        self._arrays: list[np.ndarray] = []
        self._bytes = 0
        self._cards: dict[str, Any] = {}

    def add(self, array: np.ndarray) -> int:
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
        if self._bytes >= _SHARD_BYTES:
            self._flush()
        return len(array)

    def _flush(self) -> None:
        name = f"{len(self._cards):05d}.safetensors"
        lengths = [len(array) for array in self._arrays]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        tensors = {"frames": np.concatenate(self._arrays), "offsets": offsets}
        self._cards[name] = save_tensors(self._folder / name, tensors)
        self._arrays, self._bytes = [], 0

    def close(self) -> dict[str, Any]:
        if self._arrays:
            self._flush()
        for stale in self._folder.glob("*.safetensors"):
            if stale.name not in self._cards:
                stale.unlink()
        return self._cards


def open_set(folder: str | Path, *, verify: bool | None = None) -> EmbeddingSet:
    """Open an embedding set.

    Parameters
    ----------
    folder : str or Path
        What `write_set` wrote.
    verify : bool, optional
        Whether to hash every shard; by default only sets under 256 MiB are hashed.

    Returns
    -------
    EmbeddingSet
        With its frames memory-mapped.

    Raises
    ------
    InputError
        There is no whole embedding set in `folder`.
    IntegrityError
        A file is damaged or does not match the card.
    """
    place = Path(folder)
    if not (place / "card.json").is_file():
        raise InputError(f"{place} holds no embedding set; run: quantlab embed MANIFEST -o RUN")
    card = read_json(place / "card.json")
    if not isinstance(card, dict) or card.get("format") != FORMAT_VERSION:
        raise IntegrityError(f"{place / 'card.json'} is of another format; embed the corpus again")
    try:
        shards, offsets = _open_shards(place, card, verify)
        items = read_table(place / "items.parquet")
        if list(items.columns) != list(ITEM_SCHEMA) or len(items) != len(offsets) - 1:
            raise IntegrityError(f"{place}: items.parquet does not fit the shards; embed again")
    except KeyError as error:
        raise IntegrityError(
            f"{place / 'card.json'} lacks {error}; embed the corpus again"
        ) from None
    return EmbeddingSet(items, card, shards, offsets)


def _open_shards(
    place: Path, card: Mapping[str, Any], verify: bool | None
) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    maps, offsets = [], [np.zeros(1, np.int64)]
    total = 2 * card["num_frames"] * card["num_dims"]
    for name, tensors_card in card["shards"].items():
        tensors = map_tensors(place / "shards" / name)
        if verify or (verify is None and total < _VERIFY_BELOW_BYTES):
            check_tensors(place / "shards" / name, tensors, tensors_card)
        if tensors["frames"].shape[1] != card["num_dims"]:
            raise IntegrityError(f"{place / 'shards' / name} has another width than its card says")
        offsets.append(tensors["offsets"][1:] + offsets[-1][-1])
        maps.append(tensors["frames"])
    return tuple(maps), np.concatenate(offsets)
