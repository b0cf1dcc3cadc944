import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.entropy import (
    CodingPrior,
    FactorizedPrior,
    Payload,
    decode_symbols,
    encode_symbols,
)
from quantlab.errors import InputError, IntegrityError
from tests.coding_priors import TOTAL, RowsPrior, ShiftPrior, frequencies_of


def exact_interval(rows: list[np.ndarray], symbols: list[int]) -> tuple[int, int, int]:
    """Return start, width and exponent of the interval of a message, in plain whole numbers.

    The textbook range coder with 64 bits of range, words of 32 and models of 24 bits, without any
    carry: Python's integers are as long as they need to be.
    """
    start, width, exponent = 0, (1 << 64) - 1, 64
    for row, symbol in zip(rows, symbols, strict=True):
        if row.max() == TOTAL:
            continue
        part = width >> 24
        start += part * 16 * int(row[:symbol].sum(dtype=np.int64))
        width = part * 16 * int(row[symbol])
        if width < 1 << 32:
            start, width, exponent = start << 32, width << 32, exponent + 32
    return start, width, exponent


def fits(value: int, num_bits: int, interval: tuple[int, int, int]) -> bool:
    """Whether every continuation of a string of bits lies in an interval."""
    start, width, exponent = interval
    spare = exponent - num_bits
    return spare >= 0 and start <= value << spare and (value + 1) << spare <= start + width


def bits_of(payload: Payload) -> int:
    return int.from_bytes(payload.data, "big") >> (-payload.num_bits % 8)


@st.composite
def messages(draw: st.DrawFn, *, zeros: bool) -> tuple[RowsPrior, np.ndarray]:
    """Draw tables, near-certain and certain ones too, and symbols that they allow."""
    size, positions = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    vectors = draw(st.integers(0, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = (draw(st.sampled_from([1, max(vectors, 1)])), positions, size)
    counts = rng.integers(1, 1 << draw(st.integers(1, 20)), shape)
    if zeros:
        counts[rng.random(shape) < 0.4] = 0
        counts[..., 0] += counts.sum(axis=-1) == 0
    tables = frequencies_of(counts)
    if not zeros:
        tables = np.maximum(tables, 1)
        flat = tables.reshape(-1, size)
        flat[np.arange(len(flat)), flat.argmax(axis=1)] += (TOTAL - flat.sum(axis=1)).astype("u4")
    full = np.broadcast_to(tables, (max(vectors, 1), positions, size))
    symbols = np.array(
        [[rng.choice(np.flatnonzero(row)) for row in rows] for rows in full[:vectors]], np.int64
    ).reshape(vectors, positions)
    return RowsPrior(tables), symbols


def in_order(prior: RowsPrior, symbols: np.ndarray) -> tuple[list[np.ndarray], list[int]]:
    """Return rows and symbols position by position, as the format has them."""
    full = np.broadcast_to(prior.frequencies, (len(symbols), *prior.frequencies.shape[1:]))
    places = list(itertools.product(range(symbols.shape[1]), range(len(symbols))))
    return [full[n, s] for s, n in places], [int(symbols[n, s]) for s, n in places]


@given(messages(zeros=False))
@settings(max_examples=150, deadline=None)
def test_the_payload_is_the_shortest_string_in_the_exact_interval(
    message: tuple[RowsPrior, np.ndarray],
) -> None:
    prior, symbols = message
    payload = encode_symbols(prior, symbols)
    rows, flat = in_order(prior, symbols)
    interval = exact_interval(rows, flat)
    if all(row.max() == TOTAL for row in rows):
        assert payload == Payload(b"", 0)
        return
    assert fits(bits_of(payload), payload.num_bits, interval)
    shorter = payload.num_bits - 1
    first = -(-interval[0] >> (interval[2] - shorter))
    assert not fits(first, shorter, interval)
    ideal = sum(20 - np.log2(row[symbol]) for row, symbol in zip(rows, flat, strict=True))
    assert ideal - 1e-9 <= payload.num_bits <= ideal + 2


@given(messages(zeros=True), st.binary(max_size=9))
@settings(max_examples=150, deadline=None)
def test_round_trip_whatever_follows_the_last_bit(
    message: tuple[RowsPrior, np.ndarray], more: bytes
) -> None:
    prior, symbols = message
    payload = encode_symbols(prior, symbols)
    assert len(payload.data) == -(-payload.num_bits // 8)
    spare = -payload.num_bits % 8
    for filling in (0, (1 << spare) - 1):
        whole = int.from_bytes(payload.data, "big") | filling
        data = whole.to_bytes(len(payload.data), "big") + more
        decoded = decode_symbols(prior, data, len(symbols))
        assert decoded.dtype == np.uint16
        assert np.array_equal(decoded, symbols)


@given(messages(zeros=True))
@settings(max_examples=100, deadline=None)
def test_impossible_symbols_cost_the_others_next_to_nothing(
    message: tuple[RowsPrior, np.ndarray],
) -> None:
    prior, symbols = message
    rows, flat = in_order(prior, symbols)
    ideal = sum(20 - np.log2(row[symbol]) for row, symbol in zip(rows, flat, strict=True))
    assert encode_symbols(prior, symbols).num_bits <= ideal + 2.001


def test_carry_through_many_words() -> None:
    """Symbols at the very top of the interval keep constriction's words pending for long."""
    table = np.array([TOTAL // 2 - 1, TOTAL // 2, 1], np.uint32)
    prior = RowsPrior(np.tile(table, (1, 1, 1)))
    for length in range(1, 200):
        symbols = np.ones((length, 1), np.int64)
        symbols[0] = 0
        symbols[-1] = 2
        payload = encode_symbols(prior, symbols)
        interval = exact_interval([table] * length, symbols[:, 0].tolist())
        assert fits(bits_of(payload), payload.num_bits, interval)
        assert np.array_equal(decode_symbols(prior, payload.data, length), symbols)


def test_a_corpus_costs_its_code_length(rng: np.random.Generator) -> None:
    shares = rng.dirichlet(np.full(129, 0.3), 36)
    prior = FactorizedPrior.from_counts(1e6 * shares)
    symbols = np.stack([rng.choice(129, 30_000, p=row / TOTAL) for row in prior.frequencies], 1)
    payload = encode_symbols(prior, symbols)
    ideal = prior.code_length_bits(symbols).sum()
    assert symbols.size > 1_000_000
    assert ideal <= payload.num_bits <= ideal * 1.0001
    assert np.array_equal(decode_symbols(prior, payload.data, len(symbols)), symbols)


def test_autoregression_over_several_blocks(rng: np.random.Generator) -> None:
    prior = ShiftPrior(frequencies_of(rng.integers(1, 99, 1 << 12)), 3)
    symbols = rng.integers(0, 1 << 12, (700, 3))
    assert isinstance(prior, CodingPrior)
    payload = encode_symbols(prior, symbols)
    assert np.array_equal(decode_symbols(prior, payload.data, 700), symbols)
    ideal = prior.code_length_bits(symbols).sum()
    assert ideal <= payload.num_bits <= ideal * 1.0001 + 2
    half = encode_symbols(prior, symbols[:256])  # 2**20 / 2**12 vectors make a block
    assert payload.data[: len(half.data) - 9] == half.data[:-9]


def test_one_row_for_all_and_a_row_for_each_give_the_same_bits(rng: np.random.Generator) -> None:
    prior = FactorizedPrior.from_counts(rng.integers(0, 50, (4, 5)))
    symbols = rng.integers(0, 5, (40, 4))
    each = RowsPrior(np.tile(prior.frequencies, (40, 1, 1)))
    assert encode_symbols(prior, symbols) == encode_symbols(each, symbols)


class Incremental:
    """The steps of a prior that keeps its own sums."""

    def __init__(self, prior: ShiftPrior, num_rows: int) -> None:
        self.prior, self.symbols = prior, np.empty((num_rows, 0), np.int64)

    def frequencies(self) -> np.ndarray:
        return self.prior.frequencies_after(self.symbols)

    def append(self, symbols: np.ndarray) -> None:
        self.symbols = np.column_stack([self.symbols, symbols])


class IncrementalPrior(ShiftPrior):
    def start_coding(self, num_rows: int) -> Incremental:
        return Incremental(self, num_rows)


def test_priors_may_keep_their_own_sums(rng: np.random.Generator) -> None:
    table = frequencies_of(rng.integers(1, 99, 7))
    symbols = rng.integers(0, 7, (30, 5))
    payload = encode_symbols(IncrementalPrior(table, 5), symbols)
    assert payload == encode_symbols(ShiftPrior(table, 5), symbols)
    assert np.array_equal(decode_symbols(IncrementalPrior(table, 5), payload.data, 30), symbols)


@pytest.mark.parametrize("vectors", [0, 1, 2])
def test_messages_of_few_or_certain_symbols(vectors: int) -> None:
    one = RowsPrior(np.full((1, 1, 1), TOTAL, np.uint32))
    symbols = np.zeros((vectors, 1), np.int64)
    assert encode_symbols(one, symbols) == Payload(b"", 0)
    assert decode_symbols(one, b"", vectors).shape == (vectors, 1)
    sure = np.zeros((max(vectors, 1), 2, 3), np.uint32)
    sure[:, 0, 1] = sure[:, 1, 2] = TOTAL
    assert encode_symbols(RowsPrior(sure), np.tile([1, 2], (vectors, 1))) == Payload(b"", 0)
    assert decode_symbols(RowsPrior(sure), b"", vectors).tolist() == [[1, 2]] * vectors
    binary = FactorizedPrior.uniform(1, alphabet_size=2)
    payload = encode_symbols(binary, symbols)
    assert payload.num_bits <= vectors + 2 * (vectors > 0)
    assert decode_symbols(binary, payload.data, vectors).tolist() == [[0]] * vectors


def test_certain_rows_among_others(rng: np.random.Generator) -> None:
    tables = frequencies_of(rng.integers(1, 9, (50, 3, 4)))
    tables[::3, 1] = [0, 0, TOTAL, 0]
    symbols = rng.integers(0, 4, (50, 3))
    symbols[::3, 1] = 2
    payload = encode_symbols(RowsPrior(tables), symbols)
    assert np.array_equal(decode_symbols(RowsPrior(tables), payload.data, 50), symbols)


def test_a_huge_alphabet_with_many_impossible_symbols(rng: np.random.Generator) -> None:
    counts = np.zeros((3, 2, 60_000), np.int64)
    counts[..., ::12] = 1
    symbols = 12 * rng.integers(0, 5000, (3, 2))
    prior = RowsPrior(frequencies_of(counts))
    payload = encode_symbols(prior, symbols)
    assert np.array_equal(decode_symbols(prior, payload.data, 3), symbols)


HALVES = np.array([[TOTAL // 2, TOTAL // 2, 0]], np.uint32)


@pytest.mark.parametrize(
    ("table", "symbols", "message"),
    [
        (HALVES, [[2]], "symbol 2 of vector 0 has frequency zero"),
        (HALVES, [[3]], "0 … 2, given 3"),
        (HALVES, [[0, 1]], "2 positions, the prior 1"),
        (HALVES, [[0.5]], "integers"),
        (HALVES - 1, [[0]], "must sum to 1048576"),
        (HALVES.astype(np.int64), [[0]], "expected uint32"),
        (HALVES.astype(np.float64) / TOTAL, [[0]], "expected uint32"),
        (np.array([[1 << 31, 1 << 31, TOTAL]], np.uint32), [[0]], "must sum to 1048576"),
    ],
)
def test_bad_tables_and_symbols_are_refused(table: np.ndarray, symbols: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        encode_symbols(RowsPrior(table[None]), np.array(symbols))


def test_a_cut_or_foreign_payload_is_noticed_or_decodes(rng: np.random.Generator) -> None:
    prior = FactorizedPrior.uniform(4, alphabet_size=16)
    symbols = rng.integers(0, 16, (100, 4))
    payload = encode_symbols(prior, symbols)
    with pytest.raises(IntegrityError, match="100 vectors do not fit into 100 bytes"):
        decode_symbols(prior, payload.data[:100], 100)
    with pytest.raises(IntegrityError, match="do not fit into 0 bytes"):
        decode_symbols(prior, b"", 1)
    with pytest.raises(InputError, match="0 or more"):
        decode_symbols(prior, b"", -1)
    sharp = RowsPrior(np.array([[[TOTAL - 2, 2]]], np.uint32))
    with pytest.raises(IntegrityError, match="damaged or of another codec"):
        decode_symbols(sharp, b"\xff" * 40, 8)


@pytest.mark.slow
def test_a_million_round_trips() -> None:
    rng = np.random.default_rng(8)
    for _ in range(4000):
        size, positions = int(rng.integers(1, 9)), int(rng.integers(1, 4))
        counts = rng.dirichlet(np.full(size, 10 ** rng.uniform(-2, 1)), (1, positions)) * 1e6
        prior = RowsPrior(frequencies_of(np.rint(counts).astype(np.int64)))
        rows = prior.frequencies[0]
        ideal = 20 - np.log2(np.maximum(rows, 1))
        pool = np.stack([rng.choice(np.flatnonzero(row), 1000) for row in rows], axis=1)
        for trial in range(250):
            symbols = pool[trial * 4 : trial * 4 + trial % 4]
            payload = encode_symbols(prior, symbols)
            assert np.array_equal(decode_symbols(prior, payload.data, len(symbols)), symbols)
            assert payload.num_bits <= ideal[np.arange(positions), symbols].sum() + 2
