"""Statistics of descriptor series: banks of ten numbers each, and local statistics of frames.

Every statistic is finite for every clip that is legal, a fully unvoiced or silent one included.
Letters: T frames of 10 ms, C series, n frames of a mask.
"""

import itertools

import numpy as np

from quantlab.audio import HOP_S

BANK = 10
"""Numbers in a bank."""

SERIES_STATISTICS = (
    "mean", "median", "p10", "p90", "spread", "asymmetry", "change", "trend", "arch", "loud_soft",
)  # fmt: skip
CONTOUR_STATISTICS = (
    "slope", "slope_spread", "steepness", "rising_share", "range", "widest_range", "level_spread",
    "first_level", "last_level", "jump",
)  # fmt: skip
TENTHS = tuple(f"tenth_{number}" for number in range(1, 11))
MODULATION_EDGES_HZ = (0.5, 1.5, 2.5, 4.0, 6.0, 8.0, 12.0, 20.0, 32.0)
MODULATIONS = tuple(f"{low:g}_{high:g}_hz" for low, high in itertools.pairwise(MODULATION_EDGES_HZ))

_RIDGE = 1e-3
_SHORTEST_SEGMENT = 4
_MODULATION_FLOOR = 0.03


def series_banks(values: np.ndarray, mask: np.ndarray, energy: np.ndarray) -> np.ndarray:
    """Return the ten statistics of `SERIES_STATISTICS` for each series over some frames.

    Parameters
    ----------
    values : np.ndarray [T, C], float64
        The series.
    mask : np.ndarray [T], bool
        The frames that count, at least one.
    energy : np.ndarray [T], float64
        Splits them at its median into a loud and a soft half.

    Returns
    -------
    np.ndarray [C, 10], float64
        Mean, percentiles, standard deviation, asymmetry (p90 + p10 − 2 · median), mean size of the
        step from frame to frame, linear and quadratic part over time (from middle to end), mean of
        the loud half minus mean of the soft half; all in the series' own unit.
    """
    at = np.flatnonzero(mask)
    x = values[at]
    p10, median, p90 = np.percentile(x, (10, 50, 90), axis=0)
    step = np.flatnonzero(np.diff(at) == 1)
    trend, arch = _polynomial(x, at)
    loud = energy[at] >= np.median(energy[at])
    contrast = x[loud].mean(axis=0) - x[~loud].mean(axis=0) if not loud.all() else 0 * median
    return np.stack(
        [
            x.mean(axis=0),
            median,
            p10,
            p90,
            x.std(axis=0),
            p90 + p10 - 2 * median,
            np.abs(x[step + 1] - x[step]).sum(axis=0) / max(len(step), 1),
            trend,
            arch,
            contrast,
        ],
        axis=1,
    )


def _polynomial(x: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit a line and an arch over time, damped so that few frames give small coefficients."""
    half = max((at[-1] - at[0]) / 2, 1.0)
    line = (at - at.mean()) / half
    power = np.sum(line * line) + _RIDGE * len(at)
    arch = line * line - np.mean(line * line)
    arch = arch - line * (np.sum(arch * line) / power)
    arch_power = np.sum(arch * arch) + _RIDGE * len(at)
    return np.einsum("n,nc->c", line, x) / power, np.einsum("n,nc->c", arch, x) / arch_power


def tenths(x: np.ndarray) -> np.ndarray:
    """Return the means [10] of ten consecutive parts of a series [n], n >= 1."""
    edges = np.linspace(0, len(x), 11)
    first = np.minimum(np.floor(edges[:-1]).astype(int), len(x) - 1)
    last = np.maximum(np.minimum(np.ceil(edges[1:]).astype(int), len(x)), first + 1)
    total = np.concatenate([np.zeros(1), np.cumsum(x)])
    return (total[last] - total[first]) / (last - first)


def segments(mask: np.ndarray) -> np.ndarray:
    """Return begin and end [number of runs, 2] of the runs of true frames."""
    return np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)


def contour_bank(series: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the statistics of `CONTOUR_STATISTICS` of a series' unbroken stretches.

    Parameters
    ----------
    series : np.ndarray [T], float64
        The series.
    mask : np.ndarray [T], bool
        Its stretches; those under 40 ms are left out.

    Returns
    -------
    np.ndarray [10], float64
        Slopes are log2(1 + size) with sign, size in units per second; all 0 without a stretch.
    """
    runs = segments(mask)
    runs = runs[np.diff(runs, axis=1)[:, 0] >= _SHORTEST_SEGMENT]
    if not len(runs):
        return np.zeros(BANK)
    parts = [series[begin:end] for begin, end in runs]
    weight = np.diff(runs, axis=1)[:, 0] / np.diff(runs, axis=1).sum()
    steep = np.array([_slope(part) for part in parts])
    size = np.log2(1 + np.abs(steep))
    signed = np.sign(steep) * size
    ranges = np.array([np.subtract(*np.percentile(part, (95, 5))) for part in parts])
    levels = np.array([part.mean() for part in parts])
    jumps = [abs(after[0] - before[-1]) for before, after in itertools.pairwise(parts)]
    return np.array(
        [
            np.sum(weight * signed),
            signed.std(),
            np.sum(weight * size),
            np.sum(weight * (steep > 0)),
            np.sum(weight * ranges),
            ranges.max(),
            levels.std(),
            levels[0] - levels.mean(),
            levels[-1] - levels.mean(),
            np.mean(jumps) if jumps else 0.0,
        ]
    )


def _slope(part: np.ndarray) -> float:
    time = (np.arange(len(part)) - (len(part) - 1) / 2) * HOP_S
    return float(np.sum(time * part) / np.sum(time * time))


def modulation(values: np.ndarray) -> np.ndarray:
    """Return the modulation spectrum of series in eight bands, 0.5 to 32 Hz.

    Parameters
    ----------
    values : np.ndarray [T, C], float64
        The series; their means are removed.

    Returns
    -------
    np.ndarray [C, 8], float64
        Mean power density per band in dB.
    """
    num_frames = len(values)
    taper = np.hanning(num_frames + 2)[1:-1, None]
    num_fft = max(1024, 1 << (num_frames - 1).bit_length())
    spectrum = np.fft.rfft((values - values.mean(axis=0)) * taper, num_fft, axis=0)
    power = np.abs(spectrum) ** 2 / num_frames
    hz = np.arange(len(power)) / (num_fft * HOP_S)
    edges = np.searchsorted(hz, MODULATION_EDGES_HZ)
    bands = [power[first:last].mean(axis=0) for first, last in itertools.pairwise(edges)]
    return 10 * np.log10(np.stack(bands, axis=1) + _MODULATION_FLOOR)


def local_statistics(values: np.ndarray, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """Return running means and standard deviations over windows cut at the clip's ends.

    Parameters
    ----------
    values : np.ndarray [T, C], float64
        The series.
    reach : int
        Frames to each side of the window's centre.

    Returns
    -------
    tuple of np.ndarray [T, C]
        Means and standard deviations of frames t − reach to t + reach.
    """
    # Centred first: the variance is a difference of sums, and must not lose its digits.
    offset = values.mean(axis=0)
    centred = values - offset
    first = np.maximum(np.arange(len(values)) - reach, 0)
    last = np.minimum(np.arange(len(values)) + reach + 1, len(values))
    count = (last - first)[:, None]
    mean = _running_sum(centred, first, last) / count
    square = _running_sum(centred**2, first, last) / count
    return mean + offset, np.sqrt(np.maximum(square - mean**2, 0.0))


def _running_sum(values: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    return total[last] - total[first]
