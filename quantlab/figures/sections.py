"""The report's sections: which figures, how to read them, and what this run's tables say."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from quantlab.figures.biased import biased_matrix, biased_panel
from quantlab.figures.claims import read_drift
from quantlab.figures.compare import reduction_curves
from quantlab.figures.context import FigureContext
from quantlab.figures.control import control_curves, read_control
from quantlab.figures.curves import rate_curves, similarity_curves, similarity_heatmap
from quantlab.figures.drift import EACH_OTHER, attraction_curves
from quantlab.figures.limits import limit_curves
from quantlab.figures.material import METRIC, Material
from quantlab.figures.readings import (
    read_accuracy,
    read_biased,
    read_confusion,
    read_half_points,
    read_limits,
    read_rate,
    read_recalls,
    read_reductions,
    read_similarity,
)
from quantlab.figures.recognition import accuracy_curves, confusion_heatmap
from quantlab.figures.words import lam_text


@dataclass(frozen=True, kw_only=True)
class ReportFigure:
    """A figure and the two sentences beside it.

    Attributes
    ----------
    name : str
        Of its files.
    figure : plotly.graph_objects.Figure
        Drawn on a light background.
    how : str
        How to read it; HTML.
    shows : str
        What this run's tables say; HTML.
    min_width : int
        In CSS pixels, below which the page scrolls sideways.
    narrow : bool
        Whether it gains nothing from the page's full width.
    """

    name: str
    figure: go.Figure
    how: str
    shows: str
    min_width: int = 620
    narrow: bool = False


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading, the question that it answers, and its figures."""

    name: str
    heading: str
    question: str
    figures: tuple[ReportFigure, ...]


def report_sections(material: Material) -> tuple[Section, ...]:
    """Return the sections of a report, figures on a light background."""
    context = material.run.context()
    return (
        _similarity(material, context),
        _recognition(material, context),
        _rate(material, context),
        *_control(material, context),
        _reductions(material, context),
        _drift(material, context),
        _biased(material, context),
    )


def _similarity(given: Material, context: FigureContext) -> Section:
    says = read_similarity(given.similarity, metric=METRIC, lam=given.lam, protocol=given.protocol)
    curves = similarity_curves(
        given.similarity,
        context=context,
        protocol=given.protocol,
        references=given.references,
    )
    cells = similarity_heatmap(given.similarity, context=context, protocol=given.protocol)
    return Section(
        name="similarity",
        heading="What stays similar",
        question="How much of an embedding survives quantization, and for which emotion?",
        figures=(
            ReportFigure(
                name="similarity",
                figure=curves,
                how="Each line is the similarity of quantized embeddings to their originals, "
                "averaged over the clips of one emotion; 1 is unchanged. Strength grows to the "
                "right, shaded bands are 95 % intervals over speakers, and dashed lines show what "
                "unrelated clips or a constant would reach.",
                shows=says,
            ),
            ReportFigure(
                name="similarity-table",
                figure=cells,
                how="The same numbers as a table: one row per emotion, one column per λ. Darker "
                "is more similar.",
                shows=read_half_points(given.similarity, metric=METRIC, protocol=given.protocol),
                min_width=900,
            ),
        ),
    )


def _recognition(given: Material, context: FigureContext) -> Section:
    uar = accuracy_curves(given.accuracy, context=context, probe=given.probe)
    recalls = accuracy_curves(
        given.accuracy, context=context, probe=given.probe, metric="recall", apart=True
    )
    confusion = confusion_heatmap(
        given.confusion,
        context=context,
        lam=given.lam,
        probe=given.probe,
        protocol=given.protocol,
    )
    return Section(
        name="recognition",
        heading="What is still recognised",
        question="Can a classifier trained on unquantized embeddings still tell the emotions "
        "apart – for speakers it never heard, and for new sentences of speakers it knows?",
        figures=(
            ReportFigure(
                name="accuracy",
                figure=uar,
                how="The mean recall over emotions as λ grows; the tick “clean” holds unquantized "
                "embeddings. The dotted line is a plain blur that does equal damage without a "
                "codebook: what lies on it is explained by damage alone.",
                shows=read_accuracy(given.accuracy, probe=given.probe, lam=given.lam),
                min_width=820,
            ),
            ReportFigure(
                name="recall",
                figure=recalls,
                how="One panel per emotion: the share of its clips that is still recognised. A "
                "line that rises to 100 % while the others fall to 0 % is a classifier that gives "
                "one answer to everything.",
                shows=read_recalls(
                    given.accuracy, probe=given.probe, lam=given.lam, protocol=given.protocol
                ),
                min_width=_panels_width(given),
            ),
            ReportFigure(
                name="confusion",
                figure=confusion,
                how=f"Rows are true emotions, columns the answers at {lam_text(given.lam)}; each "
                "row adds up to 100 %.",
                shows=read_confusion(
                    given.confusion, probe=given.probe, lam=given.lam, protocol=given.protocol
                ),
                narrow=True,
            ),
        ),
    )


def _rate(given: Material, context: FigureContext) -> Section:
    return Section(
        name="rate",
        heading="What it costs",
        question="How many bits does the codec spend, and how many different outputs are left?",
        figures=(
            ReportFigure(
                name="rate",
                figure=rate_curves(given.rate, context=context, protocol=given.protocol),
                how="Left: bits that the codec's probability model charges, and the entropy of the "
                "symbols that it really emits. Middle: the same cost as a share of λ = 0. Right: "
                "different code sequences per vector; near zero, almost everything is told by one "
                "sequence.",
                shows=read_rate(given.rate, protocol=given.protocol),
                min_width=900,
            ),
            ReportFigure(
                name="limits",
                figure=limit_curves(
                    given.similarity,
                    given.rate,
                    given.limits,
                    context=context,
                    protocol=given.protocol,
                ),
                how="Points are λ of the ladder at the bits that the coder really writes. Lower "
                "distortion and higher similarity are better. Grey lines are limits of models of "
                "the training clips. For any data of that covariance some code reaches the dashed "
                "line; real data, being no Gaussian, allow better. If the clips came from one "
                "Gaussian per emotion, the best possible code would lie in the grey band. Part of "
                "the distance to the codec is the step from training clips to those tested.",
                shows=read_limits(
                    given.similarity, given.rate, given.limits, protocol=given.protocol
                ),
                min_width=980,
            ),
        ),
    )


def _control(given: Material, context: FigureContext) -> tuple[Section, ...]:
    """Return the section on equal bits for every clip; nothing where it was not asked for."""
    if given.control.empty:
        return ()
    figure = control_curves(
        given.control, given.rate, context=context, probe=given.probe, protocol=given.protocol
    )
    section = Section(
        name="control",
        heading="One λ, or equal bits for every clip",
        question="One λ gives hard clips more bits than easy ones. If every clip gets as many bits "
        "as one λ spends on average, which emotions gain and which lose?",
        figures=(
            ReportFigure(
                name="control",
                figure=figure,
                how="All panels stand over the mean bits that both spend. Left: how one λ divides "
                "them between emotions, each less the mean. Middle and right: what changes when "
                "every clip gets the same; above zero the emotion gains. Hollow points have an "
                "interval that reaches zero.",
                shows=read_control(given),
                min_width=980,
            ),
        ),
    )
    return (section,)


def _reductions(given: Material, context: FigureContext) -> Section:
    return Section(
        name="reductions",
        heading="Who loses first, and does the method matter",
        question="Lowering similarity directly, without a code to pay for, can be made to do the "
        "same damage to the whole set. Does it hit the same emotions?",
        figures=(
            ReportFigure(
                name="reductions",
                figure=reduction_curves(
                    given.similarity,
                    given.accuracy,
                    context=context,
                    probe=given.probe,
                    protocol=given.protocol,
                ),
                how="Columns are ways of losing similarity; the horizontal axis is what is left of "
                "the whole set, so a vertical cut compares methods at equal damage. An emotion "
                "above the dashed line is spared, one below it pays. The lower row shows recall "
                "at the same places.",
                shows=read_reductions(
                    given.similarity, metric=METRIC, lam=given.lam, protocol=given.protocol
                ),
                min_width=900,
            ),
        ),
    )


def _drift(given: Material, context: FigureContext) -> Section:
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
                shows=read_drift(given.claims),
                min_width=_panels_width(given),
            ),
            ReportFigure(
                name="drift-by-emotion",
                figure=attraction_curves(given.attraction, emotion=EACH_OTHER, **drawn),
                how="The same for each emotion's clips separately, leaving out the emotion that "
                "the panel is about.",
                shows="The table below judges the comparisons of all clips together.",
                min_width=_panels_width(given),
            ),
        ),
    )


def _biased(given: Material, context: FigureContext) -> Section:
    lam = 0.0 if np.isnan(given.lam) else given.lam
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
                    given.claims,
                    metric=METRIC,
                    lam=given.lam,
                    protocol=given.protocol,
                ),
                min_width=_panels_width(given),
            ),
            ReportFigure(
                name="biased-similarity",
                figure=biased_matrix(*tables, lam=lam, **drawn),
                how="Codebooks in rows, the clips' emotions in columns, at one λ.",
                shows="The last row is the balanced codebook, for comparison.",
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


def _panels_width(given: Material) -> int:
    return max(620, 170 * len(given.run.emotions))


def figures_of(sections: Sequence[Section]) -> dict[str, ReportFigure]:
    """Return all figures of a report by name."""
    return {part.name: part for section in sections for part in section.figures}
