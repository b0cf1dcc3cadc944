"""Codes of the content and their prediction, against loops in numpy with the same negatives."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from quantlab.errors import InputError
from quantlab.models.stylevc.contrastive import ContrastivePredictor
from quantlab.models.stylevc.network import StyleVC, make_network
from quantlab.models.stylevc.quantizer import VectorQuantizer
from quantlab.models.stylevc.settings import PRESETS
from tests.tiny_stylevc import TINY, drawing, noise


@pytest.fixture
def tiny() -> StyleVC:
    return make_network(TINY, seed=1).eval()


def test_codes_against_a_plain_moving_average() -> None:
    codes = VectorQuantizer(7, 3, decay=0.9)
    book = codes.codebook.double().numpy()
    assert np.abs(book).max() <= 1 / 7
    counts, sums = np.zeros(7), book.copy()
    for round_ in range(6):
        content = noise(4, 5, 3, seed=round_) / 5
        frames = content.double().numpy().reshape(-1, 3)
        distances = ((frames[:, None] - book) ** 2).sum(axis=2)
        nearest = distances.argmin(axis=1)
        quantized = codes(content, update=True)
        np.testing.assert_array_equal(quantized.codes.numpy().ravel(), nearest)
        np.testing.assert_allclose(
            quantized.content.numpy().reshape(-1, 3), book[nearest], rtol=1e-4, atol=1e-6
        )
        assert quantized.commitment.item() == pytest.approx(distances.min(axis=1).mean() / 3)
        shares = np.bincount(nearest, minlength=7) / len(nearest)
        used = shares[shares > 0]
        assert quantized.perplexity.item() == pytest.approx(np.exp(-(used * np.log(used)).sum()))
        counts = 0.9 * counts + 0.1 * np.bincount(nearest, minlength=7)
        counts = (counts + 1e-5) / (counts.sum() + 7 * 1e-5) * counts.sum()
        for code in range(7):
            sums[code] = 0.9 * sums[code] + 0.1 * frames[nearest == code].sum(axis=0)
        book = sums / counts[:, None]
        np.testing.assert_allclose(codes.counts.numpy(), counts, rtol=3e-6)
        np.testing.assert_allclose(codes.codebook.numpy(), book, rtol=1e-4, atol=1e-6)
        # Go on from the same numbers, or a near tie would be decided by rounding.
        book, sums = codes.codebook.double().numpy(), codes.sums.double().numpy()
        counts = codes.counts.double().numpy()


def test_codes_move_only_when_asked(tiny: StyleVC) -> None:
    before = {name: buffer.clone() for name, buffer in tiny.quantizer.named_buffers()}
    mel = noise(2, 16, 20)
    tiny.train()
    tiny.encode(mel)
    for name, buffer in tiny.quantizer.named_buffers():
        assert torch.equal(buffer, before[name])
    tiny.eval()
    tiny.encode(mel, update=True)
    for name, buffer in tiny.quantizer.named_buffers():
        assert not torch.equal(buffer, before[name])


def test_gradients_pass_the_codes_unchanged_and_the_commitment_draws_to_them() -> None:
    codes = VectorQuantizer(7, 3, decay=0.9)
    content, weights = noise(4, 5, 3).requires_grad_(), noise(4, 5, 3, seed=1)
    quantized = codes(content, update=True)
    (through,) = torch.autograd.grad((quantized.content * weights).sum(), content)
    torch.testing.assert_close(through, weights)
    quantized = codes(content)
    (pull,) = torch.autograd.grad(quantized.commitment, content)
    expected = 2 * (content - codes.codebook[quantized.codes]) / content.numel()
    torch.testing.assert_close(pull, expected.detach())
    assert not list(codes.parameters())


def test_codes_stay_in_single_precision_under_autocast() -> None:
    codes = VectorQuantizer(7, 3, decay=0.999)
    content = noise(4, 5, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        quantized = codes(content.bfloat16(), update=True)
    assert quantized.content.dtype == codes.codebook.dtype == torch.float32
    plain = VectorQuantizer(7, 3, decay=0.999)
    plain.load_state_dict(codes.state_dict())
    assert torch.equal(plain(content).codes, codes(content).codes)


def test_contrast_against_a_loop_with_the_same_negatives() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        predictor = ContrastivePredictor(TINY)
    content = noise(3, 11, 6)
    contrast = predictor(content, generator=drawing(5))
    usable = 11 - 3
    shifts = torch.randint(1, usable, (3, 3, usable, 4), generator=drawing(5)).numpy()
    context = predictor.recurrent(content)[0].detach().double().numpy()
    heads = predictor.heads.weight.detach().double().numpy().reshape(3, 6, 10)
    biases = predictor.heads.bias.detach().double().numpy().reshape(3, 6)
    frames = content.double().numpy()
    losses, right = [], []
    for utterance in range(3):
        for step in range(3):
            shifted = frames[utterance, step + 1 : step + 1 + usable]
            for time in range(usable):
                guess = heads[step] @ context[utterance, time] + biases[step]
                negatives = (shifts[utterance, step, time] + time) % usable
                assert time not in negatives
                scores = np.append(shifted[negatives] @ guess, shifted[time] @ guess) / np.sqrt(6)
                losses.append(np.log(np.exp(scores).sum()) - scores[-1])
                right.append(scores[-1] > scores[:-1].max())
    assert contrast.loss.item() == pytest.approx(np.mean(losses), rel=1e-5)
    assert contrast.accuracy.item() == pytest.approx(np.mean(right))
    assert not contrast.accuracy.requires_grad


class _OneHot(nn.Module):
    """Stands in for the recurrent layer: the context is the frame itself."""

    def forward(self, content: torch.Tensor) -> tuple[torch.Tensor, None]:
        return content, None


def test_no_negative_is_the_frame_to_be_predicted() -> None:
    length = 12
    settings = TINY.model_copy(
        update={"content_dims": length, "context_dims": length, "num_negatives": 40}
    )
    predictor = ContrastivePredictor(settings)
    predictor.recurrent = _OneHot()  # pyright: ignore[reportAttributeAccessIssue]
    # Frame t is the unit vector t, and head k takes it to a thousand times the unit vector t + k.
    with torch.no_grad():
        ahead = [1000 * torch.eye(length).roll(step, dims=0) for step in (1, 2, 3)]
        predictor.heads.weight.copy_(torch.cat(ahead))
        predictor.heads.bias.zero_()
    content = torch.eye(length).expand(5, -1, -1)
    contrast = predictor(content, generator=drawing())
    # One coincidence among the 540 predictions would cost ln 2 / 540.
    assert contrast.loss.item() < 1e-6
    assert contrast.accuracy.item() == 1


def test_negatives_come_from_the_same_utterance() -> None:
    predictor = ContrastivePredictor(TINY)

    def loss(first: int, second: int) -> float:
        content = torch.cat([noise(1, 11, 6, seed=first), 3 * noise(1, 11, 6, seed=second)])
        return predictor(content, generator=drawing()).loss.item()

    # What each utterance adds does not depend on the other one.
    assert loss(1, 2) + loss(3, 4) == pytest.approx(loss(1, 4) + loss(3, 2), rel=1e-5)


def test_contrast_is_at_chance_on_noise() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        predictor = ContrastivePredictor(PRESETS["paper"])
    contrast = predictor(noise(16, 64, 64), generator=drawing())
    num = 16 * 58 * 6
    spread = math.sqrt(1 / 11 * 10 / 11 / num)
    assert contrast.accuracy.item() == pytest.approx(1 / 11, abs=5 * spread)
    assert contrast.loss.item() == pytest.approx(math.log(11), abs=0.05)


def test_contrast_follows_its_generator_and_needs_two_frames(tiny: StyleVC) -> None:
    mel = noise(2, 16, 20)
    losses = [tiny.encode(mel, generator=drawing(seed)).contrast for seed in (0, 0, 1)]
    first, again, other = [found.loss.item() for found in losses if found is not None]
    assert first == again != other
    assert tiny.predictor(noise(1, 5, 6), generator=drawing()).loss.isfinite()
    with pytest.raises(InputError, match=r"4 frames of content are too few.*at least 5"):
        tiny.predictor(noise(1, 4, 6), generator=drawing())
