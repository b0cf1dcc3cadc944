"""From arrays and sweep rows to tidy tables: similarity, drift, probes, scores and intervals.

Everything here is a pure function of its arguments; nothing is read or written, and no network
runs. Scikit-learn and SciPy are imported by the functions that need them.
"""

from quantlab.analysis.accuracy import (
    Scores,
    confusion_matrices,
    macro_f1,
    recalls,
    scores,
    uar,
)
from quantlab.analysis.bootstrap import wild_cluster_bootstrap
from quantlab.analysis.claims import MIN_CLUSTERS, holm, p_value, verdict
from quantlab.analysis.dci_controls import DCI_CONTROLS, DCI_METRICS, dci_table
from quantlab.analysis.dependence import SharedBits, gaussian_information, information_table
from quantlab.analysis.disentanglement import (
    PUBLISHED_TREES,
    QUICK_TREES,
    Dci,
    DciIntervals,
    DciScores,
    Trees,
    block_importances,
    dci_intervals,
    dci_scores,
    fit_dci,
)
from quantlab.analysis.drift import attraction, centroids
from quantlab.analysis.factors import FactorSet, class_factors, label_factors, rotated, shuffled
from quantlab.analysis.grid import (
    CRITERIA,
    GridCell,
    ModelMeasures,
    VerdictRule,
    grid_table,
    verdict_table,
    wide_grid,
    wide_verdicts,
)
from quantlab.analysis.leakage import LeakageBits, leakage_bits, score_table
from quantlab.analysis.limits import (
    SPACE_FILLING_BITS,
    WaterFilling,
    cosine_ceiling,
    rate_limit,
    space_filling_line,
    water_filling,
)
from quantlab.analysis.probe_scores import (
    LEAKAGE_PROBES,
    ProbeScore,
    cluster_folds,
    crossed_probe_matrix,
    probe_matrix,
)
from quantlab.analysis.probes import PROBES, FittedProbe, ProbeName, fit_probe
from quantlab.analysis.projection import Projection, project, projection_table
from quantlab.analysis.scatter import CollapseRule, Scatter, scatter, scatter_table
from quantlab.analysis.similarity import (
    Similarity,
    cosine_centred,
    cosine_raw,
    distortion,
    random_pair_cosine,
    similarity,
    time_means,
)
from quantlab.analysis.spectral_distance import (
    Alignment,
    CepstralDistortion,
    CepstralTag,
    Cepstrum,
    PitchErrors,
    cepstral_distortion,
    mean_distortion,
    pitch_errors,
)
from quantlab.analysis.statistics import (
    Interval,
    Intervals,
    cluster_mean,
    jackknife_interval,
    jackknife_intervals,
)
from quantlab.analysis.summary import Summary, summarise
from quantlab.analysis.twin import (
    Gaussian,
    Twin,
    TwinLimits,
    fit_gaussian,
    fit_twin,
    twin_limits,
)
from quantlab.analysis.utterances import Utterances

__all__ = [
    "CRITERIA",
    "DCI_CONTROLS",
    "DCI_METRICS",
    "LEAKAGE_PROBES",
    "MIN_CLUSTERS",
    "PROBES",
    "PUBLISHED_TREES",
    "QUICK_TREES",
    "SPACE_FILLING_BITS",
    "Alignment",
    "CepstralDistortion",
    "CepstralTag",
    "Cepstrum",
    "CollapseRule",
    "Dci",
    "DciIntervals",
    "DciScores",
    "FactorSet",
    "FittedProbe",
    "Gaussian",
    "GridCell",
    "Interval",
    "Intervals",
    "LeakageBits",
    "ModelMeasures",
    "PitchErrors",
    "ProbeName",
    "ProbeScore",
    "Projection",
    "Scatter",
    "Scores",
    "SharedBits",
    "Similarity",
    "Summary",
    "Trees",
    "Twin",
    "TwinLimits",
    "Utterances",
    "VerdictRule",
    "WaterFilling",
    "attraction",
    "block_importances",
    "centroids",
    "cepstral_distortion",
    "class_factors",
    "cluster_folds",
    "cluster_mean",
    "confusion_matrices",
    "cosine_ceiling",
    "cosine_centred",
    "cosine_raw",
    "crossed_probe_matrix",
    "dci_intervals",
    "dci_scores",
    "dci_table",
    "distortion",
    "fit_dci",
    "fit_gaussian",
    "fit_probe",
    "fit_twin",
    "gaussian_information",
    "grid_table",
    "holm",
    "information_table",
    "jackknife_interval",
    "jackknife_intervals",
    "label_factors",
    "leakage_bits",
    "macro_f1",
    "mean_distortion",
    "p_value",
    "pitch_errors",
    "probe_matrix",
    "project",
    "projection_table",
    "random_pair_cosine",
    "rate_limit",
    "recalls",
    "rotated",
    "scatter",
    "scatter_table",
    "score_table",
    "scores",
    "shuffled",
    "similarity",
    "space_filling_line",
    "summarise",
    "time_means",
    "twin_limits",
    "uar",
    "verdict",
    "verdict_table",
    "water_filling",
    "wide_grid",
    "wide_verdicts",
    "wild_cluster_bootstrap",
]
