"""Make a manifest of a corpus folder: list, label, measure; leave out what cannot be used.

One bad clip never stops the work: it is reported with its reason and the rest is done. What is
wrong with a table that a person wrote (an unsafe path, an unknown emotion) stops it, with the line.
"""

import posixpath
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal

import pandas as pd

from quantlab.audio import ClipFlags, read_clip
from quantlab.corpora.labels import canonical_emotion, merge_table
from quantlab.corpora.manifest import MANIFEST_SCHEMA, Manifest
from quantlab.corpora.readers import Row, Skipped, read_corpus
from quantlab.corpora.readers.listing import raise_problems
from quantlab.errors import InputError, IntegrityError
from quantlab.store import resolve_under, sha256_file

Progress = Callable[[int, int], None]
"""Called with the number of clips done and the number of all clips."""


_Placed = tuple[Row, Path]


@dataclass(frozen=True, eq=False)
class Indexed:
    """What indexing gave: the manifest, what was left out, and remarks for the user.

    `skipped` has the columns path, reason and error (the error's class name), sorted by path.
    `notes` say how the corpus was read and what was reused.
    """

    manifest: Manifest
    skipped: pd.DataFrame
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Measured:
    duration_s: float
    size: int
    mtime: int
    sha256: str
    flags: str


def index_corpus(
    root: str | Path,
    *,
    corpus: str = "auto",
    verify: bool = False,
    previous: Manifest | None = None,
    labels: Mapping[str, str] | None = None,
    merges: Iterable[str] = (),
    unknown_emotions: Literal["error", "skip"] = "error",
    progress: Progress | None = None,
) -> Indexed:
    """Turn a corpus folder into a manifest, sorted by path.

    Parameters
    ----------
    root : str or Path
        The corpus folder, or a CSV file that lists its clips with the columns path, speaker and
        emotion.
    corpus : str
        Which reader to use, a name from `READERS`, or ``"auto"``.
    verify : bool
        Hash again also those clips whose size and time are as in `previous`.
    previous : Manifest, optional
        An earlier manifest of the corpus; clips of the same path, size and time are not read again.
    labels : Mapping[str, str], optional
        The corpus's own emotion words and the canonical emotions they stand for.
    merges : Iterable[str]
        Names of merges, such as ``"excited-happy"``; the original label stays in emotion_raw.
    unknown_emotions : {"error", "skip"}
        Whether a label that is not understood stops the work or leaves its clips out.
    progress : callable, optional
        Called with (clips done, clips in all).

    Returns
    -------
    Indexed
        The manifest, the skipped files with reasons, and notes.

    Raises
    ------
    InputError
        The folder is missing or in no known layout; a table has an unsafe path, a path twice or an
        unknown emotion; or no clip at all can be used.
    ConfigError
        `corpus` or a merge is not known.

    Examples
    --------
    >>> from quantlab.corpora import index_corpus
    >>> indexed = index_corpus("emodb")  # doctest: +SKIP
    >>> indexed.manifest.save("emodb.parquet")  # doctest: +SKIP
    """
    merged = merge_table(merges)
    base, reading = read_corpus(root, corpus=corpus)
    places, unsafe = _place(reading.rows, base)
    rows, unlabelled = _label(places, labels, unknown_emotions)
    known = _by_path(previous)
    kept, skipped, num_reused = [], [*reading.skipped, *unsafe, *unlabelled], 0
    for done, (row, path) in enumerate(rows, start=1):
        try:
            measured, reused = _measure(path, known.get(row.path), verify=verify)
        except (InputError, IntegrityError) as error:
            skipped.append(Skipped(row.path, str(error), type(error).__name__))
        else:
            num_reused += reused
            emotion = merged.get(row.emotion, row.emotion)
            kept.append({**vars(row), "emotion": emotion, **vars(measured)})
        if progress is not None:
            progress(done, len(rows))
    if not kept:
        raise_problems((f"{entry.path!r}: {entry.reason}" for entry in skipped), "No clip is left")
    table = pd.DataFrame(kept, columns=list(MANIFEST_SCHEMA))
    reuse = (f"{num_reused} of {len(kept)} clips taken as in the previous manifest",)
    return Indexed(
        Manifest(base, table),
        _skipped_table(skipped),
        (*reading.notes, *(reuse if previous is not None else ())),
    )


def _place(rows: Iterable[Row], base: Path) -> tuple[list[_Placed], list[Skipped]]:
    """Find every row's file and sort by normalised path.

    An unsafe or repeated path in a table is an error; an unsafe one that was found in the folder,
    a link that leads out of it for instance, is left out.
    """
    placed: dict[str, _Placed] = {}
    skipped, problems = [], []
    for row in rows:
        try:
            # Before normalising, which would make "https://host/x.wav" look like a plain name.
            target = resolve_under(base, row.path)
        except InputError as error:
            if row.where:
                problems.append(f"{row.where}: {error}")
            else:
                skipped.append(Skipped(row.path, str(error)))
            continue
        path = posixpath.normpath(row.path)
        if path in placed:
            earlier = placed[path][0].where
            problems.append(f"{row.where}: path {path!r} stands already in {earlier}")
        else:
            placed[path] = (replace(row, path=path), target)
    raise_problems(problems, "Mend the table and try again")
    return [placed[path] for path in sorted(placed)], skipped


def _label(
    rows: Iterable[_Placed], labels: Mapping[str, str] | None, unknown: Literal["error", "skip"]
) -> tuple[list[_Placed], list[Skipped]]:
    """Give every row its canonical emotion; refuse or leave out those whose label is not known."""
    kept, unlabelled = [], []
    for row, target in rows:
        try:
            emotion = canonical_emotion(row.emotion, labels=labels)
        except InputError as error:
            unlabelled.append((row, str(error)))
        else:
            kept.append((replace(row, emotion=emotion), target))
    if unknown == "error":
        raise_problems(
            (f"{row.where or repr(row.path)}: {reason}" for row, reason in unlabelled),
            "Map such labels to an emotion, or have their clips skipped",
        )
    return kept, [Skipped(row.path, reason) for row, reason in unlabelled]


def _by_path(previous: Manifest | None) -> dict[str, _Measured]:
    if previous is None:
        return {}
    names = [field.name for field in fields(_Measured)]
    return {
        path: _Measured(*values)
        for path, *values in previous.items[["path", *names]].itertuples(index=False)
        if values[names.index("sha256")]
    }


def _measure(path: Path, earlier: _Measured | None, *, verify: bool) -> tuple[_Measured, bool]:
    """Measure one clip, or reuse the earlier measurement when size and time are unchanged."""
    try:
        status = path.stat()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}; is the file there?") from error
    same = earlier is not None and (earlier.size, earlier.mtime) == (
        status.st_size,
        status.st_mtime_ns,
    )
    if earlier is not None and same:
        if verify and sha256_file(path) != earlier.sha256:
            raise IntegrityError(
                "its content changed although size and time did not; restore the file, or index "
                "without the previous manifest to accept it"
            )
        return earlier, True
    clip = read_clip(path)
    flags = _flag_text(clip.flags)
    return _Measured(clip.duration_s, status.st_size, status.st_mtime_ns, clip.sha256, flags), False


def _flag_text(flags: ClipFlags) -> str:
    raised = [field.name for field in fields(flags) if getattr(flags, field.name) is True]
    return " ".join(raised)


def _skipped_table(skipped: Iterable[Skipped]) -> pd.DataFrame:
    entries = sorted({(entry.path, entry.reason, entry.error) for entry in skipped})
    return pd.DataFrame(entries, columns=["path", "reason", "error"], dtype=str)
