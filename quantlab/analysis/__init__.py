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
from quantlab.analysis.ambiguity import (
    AGREEMENT,
    agreement_classes,
    entropy_bits,
    jensen_shannon_bits,
    same_top_two,
)
from quantlab.analysis.bootstrap import wild_cluster_bootstrap
from quantlab.analysis.claims import MIN_CLUSTERS, holm, p_value, verdict
from quantlab.analysis.dci_controls import DCI_CONTROLS, DCI_METRICS, dci_table
from quantlab.analysis.dependence import SharedBits, gaussian_information, information_table
from quantlab.analysis.difference import DIFFERENCE_COLUMNS, difference_table
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
from quantlab.analysis.drift import attraction, centroids, displacement
from quantlab.analysis.effects import (
    Estimate,
    Term,
    estimate,
)
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
from quantlab.analysis.information import v_information_bits
from quantlab.analysis.items import ItemTable, nearest
from quantlab.analysis.leakage import LeakageBits, leakage_bits, score_table
from quantlab.analysis.limits import (
    SPACE_FILLING_BITS,
    WaterFilling,
    cosine_ceiling,
    rate_limit,
    space_filling_line,
    water_filling,
)
from quantlab.analysis.maps import (
    LINEAR_KINDS,
    MAP_KINDS,
    FittedMap,
    MapKind,
    fit_map,
    place_in_maps,
)
from quantlab.analysis.matched import at_level
from quantlab.analysis.mixing import mixing_effect, mixing_table, routes_effect, routes_table
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
from quantlab.analysis.science import (
    Beside,
    Science,
    claims_table,
    science,
)
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
from quantlab.analysis.verdicts import (
    CLAIM_COLUMNS,
    Claim,
    Finding,
    judge,
)

__all__ = [
    "AGREEMENT",
    "CLAIM_COLUMNS",
    "CRITERIA",
    "DCI_CONTROLS",
    "DCI_METRICS",
    "DIFFERENCE_COLUMNS",
    "LEAKAGE_PROBES",
    "LINEAR_KINDS",
    "MAP_KINDS",
    "MIN_CLUSTERS",
    "PROBES",
    "PUBLISHED_TREES",
    "QUICK_TREES",
    "SPACE_FILLING_BITS",
    "Alignment",
    "Beside",
    "CepstralDistortion",
    "CepstralTag",
    "Cepstrum",
    "Claim",
    "CollapseRule",
    "Dci",
    "DciIntervals",
    "DciScores",
    "Estimate",
    "FactorSet",
    "Finding",
    "FittedMap",
    "FittedProbe",
    "Gaussian",
    "GridCell",
    "Interval",
    "Intervals",
    "ItemTable",
    "LeakageBits",
    "MapKind",
    "ModelMeasures",
    "PitchErrors",
    "ProbeName",
    "ProbeScore",
    "Projection",
    "Scatter",
    "Science",
    "Scores",
    "SharedBits",
    "Similarity",
    "Summary",
    "Term",
    "Trees",
    "Twin",
    "TwinLimits",
    "Utterances",
    "VerdictRule",
    "WaterFilling",
    "agreement_classes",
    "at_level",
    "attraction",
    "block_importances",
    "centroids",
    "cepstral_distortion",
    "claims_table",
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
    "difference_table",
    "displacement",
    "distortion",
    "entropy_bits",
    "estimate",
    "fit_dci",
    "fit_gaussian",
    "fit_map",
    "fit_probe",
    "fit_twin",
    "gaussian_information",
    "grid_table",
    "holm",
    "information_table",
    "jackknife_interval",
    "jackknife_intervals",
    "jensen_shannon_bits",
    "judge",
    "label_factors",
    "leakage_bits",
    "macro_f1",
    "mean_distortion",
    "mixing_effect",
    "mixing_table",
    "nearest",
    "p_value",
    "pitch_errors",
    "place_in_maps",
    "probe_matrix",
    "project",
    "projection_table",
    "random_pair_cosine",
    "rate_limit",
    "recalls",
    "rotated",
    "routes_effect",
    "routes_table",
    "same_top_two",
    "scatter",
    "scatter_table",
    "science",
    "score_table",
    "scores",
    "shuffled",
    "similarity",
    "space_filling_line",
    "summarise",
    "time_means",
    "twin_limits",
    "uar",
    "v_information_bits",
    "verdict",
    "verdict_table",
    "water_filling",
    "wide_grid",
    "wide_verdicts",
    "wild_cluster_bootstrap",
]
