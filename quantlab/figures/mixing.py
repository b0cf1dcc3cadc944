"""Mixing two references: the path over the mixing ratio on the simplex of posteriors.

A mixture worth its name passes through the inside of the triangle's lower edge: both emotions are
likely at once. A path that runs along a corner is a switch, one through the upper corner a third
emotion.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.axes import fit_range
from quantlab.figures.canvas import Canvas
from quantlab.figures.claims import NOTHING
from quantlab.figures.context import FigureContext, with_protocol
from quantlab.figures.empty import empty_figure
from quantlab.figures.marks import CUSTOM
from quantlab.figures.palette import ink
from quantlab.figures.strokes import Stroke, series_stroke
from quantlab.figures.tables import frame_of, nearest_lam, numbers, pick, pick_by, records, where
from quantlab.figures.words import (
    fixed,
    lam_text,
    metric_words,
    plain,
    sentence_case,
    share,
    share_text,
    way_words,
)

WAYS = ("plain_mean", "barycentre", "stages", "union", "mixed_blur")
SINGLES = ("single_first", "single_second")
METRICS = ("min_posterior", "angle_first", "angle_second", "speaker_told")
_MAX_PAIRS = 3
_SHARES = ("min_posterior", "speaker_told")
_MARKER = (5.0, 13.0)
_NO_MIXING = (
    "References were not mixed in this run. Add `mixing` to the study and type `quantlab sweep` "
    "again."
)


def mixing_pairs(mixing: pd.DataFrame) -> list[str]:
    """Return the pairs of a table, e.g. "sad+happy", in the order in which they stand there."""
    return [str(name) for name in dict.fromkeys(mixing["pair"])]


def pair_words(pair: str) -> str:
    """Say a pair in plain words, e.g. "sad and happy", escaped."""
    first, second = _both(pair)
    return f"{plain(first)} and {plain(second)}"


def _both(pair: str) -> tuple[str, str]:
    first, _, second = pair.partition("+")
    return first, second


def mixing_simplex(
    mixing: pd.DataFrame,
    *,
    context: FigureContext,
    lam: float = 0.0,
    protocol: str = "speaker",
    pairs: Sequence[str] | None = None,
) -> go.Figure:
    """Draw each way's path over the mixing ratio on the triangle of posteriors.

    Parameters
    ----------
    mixing : pd.DataFrame
        The run's table.
    context : FigureContext
        Run, split and background.
    lam : float >= 0
        The nearest λ of the run is taken.
    protocol : str
        Which rows.
    pairs : sequence of str, optional
        Which pairs, one triangle each; the first three when omitted.

    Returns
    -------
    plotly.graph_objects.Figure
        Corners are the first emotion, the second, and all the others together; markers grow with
        the share of the first. Or a picture that says what is missing.
    """
    title = "Mixed references on the simplex of posteriors"
    rows = pick(mixing, protocol=protocol)
    found = [name for name in mixing_pairs(rows) if not pairs or name in pairs][:_MAX_PAIRS]
    rows = pick(rows, pair=found)
    if rows.empty:
        return empty_figure(_NO_MIXING, context=context, title=title)
    rows = _at(rows, lam)
    canvas = Canvas(
        title=title,
        context=with_protocol(context, protocol),
        columns=len(found),
        panel_titles=[sentence_case(pair_words(pair)) for pair in found],
        panel_height=430,
        gap=0.1,
    )
    for column, pair in enumerate(found, start=1):
        first, second = _both(pair)
        subplot = _add_triangle(canvas, (plain(first), plain(second), "all others"), column)
        here = pick(rows, pair=pair)
        for place, way in enumerate((*WAYS, *SINGLES)):
            path = posterior_path(here, way, first, second)
            if len(path):
                _add_path(canvas, path, way, place, pair, subplot, named=column == 1)
    _name_ways(canvas, rows)
    return canvas.figure()


def _at(rows: pd.DataFrame, lam: float) -> pd.DataFrame:
    """Return the rows of the nearest λ, and those that have none."""
    chosen = nearest_lam(rows, lam)
    return where(rows, np.isnan(numbers(rows, "lam")) | (numbers(rows, "lam") == chosen))


def posterior_path(rows: pd.DataFrame, way: str, first: str, second: str) -> pd.DataFrame:
    """Return weight, lam, and the posteriors of both emotions and of all others of a way."""
    parts = [
        frame_of(
            pick_by(rows, "weight", way=way, metric=f"p_{name}"),
            {"weight": "weight", "lam": "lam", "value": column},
        )
        for name, column in ((first, "first"), (second, "second"))
    ]
    both = parts[0].merge(parts[1][["weight", "second"]], on="weight", how="inner")
    rest = 1 - numbers(both, "first") - numbers(both, "second")
    return both.assign(rest=np.clip(rest, 0, 1)).sort_values("weight", kind="stable")


def _add_triangle(canvas: Canvas, corners: tuple[str, str, str], column: int) -> str:
    """Replace a panel's axes by a triangle; return what traces name as their subplot."""
    colors = ink(dark=canvas.context.dark)
    axis = {
        "gridcolor": colors.grid,
        "linecolor": colors.faint,
        "tickfont": {"size": 11, "color": colors.muted},
        "tickformat": ".0%",
        "nticks": 5,
        "min": 0,
    }
    left, right, upper = ({**axis, "title": {"text": name}} for name in corners)
    name = "ternary" if column == 1 else f"ternary{column}"
    domain = canvas.domain((1, column))
    bottom, top = domain["y"]
    # Names of corners stand outside of the triangle and must not meet the panel's title.
    inside = [bottom + 0.11 * (top - bottom), top - 0.1 * (top - bottom)]
    settings = {
        "sum": 1,
        "domain": {**domain, "y": inside},
        "bgcolor": colors.paper,
        "aaxis": upper,
        "baxis": left,
        "caxis": right,
    }
    # An empty trace: plotly draws a triangle only where something stands on it.
    blank = {**{key: [None] for key in "abc"}, "showlegend": False, "hoverinfo": "skip"}
    canvas.add_plain({"type": "scatterternary", "subplot": name, **blank}, **{name: settings})
    canvas.x_axis(column=column, visible=False)
    canvas.y_axis(column=column, visible=False)
    return name


def _way_stroke(place: int, way: str, canvas: Canvas) -> Stroke:
    if way in SINGLES:
        color, symbol = ink(dark=canvas.context.dark).text, "star" if place % 2 else "star-open"
        return Stroke(name=way_words(way), color=color, symbol=symbol, group=way)
    return series_stroke(place, way_words(way), canvas.context, group=way)


def _add_path(
    canvas: Canvas,
    path: pd.DataFrame,
    way: str,
    place: int,
    pair: str,
    subplot: str,
    *,
    named: bool,
) -> None:
    stroke = _way_stroke(place, way, canvas)
    weights = numbers(path, "weight")
    single = way in SINGLES
    least, most = _MARKER
    words = [
        f"<b>{stroke.name}</b><br>{share(row['weight'])} of the first<br>{share(row['first'])}, "
        f"{share(row['second'])}, others {share(row['rest'])}"
        for row in records(path)
    ]
    canvas.add_plain(
        {
            "type": "scatterternary",
            "subplot": subplot,
            "a": numbers(path, "rest"),
            "b": numbers(path, "first"),
            "c": numbers(path, "second"),
            "mode": "markers" if single else "lines+markers",
            "name": stroke.name,
            "legendgroup": way,
            "showlegend": False,
            "line": {"color": stroke.color, "dash": stroke.dash, "width": 2},
            "marker": {
                "symbol": stroke.symbol,
                "color": stroke.color,
                "size": 13 if single else least + (most - least) * weights,
            },
            "hovertext": words,
            "hovertemplate": "%{hovertext}<extra></extra>",
            "customdata": np.column_stack(
                [numbers(path, "lam"), *(np.full(len(path), np.nan) for _ in CUSTOM[1:])]
            ),
            "meta": {
                "panel": pair_words(pair),
                "series": stroke.name,
                "quantity": "posterior",
                "weights": weights.tolist(),
            },
        }
    )


def _name_ways(canvas: Canvas, rows: pd.DataFrame) -> None:
    for place, way in enumerate((*WAYS, *SINGLES)):
        if (rows["way"] == way).any():
            mode = "markers" if way in SINGLES else "lines+markers"
            canvas.legend(_way_stroke(place, way, canvas), mode=mode)


def mixing_curves(
    mixing: pd.DataFrame,
    *,
    context: FigureContext,
    pair: str | None = None,
    lam: float = 0.0,
    protocol: str = "speaker",
) -> go.Figure:
    """Draw over the mixing ratio: the weaker posterior, both angles, and what speakers tell.

    Parameters
    ----------
    mixing : pd.DataFrame
        The run's table.
    context : FigureContext
        Run, split and background.
    pair : str, optional
        For example "sad+happy"; the first of the table when omitted.
    lam : float >= 0
        The nearest λ of the run is taken.
    protocol : str
        Which rows.

    Returns
    -------
    plotly.graph_objects.Figure
        Or a picture that says what is missing.
    """
    rows = pick(mixing, protocol=protocol)
    found = mixing_pairs(rows)
    chosen = pair if pair in found else (found or [""])[0]
    title = f"Mixing {pair_words(chosen)}" if found else "Mixing references"
    rows = _at(pick(rows, pair=chosen), lam)
    shown = [metric for metric in METRICS if (rows["metric"] == metric).any()]
    if not shown:
        return empty_figure(_NO_MIXING, context=context, title=title)
    canvas = Canvas(
        title=f"{title}, {lam_text(nearest_lam(rows, lam))}",
        context=with_protocol(context, protocol),
        columns=len(shown),
        panel_titles=[_panel_title(metric, chosen) for metric in shown],
        panel_height=330,
        gap=0.06,
    )
    for column, metric in enumerate(shown, start=1):
        here = pick_by(rows, "weight", metric=metric)
        for place, way in enumerate((*WAYS, *SINGLES)):
            frame = pick_by(here, "weight", way=way)
            canvas.curve(
                frame,
                stroke=_way_stroke(place, way, canvas),
                x=numbers(frame, "weight"),
                cell=(1, column),
                panel=_panel_title(metric, chosen),
                quantity=metric,
                decimals=2 if metric in _SHARES else 1,
                hover=[f"{share(weight)} of the first" for weight in numbers(frame, "weight")],
                legend=False,
                over_lam=False,
            )
        if metric in _SHARES:
            canvas.y_axis(column=column, range=[-0.03, 1.04], tickformat=".0%")
        else:
            canvas.y_axis(column=column, range=fit_range(here, around=[0.0]), title="degrees")
    if "min_posterior" in shown:
        canvas.y_axis(column=shown.index("min_posterior") + 1, range=[-0.015, 0.52])
    first, _ = _both(chosen)
    canvas.x_axis(title=f"share of {plain(first)}", range=[-0.04, 1.04], tickformat=".0%")
    _name_ways(canvas, rows)
    return canvas.figure()


def _panel_title(metric: str, pair: str) -> str:
    first, second = _both(pair)
    titles = {
        "min_posterior": "Weaker posterior",
        "angle_first": f"Angle to {plain(first)}",
        "angle_second": f"Angle to {plain(second)}",
        "speaker_told": "Speaker recognised",
    }
    return titles.get(metric) or metric_words(metric)


def read_mixing(mixing: pd.DataFrame, *, lam: float = 0.0, protocol: str = "speaker") -> str:
    """Say at which ratio and by which way both emotions of each pair are the most likely; HTML."""
    rows = pick(mixing, protocol=protocol, metric="min_posterior")
    if rows.empty:
        return NOTHING
    rows = _at(rows, lam)
    sentences = []
    for pair in mixing_pairs(rows):
        ordered = records(pick(rows, pair=pair).sort_values("value", kind="stable"))
        mixed = [row for row in ordered if row["way"] in WAYS]
        alone = [row for row in ordered if row["way"] in SINGLES]
        if not mixed:
            continue
        best = mixed[-1]
        value = share_text(*(float(best[key]) for key in _ENDS))
        text = (
            f"{pair_words(pair)}: the weaker of the two gets at most <b>{value}</b> "
            f"({way_words(best['way'])}, {share(best['weight'])} of the first)"
        )
        if alone:
            text += f", against {share(alone[-1]['value'])} from one reference alone"
            sure = best["low"] > alone[-1]["high"]
            text += "" if sure else " (the intervals overlap)"
        sentences.append(text)
    at = lam_text(nearest_lam(rows, lam))
    return f"At {at} – {'; '.join(sentences)}." if sentences else NOTHING


def read_middle(mixing: pd.DataFrame, *, lam: float = 0.0, protocol: str = "speaker") -> str:
    """Say how near each way comes to both references half way, and who the speaker is; HTML."""
    rows = pick(mixing, protocol=protocol)
    if rows.empty:
        return NOTHING
    pair = mixing_pairs(rows)[0]
    rows = _at(pick(rows, pair=pair), lam)
    weights = np.unique(numbers(pick(rows, way=WAYS), "weight"))
    if not weights.size:
        return NOTHING
    middle = float(weights[np.argmin(np.abs(weights - 0.5))])
    there = where(rows, numbers(rows, "weight") == middle)
    parts = []
    for way in WAYS:
        found = {row["metric"]: row for row in records(pick(there, way=way))}
        if not {"angle_first", "angle_second"} <= set(found):
            continue
        angles = [fixed(found[f"angle_{one}"]["value"], decimals=0) for one in _REFERENCES]
        text = f"{way_words(way)} {angles[0]}° and {angles[1]}°"
        if "speaker_told" in found:
            text += f" (speaker recognised: {share(found['speaker_told']['value'])})"
        parts.append(text)
    first, second = _both(pair)
    return (
        f"At {share(middle)} of {plain(first)}, the angles to {plain(first)} and to "
        f"{plain(second)} – {'; '.join(parts)}."
    )


_REFERENCES = ("first", "second")
_ENDS = ("value", "low", "high")
