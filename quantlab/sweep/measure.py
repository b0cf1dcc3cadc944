"""What is measured of reconstructed items: one table row per item, for any method.

Letters: ``N`` items, ``T`` frames, ``D`` dimensions, ``E`` emotions.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from quantlab.analysis import attraction, similarity, time_means
from quantlab.embedders import Frames
from quantlab.sweep.workspace import FoldState, Workspace

ROW_DECIMALS = 9

_SET_COLUMNS = (
    "set_entropy_bits",
    "set_distinct_sequences",
    "set_num_vectors",
    "set_payload_bits",
    "set_file_bits",
)


def row_schema(work: Workspace) -> dict[str, str]:
    """Return the columns of the sweep table and their types."""
    return {
        "trial": "category",
        "codec": "category",
        "recipe": "category",
        "protocol": "category",
        "fold": "category",
        "seed": "int64",
        "mode": "category",
        "method": "category",
        "lam": "float64",
        "lam_raw": "float64",
        "item": "category",
        "emotion": "category",
        "speaker": "category",
        "text_id": "category",
        "num_frames": "int64",
        "distortion": "float64",
        "code_length_bits": "float64",
        "cos_raw_frames": "float64",
        "cos_centred_frames": "float64",
        "cos_raw_means": "float64",
        "cos_centred_means": "float64",
        "zero_output": "bool",
        **{f"attraction_{emotion}": "float64" for emotion in work.emotions},
        **dict.fromkeys(_SET_COLUMNS, "float64"),
        **{f"probe_{name}": "category" for name in work.probes},
    }


def measure(
    work: Workspace,
    state: FoldState,
    z: Frames,
    z_hat: np.ndarray,
    *,
    bits: np.ndarray | None = None,
    of_set: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Compare items with their reconstructions.

    Parameters
    ----------
    work, state : Workspace, FoldState
        The study, and scaling, centroids and probes of the fold.
    z : Frames
        Scaled frames of N items.
    z_hat : np.ndarray [shape=(ΣT, D)]
        Their reconstructions.
    bits : np.ndarray [shape=(ΣT,)], optional
        Code length of every frame; absent where a method has no code.
    of_set : Mapping[str, float], optional
        Statistics of all symbols of the set, repeated in each row.

    Returns
    -------
    pd.DataFrame
        N rows with the metric and prediction columns of `row_schema`.
    """
    compared = similarity(
        z.values, z_hat, z.offsets, mean=state.scaling.mean, scale=state.scaling.scale
    )
    means, means_hat = time_means(z.values, z.offsets), time_means(z_hat, z.offsets)
    toward = attraction(means, means_hat, state.centroids)
    lengths = np.diff(z.offsets)
    per_item = np.full(len(lengths), np.nan)
    if bits is not None:
        per_item = np.add.reduceat(bits, z.offsets[:-1])
    return pd.DataFrame(
        {
            "num_frames": lengths,
            "distortion": compared.distortion,
            "code_length_bits": per_item,
            "cos_raw_frames": compared.cos_raw_frames,
            "cos_centred_frames": compared.cos_centred_frames,
            "cos_raw_means": compared.cos_raw_means,
            "cos_centred_means": compared.cos_centred_means,
            "zero_output": compared.zero_output,
            **{
                f"attraction_{emotion}": toward[:, column]
                for column, emotion in enumerate(work.emotions)
            },
            **{name: (of_set or {}).get(name, np.nan) for name in _SET_COLUMNS},
            **{
                f"probe_{name}": pd.Categorical(probe.predict(means_hat), work.emotions)
                for name, probe in state.probes.items()
            },
        }
    )
