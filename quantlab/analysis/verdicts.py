"""From tested claims to verdicts: supported, not supported, or cannot tell.

A claim that names several references holds only where it holds against each of them, so its weakest
comparison is what is reported. P-values are corrected for all claims of a report together (Holm).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from quantlab.analysis.claims import MIN_CLUSTERS, holm
from quantlab.analysis.effects import Estimate, speakers_needed

ALPHA = 0.05
SUPPORTED, NOT_SUPPORTED, CANNOT_TELL = "supported", "not supported", "cannot tell"

CLAIM_COLUMNS = (
    "claim",
    "section",
    "statement",
    "test",
    "unit",
    "value",
    "low",
    "high",
    "p_value",
    "p_holm",
    "reference",
    "min_speakers",
    "num_speakers",
    "speakers_needed",
    "clustered_by",
    "verdict",
    "reason",
    "figure",
    "rests_on_labels",
)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What is claimed, and how it is tested.

    Attributes
    ----------
    claim : str
        Its number, ``"1.4a"`` for instance.
    section : str
        Where it stands in the source.
    statement : str
        The claim, so that a positive effect speaks for it.
    test : str
        What is computed, in plain words.
    unit : str
        Unit of the effect.
    figure : str
        Name of the report's figure that shows it; "" where there is none.
    direction : {1, 0}
        1: only a positive effect supports it; 0: an effect in either direction does.
    rests_on_labels : bool
        Whether permuting the emotion labels takes the claim's ground away.
    """

    claim: str
    section: str
    statement: str
    test: str
    unit: str
    figure: str
    direction: Literal[1, 0] = 1
    rests_on_labels: bool = True


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A claim with what was found.

    Attributes
    ----------
    claim : Claim
        What is claimed.
    estimates : mapping of str to Estimate
        The effect beyond each reference, by the reference in words; empty where it was not tested.
    reason : str
        Why it was not tested; "" where it was.
    """

    claim: Claim
    estimates: Mapping[str, Estimate] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True)
class _Test:
    """The weakest comparison of a claim."""

    reference: str
    estimate: Estimate
    p: float


def judge(findings: Sequence[Finding], *, permuted: bool = False) -> pd.DataFrame:
    """Judge all claims of a report together.

    Parameters
    ----------
    findings : sequence of Finding
        In the order that the table shall have.
    permuted : bool
        Whether emotion labels were permuted: claims that do not rest on them are not judged then.

    Returns
    -------
    pd.DataFrame
        One row per claim with the columns `CLAIM_COLUMNS`. "supported": the corrected p-value is at
        most .05 and the effect lies in the claimed direction; "not supported": the same in the
        other direction; else "cannot tell", and `reason` says why.

    References
    ----------
    Berger (1982), "Multiparameter hypothesis testing and acceptance sampling", Technometrics 24(4):
    a claim against several references is tested at the level of each.
    """
    tests = [_weakest(finding) for finding in findings]
    reasons = [
        _reason(finding, test, permuted) for finding, test in zip(findings, tests, strict=True)
    ]
    judged = [place for place, reason in enumerate(reasons) if not reason]
    corrected = np.full(len(findings), np.nan)
    corrected[judged] = holm([_p(tests[place]) for place in judged])
    rows = [
        _row(finding, test, float(p), reason, len(judged))
        for finding, test, p, reason in zip(findings, tests, corrected, reasons, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(CLAIM_COLUMNS))


def _p(test: _Test | None) -> float:
    return float("nan") if test is None else test.p


def _weakest(finding: Finding) -> _Test | None:
    """Return the comparison that speaks least for the claim."""
    if not finding.estimates:
        return None
    reference, found = min(
        finding.estimates.items(), key=lambda pair: _strength(pair[1], finding.claim.direction)
    )
    # Any one comparison that goes the other way refutes the claim: as many chances as references.
    chances = len(finding.estimates) if finding.claim.direction and found.value < 0 else 1
    return _Test(reference, found, min(1.0, chances * found.p))


def _strength(found: Estimate, direction: int) -> float:
    if not np.isfinite(found.p):
        return -np.inf  # a comparison that cannot be made leaves the claim untested
    certainty = -np.log(max(found.p, np.finfo(float).tiny))
    return certainty if direction == 0 or found.value > 0 else -certainty


def _reason(finding: Finding, test: _Test | None, permuted: bool) -> str:
    """Say why a claim cannot be tested; "" where it can."""
    if test is None:
        return finding.reason or "not tested"
    if permuted and not finding.claim.rests_on_labels:
        return "does not rest on the labels that were permuted"
    if test.estimate.num_speakers < MIN_CLUSTERS:
        return f"{test.estimate.num_speakers} speakers; at least {MIN_CLUSTERS} are needed"
    if not np.isfinite(test.p):
        return "there is no interval"
    return ""


def _row(
    finding: Finding, test: _Test | None, p: float, reason: str, num_claims: int
) -> dict[str, Any]:
    claim = finding.claim
    verdict, why = (CANNOT_TELL, reason) if test is None or reason else _verdict(claim, test, p)
    found = None if test is None else test.estimate
    return {
        **dict(_words(claim)),
        "value": np.nan if found is None else found.value,
        "low": np.nan if found is None else found.low,
        "high": np.nan if found is None else found.high,
        "p_value": _p(test),
        "p_holm": p,
        "reference": "" if test is None else test.reference,
        "min_speakers": MIN_CLUSTERS,
        "num_speakers": 0 if found is None else found.num_speakers,
        "speakers_needed": (
            np.nan if found is None else speakers_needed(found, num_claims=num_claims)
        ),
        "clustered_by": "" if found is None else found.clustered_by,
        "verdict": verdict,
        "reason": why,
        "rests_on_labels": claim.rests_on_labels,
    }


def _words(claim: Claim) -> Iterator[tuple[str, str]]:
    for name in ("claim", "section", "statement", "test", "unit", "figure"):
        yield name, getattr(claim, name)


def _verdict(claim: Claim, test: _Test, p: float) -> tuple[str, str]:
    if p > ALPHA:
        return CANNOT_TELL, "the effect is inside its reference"
    if claim.direction == 0 or test.estimate.value > 0:
        return SUPPORTED, ""
    return NOT_SUPPORTED, ""
