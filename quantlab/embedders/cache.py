"""The content-addressed cache of embeddings: one file per clip content and embedder.

Keys are SHA-256 of the clip's bytes and the embedder's fingerprint, never file names, so equal
content is embedded once and two files of one name never meet.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quantlab.errors import InputError, IntegrityError
from quantlab.store import map_tensors, save_tensors


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


@dataclass(frozen=True, eq=False)
class CachedClip:
    """What is kept of a clip.

    Attributes
    ----------
    frames : np.ndarray [shape=(T, D)]
        Its vectors, mapped from disk: single precision for one vector, half for frames where the
        set will have no more.
    mean : np.ndarray [shape=(D,), dtype=float32]
        Their mean, taken before rounding.
    """

    frames: np.ndarray
    mean: np.ndarray


def read_cached(path: Path) -> CachedClip | None:
    """Return what is cached of a clip, or None when nothing whole is."""
    try:
        tensors = map_tensors(path)
        return CachedClip(tensors["frames"], tensors["mean"])
    except (InputError, IntegrityError, KeyError):
        return None


def write_cached(path: Path, frames: np.ndarray, *, half: bool) -> None:
    """Keep frames ``[T, D]``; a second writer of the same key changes nothing."""
    mean = frames.mean(axis=0, dtype=np.float64).astype(np.float32)
    fits = half and len(frames) > 1 and np.abs(frames).max() <= np.finfo(np.float16).max
    kept = frames.astype(np.float16 if fits else np.float32)
    save_tensors(path, {"frames": kept, "mean": mean})
