"""Checkpoints of StyleVC: what comes back, and everything that must not be loaded."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from quantlab.errors import ConfigError, InputError, IntegrityError
from quantlab.models.stylevc.checkpoint import (
    load_model,
    preset_name,
    save_model,
    update_card,
)
from quantlab.models.stylevc.network import StyleVC, make_network
from quantlab.models.stylevc.settings import PRESETS, NetworkSettings
from quantlab.store import save_tensors
from tests.tiny_stylevc import TINY, noise

CARD = {
    "mel_statistics": [[-2.5] * 20, [0.5] * 20],
    "emotions": ["angry", "sad"],
    "speakers": ["ann", "bob", "eve"],
    "licence": "CC BY 4.0",
}
CODE = "quantizer.codebook"
MATRIX = "speaker_encoder.output.weight"


def make_model(seed: int = 1) -> StyleVC:
    """Return a model whose codes and batch statistics have moved."""
    model = make_network(TINY, seed=seed)
    for step in range(3):
        model(noise(4, 17, 20, seed=step), noise(4, 17), update=True)
    return model.eval()


@pytest.fixture(scope="module")
def model() -> StyleVC:
    return make_model()


@pytest.fixture
def saved(model: StyleVC, tmp_path: Path) -> Path:
    save_model(tmp_path / "kept", model, card=CARD)
    return tmp_path / "kept"


def outputs(model: StyleVC) -> list[torch.Tensor]:
    encoded, decoded = model(noise(2, 21, 20, seed=8), noise(2, 21, seed=9))
    return [encoded.content, encoded.speaker, encoded.emotion, decoded.mel_after]


def change_card(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    card = json.loads((folder / "card.json").read_text())
    change(card)
    (folder / "card.json").write_text(json.dumps(card))


def change_tensors(folder: Path, change: Callable[[dict[str, np.ndarray]], object]) -> None:
    """Change the weights as someone would who keeps the card's checksums right."""
    arrays = load_file(folder / "weights.safetensors")
    change(arrays)
    cards = save_tensors(folder / "weights.safetensors", arrays)
    change_card(folder, lambda card: card.update(tensors=cards))


def test_single_precision_comes_back_as_it_was(model: StyleVC, tmp_path: Path) -> None:
    save_model(tmp_path / "new" / "kept", model, card=CARD, half=False)
    loaded = load_model(tmp_path / "new" / "kept")
    before, after = model.state_dict(), loaded.model.state_dict()
    assert list(before) == list(after)
    for name, tensor in before.items():
        assert tensor.dtype == after[name].dtype
        assert torch.equal(tensor, after[name]), name
    for one, other in zip(outputs(model), outputs(loaded.model), strict=True):
        assert torch.equal(one, other)
    assert not loaded.model.training
    assert loaded.model.settings == TINY


def test_half_precision_rounds_matrices_and_nothing_else(model: StyleVC, saved: Path) -> None:
    files = load_file(saved / "weights.safetensors")
    loaded = load_model(saved).model.state_dict()
    halves = 0
    for name, tensor in model.state_dict().items():
        array = tensor.numpy()
        if files[name].dtype == np.float16:
            halves += tensor.numel()
            assert tensor.ndim > 1
            np.testing.assert_allclose(files[name], array, rtol=2**-11, atol=2**-25)
            np.testing.assert_array_equal(loaded[name].numpy(), files[name].astype(np.float32))
        else:
            assert tensor.ndim < 2 or name in (CODE, "quantizer.sums")
            np.testing.assert_array_equal(files[name], array)
            np.testing.assert_array_equal(loaded[name].numpy(), array)
        assert loaded[name].dtype == tensor.dtype
    assert halves > 0.8 * sum(weight.numel() for weight in model.parameters())


def test_half_precision_hardly_changes_what_is_heard(model: StyleVC, saved: Path) -> None:
    for one, other in zip(outputs(model)[1:], outputs(load_model(saved).model)[1:], strict=True):
        assert (one - other).square().mean() < 1e-4 * one.square().mean()
        assert not torch.equal(one, other)


def test_the_small_preset_fits_16_mib_in_half_precision(tmp_path: Path) -> None:
    card = {**CARD, "mel_statistics": [[0.0] * 80, [1.0] * 80]}
    save_model(tmp_path, make_network(PRESETS["small"], seed=1), card=card)
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert 6 * 2**20 < size < 8 * 2**20
    assert load_model(tmp_path, preset="small").card["preset"] == "small"
    with pytest.raises(ConfigError, match="preset 'small', asked for was 'paper'"):
        load_model(tmp_path, preset="paper")


def test_the_card_tells_what_a_user_must_know(saved: Path) -> None:
    loaded = load_model(saved)
    assert loaded.emotions == ("angry", "sad")
    assert loaded.speakers == ("ann", "bob", "eve")
    assert loaded.mel_statistics.dtype == np.float32
    np.testing.assert_array_equal(loaded.mel_statistics, CARD["mel_statistics"])
    assert loaded.card["licence"] == "CC BY 4.0"
    assert loaded.card["provenance"]["versions"]["torch"]
    assert loaded.card["preset"] == "custom"
    with pytest.raises(ConfigError, match="preset 'custom', asked for was 'small'"):
        load_model(saved, preset="small")


def test_a_card_takes_metrics_and_the_model_stays_as_it_was(saved: Path) -> None:
    before, weights = load_model(saved), (saved / "weights.safetensors").read_bytes()
    update_card(saved, metrics={"cls_e_e": {"value": 0.5, "low": None}})
    update_card(saved, metrics={"cls_e_e": {"value": 0.75, "low": None}})
    after = load_model(saved)
    assert after.card == {**before.card, "metrics": {"cls_e_e": {"value": 0.75, "low": None}}}
    assert (saved / "weights.safetensors").read_bytes() == weights
    for one, other in zip(outputs(before.model), outputs(after.model), strict=True):
        assert torch.equal(one, other)


def test_what_does_not_belong_into_a_card_is_refused(saved: Path, tmp_path: Path) -> None:
    card = (saved / "card.json").read_bytes()
    with pytest.raises(InputError, match="not plain JSON"):
        update_card(saved, metrics={"value": math.nan})
    with pytest.raises(InputError, match=r"emotions, tensors of .* belong to the weights"):
        update_card(saved, tensors={}, emotions=[])
    assert (saved / "card.json").read_bytes() == card
    with pytest.raises(InputError, match="holds no StyleVC"):
        update_card(tmp_path, metrics={})


@pytest.mark.parametrize("name", ["paper", "small"])
def test_presets_are_told_by_their_widths_whatever_the_emotion_comes_from(name: str) -> None:
    settings = PRESETS[name]
    assert preset_name(settings) == name
    assert preset_name(settings.model_copy(update={"emotion_dims": 768})) == name
    assert preset_name(settings.model_copy(update={"reshape_replica": True})) == name
    assert preset_name(settings.model_copy(update={"code_decay": 0.9})) == name
    assert preset_name(settings.model_copy(update={"num_codes": 511})) == "custom"


@pytest.mark.parametrize("key", ["emotion_dims", "reshape_replica"])
def test_the_emotion_input_comes_back_too(key: str, tmp_path: Path) -> None:
    settings = NetworkSettings.parse({**TINY.model_dump(), key: 1}, where="x")
    save_model(tmp_path, make_network(settings, seed=1), card=CARD)
    assert load_model(tmp_path).model.settings == settings


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for place in ("one", "two"):
        save_model(tmp_path / place, make_model(seed=7), card=CARD)
    save_model(tmp_path / "other", make_model(seed=8), card=CARD)
    weights = [
        (tmp_path / place / "weights.safetensors").read_bytes() for place in ("one", "two", "other")
    ]
    assert weights[0] == weights[1] != weights[2]
    for place in ("one", "two"):
        change_card(tmp_path / place, lambda card: card["provenance"].pop("when"))
    cards = [(tmp_path / place / "card.json").read_bytes() for place in ("one", "two")]
    assert cards[0] == cards[1]


def test_loading_repeats_itself_and_moves_nothing_global(saved: Path) -> None:
    state = torch.random.get_rng_state()
    first, again = outputs(load_model(saved).model), outputs(load_model(saved).model)
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.6, 0.9, 1.0])
@pytest.mark.parametrize("bit", [0, 6])
def test_a_flipped_bit_is_found(saved: Path, share: float, bit: int) -> None:
    path = saved / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[int(share * (len(content) - 1))] ^= 1 << bit
    path.write_bytes(content)
    with pytest.raises(IntegrityError):
        load_model(saved)


@pytest.mark.parametrize("kept", [0, 7, 100, 5000, -1])
def test_a_file_that_ends_early_is_refused(saved: Path, kept: int) -> None:
    path = saved / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(IntegrityError):
        load_model(saved)


def test_weights_of_another_training_are_refused(saved: Path, tmp_path: Path) -> None:
    save_model(tmp_path / "other", make_model(seed=2), card=CARD)
    (tmp_path / "other" / "weights.safetensors").replace(saved / "weights.safetensors")
    with pytest.raises(IntegrityError, match="its card says"):
        load_model(saved)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays: arrays.pop(MATRIX), rf"lacks \['{MATRIX}'\] and has no \[\]"),
        (lambda arrays: arrays.update(more=np.zeros(2)), r"lacks \[\] and has no \['more'\]"),
        (lambda arrays: arrays.update({MATRIX: arrays[MATRIX].T}), rf"'{MATRIX}' is float16"),
        (lambda arrays: arrays.update({MATRIX: arrays[MATRIX].astype("f4")}), "is float32"),
        (lambda arrays: arrays.update({CODE: arrays[CODE].astype("f2")}), f"'{CODE}' is float16"),
    ],
    ids=["missing", "extra", "turned", "wider", "narrower"],
)
def test_tensors_that_the_network_does_not_have_are_refused(
    saved: Path, change: Callable[[dict[str, np.ndarray]], object], message: str
) -> None:
    change_tensors(saved, change)
    with pytest.raises(IntegrityError, match=message):
        load_model(saved)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_no_numbers_are_refused(saved: Path, value: float) -> None:
    arrays = load_file(saved / "weights.safetensors")
    arrays[CODE][3, 2] = value
    save_file(arrays, saved / "weights.safetensors")
    with pytest.raises(IntegrityError, match=f"'{CODE}' holds 1 NaN or infinite"):
        load_model(saved)


def broken_model(value: float) -> StyleVC:
    model = make_model()
    with torch.no_grad():
        model.get_parameter(MATRIX)[0, 0] = value
    return model


@pytest.mark.parametrize(
    ("value", "message"),
    [(math.nan, "NaN or infinite"), (math.inf, "NaN or infinite"), (7e4, "save with half=False")],
)
def test_a_model_that_cannot_be_kept_leaves_the_last_one(
    saved: Path, value: float, message: str
) -> None:
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    with pytest.raises(InputError, match=message):
        save_model(saved, broken_model(value), card=CARD)
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before


def test_single_precision_holds_what_half_does_not(tmp_path: Path) -> None:
    save_model(tmp_path, broken_model(7e4), card=CARD, half=False)
    assert load_model(tmp_path).model.get_parameter(MATRIX)[0, 0] == 7e4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mel_statistics": [[0.0] * 20]}, r"finite \[2, 20\]"),
        ({"mel_statistics": [[0.0] * 80, [1.0] * 80]}, r"finite \[2, 20\].*\(2, 80\)"),
        ({"mel_statistics": [[math.nan] * 20, [1.0] * 20]}, r"finite \[2, 20\]"),
        ({"mel_statistics": [[0.0] * 20, [0.0] * 20]}, "not above 0"),
        ({"mel_statistics": [[0.0] * 20, [1.0] * 19]}, "not numbers"),
        ({"mel_statistics": np.ones((2, 20))}, "not plain JSON"),
        ({"emotions": []}, "emotions are a list of different names"),
        ({"emotions": ["sad", "sad"]}, "emotions are a list of different names"),
        ({"speakers": "ann"}, "speakers are a list of different names"),
        ({"speakers": [1, 2]}, "speakers are a list of different names"),
        ({"speakers": [["ann"]]}, "speakers are a list of different names"),
        ({"folder": Path("x")}, "not plain JSON"),
        ({"loss": math.nan}, "not plain JSON"),
    ],
)
def test_a_card_that_nobody_can_use_leaves_the_last_one(
    model: StyleVC, saved: Path, change: dict[str, Any], message: str
) -> None:
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    with pytest.raises(InputError, match=message):
        save_model(saved, model, card={**CARD, **change}, half=False)
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda card: card.update(format=2), "format 2, this version reads 1"),
        (lambda card: card.pop("format"), "format None"),
        (lambda card: card.pop("tensors"), "not a whole StyleVC"),
        (lambda card: card.pop("half"), "not a whole StyleVC"),
        (lambda card: card.pop("network"), "not a whole StyleVC"),
        (lambda card: card.pop("speakers"), "not a whole StyleVC"),
        (lambda card: card["network"].update(num_mel=20), "not a whole StyleVC.*num_mel"),
        (lambda card: card["network"].update(num_mels=21), "not a whole StyleVC"),
        (lambda card: card["network"].update(num_codes=15), f"'{CODE}' is float32"),
        (lambda card: card["network"].update(emotion_channels=[4, 8, 8]), "lacks"),
        (lambda card: card.update(half=False), "is float16"),
        (lambda card: card["tensors"].pop(CODE), r"not in the card \['quantizer.codebook'\]"),
        (lambda card: card["tensors"][CODE].update(sha256="0" * 64), "has sha256"),
    ],
)
def test_a_card_of_something_else_is_refused(
    saved: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    change_card(saved, change)
    with pytest.raises(IntegrityError, match=message):
        load_model(saved)


def test_folders_without_a_model_are_named(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no StyleVC"):
        load_model(tmp_path / "nowhere")
    change_card(saved, lambda card: card.update(kind="codec"))
    with pytest.raises(InputError, match="not the card of a StyleVC"):
        load_model(saved)
    (saved / "card.json").write_text("[1]")
    with pytest.raises(InputError, match="not the card of a StyleVC"):
        load_model(saved)
    (saved / "card.json").write_text("{")
    with pytest.raises(IntegrityError, match="not JSON"):
        load_model(saved)


def test_a_card_without_its_weights_is_refused(saved: Path) -> None:
    (saved / "weights.safetensors").unlink()
    with pytest.raises(InputError, match=r"weights\.safetensors"):
        load_model(saved)
