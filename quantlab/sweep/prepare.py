"""The data of an experiment file: index and embed a corpus when there is no embedding set yet."""

from pathlib import Path

from quantlab.corpora import index_corpus
from quantlab.embedders import embed_manifest, get_embedder, open_set
from quantlab.errors import ConfigError, InputError
from quantlab.store import write_csv
from quantlab.sweep.folder import RunFolder
from quantlab.sweep.settings import StudySettings


def prepare_data(
    run: str | Path, study: StudySettings, *, workers: int = 1, progress: bool = True
) -> None:
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
        return
    if not data.corpus:
        raise ConfigError("the study names no data; set data.embeddings or data.corpus")
    embedder = get_embedder(data.embedder, data.embedder_settings)
    if (folder.embeddings / "card.json").is_file():
        card = open_set(folder.embeddings).card
        if card["embedder"] == embedder.card() and card["level"] == data.level:
            return
        raise InputError(
            f"{folder.embeddings} was made with another embedder or level; "
            "choose another run folder, or remove this one"
        )
    indexed = index_corpus(data.corpus, corpus=data.reader)
    embedded = embed_manifest(
        indexed.manifest,
        embedder,
        folder.embeddings,
        level=data.level,
        workers=workers,
        licence=data.licence,
        progress=progress,
    )
    skipped = [table for table in (indexed.skipped, embedded.skipped) if len(table)]
    if skipped:
        import pandas as pd

        write_csv(folder.skipped, pd.concat(skipped, ignore_index=True))
