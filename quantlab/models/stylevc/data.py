"""Which clips of a corpus StyleVC is trained, validated and tested on.

Letters: ``N`` items, one per clip. The features of the clips are in `features`; here are only rows.
"""

import itertools
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field, field_validator, model_validator

from quantlab.config import Settings
from quantlab.errors import ConfigError, InputError

PARTS = ("train", "validation", "test")

_SHARES_SUM = 1.0
_OFFICIAL_VALIDATION = "evaluation"

TextRange = tuple[int, int]
"""First and last sentence number, both included."""


class SplitSettings(Settings):
    """How training, validation and test clips are kept apart."""

    by: Literal["text", "random", "official"] = "text"
    """``text``: by sentence number, so that no sentence is in two parts. ``random``: clip by clip,
    which shares speakers and sentences between the parts. ``official``: the corpus's own parts
    ``train``, ``evaluation`` and ``test``, by sentence in ESD."""

    train_texts: TextRange = (1, 60)
    """First and last sentence to train on; with ``text``."""

    validation_texts: TextRange = (61, 70)
    """First and last sentence to choose the best state with; with ``text``."""

    test_texts: TextRange = (71, 90)
    """First and last sentence that training never sees; with ``text``."""

    shares: tuple[float, float, float] = (0.7, 0.1, 0.2)
    """Shares of training, validation and test, in this order; with ``random``."""

    seed: int = Field(default=137, ge=0)
    """Of the shuffle; with ``random``."""

    held_out_speakers: tuple[str, ...] = ()
    """Speakers that training and validation never see; all their clips are test clips."""

    @field_validator("shares")
    @classmethod
    def _shares_add_up(cls, shares: tuple[float, float, float]) -> tuple[float, float, float]:
        if min(shares) <= 0 or abs(sum(shares) - _SHARES_SUM) > 1e-9:
            raise ValueError("three shares above 0 that add up to 1, as [0.7, 0.1, 0.2]")
        return shares

    @model_validator(mode="after")
    def _texts_apart(self) -> Self:
        ranges = sorted((self.train_texts, self.validation_texts, self.test_texts))
        if any(first > last for first, last in ranges):
            raise ValueError("a range of sentences is [first, last], first ≤ last")
        if any(left[1] >= right[0] for left, right in itertools.pairwise(ranges)):
            raise ValueError("train_texts, validation_texts and test_texts overlap")
        return self


class DataSettings(Settings):
    """The corpus of a model: manifest, features, filters, split."""

    manifest: str = ""
    """Manifest that ``quantlab index`` wrote; ``~`` is the home folder."""

    features: str = ""
    """Folder of the features, made when they are not there yet; by default beside the manifest,
    named after it."""

    languages: tuple[str, ...] = ()
    """Languages to keep, ``[en]`` for the English half of ESD; empty keeps all."""

    speakers: tuple[str, ...] = ()
    """Speakers to keep; empty keeps all."""

    emotions: tuple[str, ...] = ()
    """Emotions to keep; empty keeps all."""

    split: SplitSettings = SplitSettings()
    """How the clips are parted."""

    emotion_vectors: str = ""
    """Embedding set whose vectors of the same clips the emotion input takes, instead of the mel;
    needs ``network.emotion_dims``."""

    licence: str = ""
    """Licence of the corpus; features and checkpoints carry it."""

    source: str = ""
    """Where the corpus comes from, kept in the cards."""


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of a table of items, each ascending int64, in no two parts at once.

    Attributes
    ----------
    train, validation, test : np.ndarray
        The three parts; a row may be in none.
    """

    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]


def split_items(items: pd.DataFrame, settings: DataSettings) -> Split:
    """Part the clips of a corpus.

    Parameters
    ----------
    items : pd.DataFrame
        N rows with the columns language, speaker, emotion, text_id and split.
    settings : DataSettings
        Filters and split.

    Returns
    -------
    Split
        Positions into `items`.

    Raises
    ------
    ConfigError
        A speaker, language or emotion that the settings name is not in `items`.
    InputError
        Sentences have no numbers, the corpus has no parts of its own, or training or validation
        would be empty.
    """
    kept = _kept(items, settings)
    part = _part_by(items, kept, settings.split)
    held_out = items["speaker"].isin(settings.split.held_out_speakers).to_numpy()
    part[kept & held_out] = "test"
    rows = {name: np.flatnonzero(kept & (part == name)).astype(np.int64) for name in PARTS}
    for name in ("train", "validation"):
        if not len(rows[name]):
            raise InputError(
                f"no clip is left for {name}: {int(kept.sum())} of {len(items)} clips pass the "
                f"filters, split {settings.split.by!r}; change data.split or the filters"
            )
    return Split(**rows)


def _kept(items: pd.DataFrame, settings: DataSettings) -> npt.NDArray[np.bool_]:
    kept = np.ones(len(items), bool)
    _present(items, "speaker", settings.split.held_out_speakers, "split.held_out_speakers")
    for column, wanted in (
        ("language", settings.languages),
        ("speaker", settings.speakers),
        ("emotion", settings.emotions),
    ):
        _present(items, column, wanted, f"{column}s")
        if wanted:
            kept &= items[column].isin(wanted).to_numpy()
    return kept


def _present(items: pd.DataFrame, column: str, wanted: tuple[str, ...], key: str) -> None:
    present = sorted(set(items[column].astype(str)))
    absent = [name for name in wanted if name not in present]
    if absent:
        raise ConfigError(
            f"data.{key} names {', '.join(absent)}; the corpus has {', '.join(present)}"
        )


def _part_by(
    items: pd.DataFrame, kept: npt.NDArray[np.bool_], split: SplitSettings
) -> npt.NDArray[np.object_]:
    """Return the part of every row, "" for none."""
    if split.by == "random":
        return _random_parts(items, kept, split)
    part = np.full(len(items), "", object)
    if split.by == "official":
        own = items["split"].astype(str).to_numpy()
        for name, theirs in (("train", "train"), ("validation", _OFFICIAL_VALIDATION)):
            if not (kept & (own == theirs)).any():
                found = ", ".join(sorted(set(own) - {""})) or "none"
                raise InputError(
                    f"the corpus has no part {theirs!r}, only {found}; use split by text or random"
                )
            part[own == theirs] = name
        part[own == "test"] = "test"
        return part
    texts = _text_numbers(items, kept)
    ranges = (split.train_texts, split.validation_texts, split.test_texts)
    for name, (first, last) in zip(PARTS, ranges, strict=True):
        part[(texts >= first) & (texts <= last)] = name
    return part


def _text_numbers(items: pd.DataFrame, kept: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return the sentence numbers of the rows that are kept, −1 elsewhere."""
    texts = items["text_id"].astype(str).to_numpy()
    odd = [text for text in texts[kept] if not text.isdecimal()]
    if odd:
        raise InputError(
            f"{len(odd)} clips have no number for their sentence, {odd[0]!r} for instance; use "
            "split by random, or official where the corpus has parts of its own"
        )
    return np.array([int(text) if text.isdecimal() else -1 for text in texts], np.int64)


def _random_parts(
    items: pd.DataFrame, kept: npt.NDArray[np.bool_], split: SplitSettings
) -> npt.NDArray[np.object_]:
    """Shuffle by path, so that the parts depend on the clips and not on the order of the rows."""
    held_out = items["speaker"].isin(split.held_out_speakers).to_numpy()
    rows = np.flatnonzero(kept & ~held_out)
    rows = rows[np.argsort(items["path"].astype(str).to_numpy()[rows], kind="stable")]
    rows = np.random.default_rng(split.seed).permutation(rows)
    bounds = np.round(np.cumsum(split.shares) * len(rows)).astype(np.int64)
    part = np.full(len(items), "", object)
    for name, chosen in zip(PARTS, np.split(rows, bounds[:2]), strict=True):
        part[chosen] = name
    return part
