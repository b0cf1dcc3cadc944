"""What other libraries need from us before they compute: device, threads, a torchvision that loads.

The letters of shapes do not occur here. Nothing heavy is imported until a function needs it.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, Literal

from quantlab.errors import ConfigError

DeviceName = Literal["auto", "cpu", "cuda"]
_DECLARED: list[Any] = []


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


def describe_device() -> str:
    """Say in a few words which device ``auto`` takes, and which PyTorch drives it."""
    import torch

    if not torch.cuda.is_available():
        return f"CPU, PyTorch {torch.__version__}"
    properties = torch.cuda.get_device_properties(0)
    half = "bfloat16" if torch.cuda.is_bf16_supported() else "no bfloat16"
    return (
        f"{properties.name}, {properties.total_memory / (1 << 30):.0f} GiB, {half}, "
        f"PyTorch {torch.__version__}"
    )


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


def heal_torchvision() -> None:
    """Let torchvision be imported beside a build of PyTorch that its operators do not fit.

    torchvision describes two of its operators to PyTorch as it is imported, and fails when the
    library that holds them cannot be loaded. Then their schemas are declared here, without code
    behind them: who calls them still gets an error, and all that only needs the import works. Call
    it before the first import of whatever imports torchvision. Where the library loads, or there is
    no torchvision, nothing is done.
    """
    import importlib.util
    import sys
    from pathlib import Path

    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None or _DECLARED or "torchvision" in sys.modules:
        return
    import torch

    try:
        torch.ops.load_library(str(Path(found.origin).with_name("_C.so")))
    except (OSError, ImportError):
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _DECLARED.append(library)  # the declarations live as long as this object
