"""The mean vector of each emotion of a run: what stands for the emotion as a reference."""

from pathlib import Path

import numpy as np

from quantlab.sweep.folder import RunFolder
from quantlab.sweep.workspace import open_workspace


def class_means(run: str | Path) -> dict[str, np.ndarray]:
    """Return the mean over all clips of each emotion of a run.

    Parameters
    ----------
    run : str or Path
        A run folder with its study.

    Returns
    -------
    dict[str, np.ndarray [shape=(D,), dtype=float32]]
        By emotion, in the embedder's units; time means of clips count alike, however long.

    Raises
    ------
    InputError
        There is no study, or its embeddings are not there.
    """
    folder = RunFolder(Path(run))
    work = open_workspace(folder, folder.read_study())
    labels = work.items["emotion"].astype(str).to_numpy()
    means = work.embeddings.time_means(work.rows).astype(np.float64)
    return {name: means[labels == name].mean(axis=0).astype(np.float32) for name in work.emotions}
