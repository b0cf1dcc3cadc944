"""How one curve looks: colour, dash, marker, width, and the opacity of its interval."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from quantlab.figures.context import FigureContext
from quantlab.figures.palette import SERIES, emotion_style, ink
from quantlab.figures.words import ALL, plain

_FEW = 3


@dataclass(frozen=True, kw_only=True)
class Stroke:
    """How one curve looks and what it is called.

    Attributes
    ----------
    name : str
        Legend text, escaped.
    color : str
        ``#rrggbb``.
    dash, symbol : str
        Plotly dash and marker; an empty symbol draws no markers.
    width, opacity : float
        Of the line.
    band : float, 0 to 1
        Opacity of the interval; 0 draws none.
    group : str
        Curves of one group share one legend entry.
    """

    name: str
    color: str
    dash: str = "solid"
    symbol: str = ""
    width: float = 2.0
    opacity: float = 1.0
    band: float = 0.14
    group: str = ""


def emotion_stroke(emotion: str, context: FigureContext, **changes: Any) -> Stroke:
    """Return the stroke of an emotion; "all" is drawn in ink without markers."""
    colors = ink(dark=context.dark)
    if emotion == "all":
        base = Stroke(name="all emotions", color=colors.text, width=2.5, band=0.0, group="all")
    else:
        style = emotion_style(emotion)
        base = Stroke(
            name=plain(emotion),
            color=style.color(dark=context.dark),
            symbol=style.symbol,
            group=emotion,
        )
    return replace(base, **changes)


def emotion_strokes(names: Sequence[str], context: FigureContext) -> dict[str, Stroke]:
    """Return the strokes of several emotions and, last, of all together.

    The bands of many curves over each other are paler.
    """
    band = 0.14 if len(names) <= _FEW else 0.07
    strokes = {name: emotion_stroke(name, context) for name in [*names, ALL]}
    return {name: replace(stroke, band=min(stroke.band, band)) for name, stroke in strokes.items()}


def series_stroke(place: int, name: str, context: FigureContext, **changes: Any) -> Stroke:
    """Return the stroke of the curve at a place of a list whose members are no emotions.

    Parameters
    ----------
    place : int >= 0
        Colours, markers and dashes repeat when they are used up.
    name : str
        Legend text, escaped.
    context : FigureContext
        Gives the background.
    **changes
        Of the stroke.
    """
    light, dark, symbol, dash = SERIES[place % len(SERIES)]
    color = dark if context.dark else light
    base = Stroke(name=name, color=color, dash=dash, symbol=symbol, band=0.1, group=name)
    return replace(base, **changes)
