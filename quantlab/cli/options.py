"""Options that several commands share."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from quantlab.engine import EngineName, default_workers
from quantlab.errors import EXIT_INTEGRITY, EXIT_OK, EXIT_PARTLY_DONE, InputError

if TYPE_CHECKING:
    from quantlab.codebooks import Codec

Workers = Annotated[
    int, typer.Option(min=0, help="Processes to use; 0 takes one per core.", show_default="0")
]
Engine = Annotated[
    EngineName,
    typer.Option(help="Run in processes of this machine, or on Ray (RAY_ADDRESS)."),
]
Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="auto, cpu or cuda.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the random numbers.")]
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


def codecs_of(folders: list[Path]) -> "dict[str, Codec]":
    """Load codecs by the names of their folders; of a run folder, all of its codecs."""
    from quantlab.codebooks import Codec

    places = []
    for folder in folders:
        inside = sorted(card.parent for card in (folder / "codecs").glob("*/card.json"))
        places += inside or [folder]
    names = [place.resolve().name for place in places]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"several codecs are called {', '.join(twice)}; rename their folders")
    return {name: Codec.load(place) for name, place in zip(names, places, strict=True)}
