"""A corpus becomes an embedding set: clip by clip through the cache, so it can stop and resume."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quantlab.corpora import READERS, Manifest
from quantlab.embedders.cache import cache_path, default_cache, read_cached, write_cached
from quantlab.embedders.functionals import Functionals
from quantlab.embedders.protocol import Embedder, Level
from quantlab.embedders.sets import ITEM_SCHEMA, EmbeddingSet, open_set, write_set
from quantlab.engine import run_tasks
from quantlab.errors import ConfigError, InputError, IntegrityError, QuantlabError

SKIPPED_COLUMNS = ["path", "error", "reason"]
_CLIPS_PER_TASK = 8

EMBEDDERS = {"functionals": Functionals}
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
    keep_silent: bool
    max_duration_s: float


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
    cache: Path | None = None,
    licence: str = "",
    source: str = "",
    keep_silent: bool = False,
    max_duration_s: float = 600.0,
    progress: bool = True,
) -> Embedded:
    """Embed every clip of a manifest into an embedding set.

    Finished clips stay in the cache, so a run that was stopped goes on where it was.

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
        Processes to use.
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
    rows = np.arange(len(manifest))
    tasks = [
        _Task(
            manifest.subset(rows[start : start + _CLIPS_PER_TASK]),
            embedder,
            level,
            place,
            keep_silent,
            max_duration_s,
        )
        for start in range(0, len(rows), _CLIPS_PER_TASK)
    ]
    outcomes = run_tasks(_embed_task, tasks, label="embed", workers=workers, progress=progress)
    keys: list[str] = []
    skipped: list[tuple[str, str, str]] = []
    for task, outcome in zip(tasks, outcomes, strict=True):
        if outcome.error:
            raise QuantlabError(f"embedding failed: {outcome.error}\n{outcome.trace}")
        paths = task.manifest.items["path"].astype(str)
        for path, (key, error, reason) in zip(paths, outcome.value, strict=True):
            keys.append(key)
            if error:
                skipped.append((path, error, reason))
    kept = np.flatnonzero([bool(key) for key in keys])
    if len(kept) == 0:
        raise InputError(f"none of {len(keys)} clips could be embedded; first: {skipped[0][2]}")
    card = {
        **_card(manifest, embedder, level),
        "licence": licence or "not stated; what is derived from a corpus carries its licence",
        "source": source,
        "commands": [
            f"quantlab index {manifest.root.name} --reader {_reader(manifest)} -o manifest.parquet",
            f"quantlab embed manifest.parquet -o RUN --embedder {embedder.name} --level {level} "
            f"--licence {shlex.quote(licence)} --source {shlex.quote(source)}",
        ],
        "num_skipped": len(skipped),
    }
    table = _items(manifest.items.iloc[kept], [keys[row] for row in kept])
    paths = [
        cache_path(place, embedder_fingerprint=embedder.fingerprint(level), clip_sha256=keys[row])
        for row in kept
    ]
    write_set(folder, table, _read_all(paths), card=card)
    return Embedded(open_set(folder), pd.DataFrame(skipped, columns=SKIPPED_COLUMNS, dtype=str))


def _embed_task(task: _Task) -> list[tuple[str, str, str]]:
    """Embed some clips; for each return its content key, or ``""`` with error class and reason."""
    return [_embed_one(task, row) for row in range(len(task.manifest))]


def _embed_one(task: _Task, row: int) -> tuple[str, str, str]:
    try:
        clip = task.manifest.read_clip(row, max_duration_s=task.max_duration_s)
        if clip.flags.silent and not task.keep_silent:
            path = task.manifest.items["path"].iloc[row]
            raise InputError(f"{path} is silent; its embedding would be of the noise floor")
        target = cache_path(
            task.cache,
            embedder_fingerprint=task.embedder.fingerprint(task.level),
            clip_sha256=clip.sha256,
        )
        if read_cached(target) is None:
            write_cached(target, task.embedder.embed(clip, level=task.level))
        return clip.sha256, "", ""
    except (InputError, IntegrityError) as error:
        return "", type(error).__name__, str(error)


def _read_all(paths: Sequence[Path]) -> Iterator[np.ndarray]:
    for path in paths:
        frames = read_cached(path)
        if frames is None:
            raise IntegrityError(f"the cached embedding {path} is gone or damaged; run embed again")
        yield frames


def _items(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    columns = [name for name in ITEM_SCHEMA if name not in ("item", "num_frames", "sha256")]
    table = rows[columns].reset_index(drop=True)
    table.insert(0, "item", rows["path"].astype(str).to_numpy())
    return table.assign(sha256=keys)


def _reader(manifest: Manifest) -> str:
    """Return the reader that gives these labels: the corpus's own where there is one."""
    corpora = set(manifest.items["corpus"].astype(str))
    return next(iter(corpora)) if len(corpora) == 1 and corpora <= set(READERS) else "auto"


def _card(manifest: Manifest, embedder: Embedder, level: Level) -> dict[str, Any]:
    items = manifest.items
    return {
        "embedder": embedder.card(),
        "level": level,
        "frame_rate_hz": embedder.frame_rate_hz if level == "frame" else None,
        "corpora": sorted(set(items["corpus"].astype(str)) - {""}),
        "languages": sorted(set(items["language"].astype(str)) - {""}),
    }
