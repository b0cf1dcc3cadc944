import pytest

from quantlab.corpora import EMOTIONS, MERGES, canonical_emotion
from quantlab.corpora.labels import SYNONYMS, merge_table
from quantlab.errors import ConfigError, InputError


@pytest.mark.parametrize(
    ("label", "emotion"),
    [
        ("anger", "angry"),
        ("Angry", "angry"),
        ("HAPPINESS", "happy"),
        ("fearful", "fear"),
        ("sadness", "sad"),
        ("surprised", "surprise"),
        (" Pleasant_Surprise ", "surprise"),
        ("Wut", "angry"),
        ("ÜBERRASCHUNG", "surprise"),
        ("U\u0308berraschung", "surprise"),
        ("złość", "angry"),
        ("生气", "angry"),
        ("中立", "neutral"),
        ("exc", "excited"),
        ("bored", "boredom"),
    ],
)
def test_words_of_several_languages_are_understood(label, emotion):
    assert canonical_emotion(label) == emotion


def test_every_canonical_name_stands_for_itself():
    assert [canonical_emotion(emotion) for emotion in EMOTIONS] == list(EMOTIONS)
    assert set(SYNONYMS.values()) == set(EMOTIONS)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("angery", r"unknown emotion 'angery'; did you mean 'angry'\?"),
        ("hapiness", r"did you mean 'happy'\?"),
        ("xqz", "emotions are angry, disgust, fear"),
        ("", "unknown emotion ''; emotions are angry"),
    ],
)
def test_unknown_emotion_names_the_nearest(label, message):
    with pytest.raises(InputError, match=message):
        canonical_emotion(label)


def test_own_labels_win_over_the_built_in_ones():
    assert canonical_emotion("Rage", labels={"rage": "angry"}) == "angry"
    assert canonical_emotion("joy", labels={"joy": "excited"}) == "excited"
    with pytest.raises(InputError, match=r"'rage' is mapped to 'furious', which is no emotion"):
        canonical_emotion("rage", labels={"rage": "furious"})


def test_merges_have_names():
    assert merge_table([]) == {}
    assert merge_table(["excited-happy", "calm-neutral"]) == {"excited": "happy", "calm": "neutral"}
    with pytest.raises(ConfigError, match="unknown merge 'happy'; merges are excited-happy"):
        merge_table(["happy"])
    for merge in MERGES.values():
        assert set(merge) | set(merge.values()) <= set(EMOTIONS)
