"""Stage by stage: what the first stages of a codebook already keep, in and across corpora."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.axes import fit_range
from quantlab.figures.canvas import Canvas
from quantlab.figures.claims import NOTHING
from quantlab.figures.context import FigureContext
from quantlab.figures.empty import empty_figure
from quantlab.figures.strokes import emotion_stroke, series_stroke
from quantlab.figures.tables import numbers, pick_by, records
from quantlab.figures.words import (
    ALL,
    emotion_order,
    fixed,
    joined,
    metric_words,
    plain,
    protocol_words,
    recipe_words,
    sentence_case,
    share,
)

METRICS = ("cos_centred_frames", "uar")
_RECIPES = ("balanced", "natural")
_ENOUGH = 0.95


def stage_curves(
    stages: pd.DataFrame,
    *,
    context: FigureContext,
    protocol: str | None = None,
    recipe: str | None = None,
) -> go.Figure:
    """Draw similarity and recall over the number of stages that are decoded.

    Parameters
    ----------
    stages : pd.DataFrame
        The run's table.
    context : FigureContext
        Run, split and background.
    protocol, recipe : str, optional
        With both, curves are emotions under that protocol and recipe; else there is one curve of
        all emotions for each protocol and recipe.

    Returns
    -------
    plotly.graph_objects.Figure
        Or a picture that says what is missing.
    """
    title = "How many stages are needed"
    by_emotion = False
    if protocol is not None and recipe is not None:
        by_emotion = True
        title += f", {recipe_words(recipe)}, {protocol_words(protocol)}"
        rows = pick_by(stages, "stage", protocol=protocol, recipe=recipe)
    else:
        rows = pick_by(stages, "stage", emotion=ALL)
    rows = rows.assign(lam=np.nan)
    shown = [metric for metric in METRICS if (rows["metric"] == metric).any()]
    if not shown:
        return empty_figure(
            "Single stages were not decoded in this run. Type `quantlab sweep` with the run's "
            "folder to compute them.",
            context=context,
            title=title,
        )
    canvas = Canvas(
        title=title,
        context=context,
        columns=len(shown),
        panel_titles=[sentence_case(metric_words(metric).split(",")[0]) for metric in shown],
        panel_height=380,
        gap=0.08,
    )
    last = float(numbers(rows, "stage").max())
    for column, metric in enumerate(shown, start=1):
        here = pick_by(rows, "stage", metric=metric)
        if by_emotion:
            _add_emotions(canvas, here, metric, column)
        else:
            _add_recipes(canvas, here, metric, column)
        ends = (0.7, last + 0.3)
        if metric == "uar":
            chance = float(numbers(here, "chance")[0])
            cell = (1, column)
            canvas.level(chance, label="chance", ends=ends, cell=cell, quantity=metric)
            canvas.y_axis(column=column, range=[-0.03, 1.04], tickformat=".0%")
        else:
            canvas.y_axis(column=column, range=fit_range(here, around=[0.0, 1.0]))
        canvas.y_axis(column=column, title=metric_words(metric))
        canvas.x_axis(column=column, title="stages decoded", range=list(ends), showgrid=True)
        canvas.x_axis(column=column, **({"dtick": 1} if last <= 12 else {"nticks": 9}))
    return canvas.figure()


def stage_groups(stages: pd.DataFrame) -> list[tuple[str, str]]:
    """Return protocol and recipe of each curve: plain codebooks first, by protocol."""
    pairs = {(row["protocol"], row["recipe"]) for row in records(stages)}
    plainly = {name: place for place, name in enumerate(_RECIPES)}
    return sorted(pairs, key=lambda pair: (plainly.get(pair[1], len(plainly)), pair[1], pair[0]))


def _add_recipes(canvas: Canvas, rows: pd.DataFrame, metric: str, column: int) -> None:
    """Add one curve for each protocol and recipe."""
    for place, (protocol, recipe) in enumerate(stage_groups(rows)):
        frame = pick_by(rows, "stage", protocol=protocol, recipe=recipe)
        name = f"{recipe_words(recipe)}, {protocol_words(protocol)}"
        canvas.curve(
            frame,
            stroke=series_stroke(place, name, canvas.context),
            x=numbers(frame, "stage"),
            cell=(1, column),
            panel=metric_words(metric),
            quantity=metric,
            legend=column == 1,
            over_lam=False,
            hover=_stages_text(frame),
        )


def _add_emotions(canvas: Canvas, rows: pd.DataFrame, metric: str, column: int) -> None:
    for name in [*emotion_order(rows["emotion"]), ALL]:
        frame = pick_by(rows, "stage", emotion=name)
        canvas.curve(
            frame,
            stroke=emotion_stroke(name, canvas.context),
            x=numbers(frame, "stage"),
            cell=(1, column),
            panel=metric_words(metric),
            quantity=metric,
            legend=column == 1,
            over_lam=False,
            hover=_stages_text(frame),
        )


def _stages_text(frame: pd.DataFrame) -> list[str]:
    return [f"stages 1 to {fixed(stage, decimals=0)}" for stage in numbers(frame, "stage")]


def read_stages(stages: pd.DataFrame) -> str:
    """Say after how many stages recall has reached 95 % of what all stages give; HTML."""
    rows = pick_by(stages, "stage", emotion=ALL, metric="uar")
    parts = []
    for protocol, recipe in stage_groups(rows):
        frame = pick_by(rows, "stage", protocol=protocol, recipe=recipe)
        name = f"{recipe_words(recipe)} on {plain(protocol_words(protocol))}"
        parts.append(f"{name}: {enough_stages(frame)}")
    if not parts:
        return NOTHING
    return f"Enough for 95 % of the recall that all stages give – {joined(parts)}."


def enough_stages(curve: pd.DataFrame) -> str:
    """Say how many stages give 95 % of the recall of all, of a curve in their order; HTML."""
    values, numbered = numbers(curve, "value"), numbers(curve, "stage")
    enough = np.flatnonzero(values >= _ENOUGH * values[-1])[0]
    return (
        f"<b>{fixed(numbered[enough], decimals=0)}</b> of {fixed(numbered[-1], decimals=0)} "
        f"stages ({share(values[enough])} of clips recognised, {share(values[-1])} with all)"
    )
