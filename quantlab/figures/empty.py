"""Titles, and the picture that is drawn where there is nothing to draw."""

import html
import textwrap
from typing import Any

import plotly.graph_objects as go

from quantlab.figures.context import FigureContext
from quantlab.figures.palette import ink, template

_SUBTITLE_LIMIT = 150
_TITLE_PX = 20


def title_layout(title: str, context: FigureContext, *, height: int) -> dict[str, Any]:
    """Return plotly's layout of a title with the context under it; `title` is escaped."""
    subtitle = context.subtitle()
    if len(subtitle) > _SUBTITLE_LIMIT:
        subtitle = f"{subtitle[: _SUBTITLE_LIMIT - 1].rsplit(' ', 1)[0]} …"
    muted = ink(dark=context.dark).muted
    small = f'<span style="font-size: 12.5px; font-weight: 400; color: {muted}">{subtitle}</span>'
    text = f"{title}<br>{small}" if subtitle else title
    return {"text": text, "y": 1 - _TITLE_PX / height}


def empty_figure(sentence: str, *, context: FigureContext, title: str = "") -> go.Figure:
    """Return a picture that says in a sentence why there is nothing to draw.

    Parameters
    ----------
    sentence : str
        What is missing and what to do; escaped here, commands between backticks in bold.
    context : FigureContext
        Where it belongs.
    title : str
        The title that the full figure would have.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    height = 260
    # A folder's name must not be broken at its hyphens: it is there to be copied.
    lines = textwrap.wrap(
        _commands_in_bold(sentence), 84, break_on_hyphens=False, break_long_words=False
    )
    note = {
        "text": "<br>".join(lines or [""]),
        "x": 0.5,
        "y": 0.5,
        "xref": "paper",
        "yref": "paper",
        "font": {"size": 14, "color": ink(dark=context.dark).muted},
    }
    layout = {
        "template": template(dark=context.dark),
        "title": title_layout(title, context, height=height),
        "height": height,
        "xaxis": {"visible": False},
        "yaxis": {"visible": False},
        "annotations": [note],
    }
    return go.Figure({"data": [], "layout": layout})


def _commands_in_bold(sentence: str) -> str:
    """Escape a sentence and set what stands between backticks in bold."""
    parts = html.escape(" ".join(sentence.split()), quote=False).split("`")
    return "".join(f"<b>{part}</b>" if place % 2 else part for place, part in enumerate(parts))
