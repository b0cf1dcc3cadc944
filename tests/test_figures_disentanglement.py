"""Figures of probes, embeddings and grids show what their tables say."""

import numpy as np
import pandas as pd
import pytest

from quantlab.figures import (
    FigureContext,
    embedding_maps,
    figure_csv,
    figure_data,
    grid_dots,
    measure_words,
    probe_heatmap,
)

CONTEXT = FigureContext(run="gcl1_cls", corpus="nEMO", num_speakers=6)


def probes():
    rows = []
    for embedding in ("content", "speaker", "emotion"):
        for label, kind in (("emotion", "speaker"), ("speaker", "text")):
            for probe in ("wide_mlp", "logistic"):
                for metric in ("accuracy", "uar"):
                    value = 0.9 if embedding == label else 0.2 + 0.01 * len(rows)
                    rows.append(
                        {
                            "embedding": embedding,
                            "label": label,
                            "probe": probe,
                            "metric": metric,
                            "value": value,
                            "low": value - 0.05,
                            "high": value + 0.05,
                            "chance": 1 / 6,
                            "num_items": 300,
                            "num_clusters": 6,
                            "clustered_by": kind,
                        }
                    )
    return pd.DataFrame(rows)


def grid():
    rows = []
    for place, model in enumerate(["mi", "gcl<b>1"]):
        for measure in ("cls_s_e", "dci_d_emotion", "mcd_db"):
            value = 12.0 + place if measure == "mcd_db" else 0.5 + 0.1 * place
            rows.append(
                {
                    "model": model,
                    "measure": measure,
                    "value": value,
                    "low": np.nan if place else value - 0.1,
                    "high": np.nan if place else value + 0.2,
                    "chance": np.nan if measure == "mcd_db" else 0.2,
                    "rotated": 0.4 if measure == "dci_d_emotion" else np.nan,
                    "num_clusters": 6,
                    "remark": "",
                }
            )
    return pd.DataFrame(rows)


def maps(method="tsne", num_speakers=3):
    rng = np.random.default_rng(0)
    parts = []
    for embedding in ("speaker", "emotion"):
        places = rng.normal(size=(2, 60))
        explained = np.nan if method == "tsne" else 0.25
        parts.append(
            pd.DataFrame(
                {
                    "embedding": embedding,
                    "method": method,
                    "x": places[0],
                    "y": places[1],
                    "explained": explained,
                    "emotion": ["sad", "angry"] * 30,
                    "speaker": [f"s{place % num_speakers}" for place in range(60)],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def test_every_probe_has_its_cell_with_interval_and_chance():
    table = probes()
    figure = probe_heatmap(table, context=CONTEXT)
    drawn = figure_data(figure)
    accuracy = table[table["metric"] == "accuracy"]
    assert len(drawn) == len(accuracy) == 12
    assert sorted(drawn["value"]) == pytest.approx(sorted(accuracy["value"]))
    cell = drawn[
        (drawn["series"] == "speaker embedding") & (drawn["column"] == "emotion, neural network")
    ]
    keys = (accuracy["embedding"] == "speaker") & (accuracy["label"] == "emotion")
    expected = accuracy[keys & (accuracy["probe"] == "wide_mlp")].iloc[0]
    assert cell["value"].item() == expected["value"]
    assert cell["low"].item() == expected["low"]
    assert cell["num_speakers"].item() == 6
    texts = np.asarray(figure.data[0].text)
    assert texts[0, 0] == "<b>0.20</b><br>0.15 to 0.25<br>chance 0.17 is inside"
    assert texts[2, 0] == "<b>0.90</b>, its own label<br>0.85 to 0.95<br>chance 0.17"
    assert "unquantized" not in str(figure.data[0].hovertext)


def test_clusters_of_texts_are_not_called_speakers():
    drawn = figure_data(probe_heatmap(probes(), context=CONTEXT))
    of_speakers = drawn["column"].str.startswith("speaker,")
    assert drawn.loc[of_speakers, "num_speakers"].isna().all()


def test_probes_and_metric_are_chosen():
    drawn = figure_data(probe_heatmap(probes(), context=CONTEXT, metric="uar", probes=["logistic"]))
    assert set(drawn["column"]) == {"emotion, logistic regression", "speaker, logistic regression"}
    assert set(drawn["quantity"]) == {"uar"}


def test_every_utterance_is_drawn_once_in_each_colouring():
    table = maps()
    drawn = figure_data(embedding_maps(table, context=CONTEXT))
    assert len(drawn) == 2 * len(table)
    one = drawn[(drawn["panel"] == "speaker, emotion") & (drawn["series"] == "sad")]
    own = table[(table["embedding"] == "speaker") & (table["emotion"] == "sad")]
    np.testing.assert_allclose(one["x"], own["x"])
    np.testing.assert_allclose(one["value"], own["y"])


def test_many_speakers_get_no_legend_and_few_do():
    for num_speakers, named in ((3, True), (20, False)):
        figure = embedding_maps(maps(num_speakers=num_speakers), context=CONTEXT)
        entries = {trace.name for trace in figure.data if trace.showlegend is not False}
        assert {"sad", "angry"} <= entries
        assert ("speaker s1" in entries) is named


def test_the_variance_that_principal_components_hold_is_told():
    figure = embedding_maps(maps("pca"), context=CONTEXT)
    assert "principal components" in figure.layout.title.text
    assert figure.layout.annotations[0].text == "speaker embedding, 25 % of variance"
    figure = embedding_maps(maps(), context=CONTEXT)
    assert "t-SNE" in figure.layout.title.text
    assert figure.layout.annotations[0].text == "speaker embedding"


def test_the_grid_shows_values_intervals_chance_and_rotation():
    table = grid()
    figure = grid_dots(table, context=CONTEXT)
    drawn = figure_data(figure).set_index(["quantity", "series"])
    measured = drawn.loc[("dci_d_emotion", "mi, measured, with its interval")]
    assert (measured["value"], measured["low"], measured["high"]) == (0.5, 0.4, 0.7)
    assert drawn.loc[("dci_d_emotion", "mi, chance"), "value"] == 0.2
    assert drawn.loc[("dci_d_emotion", "gcl<b>1, after a random rotation"), "value"] == 0.4
    assert not [name for quantity, name in drawn.index if quantity == "mcd_db" and "chance" in name]
    bare = drawn.loc[("cls_s_e", "gcl<b>1, measured, with its interval")]
    assert bare["x"] == 1
    assert np.isnan(bare["low"])
    (bar,) = [
        t for t in figure.data if t.meta and t.meta["quantity"] == "cls_s_e" and t.error_x.visible
    ]
    assert bar.error_x.array[0] == pytest.approx(0.2)
    assert bar.error_x.arrayminus[0] == pytest.approx(0.1)


def test_the_range_of_distortion_holds_its_intervals():
    axis = grid_dots(grid(), context=CONTEXT, measures=["mcd_db"]).layout.xaxis
    assert axis.range[0] < 11.9
    assert axis.range[1] > 13.0


def test_names_are_escaped():
    figure = grid_dots(grid(), context=CONTEXT)
    assert figure.layout.yaxis.ticktext == ("mi", "gcl&lt;b&gt;1")
    assert "gcl<b>1" in figure_csv(figure)


def test_measures_are_said_in_words():
    assert measure_words("cls_e_s") == "emotion → speaker"
    assert measure_words("dci_c_speaker") == "completeness, speaker"
    assert measure_words("within_share_emotion") == "variance within, emotion"


@pytest.mark.parametrize(
    "figure",
    [
        probe_heatmap(probes(), context=CONTEXT, probes=["svm"]),
        embedding_maps(maps().iloc[:0], context=CONTEXT),
        grid_dots(grid(), context=CONTEXT, measures=["cls_c_e"]),
    ],
)
def test_what_is_missing_is_said(figure):
    assert figure_data(figure).empty
    assert figure.layout.annotations[0].text
