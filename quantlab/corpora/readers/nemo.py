"""Reader for nEMO, Polish acted speech of six emotions (CC BY-NC-SA 4.0).

Two layouts: the published one, ``data.tsv`` beside ``samples/``, and bare file names such as
``EB0_anger_1.flac`` (speaker, emotion, sentence).

References
----------
Christop, "nEMO: Dataset of Emotional Speech in Polish", LREC-COLING 2024.
"""

import re

from quantlab.corpora.readers.listing import Files, Reading, Row, Skipped, stem_of
from quantlab.errors import InputError
from quantlab.store import read_csv

EXAMPLE = "EB0_anger_1.wav"
TABLE = "data.tsv"
COLUMNS = ("file_id", "emotion", "raw_text", "speaker_id", "gender")
_NAME = re.compile(r"([A-Z]{2}\d)_(anger|fear|happiness|neutral|sadness|surprised)_(\d+)")
# As data.tsv has them, for copies that come without it.
_GENDERS = {
    "EB0": "female",
    "IC0": "female",
    "KD0": "female",
    "KS0": "male",
    "MK0": "female",
    "MP0": "male",
    "SM0": "male",
    "TP0": "male",
    "WR0": "male",
}


def count(files: Files) -> int:
    """Count the audio files whose names follow the corpus's pattern."""
    return sum(_NAME.fullmatch(stem_of(path)) is not None for path in files.audio)


def read(files: Files) -> Reading:
    """Read the corpus from its table when there is one, else from the file names.

    Raises
    ------
    InputError
        data.tsv lacks a column.
    """
    tables = [path for path in files.other if path.rpartition("/")[2] == TABLE]
    if tables:
        return _read_table(files, min(tables, key=lambda path: (path.count("/"), path)))
    rows, skipped = [], []
    for path in files.audio:
        match = _NAME.fullmatch(stem_of(path))
        if match is None:
            skipped.append(Skipped(path, f"not named like {EXAMPLE}"))
            continue
        speaker, emotion, sentence = match.groups()
        rows.append(_row(path, speaker, emotion, sentence, gender=_GENDERS.get(speaker, "")))
    return Reading(tuple(rows), tuple(skipped))


def _row(
    path: str,
    speaker: str,
    emotion: str,
    sentence: str,
    *,
    gender: str,
    transcript: str = "",
    where: str = "",
) -> Row:
    return Row(
        path=path,
        corpus="nemo",
        speaker=speaker,
        emotion=emotion,
        emotion_raw=emotion,
        language="pl",
        gender=gender,
        text_id=sentence,
        transcript=transcript,
        where=where,
    )


def _read_table(files: Files, table: str) -> Reading:
    frame = read_csv(files.root / table)
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise InputError(
            f"{table}, line 1: no column '{missing[0]}'; nEMO's table has {', '.join(COLUMNS)}"
        )
    folder = table.rpartition("/")[0]
    samples = f"{folder}/samples/" if folder else "samples/"
    rows, listed = [], set()
    for line, *cells in frame[list(COLUMNS)].itertuples():
        # The published table pads speaker_id with eight spaces.
        file_id, emotion, text, speaker, gender = (str(cell).strip() for cell in cells)
        where = f"{table}, line {line}"
        path = samples + (file_id if "." in file_id else f"{file_id}.wav")
        sentence = stem_of(path).rpartition("_")[2]
        rows.append(
            _row(path, speaker, emotion, sentence, gender=gender, transcript=text, where=where)
        )
        listed.add(path)
    unlisted = [Skipped(path, f"not in {table}") for path in files.audio if path not in listed]
    return Reading(tuple(rows), tuple(unlisted))
