"""The tables behind a study's claims, and the claims themselves, from sweep rows.

`N` items, `L` values of λ, `E` emotions.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quantlab.analysis.ambiguity import ambiguity_table
from quantlab.analysis.claims_drift import bias_claims, drift_claims, listening_claims
from quantlab.analysis.claims_questions import question_claims
from quantlab.analysis.claims_similarity import similarity_claims
from quantlab.analysis.evidence import (
    CLASS_REFERENCES,
    NEUTRAL,
    REFERENCES,
    Evidence,
    neutral_minus_others,
)
from quantlab.analysis.information import v_information_table
from quantlab.analysis.items import CODEC, ItemTable, means_columns, tabulated
from quantlab.analysis.matched import matched_table
from quantlab.analysis.mixing import mixing_table, routes_table
from quantlab.analysis.routing import routing_table
from quantlab.analysis.rows import code_rows
from quantlab.analysis.verdicts import Finding, judge

_MEAN, _CONTRAST = "mean", "neutral_minus_others"
_STAGES = "stages_"
_COLUMNS = (
    "distortion",
    "cos_centred_frames",
    "code_length_bits",
    "num_frames",
    "set_num_vectors",
    "set_payload_bits",
)


@dataclass(frozen=True, eq=False)
class Science:
    """What a study says of its questions.

    Attributes
    ----------
    claims : pd.DataFrame
        One row per claim, as `judge` returns it.
    displacement, matched, information, routing, ambiguity, stages, mixing, routes : pd.DataFrame
        Tidy tables with intervals; without rows where the study lacks what they need.
    """

    claims: pd.DataFrame
    displacement: pd.DataFrame
    matched: pd.DataFrame
    information: pd.DataFrame
    routing: pd.DataFrame
    ambiguity: pd.DataFrame
    stages: pd.DataFrame
    mixing: pd.DataFrame
    routes: pd.DataFrame


@dataclass(frozen=True, eq=False, kw_only=True)
class Beside:
    """What a study knows beside its sweep rows; None where it does not.

    Attributes
    ----------
    agreement : pd.DataFrame, optional
        Columns item, agreement and source.
    mixing, routes, listening : pd.DataFrame, optional
        Rows of mixed references, of routes, and of a listening loop.
    permuted : bool
        Whether emotion labels were permuted.
    """

    agreement: pd.DataFrame | None = None
    mixing: pd.DataFrame | None = None
    routes: pd.DataFrame | None = None
    listening: pd.DataFrame | None = None
    permuted: bool = False


def science(rows: pd.DataFrame, *, emotions: Sequence[str], probe: str, beside: Beside) -> Science:
    """Tabulate and judge a sweep.

    Parameters
    ----------
    rows : pd.DataFrame
        One row per trial × method × λ × item.
    emotions : sequence of str, length E
        The classes.
    probe : str
        The probe whose answers claims are tested on, ``"logistic"`` for instance.
    beside : Beside
        What else is known.

    Returns
    -------
    Science

    Raises
    ------
    InputError
        If there are no rows, or a column is missing.
    """
    tables = _item_tables(rows, emotions)
    answers, agreement, every = f"probe_{probe}", beside.agreement, list(tables.values())
    named = sorted(str(name) for name in rows.columns if str(name).startswith("probe_"))
    probes = [name.removeprefix("probe_") for name in named if name != "probe_retrained"]
    return Science(
        claims=_judged(tables, probe, beside),
        displacement=_joined(displacement_table(table) for table in every),
        matched=_joined(matched_table(table, probes) for table in every),
        information=_joined(v_information_table(table, probe=answers) for table in every),
        routing=_joined(routing_table(table, probe=answers) for table in every),
        ambiguity=_joined(
            ambiguity_table(table, agreement, probe=answers)
            for table in every
            if agreement is not None
        ),
        stages=_joined(stages_table(table, probe=answers) for table in every),
        mixing=_table(mixing_table, beside.mixing),
        routes=_table(routes_table, beside.routes),
    )


def claims_table(
    rows: pd.DataFrame, *, emotions: Sequence[str], probe: str, beside: Beside
) -> pd.DataFrame:
    """Judge the claims alone; parameters and errors as of `science`."""
    return _judged(_item_tables(rows, emotions), probe, beside)


def _item_tables(rows: pd.DataFrame, emotions: Sequence[str]) -> dict[str, ItemTable]:
    coded = code_rows(rows, emotions=emotions, columns=_COLUMNS)
    found = dict.fromkeys(coded.conditions["protocol"].astype(str))
    return {protocol: ItemTable(coded, protocol) for protocol in found}


def _judged(tables: dict[str, ItemTable], probe: str, beside: Beside) -> pd.DataFrame:
    evidence = Evidence(
        items=tables.get("speaker") or next(iter(tables.values())),
        probe=probe,
        corpus=tables.get("corpus"),
        agreement=beside.agreement,
        mixing=beside.mixing,
        routes=beside.routes,
        listening=beside.listening,
    )
    return judge(findings(evidence), permuted=beside.permuted)


def _table(
    tabulate: Callable[[pd.DataFrame], pd.DataFrame], rows: pd.DataFrame | None
) -> pd.DataFrame:
    return pd.DataFrame() if rows is None or rows.empty else tabulate(rows)


def findings(evidence: Evidence) -> list[Finding]:
    """Test every claim, in the order of the report."""
    return [
        *similarity_claims(evidence),
        *drift_claims(evidence),
        *bias_claims(evidence),
        *listening_claims(evidence),
        *question_claims(evidence),
    ]


def displacement_table(table: ItemTable) -> pd.DataFrame:
    """Tabulate displacement coefficients toward the mean and toward each class.

    Parameters
    ----------
    table : ItemTable
        Items of one protocol.

    Returns
    -------
    pd.DataFrame
        Columns protocol, recipe, method, lam, emotion, target (mean, each class and
        neutral_minus_others), value, low, high, num_items and num_speakers; methods are the codec,
        its references and their paired differences.
    """
    parts = []
    for recipe in table.recipes:
        known = table.methods(recipe)
        references = [name for name in (*REFERENCES, *CLASS_REFERENCES) if name in known]
        targets = _targets(table, recipe)
        if CODEC not in known or not targets:
            continue
        lams = table.lams(recipe=recipe)
        own = _coefficients(table, targets, recipe, CODEC)
        read = {name: _coefficients(table, targets, recipe, name) for name in references}
        quantities = {CODEC: own, **read}
        quantities |= {f"{CODEC}-minus-{name}": own - values for name, values in read.items()}
        for method, values in quantities.items():
            found, num_items = table.means(values)
            axes = {"target": targets, "lam": lams}
            keys = {"protocol": table.protocol, "recipe": recipe, "method": method}
            parts.append(means_columns(found, num_items, axes, table.emotions, **keys))
    return tabulated(parts)


def _targets(table: ItemTable, recipe: str) -> list[str]:
    """Return the targets that the rows have coefficients of."""
    names = [_MEAN, *table.emotions]
    known = [name for name in names if table.has(f"displacement_{name}", recipe=recipe)]
    return [*known, _CONTRAST] if NEUTRAL in known and len(known) > 2 else known


def _coefficients(table: ItemTable, targets: list[str], recipe: str, method: str) -> np.ndarray:
    """Return coefficients [targets, L, N]."""
    plain = {
        name: table.curve(f"displacement_{name}", recipe=recipe, method=method)
        for name in targets
        if name != _CONTRAST
    }
    if _CONTRAST in targets:
        plain[_CONTRAST] = neutral_minus_others(
            np.stack([plain[name] for name in table.emotions]), table.emotion, table.emotions
        )
    return np.stack([plain[name] for name in targets])


def stages_table(table: ItemTable, *, probe: str) -> pd.DataFrame:
    """Tabulate similarity and recognition by number of stages, at λ = 0.

    Parameters
    ----------
    table : ItemTable
        Items of one protocol.
    probe : str
        Column of the labels that are scored.

    Returns
    -------
    pd.DataFrame
        Columns protocol, recipe, stage, metric (cos_centred_frames, distortion, uar), emotion,
        value, low, high, num_items, num_speakers and chance (of UAR, NaN elsewhere).
    """
    parts = []
    for recipe in table.recipes:
        methods = [name for name in table.methods(recipe) if name.startswith(_STAGES)]
        stages = sorted(int(name.removeprefix(_STAGES)) for name in methods)
        if not stages:
            continue
        for metric, values in _by_stage(table, recipe, stages, probe):
            found, num_items = table.means(values, by_class=metric == "uar")
            chance = 1 / len(table.emotions) if metric == "uar" else np.nan
            keys = {"protocol": table.protocol, "recipe": recipe, "metric": metric}
            axes = {"stage": stages}
            parts.append(
                means_columns(found, num_items, axes, table.emotions, **keys, chance=chance)
            )
    return tabulated(parts)


def _by_stage(
    table: ItemTable, recipe: str, stages: list[int], probe: str
) -> Iterator[tuple[str, np.ndarray]]:
    for metric in ("cos_centred_frames", "distortion"):
        yield (
            metric,
            np.stack(
                [
                    table.values(metric, lam=0.0, recipe=recipe, method=f"{_STAGES}{stage}")
                    for stage in stages
                ]
            ),
        )
    yield (
        "uar",
        np.stack(
            [
                table.hits(probe, lam=0.0, recipe=recipe, method=f"{_STAGES}{stage}")
                for stage in stages
            ]
        ),
    )


def _joined(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    known = [part for part in parts if len(part)]
    return pd.concat(known, ignore_index=True) if known else pd.DataFrame()
