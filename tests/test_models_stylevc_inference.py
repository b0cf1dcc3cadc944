"""A trained StyleVC in use: the same numbers as its networks, whatever the length of a clip."""

from pathlib import Path

import numpy as np
import pytest
import torch

from quantlab.errors import ConfigError, InputError
from quantlab.models import Inference, make_network, open_stylevc, save_model, weights_sha256
from quantlab.models.stylevc.settings import PRESETS

SMALL = PRESETS["small"]
CARD = {
    "mel_statistics": [[0.5] * 80, [2.0] * 80],
    "emotions": ["angry", "happy"],
    "speakers": ["a", "b"],
    "settings": {"training": {"crop_frames": 128}},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("model")
    save_model(place, make_network(SMALL, seed=3), card=CARD, half=False)
    return place


@pytest.fixture(scope="module")
def model(folder: Path) -> Inference:
    return open_stylevc(folder, device="cpu")


def speech(model: Inference, num_frames: int, *, seed: int = 0):
    rng = np.random.default_rng(seed)
    return model.prepare(rng.normal(size=(num_frames, 80)), rng.normal(size=num_frames))


def test_embeddings_are_those_of_the_networks(model: Inference) -> None:
    clip = speech(model, 201)
    network = make_network(SMALL, seed=3).eval()
    with torch.no_grad():
        encoded = network.encode(torch.from_numpy(clip.mel)[None])
        decoded = network.decode(
            encoded.content, torch.from_numpy(clip.f0)[None], encoded.speaker, encoded.emotion
        )
    content, codes = model.content(clip)
    np.testing.assert_allclose(content, encoded.content[0].numpy(), atol=1e-6)
    np.testing.assert_array_equal(codes, encoded.codes[0].numpy())
    np.testing.assert_allclose(model.speaker(clip), encoded.speaker[0].numpy(), atol=1e-5)
    np.testing.assert_allclose(model.emotion(clip), encoded.emotion[0].numpy(), atol=1e-5)
    mel = model.decode(content, clip.f0, model.speaker(clip), model.emotion(clip))
    np.testing.assert_allclose(mel, decoded.mel_after[0].numpy() * 2.0 + 0.5, atol=1e-5)


def test_normalisation_is_that_of_the_card(model: Inference) -> None:
    given = np.full((40, 80), 4.5, np.float32)
    np.testing.assert_allclose(model.prepare(given, np.zeros(40)).mel, 2.0)


@pytest.mark.parametrize("num_frames", [2, 6, 127, 128, 129])
def test_short_clips_are_repeated_and_keep_their_length(model: Inference, num_frames: int) -> None:
    clip = speech(model, num_frames)
    content, codes = model.content(clip)
    assert len(content) == len(codes) == num_frames // 2
    mel = model.decode(content, clip.f0, model.speaker(clip), model.emotion(clip))
    assert mel.shape == (num_frames, 80)
    assert np.isfinite(mel).all()


def test_a_clip_said_twice_has_the_embedding_of_the_clip(model: Inference) -> None:
    clip = speech(model, 64)
    twice = model.prepare(np.tile(clip.mel, (2, 1)) * 2.0 + 0.5, np.tile(clip.f0, 2))
    np.testing.assert_allclose(model.emotion(clip), model.emotion(twice), atol=1e-5)
    np.testing.assert_allclose(model.speaker(clip), model.speaker(twice), atol=1e-5)


def test_windows_are_the_embeddings_of_pieces(model: Inference) -> None:
    clip = speech(model, 300)
    windows = model.emotion_windows(clip, num_frames=128, hop=20)
    assert windows.shape == (1 + (300 - 128) // 20, model.num_dims)
    for row in (0, 3, len(windows) - 1):
        piece = model.prepare(clip.mel[20 * row :][:128] * 2.0 + 0.5, clip.f0[20 * row :][:128])
        np.testing.assert_allclose(windows[row], model.emotion(piece), atol=1e-5)


def test_many_windows_are_as_few_at_once(model: Inference, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = speech(model, 260)
    together = model.emotion_windows(clip, num_frames=128, hop=10)
    monkeypatch.setattr("quantlab.models.stylevc.inference._WINDOWS_AT_ONCE", 3)
    np.testing.assert_allclose(
        model.emotion_windows(clip, num_frames=128, hop=10), together, atol=1e-5
    )


def test_samples_of_a_twentieth_of_a_second_unvoiced_can_be_read(model: Inference) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 800).astype(np.float32)
    clip = model.read(noise)
    assert clip.mel.shape == (6, 80)
    assert not clip.f0.any()
    assert np.isfinite(model.emotion(clip)).all()


@pytest.mark.parametrize(
    ("mel", "f0", "message"),
    [
        (np.zeros((5, 79)), np.zeros(5), r"\[T, 80\]"),
        (np.zeros((5, 80)), np.zeros(4), r"\(4,\)"),
        (np.zeros((0, 80)), np.zeros(0), "needed"),
        (np.full((5, 80), np.nan), np.zeros(5), "NaN"),
    ],
)
def test_what_is_no_speech_is_refused(
    model: Inference, mel: np.ndarray, f0: np.ndarray, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        model.prepare(mel, f0)


def test_what_does_not_fit_the_decoder_is_refused(model: Inference) -> None:
    clip = speech(model, 40)
    content, _ = model.content(clip)
    speaker, emotion = model.speaker(clip), model.emotion(clip)
    with pytest.raises(InputError, match="emotion embedding has shape"):
        model.decode(content, clip.f0, speaker, emotion[:7])
    with pytest.raises(InputError, match="NaN"):
        model.decode(content, clip.f0, speaker * np.nan, emotion)
    with pytest.raises(InputError, match="takes no vectors"):
        model.emotion_of(np.zeros(480))


def test_a_model_of_vectors_takes_vectors_only(tmp_path: Path) -> None:
    settings = SMALL.model_copy(update={"emotion_dims": 12})
    save_model(tmp_path, make_network(settings, seed=1), card=CARD)
    model = open_stylevc(tmp_path, device="cpu")
    assert model.emotion_of(np.ones(12)).shape == (model.num_dims,)
    with pytest.raises(InputError, match="12 dimensions"):
        model.emotion_of(np.ones(13))
    with pytest.raises(InputError, match="vectors of 12 dimensions"):
        model.emotion(speech(model, 130))


def test_another_preset_is_refused_and_an_open_model_is_not_read_again(folder: Path) -> None:
    with pytest.raises(ConfigError, match="preset 'small'"):
        open_stylevc(folder, device="cpu", preset="paper")
    assert open_stylevc(folder, device="cpu") is open_stylevc(str(folder), device="cpu")
    assert len(weights_sha256(folder)) == 64
    with pytest.raises(InputError, match="fit-stylevc"):
        open_stylevc(folder / "nowhere", device="cpu")
