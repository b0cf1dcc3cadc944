"""Colours stay apart for colour-blind readers, on light and dark; template and words."""

import itertools
import re

import numpy as np
import pytest

from quantlab.figures import EMOTION_STYLES, FigureContext, emotion_style, template
from quantlab.figures.palette import (
    DARK_INK,
    LIGHT_INK,
    SERIES,
    VERDICT_COLORS,
    VERDICT_ICONS,
    fade,
    shade_pairs,
)
from quantlab.figures.words import (
    EMOTIONS,
    counted,
    emotion_order,
    fixed,
    interval_text,
    joined,
    lam_text,
    number,
    plain,
    recipe_words,
    share,
)

# Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
COMMON = EMOTIONS[:7]


def linear(color: str) -> np.ndarray:
    parts = np.array([int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def oklab(rgb: np.ndarray) -> np.ndarray:
    lms = np.cbrt(
        np.array(
            [
                [0.4122214708, 0.5363325363, 0.0514459929],
                [0.2119034982, 0.6806995451, 0.1073969566],
                [0.0883024619, 0.2817188376, 0.6299787005],
            ]
        )
        @ np.clip(rgb, 0, 1)
    )
    return (
        np.array(
            [
                [0.2104542553, 0.7936177850, -0.0040720468],
                [1.9779984951, -2.4285922050, 0.4505937099],
                [0.0259040371, 0.7827717662, -0.8086757660],
            ]
        )
        @ lms
    )


def contrast(one: str, other: str) -> float:
    weights = np.array([0.2126, 0.7152, 0.0722])
    low, high = sorted(float(weights @ linear(color)) for color in (one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("vision", list(VISION))
@pytest.mark.parametrize("dark", [False, True])
def test_common_emotions_stay_apart_for_every_reader(vision: str, dark: bool) -> None:
    seen = {
        name: oklab(VISION[vision] @ linear(emotion_style(name).color(dark=dark)))
        for name in COMMON
    }
    for one, other in itertools.combinations(COMMON, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 0.085, (one, other)


def test_every_emotion_has_a_readable_colour_and_a_marker_of_its_own() -> None:
    assert tuple(EMOTION_STYLES) == EMOTIONS
    assert len({style.symbol for style in EMOTION_STYLES.values()}) == len(EMOTIONS)
    for name, style in EMOTION_STYLES.items():
        assert contrast(style.light, LIGHT_INK.paper) >= 3.0, name
        assert contrast(style.dark, DARK_INK.paper) >= 3.0, name
    assert emotion_style("unheard of") is EMOTION_STYLES["other"]


def test_curves_that_are_no_emotions_and_verdicts_are_readable_on_both_grounds() -> None:
    pairs = {(light, dark) for light, dark, _, _ in SERIES} | set(VERDICT_COLORS.values())
    assert pairs <= set(shade_pairs()), "a page can exchange them"
    for light, dark in pairs:
        assert contrast(light, LIGHT_INK.paper) >= 4.5
        assert contrast(dark, DARK_INK.paper) >= 4.5
    assert len({(symbol, dash) for _, _, symbol, dash in SERIES}) == len(SERIES)
    assert set(VERDICT_ICONS) == set(VERDICT_COLORS)


def test_light_and_dark_shades_can_be_exchanged() -> None:
    pairs = shade_pairs()
    light, dark = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    assert len(set(light)) == len(light)
    assert not set(light) & set(dark)
    assert all(re.fullmatch("#[0-9a-f]{6}", color) for color in light + dark)


def test_the_template_follows_the_background() -> None:
    assert template().layout.paper_bgcolor == LIGHT_INK.paper
    assert template(dark=True).layout.font.color == DARK_INK.text
    assert contrast(DARK_INK.muted, DARK_INK.paper) > 4.5
    assert contrast(LIGHT_INK.muted, LIGHT_INK.paper) > 4.5
    assert fade("#102030", 0.5) == "#10203080"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.12345, "0.123"),
        (1234.5, "1,234"),
        (-0.0, "0"),
        (float("nan"), "–"),
        (100.0, "100"),
        (-2.5, "−2.5"),
        (0.00021, "0.00021"),
    ],
)
def test_numbers_are_written_for_people(value: float, text: str) -> None:
    assert number(value) == text


def test_words() -> None:
    assert fixed(-0.001) == "0.00"
    assert share(0.166) == "17 %"
    assert interval_text(0.5, 0.4, 0.6) == "0.50 (0.40 to 0.60)"
    assert interval_text(0.5, float("nan"), 0.6) == "0.50"
    assert lam_text(float("nan")) == "unquantized"
    assert joined(["a", "b", "c"]) == "a, b and c"
    assert joined([]) == ""
    assert counted(1, "speaker") == "1 speaker"
    assert counted(1200, "clip") == "1,200 clips"
    assert emotion_order(["sad", "zeal", "all", "angry", "sad"]) == ["angry", "sad", "zeal"]
    assert recipe_words("biased:sad") == "sad codebook"
    assert recipe_words("biased:<b>") == "&lt;b&gt; codebook"
    assert plain("a\n<b>") == "a &lt;b&gt;"
    assert len(plain("x" * 500)) == 80


def test_the_subtitle_names_run_corpus_and_speakers() -> None:
    context = FigureContext(
        run="demo<",
        corpus="nemo",
        embedder="e2v",
        num_speakers=6,
        split="tested",
        notes=("17 of 40",),
    )
    assert context.subtitle() == "run demo&lt; · nemo, 6 speakers · e2v · tested · 17 of 40"
    assert FigureContext().subtitle() == ""
