"""The codec beside one direct reduction: at equal similarity of the set, and at equal bits.

This is the predecessor's two-panel comparison ("greedy" against λ), with intervals, and without
its mixing of scales: both panels share their axes.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.axes import fit_range
from quantlab.figures.canvas import Canvas
from quantlab.figures.cells import add_cells
from quantlab.figures.claims import NOTHING
from quantlab.figures.context import FigureContext, with_protocol
from quantlab.figures.empty import empty_figure
from quantlab.figures.strokes import emotion_stroke
from quantlab.figures.tables import coded, frame_of, numbers, pick, pick_by, records, where
from quantlab.figures.words import (
    ALL,
    axis_words,
    emotion_order,
    fixed,
    joined,
    method_words,
    metric_words,
    number,
    plain,
    probe_words,
    sentence_case,
)

COSINE = "cosine"
"""Name of the comparison at equal similarity of the set; the others are axes of `matched`."""

BITS = "payload_bits"
_RECALL = "recall_"
_MAX_LEVELS = 14
_TITLES = {COSINE: "equal similarity of the whole set", BITS: "equal payload bits"}
_NOTHING_TO_DRAW = (
    "Direct reductions of similarity were not compared with the codec at {title}. Add `reductions` "
    "to the study and type `quantlab sweep` again."
)


def reduction_panels(
    similarity: pd.DataFrame,
    matched: pd.DataFrame,
    accuracy: pd.DataFrame | None = None,
    *,
    context: FigureContext,
    axis: str = COSINE,
    method: str = "drop_least",
    metric: str = "cos_centred_frames",
    probe: str = "logistic",
    protocol: str = "speaker",
    emotions: Sequence[str] | None = None,
) -> go.Figure:
    """Draw each emotion under the codec (left) and under a direct reduction (right).

    Parameters
    ----------
    similarity, matched : pd.DataFrame
        The run's tables. At equal similarity the first is used, otherwise the second.
    accuracy : pd.DataFrame, optional
        The run's table `accuracy`, for recalls at equal similarity.
    context : FigureContext
        Run, split and background.
    axis : {"cosine", "payload_bits"}
        What both have in common where they stand above each other.
    method : str
        The reduction.
    metric, probe, protocol : str
        Which rows; recalls of the probe make a second row of panels.
    emotions : sequence of str, optional
        Classes to draw; all when omitted.

    Returns
    -------
    plotly.graph_objects.Figure
        Or a picture that says what is missing.
    """
    name = _TITLES.get(axis, axis)
    title = f"Rate-aware choice and direct reduction at {name}"
    rows = compared(
        similarity, matched, accuracy, axis=axis, metric=metric, probe=probe, protocol=protocol
    )
    rows = pick_by(rows, "level", method=["codec", method])
    if set(rows["method"]) != {"codec", method}:
        return empty_figure(_NOTHING_TO_DRAW.format(title=name), context=context, title=title)
    found = emotion_order(rows["emotion"])
    names = [emotion for emotion in found if not emotions or emotion in emotions]
    quantities = [metric, f"{_RECALL}{probe}"]
    quantities = [quantity for quantity in quantities if (rows["metric"] == quantity).any()]
    canvas = Canvas(
        title=title,
        context=with_protocol(context, protocol),
        rows=len(quantities),
        columns=2,
        panel_titles=[sentence_case(method_words(one)) for one in ("codec", method)],
        panel_height=320,
        gap=0.03,
        row_gap_px=30,
        shared=True,
    )
    for column, one in enumerate(("codec", method), start=1):
        for row, quantity in enumerate(quantities, start=1):
            for emotion in [*names, ALL]:
                frame = pick_by(rows, "level", method=one, metric=quantity, emotion=emotion)
                canvas.curve(
                    frame,
                    stroke=emotion_stroke(emotion, context, band=0.0 if emotion == ALL else 0.09),
                    x=numbers(frame, "level"),
                    cell=(row, column),
                    panel=method_words(one),
                    quantity=quantity,
                    legend=(row, column) == (1, 1),
                    over_lam=False,
                )
    _dress(canvas, rows, quantities, axis=axis)
    return canvas.figure()


def _dress(canvas: Canvas, rows: pd.DataFrame, quantities: Sequence[str], *, axis: str) -> None:
    levels = numbers(rows, "level")
    spread = 0.03 * max(float(np.ptp(levels)), 0.01)
    span = [float(levels.max()) + spread, float(levels.min()) - spread]
    words = "similarity of the whole set" if axis == COSINE else axis_words(axis)
    canvas.x_axis(range=span, showgrid=True)
    canvas.x_axis(row=len(quantities), title=f"{words} (damage grows to the right)")
    for row, quantity in enumerate(quantities, start=1):
        drawn = pick_by(rows, "level", metric=quantity)
        if quantity.startswith(_RECALL):
            probe = probe_words(quantity.removeprefix(_RECALL))
            canvas.y_axis(row=row, range=[-0.03, 1.04], tickformat=".0%")
            canvas.y_axis(row=row, column=1, title=f"recall,<br>{probe}")
        else:
            canvas.y_axis(row=row, range=fit_range(drawn))
            canvas.y_axis(row=row, column=1, title=metric_words(quantity).replace(", ", ",<br>"))


def compared(
    similarity: pd.DataFrame,
    matched: pd.DataFrame,
    accuracy: pd.DataFrame | None,
    *,
    axis: str,
    metric: str,
    probe: str,
    protocol: str,
) -> pd.DataFrame:
    """Return the balanced codec's rows, and those of its reductions, with a column `level`.

    Returns
    -------
    pd.DataFrame
        Columns level, lam, method, metric, emotion and the values. At equal similarity the level
        is that of the method's own set at the same λ, which reductions are matched in.
    """
    keys = {"protocol": protocol, "recipe": "balanced"}
    recall = f"{_RECALL}{probe}"
    if axis != COSINE:
        rows = pick_by(matched, "level", **keys, axis=axis, metric=[metric, recall])
        return rows.assign(lam=np.nan)
    own = coded(pick(similarity, **keys, metric=metric))
    parts = [own]
    if accuracy is not None:
        recalls = coded(pick(accuracy, **keys, metric="recall", probe=probe))
        parts.append(recalls.assign(metric=recall))
    rows = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    whole = frame_of(pick(own, emotion=ALL), {"method": "method", "lam": "lam", "value": "level"})
    return rows.merge(whole, on=["method", "lam"], how="inner")


def reduction_heatmap(
    similarity: pd.DataFrame,
    matched: pd.DataFrame,
    *,
    context: FigureContext,
    axis: str = COSINE,
    method: str = "drop_least",
    metric: str = "cos_centred_frames",
    protocol: str = "speaker",
) -> go.Figure:
    """Draw emotion × level: the codec's similarity less the reduction's, at equal damage.

    Parameters
    ----------
    similarity, matched : pd.DataFrame
        The run's tables.
    context : FigureContext
        Run, split and background.
    axis, method, metric, protocol : str
        As in `reduction_panels`.

    Returns
    -------
    plotly.graph_objects.Figure
        Positive (blue): the codec spares the emotion. Or a picture that says what is missing.
    """
    name = _TITLES.get(axis, axis)
    title = f"Rate-aware choice less {method_words(method)}, at {name}"
    rows = differences(
        similarity, matched, axis=axis, method=method, metric=metric, protocol=protocol
    )
    if rows.empty:
        return empty_figure(_NOTHING_TO_DRAW.format(title=name), context=context, title=title)
    names = [*emotion_order(rows["emotion"]), ALL]
    names = [one for one in names if (rows["emotion"] == one).any()]
    levels = np.unique(numbers(rows, "level"))[::-1]
    every = np.linspace(0, len(levels) - 1, _MAX_LEVELS).round().astype(int)
    levels = levels[np.unique(every)]
    rows = where(rows, np.isin(numbers(rows, "level"), levels))
    reach = float(np.nanmax(np.abs(numbers(rows, "value")))) or 1.0
    canvas = Canvas(
        title=title,
        context=with_protocol(context, protocol),
        panel_height=38 * len(names) + 20,
    )
    place_of = {float(level): place for place, level in enumerate(levels)}
    add_cells(
        canvas,
        rows,
        row_names=names,
        column_names=_distinct_names(levels, digits=2 if axis == COSINE else 3),
        places=[
            (names.index(row["emotion"]), place_of[float(row["level"])]) for row in records(rows)
        ],
        quantity=f"{metric}, difference",
        limits=(-reach, reach),
        over_lam=False,
    )
    words = "similarity of the whole set under the codec" if axis == COSINE else axis_words(axis)
    canvas.x_axis(title=words)
    return canvas.figure()


def _distinct_names(levels: np.ndarray, *, digits: int) -> list[str]:
    """Write levels so that no two columns share a name."""
    names = [number(level, digits=digits) for level in levels]
    while len(set(names)) < len(names) and digits < 9:
        digits += 1
        names = [number(level, digits=digits) for level in levels]
    return names


def differences(
    similarity: pd.DataFrame,
    matched: pd.DataFrame,
    *,
    axis: str,
    method: str,
    metric: str,
    protocol: str,
) -> pd.DataFrame:
    """Subtract the reduction's values from the codec's where both stand at the same level.

    Returns
    -------
    pd.DataFrame
        Columns level, lam, emotion, value, low, high, num_items, num_speakers. Intervals are
        those of the paired difference where the table has it, else NaN: the two are paired, so
        their own intervals say nothing about the difference.
    """
    rows = compared(
        similarity, matched, None, axis=axis, metric=metric, probe="", protocol=protocol
    )
    keys = ["lam", "emotion"] if axis == COSINE else ["level", "emotion"]
    paired = pick_by(rows, "level", method=f"codec-minus-{method}")
    if len(paired) and axis != COSINE:
        return paired
    own, other = (pick_by(rows, "level", method=one) for one in ("codec", method))
    both = own.merge(other[[*keys, "value"]], on=keys, suffixes=("", "_other"))
    apart = numbers(both, "value") - numbers(both, "value_other")
    return both.assign(value=apart, low=np.nan, high=np.nan)


def read_differences(
    similarity: pd.DataFrame,
    matched: pd.DataFrame,
    *,
    axis: str,
    method: str = "drop_least",
    metric: str = "cos_centred_frames",
    protocol: str = "speaker",
) -> str:
    """Say at which level the codec and the reduction treat emotions most differently; HTML."""
    rows = differences(
        similarity, matched, axis=axis, method=method, metric=metric, protocol=protocol
    )
    rows = where(rows, (rows["emotion"] != ALL) & np.isfinite(numbers(rows, "value")))
    if rows.empty:
        return NOTHING
    levels, values = numbers(rows, "level"), numbers(rows, "value")
    level = max(np.unique(levels), key=lambda one: np.ptp(values[levels == one]))
    there = records(where(rows, rows["level"] == level).sort_values("value", kind="stable"))
    least, most = there[0], there[-1]
    at = "a set's similarity of" if axis == COSINE else "a payload per vector of"
    unit = "" if axis == COSINE else " bits"
    sure = _sure(least, below=True) and _sure(most, below=False)
    caution = "" if sure else " Intervals of these differences reach zero, or are not known."
    return (
        f"They differ the most at {at} {number(level)}{unit}. The codec's similarity less that of "
        f"{method_words(method)} is {_signed(most)} and {_signed(least)} there.{caution}"
    )


def _signed(row: dict) -> str:
    sign = "+" if row["value"] > 0 else ""
    return f"{sign}{fixed(row['value'])} for <b>{plain(row['emotion'])}</b>"


def _sure(row: dict, *, below: bool) -> bool:
    return bool(row["high"] < 0 if below else row["low"] > 0)


def read_order(
    similarity: pd.DataFrame,
    matched: pd.DataFrame,
    *,
    axis: str,
    method: str = "drop_least",
    metric: str = "cos_centred_frames",
    protocol: str = "speaker",
) -> str:
    """Say which emotion falls first under the codec, and under the reduction, at half damage."""
    rows = compared(
        similarity, matched, None, axis=axis, metric=metric, probe="", protocol=protocol
    )
    sentences = []
    for one in ("codec", method):
        part = pick_by(rows, "level", method=one)
        whole = pick_by(part, "level", emotion=ALL)
        if whole.empty:
            return NOTHING
        values, levels = numbers(whole, "value"), numbers(whole, "level")
        level = float(levels[np.argmin(np.abs(values - values.max() / 2))])
        there = where(part, (part["level"] == level) & (part["emotion"] != ALL))
        ordered = records(there.sort_values("value", kind="stable"))
        named = [f"{plain(row['emotion'])} {fixed(row['value'])}" for row in ordered]
        sure = ordered and ordered[0]["high"] < ordered[-1]["low"]
        open_order = "" if sure else ", though the intervals of first and last overlap"
        sentences.append(
            f"Under {method_words(one)}, from least to most similar: {joined(named)}{open_order}."
        )
    return f"Where the set has lost half of its similarity. {' '.join(sentences)}"
