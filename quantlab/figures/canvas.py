"""What all figures share: panels, curves with bands, reference lines, titles, the empty picture.

A `Canvas` gathers traces and layout as plain dictionaries and becomes a plotly figure at the end,
which is many times faster than changing a figure step by step. Every trace that shows data carries
`meta` and `customdata`, from which `export.figure_data` gives back a table: what can be seen can
be exported.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.axes import LamAxis
from quantlab.figures.context import FigureContext
from quantlab.figures.empty import title_layout
from quantlab.figures.marks import CUSTOM, hover_texts, markers
from quantlab.figures.palette import fade, ink, template
from quantlab.figures.strokes import Stroke
from quantlab.figures.tables import numbers

_SPACE = "\u00a0"
_MARGIN_PX = 102
_BELOW_PX = 74


class Canvas:
    """A figure in the making: `rows` × `columns` panels under one title.

    Parameters
    ----------
    title : str
        Escaped for plotly.
    context : FigureContext
        Run, split and background.
    rows, columns : int
        Panels; cells are counted from (1, 1).
    panel_titles : sequence of str
        One for each column, above the first row; escaped for plotly.
    panel_height : int
        In CSS pixels.
    gap : float
        Between columns, as a share of the width.
    row_gap_px : int
        Between rows, in CSS pixels.
    shared : bool
        Whether panels of a row share their vertical axis, and panels of a column their horizontal
        one: zooming one zooms all, and only the outer axes are labelled.
    """

    def __init__(
        self,
        *,
        title: str,
        context: FigureContext,
        rows: int = 1,
        columns: int = 1,
        panel_titles: Sequence[str] = (),
        panel_height: int = 360,
        gap: float = 0.06,
        row_gap_px: int = 64,
        shared: bool = False,
    ) -> None:
        self.context = context
        self.rows, self.columns = rows, columns
        self._traces: list[dict[str, Any]] = []
        self._shapes: list[dict[str, Any]] = []
        self._notes: list[dict[str, Any]] = []
        inner = rows * panel_height + (rows - 1) * row_gap_px
        top = _MARGIN_PX if panel_titles else _MARGIN_PX - 26
        self._height = inner + top + _BELOW_PX
        self._layout: dict[str, Any] = {
            "title": title_layout(title, context, height=self._height),
            "height": self._height,
            "margin": {"t": top},
        }
        self._place_axes(gap=gap, row_gap=row_gap_px / inner, shared=shared)
        for column, text in enumerate(panel_titles, start=1):
            self._name_column(column, text)

    def _place_axes(self, *, gap: float, row_gap: float, shared: bool) -> None:
        width = (1 - gap * (self.columns - 1)) / self.columns
        height = (1 - row_gap * (self.rows - 1)) / self.rows
        for row in range(1, self.rows + 1):
            for column in range(1, self.columns + 1):
                number = self._number((row, column))
                left, top = (column - 1) * (width + gap), 1 - (row - 1) * (height + row_gap)
                x: dict[str, Any] = {"anchor": f"y{number}", "domain": [left, min(left + width, 1)]}
                y: dict[str, Any] = {"anchor": f"x{number}", "domain": [max(top - height, 0), top]}
                if shared and column > 1:
                    y |= {"matches": f"y{self._number((row, 1))}", "showticklabels": False}
                if shared and row < self.rows:
                    below = self._number((self.rows, column))
                    x |= {"matches": f"x{below}", "showticklabels": False}
                self._layout[f"xaxis{number}"], self._layout[f"yaxis{number}"] = x, y

    def _number(self, cell: tuple[int, int]) -> str:
        """Return plotly's suffix of a panel's axes: nothing for the first, then "2" and so on."""
        row, column = cell
        place = (row - 1) * self.columns + column
        return "" if place == 1 else str(place)

    def _name_column(self, column: int, text: str) -> None:
        self.name_panel((1, column), text)

    def name_panel(self, cell: tuple[int, int], text: str) -> None:
        """Write a title above a panel; `text` is escaped."""
        number = self._number(cell)
        left, right = self._layout[f"xaxis{number}"]["domain"]
        self._notes.append(
            {
                "text": text,
                "x": (left + right) / 2,
                "y": self._layout[f"yaxis{number}"]["domain"][1],
                "xref": "paper",
                "yref": "paper",
                "xanchor": "center",
                "yanchor": "bottom",
                "font": {"size": 13.5},
            }
        )

    def x_axis(self, *, row: int = 0, column: int = 0, **settings: Any) -> None:
        """Change horizontal axes; 0 stands for all rows or columns."""
        self._change("xaxis", row, column, settings)

    def y_axis(self, *, row: int = 0, column: int = 0, **settings: Any) -> None:
        """Change vertical axes; 0 stands for all rows or columns."""
        self._change("yaxis", row, column, settings)

    def _change(self, kind: str, row: int, column: int, settings: dict[str, Any]) -> None:
        if isinstance(title := settings.get("title"), str):
            settings = {**settings, "title": {"text": title}}
        for line in [row] if row else range(1, self.rows + 1):
            for place in [column] if column else range(1, self.columns + 1):
                self._layout[f"{kind}{self._number((line, place))}"].update(settings)

    def _add(self, trace: dict[str, Any], cell: tuple[int, int]) -> None:
        number = self._number(cell)
        self._traces.append({"xaxis": f"x{number}", "yaxis": f"y{number}", **trace})

    def curve(
        self,
        frame: pd.DataFrame,
        *,
        stroke: Stroke,
        x: np.ndarray,
        cell: tuple[int, int] = (1, 1),
        panel: str = "",
        quantity: str,
        decimals: int = 2,
        unit: str = "",
        hollow: np.ndarray | None = None,
        legend: bool = True,
        hover: Sequence[str] | None = None,
        over_lam: bool = True,
    ) -> None:
        """Add a line with its band.

        Parameters
        ----------
        frame : pd.DataFrame, L rows
            Columns lam, value, low, high, num_items, num_speakers, in the order of the line.
        stroke : Stroke
            How it looks.
        x : np.ndarray, shape [L]
            Places on the horizontal axis.
        cell : tuple of int
            Row and column of the panel, from 1.
        panel, quantity : str
            What the panel and the vertical axis show, for exports.
        decimals, unit : int, str
            For the hover text.
        hollow : np.ndarray of bool, shape [L], optional
            Points that are drawn hollow.
        legend : bool
            Whether this curve makes the legend entry of its group.
        hover : sequence of str, optional
            A further hover line for each point.
        over_lam : bool
            Whether the horizontal axis is λ.
        """
        if frame.empty:
            return
        self.band(frame, stroke=stroke, x=x, cell=cell)
        self._add(
            {
                "type": "scatter",
                "x": x,
                "y": numbers(frame, "value"),
                "mode": "lines+markers" if stroke.symbol else "lines",
                "name": stroke.name,
                "legendgroup": stroke.group or stroke.name,
                "showlegend": legend,
                "opacity": stroke.opacity,
                "line": {"color": stroke.color, "dash": stroke.dash, "width": stroke.width},
                "marker": markers(stroke, hollow),
                "hovertext": hover_texts(frame, stroke, decimals, unit, hover, over_lam=over_lam),
                "hovertemplate": "%{hovertext}<extra></extra>",
                "customdata": frame[list(CUSTOM)].to_numpy(np.float64),
                "meta": {
                    "panel": panel,
                    "series": stroke.name,
                    "quantity": quantity,
                    "over_lam": over_lam,
                },
            },
            cell,
        )

    def band(
        self, frame: pd.DataFrame, *, stroke: Stroke, x: np.ndarray, cell: tuple[int, int] = (1, 1)
    ) -> None:
        """Shade what lies between the columns low and high; nothing where they are not known."""
        low, high = numbers(frame, "low"), numbers(frame, "high")
        known = np.isfinite(low) & np.isfinite(high)
        if not stroke.band or known.sum() < 2:
            return
        self._add(
            {
                "type": "scatter",
                "x": np.concatenate([x[known], x[known][::-1]]),
                "y": np.concatenate([high[known], low[known][::-1]]),
                "fill": "toself",
                "fillcolor": fade(stroke.color, stroke.band),
                "mode": "lines",
                "line": {"width": 0, "color": stroke.color},
                "hoverinfo": "skip",
                "legendgroup": stroke.group or stroke.name,
                "showlegend": False,
                "name": f"{stroke.name}, interval",
            },
            cell,
        )

    def level(
        self,
        value: float,
        *,
        label: str,
        ends: tuple[float, float],
        cell: tuple[int, int] = (1, 1),
        panel: str = "",
        quantity: str = "",
        dash: str = "dash",
        above: bool = True,
        at_left: bool = True,
    ) -> None:
        """Add a labelled horizontal reference line; nothing where the value is not finite."""
        if not np.isfinite(value):
            return
        color = ink(dark=self.context.dark).muted
        words = f"{_SPACE}{label}{_SPACE}" if label else ""
        side = "right" if at_left else "left"
        self._add(
            {
                "type": "scatter",
                "x": list(ends),
                "y": [value, value],
                "mode": "lines+text" if label else "lines",
                "text": [words, ""] if at_left else ["", words],
                "textposition": f"{'top' if above else 'bottom'} {side}",
                "textfont": {"size": 11.5, "color": color},
                "line": {"color": color, "dash": dash, "width": 1.2},
                "hovertemplate": f"{label or 'reference'}: {value:.3g}<extra></extra>",
                "showlegend": False,
                "name": label or "reference",
                "customdata": np.full((2, len(CUSTOM)), np.nan),
                "meta": {
                    "panel": panel,
                    "series": label or "reference",
                    "quantity": quantity,
                    "level": True,
                },
            },
            cell,
        )

    def points(self, trace: dict[str, Any], *, cell: tuple[int, int] = (1, 1)) -> None:
        """Add points, with `meta` and `customdata` as curves have them, to a panel."""
        self._add({"type": "scatter", "mode": "markers", **trace}, cell)

    def cells(self, trace: dict[str, Any], *, cell: tuple[int, int] = (1, 1)) -> None:
        """Add a heat map to a panel."""
        self._add({"type": "heatmap", **trace}, cell)

    def legend(self, stroke: Stroke, *, mode: str = "lines") -> None:
        """Add a legend entry that stands for no single curve."""
        self._add(
            {
                "type": "scatter",
                "x": [None],
                "y": [None],
                "mode": mode,
                "name": stroke.name,
                "legendgroup": stroke.group or stroke.name,
                "line": {"color": stroke.color, "dash": stroke.dash, "width": stroke.width},
                "marker": markers(stroke),
                "hoverinfo": "skip",
            },
            (1, 1),
        )

    def lam_axis(self, axis: LamAxis, *, cell: tuple[int, int], narrow: bool = False) -> None:
        """Make a panel's horizontal axis the λ axis, with its break marks."""
        row, column = cell
        self.x_axis(row=row, column=column, **axis.layout(narrow=narrow))
        color = ink(dark=self.context.dark).grid
        for place in axis.breaks():
            line = {"color": color, "width": 1.2, "dash": "4px,4px"}
            self._rule(cell, {"x0": place, "x1": place, "y0": 0, "y1": 1}, "y", line)

    def zero(self, cell: tuple[int, int]) -> None:
        """Draw the zero line of a panel."""
        line = {"color": ink(dark=self.context.dark).faint, "width": 1}
        self._rule(cell, {"x0": 0, "x1": 1, "y0": 0, "y1": 0}, "x", line)

    def upright(self, place: float, *, cell: tuple[int, int] = (1, 1), dash: str = "dash") -> None:
        """Draw a vertical reference line through a panel."""
        line = {"color": ink(dark=self.context.dark).faint, "width": 1, "dash": dash}
        self._rule(cell, {"x0": place, "x1": place, "y0": 0, "y1": 1}, "y", line)

    def outline(self, column: int, row: int, *, cell: tuple[int, int] = (1, 1)) -> None:
        """Draw a frame around a cell of a heat map; columns and rows count from 0."""
        number = self._number(cell)
        self._shapes.append(
            {
                "type": "rect",
                "xref": f"x{number}",
                "yref": f"y{number}",
                **{"x0": column - 0.47, "x1": column + 0.47, "y0": row - 0.45, "y1": row + 0.45},
                "line": {"color": ink(dark=self.context.dark).text, "width": 2},
            }
        )

    def domain(self, cell: tuple[int, int]) -> dict[str, list[float]]:
        """Return where a panel stands, as shares of the width and of the height."""
        number = self._number(cell)
        return {kind: self._layout[f"{kind}axis{number}"]["domain"] for kind in ("x", "y")}

    def add_plain(self, trace: dict[str, Any], **layout: Any) -> None:
        """Add a trace that does not stand on the axes of a panel, and what it stands on."""
        self._traces.append(trace)
        self._layout.update(layout)

    def note(self, text: str, *, cell: tuple[int, int]) -> None:
        """Write a line into the top of a panel; `text` is escaped."""
        number = self._number(cell)
        self._notes.append(
            {
                "text": text,
                "x": 0.5,
                "y": 1.0,
                "xref": f"x{number} domain",
                "yref": f"y{number} domain",
                "yanchor": "top",
                "font": {"size": 11, "color": ink(dark=self.context.dark).muted},
            }
        )

    def _rule(
        self, cell: tuple[int, int], ends: dict[str, float], across: str, line: dict[str, Any]
    ) -> None:
        refs = {axis: f"{axis}{self._number(cell)}" for axis in ("x", "y")}
        refs[across] += " domain"
        self._shapes.append(
            {
                "type": "line",
                "xref": refs["x"],
                "yref": refs["y"],
                "layer": "below",
                "line": line,
                **ends,
            }
        )

    def figure(self) -> go.Figure:
        """Return the plotly figure."""
        layout = {
            **self._layout,
            "template": template(dark=self.context.dark),
            "shapes": self._shapes,
            "annotations": self._notes,
        }
        return go.Figure({"data": self._traces, "layout": layout})
