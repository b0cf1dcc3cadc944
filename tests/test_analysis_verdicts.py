"""Verdicts: direction, weakest comparison, Holm over all, and what cannot be told."""

import numpy as np
import pytest

from quantlab.analysis import CLAIM_COLUMNS, Claim, Estimate, Finding, holm, judge


def claim(name: str = "1", **changes) -> Claim:
    words = {
        "claim": name,
        "section": "§1",
        "statement": "it is so",
        "test": "looked at",
        "unit": "degrees",
        "figure": "drift",
    }
    return Claim(**{**words, **changes})


def found(value: float, p: float, speakers: int = 8) -> Estimate:
    return Estimate(
        value=value,
        low=value - 1,
        high=value + 1,
        p=p,
        num_speakers=speakers,
        clustered_by="speaker",
        spread=1.0,
    )


def judged(*findings: Finding, **options):
    return judge(findings, **options)


def test_columns_and_order_are_fixed() -> None:
    table = judged(
        Finding(claim=claim("b"), estimates={"none": found(1, 0.5)}),
        Finding(claim=claim("a"), reason="no data"),
    )
    assert tuple(table.columns) == CLAIM_COLUMNS
    assert table["claim"].tolist() == ["b", "a"]


@pytest.mark.parametrize(
    ("value", "p", "direction", "verdict"),
    [
        (2.0, 0.001, 1, "supported"),
        (-2.0, 0.001, 1, "not supported"),
        (2.0, 0.2, 1, "cannot tell"),
        (-2.0, 0.2, 1, "cannot tell"),
        (-2.0, 0.001, 0, "supported"),
        (2.0, 0.05, 1, "supported"),
        (2.0, 0.0501, 1, "cannot tell"),
    ],
)
def test_verdict_needs_a_small_p_and_the_claimed_direction(value, p, direction, verdict) -> None:
    table = judged(Finding(claim=claim(direction=direction), estimates={"none": found(value, p)}))
    assert table["verdict"].item() == verdict
    assert bool(table["reason"].item()) == (verdict == "cannot tell")


def test_the_weakest_reference_counts() -> None:
    comparisons = {"blur": found(3, 1e-6), "noise": found(2, 0.01), "pca": found(1, 0.3)}
    table = judged(Finding(claim=claim(), estimates=comparisons))
    assert table["reference"].item() == "pca"
    assert table["verdict"].item() == "cannot tell"
    refuted = {**comparisons, "other": found(-1, 0.01)}
    table = judged(Finding(claim=claim(), estimates=refuted))
    assert table["reference"].item() == "other"
    assert table["p_value"].item() == pytest.approx(0.04)  # four chances to go the other way
    assert table["verdict"].item() == "not supported"


def test_a_reference_without_interval_leaves_the_claim_open() -> None:
    table = judged(
        Finding(claim=claim(), estimates={"a": found(3, 1e-6), "b": found(3, float("nan"))})
    )
    assert table["verdict"].item() == "cannot tell"


def test_holm_runs_over_all_claims_that_are_judged() -> None:
    ps = [0.001, 0.02, 0.03, 0.5]
    findings = [
        Finding(claim=claim(str(place)), estimates={"none": found(1, p)})
        for place, p in enumerate(ps)
    ]
    table = judged(*findings, Finding(claim=claim("untested"), reason="no neutral clips"))
    assert table["p_holm"][:4].tolist() == pytest.approx(holm(ps).tolist())
    assert np.isnan(table["p_holm"].iloc[4])
    assert table["reason"].iloc[4] == "no neutral clips"
    alone = judged(findings[1])
    assert alone["verdict"].item() == "supported"
    assert table["verdict"].iloc[1] == "cannot tell"


def test_five_speakers_support_nothing() -> None:
    table = judged(Finding(claim=claim(), estimates={"none": found(9, 1e-9, speakers=5)}))
    assert table["verdict"].item() == "cannot tell"
    assert table["reason"].item() == "5 speakers; at least 6 are needed"
    assert table["min_speakers"].item() == 6


def test_claims_without_labels_are_not_judged_in_the_negative_control() -> None:
    free = Finding(claim=claim(rests_on_labels=False), estimates={"none": found(9, 1e-9)})
    assert judged(free)["verdict"].item() == "supported"
    control = judged(free, permuted=True)
    assert control["verdict"].item() == "cannot tell"
    assert "permuted" in control["reason"].item()
