"""Features of StyleVC: what is stored against what was computed, resuming, splits."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantlab.audio import log10_mel, log_f0, normalise_f0, write_clip
from quantlab.corpora import Manifest, index_corpus
from quantlab.errors import ConfigError, InputError, IntegrityError
from quantlab.models.stylevc import extraction
from quantlab.models.stylevc.data import DataSettings, Split, split_items
from quantlab.models.stylevc.extraction import build_features
from quantlab.models.stylevc.features import Features, open_features
from tests.synthetic_voice import synthetic_voice


def make_manifest(folder: Path, *, clips: int = 3) -> Manifest:
    """Index clips of 0.6, 0.9, 1.2 … s of two speakers and two emotions."""
    for speaker, pitch in (("ann", 210.0), ("bob", 120.0)):
        for emotion, glide in (("angry", 1.3), ("sad", 0.9)):
            for clip in range(clips):
                samples = synthetic_voice(
                    pitch_hz=pitch * glide, duration_s=0.6 + 0.3 * clip, seed=clip
                )
                write_clip(folder / speaker / emotion / f"{clip}.wav", samples)
    return index_corpus(folder).manifest


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return make_manifest(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def features(manifest: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Features:
    return build_features(manifest, tmp_path_factory.mktemp("features")).features


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows whose audio is read."""
    rows: list[int] = []

    def counted(manifest: Manifest, row: int) -> extraction.Analysed:
        rows.append(row)
        return analyse(manifest, row)

    analyse = extraction.analyse
    monkeypatch.setattr(extraction, "analyse", counted)
    return rows


def test_eight_bits_cost_at_most_a_510th_of_each_bands_range(
    manifest: Manifest, features: Features
) -> None:
    for row, clip in enumerate(features.clips):
        mel = log10_mel(manifest.read_clip(row).samples)
        span = mel.max(axis=0) - mel.min(axis=0)
        error = np.abs(clip.log10_mel - mel)
        assert clip.codes.dtype == np.uint8
        assert (error <= span / 510 + 1e-5).all()
        assert 20 * error.max() < 0.2  # dB
        assert error.max() > 0


def test_pitch_is_kept_to_a_few_cents_and_normalised_over_the_whole_clip(
    manifest: Manifest, features: Features
) -> None:
    for row, clip in enumerate(features.clips):
        exact = log_f0(manifest.read_clip(row).samples)
        half = exact.astype(np.float16).astype(np.float32)
        assert np.abs(half - exact).max() * 1200 / np.log(2) < 3.4 + 0.01
        np.testing.assert_array_equal(clip.log_f0, half)
        np.testing.assert_array_equal(clip.f0, normalise_f0(half))
        voiced = clip.f0 != 0
        assert clip.f0[voiced].mean() == pytest.approx(0, abs=1e-5)
        assert clip.f0[voiced].std() == pytest.approx(1, abs=1e-4)


def test_statistics_are_those_of_the_frames_of_the_given_items(features: Features) -> None:
    frames = np.concatenate([features.clips[row].log10_mel for row in (0, 4)]).astype(np.float64)
    statistics = features.statistics([0, 4])
    np.testing.assert_allclose(statistics[0], frames.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(statistics[1], frames.std(axis=0), rtol=1e-4)
    assert not np.allclose(statistics, features.statistics([0, 5]))
    with pytest.raises(InputError, match="no rows"):
        features.statistics([])


def test_a_batch_holds_the_normalised_pieces(features: Features) -> None:
    statistics = features.statistics(np.arange(len(features)))
    rows, starts = [2, 0, 5], [17, 0, 3]
    mel, f0 = features.batch(rows, starts, num_frames=70, statistics=statistics)
    assert mel.dtype == f0.dtype == np.float32
    for at, (row, start) in enumerate(zip(rows, starts, strict=True)):
        clip = features.clips[row]
        index = (start + np.arange(70)) if features.num_frames[row] >= 70 else np.arange(70) % 61
        expected = (clip.log10_mel - statistics[0]) / statistics[1]
        np.testing.assert_allclose(mel[at], expected[index], atol=1e-5)
        np.testing.assert_array_equal(f0[at], clip.f0[index])


def test_a_clip_shorter_than_the_piece_is_repeated(features: Features) -> None:
    statistics = features.statistics([0])
    assert features.num_frames[0] == 61
    mel, f0 = features.batch([0], [0], num_frames=128, statistics=statistics)
    np.testing.assert_array_equal(mel[0, :61], mel[0, 61:122])
    np.testing.assert_array_equal(f0[0, :6], f0[0, 122:])


def test_what_is_there_is_not_read_again(
    manifest: Manifest, tmp_path: Path, reads: list[int]
) -> None:
    first = build_features(manifest.subset([0, 1, 2]), tmp_path / "f").features
    assert reads == [0, 1, 2]
    reads.clear()
    again = build_features(manifest.subset([0, 1, 2]), tmp_path / "f").features
    assert reads == []
    assert again.fingerprint == first.fingerprint
    grown = build_features(manifest.subset([5, 0, 1, 2, 3]), tmp_path / "f").features
    assert reads == [0, 4]
    assert grown.items["path"].tolist() == manifest.items["path"].iloc[[5, 0, 1, 2, 3]].tolist()
    np.testing.assert_array_equal(grown.clips[1].codes, first.clips[0].codes)
    fewer = build_features(manifest.subset([2]), tmp_path / "f").features
    np.testing.assert_array_equal(fewer.clips[0].f0, first.clips[2].f0)
    assert fewer.fingerprint != first.fingerprint


def test_an_interrupted_run_goes_on_where_it_was(
    manifest: Manifest, tmp_path: Path, reads: list[int]
) -> None:
    def stop(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_features(manifest, tmp_path / "f", progress=stop)
    with pytest.raises(InputError, match="holds no features"):
        open_features(tmp_path / "f")
    reads.clear()
    seen: list[tuple[int, int]] = []
    resumed = build_features(
        manifest, tmp_path / "f", progress=lambda done, total: seen.append((done, total))
    ).features
    assert reads == list(range(4, 12))
    assert seen[0] == (1, 8)
    assert seen[-1] == (8, 8)
    whole = build_features(manifest, tmp_path / "g").features
    assert resumed.fingerprint == whole.fingerprint
    for one, other in zip(resumed.clips, whole.clips, strict=True):
        np.testing.assert_array_equal(one.log10_mel, other.log10_mel)


def test_clips_that_cannot_be_used_are_skipped_with_reasons(tmp_path: Path) -> None:
    corpus = tmp_path / "c"
    manifest = make_manifest(corpus, clips=1)
    items = manifest.items.copy()
    (corpus / "ann" / "sad" / "0.wav").write_bytes(b"no audio")
    write_clip(corpus / "bob" / "sad" / "0.wav", np.zeros(16_000, np.float32))
    items.loc[items["path"].str.startswith("bob/sad"), "sha256"] = ""
    built = build_features(Manifest(corpus, items), tmp_path / "f")
    skipped = built.skipped.set_index("path")
    assert skipped["error"].to_dict() == {
        "ann/sad/0.wav": "IntegrityError",
        "bob/sad/0.wav": "InputError",
    }
    assert "has changed" in skipped.loc["ann/sad/0.wav", "reason"]
    assert "is silent" in skipped.loc["bob/sad/0.wav", "reason"]
    assert built.features.items["path"].tolist() == ["ann/angry/0.wav", "bob/angry/0.wav"]
    with pytest.raises(InputError, match="none of 2 clips can be used"):
        build_features(Manifest(corpus, items.iloc[[1, 3]]), tmp_path / "none")


def test_a_clip_known_to_be_silent_is_not_opened(tmp_path: Path) -> None:
    manifest = make_manifest(tmp_path / "c", clips=1)
    items = manifest.items.copy()
    items.loc[0, "flags"] = "clipped silent"
    (tmp_path / "c" / items.loc[0, "path"]).unlink()
    built = build_features(Manifest(tmp_path / "c", items), tmp_path / "f")
    assert "is silent" in built.skipped.loc[0, "reason"]


def test_damage_is_found_when_features_are_opened(manifest: Manifest, tmp_path: Path) -> None:
    build_features(manifest.subset([0, 1]), tmp_path)
    (shard,) = (tmp_path / "shards").glob("*.safetensors")
    content = bytearray(shard.read_bytes())
    content[-100] ^= 1
    shard.write_bytes(bytes(content))
    with pytest.raises(IntegrityError, match="sha256"):
        open_features(tmp_path)
    shard.write_bytes(bytes(content[:-10]))
    with pytest.raises(IntegrityError, match="damaged"):
        open_features(tmp_path)
    shard.unlink()
    with pytest.raises(IntegrityError, match="is gone"):
        open_features(tmp_path)


@pytest.mark.slow
def test_two_processes_store_what_one_does(manifest: Manifest, tmp_path: Path) -> None:
    one = build_features(manifest, tmp_path / "one").features
    two = build_features(manifest, tmp_path / "two", workers=2).features
    assert one.fingerprint == two.fingerprint
    for left, right in zip(one.clips, two.clips, strict=True):
        np.testing.assert_array_equal(left.codes, right.codes)
        np.testing.assert_array_equal(left.f0, right.f0)


def table(*, texts: int = 90) -> pd.DataFrame:
    """Two speakers and two emotions say sentences 1 … `texts` each."""
    rows = [
        (f"{speaker}/{emotion}/{text}.wav", "pl", speaker, emotion, str(text), "")
        for speaker in ("EB0", "WR0", "SM0")
        for emotion in ("angry", "sad")
        for text in range(1, texts + 1)
    ]
    columns = ["path", "language", "speaker", "emotion", "text_id", "split"]
    return pd.DataFrame(rows, columns=columns)


def parts_of(split: Split, num_items: int) -> np.ndarray:
    part = np.full(num_items, "", object)
    for name in ("train", "validation", "test"):
        rows = getattr(split, name)
        assert (part[rows] == "").all(), "a row is in two parts"
        part[rows] = name
    return part


def test_split_by_text_keeps_sentences_apart() -> None:
    items = table()
    part = parts_of(split_items(items, DataSettings()), len(items))
    for name, first, last in (("train", 1, 60), ("validation", 61, 70), ("test", 71, 90)):
        texts = {int(text) for text in items["text_id"][part == name]}
        assert texts == set(range(first, last + 1))


def test_held_out_speakers_are_tested_only() -> None:
    items = table()
    settings = DataSettings.parse({"split": {"held_out_speakers": ["EB0", "WR0"]}})
    part = parts_of(split_items(items, settings), len(items))
    assert set(items["speaker"][np.isin(part, ["train", "validation"])]) == {"SM0"}
    assert set(part[items["speaker"] != "SM0"]) == {"test"}
    assert (part == "test").sum() == 2 * 2 * 90 + 2 * 20


def test_random_split_has_its_shares_whatever_the_order_of_the_rows(
    rng: np.random.Generator,
) -> None:
    items = table()
    settings = DataSettings.parse({"split": {"by": "random", "shares": [0.8, 0.05, 0.15]}})
    part = parts_of(split_items(items, settings), len(items))
    assert [(part == name).sum() for name in ("train", "validation", "test")] == [432, 27, 81]
    order = rng.permutation(len(items))
    shuffled = parts_of(split_items(items.iloc[order].reset_index(drop=True), settings), len(items))
    np.testing.assert_array_equal(shuffled, part[order])
    other = DataSettings.parse({"split": {"by": "random", "seed": 138}})
    assert not np.array_equal(parts_of(split_items(items, other), len(items)), part)


def test_official_split_takes_the_corpus_at_its_word() -> None:
    items = table(texts=4)
    items["split"] = np.tile(["train", "evaluation", "test", "train"], 6)
    settings = DataSettings.parse({"split": {"by": "official"}})
    part = parts_of(split_items(items, settings), len(items))
    np.testing.assert_array_equal(part, np.tile(["train", "validation", "test", "train"], 6))
    with pytest.raises(InputError, match="no part 'train', only none"):
        split_items(table(), settings)


def test_filters_keep_languages_speakers_and_emotions() -> None:
    items = table()
    items.loc[items["emotion"] == "sad", "language"] = "en"
    settings = DataSettings.parse({"languages": ["en"], "speakers": ["EB0"]})
    split = split_items(items, settings)
    chosen = items.iloc[np.concatenate([split.train, split.validation, split.test])]
    assert set(chosen["language"]) == {"en"}
    assert set(chosen["speaker"]) == {"EB0"}
    assert len(chosen) == 90


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"split": {"held_out_speakers": ["XX9"]}}, "held_out_speakers names XX9; .* EB0, SM0"),
        ({"emotions": ["joyful"]}, "emotions names joyful"),
        ({"languages": ["de"]}, "languages names de"),
    ],
)
def test_names_that_the_corpus_lacks_are_refused(values: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        split_items(table(), DataSettings.parse(values))


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"shares": [0.5, 0.2, 0.2]}, "add up to 1"),
        ({"shares": [1.0, 0.0, 0.0]}, "above 0"),
        ({"train_texts": [60, 1]}, "first ≤ last"),
        ({"validation_texts": [55, 70]}, "overlap"),
        ({"by": "chance"}, "'text', 'random' or 'official'"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(split: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DataSettings.parse({"split": split})


def test_sentences_without_numbers_and_empty_parts_are_refused() -> None:
    items = table()
    items.loc[7, "text_id"] = "IEO"
    with pytest.raises(InputError, match=r"1 clips have no number .* 'IEO'"):
        split_items(items, DataSettings())
    with pytest.raises(InputError, match="no clip is left for validation"):
        split_items(table(texts=50), DataSettings())
