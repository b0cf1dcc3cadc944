"""The ``.qlb`` container: coded symbols of a corpus, byte by byte.

This module knows bytes; `coder` makes the bits in the payloads, and which codec they belong to is
the caller's affair. All whole numbers of fixed width are little-endian. A *number* is a whole
number below 2**63 in groups of seven bits, lowest group first, the high bit of every byte but the
last set, in as few bytes as possible (LEB128).

====== ========= =========================================================================
offset bytes     content
====== ========= =========================================================================
0      4         magic: 89 51 4C 42 (a byte that is no text, then ``QLB``)
4      1         version of the format: 1
5      1         flags. Bit 0: stand-alone utterances. Bit 1: item lengths are present. Bits 2
                 and 3: how symbols were chosen, 0 ``direct``, 1 ``path``, 2 ``rate``. The other
                 bits are 0
6      32        fingerprint of the codec (SHA-256)
38     8         λ, an IEEE double, finite and ≥ 0; with ``rate``, which looks for the λ of a
                 target, the one it found, or 0 where every item has its own
46     1 … 9     number: items, N
…      N × 1 … 9 numbers: vectors of each item. Left out, with bit 1 of the flags 0, when every
                 item has exactly one vector, as in sets of utterance embeddings
…      1 … 9     one stream: number: bits of the payload
…      N × 1 … 9 stand-alone: numbers: bits of the payload of each item
…      ⌈bits/8⌉  the payload, or the N payloads one after another, each padded with zero bits to
                 a whole byte; the first bit is the highest of the first byte
last 4 4         CRC-32 (as in zlib and PNG) of all bytes before
====== ========= =========================================================================

A payload holds the symbols of all its vectors, in blocks of ``max(1, 2**20 // A)`` vectors for an
alphabet of A symbols; within a block position after position, and within a position vector after
vector. It is the output of a range coder with 64 bits of state, words of 32 bits and probabilities
of 24 bits (constriction's ``RangeEncoder``), cut after the shortest string of bits all of whose
continuations lie in the final interval. So bits that follow, zeros for instance, change nothing,
and the payload of an utterance needs no end mark.

One stream for the corpus spends its ending once, under two bits. Stand-alone utterances spend it
once for each, and can be decoded one by one. ``payload_bits`` are the bits before padding;
``file_bits`` are 8 times the bytes of the file, header, lengths, padding and checksum included.

Whoever reads must check the magic, the version, the checksum, and the fingerprint against the
codec in hand, in this order; a decoder that is handed a foreign payload gives symbols, but the
wrong ones. Every field is checked against the bytes that are there before memory is taken for it.
Vectors may take far less than a bit, so their number is bounded by 2**16 per byte of the file; a
file that would hold more is not written.
"""

import math
import struct
import zlib
from dataclasses import dataclass

import numpy as np

from quantlab.entropy.coder import Payload
from quantlab.errors import InputError, IntegrityError

STREAM_MODES = ("direct", "path", "rate")
_VECTORS_PER_BYTE = 1 << 16  # of a file
_MAGIC = b"\x89QLB"
_VERSION = 1
_HEAD = struct.Struct("<4sBB32sd")
_CRC = struct.Struct("<I")
_STANDALONE, _LENGTHS, _MODE_SHIFT = 1, 2, 2
_NUMBER_BYTES = 9


@dataclass(frozen=True, eq=False)
class Stream:
    """What a ``.qlb`` file holds.

    Attributes
    ----------
    fingerprint : str
        The codec's, 64 hexadecimal characters.
    lam : float
        Squared distance in z per bit; with mode ``rate`` the λ that was found, or 0.
    mode : str
        How the symbols were chosen: ``direct``, ``path`` or ``rate``.
    lengths : np.ndarray [shape=(N,), dtype=int64]
        Vectors of each item, 0 or more.
    payloads : tuple[Payload, ...]
        One for all items, or one for each of them.
    standalone : bool
        Which of the two.
    """

    fingerprint: str
    lam: float
    mode: str
    lengths: np.ndarray
    payloads: tuple[Payload, ...]
    standalone: bool

    @property
    def num_vectors(self) -> int:
        """Vectors of all items."""
        return int(self.lengths.sum())

    @property
    def payload_bits(self) -> int:
        """Bits of all payloads before padding."""
        return sum(payload.num_bits for payload in self.payloads)


def pack_stream(stream: Stream) -> bytes:
    """Write a stream as the bytes of a ``.qlb`` file.

    Raises
    ------
    InputError
        A field is out of range, or payloads and items do not match.
    """
    _check(stream)
    lengths = stream.lengths.tolist()
    has_lengths = any(length != 1 for length in lengths)
    flags = _STANDALONE * stream.standalone | _LENGTHS * has_lengths
    flags |= STREAM_MODES.index(stream.mode) << _MODE_SHIFT
    fingerprint = bytes.fromhex(stream.fingerprint)
    parts = [_HEAD.pack(_MAGIC, _VERSION, flags, fingerprint, stream.lam), _number(len(lengths))]
    if has_lengths:
        parts += [_number(length) for length in lengths]
    parts += [_number(payload.num_bits) for payload in stream.payloads]
    parts += [payload.data for payload in stream.payloads]
    data = b"".join(parts)
    if max(len(lengths), stream.num_vectors) > _most_vectors(data):
        raise InputError(
            f"{stream.num_vectors} vectors of {len(lengths)} items are too many for the "
            f"{stream.payload_bits} bits that they take; write fewer at a time"
        )
    return data + _CRC.pack(zlib.crc32(data))


def unpack_stream(data: bytes) -> Stream:
    """Read the bytes of a ``.qlb`` file.

    Parameters
    ----------
    data : bytes
        A whole file.

    Returns
    -------
    Stream
        Its payloads still coded.

    Raises
    ------
    IntegrityError
        The bytes are no ``.qlb`` file, of an unknown version, cut, damaged, or followed by others.
    """
    if data[:4] != _MAGIC:
        raise IntegrityError("this is no quantlab bitstream: the first bytes are not those of .qlb")
    if len(data) < _HEAD.size + 1 + _CRC.size:
        raise IntegrityError(f"the bitstream is cut: {len(data)} bytes do not hold its header")
    _, version, flags, fingerprint, lam = _HEAD.unpack_from(data)
    if version != _VERSION:
        raise IntegrityError(
            f"the bitstream has format version {version}, this program reads {_VERSION}; "
            "use the version of quantlab that wrote it"
        )
    if zlib.crc32(data[: -_CRC.size]) != _CRC.unpack(data[-_CRC.size :])[0]:
        raise IntegrityError(
            "the checksum of the bitstream does not match: it is cut, damaged or has bytes after "
            "its end; get the file again"
        )
    mode = flags >> _MODE_SHIFT
    if mode >= len(STREAM_MODES) or not (math.isfinite(lam) and lam >= 0):
        raise IntegrityError(f"the bitstream has unknown flags {flags:#x} or a λ of {lam}")
    reader = _Reader(data[_HEAD.size : -_CRC.size])
    num_items = reader.number()
    limit = _most_vectors(data[: -_CRC.size])
    if num_items > limit:
        raise IntegrityError(f"the bitstream claims {num_items} items in {len(data)} bytes")
    standalone = bool(flags & _STANDALONE)
    lengths = _lengths(reader, num_items, has_lengths=bool(flags & _LENGTHS))
    if lengths.sum(dtype=np.float64) > limit:  # in integers the sum might wrap around
        raise IntegrityError(f"the bitstream claims over {limit} vectors in {len(data)} bytes")
    sizes = reader.numbers(num_items if standalone else 1)
    payloads = tuple(reader.payload(num_bits) for num_bits in sizes)
    reader.finish()
    return Stream(fingerprint.hex(), lam, STREAM_MODES[mode], lengths, payloads, standalone)


def _check(stream: Stream) -> None:
    if stream.mode not in STREAM_MODES:
        raise InputError(f"mode is {stream.mode!r}; it must be one of {', '.join(STREAM_MODES)}")
    if not (math.isfinite(stream.lam) and stream.lam >= 0):
        raise InputError(f"lam must be finite and >= 0, given {stream.lam}")
    if len(stream.fingerprint) != 64 or not set(stream.fingerprint) <= set("0123456789abcdef"):
        raise InputError(f"a fingerprint has 64 hexadecimal digits, given {stream.fingerprint!r}")
    lengths = stream.lengths
    if lengths.ndim != 1 or lengths.dtype.kind not in "ui" or (lengths < 0).any():
        raise InputError("item lengths must be whole numbers [N], 0 or more")
    expected = len(lengths) if stream.standalone else 1
    if len(stream.payloads) != expected:
        raise InputError(f"{len(stream.payloads)} payloads given for {expected}")
    if any(len(payload.data) != -(-payload.num_bits // 8) for payload in stream.payloads):
        raise InputError("a payload's bytes and bits do not match")


def _most_vectors(data: bytes) -> int:
    return _VECTORS_PER_BYTE * len(data)


def _lengths(reader: "_Reader", num_items: int, *, has_lengths: bool) -> np.ndarray:
    if not has_lengths:
        return np.ones(num_items, np.int64)
    lengths = np.array(reader.numbers(num_items), np.int64)
    if (lengths == 1).all():
        raise IntegrityError("the bitstream spells out lengths that are all one")
    return lengths


def _number(value: int) -> bytes:
    groups = bytearray()
    while value >= 0x80:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)


class _Reader:
    """Takes fields off a run of bytes and never reads past its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def number(self) -> int:
        value = 0
        for count in range(_NUMBER_BYTES):
            if self._place >= len(self._data):
                raise IntegrityError("the bitstream ends inside a number")
            byte = self._data[self._place]
            self._place += 1
            value |= (byte & 0x7F) << 7 * count
            if byte < 0x80:
                if byte == 0 and count:
                    break
                return value
        raise IntegrityError("the bitstream holds a number that is too long")

    def numbers(self, count: int) -> list[int]:
        if count > len(self._data) - self._place:
            raise IntegrityError(
                f"the bitstream claims {count} numbers in {len(self._data) - self._place} bytes"
            )
        return [self.number() for _ in range(count)]

    def payload(self, num_bits: int) -> Payload:
        end = self._place + -(-num_bits // 8)
        if end > len(self._data):
            raise IntegrityError(
                f"the bitstream claims a payload of {num_bits} bits, more than there are"
            )
        data = self._data[self._place : end]
        if num_bits % 8 and data[-1] & (1 << -num_bits % 8) - 1:
            raise IntegrityError("the padding of a payload is not zero")
        self._place = end
        return Payload(data, num_bits)

    def finish(self) -> None:
        if self._place != len(self._data):
            raise IntegrityError(f"{len(self._data) - self._place} bytes follow the last payload")
