"""The encoders of StyleVC: content frames, speaker vector, emotion vector.

The codes of the content are in `quantizer`, its prediction in `contrastive`.

Letters: ``B`` utterances, ``T`` mel frames, ``L`` frames of content, ``E`` embedding dimensions,
``C`` channels.
"""

import torch
from torch import nn
from torch.nn.functional import relu

from quantlab.models.stylevc.convolutions import (
    ConvolutionBank,
    ResidualConvolutions,
    ResidualDense,
)
from quantlab.models.stylevc.settings import NetworkSettings

_MIRRORED = ResidualConvolutions.KERNEL // 2 + 1  # mirroring n frames needs n + 1 of them


class ContentEncoder(nn.Module):
    """A strided convolution, then linear layers frame by frame, each after layer normalisation.

    Parameters
    ----------
    settings : NetworkSettings
        Widths.
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        width, stride = settings.content_channels, settings.downsampling
        self.convolution = nn.Conv1d(
            settings.num_mels, width, 2 * stride, stride=stride, padding=stride // 2, bias=False
        )
        layers: list[nn.Module] = []
        for _ in range(settings.content_layers):
            layers += [nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, width, bias=False)]
        layers += [nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, settings.content_dims)]
        self.layers = nn.Sequential(*layers)

    def forward(self, bands: torch.Tensor) -> torch.Tensor:
        """Return content ``[B, L, content_dims]`` of ``[B, num_mels, T]``."""
        return self.layers(self.convolution(bands).transpose(1, 2))


class SpeakerEncoder(nn.Module):
    """Convolutions and dense blocks around a mean over time (AdaIN-VC, arXiv 1904.05742).

    Parameters
    ----------
    settings : NetworkSettings
        Widths.
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        width, num_kernels = settings.speaker_channels, settings.speaker_bank
        self.bank = ConvolutionBank(settings.num_mels, width, num_kernels)
        self.narrow = nn.Conv1d(num_kernels * width + settings.num_mels, width, 1)
        self.convolutions = nn.Sequential(
            *(ResidualConvolutions(width, stride) for stride in settings.speaker_subsampling)
        )
        self.dense = nn.Sequential(
            *(ResidualDense(width) for _ in range(settings.speaker_dense_blocks))
        )
        self.output = nn.Linear(width, settings.embedding_dims)

    def forward(self, bands: torch.Tensor) -> torch.Tensor:
        """Return ``[B, E]`` of ``[B, num_mels, T]``, T at least `fewest_frames`."""
        frames = self.convolutions(relu(self.narrow(self.bank(bands))))
        return self.output(self.dense(frames.mean(dim=2)))


def fewest_frames(settings: NetworkSettings) -> int:
    """Return the least T that the encoders take: the mirrored edges must be there."""
    needed = _MIRRORED
    for stride in reversed(settings.speaker_subsampling[:-1]):
        needed = max(_MIRRORED, stride * (needed - 1) + 1)
    return max(needed, settings.speaker_bank // 2 + 1, settings.downsampling)


class EmotionEncoder(nn.Module):
    """The reference encoder of global style tokens (arXiv 1803.09047), without the tokens.

    Its output is not negative.

    Parameters
    ----------
    settings : NetworkSettings
        Widths, and the replica of the reshaped input.
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        num_in, num_bands = 1, settings.num_mels
        for num_out in settings.emotion_channels:
            # No bias: the batch normalisation would take it out again.
            layers += [
                nn.Conv2d(num_in, num_out, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(num_out),
                nn.ReLU(),
            ]
            num_in, num_bands = num_out, (num_bands + 1) // 2
        self.convolutions = nn.Sequential(*layers)
        half = settings.embedding_dims // 2
        self.recurrent = nn.GRU(num_in * num_bands, half, batch_first=True)
        self.dense = nn.Linear(half, settings.embedding_dims)
        self.output = nn.Linear(settings.embedding_dims, settings.embedding_dims)
        self._reshape_replica = settings.reshape_replica

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        """Return ``[B, E]``, all ≥ 0, of ``[B, T, num_mels]``."""
        if self._reshape_replica:
            mel = mel.transpose(1, 2).reshape(mel.shape)
        maps = self.convolutions(mel[:, None])
        frames = maps.transpose(1, 2).flatten(start_dim=2)
        _, last = self.recurrent(frames)
        return relu(self.output(self.dense(last[0])))


class EmotionProjection(nn.Module):
    """Takes the emotion vector of another embedder to the emotion embedding.

    Each dimension is standardised by its running mean and variance first, so that the scale of the
    vectors does not matter. The output is not negative, as the encoder's.

    Parameters
    ----------
    settings : NetworkSettings
        Widths; `emotion_dims` above 0.
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.standardise = nn.BatchNorm1d(settings.emotion_dims, affine=False)
        self.dense = nn.Linear(settings.emotion_dims, settings.embedding_dims)
        self.output = nn.Linear(settings.embedding_dims, settings.embedding_dims)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Return ``[B, E]``, all ≥ 0, of ``[B, emotion_dims]``."""
        return relu(self.output(relu(self.dense(self.standardise(vectors)))))
