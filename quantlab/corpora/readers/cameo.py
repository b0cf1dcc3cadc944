"""Reader for CAMEO, thirteen published corpora of emotional speech in eight languages as one.

Clips lie as ``<part>/<emotion>/<part>_00042.wav``, the number being the line of the published table
of that part. Where these tables (``cameo``'s Parquet files, ``data/<part>-00000-of-00001.parquet``)
lie in the folder too, speaker, gender and text come from them; else nobody knows who speaks. A
clip that is named as the table's column ``file_id`` is found by that name. Each part has a licence
of its own.

References
----------
Christop and Czajka, "CAMEO: Collection of Multilingual Emotional Speech Corpora", 2025,
arXiv:2505.11051.
"""

import json
import re

import pandas as pd

from quantlab.corpora.labels import canonical_emotion
from quantlab.corpora.readers.listing import (
    Files,
    Reading,
    Row,
    Skipped,
    raise_problems,
    stem_of,
)
from quantlab.errors import InputError
from quantlab.store import read_table

EXAMPLE = "nemo/anger/nemo_00042.wav"
PARTS = {
    "cafe": "fr",
    "crema_d": "en",
    "emns": "en",
    "emozionalmente": "it",
    "enterface": "en",
    "jl_corpus": "en",
    "mesd": "es",
    "nemo": "pl",
    "oreau": "fr",
    "pavoque": "de",
    "ravdess": "en",
    "resd": "ru",
    "subesco": "bn",
}
# Styles and states of single parts that are none of the canonical emotions.
_OTHER = {
    "anxiety", "apology", "assertiveness", "concern", "encouragement", "enthusiasm", "poker",
    "sarcasm",
}  # fmt: skip
_PLACE = re.compile(r"(?:.*/)?(\w+)/(\w+)/([^/]+)\.\w+")
_NUMBERED = re.compile(r"(\w+)_(\d{5})")
_TABLE = re.compile(r"(?:.*/)?(\w+)-\d{5}-of-\d{5}\.parquet")
_COLUMNS = ["file_id", "emotion", "transcription", "speaker_id", "gender", "age"]


def _parts(path: str) -> tuple[str, str] | None:
    """Return part and emotion of a clip by where it lies; None where it lies elsewhere."""
    match = _PLACE.fullmatch(path)
    return (match[1], match[2]) if match and match[1] in PARTS else None


def count(files: Files) -> int:
    """Count the clips that lie in a part's folder of an emotion and are numbered as its lines."""
    return sum(
        (found := _parts(path)) is not None
        and (number := _NUMBERED.fullmatch(stem_of(path))) is not None
        and number[1] == found[0]
        for path in files.audio
    )


def read(files: Files) -> Reading:
    """Read the clips from where they lie, and the published tables where they are in the folder.

    Raises
    ------
    InputError
        A table lacks a column, or says another emotion of a clip than its folder.
    """
    lines, described = _lines(files)
    rows, skipped, problems = [], [], []
    without: set[str] = set()
    for path in files.audio:
        found = _parts(path)
        if found is None:
            skipped.append(Skipped(path, f"does not lie as {EXAMPLE} does"))
            continue
        part, emotion = found
        line = lines.get(path.rpartition("/")[2], lines.get(stem_of(path), {}))
        if part not in described:
            without.add(part)
        elif not line:
            skipped.append(Skipped(path, f"the table of {part} has no such clip"))
            continue
        elif line["emotion"].lower() != emotion.lower():
            problems.append(f"{path}: the table of {part} says {line['emotion']!r}")
        rows.append(_row(path, part, emotion, line))
    raise_problems(problems, "The numbers are those of another release: write the clips anew")
    notes = ()
    if without:
        notes = (
            f"no table of {', '.join(sorted(without))}: all clips of a part count as one speaker; "
            "copy the published Parquet files into the folder",
        )
    return Reading(tuple(rows), tuple(skipped), notes)


def _lines(files: Files) -> tuple[dict[str, dict[str, str]], set[str]]:
    """Return what the published tables say of a clip, and the parts that have a table.

    A line is found by its ``file_id`` and by part and number. The audio in the tables is not read.
    """
    found: dict[str, list[str]] = {}
    for path in files.other:
        match = _TABLE.fullmatch(path)
        if match and match[1] in PARTS:
            found.setdefault(match[1], []).append(path)
    lines: dict[str, dict[str, str]] = {}
    for part, paths in found.items():
        tables = [read_table(files.root / path, columns=_COLUMNS) for path in sorted(paths)]
        whole = pd.concat(tables, ignore_index=True).fillna("").astype(str)
        for number, line in enumerate(whole.to_dict("records")):
            lines[f"{part}_{number:05d}"] = lines[line["file_id"]] = line
    return lines, set(found)


def _row(path: str, part: str, emotion: str, line: dict[str, str]) -> Row:
    age = line.get("age", "")
    return Row(
        path=path,
        corpus=f"cameo-{part}",
        # Without a speaker all clips of a part count as one: nothing can leak unseen.
        speaker=line.get("speaker_id") or f"cameo-{part}-unknown",
        emotion=_canonical(emotion),
        emotion_raw=emotion,
        language=PARTS[part],
        gender=line.get("gender", "").lower(),
        transcript=line.get("transcription", ""),
        attributes=json.dumps({"age": age}) if age else "",
    )


def _canonical(emotion: str) -> str:
    """Return the emotion as the index understands it; unknown words stay, to be refused there."""
    if emotion.lower() in _OTHER:
        return "other"
    try:
        return canonical_emotion(emotion)
    except InputError:
        return emotion
