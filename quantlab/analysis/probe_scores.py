"""How well probes tell labels from embeddings: the six numbers cls_{embedding→label}.

They say what each of the content, speaker and emotion embedding tells of emotion and speaker, of
items that are kept apart from those that probes are trained on: given apart, or in folds of whole
sentences. `N` items, `E` classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from quantlab.analysis.accuracy import confusion_matrices, scores
from quantlab.analysis.probes import ProbeName, fit_probe
from quantlab.analysis.statistics import Interval, jackknife_interval
from quantlab.analysis.utterances import Utterances, cluster_kind
from quantlab.errors import InputError

LEAKAGE_PROBES: tuple[ProbeName, ...] = ("wide_mlp", "logistic")
LABELS = ("emotion", "speaker")


@dataclass(frozen=True, kw_only=True)
class ProbeScore:
    """How well a probe tells a label from an embedding.

    Attributes
    ----------
    embedding, label, probe, metric : str
        What was read from what, by which classifier; "accuracy" or "uar".
    value, low, high : float, 0 to 1
        On test items, with the ends of its interval.
    chance, majority : float, 0 to 1
        One over the number of classes, and the score of always giving the commonest.
    num_items, num_clusters : int
        Test items, and clusters of the interval.
    clustered_by : str
        "speaker", or "text" where the speaker is the label.
    """

    embedding: str
    label: str
    probe: str
    metric: str
    value: float
    low: float
    high: float
    chance: float
    majority: float
    num_items: int
    num_clusters: int
    clustered_by: str


def probe_matrix(
    train: Utterances,
    test: Utterances,
    *,
    seed: int,
    labels: Sequence[str] = LABELS,
    probes: Sequence[ProbeName] = LEAKAGE_PROBES,
) -> tuple[ProbeScore, ...]:
    """Ask every embedding for every label.

    Parameters
    ----------
    train, test : Utterances
        What probes are trained on and scored on. Labels to be told, and those of the clusters:
        speakers, or texts where the speaker is told.
    seed : int >= 0
        Of the perceptron.
    labels : sequence of str
        What is asked for.
    probes : sequence of {"wide_mlp", "logistic", "mlp", "svm"}
        Which classifiers ask.

    Returns
    -------
    tuple of ProbeScore
        Two for each embedding, label and probe: accuracy and UAR.

    Raises
    ------
    InputError
        If embeddings or labels are missing, differ in width, or a test item's label does not occur
        among the training items.
    """
    learned = np.zeros(train.num_items, np.int64)
    asked = np.ones(test.num_items, np.int64)
    return crossed_probe_matrix(
        train, test, folds=(learned, asked), seed=seed, labels=labels, probes=probes
    )


def crossed_probe_matrix(
    train: Utterances,
    test: Utterances,
    *,
    folds: tuple[ArrayLike, ArrayLike],
    seed: int,
    labels: Sequence[str] = LABELS,
    probes: Sequence[ProbeName] = LEAKAGE_PROBES,
) -> tuple[ProbeScore, ...]:
    """Ask every embedding for every label, in folds: each by probes that never saw its fold.

    Parameters
    ----------
    train, test : Utterances
        As in `probe_matrix`; one and the same for cross-validation.
    folds : tuple of two array_like of int, shape [N]
        The fold of each training item and of each test item. The items of a fold are told by probes
        that were trained on the training items of all other folds.
    seed, labels, probes
        As in `probe_matrix`.

    Returns
    -------
    tuple of ProbeScore
        As from `probe_matrix`, of the answers of all folds together.

    Raises
    ------
    InputError
        As in `probe_matrix`, also where a fold is trained on without a class that it asks for, or
        folds and items differ in number.
    """
    parts = [np.asarray(part) for part in folds]
    for part, given in zip(parts, (train, test), strict=True):
        if part.shape != (given.num_items,):
            raise InputError(
                f"Folds of shape {part.shape} came with {given.num_items} items; give one for each."
            )
    found: list[ProbeScore] = []
    for label in labels:
        truth = test.named(label)
        for embedding, probe in product(train.embeddings, probes):
            answers = _answers(train, test, parts, embedding, label, probe, seed=seed)
            found += _scores(test, answers, embedding, label, probe, truth=truth)
    return tuple(found)


def cluster_folds(clusters: ArrayLike, num_folds: int, *, rng: np.random.Generator) -> np.ndarray:
    """Part items into folds in which clusters stay whole.

    Parameters
    ----------
    clusters : array_like, shape [N]
        Whose item it is, or which sentence.
    num_folds : int >= 2
        Parts of about as many clusters each; no more than there are clusters.
    rng : np.random.Generator
        Draws which cluster comes into which fold.

    Returns
    -------
    np.ndarray, int64, shape [N]

    Raises
    ------
    InputError
        If there are fewer than two folds or clusters.

    Examples
    --------
    >>> folds = cluster_folds(["a", "b", "a", "c"], 2, rng=np.random.default_rng(0))
    >>> bool(folds[0] == folds[2]), sorted(set(folds.tolist()))
    (True, [0, 1])
    """
    if num_folds < 2:
        raise InputError(f"{num_folds} folds leave nothing out; give at least 2.")
    names, codes = np.unique(np.asarray(clusters), return_inverse=True)
    if len(names) < 2:
        raise InputError("All items are of one cluster, which cannot be parted; give two or more.")
    return rng.permutation(len(names))[codes] % min(num_folds, len(names))


def _answers(
    train: Utterances,
    test: Utterances,
    folds: Sequence[np.ndarray],
    embedding: str,
    label: str,
    name: ProbeName,
    *,
    seed: int,
) -> np.ndarray:
    """Return the label that each test item is given [N]."""
    known, truth = train.named(label), test.named(label)
    vectors, asked_vectors = train.vectors(embedding), test.vectors(embedding)
    answers = np.empty(len(truth), dtype=known.dtype)
    for fold in np.unique(folds[1]):
        learned, asked = folds[0] != fold, folds[1] == fold
        _same_classes(label, known[learned], truth[asked])
        probe = fit_probe(name, vectors[learned], known[learned], seed=seed)
        answers[asked] = probe.predict(asked_vectors[asked])
    return answers


def _same_classes(label: str, known: np.ndarray, truth: np.ndarray) -> None:
    if unknown := sorted(set(truth.tolist()) - set(known.tolist())):
        raise InputError(
            f"The {label} labels {unknown[:5]} of test items occur in no training item, so no "
            "probe can give them; split so that training has every class."
        )


def _scores(
    test: Utterances,
    answers: np.ndarray,
    embedding: str,
    label: str,
    probe: str,
    *,
    truth: np.ndarray,
) -> list[ProbeScore]:
    classes = np.union1d(truth, answers).tolist()
    counts = confusion_matrices(truth, answers, test.clusters(label), classes=classes)
    return [
        ProbeScore(
            embedding=embedding,
            label=label,
            probe=probe,
            metric=metric,
            value=score.value,
            low=score.low,
            high=score.high,
            chance=1.0 / len(np.unique(truth)),
            majority=majority,
            num_items=len(truth),
            num_clusters=score.num_clusters,
            clustered_by=cluster_kind(label),
        )
        for metric, score, majority in _scored(counts)
    ]


def _scored(counts: np.ndarray) -> list[tuple[str, Interval, float]]:
    """Return accuracy and UAR of confusion matrices [C, E, E], each with that of the majority."""
    support = counts.sum(axis=(0, 2))
    accuracy = jackknife_interval(counts, lambda total: np.trace(total) / total.sum())
    recall = scores(counts)
    uar = Interval(
        float(recall.uar.value), float(recall.uar.low), float(recall.uar.high), len(counts)
    )
    return [
        ("accuracy", accuracy, float(support.max() / support.sum())),
        ("uar", uar, float(recall.majority_uar)),
    ]
