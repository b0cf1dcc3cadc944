"""NumPy's own files, for what other programs read: ``.npz`` and ``.npy``, never with a pickle.

What quantlab itself reads in bulk is kept in safetensors; see `quantlab.store.tensors`.
"""

import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np

from quantlab.errors import InputError, IntegrityError
from quantlab.store.files import write_bytes

_KINDS = "biufU"  # booleans, integers, reals and text
_TOTAL_LIMIT = 1 << 32


def write_npz(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays to an uncompressed ``.npz`` file atomically; equal arrays, equal bytes.

    Parameters
    ----------
    path : str or Path
        The file to create or replace.
    arrays : Mapping[str, np.ndarray]
        Numbers or text; reals must be finite.

    Raises
    ------
    InputError
        An array holds objects or non-finite reals.
    QuantlabError
        The file system refused; see `quantlab.store.writing`.
    """
    write_bytes(path, npz_bytes(arrays))


def npz_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return the content of the file that `write_npz` writes."""
    for name, array in arrays.items():
        _refuse(name, array)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def write_npy(path: str | Path, array: np.ndarray) -> None:
    """Write one array to an ``.npy`` file atomically; errors as `write_npz`."""
    _refuse(Path(path).stem, array)
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    write_bytes(path, buffer.getvalue())


def _refuse(name: str, array: np.ndarray) -> None:
    fault = _fault(array)
    if fault:
        raise InputError(f"array '{name}' {fault}; nothing is written")


def _fault(array: np.ndarray) -> str:
    if array.dtype.kind not in _KINDS:
        return f"has dtype {array.dtype}, neither numbers nor text"
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return f"holds {int((~np.isfinite(array)).sum())} NaN or infinite values"
    return ""


def read_npz(path: str | Path) -> dict[str, np.ndarray]:
    """Read all arrays of an ``.npz`` file, compressed or not, of at most 4 GiB.

    Every array's header is compared with the size of what follows before memory is taken for it.

    Raises
    ------
    InputError
        The file is missing or too large.
    IntegrityError
        It is no whole ``.npz`` file, or holds objects, which are pickles, or non-finite reals.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > _TOTAL_LIMIT:
                raise InputError(f"{path} holds more than 4 GiB of arrays; split it")
            arrays = {}
            for member in members:
                name = member.filename.removesuffix(".npy")
                with archive.open(member) as file:
                    arrays[name] = _read_member(name, file, member.file_size)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise IntegrityError(f"{path} is damaged or no plain .npz file: {error}") from error
    return arrays


def read_npy(path: str | Path) -> np.ndarray:
    """Read one array of an ``.npy`` file of at most 4 GiB; checked, with errors as `read_npz`."""
    place = Path(path)
    try:
        size = place.stat().st_size
        if size > _TOTAL_LIMIT:
            raise InputError(f"{path} is larger than 4 GiB; split it")
        with place.open("rb") as file:
            return _read_member(place.stem, file, size)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, EOFError) as error:
        raise IntegrityError(f"{path} is damaged or no plain .npy file: {error}") from error


def _read_member(name: str, file: IO[bytes], size: int) -> np.ndarray:
    """Read one array; ValueError when its header does not say what is there."""
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"array '{name}' has the unknown format {version}")
    shape, fortran, dtype = _HEADERS[version](file)
    if dtype.hasobject:
        raise ValueError(f"array '{name}' holds Python objects, which are never loaded")
    length = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if min(shape, default=0) < 0 or file.tell() + length != size:
        raise ValueError(f"array '{name}' of shape {shape}, {dtype}, does not fill its {size} B")
    array = np.ndarray(shape, dtype, bytearray(file.read(length)), order="F" if fortran else "C")
    fault = _fault(array)
    if fault:
        raise ValueError(f"array '{name}' {fault}")
    return array


_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
