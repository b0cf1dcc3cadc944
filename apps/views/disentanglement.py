"""Disentanglement: what content, speaker and emotion of a StyleVC still tell of each other."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from quantlab.analysis import CRITERIA, verdict_table, wide_verdicts
from quantlab.errors import QuantlabError
from quantlab.figures import (
    FigureContext,
    ModelTables,
    counted,
    embedding_maps,
    grid_dots,
    grid_html,
    joined,
    model_tables,
    models_context,
    probe_heatmap,
    probe_words,
    protocol_words,
    verdict_html,
)
from quantlab.store import read_json
from quantlab.synthesis import (
    card_grid,
    evaluation_folders,
    grid_of,
    read_evaluation,
    shown_tables,
)
from views import choices, shell, sound

_CARDS = "cards of the models here"
_MEASURES = (
    *("cls_e_e", "cls_s_e", "cls_c_e", "cls_s_s", "cls_e_s", "cls_c_s"),
    *("dci_d_emotion", "dci_c_emotion", "dci_i_emotion", "mcd_db"),
)
_LAYOUTS = {"t-SNE": "tsne", "principal components": "pca"}


def show() -> None:
    """Draw the page."""
    st.title("Disentanglement")
    st.write(
        "A StyleVC takes speech apart into content, speaker and emotion. Here stands what each "
        "part still tells of the others."
    )
    try:
        folders = evaluation_folders(shell.root())
        source = choices.choose("Evaluation", [*folders, _CARDS], str, key="evaluation")
        if source in folders:
            _evaluated(folders[source])
        else:
            _carded()
    except QuantlabError as error:
        st.error(shell.text(str(error)), icon=":material/error:")


def _carded() -> None:
    """Show the grid of models whose cards alone are here."""
    cards = {path.name: read_json(path / "card.json") for path in sound.models()}
    told = {name: card["metrics"] for name, card in cards.items() if card.get("metrics")}
    grid = card_grid(told)
    sources = {str(cards[name].get("source") or "") for name in told}
    probes = {probe_words(str(metrics["probe"])) for metrics in told.values()}
    _grid(
        grid,
        FigureContext(
            corpus=joined(sorted(sources)),
            split=_splits(str(metrics["measured_on"]["protocol"]) for metrics in told.values()),
            notes=("from the models' cards", joined(sorted(probes))),
        ),
    )
    st.caption(
        f"Models: {shell.text(joined([_sized(*one) for one in told.items()]))}. Type `quantlab "
        "evaluate-stylevc MODEL… --features FEATURES -o runs/evaluation` for maps, probes of "
        "every kind and the controls, and reload this page."
    )


def _sized(name: str, metrics: dict[str, Any]) -> str:
    """Say what a model was measured on."""
    measured = metrics["measured_on"]
    speakers = counted(len(measured["speakers"]), "speaker")
    return f"{name} ({counted(measured['num_clips'], 'clip')}, {speakers})"


def _splits(protocols: Iterable[str]) -> str:
    return joined(sorted({protocol_words(name) for name in protocols}))


def _evaluated(folders: tuple[Path, ...]) -> None:
    stamps = tuple(
        (str(folder), (folder / "evaluation.json").stat().st_mtime_ns) for folder in folders
    )
    models, grid = _read(stamps)
    views: dict[str, Callable[[], None]] = {
        "All models": lambda: _grid(grid, models_context(list(models.values()))),
        "Probes": lambda: _probes(_choose(models)),
        "Map": lambda: _maps(_choose(models)),
        "Controls": lambda: _controls(_choose(models)),
    }
    views[choices.choose_one("View", list(views), key="view")]()


@st.cache_resource(max_entries=8, show_spinner=False)
def _read(stamps: tuple[tuple[str, int], ...]) -> tuple[dict[str, ModelTables], pd.DataFrame]:
    evaluations = [read_evaluation(folder) for folder, _ in stamps]
    grid, _ = grid_of(evaluations)
    return {one.model: shown_tables(one) for one in evaluations}, grid


def _choose(models: dict[str, ModelTables]) -> ModelTables:
    return models[choices.choose("Model", list(models), str, key="model")]


def _grid(grid: pd.DataFrame, context: FigureContext) -> None:
    """Show the measures of all models as dots, as the published table, and their verdicts."""
    figure = grid_dots(grid, context=_dark(context), measures=_MEASURES)
    shell.show_figure(figure, name="grid", alt="Every measure of every model", min_width=shell.WIDE)
    st.caption(
        "“speaker → emotion” is how often the emotion is told from the speaker embedding: the "
        "lower, the better they are parted. Upright strokes are chance; open diamonds are the "
        "value after a random rotation."
    )
    verdicts = verdict_table(grid)
    _tables(grid_html(grid) + verdict_html(wide_verdicts(verdicts), verdicts, CRITERIA))


def _probes(given: ModelTables) -> None:
    metric = choices.choose_one("Score", ("accuracy", "uar"), key="score")
    figure = probe_heatmap(given.asked(), context=_dark(given.context()), metric=metric)
    shell.show_figure(figure, name="probes", alt="What each embedding tells", min_width=shell.WIDE)
    st.caption(
        "Darker is more often right. An embedding should tell its own label and leave the others "
        "at chance."
    )


def _maps(given: ModelTables) -> None:
    named = {words: key for words, key in _LAYOUTS.items() if (given.maps["method"] == key).any()}
    if not named:
        st.info("This evaluation laid out no map; evaluate the model again.")
        return
    words = choices.choose_one("Laid out by", list(named), key="layout")
    rows = given.maps.loc[given.maps["method"] == named[words]]
    figure = embedding_maps(rows, context=_dark(given.context()))
    shell.show_figure(figure, name="embeddings", alt="Clips in each embedding", min_width=900)
    st.caption(
        "Colours that gather are told by the embedding; colours that are mixed all over are not."
        + (" Distances between groups mean nothing." if named[words] == "tsne" else "")
    )


def _controls(given: ModelTables) -> None:
    for note in given.notes:
        st.warning(shell.text(note))
    _tables(model_tables(given))


def _tables(content: str) -> None:
    st.html(f"<div class='claims'>{content}</div>")


def _dark(context: FigureContext) -> FigureContext:
    return context.on(dark=shell.is_dark())


show()
