"""Verdicts of a whole study: whether they can be trusted, and what they cost.

Three parts: planted effects (`_verdicts`), the negative control on the two sets that ship and on
any embedding set named by --set, and the whole study of one corpus, timed part by part.
"""

import argparse
import cProfile
import pstats
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from experiments.bench import _verdicts
from experiments.bench._results import FOLDER, write_figures
from quantlab.embedders import EmbeddingSet, open_sets, write_set
from quantlab.engine import default_workers
from quantlab.figures import write_report
from quantlab.store import read_json, read_table
from quantlab.sweep import StudySettings, read_study, sweep, train
from quantlab.sweep.run import planned_trials
from quantlab.sweep.trial import run_trial
from quantlab.sweep.workspace import fold_state

MEASURED = ("planted", "control", "study")
STUDY = "experiments/seed_001.yaml"
SHIPPED = ("checkpoints/data/nemo-functionals", "checkpoints/data/emodb-functionals")
PARTS = {
    "fold_state": "scaling, centroids and clean probes of a fold",
    "retrained_probes": "probes fitted anew at each λ",
    "coded_at_each_lam": "code choice and bits",
    "matched": "references of equal distortion",
    "reductions": "similarity reductions",
    "measure": "measuring and asking probes",
}
TIMES = 100
_QUARTER = 4


def run_study(study: StudySettings, folder: Path) -> float:
    """Train, sweep, judge and report; return the minutes."""
    begin = time.monotonic()
    train(folder, study, workers=default_workers())
    sweep(folder, workers=default_workers())
    write_report(folder)
    return (time.monotonic() - begin) / 60


def changed(study: StudySettings, **values: object) -> StudySettings:
    """Return a study with other top-level keys; those of ``data`` are merged."""
    plain = study.model_dump(mode="json")
    plain["data"] |= values.pop("data", {})  # pyright: ignore[reportCallIssue, reportArgumentType]
    return StudySettings.parse({**plain, **values})


def control(source: str, study: StudySettings, folder: Path) -> int:
    """Judge a set whose labels were permuted; return how many claims are supported."""
    permuted = {"embeddings": source, "permute_labels": True}
    run_study(changed(study, data=permuted, seeds=[0]), folder)
    claims = read_table(folder / "analysis" / "claims.parquet")
    wrong = claims.loc[claims["verdict"] == "supported", ["claim", "value", "low", "high"]]
    print(f"control {source}: {len(wrong)} of {len(claims)} claims supported")
    for row in wrong.itertuples(index=False):
        print(f"  {row.claim}: {row.value:.4g} ({row.low:.4g} to {row.high:.4g})")
    return len(wrong)


def seconds_by_part(folder: Path) -> dict[str, float]:
    """Profile one balanced trial on one core; return seconds by part, import excluded."""
    trials = planned_trials(folder)
    first = next(trial for trial in trials if trial.codec.recipe == "balanced")
    run_trial(first)  # imports, and what a process does once
    fold_state.cache_clear()
    profile = cProfile.Profile()
    profile.runcall(run_trial, first)
    stats = pstats.Stats(profile).stats  # pyright: ignore[reportAttributeAccessIssue]
    seconds = dict.fromkeys(PARTS, 0.0)
    for (file, _, name), (_, _, _, cumulative, _) in stats.items():
        if name in seconds and "quantlab" in file:
            seconds[name] = max(seconds[name], cumulative)
    return seconds


def quarter(embeddings: EmbeddingSet, folder: Path) -> None:
    """Write the set with every fourth clip of each speaker and emotion."""
    groups = embeddings.items.groupby(["speaker", "emotion"], observed=True).cumcount()
    kept = np.flatnonzero(groups.to_numpy() % _QUARTER == 0)

    def frames() -> Iterator[np.ndarray]:
        for row in kept:
            yield embeddings.frames(np.array([row])).values

    items = embeddings.items.iloc[kept].reset_index(drop=True)
    write_set(folder, items, frames(), card=dict(embeddings.card), dtype="float16")


def print_costs(study: StudySettings, whole: Path, folder: Path) -> float:
    """Print what a trial's parts take at a quarter and at full size, and what 100 × would.

    Return the times that a trial takes longer at 100 × the data.
    """
    small = folder / "set"
    quarter(open_sets(study.data.embeddings), small)
    run = folder / "run"
    train(run, changed(study, data={"embeddings": str(small)}), workers=default_workers())
    sweep(run, workers=default_workers())
    less, more = seconds_by_part(run), seconds_by_part(whole)
    total = {name: 0.0 for name in ("now", "then")}
    print(f"{'part of a balanced trial, one core':<48}{'1/4':>8}{'1':>8}{TIMES:>10}")
    for name, words in PARTS.items():
        power = np.log(max(more[name], 1e-3) / max(less[name], 1e-3)) / np.log(_QUARTER)
        then = more[name] * TIMES ** max(power, 0.0)
        total["now"] += more[name]
        total["then"] += then
        print(f"{words:<48}{less[name]:>7.2f}s{more[name]:>7.2f}s{then / 3600:>9.2f}h")
    return total["then"] / total["now"]


def measure_planted() -> dict[str, float]:
    """Score verdicts on planted effects."""
    found = _verdicts.measure(workers=default_workers(), progress=True)
    print(found.claims.to_string(index=False, float_format=lambda number: f"{number:.3f}"))
    return {
        "planted_right_rate": found.planted_right_rate,
        "planted_replicates": found.num_replicates,
        "false_positive_upper95": found.false_positive_upper95,
    }


def measure_control(place: Path, sets: Sequence[str]) -> dict[str, float]:
    """Judge every set with its labels permuted."""
    study = read_study(STUDY)
    wrong = [control(name, study, place / f"control{at}") for at, name in enumerate(sets)]
    return {"negative_control_supported": sum(wrong), "negative_control_sets": len(wrong)}


def measure_study(place: Path) -> dict[str, float]:
    """Run the whole study of one corpus, and profile what it consists of."""
    study = read_study(STUDY)
    minutes = run_study(study, place / "study")
    spent = read_json(place / "study" / "analysis" / "summary.json")["provenance"]
    print("seconds by stage:", spent["durations_s"])
    longer = print_costs(study, place / "study", place / "quarter")
    return {"study_minutes": minutes, "trial_times_longer_at_100_times_the_data": longer}


def main() -> None:
    """Measure the parts named on the command line, all without one, and print.

    Figures of parts that are not measured now are kept from earlier runs.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(MEASURED))
    parser.add_argument("--set", action="append", default=[], help="a further embedding set")
    given = parser.parse_args()
    unknown = sorted({*given.parts} - {*MEASURED})
    if unknown:
        parser.error(f"unknown part {', '.join(unknown)}; there are {', '.join(MEASURED)}")
    known = FOLDER / "science.json"
    figures = dict(read_json(known)["figures"]) if known.is_file() else {}
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        for part in given.parts or MEASURED:
            if part == "planted":
                figures |= measure_planted()
            elif part == "control":
                figures |= measure_control(place, (*SHIPPED, *given.set))
            else:
                figures |= measure_study(place)
            write_figures("science", figures)


if __name__ == "__main__":
    main()
