"""Reader for MSP-IMPROV, twelve speakers in six sessions of improvised English dialogs.

Labels stand in ``Evaluation.txt`` (``Evalution.txt`` in some releases): a line for each clip, then
one for each evaluator. ``MSP-IMPROV-S01A-F01-P-FM01`` is sentence 01, intended emotion A, speaker
F01, scenario P. Clips without a majority (X) are left out. The target sentence is a clip's text
only where it is spoken as such (scenarios R, read, and T, improvised); elsewhere the words are free
and every clip is a text of its own.

References
----------
Busso et al., "MSP-IMPROV: an acted corpus of dyadic interactions to study emotion perception", IEEE
Transactions on Affective Computing 2017.
"""

import json
import math
import re
from dataclasses import dataclass

from quantlab.corpora.readers.lines import text_lines
from quantlab.corpora.readers.listing import Files, Reading, Row, Skipped, raise_problems, stem_of
from quantlab.corpora.votes import count_votes
from quantlab.errors import InputError

EXAMPLE = "MSP-IMPROV-S01A-F01-P-FM01.wav"
TABLES = ("evaluation.txt", "evalution.txt")
LETTERS = {"A": "angry", "H": "happy", "S": "sad", "N": "neutral", "O": "other"}
NO_MAJORITY = "X"
SCALES = {"A": "arousal", "V": "valence", "D": "dominance", "N": "naturalness"}
_NAME = re.compile(r"(?:MSP|UTD)-IMPROV-S(\d\d)([A-Z])-([FM])(\d\d)-([TRSP])-(\w+)")
_CLIP_LINE = re.compile(r"(?:MSP|UTD)-IMPROV-")
_TARGET_SPOKEN = ("R", "T")


@dataclass
class _Clip:
    """One clip as its line in the table describes it, votes gathered line by line.

    `parts` are sentence, intended emotion, sex, pair, scenario and turn of its name.
    """

    where: str
    name: str
    parts: tuple[str, ...]
    letter: str
    scales: dict[str, float]
    annotators: list[list[str]]


def count(files: Files) -> int:
    """Count the audio files whose names follow the corpus's pattern."""
    return sum(_NAME.fullmatch(stem_of(path)) is not None for path in files.audio)


def read(files: Files) -> Reading:
    """Read labels, votes and scales from the table of evaluations.

    Raises
    ------
    InputError
        There is no such table, or a line of it is malformed; with file and line.
    """
    tables = [path for path in files.other if path.rpartition("/")[2].lower() in TABLES]
    if not tables:
        raise InputError(
            f"{files.root} has no Evaluation.txt, which holds MSP-IMPROV's labels; copy it from "
            "the corpus into this folder"
        )
    labels = _labels(files, min(tables, key=lambda path: (path.count("/"), path)))
    rows, skipped, seen = [], [], {}
    for path in files.audio:
        name = _key(stem_of(path))
        reason = _unusable(name, labels, seen)
        if reason:
            skipped.append(Skipped(path, reason))
        else:
            rows.append(_row(labels[name], path))
        seen.setdefault(name, path)
    absent = (clip for name, clip in labels.items() if name not in seen)
    skipped += [
        Skipped(f"MSP-{clip.name}.wav", f"{clip.where} labels it, but it is absent")
        for clip in absent
    ]
    return Reading(tuple(rows), tuple(skipped))


def _key(stem: str) -> str:
    """Return a clip's name without its first part: the table writes UTD where files say MSP."""
    return stem.partition("-")[2] if _NAME.fullmatch(stem) else stem


def _unusable(name: str, labels: dict[str, _Clip], seen: dict[str, str]) -> str:
    if name in seen:
        return f"the same clip as {seen[name]}"
    if name not in labels:
        known = _NAME.fullmatch(f"MSP-{name}")
        return "the evaluations do not label it" if known else f"not named like {EXAMPLE}"
    return "evaluators did not agree (X)" if labels[name].letter == NO_MAJORITY else ""


def _labels(files: Files, table: str) -> dict[str, _Clip]:
    clips: dict[str, _Clip] = {}
    problems, current = [], None
    for number, line in text_lines(files.root / table):
        where = f"{table}, line {number}"
        cells = [part.strip() for part in line.split(";")]
        if _CLIP_LINE.match(line):
            current, problem = _clip(cells, where)
            if current is not None and current.name in clips:
                problem = f"{cells[0]!r} stands already in {clips[current.name].where}"
            if problem:
                problems.append(f"{where}: {problem}")
            elif current is not None:
                clips[current.name] = current
        elif current is not None and len(cells) > 1:
            current.annotators.append([cells[1]])
    raise_problems(problems, f"Restore {table} from the corpus and try again")
    return clips


def _clip(cells: list[str], where: str) -> tuple[_Clip | None, str]:
    name, suffix, _ = cells[0].rpartition(".")
    stem = name if suffix else cells[0]
    parts = _NAME.fullmatch(stem)
    if parts is None:
        return None, f"clip {cells[0]!r} is not named like UTD-IMPROV-S01A-F01-P-FM01.avi"
    letter = cells[1] if len(cells) > 1 else ""
    if letter not in (*LETTERS, NO_MAJORITY):
        return None, f"label {letter!r} is none of {', '.join((*LETTERS, NO_MAJORITY))}"
    scales = {}
    for cell in filter(None, cells[2:]):
        key, _, number = cell.partition(":")
        value = _number(number)
        if key.strip() not in SCALES or value is None:
            return None, f"{cell!r} is not like A:2.4, with one of {', '.join(SCALES)}"
        # Not rated is written NaN.
        if math.isfinite(value):
            scales[SCALES[key.strip()]] = value
    return _Clip(where, _key(stem), parts.groups(), letter, scales, []), ""


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _row(clip: _Clip, path: str) -> Row:
    sentence, intended, sex, pair, scenario, _turn = clip.parts
    attributes = {
        "intended": LETTERS.get(intended, intended),
        "scenario": scenario,
        **clip.scales,
    }
    return Row(
        path=path,
        corpus="msp-improv",
        speaker=f"{sex}{pair}",
        emotion=LETTERS[clip.letter],
        emotion_raw=clip.letter,
        language="en",
        gender="female" if sex == "F" else "male",
        text_id=sentence if scenario in _TARGET_SPOKEN else clip.name,
        votes=count_votes(clip.annotators),
        session=str(int(pair)),
        attributes=json.dumps(attributes, sort_keys=True),
        where=clip.where,
    )
