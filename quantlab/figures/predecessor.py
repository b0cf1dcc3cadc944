"""The predecessor's published curves beside this run's, each on its own λ axis.

The numbers lie in the folder `published` with their source. They come from another corpus, embedder
and scale of λ, so shapes can be compared, values cannot.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from quantlab import store
from quantlab.figures.ambiguity import agreement_order, agreement_words, best_source
from quantlab.figures.axes import LamAxis, fit_range
from quantlab.figures.biased import biased_classes
from quantlab.figures.canvas import Canvas
from quantlab.figures.claims import NOTHING
from quantlab.figures.context import FigureContext, with_protocol
from quantlab.figures.empty import empty_figure
from quantlab.figures.marks import CUSTOM
from quantlab.figures.material import Material
from quantlab.figures.strokes import Stroke, emotion_stroke, series_stroke
from quantlab.figures.tables import coded, frame_of, numbers, pick, records
from quantlab.figures.words import (
    ALL,
    BIASED,
    biased_recipe,
    emotion_order,
    joined,
    number,
    plain,
)

KINDS = ("similarity", "accuracy", "biased_rate", "ambiguity")
_FOLDER = Path(__file__).parent / "published"
_FILES = {
    "similarity": "esd_similarity_vs_lambda.csv",
    "accuracy": "esd_accuracy_vs_lambda.csv",
    "biased_rate": "biased_codebook_rate.csv",
    "ambiguity": "iemocap_ambiguity_vs_lambda.csv",
}
_NATURAL = "natural_codebook_rate.csv"
_TITLES = {
    "similarity": "Similarity of time means",
    "accuracy": "Recognised clips of each emotion",
    "biased_rate": "Model bits of codebooks trained on one emotion",
    "ambiguity": "Accuracy by agreement of annotators",
}
_UNITS = {
    "similarity": "raw cosine between time means",
    "accuracy": "recall",
    "biased_rate": "code length in bits per vector",
    "ambiguity": "accuracy",
}
_SOURCES = {
    "similarity": "Published: ESD, emotion2vec, 100 clips per emotion",
    "accuracy": "Published: ESD, emotion2vec, 100 clips per emotion",
    "biased_rate": "Published: ESD, emotion2vec frames",
    "ambiguity": "Published: IEMOCAP, emotion2vec",
}
_HALF = 0.5


def published_table(kind: str) -> pd.DataFrame:
    """Read the predecessor's numbers.

    Parameters
    ----------
    kind : {"similarity", "accuracy", "biased_rate", "ambiguity"}
        Which curves.

    Returns
    -------
    pd.DataFrame
        Columns series (an emotion, "all", or an agreement such as "0.75"), lam and value: cosine,
        share from 0 to 1, or bits per frame.

    Raises
    ------
    IntegrityError, InputError
        The package's file is damaged or missing.
    """
    table = store.read_csv(_FOLDER / _FILES[kind])
    if kind == "biased_rate":
        natural = store.read_csv(_FOLDER / _NATURAL).assign(codebook=ALL)
        table = pd.concat([table, natural], ignore_index=True)
        return pd.DataFrame(
            {
                "series": table["codebook"],
                "lam": table["lam"].astype(float),
                "value": table["bits_per_frame"].astype(float),
            }
        )
    if kind == "ambiguity":
        return _by_agreement(table)
    long = table.melt(id_vars="lam", var_name="series", value_name="value")
    scale = 0.01 if kind == "accuracy" else 1.0
    return pd.DataFrame(
        {
            "series": long["series"].replace({"mean": ALL, "overall": ALL}),
            "lam": long["lam"].astype(float),
            "value": scale * long["value"].astype(float),
        }
    )


def _by_agreement(table: pd.DataFrame) -> pd.DataFrame:
    """Average accuracy over the emotions that have clips of an agreement, where several have."""
    found: dict[tuple[float, float], list[float]] = {}
    for row in records(table):
        key = float(row["agreement_percent"]) / 100, float(row["lam"])
        found.setdefault(key, []).append(float(row["accuracy"]))
    means = {key: float(np.mean(values)) for key, values in found.items() if len(values) > 1}
    rows = [(f"{share:.4g}", lam, value) for (share, lam), value in sorted(means.items())]
    return pd.DataFrame(rows, columns=["series", "lam", "value"])


def published_curves(kind: str, given: Material, *, context: FigureContext) -> go.Figure:
    """Draw the predecessor's published curves (left) beside this run's (right).

    Parameters
    ----------
    kind : {"similarity", "accuracy", "biased_rate", "ambiguity"}
        Which curves.
    given : Material
        The run.
    context : FigureContext
        Run, split and background.

    Returns
    -------
    plotly.graph_objects.Figure
        Each panel has its own λ axis; or a picture that says that the run has no such curves.
    """
    title = f"{_TITLES[kind]}: published and here"
    known, own = published_table(kind), own_curves(kind, given)
    if own.empty:
        return empty_figure(
            "This run has no curves to stand beside the published ones.",
            context=context,
            title=title,
        )
    canvas = Canvas(
        title=title,
        context=with_protocol(context, given.protocol),
        columns=2,
        panel_titles=[_SOURCES[kind], "This run"],
        panel_height=360,
        gap=0.09,
    )
    known = known.assign(low=np.nan, high=np.nan, num_items=np.nan, num_speakers=np.nan)
    seen: set[str] = set()
    for column, rows in ((1, known), (2, own)):
        axis = LamAxis.of(rows["lam"])
        strokes = _strokes(kind, rows, context)
        for name, stroke in strokes.items():
            frame = pick(rows, series=name)
            canvas.curve(
                frame,
                stroke=stroke,
                x=axis.at(frame["lam"]),
                cell=(1, column),
                panel=("published", "this run")[column - 1],
                quantity=_UNITS[kind],
                legend=stroke.name not in seen,
            )
            seen.add(stroke.name)
        canvas.lam_axis(axis, cell=(1, column))
        unit = "per bit, unscaled" if column == 1 else "per bit, scaled"
        canvas.x_axis(column=column, title=f"λ (squared distance {unit})")
        _scale(canvas, kind, rows, column)
    canvas.y_axis(column=1, title=_UNITS[kind])
    return canvas.figure()


def _strokes(kind: str, rows: pd.DataFrame, context: FigureContext) -> dict[str, Stroke]:
    """Return how each series of a panel looks, by its name in the table."""
    if kind == "ambiguity":
        labels = agreement_order(rows["series"])
        return {
            label: series_stroke(place, agreement_words(label), context)
            for place, label in enumerate(labels)
        }
    names = emotion_order(rows["series"])
    names += [ALL] if (rows["series"] == ALL).any() else []
    return {name: emotion_stroke(name, context, band=0.07 * (name != ALL)) for name in names}


def _scale(canvas: Canvas, kind: str, rows: pd.DataFrame, column: int) -> None:
    if kind in ("accuracy", "ambiguity"):
        canvas.y_axis(column=column, range=[-0.03, 1.04], tickformat=".0%")
    elif kind == "similarity":
        canvas.y_axis(column=column, range=[min(-0.3, *fit_range(rows)), 1.05])
    else:
        canvas.y_axis(column=column, range=fit_range(rows, around=[0.0]))


def own_curves(kind: str, given: Material) -> pd.DataFrame:
    """Return the run's curves of a kind: columns series, value and those of every curve."""
    rows = _OWN[kind](given)
    return frame_of(coded(rows), {name: name for name in ("series", "value", *CUSTOM)})


def _own_similarity(given: Material) -> pd.DataFrame:
    keys = {"protocol": given.protocol, "recipe": "balanced", "method": "codec"}
    rows = pick(given.similarity, **keys, metric="cos_raw_means")
    return rows.assign(series=rows["emotion"])


def _own_accuracy(given: Material) -> pd.DataFrame:
    keys = {"protocol": given.protocol, "recipe": "balanced", "method": "codec"}
    probes = set(pick(given.accuracy, **keys)["probe"])
    probe = "head" if "head" in probes else given.probe
    rows = pick(given.accuracy, **keys, probe=probe, metric=["recall", "uar"])
    return rows.assign(series=rows["emotion"])


def _own_biased_rate(given: Material) -> pd.DataFrame:
    recipes = [biased_recipe(name) for name in biased_classes(given.rate)]
    if not recipes:
        return given.rate.iloc[:0].assign(series="")
    plainly = next((name for name in ("natural", "balanced") if _has(given, name)), "")
    rows = pick(
        given.rate,
        protocol=given.protocol,
        recipe=[*recipes, plainly],
        method="codec",
        metric="bits_per_vector",
        emotion=ALL,
    )
    series = [ALL if name == plainly else name.removeprefix(BIASED) for name in rows["recipe"]]
    return rows.assign(series=series)


def _has(given: Material, recipe: str) -> bool:
    return bool((given.rate["recipe"] == recipe).any())


def _own_ambiguity(given: Material) -> pd.DataFrame:
    keys = {"protocol": given.protocol, "recipe": "balanced", "emotion": ALL}
    rows = pick(given.ambiguity, **keys, metric="accuracy")
    rows = pick(rows, source=best_source(rows))
    return rows.assign(series=rows["agreement"])


_OWN: dict[str, Callable[[Material], pd.DataFrame]] = {
    "similarity": _own_similarity,
    "accuracy": _own_accuracy,
    "biased_rate": _own_biased_rate,
    "ambiguity": _own_ambiguity,
}


def read_published(kind: str, given: Material) -> str:
    """Say in which order series fall to half, published and here, and whether they agree; HTML."""
    known, own = published_table(kind), own_curves(kind, given)
    if own.empty:
        return NOTHING
    if kind == "biased_rate":
        return _read_rates(known, own)
    orders = [_fall_order(rows) for rows in (known, own)]
    parts = [
        f"{where}: {joined([_name(kind, name) for name in order]) or 'none'}"
        for where, order in zip(("Published", "here"), orders, strict=True)
    ]
    common = [
        [name for name in order if name in orders[1 - place]] for place, order in enumerate(orders)
    ]
    text = f"First to lose half of what they start with – {'; '.join(parts)}."
    if len(common[0]) < 2:
        return f"{text} Too few are named in both to compare the orders."
    same = "the same" if common[0] == common[1] else "another"
    return f"{text} Those that both have fall in {same} order."


def _name(kind: str, series: str) -> str:
    return agreement_words(series) if kind == "ambiguity" else plain(series)


def _fall_order(rows: pd.DataFrame) -> list[str]:
    """Return the series that fall to half of their start, the first to do so first."""
    found = []
    for name in dict.fromkeys(str(series) for series in rows["series"]):
        curve = pick(rows, series=name)
        values, lams = numbers(curve, "value"), numbers(curve, "lam")
        fallen = np.flatnonzero(values <= _HALF * values[0])
        if fallen.size and name != ALL:
            found.append((float(lams[fallen[0]]), name))
    return [name for _, name in sorted(found)]


def _read_rates(known: pd.DataFrame, own: pd.DataFrame) -> str:
    """Say which codebook starts with the most bits and which with the fewest, and what is left."""
    return f"{_rates_of('Published,', known)} {_rates_of('Here', own)}"


def _rates_of(place: str, rows: pd.DataFrame) -> str:
    curves = {name: pick(rows, series=name) for name in emotion_order(rows["series"])}
    first = {name: float(numbers(curve, "value")[0]) for name, curve in curves.items()}
    last = [float(numbers(curve, "value")[-1]) for curve in curves.values()]
    ordered = sorted(first, key=lambda name: -first[name])
    ends = [f"the {plain(name)} codebook ({number(first[name])})" for name in ordered]
    left = f"{number(min(last))} to {number(max(last))} bits are left at the largest λ"
    return f"{place} {ends[0]} starts with the most bits, {ends[-1]} with the fewest; {left}."


def published_kinds(given: Material) -> Sequence[str]:
    """Return the kinds of published curves that a run has curves of its own for."""
    return [kind for kind in KINDS if not own_curves(kind, given).empty]
