"""Lines of text and of JSON with their numbers, for readers whose corpora come with such tables."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quantlab.errors import InputError
from quantlab.store import read_bytes


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line numbers from 1 and lines without blanks at their ends.

    UTF-8, or Latin-1 where that fails: comments of annotators hold single stray bytes.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    data = read_bytes(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        yield number, line.strip()


def json_lines(path: Path, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield line numbers and objects of a JSONL file; empty lines are passed over.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        What messages call it.

    Raises
    ------
    InputError
        The file cannot be read, or a line is not UTF-8 or no JSON object; with the line's number.
    """
    for number, raw in enumerate(read_bytes(path).split(b"\n"), start=1):
        if not raw.strip():
            continue
        try:
            value = json.loads(raw.decode("utf-8-sig"), parse_constant=_refuse_constant)
        except UnicodeDecodeError as error:
            raise InputError(f"{name}, line {number}: not UTF-8 text; save it as UTF-8") from error
        except (ValueError, RecursionError) as error:
            raise InputError(f"{name}, line {number}: not JSON ({error}); mend the line") from error
        if not isinstance(value, dict):
            raise InputError(
                f"{name}, line {number}: {str(value)[:40]!r} is no JSON object such as "
                '{"key": "value"}'
            )
        yield number, value


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON number")


def cell(value: Any) -> str:
    """Return a JSON value or table cell as text; None and what is no scalar as ""."""
    if isinstance(value, bool) or value is None or isinstance(value, dict | list):
        return ""
    if isinstance(value, float):
        return "" if value != value else f"{value:g}"
    return str(value).strip()
