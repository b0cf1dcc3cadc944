"""Axes: the logarithmic λ axis with places of their own for λ = 0 and unquantized vectors.

λ = 0 has no logarithm, so it stands one step left of the smallest positive λ, behind a break mark
and with its own tick "0"; unquantized vectors stand one step further left.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from quantlab.figures.tables import numbers

_MIN_GAP = 0.075
_MAX_GAP = 0.2
_TAIL, _BEYOND = 0.02, 1.5
LAM_TITLE = "quantization strength λ (squared distance per bit)"


@dataclass(frozen=True)
class LamAxis:
    """Places for λ values on a logarithmic axis.

    Attributes
    ----------
    low, high : float > 0
        Smallest and largest positive λ.
    gap : float > 0
        Step from `low` to λ = 0, and from there to the unquantized vectors, in decades.
    has_zero, has_clean : bool
        Whether λ = 0 and unquantized vectors occur.
    """

    low: float
    high: float
    gap: float
    has_zero: bool
    has_clean: bool

    @classmethod
    def of(cls, lams: Iterable[float], *, clean: bool = False) -> "LamAxis":
        """Make the axis for the λ values of a table; NaN counts as unquantized."""
        values = np.asarray(list(lams), dtype=np.float64)
        positive = np.unique(values[values > 0])
        if not positive.size:
            positive = np.array([1.0])
        low, high = float(positive[0]), float(positive[-1])
        span = max(math.log10(high / low), 0.5)
        step = math.log10(positive[1] / low) if positive.size > 1 else 0.0
        return cls(
            low=low,
            high=high,
            gap=float(np.clip(step, _MIN_GAP * span, _MAX_GAP * span)),
            has_zero=bool((values == 0).any()),
            has_clean=clean or bool(np.isnan(values).any()),
        )

    @property
    def zero(self) -> float:
        """Where λ = 0 stands."""
        return self.low * 10**-self.gap

    @property
    def clean(self) -> float:
        """Where the unquantized vectors stand."""
        return self.zero * 10**-self.gap if self.has_zero else self.zero

    @property
    def ends(self) -> tuple[float, float]:
        """The leftmost and rightmost place, with a small margin."""
        left = self.clean if self.has_clean else self.zero if self.has_zero else self.low
        margin = 10 ** (0.025 * max(math.log10(self.high / left), 0.5))
        return left / margin, self.high * margin

    def at(self, lams: Iterable[float]) -> np.ndarray:
        """Return the places of λ values.

        Parameters
        ----------
        lams : iterable of float >= 0, length L
            NaN stands for the unquantized vectors.

        Returns
        -------
        np.ndarray, float64, shape [L]
        """
        values = np.asarray(list(lams), dtype=np.float64)
        return np.select([np.isnan(values), values == 0], [self.clean, self.zero], values)

    def layout(self, *, narrow: bool = False) -> dict[str, Any]:
        """Return the plotly settings of the axis; `narrow` for panels under 300 px."""
        ticks = self._ticks(narrow=narrow)
        left, right = self.ends
        return {
            "type": "log",
            "range": [math.log10(left), math.log10(right)],
            "tickmode": "array",
            "tickvals": [place for place, _ in ticks],
            "ticktext": [text for _, text in ticks],
            "tickangle": 0,
        }

    def breaks(self) -> list[float]:
        """Return the places of break marks: left and right of λ = 0."""
        marks = [math.sqrt(self.zero * self.low)] if self.has_zero or self.has_clean else []
        if self.has_zero and self.has_clean:
            marks.append(math.sqrt(self.zero * self.clean))
        return marks

    def _ticks(self, *, narrow: bool) -> list[tuple[float, str]]:
        special = [(self.clean, "" if narrow else "clean")] if self.has_clean else []
        special += [(self.zero, "0")] if self.has_zero else []
        left, right = (math.log10(end) for end in self.ends)
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        whole = [decade for decade in decades if self.low <= 10.0**decade <= self.high]
        every = max(1, math.ceil(len(whole) / 3)) if narrow else 1
        steps = (1,) if len(whole) > 2 or (narrow and whole) else (1, 2, 5)
        places = [
            step * 10.0**decade for decade in decades if decade % every == 0 for step in steps
        ]
        room = (right - left) * (0.16 if narrow else 0.045)
        last = math.log10(special[-1][0]) if special else -math.inf
        inside = [
            place
            for place in places
            if self.low * 0.999 <= place <= self.high * 1.001 and math.log10(place) - last >= room
        ]
        return special + [(place, _tick_text(place)) for place in inside]


def _tick_text(place: float) -> str:
    exponent = round(math.log10(place))
    if place >= 10**5 or place < 10**-3:
        mantissa = round(place / 10**exponent)
        power = f"10<sup>{exponent}</sup>".replace("-", "−")
        return power if mantissa == 1 else f"{mantissa}·{power}"
    return f"{place:.4g}"


def fit_range(*frames: pd.DataFrame, around: Sequence[float] = ()) -> list[float]:
    """Return a vertical range that holds all values, and intervals as far as they leave room.

    Parameters
    ----------
    *frames : pd.DataFrame
        Columns value, low, high.
    around : sequence of float
        Values that must be inside.

    Returns
    -------
    list of two float
    """
    shown = [numbers(frame, "value") for frame in frames]
    values = np.concatenate([np.asarray(around, np.float64), *shown])
    values = values[np.isfinite(values)]
    if not values.size:
        return [0.0, 1.0]
    least, most = float(values.min()), float(values.max())
    room = max(most - least, 1e-6)
    lows = np.concatenate([values, *(numbers(frame, "low") for frame in frames)])
    highs = np.concatenate([values, *(numbers(frame, "high") for frame in frames)])
    # A few wild intervals, of two speakers say, must not flatten everything else.
    bottom = max(np.nanquantile(lows, _TAIL), least - _BEYOND * room) - 0.05 * room
    top = min(np.nanquantile(highs, 1 - _TAIL), most + _BEYOND * room) + 0.05 * room
    bottom, top = min(bottom, least - 0.05 * room), max(top, most + 0.05 * room)
    return [float(bottom), float(top)]
