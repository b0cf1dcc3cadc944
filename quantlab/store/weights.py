"""Weights that PyTorch saved elsewhere, read without running any code of the file.

Our own files are safetensors; this is for the checkpoints of others. Only tensors and plain
containers come out: with ``weights_only`` `torch.load` builds nothing else.
"""

import re
from pathlib import Path
from typing import Any

from quantlab.errors import ConfigError, InputError, IntegrityError

_LEAST_TORCH = (2, 6)  # earlier weights-only loads could still run code: CVE-2025-32434


def load_torch_weights(path: str | Path) -> Any:
    """Read a ``.pt`` file: tensors on the CPU in the dictionaries and lists that it holds them in.

    Raises
    ------
    InputError
        The file is missing, unreadable or empty.
    IntegrityError
        The file is damaged, or holds something other than tensors and plain values.
    ConfigError
        The installed PyTorch is too old to read such a file safely.
    """
    import numpy as np
    import torch

    source = Path(path)
    if not source.is_file():
        raise InputError(f"{source} is not there; give the checkpoint file")
    if source.stat().st_size == 0:
        raise InputError(f"{source} is empty; download it again")
    try:
        source.open("rb").close()
    except OSError as error:
        raise InputError(f"cannot read {source}: {error.strerror or error}") from error
    version = tuple(int(part) for part in re.findall(r"\d+", torch.__version__)[:2])
    if version < _LEAST_TORCH:
        raise ConfigError(
            f"PyTorch {torch.__version__} cannot read {source} safely; install 2.6 or later"
        )
    # A mean of losses is often a NumPy number; building one runs no code.
    scalar = np.float64(0).__reduce__()[0]
    numbers = [np.dtype, type(np.dtype(np.float32)), type(np.dtype(np.float64))]
    names = [f"numpy.{core}.multiarray.scalar" for core in ("core", "_core")]
    allowed = [*numbers, *((scalar, name) for name in names)]
    try:
        with torch.serialization.safe_globals(allowed):
            return torch.load(source, map_location="cpu", weights_only=True)
    except Exception as error:  # a foreign file can make the reader fail in any way
        raise IntegrityError(
            f"{source} is damaged, or holds more than tensors and plain values, which are all that "
            f"is read: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
        ) from error
