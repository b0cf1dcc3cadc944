"""Where embeddings are moved: how far toward the mean, and how far toward each emotion besides.

Coefficients say which part of the way an embedding went: 0 not at all, 1 the whole way. Those
toward emotions are what is left when the way to the mean is accounted for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.axes import LamAxis, fit_range
from quantlab.figures.canvas import Canvas
from quantlab.figures.claims import NOTHING
from quantlab.figures.context import FigureContext, with_protocol
from quantlab.figures.drift import DIFFERENCE
from quantlab.figures.empty import empty_figure
from quantlab.figures.palette import METHOD_DASHES
from quantlab.figures.strokes import Stroke, emotion_stroke, series_stroke
from quantlab.figures.tables import at_lam, coded, nearest_lam, numbers, pick, records, where
from quantlab.figures.words import (
    ALL,
    emotion_order,
    fixed,
    interval_text,
    joined,
    lam_text,
    method_words,
    plain,
    recipe_words,
    sentence_case,
)

MEAN, CONTRAST = "mean", "neutral_minus_others"
REFERENCES = (
    "shrink_mean",
    "water_mean",
    "noise_matched",
    "pca_matched",
    "shrink_class",
    "water_class",
)
_QUANTITY = "displacement (share of the way)"
_PANELS = ("toward the mean", "toward each emotion", "neutral, less the other emotions")
_SPREAD = 0.6


def target_words(target: str) -> str:
    """Say a target of displacement in plain words, escaped."""
    known = {MEAN: "the mean", CONTRAST: "neutral, less the other emotions"}
    return known.get(target) or plain(target)


def displacement_curves(
    displacement: pd.DataFrame,
    *,
    context: FigureContext,
    protocol: str = "speaker",
    recipe: str = "balanced",
    emotion: str = ALL,
    emotions: Sequence[str] | None = None,
) -> go.Figure:
    """Draw displacement over λ: codec and references above, what the codec adds below.

    Parameters
    ----------
    displacement : pd.DataFrame
        The run's table.
    context : FigureContext
        Run, split and background.
    protocol, recipe : str
        Which rows.
    emotion : str
        Whose embeddings: a class, or "all".
    emotions : sequence of str, optional
        Targets of the middle panel; all when omitted.

    Returns
    -------
    plotly.graph_objects.Figure
        Hollow points have an interval that reaches zero. Or a picture that says what is missing.
    """
    title = f"Displacement, {recipe_words(recipe)}"
    rows = coded(pick(displacement, protocol=protocol, recipe=recipe, emotion=emotion))
    if rows.empty:
        return _nothing(context, title, recipe)
    references = [name for name in REFERENCES if (rows["method"] == name).any()]
    apart = [name for name in references if (rows["method"] == DIFFERENCE + name).any()]
    axis = LamAxis.of(rows["lam"])
    targets = [name for name in emotion_order(rows["target"]) if name not in (MEAN, CONTRAST)]
    targets = [name for name in targets if not emotions or name in emotions]
    canvas = Canvas(
        title=title,
        context=with_protocol(context, protocol),
        rows=2 if apart else 1,
        columns=3,
        panel_titles=[sentence_case(text) for text in _PANELS],
        panel_height=300,
        gap=0.065,
        row_gap_px=34,
    )
    panels = _Panels(canvas, axis)
    for column, target in ((1, MEAN), (3, CONTRAST)):
        here = pick(rows, target=target)
        panels.draw(here, ["codec", *references], row=1, column=column)
        panels.draw(here, [DIFFERENCE + name for name in apart], row=2, column=column)
    for target in targets:
        panels.draw_target(pick(rows, target=target), target, references[:1], row=1)
        panels.draw_target(pick(rows, target=target), target, apart[:1], row=2, apart=True)
    panels.dress(rows, targets, references, apart)
    return canvas.figure()


class _Panels:
    """Three targets side by side: the mean, each emotion, and neutral less the others."""

    def __init__(self, canvas: Canvas, axis: LamAxis) -> None:
        self.canvas, self.axis = canvas, axis

    def draw(self, rows: pd.DataFrame, methods: Sequence[str], *, row: int, column: int) -> None:
        """Add one curve for each method; differences take the colour of their reference."""
        for method in methods:
            known = method.removeprefix(DIFFERENCE)
            place = 0 if known == "codec" else 1 + REFERENCES.index(known)
            name = method_words(known)
            stroke = series_stroke(place, name, self.canvas.context)
            less = f"codec less {name}" if method != known else ""
            self._curve(rows, method, stroke, less, cell=(row, column))

    def draw_target(
        self,
        rows: pd.DataFrame,
        target: str,
        references: Sequence[str],
        *,
        row: int,
        apart: bool = False,
    ) -> None:
        """Add an emotion as target: codec solid, the first reference in its dash."""
        base = emotion_stroke(target, self.canvas.context, band=0.06, width=1.8)
        if not apart:
            self._curve(rows, "codec", base, "", cell=(row, 2))
        for name in references:
            dash = "solid" if apart else METHOD_DASHES[name]
            words = f"{base.name}, {method_words(name)}"
            stroke = replace(base, name=words, dash=dash)
            stroke = stroke if apart else replace(stroke, symbol="", width=1.4, band=0.0)
            self._curve(rows, f"{DIFFERENCE if apart else ''}{name}", stroke, "", cell=(row, 2))

    def _curve(
        self, rows: pd.DataFrame, method: str, stroke: Stroke, less: str, *, cell: tuple[int, int]
    ) -> None:
        frame = pick(rows, method=method)
        hollow = (numbers(frame, "low") > 0) | (numbers(frame, "high") < 0)
        self.canvas.curve(
            frame,
            stroke=replace(stroke, name=less) if less else stroke,
            x=self.axis.at(frame["lam"]),
            cell=cell,
            panel=_PANELS[cell[1] - 1],
            quantity=_QUANTITY if cell[0] == 1 else f"{_QUANTITY}, beyond the reference",
            hollow=~hollow if cell[0] == 2 else None,
            legend=False,
        )

    def dress(
        self,
        rows: pd.DataFrame,
        targets: Sequence[str],
        references: Sequence[str],
        apart: Sequence[str],
    ) -> None:
        """Name axes and curves, and fit the ranges."""
        canvas, context = self.canvas, self.canvas.context
        sets = ((1, [MEAN]), (2, list(targets)), (3, [CONTRAST]))
        for column, names in sets:
            for row in range(1, canvas.rows + 1):
                methods = ["codec", *references] if row == 1 else [DIFFERENCE + x for x in apart]
                drawn = pick(rows, target=names, method=methods)
                canvas.lam_axis(self.axis, cell=(row, column))
                canvas.zero((row, column))
                canvas.y_axis(row=row, column=column, range=fit_range(drawn, around=[0.0]))
        canvas.x_axis(row=canvas.rows, title="quantization strength λ")
        canvas.y_axis(row=1, column=1, title="share of the way")
        if canvas.rows == 2:
            canvas.y_axis(row=2, column=1, title="codec, less the reference")
        for place, name in enumerate(["codec", *references]):
            at = 0 if place == 0 else 1 + REFERENCES.index(name)
            canvas.legend(series_stroke(at, method_words(name), context), mode="lines+markers")
        for name in targets:
            canvas.legend(emotion_stroke(name, context), mode="lines+markers")


def displacement_bars(
    displacement: pd.DataFrame,
    *,
    context: FigureContext,
    lam: float,
    protocol: str = "speaker",
    recipe: str = "balanced",
    emotion: str = ALL,
) -> go.Figure:
    """Draw displacement toward every target at one λ, the codec beside its references.

    Parameters
    ----------
    displacement : pd.DataFrame
        The run's table.
    context : FigureContext
        Run, split and background.
    lam : float >= 0
        The nearest λ of the run is taken.
    protocol, recipe : str
        Which rows.
    emotion : str
        Whose embeddings: a class, or "all".

    Returns
    -------
    plotly.graph_objects.Figure
        A point with its interval for each method, one line for each target; or a picture that says
        what is missing.
    """
    title = f"Displacement toward each target, {recipe_words(recipe)}"
    rows = coded(pick(displacement, protocol=protocol, recipe=recipe, emotion=emotion))
    rows = at_lam(rows, nearest_lam(rows, lam))
    methods = [name for name in ("codec", *REFERENCES) if (rows["method"] == name).any()]
    if not methods:
        return _nothing(context, title, recipe)
    rows = pick(rows, method=methods)
    targets = [MEAN, *(x for x in emotion_order(rows["target"]) if x not in (MEAN, CONTRAST))]
    targets = [x for x in (*targets, CONTRAST) if (rows["target"] == x).any()]
    canvas = Canvas(
        title=f"{title}, {lam_text(float(rows['lam'].iloc[0]))}",
        context=with_protocol(context, protocol),
        panel_height=16 * len(methods) * len(targets) + 40,
    )
    for place, method in enumerate(methods):
        at = 0 if method == "codec" else 1 + REFERENCES.index(method)
        stroke = series_stroke(at, method_words(method), context)
        offset = (place + 0.5) / len(methods) - 0.5
        _add_points(canvas, pick(rows, method=method), stroke, targets, _SPREAD * offset)
    canvas.upright(0.0, dash="solid")
    canvas.x_axis(title="share of the way", range=fit_range(rows, around=[0.0]), showgrid=True)
    canvas.y_axis(
        range=[len(targets) - 0.5, -0.5],
        tickvals=list(range(len(targets))),
        ticktext=[target_words(name) for name in targets],
    )
    return canvas.figure()


def _add_points(
    canvas: Canvas, rows: pd.DataFrame, stroke: Stroke, targets: Sequence[str], offset: float
) -> None:
    """Add one method: a point and its interval for each target."""
    found = sorted(records(rows), key=lambda row: targets.index(row["target"]))
    value, low, high = (np.array([row[key] for row in found], float) for key in _ENDS)
    sizes = np.array([[row["num_items"], row["num_speakers"]] for row in found], float)
    lams = np.array([row["lam"] for row in found], float)
    canvas.points(
        {
            "x": value,
            "y": [targets.index(row["target"]) + offset for row in found],
            "name": stroke.name,
            "marker": {"symbol": stroke.symbol, "color": stroke.color, "size": 8},
            "error_x": {
                "type": "data",
                "array": np.nan_to_num(high - value),
                "arrayminus": np.nan_to_num(value - low),
                "width": 0,
                "thickness": 1.6,
                "color": stroke.color,
            },
            "hovertext": [_hover(row, stroke) for row in found],
            "hovertemplate": "%{hovertext}<extra></extra>",
            "customdata": np.column_stack([lams, low, high, sizes]),
            "meta": {
                "panel": "",
                "series": stroke.name,
                "quantity": _QUANTITY,
                "over_lam": False,
                "sideways": True,
            },
        }
    )


_ENDS = ("value", "low", "high")


def _hover(row: Mapping[str, Any], stroke: Stroke) -> str:
    value = interval_text(*(float(row[key]) for key in _ENDS))
    return f"<b>{stroke.name}</b><br>toward {target_words(row['target'])}<br>{value}"


def _nothing(context: FigureContext, title: str, recipe: str) -> go.Figure:
    return empty_figure(
        f"Displacement was not computed for the {recipe_words(recipe)}. Type `quantlab sweep` with "
        "the run's folder to compute it.",
        context=context,
        title=title,
    )


def read_displacement(
    displacement: pd.DataFrame, *, lam: float, protocol: str = "speaker", recipe: str = "balanced"
) -> str:
    """Say how far embeddings go to the mean, and toward which emotion beyond the blur; HTML."""
    rows = coded(pick(displacement, protocol=protocol, recipe=recipe, emotion=ALL))
    rows = at_lam(rows, nearest_lam(rows, lam))
    codec = pick(rows, method="codec")
    if codec.empty:
        return NOTHING
    mean = records(pick(codec, target=MEAN))
    at = lam_text(float(codec["lam"].iloc[0]))
    text = f"At {at} embeddings go {_share_text(mean[0])} of the way to the mean." if mean else ""
    apart = pick(rows, method=f"{DIFFERENCE}shrink_mean")
    classes = where(apart, ~apart["target"].isin([MEAN, CONTRAST]).to_numpy())
    sure = [row for row in records(classes) if row["low"] > 0]
    sure.sort(key=lambda row: -row["value"])
    if len(classes):
        named = [f"<b>{plain(row['target'])}</b> ({fixed(row['value'])})" for row in sure]
        more = joined(named) or "no emotion"
        text += f" Beyond the plain blur they are moved toward {more}, each by itself."
    for row in records(pick(codec, target=CONTRAST)):
        kind = "more" if row["value"] > 0 else "less"
        known = row["low"] > 0 or row["high"] < 0
        verdict = "" if known else "; the interval holds zero, so this cannot be told"
        text += (
            f" Toward neutral they go {kind} than toward the other emotions, by "
            f"{_share_text(row)}{verdict}."
        )
    return text.strip()


def _share_text(row: Mapping[str, Any]) -> str:
    return interval_text(*(float(row[key]) for key in _ENDS))
