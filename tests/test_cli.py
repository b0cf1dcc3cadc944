"""The commands end to end on small audio made here: results, sentences and exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from quantlab.audio import write_clip
from quantlab.embedders import open_set
from quantlab.store import read_csv, read_table
from quantlab.sweep import RunFolder
from tests.small_study import make_run, make_set
from tests.synthetic_run import shared_run

EMOTIONS = {"angry": 220.0, "sad": 130.0}


def run(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "quantlab", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
        timeout=300,
    )


def make_corpus(folder: Path, *, speakers: int = 3, clips: int = 8) -> None:
    """Write harmonic tones: pitch and tilt by emotion, formant by speaker."""
    rng = np.random.default_rng(0)
    time = np.arange(16000 * 6 // 10) / 16000
    for speaker in range(speakers):
        for emotion, pitch in EMOTIONS.items():
            for clip in range(clips):
                base = pitch * (1 + 0.1 * speaker + 0.02 * clip)
                tone = sum(np.sin(2 * np.pi * base * k * time) / k for k in range(1, 20))
                samples = 0.2 * tone + 0.01 * rng.normal(size=len(time))
                write_clip(folder / f"s{speaker}" / emotion / f"{clip}.wav", samples)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    make_corpus(folder)
    return folder


def test_the_main_job_from_audio_to_report(corpus: Path, tmp_path: Path) -> None:
    (corpus / "s0" / "sad" / "broken.wav").write_bytes(b"not audio at all")
    manifest, place = tmp_path / "m.parquet", tmp_path / "runs" / "tones"
    try:
        indexed = run("index", corpus, "-o", manifest)
    finally:
        (corpus / "s0" / "sad" / "broken.wav").unlink()
    assert indexed.returncode == 3, indexed.stderr
    assert "48 clips" in indexed.stdout
    assert "1 clips were skipped" in indexed.stderr
    skipped = read_csv(tmp_path / "m.skipped.csv")
    assert skipped["path"].tolist() == ["s0/sad/broken.wav"]

    embedded = run("embed", manifest, "-o", place, "--licence", "CC0-1.0")
    assert embedded.returncode == 0, embedded.stderr
    assert open_set(place / "embeddings").num_items == 48

    # Starting workers takes longer than the work; other tests look at them.
    alone = ("--workers", "1")
    trained = run("train", place, "--bias", "each", "--stages", "2", "--codes", "2", *alone)
    assert trained.returncode == 0, trained.stderr
    assert (place / "codecs" / "biased-sad" / "card.json").is_file()

    swept = run("sweep", place, *alone)
    assert swept.returncode == 0, swept.stderr
    assert set(read_table(place / "analysis" / "accuracy.parquet")["probe"]) == {"logistic"}

    reported = run("report", place)
    assert reported.returncode == 0, reported.stderr
    assert (place / "report.html").stat().st_size > 100_000

    quantized = run("quantize", place, "--codec", "sad", "--lam", "0.5", "-o", tmp_path / "q")
    assert quantized.returncode == 0, quantized.stderr
    assert "bits per vector" in quantized.stdout
    assert open_set(tmp_path / "q").num_items == 48
    coded = run("compress", place, "--codec", "sad", "--lam", "0.5", "-o", tmp_path / "s.qlb")
    assert coded.returncode == 0, coded.stderr
    codec = place / "codecs" / "biased-sad"
    back = run("decompress", tmp_path / "s.qlb", "--codec", codec, "-o", tmp_path / "back")
    assert back.returncode == 0, back.stderr
    assert np.array_equal(
        open_set(tmp_path / "back").frames().values, open_set(tmp_path / "q").frames().values
    )

    again = run("quantize", place, "--codec", "sad", "--lam", "0.5", "-o", tmp_path / "q")
    assert again.returncode == 2
    assert "is not an empty folder" in again.stderr


def test_a_clip_that_changed_after_indexing_is_an_integrity_error(tmp_path: Path) -> None:
    make_corpus(tmp_path / "c", speakers=2, clips=2)
    assert run("index", tmp_path / "c", "-o", tmp_path / "m.parquet").returncode == 0
    write_clip(tmp_path / "c" / "s0" / "sad" / "0.wav", np.random.default_rng(0).normal(size=9000))
    embedded = run("embed", tmp_path / "m.parquet", "-o", tmp_path / "r")
    assert embedded.returncode == 4
    skipped = read_csv(tmp_path / "r" / "skipped.csv")
    assert skipped["error"].tolist() == ["IntegrityError"]
    assert open_set(tmp_path / "r" / "embeddings").num_items == 7


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["index", "absent", "-o", "m.parquet"], 2, "absent"),
        (["embed", "absent.parquet", "-o", "r"], 2, "absent.parquet does not exist"),
        (["train", "absent"], 2, "no run folder"),
        (["sweep", "absent"], 2, "no run folder"),
        (["sweep", "absent.yaml"], 2, "cannot read absent.yaml"),
        (["report", "absent"], 2, "absent"),
        (["verdicts", "absent"], 2, "absent does not exist"),
        (["verdicts"], 2, "Missing argument"),
        (["quantize", "absent", "--codec", "x", "--lam", "0", "-o", "q"], 2, "no run folder"),
        (["sweep", "absent", "-o", "x"], 2, "experiment file"),
        (["nonsense"], 2, "No such command"),
        (["train"], 2, "Missing argument"),
    ],
)
def test_bad_input_is_one_sentence(
    tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--bias", "fear"], "no clips of fear"),
        (["--codes", "0"], "greater than or equal to 1"),
        (["--trainer", "magic"], "'kmeans', 'minibatch' or 'ema'"),
        (["--prior", "magic"], "'factorized', 'pairwise' or 'transformer'"),
        (["--lams", "0,x"], "--lams takes numbers"),
        (["--lams", "0,nan"], "finite"),
        (["--lams", "-1"], ">= 0"),
        (["--recipe", "biased"], "the forms are"),
    ],
)
def test_bad_training_options_are_refused(tmp_path: Path, options: list[str], message: str) -> None:
    folder = make_run(tmp_path / "small")
    done = run("train", folder.path, *options)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_unknown_settings_in_an_experiment_file(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("recipe: [balanced]\n")
    done = run("sweep", tmp_path / "x.yaml")
    assert done.returncode == 2
    assert "unknown key 'recipe'; did you mean 'recipes'?" in done.stderr


@pytest.mark.slow
def test_variants_of_an_experiment_file_get_a_run_each(tmp_path: Path) -> None:
    make_set(tmp_path / "set")
    (tmp_path / "sizes.yaml").write_text(
        f"data: {{embeddings: {tmp_path / 'set'}}}\n"
        "split: {protocols: [speaker]}\n"
        "reductions: []\n"
        "codec: {quantizer: {stages: 1, codes: 2}, ladder: {num: 3}}\n"
        "variants: {1x2: {}, 1x3: {codec: {quantizer: {codes: 3}}}}\n"
    )
    options = ["-o", tmp_path / "sizes", "-q", "--workers", "1"]
    done = run("sweep", tmp_path / "sizes.yaml", *options)
    assert done.returncode == 0, done.stderr
    for name, codes in (("1x2", 2), ("1x3", 3)):
        folder = RunFolder(tmp_path / f"sizes-{name}")
        assert folder.read_study().codec.quantizer.codes == codes
        assert (folder.analysis / "claims.parquet").is_file()


def test_options_become_the_study(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "small")
    options = ["--lams", "0,0.1,1", "--seeds", "1,2", "--recipe", "natural", "--codes", "3"]
    done = run("train", folder.path, *options)
    assert done.returncode == 0, done.stderr
    study = folder.read_study()
    assert study.codec.ladder.lams == (0.0, 0.1, 1.0)
    assert study.seeds == (1, 2)
    assert study.recipes == ("balanced", "natural")
    assert study.codec.quantizer.codes == 3
    card = json.loads((folder.codec("natural") / "card.json").read_text())
    assert card["seed"] == 1


def test_verdicts_of_several_runs_are_one_page(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first, second = shared_run(tmp_path_factory), shared_run(tmp_path_factory, small=True)
    twice = run("verdicts", first, second, cwd=tmp_path)
    assert twice.returncode == 2
    assert "both called 'demo'" in twice.stderr
    assert "Traceback" not in twice.stderr
    done = run("verdicts", second, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "verdicts: runs/verdicts.html" in done.stdout
    assert "Claims by run" in (tmp_path / "runs" / "verdicts.html").read_text(encoding="utf-8")
    table = read_csv(tmp_path / "runs" / "verdicts.csv")
    assert set(table["run"]) == {"demo"}
    assert len(table) == len(read_table(second / "analysis" / "claims.parquet"))


def test_help_names_every_command() -> None:
    shown = run("--help").stdout
    for command in (
        "index", "embed", "train", "sweep", "report", "verdicts", "quantize", "compress",
        "decompress",
    ):  # fmt: skip
        assert command in shown
