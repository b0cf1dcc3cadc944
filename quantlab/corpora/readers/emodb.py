"""Reader for EmoDB, German acted speech of seven emotions, from its file names.

``03a01Wa.wav`` is speaker 03, text a01, emotion W (Wut, anger), version a.

References
----------
Burkhardt et al., "A database of German emotional speech", Interspeech 2005.
"""

import re

from quantlab.corpora.readers.listing import Files, Reading, Row, Skipped, stem_of

EXAMPLE = "03a01Wa.wav"
MALE = ("03", "10", "11", "12", "15")
FEMALE = ("08", "09", "13", "14", "16")
LETTERS = {
    "W": "angry",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happy",
    "T": "sad",
    "N": "neutral",
}
_NAME = re.compile(r"(\d\d)([ab]\d\d)([A-Z])([a-z])")


def count(files: Files) -> int:
    """Count the audio files whose names follow the corpus's pattern."""
    return sum(_NAME.fullmatch(stem_of(path)) is not None for path in files.audio)


def read(files: Files) -> Reading:
    """Read the corpus from its file names, wherever under the folder they lie."""
    rows, skipped = [], []
    for path in files.audio:
        match = _NAME.fullmatch(stem_of(path))
        if match is None:
            skipped.append(Skipped(path, f"not named like {EXAMPLE}"))
            continue
        speaker, text, letter, _version = match.groups()
        rows.append(
            Row(
                path=path,
                corpus="emodb",
                speaker=speaker,
                emotion=LETTERS.get(letter, letter),
                emotion_raw=letter,
                language="de",
                gender="male" if speaker in MALE else "female" if speaker in FEMALE else "",
                text_id=text,
            )
        )
    return Reading(tuple(rows), tuple(skipped))
