"""Codebooks trained on one emotion: what they keep, and what they draw embeddings toward."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.axes import LamAxis, fit_range
from quantlab.figures.canvas import Canvas
from quantlab.figures.cells import add_cells
from quantlab.figures.context import FigureContext, with_protocol
from quantlab.figures.drift import DIFFERENCE
from quantlab.figures.empty import empty_figure
from quantlab.figures.palette import METHOD_DASHES, ink
from quantlab.figures.strokes import Stroke, emotion_stroke
from quantlab.figures.tables import at_lam, nearest_lam, numbers, pick, where
from quantlab.figures.words import (
    ALL,
    BIASED,
    biased_recipe,
    emotion_order,
    fixed,
    lam_text,
    method_words,
    metric_words,
    recipe_words,
)

_REFERENCE = "shrink_class"
_ATTRACTION = "attraction in degrees"
_FAR = 2.5
_MARKS = {"above": " ▲", "below": " ▼"}
QUANTITIES = ("similarity", "attraction", "difference")


def biased_classes(table: pd.DataFrame) -> list[str]:
    """Return the classes that have a codebook of their own in a table, in canonical order."""
    recipes = {str(name) for name in table["recipe"].unique()}
    return emotion_order(name.removeprefix(BIASED) for name in recipes if name.startswith(BIASED))


def biased_panel(
    similarity: pd.DataFrame,
    attraction: pd.DataFrame,
    *,
    context: FigureContext,
    protocol: str = "speaker",
    metric: str = "cos_centred_frames",
    codebooks: Sequence[str] | None = None,
    emotions: Sequence[str] | None = None,
    whole: bool = False,
) -> go.Figure:
    """Draw one column per codebook: similarity above, attraction toward its own class below.

    Parameters
    ----------
    similarity, attraction : pd.DataFrame
        The run's tables.
    context : FigureContext
        Run, split and background.
    protocol, metric : str
        Which rows.
    codebooks : sequence of str, optional
        Classes whose codebooks are drawn; all when omitted.
    emotions : sequence of str, optional
        Test emotions to draw; all when omitted.
    whole : bool
        Make room for the dotted references even where they are far from the codec's curves;
        otherwise a line of text says where they are.

    Returns
    -------
    plotly.graph_objects.Figure
        The codebook's own emotion is drawn thick. Dotted: a plain blur toward the class's own mean
        of equal distortion, for each emotion. Dashed: the balanced codebook on all clips. Or a
        picture that says what is missing.
    """
    title = "Codebooks trained on one emotion"
    rows = pick(similarity, protocol=protocol, metric=metric)
    shown = [name for name in biased_classes(rows) if not codebooks or name in codebooks]
    if not shown:
        return empty_figure(
            "This run has no codebooks of single emotions. Type `quantlab train` with the run's "
            "folder and `--bias each`, then `quantlab sweep` with it.",
            context=context,
            title=title,
        )
    drift = pick(attraction, protocol=protocol)
    axis = LamAxis.of(pick(rows, recipe=[biased_recipe(name) for name in shown])["lam"])
    names = [name for name in emotion_order(rows["emotion"]) if not emotions or name in emotions]
    canvas = Canvas(
        title=title,
        context=with_protocol(context, protocol),
        rows=2,
        columns=len(shown),
        panel_titles=[recipe_words(biased_recipe(name)) for name in shown],
        panel_height=290,
        gap=0.012,
        row_gap_px=26,
        shared=True,
    )
    own = where(drift, drift["recipe"] == BIASED + drift["target"])
    spans = (_span(rows, names, ["codec"]), _span(own, names, _drawn_methods(own, whole=whole)))
    for column, codebook in enumerate(shown, start=1):
        recipe = biased_recipe(codebook)
        toward = pick(drift, target=codebook)
        for row, table, quantity in ((1, rows, metric), (2, toward, _ATTRACTION)):
            cell = (row, column)
            _add_balanced(canvas, table, axis=axis, cell=cell, quantity=quantity)
            _add_emotions(
                canvas,
                pick(table, recipe=recipe),
                names=names,
                own=codebook,
                axis=axis,
                cell=cell,
                quantity=quantity,
            )
            canvas.lam_axis(axis, cell=cell, narrow=True)
        canvas.zero((2, column))
        _tell_reference(canvas, pick(toward, recipe=recipe, emotion=names), column, spans[1])
    canvas.y_axis(row=1, range=spans[0])
    canvas.y_axis(row=2, range=spans[1])
    _name_curves(canvas, names)
    canvas.x_axis(row=2, title="λ")
    canvas.y_axis(row=1, column=1, title=metric_words(metric).replace(", ", ",<br>"))
    words = "attraction toward the<br>codebook's emotion (degrees)"
    canvas.y_axis(row=2, column=1, title=words)
    return canvas.figure()


def _name_curves(canvas: Canvas, names: Sequence[str]) -> None:
    for name in names:
        canvas.legend(emotion_stroke(name, canvas.context), mode="lines+markers")
    color, dash = ink(dark=canvas.context.dark).muted, METHOD_DASHES[_REFERENCE]
    canvas.legend(Stroke(name=method_words(_REFERENCE), color=color, dash=dash))
    canvas.legend(_balanced_stroke(canvas))


def _span(table: pd.DataFrame, names: Sequence[str], methods: Sequence[str]) -> list[float]:
    """Return the vertical range that holds what is drawn of a table."""
    recipes = [biased_recipe(name) for name in biased_classes(table)]
    drawn = pick(table, recipe=recipes, emotion=names, method=methods)
    return fit_range(drawn, around=[0.0])


def _drawn_methods(own: pd.DataFrame, *, whole: bool) -> list[str]:
    """Leave the references out of the range where they would flatten the codec's curves."""
    codec = numbers(pick(own, method="codec"), "value")
    reference = numbers(pick(own, method=_REFERENCE), "value")
    far = (
        codec.size
        and reference.size
        and np.ptp(reference) + np.abs(reference).max()
        > (_FAR * (np.ptp(codec) + np.abs(codec).max()))
    )
    return ["codec"] if far and not whole else ["codec", _REFERENCE]


def _tell_reference(canvas: Canvas, rows: pd.DataFrame, column: int, span: Sequence[float]) -> None:
    """Say where the references are when they lie outside the panel."""
    values = numbers(pick(rows, method=_REFERENCE), "value")
    if values.size and (values > span[1]).mean() > 0.5:
        ends = f"{fixed(values.min(), decimals=0)}° to {fixed(values.max(), decimals=0)}°"
        canvas.note(f"blur: {ends} ↑", cell=(2, column))


def _balanced_stroke(canvas: Canvas) -> Stroke:
    color = ink(dark=canvas.context.dark).text
    name = f"{recipe_words('balanced')}, all clips"
    return Stroke(name=name, color=color, dash="dash", width=1.6, band=0.0)


def _add_balanced(
    canvas: Canvas,
    table: pd.DataFrame,
    *,
    axis: LamAxis,
    cell: tuple[int, int],
    quantity: str,
) -> None:
    """Add what the balanced codebook does, for comparison."""
    frame = pick(table, recipe="balanced", method="codec", emotion=ALL)
    canvas.curve(
        frame,
        stroke=_balanced_stroke(canvas),
        x=axis.at(frame["lam"]),
        cell=cell,
        quantity=quantity,
        decimals=1 if quantity == _ATTRACTION else 2,
        legend=False,
    )


def _add_emotions(
    canvas: Canvas,
    table: pd.DataFrame,
    *,
    names: Sequence[str],
    own: str,
    axis: LamAxis,
    cell: tuple[int, int],
    quantity: str,
) -> None:
    """Add the curves of all test emotions to a panel, the codebook's own last and thick."""
    in_degrees = quantity == _ATTRACTION
    for name in sorted(names, key=lambda name: name == own):
        stroke = emotion_stroke(
            name,
            canvas.context,
            width=3.2 if name == own else 1.6,
            band=0.14 if name == own else 0.0,
        )
        blur = replace(
            stroke,
            name=f"{stroke.name}, {method_words(_REFERENCE)}",
            dash=METHOD_DASHES[_REFERENCE],
            symbol="",
            width=1.4,
            opacity=0.75,
            band=0.0,
        )
        drawn = ((_REFERENCE, blur), ("codec", stroke)) if in_degrees else (("codec", stroke),)
        for method, line in drawn:
            frame = pick(table, emotion=name, method=method)
            canvas.curve(
                frame,
                stroke=line,
                x=axis.at(frame["lam"]),
                cell=cell,
                panel=recipe_words(biased_recipe(own)),
                quantity=quantity,
                decimals=1 if in_degrees else 2,
                unit="degrees" if in_degrees else "",
                legend=False,
            )


def biased_matrix(
    similarity: pd.DataFrame,
    attraction: pd.DataFrame,
    *,
    context: FigureContext,
    lam: float,
    quantity: str = "similarity",
    protocol: str = "speaker",
    metric: str = "cos_centred_frames",
) -> go.Figure:
    """Draw codebooks × test emotions at one λ.

    Parameters
    ----------
    similarity, attraction : pd.DataFrame
        The run's tables.
    context : FigureContext
        Run, split and background.
    lam : float >= 0
        The nearest λ of the run is taken.
    quantity : {"similarity", "attraction", "difference"}
        Similarity; attraction toward the codebook's emotion; or how much that exceeds the plain
        blur toward that emotion, marked ▲ or ▼ where the interval excludes zero.
    protocol, metric : str
        Which rows.

    Returns
    -------
    plotly.graph_objects.Figure
        Or a picture that says what is missing.
    """
    titles = {
        "similarity": "Similarity by codebook and emotion",
        "attraction": "Attraction toward the codebook's emotion",
        "difference": "Attraction beyond a plain blur toward the codebook's emotion",
    }
    table = similarity if quantity == "similarity" else attraction
    rows = _matrix_rows(table, quantity=quantity, protocol=protocol, metric=metric)
    chosen = nearest_lam(rows, lam)
    rows = at_lam(rows, chosen)
    title = f"{titles[quantity]}, {lam_text(chosen)}" if len(rows) else titles[quantity]
    if rows.empty:
        return empty_figure(
            "This run has no codebooks of single emotions. Type `quantlab train` with the run's "
            "folder and `--bias each`, then `quantlab sweep` with it.",
            context=context,
            title=title,
        )
    recipes = [biased_recipe(name) for name in biased_classes(rows)]
    recipes += ["balanced"] if (rows["recipe"] == "balanced").any() else []
    names = [*emotion_order(rows["emotion"]), ALL]
    rows = pick(rows, emotion=names)
    in_degrees = quantity != "similarity"
    reach = float(np.nanmax(np.abs(rows["value"]))) or 1.0
    limits = (-reach, reach) if in_degrees or rows["value"].min() < -0.2 else (0.0, 1.0)
    canvas = Canvas(
        title=title,
        context=with_protocol(context, protocol),
        panel_height=40 * len(recipes) + 20,
    )
    decimals = 1 if in_degrees else 2
    verdicts = list(rows["verdict_before_holm"]) if quantity == "difference" else [""] * len(rows)
    add_cells(
        canvas,
        rows,
        row_names=[recipe_words(name) for name in recipes],
        column_names=names,
        places=[
            (recipes.index(recipe), names.index(name))
            for recipe, name in zip(rows["recipe"], rows["emotion"], strict=True)
        ],
        quantity=metric if quantity == "similarity" else f"{quantity} in degrees",
        limits=limits,
        decimals=decimals,
        unit="degrees" if in_degrees else "",
        texts=[
            f"{fixed(value, decimals=decimals)}{_MARKS.get(verdict, '')}"
            for value, verdict in zip(rows["value"], verdicts, strict=True)
        ],
    )
    canvas.x_axis(title="emotion of the clip")
    return canvas.figure()


def _matrix_rows(table: pd.DataFrame, *, quantity: str, protocol: str, metric: str) -> pd.DataFrame:
    """Return the rows of the matrix for all λ."""
    if quantity == "similarity":
        rows = pick(table, protocol=protocol, metric=metric, method="codec")
        recipes = [biased_recipe(name) for name in biased_classes(rows)]
        return pick(rows, recipe=[*recipes, "balanced"] if recipes else [])
    method = "codec" if quantity == "attraction" else f"{DIFFERENCE}{_REFERENCE}"
    rows = pick(table, protocol=protocol, method=method)
    return where(rows, rows["recipe"] == BIASED + rows["target"])
