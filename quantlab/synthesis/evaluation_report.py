"""The report on evaluated models: their tables, handed to the figures."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from quantlab.synthesis.evaluation import Evaluation


def write_evaluation_report(
    path: str | Path,
    evaluations: Sequence[Evaluation],
    *,
    grid: pd.DataFrame,
    verdicts: pd.DataFrame,
) -> Path:
    """Write the report on evaluated models as one HTML file that opens without a network.

    Parameters
    ----------
    path : str or Path
        The file; the data of its figures stand beside it in ``figures``.
    evaluations : sequence of Evaluation
        Each under a name of its own.
    grid, verdicts : pd.DataFrame
        From `grid_of`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        There is no evaluation.
    """
    from quantlab.figures import ModelTables, write_model_report

    models = [
        ModelTables(
            name=one.model,
            corpus=str(one.about["corpus"]),
            licence=str(one.about["licence"]),
            protocol=str(one.about["protocol"]),
            num_speakers=len(one.about["speakers"]),
            num_clips=int(one.about["num_clips"]),
            num_sentences=int(one.about["num_sentences"]),
            notes=one.notes,
            probes=one.probes,
            dci=one.dci,
            bits=one.bits,
            scatter=one.scatter,
            information=one.information,
            sound=one.sound,
            maps=one.maps,
        )
        for one in evaluations
    ]
    return write_model_report(path, models, grid=grid, verdicts=verdicts)
