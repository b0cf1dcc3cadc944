"""Pitch and voice quality of sounds whose pitch and quality are known."""

import numpy as np
import pytest

from quantlab import audio
from quantlab.errors import InputError
from tests.synthetic_voice import synthetic_voice

TIME = np.arange(16000) / 16000


def harmonics(pitch_hz: float, *, decay_db: float = 6.0, count: int = 10) -> np.ndarray:
    """Return a steady sound whose n-th harmonic lies (n − 1) · decay below the first."""
    levels = 10 ** (-decay_db * np.arange(count) / 20)
    waves = np.sin(2 * np.pi * pitch_hz * np.arange(1, count + 1)[:, None] * TIME)
    return 0.2 * np.sum(levels[:, None] * waves, axis=0)


@pytest.mark.parametrize("pitch_hz", [70.0, 110.0, 220.0, 440.0, 560.0])
def test_pitch_of_a_steady_sound_is_found(pitch_hz: float) -> None:
    f0 = audio.f0_track(harmonics(pitch_hz, count=6))
    assert len(f0) == audio.count_frames(16000)
    middle = f0[10:-10]
    assert (middle > 0).mean() > 0.95
    np.testing.assert_allclose(middle[middle > 0], pitch_hz, rtol=0.01)


def test_pitch_of_a_gliding_voice_is_followed() -> None:
    pitch = 150 * 2 ** (0.2 * np.sin(2 * np.pi * 1.3 * TIME) - 0.15 * TIME)
    f0 = audio.f0_track(synthetic_voice())
    found = f0 > 0
    assert found.mean() > 0.6
    true = pitch[np.minimum(np.arange(len(f0)) * 160, 15999)]
    error = np.abs(np.log2(f0[found] / true[found])) * 12
    assert np.median(error) < 0.2


@pytest.mark.parametrize(("low", "high"), [(30.0, 600.0), (60.0, 900.0), (300.0, 200.0)])
def test_pitch_ranges_are_checked(low: float, high: float) -> None:
    with pytest.raises(InputError, match="must lie within 40-800 Hz"):
        audio.f0_track(harmonics(200.0), low_hz=low, high_hz=high)


def test_pitch_does_not_depend_on_what_was_tracked_before() -> None:
    voice = synthetic_voice(noise=0.1)
    first = audio.f0_track(voice)
    audio.f0_track(synthetic_voice(pitch_hz=300.0, seed=1))
    assert audio.f0_track(voice).tobytes() == first.tobytes()


def test_periodicity_is_the_share_of_periodic_power() -> None:
    noise = np.random.default_rng(5).standard_normal(16000)
    tone = harmonics(200.0)
    for share in (0.9, 0.5):
        mixed = np.sqrt(share) * tone / tone.std() + np.sqrt(1 - share) * noise
        correlation = audio.autocorrelation(audio.power_spectrum(mixed))
        assert np.abs(correlation).max() <= 1.0
        np.testing.assert_allclose(correlation[:, 0], 1.0)
        periodic = audio.periodicity(correlation, np.full(101, 200.0))[5:-5]
        assert periodic.mean() == pytest.approx(share, abs=0.08)
    assert (audio.periodicity(correlation, np.zeros(101)) == 0).all()
    assert audio.peak_periodicity(correlation).shape == (101,)


def test_the_cepstral_peak_is_higher_for_the_clearer_voice() -> None:
    clear, rough = (
        np.median(
            audio.cepstral_peak_prominence(
                audio.decibels(audio.power_spectrum(synthetic_voice(noise=noise)))
            )
        )
        for noise in (0.001, 0.1)
    )
    assert clear > 1.2 * rough > 0


def test_levels_and_slopes_of_harmonics() -> None:
    power = audio.power_spectrum(harmonics(400.0, decay_db=6.0))
    power_db = audio.decibels(power)
    pitch = np.full(len(power), 400.0)
    first, second, fourth = (audio.level_at(power_db, n * pitch)[10:-10] for n in (1, 2, 4))
    np.testing.assert_allclose(first - second, 6.0, atol=0.5)
    np.testing.assert_allclose(second - fourth, 12.0, atol=0.5)
    np.testing.assert_allclose(audio.peak_db(power_db, 300, 500)[10:-10], first, atol=0.5)
    low, high = audio.band_db(power, 200, 1000), audio.band_db(power, 1000, 8000)
    assert (low[10:-10] > high[10:-10] + 8).all()


def test_the_slope_of_a_straight_spectrum_is_exact() -> None:
    khz = audio.bin_hz(513) / 1000
    power_db = np.stack([-12.0 * khz + 3, 5.0 * khz])
    np.testing.assert_allclose(audio.spectral_slope(power_db, 500, 1500), [-12.0, 5.0])
    with pytest.raises(InputError, match="holds fewer than two bins"):
        audio.spectral_slope(power_db, 500, 505)


def test_centroid_flux_and_zero_crossings_of_tones() -> None:
    tone = np.sin(2 * np.pi * 1000 * TIME + 0.1)
    power = audio.power_spectrum(tone)
    np.testing.assert_allclose(audio.spectral_centroid(power)[10:-10], 1000.0, rtol=0.01)
    assert audio.spectral_flux(power)[10:-10].max() < 0.01
    assert audio.spectral_flux(power)[0] == 0.0
    np.testing.assert_allclose(audio.zero_crossing_rate(tone)[10:-10], 0.125, atol=0.006)
    change = np.where(TIME < 0.5, tone, np.sin(2 * np.pi * 3000 * TIME))
    assert abs(int(audio.spectral_flux(audio.power_spectrum(change)).argmax()) - 50) <= 2


@pytest.mark.parametrize("value", [0.0, 0.3])
def test_silence_and_constants_give_finite_values(value: float) -> None:
    samples = np.full(1600, value)
    power = audio.power_spectrum(samples)
    correlation = audio.autocorrelation(power)
    power_db = audio.decibels(power)
    series = [
        audio.f0_track(samples),
        audio.peak_periodicity(correlation),
        audio.cepstral_peak_prominence(power_db),
        audio.spectral_centroid(power),
        audio.spectral_flux(power),
        audio.spectral_slope(power_db, 60, 500),
        audio.zero_crossing_rate(samples),
    ]
    for values in series:
        assert values.shape == (11,)
        assert np.isfinite(values).all()
