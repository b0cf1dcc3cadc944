"""A made-up voice: pulses of gliding pitch through resonances, in syllables, with some noise."""

import numpy as np

RATE = 16_000


def synthetic_voice(
    *, pitch_hz: float = 150.0, duration_s: float = 1.0, noise: float = 0.003, seed: int = 7
) -> np.ndarray:
    """Return float32 samples [n] at 16 kHz, peak 0.5."""
    import scipy.signal

    rng = np.random.default_rng(seed)
    time = np.arange(round(duration_s * RATE)) / RATE
    pitch = pitch_hz * 2 ** (0.2 * np.sin(2 * np.pi * 1.3 * time) - 0.15 * time)
    phase = np.cumsum(pitch) / RATE
    voice = np.diff(np.floor(phase), prepend=0.0)
    for hz, width in ((600, 80), (1500, 120), (2600, 160)):
        radius = np.exp(-np.pi * width / RATE)
        poles = [1, -2 * radius * np.cos(2 * np.pi * hz / RATE), radius**2]
        voice = scipy.signal.lfilter([1.0], poles, voice)
    voice = voice * np.clip(np.sin(2 * np.pi * 2.5 * time) + 0.6, 0.0, 1.0)
    voice = voice / np.abs(voice).max() + noise * rng.standard_normal(len(time))
    return (0.5 * voice / np.abs(voice).max()).astype(np.float32)
