"""Evaluation of a StyleVC against scikit-learn and formulas by hand, on clips chosen by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.fft

from quantlab.audio import griffin_lim, log10_mel, log_f0
from quantlab.errors import InputError, IntegrityError
from quantlab.models import Features, Inference, make_network, open_stylevc
from quantlab.models.stylevc.checkpoint import Loaded
from quantlab.store import read_json
from quantlab.synthesis import (
    Evaluation,
    EvaluationSettings,
    card_metrics,
    evaluate_stylevc,
    grid_of,
    read_evaluation,
    write_evaluation,
)
from quantlab.synthesis.evaluation import TABLE_SCHEMAS
from tests.evaluated_stylevc import QUICK, make_features, save_untrained
from tests.tiny_stylevc import TINY

SETTINGS = EvaluationSettings.parse(QUICK)
FEW = SETTINGS.model_copy(
    update={"probes": ("logistic",), "num_decoded": 0, "dci_intervals": False}
)
PAIRS = [
    (embedding, label)
    for label in ("emotion", "speaker")
    for embedding in ("content", "speaker", "emotion")
]


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Features:
    return make_features(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def model(features: Features, tmp_path_factory: pytest.TempPathFactory) -> Inference:
    folder = save_untrained(tmp_path_factory.mktemp("model"), features)
    return open_stylevc(folder, device="cpu")


@pytest.fixture(scope="module")
def done(model: Inference, features: Features) -> Evaluation:
    return evaluate_stylevc(model, features, settings=SETTINGS, device="cpu")


@pytest.fixture(scope="module")
def held_out(features: Features, tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    folder = save_untrained(tmp_path_factory.mktemp("held"), features, held_out_speakers=["cat"])
    return evaluate_stylevc(folder, features, settings=FEW, name="held", device="cpu")


def judged(features: Features) -> np.ndarray:
    """Return the rows of the test sentences."""
    return np.flatnonzero(features.items["text_id"].astype(int) >= 3)


def embeddings(model: Inference, features: Features, rows: np.ndarray) -> dict[str, np.ndarray]:
    found: dict[str, list[np.ndarray]] = {"content": [], "speaker": [], "emotion": []}
    for row in rows:
        speech = model.prepare(features.clips[row].log10_mel, features.clips[row].f0)
        found["content"].append(model.content(speech)[0].mean(axis=0))
        found["speaker"].append(model.speaker(speech))
        found["emotion"].append(model.emotion(speech))
    return {name: np.stack(vectors).astype(np.float64) for name, vectors in found.items()}


def folds_by_hand(texts: np.ndarray, *, num_folds: int) -> np.ndarray:
    """Return folds of sentences, drawn with the evaluation's seed."""
    names = np.unique(texts)
    order = np.random.default_rng(SETTINGS.seed).permutation(len(names))
    fold = dict(zip(names, order % num_folds, strict=True))
    return np.array([fold[text] for text in texts])


def linear_answers(
    train: np.ndarray, labels: np.ndarray, test: np.ndarray, folds: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Return what scikit-learn answers, fold by fold."""
    from sklearn.linear_model import LogisticRegression

    answers = np.empty(len(test), dtype=labels.dtype)
    for fold in range(2):
        learned, asked = folds[0] != fold, folds[1] == fold
        mean, spread = train[learned].mean(axis=0), train[learned].std(axis=0)
        spread[spread == 0] = 1.0
        classifier = LogisticRegression(C=0.01, max_iter=2000, class_weight="balanced")
        classifier.fit((train[learned] - mean) / spread, labels[learned])
        answers[asked] = classifier.predict((test[asked] - mean) / spread)
    return answers


def score(done: Evaluation, embedding: str, label: str, **keys: str) -> dict[str, Any]:
    wanted = {
        "embedding": embedding, "label": label, "metric": "accuracy", "probe": "logistic",
        "encoder": "trained", "protocol": "text", **keys,
    }  # fmt: skip
    rows = done.probes
    for key, value in wanted.items():
        rows = rows.loc[rows[key] == value]
    assert len(rows) == 1
    return rows.iloc[0].to_dict()


def test_only_sentences_that_training_did_not_see_are_judged(done: Evaluation) -> None:
    assert done.about["protocol"] == "text"
    assert (done.about["num_clips"], done.about["num_sentences"]) == (32, 4)
    assert done.about["speakers"] == ["ann", "bob", "cat", "dan"]
    assert done.about["new_speakers"] == []
    texts = {int(text.rsplit(" ", 1)[1]) for text in done.maps["text"]}
    assert texts == {3, 4, 5, 6}
    assert set(done.probes["protocol"]) == {"text"}


@pytest.mark.parametrize(("embedding", "label"), PAIRS)
def test_the_six_accuracies_are_those_of_scikit_learn_in_folds_by_sentence(
    done: Evaluation, model: Inference, features: Features, embedding: str, label: str
) -> None:
    rows = judged(features)
    items = features.items.iloc[rows]
    folds = folds_by_hand(items["text_id"].to_numpy(str), num_folds=2)
    vectors = embeddings(model, features, rows)[embedding]
    truth = items[label].to_numpy(str)
    expected = np.mean(linear_answers(vectors, truth, vectors, (folds, folds)) == truth)
    found = score(done, embedding, label)
    assert found["value"] == pytest.approx(expected)
    assert found["chance"] == 1 / (2 if label == "emotion" else 4)
    assert found["num_items"] == 32
    assert found["clustered_by"] == ("speaker" if label == "emotion" else "text")


def test_a_perceptron_asks_as_well_and_the_same_networks_before_training(
    done: Evaluation, features: Features
) -> None:
    assert set(done.probes["probe"]) == {"wide_mlp", "logistic"}
    untrained = done.probes.loc[done.probes["encoder"] == "untrained"]
    assert len(untrained) == len(done.probes) / 2 == 24
    settings = TINY.model_copy(update={"num_mels": 80})
    card = {
        "mel_statistics": features.statistics(np.arange(len(features))),
        "settings": {"training": {"crop_frames": 32}},
    }
    network = make_network(settings, seed=SETTINGS.seed).eval()
    rows = judged(features)
    vectors = embeddings(Inference(Loaded(network, card)), features, rows)["speaker"]
    items = features.items.iloc[rows]
    truth = items["speaker"].to_numpy(str)
    folds = folds_by_hand(items["text_id"].to_numpy(str), num_folds=2)
    expected = np.mean(linear_answers(vectors, truth, vectors, (folds, folds)) == truth)
    found = score(done, "speaker", "speaker", encoder="untrained")
    assert found["value"] == pytest.approx(expected)


def distortion_by_hand(mel: np.ndarray, other: np.ndarray) -> float:
    cepstra = [
        np.asarray(scipy.fft.dct(part * np.log(10), norm="ortho"))[:, 1:17] for part in (mel, other)
    ]
    distances = np.sqrt(2 * np.square(cepstra[0] - cepstra[1]).sum(axis=1))
    return float(10 / np.log(10) * distances.mean())


def test_distortion_and_pitch_are_those_of_the_decoded_clip(
    done: Evaluation, model: Inference, features: Features
) -> None:
    decoded = done.clips.loc[done.clips["kind"] == "decoded mel"]
    assert len(decoded) == 4
    assert decoded[["speaker"]].nunique().item() > 1
    rows = [features.items["path"].tolist().index(path) for path in decoded["path"]]
    assert set(rows) <= set(judged(features).tolist())
    mels = []
    for row in rows:
        clip = features.clips[row]
        speech = model.prepare(clip.log10_mel, clip.f0)
        mels.append(
            model.decode(
                model.content(speech)[0], clip.f0, model.speaker(speech), model.emotion(speech)
            )
        )
    expected = [
        distortion_by_hand(features.clips[row].log10_mel, mel)
        for row, mel in zip(rows, mels, strict=True)
    ]
    np.testing.assert_allclose(decoded["mcd_db"], expected, rtol=1e-5)
    mean = done.sound.loc[
        (done.sound["kind"] == "decoded mel") & (done.sound["metric"] == "mcd_db")
    ]
    assert mean["value"].item() == pytest.approx(np.mean(expected), rel=1e-5)
    assert "alignment none" in mean["tag"].item()

    copy = done.clips.loc[done.clips["kind"] == "copy synthesis"].iloc[0]
    clip = features.clips[rows[0]]
    rng = np.random.default_rng([SETTINGS.seed, rows[0]])
    samples = griffin_lim(clip.log10_mel, rng=rng)
    assert copy["mcd_db"] == pytest.approx(
        distortion_by_hand(clip.log10_mel, log10_mel(samples)), rel=1e-4
    )
    ours, theirs = log_f0(samples), clip.log_f0
    both = (ours > 0) & (theirs > 0)
    cents = 1200 / np.log(2) * np.sqrt(np.mean(np.square(ours - theirs)[both]))
    assert copy["rmse_cents"] == pytest.approx(cents, rel=1e-5)
    assert copy["voicing_error"] == pytest.approx(np.mean((ours > 0) != (theirs > 0)))
    assert (done.clips["kind"] == "decoded and vocoded").sum() == 1


def test_every_measure_stands_beside_its_controls(done: Evaluation) -> None:
    readings = done.dci[["reading", "factors", "embedding"]].drop_duplicates().to_numpy().tolist()
    assert readings == [
        ["classes", "emotion", "emotion"],
        ["classes", "speaker", "speaker"],
        ["labels", "emotion, speaker", "content, speaker, emotion"],
    ]
    for _, part in done.dci.groupby(["reading", "factors"]):
        assert set(part["control"]) == {"as given", "rotated", "shuffled labels", "untrained"}
    assert set(done.bits["metric"]) == {"v_information", "club"}
    assert set(done.bits["control"]) == {"as given", "shuffled labels"}
    assert len(done.scatter) == 12
    assert done.information[["first", "second"]].to_numpy().tolist() == [
        ["content", "speaker"], ["content", "emotion"], ["speaker", "emotion"],
    ]  # fmt: skip
    assert done.maps.groupby(["embedding", "method"]).size().tolist() == [32] * 6
    assert done.notes == ()


def test_new_speakers_are_asked_in_new_sentences(
    held_out: Evaluation, features: Features, tmp_path: Path
) -> None:
    assert held_out.about["speakers"] == ["ann", "bob", "dan"]
    assert held_out.about["new_speakers"] == ["cat"]
    assert (held_out.about["num_clips"], held_out.about["num_new_clips"]) == (24, 8)
    new = held_out.probes.loc[held_out.probes["protocol"] == "speaker"]
    assert set(new["label"]) == {"emotion"}
    assert set(new["num_items"]) == {8}
    model = open_stylevc(
        save_untrained(tmp_path, features, held_out_speakers=["cat"]), device="cpu"
    )
    rows = judged(features)
    items = features.items.iloc[rows]
    vectors = embeddings(model, features, rows)["emotion"]
    truth, texts = (items[name].to_numpy(str) for name in ("emotion", "text_id"))
    cat = (items["speaker"] == "cat").to_numpy()
    folds = folds_by_hand(texts, num_folds=2)
    answers = linear_answers(vectors[~cat], truth[~cat], vectors[cat], (folds[~cat], folds[cat]))
    found = score(held_out, "emotion", "emotion", protocol="speaker")
    assert found["value"] == pytest.approx(np.mean(answers == truth[cat]))
    assert np.isnan(found["low"]), "one speaker has no interval over speakers"
    assert card_metrics(held_out)["new_speakers"]["speakers"] == ["cat"]


def test_a_grid_has_the_same_numbers(done: Evaluation, held_out: Evaluation) -> None:
    grid, verdicts = grid_of([done, held_out], probe="logistic")
    cells = grid.set_index(["model", "measure"])
    for embedding, label in PAIRS:
        cell = cells.loc[("tiny", f"cls_{embedding[0]}_{label[0]}")]
        found = score(done, embedding, label)
        assert cell["value"] == found["value"]
        assert cell["chance"] == found["chance"]
    assert {"dci_d_emotion", "dci_i_speaker", "dci_d_both", "mcd_db"} <= set(grid["measure"])
    assert cells.loc[("held", "cls_e_e")]["num_clusters"] == 3
    assert set(verdicts["model"]) == {"tiny", "held"}
    with pytest.raises(InputError, match="occurs twice"):
        grid_of([done, done])


def test_the_cards_metrics_are_plain_and_complete(done: Evaluation) -> None:
    metrics = card_metrics(done, probe="logistic")
    for embedding, label in PAIRS:
        found = metrics[f"cls_{embedding[0]}_{label[0]}"]
        assert set(found) == {"value", "low", "high", "chance", "untrained"}
        assert found["value"] == pytest.approx(score(done, embedding, label)["value"], abs=1e-4)
    for name in ("dci_d", "dci_c", "dci_i"):
        assert {"value", "rotated", "shuffled", "untrained"} <= set(metrics[name])
    emotion = done.dci.loc[
        (done.dci["factors"] == "emotion") & (done.dci["metric"] == "disentanglement")
    ].set_index("control")["value"]
    assert metrics["dci_d"]["rotated"] == pytest.approx(emotion["rotated"], abs=1e-4)
    assert {"value", "low", "high", "tag", "copy_synthesis", "vocoded"} == set(metrics["mcd_db"])
    assert metrics["measured_on"] == {
        "protocol": "text", "num_clips": 32, "num_sentences": 4,
        "speakers": ["ann", "bob", "cat", "dan"],
    }  # fmt: skip


def test_an_evaluation_is_kept_and_damage_is_seen(done: Evaluation, tmp_path: Path) -> None:
    write_evaluation(tmp_path, done)
    kept = read_evaluation(tmp_path)
    assert (kept.model, kept.notes) == (done.model, done.notes)
    assert dict(kept.about) == read_json(tmp_path / "evaluation.json")["about"]
    for name, schema in TABLE_SCHEMAS.items():
        table = getattr(kept, name)
        assert list(table.columns) == list(schema)
        assert len(table) == len(getattr(done, name))
    np.testing.assert_array_equal(kept.probes["value"], done.probes["value"])
    (tmp_path / "dci.parquet").write_bytes(b"x")
    with pytest.raises(IntegrityError, match=r"dci\.parquet is missing, or not what"):
        read_evaluation(tmp_path)
    (tmp_path / "evaluation.json").write_text('{"kind": "other"}')
    with pytest.raises(IntegrityError, match="not the card of an evaluation"):
        read_evaluation(tmp_path)
    with pytest.raises(InputError, match="evaluate-stylevc"):
        read_evaluation(tmp_path / "nowhere")


def changed(model: Inference, **card: Any) -> Inference:
    """Return the model with another card."""
    other = Inference.__new__(Inference)
    other.__dict__.update(model.__dict__)
    other.card = {**model.card, **card}
    return other


def with_split(model: Inference, **split: Any) -> Inference:
    """Return the model as if it had been trained on another split."""
    settings = model.card["settings"]
    data = {**settings["data"], "split": {**settings["data"]["split"], **split}}
    return changed(model, settings={**settings, "data": data})


def test_features_and_models_that_do_not_fit_are_refused(
    model: Inference, features: Features
) -> None:
    other = changed(model, features="0" * 64)
    with pytest.raises(InputError, match=r"trained on features 0{12}, given are features"):
        evaluate_stylevc(other, features)
    with pytest.raises(IntegrityError, match="no settings"):
        evaluate_stylevc(changed(model, settings={}), features)
    vectors = changed(model)
    vectors.emotion_dims = 7
    with pytest.raises(InputError, match="vectors of 7 dimensions"):
        evaluate_stylevc(vectors, features)
    with pytest.raises(InputError, match="no test clip of a speaker"):
        evaluate_stylevc(with_split(model, test_texts=[20, 30]), features, device="cpu")


def test_one_emotion_is_left_out_with_a_note(model: Inference, features: Features) -> None:
    settings = model.card["settings"]
    data = {**settings["data"], "emotions": ["sad"]}
    sad = changed(model, settings={**settings, "data": data})
    steps: list[tuple[int, int]] = []
    done = evaluate_stylevc(
        sad, features, settings=FEW, device="cpu",
        progress=lambda at, total: steps.append((at, total)),
    )  # fmt: skip
    assert steps == [(place, steps[0][1]) for place in range(1, steps[0][1] + 1)]
    assert done.notes == ("all test clips are of one emotion, which is not asked for",)
    assert set(done.probes["label"]) == set(done.bits["label"]) == {"speaker"}
    assert done.clips.empty
    assert done.sound.empty
    grid, _ = grid_of([done])
    assert "cls_s_s" in set(grid["measure"])
    assert "mcd_db" not in set(grid["measure"])
    assert "dci_d" not in card_metrics(done)
    both = {**data, "speakers": ["ann"]}
    with pytest.raises(InputError, match="one speaker and one emotion"):
        evaluate_stylevc(
            changed(model, settings={**settings, "data": both}), features, device="cpu"
        )


def test_what_needs_more_clips_is_left_out_with_a_note(
    model: Inference, features: Features
) -> None:
    settings = FEW.model_copy(update={"information_dims": 99})
    fewer = with_split(model, test_texts=[3, 4])
    done = evaluate_stylevc(fewer, features, settings=settings, device="cpu")
    bits, shared = done.notes
    assert bits.startswith("bits of speaker left out: There are 2 clusters")
    assert shared.startswith("shared information left out: ")
    assert done.information.empty
    assert set(done.bits["label"]) == {"emotion"}
    assert set(done.scatter["label"]) == {"emotion", "speaker"}


def test_a_split_that_shares_sentences_is_named(model: Inference, features: Features) -> None:
    shared = with_split(model, by="random", shares=[0.4, 0.1, 0.5])
    done = evaluate_stylevc(shared, features, settings=FEW, device="cpu")
    assert done.about["protocol"] == "clip"
    assert "training saw the sentences of these clips, in other clips" in done.notes
