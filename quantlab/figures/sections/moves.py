"""Sections on where embeddings go: drift, displacement, and codebooks trained on one emotion."""

from typing import Any

from quantlab.figures.biased import biased_classes, biased_matrix, biased_panel
from quantlab.figures.claims import read_drift
from quantlab.figures.context import FigureContext
from quantlab.figures.displacement import (
    CONTRAST,
    displacement_bars,
    displacement_curves,
    read_displacement,
)
from quantlab.figures.drift import DIFFERENCE, EACH_OTHER, attraction_curves
from quantlab.figures.material import METRIC, Material
from quantlab.figures.readings import read_biased
from quantlab.figures.recipes import LAM, read_matrix, recipe_matrix
from quantlab.figures.sections.parts import ReportFigure, Section, lam_of, panels_width
from quantlab.figures.tables import coded, numbers, pick, where
from quantlab.figures.words import ALL, joined, probe_words


def drift(given: Material, context: FigureContext) -> Section:
    """Return the section on drift, with displacement where the run has it."""
    drawn = {"protocol": given.protocol, "context": context}
    return Section(
        name="drift",
        heading="Where embeddings drift",
        question="Do quantized embeddings move toward some emotion – more than they would if they "
        "were merely blurred?",
        figures=(
            ReportFigure(
                name="drift",
                figure=attraction_curves(given.attraction, **drawn),
                how="Upper row: how many degrees closer to each emotion's centre embeddings come "
                "(negative: further away), beside a plain blur of equal distortion. Lower row: the "
                "difference of the two; filled points are those whose interval excludes zero, each "
                "by itself and before any correction.",
                shows=read_drift(given.drifts),
                min_width=panels_width(given),
            ),
            ReportFigure(
                name="drift-by-emotion",
                figure=attraction_curves(given.attraction, emotion=EACH_OTHER, **drawn),
                how="The same for each emotion's clips separately, leaving out the emotion that "
                "the panel is about.",
                shows="The table below judges the comparisons of all clips together.",
                min_width=panels_width(given),
            ),
            *_displacement(given, context),
        ),
    )


def _displacement(given: Material, context: FigureContext) -> tuple[ReportFigure, ...]:
    """Return what separates the way to the mean from the way to each emotion."""
    if given.displacement.empty:
        return ()
    drawn = {"protocol": given.protocol, "context": context}
    lam = lam_of(given)
    return (
        ReportFigure(
            name="displacement",
            figure=displacement_bars(given.displacement, lam=lam, **drawn),
            how="How far embeddings went: 0 is not at all, 1 the whole way to the mean, or to an "
            "emotion's centre once the way to the mean is accounted for. The codec stands beside "
            "references that do equal damage; bars are 95 % intervals over speakers.",
            shows=read_displacement(given.displacement, lam=lam, protocol=given.protocol),
            min_width=700,
            narrow=True,
        ),
        ReportFigure(
            name="displacement-curves",
            figure=displacement_curves(given.displacement, **drawn),
            how="The same over λ. Left: toward the mean. Middle: toward each emotion, the codec "
            "solid and the first reference dotted. Right: neutral, less the mean of all other "
            "emotions; above zero embeddings go toward neutral in particular. Lower row: the "
            "codec less each reference; hollow points have an interval that reaches zero.",
            shows=_contrast_text(given),
            min_width=1060,
        ),
    )


def _contrast_text(given: Material) -> str:
    """Say where on the ladder the contrast of neutral excludes zero beyond the blur."""
    rows = coded(
        pick(
            given.displacement,
            protocol=given.protocol,
            recipe="balanced",
            emotion=ALL,
            target=CONTRAST,
            method=f"{DIFFERENCE}shrink_mean",
        )
    )
    if rows.empty:
        return "Neutral was not set against the other emotions here."
    parts = []
    for words, mask in (
        ("more toward neutral than the plain blur", numbers(rows, "low") > 0),
        ("less", numbers(rows, "high") < 0),
    ):
        parts.append(f"{words} at {int(mask.sum())}")
    return (
        f"Each λ by itself, the interval of the contrast says {joined(parts)} of "
        f"{len(rows)} λ; no correction was made for their number."
    )


def biased(given: Material, context: FigureContext) -> Section:
    """Return the section on codebooks of one emotion."""
    lam = lam_of(given)
    tables = (given.similarity, given.attraction)
    drawn = {"protocol": given.protocol, "context": context}
    return Section(
        name="biased",
        heading="Codebooks trained on one emotion",
        question="A codebook that has only ever seen one emotion: what does it keep, and what does "
        "it turn other emotions into?",
        figures=(
            ReportFigure(
                name="biased",
                figure=biased_panel(*tables, **drawn),
                how="One column per codebook. Upper row: similarity of each test emotion; the "
                "codebook's own is thick, the balanced codebook dashed. Lower row: degrees toward "
                "the codebook's emotion; dotted (or named in the panel, where it lies above) is a "
                "plain blur toward that emotion's mean, which attracts by construction.",
                shows=read_biased(
                    given.similarity,
                    given.attraction,
                    given.drifts,
                    metric=METRIC,
                    lam=given.lam,
                    protocol=given.protocol,
                ),
                min_width=panels_width(given),
            ),
            ReportFigure(
                name="biased-similarity",
                figure=recipe_matrix(
                    given.matched, axis=LAM, level=lam, similarity=given.similarity, **drawn
                ),
                how="Codebooks in rows, the clips' emotions in columns, at one λ; a frame marks "
                "each codebook's own emotion. At one λ codebooks spend different bits.",
                shows=read_matrix(
                    given.matched,
                    axis=LAM,
                    level=lam,
                    similarity=given.similarity,
                    protocol=given.protocol,
                ),
                narrow=True,
            ),
            ReportFigure(
                name="biased-difference",
                figure=biased_matrix(*tables, lam=lam, quantity="difference", **drawn),
                how="Degrees by which embeddings come closer to the codebook's emotion than a "
                "plain blur toward it would bring them. ▲ and ▼ mark intervals that exclude zero, "
                "each by itself and before any correction.",
                shows="Cells without a mark are explained by the blur, or cannot be told.",
                narrow=True,
            ),
        ),
    )


def recipes(given: Material, context: FigureContext) -> tuple[Section, ...]:
    """Return the section that compares codebooks at equal bits and at equal distortion."""
    if not biased_classes(given.matched):
        return ()
    figures = [
        _matrix(given, context, axis, f"recipe-matrix-{name}")
        for axis, name in (("payload_bits", "bits"), ("distortion", "distortion"))
        if biased_classes(where(given.matched, given.matched["axis"] == axis))
    ]
    recall = f"recall_{given.probe}"
    if (given.matched["metric"] == recall).any():
        figures.append(
            _matrix(given, context, "payload_bits", "recipe-matrix-recall", metric=recall)
        )
    section = Section(
        name="recipes",
        heading="Codebooks at equal cost and at equal damage",
        question="A codebook of one emotion also spends other bits than a balanced one. Does it "
        "still serve its own emotion better when neither may spend more, or do more damage?",
        figures=tuple(figures),
    )
    return (section,)


def _matrix(
    given: Material,
    context: FigureContext,
    axis: str,
    name: str,
    *,
    metric: str = METRIC,
) -> ReportFigure:
    # The middle level of the table, where claims on equal bits are tested.
    chosen: dict[str, Any] = {"axis": axis, "metric": metric, "protocol": given.protocol}
    what = "similarity"
    if metric != METRIC:
        what = f"the share recognised ({probe_words(given.probe)})"
    equal = "payload" if axis == "payload_bits" else "distortion"
    return ReportFigure(
        name=name,
        figure=recipe_matrix(given.matched, context=context, **chosen),
        how=f"Each cell is {what} of one emotion's clips (column) under one codebook (row), where "
        f"each clip's curve reaches the same {equal}. Frames mark a codebook's own emotion; rows "
        "with “…” are a blur toward that emotion that needs no codebook; †: most clips do "
        "not reach the level.",
        shows=read_matrix(given.matched, **chosen),
        narrow=True,
    )
