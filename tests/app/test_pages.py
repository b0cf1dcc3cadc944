"""Every page and every control of the explorer, and links into it."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from tests.app.conftest import EXPLORER, OpenPage, charts, series, sound, titles
from tests.synthetic_run import write

EMOTIONS = ["happy", "neutral", "sad"]


def sub(chart: dict) -> str:
    return chart["layout"]["title"]["text"]


MAIN = {
    "What stays similar": "Similarity to the unquantized embedding, balanced codebook",
    "What is still recognised": "Unweighted average recall (logistic regression), "
    "balanced codebook",
    "What it costs": "Bits that the codec spends, balanced codebook",
    "What the bits buy": "What the written bits buy, balanced codebook",
    "All claims": "All claims, each in units of its own interval",
}


def test_overview_says_what_the_run_is(open_page: OpenPage) -> None:
    app = sound(open_page())
    assert [title.value for title in app.title] == ["demo"]
    assert "6 speakers" in app.caption[0].value
    said = "".join(part.proto.body for part in app.html)
    for words in ("<b>33 %</b>", "chance: what guessing", "keeps the most", "6 speakers are few"):
        assert words in said
    assert any("quantlab report" in caption.value for caption in app.caption)


def test_overview_draws_one_main_curve_at_a_time(open_page: OpenPage) -> None:
    app = sound(open_page())
    assert titles(app) == [MAIN["What stays similar"]]
    for name, title in MAIN.items():
        app.button_group(key="curve").select(name).run()
        assert titles(sound(app)) == [title]
    assert titles(sound(open_page(curve="What it costs"))) == [MAIN["What it costs"]]


def test_overview_offers_the_report_where_there_is_one(runs: Path, open_page: OpenPage) -> None:
    (runs / "demo" / "report.html").write_text("<p>report</p>")
    labels = [button.label for button in sound(open_page()).get("download_button")]
    assert "Report with all figures and terms" in labels


def test_every_figure_can_be_downloaded(open_page: OpenPage) -> None:
    app = sound(open_page())
    buttons = [button.label for button in app.get("download_button")]
    assert buttons == ["CSV", "HTML"]
    for page, count in (("similarity", 2), ("mixed", 2), ("disentanglement", 1)):
        labels = [button.label for button in sound(open_page(page)).get("download_button")]
        assert labels == ["CSV", "HTML"] * count


def test_overview_controls_change_the_figures(open_page: OpenPage) -> None:
    app = sound(open_page())
    app.selectbox(key="metric").select("distortion (squared distance per vector)").run()
    assert charts(sound(app))[0]["layout"]["yaxis"]["title"]["text"].startswith("distortion")
    app.selectbox(key="protocol").select("new sentences of known speakers").run()
    assert "tested on new sentences" in sub(charts(sound(app))[0])
    app.button_group(key="curve").select("What it costs").run()
    app.selectbox(key="protocol").select("new sentences of known speakers").run()
    assert "tested on new sentences" in sub(charts(sound(app))[0])
    app.button_group(key="curve").select("What is still recognised").run()
    app.selectbox(key="probe").select("support vector machine").run()
    assert "support vector machine" in sub(charts(sound(app))[0])


def test_similarity_of_emotions(open_page: OpenPage) -> None:
    app = sound(open_page("similarity"))
    assert len(charts(app)) == 2
    app.selectbox(key="codebook").select("sad codebook").run()
    app.multiselect(key="emotion").select("sad").run()
    assert titles(sound(app))[0].endswith("sad codebook")
    assert "happy" not in series(charts(app)[0])
    assert "sad" in series(charts(app)[0])
    app.selectbox(key="metric").select("raw cosine between time means").run()
    app.selectbox(key="protocol").select("new sentences of known speakers").run()
    assert "two random clips" in series(charts(sound(app))[0])
    assert "new sentences" in sub(charts(app)[1])


@pytest.mark.parametrize(
    ("score", "words"),
    [("recall", "Recall"), ("mean recall", "Unweighted average recall"), ("macro-F1", "Macro-F1")],
)
def test_recognition_by_score(open_page: OpenPage, score: str, words: str) -> None:
    app = sound(open_page("similarity", view="Recognition", score=score, codebook="happy codebook"))
    assert titles(app) == [f"{words} (logistic regression), happy codebook"]
    assert bool(app.toggle) == (score == "recall")


def test_recognition_with_one_panel_for_each_emotion(open_page: OpenPage) -> None:
    app = sound(open_page("similarity", view="Recognition"))
    assert len([name for name in charts(app)[0]["layout"] if name.startswith("xaxis")]) == 2
    app.toggle(key="apart").set_value(True).run()
    assert len([name for name in charts(sound(app))[0]["layout"] if name.startswith("xaxis")]) == 6
    app.multiselect(key="emotion").select("sad").run()
    app.selectbox(key="probe").select("support vector machine").run()
    assert len([name for name in charts(sound(app))[0]["layout"] if name.startswith("xaxis")]) == 2


def test_confusion_at_a_chosen_lam(open_page: OpenPage) -> None:
    app = sound(open_page("similarity", view="Confusion", lam="0.6"))
    assert titles(app) == ["Answers (logistic regression), λ\u00a0=\u00a00.6"]
    app.select_slider(key="lam").set_value("60").run()
    assert titles(sound(app)) == ["Answers (logistic regression), λ\u00a0=\u00a060"]
    app.selectbox(key="probe").select("support vector machine").run()
    app.selectbox(key="codebook").select("codebook with shuffled labels").run()
    app.selectbox(key="protocol").select("new sentences of known speakers").run()
    assert titles(sound(app)) == ["Answers (support vector machine), λ\u00a0=\u00a060"]
    assert "shuffled" in charts(app)[0]["layout"]["xaxis"]["title"]["text"]


def test_bits_and_limits_of_all_and_of_one_emotion(open_page: OpenPage) -> None:
    app = sound(open_page("rate", view="Limits", metric="distortion (squared "
                          "distance per vector)"))  # fmt: skip
    assert titles(app) == ["What the written bits buy, balanced codebook"]
    assert "one Gaussian: no data of this covariance need more" in series(charts(app)[0])
    app.multiselect(key="emotion").select("sad").run()
    drawn = series(charts(sound(app))[0])
    assert "one Gaussian per emotion: no code of it needs fewer" in drawn
    assert "one Gaussian: no data of this covariance need more" not in drawn
    app.selectbox(key="metric").select("raw cosine between time means").run()
    assert series(charts(sound(app))[0]) == {"sad", "sad: equal bits for every clip"}


def test_equal_bits(open_page: OpenPage) -> None:
    app = sound(open_page("rate", view="Equal bits for every clip"))
    assert titles(app) == ["Equal bits for every clip instead of one λ"]
    app.multiselect(key="emotion").select("sad").run()
    app.selectbox(key="probe").select("support vector machine").run()
    assert series(charts(sound(app))[0]) == {"sad"}
    assert "support vector" in charts(app)[0]["layout"]["yaxis3"]["title"]["text"]


def test_runs_from_before_payload_and_limits_say_what_to_type(
    runs: Path, open_page: OpenPage
) -> None:
    analysis = runs / "demo" / "analysis"
    for name in ("limits", "control"):
        (analysis / f"{name}.parquet").unlink()
    rate = pd.read_parquet(analysis / "rate.parquet")
    write(runs / "demo", "rate", rate[~rate["metric"].isin(["payload_bits", "file_bits"])])
    for query in ({"curve": "What the bits buy"}, {"page": "rate", "view": "Limits"}):
        (limits,) = charts(sound(open_page(**query)))
        note = limits["layout"]["annotations"][0]["text"].replace("<br>", " ")
        assert "older than this figure" in note
        assert "quantlab sweep" in note
    app = sound(open_page("rate", view="Equal bits for every clip"))
    note = charts(app)[0]["layout"]["annotations"][0]["text"].replace("<br>", " ")
    assert "rate_control: true" in note


def test_ways_of_losing_similarity(open_page: OpenPage) -> None:
    app = sound(open_page("similarity", view="Lowered directly"))
    assert titles(app) == ["Who loses first at equal similarity of the whole set"]
    before = charts(app)[0]["layout"]["yaxis"]["range"]
    app.toggle(key="relative").set_value(True).run()
    assert charts(sound(app))[0]["layout"]["yaxis"]["range"] != before
    app.selectbox(key="metric").select("raw cosine, mean over frames").run()
    app.selectbox(key="probe").select("support vector machine").run()
    app.selectbox(key="protocol").select("new sentences of known speakers").run()
    app.multiselect(key="emotion").select("neutral").run()
    assert series(charts(sound(app))[0]) == {"neutral", "the whole set"}


def test_drift(open_page: OpenPage) -> None:
    app = sound(open_page("drift", view="Attraction"))
    assert titles(app) == ["Drift toward each emotion, balanced codebook"]
    assert set(EMOTIONS) <= series(charts(app)[0])
    app.selectbox(key="clips").select("all clips").run()
    assert series(charts(sound(app))[0]) == {
        "all emotions",
        "all emotions, plain blur of equal distortion",
    }
    app.selectbox(key="clips").select("sad clips").run()
    app.selectbox(key="codebook").select("happy codebook").run()
    app.selectbox(key="protocol").select("new sentences of known speakers").run()
    blur = "sad, plain blur toward that class, of equal distortion"
    assert series(charts(sound(app))[0]) == {"sad", blur}


def test_biased_codebooks(open_page: OpenPage) -> None:
    app = sound(open_page("biased"))
    assert titles(app) == ["Codebooks trained on one emotion"]
    notes = [note["text"] for note in charts(app)[0]["layout"]["annotations"]]
    assert notes == [f"{name} codebook" for name in EMOTIONS]
    app.multiselect(key="codebooks").select("sad").run()
    app.multiselect(key="emotion").select("happy").run()
    chart = charts(sound(app))[0]
    assert [note["text"] for note in chart["layout"]["annotations"]] == ["sad codebook"]
    blur = "happy, plain blur toward that class, of equal distortion"
    assert series(chart) == {"happy", blur, "balanced codebook, all clips"}
    app.toggle(key="whole").set_value(True).run()
    app.selectbox(key="metric").select("distortion (squared distance per vector)").run()
    app.selectbox(key="protocol").select("new sentences of known speakers").run()
    assert "new sentences" in sub(charts(sound(app))[0])


@pytest.mark.parametrize(
    ("quantity", "title"),
    [
        ("similarity", "Similarity by codebook and emotion"),
        ("attraction", "Attraction toward the codebook's emotion"),
        ("beyond the plain blur", "Attraction beyond a plain blur toward the codebook's emotion"),
    ],
)
def test_the_matrix_of_biased_codebooks(open_page: OpenPage, quantity: str, title: str) -> None:
    app = sound(open_page("biased", view="Codebook × emotion", equal="equal λ"))
    app.segmented_control(key="shown").set_value(quantity).run()
    app.select_slider(key="lam").set_value("0.6").run()
    assert titles(sound(app))[0] == f"{title}, λ\u00a0=\u00a00.6"


def test_codebooks_at_equal_bits_and_as_a_classifier(open_page: OpenPage) -> None:
    app = sound(open_page("biased", view="Codebook × emotion"))
    assert "payload bits" in titles(app)[0]
    app = sound(open_page("biased", view="Codebook as classifier", over="bits"))
    assert titles(app) == ["Codebooks as a classifier"]


@pytest.mark.parametrize(
    ("over", "axis"),
    [("bits", "payload"), ("similarity of the whole set", "similarity of the whole set")],
)
@pytest.mark.parametrize("view", ["Similarity", "Recognition"])
def test_curves_over_bits_and_similarity(
    open_page: OpenPage, view: str, over: str, axis: str
) -> None:
    chart = charts(sound(open_page("similarity", view=view, over=over)))[0]
    assert chart["layout"]["xaxis"]["title"]["text"].startswith(axis)
    assert set(EMOTIONS) <= series(chart)


@pytest.mark.parametrize(
    ("page", "view", "title"),
    [
        ("similarity", "Lost or shifted", "Lost, or shifted"),
        ("similarity", "Stages", "How many stages"),
        ("similarity", "Ambiguous clips", "Clear and ambiguous clips"),
        ("rate", "Bits four ways", "Bits that the codec spends"),
        ("drift", "Displacement", "Displacement"),
        ("mixed", "Mixing", "Mixed references"),
        ("mixed", "Routes", "Through neutral"),
    ],
)
def test_views_of_studies(open_page: OpenPage, page: str, view: str, title: str) -> None:
    assert titles(sound(open_page(page, view=view)))[0].startswith(title)


def test_a_run_without_maps_says_what_to_type(open_page: OpenPage) -> None:
    app = sound(open_page("drift"))
    assert "quantlab sweep" in app.info[0].value


def test_nothing_to_listen_to_says_what_to_type(open_page: OpenPage) -> None:
    assert "quantlab index" in sound(open_page("listen")).info[0].value


def test_a_run_without_biased_codebooks_says_what_to_type(runs: Path, open_page: OpenPage) -> None:
    for name in ("similarity", "attraction", "rate", "accuracy", "confusion"):
        file = runs / "demo" / "analysis" / f"{name}.parquet"
        table = pd.read_parquet(file)
        write(runs / "demo", name, table[~table["recipe"].str.startswith("biased:")])
    app = sound(open_page("biased"))
    (chart,) = charts(app)
    assert "--bias each" in chart["layout"]["annotations"][0]["text"]


def test_another_run_is_opened_by_its_name(runs: Path, open_page: OpenPage) -> None:
    shutil.copytree(runs / "demo", runs / "other one")
    file = runs / "other one" / "analysis" / "summary.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"run": "other *one*"}))
    app = sound(open_page(run="other one"))
    assert app.title[0].value == "other \\*one\\*"
    app.selectbox(key="run").select("demo").run()
    assert sound(app).title[0].value == "demo"


def test_a_new_sweep_is_seen_without_a_restart(runs: Path, open_page: OpenPage) -> None:
    app = sound(open_page())
    before = charts(app)[0]["data"]
    table = pd.read_parquet(runs / "demo" / "analysis" / "similarity.parquet")
    write(runs / "demo", "similarity", table.assign(value=table["value"] / 2))
    assert charts(sound(app.run()))[0]["data"] != before


@pytest.mark.parametrize("page", ["overview", "similarity", "biased"])
def test_without_any_run_the_page_says_how_to_get_one(
    runs: Path, open_page: OpenPage, page: str
) -> None:
    shutil.rmtree(runs / "demo")
    app = AppTest.from_file(str(EXPLORER), default_timeout=60).run()
    assert [problem.value for problem in app.exception] == []
    assert "make demo" in app.info[0].value
    assert charts(app) == []


@pytest.mark.parametrize("page", ["overview", "similarity", "biased"])
def test_a_run_that_is_not_analysed_says_what_to_type(
    runs: Path, open_page: OpenPage, page: str
) -> None:
    shutil.rmtree(runs / "demo" / "analysis")
    app = open_page(page)
    assert [problem.value for problem in app.exception] == []
    assert "quantlab sweep" in app.error[0].value
    assert charts(app) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"emotions": 3}'])
def test_a_damaged_summary_says_what_to_type(
    runs: Path, open_page: OpenPage, content: bytes
) -> None:
    (runs / "demo" / "analysis" / "summary.json").write_bytes(content)
    app = open_page()
    assert [problem.value for problem in app.exception] == []
    assert "quantlab sweep" in app.error[0].value


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("overview", "similarity"),
        ("overview", "rate"),
        ("overview", "confusion"),
        ("similarity", "similarity"),
        ("biased", "attraction"),
    ],
)
@pytest.mark.parametrize("harm", ["missing", "damaged", "old"])
def test_spoilt_tables_are_explained(
    runs: Path, open_page: OpenPage, page: str, name: str, harm: str
) -> None:
    file = runs / "demo" / "analysis" / f"{name}.parquet"
    if harm == "missing":
        file.unlink()
    elif harm == "damaged":
        file.write_bytes(file.read_bytes()[:300])
    else:
        write(runs / "demo", name, pd.read_parquet(file).drop(columns="lam"))
    app = open_page(page)
    assert [problem.value for problem in app.exception] == []
    said = " ".join(part.value for part in [*app.error, *app.info, *app.warning])
    assert f"{name}.parquet" in said or f"lacks {name}" in said
    assert "quantlab sweep" in said


def test_a_half_finished_sweep_is_drawn_with_a_note(runs: Path, open_page: OpenPage) -> None:
    file = runs / "demo" / "analysis" / "summary.json"
    summary = json.loads(file.read_text())
    file.write_text(json.dumps(summary | {"trials": {"done": 17, "total": 40, "failed": 0}}))
    app = sound(open_page())
    assert "17 of 40 trials" in app.warning[0].value
    assert all("17 of 40 trials" in sub(chart) for chart in charts(app))


def test_names_of_runs_cannot_become_markup(runs: Path, open_page: OpenPage) -> None:
    shutil.copytree(runs / "demo", runs / "[x](javascript:alert(1))")
    file = runs / "[x](javascript:alert(1))" / "analysis" / "summary.json"
    summary = json.loads(file.read_text()) | {
        "run": "<img src=x onerror=alert(1)>",
        "corpus": "$x$",
    }
    file.write_text(json.dumps(summary))
    app = sound(open_page(run="[x](javascript:alert(1))"))
    assert app.title[0].value == "\\<img src=x onerror=alert(1)\\>"
    assert "\\$x\\$" in app.caption[0].value
    assert "<img" not in sub(charts(app)[0])
