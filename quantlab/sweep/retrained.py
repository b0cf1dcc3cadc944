"""Probes fitted anew to quantized training items, which tell lost from shifted information.

Letters: ``N`` items, ``L`` values of λ, ``D`` dimensions.
"""

import numpy as np

from quantlab.analysis import FittedProbe, ProbeName, fit_probe, time_means
from quantlab.codebooks import Codec
from quantlab.embedders import Frames
from quantlab.sweep.codecs import CodecTask
from quantlab.sweep.workspace import FoldState, Workspace

_FRAMES_PER_BLOCK = 200_000


def retrained_probes(
    work: Workspace, state: FoldState, codec: Codec, task: CodecTask
) -> dict[float, FittedProbe]:
    """Fit the judging probe to a fold's training items as the codec leaves them at each λ.

    Parameters
    ----------
    work, state : Workspace, FoldState
        The study and its fold.
    codec : Codec
        The codec of the trial.
    task : CodecTask
        Which fold.

    Returns
    -------
    dict[float, FittedProbe]
        λ to probe; empty where the study has no probe with probabilities.
    """
    clean = state.probes.get(state.judge)
    if not isinstance(clean, FittedProbe):
        return {}
    train = work.train_items(task.fold)
    labels = work.items["emotion"].astype(str).to_numpy()[train]
    means = _quantized_means(work, state, codec, task, train)
    name: ProbeName = clean.name
    return {
        lam: fit_probe(name, rows, labels, seed=0)
        for lam, rows in zip(codec.ladder_, means, strict=True)
    }


def _quantized_means(
    work: Workspace, state: FoldState, codec: Codec, task: CodecTask, train: np.ndarray
) -> np.ndarray:
    """Return time means of the quantized training items in z, ``[L, N, D]``."""
    rows = work.rows[train]
    lengths = np.diff(work.embeddings.offsets)[rows]
    blocks = np.unique(np.cumsum(lengths) // _FRAMES_PER_BLOCK, return_index=True)[1]
    parts = [
        _block_means(state, codec, work.embeddings.frames(mine), task)
        for mine in np.split(rows, blocks[1:])
    ]
    return np.concatenate(parts, axis=1)


def _block_means(state: FoldState, codec: Codec, frames: Frames, task: CodecTask) -> np.ndarray:
    return np.stack(
        [
            time_means(state.scaling.forward(codec.decode(encoded.symbols)), frames.offsets)
            for encoded in codec.encode_ladder(frames.values, codec.ladder_, mode=task.study.mode)
        ]
    )
