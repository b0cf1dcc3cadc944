"""Ambiguity of items: how much annotators, or probes, agree on them, and what that does to scores.

Where a corpus has votes, their distribution is an item's soft label; elsewhere it is the posterior
of a probe that was trained on other texts (or other speakers), which is not the probe that is
scored. `N` items, `E` emotions, `L` values of λ.
"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from quantlab.analysis.accuracy import confusion_matrices, scores
from quantlab.analysis.checks import matrix, same_shape
from quantlab.analysis.items import BALANCED, CODEC, ItemTable
from quantlab.analysis.rows import ALL
from quantlab.analysis.statistics import cluster_mean

AGREEMENT = ("clear", "middle", "ambiguous")
_SMALLEST = np.finfo(np.float64).tiny


def entropy_bits(shares: ArrayLike) -> np.ndarray:
    """Return the entropy of each row of shares, in bits.

    Parameters
    ----------
    shares : array_like >= 0, shape [N, E]
        Rows that sum to one.

    Returns
    -------
    np.ndarray, float64, shape [N], 0 to log2 E

    Examples
    --------
    >>> entropy_bits([[0.5, 0.5], [1.0, 0.0]]).tolist()
    [1.0, 0.0]
    """
    rows = matrix("shares", shares)
    return -(rows * np.log2(np.maximum(rows, _SMALLEST))).sum(axis=1) + 0.0


def jensen_shannon_bits(first: ArrayLike, second: ArrayLike) -> np.ndarray:
    """Return the Jensen–Shannon divergence between rows of shares.

    Parameters
    ----------
    first, second : array_like >= 0, shape [N, E]
        Rows that sum to one.

    Returns
    -------
    np.ndarray, float64, shape [N], 0 to 1 bit

    References
    ----------
    Lin (1991), "Divergence measures based on the Shannon entropy", IEEE Transactions on
    Information Theory 37(1).

    Examples
    --------
    >>> jensen_shannon_bits([[1.0, 0.0]], [[0.0, 1.0]]).tolist()
    [1.0]
    """
    left, right = matrix("first", first), matrix("second", second)
    same_shape("first", left, "second", right)
    middle = entropy_bits((left + right) / 2)
    return np.clip(middle - (entropy_bits(left) + entropy_bits(right)) / 2, 0.0, 1.0)


def same_top_two(first: ArrayLike, second: ArrayLike) -> np.ndarray:
    """Say whether two rows of shares have the same two largest classes, in either order.

    Parameters
    ----------
    first, second : array_like, shape [N, E]
        Shares; of equal ones the first classes count as larger.

    Returns
    -------
    np.ndarray of bool, shape [N]
    """
    left, right = matrix("first", first), matrix("second", second)
    same_shape("first", left, "second", right)
    pairs = [
        np.sort(np.argsort(-part, axis=1, kind="stable")[:, :2], axis=1) for part in (left, right)
    ]
    return (pairs[0] == pairs[1]).all(axis=1)


def agreement_classes(soft: ArrayLike, speakers: ArrayLike) -> np.ndarray:
    """Sort items into thirds by the entropy of their soft labels, speaker by speaker.

    Parameters
    ----------
    soft : array_like, shape [N, E]
        Soft labels.
    speakers : array_like, shape [N]
        Whose item it is: thirds of each speaker, so that every speaker has all three.

    Returns
    -------
    np.ndarray of str, shape [N]
        "clear", "middle" or "ambiguous"; items of equal entropy are in one class.
    """
    spread = entropy_bits(soft)
    named = np.empty(len(spread), dtype=object)
    for speaker in np.unique(np.asarray(speakers)):
        mine = np.flatnonzero(np.asarray(speakers) == speaker)
        edges = np.quantile(spread[mine], [1 / 3, 2 / 3])
        named[mine] = np.asarray(AGREEMENT, object)[
            np.searchsorted(edges, spread[mine], side="left")
        ]
    return named.astype(str)


def ambiguity_table(
    table: ItemTable, agreement: pd.DataFrame, *, probe: str, recipe: str = BALANCED
) -> pd.DataFrame:
    """Tabulate recognition and closeness to soft labels by agreement class over λ.

    Parameters
    ----------
    table : ItemTable
        Items of one protocol.
    agreement : pd.DataFrame
        Columns item, agreement and source ("votes" or "probe").
    probe : str
        Column of the labels that are scored.
    recipe : str
        Whose codec.

    Returns
    -------
    pd.DataFrame
        Columns protocol, recipe, lam, source, agreement, metric (accuracy, macro_f1, js_bits,
        top2), emotion ("all"), value, low, high, num_items and num_speakers.
    """
    known = agreement.set_index("item").reindex(table.item)
    classes = known["agreement"].to_numpy(object)
    rows = []
    for lam in table.lams(recipe=recipe):
        answers = table.answers(probe, lam=lam, recipe=recipe)
        measured = {
            name: table.values(name, lam=lam, recipe=recipe)
            for name in ("js_bits", "top2")
            if table.has(name, recipe=recipe, method=CODEC)
        }
        measured["accuracy"] = table.hits(probe, lam=lam, recipe=recipe)
        for name in dict.fromkeys(value for value in classes if isinstance(value, str)):
            mine = np.flatnonzero(classes == name)
            keys = {"lam": lam, "agreement": name, "source": str(known["source"].iloc[mine[0]])}
            rows += [
                {**keys, "metric": metric, **_mean(values[mine], table.speaker[mine])}
                for metric, values in measured.items()
                if np.isfinite(values[mine]).any()
            ]
            rows.append({**keys, "metric": "macro_f1", **_f1(table, answers, mine)})
    return pd.DataFrame(rows).assign(protocol=table.protocol, recipe=recipe, emotion=ALL)


def _mean(values: np.ndarray, speakers: np.ndarray) -> dict[str, float]:
    known = np.isfinite(values)
    found = cluster_mean(values[known], speakers[known])
    return _cell(found.value, found.low, found.high, int(known.sum()), found.num_clusters)


def _f1(table: ItemTable, answers: np.ndarray, mine: np.ndarray) -> dict[str, float]:
    names = np.asarray(table.emotions)
    given = names[np.nan_to_num(answers[mine]).argmax(axis=1)]
    counts = confusion_matrices(
        names[table.emotion[mine]], given, table.speaker[mine], classes=table.emotions
    )
    found = scores(counts).macro_f1
    return _cell(
        float(found.value), float(found.low), float(found.high), len(mine), int(found.num_clusters)
    )


def _cell(value: float, low: float, high: float, items: int, speakers: int) -> dict[str, float]:
    return {
        "value": value,
        "low": low,
        "high": high,
        "num_items": items,
        "num_speakers": speakers,
    }
