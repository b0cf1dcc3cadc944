"""Reader for CREMA-D, twelve English sentences by 91 actors in six emotions (ODbL).

``1001_DFA_ANG_XX.wav`` is actor 1001, sentence DFA, anger, level not specified. Ages and sexes come
from ``VideoDemographics.csv``, votes of the listeners from ``finishedResponses.csv``, where these
tables lie beside the audio. `1076_MTI_SAD_XX` is silent in the published corpus.

References
----------
Cao et al., "CREMA-D: Crowd-Sourced Emotional Multimodal Actors Dataset", IEEE Transactions on
Affective Computing 2014.
"""

import json
import re
from collections import Counter

from quantlab.corpora.readers.listing import Files, Reading, Row, Skipped, stem_of
from quantlab.errors import InputError
from quantlab.store import read_csv

EXAMPLE = "1001_DFA_ANG_XX.wav"
SENTENCES = {
    "IEO": "It's eleven o'clock.",
    "TIE": "That is exactly what happened.",
    "IOM": "I'm on my way to the meeting.",
    "IWW": "I wonder what this is about.",
    "TAI": "The airplane is almost full.",
    "MTI": "Maybe tomorrow it will be cold.",
    "IWL": "I would like a new alarm clock.",
    "ITH": "I think I have a doctor's appointment.",
    "DFA": "Don't forget a jacket.",
    "ITS": "I think I've seen this before.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
EMOTIONS = {
    "ANG": "angry",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}
_LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": "unspecified"}
_NAME = re.compile(r"(1\d{3})_([A-Z]{3})_([A-Z]{3})_([A-Z]{1,2})")
_PEOPLE, _VOTES = "VideoDemographics.csv", "finishedResponses.csv"
_LETTERS = {"A": "angry", "D": "disgust", "F": "fear", "H": "happy", "N": "neutral", "S": "sad"}


def count(files: Files) -> int:
    """Count the audio files whose names follow the corpus's pattern."""
    return sum(
        match is not None and match[2] in SENTENCES
        for match in (_NAME.fullmatch(stem_of(path)) for path in files.audio)
    )


def read(files: Files) -> Reading:
    """Read the corpus from its file names and, where present, its tables.

    Raises
    ------
    InputError
        A table lacks a column.
    """
    people = _table(files, _PEOPLE, ("ActorID", "Age", "Sex"))
    votes = _count_votes(_table(files, _VOTES, ("clipName", "respEmo", "queryType")))
    known = {cells["ActorID"]: cells for cells in people}
    rows, skipped = [], []
    irregular = 0
    for path in files.audio:
        match = _NAME.fullmatch(stem_of(path))
        if match is None or match[2] not in SENTENCES or match[3] not in EMOTIONS:
            skipped.append(Skipped(path, f"not named like {EXAMPLE}"))
            continue
        actor, sentence, emotion, level = match.groups()
        irregular += level not in _LEVELS
        person = known.get(actor, {})
        attributes = {"intensity": _LEVELS.get(level, level)}
        if person.get("Age", "").isdigit():
            attributes["age"] = person["Age"]
        rows.append(
            Row(
                path=path,
                corpus="crema-d",
                speaker=actor,
                emotion=EMOTIONS[emotion],
                emotion_raw=emotion,
                language="en",
                gender=person.get("Sex", "").lower(),
                text_id=sentence,
                transcript=SENTENCES[sentence],
                votes=votes.get(stem_of(path), ""),
                attributes=json.dumps(attributes, sort_keys=True),
            )
        )
    notes = []
    if irregular:
        notes.append(f"{irregular} clips have a level other than LO, MD, HI and XX; kept as it is")
    return Reading(tuple(rows), tuple(skipped), tuple(notes))


def _table(files: Files, name: str, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """Return the lines of a table as dictionaries; none where the table is not there."""
    found = [path for path in files.other if path.rpartition("/")[2] == name]
    if not found:
        return []
    frame = read_csv(files.root / found[0])
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise InputError(
            f"{found[0]}, line 1: no column {missing[0]!r}; CREMA-D's table has "
            f"{', '.join(columns)} among others"
        )
    return [
        {column: str(cell).strip() for column, cell in zip(columns, cells, strict=True)}
        for cells in frame[list(columns)].itertuples(index=False)
    ]


def _count_votes(responses: list[dict[str, str]]) -> dict[str, str]:
    """Count what listeners heard in the audio alone (query type 1), clip by clip."""
    heard: dict[str, Counter[str]] = {}
    for cells in responses:
        emotion = _LETTERS.get(cells["respEmo"])
        if emotion and cells["queryType"] == "1":
            heard.setdefault(cells["clipName"], Counter())[emotion] += 1
    return {clip: json.dumps(dict(sorted(votes.items()))) for clip, votes in heard.items()}
