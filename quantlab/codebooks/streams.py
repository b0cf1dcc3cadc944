"""Vectors to ``.qlb`` bitstreams and back: what `quantlab.entropy` codes, tied to a codec.

Letters: ``N`` items, ``T`` vectors of an item, ``D`` dimensions, ``S`` symbols per vector. Names
and labels of the items are not in a stream. Nothing here needs torch.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from quantlab.codebooks.codec import Codec
from quantlab.codebooks.results import Mode
from quantlab.entropy import (
    CodingPrior,
    Stream,
    decode_symbols,
    encode_symbols,
    pack_stream,
    unpack_stream,
)
from quantlab.errors import ConfigError, InputError, IntegrityError


@dataclass(frozen=True, eq=False)
class Compressed:
    """A bitstream and what it costs.

    Attributes
    ----------
    data : bytes
        The content of a ``.qlb`` file.
    num_items, num_vectors : int
        What is in it.
    payload_bits : int
        Bits of the coded symbols, before padding to bytes.
    code_length_bits : float
        Σ −log2 p of the symbols under the codec's prior.
    """

    data: bytes
    num_items: int
    num_vectors: int
    payload_bits: int
    code_length_bits: float

    @property
    def file_bits(self) -> int:
        """Bits of the file: payload, header, lengths, padding and checksum."""
        return 8 * len(self.data)

    @property
    def overhead_bits(self) -> float:
        """Payload bits beyond the code length."""
        return self.payload_bits - self.code_length_bits


@dataclass(frozen=True, eq=False)
class CodedSymbols:
    """The symbols of a bitstream.

    Attributes
    ----------
    symbols : np.ndarray [shape=(ΣT, S), dtype=uint16]
        Indices 0 … K, K being SKIP.
    offsets : np.ndarray [shape=(N + 1,), dtype=int64]
        Item n owns rows ``offsets[n]`` to ``offsets[n + 1]``.
    lam : float
        Squared distance in z per bit.
    mode : str
        How the symbols were chosen: ``direct``, ``path`` or ``rate``.
    """

    symbols: np.ndarray
    offsets: np.ndarray
    lam: float
    mode: str


@dataclass(frozen=True, eq=False)
class Decompressed(CodedSymbols):
    """The symbols of a bitstream with the vectors that they stand for.

    Attributes
    ----------
    vectors : np.ndarray [shape=(ΣT, D), dtype=float32]
        Quantized feature vectors.
    """

    vectors: np.ndarray


def compress(
    codec: Codec,
    values: np.ndarray,
    offsets: np.ndarray,
    *,
    lam: float,
    mode: Mode | None = None,
    standalone: bool = False,
) -> Compressed:
    """Quantize vectors at one λ and code their symbols.

    Parameters
    ----------
    codec : Codec
        Fitted, with a prior in integers (``factorized`` or ``pairwise``).
    values : np.ndarray [shape=(ΣT, D)]
        Feature vectors, item after item.
    offsets : np.ndarray [shape=(N + 1,)]
        Where the items begin in `values`, and the end.
    lam : float
        Squared distance in z per bit, finite and ≥ 0.
    mode : {"path", "direct"}, optional
        How the codec chooses symbols; see `Codec.encode`.
    standalone : bool
        Whether every item gets a payload of its own, to be decoded by itself, instead of one for
        all.

    Returns
    -------
    Compressed
        The bytes and their cost.

    Raises
    ------
    ConfigError
        The codec's prior is a float network, which cannot promise equal bits elsewhere.
    InputError
        Shapes do not fit, values are not finite, or λ is out of range.
    """
    _coding_prior(codec, lam)
    encoded = codec.encode(values, lam, mode=mode)
    return compress_symbols(
        codec, encoded.symbols, offsets, lam=encoded.lam, mode=encoded.mode, standalone=standalone
    )


def compress_symbols(
    codec: Codec,
    symbols: np.ndarray,
    offsets: np.ndarray,
    *,
    lam: float,
    mode: str = "rate",
    standalone: bool = False,
) -> Compressed:
    """Code symbols ``[ΣT, S]`` that were chosen before; all else as `compress`.

    `mode` says how they were chosen: ``path``, ``direct``, or ``rate`` for rate control.
    """
    prior = _coding_prior(codec, lam)
    places = np.asarray(offsets)
    if places.ndim != 1 or len(places) == 0 or places.dtype.kind not in "ui":
        raise InputError("offsets must be whole numbers [N + 1], starting at 0")
    lengths = np.diff(places.astype(np.int64))
    if places[0] != 0 or (lengths < 0).any() or places[-1] != len(symbols):
        raise InputError(f"offsets must rise from 0 to the number of vectors, {len(symbols)}")
    ends = places.tolist() if standalone else [0, len(symbols)]
    payloads = tuple(
        encode_symbols(prior, symbols[begin:end]) for begin, end in itertools.pairwise(ends)
    )
    stream = Stream(codec.fingerprint(), float(lam), mode, lengths, payloads, standalone)
    bits = float(prior.code_length_bits(symbols).sum())
    return Compressed(pack_stream(stream), len(lengths), len(symbols), stream.payload_bits, bits)


def read_symbols(codec: Codec, data: bytes) -> CodedSymbols:
    """Read the symbols of a ``.qlb`` file that was written with `codec`.

    Raises
    ------
    ConfigError
        The codec's prior is a float network.
    IntegrityError
        The bytes are damaged, or of another codec.
    """
    stream = unpack_stream(data)
    if stream.fingerprint != codec.fingerprint():
        raise IntegrityError(
            f"the bitstream was written with codec {stream.fingerprint[:12]}, given is "
            f"{codec.fingerprint()[:12]}; take the codec that wrote it"
        )
    prior = _coding_prior(codec, stream.lam)
    lengths = stream.lengths if stream.standalone else stream.lengths.sum(keepdims=True)
    parts = [np.empty((0, prior.num_positions), np.uint16)]
    for payload, length in zip(stream.payloads, lengths.tolist(), strict=True):
        parts.append(decode_symbols(prior, payload.data, length))
    offsets = np.concatenate([[0], np.cumsum(stream.lengths)]).astype(np.int64)
    return CodedSymbols(np.concatenate(parts), offsets, stream.lam, stream.mode)


def decompress(codec: Codec, data: bytes) -> Decompressed:
    """Read a ``.qlb`` file and decode its vectors; errors as `read_symbols`."""
    coded = read_symbols(codec, data)
    vectors = codec.decode(coded.symbols)
    return Decompressed(coded.symbols, coded.offsets, coded.lam, coded.mode, vectors)


def _coding_prior(codec: Codec, lam: float) -> CodingPrior:
    prior = codec.prior_at(lam)
    if not isinstance(prior, CodingPrior):
        raise ConfigError(
            f"a {prior.kind} prior computes in floating point, and bits from one machine would "
            "not decode on another; train the codec with prior factorized or pairwise"
        )
    return prior
