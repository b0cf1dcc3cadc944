"""What a section of the report is made of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from quantlab.figures.material import Material


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


def lam_of(given: Material) -> float:
    """Return the λ that sentences speak of, 0 where the run has no similarities."""
    return 0.0 if np.isnan(given.lam) else given.lam


def panels_width(given: Material) -> int:
    """Return how wide, in CSS pixels, a row of one panel per emotion must be."""
    return max(620, 170 * len(given.run.emotions))


def figures_of(sections: Sequence[Section]) -> dict[str, ReportFigure]:
    """Return all figures of a report by name."""
    return {part.name: part for section in sections for part in section.figures}
