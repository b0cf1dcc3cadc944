"""What the embedders with learned weights share: where models lie, batches, windows.

Letters: ``T`` frames, ``D`` dimensions.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from quantlab.audio import SAMPLE_RATE, Clip
from quantlab.embedders.cache import default_cache
from quantlab.embedders.windows import make_windows
from quantlab.errors import InputError


def models_folder() -> Path:
    """Return ``$QUANTLAB_MODELS``, or ``models`` under the cache."""
    chosen = os.environ.get("QUANTLAB_MODELS")
    return Path(chosen) if chosen else default_cache() / "models"


def require_clips(clips: Sequence[Clip], level: str) -> None:
    """Raise InputError when something is no clip, or the level is unknown."""
    if level not in ("utterance", "frame"):
        raise InputError(f"level {level!r} is unknown; use 'utterance' or 'frame'")
    for clip in clips:
        if not isinstance(clip, Clip):
            raise InputError(
                f"an audio clip is needed, given {type(clip).__name__}; "
                "use read_clip, or clip_from_array with the sample rate"
            )


def run_windows(
    waves: Sequence[np.ndarray],
    frames_of: Callable[[list[np.ndarray]], list[np.ndarray]],
    *,
    batch_seconds: float,
    window_s: float,
    overlap_s: float,
) -> list[np.ndarray]:
    """Embed waves in windows and batches, and put their frames together again.

    Parameters
    ----------
    waves : Sequence[np.ndarray]
        Samples ``[n]`` at 16 kHz, n ≥ 400.
    frames_of : callable
        Gives the frames ``[T, D]`` of each of several waves.
    batch_seconds : float
        Most seconds of a batch, padding included; 0 for one wave at a time.
    window_s, overlap_s : float
        As in `make_windows`.

    Returns
    -------
    list[np.ndarray]
        The frames ``[T, D]`` of each wave, float32.
    """
    plans = [make_windows(len(wave), window_s=window_s, overlap_s=overlap_s) for wave in waves]
    pieces = [(row, window) for row, plan in enumerate(plans) for window in plan]
    pieces.sort(key=lambda piece: piece[1].stop - piece[1].start)
    found: dict[tuple[int, int], np.ndarray] = {}
    for batch in _batches([window.stop - window.start for _, window in pieces], batch_seconds):
        chosen = [pieces[at] for at in batch]
        arrays = frames_of([waves[row][window.start : window.stop] for row, window in chosen])
        for (row, window), array in zip(chosen, arrays, strict=True):
            found[row, window.start] = array[window.first : window.last]
    return [
        np.concatenate([found[row, window.start] for window in plan]).astype(np.float32)
        for row, plan in enumerate(plans)
    ]


def _batches(lengths: Sequence[int], batch_seconds: float) -> list[list[int]]:
    """Group positions of ascending lengths so that count × longest stays within the budget."""
    budget = batch_seconds * SAMPLE_RATE
    batches: list[list[int]] = []
    for at, length in enumerate(lengths):
        if batches and (len(batches[-1]) + 1) * length <= budget:
            batches[-1].append(at)
        else:
            batches.append([at])
    return batches
