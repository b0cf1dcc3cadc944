"""How a trial ends: in one whole table, or in a record of why it failed."""

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from quantlab.errors import InputError, IntegrityError
from quantlab.store import read_table, table_metadata, write_json, write_table
from quantlab.sweep.measure import ROW_DECIMALS


def is_whole(table: Path, fingerprint: str) -> bool:
    """Say whether a trial's table is there, undamaged and of this fingerprint."""
    try:
        if table_metadata(table).get("fingerprint") != fingerprint:
            return False
        read_table(table)
    except (InputError, IntegrityError):
        return False
    return True


def write_rows(
    table: Path, rows: pd.DataFrame, *, schema: Mapping[str, str], fingerprint: str
) -> None:
    """Write the rows of a trial, reals rounded so that the last bits of a sum do not matter."""
    ordered = rows.loc[:, list(schema)]
    reals = ordered.select_dtypes("float64").columns
    rounded = ordered.assign(**{name: ordered[name].round(ROW_DECIMALS) for name in reals})
    write_table(table, rounded, schema=schema, metadata={"fingerprint": fingerprint})


def attempt(run: Callable[[], None], *, failure: Path, about: Mapping[str, Any]) -> bool:
    """Run a trial; when it fails, record why. Return whether it went well.

    Parameters
    ----------
    run : Callable
        The trial.
    failure : Path
        Where the record goes; that of an earlier attempt is removed.
    about : Mapping[str, Any]
        What the record says besides: fingerprint, recipe, fold.
    """
    failure.unlink(missing_ok=True)
    try:
        run()
    except Exception as error:
        record = {
            "status": "failed",
            **about,
            "error": f"{type(error).__name__}: {error}",
            "trace": traceback.format_exc(),
        }
        write_json(failure, record)
        return False
    return True
