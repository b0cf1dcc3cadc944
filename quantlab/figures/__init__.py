"""From a run's tidy tables to figures, files and the report.

Figures are pure functions from a table to a plotly `Figure`; pages, reports and papers use the
same ones. Words, colours and axes are fixed in one place each. Nothing is computed beyond what is
needed to draw.
"""

from quantlab.figures.biased import biased_classes, biased_matrix, biased_panel
from quantlab.figures.compare import reduction_curves
from quantlab.figures.context import FigureContext
from quantlab.figures.control import control_curves
from quantlab.figures.curves import rate_curves, similarity_curves, similarity_heatmap
from quantlab.figures.disentanglement import embedding_maps, probe_heatmap
from quantlab.figures.drift import EACH_OTHER, attraction_curves
from quantlab.figures.empty import empty_figure
from quantlab.figures.evaluation import ModelTables, write_model_report
from quantlab.figures.export import (
    PLOT_CONFIG,
    export_figure,
    figure_csv,
    figure_data,
    figure_html,
    figure_image,
    image_maker,
)
from quantlab.figures.findings import Findings, findings
from quantlab.figures.grid import grid_dots, measure_words
from quantlab.figures.limits import LIMITED, limit_curves
from quantlab.figures.listening import conversion_effect, listening_curves
from quantlab.figures.listening_page import Sound, listening_page
from quantlab.figures.palette import EMOTION_STYLES, EmotionStyle, emotion_style, template
from quantlab.figures.recognition import accuracy_curves, confusion_heatmap
from quantlab.figures.report import write_report
from quantlab.figures.runs import RunEntry, RunTables, list_runs, run_stamp
from quantlab.figures.spectrogram import Spectrogram, spectrogram_panels
from quantlab.figures.words import (
    emotion_order,
    metric_words,
    number,
    probe_words,
    protocol_words,
    recipe_words,
)

__all__ = [
    "EACH_OTHER",
    "EMOTION_STYLES",
    "LIMITED",
    "PLOT_CONFIG",
    "EmotionStyle",
    "FigureContext",
    "Findings",
    "ModelTables",
    "RunEntry",
    "RunTables",
    "Sound",
    "Spectrogram",
    "accuracy_curves",
    "attraction_curves",
    "biased_classes",
    "biased_matrix",
    "biased_panel",
    "confusion_heatmap",
    "control_curves",
    "conversion_effect",
    "embedding_maps",
    "emotion_order",
    "emotion_style",
    "empty_figure",
    "export_figure",
    "figure_csv",
    "figure_data",
    "figure_html",
    "figure_image",
    "findings",
    "grid_dots",
    "image_maker",
    "limit_curves",
    "list_runs",
    "listening_curves",
    "listening_page",
    "measure_words",
    "metric_words",
    "number",
    "probe_heatmap",
    "probe_words",
    "protocol_words",
    "rate_curves",
    "recipe_words",
    "reduction_curves",
    "run_stamp",
    "similarity_curves",
    "similarity_heatmap",
    "spectrogram_panels",
    "template",
    "write_model_report",
    "write_report",
]
