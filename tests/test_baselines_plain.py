"""Reductions without symbols of a codec: a uniform step, and noise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.baselines import coarse_step, noise
from quantlab.errors import InputError


@pytest.fixture
def vectors(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    z = rng.normal(size=(300, 8)) * np.linspace(2, 0.5, 8)
    return z[200:], z[:200]


def mean_cosine(z: np.ndarray, z_hat: np.ndarray) -> float:
    cosines = []
    for one, other in zip(z, z_hat, strict=True):
        norms = np.linalg.norm(one) * np.linalg.norm(other)
        cosines.append(one @ other / norms if norms > 0 else 0.0)
    return float(np.mean(cosines))


@pytest.mark.parametrize("target", [0.95, 0.8, 0.5])
def test_coarse_step_meets_the_mean_cosine(vectors: tuple, target: float) -> None:
    z, train = vectors
    reduced = coarse_step(z, train, [target])[0]
    assert reduced.achieved == pytest.approx(target, abs=0.02)
    assert mean_cosine(z, reduced.z_hat) == pytest.approx(reduced.achieved, abs=1e-5)
    steps = np.unique(np.abs(reduced.z_hat[reduced.z_hat != 0]))
    assert steps / steps[0] == pytest.approx(np.rint(steps / steps[0]), abs=1e-3)


def test_bits_of_coarser_steps_are_fewer(vectors: tuple) -> None:
    z, train = vectors
    bits = [reduced.code_length_bits.mean() for reduced in coarse_step(z, train, [0.85, 0.6, 0.3])]
    assert bits == sorted(bits, reverse=True)
    assert min(bits) > 0


def test_coarse_step_of_nothing_but_zeros() -> None:
    reduced = coarse_step(np.zeros((2, 3)), np.zeros((4, 3)), [0.5])[0]
    assert reduced.achieved == 0.0
    assert not reduced.z_hat.any()


def test_nothing_to_reduce(rng: np.random.Generator) -> None:
    with pytest.raises(InputError, match="no vectors"):
        coarse_step(np.empty((0, 3)), np.ones((2, 3)), [0.5])
    with pytest.raises(InputError, match="no vectors"):
        noise(np.empty((0, 3)), [0.5], rng=rng)
    with pytest.raises(InputError, match="NaN"):
        noise(np.full((2, 3), np.inf), [0.5], rng=rng)


def test_noise_meets_the_mean_cosine(vectors: tuple, rng: np.random.Generator) -> None:
    z, _ = vectors
    targets = [0.99, 0.8, 0.5, 0.2]
    for target, reduced in zip(targets, noise(z, targets, rng=rng), strict=True):
        assert reduced.target == target
        assert reduced.achieved == pytest.approx(target, abs=1e-9)
        assert mean_cosine(z, reduced.z_hat) == pytest.approx(target, abs=1e-5)
        assert reduced.z_hat.dtype == np.float32
        assert np.isnan(reduced.code_length_bits).all()


def test_noise_has_one_size_for_the_whole_set(rng: np.random.Generator) -> None:
    z = np.concatenate([rng.normal(size=(500, 40)), 10 * rng.normal(size=(500, 40))])
    added = noise(z, [0.6], rng=rng)[0].z_hat - z
    assert added[:500].std() == pytest.approx(added[500:].std(), rel=0.03)
    assert added.std(axis=0) == pytest.approx(np.full(40, added.std()), rel=0.1)
    assert abs(added.mean()) < 0.03 * added.std()
    assert abs((added * z).mean()) < 0.03 * added.std() * z.std()


def test_targets_share_their_noise(vectors: tuple, rng: np.random.Generator) -> None:
    z, _ = vectors
    weak, strong = (reduced.z_hat - z for reduced in noise(z, [0.9, 0.4], rng=rng))
    ratio = strong / weak
    assert ratio == pytest.approx(np.full(z.shape, np.median(ratio)), rel=1e-2)
    assert np.median(ratio) > 2


def test_noise_stays_finite_where_no_size_meets_the_target(
    vectors: tuple, rng: np.random.Generator
) -> None:
    z, _ = vectors
    untouched, drowned = noise(z, [1.1, -1.0], rng=rng)
    assert untouched.z_hat == pytest.approx(z, abs=1e-6)
    assert untouched.achieved == pytest.approx(1.0)
    assert drowned.z_hat.std() == pytest.approx(100 * np.sqrt((z**2).mean()), rel=0.1)
    assert drowned.achieved == pytest.approx(mean_cosine(z, drowned.z_hat), abs=1e-5)
    zeros = noise(np.zeros((3, 4)), [0.5], rng=rng)[0]
    assert zeros.achieved == 0.0
    assert not zeros.z_hat.any()


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    num=st.integers(1, 6),
    target=st.floats(0.75, 0.999),
    scale=st.floats(1e-3, 1e3),
)
def test_noise_meets_any_target_whatever_the_scale(
    seed: int, num: int, target: float, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    z = scale * rng.normal(size=(num, 60))
    reduced = noise(z, [target], rng=rng)[0]
    assert reduced.achieved == pytest.approx(target, abs=1e-9)
    assert mean_cosine(z, reduced.z_hat) == pytest.approx(target, abs=1e-5)
