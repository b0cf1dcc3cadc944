"""Reader for the speech of RAVDESS, two English sentences by 24 actors in eight emotions.

``03-01-06-01-02-01-12.wav``: modality, vocal channel, emotion, intensity, statement, repetition,
actor (odd male, even female). Songs and pictures are left out. A common copy holds every file twice
(``audio_speech_actors_01-24/Actor_01/…`` beside ``Actor_01/…``): one of each is kept. CC BY-NC-SA.

References
----------
Livingstone and Russo, "The Ryerson Audio-Visual Database of Emotional Speech and Song", PLoS ONE
2018.
"""

import json
import re

from quantlab.corpora.readers.listing import Files, Reading, Row, Skipped, first_of_name, stem_of

EXAMPLE = "03-01-06-01-02-01-12.wav"
EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgust",
    "08": "surprised",
}
STATEMENTS = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}
_CANONICAL = {"fearful": "fear", "surprised": "surprise"}
_INTENSITIES = {"01": "normal", "02": "strong"}
_NAME = re.compile(r"(0[123])-(0[12])-(0[1-8])-(0[12])-(0[12])-(0[12])-([01]\d|2[0-4])")


def count(files: Files) -> int:
    """Count the audio files whose names follow the corpus's pattern."""
    return sum(_NAME.fullmatch(stem_of(path)) is not None for path in files.audio)


def read(files: Files) -> Reading:
    """Read the corpus from its file names, wherever under the folder they lie."""
    kept, twice = first_of_name(files.audio)
    rows, skipped = [], list(twice)
    for path in kept:
        match = _NAME.fullmatch(stem_of(path))
        if match is None or match[7] == "00":
            skipped.append(Skipped(path, f"not named like {EXAMPLE}"))
            continue
        modality, channel, emotion, intensity, statement, repetition, actor = match.groups()
        if (modality, channel) != ("03", "01"):
            what = "a song" if channel == "02" else "a soundtrack of a video"
            skipped.append(Skipped(path, f"{what}; speech recordings (03-01-…) are read"))
            continue
        attributes = {"intensity": _INTENSITIES[intensity], "repetition": int(repetition)}
        raw = EMOTIONS[emotion]
        rows.append(
            Row(
                path=path,
                corpus="ravdess",
                speaker=actor,
                emotion=_CANONICAL.get(raw, raw),
                emotion_raw=raw,
                language="en",
                gender="male" if int(actor) % 2 else "female",
                text_id=statement,
                transcript=STATEMENTS[statement],
                attributes=json.dumps(attributes, sort_keys=True),
            )
        )
    return Reading(tuple(rows), tuple(skipped))
