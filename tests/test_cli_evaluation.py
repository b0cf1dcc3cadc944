"""`quantlab evaluate-stylevc` on made-up voices: tables, report, card, going on, refusals."""

import html.parser
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from quantlab.cli.app import app
from quantlab.errors import ConfigError, InputError
from quantlab.models import Features, load_model, make_network, open_features, save_model
from quantlab.store import read_csv, read_json, read_table
from quantlab.synthesis import card_metrics, read_evaluation
from quantlab.synthesis.evaluation import TABLE_SCHEMAS
from tests.evaluated_stylevc import QUICK, make_features, save_untrained
from tests.tiny_stylevc import TINY

MODELS = ("gcl<b>", "mi")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with features and two models for them."""
    folder = tmp_path_factory.mktemp("place")
    features = make_features(folder)
    for seed, name in enumerate(MODELS):
        save_untrained(folder / f"m{seed}", features, name=name, seed=seed)
    return folder


def run(place: Path, *arguments: str | Path, models: tuple[str, ...] = ("m0", "m1")) -> Result:
    settings = {**QUICK, "probes": ["logistic"], "num_decoded": 2, "dci_intervals": False}
    options = [f"--set={key}={json.dumps(value)}" for key, value in settings.items()]
    given = [str(place / name) for name in models]
    return CliRunner().invoke(
        app,
        ["evaluate-stylevc", *given, "--features", str(place / "features"), "--device", "cpu",
         *options, *map(str, arguments)],
    )  # fmt: skip


@pytest.fixture(scope="module")
def done(place: Path) -> tuple[Path, Result]:
    result = run(place, "-o", place / "out", "--card")
    assert result.exit_code == 0, result.output
    return place / "out", result


def test_tables_of_each_model_and_of_all_are_written(
    place: Path, done: tuple[Path, Result]
) -> None:
    out, result = done
    for name in MODELS:
        one = read_evaluation(out / name)
        assert one.model == name
        table = read_csv(out / name / "probes.csv")
        np.testing.assert_allclose(table["value"].astype(float), one.probes["value"], rtol=1e-8)
        value = one.probes.query(
            "embedding == 'speaker' and label == 'emotion' and encoder == 'trained' "
            "and metric == 'accuracy'"
        )["value"].item()
        assert f"cls_s_e {value:.2f} (chance 0.50)" in result.stdout
    grid = read_table(out / "grid.parquet")
    assert list(grid["model"].unique()) == list(MODELS)
    assert len(read_csv(out / "grid_wide.csv")) == 2
    assert set(read_table(out / "verdicts.parquet")["verdict"]) == {"cannot tell"}
    assert read_csv(out / "verdicts_wide.csv")["model"].tolist() == list(MODELS)
    assert f"report: {out / 'report.html'}" in result.stdout
    assert "gcl<b>: " in result.stderr


class Page(html.parser.HTMLParser):
    """Gathers the tags that are open, and the figures' places."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.plots: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)
        name = dict(attrs).get("data-figure")
        if name:
            self.plots.append(name)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_report_is_one_page_with_all_figures(done: tuple[Path, Result]) -> None:
    text = (done[0] / "report.html").read_text()
    page = Page()
    page.feed(text)
    assert page.open == []
    kinds = ("probes", "tsne", "pca")
    expected = [f"{at}-{name}-{kind}" for at, name in ((1, "gcl-b-"), (2, "mi")) for kind in kinds]
    assert page.plots == ["grid", *expected]
    for name in page.plots:
        assert len(read_csv(done[0] / "figures" / f"{name}.csv")) > 0
    assert "gcl&lt;b&gt;" in text
    assert "gcl<b>" not in text.split('<script type="application/json"')[0]
    for words in ("before training", "V-information", "copy synthesis", "rotated", "Shared bits"):
        assert words in text
    assert 'class="verdict">cannot tell' in text


def test_the_card_has_the_metrics_and_the_model_still_opens(
    place: Path, done: tuple[Path, Result]
) -> None:
    for folder, name in zip(("m0", "m1"), MODELS, strict=True):
        card = load_model(place / folder).card
        assert card["metrics"] == card_metrics(read_evaluation(done[0] / name))
        assert card["metrics"]["measured_on"]["num_clips"] == 32
        assert {"cls_c_e", "cls_s_e", "cls_e_e", "cls_c_s", "cls_s_s", "cls_e_s"} <= set(
            card["metrics"]
        )


def test_what_is_done_is_kept_until_the_model_changes(
    place: Path, done: tuple[Path, Result], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(done[0], out)
    before = [(out / name / "evaluation.json").stat().st_mtime_ns for name in MODELS]
    again = run(place, "-o", out)
    assert again.exit_code == 0
    assert again.stdout.splitlines()[:2] == done[1].stdout.splitlines()[:2]
    assert [(out / name / "evaluation.json").stat().st_mtime_ns for name in MODELS] == before
    (out / "mi" / "bits.parquet").write_bytes(b"x")
    mended = run(place, "-o", out, "-q", models=("m1",))
    assert mended.exit_code == 0
    assert "bits.parquet is missing, or not what its card says" in mended.stderr
    assert "32" not in mended.stderr.replace(str(out), ""), "quiet shows no progress"
    for name in TABLE_SCHEMAS:
        tables = [(folder / "mi" / f"{name}.parquet").read_bytes() for folder in (out, done[0])]
        assert tables[0] == tables[1], f"the same model gives another table {name}"
    about = read_json(out / "mi" / "evaluation.json")["about"]
    assert (about["settings"]["num_decoded"], about["settings"]["probes"]) == (2, ["logistic"])


@pytest.fixture(scope="module")
def features(place: Path) -> Features:
    return open_features(place / "features")


def test_models_of_one_name_are_told_by_their_seeds(place: Path, features: Features) -> None:
    from quantlab.cli.evaluation import names_of
    from quantlab.models import open_stylevc

    folders = [
        save_untrained(place / f"s{seed}", features, name="same", seed=seed) for seed in (4, 5)
    ]
    folders.append(place / "m1")
    given = [(folder, open_stylevc(folder, device="cpu")) for folder in folders]
    assert names_of(given) == ["same-seed4", "same-seed5", "mi"]
    with pytest.raises(InputError, match=r"s4 and .*s4 are both the model same-seed4"):
        names_of([given[0], given[0]])


def failed(place: Path, tmp_path: Path, *arguments: str, models: tuple[str, ...]) -> Exception:
    result = run(place, "-o", tmp_path / "out", *arguments, models=models)
    assert isinstance(result.exception, Exception)
    assert not (tmp_path / "out").exists()
    return result.exception


def test_nothing_is_begun_where_something_does_not_fit(
    place: Path, features: Features, tmp_path: Path
) -> None:
    settings = TINY.model_copy(update={"num_mels": 80, "emotion_dims": 7})
    card = {**load_model(place / "m0").card, "name": "heard"}
    save_model(place / "vectors", make_network(settings, seed=0), card=card)
    error = failed(place, tmp_path, models=("m0", "vectors"))
    assert isinstance(error, InputError)
    assert "heard takes its emotion from vectors of 7 dimensions" in str(error)
    assert "holds no StyleVC" in str(failed(place, tmp_path, models=("m0", "absent")))
    missing = failed(place, tmp_path, "--features", str(tmp_path), models=("m0",))
    assert "holds no features" in str(missing)
    wrong = failed(place, tmp_path, "--set", "num_tree=5", models=("m0",))
    assert isinstance(wrong, ConfigError)
    assert "did you mean 'num_trees'" in str(wrong)
