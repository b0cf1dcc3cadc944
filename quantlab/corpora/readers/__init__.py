"""Readers: which clips a corpus has and what its names and tables say about them.

`READERS` maps every name to its functions. Automatic choice: a ``manifest.csv`` wins, then other
tables that describe any corpus; else the corpus whose file names explain at least half of the audio
files; else the plain folder layouts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from quantlab.corpora.readers import (
    audformat,
    cameo,
    crema_d,
    emobox,
    emodb,
    esd,
    folder,
    iemocap,
    msp_improv,
    nemo,
    ravdess,
    savee,
    table,
    tess,
    timit,
)
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
    "crema-d": Reader(
        crema_d.read,
        crema_d.count,
        f"files named like {crema_d.EXAMPLE}",
        "CREMA-D, 91 actors, twelve sentences, six emotions, with votes",
        "English",
        "ODbL",
    ),
    "ravdess": Reader(
        ravdess.read,
        ravdess.count,
        f"files named like {ravdess.EXAMPLE}",
        "RAVDESS speech, 24 actors, eight emotions",
        "English",
        "CC BY-NC-SA 4.0",
    ),
    "savee": Reader(
        savee.read,
        savee.count,
        f"files named like {savee.EXAMPLE}",
        "SAVEE, four men, seven emotions",
        "English",
        "research, on request",
    ),
    "tess": Reader(
        tess.read,
        tess.count,
        f"files named like {tess.EXAMPLE}",
        "TESS, two women, 200 words, seven emotions",
        "English",
        "CC BY-NC-ND 4.0",
    ),
    "iemocap": Reader(
        iemocap.read,
        iemocap.count,
        f"files named like {iemocap.EXAMPLE} beside dialog/EmoEvaluation",
        "IEMOCAP, ten speakers, acted and improvised dialogs, with votes",
        "English",
        "research, on request",
    ),
    "msp-improv": Reader(
        msp_improv.read,
        msp_improv.count,
        f"files named like {msp_improv.EXAMPLE} and Evaluation.txt",
        "MSP-IMPROV, twelve speakers, improvised dialogs, with votes",
        "English",
        "research, on request",
    ),
    "timit": Reader(
        timit.read,
        timit.count,
        f"files that lie like {timit.EXAMPLE}",
        "TIMIT, 630 speakers, read sentences with phones, no emotions",
        "English",
        "LDC",
    ),
    "cameo": Reader(
        cameo.read,
        cameo.count,
        f"files that lie like {cameo.EXAMPLE}",
        "CAMEO, parts of thirteen corpora, written out of its published tables",
        "eight languages",
        "that of each part",
    ),
    "emobox": Reader(
        emobox.read,
        emobox.count,
        "JSONL files with key, wav and emo in every line",
        "any corpus as EmoBox describes it, with its folds",
    ),
    "audformat": Reader(
        audformat.read,
        audformat.count,
        "a db.yaml with its tables",
        "any corpus in audEERING's audformat",
    ),
    "folder": Reader(
        folder.read,
        lambda files: 0,
        "speaker and emotion in directory or file names",
        "any folder such as <speaker>/<emotion>/*.wav",
    ),
}
_BY_TABLE = ("table", "audformat", "emobox")
_BY_NAME = (
    "cameo",
    "iemocap",
    "msp-improv",
    "crema-d",
    "ravdess",
    "esd",
    "nemo",
    "tess",
    "emodb",
    "savee",
    "timit",
)
"""What recognises a corpus by its file names, the stricter patterns first."""


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
    for name in _BY_TABLE:
        if READERS[name].count(files):
            return name, f"found {READERS[name].looks_for}"
    counts = {name: READERS[name].count(files) for name in _BY_NAME}
    best = max(_BY_NAME, key=lambda name: counts[name])
    total = len(files.audio)
    if counts[best] and 2 * counts[best] >= total:
        return best, f"{counts[best]} of {total} audio files are {READERS[best].looks_for}"
    return "folder", "no named corpus fits"
