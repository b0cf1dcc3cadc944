"""Distortion and similarity over the bits that are really written, beside the limits of coding."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.axes import fit_range
from quantlab.figures.canvas import Canvas
from quantlab.figures.context import FigureContext, with_protocol
from quantlab.figures.empty import empty_figure
from quantlab.figures.palette import METHOD_DASHES, ink
from quantlab.figures.strokes import Stroke, emotion_stroke
from quantlab.figures.tables import coded, numbers, pick, where
from quantlab.figures.words import (
    ALL,
    emotion_order,
    fixed,
    limit_words,
    method_words,
    metric_words,
    plain,
    recipe_words,
    sentence_case,
)

BITS_TITLE = "payload bits per vector"
LIMITED = ("distortion", "cos_centred_frames")
"""Metrics that limits are known for."""

_POINTS = 160
_LOWER, _UPPER, _GAUSSIAN, _SCALAR = "class_known", "class_told", "gaussian", "scalar"
_BAND = "the true limit of one Gaussian per emotion lies here"


def limit_curves(
    similarity: pd.DataFrame,
    rate: pd.DataFrame,
    limits: pd.DataFrame,
    *,
    context: FigureContext,
    metrics: Sequence[str] = LIMITED,
    protocol: str = "speaker",
    recipe: str = "balanced",
    emotions: Sequence[str] = (ALL,),
) -> go.Figure:
    """Draw what the codec reaches at the bits it writes, beside what theory allows.

    Parameters
    ----------
    similarity, rate, limits : pd.DataFrame
        The run's tables.
    context : FigureContext
        Run, split and background.
    metrics : sequence of str
        Of the table `similarity`, one panel each; limits are known for those in `LIMITED`.
    protocol, recipe : str
        Which rows.
    emotions : sequence of str
        Classes to draw, "all" among them. A single one is drawn beside its own limits.

    Returns
    -------
    plotly.graph_objects.Figure
        Or a picture that says what is missing.
    """
    title = f"What the written bits buy, {recipe_words(recipe)}"
    keys = {"protocol": protocol, "recipe": recipe}
    payload = coded(pick(rate, **keys, metric="payload_bits"))
    rows = coded(pick(similarity, **keys, metric=metrics))
    if payload.empty or rows.empty:
        return empty_figure(
            "The bits that are really written were not measured for the "
            f"{recipe_words(recipe)}: the run is older than this figure, or its prior cannot be "
            "coded. Type `quantlab sweep` with the run's folder to compute what is missing.",
            context=context,
            title=title,
        )
    canvas = Canvas(
        title=title,
        context=with_protocol(context, protocol),
        columns=len(metrics),
        panel_titles=[sentence_case(metric_words(name).split(",")[0]) for name in metrics],
        panel_height=430,
        gap=0.09,
    )
    found = [name for name in (*emotion_order(payload["emotion"]), ALL) if name in emotions]
    most = float(numbers(pick(payload, method="codec", emotion=found), "value").max())
    for column, metric in enumerate(metrics, start=1):
        panel = _Panel(canvas, (1, column), metric, most)
        marks = panel.draw_limits(limits, protocol=protocol, emotion=_limited(found))
        shown = pick(rows, metric=metric, emotion=found, method=["codec", "rate_controlled"])
        panel.draw_codes(shown, payload, found)
        canvas.y_axis(
            column=column, title=metric_words(metric), range=fit_range(shown, around=marks)
        )
    canvas.x_axis(title=BITS_TITLE, range=[0, 1.04 * most], showgrid=True)
    return canvas.figure()


def _limited(found: Sequence[str]) -> str:
    """Return whose limits are drawn: those of the only class, else those of all together."""
    return found[0] if len(found) == 1 else ALL


class _Panel:
    """One metric over bits."""

    def __init__(self, canvas: Canvas, cell: tuple[int, int], metric: str, most: float) -> None:
        self.canvas, self.cell, self.metric, self.most = canvas, cell, metric, most
        self.ink = ink(dark=canvas.context.dark)

    def draw_codes(
        self, rows: pd.DataFrame, payload: pd.DataFrame, emotions: Sequence[str]
    ) -> None:
        """Add the codec's curves, and those of equal bits where the run has them."""
        for name in emotions:
            base = emotion_stroke(name, self.canvas.context, band=0.0, width=1.8)
            if name == ALL:
                base = replace(base, name=f"{base.name}, {method_words('codec')}", symbol="circle")
            equal = replace(
                base,
                name=f"{plain(name)}: {method_words('rate_controlled')}",
                dash=METHOD_DASHES["rate_controlled"],
                symbol=f"{base.symbol}-open",
                group=f"{name} equal",
            )
            for method, stroke in (("codec", base), ("rate_controlled", equal)):
                frame = pick(rows, emotion=name, method=method)
                paid = pick(payload, emotion=name, method=method)
                bits = pd.Series(numbers(paid, "value"), index=numbers(paid, "lam"))
                self._curve(frame, stroke, bits.reindex(numbers(frame, "lam")).to_numpy(np.float64))

    def _curve(self, frame: pd.DataFrame, stroke: Stroke, bits: np.ndarray) -> None:
        self.canvas.curve(
            frame,
            stroke=stroke,
            x=bits,
            cell=self.cell,
            panel=metric_words(self.metric),
            quantity=self.metric,
            legend=self.cell == (1, 1),
            hover=[f"{fixed(value, decimals=1)} bits per vector" for value in bits],
            over_lam=False,
        )

    def draw_limits(self, limits: pd.DataFrame, *, protocol: str, emotion: str) -> list[float]:
        """Add the limits of a class, or of all together; return their ends at no bits."""
        here = where(limits, (limits["protocol"] == protocol) & (limits["metric"] == self.metric))
        here = where(here, here["emotion"] == emotion)
        if here.empty:
            return []
        bits = np.linspace(0.0, self.most, _POINTS)
        better = np.fmax if self.metric.startswith("cos") else np.fmin
        curves = {name: self._over_bits(here, name, bits) for name in set(here["limit"])}
        upper = better(curves[_UPPER], curves.get(_GAUSSIAN, curves[_UPPER]))
        lower = curves[_LOWER]
        shade = Stroke(name=_BAND, color=self.ink.muted, band=0.16)
        sandwich = pd.DataFrame({"low": lower, "high": upper})
        self.canvas.band(sandwich, stroke=shade, x=bits, cell=self.cell)
        if self.cell == (1, 1):
            self.canvas.legend(replace(shade, color=f"{shade.color}55", width=9))
        for name, dash, width, color in (
            (_LOWER, "solid", 1.3, self.ink.muted),
            (_UPPER, "dot", 1.3, self.ink.muted),
            (_GAUSSIAN, "dash", 1.7, self.ink.text),
            (_SCALAR, "dashdot", 1.3, self.ink.faint),
        ):
            if name in curves:
                stroke = Stroke(name=limit_words(name), color=color, dash=dash, width=width, band=0)
                known = np.isfinite(curves[name])
                self._curve(_plain_frame(curves[name][known]), stroke, bits[known])
        return [float(lower[0])]

    def _over_bits(self, limits: pd.DataFrame, name: str, bits: np.ndarray) -> np.ndarray:
        """Return the metric of a limit at given bits, NaN where it was not computed."""
        own = where(limits, limits["limit"] == name)
        best = "max" if self.metric.startswith("cos") else "min"
        curve = own.assign(bits=own["bits"].clip(lower=0).round(6)).groupby("bits")["value"]
        points = curve.agg(best).sort_index()
        places = points.index.to_numpy(np.float64)
        return np.interp(bits, places, points.to_numpy(np.float64), left=np.nan, right=np.nan)


def _plain_frame(values: np.ndarray) -> pd.DataFrame:
    """Return rows of a curve that has neither λ nor intervals."""
    blank = dict.fromkeys(("lam", "low", "high", "num_items", "num_speakers"), np.nan)
    return pd.DataFrame({"value": values}).assign(**blank)
