"""Fixtures for all tests: no network, no user's cache, a seeded generator, the real corpora.

``pytest --regenerate`` writes the golden files anew instead of comparing with them.
"""

import os
import socket
from collections.abc import Callable
from pathlib import Path

# Two test processes on two cores: with two threads each they would wait for one another.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest

CORPORA = Path(__file__).resolve().parents[2] / "shared" / "corpora"
GOLDEN = Path(__file__).resolve().parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--regenerate", action="store_true", help="write the golden files anew, then compare"
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, bytes], bytes]:
    """Return the bytes of a golden file, which are first replaced under ``--regenerate``."""

    def read(name: str, made: bytes) -> bytes:
        path = GOLDEN / name
        if request.config.getoption("--regenerate"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(made)
        return path.read_bytes()

    return read


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(1355)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANTLAB_CACHE", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that leaves this machine."""
    connect = socket.socket.connect

    def local_only(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else ""
        if host not in ("", "127.0.0.1", "::1", "localhost"):
            raise OSError(f"tests use no network, and something connected to {address}")
        connect(self, address)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(socket.socket, "connect", local_only)


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder with real corpora, where it stands beside the checkout."""
    if not CORPORA.is_dir():
        pytest.skip(f"no corpora at {CORPORA}")
    return CORPORA
