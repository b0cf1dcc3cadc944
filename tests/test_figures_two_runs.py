"""Two runs in one picture and in words: what is drawn and said is what the tables hold."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from quantlab.analysis import DIFFERENCE_COLUMNS, difference_table, verdict
from quantlab.figures import (
    RunTables,
    cautions,
    compared_words,
    difference_curves,
    difference_sentence,
    figure_data,
    named_by_folder,
    rows_over,
    same_corpus,
    settings_beside,
    two_runs_curves,
)
from tests.synthetic_run import LADDER, build_run

METRIC = "cos_centred_frames"
CHOSEN = {"metric": METRIC, "axis": "payload_bits"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunTables]:
    folder = tmp_path_factory.mktemp("two")
    common: dict[str, Any] = {"num_texts": 2, "ladder": LADDER[::2], "biased": False}
    build_run(folder / "one", emotions=("happy", "neutral", "sad"), **common)
    build_run(folder / "two", emotions=("happy", "neutral", "sad"), seed=6, **common)
    build_run(folder / "small", emotions=("fear", "happy", "sad"), num_speakers=4, **common)
    return {name: RunTables.open(folder / name) for name in ("one", "two", "small")}


def rows_of(run: RunTables, **chosen: Any) -> pd.DataFrame:
    return rows_over(
        *(run.table(name) for name in ("similarity", "rate", "accuracy")), **{**CHOSEN, **chosen}
    )


def differences(first: RunTables, second: RunTables, **chosen: Any) -> pd.DataFrame:
    tables = first.table("speakers"), second.table("speakers")
    return difference_table(*tables, **{**CHOSEN, **chosen})


def changed(run: RunTables, **summary: Any) -> RunTables:
    return replace(run, summary={**run.summary, **summary})


def curve(figure: go.Figure, name: str, axis: str = "x") -> Any:
    (found,) = [
        trace
        for trace in figure.data
        if trace.meta is not None and trace.name == name and trace.xaxis == axis
    ]
    return found


def note(figure: go.Figure) -> str:
    return figure.layout.annotations[0].text.replace("<br>", " ")


def title(figure: go.Figure) -> str:
    return figure.layout.title.text


@pytest.mark.parametrize(
    ("metric", "axis", "table", "keys"),
    [
        (METRIC, "payload_bits", "similarity", {"metric": METRIC}),
        ("payload_bits", "distortion", "rate", {"metric": "payload_bits"}),
        ("recall_svm", "payload_bits", "accuracy", {"metric": "recall", "probe": "svm"}),
        ("uar_svm", "distortion", "accuracy", {"metric": "uar", "probe": "svm"}),
    ],
)
def test_rows_stand_where_their_axis_is(
    runs: dict[str, RunTables], metric: str, axis: str, table: str, keys: dict[str, str]
) -> None:
    rows = rows_of(runs["one"], metric=metric, axis=axis, protocol="text", recipe="natural")
    at = {"protocol": "text", "recipe": "natural", "method": "codec"}

    def expected(name: str, **more: str) -> pd.Series:
        found = runs["one"].table(name)
        for key, value in {**at, **more}.items():
            found = found[found[key] == value]
        return found.set_index(["emotion", "lam"])["value"]

    places = expected("rate" if axis == "payload_bits" else "similarity", metric=axis)
    values = expected(table, **keys)
    assert len(rows) == len(values) > 0
    for row in rows.itertuples():
        assert row.value == values[row.emotion, row.lam]
        assert row.x == places[row.emotion, row.lam]
        assert np.isnan(row.chance) if table != "accuracy" else row.chance == pytest.approx(1 / 3)


def test_code_length_stands_in_where_nothing_was_written(runs: dict[str, RunTables]) -> None:
    rate = runs["one"].table("rate")
    rows = rows_over(
        runs["one"].table("similarity"),
        rate[rate["metric"] != "payload_bits"],
        runs["one"].table("accuracy"),
        **CHOSEN,
    )
    own = (rate["metric"] == "bits_per_vector") & (rate["protocol"] == "speaker")
    charged = rate[own & (rate["recipe"] == "balanced") & (rate["method"] == "codec")]
    known = charged.set_index(["emotion", "lam"])["value"]
    assert len(rows) == len(known)
    assert all(row.x == known[row.emotion, row.lam] for row in rows.itertuples())


def test_every_emotion_can_stand_on_the_axis_of_all_clips(runs: dict[str, RunTables]) -> None:
    rows = rows_of(runs["one"], axis="cos_centred_frames", whole=True)
    every = rows_of(runs["one"], axis="cos_centred_frames").set_index(["emotion", "lam"])["x"]
    assert {*rows["emotion"]} == {"all", "happy", "neutral", "sad"}
    assert all(row.x == every["all", row.lam] for row in rows.itertuples())


def test_two_runs_stand_side_by_side_on_one_axis(runs: dict[str, RunTables]) -> None:
    first, second = runs["one"], runs["small"]
    figure = two_runs_curves(
        rows_of(first),
        rows_of(second),
        context=first.context(),
        beside=second.context(),
        references=first.table("references"),
        beside_references=second.table("references"),
        **CHOSEN,
    )
    for run, axis in ((first, "x"), (second, "x2")):
        rows = rows_of(run)
        for name in (*run.emotions, "all"):
            own = rows[rows["emotion"] == name]
            line = curve(figure, "all emotions" if name == "all" else name, axis)
            assert np.array_equal(line.x, own["x"])
            assert np.array_equal(line.y, own["value"])
            assert np.array_equal(np.asarray(line.customdata)[:, 1], own["low"])
        pair = curve(figure, "two random clips", axis)
        known = run.table("references").set_index("metric")["value"]
        assert set(pair.y) == {known[f"random_pair_{METRIC}"]}
    assert figure.layout.yaxis2.matches == "y"
    assert figure.layout.xaxis.range == figure.layout.xaxis2.range
    assert [text.text for text in figure.layout.annotations] == ["one", "small"]
    for words in ("one: simulated, functionals, 6 speakers", "small: simulated", "new speakers"):
        assert words in title(figure)
    entries = [trace.name for trace in figure.data if trace.meta and trace.showlegend]
    assert sorted(entries) == ["all emotions", "fear", "happy", "neutral", "sad"]


def test_scores_stand_beside_the_chance_of_each_run(runs: dict[str, RunTables]) -> None:
    chosen = {"metric": "recall_svm", "axis": "distortion"}
    figure = two_runs_curves(
        rows_of(runs["one"], **chosen),
        rows_of(runs["two"], **chosen),
        context=runs["one"].context(dark=True),
        beside=replace(runs["two"].context(), embedder="another"),
        emotions=["sad"],
        **chosen,
    )
    for axis in ("x", "x2"):
        assert curve(figure, "chance", axis).y == pytest.approx([1 / 3, 1 / 3])
    assert {trace.name for trace in figure.data if trace.meta} == {"sad", "chance"}
    assert figure.layout.xaxis.range != figure.layout.xaxis2.range
    assert figure.layout.yaxis.tickformat == ".0%"
    assert figure.layout.template.layout.paper_bgcolor == "#15181e"


def test_a_run_without_the_rows_is_named(runs: dict[str, RunTables]) -> None:
    rows = rows_of(runs["one"])
    figure = two_runs_curves(
        rows,
        rows.iloc[:0],
        context=runs["one"].context(),
        beside=runs["two"].context(),
        **CHOSEN,
    )
    assert "two: no centred cosine" in note(figure)
    assert "quantlab sweep" in note(figure)


@pytest.mark.parametrize("apart", [False, True])
def test_difference_curves_hold_the_table(runs: dict[str, RunTables], apart: bool) -> None:
    table = differences(runs["one"], runs["two"])
    figure = difference_curves(
        table,
        context=runs["one"].context(),
        beside=runs["two"].context(),
        apart=apart,
        **CHOSEN,
    )
    shown = [*runs["one"].emotions, "all"]
    for place, name in enumerate(shown):
        own = table[table["emotion"] == name]
        axis = f"x{place + 1}" if apart and place else "x"
        line = curve(figure, "all emotions" if name == "all" else name, axis)
        assert np.array_equal(line.x, own["level"])
        assert np.array_equal(line.y, own["difference"])
        custom = np.asarray(line.customdata)
        assert np.array_equal(custom[:, 1:3], own[["low", "high"]])
        assert np.array_equal(custom[:, 4], own["num_speakers"])
        told = verdict(own["low"], own["high"], own["num_speakers"])
        symbols = np.broadcast_to(line.marker.symbol, len(own))
        hollow = [str(symbol).endswith("-open") for symbol in symbols]
        assert hollow == np.isin(told, ["inside", "cannot tell"]).tolist()
        assert "6 speakers of both" in line.hovertext[len(own) // 2]
        band = [trace for trace in figure.data if trace.name == f"{line.name}, interval"]
        assert len(band) == 1
        edge = np.concatenate([own["high"], own["low"][::-1]])
        assert np.array_equal(band[0].y, edge)
    zero = [trace for trace in figure.data if trace.name in ("no difference", "reference")]
    assert len(zero) == (len(shown) if apart else 1)
    assert all(set(trace.y) == {0.0} for trace in zero)
    assert "one less two" in figure.layout.yaxis.title.text
    assert title(figure).startswith("Difference at equal bits: centred cosine")
    exported = figure_data(figure)
    assert len(exported) == len(table) + len(zero)


def test_wide_intervals_of_few_speakers_do_not_flatten_the_rest(
    runs: dict[str, RunTables],
) -> None:
    table = differences(runs["one"], runs["two"])
    wild = table["level"] == table["level"].max()
    far = table.assign(
        low=table["low"].mask(wild, -50.0),
        high=table["high"].mask(wild, 50.0),
        num_speakers=table["num_speakers"].mask(wild, 2),
    )
    figure = difference_curves(
        far, context=runs["one"].context(), beside=runs["two"].context(), **CHOSEN
    )
    assert max(map(abs, figure.layout.yaxis.range)) < 2.0


def test_without_values_of_speakers_the_figure_says_what_to_type(
    runs: dict[str, RunTables],
) -> None:
    contexts = {"context": runs["one"].context(), "beside": runs["two"].context()}
    nothing = differences(runs["one"], runs["two"]).iloc[:0]
    figure = difference_curves(nothing, lacking=["runs/one", "runs/two"], **contexts, **CHOSEN)
    assert "<b>quantlab sweep runs/one</b> and <b>quantlab sweep runs/two</b>" in note(figure)
    assert "only the analysis" in note(figure)
    figure = difference_curves(nothing, **contexts, **CHOSEN)
    assert "no point of equal bits that at least two speakers" in note(figure)


def made(**changes: Any) -> pd.DataFrame:
    row: dict[str, Any] = {
        "axis": "payload_bits",
        "level": 20.0,
        "emotion": "all",
        "value_first": 0.75,
        "value_second": 0.70,
        "difference": 0.05,
        "low": 0.02,
        "high": 0.109,
        "num_speakers": 6,
        "num_first": 6,
        "num_second": 6,
        "paired": True,
    }
    return pd.DataFrame([row | changes], columns=list(DIFFERENCE_COLUMNS))


def said(table: pd.DataFrame, metric: str = METRIC, **changes: Any) -> str:
    chosen: dict[str, Any] = {"names": ("A", "B"), "level": 20.0, "per": "clip"}
    return difference_sentence(table, metric=metric, **chosen | changes)


def test_a_difference_is_said_in_one_sentence() -> None:
    assert said(made()) == (
        "At 20 bits per clip, A keeps 0.05 (0.02 to 0.11) more similarity than B over all clips "
        "(0.75 against 0.70), 6 speakers paired."
    )
    less = made(difference=-0.05, low=-0.09, high=-0.02, emotion="sad", paired=False, num_second=9)
    assert said(less, emotion="sad") == (
        "At 20 bits per clip, A keeps 0.050 (0.020 to 0.090) less similarity than B over sad "
        "clips (0.75 against 0.70), 6 and 9 speakers, not paired."
    )
    points = made(axis="distortion")
    assert said(points, "uar_svm").startswith(
        "At a distortion of 20, A has 5 points (2 to 11) more mean recall (support vector machine) "
        "than B over all clips (75 % against 70 %)"
    )
    bits = made(axis="distortion", difference=3.0, low=1.0, high=5.0)
    assert "A spends 3.0 (1.0 to 5.0) more bits than B" in said(bits, "payload_bits")
    assert "A has 3.0 (1.0 to 5.0) more distortion than B" in said(bits, "distortion")


def test_what_cannot_be_told_is_not_claimed() -> None:
    inside = said(made(low=-0.2))
    assert "no difference in similarity is to be seen over all clips" in inside
    assert "A less B is 0.05 (−0.20 to 0.11)" in inside
    few = said(made(num_speakers=5, num_first=5, num_second=5))
    assert "cannot tell over all clips: 5 speakers of both runs, and fewer than 6" in few
    assert "more similarity" not in few
    welch = said(made(num_speakers=4, num_first=4, num_second=9, paired=False))
    assert "cannot tell over all clips: 4 speakers in one run" in welch
    assert said(made(), level=21.0) == ""
    assert said(made(level=1234.25), level=1234.25).startswith("At 1,234.25 bits per clip")
    assert said(made(), emotion="sad") == ""


def test_names_of_metrics() -> None:
    assert compared_words("recall_logistic") == "recall (logistic regression)"
    assert compared_words("uar_svm") == "mean recall (support vector machine)"
    assert compared_words("payload_bits") == "bits per vector"
    assert compared_words(METRIC) == "centred cosine, mean over frames"


def cautioned(first: RunTables, second: RunTables, **changes: Any) -> str:
    return " ".join(cautions(first, second, **{**CHOSEN, "paired": True, **changes}))


def test_runs_that_compare_well_need_no_caution(runs: dict[str, RunTables]) -> None:
    assert cautioned(runs["one"], runs["two"]) == ""
    assert cautioned(runs["one"], runs["two"], axis="distortion") == ""


def test_cautions_say_what_speaks_against_a_comparison(runs: dict[str, RunTables]) -> None:
    one, two = runs["one"], runs["two"]
    other = changed(two, embedder={"name": "stylevc"})
    assert "Compare at equal bits" in cautioned(one, other, axis="distortion")
    assert "Compare at equal bits" in cautioned(one, other, metric="distortion")
    assert cautioned(one, other) == ""
    newer = changed(two, embedder={**two.summary["embedder"], "version": "2"})
    assert "Compare at equal bits" in cautioned(one, newer, axis="distortion")
    frames = changed(two, level="frame")
    assert "one one vector per clip" not in cautioned(one, frames)
    assert "two one per frame: bits per vector are not bits per clip" in cautioned(one, frames)
    emotions = cautioned(one, runs["small"])
    assert "Only one has neutral; only small has fear." in emotions
    assert "different clips" in emotions  # 36 against 24 clips of one corpus
    assert "variance" in cautioned(one, changed(two, corpus="esd"), axis="distortion")
    assert "variance" not in cautioned(one, changed(two, corpus="esd"))
    assert "code length there" in cautioned(one, changed(two, prior="transformer"))
    assert "two: labels were permuted" in cautioned(
        one, changed(two, notes=["negative control: labels permuted"])
    )
    assert "Welch" in cautioned(one, two, paired=False)
    assert "Welch" not in cautioned(one, two, paired=None)


def test_speakers_are_the_same_only_in_a_corpus_with_a_name(runs: dict[str, RunTables]) -> None:
    one, two = runs["one"], runs["two"]
    assert same_corpus(one, two)
    assert not same_corpus(one, changed(two, corpus="esd"))
    unnamed = [changed(run, corpus="unnamed") for run in (one, two)]
    assert not same_corpus(*unnamed)


def test_settings_stand_side_by_side(runs: dict[str, RunTables]) -> None:
    second = changed(runs["small"], prior="pairwise", ladder=[0.0, 2.5])
    table = settings_beside(runs["one"], second).set_index("setting")
    assert table.loc["prior"].tolist() == ["–", "pairwise", False]
    assert table.loc["speakers"].tolist() == ["6", "4", False]
    assert table.loc["emotions", "second"] == "fear, happy and sad"
    assert table.loc["groups × stages × codes"].tolist() == ["1 × 8 × 32", "1 × 8 × 32", True]
    assert table.loc["λ", "second"] == "2 from 0 to 2.5"
    assert table.loc["quantlab"].tolist() == ["0.1.0", "0.1.0", True]
    assert table.loc["corpus", "same"]
    assert "trainer" not in table.index  # neither run tells
    assert settings_beside(runs["one"], runs["one"])["same"].all()


@pytest.mark.parametrize("value", [None, "x", 3, [3], {"a": 1}])
def test_settings_of_a_strange_summary_are_still_told(
    runs: dict[str, RunTables], value: Any
) -> None:
    keys = ("corpus", "embedder", "ladder", "recipes", "probes", "seeds", "num_items", "groups",
            "provenance", "num_dims", "level", "prior", "notes", "trials")  # fmt: skip
    strange = changed(runs["two"], **dict.fromkeys(keys, value))
    assert len(settings_beside(runs["one"], strange))
    assert isinstance(cautions(runs["one"], strange, axis="distortion", metric=METRIC), list)


def test_a_run_goes_by_its_folder(tmp_path: Path, runs: dict[str, RunTables]) -> None:
    shutil.copytree(runs["one"].path, tmp_path / "copy")
    file = tmp_path / "copy" / "analysis" / "summary.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"run": "one"}))
    run = RunTables.open(tmp_path / "copy")
    assert run.name == "one"
    assert named_by_folder(run).name == "copy"
    assert named_by_folder(run).context().run == "copy"
