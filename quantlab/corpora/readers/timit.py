"""Reader for TIMIT, read English sentences of 630 speakers with phones (LDC).

``TRAIN/DR1/FCJF0/SA1.WAV``, in upper or lower case: part, dialect region, speaker, sentence. The
files are NIST SPHERE although their names say WAV. There are no emotion labels: every clip is
``other``. `read_phones` reads the phones of a clip, folded from 61 to 39.

References
----------
Garofolo et al., "TIMIT Acoustic-Phonetic Continuous Speech Corpus", LDC93S1, 1993; Lee and Hon,
"Speaker-independent phone recognition using hidden Markov models", IEEE TASSP 1989 (the folding).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from quantlab.corpora.readers.listing import Files, Reading, Row, Skipped
from quantlab.errors import InputError
from quantlab.store import read_bytes

EXAMPLE = "TRAIN/DR1/FCJF0/SA1.WAV"
_PLACE = re.compile(
    r"(?:.*/)?(TRAIN|TEST)/DR([1-8])/([FM][A-Z]{3}\d)/((SA|SI|SX)\d+)(?:\.WAV)?", re.IGNORECASE
)
_SILENCES = "bcl dcl gcl pcl tcl kcl h# pau epi"
_FOLDED = {
    "ao": "aa", "ax": "ah", "ax-h": "ah", "axr": "er", "el": "l", "em": "m", "en": "n", "nx": "n",
    "eng": "ng", "hv": "hh", "ix": "ih", "ux": "uw", "zh": "sh", "q": "",
    **dict.fromkeys(_SILENCES.split(), "sil"),
}  # fmt: skip
PHONES_61 = tuple(
    "aa ae ah ao aw ax ax-h axr ay b bcl ch d dcl dh dx eh el em en eng epi er ey f g gcl h# hh hv "
    "ih ix iy jh k kcl l m n ng nx ow oy p pau pcl q r s sh t tcl th uh uw ux v w y z zh".split()
)
FOLDING: Mapping[str, str] = {phone: _FOLDED.get(phone, phone) for phone in PHONES_61}
"""Each of the 61 phones and the one of 39 that it counts as; "" for the glottal stop, left out."""
PHONES_39 = tuple(sorted({folded for folded in FOLDING.values() if folded}))


@dataclass(frozen=True)
class Phone:
    """A stretch of a clip.

    Attributes
    ----------
    start, end : int
        Samples at 16 kHz, end not included.
    phone : str
        One of `PHONES_61`.
    folded : str
        One of `PHONES_39`; "" for the glottal stop, which is left out.
    """

    start: int
    end: int
    phone: str
    folded: str


def count(files: Files) -> int:
    """Count the audio files that lie as in the corpus."""
    return sum(_PLACE.fullmatch(_stem(path)) is not None for path in files.audio)


def _stem(path: str) -> str:
    return path.rpartition(".")[0]


def read(files: Files) -> Reading:
    """Read the corpus from its paths and, where present, the ``.TXT`` beside each clip."""
    texts = {_stem(path).lower(): path for path in files.other if path.lower().endswith(".txt")}
    rows, skipped = [], []
    for path in files.audio:
        match = _PLACE.fullmatch(_stem(path))
        if match is None:
            skipped.append(Skipped(path, f"does not lie as {EXAMPLE} does"))
            continue
        part, region, speaker, sentence, kind = (group.upper() for group in match.groups())
        text = texts.get(re.sub(r"\.wav$", "", _stem(path).lower()), "")
        attributes = {"dialect_region": int(region), "sentence_type": kind}
        rows.append(
            Row(
                path=path,
                corpus="timit",
                speaker=speaker,
                emotion="other",
                emotion_raw="",
                language="en",
                gender="female" if speaker[0] == "F" else "male",
                text_id=sentence,
                transcript=_transcript(files.root / text) if text else "",
                split=part.lower(),
                attributes=json.dumps(attributes, sort_keys=True),
            )
        )
    notes = ("TIMIT has no emotion labels: every clip counts as 'other'",) if rows else ()
    return Reading(tuple(rows), tuple(skipped), notes)


def _transcript(path: Path) -> str:
    """Return the sentence of a line ``0 46797 She had …``; "" where it cannot be read."""
    try:
        text = read_bytes(path).decode("latin-1")
    except InputError:
        return ""
    return text.split(maxsplit=2)[2].strip() if len(text.split(maxsplit=2)) == 3 else ""


def read_phones(path: str | Path) -> tuple[Phone, ...]:
    """Read the phones of a clip.

    Parameters
    ----------
    path : str or Path
        The ``.PHN`` file, or the audio file that it lies beside.

    Returns
    -------
    tuple[Phone, ...]
        In order, without overlap.

    Raises
    ------
    InputError
        There is no such file, or a line of it cannot be understood.

    Examples
    --------
    >>> FOLDING["ao"], FOLDING["bcl"], len(PHONES_61), len(PHONES_39)
    ('aa', 'sil', 61, 39)
    """
    given = Path(path)
    base = given if given.suffix.lower() == ".phn" else given.with_suffix("")
    choices = [given] if base is given else [base.with_suffix(end) for end in (".PHN", ".phn")]
    source = next((choice for choice in choices if choice.is_file()), None)
    if source is None:
        raise InputError(f"{given} has no phones: {' or '.join(map(str, choices))} is missing")
    phones: list[Phone] = []
    for number, line in enumerate(read_bytes(source).decode("latin-1").splitlines(), start=1):
        if line.strip():
            phones.append(_phone(line, f"{source}, line {number}", phones[-1].end if phones else 0))
    return tuple(phones)


def _phone(line: str, where: str, earliest: int) -> Phone:
    parts = line.split()
    if len(parts) != 3 or not (parts[0].isdigit() and parts[1].isdigit()):
        raise InputError(f"{where}: {line.strip()!r} is not 'start end phone'; restore the file")
    start, end, phone = int(parts[0]), int(parts[1]), parts[2]
    if phone not in FOLDING:
        raise InputError(f"{where}: {phone!r} is none of the 61 phones of TIMIT")
    if not earliest <= start < end:
        raise InputError(f"{where}: {start} to {end} does not follow sample {earliest}")
    return Phone(start, end, phone, FOLDING[phone])
