"""Commands on data: index a corpus, embed it or import its features, quantize an embedding set."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from quantlab.cli.options import Engine, Quiet, Run, Workers, processes, say, skipped_code
from quantlab.errors import EXIT_OK, EXIT_PARTLY_DONE, InputError

if TYPE_CHECKING:
    import pandas as pd

    from quantlab.corpora import Manifest
    from quantlab.embedders import Embedder
    from quantlab.sweep import RunFolder, StudySettings


_PRIOR_VECTORS = 50_000


def index(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of a corpus, or a table.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Manifest to write.", show_default=False)
    ] = None,
    reader: Annotated[
        str, typer.Option(help="Corpus reader; auto recognises the layout.")
    ] = "auto",
    listing: Annotated[
        bool, typer.Option("--list", help="List the corpora that are understood, and stop.")
    ] = False,
    label: Annotated[
        list[str] | None,
        typer.Option(help="What a word of the corpus stands for, rage=angry; repeatable."),
    ] = None,
    merge: Annotated[
        list[str] | None,
        typer.Option(help="Count emotions as one, excited-happy for instance; repeatable."),
    ] = None,
    skip_unknown: Annotated[
        bool, typer.Option("--skip-unknown", help="Leave out clips of unknown emotions.")
    ] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Hash unchanged files again.")] = False,
    quiet: Quiet = False,
) -> int:
    """Turn a folder of clips into a manifest: one row per clip with its labels."""
    from quantlab.corpora import Manifest, describe_readers, index_corpus
    from quantlab.engine import Counter
    from quantlab.store import write_csv

    if listing:
        _show_readers(describe_readers())
        return EXIT_OK
    if folder is None or output is None:
        raise InputError("give the folder of a corpus and -o MANIFEST, or --list")
    previous = Manifest.load(output) if output.is_file() else None
    with Counter("index", shown=not quiet) as counter:
        indexed = index_corpus(
            folder,
            corpus=reader,
            verify=verify,
            previous=previous,
            labels=_pairs(label, "--label", "rage=angry"),
            merges=merge or (),
            unknown_emotions="skip" if skip_unknown else "error",
            progress=counter,
        )
    indexed.manifest.save(output)
    for note in indexed.notes:
        typer.echo(f"note: {note}", err=True)
    items = indexed.manifest.items
    say(
        f"{len(items)} clips, {items['duration_s'].sum() / 3600:.2f} h, "
        f"{len(indexed.manifest.speakers)} speakers, {len(indexed.manifest.emotions)} emotions: "
        f"{output}"
    )
    if len(indexed.skipped):
        skipped = output.with_suffix(".skipped.csv")
        write_csv(skipped, indexed.skipped)
        typer.echo(f"{len(indexed.skipped)} clips were skipped; reasons in {skipped}", err=True)
        return EXIT_PARTLY_DONE
    return EXIT_OK


def _show_readers(readers: "pd.DataFrame") -> None:
    for row in readers.to_dict("records"):
        say(f"{row['reader']:<11} {row['description']} ({row['languages']}; {row['licence']})")
        say(f"{'':<11} recognised by {row['looks_for']}")


def _pairs(texts: list[str] | None, option: str, example: str) -> dict[str, str]:
    pairs = {}
    for text in texts or ():
        key, separator, value = text.partition("=")
        if not (separator and key.strip() and value.strip()):
            raise InputError(f"{option} takes two words such as {example}, given {text!r}")
        pairs[key.strip()] = value.strip()
    return pairs


def embed(
    manifests: Annotated[
        list[Path],
        typer.Argument(help="Manifest; several make one run of several corpora."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Run folder to make.", show_default=False)
    ],
    embedder: Annotated[str, typer.Option(help="Embedder by name.")] = "functionals",
    level: Annotated[
        Literal["utterance", "frame"], typer.Option(help="One vector per clip, or 50 Hz frames.")
    ] = "utterance",
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="Setting of the embedder, model=plus_large; repeatable."),
    ] = None,
    model: Annotated[str, typer.Option(help="Folder of the embedder's weights.")] = "",
    download: Annotated[
        bool, typer.Option("--download", help="Fetch published weights when they are not there.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "",
    licence: Annotated[
        str, typer.Option(help="Licence of the corpus, kept in every card derived from it.")
    ] = "",
    source: Annotated[
        str, typer.Option(help="Where the corpus comes from, kept in every card.")
    ] = "",
    keep_silent: Annotated[
        bool, typer.Option("--keep-silent", help="Embed silent clips, too.")
    ] = False,
    unseen: Annotated[
        bool, typer.Option("--unseen", help="Leave out the clips the embedder was trained on.")
    ] = False,
    max_duration_s: Annotated[
        float, typer.Option(min=0.1, help="Skip clips that are longer, in seconds.")
    ] = 600.0,
    verify: Annotated[bool, typer.Option("--verify", help="Hash unchanged files again.")] = False,
    workers: Workers = 0,
    engine: Engine = "local",
    quiet: Quiet = False,
) -> int:
    """Embed the clips of manifests into a run folder; finished clips are kept when interrupted."""
    import pandas as pd

    from quantlab.corpora import Manifest
    from quantlab.embedders import embed_manifest, get_embedder, open_sets
    from quantlab.store import write_csv
    from quantlab.sweep import RunFolder

    run = RunFolder(output)
    settings = embedder_settings(setting, model, download, device)
    made = get_embedder(embedder, settings)
    data = {
        "embedder": embedder,
        "embedder_settings": settings,
        "level": level,
        "licence": licence,
    }
    study = _study_of(run, data)
    skipped = []
    for path, place in zip(manifests, _places(run, manifests), strict=True):
        embedded = embed_manifest(
            _unseen(Manifest.load(path), made) if unseen else Manifest.load(path),
            made,
            place,
            level=level,
            workers=processes(workers),
            engine=engine,
            licence=licence,
            source=source,
            keep_silent=keep_silent,
            max_duration_s=max_duration_s,
            verify=verify,
            progress=not quiet,
        )
        skipped.append(embedded.skipped)
    run.write_study(study)
    left_out = pd.concat(skipped, ignore_index=True)
    write_csv(run.skipped, left_out)
    embeddings = open_sets(run.embeddings)
    say(
        f"{embeddings.num_items} clips, {embeddings.offsets[-1]} vectors of "
        f"{embeddings.num_dims} dimensions: {run.embeddings}"
    )
    return skipped_code(left_out["error"].tolist(), run.skipped)


def _unseen(manifest: "Manifest", embedder: "Embedder") -> "Manifest":
    """Return the clips that an embedder was not trained on, and say how many that leaves out."""
    import numpy as np

    from quantlab.corpora import seen_items

    seen = seen_items(manifest, embedder.card())
    if seen.all():
        raise InputError(
            f"the embedder {embedder.name!r} was trained on all of {len(manifest)} clips; index "
            "another corpus, or leave out --unseen and say so with every result"
        )
    typer.echo(f"note: {int(seen.sum())} clips that the embedder has seen are left out", err=True)
    return manifest.subset(np.flatnonzero(~seen))


def embedder_settings(
    texts: list[str] | None, model: str, download: bool, device: str
) -> dict[str, Any]:
    """Return an embedder's settings; numbers, true and false are read as such."""
    import json

    settings: dict[str, Any] = {}
    for key, text in _pairs(texts, "--set", "model=plus_large").items():
        try:
            settings[key] = json.loads(text)
        except ValueError:
            settings[key] = text
    asked = {"directory": model, "download": download, "device": device}
    return settings | {key: value for key, value in asked.items() if value}


def _places(run: "RunFolder", manifests: list[Path]) -> list[Path]:
    """Return where the set of each manifest goes: one set, or one folder each."""
    if len(manifests) == 1:
        return [run.embeddings]
    names = [path.stem for path in manifests]
    if len(set(names)) < len(names):
        raise InputError(f"manifests need different file names, given {', '.join(names)}")
    if (run.embeddings / "card.json").is_file():
        raise InputError(f"{run.embeddings} holds one set already; choose another run folder")
    return [run.embeddings / name for name in names]


def _study_of(run: "RunFolder", data: dict[str, Any]) -> "StudySettings":
    """Return the run's study with new data settings, or a fresh one named after the folder."""
    from quantlab.sweep import StudySettings

    values = {"name": re.sub(r"[^A-Za-z0-9._-]+", "-", run.path.resolve().name).strip("-._")}
    if run.study_file.is_file():
        values = run.read_study().model_dump(mode="json")
    values["name"] = values["name"] or "study"
    return StudySettings.parse({**values, "data": data}, where=str(run.path))


def import_features(
    source: Annotated[Path, typer.Argument(help="Features: a folder or a file.")],
    manifest: Annotated[
        Path, typer.Option("--manifest", "-m", help="The clips they are of.", show_default=False)
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Run folder to make.", show_default=False)
    ],
    form: Annotated[
        Literal["npy", "ev2-frame", "downstream", "safetensors", "parquet"],
        typer.Option("--format", help="How they are stored."),
    ] = "npy",
    name: Annotated[str, typer.Option(help="What computed them, kept in cards.")] = "imported",
    licence: Annotated[str, typer.Option(help="Licence of the corpus, kept in cards.")] = "",
    origin: Annotated[str, typer.Option(help="Where they come from, kept in cards.")] = "",
) -> int:
    """Make a run of features that another program computed."""
    from quantlab.corpora import Manifest
    from quantlab.embedders import import_features as read_features
    from quantlab.store import write_csv
    from quantlab.sweep import RunFolder

    run = RunFolder(output)
    study = _study_of(run, {"embedder": name, "licence": licence})
    done = read_features(
        source,
        Manifest.load(manifest),
        run.embeddings,
        form=form,
        embedder_name=name,
        licence=licence,
        origin=origin,
    )
    values = study.model_dump(mode="json")
    values["data"]["level"] = done.embeddings.level
    run.write_study(type(study).parse(values, where=str(output)))
    write_csv(run.skipped, done.skipped)
    say(
        f"{done.embeddings.num_items} clips, {done.embeddings.offsets[-1]} vectors of "
        f"{done.embeddings.num_dims} dimensions: {run.embeddings}"
    )
    return skipped_code(done.skipped["error"].tolist(), run.skipped)


def import_codec(
    checkpoint: Annotated[
        Path, typer.Argument(help="PyTorch file of RVQ or grouped RVQ codebooks.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Codec folder to write.", show_default=False)
    ],
    run: Annotated[
        Path | None,
        typer.Option(help="Run whose embeddings the prior is fitted to; none, all codes alike."),
    ] = None,
    licence: Annotated[str, typer.Option(help="Licence of the codebooks, kept in the card.")] = "",
    seed: Annotated[int, typer.Option(help="Of the sample that the prior is fitted to.")] = 0,
) -> int:
    """Make a codec of codebooks that were trained with vector-quantize-pytorch."""
    import numpy as np

    from quantlab.codebooks import import_checkpoint
    from quantlab.embedders import open_sets
    from quantlab.sweep import RunFolder

    if output.is_file() or (output.is_dir() and any(output.iterdir())):
        raise InputError(f"{output} exists and is not an empty folder; choose another one")
    rng = np.random.default_rng(seed)
    vectors = None
    if run is not None:
        folder = RunFolder(run)
        embeddings = open_sets(folder.read_study().data.embeddings or folder.embeddings)
        total = int(embeddings.offsets[-1])
        rows = np.sort(rng.choice(total, min(total, _PRIOR_VECTORS), replace=False))
        vectors = embeddings.take(rows)
    about = {"recipe": "imported", "licence": licence or "not stated"}
    codec = import_checkpoint(checkpoint, vectors=vectors, rng=rng, about=about)
    codec.save(output)
    shape = codec.settings.quantizer
    say(
        f"{shape.groups} × {shape.stages} × {shape.codes} codes and SKIP on "
        f"{codec.quantizer_.num_dims} dimensions, {len(codec.ladder_)} λ: {output}"
    )
    return EXIT_OK


def quantize(
    run: Run,
    codec: Annotated[
        str, typer.Option(help="Recipe, emotion or codec folder.", show_default=False)
    ],
    lam: Annotated[
        float, typer.Option(help="Squared distance per bit, 0 or more.", show_default=False)
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder to write.", show_default=False)
    ],
    form: Annotated[
        Literal["set", "npy"],
        typer.Option("--format", help="An embedding set, or one .npy file per clip."),
    ] = "set",
    quiet: Quiet = False,
) -> int:
    """Quantize a whole embedding set: what a synthesizer is retrained on."""
    from quantlab.codebooks import Codec
    from quantlab.embedders import open_sets
    from quantlab.sweep import RunFolder, quantize_set

    folder = RunFolder(run)
    if output.is_file() or (output.is_dir() and any(output.iterdir())):
        raise InputError(f"{output} exists and is not an empty folder; choose another one")
    study = folder.read_study()
    embeddings = open_sets(study.data.embeddings or folder.embeddings)
    place = folder.find_codec(codec)
    done = quantize_set(
        embeddings, Codec.load(place), output, lam=lam, form=form, progress=not quiet
    )
    say(
        f"{done.num_items} clips with codec {place.name} at λ = {lam:g}: "
        f"{done.bits_per_vector:.2f} bits per vector (code length), "
        f"mean centred cosine {done.cos_centred_frames:.3f}: {output}"
    )
    return EXIT_OK
