"""A real browser visits every page and the report: no errors, and nothing from elsewhere."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quantlab.audio import encode_clip
from quantlab.figures import write_report
from tests.app.conftest import EXPLORER
from tests.synthetic_run import shared_run
from tests.synthetic_voice import synthetic_voice

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
CHROMIUM = os.environ.get("BROWSER_PATH") or shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage"
).split()
DONE = '[data-testid="stApp"][data-test-script-state="notRunning"]'


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    shutil.copytree(shared_run(tmp_path_factory, small=True), folder / "demo")
    write_report(folder / "demo")
    return folder


@pytest.fixture(scope="module")
def server(runs: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "apps/explorer.py"]
    command += [f"--server.port={port}", "--server.headless=true", "--server.fileWatcherType=none"]
    root = EXPLORER.parents[1]
    environment = {**os.environ, "QUANTLAB_RUNS": str(runs), "PYTHONPATH": str(root)}
    process = subprocess.Popen(
        command, cwd=root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait(f"http://127.0.0.1:{port}/_stcore/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(150):
        assert process.poll() is None, "the explorer ended"
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail("the explorer did not start")


class Visitor:
    """A browser page that keeps what went wrong."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("console", self._console)
        page.on("response", self._response)
        page.on("request", self._request)

    def _console(self, message: Any) -> None:
        # A failed request is told by its response, with the address.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.problems.append(f"console: {message.text}")

    def _response(self, response: Any) -> None:
        # Below a page's own path, Streamlit first looks for its server at the wrong place.
        if response.status >= 400 and "/_stcore/" not in response.url:
            self.problems.append(f"{response.status}: {response.url}")

    def _request(self, request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:", "file:")):
            self.problems.append(f"left this machine: {request.url}")

    def open(self, url: str, *, plots: int) -> None:
        """Open a page of the explorer and wait until its figures are drawn."""
        self.page.goto(url)
        self.page.wait_for_selector(DONE, timeout=60_000)
        self.page.wait_for_function(
            f"document.querySelectorAll('.js-plotly-plot .main-svg').length >= {plots}",
            timeout=60_000,
        )


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield Visitor(browser.new_page(viewport={"width": 1280, "height": 1600}))
        browser.close()


PAGES = (
    ("", 4),
    ("similarity", 2),
    ("similarity?view=Recognition&over=bits", 1),
    ("rate", 1),
    ("drift?view=Attraction", 1),
    ("biased", 1),
    ("mixed", 2),
    ("listen", 0),
    ("clip", 0),
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_pages_are_drawn_without_an_error(server: str, visitor: Visitor, scheme: str) -> None:
    visitor.page.emulate_media(color_scheme=scheme)
    for address, plots in PAGES:
        visitor.open(f"{server}/{address}", plots=plots)
        assert visitor.page.get_by_text("Something went wrong").count() == 0
    visitor.open(f"{server}/biased?view=Codebook+×+emotion&equal=equal+λ&lam=0.6", plots=1)
    assert "λ\u00a0=\u00a00.6" in visitor.page.locator(".gtitle").last.text_content()
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
    visitor.open(f"{server}/clip", plots=0)
    page = visitor.page
    voice = encode_clip(synthetic_voice(duration_s=1.5))
    given = {"name": "mine.wav", "mimeType": "audio/wav", "buffer": voice}
    page.locator("input[type=file]").set_input_files(given)  # pyright: ignore[reportArgumentType]
    page.wait_for_selector("text=code length of the emotion", timeout=60_000)
    page.get_by_text("Make sounds").click()
    page.wait_for_selector(".quantlab-player canvas", timeout=90_000)
    buttons = page.locator(".quantlab-player button[aria-pressed]")
    assert buttons.count() == 3
    buttons.nth(2).click()
    assert buttons.nth(2).get_attribute("aria-pressed") == "true"
    assert visitor.problems == []


def test_figures_fit_a_narrow_screen_by_scrolling(server: str, visitor: Visitor) -> None:
    visitor.page.set_viewport_size({"width": 390, "height": 1200})
    visitor.open(f"{server}/biased", plots=1)
    widths = visitor.page.evaluate(
        "[document.documentElement.scrollWidth,"
        " document.querySelector('.js-plotly-plot').clientWidth]"
    )
    assert widths[0] <= 390
    assert widths[1] >= 900
    assert visitor.problems == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_is_drawn_in_light_and_dark(runs: Path, visitor: Visitor, scheme: str) -> None:
    page = visitor.page
    page.emulate_media(color_scheme=scheme)
    page.goto((runs / "demo" / "report.html").as_uri())
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
