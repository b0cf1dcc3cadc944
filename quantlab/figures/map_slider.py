"""The slider over λ and the play button of an animated figure, which need no server."""

from collections.abc import Sequence
from typing import Any

from quantlab.figures.palette import ink

_STEP_MS = 450


def slider_layout(labels: Sequence[str], *, start: int, dark: bool) -> dict[str, Any]:
    """Return plotly's layout of a slider whose steps are the frames "0", "1" and so on.

    Parameters
    ----------
    labels : sequence of str
        One for each frame; escaped.
    start : int
        The frame that is shown first.
    dark : bool
        For a dark background.

    Returns
    -------
    dict
        Sliders, buttons and the margin that they need.
    """
    colors = ink(dark=dark)
    steps = [
        {"label": text, "method": "animate", "args": [[str(place)], _how(0)]}
        for place, text in enumerate(labels)
    ]
    slider = {
        "active": start,
        "steps": steps,
        "x": 0.075,
        "len": 0.925,
        "y": 0,
        "yanchor": "top",
        "pad": {"t": 62, "b": 8},
        "currentvalue": {
            "font": {"size": 16, "color": colors.text},
            "xanchor": "right",
            "offset": 14,
        },
        "transition": {"duration": 0},
        "bgcolor": colors.grid,
        "activebgcolor": colors.muted,
        "bordercolor": colors.faint,
        "tickcolor": colors.faint,
        # The label of the current step stands above; the others would overlap.
        "font": {"size": 1, "color": colors.paper},
        "minorticklen": 0,
        "ticklen": 5,
    }
    everything, nothing = None, [None]
    buttons = [
        {"label": "▶", "method": "animate", "args": [everything, _how(_STEP_MS)]},
        {"label": "❚❚", "method": "animate", "args": [nothing, _how(0)]},
    ]
    menu = {
        "type": "buttons",
        "direction": "left",
        "buttons": buttons,
        "x": 0,
        "xanchor": "left",
        "y": 0,
        "yanchor": "top",
        "pad": {"t": 84, "r": 8},
        "showactive": False,
        "bgcolor": colors.paper,
        "bordercolor": colors.faint,
        "font": {"size": 13, "color": colors.text},
    }
    return {"sliders": [slider], "updatemenus": [menu], "margin": {"b": 190}}


def _how(step_ms: int) -> dict[str, Any]:
    """Return how plotly shows frames: whole, at once, and from the present one on."""
    return {
        "mode": "immediate",
        "fromcurrent": True,
        "frame": {"duration": step_ms, "redraw": True},
        "transition": {"duration": 0},
    }
