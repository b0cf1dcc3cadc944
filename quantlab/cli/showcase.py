"""The command that writes a page of sounds over λ and codecs, to be opened without a server."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quantlab.cli.options import Device, Quiet, Seed, codecs_of, say
from quantlab.errors import EXIT_OK, InputError, QuantlabError

if TYPE_CHECKING:
    from quantlab.codebooks import Codec
    from quantlab.corpora import Manifest
    from quantlab.synthesis import ListeningSounds

_LISTENED = "listening.json"


def showcase(
    run: Annotated[
        Path,
        typer.Argument(
            help="A run of codecs, or a folder that `quantlab listen` made.", show_default=False
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the page.", show_default=False)
    ],
    codec: Annotated[
        list[str] | None,
        typer.Option(
            help="Codec of the run by its folder's name; repeatable. By default the balanced one, "
            "and those biased to the targets given.",
            show_default=False,
        ),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(help="Emotion to convert to; repeatable. By default all.", show_default=False),
    ] = None,
    clips: Annotated[
        int | None, typer.Option(min=1, help="Clips to convert. By default 3.", show_default=False)
    ] = None,
    lams: Annotated[
        int | None,
        typer.Option(
            min=1, help="How many λ of each codec's ladder. By default 4.", show_default=False
        ),
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(help="Manifest of the clips; by default one beside the run."),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="Folder of the decoder's model; by default the one the codecs name."),
    ] = None,
    device: Device = "auto",
    seed: Seed = 0,
    quiet: Quiet = False,
) -> int:
    """Write a static page of sounds over λ and codecs that opens without a server."""
    from quantlab.engine import Counter
    from quantlab.figures import counted
    from quantlab.store import lock
    from quantlab.synthesis import ListeningSounds, check_site, write_showcase

    site, listened = check_site(output), (run / _LISTENED).is_file()
    if listened and (codec or target or clips or lams or manifest or model):
        raise InputError(
            f"{run} holds sounds already, so --codec, --target, --clips, --lams, --manifest and "
            "--model have nothing to choose; leave them out, or give a run of codecs"
        )
    named = {} if listened else _named(run, codec or [], target or [])
    decoder = None if listened else _model(run, model, named)
    with lock(site / ".lock"):
        if decoder is None:
            sounds, told = ListeningSounds.open(run), _listened(run)
        else:
            asked = {"num_clips": clips, "targets": target, "num_lams": lams, "seed": seed}
            chosen = {key: value for key, value in asked.items() if value is not None}
            sounds, told = _recorded(
                run, site, named, decoder, manifest, chosen, device=device, quiet=quiet
            )
        with Counter("page", shown=not quiet) as counter:
            page = write_showcase(
                sounds,
                site,
                title=run.resolve().name,
                lead=_lead(sounds),
                origin=[*told, ("Command", _command())],
                progress=counter,
            )
    say(f"{counted(len(sounds.sources), 'clip')}: {page}")
    return EXIT_OK


def _command() -> str:
    """Return the command as it was typed, without the folders of this machine: pages are shared."""
    return shlex.join(["quantlab", *(Path(word).name or word for word in sys.argv[1:])])


def _recorded(
    run: Path,
    site: Path,
    codecs: "Mapping[str, Codec]",
    model: Path,
    manifest: Path | None,
    chosen: Mapping[str, Any],
    *,
    device: str,
    quiet: bool,
) -> "tuple[ListeningSounds, list[tuple[str, str]]]":
    """Make the sounds of a run of codecs; return them and where they come from."""
    from quantlab.engine import Counter
    from quantlab.synthesis import ShowcaseSettings, get_decoder, get_vocoder, record_showcase

    decoder = get_decoder("stylevc", {"directory": str(model), "device": device})
    card = decoder.card()
    found = _manifest(run, manifest, {str(one.get("corpus")) for one in card.get("trained_on", [])})
    with Counter("sounds", shown=not quiet) as counter:
        sounds = record_showcase(
            found,
            site,
            decoder=decoder,
            vocoder=get_vocoder("griffin_lim"),
            codecs=codecs,
            settings=ShowcaseSettings.parse(dict(chosen), where="options of showcase"),
            progress=counter,
        )
    licences = {name: str(one.card_.get("licence") or "") for name, one in codecs.items()}
    return sounds, _origin(card, "griffin_lim", licences)


def _listened(folder: Path) -> list[tuple[str, str]]:
    """Return where the sounds of a listening loop come from."""
    from quantlab.store import read_json

    card = read_json(folder / _LISTENED)
    licences = {name: str(one.get("licence") or "") for name, one in card["codecs"].items()}
    return _origin(card["decoder"], str(card["vocoder"]["name"]), licences)


def _origin(
    decoder: Mapping[str, Any], vocoder: str, codecs: Mapping[str, str]
) -> list[tuple[str, str]]:
    rows = [
        ("Decoder", f"{decoder['name']} {decoder.get('model', '')}".strip()),
        ("Weights", str(decoder.get("weights_sha256", ""))),
        ("Licence", str(decoder.get("licence", ""))),
        ("Vocoder", vocoder),
        ("Codecs", "; ".join(f"{name} ({text or 'not stated'})" for name, text in codecs.items())),
    ]
    return [(term, text) for term, text in rows if text]


def _lead(sounds: "ListeningSounds") -> str:
    from quantlab.figures import counted

    return (
        f"{counted(len(sounds.sources), 'clip')}, said again with the emotion of a reference. The "
        "conversion takes the reference's emotion vector as it is; the last sound takes what a "
        "codebook left of it. The reconstruction, decoded with the clip's own emotion, shows what "
        "the decoder alone changes."
    )


def _named(run: Path, names: Sequence[str], targets: Sequence[str]) -> "dict[str, Codec]":
    """Return the codecs of a run that are heard."""
    if not any((run / "codecs").glob("*/card.json")):
        raise InputError(
            f"{run} holds neither codecs nor sounds; give the folder of a sweep, or one that "
            "`quantlab listen` made"
        )
    found = codecs_of([run])
    wanted = list(names) or [
        name for name in found if name in ("balanced", *(f"biased-{one}" for one in targets))
    ]
    if missing := [name for name in wanted if name not in found]:
        raise InputError(
            f"{run} has no codec {', '.join(missing)}; there are {', '.join(sorted(found))}"
        )
    return {name: found[name] for name in wanted or sorted(found)[:1]}


def _model(run: Path, given: Path | None, codecs: "Mapping[str, Codec]") -> Path:
    from quantlab.synthesis import model_of, stylevc_models

    if given is not None:
        return given
    first = next(iter(codecs.values()))
    folders = [run.resolve().parent, "runs", "checkpoints"]
    return model_of(first.card_.get("embedder") or {}, stylevc_models(folders))


def _manifest(run: Path, given: Path | None, corpora: set[str]) -> "Manifest":
    """Return the clips of a file given, or of one beside the run whose corpus the decoder met."""
    from quantlab.corpora import Manifest, manifest_files

    if given is not None:
        return Manifest.load(given)
    for folder in dict.fromkeys((run.resolve().parent, Path("runs").resolve())):
        for path in manifest_files(folder):
            try:
                found = Manifest.load(path)
            except QuantlabError:
                continue
            if corpora & set(found.items["corpus"].astype(str)):
                return found
    raise InputError(
        f"no clips of {', '.join(sorted(corpora)) or 'a corpus'} are known here; type `quantlab "
        "index FOLDER -o runs/NAME.parquet` with the folder of the corpus, or give --manifest"
    )
