"""Folds for evaluation: across speakers, sentences and corpora, and the corpus's own split.

Folds are positions into the table that was given. They depend only on what the rows say, not on
their order, and need no random numbers.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from quantlab.errors import InputError

ONE_SPEAKER = (
    "speaker-disjoint evaluation is impossible with one speaker ({speaker!r}): use text_folds (new "
    "sentences of a known speaker), or add clips of other speakers"
)

_MOST_LEFT_OUT_SINGLY = 12
_DEFAULT_FOLDS = 10


@dataclass(frozen=True, eq=False)
class Fold:
    """One train/test partition: ascending row positions, int64."""

    name: str
    train: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]


def speaker_keys(items: pd.DataFrame) -> list[str]:
    """Return each row's speaker, as ``corpus/speaker`` where the table has several corpora."""
    speakers = [str(speaker) for speaker in items["speaker"]]
    if "corpus" not in items.columns or items["corpus"].nunique() < 2:
        return speakers
    return [
        f"{corpus}/{speaker}" for corpus, speaker in zip(items["corpus"], speakers, strict=True)
    ]


def text_keys(items: pd.DataFrame) -> list[str]:
    """Return each row's sentence as ``language/text_id``; "" where the text is not known.

    A text_id is unique within a language; where the language is not given, within the corpus.
    """
    if "text_id" not in items.columns:
        return [""] * len(items)
    blank = [""] * len(items)
    languages = items["language"] if "language" in items.columns else blank
    corpora = items["corpus"] if "corpus" in items.columns else blank
    return [
        f"{language or corpus}/{text}" if text else ""
        for language, corpus, text in zip(languages, corpora, items["text_id"], strict=True)
    ]


def speaker_folds(items: pd.DataFrame, num_folds: int | None = None) -> list[Fold]:
    """Split by speaker: every item is tested once, by what was trained on other speakers.

    Parameters
    ----------
    items : pd.DataFrame
        N rows with a column speaker, and corpus where speakers of several corpora are mixed.
    num_folds : int, optional
        From 2 to the number of speakers. By default one speaker is left out at a time when there
        are at most 12, else there are 10 folds of similar numbers of clips.

    Returns
    -------
    list[Fold]
        Sorted by speaker. A fold with one test speaker has that speaker's name.

    Raises
    ------
    InputError
        There is only one speaker, or `num_folds` is out of range.
    """
    keys = speaker_keys(items)
    speakers = sorted(set(keys))
    if len(speakers) < 2:
        raise InputError(
            ONE_SPEAKER.format(speaker=speakers[0]) if speakers else "the table has no rows"
        )
    if num_folds is None:
        single = len(speakers) <= _MOST_LEFT_OUT_SINGLY
        num_folds = len(speakers) if single else _DEFAULT_FOLDS
    return _folds(keys, num_folds, "speaker")


def leave_one_speaker_out(items: pd.DataFrame) -> list[Fold]:
    """Return one fold per speaker, however many there are; see `speaker_folds`."""
    return speaker_folds(items, max(len(set(speaker_keys(items))), 2))


def text_folds(items: pd.DataFrame, num_folds: int = 5) -> list[Fold]:
    """Split by sentence: every item is tested once, on new sentences of known speakers.

    Parameters
    ----------
    items : pd.DataFrame
        N rows with the columns text_id and language; every text_id must be filled.
    num_folds : int
        From 2 to the number of sentences.

    Returns
    -------
    list[Fold]
        Folds of similar numbers of clips; no sentence of a test set is in its training set.

    Raises
    ------
    InputError
        A sentence is not known, or `num_folds` is out of range.
    """
    keys = text_keys(items)
    unknown = keys.count("")
    if unknown:
        raise InputError(
            f"{unknown} of {len(keys)} items have no text_id, so new sentences cannot be told from "
            "known ones; add a text_id column, or use speaker_folds"
        )
    return _folds(keys, num_folds, "text")


def corpus_folds(items: pd.DataFrame) -> list[Fold]:
    """Leave one corpus out at a time: every item is tested once, by what other corpora taught.

    Parameters
    ----------
    items : pd.DataFrame
        N rows with a column corpus.

    Returns
    -------
    list[Fold]
        One per corpus, named after it and sorted by name. Speakers are those of a corpus, so no
        test speaker is in a training set.

    Raises
    ------
    InputError
        There is only one corpus, or an item does not say of which it is.
    """
    names = np.asarray(items["corpus"].astype(str), dtype=object)
    corpora = sorted(set(names))
    if "" in corpora or len(corpora) < 2:
        raise InputError(
            "leaving one corpus out needs two corpora or more, and a corpus name for every item; "
            f"here are {', '.join(map(repr, corpora)) or 'no items'}: embed several corpora into "
            "one run, or use speaker_folds"
        )
    return [
        Fold(name, np.flatnonzero(names != name), np.flatnonzero(names == name)) for name in corpora
    ]


def official_split(items: pd.DataFrame, *, test: str = "test") -> Fold:
    """Return the split that the corpus itself defines, as one fold named ``official``.

    Parameters
    ----------
    items : pd.DataFrame
        N rows with a column split; rows that are neither ``train`` nor `test` are in no part.
    test : str
        The part to test on; ``"evaluation"`` for choosing settings.

    Returns
    -------
    Fold
        Its test items may be of training speakers: ESD's official split is by sentence.

    Raises
    ------
    InputError
        The table has no ``train`` rows or no `test` rows.
    """
    found = items["split"] if "split" in items.columns else pd.Series([""] * len(items))
    parts = np.asarray(found.astype(str))
    fold = Fold("official", np.flatnonzero(parts == "train"), np.flatnonzero(parts == test))
    if not len(fold.train) or not len(fold.test):
        names = sorted(set(parts) - {""})
        raise InputError(
            f"no official split with the parts 'train' and {test!r} here, only {names or 'none'}; "
            "use speaker_folds or text_folds"
        )
    return fold


def speaker_disjoint(items: pd.DataFrame, fold: Fold) -> bool:
    """Say whether no speaker of the fold's test set is in its training set."""
    return not shared(speaker_keys(items), fold)


def text_disjoint(items: pd.DataFrame, fold: Fold) -> bool:
    """Say whether no known sentence of the fold's test set is in its training set."""
    return not shared(text_keys(items), fold)


def shared(keys: Sequence[str], fold: Fold) -> list[str]:
    """Return the keys, "" left out, that stand in both parts of a fold, sorted."""
    array = np.asarray(keys, dtype=object)
    both = set(array[fold.train]) & set(array[fold.test])
    return sorted(both - {""})


def _folds(keys: Sequence[str], num_folds: int, kind: str) -> list[Fold]:
    counts = Counter(keys)
    if not 2 <= num_folds <= len(counts):
        raise InputError(
            f"{num_folds} folds were asked for; {len(counts)} {kind}s allow 2 to {len(counts)}"
            if len(counts) > 1
            else f"folds by {kind} need at least two {kind}s, here is {len(counts)}"
        )
    groups = _spread(counts, num_folds)
    fold_of = {key: index for index, group in enumerate(groups) for key in group}
    fold_N = np.array([fold_of[key] for key in keys])
    width = len(str(num_folds))
    return [
        Fold(
            group[0] if len(group) == 1 and kind == "speaker" else f"{kind}-{index + 1:0{width}d}",
            np.flatnonzero(fold_N != index),
            np.flatnonzero(fold_N == index),
        )
        for index, group in enumerate(groups)
    ]


def _spread(counts: Counter[str], num_folds: int) -> list[list[str]]:
    """Put the largest key first, each into the group that is smallest so far."""
    groups: list[list[str]] = [[] for _ in range(num_folds)]
    sizes = [0] * num_folds
    for key in sorted(counts, key=lambda name: (-counts[name], name)):
        smallest = sizes.index(min(sizes))
        groups[smallest].append(key)
        sizes[smallest] += counts[key]
    return sorted(sorted(group) for group in groups)
