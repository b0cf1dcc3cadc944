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

__all__ = [
    "MIN_CLUSTERS",
    "PROBES",
    "FittedProbe",
    "Interval",
    "Intervals",
    "ProbeName",
    "Scores",
    "Similarity",
    "Summary",
    "attraction",
    "centroids",
    "cluster_mean",
    "confusion_matrices",
    "cosine_centred",
    "cosine_raw",
    "distortion",
    "fit_probe",
    "holm",
    "jackknife_interval",
    "jackknife_intervals",
    "macro_f1",
    "p_value",
    "random_pair_cosine",
    "recalls",
    "scores",
    "similarity",
    "summarise",
    "time_means",
    "uar",
    "verdict",
    "wild_cluster_bootstrap",
]
