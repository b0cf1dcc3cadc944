"""Figures of the listening loop: what they draw is what the table says."""

import numpy as np
import pandas as pd
import pytest

from quantlab.audio import mel_band_hz
from quantlab.figures import (
    FigureContext,
    Sound,
    Spectrogram,
    conversion_effect,
    figure_data,
    listening_curves,
    listening_page,
    spectrogram_panels,
)

CONTEXT = FigureContext(corpus="made-up", num_speakers=6)
FLOORS = ("source", "copy_synthesis", "reconstruction", "reference", "conversion")


@pytest.fixture(scope="module")
def summary() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    conditions = [(method, "", np.nan) for method in FLOORS]
    conditions += [
        ("quantized", codec, lam) for codec in ("balanced", "biased-sad") for lam in (0.0, 1.0, 8.0)
    ]
    rows = []
    for listener in ("ear", "<b>"):
        for target in ("all", "sad", "angry"):
            for method, codec, lam in conditions:
                for metric in ("posterior", "posterior_gain", "speaker_right"):
                    value = rng.uniform(0.1, 0.9)
                    rows.append(
                        {
                            "listener": listener, "method": method, "codec": codec, "lam": lam,
                            "target": target, "metric": metric, "value": value,
                            "low": value - 0.2, "high": value + 0.2, "num_items": 12,
                            "num_speakers": 6, "chance": 0.25, "verdict": "above", "tag": "",
                        }
                    )  # fmt: skip
    rows.append(
        {**rows[-1], "listener": "", "target": "all", "metric": "mcd_source_db", "tag": "<i>tag"}
    )
    return pd.DataFrame(rows)


def test_effects_are_the_values_of_the_table(summary: pd.DataFrame) -> None:
    data = figure_data(conversion_effect(summary, context=CONTEXT))
    assert len(data) == 2 * 3 * len(FLOORS)
    known = summary[(summary["metric"] == "posterior") & summary["method"].isin(FLOORS)]
    assert sorted(data["value"]) == pytest.approx(sorted(known["value"]))
    one = data[(data["panel"] == "ear") & (data["series"] == "sad, conversion")]
    wanted = known.query("listener == 'ear' and target == 'sad' and method == 'conversion'")
    assert one[["value", "low", "high", "num_items"]].to_numpy() == pytest.approx(
        wanted[["value", "low", "high", "num_items"]].to_numpy()
    )


def test_curves_have_a_line_for_each_codec_and_level(summary: pd.DataFrame) -> None:
    figure = listening_curves(summary, context=CONTEXT, target="sad")
    data = figure_data(figure)
    ear = data[data["panel"] == "ear"]
    assert list(dict.fromkeys(ear["series"])) == [
        "balanced codebook", "sad codebook", "natural speech of the target",
        "conversion, unquantized", "reconstruction", "copy synthesis", "chance",
    ]  # fmt: skip
    curve = ear[ear["series"] == "sad codebook"]
    wanted = summary.query(
        "listener == 'ear' and target == 'sad' and codec == 'biased-sad' and metric == 'posterior'"
    )
    assert curve["lam"].tolist() == [0.0, 1.0, 8.0]
    assert curve["value"].tolist() == pytest.approx(wanted["value"].tolist())
    assert (curve["low"] >= 0).all()
    assert (curve["high"] <= 1).all()
    assert ear[ear["series"] == "chance"]["value"].tolist() == [0.25]


def test_without_codecs_or_conversions_the_picture_says_so(summary: pd.DataFrame) -> None:
    plain = summary[summary["codec"] == ""]
    assert "--codec" in listening_curves(plain, context=CONTEXT).to_json()
    nothing = summary[summary["metric"] == "none"]
    assert "Nothing was converted" in conversion_effect(nothing, context=CONTEXT).to_json()
    empty = spectrogram_panels([], band_hz=mel_band_hz(), hop_s=0.01, context=CONTEXT)
    assert "no sound to draw" in empty.to_json()


def test_a_spectrogram_is_in_decibels_seconds_and_hertz() -> None:
    mel = np.full((30, 80), -9.0)
    mel[10, 20], mel[11, 30] = 0.5, -0.5
    second = Spectrogram("<b>", mel - 1.0)
    figure = spectrogram_panels(
        [Spectrogram("one", mel), second], band_hz=mel_band_hz(), hop_s=0.01, context=CONTEXT
    )
    first, other = figure.data
    levels = first.z
    assert levels.shape == (80, 30)
    assert levels[20, 10] == 0.0
    assert levels[30, 11] == pytest.approx(-20.0)
    assert levels.min() == -70.0
    assert other.z[20, 10] == pytest.approx(-20.0)
    assert first.x[10] == pytest.approx(0.1)
    layout = figure.to_dict()["layout"]
    ticks = dict(zip(layout["yaxis"]["ticktext"], layout["yaxis"]["tickvals"], strict=True))
    place = ticks["1,000"]
    nearest = np.abs(mel_band_hz() - 1000).argmin()
    assert abs(place - nearest) < 1
    assert "&lt;b&gt;" in figure.to_json().replace("\\u003c", "<").replace("\\u003e", ">")


def test_band_centres_are_where_the_filters_peak() -> None:
    from quantlab.audio.acoustics import mel_matrix

    peaks = mel_matrix().argmax(axis=0) * 40.0
    assert np.abs(mel_band_hz() - peaks).max() <= 40.0


def test_the_page_escapes_names_and_carries_sounds(summary: pd.DataFrame) -> None:
    page = listening_page(
        summary,
        title="<script>",
        lead="<lead>",
        figures={"effect": conversion_effect(summary, context=CONTEXT)},
        sounds=[Sound("sad", "<img>", b"RIFF")],
        origin=[("Licence", "<CC0>")],
    )
    for raw in ("<lead>", "<img>", "<CC0>", "<i>tag"):
        assert raw not in page
    assert 'src="data:audio/wav;base64,UklGRg=="' in page
    assert page.count('class="verdict above"') == 2 * 3
    assert 'data-figure="lams"' not in page
