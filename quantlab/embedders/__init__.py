"""Embedders behind one protocol, the cache of what they computed, and embedding sets.

`Embedder` is the protocol. ``functionals`` needs no weights; an embedder with learned weights is
one further class in `EMBEDDERS`.
"""

from quantlab.embedders.cache import default_cache
from quantlab.embedders.embed import EMBEDDERS, Embedded, embed_manifest, get_embedder
from quantlab.embedders.emotion2vec import Emotion2vec, Emotion2vecSettings
from quantlab.embedders.functionals import Functionals, FunctionalsSettings
from quantlab.embedders.heads import Head
from quantlab.embedders.imports import ImportForm, import_features
from quantlab.embedders.joined import join_sets, open_sets
from quantlab.embedders.opensmile_sets import OpenSmile, OpenSmileSettings
from quantlab.embedders.protocol import Embedder, Level
from quantlab.embedders.sets import ITEM_SCHEMA, EmbeddingSet, Frames, open_set
from quantlab.embedders.speech_models import Hubert, SpeechModelSettings, WavLM
from quantlab.embedders.stylevc import StyleVCEmbedder, StyleVCEmbedderSettings
from quantlab.embedders.writer import write_set

__all__ = [
    "EMBEDDERS",
    "ITEM_SCHEMA",
    "Embedded",
    "Embedder",
    "EmbeddingSet",
    "Emotion2vec",
    "Emotion2vecSettings",
    "Frames",
    "Functionals",
    "FunctionalsSettings",
    "Head",
    "Hubert",
    "ImportForm",
    "Level",
    "OpenSmile",
    "OpenSmileSettings",
    "SpeechModelSettings",
    "StyleVCEmbedder",
    "StyleVCEmbedderSettings",
    "WavLM",
    "default_cache",
    "embed_manifest",
    "get_embedder",
    "import_features",
    "join_sets",
    "open_set",
    "open_sets",
    "write_set",
]
