"""Reader for SAVEE, four English men in seven emotions (research, on request).

``DC_a01.wav`` or ``DC/a01.wav``: speaker, emotion letters (``su`` and ``sa`` before ``s``),
number. The number says which sentence it was only within a speaker and an emotion.

References
----------
Haq and Jackson, "Speaker-dependent audio-visual emotion recognition", AVSP 2009.
"""

import re

from quantlab.corpora.readers.listing import Files, Reading, Row, Skipped, stem_of

EXAMPLE = "DC_a01.wav"
EMOTIONS = {
    "a": "angry",
    "d": "disgust",
    "f": "fear",
    "h": "happy",
    "n": "neutral",
    "sa": "sad",
    "su": "surprise",
}
SPEAKERS = ("DC", "JE", "JK", "KL")
_FLAT = re.compile(r"(DC|JE|JK|KL)_(su|sa|[adfhn])(\d\d)")
_NESTED = re.compile(r"(su|sa|[adfhn])(\d\d)")


def _parts(path: str) -> tuple[str, str, str] | None:
    stem, folder = stem_of(path), path.split("/")[-2] if "/" in path else ""
    if match := _FLAT.fullmatch(stem):
        return match[1], match[2], match[3]
    match = _NESTED.fullmatch(stem)
    return (folder, match[1], match[2]) if match and folder in SPEAKERS else None


def count(files: Files) -> int:
    """Count the audio files whose names follow one of the corpus's layouts."""
    return sum(_parts(path) is not None for path in files.audio)


def read(files: Files) -> Reading:
    """Read the corpus from its file names, flat or in a folder per speaker."""
    rows, skipped = [], []
    for path in files.audio:
        parts = _parts(path)
        if parts is None:
            skipped.append(Skipped(path, f"not named like {EXAMPLE} or DC/a01.wav"))
            continue
        speaker, letters, number = parts
        rows.append(
            Row(
                path=path,
                corpus="savee",
                speaker=speaker,
                emotion=EMOTIONS[letters],
                emotion_raw=letters,
                language="en",
                gender="male",
                text_id=f"{letters}{number}",
            )
        )
    return Reading(tuple(rows), tuple(skipped))
