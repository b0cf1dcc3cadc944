"""All claims in one picture: each effect in units of its own interval."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.canvas import Canvas
from quantlab.figures.context import FigureContext
from quantlab.figures.empty import empty_figure
from quantlab.figures.palette import VERDICT_COLORS, VERDICT_ICONS, ink
from quantlab.figures.strokes import Stroke
from quantlab.figures.tables import records
from quantlab.figures.verdicts import effect_text
from quantlab.figures.words import fixed, plain, plain_long

_TITLE = "effect ÷ half-width of its interval: beyond 1 the interval excludes the reference"
_SYMBOLS = {"supported": "circle", "not supported": "x", "cannot tell": "circle-open"}
_REACH = 6.0
_LABEL = 42
_HOVER_LINE = 64


def claims_forest(claims: pd.DataFrame, *, context: FigureContext) -> go.Figure:
    """Draw every claim's effect and interval, scaled so that 1 just excludes the reference.

    Effects have different units, so each is divided by the half of its interval on the side of
    the reference: beyond −1 or 1 the interval excludes the reference, whatever the unit.

    Parameters
    ----------
    claims : pd.DataFrame
        The run's table `claims`.
    context : FigureContext
        Run, split and background.

    Returns
    -------
    plotly.graph_objects.Figure
        Marker and colour tell the verdict, raw numbers appear on hovering, effects beyond the
        axis are marked at its end; or a picture that says that there are no claims.
    """
    title = "All claims, each in units of its own interval"
    if claims.empty:
        return empty_figure(
            "This run judges no claims. Type `quantlab sweep` with the run's folder to compute "
            "them.",
            context=context,
            title=title,
        )
    lines = _lines(records(claims))
    canvas = Canvas(title=title, context=context, panel_height=21 * len(lines) + 20)
    ends = []
    for place, line in enumerate(lines):
        if isinstance(line, dict):
            _add_claim(canvas, line, place)
            ends.append(abs(_scaled(line)[0]))
    known = [end for end in ends if np.isfinite(end)]
    reach = min(max([2.0, *(1.15 * end for end in known)]), _REACH)
    _add_beyond(canvas, lines, reach)
    for verdict in VERDICT_ICONS:
        symbol, color = _SYMBOLS[verdict], _color(verdict, context)
        canvas.legend(Stroke(name=verdict, color=color, symbol=symbol), mode="markers")
    for edge in (-1.0, 0.0, 1.0):
        canvas.upright(edge, dash="solid" if edge == 0 else "dash")
    canvas.x_axis(title=_TITLE, range=[-1.08 * reach, 1.08 * reach], showgrid=True, dtick=1)
    canvas.y_axis(
        range=[len(lines) - 0.4, -0.6],
        tickvals=list(range(len(lines))),
        ticktext=[_label(line) for line in lines],
        tickfont={"size": 11.5},
        showgrid=False,
    )
    return canvas.figure()


def _lines(rows: list[dict[str, Any]]) -> list[dict[str, Any] | str]:
    """Return the lines of the figure: the name of each section, then its claims."""
    lines: list[dict[str, Any] | str] = []
    for section in dict.fromkeys(str(row["section"]) for row in rows):
        lines.append(section)
        lines += [row for row in rows if str(row["section"]) == section]
    return lines


def _label(line: dict[str, Any] | str) -> str:
    if isinstance(line, str):
        return f"<b>{plain(line)}</b>"
    statement = " ".join(str(line["statement"]).split())
    if len(statement) > _LABEL:
        statement = f"{statement[: _LABEL - 1].rsplit(' ', 1)[0]} …"
    return f"{plain(line['claim'])}  {plain(statement)}"


def _scaled(row: Mapping[str, Any]) -> tuple[float, float, float]:
    """Return effect, low and high divided by the half of the interval next to the reference."""
    value, low, high = (float(row[name]) for name in ("value", "low", "high"))
    half = value - low if value > 0 else high - value
    if not np.isfinite([value, low, high]).all() or half <= 0:
        return float("nan"), float("nan"), float("nan")
    return value / half, low / half, high / half


def _color(verdict: str, context: FigureContext) -> str:
    light, dark = VERDICT_COLORS.get(verdict, VERDICT_COLORS["cannot tell"])
    return dark if context.dark else light


def _add_claim(canvas: Canvas, row: Mapping[str, Any], place: int) -> None:
    verdict, name = str(row["verdict"]), plain(row["claim"])
    value, low, high = _scaled(row)
    color = _color(verdict, canvas.context)
    unknown = float("nan")
    canvas.points(
        {
            "x": [value],
            "y": [place],
            "name": name,
            "showlegend": False,
            "marker": {"symbol": _SYMBOLS.get(verdict, "circle-open"), "color": color, "size": 9},
            "error_x": {
                "type": "data",
                "array": [high - value],
                "arrayminus": [value - low],
                "width": 0,
                "thickness": 1.6,
                "color": color,
                "visible": bool(np.isfinite(value)),
            },
            "hovertext": [_hover(row)],
            "hovertemplate": "%{hovertext}<extra></extra>",
            "customdata": np.array([[unknown, low, high, unknown, float(row["num_speakers"])]]),
            "meta": {
                "panel": plain(row["section"]),
                "series": name,
                "quantity": "effect over half-width",
                "over_lam": False,
                "sideways": True,
            },
        }
    )


def _hover(row: Mapping[str, Any]) -> str:
    verdict = str(row["verdict"])
    words = plain_long(str(row["statement"])).split()
    lines = [f"<b>{plain(row['claim'])}</b>"]
    for word in words:
        fits = len(lines[-1]) + len(word) < _HOVER_LINE
        lines = [*lines[:-1], f"{lines[-1]} {word}"] if fits else [*lines, word]
    effect = f"{effect_text(row)} {plain(row['unit'])}"
    icon = VERDICT_ICONS.get(verdict, "?")
    return "<br>".join([*lines, effect, f"{icon} {plain(verdict)}"])


def _add_beyond(canvas: Canvas, lines: list[dict[str, Any] | str], reach: float) -> None:
    """Mark effects that lie outside the axis at its end, and say where no interval is known."""
    colors = ink(dark=canvas.context.dark)
    for place, line in enumerate(lines):
        if isinstance(line, str):
            continue
        value = _scaled(line)[0]
        if np.isfinite(value) and abs(value) <= 1.08 * reach:
            continue
        known, right = bool(np.isfinite(value)), value > 0
        color = _color(str(line["verdict"]), canvas.context) if known else colors.muted
        words = f"{fixed(value, decimals=0)}" if known else "no interval"
        canvas.points(
            {
                "x": [(reach if right else -reach) if known else 0.0],
                "y": [place],
                "mode": "markers+text" if known else "text",
                "text": [words],
                "textposition": ("middle left" if right else "middle right")
                if known
                else "middle center",
                "textfont": {"size": 11, "color": color},
                "marker": {
                    "symbol": f"triangle-{'right' if right else 'left'}",
                    "color": color,
                    "size": 9,
                },
                "showlegend": False,
                "hovertext": [_hover(line)],
                "hovertemplate": "%{hovertext}<extra></extra>",
                "name": "beyond the axis" if known else "no interval",
            }
        )
