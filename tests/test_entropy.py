import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.stats import entropy as scipy_entropy

from quantlab.entropy import FactorizedPrior, count_symbols, symbol_statistics
from quantlab.errors import InputError

COUNTS = npst.arrays(
    np.int64,
    npst.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=9),
    elements=st.integers(0, 10**9),
)


@given(COUNTS)
def test_frequencies_are_positive_and_sum_to_the_total(counts: np.ndarray) -> None:
    prior = FactorizedPrior.from_counts(counts)
    assert (prior.frequencies.sum(axis=1, dtype=np.int64) == 1 << 20).all()
    assert prior.frequencies.min() >= 1


def test_code_length_is_the_cross_entropy_of_the_smoothed_counts(rng: np.random.Generator) -> None:
    symbols = rng.integers(0, 5, (1000, 3))
    prior = FactorizedPrior.fit(symbols, alphabet_size=5)
    expected = 0.0
    for position in range(3):
        counts = np.bincount(symbols[:, position], minlength=5)
        share = (counts + 0.5) / (counts + 0.5).sum()
        expected += scipy_entropy(counts / counts.sum(), base=2)
        expected += scipy_entropy(counts / counts.sum(), share, base=2)
    assert prior.code_length_bits(symbols).mean() == pytest.approx(expected, abs=1e-4)


def test_no_counts_give_the_uniform_prior() -> None:
    prior = FactorizedPrior.from_counts(np.zeros((2, 4)))
    assert prior.bits_table() == pytest.approx(np.full((2, 4), 2.0))
    assert prior.parameter_bits == 2 * 3 * 20


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (np.array([[1.0, -1.0]]), "not negative"),
        (np.array([[1.0, np.nan]]), "finite"),
        (np.ones((2, 1)), "2 <= A"),
        (np.ones(3), "2 <= A"),
    ],
)
def test_bad_counts_are_refused(counts: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        FactorizedPrior.from_counts(counts)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (np.array([[1 << 20, 0]]), "positive and sum"),
        (np.array([[5, 5]]), "positive and sum"),
        (np.array([[0.5, 0.5]]), "integers"),
    ],
)
def test_bad_tables_are_refused(table: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        FactorizedPrior(table)


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        (np.array([[0, 5]]), r"0 … 4, given 0 … 5"),
        (np.array([[0, -1]]), r"given -1 … 0"),
        (np.array([[0.0, 1.0]]), "integers"),
        (np.array([0, 1]), "integers"),
        (np.array([[0, 1, 2]]), "3 positions, the prior 2"),
    ],
)
def test_bad_symbols_are_refused(symbols: np.ndarray, message: str) -> None:
    prior = FactorizedPrior.from_counts(np.zeros((2, 5)))
    with pytest.raises(InputError, match=message):
        prior.code_length_bits(symbols)


def test_symbol_statistics_against_scipy(rng: np.random.Generator) -> None:
    symbols = np.stack([rng.integers(0, 4, 500), np.zeros(500, np.int64)], axis=1)
    found = symbol_statistics(symbols, alphabet_size=6)
    expected = scipy_entropy(np.bincount(symbols[:, 0]) / 500, base=2)
    assert found.entropy_bits == pytest.approx(expected)
    assert found.distinct_sequences == 4
    assert found.usage.tolist() == [4 / 6, 1 / 6]
    assert found.perplexity[1] == 1.0


def test_a_constant_output_has_no_entropy_but_a_code_length() -> None:
    symbols = np.full((50, 3), 2)
    prior = FactorizedPrior.from_counts(np.ones((3, 4)))
    assert symbol_statistics(symbols, alphabet_size=4).entropy_bits == 0.0
    assert prior.code_length_bits(symbols).tolist() == pytest.approx([6.0] * 50)


def test_nothing_to_count() -> None:
    empty = np.empty((0, 3), np.int64)
    assert count_symbols(empty, alphabet_size=4).sum() == 0
    assert symbol_statistics(empty, alphabet_size=4).entropy_bits == 0.0
