"""References matched in distortion: exactness item by item, and what they are made of."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import root_scalar

from quantlab.baselines import GaussianModel, add_noise, pca_truncate, shrink, water_fill
from quantlab.errors import InputError


def _blur(z, offsets, wanted, *, model, rng):
    return shrink(z, offsets, wanted, toward=model.mean)


def _noise(z, offsets, wanted, *, model, rng):
    return add_noise(z, offsets, wanted, rng=rng)


def _cut(z, offsets, wanted, *, model, rng):
    return pca_truncate(z, offsets, wanted, model=model)


TOWARD_A_MEAN = {"shrink": _blur, "water": water_fill, "pca": _cut}
ALL = {**TOWARD_A_MEAN, "noise": _noise}


def distortions(z: np.ndarray, z_hat: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Mean squared distance over the frames of each item, item by item."""
    return np.array(
        [
            np.mean([np.sum((z[t] - z_hat[t]) ** 2) for t in range(first, last)])
            for first, last in itertools.pairwise(offsets)
        ]
    )


def gaussian(rng: np.random.Generator, num: int, *, dims: int = 6) -> np.ndarray:
    """Correlated vectors around a mean that is not zero."""
    mixing = np.random.default_rng(5).normal(size=(dims, dims)) * np.linspace(2, 0.2, dims)
    return rng.normal(size=(num, dims)) @ mixing.T + np.arange(dims)


@pytest.mark.parametrize("toward", [np.zeros(4), np.array([1.0, 0.0, -1.0, 2.0])])
def test_shrink_keeps_directions_from_its_point(
    rng: np.random.Generator, toward: np.ndarray
) -> None:
    z, offsets = rng.normal(size=(12, 4)), np.array([0, 3, 4, 12])
    wanted = np.array([0.5, 0.1, 1.0])
    z_hat = shrink(z, offsets, wanted, toward=toward)
    assert distortions(z, z_hat, offsets) == pytest.approx(wanted)
    slope = (z_hat[0] - toward) / (z[0] - toward)
    assert slope == pytest.approx(np.full(4, slope[0]))
    assert 0 < slope[0] < 1


def test_shrink_stops_at_its_point(rng: np.random.Generator) -> None:
    z, point = rng.normal(size=(2, 4)), np.ones(4)
    z_hat = shrink(z, np.array([0, 1, 2]), np.array([1e6, 0.0]), toward=point)
    assert np.array_equal(z_hat[0], point)
    assert z_hat[1] == pytest.approx(z[1])


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=6),
    dims=st.integers(1, 7),
    num_train=st.integers(1, 20),
    shares=st.lists(st.floats(1e-4, 0.999), min_size=6, max_size=6),
)
@pytest.mark.parametrize("name", ALL)
def test_each_item_is_as_distorted_as_asked(
    name: str, seed: int, lengths: list[int], dims: int, num_train: int, shares: list[float]
) -> None:
    """Also with fewer training vectors than dimensions, whose covariance has no inverse."""
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    z = gaussian(rng, int(offsets[-1]), dims=dims)
    model = GaussianModel.fit(gaussian(rng, num_train, dims=dims))
    to_mean = distortions(z, np.broadcast_to(model.mean, z.shape), offsets)
    wanted = to_mean * shares[: len(lengths)]
    z_hat = ALL[name](z, offsets, wanted, model=model, rng=rng)
    assert z_hat.shape == z.shape
    assert z_hat.dtype == np.float64
    assert distortions(z, z_hat, offsets) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_no_distortion_changes_nothing(rng: np.random.Generator, name: str) -> None:
    z, model = gaussian(rng, 5), GaussianModel.fit(gaussian(rng, 50))
    z_hat = ALL[name](z, np.arange(6), np.zeros(5), model=model, rng=rng)
    assert z_hat == pytest.approx(z, abs=1e-9)


@pytest.mark.parametrize("name", TOWARD_A_MEAN)
def test_where_the_mean_distorts_less_it_is_given_exactly(
    rng: np.random.Generator, name: str
) -> None:
    z, offsets = gaussian(rng, 7), np.array([0, 3, 4, 7])
    model = GaussianModel.fit(gaussian(rng, 50))
    to_mean = distortions(z, np.broadcast_to(model.mean, z.shape), offsets)
    wanted = to_mean * [1.5, 0.5, 1.0]
    z_hat = TOWARD_A_MEAN[name](z, offsets, wanted, model=model, rng=rng)
    for frame in (0, 1, 2, 4, 5, 6):
        assert np.array_equal(z_hat[frame], model.mean)
    assert distortions(z, z_hat, offsets)[1] == pytest.approx(wanted[1])


@pytest.mark.parametrize("name", TOWARD_A_MEAN)
def test_a_zero_output_is_met_by_exact_zeros(rng: np.random.Generator, name: str) -> None:
    z = gaussian(rng, 3).astype(np.float32)
    model = GaussianModel.fit(gaussian(rng, 50), mean=np.zeros(6))
    wanted = (z**2).sum(axis=1)  # in single precision, so not to the last digit
    z_hat = TOWARD_A_MEAN[name](z, np.arange(4), wanted, model=model, rng=rng)
    assert not z_hat.any()


@pytest.mark.parametrize("name", ALL)
def test_vectors_at_the_mean_need_no_direction(rng: np.random.Generator, name: str) -> None:
    model = GaussianModel.of(np.zeros(3), np.diag([2.0, 1.0, 0.0]))
    z_hat = ALL[name](np.zeros((2, 3)), np.arange(3), np.array([0.0, 0.5]), model=model, rng=rng)
    assert not z_hat[0].any()
    assert z_hat[1] @ z_hat[1] == pytest.approx(0.5 if name == "noise" else 0.0)


@pytest.mark.parametrize("name", ALL)
def test_items_are_treated_alone(
    rng: np.random.Generator, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In small blocks the same comes out as in one, to rounding."""
    z, offsets = gaussian(rng, 40), np.array([0, 9, 10, 11, 30, 38, 40])
    model, wanted = GaussianModel.fit(gaussian(rng, 50)), np.array([1.0, 2.0, 3.0, 4.0, 5.0, 0.1])
    whole = ALL[name](z, offsets, wanted, model=model, rng=np.random.default_rng(2))
    monkeypatch.setattr("quantlab.baselines.items._BLOCK_BYTES", 8 * 6 * 4)
    blocks = ALL[name](z, offsets, wanted, model=model, rng=np.random.default_rng(2))
    assert blocks == pytest.approx(whole, abs=1e-9)


def test_noise_has_no_preferred_direction(rng: np.random.Generator) -> None:
    z = np.ones((4000, 5)) * [10, 1, 0, 0, 0]
    added = add_noise(z, np.arange(4001), np.full(4000, 2.0), rng=rng) - z
    assert np.cov(added.T) == pytest.approx(np.eye(5) * 2 / 5, abs=0.03)
    assert added.mean(axis=0) == pytest.approx(np.zeros(5), abs=0.04)


@pytest.mark.parametrize("level", [0.05, 0.5, 3.0])
def test_water_fill_of_a_gaussian_is_its_test_channel(
    rng: np.random.Generator, level: float
) -> None:
    """One item of many frames: D = Σ min(θ, σ²), and ẑ has the variances max(σ² − θ, 0)."""
    variances, num = np.array([4.0, 1.0, 0.25, 0.01]), 200_000
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    mean = np.array([1.0, -2.0, 0.0, 3.0])
    y = rng.normal(size=(num, 4)) * np.sqrt(variances)
    z = mean + y @ turn.T
    model = GaussianModel.of(mean, turn @ np.diag(variances) @ turn.T)
    distortion = np.minimum(level, variances).sum()
    z_hat = water_fill(z, np.array([0, num]), np.array([distortion]), model=model, rng=rng)
    y_hat = (z_hat - mean) @ turn
    assert ((y_hat - y) ** 2).mean(axis=0) == pytest.approx(np.minimum(level, variances), rel=0.03)
    assert y_hat.var(axis=0) == pytest.approx(np.maximum(variances - level, 0), rel=0.03)
    # The backward channel: what is missing is independent of what is given.
    assert ((y - y_hat) * y_hat).mean(axis=0) == pytest.approx(np.zeros(4), abs=0.02)


def test_water_fill_of_one_vector_is_the_channel_at_the_level_of_its_distortion(
    rng: np.random.Generator,
) -> None:
    """Against a scalar root finder and the textbook's formula, with the same noise."""
    variances = np.array([4.0, 1.0, 0.25])
    y, wanted = np.array([2.5, -0.8, 0.6]), 1.1
    model = GaussianModel.of(np.zeros(3), np.diag(variances))
    z_hat = water_fill(
        y[None], np.arange(2), np.array([wanted]), model=model, rng=np.random.default_rng(8)
    )[0]
    drawn = np.random.default_rng(8).standard_normal(3) * np.sign(np.diag(model.axes))

    def channel(level: float) -> np.ndarray:
        gain = np.maximum(1 - level / variances, 0)
        return gain * y + np.sqrt(gain * np.minimum(level, variances)) * drawn

    level = root_scalar(
        lambda level: ((channel(level) - y) ** 2).sum() - wanted, bracket=(1e-6, 4.0)
    ).root
    assert z_hat == pytest.approx(channel(level), abs=1e-6)


def test_pca_keeps_the_leading_components(rng: np.random.Generator) -> None:
    train, z = gaussian(rng, 400), gaussian(rng, 1)
    model = GaussianModel.fit(train)
    axes = np.linalg.svd(train - train.mean(axis=0))[2]
    along = axes @ (z[0] - train.mean(axis=0))
    wanted = (along[4:] ** 2).sum() + 0.25 * along[3] ** 2  # half of the fourth remains
    z_hat = pca_truncate(z, np.arange(2), np.array([wanted]), model=model)[0]
    expected = np.array([*along[:3], 0.5 * along[3], 0, 0])
    assert axes @ (z_hat - train.mean(axis=0)) == pytest.approx(expected, abs=1e-9)


def test_a_fitted_model_is_the_covariance_in_its_axes(rng: np.random.Generator) -> None:
    vectors = gaussian(rng, 30)
    model = GaussianModel.fit(vectors)
    assert model.mean == pytest.approx(vectors.mean(axis=0))
    rebuilt = model.axes @ np.diag(model.variances) @ model.axes.T
    assert rebuilt == pytest.approx(np.cov(vectors.T, bias=True))
    assert (np.diff(model.variances) <= 0).all()
    about_zero = GaussianModel.fit(vectors, mean=np.zeros(6))
    assert about_zero.variances.sum() == pytest.approx((vectors**2).sum(axis=1).mean())


def test_directions_without_variance_are_given_up_last_of_all(rng: np.random.Generator) -> None:
    model = GaussianModel.fit(rng.normal(size=(3, 6)))
    assert model.variances[2:] == pytest.approx(np.full(4, 1e-9 * model.variances[0]))
    constant = GaussianModel.fit(np.ones((4, 6)))
    assert (constant.variances > 0).all()


FRAMES, OFFSETS = np.ones((3, 2)), np.array([0, 1, 3])


@pytest.mark.parametrize(
    ("z", "offsets", "distortion", "match"),
    [
        (np.full((3, 2), np.nan), OFFSETS, [1.0, 1.0], "finite"),
        (np.ones(3), OFFSETS, [1.0, 1.0], "finite \\[ΣT, D\\]"),
        (FRAMES, np.array([0, 1, 2]), [1.0, 1.0], "from 0 to 3"),
        (FRAMES, np.array([0]), [], "from 0 to 3"),
        (FRAMES, np.array([0, 0, 3]), [1.0, 1.0], "no frames"),
        (FRAMES, OFFSETS, [1.0], "2 items have distortions"),
        (FRAMES, OFFSETS, [1.0, -1.0], ">= 0"),
        (FRAMES, OFFSETS, [1.0, np.nan], "finite"),
    ],
)
@pytest.mark.parametrize("name", ALL)
def test_faults_are_told(
    rng: np.random.Generator, name: str, z: np.ndarray, offsets: np.ndarray, distortion, match: str
) -> None:
    model = GaussianModel.of(np.zeros(2), np.eye(2))
    with pytest.raises(InputError, match=match):
        ALL[name](z, offsets, np.array(distortion), model=model, rng=rng)


def test_faults_of_models_are_told(rng: np.random.Generator) -> None:
    with pytest.raises(InputError, match="mean \\[D\\]"):
        GaussianModel.of(np.zeros(2), np.eye(3))
    with pytest.raises(InputError, match="NaN"):
        GaussianModel.of(np.zeros(2), np.full((2, 2), np.nan))
    with pytest.raises(InputError, match="M >= 1"):
        GaussianModel.fit(np.empty((0, 3)))
    with pytest.raises(InputError, match="does not fit"):
        GaussianModel.fit(np.ones((2, 3)), mean=np.zeros(2))
    model = GaussianModel.of(np.zeros(3), np.eye(3))
    with pytest.raises(InputError, match="3 dimensions"):
        pca_truncate(FRAMES, OFFSETS, np.ones(2), model=model)
