"""The analysis of a sweep: tidy tables and a description of the run, for figures and app."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quantlab.analysis import Beside, claims_table, random_pair_cosine, science, summarise
from quantlab.codebooks import Codec
from quantlab.config import fingerprint
from quantlab.errors import InputError
from quantlab.store import provenance, read_table, write_json, write_table
from quantlab.sweep.codecs import capped_note, codec_task
from quantlab.sweep.folder import RunFolder
from quantlab.sweep.limits import limit_table
from quantlab.sweep.measure import ROW_DECIMALS
from quantlab.sweep.workspace import ALL_ITEMS, Workspace, fit_scaling, open_workspace

_KINDS = {"f": "float64", "i": "int64", "b": "bool"}
_PAIR_SEED = 0


def write_analysis(
    work: Workspace,
    *,
    ladder: Sequence[float],
    num_trials: int,
    failures: Sequence[Mapping[str, Any]],
    durations_s: Mapping[str, float],
) -> None:
    """Write ``analysis/*.parquet`` and ``analysis/summary.json`` of a run.

    Parameters
    ----------
    work : Workspace
        The run, with its ``sweep.parquet`` in place.
    ladder : Sequence[float]
        The λ of the study.
    num_trials : int
        Trials of the study.
    failures : Sequence[Mapping[str, Any]]
        Records of failed trials.
    durations_s : Mapping[str, float]
        Seconds spent by stage.
    """
    rows = read_table(work.folder.sweep)
    tables = summarise(rows, emotions=work.emotions)
    for part in dataclasses.fields(tables):
        _write(work, part.name, getattr(tables, part.name))
    if work.judge:
        found = science(rows, emotions=work.emotions, probe=work.judge, beside=_beside(work))
        for part in dataclasses.fields(found):
            _write(work, part.name, getattr(found, part.name))
    _write(work, "references", _reference_lines(work))
    limits, caution = limit_table(work, tables.similarity)
    _write(work, "limits", limits)
    described = _describe(work, ladder, num_trials, failures, durations_s)
    described["notes"] += [caution] if caution else []
    write_json(work.folder.analysis / "summary.json", described)


def judge_anew(run: str | Path, listening: str | Path) -> pd.DataFrame:
    """Judge a run's claims again, now with what a listening run heard.

    Parameters
    ----------
    run : str or Path
        A swept run folder.
    listening : str or Path
        The folder that ``quantlab listen`` wrote. Its rows are copied into the run's analysis, so
        that later sweeps count them too.

    Returns
    -------
    pd.DataFrame
        The claims.

    Raises
    ------
    InputError
        There is no sweep or no listening run, or it was judged by other emotions.
    """
    folder = RunFolder(Path(run))
    work = open_workspace(folder, folder.read_study())
    heard = read_table(Path(listening) / "listening.parquet")
    lacking = [name for name in work.emotions if f"posterior_{name}" not in heard.columns]
    if lacking:
        raise InputError(
            f"the listeners of {listening} do not know {', '.join(lacking)}; listen to clips of "
            f"the emotions of {run}: {', '.join(work.emotions)}"
        )
    write_table(folder.listening, heard, schema=_schema(heard))
    claims = claims_table(
        read_table(folder.sweep), emotions=work.emotions, probe=work.judge, beside=_beside(work)
    )
    _write(work, "claims", claims)
    return claims


def _beside(work: Workspace) -> Beside:
    """Gather what the study knows beside its rows."""
    folder = work.folder
    known = {"mixing": folder.mixing, "routes": folder.routes, "listening": folder.listening}
    return Beside(
        agreement=read_table(folder.soft_labels),
        permuted=work.study.data.permute_labels,
        **{name: read_table(path) for name, path in known.items() if path.is_file()},
    )


def _schema(table: pd.DataFrame) -> dict[str, str]:
    return {str(name): _KINDS.get(table[name].dtype.kind, "string") for name in table.columns}


def _write(work: Workspace, name: str, table: pd.DataFrame) -> None:
    if table.empty and not len(table.columns):
        (work.folder.analysis / f"{name}.parquet").unlink(missing_ok=True)  # an earlier study's
        return
    schema = _schema(table)
    texts = {
        column: table[column].astype(str) for column, kind in schema.items() if kind == "string"
    }
    reals = {
        column: table[column].round(ROW_DECIMALS)
        for column, kind in schema.items()
        if kind == "float64"
    }
    write_table(
        work.folder.analysis / f"{name}.parquet", table.assign(**texts, **reals), schema=schema
    )


def _reference_lines(work: Workspace) -> pd.DataFrame:
    """Tabulate the cosine of typical random pairs, which similarity is to be read against."""
    means = work.embeddings.time_means(work.rows)
    scaling = fit_scaling(work, ALL_ITEMS)
    rng = np.random.default_rng(_PAIR_SEED)
    # Frames are drawn from all items; for utterance embeddings they are the time means.
    starts = work.embeddings.offsets[work.rows]
    frames = starts + rng.integers(np.diff(work.embeddings.offsets)[work.rows])
    rows = []
    for metric, vectors in (
        ("random_pair_cos_raw_means", means),
        ("random_pair_cos_centred_means", scaling.forward(means)),
        ("random_pair_cos_raw_frames", work.embeddings.take(frames)),
        ("random_pair_cos_centred_frames", scaling.forward(work.embeddings.take(frames))),
    ):
        value = random_pair_cosine(vectors, rng=rng)
        rows.append({"metric": metric, "value": value, "note": "mean over random pairs of items"})
    return pd.DataFrame(rows)


def _describe(
    work: Workspace,
    ladder: Sequence[float],
    num_trials: int,
    failures: Sequence[Mapping[str, Any]],
    durations_s: Mapping[str, float],
) -> dict[str, Any]:
    study, card = work.study, work.embeddings.card
    codec = Codec.load(codec_task(work, "balanced", ALL_ITEMS, study.seeds[0], ()).folder)
    shape = codec.card_
    return {
        "run": study.name,
        "fingerprint": fingerprint({"study": study, "data": work.data_fingerprint}),
        "emotions": list(work.emotions),
        "recipes": list(work.recipes),
        "protocols": _protocols(work),
        "ladder": list(ladder),
        "lam_raw_per_lam": codec.scaling_.lam_raw(1.0),
        "mode": study.mode,
        "rate_control": study.rate_control,
        "probes": list(work.probes),
        "num_items": len(work.items),
        "num_vectors": int(np.diff(work.embeddings.offsets)[work.rows].sum()),
        "num_speakers": len(set(work.items["speaker"].astype(str))),
        "num_dims": work.embeddings.num_dims,
        "groups": study.codec.quantizer.groups,
        "stages": study.codec.quantizer.stages,
        "codes": shape["codes"],
        "codes_asked": shape["codes_asked"],
        "num_training_vectors": shape["num_training_vectors"],
        "parameter_bits": codec.parameter_bits,
        "prior_parameter_bits": codec.prior_.parameter_bits,
        "symbols": codec.num_symbols,
        "trainer": study.codec.quantizer.trainer,
        "prior": study.codec.prior.kind,
        "prior_start": shape.get("prior_start", ""),
        "seeds": list(study.seeds),
        "scaling": work.scaling_kind,
        "num_seen": work.num_seen,
        "embedder": dict(card["embedder"]),
        "level": work.embeddings.level,
        "corpus": ", ".join(card["corpora"]) or "unnamed",
        "language": ", ".join(card["languages"]),
        "licence": card["licence"],
        "num_skipped": card.get("num_skipped", 0),
        "notes": [*work.notes, *capped_note(codec)],
        "trials": {
            "done": num_trials - len(failures),
            "total": num_trials,
            "failed": len(failures),
        },
        "failures": [
            {key: failure[key] for key in ("recipe", "fold", "error")} for failure in failures
        ],
        "provenance": {**provenance(), "device": shape["device"], "durations_s": dict(durations_s)},
    }


def _protocols(work: Workspace) -> dict[str, dict[str, int]]:
    described = {}
    speakers = work.items["speaker"].astype(str).to_numpy()
    for protocol in work.study.split.protocols:
        folds = [fold for key, fold in work.folds.items() if key.startswith(f"{protocol}/")]
        if folds:
            tested = [row for fold in folds for row in fold.test]
            described[protocol] = {
                "num_folds": len(folds),
                "num_items": len(tested),
                "num_speakers": len(set(speakers[tested])),
                "train_speakers_per_fold": min(len(set(speakers[fold.train])) for fold in folds),
            }
    return described
