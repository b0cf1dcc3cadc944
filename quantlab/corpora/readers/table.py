"""Reader for a CSV file that lists the clips: only path, speaker and emotion are required.

Byte-order marks, CRLF, semicolons and tabs are understood. Paths are relative to the file's own
folder; that they stay under it is checked for all readers at once when the corpus is indexed.
"""

import difflib
import json
from pathlib import Path

from quantlab.corpora.readers.listing import Files, Reading, Row, raise_problems
from quantlab.errors import InputError
from quantlab.store import read_csv

FILE_NAME = "manifest.csv"
REQUIRED = ("path", "speaker", "emotion")
OPTIONAL = (
    "corpus",
    "language",
    "gender",
    "emotion_raw",
    "text_id",
    "transcript",
    "votes",
    "split",
)
# Columns of our own manifests that are measured anew and so are not worth a remark.
_MEASURED = ("duration_s", "size", "mtime", "sha256", "flags")


def count(files: Files) -> int:
    """Count the audio files this reader would take: all, when the folder has a manifest.csv."""
    return max(len(files.audio), 1) if FILE_NAME in files.other else 0


def read(files: Files) -> Reading:
    """Read the folder's manifest.csv; see `read_listed`."""
    return read_listed(files.root / FILE_NAME)


def read_listed(path: str | Path) -> Reading:
    """Read the clips that a CSV file lists.

    Parameters
    ----------
    path : str or Path
        The CSV file; its folder is the root of the paths in it.

    Returns
    -------
    Reading
        One row per line, in the file's order.

    Raises
    ------
    InputError
        A column is missing, or a line has an empty cell or malformed votes. The message gives
        file and line.
    """
    table = Path(path)
    frame = read_csv(table)
    frame.columns = [name.strip().lower() for name in frame.columns]
    notes = _check_columns(table, list(frame.columns))
    names = [name for name in (*REQUIRED, *OPTIONAL) if name in frame.columns]
    root_name = table.parent.resolve().name
    rows, problems = [], []
    for line, *values in frame[names].itertuples():
        where = f"{table.name}, line {line}"
        row = _row(dict(zip(names, values, strict=True)), root_name, where)
        problem = _problem(row)
        if problem:
            problems.append(f"{where}: {problem}")
        rows.append(row)
    raise_problems(problems, f"Mend {table} and try again")
    if not rows:
        raise InputError(f"{table} has a header but no lines; list at least one clip")
    return Reading(tuple(rows), notes=notes)


def _check_columns(table: Path, columns: list[str]) -> tuple[str, ...]:
    for name in REQUIRED:
        if name not in columns:
            near = difflib.get_close_matches(name, columns, n=1, cutoff=0.5)
            hint = f"is it the column '{near[0]}'? " if near else ""
            raise InputError(
                f"{table}, line 1: no column '{name}' among {', '.join(columns)}; {hint}"
                f"required are {', '.join(REQUIRED)}"
            )
    known = {*REQUIRED, *OPTIONAL, *_MEASURED}
    ignored = [name for name in columns if name not in known]
    return (f"columns not used: {', '.join(ignored)}",) if ignored else ()


def _row(cells: dict[str, str], root_name: str, where: str) -> Row:
    # A file name may begin or end with a blank; no other cell means anything by one.
    path = cells.pop("path")
    cells = {name: cell.strip() for name, cell in cells.items()}
    cells["corpus"] = cells.get("corpus") or root_name
    cells["emotion_raw"] = cells.get("emotion_raw") or cells["emotion"]
    return Row(path=path, where=where, **cells)


def _problem(row: Row) -> str:
    """Say what is wrong with a row, "" when nothing is."""
    for name in ("speaker", "emotion"):
        if not getattr(row, name):
            return f"the cell '{name}' is empty"
    if row.votes and not _are_votes(row.votes):
        return f'votes {row.votes!r} must look like {{"angry": 2, "sad": 1}}'
    return ""


def _are_votes(text: str) -> bool:
    try:
        votes = json.loads(text)
    except ValueError:
        return False
    return isinstance(votes, dict) and all(
        isinstance(number, int | float) and not isinstance(number, bool) and 0 <= number < 1e9
        for number in votes.values()
    )
