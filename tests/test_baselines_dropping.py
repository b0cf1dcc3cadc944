"""Reductions that give up symbols, against plain loops over single vectors."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.baselines import drop_least, drop_most, prepare, truncate
from quantlab.codebooks import Quantizer, QuantizerSettings, fit_quantizer, search, uniform_prior
from quantlab.entropy import FactorizedPrior
from quantlab.errors import InputError

METHODS = [drop_least, drop_most, truncate]


@pytest.fixture
def case(rng: np.random.Generator) -> tuple[Quantizer, np.ndarray, np.ndarray]:
    z = rng.normal(size=(300, 8)) * np.linspace(2, 0.5, 8)
    settings = QuantizerSettings.parse({"groups": 2, "stages": 3, "codes": 8})
    return fit_quantizer(z[:200], settings, rng=rng), z[200:], z[:200]


def cosine_between(z: np.ndarray, z_hat: np.ndarray) -> float:
    norms = np.linalg.norm(z) * np.linalg.norm(z_hat)
    return float(z @ z_hat / norms) if norms > 0 else 0.0


def mean_cosine(z: np.ndarray, z_hat: np.ndarray) -> float:
    return float(np.mean([cosine_between(*pair) for pair in zip(z, z_hat, strict=True)]))


def nearest(quantizer: Quantizer, z: np.ndarray) -> np.ndarray:
    return search(quantizer, z, uniform_prior(quantizer), [0.0])[0].symbols.astype(int)


def without(symbols: np.ndarray, positions: list[int], skip: int) -> np.ndarray:
    left = symbols.copy()
    left[positions] = skip
    return left


def greedy_cosines(quantizer: Quantizer, vector: np.ndarray, *, least: bool) -> list[float]:
    """Try every symbol of one vector, step by step; the cosine after each."""

    def cosine(gone: list[int]) -> float:
        symbols = without(nearest(quantizer, vector[None])[0], gone, quantizer.skip)
        return cosine_between(vector, quantizer.decode(symbols[None])[0])

    gone: list[int] = []
    cosines = [cosine(gone)]
    while len(gone) < quantizer.num_symbols:
        left = [position for position in range(quantizer.num_symbols) if position not in gone]
        after = [cosine([*gone, position]) for position in left]
        best = int(np.argmax(after) if least else np.argmin(after))
        gone.append(left[best])
        cosines.append(after[best])
    return cosines


def reduced_alone(method: Any, quantizer: Quantizer, vector: np.ndarray, target: float) -> Any:
    """Reduce one vector, which cannot mix counts."""
    rng = np.random.default_rng(0)
    return method(quantizer, vector[None], vector[None], [target], rng=rng)[0]


@pytest.mark.parametrize("method", [drop_least, drop_most])
def test_drop_order_is_that_of_trying_every_symbol(case: tuple, method: Any) -> None:
    quantizer, vectors, _ = case
    told = 0
    for vector in vectors[:6]:
        expected = greedy_cosines(quantizer, vector, least=method is drop_least)
        for target in (value - 1e-6 for value in expected[1:-1] if value > 0.01):
            # Giving up a symbol can raise the cosine; the last count that is still above is meant.
            last = max(count for count, value in enumerate(expected) if value >= target)
            reduced = reduced_alone(method, quantizer, vector, target)
            assert reduced.achieved == pytest.approx(expected[last], abs=1e-6)
            told += 1
    assert told >= 12


def test_dropping_most_leaves_more_symbols_at_the_same_cosine(case: tuple) -> None:
    quantizer, z, train = case
    least = drop_least(quantizer, z, train, [0.5], rng=np.random.default_rng(0))[0]
    most = drop_most(quantizer, z, train, [0.5], rng=np.random.default_rng(0))[0]
    assert most.code_length_bits.mean() > 1.5 * least.code_length_bits.mean()


@pytest.mark.parametrize("kept", [0, 1, 2, 3])
def test_truncate_keeps_the_first_stages(case: tuple, kept: int) -> None:
    quantizer, z, train = case
    z_hat = quantizer.decode(nearest(quantizer, z), num_stages=kept)
    target = mean_cosine(z, z_hat) - 1e-9
    reduced = truncate(quantizer, z, train, [target], rng=np.random.default_rng(0))[0]
    assert reduced.z_hat == pytest.approx(z_hat, abs=1e-6)


def test_truncate_mixes_neighbouring_numbers_of_stages(case: tuple) -> None:
    quantizer, z, train = case
    symbols = nearest(quantizer, z)
    one, two = (quantizer.decode(symbols, num_stages=count) for count in (1, 2))
    target = 0.5 * (mean_cosine(z, one) + mean_cosine(z, two))
    z_hat = truncate(quantizer, z, train, [target], rng=np.random.default_rng(0))[0].z_hat
    first = np.isclose(z_hat, one, atol=1e-6).all(axis=1)
    second = np.isclose(z_hat, two, atol=1e-6).all(axis=1)
    assert (first | second).all()
    assert 20 < second.sum() < 80


def test_bits_are_those_of_a_prior_of_equally_truncated_training_symbols(case: tuple) -> None:
    quantizer, _, train = case
    cut = nearest(quantizer, train)
    cut.reshape(-1, 2, 3)[:, :, 1:] = quantizer.skip
    target = mean_cosine(train, quantizer.decode(cut)) - 1e-9
    # Vectors that are their own training vectors are cut at the same stage.
    reduced = truncate(quantizer, train, train, [target], rng=np.random.default_rng(0))[0]
    prior = FactorizedPrior.fit(cut, alphabet_size=quantizer.alphabet_size)
    assert reduced.code_length_bits == pytest.approx(prior.code_length_bits(cut))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("target", [0.85, 0.6, 0.3, 0.1])
def test_targets_are_met_by_the_mean_cosine(case: tuple, method: Any, target: float) -> None:
    quantizer, z, train = case
    reduced = method(quantizer, z, train, [target], rng=np.random.default_rng(0))[0]
    assert reduced.target == target
    assert reduced.achieved == pytest.approx(target, abs=0.01)
    assert mean_cosine(z, reduced.z_hat) == pytest.approx(reduced.achieved, abs=1e-5)
    assert reduced.z_hat.dtype == np.float32


@pytest.mark.parametrize("method", METHODS)
def test_giving_up_everything_is_the_zero_vector(case: tuple, method: Any) -> None:
    quantizer, z, train = case
    for reduced in method(quantizer, z, train, [-1.0, 0.0], rng=np.random.default_rng(0)):
        assert reduced.achieved == 0.0
        assert not reduced.z_hat.any()


@pytest.mark.parametrize("method", METHODS)
def test_bits_fall_with_the_target(case: tuple, method: Any) -> None:
    quantizer, z, train = case
    result = method(quantizer, z, train, [0.85, 0.6, 0.3], rng=np.random.default_rng(0))
    bits = [reduced.code_length_bits.mean() for reduced in result]
    assert bits == sorted(bits, reverse=True)
    assert min(bits) > 0


@pytest.mark.parametrize("method", METHODS)
def test_a_target_out_of_reach_is_met_as_closely_as_can_be(case: tuple, method: Any) -> None:
    quantizer, z, train = case
    reduced = method(quantizer, z, train, [1.0], rng=np.random.default_rng(0))[0]
    assert reduced.achieved >= mean_cosine(z, quantizer.decode(nearest(quantizer, z))) - 1e-6
    assert reduced.achieved < 1.0


@pytest.mark.parametrize("method", METHODS)
def test_prepared_vectors_give_the_same_without_a_second_search(
    case: tuple, method: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    quantizer, z, train = case
    plain = method(quantizer, z, train, [0.7, 0.2], rng=np.random.default_rng(3))
    ready, ready_train = prepare(quantizer, z), prepare(quantizer, train)
    monkeypatch.setattr("quantlab.baselines.prepared.search", None)
    shared = method(quantizer, ready, ready_train, [0.7, 0.2], rng=np.random.default_rng(3))
    for one, other in zip(plain, shared, strict=True):
        assert np.array_equal(one.z_hat, other.z_hat)
        assert np.array_equal(one.code_length_bits, other.code_length_bits)


@pytest.mark.parametrize("method", METHODS)
def test_what_a_rotation_left_out_counts(
    case: tuple, method: Any, rng: np.random.Generator
) -> None:
    quantizer, y, y_train = case
    outside, outside_train = rng.normal(size=(len(y), 3)), rng.normal(size=(len(y_train), 3))
    ready = prepare(quantizer, y, lost=(outside**2).sum(axis=1))
    ready_train = prepare(quantizer, y_train, lost=(outside_train**2).sum(axis=1))
    reduced = method(quantizer, ready, ready_train, [0.5], rng=rng)[0]
    z, z_hat = np.hstack([y, outside]), np.hstack([reduced.z_hat, np.zeros_like(outside)])
    assert reduced.achieved == pytest.approx(0.5, abs=0.01)
    assert mean_cosine(z, z_hat) == pytest.approx(reduced.achieved, abs=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_zero_vectors_have_cosine_zero(case: tuple, method: Any) -> None:
    quantizer, z, train = case
    mixed = np.concatenate([z, np.zeros((50, 8))])
    for reduced in method(quantizer, mixed, train, [0.5, 0.0], rng=np.random.default_rng(0)):
        assert reduced.achieved == pytest.approx(reduced.target, abs=0.01)
        assert mean_cosine(mixed, reduced.z_hat) == pytest.approx(reduced.achieved, abs=1e-5)
    zeros = np.zeros((2, 8))
    alone = method(quantizer, zeros, zeros, [0.5, 0.0], rng=np.random.default_rng(0))
    assert [reduced.achieved for reduced in alone] == [0.0, 0.0]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    groups=st.integers(1, 3),
    stages=st.integers(1, 4),
    target=st.floats(-0.2, 1.0),
)
def test_achieved_is_what_the_vectors_say(
    seed: int, groups: int, stages: int, target: float
) -> None:
    rng = np.random.default_rng(seed)
    quantizer = Quantizer(rng.normal(size=(groups, stages, 4, 2)).astype(np.float32))
    z, train = rng.normal(size=(2, 7, 2 * groups))
    start = mean_cosine(z, quantizer.decode(nearest(quantizer, z)))
    for method in METHODS:
        reduced = method(quantizer, z, train, [target], rng=rng)[0]
        assert mean_cosine(z, reduced.z_hat) == pytest.approx(reduced.achieved, abs=1e-5)
        assert np.isfinite(reduced.code_length_bits).all()
        if 0.0 <= target <= start:  # one vector of seven moves the mean by at most 2/7
            assert abs(reduced.achieved - target) <= 1 / 7 + 1e-9


def test_faults_are_told(case: tuple, rng: np.random.Generator) -> None:
    quantizer, z, train = case
    with pytest.raises(InputError, match="no vectors to reduce"):
        truncate(quantizer, z[:0], train, [0.5], rng=rng)
    with pytest.raises(InputError, match="takes"):
        drop_most(quantizer, z[:, :5], train, [0.5], rng=rng)
    with pytest.raises(InputError, match="NaN"):
        drop_least(quantizer, z, np.full_like(train, np.nan), [0.5], rng=rng)
    other = Quantizer(quantizer.codebooks)
    with pytest.raises(InputError, match="another quantizer"):
        drop_least(quantizer, prepare(other, z), train, [0.5], rng=rng)
