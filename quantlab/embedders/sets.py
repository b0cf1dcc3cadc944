"""Embedding sets: frames of many items in memory-mapped shards, one table row per item.

Letters: ``N`` items, ``T`` frames of an item (1 for utterance embeddings), ``D`` dimensions. On
disk a set is ``shards/*.safetensors`` (frames, offsets), ``items.parquet`` and ``card.json``, the
last of which says that the set is whole; where the embedder has a classifier of its own, also
``head.safetensors`` and ``posteriors.parquet``. `writer` writes them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quantlab.embedders.heads import Head
from quantlab.errors import InputError, IntegrityError
from quantlab.store import check_tensors, load_tensors, map_tensors, read_json, read_table

FORMAT_VERSION = 2
ITEM_SCHEMA = {
    "item": "string",
    "corpus": "string",
    "language": "string",
    "speaker": "string",
    "gender": "string",
    "emotion": "string",
    "emotion_raw": "string",
    "text_id": "string",
    "votes": "string",
    "split": "string",
    "session": "string",
    "duration_s": "float64",
    "sha256": "string",
    "flags": "string",
    "num_frames": "int64",
}
CARD, ITEMS, SHARDS = "card.json", "items.parquet", "shards"
HEAD, POSTERIORS = "head.safetensors", "posteriors.parquet"

_VERIFY_BELOW_BYTES = 256 << 20
_BLOCK_FRAMES = 16_384


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
        emotion_raw (the corpus's own label), text_id, votes, split, session, duration_s, sha256 (of
        the clip), flags, num_frames.
    card : Mapping[str, Any]
        Embedder, level, licence, settings, fingerprint.
    shards : tuple[np.ndarray, ...]
        Read-only maps ``[t, D]`` in half or single precision.
    offsets : np.ndarray [shape=(N + 1,), dtype=int64]
        Where each item starts in the shards put end to end.
    head : Head or None
        The embedder's own classifier, where it has one.
    posteriors : pd.DataFrame or None
        Its class probabilities of every item: item, and one column per class.
    """

    items: pd.DataFrame
    card: Mapping[str, Any]
    shards: tuple[np.ndarray, ...]
    offsets: np.ndarray
    head: Head | None = None
    posteriors: pd.DataFrame | None = None

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
        means = np.empty((len(rows), self.num_dims), np.float32)
        before = np.concatenate([[0], np.cumsum(np.diff(self.offsets)[rows])])
        start = 0
        while start < len(rows):
            full = np.searchsorted(before, before[start] + _BLOCK_FRAMES, side="right") - 1
            end = max(int(full), start + 1)
            means[start:end] = _block_means(self.frames(rows[start:end]))
            start = end
        return means


def _block_means(frames: Frames) -> np.ndarray:
    sums = np.add.reduceat(frames.values, frames.offsets[:-1], axis=0, dtype=np.float64)
    return (sums / np.diff(frames.offsets)[:, None]).astype(np.float32)


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
    if not (place / CARD).is_file():
        raise InputError(f"{place} holds no embedding set; run: quantlab embed MANIFEST -o RUN")
    card = read_json(place / CARD)
    if not isinstance(card, dict) or card.get("format") != FORMAT_VERSION:
        raise IntegrityError(f"{place / CARD} is of another format; embed the corpus again")
    try:
        shards, offsets = _open_shards(place, card, verify)
        items = read_table(place / ITEMS)
        if list(items.columns) != list(ITEM_SCHEMA) or len(items) != len(offsets) - 1:
            raise IntegrityError(f"{place}: {ITEMS} does not fit the shards; embed again")
        head, posteriors = _open_head(place, card, len(items))
    except KeyError as error:
        raise IntegrityError(f"{place / CARD} lacks {error}; embed the corpus again") from None
    return EmbeddingSet(items, card, shards, offsets, head, posteriors)


def _open_head(
    place: Path, card: Mapping[str, Any], num_items: int
) -> tuple[Head | None, pd.DataFrame | None]:
    if not card.get("head"):
        return None, None
    tensors = load_tensors(place / HEAD, card["head"]["tensors"])
    head = Head(tuple(card["head"]["classes"]), tensors["weight"], tensors["bias"])
    posteriors = read_table(place / POSTERIORS)
    if list(posteriors.columns) != ["item", *head.classes] or len(posteriors) != num_items:
        raise IntegrityError(f"{place}: {POSTERIORS} does not fit the items; embed again")
    return head, posteriors


def _open_shards(
    place: Path, card: Mapping[str, Any], verify: bool | None
) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    maps, offsets = [], [np.zeros(1, np.int64)]
    total = 2 * card["num_frames"] * card["num_dims"]
    for name, tensors_card in card["shards"].items():
        tensors = map_tensors(place / SHARDS / name)
        if verify or (verify is None and total < _VERIFY_BELOW_BYTES):
            check_tensors(place / SHARDS / name, tensors, tensors_card)
        if tensors["frames"].shape[1] != card["num_dims"]:
            raise IntegrityError(f"{place / SHARDS / name} has another width than its card says")
        offsets.append(tensors["offsets"][1:] + offsets[-1][-1])
        maps.append(tensors["frames"])
    return tuple(maps), np.concatenate(offsets)
