"""Rows of one metric placed on another, so that curves can stand over bits instead of λ."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from quantlab.figures.tables import coded, frame_of, pick
from quantlab.figures.words import ALL

BITS = ("payload_bits", "bits_per_vector")
"""What is written, and what stands for it where nothing was."""

_SCORES = ("recall", "uar", "macro_f1")
_ROWS = ("emotion", "lam", "x", "value", "low", "high", "num_items", "num_speakers", "chance")


def rows_over(
    similarity: pd.DataFrame,
    rate: pd.DataFrame,
    accuracy: pd.DataFrame,
    *,
    metric: str,
    axis: str = "payload_bits",
    protocol: str = "speaker",
    recipe: str = "balanced",
    whole: bool = False,
) -> pd.DataFrame:
    """Choose the rows of one metric and place them on an axis other than λ.

    Parameters
    ----------
    similarity, rate, accuracy : pd.DataFrame
        A run's tables.
    metric : str
        Of the table `similarity`, "payload_bits", or of a probe "recall_<probe>", "uar_<probe>" or
        "macro_f1_<probe>".
    axis : str
        Another such metric, which the rows are placed on; bits are code length where nothing was
        written.
    protocol, recipe : str
        Which rows; of the rate-aware code choice.
    whole : bool
        Place the rows of every emotion on the axis of all clips, instead of on its own.

    Returns
    -------
    pd.DataFrame
        Columns emotion, lam, x (mean of the axis), value, low, high, num_items, num_speakers and
        chance (NaN but for scores of a probe), by emotion and λ. Without rows where the run lacks
        the metric or the axis.
    """
    tables = {
        name: coded(pick(table, protocol=protocol, recipe=recipe, method="codec"))
        for name, table in (("similarity", similarity), ("rate", rate), ("accuracy", accuracy))
    }
    along = _values(tables, axis)
    keys = ["lam"] if whole else ["emotion", "lam"]
    along = pick(along, emotion=ALL) if whole else along
    places = frame_of(along, {**{key: key for key in keys}, "value": "x"})
    rows = _values(tables, metric).merge(places, on=keys)
    rows = rows if "chance" in rows else rows.assign(chance=np.nan)
    rows = rows.sort_values(["emotion", "lam"], kind="stable", ignore_index=True)
    return frame_of(rows, {name: name for name in _ROWS})


def _values(tables: Mapping[str, pd.DataFrame], metric: str) -> pd.DataFrame:
    """Return the rows of a metric from the table that holds it."""
    for score in _SCORES:
        if metric.startswith(f"{score}_"):
            probe = metric.removeprefix(f"{score}_")
            return pick(tables["accuracy"], metric=score, probe=probe)
    if metric in BITS:
        written, charged = (pick(tables["rate"], metric=name) for name in BITS)
        return charged if written.empty else written
    return pick(tables["similarity"], metric=metric)
