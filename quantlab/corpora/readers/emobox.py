"""Reader for corpora as EmoBox describes them: JSONL files with one clip in every line.

A line has ``key``, ``wav`` and ``emo``, mostly ``dataset`` and sometimes ``speaker``. Paths are
relative to the folder that is read. A ``label_map.json`` beside the lines translates their labels.
Where there are folds (``fold_3/…_test_3.jsonl``), a clip's split is the fold that tests it.

References
----------
Ma et al., "EmoBox: Multilingual Multi-corpus Speech Emotion Recognition Toolkit and Benchmark",
Interspeech 2024.
"""

import re
from typing import Any

from quantlab.corpora.readers.lines import cell, json_lines
from quantlab.corpora.readers.listing import Files, Reading, Row, raise_problems
from quantlab.errors import InputError
from quantlab.store import read_json

_TEST = re.compile(r"(?:.*/)?fold_?(\d+)/[^/]*test[^/]*\.jsonl", re.IGNORECASE)
_PART = re.compile(r"(?:.*/)?fold_?\d+/[^/]*\.jsonl", re.IGNORECASE)
_LABELS = "label_map.json"


def count(files: Files) -> int:
    """Return whether the folder holds JSONL files whose first line is one of EmoBox's."""
    for path in _tables(files):
        try:
            first = next(json_lines(files.root / path, path), None)
        except InputError:
            continue
        if first is not None and {"key", "wav", "emo"} <= set(first[1]):
            return max(len(files.audio), 1)
    return 0


def _tables(files: Files) -> list[str]:
    return [path for path in files.other if path.lower().endswith(".jsonl")]


def read(files: Files) -> Reading:
    """Read the lines of all JSONL files; a clip of several files counts once.

    Raises
    ------
    InputError
        A line lacks something, names what is no local file, or contradicts an earlier one.
    """
    tables = _tables(files)
    labels = _label_map(files)
    folds = {key: fold for path in tables for key, fold in _tested(files, path)}
    rows: dict[str, Row] = {}
    problems: list[str] = []
    for path in sorted(tables, key=lambda path: (_PART.fullmatch(path) is not None, path)):
        for number, line in json_lines(files.root / path, path):
            where = f"{path}, line {number}"
            key = cell(line.get("key"))
            problem = _problem(line)
            if problem:
                problems.append(f"{where}: {problem}")
                continue
            row = _row(line, labels, f"fold{folds[key]}" if key in folds else "", where)
            earlier = rows.setdefault(key, row)
            if (earlier.path, earlier.emotion) != (row.path, row.emotion):
                problems.append(f"{where}: {key!r} is another clip in {earlier.where}")
    raise_problems(problems, "Mend the file and try again")
    if not rows:
        raise InputError(f"{files.root} has no JSONL file with a line; copy EmoBox's data into it")
    return Reading(tuple(rows.values()))


def _problem(line: dict[str, Any]) -> str:
    for name in ("key", "wav", "emo"):
        if not cell(line.get(name)):
            return f"{name!r} is missing or no text"
    wav = cell(line["wav"])
    if line.get("type", "file") in ("command", "url") or "://" in wav or wav.rstrip().endswith("|"):
        return f"wav {wav!r} is no local file; only files under the folder are read"
    return ""


def _row(line: dict[str, Any], labels: dict[str, str], split: str, where: str) -> Row:
    raw = cell(line["emo"])
    corpus = cell(line.get("dataset")).lower() or "emobox"
    return Row(
        path=cell(line["wav"]),
        corpus=corpus,
        # Without a speaker all clips of a corpus count as one: nothing can leak unseen.
        speaker=cell(line.get("speaker")) or f"{corpus}-unknown",
        emotion=labels.get(raw, raw),
        emotion_raw=raw,
        language=cell(line.get("language")),
        gender=cell(line.get("gender")).lower(),
        transcript=cell(line.get("text")),
        split=split,
        where=where,
    )


def _tested(files: Files, path: str) -> list[tuple[str, str]]:
    """Return key and fold of every clip that a fold's test file names."""
    match = _TEST.fullmatch(path)
    if match is None:
        return []
    lines = json_lines(files.root / path, path)
    return [(cell(line.get("key")), match[1]) for _, line in lines]


def _label_map(files: Files) -> dict[str, str]:
    found = [path for path in files.other if path.rpartition("/")[2] == _LABELS]
    if not found:
        return {}
    values = read_json(files.root / found[0])
    if not isinstance(values, dict) or not all(isinstance(word, str) for word in values.values()):
        raise InputError(f"{found[0]} must be one object from labels to emotions")
    return values
