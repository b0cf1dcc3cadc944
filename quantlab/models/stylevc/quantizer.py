"""The codes of the content: nearest code, straight-through gradient, codes by moving averages.

Letters: ``B`` utterances, ``L`` frames of content, ``D`` content dimensions, ``K`` codes.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import mse_loss, one_hot

SMOOTHING = 1e-5
"""ε of the Laplace smoothing of the counts."""


@dataclass(frozen=True, eq=False)
class Quantized:
    """Content after quantization.

    Attributes
    ----------
    content : torch.Tensor [shape=(B, L, D), dtype=float32]
        The codes' vectors; gradients pass on to the encoder's output unchanged.
    codes : torch.Tensor [shape=(B, L), dtype=int64]
        Which code each frame has.
    commitment : torch.Tensor [shape=()]
        Mean squared distance from the encoder's output to its codes.
    perplexity : torch.Tensor [shape=()]
        exp of the entropy of the codes in this batch, 1 to K.
    """

    content: torch.Tensor
    codes: torch.Tensor
    commitment: torch.Tensor
    perplexity: torch.Tensor


class VectorQuantizer(nn.Module):
    """A codebook learnt by exponential moving averages (arXiv 1711.00937, appendix A).

    Counts start at zero and sums at the codes' first values. So a code that the first batch does
    not choose is cast far out, and comes back as its sum decays.

    Parameters
    ----------
    num_codes : int
        K.
    num_dims : int
        D.
    decay : float
        Of the averages, in each update.
    """

    codebook: torch.Tensor
    counts: torch.Tensor
    sums: torch.Tensor

    def __init__(self, num_codes: int, num_dims: int, *, decay: float) -> None:
        super().__init__()
        first = torch.empty(num_codes, num_dims).uniform_(-1 / num_codes, 1 / num_codes)
        self.register_buffer("codebook", first)
        self.register_buffer("counts", torch.zeros(num_codes))
        self.register_buffer("sums", first.clone())
        self.decay = decay

    def forward(self, content: torch.Tensor, *, update: bool = False) -> Quantized:
        """Quantize content ``[B, L, D]``; with `update`, move the codes towards it afterwards."""
        # Half precision would lose the decay of 0.999 and merge near codes.
        with torch.autocast(content.device.type, enabled=False):
            frames = content.float().flatten(end_dim=1)
            codes = _nearest(frames.detach(), self.codebook)
            chosen = self.codebook[codes]
            members = one_hot(codes, len(self.codebook)).to(frames.dtype)
            shares = members.mean(dim=0)
            perplexity = torch.exp(-(shares * torch.log(shares + 1e-10)).sum())
            commitment = mse_loss(frames, chosen)
            through = frames + (chosen - frames).detach()
            if update:
                self._update(frames.detach(), members)
        return Quantized(
            content=through.view(content.shape),
            codes=codes.view(content.shape[:2]),
            commitment=commitment,
            perplexity=perplexity,
        )

    @torch.no_grad()
    def _update(self, frames: torch.Tensor, members: torch.Tensor) -> None:
        self.counts.lerp_(members.sum(dim=0), 1 - self.decay)
        total = self.counts.sum()
        smoothed = (self.counts + SMOOTHING) / (total + len(self.counts) * SMOOTHING) * total
        self.counts.copy_(smoothed)
        self.sums.lerp_(members.T @ frames, 1 - self.decay)
        torch.div(self.sums, self.counts[:, None], out=self.codebook)


def _nearest(frames: torch.Tensor, codebook: torch.Tensor) -> torch.Tensor:
    norms = codebook.square().sum(dim=1)
    return torch.addmm(norms, frames, codebook.T, alpha=-2).argmin(dim=1)
