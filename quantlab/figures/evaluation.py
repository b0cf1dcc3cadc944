"""The report on trained StyleVC models: all side by side, then each with its controls.

Everything is HTML with names escaped; numbers come from the tables as they are.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quantlab import store
from quantlab.analysis import CRITERIA, wide_verdicts
from quantlab.errors import InputError
from quantlab.figures.disentanglement import embedding_maps, probe_heatmap
from quantlab.figures.evaluated import ModelTables, models_context
from quantlab.figures.evaluation_tables import grid_html, model_tables, verdict_html
from quantlab.figures.export import export_figure
from quantlab.figures.grid import grid_dots, measure_words
from quantlab.figures.page import render_page
from quantlab.figures.report import figure_block
from quantlab.figures.sections import ReportFigure
from quantlab.figures.tables import records, where
from quantlab.figures.terms import MODEL_METHODS, terms_html
from quantlab.figures.words import (
    counted,
    interval_text,
    joined,
    plain,
    plain_long,
    protocol_words,
    slug,
)


def write_model_report(
    path: str | Path,
    models: Sequence[ModelTables],
    *,
    grid: pd.DataFrame,
    verdicts: pd.DataFrame,
) -> Path:
    """Write the report on trained models as one HTML file, and the data of its figures.

    Parameters
    ----------
    path : str or Path
        The file; ``figures/*.csv`` stand beside it.
    models : sequence of ModelTables
        Each with a name of its own.
    grid, verdicts : pd.DataFrame
        From `grid_table` and `verdict_table`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        There is no model.
    """
    if not models:
        raise InputError("There is no model to report on; give one.")
    target = Path(path)
    all_figures = [_grid_figure(models, grid)]
    sections = []
    for place, given in enumerate(models, start=1):
        figures = _model_figures(given, prefix=f"{place}-{slug(given.name)}")
        sections.append(_model_section(given, figures, place))
        all_figures += figures
    for part in all_figures:
        export_figure(part.figure, target.parent / "figures", name=part.name, formats=["csv"])
    body = "\n".join(
        [
            _header(models),
            "<main>",
            _overview(all_figures[0], grid, verdicts),
            *sections,
            _terms(),
            _origin(models),
            "</main>",
        ]
    )
    page = render_page(
        title="StyleVC models – quantlab",
        body=body,
        figures={part.name: part.figure for part in all_figures},
    )
    store.write_text(target, page)
    return target


def _header(models: Sequence[ModelTables]) -> str:
    names = joined([plain(given.name) for given in models])
    links = [("grid", "All models")]
    links += [(f"model-{place}", plain(given.name)) for place, given in enumerate(models, 1)]
    links += [("terms", "Terms"), ("origin", "Origin")]
    nav = "".join(f'<a href="#{name}">{text}</a>' for name, text in links)
    first = models[0]
    return (
        '<header class="top">\n<p class="kicker">quantlab · disentangled speech</p>\n'
        "<h1>What StyleVC parts</h1>\n"
        '<p class="lead">A StyleVC takes speech apart into content, speaker and emotion. This page '
        f"shows what each part still tells of the others, measured on {plain(first.corpus)}.</p>\n"
        f"<p>{counted(len(models), 'model')}: {names}.</p>\n"
        f"<nav>{nav}</nav>\n"
        "<noscript><p>The figures need JavaScript; their data lie as CSV in the folder "
        "<code>figures</code> beside this page.</p></noscript>\n</header>"
    )


def _grid_figure(models: Sequence[ModelTables], grid: pd.DataFrame) -> ReportFigure:
    return ReportFigure(
        name="grid",
        figure=grid_dots(grid, context=models_context(models)),
        how="One panel for each measure, one line for each model: the dot is the value, its bar "
        "the 95 % interval, the upright stroke what chance gives, the open diamond the value "
        "after a random rotation. “speaker → emotion” is how often the emotion is told from the "
        "speaker embedding: the lower, the better they are parted. “Both” are emotion and "
        "speaker, asked of all embeddings side by side.",
        shows=_grid_says(grid),
        min_width=900,
    )


def _grid_says(grid: pd.DataFrame) -> str:
    """Name the model that tells most of its own label, and the one that leaks least."""
    said = []
    for measure, least in (("cls_e_e", False), ("cls_s_e", True), ("cls_e_s", True)):
        rows = records(where(grid, grid["measure"] == measure))
        if rows:
            values = [float(row["value"]) for row in rows]
            row = rows[int(np.argmin(values) if least else np.argmax(values))]
            number = interval_text(float(row["value"]), float(row["low"]), float(row["high"]))
            word = "Lowest" if least else "Highest"
            single = f"{plain(row['model'])}, " if len(rows) > 1 else ""
            begin = f"{word} {measure_words(measure)}" if len(rows) > 1 else measure_words(measure)
            chance = f"chance {float(row['chance']):.2f}"
            said.append(f"{begin}: {single}{number}, {chance}.")
    return " ".join(said) or "No accuracy was measured."


def _overview(figure: ReportFigure, grid: pd.DataFrame, verdicts: pd.DataFrame) -> str:
    return (
        '<section id="grid">\n<h2>All models</h2>\n'
        '<p class="question">Which model keeps emotion, speaker and content apart?</p>\n'
        f"{figure_block(figure)}\n{grid_html(grid)}\n"
        f"{verdict_html(wide_verdicts(verdicts), verdicts, CRITERIA)}\n</section>"
    )


def _model_figures(given: ModelTables, *, prefix: str) -> list[ReportFigure]:
    context = given.context()
    asked = given.asked()
    figures = [
        ReportFigure(
            name=f"{prefix}-probes",
            figure=probe_heatmap(asked, context=context),
            how="One row for each embedding, one column for each label and classifier. Darker is "
            "more often right. An embedding should tell its own label and leave the others at "
            "chance.",
            shows=_probes_say(asked),
        )
    ]
    for method, words in (("tsne", "t-SNE"), ("pca", "principal components")):
        rows = where(given.maps, given.maps["method"] == method)
        if len(rows):
            figures.append(
                ReportFigure(
                    name=f"{prefix}-{method}",
                    figure=embedding_maps(rows, context=context),
                    how=f"Each dot is a clip, laid out by {words}: the same places above and "
                    "below, coloured by emotion and by speaker."
                    + (" Distances between groups mean nothing." if method == "tsne" else ""),
                    shows="Colours that gather are told by the embedding; colours that are mixed "
                    "all over are not.",
                    min_width=900,
                )
            )
    return figures


def _probes_say(asked: pd.DataFrame) -> str:
    """Say which labels leak: those of other embeddings whose interval lies above chance."""
    main = asked["probe"] == asked["probe"].iloc[0]
    rows = records(where(asked, main & (asked["metric"] == "accuracy")))
    leaks = [row for row in rows if row["embedding"] != row["label"]]
    above = [_pair(row) for row in leaks if float(row["low"]) > float(row["chance"])]
    unknown = [_pair(row) for row in leaks if not np.isfinite(float(row["low"]))]
    said = [
        f"Above chance beyond their intervals: {joined(above)}."
        if above
        else "No other label is told beyond its interval."
    ]
    if unknown:
        said.append(f"Without an interval: {joined(unknown)}.")
    return " ".join(said)


def _pair(row: dict[str, Any]) -> str:
    return f"{plain(row['embedding'])} → {plain(row['label'])} ({float(row['value']):.2f})"


def _model_section(given: ModelTables, figures: Sequence[ReportFigure], place: int) -> str:
    blocks = "\n".join(figure_block(part) for part in figures)
    notes = "".join(f"<li>{plain_long(note)}</li>" for note in given.notes)
    return (
        f'<section id="model-{place}">\n<h2>{plain(given.name)}</h2>\n'
        f'<p class="question">{counted(given.num_clips, "clip")} of '
        f"{counted(given.num_sentences, 'sentence')} and "
        f"{counted(given.num_speakers, 'speaker')}: {protocol_words(given.protocol)}.</p>\n"
        f"{f'<ul>{notes}</ul>' if notes else ''}\n{blocks}\n{model_tables(given)}\n</section>"
    )


def _terms() -> str:
    return f'<section id="terms">\n<h2>Terms</h2>\n{terms_html(MODEL_METHODS)}\n</section>'


def _origin(models: Sequence[ModelTables]) -> str:
    rows = "\n".join(
        f"<dt>{plain(given.name)}</dt><dd>Clips of {plain(given.corpus)}"
        f"{f', {plain(given.licence)}' if given.licence else ''}</dd>"
        for given in models
    )
    return (
        '<section id="origin">\n<h2>Origin and licence</h2>\n'
        f"<dl>\n{rows}\n</dl>\n"
        "<footer>Written by quantlab. Figures and tables derived from a corpus carry that corpus's "
        "licence.</footer>\n</section>"
    )
