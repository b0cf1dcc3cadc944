"""The page that compares two runs: every control, links, and what it says where it cannot."""

import json
import shutil
from functools import partial
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.app.conftest import OpenPage, charts, series, titles
from tests.synthetic_run import LADDER, build_run

SIZES = {"num_texts": 2, "ladder": LADDER[::2], "biased": False}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs of one corpus, one of which has other emotions and fewer speakers."""
    folder = tmp_path_factory.mktemp("pairs")
    emotions = ("happy", "neutral", "sad")
    build_run(folder / "demo", emotions=emotions, **SIZES)
    build_run(folder / "other", emotions=emotions, seed=6, **SIZES)
    build_run(folder / "small", emotions=("fear", "happy", "sad"), num_speakers=4, **SIZES)
    return folder


@pytest.fixture
def pair(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The runs, for tests that only look at them."""
    monkeypatch.setenv("QUANTLAB_RUNS", str(made))
    return made


@pytest.fixture
def spoilt(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the runs that a test may spoil."""
    folder = tmp_path / "runs"
    shutil.copytree(made, folder)
    monkeypatch.setenv("QUANTLAB_RUNS", str(folder))
    return folder


@pytest.fixture
def opened(open_page: OpenPage, pair: Path) -> OpenPage:
    """`open_page` for this page; `pair` comes second, because both say where the runs are."""
    return partial(open_page, "compare")


def sound(app: AppTest) -> AppTest:
    assert [problem.value for problem in app.exception] == []
    assert [problem.value for problem in app.error] == []
    return app


def plainly(app: AppTest) -> str:
    """Return all sentences of a page without their escapes."""
    parts = [*(text.value for text in app.markdown), *(text.value for text in app.caption)]
    parts += [part.proto.body for part in app.get("html")]
    return " ".join(parts).replace("\\", "")


def note(chart: dict) -> str:
    return chart["layout"]["annotations"][0]["text"].replace("<br>", " ")


def test_two_runs_are_drawn_compared_and_told_apart(opened: OpenPage) -> None:
    app = sound(opened())
    assert app.title[0].value == "Compare"
    assert titles(app) == [
        "Centred cosine, mean over frames, balanced codebook",
        "Difference at equal bits: centred cosine, mean over frames, balanced codebook",
    ]
    for chart in charts(app):
        words = chart["layout"]["title"]["text"]
        assert "demo: simulated, functionals, 6 speakers" in words
        assert "other: simulated, functionals, 6 speakers" in words
        assert {"happy", "neutral", "sad", "all emotions"} <= series(chart)
    level = app.select_slider(key="level").value
    assert f"**At {level} bits per clip, " in plainly(app)
    assert "6 speakers paired" in plainly(app)
    assert "<dt>sad</dt>" in plainly(app)
    assert [button.label for button in app.get("download_button")] == ["CSV", "HTML"] * 2


def test_what_is_the_same_is_folded_away(opened: OpenPage) -> None:
    app = sound(opened(other="small"))
    tables = [part.proto.body for part in app.get("html") if "class='beside'" in part.proto.body]
    assert len(tables) == 2
    assert "<th scope='row'>emotions</th><td>happy, neutral and sad</td>" in tables[0]
    assert ">corpus<" not in tables[0]
    assert ">corpus<" in tables[1]
    assert any("The same in both" in part.label for part in app.expander)


def test_the_other_run_is_chosen(opened: OpenPage) -> None:
    app = sound(opened())
    assert app.selectbox(key="other").options == ["other", "small"]
    app.selectbox(key="other").select("small").run()
    assert "small: simulated" in charts(sound(app))[0]["layout"]["title"]["text"]
    app.selectbox(key="run").select("small").run()
    assert sound(app).selectbox(key="other").options == ["demo", "other"]
    assert "small: simulated" in charts(app)[0]["layout"]["title"]["text"]


def test_runs_of_other_emotions_and_few_speakers(opened: OpenPage) -> None:
    app = sound(opened(other="small"))
    first, second = charts(app)
    assert {"fear", "happy", "neutral", "sad", "all emotions"} <= series(first)
    assert {"happy", "sad", "all emotions"} <= series(second)
    assert not {"fear", "neutral"} & series(second)
    assert "Only demo has neutral; only small has fear." in plainly(app)
    assert "cannot tell over all clips: 4 speakers of both runs" in plainly(app)
    assert app.multiselect(key="emotion").options == ["fear", "happy", "neutral", "sad"]


def test_metrics_and_axes(opened: OpenPage) -> None:
    app = sound(opened())
    assert "probe" not in [box.key for box in app.selectbox]
    app.selectbox(key="what").select("distortion (squared distance per vector)").run()
    assert "more distortion" in plainly(sound(app)) or "distortion is to be seen" in plainly(app)
    app.segmented_control(key="axis").set_value("distortion").run()
    options = sound(app).selectbox(key="what").options
    assert "bits per vector" in options
    assert not [name for name in options if name.startswith("distortion")]
    app.selectbox(key="what").select("bits per vector").run()
    assert titles(sound(app))[1].startswith("Difference at equal distortion: bits per vector")
    assert "**At a distortion of " in plainly(app)


def test_scores_of_probes(opened: OpenPage) -> None:
    app = sound(opened(what="mean recall"))
    app.selectbox(key="probe").select("support vector machine").run()
    assert titles(sound(app))[0].startswith("Mean recall (support vector machine)")
    assert series(charts(app)[1]) == {"all emotions", "no difference"}
    app.selectbox(key="what").select("recall of each emotion").run()
    assert "all emotions" not in series(charts(sound(app))[1])
    assert "chance" in series(charts(app)[0])
    assert "<dt>sad</dt>" in plainly(app)


def test_codebook_protocol_emotions_level_and_panels(opened: OpenPage) -> None:
    app = sound(opened())
    app.selectbox(key="codebook").select("codebook with shuffled labels").run()
    app.selectbox(key="protocol").select("new sentences of known speakers").run()
    app.multiselect(key="emotion").select("sad").run()
    assert all(name.endswith("codebook with shuffled labels") for name in titles(sound(app)))
    assert all("new sentences" in chart["layout"]["title"]["text"] for chart in charts(app))
    assert series(charts(app)[1]) == {"sad", "all emotions", "no difference"}
    app.toggle(key="apart").set_value(True).run()
    names = [text["text"] for text in charts(sound(app))[1]["layout"]["annotations"]]
    assert names == ["sad", "all emotions"]
    first = app.select_slider(key="level").options[0]
    app.select_slider(key="level").set_value(first).run()
    assert f"At {first} bits per clip" in plainly(sound(app))


def test_links_open_the_same_view(opened: OpenPage) -> None:
    app = sound(
        opened(
            run="other",
            other="small",
            axis="distortion",
            what="recall of each emotion",
            probe="support vector machine",
            emotion=["sad"],
            apart="true",
        )
    )
    assert titles(app)[1] == (
        "Difference at equal distortion: recall (support vector machine), balanced codebook"
    )
    words = charts(app)[0]["layout"]["title"]["text"]
    assert words.index("other: simulated") < words.index("small: simulated")
    assert series(charts(app)[0]) == {"sad", "chance"}


CONTROLS = ("other", "axis", "what", "codebook", "protocol", "emotion", "level", "apart")


@pytest.mark.parametrize("value", ["nan", "<script>alert(1)</script>", "../../etc/passwd"])
def test_bad_links_are_dropped(opened: OpenPage, value: str) -> None:
    app = sound(opened(**dict.fromkeys((*CONTROLS, "run"), value)))
    assert app.selectbox(key="other").value == "other"
    assert len(charts(app)) == 2
    assert value not in app.query_params.values()


def test_a_run_is_not_compared_with_itself_by_a_link(opened: OpenPage) -> None:
    app = sound(opened(run="demo", other="demo"))
    assert app.selectbox(key="other").value == "other"


def test_a_single_run_says_what_to_type(runs: Path, open_page: OpenPage) -> None:
    app = sound(open_page("compare"))
    assert "no other analysed run" in app.info[0].value
    assert "quantlab sweep" in app.info[0].value
    assert charts(app) == []
    shutil.copytree(runs / "demo", runs / "unfinished")
    shutil.rmtree(runs / "unfinished" / "analysis")
    app = sound(open_page("compare"))
    assert "unfinished is not analysed yet" in app.info[0].value.replace("\\", "")


def test_without_an_analysed_run_the_page_says_what_to_type(
    open_page: OpenPage, spoilt: Path
) -> None:
    shutil.rmtree(spoilt / "demo" / "analysis")
    app = open_page("compare")
    assert [problem.value for problem in app.exception] == []
    assert "quantlab sweep" in app.error[0].value
    for name in ("demo", "other", "small"):
        shutil.rmtree(spoilt / name)
    app = sound(open_page("compare"))
    assert "make demo" in app.info[0].value
    assert charts(app) == []


@pytest.mark.parametrize("run", ["demo", "other"])
def test_runs_from_before_say_what_to_type(open_page: OpenPage, spoilt: Path, run: str) -> None:
    (spoilt / run / "analysis" / "speakers.parquet").unlink()
    app = sound(open_page("compare"))
    assert len(charts(app)) == 2
    assert "Runs that were analysed before" in note(charts(app)[1])
    assert f"<b>quantlab sweep {spoilt / run}</b>" in note(charts(app)[1])
    assert "level" not in [slider.key for slider in app.select_slider]


@pytest.mark.parametrize("name", ["similarity", "accuracy", "speakers"])
@pytest.mark.parametrize("run", ["demo", "other"])
def test_a_damaged_table_is_explained(
    open_page: OpenPage, spoilt: Path, run: str, name: str
) -> None:
    (spoilt / run / "analysis" / f"{name}.parquet").write_bytes(b"no table")
    app = open_page("compare")
    assert [problem.value for problem in app.exception] == []
    assert "quantlab sweep" in app.error[0].value


def test_names_of_runs_cannot_become_markup(open_page: OpenPage, spoilt: Path) -> None:
    name = "<img src=x onerror=alert(1)>"
    (spoilt / "other").rename(spoilt / name)
    file = spoilt / name / "analysis" / "summary.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"prior": "<b>bold</b>"}))
    app = sound(open_page("compare", other=name))
    assert app.selectbox(key="other").value == name
    assert not [part for part in app.get("html") if "<img" in part.proto.body]
    assert not [part for part in app.get("html") if "<b>bold" in part.proto.body]
    assert "&lt;b&gt;bold" in plainly(app)
    assert all("<img" not in chart["layout"]["title"]["text"] for chart in charts(app))
    told = next(text.value for text in app.markdown if text.value.startswith("**At"))
    assert "\\<img" in told
