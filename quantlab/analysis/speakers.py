"""Each speaker's own means: what a comparison of two runs is made from.

Intervals of other tables are over the speakers of one run. A difference between runs needs the
speakers themselves, because a speaker that both runs hold is compared with themself. `R` rows, `C`
speakers, `M` conditions, `E` emotions; emotion axes begin with all emotions together.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from quantlab.analysis.rows import (
    ALL,
    CONDITION,
    CodedRows,
    add_up,
    paid_bits,
    predicted_codes,
)
from quantlab.analysis.statistics import quotient

_METHOD = "codec"
_PROBE, _RECALL, _UAR = "probe_", "recall_", "uar_"
_KEYS = ("metric", "emotion", "speaker")


def speaker_table(coded: CodedRows, *, metrics: Sequence[str]) -> pd.DataFrame:
    """Average what the rate-aware codec keeps, spends and lets recognise, speaker by speaker.

    Parameters
    ----------
    coded : CodedRows
        Rows with a column of labels `probe_<name>` for each probe.
    metrics : sequence of str
        Numeric columns of the rows.

    Returns
    -------
    pd.DataFrame
        Columns protocol, recipe, method ("codec" throughout), lam, metric, emotion, speaker, value
        and num_items, the speaker's items behind it. Metrics are the given ones, "payload_bits" per
        vector (code length where nothing was written), "recall_<probe>" of each emotion and
        "uar_<probe>", the mean over the emotions that the speaker has, of "all". Items of all seeds
        are pooled, as everywhere. A row exists only where there is a value.
    """
    own = (coded.conditions["method"] == _METHOD).to_numpy()[coded.condition]
    quantities: dict[str, np.ndarray] = {name: coded.numbers(name) for name in metrics}
    quantities["payload_bits"] = paid_bits(coded)
    for column in (str(name) for name in coded.table.columns if str(name).startswith(_PROBE)):
        predicted = predicted_codes(coded, column)
        right = np.where(predicted >= 0, predicted == coded.emotion, np.nan)
        quantities[column.replace(_PROBE, _RECALL, 1)] = right
    means: dict[str, np.ndarray] = {}
    items: dict[str, np.ndarray] = {}
    for name, values in quantities.items():
        kept = np.where(own, values, np.nan)
        cells, counted = add_up(coded, kept), _items(coded, kept)
        mean = quotient(cells.sums, cells.counts)
        if name.startswith(_RECALL):
            uar = name.replace(_RECALL, _UAR, 1)
            means[uar], items[uar] = np.full_like(mean, np.nan), counted
            means[uar][..., 0] = _over_classes(mean[..., 1:])
            mean[..., 0] = np.nan
        means[name], items[name] = mean, counted
    return _tidy(coded, means, items)


def _items(coded: CodedRows, values: np.ndarray) -> np.ndarray:
    """Count the different items [C, M, 1 + E] that have a value; an item of many seeds is one."""
    num_conditions, num_emotions = len(coded.conditions), len(coded.emotions)
    known = ~np.isnan(values)
    place = (coded.speaker * num_conditions + coded.condition) * num_emotions + coded.emotion
    of_pair = np.full(coded.num_pairs, -1)
    of_pair[coded.pair[known]] = place[known]
    shape = (coded.num_speakers, num_conditions, num_emotions)
    counts = np.bincount(of_pair[of_pair >= 0], minlength=int(np.prod(shape))).reshape(shape)
    return np.concatenate([counts.sum(axis=-1, keepdims=True), counts], axis=-1)


def _over_classes(recall: np.ndarray) -> np.ndarray:
    """Average over the emotions that occur."""
    known = ~np.isnan(recall)
    return quotient(np.where(known, recall, 0.0).sum(axis=-1), known.sum(axis=-1))


def _tidy(
    coded: CodedRows, means: Mapping[str, np.ndarray], items: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """Spread the quantities, each [C, M, 1 + E], into rows sorted by condition, then the keys."""
    value, count = (
        np.stack([np.moveaxis(part[name], 0, -1) for name in means], axis=1)
        for part in (means, items)
    )  # [M, metrics, 1 + E, C]
    places = np.nonzero(~np.isnan(value))
    table = coded.conditions.iloc[places[0]].reset_index(drop=True)
    names = _speaker_names(coded)
    for key, labels, place in zip(
        _KEYS, (list(means), [ALL, *coded.emotions], names), places[1:], strict=True
    ):
        table[key] = pd.array(labels, dtype="str").take(place)
    return table.assign(value=value[places], num_items=count[places])[
        [*CONDITION, *_KEYS, "value", "num_items"]
    ]


def _speaker_names(coded: CodedRows) -> list[str]:
    """Return the speakers' names in the order of their codes."""
    _, first = np.unique(coded.speaker, return_index=True)
    return [str(name) for name in coded.table["speaker"].iloc[first]]
