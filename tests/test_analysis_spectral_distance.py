"""Mel-cepstral distortion against scipy's DCT and enumerated paths; pitch errors by hand."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.analysis import (
    CepstralDistortion,
    cepstral_distortion,
    mean_distortion,
    pitch_errors,
)
from quantlab.analysis.spectral_distance import least_path, mel_cepstra
from quantlab.errors import InputError

SEEDS = st.integers(0, 2**32 - 1)
LENGTHS = st.integers(1, 12)


def bands(seed: int, num_frames: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(-2, 1, (num_frames, 80))


@pytest.mark.parametrize(
    ("cepstrum", "unit", "norm"),
    [("natural", np.log(10), "ortho"), ("thesis", 1.0, "ortho"), ("thesis_printed", 0.5, None)],
)
def test_cepstra_are_scipys(cepstrum: str, unit: float, norm: str | None) -> None:
    import scipy.fft

    mel = bands(0, 7)
    # scipy's transform without normalisation is twice the sum that is printed.
    expected = unit * np.asarray(scipy.fft.dct(mel, type=2, norm=norm, axis=1))[:, 1:17]
    found = mel_cepstra(mel, cepstrum=cepstrum)  # pyright: ignore[reportArgumentType]
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_the_value_is_the_formula() -> None:
    import scipy.fft

    first, second = bands(1, 9), bands(2, 9)
    cepstra = [
        np.asarray(scipy.fft.dct(np.log(10) * mel, type=2, norm="ortho", axis=1))[:, 1:17]
        for mel in (first, second)
    ]
    per_frame = 10 / np.log(10) * np.sqrt(2 * np.sum((cepstra[0] - cepstra[1]) ** 2, axis=1))
    found = cepstral_distortion(first, second)
    assert found.value_db == pytest.approx(per_frame.mean())
    assert found.num_frames == 9
    printed = cepstral_distortion(first, second, cepstrum="thesis_printed")
    thesis = cepstral_distortion(first, second, cepstrum="thesis")
    assert found.value_db == pytest.approx(np.log(10) * thesis.value_db)
    assert printed.value_db == pytest.approx(np.sqrt(40) * thesis.value_db)


def test_one_cosine_across_the_bands_is_one_coefficient() -> None:
    """A ripple of period k in ln mel moves ck alone, by a known amount."""
    flat = np.zeros((4, 80))
    ripple = np.cos(np.pi / 80 * (np.arange(80) + 0.5) * 5) / np.log(10)
    found = cepstral_distortion(flat, flat + ripple)
    assert found.value_db == pytest.approx(10 / np.log(10) * np.sqrt(2) * np.sqrt(40))
    assert cepstral_distortion(flat, flat + ripple, order=4).value_db == pytest.approx(0, abs=1e-9)


def paths(rows: int, columns: int) -> Iterator[list[tuple[int, int]]]:
    """Yield every warping path, by recursion."""
    if (rows, columns) == (1, 1):
        yield [(0, 0)]
    for less_rows, less_columns in ((1, 0), (0, 1), (1, 1)):
        if rows > less_rows and columns > less_columns:
            for path in paths(rows - less_rows, columns - less_columns):
                yield [*path, (rows - 1, columns - 1)]


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(1, 5), st.integers(1, 5), st.booleans())
def test_the_alignment_is_the_best_of_all_paths(
    seed: int, rows: int, columns: int, ties: bool
) -> None:
    rng = np.random.default_rng(seed)
    first, second = (rng.normal(size=(count, 3)) for count in (rows, columns))
    if ties:  # whole numbers on a line have many paths of one sum
        first, second = (part[:, :1].round() for part in (first, second))
    sums = [
        (sum(float(np.linalg.norm(first[i] - second[j])) for i, j in path), len(path))
        for path in paths(rows, columns)
    ]
    best = min(total for total, _ in sums)
    total, num_pairs = least_path(first, second)
    assert total == pytest.approx(best)
    assert num_pairs == min(count for value, count in sums if value <= best + 1e-9)


@settings(max_examples=40, deadline=None)
@given(SEEDS, LENGTHS, st.sampled_from(["none", "dtw"]), st.floats(-3, 3))
def test_zero_for_equal_clips_of_any_level(
    seed: int, num_frames: int, alignment: str, shift: float
) -> None:
    mel = bands(seed, num_frames)
    found = cepstral_distortion(mel, mel + shift, alignment=alignment)  # pyright: ignore[reportArgumentType]
    assert found.value_db == pytest.approx(0.0, abs=1e-9)
    assert cepstral_distortion(mel, mel).value_db == 0.0


@settings(max_examples=40, deadline=None)
@given(SEEDS, LENGTHS, LENGTHS)
def test_symmetric_and_positive(seed: int, rows: int, columns: int) -> None:
    first, second = bands(seed, rows), bands(seed + 1, columns)
    one = cepstral_distortion(first, second, alignment="dtw")
    assert one == cepstral_distortion(second, first, alignment="dtw")
    assert one.value_db > 0
    assert max(rows, columns) <= one.num_frames <= rows + columns - 1
    if rows == columns:
        plain = cepstral_distortion(first, second)
        assert plain == cepstral_distortion(second, first)
        assert one.value_db <= plain.value_db + 1e-12


def test_alignment_undoes_another_timing() -> None:
    mel = bands(3, 30).cumsum(axis=0) / 5
    slower = np.repeat(mel, np.random.default_rng(0).integers(1, 4, 30), axis=0)
    assert cepstral_distortion(mel, slower, alignment="dtw").value_db == pytest.approx(0, abs=1e-9)
    assert cepstral_distortion(mel, slower[:30]).value_db > 1


def test_the_gate_leaves_out_what_is_soft() -> None:
    loud, soft = bands(4, 6), bands(5, 4) - 4
    one, other = np.concatenate([loud, soft]), np.concatenate([loud, bands(6, 4) - 4])
    assert cepstral_distortion(one, other).value_db > 1
    for alignment in ("none", "dtw"):
        gated = cepstral_distortion(one, other, alignment=alignment, gate_db=40.0)
        assert gated.value_db == pytest.approx(0.0, abs=1e-9)
        assert gated.num_frames == 6
        assert gated.tag.gate == "40 dB"


def variants() -> list[CepstralDistortion]:
    first, second = bands(7, 5), bands(8, 5)
    return [
        cepstral_distortion(first, second),
        cepstral_distortion(first, second, alignment="dtw"),
        cepstral_distortion(first, second, cepstrum="thesis"),
        cepstral_distortion(first, second, cepstrum="thesis_printed"),
        cepstral_distortion(first, second, order=12),
        cepstral_distortion(first, second, gate_db=30.0),
    ]


def test_values_of_different_conventions_do_not_mix() -> None:
    made = variants()
    assert len({str(value.tag) for value in made}) == len(made)
    for value in made[1:]:
        for mix in (
            lambda value=value: made[0] - value,
            lambda value=value: min(made[0], value),
            lambda value=value: mean_distortion([made[0], value]),
        ):
            with pytest.raises(InputError, match="different conventions cannot be compared"):
                mix()
    assert str(made[1].tag) == (
        "orthonormal DCT-II of ln, 80 mel bands of 80-7600 Hz, 25 ms Hann every 10 ms at 16 kHz; "
        "c1-c16; alignment dtw; gate none"
    )


def test_values_of_one_convention_are_ordered_subtracted_and_averaged() -> None:
    small = cepstral_distortion(bands(0, 4), bands(0, 4) + 0.1 * bands(1, 4))
    large = cepstral_distortion(bands(0, 8), bands(1, 8))
    assert small < large
    assert large - small == pytest.approx(large.value_db - small.value_db)
    mean = mean_distortion([small, large])
    assert mean.value_db == pytest.approx((small.value_db + large.value_db) / 2)
    assert mean.num_frames == 12
    with pytest.raises(InputError, match="no distortion to average"):
        mean_distortion([])


@pytest.mark.parametrize(
    ("first", "second", "options", "message"),
    [
        (np.zeros((3, 80)), np.zeros((4, 80)), {}, "has 3 frames and the other clip 4"),
        (np.zeros((3, 40)), np.zeros((3, 80)), {}, "reference has 40 dimensions; it needs 80"),
        (np.zeros((3, 80)), np.zeros(80), {}, r"other has shape \(80,\)"),
        (np.zeros((0, 80)), np.zeros((0, 80)), {}, "reference has no frames"),
        (np.zeros((3, 80)), np.full((3, 80), np.nan), {}, "Row 0 of other holds NaN"),
        (np.zeros((3, 80)), np.zeros((3, 80)), {"order": 80}, "order must be 1 to 79, given 80"),
        (np.zeros((3, 80)), np.zeros((3, 80)), {"gate_db": 0.0}, "gate_db must be finite and > 0"),
        (np.zeros((3, 80)), np.zeros((3, 80)), {"alignment": "x"}, "give none or dtw"),
        (np.zeros((3, 80)), np.zeros((3, 80)), {"cepstrum": "x"}, "natural, thesis, thesis_print"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    first: np.ndarray, second: np.ndarray, options: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        cepstral_distortion(first, second, **options)  # pyright: ignore[reportArgumentType]


def test_pitch_errors_by_hand() -> None:
    first = np.array([0.0, 100.0, 200.0, 150.0, 0.0, 120.0])
    second = np.array([0.0, 110.0, 190.0, 0.0, 130.0, 120.0])
    found = pitch_errors(*(np.log(np.where(hz > 0, hz, 1.0)) for hz in (first, second)))
    assert (found.num_voiced, found.num_frames) == (3, 6)
    assert found.voicing_error == pytest.approx(2 / 6)
    assert found.rmse_hz == pytest.approx(np.sqrt((10**2 + 10**2 + 0) / 3))
    cents = 1200 * np.log2([1.1, 0.95, 1.0])
    assert found.rmse_cents == pytest.approx(np.sqrt(np.mean(cents**2)))
    x, y = np.array([100.0, 200.0, 120.0]) - 140, np.array([110.0, 190.0, 120.0]) - 140
    assert found.correlation == pytest.approx((x @ y) / np.sqrt((x @ x) * (y @ y)))


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(2, 30), st.floats(-1, 1))
def test_a_transposed_contour_is_off_by_the_interval(seed: int, count: int, shift: float) -> None:
    rng = np.random.default_rng(seed)
    contour = np.where(rng.random(count) < 0.7, rng.uniform(4.5, 6, count), 0.0)
    contour[:2] = 5.0, 5.1
    found = pitch_errors(contour, np.where(contour > 0, contour + shift, 0.0))
    assert found.rmse_cents == pytest.approx(1200 / np.log(2) * abs(shift), abs=1e-6)
    assert found.voicing_error == 0.0
    assert found.correlation == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("first", "second", "voicing_error", "num_voiced"),
    [([0, 0], [0, 0], 0, 0), ([0, 5], [5, 0], 1, 0), ([5, 5], [5, 5], 0, 2), ([5], [5.5], 0, 1)],
)
def test_contours_without_common_or_moving_pitch(
    first: list[float], second: list[float], voicing_error: float, num_voiced: int
) -> None:
    found = pitch_errors(first, second)
    assert np.isnan(found.correlation)
    assert np.isnan(found.rmse_cents) == np.isnan(found.rmse_hz) == (num_voiced == 0)
    assert (found.voicing_error, found.num_voiced) == (voicing_error, num_voiced)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([5.0], [5.0, 5.0], "has 1 frames and the other contour 2"),
        ([5.0], [210.0], "other reaches from 210 to 210; give the natural logarithm of F0"),
        ([-1.0], [5.0], "reference reaches from -1"),
        ([], [], r"reference must be a finite vector, given shape \(0,\)"),
        ([5.0], [np.nan], "other must be a finite vector"),
    ],
)
def test_impossible_contours_are_refused(
    first: list[float], second: list[float], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        pitch_errors(first, second)
