"""Comparison at equal bits or equal distortion: curves over λ, read at one level of the axis.

Equal λ is neither equal rate nor equal distortion, so codecs, recipes and reductions are compared
where their curves cross one level. `N` items, `L` values of λ.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quantlab.analysis.items import (
    BALANCED,
    CODEC,
    PAYLOAD,
    Columns,
    ItemTable,
    means_columns,
    tabulated,
)
from quantlab.errors import InputError

SHARES = (0.2, 0.35, 0.5, 0.65, 0.8)
"""Where levels lie between the ends of the balanced codec's mean curve."""

HALF = 0.5


@dataclass(frozen=True, eq=False)
class AtLevel:
    """Curves read at one level.

    Attributes
    ----------
    values : np.ndarray, float64, shape [N]
        NaN where an item has no curve.
    clamped : np.ndarray of bool, shape [N]
        Whether the level lies outside an item's curve, whose nearer end was taken.
    """

    values: np.ndarray
    clamped: np.ndarray


def at_level(axis: np.ndarray, values: np.ndarray, level: float) -> AtLevel:
    """Interpolate each item's curve at one level of an axis.

    Parameters
    ----------
    axis : np.ndarray, float64, shape [L, N]
        Bits or distortion of each item over λ; need not be sorted.
    values : np.ndarray, float64, shape [L, N]
        What is read.
    level : float
        Where; in the unit of `axis`.

    Returns
    -------
    AtLevel
        Linear between the neighbouring points of the axis; points at one place are averaged.

    Raises
    ------
    InputError
        If shapes differ or there is no λ.

    Examples
    --------
    >>> at_level(np.array([[4.0], [2.0]]), np.array([[1.0], [0.0]]), 3.0).values.tolist()
    [0.5]
    """
    if axis.shape != values.shape or axis.ndim != 2 or not len(axis):
        raise InputError(
            f"an axis of shape {axis.shape} and values of shape {values.shape} are no curves; "
            "give one row per λ and one column per item to both"
        )
    known = np.isfinite(axis) & np.isfinite(values)
    below, above = known & (axis <= level), known & (axis >= level)
    left, has_left = _nearest(axis, values, below, largest=True)
    right, has_right = _nearest(axis, values, above, largest=False)
    gap = right.place - left.place
    share = np.divide(level - left.place, gap, out=np.zeros_like(gap), where=gap > 0)
    between = left.value + share * (right.value - left.value)
    inside = has_left & has_right
    found = np.where(inside, between, np.where(has_left, left.value, right.value))
    return AtLevel(np.where(known.any(axis=0), found, np.nan), known.any(axis=0) & ~inside)


@dataclass(frozen=True, eq=False)
class _Points:
    place: np.ndarray
    value: np.ndarray


def _nearest(
    axis: np.ndarray, values: np.ndarray, among: np.ndarray, *, largest: bool
) -> tuple[_Points, np.ndarray]:
    """Return for each item the outermost of the chosen points, and whether there is one."""
    sign = 1.0 if largest else -1.0
    places = sign * np.where(among, sign * axis, -np.inf).max(axis=0)
    here = among & (axis == places)
    count = here.sum(axis=0)
    sums = np.where(here, values, 0.0).sum(axis=0)
    value = np.divide(sums, count, out=np.full(len(count), np.nan), where=count > 0)
    return _Points(np.where(count > 0, places, 0.0), np.nan_to_num(value)), count > 0


def level_of(
    table: ItemTable, axis: str, share: float, *, recipe: str = BALANCED, method: str = CODEC
) -> float:
    """Return the level that lies `share` of the way between the ends of a mean curve.

    Parameters
    ----------
    table : ItemTable
        The items.
    axis : str
        "payload_bits" or "distortion".
    share : float, 0 to 1
        0: the lowest mean over the ladder, 1: the highest.
    recipe, method : str
        Whose curve.
    """
    means = np.nanmean(table.curve(axis, recipe=recipe, method=method), axis=1)
    return float(means.min() + share * (means.max() - means.min()))


def matched(
    table: ItemTable,
    column: str,
    *,
    axis: str,
    level: float,
    recipe: str = BALANCED,
    method: str = CODEC,
) -> AtLevel:
    """Read a column, or a probe's hits (``"recall_<probe>"``), at one level of an axis."""
    bits = table.curve(axis, recipe=recipe, method=method)
    return at_level(bits, _curve(table, column, recipe, method), level)


def answers_at_level(
    table: ItemTable, probe: str, *, axis: str, level: float, recipe: str = BALANCED
) -> np.ndarray:
    """Read the share of seeds in which a probe gave each label at one level, float64 [N, E]."""
    lams = table.lams(recipe=recipe)
    shares = np.stack([table.answers(probe, lam=lam, recipe=recipe) for lam in lams])
    along = table.curve(axis, recipe=recipe)
    return np.stack(
        [at_level(along, shares[..., place], level).values for place in range(shares.shape[2])],
        axis=1,
    )


def _curve(table: ItemTable, column: str, recipe: str, method: str) -> np.ndarray:
    if column.startswith("recall_"):
        probe = column.replace("recall_", "probe_", 1)
        return table.hit_curve(probe, recipe=recipe, method=method)
    return table.curve(column, recipe=recipe, method=method)


def matched_table(table: ItemTable, probes: Sequence[str]) -> pd.DataFrame:
    """Tabulate similarity, recognition, bits and distortion of all curves at equal levels.

    Parameters
    ----------
    table : ItemTable
        The items of one protocol.
    probes : sequence of str
        Probes whose recall is read, by name.

    Returns
    -------
    pd.DataFrame
        Columns protocol, axis, level, recipe, method, metric, emotion, value, low, high, num_items,
        num_speakers and clamped, the share of items whose own curve does not reach the level.
    """
    parts = []
    for axis in (PAYLOAD, "distortion"):
        if not table.has(axis):
            continue
        levels = [level_of(table, axis, share) for share in SHARES]
        for recipe, method, columns in _curves(table, axis, probes):
            parts += [
                _at_levels(table, axis, levels, recipe, method, name, column)
                for name, column in columns.items()
            ]
    return tabulated(parts)


def _curves(
    table: ItemTable, axis: str, probes: Sequence[str]
) -> Iterable[tuple[str, str, dict[str, str]]]:
    for recipe in table.recipes:
        for method in table.methods(recipe):
            drawn = {"recipe": recipe, "method": method}
            if len(table.lams(**drawn)) < 2 or not table.has(axis, **drawn):
                continue
            columns = {name: name for name in ("cos_centred_frames", PAYLOAD, "distortion")}
            columns |= {f"recall_{name}": f"recall_{name}" for name in probes}
            if recipe.startswith("biased:"):
                columns["attraction_own"] = f"attraction_{recipe.partition(':')[2]}"
            yield (
                recipe,
                method,
                {
                    name: column
                    for name, column in columns.items()
                    if column.startswith("recall_") or table.has(column, **drawn)
                },
            )


def _at_levels(
    table: ItemTable,
    axis: str,
    levels: list[float],
    recipe: str,
    method: str,
    name: str,
    column: str,
) -> Columns:
    along = table.curve(axis, recipe=recipe, method=method)
    curve = _curve(table, column, recipe, method)
    read = [at_level(along, curve, level) for level in levels]
    values = np.stack([part.values for part in read])
    found, num_items = table.means(values, by_class=name.startswith("recall_"))
    keys = {"protocol": table.protocol, "axis": axis, "recipe": recipe, "method": method}
    columns = means_columns(
        found, num_items, {"level": levels}, table.emotions, **keys, metric=name
    )
    clamped = np.array([part.clamped.mean() for part in read])
    return {**columns, "clamped": clamped[np.searchsorted(levels, columns["level"])]}
