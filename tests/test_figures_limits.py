"""Curves over bits, limits, equal bits and the tables of bits show what the tables say."""

import numpy as np
import pandas as pd
import pytest

from quantlab.figures import (
    FigureContext,
    RunTables,
    control_curves,
    figure_data,
    limit_curves,
    write_report,
)
from quantlab.figures.claims import NOTHING
from quantlab.figures.control import control_table, read_control
from quantlab.figures.costs import bits_table, parameters_table
from quantlab.figures.material import Material
from quantlab.figures.readings import read_limits
from quantlab.figures.words import limit_words
from tests.synthetic_run import EMOTIONS, LADDER, build_run, shared_run

COSINE = "cos_centred_frames"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunTables:
    return RunTables.open(shared_run(tmp_path_factory))


@pytest.fixture(scope="module")
def material(run: RunTables) -> Material:
    return Material.of(run)


@pytest.fixture(scope="module")
def context(run: RunTables) -> FigureContext:
    return run.context()


def shown(material: Material, context: FigureContext, **choices: object) -> pd.DataFrame:
    figure = limit_curves(
        material.similarity, material.rate, material.limits, context=context, **choices
    )
    return figure_data(figure)


def test_codes_stand_at_the_bits_that_are_written(
    material: Material, context: FigureContext
) -> None:
    drawn = shown(material, context)
    line = drawn[drawn["series"] == "all emotions, rate-aware code choice"]
    keys = {"protocol": "speaker", "recipe": "balanced", "method": "codec", "emotion": "all"}

    def column(table: pd.DataFrame, metric: str) -> np.ndarray:
        for name, value in {**keys, "metric": metric}.items():
            table = table[table[name] == value]
        return table.sort_values("lam")["value"].to_numpy()

    for metric in ("distortion", COSINE):
        part = line[line["quantity"] == metric]
        assert part["lam"].tolist() == list(LADDER)
        assert part["x"].to_numpy() == pytest.approx(column(material.rate, "payload_bits"))
        assert part["value"].to_numpy() == pytest.approx(column(material.similarity, metric))
    assert "all: equal bits for every clip" in set(drawn["series"])


def test_limits_go_through_the_points_of_their_table(
    material: Material, context: FigureContext
) -> None:
    drawn = shown(material, context)
    for metric in ("distortion", COSINE):
        for name in ("gaussian", "scalar", "class_known", "class_told"):
            rows = material.limits
            rows = rows[(rows["protocol"] == "speaker") & (rows["emotion"] == "all")]
            rows = rows[(rows["metric"] == metric) & (rows["limit"] == name)]
            line = drawn[(drawn["series"] == limit_words(name)) & (drawn["quantity"] == metric)]
            assert len(line) > 10
            within = rows[rows["bits"].between(max(0.5, line["x"].min()), line["x"].max())]
            # Where naming the class is all that is paid, the best of those points counts.
            best = within.groupby(within["bits"].round(6))["value"]
            best = best.max() if metric == COSINE else best.min()
            ordered = line.sort_values("x")
            found = np.interp(best.index, ordered["x"], ordered["value"])
            assert np.abs(found - best).max() < 0.02 * np.ptp(rows["value"])
            assert line[["low", "high", "lam"]].isna().all(axis=None)


def test_a_single_emotion_stands_beside_its_own_limits(
    material: Material, context: FigureContext
) -> None:
    drawn = shown(material, context, emotions=["sad"], metrics=["distortion"])
    names = {limit_words(name) for name in ("class_known", "class_told")}
    assert set(drawn["series"]) == names | {"sad", "sad: equal bits for every clip"}
    rows = material.limits
    rows = rows[(rows["emotion"] == "sad") & (rows["metric"] == "distortion")]
    rows = rows[(rows["protocol"] == "speaker") & (rows["limit"] == "class_known")]
    line = drawn[drawn["series"] == limit_words("class_known")]
    start = rows.loc[rows["bits"] <= 1e-6, "value"].min()
    assert line["value"].iloc[0] == pytest.approx(start, rel=0.05)
    both = shown(material, context, emotions=["sad", "happy"])
    assert limit_words("gaussian") in set(both["series"]), "several share the limits of all"


def test_metrics_without_limits_and_runs_without_payload(
    material: Material, context: FigureContext
) -> None:
    raw = shown(material, context, metrics=["cos_raw_means"])
    assert len(raw) == 2 * len(LADDER)
    rate = material.rate[material.rate["metric"] != "payload_bits"]
    figure = limit_curves(material.similarity, rate, material.limits, context=context)
    assert "older than this figure" in figure.layout.annotations[0].text.replace("<br>", " ")
    assert read_limits(material.similarity, rate, material.limits) == NOTHING


def test_what_is_said_of_limits_are_the_numbers_of_the_table(material: Material) -> None:
    said = read_limits(material.similarity, material.rate, material.limits)
    keys = (material.similarity[["protocol", "recipe", "method", "emotion"]]
            == ["speaker", "balanced", "codec", "all"]).all(axis=1)  # fmt: skip
    lost = material.similarity[keys & (material.similarity["metric"] == "distortion")]
    at = lost.sort_values("lam")["value"].iloc[0]
    rows = material.limits
    rows = rows[(rows["protocol"] == "speaker") & (rows["emotion"] == "all")]
    rows = rows[(rows["metric"] == "distortion") & (rows["limit"] == "gaussian")]
    rows = rows.sort_values("value")
    assert f"one Gaussian needs {np.interp(at, rows['value'], rows['bits']):.1f}" in said
    assert said.startswith("At λ\u00a0=\u00a00 the codec writes")


def test_control_shows_paired_changes_over_the_mean_bits(
    material: Material, context: FigureContext
) -> None:
    figure = control_curves(material.control, material.rate, context=context)
    drawn = figure_data(figure)
    assert set(drawn["series"]) == set(EMOTIONS)
    rows = material.control
    rows = rows[(rows["protocol"] == "speaker") & (rows["metric"] == COSINE)]
    rows = rows[rows["emotion"] == "sad"].sort_values("lam")
    line = drawn[(drawn["series"] == "sad") & (drawn["panel"] == "Change of similarity")]
    assert line["value"].to_numpy() == pytest.approx(rows["value"].to_numpy())
    spent = drawn[drawn["panel"] == "Bits at one λ, less the mean"]
    by_lam = spent.groupby("lam")["value"].mean().to_numpy()
    assert by_lam == pytest.approx(np.zeros(len(LADDER)), abs=1e-9), "emotions are equally many"
    empty = control_curves(material.control.iloc[:0], material.rate, context=context)
    assert "rate_control: true" in empty.layout.annotations[0].text.replace("<br>", " ")


def test_the_table_of_control_corrects_for_all_its_comparisons(material: Material) -> None:
    table = control_table(material)
    assert table.count("<tr>") == 1 + 2 * len(EMOTIONS)
    assert f"corrected for the {2 * len(EMOTIONS)} comparisons" in table
    assert read_control(material) != NOTHING


def test_the_tables_of_bits_add_up(material: Material) -> None:
    table = bits_table(material)
    for words in ("Code length", "Payload", "Whole file", "Empirical entropy"):
        assert words in table
    pays = parameters_table(material)
    rate = material.rate
    rate = rate[(rate["metric"] == "payload_bits") & (rate["emotion"] == "all")]
    rate = rate[(rate["recipe"] == "balanced") & (rate["method"] == "codec")]
    rate = rate[(rate["protocol"] == "speaker") & (rate["lam"] == 0.0)]
    bits = float(rate["value"].iloc[0])
    assert f"{int(np.ceil(140_000 / (32 * 16 - bits)))} clips" in pays
    assert f"{int(np.ceil(140_000 / bits)):,} clips" in pays
    assert "never" in pays or f"{int(np.ceil(5_280 / (8 * np.log2(33) - bits)))} clips" in pays


def test_a_summary_without_sizes_has_no_table_of_parameters(tmp_path) -> None:
    folder = build_run(tmp_path / "old", num_speakers=2, ladder=(0.0, 1.0), biased=False)
    file = folder / "analysis" / "summary.json"
    file.write_text(file.read_text().replace('"parameter_bits"', '"something_else"'))
    for name in ("control", "limits"):
        (folder / "analysis" / f"{name}.parquet").unlink()
    given = Material.of(RunTables.open(folder))
    assert parameters_table(given) == control_table(given) == ""
    assert 'id="control"' not in write_report(folder).read_text()
