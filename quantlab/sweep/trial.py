"""One trial: one codec over the whole λ ladder, with its reductions and references.

A trial reads a codec that was trained without the items it is evaluated on and writes one table,
renamed into place when whole. Letters: ``N`` items, ``T`` frames, ``D`` dimensions.
"""

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from quantlab.baselines import Reduced, coarse_step, drop_least, shrink
from quantlab.codebooks import Codec, parse_recipe
from quantlab.config import SHORT_FINGERPRINT, fingerprint
from quantlab.embedders import Frames
from quantlab.errors import InputError, IntegrityError
from quantlab.store import read_table, table_metadata, write_json, write_table
from quantlab.sweep.codecs import CodecTask
from quantlab.sweep.coded import CodedItems, coded_at_each_lam, coded_at_equal_bits
from quantlab.sweep.folder import RunFolder
from quantlab.sweep.measure import ROW_DECIMALS, measure, row_schema
from quantlab.sweep.workspace import (
    FoldState,
    Workspace,
    fold_state,
    shared_workspace,
    train_vectors,
)

_FORMAT = 2  # raise when the same settings and data give other rows
_REDUCED_RECIPE = "balanced"


@dataclass(frozen=True)
class TrialTask:
    """One trial to run.

    Attributes
    ----------
    codec : CodecTask
        The codec that is evaluated, on the items its fold leaves out.
    fingerprint : str
        Hash of resolved settings, data and format: 64 hexadecimal characters.
    """

    codec: CodecTask
    fingerprint: str

    @property
    def short(self) -> str:
        """The first twelve characters, which name the files."""
        return self.fingerprint[:SHORT_FINGERPRINT]

    @property
    def table(self) -> Path:
        """Where the rows go."""
        return RunFolder(Path(self.codec.run)).trials / f"{self.short}.parquet"

    @property
    def failure(self) -> Path:
        """Where the traceback of a failed trial goes."""
        return self.table.with_suffix(".failed.json")

    @property
    def finished(self) -> bool:
        """Whether the table is there and whole."""
        try:
            if table_metadata(self.table).get("fingerprint") != self.fingerprint:
                return False
            read_table(self.table)
        except (InputError, IntegrityError):
            return False
        return True


def trial_task(task: CodecTask) -> TrialTask:
    """Name the trial of a codec by everything that decides its rows."""
    study = task.study
    identity = fingerprint(
        {
            "format": _FORMAT,
            "codec": task.identity,
            "ladder": task.ladder,
            "fold": task.fold,
            "probes": study.probes,
            "reductions": study.reductions,
            "references": study.references,
            "mode": study.mode,
            "rate_control": study.rate_control and task.recipe == _REDUCED_RECIPE,
        }
    )
    return TrialTask(task, identity)


def attempt_trial(task: TrialTask) -> bool:
    """Run a trial; when it fails, record why beside the tables. Return whether it went well."""
    task.failure.unlink(missing_ok=True)
    try:
        if not task.codec.finished:
            raise InputError(f"its codec was not trained; run: quantlab train {task.codec.run}")
        run_trial(task)
    except Exception as error:
        record = {
            "status": "failed",
            "fingerprint": task.fingerprint,
            "recipe": task.codec.recipe,
            "fold": task.codec.fold,
            "error": f"{type(error).__name__}: {error}",
            "trace": traceback.format_exc(),
        }
        write_json(task.failure, record)
        return False
    return True


def run_trial(task: TrialTask) -> None:
    """Evaluate one codec and write its table."""
    codec_task = task.codec
    work = shared_workspace(codec_task.run, codec_task.study)
    state = fold_state(codec_task.run, codec_task.study, codec_task.fold)
    codec = Codec.load(codec_task.folder)
    test = work.folds[codec_task.fold].test
    rng = np.random.default_rng(int(task.fingerprint[:15], 16))
    parts = list(_methods(work, state, codec, codec_task, test, rng))
    rows = _with_keys(work, task, codec, test, parts)
    schema = row_schema(work)
    write_table(
        task.table,
        _rounded(rows.loc[:, list(schema)]),
        schema=schema,
        metadata={"fingerprint": task.fingerprint},
    )


def _methods(
    work: Workspace,
    state: FoldState,
    codec: Codec,
    task: CodecTask,
    test: np.ndarray,
    rng: np.random.Generator,
) -> Iterator[tuple[str, float, pd.DataFrame]]:
    """Yield method, λ and measured rows of everything that a trial compares."""
    frames = work.embeddings.frames(work.rows[test])
    z = Frames(state.scaling.forward(frames.values), frames.offsets)
    if task.recipe == _REDUCED_RECIPE:
        yield "clean", np.nan, measure(work, state, z, z.values)
    targets, means = [], {}
    for coded in coded_at_each_lam(codec, frames, mode=task.study.mode):
        rows = _measured(work, state, codec, z, coded)
        yield "codec", coded.lam, rows
        targets.append(_set_mean(rows))
        means[coded.lam] = float(coded.code_length_bits.mean())
        for name, point in _references(work, state, task):
            blurred = shrink(z.values, z.offsets, rows["distortion"].to_numpy(), toward=point)
            yield name, coded.lam, measure(work, state, z, blurred)
    if task.recipe != _REDUCED_RECIPE:
        return
    if task.study.rate_control:
        for coded in coded_at_equal_bits(codec, frames, means):
            yield "rate_controlled", coded.lam, _measured(work, state, codec, z, coded)
    train, _ = train_vectors(work, task.recipe, task.fold, rng=rng)
    z_train = state.scaling.forward(train)
    for name in task.study.reductions:
        reduced = _REDUCTIONS[name](codec, z, z_train, targets, rng)
        for lam, result in zip(codec.ladder_, reduced, strict=True):
            rows = measure(work, state, z, result.z_hat, bits=result.code_length_bits)
            yield name, lam, rows


def _measured(
    work: Workspace, state: FoldState, codec: Codec, z: Frames, coded: CodedItems
) -> pd.DataFrame:
    """Compare scaled items with what the codec made of them."""
    z_hat = state.scaling.forward(codec.decode(coded.symbols))
    return measure(work, state, z, z_hat, bits=coded.code_length_bits, of_set=coded.of_set)


def _set_mean(rows: pd.DataFrame) -> float:
    """Mean centred cosine over all frames of the set, which the reductions are matched to."""
    return float(np.average(rows["cos_centred_frames"], weights=rows["num_frames"]))


def _references(
    work: Workspace, state: FoldState, task: CodecTask
) -> Iterator[tuple[str, np.ndarray]]:
    if "shrink_mean" in task.study.references:
        yield "shrink_mean", np.zeros(state.centroids.shape[1])
    recipe = parse_recipe(task.recipe)
    if recipe.kind == "biased" and "shrink_class" in task.study.references:
        emotion = next(iter(recipe.shares))
        yield "shrink_class", state.centroids[work.emotions.index(emotion)]


def _drop_least(
    codec: Codec, z: Frames, z_train: np.ndarray, targets: list[float], rng: np.random.Generator
) -> list[Reduced]:
    # Symbols live in the space of the codes, which a codec may have rotated.
    parts = codec.parts_
    y, y_train = parts.rotate(z.values)[0], parts.rotate(z_train)[0]
    reduced = drop_least(codec.quantizer_, y, y_train, targets, rng=rng)
    return [replace(one, z_hat=parts.unrotate(one.z_hat)) for one in reduced]


def _coarse_step(
    codec: Codec, z: Frames, z_train: np.ndarray, targets: list[float], rng: np.random.Generator
) -> list[Reduced]:
    return coarse_step(z.values, z_train, targets)


_REDUCTIONS: dict[str, Callable[..., list[Reduced]]] = {
    "drop_least": _drop_least,
    "coarse_step": _coarse_step,
}


def _with_keys(
    work: Workspace,
    task: TrialTask,
    codec: Codec,
    test: np.ndarray,
    parts: list[tuple[str, float, pd.DataFrame]],
) -> pd.DataFrame:
    """Join what was measured and say of each row what it is of."""
    items = work.items.iloc[test]
    protocol, fold = task.codec.fold.split("/", 1)
    lams = np.repeat([lam for _, lam, _ in parts], len(test))
    columns = ("item", "emotion", "speaker", "text_id")
    return pd.concat([rows for _, _, rows in parts], ignore_index=True).assign(
        trial=task.short,
        codec=parse_recipe(task.codec.recipe).folder,
        recipe=task.codec.recipe,
        protocol=protocol,
        fold=fold,
        seed=task.codec.seed,
        mode=task.codec.study.mode,
        method=np.repeat(np.array([method for method, _, _ in parts], object), len(test)),
        lam=lams,
        lam_raw=lams * codec.scaling_.lam_unit,
        **{name: np.tile(items[name].to_numpy(object), len(parts)) for name in columns},
    )


def _rounded(rows: pd.DataFrame) -> pd.DataFrame:
    """Round reals, so that rows do not depend on the last bits of a sum."""
    reals = rows.select_dtypes("float64").columns
    return rows.assign(**{name: rows[name].round(ROW_DECIMALS) for name in reals})
