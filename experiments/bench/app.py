"""The explorer on the demo run, in a real browser: first page, moves of λ, a large map, errors.

Needs ``make demo`` and Chromium (or ``BROWSER_PATH``). First pages are of servers that have just
started, in turns with a page of one chart and nothing else, by which this machine's own part can
be told. The large map is a file opened without a server.
"""

import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.bench._browser import ADDRESSES, CHROMIUM, DONE, Visitor, browser, served
from experiments.bench._results import write_figures
from quantlab.analysis import FittedMap
from quantlab.figures import FigureContext, MapView, drift_map, figure_html
from quantlab.figures.run_map import MapPlaces

RUNS = Path("runs")
TURNS = 3
NUM_CLIPS, NUM_LAMS = 100_000, 16
_BARE = """import plotly.graph_objects as go
import streamlit as st
height = st.select_slider("λ", range(10), value=5)
st.plotly_chart(go.Figure(go.Scatter(y=[1, 3, height]), {"title": {"text": f"λ = {height}"}}))
"""
_TITLE = "document.querySelector('.gtitle')?.textContent"
_LABEL = "document.querySelector('.slider-label')?.textContent"
_RAIL = ".slider-rail-touch-rect"
_SLIDER = "[data-testid=stSlider] [role=slider], [data-testid=stSlider] input"
_KEYS = 2 * ("ArrowLeft", "ArrowLeft", "ArrowRight", "ArrowRight")
_SERVER_LAMS = ("similarity?view=Confusion", "biased?view=Codebook+×+emotion&equal=equal+λ")
_PAINTED = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def first_pages() -> dict[str, float]:
    """Time the first page after a start: ours until all is drawn, and that of one chart."""
    times: dict[str, list[float]] = {"ours": [], "figure": [], "bare": []}
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        bare = Path(folder) / "bare.py"
        bare.write_text(_BARE)
        for _ in range(TURNS):
            with served(RUNS, bare) as url, _visit(chromium) as visitor:
                times["bare"].append(_first(visitor, url, plots=1)[1])
            with served(RUNS) as url, _visit(chromium) as visitor:
                figure, whole = _first(visitor, url, plots=ADDRESSES[""])
                times["figure"].append(figure)
                times["ours"].append(whole)
    ours, bare_s = statistics.median(times["ours"]), statistics.median(times["bare"])
    return {
        "first_page_s": ours,
        "first_figure_s": statistics.median(times["figure"]),
        "first_page_bare_s": bare_s,
        "first_page_vs_bare": ours / bare_s,
    }


@contextlib.contextmanager
def _visit(chromium: Any) -> Iterator[Visitor]:
    # A context of its own has an empty cache, as a reader's first visit has.
    context = chromium.new_context(viewport={"width": 1280, "height": 1000})
    yield Visitor(context.new_page())
    context.close()


def _first(visitor: Visitor, url: str, *, plots: int) -> tuple[float, float]:
    begin = time.perf_counter()
    visitor.page.goto(url)
    visitor.drawn(1)
    figure = time.perf_counter() - begin
    visitor.page.wait_for_selector(DONE)
    visitor.drawn(plots)
    return figure, time.perf_counter() - begin


def lam_moves() -> dict[str, float]:
    """Time a move of λ that asks the server, until the figure says the new λ, and one in frames."""
    ours, bare, frame = [], [], []
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        script = Path(folder) / "bare.py"
        script.write_text(_BARE)
        with served(script=script, runs=RUNS) as url, _visit(chromium) as visitor:
            bare += _slide(visitor, url)
        with served(RUNS) as url, _visit(chromium) as visitor:
            for address in _SERVER_LAMS:
                ours += _slide(visitor, f"{url}/{address}")
            visitor.open(f"{url}/drift?view=Map", plots=1)
            visitor.page.wait_for_selector(_RAIL)
            visitor.page.wait_for_timeout(1500)
            frame += [_press_rail(visitor.page, place) for place in (0.1, 0.6, 0.3, 0.8)]
    return {
        "lam_move_ms": 1000 * statistics.median(ours),
        "lam_move_worst_ms": 1000 * max(ours),
        "lam_move_bare_ms": 1000 * statistics.median(bare),
        "lam_frame_ms": 1000 * statistics.median(frame),
    }


def _slide(visitor: Visitor, url: str) -> list[float]:
    """Return the seconds of moves of the first slider of a page: new values, and known ones."""
    page = visitor.page
    visitor.open(url, plots=1)
    page.wait_for_timeout(1500)
    page.locator(_SLIDER).first.focus()
    times = []
    for key in _KEYS:
        times.append(_changed(page, lambda key=key: page.keyboard.press(key), _TITLE))
        page.wait_for_timeout(400)
    return times


def _changed(page: Any, act: Any, shown: str) -> float:
    """Return the seconds from a key or a click until what an expression says has changed.

    Both are told by the page itself, the end by the frame that paints the change, so that no time
    of the driver is counted.
    """
    page.evaluate(_STOPWATCH, shown)
    act()
    page.wait_for_function("window.quantlabTook !== undefined")
    return page.evaluate("window.quantlabTook") / 1000


_STOPWATCH = """shown => {
  const say = new Function(`return ${shown}`), before = say();
  let begin;
  window.quantlabTook = undefined;
  const start = () => { begin ??= performance.now(); };
  for (const kind of ["keydown", "pointerdown"]) {
    document.addEventListener(kind, start, { capture: true, once: true });
  }
  const watch = new MutationObserver(() => {
    const now = say();
    if (begin === undefined || !now || now === before) return;
    watch.disconnect();
    requestAnimationFrame(() => { window.quantlabTook = performance.now() - begin; });
  });
  watch.observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


def _press_rail(page: Any, place: float) -> float:
    """Press the slider of a figure; return the seconds until frames come evenly again."""
    box = page.evaluate(
        "rail => { const place = document.querySelector(rail);"
        " place.scrollIntoView({block: 'center'}); const box = place.getBoundingClientRect();"
        " return [box.x, box.y, box.width, box.height]; }",
        _RAIL,
    )
    x, y = box[0] + place * box[2], box[1] + box[3] / 2
    before = page.evaluate(_LABEL)
    page.evaluate(_FRAMES)
    page.mouse.click(x, y)
    page.wait_for_function(f"before => {_LABEL} !== before", arg=before)
    page.wait_for_timeout(3000)
    return page.evaluate("window.quantlabSettled()") / 1000


# The end of the last frame after the click that took more than 50 ms, or of the first.
_FRAMES = """() => {
  let begin;
  const frames = [];
  document.addEventListener("pointerdown", () => { begin = performance.now(); },
                            { capture: true, once: true });
  const next = () => {
    frames.push(performance.now());
    if (begin === undefined || frames.at(-1) - begin < 2500) requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
  window.quantlabSettled = () => {
    const after = frames.filter((time) => time > begin);
    const ends = after.filter((time, place) => time - (after[place - 1] ?? begin) > 50);
    return (ends.at(-1) ?? after[0]) - begin;
  };
}"""


def large_map() -> dict[str, float]:
    """Time a map of many clips: until it is drawn, and until it stands at another λ."""
    rng = np.random.default_rng(0)
    clean = rng.normal(size=(NUM_CLIPS, 3)).astype(np.float32)
    moved = np.stack([clean * (1 - step / NUM_LAMS) for step in range(NUM_LAMS)])
    emotions = np.array(["happy", "neutral", "sad", "angry"])
    items = pd.DataFrame(
        {
            "item": [f"clip{number}" for number in range(NUM_CLIPS)],
            "speaker": (np.arange(NUM_CLIPS) // 4 % 20).astype(str),
            "emotion": emotions[np.arange(NUM_CLIPS) % 4],
        }
    )
    fitted = FittedMap(
        "pca", clean, np.eye(3, dtype="f4"), np.zeros(3, "f4"), (0.5, 0.3, 0.2)
    )  # fmt: skip
    places = MapPlaces(fitted, 2, np.zeros((1, 3), "f4"), {"balanced/codec": moved})
    view = MapView(places, items, np.arange(NUM_LAMS, dtype=float), "balanced")
    begin = time.perf_counter()
    content = figure_html(drift_map(view, context=FigureContext()))
    made = time.perf_counter() - begin
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        file = Path(folder) / "map.html"
        file.write_text(content)
        with _visit(chromium) as visitor:
            page = visitor.page
            begin = time.perf_counter()
            page.goto(file.as_uri())
            page.wait_for_selector(_RAIL, timeout=180_000)
            page.evaluate(_PAINTED)
            drawn = time.perf_counter() - begin
            page.wait_for_timeout(1500)
            moves = [_press_rail(page, place) for place in (0.8, 0.3, 0.6)]
    return {
        "map_100k_s": drawn,
        "map_100k_made_s": made,
        "map_100k_lam_s": statistics.median(moves),
        "map_100k_file_mb": len(content) / 1e6,
    }


def walk() -> dict[str, float]:
    """Visit every page and view, in light and dark."""
    problems: list[str] = []
    walked = 0
    with served(RUNS) as url, browser() as chromium:
        for scheme in ("light", "dark"):
            with _visit(chromium) as visitor:
                visitor.page.emulate_media(color_scheme=scheme)
                for address, plots in ADDRESSES.items():
                    visitor.open(f"{url}/{address}", plots=plots)
                    walked += 1
                problems += visitor.problems
    for problem in problems:
        print(problem, file=sys.stderr)
    return {"console_errors": len(problems), "pages_walked": walked}


def main() -> None:
    """Measure all, and write ``runs/bench/app.json``."""
    if CHROMIUM is None or not (RUNS / "demo" / "analysis").is_dir():
        sys.exit("Needs Chromium (or BROWSER_PATH), and the run of `make demo`.")
    write_figures("app", {**first_pages(), **lam_moves(), **large_map(), **walk()})


if __name__ == "__main__":
    main()
