"""`quantlab fit-stylevc` on made-up voices, and the experiments that ship."""

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner, Result

from quantlab.audio import write_clip
from quantlab.cli import stylevc
from quantlab.cli.app import app
from quantlab.corpora import index_corpus
from quantlab.embedders import embed_manifest, get_embedder, open_set
from quantlab.errors import ConfigError, InputError
from quantlab.models import PRESETS, Features, StyleVCSettings, load_model, open_features
from quantlab.store import read_csv, read_json, read_yaml
from tests.synthetic_voice import synthetic_voice
from tests.tiny_stylevc import TINY

EXPERIMENTS = Path(__file__).resolve().parents[1] / "experiments" / "stylevc"
GRID = (
    *("mi", "mi_emocls", "mi_spkcls", "mi_cls", "mi_lf1", "mi_lf2", "mi_lf3"),
    *("gcl1", "gcl05", "gcl1_cls"),
    *("adv1", "adv100", "adv1_cls", "adv5_cls", "adv10_cls"),
)
CREMA_D = ("mi_lf2", "gcl1", "gcl1_cls", "adv1_cls")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with 16 clips of two speakers, one of them silent, and their manifest."""
    folder = tmp_path_factory.mktemp("corpus")
    for speaker, pitch in (("ann", 210.0), ("bob", 120.0)):
        for emotion, glide in (("angry", 1.3), ("sad", 0.9)):
            for clip in range(4):
                voice = synthetic_voice(pitch_hz=pitch * glide, duration_s=0.4, seed=clip)
                write_clip(folder / "clips" / speaker / emotion / f"{clip}.wav", voice)
    write_clip(folder / "clips" / "bob" / "sad" / "3.wav", np.zeros(8000, np.float32))
    index_corpus(folder / "clips").manifest.save(folder / "voices.parquet")
    return folder


def write_experiment(folder: Path, corpus: Path, **sections: dict[str, Any]) -> Path:
    """Write an experiment of 3 steps an epoch and 6 in all; `sections` update it."""
    values: dict[str, dict[str, Any]] = {
        "network": {**TINY.model_dump(mode="json"), "num_mels": 80},
        "loss": {"method": "gcl", "classifiers": "both"},
        "training": {"batch_size": 3, "crop_frames": 32, "epochs": 2, "warmup_steps": 2},
        "data": {
            "manifest": str(corpus / "voices.parquet"),
            "split": {"by": "random", "shares": [0.6, 0.2, 0.2]},
            "licence": "CC0",
        },
    }
    for name, section in sections.items():
        values[name] = {**values[name], **section}
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["fit-stylevc", *map(str, arguments), "--workers", "1"])


def test_a_model_is_trained_and_the_command_goes_on_where_it_was(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    experiment = write_experiment(tmp_path, corpus)
    begun = run(experiment, "--steps", "2", "--device", "cpu")
    assert begun.exit_code == 3, begun.output
    place = Path("runs/stylevc/tiny")
    assert "2 of 6 steps, best after 2 with validation loss" in begun.stdout
    assert str(place / "checkpoint") in begun.stdout
    assert f"1 clips were skipped; reasons in {place / 'skipped.csv'}" in begun.stderr
    assert "train: 2 of 2" in begun.stderr
    assert (corpus / "voices-features" / "card.json").is_file()
    skipped = read_csv(place / "skipped.csv")
    assert skipped["path"].tolist() == ["bob/sad/3.wav"]
    assert "is silent" in skipped["reason"].iloc[0]
    ended = run(experiment, "--quiet")
    assert ended.exit_code == 3
    assert "6 of 6 steps" in ended.stdout
    assert "train:" not in ended.stderr
    card = load_model(place / "checkpoint").card
    assert (card["name"], card["licence"]) == ("tiny", "CC0")
    assert card["command"] == f"quantlab fit-stylevc {experiment}"
    assert card["step"] in (3, 6)


def test_features_are_enough_where_the_manifest_is_gone(corpus: Path, tmp_path: Path) -> None:
    features = tmp_path / "elsewhere"
    output = ["-o", tmp_path / "m", "--steps", "1", "-q"]
    made = run(write_experiment(tmp_path, corpus, data={"features": str(features)}), *output)
    assert made.exit_code == 3, made.output
    assert len(open_features(features)) == 15
    gone = {"features": str(features), "manifest": str(tmp_path / "gone.parquet")}
    again = run(write_experiment(tmp_path, corpus, data=gone), *output)
    assert again.exit_code == 0, again.output
    assert read_json(tmp_path / "m" / "checkpoint" / "card.json")["num_clips"]["train"] == 9


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"manifest": "gone.parquet"},
            r"no manifest 'gone.parquet' .* no features in gone-features",
        ),
        ({"manifest": ""}, "the experiment has no data; set data.manifest"),
    ],
)
def test_an_experiment_without_data_is_refused(
    corpus: Path, tmp_path: Path, data: dict[str, str], message: str
) -> None:
    done = run(write_experiment(tmp_path, corpus, data=data), "-o", tmp_path / "m")
    assert isinstance(done.exception, InputError)
    with pytest.raises(InputError, match=message):
        raise done.exception
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("section", "values", "message"),
    [
        (
            "loss",
            {"methode": "mi"},
            r"tiny.yaml: unknown key 'loss.methode'; did you mean 'method'",
        ),
        (
            "training",
            {"batch_size": 1},
            "'training.batch_size'.*greater than or equal to 2, given 1",
        ),
        ("loss", {"loss_forward": "lf1"}, "needs method mi and classifiers, given gcl and both"),
        (
            "network",
            {"emotion_dims": 4},
            "data.emotion_vectors and network.emotion_dims go together",
        ),
    ],
)
def test_settings_that_are_wrong_are_named(
    corpus: Path, tmp_path: Path, section: str, values: dict[str, Any], message: str
) -> None:
    done = run(write_experiment(tmp_path, corpus, **{section: values}))
    assert isinstance(done.exception, ConfigError)
    with pytest.raises(ConfigError, match=message):
        raise done.exception


def test_options_that_are_wrong_are_refused(corpus: Path, tmp_path: Path) -> None:
    experiment = write_experiment(tmp_path, corpus)
    assert run(experiment, "--device", "tpu").exit_code == 2
    assert run(experiment, "--steps", "-1").exit_code == 2
    assert isinstance(run(tmp_path / "absent.yaml").exception, InputError)


def test_an_interruption_saves_and_ends_with_its_code(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from quantlab.engine import Counter

    count = Counter.__call__

    def interrupt(self: Counter, done: int, total: int) -> None:
        count(self, done, total)
        if total == 6 and done == 1:
            signal.raise_signal(signal.SIGINT)

    experiment = write_experiment(tmp_path, corpus)
    with monkeypatch.context() as patch:
        patch.setattr(Counter, "__call__", interrupt)
        assert run(experiment, "-o", tmp_path / "m", "-q").exit_code == 130
    assert read_json(tmp_path / "m" / "state" / "state.json")["progress"]["step"] == 2
    assert "6 of 6 steps" in run(experiment, "-o", tmp_path / "m", "-q").stdout


@pytest.fixture(scope="module")
def features(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Features:
    folder = tmp_path_factory.mktemp("made")
    done = run(write_experiment(folder, corpus), "-o", folder / "m", "--steps", "1", "-q")
    assert done.exit_code == 3, done.output
    return open_features(corpus / "voices-features")


def test_vectors_of_another_embedder_are_found_by_clip(
    features: Features, corpus: Path, tmp_path: Path
) -> None:
    from quantlab.corpora import Manifest

    manifest = Manifest.load(corpus / "voices.parquet")
    shuffled = manifest.subset(np.random.default_rng(0).permutation(len(manifest)))
    embedder = get_embedder("functionals", {})
    for level in ("utterance", "frame"):
        embed_manifest(shuffled, embedder, tmp_path / level, level=level, progress=False)
        vectors, origin = stylevc._emotion_vectors(features, str(tmp_path / level))
        assert vectors is not None
        assert origin["emotion_embedder"]["name"] == "functionals"
        assert origin["emotion_embedder"]["level"] == level
        assert vectors.dtype == np.float32
        made = open_set(tmp_path / level)
        rows = {sha256: row for row, sha256 in enumerate(made.items["sha256"])}
        for row, sha256 in enumerate(features.items["sha256"]):
            own = made.frames([rows[sha256]]).values.astype(np.float64).mean(axis=0)
            np.testing.assert_allclose(vectors[row], own, rtol=1e-4, atol=1e-4)
    given = {"emotion_vectors": str(tmp_path / "utterance")}
    experiment = write_experiment(tmp_path, corpus, data=given, network={"emotion_dims": 480})
    done = run(experiment, "-o", tmp_path / "m", "-q")
    assert "6 of 6 steps" in done.stdout, done.output
    card = read_json(tmp_path / "m" / "checkpoint" / "card.json")
    assert card["emotion_embedder"] == {**embedder.card(), "level": "utterance"}
    few = manifest.subset([0, 1, 2])
    embed_manifest(few, embedder, tmp_path / "few", progress=False)
    with pytest.raises(InputError, match="few has no vector for 12 of 15 clips; embed the same"):
        stylevc._emotion_vectors(features, str(tmp_path / "few"))


# The experiments that ship


def shipped(name: str) -> StyleVCSettings:
    path = EXPERIMENTS / f"{name}.yaml"
    return StyleVCSettings.parse(read_yaml(path), where=str(path))


def test_the_whole_grid_ships() -> None:
    names = {path.stem for path in EXPERIMENTS.glob("*.yaml")}
    assert names == {
        *GRID,
        *(f"nemo_{name}" for name in GRID),
        *(f"{name}_c" for name in CREMA_D),
        "nemo_gcl1_cls_unseen",
        "nemo_functionals",
    }


@pytest.mark.parametrize("name", sorted(path.stem for path in EXPERIMENTS.glob("*.yaml")))
def test_every_experiment_says_what_its_name_does(name: str) -> None:
    settings = shipped(name)
    bare = name.removeprefix("nemo_").removesuffix("_c").removesuffix("_unseen")
    if bare == "functionals":
        bare = "mi_cls"
    kind = bare.split("_")[0].rstrip("0123456789")
    loss = settings.loss
    assert loss.method == kind
    classifiers = {"emocls": "emotion", "spkcls": "speaker", "cls": "both"}
    assert loss.classifiers == classifiers.get(
        bare.split("_")[-1], "both" if "_lf" in bare else "none"
    )
    assert loss.loss_forward == (bare.split("_")[1] if "_lf" in bare else "none")
    number = bare.split("_")[0].removeprefix(kind)
    weights = (loss.group_weight, loss.adversary_strength)
    if kind == "gcl":
        assert weights == ({"1": 1.0, "05": 0.5}[number], 1.0)
    if kind == "adv":
        assert weights == (1.0, float(number))


@pytest.mark.parametrize("name", GRID)
def test_experiments_on_esd_follow_the_published_grid(name: str) -> None:
    settings = shipped(name)
    assert settings.network == PRESETS["paper"]
    assert settings.training.epochs == 500
    assert settings.training.batch_size == (300 if name.startswith("gcl") else 30)
    assert settings.data.languages == ("en",)
    sizes = [last - first + 1 for first, last in ranges(settings)]
    assert sizes == [245, 35, 70]  # of 350 sentences, 70 %, 10 % and 20 %


@pytest.mark.parametrize("name", CREMA_D)
def test_experiments_on_crema_d_follow_the_published_grid(name: str) -> None:
    settings = shipped(f"{name}_c")
    assert settings.network == PRESETS["paper"]
    assert settings.loss == shipped(name).loss
    assert settings.training.epochs == 800
    assert settings.training.batch_size == (300 if name.startswith("gcl") else 30)
    assert settings.data.split.by == "random"
    assert settings.data.split.shares == (0.8, 0.05, 0.15)


@pytest.mark.parametrize("name", GRID)
def test_experiments_on_nemo_are_small_and_keep_sentences_apart(name: str) -> None:
    settings = shipped(f"nemo_{name}")
    assert settings.preset == "small"
    assert settings.network == PRESETS["small"].model_copy(update={"code_decay": 0.99})
    assert settings.loss == shipped(name).loss
    assert ranges(settings) == ((1, 60), (61, 70), (71, 90))
    assert settings.data.licence == "CC BY-NC-SA 4.0"
    assert settings.training == shipped("nemo_mi").training


def test_one_experiment_keeps_two_speakers_for_tests() -> None:
    unseen, seen = shipped("nemo_gcl1_cls_unseen"), shipped("nemo_gcl1_cls")
    assert unseen.data.split.held_out_speakers == ("EB0", "WR0")
    left = unseen.model_dump()
    left["data"]["split"]["held_out_speakers"] = ()
    assert left == seen.model_dump()


def test_the_vectors_of_one_experiment_ship() -> None:
    settings = shipped("nemo_functionals")
    vectors = open_set(EXPERIMENTS.parents[1] / settings.data.emotion_vectors)
    assert vectors.num_dims == settings.network.emotion_dims
    assert settings.network == PRESETS["small"].model_copy(
        update={"emotion_dims": 480, "code_decay": 0.99}
    )


def ranges(settings: StyleVCSettings) -> tuple[tuple[int, int], ...]:
    split = settings.data.split
    assert split.by == "text"
    return (split.train_texts, split.validation_texts, split.test_texts)
