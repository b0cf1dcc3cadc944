"""The explorer in a real browser: its server, a page that keeps what went wrong, all addresses."""

import contextlib
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

ROOT = Path(__file__).resolve().parents[2]
EXPLORER = ROOT / "apps" / "explorer.py"
CHROMIUM = os.environ.get("BROWSER_PATH") or shutil.which("chromium")
DONE = '[data-testid="stApp"][data-test-script-state="notRunning"]'
# Every page and view, and the figures that a whole run has there.
ADDRESSES = {
    "": 1,
    "similarity": 2,
    "similarity?view=Recognition&over=bits": 1,
    "similarity?view=Confusion": 1,
    "rate": 1,
    "rate?view=Limits": 1,
    "rate?view=Codes+in+use": 1,
    "drift?view=Map": 1,
    "drift?view=Attraction": 1,
    "drift?view=Displacement": 1,
    "compare": 0,
    "biased": 1,
    "biased?view=Codebook+×+emotion&equal=equal+λ": 1,
    "mixed": 1,
    "listen": 0,
    "clip": 0,
    "disentanglement": 1,
    "methods": 0,
}
_FLAGS = (
    "--no-sandbox --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage "
    "--enable-unsafe-swiftshader"
).split()
_START_S, _LOAD_MS = 60.0, 60_000


@contextlib.contextmanager
def served(runs: Path, script: Path = EXPLORER) -> Iterator[str]:
    """Start a server of a script on a free port of this machine, and yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(script), f"--server.port={port}"]
    command += ["--server.headless=true", "--server.fileWatcherType=none"]
    environment = {**os.environ, "QUANTLAB_RUNS": str(runs), "PYTHONPATH": str(ROOT)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, **quiet)
    try:
        _wait(f"http://127.0.0.1:{port}/_stcore/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError("the server did not start")


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """Yield a browser without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        yield started
        started.close()


class Visitor:
    """A browser page that keeps what went wrong.

    Attributes
    ----------
    page : playwright Page
        To look at and to press.
    problems : list of str
        Errors of scripts and of the console, failed requests, and requests that left this machine.
    """

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
        self.page.wait_for_selector(DONE, timeout=_LOAD_MS)
        self.drawn(plots)

    def drawn(self, plots: int) -> None:
        """Wait until so many figures are drawn."""
        self.page.wait_for_function(
            "count => [...document.querySelectorAll('.js-plotly-plot')]"
            ".filter(one => one.querySelector('.main-svg')).length >= count",
            arg=plots,
            timeout=_LOAD_MS,
        )
