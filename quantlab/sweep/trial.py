"""One trial: one codec over the whole λ ladder, with its reductions and references.

A trial reads a codec that was trained without the items it is evaluated on and writes one table,
renamed into place when whole. Letters: ``N`` items, ``T`` frames, ``D`` dimensions.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from quantlab.analysis import FittedProbe
from quantlab.codebooks import Codec, parse_recipe
from quantlab.config import SHORT_FINGERPRINT, fingerprint
from quantlab.embedders import Frames
from quantlab.errors import InputError
from quantlab.sweep.codecs import CodecTask
from quantlab.sweep.coded import coded_at_each_lam, coded_at_equal_bits, token_statistics
from quantlab.sweep.compared import References, reductions, stage_by_stage
from quantlab.sweep.folder import RunFolder
from quantlab.sweep.measure import measure, row_schema
from quantlab.sweep.outcome import attempt, is_whole, write_rows
from quantlab.sweep.retrained import retrained_probes
from quantlab.sweep.soft_labels import labels_of
from quantlab.sweep.workspace import (
    FoldState,
    Workspace,
    fold_state,
    shared_workspace,
    train_vectors,
)

_FORMAT = 3  # raise when the same settings and data give other rows
BALANCED = "balanced"
PLAIN_RECIPES = (BALANCED, "natural")
"""Recipes of all emotions, which stages are looked at for."""


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
        return is_whole(self.table, self.fingerprint)


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
            "retrained": _retrained(task),
            "mode": study.mode,
            "rate_control": study.rate_control and task.recipe == BALANCED,
        }
    )
    return TrialTask(task, identity)


def attempt_trial(task: TrialTask) -> bool:
    """Run a trial; when it fails, record why beside the tables. Return whether it went well."""
    codec = task.codec
    about = {"fingerprint": task.fingerprint, "recipe": codec.recipe, "fold": codec.fold}
    return attempt(partial(run_trial, task), failure=task.failure, about=about)


def run_trial(task: TrialTask) -> None:
    """Evaluate one codec and write its table; InputError where the codec was not trained."""
    codec_task = task.codec
    if not codec_task.finished:
        raise InputError(f"its codec was not trained; run: quantlab train {codec_task.run}")
    work = shared_workspace(codec_task.run, codec_task.study)
    state = fold_state(codec_task.run, codec_task.study, codec_task.fold)
    codec = Codec.load(codec_task.folder)
    test = work.folds[codec_task.fold].test
    rng = np.random.default_rng(int(task.fingerprint[:15], 16))
    parts = list(_methods(work, state, codec, codec_task, test, rng))
    rows = _with_keys(work, task, codec, test, parts)
    write_rows(task.table, rows, schema=row_schema(work), fingerprint=task.fingerprint)


def _methods(
    work: Workspace,
    state: FoldState,
    codec: Codec,
    task: CodecTask,
    test: np.ndarray,
    rng: np.random.Generator,
) -> Iterator[tuple[str, float, pd.DataFrame]]:
    """Yield method, λ and measured rows of everything that a trial compares."""
    study, frames = task.study, work.embeddings.frames(work.rows[test])
    z = Frames(state.scaling.forward(frames.values), frames.offsets)
    labels = labels_of(work, test)
    plain = task.recipe in PLAIN_RECIPES
    probes = retrained_probes(work, state, codec, task) if _retrained(task) else {}
    compared = partial(measure, state, labels, z)
    if task.recipe == BALANCED:
        clean = state.probes.get(state.judge)
        anew = clean if probes and isinstance(clean, FittedProbe) else None
        yield "clean", np.nan, compared(z.values, retrained=anew)
    references = References.of(work, task, rng)
    targets, means = [], {}
    for coded in coded_at_each_lam(codec, frames, mode=study.mode):
        tokens = token_statistics(codec, coded.symbols, labels, z.offsets)
        z_hat = state.scaling.forward(codec.decode(coded.symbols))
        rows = compared(
            z_hat,
            bits=coded.code_length_bits,
            of_set={**coded.of_set, **tokens},
            retrained=probes.get(coded.lam),
        )
        yield "codec", coded.lam, rows
        targets.append(_set_mean(rows))
        means[coded.lam] = float(coded.code_length_bits.mean())
        for name, blurred in references.matched(z, rows["distortion"].to_numpy()):
            yield name, coded.lam, compared(blurred)
        if coded.lam == 0.0 and plain:
            for stage, z_hat in stage_by_stage(codec, state.scaling, coded.symbols):
                yield f"stages_{stage}", 0.0, compared(z_hat)
    if task.recipe != BALANCED:
        return
    if study.rate_control:
        for coded in coded_at_equal_bits(codec, frames, means):
            z_hat = state.scaling.forward(codec.decode(coded.symbols))
            rows = compared(z_hat, bits=coded.code_length_bits, of_set=coded.of_set)
            yield "rate_controlled", coded.lam, rows
    train, _ = train_vectors(work, task.recipe, task.fold, rng=rng)
    z_train = state.scaling.forward(train)
    for name, reduced in reductions(study.reductions, codec, z, z_train, targets, rng=rng):
        for lam, result in zip(codec.ladder_, reduced, strict=True):
            yield name, lam, compared(result.z_hat, bits=result.code_length_bits)


def _retrained(task: CodecTask) -> bool:
    """Say whether probes are fitted to what this codec makes of its training items."""
    study = task.study
    return study.retrained_probe and task.recipe == BALANCED and task.seed == study.seeds[0]


def _set_mean(rows: pd.DataFrame) -> float:
    """Mean centred cosine over all frames of the set, which the reductions are matched to."""
    return float(np.average(rows["cos_centred_frames"], weights=rows["num_frames"]))


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
