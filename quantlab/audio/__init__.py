"""Audio in and out: one clip decoded, checked and resampled; spectra, pitch and voice quality.

`read_clip`, `decode_bytes` and `clip_from_array` give a `Clip`, mono float32 at 16 kHz, the only
form in which audio reaches an embedder. The other functions are pure and take its samples.
"""

from quantlab.audio.acoustics import log10_mel, log_f0, mel_band_hz, normalise_f0
from quantlab.audio.clip import MIN_DURATION_S, Clip, ClipFlags
from quantlab.audio.decode import clip_from_array, decode_bytes, read_clip
from quantlab.audio.griffin_lim import griffin_lim
from quantlab.audio.spectrum import (
    HOP_S,
    SAMPLE_RATE,
    bin_hz,
    count_frames,
    decibels,
    log_mel,
    mel_power,
    power_spectrum,
)
from quantlab.audio.voice import (
    autocorrelation,
    band_db,
    cepstral_peak_prominence,
    f0_track,
    level_at,
    peak_db,
    peak_periodicity,
    periodicity,
    spectral_centroid,
    spectral_flux,
    spectral_slope,
    zero_crossing_rate,
)
from quantlab.audio.write import encode_clip, to_pcm16, write_clip

__all__ = [
    "HOP_S",
    "MIN_DURATION_S",
    "SAMPLE_RATE",
    "Clip",
    "ClipFlags",
    "autocorrelation",
    "band_db",
    "bin_hz",
    "cepstral_peak_prominence",
    "clip_from_array",
    "count_frames",
    "decibels",
    "decode_bytes",
    "encode_clip",
    "f0_track",
    "griffin_lim",
    "level_at",
    "log10_mel",
    "log_f0",
    "log_mel",
    "mel_band_hz",
    "mel_power",
    "normalise_f0",
    "peak_db",
    "peak_periodicity",
    "periodicity",
    "power_spectrum",
    "read_clip",
    "spectral_centroid",
    "spectral_flux",
    "spectral_slope",
    "to_pcm16",
    "write_clip",
    "zero_crossing_rate",
]
