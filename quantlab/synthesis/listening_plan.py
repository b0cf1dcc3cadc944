"""What a listening loop converts: which sources, toward which emotion, after which reference.

Sentences are parted in two: those of sources and references, and those that listeners are trained
on. So neither a source nor a reference is known to the listener, and neither sentence to the
decoder unless asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import numpy as np
import pandas as pd
from pydantic import Field

from quantlab.analysis import ProbeName
from quantlab.audio import Clip
from quantlab.config import Settings
from quantlab.errors import InputError

_NEEDED = ("path", "corpus", "speaker", "emotion", "text_id", "sha256")


class ClipTable(Protocol):
    """Clips with labels, a `quantlab.corpora.Manifest` for instance."""

    @property
    def items(self) -> pd.DataFrame:
        """One row per clip: path, corpus, speaker, emotion, text_id, sha256."""
        ...

    def read_clip(self, row_index: int) -> Clip:
        """Read the clip of a row."""
        ...


class ListeningSettings(Settings):
    """Settings of a listening loop."""

    source_emotions: tuple[str, ...] = ("neutral",)
    """Emotions of the sources; empty takes all."""
    targets: tuple[str, ...] = ()
    """Emotions to convert to; empty takes all of the corpus. A source is not converted to its
    own."""
    num_texts: Annotated[int, Field(ge=2)] = 4
    """Sentences of sources and references, drawn at random; each speaker's clips of them are
    converted."""
    sentences: Literal["unseen", "all"] = "unseen"
    """Sentences that the decoder never met, or any."""
    reference_speaker: Literal["same", "other"] = "same"
    """Whose reference the emotion comes from: the source's speaker, or another one."""
    lams: tuple[Annotated[float, Field(ge=0)], ...] = ()
    """λ; empty takes some of each codec's own ladder."""
    num_lams: Annotated[int, Field(ge=1)] = 6
    """How many of the ladder."""
    probe: ProbeName = "logistic"
    """What a listener is asked with; a classifier that gives probabilities."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of everything that is drawn."""


@dataclass(frozen=True)
class Source:
    """A clip to convert, and the references by target emotion.

    Attributes
    ----------
    row : int
        Its row in the table of clips.
    references : tuple[tuple[str, int], ...]
        Target emotion and the reference's row.
    """

    row: int
    references: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Plan:
    """What a listening loop does.

    Attributes
    ----------
    sources : tuple[Source, ...]
        In the order of the table.
    natural : tuple[int, ...]
        Rows that listeners are trained on.
    targets : tuple[str, ...]
        Emotions converted to, in the order given, else sorted.
    texts : tuple[str, ...]
        Sentences of sources and references.
    """

    sources: tuple[Source, ...]
    natural: tuple[int, ...]
    targets: tuple[str, ...]
    texts: tuple[str, ...]


def make_plan(
    items: pd.DataFrame, trained_on: Sequence[dict[str, Any]], settings: ListeningSettings
) -> Plan:
    """Draw sources, references and the clips that listeners are trained on.

    Parameters
    ----------
    items : pd.DataFrame
        One row per clip; see `ClipTable`.
    trained_on : sequence of dict
        What the decoder has seen: corpus, speaker and text_id.
    settings : ListeningSettings
        What is wanted.

    Returns
    -------
    Plan
        The same for equal arguments.

    Raises
    ------
    InputError
        A column or an emotion is missing, or too few sentences are left.
    """
    missing = [name for name in _NEEDED if name not in items.columns]
    if missing:
        raise InputError(f"the clips need the columns {', '.join(missing)}")
    present = sorted(set(items["emotion"]))
    wanted = settings.source_emotions or tuple(present)
    targets = settings.targets or tuple(present)
    unknown = sorted({*wanted, *targets} - set(present))
    if unknown:
        raise InputError(
            f"no clip is {' or '.join(unknown)}; the emotions are {', '.join(present)}"
        )
    usable = _usable(items, trained_on, settings)
    rng = np.random.default_rng(settings.seed)
    texts = _texts(items.loc[usable], settings, rng)
    held = usable & items["text_id"].isin(texts).to_numpy()
    rows = np.flatnonzero(held & items["emotion"].isin(wanted).to_numpy())
    sources = [
        Source(int(row), references)
        for row in rows
        if (references := _references(items, held, int(row), targets, settings, rng))
    ]
    natural = np.flatnonzero(usable & ~held)
    if not sources or not len(natural):
        raise InputError(
            f"{len(sources)} sources and {len(natural)} clips for listeners are left; give more "
            "clips, or other emotions"
        )
    return Plan(tuple(sources), tuple(natural.tolist()), targets, tuple(texts))


def _usable(
    items: pd.DataFrame, trained_on: Sequence[dict[str, Any]], settings: ListeningSettings
) -> np.ndarray:
    """Return which clips may be used: those that name their sentence, unseen if so wished."""
    named = (items["text_id"] != "").to_numpy()
    if settings.sentences == "all":
        return named
    seen = {(str(entry.get("corpus", "")), str(entry.get("text_id", ""))) for entry in trained_on}
    keys = zip(items["corpus"].astype(str), items["text_id"].astype(str), strict=True)
    return named & np.array([key not in seen for key in keys], bool)


def _texts(
    usable: pd.DataFrame, settings: ListeningSettings, rng: np.random.Generator
) -> list[str]:
    known = sorted(set(usable["text_id"].astype(str)))
    if len(known) <= settings.num_texts:
        unseen = " that the decoder has not seen" if settings.sentences == "unseen" else ""
        raise InputError(
            f"there are {len(known)} sentences{unseen}; {settings.num_texts} are for sources and "
            "references, and listeners need others: ask for fewer, or for all sentences"
        )
    return sorted(rng.choice(known, settings.num_texts, replace=False).tolist())


def _references(
    items: pd.DataFrame,
    held: np.ndarray,
    row: int,
    targets: Sequence[str],
    settings: ListeningSettings,
    rng: np.random.Generator,
) -> tuple[tuple[str, int], ...]:
    """Draw a reference of another sentence for each target; targets without one are left out."""
    own = items.iloc[row]
    same = np.all(items[["corpus", "speaker"]] == own[["corpus", "speaker"]], axis=1)
    speakers = same if settings.reference_speaker == "same" else ~same
    allowed = held & speakers & (items["text_id"] != own["text_id"]).to_numpy()
    found = []
    for target in targets:
        if target == own["emotion"]:
            continue
        rows = np.flatnonzero(allowed & (items["emotion"] == target).to_numpy())
        if len(rows):
            found.append((target, int(rng.choice(rows))))
    return tuple(found)


def spread_lams(ladder: Sequence[float], num: int) -> tuple[float, ...]:
    """Return at most `num` of a ladder, its ends among them where there are two or more."""
    places = np.unique(np.linspace(0, len(ladder) - 1, min(num, len(ladder))).round().astype(int))
    return tuple(float(ladder[place]) for place in places)


def clip_key(items: pd.DataFrame, row: int) -> str:
    """Return what tells the clip of a row from all others: the hash of its bytes, else its path."""
    item = items.iloc[row]
    return str(item["sha256"] or item["path"])


def clip_stem(items: pd.DataFrame, row: int) -> str:
    """Return a folder's name for the sounds of a clip."""
    return f"{Path(str(items['path'].iloc[row])).stem}-{clip_key(items, row)[:6]}"
