"""The data of an experiment file: index and embed corpora when there is no embedding set yet."""

from pathlib import Path

import pandas as pd

from quantlab.corpora import Indexed, Manifest, index_corpus
from quantlab.embedders import Embedded, embed_manifest, get_embedder, open_sets
from quantlab.engine import Counter, EngineName
from quantlab.errors import ConfigError, InputError
from quantlab.store import write_csv
from quantlab.sweep.folder import RunFolder
from quantlab.sweep.settings import DataSettings, StudySettings


def prepare_data(
    run: str | Path,
    study: StudySettings,
    *,
    workers: int = 1,
    engine: EngineName = "local",
    progress: bool = True,
) -> tuple[str, ...]:
    """Make sure that the embeddings of a study are there.

    Parameters
    ----------
    run : str or Path
        The run folder.
    study : StudySettings
        Its ``data`` names embedding sets, or corpora and an embedder.
    workers : int
        Processes to use.
    engine : {"local", "ray"}
        Where they run.
    progress : bool
        Whether to show progress.

    Returns
    -------
    tuple[str, ...]
        The error class of every clip that was skipped now; reasons are in ``skipped.csv``.

    Raises
    ------
    ConfigError
        The study names no data.
    InputError
        The data cannot be used, or an older set in the run folder was made otherwise.
    """
    folder = RunFolder(Path(run))
    data = study.data
    if data.embeddings:
        open_sets(data.embeddings)
        return ()
    if not data.corpus and not data.manifests:
        raise ConfigError(
            "the study names no data; set data.embeddings, data.manifests or data.corpus"
        )
    places = _places(folder, data)
    if all((place / "card.json").is_file() for place in places):
        _refuse_other_data(folder, data)
        return ()
    skipped: list[pd.DataFrame] = []
    if data.corpus:
        indexed = _index(folder, data, progress)
        manifests = [indexed.manifest]
        skipped.append(indexed.skipped)
    else:
        manifests = [Manifest.load(path) for path in data.manifests]
    for manifest, place in zip(manifests, places, strict=True):
        embedded = _embed(manifest, place, data, workers, engine, progress)
        skipped.append(embedded.skipped.loc[:, ["path", "reason", "error"]])
    left_out = pd.concat(skipped)
    write_csv(folder.skipped, left_out)
    folder.write_study(study)
    return tuple(left_out["error"])


def _places(folder: RunFolder, data: DataSettings) -> list[Path]:
    """Return the folder of every embedding set: one, or one per manifest."""
    if len(data.manifests) < 2:
        return [folder.embeddings]
    names = [Path(path).stem for path in data.manifests]
    if len(set(names)) < len(names):
        raise ConfigError(f"manifests need different file names, given {', '.join(names)}")
    return [folder.embeddings / name for name in names]


def _index(folder: RunFolder, data: DataSettings, progress: bool) -> Indexed:
    """Index the corpus; clips that an earlier, interrupted run measured are not read again."""
    previous = Manifest.load(folder.manifest) if folder.manifest.is_file() else None
    with Counter("index", shown=progress) as counter:
        indexed = index_corpus(data.corpus, corpus=data.reader, previous=previous, progress=counter)
    indexed.manifest.save(folder.manifest)
    return indexed


def _embed(
    manifest: Manifest,
    place: Path,
    data: DataSettings,
    workers: int,
    engine: EngineName,
    progress: bool,
) -> Embedded:
    return embed_manifest(
        manifest,
        get_embedder(data.embedder, data.embedder_settings),
        place,
        level=data.level,
        workers=workers,
        engine=engine,
        licence=data.licence,
        progress=progress,
    )


def _refuse_other_data(folder: RunFolder, data: DataSettings) -> None:
    """Raise InputError when the run folder's set was made from other data settings."""
    earlier = folder.read_study().data
    if earlier != data:
        raise InputError(
            f"{folder.embeddings} was made with other data settings ({earlier.corpus}, "
            f"{earlier.embedder}, {earlier.level}); choose another run folder, or remove this one"
        )
