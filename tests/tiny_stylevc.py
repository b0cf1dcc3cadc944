"""A StyleVC of a few thousand weights, and speech for it."""

import torch

from quantlab.models.stylevc.settings import NetworkSettings

TINY = NetworkSettings(
    num_mels=20, embedding_dims=8, content_channels=12, content_layers=2, content_dims=6,
    num_codes=16, code_decay=0.9, context_dims=10, prediction_steps=3, num_negatives=4,
    speaker_channels=6, speaker_bank=4, speaker_subsampling=(1, 2), speaker_dense_blocks=2,
    emotion_channels=(4, 8), decoder_input=10, decoder_channels=8, decoder_output=12,
    decoder_layers=2, postnet_channels=8,
)  # fmt: skip


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    """Return standard normal numbers of their own generator."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def drawing(seed: int = 0) -> torch.Generator:
    """Return a generator at its start."""
    return torch.Generator().manual_seed(seed)
