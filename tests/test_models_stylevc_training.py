"""Training of StyleVC on made-up spectrograms, with networks of a few thousand weights."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from quantlab.errors import ConfigError, InputError, IntegrityError, QuantlabError
from quantlab.models import Features, StyleVCSettings, Trained, load_model, train_stylevc
from quantlab.models.stylevc.curves import NO_TENSORBOARD
from quantlab.models.stylevc.examples import Examples
from quantlab.models.stylevc.features import ClipFeatures
from quantlab.models.stylevc.information import Latents
from quantlab.models.stylevc.learner import Learner
from quantlab.models.stylevc.schedule import Batches, learning_rate, passes, step_seed
from quantlab.models.stylevc.settings import LossSettings, TrainingSettings
from quantlab.models.stylevc.training import launch_fabric
from quantlab.store import load_tensors, lock, read_json, read_table
from tests.tiny_stylevc import TINY

SPEAKERS, EMOTIONS, TEXTS = ("ann", "bob"), ("angry", "sad"), 6
TRAINING = {
    "batch_size": 4,
    "crop_frames": 32,
    "epochs": 3,
    "warmup_steps": 2,
    "first_learning_rate": 1e-3,
    "learning_rate": 3e-3,
    "mi_steps": 2,
    "device": "cpu",
}
SPLIT = {"train_texts": [1, 4], "validation_texts": [5, 5], "test_texts": [6, 6]}


def make_settings(**changes: dict[str, Any]) -> StyleVCSettings:
    """Return settings of 4 steps an epoch and 12 in all; `changes` update each section."""
    return StyleVCSettings.parse(
        {
            "network": {**TINY.model_dump(), "num_mels": 80, **changes.get("network", {})},
            "loss": {"method": "gcl", "classifiers": "both", **changes.get("loss", {})},
            "training": {**TRAINING, **changes.get("training", {})},
            "data": {"split": SPLIT, **changes.get("data", {})},
        }
    )


def make_features(*, seed: int = 3) -> Features:
    """Return 24 clips of 25 to 60 frames whose spectral shape tells speaker and emotion."""
    rng = np.random.default_rng(seed)
    shapes = rng.normal(size=(len(SPEAKERS) + len(EMOTIONS), 80)).cumsum(axis=1)
    rows, clips = [], []
    for text in range(1, TEXTS + 1):
        for speaker, name in enumerate(SPEAKERS):
            for emotion, feeling in enumerate(EMOTIONS):
                length = int(rng.integers(25, 60))
                level = shapes[speaker] + shapes[len(SPEAKERS) + emotion]
                time = np.sin(np.arange(length) / (2 + text))[:, np.newaxis]
                codes = 128 + 8 * level + 40 * time + rng.normal(size=(length, 80))
                f0 = np.where(time[:, 0] > -0.5, rng.normal(size=length), 0)
                clips.append(
                    ClipFeatures(
                        codes=np.clip(codes, 0, 255).astype(np.uint8),
                        low=np.full(80, -5, np.float32),
                        step=np.full(80, 0.02, np.float32),
                        log_f0=np.where(f0, 5, 0).astype(np.float32),
                        f0=f0.astype(np.float32),
                    )
                )
                path = f"{name}/{feeling}/{text}.wav"
                rows.append((path, "made-up", "en", name, feeling, str(text), "", path, length))
    columns = ["path", "corpus", "language", "speaker", "emotion", "text_id", "split", "sha256"]
    items = pd.DataFrame(rows, columns=[*columns, "num_frames"])
    card = {"fingerprint": f"made-up {seed}", "licence": "CC0", "source": "made up"}
    return Features(items, tuple(clips), card)


@pytest.fixture(scope="module")
def features() -> Features:
    return make_features()


def state_of(folder: Path) -> dict[str, np.ndarray]:
    """Return all tensors of the state in a folder."""
    journal = read_json(folder / "state" / "state.json")
    return load_tensors(folder / "state" / journal["file"], journal["tensors"])


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)


def weights_of(folder: Path) -> bytes:
    return (folder / "checkpoint" / "weights.safetensors").read_bytes()


# Going on after a stop


@pytest.mark.parametrize(
    "loss",
    [
        {"method": "mi", "classifiers": "both", "loss_forward": "lf2"},
        {"method": "gcl", "classifiers": "none"},
        {"method": "adv", "classifiers": "emotion"},
    ],
    ids=["mi", "gcl", "adv"],
)
def test_six_steps_at_once_are_three_and_three_more(
    features: Features, tmp_path: Path, loss: dict[str, str]
) -> None:
    settings = make_settings(loss=loss)
    whole = train_stylevc(features, settings, tmp_path / "whole", steps=6)
    first = train_stylevc(features, settings, tmp_path / "parts", steps=3)
    at_three = state_of(tmp_path / "parts")
    second = train_stylevc(features, settings, tmp_path / "parts", steps=6)
    assert (first.step, second.step, whole.step, whole.num_steps) == (3, 6, 6, 12)
    at_six = state_of(tmp_path / "parts")
    assert_same(state_of(tmp_path / "whole"), at_six)
    moved = [name for name, array in at_three.items() if not np.array_equal(array, at_six[name])]
    assert len(moved) > 0.9 * len(at_three)
    assert weights_of(tmp_path / "whole") == weights_of(tmp_path / "parts")
    assert (whole.best_step, whole.best_loss) == (second.best_step, second.best_loss)


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(
    features: Features, tmp_path: Path
) -> None:
    settings = make_settings(loss={"method": "mi"})
    for name in "ab":
        train_stylevc(features, settings, tmp_path / name, steps=2)
    train_stylevc(
        features,
        make_settings(loss={"method": "mi"}, training={"seed": 1}),
        tmp_path / "c",
        steps=2,
    )
    assert weights_of(tmp_path / "a") == weights_of(tmp_path / "b")
    assert (
        files_of(tmp_path / "a" / "state")["00000002.safetensors"]
        == (files_of(tmp_path / "b" / "state")["00000002.safetensors"])
    )
    assert weights_of(tmp_path / "a") != weights_of(tmp_path / "c")


def test_a_finished_training_is_left_as_it_is(features: Features, tmp_path: Path) -> None:
    settings = make_settings(training={"epochs": 1})
    done = train_stylevc(features, settings, tmp_path)
    before = files_of(tmp_path / "state") | files_of(tmp_path / "checkpoint")
    calls: list[tuple[int, int]] = []
    again = train_stylevc(
        features, settings, tmp_path, progress=lambda *counts: calls.append(counts)
    )
    assert (again.step, again.best_step, again.best_loss) == (4, done.best_step, done.best_loss)
    assert files_of(tmp_path / "state") | files_of(tmp_path / "checkpoint") == before
    assert calls == []


def test_progress_counts_the_steps_of_this_run(features: Features, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []

    def note(done: int, total: int) -> None:
        calls.append((done, total))

    train_stylevc(features, make_settings(), tmp_path, steps=3, progress=note)
    train_stylevc(features, make_settings(), tmp_path, steps=5, progress=note)
    assert calls == [(1, 3), (2, 3), (3, 3), (1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training": {"learning_rate": 1e-4}}, r"training\.learning_rate was 0\.003, now 0\.0001"),
        ({"loss": {"method": "adv"}}, r"loss\.method was 'gcl', now 'adv'"),
        ({"network": {"num_codes": 8}}, r"network\.num_codes was 16, now 8"),
        ({"data": {"speakers": ["ann", "bob"]}}, r"data\.speakers was \[\], now \['ann', 'bob'\]"),
    ],
)
def test_other_settings_are_refused(
    features: Features, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    train_stylevc(features, make_settings(), tmp_path, steps=1)
    before = files_of(tmp_path / "state")
    with pytest.raises(ConfigError, match=f"state of another training.*{message}.*another output"):
        train_stylevc(features, make_settings(**changes), tmp_path, steps=2)
    assert files_of(tmp_path / "state") == before


def test_other_features_are_refused_and_another_device_or_place_is_not(
    features: Features, tmp_path: Path
) -> None:
    train_stylevc(features, make_settings(), tmp_path, steps=1)
    with pytest.raises(ConfigError, match="features was 'made-up 3', now 'made-up 4'"):
        train_stylevc(make_features(seed=4), make_settings(), tmp_path, steps=2)
    moved = make_settings(training={"device": "auto"}, data={"manifest": "elsewhere.parquet"})
    if not torch.cuda.is_available():
        assert train_stylevc(features, moved, tmp_path, steps=2).step == 2


def test_a_folder_is_trained_in_by_one_process(features: Features, tmp_path: Path) -> None:
    with lock(tmp_path / ".lock"), pytest.raises(QuantlabError, match="another quantlab process"):
        train_stylevc(features, make_settings(), tmp_path, steps=1)


def test_a_damaged_state_is_found(features: Features, tmp_path: Path) -> None:
    train_stylevc(features, make_settings(), tmp_path, steps=1)
    (tensors,) = (tmp_path / "state").glob("*.safetensors")
    content = bytearray(tensors.read_bytes())
    content[-10] ^= 1
    tensors.write_bytes(bytes(content))
    with pytest.raises(IntegrityError):
        train_stylevc(features, make_settings(), tmp_path, steps=2)
    journal = tmp_path / "state" / "state.json"
    journal.write_text(journal.read_text().replace('"format": 1', '"format": 9'))
    with pytest.raises(IntegrityError, match="another format; delete"):
        train_stylevc(features, make_settings(), tmp_path, steps=2)
    journal.write_text('{"format": 1}')
    with pytest.raises(IntegrityError, match="lacks 'identity'"):
        train_stylevc(features, make_settings(), tmp_path, steps=2)


# What can go wrong


def test_interrupting_saves_after_the_step_that_was_running(
    features: Features, tmp_path: Path
) -> None:
    handler = signal.getsignal(signal.SIGINT)

    def interrupt(done: int, total: int) -> None:
        if done == 2:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train_stylevc(features, make_settings(), tmp_path / "cut", steps=6, progress=interrupt)
    assert signal.getsignal(signal.SIGINT) is handler
    assert read_json(tmp_path / "cut" / "state" / "state.json")["progress"]["step"] == 3
    train_stylevc(features, make_settings(), tmp_path / "cut", steps=6)
    train_stylevc(features, make_settings(), tmp_path / "whole", steps=6)
    assert_same(state_of(tmp_path / "cut"), state_of(tmp_path / "whole"))


@pytest.mark.parametrize("handler", [signal.default_int_handler, signal.SIG_IGN])
def test_interrupting_twice_stops_at_once(handler: Any, features: Features, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    usual = signal.signal(signal.SIGINT, handler)  # ignored, as in a background job of a shell
    try:
        with pytest.raises(KeyboardInterrupt):
            train_stylevc(features, make_settings(), tmp_path, progress=interrupt)
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, usual)
    assert not (tmp_path / "state").exists()


def test_a_loss_that_is_not_a_number_stops_and_keeps_the_last_state(
    features: Features, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_stylevc(features, make_settings(), tmp_path, steps=5)
    before = files_of(tmp_path / "state") | files_of(tmp_path / "checkpoint")
    learn = Learner.step

    def poisoned(self: Learner, batch: Any, *, step: int, epoch: int) -> Any:
        if step == 6:
            batch.mel[0, 0, 0] = torch.nan
        return learn(self, batch, step=step, epoch=epoch)

    monkeypatch.setattr(Learner, "step", poisoned)
    message = (
        r"loss of step 7 is not finite \(.*total nan.*\); training stopped: the state after step 5 "
        r"is kept, and the best model, of step 4\. Lower training\.learning_rate"
    )
    with pytest.raises(QuantlabError, match=message):
        train_stylevc(features, make_settings(), tmp_path)
    assert files_of(tmp_path / "state") | files_of(tmp_path / "checkpoint") == before


def test_weights_that_become_infinite_are_not_saved(features: Features, tmp_path: Path) -> None:
    settings = make_settings(training={"learning_rate": 3e38, "first_learning_rate": 1e-6})
    train_stylevc(features, settings, tmp_path, steps=1)
    before = files_of(tmp_path / "state")
    with pytest.raises(
        QuantlabError, match=r"after step 2, .*; training stopped: the state after step 1 is"
    ):
        train_stylevc(features, settings, tmp_path, steps=2)
    assert files_of(tmp_path / "state") == before


def test_a_validation_that_is_not_a_number_stops(
    features: Features, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Learner, "validate", lambda *_: {"mel_before": float("nan")})
    message = r"validation after step 4 is not finite \(mel_before nan\); .*: no state yet"
    with pytest.raises(QuantlabError, match=message):
        train_stylevc(features, make_settings(), tmp_path)


def test_a_full_disk_leaves_the_old_state(
    features: Features, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_stylevc(features, make_settings(), tmp_path / "full", steps=2)
    before = files_of(tmp_path / "full" / "state")
    with monkeypatch.context() as patch:

        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr(os, "fsync", fail)
        with pytest.raises(QuantlabError, match="No space left"):
            train_stylevc(features, make_settings(), tmp_path / "full", steps=3)
    assert files_of(tmp_path / "full" / "state") == before
    train_stylevc(features, make_settings(), tmp_path / "full", steps=6)
    train_stylevc(features, make_settings(), tmp_path / "whole", steps=6)
    assert_same(state_of(tmp_path / "full"), state_of(tmp_path / "whole"))


def test_a_disk_that_fills_between_tensors_and_journal_leaves_the_old_state(
    features: Features, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_stylevc(features, make_settings(), tmp_path, steps=2)
    before = files_of(tmp_path / "state")
    replace = os.replace

    def fail(source: Any, target: Any) -> None:
        if Path(target).name == "state.json":
            raise OSError(28, "No space left on device")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        with pytest.raises(QuantlabError, match="No space left"):
            train_stylevc(features, make_settings(), tmp_path, steps=3)
    after = files_of(tmp_path / "state")
    assert {name: after[name] for name in before} == before
    assert train_stylevc(features, make_settings(), tmp_path, steps=4).step == 4
    assert sorted(files_of(tmp_path / "state")) == ["00000004.safetensors", "state.json"]


def test_without_fabric_the_message_says_what_to_install(
    features: Features, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lightning", None)
    monkeypatch.setitem(sys.modules, "lightning.fabric", None)
    with pytest.raises(ConfigError, match=r"Lightning Fabric.*pip install 'quantlab\[parallel\]'"):
        train_stylevc(features, make_settings(), tmp_path, steps=1)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_device_that_is_not_there_is_refused(features: Features, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cuda"):
        train_stylevc(features, make_settings(training={"device": "cuda"}), tmp_path, steps=1)


def test_without_tensorboard_there_is_a_note_and_the_table(
    features: Features, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lightning.fabric.loggers import tensorboard

    def missing(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("neither tensorboard nor tensorboardX")

    monkeypatch.setattr(tensorboard, "TensorBoardLogger", missing)
    trained = train_stylevc(features, make_settings(), tmp_path, steps=4)
    assert trained.notes == (NO_TENSORBOARD,)
    assert (tmp_path / "curves.parquet").is_file()


# What comes out


def curve(folder: Path, part: str, name: str) -> pd.Series:
    table = read_table(folder / "curves.parquet")
    chosen = ((table["part"] == part) & (table["name"] == name)).to_numpy()
    return pd.Series(table["value"].to_numpy()[chosen], table["step"].to_numpy()[chosen])


@pytest.fixture(scope="module")
def trained(features: Features, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Return a training of 80 steps."""
    settings = make_settings(
        network={"embedding_dims": 32},
        training={"epochs": 20, "decay_epochs": [15], "learning_rate": 1e-2},
    )
    place = tmp_path_factory.mktemp("trained")
    return train_stylevc(features, settings, place, name="tiny", about={"command": "a test"})


def test_the_loss_falls(trained: Trained) -> None:
    folder = trained.checkpoint.parent
    for name in ("mel_before", "mel_after", "classifier_speaker", "classifier_emotion"):
        values = curve(folder, "validation", name)
        assert values.index.tolist() == list(range(4, 81, 4))
        assert values.iloc[-1] < 0.7 * values.iloc[0], name
    assert curve(folder, "validation", "classifier_emotion_accuracy").iloc[-1] == 1
    assert curve(folder, "train", "total").index.tolist() == list(range(4, 81, 4))


def test_the_best_state_is_kept(features: Features, trained: Trained) -> None:
    folder = trained.checkpoint.parent
    judged = ("mel_before", "mel_after", "classifier_speaker", "classifier_emotion")
    losses = sum(curve(folder, "validation", name) for name in judged)
    assert isinstance(losses, pd.Series)
    assert trained.best_step == losses.idxmin()
    assert trained.best_loss == pytest.approx(losses.min())
    loaded = load_model(trained.checkpoint)
    statistics = features.statistics(np.arange(16))
    errors = []
    for row in np.arange(16, 20):
        start = max(int(features.num_frames[row]) - 32, 0) // 2
        mel, f0 = features.batch([row], [start], num_frames=32, statistics=statistics)
        with torch.no_grad():
            decoded = loaded.model(torch.from_numpy(mel), torch.from_numpy(f0))[1]
        error = decoded.mel_after.numpy() - mel
        errors.append(np.square(error).mean() + np.abs(error).mean())
    expected = curve(folder, "validation", "mel_after")[trained.best_step]
    assert np.mean(errors) == pytest.approx(expected, rel=0.02)  # stored in half precision


def test_the_card_says_what_the_model_was_trained_on(features: Features, trained: Trained) -> None:
    card = read_json(trained.checkpoint / "card.json")
    np.testing.assert_allclose(card["mel_statistics"], features.statistics(np.arange(16)))
    assert card["speakers"] == ["ann", "bob"]
    assert card["emotions"] == ["angry", "sad"]
    assert card["num_clips"] == {"train": 16, "validation": 4, "test": 4}
    assert card["trained_on"] == [
        {"corpus": "made-up", "speaker": speaker, "text_id": str(text)}
        for text in range(1, 6)
        for speaker in SPEAKERS
    ]
    assert (card["name"], card["command"], card["licence"]) == ("tiny", "a test", "CC0")
    assert (card["seed"], card["device"], card["step"]) == (137, "cpu", trained.best_step)
    assert card["seconds"] > 0
    assert card["settings"]["training"]["epochs"] == 20


def test_a_random_split_names_clips_by_their_hash(features: Features) -> None:
    settings = make_settings(data={"split": {"by": "random", "shares": [0.5, 0.25, 0.25]}})
    examples = Examples.of(features, settings)
    seen = examples.seen(by_text=False)
    rows = np.concatenate([examples.split.train, examples.split.validation])
    assert sorted(seen) == sorted(features.items["sha256"].iloc[rows])
    assert len(seen) == 18


def test_curves_of_a_run_that_goes_on_have_no_step_twice(
    features: Features, tmp_path: Path
) -> None:
    settings = make_settings()
    train_stylevc(features, settings, tmp_path, steps=5)
    train_stylevc(features, settings, tmp_path, steps=9)
    table = read_table(tmp_path / "curves.parquet")
    assert not table.duplicated(["step", "part", "name"]).any()
    assert curve(tmp_path, "validation", "mel_after").index.tolist() == [4, 8]
    assert curve(tmp_path, "train", "total").index.tolist() == [4, 5, 8, 9]
    assert (table["epoch"] == table["step"] // 4).all()


def test_the_emotion_input_may_be_vectors(features: Features, tmp_path: Path) -> None:
    settings = make_settings(network={"emotion_dims": 5}, data={"emotion_vectors": "elsewhere"})
    vectors = np.random.default_rng(0).normal(size=(len(features), 5)).astype(np.float32)
    train_stylevc(features, settings, tmp_path, steps=2, vectors=vectors)
    assert load_model(tmp_path / "checkpoint").model.settings.emotion_dims == 5
    other = vectors.copy()
    other[0] += 1
    with pytest.raises(ConfigError, match="vectors was"):
        train_stylevc(features, settings, tmp_path, steps=3, vectors=other)
    for wrong in (None, vectors[:3], vectors[:, :4]):
        with pytest.raises(InputError, match=r"takes vectors of shape \(24, 5\), given"):
            Examples.of(features, settings, wrong)
    with pytest.raises(InputError, match=r"takes vectors of shape None, given \(24, 5\)"):
        Examples.of(features, make_settings(), vectors)


@pytest.mark.filterwarnings("ignore:TF32 acceleration on top of oneDNN:UserWarning")
def test_bfloat16_trains_too(features: Features, tmp_path: Path) -> None:
    full = make_settings(loss={"method": "mi"})
    exact = train_stylevc(features, full, tmp_path / "full", steps=4)
    settings = make_settings(loss={"method": "mi"}, training={"precision": "bf16-mixed"})
    with torch.backends.mkldnn.flags(enabled=False):  # whose LSTM needs a CPU of few years
        trained = train_stylevc(features, settings, tmp_path / "half", steps=4)
    assert trained.best_loss == pytest.approx(exact.best_loss, rel=0.1)
    assert trained.best_loss != exact.best_loss


def test_precision_that_the_cpu_lacks_is_refused(
    features: Features, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_settings(training={"precision": "16-mixed"})
    with pytest.raises(ConfigError, match=r"precision 16-mixed needs a GPU.*choose 32-true"):
        train_stylevc(features, settings, tmp_path, steps=1)

    def lacking(*_: object) -> None:
        raise RuntimeError("could not create a primitive descriptor")

    monkeypatch.setattr(torch.nn.LSTM, "forward", lacking)
    settings = make_settings(training={"precision": "bf16-mixed"})
    with pytest.raises(ConfigError, match="precision bf16-mixed needs a GPU"):
        train_stylevc(features, settings, tmp_path, steps=1)


# Examples


def test_a_batch_holds_crops_and_classes(features: Features) -> None:
    examples = Examples.of(features, make_settings())
    rows, starts = np.array([3, 8]), np.array([0, 0])
    batch = examples.batch(rows, starts, torch.device("cpu"))
    mel, f0 = features.batch(
        rows, starts, num_frames=32, statistics=features.statistics(np.arange(16))
    )
    np.testing.assert_array_equal(batch.mel.numpy(), mel)
    np.testing.assert_array_equal(batch.f0.numpy(), f0)
    assert batch.labels.speaker.tolist() == [1, 0]
    assert batch.labels.emotion.tolist() == [1, 0]


def test_validation_goes_once_through_the_middle_of_every_clip(features: Features) -> None:
    examples = Examples.of(features, make_settings())
    batches = list(examples.validation(3, torch.device("cpu")))
    assert [count for count, _ in batches] == [3, 1]
    got = np.concatenate([batch.mel.numpy() for _, batch in batches])
    expected = []
    for row in range(16, 20):
        length = int(features.num_frames[row])
        mel = (features.clips[row].log10_mel - examples.statistics[0]) / examples.statistics[1]
        start = max(length - 32, 0) // 2
        expected.append(mel[(start + np.arange(32)) % length])
    found = [min(range(4), key=lambda row: np.abs(one - expected[row]).max()) for one in got]
    assert sorted(found) == [0, 1, 2, 3]
    for one, row in zip(got, found, strict=True):
        np.testing.assert_allclose(one, expected[row], atol=1e-4)


def test_validation_mixes_speakers_always_in_the_same_way(features: Features) -> None:
    order = np.argsort(features.items["speaker"].to_numpy(str), kind="stable")
    items = features.items.iloc[order].reset_index(drop=True)
    by_speaker = Features(items, tuple(features.clips[row] for row in order), features.card)
    split = {"train_texts": [1, 2], "validation_texts": [3, 5], "test_texts": [6, 6]}
    examples = Examples.of(by_speaker, make_settings(data={"split": split}))
    first, second = (
        [batch.labels.speaker.tolist() for _, batch in examples.validation(4, torch.device("cpu"))]
        for _ in range(2)
    )
    assert first == second
    assert [len(set(speakers)) for speakers in first] == [2, 2, 2]


def test_validation_needs_classes_that_training_has(features: Features) -> None:
    items = features.items.copy()
    items.loc[17, "emotion"] = "happy"
    with pytest.raises(InputError, match="1 validation clips have a speaker or an emotion without"):
        Examples.of(Features(items, features.clips, features.card), make_settings())


def test_one_training_clip_is_too_few(features: Features) -> None:
    items = features.items.iloc[[0, 16]].reset_index(drop=True)
    few = Features(items, (features.clips[0], features.clips[16]), features.card)
    with pytest.raises(InputError, match="one training clip"):
        Examples.of(few, make_settings())


# Steps


def make_learner(settings: StyleVCSettings) -> Learner:
    return Learner(settings, num_speakers=2, num_emotions=2, fabric=launch_fabric(settings))


def test_a_step_is_one_of_plain_adam_on_the_total(features: Features) -> None:
    settings = make_settings()
    ours, plain = make_learner(settings), make_learner(settings)
    examples = Examples.of(features, settings)
    batches = Batches(
        examples.split.train, features.num_frames[examples.split.train], settings.training
    )
    weights = [*plain.network.parameters(), *plain.objective.parameters()]
    adam = torch.optim.Adam(weights, lr=1e-3, fused=False)
    (part,) = passes(settings.loss)
    for step in range(3):
        batch = examples.batch(*batches.batch(step), torch.device("cpu"))
        (losses,) = ours.step(batch, step=step, epoch=0)
        generator = torch.Generator().manual_seed(step_seed(step, settings.training))
        adam.param_groups[0]["lr"] = (1e-3, 2e-3, 3e-3)[step]
        encoded = plain.network.encode(batch.mel, generator=generator, update=True)
        decoded = plain.network.decode(encoded.content, batch.f0, encoded.speaker, encoded.emotion)
        total = plain.objective(
            encoded, decoded, batch.mel, batch.f0, batch.labels, part=part, generator=generator
        ).total
        adam.zero_grad()
        total.backward()
        adam.step()
        assert losses["total"].item() == pytest.approx(total.item(), rel=1e-5)
    for one, other in zip(ours.network.parameters(), plain.network.parameters(), strict=True):
        np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), atol=1e-4)


def stepped(features: Features, **training: Any) -> tuple[Learner, Any]:
    """Return a learner after three steps on one batch, and that batch."""
    settings = make_settings(loss={"method": "mi"}, training=training)
    learner = make_learner(settings)
    examples = Examples.of(features, settings)
    batch = examples.batch(np.arange(8), np.zeros(8, np.int64), torch.device("cpu"))
    for step in range(3):
        learner.step(batch, step=step, epoch=0)
    return learner, batch


def likelihood(learner: Learner, batch: Any) -> float:
    """Return how badly the estimators explain the embeddings of a batch."""
    assert learner.objective.information is not None
    learner.network.eval()
    with torch.no_grad():
        encoded = learner.network.encode(batch.mel)
        latents = Latents.of(encoded, batch.f0).detached()
        return float(learner.objective.information.negative_log_likelihood(latents))


def test_estimators_learn_from_their_own_steps_only(features: Features) -> None:
    idle, batch = stepped(features, mi_steps=0)
    fresh = make_learner(make_settings(loss={"method": "mi"})).objective.information
    assert fresh is not None
    assert idle.objective.information is not None
    for one, other in zip(idle.objective.information.parameters(), fresh.parameters(), strict=True):
        assert torch.equal(one, other)
    busy, _ = stepped(features, mi_steps=10, mi_learning_rate=1e-2)
    assert likelihood(busy, batch) < likelihood(idle, batch)


def test_the_steps_of_the_estimators_do_not_move_codes_or_statistics(features: Features) -> None:
    counts = {}
    for name, training in (
        ("none", {"mi_steps": 0}),
        ("three", {"mi_steps": 3}),
        ("replica", {"mi_steps": 3, "em_updates_replica": True}),
    ):
        learner, _ = stepped(features, **training)
        counts[name] = {
            int(buffer)
            for key, buffer in learner.network.named_buffers()
            if key.endswith("num_batches_tracked")
        }
    assert counts == {"none": {3}, "three": {3}, "replica": {3, 12}}  # the decoder's stay


def test_a_single_optimizer_has_everything(features: Features) -> None:
    single, _ = stepped(features, single_optimizer=True)
    separate, _ = stepped(features)
    names = {name.split(".")[1] for name in single.tensors() if name.startswith("adam.")}
    assert names == {"model"}
    names = {name.split(".")[1] for name in separate.tensors() if name.startswith("adam.")}
    assert names == {"model", "information"}
    assert single.objective.information is not None
    fresh = make_learner(make_settings(loss={"method": "mi"})).objective.information
    assert fresh is not None
    moved = [
        not torch.equal(one, other)
        for one, other in zip(
            single.objective.information.parameters(), fresh.parameters(), strict=True
        )
    ]
    assert all(moved)


def test_a_state_of_other_networks_is_refused(features: Features) -> None:
    learner, _ = stepped(features)
    tensors = learner.tensors()
    del tensors["network.decoder.output.weight"]
    with pytest.raises(IntegrityError, match=r"does not fit the networks.*decoder\.output\.weight"):
        learner.load(tensors, {})


# Schedule


def test_the_learning_rate_rises_then_falls_at_epochs() -> None:
    settings = TrainingSettings(warmup_steps=100, decay_epochs=(3, 5), decay=0.5)
    rates = [learning_rate(step, 0, settings) for step in range(101)]
    np.testing.assert_allclose(np.diff(rates), (1e-3 - 1e-6) / 100, rtol=1e-9)
    assert rates[0] == pytest.approx(1e-6)
    assert [learning_rate(500, epoch, settings) for epoch in (2, 3, 4, 5, 9)] == pytest.approx(
        [1e-3, 5e-4, 5e-4, 2.5e-4, 2.5e-4]
    )
    assert learning_rate(0, 0, TrainingSettings(warmup_steps=0)) == 1e-3


@pytest.mark.parametrize(
    ("loss_forward", "expected"),
    [
        ("lf1", [("label", True, True, False), ("mi", False, True, True)]),
        ("lf2", [("label", True, True, False), ("mi", False, False, True)]),
        ("lf3", [("label", True, False, False), ("mi", True, True, True)]),
        ("none", [("all", True, True, True)]),
    ],
)
def test_passes_count_what_their_name_says(loss_forward: str, expected: list) -> None:
    settings = LossSettings.parse({"classifiers": "both", "loss_forward": loss_forward})
    found = [
        (part.name, part.classifiers, part.codes, part.information) for part in passes(settings)
    ]
    assert found == expected


def test_every_epoch_goes_through_the_clips_in_an_order_of_its_own() -> None:
    rows = np.arange(100, 123)
    lengths = np.arange(20, 43)
    batches = Batches(rows, lengths, TrainingSettings(batch_size=5, crop_frames=30, epochs=2))
    assert (batches.steps_per_epoch, batches.num_steps) == (4, 8)
    epochs = []
    for epoch in range(2):
        seen = []
        for step in range(4 * epoch, 4 * epoch + 4):
            chosen, starts = batches.batch(step)
            room = np.maximum(lengths[chosen - 100] - 30, 0)
            assert (starts >= 0).all()
            assert (starts <= room).all()
            seen += chosen.tolist()
        assert len(set(seen)) == 20
        epochs.append(seen)
    assert epochs[0] != epochs[1]
    again = batches.batch(5)
    np.testing.assert_array_equal(again[0], batches.batch(5)[0])
    np.testing.assert_array_equal(again[1], batches.batch(5)[1])
    few = Batches(rows[:3], lengths[:3], TrainingSettings(batch_size=5, epochs=2))
    assert few.num_steps == 2
    assert sorted(few.batch(1)[0]) == [100, 101, 102]


def test_crops_start_anywhere_there_is_room() -> None:
    batches = Batches(
        np.arange(4), np.full(4, 18), TrainingSettings(batch_size=4, crop_frames=16, epochs=50)
    )
    starts = {int(start) for step in range(50) for start in batches.batch(step)[1]}
    assert starts == {0, 1, 2}


def test_steps_draw_from_seeds_of_their_own() -> None:
    settings = TrainingSettings()
    seeds = [step_seed(step, settings) for step in range(100)]
    assert len(set(seeds)) == 100
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert step_seed(0, TrainingSettings(seed=1)) != seeds[0]
