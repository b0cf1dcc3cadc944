"""Convolutions that several parts of StyleVC share, and their initial weights.

Letters: ``B`` utterances, ``C`` channels, ``T`` frames.
"""

from typing import Literal

import torch
from torch import nn
from torch.nn.functional import avg_pool1d, pad, relu

Activation = Literal["linear", "relu", "tanh"]


def xavier_linear(num_in: int, num_out: int, *, activation: Activation = "linear") -> nn.Linear:
    """Return a linear layer with Xavier weights for the activation that follows it."""
    layer = nn.Linear(num_in, num_out)
    nn.init.xavier_uniform_(layer.weight, gain=nn.init.calculate_gain(activation))
    return layer


def normalised_convolution(
    num_in: int, num_out: int, *, activation: Activation, kernel: int = 5
) -> nn.Sequential:
    """Return a convolution that keeps T, with Xavier weights, then batch normalisation.

    The convolution has no bias: the normalisation would take it out again.
    """
    layer = nn.Conv1d(num_in, num_out, kernel, padding=kernel // 2, bias=False)
    nn.init.xavier_uniform_(layer.weight, gain=nn.init.calculate_gain(activation))
    return nn.Sequential(layer, nn.BatchNorm1d(num_out))


class ConvolutionBank(nn.Module):
    """Convolutions of kernel 1, 2 … side by side, joined with their input.

    Parameters
    ----------
    num_in : int
        Channels of the input.
    num_out : int
        Channels of each convolution.
    num_kernels : int
        How many; the input needs more than half as many frames.
    """

    def __init__(self, num_in: int, num_out: int, num_kernels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv1d(num_in, num_out, kernel) for kernel in range(1, num_kernels + 1)
        )

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Return ``[B, num_kernels · num_out + num_in, T]`` for ``[B, num_in, T]``."""
        num_frames, reach = frames.shape[2], len(self.layers) // 2
        # Mirrored once for the widest kernel; the narrower ones read a part of it.
        wide = pad(frames, (reach, reach), mode="reflect")
        outputs = []
        for kernel, layer in enumerate(self.layers, start=1):
            start = reach - kernel // 2
            outputs.append(relu(layer(wide[:, :, start : start + num_frames + kernel - 1])))
        return torch.cat([*outputs, frames], dim=1)


class ResidualConvolutions(nn.Module):
    """Two convolutions of kernel 5 with ReLU, added to their input, with an optional stride.

    Parameters
    ----------
    num_channels : int
        Channels in and out.
    stride : int
        Of the second convolution; the input is averaged over as many frames, the last one over
        what is left.
    """

    KERNEL = 5

    def __init__(self, num_channels: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(num_channels, num_channels, self.KERNEL)
        self.second = nn.Conv1d(num_channels, num_channels, self.KERNEL, stride=stride)
        self.stride = stride

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Return ``[B, C, ceil(T / stride)]`` for ``[B, C, T]``, T ≥ 3."""
        reach = self.KERNEL // 2
        inner = relu(self.first(pad(frames, (reach, reach), mode="reflect")))
        outer = relu(self.second(pad(inner, (reach, reach), mode="reflect")))
        if self.stride > 1:
            frames = avg_pool1d(frames, self.stride, ceil_mode=True)
        return outer + frames


class ResidualDense(nn.Module):
    """Two linear layers with ReLU, added to their input.

    Parameters
    ----------
    num_channels : int
        Channels in and out.
    """

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.first = nn.Linear(num_channels, num_channels)
        self.second = nn.Linear(num_channels, num_channels)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Return ``[B, C]`` for ``[B, C]``."""
        return vectors + relu(self.second(relu(self.first(vectors))))
