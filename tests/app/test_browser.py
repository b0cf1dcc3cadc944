"""A real browser walks the whole explorer: no errors, and nothing from elsewhere.

It walks on the run of `make demo` where there is one, else on a made-up run. Screenshots of every
page in light and dark stay in pytest's folder, or in that of ``QUANTLAB_SCREENSHOTS``.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from experiments.bench._browser import ADDRESSES, CHROMIUM, DONE, ROOT, Visitor, browser, served
from quantlab.audio import encode_clip
from quantlab.figures import write_report
from tests.synthetic_maps import write_maps
from tests.synthetic_run import LADDER, build_run, shared_run
from tests.synthetic_voice import synthetic_voice

pytest.importorskip("playwright.sync_api", reason="needs playwright")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")

DEMO = ROOT / "runs" / "demo"
EMOTIONS = ("happy", "neutral", "sad")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runs demo and other."""
    folder = tmp_path_factory.mktemp("browser")
    shutil.copytree(shared_run(tmp_path_factory, small=True), folder / "other")
    if (DEMO / "maps" / "card.json").is_file():
        for part in ("analysis", "maps", "codecs"):
            shutil.copytree(DEMO / part, folder / "demo" / part)
        shutil.copy(DEMO / "run.yaml", folder / "demo")
    else:
        shutil.copytree(folder / "other", folder / "demo")
        write_maps(folder / "demo", emotions=EMOTIONS, lams=LADDER[::2])
    write_report(folder / "demo")
    return folder


@pytest.fixture(scope="module")
def server(runs: Path) -> Iterator[str]:
    with served(runs) as address:
        yield address


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    with browser() as started:
        yield Visitor(started.new_page(viewport={"width": 1280, "height": 1600}))


def screenshot(page: Any, folder: Path, name: str) -> np.ndarray:
    """Save a picture of the page and return its levels, 0 to 255."""
    place = Path(os.environ.get("QUANTLAB_SCREENSHOTS") or folder)
    place.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(place / f"{name}.png"))
    return np.asarray(Image.open(place / f"{name}.png").convert("L"))


MENU = {
    "Curves": {"Similarity and accuracy": 2, "Rate": 1, "Drift": 1, "Compare": 1},
    "Codebooks": {"Biased codebooks": 1, "Mixed emotions": 1},
    "Sound": {"Listen": 0, "Your clip": 0},
    "Models": {"Disentanglement": 1, "Methods": 0},
}
GROUND = {"light": 255, "dark": 24}


def looks_whole(page: Any, place: Path, name: str, *, ground: int) -> None:
    """Take a picture: its ground is that of the scheme, and something stands on it."""
    assert page.get_by_text("Something went wrong").count() == 0, name
    assert page.locator("[data-testid=stException]").count() == 0, name
    levels = screenshot(page, place, name)
    assert abs(np.median(levels) - ground) < 10, name
    assert levels.std() > 8, name


def fits_a_phone(page: Any, place: Path, name: str) -> None:
    """Nothing scrolls the page sideways; wide figures scroll inside it."""
    page.set_viewport_size({"width": 390, "height": 1200})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
    widths = "[...document.querySelectorAll('.js-plotly-plot')].map(plot => plot.clientWidth)"
    assert all(width >= 600 for width in page.evaluate(widths)), name
    screenshot(page, place, f"{name}-phone")
    page.set_viewport_size({"width": 1280, "height": 1600})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_pages_are_reached_by_their_names(
    server: str, visitor: Visitor, tmp_path: Path, scheme: str
) -> None:
    page = visitor.page
    page.emulate_media(color_scheme=scheme)
    visitor.open(f"{server}/", plots=1)
    looks_whole(page, tmp_path, f"Overview-{scheme}", ground=GROUND[scheme])
    for group, names in MENU.items():
        for name, plots in names.items():
            page.get_by_role("button", name=group).click()
            page.get_by_role("menuitem", name=name).click()
            page.wait_for_function(
                "name => document.querySelector('h1')?.textContent.startsWith(name)", arg=name
            )
            page.wait_for_selector(DONE)
            visitor.drawn(plots)
            looks_whole(page, tmp_path, f"{name}-{scheme}", ground=GROUND[scheme])
            if scheme == "light":
                fits_a_phone(page, tmp_path, name)
    assert page.url.startswith(f"{server}/methods")
    assert visitor.problems == []


@pytest.mark.slow
def test_every_figure_is_described_and_saved_in_four_forms(server: str, visitor: Visitor) -> None:
    page = visitor.page
    begins = {"PNG": b"\x89PNG", "SVG": b"<svg", "CSV": b"", "HTML": b"<!DOCTYPE html>"}
    for address, plots in ADDRESSES.items():
        visitor.open(f"{server}/{address}", plots=plots)
        count = page.locator(".js-plotly-plot").count()
        described = page.locator("[role=figure][aria-label]:not([aria-label='']) .js-plotly-plot")
        assert described.count() == count
        for kind, begin in begins.items():
            name = f"as {kind}" if kind in ("PNG", "SVG") else kind
            buttons = page.get_by_role("button", name=name, exact=kind in ("CSV", "HTML"))
            assert buttons.count() == count, address
            for place in range(count):
                with page.expect_download() as waiting:
                    buttons.nth(place).click()
                assert waiting.value.suggested_filename.endswith(f".{kind.lower()}")
                content = Path(waiting.value.path()).read_bytes()
                assert content.startswith(begin), (address, kind)
                assert len(content) > 60, (address, kind)
    assert visitor.problems == []


@pytest.mark.slow
def test_two_readers_at_once_hear_their_own_clips(server: str) -> None:
    with browser() as started:
        readers = [Visitor(started.new_context().new_page()) for _ in range(2)]
        for length, reader in enumerate(readers, start=1):
            reader.open(f"{server}/clip?codecs=shipped:+nemo_gcl1_cls_codecs", plots=0)
            voice = encode_clip(synthetic_voice(duration_s=float(length), seed=length))
            given = {"name": f"{length}.wav", "mimeType": "audio/wav", "buffer": voice}
            reader.page.locator("input[type=file]").set_input_files(given)
        for reader in readers:
            reader.page.get_by_text("Make sounds").click(timeout=60_000)
        for length, reader in enumerate(readers, start=1):
            clock = reader.page.locator(".quantlab-player .time")
            clock.wait_for(timeout=90_000)
            assert f"of {length}.0 s" in clock.text_content()
            assert reader.problems == []


@pytest.mark.slow
def test_views_of_pages_are_links(server: str, visitor: Visitor, tmp_path: Path) -> None:
    for address, plots in ADDRESSES.items():
        if "?" in address:
            visitor.open(f"{server}/{address}", plots=plots)
            name = "".join(sign if sign.isalnum() else "-" for sign in address)
            looks_whole(visitor.page, tmp_path, name, ground=GROUND["light"])
            fits_a_phone(visitor.page, tmp_path, name)
    assert visitor.problems == []


def test_a_deep_link_opens_one_view_and_its_slider_moves(server: str, visitor: Visitor) -> None:
    page = visitor.page
    visitor.open(f"{server}/biased?view=Codebook+×+emotion&equal=equal+λ", plots=1)
    title = page.locator(".gtitle").last
    before = title.text_content()
    page.locator("[data-testid=stSlider] [role=slider], [data-testid=stSlider] input").first.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(
        "before => { const now = document.querySelector('.gtitle')?.textContent;"
        " return now && now !== before; }",
        arg=before,
    )
    page.wait_for_function("location.search.includes('lam=')")
    there = title.text_content()
    visitor.open(page.url, plots=1)
    assert page.locator(".gtitle").last.text_content() == there
    assert visitor.problems == []


def test_lam_moves_on_the_map_without_the_server(server: str, visitor: Visitor) -> None:
    page = visitor.page
    sent: list[Any] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    visitor.open(f"{server}/drift?view=Map&lam=0", plots=1)
    page.wait_for_selector(".slider-rail-touch-rect")
    assert sent, "what goes to the server is seen"
    sent.clear()
    first = "JSON.stringify(document.querySelector('.js-plotly-plot')._fullData.map(t => t.x?.[0]))"
    label, points = page.locator(".slider-label").first.text_content(), page.evaluate(first)
    page.evaluate("window.before = document.querySelector('.js-plotly-plot')")
    rail = page.locator(".slider-rail-touch-rect")
    rail.scroll_into_view_if_needed()
    box = rail.bounding_box()
    page.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2)
    page.wait_for_function(
        "label => document.querySelector('.slider-label').textContent !== label", arg=label
    )
    page.wait_for_function(f"points => {first} !== points", arg=points)
    # The chart is the very one, and no script has run.
    assert page.evaluate("window.before === document.querySelector('.js-plotly-plot')")
    assert page.locator(DONE).count() == 1
    assert sent == []
    assert visitor.problems == []


def test_two_runs_are_compared(server: str, visitor: Visitor) -> None:
    visitor.open(f"{server}/compare?run=demo&other=other", plots=2)
    assert visitor.page.get_by_text("Something went wrong").count() == 0
    assert visitor.problems == []


def test_pictures_are_saved_by_the_browser(server: str, visitor: Visitor) -> None:
    visitor.open(f"{server}/rate", plots=1)
    for kind, begin in (("PNG", b"\x89PNG"), ("SVG", b"<svg")):
        with visitor.page.expect_download() as waiting:
            visitor.page.get_by_role("button", name=f"as {kind}").click()
        assert waiting.value.suggested_filename == f"rate.{kind.lower()}"
        assert Path(waiting.value.path()).read_bytes().startswith(begin)
    assert visitor.problems == []


def test_a_clip_is_uploaded_heard_and_followed(server: str, visitor: Visitor) -> None:
    visitor.open(f"{server}/clip?codecs=shipped:+nemo_gcl1_cls_codecs", plots=0)
    page = visitor.page
    voice = encode_clip(synthetic_voice(duration_s=1.5))
    given = {"name": "mine.wav", "mimeType": "audio/wav", "buffer": voice}
    page.locator("input[type=file]").set_input_files(given)
    page.wait_for_selector("text=code length of the emotion", timeout=60_000)
    page.get_by_text("Make sounds").click()
    page.wait_for_selector(".quantlab-player canvas", timeout=90_000)
    buttons = page.locator(".quantlab-player button[aria-pressed]")
    assert buttons.count() == 3
    buttons.nth(2).click()
    assert buttons.nth(2).get_attribute("aria-pressed") == "true"
    assert visitor.problems == []


def test_a_file_above_the_limit_is_not_taken(server: str, visitor: Visitor, tmp_path: Path) -> None:
    visitor.open(f"{server}/clip", plots=0)
    large = tmp_path / "large.wav"
    large.write_bytes(bytes((20 << 20) + 1))
    visitor.page.locator("input[type=file]").set_input_files(str(large))
    visitor.page.wait_for_selector("text=/must be 20.*MB or smaller/i")
    assert visitor.problems == []


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_the_report_is_drawn_in_light_and_dark(
    tmp_path: Path, visitor: Visitor, scheme: str
) -> None:
    page = visitor.page
    run = build_run(
        tmp_path / "small", emotions=EMOTIONS, ladder=LADDER[::2], num_texts=2, name="demo"
    )
    write_report(run)
    page.emulate_media(color_scheme=scheme)
    page.goto((run / "report.html").as_uri())
    page.wait_for_selector("html[data-drawn=all]", timeout=60_000)
    figures = page.locator("[data-figure]").count()
    assert figures >= 30  # with those behind the claims
    assert page.locator(".js-plotly-plot").count() == figures
    paper = page.locator(".js-plotly-plot .main-svg").first.evaluate(
        "place => getComputedStyle(place).backgroundColor"
    )
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 24, 30)"}[scheme]
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert visitor.problems == []
