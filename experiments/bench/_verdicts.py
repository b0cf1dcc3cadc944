"""Can verdicts be trusted: claims are judged in studies with planted effects, and scored.

Studies come from `_planted`, which shares no code with quantlab. Here they are measured and judged
by quantlab, and each verdict is held against what was planted: where an effect is there, only
"supported" is right; where it is not, anything else is.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import beta

from experiments.bench._planted import (
    EMOTIONS,
    PULL_EFFECT,
    SCENARIOS,
    Scenario,
    Study,
    make_study,
)
from quantlab.analysis import Beside, attraction, claims_table, displacement, similarity
from quantlab.engine import default_workers, run_tasks

REPLICATES = 13 * len(SCENARIOS)
PROBE = "nearest"
_SUPPORTED, _ALPHA = "supported", 0.05
_DECIMALS = 9  # as a sweep writes its rows


@dataclass(frozen=True, eq=False, kw_only=True)
class VerdictScores:
    """How often verdicts were right.

    Attributes
    ----------
    num_replicates : int
        Studies that were judged.
    right_rate : float, 0 to 1
        Right verdicts among all claims × studies.
    planted_right_rate : float, 0 to 1
        The least share, over claims, of "supported" where the effect was planted.
    false_positive_upper95 : float, 0 to 1
        The largest upper 95 % bound, over claims, of the rate of "supported" where it was not.
    claims : pd.DataFrame
        One row per claim, and one for "all": claim, planted, right, right_rate, absent,
        false_positives, false_positive_rate, false_positive_upper95; `uncorrected`, the share of
        absent effects with p ≤ .05 before Holm, in the claimed direction; and `coverage`, the share
        of intervals that hold a known truth, of `num_known`.
    seconds : float
        Wall time.
    """

    num_replicates: int
    right_rate: float
    planted_right_rate: float
    false_positive_upper95: float
    claims: pd.DataFrame
    seconds: float


def measure(
    num_replicates: int = REPLICATES, *, workers: int = 1, progress: bool = False
) -> VerdictScores:
    """Judge many studies and score the verdicts.

    Parameters
    ----------
    num_replicates : int >= 1
        Studies; scenarios take turns, and a study's number is its seed.
    workers : int >= 1
        Processes; their number does not change the result.
    progress : bool
        Whether to show progress.

    Returns
    -------
    VerdictScores

    Raises
    ------
    RuntimeError
        If a study could not be judged.
    """
    begin = time.monotonic()
    outcomes = run_tasks(
        judged, range(num_replicates), label="studies", workers=workers, progress=progress
    )
    failed = [outcome.error for outcome in outcomes if outcome.error]
    if failed:
        raise RuntimeError(f"{len(failed)} studies could not be judged; the first:\n{failed[0]}")
    return scored(
        pd.concat([outcome.value for outcome in outcomes], ignore_index=True),
        seconds=time.monotonic() - begin,
    )


def judged(number: int) -> pd.DataFrame:
    """Judge one study; return its scored claims with what was planted, `planted` and `truth`."""
    scenario = SCENARIOS[number % len(SCENARIOS)]
    table = judge_study(make_study(number, scenario)).set_index("claim")
    planted = scenario.planted()
    found = table.loc[list(planted), ["value", "low", "high", "p_value", "reference", "verdict"]]
    return found.assign(
        replicate=number, planted=list(planted.values()), truth=_truths(scenario)
    ).reset_index()


def judge_study(study: Study) -> pd.DataFrame:
    """Measure a study and judge all claims of a report on it."""
    rows = rows_of(study)
    return claims_table(rows, emotions=EMOTIONS, probe=PROBE, beside=Beside())


def rows_of(study: Study) -> pd.DataFrame:
    """Measure every reconstruction as a sweep does, against the true centroids."""
    num_parts, num_items = len(study.coded), len(study.z)
    z = np.tile(study.z, (num_parts, 1))
    z_hat = np.concatenate([part.vectors for part in study.coded])
    offsets = np.arange(len(z) + 1)
    origin = np.full(study.z.shape[1], 10.0)  # raw cosines are not judged, but may not be zero
    compared = similarity(z, z_hat, offsets, mean=origin, scale=1.0)
    turned = attraction(z, z_hat, study.centroids)
    _, moved = displacement(z, z_hat, study.centroids)
    reals = {
        "distortion": compared.distortion,
        "cos_centred_frames": compared.cos_centred_frames,
        **{f"attraction_{name}": turned[:, place] for place, name in enumerate(EMOTIONS)},
        **{f"displacement_{name}": moved[:, place] for place, name in enumerate(EMOTIONS)},
    }
    return pd.DataFrame(
        {
            **_keys(study, num_parts, num_items),
            **{name: values.round(_DECIMALS) for name, values in reals.items()},
            "code_length_bits": np.concatenate([part.bits for part in study.coded]),
            "num_frames": 1,
            "set_num_vectors": np.nan,
            "set_payload_bits": np.nan,
            f"probe_{PROBE}": pd.Categorical.from_codes(
                _nearest(z_hat, study.centroids), list(EMOTIONS)
            ),
        }
    )


def _keys(study: Study, num_parts: int, num_items: int) -> dict[str, object]:
    def name(prefix: str, codes: np.ndarray) -> pd.Categorical:
        names = [f"{prefix}{code:03d}" for code in range(codes.max() + 1)]
        return pd.Categorical.from_codes(np.tile(codes, num_parts), names)

    def each(words: Iterable[str]) -> pd.Categorical:
        codes, names = pd.factorize(np.array(list(words), dtype=object))
        return pd.Categorical.from_codes(np.repeat(codes, num_items), names)

    speaker = name("speaker", study.speaker)
    return {
        "protocol": each(["speaker"] * num_parts),
        "recipe": each(part.recipe for part in study.coded),
        "method": each(part.method for part in study.coded),
        "lam": np.repeat([part.lam for part in study.coded], num_items),
        "fold": speaker,
        "seed": 0,
        "item": name("item", np.arange(num_items)),
        "emotion": pd.Categorical.from_codes(np.tile(study.emotion, num_parts), list(EMOTIONS)),
        "speaker": speaker,
        "text_id": name("text", study.text),
    }


def _nearest(vectors: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """Return the class [N] of the nearest centroid: a probe that needs no training."""
    return (vectors @ centroids.T - 0.5 * (centroids**2).sum(axis=1)).argmax(axis=1)


_EXACT = ("1.5b", "1.5c")
_SINGLE = ("1.1a", "1.1b", "1.1c", "1.1d", "1.2a", "1.5a", *_EXACT)
"""Claims whose effect beyond their only reference is zero where it is absent."""


def _truths(scenario: Scenario) -> list[float]:
    """Return the effect's expectation for each scored claim, NaN where it is not known exactly."""
    known: dict[str, float] = dict.fromkeys(_SINGLE, 0.0)
    planted = scenario.planted()
    return [
        known.get(claim, np.nan) if not there else PULL_EFFECT if claim in _EXACT else np.nan
        for claim, there in planted.items()
    ]


def scored(verdicts: pd.DataFrame, *, seconds: float = 0.0) -> VerdictScores:
    """Score what `judged` returned for many studies."""
    names = np.unique(verdicts["claim"].to_numpy(str))
    parts = [(name, verdicts.loc[verdicts["claim"] == name]) for name in names]
    claims = pd.DataFrame([_score(name, part) for name, part in [*parts, ("all", verdicts)]])
    single = claims.iloc[:-1]
    right = verdicts["verdict"].eq(_SUPPORTED).to_numpy() == verdicts["planted"].to_numpy(bool)
    return VerdictScores(
        num_replicates=len(np.unique(verdicts["replicate"])),
        right_rate=float(right.mean()),
        planted_right_rate=float(single["right_rate"].min()),
        false_positive_upper95=float(single["false_positive_upper95"].max()),
        claims=claims,
        seconds=seconds,
    )


def _score(claim: str, part: pd.DataFrame) -> dict[str, object]:
    planted = part["planted"].to_numpy(bool)
    supported = part["verdict"].eq(_SUPPORTED).to_numpy()
    num_planted, num_absent = int(planted.sum()), int((~planted).sum())
    right, wrong = int((planted & supported).sum()), int((~planted & supported).sum())
    p, value, low, high, truth = (
        part[name].to_numpy(np.float64) for name in ("p_value", "value", "low", "high", "truth")
    )
    seen, inside = (p <= _ALPHA) & (value > 0), (low <= truth) & (truth <= high)
    known = np.isfinite(truth)
    return {
        "claim": claim,
        "planted": num_planted,
        "right": right,
        "right_rate": _share(right, num_planted),
        "absent": num_absent,
        "false_positives": wrong,
        "false_positive_rate": _share(wrong, num_absent),
        "false_positive_upper95": upper95(wrong, num_absent),
        "uncorrected": _share(int(seen[~planted].sum()), num_absent),
        "coverage": _share(int(inside[known].sum()), int(known.sum())),
        "num_known": int(known.sum()),
    }


def _share(number: int, of: int) -> float:
    return number / of if of else float("nan")


def upper95(successes: int, trials: int) -> float:
    """Return the upper end of Clopper and Pearson's one-sided 95 % interval of a rate.

    Examples
    --------
    >>> round(upper95(0, 59), 3)
    0.05
    """
    return float(beta.ppf(0.95, successes + 1, trials - successes)) if successes < trials else 1.0


def main() -> None:
    """Score and print."""
    found = measure(workers=default_workers(), progress=True)
    print(found.claims.to_string(index=False, float_format=lambda number: f"{number:.3f}"))
    for name in ("num_replicates", "right_rate", "planted_right_rate", "false_positive_upper95"):
        print(f"{name:<24}{getattr(found, name):.4g}")
    print(f"{'seconds':<24}{found.seconds:.0f}")


if __name__ == "__main__":
    main()
