"""Codebooks as a classifier: the codebook that fits a clip best names its emotion."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.axes import LAM_TITLE, LamAxis
from quantlab.figures.canvas import Canvas
from quantlab.figures.claims import NOTHING
from quantlab.figures.context import FigureContext, with_protocol
from quantlab.figures.empty import empty_figure
from quantlab.figures.palette import ink
from quantlab.figures.strokes import Stroke, series_stroke
from quantlab.figures.tables import coded, numbers, pick, pick_by, records
from quantlab.figures.words import (
    ALL,
    fixed,
    joined,
    lam_text,
    metric_words,
    rule_words,
    sentence_case,
    share,
    share_text,
)

RULES = ("raw_cosine", "delta_cosine", "least_cost")
PLAIN = "plain_probe"
METRICS = ("uar", "macro_f1")


def routing_curves(
    routing: pd.DataFrame,
    *,
    context: FigureContext,
    over: str = "lam",
    protocol: str = "speaker",
) -> go.Figure:
    """Draw how well the best fitting codebook names the emotion, beside a plain probe.

    Parameters
    ----------
    routing : pd.DataFrame
        The run's table.
    context : FigureContext
        Run, split and background.
    over : {"lam", "bits"}
        The horizontal axis: λ, or mean bits per vector with the choice of codebook paid for.
    protocol : str
        Which rows.

    Returns
    -------
    plotly.graph_objects.Figure
        One panel for recall and one for F1; or a picture that says what is missing.
    """
    title = "Codebooks as a classifier"
    rows = pick(routing, protocol=protocol, emotion=ALL)
    shown = [metric for metric in METRICS if (rows["metric"] == metric).any()]
    if not shown:
        return empty_figure(
            "Codebooks were not used as a classifier: it needs one codebook for each emotion. Type "
            "`quantlab train` with the run's folder and `--bias each`, then `quantlab sweep`.",
            context=context,
            title=title,
        )
    axis = LamAxis.of(rows["lam"].dropna())
    bits = numbers(rows, "bits")
    most = float(np.nanmax(bits)) if np.isfinite(bits).any() else 1.0
    ends = axis.ends if over == "lam" else (0.0, 1.04 * most)
    canvas = Canvas(
        title=title,
        context=with_protocol(context, protocol),
        columns=len(shown),
        panel_titles=[sentence_case(metric_words(metric)) for metric in shown],
        panel_height=380,
        gap=0.08,
    )
    for column, metric in enumerate(shown, start=1):
        here = pick(rows, metric=metric)
        for place, rule in enumerate(RULES):
            frame = coded(pick_by(here, over, rule=rule))
            canvas.curve(
                frame,
                stroke=series_stroke(place, rule_words(rule), context),
                x=axis.at(frame["lam"]) if over == "lam" else numbers(frame, "bits"),
                cell=(1, column),
                panel=metric_words(metric),
                quantity=metric,
                legend=column == 1,
                hover=[f"{fixed(value, decimals=1)} bits" for value in numbers(frame, "bits")],
                over_lam=over == "lam",
            )
        _add_plain(canvas, pick(here, rule=PLAIN), axis, ends, over=over, cell=(1, column))
        chance = float(numbers(here, "chance")[0])
        canvas.level(
            chance, label="chance", ends=ends, cell=(1, column), quantity=metric, above=False
        )
        canvas.y_axis(column=column, range=[-0.03, 1.04], tickformat=".0%")
        if over == "lam":
            canvas.lam_axis(axis, cell=(1, column))
    if over == "lam":
        canvas.x_axis(title=LAM_TITLE if len(shown) == 1 else "quantization strength λ")
    else:
        words = "bits per vector, the choice of codebook paid for"
        canvas.x_axis(title=words, range=list(ends), showgrid=True)
    return canvas.figure()


def _add_plain(
    canvas: Canvas,
    rows: pd.DataFrame,
    axis: LamAxis,
    ends: tuple[float, float],
    *,
    over: str,
    cell: tuple[int, int],
) -> None:
    """Add the plain probe: a line where it is one number, else a curve."""
    values = numbers(rows, "value")
    if not values.size:
        return
    words = rule_words(PLAIN)
    if over != "lam" or len(coded(rows)) < 2 or np.ptp(values) == 0:
        canvas.level(
            float(values[0]),
            label=words if cell == (1, 1) else "",
            ends=ends,
            cell=cell,
            quantity=str(rows["metric"].iloc[0]),
            dash="dot",
        )
        return
    frame = coded(rows)
    muted = ink(dark=canvas.context.dark).muted
    canvas.curve(
        frame,
        stroke=Stroke(name=words, color=muted, dash="dot", band=0.06, group=words),
        x=axis.at(frame["lam"]),
        cell=cell,
        panel=metric_words(str(rows["metric"].iloc[0])),
        quantity=str(rows["metric"].iloc[0]),
        legend=cell == (1, 1),
    )


def read_routing(routing: pd.DataFrame, *, protocol: str = "speaker") -> str:
    """Say what each rule reaches at its best λ, beside the plain probe and chance; HTML."""
    rows = pick(routing, protocol=protocol, emotion=ALL, metric="uar")
    parts = []
    for rule in RULES:
        curve = records(coded(pick(rows, rule=rule)))
        if curve:
            best = max(curve, key=lambda row: row["value"])
            ends = (float(best[key]) for key in ("value", "low", "high"))
            parts.append(
                f"{rule_words(rule)} <b>{share_text(*ends)}</b> at "
                f"{lam_text(best['lam'])} ({fixed(best['bits'], decimals=1)} bits)"
            )
    if not parts:
        return NOTHING
    plainly = numbers(pick(rows, rule=PLAIN), "value")
    beside = f", the plain probe {share(float(plainly[0]))}" if plainly.size else ""
    chance = float(numbers(rows, "chance")[0])
    return (
        f"Mean recall at the best λ of each rule: {joined(parts)}{beside}; chance is "
        f"{share(chance)}. The best λ was chosen on the same clips, so these are upper ends."
    )
