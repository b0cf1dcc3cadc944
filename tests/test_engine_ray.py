"""Ray, on a cluster of two workers that is started once for this module."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from quantlab.engine import run_tasks
from quantlab.engine.cluster import run_on_ray
from quantlab.errors import ConfigError, QuantlabError

ray = pytest.importorskip("ray")


def _product(seed: int) -> bytes:
    if seed == 3:
        raise ValueError("three")
    matrix = np.random.default_rng(seed).normal(size=(200, 200))
    return (matrix @ matrix).tobytes()


def _die_once(marker: str) -> str:
    path = Path(marker)
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), 9)
    return "lived"


def _die(_: int) -> None:
    os.kill(os.getpid(), 9)


def _folder(_: int) -> tuple[str, int]:
    return os.getcwd(), os.getpid()


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        _node_ip_address="127.0.0.1",
    )
    yield
    ray.shutdown()


@pytest.mark.usefixtures("cluster")
def test_ray_gives_what_this_process_gives() -> None:
    here, there = (
        run_tasks(_product, range(8), label="t", workers=n, engine=engine, progress=False)
        for n, engine in ((1, "local"), (2, "ray"))
    )
    assert [one.value for one in here] == [one.value for one in there]
    assert [one.index for one in there] == list(range(8))
    assert there[3].error == "ValueError: three"
    assert "_product" in there[3].trace


@pytest.mark.usefixtures("cluster")
def test_a_dead_worker_is_replaced(tmp_path: Path) -> None:
    marker = str(tmp_path / "died")
    outcomes = run_tasks(
        _die_once, [marker] * 3, label="t", workers=2, engine="ray", progress=False
    )
    assert [outcome.value for outcome in outcomes] == ["lived"] * 3


@pytest.mark.usefixtures("cluster")
def test_a_task_that_always_kills_its_worker_ends_in_a_sentence() -> None:
    with pytest.raises(QuantlabError, match=r"died 3 times.*fewer --workers"):
        run_tasks(_die, [0], label="t", workers=2, engine="ray", progress=False)


@pytest.mark.usefixtures("cluster")
def test_tasks_run_in_the_folder_of_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = run_tasks(_folder, [0], label="t", engine="ray", progress=False)[0]
    folder, process = outcome.value
    assert Path(folder) == tmp_path.resolve()
    assert process != os.getpid()


@pytest.mark.usefixtures("cluster")
def test_nothing_to_do() -> None:
    assert run_tasks(_product, [], label="t", engine="ray") == []


def test_without_ray_the_message_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(ConfigError, match=r"quantlab\[ray\]"):
        list(run_on_ray(_product, [(0, 0)], 1))
