"""Figures as data and files: the table behind a picture, CSV, HTML that opens offline, PNG and SVG.

PNG and SVG need kaleido and a Chrome or Chromium; everything else needs nothing but plotly.
"""

import html
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab import store
from quantlab.errors import InputError
from quantlab.figures.marks import CUSTOM

ImageFormat = Literal["png", "svg"]
PLOT_CONFIG: Mapping[str, Any] = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
}
"""Plotly settings that report, app and exported pages share."""

_COLUMNS = ("panel", "series", "quantity", "column", "x", "lam", "value", *CUSTOM[1:])
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_WIDTH = 1280


def figure_data(figure: go.Figure) -> pd.DataFrame:
    """Return what a figure shows as a tidy table.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
        One of this room's.

    Returns
    -------
    pd.DataFrame
        One row per point (of a map: per point, axis and λ), reference line or cell: panel, series,
        quantity, column (of a heat map, the corner of a triangle, or the clip of a map, else ""), x
        (the place where the axis is not λ, else NaN; of a plot that lies on its side, the place of
        its row), lam, value, low, high, num_items, num_speakers. No rows for an empty figure.
    """
    rows: list[tuple[object, ...]] = []
    traces, frames = cast(Any, figure).data, cast(Any, figure).frames
    moving = {place for frame in frames for place in frame.traces}
    for place, trace in enumerate(traces):
        if isinstance(trace.meta, Mapping) and place not in moving:
            rows += _rows_of(trace, trace)
    for frame in frames:
        for place, trace in zip(frame.traces, frame.data, strict=True):
            if isinstance(trace.meta, Mapping):
                rows += _rows_of(trace, traces[place])
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _rows_of(trace: Any, named: Any) -> Iterator[tuple[object, ...]]:
    """Yield the rows of a trace; `named` is the trace that a frame's changes, else itself."""
    if "map" in trace.meta:
        return _map_rows(trace, named)
    return _ROWS.get(trace.type, _line_rows)(trace)


def _line_rows(trace: Any) -> Iterator[tuple[object, ...]]:
    meta, over_lam = trace.meta, trace.meta.get("over_lam", True)
    names = [html.unescape(meta.get(key, "")) for key in ("panel", "series", "quantity")]
    places = range(1) if meta.get("level") else range(len(trace.y))
    for place in places:
        lam, *rest = trace.customdata[place]
        if meta.get("sideways"):
            x, value = float(trace.y[place]), float(trace.x[place])
        else:
            x, value = np.nan if over_lam else float(trace.x[place]), float(trace.y[place])
        yield (*names, "", x, float(lam), value, *map(float, rest))


def _map_rows(trace: Any, named: Any) -> Iterator[tuple[object, ...]]:
    """Yield each point of a map once for each axis, whose title is the quantity."""
    meta = trace.meta
    lam = np.nan if meta["lam"] is None else float(meta["lam"])
    series, made = html.unescape(meta["series"]), html.unescape(meta["quantity"])
    rest = [np.nan] * len(CUSTOM[1:])
    for axis, title in zip(("x", "y", "z"), meta["map"], strict=False):
        for item, value in zip(named.text, trace[axis], strict=True):
            yield (made, series, html.unescape(title), str(item), np.nan, lam, float(value), *rest)


def _cell_rows(trace: Any) -> Iterator[tuple[object, ...]]:
    panel, quantity = (html.unescape(trace.meta.get(key, "")) for key in ("panel", "quantity"))
    for row, series in enumerate(trace.y):
        for column, name in enumerate(trace.x):
            lam, *rest = trace.customdata[row][column]
            cell = (html.unescape(series), quantity, html.unescape(name), np.nan)
            yield (panel, *cell, float(lam), float(trace.z[row][column]), *map(float, rest))


def _simplex_rows(trace: Any) -> Iterator[tuple[object, ...]]:
    """Yield each point of a path on a triangle three times: rest, first and second share."""
    panel, series, quantity = (
        html.unescape(trace.meta.get(key, "")) for key in ("panel", "series", "quantity")
    )
    weights = trace.meta["weights"]
    for name, shares in (("first", trace.b), ("second", trace.c), ("others", trace.a)):
        for weight, value, custom in zip(weights, shares, trace.customdata, strict=True):
            lam, *rest = map(float, custom)
            yield (panel, series, quantity, name, float(weight), lam, float(value), *rest)


_ROWS = {"heatmap": _cell_rows, "scatterternary": _simplex_rows}


def figure_csv(figure: go.Figure) -> str:
    """Return the table behind a figure as CSV that is safe to open in a spreadsheet."""
    return store.to_csv(figure_data(figure))


def figure_html(figure: go.Figure, *, title: str = "quantlab figure") -> str:
    """Return a figure as one HTML page that opens without a network.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
        What to show.
    title : str
        Of the page; escaped here.

    Returns
    -------
    str
        About 5 MB, most of it plotly.js.
    """
    body = figure.to_html(
        full_html=False, include_plotlyjs=True, include_mathjax=False, config=dict(PLOT_CONFIG)
    )
    paper = cast(Any, figure.layout).template.layout.paper_bgcolor or "#ffffff"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n"
        f"<style>body {{ margin: 1rem; background: {paper}; }}</style>\n"
        f"</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def figure_image(
    figure: go.Figure, *, image_format: ImageFormat = "png", width: int = _WIDTH, scale: float = 2.0
) -> bytes:
    """Return a figure as PNG or SVG.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
        What to draw; its height is kept.
    image_format : {"png", "svg"}
        What to make.
    width : int > 0
        In CSS pixels.
    scale : float > 0
        Pixels of the PNG per CSS pixel.

    Returns
    -------
    bytes

    Raises
    ------
    InputError
        Kaleido or a browser is missing, or the browser does not start.
    """
    with image_maker() as make:
        return make(figure, image_format=image_format, width=width, scale=scale)


@contextmanager
def image_maker() -> "Iterator[_ImageMaker]":
    """Give a function like `figure_image` that keeps one browser open for many figures.

    Raises
    ------
    InputError
        Kaleido or a browser is missing, or the browser does not start.
    """
    try:
        import kaleido
    except ImportError as error:
        raise InputError(
            "PNG and SVG need kaleido, which is not installed; type `pip install 'quantlab[png]'`, "
            "or take the HTML and CSV instead"
        ) from error
    browser = _browser()
    maker = _ImageMaker(kaleido)
    try:
        kaleido.start_sync_server(n=1, path=browser, silence_warnings=True)
        yield maker
    except (RuntimeError, OSError, TimeoutError) as error:
        raise InputError(_NO_BROWSER.format(reason=" ".join(str(error).split())[:160])) from error
    finally:
        kaleido.stop_sync_server(silence_warnings=True)


_NO_BROWSER = (
    "PNG and SVG need a Chrome or Chromium that starts ({reason}); install one and set "
    "BROWSER_PATH to it, or take the HTML and CSV instead"
)


class _ImageMaker:
    """Draws figures with an open browser."""

    def __init__(self, kaleido: Any) -> None:
        self._kaleido = kaleido

    def __call__(
        self,
        figure: go.Figure,
        *,
        image_format: ImageFormat = "png",
        width: int = _WIDTH,
        scale: float = 2.0,
    ) -> bytes:
        """Draw one figure; see `figure_image`."""
        height = figure_height(figure)
        options = {"format": image_format, "width": width, "height": height, "scale": scale}
        return self._kaleido.calc_fig_sync(figure.to_dict(), opts=options)


def _browser() -> str:
    """Return the path of a browser: the one that BROWSER_PATH names, or one of this machine's."""
    path = os.environ.get("BROWSER_PATH")
    if path is not None and not Path(path).is_file():
        raise InputError(f"BROWSER_PATH is {path!r}, which is no file; set it to your Chrome")
    found = path or next((place for name in _BROWSERS if (place := shutil.which(name))), None)
    if found is None:
        raise InputError(_NO_BROWSER.format(reason="none was found on this machine"))
    return found


def export_figure(
    figure: go.Figure,
    folder: str | Path,
    *,
    name: str,
    formats: Iterable[Literal["csv", "html", "png", "svg"]] = ("csv",),
) -> list[Path]:
    """Write a figure to `folder/name.<format>` in each format.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
        What to write.
    folder : str or Path
        Where; made if missing.
    name : str
        File name without its ending.
    formats : iterable of {"csv", "html", "png", "svg"}
        What to write.

    Returns
    -------
    list of Path
        The files, in the order of `formats`.

    Raises
    ------
    InputError
        A format is unknown, or what PNG and SVG need is missing.
    """
    chosen = list(formats)
    if unknown := [kind for kind in chosen if kind not in ("csv", "html", "png", "svg")]:
        raise InputError(f"format {unknown[0]!r} is unknown; choose from csv, html, png and svg")
    pictures: dict[str, bytes] = {}
    wanted: list[ImageFormat] = [kind for kind in chosen if kind in ("png", "svg")]
    if wanted:
        with image_maker() as make:
            pictures = {kind: make(figure, image_format=kind) for kind in wanted}
    written = []
    for kind in chosen:
        path = Path(folder) / f"{name}.{kind}"
        if kind == "csv":
            store.write_csv(path, figure_data(figure))
        elif kind == "html":
            store.write_text(path, figure_html(figure, title=name))
        else:
            store.write_bytes(path, pictures[kind])
        written.append(path)
    return written


def figure_height(figure: go.Figure) -> int:
    """Return the height of a figure in CSS pixels."""
    return int(cast(Any, figure.layout).height or 480)
