"""The analysis of a run folder as tables, read only when asked for; a list of the runs of a folder.

Nothing is computed here. What is missing, partial or damaged ends in a message that says what to
type.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from quantlab import store
from quantlab.errors import InputError, IntegrityError
from quantlab.figures.context import FigureContext
from quantlab.figures.schema import COLUMNS, OPTIONAL, TABLES, TableName, empty_table
from quantlab.figures.words import counted, emotion_order, joined, protocol_words

RunState = Literal["ready", "partial", "damaged", "not analysed"]

_SUMMARY = "summary.json"
_CONTROL = "negative control"


@dataclass(frozen=True, eq=False)
class RunTables:
    """A run's summary, and its tables on demand.

    Attributes
    ----------
    path : Path
        The run's folder.
    summary : Mapping
        The content of `analysis/summary.json`.
    """

    path: Path
    summary: Mapping[str, Any]

    @classmethod
    def open(cls, run_dir: str | Path) -> "RunTables":
        """Open a run folder.

        Parameters
        ----------
        run_dir : str or Path
            For example ``runs/demo``.

        Returns
        -------
        RunTables

        Raises
        ------
        InputError
            The folder is missing or not analysed yet; the message says what to type.
        IntegrityError
            The summary is damaged or of another version.
        """
        path = Path(run_dir)
        if not path.is_dir():
            raise InputError(_no_folder(path))
        file = path / "analysis" / _SUMMARY
        if not file.is_file():
            raise InputError(f"{path} is not analysed yet; {_next_step(path)}")
        try:
            summary = store.read_json(file)
        except IntegrityError as error:
            raise IntegrityError(_damaged(file, path)) from error
        if not isinstance(summary, dict) or not _is_names(summary.get("emotions")):
            raise IntegrityError(
                f"{file} names no emotions, so it is damaged or from another version of quantlab; "
                f"delete it and type `quantlab sweep {path}`"
            )
        return cls(path=path, summary=summary)

    @property
    def name(self) -> str:
        """The run's name."""
        return str(self.summary.get("run") or self.path.name)

    @property
    def emotions(self) -> list[str]:
        """The run's classes in canonical order."""
        return emotion_order(self.summary["emotions"])

    @property
    def protocols(self) -> list[str]:
        """The protocols that were evaluated, new speakers first."""
        found = mapping(self.summary, "protocols")
        return sorted(found, key=lambda name: (name != "speaker", name))

    @property
    def num_speakers(self) -> int:
        """Speakers that were evaluated; 0 where the summary does not say."""
        protocols = mapping(self.summary, "protocols")
        counts = [mapping(protocols, name).get("num_speakers") for name in protocols]
        return max((int(count) for count in counts if isinstance(count, int)), default=0)

    @property
    def embedder(self) -> str:
        """The embedder's name."""
        named = mapping(self.summary, "embedder").get("name") or self.summary.get("embedder")
        return str(named or "")

    @property
    def notes(self) -> tuple[str, ...]:
        """Warnings that belong under every title: what the embedder knew, and `trial_notes`."""
        return (*self.provenance_notes, *self.trial_notes)

    @property
    def trial_notes(self) -> tuple[str, ...]:
        """Trials that are missing or failed; another sweep may mend that."""
        trials = mapping(self.summary, "trials")
        done, total, failed = (int(trials.get(key) or 0) for key in ("done", "total", "failed"))
        notes = [f"partial: {done} of {total} trials"] if done < total else []
        notes += [f"{counted(failed, 'trial')} failed"] if failed else []
        return tuple(notes)

    @property
    def provenance_notes(self) -> tuple[str, ...]:
        """What the embedder may have known beforehand: clips that it was trained on."""
        seen = self.summary.get("num_seen")
        if isinstance(seen, int) and seen > 0:
            return (f"seen by the embedder: {counted(seen, 'clip')}",)
        if mapping(self.summary, "embedder").get("trained_on_known") is False:
            return ("what the embedder was trained on is not known",)
        return ()

    @property
    def is_control(self) -> bool:
        """Whether labels were permuted: a negative control, in which no claim should hold."""
        notes = self.summary.get("notes")
        return isinstance(notes, list) and any(str(note).startswith(_CONTROL) for note in notes)

    def table(self, name: TableName) -> pd.DataFrame:
        """Read one table.

        Parameters
        ----------
        name : str
            One of `TABLES`; those of `OPTIONAL` may be missing, and are empty then.

        Returns
        -------
        pd.DataFrame

        Raises
        ------
        InputError
            The table is missing; the message says what to type.
        IntegrityError
            The table is damaged or of another version.
        """
        if name not in COLUMNS:
            raise InputError(f"table {name!r} is unknown; choose from {list(TABLES)}")
        file = self.path / "analysis" / f"{name}.parquet"
        if not file.is_file():
            if name in OPTIONAL:
                return empty_table(name)
            raise InputError(f"{file} is missing; type `quantlab sweep {self.path}` to make it")
        try:
            frame = store.read_table(file)
        except IntegrityError as error:
            raise IntegrityError(_damaged(file, self.path)) from error
        missing = [column for column in COLUMNS[name] if column not in frame.columns]
        if missing:
            raise IntegrityError(
                f"{file} lacks the columns {joined(missing)}, so it is from another version of "
                f"quantlab; delete it and type `quantlab sweep {self.path}`"
            )
        return self._with_frames(frame) if name == "references" else frame

    def _with_frames(self, references: pd.DataFrame) -> pd.DataFrame:
        """Repeat references of time means for frames, where a clip has a single frame."""
        if self.summary.get("level") != "utterance":
            return references
        of_means = references["metric"].astype(str).str.endswith("_means")
        frames = references.loc[of_means].assign(
            metric=references.loc[of_means, "metric"].str.replace("_means", "_frames")
        )
        return pd.concat([references, frames], ignore_index=True).drop_duplicates("metric")

    def context(self, *, dark: bool = False) -> FigureContext:
        """Return what every figure of this run says under its title."""
        held_out = [protocol_words(name) for name in self.protocols]
        return FigureContext(
            run=self.name,
            corpus=str(self.summary.get("corpus") or ""),
            embedder=self.embedder,
            num_speakers=self.num_speakers,
            split=f"tested on {joined(held_out)}" if held_out else "",
            notes=self.notes,
            dark=dark,
        )


@dataclass(frozen=True)
class RunEntry:
    """One run of a folder.

    Attributes
    ----------
    name : str
        Its folder's name.
    path : Path
        Its folder.
    state : {"ready", "partial", "damaged", "not analysed"}
        "partial": trials or tables are missing.
    hint : str
        What to type next; empty when the run is ready.
    """

    name: str
    path: Path
    state: RunState
    hint: str = ""


def list_runs(folder: str | Path) -> list[RunEntry]:
    """List the runs of a folder, sorted by name.

    Parameters
    ----------
    folder : str or Path
        For example ``runs``; a missing one has no runs.

    Returns
    -------
    list of RunEntry
    """
    root = Path(folder)
    if not root.is_dir():
        return []
    places = sorted(place for place in root.iterdir() if place.is_dir() and _is_run(place))
    return [_entry(place) for place in places]


def run_stamp(run_dir: str | Path) -> tuple[tuple[str, int, int], ...]:
    """Return name, modification time (ns) and size of a run's analysis files, for cache keys."""
    files = sorted(Path(run_dir).joinpath("analysis").glob("*"))
    stats = [(file.name, file.stat()) for file in files if file.is_file()]
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)


def mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the mapping under a key, or an empty one: a summary may hold anything there."""
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}


def _entry(path: Path) -> RunEntry:
    try:
        run = RunTables.open(path)
    except InputError as error:
        return RunEntry(path.name, path, "not analysed", str(error))
    except IntegrityError as error:
        return RunEntry(path.name, path, "damaged", str(error))
    files = {name: path / "analysis" / f"{name}.parquet" for name in COLUMNS}
    missing = [name for name, file in files.items() if name not in OPTIONAL and not file.is_file()]
    if missing:
        hint = f"{path} lacks {joined(missing)}; type `quantlab sweep {path}`"
        return RunEntry(path.name, path, "partial", hint)
    if run.trial_notes:
        hint = f"{joined(run.trial_notes)}; type `quantlab sweep {path}` to go on"
        return RunEntry(path.name, path, "partial", hint)
    return RunEntry(path.name, path, "ready")


def _is_run(path: Path) -> bool:
    marks = ("run.yaml", "embeddings", "codecs", "trials", "sweep.parquet", "analysis")
    return not path.name.startswith(".") and any((path / mark).exists() for mark in marks)


def _next_step(path: Path) -> str:
    """Say what to type for a folder without an analysis."""
    if not _is_run(path):
        return "it is empty. Type `make demo` for an example, or `quantlab embed --help` to begin"
    if not (path / "embeddings").exists() and not (path / "run.yaml").exists():
        return f"type `quantlab embed <manifest> -o {path}` first"
    if not (path / "codecs").exists() and not (path / "run.yaml").exists():
        return f"type `quantlab train {path}` first, then `quantlab sweep {path}`"
    return f"type `quantlab sweep {path}`"


def _no_folder(path: Path) -> str:
    others = [entry.name for entry in list_runs(path.parent)]
    near = f"{path.parent} holds {joined(others[:8])}" if others else f"{path.parent} holds no runs"
    return f"{path} does not exist; {near}. Type `make demo` to compute the example"


def _damaged(file: Path, run_dir: Path) -> str:
    return f"{file} is damaged; delete it and type `quantlab sweep {run_dir}` to make it anew"


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(n, str) for n in value)
