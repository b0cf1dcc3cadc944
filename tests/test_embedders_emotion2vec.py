"""emotion2vec: FunASR's own public path is the oracle, on local folders with random weights."""

import logging
import os
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from quantlab.audio import Clip, clip_from_array, write_clip
from quantlab.corpora import index_corpus
from quantlab.embedders import Emotion2vec, Emotion2vecSettings, embed_manifest, get_embedder
from quantlab.embedders.emotion2vec_files import TRAINED_ON
from quantlab.embedders.windows import make_windows, num_frames
from quantlab.errors import ConfigError, InputError, IntegrityError
from tests.conftest import GOLDEN
from tests.emotion2vec_model import TOKENS, write_model

pytest.importorskip("funasr")
pytestmark = pytest.mark.filterwarnings(
    "ignore:`torch.cuda.amp.autocast:FutureWarning", "ignore::ResourceWarning"
)
LENGTHS_S = (0.1, 0.5, 1.0, 1.37, 2.5)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("emotion2vec") / "tiny")


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    rng = np.random.default_rng(5)
    made = []
    for seconds in LENGTHS_S:
        noise = np.clip(0.1 * rng.normal(size=int(16000 * seconds)), -1, 1)
        made.append(clip_from_array(noise.astype(np.float32), 16000))
    return made


def _generate(folder: Path, clip: Clip, **options: Any) -> dict[str, Any]:
    """Return what FunASR's public entry point gives, and put back what it changes."""
    from funasr import AutoModel

    threads, level, states = torch.get_num_threads(), logging.root.level, torch.get_rng_state()
    numpy_state, python_state = np.random.get_state(), random.getstate()
    try:
        model = AutoModel(
            model=str(folder), disable_update=True, device="cpu", ncpu=threads,
            disable_pbar=True, log_level="ERROR",
        )  # fmt: skip
        return model.generate(clip.samples.copy(), fs=16000, extract_embedding=True, **options)[0]
    finally:
        torch.set_num_threads(threads)
        torch.set_rng_state(states)
        np.random.set_state(numpy_state)
        random.setstate(python_state)
        logging.root.setLevel(level)


def _embedder(folder: Path, **settings: Any) -> Emotion2vec:
    return Emotion2vec(Emotion2vecSettings(directory=str(folder), device="cpu", **settings))


def test_frames_vectors_and_scores_are_those_of_generate(tiny: Path, clips: list[Clip]) -> None:
    embedder = _embedder(tiny)
    head = embedder.head()
    assert head is not None
    for clip in clips[1:4]:
        frames = _generate(tiny, clip, granularity="frame")
        ours = embedder.embed(clip, level="frame")
        assert ours.dtype == np.float32
        assert np.abs(ours - frames["feats"]).max() <= 1e-4
        whole = _generate(tiny, clip, granularity="utterance")
        vector = embedder.embed(clip, level="utterance")
        assert vector.shape == (1, 64)
        assert np.abs(vector[0] - whole["feats"]).max() <= 1e-4
        named = dict(zip(whole["labels"], whole["scores"], strict=True))
        found = dict(zip(head.classes, head.probabilities(vector)[0], strict=True))
        assert found["happy"] == pytest.approx(named["开心/happy"], abs=1e-4)
        assert found["unknown"] == pytest.approx(named["<unk>"], abs=1e-4)


def test_a_batch_gives_what_each_clip_gives_alone(tiny: Path, clips: list[Clip]) -> None:
    alone = [_embedder(tiny).embed(clip, level="frame") for clip in clips]
    together = _embedder(tiny, batch_seconds=60.0).embed_batch(clips, level="frame")
    for clip, one, other in zip(clips, alone, together, strict=True):
        assert one.shape == other.shape == (num_frames(clip.samples.size), 64)
        assert np.abs(one - other).max() <= 1e-4


def test_threads_that_share_the_model_do_not_share_masks(tiny: Path, clips: list[Clip]) -> None:
    embedder = _embedder(tiny, batch_seconds=60.0)
    alone = [_embedder(tiny).embed(clip, level="frame") for clip in clips]

    def embed(turn: int) -> list[np.ndarray]:
        chosen = clips if turn % 2 else clips[:1]
        return embedder.embed_batch(chosen, level="frame")

    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(embed, range(24)):
            for one, other in zip(alone, found, strict=False):
                assert np.abs(one - other).max() <= 1e-4


def test_workers_give_the_same_set_from_one_loaded_model(tiny: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    for row in range(20):
        samples = (0.1 * rng.normal(size=8000 + 400 * row)).astype(np.float32)
        place = tmp_path / "corpus" / f"s{row % 2}" / ("happy", "sad")[row // 2 % 2]
        place.mkdir(parents=True, exist_ok=True)
        write_clip(place / f"{row}.wav", samples)
    manifest = index_corpus(tmp_path / "corpus").manifest
    sets = [
        embed_manifest(
            manifest, _embedder(tiny), tmp_path / f"set{workers}", workers=workers,
            cache=tmp_path / f"cache{workers}", progress=False,
        ).embeddings
        for workers in (1, 2)
    ]  # fmt: skip
    assert sets[0].fingerprint == sets[1].fingerprint


def test_without_our_mask_padding_would_reach_real_frames(tiny: Path, clips: list[Clip]) -> None:
    """Show that FunASR's own padding mask is not enough, so that ours is needed."""
    from quantlab.embedders.emotion2vec_files import open_model_files
    from quantlab.embedders.emotion2vec_network import load_network

    network = load_network(open_model_files(tiny, "base"), "cpu", "float32")
    short, long = (network.normalise(clip.samples) for clip in (clips[1], clips[4]))
    source = torch.zeros(2, len(long))
    source[0, : len(short)], source[1] = torch.from_numpy(short), torch.from_numpy(long)
    padding = torch.zeros(source.shape, dtype=torch.bool)
    padding[0, len(short) :] = True
    with torch.inference_mode():
        theirs = network.model.extract_features(source, padding_mask=padding)["x"][0].numpy()
    alone = network.frames_of([short])[0]
    assert np.abs(theirs[: len(alone)] - alone).max() > 1e-3


def test_long_clips_in_windows_have_every_frame_once(tiny: Path) -> None:
    rng = np.random.default_rng(6)
    clip = clip_from_array((0.1 * rng.normal(size=16000 * 13 + 77)).astype(np.float32), 16000)
    whole = _embedder(tiny).embed(clip, level="frame")
    parts = _embedder(tiny, window_s=5.0, overlap_s=2.0).embed(clip, level="frame")
    assert whole.shape == parts.shape
    # What a window cannot see lies at least a second from every frame it gives.
    assert np.median(np.abs(whole - parts)) < 0.1 * np.abs(whole).mean()


@pytest.mark.parametrize("num_samples", [400, 719, 720, 80_000, 80_001, 100_123, 999_999])
@pytest.mark.parametrize("overlap_s", [0.0, 1.0, 2.0])
def test_windows_cover_the_grid_of_the_whole_clip(num_samples: int, overlap_s: float) -> None:
    windows = make_windows(num_samples, window_s=5.0, overlap_s=overlap_s)
    taken = []
    for window in windows:
        assert 0 <= window.start < window.stop <= num_samples
        assert window.start % 320 == 0
        assert window.last <= num_frames(window.stop - window.start)
        taken.extend(range(window.start // 320 + window.first, window.start // 320 + window.last))
    assert taken == list(range(num_frames(num_samples)))


def test_nothing_global_changes(
    tiny: Path, clips: list[Clip], capsys: pytest.CaptureFixture[str]
) -> None:
    before = torch.get_rng_state(), torch.get_num_threads(), logging.root.level
    numpy_before, python_before = np.random.get_state()[1].copy(), random.getstate()
    handlers = list(logging.root.handlers)
    _embedder(tiny, window_s=6.0).embed(clips[0], level="utterance")
    after = torch.get_rng_state(), torch.get_num_threads(), logging.root.level
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]
    assert (np.random.get_state()[1] == numpy_before).all()
    assert random.getstate() == python_before
    assert logging.root.handlers == handlers
    assert capsys.readouterr().out == ""


def test_labels_are_mapped_by_their_words(tmp_path: Path, tiny: Path) -> None:
    folder = write_model(tmp_path / "shuffled")
    shuffled = [*TOKENS[3:], *TOKENS[:3]]
    (folder / "tokens.txt").write_text("\n".join(shuffled), encoding="utf-8")
    head, straight = (_embedder(place).head() for place in (folder, tiny))
    assert head is not None
    assert straight is not None
    assert straight.classes == (
        "angry", "disgust", "fear", "happy", "neutral", "other", "sad", "surprise", "unknown",
    )  # fmt: skip
    assert head.classes[0] == "happy"
    (folder / "tokens.txt").write_text("\n".join(["unuse_0", *shuffled[1:]]), encoding="utf-8")
    fewer = _embedder(folder).head()
    assert fewer is not None
    assert "happy" not in fewer.classes
    assert len(fewer.weight) == 8
    (folder / "tokens.txt").write_text("\n".join(["喜/jubilant", *shuffled[1:]]), encoding="utf-8")
    with pytest.raises(IntegrityError, match="jubilant"):
        _embedder(folder).head()
    (folder / "tokens.txt").write_text("happy\nsad\n", encoding="utf-8")
    with pytest.raises(IntegrityError, match="names 2 classes"):
        _embedder(folder).head()


def test_the_plus_models_prefix_is_understood(
    tmp_path: Path, tiny: Path, clips: list[Clip]
) -> None:
    folder = write_model(tmp_path / "plus", prefix="d2v_model.")
    ours = _embedder(folder).embed(clips[1], level="utterance")
    assert np.array_equal(ours, _embedder(tiny).embed(clips[1], level="utterance"))
    assert np.abs(ours[0] - _generate(folder, clips[1])["feats"]).max() <= 1e-4


def test_base_has_no_head(tmp_path: Path, clips: list[Clip]) -> None:
    embedder = _embedder(write_model(tmp_path / "base", head=False), model="base")
    assert embedder.head() is None
    assert embedder.embed(clips[0], level="frame").shape[1] == 64


def _broken(folder: Path, kind: str) -> None:
    path = folder / "model.pt"
    content = torch.load(path, weights_only=True)["model"]
    name = "blocks.1.mlp.fc1.weight"
    if kind == "missing":
        del content[name]
    elif kind == "shape":
        content[name] = content[name][:-1]
    elif kind == "nan":
        content[name][0, 0] = float("nan")
    elif kind == "no head":
        del content["proj.weight"]
    elif kind == "empty":
        content = {}
    torch.save({"model": content}, path)
    if kind == "truncated":
        path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "lacks 1 of .*blocks.1.mlp.fc1.weight"),
        ("shape", "the configuration says"),
        ("nan", "NaN"),
        ("no head", "proj.weight"),
        ("empty", "no named weights"),
        ("truncated", "damaged"),
    ],
)
def test_weights_that_are_not_whole_are_refused(
    tmp_path: Path, clips: list[Clip], kind: str, message: str
) -> None:
    folder = write_model(tmp_path / "broken")
    _broken(folder, kind)
    with pytest.raises(IntegrityError, match=message):
        _embedder(folder).embed(clips[0], level="frame")


def test_weights_that_only_pretraining_used_may_be_absent(
    tmp_path: Path, tiny: Path, clips: list[Clip]
) -> None:
    folder = write_model(tmp_path / "stripped")
    content = torch.load(folder / "model.pt", weights_only=True)["model"]
    kept = {name: value for name, value in content.items() if ".decoder." not in name}
    assert len(kept) < len(content)
    torch.save({"model": kept}, folder / "model.pt")
    ours = _embedder(folder).embed(clips[1], level="frame")
    assert np.array_equal(ours, _embedder(tiny).embed(clips[1], level="frame"))


@pytest.mark.parametrize(
    "spec", ["__import__('os').system('true')", "[(32, 10, 5)] * 9**9", "[]", "exit()"]
)
def test_a_configuration_that_would_be_run_is_refused(tmp_path: Path, spec: str) -> None:
    folder = write_model(tmp_path / "model")
    text = (folder / "config.yaml").read_text(encoding="utf-8")
    start = text.index("'[(32") if "'[(32" in text else text.index("[(32")
    end = text.index("\n", start)
    quoted = "'" + spec.replace("'", "''") + "'"
    (folder / "config.yaml").write_text(text[:start] + quoted + text[end:], encoding="utf-8")
    with pytest.raises(IntegrityError, match="lists of numbers"):
        _embedder(folder).num_dims("frame")


def test_absent_models_say_where_they_were_sought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUANTLAB_MODELS", str(tmp_path / "models"))
    embedder = get_embedder("emotion2vec", {"model": "plus_large"})
    with pytest.raises(InputError, match=r"models/emotion2vec_plus_large .*--download"):
        embedder.num_dims("frame")
    write_model(tmp_path / "models" / "emotion2vec_plus_large")
    assert embedder.num_dims("frame") == 64
    (tmp_path / "models" / "emotion2vec_plus_large" / "config.yaml").write_text("model: Other\n")
    with pytest.raises(IntegrityError, match="not the configuration"):
        embedder.num_dims("frame")


def test_the_network_is_used_only_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    asked = []

    def fetch(name: str, *, local_dir: str, allow_patterns: list[str]) -> None:
        asked.append((name, sorted(allow_patterns)))
        write_model(Path(local_dir))

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    settings = {"directory": str(tmp_path / "m"), "model": "plus_seed"}
    with pytest.raises(InputError, match="--download"):
        get_embedder("emotion2vec", settings).num_dims("frame")
    assert asked == []
    assert get_embedder("emotion2vec", {**settings, "download": True}).num_dims("frame") == 64
    files = ["config.yaml", "configuration.json", "model.pt", "tokens.txt"]
    assert asked == [("emotion2vec/emotion2vec_plus_seed", files)]

    def unreachable(*_: Any, **__: Any) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    with pytest.raises(InputError, match=r"no route.*by hand"):
        get_embedder("emotion2vec", {"directory": str(tmp_path / "n"), "download": True}).num_dims(
            "frame"
        )


def test_card_and_fingerprint(tmp_path: Path, tiny: Path) -> None:
    card = _embedder(tiny, model="plus_base").card()
    assert {"corpus": "esd", "labels": True} in card["trained_on"]
    assert {"corpus": "iemocap", "labels": False} in card["trained_on"]
    assert all(not entry["labels"] for entry in TRAINED_ON["base"])
    assert len(card["weights_sha256"]) == 64
    prints = {
        _embedder(tiny).fingerprint("frame"),
        _embedder(tiny).fingerprint("utterance"),
        _embedder(tiny, window_s=20.0).fingerprint("frame"),
        _embedder(write_model(tmp_path / "other", seed=1)).fingerprint("frame"),
    }
    assert len(prints) == 4
    same = Emotion2vecSettings(directory=str(tiny), device="auto", batch_seconds=50)
    assert Emotion2vec(same).fingerprint("frame") in prints


def test_settings_are_checked(tiny: Path, clips: list[Clip]) -> None:
    with pytest.raises(ConfigError, match="overlap_s"):
        get_embedder("emotion2vec", {"window_s": 5.0, "overlap_s": 4.0})
    with pytest.raises(ConfigError, match="plus_huge"):
        get_embedder("emotion2vec", {"model": "plus_huge"})
    with pytest.raises(InputError, match="audio clip"):
        _embedder(tiny).embed(np.zeros(16000), level="frame")  # pyright: ignore
    with pytest.raises(InputError, match="level"):
        _embedder(tiny).embed(clips[0], level="word")  # pyright: ignore
    if not torch.cuda.is_available():
        chosen = Emotion2vecSettings(directory=str(tiny), device="cuda")
        with pytest.raises(ConfigError, match="no GPU"):
            Emotion2vec(chosen).embed(clips[0], level="frame")


def test_without_funasr_the_message_says_what_to_type(
    tmp_path: Path, clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_model(tmp_path / "model")
    monkeypatch.setitem(__import__("sys").modules, "funasr.models.emotion2vec.model", None)
    with pytest.raises(ConfigError, match=r"quantlab\[emotion2vec\]"):
        _embedder(folder).embed(clips[0], level="frame")


@pytest.mark.slow
@pytest.mark.parametrize(("size", "dims"), [("base", 768), ("plus_large", 1024)])
def test_the_published_sizes_equal_generate(
    tmp_path: Path, clips: list[Clip], size: str, dims: int
) -> None:
    folder = write_model(tmp_path / size, size)
    ours = _embedder(folder).embed(clips[3], level="frame")
    assert ours.shape == (num_frames(clips[3].samples.size), dims)
    assert np.abs(ours - _generate(folder, clips[3], granularity="frame")["feats"]).max() <= 1e-4


def _published(variant: str) -> Emotion2vec:
    """Return the embedder of a published model; skips where its weights are not there."""
    models = os.environ.get("QUANTLAB_MODELS", "")
    folder = Path(models) / f"emotion2vec_{variant}"
    if not models or not (folder / "model.pt").is_file():
        pytest.skip(f"needs the published weights of {variant} in $QUANTLAB_MODELS")
    return _embedder(folder, model=variant)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["base", "plus_seed", "plus_base", "plus_large"])
def test_true_weights_give_what_generate_gives(
    variant: str, golden: Callable[[str, bytes], bytes], request: pytest.FixtureRequest
) -> None:
    """The published weights, on a fixed tone; for whoever has them.

    The golden vector is written by ``pytest --regenerate`` where the weights are.
    """
    embedder = _published(variant)
    seconds = np.arange(2 * 16000) / 16000
    tone = clip_from_array((0.3 * np.sin(2 * np.pi * 220 * seconds)).astype(np.float32), 16000)
    assert embedder.num_dims("utterance") == (1024 if variant == "plus_large" else 768)
    theirs = _generate(embedder.directory, tone, granularity="utterance")
    ours = embedder.embed(tone, level="utterance")[0]
    assert np.abs(ours - theirs["feats"]).max() <= 1e-4
    name = f"emotion2vec/{variant}-tone.f32"
    if (GOLDEN / name).is_file() or request.config.getoption("--regenerate"):
        kept = np.frombuffer(golden(name, ours.astype("<f4").tobytes()), "<f4")
        assert np.abs(ours - kept).max() <= 1e-3
    head = embedder.head()
    assert (head is None) == (variant == "base")
    if head is not None:
        assert {"angry", "happy", "neutral", "sad"} <= set(head.classes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "published"), [("plus_seed", 0.973), ("plus_base", 0.972), ("plus_large", 0.986)]
)
def test_true_heads_recognise_emodb_as_published(
    variant: str, published: float, corpora: Path
) -> None:
    """Unweighted accuracy over four emotions of EmoDB, a corpus that these models were trained on.

    The figures are EmoBox's (Ma et al., Interspeech 2024), for whoever has the weights.
    """
    embedder = _published(variant)
    head, classes = embedder.head(), ("angry", "happy", "neutral", "sad")
    assert head is not None
    manifest = index_corpus(corpora / "emodb", corpus="emodb").manifest
    chosen = manifest.subset(manifest.items["emotion"].isin(classes).to_numpy())
    vectors = [
        embedder.embed(chosen.read_clip(row), level="utterance")[0] for row in range(len(chosen))
    ]
    found = np.array(classes)[head.probabilities(np.stack(vectors), classes).argmax(axis=1)]
    labels = chosen.items["emotion"].to_numpy()
    recalls = [np.mean(found[labels == emotion] == emotion) for emotion in classes]
    assert np.mean(recalls) == pytest.approx(published, abs=0.03)
