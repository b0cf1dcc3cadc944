"""Commands on data: index a corpus, embed it, quantize an embedding set."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from quantlab.cli.options import Quiet, Run, Workers, processes, say, skipped_code
from quantlab.errors import EXIT_OK, EXIT_PARTLY_DONE, InputError

if TYPE_CHECKING:
    from quantlab.sweep import RunFolder, StudySettings


def index(
    folder: Annotated[Path, typer.Argument(help="Folder of a corpus.", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Manifest to write.", show_default=False)
    ],
    reader: Annotated[
        str, typer.Option(help="Corpus reader; auto recognises the layout.")
    ] = "auto",
    verify: Annotated[bool, typer.Option("--verify", help="Hash unchanged files again.")] = False,
    quiet: Quiet = False,
) -> int:
    """Turn a folder of clips into a manifest: one row per clip with its labels."""
    from quantlab.corpora import Manifest, index_corpus
    from quantlab.store import write_csv

    previous = Manifest.load(output) if output.is_file() else None
    with _Counter("index", quiet) as counter:
        indexed = index_corpus(
            folder, corpus=reader, verify=verify, previous=previous, progress=counter
        )
    indexed.manifest.save(output)
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


def embed(
    manifest: Annotated[Path, typer.Argument(help="Manifest.", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Run folder to make.", show_default=False)
    ],
    embedder: Annotated[str, typer.Option(help="Embedder by name.")] = "functionals",
    level: Annotated[
        Literal["utterance", "frame"], typer.Option(help="One vector per clip, or 50 Hz frames.")
    ] = "utterance",
    licence: Annotated[
        str, typer.Option(help="Licence of the corpus, kept in every card derived from it.")
    ] = "",
    source: Annotated[
        str, typer.Option(help="Where the corpus comes from, kept in every card.")
    ] = "",
    keep_silent: Annotated[
        bool, typer.Option("--keep-silent", help="Embed silent clips, too.")
    ] = False,
    max_duration_s: Annotated[
        float, typer.Option(min=0.1, help="Skip clips that are longer, in seconds.")
    ] = 600.0,
    workers: Workers = 0,
    quiet: Quiet = False,
) -> int:
    """Embed the clips of a manifest into a run folder; finished clips are kept when interrupted."""
    from quantlab.corpora import Manifest
    from quantlab.embedders import embed_manifest, get_embedder
    from quantlab.store import write_csv
    from quantlab.sweep import RunFolder

    run = RunFolder(output)
    study = _study_of(run, {"embedder": embedder, "level": level, "licence": licence})
    embedded = embed_manifest(
        Manifest.load(manifest),
        get_embedder(embedder),
        run.embeddings,
        level=level,
        workers=processes(workers),
        licence=licence,
        source=source,
        keep_silent=keep_silent,
        max_duration_s=max_duration_s,
        progress=not quiet,
    )
    run.write_study(study)
    write_csv(run.skipped, embedded.skipped)
    embeddings = embedded.embeddings
    say(
        f"{embeddings.num_items} clips, {embeddings.offsets[-1]} vectors of "
        f"{embeddings.num_dims} dimensions: {run.embeddings}"
    )
    return skipped_code(embedded.skipped["error"].tolist(), run.skipped)


def _study_of(run: "RunFolder", data: dict[str, str]) -> "StudySettings":
    """Return the run's study with new data settings, or a fresh one named after the folder."""
    from quantlab.sweep import StudySettings

    values = {"name": re.sub(r"[^A-Za-z0-9._-]+", "-", run.path.resolve().name).strip("-._")}
    if run.study_file.is_file():
        values = run.read_study().model_dump(mode="json")
    values["name"] = values["name"] or "study"
    return StudySettings.parse({**values, "data": data}, where=str(run.path))


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
    from quantlab.embedders import open_set
    from quantlab.sweep import RunFolder, quantize_set

    folder = RunFolder(run)
    if output.is_file() or (output.is_dir() and any(output.iterdir())):
        raise InputError(f"{output} exists and is not an empty folder; choose another one")
    study = folder.read_study()
    embeddings = open_set(study.data.embeddings or folder.embeddings)
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


class _Counter:
    """A progress callback for functions that report how many of how many are done."""

    def __init__(self, label: str, quiet: bool) -> None:
        self._label = label
        self._quiet = quiet
        self._ticker = None

    def __enter__(self) -> "_Counter":
        return self

    def __call__(self, done: int, total: int) -> None:
        from quantlab.engine import Ticker

        if self._ticker is None:
            self._ticker = Ticker(self._label, total, shown=not self._quiet).__enter__()
            self._done = 0
        self._ticker.advance(done - self._done)
        self._done = done

    def __exit__(self, *details: object) -> None:
        if self._ticker is not None:
            self._ticker.__exit__(*details)
