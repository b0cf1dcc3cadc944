import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from quantlab.engine import Ticker, default_workers, run_tasks
from quantlab.errors import QuantlabError


def _square(value: int) -> int:
    if value == 3:
        raise ValueError("three")
    return value * value


def _product(seed: int) -> bytes:
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


@pytest.mark.parametrize(("workers", "threads"), [(1, False), (2, False), (2, True)])
def test_a_failure_ends_only_its_own_task(workers: int, threads: bool) -> None:
    outcomes = run_tasks(
        _square, range(5), label="t", workers=workers, threads=threads, progress=False
    )
    assert [outcome.value for outcome in outcomes] == [0, 1, 4, None, 16]
    assert outcomes[3].error == "ValueError: three"
    assert "_square" in outcomes[3].trace


def test_results_do_not_depend_on_the_number_of_workers() -> None:
    one, two, threads = (
        [
            outcome.value
            for outcome in run_tasks(
                _product, range(4), label="t", workers=n, threads=threads, progress=False
            )
        ]
        for n, threads in ((1, False), (2, False), (2, True))
    )
    assert one == two == threads


def _process_and_threads(_: int) -> tuple[int, int]:
    import torch

    return os.getpid(), torch.get_num_threads()


def test_threads_share_this_process_and_have_one_core_each() -> None:
    import torch

    before = torch.get_num_threads()
    outcomes = run_tasks(
        _process_and_threads, range(6), label="t", workers=2, threads=True, progress=False
    )
    assert {outcome.value for outcome in outcomes} == {(os.getpid(), 1)}
    assert torch.get_num_threads() == before


def test_a_dead_worker_is_replaced(tmp_path: Path) -> None:
    marker = str(tmp_path / "died")
    outcomes = run_tasks(_die_once, [marker] * 3, label="t", workers=2, progress=False)
    assert [outcome.value for outcome in outcomes] == ["lived"] * 3


def test_workers_that_always_die_end_in_a_sentence() -> None:
    with pytest.raises(QuantlabError, match=r"died 3 times.*--workers 1"):
        run_tasks(_die, range(3), label="t", workers=2, progress=False)


def test_no_tasks() -> None:
    assert run_tasks(_square, [], label="t", workers=2) == []


def test_default_workers() -> None:
    assert 1 <= default_workers() <= (os.cpu_count() or 1)


def test_progress_says_rate_and_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(np.arange(0, 1000, 11.0))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    with Ticker("train", 4) as ticker:
        ticker.advance()
        ticker.advance(3)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("train: 1 of 4, ")
    assert lines[0].endswith("s left")
    assert lines[-1].startswith("train: 4 of 4, ")


def test_progress_can_be_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with Ticker("train", 2, shown=False) as ticker:
        ticker.advance(2)
    assert capsys.readouterr().err == ""
