"""The limits that a study's curves over bits are drawn beside, from its training items.

For every fold one Gaussian and one Gaussian per emotion are fitted to the training vectors, in the
fold's scaled space, and what each implies in bits is averaged over the folds. Cosines are treated
in the same way with the vectors scaled to one length, which is where the ceiling √(1 − D) holds.
Letters: ``D`` dimensions, ``E`` emotions, ``P`` points of a curve.
"""

from collections import Counter

import numpy as np
import pandas as pd

from quantlab.analysis import Twin, cosine_ceiling, fit_twin, rate_limit, space_filling_line
from quantlab.config import fingerprint
from quantlab.sweep.workspace import Workspace, fit_scaling, train_frames

_POINTS = 48
_MOST_VECTORS = 40_000
_BELOW = 0.8  # curves begin at this share of the least distortion that was reached
_FEW_PER_DIM = 10
ALL = "all"
_Curves = dict[tuple[str, str], np.ndarray]
_EMPTY = pd.DataFrame(
    {
        **{name: pd.Series(dtype="str") for name in ("protocol", "metric", "limit", "emotion")},
        **{name: pd.Series(dtype="float64") for name in ("bits", "value")},
    }
)
DISTORTION, COSINE = "distortion", "cos_centred_frames"


def limit_table(work: Workspace, similarity: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Tabulate the limits of each protocol.

    Parameters
    ----------
    work : Workspace
        The study.
    similarity : pd.DataFrame
        Its table `similarity`, which says how far the curves have to reach.

    Returns
    -------
    pd.DataFrame
        Columns protocol, metric, limit, emotion, bits, value. Limits: ``gaussian`` (one Gaussian),
        ``class_known`` and ``class_told`` (one Gaussian per emotion: no code needs fewer bits, and
        what naming the emotion first would need), ``scalar`` (``gaussian`` plus what uniform scalar
        quantizers lose at high rate).
    str
        A sentence of caution where there are few vectors for their width, else nothing.
    """
    parts, fewest = [_EMPTY], work.embeddings.num_dims * _FEW_PER_DIM
    for protocol in work.study.split.protocols:
        tested = similarity.loc[similarity["protocol"] == protocol]
        folds = [name for name in work.folds if name.startswith(f"{protocol}/")]
        if tested.empty or not folds:
            continue
        grids = {
            name: _grid(tested, name, work.embeddings.num_dims) for name in (DISTORTION, COSINE)
        }
        curves: dict[str, list[_Curves]] = {name: [] for name in grids}
        for fold in folds:
            vectors, names = _training(work, fold)
            fewest = min(fewest, *Counter(names).values())
            for metric, (grid, _) in grids.items():
                curves[metric].append(_curves(_twin(vectors, names, metric), grid))
        for metric, (_, values) in grids.items():
            parts += _rows(curves[metric], protocol=protocol, metric=metric, values=values)
    return pd.concat(parts, ignore_index=True), _caution(fewest, work.embeddings.num_dims)


def _caution(fewest: int, num_dims: int) -> str:
    if fewest >= _FEW_PER_DIM * num_dims:
        return ""
    return (
        f"the limits rest on {fewest} training vectors of the rarest emotion in {num_dims} "
        "dimensions; their covariances are shrunk, and at many bits the limits are still rough"
    )


def _training(work: Workspace, fold: str) -> tuple[np.ndarray, np.ndarray]:
    """Return scaled training vectors of a fold and their emotions, at most `_MOST_VECTORS`."""
    frames, emotions, _ = train_frames(work, fold)
    if len(frames) > _MOST_VECTORS:
        rng = np.random.default_rng(int(fingerprint({"limits": fold})[:15], 16))
        kept = np.sort(rng.choice(len(frames), _MOST_VECTORS, replace=False))
        frames, emotions = frames[kept], emotions[kept]
    counts = Counter(emotions)
    kept = np.array([counts[name] > 1 for name in emotions])  # one vector has no covariance
    z = fit_scaling(work, fold).forward(work.embeddings.take(frames[kept]))
    return z.astype(np.float64), emotions[kept].astype(str)


def _twin(vectors: np.ndarray, names: np.ndarray, metric: str) -> Twin:
    if metric == COSINE:
        lengths = np.linalg.norm(vectors, axis=1)
        known = lengths > 0
        vectors, names = vectors[known] / lengths[known, None], names[known]
    return fit_twin(vectors, names)


def _grid(similarity: pd.DataFrame, metric: str, num_dims: int) -> tuple[np.ndarray, np.ndarray]:
    """Return distortions ``[P]`` from the best that a codec reached to all, and their metric."""
    here = (similarity["method"] == "codec") & (similarity["metric"] == metric)
    reached = similarity.loc[here, "value"].to_numpy(np.float64)
    if metric == DISTORTION:
        least, most = _BELOW * float(reached.min()), float(num_dims)
    else:
        least, most = _BELOW * (1 - float(reached.max()) ** 2), 1.0
    grid = np.geomspace(max(least, 1e-3 * most), most, _POINTS)
    return grid, grid if metric == DISTORTION else cosine_ceiling(grid, 1.0)


def _curves(twin: Twin, grid: np.ndarray) -> _Curves:
    """Return the bits of every limit of one fold."""
    both = twin.limits(grid)
    whole = rate_limit(twin.covariance, distortion=grid)
    bits = {
        ("gaussian", ALL): whole.bits,
        ("scalar", ALL): space_filling_line(whole),
        ("class_known", ALL): both.lower_bits,
        ("class_told", ALL): both.upper_bits,
    }
    for name, share, covariance in zip(twin.classes, twin.shares, twin.covariances, strict=True):
        own = rate_limit(covariance, distortion=grid).bits
        bits["class_known", name] = own
        bits["class_told", name] = own - np.log2(share)
    return bits


def _rows(
    curves: list[_Curves],
    *,
    protocol: str,
    metric: str,
    values: np.ndarray,
) -> list[pd.DataFrame]:
    """Average the folds; an emotion that a fold lacks is averaged over the others."""
    keys = dict.fromkeys(key for part in curves for key in part)
    return [
        pd.DataFrame(
            {
                "protocol": protocol,
                "metric": metric,
                "limit": limit,
                "emotion": emotion,
                "bits": np.mean(
                    [part[limit, emotion] for part in curves if (limit, emotion) in part],
                    axis=0,
                ),
                "value": values,
            }
        )
        for limit, emotion in keys
    ]
