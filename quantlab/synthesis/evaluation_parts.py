"""Which clips a trained StyleVC is judged on, and their embeddings beside their labels.

Only clips that training and validation did not see are taken, and of these only clips of sentences
that they did not see either. `N` clips, `D` dimensions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from quantlab.analysis import Utterances
from quantlab.errors import InputError

if TYPE_CHECKING:
    from quantlab.models import Features, Inference, StyleVCSettings

NEW_SENTENCES, NEW_SPEAKERS, KNOWN_SENTENCES = "text", "speaker", "clip"
"""Protocols: new sentences of speakers that training knows, new sentences of new speakers, new
clips of sentences and speakers that training knows."""

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class JudgedClips:
    """The clips that a model is judged on.

    Attributes
    ----------
    rows : np.ndarray, int64
        Clips of speakers that training knows: rows of the features.
    new_speakers : np.ndarray, int64
        Clips of held-out speakers; may be empty.
    protocol : str
        Of `rows`: `NEW_SENTENCES`, or `KNOWN_SENTENCES` where the split shares sentences.
    sentences : np.ndarray of str, shape [all items of the features]
        The sentence of each clip; a clip without one has its own.
    notes : tuple of str
        What a reader must know.
    """

    rows: Rows
    new_speakers: Rows
    protocol: str
    sentences: npt.NDArray[np.str_]
    notes: tuple[str, ...]


def judged_clips(features: "Features", settings: "StyleVCSettings") -> JudgedClips:
    """Choose the clips that a model is judged on.

    Parameters
    ----------
    features : Features
        Those that the model was trained on.
    settings : StyleVCSettings
        Of its training; they hold the split.

    Returns
    -------
    JudgedClips

    Raises
    ------
    InputError
        There is no test clip of a speaker that training knows.
    """
    from quantlab.models import split_items

    split = split_items(features.items, settings.data)
    speakers = features.items["speaker"].to_numpy(str)
    sentences, named = _sentences(features.items)
    seen = np.concatenate([split.train, split.validation])
    fresh = ~np.isin(sentences[split.test], sentences[seen])
    known = np.isin(speakers[split.test], speakers[seen])
    rows, protocol, notes = split.test[fresh & known], NEW_SENTENCES, []
    if not len(rows):
        rows, protocol = split.test[known], KNOWN_SENTENCES
        notes.append("training saw the sentences of these clips, in other clips")
    if not named:
        notes.append("the corpus does not say which sentence a clip holds; each counts as its own")
        protocol = KNOWN_SENTENCES
    if not len(rows):
        raise InputError(
            "the model's split leaves no test clip of a speaker that it was trained on; choose "
            "features of its corpus in which data.split.test_texts occur"
        )
    return JudgedClips(rows, split.test[fresh & ~known], protocol, sentences, tuple(notes))


def _sentences(items: pd.DataFrame) -> tuple[npt.NDArray[np.str_], bool]:
    """Return the sentence of each clip, and whether the corpus names any."""
    texts = items["text_id"].to_numpy(str)
    keys = [items[name].to_numpy(str) for name in ("corpus", "language")]
    whole = [" ".join(parts) for parts in zip(*keys, texts, strict=True)]
    paths = items["path"].to_numpy(str)
    return np.where(texts == "", paths, whole), bool((texts != "").any())


def embedded(
    model: "Inference", features: "Features", rows: Rows, sentences: npt.NDArray[np.str_],
    *, advance: Callable[[], None],
) -> Utterances:  # fmt: skip
    """Embed clips.

    Parameters
    ----------
    model : Inference
        What embeds.
    features : Features
        Of the clips.
    rows : np.ndarray, int64, shape [N]
        Which clips.
    sentences : np.ndarray of str
        The sentence of every row of the features.
    advance : callable
        Called after each clip.

    Returns
    -------
    Utterances
        Embeddings "content" (time mean of the quantized frames), "speaker" and "emotion"; labels
        "speaker", "emotion" and "text".

    Raises
    ------
    InputError
        The model takes its emotion from vectors.
    """
    found: dict[str, list[np.ndarray]] = {"content": [], "speaker": [], "emotion": []}
    for row in rows:
        clip = features.clips[row]
        speech = model.prepare(clip.log10_mel, clip.f0)
        found["content"].append(model.content(speech)[0].mean(axis=0))
        found["speaker"].append(model.speaker(speech))
        found["emotion"].append(model.emotion(speech))
        advance()
    items = features.items.iloc[rows]
    labels = {name: items[name].to_numpy(str) for name in ("speaker", "emotion")}
    return Utterances(
        {name: np.stack(vectors) for name, vectors in found.items()},
        {**labels, "text": sentences[rows]},
    )


def balanced_subset(utterances: Utterances, num_items: int, *, rng: np.random.Generator) -> Rows:
    """Draw utterances evenly over speakers and emotions.

    Parameters
    ----------
    utterances : Utterances
        With labels "speaker" and "emotion".
    num_items : int >= 0
        How many; all where there are no more. The first of a longer draw are a shorter one.
    rng : np.random.Generator
        Draws them.

    Returns
    -------
    np.ndarray, int64
        Positions, in the order of the draw.
    """
    order = rng.permutation(utterances.num_items)
    cells = pd.DataFrame(
        {name: utterances.named(name)[order] for name in ("speaker", "emotion")}
    ).groupby(["speaker", "emotion"], sort=False)
    # First one of every speaker and emotion, then a second one of each, and so on.
    return order[np.argsort(cells.cumcount().to_numpy(), kind="stable")][:num_items]
