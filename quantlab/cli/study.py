"""Commands on studies: train codecs, sweep λ, write the report."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from quantlab.cli.options import Engine, Quiet, Run, Workers, processes, say, skipped_code
from quantlab.engine import EngineName
from quantlab.errors import InputError
from quantlab.sweep import (
    EACH_EMOTION,
    RunFolder,
    StudySettings,
    Trained,
    prepare_data,
    read_studies,
)

_YAML_ENDINGS = (".yaml", ".yml")


def train(
    run: Run,
    bias: Annotated[
        str, typer.Option(help="'each' for one biased codec per emotion, or emotions with commas.")
    ] = "",
    recipe: Annotated[
        list[str] | None,
        typer.Option(help="Further recipe, 'mixed:sad=.5,happy=.5' for instance; repeatable."),
    ] = None,
    groups: Annotated[int | None, typer.Option(help="Groups of dimensions.")] = None,
    stages: Annotated[int | None, typer.Option(help="Residual stages per group.")] = None,
    codes: Annotated[int | None, typer.Option(help="Codes per stage, SKIP not counted.")] = None,
    trainer: Annotated[str | None, typer.Option(help="kmeans, minibatch or ema.")] = None,
    prior: Annotated[str | None, typer.Option(help="factorized, pairwise or transformer.")] = None,
    lams: Annotated[
        str, typer.Option(help="λ with commas instead of those found from the data.")
    ] = "",
    seeds: Annotated[str, typer.Option(help="Seeds with commas.")] = "",
    workers: Workers = 0,
    engine: Engine = "local",
    quiet: Quiet = False,
) -> int:
    """Train the codecs of a run: balanced, and the recipes asked for."""
    from quantlab.sweep import train as train_codecs

    folder = RunFolder(run)
    values = folder.read_study().model_dump(mode="json")
    quantizer = values["codec"]["quantizer"]
    asked = {"groups": groups, "stages": stages, "codes": codes, "trainer": trainer}
    quantizer.update({key: value for key, value in asked.items() if value is not None})
    if prior is not None:
        values["codec"]["prior"]["kind"] = prior
    if lams:
        values["codec"]["ladder"]["lams"] = _numbers(lams, "--lams")
    if seeds:
        values["seeds"] = _numbers(seeds, "--seeds")
    if bias or recipe:
        values["recipes"] = ["balanced", *_biased(bias), *(recipe or [])]
    study = StudySettings.parse(values, where="options of train")
    trained = train_codecs(
        run, study, workers=processes(workers), engine=engine, progress=not quiet
    )
    _say_training(trained)
    say(
        f"{trained.num_codecs} codecs ({trained.num_new} new), {len(trained.ladder)} λ up to "
        f"{trained.ladder[-1]:g}: {run / 'codecs'}"
    )
    return trained.exit_code


def _numbers(text: str, option: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"{option} takes numbers with commas between, given {text!r}") from None


def _biased(bias: str) -> list[str]:
    if bias == "each":
        return [EACH_EMOTION]
    return [f"biased:{emotion.strip()}" for emotion in bias.split(",") if emotion.strip()]


def _say_training(trained: Trained) -> None:
    for note in trained.notes:
        typer.echo(f"note: {note}", err=True)
    for line in trained.failures:
        typer.echo(f"failed: {line}", err=True)


def sweep(
    source: Annotated[
        Path, typer.Argument(help="Run folder, or an experiment file.", show_default=False)
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Run folder of an experiment file; runs/<name>."),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Run trials that failed before again.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Allow more than 10 000 trials.")] = False,
    workers: Workers = 0,
    engine: Engine = "local",
    quiet: Quiet = False,
) -> int:
    """Evaluate every codec over the λ ladder; an interrupted sweep goes on where it was.

    With an experiment file, whatever comes before is done first: index, embed and train. A file of
    several variants gives one run folder each.
    """
    options = {
        "workers": processes(workers),
        "engine": engine,
        "retry_failed": retry_failed,
        "many": yes,
        "progress": not quiet,
    }
    if source.suffix not in _YAML_ENDINGS:
        if output is not None:
            raise InputError(
                "--output goes with an experiment file; a run folder is its own output"
            )
        return _sweep(source, options, {}, ())
    codes = []
    for name, study in read_studies(source).items():
        base = output or Path("runs") / study.name.removesuffix(f"-{name}")
        run = base.with_name(f"{base.name}-{name}") if name else base
        durations, errors = _prepare(run, study, processes(workers), engine, quiet)
        codes.append(_sweep(run, options, durations, errors))
    return max(codes)


def _sweep(
    run: Path, options: dict[str, Any], durations: dict[str, float], errors: tuple[str, ...]
) -> int:
    from quantlab.sweep import sweep as sweep_run

    done = sweep_run(run, **options, durations_s=durations)
    if done.num_failed:
        typer.echo(
            f"{done.num_failed} of {done.num_trials} trials failed; see *.failed.json in "
            f"{run / 'trials'}, then run again with --retry-failed",
            err=True,
        )
    say(f"{done.num_trials} trials ({done.num_new} new): {done.table}")
    return max(done.exit_code, skipped_code(errors, RunFolder(run).skipped))


def _prepare(
    run: Path, study: StudySettings, workers: int, engine: EngineName, quiet: bool
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Index, embed and train as an experiment file asks.

    Return the seconds of each stage, and the error class of every clip that was skipped.
    """
    from quantlab.sweep import train as train_codecs

    durations: dict[str, Any] = {}
    begin = time.monotonic()
    errors = prepare_data(run, study, workers=workers, engine=engine, progress=not quiet)
    durations["data"] = round(time.monotonic() - begin, 1)
    begin = time.monotonic()
    trained = train_codecs(run, study, workers=workers, engine=engine, progress=not quiet)
    _say_training(trained)
    durations["train"] = round(time.monotonic() - begin, 1)
    return durations, errors


def report(
    run: Run,
    listening: Annotated[
        Path | None,
        typer.Option(help="Folder of quantlab listen: claims about what is heard count, too."),
    ] = None,
    png: Annotated[
        bool, typer.Option("--png", help="Write every figure as PNG, too (needs chromium).")
    ] = False,
) -> int:
    """Write report.html and the figures of a run; it opens without a network."""
    from quantlab.figures import write_report

    if listening is not None:
        from quantlab.sweep import judge_anew

        judge_anew(run, listening)
    say(f"report: {write_report(run, png=png)}")
    return 0


def verdicts(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, swept.", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The page to write; its table goes beside it.")
    ] = Path("runs/verdicts.html"),
) -> int:
    """Write one table of verdicts over several runs: corpora, embedders, sizes, control."""
    from quantlab.figures import write_verdicts

    say(f"verdicts: {write_verdicts(runs, output)}")
    return 0
