"""A map of more clips than a browser can draw: which are drawn, and what is still of all."""

import numpy as np
import pandas as pd
import pytest

from quantlab.analysis import FittedMap
from quantlab.figures import FigureContext, MapView, drift_map
from quantlab.figures.run_map import MapPlaces

EMOTIONS = ("happy", "neutral", "sad")


def view_of(num: int) -> MapView:
    """Return a map of as many clips, a sixth happy, a third neutral, half of them sad."""
    rng = np.random.default_rng(0)
    clean = rng.normal(size=(num, 3)).astype(np.float32)
    labels = np.array(EMOTIONS)[[0, 1, 1, 2, 2, 2]][np.arange(num) % 6]
    items = pd.DataFrame(
        {
            "item": [f"clip{place}" for place in range(num)],
            "speaker": [f"s{place // 6 % 7}" for place in range(num)],
            "emotion": labels,
        }
    )
    fitted = FittedMap(
        "pca", clean, np.eye(3, dtype="f4"), np.zeros(3, "f4"), (0.5, 0.3, 0.2)
    )  # fmt: skip
    moved = np.stack([clean, clean / 2])
    places = MapPlaces(fitted, 2, np.zeros((1, 3), "f4"), {"balanced/codec": moved})
    return MapView(places, items, np.array([0.0, 1.0]), "balanced")


def drawn_rows(view: MapView) -> dict[str, np.ndarray]:
    figure = drift_map(view, context=FigureContext())
    return {
        trace.name: np.asarray(trace.customdata)
        for trace in figure.data
        if trace.showlegend and trace.customdata is not None
    }


@pytest.mark.parametrize("num", [6000, 10_000])
def test_all_clips_are_drawn_up_to_a_limit(num: int) -> None:
    view = view_of(num)
    rows = drawn_rows(view)
    assert sorted(np.concatenate(list(rows.values()))) == list(range(num))
    title = drift_map(view, context=FigureContext()).layout.title.text
    assert f"{num:,} clips" in title
    assert "drawn" not in title


def test_of_too_many_every_emotion_and_speaker_keeps_its_share() -> None:
    view = view_of(42_000)
    rows = drawn_rows(view)
    assert {name: len(found) for name, found in rows.items()} == {
        "happy": pytest.approx(10_000 / 6, abs=1),
        "neutral": pytest.approx(10_000 / 3, abs=1),
        "sad": pytest.approx(10_000 / 2, abs=1),
    }
    for name, found in rows.items():
        assert len(set(found.tolist())) == len(found)
        assert set(view.items["emotion"].iloc[found]) == {name}
        shares = view.items["speaker"].iloc[found].value_counts(normalize=True)
        np.testing.assert_allclose(shares, 1 / 7, atol=0.01)


def test_arrows_are_of_all_clips() -> None:
    view = view_of(42_000)
    figure = drift_map(view, context=FigureContext())
    assert "42,000 clips, 10,000 drawn" in figure.layout.title.text
    (arrow,) = [
        trace
        for trace in figure.data
        if trace.mode == "lines+markers" and "<b>sad</b>" in (trace.hovertemplate or "")
    ]
    sad = (view.items["emotion"] == "sad").to_numpy()
    wanted = view.places.clean[sad].mean(axis=0)
    np.testing.assert_allclose(
        [arrow.x[0], arrow.y[0]], wanted, rtol=1e-5
    )  # fmt: skip
