"""Soft labels of a study's items: the share of each emotion in what is heard in them.

Annotators' votes where the corpus has them; elsewhere the posterior of a probe trained on other
sentences, or on other speakers where sentences are unknown. Letters: ``N`` items, ``E`` emotions.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from quantlab.analysis import FittedProbe, agreement_classes, fit_probe
from quantlab.config import fingerprint
from quantlab.corpora import speaker_folds, text_folds, vote_shares
from quantlab.errors import InputError, IntegrityError
from quantlab.store import read_table, table_metadata, write_table
from quantlab.sweep.workspace import ALL_ITEMS, Workspace, fit_scaling

_FORMAT = 1
_FOLDS = 3
_VOTED = 0.5  # a corpus has votes when at least this share of its items has
_SHARE = "share_"


@dataclass(frozen=True, eq=False)
class Labels:
    """What is known of the items that are measured.

    Attributes
    ----------
    emotion : np.ndarray [shape=(N,), dtype=int64]
        Position of each item's emotion among the study's.
    soft : np.ndarray [shape=(N, E), dtype=float64]
        Share of each emotion in what is heard in it.
    """

    emotion: np.ndarray
    soft: np.ndarray


def write_soft_labels(work: Workspace) -> None:
    """Write the soft labels of a study, unless they are there.

    Parameters
    ----------
    work : Workspace
        The study. ``soft_labels.parquet`` of the run holds item, source ("votes" or "probe"),
        agreement and a share per emotion.
    """
    identity = fingerprint(
        {"format": _FORMAT, "data": work.data_fingerprint, "emotions": work.emotions}
    )
    path = work.folder.soft_labels
    try:
        if table_metadata(path).get("fingerprint") == identity:
            return
    except (InputError, IntegrityError):
        pass
    source, shares = _shares(work)
    table = pd.DataFrame(
        {
            "item": work.items["item"].astype(str),
            "source": source,
            "agreement": agreement_classes(shares, work.items["speaker"].astype(str).to_numpy()),
            **{f"{_SHARE}{name}": shares[:, at] for at, name in enumerate(work.emotions)},
        }
    )
    schema = {name: "float64" if name.startswith(_SHARE) else "string" for name in table.columns}
    write_table(path, table, schema=schema, metadata={"fingerprint": identity})


def labels_of(work: Workspace, positions: np.ndarray) -> Labels:
    """Return what is known of some items of a study.

    Parameters
    ----------
    work : Workspace
        The study, after `write_soft_labels`.
    positions : np.ndarray [shape=(N,), dtype=int64]
        Which of its items.
    """
    emotions = work.items["emotion"].astype(str).to_numpy()[positions]
    places = {name: at for at, name in enumerate(work.emotions)}
    soft = _read(work.folder.soft_labels, work.emotions)[positions]
    return Labels(np.array([places[name] for name in emotions], dtype=np.int64), soft)


@lru_cache(maxsize=2)
def _read(path: Path, emotions: tuple[str, ...]) -> np.ndarray:
    return read_table(path)[[f"{_SHARE}{name}" for name in emotions]].to_numpy(np.float64)


def _shares(work: Workspace) -> tuple[str, np.ndarray]:
    heard = _votes(work)
    voted = np.isfinite(heard).all(axis=1)
    if voted.mean() >= _VOTED:
        # Where nobody voted the label is all there is.
        labels = work.items["emotion"].astype(str).to_numpy()
        named = (labels[:, None] == np.asarray(work.emotions)[None, :]).astype(np.float64)
        return "votes", np.where(voted[:, None], heard, named)
    return "probe", _cross_fitted(work)


def _votes(work: Workspace) -> np.ndarray:
    votes = work.items["votes"].fillna("").astype(str) if "votes" in work.items else []
    found = [vote_shares(text, work.emotions) for text in votes]
    missing = np.full((len(work.items), len(work.emotions)), np.nan)
    return np.array(found, dtype=np.float64) if found else missing


def _cross_fitted(work: Workspace) -> np.ndarray:
    """Return each item's posterior by a probe that has not seen its sentence, or its speaker."""
    try:
        folds = text_folds(work.items, _FOLDS)
    except InputError:
        folds = speaker_folds(work.items, None)
    means = work.embeddings.time_means(work.rows)
    z = fit_scaling(work, ALL_ITEMS).forward(means)
    labels = work.items["emotion"].astype(str).to_numpy()
    shares = np.full((len(labels), len(work.emotions)), 1.0 / len(work.emotions))
    for fold in folds:
        probe = fit_probe("logistic", z[fold.train], labels[fold.train], seed=0)
        shares[fold.test] = posterior(probe, z[fold.test], work.emotions)
    return shares


def posterior(probe: FittedProbe, z_means: np.ndarray, emotions: tuple[str, ...]) -> np.ndarray:
    """Return a probe's probabilities ``[N, E]`` in the order of `emotions`, 0 for unknown ones."""
    found = np.exp(probe.log_probabilities(z_means))
    ordered = np.zeros((len(found), len(emotions)))
    ordered[:, [emotions.index(name) for name in probe.classes]] = found
    return ordered
