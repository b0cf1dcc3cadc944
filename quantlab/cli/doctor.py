"""`quantlab doctor`: what is installed, what is missing, which device, and what to type."""

import importlib.metadata
import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from quantlab.cli.options import say
from quantlab.errors import EXIT_FAILED, EXIT_OK, QuantlabError

_CORE = (
    "constriction", "joblib", "librosa", "numba", "numpy", "pandas", "plotly", "pyarrow",
    "pydantic", "pyworld", "pyyaml", "rich", "safetensors", "scikit-learn", "scipy", "soundfile",
    "soxr", "torch", "typer", "vector-quantize-pytorch",
)  # fmt: skip
_EXTRAS = {
    "app": ("streamlit", "the app"),
    "baseline": ("compressai", "the learned scalar baseline"),
    "emotion2vec": ("funasr", "emotion2vec embeddings"),
    "opensmile": ("opensmile", "openSMILE features (licensed for research only)"),
    "parallel": ("lightning", "training codebooks in several processes"),
    "png": ("kaleido", "figures as PNG files"),
    "ray": ("ray", "embedding and sweeps on a cluster"),
    "speech-models": ("transformers", "HuBERT and WavLM embeddings"),
}
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_GIB = 1 << 30

State = Literal["ok", "missing", "optional"]


@dataclass(frozen=True)
class Check:
    """One line of the report.

    Attributes
    ----------
    topic : str
        What was looked at.
    state : {"ok", "missing", "optional"}
        Whether it is there, is needed and absent, or could be added.
    found : str
        What was found, a version for instance.
    advice : str
        What to type, where something is to be done.
    """

    topic: str
    state: State
    found: str
    advice: str = ""


def examine() -> list[Check]:
    """Look at this machine and what is installed; nothing is changed and no network used."""
    return [*_machine(), *_packages(), *_embedders()]


def _machine() -> Iterator[Check]:
    version = platform.python_version()
    fits = (3, 11) <= sys.version_info[:2] <= (3, 12)
    yield Check("Python", "ok" if fits else "missing", version, "" if fits else "use 3.11 or 3.12")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Check("processor", "ok", f"{cores} cores, {platform.machine()}, {_memory()}")
    yield _device()
    from quantlab.embedders import default_cache

    for name, folder in (("cache", default_cache()), ("runs", Path("runs").resolve())):
        there = next(place for place in (folder, *folder.parents) if place.is_dir())
        free = shutil.disk_usage(there).free / _GIB
        yield Check(name, "ok", f"{folder}, {free:.0f} GiB free")
    address = os.environ.get("RAY_ADDRESS", "")
    yield Check("Ray", "ok", f"RAY_ADDRESS={address}" if address else "no cluster is named")
    browser = next((found for name in _BROWSERS if (found := shutil.which(name))), "")
    yield Check(
        "browser for PNG",
        "ok" if browser else "optional",
        browser or "none found",
        "" if browser else "install chromium",
    )


def _memory() -> str:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB
    except (ValueError, OSError, AttributeError):
        return "memory unknown"
    return f"{total:.0f} GiB memory"


def _device() -> Check:
    from quantlab.compat import describe_device

    try:
        return Check("device", "ok", describe_device())
    except Exception as error:  # a broken PyTorch can fail in any way, and this is where to say so
        return Check("device", "missing", f"PyTorch cannot be used: {error}", "pip install torch")


def _packages() -> Iterator[Check]:
    for name in _CORE:
        version = _version(name)
        advice = "" if version else f"pip install {name}"
        yield Check(name, "ok" if version else "missing", version or "not installed", advice)
    for extra, (name, purpose) in _EXTRAS.items():
        version = _version(name)
        found = f"{version} ({purpose})" if version else f"not installed: {purpose}"
        advice = "" if version else f"pip install 'quantlab[{extra}]'"
        yield Check(name, "ok" if version else "optional", found, advice)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _embedders() -> Iterator[Check]:
    """Say of each embedder whether it could run here, by asking for its width and its identity."""
    from quantlab.embedders import EMBEDDERS, get_embedder

    for name in EMBEDDERS:
        try:
            made = get_embedder(name)
            dims = made.num_dims("utterance")
            made.fingerprint("utterance")
        except QuantlabError as error:
            reason, _, advice = str(error).partition("; ")
            yield Check(f"embedder {name}", "optional", reason, advice)
        else:
            yield Check(f"embedder {name}", "ok", f"{dims} dimensions")


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Say what is installed, what is missing, which device there is, and what to type."""
    checks = examine()
    broken = [check for check in checks if check.state == "missing"]
    if as_json:
        say(json.dumps({"checks": [asdict(check) for check in checks]}, indent=2))
    else:
        width = max(len(check.topic) for check in checks)
        for check in checks:
            mark = {"ok": "ok", "missing": "!!", "optional": "--"}[check.state]
            say(f"{mark}  {check.topic:<{width}}  {check.found}")
            if check.advice:
                say(f"    {'':<{width}}  → {check.advice}")
        absent = ", ".join(check.topic for check in broken)
        say(f"missing: {absent}" if broken else "everything that quantlab needs is here")
    return EXIT_FAILED if broken else EXIT_OK
