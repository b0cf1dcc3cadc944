"""One table of all measures of all models, and verdicts that follow from it by stated thresholds.

Measures are named as in the literature on StyleVC: `cls_<from>_<to>` is the accuracy of telling the
label <to> from the embedding <from> (c content, s speaker, e emotion), `dci_d_<label>`,
`dci_c_<label>` and `dci_i_<label>` are DCI, `within_share_<label>` is the within-class share of the
variance of the embedding that is meant for the label, `mcd_db` is mel-cepstral distortion.

Verdicts are made on one scale for all measures, from 0 at chance to 1 at perfect.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd

from quantlab.analysis.claims import MIN_CLUSTERS
from quantlab.analysis.dci_controls import DCI_METRICS, GIVEN, ROTATED
from quantlab.analysis.probe_scores import ProbeScore
from quantlab.analysis.statistics import Interval
from quantlab.errors import InputError

CANNOT_TELL = "cannot tell"
VERDICTS = ("poor", "medium", "good")

_SHORT = {"content": "c", "speaker": "s", "emotion": "e"}
_OWN = ("cls_e_e", "cls_s_s")
_LEAKS = ("cls_c_e", "cls_s_e", "cls_c_s", "cls_e_s")
_CRITERIA: Mapping[str, tuple[str, ...]] = {
    "emotion explicitness": ("cls_e_e",),
    "emotion disentanglement": ("dci_d_emotion",),
    "speaker explicitness": ("cls_s_s",),
    "speaker disentanglement": ("dci_d_speaker",),
    "architecture": (*_OWN, *_LEAKS),
}
CRITERIA = tuple(_CRITERIA)
"""What a verdict is given on: the columns of the literature's summary."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ModelMeasures:
    """What was measured of one model.

    Attributes
    ----------
    model : str
        Its name.
    probes : sequence of ProbeScore
        From `probe_matrix`.
    dci : mapping of str to pd.DataFrame
        From `dci_table`, by the label whose classes are the factors, or by another name of the
        factors.
    scatter : pd.DataFrame, optional
        From `scatter_table`.
    mcd : Interval, optional
        Mel-cepstral distortion in decibels, with its interval.
    mcd_tag : str
        Its front end, order, c0 and alignment; needed with `mcd`, because values under different
        tags do not compare.
    """

    model: str
    probes: Sequence[ProbeScore] = ()
    dci: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    scatter: pd.DataFrame | None = None
    mcd: Interval | None = None
    mcd_tag: str = ""

    def __post_init__(self) -> None:
        if (self.mcd is None) != (not self.mcd_tag):
            raise InputError(f"{self.model}: give a distortion and its tag together, or neither.")


@dataclass(frozen=True, kw_only=True)
class GridCell:
    """One number of the grid.

    Attributes
    ----------
    model, measure : str
        Row and column.
    value, low, high : float
        With the ends of the interval.
    chance : float
        What guessing gives, of `dci_i` always giving the commonest value, of `dci_d` and `dci_c`
        shuffled labels, of `within_share` random classes; NaN of distortion.
    rotated : float
        Of `dci_d` and `dci_c`, the value after a random rotation; else NaN.
    num_clusters : int
        Of the interval.
    remark : str
        The tag of distortion; of `within_share`, what the embedding collapsed to.
    """

    model: str
    measure: str
    value: float
    low: float
    high: float
    chance: float
    rotated: float = float("nan")
    num_clusters: int
    remark: str = ""


@dataclass(frozen=True, kw_only=True)
class VerdictRule:
    """Thresholds on the scale from 0 (chance) to 1 (perfect).

    With the defaults, the published values of the StyleVC grid give their published verdicts.

    Attributes
    ----------
    good : float
        Good from here on.
    poor : float
        Poor below; between the two medium.
    """

    good: float = 0.7
    poor: float = 0.4

    def __post_init__(self) -> None:
        if not 0 < self.poor <= self.good <= 1:
            raise InputError(f"{self} must have 0 < poor <= good <= 1.")

    def __str__(self) -> str:
        return (
            f"good from {self.good:g}, poor below {self.poor:g}; 0 is chance, 1 perfect; a leak "
            "counts as 1 minus what it tells, the worst of several decides"
        )


def grid_table(
    models: Iterable[ModelMeasures], *, probe: str = "wide_mlp", metric: str = "accuracy"
) -> pd.DataFrame:
    """Put the measures of all models into one table.

    Parameters
    ----------
    models : iterable of ModelMeasures
        Each under a name of its own.
    probe : str
        Whose scores are taken.
    metric : {"accuracy", "uar"}
        Which of them.

    Returns
    -------
    pd.DataFrame
        One row per model and measure, with the columns of `GridCell`; models stay in order.

    Raises
    ------
    InputError
        If there is no model, a name occurs twice, or a model has probes but none of this name.
    """
    cells: list[GridCell] = []
    names: list[str] = []
    for given in models:
        if given.model in names:
            raise InputError(f"The model {given.model!r} occurs twice; give each its own name.")
        names.append(given.model)
        cells += [*_probe_cells(given, probe, metric), *_dci_cells(given), *_other_cells(given)]
    if not cells:
        raise InputError("No model with any measure was given; a grid needs one.")
    return pd.DataFrame([asdict(cell) for cell in cells])


def wide_grid(table: pd.DataFrame) -> pd.DataFrame:
    """Return the grid with one row per model, as it is published.

    Parameters
    ----------
    table : pd.DataFrame
        From `grid_table`.

    Returns
    -------
    pd.DataFrame
        Column model, and for each measure <measure>, <measure>_low, <measure>_high and
        <measure>_chance; NaN where a model lacks it.
    """
    models, measures = table["model"].unique(), table["measure"].unique()
    parts = [
        table.pivot(index="model", columns="measure", values=part)
        .reindex(index=models, columns=measures)
        .add_suffix("" if part == "value" else f"_{part}")
        for part in ("value", "low", "high", "chance")
    ]
    # The four numbers of a measure stand side by side.
    order = [part.columns[place] for place in range(len(measures)) for part in parts]
    return pd.concat(parts, axis=1)[order].rename_axis(None, axis="columns").reset_index()


def verdict_table(table: pd.DataFrame, *, rule: VerdictRule | None = None) -> pd.DataFrame:
    """Say for every model and criterion whether it is good, medium or poor.

    Every measure is put on a scale from 0 at its chance level to 1 at perfect:
    s = (value − chance) / (1 − chance), and its interval with it. Explicitness is s of the accuracy
    of telling a label from the embedding that is meant for it; disentanglement is s of `dci_d`,
    whose chance is its value with shuffled labels; architecture is the worst of both
    explicitnesses and of 1 − max(s, 0) of the four leaks. It is "good" from `rule.good` on, "poor"
    below `rule.poor`, else "medium". "cannot tell" stands where the interval straddles a threshold,
    or there is none, or it rests on fewer than `MIN_CLUSTERS` clusters, unless a sure "poor" of one
    part decides.

    Parameters
    ----------
    table : pd.DataFrame
        From `grid_table`.
    rule : VerdictRule, optional
        Its defaults when left out.

    Returns
    -------
    pd.DataFrame
        Columns model, criterion, verdict, value, low, high (on the scale), decided_by (the
        measure), remark and rule. Without rows for criteria that were not measured whole. Remarks
        warn of collapsed embeddings, whose probes tell nothing of disentanglement, and of a
        disentanglement that is as high after a rotation.
    """
    rule = rule or VerdictRule()
    rows = []
    for model in table["model"].unique():
        cells = {
            str(cell["measure"]): cell
            for cell in table.loc[table["model"] == model].to_dict("records")
        }
        for criterion, measures in _CRITERIA.items():
            if all(name in cells for name in measures):
                found = _worst([cells[name] for name in measures])
                rows.append(
                    {
                        "model": model,
                        "criterion": criterion,
                        "verdict": _verdict(found.low, found.high, rule),
                        **asdict(found),
                        "remark": _remark(cells, criterion),
                        "rule": str(rule),
                    }
                )
    columns = "model criterion verdict value low high decided_by remark rule".split()
    return pd.DataFrame(rows, columns=columns)


def wide_verdicts(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return verdicts with one row per model, as they are published.

    Parameters
    ----------
    verdicts : pd.DataFrame
        From `verdict_table`.

    Returns
    -------
    pd.DataFrame
        Column model and one for each of `CRITERIA`; "not measured" where it was not.
    """
    wide = verdicts.pivot(index="model", columns="criterion", values="verdict")
    ordered = wide.reindex(index=verdicts["model"].unique(), columns=list(CRITERIA))
    return ordered.fillna("not measured").rename_axis(None, axis="columns").reset_index()


@dataclass(frozen=True)
class _Placed:
    """A criterion on the scale."""

    value: float
    low: float
    high: float
    decided_by: str


def _worst(cells: Sequence[dict]) -> _Placed:
    """Return the worst of several measures; what is unknown may be anything."""
    placed = []
    for cell in cells:
        ends = np.array([cell["value"], cell["low"], cell["high"]])
        ends = (ends - cell["chance"]) / (1.0 - cell["chance"])
        if cell["measure"] in _LEAKS:
            ends = 1.0 - np.maximum(ends[[0, 2, 1]], 0.0)
        if cell["num_clusters"] < MIN_CLUSTERS or not np.isfinite(ends[1:]).all():
            ends[1:] = -np.inf, np.inf
        placed.append(ends)
    values, lows, highs = np.transpose(placed)
    return _Placed(
        float(values.min()),
        float(lows.min()),
        float(highs.min()),
        str(cells[int(values.argmin())]["measure"]),
    )


def _verdict(low: float, high: float, rule: VerdictRule) -> str:
    worst, best = (int(end >= rule.poor) + int(end >= rule.good) for end in (low, high))
    return VERDICTS[worst] if worst == best else CANNOT_TELL


def _remark(cells: Mapping[str, dict], criterion: str) -> str:
    remarks = []
    for label in ("emotion", "speaker"):
        if criterion not in ("architecture", f"{label} explicitness", f"{label} disentanglement"):
            continue
        collapsed = cells.get(f"within_share_{label}", {}).get("remark")
        if collapsed:
            remarks.append(f"the {label} embedding collapsed {collapsed}")
        found = cells.get(f"dci_d_{label}")
        if criterion == f"{label} disentanglement" and found is not None:
            high = found["high"] if np.isfinite(found["high"]) else found["value"]
            low = found["low"] if np.isfinite(found["low"]) else found["value"]
            if np.isfinite(found["rotated"]) and found["rotated"] >= low:
                where = "within the interval" if found["rotated"] <= high else "higher"
                remarks.append(f"{where} after a random rotation: separability, not axes")
    return "; ".join(remarks)


def _probe_cells(given: ModelMeasures, probe: str, metric: str) -> list[GridCell]:
    chosen = [row for row in given.probes if (row.probe, row.metric) == (probe, metric)]
    if given.probes and not chosen:
        found = sorted({(row.probe, row.metric) for row in given.probes})
        raise InputError(f"{given.model} has no {metric} of {probe!r}; it has {found}.")
    return [
        GridCell(
            model=given.model,
            measure=f"cls_{_short(row.embedding)}_{_short(row.label)}",
            value=row.value,
            low=row.low,
            high=row.high,
            chance=row.chance,
            num_clusters=row.num_clusters,
        )
        for row in chosen
    ]


def _short(name: str) -> str:
    return _SHORT.get(name, name)


def _dci_cells(given: ModelMeasures) -> list[GridCell]:
    cells = []
    for label, table in given.dci.items():
        for metric in DCI_METRICS:
            rows = table.loc[table["metric"] == metric].set_index("control")
            one = rows.loc[GIVEN]
            axes = metric != "informativeness"
            cells.append(
                GridCell(
                    model=given.model,
                    measure=f"dci_{metric[0]}_{label}",
                    value=float(one["value"]),
                    low=float(one["low"]),
                    high=float(one["high"]),
                    chance=float(one["chance"]),
                    rotated=float(rows.loc[ROTATED]["value"]) if axes else float("nan"),
                    num_clusters=int(one["num_clusters"]),
                )
            )
    return cells


def _other_cells(given: ModelMeasures) -> list[GridCell]:
    cells = []
    if given.scatter is not None:
        own = given.scatter["embedding"] == given.scatter["label"]
        for row in given.scatter.loc[own & (given.scatter["metric"] == "within_share")].to_dict(
            "records"
        ):
            cells.append(
                GridCell(
                    model=given.model,
                    measure=f"within_share_{row['label']}",
                    value=row["value"],
                    low=row["low"],
                    high=row["high"],
                    chance=row["chance"],
                    num_clusters=row["num_clusters"],
                    remark=row["collapsed"],
                )
            )
    if given.mcd is not None:
        chance = {"chance": float("nan"), "remark": given.mcd_tag}
        cells.append(GridCell(model=given.model, measure="mcd_db", **asdict(given.mcd), **chance))
    return cells
