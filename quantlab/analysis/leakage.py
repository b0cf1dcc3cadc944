"""What embeddings tell of labels in bits.

Bits are told by V-information, which is what a family of classifiers can use and bounds mutual
information from below, and by the categorical CLUB bound, which lies above it where the classifier
is close to the truth. Accuracies are in `probe_scores`. `N` items, `E` classes.

References
----------
Xu et al. (2020), "A theory of usable information under computational constraints", ICLR. Cheng et
al. (2020), "CLUB: A contrastive log-ratio upper bound of mutual information", ICML.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from quantlab.analysis.factors import permutation_within
from quantlab.analysis.probe_scores import LABELS, ProbeScore, cluster_folds
from quantlab.analysis.probes import fit_probe
from quantlab.analysis.statistics import cluster_mean
from quantlab.analysis.utterances import Utterances, cluster_kind
from quantlab.errors import InputError

BITS_METRICS = ("v_information", "club")
AS_GIVEN, SHUFFLED_WITHIN = "as given", "shuffled labels"
"""Values of the column `control` of leakage in bits."""


@dataclass(frozen=True, kw_only=True)
class LeakageBits:
    """How many bits an embedding tells of a label.

    Attributes
    ----------
    embedding, label, metric, control : str
        "v_information" or "club"; `AS_GIVEN` or `SHUFFLED_WITHIN`.
    value, low, high : float
        Bits per item with the ends of the interval; may be negative by chance.
    label_bits : float
        Entropy of the label, which no true mutual information exceeds.
    num_items, num_clusters : int
        Items, and clusters of the interval.
    clustered_by : str
        "speaker", or "text" where the speaker is the label.
    """

    embedding: str
    label: str
    metric: str
    control: str
    value: float
    low: float
    high: float
    label_bits: float
    num_items: int
    num_clusters: int
    clustered_by: str


def score_table(rows: Sequence[ProbeScore] | Sequence[LeakageBits]) -> pd.DataFrame:
    """Return scores as a tidy table, a column for each of their attributes.

    Parameters
    ----------
    rows : sequence of ProbeScore or of LeakageBits
        At least one.

    Returns
    -------
    pd.DataFrame

    Raises
    ------
    InputError
        If there is no row.
    """
    if not rows:
        raise InputError("There is no score; a table needs at least one.")
    return pd.DataFrame([asdict(row) for row in rows])


def leakage_bits(
    utterances: Utterances,
    *,
    rng: np.random.Generator,
    labels: Sequence[str] = LABELS,
    num_folds: int = 5,
) -> tuple[LeakageBits, ...]:
    """Tell in bits how much every embedding says of every label.

    A logistic probe is fitted without the clusters that it is evaluated on and without a quarter of
    the others. On these it is sharpened or flattened by the factor that suits them best, and made a
    probability for labels as frequent as they are; where the factor is 0, only the frequencies are
    left. Per item, V-information is log q(y|x) − log p(y) with training frequencies p, and CLUB
    is log q(y|x) − Σ_e p(e)·log q(e|x) with the frequencies of all items, which is its mean over
    all pairs.

    Parameters
    ----------
    utterances : Utterances
        Items that the embedder was not trained on, of three clusters or more.
    rng : np.random.Generator
        Draws folds and shuffled labels.
    labels : sequence of str
        What is asked for.
    num_folds : int >= 2
        Parts that clusters are divided into; no more than there are clusters.

    Returns
    -------
    tuple of LeakageBits
        Four for each embedding and label: two metrics, as given and with labels shuffled within
        clusters.

    Raises
    ------
    InputError
        If there are fewer than three clusters, or a class occurs in so few that a fold trains
        without it.
    """
    if num_folds < 2:
        raise InputError(f"{num_folds} folds leave nothing out; give at least 2.")
    found: list[LeakageBits] = []
    for label in labels:
        truth, clusters = utterances.named(label), utterances.clusters(label)
        order = permutation_within(clusters, rng=rng)
        folds = _folds(clusters, num_folds, rng=rng)
        controls = {AS_GIVEN: truth, SHUFFLED_WITHIN: truth[order]}
        for embedding, (control, values) in product(utterances.embeddings, controls.items()):
            bits = _bits(utterances.vectors(embedding), values, clusters, folds)
            for metric, of_items in zip(BITS_METRICS, bits, strict=True):
                mean = cluster_mean(of_items, clusters)
                found.append(
                    LeakageBits(
                        embedding=embedding,
                        label=label,
                        metric=metric,
                        control=control,
                        value=mean.value,
                        low=mean.low,
                        high=mean.high,
                        label_bits=_entropy(truth),
                        num_items=len(truth),
                        num_clusters=mean.num_clusters,
                        clustered_by=cluster_kind(label),
                    )
                )
    return tuple(found)


def _entropy(labels: np.ndarray) -> float:
    shares = np.unique(labels, return_counts=True)[1] / len(labels)
    return float(-(shares @ np.log2(shares)))


def _folds(clusters: np.ndarray, num_folds: int, *, rng: np.random.Generator) -> np.ndarray:
    """Return the fold of each item [N]; clusters stay whole."""
    if (num_clusters := len(np.unique(clusters))) < 3:
        raise InputError(
            f"There are {num_clusters} clusters; three are needed to fit, to sharpen and to "
            "evaluate."
        )
    return cluster_folds(clusters, num_folds, rng=rng)


def _bits(
    vectors: np.ndarray, labels: np.ndarray, clusters: np.ndarray, folds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return each item's V-information and CLUB bound in bits [N]."""
    classes, codes = np.unique(labels, return_inverse=True)
    frequency = np.bincount(codes) / len(codes)
    usable, bound = np.empty((2, len(codes)))
    for fold in np.unique(folds):
        held = folds == fold
        _all_classes(labels, ~held)
        log_prior = np.log(np.bincount(codes[~held], minlength=len(classes)) / (~held).sum())
        log_q = _log_posterior(vectors, labels, clusters, held, log_prior)
        told = np.take_along_axis(log_q, codes[held][:, None], axis=1)[:, 0]
        usable[held] = (told - log_prior[codes[held]]) / np.log(2)
        bound[held] = (told - log_q @ frequency) / np.log(2)
    return usable, bound


def _log_posterior(
    vectors: np.ndarray,
    labels: np.ndarray,
    clusters: np.ndarray,
    held: np.ndarray,
    log_prior: np.ndarray,
) -> np.ndarray:
    """Return log q(e|x) of held items, fitted on the others; natural logarithm, [N, E]."""
    from scipy.optimize import minimize_scalar

    names = np.unique(clusters[~held])
    sharpening = ~held & np.isin(clusters, _quarter(names))
    fitted = ~held & ~sharpening
    _all_classes(labels, fitted)
    probe = fit_probe("logistic", vectors[fitted], labels[fitted], seed=0)
    logits = probe.log_probabilities(vectors[sharpening])
    codes = np.searchsorted(probe.classes, labels[sharpening])

    def cross_entropy(factor: float) -> float:
        log_q = _normalised(factor * logits + log_prior)
        return -float(np.take_along_axis(log_q, codes[:, None], axis=1).mean())

    # The factor belongs to this probe: one fitted on more items would be sharper by itself.
    found: Any = minimize_scalar(cross_entropy, bounds=(0.0, 20.0), method="bounded")
    return _normalised(float(found.x) * probe.log_probabilities(vectors[held]) + log_prior)


def _quarter(names: np.ndarray) -> np.ndarray:
    """Return every fourth cluster, or every second of fewer than four."""
    return names[:: max(2, min(4, len(names)))]


def _all_classes(labels: np.ndarray, fitted: np.ndarray) -> None:
    if lost := sorted(set(labels.tolist()) - set(labels[fitted].tolist())):
        raise InputError(
            f"The classes {lost[:5]} occur in so few clusters that a fold trains without them; "
            "leave them out, or give more clusters."
        )


def _normalised(logits: np.ndarray) -> np.ndarray:
    from scipy.special import log_softmax

    return log_softmax(logits, axis=1)
