"""One mixed reference: how near it lies to both emotions as the ratio changes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.canvas import Canvas
from quantlab.figures.context import FigureContext
from quantlab.figures.strokes import emotion_stroke
from quantlab.figures.words import lam_text, plain, recipe_words
from quantlab.figures.words import share as share_words


def mixture_angles(
    shares: Sequence[float],
    angles: Sequence[Mapping[str, float]],
    angles_plain: Sequence[Mapping[str, float]],
    *,
    share: float,
    lam: float,
    recipe: str,
    context: FigureContext,
) -> go.Figure:
    """Draw the angles between mixtures of two references and either of them.

    Parameters
    ----------
    shares : sequence of float, 0 to 1
        Share of the first reference in each mixture.
    angles, angles_plain : sequence of mapping of str to float
        For each mixture the angle to both references in degrees, quantized and not.
    share : float
        Marked by a line.
    lam, recipe : float, str
        What the mixtures were quantized with.
    context : FigureContext
        Run and background.

    Returns
    -------
    plotly.graph_objects.Figure
        Solid: quantized. Dotted: the weighted mean itself.
    """
    one, other = angles[0]
    canvas = Canvas(
        title=f"Mixing {plain(one)} and {plain(other)}, {recipe_words(recipe)}, {lam_text(lam)}",
        context=context,
        panel_height=340,
    )
    places = np.asarray(shares, np.float64)
    for name in (one, other):
        solid = emotion_stroke(name, context, band=0.0)
        words = f"{plain(name)}, not quantized"
        dotted = replace(solid, dash="dot", symbol="", name=words, group=words, width=1.5)
        for values, stroke in ((angles, solid), (angles_plain, dotted)):
            canvas.curve(
                _frame(np.array([found[name] for found in values]), lam),
                stroke=stroke,
                x=places,
                quantity="angle",
                decimals=0,
                unit="degrees",
                hover=[f"{share_words(place)} of {plain(one)}" for place in places],
                over_lam=False,
            )
    canvas.upright(share)
    canvas.x_axis(title=f"share of {plain(one)}", range=[-0.03, 1.03], tickformat=".0%")
    canvas.y_axis(title="angle to the reference (degrees)", rangemode="tozero")
    return canvas.figure()


def _frame(values: np.ndarray, lam: float) -> pd.DataFrame:
    unknown = {"low": np.nan, "high": np.nan, "num_items": 1, "num_speakers": 1}
    return pd.DataFrame({"value": values, "lam": lam, **unknown})
