import numpy as np
import pandas as pd
import pytest

from quantlab.corpora import Fold, Manifest, speaker_folds, text_folds, validate
from quantlab.errors import InputError


def items(num_speakers=3, emotions=("angry", "sad"), num_texts=3, corpus="c"):
    rows = [
        {
            "path": f"{speaker}/{emotion}/{text}.wav",
            "corpus": corpus,
            "speaker": f"s{speaker}",
            "emotion": emotion,
            "text_id": str(text),
            "language": "en",
        }
        for speaker in range(num_speakers)
        for emotion in emotions
        for text in range(num_texts)
    ]
    frame = pd.DataFrame(rows)
    frame["sha256"] = [f"{index:064x}" for index in range(len(frame))]
    return frame


def test_a_sound_corpus_gives_counts_and_no_warning(tmp_path):
    manifest = Manifest(tmp_path, items())
    report = validate(manifest, folds=speaker_folds(manifest.items))
    assert (report.num_items, report.num_speakers, report.num_seen) == (18, 3, 0)
    assert report.clips_per_class == {"angry": 9, "sad": 9}
    assert report.duplicates.empty
    assert report.warnings == ()


def test_copies_are_reported_and_conflicting_labels_told_apart():
    table = items()
    table.loc[1, "sha256"] = table.loc[0, "sha256"]
    table.loc[5, "sha256"] = table.loc[2, "sha256"]
    report = validate(table)
    assert list(report.duplicates["path"]) == [
        "0/angry/0.wav",
        "0/angry/1.wav",
        "0/angry/2.wav",
        "0/sad/2.wav",
    ]
    assert list(report.duplicates["conflict"]) == [False, False, True, True]
    assert report.warnings == (
        "2 clips have the same content as another one under different labels: "
        "'0/angry/2.wav', '0/sad/2.wav'",
        "2 clips have the same content as another one under equal labels: "
        "'0/angry/0.wav', '0/angry/1.wav'",
    )


def test_text_protocol_says_where_a_speaker_is_new():
    table = items()
    table = table[~((table["speaker"] == "s2") & (table["text_id"] != "0"))]
    folds = text_folds(table, 3)
    report = validate(table, folds=folds, disjoint="text")
    assert report.warnings == ("fold 'text-1' tests speakers it was not trained on: 's2'",)


@pytest.mark.parametrize(
    ("trained_on", "num_seen"),
    [
        (["c"], 18),
        (["C"], 18),
        (["librispeech"], 0),
        ([f"{3:064x}", f"{4:064x}"], 2),
        ([{"corpus": "c", "speaker": "s1", "labels": False}], 6),
        ([{"speaker": "s1"}, {"emotion": "sad"}], 12),
        ([], 0),
    ],
)
def test_items_that_the_embedder_has_seen(trained_on, num_seen):
    card = {"name": "functionals", "trained_on": trained_on}
    report = validate(items(), embedder_card=card, allow_seen=True)
    assert report.num_seen == num_seen
    assert len(report.warnings) == (num_seen > 0)
    if num_seen:
        message = f"{num_seen} evaluated items were seen by the embedder 'functionals'"
        assert report.warnings[0] == message
        with pytest.raises(InputError, match=message):
            validate(items(), embedder_card=card)


def test_seen_items_that_only_train_do_no_harm():
    table = items()
    fold = Fold("one", np.arange(6, 18), np.arange(6))
    card = {"name": "e", "trained_on": [{"speaker": "s1"}]}
    assert validate(table, folds=[fold], embedder_card=card).num_seen == 0


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (7, "trained_on entry 7 is neither a corpus name"),
        ({"labels": True}, "is neither a corpus name"),
        ({"session": "1"}, "the table has no column 'session' to tell"),
    ],
)
def test_a_card_that_cannot_be_understood_is_refused(entry, message):
    with pytest.raises(InputError, match=message):
        validate(items(), embedder_card={"trained_on": [entry]})
