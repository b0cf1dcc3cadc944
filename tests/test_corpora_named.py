"""Readers of named corpora, on miniatures that are written out as the published corpora lie."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from quantlab.corpora import FOLDING, PHONES_39, PHONES_61, agreement, index_corpus, read_phones
from quantlab.corpora.readers import READERS, Files, read_corpus
from quantlab.errors import InputError

WHO = ["corpus", "language", "speaker", "gender", "emotion", "emotion_raw"]


def _write(root: Path, path: str, *, silent: bool = False, form: str = "WAV") -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    # Content differs from clip to clip, as it does in life.
    seed = sum(map(ord, path))
    noise = 0.1 * np.random.default_rng(seed).normal(size=3200)
    soundfile.write(target, np.zeros(3200) if silent else noise, 16000, format=form)


def _text(root: Path, path: str, text: str) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


def _items(root: Path, corpus: str = "auto") -> tuple[pd.DataFrame, dict[str, str]]:
    """Index a folder; return its items by path, and what was skipped with reasons."""
    indexed = index_corpus(root, corpus=corpus)
    skipped = dict(zip(indexed.skipped["path"], indexed.skipped["reason"], strict=True))
    return indexed.manifest.items.set_index("path"), skipped


def _names(*paths: str) -> Files:
    return Files(Path("/none"), tuple(sorted(paths)), (), ())


def test_crema_d(tmp_path: Path) -> None:
    for name in ("1001_DFA_ANG_XX", "1001_IEO_HAP_HI", "1091_WSI_NEU_XX", "1002_IEO_SAD_X"):
        _write(tmp_path, f"AudioWAV/{name}.wav")
    _write(tmp_path, "AudioWAV/1076_MTI_SAD_XX.wav", silent=True)
    _write(tmp_path, "AudioWAV/readme.wav")
    _text(
        tmp_path,
        "VideoDemographics.csv",
        "ActorID,Age,Sex,Race,Ethnicity\n1001,51,Male,Caucasian,Not Hispanic\n"
        "1076,25,Female,Asian,Not Hispanic\n",
    )
    _text(
        tmp_path,
        "finishedResponses.csv",
        '"","localid","pos","ans","ttr","queryType","numTries","clipNum","questNum","subType",'
        '"clipName","sessionNums","respEmo","respLevel","dispEmo","dispVal","dispLevel"\n'
        '1,"1",1,"A_80",3137,1,0,1,1,4,"1001_DFA_ANG_XX",1,"A","80","A",80,"X"\n'
        '2,"2",1,"A_70",3137,1,0,1,1,4,"1001_DFA_ANG_XX",1,"A","70","A",80,"X"\n'
        '3,"3",1,"N_70",3137,1,0,1,1,4,"1001_DFA_ANG_XX",1,"N","70","A",80,"X"\n'
        '4,"4",1,"H_70",3137,3,0,1,1,4,"1001_DFA_ANG_XX",1,"H","70","A",80,"X"\n',
    )
    items, skipped = _items(tmp_path)
    first = items.loc["AudioWAV/1001_DFA_ANG_XX.wav"]
    assert first[WHO].tolist() == [
        "crema-d", "en", "1001", "male", "angry", "ANG",
    ]  # fmt: skip
    assert first["text_id"] == "DFA"
    assert first["transcript"] == "Don't forget a jacket."
    assert json.loads(first["votes"]) == {"angry": 2, "neutral": 1}
    assert agreement(first["votes"]) == pytest.approx(2 / 3)
    assert json.loads(first["attributes"]) == {"age": "51", "intensity": "unspecified"}
    happy = json.loads(items.loc["AudioWAV/1001_IEO_HAP_HI.wav", "attributes"])
    assert happy["intensity"] == "high"
    irregular = json.loads(items.loc["AudioWAV/1002_IEO_SAD_X.wav", "attributes"])
    assert irregular == {"intensity": "X"}
    silent = items.loc["AudioWAV/1076_MTI_SAD_XX.wav"]
    assert (silent["emotion"], silent["gender"], silent["flags"]) == ("sad", "female", "silent")
    assert items.loc["AudioWAV/1091_WSI_NEU_XX.wav", "votes"] == ""
    assert list(skipped) == ["AudioWAV/readme.wav"]


def test_crema_d_as_large_as_published() -> None:
    """91 actors say 12 sentences in 6 emotions; IEO in three levels but for neutral."""
    sentences = "TIE IOM IWW TAI MTI IWL ITH DFA ITS TSI WSI".split()
    names = [f"{actor}_IEO_NEU_XX.wav" for actor in range(1001, 1092)]
    for actor in range(1001, 1092):
        for emotion in "ANG DIS FEA HAP SAD".split():
            names += [f"{actor}_IEO_{emotion}_{level}.wav" for level in ("LO", "MD", "HI")]
            names += [f"{actor}_{sentence}_{emotion}_XX.wav" for sentence in sentences]
        names += [f"{actor}_{sentence}_NEU_XX.wav" for sentence in sentences]
    rows = READERS["crema-d"].read(_names(*names)).rows
    assert len(rows) == len(names)
    counts = Counter(row.emotion for row in rows)
    assert set(counts) == {"angry", "disgust", "fear", "happy", "neutral", "sad"}
    levels = Counter(json.loads(row.attributes)["intensity"] for row in rows)
    assert {levels[level] for level in ("low", "medium", "high")} == {455}
    assert len({row.speaker for row in rows}) == 91


def test_ravdess(tmp_path: Path) -> None:
    _write(tmp_path, "Actor_12/03-01-06-01-02-01-12.wav")
    _write(tmp_path, "Actor_01/03-01-01-01-01-02-01.wav")
    _write(tmp_path, "Actor_01/03-01-08-02-01-02-01.wav")
    _write(tmp_path, "Actor_01/03-02-03-01-01-02-01.wav")
    _write(tmp_path, "Actor_01/01-01-03-01-01-02-01.wav")
    _write(tmp_path, "audio_speech_actors_01-24/Actor_12/03-01-06-01-02-01-12.wav")
    items, skipped = _items(tmp_path)
    fear = items.loc["Actor_12/03-01-06-01-02-01-12.wav"]
    assert fear[WHO].tolist() == [
        "ravdess", "en", "12", "female", "fear", "fearful",
    ]  # fmt: skip
    assert fear["text_id"] == "02"
    assert fear["transcript"] == "Dogs are sitting by the door."
    assert json.loads(fear["attributes"]) == {"intensity": "normal", "repetition": 1}
    surprise = items.loc["Actor_01/03-01-08-02-01-02-01.wav"]
    assert (surprise["emotion"], surprise["gender"]) == ("surprise", "male")
    assert json.loads(surprise["attributes"]) == {"intensity": "strong", "repetition": 2}
    assert len(items) == 3
    assert "a song" in skipped["Actor_01/03-02-03-01-01-02-01.wav"]
    assert "soundtrack" in skipped["Actor_01/01-01-03-01-01-02-01.wav"]
    assert "second file" in skipped["audio_speech_actors_01-24/Actor_12/03-01-06-01-02-01-12.wav"]


def test_ravdess_as_large_as_published() -> None:
    names = [
        f"Actor_{actor:02d}/03-01-{emotion:02d}-{level:02d}-{text:02d}-{again:02d}-{actor:02d}.wav"
        for actor in range(1, 25)
        for emotion in range(1, 9)
        for level in ((1,) if emotion == 1 else (1, 2))
        for text in (1, 2)
        for again in (1, 2)
    ]
    rows = READERS["ravdess"].read(_names(*names)).rows
    counts = Counter(row.emotion for row in rows)
    assert len(rows) == 1440
    assert counts.pop("neutral") == 96
    assert set(counts.values()) == {192}
    assert set(counts) == {"calm", "happy", "sad", "angry", "fear", "disgust", "surprise"}
    assert Counter(row.gender for row in rows) == {"male": 720, "female": 720}


@pytest.mark.parametrize("flat", [True, False])
def test_savee(tmp_path: Path, flat: bool) -> None:
    made = {
        "DC_a01": "angry", "JE_d02": "disgust", "JK_f03": "fear", "KL_h04": "happy",
        "DC_n30": "neutral", "DC_sa05": "sad", "DC_su06": "surprise",
    }  # fmt: skip
    for name in made:
        speaker, _, rest = name.partition("_")
        _write(tmp_path, f"AudioData/{name}.wav" if flat else f"AudioData/{speaker}/{rest}.wav")
    items, skipped = _items(tmp_path)
    assert not skipped
    for name, emotion in made.items():
        path = f"AudioData/{name}.wav" if flat else f"AudioData/{name.replace('_', '/')}.wav"
        row = items.loc[path]
        assert (row["corpus"], row["emotion"], row["speaker"]) == ("savee", emotion, name[:2])
        assert (row["gender"], row["language"]) == ("male", "en")
        assert row["emotion_raw"] == name[3:-2]


def test_savee_as_large_as_published() -> None:
    names = [
        f"{speaker}_{letters}{number:02d}.wav"
        for speaker in ("DC", "JE", "JK", "KL")
        for letters in ("a", "d", "f", "h", "n", "sa", "su")
        for number in range(1, 31 if letters == "n" else 16)
    ]
    counts = Counter(row.emotion for row in READERS["savee"].read(_names(*names)).rows)
    assert len(names) == 480
    assert counts.pop("neutral") == 120
    assert set(counts.values()) == {60}


def test_tess(tmp_path: Path) -> None:
    _write(tmp_path, "OAF_angry/OAF_back_angry.wav")
    _write(tmp_path, "OAF_neutral/OA_bite_neutral.wav")
    _write(tmp_path, "YAF_pleasant_surprised/YAF_chair_ps.wav")
    _write(tmp_path, "TESS Toronto emotional speech set data/OAF_angry/OAF_back_angry.wav")
    items, skipped = _items(tmp_path)
    first = items.loc["OAF_angry/OAF_back_angry.wav"]
    assert first[WHO].tolist() == [
        "tess", "en", "OAF", "female", "angry", "angry",
    ]  # fmt: skip
    assert (first["text_id"], first["transcript"]) == ("back", "Say the word back.")
    assert items.loc["OAF_neutral/OA_bite_neutral.wav", "speaker"] == "OAF"
    surprise = items.loc["YAF_pleasant_surprised/YAF_chair_ps.wav"]
    assert (surprise["emotion"], surprise["emotion_raw"]) == ("surprise", "ps")
    assert list(skipped) == ["TESS Toronto emotional speech set data/OAF_angry/OAF_back_angry.wav"]


def test_timit(tmp_path: Path) -> None:
    for path in ("TRAIN/DR1/FCJF0/SA1.WAV", "TEST/DR8/MPAM0/SX19.WAV"):
        _write(tmp_path, path, form="NIST")
    _write(tmp_path, "train/dr2/mabc0/si1620.wav", form="NIST")
    _text(tmp_path, "TRAIN/DR1/FCJF0/SA1.TXT", "0 46797 She had your dark suit.\n")
    _text(
        tmp_path,
        "TRAIN/DR1/FCJF0/SA1.PHN",
        "0 3050 h#\n3050 4559 sh\n4559 5723 ix\n5723 6642 hv\n6642 8772 eh\n8772 9190 dcl\n"
        "9190 10337 jh\n10337 11517 ih\n11517 12500 q\n12500 14078 ux\n",
    )
    items, skipped = _items(tmp_path)
    assert not skipped
    first = items.loc["TRAIN/DR1/FCJF0/SA1.WAV"]
    assert first[WHO].tolist() == [
        "timit", "en", "FCJF0", "female", "other", "",
    ]  # fmt: skip
    assert (first["text_id"], first["split"]) == ("SA1", "train")
    assert first["transcript"] == "She had your dark suit."
    assert json.loads(first["attributes"]) == {"dialect_region": 1, "sentence_type": "SA"}
    assert items.loc["TEST/DR8/MPAM0/SX19.WAV", ["split", "gender"]].tolist() == ["test", "male"]
    lower = items.loc["train/dr2/mabc0/si1620.wav"]
    assert (lower["speaker"], lower["split"], lower["text_id"]) == ("MABC0", "train", "SI1620")
    phones = read_phones(tmp_path / "TRAIN/DR1/FCJF0/SA1.WAV")
    assert phones == read_phones(tmp_path / "TRAIN/DR1/FCJF0/SA1.PHN")
    assert [phone.folded for phone in phones] == [
        "sil", "sh", "ih", "hh", "eh", "sil", "jh", "ih", "", "uw",
    ]  # fmt: skip
    assert (phones[1].start, phones[1].end) == (3050, 4559)


def test_phones_fold_as_published() -> None:
    assert (len(PHONES_61), len(set(PHONES_61)), len(PHONES_39)) == (61, 61, 39)
    published = {
        "ao": "aa", "ax": "ah", "ax-h": "ah", "axr": "er", "el": "l", "em": "m", "en": "n",
        "nx": "n", "eng": "ng", "hv": "hh", "ix": "ih", "ux": "uw", "zh": "sh", "bcl": "sil",
        "dcl": "sil", "gcl": "sil", "pcl": "sil", "tcl": "sil", "kcl": "sil", "h#": "sil",
        "pau": "sil", "epi": "sil", "q": "",
    }  # fmt: skip
    for phone in PHONES_61:
        assert FOLDING[phone] == published.get(phone, phone)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 10 xx\n", "line 1: 'xx' is none of the 61"),
        ("0 10 aa\n5 20 iy\n", "line 2: 5 to 20 does not follow sample 10"),
        ("0 10\n", "not 'start end phone'"),
        ("10 10 aa\n", "does not follow"),
    ],
)
def test_phones_that_cannot_be_right_are_refused(tmp_path: Path, text: str, message: str) -> None:
    _text(tmp_path, "a.PHN", text)
    with pytest.raises(InputError, match=message):
        read_phones(tmp_path / "a.PHN")
    with pytest.raises(InputError, match="no phones"):
        read_phones(tmp_path / "b.wav")


IEMOCAP = """% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.0000]
C-E2:\tNeutral;\t()
C-E3:\tNeutral;\t()
C-E4:\tNeutral; Frustration;\t()
C-F1:\tAnger;\t()
A-E3:\tval 3; act 2; dom  2;\t()
A-E4:\tval 2; act 3; dom  2;\t()
A-F1:\tval 3; act 2; dom  1;\t()

[10.0100 - 11.3925]\tSes01F_impro01_M000\texc\t[3.0000, 3.5000, 2.0000]
C-E2:\tExcited;\t()
C-E3:\tExcited;\t()
C-E4:\tHappiness;\t()
C-M1:\tNeutral state;\t()

[14.8872 - 18.0175]\tSes01F_impro01_F001\txxx\t[2.5000, 2.5000, 2.0000]
C-E2:\tSadness;\t()
C-E3:\tAnger;\t()
"""


def test_iemocap(tmp_path: Path) -> None:
    dialog = "Ses01F_impro01"
    wav = f"Session1/sentences/wav/{dialog}"
    for turn in ("F000", "M000", "F001"):
        _write(tmp_path, f"{wav}/{dialog}_{turn}.wav")
    _write(tmp_path, f"Session1/dialog/wav/{dialog}.wav")
    _text(tmp_path, f"Session1/dialog/EmoEvaluation/{dialog}.txt", IEMOCAP)
    _text(tmp_path, f"Session1/dialog/EmoEvaluation/Categorical/{dialog}_e2_cat.txt", "x\n")
    _text(
        tmp_path,
        f"Session1/dialog/transcriptions/{dialog}.txt",
        "Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.\n"
        "Ses01F_impro01_M000 [010.0100-011.3925]: Do you have your forms?\n",
    )
    items, skipped = _items(tmp_path)
    first = items.loc[f"{wav}/{dialog}_F000.wav"]
    assert first[WHO].tolist() == [
        "iemocap", "en", "Ses01F", "female", "neutral", "neu",
    ]  # fmt: skip
    assert first["session"] == "1"
    assert first["transcript"] == "Excuse me."
    # The actor's own word (C-F1) is no vote; an annotator with two words halves the vote.
    assert json.loads(first["votes"]) == {"frustrated": 0.5, "neutral": 2.5}
    assert json.loads(first["attributes"]) == {"arousal": 2.5, "dominance": 2.0, "valence": 2.5}
    second = items.loc[f"{wav}/{dialog}_M000.wav"]
    assert (second["speaker"], second["gender"], second["emotion"]) == ("Ses01M", "male", "excited")
    assert json.loads(second["votes"]) == {"excited": 2, "happy": 1}
    assert skipped == {f"{wav}/{dialog}_F001.wav": "annotators did not agree (xxx)"}
    merged = index_corpus(tmp_path, merges=["excited-happy"]).manifest.items
    assert sorted(merged["emotion"]) == ["happy", "neutral"]


def test_iemocap_errors_name_file_and_line(tmp_path: Path) -> None:
    _write(tmp_path, "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav")
    with pytest.raises(InputError, match="EmoEvaluation"):
        read_corpus(tmp_path, corpus="iemocap")
    place = "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"
    _text(tmp_path, place, "% header\n[6.2 - 8.2]\tSes01F_impro01_F000\tneu\n")
    with pytest.raises(InputError, match=r"Ses01F_impro01.txt, line 2: .*not like"):
        read_corpus(tmp_path, corpus="iemocap")


MSP = """UTD-IMPROV-S01A-F01-P-FM01.avi; A; A:2.4; V:1.8; D:3.6; N:3.2;
RA1; Angry; Angry,; A:2.0; V:1.0; D:4.0; N:3.0;
RA2; Neutral; Neutral,; A:2.0; V:3.0; D:3.0; N:NaN;

UTD-IMPROV-S01H-M01-R-FM02.avi; X; A:2.4; V:1.8; D:3.6; N:3.2;
RA1; Happy; Happy,; A:2.0; V:1.0; D:4.0; N:3.0;

UTD-IMPROV-S02N-M01-T-FM03.avi; N; A:2.4; V:1.8; D:3.6; N:NaN;
RA1; Neutral; Neutral,; A:2.0; V:1.0; D:4.0; N:3.0;
"""


def test_msp_improv(tmp_path: Path) -> None:
    clips = {
        "session1/S01A/P/MSP-IMPROV-S01A-F01-P-FM01.wav",
        "session1/S01H/R/MSP-IMPROV-S01H-M01-R-FM02.wav",
        "session1/S02N/T/MSP-IMPROV-S02N-M01-T-FM03.wav",
    }
    for path in clips:
        _write(tmp_path, path)
    _text(tmp_path, "Evaluation.txt", MSP)
    items, skipped = _items(tmp_path)
    first = items.loc["session1/S01A/P/MSP-IMPROV-S01A-F01-P-FM01.wav"]
    assert first[WHO].tolist() == [
        "msp-improv", "en", "F01", "female", "angry", "A",
    ]  # fmt: skip
    assert first["session"] == "1"
    assert json.loads(first["votes"]) == {"angry": 1, "neutral": 1}
    assert json.loads(first["attributes"]) == {
        "arousal": 2.4, "dominance": 3.6, "intended": "angry", "naturalness": 3.2,
        "scenario": "P", "valence": 1.8,
    }  # fmt: skip
    read = items.loc["session1/S02N/T/MSP-IMPROV-S02N-M01-T-FM03.wav"]
    assert (read["text_id"], read["speaker"], read["gender"]) == ("02", "M01", "male")
    assert "naturalness" not in json.loads(read["attributes"])
    assert list(skipped.values()) == ["evaluators did not agree (X)"]


def test_emobox(tmp_path: Path) -> None:
    for name in ("a1", "a2", "b1"):
        _write(tmp_path, f"wav/{name}.wav")
    lines = [
        {"key": "a1", "dataset": "MINI", "wav": "wav/a1.wav", "emo": "hap", "speaker": "a"},
        {"key": "a2", "dataset": "MINI", "wav": "wav/a2.wav", "emo": "joyous", "speaker": "a"},
        {"key": "b1", "dataset": "MINI", "wav": "wav/b1.wav", "emo": "sad", "speaker": "b"},
    ]
    _text(tmp_path, "mini.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    _text(tmp_path, "fold_1/mini_train_fold_1.jsonl", json.dumps(lines[0]) + "\n")
    _text(tmp_path, "fold_1/mini_test_fold_1.jsonl", json.dumps(lines[2]) + "\n")
    _text(tmp_path, "label_map.json", json.dumps({"joyous": "happy"}))
    items, skipped = _items(tmp_path)
    assert not skipped
    assert items["emotion"].to_dict() == {
        "wav/a1.wav": "happy", "wav/a2.wav": "happy", "wav/b1.wav": "sad",
    }  # fmt: skip
    assert items.loc["wav/a2.wav", "emotion_raw"] == "joyous"
    assert items["split"].tolist() == ["", "", "fold1"]
    assert set(items["corpus"]) == {"mini"}
    assert items["speaker"].tolist() == ["a", "a", "b"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"key": "x", "wav": "http://host/x.wav", "emo": "sad"}', "no local file"),
        ('{"key": "x", "wav": "cat x.wav |", "emo": "sad"}', "no local file"),
        ('{"key": "x", "wav": "x.wav", "emo": "sad", "type": "command"}', "no local file"),
        ('{"key": "x", "wav": "../x.wav", "emo": "sad"}', "line 2"),
        ('{"key": "x", "wav": "x.wav"}', "'emo' is missing"),
        ("{broken", "not JSON"),
        ('{"key": "a1", "wav": "wav/b1.wav", "emo": "sad"}', "another clip"),
        ('{"key": "x", "wav": "wav/x.wav", "emo": "sadd"}', "line 2: .*did you mean 'sad'"),
    ],
)
def test_emobox_lines_that_are_not_safe_are_refused(
    tmp_path: Path, line: str, message: str
) -> None:
    _write(tmp_path, "wav/a1.wav")
    good = '{"key": "a1", "wav": "wav/a1.wav", "emo": "hap"}\n'
    _text(tmp_path, "mini.jsonl", good + line + "\n")
    with pytest.raises(InputError, match=message):
        index_corpus(tmp_path, corpus="emobox")


def _cameo(root: Path) -> None:
    for name in ("anger/nemo_00000", "neutral/nemo_00001", "surprise/nemo_00002"):
        _write(root, f"CAMEO/nemo/{name}.wav")
    _write(root, "CAMEO/jl_corpus/apology/jl_corpus_00003.wav")
    _write(root, "CAMEO/jl_corpus/anger/readme.wav")


def test_cameo_without_its_tables(tmp_path: Path) -> None:
    _cameo(tmp_path)
    indexed = index_corpus(tmp_path)
    assert indexed.notes[0].startswith("read as cameo: 4 of 5 audio files")
    assert indexed.notes[1].startswith("no table of jl_corpus, nemo: all clips of a part count as")
    items = indexed.manifest.items.set_index("path")
    assert items.loc["CAMEO/nemo/anger/nemo_00000.wav", WHO].tolist() == [
        "cameo-nemo", "pl", "cameo-nemo-unknown", "", "angry", "anger",
    ]  # fmt: skip
    apology = items.loc["CAMEO/jl_corpus/apology/jl_corpus_00003.wav"]
    assert (apology["emotion"], apology["emotion_raw"]) == ("other", "apology")


def test_cameo_with_its_tables(tmp_path: Path) -> None:
    _cameo(tmp_path)
    hashed = "e80234c75eb3f827a0d85bb7737a107a425be1dd5d3cf5c59320b9981109b698.flac"
    _write(tmp_path, f"CAMEO/nemo/fear/{hashed}", form="FLAC")
    first = pd.DataFrame(
        {
            "file_id": ["a.flac", "b.flac"],
            "audio": [{"bytes": b"x", "path": "a.flac"}, {"bytes": b"y", "path": "b.flac"}],
            "emotion": ["anger", "neutral"],
            "transcription": ["Raz", "Dwa"],
            "speaker_id": ["nemo_EB0", "nemo_SM0"],
            "gender": ["Female", "male"],
            "age": ["27", None],
        }
    )
    second = first.assign(file_id=["c.flac", hashed], emotion=["surprise", "fear"])
    for number, table in enumerate((first, second)):
        place = tmp_path / f"data/nemo-{number:05d}-of-00002.parquet"
        place.parent.mkdir(exist_ok=True)
        table.to_parquet(place)
    items, skipped = _items(tmp_path)
    assert not skipped
    angry = items.loc["CAMEO/nemo/anger/nemo_00000.wav"]
    assert angry[WHO].tolist() == ["cameo-nemo", "pl", "nemo_EB0", "female", "angry", "anger"]
    assert angry["transcript"] == "Raz"
    assert json.loads(angry["attributes"]) == {"age": "27"}
    assert items.loc["CAMEO/nemo/surprise/nemo_00002.wav", "speaker"] == "nemo_EB0"
    assert items.loc["CAMEO/nemo/neutral/nemo_00001.wav", "attributes"] == ""
    assert items.loc[f"CAMEO/nemo/fear/{hashed}", "speaker"] == "nemo_SM0"
    _write(tmp_path, "CAMEO/nemo/sadness/nemo_00007.wav")
    assert _items(tmp_path)[1] == {
        "CAMEO/nemo/sadness/nemo_00007.wav": "the table of nemo has no such clip"
    }
    (tmp_path / "CAMEO/nemo/sadness/nemo_00007.wav").unlink()
    _write(tmp_path, "CAMEO/nemo/happiness/nemo_00001.wav")
    with pytest.raises(InputError, match="the table of nemo says 'neutral'"):
        index_corpus(tmp_path)


def test_audformat_as_the_library_writes_it(tmp_path: Path) -> None:
    audformat = pytest.importorskip("audformat")
    for name in ("s1_a", "s1_b", "s2_a"):
        _write(tmp_path, f"audio/{name}.wav")
    database = audformat.Database("minidb", languages=["eng"])
    people = {"s1": {"gender": "female"}, "s2": {"gender": "male"}}
    database.schemes["speaker"] = audformat.Scheme(labels=people)
    database.schemes["emotion"] = audformat.Scheme(labels=["happiness", "sadness", "no_agreement"])
    database.splits["test"] = audformat.Split("test")
    files = [f"audio/{name}.wav" for name in ("s1_a", "s1_b", "s2_a")]
    database["emotion.categories"] = audformat.Table(audformat.filewise_index(files))
    table = database["emotion.categories"]
    for column, values in (
        ("emotion", ["happiness", "sadness", "happiness"]),
        ("speaker", ["s1", "s1", "s2"]),
    ):
        table[column] = audformat.Column(scheme_id=column)
        table[column].set(values)
    for storage in ("csv", "parquet"):
        place = tmp_path if storage == "csv" else tmp_path / "parquet"
        database.save(place, storage_format=storage)
    items, skipped = _items(tmp_path, "audformat")
    assert not skipped
    assert items["emotion"].tolist() == ["happy", "sad", "happy"]
    assert items["emotion_raw"].tolist() == ["happiness", "sadness", "happiness"]
    assert items["speaker"].tolist() == ["s1", "s1", "s2"]
    assert items["gender"].tolist() == ["female", "female", "male"]
    assert set(items["corpus"]) == {"minidb"}
    for name in ("s1_a", "s1_b", "s2_a"):
        _write(tmp_path / "parquet", f"audio/{name}.wav")
    again, _ = _items(tmp_path / "parquet")
    assert again["emotion"].tolist() == items["emotion"].tolist()


def test_audformat_reads_whole_files_only(tmp_path: Path) -> None:
    audformat = pytest.importorskip("audformat")
    for name in ("a", "b"):
        _write(tmp_path, f"{name}.wav")
    database = audformat.Database("segments")
    index = audformat.segmented_index(["a.wav", "b.wav"], starts=["0s", "1s"], ends=[pd.NaT, "2s"])
    table = audformat.Table(index)
    table["emotion"] = audformat.Column()
    table["emotion"].set(["happy", "sad"])
    database["emotion"] = table
    database.save(tmp_path, storage_format="csv")
    items, skipped = _items(tmp_path)
    assert items.index.tolist() == ["a.wav"]
    assert "segment" in skipped["b.wav"]


def test_audformat_without_a_readable_table_says_so(tmp_path: Path) -> None:
    _text(tmp_path, "db.yaml", "name: x\ntables:\n  emotion:\n    type: filewise\n")
    _text(tmp_path, "db.emotion.pkl", "x")
    _write(tmp_path, "a.wav")
    with pytest.raises(InputError, match=r"db.emotion.pkl are pickled, save them as CSV"):
        index_corpus(tmp_path)
