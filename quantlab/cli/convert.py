"""Commands that make speech: convert clips to another emotion, and listen to what comes out."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from quantlab.cli.options import Device, Quiet, Seed, codecs_of, say, skipped_code
from quantlab.errors import EXIT_OK, InputError

if TYPE_CHECKING:
    from quantlab.synthesis import Decoder, Listener

Model = Annotated[
    Path, typer.Option(help="Folder of the decoder's trained model.", show_default=False)
]
DecoderName = Annotated[str, typer.Option("--decoder", help="Decoder by name.")]
VocoderName = Annotated[str, typer.Option("--vocoder", help="Vocoder by name.")]
DecoderEmbedder = Annotated[
    str,
    typer.Option(
        "--embedder", help="Whose vectors the model takes, where its card does not name it."
    ),
]
EmbedderModel = Annotated[
    str, typer.Option(help="Folder of that embedder's weights, where it has some.")
]


def convert(
    sources: Annotated[
        list[Path], typer.Argument(help="Audio files to convert.", show_default=False)
    ],
    model: Model,
    emotion: Annotated[
        Path,
        typer.Option(
            help="The emotion: an audio file, a vector (.npy, .npz) or a quantized reference.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help=".wav file, or a folder for several.", show_default=False
        ),
    ],
    clip_id: Annotated[
        str, typer.Option(help="Which clip of a reference that holds several.")
    ] = "",
    speaker: Annotated[
        Path | None, typer.Option(help="Audio file of another speaker.", show_default=False)
    ] = None,
    codec: Annotated[
        Path | None,
        typer.Option(help="Quantize the emotion clip with this codec.", show_default=False),
    ] = None,
    lam: Annotated[
        float | None,
        typer.Option(help="At this squared distance per bit, 0 or more.", show_default=False),
    ] = None,
    decoder: DecoderName = "stylevc",
    vocoder: VocoderName = "griffin_lim",
    embedder: DecoderEmbedder = "",
    embedder_model: EmbedderModel = "",
    device: Device = "auto",
    seed: Seed = 0,
) -> int:
    """Say what clips say in another emotion, or as another speaker."""
    import numpy as np

    from quantlab.audio import read_clip
    from quantlab.codebooks import Codec
    from quantlab.synthesis import convert as convert_clip
    from quantlab.synthesis import emotion_vector, get_vocoder, read_emotion, write_conversion

    places = _outputs(sources, output)
    made = _decoder(decoder, model, device, embedder, embedder_model)
    voice = get_vocoder(vocoder)
    found = emotion_vector(
        read_emotion(emotion),
        made,
        clip_id=clip_id,
        codec=None if codec is None else Codec.load(codec),
        lam=lam,
    )
    third = None if speaker is None else read_clip(speaker)
    clips = [read_clip(path) for path in sources]
    for clip, place in zip(clips, places, strict=True):
        done = convert_clip(
            clip,
            decoder=made,
            vocoder=voice,
            emotion=found,
            speaker=third,
            rng=np.random.default_rng([seed, int(clip.sha256[:15], 16)]),
        )
        write_conversion(place, done, seed=seed, command=_command())
        say(f"{place}: {len(done.samples) / done.sample_rate:.2f} s, {_level(done.card.level_db)}")
    licence = str(made.card().get("licence", ""))
    if licence:
        say(f"licence of the model, which what is made with it carries: {licence}")
    return EXIT_OK


def _level(level_db: float) -> str:
    if level_db < -0.05:
        return f"{-level_db:.1f} dB below the source, so that nothing is clipped"
    return "as loud as the source"


def _outputs(sources: list[Path], output: Path) -> list[Path]:
    """Return where each conversion goes; refuse what would be lost or overwritten."""
    from quantlab.synthesis import checked_output

    if len(sources) == 1 and not output.is_dir():
        places = [checked_output(output)]
    elif output.is_file() or output.suffix.lower() in (".wav", ".flac"):
        raise InputError(f"{len(sources)} sources need a folder, given {output}")
    else:
        places = [output / f"{path.stem}.wav" for path in sources]
    twice = {place.name for place in places if places.count(place) > 1}
    if twice:
        raise InputError(f"several sources are called {', '.join(sorted(twice))}; rename them")
    for place in places:
        if place.resolve() in [path.resolve() for path in sources]:
            raise InputError(f"{place} is a source; choose another name or folder")
    return places


def _decoder(
    name: str, model: Path, device: str, embedder: str = "", embedder_model: str = ""
) -> "Decoder":
    from quantlab.synthesis import get_decoder

    settings = {"directory": str(model), "device": device}
    asked = {"embedder": embedder, "embedder_directory": embedder_model}
    return get_decoder(name, settings | {key: value for key, value in asked.items() if value})


def _command() -> str:
    return shlex.join(["quantlab", *sys.argv[1:]])


def listen(
    manifest: Annotated[Path, typer.Argument(help="Manifest of the clips.", show_default=False)],
    model: Model,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder to make.", show_default=False)
    ],
    codec: Annotated[
        list[Path] | None,
        typer.Option(
            help="Codec folder, or a run folder for all its codecs; repeatable.",
            show_default=False,
        ),
    ] = None,
    lam: Annotated[
        list[float] | None,
        typer.Option(
            help="Squared distance per bit; repeatable. By default some of each codec's ladder.",
            show_default=False,
        ),
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option(help="Emotion of the sources; repeatable, or all.")
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(help="Emotion to convert to; repeatable. By default all.", show_default=False),
    ] = None,
    texts: Annotated[
        int, typer.Option(min=2, help="Sentences of sources and references; others are for probes.")
    ] = 4,
    sentences: Annotated[
        Literal["unseen", "all"],
        typer.Option(help="Sentences that the decoder was not trained on, or all."),
    ] = "unseen",
    references: Annotated[
        Literal["same", "other"],
        typer.Option(help="Whose emotion: the source's speaker's, or another's."),
    ] = "same",
    listener: Annotated[
        list[str] | None,
        typer.Option(
            help="Who listens: own (the decoder's encoders) or an embedder; repeatable. By "
            "default own and functionals.",
            show_default=False,
        ),
    ] = None,
    probe: Annotated[
        Literal["logistic", "mlp", "wide_mlp"], typer.Option(help="What a listener is asked with.")
    ] = "logistic",
    decoder: DecoderName = "stylevc",
    vocoder: VocoderName = "griffin_lim",
    embedder: DecoderEmbedder = "",
    embedder_model: EmbedderModel = "",
    device: Device = "auto",
    seed: Seed = 0,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the sounds of all sources, not of the first only.")
    ] = False,
    png: Annotated[bool, typer.Option("--png", help="Write the figures as PNG, too.")] = False,
    quiet: Quiet = False,
) -> int:
    """Convert a corpus over codecs and λ, and ask which emotion and speaker are heard."""
    from quantlab.corpora import Manifest
    from quantlab.engine import Counter
    from quantlab.store import lock
    from quantlab.synthesis import (
        ListeningSettings,
        get_vocoder,
        listening_loop,
        write_listening_report,
    )

    emotions = source or ["neutral"]
    settings = ListeningSettings.parse(
        {
            "source_emotions": () if emotions == ["all"] else emotions,
            "targets": target or (),
            "num_texts": texts,
            "sentences": sentences,
            "reference_speaker": references,
            "lams": lam or (),
            "probe": probe,
            "seed": seed,
        },
        where="listen",
    )
    made = _decoder(decoder, model, device, embedder, embedder_model)
    clips = Manifest.load(manifest)
    with lock(output / ".lock"), Counter("listen", shown=not quiet) as counter:
        done = listening_loop(
            clips,
            output,
            decoder=made,
            vocoder=get_vocoder(vocoder),
            listeners=_listeners(listener or ["own", "functionals"], made),
            codecs=codecs_of(codec or []),
            settings=settings,
            keep=keep,
            about={"command": _command(), "corpora": sorted(set(clips.items["corpus"]) - {""})},
            progress=counter,
        )
        report = write_listening_report(output, png=png)
    _say_effect(done.summary)
    say(f"{done.rows['source'].nunique()} sources, {len(done.rows)} rows: {report}")
    return skipped_code(done.skipped["error"].tolist(), output / "skipped.csv")


def _say_effect(summary) -> None:
    """Say what conversion does to the posterior of the target, by listener and target."""
    rows = summary[summary["method"].isin(["reconstruction", "conversion"])]
    rows = rows[rows["metric"] == "posterior"]
    for (name, target), part in rows.groupby(["listener", "target"], sort=False):
        found = {row["method"]: row for row in part.to_dict("records")}
        before, after = found["reconstruction"], found["conversion"]
        say(
            f"{name}: {target} is heard with {before['value']:.2f} before and "
            f"{after['value']:.2f} ({after['low']:.2f} to {after['high']:.2f}) after conversion"
        )


def _listeners(names: list[str], decoder: "Decoder") -> "list[Listener]":
    from quantlab.embedders import get_embedder
    from quantlab.synthesis import DecoderListener, EmbedderListener

    found: list[Listener] = [
        DecoderListener(decoder) if name == "own" else EmbedderListener(get_embedder(name))
        for name in dict.fromkeys(names)
    ]
    # A decoder that takes the vectors of functionals hears by them already.
    return list({listener.name: listener for listener in reversed(found)}.values())[::-1]
