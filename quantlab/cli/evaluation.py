"""The command that evaluates trained StyleVC models and puts them side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from quantlab.cli.options import Quiet, say
from quantlab.errors import EXIT_OK, InputError, IntegrityError

if TYPE_CHECKING:
    import pandas as pd

    from quantlab.models import Features, Inference
    from quantlab.synthesis import Evaluation, EvaluationSettings

_SAID = ("cls_c_e", "cls_s_e", "cls_e_e", "cls_c_s", "cls_s_s", "cls_e_s", "mcd_db")


def evaluate_stylevc(
    models: Annotated[
        list[Path],
        typer.Argument(help="Folders of models, runs/stylevc/NAME/checkpoint.", show_default=False),
    ],
    features: Annotated[
        Path,
        typer.Option(help="Features that the models were trained on.", show_default=False),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Folder of tables and report.", show_default=False),
    ],
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="Setting of the evaluation, num_trees=100; repeatable."),
    ] = None,
    card: Annotated[
        bool, typer.Option("--card", help="Write the metrics into the card of each model.")
    ] = False,
    device: Annotated[
        Literal["auto", "cpu", "cuda"], typer.Option(help="auto, cpu or cuda.")
    ] = "auto",
    quiet: Quiet = False,
) -> int:
    """Measure what trained StyleVC models keep apart; models that are done are kept."""
    from quantlab.cli.data import embedder_settings
    from quantlab.models import open_features, open_stylevc, update_card
    from quantlab.store import resolve_under
    from quantlab.synthesis import (
        EvaluationSettings,
        card_metrics,
        check_features,
        grid_of,
        write_evaluation_report,
    )

    settings = EvaluationSettings.parse(
        embedder_settings(setting, "", False, ""), where="options of evaluate-stylevc"
    )
    opened = open_features(features)
    given = [(folder, open_stylevc(folder, device=device)) for folder in models]
    for _, model in given:
        check_features(model, opened)
    found = []
    for name, (folder, model) in zip(names_of(given), given, strict=True):
        place = resolve_under(output, name)
        one = _evaluated(model, opened, settings, name, place, device, shown=not quiet)
        if card:
            update_card(folder, metrics=card_metrics(one))
        for note in one.notes:
            typer.echo(f"note: {name}: {note}", err=True)
        found.append(one)
    grid, verdicts = grid_of(found)
    _write_tables(output, grid, verdicts)
    report = write_evaluation_report(output / "report.html", found, grid=grid, verdicts=verdicts)
    for one in found:
        say(f"{one.model}: {_summary(grid, one.model)}")
    say(f"report: {report}")
    return EXIT_OK


def names_of(models: "Sequence[tuple[Path, Inference]]") -> list[str]:
    """Return the names of models: their own, with the seed where several are called the same.

    Raises
    ------
    InputError
        Two models have one name and one seed.
    """
    own = [str(model.card.get("name") or folder.name) for folder, model in models]
    names: dict[str, Path] = {}
    for name, (folder, model) in zip(own, models, strict=True):
        if own.count(name) > 1:
            name = f"{name}-seed{model.card.get('seed')}"
        if name in names:
            raise InputError(
                f"{folder} and {names[name]} are both the model {name}; give each model once"
            )
        names[name] = folder
    return list(names)


def _evaluated(
    model: "Inference",
    features: "Features",
    settings: "EvaluationSettings",
    name: str,
    place: Path,
    device: str,
    *,
    shown: bool,
) -> "Evaluation":
    """Read the evaluation of these weights where it is there; otherwise make it."""
    from quantlab.engine import Counter
    from quantlab.synthesis import (
        evaluate_stylevc,
        evaluation_key,
        read_evaluation,
        write_evaluation,
    )

    try:
        kept = read_evaluation(place)
        if kept.about.get("key") == evaluation_key(model, features, settings):
            return kept
    except InputError:
        pass  # none was made so far
    except IntegrityError as error:
        typer.echo(f"note: {error}; it is made anew", err=True)
    with Counter(name, shown=shown) as counter:
        made = evaluate_stylevc(
            model, features, settings=settings, name=name, device=device, progress=counter
        )
    write_evaluation(place, made)
    return made


def _write_tables(output: Path, grid: "pd.DataFrame", verdicts: "pd.DataFrame") -> None:
    from quantlab.analysis import wide_grid, wide_verdicts
    from quantlab.store import write_csv, write_table

    numbers = ("value", "low", "high", "chance", "rotated")
    kinds = {**dict.fromkeys(numbers, "float64"), "num_clusters": "int64"}
    for name, table in (("grid", grid), ("verdicts", verdicts)):
        schema = {str(column): kinds.get(str(column), "string") for column in table.columns}
        write_table(output / f"{name}.parquet", table, schema=schema)
        write_csv(output / f"{name}.csv", table)
    write_csv(output / "grid_wide.csv", wide_grid(grid))
    write_csv(output / "verdicts_wide.csv", wide_verdicts(verdicts))


def _summary(grid: "pd.DataFrame", name: str) -> str:
    """Return the accuracies, their chance and the distortion of one model in one line."""
    rows = grid.loc[grid["model"] == name].set_index("measure")
    parts = []
    for measure in _SAID:
        if measure in rows.index:
            one = rows.loc[measure]
            level = "" if one["chance"] != one["chance"] else f" (chance {one['chance']:.2f})"
            parts.append(f"{measure} {one['value']:.2f}{level}")
    return ", ".join(parts)
