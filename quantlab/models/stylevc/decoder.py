"""The decoder of StyleVC: content, pitch, speaker and emotion back to a mel spectrogram.

Letters: ``B`` utterances, ``T`` mel frames, ``L`` frames of content, ``E`` embedding dimensions.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import relu

from quantlab.models.stylevc.convolutions import normalised_convolution, xavier_linear
from quantlab.models.stylevc.settings import NetworkSettings

_CONVOLUTIONS = 3


@dataclass(frozen=True, eq=False)
class Decoded:
    """A mel spectrogram, normalised as the training data.

    Attributes
    ----------
    mel_before : torch.Tensor [shape=(B, T, num_mels)]
        Before the postnet.
    mel_after : torch.Tensor [shape=(B, T, num_mels)]
        After it; the one to listen to.
    """

    mel_before: torch.Tensor
    mel_after: torch.Tensor


class Postnet(nn.Module):
    """Five convolutions that say what to add to a mel spectrogram (arXiv 1712.05884).

    Parameters
    ----------
    settings : NetworkSettings
        Widths.
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        width, num_mels = settings.postnet_channels, settings.num_mels
        self.layers = nn.Sequential(
            normalised_convolution(num_mels, width, activation="tanh"),
            nn.Tanh(),
            normalised_convolution(width, width, activation="tanh"),
            nn.Tanh(),
            normalised_convolution(width, width, activation="tanh"),
            nn.Tanh(),
            normalised_convolution(width, width, activation="tanh"),
            nn.Tanh(),
            normalised_convolution(width, num_mels, activation="linear"),
        )

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        """Return the refined ``[B, T, num_mels]``."""
        return mel + self.layers(mel.transpose(1, 2)).transpose(1, 2)


class Decoder(nn.Module):
    """LSTM, convolutions, LSTM and a linear layer (AutoVC, arXiv 1905.05879), then the postnet.

    Parameters
    ----------
    settings : NetworkSettings
        Widths.
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        width = settings.decoder_channels
        num_inputs = settings.content_dims + 1 + 2 * settings.embedding_dims
        self.first = nn.LSTM(num_inputs, settings.decoder_input, batch_first=True)
        self.convolutions = nn.ModuleList(
            normalised_convolution(
                settings.decoder_input if index == 0 else width, width, activation="relu"
            )
            for index in range(_CONVOLUTIONS)
        )
        self.second = nn.LSTM(
            width, settings.decoder_output, settings.decoder_layers, batch_first=True
        )
        self.output = xavier_linear(settings.decoder_output, settings.num_mels)
        self.postnet = Postnet(settings)
        self._repeats = settings.downsampling

    def forward(
        self,
        content: torch.Tensor,
        f0: torch.Tensor,
        speaker: torch.Tensor,
        emotion: torch.Tensor,
    ) -> Decoded:
        """Decode ``[B, L, content_dims]``, ``[B, T]``, ``[B, E]`` and ``[B, E]``.

        Each frame of content lasts `downsampling` mel frames, the last one until the end.
        """
        num_frames = f0.shape[1]
        held = torch.arange(num_frames, device=content.device) // self._repeats
        held = held.clamp(max=content.shape[1] - 1)
        still = torch.cat([speaker, emotion], dim=1)[:, None].expand(-1, num_frames, -1)
        frames, _ = self.first(torch.cat([content[:, held], f0[:, :, None], still], dim=2))
        bands = frames.transpose(1, 2)
        for layer in self.convolutions:
            bands = relu(layer(bands))
        frames, _ = self.second(bands.transpose(1, 2))
        before = self.output(frames)
        return Decoded(mel_before=before, mel_after=self.postnet(before))
