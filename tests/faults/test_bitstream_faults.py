"""Damaged and hostile bitstreams and codecs, and what coders do with bad distributions."""

import json
import struct
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from quantlab.codebooks import (
    Codec,
    CodecSettings,
    CodedSymbols,
    compress_symbols,
    decompress,
    read_symbols,
)
from quantlab.entropy import decode_symbols, encode_symbols
from quantlab.errors import InputError, IntegrityError, QuantlabError
from tests.coding_priors import TOTAL, RowsPrior

LENGTHS = (1, 3, 0, 2)
OFFSETS = np.concatenate([[0], np.cumsum(LENGTHS)])


def fit_codec(seed: int) -> Codec:
    rng = np.random.default_rng(seed)
    quantizer = {"stages": 2, "codes": 2}
    settings = CodecSettings.parse({"quantizer": quantizer, "ladder": {"num": 3}})
    return Codec(settings).fit(rng.normal(size=(60, 2)), rng=rng)


@pytest.fixture(scope="module")
def codec() -> Codec:
    return fit_codec(3)


@pytest.fixture(scope="module", params=[False, True], ids=["corpus", "standalone"])
def data(codec: Codec, request: pytest.FixtureRequest) -> bytes:
    symbols = np.array([[0, 1], [2, 2], [1, 1], [0, 2], [1, 0], [2, 0]])
    return compress_symbols(
        codec, symbols, OFFSETS, lam=0.25, mode="path", standalone=request.param
    ).data


def mutations(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Change every byte in three ways: lowest bit, highest bit, all bits."""
    for place in range(len(data)):
        for mask in (0x01, 0x80, 0xFF):
            yield place, data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]


def with_checksum(body: bytes) -> bytes:
    return body + struct.pack("<I", zlib.crc32(body))


def test_every_byte_mutated(codec: Codec, data: bytes) -> None:
    for _, changed in mutations(data):
        with pytest.raises(IntegrityError):
            read_symbols(codec, changed)


def test_every_byte_mutated_under_a_right_checksum(codec: Codec, data: bytes) -> None:
    """What only an attacker can make: refused, or a stream of as many items as its bytes allow."""
    tracemalloc.start()
    survived = 0
    for _, changed in mutations(data[:-4]):
        try:
            found = read_symbols(codec, with_checksum(changed))
        except IntegrityError:
            continue
        survived += 1
        assert isinstance(found, CodedSymbols)
        assert found.symbols.max(initial=0) <= codec.quantizer_.skip
        assert found.offsets[-1] == len(found.symbols)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0 < survived < len(data)
    assert peak < 64 << 20


def test_truncation_at_every_length(codec: Codec, data: bytes) -> None:
    for length in range(len(data)):
        with pytest.raises(IntegrityError):
            read_symbols(codec, data[:length])
        if length < len(data) - 4:
            with pytest.raises(IntegrityError):
                read_symbols(codec, with_checksum(data[:length]))


def test_bytes_after_the_end(codec: Codec, data: bytes) -> None:
    for more in (b"\0", b"\xff" * 5, data):
        with pytest.raises(IntegrityError, match="checksum"):
            read_symbols(codec, data + more)
        with pytest.raises(IntegrityError, match=r"follow the last payload|claims"):
            read_symbols(codec, with_checksum(data[:-4] + more))


def test_a_foreign_codec(data: bytes) -> None:
    with pytest.raises(IntegrityError, match=r"written with codec .*, given is"):
        decompress(fit_codec(4), data)


@pytest.mark.parametrize("version", [0, 2, 255])
def test_an_unknown_version(codec: Codec, data: bytes, version: int) -> None:
    changed = with_checksum(data[:4] + bytes([version]) + data[5:-4])
    with pytest.raises(IntegrityError, match=f"format version {version}, this program reads 1"):
        read_symbols(codec, changed)


def number(value: int) -> bytes:
    groups = []
    while value >= 128:
        groups.append(value % 128 + 128)
        value //= 128
    return bytes([*groups, value])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (number(1 << 40) + number(8) + b"x", "items in"),
        (number((1 << 63) - 1) + number(8) + b"x", "items in"),
        (number(100) + b"\1\1\1", "claims 100 numbers in 3 bytes"),
        (number(1) + number(1 << 62) + number(8) + b"x", "claims over"),
        (b"\xff" * 12, "number that is too long"),
        (b"\x80\x00" + number(0), "number that is too long"),
        (b"\x81", "ends inside a number"),
        (b"", "is cut"),
        (number(1) + number(2) + number(1 << 50) + b"x", "payload of 1125899906842624 bits"),
        (number(2) + number(1) + number(1) + number(0), "lengths that are all one"),
        (number(1) + number(2) + number(3) + b"\xff", "padding of a payload is not zero"),
        (number(1) + number(500_000) + number(0), "500000 vectors do not fit into 0 bytes"),
    ],
)
def test_hostile_fields_cost_no_memory(
    codec: Codec, data: bytes, body: bytes, message: str
) -> None:
    head = data[:5] + bytes([0b0110]) + data[6:46]
    tracemalloc.start()
    with pytest.raises(IntegrityError, match=message):
        read_symbols(codec, with_checksum(head + body))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 256 << 20


@pytest.mark.parametrize(
    ("flags", "lam"), [(0b1100, 1.0), (0b10000, 1.0), (0b100, -1.0), (0b100, float("nan"))]
)
def test_unknown_flags_and_bad_lambda(codec: Codec, data: bytes, flags: int, lam: float) -> None:
    head = data[:5] + bytes([flags]) + data[6:38] + struct.pack("<d", lam)
    with pytest.raises(IntegrityError, match="unknown flags"):
        read_symbols(codec, with_checksum(head + data[46:-4]))


@pytest.mark.parametrize("content", [b"", b"\x89QLB", b"RIFF" * 40, b"<html>" * 20])
def test_files_that_are_no_bitstream(codec: Codec, content: bytes) -> None:
    with pytest.raises(IntegrityError, match=r"no quantlab bitstream|is cut"):
        read_symbols(codec, content)


@pytest.mark.parametrize(
    "row",
    [
        [0.5, 0.5, np.nan],
        [0.5, 0.7, -0.2],
        [0.5, 0.25, 0.0],
        [1 << 19, (1 << 19) + (1 << 18), -(1 << 18)],
        [TOTAL, 1, 0],
    ],
)
def test_bad_distributions_never_reach_the_coder(row: list[float]) -> None:
    """constriction takes negative probabilities and decodes other symbols, without a word."""
    array = np.array(row)
    tables = array.astype(np.uint32) if array.dtype.kind == "i" and array.min() >= 0 else array
    with pytest.raises(InputError, match=r"expected uint32|must sum to"):
        encode_symbols(RowsPrior(tables[None, None]), np.array([[0]]))
    with pytest.raises(InputError, match=r"expected uint32|must sum to"):
        decode_symbols(RowsPrior(tables[None, None]), b"abcd", 1)


def test_the_same_integers_on_every_path_through_the_coder() -> None:
    """Encoding with a row for each vector and decoding with one row for all are one format."""
    rng = np.random.default_rng(0)
    table = np.array([[3, 5, TOTAL - 1000 - 8, 1000]], np.uint32)
    symbols = rng.choice(4, (500, 1), p=[0.1, 0.1, 0.4, 0.4])
    each, one = RowsPrior(np.tile(table, (500, 1, 1))), RowsPrior(table[None])
    payload = encode_symbols(each, symbols)
    assert np.array_equal(decode_symbols(one, payload.data, 500), symbols)
    assert np.array_equal(decode_symbols(each, encode_symbols(one, symbols).data, 500), symbols)


def test_estimated_and_real_bits_agree(codec: Codec) -> None:
    symbols = np.random.default_rng(1).integers(0, 3, (10_000, 2))
    coded = compress_symbols(codec, symbols, np.arange(10_001), lam=0.0)
    assert 0 <= coded.overhead_bits <= 0.001 * coded.code_length_bits + 64
    assert coded.file_bits <= coded.payload_bits + 8 * 64


def _mutated_codecs(
    folder: Path, name: str, *, step: int, masks: tuple[int, ...]
) -> Iterator[Codec]:
    """Load a codec once for each mutation of a file; yield those that load."""
    original = (folder / name).read_bytes()
    for place in range(0, len(original), step):
        for mask in masks:
            changed = bytearray(original)
            changed[place] ^= mask
            (folder / name).write_bytes(changed)
            try:
                loaded = Codec.load(folder)
            except QuantlabError:
                continue
            yield loaded
    (folder / name).write_bytes(original)


def _check_mutations(codec: Codec, folder: Path, *, step: int, masks: tuple[int, ...]) -> None:
    codec.save(folder)
    symbols = np.array([[0, 1], [2, 2], [1, 0]])
    for name in ("weights.safetensors", "card.json"):
        for loaded in _mutated_codecs(folder, name, step=step, masks=masks):
            assert loaded.fingerprint() == codec.fingerprint()
            assert loaded.ladder_ == codec.ladder_
            assert np.array_equal(loaded.decode(symbols), codec.decode(symbols))
            assert np.array_equal(loaded.bits(symbols), codec.bits(symbols))


def test_mutated_codec_files_raise_or_load_the_same(codec: Codec, tmp_path: Path) -> None:
    _check_mutations(codec, tmp_path, step=7, masks=(0x01,))


@pytest.mark.slow
def test_every_byte_of_a_codec_mutated(codec: Codec, tmp_path: Path) -> None:
    _check_mutations(codec, tmp_path, step=1, masks=(0x01, 0x80, 0xFF))


def test_a_codec_whose_card_is_no_card(codec: Codec, tmp_path: Path) -> None:
    codec.save(tmp_path)
    card = json.loads((tmp_path / "card.json").read_text())
    for content in ("[]", "{", json.dumps({**card, "scale": "much"}), json.dumps({"format": 1})):
        (tmp_path / "card.json").write_text(content)
        with pytest.raises(QuantlabError):
            Codec.load(tmp_path)
