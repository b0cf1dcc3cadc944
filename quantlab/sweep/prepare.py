"""The data of an experiment file: index and embed a corpus when there is no embedding set yet."""

from pathlib import Path

import pandas as pd

from quantlab.corpora import index_corpus
from quantlab.embedders import embed_manifest, get_embedder, open_set
from quantlab.errors import ConfigError, InputError
from quantlab.store import write_csv
from quantlab.sweep.folder import RunFolder
from quantlab.sweep.settings import DataSettings, StudySettings


def prepare_data(
    run: str | Path, study: StudySettings, *, workers: int = 1, progress: bool = True
) -> tuple[str, ...]:
    """Make sure that the embeddings of a study are there.

    Parameters
    ----------
    run : str or Path
        The run folder.
    study : StudySettings
        Its ``data`` names an embedding set, or a corpus and an embedder.
    workers : int
        Processes to use.
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
        open_set(data.embeddings)
        return ()
    if not data.corpus:
        raise ConfigError("the study names no data; set data.embeddings or data.corpus")
    if (folder.embeddings / "card.json").is_file():
        _refuse_other_data(folder, data)
        return ()
    indexed = index_corpus(data.corpus, corpus=data.reader)
    embedded = embed_manifest(
        indexed.manifest,
        get_embedder(data.embedder, data.embedder_settings),
        folder.embeddings,
        level=data.level,
        workers=workers,
        licence=data.licence,
        progress=progress,
    )
    skipped = pd.concat([indexed.skipped, embedded.skipped.loc[:, list(indexed.skipped.columns)]])
    write_csv(folder.skipped, skipped)
    folder.write_study(study)
    return tuple(skipped["error"])


def _refuse_other_data(folder: RunFolder, data: DataSettings) -> None:
    """Raise InputError when the run folder's set was made from other data settings."""
    earlier = folder.read_study().data
    if earlier != data:
        raise InputError(
            f"{folder.embeddings} was made with other data settings ({earlier.corpus}, "
            f"{earlier.embedder}, {earlier.level}); choose another run folder, or remove this one"
        )
