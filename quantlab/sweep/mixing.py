"""Trials of mixed references and of routes: what the codecs of one fold and seed do together.

They train nothing: each reads codecs that the study has trained without the speakers it works on,
and writes one table, renamed into place when whole.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from quantlab.analysis import attraction
from quantlab.codebooks import Codec
from quantlab.config import SHORT_FINGERPRINT, fingerprint
from quantlab.errors import ConfigError, InputError
from quantlab.store import read_table, table_writer
from quantlab.sweep.codecs import CodecTask, codec_task
from quantlab.sweep.folder import RunFolder
from quantlab.sweep.mixing_items import (
    Condition,
    Scene,
    angles,
    clean_probe,
    draw_items,
    draw_pairs,
    measure_conditions,
    own_way,
)
from quantlab.sweep.mixing_settings import NEUTRAL, mixed_recipe, mixing_recipes, same_recipe
from quantlab.sweep.mixing_ways import mix, route, spread
from quantlab.sweep.outcome import attempt, is_whole, write_rows
from quantlab.sweep.workspace import FoldState, Workspace, fold_state, shared_workspace

_FORMAT = 2  # raise when the same settings and data give other rows
_PROTOCOL = "speaker"

MixingKind = Literal["mixing", "routes"]
MIXING_KINDS: tuple[MixingKind, ...] = ("mixing", "routes")


@dataclass(frozen=True)
class MixingTask:
    """One trial to run.

    Attributes
    ----------
    kind : {"mixing", "routes"}
        What is done.
    codecs : tuple[CodecTask, ...]
        The codecs that it needs, all of one fold and seed.
    fingerprint : str
        Hash of resolved settings, data and format: 64 hexadecimal characters.
    """

    kind: MixingKind
    codecs: tuple[CodecTask, ...]
    fingerprint: str

    @property
    def run(self) -> str:
        """The run folder."""
        return self.codecs[0].run

    @property
    def fold(self) -> str:
        """The fold whose test items are used."""
        return self.codecs[0].fold

    @property
    def table(self) -> Path:
        """Where the rows go."""
        name = f"mix-{self.fingerprint[:SHORT_FINGERPRINT]}.parquet"
        return RunFolder(Path(self.run)).trials / name

    @property
    def failure(self) -> Path:
        """Where the traceback of a failed trial goes."""
        return self.table.with_suffix(".failed.json")

    @property
    def finished(self) -> bool:
        """Whether the table is there and whole."""
        return is_whole(self.table, self.fingerprint)

    def codec(self, recipe: str) -> Codec:
        """Load the codec of a recipe, which may name its shares in another order."""
        task = next(task for task in self.codecs if same_recipe(task.recipe, recipe))
        return Codec.load(task.folder)


def mixing_tasks(work: Workspace, ladder: tuple[float, ...]) -> list[MixingTask]:
    """List the trials of mixing and routes: kind × fold of new speakers × seed.

    Parameters
    ----------
    work : Workspace
        The study.
    ladder : tuple[float, ...]
        Its λ.

    Returns
    -------
    list[MixingTask]
        None where nothing is asked for, or where the data has a single speaker.

    Raises
    ------
    ConfigError
        A recipe or an emotion is missing, or the protocol "speaker".
    """
    needed = mixing_recipes(work.study.mixing, work.recipes, work.emotions)
    if needed and _PROTOCOL not in work.study.split.protocols:
        raise ConfigError("mixing works on new speakers; add speaker to split.protocols")
    folds = [fold for fold in work.folds if fold.startswith(f"{_PROTOCOL}/")]
    return [
        _task(work, kind, [codec_task(work, name, fold, seed, ladder) for name in needed[kind]])
        for kind in MIXING_KINDS
        if kind in needed
        for fold in folds
        for seed in work.study.seeds
    ]


def _task(work: Workspace, kind: MixingKind, codecs: Sequence[CodecTask]) -> MixingTask:
    settings = work.study.mixing
    mixed = {"pairs": settings.pairs, "weights": settings.weights} if kind == "mixing" else {}
    identity = fingerprint(
        {
            "format": _FORMAT,
            "kind": kind,
            "codecs": [codec.identity for codec in codecs],
            "fold": codecs[0].fold,
            "ladder": codecs[0].ladder,
            "num_lams": settings.num_lams,
            "max_references": settings.max_references,
            "probes": work.study.probes,
            **mixed,
        }
    )
    return MixingTask(kind, tuple(codecs), identity)


def attempt_mixing(task: MixingTask) -> bool:
    """Run a trial; when it fails, record why beside the tables. Return whether it went well."""
    about = {"fingerprint": task.fingerprint, "recipe": task.kind, "fold": task.fold}
    return attempt(partial(run_mixing, task), failure=task.failure, about=about)


def run_mixing(task: MixingTask) -> None:
    """Mix the references of a fold, or take its items along the routes, and write the table.

    Raises
    ------
    InputError
        A codec was not trained.
    """
    lacking = [codec.recipe for codec in task.codecs if not codec.finished]
    if lacking:
        raise InputError(f"codecs of {', '.join(lacking)} are missing; run: quantlab train RUN")
    study = task.codecs[0].study
    work = shared_workspace(task.run, study)
    state = fold_state(task.run, study, task.fold)
    scene = Scene.of(work, state, task.fold)
    parts = list(_MAKERS[task.kind](task, work, state, scene))
    schema = mixing_schema(work, task.kind)
    rows = pd.concat(parts) if parts else pd.DataFrame(columns=list(schema))
    keys = {"protocol": _PROTOCOL, "fold": task.fold.partition("/")[2], "seed": task.codecs[0].seed}
    write_rows(task.table, rows.assign(**keys), schema=schema, fingerprint=task.fingerprint)


def mixing_schema(work: Workspace, kind: MixingKind) -> dict[str, str]:
    """Return the columns of the rows of one kind of trial, and their types."""
    posteriors = tuple(f"p_{emotion}" for emotion in work.emotions)
    own: tuple[str, ...] = ("pair", "way")
    measured: tuple[str, ...] = ("min_posterior", "angle_first", "angle_second")
    if kind == "routes":
        own, measured = ("target", "route"), ("p_target", "attraction_target", "own_way")
    numbers = (*(("weight",) if kind == "mixing" else ()), "lam", *posteriors, *measured)
    return {
        "protocol": "category",
        "fold": "category",
        "seed": "int64",
        "item": "category",
        "speaker": "category",
        "text_id": "category",
        **dict.fromkeys(own, "category"),
        **dict.fromkeys((*numbers, "bits_per_vector", "distortion", "speaker_told"), "float64"),
    }


def collect_mixing(work: Workspace, tasks: Sequence[MixingTask]) -> None:
    """Join the tables of finished trials, and remove those of an earlier study that asked for more.

    Parameters
    ----------
    work : Workspace
        The study.
    tasks : Sequence[MixingTask]
        Its finished trials, in the order of the plan.
    """
    places = {"mixing": work.folder.mixing, "routes": work.folder.routes}
    for kind in MIXING_KINDS:
        path = places[kind]
        chosen = [task for task in tasks if task.kind == kind]
        if not chosen:
            path.unlink(missing_ok=True)
            continue
        with table_writer(path, schema=mixing_schema(work, kind)) as writer:
            for task in chosen:
                writer.write(read_table(task.table))


def _mixing_rows(
    task: MixingTask, work: Workspace, state: FoldState, scene: Scene
) -> Iterator[pd.DataFrame]:
    settings = work.study.mixing
    probe = clean_probe(work, state, task.fold)
    lams = spread(task.codecs[0].ladder, settings.num_lams)
    for pair in settings.pairs:
        drawn = draw_pairs(scene, pair, fold=task.fold, limit=settings.max_references)
        if not len(drawn):
            continue
        of_pair = [state.centroids[work.emotions.index(emotion)] for emotion in pair]
        conditions = list(
            mix(
                *(scene.vectors[drawn[:, side]] for side in (0, 1)),
                balanced=task.codec("balanced"),
                mixed=task.codec(mixed_recipe(pair)),
                biased=(task.codec(f"biased:{pair[0]}"), task.codec(f"biased:{pair[1]}")),
                toward=0.5 * (of_pair[0] + of_pair[1]),
                weights=settings.weights,
                lams=lams,
            )
        )
        rows = measure_conditions(scene, drawn, conditions, probe=probe, emotions=work.emotions)
        yield rows.assign(
            pair="+".join(pair),
            way=_names(conditions, len(drawn)),
            min_posterior=rows[[f"p_{emotion}" for emotion in pair]].min(axis=1),
            **{
                f"angle_{side}": np.concatenate(
                    [angles(part.z_hat, scene.z[drawn[:, place]]) for part in conditions]
                )
                for place, side in enumerate(("first", "second"))
            },
        )


def _routes_rows(
    task: MixingTask, work: Workspace, state: FoldState, scene: Scene
) -> Iterator[pd.DataFrame]:
    settings = work.study.mixing
    probe = clean_probe(work, state, task.fold)
    lams = spread(task.codecs[0].ladder, settings.num_lams)
    neutral = task.codec(f"biased:{NEUTRAL}")
    for place, target in enumerate(work.emotions):
        if target == NEUTRAL:
            continue
        drawn = draw_items(
            scene, without=(NEUTRAL, target), fold=task.fold, limit=settings.max_references
        )
        if not len(drawn):
            continue
        items = drawn[:, 0]
        aim = task.codec(f"biased:{target}")
        conditions = list(route(scene.vectors[items], neutral=neutral, target=aim, lams=lams))
        rows = measure_conditions(scene, drawn, conditions, probe=probe, emotions=work.emotions)
        yield rows.assign(
            target=target,
            route=_names(conditions, len(drawn)),
            p_target=rows[f"p_{target}"],
            attraction_target=np.concatenate(
                [
                    attraction(scene.z[items], part.z_hat, state.centroids)[:, place]
                    for part in conditions
                ]
            ),
            own_way=own_way(scene, items, target, [part.z_hat for part in conditions]).ravel(),
        )


_MAKERS = {"mixing": _mixing_rows, "routes": _routes_rows}


def _names(conditions: Sequence[Condition], num_references: int) -> np.ndarray:
    return np.repeat(np.array([part.way for part in conditions], object), num_references)
