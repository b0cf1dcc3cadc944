"""A run opened for work: items, folds, scaling, class centroids and probes, each made once.

Letters: ``N`` items, ``D`` dimensions, ``E`` emotions. Worker processes keep the workspaces and
folds that they used last, so that trials of one fold share what does not depend on the codec.
"""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from quantlab.analysis import FittedProbe, centroids, fit_probe
from quantlab.codebooks import (
    Scaling,
    ScalingKind,
    capacity,
    parse_recipe,
    permuted_within,
    select,
)
from quantlab.config import fingerprint
from quantlab.corpora import (
    EMOTIONS,
    Fold,
    corpus_folds,
    merge_table,
    speaker_folds,
    speaker_keys,
    text_folds,
    validate,
)
from quantlab.embedders import EmbeddingSet, Head, open_sets
from quantlab.errors import InputError
from quantlab.sweep.folder import RunFolder
from quantlab.sweep.mixing_settings import mixing_recipes
from quantlab.sweep.settings import StudySettings

ALL_ITEMS = "all"


@dataclass(frozen=True, eq=False)
class Workspace:
    """What a study works on.

    Attributes
    ----------
    folder : RunFolder
        Where results go.
    study : StudySettings
        The settings.
    embeddings : EmbeddingSet
        All items of the set.
    rows : np.ndarray [shape=(N,), dtype=int64]
        The items of the study: those with one of its emotions.
    items : pd.DataFrame
        Their table, numbered from 0.
    emotions : tuple[str, ...]
        The E classes in canonical order.
    folds : dict[str, Fold]
        ``"speaker/<name>"`` and ``"text/<name>"`` to positions in `items`.
    notes : tuple[str, ...]
        What a reader of the results should know.
    num_seen : int
        Evaluated items that the embedder was trained on.
    """

    folder: RunFolder
    study: StudySettings
    embeddings: EmbeddingSet
    rows: np.ndarray
    items: pd.DataFrame
    emotions: tuple[str, ...]
    folds: dict[str, Fold]
    notes: tuple[str, ...]
    num_seen: int

    @property
    def probes(self) -> tuple[str, ...]:
        """The study's probes, and the embedder's own classifier where it knows the emotions."""
        return (*self.study.probes, *(("head",) if self.head is not None else ()))

    @property
    def judge(self) -> str:
        """The probe whose answers and probabilities count: the first that has probabilities.

        "" where the study has none.
        """
        return next((name for name in self.study.probes if name != "svm"), "")

    @property
    def head(self) -> Head | None:
        """The embedder's own classifier; None where an emotion of the study is not its class."""
        head = self.embeddings.head
        return head if head is not None and set(self.emotions) <= set(head.classes) else None

    @property
    def scaling_kind(self) -> ScalingKind:
        """How embeddings become z; ``auto`` is resolved by what the embedder says of its units."""
        kind = self.study.codec.scaling
        if kind != "auto":
            return kind
        units = self.embeddings.card["embedder"].get("units")
        return "standard" if units == "physical" else "scalar"

    @property
    def recipes(self) -> tuple[str, ...]:
        """The recipes of the study, written out."""
        return self.study.resolved_recipes(self.emotions)

    @property
    def data_fingerprint(self) -> str:
        """Hash of the embeddings and of which items are used."""
        identity = {"set": self.embeddings.fingerprint, "rows": self.rows.tolist()}
        data = self.study.data
        changes = {"merges": data.merges, "permuted": data.permute_labels}
        return fingerprint({**identity, **{key: value for key, value in changes.items() if value}})

    def train_items(self, fold: str) -> np.ndarray:
        """Positions in `items` that codecs of a fold may see; ``"all"`` means every item."""
        return np.arange(len(self.items)) if fold == ALL_ITEMS else self.folds[fold].train


def open_workspace(folder: RunFolder, study: StudySettings) -> Workspace:
    """Open the embeddings of a study and make its folds.

    Raises
    ------
    InputError
        There are no embeddings, an emotion has too few clips, or the split is impossible.
    ConfigError
        Mixing needs a recipe or an emotion that the study does not have.
    """
    source = study.data.embeddings or folder.embeddings
    embeddings = open_sets(source)
    table = embeddings.items.assign(path=embeddings.items["item"])
    table["emotion"] = table["emotion"].replace(merge_table(study.data.merges))
    emotions, notes = _choose_emotions(study, table)
    for recipe in study.resolved_recipes(emotions):
        parse_recipe(recipe).weights(emotions)
    mixing_recipes(study.mixing, study.resolved_recipes(emotions), emotions)  # refuse before work
    rows = np.flatnonzero(table["emotion"].isin(emotions))
    items = table.iloc[rows].reset_index(drop=True)
    items["speaker"] = speaker_keys(items)  # equal names in two corpora are two people
    if study.data.permute_labels:
        items["emotion"] = _permuted(items)
        notes.append("negative control: emotions were permuted among each speaker's clips")
    folds, fold_notes = _make_folds(study, items)
    notes += fold_notes + _unit_notes(embeddings) + _head_notes(embeddings, emotions)
    num_seen = 0
    for protocol in study.split.protocols:
        parts = [fold for key, fold in folds.items() if key.startswith(f"{protocol}/")]
        if parts:
            report = validate(
                items,
                folds=parts,
                disjoint="text" if protocol == "text" else "speaker",
                emotions=emotions,
                embedder_card=embeddings.card["embedder"],
                allow_seen=study.split.allow_seen,
            )
            notes += [text for text in report.warnings if text not in notes]
            num_seen = max(num_seen, report.num_seen)
    return Workspace(
        folder, study, embeddings, rows, items, emotions, folds, tuple(notes), num_seen
    )


def _permuted(items: pd.DataFrame) -> np.ndarray:
    """Permute emotions within speaker, always alike for the same items."""
    labels, speakers = (items[name].astype(str).to_numpy() for name in ("emotion", "speaker"))
    rng = np.random.default_rng(int(fingerprint({"permuted": items["item"].tolist()})[:15], 16))
    return permuted_within(labels.astype(object), speakers, rng=rng)


def _head_notes(embeddings: EmbeddingSet, emotions: tuple[str, ...]) -> list[str]:
    """Say why the embedder's own classifier is not used, where there is one."""
    missing = [] if embeddings.head is None else sorted({*emotions} - {*embeddings.head.classes})
    if not missing:
        return []
    return [f"the embedder's own classifier does not know {', '.join(missing)}: it is left out"]


def _unit_notes(embeddings: EmbeddingSet) -> list[str]:
    """Say when the embedder's fixed units were read off the very corpus that is evaluated."""
    sources = embeddings.card["embedder"].get("units_from", [])
    return [
        f"the embedder's fixed units are two-figure typical values of {corpus}, without labels"
        for corpus in embeddings.card["corpora"]
        if corpus in sources
    ]


def _choose_emotions(
    study: StudySettings, table: pd.DataFrame
) -> tuple[tuple[str, ...], list[str]]:
    counts = Counter(table["emotion"].astype(str))
    wanted = study.emotions or tuple(name for name in EMOTIONS if counts.get(name, 0) > 0)
    unknown = [name for name in wanted if name not in EMOTIONS]
    if unknown:
        raise InputError(f"unknown emotion {', '.join(unknown)}; known are {', '.join(EMOTIONS)}")
    small = {
        name: int(counts.get(name, 0)) for name in wanted if counts.get(name, 0) < study.min_clips
    }
    listed = ", ".join(f"{name} ({count})" for name, count in small.items())
    if small and study.emotions:
        raise InputError(
            f"too few clips of {listed}; {study.min_clips} are needed: leave the emotion out, "
            "add clips, or lower min_clips"
        )
    emotions = tuple(name for name in EMOTIONS if name in wanted and name not in small)
    if len(emotions) < 2:
        raise InputError(
            f"a study needs two emotions with {study.min_clips} clips each; "
            f"there are {', '.join(f'{name} ({count})' for name, count in counts.items())}"
        )
    return emotions, [f"left out for want of clips: {listed}"] if small else []


def _make_folds(study: StudySettings, items: pd.DataFrame) -> tuple[dict[str, Fold], list[str]]:
    folds: dict[str, Fold] = {}
    notes: list[str] = []
    makers = {
        "speaker": lambda: speaker_folds(items, study.split.speaker_folds),
        "text": lambda: text_folds(items, study.split.text_folds),
        "corpus": lambda: corpus_folds(items),
    }
    for protocol in study.split.protocols:
        try:
            made = makers[protocol]()
        except InputError as error:
            notes.append(f"protocol '{protocol}' left out: {error}")
            continue
        folds.update({f"{protocol}/{fold.name}": fold for fold in made})
        if protocol == "corpus":
            notes.append(
                f"{len(made)} corpora are left out in turn: the intervals on new corpora cover the "
                "choice of speakers, not that of corpora"
            )
    if not folds:
        raise InputError("; ".join(notes) or "no protocol was asked for")
    return folds, notes


@lru_cache(maxsize=2)
def shared_workspace(path: str, study: StudySettings) -> Workspace:
    """Open a workspace once per process; `study` is frozen, so it can be part of the key."""
    return open_workspace(RunFolder(Path(path)), study)


@dataclass(frozen=True, eq=False)
class FoldState:
    """What all codecs of one fold share.

    Attributes
    ----------
    scaling : Scaling
        Fitted to the fold's training items.
    emotions : tuple[str, ...]
        The E classes.
    centroids : np.ndarray [shape=(E, D)]
        Class means of training items, in z.
    probes : dict[str, FittedProbe or HeadProbe]
        Classifiers of vectors in z: those trained on clean training items, and the embedder's own.
    judge : str
        The probe whose probabilities count; "" where none has any.
    """

    scaling: Scaling
    emotions: tuple[str, ...]
    centroids: np.ndarray
    probes: "dict[str, FittedProbe | HeadProbe]"
    judge: str


@dataclass(frozen=True, eq=False)
class HeadProbe:
    """The embedder's own classifier, asked about scaled vectors.

    Attributes
    ----------
    head : Head
        In the embedder's units.
    scaling : Scaling
        How its units become z.
    classes : tuple[str, ...]
        The E emotions to choose among.
    """

    head: Head
    scaling: Scaling
    classes: tuple[str, ...]

    def predict(self, z: np.ndarray) -> np.ndarray:
        """Return the most probable of the classes for each vector ``[N, D]``."""
        odds = self.head.probabilities(self.scaling.inverse(z), self.classes)
        return np.asarray(self.classes)[odds.argmax(axis=1)]


def fit_scaling(work: Workspace, fold: str) -> Scaling:
    """Fit the scaling to the training frames of a fold (at most `max_train_vectors` of them)."""
    frames, labels, _ = train_frames(work, fold)
    rng = np.random.default_rng(int(fingerprint({"scaling": fold})[:15], 16))
    limit = work.study.max_train_vectors
    if len(frames) > limit:
        kept = np.sort(rng.choice(len(frames), limit, replace=False))
        frames, labels = frames[kept], labels[kept]
    return Scaling.fit(work.embeddings.take(frames), labels.astype(str), kind=work.scaling_kind)


@lru_cache(maxsize=2)
def fold_scaling(path: str, study: StudySettings, fold: str) -> Scaling:
    """Fit the scaling of a fold, once per process."""
    return fit_scaling(shared_workspace(path, study), fold)


@lru_cache(maxsize=2)
def fold_state(path: str, study: StudySettings, fold: str) -> FoldState:
    """Fit what all codecs of a fold share, once per process."""
    work = shared_workspace(path, study)
    scaling = fold_scaling(path, study, fold)
    train = work.train_items(fold)
    z_means = scaling.forward(work.embeddings.time_means(work.rows[train]))
    labels = work.items["emotion"].astype(str).to_numpy()[train]
    probes: dict[str, FittedProbe | HeadProbe] = {
        name: fit_probe(name, z_means, labels.tolist(), seed=0) for name in study.probes
    }
    if work.head is not None:
        probes["head"] = HeadProbe(work.head, scaling, work.emotions)
    middles = centroids(z_means, labels.tolist(), work.emotions)
    return FoldState(scaling, work.emotions, middles, probes, work.judge)


def train_vectors(
    work: Workspace, recipe: str, fold: str, *, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the training vectors of a recipe in a fold, equally many for every recipe.

    Returns the vectors ``[n, D]`` and the speaker of each ``[n]``.
    """
    frames, emotions, speakers = train_frames(work, fold)
    budget = min(capacity(parse_recipe(name), emotions) for name in work.recipes)
    budget = min(budget, work.study.max_train_vectors)
    chosen = select(parse_recipe(recipe), emotions, speakers, budget=budget, rng=rng)
    return work.embeddings.take(frames[chosen]), speakers[chosen].astype(str)


def train_frames(work: Workspace, fold: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return frame numbers in the set, emotions and speakers of a fold's training items.

    The labels are references to one name each, so that millions of frames cost eight bytes apiece.
    """
    train = work.train_items(fold)
    starts, ends = work.embeddings.offsets[:-1], work.embeddings.offsets[1:]
    rows = work.rows[train]
    frames = np.concatenate([np.arange(starts[row], ends[row]) for row in rows])
    lengths = ends[rows] - starts[rows]
    emotions = work.items["emotion"].astype(str).to_numpy(dtype=object)[train]
    speakers = work.items["speaker"].astype(str).to_numpy(dtype=object)[train]
    return frames, np.repeat(emotions, lengths), np.repeat(speakers, lengths)
