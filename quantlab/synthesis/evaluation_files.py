"""Evaluations on disk, and what of them goes into a model's card.

A folder holds ``<table>.parquet`` and ``<table>.csv`` for every table and, written last,
``evaluation.json``, which says that the others are whole.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from quantlab.analysis import DCI_CONTROLS, DCI_METRICS
from quantlab.errors import InputError, IntegrityError
from quantlab.store import (
    read_json,
    read_table,
    sha256_file,
    write_csv,
    write_json,
    write_table,
)
from quantlab.synthesis.evaluation import (
    TABLE_SCHEMAS,
    VERSION,
    Evaluation,
    main_distortion,
    main_probe,
)
from quantlab.synthesis.evaluation_parts import NEW_SPEAKERS
from quantlab.synthesis.evaluation_sound import COPY, VOCODED
from quantlab.synthesis.evaluation_tables import CLASSES, TRAINED

CARD = "evaluation.json"
_KIND = "stylevc-evaluation"


def write_evaluation(folder: str | Path, evaluation: Evaluation) -> None:
    """Write an evaluation.

    Parameters
    ----------
    folder : str or Path
        Where to; made if needed, what was there is replaced.
    evaluation : Evaluation
        What `evaluate_stylevc` returned.
    """
    place = Path(folder)
    sums = {}
    for name, schema in TABLE_SCHEMAS.items():
        table = getattr(evaluation, name)
        write_table(place / f"{name}.parquet", table, schema=schema)
        write_csv(place / f"{name}.csv", table)
        sums[name] = sha256_file(place / f"{name}.parquet")
    card = {
        "kind": _KIND,
        "format": VERSION,
        "model": evaluation.model,
        "about": dict(evaluation.about),
        "notes": list(evaluation.notes),
        "tables": sums,
    }
    write_json(place / CARD, card)


def read_evaluation(folder: str | Path) -> Evaluation:
    """Read an evaluation that `write_evaluation` wrote.

    Raises
    ------
    InputError
        The folder holds no evaluation.
    IntegrityError
        A file is damaged, or of another version.
    """
    place = Path(folder)
    if not (place / CARD).is_file():
        raise InputError(f"{place} holds no evaluation; run: quantlab evaluate-stylevc MODEL")
    card = read_json(place / CARD)
    if not isinstance(card, dict) or (card.get("kind"), card.get("format")) != (_KIND, VERSION):
        raise IntegrityError(
            f"{place / CARD} is not the card of an evaluation of format {VERSION}; delete the "
            "folder and evaluate the model again"
        )
    try:
        about, sums = dict(card["about"]), dict(card["tables"])
        model, notes = str(card["model"]), tuple(map(str, card["notes"]))
    except (KeyError, TypeError, ValueError) as error:
        raise IntegrityError(f"{place / CARD} is not whole: {error}") from error
    tables = {name: _table(place / f"{name}.parquet", sums.get(name)) for name in TABLE_SCHEMAS}
    return Evaluation(model=model, about=about, notes=notes, **tables)


def evaluation_folders(root: str | Path) -> dict[str, tuple[Path, ...]]:
    """Return the evaluations that `quantlab evaluate-stylevc` wrote below a folder.

    Parameters
    ----------
    root : str or Path
        Usually the folder of runs; missing ones hold none.

    Returns
    -------
    dict of str to tuple of Path
        By the name of each output folder, relative to the root, the folders of its models. Only
        names are looked at, up to two levels down.
    """
    place = Path(root)
    found: dict[str, list[Path]] = {}
    for pattern in (f"*/*/{CARD}", f"*/*/*/{CARD}"):
        for card in sorted(place.glob(pattern)):
            name = card.parent.parent.relative_to(place).as_posix()
            found.setdefault(name, []).append(card.parent)
    return {name: tuple(folders) for name, folders in sorted(found.items())}


def _table(path: Path, expected: str | None) -> pd.DataFrame:
    if not path.is_file() or sha256_file(path) != expected:
        raise IntegrityError(
            f"{path} is missing, or not what its card says; delete the folder and evaluate the "
            "model again"
        )
    return read_table(path)


def card_metrics(evaluation: Evaluation, *, probe: str = "") -> dict[str, Any]:
    """Return what a model's card says of its evaluation.

    Parameters
    ----------
    evaluation : Evaluation
        Of the model.
    probe : str
        Whose accuracies are taken; by default the first of the settings.

    Returns
    -------
    dict of str to Any
        ``cls_<from>_<to>`` with value, low, high, chance and untrained; ``dci_d``, ``dci_c``,
        ``dci_i`` of the emotion's classes with rotated, shuffled and untrained; ``mcd_db`` with
        tag, copy_synthesis and vocoded; ``new_speakers`` with their ``cls_<from>_e``; ``probe``;
        and ``measured_on``. Plain JSON: what is not known is None.
    """
    about, asked = evaluation.about, probe or main_probe(evaluation)
    metrics: dict[str, Any] = dict(_accuracies(evaluation, about["protocol"], asked))
    metrics |= _dci(evaluation)
    if (found := main_distortion(evaluation)) is not None:
        distortion, tag = found
        others = {"vocoded": VOCODED, "copy_synthesis": COPY}
        metrics["mcd_db"] = {
            **_ends(distortion.value, distortion.low, distortion.high),
            "tag": tag,
            **{
                name: None if (other := main_distortion(evaluation, kind)) is None
                else _plain(other[0].value)
                for name, kind in others.items()
            },
        }  # fmt: skip
    if new := dict(_accuracies(evaluation, NEW_SPEAKERS, asked)):
        metrics["new_speakers"] = {
            **new, "speakers": about["new_speakers"], "num_clips": about["num_new_clips"]
        }  # fmt: skip
    measured = ("protocol", "num_clips", "num_sentences", "speakers")
    metrics["measured_on"] = {key: about[key] for key in measured}
    metrics["probe"] = asked
    return metrics


def _accuracies(
    evaluation: Evaluation, protocol: str, probe: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    table = evaluation.probes
    table = table.loc[
        (table["protocol"] == protocol)
        & (table["probe"] == probe)
        & (table["metric"] == "accuracy")
    ]
    rows = table.to_dict("records")
    before = {
        (row["embedding"], row["label"]): row["value"] for row in rows if row["encoder"] != TRAINED
    }
    for row in rows:
        if row["encoder"] == TRAINED:
            pair = (row["embedding"], row["label"])
            numbers = _ends(row["value"], row["low"], row["high"])
            untrained = _plain(before.get(pair, math.nan))
            yield (
                f"cls_{pair[0][0]}_{pair[1][0]}",
                {**numbers, "chance": _plain(row["chance"]), "untrained": untrained},
            )


def _dci(evaluation: Evaluation) -> dict[str, dict[str, Any]]:
    """Return DCI of the emotion's classes in the emotion embedding, with its controls."""
    given, *controls = DCI_CONTROLS
    table = evaluation.dci
    table = table.loc[(table["reading"] == CLASSES) & (table["factors"] == "emotion")]
    found = {}
    for metric in DCI_METRICS:
        rows = table.loc[table["metric"] == metric].set_index("control")
        if given in rows.index:
            one = rows.loc[given]
            found[f"dci_{metric[0]}"] = {
                **_ends(one["value"], one["low"], one["high"]),
                "chance": _plain(one["chance"]),
                **{
                    control.split()[0]: _plain(rows.loc[control, "value"])
                    for control in controls
                    if control in rows.index
                },
            }
    return found


def _ends(value: float, low: float, high: float) -> dict[str, float | None]:
    return {"value": _plain(value), "low": _plain(low), "high": _plain(high)}


def _plain(value: float) -> float | None:
    """Return a number with four decimals, None where there is none."""
    number = float(value)
    return round(number, 4) if math.isfinite(number) else None
