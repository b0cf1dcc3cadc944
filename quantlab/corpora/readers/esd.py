"""Reader for ESD, ten Mandarin and ten English speakers, 350 parallel sentences, five emotions.

``0011_000351.wav`` is speaker 0011, utterance 351; the number alone gives emotion and sentence, so
both circulating folder layouts (with and without train/evaluation/test) are read the same way.
Transcripts ``<speaker>.txt`` are used where present; their encodings differ between speakers.

References
----------
Zhou et al., "Emotional voice conversion: theory, databases and ESD", Speech Communication 2022.
"""

import codecs
import re
from pathlib import Path

from quantlab.corpora.labels import canonical_emotion
from quantlab.corpora.readers.listing import Files, Reading, Row, Skipped, stem_of
from quantlab.errors import InputError

EXAMPLE = "0011_000351.wav"
EMOTIONS_IN_ORDER = ("Neutral", "Angry", "Happy", "Sad", "Surprise")
NUM_SENTENCES = 350
_LAST_EVALUATION, _LAST_TEST = 20, 50
_LAST_MANDARIN, _NUM_SPEAKERS = 10, 20
_NAME = re.compile(r"(00\d\d)_(\d{6})")
_TRANSCRIPT = re.compile(r"00\d\d\.txt")


def count(files: Files) -> int:
    """Count the audio files whose names follow the corpus's pattern."""
    return sum(_NAME.fullmatch(stem_of(path)) is not None for path in files.audio)


def read(files: Files) -> Reading:
    """Read the corpus from its file names and, where present, its transcripts."""
    transcripts: dict[str, str] = {}
    notes: list[str] = []
    for path in files.other:
        if _TRANSCRIPT.fullmatch(path.rpartition("/")[2]):
            try:
                transcripts.update(_read_transcript(files.root / path))
            except OSError as error:
                notes.append(f"transcript {path} cannot be read: {error.strerror}")
    rows, skipped = [], []
    for path in files.audio:
        row, reason = _row(path, transcripts)
        if row is None:
            skipped.append(Skipped(path, reason))
        else:
            rows.append(row)
    return Reading(tuple(rows), tuple(skipped), tuple(notes))


def _row(path: str, transcripts: dict[str, str]) -> tuple[Row | None, str]:
    match = _NAME.fullmatch(stem_of(path))
    if match is None:
        return None, f"not named like {EXAMPLE}"
    speaker, number = match[1], int(match[2])
    if not 1 <= int(speaker) <= _NUM_SPEAKERS:
        return None, f"speaker {speaker} is not one of 0001 to 00{_NUM_SPEAKERS}"
    last = NUM_SENTENCES * len(EMOTIONS_IN_ORDER)
    if not 1 <= number <= last:
        return None, f"utterance number {number} is not between 1 and {last}"
    emotion = EMOTIONS_IN_ORDER[(number - 1) // NUM_SENTENCES]
    other = _contradiction(path, emotion)
    if other:
        return None, f"lies in the folder {other!r}, but its number {number} means {emotion}"
    sentence = (number - 1) % NUM_SENTENCES + 1
    row = Row(
        path=path,
        corpus="esd",
        speaker=speaker,
        emotion=emotion,
        emotion_raw=emotion,
        language="zh" if int(speaker) <= _LAST_MANDARIN else "en",
        text_id=str(sentence),
        transcript=transcripts.get(match[0], ""),
        split=official_split_of(sentence),
    )
    return row, ""


def official_split_of(sentence: int) -> str:
    """Return the corpus's own split of a sentence (1 to 350), equal for all speakers."""
    if sentence <= _LAST_EVALUATION:
        return "evaluation"
    return "test" if sentence <= _LAST_TEST else "train"


def _contradiction(path: str, emotion: str) -> str:
    """Return the name of a folder on the path that stands for another emotion, or ""."""
    for folder in path.split("/")[:-1]:
        try:
            if canonical_emotion(folder) != canonical_emotion(emotion):
                return folder
        except InputError:
            continue
    return ""


def _read_transcript(path: Path) -> dict[str, str]:
    mandarin = int(path.stem) <= _LAST_MANDARIN
    text = decode_transcript(path.read_bytes(), mandarin=mandarin)
    found = {}
    for line in text.splitlines():
        utterance, sentence = _parse_line(line)
        if utterance:
            found[utterance] = sentence
    return found


def decode_transcript(data: bytes, *, mandarin: bool) -> str:
    """Decode a transcript whose encoding is not declared.

    UTF-16 when there is a byte-order mark, then UTF-8, then GB18030 for Mandarin speakers only
    (it would turn an English typographic apostrophe and the letter after it into one Chinese
    character), then Latin-1, which never fails.

    Parameters
    ----------
    data : bytes
        The file's content.
    mandarin : bool
        Whether the speaker is one of the Mandarin ones.

    Returns
    -------
    str
        The text.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    for encoding in ("utf-8-sig", "gb18030") if mandarin else ("utf-8-sig",):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def _parse_line(line: str) -> tuple[str, str]:
    """Split ``id TAB text TAB emotion``; in about 15 published lines a tab is missing."""
    match = _NAME.match(line.strip())
    if match is None:
        return "", ""
    rest = line.strip()[match.end() :].strip()
    text, separator, label = rest.rpartition("\t")
    if not separator:
        text, _, label = rest.rpartition(" ")
    try:
        canonical_emotion(label)
    except InputError:
        return match[0], rest
    return match[0], text.strip()
