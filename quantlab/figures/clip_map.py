"""One clip of the reader's own: what is left of it over λ, and its way on the map of a run.

Letters: ``L`` values of λ, ``C`` axes.
"""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.axes import LAM_TITLE, LamAxis
from quantlab.figures.canvas import Canvas
from quantlab.figures.context import FigureContext
from quantlab.figures.empty import title_layout
from quantlab.figures.map_axes import axis_titles, map_axes, points_at
from quantlab.figures.palette import emotion_style, ink, template
from quantlab.figures.run_map import MapPlaces
from quantlab.figures.strokes import Stroke
from quantlab.figures.words import emotion_order, lam_text, plain, recipe_words

_HEIGHT = 640


def clip_path_curves(
    lams: np.ndarray,
    bits: np.ndarray,
    cosines: np.ndarray,
    *,
    lam: float,
    recipe: str,
    context: FigureContext,
) -> go.Figure:
    """Draw the bits of one clip, and its similarity to itself, over λ.

    Parameters
    ----------
    lams, bits, cosines : np.ndarray, shape [L]
        λ, code length of the clip, and centred cosine to the original.
    lam : float
        Marked by a line.
    recipe : str
        The codebook.
    context : FigureContext
        What stands under the title, and the background.

    Returns
    -------
    plotly.graph_objects.Figure
        Two panels; no intervals, because there is one clip.
    """
    axis = LamAxis.of(lams)
    panels = ("Bits of the clip", "Centred cosine to the original")
    canvas = Canvas(
        title=f"What is left of your clip, {recipe_words(recipe)}",
        context=context,
        columns=2,
        panel_titles=panels,
        panel_height=260,
        gap=0.08,
    )
    stroke = Stroke(name="your clip", color=ink(dark=context.dark).text, symbol="circle", band=0.0)
    nothing = np.full(len(lams), np.nan)
    for column, values in enumerate((bits, cosines), start=1):
        frame = pd.DataFrame({"lam": lams, "value": values, "low": nothing, "high": nothing})
        canvas.curve(
            frame.assign(num_items=1, num_speakers=1),
            stroke=stroke,
            x=axis.at(lams),
            cell=(1, column),
            panel=panels[column - 1],
            quantity=("bits", "cos_centred_frames")[column - 1],
            legend=column == 1,
        )
        canvas.lam_axis(axis, cell=(1, column))
        canvas.upright(float(axis.at([lam])[0]), cell=(1, column))
    canvas.x_axis(title=LAM_TITLE)
    canvas.y_axis(column=1, title="bits", rangemode="tozero")
    canvas.level(0.0, label="constant output", ends=axis.ends, cell=(1, 2), dash="dot")
    canvas.y_axis(column=2, range=[-0.08, 1.04])
    return canvas.figure()


def clip_map(
    places: MapPlaces,
    items: pd.DataFrame,
    path: np.ndarray,
    lams: np.ndarray,
    *,
    recipe: str,
    context: FigureContext,
) -> go.Figure:
    """Draw the way of one clip over λ among the clean clips of a run.

    Parameters
    ----------
    places : MapPlaces
        The map.
    items : pd.DataFrame
        Its items, with a column emotion.
    path : np.ndarray, shape [L + 1, C]
        The clip unquantized, then at each λ.
    lams : np.ndarray, shape [L]
        The λ.
    recipe : str
        The codebook.
    context : FigureContext
        Run, split and background.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    title = f"Your clip among those of the run, {recipe_words(recipe)}"
    traces = [*_clean(places, items, context), *_way(places, path, lams, context)]
    layout = {
        "template": template(dark=context.dark),
        "title": title_layout(title, context, height=_HEIGHT),
        "height": _HEIGHT,
        **map_axes(places, [places.clean, path], dark=context.dark),
    }
    return go.Figure({"data": traces, "layout": layout})


def _clean(places: MapPlaces, items: pd.DataFrame, context: FigureContext) -> list[dict[str, Any]]:
    labels = items["emotion"].astype(str).to_numpy()
    flat = places.num_axes == 2
    traces = []
    for name in emotion_order(labels):
        style = emotion_style(name)
        traces.append(
            {
                "type": "scatter" if flat else "scatter3d",
                **points_at(places.clean[labels == name]),
                "mode": "markers",
                "name": plain(name),
                "text": items["item"].astype(str).to_numpy()[labels == name],
                "hovertemplate": f"<b>{plain(name)}</b><br>%{{text}}<extra></extra>",
                "marker": {
                    "symbol": style.symbol if flat else "circle",
                    "size": 6 if flat else 3,
                    "color": style.color(dark=context.dark),
                    "opacity": 0.35,
                },
                "meta": _meta(places, plain(name), "clean", None),
            }
        )
    return traces


def _way(
    places: MapPlaces, path: np.ndarray, lams: np.ndarray, context: FigureContext
) -> list[dict[str, Any]]:
    colors = ink(dark=context.dark)
    flat = places.num_axes == 2
    kind = "scatter" if flat else "scatter3d"
    words = ["unquantized", *(lam_text(float(lam)) for lam in lams)]
    line = {
        "type": kind,
        **points_at(path),
        "mode": "lines+markers",
        "name": "your clip over λ",
        "text": words,
        "line": {"color": colors.text, "width": 2.5 if flat else 5},
        "marker": {"color": colors.text, "size": 6 if flat else 3},
        "hovertemplate": "<b>your clip</b><br>%{text}<extra></extra>",
        "meta": _meta(places, "your clip", "over λ", None),
    }
    ends = {
        "type": kind,
        **points_at(path[[0, -1]]),
        "mode": "markers+text",
        "text": ["  <b>your clip</b>", f"  {words[-1]}"],
        "textposition": "middle right",
        "textfont": {"color": colors.text, "size": 13},
        "showlegend": False,
        "marker": {
            "symbol": ["star", "circle-open"] if flat else ["diamond", "circle-open"],
            "size": [17, 12] if flat else [8, 6],
            "color": colors.text,
        },
        "hoverinfo": "skip",
    }
    return [line, ends]


def _meta(places: MapPlaces, series: str, quantity: str, lam: float | None) -> dict[str, Any]:
    return {"map": axis_titles(places), "series": series, "quantity": quantity, "lam": lam}
