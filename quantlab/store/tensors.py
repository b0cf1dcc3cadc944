"""Arrays in safetensors files: written contiguous, read back, compared with their card.

safetensors 0.8 writes wrong values for arrays that are not C-contiguous and loads a flipped bit
without a word. So every array is made contiguous before it is written, the file is read back, and
the card holds each tensor's shape, dtype and SHA-256.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from quantlab.errors import InputError, IntegrityError
from quantlab.store.files import sha256_bytes, writing

TensorCards = dict[str, dict[str, Any]]

_HEADER_LIMIT = 1 << 24
_DTYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "U32": np.uint32,
    "U16": np.uint16,
    "U8": np.uint8,
}


def save_tensors(path: str | Path, tensors: Mapping[str, np.ndarray]) -> TensorCards:
    """Write arrays to a safetensors file and return what a card needs to check them.

    Parameters
    ----------
    path : str or Path
        The file to create or replace.
    tensors : Mapping[str, np.ndarray]
        Arrays of any memory layout; reals must be finite.

    Returns
    -------
    dict[str, dict[str, Any]]
        For each name ``shape``, ``dtype`` and ``sha256``.

    Raises
    ------
    InputError
        An array holds NaN or infinity, or has a dtype that the format does not know.
    IntegrityError
        What was read back differs from what was to be written.
    """
    from safetensors.numpy import load_file, save_file

    plain = {name: _plain(name, array) for name, array in tensors.items()}
    with writing(path) as temp:
        save_file(plain, temp)
        back = load_file(temp)
        for name, array in plain.items():
            if back[name].dtype != array.dtype or back[name].tobytes() != array.tobytes():
                raise IntegrityError(f"{path}: tensor '{name}' was not written as given; try again")
    return {name: _card(array) for name, array in plain.items()}


def _plain(name: str, array: np.ndarray) -> np.ndarray:
    plain = np.ascontiguousarray(array).reshape(array.shape)
    if plain.dtype not in [np.dtype(kind) for kind in _DTYPES.values()]:
        raise InputError(f"tensor '{name}' has dtype {plain.dtype}; use {sorted(_DTYPES)}")
    _refuse_non_finite(name, plain)
    return plain


def _refuse_non_finite(name: str, array: np.ndarray) -> None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        count = int((~np.isfinite(array)).sum())
        raise InputError(f"tensor '{name}' holds {count} NaN or infinite values; nothing is kept")


def _card(array: np.ndarray) -> dict[str, Any]:
    return {
        "shape": list(array.shape),
        "dtype": str(array.dtype),
        "sha256": sha256_bytes(array.tobytes()),
    }


def load_tensors(path: str | Path, expected: TensorCards | None = None) -> dict[str, np.ndarray]:
    """Read all arrays of a safetensors file into memory.

    Parameters
    ----------
    path : str or Path
        The file.
    expected : dict, optional
        What `save_tensors` returned; every name, shape, dtype and checksum is compared.

    Returns
    -------
    dict[str, np.ndarray]
        The arrays, each owning its memory.

    Raises
    ------
    InputError
        The file is missing.
    IntegrityError
        The file is damaged, holds non-finite reals, or is not what `expected` says.
    """
    tensors = {name: np.array(array) for name, array in map_tensors(path).items()}
    for name, array in tensors.items():
        try:
            _refuse_non_finite(name, array)
        except InputError as error:
            raise IntegrityError(f"{path}: {error}") from None
    if expected is not None:
        check_tensors(path, tensors, expected)
    return tensors


def check_tensors(
    path: str | Path, tensors: Mapping[str, np.ndarray], expected: TensorCards
) -> None:
    """Compare loaded arrays with a card; raise IntegrityError naming the first that differs."""
    missing, extra = sorted(set(expected) - set(tensors)), sorted(set(tensors) - set(expected))
    if missing or extra:
        raise IntegrityError(f"{path}: tensors missing {missing}, not in the card {extra}")
    for name, array in tensors.items():
        found = _card(array)
        for key, value in found.items():
            if expected[name].get(key) != value:
                raise IntegrityError(
                    f"{path}: tensor '{name}' has {key} {value}, its card says "
                    f"{expected[name].get(key)}; the file was changed or damaged, make it anew"
                )


def map_tensors(path: str | Path) -> dict[str, np.ndarray]:
    """Open the arrays of a safetensors file as read-only memory maps.

    The header is checked against the file's size, so a truncated or foreign file is refused before
    anything is allocated. Contents are not hashed; see `load_tensors`.

    Raises
    ------
    InputError
        The file is missing.
    IntegrityError
        The file is not a whole safetensors file.
    """
    source = Path(path)
    header, start = _read_header(source)
    end = start
    tensors = {}
    for name, entry in header.items():
        tensors[name], stop = _map_one(source, name, entry, start)
        end = max(end, stop)
    if end != source.stat().st_size:
        raise IntegrityError(f"{path} is damaged: {source.stat().st_size} bytes instead of {end}")
    return tensors


def _read_header(source: Path) -> tuple[dict[str, Any], int]:
    try:
        with open(source, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(_HEADER_LIMIT, source.stat().st_size - 8):
                raise IntegrityError(f"{source} is damaged or not a safetensors file")
            header = json.loads(file.read(length))
    except OSError as error:
        raise InputError(f"cannot read {source}: {error.strerror or error}") from error
    except ValueError as error:
        raise IntegrityError(f"{source} is damaged: its header is not JSON") from error
    if not isinstance(header, dict):
        raise IntegrityError(f"{source} is damaged: its header is not a table of tensors")
    header.pop("__metadata__", None)
    return header, 8 + length


def _map_one(source: Path, name: str, entry: Any, start: int) -> tuple[np.ndarray, int]:
    try:
        dtype = np.dtype(_DTYPES[entry["dtype"]])
        shape = tuple(int(side) for side in entry["shape"])
        begin, stop = (int(offset) for offset in entry["data_offsets"])
    except (KeyError, TypeError, ValueError) as error:
        raise IntegrityError(f"{source} is damaged: entry '{name}' cannot be read") from error
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    whole = 0 <= begin <= stop and stop - begin == size and min(shape, default=0) >= 0
    if not whole or start + stop > source.stat().st_size:
        raise IntegrityError(f"{source} is damaged: entry '{name}' does not fit the file")
    if size == 0:
        return np.zeros(shape, dtype), start + stop
    return np.memmap(source, dtype, mode="r", offset=start + begin, shape=shape), start + stop
