"""Settings of a codec: shape of the quantizer, training, prior and λ ladder."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from quantlab.compat import DeviceName, choose_device
from quantlab.config import Settings

LAM_DECIMALS = 9


class QuantizerSettings(Settings):
    """Shape of the quantizer and how its codebooks are trained."""

    groups: int = Field(default=1, ge=1, le=64)
    """Contiguous groups of dimensions, G; 1 is plain RVQ."""

    stages: int = Field(default=8, ge=1, le=64)
    """Residual stages per group, Q."""

    codes: int = Field(default=256, ge=1, le=4096)
    """Codes per stage without SKIP, K; lowered where there are fewer than eight vectors a code."""

    trainer: Literal["kmeans", "ema"] = "kmeans"
    """``kmeans``: stage by stage, scikit-learn. ``ema``: vector-quantize-pytorch."""

    kmeans_iterations: int = Field(default=50, ge=1, le=1000)
    """Most iterations of each k-means."""

    epochs: int = Field(default=20, ge=1, le=1000)
    """Passes over the training vectors (``ema``)."""

    batch_size: int = Field(default=4096, ge=8, le=1 << 20)
    """Vectors per update (``ema``)."""

    ema_decay: float = Field(default=0.99, gt=0, lt=1)
    """Weight of the past in each update (``ema``)."""

    dead_codes: Literal["keep", "replace"] = "replace"
    """What happens to codes that are hardly used during training (``ema``)."""

    device: DeviceName = "auto"
    """Where ``ema`` trains."""

    def training_device(self) -> str:
        """Return where the codebooks are trained; only EMA uses a GPU."""
        return choose_device(self.device) if self.trainer == "ema" else "cpu"


class LadderSettings(Settings):
    """The λ at which a codec is fitted and swept."""

    num: int = Field(default=20, ge=3, le=1000)
    """How many λ, λ = 0 among them, when they are found from the data."""

    lams: tuple[float, ...] = ()
    """Given λ instead, squared distance in the scaled space per bit; empty finds them."""

    preset: Literal["auto", "predecessor"] = "auto"
    """``predecessor``: the fourteen λ of the earlier published curves, in raw units."""

    @field_validator("lams")
    @classmethod
    def _check_lams(cls, lams: tuple[float, ...]) -> tuple[float, ...]:
        rounded = tuple(round(lam, LAM_DECIMALS) for lam in lams)
        if any(lam < 0 for lam in rounded):
            raise ValueError("every lam must be finite and >= 0")
        if len(set(rounded)) != len(rounded):
            raise ValueError("a lam stands twice; give each once")
        return tuple(sorted(rounded))

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.lams and self.preset != "auto":
            raise ValueError("give lams or a preset, not both")
        return self


class PriorSettings(Settings):
    """How the prior and the search are alternated."""

    rounds: int = Field(default=8, ge=1, le=100)
    """Most rounds of search and refit from each starting point."""

    tolerance: float = Field(default=1e-3, gt=0, lt=1)
    """Relative gain in mean cost below which the alternation stops."""

    max_vectors: int = Field(default=20_000, ge=100)
    """Training vectors used for the alternation; more are sampled down."""


class CodecSettings(Settings):
    """Everything that shapes a codec."""

    quantizer: QuantizerSettings = QuantizerSettings()
    """The codebooks."""

    prior: PriorSettings = PriorSettings()
    """The factorized prior and its alternation with the search."""

    ladder: LadderSettings = LadderSettings()
    """The λ ladder."""
