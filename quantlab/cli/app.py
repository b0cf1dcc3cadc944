"""The command line. Errors go to standard error as one sentence, with the exit code they carry."""

import functools
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import typer

from quantlab.cli import (
    convert,
    data,
    doctor,
    evaluation,
    showcase,
    stream,
    study,
    stylevc,
    synthesis,
)
from quantlab.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, QuantlabError

app = typer.Typer(
    name="quantlab",
    help="Codebook quantization of speech-emotion embeddings, measured over many λ.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _ending(command: Callable[..., int]) -> Callable[..., Any]:
    """Let a command end with the exit code that it returns."""

    @functools.wraps(command)
    def ended(*args: Any, **kwargs: Any) -> None:
        raise typer.Exit(command(*args, **kwargs))

    return ended


for _command in (
    data.index,
    data.embed,
    study.train,
    study.sweep,
    study.report,
    study.verdicts,
    data.quantize,
    stream.compress,
    stream.decompress,
    data.import_features,
    data.import_codec,
    synthesis.reference,
    convert.convert,
    convert.listen,
    showcase.showcase,
    stylevc.fit_stylevc,
    evaluation.evaluate_stylevc,
    doctor.doctor,
):
    app.command()(_ending(_command))


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    try:
        app()
    except QuantlabError as error:
        sys.stderr.write(f"quantlab: {error}\n")
        sys.exit(error.exit_code)
    except OSError as error:
        sys.stderr.write(f"quantlab: {error.strerror or error}: {error.filename or ''}\n")
        sys.exit(EXIT_FAILED)
    except SystemExit as ending:
        if ending.code == EXIT_INTERRUPTED:
            sys.stderr.write("quantlab: interrupted; run the same command again to go on\n")
        raise
    sys.exit(EXIT_OK)
