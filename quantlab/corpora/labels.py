"""Emotion names: the canonical ones, the words that corpora use for them, and named merges.

One-letter codes mean different things in different corpora, so they live in the readers; here are
only words and the unambiguous three-letter codes.
"""

import difflib
import functools
import unicodedata
from collections.abc import Iterable, Mapping

from quantlab.errors import ConfigError, InputError

EMOTIONS = (
    "angry",
    "disgust",
    "fear",
    "happy",
    "neutral",
    "sad",
    "surprise",
    "calm",
    "excited",
    "frustrated",
    "boredom",
    "contempt",
    "other",
)
"""The canonical emotion names, in the order in which tables and figures show them."""

_WORDS = {
    "angry": "anger ang wut wütend ärger gniew złość 生气",
    "disgust": "disgusted dis ekel wstręt obrzydzenie 厌恶",
    "fear": "fearful fea afraid anxiety angst strach 恐惧",
    "happy": "happiness hap joy joyful freude radość szczęście 快乐",
    "neutral": "neu neutralny 中立",
    "sad": "sadness trauer traurig smutek 伤心",
    "surprise": "surprised sur überraschung überrascht zaskoczenie zdziwienie 惊喜",
    "calm": "ruhig spokój",
    "excited": "exc excitement",
    "frustrated": "fru frustration",
    "boredom": "bored bor langeweile nuda",
    "contempt": "verachtung pogarda",
    "other": "oth others",
}

SYNONYMS: Mapping[str, str] = {
    **{word: emotion for emotion, words in _WORDS.items() for word in words.split()},
    "pleasant surprise": "surprise",
    **{emotion: emotion for emotion in EMOTIONS},
}
"""Every word that is understood, lower case, and the canonical name it stands for."""

MERGES: Mapping[str, Mapping[str, str]] = {
    "excited-happy": {"excited": "happy"},
    "frustrated-angry": {"frustrated": "angry"},
    "calm-neutral": {"calm": "neutral"},
}
"""Merges that can be asked for by name: which emotion becomes which."""


def canonical_emotion(label: str, *, labels: Mapping[str, str] | None = None) -> str:
    """Translate a corpus's word for an emotion into the canonical name.

    Parameters
    ----------
    label : str
        The word as the corpus writes it; case, underscores and hyphens do not matter.
    labels : Mapping[str, str], optional
        The user's own words and what they stand for; they win over the built-in ones.

    Returns
    -------
    str
        One of `EMOTIONS`.

    Raises
    ------
    InputError
        The word is not known; the message names the nearest valid emotion.

    Examples
    --------
    >>> canonical_emotion("Happiness")
    'happy'
    >>> canonical_emotion("rage", labels={"rage": "angry"})
    'angry'
    """
    word = _plain(label)
    own = {_plain(key): value for key, value in (labels or {}).items()}
    emotion = own.get(word, SYNONYMS.get(word, ""))
    if word in own and emotion not in EMOTIONS:
        raise InputError(
            f"the label {label!r} is mapped to {emotion!r}, which is no emotion name"
            f"{_hint(emotion)}"
        )
    if not emotion:
        raise InputError(f"unknown emotion {label!r}{_hint(word)}")
    return emotion


def _plain(label: str) -> str:
    text = unicodedata.normalize("NFC", label).casefold()
    return " ".join(text.replace("_", " ").replace("-", " ").split())


@functools.lru_cache(maxsize=1024)  # readers ask the same folder names for every clip in them
def _hint(word: str) -> str:
    near = difflib.get_close_matches(word, sorted(SYNONYMS), n=1, cutoff=0.6)
    if near:
        return f"; did you mean '{SYNONYMS[near[0]]}'?"
    return f"; emotions are {', '.join(EMOTIONS)}"


def merge_table(merges: Iterable[str]) -> dict[str, str]:
    """Return which canonical emotion becomes which under the named merges.

    Parameters
    ----------
    merges : Iterable[str]
        Names from `MERGES`.

    Returns
    -------
    dict[str, str]
        Only the emotions that change.

    Raises
    ------
    ConfigError
        A name is not in `MERGES`.
    """
    table: dict[str, str] = {}
    for name in merges:
        if name not in MERGES:
            raise ConfigError(f"unknown merge {name!r}; merges are {', '.join(MERGES)}")
        table.update(MERGES[name])
    return table
