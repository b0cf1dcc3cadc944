"""Two runs compared speaker by speaker, at equal bits or at equal distortion, never at equal λ.

Bits are comparable between any two runs of one kind of vector. Distortion is a squared distance in
z, which each embedder has its own of: equal distortion means something between runs of one embedder
only. `S` speakers, `L` values of λ.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quantlab.analysis.effects import LEVEL
from quantlab.analysis.items import BALANCED, PAYLOAD
from quantlab.analysis.matched import at_level
from quantlab.analysis.statistics import t_quantile
from quantlab.errors import InputError

AXES = (PAYLOAD, "distortion")
"""What two runs can be made equal in."""
DIFFERENCE_COLUMNS = (
    "axis",
    "level",
    "emotion",
    "value_first",
    "value_second",
    "difference",
    "low",
    "high",
    "num_speakers",
    "num_first",
    "num_second",
    "paired",
)

_FEWEST = 2
_NUM_STEPS = 24
_STEPS = (1.0, 2.0, 5.0, 10.0)


def difference_table(
    first: pd.DataFrame,
    second: pd.DataFrame,
    *,
    metric: str,
    axis: str = PAYLOAD,
    protocol: str = "speaker",
    recipe: str = BALANCED,
    levels: Sequence[float] | None = None,
    same_corpus: bool = True,
) -> pd.DataFrame:
    """Compare two runs where both spend as many bits, or are as distorted.

    Parameters
    ----------
    first, second : pd.DataFrame
        The tables `speakers` of both runs: columns protocol, recipe, lam, metric, emotion, speaker
        and value.
    metric : str
        What is compared: one of the tables' metrics, but not the axis itself.
    axis : {"payload_bits", "distortion"}
        What is held equal. Distortion is comparable between runs of one embedder only.
    protocol, recipe : str
        Which rows, of both.
    levels : sequence of float, optional
        Where on the axis; round numbers over the range that both runs have when omitted.
    same_corpus : bool
        Whether equal names of speakers mean equal speakers.

    Returns
    -------
    pd.DataFrame
        The columns of `DIFFERENCE_COLUMNS`, one row per emotion of both runs ("all" first) and
        level. Every speaker's curve over λ is interpolated between its neighbouring points; a
        speaker whose curve does not reach a level is left out there, and a level that fewer than
        two speakers reach in either run has no row. Means are over speakers, each counting alike.
        `paired`: the runs share at least two speakers, whose own differences give Student's t
        interval; otherwise it is Welch's, and `num_speakers` is the smaller of `num_first` and
        `num_second`. Intervals are 95 %, each by itself. Without rows where a run lacks what is
        asked for.

    Raises
    ------
    InputError
        If the axis is unknown or is the metric itself, or a level is not a number.

    References
    ----------
    Welch (1947), "The generalization of 'Student's' problem when several different population
    variances are involved", Biometrika 34.
    """
    if axis not in AXES:
        raise InputError(f"runs cannot be made equal in {axis!r}; choose from {list(AXES)}")
    if metric == axis:
        raise InputError(
            f"runs that are equal in {axis!r} do not differ in it; choose another metric or axis"
        )
    if levels is not None and not np.isfinite(np.asarray(levels, dtype=np.float64)).all():
        raise InputError(f"the levels {list(levels)} must be finite numbers")
    sides = [
        _curves(table, metric=metric, axis=axis, protocol=protocol, recipe=recipe)
        for table in (first, second)
    ]
    if not all(sides):
        return _tabulated([])
    places = _levels(*sides) if levels is None else np.asarray(levels, dtype=np.float64)
    names = [{name for curves in side.values() for name in curves.speakers} for side in sides]
    paired = same_corpus and len(names[0] & names[1]) >= _FEWEST
    rows = []
    for emotion, own in sides[0].items():
        if emotion not in sides[1]:
            continue
        for level in places:
            read = [curves.at(level) for curves in (own, sides[1][emotion])]
            row = _compared(*read, paired=paired)
            if row:
                rows.append({"axis": axis, "level": float(level), "emotion": emotion, **row})
    return _tabulated(rows)


@dataclass(frozen=True, eq=False)
class _Curves:
    """The speakers' curves of one emotion in one run: `axis` and `values` are [L, S]."""

    speakers: tuple[str, ...]
    axis: np.ndarray
    values: np.ndarray

    def at(self, level: float) -> pd.Series:
        """Return the value of every speaker whose curve reaches a level."""
        read = at_level(self.axis, self.values, float(level))
        inside = ~read.clamped & np.isfinite(read.values)
        return pd.Series(read.values[inside], index=np.asarray(self.speakers)[inside])


def _curves(
    table: pd.DataFrame, *, metric: str, axis: str, protocol: str, recipe: str
) -> dict[str, _Curves]:
    """Return the curves of each emotion, in the order of the table."""
    here = (table["protocol"] == protocol) & (table["recipe"] == recipe)
    kept = table.loc[here & table["metric"].isin([metric, axis]) & table["lam"].notna()]
    found = {}
    for emotion, rows in kept.groupby("emotion", sort=False):
        wide = rows.pivot(index=["metric", "lam"], columns="speaker", values="value")
        if not {metric, axis} <= set(wide.index.get_level_values("metric")):
            continue
        values, along = wide.loc[metric], wide.loc[axis]
        along = along.reindex(values.index)
        found[str(emotion)] = _Curves(
            tuple(map(str, wide.columns)), along.to_numpy(np.float64), values.to_numpy(np.float64)
        )
    return found


def _levels(first: dict[str, _Curves], second: dict[str, _Curves]) -> np.ndarray:
    """Return round numbers over the range of the axis that both runs have."""
    ends = []
    for side in (first, second):
        places = np.concatenate([curves.axis.ravel() for curves in side.values()])
        ends.append((np.nanmin(places), np.nanmax(places)))
    low, high = max(end[0] for end in ends), min(end[1] for end in ends)
    if not low < high:
        return np.empty(0)
    rough = (high - low) / _NUM_STEPS
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(part * power for part in _STEPS if part * power >= rough * (1 - 1e-9))
    decimals = max(0, -int(np.floor(np.log10(step))))
    return np.round(np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step, decimals)


def _compared(first: pd.Series, second: pd.Series, *, paired: bool) -> dict[str, object]:
    """Compare the speakers of one emotion at one level; nothing where there are too few."""
    if paired:
        first, second = first.align(second, join="inner")
    own, other = first.to_numpy(np.float64), second.to_numpy(np.float64)
    if min(len(own), len(other)) < _FEWEST:
        return {}
    difference = float((own - other).mean() if paired else own.mean() - other.mean())
    half = _paired_half(own - other) if paired else _welch_half(own, other)
    return {
        "value_first": float(own.mean()),
        "value_second": float(other.mean()),
        "difference": difference,
        "low": difference - half,
        "high": difference + half,
        "num_speakers": min(len(own), len(other)),
        "num_first": len(own),
        "num_second": len(other),
        "paired": paired,
    }


def _paired_half(differences: np.ndarray) -> float:
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    return float(t_quantile(len(differences), level=LEVEL) * error)


def _welch_half(first: np.ndarray, second: np.ndarray) -> float:
    parts = np.array([side.var(ddof=1) / len(side) for side in (first, second)])
    total = parts.sum()
    if total == 0.0:
        return 0.0
    freedom = total**2 / (parts**2 / [len(first) - 1, len(second) - 1]).sum()
    return float(t_quantile(freedom + 1.0, level=LEVEL) * np.sqrt(total))


def _tabulated(rows: Sequence[dict[str, object]]) -> pd.DataFrame:
    kinds = dict.fromkeys(DIFFERENCE_COLUMNS, "float64") | {
        "axis": "str",
        "emotion": "str",
        "paired": "bool",
        **dict.fromkeys(("num_speakers", "num_first", "num_second"), "int64"),
    }
    return pd.DataFrame(list(rows), columns=list(DIFFERENCE_COLUMNS)).astype(kinds)
