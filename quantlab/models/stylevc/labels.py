"""What labels do in training: classifiers, adversaries behind a reversed gradient, group centres.

Letters: ``B`` utterances, ``E`` embedding dimensions, ``C`` classes.
"""

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn
from torch.nn.functional import cross_entropy, one_hot

from quantlab.errors import InputError
from quantlab.models.stylevc.settings import LossSettings


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, strength: float) -> torch.Tensor:
        ctx.strength = strength
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: torch.Tensor) -> tuple[torch.Tensor, None]:
        return -ctx.strength * grad_outputs[0], None


def reverse_gradient(values: torch.Tensor, *, strength: float) -> torch.Tensor:
    """Return `values`; on the way back their gradient is multiplied by −strength.

    References
    ----------
    Ganin, Lempitsky 2015, arXiv 1409.7495.
    """
    return cast("torch.Tensor", _Reversal.apply(values, strength))


def generalised_cross_entropy(
    logits: torch.Tensor, labels: torch.Tensor, *, exponent: float
) -> torch.Tensor:
    """Return the mean of (1 − p^q)/q, p the probability of the true class.

    Its gradient is p^q times that of the cross-entropy, so what is hopeless weighs little.

    Parameters
    ----------
    logits : torch.Tensor [shape=(B, C)]
        Any reals.
    labels : torch.Tensor [shape=(B,), dtype=int64]
        0 to C − 1.
    exponent : float
        q, 0 to 1: 0 is the cross-entropy, 1 is 1 − p.

    Returns
    -------
    torch.Tensor [shape=()]
        In nats for q = 0, at most 1/q otherwise.

    Raises
    ------
    InputError
        The exponent is out of range.

    References
    ----------
    Zhang, Sabuncu 2018, arXiv 1805.07836, equation 6.
    """
    if not 0 <= exponent <= 1:
        raise InputError(f"the exponent lies between 0 and 1, given {exponent}")
    if exponent == 0:
        return cross_entropy(logits.float(), labels)
    log_p = logits.float().log_softmax(dim=1).gather(1, labels[:, None])
    return (-torch.expm1(exponent * log_p) / exponent).mean()


@dataclass(frozen=True, eq=False)
class Guessed:
    """How a linear classifier did on a batch.

    Attributes
    ----------
    loss : torch.Tensor [shape=()]
        Cross-entropy, or the generalised one.
    accuracy : torch.Tensor [shape=()]
        Share of right answers, 0 to 1, without gradient.
    """

    loss: torch.Tensor
    accuracy: torch.Tensor


class Classifier(nn.Module):
    """A linear classifier on an embedding, with cross-entropy.

    Parameters
    ----------
    num_dims : int
        E.
    num_classes : int
        C.
    """

    def __init__(self, num_dims: int, num_classes: int) -> None:
        super().__init__()
        self.output = nn.Linear(num_dims, num_classes)

    def forward(self, embeddings: torch.Tensor, labels: torch.Tensor) -> Guessed:
        """Return loss and accuracy for ``[B, E]`` and labels ``[B]``."""
        logits = self.output(embeddings)
        return Guessed(cross_entropy(logits.float(), labels), _accuracy(logits, labels))


class Adversary(nn.Module):
    """A linear classifier that learns what an embedding tells, and teaches the embedding not to.

    Its own weights get the gradient of the generalised cross-entropy, the embedding the reversed
    one. Chance here does not prove that nothing is left: fit a fresh classifier afterwards.

    Parameters
    ----------
    num_dims : int
        E.
    num_classes : int
        C.
    settings : LossSettings
        Strength of the reversal and exponent of the generalised cross-entropy.
    """

    def __init__(self, num_dims: int, num_classes: int, settings: LossSettings) -> None:
        super().__init__()
        self.output = nn.Linear(num_dims, num_classes)
        self.strength = settings.adversary_strength
        self.exponent = settings.gce_exponent

    def forward(self, embeddings: torch.Tensor, labels: torch.Tensor) -> Guessed:
        """Return loss and accuracy for ``[B, E]`` and labels ``[B]``."""
        logits = self.output(reverse_gradient(embeddings, strength=self.strength))
        loss = generalised_cross_entropy(logits, labels, exponent=self.exponent)
        return Guessed(loss, _accuracy(logits, labels))


def _accuracy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return (logits.detach().argmax(dim=1) == labels).float().mean()


class GroupCentres(nn.Module):
    """Learnt centres of the groups, to which embeddings are drawn.

    Nothing pushes the centres apart: all of them and all embeddings equal would be a minimum. So
    look at `within_between` beside the loss.

    Parameters
    ----------
    num_dims : int
        E.
    num_groups : int
        C.
    """

    def __init__(self, num_dims: int, num_groups: int) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.randn(num_groups, num_dims))

    def forward(self, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the mean squared Euclidean distance of ``[B, E]`` to the centres of ``[B]``."""
        return (embeddings.float() - self.centres[labels]).square().sum(dim=1).mean()


@torch.no_grad()
def within_between(
    embeddings: torch.Tensor, labels: torch.Tensor, *, num_groups: int
) -> torch.Tensor:
    """Return the variance within groups over the variance between their means.

    Below 1: the groups stand apart. About (B − C) / (C − 1) where labels say nothing about the
    embeddings. 1000 where all embeddings are equal, so that a collapse does not look like success.

    Parameters
    ----------
    embeddings : torch.Tensor [shape=(B, E)]
        Vectors.
    labels : torch.Tensor [shape=(B,), dtype=int64]
        0 to C − 1.
    num_groups : int
        C.

    Returns
    -------
    torch.Tensor [shape=()]
        ≥ 0; very large, but finite, where all groups have one mean.
    """
    vectors = embeddings.float()
    vectors = vectors - vectors[0]  # the ratio stays, and equal vectors are exactly 0
    members = one_hot(labels, num_groups).to(vectors.dtype)
    sizes = members.sum(dim=0).clamp(min=1)
    means = (members.T @ vectors / sizes[:, None])[labels]
    within = (vectors - means).square().sum(dim=1).mean()
    between = (means - vectors.mean(dim=0)).square().sum(dim=1).mean()
    return (within + 1e-17) / (between + 1e-20)
