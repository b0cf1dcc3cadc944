"""Sweep rows of one protocol as arrays over items, which claims and comparisons are computed from.

A *curve* is one recipe × method over its λ. Seeds of an item are averaged first, so that a seed is
neither another item nor another cluster. `N` items, `L` values of λ, `E` emotions, `C` speakers.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import numpy as np
import pandas as pd

from quantlab.analysis.rows import ALL, CodedRows, paid_bits, predicted_codes
from quantlab.analysis.statistics import Intervals, jackknife_intervals, quotient
from quantlab.errors import InputError

BALANCED, CODEC = "balanced", "codec"
PAYLOAD = "payload_bits"
"""Bits per vector: what was really written, code length where a method has no bitstream."""


class ItemTable:
    """Items of one protocol, and what each curve says of them.

    Parameters
    ----------
    coded : CodedRows
        The rows of a sweep.
    protocol : str
        Which of them to take.

    Attributes
    ----------
    emotions : tuple of str, length E
        The classes.
    item, speaker : np.ndarray of str, shape [N]
        Names.
    speaker_code, text_code : np.ndarray, int64, shape [N]
        Speakers and texts as numbers; -1 for a text that is unknown.
    emotion : np.ndarray, int64, shape [N]
        Positions in `emotions`.

    Raises
    ------
    InputError
        If there are no rows of that protocol.
    """

    def __init__(self, coded: CodedRows, protocol: str) -> None:
        self._coded = coded
        of_protocol = (coded.conditions["protocol"] == protocol).to_numpy()[coded.condition]
        self._rows = np.flatnonzero(of_protocol)
        if len(self._rows) == 0:
            raise InputError(f"the rows have no protocol {protocol!r}")
        self.protocol = protocol
        self.emotions = coded.emotions
        names = coded.table["item"].iloc[self._rows]
        self._item, items = pd.factorize(names, sort=True)
        self.item = np.asarray(items).astype(str)
        _, first = np.unique(self._item, return_index=True)
        known = coded.table.iloc[self._rows[first]]
        self.speaker = known["speaker"].to_numpy(str)
        self.speaker_code = np.unique(self.speaker, return_inverse=True)[1]
        self.text_code = np.full(len(known), -1)
        if "text_id" in known:
            texts = known["text_id"].astype(object)
            self.text_code = pd.factorize(texts.where(texts != ""))[0]
        self.emotion = coded.emotion[self._rows[first]]
        conditions, self._condition = np.unique(coded.condition[self._rows], return_inverse=True)
        self._curves: dict[tuple[str, str], dict[float, int]] = {}
        for place, (_, recipe, method, lam) in enumerate(
            coded.conditions.iloc[conditions].itertuples(index=False)
        ):
            lams = self._curves.setdefault((str(recipe), str(method)), {})
            lams[float(lam)] = place
        self._num_conditions = len(conditions)
        self._columns: dict[str, np.ndarray] = {}
        order = np.argsort(self._condition, kind="stable")
        ends = np.searchsorted(self._condition[order], np.arange(self._num_conditions + 1))
        self._order, self._ends = order, ends

    @property
    def num_items(self) -> int:
        """`N`."""
        return len(self.item)

    @cached_property
    def recipes(self) -> tuple[str, ...]:
        """The recipes of the rows, sorted."""
        return tuple(sorted({recipe for recipe, _ in self._curves}))

    def methods(self, recipe: str = BALANCED) -> tuple[str, ...]:
        """Return the methods of a recipe, sorted."""
        return tuple(sorted(method for name, method in self._curves if name == recipe))

    def has(self, column: str, *, recipe: str = BALANCED, method: str = CODEC) -> bool:
        """Say whether a curve has values of a column for some of its items."""
        if (recipe, method) not in self._curves or not self._known(column):
            return False
        return bool(np.isfinite(self.curve(column, recipe=recipe, method=method)).any())

    def asked(self, probe: str, *, recipe: str = BALANCED, method: str = CODEC) -> bool:
        """Say whether a probe gave labels to some items of a curve."""
        if (recipe, method) not in self._curves or not self._known(probe):
            return False
        places = list(self._curves[recipe, method].values())
        return bool((self._labels(probe)[np.isin(self._condition, places)] >= 0).any())

    def lams(self, *, recipe: str = BALANCED, method: str = CODEC) -> np.ndarray:
        """Return the λ of a curve, ascending; [NaN] for the clean items."""
        return np.array(sorted(self._curve(recipe, method)))

    def values(
        self, column: str, *, lam: float, recipe: str = BALANCED, method: str = CODEC
    ) -> np.ndarray:
        """Return a column for every item at one λ of a curve, averaged over seeds.

        Parameters
        ----------
        column : str
            A numeric column of the rows, or `PAYLOAD`.
        lam : float
            A λ of the curve; NaN for the method "clean".
        recipe, method : str
            Which curve.

        Returns
        -------
        np.ndarray, float64, shape [N]
            NaN where an item has no value.

        Raises
        ------
        InputError
            If there is no such curve, λ or column.
        """
        return self._matrix(column)[self._place(recipe, method, lam)]

    def curve(self, column: str, *, recipe: str = BALANCED, method: str = CODEC) -> np.ndarray:
        """Return a column over all λ of a curve, float64 [L, N]; raises as `values` does."""
        curve = self._curve(recipe, method)
        return self._matrix(column)[[curve[lam] for lam in sorted(curve)]]

    def answers(
        self, probe: str, *, lam: float, recipe: str = BALANCED, method: str = CODEC
    ) -> np.ndarray:
        """Return the share of seeds in which a probe gave each label.

        Parameters
        ----------
        probe : str
            Name of the column, ``"probe_logistic"`` for instance.
        lam, recipe, method
            As in `values`.

        Returns
        -------
        np.ndarray, float64, shape [N, E]
            Rows sum to one; NaN where the probe was not asked.

        Raises
        ------
        InputError
            As `values`.
        """
        place = self._place(recipe, method, lam)
        here = self._order[self._ends[place] : self._ends[place + 1]]
        codes = self._labels(probe)[here]
        asked = codes >= 0
        num_emotions = len(self.emotions)
        cells = self._item[here][asked] * num_emotions + codes[asked]
        counts = np.bincount(cells, minlength=self.num_items * num_emotions)
        shares = counts.reshape(self.num_items, num_emotions).astype(np.float64)
        return quotient(shares, shares.sum(axis=1, keepdims=True))

    def hits(
        self, probe: str, *, lam: float, recipe: str = BALANCED, method: str = CODEC
    ) -> np.ndarray:
        """Return the share of seeds in which a probe was right, float64 [N], NaN as `answers`."""
        shares = self.answers(probe, lam=lam, recipe=recipe, method=method)
        return shares[np.arange(self.num_items), self.emotion]

    def hit_curve(self, probe: str, *, recipe: str = BALANCED, method: str = CODEC) -> np.ndarray:
        """Return `hits` over all λ of a curve, float64 [L, N]."""
        lams = sorted(self._curve(recipe, method))
        return np.stack([self.hits(probe, lam=lam, recipe=recipe, method=method) for lam in lams])

    def half_lam(self, column: str = "cos_centred_frames") -> float:
        """Return the smallest λ at which the balanced codec's mean has fallen to half its start.

        The largest λ if it never falls so far.
        """
        means, lams = np.nanmean(self.curve(column), axis=1), self.lams()
        fallen = np.flatnonzero(means <= 0.5 * means[0])
        return float(lams[fallen[0]] if fallen.size else lams[-1])

    def means(self, values: np.ndarray, *, by_class: bool = False) -> tuple[Intervals, np.ndarray]:
        """Average quantities over all items and over those of each emotion.

        Parameters
        ----------
        values : np.ndarray, float64, shape [*cells, N]
            NaN where an item has no value.
        by_class : bool
            Whether the mean over all is that of the emotions' means, as an UAR is, instead of that
            of the items.

        Returns
        -------
        Intervals
            Of shape [*cells, 1 + E], all together first; 95 %, clusters are speakers.
        np.ndarray, int64, shape [*cells, 1 + E]
            Items with a value.
        """
        cells = values.shape[:-1]
        flat = values.reshape(-1, self.num_items)
        num_speakers, num_emotions = self.speaker_code.max() + 1, len(self.emotions)
        place = self.speaker_code * num_emotions + self.emotion
        indicator = np.zeros((self.num_items, num_speakers * num_emotions))
        indicator[np.arange(self.num_items), place] = 1.0
        known = np.isfinite(flat)
        shape = (*cells, num_speakers, num_emotions)
        sums = (np.where(known, flat, 0.0) @ indicator).reshape(shape)
        counts = (known.astype(np.float64) @ indicator).reshape(shape)
        parts = np.moveaxis(np.stack([sums, counts], axis=-1), -3, 0)
        present = np.moveaxis(counts > 0, -2, 0)
        total = np.concatenate([present.any(axis=-1, keepdims=True), present], axis=-1)
        found = jackknife_intervals(parts, _class_means if by_class else _item_means, present=total)
        numbers = counts.sum(axis=-2)
        items = np.concatenate([numbers.sum(axis=-1, keepdims=True), numbers], axis=-1)
        return found, items.astype(np.int64)

    def _known(self, column: str) -> bool:
        return column == PAYLOAD or column in self._coded.table.columns

    def _curve(self, recipe: str, method: str) -> dict[float, int]:
        if (recipe, method) not in self._curves:
            raise InputError(
                f"there is no {method!r} of the recipe {recipe!r} in protocol {self.protocol!r}"
            )
        return self._curves[recipe, method]

    def _place(self, recipe: str, method: str, lam: float) -> int:
        curve = self._curve(recipe, method)
        for known, place in curve.items():
            if known == lam or (np.isnan(known) and np.isnan(lam)):
                return place
        raise InputError(f"{method!r} of {recipe!r} has no λ = {lam}; it has {sorted(curve)}")

    def _matrix(self, column: str) -> np.ndarray:
        """Return a column as [conditions, N], averaged over seeds."""
        if column not in self._columns:
            if not self._known(column):
                raise InputError(f"the rows have no column {column!r}")
            numbers = self._numbers(column)[self._rows]
            known = np.isfinite(numbers)
            cells = (self._condition * self.num_items + self._item)[known]
            size = self._num_conditions * self.num_items
            sums = np.bincount(cells, weights=numbers[known], minlength=size)
            means = quotient(sums, np.bincount(cells, minlength=size))
            self._columns[column] = means.reshape(self._num_conditions, self.num_items)
        return self._columns[column]

    def _numbers(self, column: str) -> np.ndarray:
        if column != PAYLOAD:
            return self._coded.numbers(column)
        return paid_bits(self._coded)

    def _labels(self, probe: str) -> np.ndarray:
        """Return a probe's answers as codes of emotions for the rows of the protocol."""
        key = f"labels of {probe}"
        if key not in self._columns:
            if not self._known(probe):
                raise InputError(f"the rows have no column {probe!r}")
            self._columns[key] = predicted_codes(self._coded, probe)[self._rows]
        return self._columns[key]


def nearest(lams: np.ndarray, lam: float) -> float:
    """Return the one of several λ that is nearest in the logarithm, which is defined at 0 too.

    Examples
    --------
    >>> nearest(np.array([0.0, 1.0, 100.0]), 8.0)
    1.0
    """
    distance = np.abs(np.arcsinh(lams * 1e3) - np.arcsinh(lam * 1e3))
    return float(lams[np.argmin(distance)])


Columns = Mapping[str, np.ndarray]
"""Columns of a table, all of one length."""


def means_columns(
    found: Intervals,
    num_items: np.ndarray,
    axes: Mapping[str, Sequence | np.ndarray],
    emotions: Sequence[str],
    **keys: str | float,
) -> dict[str, np.ndarray]:
    """Spread the result of `ItemTable.means` into the columns of a tidy table.

    Parameters
    ----------
    found, num_items : Intervals, np.ndarray, shape [*axes, 1 + E]
        As `ItemTable.means` returns them.
    axes : mapping of str to sequence
        Column name and labels of each axis before the last.
    emotions : sequence of str, length E
        The classes.
    **keys : str or float
        Columns that are the same in every row.

    Returns
    -------
    dict of str to np.ndarray
        The keys, the axes, emotion ("all" first), value, low, high, num_items, num_speakers; rows
        without a value are left out. `tabulated` joins many of them.
    """
    labels = {**axes, "emotion": (ALL, *emotions)}
    places = np.nonzero(~np.isnan(found.value))
    size = len(places[0])
    return {
        **{name: np.full(size, key, object if isinstance(key, str) else float)
           for name, key in keys.items()},
        **{name: _labels(values)[place]
           for (name, values), place in zip(labels.items(), places, strict=True)},
        "value": found.value[places],
        "low": found.low[places],
        "high": found.high[places],
        "num_items": num_items[places],
        "num_speakers": found.num_clusters[places],
    }  # fmt: skip


def tabulated(parts: Iterable[Columns]) -> pd.DataFrame:
    """Join the columns of many parts; a table without columns where there is none."""
    known = [part for part in parts if len(part)]
    if not known:
        return pd.DataFrame()
    return pd.DataFrame({name: np.concatenate([part[name] for part in known]) for name in known[0]})


def _labels(values: Sequence | np.ndarray) -> np.ndarray:
    found = np.asarray(values)
    return found.astype(object) if found.dtype.kind in "US" else found


def _item_means(total: np.ndarray) -> np.ndarray:
    sums, counts = total[..., 0], total[..., 1]
    whole = quotient(sums.sum(axis=-1), counts.sum(axis=-1))
    return np.concatenate([whole[..., None], quotient(sums, counts)], axis=-1)


def _class_means(total: np.ndarray) -> np.ndarray:
    means = quotient(total[..., 0], total[..., 1])
    defined = ~np.isnan(means)
    whole = quotient(np.where(defined, means, 0.0).sum(axis=-1), defined.sum(axis=-1))
    return np.concatenate([whole[..., None], means], axis=-1)
