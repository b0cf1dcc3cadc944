"""Features that were computed elsewhere, as embedding sets.

Files of NumPy, safetensors and Parquet are read, never pickles. Vectors are matched to the clips of
a manifest by name; what does not fit is left out with its reason. Letters: ``T`` frames, ``D``
dimensions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from quantlab.config import fingerprint
from quantlab.corpora import Manifest
from quantlab.embedders.embed import SKIPPED_COLUMNS, Embedded
from quantlab.embedders.sets import ITEM_SCHEMA, open_set
from quantlab.embedders.writer import write_set
from quantlab.errors import ConfigError, InputError, IntegrityError
from quantlab.store import load_tensors, read_bytes, read_table

ImportForm = Literal["npy", "ev2-frame", "downstream", "safetensors", "parquet"]
_EV2_ENDING = "_ev2_frame"
_HALF_LIMIT = 65504.0

_Features = Mapping[str, Callable[[], np.ndarray]]
"""Name of each clip, and what reads its vectors ``[T, D]`` or ``[D]``."""


def import_features(
    source: str | Path,
    manifest: Manifest,
    folder: str | Path,
    *,
    form: ImportForm,
    embedder_name: str = "imported",
    licence: str = "",
    origin: str = "",
) -> Embedded:
    """Write an embedding set of features that another program computed.

    Parameters
    ----------
    source : str or Path
        ``npy``: a folder with ``<key>.npy``. ``ev2-frame``: a folder with ``<key>_ev2_frame.npy``.
        ``downstream``: the ``.npy`` beside which ``.lengths`` (frames of each clip) and ``.emo``
        (key and label of each clip) lie. ``safetensors``: one file, one tensor per key.
        ``parquet``: one file with a column ``item``, ``key`` or ``path`` and either a column of
        lists or one column per dimension.
    manifest : Manifest
        The clips; a key is the path of a clip without its suffix, or its file name alone where
        that is unique.
    folder : str or Path
        Where the set goes.
    form : str
        How the features are stored.
    embedder_name : str
        What cards call the program that computed them.
    licence, origin : str
        Kept in the card: licence of the corpus, and where the features come from.

    Returns
    -------
    Embedded
        The opened set, and what was left out: features without a clip, clips without features, and
        arrays that cannot be used.

    Raises
    ------
    InputError
        The source is missing, a key fits several clips, or nothing fits.
    ConfigError
        The form is unknown.
    """
    if form not in get_args(ImportForm):
        raise ConfigError(f"form {form!r} is unknown; use {', '.join(get_args(ImportForm))}")
    features = _READERS[form](Path(source))
    rows, skipped = _match(features, manifest)
    usable = _usable(features, rows, skipped)
    if not usable.rows:
        raise InputError(
            f"none of {len(features)} features in {source} could be used; first reason: "
            f"{skipped[0][2] if skipped else 'there are none'}"
        )
    level = "utterance" if usable.most_frames == 1 else "frame"
    half = level == "frame" and usable.largest <= _HALF_LIMIT
    columns = [name for name in ITEM_SCHEMA if name in manifest.items.columns]
    items = manifest.items.iloc[list(usable.rows.values())][columns].reset_index(drop=True)
    items.insert(0, "item", [manifest.items["path"].iloc[row] for row in usable.rows.values()])
    keys = list(usable.rows)
    about = {
        "name": embedder_name,
        "version": 1,
        "imported_as": form,
        "licence": "not known",
        "trained_on": [],
        "trained_on_known": False,
        "dims": {level: usable.num_dims},
    }
    card = {
        "embedder": about,
        "embedder_fingerprint": fingerprint({"imported": embedder_name, "form": form}),
        "level": level,
        "frame_rate_hz": None,
        "corpora": sorted(set(items["corpus"].astype(str)) - {""}),
        "languages": sorted(set(items["language"].astype(str)) - {""}),
        "licence": licence or "not stated; what is derived from a corpus carries its licence",
        "source": origin,
        "commands": [f"quantlab import-features {Path(source).name} --format {form}"],
        "num_skipped": len(skipped),
    }
    write_set(
        folder,
        items,
        lambda start: (_plain(features[key]()) for key in keys[start:]),
        card=card,
        dtype="float16" if half else "float32",
    )
    return Embedded(open_set(folder), pd.DataFrame(skipped, columns=SKIPPED_COLUMNS, dtype=str))


@dataclass
class _Usable:
    """Which features can be used: key to row, in the manifest's order, and what they are like."""

    rows: dict[str, int]
    num_dims: int = 0
    most_frames: int = 0
    largest: float = 0.0


def _match(
    features: _Features, manifest: Manifest
) -> tuple[dict[str, int], list[tuple[str, str, str]]]:
    """Find the clip of each key, by its whole path or by its name alone."""
    paths = [str(path).rpartition(".")[0] for path in manifest.items["path"]]
    whole = {path: row for row, path in enumerate(paths)}
    named: dict[str, list[int]] = {}
    for row, path in enumerate(paths):
        named.setdefault(path.rpartition("/")[2], []).append(row)
    rows: dict[str, int] = {}
    skipped = []
    for key in features:
        found = [whole[key]] if key in whole else named.get(key.rpartition("/")[2], [])
        if len(found) > 1:
            clips = ", ".join(paths[row] for row in found[:3])
            raise InputError(
                f"the features {key!r} fit {len(found)} clips ({clips}); name them by their path"
            )
        if not found:
            skipped.append((key, "InputError", "no clip of this name is in the manifest"))
        else:
            rows[key] = found[0]
    taken = set(rows.values())
    skipped += [
        (str(manifest.items["path"].iloc[row]), "InputError", "no features of this clip were given")
        for row in range(len(paths))
        if row not in taken
    ]
    return dict(sorted(rows.items(), key=lambda pair: pair[1])), skipped


def _usable(
    features: _Features, rows: dict[str, int], skipped: list[tuple[str, str, str]]
) -> _Usable:
    """Look at every array once; what differs from the first in width is left out."""
    usable = _Usable({})
    for key, row in rows.items():
        try:
            array = _plain(features[key]())
            if usable.num_dims and array.shape[1] != usable.num_dims:
                raise InputError(
                    f"its vectors have {array.shape[1]} dimensions, the first had {usable.num_dims}"
                )
        except (InputError, IntegrityError) as error:
            skipped.append((key, type(error).__name__, str(error)))
            continue
        usable.num_dims = array.shape[1]
        usable.most_frames = max(usable.most_frames, len(array))
        usable.largest = max(usable.largest, float(np.abs(array).max()))
        usable.rows[key] = row
    return usable


def _plain(array: np.ndarray) -> np.ndarray:
    """Return vectors as ``[T, D]``; InputError when they are none."""
    if array.dtype.kind != "f":
        raise InputError(f"its values are {array.dtype}, real numbers are needed")
    frames = array[None] if array.ndim == 1 else array
    if frames.ndim != 2 or 0 in frames.shape:
        raise InputError(f"its shape is {array.shape}, expected [D] or [T, D]")
    if not np.isfinite(frames).all():
        raise InputError("it holds NaN or infinite values")
    return np.asarray(frames, np.float32)


def _load_npy(path: Path) -> np.ndarray:
    """Map a ``.npy`` file; object arrays, which are pickles, are refused."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise InputError(f"{path.name} is no plain NumPy array ({error})") from error


def _npy(source: Path, ending: str = "") -> _Features:
    if not source.is_dir():
        raise InputError(f"{source} is not a folder; give the one with the .npy files")
    tail = f"{ending}.npy"
    files = sorted(path for path in source.rglob(f"*{tail}") if path.is_file())
    if not files:
        raise InputError(f"{source} holds no file that ends in {tail}")
    keys = [path.relative_to(source).as_posix().removesuffix(tail) for path in files]
    return {key: _later(_load_npy, path) for key, path in zip(keys, files, strict=True)}


def _later(read: Callable[[Any], np.ndarray], argument: Any) -> Callable[[], np.ndarray]:
    return lambda: read(argument)


def _downstream(source: Path) -> _Features:
    """Read the three files of emotion2vec's downstream recipe: frames, lengths and labels."""
    lengths_file, labels_file = source.with_suffix(".lengths"), source.with_suffix(".emo")
    frames = _load_npy(source)
    lengths = read_bytes(lengths_file).decode("utf-8").split()
    labels = [line.split() for line in read_bytes(labels_file).decode("utf-8").splitlines() if line]
    if not all(text.isdigit() for text in lengths) or len(lengths) != len(labels):
        raise InputError(
            f"{lengths_file} has {len(lengths)} lengths, {labels_file} {len(labels)} clips; they "
            "must be whole numbers, one for each clip"
        )
    ends = np.cumsum([int(text) for text in lengths])
    if frames.ndim != 2 or not len(ends) or ends[-1] != len(frames):
        raise InputError(
            f"{source} has shape {frames.shape}, its lengths add up to "
            f"{ends[-1] if len(ends) else 0} frames"
        )
    starts = [0, *ends[:-1].tolist()]
    return {
        label[0]: _later(lambda part: frames[part], slice(start, int(end)))
        for label, start, end in zip(labels, starts, ends, strict=True)
    }


def _safetensors(source: Path) -> _Features:
    tensors = load_tensors(source)
    return {key: _later(lambda array: array, array) for key, array in sorted(tensors.items())}


def _parquet(source: Path) -> _Features:
    table = read_table(source)
    name = next((word for word in ("item", "key", "path") if word in table.columns), "")
    if not name:
        raise InputError(f"{source} has no column item, key or path to name the clips")
    keys = [str(key) for key in table[name]]
    if name != "key":
        keys = [key.rpartition(".")[0] if "." in key.rpartition("/")[2] else key for key in keys]
    lists = [
        str(column)
        for column in table.columns
        if column != name and len(table) and isinstance(table[column].iloc[0], list | np.ndarray)
    ]
    if lists:
        values = [np.asarray(list(cell), np.float32) for cell in table[lists[0]]]
    else:
        numbers = table.drop(columns=[name]).select_dtypes("number")
        values = list(numbers.to_numpy(np.float32))
    return {key: _later(lambda one: one, one) for key, one in zip(keys, values, strict=True)}


_READERS: dict[str, Callable[[Path], _Features]] = {
    "npy": _npy,
    "ev2-frame": lambda source: _npy(source, _EV2_ENDING),
    "downstream": _downstream,
    "safetensors": _safetensors,
    "parquet": _parquet,
}
