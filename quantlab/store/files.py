"""Atomic writes, checksums, locks and safe paths.

A write goes to a temporary file in the same directory, is flushed to disk and then renamed over
the target, so a reader sees the old file or the new one and never a torn one.
"""

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from quantlab.errors import InputError, QuantlabError

TEMP_SUFFIX = ".qltmp"
_STALE_AFTER_S = 3600.0
_FILE_MODE = 0o644
_HASH_BLOCK = 1 << 20
_LOCK_POLL_S = 0.1


@contextlib.contextmanager
def writing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path to write to, and rename it to `path` when the block ends well.

    Parameters
    ----------
    path : str or Path
        The file to create or replace. Missing parent directories are made.

    Yields
    ------
    Path
        A temporary path in the same directory. It is gone afterwards whatever happens.

    Raises
    ------
    QuantlabError
        The file system refused (full, read-only, no permission). The old content is untouched.
    """
    target = Path(path)
    temp = target.with_name(f".{os.getpid()}-{secrets.token_hex(6)}{TEMP_SUFFIX}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temp
        os.chmod(temp, _FILE_MODE)  # safetensors makes files that only their owner can read
        _sync(temp)
        os.replace(temp, target)
        _sync(target.parent)
    except OSError as error:
        raise QuantlabError(_explain(target, error)) from error
    finally:
        with contextlib.suppress(OSError):
            temp.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _explain(target: Path, error: OSError) -> str:
    place = target.parent
    while not place.exists() and place != place.parent:
        place = place.parent
    free_mib = shutil.disk_usage(place).free / 2**20
    reason = error.strerror or str(error)
    return (
        f"could not write {target}: {reason} ({free_mib:.0f} MiB free there); "
        "what stood there before is unchanged. Free space or choose another place, then run again"
    )


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write `data` to `path` atomically; see `writing` for errors."""
    with writing(path) as temp, open(temp, "wb") as file:
        file.write(data)


def read_bytes(path: str | Path) -> bytes:
    """Return the content of a file; InputError when it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8 with Unix line ends to `path` atomically; see `writing` for errors."""
    write_bytes(path, text.encode())


def sweep_stale(directory: str | Path) -> int:
    """Remove temporary files that a killed process left in `directory` more than an hour ago.

    Returns
    -------
    int
        How many were removed.
    """
    removed = 0
    for temp in Path(directory).glob(f".*{TEMP_SUFFIX}"):
        with contextlib.suppress(OSError):
            if time.time() - temp.stat().st_mtime > _STALE_AFTER_S:
                temp.unlink()
                removed += 1
    return removed


def sha256_bytes(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 hexadecimal characters."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: str | Path) -> str:
    """Return the SHA-256 of a file's content, read in blocks.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(_HASH_BLOCK):
                digest.update(block)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    return digest.hexdigest()


@contextlib.contextmanager
def lock(path: str | Path, *, wait_s: float = 0.0) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`, so that two processes do not do one job twice.

    The lock is the operating system's and ends with the process, so a crash leaves nothing stale.

    Parameters
    ----------
    path : str or Path
        The file, made if needed.
    wait_s : float
        How long to wait for another process, in seconds.

    Raises
    ------
    QuantlabError
        Another process still holds the lock.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target, "a") as file:
        deadline = time.monotonic() + wait_s
        while not _locked(file):
            if time.monotonic() >= deadline:
                raise QuantlabError(
                    f"another quantlab process is working in {target.parent}; "
                    "wait until it has finished, then run the command again"
                )
            time.sleep(_LOCK_POLL_S)
        yield


def _locked(file: TextIO) -> bool:
    """Lock an open file; return False where another process holds it."""
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


_DRIVE = re.compile(r"^[A-Za-z]:")
_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")


def resolve_under(root: str | Path, relative: str) -> Path:
    """Resolve a path from a table so that it can only name something under `root`.

    Parameters
    ----------
    root : str or Path
        The directory that must contain the result.
    relative : str
        A relative path with forward slashes.

    Returns
    -------
    Path
        The absolute path, symbolic links resolved.

    Raises
    ------
    InputError
        The path is empty, absolute, a URL, a home or drive path, holds a NUL or backslash, or leads
        out of `root`, through a symbolic link for instance.
    """
    reason = _unsafe(relative)
    if reason:
        raise InputError(f"path {relative!r} {reason}; give a path relative to {root}")
    base = Path(root).resolve()
    try:
        resolved = (base / relative).resolve()
    except (OSError, RuntimeError) as error:  # Python 3.11 raises RuntimeError on a loop of links
        raise InputError(f"path {relative!r} cannot be resolved: {error}") from error
    if not resolved.is_relative_to(base):
        raise InputError(f"path {relative!r} leads out of {root}; only files under it are read")
    return resolved


def _unsafe(relative: str) -> str:
    if not relative.strip():
        return "is empty"
    if "\0" in relative:
        return "holds a NUL character"
    if _URL.match(relative):
        return "is a URL, and only local files are read"
    if "\\" in relative or _DRIVE.match(relative):
        return "is a Windows path (backslash or drive letter)"
    if relative.startswith("~"):
        return "starts with '~'"
    if relative.startswith("/"):
        return "is absolute"
    return ""
