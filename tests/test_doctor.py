"""`quantlab doctor`: never a traceback, whatever is missing."""

import importlib.metadata
import json

import pytest

from quantlab.cli import doctor
from quantlab.errors import EXIT_FAILED, EXIT_OK


def test_everything_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.doctor() == EXIT_OK
    text = capsys.readouterr().out
    for topic in ("Python", "device", "torch", "cache", "embedder functionals"):
        assert topic in text
    assert "480 dimensions" in text
    assert "--download" in text  # no weights of emotion2vec lie in the test's cache
    assert "everything that quantlab needs is here" in text


def test_json_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    doctor.doctor(as_json=True)
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert {check["topic"]: check["state"] for check in checks}["numpy"] == "ok"


def test_what_is_missing_is_said_with_what_to_type(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    version = importlib.metadata.version

    def some(name: str) -> str:
        if name in ("soxr", "ray"):
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", some)
    assert doctor.doctor() == EXIT_FAILED
    text = capsys.readouterr().out
    assert "pip install soxr" in text
    assert "pip install 'quantlab[ray]'" in text
    assert "missing: soxr" in text


def test_a_broken_pytorch_is_a_line_of_the_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> str:
        raise OSError("libtorch.so: cannot open shared object file")

    monkeypatch.setattr("quantlab.compat.describe_device", broken)
    assert doctor.doctor() == EXIT_FAILED
    assert "libtorch.so" in capsys.readouterr().out
