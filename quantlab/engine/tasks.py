"""Independent tasks, run in order in this process, in worker processes or on a Ray cluster.

A task writes its own result, so an interruption loses only what was in flight. Results do not
depend on where tasks run, or on how many workers: each runs on one BLAS thread and brings its own
seed.
"""

import os
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, cast

from quantlab.compat import single_thread
from quantlab.engine.cluster import run_on_ray
from quantlab.engine.progress import Ticker
from quantlab.errors import QuantlabError

EngineName = Literal["local", "ray"]
"""Worker processes of this machine, or a Ray cluster."""

_POOL_RESTARTS = 2


@dataclass(frozen=True)
class Outcome:
    """How one task ended.

    Attributes
    ----------
    index : int
        Position of the task in the list that was given.
    value : Any
        What the function returned; None when it failed.
    error : str
        Class and message of what it raised, ``""`` when it ended well.
    trace : str
        The traceback, ``""`` when it ended well.
    """

    index: int
    value: Any
    error: str = ""
    trace: str = ""


def default_workers() -> int:
    """Return how many processes fit the cores that this process may use."""
    return max(len(os.sched_getaffinity(0)), 1) if hasattr(os, "sched_getaffinity") else 1


def run_tasks(
    function: Callable[[Any], Any],
    arguments: Sequence[Any],
    *,
    label: str,
    workers: int = 1,
    engine: EngineName = "local",
    threads: bool = False,
    progress: bool = True,
) -> list[Outcome]:
    """Call `function` on every argument; an exception ends its own task only.

    Parameters
    ----------
    function : Callable
        A module-level function of one argument.
    arguments : Sequence[Any]
        One per task, picklable when `workers` > 1.
    label : str
        What the progress line calls the work.
    workers : int
        Processes to use, ≥ 1; with 1 everything runs in this process. A Ray cluster at
        ``RAY_ADDRESS`` uses the cores it has.
    engine : {"local", "ray"}
        Where tasks run; on Ray even a single worker is another process.
    threads : bool
        Whether local workers are threads of this process: for functions that spend their time in
        one large model, which then is loaded once.
    progress : bool
        Whether to show progress.

    Returns
    -------
    list[Outcome]
        In the order of `arguments`.

    Raises
    ------
    QuantlabError
        Worker processes died again and again, for want of memory for instance.
    ConfigError
        The engine is not there.
    KeyboardInterrupt
        The user interrupted; finished tasks have written their results.
    """
    outcomes: dict[int, Outcome] = {}
    tasks = list(enumerate(arguments))
    if engine == "ray" and tasks:
        finished = run_on_ray(partial(_guarded_task, function), tasks, max(workers, 1))
    elif workers <= 1 or len(tasks) < 2:
        finished = (_guarded(function, index, argument) for index, argument in tasks)
    elif threads:
        finished = _run_in_threads(function, tasks, workers)
    else:
        finished = _run_in_processes(function, tasks, workers)
    with Ticker(label, len(arguments), shown=progress) as ticker, warnings.catch_warnings():
        # loky replaces a worker whose memory has grown; its task is done by then, nothing is lost.
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs were given")
        for outcome in finished:
            outcomes[outcome.index] = outcome
            ticker.advance()
    return [outcomes[index] for index in range(len(arguments))]


def _run_in_threads(
    function: Callable[[Any], Any], tasks: list[tuple[int, Any]], workers: int
) -> Iterator[Outcome]:
    from joblib import Parallel, delayed

    pool = Parallel(n_jobs=workers, backend="threading", return_as="generator_unordered")
    # The limit belongs to the process: set once, not by each task as it begins and ends.
    with single_thread():
        jobs = [delayed(_caught)(function, index, argument) for index, argument in tasks]
        yield from cast("Iterator[Outcome]", pool(jobs))


def _run_in_processes(
    function: Callable[[Any], Any], tasks: list[tuple[int, Any]], workers: int
) -> Iterator[Outcome]:
    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.process_executor import BrokenProcessPool

    pending = dict(tasks)
    for attempt in range(_POOL_RESTARTS + 1):
        pool = Parallel(n_jobs=workers, return_as="generator_unordered")
        jobs = [delayed(_guarded)(function, index, item) for index, item in pending.items()]
        try:
            for outcome in cast("Iterator[Outcome]", pool(jobs)):
                pending.pop(outcome.index)
                yield outcome
            # Idle workers would keep their memory while this process goes on alone.
            get_reusable_executor().shutdown()
            return
        except BrokenProcessPool as error:
            if attempt == _POOL_RESTARTS:
                raise QuantlabError(
                    f"worker processes died {attempt + 1} times, with {len(pending)} tasks left; "
                    "memory may be short: run the same command with --workers 1 to resume"
                ) from error


def _guarded(function: Callable[[Any], Any], index: int, argument: Any) -> Outcome:
    with single_thread():
        return _caught(function, index, argument)


def _caught(function: Callable[[Any], Any], index: int, argument: Any) -> Outcome:
    try:
        return Outcome(index, function(argument))
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        return Outcome(index, None, text, traceback.format_exc())


def _guarded_task(function: Callable[[Any], Any], task: tuple[int, Any]) -> Outcome:
    return _guarded(function, *task)
