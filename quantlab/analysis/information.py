"""Lost information against shifted distribution: clean and retrained probes over λ.

A probe trained on clean items loses accuracy on quantized ones both when the emotion is gone and
when it has merely moved; one that is trained anew on quantized items loses it in the first case
only. The same in bits is V-information. `N` items, `E` emotions.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from quantlab.analysis.items import Columns, ItemTable, means_columns, tabulated

CLEAN, RETRAINED, HEAD = "clean", "retrained", "head"
_SURPRISALS = {CLEAN: "surprisal_bits", RETRAINED: "retrained_surprisal_bits"}


def v_information_bits(surprisal_bits: np.ndarray, num_classes: int) -> np.ndarray:
    """Return what a family of probes knows of the class, in bits, item by item.

    H_V(Y) − H_V(Y|X) with the label's prior equal over classes: log2 E − surprisal. Its mean over
    items not trained on is the V-information; it is negative where a probe is surer than right.

    Parameters
    ----------
    surprisal_bits : np.ndarray, float64, >= 0
        −log2 of the probability that the probe gave the true class.
    num_classes : int >= 2
        `E`.

    Returns
    -------
    np.ndarray, float64, the shape of `surprisal_bits`, <= log2 E

    References
    ----------
    Xu et al. (2020), "A theory of usable information under computational constraints", ICLR,
    definition 2; Ethayarajh, Choi and Swayamdipta (2022), "Understanding dataset difficulty with
    V-usable information", ICML, for the value of a single item.
    """
    return np.log2(num_classes) - surprisal_bits


def v_information_table(table: ItemTable, *, probe: str) -> pd.DataFrame:
    """Tabulate accuracy and V-information of clean and retrained probes over λ.

    Parameters
    ----------
    table : ItemTable
        Items of one protocol.
    probe : str
        Column of the clean probe's labels, ``"probe_logistic"`` for instance.

    Returns
    -------
    pd.DataFrame
        Columns protocol, recipe, method, lam, probe (clean, retrained, head), metric (uar,
        v_information_bits), emotion, value, low, high, num_items, num_speakers and chance: 1 / E
        for UAR, 0 for V-information. Means over emotions weigh every emotion the same.
    """
    labels = {CLEAN: probe, RETRAINED: "probe_retrained", HEAD: "probe_head"}
    parts = [
        rows
        for recipe in table.recipes
        for method in ("clean", "codec")
        if method in table.methods(recipe)
        for name, column in labels.items()
        for rows in _of_probe(table, name, column, recipe=recipe, method=method)
    ]
    return tabulated(parts)


def _of_probe(table: ItemTable, name: str, column: str, **curve: str) -> Iterator[Columns]:
    """Yield UAR and V-information of one probe on one curve, where it was asked."""
    if not table.asked(column, **curve):
        return
    num_emotions = len(table.emotions)
    hits = table.hit_curve(column, **curve)
    yield _rows(table, hits, curve, metric="uar", chance=1 / num_emotions, probe=name)
    surprisal = _SURPRISALS.get(name, "")
    if surprisal and table.has(surprisal, **curve):
        bits = v_information_bits(table.curve(surprisal, **curve), num_emotions)
        yield _rows(table, bits, curve, metric="v_information_bits", chance=0.0, probe=name)


def _rows(
    table: ItemTable, values: np.ndarray, curve: Mapping[str, str], **keys: str | float
) -> Columns:
    found, num_items = table.means(values, by_class=True)
    lams = {"lam": table.lams(**curve)}
    return means_columns(
        found, num_items, lams, table.emotions, protocol=table.protocol, **curve, **keys
    )
