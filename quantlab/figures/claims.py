"""Claims about drift: comparisons with a plain blur, corrected for their number.

Fewer than six speakers support no claim, whatever the interval.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from quantlab.analysis import MIN_CLUSTERS, Interval, holm, p_value
from quantlab.figures.biased import biased_classes
from quantlab.figures.drift import DIFFERENCE
from quantlab.figures.tables import at_lam, coded, nearest_lam, pick, records
from quantlab.figures.words import (
    ALL,
    biased_recipe,
    fixed,
    interval_text,
    joined,
    plain,
    recipe_words,
)

NOTHING = "The run has no rows for this figure."
_LEVEL = 0.05
VERDICTS = {
    "above": "more than the blur",
    "below": "less than the blur",
    "inside": "no different",
    "cannot tell": "cannot tell",
}


@dataclass(frozen=True)
class Claim:
    """One comparison of a codec with its reference.

    Attributes
    ----------
    codebook, toward : str
        Recipe, and the class that embeddings may be drawn to.
    interval : Interval
        Attraction beyond the reference, in degrees.
    p_adjusted : float
        After Holm over all claims of the report; NaN where nothing can be told.
    verdict : str
        "above", "below", "inside" or "cannot tell".
    """

    codebook: str
    toward: str
    interval: Interval
    p_adjusted: float
    verdict: str


def drift_claims(attraction: pd.DataFrame, *, lam: float, protocol: str = "speaker") -> list[Claim]:
    """Judge drift at one λ: balanced codebook toward each class, biased ones toward their own.

    Parameters
    ----------
    attraction : pd.DataFrame
        The run's table `attraction`.
    lam : float
        The nearest λ is taken.
    protocol : str
        Which rows.

    Returns
    -------
    list of Claim
        P-values are adjusted for all of them together (Holm).
    """
    rows = pick(attraction, protocol=protocol, emotion=ALL)
    rows = at_lam(rows, nearest_lam(coded(rows), lam))
    balanced = pick(rows, recipe="balanced", method=f"{DIFFERENCE}shrink_mean")
    found = [("balanced", row) for row in records(balanced)]
    for name in biased_classes(rows):
        recipe = biased_recipe(name)
        own = pick(rows, recipe=recipe, target=name, method=f"{DIFFERENCE}shrink_class")
        found += [(recipe, row) for row in records(own)]
    intervals = [interval_of(row) for _, row in found]
    return [
        Claim(recipe, str(row["target"]), interval, p, verdict)
        for (recipe, row), interval, (p, verdict) in zip(
            found, intervals, judged(intervals), strict=True
        )
    ]


def judged(intervals: Sequence[Interval]) -> list[tuple[float, str]]:
    """Return p-values adjusted for all the differences together (Holm), and their verdicts."""
    testable = [place for place, interval in enumerate(intervals) if _testable(interval)]
    adjusted = np.full(len(intervals), np.nan)
    adjusted[testable] = holm([p_value(intervals[place]) for place in testable])
    return [
        (float(p), _verdict(interval, float(p)))
        for interval, p in zip(intervals, adjusted, strict=True)
    ]


def interval_of(row: Mapping[str, Any]) -> Interval:
    """Return the interval of a row of a tidy table."""
    low, value, high = (float(row[name]) for name in ("low", "value", "high"))
    return Interval(value, low, high, int(row["num_speakers"]))


def _testable(interval: Interval) -> bool:
    known = bool(np.isfinite([interval.low, interval.high]).all())
    return known and interval.num_clusters >= MIN_CLUSTERS


def _verdict(interval: Interval, p_adjusted: float) -> str:
    if not np.isfinite(p_adjusted):
        return "cannot tell"
    if p_adjusted > _LEVEL:
        return "inside"
    return "above" if interval.value > 0 else "below"


def read_drift(claims: Sequence[Claim]) -> str:
    """Say toward which classes the balanced codebook draws more than a plain blur."""
    mine = [claim for claim in claims if claim.codebook == "balanced"]
    if not mine:
        return NOTHING
    return " ".join(
        f"{sentence}: {_named([claim for claim in mine if claim.verdict == verdict])}."
        for verdict, sentence in (
            ("above", "Closer than a plain blur of equal distortion brings them"),
            ("below", "Less close"),
            ("inside", "No different from the blur, after correction for all comparisons"),
            ("cannot tell", "Cannot be told"),
        )
        if any(claim.verdict == verdict for claim in mine)
    )


def _named(claims: Sequence[Claim]) -> str:
    ordered = sorted(claims, key=lambda claim: -abs(claim.interval.value))
    return joined(
        [
            f"<b>{plain(claim.toward)}</b> ({fixed(claim.interval.value, decimals=1)}°)"
            for claim in ordered
        ]
    )


def claim_rows(claims: Sequence[Claim]) -> list[list[str]]:
    """Return the cells of a table of claims: codebook, toward, difference, p, verdict."""
    return [
        [
            recipe_words(claim.codebook),
            plain(claim.toward),
            _degrees(claim.interval),
            p_text(claim.p_adjusted),
            claim.verdict,
        ]
        for claim in claims
    ]


def _degrees(interval: Interval) -> str:
    return interval_text(interval.value, interval.low, interval.high, decimals=1)


def p_text(p: float) -> str:
    """Write a p-value, a dash where there is none; HTML."""
    if np.isnan(p):
        return "–"
    return "&lt; 0.001" if p < 0.001 else fixed(p, decimals=3)
