"""Several runs in one picture: codebooks as classifiers, and what the first stages keep."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.axes import fit_range
from quantlab.figures.canvas import Canvas
from quantlab.figures.claims import NOTHING
from quantlab.figures.context import FigureContext
from quantlab.figures.empty import empty_figure
from quantlab.figures.marks import CUSTOM, hover_texts, markers
from quantlab.figures.material import Material
from quantlab.figures.matrix import PERMUTED
from quantlab.figures.palette import SERIES, ink
from quantlab.figures.routing import PLAIN, RULES
from quantlab.figures.stages import METRICS, enough_stages
from quantlab.figures.strokes import Stroke, series_stroke
from quantlab.figures.tables import at_lam, nearest_lam, numbers, pick, pick_by, records
from quantlab.figures.words import (
    ALL,
    interval_text,
    joined,
    lam_text,
    metric_words,
    plain,
    protocol_words,
    rule_words,
)

_METRIC = "macro_f1"
_PANELS = ("At λ = 0", "Where similarity has fallen to half")
_SPREAD = 0.27
_LINE_PX = 76


def shared_context(given: Sequence[Material]) -> FigureContext:
    """Return what a figure of several runs says under its title: corpora and embedders."""
    corpora = {str(part.run.summary.get("corpus") or "") for part in given} - {""}
    return FigureContext(
        corpus=joined(sorted(corpora)),
        embedder=joined(sorted({part.run.embedder for part in given} - {""})),
        split=joined(sorted({protocol_words(part.protocol) for part in given})),
    )


def has_classifiers(part: Material) -> bool:
    """Tell whether a run's codebooks were used as a classifier."""
    return bool(len(_scores(part)))


def has_stages(part: Material) -> bool:
    """Tell whether single stages of a run's balanced codebook were decoded."""
    return any(len(_stages(part, metric)) for metric in METRICS)


def classifier_dots(given: Sequence[Material], *, context: FigureContext) -> go.Figure:
    """Draw the macro-F1 of each rule in each run, at λ = 0 and at the run's own half λ.

    Parameters
    ----------
    given : sequence of Material
        Runs; those without a table `routing` are left out.
    context : FigureContext
        From `shared_context`.

    Returns
    -------
    plotly.graph_objects.Figure
        One line for each run, two panels; or a picture that says what is missing.
    """
    title = "Codebooks as classifiers, by run"
    shown = [part for part in given if has_classifiers(part)]
    if not shown:
        return empty_figure(NOTHING, context=context, title=title)
    canvas = Canvas(
        title=title,
        context=context,
        columns=len(_PANELS),
        panel_titles=_PANELS,
        panel_height=_LINE_PX * len(shown) + 24,
        gap=0.04,
    )
    strokes = _rule_strokes(context)
    for column, panel in enumerate(_PANELS, start=1):
        for place, part in enumerate(shown):
            rows = _at_panel(part, column)
            for rule, offset in zip(strokes, _offsets(len(strokes)), strict=True):
                frame = pick(rows, rule=rule)
                stroke = strokes[rule]
                _add_dots(canvas, part, frame, stroke, place + offset, column=column, panel=panel)
            _add_chance(canvas, part, rows, place, column=column, panel=panel)
        canvas.x_axis(
            column=column, title="macro-F1", range=[-0.02, 1.02], tickformat=".0%", showgrid=True
        )
        canvas.y_axis(
            column=column,
            range=[len(shown) - 0.5, -0.5],
            tickvals=list(range(len(shown))),
            ticktext=[_label(part) for part in shown],
            showticklabels=column == 1,
            ticks="outside" if column == 1 else "",
            showgrid=False,
        )
    for stroke in strokes.values():
        canvas.legend(stroke, mode="markers")
    canvas.legend(Stroke(name="chance", color=ink(dark=context.dark).muted, dash="dash"))
    return canvas.figure()


def _scores(part: Material) -> pd.DataFrame:
    return pick(part.routing, protocol=part.protocol, metric=_METRIC, emotion=ALL)


def _at_panel(part: Material, column: int) -> pd.DataFrame:
    """Return a run's scores at λ = 0 (the first panel) or at its half λ (the second)."""
    rows = _scores(part)
    if column == 1:
        return at_lam(rows, 0.0)
    # Without similarities there is no half λ, and an unknown λ must not pick any row.
    return at_lam(rows, nearest_lam(rows, part.lam)) if np.isfinite(part.lam) else rows.iloc[:0]


def _rule_strokes(context: FigureContext) -> dict[str, Stroke]:
    strokes = {
        rule: series_stroke(place, rule_words(rule), context) for place, rule in enumerate(RULES)
    }
    muted = ink(dark=context.dark).muted
    return strokes | {PLAIN: Stroke(name=rule_words(PLAIN), color=muted, symbol="circle-open")}


def _offsets(count: int) -> np.ndarray:
    return np.linspace(-_SPREAD, _SPREAD, count)


def _label(part: Material) -> str:
    name = plain(part.run.name)
    return f"{name}<br>({PERMUTED})" if part.run.is_control else name


def _add_dots(
    canvas: Canvas,
    part: Material,
    frame: pd.DataFrame,
    stroke: Stroke,
    y: float,
    *,
    column: int,
    panel: str,
) -> None:
    """Add one rule's score in one run, with its interval."""
    value, low, high = (numbers(frame, name) for name in ("value", "low", "high"))
    known = np.isfinite(low) & np.isfinite(high)
    named = Stroke(name=f"{plain(part.run.name)}, {stroke.name}", color=stroke.color)
    canvas.points(
        {
            "x": value,
            "y": np.full(len(frame), y),
            "name": named.name,
            "showlegend": False,
            "marker": {**markers(stroke), "size": 9, "line": {"width": 1.4}},
            "error_x": {
                "type": "data",
                "array": np.where(known, high - value, 0.0),
                "arrayminus": np.where(known, value - low, 0.0),
                "width": 0,
                "thickness": 1.6,
                "color": stroke.color,
                "visible": bool(known.any()),
            },
            "hovertext": hover_texts(frame, named, 2, "", None, over_lam=True),
            "hovertemplate": "%{hovertext}<extra></extra>",
            "customdata": frame[list(CUSTOM)].to_numpy(np.float64),
            "meta": _meta(panel, named.name),
        },
        cell=(1, column),
    )


def _add_chance(
    canvas: Canvas, part: Material, rows: pd.DataFrame, place: int, *, column: int, panel: str
) -> None:
    """Add what guessing reaches in one run; runs of fewer emotions have a higher chance."""
    if rows.empty:
        return
    chance = float(numbers(rows, "chance")[0])
    canvas.points(
        {
            "x": [chance, chance],
            "y": [place - 0.5, place + 0.5],
            "mode": "lines",
            "name": "chance",
            "showlegend": False,
            "line": {"color": ink(dark=canvas.context.dark).muted, "dash": "dash", "width": 1.2},
            "hovertemplate": f"chance: {chance:.2f}<extra></extra>",
            "customdata": np.full((2, len(CUSTOM)), np.nan),
            "meta": {**_meta(panel, f"{plain(part.run.name)}, chance"), "level": True},
        },
        cell=(1, column),
    )


def _meta(panel: str, series: str) -> dict[str, Any]:
    meta = {"panel": panel, "series": series, "quantity": _METRIC}
    return {**meta, "over_lam": False, "sideways": True}


def read_classifiers(given: Sequence[Material]) -> str:
    """Say which rule is best in each run at λ = 0, and what a plain probe reaches; HTML."""
    parts = []
    for part in given:
        rows = _at_panel(part, 1)
        routed = records(pick(rows, rule=RULES))
        if not routed:
            continue
        best = max(routed, key=lambda row: row["value"])
        ends = (float(best[key]) for key in ("value", "low", "high"))
        plainly = numbers(pick(rows, rule=PLAIN), "value")
        beside = f", the plain probe {plainly[0]:.2f}" if plainly.size else ""
        half = f", half similarity at {lam_text(part.lam)}" if np.isfinite(part.lam) else ""
        parts.append(
            f"<b>{plain(part.run.name)}</b>: {rule_words(str(best['rule']))} "
            f"{interval_text(*ends)}{beside}, chance {best['chance']:.2f}{half}"
        )
    return f"Best rule at λ = 0 – {'; '.join(parts)}." if parts else NOTHING


def stages_by_run(given: Sequence[Material], *, context: FigureContext) -> go.Figure:
    """Draw similarity and recall over the number of decoded stages, one curve for each run.

    Parameters
    ----------
    given : sequence of Material
        Runs; those without a table `stages` are left out.
    context : FigureContext
        From `shared_context`.

    Returns
    -------
    plotly.graph_objects.Figure
        A panel for each measure, of the balanced codebook; or a picture that says what is missing.
    """
    title = "Similarity and recognition by number of stages"
    shown = [metric for metric in METRICS if any(len(_stages(part, metric)) for part in given)]
    if not shown:
        return empty_figure(NOTHING, context=context, title=title)
    canvas = Canvas(
        title=title,
        context=context,
        columns=len(shown),
        panel_titles=[metric_words(metric).split(",")[0].capitalize() for metric in shown],
        panel_height=380,
        gap=0.08,
    )
    for column, metric in enumerate(shown, start=1):
        frames = [_stages(part, metric) for part in given]
        for place, (part, frame) in enumerate(zip(given, frames, strict=True)):
            canvas.curve(
                frame,
                stroke=_run_stroke(place, part, context),
                x=numbers(frame, "stage"),
                cell=(1, column),
                panel=metric_words(metric),
                quantity=metric,
                legend=column == 1,
                over_lam=False,
                hover=[f"stages 1 to {stage:.0f}" for stage in numbers(frame, "stage")],
            )
        _stage_axes(canvas, pd.concat(frames), metric, column)
    return canvas.figure()


def _stage_axes(canvas: Canvas, rows: pd.DataFrame, metric: str, column: int) -> None:
    last = float(numbers(rows, "stage").max())
    ends = (0.7, last + 0.3)
    if metric == "uar":
        chances = np.unique(np.round(numbers(rows, "chance"), 9))
        for chance in chances[np.isfinite(chances)]:
            canvas.level(chance, label="chance", ends=ends, cell=(1, column), quantity=metric)
        canvas.y_axis(column=column, range=[-0.03, 1.04], tickformat=".0%")
    else:
        canvas.y_axis(column=column, range=fit_range(rows, around=[0.0, 1.0]))
    canvas.y_axis(column=column, title=metric_words(metric))
    canvas.x_axis(column=column, title="stages decoded", range=list(ends), showgrid=True)
    canvas.x_axis(column=column, **({"dtick": 1} if last <= 12 else {"nticks": 9}))


def _stages(part: Material, metric: str) -> pd.DataFrame:
    rows = pick_by(
        part.stages,
        "stage",
        protocol=part.protocol,
        recipe="balanced",
        metric=metric,
        emotion=ALL,
    )
    return rows.assign(lam=np.nan)


def _run_stroke(place: int, part: Material, context: FigureContext) -> Stroke:
    """Return a run's stroke; when the series are used up, they come again dotted."""
    name = _label(part).replace("<br>", " ")
    again = {"dash": "dot"} if place >= len(SERIES) else {}
    return series_stroke(place, name, context, **again)


def read_stages_by_run(given: Sequence[Material]) -> str:
    """Say after how many stages each run's recall is at 95 % of what all stages give; HTML."""
    parts = []
    for part in given:
        curve = _stages(part, "uar").dropna(subset=["value"])
        if len(curve):
            parts.append(f"{plain(part.run.name)}: {enough_stages(curve)}")
    if not parts:
        return NOTHING
    return f"Enough for 95 % of the recall that all stages give – {'; '.join(parts)}."
