"""Readers: which clips a corpus has and what its names and tables say about them.

`READERS` maps every name to its functions. Automatic choice: a ``manifest.csv`` wins; else the
corpus whose file names explain at least half of the audio files; else the plain folder layouts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from quantlab.corpora.readers import emodb, esd, folder, nemo, table
from quantlab.corpora.readers.listing import Files, Reading, Row, Skipped, list_files
from quantlab.errors import ConfigError, InputError

__all__ = [
    "READERS",
    "Files",
    "Reader",
    "Reading",
    "Row",
    "Skipped",
    "describe_readers",
    "list_files",
    "read_corpus",
]


@dataclass(frozen=True)
class Reader:
    """How a corpus is read, recognised and described.

    Attributes
    ----------
    read : callable
        Gives the rows of a folder's files.
    count : callable
        How many of the files it understands.
    looks_for : str
        What it recognises the corpus by.
    description, languages, licence : str
        What the corpus is, and under which terms it is given.
    """

    read: Callable[[Files], Reading]
    count: Callable[[Files], int]
    looks_for: str
    description: str
    languages: str = "any"
    licence: str = "that of the corpus"


READERS: Mapping[str, Reader] = {
    "table": Reader(
        table.read,
        table.count,
        "a manifest.csv in the folder",
        "any clips that a CSV file lists with path, speaker and emotion",
    ),
    "nemo": Reader(
        nemo.read,
        nemo.count,
        f"files named like {nemo.EXAMPLE}",
        "nEMO, acted, six emotions",
        "Polish",
        "CC BY-NC-SA 4.0",
    ),
    "emodb": Reader(
        emodb.read,
        emodb.count,
        f"files named like {emodb.EXAMPLE}",
        "EmoDB, acted, seven emotions",
        "German",
        "free",
    ),
    "esd": Reader(
        esd.read,
        esd.count,
        f"files named like {esd.EXAMPLE}",
        "ESD, 350 parallel sentences, five emotions",
        "Mandarin, English",
        "research, on request",
    ),
    "folder": Reader(
        folder.read,
        lambda files: 0,
        "speaker and emotion in directory or file names",
        "any folder such as <speaker>/<emotion>/*.wav",
    ),
}
_BY_NAME = ("nemo", "emodb", "esd")


def describe_readers() -> pd.DataFrame:
    """Return one row per reader: reader, description, languages, licence, looks_for."""
    columns = ("description", "languages", "licence", "looks_for")
    rows = [
        (name, *(getattr(reader, column) for column in columns)) for name, reader in READERS.items()
    ]
    return pd.DataFrame(rows, columns=["reader", *columns])


def read_corpus(root: str | Path, *, corpus: str = "auto") -> tuple[Path, Reading]:
    """List the clips of a corpus without opening any of them.

    Parameters
    ----------
    root : str or Path
        The corpus folder, or a CSV file that lists its clips.
    corpus : str
        A name from `READERS`, or ``"auto"``.

    Returns
    -------
    tuple[Path, Reading]
        The folder that all paths are relative to, and what was found. The reading's notes say
        which reader was chosen and why.

    Raises
    ------
    ConfigError
        `corpus` is not a reader's name.
    InputError
        The folder is missing or nothing in it is understood.
    """
    if corpus != "auto" and corpus not in READERS:
        raise ConfigError(f"unknown corpus {corpus!r}; known are auto, {', '.join(READERS)}")
    if Path(root).suffix.lower() == ".csv" and Path(root).is_file():
        if corpus not in ("auto", "table"):
            raise ConfigError(f"{root} is a table; read it with corpus 'table', not {corpus!r}")
        return Path(root).parent.resolve(), table.read_listed(root)
    files = list_files(root)
    name, why = (corpus, "as asked") if corpus != "auto" else _choose(files)
    if name == "table" and table.FILE_NAME not in files.other:
        raise InputError(f"{root} has no {table.FILE_NAME}; add one or choose another corpus name")
    reading = READERS[name].read(files)
    if not reading.rows:
        raise InputError(
            f"{root}: none of {len(files.audio)} audio files could be read as {name!r}, which "
            f"looks for {READERS[name].looks_for}"
        )
    # A table lists what it wants; files beside it are not the user's concern.
    beside = () if name == "table" else files.skipped
    notes = (f"read as {name}: {why}", *reading.notes)
    return files.root, Reading(reading.rows, (*beside, *reading.skipped), notes)


def _choose(files: Files) -> tuple[str, str]:
    if READERS["table"].count(files):
        return "table", "a manifest.csv lies in the folder"
    counts = {name: READERS[name].count(files) for name in _BY_NAME}
    best = max(_BY_NAME, key=lambda name: counts[name])
    total = len(files.audio)
    if counts[best] and 2 * counts[best] >= total:
        return best, f"{counts[best]} of {total} audio files are {READERS[best].looks_for}"
    return "folder", "no named corpus fits"
