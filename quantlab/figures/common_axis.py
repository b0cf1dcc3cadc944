"""Similarity and recall of each emotion where bits or similarity, rather than λ, are equal."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.axes import fit_range
from quantlab.figures.canvas import Canvas
from quantlab.figures.context import FigureContext, with_protocol
from quantlab.figures.curves import reference_levels
from quantlab.figures.empty import empty_figure
from quantlab.figures.rows_over import rows_over
from quantlab.figures.strokes import emotion_stroke
from quantlab.figures.tables import numbers, pick
from quantlab.figures.words import (
    ALL,
    emotion_order,
    metric_words,
    probe_words,
    recipe_words,
    sentence_case,
)

BITS, SIMILARITY = "payload_bits", "cos_centred_frames"

_FEW = 4
_TITLES = {
    BITS: "payload of the emotion's own clips (bits per vector)",
    SIMILARITY: "similarity of the whole set (centred cosine, mean over frames)",
}


def axis_curves(
    similarity: pd.DataFrame,
    rate: pd.DataFrame,
    accuracy: pd.DataFrame,
    *,
    context: FigureContext,
    axis: str,
    metric: str,
    protocol: str = "speaker",
    recipe: str = "balanced",
    probe: str = "",
    emotions: Sequence[str] | None = None,
    references: pd.DataFrame | None = None,
) -> go.Figure:
    """Draw a quantity of each emotion over bits, or over the similarity of the whole set.

    Parameters
    ----------
    similarity, rate, accuracy : pd.DataFrame
        The run's tables.
    context : FigureContext
        Run, split and background.
    axis : {"payload_bits", "cos_centred_frames"}
        What the curves stand over. Bits are those of the emotion's own clips: where two curves
        stand above each other, both emotions spend as much. Similarity is that of all clips, and
        falls to the right.
    metric, protocol, recipe : str
        Which rows; a score of a probe where `probe` is given, else of the table `similarity`.
    probe : str
        Which classifier.
    emotions : sequence of str, optional
        Classes to draw; all when omitted.
    references : pd.DataFrame, optional
        The run's table `references`: typical values of random pairs and of the constant output.

    Returns
    -------
    plotly.graph_objects.Figure
        The codec's curves; a blur is left out, because it spends no bits and its centred cosine
        says nothing. Or a picture that says what is missing.
    """
    title = _title(metric, axis, recipe, probe)
    rows = rows_over(
        similarity,
        rate,
        accuracy,
        metric=f"{metric}_{probe}" if probe else metric,
        axis=axis,
        protocol=protocol,
        recipe=recipe,
        whole=axis == SIMILARITY,
    )
    drawn = [(name, pick(rows, emotion=name)) for name in [*_chosen(rows, emotions), ALL]]
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
            # The mean over all is drawn without a band only where it stands among the emotions.
            stroke=replace(stroke, band=min(stroke.band, band) if len(drawn) > 1 else band),
            x=numbers(frame, "x"),
            quantity=metric,
            over_lam=False,
        )
    places = np.concatenate([numbers(frame, "x") for _, frame in drawn])
    levels = [] if probe else reference_levels(metric, references)
    _dress(canvas, rows, places, levels, axis=axis, metric=metric, probe=probe)
    return canvas.figure()


def _title(metric: str, axis: str, recipe: str, probe: str) -> str:
    over = "bits spent" if axis == BITS else "similarity of the whole set"
    what = f"{metric_words(metric)}, {probe_words(probe)}" if probe else metric_words(metric)
    return f"{sentence_case(what)}, over {over}, {recipe_words(recipe)}"


def _chosen(rows: pd.DataFrame, emotions: Sequence[str] | None) -> list[str]:
    return [name for name in emotion_order(rows["emotion"]) if not emotions or name in emotions]


def _dress(
    canvas: Canvas,
    rows: pd.DataFrame,
    places: np.ndarray,
    levels: Sequence[tuple[float, str]],
    *,
    axis: str,
    metric: str,
    probe: str,
) -> None:
    room = 0.03 * max(float(places.max() - places.min()), 1e-6)
    # To the right is always more quantization away: fewer bits, less similarity.
    ends = (float(places.max()) + room, float(places.min()) - room)
    canvas.x_axis(title=_TITLES[axis], range=list(ends), showgrid=True)
    for value, label in [(float(np.nanmax(rows["chance"])), "chance")] if probe else levels:
        constant = "constant" in label
        canvas.level(
            value,
            label=label,
            ends=ends,
            quantity=metric,
            dash="dot" if constant else "dash",
            above=not constant,
        )
    words = metric_words(metric)
    if probe:
        canvas.y_axis(title=f"{words}, {probe_words(probe)}", range=[-0.03, 1.04], tickformat=".0%")
    else:
        marks = [value for value, _ in levels]
        canvas.y_axis(title=words, range=fit_range(rows, around=marks))
