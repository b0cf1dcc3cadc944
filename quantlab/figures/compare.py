"""Who pays first: emotions under different ways of losing the same amount of similarity.

Methods are compared where their similarity over the whole set is equal, never at equal λ.
"""

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.axes import fit_range
from quantlab.figures.canvas import Canvas
from quantlab.figures.context import FigureContext, with_protocol
from quantlab.figures.empty import empty_figure
from quantlab.figures.palette import ink
from quantlab.figures.strokes import Stroke, emotion_stroke
from quantlab.figures.tables import coded, numbers, pick, where
from quantlab.figures.words import (
    ALL,
    emotion_order,
    method_words,
    metric_words,
    probe_words,
    sentence_case,
)

REDUCTIONS = ("codec", "drop_least", "drop_most", "coarse_step", "noise", "truncate")
"""Ways of losing similarity, in the order of columns."""

_FEW_COLUMNS = 3


def reduction_curves(
    similarity: pd.DataFrame,
    accuracy: pd.DataFrame | None = None,
    *,
    context: FigureContext,
    metric: str = "cos_centred_frames",
    probe: str = "logistic",
    protocol: str = "speaker",
    relative: bool = False,
    emotions: Sequence[str] | None = None,
) -> go.Figure:
    """Draw each emotion's similarity, and recall, over the similarity of the whole set.

    Parameters
    ----------
    similarity : pd.DataFrame
        The run's table `similarity`.
    accuracy : pd.DataFrame, optional
        The run's table `accuracy`; adds a second row with the recall of each emotion.
    context : FigureContext
        Run, split and background.
    metric, probe, protocol : str
        Which rows.
    relative : bool
        Draw the difference to the whole set instead of the similarity itself.
    emotions : sequence of str, optional
        Classes to draw; all when omitted.

    Returns
    -------
    plotly.graph_objects.Figure
        One column per method, so that columns can be compared at equal similarity; or a picture
        that says what is missing.
    """
    title = "Who loses first at equal similarity of the whole set"
    rows = pick(similarity, metric=metric, protocol=protocol, recipe="balanced")
    rows = coded(rows)
    shown = [name for name in REDUCTIONS if (rows["method"] == name).any()]
    if len(shown) < 2:
        return empty_figure(
            "Direct reductions of similarity were not computed for this run. Add `reductions` to "
            "the study and type `quantlab sweep` again.",
            context=context,
            title=title,
        )
    recalls = _recalls(accuracy, probe=probe, protocol=protocol)
    num_rows = 1 if recalls is None else 2
    canvas = Canvas(
        title=title,
        context=with_protocol(context, protocol),
        rows=num_rows,
        columns=len(shown),
        panel_titles=[_panel_title(name, len(shown)) for name in shown],
        panel_height=320,
        gap=0.035,
        shared=True,
    )
    names = [name for name in emotion_order(rows["emotion"]) if not emotions or name in emotions]
    drawn = []
    for column, method in enumerate(shown, start=1):
        of_method = pick(rows, method=method)
        whole = pick(of_method, emotion=ALL)
        mean = pd.Series(numbers(whole, "value"), index=numbers(whole, "lam"))
        _add_identity(canvas, mean, cell=(1, column), relative=relative)
        for name in names:
            for row, table, quantity in ((1, of_method, metric), (2, recalls, "recall")):
                if table is None or row > num_rows:
                    continue
                frame = pick(table, emotion=name, method=method)
                frame = where(frame, np.isin(numbers(frame, "lam"), mean.index))
                if row == 1:
                    frame = _less(frame, mean) if relative else frame
                    drawn.append(frame)
                canvas.curve(
                    frame,
                    stroke=emotion_stroke(name, context, band=0.1 if row == 1 else 0.05),
                    x=_at(mean, frame),
                    cell=(row, column),
                    panel=method_words(method),
                    quantity=quantity,
                    legend=row == 1 and column == 1,
                    over_lam=False,
                )
    _dress(
        canvas,
        rows,
        shown,
        metric=metric,
        probe=probe,
        num_rows=num_rows,
        relative=relative,
        vertical=fit_range(*drawn),
    )
    return canvas.figure()


def _panel_title(method: str, columns: int) -> str:
    """Name a column; where many stand side by side, on two lines."""
    words = sentence_case(method_words(method))
    if columns <= _FEW_COLUMNS:
        return words
    return "<br>".join(textwrap.wrap(words, width=max(16, len(words) // 2 + 2)))


def _recalls(accuracy: pd.DataFrame | None, *, probe: str, protocol: str) -> pd.DataFrame | None:
    if accuracy is None:
        return None
    rows = pick(accuracy, metric="recall", probe=probe, protocol=protocol, recipe="balanced")
    rows = pick(coded(rows), method=REDUCTIONS)
    return rows if len(rows) else None


def _at(mean: pd.Series, frame: pd.DataFrame) -> np.ndarray:
    """Return the set's similarity [L] at the λ of each row."""
    return mean.reindex(numbers(frame, "lam")).to_numpy(np.float64)


def _less(frame: pd.DataFrame, mean: pd.Series) -> pd.DataFrame:
    """Subtract the set's similarity; the interval is left out because the two are paired."""
    return frame.assign(value=numbers(frame, "value") - _at(mean, frame), low=np.nan, high=np.nan)


def _add_identity(
    canvas: Canvas,
    mean: pd.Series,
    *,
    cell: tuple[int, int],
    relative: bool,
) -> None:
    """Draw where an emotion fares like the whole set."""
    frame = pd.DataFrame({"lam": mean.index, "value": 0.0 if relative else mean.to_numpy()})
    frame = frame.assign(low=np.nan, high=np.nan, num_items=0, num_speakers=0)
    stroke = Stroke(
        name="the whole set",
        color=ink(dark=canvas.context.dark).muted,
        dash="dash",
        width=1.4,
        band=0.0,
    )
    canvas.curve(
        frame,
        stroke=stroke,
        x=mean.to_numpy(np.float64),
        cell=cell,
        panel="",
        quantity="identity",
        legend=cell == (1, 1),
        over_lam=False,
    )


def _dress(
    canvas: Canvas,
    rows: pd.DataFrame,
    shown: Sequence[str],
    *,
    metric: str,
    probe: str,
    num_rows: int,
    relative: bool,
    vertical: list[float],
) -> None:
    whole = numbers(pick(rows, emotion=ALL, method=shown), "value")
    spread = 0.03 * max(float(whole.max() - whole.min()), 0.1)
    span = [float(whole.max()) + spread, float(whole.min()) - spread]
    canvas.x_axis(range=span, showgrid=True)
    canvas.x_axis(row=num_rows, title="similarity of the whole set")
    kind = metric_words(metric).replace(", ", ",<br>")
    kind = f"{kind},<br>less that of the whole set" if relative else kind
    canvas.y_axis(row=1, range=vertical)
    canvas.y_axis(row=1, column=1, title=kind)
    if num_rows == 2:
        canvas.y_axis(row=2, range=[-0.03, 1.04], tickformat=".0%")
        canvas.y_axis(row=2, column=1, title=f"recall, {probe_words(probe)}")
