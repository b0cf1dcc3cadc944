"""Run folders: what is missing or damaged is said in words, with what to type."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from quantlab.errors import InputError, IntegrityError
from quantlab.figures import RunTables, list_runs, run_stamp
from tests.synthetic_run import shared_run, write

TABLES = ("similarity", "rate", "accuracy", "confusion", "attraction")


@pytest.fixture
def run(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path / "demo"
    shutil.copytree(shared_run(tmp_path_factory), folder)
    return folder


def test_tables_and_summary_are_read(run: Path) -> None:
    tables = RunTables.open(run)
    assert tables.name == "demo"
    assert tables.emotions == ["angry", "fear", "happy", "neutral", "sad", "surprise"]
    assert tables.protocols == ["speaker", "text"]
    assert tables.num_speakers == 6
    assert tables.embedder == "functionals"
    for name in TABLES:
        frame = tables.table(name)
        pd.testing.assert_frame_equal(frame, pd.read_parquet(run / "analysis" / f"{name}.parquet"))
    context = tables.context(dark=True)
    assert context.dark
    assert "6 speakers" in context.subtitle()


def test_references_of_means_serve_frames_where_a_clip_has_one_vector(run: Path) -> None:
    means = {"metric": ["random_pair_cos_raw_means"], "value": [0.25], "note": ["typical"]}
    write(run, "references", pd.DataFrame(means))
    known = RunTables.open(run).table("references").set_index("metric")["value"]
    assert known["random_pair_cos_raw_frames"] == 0.25
    summary = json.loads((run / "analysis" / "summary.json").read_text())
    (run / "analysis" / "summary.json").write_text(json.dumps(summary | {"level": "frame"}))
    assert "random_pair_cos_raw_frames" not in set(
        RunTables.open(run).table("references")["metric"]
    )


def test_a_run_without_references_has_an_empty_table(run: Path) -> None:
    (run / "analysis" / "references.parquet").unlink()
    assert RunTables.open(run).table("references").empty


def test_a_missing_run_names_those_there_are(run: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere does not exist; .* holds demo.*make demo"):
        RunTables.open(run.parent / "nowhere")
    with pytest.raises(InputError, match="holds no runs"):
        RunTables.open(run / "analysis" / "deeper")


@pytest.mark.parametrize(
    ("made", "advice"),
    [
        ((), "it is empty"),
        (("codecs",), "quantlab embed"),
        (("embeddings",), "quantlab train"),
        (("embeddings", "codecs"), "quantlab sweep"),
        (("run.yaml", "sweep.parquet"), "quantlab sweep"),
    ],
)
def test_advice_follows_what_is_there(tmp_path: Path, made: tuple[str, ...], advice: str) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    for name in made:
        (folder / name).mkdir()
    with pytest.raises(InputError, match=advice):
        RunTables.open(folder)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"emotions": "sad"}', '{"emotions": []}'])
def test_a_damaged_summary_is_an_integrity_error(run: Path, text: str) -> None:
    (run / "analysis" / "summary.json").write_text(text)
    with pytest.raises(IntegrityError, match="delete it and type `quantlab sweep"):
        RunTables.open(run)


@pytest.mark.parametrize("name", TABLES)
def test_missing_damaged_and_old_tables(run: Path, name: str) -> None:
    tables, file = RunTables.open(run), run / "analysis" / f"{name}.parquet"
    frame = pd.read_parquet(file)
    write(run, name, frame.drop(columns=["lam", "recipe"]))
    with pytest.raises(IntegrityError, match=r"lacks the columns recipe and lam.*quantlab sweep"):
        tables.table(name)
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(IntegrityError, match="damaged; delete it and type"):
        tables.table(name)
    file.unlink()
    with pytest.raises(InputError, match=r"missing; type `quantlab sweep"):
        tables.table(name)


def test_an_unknown_table_is_refused(run: Path) -> None:
    with pytest.raises(InputError, match=r"'secrets' is unknown; choose from .*similarity"):
        RunTables.open(run).table("secrets")  # pyright: ignore[reportArgumentType]


def test_unfinished_sweeps_say_so(run: Path) -> None:
    file = run / "analysis" / "summary.json"
    summary = json.loads(file.read_text())
    file.write_text(json.dumps(summary | {"trials": {"done": 17, "total": 40, "failed": 1}}))
    tables = RunTables.open(run)
    assert tables.notes == ("partial: 17 of 40 trials", "1 trial failed")
    assert "17 of 40" in tables.context().subtitle()
    assert list_runs(run.parent)[0].state == "partial"


def test_a_whole_run_on_clips_that_the_embedder_knew_is_ready_and_says_so(run: Path) -> None:
    file = run / "analysis" / "summary.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"num_seen": 12}))
    assert RunTables.open(run).notes == ("seen by the embedder: 12 clips",)
    assert list_runs(run.parent)[0].state == "ready"


def test_a_summary_with_odd_fields_is_still_read(run: Path) -> None:
    odd = {"emotions": ["sad"], "protocols": ["x"], "trials": 3, "embedder": None, "run": ""}
    (run / "analysis" / "summary.json").write_text(json.dumps(odd))
    tables = RunTables.open(run)
    assert (tables.name, tables.protocols, tables.num_speakers) == ("demo", [], 0)
    assert (tables.notes, tables.embedder) == ((), "")


def test_runs_are_listed_with_their_state(run: Path) -> None:
    folder = run.parent
    assert list_runs(folder / "none") == []
    for name in ("whole", "half", "spoilt"):
        shutil.copytree(run, folder / name)
    (folder / "half" / "analysis" / "rate.parquet").unlink()
    (folder / "spoilt" / "analysis" / "summary.json").write_text("{")
    (folder / "fresh" / "embeddings").mkdir(parents=True)
    (folder / ".hidden" / "embeddings").mkdir(parents=True)
    (folder / "unrelated").mkdir()
    entries = {entry.name: entry for entry in list_runs(folder)}
    assert {name: entry.state for name, entry in entries.items()} == {
        "demo": "ready",
        "fresh": "not analysed",
        "half": "partial",
        "spoilt": "damaged",
        "whole": "ready",
    }
    assert "lacks rate" in entries["half"].hint
    assert "quantlab sweep" in entries["half"].hint
    assert entries["demo"].hint == ""


def test_the_stamp_changes_with_a_table(run: Path) -> None:
    before = run_stamp(run)
    assert {name for name, *_ in before} >= {"summary.json", "rate.parquet"}
    file = run / "analysis" / "rate.parquet"
    file.write_bytes(file.read_bytes() + b" ")
    assert run_stamp(run) != before
