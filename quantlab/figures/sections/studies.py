"""Sections that a run has only where their tables were computed, and the published curves."""

from collections.abc import Callable

from quantlab.figures.ambiguity import ambiguity_curves, read_ambiguity
from quantlab.figures.context import FigureContext
from quantlab.figures.forest import claims_forest
from quantlab.figures.information import information_curves, read_information
from quantlab.figures.material import Material
from quantlab.figures.mixing import mixing_curves, mixing_simplex, read_middle, read_mixing
from quantlab.figures.predecessor import published_curves, published_kinds, read_published
from quantlab.figures.routes import read_routes, routes_curves
from quantlab.figures.routing import read_routing, routing_curves
from quantlab.figures.sections.parts import ReportFigure, Section, lam_of, panels_width
from quantlab.figures.stages import read_stages, stage_curves
from quantlab.figures.tables import nearest_lam
from quantlab.figures.verdicts import read_verdicts


def verdicts(given: Material, context: FigureContext) -> tuple[Section, ...]:
    """Return the section on verdicts; the report adds their table."""
    if given.claims.empty:
        return ()
    figure = ReportFigure(
        name="claims",
        figure=claims_forest(given.claims, context=context),
        how="One line per claim. The point is the effect, the bar its 95 % interval, both divided "
        "by the half of the interval next to the reference: beyond the dashed lines the interval "
        "excludes the reference, before any correction. Triangles at the edge lie further out.",
        shows=read_verdicts(given.claims),
        min_width=980,
    )
    section = Section(
        name="verdicts",
        heading="Verdicts",
        question="Which claims of the study does this run support, which not, and what cannot be "
        "told from it?",
        figures=(figure,),
    )
    return (section,)


def information(given: Material, context: FigureContext) -> tuple[Section, ...]:
    """Return the section on clean and retrained probes."""
    if given.information.empty:
        return ()
    figure = ReportFigure(
        name="information",
        figure=information_curves(given.information, context=context, protocol=given.protocol),
        how="Left: mean recall. Right: bits about the emotion that a probe extracts; the upper "
        "line is all there is to know, below zero the probe is worse than guessing. The shaded "
        "gap is what a probe fitted on quantized clips still finds and one of unquantized clips "
        "no longer does: shifted, not lost.",
        shows=read_information(given.information, lam=lam_of(given), protocol=given.protocol),
        min_width=860,
    )
    return _one(
        "information",
        "Lost, or only shifted?",
        "When a probe fails, is the emotion gone, or does it merely look different than before?",
        figure,
    )


def routing(given: Material, context: FigureContext) -> tuple[Section, ...]:
    """Return the section on codebooks as classifier."""
    if given.routing.empty:
        return ()
    figure = ReportFigure(
        name="routing",
        figure=routing_curves(given.routing, context=context, protocol=given.protocol),
        how="Every clip is coded by each emotion's codebook; the one that fits best, by the rule "
        "of the line, is the answer. Dashed: chance; dotted: a plain probe, without any codebook. "
        "Hovering tells the bits, the choice of codebook paid for.",
        shows=read_routing(given.routing, protocol=given.protocol),
        min_width=820,
    )
    return _one(
        "routing",
        "Codebooks as a classifier",
        "Does the codebook that fits a clip best tell its emotion?",
        figure,
    )


def ambiguity(given: Material, context: FigureContext) -> tuple[Section, ...]:
    """Return the section on clear and ambiguous clips."""
    if given.ambiguity.empty:
        return ()
    figure = ReportFigure(
        name="ambiguity",
        figure=ambiguity_curves(given.ambiguity, context=context, protocol=given.protocol),
        how="One line for each class of agreement. Accuracy and F1 are against the label, the "
        "divergence is the distance of the probe's answer to the votes (0 the same, 1 nothing in "
        "common), and the last panel says how often both name the same two emotions first.",
        shows=read_ambiguity(given.ambiguity, lam=lam_of(given), protocol=given.protocol),
        min_width=1040,
    )
    return _one(
        "ambiguity",
        "Clear and ambiguous clips",
        "Are clips that people disagree on hit harder than those that they agree on?",
        figure,
    )


def stages(given: Material, context: FigureContext) -> tuple[Section, ...]:
    """Return the section on stages."""
    if given.stages.empty:
        return ()
    figure = ReportFigure(
        name="stages",
        figure=stage_curves(given.stages, context=context),
        how="Only the first stages are decoded, at λ = 0. Each line is one codebook, tested within "
        "its corpus or on another; bands are 95 % intervals over speakers.",
        shows=read_stages(given.stages),
        min_width=820,
    )
    return _one(
        "stages",
        "Stage by stage",
        "Which stage carries the emotion, and does it hold on another corpus?",
        figure,
    )


def mixing(given: Material, context: FigureContext) -> tuple[Section, ...]:
    """Return the section on mixed references."""
    if given.mixing.empty:
        return ()
    # The λ of the table that is nearest to the one that claims are tested at.
    drawn = {"lam": nearest_lam(given.mixing, lam_of(given)), "protocol": given.protocol}
    figures = (
        ReportFigure(
            name="mixing",
            figure=mixing_simplex(given.mixing, context=context, **drawn),
            how="Each point is the mean answer of a probe to mixed references: the nearer to a "
            "corner, the likelier that emotion. Markers grow with the share of the first. A path "
            "along the lower edge mixes; one through the upper corner makes a third emotion.",
            shows=read_mixing(given.mixing, **drawn),
            min_width=760,
        ),
        ReportFigure(
            name="mixing-curves",
            figure=mixing_curves(given.mixing, context=context, **drawn),
            how="The same ways over the mixing ratio. Left: how likely the less likely of the two "
            "emotions is; one half would be a perfect mixture. Then the angles to both "
            "references, and how often the speaker is still recognised.",
            shows=read_middle(given.mixing, **drawn),
            min_width=1040,
        ),
    )
    section = Section(
        name="mixing",
        heading="Mixing two references",
        question="Can a codebook make one reference out of two emotions?",
        figures=figures,
    )
    return (section,)


def routes(given: Material, context: FigureContext) -> tuple[Section, ...]:
    """Return the section on the way through neutral."""
    if given.routes.empty:
        return ()
    figure = ReportFigure(
        name="routes",
        figure=routes_curves(
            given.routes,
            context=context,
            protocol=given.protocol,
            num_emotions=len(given.run.emotions),
        ),
        how="One panel per target. How likely a probe takes the result for the target, over the "
        "bits that were spent; through neutral both codebooks are paid for.",
        shows=read_routes(given.routes, protocol=given.protocol),
        min_width=panels_width(given),
    )
    return _one(
        "routes",
        "Through neutral first",
        "Is it better to go to neutral before going to another emotion?",
        figure,
    )


def published(given: Material, context: FigureContext) -> tuple[Section, ...]:
    """Return the section with the predecessor's curves beside those of the run."""
    figures = tuple(
        ReportFigure(
            name=f"published-{kind.replace('_', '-')}",
            figure=published_curves(kind, given, context=context),
            how=_PUBLISHED_HOW[kind],
            shows=read_published(kind, given),
            min_width=860,
        )
        for kind in published_kinds(given)
    )
    if not figures:
        return ()
    section = Section(
        name="published",
        heading="Beside the published curves",
        question="The study that came before this one published curves without intervals. Do those "
        "of this run have the same shape? Corpus, embedder and the scale of λ differ, so no "
        "single value can be compared.",
        figures=figures,
    )
    return (section,)


_SCALES = (
    "Left: numbers published on 2026-01-11 (1355-XCZ/ShowWork1). Right: this run. λ there is in "
    "squared units of unscaled embeddings, so each panel has its own axis."
)
_PUBLISHED_HOW = {
    "similarity": f"{_SCALES} Raw cosines are high for any two clips.",
    "accuracy": f"{_SCALES} From λ = 300 on every published frame has the same codes: what is "
    "recognised there is a constant.",
    "biased_rate": f"{_SCALES} Black is the codebook of the corpus as it is. Published bits are "
    "those that the model charges, per frame, at three λ for codebooks of one emotion; above 252 "
    "bits it charges more than the code can hold.",
    "ambiguity": f"{_SCALES} Published accuracies are averaged here over the emotions that have "
    "clips of that agreement, which are not the same for each.",
}


def _one(name: str, heading: str, question: str, figure: ReportFigure) -> tuple[Section, ...]:
    return (Section(name=name, heading=heading, question=question, figures=(figure,)),)


STUDIES: tuple[Callable[[Material, FigureContext], tuple[Section, ...]], ...] = (
    information,
    routing,
    ambiguity,
    stages,
    mixing,
    routes,
    published,
)
"""Sections in the order of the report; each is left out where its tables are empty."""
