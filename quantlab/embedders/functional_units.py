"""The order of the dimensions and the unit of each.

Vectors are compared by squared error, so every dimension is divided by a typical spread. The
tables hold typical values of a descriptor in its physical unit; the statistics' centres and
spreads follow from them by fixed factors, those of the normal distribution where there are such.

Origin: rounded to two figures from the acted studio speech of EmoDB (German) and nEMO (Polish),
without looking at emotions, speakers or texts, once, at version 1. They set units and nothing else:
no direction and no boundary depends on them.
"""

import functools

import numpy as np

from quantlab.embedders.functional_banks import BANK, CONTOUR_STATISTICS, SERIES_STATISTICS
from quantlab.embedders.functional_prosody import PROSODY_STATISTICS
from quantlab.embedders.functional_series import NUM_CEPSTRA, NUM_MEL_GROUPS, SERIES

UTTERANCE_BANKS = (
    "pitch", "pitch_distribution", "pitch_accents", "pitch_contour",
    "pitch_slopes", "pitch_modulation", "perturbation", "rhythm",
    "energy", "energy_all", "energy_voice", "energy_contour",
    "energy_slopes", "energy_modulation", "flux", "zero_crossings",
    "alpha_ratio", "hammarberg", "slope_0_500", "h1_a3",
    "h1_h2", "h2_h4", "cepstral_peak", "harmonicity",
    "peak_harmonicity", "slope_500_1500", "slope_1500_5000", "centroid",
    *(f"mel_{band}" for band in range(1, NUM_MEL_GROUPS + 1)),
    *(f"cepstrum_{order}" for order in range(1, NUM_CEPSTRA + 1)),
    *(f"mel_modulation_{part}" for part in range(1, 5)),
)  # fmt: skip
"""The 48 banks of an utterance vector; each line, and each four of those below, is one theme."""

FRAME_SERIES = SERIES[: 16 + NUM_MEL_GROUPS]
"""The 24 descriptors of a frame vector."""

FRAME_STATISTICS = ("value", "mean_0.2s", "spread_0.2s", "mean_1s", "spread_1s")
"""What a frame vector holds of each descriptor."""

VOICE_SERIES = frozenset({
    "pitch", "harmonicity", "cepstral_peak", "alpha_ratio", "hammarberg", "slope_0_500",
    "slope_500_1500", "slope_1500_5000", "h1_h2", "h2_h4", "h1_a3",
})  # fmt: skip
"""Descriptors whose banks look at voiced frames only; the others look at all but pauses."""

# Level and spread of levels between clips, then within a clip: standard deviation, asymmetry, step
# from frame to frame, loud half minus soft half.
_TYPICAL = {
    "pitch": (10.1, 5.6, 3.1, 0.2, 0.52, 2.2),  # semitones above 100 Hz
    "harmonicity": (11.3, 2.4, 6.0, 0.0, 3.0, 3.3),  # dB
    "peak_harmonicity": (8.6, 2.5, 8.1, -1.6, 3.4, 6.7),  # dB
    "cepstral_peak": (0.86, 0.35, 0.59, 0.05, 0.3, 0.68),  # log2 of dB
    "energy": (-9.3, 1.4, 6.9, -3.5, 2.0, 11.0),  # dB below the loud level
    "energy_all": (-13.8, 2.7, 12.0, -12.0, 2.4, 11.0),
    "energy_voice": (-7.3, 1.8, 5.9, -3.3, 1.5, 9.3),
    "flux": (0.37, 0.059, 0.18, 0.03, 0.11, -0.11),  # distance of unit vectors
    "alpha_ratio": (15.2, 5.1, 7.6, 2.4, 2.2, -2.4),  # dB
    "hammarberg": (26.3, 5.6, 8.3, 2.2, 2.8, -1.8),  # dB
    "slope_0_500": (17.9, 32.0, 29.0, -0.2, 11.0, 28.0),  # dB per kHz
    "slope_500_1500": (-10.1, 4.8, 9.9, 0.5, 3.9, 0.1),
    "slope_1500_5000": (-3.5, 1.6, 3.0, 0.5, 1.0, -1.5),
    "centroid": (9.3, 0.46, 1.2, 1.4, 0.25, -0.49),  # log2 of Hz
    "h1_h2": (5.0, 4.7, 7.6, 3.5, 2.2, -5.4),  # dB
    "h2_h4": (15.3, 5.1, 11.0, -2.2, 3.8, -2.0),
    "h1_a3": (24.4, 7.2, 9.5, 1.7, 3.0, -4.6),
    "zero_crossings": (-3.3, 0.36, 1.1, 1.1, 0.25, -0.56),  # log2 of a share
    "mel_1": (13.4, 5.7, 9.3, -5.7, 2.2, 2.9),  # dB relative to the mean of all bands
    "mel_2": (5.0, 3.1, 6.7, -3.0, 1.8, 5.5),
    "mel_3": (-1.3, 2.6, 6.5, 1.1, 1.6, 3.5),
    "mel_4": (-0.84, 2.1, 5.7, 1.4, 1.6, 2.5),
    "mel_5": (-2.1, 2.3, 4.8, 0.6, 1.4, 0.8),
    "mel_6": (-1.4, 2.7, 5.3, 2.1, 1.5, -0.7),
    "mel_7": (-4.1, 3.4, 6.9, 5.0, 1.8, -4.9),
    "mel_8": (-8.7, 3.3, 9.5, 8.3, 2.2, -9.7),
    "cepstrum_1": (7.4, 3.4, 7.4, -7.5, 1.6, 6.0),  # dB
    "cepstrum_2": (2.1, 2.2, 4.2, -0.5, 1.2, -2.7),
    "cepstrum_3": (4.2, 1.4, 3.7, 0.4, 0.91, 0.9),
    "cepstrum_4": (0.75, 1.5, 2.7, -0.6, 0.82, -1.4),
    "cepstrum_5": (1.0, 1.1, 2.0, -0.1, 0.69, -0.5),
    "cepstrum_6": (-0.18, 1.2, 2.0, -0.2, 0.67, -0.6),
    "cepstrum_7": (-0.87, 1.0, 1.8, -0.2, 0.63, -0.9),
    "cepstrum_8": (-0.65, 0.98, 1.6, -0.2, 0.6, -0.45),
}

_P90 = 1.28  # of a normal distribution, in standard deviations

# Where the factors fail: energy is tied to the loud level from above, pitch falls over a sentence.
_EXCEPTIONS = {
    ("pitch", "spread"): (3.1, 1.2),
    ("pitch", "asymmetry"): (0.2, 3.0),
    ("pitch", "trend"): (-1.8, 2.2),
    ("energy", "p90"): (-1.0, 0.57),
    ("energy", "spread"): (6.9, 0.62),
    ("energy", "loud_soft"): (11.0, 1.4),
    ("energy_all", "p10"): (-32.0, 6.7),
    ("energy_all", "p90"): (-1.5, 0.82),
    ("energy_all", "arch"): (-15.0, 8.1),
    ("energy_voice", "p90"): (-0.5, 0.63),
    ("energy_voice", "loud_soft"): (9.3, 1.7),
    ("h1_h2", "change"): (2.2, 0.7),
}

_FRAME_TYPICAL = {
    # Frame vectors see unvoiced frames and pauses too.
    "harmonicity": (3.2, 6.0, 9.9),
    "alpha_ratio": (11.0, 6.5, 10.4),
    "hammarberg": (22.0, 7.4, 11.4),
    "energy": (-14.0, 4.6, 11.0),
}

_MEL_MODULATION = (24.0, 23.0, 22.0, 21.0, 19.0, 15.0, 9.5, 2.7)
_MEL_MODULATION_SPREAD = (3.8, 3.6, 3.3, 2.9, 3.1, 2.6, 2.5, 2.4)
_MEL_VARIATION = ((10.0, 1.6), (7.5, 1.1), (6.2, 0.66), (8.9, 1.2))

# Centres and spreads, in the order of the bank's statistics.
_BANK_UNITS = {
    "pitch_distribution": (
        (5.3, 8.1, 12.0, 15.0, 9.8, 4.0, 11.0, 0.3, 13.0, 2.4),
        (5.2, 5.5, 6.0, 6.5, 4.0, 2.0, 5.8, 3.9, 6.6, 0.98),
    ),
    "pitch_accents": (
        (1.9, 2.8, 5.4, -1.9, 2.0, 2.2, -1.2, 0.36, 0.83, -3.4),
        (0.42, 1.9, 3.2, 1.4, 1.4, 0.58, 4.8, 0.29, 0.26, 3.3),
    ),
    "pitch_contour": (
        (0.91, 1.2, 1.0, 0.97, 0.52, 0.24, 0.14, -0.18, -1.2, -3.3),
        (3.2, 2.6, 2.4, 2.1, 1.9, 1.8, 2.1, 2.4, 2.9, 3.3),
    ),
    "pitch_slopes": (
        (-1.6, 3.5, 3.5, 0.29, 4.3, 7.4, 2.6, 0.64, -3.0, 2.8),
        (1.3, 1.1, 0.78, 0.2, 1.7, 3.4, 1.3, 3.1, 3.0, 1.3),
    ),
    "pitch_modulation": (
        (15.0, 11.0, 7.9, 4.5, 2.1, -1.4, -6.4, -10.0, -0.93, -1.8),
        (5.3, 5.6, 4.9, 4.0, 4.0, 3.7, 2.8, 1.9, 0.38, 0.44),
    ),
    "perturbation": (
        (0.33, 0.32, 0.2, -0.42, 1.4, 5.4, 4.7, -2.6, 0.13, -1.2),
        (0.44, 0.088, 0.34, 0.45, 0.36, 0.78, 1.5, 0.49, 0.062, 0.56),
    ),
    "rhythm": (
        (0.63, 0.83, 0.72, -3.6, -2.7, 2.8, 1.3, 0.17, 0.07, 0.48),
        (0.12, 0.073, 0.12, 0.41, 0.66, 1.0, 0.44, 0.027, 0.039, 0.1),
    ),
    "energy_contour": (
        (-22.0, -9.7, -10.0, -12.0, -12.0, -12.0, -11.0, -12.0, -13.0, -25.0),
        (6.7, 5.4, 5.5, 5.8, 6.1, 6.0, 5.7, 5.4, 5.6, 7.4),
    ),
    "energy_slopes": (
        (-1.4, 3.2, 3.2, 0.3, 18.0, 22.0, 3.2, 1.3, -1.9, 3.3),
        (1.6, 1.4, 0.94, 0.27, 2.0, 2.5, 1.7, 3.6, 3.9, 1.8),
    ),
    "energy_modulation": (
        (23.0, 22.0, 22.0, 21.0, 19.0, 15.0, 8.6, 1.6, -5.2, 4.5),
        (4.1, 4.0, 3.4, 3.1, 3.3, 2.7, 2.5, 2.5, 1.7, 1.2),
    ),
    **{
        f"mel_modulation_{part + 1}": (
            (*_MEL_MODULATION, centre, 2.5),
            (*_MEL_MODULATION_SPREAD, spread, 0.44),
        )
        for part, (centre, spread) in enumerate(_MEL_VARIATION)
    },
}


def bank_statistics(bank: str) -> tuple[str, ...]:
    """Return the names of a bank's ten numbers."""
    if bank.endswith("_slopes"):
        return CONTOUR_STATISTICS
    return PROSODY_STATISTICS.get(bank, SERIES_STATISTICS)


@functools.cache
def utterance_units() -> tuple[np.ndarray, np.ndarray]:
    """Return centre and spread of every statistic of the 48 banks, two arrays [48, 10]."""
    rows = [_BANK_UNITS.get(bank) or _series_units(bank) for bank in UTTERANCE_BANKS]
    table = np.array(rows).reshape(len(UTTERANCE_BANKS), 2, BANK)
    return table[:, 0], table[:, 1]


def _series_units(name: str) -> tuple[list[float], list[float]]:
    level, between, within, asymmetry, change, contrast = _TYPICAL[name]
    units = {
        "mean": (level, between),
        "median": (level, 1.1 * between),
        "p10": (level - _P90 * within, 1.1 * between),
        "p90": (level + _P90 * within, 1.1 * between),
        "spread": (within, 0.2 * within),
        "asymmetry": (asymmetry, 0.48 * within),
        "change": (change, 0.17 * change),
        "trend": (0.0, 0.42 * within),
        "arch": (0.0, 0.72 * within),
        "loud_soft": (contrast, 0.5 * within),
    }
    pairs = [_EXCEPTIONS.get((name, key), units[key]) for key in SERIES_STATISTICS]
    return [centre for centre, _ in pairs], [spread for _, spread in pairs]


@functools.cache
def frame_units() -> tuple[np.ndarray, np.ndarray]:
    """Return centre and spread of every value of the 24 descriptors, two arrays [24, 5]."""
    centres, spreads = [], []
    for name in FRAME_SERIES:
        level, between, within = _FRAME_TYPICAL.get(name, _TYPICAL[name][:3])
        total = float(np.hypot(between, within))
        centres.append([level, level, 0.65 * within, level, 0.9 * within])
        spreads.append([total, 0.72 * total, 0.34 * within, 0.48 * total, 0.25 * within])
    return np.array(centres), np.array(spreads)
