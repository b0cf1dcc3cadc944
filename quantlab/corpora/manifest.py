"""The manifest: one row per clip, stored as Parquet, with paths relative to the corpus folder.

A manifest holds labels and what was measured of the files; it never holds audio. Its paths come
from a file and are therefore not trusted: `Manifest.path_of` gives only paths under the root.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from quantlab.audio import Clip, read_clip
from quantlab.corpora.labels import EMOTIONS, canonical_emotion
from quantlab.errors import InputError, IntegrityError
from quantlab.store import read_table, resolve_under, table_metadata, write_table

MANIFEST_SCHEMA = {
    "path": "string",
    "corpus": "string",
    "language": "string",
    "speaker": "string",
    "gender": "string",
    "emotion": "string",
    "emotion_raw": "string",
    "text_id": "string",
    "transcript": "string",
    "votes": "string",
    "split": "string",
    "session": "string",
    "attributes": "string",
    "duration_s": "float64",
    "size": "int64",
    "mtime": "int64",
    "sha256": "string",
    "flags": "string",
}
"""Column to type: `size` in bytes, `mtime` in nanoseconds since 1970, `flags` blank-separated."""

REQUIRED_COLUMNS = ("path", "speaker", "emotion")

_FORMAT = "quantlab-manifest-2"
_DEFAULTS = {"string": "", "float64": np.nan, "int64": -1}


@dataclass(frozen=True, eq=False)
class Manifest:
    """The clips of a corpus: where its folder lies, and a table with one row per clip.

    Parameters
    ----------
    root : Path
        The folder that the paths are relative to.
    items : pd.DataFrame
        Columns as in `MANIFEST_SCHEMA`. Only path, speaker and emotion are required; absent
        columns are filled with "", NaN or -1. Rows keep their order and are numbered from 0.

    Raises
    ------
    InputError
        A required column is missing or has an empty cell, a column is not known, an emotion is
        not canonical, or a path stands twice.
    """

    root: Path
    items: pd.DataFrame

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root))
        object.__setattr__(self, "items", _complete(self.items))

    def __len__(self) -> int:
        return len(self.items)

    @property
    def emotions(self) -> tuple[str, ...]:
        """The emotions present, in canonical order."""
        present = set(self.items["emotion"])
        return tuple(emotion for emotion in EMOTIONS if emotion in present)

    @property
    def speakers(self) -> tuple[str, ...]:
        """The speakers present, sorted by name."""
        return tuple(sorted(set(self.items["speaker"])))

    def path_of(self, row_index: int) -> Path:
        """Return the absolute path of a row's clip, links resolved.

        Raises
        ------
        InputError
            The stored path is unsafe or leads out of the root. Whether the file exists is not
            checked.
        """
        return resolve_under(self.root, str(self.items["path"].iloc[row_index]))

    def read_clip(self, row_index: int, *, max_duration_s: float = 600.0) -> Clip:
        """Read a row's clip and make sure that it is the one that was indexed.

        Raises
        ------
        InputError
            The clip is missing or cannot be used.
        IntegrityError
            Its content is not what it was when the manifest was made.
        """
        expected = str(self.items["sha256"].iloc[row_index])
        return read_clip(
            self.path_of(row_index),
            max_duration_s=max_duration_s,
            expected_sha256=expected or None,
        )

    def subset(self, rows: Sequence[int] | Sequence[bool] | npt.NDArray[np.generic]) -> "Manifest":
        """Return the manifest of some rows, given as positions or as a mask of length N."""
        chosen = np.asarray(rows)
        if chosen.size == 0:
            chosen = chosen.astype(np.int64)
        if chosen.dtype == bool and len(chosen) != len(self):
            raise InputError(f"a mask of {len(chosen)} cannot choose among {len(self)} rows")
        return Manifest(self.root, self.items.iloc[chosen])

    def save(self, path: str | Path) -> None:
        """Write the manifest as Parquet; equal manifests give equal bytes."""
        write_table(
            path,
            self.items,
            schema=MANIFEST_SCHEMA,
            metadata={"format": _FORMAT, "root": str(self.root.resolve())},
        )

    @classmethod
    def load(cls, path: str | Path, *, root: str | Path | None = None) -> "Manifest":
        """Read a manifest.

        Parameters
        ----------
        path : str or Path
            A file that `save` wrote.
        root : str or Path, optional
            Where the corpus lies now, when it was moved after the manifest was made.

        Returns
        -------
        Manifest
            The manifest, its table checked.

        Raises
        ------
        InputError
            The file is missing or is no manifest.
        IntegrityError
            The file is damaged or was written in another format version.
        """
        metadata = table_metadata(path)
        found = metadata.get("format", "")
        if not found.startswith("quantlab-manifest-") or not metadata.get("root"):
            raise InputError(f"{path} is no manifest; make one with `quantlab index`")
        frame = read_table(path)
        if found != _FORMAT or list(frame.columns) != list(MANIFEST_SCHEMA):
            raise IntegrityError(
                f"{path} has format {found!r} with columns {list(frame.columns)}, this version "
                f"reads {_FORMAT!r}; index the corpus again"
            )
        return cls(Path(root or metadata["root"]), frame)


def _complete(items: pd.DataFrame) -> pd.DataFrame:
    missing = [name for name in REQUIRED_COLUMNS if name not in items.columns]
    if missing:
        raise InputError(f"a manifest needs the columns {missing}; it has {list(items.columns)}")
    unknown = [str(name) for name in items.columns if name not in MANIFEST_SCHEMA]
    if unknown:
        raise InputError(
            f"a manifest has no columns {unknown}; its columns are {', '.join(MANIFEST_SCHEMA)}"
        )
    columns = {
        name: _column(pd.Series(items[name]), kind)
        if name in items.columns
        else pd.Series([_DEFAULTS[kind]] * len(items), dtype=_dtype(kind))
        for name, kind in MANIFEST_SCHEMA.items()
    }
    complete = pd.DataFrame(columns)
    _check(complete)
    return complete


def _column(values: pd.Series, kind: str) -> pd.Series:
    # By way of objects, because a categorical column cannot be filled with a new value.
    plain = values.reset_index(drop=True).astype(object)
    return plain.where(plain.notna(), _DEFAULTS[kind]).astype(_dtype(kind))


def _dtype(kind: str) -> type[str] | str:
    return str if kind == "string" else kind


def _check(items: pd.DataFrame) -> None:
    for name in REQUIRED_COLUMNS:
        empty = np.flatnonzero(items[name] == "")
        if len(empty):
            raise InputError(f"row {empty[0]} of the manifest has an empty '{name}'")
    for emotion in items["emotion"].unique():
        if emotion not in EMOTIONS:
            row = int(np.flatnonzero(items["emotion"] == emotion)[0])
            raise InputError(f"row {row} of the manifest: {_not_canonical(str(emotion))}")
    twice = np.flatnonzero(items["path"].duplicated())
    if len(twice):
        path = str(items["path"].iloc[twice[0]])
        raise InputError(
            f"row {twice[0]} of the manifest: path {path!r} stands twice; remove one of the rows"
        )


def _not_canonical(emotion: str) -> str:
    try:
        return f"emotion {emotion!r} must be written {canonical_emotion(emotion)!r}"
    except InputError as error:
        return str(error)
