"""Two routes to an emotion: straight through its codebook, or through that of neutral first."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.canvas import Canvas
from quantlab.figures.claims import NOTHING
from quantlab.figures.context import FigureContext, with_protocol
from quantlab.figures.empty import empty_figure
from quantlab.figures.strokes import series_stroke
from quantlab.figures.tables import frame_of, numbers, pick, records
from quantlab.figures.words import (
    emotion_order,
    fixed,
    joined,
    lam_text,
    plain,
    route_words,
    share_text,
)

ROUTES = ("direct", "neutral_first")
_BITS = "bits_per_vector"


def routes_curves(
    routes: pd.DataFrame,
    *,
    context: FigureContext,
    metric: str = "p_target",
    protocol: str = "speaker",
    targets: Sequence[str] | None = None,
    num_emotions: int = 0,
) -> go.Figure:
    """Draw how likely the target gets over the bits that a route spends, one panel per target.

    Parameters
    ----------
    routes : pd.DataFrame
        The run's table.
    context : FigureContext
        Run, split and background.
    metric : str
        Of the table.
    protocol : str
        Which rows.
    targets : sequence of str, optional
        Which targets; all when omitted.
    num_emotions : int
        Gives the chance line of a posterior; none is drawn when 0.

    Returns
    -------
    plotly.graph_objects.Figure
        Or a picture that says what is missing.
    """
    title = "Through neutral, or straight to the target"
    rows = over_bits(pick(routes, protocol=protocol), metric)
    found = [name for name in emotion_order(rows["target"]) if not targets or name in targets]
    if not found:
        return empty_figure(
            "Routes through neutral were not tried in this run. Add `routes` to the study and type "
            "`quantlab sweep` again.",
            context=context,
            title=title,
        )
    most = float(numbers(rows, "bits").max())
    canvas = Canvas(
        title=title,
        context=with_protocol(context, protocol),
        columns=len(found),
        panel_titles=[f"to {plain(name)}" for name in found],
        panel_height=320,
        gap=0.02,
        shared=True,
    )
    for column, target in enumerate(found, start=1):
        for place, route in enumerate(ROUTES):
            frame = pick(rows, target=target, route=route).sort_values("bits", kind="stable")
            canvas.curve(
                frame,
                stroke=series_stroke(place, route_words(route), context),
                x=numbers(frame, "bits"),
                cell=(1, column),
                panel=f"to {plain(target)}",
                quantity=metric,
                hover=[_where(row) for row in records(frame)],
                legend=column == 1,
                over_lam=False,
            )
        if num_emotions and metric == "p_target":
            canvas.level(
                1 / num_emotions,
                label="chance" if column == 1 else "",
                ends=(0.0, 1.04 * most),
                cell=(1, column),
                quantity=metric,
                at_left=False,
            )
    canvas.x_axis(range=[0, 1.04 * most], showgrid=True, nticks=5, title="bits per vector")
    if metric == "p_target":
        canvas.y_axis(range=[-0.03, 1.04], tickformat=".0%")
        canvas.y_axis(column=1, title="posterior of the target")
    return canvas.figure()


def over_bits(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the rows of a metric with the bits that were spent, for each target, route and λ."""
    keys = ["target", "route", "lam"]
    spent = frame_of(pick(rows, metric=_BITS), {**{key: key for key in keys}, "value": "bits"})
    return pick(rows, metric=metric).merge(spent, on=keys, how="inner")


def _where(row: dict) -> str:
    return f"{lam_text(row['lam'])}, {fixed(row['bits'], decimals=1)} bits"


def read_routes(routes: pd.DataFrame, *, protocol: str = "speaker") -> str:
    """Say for which targets the way through neutral is better at no more bits; HTML."""
    rows = over_bits(pick(routes, protocol=protocol), "p_target")
    parts, better = [], []
    for target in emotion_order(rows["target"]):
        best = [_best(pick(rows, target=target, route=route)) for route in ROUTES]
        straight, around = best
        if straight is None or around is None:
            continue
        told = [share_text(*(float(row[key]) for key in _ENDS)) for row in (straight, around)]
        parts.append(f"{plain(target)} {told[0]} straight, {told[1]} through neutral")
        if around["low"] > straight["high"]:
            better.append(f"<b>{plain(target)}</b>")
    if not parts:
        return NOTHING
    more = joined(better) or "no target"
    return (
        f"Most likely at any λ – {'; '.join(parts)}. By more than both intervals, the way through "
        f"neutral is better for {more}; it spends the bits of two codebooks."
    )


def _best(frame: pd.DataFrame) -> dict | None:
    ordered = records(frame.sort_values("value", kind="stable"))
    return ordered[-1] if ordered and np.isfinite(ordered[-1]["value"]) else None


_ENDS = ("value", "low", "high")
