"""The page Listen: kept sounds and sounds made here, with every control, and nothing to hear."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from quantlab.synthesis import (
    DecoderListener,
    GriffinLim,
    GriffinLimSettings,
    ListeningSettings,
    listening_loop,
)
from tests.app.conftest import OpenPage
from tests.small_corpus import TiltDecoder, small_codec, small_corpus


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``clips``, ``clips.parquet``, and ``heard`` as `quantlab listen` leaves it."""
    folder = tmp_path_factory.mktemp("listen")
    clips = small_corpus(folder / "clips")
    clips.save(folder / "clips.parquet")
    codec = small_codec(clips)
    decoder = TiltDecoder()
    listening_loop(
        clips,
        folder / "heard",
        decoder=decoder,
        vocoder=GriffinLim(GriffinLimSettings(num_iterations=1)),
        listeners=[DecoderListener(decoder)],
        codecs={"small": codec, "other": codec},
        settings=ListeningSettings(num_texts=2, targets=("angry", "sad"), num_lams=2, seed=4),
        keep=True,
    )
    return folder


@pytest.fixture
def heard(loop: Path, runs: Path) -> Path:
    shutil.copytree(loop / "heard", runs / "heard")
    return runs / "heard"


def sounds(app: AppTest) -> list[str]:
    """Return what the player offers."""
    assert [problem.value for problem in app.exception] == []
    assert [problem.value for problem in app.error] == []
    told: list[dict[str, Any]] = []
    for part in app.get("bidi_component"):
        data = json.loads(part.proto.json) if part.proto.json else {}
        told += [data["player"]] if "player" in data else []
    (player,) = told
    return [sound["name"] for sound in player["sounds"]]


def test_nothing_to_hear_says_what_to_type(open_page: OpenPage) -> None:
    app = open_page("listen")
    assert [problem.value for problem in app.exception] == []
    assert "quantlab index" in app.info[0].value


def test_kept_sounds_are_chosen_by_clip_target_codec_and_lam(
    heard: Path, open_page: OpenPage
) -> None:
    app = open_page("listen")
    names = sounds(app)
    assert names[:2] == ["original", "reconstruction"]
    assert names[2:4] == ["natural reference, angry", "conversion to angry"]
    assert "small codebook at λ = " in names[4]
    app.selectbox(key="target").select("sad").run()
    assert sounds(app)[3] == "conversion to sad"
    app.selectbox(key="codebook").select("other").run()
    assert "other codebook" in sounds(app)[4]
    app.select_slider(key="lam").set_value("0").run()
    assert sounds(app)[4].endswith("λ = 0")
    clips = app.selectbox(key="clip").options
    app.selectbox(key="clip").select(clips[-1]).run()
    assert len(sounds(app)) == 5


def test_a_link_opens_the_same_sounds(heard: Path, open_page: OpenPage) -> None:
    app = open_page("listen", folder="heard", target="sad", codebook="other", lam="0")
    assert sounds(app)[4] == "conversion to sad, other codebook at λ = 0"


def test_a_missing_sound_is_named(heard: Path, open_page: OpenPage) -> None:
    for wav in heard.glob("audio/*/angry-conversion.wav"):
        wav.unlink()
    app = open_page("listen")
    assert [problem.value for problem in app.exception] == []
    assert "angry-conversion.wav" in app.error[0].value


def test_a_damaged_loop_is_left_out(heard: Path, open_page: OpenPage) -> None:
    (heard / "listening.json").write_text("{")
    app = open_page("listen")
    assert [problem.value for problem in app.exception] == []
    assert "nothing to listen to yet" in app.info[0].value


def test_sounds_are_made_here_of_an_indexed_corpus(
    loop: Path, runs: Path, open_page: OpenPage
) -> None:
    shutil.copy(loop / "clips.parquet", runs / "clips.parquet")
    app = open_page("listen")
    assert sounds(app)[:2] == ["original", "reconstruction"]
    app.selectbox(key="speaker").select("bob").run()
    app.selectbox(key="spoken").select("neutral").run()
    app.selectbox(key="target").select("sad").run()
    app.selectbox(key="codebook").select("sad codebook").run()
    names = sounds(app)
    assert names[2:4] == ["natural reference, sad", "conversion to sad"]
    assert app.selectbox(key="clip").value.startswith("bob_neutral")
    assert names[4].startswith("the same, quantized at λ = ")


def test_both_ways_are_offered_where_there_are_both(
    loop: Path, heard: Path, open_page: OpenPage
) -> None:
    shutil.copy(loop / "clips.parquet", heard.parent / "clips.parquet")
    app = open_page("listen")
    assert sounds(app)[4].startswith("conversion to angry, small")
    app.button_group(key="sounds").select("made here").run()
    assert sounds(app)[4].startswith("the same, quantized")
