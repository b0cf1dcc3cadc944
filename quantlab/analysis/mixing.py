"""Mixed references and routes to an emotion: tidy tables of their outcomes, and paired effects.

Seeds of one item are averaged first; then items are, with intervals over speakers. `I` items, `L`
values of λ, `C` speakers, `M` conditions, `X` metrics.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from quantlab.analysis.matched import at_level
from quantlab.analysis.statistics import jackknife_intervals, quotient
from quantlab.errors import InputError

_MIXING_KEYS = ("protocol", "pair", "way", "weight", "lam")
_ROUTES_KEYS = ("protocol", "target", "route", "lam")
_OUTCOMES = ("bits_per_vector", "distortion", "speaker_told")
_MIXING_METRICS = ("min_posterior", "angle_first", "angle_second", *_OUTCOMES)
_ROUTES_METRICS = ("p_target", "attraction_target", "own_way", *_OUTCOMES)
_SINGLE_WEIGHTS = {"single_first": 1.0, "single_second": 0.0}
_UNQUANTIZED = "plain_mean"
_ITEM = ("item", "speaker", "text_id")
_DIRECT, _THROUGH_NEUTRAL = "direct", "neutral_first"


def mixing_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Average the outcomes of mixing over pairs of references.

    Parameters
    ----------
    rows : pd.DataFrame
        One row per pair of references × way × weight × λ × seed, as a sweep writes them: protocol,
        pair, way, weight, lam, item, speaker, a posterior ``p_<emotion>`` per emotion,
        min_posterior, angle_first, angle_second, bits_per_vector, distortion, speaker_told.

    Returns
    -------
    pd.DataFrame
        Sorted by protocol, pair, way, weight, lam and metric (the posteriors first): value, the
        ends low and high of its 95 % interval (NaN with one speaker), num_items, num_speakers. A
        row exists only where there is something to report.

    Raises
    ------
    InputError
        A column is missing, or there are no rows.
    """
    posteriors = tuple(str(name) for name in rows.columns if str(name).startswith("p_"))
    return _table(rows, _MIXING_KEYS, (*posteriors, *_MIXING_METRICS))


def routes_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Average the outcomes of routes over items.

    Parameters
    ----------
    rows : pd.DataFrame
        One row per item × target × route × λ × seed: protocol, target, route, lam, item, speaker,
        p_target, attraction_target, own_way, bits_per_vector, distortion, speaker_told.

    Returns
    -------
    pd.DataFrame
        As `mixing_table`, sorted by protocol, target, route, lam and metric.

    Raises
    ------
    InputError
        A column is missing, or there are no rows.
    """
    return _table(rows, _ROUTES_KEYS, _ROUTES_METRICS)


def mixing_effect(
    rows: pd.DataFrame,
    pair: str | None = None,
    *,
    way: str = "barycentre",
    reference: str = "mixed_blur",
    weight: float = 0.5,
    lam: float | None = None,
) -> pd.DataFrame:
    """Return by how much one way to mix beats another in the lesser of the two posteriors.

    Parameters
    ----------
    rows : pd.DataFrame
        As in `mixing_table`, with text_id.
    pair : str, optional
        ``"sad+happy"`` for instance; all pairs when left out.
    way, reference : str
        What is compared; of ``single_first`` and ``single_second`` the weight does not matter, of
        ``plain_mean`` λ does not.
    weight : float, 0 to 1
        Share of the first reference.
    lam : float, optional
        λ of both; when left out the middle one of the rows, the lower of two.

    Returns
    -------
    pd.DataFrame
        item, speaker, text_id, value: one row per pair of references that both have, the seeds
        averaged; none where the rows do not hold both.

    Raises
    ------
    InputError
        A column is missing, or there are no rows.
    """
    _demand(rows, (*_MIXING_KEYS, *_ITEM, "min_posterior"))
    chosen = _only(rows, "pair", pair)
    if chosen.empty:
        return pd.DataFrame(columns=[*_ITEM, "value"])
    lams = np.unique(chosen["lam"].to_numpy(np.float64))
    level = float(lams[(len(lams) - 1) // 2]) if lam is None else lam
    sides = [
        _posteriors(
            chosen,
            name,
            _SINGLE_WEIGHTS.get(name, weight),
            0.0 if name == _UNQUANTIZED else level,
        )
        for name in (way, reference)
    ]
    paired = (sides[0] - sides[1]).dropna()
    return paired.rename("value").reset_index().drop(columns=["protocol", "pair"])


def routes_effect(
    rows: pd.DataFrame,
    target: str | None = None,
    *,
    axis: str = "bits_per_vector",
    outcome: str = "own_way",
) -> pd.DataFrame:
    """Return what the way through neutral adds to an outcome, at equal bits.

    Both routes' curves over λ are read, item by item, at one level of bits (or of distortion): the
    middle of the range that both mean curves of a target cover. Where an item's own curve does not
    reach the level, its nearer end is taken.

    Parameters
    ----------
    rows : pd.DataFrame
        As in `routes_table`, with text_id.
    target : str, optional
        One emotion; all when left out.
    axis : {"bits_per_vector", "distortion"}
        What is equal.
    outcome : {"own_way", "p_target", "attraction_target"}
        What is compared. Posteriors and attraction rest on training items, which codebooks of the
        target resemble by construction; only the speaker's own way does not.

    Returns
    -------
    pd.DataFrame
        item, speaker, text_id, value, target, level and clamped (share of the two curves that do
        not reach it: 0, 0.5 or 1): one row per item × target, the seeds averaged. None where a
        route is missing, or where the mean curves have no level in common.

    Raises
    ------
    InputError
        A column is missing, or there are no rows.
    """
    _demand(rows, (*_ROUTES_KEYS, *_ITEM, outcome, axis))
    chosen = _only(rows, "target", target)
    keys = ["protocol", "target", *_ITEM]
    curves = _seed_means(chosen, [*keys, "route", "lam"], [axis, outcome])
    wide = pd.DataFrame(curves.unstack(["route", "lam"]))  # one row per item × target
    of_target = wide.groupby(level=["protocol", "target"], sort=True).indices
    found = [_at_equal_level(wide.take(places), axis, outcome) for places in of_target.values()]
    columns = [*_ITEM, "value", "target", "level", "clamped"]
    kept = [part.reset_index()[columns] for part in found if len(part)]
    return pd.DataFrame(pd.concat(kept, ignore_index=True) if kept else [], columns=columns)


def _at_equal_level(wide: pd.DataFrame, axis: str, outcome: str) -> pd.DataFrame:
    """Compare the two routes of one target; columns (quantity, route, λ), one row per item."""
    whole = wide.dropna()
    routes = {*wide.columns.get_level_values("route")}
    if not len(whole) or not {_DIRECT, _THROUGH_NEUTRAL} <= routes:
        return pd.DataFrame()
    along, reached = (
        {
            route: np.asarray(whole.xs((quantity, route), axis=1), np.float64)
            for route in (_THROUGH_NEUTRAL, _DIRECT)
        }
        for quantity in (axis, outcome)
    )
    means = [curve.mean(axis=0) for curve in along.values()]
    low, high = max(mean.min() for mean in means), min(mean.max() for mean in means)
    if low > high:
        return pd.DataFrame()
    level = 0.5 * (low + high)
    through, direct = (
        at_level(along[route].T, reached[route].T, level) for route in (_THROUGH_NEUTRAL, _DIRECT)
    )
    return pd.DataFrame(
        {
            "value": through.values - direct.values,
            "level": level,
            "clamped": 0.5 * (through.clamped.astype(float) + direct.clamped),
        },
        index=whole.index,
    )


def _posteriors(rows: pd.DataFrame, way: str, weight: float, lam: float) -> pd.Series:
    """Return the lesser posterior of each pair of references under one condition."""
    there = (
        (rows["way"].astype(str) == way)
        & np.isclose(rows["weight"].to_numpy(np.float64), weight)
        & np.isclose(rows["lam"].to_numpy(np.float64), lam)
    )
    keys = ["protocol", "pair", *_ITEM]
    means = _seed_means(rows.take(np.flatnonzero(there)), keys, ["min_posterior"])
    return pd.Series(means["min_posterior"])


def _only(rows: pd.DataFrame, column: str, value: str | None) -> pd.DataFrame:
    """Return the rows with one value in a column; all of them for None."""
    if value is None:
        return rows
    return rows.take(np.flatnonzero(rows[column].astype(str) == value))


def _seed_means(rows: pd.DataFrame, keys: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
    """Average the seeds of each item; NaN where there is no value."""
    # Categories as text: a key then has the values that occur, and two tables' keys can be joined.
    texts = {name: rows[name].astype(str) for name in keys if name != "lam" and name != "weight"}
    grouped = rows.assign(**texts).groupby(list(keys), sort=True)
    return pd.DataFrame(grouped[list(columns)].mean())


def _table(rows: pd.DataFrame, keys: Sequence[str], metrics: Sequence[str]) -> pd.DataFrame:
    """Average metrics over items within conditions, with intervals over speakers."""
    _demand(rows, (*keys, "item", "speaker", *metrics))
    items = _seed_means(rows, [*keys, "item", "speaker"], metrics).reset_index()
    conditions = items.groupby(list(keys), sort=True)
    condition, speaker = conditions.ngroup().to_numpy(), pd.factorize(items["speaker"])[0]
    names = conditions.first().reset_index()[list(keys)]
    shape = (speaker.max() + 1, len(names), len(metrics))
    values = items[list(metrics)].to_numpy(np.float64)
    known = np.isfinite(values)
    sums, counts = np.zeros(shape), np.zeros(shape)
    np.add.at(sums, (speaker, condition), np.where(known, values, 0.0))
    np.add.at(counts, (speaker, condition), known)
    found = jackknife_intervals(
        np.stack([sums, counts], axis=-1),
        lambda total: quotient(total[..., 0], total[..., 1]),
        present=counts > 0,
    )
    table = names.loc[np.repeat(np.arange(len(names)), len(metrics))].reset_index(drop=True)
    table = table.assign(
        metric=np.tile(np.array(metrics, object), len(names)),
        value=found.value.ravel(),
        low=found.low.ravel(),
        high=found.high.ravel(),
        num_items=counts.sum(axis=0).astype(np.int64).ravel(),
        num_speakers=found.num_clusters.astype(np.int64).ravel(),
    )
    return table[table["num_items"] > 0].reset_index(drop=True)


def _demand(rows: pd.DataFrame, columns: Sequence[str]) -> None:
    missing = [name for name in columns if name not in rows.columns]
    if missing:
        raise InputError(f"The rows lack the columns {', '.join(missing)}; a sweep writes them.")
    if rows.empty:
        raise InputError("There are no rows to summarise; has any trial of mixing finished?")
