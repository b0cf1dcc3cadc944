"""quantlab: codebook quantization of speech-emotion embeddings.

The names below are the public interface; each is loaded when it is first used, so that importing
the package stays cheap.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "Codec": "quantlab.codebooks",
    "CodecSettings": "quantlab.codebooks",
    "EmbeddingSet": "quantlab.embedders",
    "Manifest": "quantlab.corpora",
    "QuantlabError": "quantlab.errors",
    "StudySettings": "quantlab.sweep",
    "embed_manifest": "quantlab.embedders",
    "get_embedder": "quantlab.embedders",
    "index_corpus": "quantlab.corpora",
    "open_set": "quantlab.embedders",
    "read_clip": "quantlab.audio",
    "read_rows": "quantlab.sweep",
    "read_study": "quantlab.sweep",
    "sweep": "quantlab.sweep",
    "train": "quantlab.sweep",
    "write_report": "quantlab.figures",
}

if TYPE_CHECKING:
    from quantlab.audio import read_clip as read_clip
    from quantlab.codebooks import Codec as Codec
    from quantlab.codebooks import CodecSettings as CodecSettings
    from quantlab.corpora import Manifest as Manifest
    from quantlab.corpora import index_corpus as index_corpus
    from quantlab.embedders import EmbeddingSet as EmbeddingSet
    from quantlab.embedders import embed_manifest as embed_manifest
    from quantlab.embedders import get_embedder as get_embedder
    from quantlab.embedders import open_set as open_set
    from quantlab.errors import QuantlabError as QuantlabError
    from quantlab.figures import write_report as write_report
    from quantlab.sweep import StudySettings as StudySettings
    from quantlab.sweep import read_rows as read_rows
    from quantlab.sweep import read_study as read_study
    from quantlab.sweep import sweep as sweep
    from quantlab.sweep import train as train

__all__ = [*sorted(_HOMES), "__version__"]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'quantlab' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
