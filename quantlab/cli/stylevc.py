"""The command on StyleVC: train a model as an experiment file says."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from quantlab.cli.options import Quiet, Workers, processes, say, skipped_code
from quantlab.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from quantlab.models import Features, StyleVCSettings


def fit_stylevc(
    experiment: Annotated[
        Path, typer.Argument(help="Experiment file, as in experiments/stylevc.", show_default=False)
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder of the model; by default runs/stylevc/<name of the file>.",
            show_default=False,
        ),
    ] = None,
    device: Annotated[
        Literal["", "auto", "cpu", "cuda"],
        typer.Option(help="auto, cpu or cuda; by default that of the file."),
    ] = "",
    steps: Annotated[
        int, typer.Option(min=0, help="Stop after this many steps in all; 0 goes on to the end.")
    ] = 0,
    workers: Workers = 0,
    quiet: Quiet = False,
) -> int:
    """Train a StyleVC model; one that was stopped goes on where it was."""
    from quantlab.engine import Counter
    from quantlab.models import train_stylevc

    settings = _read_experiment(experiment, device)
    place = output or Path("runs/stylevc") / experiment.stem
    features, errors = _features_of(settings, place, processes(workers), shown=not quiet)
    vectors, origin = _emotion_vectors(features, settings.data.emotion_vectors)
    with Counter("train", shown=not quiet) as counter:
        trained = train_stylevc(
            features,
            settings,
            place,
            name=experiment.stem,
            steps=steps,
            vectors=vectors,
            about={"command": f"quantlab fit-stylevc {experiment}", **origin},
            progress=counter,
        )
    for note in trained.notes:
        typer.echo(f"note: {note}", err=True)
    say(
        f"{trained.step} of {trained.num_steps} steps, best after {trained.best_step} with "
        f"validation loss {trained.best_loss:.4f}: {trained.checkpoint}"
    )
    return skipped_code(errors, place / "skipped.csv")


def _read_experiment(path: Path, device: str) -> "StyleVCSettings":
    from quantlab.models import StyleVCSettings
    from quantlab.store import read_yaml

    values = read_yaml(path)
    if device:
        values["training"] = {**(values.get("training") or {}), "device": device}
    return StyleVCSettings.parse(values, where=str(path))


def _features_of(
    settings: "StyleVCSettings", place: Path, workers: int, *, shown: bool
) -> tuple["Features", list[str]]:
    """Bring the features up to date with their manifest; open them as they are where it is gone.

    Return the features, and the error class of each clip that was skipped.
    """
    from quantlab.corpora import Manifest
    from quantlab.engine import Counter
    from quantlab.models import build_features, open_features
    from quantlab.store import write_csv

    data = settings.data
    if not (data.manifest or data.features):
        raise InputError(
            "the experiment has no data; set data.manifest to what quantlab index wrote"
        )
    manifest = Path(data.manifest).expanduser()
    folder = (
        Path(data.features).expanduser()
        if data.features
        else manifest.with_name(f"{manifest.stem}-features")
    )
    if not (data.manifest and manifest.is_file()):
        if not (folder / "card.json").is_file():
            raise InputError(
                f"there is no manifest {data.manifest!r} and there are no features in {folder}; "
                f"run: quantlab index CORPUS -o {data.manifest or 'MANIFEST'}"
            )
        return open_features(folder), []
    with Counter("features", shown=shown) as counter:
        built = build_features(
            Manifest.load(manifest),
            folder,
            workers=workers,
            licence=data.licence,
            source=data.source,
            progress=counter,
        )
    write_csv(place / "skipped.csv", built.skipped)
    return built.features, built.skipped["error"].tolist()


def _emotion_vectors(
    features: "Features", folder: str
) -> "tuple[np.ndarray | None, dict[str, Any]]":
    """Read the vector of each clip, the mean of its frames; clips are known by their hash.

    Return with them what the model's card says of their embedder.
    """
    import numpy as np

    from quantlab.embedders import open_sets

    if not folder:
        return None, {}
    embeddings = open_sets(Path(folder).expanduser())
    rows = {sha256: row for row, sha256 in enumerate(embeddings.items["sha256"])}
    wanted = features.items["sha256"].tolist()
    absent = sum(sha256 not in rows for sha256 in wanted)
    if absent:
        raise InputError(
            f"{folder} has no vector for {absent} of {len(wanted)} clips; embed the same manifest"
        )
    frames = embeddings.frames([rows[sha256] for sha256 in wanted])
    starts = frames.offsets[:-1]
    lengths = np.diff(frames.offsets)[:, np.newaxis]
    means = (np.add.reduceat(frames.values, starts, axis=0) / lengths).astype(np.float32)
    embedder = {**embeddings.card["embedder"], "level": embeddings.level}
    return means, {"emotion_embedder": embedder}
