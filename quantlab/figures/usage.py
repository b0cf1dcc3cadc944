"""How much of its codes a codebook uses for each emotion, against λ."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.axes import LamAxis
from quantlab.figures.canvas import Canvas
from quantlab.figures.context import FigureContext, with_protocol
from quantlab.figures.empty import empty_figure
from quantlab.figures.strokes import emotion_strokes
from quantlab.figures.tables import coded, pick
from quantlab.figures.words import emotion_order, recipe_words

_PANELS = {
    "code_usage": ("Codes in use, of all codes", "every code is used"),
    "token_entropy": ("Entropy of the codes, of the largest", "all codes equally often"),
}


def usage_curves(
    rate: pd.DataFrame,
    *,
    context: FigureContext,
    protocol: str = "speaker",
    recipe: str = "balanced",
    emotions: Sequence[str] = (),
) -> go.Figure:
    """Draw which share of a codebook's alphabet an emotion's vectors use, and how evenly.

    Parameters
    ----------
    rate : pd.DataFrame
        The run's table `rate`.
    context : FigureContext
        Run, split and background.
    protocol, recipe : str
        Which rows.
    emotions : sequence of str
        Classes to draw; all when empty.

    Returns
    -------
    plotly.graph_objects.Figure
        Two panels from 0 to 1: distinct codes over the alphabet of K codes and skip, and empirical
        entropy per position over log2(K + 1), both means over positions. Black is the mean of
        the emotions. Or a picture that says what is missing.
    """
    title = f"How much of its codes is used, {recipe_words(recipe)}"
    rows = coded(pick(rate, protocol=protocol, recipe=recipe, method="codec", metric=[*_PANELS]))
    if rows.empty:
        return empty_figure(
            f"The use of codes of the {recipe_words(recipe)} was not measured. Type `quantlab "
            "sweep` with the run's folder to compute what is missing.",
            context=context,
            title=title,
        )
    axis = LamAxis.of(rows["lam"])
    canvas = Canvas(
        title=title,
        context=with_protocol(context, protocol),
        columns=2,
        panel_titles=[words for words, _ in _PANELS.values()],
        panel_height=380,
        gap=0.07,
    )
    names = [name for name in emotion_order(rows["emotion"]) if not emotions or name in emotions]
    strokes = emotion_strokes(names, context)
    for column, (metric, (panel, most)) in enumerate(_PANELS.items(), start=1):
        cell = (1, column)
        canvas.level(1.0, label=most, ends=axis.ends, cell=cell, panel=panel, quantity=metric)
        for name, stroke in strokes.items():
            frame = pick(rows, metric=metric, emotion=name)
            canvas.curve(
                frame,
                stroke=stroke,
                x=axis.at(frame["lam"]),
                cell=cell,
                panel=panel,
                quantity=metric,
                legend=column == 1,
            )
        canvas.lam_axis(axis, cell=cell)
        canvas.y_axis(column=column, tickformat=".0%", range=[0, 1.08])
    canvas.x_axis(title="λ")
    return canvas.figure()
