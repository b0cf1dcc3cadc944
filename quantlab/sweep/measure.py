"""What is measured of reconstructed items: one table row per item, for any method.

Letters: ``N`` items, ``T`` frames, ``D`` dimensions, ``E`` emotions.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from quantlab.analysis import (
    FittedProbe,
    attraction,
    displacement,
    jensen_shannon_bits,
    same_top_two,
    similarity,
    time_means,
)
from quantlab.embedders import Frames
from quantlab.sweep.soft_labels import Labels, posterior
from quantlab.sweep.workspace import FoldState, Workspace

ROW_DECIMALS = 9

_SET_COLUMNS = (
    "set_entropy_bits",
    "set_distinct_sequences",
    "set_num_vectors",
    "set_payload_bits",
    "set_file_bits",
)

TOKEN_COLUMNS = ("emotion_token_entropy", "emotion_code_usage")
_JUDGED = ("surprisal_bits", "js_bits", "top2")
_ANEW, _ANEW_BITS = "probe_retrained", "retrained_surprisal_bits"


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
        **{f"displacement_{name}": "float64" for name in ("mean", *work.emotions)},
        **dict.fromkeys((*_SET_COLUMNS, *TOKEN_COLUMNS, *_JUDGED, _ANEW_BITS), "float64"),
        **{f"probe_{name}": "category" for name in work.probes},
        _ANEW: "category",
    }


def measure(
    state: FoldState,
    labels: Labels,
    z: Frames,
    z_hat: np.ndarray,
    *,
    bits: np.ndarray | None = None,
    of_set: Mapping[str, float | np.ndarray] | None = None,
    retrained: FittedProbe | None = None,
) -> pd.DataFrame:
    """Compare items with their reconstructions.

    Parameters
    ----------
    state : FoldState
        Scaling, centroids and probes of the fold.
    labels : Labels
        Of the N items.
    z : Frames
        Scaled frames of N items.
    z_hat : np.ndarray [shape=(ΣT, D)]
        Their reconstructions.
    bits : np.ndarray [shape=(ΣT,)], optional
        Code length of every frame; absent where a method has no code.
    of_set : Mapping[str, float or np.ndarray], optional
        Statistics of all symbols of the set, repeated in each row, or one per item.
    retrained : FittedProbe, optional
        A probe fitted to training items that went through the same method.

    Returns
    -------
    pd.DataFrame
        N rows with the metric and prediction columns of `row_schema`.
    """
    compared = similarity(
        z.values, z_hat, z.offsets, mean=state.scaling.mean, scale=state.scaling.scale
    )
    means, means_hat = time_means(z.values, z.offsets), time_means(z_hat, z.offsets)
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
            **_drift(state, means, means_hat),
            **{name: (of_set or {}).get(name, np.nan) for name in (*_SET_COLUMNS, *TOKEN_COLUMNS)},
            **_judged(state, labels, means_hat),
            **{
                f"probe_{name}": pd.Categorical(probe.predict(means_hat), state.emotions)
                for name, probe in state.probes.items()
            },
            **_anew(state, labels, means_hat, retrained),
        }
    )


def _drift(state: FoldState, means: np.ndarray, means_hat: np.ndarray) -> dict[str, np.ndarray]:
    toward = attraction(means, means_hat, state.centroids)
    to_mean, to_class = displacement(means, means_hat, state.centroids)
    neutral = state.emotions.index("neutral") if "neutral" in state.emotions else None
    return {
        **{f"attraction_{name}": toward[:, at] for at, name in enumerate(state.emotions)},
        "displacement_mean": (
            np.full(len(means), np.nan) if neutral is None else to_mean[:, neutral]
        ),
        **{f"displacement_{name}": to_class[:, at] for at, name in enumerate(state.emotions)},
    }


def _judged(state: FoldState, labels: Labels, means_hat: np.ndarray) -> dict[str, np.ndarray]:
    """Ask the probe that has probabilities for the true class and for closeness to soft labels."""
    probe = state.probes.get(state.judge)
    if not isinstance(probe, FittedProbe):
        return {name: np.full(len(means_hat), np.nan) for name in _JUDGED}
    shares = posterior(probe, means_hat, state.emotions)
    return {
        "surprisal_bits": _surprisal(shares, labels),
        "js_bits": jensen_shannon_bits(shares, labels.soft),
        "top2": same_top_two(shares, labels.soft).astype(np.float64),
    }


def _anew(
    state: FoldState, labels: Labels, means_hat: np.ndarray, probe: FittedProbe | None
) -> dict[str, Any]:
    if probe is None:
        nothing = pd.Categorical([None] * len(means_hat), state.emotions)
        return {_ANEW_BITS: np.full(len(means_hat), np.nan), _ANEW: nothing}
    shares = posterior(probe, means_hat, state.emotions)
    return {
        _ANEW_BITS: _surprisal(shares, labels),
        _ANEW: pd.Categorical(probe.predict(means_hat), state.emotions),
    }


def _surprisal(shares: np.ndarray, labels: Labels) -> np.ndarray:
    """Return −log2 of the probability of the true class; at most that of the smallest float."""
    true = shares[np.arange(len(shares)), labels.emotion]
    return -np.log2(np.maximum(true, np.finfo(np.float64).tiny)) + 0.0
