"""What a drift map shows, and what can be said of it in words.

Letters: ``N`` items, ``L`` values of λ, ``C`` axes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quantlab.figures.run_map import MapPlaces
from quantlab.figures.words import method_words, number, plain

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
