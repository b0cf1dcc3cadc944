import codecs

import pytest

from quantlab.corpora import READERS
from quantlab.corpora.readers import read_corpus
from quantlab.corpora.readers.esd import decode_transcript, official_split_of
from quantlab.errors import ConfigError, InputError


def touch(root, *paths):
    for path in paths:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()


def read(root, corpus="auto"):
    return read_corpus(root, corpus=corpus)[1]


def test_table_with_the_required_columns_only(tmp_path):
    (tmp_path / "manifest.csv").write_text(
        "path,speaker,emotion\na/x.wav,s1,Anger\nb.wav, s2 ,sad\n"
    )
    reading = read(tmp_path)
    assert reading.notes == ("read as table: found a manifest.csv in the folder",)
    first, second = reading.rows
    assert (first.path, first.speaker, first.emotion, first.emotion_raw) == (
        "a/x.wav",
        "s1",
        "Anger",
        "Anger",
    )
    assert (second.speaker, second.where) == ("s2", "manifest.csv, line 3")
    assert first.corpus == tmp_path.name


def test_table_with_all_columns_semicolons_mark_and_dos_line_ends(tmp_path):
    lines = [
        "Path;Speaker;Emotion;corpus;language;gender;emotion_raw;text_id;transcript;votes;split;age",
        'x.wav;1;sad;c;en;male;Sadness;7;"one; two";{"sad": 2, "fear": 1};train;30',
    ]
    lines[1] = lines[1].replace('{"sad": 2, "fear": 1}', '"{""sad"": 2, ""fear"": 1}"')
    data = codecs.BOM_UTF8 + "\r\n".join([*lines, ""]).encode()
    (tmp_path / "clips.csv").write_bytes(data)
    root, reading = read_corpus(tmp_path / "clips.csv")
    assert root == tmp_path.resolve()
    assert reading.notes == ("columns not used: age",)
    (row,) = reading.rows
    assert (row.corpus, row.language, row.gender, row.split) == ("c", "en", "male", "train")
    assert (row.emotion, row.emotion_raw, row.text_id) == ("sad", "Sadness", "7")
    assert (row.transcript, row.votes) == ("one; two", '{"sad": 2, "fear": 1}')


def test_a_table_wins_over_guessing_but_not_over_a_named_reader(tmp_path):
    touch(tmp_path, "wav/03a01Wa.wav", "wav/08b10Lb.wav")
    (tmp_path / "manifest.csv").write_text("path,speaker,emotion\nwav/03a01Wa.wav,me,sad\n")
    assert [row.speaker for row in read(tmp_path).rows] == ["me"]
    assert [row.speaker for row in read(tmp_path, "emodb").rows] == ["03", "08"]


def test_emodb_names(tmp_path):
    letters = {
        "W": "angry",
        "L": "boredom",
        "E": "disgust",
        "A": "fear",
        "F": "happy",
        "T": "sad",
        "N": "neutral",
    }
    touch(tmp_path, *(f"wav/03a01{letter}a.wav" for letter in letters), "wav/16b10Tb.wav")
    reading = read(tmp_path)
    assert reading.notes[0].startswith("read as emodb: 8 of 8 audio files are files named like 03a")
    assert {row.emotion_raw: row.emotion for row in reading.rows} == letters
    last = reading.rows[-1]
    assert (last.speaker, last.gender, last.language, last.text_id, last.corpus) == (
        "16",
        "female",
        "de",
        "b10",
        "emodb",
    )
    assert reading.rows[0].gender == "male"


NEMO_TABLE = (
    "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage\n"
    "EB0_anger_1.wav\tanger\tLubię czytać.\tlubię czytać\t        EB0\tfemale\t27\n"
    "TP0_surprised_90.wav\tsurprised\t„Ród”\tród\t        TP0\tmale\t26\n"
)


@pytest.mark.parametrize("inside", ["", "nEMO/"])
def test_nemo_as_published(tmp_path, inside):
    touch(
        tmp_path, *(f"{inside}samples/{name}.wav" for name in ("EB0_anger_1", "TP0_surprised_90"))
    )
    touch(tmp_path, f"{inside}samples/EB0_fear_2.wav")
    (tmp_path / inside / "data.tsv").write_text(NEMO_TABLE)
    reading = read(tmp_path)
    first, second = reading.rows
    assert first.path == f"{inside}samples/EB0_anger_1.wav"
    assert (first.speaker, first.gender, first.language) == ("EB0", "female", "pl")
    assert (first.emotion_raw, first.text_id, first.transcript) == ("anger", "1", "Lubię czytać.")
    assert (second.speaker, second.emotion, second.text_id) == ("TP0", "surprised", "90")
    assert [(entry.path, entry.reason) for entry in reading.skipped] == [
        (f"{inside}samples/EB0_fear_2.wav", f"not in {inside}data.tsv")
    ]


def test_nemo_file_names_alone(tmp_path):
    touch(tmp_path, "audio/EB0_anger_1.flac", "audio/SM0_happiness_12.flac", "audio/readme.wav")
    reading = read(tmp_path)
    assert [(row.speaker, row.gender, row.emotion_raw, row.text_id) for row in reading.rows] == [
        ("EB0", "female", "anger", "1"),
        ("SM0", "male", "happiness", "12"),
    ]
    assert [entry.reason for entry in reading.skipped] == ["not named like EB0_anger_1.wav"]


def test_nemo_table_without_a_column(tmp_path):
    touch(tmp_path, "samples/EB0_anger_1.wav")
    (tmp_path / "data.tsv").write_text("file_id\temotion\nEB0_anger_1.wav\tanger\n")
    with pytest.raises(InputError, match=r"data.tsv, line 1: no column 'raw_text'"):
        read(tmp_path)


ESD_FOLDERS = ("Neutral", "Angry", "Happy", "Sad", "Surprise")


def esd_paths(*, flat, speakers=("0001", "0011"), inside=""):
    """One clip of each official part for each emotion: sentences 1, 21 and 51."""
    parts = {1: "evaluation", 21: "test", 51: "train"}
    for speaker in speakers:
        for index, emotion in enumerate(ESD_FOLDERS):
            for sentence, part in parts.items():
                name = f"{speaker}_{index * 350 + sentence:06d}.wav"
                yield f"{inside}{speaker}/{emotion}/" + ("" if flat else f"{part}/") + name


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("inside", ["", "Emotion Speech Dataset/"])
def test_both_esd_layouts(tmp_path, flat, inside):
    touch(tmp_path, *esd_paths(flat=flat, inside=inside))
    reading = read(tmp_path)
    assert len(reading.rows) == 30
    assert not reading.skipped
    for row in reading.rows:
        assert f"/{row.emotion}/" in row.path
        assert row.language == ("zh" if row.speaker == "0001" else "en")
        assert row.split == {"1": "evaluation", "21": "test", "51": "train"}[row.text_id]
        assert flat or f"/{row.split}/" in row.path


@pytest.mark.parametrize(
    ("sentence", "part"),
    [
        (1, "evaluation"),
        (20, "evaluation"),
        (21, "test"),
        (50, "test"),
        (51, "train"),
        (350, "train"),
    ],
)
def test_esd_official_split_is_by_sentence(sentence, part):
    assert official_split_of(sentence) == part


@pytest.mark.parametrize(
    ("number", "emotion", "sentence"),
    [
        (1, "Neutral", 1),
        (350, "Neutral", 350),
        (351, "Angry", 1),
        (700, "Angry", 350),
        (1050, "Happy", 350),
        (1051, "Sad", 1),
        (1400, "Sad", 350),
        (1401, "Surprise", 1),
        (1750, "Surprise", 350),
    ],
)
def test_esd_number_gives_emotion_and_sentence(tmp_path, number, emotion, sentence):
    touch(tmp_path, f"0020_{number:06d}.wav")
    (row,) = read(tmp_path, "esd").rows
    assert (row.emotion, row.text_id) == (emotion, str(sentence))


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("0011/Happy/0011_000351.wav", "the folder 'Happy', but its number 351 means Angry"),
        ("0011/Sad/0011_001751.wav", "utterance number 1751 is not between 1 and 1750"),
        ("0011/Sad/0011_000000.wav", "utterance number 0 is not between"),
        ("0021/Sad/0021_001100.wav", "speaker 0021 is not one of 0001 to 0020"),
        ("0011/Sad/noise.wav", "not named like 0011_000351.wav"),
    ],
)
def test_esd_files_that_contradict_the_rules_are_left_out(tmp_path, path, reason):
    touch(tmp_path, "0011/Angry/0011_000351.wav", path)
    reading = read(tmp_path, "esd")
    assert [row.path for row in reading.rows] == ["0011/Angry/0011_000351.wav"]
    assert [entry.path for entry in reading.skipped] == [path]
    assert reason in reading.skipped[0].reason


@pytest.mark.parametrize(
    ("speaker", "encoding", "text", "label"),
    [
        ("0001", "gb2312", "打远一看", "中立"),
        ("0003", "utf-16", "打远一看", "中立"),
        ("0011", "utf-8", "The nine the eggs, I keep.", "Neutral"),
        ("0012", "utf-16", "The nine the eggs, I keep.", "Neutral"),
        ("0011", "utf-8-sig", "A raven’s wing.", "Neutral"),
        ("0016", "latin-1", "Un café, s'il vous plaît.", "Neutral"),
    ],
)
def test_esd_transcripts_in_their_encodings(tmp_path, speaker, encoding, text, label):
    touch(tmp_path, f"{speaker}/Neutral/{speaker}_000001.wav")
    content = f"{speaker}_000001\t{text}\t{label}\r\n"
    (tmp_path / speaker / f"{speaker}.txt").write_bytes(content.encode(encoding))
    (row,) = read(tmp_path).rows
    assert row.transcript == text


@pytest.mark.parametrize(
    "line",
    [
        "0011_000001\tI keep nine eggs.\tNeutral",
        "0011_000001 I keep nine eggs.\tNeutral",
        "0011_000001\tI keep nine eggs. Neutral",
        "0011_000001  I keep nine eggs.  Neutral ",
        "0011_000001\tI keep nine eggs.",
        "  0011_000001\tI keep nine eggs.\t",
    ],
)
def test_esd_transcript_lines_with_missing_tabs(tmp_path, line):
    touch(tmp_path, "0011/Neutral/0011_000001.wav")
    (tmp_path / "0011" / "0011.txt").write_text(f"\nnonsense\n{line}\n")
    (row,) = read(tmp_path).rows
    assert row.transcript == "I keep nine eggs."


def test_an_english_apostrophe_is_not_read_as_chinese():
    data = b"It\x92s late"
    assert decode_transcript(data, mandarin=False) == "It\x92s late"
    assert decode_transcript("生气".encode("gb18030"), mandarin=True) == "生气"


@pytest.mark.parametrize(
    ("paths", "rows"),
    [
        (
            ["s1/angry/1.wav", "s1/Sadness/2.wav", "s2/happy/1.flac"],
            [("s1", "Sadness", ""), ("s1", "angry", ""), ("s2", "happy", "")],
        ),
        (["angry/s1/1.wav", "sad/s2/1.wav"], [("s1", "angry", ""), ("s2", "sad", "")]),
        (["angry/s1_01.wav", "sad/s2_a_b.wav"], [("s1", "angry", ""), ("s2", "sad", "")]),
        (["s1_joy_07.wav", "s2_fear_a_b.wav"], [("s1", "joy", "07"), ("s2", "fear", "a_b")]),
    ],
)
def test_folder_layouts(tmp_path, paths, rows):
    touch(tmp_path, *paths)
    reading = read(tmp_path)
    assert [(row.speaker, row.emotion, row.text_id) for row in reading.rows] == rows
    assert reading.notes[0] == "read as folder: no named corpus fits"


def test_folder_takes_one_layout_for_all_files(tmp_path):
    touch(tmp_path, "s1/angry/1.wav", "s2/angry/1.wav", "s2/rage/1.wav", "extra.wav")
    reading = read(tmp_path)
    assert [row.emotion for row in reading.rows] == ["angry", "angry", "rage"]
    assert [(entry.path, entry.reason) for entry in reading.skipped] == [
        ("extra.wav", "does not follow the layout <speaker>/<emotion>/<clip>.wav")
    ]


def test_a_corpus_is_recognised_by_at_least_half_of_its_files(tmp_path):
    touch(tmp_path, "s1/angry/03a01Wa.wav", "s1/sad/x.wav")
    assert read(tmp_path).notes[0].startswith("read as emodb: 1 of 2 audio files")
    touch(tmp_path, "s2/sad/y.wav")
    assert read(tmp_path).notes[0] == "read as folder: no named corpus fits"


def test_folder_in_no_known_layout_lists_the_layouts(tmp_path):
    touch(tmp_path, "a/b/c/d.wav")
    message = (
        r"holds 1 audio files, such as 'a/b/c/d.wav', in no layout .*<speaker>/<emotion>/<clip>"
    )
    with pytest.raises(InputError, match=message):
        read(tmp_path)
    with pytest.raises(
        InputError, match=r"could be read as 'emodb', which looks for .*03a01Wa.wav"
    ):
        read(tmp_path, "emodb")
    with pytest.raises(InputError, match=r"has no manifest.csv"):
        read(tmp_path, "table")


def test_empty_and_missing_folders(tmp_path):
    with pytest.raises(InputError, match="holds 0 audio files, and no audio file at all"):
        read(tmp_path)
    with pytest.raises(InputError, match="does not exist; give the folder"):
        read(tmp_path / "nowhere")
    touch(tmp_path, "file")
    with pytest.raises(InputError, match="is not a directory"):
        read(tmp_path / "file")


def test_reader_names_are_checked(tmp_path):
    with pytest.raises(ConfigError, match="unknown corpus 'esx'; known are auto, table, nemo"):
        read(tmp_path, "esx")
    (tmp_path / "x.csv").write_text("path,speaker,emotion\na.wav,s,sad\n")
    with pytest.raises(ConfigError, match="is a table; read it with corpus 'table'"):
        read(tmp_path / "x.csv", "nemo")
    assert list(READERS) == [
        "table", "nemo", "emodb", "esd", "crema-d", "ravdess", "savee", "tess", "iemocap",
        "msp-improv", "timit", "cameo", "emobox", "audformat", "folder",
    ]  # fmt: skip


def test_hidden_files_and_folders_are_ignored(tmp_path):
    touch(tmp_path, "s/sad/a.wav", "s/sad/._a.wav", ".git/sad/b.wav", "s/sad/.hidden.wav")
    reading = read(tmp_path)
    assert [row.path for row in reading.rows] == ["s/sad/a.wav"]
    assert not reading.skipped
