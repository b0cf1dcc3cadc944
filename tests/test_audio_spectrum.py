"""Spectra and mel bands against librosa and against closed forms."""

import numpy as np
import pytest

from quantlab.audio import bin_hz, count_frames, log_mel, mel_power, power_spectrum
from quantlab.errors import InputError
from tests.synthetic_voice import synthetic_voice


def test_a_sine_stands_in_its_bin_with_its_power() -> None:
    tone = np.sin(2 * np.pi * 1000 / 16000 * np.arange(16000))
    power = power_spectrum(tone)
    middle = power[50]
    assert bin_hz(513)[middle.argmax()] == 1000.0
    assert middle.max() == pytest.approx(0.25, rel=1e-3)


@pytest.mark.parametrize("num_samples", [1, 159, 160, 1600, 1601, 16000])
def test_frames_are_counted_from_time_zero(num_samples: int) -> None:
    power = power_spectrum(np.ones(num_samples, np.float32))
    assert len(power) == count_frames(num_samples) == 1 + num_samples // 160
    assert power.dtype == np.float64


def test_frames_are_centred_on_their_time() -> None:
    click = np.zeros(16000)
    click[4800] = 1.0
    assert power_spectrum(click).sum(axis=1).argmax() == 30


def test_mel_bands_are_librosas() -> None:
    import librosa

    power = power_spectrum(synthetic_voice())
    weights = librosa.filters.mel(sr=16000, n_fft=1024, n_mels=40, fmin=50, fmax=7800, norm=None)
    np.testing.assert_allclose(mel_power(power), power @ weights.T.astype(float), rtol=1e-9)


def test_log_mel_is_floored_and_in_decibels() -> None:
    voice = synthetic_voice()
    loud, soft = log_mel(voice, floor_db=-200.0), log_mel(0.1 * voice, floor_db=-200.0)
    assert loud.dtype == np.float32
    assert loud.shape == (101, 40)
    np.testing.assert_allclose(loud - soft, 20.0, atol=0.02)
    assert (log_mel(np.zeros(1600, np.float32), floor_db=-80.0) == -80.0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_bands": 200}, r"\d+ of 200 mel bands fall between the bins of an FFT of 512"),
        ({"low_hz": 8000.0, "high_hz": 100.0}, "mel edges 8000.0-100.0 Hz must lie in 0-8000"),
        ({"high_hz": 9000.0}, "must lie in 0-8000 Hz"),
        ({"window_s": 0.1}, "a window of 1600 samples and a hop of 160 do not fit an FFT of 512"),
        ({"hop_s": 0.0}, "a hop of 0"),
    ],
)
def test_impossible_spectra_are_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        log_mel(np.zeros(1600, np.float32), **change)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("shape", [(0,), (10, 2)])
def test_samples_must_be_a_vector(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="samples must be a non-empty vector, given shape"):
        power_spectrum(np.zeros(shape))


def test_many_bands_work_with_a_long_enough_fft() -> None:
    bands = log_mel(synthetic_voice(), num_bands=80, num_fft=1024, low_hz=0.0, high_hz=8000.0)
    assert bands.shape == (101, 80)
    assert bands.min() > -100.0
