"""Mutual information between the parts of speech: CLUB upper bounds (arXiv 2006.12013).

A network guesses y from x as a Gaussian, q(y|x) = N(μ(x), e^v(x)), and is fitted by maximum
likelihood. The bound compares how well it guesses the y of the same utterance and the y of another
one. It bounds from above only as far as q is close to p(y|x). The log-variance ends in tanh, so
the variance lies between 1/e and e: y should be of order one, and the bound saturates where y
follows x exactly.

Letters: ``B`` utterances, ``T`` mel frames, ``L`` frames, ``X`` and ``Y`` dimensions of x and y,
``D`` content dimensions, ``E`` embedding dimensions.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Self

import torch
from torch import nn
from torch.func import functional_call

from quantlab.errors import InputError
from quantlab.models.stylevc.network import Encoded
from quantlab.models.stylevc.settings import LossSettings, NetworkSettings


def other_utterances(num: int, *, generator: torch.Generator) -> torch.Tensor:
    """Return a random permutation ``[num]`` that leaves nothing in its place.

    It is one cycle through all utterances, so no pair is its own counterexample.

    Raises
    ------
    InputError
        There are fewer than two.
    """
    if num < 2:
        raise InputError(f"{num} utterances are too few for a bound of information; give two")
    cycle = torch.randperm(num, generator=generator, device=generator.device)
    order = torch.empty_like(cycle)
    order[cycle] = cycle.roll(1)
    return order


def _guesser(num_in: int, num_out: int, width: int) -> "OrderedDict[str, nn.Module]":
    return OrderedDict(
        first=nn.Linear(num_in, width),
        first_relu=nn.ReLU(),
        second=nn.Linear(width, width),
        second_relu=nn.ReLU(),
        third=nn.Linear(width, width),
        third_relu=nn.ReLU(),
        output=nn.Linear(width, num_out),
    )


class Club(nn.Module):
    """An estimator of the mutual information of x and y in three forms, told by the shapes.

    ========  ==============  ==============  =======================================
    form      x               y
    ========  ==============  ==============  =======================================
    vector    ``[B, X]``      ``[B, Y]``      two vectors of an utterance
    group     ``[B, X]``      ``[B, L, Y]``   a vector and every frame of its utterance
    frame     ``[B, L, X]``   ``[B, L, Y]``   frames of two sequences, one by one
    ========  ==============  ==============  =======================================

    Parameters
    ----------
    num_in : int
        X.
    num_out : int
        Y.
    width : int
        Of the three hidden layers.
    """

    def __init__(self, num_in: int, num_out: int, *, width: int) -> None:
        super().__init__()
        self.mean = nn.Sequential(_guesser(num_in, num_out, width))
        spread = _guesser(num_in, num_out, width)
        spread["tanh"] = nn.Tanh()
        self.log_variance = nn.Sequential(spread)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return μ and v ``[…, Y]`` of x ``[…, X]``."""
        return self.mean(x).float(), self.log_variance(x).float()

    def log_likelihood(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Return ½ Σ [−(y − μ)²/e^v − v], the mean over utterances and frames, in nats.

        The constant −½ ln 2π of each dimension is left out.
        """
        mean, log_variance = self(_aligned(x, y))
        errors = (y.float() - mean).square()
        return 0.5 * (-errors * torch.exp(-log_variance) - log_variance).sum(dim=-1).mean()

    def bound(
        self, x: torch.Tensor, y: torch.Tensor, order: torch.Tensor, *, frozen: bool = True
    ) -> torch.Tensor:
        """Return the bound of the mutual information, the mean over utterances and frames, in nats.

        Parameters
        ----------
        x, y : torch.Tensor
            As in the table of the class; gradients reach both.
        order : torch.Tensor [shape=(B,), dtype=int64]
            Whose y stands against each utterance, see `other_utterances`.
        frozen : bool
            Whether the estimator's own weights get no gradient.

        Returns
        -------
        torch.Tensor [shape=()]
            May be negative.
        """
        aligned, values = _aligned(x, y), y.float()
        if frozen:
            weights = {name: weight.detach() for name, weight in self.named_parameters()}
            mean, log_variance = functional_call(self, weights, (aligned,))
        else:
            mean, log_variance = self(aligned)
        excess = (values[order] - mean).square() - (values - mean).square()
        return 0.5 * (excess * torch.exp(-log_variance)).sum(dim=-1).mean()


def _aligned(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return x[:, None] if x.ndim < y.ndim else x


@dataclass(frozen=True, eq=False)
class Latents:
    """What the decoder gets of a batch.

    Attributes
    ----------
    content : torch.Tensor [shape=(B, L, D)]
        Quantized content.
    pitch : torch.Tensor [shape=(B, T, 1)]
        Normalised log F0.
    speaker, emotion : torch.Tensor [shape=(B, E)]
        Embeddings.
    """

    content: torch.Tensor
    pitch: torch.Tensor
    speaker: torch.Tensor
    emotion: torch.Tensor

    @classmethod
    def of(cls, encoded: Encoded, f0: torch.Tensor) -> Self:
        """Gather them from encoded speech and its pitch ``[B, T]``."""
        return cls(
            content=encoded.content,
            pitch=f0[:, :, None],
            speaker=encoded.speaker,
            emotion=encoded.emotion,
        )

    def detached(self) -> Self:
        """Return the same without gradients, for steps of the estimators alone."""
        return type(self)(
            content=self.content.detach(),
            pitch=self.pitch,
            speaker=self.speaker.detach(),
            emotion=self.emotion.detach(),
        )


@dataclass(frozen=True, eq=False)
class Bounds:
    """Bounds of the mutual information of six pairs in nats, each ``[]``; see `Club.bound`."""

    content_speaker: torch.Tensor
    pitch_speaker: torch.Tensor
    pitch_content: torch.Tensor
    content_emotion: torch.Tensor
    speaker_emotion: torch.Tensor
    pitch_emotion: torch.Tensor


class Information(nn.Module):
    """The estimators of the six pairs of content, pitch, speaker and emotion.

    Their weights are no business of the model's optimiser: one Adam over `parameters` follows
    `negative_log_likelihood`, and is the same as one Adam for each estimator, as Adam works on each
    weight by itself.

    Parameters
    ----------
    network : NetworkSettings
        Widths of the embeddings and the content.
    loss : LossSettings
        Width of the estimators, and the replica of the speaker–emotion pair.
    """

    def __init__(self, network: NetworkSettings, loss: LossSettings) -> None:
        super().__init__()
        wide, width = network.embedding_dims, loss.information_width
        self.content_speaker = Club(wide, network.content_dims, width=width)
        self.content_emotion = Club(wide, network.content_dims, width=width)
        self.pitch_speaker = Club(wide, 1, width=width)
        self.pitch_emotion = Club(wide, 1, width=width)
        self.pitch_content = Club(1, network.content_dims, width=width)
        self.speaker_emotion = Club(wide, 1 if loss.se_replica else wide, width=width)
        self.emotion_speaker = None if loss.se_replica else Club(wide, wide, width=width)
        self._downsampling = network.downsampling

    def negative_log_likelihood(self, latents: Latents) -> torch.Tensor:
        """Return the sum over the estimators of what each of them is fitted to lower."""
        total = -self.content_speaker.log_likelihood(latents.speaker, latents.content)
        total = total - self.content_emotion.log_likelihood(latents.emotion, latents.content)
        total = total - self.pitch_speaker.log_likelihood(latents.speaker, latents.pitch)
        total = total - self.pitch_emotion.log_likelihood(latents.emotion, latents.pitch)
        total = total - self.pitch_content.log_likelihood(self._slow(latents), latents.content)
        for club, x, y in self._speaker_emotion(latents):
            total = total - club.log_likelihood(x, y)
        return total

    def bounds(
        self, latents: Latents, *, generator: torch.Generator, frozen: bool = True
    ) -> Bounds:
        """Return the bounds of a batch.

        Parameters
        ----------
        latents : Latents
            Gradients reach all of them but the pitch.
        generator : torch.Generator
            Draws the one permutation of the utterances that all pairs share.
        frozen : bool
            Whether the estimators' own weights get no gradient.

        Returns
        -------
        Bounds
            Six scalars.
        """
        order = other_utterances(len(latents.speaker), generator=generator)
        order = order.to(latents.speaker.device)

        def bound(club: Club, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return club.bound(x, y, order, frozen=frozen)

        both = [bound(club, x, y) for club, x, y in self._speaker_emotion(latents)]
        return Bounds(
            content_speaker=bound(self.content_speaker, latents.speaker, latents.content),
            pitch_speaker=bound(self.pitch_speaker, latents.speaker, latents.pitch),
            pitch_content=bound(self.pitch_content, self._slow(latents), latents.content),
            content_emotion=bound(self.content_emotion, latents.emotion, latents.content),
            speaker_emotion=torch.stack(both).mean(),
            pitch_emotion=bound(self.pitch_emotion, latents.emotion, latents.pitch),
        )

    def _slow(self, latents: Latents) -> torch.Tensor:
        """Return the pitch ``[B, L, 1]``, averaged over the mel frames of a frame of content."""
        num_utterances, length = latents.content.shape[:2]
        whole = latents.pitch[:, : length * self._downsampling]
        return whole.reshape(num_utterances, length, -1).mean(dim=2, keepdim=True)

    def _speaker_emotion(self, latents: Latents) -> list[tuple[Club, torch.Tensor, torch.Tensor]]:
        """Return the estimators of this pair with x and y: both directions, or the replica."""
        if self.emotion_speaker is None:
            return [(self.speaker_emotion, latents.speaker, latents.emotion[:, :, None])]
        return [
            (self.speaker_emotion, latents.speaker, latents.emotion),
            (self.emotion_speaker, latents.emotion, latents.speaker),
        ]
