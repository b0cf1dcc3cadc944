"""What all pages share: the run, its tables (cached), choices bound to the URL, one figure's frame.

Choices stand in the URL, so that a link opens the same view; what does not fit the run is dropped.
"""

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
    RunMap,
    RunTables,
    figure_csv,
    figure_html,
    findings,
    list_runs,
    metric_words,
    number,
    probe_words,
    protocol_words,
    recipe_words,
    run_stamp,
)
from views.pictures import picture_buttons

SIMILARITIES = (
    "cos_centred_frames",
    "cos_centred_means",
    "cos_raw_frames",
    "cos_raw_means",
    "distortion",
)
LIMITS_CAPTION = (
    "Points stand at the bits that the coder really writes. Grey: limits of models of the training "
    "clips. For any data of their covariance some code reaches the dashed line; if the clips came "
    "from one Gaussian per emotion, the best possible code would lie in the grey band."
)
PLAIN, WIDE = 600, 1000
_DEFAULT_RUN = "demo"
_STYLE = """<style>
[data-testid="stMainBlockContainer"] { padding: 4.5rem 2.5rem 4rem; max-width: 1480px; }
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
    entries = list_runs(root())
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


def run() -> RunTables:
    """Return the chosen run; stop with advice where it cannot be read."""
    path = st.session_state["run_path"]
    try:
        return _open(path, run_stamp(path))
    except QuantlabError as error:
        st.title(text(Path(path).name))
        st.error(text(str(error)), icon=":material/error:")
        st.stop()


@st.cache_data(max_entries=16, show_spinner=False)
def _open(path: str, stamp: tuple[Any, ...]) -> RunTables:
    return RunTables.open(path)


@st.cache_data(max_entries=64, show_spinner=False)
def _read(path: str, stamp: tuple[Any, ...], name: Any) -> pd.DataFrame:
    return RunTables.open(path).table(name)


@st.cache_data(max_entries=16, show_spinner=False)
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


def stamp(run: RunTables) -> tuple[Any, ...]:
    """Return what changes when a run is analysed anew, for cache keys."""
    return run_stamp(run.path)


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
    dark = st.context.theme.type == "dark"
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
    dark = st.context.theme.type == "dark"
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


def protocols_of(run: RunTables, rows: pd.DataFrame) -> list[str]:
    """Return the protocols that rows were evaluated with, new speakers first."""
    found = set(rows["protocol"])
    return [name for name in run.protocols if name in found] or sorted(found) or ["speaker"]


def lams_of(rows: pd.DataFrame) -> list[float]:
    """Return the λ of rows in ascending order."""
    return sorted(float(lam) for lam in rows["lam"].dropna().unique())


def choose(label: str, keys: Sequence[str], words: Callable[[str], str], *, key: str) -> str:
    """Let the reader choose one of several keys by their words; bound to the URL."""
    named = {words(name): name for name in keys}
    label_chosen = st.selectbox(label, list(named), key=key, bind="query-params")
    return named.get(label_chosen or "", keys[0])


def choose_some(
    label: str, keys: Sequence[str], words: Callable[[str], str], *, key: str
) -> list[str]:
    """Let the reader choose any of several keys by their words; bound to the URL."""
    named = {words(name): name for name in keys}
    chosen = st.multiselect(
        label, list(named), key=key, bind="query-params", placeholder="none", max_selections=3
    )
    return [named[name] for name in chosen if name in named]


def choose_similarity() -> str:
    """Let the reader choose a similarity metric."""
    return choose("Similarity", SIMILARITIES, metric_words, key="metric")


def choose_protocol(protocols: Sequence[str]) -> str:
    """Let the reader choose which clips are tested."""
    return choose("Tested on", protocols, protocol_words, key="protocol")


def choose_recipe(recipes: Sequence[str]) -> str:
    """Let the reader choose a codebook, the balanced one first."""
    ordered = sorted(recipes, key=lambda name: (name != "balanced", name))
    return choose("Codebook", ordered, recipe_words, key="codebook")


def choose_probe(probes: Sequence[str]) -> str:
    """Let the reader choose a classifier."""
    return choose("Probe", probes, probe_words, key="probe")


def choose_emotions(emotions: Sequence[str]) -> list[str]:
    """Let the reader choose emotions; none chosen means all."""
    chosen = st.multiselect(
        "Emotions", list(emotions), key="emotion", bind="query-params", placeholder="all"
    )
    return [str(name) for name in chosen] or list(emotions)


def choose_lam(lams: Sequence[float], *, default: float) -> float:
    """Let the reader choose one λ of the run."""
    return choose_number("λ", lams, default=default, key="lam")


def choose_number(label: str, values: Sequence[float], *, default: float, key: str) -> float:
    """Let the reader choose one of several numbers on a slider; bound to the URL."""
    named = {number(value): float(value) for value in values}
    nearest = min(named, key=lambda text: abs(named[text] - default), default="")
    if len(named) < 2:
        return named.get(nearest, default)
    chosen = st.select_slider(label, list(named), value=nearest, key=key, bind="query-params")
    return named[str(chosen)]


def choose_one(label: str, options: Sequence[str], *, key: str) -> str:
    """Let the reader choose one of a few words; bound to the URL."""
    chosen = st.segmented_control(
        label, list(options), key=key, default=options[0], required=True, bind="query-params"
    )
    return str(chosen or options[0])


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
