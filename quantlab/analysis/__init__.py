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
from quantlab.analysis.drift import attraction, centroids
from quantlab.analysis.limits import (
    SPACE_FILLING_BITS,
    WaterFilling,
    cosine_ceiling,
    rate_limit,
    space_filling_line,
    water_filling,
)
from quantlab.analysis.probes import PROBES, FittedProbe, ProbeName, fit_probe
from quantlab.analysis.similarity import (
    Similarity,
    cosine_centred,
    cosine_raw,
    distortion,
    random_pair_cosine,
    similarity,
    time_means,
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

__all__ = [
    "MIN_CLUSTERS",
    "PROBES",
    "SPACE_FILLING_BITS",
    "FittedProbe",
    "Gaussian",
    "Interval",
    "Intervals",
    "ProbeName",
    "Scores",
    "Similarity",
    "Summary",
    "Twin",
    "TwinLimits",
    "WaterFilling",
    "attraction",
    "centroids",
    "cluster_mean",
    "confusion_matrices",
    "cosine_ceiling",
    "cosine_centred",
    "cosine_raw",
    "distortion",
    "fit_gaussian",
    "fit_probe",
    "fit_twin",
    "holm",
    "jackknife_interval",
    "jackknife_intervals",
    "macro_f1",
    "p_value",
    "random_pair_cosine",
    "rate_limit",
    "recalls",
    "scores",
    "similarity",
    "space_filling_line",
    "summarise",
    "time_means",
    "twin_limits",
    "uar",
    "verdict",
    "water_filling",
    "wild_cluster_bootstrap",
]
