"""Sounds for the A/B player: the file, its mel spectrogram and its pitch."""

from typing import TYPE_CHECKING

import numpy as np

from quantlab.audio import (
    HOP_S,
    SAMPLE_RATE,
    clip_from_array,
    encode_clip,
    f0_track,
    log10_mel,
    mel_band_hz,
)

if TYPE_CHECKING:
    from quantlab.figures import PlayerSound


def player_sound(
    samples: np.ndarray, *, name: str, sample_rate: int = SAMPLE_RATE, detail: str = ""
) -> "PlayerSound":
    """Return samples as what the player plays and draws.

    Parameters
    ----------
    samples : np.ndarray [n], float
        Mono samples.
    name, detail : str
        What it is called, and a short remark, its bits for instance.
    sample_rate : int
        Samples per second.

    Raises
    ------
    InputError
        The samples are too short or not finite.
    """
    from quantlab.figures import PlayerSound

    clip = clip_from_array(np.asarray(samples, np.float32), sample_rate, name=name)
    f0 = f0_track(clip.samples)
    return PlayerSound(
        name=name,
        detail=detail,
        wav=encode_clip(samples, sample_rate=sample_rate),
        mel_db=20.0 * log10_mel(clip.samples),
        f0_hz=np.where(f0 > 0, f0, np.nan),
        hop_s=HOP_S,
        band_hz=mel_band_hz(),
    )
