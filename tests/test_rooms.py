"""The rooms of the library: who may import whom, one door per library, small, cheap to import."""

import ast
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "quantlab"

ROOMS = {
    "errors": set(),
    "compat": {"errors"},
    "config": {"errors"},
    "store": {"errors", "config"},
    "engine": {"errors", "config", "store", "compat"},
    "audio": {"errors", "config", "store"},
    "corpora": {"errors", "config", "store", "audio", "engine"},
    "models": {"errors", "compat", "config", "store", "audio", "corpora"},
    "embedders": {"errors", "compat", "config", "store", "engine", "audio", "corpora", "models"},
    "entropy": {"errors", "compat", "config", "store"},
    "codebooks": {"errors", "compat", "config", "store", "entropy"},
    "baselines": {"errors", "config", "entropy", "codebooks"},
    "analysis": {"errors"},
    "sweep": {
        "errors", "config", "store", "engine", "corpora", "embedders", "codebooks", "baselines",
        "analysis",
    },
    "figures": {"errors", "store", "analysis"},
    "synthesis": {
        "errors", "compat", "config", "store", "audio", "embedders", "codebooks", "models",
        "analysis", "figures",
    },
    "cli": {
        "errors", "compat", "config", "store", "engine", "audio", "corpora", "models", "embedders",
        "entropy", "codebooks", "baselines", "analysis", "sweep", "figures", "synthesis",
    },
}  # fmt: skip

DOORS = {
    "vector_quantize_pytorch": {"codebooks"},
    "faiss": {"codebooks"},
    "lightning": {"models", "codebooks"},
    "compressai": {"entropy"},
    "constriction": {"entropy"},
    "librosa": {"audio"},
    "soundfile": {"audio"},
    "soxr": {"audio"},
    "pyworld": {"audio"},
    "plotly": {"figures"},
    "safetensors": {"store"},
    "pyarrow": {"store"},
    "yaml": {"store"},
    "funasr": {"embedders"},
    "transformers": {"embedders"},
    "opensmile": {"embedders"},
    "joblib": {"engine"},
    "ray": {"engine"},
    "rich": {"engine"},
    "typer": {"cli"},
    "streamlit": set(),
    "pickle": set(),
}

HEAVY = (
    "torch",
    "librosa",
    "sklearn",
    "plotly",
    "soundfile",
    "pyworld",
    "joblib",
    "typer",
    "scipy",
    "numba",
    "constriction",
    "compressai",
    "lightning",
    "funasr",
    "transformers",
    "opensmile",
    "ray",
)


def _modules() -> list[Path]:
    outside = {PACKAGE / "__init__.py", PACKAGE / "__main__.py"}
    return sorted(path for path in PACKAGE.rglob("*.py") if path not in outside)


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(path: Path) -> Iterator[str]:
    """Yield every imported module of a file, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module or ""


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_follow_the_table(path: Path) -> None:
    room = _room(path)
    for name in _imports(path):
        parts = name.split(".")
        if parts[0] == "quantlab":
            other = parts[1] if len(parts) > 1 else room
            assert other == room or other in ROOMS[room], f"{room} may not import {other}"
            if other != room:
                assert len(parts) == 2, f"{path}: use the public names of {other}"
        elif parts[0] in DOORS:
            assert room in DOORS[parts[0]], f"{room} may not import {parts[0]}"


@pytest.mark.parametrize("room", ["analysis", "figures"])
def test_rooms_that_pages_need_never_import_torch(room: str) -> None:
    for path in _modules():
        if _room(path) == room:
            assert "torch" not in {name.split(".")[0] for name in _imports(path)}


def test_every_room_is_in_the_table() -> None:
    assert {_room(path) for path in _modules()} <= set(ROOMS)


def test_public_names_of_every_room_exist() -> None:
    import importlib

    for room in {_room(path) for path in _modules()}:
        module = importlib.import_module(f"quantlab.{room}")
        for name in getattr(module, "__all__", []):
            assert hasattr(module, name), f"quantlab.{room} lists {name}"


def test_the_app_uses_public_names_only() -> None:
    for path in sorted((ROOT / "apps").rglob("*.py")):
        for name in _imports(path):
            if name.split(".")[0] == "quantlab":
                assert len(name.split(".")) <= 2, f"{path}: {name} is not public"
            assert name.split(".")[0] != "torch"


@pytest.mark.parametrize(
    "path", [*_modules(), *sorted((ROOT / "apps").rglob("*.py"))], ids=lambda path: path.name
)
def test_modules_are_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 400


def test_import_is_cheap_and_needs_no_network() -> None:
    code = (
        "import socket, sys\n"
        "def refuse(*_): raise OSError('network')\n"
        "socket.socket.connect = refuse\n"
        "import quantlab, quantlab.errors\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not loaded, loaded\n"
        "assert quantlab.Codec and 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("room", ["embedders", "sweep", "synthesis", "cli.app"])
def test_rooms_with_networks_load_none_at_import(room: str) -> None:
    code = (
        f"import sys, quantlab.{room}\n"
        "loaded = [name for name in ('torch', 'plotly', 'lightning') if name in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_top_level_names_are_all_there() -> None:
    import quantlab

    for name in quantlab.__all__:
        assert getattr(quantlab, name) is not None
    assert 10 <= len(quantlab.__all__) <= 20
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = quantlab.nonsense  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.slow
def test_import_takes_less_than_a_second() -> None:
    begin = time.monotonic()
    subprocess.run([sys.executable, "-c", "import quantlab"], check=True)
    assert time.monotonic() - begin < 1.0
