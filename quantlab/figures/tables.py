"""Choosing rows of the tidy tables."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd

from quantlab.analysis import nearest


def pick(table: pd.DataFrame, **keys: str | Sequence[str]) -> pd.DataFrame:
    """Return the rows whose columns have the given keys, in the order of λ.

    Parameters
    ----------
    table : pd.DataFrame
        With a column `lam`.
    **keys : str or sequence of str
        Column name to the value, or values, that are kept.

    Returns
    -------
    pd.DataFrame
        Unquantized rows (λ = NaN) first.
    """
    return pick_by(table, "lam", **keys)


def pick_by(table: pd.DataFrame, order: str, **keys: str | Sequence[str]) -> pd.DataFrame:
    """Return the rows whose columns have the given keys, in the order of another column."""
    mask = np.ones(len(table), dtype=bool)
    for name, wanted in keys.items():
        values = [wanted] if isinstance(wanted, str) else list(wanted)
        mask &= table[name].isin(values).to_numpy(dtype=bool)
    return where(table, mask).sort_values(order, kind="stable", na_position="first")


def where(table: pd.DataFrame, mask: Any) -> pd.DataFrame:
    """Return the rows of a boolean mask."""
    return cast(pd.DataFrame, table.loc[np.asarray(mask, dtype=bool)])


def coded(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that have a λ, that is all but the unquantized."""
    return where(table, table["lam"].notna())


def at_lam(table: pd.DataFrame, lam: float) -> pd.DataFrame:
    """Return the rows of one λ; NaN stands for the unquantized."""
    lams = numbers(table, "lam")
    return where(table, np.isnan(lams) if np.isnan(lam) else lams == lam)


def numbers(table: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column as float64 of shape [L]."""
    return table[column].to_numpy(dtype=np.float64)


def nearest_lam(table: pd.DataFrame, lam: float) -> float:
    """Return the λ of a table that is nearest to `lam`, NaN where it has none."""
    lams = np.unique(numbers(coded(table), "lam"))
    if not lams.size:
        return float("nan")
    return nearest(lams, lam)


def frame_of(table: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """Return some columns under other names; `columns` maps the name there to the new one."""
    return pd.DataFrame({new: table[old].to_numpy() for old, new in columns.items()})


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as mappings from column to value."""
    return cast(list[dict[str, Any]], table.to_dict("records"))
