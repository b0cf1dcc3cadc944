"""Features from elsewhere: every form gives the same set, and nothing pickled is opened."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from quantlab.corpora import Manifest
from quantlab.embedders import import_features
from quantlab.errors import ConfigError, InputError

KEYS = ("Ses01F_impro01_F000", "Ses01F_impro01_M000", "Ses02F_script01_1_F001")


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    items = pd.DataFrame(
        {
            "path": [f"wav/{key}.wav" for key in KEYS],
            "corpus": "iemocap",
            "speaker": ["Ses01F", "Ses01M", "Ses02F"],
            "emotion": ["neutral", "happy", "sad"],
        }
    )
    return Manifest(tmp_path, items)


@pytest.fixture
def frames() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {key: rng.normal(size=(3 + row, 8)).astype(np.float32) for row, key in enumerate(KEYS)}


def _write(folder: Path, form: str, frames: dict[str, np.ndarray]) -> Path:
    folder.mkdir(exist_ok=True)
    if form in ("npy", "ev2-frame"):
        ending = "_ev2_frame" if form == "ev2-frame" else ""
        for key, array in frames.items():
            place = folder / "IEMOCAP" / "neutral"
            place.mkdir(parents=True, exist_ok=True)
            np.save(place / f"{key}{ending}.npy", array)
        return folder
    if form == "downstream":
        np.save(folder / "train.npy", np.concatenate(list(frames.values())))
        lengths = "\n".join(str(len(array)) for array in frames.values())
        (folder / "train.lengths").write_text(lengths + "\n")
        (folder / "train.emo").write_text("".join(f"{key} neu\n" for key in frames))
        return folder / "train.npy"
    if form == "safetensors":
        save_file(frames, folder / "all.safetensors")
        return folder / "all.safetensors"
    rows = [{"item": f"{key}.wav", "vector": list(array.mean(axis=0))} for key, array in
            frames.items()]  # fmt: skip
    pd.DataFrame(rows).to_parquet(folder / "all.parquet")
    return folder / "all.parquet"


@pytest.mark.parametrize("form", ["npy", "ev2-frame", "downstream", "safetensors"])
def test_frames_of_every_form_come_in(
    form: str, manifest: Manifest, frames: dict[str, np.ndarray], tmp_path: Path
) -> None:
    source = _write(tmp_path / "in", form, frames)
    done = import_features(
        source, manifest, tmp_path / "set", form=form, licence="USC", embedder_name="emotion2vec"
    )  # pyright: ignore
    opened = done.embeddings
    assert len(done.skipped) == 0
    assert (opened.level, opened.num_dims) == ("frame", 8)
    assert opened.items["emotion"].tolist() == ["neutral", "happy", "sad"]
    expected = np.concatenate([frames[key] for key in KEYS])
    assert opened.frames().values == pytest.approx(expected, abs=2e-3)
    assert opened.card["embedder"]["trained_on_known"] is False
    assert opened.card["licence"] == "USC"


def test_vectors_of_parquet_come_in(
    manifest: Manifest, frames: dict[str, np.ndarray], tmp_path: Path
) -> None:
    means = np.stack([frames[key].mean(axis=0) for key in KEYS])
    source = _write(tmp_path / "in", "parquet", frames)
    done = import_features(source, manifest, tmp_path / "set", form="parquet")
    assert done.embeddings.level == "utterance"
    assert np.array_equal(done.embeddings.frames().values, means)
    wide = pd.DataFrame(means, columns=[f"f{d}" for d in range(8)]).assign(key=list(KEYS))
    wide.to_parquet(tmp_path / "wide.parquet")
    again = import_features(tmp_path / "wide.parquet", manifest, tmp_path / "b", form="parquet")
    assert np.array_equal(again.embeddings.frames().values, means)


def test_what_cannot_be_used_is_left_out_with_its_reason(
    manifest: Manifest, frames: dict[str, np.ndarray], tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    np.save(folder / f"{KEYS[0]}.npy", frames[KEYS[0]])
    np.save(folder / f"{KEYS[1]}.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.save(folder / f"{KEYS[2]}.npy", np.full((2, 8), np.nan, np.float32))
    np.save(folder / "stranger.npy", frames[KEYS[0]])
    done = import_features(folder, manifest, tmp_path / "set", form="npy")
    reasons = dict(zip(done.skipped["path"], done.skipped["reason"], strict=True))
    assert done.embeddings.num_items == 1
    assert "no plain NumPy array" in reasons[KEYS[1]]
    assert "NaN" in reasons[KEYS[2]]
    assert "no clip of this name" in reasons["stranger"]
    np.save(folder / f"{KEYS[1]}.npy", np.ones((2, 5), np.float32))
    (folder / f"{KEYS[2]}.npy").unlink()
    done = import_features(folder, manifest, tmp_path / "set", form="npy")
    reasons = dict(zip(done.skipped["path"], done.skipped["reason"], strict=True))
    assert "5 dimensions" in reasons[KEYS[1]]
    assert "no features" in reasons[f"wav/{KEYS[2]}.wav"]
    (folder / f"{KEYS[0]}.npy").write_bytes((folder / f"{KEYS[0]}.npy").read_bytes()[:90])
    (folder / f"{KEYS[1]}.npy").write_bytes(b"")
    with pytest.raises(InputError, match="none of 3 features"):
        import_features(folder, manifest, tmp_path / "set", form="npy")


def test_ambiguous_and_absent_sources_are_refused(
    manifest: Manifest, frames: dict[str, np.ndarray], tmp_path: Path
) -> None:
    twice = pd.DataFrame(
        {"path": ["a/x.wav", "b/x.wav"], "speaker": "s", "emotion": "sad", "corpus": "c"}
    )
    save_file({"x": np.ones((1, 2), np.float32)}, tmp_path / "x.safetensors")
    with pytest.raises(InputError, match=r"fit 2 clips \(a/x, b/x\)"):
        import_features(
            tmp_path / "x.safetensors",
            Manifest(tmp_path, twice),
            tmp_path / "o",
            form="safetensors",
        )
    save_file({"b/x": np.ones((1, 2), np.float32)}, tmp_path / "y.safetensors")
    done = import_features(
        tmp_path / "y.safetensors", Manifest(tmp_path, twice), tmp_path / "o", form="safetensors"
    )
    assert done.embeddings.items["item"].tolist() == ["b/x.wav"]
    with pytest.raises(InputError, match="not a folder"):
        import_features(tmp_path / "nowhere", manifest, tmp_path / "o", form="npy")
    with pytest.raises(ConfigError, match="form 'pickle'"):
        import_features(tmp_path, manifest, tmp_path / "o", form="pickle")  # pyright: ignore
    source = _write(tmp_path / "d", "downstream", frames)
    (tmp_path / "d" / "train.lengths").write_text("3\n4\n")
    with pytest.raises(InputError, match="2 lengths"):
        import_features(source, manifest, tmp_path / "o", form="downstream")
    (tmp_path / "d" / "train.lengths").write_text("3\n4\n9\n")
    with pytest.raises(InputError, match="add up to 16"):
        import_features(source, manifest, tmp_path / "o", form="downstream")
