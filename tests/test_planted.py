"""The planted-effect studies: what is planted is there, what is not is not, and scoring counts."""

import ast
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from experiments.bench import _planted
from experiments.bench._planted import DRIFTS, EMOTIONS, HALF, LAMS, SCENARIOS, Scenario, make_study
from experiments.bench._verdicts import judge_study, judged, measure, scored, upper95

EVERYTHING = Scenario(
    drift="present", bias=True, robust=True, direct=True, happy=True, efficient=True
)
NOTHING = Scenario(
    drift="absent", bias=False, robust=False, direct=False, happy=False, efficient=False
)
ENOUGH_TO_SEE = 1.3
"""Factor of the effects at which a handful of studies may not fail by chance."""


def _degrees(left, right):
    """Angles by the half-angle formula, which the generator does not use."""
    u = left / np.linalg.norm(left, axis=-1, keepdims=True)
    v = right / np.linalg.norm(right, axis=-1, keepdims=True)
    apart, together = np.linalg.norm(u - v, axis=-1), np.linalg.norm(u + v, axis=-1)
    return np.degrees(2.0 * np.arctan2(apart, together))


def _by_key(study):
    return {(part.recipe, part.method, part.lam): part for part in study.coded}


def _gap(values, study, place, *, without=()):
    """One emotion less the mean of the others, items weighing the same."""
    others = [e for e in range(len(EMOTIONS)) if e != place and e not in without]
    return values[study.emotion == place].mean() - values[np.isin(study.emotion, others)].mean()


def _mean_over_studies(value, scenario, number=12):
    return np.mean([value(make_study(seed, scenario)) for seed in range(number)])


def test_the_generator_needs_nothing_but_numpy():
    tree = ast.parse(Path(_planted.__file__).read_text())
    imported = {
        name
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [str(node.module)]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert {name.partition(".")[0] for name in imported} - sys.stdlib_module_names == {"numpy"}


def test_a_seed_fixes_a_study():
    first, again, other = (make_study(seed, EVERYTHING) for seed in (3, 3, 4))
    for part, same in zip(first.coded, again.coded, strict=True):
        np.testing.assert_array_equal(part.vectors, same.vectors)
        np.testing.assert_array_equal(part.bits, same.bits)
    assert not np.allclose(first.z, other.z)


def test_scenarios_are_a_full_factorial():
    assert len(set(SCENARIOS)) == len(SCENARIOS) == len(DRIFTS) * 2**5


@pytest.mark.parametrize("drift", DRIFTS)
def test_references_are_as_far_from_every_item_as_the_codec(drift):
    study = make_study(1, replace(EVERYTHING, drift=drift))
    parts = _by_key(study)
    compared = [
        (("balanced", "codec", lam), ("balanced", method, lam))
        for lam in LAMS
        for method in ("shrink_mean", "water_mean", "noise_matched")
    ]
    compared += [
        ((f"biased:{name}", "codec", lam), (f"biased:{name}", "shrink_class", lam))
        for name in EMOTIONS
        for lam in (LAMS[0], LAMS[HALF])
    ]
    for codec, reference in compared:
        np.testing.assert_allclose(
            np.linalg.norm(parts[reference].vectors - study.z, axis=1),
            np.linalg.norm(parts[codec].vectors - study.z, axis=1),
            rtol=1e-9,
        )


def test_direct_reduction_meets_the_mean_cosine_of_the_codec():
    study = make_study(2, EVERYTHING)
    parts = _by_key(study)
    for lam in LAMS:
        codec, direct = (
            np.cos(np.radians(_degrees(parts["balanced", method, lam].vectors, study.z))).mean()
            for method in ("codec", "drop_least")
        )
        assert direct == pytest.approx(codec, abs=1e-9)


def _cosine_gap(method, place, without=()):
    def value(study):
        vectors = _by_key(study)["balanced", method, LAMS[HALF]].vectors
        cosine = np.cos(np.radians(_degrees(vectors, study.z)))
        return _gap(cosine, study, place, without=without)

    return value


@pytest.mark.parametrize(
    ("method", "place", "without", "planted", "amount"),
    [
        ("codec", 2, (), "robust", _planted.COSINE_EFFECT),
        ("drop_least", 2, (), "direct", -_planted.COSINE_EFFECT),
        ("drop_least", 1, (2,), "happy", -_planted.COSINE_EFFECT),
    ],
)
def test_the_planted_cosine_is_there_and_only_where_it_is_planted(
    method, place, without, planted, amount
):
    value = _cosine_gap(method, place, without)
    alone = replace(NOTHING, **{planted: True})
    others = replace(EVERYTHING, **{planted: False})
    assert _mean_over_studies(value, alone) == pytest.approx(amount, abs=0.015)
    assert _mean_over_studies(value, others) == pytest.approx(0.0, abs=0.015)


@pytest.mark.parametrize("bias", [True, False])
def test_a_biased_codec_turns_clips_by_what_was_planted(bias):
    def value(study):
        parts, gains = _by_key(study), []
        for place, name in enumerate(EMOTIONS):
            codec, blurred = (
                _degrees(
                    parts[f"biased:{name}", method, LAMS[HALF]].vectors, study.centroids[place]
                )
                for method in ("codec", "shrink_class")
            )
            gains.append((blurred - codec)[study.emotion != place].mean())
        return np.mean(gains)

    amount = _mean_over_studies(value, replace(NOTHING, bias=bias))
    assert amount == pytest.approx(_planted.PULL_EFFECT * bias, abs=0.5)


def test_shrinkage_leaves_half_the_length_and_draws_no_way():
    def away(study):
        parts = _by_key(study)
        codec, ideal = (
            parts["balanced", method, LAMS[HALF]].vectors for method in ("codec", "water_mean")
        )
        neutral = study.centroids[2]
        others = study.emotion != 2
        return (_degrees(ideal, neutral) - _degrees(codec, neutral))[others].mean()

    drawn = {drift: _mean_over_studies(away, replace(NOTHING, drift=drift)) for drift in DRIFTS}
    assert drawn["present"] > 20.0
    assert abs(drawn["absent"]) < 5.0
    assert drawn["shrinkage"] < 1.0
    study = make_study(5, replace(NOTHING, drift="shrinkage"))
    coded = _by_key(study)["balanced", "codec", 0.0].vectors
    lengths = np.linalg.norm(coded, axis=1) / np.linalg.norm(study.z, axis=1)
    np.testing.assert_allclose(lengths, 0.5 * _planted.COSINES[0], rtol=1e-9)


def test_effects_that_are_large_enough_are_found_by_every_claim():
    for seed in range(4):
        table = judge_study(make_study(seed, EVERYTHING, size=ENOUGH_TO_SEE)).set_index("claim")
        assert (table.loc[list(EVERYTHING.planted()), "verdict"] == "supported").all()


@pytest.mark.parametrize("drift", ["absent", "shrinkage"])
def test_nothing_is_found_where_nothing_is_planted(drift):
    scenario = replace(NOTHING, drift=drift)
    for seed in range(4):
        table = judge_study(make_study(seed, scenario)).set_index("claim")
        assert not (table.loc[list(scenario.planted()), "verdict"] == "supported").any()


def test_claims_beyond_the_planted_ones_are_in_the_table():
    table = judge_study(make_study(0, EVERYTHING)).set_index("claim")
    assert {"2.1", "A2", "RQ4"} <= set(table.index)
    assert np.isfinite(table.loc["RQ4", "p_holm"])


def test_scores_count_what_was_planted_against_what_was_said():
    verdicts = pd.DataFrame(
        {
            "claim": np.repeat(["1.1a", "1.5c"], 4),
            "replicate": [0, 1, 2, 3] * 2,
            "planted": [True, True, False, False] * 2,
            "verdict": [
                *("supported", "cannot tell", "supported", "not supported"),
                *("supported", "supported", "cannot tell", "cannot tell"),
            ],
            "p_value": [0.01, 0.2, 0.03, 0.01, *[0.01] * 4],
            "value": [1.0, 1.0, 1.0, -1.0, *[2.4] * 4],
            "low": [0.5, -0.5, 0.5, -1.5, 2.0, 2.5, -1.0, -1.0],
            "high": [1.5, 2.5, 1.5, -0.5, 3.0, 3.0, 1.0, 1.0],
            "truth": [np.nan, np.nan, 0.0, 0.0, 2.4, 2.4, 0.0, 0.0],
        }
    )
    found = scored(verdicts)
    rows = found.claims.set_index("claim")
    assert found.num_replicates == 4
    assert found.right_rate == 6 / 8
    assert found.planted_right_rate == rows.loc["1.1a", "right_rate"] == 0.5
    assert rows.loc["1.1a", ["false_positives", "absent"]].tolist() == [1, 2]
    assert rows.loc["1.1a", "uncorrected"] == 0.5
    assert rows.loc["1.1a", "coverage"] == 0.0
    assert rows.loc["1.5c", "coverage"] == 0.75
    assert found.false_positive_upper95 == rows.loc["1.1a", "false_positive_upper95"]
    assert rows.loc["all", "right"] == 3


def test_the_upper_bound_is_where_so_few_would_be_seen_once_in_twenty():
    for successes, trials in ((0, 59), (3, 200), (17, 400)):
        assert binom.cdf(successes, trials, upper95(successes, trials)) == pytest.approx(0.05)
    assert upper95(4, 4) == 1.0


def test_workers_do_not_change_the_scores():
    alone, together = (measure(3, workers=workers) for workers in (1, 2))
    pd.testing.assert_frame_equal(alone.claims, together.claims)
    assert set(judged(1)["claim"]) == set(EVERYTHING.planted())
