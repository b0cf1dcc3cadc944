"""Commands on bitstreams: compress an embedding set with a codec, and decompress it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from quantlab.cli.options import Quiet, Run, say
from quantlab.errors import EXIT_OK, InputError, IntegrityError

if TYPE_CHECKING:
    import pandas as pd

    from quantlab.codebooks import Codec, CodedSymbols, Compressed
    from quantlab.embedders import EmbeddingSet

_ITEMS_PER_BLOCK = 64


def compress(
    run: Run,
    codec: Annotated[
        str, typer.Option(help="Recipe, emotion or codec folder.", show_default=False)
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write, .qlb.", show_default=False)
    ],
    lam: Annotated[
        float | None, typer.Option(help="Squared distance per bit, 0 or more.", show_default=False)
    ] = None,
    bits: Annotated[
        float | None,
        typer.Option(
            help="Mean bits per vector over the corpus, instead of λ.", show_default=False
        ),
    ] = None,
    max_bits: Annotated[
        float | None,
        typer.Option(help="Most bits per clip, instead of λ.", show_default=False),
    ] = None,
    standalone: Annotated[
        bool, typer.Option("--standalone", help="Let every clip be decoded by itself.")
    ] = False,
    quiet: Quiet = False,
) -> int:
    """Write an embedding set as a bitstream; its items table is written beside it."""
    from quantlab.codebooks import Codec
    from quantlab.embedders import open_sets
    from quantlab.sweep import RunFolder

    if [lam, bits, max_bits].count(None) != 2:
        raise InputError("give exactly one of --lam, --bits and --max-bits")
    for option, value in (("--bits", bits), ("--max-bits", max_bits)):
        if value is not None and not (np.isfinite(value) and value >= 0):
            raise InputError(f"{option} must be finite and >= 0, given {value}")
    if output.suffix != ".qlb" or output.is_dir():
        raise InputError(f"{output} is not the name of a .qlb file; choose another one")
    folder = RunFolder(run)
    embeddings = open_sets(folder.read_study().data.embeddings or folder.embeddings)
    place = folder.find_codec(codec)
    loaded = Codec.load(place)
    if lam is not None:
        coded = _compress_at(embeddings, loaded, lam, standalone=standalone, quiet=quiet)
    else:
        coded = _compress_to(embeddings, loaded, bits, max_bits, standalone=standalone)
    _write(output, coded, embeddings, loaded)
    _say_cost(coded, place.name, output)
    return EXIT_OK


def _compress_at(
    embeddings: "EmbeddingSet", codec: "Codec", lam: float, *, standalone: bool, quiet: bool
) -> "Compressed":
    """Choose symbols at one λ, by blocks of items, so that only the symbols are held."""
    from quantlab.codebooks import compress_symbols
    from quantlab.engine import Ticker

    mode, parts = codec.modes[0], []
    with Ticker("compress", embeddings.num_items, shown=not quiet) as ticker:
        for rows in _blocks(embeddings.num_items):
            encoded = codec.encode(embeddings.frames(rows).values, lam, mode=mode)
            lam = encoded.lam
            parts.append(encoded.symbols)
            ticker.advance(len(rows))
    return compress_symbols(
        codec,
        np.concatenate(parts),
        embeddings.offsets,
        lam=lam,
        mode=mode,
        standalone=standalone,
    )


def _compress_to(
    embeddings: "EmbeddingSet",
    codec: "Codec",
    bits: float | None,
    max_bits: float | None,
    *,
    standalone: bool,
) -> "Compressed":
    """Choose symbols for a mean rate of the corpus, or for a most of every clip."""
    from quantlab.codebooks import compress_symbols
    from quantlab.entropy import ENDING_BITS

    frames = embeddings.frames()
    paths = codec.paths(frames.values)
    if bits is not None:
        controlled = paths.for_mean_bits(bits)
        say(f"target {bits:g} bits per vector, reached {_mean(controlled.achieved):.4f}")
    else:
        # A payload of its own needs an ending, which must fit as well.
        room = float(max_bits or 0.0) - (ENDING_BITS if standalone else 0)
        controlled = paths.for_item_bits(room, frames.offsets)
        short = np.atleast_1d(controlled.shortfall_bits)
        over = int((short < 0).sum())
        say(
            f"at most {max_bits:g} bits per clip: {_mean(controlled.achieved):.2f} used on "
            f"average, shortfall {short.mean():.2f} on average, {short.max():.2f} at most"
        )
        if over:
            typer.echo(
                f"{over} clips need more than that even at their cheapest, up to "
                f"{-short.min():.2f} bits more",
                err=True,
            )
    found = np.atleast_1d(controlled.lam)
    return compress_symbols(
        codec,
        controlled.result.symbols,
        frames.offsets,
        lam=float(found[0]) if len(found) == 1 and np.isfinite(found[0]) else 0.0,
        mode="rate",
        standalone=standalone,
    )


def _mean(values: float | np.ndarray) -> float:
    return float(np.mean(values))


def _blocks(num_items: int) -> Iterator[np.ndarray]:
    for start in range(0, num_items, _ITEMS_PER_BLOCK):
        yield np.arange(start, min(start + _ITEMS_PER_BLOCK, num_items))


def _items_file(stream: Path) -> Path:
    return stream.with_suffix(".items.parquet")


def _write(output: Path, coded: "Compressed", embeddings: "EmbeddingSet", codec: "Codec") -> None:
    from quantlab.embedders import ITEM_SCHEMA
    from quantlab.store import sha256_bytes, write_bytes, write_table

    about = {key: value for key, value in embeddings.card.items() if key not in _OF_THE_FILES}
    about["codec_recipe"] = str(codec.card_.get("recipe", ""))
    metadata = {"stream": sha256_bytes(coded.data), "card": json.dumps(about, sort_keys=True)}
    items = embeddings.items.loc[:, list(ITEM_SCHEMA)]
    write_bytes(output, coded.data)
    write_table(_items_file(output), items, schema=ITEM_SCHEMA, metadata=metadata)


_OF_THE_FILES = ("shards", "provenance", "num_items", "num_frames", "num_dims", "format", "kind")


def _say_cost(coded: "Compressed", codec: str, output: Path) -> None:
    vectors = max(coded.num_vectors, 1)
    share = coded.overhead_bits / coded.code_length_bits if coded.code_length_bits else 0.0
    say(
        f"{coded.num_items} clips, {coded.num_vectors} vectors with codec {codec}: "
        f"{coded.payload_bits / vectors:.3f} payload bits per vector, "
        f"file {len(coded.data)} bytes: {output}"
    )
    say(
        f"payload {coded.payload_bits} bits, code length {coded.code_length_bits:.1f} bits, "
        f"overhead {coded.overhead_bits:.1f} bits ({100 * share:.4f} %)"
    )


def decompress(
    stream: Annotated[Path, typer.Argument(help="Bitstream, .qlb.", show_default=False)],
    codec: Annotated[
        Path, typer.Option(help="Folder of the codec that wrote it.", show_default=False)
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder to write.", show_default=False)
    ],
    quiet: Quiet = False,
) -> int:
    """Read a bitstream back into an embedding set, named by the items table beside it."""
    from quantlab.codebooks import Codec, read_symbols
    from quantlab.embedders import write_set
    from quantlab.engine import Ticker
    from quantlab.store import read_bytes

    if output.is_file() or (output.is_dir() and any(output.iterdir())):
        raise InputError(f"{output} exists and is not an empty folder; choose another one")
    loaded = Codec.load(codec)
    data = read_bytes(stream)
    coded = read_symbols(loaded, data)
    lengths = np.diff(coded.offsets)
    items, card = _items_of(stream, data, lengths)
    card["quantized"] = {
        "codec": loaded.fingerprint(),
        "recipe": str(loaded.card_.get("recipe", "")),
        "lam": coded.lam,
        "lam_raw": loaded.scaling_.lam_raw(coded.lam),
        "mode": coded.mode,
        "of": card.pop("fingerprint", ""),
    }
    # A folder that is there is whole: what an interruption left lies beside it and is begun anew.
    staging = output.with_name(f"{output.name}.partial")
    shutil.rmtree(staging, ignore_errors=True)
    with Ticker("decompress", len(lengths), shown=not quiet) as ticker:
        write_set(staging, items, _decoded(loaded, coded, ticker), card=card, dtype="float32")
    if output.is_dir():
        output.rmdir()
    staging.rename(output)
    say(f"{len(lengths)} clips, {coded.offsets[-1]} vectors at λ = {coded.lam:g}: {output}")
    return EXIT_OK


def _decoded(codec: "Codec", coded: "CodedSymbols", ticker: Any) -> Iterator[np.ndarray]:
    for rows in _blocks(len(coded.offsets) - 1):
        begin, end = coded.offsets[rows[0]], coded.offsets[rows[-1] + 1]
        vectors = codec.decode(coded.symbols[begin:end])
        yield from np.split(vectors, coded.offsets[rows[1:]] - begin)
        ticker.advance(len(rows))


def _items_of(
    stream: Path, data: bytes, lengths: np.ndarray
) -> tuple["pd.DataFrame", dict[str, Any]]:
    """Return the table and card of the items beside a stream, or numbered clips without labels."""
    import pandas as pd

    from quantlab.embedders import ITEM_SCHEMA
    from quantlab.store import read_table, sha256_bytes, table_metadata

    place = _items_file(stream)
    if not place.is_file():
        items = pd.DataFrame({"item": [f"clip-{row:06d}" for row in range(len(lengths))]})
        for name, kind in ITEM_SCHEMA.items():
            if name != "item":
                items[name] = "" if kind == "string" else np.nan if kind == "float64" else lengths
        level = "utterance" if (lengths == 1).all() else "frame"
        unknown = {"name": "unknown", "trained_on": []}
        return items, {"level": level, "licence": "", "embedder": unknown}
    metadata = table_metadata(place)
    if metadata.get("stream") != sha256_bytes(data):
        raise IntegrityError(
            f"{place} belongs to another stream than {stream}; put the right one there, or move it "
            "away to have the clips numbered"
        )
    items = read_table(place)
    if list(items.columns) != list(ITEM_SCHEMA) or items["num_frames"].tolist() != lengths.tolist():
        raise IntegrityError(f"{place} does not fit {stream}; compress again")
    return items, json.loads(metadata["card"])
