"""Training curves: a table that is always written, and TensorBoard where it is installed."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from quantlab.errors import InputError
from quantlab.store import read_table, write_table

TABLE = "curves.parquet"
SCHEMA = {"step": "int64", "epoch": "int64", "part": "string", "name": "string", "value": "float64"}
NO_TENSORBOARD = (
    "TensorBoard is not installed, so there are no event files, only curves.parquet; to have them, "
    "pip install tensorboard"
)


class Curves:
    """Values of a training over its steps, in long format: step, epoch, part, name, value.

    Parameters
    ----------
    folder : str or Path
        Where ``curves.parquet`` and the event files go.
    step : int
        Step from which training goes on; later values of an earlier run are dropped.
    """

    def __init__(self, folder: str | Path, *, step: int) -> None:
        self._folder = Path(folder)
        self._rows: list[tuple[int, int, str, str, float]] = []
        if step and (self._folder / TABLE).is_file():
            table = read_table(self._folder / TABLE)
            kept = table[table["step"] <= step]
            self._rows = list(kept.itertuples(index=False, name=None))
        self._events = _tensorboard(self._folder / "tensorboard")

    @property
    def has_tensorboard(self) -> bool:
        """Whether event files are written."""
        return self._events is not None

    def add(self, step: int, epoch: int, part: str, values: Mapping[str, float]) -> None:
        """Take note of the values of a part, ``"train"`` or ``"validation"``, after `step` steps.

        Raises
        ------
        InputError
            A value is NaN or infinite.
        """
        for name, value in values.items():
            if not abs(value) < float("inf"):
                raise InputError(f"{part} {name} is {value} after step {step}")
            self._rows.append((step, epoch, part, name, value))
        if self._events is not None:
            tagged = {f"{part}/{name}": value for name, value in values.items()}
            self._events.log_metrics(tagged, step)

    def save(self) -> None:
        """Write the table; errors as `quantlab.store.write_table`."""
        table = pd.DataFrame(self._rows, columns=list(SCHEMA))
        write_table(self._folder / TABLE, table, schema=SCHEMA)

    def close(self) -> None:
        """Write what TensorBoard still holds."""
        if self._events is not None:
            with contextlib.suppress(OSError):  # a full disk is told of by what must be written
                self._events.finalize("success")


def _tensorboard(folder: Path) -> Any:
    """Return Lightning's logger, None where TensorBoard is not installed."""
    from lightning.fabric.loggers.tensorboard import TensorBoardLogger

    try:
        return TensorBoardLogger(folder, name="", version="")
    except ModuleNotFoundError:
        return None
