"""Training the codecs of a study: for each recipe one for use, and one per fold for evaluation."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quantlab.codebooks import MIN_VECTORS_PER_CODE, Codec
from quantlab.config import fingerprint
from quantlab.engine import EngineName, run_tasks
from quantlab.errors import EXIT_OK, EXIT_PARTLY_DONE, InputError, IntegrityError, QuantlabError
from quantlab.store import lock, read_json
from quantlab.sweep.folder import RunFolder
from quantlab.sweep.settings import StudySettings
from quantlab.sweep.workspace import (
    ALL_ITEMS,
    Workspace,
    fit_scaling,
    open_workspace,
    shared_workspace,
    train_vectors,
)

_FORMAT = 2  # raise when the same settings and data train another codec


@dataclass(frozen=True)
class CodecTask:
    """One codec to train.

    Attributes
    ----------
    run : str
        The run folder.
    study : StudySettings
        The study.
    recipe : str
        The recipe, ``"biased:sad"`` for instance.
    fold : str
        ``"speaker/…"``, ``"text/…"``, ``"corpus/…"`` or ``"all"``.
    seed : int
        One of the study's seeds.
    ladder : tuple[float, ...]
        The λ of the study; empty finds them.
    identity : str
        Hash of everything that decides the result.
    """

    run: str
    study: StudySettings
    recipe: str
    fold: str
    seed: int
    ladder: tuple[float, ...]
    identity: str

    @property
    def folder(self) -> Path:
        """Where the codec goes."""
        fold = "" if self.fold == ALL_ITEMS else self.fold.replace("/", "-")
        return RunFolder(Path(self.run)).codec(self.recipe, fold=fold, seed=self.seed)

    @property
    def finished(self) -> bool:
        """Whether the folder already holds this very codec."""
        try:
            return read_json(self.folder / "card.json").get("task") == self.identity
        except (InputError, IntegrityError, AttributeError):
            return False


@dataclass(frozen=True)
class Trained:
    """What training did.

    Attributes
    ----------
    ladder : tuple[float, ...]
        The λ of the study.
    notes : tuple[str, ...]
        What a user should know: emotions left out, fewer codes than asked for.
    num_codecs, num_new : int
        Codecs of the study, and how many of them were trained now.
    failures : tuple[str, ...]
        One line per codec that could not be trained.
    """

    ladder: tuple[float, ...]
    notes: tuple[str, ...]
    num_codecs: int
    num_new: int
    failures: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0, or 3 when some codecs failed."""
        return EXIT_PARTLY_DONE if self.failures else EXIT_OK


def train(
    run: str | Path,
    study: StudySettings,
    *,
    workers: int = 1,
    engine: EngineName = "local",
    progress: bool = True,
) -> Trained:
    """Train every codec of a study that is not there yet.

    Parameters
    ----------
    run : str or Path
        The run folder. ``run.yaml`` and ``codecs/`` are written there.
    study : StudySettings
        The study.
    workers : int
        Processes to use; the result does not depend on it.
    engine : {"local", "ray"}
        Where they run; on Ray every worker must see the run folder under the same path.
    progress : bool
        Whether to show progress.

    Returns
    -------
    Trained
        The ladder and counts.

    Raises
    ------
    InputError
        The data cannot be used: no embeddings, too few clips, an impossible split.
    QuantlabError
        Another process works in the folder, or the balanced codec could not be trained.
    """
    folder = RunFolder(Path(run))
    with lock(folder.path / ".lock"):
        work = open_workspace(folder, study)
        folder.write_study(study)
        first = codec_task(work, "balanced", ALL_ITEMS, study.seeds[0], ())
        todo = [] if first.finished else [first]
        for outcome in run_tasks(train_codec, todo, label="ladder", progress=progress):
            if outcome.error:
                raise QuantlabError(f"the balanced codec could not be trained: {outcome.error}")
        num_first = len(todo)
        balanced = Codec.load(first.folder)
        ladder = balanced.ladder_
        tasks = codec_tasks(work, ladder)
        todo = [task for task in tasks if not task.finished]
        outcomes = run_tasks(
            train_codec, todo, label="train", workers=workers, engine=engine, progress=progress
        )
    failures = tuple(
        f"{todo[outcome.index].recipe} in {todo[outcome.index].fold}: {outcome.error}"
        for outcome in outcomes
        if outcome.error
    )
    ineffective = study.codec.quantizer.ineffective()
    notes = (*work.notes, *capped_note(balanced), *ineffective)
    return Trained(ladder, notes, len(tasks) + 1, num_first + len(todo) - len(failures), failures)


def capped_note(codec: Codec) -> tuple[str, ...]:
    """Return a sentence when a codec has fewer codes than were asked for, else nothing."""
    asked, given = codec.card_["codes_asked"], codec.card_["codes"]
    if given == asked:
        return ()
    return (
        f"K lowered from {asked} to {given} codes per stage: every code needs "
        f"{MIN_VECTORS_PER_CODE} of the {codec.card_['num_training_vectors']} training vectors",
    )


def codec_tasks(work: Workspace, ladder: tuple[float, ...]) -> list[CodecTask]:
    """List every codec of a study but the balanced one that set the ladder, fold by fold."""
    study = work.study
    tasks = [
        codec_task(work, recipe, ALL_ITEMS, study.seeds[0], ladder)
        for recipe in work.recipes
        if recipe != "balanced"
    ]
    return tasks + evaluated_tasks(work, ladder)


def evaluated_tasks(work: Workspace, ladder: tuple[float, ...]) -> list[CodecTask]:
    """List the codecs that are evaluated: fold × recipe × seed."""
    unheard = [fold for fold in work.folds if not fold.startswith("text/")]
    return [
        codec_task(work, recipe, fold, seed, ladder)
        for fold in work.folds
        for recipe in work.recipes
        if fold in unheard or not unheard or recipe in work.study.split.text_recipes
        for seed in work.study.seeds
    ]


def codec_task(
    work: Workspace, recipe: str, fold: str, seed: int, ladder: tuple[float, ...]
) -> CodecTask:
    """Name one codec by everything that decides it."""
    study = work.study
    identity = fingerprint(
        {
            "format": _FORMAT,
            "data": work.data_fingerprint,
            "train": work.train_items(fold).tolist(),
            "codec": study.codec,
            "device": study.codec.quantizer.training_device(),
            "recipes": work.recipes,
            "max_train_vectors": study.max_train_vectors,
            "recipe": recipe,
            "seed": seed,
            "ladder": ladder,
        }
    )
    return CodecTask(str(work.folder.path), study, recipe, fold, seed, ladder, identity)


def train_codec(task: CodecTask) -> None:
    """Train one codec and save it; its randomness comes from its own identity."""
    work = shared_workspace(task.run, task.study)
    rng = np.random.default_rng(int(task.identity[:15], 16))
    vectors, speakers = train_vectors(work, task.recipe, task.fold, rng=rng)
    about = {
        "task": task.identity,
        "recipe": task.recipe,
        "fold": task.fold,
        "seed": task.seed,
        "trained_for": "use" if task.fold == ALL_ITEMS else "evaluation on the items left out",
        "device": task.study.codec.quantizer.training_device(),
        "embeddings": work.embeddings.fingerprint,
        "embedder": dict(work.embeddings.card["embedder"]),
        "level": work.embeddings.level,
        "licence": work.embeddings.card["licence"],
        "corpora": work.embeddings.card["corpora"],
    }
    codec = Codec(task.study.codec)
    codec.fit(
        vectors,
        rng=rng,
        scaling=fit_scaling(work, task.fold),
        ladder=task.ladder,
        groups=speakers,
        about=about,
    )
    codec.save(task.folder)


def require_codecs(tasks: list[CodecTask]) -> None:
    """Raise QuantlabError naming how to train when a codec is missing or of other settings."""
    missing = [task for task in tasks if not task.finished]
    if missing:
        raise QuantlabError(
            f"{len(missing)} of {len(tasks)} codecs are missing or were trained with other "
            f"settings, {missing[0].recipe} in {missing[0].fold} first; "
            f"run: quantlab train {missing[0].run}"
        )
