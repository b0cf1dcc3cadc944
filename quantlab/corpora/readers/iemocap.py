"""Reader for IEMOCAP, ten speakers in five sessions of acted and improvised English dialogs.

Labels stand in ``SessionN/dialog/EmoEvaluation/<dialog>.txt``, clips in ``SessionN/sentences/wav``.
The letter *after* the dialog's name says who speaks: ``Ses01F_impro01_M000`` is spoken by Ses01M;
the letter before it only says whose face was recorded. Votes are those of the outside annotators
(lines C-E); what the actors said of themselves (C-F, C-M) is no vote. Turns without a majority
(xxx) are left out. A text_id names the turn of a script; turns of two sessions with one number may
still differ in their words, and improvised turns have the name of the session before them.

References
----------
Busso et al., "IEMOCAP: interactive emotional dyadic motion capture database", Language Resources
and Evaluation 2008.
"""

import json
import re
from dataclasses import dataclass

from quantlab.corpora.readers.lines import text_lines
from quantlab.corpora.readers.listing import Files, Reading, Row, Skipped, raise_problems, stem_of
from quantlab.corpora.votes import count_votes
from quantlab.errors import InputError

EXAMPLE = "Ses01F_impro01_F000.wav"
LABELS = "dialog/EmoEvaluation"
NO_MAJORITY = "xxx"
_DIALOG = re.compile(r"Ses0[1-5][FM]_(?:impro|script)\w*")
_TURN = re.compile(r"Ses0([1-5])[FM]_((?:impro|script)\w*)_([FM])(\w{3})")
_NUMBER = r"\s*(-?\d+(?:\.\d+)?)\s*"
_SUMMARY = re.compile(
    r"\[[^\]]*\]\s+(?P<turn>\S+)\s+(?P<code>[A-Za-z]+)\s+"
    rf"\[(?P<valence>{_NUMBER}),(?P<arousal>{_NUMBER}),(?P<dominance>{_NUMBER})\]"
)
_VOTE = re.compile(r"C-E\w*:([^(]*)")
_SPOKEN = re.compile(r"(Ses0\w+)\s*\[[^\]]*\]:\s*(.*)")


@dataclass
class _Turn:
    """One turn as its dialog's file describes it, votes gathered line by line.

    `session`, `scene`, `letter` and `number` are the parts of its name.
    """

    where: str
    name: str
    session: str
    scene: str
    letter: str
    number: str
    code: str
    attributes: str
    annotators: list[list[str]]


def count(files: Files) -> int:
    """Count the audio files that are named like turns of dialogs."""
    return sum(_TURN.fullmatch(stem_of(path)) is not None for path in files.audio)


def read(files: Files) -> Reading:
    """Read labels and votes from the evaluation files, texts from the transcriptions if there.

    Raises
    ------
    InputError
        There is no evaluation file, or a line of one is malformed; with file and line.
    """
    tables = [path for path in files.other if _is_evaluation(path)]
    if not tables:
        raise InputError(
            f"{files.root} has no SessionN/{LABELS}/<dialog>.txt, which hold IEMOCAP's labels; "
            "give the folder that holds Session1 to Session5 whole"
        )
    spoken = _transcripts(files)
    clips, skipped, num_dialogs = _clips(files)
    rows, labelled = [], set()
    for turn in _turns(files, tables):
        labelled.add(turn.name)
        if turn.name not in clips:
            skipped.append(Skipped(f"{turn.name}.wav", f"{turn.where} labels it, but it is absent"))
        elif turn.code == NO_MAJORITY:
            skipped.append(Skipped(clips[turn.name], "annotators did not agree (xxx)"))
        else:
            rows.append(_row(turn, clips[turn.name], spoken.get(turn.name, "")))
    skipped += [
        Skipped(path, "no evaluation file labels it")
        for name, path in clips.items()
        if name not in labelled
    ]
    notes = (f"{num_dialogs} recordings of whole dialogs not used",) if num_dialogs else ()
    return Reading(tuple(rows), tuple(skipped), notes)


def _is_evaluation(path: str) -> bool:
    # Its sub-folders hold the same judgements once more, one file per annotator.
    folder, _, name = path.rpartition("/")
    return f"/{folder}".endswith(f"/{LABELS}") and name.endswith(".txt")


def _clips(files: Files) -> tuple[dict[str, str], list[Skipped], int]:
    """Return the clip of each turn, what is no clip or there twice, and the number of dialogs."""
    clips: dict[str, str] = {}
    skipped, num_dialogs = [], 0
    for path in files.audio:
        name = stem_of(path)
        if _TURN.fullmatch(name) is None:
            if _DIALOG.fullmatch(name):
                num_dialogs += 1
            else:
                skipped.append(Skipped(path, f"not named like {EXAMPLE}"))
        elif name in clips:
            skipped.append(Skipped(path, f"the same turn as {clips[name]}"))
        else:
            clips[name] = path
    return clips, skipped, num_dialogs


def _turns(files: Files, tables: list[str]) -> list[_Turn]:
    turns: dict[str, _Turn] = {}
    problems = []
    for table in tables:
        current = None
        for number, line in text_lines(files.root / table):
            where = f"{table}, line {number}"
            if line.startswith("["):
                current, problem = _summary(line, where)
                if current is not None and current.name in turns:
                    problem = f"turn {current.name} stands already in {turns[current.name].where}"
                if problem:
                    problems.append(f"{where}: {problem}")
                elif current is not None:
                    turns[current.name] = current
            elif current is not None and (vote := _VOTE.match(line)):
                current.annotators.append(vote[1].split(";"))
    raise_problems(problems, "Restore the file from the corpus and try again")
    return list(turns.values())


def _summary(line: str, where: str) -> tuple[_Turn | None, str]:
    match = _SUMMARY.fullmatch(line)
    if match is None:
        return None, f"{line[:80]!r} is not like '[start - end] turn emotion [V, A, D]'"
    name = match["turn"]
    parts = _TURN.fullmatch(name)
    if parts is None:
        return None, f"turn {name!r} is not named like {EXAMPLE.removesuffix('.wav')}"
    means = {key: float(match[key]) for key in ("arousal", "dominance", "valence")}
    about = json.dumps(means, sort_keys=True)
    turn = _Turn(
        where,
        name,
        session=parts[1],
        scene=parts[2],
        letter=parts[3],
        number=parts[4],
        code=match["code"].lower(),
        attributes=about,
        annotators=[],
    )
    return turn, ""


def _transcripts(files: Files) -> dict[str, str]:
    """Return what is said in each turn, as far as the transcriptions tell."""
    spoken = {}
    for path in files.other:
        if f"/{path}".endswith(".txt") and "/dialog/transcriptions/" in f"/{path}":
            for _, line in text_lines(files.root / path):
                match = _SPOKEN.fullmatch(line)
                if match:
                    spoken[match[1]] = match[2].strip()
    return spoken


def _row(turn: _Turn, path: str, transcript: str) -> Row:
    scripted = turn.scene.startswith("script")
    return Row(
        path=path,
        corpus="iemocap",
        speaker=f"Ses0{turn.session}{turn.letter}",
        emotion=turn.code,
        emotion_raw=turn.code,
        language="en",
        gender="female" if turn.letter == "F" else "male",
        text_id=f"{turn.scene}_{turn.letter}{turn.number}" if scripted else turn.name,
        transcript=transcript,
        votes=count_votes(turn.annotators),
        session=turn.session,
        attributes=turn.attributes,
        where=turn.where,
    )
