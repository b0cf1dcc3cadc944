"""Figures of the further studies draw what their tables hold; sentences follow the tables."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from quantlab.figures import (
    FigureContext,
    RunTables,
    ambiguity_curves,
    displacement_bars,
    displacement_curves,
    figure_data,
    information_curves,
    mixing_curves,
    mixing_simplex,
    predecessor,
    published_curves,
    published_table,
    recipe_matrix,
    reduction_heatmap,
    reduction_panels,
    routes_curves,
    routing_curves,
    stage_curves,
)
from quantlab.figures.ambiguity import read_ambiguity
from quantlab.figures.claims import NOTHING
from quantlab.figures.displacement import read_displacement
from quantlab.figures.information import read_information
from quantlab.figures.material import Material
from quantlab.figures.mixing import read_middle, read_mixing
from quantlab.figures.predecessor import published_kinds, read_published
from quantlab.figures.recipes import read_matrix
from quantlab.figures.reductions import read_differences, read_order
from quantlab.figures.routes import read_routes
from quantlab.figures.routing import read_routing
from quantlab.figures.schema import COLUMNS, OPTIONAL, empty_table
from quantlab.figures.sections import figures_of, report_sections
from quantlab.figures.stages import read_stages
from tests.synthetic_run import EMOTIONS, LADDER, shared_run

METRIC = "cos_centred_frames"
STUDIES = (
    "claims",
    "displacement",
    "matched",
    "information",
    "routing",
    "ambiguity",
    "stages",
    "mixing",
    "routes",
)
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunTables:
    return RunTables.open(shared_run(tmp_path_factory))


@pytest.fixture(scope="module")
def given(run: RunTables) -> Material:
    return Material.of(run)


@pytest.fixture(scope="module")
def context(run: RunTables) -> FigureContext:
    return run.context()


def rows_of(table: pd.DataFrame, order: str, **keys: Any) -> pd.DataFrame:
    for name, value in keys.items():
        table = table[table[name] == value]
    return table.sort_values(order)


def trace(figure: go.Figure, name: str, axis: str = "x", **line: Any) -> Any:
    (found,) = [
        part
        for part in figure.data
        if part.name == name
        and part.meta is not None
        and not part.meta.get("level")
        and part.xaxis == axis
        and all(part.line[key] == value for key, value in line.items())
    ]
    return found


def levels(figure: go.Figure) -> dict[str, float]:
    return {
        part.name: float(part.y[0]) for part in figure.data if part.meta and part.meta.get("level")
    }


def words(figure: go.Figure) -> str:
    return " ".join(note.text for note in figure.layout.annotations)


@pytest.mark.parametrize("name", STUDIES)
def test_the_simulated_tables_have_the_columns_of_the_analysis(run: RunTables, name: str) -> None:
    assert name in OPTIONAL
    table = run.table(name)
    assert set(table.columns) == set(COLUMNS[name])
    assert len(table)
    assert list(empty_table(name).columns) == list(COLUMNS[name])


@pytest.mark.parametrize("method", ["drop_least", "coarse_step"])
def test_panels_at_equal_cosine_hold_similarity_and_recall(
    given: Material, context: FigureContext, method: str
) -> None:
    figure = reduction_panels(
        given.similarity, given.matched, given.accuracy, context=context, method=method
    )
    keys = {"protocol": "speaker", "recipe": "balanced"}
    for place, one in enumerate(("codec", method)):
        whole = rows_of(
            given.similarity, "lam", **keys, metric=METRIC, emotion="all", method=one
        ).set_index("lam")["value"]
        for row, table, more in (
            (0, given.similarity, {"metric": METRIC}),
            (1, given.accuracy, {"metric": "recall", "probe": "logistic"}),
        ):
            expected = rows_of(table, "lam", **keys, method=one, emotion="sad", **more)
            at = whole[expected["lam"]].to_numpy()
            order = np.argsort(at, kind="stable")
            number = 2 * row + place + 1
            drawn = trace(figure, "sad", "x" if number == 1 else f"x{number}")
            np.testing.assert_allclose(np.sort(drawn.x), np.sort(at))
            np.testing.assert_allclose(
                np.asarray(drawn.y)[np.argsort(drawn.x, kind="stable")],
                expected["value"].to_numpy()[order],
            )
    left, right = figure.layout.xaxis.range
    assert left > right, "damage grows to the right"
    assert "Rate-aware code choice" in words(figure)


def test_panels_at_equal_bits_hold_the_matched_table(
    given: Material, context: FigureContext
) -> None:
    figure = reduction_panels(
        given.similarity, given.matched, context=context, axis="payload_bits", method="truncate"
    )
    for axis, method in (("x", "codec"), ("x2", "truncate")):
        rows = rows_of(
            given.matched,
            "level",
            axis="payload_bits",
            recipe="balanced",
            method=method,
            metric=METRIC,
            emotion="fear",
        )
        drawn = trace(figure, "fear", axis)
        assert list(drawn.x) == list(rows["level"])
        assert np.array_equal(drawn.y, rows["value"])
        assert np.array_equal(np.asarray(drawn.customdata)[:, 1], rows["low"])
    assert "payload bits per vector" in figure.layout.xaxis3.title.text
    assert not figure.layout.xaxis.title.text


def test_difference_cells_are_codec_less_reduction(given: Material, context: FigureContext) -> None:
    figure = reduction_heatmap(
        given.similarity, given.matched, context=context, axis="payload_bits"
    )
    (cells,) = figure.data
    assert list(cells.y) == [*EMOTIONS, "all"]
    assert list(cells.x) == ["30", "20", "10", "5"]
    keys = {"axis": "payload_bits", "recipe": "balanced", "metric": METRIC, "emotion": "sad"}
    own = rows_of(given.matched, "level", method="codec", **keys)["value"].to_numpy()
    other = rows_of(given.matched, "level", method="drop_least", **keys)["value"].to_numpy()
    row = list(cells.y).index("sad")
    np.testing.assert_allclose(np.asarray(cells.z)[row], (own - other)[::-1])
    assert cells.zmin == -cells.zmax
    assert np.isnan(np.asarray(cells.customdata, float)[row, :, 1]).all(), "no made-up intervals"


def test_difference_cells_use_paired_intervals_where_there_are_any(
    given: Material, context: FigureContext
) -> None:
    one = given.matched.query("method == 'drop_least' and axis == 'payload_bits'")
    paired = one.assign(method="codec-minus-drop_least", value=0.5, low=0.4, high=0.6)
    table = pd.concat([given.matched, paired], ignore_index=True)
    figure = reduction_heatmap(given.similarity, table, context=context, axis="payload_bits")
    assert set(np.asarray(figure.data[0].z).ravel()) == {0.5}
    assert "0.40 to 0.60" in figure.data[0].hovertext[0][0]
    text = read_differences(given.similarity, table, axis="payload_bits")
    assert "+0.50" in text


def test_cosine_differences_leave_the_set_as_it_is(given: Material, context: FigureContext) -> None:
    figure = reduction_heatmap(given.similarity, given.matched, context=context)
    (cells,) = figure.data
    assert len(set(cells.x)) == len(LADDER), "columns keep names of their own"
    assert np.diff([float(name.replace("−", "-")) for name in cells.x]).max() <= 0


@pytest.mark.parametrize("axis", ["payload_bits", "distortion"])
def test_the_recipe_matrix_outlines_its_diagonal(
    given: Material, context: FigureContext, axis: str
) -> None:
    figure = recipe_matrix(given.matched, context=context, axis=axis)
    (cells,) = figure.data
    assert list(cells.x) == [*EMOTIONS, "all"]
    framed = {(round(shape.x0 + 0.47), round(shape.y0 + 0.45)) for shape in figure.layout.shapes}
    expected = {(cells.x.index(name), cells.y.index(f"{name} codebook")) for name in EMOTIONS}
    assert framed == expected
    levels = sorted(given.matched.query("axis == @axis")["level"].unique())
    rows = given.matched.query(
        f"axis == @axis and level == {levels[len(levels) // 2]} and metric == @METRIC"
        " and recipe == 'biased:sad' and method == 'codec' and emotion == 'fear'"
    )
    at = cells.y.index("sad codebook"), cells.x.index("fear")
    assert cells.z[at[0]][at[1]] == rows["value"].item()
    assert ("… blur toward sad" in cells.y) == (axis == "distortion")


def test_the_recipe_matrix_takes_the_nearest_level_and_marks_clamped_cells(
    given: Material, context: FigureContext
) -> None:
    figure = recipe_matrix(given.matched, context=context, axis="payload_bits", level=28.0)
    assert "30 payload bits" in figure.layout.title.text
    (cells,) = figure.data
    row = cells.y.index("sad codebook")
    assert all(text.endswith(" †") for text in cells.text[row])
    assert not any("†" in text for text in cells.text[cells.y.index("fear codebook")])
    text = read_matrix(given.matched, axis="payload_bits", level=28.0)
    assert "†" in text
    assert "†" not in read_matrix(given.matched, axis="payload_bits", level=5.0)


def test_the_recipe_matrix_at_equal_lam_reads_similarity(
    given: Material, context: FigureContext
) -> None:
    figure = recipe_matrix(
        given.matched, context=context, axis="lam", level=6.0, similarity=given.similarity
    )
    (cells,) = figure.data
    rows = given.similarity.query(
        "protocol == 'speaker' and metric == @METRIC and method == 'codec' and lam == 6.0"
        " and recipe == 'biased:happy' and emotion == 'happy'"
    )
    at = cells.y.index("happy codebook"), cells.x.index("happy")
    assert cells.z[at[0]][at[1]] == rows["value"].item()
    assert "λ" in figure.layout.title.text


def test_attraction_cells_are_signed_degrees(given: Material, context: FigureContext) -> None:
    figure = recipe_matrix(given.matched, context=context, metric="attraction_own")
    (cells,) = figure.data
    assert cells.zmin == -cells.zmax
    assert "degrees" in cells.hovertext[0][0]


def test_information_has_probes_levels_and_the_shaded_gap(
    given: Material, context: FigureContext
) -> None:
    figure = information_curves(given.information, context=context)
    named = {
        "clean": "probe of unquantized clips",
        "retrained": "probe fitted anew at each λ",
        "head": "the embedder's own classifier",
    }
    for axis, metric in (("x", "uar"), ("x2", "v_information_bits")):
        for probe, name in named.items():
            rows = rows_of(given.information, "lam", metric=metric, probe=probe, method="codec")
            assert np.array_equal(trace(figure, name, axis).y, rows["value"])
        (shade,) = [
            part
            for part in figure.data
            if part.name == "shifted, not lost, interval" and part.xaxis == axis
        ]
        keys = {"metric": metric, "method": "codec"}
        clean = rows_of(given.information, "lam", probe="clean", **keys)["value"].to_numpy()
        anew = rows_of(given.information, "lam", probe="retrained", **keys)["value"].to_numpy()
        upper, lower = np.asarray(shade.y)[: len(clean)], np.asarray(shade.y)[len(clean) :][::-1]
        assert np.array_equal(lower, clean)
        assert np.array_equal(upper, np.maximum(clean, anew))
    found = levels(figure)
    assert found["chance"] == pytest.approx(1 / len(EMOTIONS))
    assert found["all there is to know"] == pytest.approx(np.log2(len(EMOTIONS)))
    assert found["nothing"] == 0.0
    assert any(part.name == "shifted, not lost" and part.showlegend is None for part in figure.data)


def test_information_sentence_says_whether_probes_part(given: Material) -> None:
    text = read_information(given.information, lam=6.0)
    assert text.count("overlap") in (0, 1)
    wide = given.information.assign(low=-9.0, high=9.0)
    assert read_information(wide, lam=6.0).count("their intervals overlap") == 2
    narrow = given.information.assign(
        low=given.information["value"] - 1e-3, high=given.information["value"] + 1e-3
    )
    assert "overlap" not in read_information(narrow, lam=6.0)


def test_displacement_draws_codec_references_and_differences(
    given: Material, context: FigureContext
) -> None:
    figure = displacement_curves(given.displacement, context=context)
    keys = {"protocol": "speaker", "emotion": "all"}
    panels = (("x", "mean"), ("x3", "neutral_minus_others"))
    for axis, target in panels:
        for method, name in (
            ("codec", "rate-aware code choice"),
            ("shrink_mean", "plain blur of equal distortion"),
        ):
            rows = rows_of(given.displacement, "lam", target=target, method=method, **keys)
            assert np.array_equal(trace(figure, name, axis).y, rows["value"])
    rows = rows_of(
        given.displacement,
        "lam",
        target="neutral_minus_others",
        method="codec-minus-shrink_mean",
        **keys,
    )
    below = trace(figure, "codec less plain blur of equal distortion", "x6")
    assert np.array_equal(below.y, rows["value"])
    hollow = [symbol.endswith("-open") for symbol in below.marker.symbol]
    assert hollow == list((rows["low"] <= 0) & (rows["high"] >= 0))
    sad = rows_of(given.displacement, "lam", target="sad", method="codec", **keys)
    assert np.array_equal(trace(figure, "sad", "x2", dash="solid").y, sad["value"])
    zero = [shape for shape in figure.layout.shapes if shape.y0 == shape.y1 == 0]
    assert len(zero) == 6


def test_displacement_at_one_lam_lists_every_target(
    given: Material, context: FigureContext
) -> None:
    figure = displacement_bars(given.displacement, context=context, lam=5.0)
    assert list(figure.layout.yaxis.ticktext) == [
        "the mean",
        *EMOTIONS,
        "neutral, less the other emotions",
    ]
    (codec,) = [part for part in figure.data if part.name == "rate-aware code choice"]
    rows = given.displacement.query(
        "protocol == 'speaker' and method == 'codec' and lam == 6.0 and target == 'neutral'"
    )
    at = 1 + EMOTIONS.index("neutral")
    assert codec.x[at] == rows["value"].item()
    assert codec.x[at] + codec.error_x.array[at] == pytest.approx(rows["high"].item())
    data = figure_data(figure)
    assert set(data["lam"]) == {6.0}
    assert len(data) == 3 * (len(EMOTIONS) + 2)


def test_displacement_sentence_follows_the_contrast(given: Material) -> None:
    table = given.displacement
    contrast = table["target"] == "neutral_minus_others"
    sure = table.assign(low=table["low"].where(~contrast, 0.01)).assign(
        value=table["value"].where(~contrast, 0.3), high=table["high"].where(~contrast, 0.5)
    )
    assert "Toward neutral they go more than toward the other" in read_displacement(sure, lam=6.0)
    unsure = sure.assign(low=sure["low"].where(~contrast, -0.1))
    assert "this cannot be told" in read_displacement(unsure, lam=6.0)
    less = sure.assign(**{name: sure[name].where(~contrast, -0.2) for name in ("value", "high")})
    assert "they go less than" in read_displacement(less, lam=6.0)
    flat = table.assign(low=-1.0)
    assert "moved toward no emotion" in read_displacement(flat, lam=6.0)


@pytest.mark.parametrize("over", ["lam", "bits"])
def test_routing_stands_beside_probe_and_chance(
    given: Material, context: FigureContext, over: str
) -> None:
    figure = routing_curves(given.routing, context=context, over=over)
    for axis, metric in (("x", "uar"), ("x2", "macro_f1")):
        rows = rows_of(given.routing, over, metric=metric, rule="least_cost")
        drawn = trace(figure, "least cost", axis)
        assert np.array_equal(drawn.y, rows["value"])
        if over == "bits":
            assert np.array_equal(drawn.x, rows["bits"])
    assert levels(figure)["chance"] == pytest.approx(1 / len(EMOTIONS))


def test_a_plain_probe_of_one_value_is_a_line(given: Material, context: FigureContext) -> None:
    table = given.routing
    flat = table.assign(value=table["value"].where(table["rule"] != "plain_probe", 0.8))
    figure = routing_curves(flat, context=context)
    assert levels(figure)["probe on unrouted embeddings"] == 0.8
    text = read_routing(flat)
    assert "the plain probe 80 %" in text
    assert "chance is 17 %" in text


def test_ambiguity_has_one_curve_per_agreement(given: Material, context: FigureContext) -> None:
    figure = ambiguity_curves(given.ambiguity, context=context)
    for axis, metric in (("x", "accuracy"), ("x3", "js_bits"), ("x4", "top2")):
        rows = rows_of(
            given.ambiguity, "lam", protocol="speaker", metric=metric, agreement="ambiguous"
        )
        assert np.array_equal(trace(figure, "ambiguous", axis).y, rows["value"])
    assert "certainty of a cross-fitted probe" in figure.layout.title.text
    text = read_ambiguity(given.ambiguity, lam=6.0)
    assert text.index("clear:") < text.index("middle:") < text.index("ambiguous:")


def test_votes_come_before_the_probe(given: Material, context: FigureContext) -> None:
    voted = given.ambiguity.assign(
        source="votes",
        agreement=given.ambiguity["agreement"].map(
            {"clear": "1.0", "middle": "0.667", "ambiguous": "0.5"}
        ),
    )
    both = pd.concat([given.ambiguity, voted], ignore_index=True)
    figure = ambiguity_curves(both, context=context)
    named = [part.name for part in figure.data if part.meta and part.xaxis == "x"]
    assert named == ["100 % agree", "67 % agree", "50 % agree"]
    assert "agreement of annotators" in figure.layout.title.text
    apart = both.assign(low=both["value"] - 1e-6, high=both["value"] + 1e-6)
    assert "There the clearest clips are still ahead" in read_ambiguity(apart, lam=0.6)


def test_stages_keep_recipes_and_protocols_apart(given: Material, context: FigureContext) -> None:
    figure = stage_curves(given.stages, context=context)
    for protocol, name in (
        ("speaker", "balanced codebook, new speakers"),
        ("corpus", "balanced codebook, new corpora"),
    ):
        for axis, metric in (("x", METRIC), ("x2", "uar")):
            rows = rows_of(
                given.stages,
                "stage",
                protocol=protocol,
                recipe="balanced",
                metric=metric,
                emotion="all",
            )
            drawn = trace(figure, name, axis)
            assert np.array_equal(drawn.y, rows["value"])
            assert list(drawn.x) == list(range(1, 9))
    one = stage_curves(given.stages, context=context, protocol="speaker", recipe="natural")
    assert {"sad", "all emotions"} <= {part.name for part in one.data}
    text = read_stages(given.stages)
    assert "balanced codebook on new corpora: <b>" in text


def test_the_simplex_holds_posteriors_of_each_way(given: Material, context: FigureContext) -> None:
    figure = mixing_simplex(given.mixing, context=context, lam=6.0)
    pair = str(given.mixing["pair"].iloc[0])
    first, second = pair.split("+")
    paths = [part for part in figure.data if part.type == "scatterternary" and part.meta]
    (path,) = [
        part for part in paths if part.name == "both codebooks in one" and part.subplot == "ternary"
    ]
    keys = {"pair": pair, "way": "union", "lam": 6.0}
    for drawn, name in ((path.b, first), (path.c, second)):
        rows = rows_of(given.mixing, "weight", metric=f"p_{name}", **keys)
        assert np.array_equal(drawn, rows["value"])
    np.testing.assert_allclose(np.add(np.add(path.a, path.b), path.c), 1)
    assert np.all(np.diff(path.marker.size) > 0), "markers grow with the share of the first"
    corners = figure.layout.ternary
    assert [corners.baxis.title.text, corners.caxis.title.text] == [first, second]
    assert corners.aaxis.title.text == "all others"
    data = figure_data(figure)
    kept = data[(data["series"] == "both codebooks in one") & (data["column"] == "first")]
    assert list(kept["x"][:5]) == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert set(data["lam"]) == {6.0}


def test_mixing_curves_hold_the_table(given: Material, context: FigureContext) -> None:
    pair = str(given.mixing["pair"].iloc[-1])
    figure = mixing_curves(given.mixing, context=context, pair=pair, lam=0.0)
    for axis, metric in (("x", "min_posterior"), ("x3", "angle_second"), ("x4", "speaker_told")):
        rows = rows_of(given.mixing, "weight", pair=pair, way="barycentre", lam=0.0, metric=metric)
        name = "weighted mean, quantized by a mixed codebook"
        assert np.array_equal(trace(figure, name, axis).y, rows["value"])
    text = read_mixing(given.mixing)
    best = given.mixing.query("metric == 'min_posterior' and lam == 0.0 and pair == @pair")
    assert f"{100 * best['value'].max():.0f} %" in text
    assert "At 50 % of" in read_middle(given.mixing)


def test_routes_stand_over_the_bits_they_spend(given: Material, context: FigureContext) -> None:
    figure = routes_curves(given.routes, context=context, num_emotions=len(EMOTIONS))
    targets = [name for name in EMOTIONS if name != "neutral"]
    axis = f"x{1 + targets.index('sad')}"
    keys = {"target": "sad", "route": "neutral_first"}
    told = rows_of(given.routes, "lam", metric="p_target", **keys).set_index("lam")["value"]
    bits = rows_of(given.routes, "lam", metric="bits_per_vector", **keys).set_index("lam")["value"]
    drawn = trace(figure, "through neutral", axis)
    order = bits.sort_values().index
    assert np.array_equal(drawn.x, bits[order])
    assert np.array_equal(drawn.y, told[order])
    assert levels(figure)["chance"] == pytest.approx(1 / len(EMOTIONS))
    assert "better for no target" in read_routes(given.routes)
    around = given.routes["route"] == "neutral_first"
    better = given.routes.assign(
        **{name: given.routes[name] + around for name in ("value", "low", "high")}
    )
    assert "better for <b>angry</b>" in read_routes(better)


def test_published_numbers_are_those_of_the_page() -> None:
    similarity = published_table("similarity").set_index(["series", "lam"])["value"]
    assert similarity["neutral", 100.0] == 0.911
    assert similarity["all", 500.0] == 0.083
    accuracy = published_table("accuracy").set_index(["series", "lam"])["value"]
    assert accuracy["sad", 50.0] == pytest.approx(0.36)
    assert accuracy["all", 200.0] == pytest.approx(0.194)
    rate = published_table("biased_rate").set_index(["series", "lam"])["value"]
    assert rate["neutral", 0.0] == 449.5
    assert rate["all", 1.0] == 39.226
    agreed = published_table("ambiguity")
    assert sorted(set(agreed["series"])) == ["0.5", "0.6667", "0.75", "1"]
    assert agreed["value"].between(0, 1).all()
    folder = Path(predecessor.__file__).parent / "published"
    assert "1355-XCZ/ShowWork1" in (folder / "README.md").read_text()


def test_published_curves_keep_their_own_scale(given: Material, context: FigureContext) -> None:
    assert list(published_kinds(given)) == ["similarity", "accuracy", "biased_rate", "ambiguity"]
    figure = published_curves("similarity", given, context=context)
    known = published_table("similarity")
    sad = known[known["series"] == "sad"]
    left = trace(figure, "sad", "x")
    assert np.array_equal(left.y, sad["value"])
    assert list(left.x[1:]) == list(sad["lam"][1:])
    rows = rows_of(
        given.similarity,
        "lam",
        protocol="speaker",
        recipe="balanced",
        method="codec",
        metric="cos_raw_means",
        emotion="sad",
    )
    assert np.array_equal(trace(figure, "sad", "x2").y, rows["value"])
    assert figure.layout.xaxis.title.text != figure.layout.xaxis2.title.text
    assert figure.layout.xaxis2.matches is None
    assert "Published: ESD" in words(figure)


def test_published_sentence_compares_orders(given: Material) -> None:
    text = read_published("accuracy", given)
    assert "Published: sad, surprise, angry and happy" in text
    assert "Those that both have fall in" in text
    assert "neutral codebook (450" in read_published("biased_rate", given)


EMPTY: dict[str, Callable[..., go.Figure]] = {
    "displacement": displacement_curves,
    "information": information_curves,
    "routing": routing_curves,
    "ambiguity": ambiguity_curves,
    "stages": stage_curves,
    "mixing": mixing_simplex,
    "routes": routes_curves,
    "matched": recipe_matrix,
}


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_table_makes_a_picture_that_says_so(name: str, context: FigureContext) -> None:
    figure = EMPTY[name](empty_table(name), context=context)
    assert len(figure.data) == 0
    assert "quantlab" in words(figure) or "study" in words(figure)


def test_other_empty_pictures_and_sentences(context: FigureContext) -> None:
    none = {name: empty_table(name) for name in COLUMNS}
    for figure in (
        displacement_bars(none["displacement"], context=context, lam=1.0),
        mixing_curves(none["mixing"], context=context),
        reduction_panels(none["similarity"], none["matched"], context=context),
        reduction_panels(none["similarity"], none["matched"], context=context, axis="payload_bits"),
        reduction_heatmap(none["similarity"], none["matched"], context=context),
        recipe_matrix(none["matched"], context=context, axis="lam"),
    ):
        assert len(figure.data) == 0
        assert words(figure)
    said = (
        read_displacement(none["displacement"], lam=1.0),
        read_information(none["information"], lam=1.0),
        read_routing(none["routing"]),
        read_ambiguity(none["ambiguity"], lam=1.0),
        read_stages(none["stages"]),
        read_mixing(none["mixing"]),
        read_middle(none["mixing"]),
        read_routes(none["routes"]),
        read_matrix(none["matched"], axis="payload_bits"),
        read_differences(none["similarity"], none["matched"], axis="cosine"),
        read_order(none["similarity"], none["matched"], axis="payload_bits"),
    )
    assert set(said) == {NOTHING}


def test_names_of_a_run_are_escaped(given: Material, context: FigureContext) -> None:
    def renamed(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
        changes = {
            name: table[name].astype(str).str.replace("sad", EVIL, regex=False) for name in columns
        }
        return table.assign(**changes)

    matched = renamed(given.matched, "recipe", "emotion")
    moved = given.displacement["target"].replace({"neutral": EVIL})
    displacement = given.displacement.assign(target=moved)
    mixing = renamed(given.mixing, "pair", "metric")
    routes = renamed(given.routes, "target")
    ambiguity = given.ambiguity.assign(agreement=EVIL)
    figures = (
        recipe_matrix(matched, context=context, axis="distortion"),
        reduction_heatmap(given.similarity, matched, context=context, axis="payload_bits"),
        displacement_curves(displacement, context=context),
        displacement_bars(displacement, context=context, lam=6.0),
        mixing_simplex(mixing, context=context),
        mixing_curves(mixing, context=context),
        routes_curves(routes, context=context),
        ambiguity_curves(ambiguity, context=context),
    )
    for figure in figures:
        figure.update_traces(legendgroup=None)  # a key that nobody sees
        assert "<img" not in (figure.to_json() or "").replace("\\u003c", "<")
    for text in (
        read_displacement(displacement, lam=6.0),
        read_mixing(mixing),
        read_routes(routes),
        read_ambiguity(ambiguity, lam=6.0),
        read_order(given.similarity, matched, axis="payload_bits"),
    ):
        assert "<img" not in text
        assert "&lt;img" in text


def test_dark_figures_hold_no_light_ink(given: Material, context: FigureContext) -> None:
    dark = context.on(dark=True)
    for figure in (
        information_curves(given.information, context=dark),
        mixing_simplex(given.mixing, context=dark),
        recipe_matrix(given.matched, context=dark),
        displacement_curves(given.displacement, context=dark),
    ):
        text = figure.to_json() or ""
        for light in ("#1b1f27", "#596070", "#2e74ac", "#ffffff"):
            assert light not in text


def test_sections_without_tables_are_left_out(given: Material) -> None:
    whole = {section.name for section in report_sections(given)}
    empty = {name: empty_table(name) for name in STUDIES}
    bare = Material(**{**vars(given), **empty})
    sections = report_sections(bare)
    assert whole - {section.name for section in sections} == {
        "verdicts",
        "recipes",
        "information",
        "routing",
        "ambiguity",
        "stages",
        "mixing",
        "routes",
    }
    names = set(figures_of(sections))
    assert "reductions-bits" not in names
    assert "reductions-cosine" in names
    assert "displacement" not in names
    assert "published-ambiguity" not in names
