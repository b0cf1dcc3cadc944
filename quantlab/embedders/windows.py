"""Overlapping windows over long clips, for embedders whose memory grows with the clip.

The networks concerned give one frame per 320 samples, each seeing 400 of them; window starts are
multiples of 320, so the frames of all windows lie on one grid and those of the whole clip are all
there, each taken from the window in whose middle it lies.
"""

from dataclasses import dataclass

from quantlab.audio import SAMPLE_RATE

STRIDE, RECEPTIVE = 320, 400


@dataclass(frozen=True)
class Window:
    """A stretch of a clip, and which of its frames are kept.

    Attributes
    ----------
    start, stop : int
        Samples of the clip that the window covers.
    first, last : int
        Frames of the window that are kept, ``[first, last)``.
    """

    start: int
    stop: int
    first: int
    last: int


def num_frames(num_samples: int) -> int:
    """Return the frames of so many samples, without padding: ⌊(n − 400)/320⌋ + 1, at least 0."""
    return max((num_samples - RECEPTIVE) // STRIDE + 1, 0)


def make_windows(num_samples: int, *, window_s: float, overlap_s: float) -> tuple[Window, ...]:
    """Cover a clip with windows of equal length.

    Parameters
    ----------
    num_samples : int ≥ 400
        Samples at 16 kHz.
    window_s : float
        Longest stretch that is embedded at once, in seconds.
    overlap_s : float
        What neighbouring windows share, below `window_s`.

    Returns
    -------
    tuple[Window, ...]
        In order; the kept frames, one after another, are as many as the whole clip has. A clip
        that is not longer than `window_s` is one window.
    """
    total = num_frames(num_samples)
    longest = int(window_s * SAMPLE_RATE) // STRIDE * STRIDE
    if num_samples <= longest:
        return (Window(0, num_samples, 0, total),)
    shared = int(overlap_s * SAMPLE_RATE) // STRIDE  # frames
    held = num_frames(longest)
    step = held - shared
    windows: list[Window] = []
    begin = kept = 0  # frames of the clip: where the window starts, and how many are taken so far
    while kept < total:
        begin = min(begin, total - held)
        end = begin + held
        until = total if end >= total else end - shared // 2
        stop = num_samples if end >= total else begin * STRIDE + longest
        windows.append(Window(begin * STRIDE, stop, kept - begin, until - begin))
        kept = until
        begin += step
    return tuple(windows)
