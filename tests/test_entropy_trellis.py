import numpy as np
import pytest

from quantlab.entropy import TrellisPrior, decode_symbols, encode_symbols
from quantlab.errors import InputError

TOTAL = 1 << 20


def machine(
    rng: np.random.Generator, *, positions: int = 4, states: int = 3, alphabet: int = 5
) -> TrellisPrior:
    """Draw a machine with about a third of its symbols impossible."""
    shape = (positions, states, alphabet)
    possible = rng.random(shape) < 0.65
    possible[..., 0] |= ~possible.any(axis=2)
    table = np.where(possible, rng.integers(1, TOTAL // alphabet, shape), 0)
    largest = table.argmax(axis=2)[..., None]
    rest = TOTAL - table.sum(axis=2, keepdims=True)
    np.put_along_axis(table, largest, np.take_along_axis(table, largest, 2) + rest, 2)
    return TrellisPrior(table, rng.integers(0, states, shape))


def legal_symbols(prior: TrellisPrior, num: int, rng: np.random.Generator) -> np.ndarray:
    """Walk the machine at random, one vector and one step at a time."""
    out = np.empty((num, prior.num_positions), np.uint16)
    for row in range(num):
        state = 0
        for position in range(prior.num_positions):
            share = prior.frequencies[position, state] / TOTAL
            symbol = rng.choice(prior.alphabet_size, p=share)
            out[row, position] = symbol
            state = prior.next_states[position, state, symbol]
    return out


def test_code_length_equals_a_walk_by_hand(rng: np.random.Generator) -> None:
    prior = machine(rng)
    symbols = legal_symbols(prior, 50, rng)
    for row, length in zip(symbols, prior.code_length_bits(symbols), strict=True):
        state, share = 0, 1.0
        for position, symbol in enumerate(row):
            share *= prior.frequencies[position, state, symbol] / TOTAL
            state = prior.next_states[position, state, symbol]
        assert length == pytest.approx(-np.log2(share))


def test_lengths_of_all_sequences_sum_to_one(rng: np.random.Generator) -> None:
    prior = machine(rng)
    every = np.indices((5,) * 4).reshape(4, -1).T
    lengths = prior.code_length_bits(every)
    assert np.isinf(lengths).any()
    assert (2.0**-lengths).sum() == pytest.approx(1.0)
    best = prior.code_length_bits(prior.cheapest_symbols[None])[0]
    assert best == pytest.approx(lengths.min())


def test_contexts_and_frequencies_agree_with_the_code_length(rng: np.random.Generator) -> None:
    prior = machine(rng)
    symbols = legal_symbols(prior, 40, rng)
    context, steps = prior.start(40), prior.start_coding(40)
    total = np.zeros(40)
    for position in range(4):
        rows = prior.frequencies_after(symbols[:, :position])
        assert rows.dtype == np.uint32
        assert (rows.sum(axis=1) == TOTAL).all()
        assert np.array_equal(rows, steps.frequencies())
        with np.errstate(divide="ignore"):
            assert context.bits() == pytest.approx(-np.log2(rows / TOTAL))
        total += context.bits()[np.arange(40), symbols[:, position]]
        context = context.extend(np.arange(40), symbols[:, position])
        steps.append(symbols[:, position])
    assert total == pytest.approx(prior.code_length_bits(symbols))


def test_payload_comes_back_and_costs_its_code_length(rng: np.random.Generator) -> None:
    prior = machine(rng, positions=6, states=4, alphabet=7)
    symbols = legal_symbols(prior, 300, rng)
    payload = encode_symbols(prior, symbols)
    assert np.array_equal(decode_symbols(prior, payload.data, 300), symbols)
    expected = prior.code_length_bits(symbols).sum()
    assert expected <= payload.num_bits + 1e-6 * expected
    assert payload.num_bits <= expected + 2 + 1e-4 * expected


def test_an_impossible_symbol_cannot_be_coded(rng: np.random.Generator) -> None:
    prior = machine(rng)
    symbols = legal_symbols(prior, 1, rng)
    symbols[0, -1] = prior.frequencies[-1, prior.states(symbols)[0, -2]].argmin()
    assert np.isinf(prior.code_length_bits(symbols)[0])
    with pytest.raises(InputError, match="frequency zero"):
        encode_symbols(prior, symbols)


def test_tensors_rebuild_the_same_prior_and_hold_each_row_once(rng: np.random.Generator) -> None:
    one = machine(rng, positions=1)
    prior = TrellisPrior(
        np.repeat(one.frequencies, 5, axis=0), np.repeat(one.next_states, 5, axis=0)
    )
    tensors = prior.tensors()
    assert len(tensors["frequency_rows"]) == 3
    again = TrellisPrior.from_tensors(tensors)
    symbols = legal_symbols(prior, 60, rng)
    assert np.array_equal(again.frequencies, prior.frequencies)
    assert np.array_equal(again.states(symbols), prior.states(symbols))
    assert prior.parameter_bits < 5 * one.parameter_bits


def test_parameter_bits_of_a_machine_counted_by_hand() -> None:
    frequencies = np.array([[[TOTAL // 2, TOTAL // 2, 0], [0, 0, TOTAL]]])
    prior = TrellisPrior(frequencies, np.array([[[0, 1, 0], [0, 0, 1]]]))
    # Two rows of three flags and one free frequency; two rows of three one-bit states; two places
    # with one bit each for either table.
    assert prior.parameter_bits == 2 * 3 + 20 + 2 * 3 + 2 + 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frequencies": np.ones((1, 1, 2), np.int64)}, "sum to"),
        ({"frequencies": np.array([[[-1, TOTAL + 1]]])}, "sum to"),
        ({"frequencies": np.array([[[0.5, 0.5]]])}, "must be integers"),
        ({"frequencies": np.zeros((1, 0, 2), np.int64)}, "none of them empty"),
        ({"next_states": np.array([[[0, 1]]])}, "0 … 0"),
        ({"next_states": np.zeros((1, 2, 2), np.int64)}, "differ in shape"),
    ],
)
def test_malformed_tables_are_refused(change: dict[str, np.ndarray], message: str) -> None:
    tables = {"frequencies": np.array([[[TOTAL, 0]]]), "next_states": np.zeros((1, 1, 2), int)}
    with pytest.raises(InputError, match=message):
        TrellisPrior(**{**tables, **change})


def test_malformed_tensors_are_refused(rng: np.random.Generator) -> None:
    tensors = machine(rng).tensors()
    with pytest.raises(InputError, match="frequency_index"):
        TrellisPrior.from_tensors({"next_rows": tensors["next_rows"]})
    with pytest.raises(InputError, match="malformed"):
        TrellisPrior.from_tensors({**tensors, "next_index": tensors["next_index"] + 99})


def test_symbols_that_do_not_fit_are_refused(rng: np.random.Generator) -> None:
    prior = machine(rng)
    with pytest.raises(InputError, match="3 positions, the prior 4"):
        prior.code_length_bits(np.zeros((2, 3), int))
    with pytest.raises(InputError, match="5 positions, the prior 4"):
        prior.states(np.zeros((2, 5), int))
    with pytest.raises(InputError, match="0 … 4"):
        prior.code_length_bits(np.full((2, 4), 5))
