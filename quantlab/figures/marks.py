"""Markers and hover texts of curves, and the numbers that every point carries for exports."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from quantlab.figures.strokes import Stroke
from quantlab.figures.words import counted, interval_text, lam_text

CUSTOM = ("lam", "low", "high", "num_items", "num_speakers")
_SIZES = {"star": 9.5, "triangle-up": 9, "triangle-down": 9, "diamond": 8.5, "pentagon": 8}


def markers(stroke: Stroke, hollow: np.ndarray | None = None) -> dict[str, Any]:
    """Return plotly's settings of a curve's markers; `hollow` [L] says which are drawn open."""
    if not stroke.symbol:
        return {}
    symbols: Any = stroke.symbol
    if hollow is not None and hollow.any():
        symbols = [f"{stroke.symbol}-open" if empty else stroke.symbol for empty in hollow]
    return {"symbol": symbols, "size": _SIZES.get(stroke.symbol, 7), "color": stroke.color}


def hover_texts(
    frame: pd.DataFrame,
    stroke: Stroke,
    decimals: int,
    unit: str,
    more: Sequence[str] | None,
    *,
    over_lam: bool,
) -> list[str]:
    """Return what the points of a curve say on hovering."""
    suffix = f" {unit}" if unit else ""
    rows = frame[[*CUSTOM, "value"]].to_numpy(np.float64)
    texts = []
    for place, (lam, low, high, items, speakers, value) in enumerate(rows):
        number = interval_text(value, low, high, decimals=decimals) + suffix
        of_lam = over_lam or np.isfinite(lam)
        lines = [f"<b>{stroke.name}</b>", *([lam_text(lam)] if of_lam else []), number]
        if items and np.isfinite(items):
            size = f"{counted(int(items), 'item')}, {counted(int(speakers), 'speaker')}"
            lines.append(size)
        lines += [more[place]] if more is not None and more[place] else []
        texts.append("<br>".join(lines))
    return texts
