"""The grid of models whose evaluations are not here: what their cards say of them."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from quantlab.analysis import GridCell
from quantlab.errors import InputError, IntegrityError

_DCI = ("dci_d", "dci_c", "dci_i")
_MCD = "mcd_db"


def card_grid(cards: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Put what models' cards say of their evaluation into one table.

    Parameters
    ----------
    cards : mapping of str to mapping
        The ``metrics`` of each card, from `card_metrics`, by the model's name. Empty ones are left
        out.

    Returns
    -------
    pd.DataFrame
        One row per model and measure with the columns of `GridCell`, as from `grid_of`; DCI is
        that of the emotion's classes. Distortion counts all speakers, whoever was decoded.

    Raises
    ------
    InputError
        No card holds metrics.
    IntegrityError
        Metrics are not those of `card_metrics`.
    """
    cells: list[GridCell] = []
    for name, metrics in cards.items():
        try:
            cells += _cells(name, metrics)
        except (KeyError, TypeError, AttributeError) as error:
            raise IntegrityError(
                f"the metrics in the card of {name} are not whole ({error!r}); evaluate the model "
                "again with `quantlab evaluate-stylevc MODEL --card`"
            ) from error
    if not cells:
        raise InputError(
            "no model's card holds metrics; type `quantlab evaluate-stylevc MODEL --card`"
        )
    return pd.DataFrame([asdict(cell) for cell in cells])


def _cells(name: str, metrics: Mapping[str, Any]) -> Iterator[GridCell]:
    if not metrics:
        return
    measured = metrics["measured_on"]
    clusters = {"e": len(measured["speakers"]), "s": int(measured["num_sentences"])}
    for measure, one in metrics.items():
        if measure.startswith("cls_"):
            # Where the speaker is asked for, every speaker is a class, and sentences vary.
            yield _cell(name, measure, one, clusters[measure[-1]])
        elif measure in _DCI:
            yield _cell(name, f"{measure}_emotion", one, clusters["e"])
        elif measure == _MCD:
            yield _cell(name, measure, one, clusters["e"], remark=str(one["tag"]))


def _cell(
    name: str, measure: str, one: Mapping[str, Any], num_clusters: int, *, remark: str = ""
) -> GridCell:
    def told(key: str) -> float:
        value = one.get(key)
        return math.nan if value is None else float(value)

    return GridCell(
        model=name,
        measure=measure,
        value=told("value"),
        low=told("low"),
        high=told("high"),
        chance=told("chance"),
        rotated=told("rotated") if measure[:5] in ("dci_d", "dci_c") else math.nan,
        num_clusters=num_clusters,
        remark=remark,
    )
