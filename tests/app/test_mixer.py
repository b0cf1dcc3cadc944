"""A mixed reference on the page Mixed emotions: its controls, its file, and what may be missing."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from quantlab.codebooks import Codec
from quantlab.sweep import class_means, train
from quantlab.synthesis import mix_references
from tests.app.conftest import OpenPage, charts, titles
from tests.small_study import make_run

MIXER = "Make a mixed reference"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = make_run(tmp_path_factory.mktemp("mixer") / "run")
    train(run.path, run.read_study(), progress=False)
    return run.path


@pytest.fixture
def mixed(trained: Path, runs: Path) -> Path:
    """The run of the explorer, with embeddings and codecs of its own."""
    for name in ("embeddings", "codecs"):
        shutil.copytree(trained / name, runs / "demo" / name)
    shutil.copy(trained / "run.yaml", runs / "demo" / "run.yaml")
    return runs / "demo"


def said(app: AppTest) -> str:
    assert [problem.value for problem in app.exception] == []
    assert [problem.value for problem in app.error] == []
    return "".join(part.proto.body for part in app.html)


def test_the_mixture_is_that_of_the_library(mixed: Path, open_page: OpenPage) -> None:
    app = open_page("mixed", view=MIXER, first="happy", second="sad", share="0.75")
    shown = said(app)
    means = class_means(mixed)
    codec = Codec.load(mixed / "codecs" / "balanced")
    wanted = mix_references(
        {name: means[name] for name in ("happy", "sad")},
        {"happy": 0.75, "sad": 0.25},
        codec,
        lam=codec.ladder_[0],
    )
    clip = wanted.reference.card.clips[0]
    assert f"<b>{clip.rate_bits:.1f} bits</b>" in shown
    assert f"<b>{wanted.angles['happy']:.0f}°</b><span>to happy</span>" in shown
    assert f"<b>{clip.cos_centred:.2f}</b>" in shown
    labels = [button.label for button in app.get("download_button")]
    assert "Mixed reference for a synthesizer (.npz and card)" in labels


def test_every_choice_changes_the_mixture(mixed: Path, open_page: OpenPage) -> None:
    app = open_page("mixed", view=MIXER)
    seen = [said(app)]
    app.select_slider(key="share").set_value("0.9").run()
    seen.append(said(app))
    app.selectbox(key="second").select("sad").run()
    seen.append(said(app))
    app.selectbox(key="codebook").select("sad codebook").run()
    assert "sad codebook" in titles(app)[0]
    seen.append(said(app))
    app.select_slider(key="lam").set_value(app.select_slider(key="lam").options[-1]).run()
    seen.append(said(app))
    assert len(set(seen)) == len(seen)
    assert "run demo" in charts(app)[0]["layout"]["title"]["text"]


def test_an_emotion_is_not_mixed_with_itself(mixed: Path, open_page: OpenPage) -> None:
    app = open_page("mixed", view=MIXER, first="sad", second="sad")
    assert "sad" not in app.selectbox(key="second").options
    assert app.selectbox(key="second").value != "sad"
    said(app)


def test_without_embeddings_or_codecs_the_page_says_so(mixed: Path, open_page: OpenPage) -> None:
    shutil.rmtree(mixed / "embeddings")
    app = open_page("mixed", view=MIXER)
    said(app)
    assert "embeddings or codecs are not on this machine" in app.info[0].value


def test_a_damaged_codec_is_explained(mixed: Path, open_page: OpenPage) -> None:
    for file in (mixed / "codecs" / "balanced").glob("*.safetensors"):
        file.write_bytes(b"{")
    app = open_page("mixed", view=MIXER)
    assert [problem.value for problem in app.exception] == []
    assert "balanced" in app.error[0].value
