"""One λ for all clips against equal bits for every clip, at equal mean payload."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.canvas import Canvas
from quantlab.figures.claims import NOTHING, interval_of, judged, p_text
from quantlab.figures.context import FigureContext, with_protocol
from quantlab.figures.empty import empty_figure
from quantlab.figures.material import METRIC, Material
from quantlab.figures.prose import html_table
from quantlab.figures.strokes import emotion_stroke
from quantlab.figures.tables import at_lam, coded, numbers, pick, records
from quantlab.figures.words import (
    ALL,
    emotion_order,
    fixed,
    interval_text,
    joined,
    lam_text,
    metric_words,
    plain,
    probe_words,
)

_VERDICTS = {
    "above": "more with equal bits",
    "below": "less with equal bits",
    "inside": "no different",
    "cannot tell": "cannot tell",
}
_METHODS = ("codec", "rate_controlled")


def control_curves(
    control: pd.DataFrame,
    rate: pd.DataFrame,
    *,
    context: FigureContext,
    metric: str = METRIC,
    probe: str = "logistic",
    protocol: str = "speaker",
    emotions: Sequence[str] | None = None,
) -> go.Figure:
    """Draw what equal bits for every clip change against one λ that spends as much on average.

    Parameters
    ----------
    control, rate : pd.DataFrame
        The run's tables.
    context : FigureContext
        Run, split and background.
    metric, probe, protocol : str
        Which rows.
    emotions : sequence of str, optional
        Classes to draw; all when omitted.

    Returns
    -------
    plotly.graph_objects.Figure
        Panels with the bits that one λ spends on each emotion beyond the mean, and the changes of
        similarity and of recall; hollow points are those whose interval reaches zero. Or a picture
        that says what is missing.
    """
    title = "Equal bits for every clip instead of one λ"
    rows = coded(pick(control, protocol=protocol))
    paid = coded(pick(rate, protocol=protocol, recipe="balanced", metric="payload_bits"))
    paid = pick(paid, method="codec")
    if rows.empty or paid.empty:
        return empty_figure(
            "This run does not hold rate-controlled coding. Set `rate_control: true` in the study "
            "and type `quantlab sweep` with it; `experiments/rate_control.yaml` is ready to run.",
            context=context,
            title=title,
        )
    recall = f"recall_{probe}"
    panels = ("Bits at one λ, less the mean", "Change of similarity", "Change of recall")
    canvas = Canvas(
        title=title,
        context=with_protocol(context, protocol),
        columns=3,
        panel_titles=panels,
        panel_height=380,
        gap=0.075,
    )
    names = [name for name in emotion_order(paid["emotion"]) if not emotions or name in emotions]
    whole = pick(paid, emotion=ALL)
    mean = pd.Series(numbers(whole, "value"), index=numbers(whole, "lam"))
    drawn = ((1, paid, "payload_bits"), (2, rows, metric), (3, rows, recall))
    for column, table, quantity in drawn:
        shown = pick(table, metric=quantity)
        for name in names:
            frame = pick(shown, emotion=name)
            frame = _beyond(frame, mean) if column == 1 else frame
            sure = (numbers(frame, "low") > 0) | (numbers(frame, "high") < 0)
            canvas.curve(
                frame,
                stroke=emotion_stroke(name, context, band=0.0, width=1.8),
                x=mean.reindex(numbers(frame, "lam")).to_numpy(np.float64),
                cell=(1, column),
                panel=panels[column - 1],
                quantity=quantity,
                hollow=None if column == 1 else ~sure,
                legend=column == 1,
                over_lam=False,
            )
        canvas.zero((1, column))
    canvas.x_axis(title="mean payload bits per vector of the set", showgrid=True)
    canvas.y_axis(column=1, title="payload bits per vector,<br>beyond the mean of all clips")
    canvas.y_axis(column=2, title=metric_words(metric).replace(", ", ",<br>"))
    canvas.y_axis(column=3, title=f"recall,<br>{probe_words(probe)}", tickformat=".0%")
    return canvas.figure()


def _beyond(frame: pd.DataFrame, mean: pd.Series) -> pd.DataFrame:
    """Subtract the mean of all clips; the interval is left out because the two are paired."""
    apart = numbers(frame, "value") - mean.reindex(numbers(frame, "lam")).to_numpy(np.float64)
    return frame.assign(value=apart, low=np.nan, high=np.nan)


def read_control(given: Material) -> str:
    """Say whom one λ gives more bits than others, and what equal bits change."""
    judgements = _judgements(given)
    paid = pick(
        given.rate,
        protocol=given.protocol,
        recipe="balanced",
        method="codec",
        metric="payload_bits",
        emotion=given.run.emotions,
    )
    paid = at_lam(paid, given.lam)
    if not judgements or paid.empty:
        return NOTHING
    ordered = records(paid.sort_values("value", kind="stable"))
    ends = [f"<b>{plain(row['emotion'])}</b> ({_bits(row['value'])})" for row in ordered]
    changed = {
        words: [
            f"{plain(row['emotion'])} ({quantity})"
            for row, quantity, _, verdict in judgements
            if verdict == key
        ]
        for key, words in (("above", "More with equal bits"), ("below", "Less"))
    }
    said = [f"{words}: {joined(names)}." for words, names in changed.items() if names]
    said = said or ["No change survives the correction for all comparisons."]
    return (
        f"At {lam_text(given.lam)} the one λ spends the most bits on {ends[-1]} and the fewest on "
        f"{ends[0]}. {' '.join(said)}"
    )


def control_table(given: Material) -> str:
    """Return similarity and recall of every emotion under both, at the λ of the sentences; HTML."""
    judgements = _judgements(given)
    if not judgements:
        return ""
    keys = {"protocol": given.protocol, "recipe": "balanced"}
    paid = at_lam(pick(given.rate, **keys, metric="payload_bits"), given.lam)
    similar = at_lam(pick(given.similarity, **keys, metric=METRIC), given.lam)
    recall = pick(given.accuracy, **keys, metric="recall", probe=given.probe)
    recall = at_lam(recall, given.lam)
    head = [
        "Emotion",
        "Quantity",
        "One λ",
        "Equal bits",
        "Change (95 %)",
        "p, corrected",
        "Verdict",
    ]
    cells = []
    for row, quantity, p, verdict in judgements:
        name = row["emotion"]
        table = similar if quantity == "similarity" else recall
        both = [_value(pick(table, emotion=name, method=method)) for method in _METHODS]
        change = interval_text(row["value"], row["low"], row["high"])
        mark = f'<span class="verdict {verdict.split()[0]}">{_VERDICTS[verdict]}</span>'
        cells.append([plain(name), quantity, *both, change, p_text(p), mark])
    means = [_bits(_number(pick(paid, emotion=ALL, method=method))) for method in _METHODS]
    caption = (
        f"{lam_text(given.lam)} for all clips ({means[0]} on average) against equal bits for every "
        f"clip ({means[1]}). Intervals are over speakers (95 %), those of changes of differences "
        f"clip by clip. P-values are corrected for the {len(cells)} comparisons of this table "
        "(Holm)."
    )
    return html_table(head, cells, caption=caption)


def _judgements(given: Material) -> list[tuple[dict, str, float, str]]:
    """Return each emotion's change of similarity and recall with p-value and verdict."""
    rows = at_lam(pick(given.control, protocol=given.protocol), given.lam)
    found = [
        (row, quantity)
        for quantity, metric in (("similarity", METRIC), ("recall", f"recall_{given.probe}"))
        for name in given.run.emotions
        for row in records(pick(rows, metric=metric, emotion=name))
    ]
    verdicts = judged([interval_of(row) for row, _ in found])
    return [(*part, *verdict) for part, verdict in zip(found, verdicts, strict=True)]


def _number(rows: pd.DataFrame) -> float:
    return float(numbers(rows, "value")[0]) if len(rows) else float("nan")


def _value(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "–"
    return interval_text(*(float(numbers(rows, name)[0]) for name in ("value", "low", "high")))


def _bits(value: float) -> str:
    return f"{fixed(value, decimals=1)} bits"
