"""Networks of StyleVC: sizes against arithmetic, parts against plain re-implementations."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import conv1d, conv2d

from quantlab.errors import ConfigError, InputError
from quantlab.models.stylevc.convolutions import ConvolutionBank, ResidualConvolutions
from quantlab.models.stylevc.encoders import (
    ContentEncoder,
    EmotionEncoder,
    SpeakerEncoder,
    fewest_frames,
)
from quantlab.models.stylevc.network import StyleVC, make_network
from quantlab.models.stylevc.settings import (
    PRESETS,
    LossSettings,
    NetworkSettings,
    StyleVCSettings,
)
from tests.tiny_stylevc import TINY, drawing, noise

PAPER = PRESETS["paper"]


@pytest.fixture(scope="module")
def paper() -> StyleVC:
    return make_network(PAPER, seed=1)


@pytest.fixture
def tiny() -> StyleVC:
    return make_network(TINY, seed=1).eval()


def size(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def cells(gates: int, num_in: int, width: int) -> int:
    """Weights of a recurrent layer with the two biases that cuDNN has."""
    return gates * width * (num_in + width + 2)


def sizes_by_hand(s: NetworkSettings) -> dict[str, int]:
    """Count the weights from the layers' descriptions."""
    wide, mels = s.embedding_dims, s.num_mels
    content = mels * s.content_channels * 2 * s.downsampling
    content += s.content_layers * (2 * s.content_channels + s.content_channels**2)
    content += 2 * s.content_channels + (s.content_channels + 1) * s.content_dims
    width = s.speaker_channels
    speaker = sum((mels * kernel + 1) * width for kernel in range(1, s.speaker_bank + 1))
    speaker += (s.speaker_bank * width + mels + 1) * width
    speaker += len(s.speaker_subsampling) * 2 * (5 * width + 1) * width
    speaker += s.speaker_dense_blocks * 2 * (width + 1) * width + (width + 1) * wide
    emotion, num_in, bands = 0, 1, mels
    for num_out in s.emotion_channels:
        emotion += 9 * num_in * num_out + 2 * num_out
        num_in, bands = num_out, math.floor((bands + 1) / 2)
    emotion += cells(3, num_in * bands, wide // 2) + (wide // 2 + 1) * wide + (wide + 1) * wide
    middle, after = s.decoder_channels, s.postnet_channels
    decoder = cells(4, s.content_dims + 1 + 2 * wide, s.decoder_input)
    decoder += 5 * s.decoder_input * middle + 2 * 5 * middle**2 + 3 * 2 * middle
    decoder += cells(4, middle, s.decoder_output)
    decoder += (s.decoder_layers - 1) * cells(4, s.decoder_output, s.decoder_output)
    decoder += (s.decoder_output + 1) * mels
    decoder += 5 * (2 * mels * after + 3 * after**2) + 2 * (4 * after + mels)
    return {
        "content_encoder": content,
        "quantizer": 0,
        "predictor": cells(4, s.content_dims, s.context_dims)
        + (s.context_dims + 1) * s.prediction_steps * s.content_dims,
        "speaker_encoder": speaker,
        "emotion_encoder": emotion,
        "decoder": decoder,
    }


@pytest.mark.parametrize(
    "settings", [PAPER, PRESETS["small"], TINY], ids=["paper", "small", "tiny"]
)
def test_every_part_has_the_weights_that_its_layers_add_up_to(settings: NetworkSettings) -> None:
    network = make_network(settings, seed=1)
    assert {name: size(part) for name, part in network.named_children()} == sizes_by_hand(settings)


def test_the_paper_preset_has_the_published_sizes(paper: StyleVC) -> None:
    decoder = paper.decoder
    # The published networks keep the biases that batch normalisation takes out again.
    middle, after, maps = 3 * 512, 4 * 512 + 80, sum(PAPER.emotion_channels)
    published = {
        1.25: size(paper.content_encoder),
        0.33: size(paper.predictor.recurrent),
        0.10: size(paper.predictor.heads),
        1.73: size(paper.speaker_encoder),
        0.53: size(paper.emotion_encoder) + maps,
        25.30: size(decoder) + middle + after,
        2.23: size(decoder.first),
        3.94: size(decoder.convolutions) + middle,
        14.70: size(decoder.second),
        0.08: size(decoder.output),
        4.35: size(decoder.postnet) + after,
        29.24: size(paper) + middle + after + maps,
    }
    assert {round(count / 1e6, 2) for count in published.values()} == set(published)
    for millions, count in published.items():
        assert round(count / 1e6, 2) == millions


def test_the_small_preset_is_an_eighth_of_the_paper(paper: StyleVC) -> None:
    small = size(make_network(PRESETS["small"], seed=1))
    assert 3.5e6 < small < 3.65e6
    assert small < size(paper) / 8


@pytest.mark.parametrize("downsampling", [2, 4])
@pytest.mark.parametrize("num_frames", [9, 16, 33, 47])
def test_shapes_fit_for_even_and_odd_lengths(num_frames: int, downsampling: int) -> None:
    network = make_network(TINY.model_copy(update={"downsampling": downsampling}), seed=1)
    mel, f0 = noise(3, num_frames, 20), noise(3, num_frames)
    encoded, decoded = network(mel, f0)
    length = num_frames // downsampling
    assert encoded.content.shape == (3, length, 6)
    assert encoded.codes.shape == (3, length)
    assert encoded.speaker.shape == encoded.emotion.shape == (3, 8)
    assert encoded.contrast is None
    assert decoded.mel_before.shape == decoded.mel_after.shape == mel.shape


def test_the_decoder_reads_held_content_then_pitch_speaker_and_emotion(tiny: StyleVC) -> None:
    seen: list[torch.Tensor] = []
    tiny.decoder.first.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    content, f0, speaker, emotion = noise(2, 5, 6), noise(2, 11), noise(2, 8), noise(2, 8, seed=1)
    tiny.decode(content, f0, speaker, emotion)
    held = content.repeat_interleave(2, dim=1)
    torch.testing.assert_close(seen[0][:, :10, :6], held, rtol=0, atol=0)
    torch.testing.assert_close(seen[0][:, 10, :6], content[:, -1], rtol=0, atol=0)
    for frame in range(11):
        after = torch.cat([f0[:, frame, None], speaker, emotion], dim=1)
        torch.testing.assert_close(seen[0][:, frame, 6:], after, rtol=0, atol=0)


def shaken(module: nn.Module) -> dict[str, torch.Tensor]:
    """Give a module weights and batch statistics that differ everywhere, and return them."""
    with torch.no_grad():
        for place, (name, tensor) in enumerate(module.state_dict().items()):
            if tensor.is_floating_point():
                fresh = noise(*tensor.shape, seed=place) / max(1, tensor[0].numel()) ** 0.5
                tensor.copy_(fresh.abs() + 0.5 if name.endswith("running_var") else fresh)
    module.eval()
    return module.state_dict()


def normalised(maps: torch.Tensor, state: dict[str, torch.Tensor], name: str) -> torch.Tensor:
    """Normalise axis 1 by the running statistics, as an evaluated batch normalisation does."""
    mean, variance, scale, shift = (
        state[f"{name}.{part}"].reshape(-1, *[1] * (maps.ndim - 2))
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (maps - mean) / (variance + 1e-5).sqrt() * scale + shift


def test_the_decoder_layer_by_layer(tiny: StyleVC) -> None:
    decoder = tiny.decoder
    state = shaken(decoder)
    content, f0, speaker, emotion = noise(2, 5, 6), noise(2, 10), noise(2, 8), noise(2, 8, seed=1)
    still = torch.cat([speaker, emotion], dim=1)[:, None].expand(-1, 10, -1)
    given = torch.cat([content.repeat_interleave(2, dim=1), f0[:, :, None], still], dim=2)
    bands = decoder.first(given)[0].transpose(1, 2)
    for place in range(3):
        bands = conv1d(bands, state[f"convolutions.{place}.0.weight"], padding=2)
        bands = normalised(bands, state, f"convolutions.{place}.1").clamp(min=0)
    frames = decoder.second(bands.transpose(1, 2))[0]
    before = frames @ state["output.weight"].T + state["output.bias"]
    refined = before.transpose(1, 2)
    for place in (0, 2, 4, 6, 8):
        refined = conv1d(refined, state[f"postnet.layers.{place}.0.weight"], padding=2)
        refined = normalised(refined, state, f"postnet.layers.{place}.1")
        refined = refined.tanh() if place < 8 else refined
    decoded = tiny.decode(content, f0, speaker, emotion)
    torch.testing.assert_close(decoded.mel_before, before, rtol=1e-4, atol=1e-5)
    after = before + refined.transpose(1, 2)
    torch.testing.assert_close(decoded.mel_after, after, rtol=1e-4, atol=1e-5)


def mirrored(frames: torch.Tensor, left: int, right: int) -> torch.Tensor:
    return torch.from_numpy(np.pad(frames.numpy(), ((0, 0), (0, 0), (left, right)), mode="reflect"))


@torch.no_grad()
@pytest.mark.parametrize("num_frames", [16, 21])
def test_the_speaker_encoder_layer_by_layer(num_frames: int) -> None:
    encoder = SpeakerEncoder(TINY)
    state = shaken(encoder)

    def layer(frames: torch.Tensor, name: str, stride: int = 1) -> torch.Tensor:
        weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        if weight.ndim == 3:
            return conv1d(frames, weight, bias, stride=stride)
        return frames @ weight.T + bias

    bands = noise(2, 20, num_frames)
    outputs = []
    for place, (left, right) in enumerate([(0, 0), (1, 0), (1, 1), (2, 1)]):
        outputs.append(layer(mirrored(bands, left, right), f"bank.layers.{place}").clamp(min=0))
    frames = layer(torch.cat([*outputs, bands], dim=1), "narrow").clamp(min=0)
    for place, stride in enumerate((1, 2)):
        inner = layer(mirrored(frames, 2, 2), f"convolutions.{place}.first").clamp(min=0)
        outer = layer(mirrored(inner, 2, 2), f"convolutions.{place}.second", stride).clamp(min=0)
        shorter = [
            frames[:, :, at : at + stride].mean(dim=2) for at in range(0, num_frames, stride)
        ]
        frames = outer + torch.stack(shorter, dim=2)
    vectors = frames.mean(dim=2)
    for place in range(2):
        inner = layer(vectors, f"dense.{place}.first").clamp(min=0)
        vectors = vectors + layer(inner, f"dense.{place}.second").clamp(min=0)
    torch.testing.assert_close(encoder(bands), layer(vectors, "output"), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_the_emotion_encoder_layer_by_layer() -> None:
    encoder = EmotionEncoder(TINY)
    state = shaken(encoder)
    mel = noise(2, 13, 20)
    maps = mel[:, None]
    for place in (0, 3):
        maps = conv2d(maps, state[f"convolutions.{place}.weight"], stride=2, padding=1)
        maps = normalised(maps, state, f"convolutions.{place + 1}").clamp(min=0)
    assert maps.shape == (2, 8, 4, 5)
    steps = torch.stack([maps[:, :, step].reshape(2, -1) for step in range(4)], dim=1)
    last = encoder.recurrent(steps)[0][:, -1]
    dense = last @ state["dense.weight"].T + state["dense.bias"]
    expected = (dense @ state["output.weight"].T + state["output.bias"]).clamp(min=0)
    torch.testing.assert_close(encoder(mel), expected, rtol=1e-4, atol=1e-5)
    assert (expected > 0).any()


def layer_norm(frames: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    centred = frames - frames.mean(axis=-1, keepdims=True)
    return centred / np.sqrt(frames.var(axis=-1, keepdims=True) + 1e-5) * weight + bias


@pytest.mark.parametrize("num_frames", [12, 13])
def test_content_encoder_against_numpy(num_frames: int) -> None:
    encoder = ContentEncoder(TINY)
    with torch.no_grad():
        for weight in encoder.parameters():
            weight.copy_(noise(*weight.shape, seed=weight.numel()) / 3)
    bands = noise(2, 20, num_frames)
    kernel = encoder.convolution.weight.detach().double().numpy()
    padded = np.pad(bands.double().numpy(), ((0, 0), (0, 0), (1, 1)))
    steps = range(0, 2 * (num_frames // 2), 2)
    frames = np.stack(
        [np.einsum("bck,ock->bo", padded[:, :, at : at + 4], kernel) for at in steps], axis=1
    )
    weights = [weight.detach().double().numpy() for weight in encoder.layers.parameters()]
    for _ in range(3):
        scale, shift, matrix, *weights = weights
        frames = np.maximum(layer_norm(frames, scale, shift), 0) @ matrix.T
    frames += weights[0]
    np.testing.assert_allclose(encoder(bands).detach().numpy(), frames, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("num_kernels", [1, 4, 5, 8])
def test_convolution_bank_mirrors_each_kernel_for_itself(num_kernels: int) -> None:
    bank, frames = ConvolutionBank(3, 2, num_kernels), noise(2, 3, 9)
    outputs = []
    for kernel, layer in enumerate(bank.layers, start=1):
        assert isinstance(layer, nn.Conv1d)
        right = kernel // 2 - (kernel % 2 == 0)
        padded = np.pad(frames.numpy(), ((0, 0), (0, 0), (kernel // 2, right)), mode="reflect")
        weight = layer.weight.detach().numpy()
        windows = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=2)
        found = np.einsum("bctk,ock->bot", windows, weight)
        assert layer.bias is not None
        outputs.append(np.maximum(found + layer.bias.detach().numpy()[:, None], 0))
    expected = np.concatenate([*outputs, frames.numpy()], axis=1)
    np.testing.assert_allclose(bank(frames).detach().numpy(), expected, rtol=1e-5, atol=1e-6)


def test_residual_convolutions_average_what_is_left_at_an_odd_end() -> None:
    block, frames = ResidualConvolutions(2, 2), noise(3, 2, 7)
    with torch.no_grad():
        for weight in block.parameters():
            weight.zero_()
    pairs = frames[:, :, :6].reshape(3, 2, 3, 2).mean(dim=3)
    expected = torch.cat([pairs, frames[:, :, 6:]], dim=2)
    torch.testing.assert_close(block(frames), expected)


@pytest.mark.parametrize(
    ("strides", "bank"),
    [((1,), 1), ((1, 2), 4), ((1, 2, 1, 2, 1, 2), 8), ((3, 2, 2), 8), ((2,), 12)],
)
def test_fewest_frames_is_the_least_that_the_speaker_encoder_takes(
    strides: tuple[int, ...], bank: int
) -> None:
    settings = TINY.model_copy(update={"speaker_subsampling": strides, "speaker_bank": bank})
    encoder = SpeakerEncoder(settings)

    def takes(num_frames: int) -> bool:
        try:
            return encoder(torch.zeros(1, 20, num_frames)).shape == (1, 8)
        except RuntimeError:
            return False

    least = next(num for num in range(1, 99) if takes(num))
    assert fewest_frames(settings) == least
    network = make_network(settings, seed=1).eval()
    network.encode(noise(1, least, 20))
    with pytest.raises(InputError, match=f"at least {least} are needed"):
        network.encode(noise(1, least - 1, 20))


def test_the_speaker_vector_does_not_depend_on_how_often_a_steady_sound_repeats(
    tiny: StyleVC,
) -> None:
    steady = noise(2, 1, 20).expand(-1, 40, -1)
    torch.testing.assert_close(
        tiny.speaker_embedding(steady), tiny.speaker_embedding(steady[:, :13])
    )


def emotion_maps(encoder: EmotionEncoder, mel: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what the convolutions and what the recurrent layer are given."""
    given: dict[str, torch.Tensor] = {}
    hooks = [
        encoder.convolutions.register_forward_pre_hook(lambda _, x: given.update(maps=x[0])),
        encoder.recurrent.register_forward_pre_hook(lambda _, x: given.update(frames=x[0])),
    ]
    encoder(mel)
    for hook in hooks:
        hook.remove()
    return given["maps"], given["frames"]


def test_the_emotion_encoder_reads_time_as_time_and_the_replica_does_not() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        right = EmotionEncoder(TINY).eval()
    wrong = EmotionEncoder(TINY.model_copy(update={"reshape_replica": True})).eval()
    wrong.load_state_dict(right.state_dict())
    mel = noise(2, 33, 20)
    scrambled = np.ascontiguousarray(mel.numpy().transpose(0, 2, 1)).reshape(2, 1, 33, 20)
    np.testing.assert_array_equal(emotion_maps(right, mel)[0].numpy(), mel.numpy()[:, None])
    np.testing.assert_array_equal(emotion_maps(wrong, mel)[0].numpy(), scrambled)
    assert not torch.allclose(right(mel), wrong(mel), atol=1e-3)
    assert (right(mel) >= 0).all()
    assert (right(mel) > 0).any()


def test_a_frame_reaches_few_steps_of_the_emotion_encoder_and_a_band_reaches_all() -> None:
    def reached(encoder: EmotionEncoder, *, frame: int | None, band: int | None) -> np.ndarray:
        mel = noise(1, 64, 20)
        other = mel.clone()
        other[:, slice(frame, None if frame is None else frame + 1), slice(band, None)] += 1.0
        if band is not None:
            other[:, :, band + 1 :] = mel[:, :, band + 1 :]
        changed = emotion_maps(encoder, mel)[1] != emotion_maps(encoder, other)[1]
        return changed.any(dim=2)[0].numpy()

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        right = EmotionEncoder(TINY).eval()
        wrong = EmotionEncoder(TINY.model_copy(update={"reshape_replica": True})).eval()
    assert np.flatnonzero(reached(right, frame=32, band=None)).tolist() in ([8], [7, 8], [8, 9])
    assert reached(right, frame=None, band=7).all()
    assert reached(wrong, frame=32, band=None).sum() > 8
    assert reached(wrong, frame=None, band=7).sum() < 4


def test_emotion_from_another_embedder_is_projected_whatever_its_scale() -> None:
    network = make_network(TINY.model_copy(update={"emotion_dims": 5}), seed=1)
    mel, vectors = noise(6, 16, 20), noise(6, 5)
    emotion = network.encode(mel, vectors).emotion
    assert emotion.shape == (6, 8)
    assert (emotion >= 0).all()
    torch.testing.assert_close(
        network.emotion_embedding(300 * vectors - 7), emotion, rtol=1e-3, atol=1e-3
    )
    with pytest.raises(InputError, match="5 dimensions; give `emotion`"):
        network.encode(mel)
    with pytest.raises(InputError, match="takes vectors of 5 dimensions"):
        network.encode(mel, noise(6, 4))


def test_emotion_may_come_from_other_speech(tiny: StyleVC) -> None:
    mel, other = noise(2, 16, 20), noise(2, 31, 20, seed=1)
    encoded = tiny.encode(mel, other)
    torch.testing.assert_close(encoded.emotion, tiny.emotion_embedding(other))
    torch.testing.assert_close(encoded.speaker, tiny.speaker_embedding(mel))


def test_gradients_reach_every_weight() -> None:
    network = make_network(TINY, seed=1)
    encoded, decoded = network(noise(4, 17, 20), noise(4, 17), generator=drawing())
    assert encoded.contrast is not None
    loss = decoded.mel_before.square().sum() + decoded.mel_after.square().sum()
    (loss + encoded.contrast.loss + encoded.commitment).backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name


def test_everything_the_decoder_gets_matters(tiny: StyleVC) -> None:
    given = [noise(1, 8, 6), noise(1, 16), noise(1, 8), noise(1, 8, seed=1)]
    whole = tiny.decode(*given).mel_after
    for place in range(4):
        other = [part + (index == place) for index, part in enumerate(given)]
        assert not torch.allclose(tiny.decode(*other).mel_after, whole, atol=1e-4)


def test_forward_is_encoding_and_decoding_and_repeats_itself(tiny: StyleVC) -> None:
    mel, f0 = noise(2, 17, 20), noise(2, 17)
    encoded, decoded = tiny(mel, f0)
    apart = tiny.decode(encoded.content, f0, encoded.speaker, encoded.emotion)
    assert torch.equal(apart.mel_before, decoded.mel_before)
    assert torch.equal(tiny(mel, f0)[1].mel_after, decoded.mel_after)


def test_shapes_that_do_not_fit_are_named(tiny: StyleVC) -> None:
    with pytest.raises(InputError, match=r"give \[B, T, 20\]"):
        tiny.encode(noise(2, 20, 21))
    with pytest.raises(InputError, match=r"give \[B, T, 20\]"):
        tiny.speaker_embedding(noise(16, 20))
    with pytest.raises(InputError, match=r"give \[B, T, 20\]"):
        tiny.emotion_embedding(noise(2, 8))
    content, f0, vector = noise(2, 8, 6), noise(2, 16), noise(2, 8)
    with pytest.raises(InputError, match=r"content is \(2, 8, 6\)"):
        tiny.decode(content[:, :7], f0, vector, vector)
    with pytest.raises(InputError, match="does not fit pitch"):
        tiny.decode(content, f0[:, :, None], vector, vector)
    with pytest.raises(InputError, match="does not fit pitch"):
        tiny.decode(content[:, :0], f0[:, :1], vector, vector)
    with pytest.raises(InputError, match="speaker embedding has shape"):
        tiny.decode(content, f0, vector[:1], vector)
    with pytest.raises(InputError, match="emotion embedding has shape"):
        tiny.decode(content, f0, vector, vector[:, :7])


def test_weights_follow_the_seed_and_nothing_global_moves() -> None:
    state = torch.random.get_rng_state()
    first, again, other = (make_network(TINY, seed=seed).state_dict() for seed in (3, 3, 4))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["quantizer.codebook"], other["quantizer.codebook"])


def test_settings_refuse_what_cannot_be() -> None:
    with pytest.raises(ConfigError, match="with emotion_dims there is none"):
        NetworkSettings.parse({"reshape_replica": True, "emotion_dims": 8}, where="x")
    with pytest.raises(ConfigError, match="1 or more"):
        NetworkSettings.parse({"speaker_subsampling": [1, 0]}, where="x")
    with pytest.raises(ConfigError, match="needs method mi and classifiers"):
        LossSettings.parse({"loss_forward": "lf1"}, where="x")
    with pytest.raises(ConfigError, match="needs method mi and classifiers"):
        LossSettings.parse(
            {"loss_forward": "lf2", "method": "adv", "classifiers": "both"}, where="x"
        )
    with pytest.raises(ConfigError, match="go together"):
        StyleVCSettings.parse({"network": {"emotion_dims": 8}}, where="x")


def test_an_experiment_starts_from_its_preset() -> None:
    paper = StyleVCSettings.parse({"preset": "paper", "network": {"num_codes": 99}}, where="x")
    assert paper.network == PAPER.model_copy(update={"num_codes": 99})
    assert StyleVCSettings.parse({}, where="x").network == PRESETS["small"]


def test_importing_the_room_does_not_import_pytorch() -> None:
    code = "import sys, quantlab.models; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
