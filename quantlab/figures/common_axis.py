"""Similarity and recall of each emotion where bits or similarity, rather than λ, are equal."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.axes import fit_range
from quantlab.figures.canvas import Canvas
from quantlab.figures.context import FigureContext, with_protocol
from quantlab.figures.empty import empty_figure
from quantlab.figures.strokes import emotion_stroke
from quantlab.figures.tables import coded, frame_of, numbers, pick
from quantlab.figures.words import (
    ALL,
    emotion_order,
    metric_words,
    probe_words,
    recipe_words,
    sentence_case,
)

BITS, SIMILARITY = "bits_per_vector", "cos_centred_frames"
AXES = (BITS, SIMILARITY)
"""What curves can stand over, beside λ."""

_FEW = 4
_TITLES = {
    BITS: "code length of the emotion's own clips (bits per vector)",
    SIMILARITY: "similarity of the whole set (centred cosine, mean over frames)",
}


def axis_curves(
    table: pd.DataFrame,
    beside: pd.DataFrame,
    *,
    context: FigureContext,
    axis: str,
    metric: str,
    protocol: str = "speaker",
    recipe: str = "balanced",
    probe: str = "",
    emotions: Sequence[str] | None = None,
) -> go.Figure:
    """Draw a quantity of each emotion over bits, or over the similarity of the whole set.

    Parameters
    ----------
    table : pd.DataFrame
        The run's table `similarity`, or `accuracy` with a `probe`.
    beside : pd.DataFrame
        The run's table `rate` for bits, `similarity` for similarity.
    context : FigureContext
        Run, split and background.
    axis : {"bits_per_vector", "cos_centred_frames"}
        What the curves stand over. Bits are those of the emotion's own clips: where two curves
        stand above each other, both emotions spend as much. Similarity is that of all clips, and
        falls to the right.
    metric, protocol, recipe, probe : str
        Which rows.
    emotions : sequence of str, optional
        Classes to draw; all when omitted.

    Returns
    -------
    plotly.graph_objects.Figure
        The codec's curves; a blur is left out, because it spends no bits and its centred cosine
        says nothing. Or a picture that says what is missing.
    """
    title = _title(metric, axis, recipe, probe)
    rows = pick(table, metric=metric, protocol=protocol, recipe=recipe)
    rows = coded(pick(rows, probe=probe) if probe else rows)
    drawn = [
        (name, _over(rows, beside, axis, name, protocol, recipe))
        for name in [*_chosen(rows, emotions), ALL]
    ]
    drawn = [(name, frame) for name, frame in drawn if len(frame)]
    if not drawn:
        return empty_figure(
            f"There are no rows for the {recipe_words(recipe)} here. Type `quantlab sweep` with "
            "the run's folder to compute what is missing.",
            context=context,
            title=title,
        )
    canvas = Canvas(title=title, context=with_protocol(context, protocol), panel_height=430)
    band = 0.14 if len(drawn) <= _FEW else 0.06
    for name, frame in drawn:
        stroke = emotion_stroke(name, context)
        canvas.curve(
            frame,
            stroke=replace(stroke, band=min(stroke.band, band)),
            x=numbers(frame, "place"),
            quantity=metric,
            over_lam=False,
        )
    places = np.concatenate([numbers(frame, "place") for _, frame in drawn])
    _dress(canvas, rows, places, axis, metric, probe)
    return canvas.figure()


def _title(metric: str, axis: str, recipe: str, probe: str) -> str:
    over = "bits spent" if axis == BITS else "similarity of the whole set"
    what = f"{metric_words(metric)}, {probe_words(probe)}" if probe else metric_words(metric)
    return f"{sentence_case(what)}, over {over}, {recipe_words(recipe)}"


def _chosen(rows: pd.DataFrame, emotions: Sequence[str] | None) -> list[str]:
    return [name for name in emotion_order(rows["emotion"]) if not emotions or name in emotions]


def _over(
    rows: pd.DataFrame,
    beside: pd.DataFrame,
    axis: str,
    emotion: str,
    protocol: str,
    recipe: str,
) -> pd.DataFrame:
    """Return the rows of an emotion with a column `place`, in the order of λ."""
    whose = emotion if axis == BITS else ALL
    given = pick(
        beside, metric=axis, protocol=protocol, recipe=recipe, method="codec", emotion=whose
    )
    places = frame_of(coded(given), {"lam": "lam", "value": "place"})
    mine = pick(rows, emotion=emotion, method="codec")
    return mine.merge(places, on="lam", how="inner").sort_values("lam", kind="stable")


def _dress(
    canvas: Canvas, rows: pd.DataFrame, places: np.ndarray, axis: str, metric: str, probe: str
) -> None:
    room = 0.03 * max(float(places.max() - places.min()), 1e-6)
    ends = (float(places.min()) - room, float(places.max()) + room)
    # To the right is always more quantization away: fewer bits, less similarity.
    canvas.x_axis(title=_TITLES[axis], range=[ends[1], ends[0]], showgrid=True)
    words = metric_words(metric)
    if not probe:
        around = [0.0] if metric.startswith("cos_centred") else []
        canvas.y_axis(title=words, range=fit_range(rows, around=around))
        return
    chance = numbers(rows, "chance")
    if len(chance) and np.isfinite(chance).any():
        canvas.level(
            float(np.nanmean(chance)),
            label="chance",
            ends=(ends[1], ends[0]),
            quantity=metric,
        )
    canvas.y_axis(title=f"{words}, {probe_words(probe)}", range=[-0.03, 1.04], tickformat=".0%")
