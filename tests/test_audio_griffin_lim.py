"""Samples from log-mel bands: level, pitch and bands come back; same seed, same bytes."""

import numpy as np
import pytest

from quantlab.audio import f0_track, griffin_lim, log10_mel
from quantlab.audio.acoustics import mel_matrix
from quantlab.audio.griffin_lim import magnitude_of
from quantlab.errors import InputError
from tests.synthetic_voice import synthetic_voice


def spectrogram(samples: np.ndarray) -> np.ndarray:
    """Return complex frames [T, 201], written out."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    padded = np.pad(samples.astype(float), 200, mode="reflect")
    starts = range(0, len(samples) + 1, 160)
    return np.stack([np.fft.rfft(window * padded[start : start + 400]) for start in starts])


def inverse(frames: np.ndarray) -> np.ndarray:
    """Return the samples whose frames are nearest in least squares, by overlap and add."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    total, weight = np.zeros((2, 160 * (len(frames) - 1) + 400))
    for index, frame in enumerate(frames):
        place = slice(160 * index, 160 * index + 400)
        total[place] += window * np.fft.irfft(frame, 400)
        weight[place] += window**2
    return (total / np.maximum(weight, 1e-12))[200:-200]


def test_the_iteration_is_the_papers() -> None:
    """Follow equation 4 of Perraudin, Balazs and Søndergaard from the same random phases."""
    voice = synthetic_voice(duration_s=0.3)
    bands = log10_mel(voice)
    magnitude = magnitude_of(bands)
    phases = np.exp(2j * np.pi * np.random.default_rng(3).random(magnitude.T.shape)).T
    before: np.ndarray | float = 0.0
    for _ in range(3):
        projected = spectrogram(inverse(magnitude * phases))
        # librosa folds the step t + α (t − t') into one factor α / (1 + α) on the former point.
        step = projected - (0.9 / 1.9) * before
        phases, before = step / np.abs(step), projected
    found = griffin_lim(bands, rng=np.random.default_rng(3), num_iterations=3, momentum=0.9)
    np.testing.assert_allclose(found, inverse(magnitude * phases), atol=1e-5)


def test_magnitudes_are_non_negative_and_have_the_bands() -> None:
    bands = log10_mel(synthetic_voice(noise=0.05))
    magnitude = magnitude_of(bands)
    assert magnitude.shape == (len(bands), 201)
    assert magnitude.min() >= 0
    error = np.log10(magnitude @ mel_matrix()) - bands
    assert 20 * np.sqrt(np.mean(error**2)) < 0.05


def test_bands_that_no_signal_has_are_met_as_nearly_as_by_a_general_optimiser() -> None:
    from scipy.optimize import minimize

    matrix, inside = mel_matrix(), mel_matrix().sum(axis=1) > 0
    bands = np.random.default_rng(0).uniform(-2, 0, (3, 80))

    def divergence(magnitude: np.ndarray, target: np.ndarray) -> float:
        made = magnitude @ matrix[inside]
        return float(np.sum(target * np.log(target / made) - target + made))

    def gradient(magnitude: np.ndarray, target: np.ndarray) -> np.ndarray:
        return matrix[inside] @ (1 - target / (magnitude @ matrix[inside]))

    for frame, found in zip(10.0**bands, magnitude_of(bands), strict=True):
        start = np.full(inside.sum(), frame.mean() / matrix.sum(axis=0).mean())
        best = minimize(
            divergence, start, args=(frame,), jac=gradient, method="L-BFGS-B",
            bounds=[(1e-12, None)] * len(start), options={"maxiter": 5000, "maxfun": 10000},
        )  # fmt: skip
        assert divergence(start, frame) > 2 * best.fun
        assert divergence(found[inside] + 1e-15, frame) < 1.02 * best.fun
        assert (found[~inside] == 0).all()


def test_a_voice_keeps_its_bands_and_its_pitch() -> None:
    voice = synthetic_voice(noise=0.05)
    bands = log10_mel(voice)
    made = griffin_lim(bands, rng=np.random.default_rng(0))
    assert made.dtype == np.float32
    assert made.shape == (160 * (len(bands) - 1),)
    error = 20 * np.abs(log10_mel(made) - bands)
    assert error.mean() < 1.0
    # Neither a smooth noise of the right bands nor random phases would pass for the voice.
    random = griffin_lim(bands, rng=np.random.default_rng(0), num_iterations=0)
    assert (20 * np.abs(log10_mel(random) - bands)).mean() > 2 * error.mean()
    pitch, kept = f0_track(voice), f0_track(made)
    both = (pitch > 0) & (kept > 0)
    assert both.sum() > 0.8 * (pitch > 0).sum()
    assert np.median(np.abs(np.log2(kept[both] / pitch[both]))) < 0.02


def test_a_sine_comes_back_at_its_level_and_frequency() -> None:
    tone = 0.3 * np.sin(2 * np.pi * 1000 / 16000 * np.arange(16000))
    made = griffin_lim(log10_mel(tone), rng=np.random.default_rng(1))[1600:-1600]
    assert np.sqrt(np.mean(made**2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.15)
    spectrum = np.abs(np.fft.rfft(made * np.hanning(len(made))))
    assert spectrum.argmax() * 16000 / len(made) == pytest.approx(1000, abs=20)


def test_ten_times_the_bands_are_ten_times_the_samples() -> None:
    bands = log10_mel(synthetic_voice(duration_s=0.3)).astype(float)
    quiet, loud = (
        griffin_lim(bands + shift, rng=np.random.default_rng(2), num_iterations=5)
        for shift in (-2.0, -1.0)
    )
    np.testing.assert_allclose(10 * quiet, loud, atol=1e-6 * np.abs(loud).max())


def test_the_seed_decides_every_byte() -> None:
    bands = log10_mel(synthetic_voice(duration_s=0.3))
    first, again, other = (
        griffin_lim(bands, rng=np.random.default_rng(seed)).tobytes() for seed in (5, 5, 6)
    )
    assert first == again != other


@pytest.mark.parametrize("num_frames", [3, 4])
def test_the_shortest_bands_and_silence_work(num_frames: int) -> None:
    silent = griffin_lim(np.full((num_frames, 80), -10.0), rng=np.random.default_rng(0))
    assert silent.shape == (160 * (num_frames - 1),)
    assert np.abs(silent).max() < 1e-8
    noise = griffin_lim(np.full((num_frames, 80), -1.0), rng=np.random.default_rng(0))
    assert np.isfinite(noise).all()
    assert np.abs(noise).max() > 1e-3


@pytest.mark.parametrize(
    ("bands", "options", "message"),
    [
        (np.zeros((2, 80)), {}, r"at least 3 frames, given \(2, 80\)"),
        (np.zeros((10, 40)), {}, r"shape \[T, 80\] .* given \(10, 40\)"),
        (np.zeros(80), {}, r"given \(80,\)"),
        (np.array([[0.0] * 79 + [np.nan]] * 4), {}, "4 of the log10 mel bands are NaN"),
        (np.full((4, 80), 20.0), {}, "reach 20, beyond 5; .* normalisation of a model undone"),
        (np.zeros((4, 80)), {"num_iterations": -1}, "given -1 and 0.99"),
        (np.zeros((4, 80)), {"momentum": 1.0}, "given 60 and 1.0"),
    ],
)
def test_impossible_bands_and_numbers_are_refused(
    bands: np.ndarray, options: dict[str, float], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        griffin_lim(bands, rng=np.random.default_rng(0), **options)  # pyright: ignore[reportArgumentType]
