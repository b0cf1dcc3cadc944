"""The drift map: clips, and where a codebook takes them, with λ as an animated slider.

All λ are frames of one figure, so that the slider needs no server. Letters: ``N`` items, ``L``
values of λ, ``C`` axes, ``E`` emotions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.context import FigureContext
from quantlab.figures.empty import empty_figure, title_layout
from quantlab.figures.map_axes import axis_titles, map_axes, points_at
from quantlab.figures.map_slider import slider_layout
from quantlab.figures.map_view import NEUTRAL, MapView, made_words
from quantlab.figures.palette import METHOD_DASHES, emotion_style, fade, ink, template
from quantlab.figures.words import (
    counted,
    emotion_order,
    lam_text,
    plain,
    recipe_words,
)

_HEIGHT = 820
_LAST = 1100  # behind the emotions, whose rank is 1000
_MANY = 1000  # clips above which WebGL draws them, all as circles
_MOST = 10_000  # clips that are drawn: with more, browsers without a graphics card freeze
_GUIDES = {"the mean": "dot", NEUTRAL: "dash"}


def drift_map(
    view: MapView, *, context: FigureContext, lam: float = 0.0, num_items_of_run: int = 0
) -> go.Figure:
    """Draw the map of a run.

    Parameters
    ----------
    view : MapView
        What is shown.
    context : FigureContext
        Run, split and background.
    lam : float >= 0
        The nearest λ of the run is shown first.
    num_items_of_run : int
        Clips of the whole run; said under the title where the map shows fewer.

    Returns
    -------
    plotly.graph_objects.Figure
        Faint points are the clean clips, full ones the quantized. An arrow leads from each
        emotion's clean centroid to the quantized one; dotted lines show where neutral and the mean
        lie from there. `figure_data` gives the places at every λ. At most 10 000 clips are drawn.
        Or a picture that says what is missing.
    """
    present = emotion_order(view.items["emotion"])
    shown = [name for name in present if not view.emotions or name in view.emotions]
    title = f"Where quantization takes the clips, {recipe_words(view.recipe)}"
    if not shown or not len(view.lams):
        return empty_figure("No clip of the chosen emotions is on the map.", context=context)
    # The marks say how many clips there are and what the axes are; so does a copy of the picture.
    few = f"{len(view.items):,} of {num_items_of_run:,} clips"
    whole = counted(len(view.items), "clip")
    size = few if num_items_of_run > len(view.items) else whole
    rows = _thinned(view.items, shown)
    count = sum(len(one) for one in rows.values())
    if count < np.isin(view.items["emotion"], shown).sum():
        size += f", {count:,} drawn (each emotion and speaker in its share); arrows are of all"
    context = replace(context, notes=(*context.notes, size))
    drawn = _Drawn(view, rows, context)
    start = int(np.abs(view.lams - lam).argmin())
    fixed = [*drawn.clean(), *drawn.guides(), *drawn.legend()]
    moving = drawn.moving(start)
    places = list(range(len(fixed), len(fixed) + len(moving)))
    frames = [
        {"name": str(step), "data": drawn.moving(step, brief=True), "traces": places}
        for step in range(len(view.lams))
    ]
    layout = {
        "template": template(dark=context.dark),
        "title": title_layout(title, context, height=_HEIGHT),
        "height": _HEIGHT,
        "annotations": drawn.names(),
        "uirevision": f"{view.places.fitted.kind}-{view.places.num_axes}",
        **map_axes(view.places, [drawn.clean_places, *drawn.ways.values()], dark=context.dark),
        **slider_layout([lam_text(one) for one in view.lams], start=start, dark=context.dark),
    }
    return go.Figure({"data": [*fixed, *moving], "layout": layout, "frames": frames})


class _Drawn:
    """The traces of a map."""

    def __init__(
        self, view: MapView, drawn: Mapping[str, np.ndarray], context: FigureContext
    ) -> None:
        self.view, self.drawn, self.context = view, drawn, context
        self.shown = tuple(drawn)
        self.clean_places = view.places.clean
        labels = view.items["emotion"].astype(str).to_numpy()
        self.rows = {name: np.flatnonzero(labels == name) for name in emotion_order(labels)}
        self.centroids = {
            name: self.clean_places[rows].mean(axis=0) for name, rows in self.rows.items()
        }
        self.ends = {"the mean": view.places.mean}
        if NEUTRAL in self.centroids:
            self.ends[NEUTRAL] = self.centroids[NEUTRAL]
        self.ways = {
            method: view.places.of(view.recipe, method)
            for method in dict.fromkeys((view.method, *view.overlaid))
        }
        count = sum(len(rows) for rows in drawn.values())
        self.many = count > _MANY
        self.flat = view.places.num_axes == 2
        self.kind = "scatter3d" if not self.flat else "scattergl" if self.many else "scatter"
        crowd = float(np.clip(np.sqrt(600 / max(count, 1)), 0.35, 1.0))
        self.size = (7.5 if self.flat else 4.5) * crowd
        self.texts = view.items["item"].astype(str).to_numpy()

    # Points

    def clean(self) -> list[dict[str, Any]]:
        """Return the clean clips, faint, and the centroid of each emotion."""
        return [
            self._points(name, self.clean_places[self.drawn[name]], "clean", faint=True)
            for name in self.shown
        ]

    def moving(self, step: int, *, brief: bool = False) -> list[dict[str, Any]]:
        """Return what moves with λ; `brief` leaves out what frames need not repeat."""
        view = self.view
        points = [
            self._points(
                name,
                self.ways[view.method][step, self.drawn[name]],
                view.method,
                lam=float(view.lams[step]),
                brief=brief,
            )
            for name in self.shown
        ]
        arrows = [
            self._arrow(name, method, step, brief=brief)
            for method in self.ways
            for name in self.shown
        ]
        return points + arrows

    def _points(
        self,
        emotion: str,
        places: np.ndarray,
        method: str,
        *,
        lam: float = float("nan"),
        faint: bool = False,
        brief: bool = False,
    ) -> dict[str, Any]:
        rows = self.drawn[emotion]
        meta = {
            "map": axis_titles(self.view.places),
            "series": plain(emotion),
            "quantity": "clean" if faint else made_words(method),
            "lam": None if faint else lam,
        }
        trace: dict[str, Any] = {"type": self.kind, **points_at(places), "meta": meta}
        if brief:
            return trace
        style = emotion_style(emotion)
        color = style.color(dark=self.context.dark)
        words = "clean" if faint else made_words(method)
        return {
            **trace,
            "mode": "markers",
            "name": plain(emotion),
            "legendgroup": emotion,
            "showlegend": not faint,
            "text": self.texts[rows],
            "customdata": rows,
            **self._unselected(0.2 if faint else 0.62),
            "hovertemplate": f"<b>{plain(emotion)}</b>, {words}<br>%{{text}}<extra></extra>",
            "marker": {
                "symbol": style.symbol if self.flat and not self.many else "circle",
                "size": self.size * (0.72 if faint else 1.0),
                "color": color,
                "opacity": 0.2 if faint else 0.62,
                # A rim keeps points apart where they pile up.
                "line": {
                    "width": 0 if faint or self.many else 0.6,
                    "color": ink(dark=self.context.dark).paper,
                },
            },
        }

    def _unselected(self, opacity: float) -> dict[str, Any]:
        """Keep points as they are when another is clicked; in space nothing fades."""
        return {"unselected": {"marker": {"opacity": opacity}}} if self.flat else {}

    # Arrows and guides

    def _arrow(self, emotion: str, method: str, step: int, *, brief: bool) -> dict[str, Any]:
        """Return the way of an emotion's centroid, dashed for references."""
        begin = self.centroids[emotion]
        end = self.ways[method][step, self.rows[emotion]].mean(axis=0)
        kind = "scatter" if self.flat else "scatter3d"
        trace: dict[str, Any] = {"type": kind, **points_at(np.stack([begin, end]))}
        if brief:
            return trace
        color = emotion_style(emotion).color(dark=self.context.dark)
        width = 4.0 if method == self.view.method else 2.4
        head = {"symbol": ["circle", "arrow"], "angleref": "previous", "size": [7, 17]}
        if not self.flat:
            head = {"symbol": ["circle", "diamond"], "size": [4, 7]}
        return {
            **trace,
            "mode": "lines+markers",
            **self._unselected(1.0),
            "name": made_words(method),
            "legendgroup": f"way-{method}",
            "showlegend": False,
            "line": {"color": color, "width": width, "dash": self._method_dash(method)},
            "marker": {
                **head,
                "color": color,
                "line": {"width": 1, "color": ink(dark=self.context.dark).paper},
            },
            "hovertemplate": f"<b>{plain(emotion)}</b>, centroid, {made_words(method)}"
            "<extra></extra>",
        }

    def guides(self) -> list[dict[str, Any]]:
        """Return where neutral and the mean lie, and dotted lines that lead there."""
        colors = ink(dark=self.context.dark)
        symbols = {NEUTRAL: "diamond-open", "the mean": "cross-thin" if self.flat else "cross"}
        kind = "scatter" if self.flat else "scatter3d"
        traces: list[dict[str, Any]] = []
        for name, place in self.ends.items():
            gap = np.full(len(place), np.nan)
            starts = [self.centroids[one] for one in self.shown if one != name]
            lines = [part for start in starts for part in (start, place, gap)] or [place]
            way = {
                "type": kind,
                **points_at(np.stack(lines)),
                "mode": "lines",
                "name": f"way to {name}",
                "legendgroup": f"guide-{name}",
                "legendrank": _LAST,
                "line": {"color": colors.muted, "width": 1.2, "dash": _GUIDES[name]},
                "hoverinfo": "skip",
            }
            mark = {
                "type": kind,
                **points_at(place[None]),
                "mode": "markers" if self.flat else "markers+text",
                "name": name,
                "legendgroup": f"guide-{name}",
                "showlegend": False,
                "text": [f"  <b>{name}</b>"],
                "textposition": "middle right",
                "textfont": {"color": colors.text, "size": 13},
                "marker": {
                    "symbol": symbols[name],
                    "size": 15 if self.flat else 7,
                    "color": colors.text,
                    "line": {"width": 2.4, "color": colors.text},
                },
                "hovertemplate": f"<b>{name}</b><extra></extra>",
            }
            traces += [way, mark]
        return traces

    def names(self) -> list[dict[str, Any]]:
        """Return the names of the mean and of neutral, legible above the points of a plane."""
        if not self.flat:
            return []
        colors = ink(dark=self.context.dark)
        return [
            {
                "x": float(place[0]),
                "y": float(place[1]),
                "text": f"<b>{name}</b>",
                "xanchor": "left",
                "xshift": 12,
                "bgcolor": fade(colors.paper, 0.78),
                "font": {"color": colors.text, "size": 13},
            }
            for name, place in self.ends.items()
        ]

    def legend(self) -> list[dict[str, Any]]:
        """Return one entry for the arrows of each method, in ink rather than a class's colour."""
        color = ink(dark=self.context.dark).text
        nothing = {"x": [None], "y": [None], **({} if self.flat else {"z": [None]})}
        return [
            {
                "type": "scatter" if self.flat else "scatter3d",
                **nothing,
                "mode": "lines",
                "name": f"way of the centroids, {made_words(method)}",
                "legendgroup": f"way-{method}",
                "legendrank": _LAST,
                "line": {"color": color, "width": 3, "dash": self._method_dash(method)},
                "hoverinfo": "skip",
            }
            for method in self.ways
        ]

    def _method_dash(self, method: str) -> str:
        if method == self.view.method:
            return "solid"
        return _dash(METHOD_DASHES.get(method, "dot"), self.flat)


def _thinned(items: pd.DataFrame, shown: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the rows of each shown emotion that are drawn: all, or `_MOST` spread over them."""
    labels = items["emotion"].astype(str).to_numpy()
    rows = np.flatnonzero(np.isin(labels, list(shown)))
    if len(rows) > _MOST:
        # In this order, equal steps leave every emotion of every speaker its share.
        speakers = items["speaker"].astype(str).to_numpy()
        rows = rows[np.lexsort((speakers[rows], labels[rows]))]
        rows = rows[np.linspace(0, len(rows) - 1, _MOST).astype(np.int64)]
    return {name: rows[labels[rows] == name] for name in shown}


def _dash(dash: str, flat: bool) -> str:
    """Return a dash that plotly knows in space, too."""
    known = ("solid", "dot", "dash", "longdash", "dashdot", "longdashdot")
    return dash if flat or dash in known else "dash"
