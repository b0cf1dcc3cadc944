"""Settings of a codec: shape of the quantizer, training, prior and λ ladder."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from quantlab.compat import DeviceName, choose_device
from quantlab.config import Settings
from quantlab.entropy import PairwiseSettings, TransformerSettings

LAM_DECIMALS = 9
_READ_BY = {  # settings of the quantizer that only some trainers read
    "kmeans_iterations": ("kmeans", "minibatch"),
    "passes": ("minibatch",),
    "joint_refit": ("minibatch",),
    "epochs": ("ema",),
    "batch_size": ("ema",),
    "ema_decay": ("ema",),
    "dead_codes": ("ema", "minibatch"),
    "device": ("ema", "minibatch"),
}


class QuantizerSettings(Settings):
    """Shape of the quantizer and how its codebooks are trained."""

    groups: int = Field(default=1, ge=1, le=64)
    """Contiguous groups of dimensions, G; 1 is plain RVQ."""

    stages: int = Field(default=8, ge=1, le=128)
    """Residual stages per group, Q."""

    codes: int = Field(default=256, ge=1, le=4096)
    """Codes per stage without SKIP, K; lowered where there are fewer than eight vectors a code."""

    trainer: Literal["kmeans", "minibatch", "ema"] = "kmeans"
    """``kmeans``: stage by stage, scikit-learn. ``minibatch``: our own, for large sets and GPUs.
    ``ema``: vector-quantize-pytorch."""

    kmeans_iterations: int = Field(default=50, ge=1, le=1000)
    """Most iterations of each k-means (``kmeans``, ``minibatch``)."""

    passes: int = Field(default=4, ge=1, le=100)
    """Passes over the training vectors (``minibatch``): half of them move averages over
    mini-batches, half take all vectors at once."""

    joint_refit: bool = True
    """Whether the last passes solve for all stages of a group together (``minibatch``, beyond 4096
    vectors and 32 per code): a lower error, at a slight cost to the first stages by themselves."""

    epochs: int = Field(default=20, ge=1, le=1000)
    """Passes over the training vectors (``ema``)."""

    batch_size: int = Field(default=4096, ge=8, le=1 << 20)
    """Vectors per update (``ema``)."""

    ema_decay: float = Field(default=0.99, gt=0, lt=1)
    """Weight of the past in each update (``ema``)."""

    dead_codes: Literal["keep", "replace", "split"] = "replace"
    """What happens to codes that hardly any vector chooses (``ema``, ``minibatch``). ``keep``:
    nothing. ``replace``: they move to a training vector. ``split``: they move beside the code that
    most vectors choose (``minibatch``)."""

    refine_rounds: int = Field(default=0, ge=0, le=100)
    """Most rounds of search and refit of codebooks and prior together, after training."""

    device: DeviceName = "auto"
    """Where ``ema`` and ``minibatch`` train."""

    @model_validator(mode="after")
    def _known_policy(self) -> Self:
        if self.trainer == "ema" and self.dead_codes == "split":
            raise ValueError("dead_codes: split needs trainer: minibatch; use replace or keep")
        return self

    def training_device(self) -> str:
        """Return where the codebooks are trained; scikit-learn's k-means uses no GPU."""
        return "cpu" if self.trainer == "kmeans" else choose_device(self.device)

    def ineffective(self) -> tuple[str, ...]:
        """Return a sentence for every key that was changed and that this trainer does not read."""
        return tuple(
            f"quantizer.{key} has no effect with trainer: {self.trainer}; "
            f"it belongs to {' and '.join(trainers)}"
            for key, trainers in _READ_BY.items()
            if getattr(self, key) != type(self).model_fields[key].default
            and self.trainer not in trainers
        )


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


class TransformSettings(Settings):
    """A rotation of the scaled vectors before they are quantized."""

    kind: Literal["none", "klt"] = "none"
    """``klt``: onto the principal axes of the training vectors, largest variance first."""

    components: int = Field(default=0, ge=0, le=1 << 16)
    """Leading axes that are coded, the rest is left at the mean; 0 codes all."""

    @model_validator(mode="after")
    def _has_effect(self) -> Self:
        if self.components and self.kind == "none":
            raise ValueError("components has no effect without kind: klt")
        return self


class TrellisSettings(Settings):
    """A trellis quantizer: closest to the rate–distortion limit, made for one rate."""

    states: Literal[4, 8, 16, 32, 64, 128, 256] = 32
    """States of the trellis; more come closer to the limit and take longer."""

    bits: float = Field(default=32.0, gt=0)
    """Bits per vector that the quantizer is made for."""

    rounds: int = Field(default=24, ge=1, le=1000)
    """Rounds of search and refit."""


class PriorSettings(Settings):
    """Which prior, and how it and the search are alternated."""

    kind: Literal["factorized", "pairwise", "transformer"] = "factorized"
    """``factorized``: each position by itself. ``pairwise``: log-linear in the symbols before, in
    integers. ``transformer``: a causal network; it cannot be written to a bitstream."""

    per_lam: bool = False
    """One prior for every λ of the ladder; each λ is then coded on its own (mode ``direct``)."""

    context_rounds: int = Field(default=2, ge=1, le=20)
    """Rounds of search and refit for priors that look at other symbols, or at λ."""

    max_context_vectors: int = Field(default=200_000, ge=100)
    """Most vectors that such a prior sees, and most of their symbol sequences, over all λ, that it
    is fitted on."""

    pairwise: PairwiseSettings = PairwiseSettings()
    """Shape and training of the pairwise prior."""

    transformer: TransformerSettings = TransformerSettings()
    """Shape and training of the transformer."""

    rounds: int = Field(default=8, ge=1, le=100)
    """Most rounds of search and refit from each starting point."""

    tolerance: float = Field(default=1e-3, gt=0, lt=1)
    """Relative gain in mean cost below which the alternation stops."""

    max_vectors: int = Field(default=20_000, ge=100)
    """Training vectors used for the alternation; more are sampled down."""

    @model_validator(mode="after")
    def _conditioned_kind(self) -> Self:
        if self.per_lam and self.kind == "transformer":
            raise ValueError("a transformer has no form per λ; take kind pairwise or factorized")
        return self


class CodecSettings(Settings):
    """Everything that shapes a codec."""

    scaling: Literal["auto", "scalar", "standard", "none"] = "auto"
    """How embeddings become z. ``scalar``: one mean vector and one number. ``standard``: each
    dimension by its own standard deviation, for features in physical units. ``none``: as they are.
    ``auto``: standard where the embedder says that its units are physical, else scalar."""

    scheme: Literal["residual", "trellis"] = "residual"
    """``residual``: RVQ or GRVQ with a prior. ``trellis``: scalar levels on principal axes, tied
    together by a trellis that is also the prior; `quantizer`, `beam` and `prior` do not matter."""

    transform: TransformSettings = TransformSettings()
    """A rotation before the codebooks; ``trellis`` needs ``kind: klt``."""

    quantizer: QuantizerSettings = QuantizerSettings()
    """The codebooks."""

    trellis: TrellisSettings = TrellisSettings()
    """The trellis quantizer."""

    beam: int = Field(default=1, ge=1, le=32)
    """Prefixes that the search keeps; 1 is the plain stage-wise choice."""

    prior: PriorSettings = PriorSettings()
    """The prior and its alternation with the search."""

    ladder: LadderSettings = LadderSettings()
    """The λ ladder."""

    @model_validator(mode="after")
    def _trellis_has_axes(self) -> Self:
        if self.scheme == "trellis" and self.transform.kind != "klt":
            raise ValueError("scheme trellis works on principal axes; set transform: {kind: klt}")
        return self
