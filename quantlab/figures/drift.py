"""Where embeddings move: attraction to each class beside that of a plain blur.

Attraction is the angle to a class's centroid before quantization minus the angle after it, in
degrees: positive means that the embedding came closer to that class.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.axes import LamAxis, fit_range
from quantlab.figures.canvas import Canvas
from quantlab.figures.context import FigureContext, with_protocol
from quantlab.figures.empty import empty_figure
from quantlab.figures.palette import METHOD_DASHES, ink
from quantlab.figures.strokes import Stroke, emotion_stroke
from quantlab.figures.tables import pick, where
from quantlab.figures.words import ALL, emotion_order, method_words, plain, recipe_words

EACH_OTHER = "each other"
"""Value of `emotion` that draws every class except the target itself."""

VERDICT_WORDS = {
    "above": "closer than the plain blur brings it",
    "below": "less close than the plain blur brings it",
    "inside": "no more than the plain blur explains",
    "cannot tell": "cannot tell: too few speakers",
}
DIFFERENCE = "codec-minus-"
_SURE = ("above", "below")


def attraction_curves(
    attraction: pd.DataFrame,
    *,
    context: FigureContext,
    protocol: str = "speaker",
    recipe: str = "balanced",
    emotion: str = ALL,
    targets: Sequence[str] | None = None,
    reference: str = "shrink_mean",
) -> go.Figure:
    """Draw how far embeddings are drawn toward each class, beside the reference.

    Parameters
    ----------
    attraction : pd.DataFrame
        The run's table `attraction`.
    context : FigureContext
        Run, split and background.
    protocol, recipe : str
        Which rows.
    emotion : str
        Whose embeddings: a class, "all", or `EACH_OTHER` for one curve per class except the target.
    targets : sequence of str, optional
        Classes that embeddings may be drawn to, one panel each; all when omitted.
    reference : {"shrink_mean", "shrink_class"}
        What the codec is compared with.

    Returns
    -------
    plotly.graph_objects.Figure
        First row: attraction of the codec and of the reference. Second row: their paired
        difference; hollow points are those whose interval reaches zero or that cannot be told. Or
        a picture that says what is missing.
    """
    title = f"Drift toward each emotion, {recipe_words(recipe)}"
    rows = pick(attraction, protocol=protocol, recipe=recipe)
    found = emotion_order(rows["target"])
    shown = [name for name in found if not targets or name in targets]
    if not shown:
        return empty_figure(
            f"Attraction was not computed for the {recipe_words(recipe)}. Type `quantlab sweep` "
            "with the run's folder to compute it.",
            context=context,
            title=title,
        )
    axis = LamAxis.of(rows["lam"])
    canvas = Canvas(
        title=title,
        context=with_protocol(context, protocol),
        rows=2,
        columns=len(shown),
        panel_titles=[f"toward {plain(name)}" for name in shown],
        panel_height=250,
        gap=0.012,
        row_gap_px=26,
        shared=True,
    )
    classes = emotion_order(rows["emotion"])
    for column, target in enumerate(shown, start=1):
        names = [name for name in classes if name != target] if emotion == EACH_OTHER else [emotion]
        for name in names:
            of_target = pick(rows, target=target, emotion=name)
            _add_drift(
                canvas,
                of_target,
                name=name,
                axis=axis,
                column=column,
                panel=f"toward {target}",
                reference=reference,
            )
        for row in (1, 2):
            canvas.lam_axis(axis, cell=(row, column), narrow=True)
            canvas.zero((row, column))
    _name_drift(canvas, names=classes if emotion == EACH_OTHER else [], emotion=emotion)
    _name_reference(canvas, reference)
    canvas.x_axis(row=2, title="λ")
    drawn = _drawn(pick(rows, target=shown), emotion)
    above = pick(drawn, method=["codec", reference])
    apart = pick(drawn, method=f"{DIFFERENCE}{reference}")
    canvas.y_axis(row=1, range=fit_range(above, around=[0.0]))
    canvas.y_axis(row=2, range=fit_range(apart, around=[0.0]))
    canvas.y_axis(row=1, column=1, title="attraction (degrees)")
    canvas.y_axis(row=2, column=1, title="more than the<br>plain blur (degrees)")
    return canvas.figure()


def _drawn(rows: pd.DataFrame, emotion: str) -> pd.DataFrame:
    """Return the rows of the classes that are drawn."""
    if emotion != EACH_OTHER:
        return pick(rows, emotion=emotion)
    others = (rows["emotion"] != rows["target"]) & (rows["emotion"] != ALL)
    return where(rows, others)


def _add_drift(
    canvas: Canvas,
    rows: pd.DataFrame,
    *,
    name: str,
    axis: LamAxis,
    column: int,
    panel: str,
    reference: str,
) -> None:
    """Add one class's three curves: codec and reference above, their difference below."""
    context = canvas.context
    base = _drift_stroke(name, context)
    blur = replace(
        base,
        name=f"{base.name}, {method_words(reference)}",
        color=ink(dark=context.dark).muted if name == ALL else base.color,
        dash=METHOD_DASHES[reference],
        symbol="",
        width=1.6,
        opacity=0.85,
        band=0.0,
    )
    curves = (
        (1, reference, blur, "attraction in degrees"),
        (1, "codec", base, "attraction in degrees"),
        (2, f"{DIFFERENCE}{reference}", base, "attraction beyond the reference in degrees"),
    )
    for row, method, stroke, quantity in curves:
        frame = pick(rows, method=method)
        canvas.curve(
            frame,
            stroke=stroke,
            x=axis.at(frame["lam"]),
            cell=(row, column),
            panel=panel,
            quantity=quantity,
            decimals=1,
            unit="degrees",
            hollow=~np.isin(list(frame["verdict_before_holm"]), _SURE) if row == 2 else None,
            legend=False,
            hover=[VERDICT_WORDS.get(word, "") for word in frame["verdict_before_holm"]],
        )


def _drift_stroke(name: str, context: FigureContext) -> Stroke:
    if name == ALL:
        return emotion_stroke(name, context, symbol="circle", band=0.16, width=2.2)
    return emotion_stroke(name, context, width=1.8, band=0.07)


def _name_drift(canvas: Canvas, *, names: Sequence[str], emotion: str) -> None:
    for name in names or [emotion]:
        canvas.legend(_drift_stroke(name, canvas.context), mode="lines+markers")


def _name_reference(canvas: Canvas, reference: str) -> None:
    color = ink(dark=canvas.context.dark).muted
    dash = METHOD_DASHES[reference]
    canvas.legend(Stroke(name=method_words(reference), color=color, dash=dash))
    hollow = Stroke(name="hollow: the blur explains it", color=color, symbol="circle-open")
    canvas.legend(hollow, mode="markers")
