"""Tasks on a Ray cluster: the one at ``RAY_ADDRESS``, or one that is started here for the call.

Every worker must see the run folder and the cache under the same paths, on a shared file system
for instance: tasks write their results themselves.
"""

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from quantlab.errors import ConfigError, QuantlabError

_AHEAD = 2  # tasks handed over per core, so that no core waits and a long list is not queued whole
_DEATHS = 2  # of one task's worker, after which the task is tried once more no longer


def run_on_ray(
    work: Callable[[Any], Any], tasks: list[tuple[int, Any]], workers: int
) -> Iterator[Any]:
    """Yield ``work((index, argument))`` of every task as it ends; a dead worker is replaced.

    Raises
    ------
    ConfigError
        Ray is not installed, or there is no cluster at ``RAY_ADDRESS``.
    QuantlabError
        The worker of one task died again and again.
    """
    ray = _import_ray()
    with _connected(ray, workers):
        remote = ray.remote(num_cpus=1, max_retries=0)(_in_folder)
        width = _AHEAD * max(int(ray.cluster_resources().get("CPU", 1)), 1)
        waiting, running, deaths = deque(tasks), {}, dict.fromkeys((i for i, _ in tasks), 0)
        died = (
            ray.exceptions.WorkerCrashedError,
            ray.exceptions.NodeDiedError,
            ray.exceptions.OutOfMemoryError,
        )
        try:
            while waiting or running:
                while waiting and len(running) < width:
                    task = waiting.popleft()
                    running[remote.remote(os.getcwd(), work, task)] = task
                for reference in ray.wait(list(running), num_returns=1)[0]:
                    task = running.pop(reference)
                    try:
                        outcome = ray.get(reference)
                    except died as error:
                        deaths[task[0]] += 1
                        if deaths[task[0]] > _DEATHS:
                            raise QuantlabError(
                                f"the worker of one task died {deaths[task[0]]} times, with "
                                f"{len(waiting) + len(running) + 1} tasks left; memory may be "
                                "short: run the same command with fewer --workers to resume"
                            ) from error
                        waiting.append(task)
                    else:
                        yield outcome
        finally:
            for reference in running:
                ray.cancel(reference, force=True)


def _in_folder(folder: str, work: Callable[[Any], Any], task: tuple[int, Any]) -> Any:
    """Run a task where the command runs, so that relative paths mean the same."""
    os.chdir(folder)
    return work(task)


def _import_ray() -> Any:
    # No statistics are sent anywhere, and a task without a GPU keeps its view of the devices.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise ConfigError(
            f"engine ray needs Ray, which cannot be imported here ({error}); "
            "install it with: pip install 'quantlab[ray]'"
        ) from error
    return ray


@contextlib.contextmanager
def _connected(ray: Any, workers: int) -> Iterator[None]:
    """Join the cluster there is; else start one on this machine and stop it afterwards."""
    if ray.is_initialized():
        yield
        return
    address = os.environ.get("RAY_ADDRESS", "")
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address:
            ray.init(address=address, **quiet)
        else:
            ray.init(
                address="local",
                num_cpus=workers,
                include_dashboard=False,
                _node_ip_address="127.0.0.1",
                **quiet,
            )
    except (ConnectionError, ValueError, RuntimeError) as error:
        where = f"at RAY_ADDRESS={address}" if address else "on this machine"
        raise ConfigError(
            f"no Ray cluster {where}: {error}; start one, or use --engine local"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()
