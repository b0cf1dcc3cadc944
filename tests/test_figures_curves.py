"""What the figures draw is what the tables say."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from quantlab.figures import (
    EACH_OTHER,
    FigureContext,
    RunTables,
    accuracy_curves,
    attraction_curves,
    biased_classes,
    biased_matrix,
    biased_panel,
    confusion_heatmap,
    emotion_style,
    empty_figure,
    figure_data,
    rate_curves,
    reduction_curves,
    similarity_curves,
    similarity_heatmap,
)
from quantlab.figures.palette import DARK_INK, LIGHT_INK
from tests.synthetic_run import EMOTIONS, LADDER, shared_run

METRIC = "cos_centred_frames"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunTables:
    return RunTables.open(shared_run(tmp_path_factory))


@pytest.fixture(scope="module")
def tables(run: RunTables) -> dict[str, pd.DataFrame]:
    names = ("similarity", "rate", "accuracy", "confusion", "attraction", "references")
    return {name: run.table(name) for name in names}


@pytest.fixture(scope="module")
def context(run: RunTables) -> FigureContext:
    return run.context()


def expect(table: pd.DataFrame, **keys: Any) -> pd.DataFrame:
    for name, value in keys.items():
        table = table[table[name].isna() if value is None else table[name] == value]
    return table.sort_values("lam", na_position="first")


def lines(figure: go.Figure, name: str, *, dash: str | None = None) -> list[Any]:
    return [
        trace
        for trace in figure.data
        if trace.name == name
        and trace.meta is not None
        and (dash is None or trace.line.dash == dash)
    ]


def title(figure: go.Figure) -> str:
    return figure.layout.title.text


def test_similarity_curves_hold_the_table(
    tables: dict[str, pd.DataFrame], context: FigureContext
) -> None:
    figure = similarity_curves(
        tables["similarity"], context=context, references=tables["references"]
    )
    for name in EMOTIONS:
        rows = expect(
            tables["similarity"],
            metric=METRIC,
            protocol="speaker",
            recipe="balanced",
            method="codec",
            emotion=name,
        )
        (line,) = lines(figure, name)
        assert np.array_equal(line.y, rows["value"])
        assert list(line.x[1:]) == list(LADDER[1:])
        assert 0 < line.x[0] < LADDER[1]
        assert np.array_equal(np.asarray(line.customdata)[:, 0], LADDER)
        assert np.array_equal(np.asarray(line.customdata)[:, 1], rows["low"])
        style = emotion_style(name)
        assert (line.line.color, line.marker.symbol) == (style.light, style.symbol)
        (band,) = [trace for trace in figure.data if trace.name == f"{name}, interval"]
        edge = np.concatenate([rows["high"], rows["low"][::-1]])
        assert np.array_equal(band.y, edge)
        assert f"<b>{name}</b>" in line.hovertext[0]
        assert "6 speakers" in line.hovertext[0]
    known = tables["references"].set_index("metric")["value"]
    (pair,) = lines(figure, "two random clips")
    assert set(pair.y) == {known[f"random_pair_{METRIC}"]}
    (constant,) = lines(figure, "constant output")
    assert set(constant.y) == {0.0}
    assert "0" in figure.layout.xaxis.ticktext
    assert "run demo" in title(figure)
    assert "simulated, 6 speakers" in title(figure)
    assert "tested on new speakers" in title(figure)


def test_similarity_of_chosen_emotions_and_other_metrics(
    tables: dict[str, pd.DataFrame], context: FigureContext
) -> None:
    figure = similarity_curves(
        tables["similarity"],
        context=context,
        metric="distortion",
        recipe="biased:sad",
        protocol="text",
        emotions=["sad", "fear"],
    )
    drawn = {trace.name for trace in figure.data if trace.meta is not None}
    assert drawn == {"fear", "sad", "all emotions"}
    assert "sad codebook" in title(figure)
    assert "new sentences" in title(figure)


def test_dark_figures_use_dark_shades(
    tables: dict[str, pd.DataFrame], context: FigureContext
) -> None:
    figure = similarity_curves(tables["similarity"], context=context.on(dark=True))
    assert lines(figure, "sad")[0].line.color == emotion_style("sad").dark
    assert figure.layout.template.layout.paper_bgcolor == DARK_INK.paper
    assert LIGHT_INK.text not in (figure.to_json() or "")


def test_the_heat_map_holds_the_table(
    tables: dict[str, pd.DataFrame], context: FigureContext
) -> None:
    figure = similarity_heatmap(tables["similarity"], context=context)
    (cells,) = figure.data
    assert list(cells.y) == [*EMOTIONS, "all"]
    assert list(cells.x) == ["0", "0.02", "0.06", "0.2", "0.6", "2", "6", "20", "60"]
    for place, name in enumerate(cells.y):
        rows = expect(
            tables["similarity"],
            metric=METRIC,
            protocol="speaker",
            recipe="balanced",
            method="codec",
            emotion=name,
        )
        assert np.array_equal(np.asarray(cells.z)[place], rows["value"])
        assert cells.text[place][0] == f"{rows['value'].iloc[0]:.2f}"


def test_a_long_ladder_is_thinned_out_with_a_note(context: FigureContext) -> None:
    lams = np.geomspace(0.01, 100, 70)
    rows = pd.DataFrame({"lam": lams, "value": np.linspace(1, 0, 70)})
    keys = {
        "protocol": "speaker",
        "recipe": "balanced",
        "method": "codec",
        "metric": METRIC,
        "emotion": "sad",
        "low": np.nan,
        "high": np.nan,
        "num_items": 3,
        "num_speakers": 1,
    }
    figure = similarity_heatmap(rows.assign(**keys), context=context)
    assert len(figure.data[0].x) == 24
    assert "24 of 70 λ shown" in title(figure)
    assert np.asarray(figure.data[0].customdata)[0, [0, -1], 0].tolist() == [lams[0], lams[-1]]


@pytest.mark.parametrize("metric", ["uar", "macro_f1"])
def test_mean_scores_have_references_and_both_protocols(
    tables: dict[str, pd.DataFrame], context: FigureContext, metric: str
) -> None:
    figure = accuracy_curves(tables["accuracy"], context=context, metric=metric)
    accuracy = expect(tables["accuracy"], probe="logistic", metric=metric, recipe="balanced")
    codec = [line for line in lines(figure, "rate-aware code choice") if len(line.x) > 1]
    blur = lines(figure, "plain blur of equal distortion", dash="dot")
    for place, protocol in enumerate(("speaker", "text")):
        rows = expect(accuracy, protocol=protocol, method="codec")
        assert np.array_equal(codec[place].y, rows["value"])
        assert codec[place].xaxis == ("x", "x2")[place]
        rows = expect(accuracy, protocol=protocol, method="shrink_mean")
        assert np.array_equal(blur[place].y, rows["value"])
        clean = expect(accuracy, protocol=protocol, method="clean")["value"].iloc[0]
        assert lines(figure, "unquantized")[2 * place + 1].y[0] == clean
    levels = {
        trace.name: trace.y[0] for trace in figure.data if trace.meta and trace.meta.get("level")
    }
    chance = next(value for name, value in levels.items() if name.startswith("chance"))
    assert chance == pytest.approx(1 / 6)
    if metric == "macro_f1":
        assert levels["always the commonest class"] == pytest.approx(accuracy["majority"].iloc[0])
    assert figure.layout.xaxis.ticktext[0] == "clean"


def test_constant_answers_are_drawn_hollow(
    tables: dict[str, pd.DataFrame], context: FigureContext
) -> None:
    figure = accuracy_curves(tables["accuracy"], context=context, protocols=["text"])
    rows = expect(
        tables["accuracy"],
        probe="logistic",
        metric="uar",
        recipe="balanced",
        protocol="text",
        method="codec",
    )
    assert rows["constant"].any()
    (line,) = [part for part in lines(figure, "rate-aware code choice") if len(part.x) > 1]
    hollow = [symbol.endswith("-open") for symbol in line.marker.symbol]
    assert hollow == list(rows["constant"])
    assert any("same label" in (trace.name or "") for trace in figure.data)


@pytest.mark.parametrize("apart", [False, True])
def test_recall_is_drawn_for_each_emotion(
    tables: dict[str, pd.DataFrame], context: FigureContext, apart: bool
) -> None:
    figure = accuracy_curves(
        tables["accuracy"], context=context, metric="recall", emotions=["sad", "fear"], apart=apart
    )
    rows = expect(
        tables["accuracy"],
        probe="logistic",
        metric="recall",
        recipe="balanced",
        protocol="text",
        method="codec",
        emotion="sad",
    )
    curves = [line for line in lines(figure, "sad") if len(line.x) > 1]
    assert len(curves) == 2
    assert np.array_equal(curves[1].y, rows["value"])
    blurs = lines(figure, "sad, plain blur of equal distortion")
    assert len(blurs) == (2 if apart else 0)
    axes = [name for name in figure.to_plotly_json()["layout"] if name.startswith("xaxis")]
    assert len(axes) == (4 if apart else 2)


def test_rates_hold_the_table(tables: dict[str, pd.DataFrame], context: FigureContext) -> None:
    figure = rate_curves(tables["rate"], context=context, emotions=["sad"])
    data = figure_data(figure)
    for metric, count in (("bits_per_vector", 2), ("entropy_bits", 1), ("distinct_share", 1)):
        assert len(data[data["quantity"] == metric]) == count * len(LADDER)
    rows = expect(
        tables["rate"],
        protocol="speaker",
        recipe="balanced",
        method="codec",
        emotion="all",
        metric="bits_per_vector",
    )
    drawn = data[(data["quantity"] == "bits_per_vector") & data["series"].str.startswith("code")]
    assert np.array_equal(drawn["value"], rows["value"])


@pytest.mark.parametrize("relative", [False, True])
def test_reductions_stand_over_the_similarity_of_the_set(
    tables: dict[str, pd.DataFrame], context: FigureContext, relative: bool
) -> None:
    figure = reduction_curves(
        tables["similarity"], tables["accuracy"], context=context, relative=relative
    )
    curves = lines(figure, "neutral")
    assert len(curves) == 6
    for place, method in enumerate(("codec", "drop_least", "coarse_step")):
        keys = {"protocol": "speaker", "recipe": "balanced", "method": method}
        rows = expect(tables["similarity"], metric=METRIC, emotion="neutral", **keys)
        whole = expect(tables["similarity"], metric=METRIC, emotion="all", **keys)
        line = next(part for part in curves if part.xaxis == ("x", "x2", "x3")[place])
        assert np.array_equal(line.x, whole["value"])
        shown = rows["value"].to_numpy() - (whole["value"].to_numpy() if relative else 0.0)
        assert np.array_equal(line.y, shown)
        recall = next(part for part in curves if part.xaxis == ("x4", "x5", "x6")[place])
        rows = expect(
            tables["accuracy"], metric="recall", probe="logistic", emotion="neutral", **keys
        )
        assert np.array_equal(recall.y, rows["value"])
        assert np.array_equal(recall.x, whole["value"])
    left, right = figure.layout.xaxis.range
    assert left > right, "damage grows to the right"
    assert figure_data(figure)["x"].notna().all()


def test_drift_shows_codec_reference_and_paired_difference(
    tables: dict[str, pd.DataFrame], context: FigureContext
) -> None:
    figure = attraction_curves(tables["attraction"], context=context, targets=["neutral", "sad"])
    keys = {"protocol": "speaker", "recipe": "balanced", "target": "neutral", "emotion": "all"}
    codec = expect(tables["attraction"], method="codec", **keys)
    blur = expect(tables["attraction"], method="shrink_mean", **keys)
    apart = expect(tables["attraction"], method="codec-minus-shrink_mean", **keys)
    above, below = (
        [line for line in lines(figure, "all emotions") if line.xaxis == axis]
        for axis in ("x", "x3")
    )
    assert np.array_equal(above[0].y, codec["value"])
    assert np.array_equal(below[0].y, apart["value"])
    dotted = lines(figure, "all emotions, plain blur of equal distortion")[0]
    assert np.array_equal(dotted.y, blur["value"])
    assert dotted.line.dash == "dot"
    symbols = below[0].marker.symbol
    unsure = ~apart["verdict_before_holm"].isin(["above", "below"])
    assert [symbol.endswith("-open") for symbol in symbols] == list(unsure)
    assert "closer than the plain blur" in below[0].hovertext[-1]
    text = [note.text for note in figure.layout.annotations]
    assert text == ["toward neutral", "toward sad"]


def test_drift_of_each_other_emotion_leaves_the_target_out(
    tables: dict[str, pd.DataFrame], context: FigureContext
) -> None:
    figure = attraction_curves(
        tables["attraction"], context=context, targets=["sad"], emotion=EACH_OTHER
    )
    data = figure_data(figure)
    drawn = set(data.loc[data["panel"] == "toward sad", "series"])
    assert "sad" not in drawn
    assert {"angry", "fear", "happy", "neutral", "surprise"} <= drawn


def test_biased_codebooks_have_two_rows_and_a_column_each(
    tables: dict[str, pd.DataFrame], context: FigureContext
) -> None:
    assert biased_classes(tables["similarity"]) == list(EMOTIONS)
    figure = biased_panel(
        tables["similarity"], tables["attraction"], context=context, codebooks=["fear", "sad"]
    )
    keys = {"protocol": "speaker", "recipe": "biased:sad"}
    rows = expect(tables["similarity"], metric=METRIC, method="codec", emotion="happy", **keys)
    (line,) = [part for part in lines(figure, "happy") if part.xaxis == "x2"]
    assert np.array_equal(line.y, rows["value"])
    drift = expect(
        tables["attraction"], method="shrink_class", target="sad", emotion="happy", **keys
    )
    blurs = lines(figure, "happy, plain blur toward that class, of equal distortion")
    (dotted,) = [part for part in blurs if part.xaxis == "x4"]
    assert np.array_equal(dotted.y, drift["value"])
    own = {
        part.xaxis: part.line.width for part in lines(figure, "sad") if part.line.dash == "solid"
    }
    assert own["x2"] > own["x"], "a codebook's own emotion is drawn thick"


def test_biased_codebooks_stand_beside_the_balanced_one(
    tables: dict[str, pd.DataFrame], context: FigureContext
) -> None:
    figure = biased_panel(
        tables["similarity"], tables["attraction"], context=context, codebooks=["fear", "sad"]
    )
    keys = {"protocol": "speaker", "recipe": "balanced", "method": "codec", "emotion": "all"}
    dashed = {line.xaxis: line for line in lines(figure, "balanced codebook, all clips")}
    assert set(dashed) == {"x", "x2", "x3", "x4"}
    rows = expect(tables["similarity"], metric=METRIC, **keys)
    assert np.array_equal(dashed["x2"].y, rows["value"])
    rows = expect(tables["attraction"], target="sad", **keys)
    assert np.array_equal(dashed["x4"].y, rows["value"])


@pytest.mark.parametrize("whole", [False, True])
def test_a_reference_far_away_is_named_instead_of_flattening_the_curves(
    tables: dict[str, pd.DataFrame], context: FigureContext, whole: bool
) -> None:
    attraction = tables["attraction"].copy()
    attraction.loc[attraction["method"] == "shrink_class", ["value", "low", "high"]] = 900.0
    figure = biased_panel(tables["similarity"], attraction, context=context, whole=whole)
    notes = [note.text for note in figure.layout.annotations if note.text.startswith("blur")]
    assert notes == ([] if whole else ["blur: 900° to 900° ↑"] * 6)
    assert (figure.layout.yaxis7.range[1] > 900) == whole


@pytest.mark.parametrize("quantity", ["similarity", "attraction", "difference"])
def test_the_matrix_holds_the_table_at_the_nearest_lam(
    tables: dict[str, pd.DataFrame], context: FigureContext, quantity: str
) -> None:
    figure = biased_matrix(
        tables["similarity"], tables["attraction"], context=context, lam=5.0, quantity=quantity
    )
    (cells,) = figure.data
    names = [f"{name} codebook" for name in EMOTIONS]
    assert list(cells.y) == names + (["balanced codebook"] if quantity == "similarity" else [])
    keys: dict[str, Any] = {
        "protocol": "speaker",
        "recipe": "biased:sad",
        "lam": 6.0,
        "emotion": "fear",
    }
    if quantity == "similarity":
        rows = expect(tables["similarity"], metric=METRIC, method="codec", **keys)
    else:
        method = "codec" if quantity == "attraction" else "codec-minus-shrink_class"
        rows = expect(tables["attraction"], method=method, target="sad", **keys)
    row, column = names.index("sad codebook"), list(cells.x).index("fear")
    assert np.asarray(cells.z)[row, column] == rows["value"].iloc[0]
    if quantity == "difference":
        mark = {"above": "▲", "below": "▼"}.get(rows["verdict_before_holm"].iloc[0], "")
        assert mark in cells.text[row][column]
        assert cells.zmin == -cells.zmax
    assert "λ\u00a0=\u00a06" in title(figure)


@pytest.mark.parametrize("lam", [5.0, float("nan")])
def test_confusions_are_shares_of_the_true_class(
    tables: dict[str, pd.DataFrame], context: FigureContext, lam: float
) -> None:
    figure = confusion_heatmap(tables["confusion"], context=context, lam=lam, probe="svm")
    (cells,) = figure.data
    shares = np.asarray(cells.z)
    assert np.nansum(shares, axis=1) == pytest.approx(100.0)
    clean = np.isnan(lam)
    rows = expect(
        tables["confusion"],
        protocol="speaker",
        recipe="balanced",
        probe="svm",
        method="clean" if clean else "codec",
        lam=None if clean else 6.0,
        emotion="sad",
    )
    hit = rows.loc[rows["predicted"] == "sad", "count"].iloc[0] / rows["count"].sum()
    place = list(cells.y).index("sad")
    assert shares[place, list(cells.x).index("sad")] == pytest.approx(100 * hit)
    assert ("unquantized" in title(figure)) == clean


def test_too_few_speakers_have_curves_without_bands(context: FigureContext) -> None:
    rows = pd.DataFrame(
        {
            "lam": [0.0, 1.0],
            "value": [1.0, 0.5],
            "low": np.nan,
            "high": np.nan,
            "num_items": 4,
            "num_speakers": 1,
            "protocol": "speaker",
            "recipe": "balanced",
            "method": "codec",
            "metric": METRIC,
            "emotion": "sad",
        }
    )
    figure = similarity_curves(rows, context=context)
    assert [trace.name for trace in figure.data if trace.fill] == []
    assert "1 speaker" in lines(figure, "sad")[0].hovertext[0]


def test_every_figure_of_an_empty_table_says_what_to_type(
    tables: dict[str, pd.DataFrame], context: FigureContext
) -> None:
    none = {name: table.iloc[:0] for name, table in tables.items()}
    figures = [
        similarity_curves(none["similarity"], context=context),
        similarity_heatmap(none["similarity"], context=context),
        accuracy_curves(none["accuracy"], context=context),
        rate_curves(none["rate"], context=context),
        reduction_curves(none["similarity"], none["accuracy"], context=context),
        attraction_curves(none["attraction"], context=context),
        biased_panel(none["similarity"], none["attraction"], context=context),
        biased_matrix(none["similarity"], none["attraction"], context=context, lam=1.0),
        confusion_heatmap(none["confusion"], context=context, lam=1.0),
    ]
    for figure in figures:
        assert len(figure.data) == 0
        (note,) = figure.layout.annotations
        assert "<b>quantlab" in note.text or "not evaluated" in note.text
        assert figure_data(figure).empty


def test_sentences_of_empty_figures_are_escaped(context: FigureContext) -> None:
    figure = empty_figure("no <script> here, type `make <demo>`", context=context, title="T")
    text = figure.layout.annotations[0].text
    assert text == "no &lt;script&gt; here, type <b>make &lt;demo&gt;</b>"
