"""What is heard in converted speech: before and after conversion, and over λ."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.axes import LAM_TITLE, LamAxis
from quantlab.figures.canvas import Canvas
from quantlab.figures.context import FigureContext
from quantlab.figures.empty import empty_figure
from quantlab.figures.palette import EMOTION_STYLES, emotion_style, ink
from quantlab.figures.strokes import Stroke
from quantlab.figures.tables import numbers, pick, records, where
from quantlab.figures.words import ALL, emotion_order, interval_text, plain

POSTERIOR_TITLE = "probability of the target emotion"
QUANTIZED = "quantized"
_METHODS = {
    "source": "source",
    "copy_synthesis": "copy synthesis",
    "reconstruction": "reconstruction",
    "reference": "natural speech of the target",
    "conversion": "conversion",
}
_SYMBOLS = {
    "source": "line-ns-open",
    "copy_synthesis": "x-thin-open",
    "reconstruction": "circle-open",
    "conversion": "circle",
    "reference": "diamond-open",
}
_OFFSETS = {
    "source": -0.26,
    "copy_synthesis": -0.13,
    "reconstruction": 0.0,
    "conversion": 0.13,
    "reference": 0.26,
}
_LEVELS = (
    ("reference", "solid", True, True),
    ("conversion", "dash", True, False),
    ("reconstruction", "dot", True, True),
    ("copy_synthesis", "dashdot", False, False),
)
_OTHER_CODECS = ("sad", "happy", "surprise", "disgust", "fear", "angry")
_OTHER_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "pentagon")
_BIASED = "biased-"


def listening_words(method: str) -> str:
    """Say what is listened to in plain words, e.g. "copy synthesis"."""
    return _METHODS.get(method) or plain(method)


def conversion_effect(summary: pd.DataFrame, *, context: FigureContext) -> go.Figure:
    """Draw the probability of each target before and after conversion.

    Parameters
    ----------
    summary : pd.DataFrame
        The table of a listening loop: listener, method, target, metric, value, low, high, chance,
        num_items, num_speakers.
    context : FigureContext
        Corpus, model and background.

    Returns
    -------
    plotly.graph_objects.Figure
        One panel per listener, one line per target with its intervals over speakers; or a picture
        that says what is missing.
    """
    title = "The target emotion before and after conversion"
    rows = pick(summary, metric="posterior", method=list(_METHODS))
    if rows.empty:
        return empty_figure("Nothing was converted.", context=context, title=title)
    listeners = list(rows["listener"].unique())
    targets = [*emotion_order(rows["target"]), ALL]
    canvas = Canvas(
        title=title,
        context=context,
        columns=len(listeners),
        panel_titles=[f"heard by {plain(name)}" for name in listeners],
        panel_height=56 * len(targets) + 20,
        gap=0.04,
    )
    for column, name in enumerate(listeners, start=1):
        mine = where(rows, rows["listener"] == name)
        for row in records(mine):
            _effect_dot(canvas, row, targets, cell=(1, column))
        _chance_line(canvas, float(mine["chance"].iloc[0]), len(targets), cell=(1, column))
        canvas.y_axis(
            column=column,
            range=[len(targets) - 0.5, -0.5],
            tickvals=list(range(len(targets))),
            ticktext=[plain(_target_words(target)) for target in targets],
            showticklabels=column == 1,
        )
    canvas.x_axis(title=POSTERIOR_TITLE, range=[-0.03, 1.03], showgrid=True)
    for method in _OFFSETS:
        if (rows["method"] == method).any():
            stroke = _method_stroke(method, context)
            canvas.legend(stroke, mode="markers")
    return canvas.figure()


def _target_words(target: str) -> str:
    return "all targets" if target == ALL else target


def _method_stroke(method: str, context: FigureContext) -> Stroke:
    colors = ink(dark=context.dark)
    color = colors.text if method == "conversion" else colors.muted
    return Stroke(name=listening_words(method), color=color, symbol=_SYMBOLS[method])


def _effect_dot(
    canvas: Canvas, row: dict[str, Any], targets: Sequence[str], *, cell: tuple[int, int]
) -> None:
    method, target = str(row["method"]), str(row["target"])
    stroke = _method_stroke(method, canvas.context)
    dark = canvas.context.dark
    color = stroke.color
    if target != ALL and method in ("conversion", "reference"):
        color = emotion_style(target).color(dark=dark)
    value, low, high = (float(row[key]) for key in ("value", "low", "high"))
    known = np.isfinite(low) and np.isfinite(high)
    series = f"{plain(_target_words(target))}, {stroke.name}"
    ends = (max(low, 0.0), min(high, 1.0)) if known else (value, value)
    items, speakers = float(row["num_items"]), float(row["num_speakers"])
    canvas.points(
        {
            "x": [value],
            "y": [targets.index(target) + _OFFSETS[method]],
            "name": series,
            "showlegend": False,
            "marker": {
                "symbol": stroke.symbol,
                "color": color,
                "size": 9 if method == "conversion" else 8,
                "line": {"width": 1.5, "color": color},
            },
            "error_x": {
                "type": "data",
                "array": [ends[1] - value],
                "arrayminus": [value - ends[0]],
                "width": 0,
                "thickness": 1.6 if method == "conversion" else 1.1,
                "color": color,
                "visible": bool(known),
            },
            "hovertemplate": f"<b>{plain(_target_words(target))}</b><br>{stroke.name}: "
            f"{interval_text(value, low, high)}<extra></extra>",
            "customdata": np.array([[np.nan, low, high, items, speakers]]),
            "meta": {
                "panel": plain(row["listener"]),
                "series": series,
                "quantity": "posterior",
                "over_lam": False,
                "sideways": True,
            },
        },
        cell=cell,
    )


def _chance_line(canvas: Canvas, chance: float, num_targets: int, *, cell: tuple[int, int]) -> None:
    color = ink(dark=canvas.context.dark).muted
    canvas.points(
        {
            "x": [chance, chance],
            "y": [-0.5, num_targets - 0.5],
            "mode": "lines",
            "line": {"color": color, "dash": "dash", "width": 1},
            "name": "chance",
            "legendgroup": "chance",
            "showlegend": cell == (1, 1),
            "hovertemplate": f"chance: {chance:.2f}<extra></extra>",
        },
        cell=cell,
    )


def listening_curves(
    summary: pd.DataFrame, *, context: FigureContext, target: str = ALL
) -> go.Figure:
    """Draw the probability of the target emotion over λ, a curve for each codec.

    Parameters
    ----------
    summary : pd.DataFrame
        The table of a listening loop; see `conversion_effect`, and codec and lam.
    context : FigureContext
        Corpus, model and background.
    target : str
        Which target; "all" averages over them.

    Returns
    -------
    plotly.graph_objects.Figure
        One panel per listener. Lines mark natural speech of the target, the conversion without
        quantization, what is heard without conversion, and chance. Or a picture that says what is
        missing.
    """
    what = "" if target == ALL else f": {plain(target)}"
    title = f"The target emotion under quantization{what}"
    rows = pick(summary, metric="posterior", target=target)
    curves = where(rows, rows["method"] == QUANTIZED)
    if curves.empty:
        return empty_figure(
            "No codec was listened to. Type `quantlab listen` with --codec.",
            context=context,
            title=title,
        )
    listeners = list(rows["listener"].unique())
    axis = LamAxis.of(numbers(curves, "lam"))
    canvas = Canvas(
        title=title,
        context=context,
        columns=len(listeners),
        panel_titles=[f"heard by {plain(name)}" for name in listeners],
        panel_height=400,
        gap=0.04,
        shared=True,
    )
    codecs = list(dict.fromkeys(summary[summary["method"] == QUANTIZED]["codec"]))
    for column, name in enumerate(listeners, start=1):
        cell = (1, column)
        mine = where(rows, rows["listener"] == name)
        for codec in codecs:
            frame = pick(mine, method=QUANTIZED, codec=codec)
            # Student's interval knows nothing of the ends of a probability.
            frame = frame.assign(low=frame["low"].clip(lower=0), high=frame["high"].clip(upper=1))
            canvas.curve(
                frame,
                stroke=_codec_stroke(codec, codecs, context),
                x=axis.at(numbers(frame, "lam")),
                cell=cell,
                panel=plain(name),
                quantity="posterior",
                legend=column == 1,
            )
        _draw_levels(canvas, mine, axis, cell=cell)
        canvas.lam_axis(axis, cell=cell)
    canvas.x_axis(title=LAM_TITLE)
    canvas.y_axis(range=[-0.02, 1.02])
    canvas.y_axis(column=1, title=POSTERIOR_TITLE)
    return canvas.figure()


def _draw_levels(
    canvas: Canvas, rows: pd.DataFrame, axis: LamAxis, *, cell: tuple[int, int]
) -> None:
    """Add natural speech, conversion, reconstruction, copy synthesis and chance."""
    panel = plain(rows["listener"].iloc[0])
    for method, dash, above, at_left in _LEVELS:
        for row in records(where(rows, rows["method"] == method)):
            words = listening_words(method)
            canvas.level(
                float(row["value"]),
                label=f"{words}, unquantized" if method == "conversion" else words,
                ends=axis.ends,
                cell=cell,
                panel=panel,
                quantity="posterior",
                dash=dash,
                above=above,
                at_left=at_left,
            )
    canvas.level(
        float(rows["chance"].iloc[0]),
        label="chance",
        ends=axis.ends,
        cell=cell,
        panel=panel,
        quantity="posterior",
        dash="1px,3px",
        at_left=False,
    )


def _codec_stroke(codec: str, codecs: Sequence[str], context: FigureContext) -> Stroke:
    """Return the emotion's colour for its biased codec, ink for the first other, then others."""
    emotion = codec.removeprefix(_BIASED)
    if codec.startswith(_BIASED) and emotion in EMOTION_STYLES:
        style = emotion_style(emotion)
        return Stroke(
            name=f"{plain(emotion)} codebook",
            color=style.color(dark=context.dark),
            symbol=style.symbol,
            group=codec,
        )
    others = [name for name in codecs if not name.startswith(_BIASED)]
    place = others.index(codec)
    color = ink(dark=context.dark).text
    if place:
        color = emotion_style(_OTHER_CODECS[(place - 1) % len(_OTHER_CODECS)]).color(
            dark=context.dark
        )
    return Stroke(
        name=f"{plain(codec)} codebook",
        color=color,
        symbol=_OTHER_SYMBOLS[place % len(_OTHER_SYMBOLS)],
        group=codec,
    )
