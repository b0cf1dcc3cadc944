import os
import zlib
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from quantlab.audio import write_clip
from quantlab.corpora import MANIFEST_SCHEMA, Manifest, canonical_emotion, index_corpus
from quantlab.corpora.readers import read_corpus
from quantlab.errors import ConfigError, InputError, IntegrityError
from quantlab.store import write_table

NEMO_SPEAKERS = ("EB0", "IC0", "KD0", "KS0", "SM0", "WR0")
CLIPS = ("s1/angry/a.wav", "s1/sad/b.wav", "s2/angry/a.wav", "s2/sad/b.wav")


def write_noise(path, duration_s=0.2):
    """Write noise that differs from file to file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(zlib.crc32(os.fsencode(path)))
    write_clip(path, rng.uniform(-0.5, 0.5, round(16000 * duration_s)).astype(np.float32))


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "corpus"
    for clip in CLIPS:
        write_noise(root / clip)
    return root


def test_a_folder_becomes_a_sorted_manifest(folder):
    indexed = index_corpus(folder)
    items = indexed.manifest.items
    assert list(items.columns) == list(MANIFEST_SCHEMA)
    assert list(items["path"]) == list(CLIPS)
    assert list(items["speaker"]) == ["s1", "s1", "s2", "s2"]
    assert set(items["corpus"]) == {"corpus"}
    np.testing.assert_allclose(items["duration_s"], 0.2)
    assert list(items["size"]) == [(folder / clip).stat().st_size for clip in CLIPS]
    assert list(items["mtime"]) == [(folder / clip).stat().st_mtime_ns for clip in CLIPS]
    assert items["sha256"].str.fullmatch("[0-9a-f]{64}").all()
    assert items["sha256"].nunique() == 4
    assert indexed.skipped.empty
    assert list(indexed.skipped.columns) == ["path", "reason", "error"]
    assert indexed.manifest.emotions == ("angry", "sad")
    assert indexed.manifest.speakers == ("s1", "s2")
    assert len(indexed.manifest) == 4


def test_progress_counts_up_to_all_clips(folder):
    calls = []
    index_corpus(folder, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_flags_of_the_sound_are_kept(folder):
    write_clip(folder / "s1/sad/silence.wav", np.zeros(3200, np.float32))
    items = index_corpus(folder).manifest.items.set_index("path")
    assert items.loc["s1/sad/silence.wav", "flags"] == "silent"
    assert items.loc["s1/sad/b.wav", "flags"] == ""


def test_labels_and_merges(folder):
    write_noise(folder / "s1/rage/c.wav")
    write_noise(folder / "s2/excited/c.wav")
    with pytest.raises(InputError, match=r"^'s1/rage/c.wav': unknown emotion 'rage'; .*Map such"):
        index_corpus(folder)
    skipping = index_corpus(folder, unknown_emotions="skip")
    assert list(skipping.skipped["path"]) == ["s1/rage/c.wav"]
    assert skipping.skipped["reason"].str.startswith("unknown emotion 'rage'").all()
    assert "excited" in skipping.manifest.emotions
    items = index_corpus(folder, labels={"rage": "angry"}, merges=["excited-happy"]).manifest.items
    assert set(items["emotion"]) == {"angry", "happy", "sad"}
    assert set(items["emotion_raw"]) == {"angry", "excited", "rage", "sad"}
    with pytest.raises(ConfigError, match="unknown merge 'x'"):
        index_corpus(folder, merges=["x"])


def test_save_and_load(folder, tmp_path):
    manifest = index_corpus(folder).manifest
    manifest.save(tmp_path / "a.parquet")
    manifest.save(tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    loaded = Manifest.load(tmp_path / "a.parquet")
    assert loaded.root == folder.resolve()
    pd.testing.assert_frame_equal(loaded.items, manifest.items)
    moved = folder.rename(tmp_path / "moved")
    again = Manifest.load(tmp_path / "a.parquet", root=moved)
    assert again.path_of(0) == moved / CLIPS[0]
    assert again.read_clip(0).sha256 == manifest.items["sha256"][0]


def test_load_refuses_what_is_no_manifest(tmp_path):
    frame = pd.DataFrame({"path": ["a.wav"]})
    path = tmp_path / "x.parquet"
    write_table(path, frame, schema={"path": "string"})
    with pytest.raises(InputError, match="is no manifest; make one with `quantlab index`"):
        Manifest.load(path)
    metadata = {"format": "quantlab-manifest-9", "root": "/"}
    write_table(path, frame, schema={"path": "string"}, metadata=metadata)
    with pytest.raises(IntegrityError, match=r"'quantlab-manifest-9'.*index the corpus again"):
        Manifest.load(path)
    with pytest.raises(InputError, match="does not exist"):
        Manifest.load(tmp_path / "missing.parquet")
    path.write_bytes(b"PAR1" + bytes(100))
    with pytest.raises(IntegrityError, match="damaged"):
        Manifest.load(path)


def test_an_earlier_manifest_saves_reading(folder, monkeypatch):
    first = index_corpus(folder).manifest
    write_noise(folder / "s1/sad/new.wav")
    write_noise(folder / CLIPS[1], duration_s=0.3)
    read = []

    def spy(path, **options):
        read.append(path)
        return original(path, **options)

    module = __import__("quantlab.corpora.index", fromlist=["read_clip"])
    original = module.read_clip
    monkeypatch.setattr(module, "read_clip", spy)
    second = index_corpus(folder, previous=first)
    assert read == [folder / CLIPS[1], folder / "s1/sad/new.wav"]
    assert second.notes[-1] == "3 of 5 clips taken as in the previous manifest"
    monkeypatch.undo()
    pd.testing.assert_frame_equal(second.manifest.items, index_corpus(folder).manifest.items)


def test_a_new_time_alone_makes_a_clip_be_read_again(folder):
    first = index_corpus(folder).manifest
    target = folder / CLIPS[0]
    data = bytearray(target.read_bytes())
    data[-1] ^= 1
    target.write_bytes(bytes(data))
    os.utime(target, ns=(0, int(first.items["mtime"][0]) + 1))
    second = index_corpus(folder, previous=first)
    assert second.notes[-1] == "3 of 4 clips taken as in the previous manifest"
    changed = second.manifest.items["sha256"] != first.items["sha256"]
    assert list(changed) == [True, False, False, False]


def test_verify_hashes_again(folder):
    first = index_corpus(folder).manifest
    target = folder / CLIPS[2]
    status = target.stat()
    data = bytearray(target.read_bytes())
    data[-1] ^= 1
    target.write_bytes(bytes(data))
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert index_corpus(folder, previous=first).skipped.empty
    verified = index_corpus(folder, previous=first, verify=True)
    assert list(verified.skipped["path"]) == [CLIPS[2]]
    assert list(verified.skipped["error"]) == ["IntegrityError"]
    assert "content changed although size and time did not" in verified.skipped["reason"][0]
    assert len(verified.manifest) == 3


def test_manifest_fills_absent_columns_and_checks_the_rest(tmp_path):
    frame = pd.DataFrame({"path": ["b.wav", "a.wav"], "speaker": ["1", "2"], "emotion": "sad"})
    manifest = Manifest(tmp_path, frame.set_index(pd.Index([7, 9])))
    assert list(manifest.items["path"]) == ["b.wav", "a.wav"]
    assert list(manifest.items.index) == [0, 1]
    assert (manifest.items["text_id"] == "").all()
    assert manifest.items["duration_s"].isna().all()
    assert (manifest.items["size"] == -1).all()
    manifest.save(tmp_path / "m.parquet")
    pd.testing.assert_frame_equal(Manifest.load(tmp_path / "m.parquet").items, manifest.items)
    for change, message in [
        (frame.drop(columns="speaker"), r"needs the columns \['speaker'\]"),
        (frame.assign(age=1), r"no columns \['age'\]"),
        (frame.assign(speaker=["", "2"]), "row 0 of the manifest has an empty 'speaker'"),
        (frame.assign(emotion=["sad", "anger"]), "row 1.*'anger' must be written 'angry'"),
        (frame.assign(emotion=["sad", "hapy"]), "row 1.*unknown emotion 'hapy'; did you mean"),
        (frame.assign(path="a.wav"), "row 1.*path 'a.wav' stands twice"),
    ]:
        with pytest.raises(InputError, match=message):
            Manifest(tmp_path, change)


def test_manifest_takes_categories_numbers_and_missing_values(tmp_path):
    frame = pd.DataFrame({"path": ["b.wav", "a.wav"], "speaker": [3, 4]})
    frame["emotion"] = pd.Categorical(["sad", "sad"])
    frame["gender"] = pd.Categorical(["male", None])
    frame["size"] = [1.0, None]
    items = Manifest(tmp_path, frame).items
    assert list(items["speaker"]) == ["3", "4"]
    assert list(items["gender"]) == ["male", ""]
    assert list(items["size"]) == [1, -1]


def test_subset_takes_positions_or_a_mask(folder):
    manifest = index_corpus(folder).manifest
    assert list(manifest.subset([2, 0]).items["path"]) == [CLIPS[2], CLIPS[0]]
    assert list(manifest.subset(manifest.items["emotion"] == "sad").items["path"]) == [
        CLIPS[1],
        CLIPS[3],
    ]
    assert len(manifest.subset([])) == 0
    with pytest.raises(InputError, match="a mask of 2 cannot choose among 4 rows"):
        manifest.subset([True, False])


def test_a_published_nemo_folder_with_a_missing_and_a_broken_clip(tmp_path):
    write_noise(tmp_path / "samples/EB0_anger_1.wav")
    (tmp_path / "samples/EB0_fear_2.wav").write_bytes(b"")
    (tmp_path / "data.tsv").write_text(
        "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage\n"
        "EB0_fear_2.wav\tfear\tA\ta\t  EB0\tfemale\t27\n"
        "EB0_anger_1.wav\tanger\tA\ta\t  EB0\tfemale\t27\n"
        "EB0_sadness_3.wav\tsadness\tA\ta\t  EB0\tfemale\t27\n"
    )
    indexed = index_corpus(tmp_path)
    assert list(indexed.manifest.items["emotion"]) == ["angry"]
    assert list(indexed.skipped["path"]) == [
        "samples/EB0_fear_2.wav",
        "samples/EB0_sadness_3.wav",
    ]


@pytest.mark.slow
def test_nemo_as_we_have_it(corpora):
    calls = []
    root = corpora / "nemo"
    indexed = index_corpus(root, corpus="nemo", progress=lambda *state: calls.append(state))
    items = indexed.manifest.items
    assert calls[-1] == (3236, 3236)
    assert len(items) == 3236
    assert indexed.skipped.empty
    assert indexed.manifest.speakers == NEMO_SPEAKERS
    assert items["text_id"].nunique() == 90
    assert items["sha256"].nunique() == 3236
    check_against_the_table(indexed.manifest, index_corpus(root, previous=indexed.manifest))


def test_nemo_names_and_table_agree(corpora):
    _, by_name = read_corpus(corpora / "nemo", corpus="nemo")
    _, by_table = read_corpus(corpora / "nemo")
    assert by_table.notes[0] == "read as table: found a manifest.csv in the folder"
    assert len(by_name.rows) == 3236
    assert not by_name.skipped
    assert tuple(sorted({row.speaker for row in by_name.rows})) == NEMO_SPEAKERS
    counts = Counter(canonical_emotion(row.emotion) for row in by_name.rows)
    assert set(counts) == {"angry", "fear", "happy", "neutral", "sad", "surprise"}
    assert all(538 <= count <= 540 for count in counts.values())
    listed = {row.path: row for row in by_table.rows}
    for row in by_name.rows:
        other = listed.pop(row.path)
        assert canonical_emotion(row.emotion) == other.emotion
        for column in ("corpus", "speaker", "gender", "text_id"):
            assert getattr(row, column) == getattr(other, column)
    assert not listed


def test_emodb_as_we_have_it(corpora):
    root = corpora / "emodb"
    indexed = index_corpus(root, corpus="emodb")
    items = indexed.manifest.items
    assert len(items) == 535
    assert indexed.skipped.empty
    by_gender = items.groupby("gender")["speaker"].unique()
    assert sorted(by_gender["male"]) == ["03", "10", "11", "12", "15"]
    assert sorted(by_gender["female"]) == ["08", "09", "13", "14", "16"]
    assert indexed.manifest.emotions == (
        "angry",
        "disgust",
        "fear",
        "happy",
        "neutral",
        "sad",
        "boredom",
    )
    check_against_the_table(indexed.manifest, index_corpus(root, previous=indexed.manifest))


def check_against_the_table(manifest, by_table):
    """The corpus's own manifest.csv and what its file names say are the same."""
    assert by_table.notes[0] == "read as table: found a manifest.csv in the folder"
    assert by_table.notes[-1].startswith(f"{len(manifest)} of {len(manifest)} clips taken")
    columns = ["path", "corpus", "speaker", "gender", "emotion", "text_id"]
    pd.testing.assert_frame_equal(by_table.manifest.items[columns], manifest.items[columns])
    listed = pd.read_csv(manifest.root / "manifest.csv").sort_values("path")
    np.testing.assert_allclose(manifest.items["duration_s"], listed["duration_s"], atol=1e-3)
