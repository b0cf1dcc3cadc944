"""Reader for TESS, 200 words by two English women in seven emotions (CC BY-NC-ND 4.0).

``OAF_back_angry.wav``: speaker (OAF older, YAF younger), word, emotion; ``ps`` is pleasant
surprise. In some releases ``OAF_bite_neutral`` is misspelt ``OA_bite_neutral``, and a common copy
holds every file twice: one of each is kept.

References
----------
Dupuis and Pichora-Fuller, "Toronto emotional speech set (TESS)", University of Toronto 2010.
"""

import json
import re

from quantlab.corpora.readers.listing import Files, Reading, Row, Skipped, first_of_name, stem_of

EXAMPLE = "OAF_back_angry.wav"
EMOTIONS = {
    "angry": "angry",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happy",
    "neutral": "neutral",
    "ps": "surprise",
    "sad": "sad",
}
_AGES = {"OAF": "64", "YAF": "26"}
_NAME = re.compile(r"(OAF|OA|YAF)_([A-Za-z]+)_(angry|disgust|fear|happy|neutral|ps|sad)")


def count(files: Files) -> int:
    """Count the audio files whose names follow the corpus's pattern."""
    return sum(_NAME.fullmatch(stem_of(path)) is not None for path in files.audio)


def read(files: Files) -> Reading:
    """Read the corpus from its file names, wherever under the folder they lie."""
    kept, twice = first_of_name(files.audio)
    rows, skipped = [], list(twice)
    for path in kept:
        match = _NAME.fullmatch(stem_of(path))
        if match is None:
            skipped.append(Skipped(path, f"not named like {EXAMPLE}"))
            continue
        speaker = "OAF" if match[1] == "OA" else match[1]
        word = match[2].lower()
        rows.append(
            Row(
                path=path,
                corpus="tess",
                speaker=speaker,
                emotion=EMOTIONS[match[3]],
                emotion_raw=match[3],
                language="en",
                gender="female",
                text_id=word,
                transcript=f"Say the word {word}.",
                attributes=json.dumps({"age": _AGES[speaker]}),
            )
        )
    return Reading(tuple(rows), tuple(skipped))
