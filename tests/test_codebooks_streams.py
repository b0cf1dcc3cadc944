import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from quantlab.cli.app import app
from quantlab.codebooks import (
    Codec,
    CodecSettings,
    Quantizer,
    Scaling,
    compress,
    compress_symbols,
    decompress,
    read_symbols,
)
from quantlab.codebooks.parts import CodecParts
from quantlab.embedders import open_set
from quantlab.entropy import ConditionedPrior, FactorizedPrior
from quantlab.errors import ConfigError, InputError, IntegrityError
from quantlab.sweep import RunFolder
from tests.coding_priors import frequencies_of, whole_numbers
from tests.small_study import make_set, small_study

SMALL = {"quantizer": {"groups": 2, "stages": 2, "codes": 5}, "ladder": {"num": 6}}
OFFSETS = np.array([0, 1, 60, 60, 100])


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    return np.random.default_rng(7).normal(size=(300, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def codec(values: np.ndarray) -> Codec:
    return Codec(CodecSettings.parse(SMALL)).fit(values, rng=np.random.default_rng(0))


@pytest.mark.parametrize("standalone", [False, True])
@pytest.mark.parametrize("mode", ["path", "direct"])
def test_what_comes_back_is_what_quantizing_gives(
    codec: Codec, values: np.ndarray, mode: str, standalone: bool
) -> None:
    lam = codec.ladder_[2]
    coded = compress(codec, values[:100], OFFSETS, lam=lam, mode=mode, standalone=standalone)
    expected = codec.encode(values[:100], lam, mode=mode)
    back = decompress(codec, coded.data)
    assert np.array_equal(back.symbols, expected.symbols)
    assert np.array_equal(back.vectors, codec.decode(expected.symbols))
    assert back.vectors.dtype == np.float32
    assert back.offsets.tolist() == OFFSETS.tolist()
    assert (back.lam, back.mode) == (lam, mode)
    assert (coded.num_items, coded.num_vectors) == (4, 100)
    assert coded.code_length_bits == pytest.approx(expected.code_length_bits.sum())
    assert 0 <= coded.overhead_bits <= 2 * (3 if standalone else 1)
    assert coded.file_bits == 8 * len(coded.data) > coded.payload_bits


def test_every_utterance_costs_at_most_two_bits_more(codec: Codec, values: np.ndarray) -> None:
    symbols = codec.encode(values, 0.0).symbols
    for row, ideal in zip(symbols, codec.bits(symbols), strict=True):
        coded = compress_symbols(codec, row[None], np.array([0, 1]), lam=0.0)
        assert 0 <= coded.payload_bits - ideal <= 2


def test_nothing_to_code(codec: Codec) -> None:
    nothing = np.empty((0, codec.num_symbols), np.uint16)
    for standalone in (False, True):
        coded = compress_symbols(codec, nothing, np.array([0]), lam=0.0, standalone=standalone)
        assert coded.payload_bits == 0
        back = decompress(codec, coded.data)
        assert back.vectors.shape == (0, 4)
        assert back.offsets.tolist() == [0]


def test_memory_layout_does_not_matter(codec: Codec, values: np.ndarray) -> None:
    symbols = codec.encode(values, 0.0).symbols
    expected = compress_symbols(codec, symbols, np.array([0, 300]), lam=0.0).data
    for view in (np.asfortranarray(symbols), np.repeat(symbols, 2, axis=0)[::2]):
        assert compress_symbols(codec, view, np.array([0, 300]), lam=0.0).data == expected


@pytest.mark.parametrize(
    ("offsets", "message"),
    [([0, 99], "rise from 0"), ([1, 100], "rise from 0"), ([0, 60, 50, 100], "rise from 0"),
     ([0.0, 100.0], "whole numbers"), ([], "whole numbers"), ([[0, 100]], "whole numbers")],
)  # fmt: skip
def test_bad_offsets(codec: Codec, values: np.ndarray, offsets: list, message: str) -> None:
    symbols = codec.encode(values[:100], 0.0).symbols
    with pytest.raises(InputError, match=message):
        compress_symbols(codec, symbols, np.array(offsets), lam=0.0)


@pytest.mark.parametrize("lam", [-1.0, np.nan, np.inf])
def test_bad_lambda(codec: Codec, values: np.ndarray, lam: float) -> None:
    with pytest.raises(InputError, match="lam must be finite and >= 0"):
        compress(codec, values, np.array([0, 300]), lam=lam)


def codec_of_whole_numbers() -> Codec:
    """Make a codec whose every number is a fraction of a power of two, the same everywhere."""
    quantizer = {"groups": 2, "stages": 2, "codes": 3}
    codec = Codec(CodecSettings.parse({"quantizer": quantizer}))
    books = (whole_numbers(2 * 2 * 3 * 2, below=65, seed=5) - 32) / 8
    counts = 1 + whole_numbers(4 * 4, below=100, seed=6).reshape(4, 4)
    codec._parts = CodecParts(
        Scaling(np.array([1.0, -2.0, 0.5, 4.0], np.float32), 2.0),
        None,
        Quantizer(books.reshape(2, 2, 3, 2).astype(np.float32)),
        FactorizedPrior(frequencies_of(counts)),
        (0.0, 0.25, 1.0),
    )
    codec.card_ = {"settings": {"quantizer": quantizer}}
    return codec


@pytest.mark.parametrize("standalone", [False, True], ids=["corpus", "standalone"])
def test_golden_codec_and_stream(
    standalone: bool, golden: Callable[[str, bytes], bytes], tmp_path: Path
) -> None:
    """Codecs and streams of older versions are still read, and give the same vectors."""
    made = codec_of_whole_numbers()
    made.save(tmp_path / "made")
    for name in ("weights.safetensors", "card.json"):
        stored = golden(f"codec/{name}", (tmp_path / "made" / name).read_bytes())
        (tmp_path / name).write_bytes(stored)
    codec = Codec.load(tmp_path)
    assert codec.fingerprint() == made.fingerprint()
    symbols = whole_numbers(20 * 4, below=4, seed=8).reshape(20, 4)
    offsets = np.array([0, 3, 4, 20])
    data = compress_symbols(
        made, symbols, offsets, lam=0.25, mode="path", standalone=standalone
    ).data
    stored = golden(f"codec/{'standalone' if standalone else 'corpus'}.qlb", data)
    assert data == stored
    back = decompress(codec, stored)
    assert np.array_equal(back.symbols, symbols)
    assert (back.offsets.tolist(), back.lam, back.mode) == (offsets.tolist(), 0.25, "path")
    books = np.concatenate([made.quantizer_.codebooks, np.zeros((2, 2, 1, 2))], axis=2)
    first, second, third, fourth = symbols.T
    z = np.hstack(
        [books[0, 0, first] + books[0, 1, second], books[1, 0, third] + books[1, 1, fourth]]
    )
    assert np.array_equal(back.vectors, z * 2.0 + np.array([1.0, -2.0, 0.5, 4.0]))


class FloatPrior:
    kind = "network"

    def code_length_bits(self, symbols: np.ndarray) -> np.ndarray:
        return np.ones(len(symbols))


class StandIn:
    """A codec with another prior."""

    def __init__(self, codec: Codec, prior: object) -> None:
        self._codec, self.prior_ = codec, prior

    def prior_at(self, lam: float) -> object:
        return Codec.prior_at(self, lam)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> object:
        return getattr(self._codec, name)


def test_a_network_is_refused(codec: Codec, values: np.ndarray) -> None:
    other = StandIn(codec, FloatPrior())
    symbols = codec.encode(values, 0.0).symbols
    data = compress_symbols(codec, symbols, np.array([0, 300]), lam=0.0).data
    for use in (
        lambda: compress(other, values, np.array([0, 300]), lam=0.0),
        lambda: compress_symbols(other, symbols, np.array([0, 300]), lam=0.0),
        lambda: read_symbols(other, data),
    ):
        with pytest.raises(ConfigError, match="train the codec with prior factorized or pairwise"):
            use()


def test_a_prior_for_every_lambda(codec: Codec, values: np.ndarray) -> None:
    symbols = codec.encode(values, 0.0).symbols
    fitted = FactorizedPrior.fit(symbols, alphabet_size=6)
    uniform = FactorizedPrior.uniform(4, alphabet_size=6)
    tables = np.stack([uniform.frequencies, fitted.frequencies])
    other = StandIn(codec, ConditionedPrior(np.array([0.5, 2.0]), tables, fitted))
    sizes = {}
    for lam in (0.5, 2.0):
        coded = compress_symbols(other, symbols, np.array([0, 300]), lam=lam)
        assert np.array_equal(read_symbols(other, coded.data).symbols, symbols)
        sizes[lam] = coded.payload_bits
    assert sizes[0.5] == pytest.approx(1200 * np.log2(6), abs=3)
    assert sizes[2.0] == pytest.approx(fitted.code_length_bits(symbols).sum(), abs=3)


def test_decoding_needs_no_torch(codec: Codec, values: np.ndarray, tmp_path: Path) -> None:
    codec.save(tmp_path)
    symbols = codec.encode(values, 0.0).symbols
    data = compress_symbols(codec, symbols, np.array([0, 300]), lam=0.0).data
    (tmp_path / "x.qlb").write_bytes(data)
    code = f"""
import sys
from pathlib import Path
from quantlab.codebooks import Codec, decompress
place = Path({str(tmp_path)!r})
back = decompress(Codec.load(place), (place / "x.qlb").read_bytes())
assert "torch" not in sys.modules
sys.stdout.buffer.write(back.vectors.tobytes())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == codec.decode(symbols).tobytes()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    make_set(folder.embeddings, frames=4)
    folder.write_study(small_study())
    frames = open_set(folder.embeddings).frames()
    settings = CodecSettings.parse({"quantizer": {"stages": 3, "codes": 8}, "ladder": {"num": 9}})
    codec = Codec(settings).fit(frames.values, rng=np.random.default_rng(0))
    codec.save(folder.path / "codecs" / "biased-sad")
    return folder


def command(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(part) for part in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--lam", "0.05"], "payload bits per vector"),
        (["--lam", "0.05", "--standalone"], "120 clips, 480 vectors with codec biased-sad"),
        (["--bits", "4"], "target 4 bits per vector"),
        (["--max-bits", "16", "--standalone"], "at most 16 bits per clip"),
    ],
)
def test_compress_and_decompress(
    run: RunFolder, tmp_path: Path, options: list[str], said: str
) -> None:
    stream = tmp_path / "made.qlb"
    output = command("compress", run.path, "--codec", "sad", "-o", stream, *options)
    assert said in output
    assert "overhead" in output
    place = run.find_codec("sad")
    back = command("decompress", stream, "--codec", place, "-o", tmp_path / "set", "-q")
    assert "120 clips, 480 vectors" in back
    found, original = open_set(tmp_path / "set"), open_set(run.embeddings)
    assert found.items.equals(original.items)
    assert found.card["embedder"] == original.card["embedder"]
    codec = Codec.load(place)
    coded = decompress(codec, stream.read_bytes())
    assert np.array_equal(found.frames().values, coded.vectors)
    bits = codec.bits(coded.symbols)
    if "--lam" in options:
        assert found.card["quantized"]["lam"] == 0.05
        expected = codec.encode(original.frames().values, 0.05)
        assert np.array_equal(coded.symbols, expected.symbols)
    elif "--bits" in options:
        assert bits.mean() == pytest.approx(4, abs=0.2)
    else:
        assert (np.add.reduceat(bits, coded.offsets[:-1]) <= 14 + 1e-9).mean() > 0.9


def test_without_the_items_table_clips_are_numbered(run: RunFolder, tmp_path: Path) -> None:
    stream = tmp_path / "made.qlb"
    command("compress", run.path, "--codec", "sad", "-o", stream, "--lam", "0")
    table = tmp_path / "made.items.parquet"
    other = table.read_bytes()
    table.unlink()
    place = run.find_codec("sad")
    command("decompress", stream, "--codec", place, "-o", tmp_path / "set")
    items = open_set(tmp_path / "set").items
    assert items["item"].tolist()[:2] == ["clip-000000", "clip-000001"]
    command("compress", run.path, "--codec", "sad", "-o", stream, "--lam", "0.1")
    table.write_bytes(other)
    with pytest.raises(IntegrityError, match="belongs to another stream"):
        command("decompress", stream, "--codec", place, "-o", tmp_path / "again")
    with pytest.raises(InputError, match="not an empty folder"):
        command("decompress", stream, "--codec", place, "-o", tmp_path / "set")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "exactly one of"),
        (["--lam", "1", "--bits", "3"], "exactly one of"),
        (["--lam", "-1"], "finite and >= 0"),
        (["--bits", "nan"], "--bits must be finite and >= 0, given nan"),
        (["--max-bits", "-3"], "--max-bits must be finite and >= 0"),
        (["--lam", "1", "--codec", "nobody"], "no codec 'nobody'"),
        (["--lam", "1", "-o", "made.bin"], r"not the name of a \.qlb file"),
    ],
)
def test_bad_options(run: RunFolder, tmp_path: Path, options: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        command("compress", run.path, "--codec", "sad", "-o", tmp_path / "made.qlb", *options)
