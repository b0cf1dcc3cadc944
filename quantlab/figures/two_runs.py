"""Two runs side by side over bits or distortion, and their difference at equal bits or distortion.

Distortion is a squared distance in z, which every embedder has its own of: it is comparable between
runs of one embedder only. Bits are always comparable.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab.analysis import MIN_CLUSTERS, verdict
from quantlab.figures.axes import fit_range
from quantlab.figures.canvas import Canvas
from quantlab.figures.context import FigureContext
from quantlab.figures.curves import reference_levels
from quantlab.figures.empty import empty_figure
from quantlab.figures.rows_over import BITS
from quantlab.figures.strokes import Stroke, emotion_stroke
from quantlab.figures.tables import numbers, pick, records, where
from quantlab.figures.two_runs_words import (
    compared_words,
    equal_words,
    is_share,
    pair_context,
    shortened,
)
from quantlab.figures.words import (
    ALL,
    axis_words,
    counted,
    emotion_order,
    fixed,
    joined,
    metric_words,
    protocol_words,
    recipe_words,
    sentence_case,
)

_ZERO = "no difference"
_FEW, _BAND, _THIN_BAND = 3, 0.14, 0.06


def two_runs_curves(
    first: pd.DataFrame,
    second: pd.DataFrame,
    *,
    context: FigureContext,
    beside: FigureContext,
    metric: str,
    axis: str = "payload_bits",
    protocol: str = "speaker",
    recipe: str = "balanced",
    emotions: Sequence[str] | None = None,
    references: pd.DataFrame | None = None,
    beside_references: pd.DataFrame | None = None,
) -> go.Figure:
    """Draw one metric of two runs side by side over what both are to be made equal in.

    Parameters
    ----------
    first, second : pd.DataFrame
        From `rows_over`, of each run.
    context, beside : FigureContext
        Of the first run, whose background is drawn on, and of the second.
    metric, axis, protocol, recipe : str
        What the rows were chosen by.
    emotions : sequence of str, optional
        Classes to draw beside all clips; every one when omitted.
    references, beside_references : pd.DataFrame, optional
        The runs' tables `references`: typical values of random pairs.

    Returns
    -------
    plotly.graph_objects.Figure
        Two panels with one vertical axis, and one range of bits; each run has its own range of
        distortion where the embedders differ. Or a picture that says what is missing.
    """
    title = f"{sentence_case(compared_words(metric))}, {recipe_words(recipe)}"
    both = pair_context(context, beside, protocol=protocol)
    contexts, frames = (context, beside), (first, second)
    lacking = [
        part.run or "one run" for part, rows in zip(contexts, frames, strict=True) if rows.empty
    ]
    if lacking:
        return empty_figure(
            f"{joined(lacking)}: no {compared_words(metric)} of the {recipe_words(recipe)}, tested "
            f"on {protocol_words(protocol)}. Type `quantlab sweep` with the run's folder to "
            "compute what is missing, or choose something else.",
            context=both,
            title=title,
        )
    names = [shortened(part.run) for part in contexts]
    canvas = Canvas(
        title=title,
        context=both,
        columns=2,
        panel_titles=names,
        panel_height=390,
        gap=0.035,
        shared=True,
    )
    marks, named = [], set()
    ends = [_ends(rows, axis) for rows in frames]
    if axis != "distortion" or context.embedder == beside.embedder:
        ends = [(min(end[0] for end in ends), max(end[1] for end in ends))] * 2
    known = (references, beside_references)
    for place, (rows, table) in enumerate(zip(frames, known, strict=True)):
        cell = (1, place + 1)
        for value, label in _levels(rows, metric, table):
            marks.append(value)
            canvas.level(
                value,
                label=label,
                ends=ends[place],
                cell=cell,
                panel=names[place],
                quantity=metric,
                dash="dot" if "constant" in label else "dash",
                above="constant" not in label,
            )
        for stroke, frame in _strokes(rows, emotions, context):
            canvas.curve(
                frame,
                stroke=stroke,
                x=numbers(frame, "x"),
                cell=cell,
                panel=names[place],
                quantity=metric,
                legend=stroke.name not in named,
                hover=[_amount(x, axis) for x in numbers(frame, "x")],
                over_lam=False,
            )
            named.add(stroke.name)
        canvas.x_axis(column=place + 1, range=list(ends[place]))
    canvas.x_axis(title=axis_words(axis), showgrid=True)
    canvas.y_axis(range=fit_range(*frames, around=marks))
    canvas.y_axis(column=1, title=compared_words(metric))
    if is_share(metric):
        canvas.y_axis(tickformat=".0%")
    return canvas.figure()


def _ends(rows: pd.DataFrame, axis: str) -> tuple[float, float]:
    places = numbers(rows, "x")
    margin = 0.03 * (places.max() - places.min() or 1.0)
    low = 0.0 if axis in BITS else places.min() - margin
    return float(low), float(places.max() + margin)


def _amount(x: float, axis: str) -> str:
    return f"{fixed(x, decimals=1)} {'bits per vector' if axis in BITS else metric_words(axis)}"


def _levels(
    rows: pd.DataFrame, metric: str, references: pd.DataFrame | None
) -> list[tuple[float, str]]:
    """Return what guessing reaches, or what similarity is to be read against, with labels."""
    chances = numbers(rows, "chance")
    found = [(float(value), "chance") for value in np.unique(chances[np.isfinite(chances)])]
    return found if is_share(metric) else reference_levels(metric, references)


def _strokes(
    rows: pd.DataFrame, emotions: Sequence[str] | None, context: FigureContext
) -> list[tuple[Stroke, pd.DataFrame]]:
    """Return each emotion's stroke and rows, all clips last."""
    names = [name for name in emotion_order(rows["emotion"]) if not emotions or name in emotions]
    thin = _BAND if len(names) <= _FEW else _THIN_BAND
    drawn = [(name, pick(rows, emotion=name)) for name in (*names, ALL)]
    return [
        (emotion_stroke(name, context, band=_BAND if name == ALL else thin), frame)
        for name, frame in drawn
        if len(frame)
    ]


def difference_curves(
    table: pd.DataFrame,
    *,
    context: FigureContext,
    beside: FigureContext,
    metric: str,
    axis: str = "payload_bits",
    protocol: str = "speaker",
    recipe: str = "balanced",
    emotions: Sequence[str] | None = None,
    apart: bool = False,
    lacking: Sequence[str] = (),
) -> go.Figure:
    """Draw what one run has more than another at equal bits or equal distortion.

    Parameters
    ----------
    table : pd.DataFrame
        From `quantlab.analysis.difference_table`, first run less second.
    context, beside : FigureContext
        Of the first run, whose background is drawn on, and of the second.
    metric, axis, protocol, recipe : str
        What the table was made for.
    emotions : sequence of str, optional
        Classes to draw beside all clips; every one when omitted.
    apart : bool
        One panel for each emotion instead of one for all.
    lacking : sequence of str
        Folders of the runs without a table `speakers`.

    Returns
    -------
    plotly.graph_objects.Figure
        One line for each emotion with its 95 % band; hollow points are no difference that can be
        told: the interval reaches zero, or there are fewer than six speakers. Or a picture that
        says what is missing.
    """
    title = f"Difference at {equal_words(axis)}: {compared_words(metric)}, {recipe_words(recipe)}"
    both = pair_context(context, beside, protocol=protocol)
    if table.empty:
        return empty_figure(_nothing(lacking, axis), context=both, title=title)
    names = [shortened(part.run) for part in (context, beside)]
    rows = table.assign(value=table["difference"], x=table["level"], lam=np.nan, num_items=np.nan)
    strokes = _strokes(rows, emotions, context)
    panels = [stroke.name for stroke, _ in strokes] if apart else []
    canvas = Canvas(
        title=title,
        context=both,
        columns=max(len(panels), 1),
        panel_titles=panels,
        panel_height=320 if apart else 390,
        gap=0.02,
        shared=True,
    )
    places = numbers(table, "level")
    margin = 0.03 * (places.max() - places.min() or 1.0)
    ends = (float(places.min() - margin), float(places.max() + margin))
    for place, (stroke, frame) in enumerate(strokes):
        cell = (1, place + 1) if apart else (1, 1)
        panel = stroke.name if apart else ""
        if apart or place == 0:
            words = "" if place else _ZERO
            canvas.level(0.0, label=words, ends=ends, cell=cell, panel=panel, quantity=metric)
        told = verdict(frame["low"], frame["high"], frame["num_speakers"])
        drawn = replace(
            stroke, symbol=stroke.symbol or "circle", band=_BAND if apart else stroke.band
        )
        canvas.curve(
            frame,
            stroke=drawn,
            x=numbers(frame, "x"),
            cell=cell,
            panel=panel,
            quantity=f"{metric}, difference",
            decimals=3,
            hollow=np.isin(told, ("inside", "cannot tell")),
            legend=False,
            hover=_hovers(frame, names, axis),
            over_lam=False,
        )
        canvas.legend(drawn, mode="lines+markers")
    canvas.x_axis(
        title="bits" if apart and axis in BITS else axis if apart else axis_words(axis),
        range=list(ends),
        showgrid=True,
    )
    canvas.y_axis(range=_range([frame for _, frame in strokes]))
    canvas.y_axis(column=1, title=f"{compared_words(metric)},<br>{names[0]} less {names[1]}")
    if is_share(metric):
        canvas.y_axis(tickformat="+.0%")
    return canvas.figure()


def _range(frames: Sequence[pd.DataFrame]) -> list[float]:
    """Return a range with room for the intervals that may support a claim.

    Those of two or three speakers are so wide that nothing else would be seen.
    """
    many = [where(frame, frame["num_speakers"] >= MIN_CLUSTERS) for frame in frames]
    values = np.concatenate([numbers(frame, "value") for frame in frames])
    return fit_range(*many, around=[0.0, *values])


def _hovers(frame: pd.DataFrame, names: Sequence[str], axis: str) -> list[str]:
    """Return where each point lies, what both runs have there, and over whom."""
    told = []
    for row in records(frame):
        values = f"{names[0]} {row['value_first']:.3f}, {names[1]} {row['value_second']:.3f}"
        speakers = (
            f"{counted(row['num_speakers'], 'speaker')} of both"
            if row["paired"]
            else f"{row['num_first']} against {counted(row['num_second'], 'speaker')}"
        )
        told.append(f"at {_amount(row['level'], axis)}<br>{values}<br>{speakers}")
    return told


def _nothing(lacking: Sequence[str], axis: str) -> str:
    if lacking:
        commands = joined([f"`quantlab sweep {folder}`" for folder in lacking])
        return (
            "Runs that were analysed before this figure hold no values of single speakers. Type "
            f"{commands}: finished trials are kept, and only the analysis is made again."
        )
    return (
        f"There is no point of {equal_words(axis)} that at least two speakers of both runs reach. "
        "Compare at something else, choose another codebook, or type `quantlab sweep` with a "
        "ladder of λ that reaches further."
    )
