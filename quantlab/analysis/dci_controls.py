"""DCI beside its controls, as one table: rotated, with shuffled labels, from an untrained encoder.

A disentanglement that a rotation leaves in place measured how separable the classes are; one that
is no higher than with shuffled labels is an accident of few items and many dimensions; one that an
untrained encoder reaches was not learned.
"""

import numpy as np
import pandas as pd

from quantlab.analysis.disentanglement import (
    QUICK_TREES,
    DciIntervals,
    Trees,
    dci_intervals,
    fit_dci,
)
from quantlab.analysis.factors import FactorSet, rotated, shuffled
from quantlab.analysis.statistics import Interval, cluster_mean

DCI_METRICS = ("disentanglement", "completeness", "informativeness")
GIVEN, ROTATED, SHUFFLED, UNTRAINED = "as given", "rotated", "shuffled labels", "untrained"
DCI_CONTROLS = (GIVEN, ROTATED, SHUFFLED, UNTRAINED)
"""Values of the table's column `control`: the code itself, and what it is compared with."""


def dci_table(
    train: FactorSet,
    test: FactorSet,
    *,
    seed: int,
    untrained: tuple[FactorSet, FactorSet] | None = None,
    trees: Trees = QUICK_TREES,
    weighted: bool = True,
    intervals: bool = True,
) -> pd.DataFrame:
    """Measure DCI of a code and of its controls.

    Parameters
    ----------
    train, test : FactorSet
        What trees are grown on and scored on.
    seed : int >= 0
        Of the trees, the rotation and the shuffled labels.
    untrained : tuple of two FactorSet, optional
        Training and test codes of the same encoder with random weights; its rows are left out where
        this is.
    trees, weighted
        As in `fit_dci`.
    intervals : bool
        Give the code itself intervals of D and C, which takes one more DCI for each cluster of the
        training items. Controls have one for informativeness only.

    Returns
    -------
    pd.DataFrame
        Three rows per control: control, metric, value, low, high, chance, num_items, num_clusters.
        `chance` is, for informativeness, what always giving the commonest value scores (for
        one-versus-rest factors, always "rest"); for D and C, the value with shuffled labels.

    Raises
    ------
    InputError
        As in `fit_dci`.
    """
    rng = np.random.default_rng(seed)
    cases = {
        GIVEN: (train, test),
        ROTATED: rotated(train, test, rng=rng),
        SHUFFLED: (shuffled(train, rng=rng), test),
    }
    if untrained is not None:
        cases[UNTRAINED] = untrained
    found = {
        name: dci_intervals(*parts, seed=seed, trees=trees, weighted=weighted)
        if intervals and name == GIVEN
        else _without_intervals(*parts, seed=seed, trees=trees, weighted=weighted)
        for name, parts in cases.items()
    }
    accident = found[SHUFFLED]
    chance = (accident.disentanglement.value, accident.completeness.value, accident.majority)
    rows = []
    for name, result in found.items():
        measured = (result.disentanglement, result.completeness, result.informativeness)
        for metric, one, level in zip(DCI_METRICS, measured, chance, strict=True):
            num_items = len((test if metric == "informativeness" else train).vectors)
            numbers = (one.value, one.low, one.high, level, num_items, one.num_clusters)
            rows.append((name, metric, *numbers))
    columns = "control metric value low high chance num_items num_clusters".split()
    return pd.DataFrame(rows, columns=columns)


def _without_intervals(
    train: FactorSet, test: FactorSet, *, seed: int, trees: Trees, weighted: bool
) -> DciIntervals:
    """Measure DCI once; D and C have no ends."""
    found = fit_dci(train, test, seed=seed, trees=trees, weighted=weighted)
    num_clusters = len(np.unique(train.clusters))
    nothing = float("nan")
    return DciIntervals(
        Interval(found.scores.disentanglement, nothing, nothing, num_clusters),
        Interval(found.scores.completeness, nothing, nothing, num_clusters),
        cluster_mean(found.correct, test.clusters),
        found.majority,
    )
