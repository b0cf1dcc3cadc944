"""All measures of all models side by side: a dot with its interval, beside what chance gives."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.canvas import Canvas
from quantlab.figures.context import FigureContext
from quantlab.figures.empty import empty_figure
from quantlab.figures.palette import ink
from quantlab.figures.strokes import Stroke
from quantlab.figures.tables import numbers, records, where
from quantlab.figures.words import interval_text, plain

_NAMES = {"c": "content", "s": "speaker", "e": "emotion"}
_MEASURES = {
    "dci_d": "disentanglement",
    "dci_c": "completeness",
    "dci_i": "informativeness",
    "within_share": "variance within",
}
_MCD = "mcd_db"
_PER_ROW = 6
_SIZES = {"circle": 7, "line-ns-open": 11, "diamond-open": 6}
_UNIT_RANGE = (-0.04, 1.04)

_MEASURED = Stroke(name="measured, with its interval", color="", symbol="circle")
_CHANCE = Stroke(name="chance", color="", symbol="line-ns-open")
_ROTATED = Stroke(name="after a random rotation", color="", symbol="diamond-open")


def measure_words(measure: str) -> str:
    """Say a measure of the grid in plain words, e.g. "speaker → emotion".

    Examples
    --------
    >>> measure_words("cls_s_e"), measure_words("dci_d_emotion"), measure_words("mcd_db")
    ('speaker → emotion', 'disentanglement, emotion', 'mel-cepstral distortion (dB)')
    """
    if measure == _MCD:
        return "mel-cepstral distortion (dB)"
    head, _, label = measure.rpartition("_")
    if head.startswith("cls_"):
        source = head.removeprefix("cls_")
        return f"{_NAMES.get(source, plain(source))} → {_NAMES.get(label, plain(label))}"
    return f"{_MEASURES.get(head, plain(head))}, {plain(label)}"


def grid_dots(
    table: pd.DataFrame, *, context: FigureContext, measures: Sequence[str] | None = None
) -> go.Figure:
    """Draw every measure of every model as a dot with its interval and its chance level.

    Parameters
    ----------
    table : pd.DataFrame
        One row per model and measure: value, low, high, chance, rotated, num_clusters.
    context : FigureContext
        Corpus and background.
    measures : sequence of str, optional
        Which, in this order; all when omitted.

    Returns
    -------
    plotly.graph_objects.Figure
        A panel for each measure, a line for each model; or a picture that says what is missing.
    """
    title = "All measures of all models"
    found = list(table["measure"].unique())
    shown = found if measures is None else [name for name in measures if name in found]
    if not shown:
        return empty_figure("None of these measures was taken.", context=context, title=title)
    models = list(table["model"].unique())
    num_rows = -(-len(shown) // _PER_ROW)
    canvas = Canvas(
        title=title,
        context=context,
        rows=num_rows,
        columns=min(_PER_ROW, len(shown)),
        panel_height=22 * len(models) + 30,
        gap=0.018,
        row_gap_px=92,
    )
    for place, measure in enumerate(shown):
        cell = (place // _PER_ROW + 1, place % _PER_ROW + 1)
        _dot_panel(canvas, where(table, table["measure"] == measure), models, cell=cell)
    for place in range(len(shown), num_rows * canvas.columns):
        row, column = place // _PER_ROW + 1, place % _PER_ROW + 1
        canvas.x_axis(row=row, column=column, visible=False)
        canvas.y_axis(row=row, column=column, visible=False)
    colors = ink(dark=context.dark)
    canvas.legend(replace(_MEASURED, color=colors.text), mode="markers")
    canvas.legend(replace(_CHANCE, color=colors.muted), mode="markers")
    if np.isfinite(numbers(where(table, table["measure"].isin(shown)), "rotated")).any():
        canvas.legend(replace(_ROTATED, color=colors.muted), mode="markers")
    return canvas.figure()


def _dot_panel(
    canvas: Canvas, rows: pd.DataFrame, models: Sequence[str], *, cell: tuple[int, int]
) -> None:
    """Draw one measure; the first model stands on top."""
    colors = ink(dark=canvas.context.dark)
    measure = str(rows["measure"].iloc[0])
    for stroke, quantity, color in (
        (_CHANCE, "chance", colors.muted),
        (_ROTATED, "rotated", colors.muted),
        (_MEASURED, "value", colors.text),
    ):
        for row in records(where(rows, rows[quantity].notna())):
            place = models.index(row["model"])
            _add_dot(canvas, row, replace(stroke, color=color), quantity, place=place, cell=cell)
    row, column = cell
    canvas.x_axis(
        row=row,
        column=column,
        title=measure_words(measure)
        .replace(", ", ",<br>")
        .replace(" distortion", "<br>distortion"),
        range=_span(rows) if measure == _MCD else list(_UNIT_RANGE),
        showgrid=True,
        nticks=4,
    )
    canvas.y_axis(
        row=row,
        column=column,
        range=[len(models) - 0.5, -0.5],
        tickvals=list(range(len(models))),
        ticktext=[plain(name) for name in models],
        showticklabels=column == 1,
        ticks="" if column > 1 else "outside",
    )


def _span(rows: pd.DataFrame) -> list[float]:
    """Return a range that holds every dot and every interval."""
    ends = np.concatenate([numbers(rows, name) for name in ("value", "low", "high")])
    least, most = float(np.nanmin(ends)), float(np.nanmax(ends))
    margin = 0.08 * max(most - least, 0.1)
    return [least - margin, most + margin]


def _add_dot(
    canvas: Canvas,
    row: dict[str, Any],
    stroke: Stroke,
    quantity: str,
    *,
    place: int,
    cell: tuple[int, int],
) -> None:
    value, low, high = float(row[quantity]), float("nan"), float("nan")
    if quantity == "value":
        low, high = float(row["low"]), float(row["high"])
    known = np.isfinite(low) and np.isfinite(high)
    series = f"{plain(row['model'])}, {stroke.name}"
    unknown = float("nan")
    canvas.points(
        {
            "x": [value],
            "y": [place],
            "name": series,
            "showlegend": False,
            "marker": {
                "symbol": stroke.symbol,
                "color": stroke.color,
                "size": _SIZES[stroke.symbol],
                "line": {"width": 1.4, "color": stroke.color},
            },
            "error_x": {
                "type": "data",
                "array": [high - value] if known else [0.0],
                "arrayminus": [value - low] if known else [0.0],
                "width": 0,
                "thickness": 1.4,
                "color": stroke.color,
                "visible": bool(known),
            },
            "hovertemplate": f"<b>{plain(row['model'])}</b><br>{stroke.name}: "
            f"{interval_text(value, low, high)}<extra></extra>",
            "customdata": np.array([[unknown, low, high, unknown, unknown]]),
            "meta": {
                "panel": measure_words(str(row["measure"])),
                "series": series,
                "quantity": str(row["measure"]),
                "over_lam": False,
                "sideways": True,
            },
        },
        cell=cell,
    )
