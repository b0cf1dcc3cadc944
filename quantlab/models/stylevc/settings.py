"""Settings of StyleVC: widths of the networks, losses, training; presets.

Letters: ``E`` dimensions of the speaker and emotion embeddings, ``T`` mel frames of 10 ms.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from quantlab.compat import DeviceName
from quantlab.config import Settings
from quantlab.models.stylevc.data import DataSettings

PresetName = Literal["paper", "small"]


class NetworkSettings(Settings):
    """Widths of the encoders and the decoder; the defaults are the paper's."""

    num_mels: int = Field(default=80, ge=1)
    """Mel bands."""

    downsampling: int = Field(default=2, ge=2, multiple_of=2)
    """Mel frames to a frame of content."""

    embedding_dims: int = Field(default=256, ge=2, multiple_of=2)
    """E, of the speaker and the emotion embedding."""

    content_channels: int = Field(default=512, ge=1)
    """Inner width of the content encoder."""

    content_layers: int = Field(default=4, ge=1)
    """Linear layers of the content encoder between its convolution and its output."""

    content_dims: int = Field(default=64, ge=1)
    """Dimensions of a frame of content and of a code."""

    num_codes: int = Field(default=512, ge=2)
    """Codes of the content."""

    code_decay: float = Field(default=0.999, gt=0, lt=1)
    """Decay of the moving averages that are the codes."""

    context_dims: int = Field(default=256, ge=1)
    """Width of the recurrent context from which future content is predicted, in training only."""

    prediction_steps: int = Field(default=6, ge=1)
    """Frames of content to predict ahead."""

    num_negatives: int = Field(default=10, ge=1)
    """Other frames of the same utterance that the true one must be told from."""

    speaker_channels: int = Field(default=128, ge=1)
    """Inner width of the speaker encoder."""

    speaker_bank: int = Field(default=8, ge=1)
    """Parallel convolutions of the speaker encoder, of kernel 1, 2, 3 and so on."""

    speaker_subsampling: tuple[int, ...] = Field(default=(1, 2, 1, 2, 1, 2), min_length=1)
    """Stride of each convolution block of the speaker encoder."""

    speaker_dense_blocks: int = Field(default=6, ge=0)
    """Dense blocks of the speaker encoder after the mean over time."""

    emotion_channels: tuple[int, ...] = Field(default=(32, 32, 64, 64, 128, 128), min_length=1)
    """Channels of the emotion encoder's convolutions; each halves time and frequency."""

    emotion_dims: int = Field(default=0, ge=0)
    """0: the emotion encoder reads the mel. Above 0: the emotion input is a vector of this width
    from any embedder, and a learned projection takes the encoder's place."""

    decoder_input: int = Field(default=512, ge=1)
    """Width of the decoder's first LSTM."""

    decoder_channels: int = Field(default=512, ge=1)
    """Channels of the decoder's three convolutions."""

    decoder_output: int = Field(default=1024, ge=1)
    """Width of the decoder's last LSTM."""

    decoder_layers: int = Field(default=2, ge=1)
    """Layers of the decoder's last LSTM."""

    postnet_channels: int = Field(default=512, ge=1)
    """Channels of the postnet."""

    reshape_replica: bool = False
    """Replica of a defect of the public code: the emotion encoder reads the mel reshaped instead of
    transposed, time and frequency scrambled."""

    @model_validator(mode="after")
    def _strides_are_positive(self) -> Self:
        if min(self.speaker_subsampling) < 1 or min(self.emotion_channels) < 1:
            raise ValueError("speaker_subsampling and emotion_channels must be 1 or more")
        if self.reshape_replica and self.emotion_dims:
            raise ValueError("reshape_replica concerns the mel; with emotion_dims there is none")
        return self


PRESETS: Mapping[str, NetworkSettings] = MappingProxyType(
    {
        "paper": NetworkSettings(),
        "small": NetworkSettings(
            embedding_dims=128,
            content_channels=256,
            context_dims=192,
            speaker_channels=64,
            decoder_input=256,
            decoder_channels=192,
            decoder_output=256,
            decoder_layers=1,
            postnet_channels=128,
        ),
    }
)
"""``paper``: 29.2 million parameters. ``small``: 3.6 million, 7 MiB in half precision."""


class LossSettings(Settings):
    """What is minimised beside the reconstruction."""

    method: Literal["mi", "gcl", "adv"] = "mi"
    """How speaker and emotion are kept apart: ``mi`` by upper bounds of mutual information, ``gcl``
    by group centres, ``adv`` by adversarial classifiers behind a gradient reversal."""

    classifiers: Literal["none", "emotion", "speaker", "both"] = "none"
    """Linear classifiers on the embeddings of the same name that take part in training."""

    loss_forward: Literal["none", "lf1", "lf2", "lf3"] = "none"
    """Two passes a batch, the label pass first, then the mutual-information pass. ``lf1``: no
    cross-entropy in the second pass. ``lf2``: that, and contrast and commitment in the first pass
    only. ``lf3``: contrast and commitment in the second pass only. ``none``: one pass."""

    commitment_weight: float = Field(default=0.25, ge=0)
    """Of the distance between content and its code."""

    lambda_speaker: float = Field(default=0.01, ge=0)
    """Of the mutual information of content–speaker, pitch–speaker and pitch–content."""

    lambda_emotion: float = Field(default=0.02, ge=0)
    """Of the mutual information of content–emotion, speaker–emotion and pitch–emotion."""

    information_width: int = Field(default=256, ge=1)
    """Inner width of the mutual-information networks."""

    se_replica: bool = False
    """Replica of a defect of the public code: the emotion embedding counts as a sequence of E
    numbers, for all of which the speaker embedding predicts one."""

    group_weight: float = Field(default=1.0, ge=0)
    """Of the distances to the group centres."""

    adversary_strength: float = Field(default=1.0, ge=0)
    """Factor of the reversed gradient."""

    gce_exponent: float = Field(default=0.7, ge=0, le=1)
    """q of the adversaries' generalised cross-entropy: 0 is cross-entropy, 1 is 1 − p."""

    @model_validator(mode="after")
    def _two_passes_have_two_losses(self) -> Self:
        if self.loss_forward != "none" and (self.method != "mi" or self.classifiers == "none"):
            raise ValueError(
                f"loss_forward {self.loss_forward} alternates classifiers and mutual information; "
                f"it needs method mi and classifiers, given {self.method} and {self.classifiers}"
            )
        return self


class TrainingSettings(Settings):
    """Batches, steps, learning rates, machine; the defaults are the paper's."""

    batch_size: int = Field(default=30, ge=2)
    """Utterances of a step."""

    crop_frames: int = Field(default=128, ge=16)
    """T of a training crop; shorter utterances are tiled."""

    epochs: int = Field(default=500, ge=1)
    """Passes over the training utterances."""

    warmup_steps: int = Field(default=2000, ge=0)
    """Steps in which the learning rate rises linearly from `first_learning_rate`."""

    first_learning_rate: float = Field(default=1e-6, gt=0)
    """At the first step."""

    learning_rate: float = Field(default=1e-3, gt=0)
    """Of Adam after the warm-up."""

    decay_epochs: tuple[int, ...] = (300, 400, 500)
    """Epochs after which the learning rate is multiplied by `decay`."""

    decay: float = Field(default=0.5, gt=0, le=1)
    """Factor of the learning rate at each of `decay_epochs`."""

    mi_steps: int = Field(default=5, ge=0)
    """Steps of the mutual-information networks before each step of the model."""

    mi_learning_rate: float = Field(default=3e-4, gt=0)
    """Of Adam of the mutual-information networks."""

    mi_clip: float = Field(default=1.0, gt=0)
    """Largest gradient norm of the pitch–content network; the others are not clipped."""

    seed: int = Field(default=137, ge=0)
    """Of everything random."""

    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = "32-true"
    """Of the arithmetic."""

    device: DeviceName = "auto"
    """Where to train."""

    single_optimizer: bool = False
    """Replica: one optimiser for everything, so that the mutual-information networks help to
    lower the bound instead of staying at the likelihood."""

    em_updates_replica: bool = False
    """Replica of a side effect of the public code: the steps of the mutual-information networks
    encode anew and move the codes and the batch statistics each time."""


class StyleVCSettings(Settings):
    """An experiment: network, losses, training, data."""

    preset: PresetName = "small"
    """Widths from which `network` starts."""

    network: NetworkSettings = PRESETS["small"]
    """Widths; keys that are left out are the preset's."""

    loss: LossSettings = LossSettings()
    """What is minimised."""

    training: TrainingSettings = TrainingSettings()
    """How."""

    data: DataSettings = DataSettings()
    """On what."""

    @model_validator(mode="before")
    @classmethod
    def _start_from_preset(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        base, given = PRESETS.get(values.get("preset", "small")), values.get("network", {})
        if base is None or not isinstance(given, Mapping):
            return values
        return {**values, "network": {**base.model_dump(), **given}}

    @model_validator(mode="after")
    def _emotion_input_is_there(self) -> Self:
        if bool(self.data.emotion_vectors) != bool(self.network.emotion_dims):
            raise ValueError(
                "data.emotion_vectors and network.emotion_dims go together, given "
                f"{self.data.emotion_vectors!r} and {self.network.emotion_dims}"
            )
        return self
