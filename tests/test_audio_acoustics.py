"""Log-mel bands and log-F0 of voice conversion against librosa, pyworld and closed forms."""

import numpy as np
import pytest

from quantlab.audio import count_frames, f0_track, log10_mel, log_f0, normalise_f0
from quantlab.audio.acoustics import mel_matrix, slaney_hz, slaney_mel
from quantlab.errors import InputError
from tests.synthetic_voice import synthetic_voice


def librosas(samples: np.ndarray) -> np.ndarray:
    """Return the same bands from librosa's own functions."""
    import librosa

    bands = librosa.feature.melspectrogram(
        y=samples.astype(float), sr=16000, n_fft=400, win_length=400, hop_length=160, power=1.0,
        window="hann", center=True, pad_mode="reflect", n_mels=80, fmin=80.0, fmax=7600.0,
        htk=False, norm="slaney",
    )  # fmt: skip
    return np.log10(np.maximum(1e-10, bands)).T


@pytest.mark.parametrize("num_samples", [401, 1600, 4799, 16000])
def test_mel_bands_are_librosas(num_samples: int) -> None:
    samples = synthetic_voice(noise=0.05)[:num_samples]
    found = log10_mel(samples)
    assert found.dtype == np.float32
    assert found.shape == (1 + num_samples // 160, 80) == (count_frames(num_samples), 80)
    np.testing.assert_allclose(found, librosas(samples), atol=2e-6)


def test_the_level_moves_every_band_by_its_logarithm() -> None:
    voice = synthetic_voice()
    np.testing.assert_allclose(log10_mel(voice) - log10_mel(0.1 * voice), 1.0, atol=1e-5)
    assert (log10_mel(np.zeros(1600, np.float32)) == -10.0).all()


def test_the_scale_is_slaneys() -> None:
    assert slaney_mel(np.array([0.0, 200.0, 1000.0, 6400.0])).tolist() == [0.0, 3.0, 15.0, 42.0]
    hz = np.array([80.0, 999.0, 1000.0, 1001.0, 7600.0])
    np.testing.assert_allclose(slaney_hz(slaney_mel(hz)), hz, rtol=1e-12)


def edges() -> np.ndarray:
    """Return the 82 corners of the 80 triangles in Hz, from the scale's closed form."""
    mel = np.linspace(1.2, 15 + 27 * np.log(7.6) / np.log(6.4), 82)
    return np.where(mel < 15, 200 * mel / 3, 1000 * 6.4 ** ((mel - 15) / 27))


def test_a_sine_peaks_in_the_band_of_its_frequency() -> None:
    centres = edges()[1:-1]
    for band in (10, 40, 70):
        tone = np.sin(2 * np.pi * centres[band] / 16000 * np.arange(16000))
        assert log10_mel(tone)[50].argmax() == band


def test_every_filter_has_slaneys_area() -> None:
    matrix = mel_matrix()
    assert matrix.shape == (201, 80)
    low, centre, high = edges()[:-2], edges()[1:-1], edges()[2:]
    bins = 40.0 * np.arange(201)
    rise = (bins[:, None] - low) / (centre - low)
    fall = (high - bins[:, None]) / (high - centre)
    height = np.maximum(0.0, np.minimum(rise, fall))
    np.testing.assert_allclose(matrix, height * 2 / (high - low), atol=1e-9)
    # A triangle of that height has area one; bins are 40 Hz apart and the widest one spans many.
    assert 40.0 * matrix[:, -1].sum() == pytest.approx(1.0, abs=0.01)


def test_log_f0_is_the_logarithm_of_the_track_where_it_is_voiced() -> None:
    samples = synthetic_voice()
    track, found = f0_track(samples), log_f0(samples)
    assert found.dtype == np.float32
    assert found.shape == (len(log10_mel(samples)),)
    assert 0 < (found == 0).sum() < found.size
    np.testing.assert_array_equal(found == 0, track == 0)
    np.testing.assert_allclose(np.exp(found[found > 0]), track[track > 0], rtol=1e-5)


@pytest.mark.parametrize("num_samples", [201, 319, 320, 1600, 15999])
def test_pitch_and_bands_share_their_frames(num_samples: int) -> None:
    samples = synthetic_voice()[:num_samples]
    assert len(log_f0(samples)) == len(log10_mel(samples))


def test_the_normalised_contour_has_mean_zero_and_deviation_one_over_voiced_frames() -> None:
    contour = log_f0(synthetic_voice())
    voiced = contour > 0
    normal = normalise_f0(contour)
    assert normal.dtype == np.float32
    assert (normal[~voiced] == 0).all()
    assert normal[voiced].mean() == pytest.approx(0.0, abs=1e-6)
    assert normal[voiced].std() == pytest.approx(1.0, abs=1e-6)
    # The pitch manipulation of a conversion, a scale and a shift, is undone by it.
    moved = np.where(voiced, 1.7 * contour - 0.4, 0.0)
    np.testing.assert_allclose(normalise_f0(moved), normal, atol=1e-5)


@pytest.mark.parametrize("contour", [[], [0.0, 0.0], [0.0, 5.1, 5.1, 5.1, 0.0], [5.3]])
def test_a_contour_without_movement_becomes_zeros(contour: list[float]) -> None:
    normal = normalise_f0(np.array(contour))
    assert normal.tolist() == [0.0] * len(contour)


def test_equal_samples_give_equal_bytes() -> None:
    voice = synthetic_voice(noise=0.1)
    first = log10_mel(voice).tobytes(), log_f0(voice).tobytes()
    log10_mel(synthetic_voice(pitch_hz=300.0))
    log_f0(synthetic_voice(pitch_hz=300.0))
    assert (log10_mel(voice).tobytes(), log_f0(voice).tobytes()) == first


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(200), r"a vector of more than 200, .*given shape \(200,\)"),
        (np.zeros((2, 1600)), r"given shape \(2, 1600\)"),
        (np.array([0.0] * 300 + [np.nan]), "1 NaN or infinite samples, the first at index 300"),
    ],
)
def test_impossible_samples_are_refused(samples: np.ndarray, message: str) -> None:
    for function in (log10_mel, log_f0):
        with pytest.raises(InputError, match=message):
            function(samples)


def test_impossible_contours_are_refused() -> None:
    with pytest.raises(InputError, match=r"a pitch contour is a vector, given shape \(1, 3\)"):
        normalise_f0(np.zeros((1, 3)))
    with pytest.raises(InputError, match="the pitch contour: 1 NaN"):
        normalise_f0(np.array([5.0, np.inf]))
