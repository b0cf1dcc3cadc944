import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.corpora import (
    leave_one_speaker_out,
    official_split,
    speaker_disjoint,
    speaker_folds,
    text_disjoint,
    text_folds,
    validate,
)
from quantlab.errors import InputError


def table(rows):
    """Build items from (corpus, language, speaker, text) tuples."""
    frame = pd.DataFrame(rows, columns=["corpus", "language", "speaker", "text_id"])
    frame["path"] = [f"{index}.wav" for index in range(len(frame))]
    frame["emotion"] = "sad"
    return frame


def factorial(num_speakers=4, num_texts=6):
    return table(
        [
            ("c", "en", f"s{speaker:02d}", str(text))
            for speaker in range(num_speakers)
            for text in range(num_texts)
        ]
    )


@st.composite
def any_items(draw):
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["a", "b"]),
                st.sampled_from(["", "de", "en"]),
                st.sampled_from([f"s{index}" for index in range(15)]),
                st.sampled_from([str(index) for index in range(9)]),
            ),
            min_size=1,
            max_size=60,
        )
    )
    return table(rows)


def by_path(items, folds):
    paths = items["path"].to_numpy()
    return [(fold.name, set(paths[fold.train]), set(paths[fold.test])) for fold in folds]


def check_partition(items, folds):
    for fold in folds:
        assert len(fold.train)
        assert len(fold.test)
        together = np.sort(np.concatenate([fold.train, fold.test]))
        np.testing.assert_array_equal(together, np.arange(len(items)))
    tested = np.sort(np.concatenate([fold.test for fold in folds]))
    np.testing.assert_array_equal(tested, np.arange(len(items)))


SPLITTERS = [
    pytest.param(speaker_folds, ["corpus", "speaker"], speaker_disjoint, id="speaker"),
    pytest.param(text_folds, ["corpus", "language", "text_id"], text_disjoint, id="text"),
]


@pytest.mark.parametrize(("split", "columns", "disjoint"), SPLITTERS)
@settings(deadline=None, max_examples=60)
@given(items=any_items(), num_folds=st.integers(2, 8), seed=st.integers(0, 2**32 - 1))
def test_folds_never_leak_and_test_every_item_once(
    split, columns, disjoint, items, num_folds, seed
):
    if split is text_folds:
        # Where the language is known the corpus does not matter.
        items["corpus"] = items["corpus"].where(items["language"] == "", "any")
    try:
        folds = split(items, num_folds)
    except InputError:
        assert items[columns].drop_duplicates().shape[0] < num_folds
        return
    assert len(folds) == num_folds
    check_partition(items, folds)
    keys = items[columns].agg("\0".join, axis=1).to_numpy()
    for fold in folds:
        assert not set(keys[fold.train]) & set(keys[fold.test])
        assert disjoint(items, fold)
    validate(items, folds=folds, disjoint=split.__name__.split("_")[0], min_clips_per_class=1)

    order = np.random.default_rng(seed).permutation(len(items))
    shuffled = items.iloc[order].reset_index(drop=True)
    assert by_path(shuffled, split(shuffled, num_folds)) == by_path(items, folds)


@pytest.mark.parametrize(("num_speakers", "num_folds"), [(2, 2), (12, 12), (13, 10), (40, 10)])
def test_default_number_of_speaker_folds(num_speakers, num_folds):
    folds = speaker_folds(factorial(num_speakers, 2))
    assert len(folds) == num_folds
    sizes = [len(fold.test) for fold in folds]
    assert max(sizes) - min(sizes) <= 2


def test_a_fold_of_one_speaker_has_the_speakers_name():
    items = factorial(13, 1)
    assert [fold.name for fold in leave_one_speaker_out(items)] == sorted(set(items["speaker"]))
    assert [fold.name for fold in speaker_folds(items, 2)] == ["speaker-1", "speaker-2"]


def test_equal_speaker_names_of_two_corpora_are_two_speakers():
    items = table([("emodb", "de", "03", "a01"), ("other", "en", "03", "a01")])
    folds = speaker_folds(items)
    assert [fold.name for fold in folds] == ["emodb/03", "other/03"]


def test_text_ids_are_per_language():
    items = table([("esd", "zh", "0001", "1"), ("esd", "en", "0011", "1")])
    assert [list(fold.test) for fold in text_folds(items, 2)] == [[1], [0]]
    same = table([("esd", "zh", "0001", "1"), ("other", "zh", "0011", "1")])
    with pytest.raises(InputError, match="need at least two texts"):
        text_folds(same, 2)


def test_text_folds_share_speakers():
    items = factorial()
    for fold in text_folds(items, 3):
        assert set(items["speaker"].iloc[fold.test]) <= set(items["speaker"].iloc[fold.train])
        assert text_disjoint(items, fold)
        assert not speaker_disjoint(items, fold)


@pytest.mark.parametrize("num_folds", [-1, 0, 1, 5])
def test_number_of_folds_is_checked(num_folds):
    with pytest.raises(
        InputError, match=f"{num_folds} folds were asked for; 4 speakers allow 2 to"
    ):
        speaker_folds(factorial(4, 2), num_folds)


def test_an_empty_table_and_unknown_texts_are_refused():
    with pytest.raises(InputError, match="no rows"):
        speaker_folds(factorial(0))
    items = factorial(2, 2)
    items.loc[0, "text_id"] = ""
    with pytest.raises(InputError, match="1 of 4 items have no text_id"):
        text_folds(items, 2)
    with pytest.raises(InputError, match="4 of 4 items have no text_id"):
        text_folds(items.drop(columns="text_id"), 2)


def test_official_split_leaves_out_the_part_for_choosing_settings():
    items = factorial(2, 3)
    items["split"] = ["train", "evaluation", "test"] * 2
    fold = official_split(items)
    assert (fold.name, list(fold.train), list(fold.test)) == ("official", [0, 3], [2, 5])
    assert list(official_split(items, test="evaluation").test) == [1, 4]
    assert text_disjoint(items, fold)
    assert not speaker_disjoint(items, fold)
    report = validate(items, folds=[fold], disjoint="text")
    assert report.warnings == ("4 items are in no test set",)
    with pytest.raises(InputError, match="no official split with the parts 'train' and 'test'"):
        official_split(items.drop(columns="split"))
