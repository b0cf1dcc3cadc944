"""What recognition loses for good, and what only a probe of clean embeddings no longer finds.

A probe that is fitted anew on quantized embeddings finds information that has moved; what it finds
beyond the probe of unquantized embeddings is shifted, not lost.
"""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.axes import LAM_TITLE, LamAxis, fit_range
from quantlab.figures.canvas import Canvas
from quantlab.figures.claims import NOTHING
from quantlab.figures.context import FigureContext, with_protocol
from quantlab.figures.empty import empty_figure
from quantlab.figures.strokes import Stroke, series_stroke
from quantlab.figures.tables import at_lam, coded, frame_of, nearest_lam, numbers, pick
from quantlab.figures.words import (
    ALL,
    interval_text,
    lam_text,
    metric_words,
    recipe_words,
    sentence_case,
    share_text,
)

PROBES = ("clean", "retrained", "head")
_UAR, _BITS = "uar", "v_information_bits"
_WORDS = {
    "clean": "probe of unquantized clips",
    "retrained": "probe fitted anew at each λ",
    "head": "the embedder's own classifier",
}
_PANELS = {_UAR: "Recognition", _BITS: "Information"}
_GAP = "shifted, not lost"


def information_curves(
    information: pd.DataFrame,
    *,
    context: FigureContext,
    protocol: str = "speaker",
    recipe: str = "balanced",
    method: str = "codec",
    emotion: str = ALL,
) -> go.Figure:
    """Draw recognition and V-information over λ for probes of clean and of quantized clips.

    Parameters
    ----------
    information : pd.DataFrame
        The run's table.
    context : FigureContext
        Run, split and background.
    protocol, recipe, method, emotion : str
        Which rows.

    Returns
    -------
    plotly.graph_objects.Figure
        Left recall, right bits; what lies between the two probes is shaded. Or a picture that says
        what is missing.
    """
    title = f"Lost, or shifted? {sentence_case(recipe_words(recipe))}"
    rows = pick(information, protocol=protocol, recipe=recipe, emotion=emotion)
    chances = numbers(pick(rows, metric=_UAR), "chance")
    rows = coded(pick(rows, method=method))
    shown = [metric for metric in (_UAR, _BITS) if (rows["metric"] == metric).any()]
    if not shown:
        return empty_figure(
            f"Information was not estimated for the {recipe_words(recipe)}. Type `quantlab sweep` "
            "with the run's folder to compute it.",
            context=context,
            title=title,
        )
    axis = LamAxis.of(rows["lam"])
    canvas = Canvas(
        title=title,
        context=with_protocol(context, protocol),
        columns=len(shown),
        panel_titles=[_PANELS[metric] for metric in shown],
        panel_height=390,
        gap=0.09,
    )
    for column, metric in enumerate(shown, start=1):
        here = pick(rows, metric=metric)
        _shade(canvas, here, axis, cell=(1, column))
        for place, probe in enumerate(PROBES):
            frame = pick(here, probe=probe)
            canvas.curve(
                frame,
                stroke=series_stroke(place, _WORDS[probe], context),
                x=axis.at(frame["lam"]),
                cell=(1, column),
                panel=metric_words(metric),
                quantity=metric,
                legend=column == 1,
            )
        canvas.lam_axis(axis, cell=(1, column))
        levels = _levels(metric, chances)
        for value, label in levels:
            canvas.level(
                value,
                label=label,
                ends=axis.ends,
                cell=(1, column),
                panel=metric_words(metric),
                quantity=metric,
                above=value > 0,
            )
        marks = [value for value, _ in levels]
        if metric == _UAR:
            canvas.y_axis(column=column, range=[-0.03, 1.04], tickformat=".0%")
        else:
            canvas.y_axis(column=column, range=fit_range(here, around=marks))
        canvas.y_axis(column=column, title=metric_words(metric))
    _name_gap(canvas)
    canvas.x_axis(title=LAM_TITLE if len(shown) == 1 else "quantization strength λ")
    return canvas.figure()


def _levels(metric: str, chances: np.ndarray) -> list[tuple[float, str]]:
    """Return chance; or the most that there is to know, and nothing known."""
    known = chances[np.isfinite(chances) & (chances > 0)]
    if metric == _UAR:
        return [(float(known[0]), "chance")] if known.size else []
    ceiling = [(-float(np.log2(known[0])), "all there is to know")] if known.size else []
    return [*ceiling, (0.0, "nothing")]


def _gap(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the λ at which the new probe finds more, with both ends of what lies between."""
    clean, anew = (
        frame_of(pick(rows, probe=probe), {"lam": "lam", "value": probe})
        for probe in ("clean", "retrained")
    )
    both = clean.merge(anew, on="lam", how="inner").sort_values("lam", kind="stable")
    least = numbers(both, "clean")
    return pd.DataFrame(
        {
            "lam": numbers(both, "lam"),
            "low": least,
            "high": np.maximum(least, numbers(both, "retrained")),
        }
    )


def _shade(canvas: Canvas, rows: pd.DataFrame, axis: LamAxis, *, cell: tuple[int, int]) -> None:
    gap = _gap(rows)
    if len(gap) > 1:
        color = series_stroke(1, "", canvas.context).color
        shade = Stroke(name=_GAP, color=color, band=0.22, group=_GAP)
        canvas.band(gap, stroke=shade, x=axis.at(gap["lam"]), cell=cell)


def _name_gap(canvas: Canvas) -> None:
    color = series_stroke(1, "", canvas.context).color
    canvas.legend(Stroke(name=_GAP, color=f"{color}55", width=9, group=_GAP))


def read_information(
    information: pd.DataFrame,
    *,
    lam: float,
    protocol: str = "speaker",
    recipe: str = "balanced",
    method: str = "codec",
) -> str:
    """Say what both probes find at λ, in recall and bits, and how much is only shifted; HTML."""
    rows = pick(information, protocol=protocol, recipe=recipe, method=method, emotion=ALL)
    rows = coded(rows)
    rows = at_lam(rows, nearest_lam(rows, lam))
    sentences = []
    for metric in (_UAR, _BITS):
        found = {
            probe: pick(rows, metric=metric, probe=probe).iloc[:1]
            for probe in ("clean", "retrained")
        }
        if any(part.empty for part in found.values()):
            continue
        told = {probe: _told(part, metric) for probe, part in found.items()}
        sure = _apart(found["clean"], found["retrained"])
        unsure = "" if sure else " (their intervals overlap)"
        sentences.append(
            f"the probe of unquantized clips finds {told['clean']}, one fitted anew "
            f"<b>{told['retrained']}</b>{unsure}"
        )
    if not sentences:
        return NOTHING
    at = f"At {lam_text(float(numbers(rows, 'lam')[0]))}"
    meaning = "What the second finds beyond the first is shifted, the rest is lost."
    return f"{at} {'; '.join(sentences)}. {meaning}"


def _told(part: pd.DataFrame, metric: str) -> str:
    """Write the value of a row with its interval: percent of recall, or bits."""
    ends = [float(numbers(part, name)[0]) for name in ("value", "low", "high")]
    return share_text(*ends) if metric == _UAR else f"{interval_text(*ends)} bits"


def _apart(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    (low, high), (other_low, other_high) = (
        (float(numbers(part, "low")[0]), float(numbers(part, "high")[0])) for part in (one, other)
    )
    return high < other_low or low > other_high
