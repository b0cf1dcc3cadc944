"""What probes still recognise: scores against λ for both protocols, and confusion matrices."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.axes import LAM_TITLE, LamAxis
from quantlab.figures.canvas import Canvas
from quantlab.figures.cells import add_cells
from quantlab.figures.context import FigureContext, with_protocol
from quantlab.figures.empty import empty_figure
from quantlab.figures.palette import METHOD_DASHES, ink
from quantlab.figures.strokes import Stroke, emotion_stroke
from quantlab.figures.tables import at_lam, nearest_lam, numbers, pick, where
from quantlab.figures.words import (
    ALL,
    emotion_order,
    lam_text,
    method_words,
    metric_words,
    plain,
    probe_words,
    protocol_words,
    recipe_words,
    sentence_case,
)

PROTOCOLS = ("speaker", "corpus", "text")
_REFERENCE = "shrink_mean"
_SAME = 1e-6
_LEVEL_DASH = "1px,3px"


def accuracy_curves(
    accuracy: pd.DataFrame,
    *,
    context: FigureContext,
    probe: str = "logistic",
    metric: str = "uar",
    recipe: str = "balanced",
    emotions: Sequence[str] | None = None,
    protocols: Sequence[str] = PROTOCOLS,
    apart: bool = False,
) -> go.Figure:
    """Draw what a probe trained on unquantized embeddings recognises as λ grows.

    Parameters
    ----------
    accuracy : pd.DataFrame
        The run's table `accuracy`.
    context : FigureContext
        Run, split and background.
    probe : str
        Which classifier.
    metric : {"uar", "macro_f1", "recall"}
        With "recall" there is a curve for each emotion.
    recipe : str
        Which codebook.
    emotions : sequence of str, optional
        Classes to draw when the metric is "recall"; all when omitted.
    protocols : sequence of str
        Side by side, or one below the other when `apart`.
    apart : bool
        When the metric is "recall": one panel for each emotion, with its plain blur.

    Returns
    -------
    plotly.graph_objects.Figure
        Or a picture that says what is missing. Hollow points: the probe gives every clip the same
        label. The tick "clean" holds the unquantized embeddings.
    """
    title = f"{sentence_case(metric_words(metric))} ({probe_words(probe)}), {recipe_words(recipe)}"
    rows = pick(accuracy, probe=probe, metric=metric)
    here = np.isin(rows["method"], ["codec", _REFERENCE]) & (rows["recipe"] == recipe)
    rows = where(rows, here | (rows["method"] == "clean"))
    rows = pick(rows, protocol=protocols)
    codec = pick(rows, method="codec")
    if codec.empty:
        return empty_figure(
            f"The {probe_words(probe)} was not evaluated for the {recipe_words(recipe)}. Choose "
            "another probe, or type `quantlab sweep` with the run's folder to compute it.",
            context=context,
            title=title,
        )
    shown = [name for name in protocols if (codec["protocol"] == name).any()]
    names = [ALL]
    if metric == "recall":
        found = emotion_order(codec["emotion"])
        names = [name for name in found if not emotions or name in emotions]
    apart = apart and metric == "recall"
    canvas = _grid(title, context, shown, names, apart=apart)
    axis = LamAxis.of(codec["lam"], clean=bool((rows["method"] == "clean").any()))
    for place, protocol in enumerate(shown, start=1):
        of_protocol = pick(rows, protocol=protocol)
        groups = [[name] for name in names] if apart else [names]
        for column, group in enumerate(groups, start=1):
            panel = _Panel(
                canvas,
                axis,
                cell=(place, column) if apart else (1, place),
                title=f"tested on {protocol_words(protocol)}",
                alone=apart or metric != "recall",
                metric=metric,
            )
            panel.draw(of_protocol, names=group)
    _dress(canvas, rows, shown, metric=metric, apart=apart)
    return canvas.figure()


def _grid(
    title: str,
    context: FigureContext,
    protocols: Sequence[str],
    names: Sequence[str],
    *,
    apart: bool,
) -> Canvas:
    """Start the panels: emotions × protocols, or protocols side by side."""
    if apart:
        return Canvas(
            title=title,
            context=context,
            rows=len(protocols),
            columns=len(names),
            panel_titles=[plain(name) for name in names],
            panel_height=220,
            gap=0.012,
            row_gap_px=26,
            shared=True,
        )
    return Canvas(
        title=title,
        context=context,
        columns=len(protocols),
        panel_titles=[f"Tested on {protocol_words(name)}" for name in protocols],
        gap=0.035,
        shared=True,
    )


class _Panel:
    """One panel and the curves in it; `alone` panels hold one class and its references."""

    def __init__(
        self,
        canvas: Canvas,
        axis: LamAxis,
        *,
        cell: tuple[int, int],
        title: str,
        alone: bool,
        metric: str,
    ) -> None:
        self.canvas, self.axis = canvas, axis
        self.cell, self.title, self.alone, self.metric = cell, title, alone, metric

    def draw(self, rows: pd.DataFrame, *, names: Sequence[str]) -> None:
        """Add the curves of some classes, or of "all"."""
        self._levels(pick(rows, emotion=names), names=names)
        drawn = (_REFERENCE, "codec", "clean") if self.alone else ("codec", "clean")
        for name in names:
            for method in drawn:
                frame = pick(rows, emotion=name, method=method)
                self.canvas.curve(
                    frame,
                    stroke=self._stroke(name, method),
                    x=self.axis.at(frame["lam"]),
                    cell=self.cell,
                    panel=self.title,
                    quantity=self.metric,
                    hollow=numbers(frame, "constant") > 0,
                    legend=method == "codec" and not self.alone and self.cell == (1, 1),
                )
        narrow = self.alone and names != [ALL]
        self.canvas.lam_axis(self.axis, cell=self.cell, narrow=narrow)

    def _stroke(self, name: str, method: str) -> Stroke:
        base = emotion_stroke(name, self.canvas.context, band=0.15 if self.alone else 0.06)
        if name == ALL:
            base = replace(base, name=method_words(method), symbol="circle")
        elif method != "codec":
            base = replace(base, name=f"{base.name}, {method_words(method)}")
        if method == _REFERENCE:
            muted = ink(dark=self.canvas.context.dark).muted
            dash = METHOD_DASHES[method]
            return replace(base, color=muted, dash=dash, symbol="", width=1.7, band=0.07)
        return replace(base, band=0.0) if method == "clean" else base

    def _levels(self, rows: pd.DataFrame, *, names: Sequence[str]) -> None:
        codec, clean = pick(rows, method="codec"), pick(rows, method="clean")
        chance, majority = (numbers(codec, name).mean() for name in ("chance", "majority"))
        same = abs(chance - majority) < _SAME
        named = self.cell == (1, 1) or names == [ALL]
        if names == [ALL] and not same:
            self._level(majority, "always the commonest class", dash="longdash", above=False)
        label = "chance = always the commonest class" if names == [ALL] and same else "chance"
        self._level(chance, label if named else "", dash="dash", above=True)
        if self.alone and len(clean):
            value = float(numbers(clean, "value")[0])
            label = "unquantized" if names == [ALL] else ""
            self._level(value, label, dash=_LEVEL_DASH, above=True, at_left=False)

    def _level(
        self, value: float, label: str, *, dash: str, above: bool, at_left: bool = True
    ) -> None:
        self.canvas.level(
            value,
            label=label,
            ends=self.axis.ends,
            cell=self.cell,
            panel=self.title,
            dash=dash,
            above=above,
            at_left=at_left,
        )


def _dress(
    canvas: Canvas,
    rows: pd.DataFrame,
    protocols: Sequence[str],
    *,
    metric: str,
    apart: bool,
) -> None:
    """Name axes, and what line and point styles mean."""
    canvas.y_axis(range=[-0.03, 1.04], tickformat=".0%")
    if apart:
        canvas.x_axis(row=len(protocols), title="λ")
        for row, protocol in enumerate(protocols, start=1):
            words = protocol_words(protocol).replace(" of ", "<br>of ")
            canvas.y_axis(row=row, column=1, title=f"{metric_words(metric)},<br>{words}")
    else:
        canvas.x_axis(title=LAM_TITLE)
        canvas.y_axis(column=1, title=metric_words(metric))
    colors = ink(dark=canvas.context.dark)
    if apart or metric != "recall":
        named = Stroke(name=method_words("codec"), color=colors.text, symbol="circle")
        canvas.legend(named, mode="lines+markers")
        if (rows["method"] == _REFERENCE).any():
            dash = METHOD_DASHES[_REFERENCE]
            canvas.legend(Stroke(name=method_words(_REFERENCE), color=colors.muted, dash=dash))
        if apart and (rows["method"] == "clean").any():
            level = Stroke(name="unquantized", color=colors.muted, dash=_LEVEL_DASH, width=1.2)
            canvas.legend(level)
    if numbers(pick(rows, method="codec"), "constant").any():
        hollow = "hollow: the same label for every clip"
        empty = Stroke(name=hollow, color=colors.muted, symbol="circle-open")
        canvas.legend(empty, mode="markers")


def confusion_heatmap(
    confusion: pd.DataFrame,
    *,
    context: FigureContext,
    lam: float,
    probe: str = "logistic",
    protocol: str = "speaker",
    recipe: str = "balanced",
    method: str = "codec",
) -> go.Figure:
    """Draw which emotion a probe takes for which at one λ.

    Parameters
    ----------
    confusion : pd.DataFrame
        The run's table `confusion`.
    context : FigureContext
        Run, split and background.
    lam : float >= 0
        The nearest λ of the run is taken; NaN stands for the unquantized embeddings.
    probe, protocol, recipe, method : str
        Which rows.

    Returns
    -------
    plotly.graph_objects.Figure
        Shares of each true class in percent, or a picture that says what is missing.
    """
    clean = bool(np.isnan(lam))
    rows = pick(
        confusion,
        probe=probe,
        protocol=protocol,
        recipe="balanced" if clean else recipe,
        method="clean" if clean else method,
    )
    chosen = lam if clean else nearest_lam(rows, lam)
    rows = at_lam(rows, chosen)
    title = f"Answers ({probe_words(probe)}), {lam_text(chosen)}"
    if rows.empty:
        return empty_figure(
            f"The {probe_words(probe)} was not evaluated for the {recipe_words(recipe)}.",
            context=context,
            title=title,
        )
    names = emotion_order([*rows["emotion"], *rows["predicted"]])
    totals = rows.groupby("emotion")["count"].transform("sum")
    cells = pd.DataFrame(
        {
            "lam": rows["lam"],
            "value": 100 * rows["count"] / totals,
            "low": np.nan,
            "high": np.nan,
            "num_items": totals,
            "num_speakers": np.nan,
        }
    )
    canvas = Canvas(
        title=title,
        context=with_protocol(context, protocol),
        panel_height=44 * len(names) + 20,
    )
    add_cells(
        canvas,
        cells,
        row_names=names,
        column_names=names,
        places=[
            (names.index(true), names.index(answer))
            for true, answer in zip(rows["emotion"], rows["predicted"], strict=True)
        ],
        quantity="share of the true class in percent",
        limits=(0.0, 100.0),
        decimals=0,
        unit="%",
    )
    canvas.x_axis(title=f"answer, {recipe_words(recipe)} (percent of the true emotion)")
    canvas.y_axis(title="true emotion")
    return canvas.figure()
