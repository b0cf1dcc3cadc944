"""Real 50 Hz frames for the benchmarks: nEMO, embedded once and kept under ``runs/bench``.

The corpus is looked for in ``$QUANTLAB_CORPORA/nemo``, by default ``../shared/corpora/nemo``.
Embedding it takes some minutes; later runs read what is there.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quantlab.corpora import index_corpus
from quantlab.embedders import embed_manifest, get_embedder, open_set
from quantlab.errors import InputError

FOLDER = Path("runs/bench/frames-nemo/embeddings")
HELD_OUT_SPEAKER = "WR0"


@dataclass(frozen=True, eq=False)
class BenchFrames:
    """Frames and whose they are.

    Attributes
    ----------
    values : np.ndarray [shape=(N, 120), dtype=float32]
        The frames.
    speakers : np.ndarray [shape=(N,)]
        Speaker of each frame.
    items : np.ndarray [shape=(N,), dtype=int64]
        Clip of each frame, by its number.
    """

    values: np.ndarray
    speakers: np.ndarray
    items: np.ndarray

    def split(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of the training speakers, and those of the one held out."""
        held_out = self.speakers == HELD_OUT_SPEAKER
        return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def load_frames(*, count: int | None = None, seed: int = 0) -> BenchFrames:
    """Return all frames of nEMO, or a random `count` of them in their order.

    Raises
    ------
    InputError
        They have not been made yet and the corpus is not there to make them from.
    """
    if not (FOLDER / "card.json").is_file():
        _embed()
    embeddings = open_set(FOLDER)
    frames = embeddings.frames()
    items = np.repeat(np.arange(embeddings.num_items), np.diff(frames.offsets))
    speakers = embeddings.items["speaker"].to_numpy().astype(str)[items]
    rows = np.arange(len(items))
    if count is not None and count < len(rows):
        rows = np.sort(np.random.default_rng(seed).choice(rows, count, replace=False))
    return BenchFrames(frames.values[rows], speakers[rows], items[rows])


def _embed() -> None:
    corpora = Path(os.environ.get("QUANTLAB_CORPORA", "../shared/corpora"))
    if not (corpora / "nemo").is_dir():
        raise InputError(
            f"there are no frames in {FOLDER} and no corpus in {corpora / 'nemo'} to make them "
            "from; set QUANTLAB_CORPORA to the folder that holds nemo"
        )
    print(f"embedding {corpora / 'nemo'} into {FOLDER}, once")
    manifest = index_corpus(corpora / "nemo").manifest
    workers = os.cpu_count() or 1
    embed_manifest(manifest, get_embedder("functionals"), FOLDER, level="frame", workers=workers)
