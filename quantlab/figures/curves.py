"""Similarity and rate against λ: curves with intervals, and the heat map of emotions × λ."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.axes import LAM_TITLE, LamAxis, fit_range
from quantlab.figures.canvas import Canvas
from quantlab.figures.cells import add_cells
from quantlab.figures.context import FigureContext, with_protocol
from quantlab.figures.empty import empty_figure
from quantlab.figures.palette import ink
from quantlab.figures.strokes import Stroke, emotion_stroke, emotion_strokes, series_stroke
from quantlab.figures.tables import coded, numbers, pick, where
from quantlab.figures.words import (
    ALL,
    emotion_order,
    metric_words,
    number,
    recipe_words,
)

_MAX_COLUMNS = 24


def similarity_curves(
    similarity: pd.DataFrame,
    *,
    context: FigureContext,
    metric: str = "cos_centred_frames",
    protocol: str = "speaker",
    recipe: str = "balanced",
    method: str = "codec",
    emotions: Sequence[str] | None = None,
    references: pd.DataFrame | None = None,
) -> go.Figure:
    """Draw how similar each emotion's embeddings stay to themselves as λ grows.

    Parameters
    ----------
    similarity : pd.DataFrame
        The run's table `similarity`.
    context : FigureContext
        Run, split and background.
    metric, protocol, recipe, method : str
        Which rows.
    emotions : sequence of str, optional
        Classes to draw; all when omitted.
    references : pd.DataFrame, optional
        The run's table `references`: typical values of random pairs and of the constant output.

    Returns
    -------
    plotly.graph_objects.Figure
        Or a picture that says what is missing.
    """
    what = "Distance from" if metric == "distortion" else "Similarity to"
    title = f"{what} the unquantized embedding, {recipe_words(recipe)}"
    rows = pick(similarity, metric=metric, protocol=protocol, recipe=recipe, method=method)
    rows = coded(rows)
    if rows.empty:
        return _nothing(context, title, recipe)
    axis = LamAxis.of(rows["lam"])
    canvas = Canvas(title=title, context=with_protocol(context, protocol), panel_height=420)
    for value, label in reference_levels(metric, references):
        canvas.level(
            value,
            label=label,
            ends=axis.ends,
            quantity=metric,
            dash="dot" if "constant" in label else "dash",
            above="constant" not in label,
        )
    names = [name for name in emotion_order(rows["emotion"]) if not emotions or name in emotions]
    for name, stroke in emotion_strokes(names, context).items():
        frame = pick(rows, emotion=name)
        canvas.curve(
            frame,
            stroke=stroke,
            x=axis.at(frame["lam"]),
            quantity=metric,
        )
    canvas.lam_axis(axis, cell=(1, 1))
    canvas.x_axis(title=LAM_TITLE)
    marks = [value for value, _ in reference_levels(metric, references)]
    canvas.y_axis(title=metric_words(metric), range=fit_range(rows, around=marks))
    return canvas.figure()


def reference_levels(metric: str, references: pd.DataFrame | None) -> list[tuple[float, str]]:
    """Return reference values of a similarity metric with their labels."""
    known = {} if references is None else references.set_index("metric")["value"].to_dict()
    levels = []
    for key, label in (("random_pair", "two random clips"), ("constant", "constant output")):
        value = known.get(f"{key}_{metric}")
        if value is None and key == "constant" and metric.startswith("cos_centred"):
            value = 0.0
        if value is not None:
            levels.append((float(value), label))
    return levels


def _nothing(context: FigureContext, title: str, recipe: str) -> go.Figure:
    return empty_figure(
        f"There are no rows for the {recipe_words(recipe)} here. Type `quantlab sweep` with the "
        "run's folder to compute what is missing.",
        context=context,
        title=title,
    )


def similarity_heatmap(
    similarity: pd.DataFrame,
    *,
    context: FigureContext,
    metric: str = "cos_centred_frames",
    protocol: str = "speaker",
    recipe: str = "balanced",
    method: str = "codec",
) -> go.Figure:
    """Draw the same as `similarity_curves` as a table of emotions × λ with the values printed.

    Parameters
    ----------
    similarity : pd.DataFrame
        The run's table `similarity`.
    context : FigureContext
        Run, split and background.
    metric, protocol, recipe, method : str
        Which rows.

    Returns
    -------
    plotly.graph_objects.Figure
        Or a picture that says what is missing.
    """
    title = f"Similarity by emotion and λ, {recipe_words(recipe)}"
    rows = pick(similarity, metric=metric, protocol=protocol, recipe=recipe, method=method)
    rows = coded(rows)
    if rows.empty:
        return _nothing(context, title, recipe)
    names = [*emotion_order(rows["emotion"]), ALL]
    context = with_protocol(context, protocol)
    every = np.unique(rows["lam"])
    lams = every[np.unique(np.linspace(0, len(every) - 1, _MAX_COLUMNS).round().astype(int))]
    if len(lams) < len(every):
        note = f"{len(lams)} of {len(every)} λ shown"
        context = replace(context, notes=(*context.notes, note))
        rows = where(rows, np.isin(numbers(rows, "lam"), lams))
    canvas = Canvas(title=title, context=context, panel_height=38 * len(names) + 20)
    add_cells(
        canvas,
        rows,
        row_names=names,
        column_names=[number(lam, digits=2) for lam in lams],
        places=[
            (names.index(row), int(np.searchsorted(lams, lam)))
            for row, lam in zip(rows["emotion"], rows["lam"], strict=True)
        ],
        quantity=metric,
        limits=(-1.0, 1.0) if rows["value"].min() < -0.2 else (0.0, 1.0),
    )
    canvas.x_axis(title=LAM_TITLE)
    return canvas.figure()


def rate_curves(
    rate: pd.DataFrame,
    *,
    context: FigureContext,
    protocol: str = "speaker",
    recipe: str = "balanced",
    emotions: Sequence[str] = (),
) -> go.Figure:
    """Draw bits per vector four ways, the share that is left, and how many outputs differ.

    Parameters
    ----------
    rate : pd.DataFrame
        The run's table `rate`.
    context : FigureContext
        Run, split and background.
    protocol, recipe : str
        Which rows.
    emotions : sequence of str
        Classes whose code length is drawn beside that of all.

    Returns
    -------
    plotly.graph_objects.Figure
        Three panels side by side, or a picture that says what is missing.
    """
    title = f"Bits that the codec spends, {recipe_words(recipe)}"
    rows = pick(rate, protocol=protocol, recipe=recipe, method="codec")
    rows = coded(rows)
    if rows.empty:
        return _nothing(context, title, recipe)
    axis = LamAxis.of(rows["lam"])
    panels = (
        "Bits per vector, four ways",
        "Bits left, relative to λ = 0",
        "Different outputs per vector",
    )
    canvas = Canvas(
        title=title,
        context=with_protocol(context, protocol),
        columns=3,
        panel_titles=panels,
        panel_height=320,
        gap=0.07,
    )
    colors = ink(dark=context.dark)
    length = Stroke(name="code length (what the model charges)", color=colors.text, symbol="circle")
    payload = series_stroke(1, "payload (what is written)", context, band=0.0)
    file = series_stroke(2, "whole file, with headers", context, band=0.0)
    entropy = Stroke(
        name="empirical entropy (what the symbols vary)",
        color=colors.muted,
        dash="dash",
        symbol="square-open",
        band=0.0,
    )
    outputs = Stroke(name="different outputs", color=colors.text, symbol="circle")
    drawn = (
        (1, "bits_per_vector", ALL, length),
        (1, "payload_bits", ALL, payload),
        (1, "file_bits", ALL, file),
        (1, "entropy_bits", ALL, entropy),
        (2, "bits_share", ALL, length),
        (3, "distinct_share", ALL, outputs),
        *((1, "bits_per_vector", name, emotion_stroke(name, context)) for name in emotions),
        *((2, "bits_share", name, emotion_stroke(name, context)) for name in emotions),
    )
    named = set()
    for column, metric, name, stroke in drawn:
        frame = pick(rows, metric=metric, emotion=name)
        canvas.curve(
            frame,
            stroke=stroke,
            x=axis.at(frame["lam"]),
            cell=(1, column),
            panel=panels[column - 1],
            quantity=metric,
            legend=column < 3 and stroke.name not in named,
        )
        named.add(stroke.name)
    for column in (1, 2, 3):
        canvas.lam_axis(axis, cell=(1, column))
    canvas.x_axis(title="λ")
    bits = pick(rows, metric=["bits_per_vector", "file_bits", "entropy_bits"])
    canvas.y_axis(column=1, title="bits", range=fit_range(bits, around=[0.0]))
    for column in (2, 3):
        canvas.y_axis(column=column, tickformat=".0%", range=[0, 1.05])
    return canvas.figure()
