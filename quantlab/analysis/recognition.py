"""Tables of what the probes recognise: scores with intervals, and confusion counts.

`C` speakers, `M` conditions, `P` probes, `E` emotions.
"""

import numpy as np
import pandas as pd

from quantlab.analysis.accuracy import Scores, always_one_label, scores
from quantlab.analysis.rows import ALL, CodedRows, add_up, long_table, predicted_codes

SCORE_METRICS = ("uar", "macro_f1", "recall")

_PROBE = "probe_"
_BLANKS = {
    "value": np.nan,
    "low": np.nan,
    "high": np.nan,
    "num_items": 0,
    "num_speakers": 0,
    "chance": np.nan,
    "majority": np.nan,
    "constant": False,
}


def recognition(coded: CodedRows) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score each probe on the pooled items of all folds and seeds.

    Parameters
    ----------
    coded : CodedRows
        Rows with a column of labels `probe_<name>` for each probe.

    Returns
    -------
    tuple of two pd.DataFrame
        The accuracy and the confusion table of a `Summary`.

    Raises
    ------
    InputError
        If a probe gave a label that is not one of the emotions.
    """
    probes = [str(name) for name in coded.table.columns if str(name).startswith(_PROBE)]
    num_conditions, num_emotions = len(coded.conditions), len(coded.emotions)
    shape = (num_conditions, len(probes), len(SCORE_METRICS), 1 + num_emotions)
    columns = {name: np.full(shape, blank) for name, blank in _BLANKS.items()}
    confusion = np.zeros((num_conditions, len(probes), num_emotions, num_emotions), np.int64)
    for place, probe in enumerate(probes):
        predicted = predicted_codes(coded, probe)
        counts = _confusions(coded, predicted)
        confusion[:, place] = counts.sum(axis=0)
        for name, values in _columns(coded, predicted, scores(counts)).items():
            columns[name][:, place] = values
    names = [probe.removeprefix(_PROBE) for probe in probes]
    accuracy = long_table(
        coded,
        {"probe": names, "metric": SCORE_METRICS, "emotion": (ALL, *coded.emotions)},
        keep=~np.isnan(columns["value"]),
        columns=columns,
    )
    occurs = np.broadcast_to(confusion.any(axis=-1, keepdims=True), confusion.shape)
    axes = {"probe": names, "emotion": coded.emotions, "predicted": coded.emotions}
    return accuracy, long_table(coded, axes, keep=occurs, columns={"count": confusion})


def _columns(coded: CodedRows, predicted: np.ndarray, found: Scores) -> dict[str, np.ndarray]:
    """Return the columns of one probe, each broadcasting to [M, metrics, 1 + E]."""
    parts = (found.uar, found.macro_f1, found.recall)
    evaluated = add_up(coded, np.where(predicted >= 0, 0.0, np.nan))
    return {
        "value": _arrange(*(part.value for part in parts)),
        "low": _arrange(*(part.low for part in parts)),
        "high": _arrange(*(part.high for part in parts)),
        "num_items": evaluated.num_items[:, None],
        "num_speakers": (evaluated.counts > 0).sum(axis=0)[:, None],
        "chance": found.chance[:, None, None],
        "majority": _arrange(found.majority_uar, found.majority_macro_f1, found.majority_recall),
        "constant": _constant(coded, predicted)[:, None, None],
    }


def _arrange(uar: np.ndarray, macro_f1: np.ndarray, recall: np.ndarray) -> np.ndarray:
    """Put UAR [M], macro-F1 [M] and recall [M, E] into one array [M, metrics, 1 + E]."""
    arranged = np.full((len(recall), len(SCORE_METRICS), 1 + recall.shape[1]), np.nan)
    arranged[:, 0, 0], arranged[:, 1, 0], arranged[:, 2, 1:] = uar, macro_f1, recall
    return arranged


def _confusions(coded: CodedRows, predicted: np.ndarray) -> np.ndarray:
    """Count true against predicted emotions [C, M, E, E] where there is a prediction."""
    num_emotions = len(coded.emotions)
    shape = (coded.num_speakers, len(coded.conditions), num_emotions, num_emotions)
    given = predicted >= 0
    keys = (coded.speaker, coded.condition, coded.emotion, predicted)
    places = np.ravel_multi_index([key[given] for key in keys], shape)
    return np.bincount(places, minlength=int(np.prod(shape))).reshape(shape)


def _constant(coded: CodedRows, predicted: np.ndarray) -> np.ndarray:
    """Say for which conditions [M] every fold and seed was given one label throughout."""
    given = predicted >= 0
    sets = coded.condition * coded.num_trials + coded.trial
    num_sets = len(coded.conditions) * coded.num_trials
    same = always_one_label(predicted[given], sets[given], num_sets=num_sets)
    return np.logical_and.reduce(same.reshape(len(coded.conditions), coded.num_trials), axis=1)
