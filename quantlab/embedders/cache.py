"""The content-addressed cache of embeddings: one file per clip content and embedder.

Keys are SHA-256 of the clip's bytes and the embedder's fingerprint, never file names, so equal
content is embedded once and two files of one name never meet.
"""

import os
from pathlib import Path

import numpy as np

from quantlab.errors import InputError, IntegrityError
from quantlab.store import load_tensors, save_tensors


def default_cache() -> Path:
    """Return ``$QUANTLAB_CACHE``, or ``quantlab`` under the user's cache folder."""
    chosen = os.environ.get("QUANTLAB_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "quantlab"


def cache_path(cache: Path, *, embedder_fingerprint: str, clip_sha256: str) -> Path:
    """Return where the embedding of a clip by an embedder is kept."""
    folder = cache / "embeddings" / embedder_fingerprint[:32] / clip_sha256[:2]
    return folder / f"{clip_sha256}.safetensors"


def read_cached(path: Path) -> np.ndarray | None:
    """Return the cached frames ``[T, D]``, or None when there are none that are whole."""
    try:
        return load_tensors(path)["frames"]
    except (InputError, IntegrityError, KeyError):
        return None


def write_cached(path: Path, frames: np.ndarray) -> None:
    """Keep frames ``[T, D]``; a second writer of the same key changes nothing."""
    save_tensors(path, {"frames": np.asarray(frames, np.float32)})
