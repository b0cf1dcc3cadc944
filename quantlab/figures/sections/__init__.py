"""The report's sections: which figures, how to read them, and what this run's tables say."""

from quantlab.figures.material import Material
from quantlab.figures.sections.basics import control, rate, recognition, similarity
from quantlab.figures.sections.moves import biased, drift, recipes
from quantlab.figures.sections.parts import ReportFigure, Section, figures_of
from quantlab.figures.sections.reductions import reductions
from quantlab.figures.sections.studies import STUDIES, verdicts

__all__ = ["ReportFigure", "Section", "figures_of", "report_sections"]


def report_sections(material: Material) -> tuple[Section, ...]:
    """Return the sections of a report, figures on a light background."""
    context = material.run.context()
    return (
        *verdicts(material, context),
        similarity(material, context),
        recognition(material, context),
        rate(material, context),
        *control(material, context),
        reductions(material, context),
        drift(material, context),
        biased(material, context),
        *recipes(material, context),
        *(section for study in STUDIES for section in study(material, context)),
    )
