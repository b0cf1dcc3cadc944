"""What embeddings tell of labels, and how utterances lie in them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.canvas import Canvas
from quantlab.figures.cells import add_cells
from quantlab.figures.context import FigureContext
from quantlab.figures.empty import empty_figure
from quantlab.figures.marks import CUSTOM
from quantlab.figures.palette import EMOTION_STYLES, fade, ink
from quantlab.figures.strokes import Stroke, emotion_stroke
from quantlab.figures.tables import numbers, records, where
from quantlab.figures.words import (
    emotion_order,
    fixed,
    metric_words,
    plain,
    probe_words,
    share,
)

_MANY_SPEAKERS = 14
_MARKER = 6


def probe_heatmap(
    table: pd.DataFrame,
    *,
    context: FigureContext,
    metric: str = "accuracy",
    probes: Sequence[str] | None = None,
) -> go.Figure:
    """Draw which embedding tells which label, with intervals and chance.

    Parameters
    ----------
    table : pd.DataFrame
        One row per embedding, label, probe and metric: value, low, high, chance, num_items,
        num_clusters, clustered_by.
    context : FigureContext
        Model, corpus and background.
    metric : {"accuracy", "uar"}
        Which rows.
    probes : sequence of str, optional
        Which classifiers; all when omitted.

    Returns
    -------
    plotly.graph_objects.Figure
        Embeddings by label and classifier. Cells say where the embedding is meant for the label,
        and where the interval holds chance. Or a picture that says what is missing.
    """
    title = f"What each embedding tells: {_metric_words(metric)} on new clips"
    rows = where(table, table["metric"] == metric)
    shown = [name for name in rows["probe"].unique() if probes is None or name in probes]
    rows = where(rows, rows["probe"].isin(shown))
    if rows.empty:
        return empty_figure(
            f"No {_metric_words(metric)} of these classifiers was measured.",
            context=context,
            title=title,
        )
    embeddings, labels = (list(rows[key].unique()) for key in ("embedding", "label"))
    pairs = [(label, probe) for label in labels for probe in shown]
    canvas = Canvas(title=title, context=context, panel_height=86 * len(embeddings) + 20)
    by_speaker = rows["clustered_by"] == "speaker"
    cells = rows.assign(lam=np.nan, num_speakers=rows["num_clusters"].where(by_speaker))
    places = [
        (embeddings.index(row["embedding"]), pairs.index((row["label"], row["probe"])))
        for row in records(rows)
    ]
    add_cells(
        canvas,
        cells,
        row_names=[f"{name} embedding" for name in embeddings],
        column_names=[f"{label}, {probe_words(probe)}" for label, probe in pairs],
        places=places,
        quantity=metric,
        limits=(0.0, 1.0),
        texts=[_cell_text(row) for row in records(rows)],
        over_lam=False,
    )
    canvas.x_axis(title="label that is told, and the classifier that tells it")
    return canvas.figure()


def _metric_words(metric: str) -> str:
    return "accuracy" if metric == "accuracy" else metric_words(metric)


def _cell_text(row: dict[str, Any]) -> str:
    value, low, high, chance = (float(row[key]) for key in ("value", "low", "high", "chance"))
    own = ", its own label" if row["embedding"] == row["label"] else ""
    lines = [f"<b>{fixed(value)}</b>{own}"]
    if np.isfinite(low) and np.isfinite(high):
        lines.append(f"{fixed(low)} to {fixed(high)}")
    at_chance = low <= chance <= high
    lines.append(f"chance {fixed(chance)}{' is inside' if at_chance else ''}")
    return "<br>".join(lines)


def embedding_maps(table: pd.DataFrame, *, context: FigureContext) -> go.Figure:
    """Draw where utterances lie in each embedding, coloured by emotion and by speaker.

    Parameters
    ----------
    table : pd.DataFrame
        One row per embedding and utterance: embedding, method ("pca" or "tsne"), x, y, explained,
        emotion, speaker.
    context : FigureContext
        Model, corpus and background.

    Returns
    -------
    plotly.graph_objects.Figure
        A column for each embedding, emotions above, speakers below; or a picture that says what is
        missing.
    """
    if table.empty:
        return empty_figure("No utterance was laid out.", context=context, title="Embeddings")
    embeddings = list(table["embedding"].unique())
    tsne = (table["method"] == "tsne").all()
    canvas = Canvas(
        title="Embeddings in two dimensions: " + ("t-SNE" if tsne else "principal components"),
        context=context,
        rows=2,
        columns=len(embeddings),
        panel_titles=[_map_title(table, name) for name in embeddings],
        panel_height=330,
        gap=0.025,
        row_gap_px=30,
    )
    for row, kind in enumerate(("emotion", "speaker"), start=1):
        strokes = _label_strokes(table, kind, context)
        for column, name in enumerate(embeddings, start=1):
            own = where(table, table["embedding"] == name)
            for label, stroke in strokes.items():
                members = where(own, own[kind] == label)
                _add_items(canvas, members, stroke, cell=(row, column), panel=f"{name}, {kind}")
        if kind == "emotion" or len(strokes) <= _MANY_SPEAKERS:
            for stroke in strokes.values():
                canvas.legend(stroke, mode="markers")
        canvas.y_axis(row=row, column=1, title=f"coloured by {kind}")
    blank = {"showticklabels": False, "ticks": "", "showgrid": False, "mirror": True}
    canvas.x_axis(**blank)
    canvas.y_axis(**blank)
    return canvas.figure()


def _map_title(table: pd.DataFrame, embedding: str) -> str:
    explained = numbers(where(table, table["embedding"] == embedding), "explained")[0]
    title = f"{plain(embedding)} embedding"
    return f"{title}, {share(explained)} of variance" if np.isfinite(explained) else title


def _label_strokes(table: pd.DataFrame, kind: str, context: FigureContext) -> dict[str, Stroke]:
    """Return the look of each label: emotions as everywhere, speakers as discs."""
    if kind == "emotion":
        return {name: emotion_stroke(name, context) for name in emotion_order(table[kind])}
    styles = list(EMOTION_STYLES.values())
    return {
        name: Stroke(
            name=f"speaker {plain(name)}",
            color=styles[place % len(styles)].color(dark=context.dark),
            symbol="circle",
            group=f"speaker {name}",
        )
        for place, name in enumerate(sorted(table[kind].unique()))
    }


def _add_items(
    canvas: Canvas, items: pd.DataFrame, stroke: Stroke, *, cell: tuple[int, int], panel: str
) -> None:
    if items.empty:
        return
    paper = ink(dark=canvas.context.dark).paper
    canvas.points(
        {
            "x": numbers(items, "x"),
            "y": numbers(items, "y"),
            "name": stroke.name,
            "legendgroup": stroke.group,
            "showlegend": False,
            "marker": {
                "symbol": stroke.symbol,
                "color": fade(stroke.color, 0.8),
                "size": _MARKER,
                "line": {"width": 0.4, "color": paper},
            },
            "hovertemplate": f"{stroke.name}<extra></extra>",
            "customdata": np.full((len(items), len(CUSTOM)), np.nan),
            "meta": {
                "panel": panel,
                "series": stroke.name,
                "quantity": "second coordinate",
                "over_lam": False,
            },
        },
        cell=cell,
    )
