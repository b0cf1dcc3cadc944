"""The report on evaluated models: their tables, handed to the figures."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from quantlab.synthesis.evaluation import Evaluation

if TYPE_CHECKING:
    from quantlab.figures import ModelTables


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
    from quantlab.figures import write_model_report

    models = [shown_tables(one) for one in evaluations]
    return write_model_report(path, models, grid=grid, verdicts=verdicts)


def shown_tables(evaluation: Evaluation) -> "ModelTables":
    """Return what figures and tables of one model show of its evaluation."""
    from quantlab.figures import ModelTables

    about = evaluation.about
    return ModelTables(
        name=evaluation.model,
        corpus=str(about["corpus"]),
        licence=str(about["licence"]),
        protocol=str(about["protocol"]),
        num_speakers=len(about["speakers"]),
        num_clips=int(about["num_clips"]),
        num_sentences=int(about["num_sentences"]),
        notes=evaluation.notes,
        probes=evaluation.probes,
        dci=evaluation.dci,
        bits=evaluation.bits,
        scatter=evaluation.scatter,
        information=evaluation.information,
        sound=evaluation.sound,
        maps=evaluation.maps,
    )
