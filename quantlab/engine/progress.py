"""Progress on standard error: a bar on a terminal, a line now and then in a log."""

import sys
import time
from typing import Self

_LINE_EVERY_S = 10.0


class Ticker:
    """Counts finished pieces of work and shows rate and time left.

    Parameters
    ----------
    label : str
        What is being done, ``"sweep"`` for instance.
    total : int
        How many pieces there are.
    shown : bool
        Whether to show anything at all.

    Examples
    --------
    >>> with Ticker("count", 2, shown=False) as ticker:
    ...     ticker.advance()
    """

    def __init__(self, label: str, total: int, *, shown: bool = True) -> None:
        self._label = label
        self._total = total
        self._shown = shown and total > 0
        self._done = 0
        self._bar = None
        self._started = self._last_line = time.monotonic()

    def __enter__(self) -> Self:
        self._started = self._last_line = time.monotonic()
        if self._shown and sys.stderr.isatty():
            self._bar = _terminal_bar()
            self._bar.start()
            self._bar_task = self._bar.add_task(self._label, total=self._total, rate="")
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif self._shown:
            self._line()

    def advance(self, count: int = 1) -> None:
        """Record that `count` more pieces are finished."""
        self._done += count
        if self._bar is not None:
            self._bar.update(self._bar_task, completed=self._done, rate=self._rate())
        elif self._shown and time.monotonic() - self._last_line > _LINE_EVERY_S:
            self._line()

    def _rate(self) -> str:
        elapsed = max(time.monotonic() - self._started, 1e-9)
        rate = self._done / elapsed
        return f"{rate:.1f}/s" if rate >= 1 or rate == 0 else f"{1 / rate:.1f} s each"

    def _line(self) -> None:
        self._last_line = time.monotonic()
        elapsed = self._last_line - self._started
        left = elapsed / self._done * (self._total - self._done) if self._done else float("nan")
        remaining = f", {left:.0f} s left" if 0 < self._done < self._total else ""
        sys.stderr.write(
            f"{self._label}: {self._done} of {self._total}, {self._rate()}, "
            f"{elapsed:.0f} s so far{remaining}\n"
        )
        sys.stderr.flush()


class Counter:
    """A progress callback for functions that report how many of how many are done.

    Parameters
    ----------
    label : str
        What is being done.
    shown : bool
        Whether to show anything at all.

    Examples
    --------
    >>> with Counter("index", shown=False) as counter:
    ...     counter(1, 2)
    """

    def __init__(self, label: str, *, shown: bool = True) -> None:
        self._label = label
        self._shown = shown
        self._ticker: Ticker | None = None
        self._done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        if self._ticker is not None:
            self._ticker.__exit__(*details)

    def __call__(self, done: int, total: int) -> None:
        """Take note that `done` of `total` pieces are finished."""
        if self._ticker is None:
            self._ticker = Ticker(self._label, total, shown=self._shown).__enter__()
        self._ticker.advance(done - self._done)
        self._done = done


def _terminal_bar():
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description:>8}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
