"""The section on direct reductions of similarity: all of them, and one beside the codec."""

from quantlab.figures.compare import REDUCTIONS, reduction_curves
from quantlab.figures.context import FigureContext
from quantlab.figures.material import METRIC, Material
from quantlab.figures.readings import read_reductions
from quantlab.figures.reductions import (
    BITS,
    COSINE,
    compared,
    read_differences,
    read_order,
    reduction_heatmap,
    reduction_panels,
)
from quantlab.figures.sections.parts import ReportFigure, Section
from quantlab.figures.tables import pick

_METHODS = ("drop_least", "drop_most", "coarse_step", "truncate")


def reductions(given: Material, context: FigureContext) -> Section:
    """Return the section on direct reductions."""
    figures = [
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
            min_width=max(900, 200 * _num_methods(given)),
        )
    ]
    for axis, name in ((COSINE, "cosine"), (BITS, "bits")):
        if method := _reduction(given, axis):
            figures += _pair(given, context, axis, name, method)
    return Section(
        name="reductions",
        heading="Who loses first, and does the method matter",
        question="Lowering similarity directly, without a code to pay for, can be made to do the "
        "same damage to the whole set. Does it hit the same emotions?",
        figures=tuple(figures),
    )


def _num_methods(given: Material) -> int:
    rows = pick(given.similarity, protocol=given.protocol, recipe="balanced", method=REDUCTIONS)
    return len(set(rows["method"]))


def _reduction(given: Material, axis: str) -> str:
    """Return the first reduction that stands beside the codec on an axis, "" if none does."""
    rows = compared(
        given.similarity,
        given.matched,
        None,
        axis=axis,
        metric=METRIC,
        probe=given.probe,
        protocol=given.protocol,
    )
    found = set(rows["method"])
    return next((name for name in _METHODS if {name, "codec"} <= found), "")


def _pair(
    given: Material, context: FigureContext, axis: str, name: str, method: str
) -> list[ReportFigure]:
    tables = (given.similarity, given.matched)
    chosen = {"axis": axis, "method": method, "protocol": given.protocol}
    equal = (
        "what is left of the whole set's similarity"
        if axis == COSINE
        else "the bits that are really written"
    )
    return [
        ReportFigure(
            name=f"reductions-{name}",
            figure=reduction_panels(
                *tables, given.accuracy, context=context, probe=given.probe, **chosen
            ),
            how=f"Left the codec, right a direct reduction; the horizontal axis is {equal}, the "
            "same in both, so that points above each other compare. Damage grows to the right; "
            "bands are 95 % intervals over speakers.",
            shows=read_order(*tables, metric=METRIC, **chosen),
            min_width=820,
        ),
        ReportFigure(
            name=f"reductions-{name}-difference",
            figure=reduction_heatmap(*tables, context=context, **chosen),
            how="The codec's similarity less that of the direct reduction, by emotion, where both "
            "do equal damage or spend equal bits. Blue: the codec spares the emotion; brown: it "
            "pays more than under the direct reduction.",
            shows=read_differences(*tables, metric=METRIC, **chosen),
            min_width=820,
        ),
    ]
