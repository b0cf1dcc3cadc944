import numpy as np
import pytest

from quantlab.baselines import coarse_step, drop_least, shrink
from quantlab.codebooks import Quantizer, QuantizerSettings, fit_quantizer, search, uniform_prior
from quantlab.errors import InputError


@pytest.fixture
def case(rng: np.random.Generator) -> tuple[Quantizer, np.ndarray, np.ndarray]:
    z = rng.normal(size=(300, 8)) * np.linspace(2, 0.5, 8)
    settings = QuantizerSettings.parse({"groups": 2, "stages": 3, "codes": 8})
    return fit_quantizer(z[:200], settings, rng=rng), z[200:], z[:200]


def _cosine(z: np.ndarray, z_hat: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(z, axis=1) * np.linalg.norm(z_hat, axis=1)
    dot = (z * z_hat).sum(axis=1)
    return np.divide(dot, norms, out=np.zeros(len(z)), where=norms > 0)


@pytest.mark.parametrize("target", [0.85, 0.6, 0.3, 0.1])
def test_drop_least_meets_the_mean_cosine(case: tuple, target: float) -> None:
    quantizer, z, train = case
    reduced = drop_least(quantizer, z, train, [target], rng=np.random.default_rng(0))[0]
    assert reduced.achieved == pytest.approx(target, abs=0.01)
    assert _cosine(z, reduced.z_hat).mean() == pytest.approx(reduced.achieved, abs=1e-5)


def test_drop_least_gives_up_the_symbol_that_costs_least(case: tuple) -> None:
    """Against brute force: try every symbol of one vector, step by step."""
    quantizer, z, _ = case
    vector = z[:1]
    symbols = search(quantizer, vector, uniform_prior(quantizer), [0.0])[0].symbols.astype(int)
    expected = [float(_cosine(vector, quantizer.decode(symbols))[0])]
    while (symbols != quantizer.skip).any():
        options = []
        for position in np.flatnonzero(symbols[0] != quantizer.skip):
            trial = symbols.copy()
            trial[0, position] = quantizer.skip
            options.append((float(_cosine(vector, quantizer.decode(trial))[0]), trial))
        best, symbols = max(options, key=lambda option: option[0])
        expected.append(best)
    for cosine in expected[1:-1]:
        target = cosine - 1e-6
        # Giving up a symbol can raise the cosine; the last count that is still above is meant.
        last = max(count for count, value in enumerate(expected) if value >= target)
        reduced = drop_least(quantizer, vector, vector, [target], rng=np.random.default_rng(0))[0]
        assert reduced.achieved == pytest.approx(expected[last], abs=1e-5)


def test_drop_least_to_nothing_is_the_zero_vector(case: tuple) -> None:
    quantizer, z, train = case
    reduced = drop_least(quantizer, z, train, [-1.0], rng=np.random.default_rng(0))[0]
    assert reduced.achieved == 0.0
    assert not reduced.z_hat.any()


def test_bits_fall_with_the_target(case: tuple) -> None:
    quantizer, z, train = case
    targets = [0.85, 0.6, 0.3]
    for method in (
        drop_least(quantizer, z, train, targets, rng=np.random.default_rng(0)),
        coarse_step(z, train, targets),
    ):
        bits = [reduced.code_length_bits.mean() for reduced in method]
        assert bits == sorted(bits, reverse=True)
        assert min(bits) > 0


@pytest.mark.parametrize("target", [0.95, 0.8, 0.5])
def test_coarse_step_meets_the_mean_cosine(case: tuple, target: float) -> None:
    _, z, train = case
    reduced = coarse_step(z, train, [target])[0]
    assert reduced.achieved == pytest.approx(target, abs=0.02)
    assert _cosine(z, reduced.z_hat).mean() == pytest.approx(reduced.achieved, abs=1e-5)
    steps = np.unique(np.abs(reduced.z_hat[reduced.z_hat != 0]))
    assert steps / steps[0] == pytest.approx(np.rint(steps / steps[0]), abs=1e-3)


def test_nothing_to_reduce() -> None:
    with pytest.raises(InputError, match="no vectors"):
        coarse_step(np.empty((0, 3)), np.ones((2, 3)), [0.5])


@pytest.mark.parametrize("toward", [np.zeros(4), np.array([1.0, 0.0, -1.0, 2.0])])
def test_shrink_matches_the_distortion(rng: np.random.Generator, toward: np.ndarray) -> None:
    z, offsets = rng.normal(size=(12, 4)), np.array([0, 3, 4, 12])
    wanted = np.array([0.5, 0.1, 1.0])
    z_hat = shrink(z, offsets, wanted, toward=toward)
    squared = ((z - z_hat) ** 2).sum(axis=1)
    found = np.add.reduceat(squared, offsets[:-1]) / np.diff(offsets)
    assert found == pytest.approx(wanted)
    slope = (z_hat[0] - toward) / (z[0] - toward)
    assert slope == pytest.approx(np.full(4, slope[0]))
    assert 0 < slope[0] < 1


def test_shrink_stops_at_its_point(rng: np.random.Generator) -> None:
    z, point = rng.normal(size=(2, 4)), np.ones(4)
    z_hat = shrink(z, np.array([0, 1, 2]), np.array([1e6, 0.0]), toward=point)
    assert np.array_equal(z_hat[0], point)
    assert z_hat[1] == pytest.approx(z[1])


def test_shrink_to_a_zero_output_is_exactly_zero(rng: np.random.Generator) -> None:
    z = rng.normal(size=(3, 5))
    distortion = (z.astype(np.float32) ** 2).sum(axis=1)
    assert not shrink(z, np.arange(4), distortion, toward=np.zeros(5)).any()
