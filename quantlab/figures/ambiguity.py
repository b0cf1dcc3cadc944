"""Clips that annotators agree on, and clips that they do not, under quantization."""

from collections.abc import Iterable, Sequence

import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.axes import LamAxis, fit_range
from quantlab.figures.canvas import Canvas
from quantlab.figures.claims import NOTHING
from quantlab.figures.context import FigureContext, with_protocol
from quantlab.figures.empty import empty_figure
from quantlab.figures.strokes import series_stroke
from quantlab.figures.tables import at_lam, coded, nearest_lam, numbers, pick, records
from quantlab.figures.words import (
    ALL,
    lam_text,
    metric_words,
    plain,
    recipe_words,
    sentence_case,
    share,
    share_text,
)

METRICS = ("accuracy", "macro_f1", "js_bits", "top2")
SOURCES = ("votes", "probe")
_SOURCE_WORDS = {"votes": "agreement of annotators", "probe": "certainty of a cross-fitted probe"}
_ORDER = ("clear", "middle", "ambiguous")
_SHARES = ("accuracy", "macro_f1", "top2")


def agreement_order(labels: Iterable[str]) -> list[str]:
    """Sort classes of agreement from the clearest to the most ambiguous; unknown ones last.

    Examples
    --------
    >>> agreement_order(["ambiguous", "clear", "middle"]), agreement_order(["0.5", "1.0", "0.75"])
    (['clear', 'middle', 'ambiguous'], ['1.0', '0.75', '0.5'])
    """

    def rank(label: str) -> tuple[int, float, str]:
        if label in _ORDER:
            return 0, float(_ORDER.index(label)), label
        try:
            return 1, -float(label), label
        except ValueError:
            return 2, 0.0, label

    return sorted({str(label) for label in labels}, key=rank)


def agreement_words(label: str) -> str:
    """Say a class of agreement in plain words, e.g. "67 % agree", escaped."""
    try:
        return f"{share(float(label))} agree"
    except ValueError:
        return plain(label)


def ambiguity_curves(
    ambiguity: pd.DataFrame,
    *,
    context: FigureContext,
    source: str | None = None,
    protocol: str = "speaker",
    recipe: str = "balanced",
    emotion: str = ALL,
) -> go.Figure:
    """Draw each metric over λ, one curve for each class of agreement.

    Parameters
    ----------
    ambiguity : pd.DataFrame
        The run's table.
    context : FigureContext
        Run, split and background.
    source : {"votes", "probe"}, optional
        Where agreement comes from; votes where the table has them when omitted.
    protocol, recipe, emotion : str
        Which rows.

    Returns
    -------
    plotly.graph_objects.Figure
        Or a picture that says what is missing.
    """
    rows = pick(ambiguity, protocol=protocol, recipe=recipe, emotion=emotion)
    source = source or best_source(rows)
    words = _SOURCE_WORDS.get(source, plain(source))
    title = f"Clear and ambiguous clips, by {words}"
    rows = coded(pick(rows, source=source))
    shown = [metric for metric in METRICS if (rows["metric"] == metric).any()]
    if not shown:
        return empty_figure(
            f"Clips were not told apart by the {words}. Type `quantlab sweep` with the run's "
            "folder to compute it.",
            context=context,
            title=title,
        )
    axis = LamAxis.of(rows["lam"])
    canvas = Canvas(
        title=f"{title}, {recipe_words(recipe)}",
        context=with_protocol(context, protocol),
        columns=len(shown),
        panel_titles=[_short(metric) for metric in shown],
        panel_height=340,
        gap=0.055,
    )
    labels = agreement_order(rows["agreement"])
    for column, metric in enumerate(shown, start=1):
        here = pick(rows, metric=metric)
        for place, label in enumerate(labels):
            frame = pick(here, agreement=label)
            canvas.curve(
                frame,
                stroke=series_stroke(place, agreement_words(label), context),
                x=axis.at(frame["lam"]),
                cell=(1, column),
                panel=metric_words(metric),
                quantity=metric,
                legend=column == 1,
            )
        canvas.lam_axis(axis, cell=(1, column), narrow=len(shown) > 2)
        _scale(canvas, here, metric, column)
    canvas.x_axis(title="λ")
    return canvas.figure()


def best_source(rows: pd.DataFrame) -> str:
    """Return votes where a table has them, else what it has."""
    found = set(rows["source"])
    return next((name for name in SOURCES if name in found), SOURCES[0])


def _short(metric: str) -> str:
    words = {"js_bits": "Distance to soft labels (bits)", "top2": "Two most likely right"}
    return words.get(metric) or sentence_case(metric_words(metric))


def _scale(canvas: Canvas, rows: pd.DataFrame, metric: str, column: int) -> None:
    if metric in _SHARES:
        canvas.y_axis(column=column, range=[-0.03, 1.04], tickformat=".0%")
    else:
        canvas.y_axis(column=column, range=fit_range(rows, around=[0.0]))


def read_ambiguity(
    ambiguity: pd.DataFrame, *, lam: float, protocol: str = "speaker", recipe: str = "balanced"
) -> str:
    """Say what clear and ambiguous clips lose between no quantization to speak of and λ; HTML."""
    rows = coded(pick(ambiguity, protocol=protocol, recipe=recipe, emotion=ALL))
    rows = pick(rows, source=best_source(rows))
    rows = pick(rows, metric="accuracy")
    if rows.empty:
        return NOTHING
    first, there = float(numbers(rows, "lam").min()), nearest_lam(rows, lam)
    labels = agreement_order(rows["agreement"])
    parts = [
        f"{agreement_words(label)}: {_at(rows, label, first)} → <b>{_at(rows, label, there)}</b>"
        for label in labels
    ]
    return (
        f"Accuracy from {lam_text(first)} to {lam_text(there)} – {'; '.join(parts)}. "
        f"{_order_at(rows, labels, there)}"
    )


def _at(rows: pd.DataFrame, label: str, lam: float) -> str:
    values = numbers(at_lam(pick(rows, agreement=label), lam), "value")
    return share(float(values[0])) if values.size else "–"


def _order_at(rows: pd.DataFrame, labels: Sequence[str], lam: float) -> str:
    """Say whether the clearest and the most ambiguous clips differ at λ."""
    ends = [records(at_lam(pick(rows, agreement=label), lam)) for label in (labels[0], labels[-1])]
    if len(labels) < 2 or not all(ends):
        return ""
    clear, vague = ends[0][0], ends[1][0]
    told = [
        share_text(*(float(row[key]) for key in ("value", "low", "high"))) for row in (clear, vague)
    ]
    names = [agreement_words(label) for label in (labels[0], labels[-1])]
    both = f"{names[0]} {told[0]} and {names[1]} {told[1]}"
    if clear["low"] > vague["high"]:
        return f"There the clearest clips are still ahead: {both}."
    if clear["high"] < vague["low"]:
        return f"There the most ambiguous clips are ahead: {both}."
    return f"There their order cannot be told from the intervals: {both}."
