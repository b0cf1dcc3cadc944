"""The StyleVC models that ship: whole, small, and with cards that say what they are worth."""

from pathlib import Path

import numpy as np
import pytest

from quantlab.analysis import fit_probe
from quantlab.codebooks import Codec
from quantlab.corpora import index_corpus, seen_items
from quantlab.embedders import get_embedder
from quantlab.models import load_model

CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"
NAMES = ("nemo_adv1_cls", "nemo_gcl1_cls", "nemo_gcl1_cls_unseen", "nemo_mi_cls")
ACCURACIES = ("cls_c_e", "cls_s_e", "cls_e_e", "cls_c_s", "cls_s_s", "cls_e_s")
LIMIT_BYTES = 16 << 20


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_whole_small_and_finite(name: str) -> None:
    model = load_model(CHECKPOINTS / name, preset="small").model
    assert all(np.isfinite(weight.detach().numpy()).all() for weight in model.parameters())
    files = [path for path in (CHECKPOINTS / name).iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= LIMIT_BYTES


@pytest.mark.parametrize("name", NAMES)
def test_the_card_says_what_it_was_trained_on(name: str) -> None:
    card = load_model(CHECKPOINTS / name).card
    assert card["licence"] == "CC BY-NC-SA 4.0"
    assert "nEMO" in card["source"]
    assert card["command"] == f"quantlab fit-stylevc experiments/stylevc/{name}.yaml"
    assert {entry["corpus"] for entry in card["trained_on"]} == {"nemo"}
    texts = {int(entry["text_id"]) for entry in card["trained_on"]}
    assert min(texts) == 1
    assert max(texts) == 70
    speakers = {entry["speaker"] for entry in card["trained_on"]}
    assert len(speakers) == (4 if name.endswith("unseen") else 6)
    assert speakers.isdisjoint({"EB0", "WR0"} if name.endswith("unseen") else ())
    assert {"seed", "device", "seconds", "threads", "provenance"} <= set(card)


@pytest.mark.parametrize("name", NAMES)
def test_the_card_holds_every_metric_with_interval_and_chance(name: str) -> None:
    metrics = load_model(CHECKPOINTS / name).card["metrics"]
    for measure in ACCURACIES:
        found = metrics[measure]
        assert found["low"] <= found["value"] <= found["high"]
        assert 0 < found["chance"] < 0.5
    for measure in ("dci_d", "dci_c", "dci_i"):
        assert {"value", "low", "high", "rotated", "shuffled"} <= set(metrics[measure])
    assert metrics["mcd_db"]["tag"].endswith("alignment none; gate none")
    assert metrics["measured_on"]["num_sentences"] == 20
    assert metrics["cls_e_e"]["value"] > metrics["cls_e_e"]["chance"] + 0.3


def test_one_model_tells_three_quarters_of_the_emotions_of_new_sentences() -> None:
    metrics = load_model(CHECKPOINTS / "nemo_gcl1_cls").card["metrics"]
    assert metrics["cls_e_e"]["value"] >= 0.75
    chance = metrics["cls_s_e"]["chance"]
    assert metrics["cls_s_e"]["low"] <= chance <= metrics["cls_s_e"]["high"]


CODECS = CHECKPOINTS / "nemo_gcl1_cls_codecs" / "codecs"


def test_the_codecs_that_ship_are_of_the_models_vectors_and_carry_its_licence() -> None:
    embedder = get_embedder("stylevc", {"directory": str(CHECKPOINTS / "nemo_gcl1_cls")})
    folders = sorted(CODECS.iterdir())
    recipes = {str(Codec.load(folder).card_["recipe"]) for folder in folders}
    emotions = ("angry", "fear", "happy", "neutral", "sad", "surprise")
    biased = {f"biased:{name}" for name in emotions}
    assert recipes == {"balanced", "mixed:sad=.5,happy=.5", *biased}
    for folder in folders:
        card = Codec.load(folder).card_
        assert card["licence"] == "CC BY-NC-SA 4.0"
        assert card["trained_for"] == "use"
        assert card["embedder"]["weights_sha256"] == embedder.card()["weights_sha256"]


@pytest.mark.slow
def test_the_accuracy_of_the_card_comes_out_again_from_sound(corpora: Path) -> None:
    embedder = get_embedder("stylevc", {"directory": str(CHECKPOINTS / "nemo_gcl1_cls")})
    manifest = index_corpus(corpora / "nemo", corpus="nemo").manifest
    manifest = manifest.subset(np.flatnonzero(~seen_items(manifest, embedder.card())))
    vectors = np.concatenate(
        [embedder.embed(manifest.read_clip(row), level="utterance") for row in range(len(manifest))]
    )
    emotion = manifest.items["emotion"].to_numpy(str)
    odd = manifest.items["text_id"].astype(int).to_numpy() % 2 == 1
    right = 0
    for test in (odd, ~odd):
        probe = fit_probe("logistic", vectors[~test], emotion[~test], seed=0)
        right += int((probe.predict(vectors[test]) == emotion[test]).sum())
    stated = load_model(CHECKPOINTS / "nemo_gcl1_cls").card["metrics"]["cls_e_e"]
    assert stated["low"] <= right / len(emotion) <= stated["high"]
