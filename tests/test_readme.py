"""The README's Python example runs as printed, and what it points to is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text()


def test_the_python_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    (tmp_path / "checkpoints").symlink_to(ROOT / "checkpoints")
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(compile(code, "README.md", "exec"), names)
    assert names["quantized"].shape == (3236, 480)
    assert "bits per clip" in capsys.readouterr().out
    assert (tmp_path / "runs" / "sad" / "card.json").is_file()


def test_commands_in_the_readme_exist() -> None:
    from quantlab.cli.app import app

    known = {
        command.name or (command.callback.__name__ if command.callback else "").replace("_", "-")
        for command in app.registered_commands
    }
    blocks = "\n".join(re.findall(r"^```\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL))
    assert set(re.findall(r"^quantlab ([\w-]+)", blocks, flags=re.MULTILINE)) == known


def test_make_targets_in_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"make (demo|test|lint|slow|gpu|bench)\b", TEXT)):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_no_placeholder_is_left() -> None:
    assert "@@" not in TEXT


def test_files_in_the_readme_exist() -> None:
    paths = re.findall(r"(?:apps|experiments|checkpoints|tests)/[\w./-]*[\w/]", TEXT)
    for path in paths:
        assert (ROOT / path).exists(), path
