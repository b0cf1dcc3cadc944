"""The report on models: sentences and tables follow what it is given."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantlab.analysis import grid_table, verdict_table
from quantlab.analysis.grid import ModelMeasures
from quantlab.analysis.probe_scores import ProbeScore
from quantlab.errors import InputError
from quantlab.figures import ModelTables, write_model_report

VALUES = {
    "clear": {"c_e": 0.2, "s_e": 0.21, "e_e": 0.95, "c_s": 0.2, "s_s": 0.97, "e_s": 0.22},
    "leaky": {"c_e": 0.2, "s_e": 0.85, "e_e": 0.30, "c_s": 0.2, "s_s": 0.97, "e_s": 0.80},
}
NAMES = {"c": "content", "s": "speaker", "e": "emotion"}


def scores(name: str) -> list[ProbeScore]:
    return [
        ProbeScore(
            embedding=NAMES[pair[0]],
            label=NAMES[pair[2]],
            probe="wide_mlp",
            metric="accuracy",
            value=value,
            low=value - 0.02,
            high=value + 0.02,
            chance=0.2,
            majority=0.2,
            num_items=100,
            num_clusters=6,
            clustered_by="text" if pair[2] == "s" else "speaker",
        )
        for pair, value in VALUES[name].items()
    ]


def tables(name: str, **changes: pd.DataFrame) -> ModelTables:
    probes = pd.DataFrame([vars(score) for score in scores(name)])
    empty = pd.DataFrame
    given = {
        "probes": probes.assign(protocol="text", encoder="trained"),
        "dci": empty(columns=["reading", "factors", "embedding", "control", "metric"]),
        "bits": empty(columns=["embedding", "label", "metric", "control"]),
        "scatter": empty(columns=["embedding", "label", "metric"]),
        "information": empty(columns=["first", "second"]),
        "sound": empty(columns=["kind", "metric", "tag"]),
        "maps": empty(columns=["embedding", "method"]),
        **changes,
    }
    return ModelTables(
        name=name,
        corpus="made-up",
        licence="CC0",
        protocol="text",
        num_speakers=6,
        num_clips=100,
        num_sentences=1,
        notes=["maps left out: <too few>"],
        **given,
    )


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    grid = grid_table([ModelMeasures(model=name, probes=scores(name)) for name in VALUES])
    path = write_model_report(
        tmp_path_factory.mktemp("report") / "report.html",
        [tables(name) for name in VALUES],
        grid=grid,
        verdicts=verdict_table(grid),
    )
    return path.read_text().split('<script type="application/json"')[0]


def test_verdicts_are_coloured_by_what_they_say(page: str) -> None:
    rows = {name: page.split(f'<tr><th scope="row">{name}</th><td><span')[1] for name in VALUES}
    clear, leaky = (row.split("</tr>")[0] for row in rows.values())
    assert clear.count('class="verdict above">good') == 2 + 1
    assert 'class="verdict below">poor' in leaky
    assert "not measured" in clear


def test_sentences_name_the_best_and_what_leaks(page: str) -> None:
    assert "Highest emotion → emotion: clear, 0.95 (0.93 to 0.97), chance 0.20." in page
    assert "Lowest speaker → emotion: clear, 0.21 (0.19 to 0.23), chance 0.20." in page
    leaks = "Above chance beyond their intervals: speaker → emotion (0.85) and emotion → speaker"
    assert leaks in page
    assert "No other label is told beyond its interval." in page
    assert "100 clips of 1 sentence and 6 speakers: new sentences of known speakers." in page
    assert "maps left out: &lt;too few&gt;" in page


def test_tables_without_rows_are_left_out(page: str) -> None:
    absent = ("Shared bits", "V-information,", "Copy", "Dimensions in use", "1-clear-pca")
    for words in absent:
        assert words not in page.split('<section id="terms">')[0]


def test_an_interval_that_is_missing_is_said(tmp_path: Path) -> None:
    probes = tables("leaky").probes.assign(low=np.nan, high=np.nan)
    grid = grid_table([ModelMeasures(model="leaky", probes=scores("leaky"))])
    path = write_model_report(
        tmp_path / "r.html",
        [tables("leaky", probes=probes)],
        grid=grid,
        verdicts=verdict_table(grid),
    )
    text = path.read_text()
    assert "Without an interval: content → emotion (0.20)" in text
    assert "speaker → emotion: 0.85 (0.83 to 0.87), chance 0.20." in text
    with pytest.raises(InputError, match="no model to report on"):
        write_model_report(tmp_path / "r.html", [], grid=grid, verdicts=verdict_table(grid))
