"""What a drift map shows, and what can be said of it in words.

Letters: ``N`` items, ``L`` values of λ, ``C`` axes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quantlab.figures.run_map import MapPlaces
from quantlab.figures.words import emotion_order, lam_text, method_words, number, plain

NEUTRAL = "neutral"
_KIND_WORDS = {
    "pca": "principal components",
    "lda": "discriminants",
    "tsne": "t-SNE",
    "umap": "UMAP",
}


@dataclass(frozen=True, eq=False)
class MapView:
    """What a drift map shows.

    Attributes
    ----------
    places : MapPlaces
        The map.
    items : pd.DataFrame
        N rows with the columns item, speaker, emotion.
    lams : np.ndarray, float64, shape [L]
        Ascending.
    recipe : str
        The codebook.
    method : str
        Whose points are shown: ``codec`` or a reference.
    overlaid : sequence of str
        Further methods, of which the centroids' ways are drawn.
    emotions : sequence of str
        Which ones; empty for all.
    """

    places: MapPlaces
    items: pd.DataFrame
    lams: np.ndarray
    recipe: str
    method: str = "codec"
    overlaid: Sequence[str] = ()
    emotions: Sequence[str] = ()


def map_words(kind: str) -> str:
    """Say a kind of map in plain words, e.g. "principal components"."""
    return _KIND_WORDS.get(kind, plain(kind))


def made_words(method: str) -> str:
    """Say what made the points of a map, e.g. "quantized"."""
    return "quantized" if method == "codec" else method_words(method)


def read_map(view: MapView, *, lam: float) -> str:
    """Say how far along the ways to neutral and to the mean the centroids lie on the map; HTML."""
    step = int(np.abs(view.lams - lam).argmin())
    labels = view.items["emotion"].astype(str).to_numpy()
    clean, after = view.places.clean, view.places.of(view.recipe, view.method)[step]
    parts = []
    for name in emotion_order(labels):
        rows = labels == name
        way = view.places.mean - clean[rows].mean(axis=0)
        moved = (after[rows] - clean[rows]).mean(axis=0)
        if (length := float(way @ way)) > 0:
            parts.append(f"{plain(name)} {number(float(moved @ way) / length, digits=2)}")
    at = lam_text(float(view.lams[step]))
    return f"At {at}, the centroids went this share of their way to the mean: {', '.join(parts)}."


def moved_table(view: MapView, row: int) -> Mapping[str, str]:
    """Return what is known of the item at a row of the map, by plain words."""
    item = view.items.iloc[row]
    seconds = float(item["duration_s"])
    known = {
        "clip": plain(item["item"]),
        "emotion": plain(item["emotion"]),
        "speaker": plain(item["speaker"]),
        "sentence": plain(item["text_id"]),
        "length": f"{number(seconds, digits=2)} s" if np.isfinite(seconds) else "",
    }
    return {key: value for key, value in known.items() if value}
