"""Options that several commands share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from quantlab.engine import EngineName, default_workers
from quantlab.errors import EXIT_INTEGRITY, EXIT_OK, EXIT_PARTLY_DONE

Workers = Annotated[
    int, typer.Option(min=0, help="Processes to use; 0 takes one per core.", show_default="0")
]
Engine = Annotated[
    EngineName,
    typer.Option(help="Run in processes of this machine, or on Ray (RAY_ADDRESS)."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Run = Annotated[Path, typer.Argument(help="Run folder.", show_default=False)]


def processes(workers: int) -> int:
    """Return how many processes `workers` stands for."""
    return workers or default_workers()


def say(text: str) -> None:
    """Print a line of result to standard output."""
    typer.echo(text)


def skipped_code(errors: Sequence[str], report: Path) -> int:
    """Say how many clips were skipped, by their error classes, and return the exit code."""
    if not errors:
        return EXIT_OK
    typer.echo(f"{len(errors)} clips were skipped; reasons in {report}", err=True)
    return EXIT_INTEGRITY if "IntegrityError" in errors else EXIT_PARTLY_DONE
