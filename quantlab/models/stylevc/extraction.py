"""From the clips of a manifest to features on disk; what is there already is kept.

Clips are known by the hash of their bytes, so a run that was stopped goes on where it was, a corpus
that grew needs only its new clips, and an unchanged one is not read at all.
"""

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from quantlab.audio import log10_mel, log_f0
from quantlab.compat import single_thread
from quantlab.config import fingerprint
from quantlab.corpora import Manifest
from quantlab.errors import InputError, IntegrityError, QuantlabError
from quantlab.models.stylevc.features import (
    CARD,
    FORMAT_VERSION,
    ITEM_SCHEMA,
    ITEMS,
    SHARDS,
    Features,
    open_features,
    open_shard,
)
from quantlab.store import (
    lock,
    provenance,
    read_json,
    save_tensors,
    sweep_stale,
    write_json,
    write_table,
)

Progress = Callable[[int, int], None]
"""Called with the number of clips done and the number of all clips to do."""

SKIPPED_COLUMNS = ["path", "error", "reason"]

_JOURNAL = "shards.json"
_SHARD_BYTES = 8 << 20
_NUM_CODES = 256
_CLIPS_AHEAD = 64
_WAIT_S = 60.0
"""Trainings that start together look one after another whether the features are there."""
_IDENTITY = ("path", "speaker", "emotion", "text_id", "sha256", "num_frames")


@dataclass(frozen=True, eq=False)
class Built:
    """Features of a corpus, and what was left out.

    Attributes
    ----------
    features : Features
        Opened for reading.
    skipped : pd.DataFrame
        One row per clip that cannot be used: path, error class, reason.
    """

    features: Features
    skipped: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Analysed:
    """One clip's features as they are stored.

    Attributes
    ----------
    sha256 : str
        Hash of the clip's bytes.
    codes : np.ndarray [shape=(T, 80), dtype=uint8]
        Codes of the log10 mel.
    low, step : np.ndarray [shape=(80,), dtype=float32]
        Value of code 0, and difference from one code to the next.
    f0 : np.ndarray [shape=(T,), dtype=float16]
        Natural logarithm of F0 in Hz, 0 where unvoiced.
    """

    sha256: str
    codes: npt.NDArray[np.uint8]
    low: npt.NDArray[np.float32]
    step: npt.NDArray[np.float32]
    f0: npt.NDArray[np.float16]


def build_features(
    manifest: Manifest,
    folder: str | Path,
    *,
    workers: int = 1,
    licence: str = "",
    source: str = "",
    progress: Progress | None = None,
) -> Built:
    """Make the features of a corpus, or bring them up to date.

    Parameters
    ----------
    manifest : Manifest
        The clips and their labels.
    folder : str or Path
        Where the features go; what it holds already is kept.
    workers : int
        Processes to use, ≥ 1. With more than one a script needs its ``__main__`` guard.
    licence, source : str
        Of the corpus, kept in the card.
    progress : callable, optional
        Called with (clips done, clips that were not there yet).

    Returns
    -------
    Built
        The features and the clips that were skipped: silent, unreadable or changed since they were
        indexed.

    Raises
    ------
    InputError
        No clip can be used.
    QuantlabError
        Another process works in `folder`, or the disk is full.

    Examples
    --------
    >>> from quantlab.corpora import Manifest
    >>> from quantlab.models.stylevc.extraction import build_features
    >>> built = build_features(Manifest.load("esd.parquet"), "esd-features")  # doctest: +SKIP
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    with lock(place / ".lock", wait_s=_WAIT_S):
        shards = _Shards(place)
        hashes, reasons = _analyse_new(manifest, shards, max(workers, 1), progress)
        skipped = pd.DataFrame(reasons, columns=SKIPPED_COLUMNS, dtype=str)
        kept = np.flatnonzero([bool(sha256) for sha256 in hashes])
        if not len(kept):
            first = f"; first: {reasons[0][2]}" if reasons else ""
            raise InputError(f"none of {len(manifest)} clips can be used{first}")
        items = manifest.items.iloc[kept].reset_index(drop=True)
        items["sha256"] = [hashes[row] for row in kept]
        _write_card(place, items, shards, {"licence": licence, "source": source})
    return Built(open_features(place), skipped)


def analyse(manifest: Manifest, row: int) -> Analysed:
    """Read one clip and compute its features.

    Raises
    ------
    InputError
        The clip is silent or cannot be used.
    IntegrityError
        It is not the clip that was indexed.
    """
    item = manifest.items.iloc[row]
    known_silent = "silent" in str(item["flags"]).split()
    clip = None if known_silent else manifest.read_clip(row)
    if clip is None or clip.flags.silent:
        raise InputError(f"{item['path']} is silent; there is nothing to learn from it")
    mel = log10_mel(clip.samples)
    low = mel.min(axis=0)
    step = (mel.max(axis=0) - low) / (_NUM_CODES - 1)
    codes = np.rint((mel - low) / np.where(step > 0, step, 1)).astype(np.uint8)
    return Analysed(clip.sha256, codes, low, step, log_f0(clip.samples).astype(np.float16))


_Fate = Analysed | tuple[str, str]
"""A clip's features, or error class and reason."""


def _analyse_new(
    manifest: Manifest, shards: "_Shards", workers: int, progress: Progress | None
) -> tuple[list[str], list[tuple[str, str, str]]]:
    """Analyse the clips that are not stored yet.

    Return each row's hash, "" where it is skipped, and path, error class and reason of the skipped.
    """
    hashes = [str(sha256) for sha256 in manifest.items["sha256"]]
    todo = [row for row, sha256 in enumerate(hashes) if sha256 not in shards.places]
    reasons = []
    try:
        for done, (row, fate) in enumerate(_fates(manifest, todo, workers), start=1):
            if isinstance(fate, Analysed):
                shards.add(fate)
                hashes[row] = fate.sha256
            else:
                hashes[row] = ""
                reasons.append((str(manifest.items["path"].iloc[row]), *fate))
            if progress is not None:
                progress(done, len(todo))
    finally:
        shards.flush()  # an interruption too keeps what is done
    return hashes, reasons


def _fates(manifest: Manifest, rows: Sequence[int], workers: int) -> Iterator[tuple[int, _Fate]]:
    if workers == 1 or len(rows) < 2 * workers:
        with single_thread():
            for row in rows:
                yield row, _fate(manifest, row)
        return
    context = get_context("spawn")  # a fork of a process with running threads may hang
    try:
        with ProcessPoolExecutor(workers, context, _start_worker, (manifest,)) as pool:
            for at in range(0, len(rows), _CLIPS_AHEAD * workers):
                part = rows[at : at + _CLIPS_AHEAD * workers]
                yield from zip(part, pool.map(_worker_fate, part, chunksize=8), strict=True)
    except BrokenProcessPool as error:
        raise QuantlabError(
            "a worker process died, for want of memory perhaps; what was done is kept: run the "
            "same command again, with --workers 1"
        ) from error


def _fate(manifest: Manifest, row: int) -> _Fate:
    try:
        return analyse(manifest, row)
    except (InputError, IntegrityError) as error:
        return type(error).__name__, str(error)


_WORKER: list[tuple[Manifest, ExitStack]] = []
"""What a worker process keeps from one clip to the next: the manifest, and its single thread."""


def _start_worker(manifest: Manifest) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers itself
    threads = ExitStack()
    threads.enter_context(single_thread())
    _WORKER[:] = [(manifest, threads)]


def _worker_fate(row: int) -> _Fate:
    return _fate(_WORKER[0][0], row)


def _write_card(
    place: Path, items: pd.DataFrame, shards: "_Shards", about: Mapping[str, Any]
) -> None:
    """Write the table of items and the card that says that all is there."""
    stored = [shards.places[sha256] for sha256 in items["sha256"]]
    num_frames = [length for _, length in stored]
    placed = items.assign(place=[at for at, _ in stored], num_frames=num_frames)
    table = placed.loc[:, list(ITEM_SCHEMA)]
    identity = fingerprint(
        {"format": FORMAT_VERSION, **{name: table[name].tolist() for name in _IDENTITY}}
    )
    write_table(place / ITEMS, table, schema=ITEM_SCHEMA)
    write_json(
        place / CARD,
        {
            "kind": "StyleVC features",
            "format": FORMAT_VERSION,
            "num_items": len(table),
            "num_frames": sum(num_frames),
            **about,
            "shards": shards.cards,
            "fingerprint": identity,
            "provenance": provenance(),
        },
    )


class _Shards:
    """Gathers clips into shards of about 8 MiB, and knows those that are there."""

    def __init__(self, folder: Path) -> None:
        self.cards: dict[str, Any] = {}
        self.places: dict[str, tuple[int, int]] = {}
        """Number of a clip among all that are stored, and its frames, by the clip's hash."""
        self._folder = folder / SHARDS
        self._waiting: list[Analysed] = []
        self._waiting_bytes = 0
        if self._folder.is_dir():
            sweep_stale(self._folder)
            self._take_over()

    def _take_over(self) -> None:
        """Take over the shards of the journal up to the first that is not as it says."""
        try:
            journal = read_json(self._folder / _JOURNAL)
            if journal["format"] != FORMAT_VERSION:
                return
            for name, card in journal["shards"].items():
                shard = open_shard(self._folder / name, card["tensors"], verify=False)
                lengths = np.diff(shard["offsets"]).tolist()
                self._note(card["clips"], lengths)
                self.cards[name] = card
        except (InputError, IntegrityError, KeyError, TypeError, AttributeError):
            return

    def _note(self, hashes: Sequence[str], lengths: Sequence[int]) -> None:
        first = sum(len(card["clips"]) for card in self.cards.values())
        for at, (sha256, length) in enumerate(zip(hashes, lengths, strict=True), start=first):
            self.places[sha256] = (at, length)

    def add(self, clip: Analysed) -> None:
        self._waiting.append(clip)
        self._waiting_bytes += clip.codes.nbytes
        if self._waiting_bytes >= _SHARD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write the clips that wait as one shard, then the journal."""
        if not self._waiting:
            return
        clips, self._waiting, self._waiting_bytes = self._waiting, [], 0
        lengths = [len(clip.codes) for clip in clips]
        tensors = {
            "codes": np.concatenate([clip.codes for clip in clips]),
            "low": np.stack([clip.low for clip in clips]),
            "step": np.stack([clip.step for clip in clips]),
            "f0": np.concatenate([clip.f0 for clip in clips]),
            "offsets": np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        }
        name = f"{len(self.cards):05d}.safetensors"
        cards = save_tensors(self._folder / name, tensors)
        hashes = [clip.sha256 for clip in clips]
        self._note(hashes, lengths)
        self.cards[name] = {"tensors": cards, "clips": hashes}
        write_json(self._folder / _JOURNAL, {"format": FORMAT_VERSION, "shards": self.cards})
