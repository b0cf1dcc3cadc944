"""The look of every figure: one colour and marker per emotion, one line per method, one template.

Colours were chosen so that the seven commonest emotions stay apart for readers with protanopia,
deuteranopia and tritanopia, and every line has a contrast of at least 3 : 1 to its background.
Each colour has a light and a dark shade of the same hue; markers are the second cue, and dashes
tell methods apart, so that colour never stands alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import plotly.graph_objects as go

FONT = "Inter, 'Segoe UI', 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif"


@dataclass(frozen=True)
class EmotionStyle:
    """How one emotion is drawn, everywhere.

    Attributes
    ----------
    light, dark : str
        Colour as ``#rrggbb`` on a light and on a dark background.
    symbol : str
        Plotly marker symbol.
    """

    light: str
    dark: str
    symbol: str

    def color(self, *, dark: bool = False) -> str:
        """Return the shade for a background."""
        return self.dark if dark else self.light


@dataclass(frozen=True)
class Ink:
    """Colours of everything that is not an emotion, as ``#rrggbb``.

    Attributes
    ----------
    text, muted, faint : str
        Text, secondary text and reference lines, decoration.
    grid, paper : str
        Grid lines and background.
    """

    text: str
    muted: str
    faint: str
    grid: str
    paper: str


EMOTION_STYLES: Mapping[str, EmotionStyle] = {
    "angry": EmotionStyle("#c0180c", "#ee4a30", "triangle-up"),
    "disgust": EmotionStyle("#1fa383", "#35c7a2", "pentagon"),
    "fear": EmotionStyle("#a876f5", "#c6a4ff", "diamond"),
    "happy": EmotionStyle("#c97a02", "#f7ab2e", "star"),
    "neutral": EmotionStyle("#666d79", "#d9dce3", "circle"),
    "sad": EmotionStyle("#163cb8", "#4a80ff", "triangle-down"),
    "surprise": EmotionStyle("#752a63", "#cc5599", "square"),
    "calm": EmotionStyle("#2a8fa6", "#86d3e3", "hexagon"),
    "excited": EmotionStyle("#c65a0a", "#ff7d3a", "star-diamond"),
    "frustrated": EmotionStyle("#a67159", "#c78f75", "cross"),
    "boredom": EmotionStyle("#6d86b5", "#8c9fd0", "triangle-left"),
    "contempt": EmotionStyle("#5a5c0c", "#7f8f2a", "x"),
    "other": EmotionStyle("#3f3f3f", "#8a8a8a", "hourglass"),
}

METHOD_DASHES: Mapping[str, str] = {
    "codec": "solid",
    "clean": "solid",
    "drop_least": "dash",
    "drop_most": "8px,3px",
    "coarse_step": "dashdot",
    "noise": "2px,3px",
    "truncate": "longdash",
    "rate_controlled": "5px,2px",
    "shrink_mean": "dot",
    "shrink_class": "dot",
    "water_mean": "dash",
    "water_class": "dash",
    "noise_matched": "2px,3px",
    "pca_matched": "longdashdot",
}

LIGHT_INK = Ink(text="#1b1f27", muted="#596070", faint="#8d94a3", grid="#e5e7ec", paper="#ffffff")
DARK_INK = Ink(text="#eceef3", muted="#a9b0be", faint="#737b8b", grid="#2b3039", paper="#15181e")

VERDICT_COLORS: Mapping[str, tuple[str, str]] = {
    "supported": ("#1d6b4f", "#7fd6b2"),
    "not supported": ("#8c4a12", "#f2a45c"),
    "cannot tell": (LIGHT_INK.muted, DARK_INK.muted),
}
"""Light and dark colour of each verdict; an icon and a word always stand with it."""

VERDICT_ICONS: Mapping[str, str] = {"supported": "✓", "not supported": "✗", "cannot tell": "?"}

SERIES: tuple[tuple[str, str, str, str], ...] = (
    (LIGHT_INK.text, DARK_INK.text, "circle", "solid"),
    ("#2e74ac", "#76b8dd", "square", "solid"),
    ("#8c4a12", "#f2a45c", "diamond", "solid"),
    (LIGHT_INK.muted, DARK_INK.muted, "triangle-up", "dash"),
    ("#1d6b4f", "#7fd6b2", "pentagon", "dash"),
    ("#0c3c68", "#d3ebf8", "cross", "dashdot"),
)
"""Light and dark colour, marker and dash of curves that are no emotions, in order of use."""

_SEQUENTIAL = {
    False: ("#f5f8fb", "#dce9f4", "#b7d3e8", "#86b5d8", "#2e74ac", "#0c3c68"),
    True: ("#1b2029", "#1f3c58", "#22608f", "#3288bd", "#76b8dd", "#d3ebf8"),
}
_DIVERGING = {
    False: ("#8c4a12", "#dba468", "#f4e3cf", "#f6f6f6", "#d3e6f1", "#7ab5d7", "#14507a"),
    True: ("#f2a45c", "#a9652b", "#4d3722", "#22262e", "#213f54", "#2f7fae", "#8fd0f2"),
}


def emotion_style(emotion: str) -> EmotionStyle:
    """Return the style of an emotion; unknown names look like "other"."""
    return EMOTION_STYLES.get(emotion, EMOTION_STYLES["other"])


def ink(*, dark: bool = False) -> Ink:
    """Return the colours of text, lines and paper for a background."""
    return DARK_INK if dark else LIGHT_INK


def sequential(*, dark: bool = False) -> list[list[float | str]]:
    """Return the colour scale of values with one direction, low to high."""
    return _scale(_SEQUENTIAL[dark])


def diverging(*, dark: bool = False) -> list[list[float | str]]:
    """Return the colour scale of values around zero: brown below, blue above."""
    return _scale(_DIVERGING[dark])


def _scale(colors: tuple[str, ...]) -> list[list[float | str]]:
    return [[place / (len(colors) - 1), color] for place, color in enumerate(colors)]


def fade(color: str, alpha: float) -> str:
    """Return ``#rrggbb`` with an opacity of `alpha` as ``#rrggbbaa``."""
    return f"{color}{round(255 * alpha):02x}"


def shade_pairs() -> list[tuple[str, str]]:
    """Return (light, dark) for every colour that a figure may hold.

    A page that follows the reader's theme replaces one by the other; no light colour is another's
    dark one.
    """
    pairs = [(style.light, style.dark) for style in EMOTION_STYLES.values()]
    names = ("text", "muted", "faint", "grid", "paper")
    pairs += [(getattr(LIGHT_INK, name), getattr(DARK_INK, name)) for name in names]
    for scale in (_SEQUENTIAL, _DIVERGING):
        pairs += list(zip(scale[False], scale[True], strict=True))
    return list(dict.fromkeys([*pairs, *VERDICT_COLORS.values()]))


def template(*, dark: bool = False) -> "go.layout.Template":
    """Return the plotly template that all figures share.

    Parameters
    ----------
    dark : bool
        For a dark background.

    Returns
    -------
    plotly.graph_objects.layout.Template
    """
    import plotly.graph_objects as go

    colors = ink(dark=dark)
    axis = {
        "gridcolor": colors.grid,
        "linecolor": colors.faint,
        "zerolinecolor": colors.faint,
        "zeroline": False,
        "showline": True,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": colors.faint,
        "tickfont": {"size": 12, "color": colors.muted},
        "title": {"font": {"size": 13, "color": colors.text}, "standoff": 10},
        "automargin": True,
    }
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 13, "color": colors.text},
            "paper_bgcolor": colors.paper,
            "plot_bgcolor": colors.paper,
            "colorway": [style.color(dark=dark) for style in EMOTION_STYLES.values()],
            "title": {
                "x": 0,
                "xref": "paper",
                "xanchor": "left",
                "yref": "container",
                "y": 1,
                "yanchor": "top",
                "font": {"size": 17, "color": colors.text, "weight": 600},
            },
            "xaxis": {**axis, "showgrid": False},
            "yaxis": axis,
            "legend": {
                "orientation": "h",
                "x": 0,
                "xref": "paper",
                "xanchor": "left",
                "y": 0,
                "yref": "container",
                "yanchor": "bottom",
                "font": {"size": 12.5},
                "itemsizing": "trace",
                "bgcolor": fade(colors.paper, 0),
            },
            "hoverlabel": {
                "bgcolor": colors.paper,
                "bordercolor": colors.faint,
                "font": {"family": FONT, "size": 13, "color": colors.text},
                "align": "left",
            },
            "hovermode": "closest",
            "margin": {"l": 64, "r": 24, "t": 76, "b": 56},
            "annotationdefaults": {"font": {"size": 13, "color": colors.text}, "showarrow": False},
        }
    )
