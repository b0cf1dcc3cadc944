"""The map of the page Drift: every control, links, missing and damaged maps."""

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.app.conftest import OpenPage, charts
from tests.synthetic_maps import write_maps
from tests.synthetic_run import LADDER

EMOTIONS = ("happy", "neutral", "sad")


@pytest.fixture
def mapped(runs: Path) -> Path:
    write_maps(runs / "demo", emotions=EMOTIONS, lams=LADDER[::2])
    return runs / "demo"


def the_map(app: AppTest) -> dict[str, Any]:
    assert [problem.value for problem in app.exception] == []
    assert [problem.value for problem in app.error] == []
    (chart,) = charts(app)
    return chart


def arrows(chart: dict[str, Any]) -> set[str]:
    """Return whose ways of the centroids the legend names."""
    names = [trace.get("name") or "" for trace in chart["data"]]
    return {name.split(", ")[1] for name in names if name.startswith("way of the centroids")}


def points(chart: dict[str, Any]) -> dict[str, int]:
    """Return how many quantized clips of each emotion are drawn."""
    return {
        trace["name"]: len(trace["text"])
        for trace in chart["data"]
        if trace.get("showlegend") and trace.get("customdata") is not None
    }


def test_lam_moves_in_frames_of_the_figure(mapped: Path, open_page: OpenPage) -> None:
    chart = the_map(open_page("drift"))
    assert chart["layout"]["title"]["text"].startswith("Where quantization takes the clips")
    assert "run demo" in chart["layout"]["title"]["text"]
    assert len(chart["layout"]["sliders"][0]["steps"]) == len(LADDER[::2])
    assert points(chart) == {"happy": 10, "neutral": 10, "sad": 10}
    assert arrows(chart) == {"quantized", "plain blur of equal distortion"}


def test_every_choice_changes_the_map(mapped: Path, open_page: OpenPage) -> None:
    app = open_page("drift")
    assert the_map(app)["data"][0]["type"] == "scatter"
    app.selectbox(key="map").select("t-SNE").run()
    the_map(app)
    assert any("distances between groups" in caption.value for caption in app.caption)
    app.button_group(key="axes").select("3-D").run()
    assert the_map(app)["data"][0]["type"] == "scatter3d"
    app.button_group(key="axes").select("2-D").run()
    app.selectbox(key="codebook").select("sad codebook").run()
    assert "sad codebook" in the_map(app)["layout"]["title"]["text"]
    app.multiselect(key="arrows").set_value([]).run()
    assert arrows(the_map(app)) == {"quantized"}
    app.selectbox(key="points").select("plain blur of equal distortion").run()
    assert "plain blur of equal distortion" in arrows(the_map(app))
    app.multiselect(key="emotion").select("sad").run()
    assert set(points(the_map(app))) == {"sad"}
    app.select_slider(key="lam").set_value("6").run()
    assert the_map(app)["layout"]["sliders"][0]["active"] == 3


def test_a_link_opens_the_same_map(mapped: Path, open_page: OpenPage) -> None:
    app = open_page("drift", map="t-SNE", axes="3-D", emotion=["happy", "sad"], lam="0.6")
    chart = the_map(app)
    assert chart["data"][0]["type"] == "scatter3d"
    assert set(points(chart)) == {"happy", "sad"}
    assert chart["layout"]["sliders"][0]["active"] == LADDER[::2].index(0.6)


def test_links_that_lead_nowhere_open_the_page(mapped: Path, open_page: OpenPage) -> None:
    app = open_page("drift", map="astrology", axes="9-D", points="<b>", emotion="x", lam="NaN")
    assert points(the_map(app)) == {"happy": 10, "neutral": 10, "sad": 10}


def test_a_run_without_maps_says_what_to_type(runs: Path, open_page: OpenPage) -> None:
    app = open_page("drift")
    assert [problem.value for problem in app.exception] == []
    assert "quantlab sweep" in app.info[0].value
    assert charts(app) == []


@pytest.mark.parametrize("name", ["card.json", "items.parquet", "pca-3.safetensors"])
def test_damaged_maps_are_explained(mapped: Path, open_page: OpenPage, name: str) -> None:
    (mapped / "maps" / name).write_bytes(b"{")
    app = open_page("drift")
    assert [problem.value for problem in app.exception] == []
    assert "damaged" in app.error[0].value
    assert "quantlab sweep" in app.error[0].value


@pytest.mark.parametrize(
    "change",
    [
        {"shown": None},
        {"shown": []},
        {"shown": [3]},
        {"maps": {}},
        {"maps": {"pca-3": 3}},
        {"maps": {"pca-3": {"explained": None}}},
        {"lams": ["x"]},
    ],
    ids=str,
)
def test_a_card_with_other_contents_is_damaged(
    mapped: Path, open_page: OpenPage, change: dict[str, Any]
) -> None:
    card = mapped / "maps" / "card.json"
    card.write_text(json.dumps({**json.loads(card.read_text()), **change}))
    app = open_page("drift")
    assert [problem.value for problem in app.exception] == []
    assert "damaged" in app.error[0].value


@pytest.mark.parametrize("row", [0, 1, 29])
def test_a_point_that_was_clicked_is_named(mapped: Path, open_page: OpenPage, row: int) -> None:
    app = open_page("drift")
    chosen = {"points": [{"customdata": row}], "point_indices": [], "box": [], "lasso": []}
    app.session_state["figure-map"] = {"selection": chosen}
    app.run()
    the_map(app)
    assert any(f"<b>clip {row}</b> clip" in part.proto.body for part in app.html)
    assert "quantlab index" in app.info[-1].value
