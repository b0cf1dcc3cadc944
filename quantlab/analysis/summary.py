"""From sweep rows to the tidy tables that figures, pages and reports are drawn from.

Every table has one row per protocol × recipe × method × λ and its own further keys, sorted by
them, with `value`, the ends `low` and `high` of its 95 % interval (clusters are speakers, in both
protocols), `num_items` and `num_speakers`. Items of all seeds are pooled; a seed is neither a
cluster nor another item. A row exists only where there is something to report. `C` speakers, `M`
conditions, `E` emotions; emotion axes begin with all emotions together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quantlab.analysis.claims import verdict
from quantlab.analysis.recognition import recognition
from quantlab.analysis.rows import (
    ALL,
    CONDITION,
    Cells,
    CodedRows,
    add_up,
    code_rows,
    long_table,
    payload_bits,
    predicted_codes,
)
from quantlab.analysis.speakers import speaker_table
from quantlab.analysis.statistics import Intervals, jackknife_intervals, quotient

SIMILARITY_METRICS = (
    "distortion",
    "cos_raw_frames",
    "cos_centred_frames",
    "cos_raw_means",
    "cos_centred_means",
)
RATE_METRICS = (
    "bits_per_vector",
    "payload_bits",
    "file_bits",
    "entropy_bits",
    "distinct_share",
    "bits_share",
)
_TOKEN_METRICS = {"token_entropy": "emotion_token_entropy", "code_usage": "emotion_code_usage"}

_RATE_COLUMNS = (
    "num_frames",
    "code_length_bits",
    "set_entropy_bits",
    "set_distinct_sequences",
    "set_num_vectors",
    "set_payload_bits",
    "set_file_bits",
)
_CONTROLLED = "rate_controlled"
_DRIFTING = "codec"
_REFERENCES = (
    "shrink_mean",
    "shrink_class",
    "water_mean",
    "water_class",
    "noise_matched",
    "pca_matched",
)


@dataclass(frozen=True, eq=False)
class Summary:
    """The tables of a sweep.

    Attributes
    ----------
    similarity : pd.DataFrame
        Distortion and cosines: keys metric, emotion.
    rate : pd.DataFrame
        Bits per vector (code length, payload, whole file), empirical entropy, share of distinct
        sequences, code length relative to the lowest λ, and of each emotion's symbols the
        normalised entropy and the share of the codes in use: keys metric, emotion.
    accuracy : pd.DataFrame
        UAR, macro-F1 and recall of each probe: keys probe, metric, emotion; further columns chance,
        majority (the score of always answering with the commonest class) and constant.
    confusion : pd.DataFrame
        Counts over all folds and seeds: keys probe, emotion, predicted.
    attraction : pd.DataFrame
        Degrees toward each class, and their paired differences to the references: keys emotion,
        target; further column verdict_before_holm, of each comparison by itself.
    control : pd.DataFrame
        Paired differences of coding at equal bits for every item to coding at one λ that spends as
        much on average: keys metric, emotion. Metrics are those of `similarity`, "payload_bits" per
        vector, and for each probe "recall_<probe>", the share of items that it recognises. Without
        rows where a sweep has no such items.
    speakers : pd.DataFrame
        Each speaker's own means under the rate-aware codec, as `speaker_table` returns them: keys
        metric, emotion, speaker. Without intervals; what two runs are compared by.
    """

    similarity: pd.DataFrame
    rate: pd.DataFrame
    accuracy: pd.DataFrame
    confusion: pd.DataFrame
    attraction: pd.DataFrame
    control: pd.DataFrame
    speakers: pd.DataFrame


def summarise(rows: pd.DataFrame, *, emotions: Sequence[str]) -> Summary:
    """Summarise the rows of a sweep.

    Parameters
    ----------
    rows : pd.DataFrame
        One row per trial × method × λ × item; columns that are not needed are ignored.
    emotions : sequence of str, length E
        The classes of the run, in the order that the tables shall have.

    Returns
    -------
    Summary

    Raises
    ------
    InputError
        If there are no rows, a column or key is missing, a label is not among the emotions, or an
        item stands there twice for one condition and seed.
    """
    needed = (*SIMILARITY_METRICS, *_RATE_COLUMNS, *(f"attraction_{name}" for name in emotions))
    coded = code_rows(rows, emotions=emotions, columns=needed)
    accuracy, confusion = recognition(coded)
    return Summary(
        similarity=_similarity(coded),
        rate=_rate(coded),
        accuracy=accuracy,
        confusion=confusion,
        attraction=_attraction(coded),
        control=_control(coded),
        speakers=speaker_table(coded, metrics=SIMILARITY_METRICS),
    )


def _similarity(coded: CodedRows) -> pd.DataFrame:
    """Average each metric over items."""
    cells = [add_up(coded, coded.numbers(metric)) for metric in SIMILARITY_METRICS]
    return _metric_table(coded, SIMILARITY_METRICS, cells, [_means(part) for part in cells])


def _rate(coded: CodedRows) -> pd.DataFrame:
    """Average bits over items and entropies over evaluated sets."""
    bits, frames = coded.numbers("code_length_bits"), coded.numbers("num_frames")
    per_vector, per_item = add_up(coded, quotient(bits, frames)), add_up(coded, bits)
    payload = add_up(coded, payload_bits(coded))
    sets = add_up(coded, coded.numbers("set_num_vectors"))
    tokens = {
        metric: add_up(coded, coded.numbers(column))
        for metric, column in _TOKEN_METRICS.items()
        if column in coded.table.columns
    }
    return _metric_table(
        coded,
        (*RATE_METRICS, *tokens),
        [per_vector, payload, sets, sets, sets, per_item, *tokens.values()],
        [
            _means(per_vector),
            _means(payload),
            _over_sets(coded, coded.numbers("set_file_bits")),
            _over_sets(coded, coded.numbers("set_entropy_bits")),
            _over_sets(
                coded,
                quotient(coded.numbers("set_distinct_sequences"), coded.numbers("set_num_vectors")),
            ),
            _relative_to_lowest_lam(coded, per_item),
            *(_means(part) for part in tokens.values()),
        ],
    )


def _over_sets(coded: CodedRows, values: np.ndarray) -> Intervals:
    """Average a quantity of evaluated sets over folds and seeds, weighted by their vectors.

    Each fold's set is taken by itself, because each has a codec of its own. There is no interval: a
    set may hold several speakers and cannot be taken apart.
    """
    sets = coded.condition * coded.num_trials + coded.trial
    known = np.flatnonzero(~np.isnan(values) & (coded.numbers("set_num_vectors") > 0))
    _, first = np.unique(sets[known], return_index=True)
    chosen = known[first]
    weights = coded.numbers("set_num_vectors")[chosen]
    condition, num_conditions = coded.condition[chosen], len(coded.conditions)
    means = quotient(
        np.bincount(condition, weights=weights * values[chosen], minlength=num_conditions),
        np.bincount(condition, weights=weights, minlength=num_conditions),
    )
    value = np.full((num_conditions, 1 + len(coded.emotions)), np.nan)
    value[:, 0] = means
    nothing = np.full_like(value, np.nan)
    counts = add_up(coded, values).counts
    return Intervals(value, nothing, nothing, (counts > 0).sum(axis=0))


def _relative_to_lowest_lam(coded: CodedRows, bits: Cells) -> Intervals:
    """Divide mean bits by those at the lowest λ of the same protocol, recipe and method."""
    curve = [coded.conditions[name] for name in CONDITION[:-1]]
    place = pd.Series(np.arange(len(coded.conditions)), dtype=np.float64)
    lowest = place.where(coded.conditions["lam"].notna()).groupby(curve).transform("min")
    has_lam = lowest.notna().to_numpy()
    base = lowest.fillna(0).to_numpy(np.int64)
    parts = np.stack([bits.sums, bits.counts, bits.sums[:, base], bits.counts[:, base]], axis=-1)
    parts[:, ~has_lam] = 0.0
    return jackknife_intervals(
        parts,
        lambda total: quotient(
            quotient(total[..., 0], total[..., 1]), quotient(total[..., 2], total[..., 3])
        ),
        present=bits.counts > 0,
    )


def _attraction(coded: CodedRows) -> pd.DataFrame:
    """Average the attraction to each class, and the paired differences to the references."""
    method = coded.conditions["method"].to_numpy()[coded.condition]
    angles = {name: coded.numbers(f"attraction_{name}") for name in coded.emotions}
    plain = np.isin(method, (_DRIFTING, *_REFERENCES))
    tables = [
        _attraction_table(
            coded, [np.where(plain, values, np.nan) for values in angles.values()]
        ).assign(verdict_before_holm="")
    ]
    for reference in _REFERENCES:
        own, other = _partners(coded, method == _DRIFTING, method == reference)
        differences = [np.full(len(method), np.nan) for _ in angles]
        for difference, values in zip(differences, angles.values(), strict=True):
            difference[own] = values[own] - values[other]
        table = _attraction_table(coded, differences)
        table["method"] = f"{_DRIFTING}-minus-{reference}"
        table["verdict_before_holm"] = verdict(table["low"], table["high"], table["num_speakers"])
        tables.append(table)
    joined = pd.concat([table for table in tables if len(table)] or tables[:1])
    return joined.sort_values(
        list(CONDITION), kind="stable", na_position="first", ignore_index=True
    )


def _control(coded: CodedRows) -> pd.DataFrame:
    """Average what equal bits for every item change against one λ, item by item."""
    method = coded.conditions["method"].to_numpy()[coded.condition]
    own, other = _partners(coded, method == _CONTROLLED, method == _DRIFTING)
    measured = {name: coded.numbers(name) for name in SIMILARITY_METRICS}
    measured["payload_bits"] = payload_bits(coded)
    for column in (str(name) for name in coded.table.columns if str(name).startswith("probe_")):
        predicted = predicted_codes(coded, column)
        right = np.where(predicted >= 0, predicted == coded.emotion, np.nan)
        measured[column.replace("probe_", "recall_", 1)] = right
    cells = []
    for values in measured.values():
        difference = np.full(len(method), np.nan)
        difference[own] = values[own] - values[other]
        cells.append(add_up(coded, difference))
    return _metric_table(coded, list(measured), cells, [_means(part) for part in cells])


def _partners(
    coded: CodedRows, own: np.ndarray, other: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pair rows of two methods that agree in everything else; return their positions."""
    _, left, right = np.intersect1d(
        coded.match[own], coded.match[other], assume_unique=True, return_indices=True
    )
    return np.flatnonzero(own)[left], np.flatnonzero(other)[right]


def _attraction_table(coded: CodedRows, values: Sequence[np.ndarray]) -> pd.DataFrame:
    """Average one quantity per target class; the target is the fastest key."""
    cells = [add_up(coded, part) for part in values]
    axes = {"emotion": (ALL, *coded.emotions), "target": coded.emotions}
    return _interval_table(coded, axes, cells, [_means(part) for part in cells], axis=-1)


def _metric_table(
    coded: CodedRows,
    metrics: Sequence[str],
    cells: Sequence[Cells],
    intervals: Sequence[Intervals],
) -> pd.DataFrame:
    """Join metrics, each with its cells and intervals; the emotion is the fastest key."""
    axes = {"metric": metrics, "emotion": (ALL, *coded.emotions)}
    return _interval_table(coded, axes, cells, intervals, axis=1)


def _interval_table(
    coded: CodedRows,
    axes: dict[str, Sequence[str]],
    cells: Sequence[Cells],
    intervals: Sequence[Intervals],
    *,
    axis: int,
) -> pd.DataFrame:
    """Stack quantities along `axis` and spread them into a table."""
    columns = {
        "value": [part.value for part in intervals],
        "low": [part.low for part in intervals],
        "high": [part.high for part in intervals],
        "num_items": [part.num_items for part in cells],
        "num_speakers": [part.num_clusters for part in intervals],
    }
    stacked = {name: np.stack(parts, axis=axis) for name, parts in columns.items()}
    return long_table(coded, axes, keep=~np.isnan(stacked["value"]), columns=stacked)


def _means(cells: Cells) -> Intervals:
    """Average over items, with intervals over speakers."""
    return jackknife_intervals(
        np.stack([cells.sums, cells.counts], axis=-1),
        lambda total: quotient(total[..., 0], total[..., 1]),
        present=cells.counts > 0,
    )
