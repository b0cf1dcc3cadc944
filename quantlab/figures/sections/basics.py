"""Sections on what every run has: similarity, recognition, bits, and equal bits where asked for."""

from quantlab.figures.context import FigureContext
from quantlab.figures.control import control_curves, read_control
from quantlab.figures.curves import rate_curves, similarity_curves, similarity_heatmap
from quantlab.figures.limits import limit_curves
from quantlab.figures.material import METRIC, Material
from quantlab.figures.readings import (
    read_accuracy,
    read_confusion,
    read_half_points,
    read_limits,
    read_rate,
    read_recalls,
    read_similarity,
)
from quantlab.figures.recognition import accuracy_curves, confusion_heatmap
from quantlab.figures.sections.parts import ReportFigure, Section, panels_width
from quantlab.figures.words import lam_text


def similarity(given: Material, context: FigureContext) -> Section:
    """Return the section on what stays similar."""
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


def recognition(given: Material, context: FigureContext) -> Section:
    """Return the section on what is still recognised."""
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
                min_width=panels_width(given),
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


def rate(given: Material, context: FigureContext) -> Section:
    """Return the section on bits."""
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


def control(given: Material, context: FigureContext) -> tuple[Section, ...]:
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
