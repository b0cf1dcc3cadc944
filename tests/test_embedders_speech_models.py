"""HuBERT and WavLM: the models of transformers, called directly, are the oracle."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from quantlab.audio import Clip, clip_from_array
from quantlab.compat import heal_torchvision
from quantlab.embedders import get_embedder
from quantlab.embedders.windows import num_frames
from quantlab.errors import ConfigError, InputError, IntegrityError

heal_torchvision()
transformers = pytest.importorskip("transformers")

CLASSES = {
    "hubert": (transformers.HubertConfig, transformers.HubertModel),
    "wavlm": (transformers.WavLMConfig, transformers.WavLMModel),
}
NAMES = tuple(CLASSES)


def _write(folder: Path, name: str, **changes: Any) -> Any:
    """Write a small model of the true class, and return it."""
    values = {
        "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
        "intermediate_size": 48, "conv_dim": (16,) * 7, "num_conv_pos_embeddings": 16,
        "num_conv_pos_embedding_groups": 4, "feat_extract_norm": "layer",
        "do_stable_layer_norm": True, **changes,
    }  # fmt: skip
    config, kind = CLASSES[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = kind(config(**values)).eval()
    model.save_pretrained(folder)
    return model


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Any]]:
    place = tmp_path_factory.mktemp("speech")
    return {name: (place / name, _write(place / name, name)) for name in NAMES}


@pytest.fixture(scope="module")
def clip() -> Clip:
    noise = 0.1 * np.random.default_rng(2).normal(size=20_321)
    return clip_from_array(noise.astype(np.float32), 16000)


def _made(name: str, folder: Path, **settings: Any) -> Any:
    return get_embedder(name, {"directory": str(folder), "device": "cpu", **settings})


@pytest.mark.parametrize("name", NAMES)
def test_every_layer_is_that_of_the_library(
    models: dict[str, tuple[Path, Any]], clip: Clip, name: str
) -> None:
    folder, model = models[name]
    wave = (clip.samples - clip.samples.mean()) / np.sqrt(clip.samples.var() + 1e-7)
    with torch.inference_mode():
        theirs = model(torch.from_numpy(wave)[None], output_hidden_states=True)
    for number in range(4):
        ours = _made(name, folder, layer=f"layer_{number}").embed(clip, level="frame")
        assert ours.shape == (num_frames(clip.samples.size), 32)
        assert ours == pytest.approx(theirs.hidden_states[number][0].numpy(), abs=1e-5)
    last = _made(name, folder).embed(clip, level="frame")
    assert last == pytest.approx(theirs.last_hidden_state[0].numpy(), abs=1e-5)
    whole = _made(name, folder).embed(clip, level="utterance")
    assert whole == pytest.approx(last.mean(axis=0, keepdims=True), abs=1e-6)


def test_the_preprocessor_says_whether_waves_are_normalised(tmp_path: Path, clip: Clip) -> None:
    model = _write(tmp_path / "m", "hubert", feat_extract_norm="group", do_stable_layer_norm=False)
    with torch.inference_mode():
        raw = model(torch.from_numpy(clip.samples.copy())[None]).last_hidden_state[0].numpy()
    plain = _made("hubert", tmp_path / "m").embed(clip, level="frame")
    assert plain == pytest.approx(raw, abs=1e-5)
    text = json.dumps({"do_normalize": True})
    (tmp_path / "m" / "preprocessor_config.json").write_text(text)
    normalised = _made("hubert", tmp_path / "m").embed(clip, level="frame")
    assert np.abs(normalised - raw).max() > 1e-3


def test_long_clips_have_every_frame(models: dict[str, tuple[Path, Any]]) -> None:
    folder, _ = models["wavlm"]
    noise = 0.1 * np.random.default_rng(3).normal(size=16000 * 12 + 5)
    clip = clip_from_array(noise.astype(np.float32), 16000)
    parts = _made("wavlm", folder, window_s=5.0).embed(clip, level="frame")
    assert parts.shape == (num_frames(clip.samples.size), 32)


@pytest.mark.parametrize("kind", ["missing", "shape", "nan", "truncated", "pickle", "absent"])
def test_broken_weights_are_refused(tmp_path: Path, clip: Clip, kind: str) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "m"
    _write(folder, "hubert")
    path = folder / "model.safetensors"
    weights = load_file(path)
    name = "encoder.layers.1.attention.k_proj.weight"
    if kind == "missing":
        del weights[name]
    elif kind == "shape":
        weights[name] = weights[name][:-1].contiguous()
    elif kind == "nan":
        weights[name][0, 0] = float("nan")
    save_file(weights, path, metadata={"format": "pt"})
    if kind == "truncated":
        path.write_bytes(path.read_bytes()[:400])
    if kind in ("pickle", "absent"):
        path.unlink()
    if kind == "pickle":

        class Bomb:
            def __reduce__(self) -> tuple[Any, tuple[str]]:
                return print, ("this ran",)

        torch.save({name: Bomb()}, folder / "pytorch_model.bin")
    with pytest.raises((IntegrityError, InputError)) as caught:
        _made("hubert", folder).embed(clip, level="frame")
    if kind == "missing":
        assert name in str(caught.value)


def test_nothing_is_fetched_unless_asked(
    tmp_path: Path, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    monkeypatch.setenv("QUANTLAB_MODELS", str(tmp_path))
    with pytest.raises(InputError, match=r"no wavlm in .*wavlm-large.*--download"):
        get_embedder("wavlm").embed(clip, level="frame")
    asked = []

    def fetch(model: str, *, local_dir: str, allow_patterns: list[str]) -> None:
        asked.append(model)
        _write(Path(local_dir), "wavlm")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    embedder = get_embedder("wavlm", {"download": True, "device": "cpu"})
    assert embedder.embed(clip, level="utterance").shape == (1, 32)
    assert asked == ["microsoft/wavlm-large"]


def test_settings_and_files_are_checked(
    models: dict[str, tuple[Path, Any]], tmp_path: Path
) -> None:
    folder, _ = models["hubert"]
    with pytest.raises(ConfigError, match="layer_0 to layer_3"):
        _made("hubert", folder, layer="layer_4").num_dims("frame")
    with pytest.raises(ConfigError, match="layer"):
        _made("hubert", folder, layer="first")
    with pytest.raises(IntegrityError, match="not of a wavlm model"):
        _made("wavlm", folder).num_dims("frame")
    card = _made("hubert", folder, layer="layer_2").card()
    assert card["layer"] == "layer_2"
    assert len(card["weights_sha256"]) == 64
    prints = {
        _made("hubert", folder, **settings).fingerprint(level)
        for settings, level in (
            ({}, "frame"),
            ({}, "utterance"),
            ({"layer": "layer_2"}, "frame"),
            ({"device": "auto"}, "frame"),
        )
    }
    assert len(prints) == 3


def test_global_state_is_left_alone(models: dict[str, tuple[Path, Any]], clip: Clip) -> None:
    folder, _ = models["hubert"]
    before = torch.get_rng_state()
    _made("hubert", folder, window_s=7.0).embed(clip, level="utterance")
    assert torch.equal(before, torch.get_rng_state())


def test_without_the_library_the_message_says_what_to_type(
    tmp_path: Path, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path / "m", "hubert")
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(ConfigError, match=r"quantlab\[speech-models\]"):
        _made("hubert", tmp_path / "m").embed(clip, level="frame")
