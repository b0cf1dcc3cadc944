"""From a run's tidy tables to figures, files and the report.

Figures are pure functions from a table to a plotly `Figure`; pages, reports and papers use the
same ones. Words, colours and axes are fixed in one place each. Nothing is computed beyond what is
needed to draw.
"""

from quantlab.figures.across import write_verdicts
from quantlab.figures.ambiguity import ambiguity_curves
from quantlab.figures.biased import biased_classes, biased_matrix, biased_panel
from quantlab.figures.clip_map import clip_map, clip_path_curves
from quantlab.figures.common_axis import BITS as BITS_AXIS
from quantlab.figures.common_axis import SIMILARITY as SIMILARITY_AXIS
from quantlab.figures.common_axis import axis_curves
from quantlab.figures.compare import reduction_curves
from quantlab.figures.context import FigureContext
from quantlab.figures.control import control_curves
from quantlab.figures.curves import rate_curves, similarity_curves, similarity_heatmap
from quantlab.figures.disentanglement import embedding_maps, probe_heatmap
from quantlab.figures.displacement import displacement_bars, displacement_curves
from quantlab.figures.drift import EACH_OTHER, attraction_curves
from quantlab.figures.drift_map import drift_map
from quantlab.figures.empty import empty_figure
from quantlab.figures.evaluated import ModelTables, models_context
from quantlab.figures.evaluation import write_model_report
from quantlab.figures.evaluation_tables import grid_html, model_tables, verdict_html
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
from quantlab.figures.forest import claims_forest
from quantlab.figures.grid import grid_dots, measure_words
from quantlab.figures.information import information_curves
from quantlab.figures.limits import LIMITED, limit_curves
from quantlab.figures.listening import conversion_effect, listening_curves
from quantlab.figures.listening_page import Sound, listening_page
from quantlab.figures.map_view import MapView, map_words, moved_table
from quantlab.figures.mixing import (
    mixing_curves,
    mixing_pairs,
    mixing_simplex,
    pair_words,
    read_middle,
    read_mixing,
)
from quantlab.figures.mixture import mixture_angles
from quantlab.figures.palette import EMOTION_STYLES, EmotionStyle, emotion_style, template
from quantlab.figures.player import PlayerSound, player_data, player_script, player_style
from quantlab.figures.predecessor import published_curves, published_table
from quantlab.figures.recipes import matrix_levels, recipe_matrix
from quantlab.figures.recognition import accuracy_curves, confusion_heatmap
from quantlab.figures.reductions import COSINE, reduction_heatmap, reduction_panels
from quantlab.figures.report import write_report
from quantlab.figures.routes import routes_curves
from quantlab.figures.routing import routing_curves
from quantlab.figures.rows_over import rows_over
from quantlab.figures.run_map import RunMap
from quantlab.figures.run_settings import run_settings
from quantlab.figures.runs import RunEntry, RunTables, list_runs, run_stamp
from quantlab.figures.showcase_page import ShowcaseClip, showcase_data, showcase_page
from quantlab.figures.spectrogram import Spectrogram, spectrogram_panels
from quantlab.figures.stages import stage_curves
from quantlab.figures.terms import METHODS, MODEL_METHODS, terms_html
from quantlab.figures.two_runs import difference_curves, two_runs_curves
from quantlab.figures.two_runs_words import (
    cautions,
    compared_words,
    difference_sentence,
    named_by_folder,
    same_corpus,
    settings_beside,
)
from quantlab.figures.usage import usage_curves
from quantlab.figures.verdicts import read_verdicts, verdicts_table
from quantlab.figures.words import (
    axis_words,
    counted,
    emotion_order,
    joined,
    method_words,
    metric_words,
    number,
    probe_words,
    protocol_words,
    recipe_words,
)

__all__ = [
    "BITS_AXIS",
    "COSINE",
    "EACH_OTHER",
    "EMOTION_STYLES",
    "LIMITED",
    "METHODS",
    "MODEL_METHODS",
    "PLOT_CONFIG",
    "SIMILARITY_AXIS",
    "EmotionStyle",
    "FigureContext",
    "Findings",
    "MapView",
    "ModelTables",
    "PlayerSound",
    "RunEntry",
    "RunMap",
    "RunTables",
    "ShowcaseClip",
    "Sound",
    "Spectrogram",
    "accuracy_curves",
    "ambiguity_curves",
    "attraction_curves",
    "axis_curves",
    "axis_words",
    "biased_classes",
    "biased_matrix",
    "biased_panel",
    "cautions",
    "claims_forest",
    "clip_map",
    "clip_path_curves",
    "compared_words",
    "confusion_heatmap",
    "control_curves",
    "conversion_effect",
    "counted",
    "difference_curves",
    "difference_sentence",
    "displacement_bars",
    "displacement_curves",
    "drift_map",
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
    "grid_html",
    "image_maker",
    "information_curves",
    "joined",
    "limit_curves",
    "list_runs",
    "listening_curves",
    "listening_page",
    "map_words",
    "matrix_levels",
    "measure_words",
    "method_words",
    "metric_words",
    "mixing_curves",
    "mixing_pairs",
    "mixing_simplex",
    "mixture_angles",
    "model_tables",
    "models_context",
    "moved_table",
    "named_by_folder",
    "number",
    "pair_words",
    "player_data",
    "player_script",
    "player_style",
    "probe_heatmap",
    "probe_words",
    "protocol_words",
    "published_curves",
    "published_table",
    "rate_curves",
    "read_middle",
    "read_mixing",
    "read_verdicts",
    "recipe_matrix",
    "recipe_words",
    "reduction_curves",
    "reduction_heatmap",
    "reduction_panels",
    "routes_curves",
    "routing_curves",
    "rows_over",
    "run_settings",
    "run_stamp",
    "same_corpus",
    "settings_beside",
    "showcase_data",
    "showcase_page",
    "similarity_curves",
    "similarity_heatmap",
    "spectrogram_panels",
    "stage_curves",
    "template",
    "terms_html",
    "two_runs_curves",
    "usage_curves",
    "verdict_html",
    "verdicts_table",
    "write_model_report",
    "write_report",
    "write_verdicts",
]
