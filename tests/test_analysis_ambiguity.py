"""Entropy, divergence and top-two match against scipy; thirds by speaker."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy

from quantlab.analysis import (
    AGREEMENT,
    agreement_classes,
    entropy_bits,
    jensen_shannon_bits,
    same_top_two,
    v_information_bits,
)
from quantlab.errors import InputError


@given(st.integers(2, 7), st.integers(1, 6), st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_entropy_and_divergence_equal_scipys(num_classes, num_items, seed) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.dirichlet(np.full(num_classes, 0.3), size=(2, num_items))
    assert entropy_bits(first) == pytest.approx(entropy(first, base=2, axis=1))
    expected = jensenshannon(first, second, base=2, axis=1) ** 2
    assert jensen_shannon_bits(first, second) == pytest.approx(expected, abs=1e-9)
    assert jensen_shannon_bits(second, first) == pytest.approx(jensen_shannon_bits(first, second))


def test_divergence_of_equal_and_of_disjoint_shares() -> None:
    one = np.array([[0.25, 0.75, 0.0], [0.0, 0.0, 1.0]])
    other = np.array([[0.25, 0.75, 0.0], [1.0, 0.0, 0.0]])
    assert jensen_shannon_bits(one, other).tolist() == [0.0, 1.0]


def test_top_two_do_not_depend_on_their_order() -> None:
    first = np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.4, 0.4, 0.2]])
    second = np.array([[0.3, 0.6, 0.1], [0.5, 0.1, 0.4], [0.2, 0.5, 0.3]])
    assert same_top_two(first, second).tolist() == [True, False, False]


def test_every_speaker_has_all_three_classes() -> None:
    rng = np.random.default_rng(0)
    soft = rng.dirichlet(np.ones(4), size=60)
    speakers = np.repeat(["a", "b"], 30)
    named = agreement_classes(soft, speakers)
    spread = entropy_bits(soft)
    for speaker in ("a", "b"):
        mine = speakers == speaker
        assert [int((named[mine] == name).sum()) for name in AGREEMENT] == [10, 10, 10]
        clear, ambiguous = (spread[mine & (named == name)] for name in ("clear", "ambiguous"))
        assert clear.max() < ambiguous.min()


def test_items_of_equal_entropy_are_in_one_class() -> None:
    soft = np.tile([[0.5, 0.5]], (9, 1))
    assert len(set(agreement_classes(soft, np.full(9, "a")))) == 1


def test_shapes_must_agree() -> None:
    with pytest.raises(InputError, match="shape"):
        jensen_shannon_bits([[1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]])


def test_v_information_of_certainty_guessing_and_confident_error() -> None:
    surprisal = np.array([0.0, 2.0, 10.0])
    assert v_information_bits(surprisal, 4).tolist() == [2.0, 0.0, -8.0]
