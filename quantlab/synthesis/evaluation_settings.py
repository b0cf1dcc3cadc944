"""Settings of the evaluation of trained StyleVC models."""

from pydantic import Field

from quantlab.analysis import LEAKAGE_PROBES, ProbeName
from quantlab.config import Settings


class EvaluationSettings(Settings):
    """How a trained StyleVC is evaluated; the defaults take a few minutes a model on one core."""

    seed: int = Field(default=137, ge=0)
    """Of folds, probes, trees, the untrained networks, the clips that are decoded, the vocoder."""

    num_folds: int = Field(default=5, ge=2)
    """Parts of the sentences for probes, and of the speakers for bits."""

    probes: tuple[ProbeName, ...] = Field(default=LEAKAGE_PROBES, min_length=1)
    """Classifiers that read labels off embeddings; accuracies of the first go into the grid and the
    card."""

    num_trees: int = Field(default=50, ge=1)
    """Boosting stages of DCI; 100 in published scores."""

    num_bins: int = Field(default=16, ge=0)
    """Bins of each dimension for DCI; 0, as in published scores, leaves values alone."""

    dci_intervals: bool = True
    """Whether disentanglement and completeness of one embedding have intervals, for which trees are
    grown anew without each speaker or sentence."""

    information_dims: int = Field(default=16, ge=1)
    """Principal components of each embedding whose shared information is estimated."""

    num_permutations: int = Field(default=200, ge=1)
    """Of the shared information's baseline."""

    num_decoded: int = Field(default=120, ge=0)
    """Clips that are decoded and compared with themselves; 0 leaves distortion out."""

    num_vocoded: int = Field(default=36, ge=0)
    """How many of them are also made sound."""

    vocoder: str = "griffin_lim"
    """What makes sound of a mel."""
