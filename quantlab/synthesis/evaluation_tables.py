"""The measures of disentanglement of a trained StyleVC as tidy tables, with their controls.

What cannot be measured of the clips at hand is left out with a note; the others are there all the
same.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from quantlab.analysis import (
    FactorSet,
    ProbeScore,
    Trees,
    Utterances,
    class_factors,
    cluster_folds,
    crossed_probe_matrix,
    dci_table,
    information_table,
    label_factors,
    leakage_bits,
    projection_table,
    scatter_table,
    score_table,
)
from quantlab.errors import InputError
from quantlab.synthesis.evaluation_parts import NEW_SPEAKERS
from quantlab.synthesis.evaluation_settings import EvaluationSettings

TRAINED, UNTRAINED = "trained", "untrained"
"""Values of the column `encoder` of probes."""

CLASSES, LABELS = "classes", "labels"
"""Values of the column `reading` of DCI: the classes of one label against the rest, asked of the
embedding that is meant for it; the labels themselves, asked of all embeddings side by side."""

_ENDS = dict.fromkeys(("value", "low", "high"), "float64")
_COUNTS = dict.fromkeys(("num_items", "num_clusters"), "int64")
_ASKED = dict.fromkeys(("embedding", "label"), "string")
SCHEMAS: Mapping[str, Mapping[str, str]] = {
    "probes": {
        **dict.fromkeys(("protocol", "encoder"), "string"),
        **_ASKED,
        **dict.fromkeys(("probe", "metric"), "string"),
        **_ENDS,
        **dict.fromkeys(("chance", "majority"), "float64"),
        **_COUNTS,
        "clustered_by": "string",
    },
    "dci": {
        **dict.fromkeys(("reading", "factors", "embedding", "control", "metric"), "string"),
        **_ENDS,
        "chance": "float64",
        **_COUNTS,
    },
    "bits": {
        **_ASKED,
        **dict.fromkeys(("metric", "control"), "string"),
        **_ENDS,
        "label_bits": "float64",
        **_COUNTS,
        "clustered_by": "string",
    },
    "scatter": {
        **_ASKED,
        "metric": "string",
        **_ENDS,
        **dict.fromkeys(("chance", "spread", "effective_dims"), "float64"),
        "collapsed": "string",
        **_COUNTS,
    },
    "information": {
        **dict.fromkeys(("first", "second"), "string"),
        **_ENDS,
        **dict.fromkeys(("baseline", "baseline_high"), "float64"),
        **dict.fromkeys(("num_dims_first", "num_dims_second"), "int64"),
        **_COUNTS,
    },
    "maps": {
        **dict.fromkeys(("embedding", "method"), "string"),
        **dict.fromkeys(("x", "y", "explained"), "float64"),
        **dict.fromkeys(("emotion", "speaker", "text"), "string"),
    },
}
"""Columns of each table, in order, with their types."""


def measured_tables(
    known: Utterances,
    untrained: Utterances,
    new: Utterances | None,
    *,
    protocol: str,
    settings: EvaluationSettings,
    notes: list[str],
    advance: Callable[[], None],
) -> dict[str, pd.DataFrame]:
    """Measure everything that embeddings tell.

    Parameters
    ----------
    known, untrained : Utterances
        Clips that training did not see, of speakers that it knows, embedded by the model and by the
        same networks before training.
    new : Utterances, optional
        Clips of held-out speakers, embedded by the model.
    protocol : str
        Of `known`.
    settings : EvaluationSettings
        Folds, trees, seed.
    notes : list of str
        What was left out, and why, is added here.
    advance : callable
        Called after each table of `SCHEMAS`.

    Returns
    -------
    dict of str to pd.DataFrame
        The tables of `SCHEMAS`; empty where nothing could be measured.

    Raises
    ------
    InputError
        There is neither a second speaker nor a second emotion, or no probe can be trained.
    """
    labels = [name for name in ("emotion", "speaker") if len(np.unique(known.named(name))) > 1]
    if not labels:
        raise InputError(
            "all test clips are of one speaker and one emotion, so nothing can be told apart; "
            "evaluate on features with more"
        )
    if len(labels) == 1:
        (lost,) = {"emotion", "speaker"} - set(labels)
        notes.append(f"all test clips are of one {lost}, which is not asked for")

    def bits(label: str) -> pd.DataFrame:
        rng = np.random.default_rng(settings.seed)
        return score_table(
            leakage_bits(known, rng=rng, labels=[label], num_folds=settings.num_folds)
        )

    def information() -> pd.DataFrame:
        return information_table(
            known,
            rng=np.random.default_rng(settings.seed),
            num_dims=settings.information_dims,
            num_permutations=settings.num_permutations,
        )

    def maps(method) -> pd.DataFrame:
        return projection_table(known, method=method, seed=settings.seed)

    made: dict[str, list[tuple[str, Callable[[], pd.DataFrame]]]] = {
        "dci": [
            (f"DCI of {' and '.join(factors)}", lambda r=reading, f=factors: _dci(
                known, untrained, r, f, settings))
            for reading, factors in _readings(labels)
        ],
        "bits": [(f"bits of {label}", lambda label=label: bits(label)) for label in labels],
        "scatter": [
            (f"scatter by {label}", lambda label=label: scatter_table(known, labels=[label]))
            for label in labels
        ],
        "information": [("shared information", information)],
        "maps": [(f"{name} map", lambda name=name: maps(name)) for name in ("tsne", "pca")],
    }  # fmt: skip
    tables = {"probes": _probes(known, untrained, new, protocol, labels, settings, notes)}
    advance()
    for name, parts in made.items():
        found = [_or_note(make, what, notes) for what, make in parts]
        tables[name] = stacked([part for part in found if part is not None], SCHEMAS[name])
        advance()
    return tables


def _or_note(make: Callable[[], pd.DataFrame], what: str, notes: list[str]) -> pd.DataFrame | None:
    try:
        return make()
    except InputError as error:
        notes.append(f"{what} left out: {error}")
        return None


def stacked(parts: Sequence[pd.DataFrame], schema: Mapping[str, str]) -> pd.DataFrame:
    """Return tables below each other, with the columns of a schema; empty where there is none."""
    if not parts:
        return pd.DataFrame(columns=list(schema))
    below: list[pd.DataFrame] = [part.reindex(columns=list(schema)) for part in parts]
    return pd.concat(below, ignore_index=True)


def _probes(
    known: Utterances,
    untrained: Utterances,
    new: Utterances | None,
    protocol: str,
    labels: Sequence[str],
    settings: EvaluationSettings,
    notes: list[str],
) -> pd.DataFrame:
    """Ask in folds by sentence, so that no probe is asked a sentence that it was trained on."""
    folds, new_folds = _sentence_folds(known, new, settings)
    parts = []
    for encoder, given in ((TRAINED, known), (UNTRAINED, untrained)):
        scores = crossed_probe_matrix(
            given,
            given,
            folds=(folds, folds),
            seed=settings.seed,
            labels=labels,
            probes=settings.probes,
        )
        parts.append(_with(scores, protocol=protocol, encoder=encoder))
    if new is None:
        return stacked(parts, SCHEMAS["probes"])
    common = np.isin(new.named("emotion"), np.unique(known.named("emotion")))

    def asked() -> pd.DataFrame:
        if "emotion" not in labels or not common.any():
            raise InputError("the new speakers have no emotion that can be asked for")
        scores = crossed_probe_matrix(
            known,
            new.subset(common),
            folds=(folds, new_folds[common]),
            seed=settings.seed,
            labels=["emotion"],
            probes=settings.probes,
        )
        return _with(scores, protocol=NEW_SPEAKERS, encoder=TRAINED)

    found = _or_note(asked, "emotions of new speakers", notes)
    return stacked([*parts, *([] if found is None else [found])], SCHEMAS["probes"])


def _sentence_folds(
    known: Utterances, new: Utterances | None, settings: EvaluationSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Return the folds of both; a sentence has the same fold in either."""
    texts = known.named("text")
    others = texts[:0] if new is None else new.named("text")
    rng = np.random.default_rng(settings.seed)
    folds = cluster_folds(np.concatenate([texts, others]), settings.num_folds, rng=rng)
    return folds[: len(texts)], folds[len(texts) :]


def _with(scores: Sequence[ProbeScore], **keys: str) -> pd.DataFrame:
    return score_table(scores).assign(**keys)


def _readings(labels: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    readings: list[tuple[str, tuple[str, ...]]] = [(CLASSES, (label,)) for label in labels]
    return [*readings, (LABELS, tuple(labels))] if len(labels) > 1 else readings


def _dci(
    known: Utterances,
    untrained: Utterances,
    reading: str,
    factors: Sequence[str],
    settings: EvaluationSettings,
) -> pd.DataFrame:
    """Grow trees on two thirds of the sentences and score them on the others."""
    rng = np.random.default_rng(settings.seed)
    held = cluster_folds(known.named("text"), 3, rng=rng) == 0
    embeddings = list(factors) if reading == CLASSES else list(known.embeddings)

    def parts(given: Utterances) -> tuple[FactorSet, FactorSet]:
        pair = given.subset(~held), given.subset(held)
        if reading == CLASSES:
            first, second = (
                class_factors(part, embedding=embeddings[0], label=factors[0]) for part in pair
            )
        else:
            first, second = (
                label_factors(part, embeddings=embeddings, labels=factors) for part in pair
            )
        return first, second

    table = dci_table(
        *parts(known),
        seed=settings.seed,
        untrained=parts(untrained),
        trees=Trees(num_trees=settings.num_trees, num_bins=settings.num_bins),
        # All embeddings side by side have too many dimensions to be asked once for each sentence.
        intervals=settings.dci_intervals and reading == CLASSES,
    )
    return table.assign(
        reading=reading, factors=", ".join(factors), embedding=", ".join(embeddings)
    )
