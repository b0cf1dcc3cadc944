"""The sweep: every trial that is not done yet, then one table of all, then the analysis."""

import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from quantlab.codebooks import Codec
from quantlab.engine import EngineName, run_tasks
from quantlab.errors import EXIT_OK, EXIT_PARTLY_DONE, ConfigError
from quantlab.store import (
    lock,
    read_json,
    read_table,
    sweep_stale,
    table_writer,
)
from quantlab.sweep.codecs import codec_task, evaluated_tasks, require_codecs
from quantlab.sweep.folder import RunFolder
from quantlab.sweep.maps import write_maps
from quantlab.sweep.measure import row_schema
from quantlab.sweep.mixing import MixingTask, attempt_mixing, collect_mixing, mixing_tasks
from quantlab.sweep.soft_labels import write_soft_labels
from quantlab.sweep.summary import write_analysis
from quantlab.sweep.trial import TrialTask, attempt_trial, trial_task
from quantlab.sweep.workspace import ALL_ITEMS, Workspace, open_workspace

MANY_TRIALS = 10_000


@dataclass(frozen=True)
class Swept:
    """What a sweep did.

    Attributes
    ----------
    num_trials, num_new, num_failed : int
        Trials of the study, how many ran now, and how many have failed.
    table : Path
        All rows.
    """

    num_trials: int
    num_new: int
    num_failed: int
    table: Path

    @property
    def exit_code(self) -> int:
        """0, or 3 when some trials failed."""
        return EXIT_PARTLY_DONE if self.num_failed else EXIT_OK


def sweep(
    run: str | Path,
    *,
    workers: int = 1,
    engine: EngineName = "local",
    retry_failed: bool = False,
    many: bool = False,
    progress: bool = True,
    durations_s: dict[str, float] | None = None,
) -> Swept:
    """Evaluate every codec of a run over the λ ladder, and analyse the rows.

    Trials that are done are kept; an interrupted sweep goes on where it was and ends in the same
    table, byte for byte, whatever the number of workers.

    Parameters
    ----------
    run : str or Path
        A run folder whose codecs are trained.
    workers : int
        Processes to use.
    engine : {"local", "ray"}
        Where they run; on Ray every worker must see the run folder under the same path.
    retry_failed : bool
        Whether trials that failed before are run again.
    many : bool
        Allow more than 10 000 trials.
    progress : bool
        Whether to show progress.
    durations_s : dict[str, float], optional
        Seconds of earlier stages, kept with the analysis.

    Returns
    -------
    Swept
        Counts and the table.

    Raises
    ------
    QuantlabError
        Codecs are missing, or another process works in the folder.
    ConfigError
        More trials than 10 000 without `many`.
    """
    folder = RunFolder(Path(run))
    started = time.monotonic()
    with lock(folder.path / ".lock"):
        work = open_workspace(folder, folder.read_study())
        trials = _plan(work)
        mixing = mixing_tasks(work, trials[0].codec.ladder)
        num_trials = len(trials) + len(mixing)
        if num_trials > MANY_TRIALS and not many:
            raise ConfigError(f"{num_trials} trials are many; add --yes to run them all")
        folder.trials.mkdir(exist_ok=True)
        sweep_stale(folder.trials)
        write_soft_labels(work)
        num_new = 0
        for attempt, tasks in ((attempt_trial, trials), (attempt_mixing, mixing)):
            todo = [task for task in tasks if _to_run(task, retry_failed)]
            num_new += len(todo)
            run_tasks(
                attempt, todo, label="sweep", workers=workers, engine=engine, progress=progress
            )
        failures = [task.failure for task in (*trials, *mixing) if task.failure.is_file()]
        done = [trial for trial in trials if trial.failure not in failures]
        if not done:
            return Swept(num_trials, num_new, len(failures), folder.sweep)
        _collect(work, done)
        collect_mixing(work, [task for task in mixing if task.failure not in failures])
        spent = {**(durations_s or {}), "sweep": round(time.monotonic() - started, 1)}
        write_analysis(
            work,
            ladder=trials[0].codec.ladder,
            num_trials=num_trials,
            failures=[read_json(path) for path in failures],
            durations_s=spent,
        )
        write_maps(work, work.study.maps, trials[0].codec.ladder, progress=progress)
    return Swept(num_trials, num_new, len(failures), folder.sweep)


def planned_trials(run: str | Path) -> list[TrialTask]:
    """Return the trials of a run whose codecs are trained, done or not, in their order."""
    folder = RunFolder(Path(run))
    return _plan(open_workspace(folder, folder.read_study()))


def _plan(work: Workspace) -> list[TrialTask]:
    first = codec_task(work, "balanced", ALL_ITEMS, work.study.seeds[0], ())
    require_codecs([first])
    ladder = Codec.load(first.folder).ladder_
    tasks = evaluated_tasks(work, ladder)
    if not any(task.finished for task in tasks):
        require_codecs(tasks)
    return [trial_task(task) for task in tasks]


def _to_run(task: TrialTask | MixingTask, retry_failed: bool) -> bool:
    if task.failure.is_file() and not retry_failed:
        return False
    return not task.finished


def _collect(work: Workspace, trials: list[TrialTask]) -> None:
    """Join the tables of all finished trials, in the order of the plan."""
    schema = row_schema(work)
    with table_writer(work.folder.sweep, schema=schema) as writer:
        for trial in trials:
            writer.write(read_table(trial.table))


def read_rows(run: str | Path, *, columns: list[str] | None = None) -> pd.DataFrame:
    """Return the sweep table of a run: one row per trial × method × λ × item."""
    return read_table(RunFolder(Path(run)).sweep, columns=columns)
