"""What readers work on and what they return: the files of a folder, and one row per clip.

A reader only parses names and tables; nothing is decoded or hashed here.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from quantlab.errors import InputError

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".sph")

_PROBLEMS_SHOWN = 5


@dataclass(frozen=True)
class Skipped:
    """A file that is left out, why, and the kind of error it would have raised."""

    path: str
    reason: str
    error: str = "InputError"


@dataclass(frozen=True)
class Row:
    """One clip as its name or its line in a table describes it.

    `emotion` is a word that `canonical_emotion` understands, `emotion_raw` the corpus's own
    label, `votes` a JSON object from canonical emotion to number of annotators, `session` the
    recording session where the corpus has some, `attributes` a JSON object of what else the corpus
    says of the clip (``{"valence": 2.5}``, ``{"intensity": "high"}``). `where` names the table and
    line that the row came from, "" when it came from a name.
    """

    path: str
    corpus: str
    speaker: str
    emotion: str
    emotion_raw: str
    language: str = ""
    gender: str = ""
    text_id: str = ""
    transcript: str = ""
    votes: str = ""
    split: str = ""
    session: str = ""
    attributes: str = ""
    where: str = ""


@dataclass(frozen=True)
class Reading:
    """What a reader found: rows, files it did not understand, and remarks for the user."""

    rows: tuple[Row, ...]
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Files:
    """The files under `root`: relative paths with forward slashes, sorted; hidden ones ignored."""

    root: Path
    audio: tuple[str, ...]
    other: tuple[str, ...]
    skipped: tuple[Skipped, ...]


def list_files(root: str | Path) -> Files:
    """List the files under a folder in an order that does not depend on the file system.

    Names that start with a dot are ignored. Symbolic links to directories are not followed; those
    that lead out of the folder, unreadable directories, directories named like audio and names
    that are not UTF-8 are reported as skipped.

    Parameters
    ----------
    root : str or Path
        The corpus folder.

    Returns
    -------
    Files
        Audio files by suffix, all other files, and what was left out.

    Raises
    ------
    InputError
        `root` is not a readable directory.
    """
    base = Path(root).resolve()
    if not base.is_dir():
        what = "is not a directory" if base.exists() else "does not exist"
        raise InputError(f"{root} {what}; give the folder that holds the corpus")
    audio: list[str] = []
    other: list[str] = []
    skipped: list[Skipped] = []

    def unreadable(error: OSError) -> None:
        name = os.path.relpath(str(error.filename), base)
        skipped.append(Skipped(printable(name), f"cannot be listed: {error.strerror}"))

    for place, folders, names in os.walk(base, onerror=unreadable):
        inside = os.path.relpath(place, base)
        prefix = "" if inside == "." else inside.replace(os.sep, "/") + "/"
        keep = []
        for name in folders:
            reason = _refuse_folder(Path(place, name), base)
            if reason:
                skipped.append(Skipped(printable(prefix + name), reason))
            elif not name.startswith("."):
                keep.append(name)
        folders[:] = keep
        for name in names:
            if name.startswith("."):
                continue
            path = prefix + name
            if not _is_utf8(path):
                skipped.append(Skipped(printable(path), "its name is not UTF-8; rename it"))
            else:
                (audio if name.lower().endswith(AUDIO_SUFFIXES) else other).append(path)
    skipped.sort(key=lambda entry: entry.path)
    return Files(base, tuple(sorted(audio)), tuple(sorted(other)), tuple(skipped))


def _refuse_folder(folder: Path, base: Path) -> str:
    if folder.name.startswith("."):
        return ""
    if folder.is_symlink() and not folder.resolve().is_relative_to(base):
        return f"a symbolic link that leads out of {base}; only files under it are read"
    if folder.name.lower().endswith(AUDIO_SUFFIXES):
        return "a directory that is named like an audio file"
    return ""


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def printable(name: str) -> str:
    """Return a file name as text that can be stored: bytes that are not UTF-8 become escapes."""
    return name.encode("utf-8", "backslashreplace").decode()


def stem_of(path: str) -> str:
    """Return the file name of a relative path without its suffix."""
    return path.rpartition("/")[2].rpartition(".")[0]


def first_of_name(paths: Iterable[str]) -> tuple[list[str], list[Skipped]]:
    """Keep one file of each name, the one that lies highest, and report the others."""
    kept: dict[str, str] = {}
    skipped = []
    for path in sorted(paths, key=lambda path: (path.count("/"), path)):
        name = path.rpartition("/")[2]
        if name in kept:
            skipped.append(Skipped(path, f"a second file of the name of {kept[name]}"))
        else:
            kept[name] = path
    return sorted(kept.values()), skipped


def raise_problems(problems: Iterable[str], advice: str) -> None:
    """Raise one InputError that shows the first problems and counts the rest; none, no error."""
    found = list(problems)
    if not found:
        return
    text = "; ".join(found[:_PROBLEMS_SHOWN])
    more = len(found) - _PROBLEMS_SHOWN
    raise InputError(text + (f"; and {more} more of the kind" if more > 0 else "") + f". {advice}")
