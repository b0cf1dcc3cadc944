import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.entropy import (
    STREAM_MODES,
    CodingPrior,
    FactorizedPrior,
    Payload,
    Stream,
    decode_symbols,
    encode_symbols,
    pack_stream,
    unpack_stream,
)
from quantlab.errors import InputError
from tests.coding_priors import ShiftPrior, frequencies_of, whole_numbers

NAME = "0123456789abcdef" * 4


def payload_of(bits: int, value: int) -> Payload:
    padding = -bits % 8
    return Payload((value << padding).to_bytes((bits + padding) // 8, "big"), bits)


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    standalone = draw(st.booleans())
    lengths = draw(st.lists(st.integers(0, 300) | st.just(1), max_size=9))
    payloads = []
    for _ in range(len(lengths) if standalone else 1):
        bits = draw(st.integers(0, 40))
        payloads.append(payload_of(bits, draw(st.integers(0, (1 << bits) - 1))))
    return Stream(
        draw(st.binary(min_size=32, max_size=32)).hex(),
        draw(st.floats(0, allow_infinity=False, allow_nan=False)),
        draw(st.sampled_from(STREAM_MODES)),
        np.array(lengths, np.int64),
        tuple(payloads),
        standalone,
    )


@given(streams())
@settings(max_examples=200, deadline=None)
def test_what_is_packed_is_unpacked(stream: Stream) -> None:
    data = pack_stream(stream)
    back = unpack_stream(data)
    assert back.lengths.dtype == np.int64
    assert np.array_equal(back.lengths, stream.lengths)
    for name in ("fingerprint", "lam", "mode", "payloads", "standalone", "payload_bits"):
        assert getattr(back, name) == getattr(stream, name)
    assert pack_stream(back) == data


def test_the_layout_byte_by_byte() -> None:
    payload = payload_of(11, 0b10110011101)
    stream = Stream(NAME, 2.5, "path", np.array([1, 300]), (payload,), False)
    head = b"\x89QLB" + bytes([1, 0b0110]) + bytes.fromhex(NAME) + struct.pack("<d", 2.5)
    body = head + bytes([2, 1, 0xAC, 0x02, 11, 0b10110011, 0b10100000])
    assert pack_stream(stream) == body + struct.pack("<I", zlib.crc32(body))


def test_utterances_of_one_vector_take_no_lengths() -> None:
    payloads = tuple(payload_of(8, value) for value in range(100))
    stream = Stream(NAME, 0.0, "direct", np.ones(100, np.int64), payloads, True)
    assert len(pack_stream(stream)) == 46 + 1 + 100 + 100 + 4
    one = Stream(NAME, 0.0, "rate", np.ones(100, np.int64), (payload_of(8, 3),), False)
    assert len(pack_stream(one)) == 46 + 1 + 1 + 1 + 4
    assert unpack_stream(pack_stream(one)).num_vectors == 100


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lam": -1.0}, "lam must be finite"),
        ({"lam": float("nan")}, "lam must be finite"),
        ({"mode": "fast"}, "one of direct, path, rate"),
        ({"fingerprint": "abc"}, "64 hexadecimal digits"),
        ({"fingerprint": "g" * 64}, "64 hexadecimal digits"),
        ({"lengths": np.array([-1])}, "0 or more"),
        ({"lengths": np.array([0.5])}, "whole numbers"),
        ({"lengths": np.array([1 << 40])}, "too many for the 8 bits"),
        ({"payloads": ()}, "0 payloads given for 1"),
        ({"payloads": (Payload(b"ab", 3),)}, "bytes and bits do not match"),
    ],
)
def test_fields_out_of_range_are_not_written(changes: dict, message: str) -> None:
    fields = {
        "fingerprint": NAME,
        "lam": 0.5,
        "mode": "path",
        "lengths": np.array([2]),
        "payloads": (payload_of(8, 1),),
        "standalone": False,
    }
    with pytest.raises(InputError, match=message):
        pack_stream(Stream(**{**fields, **changes}))


def golden_prior(kind: str) -> CodingPrior:
    counts = 1 + whole_numbers(4 * 9, below=1000, seed=3).reshape(4, 9)
    counts[1, 2:] = 0
    if kind == "shift":
        return ShiftPrior(frequencies_of(counts[0] - 1), 4)
    return FactorizedPrior(np.maximum(frequencies_of(counts[[0, 2, 3, 0]]), 1))


def possible_symbols(prior: CodingPrior, number: int) -> np.ndarray:
    """Take for every symbol one of those that its frequencies allow, by whole numbers only."""
    wanted = whole_numbers(number * prior.num_positions, below=1 << 16, seed=9)
    wanted = wanted.reshape(number, prior.num_positions)
    symbols = np.zeros((number, 0), np.int64)
    for position in range(prior.num_positions):
        rows = np.broadcast_to(prior.frequencies_after(symbols), (number, prior.alphabet_size))
        choice = [np.flatnonzero(row) for row in rows]
        column = [
            allowed[w % len(allowed)]
            for allowed, w in zip(choice, wanted[:, position], strict=True)
        ]
        symbols = np.column_stack([symbols, np.array(column, np.int64)])
    return symbols


@pytest.mark.parametrize("standalone", [False, True], ids=["corpus", "standalone"])
@pytest.mark.parametrize("kind", ["factorized", "shift"])
def test_golden_streams(kind: str, standalone: bool, golden: Callable[[str, bytes], bytes]) -> None:
    prior = golden_prior(kind)
    lengths = np.array([1, 7, 0, 32])
    symbols = possible_symbols(prior, 40)
    parts = np.split(symbols, np.cumsum(lengths)[:-1]) if standalone else [symbols]
    payloads = tuple(encode_symbols(prior, part) for part in parts)
    made = pack_stream(Stream(NAME, 0.125, "path", lengths, payloads, standalone))
    stored = golden(f"{kind}-{'standalone' if standalone else 'corpus'}.qlb", made)
    assert made == stored
    stream = unpack_stream(stored)
    sizes = stream.lengths.tolist() if standalone else [40]
    decoded = [
        decode_symbols(prior, payload.data, size)
        for payload, size in zip(stream.payloads, sizes, strict=True)
    ]
    assert np.array_equal(np.concatenate(decoded), symbols)
