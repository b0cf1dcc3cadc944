"""What other libraries need from us before they compute: the device and the number of threads.

The letters of shapes do not occur here. Nothing heavy is imported until a function needs it.
"""

import contextlib
from collections.abc import Iterator
from typing import Literal

from quantlab.errors import ConfigError

DeviceName = Literal["auto", "cpu", "cuda"]


def choose_device(device: str = "auto") -> str:
    """Resolve a device name.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
        ``auto`` takes the GPU where PyTorch sees one.

    Returns
    -------
    str
        ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    ConfigError
        ``cuda`` was asked for and PyTorch sees none, or the name is unknown.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"device {device!r} is unknown; use auto, cpu or cuda")
    if device == "cpu":
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if device == "cuda":
        raise ConfigError("device cuda was asked for, but PyTorch sees no GPU; use auto or cpu")
    return "cpu"


@contextlib.contextmanager
def single_thread() -> Iterator[None]:
    """Hold BLAS, OpenMP and PyTorch to one thread, so that sums are added in one order.

    Results then do not depend on the number of cores, and parallel workers do not fight for them.
    """
    import sys

    from threadpoolctl import threadpool_limits

    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch is not None else 0
    with threadpool_limits(limits=1):
        if torch is not None:
            torch.set_num_threads(1)
        try:
            yield
        finally:
            if torch is not None:
                torch.set_num_threads(before)
