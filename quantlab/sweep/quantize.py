"""A whole embedding set quantized, back as an embedding set or as one array per clip."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from quantlab.analysis import similarity
from quantlab.codebooks import Codec
from quantlab.embedders import EmbeddingSet, Frames, write_set
from quantlab.engine import Ticker
from quantlab.errors import InputError
from quantlab.store import write_json, writing

_ITEMS_PER_BLOCK = 64


@dataclass(frozen=True)
class QuantizedSet:
    """What quantizing a set gave.

    Attributes
    ----------
    num_items : int
        Clips quantized.
    bits_per_vector : float
        Mean code length in bits.
    cos_centred_frames : float
        Mean over clips of the centred cosine over frames.
    """

    num_items: int
    bits_per_vector: float
    cos_centred_frames: float


@dataclass
class _Totals:
    bits: float = 0.0
    vectors: int = 0
    cosine: float = 0.0


def quantize_set(
    embeddings: EmbeddingSet,
    codec: Codec,
    folder: str | Path,
    *,
    lam: float,
    form: Literal["set", "npy"] = "set",
    progress: bool = True,
) -> QuantizedSet:
    """Quantize every item of an embedding set.

    Parameters
    ----------
    embeddings : EmbeddingSet
        What to quantize.
    codec : Codec
        A fitted codec of the same width.
    folder : str or Path
        Where to write; absent or empty.
    lam : float
        Squared distance in z per bit, ≥ 0.
    form : {"set", "npy"}
        ``set``: an embedding set in single precision. ``npy``: one float32 array per clip, ``[D]``
        for utterance embeddings and ``[T, D]`` for frames, named after the clip, and
        ``quantized.json`` saying how they were made.
    progress : bool
        Whether to show progress.

    Returns
    -------
    QuantizedSet
        Rate and similarity.

    Raises
    ------
    InputError
        Widths differ, `lam` is out of range, or two clips would get one file name.
    """
    if not (np.isfinite(lam) and lam >= 0):
        raise InputError(f"lam must be finite and >= 0, given {lam}")
    target = Path(folder)
    # A folder that is there is whole: what an interruption left lies beside it and is begun anew.
    staging = target.with_name(f"{target.name}.partial")
    shutil.rmtree(staging, ignore_errors=True)
    totals = _Totals()
    about = {
        **embeddings.card,
        "quantized": {
            "codec": codec.fingerprint(),
            "recipe": codec.card_.get("recipe", ""),
            "lam": lam,
            "lam_raw": codec.scaling_.lam_raw(lam),
            "of": embeddings.fingerprint,
        },
    }
    names = _file_names(embeddings) if form == "npy" else []
    with Ticker("quantize", embeddings.num_items, shown=progress) as ticker:
        arrays = _quantized(embeddings, codec, lam, totals, ticker)
        if form == "set":
            write_set(staging, embeddings.items, arrays, card=about, dtype="float32")
        else:
            for name, array in zip(names, arrays, strict=True):
                flat = array[0] if embeddings.level == "utterance" else array
                with writing(staging / name) as temp, open(temp, "wb") as file:
                    np.save(file, flat, allow_pickle=False)
            write_json(staging / "quantized.json", about)
    if target.is_dir():
        target.rmdir()
    staging.rename(target)
    return QuantizedSet(
        embeddings.num_items,
        totals.bits / totals.vectors,
        totals.cosine / embeddings.num_items,
    )


def _quantized(
    embeddings: EmbeddingSet, codec: Codec, lam: float, totals: _Totals, ticker: Ticker
) -> Iterator[np.ndarray]:
    scaling = codec.scaling_
    for start in range(0, embeddings.num_items, _ITEMS_PER_BLOCK):
        rows = np.arange(start, min(start + _ITEMS_PER_BLOCK, embeddings.num_items))
        frames = embeddings.frames(rows)
        encoded = codec.encode(frames.values, lam)
        decoded = Frames(codec.decode(encoded.symbols), frames.offsets)
        compared = similarity(
            scaling.forward(frames.values),
            scaling.forward(decoded.values),
            frames.offsets,
            mean=scaling.mean,
            scale=scaling.scale,
        )
        totals.bits += float(encoded.code_length_bits.sum())
        totals.vectors += len(frames.values)
        totals.cosine += float(compared.cos_centred_frames.sum())
        for begin, end in zip(frames.offsets[:-1], frames.offsets[1:], strict=True):
            yield decoded.values[begin:end]
        ticker.advance(len(rows))


def _file_names(embeddings: EmbeddingSet) -> list[str]:
    """Name one file per item: its path without ending, folders kept, safe on any system."""
    names = [
        re.sub(r"[^\w./-]", "_", str(Path(item).with_suffix(""))).lstrip("./") + ".npy"
        for item in embeddings.items["item"]
    ]
    if len(set(names)) != len(names) or any(".." in Path(name).parts for name in names):
        raise InputError("clip names do not give distinct file names; use --format set")
    return names
