"""All that sentences, sections and reports about a run are written from."""

from dataclasses import dataclass, fields

import pandas as pd

from quantlab.errors import InputError
from quantlab.figures.claims import Claim, drift_claims
from quantlab.figures.readings import half_lam
from quantlab.figures.runs import RunTables
from quantlab.figures.schema import TABLES, TableName, empty_table

METRIC = "cos_centred_frames"
_PROTOCOL = "speaker"


@dataclass(frozen=True, eq=False)
class Material:
    """All that the report is written from.

    Attributes
    ----------
    run : RunTables
        The run.
    similarity, rate, accuracy, confusion, attraction, references, limits, control, claims,
    displacement, matched, information, routing, ambiguity, stages, mixing, routes : pd.DataFrame
        Its tables; empty where the run lacks one.
    lam : float
        The λ that sentences speak of: where the set's similarity has fallen to half.
    probe, protocol : str
        The first probe, and the protocol of figures that show one.
    drifts : tuple of Claim
        Drift beyond the references at `lam`.
    """

    run: RunTables
    similarity: pd.DataFrame
    rate: pd.DataFrame
    accuracy: pd.DataFrame
    confusion: pd.DataFrame
    attraction: pd.DataFrame
    references: pd.DataFrame
    limits: pd.DataFrame
    control: pd.DataFrame
    claims: pd.DataFrame
    displacement: pd.DataFrame
    matched: pd.DataFrame
    information: pd.DataFrame
    routing: pd.DataFrame
    ambiguity: pd.DataFrame
    stages: pd.DataFrame
    mixing: pd.DataFrame
    routes: pd.DataFrame
    lam: float
    probe: str
    protocol: str
    drifts: tuple[Claim, ...]

    @classmethod
    def of(cls, run: RunTables) -> "Material":
        """Read a run's tables; a missing one is taken as empty, a damaged one raises."""
        own = {part.name for part in fields(cls)}
        tables = {name: _table(run, name) for name in TABLES if name in own}
        found = run.protocols
        protocol = _PROTOCOL if _PROTOCOL in found or not found else found[0]
        lam = half_lam(tables["similarity"], metric=METRIC, protocol=protocol)
        probes = sorted(set(tables["accuracy"]["probe"]))
        named = [str(name) for name in run.summary.get("probes") or [] if name in probes]
        drifts = drift_claims(tables["attraction"], lam=lam, protocol=protocol)
        return cls(
            run=run,
            **tables,
            lam=lam,
            probe=(named or probes or ["logistic"])[0],
            protocol=protocol,
            drifts=tuple(drifts),
        )


def _table(run: RunTables, name: TableName) -> pd.DataFrame:
    try:
        return run.table(name)
    except InputError:
        return empty_table(name)
