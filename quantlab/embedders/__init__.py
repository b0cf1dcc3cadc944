"""Embedders behind one protocol, the cache of what they computed, and embedding sets.

`Embedder` is the protocol. ``functionals`` needs no weights; an embedder with learned weights is
one further class in `EMBEDDERS`.
"""

from quantlab.embedders.cache import default_cache
from quantlab.embedders.embed import EMBEDDERS, Embedded, embed_manifest, get_embedder
from quantlab.embedders.functionals import Functionals, FunctionalsSettings
from quantlab.embedders.protocol import Embedder, Level
from quantlab.embedders.sets import ITEM_SCHEMA, EmbeddingSet, Frames, open_set, write_set

__all__ = [
    "EMBEDDERS",
    "ITEM_SCHEMA",
    "Embedded",
    "Embedder",
    "EmbeddingSet",
    "Frames",
    "Functionals",
    "FunctionalsSettings",
    "Level",
    "default_cache",
    "embed_manifest",
    "get_embedder",
    "open_set",
    "write_set",
]
