"""The tables that an analysis leaves behind: their names, columns, and which a run may lack."""

from collections.abc import Mapping
from typing import Literal, get_args

import pandas as pd

from quantlab.analysis import CLAIM_COLUMNS

TableName = Literal[
    "similarity",
    "rate",
    "accuracy",
    "confusion",
    "attraction",
    "references",
    "limits",
    "control",
    "claims",
    "displacement",
    "matched",
    "information",
    "routing",
    "ambiguity",
    "stages",
    "mixing",
    "routes",
    "speakers",
]
TABLES: tuple[TableName, ...] = get_args(TableName)

_KEYS = ("protocol", "recipe", "method", "lam")
_SIZES = ("num_items", "num_speakers")
_VALUES = ("value", "low", "high", *_SIZES)
_MEASURED = ("metric", "emotion", *_VALUES)

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "similarity": (*_KEYS, *_MEASURED),
    "rate": (*_KEYS, *_MEASURED),
    "accuracy": (*_KEYS, "probe", *_MEASURED, "chance", "majority", "constant"),
    "confusion": (*_KEYS, "probe", "emotion", "predicted", "count"),
    "attraction": (*_KEYS, "emotion", "target", *_VALUES, "verdict_before_holm"),
    "references": ("metric", "value", "note"),
    "limits": ("protocol", "metric", "limit", "emotion", "bits", "value"),
    "control": (*_KEYS, *_MEASURED),
    "claims": CLAIM_COLUMNS,
    "displacement": (*_KEYS, "emotion", "target", *_VALUES),
    "matched": ("protocol", "axis", "level", "recipe", "method", *_MEASURED, "clamped"),
    "information": (*_KEYS, "probe", *_MEASURED, "chance"),
    "routing": ("protocol", "lam", "rule", *_MEASURED, "chance", "bits"),
    "ambiguity": ("protocol", "recipe", "lam", "source", "agreement", *_MEASURED),
    "stages": ("protocol", "recipe", "stage", *_MEASURED, "chance"),
    "mixing": ("protocol", "pair", "way", "weight", "lam", "metric", *_VALUES),
    "routes": ("protocol", "target", "route", "lam", "metric", *_VALUES),
    "speakers": (*_KEYS, "metric", "emotion", "speaker", "value", "num_items"),
}
OPTIONAL: tuple[TableName, ...] = TABLES[TABLES.index("references") :]
"""Tables that are empty where a run lacks them."""

_NUMBERS = {
    *_VALUES,
    *("bits", "chance", "clamped", "constant", "count", "lam", "level", "majority", "min_speakers"),
    *("p_holm", "p_value", "speakers_needed", "stage", "weight"),
}


def empty_table(name: TableName) -> pd.DataFrame:
    """Return a table without rows."""
    kinds = {column: "float64" if column in _NUMBERS else "str" for column in COLUMNS[name]}
    if name == "claims":
        kinds["rests_on_labels"] = "bool"
    return pd.DataFrame({column: pd.Series(dtype=kind) for column, kind in kinds.items()})
