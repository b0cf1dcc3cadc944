"""Features of a corpus on disk: mel in 8 bits and log-F0 in half precision, memory-mapped.

Letters: ``N`` items, ``T`` frames, ``B`` items of a batch. `extraction` writes what is read here:
``shards/*.safetensors``, ``items.parquet`` and ``card.json``, the last of which says that the
features are whole.

A clip's log10 mel is stored per band as ``low + step·code`` with ``code`` in 0 … 255, where ``low``
and ``low + 255·step`` are the least and the greatest value of the band in that clip. What is read
is therefore off by at most a 510th of the band's range: 0.2 dB where it spans 100 dB. Log-F0 has
11 significant bits and is off by at most 3.4 cents.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from quantlab.audio import normalise_f0
from quantlab.errors import InputError, IntegrityError
from quantlab.store import check_tensors, map_tensors, read_json, read_table

FORMAT_VERSION = 1
NUM_MELS = 80
CARD, ITEMS, SHARDS = "card.json", "items.parquet", "shards"
ITEM_SCHEMA = {
    "path": "string",
    "corpus": "string",
    "language": "string",
    "speaker": "string",
    "gender": "string",
    "emotion": "string",
    "text_id": "string",
    "split": "string",
    "duration_s": "float64",
    "sha256": "string",
    "place": "int64",
    "num_frames": "int64",
}
"""Columns of the table of items; `place` is a clip's number in the shards put end to end."""

_VERIFY_BELOW_BYTES = 256 << 20
_LEAST_STD = 1e-3  # a band that never moves says nothing, and must not be blown up
_MAKE_ANEW = "delete the folder and make the features again"


@dataclass(frozen=True, eq=False)
class ClipFeatures:
    """One clip as it is stored, and its pitch normalised as well.

    Attributes
    ----------
    codes : np.ndarray [shape=(T, 80), dtype=uint8]
        Codes of the log10 mel, a view of the file.
    low, step : np.ndarray [shape=(80,), dtype=float32]
        Value of code 0, and difference from one code to the next.
    log_f0 : np.ndarray [shape=(T,), dtype=float32]
        Natural logarithm of F0 in Hz, 0 where the clip is unvoiced.
    f0 : np.ndarray [shape=(T,), dtype=float32]
        The same with mean 0 and variance 1 over the voiced frames.
    """

    codes: npt.NDArray[np.uint8]
    low: npt.NDArray[np.float32]
    step: npt.NDArray[np.float32]
    log_f0: npt.NDArray[np.float32]
    f0: npt.NDArray[np.float32]

    @property
    def log10_mel(self) -> npt.NDArray[np.float32]:
        """The log10 mel that the codes stand for, float32 ``[T, 80]``."""
        return self.low + self.step * self.codes.astype(np.float32)


@dataclass(frozen=True, eq=False)
class Features:
    """Features of a corpus, opened for reading.

    Attributes
    ----------
    items : pd.DataFrame
        One row per clip, columns as in `ITEM_SCHEMA`.
    clips : tuple[ClipFeatures, ...]
        The features of each row.
    card : Mapping[str, Any]
        Licence, source, fingerprint, checksums.
    """

    items: pd.DataFrame
    clips: tuple[ClipFeatures, ...]
    card: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.items)

    @property
    def num_frames(self) -> npt.NDArray[np.int64]:
        """Frames of every item, int64 ``[N]``."""
        return self.items["num_frames"].to_numpy(np.int64)

    @property
    def fingerprint(self) -> str:
        """Hash of the clips and of how they were analysed: 64 hexadecimal characters."""
        return str(self.card["fingerprint"])

    def statistics(self, rows: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Return mean and standard deviation of each band over all frames of some items.

        Parameters
        ----------
        rows : array_like of int
            The items, training items for the normalisation of a model.

        Returns
        -------
        np.ndarray [shape=(2, 80), dtype=float32]
            Means, and standard deviations of 0.001 or more.

        Raises
        ------
        InputError
            `rows` is empty.
        """
        chosen = np.asarray(rows, np.int64)
        if not len(chosen):
            raise InputError("statistics need one item or more; no rows were given")
        total, squares, count = np.zeros(NUM_MELS), np.zeros(NUM_MELS), 0
        for row in chosen:
            mel = self.clips[row].log10_mel.astype(np.float64)
            total += mel.sum(axis=0)
            squares += (mel**2).sum(axis=0)
            count += len(mel)
        mean = total / count
        variance = np.maximum(squares / count - mean**2, _LEAST_STD**2)
        return np.stack([mean, np.sqrt(variance)]).astype(np.float32)

    def batch(
        self,
        rows: npt.ArrayLike,
        starts: npt.ArrayLike,
        *,
        num_frames: int,
        statistics: npt.NDArray[np.float32],
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Cut a piece out of each of some clips; clips that are shorter are repeated.

        Parameters
        ----------
        rows : array_like of int [shape=(B,)]
            The items.
        starts : array_like of int [shape=(B,)]
            First frame of each piece, 0 … max(0, T − num_frames).
        num_frames : int
            Length of the pieces.
        statistics : np.ndarray [shape=(2, 80)]
            What `statistics` returned for the training items.

        Returns
        -------
        mel : np.ndarray [shape=(B, num_frames, 80), dtype=float32]
            Log10 mel, each band less its mean and divided by its standard deviation.
        f0 : np.ndarray [shape=(B, num_frames), dtype=float32]
            Log-F0 that was normalised over the whole clip.
        """
        chosen, first = np.asarray(rows, np.int64), np.asarray(starts, np.int64)
        mel = np.empty((len(chosen), num_frames, NUM_MELS), np.float32)
        f0 = np.empty((len(chosen), num_frames), np.float32)
        step, low = np.empty((2, len(chosen), 1, NUM_MELS), np.float32)
        for index, (row, start) in enumerate(zip(chosen, first, strict=True)):
            clip = self.clips[row]
            mel[index] = _repeated(clip.codes[start : start + num_frames], num_frames)
            f0[index] = _repeated(clip.f0[start : start + num_frames], num_frames)
            step[index], low[index] = clip.step, clip.low
        mel *= step / statistics[1]
        mel += (low - statistics[0]) / statistics[1]
        return mel, f0


def _repeated(piece: np.ndarray, num_frames: int) -> np.ndarray:
    """Return the piece, repeated from its beginning until it has `num_frames` frames."""
    if len(piece) == num_frames:
        return piece
    return piece[np.arange(num_frames) % len(piece)]


def open_features(folder: str | Path, *, verify: bool | None = None) -> Features:
    """Open the features of a corpus.

    Parameters
    ----------
    folder : str or Path
        What `build_features` wrote.
    verify : bool, optional
        Whether to hash every shard; by default only features under 256 MiB are hashed.

    Returns
    -------
    Features
        With the mel memory-mapped and the pitch in memory.

    Raises
    ------
    InputError
        There are no whole features in `folder`.
    IntegrityError
        A file is damaged or does not match the card.
    """
    place = Path(folder)
    if not (place / CARD).is_file():
        raise InputError(f"{place} holds no features; make them from a manifest")
    card = read_json(place / CARD)
    if not isinstance(card, dict) or card.get("format") != FORMAT_VERSION:
        raise IntegrityError(f"{place / CARD} is of another format; {_MAKE_ANEW}")
    try:
        cards = {place / SHARDS / name: entry["tensors"] for name, entry in card["shards"].items()}
        size = sum(path.stat().st_size for path in cards)
    except (KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{place / CARD} lacks {error}; {_MAKE_ANEW}") from None
    except FileNotFoundError as error:
        raise IntegrityError(f"{error.filename} is gone; {_MAKE_ANEW}") from None
    hashed = verify or (verify is None and size < _VERIFY_BELOW_BYTES)
    stored = [
        clip
        for path, tensors in cards.items()
        for clip in _clips(path, open_shard(path, tensors, verify=hashed))
    ]
    items = read_table(place / ITEMS)
    if list(items.columns) != list(ITEM_SCHEMA) or (items["place"] >= len(stored)).any():
        raise IntegrityError(f"{place / ITEMS} does not fit the shards; {_MAKE_ANEW}")
    clips = tuple(stored[at] for at in items["place"])
    if [len(clip.f0) for clip in clips] != items["num_frames"].tolist():
        raise IntegrityError(f"{place / ITEMS} has other numbers of frames; {_MAKE_ANEW}")
    return Features(items, clips, card)


def open_shard(
    path: Path, expected: Mapping[str, Any], *, verify: bool
) -> dict[str, npt.NDArray[Any]]:
    """Map one shard.

    Returns
    -------
    dict[str, np.ndarray]
        codes uint8 ``[ΣT, 80]``, low and step float32 ``[n, 80]``, f0 float16 ``[ΣT]``, offsets
        int64 ``[n + 1]``.

    Raises
    ------
    InputError
        The file is missing.
    IntegrityError
        It is damaged, or is not what `expected` says.
    """
    shard = map_tensors(path)
    if verify:
        check_tensors(path, shard, dict(expected))
    if {name: list(array.shape) for name, array in shard.items()} != {
        name: entry["shape"] for name, entry in expected.items()
    }:
        raise IntegrityError(f"{path} has other arrays than its card says; {_MAKE_ANEW}")
    return shard


def _clips(path: Path, shard: Mapping[str, np.ndarray]) -> Iterator[ClipFeatures]:
    """Yield the clips of a shard; IntegrityError when its arrays do not fit each other."""
    try:
        # Plain views: a slice of np.memmap costs ten times as much.
        codes, f0 = np.asarray(shard["codes"]), np.asarray(shard["f0"], np.float32)
        offsets, low, step = (np.array(shard[name]) for name in ("offsets", "low", "step"))
    except KeyError as error:
        raise IntegrityError(f"{path} lacks {error}; {_MAKE_ANEW}") from None
    if offsets[-1] != len(codes) or len(codes) != len(f0) or len(low) != len(offsets) - 1:
        raise IntegrityError(f"{path}: its arrays do not fit each other; {_MAKE_ANEW}")
    for clip, (begin, end) in enumerate(itertools.pairwise(offsets)):
        pitch = f0[begin:end]
        yield ClipFeatures(codes[begin:end], low[clip], step[clip], pitch, normalise_f0(pitch))
