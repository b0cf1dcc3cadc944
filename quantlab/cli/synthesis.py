"""Commands towards sound: quantized references of clips."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from quantlab.cli.data import embedder_settings
from quantlab.cli.options import say
from quantlab.errors import EXIT_OK, InputError


def reference(
    clips: Annotated[list[Path], typer.Argument(help="Audio files.", show_default=False)],
    codec: Annotated[Path, typer.Option(help="Codec folder.", show_default=False)],
    lam: Annotated[
        float, typer.Option(help="Squared distance per bit, 0 or more.", show_default=False)
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help=".npz file, or a folder for npy.", show_default=False),
    ],
    form: Annotated[
        Literal["npz", "npy"],
        typer.Option("--format", help="One file for all clips, or one .npy file per clip."),
    ] = "npz",
    mean: Annotated[
        bool, typer.Option("--mean", help="Average the quantized frames of a clip.")
    ] = False,
    embedder: Annotated[
        str, typer.Option(help="Embedder by name; by default the one of the codec's card.")
    ] = "",
    level: Annotated[
        Literal["", "utterance", "frame"],
        typer.Option(help="By default that of the codec's card, or else utterance."),
    ] = "",
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="Setting of the embedder, model=plus_large; repeatable."),
    ] = None,
    model: Annotated[str, typer.Option(help="Folder of the embedder's weights.")] = "",
    download: Annotated[
        bool, typer.Option("--download", help="Fetch published weights when they are not there.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "",
) -> int:
    """Quantize the emotion vectors of clips: what a synthesizer takes as its reference."""
    from quantlab.audio import read_clip
    from quantlab.codebooks import Codec
    from quantlab.embedders import get_embedder
    from quantlab.synthesis import (
        embedder_of,
        quantize_reference,
        write_reference,
        write_reference_arrays,
    )

    _check_output(output, form)
    loaded = Codec.load(codec)
    name, settings = (embedder, {}) if embedder else embedder_of(loaded)
    made = get_embedder(name, settings | embedder_settings(setting, model, download, device))
    trained_level = str(loaded.card_.get("level") or "utterance")
    read = [read_clip(path) for path in clips]
    silent = [str(path) for path, clip in zip(clips, read, strict=True) if clip.flags.silent]
    if silent:
        raise InputError(f"{', '.join(silent)} is silent; a reference needs speech")
    done = quantize_reference(
        read,
        made,
        loaded,
        lam=lam,
        ids=[path.stem for path in clips],
        level=level or ("frame" if trained_level == "frame" else "utterance"),
        mean=mean,
    )
    if form == "npz":
        write_reference(output, done)
    else:
        write_reference_arrays(output, done)
    for clip in done.card.clips:
        say(
            f"{clip.id}: {clip.rate_bits:.2f} bits, cosine {clip.cos_raw:.3f}, "
            f"centred {clip.cos_centred:.3f}"
        )
    say(
        f"{len(clips)} clips with codec {codec.name} at λ = {done.card.lam:g}: "
        f"{done.card.bits_per_vector:.2f} bits per vector (code length): {output}"
    )
    return EXIT_OK


def _check_output(output: Path, form: str) -> None:
    if form == "npz" and (output.suffix != ".npz" or output.is_dir()):
        raise InputError(f"{output} is not the name of an .npz file; choose another one")
    if form == "npy" and (output.is_file() or (output.is_dir() and any(output.iterdir()))):
        raise InputError(f"{output} exists and is not an empty folder; choose another one")
