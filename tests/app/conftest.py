"""Runs for the app's tests, built once: a whole one and spoilt copies of it."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.synthetic_run import build_run

EXPLORER = Path(__file__).resolve().parents[2] / "apps" / "explorer.py"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole run; read only."""
    return build_run(tmp_path_factory.mktemp("built") / "demo")


@pytest.fixture
def runs(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of runs with one called demo, which a test may spoil."""
    folder = tmp_path / "runs"
    shutil.copytree(built, folder / "demo")
    monkeypatch.setenv("QUANTLAB_RUNS", str(folder))
    return folder


@pytest.fixture
def explorer(runs: Path) -> AppTest:
    """The app, not run yet."""
    return AppTest.from_file(str(EXPLORER), default_timeout=60)
