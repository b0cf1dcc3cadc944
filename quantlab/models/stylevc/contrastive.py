"""Contrastive prediction of content: the frame k steps ahead is to be told from ten others.

The wrong ones are frames of the same utterance, so that knowing the speaker does not help.

Letters: ``B`` utterances, ``L`` frames of content, ``D`` content dimensions, ``S`` steps ahead,
``U`` frames from which all S can be predicted, L − S.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from quantlab.errors import InputError
from quantlab.models.stylevc.settings import NetworkSettings


@dataclass(frozen=True, eq=False)
class Contrast:
    """How well the content to come is told from other content.

    Attributes
    ----------
    loss : torch.Tensor [shape=()]
        Cross-entropy of the true frame in nats, mean over utterances, frames and steps.
    accuracy : torch.Tensor [shape=()]
        Share of predictions that rank the true frame first, 0 to 1, without gradient.
    """

    loss: torch.Tensor
    accuracy: torch.Tensor


class ContrastivePredictor(nn.Module):
    """An LSTM over content and a linear prediction for each step ahead (arXiv 1807.03748).

    Parameters
    ----------
    settings : NetworkSettings
        Widths, steps and number of negatives.
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.recurrent = nn.LSTM(settings.content_dims, settings.context_dims, batch_first=True)
        self.heads = nn.Linear(
            settings.context_dims, settings.prediction_steps * settings.content_dims
        )
        self._num_steps = settings.prediction_steps
        self._num_negatives = settings.num_negatives

    def forward(self, content: torch.Tensor, *, generator: torch.Generator) -> Contrast:
        """Predict the frames to come.

        Parameters
        ----------
        content : torch.Tensor [shape=(B, L, D)]
            Quantized content, L at least the number of steps and two more.
        generator : torch.Generator
            Draws the negatives; on the CPU, it draws the same for every device.

        Returns
        -------
        Contrast
            Loss and accuracy.

        Raises
        ------
        InputError
            There are too few frames to draw negatives from.
        """
        num_utterances, num_frames, num_dims = content.shape
        usable = num_frames - self._num_steps
        if usable < 2:
            raise InputError(
                f"{num_frames} frames of content are too few to predict {self._num_steps} ahead; "
                f"give at least {self._num_steps + 2}"
            )
        context, _ = self.recurrent(content[:, :usable])
        predicted = self.heads(context).view(num_utterances, usable, self._num_steps, num_dims)
        # All frames are scored at once and the few are picked: cheaper than gathering vectors.
        scores = torch.einsum("busd,bld->bsul", predicted, content) / num_dims**0.5
        picked = scores.gather(3, self._choices(num_utterances, usable, generator, scores.device))
        logits = picked.flatten(end_dim=2).float()
        truth = torch.zeros(len(logits), dtype=torch.int64, device=logits.device)
        accuracy = (logits.detach().argmax(dim=1) == 0).float().mean()
        return Contrast(loss=cross_entropy(logits, truth), accuracy=accuracy)

    def _choices(
        self, num_utterances: int, usable: int, generator: torch.Generator, device: torch.device
    ) -> torch.Tensor:
        """Return frame numbers ``[B, S, U, 1 + negatives]``, the true one first."""
        shape = (num_utterances, self._num_steps, usable, self._num_negatives)
        drawn = torch.randint(1, usable, shape, generator=generator, device=generator.device)
        shifts = torch.cat([torch.zeros_like(drawn[..., :1]), drawn.to(torch.int64)], dim=3)
        times = torch.arange(usable, device=shifts.device)[:, None]
        ahead = torch.arange(1, self._num_steps + 1, device=shifts.device)[:, None, None]
        return ((shifts + times) % usable + ahead).to(device)
