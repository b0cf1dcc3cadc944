"""Runs for the app's tests: a whole one, and copies that a test may spoil."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.synthetic_run import shared_run

EXPLORER = Path(__file__).resolve().parents[2] / "apps" / "explorer.py"
NAMES = (
    *("overview", "similarity", "rate", "drift", "compare", "biased", "mixed", "listen", "clip"),
    *("disentanglement", "methods"),
)
PAGES = {name: "" if name == "overview" else f"views/{name}.py" for name in NAMES}

OpenPage = Callable[..., AppTest]


@pytest.fixture
def runs(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder of runs with one called demo, which the test may spoil."""
    folder = tmp_path / "runs"
    shutil.copytree(shared_run(tmp_path_factory, small=True), folder / "demo")
    monkeypatch.setenv("QUANTLAB_RUNS", str(folder))
    return folder


@pytest.fixture
def open_page(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> OpenPage:
    """A function that opens a page with query parameters.

    Tests that do not ask for `runs` share one folder, and with it what the app has cached.
    """
    if "runs" not in request.fixturenames:
        folder = tmp_path_factory.getbasetemp() / "shared runs"
        if not folder.exists():
            shutil.copytree(shared_run(tmp_path_factory, small=True), folder / "demo")
        monkeypatch.setenv("QUANTLAB_RUNS", str(folder))

    def opened(page: str = "overview", **query: str | list[str]) -> AppTest:
        app = AppTest.from_file(str(EXPLORER), default_timeout=60)
        if PAGES[page]:
            app.switch_page(PAGES[page])
        for name, value in query.items():
            app.query_params[name] = value
        return app.run()

    return opened


def charts(app: AppTest) -> list[dict[str, Any]]:
    """Return the plotly figures of a page as dictionaries, top to bottom."""
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def titles(app: AppTest) -> list[str]:
    """Return the titles of a page's figures, without what stands under them."""
    return [chart["layout"]["title"]["text"].split("<br>")[0] for chart in charts(app)]


def series(chart: dict[str, Any]) -> set[str]:
    """Return the names of the curves of a figure that show data."""
    return {trace["name"] for trace in chart["data"] if trace.get("meta")}


def sound(app: AppTest) -> AppTest:
    """Return the page, which says of nothing that it went wrong."""
    assert [problem.value for problem in app.exception] == []
    assert [problem.value for problem in app.error] == []
    return app
