"""Bounds of mutual information: closed forms of Gaussians, plain re-implementations, gradients."""

import math

import numpy as np
import pytest
import torch

from quantlab.errors import InputError
from quantlab.models.stylevc.contrastive import Contrast
from quantlab.models.stylevc.information import Club, Information, Latents, other_utterances
from quantlab.models.stylevc.network import Encoded
from quantlab.models.stylevc.settings import PRESETS, LossSettings
from tests.tiny_stylevc import TINY, drawing, noise

LOSS = LossSettings(information_width=16)
REPLICA = LossSettings(information_width=16, se_replica=True)


def make_club(num_in: int, num_out: int, *, width: int = 16, seed: int = 1) -> Club:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Club(num_in, num_out, width=width)


def make_information(loss: LossSettings = LOSS) -> Information:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return Information(TINY, loss)


def make_latents(num: int = 5, num_frames: int = 13, downsampling: int = 2) -> Latents:
    return Latents(
        content=noise(num, num_frames // downsampling, 6, seed=1),
        pitch=noise(num, num_frames, 1, seed=2),
        speaker=noise(num, 8, seed=3),
        emotion=noise(num, 8, seed=4).relu(),
    )


def network_by_hand(net: torch.nn.Module, x: np.ndarray) -> np.ndarray:
    """Go through four linear layers with ReLU between them."""
    weights = [weight.detach().double().numpy() for weight in net.parameters()]
    assert len(weights) == 8
    for layer in range(4):
        x = x @ weights[2 * layer].T + weights[2 * layer + 1]
        x = np.maximum(x, 0) if layer < 3 else x
    return x


def club_by_hand(
    club: Club, x: torch.Tensor, y: torch.Tensor, order: list[int]
) -> tuple[float, float]:
    """Return log-likelihood and bound of sequences ``[B, L, X]`` and ``[B, L, Y]``."""
    xs, ys = x.detach().double().numpy(), y.detach().double().numpy()
    likelihoods, bounds = [], []
    for item, other in enumerate(order):
        for frame in range(ys.shape[1]):
            source = xs[item, frame % xs.shape[1]]
            mean = network_by_hand(club.mean, source)
            log_variance = np.tanh(network_by_hand(club.log_variance, source))
            own = (ys[item, frame] - mean) ** 2 / np.exp(log_variance)
            foreign = (ys[other, frame] - mean) ** 2 / np.exp(log_variance)
            likelihoods.append(-0.5 * (own + log_variance).sum())
            bounds.append(0.5 * (foreign - own).sum())
    return float(np.mean(likelihoods)), float(np.mean(bounds))


@pytest.mark.parametrize("num", range(2, 9))
def test_every_utterance_stands_against_another_one(num: int) -> None:
    generator = drawing()
    for _ in range(50):
        order = other_utterances(num, generator=generator).tolist()
        assert sorted(order) == list(range(num))
        assert all(other != item for item, other in enumerate(order))


def test_all_cycles_are_drawn_equally_often() -> None:
    generator, counts = drawing(), {}
    for _ in range(3000):
        order = tuple(other_utterances(4, generator=generator).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6
    assert min(counts.values()) > 500 - 5 * math.sqrt(500)
    assert max(counts.values()) < 500 + 5 * math.sqrt(500)


def test_one_utterance_has_no_other() -> None:
    with pytest.raises(InputError, match="1 utterances are too few"):
        other_utterances(1, generator=drawing())


def test_the_paper_presets_estimators_have_the_published_sizes() -> None:
    information = Information(PRESETS["paper"], LossSettings(se_replica=True))
    assert information.emotion_speaker is None
    sizes = {
        name: round(sum(weight.numel() for weight in club.parameters()) / 1e6, 2)
        for name, club in information.named_children()
    }
    assert sizes == {
        "content_speaker": 0.43,
        "content_emotion": 0.43,
        "pitch_speaker": 0.40,
        "pitch_emotion": 0.40,
        "pitch_content": 0.30,
        "speaker_emotion": 0.40,
    }


@pytest.mark.parametrize("form", ["vector", "group", "frame"])
def test_likelihood_and_bound_against_numpy(form: str) -> None:
    club, order = make_club(3, 4), [2, 4, 1, 0, 3]
    x = noise(5, 7, 3) if form == "frame" else noise(5, 3)
    y = noise(5, 4, seed=1) if form == "vector" else noise(5, 7, 4, seed=1)
    likelihood, bound = club_by_hand(
        club, x if form == "frame" else x[:, None], y[:, None] if form == "vector" else y, order
    )
    assert club.log_likelihood(x, y).item() == pytest.approx(likelihood, rel=1e-5)
    found = club.bound(x, y, torch.tensor(order))
    assert found.item() == pytest.approx(bound, rel=1e-4, abs=1e-6)


def test_gradients_of_the_bound_reach_both_sides_and_the_estimator_only_if_asked() -> None:
    club, order = make_club(3, 4), torch.tensor([1, 2, 0])
    x, y = noise(3, 3).requires_grad_(), noise(3, 6, 4).requires_grad_()
    bound = club.bound(x, y, order)
    bound.backward()
    assert all(weight.grad is None for weight in club.parameters())
    assert x.grad is not None
    assert y.grad is not None
    frozen = x.grad.clone(), y.grad.clone()
    assert all(grad.abs().max() > 0 for grad in frozen)
    x.grad = y.grad = None
    free = club.bound(x, y, order, frozen=False)
    free.backward()
    assert free.item() == bound.item()
    torch.testing.assert_close((x.grad, y.grad), frozen)
    assert all(weight.grad is not None for weight in club.parameters())


@pytest.mark.parametrize(("num_frames", "downsampling"), [(13, 2), (12, 2), (11, 4)])
def test_likelihood_is_the_sum_over_the_pairs(num_frames: int, downsampling: int) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        information = Information(TINY.model_copy(update={"downsampling": downsampling}), LOSS)
    latents = make_latents(5, num_frames, downsampling)
    speaker, emotion = latents.speaker[:, None], latents.emotion[:, None]
    length = num_frames // downsampling
    slow = latents.pitch[:, : length * downsampling].numpy()
    slow = torch.from_numpy(slow.reshape(5, length, downsampling).mean(axis=2)[:, :, None])
    order = other_utterances(5, generator=drawing(7)).tolist()
    pairs = {
        "content_speaker": (information.content_speaker, speaker, latents.content),
        "pitch_speaker": (information.pitch_speaker, speaker, latents.pitch),
        "pitch_content": (information.pitch_content, slow, latents.content),
        "content_emotion": (information.content_emotion, emotion, latents.content),
        "pitch_emotion": (information.pitch_emotion, emotion, latents.pitch),
        "there": (information.speaker_emotion, speaker, emotion),
        "back": (information.emotion_speaker, emotion, speaker),
    }
    by_hand = {}
    for name, (club, x, y) in pairs.items():
        assert club is not None
        by_hand[name] = club_by_hand(club, x, y, order)
    total = -sum(likelihood for likelihood, _ in by_hand.values())
    assert information.negative_log_likelihood(latents).item() == pytest.approx(total, rel=1e-5)
    bounds = vars(information.bounds(latents, generator=drawing(7)))
    both = (by_hand.pop("there")[1] + by_hand.pop("back")[1]) / 2
    expected = {name: bound for name, (_, bound) in by_hand.items()} | {"speaker_emotion": both}
    assert set(bounds) == set(expected)
    for name, bound in expected.items():
        assert bounds[name].item() == pytest.approx(bound, rel=1e-4, abs=1e-6), name


def test_the_replica_guesses_one_number_for_the_whole_emotion_vector() -> None:
    information, latents = make_information(REPLICA), make_latents()
    assert information.emotion_speaker is None
    order = other_utterances(5, generator=drawing(7)).tolist()
    _, bound = club_by_hand(
        information.speaker_emotion, latents.speaker[:, None], latents.emotion[:, :, None], order
    )
    found = information.bounds(latents, generator=drawing(7)).speaker_emotion
    assert found.item() == pytest.approx(bound, rel=1e-4, abs=1e-6)


def fitted_bound(club: Club, x: torch.Tensor, y: torch.Tensor, *, steps: int = 150) -> float:
    """Fit an estimator to the first half of the pairs and return its bound of the second."""
    generator, half = drawing(), len(x) // 2
    adam = torch.optim.Adam(club.parameters(), lr=5e-3)
    for _ in range(steps):
        rows = torch.randint(half, (300,), generator=generator)
        adam.zero_grad()
        (-club.log_likelihood(x[rows], y[rows])).backward()
        adam.step()
    order = other_utterances(len(x) - half, generator=generator)
    with torch.no_grad():
        return club.bound(x[half:], y[half:], order).item()


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.6])
def test_a_fitted_estimator_bounds_the_information_of_gaussians(rho: float) -> None:
    x = noise(80_000, 2)
    y = rho * x + math.sqrt(1 - rho**2) * noise(80_000, 2, seed=1)
    found = fitted_bound(make_club(2, 2, width=24), x, y)
    information = -0.5 * math.log(1 - rho**2) * 2
    # With the true q(y|x) the bound is E[(y' − ρx)² − (y − ρx)²] / 2(1 − ρ²) in each dimension.
    closed_form = rho**2 / (1 - rho**2) * 2
    assert found == pytest.approx(closed_form, rel=0.1, abs=0.03)
    assert found > information - 0.03


def test_the_replica_barely_measures_what_the_vector_pair_does() -> None:
    turn = torch.linalg.qr(noise(8, 8)).Q
    speaker = noise(8000, 8, seed=1)
    emotion = 0.7 * speaker @ turn + math.sqrt(1 - 0.7**2) * noise(8000, 8, seed=2)
    right = fitted_bound(make_club(8, 8), speaker, emotion)
    replica = fitted_bound(make_club(8, 1), speaker, emotion[:, :, None])
    assert right > -0.5 * math.log(1 - 0.7**2) * 8
    assert abs(replica) < 0.02 * right


def test_bounds_follow_their_generator() -> None:
    information, latents = make_information(), make_latents(9)
    values = [
        information.bounds(latents, generator=drawing(seed)).content_speaker.item()
        for seed in (0, 0, 1)
    ]
    assert values[0] == values[1] != values[2]


def test_latents_take_what_the_decoder_gets_and_leave_their_gradients() -> None:
    content, speaker = noise(2, 6, 6).requires_grad_(), noise(2, 8).requires_grad_()
    emotion = noise(2, 8, seed=1).requires_grad_()
    scalar = torch.tensor(0.0)
    encoded = Encoded(
        content=content,
        codes=torch.zeros(2, 6, dtype=torch.int64),
        commitment=scalar,
        perplexity=scalar,
        contrast=Contrast(loss=scalar, accuracy=scalar),
        speaker=speaker,
        emotion=emotion,
    )
    f0 = noise(2, 13)
    latents = Latents.of(encoded, f0)
    assert latents.content is content
    assert torch.equal(latents.pitch[:, :, 0], f0)
    assert latents.speaker is speaker
    assert latents.emotion is emotion
    for part, detached in zip(
        vars(latents).values(), vars(latents.detached()).values(), strict=True
    ):
        assert torch.equal(part, detached)
        assert not detached.requires_grad
