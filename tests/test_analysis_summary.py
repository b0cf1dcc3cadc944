"""The summary tables against loops over conditions, and what is said of rows that are not right."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from sklearn.metrics import balanced_accuracy_score, f1_score

from quantlab.analysis import cluster_mean, jackknife_interval, summarise
from quantlab.errors import InputError

EMOTIONS = ("neutral", "happy", "sad")
KEYS = ["protocol", "recipe", "method", "lam"]
COMMON = ["value", "low", "high", "num_items", "num_speakers"]
LADDER = (0.0, 0.5, 20.0)
METRICS = (
    "distortion",
    "cos_raw_frames",
    "cos_centred_frames",
    "cos_raw_means",
    "cos_centred_means",
)


def make_rows(*, num_speakers=7, seeds=(0, 1)):
    """Return the rows of a small sweep: two protocols, two recipes, every kind of method."""
    rng = np.random.default_rng(17)
    items = pd.DataFrame(
        {
            "item": [f"{speaker}/{n}.wav" for speaker in range(num_speakers) for n in range(5)],
            "speaker": [f"s{speaker}" for speaker in range(num_speakers) for _ in range(5)],
            "text_id": [f"t{n}" for _ in range(num_speakers) for n in range(5)],
            "emotion": rng.choice(EMOTIONS, 5 * num_speakers, p=[0.5, 0.3, 0.2]),
            "num_frames": rng.integers(1, 9, 5 * num_speakers),
        }
    )
    parts = []
    for protocol in ("text", "speaker"):
        for recipe in ("biased:sad", "balanced"):
            methods = ["codec", "shrink_mean"]
            methods += (
                ["clean", "drop_least", "rate_controlled"]
                if recipe == "balanced"
                else ["shrink_class"]
            )
            for method in methods:
                for lam in (np.nan,) if method == "clean" else LADDER:
                    for seed in seeds:
                        part = items.assign(
                            protocol=protocol, recipe=recipe, method=method, lam=lam, seed=seed
                        )
                        part["fold"] = part["speaker" if protocol == "speaker" else "text_id"]
                        parts.append(part)
    rows = pd.concat(parts, ignore_index=True)
    count = len(rows)
    rows["codec"] = rows["recipe"] + "/" + rows["fold"]
    rows["lam_raw"] = 3.0 * rows["lam"]
    for name in (*METRICS, *(f"attraction_{name}" for name in EMOTIONS)):
        rows[name] = rng.normal(size=count)
    coded = rows["method"].isin(["codec", "drop_least", "rate_controlled"])
    rows["code_length_bits"] = np.where(coded, 50.0 * rng.random(count), np.nan)
    sets = rows.groupby(["protocol", "recipe", "method", "lam", "fold", "seed"], dropna=False)
    rows["set_num_vectors"] = np.where(coded, sets["num_frames"].transform("sum"), np.nan)
    rows["set_entropy_bits"] = np.where(coded, sets["distortion"].transform("max"), np.nan)
    rows["set_distinct_sequences"] = np.ceil(rows["set_num_vectors"] / 2)
    written = rows["method"].isin(["codec", "rate_controlled"])
    paid = 1.01 * sets["code_length_bits"].transform("sum") / sets["num_frames"].transform("sum")
    rows["set_payload_bits"] = np.where(written, paid, np.nan)
    rows["set_file_bits"] = np.where(written, paid + 2.0, np.nan)
    guesses = np.array(EMOTIONS)[rng.integers(3, size=count)]
    rows["probe_logistic"] = np.where(rng.random(count) < 0.5, rows["emotion"], guesses)
    rows["probe_svm"] = np.where(rows["method"] == "clean", "", guesses)
    constant = (rows["method"] == "codec") & (rows["lam"] == 20.0)
    rows.loc[constant, "probe_logistic"] = np.where(
        rows.loc[constant, "fold"].isin(["s1", "t1"]), "sad", "neutral"
    )
    rows["zero_output"] = False
    return rows.sample(frac=1.0, random_state=4, ignore_index=True)


@pytest.fixture(scope="module")
def rows():
    return make_rows()


@pytest.fixture(scope="module")
def summary(rows):
    return summarise(rows, emotions=EMOTIONS)


@pytest.fixture(scope="module")
def conditions(rows):
    """Return the rows of each condition, λ of the clean vectors being None."""
    return {
        (*key[:3], None if np.isnan(key[3]) else key[3]): part
        for key, part in rows.groupby(KEYS, dropna=False)
    }


def condition_of(conditions, row, *, method=None, lam=None):
    """Return the rows that a table's row is about, or of another method or λ."""
    own = None if np.isnan(row.lam) else row.lam
    return conditions[row.protocol, row.recipe, method or row.method, own if lam is None else lam]


def of_emotion(rows, emotion):
    """Return the rows of one emotion, or all."""
    return rows if emotion == "all" else rows[rows["emotion"] == emotion]


def assert_row_is(row, interval, part):
    """Compare a table's row with an interval and the rows that it is about."""
    assert row.value == pytest.approx(interval.value, abs=1e-12)
    assert row.low == pytest.approx(interval.low, nan_ok=True)
    assert row.high == pytest.approx(interval.high, nan_ok=True)
    assert row.num_items == part["item"].nunique()
    assert row.num_speakers == part["speaker"].nunique()


def test_similarity_is_the_clustered_mean_of_every_cell(rows, conditions, summary):
    table = summary.similarity
    assert list(table.columns) == [*KEYS, "metric", "emotion", *COMMON]
    for row in table.itertuples():
        part = of_emotion(condition_of(conditions, row), row.emotion)
        assert_row_is(row, cluster_mean(part[row.metric], part["speaker"]), part)
    conditions = rows.drop_duplicates(KEYS)
    assert len(table) == len(conditions) * len(METRICS) * (1 + len(EMOTIONS))


def test_rate_counts_bits_per_vector_and_relative_to_the_lowest_lam(conditions, summary):
    table = summary.rate
    assert list(table.columns) == [*KEYS, "metric", "emotion", *COMMON]
    assert set(table["method"]) == {"codec", "drop_least", "rate_controlled"}
    for row in table[table["metric"] == "bits_per_vector"].itertuples():
        part = of_emotion(condition_of(conditions, row), row.emotion)
        bits = part["code_length_bits"] / part["num_frames"]
        assert_row_is(row, cluster_mean(bits, part["speaker"]), part)
    for row in table[table["metric"] == "bits_share"].itertuples():
        here, base = (
            of_emotion(condition_of(conditions, row, lam=lam), row.emotion)
            for lam in (row.lam, 0.0)
        )
        sums = [
            [here.loc[here["speaker"] == name, "code_length_bits"].sum(),
             base.loc[base["speaker"] == name, "code_length_bits"].sum()]
            for name in here["speaker"].unique()
        ]  # fmt: skip
        assert_row_is(row, jackknife_interval(sums, lambda total: total[0] / total[1]), here)
    lowest = table[(table["metric"] == "bits_share") & (table["lam"] == 0.0)]
    assert (lowest[["value", "low", "high"]] == 1.0).all(axis=None)


def test_payload_is_shared_among_the_items_of_a_set(conditions, summary):
    table = summary.rate[summary.rate["metric"] == "payload_bits"]
    assert set(table["method"]) == {"codec", "rate_controlled"}
    assert set(table["emotion"]) == {"all", *EMOTIONS}
    for row in table.itertuples():
        part = of_emotion(condition_of(conditions, row), row.emotion)
        bits = 1.01 * part["code_length_bits"] / part["num_frames"]
        assert_row_is(row, cluster_mean(bits, part["speaker"]), part)
    files = summary.rate[summary.rate["metric"] == "file_bits"]
    assert set(files["emotion"]) == {"all"}
    for row in files.itertuples():
        sets = condition_of(conditions, row).drop_duplicates(["fold", "seed"])
        bits = np.average(sets["set_file_bits"], weights=sets["set_num_vectors"])
        assert row.value == pytest.approx(bits)


def test_symbols_that_cost_nothing_have_a_payload_of_nothing(rows):
    free = rows["method"] == "codec"
    changed = rows.assign(
        code_length_bits=rows["code_length_bits"].mask(free, 0.0),
        set_payload_bits=rows["set_payload_bits"].mask(free, 0.0),
    )
    table = summarise(changed, emotions=EMOTIONS).rate
    chosen = table[(table["metric"] == "payload_bits") & (table["method"] == "codec")]
    assert len(chosen) > 0
    assert (chosen["value"] == 0).all()


def test_control_pairs_items_of_equal_bits_with_those_of_one_lam(conditions, summary):
    table = summary.control
    assert list(table.columns) == [*KEYS, "metric", "emotion", *COMMON]
    assert set(table["method"]) == {"rate_controlled"}
    assert set(table["recipe"]) == {"balanced"}
    assert set(table["metric"]) == {*METRICS, "payload_bits", "recall_logistic", "recall_svm"}
    key = ["fold", "seed", "item"]
    for row in table[table["protocol"] == "speaker"].itertuples():
        own = condition_of(conditions, row)
        both = own.merge(condition_of(conditions, row, method="codec"), on=key)
        both = of_emotion(both.rename(columns={"emotion_x": "emotion"}), row.emotion)
        sides = []
        for side in ("_x", "_y"):
            if row.metric == "payload_bits":
                bits = both[f"code_length_bits{side}"] / both[f"num_frames{side}"]
                sides.append(1.01 * bits)
            elif row.metric.startswith("recall_"):
                probe = row.metric.replace("recall_", "probe_")
                sides.append((both[f"{probe}{side}"] == both["emotion"]).astype(float))
            else:
                sides.append(both[f"{row.metric}{side}"])
        expected = cluster_mean(sides[0] - sides[1], both["speaker_x"])
        assert_row_is(row, expected, both.rename(columns={"speaker_x": "speaker"}))


def test_speakers_hold_each_ones_own_means(rows, conditions, summary):
    table = summary.speakers
    assert list(table.columns) == [*KEYS, "metric", "emotion", "speaker", "value", "num_items"]
    assert set(table["method"]) == {"codec"}
    for row in table.itertuples():
        part = of_emotion(condition_of(conditions, row), row.emotion)
        part = part[part["speaker"] == row.speaker]
        assert row.num_items == part["item"].nunique()
        if row.metric == "payload_bits":
            expected = (1.01 * part["code_length_bits"] / part["num_frames"]).mean()
        elif row.metric.startswith("recall_"):
            assert row.emotion != "all"
            predicted = part[row.metric.replace("recall_", "probe_")]
            expected = (predicted == row.emotion).mean()
        elif row.metric.startswith("uar_"):
            assert row.emotion == "all"
            predicted = part[row.metric.replace("uar_", "probe_")]
            right = predicted == part["emotion"]
            expected = right.groupby(part["emotion"]).mean().mean()
        else:
            expected = part[row.metric].mean()
        assert row.value == pytest.approx(expected)
    coded = rows[rows["method"] == "codec"]
    cells = coded.groupby([*KEYS[:2], "lam", "speaker"])
    metrics = len(METRICS) + 1
    of_emotions = int(cells["emotion"].nunique().sum())
    assert len(table) == metrics * (len(cells) + of_emotions) + 2 * (len(cells) + of_emotions)


def test_means_of_speakers_weighed_by_items_are_those_of_the_set(summary):
    keys = [*KEYS, "metric", "emotion"]
    table = summary.speakers[summary.speakers["metric"].isin(METRICS)]
    weighed = table.assign(total=table["value"] * table["num_items"])
    sums = weighed.groupby(keys)[["total", "num_items"]].sum()
    whole = summary.similarity.set_index(keys)["value"].reindex(sums.index)
    np.testing.assert_allclose(sums["total"] / sums["num_items"], whole, atol=1e-12)


def test_speakers_have_code_length_where_nothing_was_written(rows):
    unwritten = rows.assign(set_payload_bits=np.nan)
    table = summarise(unwritten, emotions=EMOTIONS).speakers
    paid = table[(table["metric"] == "payload_bits") & (table["emotion"] == "all")]
    assert len(paid) > 0
    for row in paid[paid["protocol"] == "text"].itertuples():
        own = (rows["protocol"] == "text") & (rows["recipe"] == row.recipe)
        own &= (rows["method"] == "codec") & (rows["lam"] == row.lam)
        part = rows[own & (rows["speaker"] == row.speaker)]
        assert row.value == pytest.approx((part["code_length_bits"] / part["num_frames"]).mean())


def test_a_sweep_without_rate_control_has_no_control(rows):
    kept = rows[rows["method"] != "rate_controlled"]
    found = summarise(kept, emotions=EMOTIONS).control
    assert found.empty
    assert list(found.columns) == list(summarise(rows, emotions=EMOTIONS).control.columns)


def test_entropy_is_averaged_over_sets_by_their_vectors(conditions, summary):
    table = summary.rate[summary.rate["metric"].isin(["entropy_bits", "distinct_share"])]
    assert set(table["emotion"]) == {"all"}
    assert table[["low", "high"]].isna().all(axis=None)
    for row in table.itertuples():
        part = condition_of(conditions, row)
        sets = part.drop_duplicates(["fold", "seed"])
        quantity = (
            sets["set_entropy_bits"]
            if row.metric == "entropy_bits"
            else sets["set_distinct_sequences"] / sets["set_num_vectors"]
        )
        assert row.value == pytest.approx(np.average(quantity, weights=sets["set_num_vectors"]))
        assert row.num_items == 35
        assert row.num_speakers == 7


def test_accuracy_pools_folds_and_seeds(conditions, summary):
    table = summary.accuracy
    assert list(table.columns) == [
        *KEYS, "probe", "metric", "emotion", *COMMON, "chance", "majority", "constant",
    ]  # fmt: skip
    assert table["constant"].dtype == bool
    for row in table[table["protocol"] == "text"].itertuples():
        part = condition_of(conditions, row)
        truth, predicted = part["emotion"], part[f"probe_{row.probe}"]
        majority = np.full(len(part), truth.value_counts().index[0])
        if row.metric == "recall":
            own = part[part["emotion"] == row.emotion]
            hits = (own[f"probe_{row.probe}"] == row.emotion).astype(float)
            assert_row_is(row, cluster_mean(hits, own["speaker"]), own)
            assert row.majority == float(row.emotion == majority[0])
        else:
            score = (
                balanced_accuracy_score
                if row.metric == "uar"
                else lambda a, b: f1_score(a, b, average="macro", zero_division=0)
            )
            assert row.emotion == "all"
            assert row.value == pytest.approx(score(truth, predicted))
            assert row.majority == pytest.approx(score(truth, majority))
            assert row.low < row.value < row.high
            assert (row.num_items, row.num_speakers) == (35, 7)
        assert row.chance == pytest.approx(1 / 3)


def test_a_probe_that_was_not_asked_has_no_rows(summary):
    for table in (summary.accuracy, summary.confusion):
        assert set(table.loc[table["method"] == "clean", "probe"]) == {"logistic"}


def test_one_label_in_every_fold_is_called_constant(summary):
    table = summary.accuracy
    expected = (
        (table["method"] == "codec") & (table["lam"] == 20.0) & (table["probe"] == "logistic")
    )
    assert expected.any()
    np.testing.assert_array_equal(table["constant"], expected)


def test_confusion_counts_every_prediction(rows, conditions, summary):
    table = summary.confusion
    assert list(table.columns) == [*KEYS, "probe", "emotion", "predicted", "count"]
    part = conditions["text", "balanced", "codec", 0.5]
    found = table[
        (table["protocol"] == "text")
        & (table["recipe"] == "balanced")
        & (table["method"] == "codec")
        & (table["lam"] == 0.5)
        & (table["probe"] == "svm")
    ]
    expected = pd.crosstab(part["emotion"], part["probe_svm"]).loc[EMOTIONS, EMOTIONS]
    np.testing.assert_array_equal(found["count"].to_numpy().reshape(3, 3), expected)
    asked = (rows[["probe_logistic", "probe_svm"]] != "").to_numpy().sum()
    assert table["count"].sum() == asked


def test_attraction_and_its_paired_differences(conditions, summary):
    table = summary.attraction
    assert list(table.columns) == [*KEYS, "emotion", "target", *COMMON, "verdict_before_holm"]
    assert set(table["method"]) == {
        "codec",
        "shrink_mean",
        "shrink_class",
        "codec-minus-shrink_mean",
        "codec-minus-shrink_class",
    }
    columns = [f"attraction_{name}" for name in EMOTIONS]
    for _, group in table[table["protocol"] == "text"].groupby(KEYS):
        rows = list(group.itertuples())
        own, _, reference = rows[0].method.partition("-minus-")
        part = condition_of(conditions, rows[0], method=own)
        values = part[columns]
        if reference:
            key = ["fold", "seed", "item"]
            other = condition_of(conditions, rows[0], method=reference)
            values = values - part[key].merge(other, on=key)[columns].set_index(part.index)
        for row in rows:
            chosen = of_emotion(part, row.emotion)
            degrees = values.loc[chosen.index, f"attraction_{row.target}"]
            assert_row_is(row, cluster_mean(degrees, chosen["speaker"]), chosen)
            few, inside = row.num_speakers < 6, row.low <= 0 <= row.high
            assert (row.verdict_before_holm == "") == (not reference)
            assert (row.verdict_before_holm == "cannot tell") == (bool(reference) and few)
            assert (row.verdict_before_holm == "inside") == (bool(reference) and inside and not few)
    assert not table[
        (table["method"] == "codec-minus-shrink_class") & (table["recipe"] == "balanced")
    ].any(axis=None)


def test_a_difference_beyond_doubt_is_named(rows):
    far = rows.copy()
    far.loc[far["method"] == "codec", "attraction_sad"] += 50.0
    far.loc[far["method"] == "codec", "attraction_happy"] -= 50.0
    table = summarise(far, emotions=EMOTIONS).attraction
    differences = table[
        table["method"].str.contains("minus") & (table["emotion"] == "all")
    ].set_index("target")
    assert set(differences.loc["sad", "verdict_before_holm"]) == {"above"}
    assert set(differences.loc["happy", "verdict_before_holm"]) == {"below"}
    few = summarise(far[far["speaker"] < "s5"], emotions=EMOTIONS).attraction
    assert set(few.loc[few["method"].str.contains("minus"), "verdict_before_holm"]) == {
        "cannot tell"
    }


def test_tables_are_sorted_and_do_not_depend_on_the_order_of_rows(rows, summary):
    again = summarise(rows.sample(frac=1.0, random_state=9), emotions=EMOTIONS)
    places = {name: place for place, name in enumerate(("all", *EMOTIONS))}
    metrics = {
        name: place
        for place, name in enumerate(
            (*METRICS, "bits_per_vector", "payload_bits", "file_bits", "entropy_bits",
             "distinct_share", "bits_share", "uar", "macro_f1", "recall")
        )
    }  # fmt: skip
    for name in ("similarity", "rate", "accuracy", "confusion", "attraction"):
        table = getattr(summary, name)
        assert_frame_equal(table, getattr(again, name))
        keys = table.drop(columns=[*COMMON, "count", "constant", "chance"], errors="ignore")
        keys = keys.drop(columns=["majority", "verdict_before_holm"], errors="ignore")
        order = [
            tuple(
                -1.0 if value != value else {**places, **metrics}.get(value, value) for value in key
            )
            for key in keys.itertuples(index=False)
        ]
        assert order == sorted(order)
        assert len(set(order)) == len(order)
        assert table.index.equals(pd.RangeIndex(len(table)))
        assert not table[KEYS[:-1]].isna().any(axis=None)


def test_a_second_seed_is_neither_a_cluster_nor_new_items(rows):
    copied = pd.concat([rows[rows["seed"] == 0], rows[rows["seed"] == 0].assign(seed=1)])
    single = summarise(rows[rows["seed"] == 0], emotions=EMOTIONS)
    double = summarise(copied, emotions=EMOTIONS)
    for name in ("similarity", "rate", "accuracy", "attraction"):
        assert_frame_equal(getattr(single, name), getattr(double, name))
    np.testing.assert_array_equal(2 * single.confusion["count"], double.confusion["count"])


def test_one_speaker_gives_values_without_intervals(rows):
    found = summarise(rows[rows["speaker"] == "s0"], emotions=EMOTIONS)
    for table in (found.similarity, found.rate, found.accuracy, found.attraction):
        assert len(table) > 0
        assert table["value"].notna().all()
        assert table[["low", "high"]].isna().all(axis=None)


def test_an_emotion_without_items_has_no_rows(rows):
    found = summarise(rows[rows["emotion"] != "sad"], emotions=EMOTIONS)
    for table in (found.similarity, found.rate, found.accuracy, found.confusion, found.attraction):
        assert "sad" not in set(table["emotion"])
        assert "neutral" in set(table["emotion"])
    assert set(found.accuracy["chance"]) == {0.5}
    assert "sad" in set(found.attraction["target"])
    assert "sad" in set(found.confusion["predicted"])


def test_without_probes_and_references_the_other_tables_stand(rows):
    kept = rows[rows["method"].isin(["clean", "drop_least"])]
    found = summarise(kept.drop(columns=["probe_logistic", "probe_svm"]), emotions=EMOTIONS)
    assert len(found.similarity) > 0
    assert len(found.accuracy) == len(found.confusion) == len(found.attraction) == 0
    assert list(found.accuracy.columns) == list(summarise(rows, emotions=EMOTIONS).accuracy.columns)
    assert "verdict_before_holm" in found.attraction.columns


def test_missing_columns_are_named(rows):
    with pytest.raises(InputError, match=r"lack the columns speaker, distortion, attraction_sad"):
        summarise(rows.drop(columns=["speaker", "distortion", "attraction_sad"]), emotions=EMOTIONS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.iloc[:0], "no rows"),
        (lambda rows: pd.concat([rows, rows.iloc[:1]]), "stands twice"),
        (lambda rows: rows.assign(emotion="odd"), r"\['odd'\] in column 'emotion'.*neutral, happy"),
        (lambda rows: rows.assign(probe_svm="odd"), r"\['odd'\] in column 'probe_svm'"),
        (
            lambda rows: rows.assign(speaker=pd.Series([None] * len(rows), dtype="str")),
            "no speaker",
        ),
        (lambda rows: rows.assign(distortion=np.inf), "'distortion' .* infinite"),
        (lambda rows: rows.assign(distortion="far"), "'distortion' .* numbers"),
    ],
)
def test_rows_that_are_not_right_are_refused(rows, change, message):
    with pytest.raises(InputError, match=message):
        summarise(change(rows), emotions=EMOTIONS)


@pytest.mark.parametrize("emotions", [("sad", "sad"), ("all", "sad")])
def test_emotions_that_cannot_be_told_apart_are_refused(rows, emotions):
    with pytest.raises(InputError, match="must be different"):
        summarise(rows.assign(attraction_all=0.0), emotions=emotions)


def test_importing_the_room_loads_nothing_heavy():
    code = (
        "import sys, quantlab.analysis; "
        "print([name for name in ('torch', 'sklearn', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
