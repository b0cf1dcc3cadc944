"""The A/B player: sounds side by side with spectrograms, and a switch that keeps the place.

The same script plays in static pages and in the app. Letters: ``T`` frames, ``B`` bands.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

_RANGE_DB = 60
_TICKS_HZ = (200, 500, 1000, 2000, 4000, 7000)
_F0_TICKS = (100, 200, 300, 400, 500)
_F0_RANGE = (60.0, 600.0)
_FOLDER = Path(__file__).with_name("assets")


@dataclass(frozen=True, eq=False)
class PlayerSound:
    """One sound of a player.

    Attributes
    ----------
    name, detail : str
        What it is called, and a short remark, its bits for instance.
    wav : bytes
        The content of a WAV file.
    mel_db : np.ndarray, float, shape [T, B]
        Level of mel bands in decibels.
    f0_hz : np.ndarray, float, shape [T'], T' frames of the same spacing
        Fundamental frequency; NaN where there is none.
    hop_s : float > 0
        Spacing of the frames in seconds.
    band_hz : np.ndarray, float, shape [B]
        Centre frequencies of the bands, ascending.
    """

    name: str
    detail: str
    wav: bytes
    mel_db: np.ndarray
    f0_hz: np.ndarray
    hop_s: float
    band_hz: np.ndarray


def player_data(
    sounds: Sequence[PlayerSound], *, title: str = "", addresses: Sequence[str] = ()
) -> dict[str, Any]:
    """Return what the script draws and plays, ready for JSON.

    Parameters
    ----------
    sounds : sequence of PlayerSound
        One or more, of one spacing and the same bands.
    title : str
        What the player is called for readers who cannot see it.
    addresses : sequence of str
        Where the files lie, relative to the page; without them the sounds go into the data.

    Returns
    -------
    dict
        Levels are bytes from 60 dB below the loudest point of all sounds up to it.
    """
    top = max(float(np.max(sound.mel_db)) for sound in sounds)
    bands = np.asarray(sounds[0].band_hz, np.float64)
    inside = [hertz for hertz in _TICKS_HZ if bands[0] <= hertz <= bands[-1]]
    places = np.interp(inside, bands, np.arange(len(bands)))
    return {
        "title": title,
        "hop_s": float(sounds[0].hop_s),
        "range_db": _RANGE_DB,
        "ticks": [
            [float(place), f"{hertz / 1000:g}"] for place, hertz in zip(places, inside, strict=True)
        ],
        "f0_range": list(_F0_RANGE),
        "f0_ticks": list(_F0_TICKS),
        "sounds": [
            _sound(sound, top) | _heard_at(sound, addresses[place] if addresses else "")
            for place, sound in enumerate(sounds)
        ],
    }


def _sound(sound: PlayerSound, top: float) -> dict[str, Any]:
    shares = np.clip((sound.mel_db - top) / _RANGE_DB + 1.0, 0.0, 1.0)
    levels = np.ascontiguousarray(np.rint(255 * shares), np.uint8)
    low, high = _F0_RANGE
    pitch = [
        round(float(np.clip(value, low, high)), 1) if np.isfinite(value) else None
        for value in sound.f0_hz
    ]
    return {
        "name": sound.name,
        "detail": sound.detail,
        "mel": base64.b64encode(levels.tobytes()).decode(),
        "frames": int(levels.shape[0]),
        "bands": int(levels.shape[1]),
        "f0": pitch,
    }


def _heard_at(sound: PlayerSound, address: str) -> dict[str, str]:
    return {"address": address} if address else {"wav": base64.b64encode(sound.wav).decode()}


@cache
def player_script() -> str:
    """Return the script; it defines ``window.quantlabPlayer(root, data, {dark})``."""
    return (_FOLDER / "player.js").read_text(encoding="utf-8")


@cache
def player_style() -> str:
    """Return the style sheet of what the script draws."""
    return (_FOLDER / "player.css").read_text(encoding="utf-8")
