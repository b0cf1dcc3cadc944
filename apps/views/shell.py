"""What all pages share: the run, its tables and figures (cached), one figure's frame.

What is cached is shared by all sessions and never changed: nothing copies a table at every move.
"""

import gc
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from quantlab.errors import InputError, QuantlabError
from quantlab.figures import (
    PLOT_CONFIG,
    FigureContext,
    Findings,
    MapView,
    RunEntry,
    RunMap,
    RunTables,
    figure_csv,
    figure_html,
    findings,
    list_runs,
    run_stamp,
)
from views.pictures import picture_buttons

# Modules stay for good: without this the collector looks through them all in the middle of a move
# of λ, which then takes a fifth longer.
gc.freeze()

LIMITS_CAPTION = (
    "Points stand at the bits that the coder really writes. Grey: limits of models of the training "
    "clips. For any data of their covariance some code reaches the dashed line; if the clips came "
    "from one Gaussian per emotion, the best possible code would lie in the grey band."
)
PLAIN, WIDE = 600, 1000
_DEFAULT_RUN = "demo"
_STYLE = """<style>
[data-testid="stMainBlockContainer"] { padding: 4.2rem 2.5rem 4rem; max-width: 1480px; }
[class*="st-key-plot-"] { overflow-x: auto; }
.headlines { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr));
  gap: 12px; }
.headlines div { border: 1px solid rgba(128, 136, 150, .3); border-radius: 10px;
  padding: 12px 14px; }
.headlines b { display: block; font-size: 1.45rem; line-height: 1.2; white-space: nowrap; }
.headlines span { display: block; font-size: .82rem; line-height: 1.35; opacity: .75; }
.findings.findings { display: grid; grid-template-columns: minmax(120px, 190px) 1fr;
  gap: .5rem 1.6rem; margin: 0; padding: 0; }
.findings dt { font-weight: 600; }
.findings dd { margin: 0; max-width: 90ch; }
.quiet { opacity: .7; }
.runs { border-collapse: collapse; }
.runs th { text-align: left; font-weight: 600; white-space: nowrap; }
.runs td, .runs th { padding: .25rem 1.2rem .25rem 0; vertical-align: top; font-size: .92rem; }
.claims .table { overflow-x: auto; margin-bottom: 1.6rem; }
.claims table { border-collapse: collapse; font-size: .9rem; line-height: 1.35; }
.claims caption { text-align: left; opacity: .75; padding-bottom: .5rem; }
.claims th, .claims td { text-align: left; vertical-align: top; padding: .35rem .9rem .35rem 0;
  border-top: 1px solid rgba(128, 136, 150, .25); font-weight: 400; }
.claims thead th, .claims .group th { font-weight: 600; border-top: 0; padding-top: .9rem; }
.claims th[scope=row] { min-width: 240px; max-width: 360px; }
.claims .reason, .claims .mark { display: block; opacity: .7; font-size: .85em; }
.claims .verdict { font-weight: 600; white-space: nowrap; }
@media (max-width: 640px) {
  [data-testid="stMainBlockContainer"] { padding: 4rem 1rem 3rem; }
  .findings.findings { grid-template-columns: 1fr; gap: .1rem; }
  .findings dd { margin-bottom: .7rem; }
}
</style>"""


def root() -> Path:
    """Return the folder that holds the runs."""
    return Path(os.environ.get("QUANTLAB_RUNS") or "runs")


def choose_run() -> None:
    """Let the reader choose a run; stop with advice where there is none."""
    st.html(_STYLE)
    entries = runs()
    if not entries:
        st.title("No runs yet")
        st.info(
            f"The folder {_code(root())} holds no runs. Type `make demo` to compute the example, "
            "or set QUANTLAB_RUNS to the folder that holds yours, and reload this page."
        )
        st.stop()
    names = [entry.name for entry in entries]
    default = names.index(_DEFAULT_RUN) if _DEFAULT_RUN in names else 0
    name = st.selectbox("Run", names, index=default, key="run", bind="query-params", width=300)
    entry = entries[names.index(name or names[default])]
    if entry.state == "partial":
        st.warning(text(entry.hint), icon=":material/hourglass_bottom:")
    st.session_state["run_path"] = str(entry.path)


def runs() -> list[RunEntry]:
    """Return the runs of the folder, read anew where one has changed."""
    folder = root()
    places = sorted(folder.iterdir()) if folder.is_dir() else []
    stamps = [(str(place), _changed(place), _changed(place / "analysis")) for place in places]
    return _list(str(folder), tuple(stamps))


@st.cache_resource(max_entries=8, show_spinner=False)
def _list(folder: str, stamps: tuple[tuple[str, int, int], ...]) -> list[RunEntry]:
    return list_runs(folder)


def _changed(place: Path) -> int:
    return place.stat().st_mtime_ns if place.exists() else 0


def run() -> RunTables:
    """Return the chosen run; stop with advice where it cannot be read."""
    return open_run(st.session_state["run_path"])


def open_run(path: str | Path) -> RunTables:
    """Return a run by its folder; stop with advice where it cannot be read."""
    try:
        return _open(str(path), run_stamp(path))
    except QuantlabError as error:
        st.title(text(Path(path).name))
        st.error(text(str(error)), icon=":material/error:")
        st.stop()


@st.cache_resource(max_entries=16, show_spinner=False)
def _open(path: str, stamp: tuple[Any, ...]) -> RunTables:
    return RunTables.open(path)


@st.cache_resource(max_entries=64, show_spinner=False)
def _read(path: str, stamp: tuple[Any, ...], name: Any) -> pd.DataFrame:
    return RunTables.open(path).table(name)


@st.cache_resource(max_entries=16, show_spinner=False)
def _find(path: str, stamp: tuple[Any, ...]) -> Findings:
    return findings(RunTables.open(path))


def found(run: RunTables) -> Findings:
    """Return a run's findings; stop with advice where a table is damaged."""
    try:
        return _find(str(run.path), run_stamp(run.path))
    except QuantlabError as error:
        st.error(text(str(error)), icon=":material/error:")
        st.stop()


def table(run: RunTables, name: str) -> pd.DataFrame:
    """Return a table; stop with advice where it is missing or damaged."""
    try:
        return _read(str(run.path), run_stamp(run.path), name)
    except InputError as error:
        st.info(text(str(error)), icon=":material/hourglass_bottom:")
    except QuantlabError as error:
        st.error(text(str(error)), icon=":material/error:")
    st.stop()


def is_dark() -> bool:
    """Say whether the reader's background is dark."""
    return st.context.theme.type == "dark"


def cards(shown: Sequence[tuple[str, str]]) -> None:
    """Show figures with what they are, both escaped."""
    parts = "".join(f"<div><b>{value}</b><span>{label}</span></div>" for value, label in shown)
    st.html(f"<div class='headlines'>{parts}</div>")


def panels_width(count: int) -> int:
    """Return the least width of a row of panels, in CSS pixels."""
    return max(WIDE, 170 * count)


def draw(
    run: RunTables, make: Callable[..., go.Figure], names: Sequence[str], **choices: Any
) -> go.Figure:
    """Return a figure of a run's tables on the reader's background, drawn once for all sessions.

    Parameters
    ----------
    run : RunTables
        The run.
    make : callable
        A figure function of `quantlab.figures`.
    names : sequence of str
        The tables that it takes; a missing one stops the page with advice.
    **choices
        Its further arguments.
    """
    tables = [table(run, name) for name in names]
    dark = is_dark()
    key = (str(run.path), run_stamp(run.path), make.__name__, tuple(names), dark)
    return _draw(key, choices, _make=make, _tables=tables, _context=run.context(dark=dark))


@st.cache_resource(max_entries=128, show_spinner=False)
def _draw(
    key: tuple[Any, ...],
    choices: dict[str, Any],
    *,
    _make: Callable[..., go.Figure],
    _tables: list[Any],
    _context: FigureContext,
) -> go.Figure:
    return _make(*_tables, context=_context, **choices)


def run_map(run: RunTables) -> RunMap:
    """Return the run's maps; stop with advice where there are none, or they are damaged."""
    card = run.path / "maps" / "card.json"
    stamp = card.stat().st_mtime_ns if card.is_file() else 0
    try:
        return _open_map(str(run.path), stamp)
    except InputError as error:
        st.info(text(str(error)), icon=":material/hourglass_bottom:")
    except QuantlabError as error:
        st.error(text(str(error)), icon=":material/error:")
    st.stop()


@st.cache_resource(max_entries=8, show_spinner=False)
def _open_map(path: str, stamp: int) -> RunMap:
    return RunMap.open(path)


def draw_map(
    run: RunTables,
    make: Callable[..., go.Figure],
    view: MapView,
    chosen: tuple[Any, ...],
    lam: float,
) -> go.Figure:
    """Return the figure of a map on the reader's background, drawn once for all sessions."""
    dark = is_dark()
    stamp = (run.path / "maps" / "card.json").stat().st_mtime_ns
    key = (str(run.path), stamp, run_stamp(run.path), chosen, dark)
    size = run.summary.get("num_items")
    return _draw(
        key,
        {"lam": lam, "num_items_of_run": size if isinstance(size, int) else 0},
        _make=make,
        _tables=[view],
        _context=run.context(dark=dark),
    )


def show_figure(
    figure: go.Figure, *, name: str, alt: str, min_width: int = PLAIN, select: bool = False
) -> int | None:
    """Show a figure with its downloads.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
        What to show.
    name : str
        Of its files; unique on the page.
    alt : str
        What it shows, for readers who cannot see it.
    min_width : int
        In CSS pixels; narrower screens scroll sideways.
    select : bool
        Whether a point can be chosen by a click.

    Returns
    -------
    int or None
        What the chosen point carries as `customdata`; None without one.
    """
    frame = f'.st-key-plot-{name} [data-testid="stFullScreenFrame"]'
    st.html(f"<style>{frame} {{ min-width: {min_width}px; }}</style>")
    with st.container(key=f"plot-{name}"):
        chart = st.plotly_chart(
            figure,
            theme=None,
            key=f"figure-{name}",
            config=dict(PLOT_CONFIG),
            alt=alt,
            on_select="rerun" if select else "ignore",
            selection_mode="points",
        )
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        _download("CSV", lambda: figure_csv(figure), f"{name}.csv", "text/csv")
        _download("HTML", lambda: figure_html(figure, title=name), f"{name}.html", "text/html")
        picture_buttons(name, file=name, title=alt)
    return _chosen_point(chart) if select else None


def _chosen_point(chart: Any) -> int | None:
    points = chart["selection"]["points"] if chart else []
    found = points[0].get("customdata") if points else None
    value = found[0] if isinstance(found, list) and found else found
    return int(value) if isinstance(value, int | float) else None


def _download(label: str, make: Callable[[], str], file: str, mime: str) -> None:
    st.download_button(
        label,
        data=lambda: make().encode(),
        file_name=file,
        mime=mime,
        key=f"download-{file}",
        on_click="ignore",
        type="tertiary",
        icon=":material/download:",
    )


def text(message: str) -> str:
    """Escape what Markdown would take for a link, an image or HTML; commands stay code."""
    parts = message.split("`")
    return "`".join(
        part if place % 2 and place < len(parts) - 1 else _without_marks(part)
        for place, part in enumerate(parts)
    )


def _without_marks(part: str) -> str:
    for sign in ("\\", "[", "]", "<", ">", "*", "_", "$", ":"):
        part = part.replace(sign, f"\\{sign}")
    return part


def _code(path: Path) -> str:
    return f"`{str(path).replace('`', '')}`"
