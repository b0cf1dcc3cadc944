"""Votes: what several annotators heard in one clip, as the manifest's column votes holds it.

Every annotator has one vote. One who named several emotions of a clip gives each an equal part of
it, so that the votes of a clip always add up to the number of its annotators.
"""

import json
import math
from collections.abc import Iterable, Sequence

from quantlab.corpora.labels import EMOTIONS, canonical_emotion
from quantlab.errors import InputError

_DIGITS = 6


def count_votes(annotators: Iterable[Iterable[str]]) -> str:
    """Count what annotators named as the manifest's JSON text, canonical emotions sorted by name.

    Parameters
    ----------
    annotators : Iterable[Iterable[str]]
        For each annotator the emotions named, in the corpus's words. A word that stands for no
        canonical emotion, such as a free answer, counts as ``other``; one who named nothing has no
        vote.

    Returns
    -------
    str
        Such as ``{"angry": 1.5, "neutral": 0.5}``, or "" where nobody voted.

    Examples
    --------
    >>> count_votes([["Anger"], ["Anger", "Neutral"]])
    '{"angry": 1.5, "neutral": 0.5}'
    """
    votes: dict[str, float] = {}
    for named in annotators:
        emotions = sorted({_emotion(word) for word in named if word.strip()})
        for emotion in emotions:
            votes[emotion] = votes.get(emotion, 0.0) + 1 / len(emotions)
    rounded = {emotion: round(number, _DIGITS) for emotion, number in votes.items()}
    plain = {name: int(part) if part.is_integer() else part for name, part in rounded.items()}
    return json.dumps(plain, sort_keys=True) if plain else ""


def _emotion(word: str) -> str:
    try:
        return canonical_emotion(word)
    except InputError:
        # "Neutral state" and "Other (pleading)" begin with the word that matters.
        first = word.replace("-", " ").split()[0]
        try:
            return canonical_emotion(first)
        except InputError:
            return "other"


def agreement(votes: str) -> float:
    """Return the part of the annotators who chose the commonest emotion of a clip.

    Parameters
    ----------
    votes : str
        A cell of the manifest's column votes.

    Returns
    -------
    float
        Above 0, at most 1: three annotators who each name one emotion give 1/3, 2/3 or 1. NaN
        where there are no votes.

    Raises
    ------
    InputError
        The cell is no JSON object from canonical emotions to numbers of annotators.

    Examples
    --------
    >>> agreement('{"angry": 3, "neutral": 1}')
    0.75
    """
    if not votes:
        return math.nan
    numbers = list(_numbers(votes).values())
    total = sum(numbers)
    return max(numbers) / total if total else math.nan


def vote_shares(votes: str, emotions: Sequence[str]) -> tuple[float, ...]:
    """Return the part of the votes of a clip that each of some emotions has.

    Parameters
    ----------
    votes : str
        A cell of the manifest's column votes.
    emotions : Sequence[str]
        Canonical emotions; votes for others are left out.

    Returns
    -------
    tuple[float, ...]
        Parts that sum to one, or all NaN where nobody voted for any of the emotions.

    Raises
    ------
    InputError
        As `agreement`.

    Examples
    --------
    >>> vote_shares('{"angry": 3, "neutral": 1, "sad": 4}', ["angry", "neutral"])
    (0.75, 0.25)
    """
    given = _numbers(votes) if votes else {}
    numbers = [given.get(name, 0.0) for name in emotions]
    total = sum(numbers)
    return tuple(number / total if total else math.nan for number in numbers)


def _numbers(votes: str) -> dict[str, float]:
    try:
        parsed = json.loads(votes)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict) or not all(
        name in EMOTIONS and isinstance(part, int | float) and not isinstance(part, bool)
        for name, part in parsed.items()
    ):
        raise InputError(
            f'votes {votes!r} must look like {{"angry": 2, "sad": 1}}, with canonical emotions'
        )
    numbers = {name: float(part) for name, part in parsed.items()}
    if not all(0 <= part < math.inf for part in numbers.values()):
        raise InputError(f"votes {votes!r} hold a number below 0 or beyond all bounds")
    return numbers
