"""Checks before anything is trained or evaluated: leaks, small classes, seen and repeated clips.

What would make a result wrong raises; what a person should know is reported.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from quantlab.corpora.manifest import Manifest
from quantlab.corpora.splits import ONE_SPEAKER, Fold, shared, speaker_keys, text_keys
from quantlab.errors import InputError

_NAMES_SHOWN = 5
_SHA256_LENGTH = 64


@dataclass(frozen=True, eq=False)
class Report:
    """What validation found.

    `clips_per_class` counts clips by emotion. `duplicates` has one row per clip whose content is
    elsewhere in the table too: sha256, path, speaker, emotion, conflict (True when the copies
    differ in speaker or emotion). `num_seen` counts evaluated items that the embedder was trained
    on. `warnings` are sentences.
    """

    num_items: int
    num_speakers: int
    clips_per_class: Mapping[str, int]
    duplicates: pd.DataFrame
    num_seen: int
    warnings: tuple[str, ...]


def validate(
    items: Manifest | pd.DataFrame,
    *,
    folds: Sequence[Fold] | None = None,
    disjoint: Literal["speaker", "text"] = "speaker",
    emotions: Sequence[str] | None = None,
    min_clips_per_class: int = 2,
    embedder_card: Mapping[str, Any] | None = None,
    allow_seen: bool = False,
) -> Report:
    """Check items, and folds where given, and refuse what would make a result wrong.

    Parameters
    ----------
    items : Manifest or pd.DataFrame
        N rows with at least the columns path, speaker and emotion.
    folds : sequence of Fold, optional
        The partitions to be used; checked for leaks.
    disjoint : {"speaker", "text"}
        What test and training items must not share. Clips of equal content are never shared.
    emotions : sequence of str, optional
        The classes of the study; by default those present. A class without clips is an error.
    min_clips_per_class : int
        Least number of clips of each class, in the table and in each fold's training part.
    embedder_card : mapping, optional
        The embedder's card. An entry of its list ``trained_on`` is a corpus name, the SHA-256 of
        one clip, or a mapping such as ``{"corpus": "nemo", "speaker": "EB0"}`` (a key ``labels``,
        whether with labels or without, is ignored: both count as seen).
    allow_seen : bool
        Evaluate although the embedder was trained on some of the items, with a warning.

    Returns
    -------
    Report
        Counts, duplicates and warnings.

    Raises
    ------
    InputError
        The table is empty; a class has too few clips; a fold leaks, is empty or repeats items; or
        the embedder was trained on items that are evaluated.
    """
    table = items.items if isinstance(items, Manifest) else items
    _check_table(table)
    warnings: list[str] = []
    clips = _clips_per_class(table, emotions)
    _refuse_small(clips, min_clips_per_class, "")
    duplicates = _duplicates(table)
    warnings += _duplicate_warnings(duplicates)
    speakers = sorted(set(speaker_keys(table)))
    if len(speakers) == 1:
        warnings.append(ONE_SPEAKER.format(speaker=speakers[0]))
    if folds is not None:
        warnings += _check_folds(table, folds, disjoint)
        for fold in folds:
            trained = _clips_per_class(table.iloc[fold.train], tuple(clips))
            _refuse_small(trained, min_clips_per_class, f" to train in fold {fold.name!r}")
    num_seen = _count_seen(table, folds, embedder_card or {})
    if num_seen:
        warnings.append(_seen(num_seen, embedder_card or {}, allow_seen=allow_seen))
    return Report(len(table), len(speakers), clips, duplicates, num_seen, tuple(warnings))


def _check_table(table: pd.DataFrame) -> None:
    missing = [name for name in ("path", "speaker", "emotion") if name not in table.columns]
    if missing:
        raise InputError(f"the table needs the columns {missing}; it has {list(table.columns)}")
    if table.empty:
        raise InputError("the table has no clips; index a corpus that has some")


def _clips_per_class(table: pd.DataFrame, emotions: Sequence[str] | None) -> dict[str, int]:
    counts = Counter(table["emotion"])
    return {name: counts[name] for name in (sorted(counts) if emotions is None else emotions)}


def _refuse_small(clips: Mapping[str, int], least: int, where: str) -> None:
    small = [f"'{name}' has {count}" for name, count in clips.items() if count < least]
    if small:
        raise InputError(
            f"each class needs at least {least} clips{where}, but {', '.join(small)}; add clips, "
            "merge the class with another, or leave it out of the study"
        )


def _duplicates(table: pd.DataFrame) -> pd.DataFrame:
    columns = ["sha256", "path", "speaker", "emotion"]
    if "sha256" not in table.columns:
        return pd.DataFrame(columns=[*columns, "conflict"])
    repeated = table["sha256"].duplicated(keep=False) & (table["sha256"] != "")
    again = table.loc[repeated, columns].sort_values(["sha256", "path"])
    groups = again.groupby("sha256")
    differing = groups["emotion"].transform("nunique").gt(1)
    differing |= groups["speaker"].transform("nunique").gt(1)
    return again.assign(conflict=differing.astype(bool)).reset_index(drop=True)


def _duplicate_warnings(duplicates: pd.DataFrame) -> list[str]:
    warnings = []
    for conflict, what in ((True, "different labels"), (False, "equal labels")):
        paths = list(duplicates.loc[duplicates["conflict"] == conflict, "path"])
        if paths:
            warnings.append(
                f"{len(paths)} clips have the same content as another one under {what}: "
                f"{_some(paths)}"
            )
    return warnings


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = len(listed) - _NAMES_SHOWN
    return ", ".join(repr(name) for name in listed[:_NAMES_SHOWN]) + (
        f" and {more} more" if more > 0 else ""
    )


def _check_folds(
    table: pd.DataFrame, folds: Sequence[Fold], disjoint: Literal["speaker", "text"]
) -> list[str]:
    keys = speaker_keys(table) if disjoint == "speaker" else text_keys(table)
    if disjoint == "text" and "" in keys:
        raise InputError(
            f"{keys.count('')} items have no text_id, so text-disjoint folds cannot be checked"
        )
    contents = list(table["sha256"]) if "sha256" in table.columns else [""] * len(table)
    tested = np.zeros(len(table), dtype=np.int64)
    for fold in folds:
        _check_positions(fold, len(table))
        leaks = shared(keys, fold)
        if leaks:
            raise InputError(
                f"fold {fold.name!r} leaks: {len(leaks)} {disjoint}s stand in training and test: "
                f"{_some(leaks)}; make folds with {disjoint}_folds"
            )
        copies = set(shared(contents, fold))
        if copies:
            paths = table["path"][[content in copies for content in contents]]
            raise InputError(
                f"fold {fold.name!r} leaks: clips of equal content stand in training and test: "
                f"{_some(paths)}; remove all but one of them"
            )
        tested[fold.test] += 1
    twice = np.flatnonzero(tested > 1)
    if len(twice):
        raise InputError(
            f"{len(twice)} items are tested in several folds, {table['path'].iloc[twice[0]]!r} for "
            "one, and would count twice; test each item once"
        )
    warnings = [] if tested.all() else [f"{int((tested == 0).sum())} items are in no test set"]
    return warnings + (_new_speakers(table, folds) if disjoint == "text" else [])


def _check_positions(fold: Fold, num_items: int) -> None:
    for part, rows in (("training", fold.train), ("test", fold.test)):
        if not len(rows):
            raise InputError(f"fold {fold.name!r} has no {part} items")
        if np.min(rows) < 0 or np.max(rows) >= num_items:
            raise InputError(f"fold {fold.name!r} has {part} rows outside 0..{num_items - 1}")
    both = np.intersect1d(fold.train, fold.test)
    if len(both):
        raise InputError(
            f"fold {fold.name!r} leaks: {len(both)} items stand in training and test, row "
            f"{both[0]} for one"
        )


def _new_speakers(table: pd.DataFrame, folds: Sequence[Fold]) -> list[str]:
    """Say where a test speaker has no training items: such a speaker is not a known one."""
    keys = np.array(speaker_keys(table))
    found = []
    for fold in folds:
        new = sorted(set(keys[fold.test]) - set(keys[fold.train]))
        if new:
            found.append(f"fold {fold.name!r} tests speakers it was not trained on: {_some(new)}")
    return found


def seen_items(items: Manifest | pd.DataFrame, card: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    """Say which clips an embedder was trained on.

    Parameters
    ----------
    items : Manifest or pd.DataFrame
        N rows with the columns that the card's entries name.
    card : mapping
        The embedder's card; for the entries of its ``trained_on`` see `validate`.

    Returns
    -------
    np.ndarray [shape=(N,), dtype=bool]
        True where it was.

    Raises
    ------
    InputError
        An entry cannot be understood, or names a column that is not there.
    """
    table = items.items if isinstance(items, Manifest) else items
    named: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for entry in card.get("trained_on") or ():
        wanted = _wanted(entry)
        columns = tuple(sorted(wanted))
        named.setdefault(columns, set()).add(tuple(wanted[name] for name in columns))
    seen = np.zeros(len(table), dtype=bool)
    for columns, values in named.items():
        for column in columns:
            if column not in table.columns:
                value = next(iter(values))[columns.index(column)]
                raise InputError(
                    f"the card says that the embedder was trained on {column} {value!r}, but the "
                    f"table has no column '{column}' to tell; add it"
                )
        rows = zip(*(table[name].astype(str).str.casefold() for name in columns), strict=True)
        seen |= np.fromiter((row in values for row in rows), bool, len(table))
    return seen


def _count_seen(table: pd.DataFrame, folds: Sequence[Fold] | None, card: Mapping[str, Any]) -> int:
    seen = seen_items(table, card)
    if folds is None:
        return int(seen.sum())
    tested = np.unique(np.concatenate([fold.test for fold in folds])) if folds else []
    return int(seen[tested].sum())


def _wanted(entry: Any) -> dict[str, str]:
    """Return the columns and case-folded values that an entry of ``trained_on`` means."""
    if isinstance(entry, str):
        entry = {"sha256" if _is_sha256(entry) else "corpus": entry}
    if not isinstance(entry, Mapping) or not set(entry) - {"labels"}:
        raise InputError(
            f"the card's trained_on entry {entry!r} is neither a corpus name, a SHA-256 nor a "
            "mapping from manifest columns to values"
        )
    return {str(name): str(value).casefold() for name, value in entry.items() if name != "labels"}


def _is_sha256(text: str) -> bool:
    return len(text) == _SHA256_LENGTH and set(text.lower()) <= set("0123456789abcdef")


def _seen(num_seen: int, card: Mapping[str, Any], *, allow_seen: bool) -> str:
    text = f"{num_seen} evaluated items were seen by the embedder {card.get('name', '')!r}"
    if not allow_seen:
        raise InputError(
            f"{text} when it was trained, so a result on them would not hold for new speech; "
            "leave them out (quantlab embed --unseen), or allow it with allow_seen and say so with "
            "every result"
        )
    return text
