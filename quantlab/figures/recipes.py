"""Codebooks × test emotions at equal bits, or at equal distortion, the diagonal outlined."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.biased import biased_classes
from quantlab.figures.canvas import Canvas
from quantlab.figures.cells import add_cells
from quantlab.figures.claims import NOTHING
from quantlab.figures.context import FigureContext, with_protocol
from quantlab.figures.empty import empty_figure
from quantlab.figures.tables import nearest_lam, numbers, pick, pick_by, records, where
from quantlab.figures.words import (
    ALL,
    BIASED,
    axis_words,
    biased_recipe,
    counted,
    emotion_order,
    fixed,
    joined,
    lam_text,
    method_words,
    metric_words,
    number,
    plain,
    probe_words,
    recipe_words,
    sentence_case,
)

LAM = "lam"
"""Name of the comparison at equal λ; the others are axes of the table `matched`."""

_OTHERS = ("balanced", "natural", "shuffled")
_METHODS = ("codec", "shrink_class", "water_class")
_RECALL, _DEGREES = "recall_", "attraction_own"
_TITLES = {LAM: "equal λ", "payload_bits": "equal bits", "distortion": "equal distortion"}
_HALF_CLAMPED = 0.5


def recipe_matrix(
    matched: pd.DataFrame,
    *,
    context: FigureContext,
    axis: str = "payload_bits",
    level: float | None = None,
    metric: str = "cos_centred_frames",
    protocol: str = "speaker",
    similarity: pd.DataFrame | None = None,
) -> go.Figure:
    """Draw codebooks × test emotions where all of them stand at one level.

    Parameters
    ----------
    matched : pd.DataFrame
        The run's table.
    context : FigureContext
        Run, split and background.
    axis : {"payload_bits", "distortion", "lam"}
        What is equal.
    level : float, optional
        The nearest one of the table is taken; the middle one when omitted.
    metric : str
        Of the table, for example ``cos_centred_frames`` or ``recall_logistic``.
    protocol : str
        Which rows.
    similarity : pd.DataFrame, optional
        The run's table `similarity`, needed for "lam".

    Returns
    -------
    plotly.graph_objects.Figure
        A frame marks each codebook's own emotion. Below each codebook of one emotion stands, where
        the table has it, the blur toward that emotion's mean. "†": most clips do not reach the
        level. Or a picture that says what is missing.
    """
    name = _TITLES.get(axis, axis)
    rows = recipe_rows(matched, axis=axis, metric=metric, protocol=protocol, similarity=similarity)
    title = f"{_subject(metric)} by codebook and emotion"
    if not biased_classes(rows):
        return empty_figure(
            f"Codebooks of single emotions were not compared at {name}. Type `quantlab train` with "
            "the run's folder and `--bias each`, then `quantlab sweep` with it.",
            context=context,
            title=f"{title}, at {name}",
        )
    chosen = some_level(rows, level, axis=axis)
    rows = where(rows, numbers(rows, "level") == chosen)
    lines = _lines(rows)
    names = [*emotion_order(rows["emotion"]), ALL]
    names = [one for one in names if (rows["emotion"] == one).any()]
    rows = where(rows, [(row["recipe"], row["method"]) in lines for row in records(rows)])
    limits, decimals = _limits(rows, metric), 1 if metric == _DEGREES else 2
    canvas = Canvas(
        title=f"{title}, {_level_text(axis, chosen)}",
        context=with_protocol(context, protocol),
        panel_height=36 * len(lines) + 20,
    )
    row_names = [_line_words(recipe, method) for recipe, method in lines]
    add_cells(
        canvas,
        rows,
        row_names=row_names,
        column_names=names,
        places=[
            (lines.index((row["recipe"], row["method"])), names.index(row["emotion"]))
            for row in records(rows)
        ],
        quantity=metric,
        limits=limits,
        decimals=decimals,
        unit="degrees" if metric == _DEGREES else "",
        texts=[_cell_text(row, decimals) for row in records(rows)],
        over_lam=axis == LAM,
    )
    for place, (recipe, method) in enumerate(lines):
        own = recipe.removeprefix(BIASED)
        if method == "codec" and recipe.startswith(BIASED) and own in names:
            canvas.outline(names.index(own), place)
    answers = ""
    if metric.startswith(_RECALL):
        answers = f" (answers of the {probe_words(metric.removeprefix(_RECALL))})"
    canvas.x_axis(title=f"emotion of the clip{answers}")
    return canvas.figure()


def recipe_rows(
    matched: pd.DataFrame,
    *,
    axis: str,
    metric: str,
    protocol: str,
    similarity: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the rows of one comparison with columns level and clamped; at equal λ too."""
    if axis != LAM:
        rows = pick_by(matched, "level", protocol=protocol, axis=axis, metric=metric)
        return rows.assign(lam=np.nan)
    if similarity is None:
        return matched.iloc[:0].assign(lam=np.nan)
    rows = pick(similarity, protocol=protocol, metric=metric, method="codec")
    return rows.assign(level=rows["lam"], clamped=0.0)


def matrix_levels(
    matched: pd.DataFrame, *, axis: str, metric: str, protocol: str = "speaker"
) -> list[float]:
    """Return the levels at which `recipe_matrix` can be drawn, ascending."""
    rows = recipe_rows(matched, axis=axis, metric=metric, protocol=protocol)
    levels = np.unique(numbers(rows, "level"))
    return [float(level) for level in levels[np.isfinite(levels)]]


def some_level(rows: pd.DataFrame, level: float | None, *, axis: str) -> float:
    """Return the level of a table that is nearest to the given one, or the middle one."""
    levels = np.unique(numbers(rows, "level"))
    levels = levels[np.isfinite(levels)]
    if level is None or not np.isfinite(level):
        return float(levels[len(levels) // 2])
    if axis == LAM:
        return nearest_lam(rows.assign(lam=rows["level"]), level)
    return float(levels[np.argmin(np.abs(levels - level))])


def _subject(metric: str) -> str:
    if metric.startswith(_RECALL):
        return "Recall"
    return {"cos_centred_frames": "Similarity", "distortion": "Distortion"}.get(
        metric, sentence_case(metric_words(metric))
    )


def _level_text(axis: str, level: float) -> str:
    if axis == LAM:
        return lam_text(level)
    words = axis_words(axis).split(" (")[0]
    return f"{number(level)} {words}" if "bits" in words else f"{words} {number(level)}"


def _lines(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Return recipe and method of each row of the matrix: biased codecs, then the others."""
    known = {(row["recipe"], row["method"]) for row in records(rows)}
    recipes = [biased_recipe(name) for name in biased_classes(rows)]
    recipes += [name for name in _OTHERS if name not in recipes]
    rest = {str(recipe) for recipe, _ in known} - set(recipes)
    lines = [(recipe, method) for recipe in [*recipes, *sorted(rest)] for method in _METHODS]
    return [line for line in lines if line in known]


def _line_words(recipe: str, method: str) -> str:
    """Name a row; `add_cells` escapes it, so that it must not be escaped here."""
    own = recipe.removeprefix(BIASED)
    if method == "codec":
        return f"{own} codebook" if recipe.startswith(BIASED) else recipe_words(recipe)
    kind = {"shrink_class": "blur toward", "water_class": "water-filling of"}[method]
    return f"… {kind} {own}"


def _limits(rows: pd.DataFrame, metric: str) -> tuple[float, float]:
    values = numbers(rows, "value")
    reach = float(np.nanmax(np.abs(values))) or 1.0
    if metric == _DEGREES or np.nanmin(values) < -0.2:
        return -reach, reach
    return (0.0, reach) if metric in ("distortion", "payload_bits") else (0.0, 1.0)


def _cell_text(row: dict, decimals: int) -> str:
    text = fixed(float(row["value"]), decimals=decimals)
    return f"{text} †" if row["clamped"] > _HALF_CLAMPED else text


def read_matrix(
    matched: pd.DataFrame,
    *,
    axis: str,
    metric: str = "cos_centred_frames",
    protocol: str = "speaker",
    level: float | None = None,
    similarity: pd.DataFrame | None = None,
) -> str:
    """Say how many biased codebooks serve their own emotion better than the balanced one; HTML."""
    rows = recipe_rows(matched, axis=axis, metric=metric, protocol=protocol, similarity=similarity)
    names = biased_classes(rows)
    if not names:
        return NOTHING
    rows = where(rows, numbers(rows, "level") == some_level(rows, level, axis=axis))
    values = {
        (row["recipe"], row["method"], row["emotion"]): (row["value"], row["low"], row["high"])
        for row in records(rows)
    }
    unknown = (float("nan"),) * 3
    better, clearly, beyond = [], [], []
    for name in names:
        own = values.get((biased_recipe(name), "codec", name), unknown)
        plainly = values.get(("balanced", "codec", name), unknown)
        blurred = values.get((biased_recipe(name), "shrink_class", name), unknown)
        better += [name] if own[0] > plainly[0] else []
        clearly += [name] if own[1] > plainly[2] else []
        beyond += [name] if own[0] > blurred[0] else []
    text = (
        f"At {_TITLES.get(axis, axis)}, {_of(better, names)} serve their own emotion better than "
        f"the balanced codebook does, {len(clearly)} of them by more than both intervals."
    )
    if any(key[1] == "shrink_class" for key in values):
        blur = method_words("shrink_class").split(",")[0].replace("that class", "that emotion")
        text += f" {sentence_case(_of(beyond, names))} serve it better than the {blur} does."
    if any(row["clamped"] > _HALF_CLAMPED for row in records(rows)):
        text += " Most clips of cells with † do not reach the level."
    return text


def _of(found: Sequence[str], names: Sequence[str]) -> str:
    listed = f" ({joined([plain(name) for name in found])})" if 0 < len(found) < len(names) else ""
    return f"{len(found)} of {counted(len(names), 'codebook')}{listed}"
