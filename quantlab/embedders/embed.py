"""A corpus becomes an embedding set: clip by clip through the cache, so it can stop and resume.

A clip whose file has the size and time that the manifest noted, and whose embedding is in the
cache, is not opened again.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quantlab.audio import Clip
from quantlab.config import fingerprint
from quantlab.corpora import READERS, Manifest
from quantlab.embedders.cache import (
    CachedClip,
    cache_path,
    default_cache,
    read_cached,
    write_cached,
)
from quantlab.embedders.emotion2vec import Emotion2vec
from quantlab.embedders.functionals import Functionals
from quantlab.embedders.opensmile_sets import OpenSmile
from quantlab.embedders.protocol import Embedder, Level
from quantlab.embedders.sets import ITEM_SCHEMA, EmbeddingSet, open_set
from quantlab.embedders.speech_models import Hubert, WavLM
from quantlab.embedders.stylevc import StyleVCEmbedder
from quantlab.embedders.writer import write_set
from quantlab.engine import EngineName, run_tasks
from quantlab.errors import ConfigError, InputError, IntegrityError, QuantlabError

SKIPPED_COLUMNS = ["path", "error", "reason"]
_CLIPS_PER_TASK = 8
_BATCHES_PER_TASK = 4

EMBEDDERS: Mapping[str, type[Any]] = {
    "functionals": Functionals,
    "emotion2vec": Emotion2vec,
    "opensmile": OpenSmile,
    "hubert": Hubert,
    "wavlm": WavLM,
    "stylevc": StyleVCEmbedder,
}
"""Embedder name to class. A further embedder is one class that fulfils `Embedder`."""


@dataclass(frozen=True, eq=False)
class Embedded:
    """An embedded corpus and what was left out.

    Attributes
    ----------
    embeddings : EmbeddingSet
        The set that was written.
    skipped : pd.DataFrame
        One row per clip that could not be embedded: path, error class, reason.
    """

    embeddings: EmbeddingSet
    skipped: pd.DataFrame


@dataclass(frozen=True)
class _Task:
    manifest: Manifest
    embedder: Embedder
    level: Level
    cache: Path
    half: bool
    keep_silent: bool
    max_duration_s: float
    verify: bool

    def place(self, sha256: str) -> Path:
        embedder = self.embedder.fingerprint(self.level)
        return cache_path(self.cache, embedder_fingerprint=embedder, clip_sha256=sha256)


_Fate = tuple[str, str, str]
"""Content key of an embedded clip, or ``""`` with error class and reason."""


def get_embedder(name: str, settings: dict[str, Any] | None = None) -> Embedder:
    """Build an embedder by name.

    Raises
    ------
    ConfigError
        The name is unknown, or a setting is.
    """
    if name not in EMBEDDERS:
        raise ConfigError(f"embedder {name!r} is unknown; available: {', '.join(EMBEDDERS)}")
    kind = EMBEDDERS[name]
    return kind(kind.settings_class.parse(settings or {}, where=f"embedder {name}"))


def embed_manifest(
    manifest: Manifest,
    embedder: Embedder,
    folder: str | Path,
    *,
    level: Level = "utterance",
    workers: int = 1,
    engine: EngineName = "local",
    cache: Path | None = None,
    licence: str = "",
    source: str = "",
    keep_silent: bool = False,
    max_duration_s: float = 600.0,
    verify: bool = False,
    progress: bool = True,
) -> Embedded:
    """Embed every clip of a manifest into an embedding set.

    Finished clips stay in the cache and finished shards in the set's folder, so a run that was
    stopped goes on where it was, and a clip that is unchanged is not opened again.

    Parameters
    ----------
    manifest : Manifest
        The clips and their labels.
    embedder : Embedder
        What turns a clip into vectors.
    folder : str or Path
        Where the set goes.
    level : {"utterance", "frame"}
        One vector per clip, or frames.
    workers : int
        Processes to use, or threads where the embedder's model is shared.
    engine : {"local", "ray"}
        Where they run; on Ray every worker must see corpus and cache under the same paths.
    cache : Path, optional
        Where finished embeddings are kept; `default_cache` when absent.
    licence : str
        Licence of the corpus, kept in the card: what is derived from it carries it.
    source : str
        Where the corpus comes from and how to cite it, kept in the card.
    keep_silent : bool
        Whether to embed silent clips; their embedding is of the noise floor.
    max_duration_s : float
        Longer clips are skipped.
    verify : bool
        Whether to read and hash the files again whose size and time are as the manifest says.
    progress : bool
        Whether to show progress.

    Returns
    -------
    Embedded
        The opened set and the table of skipped clips.

    Raises
    ------
    InputError
        No clip could be embedded.
    """
    place = cache or default_cache()
    about = embedder.card()
    half = about.get("units") != "physical"  # a count may be large, a ratio small: no half digits
    groups = _groups(manifest, embedder.batch_seconds)
    tasks = [
        _Task(
            manifest.subset(rows), embedder, level, place, half, keep_silent, max_duration_s, verify
        )
        for rows in groups
    ]
    outcomes = run_tasks(
        _embed_task, tasks, label="embed", workers=workers, engine=engine,
        threads=embedder.shares_model, progress=progress,
    )  # fmt: skip
    fates: list[_Fate] = [("", "", "")] * len(manifest)
    for rows, outcome in zip(groups, outcomes, strict=True):
        if outcome.error:
            raise QuantlabError(f"embedding failed: {outcome.error}\n{outcome.trace}")
        for row, fate in zip(rows.tolist(), outcome.value, strict=True):
            fates[row] = fate
    skipped = _skipped(manifest, fates)
    kept = np.flatnonzero([bool(key) for key, _, _ in fates])
    if len(kept) == 0:
        first = skipped["reason"].iloc[0] if len(skipped) else "the manifest has no clips"
        raise InputError(f"none of {len(fates)} clips could be embedded; first: {first}")
    card = {
        **_card(manifest, embedder, level),
        "licence": licence or "not stated; what is derived from a corpus carries its licence",
        "source": source,
        "commands": _commands(manifest, embedder, level, licence, source),
        "num_skipped": len(skipped),
    }
    keys = [fates[row][0] for row in kept]
    identity = embedder.fingerprint(level)
    paths = [cache_path(place, embedder_fingerprint=identity, clip_sha256=key) for key in keys]
    head = embedder.head()
    write_set(
        folder,
        _items(manifest.items.iloc[kept], keys),
        lambda start: (_cached(path).frames for path in paths[start:]),
        card=card,
        dtype="float16" if half else "float32",
        head=head,
        posteriors=None if head is None else _posteriors(paths, head.probabilities),
        job=fingerprint({"embedder": identity, "clips": keys}),
    )
    return Embedded(open_set(folder), skipped)


def _groups(manifest: Manifest, batch_seconds: float) -> list[np.ndarray]:
    """Return the rows of each task: in order, or where batches help, clips of like length."""
    rows = np.arange(len(manifest))
    if not batch_seconds:
        return [rows[at : at + _CLIPS_PER_TASK] for at in range(0, len(rows), _CLIPS_PER_TASK)]
    lengths = manifest.items["duration_s"].fillna(0).to_numpy()
    order = np.argsort(lengths, kind="stable")
    seconds = np.cumsum(lengths[order])
    task = (seconds / (batch_seconds * _BATCHES_PER_TASK)).astype(np.int64)
    return np.split(order, np.flatnonzero(np.diff(task)) + 1) if len(order) else []


def _embed_task(task: _Task) -> list[_Fate]:
    """Embed the clips of a task that are not in the cache yet."""
    fates: dict[int, _Fate] = {}
    clips: dict[int, Clip] = {}
    for row in range(len(task.manifest)):
        try:
            known = _known(task, row)
            if known:
                fates[row] = (known, "", "")
                continue
            clip = task.manifest.read_clip(row, max_duration_s=task.max_duration_s)
            if clip.flags.silent and not task.keep_silent:
                path = task.manifest.items["path"].iloc[row]
                raise InputError(f"{path} is silent; its embedding would be of the noise floor")
            if read_cached(task.place(clip.sha256)) is None:
                clips[row] = clip
            fates[row] = (clip.sha256, "", "")
        except (InputError, IntegrityError) as error:
            fates[row] = ("", type(error).__name__, str(error))
        if clips and not _fits(clips, task.embedder.batch_seconds):
            _embed_clips(task, clips, fates)
            clips = {}
    _embed_clips(task, clips, fates)
    return [fates[row] for row in range(len(task.manifest))]


def _known(task: _Task, row: int) -> str:
    """Return a clip's content key when it need not be read: unchanged, usable and in the cache."""
    item = task.manifest.items.iloc[row]
    too_long = not item["duration_s"] <= task.max_duration_s
    silent = "silent" in str(item["flags"]).split() and not task.keep_silent
    if task.verify or too_long or silent or not item["sha256"]:
        return ""
    try:
        status = task.manifest.path_of(row).stat()
    except OSError:
        return ""
    if (status.st_size, status.st_mtime_ns) != (item["size"], item["mtime"]):
        return ""
    key = str(item["sha256"])
    return key if read_cached(task.place(key)) is not None else ""


def _fits(clips: dict[int, Clip], batch_seconds: float) -> bool:
    """Whether a batch has room for one clip more of the same length."""
    longest = max(clip.duration_s for clip in clips.values())
    return (len(clips) + 1) * longest <= batch_seconds


def _embed_clips(task: _Task, clips: dict[int, Clip], fates: dict[int, _Fate]) -> None:
    """Embed clips together; where one of them cannot be embedded, one by one."""
    if not clips:
        return
    try:
        arrays = task.embedder.embed_batch(list(clips.values()), level=task.level)
    except (InputError, IntegrityError) as error:
        if len(clips) == 1:
            fates[next(iter(clips))] = ("", type(error).__name__, str(error))
            return
        for row, clip in clips.items():
            _embed_clips(task, {row: clip}, fates)
        return
    for clip, frames in zip(clips.values(), arrays, strict=True):
        write_cached(task.place(clip.sha256), frames, half=task.half)


def _cached(path: Path) -> CachedClip:
    found = read_cached(path)
    if found is None:
        path.unlink(missing_ok=True)
        raise IntegrityError(f"the cached embedding {path} is gone or damaged; run embed again")
    return found


def _posteriors(paths: Sequence[Path], probabilities: Any) -> np.ndarray:
    """Return the class probabilities [N, C] of the clips' means, some hundred at a time."""
    blocks = []
    for part in _blocks(paths):
        blocks.append(probabilities(np.stack([_cached(path).mean for path in part])))
    return np.concatenate(blocks)


def _blocks(paths: Sequence[Path]) -> Iterator[list[Path]]:
    for _, part in groupby(enumerate(paths), key=lambda pair: pair[0] // 256):
        yield [path for _, path in part]


def _skipped(manifest: Manifest, fates: Sequence[_Fate]) -> pd.DataFrame:
    paths = manifest.items["path"].astype(str)
    rows = [
        (path, error, reason)
        for path, (_, error, reason) in zip(paths, fates, strict=True)
        if error
    ]
    return pd.DataFrame(rows, columns=SKIPPED_COLUMNS, dtype=str)


def _items(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    columns = [name for name in ITEM_SCHEMA if name not in ("item", "num_frames", "sha256")]
    table = rows[columns].reset_index(drop=True)
    table.insert(0, "item", rows["path"].astype(str).to_numpy())
    return table.assign(sha256=keys)


def _commands(
    manifest: Manifest, embedder: Embedder, level: Level, licence: str, source: str
) -> list[str]:
    """Return what to type to make the set again."""
    corpora = set(manifest.items["corpus"].astype(str))
    own = len(corpora) == 1 and corpora <= set(READERS)
    reader = next(iter(corpora)) if own else "auto"
    return [
        f"quantlab index {manifest.root.name} --reader {reader} -o manifest.parquet",
        f"quantlab embed manifest.parquet -o RUN --embedder {embedder.name} --level {level} "
        f"--licence {shlex.quote(licence)} --source {shlex.quote(source)}",
    ]


def _card(manifest: Manifest, embedder: Embedder, level: Level) -> dict[str, Any]:
    items = manifest.items
    return {
        "embedder": embedder.card(),
        "embedder_fingerprint": embedder.fingerprint(level),
        "level": level,
        "frame_rate_hz": embedder.frame_rate_hz if level == "frame" else None,
        "corpora": sorted(set(items["corpus"].astype(str)) - {""}),
        "languages": sorted(set(items["language"].astype(str)) - {""}),
    }
