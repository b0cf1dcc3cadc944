"""Faults in folders, tables, labels and splits: rows A14, A15 and B1 to B6 of the fault list."""

import os
import zlib

import numpy as np
import pandas as pd
import pytest

from quantlab.audio import write_clip
from quantlab.corpora import Fold, Manifest, index_corpus, speaker_folds, text_folds, validate
from quantlab.errors import InputError, IntegrityError
from quantlab.store import write_csv


def write_noise(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(zlib.crc32(os.fsencode(path)))
    write_clip(path, rng.uniform(-0.5, 0.5, 3200).astype(np.float32))


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "corpus"
    for clip in ("s1/angry/a.wav", "s1/sad/b.wav", "s2/angry/a.wav", "s2/sad/b.wav"):
        write_noise(root / clip)
    return root


def write_manifest(root, *lines, header="path,speaker,emotion"):
    (root / "manifest.csv").write_text("\n".join([header, *lines, ""]))


# A14: what lies where a clip should be


def make_directory(path):
    path.mkdir()


def make_fifo(path):
    os.mkfifo(path)


def make_text(path):
    path.write_text("<html>not found</html>")


def make_nothing(path):
    pass


NOT_CLIPS = [make_directory, make_fifo, make_text, make_nothing]


@pytest.mark.parametrize("make", NOT_CLIPS)
def test_a14_one_bad_entry_of_a_table_does_not_stop_the_rest(folder, make):
    make(folder / "x.wav")
    write_manifest(folder, "s1/sad/b.wav,s1,sad", "x.wav,s1,sad")
    indexed = index_corpus(folder)
    assert list(indexed.manifest.items["path"]) == ["s1/sad/b.wav"]
    assert list(indexed.skipped["path"]) == ["x.wav"]
    assert list(indexed.skipped["error"]) == ["InputError"]
    assert indexed.skipped["reason"].str.len().gt(10).all()


@pytest.mark.parametrize("make", NOT_CLIPS[:3])
def test_a14_one_bad_entry_of_a_folder_does_not_stop_the_rest(folder, make):
    make(folder / "s1/sad/x.wav")
    indexed = index_corpus(folder)
    assert len(indexed.manifest) == 4
    assert list(indexed.skipped["path"]) == ["s1/sad/x.wav"]


def test_a14_a_clip_that_changed_after_indexing(folder):
    manifest = index_corpus(folder).manifest
    write_noise(folder / "s1/angry/other.wav")
    os.replace(folder / "s1/angry/other.wav", folder / "s1/angry/a.wav")
    with pytest.raises(IntegrityError, match=r"a\.wav"):
        manifest.read_clip(0)
    assert len(manifest.read_clip(1).samples) == 3200


def test_a14_a_clip_that_vanished_after_indexing(folder):
    manifest = index_corpus(folder).manifest
    (folder / "s1/angry/a.wav").unlink()
    with pytest.raises(InputError, match=r"a\.wav"):
        manifest.read_clip(0)


def test_a14_no_clip_left_says_why(folder):
    write_manifest(folder, "gone.wav,s1,sad", "gone2.wav,s1,sad")
    with pytest.raises(InputError, match=r"'gone.wav': .*; 'gone2.wav': .*No clip is left"):
        index_corpus(folder)


def test_a14_an_unreadable_folder_is_reported(folder, monkeypatch):
    walk = os.walk

    def refusing(top, onerror):
        onerror(PermissionError(13, "Permission denied", str(folder / "locked")))
        return walk(top, onerror=onerror)

    monkeypatch.setattr(os, "walk", refusing)
    skipped = index_corpus(folder).skipped
    assert skipped.to_dict("list") == {
        "path": ["locked"],
        "reason": ["cannot be listed: Permission denied"],
        "error": ["InputError"],
    }


# A15: names


@pytest.mark.parametrize(
    "name",
    [
        "żółć 生气 é.wav",
        "two  blanks .wav",
        "line\nbreak.wav",
        "x" * 251 + ".wav",
        "ż" * 125 + "x.wav",
        "-rf.wav",
        "=cmd().wav",
        "'quote\".wav",
        "semi;colon,comma.wav",
        "percent%20.WAV",
    ],
)
def test_a15_any_name_survives(folder, tmp_path, name):
    write_noise(folder / "s1/sad" / name)
    indexed = index_corpus(folder)
    assert indexed.skipped.empty
    assert f"s1/sad/{name}" in set(indexed.manifest.items["path"])
    indexed.manifest.save(tmp_path / "m.parquet")
    loaded = Manifest.load(tmp_path / "m.parquet")
    row = list(loaded.items["path"]).index(f"s1/sad/{name}")
    assert len(loaded.read_clip(row).samples) == 3200


def test_a15_equal_names_in_two_folders_stay_two_clips(folder):
    items = index_corpus(folder).manifest.items
    same = items[items["path"].str.endswith("angry/a.wav")]
    assert list(same["speaker"]) == ["s1", "s2"]
    assert same["sha256"].nunique() == 2


@pytest.mark.parametrize(
    ("name", "shown", "reason"),
    [
        (b"caf\xe9.wav", "s1/sad/caf\\udce9.wav", "not UTF-8; rename it"),
        (b"back\\slash.wav", "s1/sad/back\\slash.wav", "Windows path"),
    ],
)
def test_a15_names_that_cannot_be_stored_are_reported(folder, tmp_path, name, shown, reason):
    source = folder / "s1/sad/b.wav"
    os.link(source, os.fsencode(folder / "s1/sad") + b"/" + name)
    indexed = index_corpus(folder)
    assert len(indexed.manifest) == 4
    assert list(indexed.skipped["path"]) == [shown]
    assert reason in indexed.skipped["reason"][0]
    write_csv(tmp_path / "skipped.csv", indexed.skipped)


# B1, B2: paths


UNSAFE = [
    ("../x.wav", "leads out of"),
    ("s1/../../x.wav", "leads out of"),
    ("/etc/passwd", "is absolute"),
    ("C:\\x.wav", "Windows path"),
    ("C:x.wav", "Windows path"),
    ("s1\\sad\\b.wav", "Windows path"),
    ("~/x.wav", "starts with '~'"),
    ("~root/x.wav", "starts with '~'"),
    ("a\0b.wav", "NUL"),
    ("https://example.org/x.wav", "is a URL"),
    ("file:///etc/passwd", "is a URL"),
    ("s3://bucket/x.wav", "is a URL"),
    ("", "is empty"),
]


@pytest.mark.parametrize(("path", "reason"), UNSAFE)
def test_b1_b2_an_unsafe_path_in_a_table_stops_with_its_line(folder, path, reason):
    write_manifest(folder, "s1/sad/b.wav,s1,sad", f'"{path}",s1,sad')
    with pytest.raises(InputError, match=f"^manifest.csv, line 3: path .*{reason}"):
        index_corpus(folder)


@pytest.mark.parametrize(("path", "reason"), UNSAFE[:-1])
def test_b1_b2_an_unsafe_path_in_a_manifest_is_never_resolved(folder, tmp_path, path, reason):
    frame = pd.DataFrame({"path": [path], "speaker": "s1", "emotion": "sad"})
    Manifest(folder, frame).save(tmp_path / "m.parquet")
    loaded = Manifest.load(tmp_path / "m.parquet")
    with pytest.raises(InputError, match=reason):
        loaded.path_of(0)
    with pytest.raises(InputError, match=reason):
        loaded.read_clip(0)


def test_b1_nemo_table_may_not_lead_out_either(tmp_path):
    write_noise(tmp_path / "corpus/samples/EB0_anger_1.wav")
    header = "file_id\temotion\traw_text\tspeaker_id\tgender\n"
    line = "../../x.wav\tanger\tA\tEB0\tfemale\n"
    (tmp_path / "corpus/data.tsv").write_text(header + line)
    with pytest.raises(InputError, match=r"data.tsv, line 2: path .*leads out of"):
        index_corpus(tmp_path / "corpus")


@pytest.mark.parametrize("listed", [True, False])
def test_b1_a_link_out_of_the_folder_is_refused(folder, tmp_path, listed):
    write_noise(tmp_path / "secret/x.wav")
    (folder / "s1/sad/link.wav").symlink_to(tmp_path / "secret/x.wav")
    (folder / "s3").symlink_to(tmp_path / "secret")
    if listed:
        write_manifest(folder, "s1/sad/link.wav,s1,sad", "s3/x.wav,s3,sad")
        with pytest.raises(InputError, match=r"line 2: path .*leads out of.*line 3: path"):
            index_corpus(folder)
        return
    indexed = index_corpus(folder)
    assert len(indexed.manifest) == 4
    assert list(indexed.skipped["path"]) == ["s1/sad/link.wav", "s3"]
    assert indexed.skipped["reason"].str.contains("leads out of").all()


def test_b1_a_link_inside_the_folder_is_a_copy(folder):
    (folder / "s1/sad/link.wav").symlink_to("b.wav")
    indexed = index_corpus(folder)
    assert len(indexed.manifest) == 5
    assert set(validate(indexed.manifest).duplicates["path"]) == {"s1/sad/b.wav", "s1/sad/link.wav"}


# B4: tables and labels


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["s1/sad/b.wav,s1,sad", "s2/sad/b.wav,s2,sad", "s1/./sad//b.wav,s1,sad"],
            "line 4: path 's1/sad/b.wav' stands already in manifest.csv, line 2",
        ),
        (["s1/sad/b.wav,s1,saad"], r"line 2: unknown emotion 'saad'; did you mean 'sad'\?"),
        (["s1/sad/b.wav,,sad"], "line 2: the cell 'speaker' is empty"),
        (["s1/sad/b.wav,s1, "], "line 2: the cell 'emotion' is empty"),
        (["s1/sad/b.wav,s1"], "line 2: 2 cells, the header has 3"),
        (["s1/sad/b.wav,s1,sad,more"], "line 2: 4 cells, the header has 3"),
        ([], "has a header but no lines"),
    ],
)
def test_b4_a_bad_line_is_named(folder, lines, message):
    write_manifest(folder, *lines)
    with pytest.raises(InputError, match=message):
        index_corpus(folder)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("path,speaker,emoton", r"line 1: no column 'emotion' .*is it the column 'emoton'\?"),
        ("file,speaker,emotion", "no column 'path' among file, speaker, emotion; required are"),
        ("path,path,emotion", "stands twice in the header"),
    ],
)
def test_b4_a_bad_header_is_named(folder, header, message):
    write_manifest(folder, "s1/sad/b.wav,s1,sad", header=header)
    with pytest.raises(InputError, match=message):
        index_corpus(folder)


@pytest.mark.parametrize(
    "votes", ["[1]", "sad", '{""sad"": ""x""}', '{""sad"": -1}', '{""s"": NaN}']
)
def test_b4_malformed_votes(folder, votes):
    write_manifest(folder, f's1/sad/b.wav,s1,sad,"{votes}"', header="path,speaker,emotion,votes")
    with pytest.raises(InputError, match=r"line 2: votes .* must look like"):
        index_corpus(folder)


def test_b4_many_bad_lines_are_counted(folder):
    write_manifest(folder, *(f"{index}.wav,s1,xyz" for index in range(8)))
    with pytest.raises(
        InputError, match=r"^manifest.csv, line 2: unknown .*; and 3 more of the kind\. Map"
    ):
        index_corpus(folder)


@pytest.mark.parametrize(
    ("separator", "end", "mark"),
    [
        (",", "\r\n", b""),
        (";", "\n", b""),
        ("\t", "\r\n", b"\xef\xbb\xbf"),
        (";", "\r\n", b"\xef\xbb\xbf"),
    ],
)
def test_b4_tables_of_other_programs_are_read(folder, separator, end, mark):
    lines = [["path", "speaker", "emotion"], ["s1/sad/b.wav", "s1", "sad"]]
    text = end.join(separator.join(cells) for cells in lines) + end
    (folder / "manifest.csv").write_bytes(mark + text.encode())
    assert list(index_corpus(folder).manifest.items["speaker"]) == ["s1"]


@pytest.mark.parametrize("num_lines", [10_000, pytest.param(10**6, marks=pytest.mark.slow)])
def test_b4_a_large_table_names_its_bad_line(tmp_path, num_lines):
    lines = [f"{index}.wav,s{index % 7},sad" for index in range(num_lines)]
    lines[-1] = "0.wav,s0,sad"
    write_manifest(tmp_path, *lines)
    message = f"line {num_lines + 1}: path '0.wav' stands already in manifest.csv, line 2"
    with pytest.raises(InputError, match=message):
        index_corpus(tmp_path)


@pytest.mark.parametrize("other", ["s1/angry/copy.wav", "s2/sad/copy.wav", "s1/sad/copy.wav"])
def test_b4_equal_content_under_two_labels_is_reported(folder, other):
    (folder / other).write_bytes((folder / "s1/sad/b.wav").read_bytes())
    report = validate(index_corpus(folder).manifest, min_clips_per_class=1)
    assert sorted(report.duplicates["path"]) == sorted(["s1/sad/b.wav", other])
    same = other.startswith("s1/sad")
    assert report.duplicates["conflict"].eq(not same).all()
    assert ("under equal labels" if same else "under different labels") in report.warnings[0]


def items(**columns):
    frame = pd.DataFrame(columns)
    frame["path"] = [f"{index}.wav" for index in range(len(frame))]
    return frame


def test_b4_a_small_or_empty_class_refuses_and_says_how_many():
    table = items(speaker=list("aabb"), emotion=["sad", "sad", "sad", "angry"])
    with pytest.raises(InputError, match="at least 2 clips, but 'angry' has 1; add clips, merge"):
        validate(table)
    with pytest.raises(InputError, match="'happy' has 0"):
        validate(table, emotions=["sad", "happy"])
    assert validate(table, min_clips_per_class=1).clips_per_class == {"angry": 1, "sad": 3}
    one_sided = items(speaker=list("aaabbb"), emotion=["sad", "angry", "angry", *["sad"] * 3])
    with pytest.raises(
        InputError, match="at least 2 clips to train in fold 'a', but 'angry' has 0"
    ):
        validate(one_sided, folds=speaker_folds(one_sided))
    with pytest.raises(InputError, match="has no clips"):
        validate(table.iloc[:0])


def test_b4_one_speaker_is_told_what_to_do():
    table = items(speaker="a", emotion=["sad"] * 4, text_id=["1", "1", "2", "2"])
    message = "impossible with one speaker .'a'.: use text_folds .*or add clips of other speakers"
    with pytest.raises(InputError, match=message):
        speaker_folds(table)
    (warning,) = validate(table).warnings
    assert "impossible with one speaker ('a')" in warning
    folds = text_folds(table, 2)
    assert validate(table, folds=folds, disjoint="text").num_speakers == 1


# B5: leaks


def fold(train, test):
    return Fold("f", np.array(train, dtype=np.int64), np.array(test, dtype=np.int64))


@pytest.mark.parametrize(
    ("folds", "disjoint", "message"),
    [
        ([fold([0, 1, 2], [3])], "speaker", "fold 'f' leaks: 1 speakers stand in .*: 'b'; make"),
        ([fold([0, 1], [2, 3])], "text", "fold 'f' leaks: 2 texts stand .*: 'en/1', 'en/2'"),
        ([fold([0, 1, 2], [2, 3])], "speaker", "leaks: 1 items stand in training and test, row 2"),
        ([fold([0, 1], [2, 3]), fold([0, 1], [2, 3])], "speaker", "2 items are tested in several"),
        ([fold([], [2, 3])], "speaker", "fold 'f' has no training items"),
        ([fold([0, 1], [])], "speaker", "fold 'f' has no test items"),
        ([fold([0, 1], [2, 9])], "speaker", r"test rows outside 0\.\.3"),
        ([fold([0, -1], [2])], "speaker", r"training rows outside 0\.\.3"),
    ],
)
def test_b5_a_leak_is_an_error(folds, disjoint, message):
    table = items(speaker=list("aabb"), emotion="sad", text_id=list("1212"), language="en")
    with pytest.raises(InputError, match=message):
        validate(table, folds=folds, disjoint=disjoint)


def test_b5_equal_content_in_training_and_test_is_a_leak():
    table = items(speaker=list("aabb"), emotion="sad", sha256=["0", "1", "0", ""])
    message = "clips of equal content stand in training and test: '0.wav', '2.wav'; remove all but"
    with pytest.raises(InputError, match=message):
        validate(table, folds=speaker_folds(table))


def test_b5_unknown_texts_cannot_be_called_disjoint():
    table = items(speaker=list("aabb"), emotion="sad", text_id=["1", "", "2", "2"])
    with pytest.raises(InputError, match="1 items have no text_id"):
        validate(table, folds=[fold([0, 1], [2, 3])], disjoint="text")


# B6: export


def test_b6_skipped_files_are_exported_without_formulas(folder, tmp_path):
    for name in ("=cmd", "+1", "-1", "@x"):
        (folder / f"{name}.wav").write_bytes(b"")
    write_csv(tmp_path / "skipped.csv", index_corpus(folder).skipped)
    lines = (tmp_path / "skipped.csv").read_text().splitlines()
    assert lines[0] == "path,reason,error"
    assert [line[:2] for line in lines[1:]] == ["'+", "'-", "'=", "'@"]
