"""Embedding sets at any size: resuming, joining, classifiers, what is read and what is not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantlab.audio import write_clip
from quantlab.corpora import Manifest, index_corpus
from quantlab.embedders import (
    EmbeddingSet,
    Functionals,
    Head,
    embed_manifest,
    join_sets,
    open_set,
    open_sets,
    write_set,
)
from quantlab.errors import InputError, IntegrityError
from tests.small_study import CARD

SMALL_SHARDS = "quantlab.embedders.writer._SHARD_BYTES"


def _items(count: int, corpus: str = "a") -> pd.DataFrame:
    names = [f"{row:05d}.wav" for row in range(count)]
    return pd.DataFrame({"item": names, "corpus": corpus, "speaker": "s", "emotion": "sad"})


def _card(**values: object) -> dict[str, object]:
    return {**CARD, "level": "frame", "corpora": ["a"], "licence": "CC0", **values}


def _arrays(count: int, dims: int = 3, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(1 + row % 5, dims)).astype(np.float32) for row in range(count)]


def _bytes(folder: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".safetensors", ".parquet")
    }


def test_an_unfinished_set_is_finished_from_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SMALL_SHARDS, 100)
    arrays, asked = _arrays(40), []

    def broken(start: int):
        for row in range(start, 40):
            if row == 25:
                raise OSError("no space left")
            yield arrays[row]

    def whole(start: int):
        asked.append(start)
        return arrays[start:]

    write_set(tmp_path / "straight", _items(40), arrays, card=_card())
    with pytest.raises(OSError, match="no space"):
        write_set(tmp_path / "set", _items(40), broken, card=_card(), job="one")
    with pytest.raises(InputError, match="holds no embedding set"):
        open_set(tmp_path / "set")
    write_set(tmp_path / "set", _items(40), whole, card=_card(), job="one")
    assert 10 < asked[0] < 26
    assert _bytes(tmp_path / "set") == _bytes(tmp_path / "straight")
    assert open_set(tmp_path / "set").fingerprint == open_set(tmp_path / "straight").fingerprint
    assert not list((tmp_path / "set" / "shards").glob("*.json"))


def test_shards_of_another_job_are_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SMALL_SHARDS, 100)
    with pytest.raises(InputError, match="embeddings for 40 items"):
        write_set(tmp_path / "set", _items(40), lambda _: _arrays(30), card=_card(), job="one")
    asked = []

    def other(start: int):
        asked.append(start)
        return _arrays(10, seed=1)

    write_set(tmp_path / "set", _items(10), other, card=_card(), job="two")
    assert asked == [0]
    frames = open_set(tmp_path / "set", verify=True).frames()
    assert frames.values == pytest.approx(np.concatenate(_arrays(10, seed=1)), abs=2e-3)


KILLED = """
import sys, time
import numpy as np, pandas as pd
import quantlab.embedders.writer as writer
writer._SHARD_BYTES = 2000
def frames(start):
    for row in range(start, 400):
        time.sleep(0.005)
        yield np.random.default_rng(row).normal(size=(1 + row % 7, 16))
items = pd.DataFrame({"item": [str(row) for row in range(400)]})
writer.write_set(sys.argv[1], items, frames, card={"level": "frame"}, job="job")
"""


def test_a_kill_in_the_middle_costs_at_most_a_shard(tmp_path: Path) -> None:
    def run(folder: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / folder)])

    assert run("straight").wait(60) == 0
    killed = run("killed")
    journal = tmp_path / "killed" / "shards" / "unfinished.json"
    deadline = time.monotonic() + 60
    while not journal.is_file() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.3)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait(60) == -signal.SIGKILL
    there = sorted((tmp_path / "killed" / "shards").glob("*.safetensors"))
    assert there
    before = {path.name: path.stat().st_mtime_ns for path in there[:-1]}
    assert run("killed").wait(60) == 0
    assert _bytes(tmp_path / "killed") == _bytes(tmp_path / "straight")
    for name, stamp in before.items():
        assert (tmp_path / "killed" / "shards" / name).stat().st_mtime_ns == stamp


MEMORY = """
import sys, threading, time
import numpy as np, pandas as pd
import quantlab.embedders as embedders
import quantlab.embedders.writer as writer
writer._SHARD_BYTES = 4 << 20
count, folder = int(sys.argv[1]), sys.argv[2]
def anonymous():
    for line in open("/proc/self/status"):
        if line.startswith("RssAnon"):
            return int(line.split()[1])
block = np.random.default_rng(0).normal(size=(100, 256)).astype(np.float16)
embedders.write_set(folder, pd.DataFrame({"item": ["x"]}), [block[:1]], card={"level": "frame"})
peak, stop = anonymous(), False
start = peak
def watch():
    global peak
    while not stop:
        peak = max(peak, anonymous())
        time.sleep(0.005)
thread = threading.Thread(target=watch)
thread.start()
items = pd.DataFrame({"item": [str(row) for row in range(count)]})
embedders.write_set(folder, items, (block for _ in range(count)), card={"level": "frame"})
opened = embedders.open_set(folder, verify=False)
opened.time_means()
opened.frames(np.arange(0, count, 97))
stop = True
thread.join()
print((peak - start) / 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="needs /proc")
def test_memory_does_not_grow_with_the_set(tmp_path: Path) -> None:
    def grown(count: int) -> float:
        command = [sys.executable, "-c", MEMORY, str(count), str(tmp_path / "set")]
        return float(subprocess.run(command, check=True, capture_output=True).stdout)

    # 100 frames of 512 bytes each: 5 and 100 MiB on disk.
    assert grown(2000) < grown(100) + 40


def test_time_means_are_exact_for_sets_of_many_frames(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    lengths = [1, 20_000, 3, 16_384, 5]
    arrays = [rng.normal(size=(length, 2)).astype(np.float32) for length in lengths]
    write_set(tmp_path / "set", _items(5), arrays, card=_card(), dtype="float32")
    expected = np.stack([array.mean(axis=0, dtype=np.float64) for array in arrays])
    assert open_set(tmp_path / "set").time_means() == pytest.approx(expected, abs=1e-6)


def _head() -> Head:
    weight = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 2.0]])
    return Head(("happy", "sad", "unknown"), weight, np.array([0.0, 0.5, -1.0]))


def test_the_classifier_is_kept_beside_the_vectors(tmp_path: Path) -> None:
    arrays = _arrays(4)
    means = np.stack([array.mean(axis=0) for array in arrays])
    posteriors = _head().probabilities(means)
    write_set(
        tmp_path / "set", _items(4), arrays, card=_card(), head=_head(), posteriors=posteriors
    )
    opened = open_set(tmp_path / "set")
    assert opened.head is not None
    assert opened.posteriors is not None
    assert opened.head.classes == ("happy", "sad", "unknown")
    assert opened.posteriors["item"].tolist() == opened.items["item"].tolist()
    assert opened.posteriors[["happy", "sad", "unknown"]].to_numpy() == pytest.approx(posteriors)
    two = opened.head.probabilities(means, ["sad", "happy"])
    assert two == pytest.approx(posteriors[:, [1, 0]] / posteriors[:, :2].sum(axis=1)[:, None])
    with pytest.raises(InputError, match="no class fear"):
        opened.head.probabilities(means, ["fear"])
    with pytest.raises(InputError, match=r"\[N, 3\]"):
        opened.head.probabilities(means[:, :2])
    with pytest.raises(InputError, match="posteriors have shape None"):
        write_set(tmp_path / "set", _items(4), arrays, card=_card(), head=_head())
    data = bytearray((tmp_path / "set" / "head.safetensors").read_bytes())
    data[-1] ^= 1
    write_set(
        tmp_path / "set", _items(4), arrays, card=_card(), head=_head(), posteriors=posteriors
    )
    (tmp_path / "set" / "head.safetensors").write_bytes(bytes(data))
    with pytest.raises(IntegrityError, match=r"head.safetensors"):
        open_set(tmp_path / "set")
    write_set(tmp_path / "set", _items(4), arrays, card=_card())
    assert not (tmp_path / "set" / "posteriors.parquet").exists()


def _set(folder: Path, corpus: str, seed: int = 0, **card: object) -> EmbeddingSet:
    about = _card(corpora=[corpus], licence=f"licence of {corpus}", **card)
    write_set(folder, _items(4, corpus), _arrays(4, seed=seed), card=about, dtype="float32")
    return open_set(folder)


def test_joined_sets_read_like_one(tmp_path: Path) -> None:
    one, two = _set(tmp_path / "all" / "a", "a"), _set(tmp_path / "all" / "b", "b", seed=1)
    joined = join_sets([one, two])
    assert joined.num_items == 8
    assert joined.items["item"].tolist()[:2] == ["a/00000.wav", "a/00001.wav"]
    assert joined.card["corpora"] == ["a", "b"]
    assert joined.card["licence"] == "licence of a; licence of b"
    expected = np.concatenate([*_arrays(4), *_arrays(4, seed=1)])
    assert np.array_equal(joined.frames().values, expected)
    assert np.array_equal(joined.frames([6, 1]).values, np.concatenate(
        [_arrays(4, seed=1)[2], _arrays(4)[1]]))  # fmt: skip
    assert np.array_equal(joined.take(np.array([0, len(expected) - 1])), expected[[0, -1]])
    assert open_sets(tmp_path / "all").fingerprint == joined.fingerprint
    listed = open_sets([tmp_path / "all" / "b", tmp_path / "all" / "a"])
    assert listed.fingerprint != joined.fingerprint
    assert open_sets(tmp_path / "all" / "a").fingerprint == one.fingerprint
    assert join_sets([one]) is one


def test_sets_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    one = _set(tmp_path / "a", "a")
    other = _set(tmp_path / "b", "b", embedder={**CARD["embedder"], "version": 9})
    with pytest.raises(InputError, match="differ in version"):
        join_sets([one, other])
    frames = _arrays(4, dims=5)
    write_set(tmp_path / "wide", _items(4), frames, card=_card())
    with pytest.raises(InputError, match="differ in num_dims: 3 and 5"):
        join_sets([one, open_set(tmp_path / "wide")])
    with pytest.raises(InputError, match="under one corpus"):
        join_sets([one, one])
    with pytest.raises(InputError, match="no embedding set"):
        open_sets([])


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    folder = tmp_path / "corpus"
    for speaker in ("a", "b"):
        for emotion in ("happy", "sad"):
            place = folder / speaker / emotion
            place.mkdir(parents=True)
            seconds = np.arange(8000) / 16000
            tone = 0.3 * np.sin(2 * np.pi * (150 + 80 * rng.random()) * seconds)
            write_clip(place / "x.wav", tone.astype(np.float32))
    return folder


def _embed(corpus: Path, out: Path, **options: object) -> tuple[Manifest, EmbeddingSet]:
    manifest = index_corpus(corpus).manifest
    done = embed_manifest(manifest, Functionals(), out, progress=False, **options)  # pyright: ignore
    return manifest, done.embeddings


class _Counting(Functionals):
    """Counts what it embeds."""

    embedded: int = 0

    def embed_batch(self, clips, *, level):
        type(self).embedded += len(clips)
        return super().embed_batch(clips, level=level)


def test_an_unchanged_corpus_is_not_opened_again(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, first = _embed(corpus, tmp_path / "one")
    assert first.items["emotion_raw"].tolist() == manifest.items["emotion_raw"].tolist()

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a clip was opened")

    with monkeypatch.context() as patch:
        patch.setattr(Manifest, "read_clip", refuse)
        again = embed_manifest(manifest, Functionals(), tmp_path / "two", progress=False)
        assert again.embeddings.fingerprint == first.fingerprint
        with pytest.raises(Exception, match="a clip was opened"):
            embed_manifest(manifest, Functionals(), tmp_path / "3", verify=True, progress=False)
    more = corpus / "a" / "sad" / "y.wav"
    write_clip(more, (0.2 * np.sin(np.arange(6000) / 9)).astype(np.float32))
    _Counting.embedded = 0
    grown = index_corpus(corpus, previous=manifest).manifest
    embed_manifest(grown, _Counting(), tmp_path / "four", progress=False)
    assert _Counting.embedded == 1


def test_changed_files_are_told_apart(corpus: Path, tmp_path: Path) -> None:
    manifest, _ = _embed(corpus, tmp_path / "one")
    target = corpus / "a" / "sad" / "x.wav"
    status = target.stat()
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))
    touched = embed_manifest(manifest, Functionals(), tmp_path / "two", progress=False)
    assert len(touched.skipped) == 0
    target.write_bytes((corpus / "b" / "sad" / "x.wav").read_bytes())
    changed = embed_manifest(manifest, Functionals(), tmp_path / "three", progress=False)
    assert changed.skipped["error"].tolist() == ["IntegrityError"]
    target.unlink()
    gone = embed_manifest(manifest, Functionals(), tmp_path / "four", progress=False)
    assert gone.skipped["error"].tolist() == ["InputError"]
    assert gone.embeddings.num_items == 3


class _Batched(Functionals):
    """Takes clips in batches, and refuses batches that hold a certain clip."""

    sizes: list[int] = []  # noqa: RUF012

    @property
    def batch_seconds(self) -> float:
        return 1.0

    def embed_batch(self, clips, *, level):
        self.sizes.append(len(clips))
        if any(clip.samples.size == 8001 for clip in clips):
            raise InputError("a clip of 8001 samples cannot be embedded")
        return super().embed_batch(clips, level=level)


def test_batches_give_the_same_set_and_one_bad_clip_spoils_itself_only(
    corpus: Path, tmp_path: Path
) -> None:
    _, plain = _embed(corpus, tmp_path / "plain")
    rng = np.random.default_rng(3)
    write_clip(corpus / "b" / "happy" / "z.wav", (0.1 * rng.normal(size=8001)).astype(np.float32))
    manifest = index_corpus(corpus).manifest
    _Batched.sizes = []
    fresh = tmp_path / "other cache"
    done = embed_manifest(manifest, _Batched(), tmp_path / "set", cache=fresh, progress=False)
    assert max(_Batched.sizes) == 2
    assert done.skipped["path"].tolist() == ["b/happy/z.wav"]
    assert np.array_equal(done.embeddings.frames().values, plain.frames().values)


def test_a_damaged_cache_entry_is_made_anew(corpus: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    manifest, first = _embed(corpus, tmp_path / "one", cache=cache)
    for path in sorted(cache.rglob("*.safetensors"))[:2]:
        path.write_bytes(path.read_bytes()[:50])
    again = embed_manifest(manifest, Functionals(), tmp_path / "two", cache=cache, progress=False)
    assert again.embeddings.fingerprint == first.fingerprint
