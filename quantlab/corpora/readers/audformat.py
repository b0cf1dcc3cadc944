"""Reader for databases in audEERING's audformat: a header ``db.yaml`` and its tables.

Tables are CSV or Parquet, indexed by ``file`` or by ``file``, ``start`` and ``end``. The one with a
column of emotions is read; the speakers' sex comes from the header. Segments that are only a part
of their file are left out, because whole files are embedded.

References
----------
audformat, github.com/audeering/audformat (the format, read as facts).
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from quantlab.corpora.readers.listing import Files, Reading, Row, Skipped
from quantlab.errors import InputError
from quantlab.store import read_csv, read_table, read_yaml

HEADER = "db.yaml"
_WHOLE_START = ("", "0", "0.0", "0 days", "0 days 00:00:00", "0 days 00:00:00.000000000")
_WHOLE_END = ("", "NaT", "nat", "nan", "None")


def count(files: Files) -> int:
    """Return whether the folder has a header."""
    return max(len(files.audio), 1) if HEADER in files.other else 0


def read(files: Files) -> Reading:
    """Read the table that holds emotions, and what the header knows of the speakers.

    Raises
    ------
    InputError
        There is no header, no table of emotions, or only a pickled one.
    """
    if HEADER not in files.other:
        raise InputError(f"{files.root} has no {HEADER}; give the folder of the database")
    header = read_yaml(files.root / HEADER)
    name, table = _emotion_table(files, header)
    emotion = _column(table, "emotion")
    speaker = _column(table, "speaker")
    people = _labels(header, "speaker")
    language = "".join(map(str, (header.get("languages") or [""])[:1]))
    rows, skipped = [], []
    for number, cells in enumerate(table.astype(str).to_dict("records"), start=2):
        path = str(cells["file"])
        if not _is_whole(cells):
            skipped.append(Skipped(path, "a segment of its file; whole files are read"))
            continue
        raw = _text(cells[emotion])
        if not raw:
            skipped.append(Skipped(path, f"no emotion in {name}"))
            continue
        who = _text(cells[speaker]) if speaker else ""
        person = people.get(who, {})
        rows.append(
            Row(
                path=path,
                corpus=str(header.get("name") or files.root.name),
                speaker=who or "unknown",
                emotion=raw,
                emotion_raw=raw,
                language=str(person.get("language") or language),
                gender=str(person.get("gender") or person.get("sex") or ""),
                transcript=_text(cells.get("transcription", "")),
                split=_text(cells.get("split", "")),
                where=f"{name}, line {number}",
            )
        )
    notes = () if speaker else (f"{name} names no speakers: all clips count as one",)
    return Reading(tuple(rows), tuple(skipped), notes)


def _emotion_table(files: Files, header: Mapping[str, Any]) -> tuple[str, pd.DataFrame]:
    """Return the first table, by name, with a column of emotions."""
    names = sorted(header.get("tables") or {})
    pickled = []
    for table in names:
        for path in (f"db.{table}.parquet", f"db.{table}.csv"):
            if path in files.other:
                frame = (read_table if path.endswith("parquet") else read_csv)(files.root / path)
                frame = frame.reset_index() if "file" not in frame.columns else frame
                if "file" in frame.columns and _column(frame, "emotion"):
                    return path, frame
                break
        else:
            pickled += [f"db.{table}.pkl"] if f"db.{table}.pkl" in files.other else []
    hint = f"; {', '.join(pickled)} are pickled, save them as CSV or Parquet" if pickled else ""
    raise InputError(
        f"{files.root / HEADER}: none of the tables {', '.join(names) or '(none)'} has a file and "
        f"a column of emotions{hint}"
    )


def _column(table: pd.DataFrame, word: str) -> str:
    """Return the column of that name, or the first that begins with it; "" where there is none."""
    names = [str(name) for name in table.columns]
    if word in names:
        return word
    return next((name for name in names if name.startswith(word)), "")


def _labels(header: Mapping[str, Any], scheme: str) -> dict[str, Mapping[str, Any]]:
    """Return what the header says of each label of a scheme."""
    labels = ((header.get("schemes") or {}).get(scheme) or {}).get("labels")
    if not isinstance(labels, Mapping):
        return {}
    return {str(key): value for key, value in labels.items() if isinstance(value, Mapping)}


def _is_whole(cells: Mapping[Any, Any]) -> bool:
    start, end = str(cells.get("start", "")), str(cells.get("end", ""))
    return start in _WHOLE_START and end in _WHOLE_END


def _text(value: Any) -> str:
    text = str(value).strip()
    return "" if text in ("nan", "None", "<NA>", "NaN") else text
