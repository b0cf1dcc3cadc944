"""Axes of maps in two or three dimensions, and places as plotly takes them.

Letters: ``N`` items, ``C`` axes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from quantlab.figures.map_view import map_words
from quantlab.figures.palette import fade, ink
from quantlab.figures.run_map import MapPlaces
from quantlab.figures.words import share

_AXES = ("x", "y", "z")
_ORDINALS = ("first", "second", "third")


def points_at(places: np.ndarray) -> dict[str, np.ndarray]:
    """Return places [N, C] as plotly's x, y and, in space, z."""
    return {name: places[:, axis] for axis, name in enumerate(_AXES[: places.shape[1]])}


def _axis_title(places: MapPlaces, place: int) -> str:
    found = places.fitted
    if found.kind == "pca":
        return f"{_ORDINALS[place]} principal component ({share(found.explained[place])})"
    if found.kind == "lda":
        if place < found.num_discriminants:
            return f"{_ORDINALS[place]} discriminant"
        return "principal component of the rest"
    return f"{map_words(found.kind)} {place + 1}"


def axis_titles(places: MapPlaces) -> list[str]:
    """Return the titles of all axes of a map."""
    return [_axis_title(places, place) for place in range(places.num_axes)]


def map_axes(places: MapPlaces, shown: Sequence[np.ndarray], *, dark: bool) -> dict[str, Any]:
    """Return the axes of a map, wide enough for arrays of places [..., C]."""
    colors = ink(dark=dark)
    metric = places.fitted.kind in ("pca", "lda")
    settings = []
    for place in range(places.num_axes):
        parts = [part[..., place] for part in shown]
        low = float(min(np.quantile(part, 0.002) for part in parts))
        high = float(max(np.quantile(part, 0.998) for part in parts))
        room = 0.06 * max(high - low, 1e-6)
        axis: dict[str, Any] = {
            "title": {"text": _axis_title(places, place)},
            "range": [low - room, high + room],
            "showticklabels": metric,
            "showgrid": True,
            "gridcolor": fade(colors.grid, 0.7),
        }
        settings.append(axis)
    if places.num_axes == 2:
        names = ("xaxis", "yaxis")
        return {**dict(zip(names, settings, strict=True)), "dragmode": "pan"}
    flat = {"backgroundcolor": colors.paper, "color": colors.muted, "showspikes": False}
    scene = {f"{name}axis": {**one, **flat} for name, one in zip(_AXES, settings, strict=True)}
    # From further above than plotly's own, and near enough to fill the picture.
    scene["camera"] = {
        "eye": {"x": 1.3, "y": 1.3, "z": 0.8},
        "center": {"x": 0, "y": 0, "z": -0.18},
    }
    scene |= {"aspectmode": "data" if metric else "cube", "bgcolor": colors.paper}
    return {"scene": scene}
