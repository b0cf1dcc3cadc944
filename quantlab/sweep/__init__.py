"""Studies: train the codecs of a run, evaluate them over the λ ladder, and tabulate the results."""

from quantlab.sweep.class_means import class_means
from quantlab.sweep.codecs import Trained, train
from quantlab.sweep.folder import RunFolder
from quantlab.sweep.map_settings import MapSettings
from quantlab.sweep.mixing_settings import MixingSettings
from quantlab.sweep.prepare import prepare_data
from quantlab.sweep.quantize import QuantizedSet, quantize_set
from quantlab.sweep.run import Swept, read_rows, sweep
from quantlab.sweep.settings import (
    EACH_EMOTION,
    DataSettings,
    SplitSettings,
    StudySettings,
    read_studies,
    read_study,
)
from quantlab.sweep.summary import judge_anew

__all__ = [
    "EACH_EMOTION",
    "DataSettings",
    "MapSettings",
    "MixingSettings",
    "QuantizedSet",
    "RunFolder",
    "SplitSettings",
    "StudySettings",
    "Swept",
    "Trained",
    "class_means",
    "judge_anew",
    "prepare_data",
    "quantize_set",
    "read_rows",
    "read_studies",
    "read_study",
    "sweep",
    "train",
]
