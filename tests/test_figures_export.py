"""Figures as files: CSV round trip, HTML that opens offline, pictures, and what is missing."""

import importlib.util
import os
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from quantlab.errors import InputError
from quantlab.figures import (
    FigureContext,
    RunTables,
    export_figure,
    figure_csv,
    figure_data,
    figure_html,
    figure_image,
    similarity_curves,
    similarity_heatmap,
)
from quantlab.store import read_csv
from tests.synthetic_run import shared_run

BROWSER = os.environ.get("BROWSER_PATH") or shutil.which("chromium")
can_draw = pytest.mark.skipif(
    BROWSER is None or importlib.util.find_spec("kaleido") is None,
    reason="needs kaleido and chromium",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunTables:
    return RunTables.open(shared_run(tmp_path_factory))


@pytest.fixture(scope="module")
def figure(run: RunTables) -> go.Figure:
    return similarity_curves(
        run.table("similarity"), context=run.context(), references=run.table("references")
    )


class Links(HTMLParser):
    """Collects whatever a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            fetches = name in ("src", "srcset", "data", "poster") or (
                name == "href" and tag in ("link", "base", "use", "image")
            )
            if fetches and value and not value.startswith("data:"):
                self.fetched.append(value)


def test_csv_gives_back_what_is_drawn(figure: go.Figure, tmp_path: Path) -> None:
    (path,) = export_figure(figure, tmp_path / "deep", name="similarity")
    assert path == tmp_path / "deep" / "similarity.csv"
    data, back = figure_data(figure), read_csv(path)
    assert list(back.columns) == list(data.columns)
    assert list(back["series"]) == list(data["series"])
    for name in ("lam", "value", "low", "high", "num_items", "num_speakers"):
        numbers = pd.to_numeric(back[name].replace("", np.nan))
        np.testing.assert_allclose(numbers, data[name], rtol=1e-8)
    assert figure_csv(figure) == path.read_text()
    curves = data[data["lam"].notna()]
    assert sorted(curves["lam"].unique())[0] == 0.0, "λ = 0 is exported as 0, not as its place"


def test_csv_of_a_heat_map_names_rows_and_columns(run: RunTables) -> None:
    table = run.table("similarity")
    data = figure_data(similarity_heatmap(table, context=run.context()))
    cell = data[(data["series"] == "sad") & (data["lam"] == 6.0)].iloc[0]
    rows = table[
        (table["emotion"] == "sad")
        & (table["lam"] == 6.0)
        & (table["metric"] == "cos_centred_frames")
        & (table["recipe"] == "balanced")
        & (table["method"] == "codec")
        & (table["protocol"] == "speaker")
    ]
    assert cell["value"] == rows["value"].iloc[0]
    assert cell["low"] == rows["low"].iloc[0]
    assert cell["column"] == "6"


def test_names_are_escaped_in_pictures_and_plain_but_harmless_in_csv() -> None:
    rows = pd.DataFrame(
        {
            "lam": [0.0, 1.0] * 2,
            "value": [1.0, -0.5] * 2,
            "emotion": ["=1+1", "=1+1", "<script>alert(1)</script>", "<script>alert(1)</script>"],
            "low": np.nan,
            "high": np.nan,
            "num_items": 4,
            "num_speakers": 1,
            "protocol": "speaker",
            "recipe": "balanced",
            "method": "codec",
            "metric": "cos_centred_frames",
        }
    )
    context = FigureContext(run="<script>x</script>", corpus="<img src=http://evil>")
    figure = similarity_curves(rows, context=context)
    text = figure.to_json() or ""
    assert "<script>" not in text
    assert "<img" not in text
    csv = figure_csv(figure)
    assert "'=1+1" in csv
    assert "\n=1+1" not in csv.replace(",", "\n")
    assert "<script>alert(1)</script>" in csv
    assert "-0.5" in csv
    assert "'-0.5" not in csv
    page = figure_html(figure, title="<b>&")
    assert "<title>&lt;b&gt;&amp;</title>" in page
    assert "<script>x" not in page


def test_html_of_a_figure_needs_no_network(figure: go.Figure) -> None:
    page = figure_html(figure)
    links = Links()
    links.feed(page)
    assert links.fetched == []
    assert page.startswith("<!DOCTYPE html>")
    assert "Plotly.newPlot" in page


def test_unknown_formats_are_refused(figure: go.Figure, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'gif' is unknown; choose from csv, html, png and svg"):
        export_figure(figure, tmp_path, name="x", formats=["gif"])  # pyright: ignore[reportArgumentType]


def test_without_kaleido_the_message_says_what_to_install(
    figure: go.Figure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kaleido", None)
    with pytest.raises(InputError, match=r"pip install 'quantlab\[png\]'"):
        figure_image(figure)


@pytest.mark.skipif(importlib.util.find_spec("kaleido") is None, reason="needs kaleido")
def test_without_a_browser_the_message_says_so(
    figure: go.Figure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "none"))
    with pytest.raises(InputError, match="which is no file"):
        figure_image(figure)
    monkeypatch.delenv("BROWSER_PATH")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(InputError, match="none was found on this machine"):
        figure_image(figure)


@can_draw
def test_png_and_svg_are_drawn(figure: go.Figure, tmp_path: Path) -> None:
    before = os.environ.get("BROWSER_PATH")
    png, svg = export_figure(figure, tmp_path, name="similarity", formats=["png", "svg"])
    assert png.read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in svg.read_bytes()[:400]
    assert os.environ.get("BROWSER_PATH") == before
