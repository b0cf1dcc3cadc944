"""Spectrograms side by side: sound pressure over time and frequency, on one scale."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from quantlab.figures.canvas import Canvas
from quantlab.figures.context import FigureContext
from quantlab.figures.empty import empty_figure
from quantlab.figures.palette import ink, sequential
from quantlab.figures.words import plain

_RANGE_DB = 70.0
_TICKS_HZ = (100, 300, 600, 1000, 2000, 4000, 7000)


@dataclass(frozen=True, eq=False)
class Spectrogram:
    """One panel.

    Attributes
    ----------
    title : str
        What it is of.
    log10_mel : np.ndarray [shape=(T, B)]
        Decadic logarithm of the magnitude of B bands in T frames.
    """

    title: str
    log10_mel: np.ndarray


def spectrogram_panels(
    panels: Sequence[Spectrogram],
    *,
    band_hz: np.ndarray,
    hop_s: float,
    context: FigureContext,
    title: str = "Spectrograms",
) -> go.Figure:
    """Draw spectrograms with one scale of level, two or three to a row.

    Parameters
    ----------
    panels : sequence of Spectrogram
        What to draw.
    band_hz : np.ndarray, shape [B]
        Centre frequency of each band, ascending.
    hop_s : float > 0
        Time between frames in seconds.
    context : FigureContext
        Corpus, model and background.
    title : str
        Escaped here.

    Returns
    -------
    plotly.graph_objects.Figure
        The loudest point of all panels is 0 dB; 70 dB below it the scale ends. Or a picture that
        says that there is nothing to draw.
    """
    if not panels:
        return empty_figure("There is no sound to draw.", context=context, title=plain(title))
    columns = 2 if len(panels) in (2, 4) else min(3, len(panels))
    rows = -(-len(panels) // columns)
    canvas = Canvas(
        title=plain(title),
        context=context,
        rows=rows,
        columns=columns,
        panel_titles=[plain(panel.title) for panel in panels[:columns]],
        panel_height=210,
        gap=0.03,
        row_gap_px=70,
    )
    loudest = max(float(panel.log10_mel.max()) for panel in panels)
    longest = max(len(panel.log10_mel) for panel in panels) * hop_s
    for place in range(rows * columns):
        cell = (place // columns + 1, place % columns + 1)
        if place < len(panels):
            _draw(canvas, panels[place], cell, band_hz, hop_s, loudest, first=place == 0)
            if place >= columns:
                canvas.name_panel(cell, plain(panels[place].title))
        _axes(canvas, cell, band_hz, longest, shown=place < len(panels))
    return canvas.figure()


def _draw(
    canvas: Canvas,
    panel: Spectrogram,
    cell: tuple[int, int],
    band_hz: np.ndarray,
    hop_s: float,
    loudest: float,
    *,
    first: bool,
) -> None:
    level = 20 * (np.asarray(panel.log10_mel, np.float64) - loudest)
    times = np.arange(len(level)) * hop_s
    dark = canvas.context.dark
    canvas.cells(
        {
            "z": np.maximum(level, -_RANGE_DB).T.round(1),
            "x": times.round(4),
            "y": np.arange(len(band_hz)),
            "customdata": np.repeat(band_hz.round()[:, None], len(times), axis=1),
            "hovertemplate": "%{x:.2f} s, %{customdata:.0f} Hz: %{z:.0f} dB<extra></extra>",
            "colorscale": sequential(dark=dark),
            "zmin": -_RANGE_DB,
            "zmax": 0,
            "showscale": first,
            "colorbar": {
                "title": {"text": "dB", "side": "top"},
                "thickness": 12,
                "outlinewidth": 0,
                "tickfont": {"color": ink(dark=dark).muted},
            },
        },
        cell=cell,
    )


def _axes(
    canvas: Canvas, cell: tuple[int, int], band_hz: np.ndarray, longest: float, *, shown: bool
) -> None:
    row, column = cell
    ticks = [hz for hz in _TICKS_HZ if band_hz[0] <= hz <= band_hz[-1]]
    canvas.x_axis(
        row=row, column=column, title="time (s)", range=[0, longest], visible=shown, nticks=6
    )
    canvas.y_axis(
        row=row,
        column=column,
        title="frequency (Hz)" if column == 1 else "",
        tickvals=np.interp(ticks, band_hz, np.arange(len(band_hz))).tolist(),
        ticktext=[f"{hz:,}" for hz in ticks],
        showticklabels=column == 1,
        range=[-0.5, len(band_hz) - 0.5],
        showgrid=False,
        visible=shown,
    )
