"""The codebook as classifier: the emotion whose own codebook suits an item best.

Every item is coded by each codebook of a single emotion, and the one that serves it best names its
emotion. Which codebook it was has to be told to a decoder, so log2 of their number is charged per
item. `N` items, `E` emotions, `B` codebooks of single emotions.
"""

from typing import Literal

import numpy as np
import pandas as pd

from quantlab.analysis.accuracy import confusion_matrices, macro_f1, scores
from quantlab.analysis.claims import p_value
from quantlab.analysis.effects import Estimate
from quantlab.analysis.items import BALANCED, ItemTable
from quantlab.analysis.rows import ALL
from quantlab.analysis.statistics import jackknife_interval, quotient, t_quantile
from quantlab.errors import InputError

RoutingRule = Literal["raw_cosine", "delta_cosine", "least_cost", "plain_probe"]
ROUTING_RULES: tuple[RoutingRule, ...] = (
    "raw_cosine",
    "delta_cosine",
    "least_cost",
    "plain_probe",
)
_BIASED = "biased:"
_COSINE = "cos_centred_frames"


def routed(table: ItemTable, *, lam: float, rule: RoutingRule, probe: str) -> np.ndarray:
    """Name each item's emotion by the codebook that suits it best.

    Parameters
    ----------
    table : ItemTable
        Items of a study with codecs of single emotions.
    lam : float
        The λ that all codecs code at.
    rule : {"raw_cosine", "delta_cosine", "least_cost", "plain_probe"}
        Highest centred cosine; the same where it exceeds that of the balanced codec, the plain
        probe's answer elsewhere; least distortion + λ·bits; or the plain probe's answer on
        unquantized items throughout.
    probe : str
        Column of the plain probe's labels.

    Returns
    -------
    np.ndarray, int64, shape [N]
        Positions in the table's emotions.

    Raises
    ------
    InputError
        If no codec is of a single emotion, or a column is missing.
    """
    plain = table.answers(probe, lam=float("nan"), method="clean").argmax(axis=1)
    if rule == "plain_probe":
        return plain
    places, recipes = _codebooks(table)
    if rule == "least_cost":
        return places[_costs(table, recipes, lam).argmin(axis=0)]
    cosines = np.stack([table.values(_COSINE, lam=lam, recipe=name) for name in recipes])
    best = places[cosines.argmax(axis=0)]
    if rule == "raw_cosine":
        return best
    better = cosines.max(axis=0) > table.values(_COSINE, lam=lam, recipe=BALANCED)
    return np.where(better, best, plain)


def routing_table(table: ItemTable, *, probe: str) -> pd.DataFrame:
    """Score every rule at every λ.

    Parameters
    ----------
    table : ItemTable
        Items of one protocol.
    probe : str
        Column of the plain probe's labels.

    Returns
    -------
    pd.DataFrame
        Columns protocol, lam, rule, metric (uar, macro_f1, recall), emotion, value, low, high,
        num_items, num_speakers, chance and bits: per vector, what the chosen codebook takes and
        its name; NaN for the plain probe. No rows where fewer than two codecs are of a single
        emotion.
    """
    try:
        _, recipes = _codebooks(table)
    except InputError:
        return pd.DataFrame()
    parts = []
    for lam in table.lams():
        for rule in ROUTING_RULES:
            chosen = routed(table, lam=lam, rule=rule, probe=probe)
            bits = _bits(table, recipes, chosen, lam) if rule != "plain_probe" else float("nan")
            rows = _scored(table, chosen)
            parts.append(rows.assign(protocol=table.protocol, lam=lam, rule=rule, bits=bits))
    return pd.concat(parts, ignore_index=True)


def routing_gain(table: ItemTable, *, lam: float, probe: str) -> Estimate:
    """Return the macro-F1 of `delta_cosine` less that of the plain probe, over speakers."""
    both = np.stack(
        [
            _confusions(table, routed(table, lam=lam, rule=rule, probe=probe))
            for rule in ("delta_cosine", "plain_probe")
        ],
        axis=1,
    )
    found = jackknife_interval(both, lambda total: float(np.subtract(*macro_f1(total))))
    half = found.high - found.value
    return Estimate(
        value=found.value,
        low=found.low,
        high=found.high,
        p=p_value(found) if np.isfinite(half) else float("nan"),
        num_speakers=found.num_clusters,
        clustered_by="speaker",
        spread=_spread(half, found.num_clusters),
    )


def _spread(half: float, num_clusters: int) -> float:
    """Return the standard deviation of single clusters that belongs to a t interval."""
    return float(half / t_quantile(num_clusters, level=0.95) * np.sqrt(num_clusters))


def _codebooks(table: ItemTable) -> tuple[np.ndarray, list[str]]:
    """Return the emotions that have a codebook of their own, and its recipe."""
    known = [
        (place, f"{_BIASED}{name}")
        for place, name in enumerate(table.emotions)
        if f"{_BIASED}{name}" in table.recipes
    ]
    if len(known) < 2:
        raise InputError("routing needs codebooks of two emotions or more; train with --bias each")
    return np.array([place for place, _ in known]), [recipe for _, recipe in known]


def _costs(table: ItemTable, recipes: list[str], lam: float) -> np.ndarray:
    """Return distortion + λ·bits per vector, [B, N]."""
    return np.stack(
        [
            table.values("distortion", lam=lam, recipe=name) + lam * _own_bits(table, name, lam)
            for name in recipes
        ]
    )


def _own_bits(table: ItemTable, recipe: str, lam: float) -> np.ndarray:
    """Return the code length per vector, [N]."""
    total = table.values("code_length_bits", lam=lam, recipe=recipe)
    return quotient(total, table.values("num_frames", lam=lam, recipe=recipe))


def _bits(table: ItemTable, recipes: list[str], chosen: np.ndarray, lam: float) -> float:
    """Return mean bits per vector of the chosen codebooks, their names charged."""
    places, _ = _codebooks(table)
    spent = np.stack([_own_bits(table, name, lam) for name in recipes])
    row = np.searchsorted(places, chosen)
    row = np.where(np.isin(chosen, places), row, 0)  # a fallback to an emotion without codebook
    named = np.log2(len(recipes)) / table.values("num_frames", lam=lam, recipe=recipes[0])
    return float(np.nanmean(spent[row, np.arange(table.num_items)] + named))


def _confusions(table: ItemTable, chosen: np.ndarray) -> np.ndarray:
    names = np.asarray(table.emotions)
    return confusion_matrices(
        names[table.emotion], names[chosen], table.speaker, classes=table.emotions
    )


def _scored(table: ItemTable, chosen: np.ndarray) -> pd.DataFrame:
    counts = _confusions(table, chosen)
    found = scores(counts)
    support = counts.sum(axis=(0, 2))
    rows = [
        {
            "metric": metric,
            "emotion": emotion,
            "value": float(part.value[at]),
            "low": float(part.low[at]),
            "high": float(part.high[at]),
            "num_items": int(number),
            "num_speakers": int(part.num_clusters[at]),
            "chance": float(found.chance),
        }
        for metric, emotion, part, at, number in (
            ("uar", ALL, found.uar, (), support.sum()),
            ("macro_f1", ALL, found.macro_f1, (), support.sum()),
            *(
                ("recall", emotion, found.recall, (place,), support[place])
                for place, emotion in enumerate(table.emotions)
                if support[place]
            ),
        )
    ]
    return pd.DataFrame(rows)
