import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantlab.audio import Clip, write_clip
from quantlab.corpora import Manifest, index_corpus
from quantlab.embedders import (
    Embedder,
    Functionals,
    embed_manifest,
    get_embedder,
    open_set,
    write_set,
)
from quantlab.errors import ConfigError, InputError, IntegrityError
from tests.small_study import CARD, make_set


def _items(count: int) -> pd.DataFrame:
    columns = ["corpus", "language", "speaker", "gender", "emotion", "text_id", "sha256", "flags"]
    frame = pd.DataFrame({"item": [f"{row}.wav" for row in range(count)]})
    return frame.assign(duration_s=1.0, **dict.fromkeys(columns, "x"))


def _write(folder: Path, arrays: list[np.ndarray], dtype: str = "float32") -> None:
    card = {**CARD, "level": "frame"}
    write_set(folder, _items(len(arrays)), arrays, card=card, dtype=dtype)  # pyright: ignore


def test_frames_come_back_in_any_order_across_shards(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quantlab.embedders.writer._SHARD_BYTES", 60)
    arrays = [rng.normal(size=(length, 3)).astype(np.float32) for length in (4, 1, 9, 2, 30, 5)]
    _write(tmp_path / "s", arrays)
    opened = open_set(tmp_path / "s", verify=True)
    assert len(opened.shards) > 2
    assert (opened.num_items, opened.num_dims, opened.level) == (6, 3, "frame")
    order = [4, 0, 5, 2]
    frames = opened.frames(order)
    assert np.array_equal(frames.values, np.concatenate([arrays[row] for row in order]))
    assert frames.offsets.tolist() == [0, 30, 34, 39, 48]
    every = np.concatenate(arrays)
    assert np.array_equal(opened.take(np.array([50, 0, 7])), every[[50, 0, 7]])
    means = np.stack([array.mean(axis=0) for array in arrays])
    assert np.allclose(opened.time_means(), means, atol=1e-6)


def test_half_precision_keeps_three_digits(tmp_path: Path, rng: np.random.Generator) -> None:
    array = rng.normal(size=(20, 4))
    _write(tmp_path / "s", [array], dtype="float16")
    assert open_set(tmp_path / "s").frames().values == pytest.approx(array, rel=1e-3, abs=1e-3)


def test_the_fingerprint_follows_vectors_and_labels(tmp_path: Path) -> None:
    make_set(tmp_path / "a")
    make_set(tmp_path / "b")
    make_set(tmp_path / "c", seed=1)
    prints = [open_set(tmp_path / name).fingerprint for name in "abc"]
    assert prints[0] == prints[1] != prints[2]


@pytest.mark.parametrize(
    ("arrays", "dtype", "message"),
    [
        ([np.ones((2, 3)), np.ones((2, 4))], "float32", r"expected \[T, 3\]"),
        ([np.ones((0, 3))], "float32", r"shape \(0, 3\)"),
        ([np.full((1, 3), np.nan)], "float32", "cannot hold"),
        ([np.full((1, 3), 1e6)], "float16", "float16 cannot hold"),
    ],
)
def test_bad_embeddings_are_refused(
    tmp_path: Path, arrays: list[np.ndarray], dtype: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        _write(tmp_path / "s", arrays, dtype)
    with pytest.raises(InputError, match="holds no embedding set"):
        open_set(tmp_path / "s")


def test_counts_and_names_must_fit(tmp_path: Path) -> None:
    card = {**CARD, "level": "utterance"}
    with pytest.raises(InputError, match="1 embeddings for 2 items"):
        write_set(tmp_path / "s", _items(2), [np.ones((1, 3))], card=card)
    twice = _items(2).assign(item="same")
    with pytest.raises(InputError, match="item names repeat: same"):
        write_set(tmp_path / "s", twice, [np.ones((1, 3))] * 2, card=card)


def _damage(folder: Path, kind: str) -> None:
    shard = next((folder / "shards").iterdir())
    if kind == "flip":
        data = bytearray(shard.read_bytes())
        data[-9] ^= 4
        shard.write_bytes(bytes(data))
    elif kind == "missing":
        shard.unlink()
    elif kind == "format":
        card = json.loads((folder / "card.json").read_text())
        (folder / "card.json").write_text(json.dumps({**card, "format": 99}))
    elif kind == "items":
        (folder / "items.parquet").write_bytes(b"")
    else:
        (folder / "card.json").write_text("{")


@pytest.mark.parametrize("kind", ["flip", "missing", "format", "items", "card"])
def test_a_damaged_set_is_refused(tmp_path: Path, kind: str) -> None:
    make_set(tmp_path / "s")
    _damage(tmp_path / "s", kind)
    with pytest.raises((IntegrityError, InputError)):
        open_set(tmp_path / "s")


def _corpus(folder: Path, count: int = 3) -> Manifest:
    rng = np.random.default_rng(0)
    for speaker in ("a", "b"):
        for clip in range(count):
            path = folder / speaker / ("sad" if clip % 2 else "happy") / f"{clip}.wav"
            write_clip(path, 0.2 * rng.normal(size=8000))
    return index_corpus(folder).manifest


class _Counting(Functionals):
    calls = 0

    def embed(self, clip: Clip, *, level: str) -> np.ndarray:  # pyright: ignore
        _Counting.calls += 1
        return super().embed(clip, level=level)  # pyright: ignore


def test_a_second_run_embeds_nothing_again(tmp_path: Path) -> None:
    manifest = _corpus(tmp_path / "c")
    _Counting.calls = 0
    for name in ("one", "two"):
        done = embed_manifest(manifest, _Counting(), tmp_path / name, progress=False)
    assert _Counting.calls == 6
    assert len(done.skipped) == 0
    one, two = (open_set(tmp_path / name) for name in ("one", "two"))
    assert one.fingerprint == two.fingerprint
    assert one.card["embedder"]["name"] == "functionals"


def test_equal_content_under_two_names_is_embedded_once(tmp_path: Path) -> None:
    _corpus(tmp_path / "c")
    copied = tmp_path / "c" / "b" / "happy" / "0.wav"
    copied.write_bytes((tmp_path / "c" / "a" / "happy" / "0.wav").read_bytes())
    _Counting.calls = 0
    done = embed_manifest(
        index_corpus(tmp_path / "c").manifest, _Counting(), tmp_path / "s", progress=False
    )
    assert _Counting.calls == 5
    assert done.embeddings.num_items == 6


def test_a_damaged_cache_entry_is_made_anew(tmp_path: Path) -> None:
    manifest = _corpus(tmp_path / "c")
    first = embed_manifest(manifest, Functionals(), tmp_path / "s", progress=False)
    entries = sorted((tmp_path / "cache").rglob("*.safetensors"))
    assert len(entries) == 6
    entries[0].write_bytes(b"damaged")
    again = embed_manifest(manifest, Functionals(), tmp_path / "s", progress=False)
    assert again.embeddings.fingerprint == first.embeddings.fingerprint


def test_bad_and_silent_clips_are_skipped_with_reasons(tmp_path: Path) -> None:
    manifest = _corpus(tmp_path / "c")
    (tmp_path / "c" / "a" / "sad" / "1.wav").write_bytes(b"changed after indexing")
    (tmp_path / "c" / "b" / "sad" / "1.wav").unlink()
    done = embed_manifest(manifest, Functionals(), tmp_path / "s", progress=False)
    assert done.embeddings.num_items == 4
    assert dict(zip(done.skipped["path"], done.skipped["error"], strict=True)) == {
        "a/sad/1.wav": "IntegrityError",
        "b/sad/1.wav": "InputError",
    }
    write_clip(tmp_path / "c" / "a" / "happy" / "0.wav", np.zeros(8000))
    silent = index_corpus(tmp_path / "c", unknown_emotions="skip").manifest
    done = embed_manifest(silent, Functionals(), tmp_path / "s", progress=False)
    assert "silent" in " ".join(done.skipped["reason"])


def test_nothing_to_embed(tmp_path: Path) -> None:
    manifest = _corpus(tmp_path / "c", count=1)
    for path in (tmp_path / "c").rglob("*.wav"):
        path.unlink()
    with pytest.raises(InputError, match="none of 2 clips could be embedded"):
        embed_manifest(manifest, Functionals(), tmp_path / "s", progress=False)


def test_workers_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = _corpus(tmp_path / "c", count=5)
    prints = []
    for workers in (1, 2):
        monkeypatch.setenv("QUANTLAB_CACHE", str(tmp_path / f"cache{workers}"))
        done = embed_manifest(
            manifest, Functionals(), tmp_path / "s", workers=workers, progress=False
        )
        prints.append(done.embeddings.fingerprint)
    assert prints[0] == prints[1]


def test_embedders_are_found_by_name() -> None:
    embedder: Embedder = get_embedder("functionals")
    assert embedder.card()["trained_on"] == []
    with pytest.raises(ConfigError, match="'magic' is unknown; available: functionals"):
        get_embedder("magic")
    with pytest.raises(ConfigError, match="embedder functionals: unknown key 'nonsense'"):
        get_embedder("functionals", {"nonsense": 1})
