"""StyleVC: the encoders, the decoder, and one forward pass through both.

Mel spectrograms are ``[B, T, num_mels]`` at every public border, normalised per band; pitch is the
normalised log F0 ``[B, T]``, 0 where unvoiced. Losses are in `losses`, files in `checkpoint`.

Letters: ``B`` utterances, ``T`` mel frames, ``L`` frames of content, T // downsampling, ``D``
content dimensions, ``E`` embedding dimensions.
"""

from dataclasses import dataclass

import torch
from torch import nn

from quantlab.errors import InputError
from quantlab.models.stylevc.contrastive import Contrast, ContrastivePredictor
from quantlab.models.stylevc.decoder import Decoded, Decoder
from quantlab.models.stylevc.encoders import (
    ContentEncoder,
    EmotionEncoder,
    EmotionProjection,
    SpeakerEncoder,
    fewest_frames,
)
from quantlab.models.stylevc.quantizer import VectorQuantizer
from quantlab.models.stylevc.settings import NetworkSettings


@dataclass(frozen=True, eq=False)
class Encoded:
    """Speech taken apart.

    Attributes
    ----------
    content : torch.Tensor [shape=(B, L, D)]
        Quantized content.
    codes : torch.Tensor [shape=(B, L), dtype=int64]
        Its codes.
    commitment : torch.Tensor [shape=()]
        Mean squared distance from the encoder's output to its codes.
    perplexity : torch.Tensor [shape=()]
        Of the codes in this batch.
    contrast : Contrast or None
        Loss and accuracy of the prediction of content; None where no generator was given.
    speaker : torch.Tensor [shape=(B, E)]
        Speaker embedding.
    emotion : torch.Tensor [shape=(B, E)]
        Emotion embedding, all ≥ 0.
    """

    content: torch.Tensor
    codes: torch.Tensor
    commitment: torch.Tensor
    perplexity: torch.Tensor
    contrast: Contrast | None
    speaker: torch.Tensor
    emotion: torch.Tensor


class StyleVC(nn.Module):
    """The networks of StyleVC. Initial weights come from PyTorch's global generator.

    Use `make_network` to draw them from a seed.

    Parameters
    ----------
    settings : NetworkSettings
        Widths and replicas.

    Examples
    --------
    >>> import torch
    >>> from quantlab.models import PRESETS, make_network
    >>> network = make_network(PRESETS["small"], seed=1).eval()
    >>> mel, f0 = torch.zeros(1, 101, 80), torch.zeros(1, 101)
    >>> encoded = network.encode(mel)
    >>> encoded.content.shape, encoded.emotion.shape
    (torch.Size([1, 50, 64]), torch.Size([1, 128]))
    >>> network.decode(encoded.content, f0, encoded.speaker, encoded.emotion).mel_after.shape
    torch.Size([1, 101, 80])
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.settings = settings
        self.content_encoder = ContentEncoder(settings)
        self.quantizer = VectorQuantizer(
            settings.num_codes, settings.content_dims, decay=settings.code_decay
        )
        self.predictor = ContrastivePredictor(settings)
        self.speaker_encoder = SpeakerEncoder(settings)
        self.emotion_encoder = (
            EmotionProjection(settings) if settings.emotion_dims else EmotionEncoder(settings)
        )
        self.decoder = Decoder(settings)
        self.min_frames = fewest_frames(settings)

    def forward(
        self,
        mel: torch.Tensor,
        f0: torch.Tensor,
        emotion: torch.Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
        update: bool = False,
    ) -> tuple[Encoded, Decoded]:
        """Encode and decode the same speech; parameters as of `encode` and `decode`."""
        encoded = self.encode(mel, emotion, generator=generator, update=update)
        return encoded, self.decode(encoded.content, f0, encoded.speaker, encoded.emotion)

    def encode(
        self,
        mel: torch.Tensor,
        emotion: torch.Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
        update: bool = False,
    ) -> Encoded:
        """Take speech apart.

        Parameters
        ----------
        mel : torch.Tensor [shape=(B, T, num_mels)]
            Normalised mel spectrograms, T at least `min_frames`.
        emotion : torch.Tensor, optional
            Where the emotion comes from: a mel spectrogram, by default `mel` itself; or, with
            `emotion_dims`, the vectors ``[B, emotion_dims]``.
        generator : torch.Generator, optional
            Draws the negatives of the contrast; without it there is none.
        update : bool
            Whether the codes move towards this content.

        Returns
        -------
        Encoded
            Content, speaker and emotion.

        Raises
        ------
        InputError
            A shape does not fit, or there are too few frames.
        """
        bands = self._bands(mel)
        quantized = self.quantizer(self.content_encoder(bands), update=update)
        contrast = None
        if generator is not None:
            contrast = self.predictor(quantized.content, generator=generator)
        return Encoded(
            content=quantized.content,
            codes=quantized.codes,
            commitment=quantized.commitment,
            perplexity=quantized.perplexity,
            contrast=contrast,
            speaker=self.speaker_encoder(bands),
            emotion=self.emotion_embedding(self._emotion_source(mel, emotion)),
        )

    def decode(
        self,
        content: torch.Tensor,
        f0: torch.Tensor,
        speaker: torch.Tensor,
        emotion: torch.Tensor,
    ) -> Decoded:
        """Put speech together.

        Parameters
        ----------
        content : torch.Tensor [shape=(B, L, D)]
            Quantized content.
        f0 : torch.Tensor [shape=(B, T)]
            Normalised log F0; L must be T // downsampling.
        speaker : torch.Tensor [shape=(B, E)]
            Speaker embeddings.
        emotion : torch.Tensor [shape=(B, E)]
            Emotion embeddings.

        Returns
        -------
        Decoded
            Normalised mel spectrograms.

        Raises
        ------
        InputError
            A shape does not fit.
        """
        wide = self.settings.embedding_dims
        num_utterances, num_frames = f0.shape[0], f0.shape[-1]
        length = num_frames // self.settings.downsampling
        expected = (num_utterances, length, self.settings.content_dims)
        if f0.ndim != 2 or content.shape != expected or length < 1:
            raise InputError(
                f"content {tuple(content.shape)} does not fit pitch {tuple(f0.shape)}; with it, "
                f"content is {expected}"
            )
        for name, vector in (("speaker", speaker), ("emotion", emotion)):
            if vector.shape != (num_utterances, wide):
                raise InputError(
                    f"the {name} embedding has shape {tuple(vector.shape)}, the decoder takes "
                    f"{(num_utterances, wide)}"
                )
        return self.decoder(content, f0, speaker, emotion)

    def speaker_embedding(self, mel: torch.Tensor) -> torch.Tensor:
        """Return the speaker embedding ``[B, E]`` of mel spectrograms ``[B, T, num_mels]``."""
        return self.speaker_encoder(self._bands(mel))

    def emotion_embedding(self, source: torch.Tensor) -> torch.Tensor:
        """Return the emotion embedding ``[B, E]``.

        Parameters
        ----------
        source : torch.Tensor
            Mel spectrograms ``[B, T, num_mels]``; with `emotion_dims`, vectors
            ``[B, emotion_dims]``.

        Raises
        ------
        InputError
            The shape does not fit.
        """
        if not self.settings.emotion_dims:
            self._bands(source)
        elif source.ndim != 2 or source.shape[1] != self.settings.emotion_dims:
            raise InputError(
                f"the emotion input has shape {tuple(source.shape)}; this network takes vectors of "
                f"{self.settings.emotion_dims} dimensions"
            )
        return self.emotion_encoder(source)

    def _emotion_source(self, mel: torch.Tensor, emotion: torch.Tensor | None) -> torch.Tensor:
        if emotion is not None:
            return emotion
        if self.settings.emotion_dims:
            raise InputError(
                "this network takes its emotion from vectors of "
                f"{self.settings.emotion_dims} dimensions; give `emotion`"
            )
        return mel

    def _bands(self, mel: torch.Tensor) -> torch.Tensor:
        """Check mel spectrograms and return them as ``[B, num_mels, T]``."""
        if mel.ndim != 3 or mel.shape[2] != self.settings.num_mels:
            raise InputError(
                f"mel spectrograms have shape {tuple(mel.shape)}; give [B, T, "
                f"{self.settings.num_mels}]"
            )
        if mel.shape[1] < self.min_frames:
            raise InputError(
                f"{mel.shape[1]} mel frames are too few, at least {self.min_frames} are needed; "
                "tile the clip until it is long enough"
            )
        return mel.transpose(1, 2)


def make_network(settings: NetworkSettings, *, seed: int) -> StyleVC:
    """Return a network on the CPU with initial weights drawn from `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return StyleVC(settings)
