"""Clips found by the hash of their bytes, whatever lies beside the manifests."""

from pathlib import Path

import pandas as pd
import pytest

from quantlab.audio import read_clip, write_clip
from quantlab.corpora import ClipShelf, Manifest, manifest_files
from quantlab.errors import InputError, IntegrityError
from tests.synthetic_voice import synthetic_voice


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "corpus"
    root.mkdir()
    rows = []
    for place, pitch in enumerate((120.0, 200.0)):
        path = root / f"{place}.wav"
        write_clip(path, synthetic_voice(pitch_hz=pitch))
        sha256 = read_clip(path).sha256
        rows.append({"path": path.name, "speaker": "s", "emotion": "sad", "sha256": sha256})
    runs = tmp_path / "runs"
    (runs / "study").mkdir(parents=True)
    Manifest(root, pd.DataFrame(rows[:1])).save(runs / "first.parquet")
    Manifest(root, pd.DataFrame(rows)).save(runs / "study" / "manifest.parquet")
    (runs / "other.parquet").write_bytes(b"no table")
    return runs


def test_manifests_of_a_folder_are_found_by_their_names(folder: Path) -> None:
    shelf = ClipShelf.of(manifest_files(folder))
    assert sorted(shelf.manifests) == ["first", "study"]
    for row, sha256 in enumerate(shelf.manifests["study"].items["sha256"]):
        assert shelf.read(sha256).sha256 == sha256
        assert shelf.places[sha256] == ("study", row)


def test_unknown_and_changed_clips_are_explained(folder: Path) -> None:
    shelf = ClipShelf.of(manifest_files(folder))
    with pytest.raises(InputError, match="quantlab index"):
        shelf.read("0" * 64)
    sha256, changed = shelf.manifests["study"].items["sha256"]
    write_clip(shelf.manifests["study"].root / "0.wav", synthetic_voice(pitch_hz=90.0))
    with pytest.raises(IntegrityError, match="has changed"):
        shelf.read(sha256)
    (shelf.manifests["study"].root / "1.wav").unlink()
    with pytest.raises(InputError):
        shelf.read(changed)
