"""The grid holds what was measured, and verdicts follow from stated thresholds."""

import numpy as np
import pandas as pd
import pytest

from quantlab.analysis import (
    CRITERIA,
    Interval,
    ModelMeasures,
    ProbeScore,
    Trees,
    Utterances,
    VerdictRule,
    class_factors,
    dci_table,
    grid_table,
    probe_matrix,
    scatter_table,
    verdict_table,
    wide_grid,
    wide_verdicts,
)
from quantlab.errors import InputError

# Published accuracies c→e, s→e, e→e, c→s, s→s, e→s and disentanglement of emotion and speaker.
PUBLISHED = {
    "mi": (0.21, 0.77, 0.27, 0.13, 0.99, 0.31, 0.01, 0.86),
    "mi_cls": (0.21, 0.71, 0.80, 0.15, 0.99, 0.63, 0.91, 0.99),
    "gcl1": (0.20, 0.20, 0.91, 0.14, 0.99, 0.31, 0.99, 0.95),
    "gcl1_cls": (0.21, 0.20, 0.92, 0.14, 0.99, 0.31, 0.99, 0.96),
    "adv1": (0.22, 0.75, 0.35, 0.15, 0.93, 0.30, 0.04, 0.69),
    "adv1_cls": (0.21, 0.86, 0.92, 0.15, 0.99, 0.19, 0.99, 0.93),
}
SUMMARY = {
    "mi": "poor poor good good poor",
    "mi_cls": "good good good good poor",
    "gcl1": "good good good good good",
    "gcl1_cls": "good good good good good",
    "adv1": "poor poor good medium poor",
    "adv1_cls": "good good good good poor",
}
"""The published summary, except that adv1's speakers at .69 are .01 short of its "good"."""


def score(embedding, label, value, *, half=0.0, num_clusters=8, **changes):
    chance = 1 / 5 if label == "emotion" else 1 / 8
    fields = {
        "probe": "wide_mlp",
        "metric": "accuracy",
        "chance": chance,
        "majority": chance,
        "num_items": 100,
        "clustered_by": "speaker",
    }
    return ProbeScore(
        embedding=embedding,
        label=label,
        value=value,
        low=value - half,
        high=value + half,
        num_clusters=num_clusters,
        **(fields | changes),
    )


def dci(value, *, half=0.0, chance=0.0, rotated=0.0, num_clusters=8):
    rows = []
    for control, level in (("as given", value), ("rotated", rotated), ("shuffled labels", chance)):
        for metric in ("disentanglement", "completeness", "informativeness"):
            bounds = (level - half, level + half, chance, 100, num_clusters)
            rows.append((control, metric, level, *bounds))
    columns = "control metric value low high chance num_items num_clusters".split()
    return pd.DataFrame(rows, columns=columns)


def model(name, numbers, *, half=0.0, **changes):
    pairs = [
        (embedding, label)
        for label in ("emotion", "speaker")
        for embedding in ("content", "speaker", "emotion")
    ]
    # The published order has s→s before e→s, which is the order of the pairs.
    probes = tuple(
        score(*pair, value, half=half) for pair, value in zip(pairs, numbers, strict=False)
    )
    given = {"emotion": dci(numbers[6], half=half), "speaker": dci(numbers[7], half=half)}
    return ModelMeasures(model=name, **({"probes": probes, "dci": given} | changes))


def test_published_numbers_give_the_published_summary():
    table = grid_table(model(name, numbers) for name, numbers in PUBLISHED.items())
    found = wide_verdicts(verdict_table(table))
    assert found.columns.tolist() == ["model", *CRITERIA]
    assert found["model"].tolist() == list(PUBLISHED)
    for row in found.to_numpy().tolist():
        assert " ".join(row[1:]) == SUMMARY[row[0]], row[0]


def test_the_grid_has_a_row_for_each_model_with_intervals_and_chance():
    mcd = Interval(11.7, 11.5, 11.9, 6)
    tag = "log-mel DCT, orthonormal, c1-c16, no DTW"
    first = model("mi", PUBLISHED["mi"], half=0.02, mcd=mcd, mcd_tag=tag)
    table = grid_table([first, model("gcl1", PUBLISHED["gcl1"], half=0.02)])
    wide = wide_grid(table)
    assert wide["model"].tolist() == ["mi", "gcl1"]
    assert wide["cls_s_e"].tolist() == [0.77, 0.20]
    assert wide["cls_s_e_low"].to_numpy() == pytest.approx([0.75, 0.18])
    assert wide["cls_s_e_high"].to_numpy() == pytest.approx([0.79, 0.22])
    assert wide["cls_e_s_chance"].tolist() == [0.125, 0.125]
    assert wide["mcd_db"].tolist() == pytest.approx([11.7, np.nan], nan_ok=True)
    places = [wide.columns.get_loc(name) for name in ("cls_c_e", "cls_c_e_low", "cls_c_e_chance")]
    assert places == [1, 2, 4]
    assert table.loc[table["measure"] == "mcd_db", "remark"].tolist() == [tag]


@pytest.mark.parametrize(
    ("value", "half", "num_clusters", "expected"),
    [
        (0.95, 0.05, 8, "good"),
        (0.75, 0.10, 8, "cannot tell"),  # .65 is (.65 − .2) / .8 = .56 on the scale
        (0.60, 0.05, 8, "medium"),
        (0.50, 0.05, 8, "cannot tell"),
        (0.30, 0.05, 8, "poor"),
        (0.95, 0.05, 5, "cannot tell"),
        (0.95, np.nan, 8, "cannot tell"),
        (0.761, 0.0, 8, "good"),
        (0.521, 0.0, 8, "medium"),
        (0.519, 0.0, 8, "poor"),
    ],
)
def test_an_interval_decides_only_on_one_side_of_the_thresholds(
    value, half, num_clusters, expected
):
    cell = score("emotion", "emotion", value, half=half, num_clusters=num_clusters)
    table = verdict_table(grid_table([ModelMeasures(model="m", probes=(cell,))]))
    assert table["criterion"].tolist() == ["emotion explicitness"]
    assert table["verdict"].tolist() == [expected]
    assert "good from 0.7" in table["rule"][0]


def architecture(**changes):
    """Return the row of the architecture of a model that is good but for some (value, half)."""
    numbers = {
        ("content", "emotion"): (0.2, 0.02),
        ("speaker", "emotion"): (0.2, 0.02),
        ("emotion", "emotion"): (0.95, 0.02),
        ("content", "speaker"): (0.125, 0.02),
        ("speaker", "speaker"): (0.99, 0.01),
        ("emotion", "speaker"): (0.125, 0.02),
    }
    for name, value in changes.items():
        numbers[tuple(name.split("_"))] = value
    probes = tuple(score(*pair, value, half=half) for pair, (value, half) in numbers.items())
    table = verdict_table(grid_table([ModelMeasures(model="m", probes=probes)]))
    return table.set_index("criterion").loc["architecture"]


def test_the_worst_part_decides_the_architecture():
    assert architecture()["verdict"] == "good"
    leak = architecture(speaker_emotion=(0.8, 0.02))
    assert (leak["verdict"], leak["decided_by"]) == ("poor", "cls_s_e")
    assert leak["value"] == pytest.approx(1 - 0.6 / 0.8)
    assert leak["low"] == pytest.approx(1 - 0.62 / 0.8)
    assert architecture(emotion_speaker=(0.55, 0.02))["verdict"] == "medium"
    # An embedding that tells nothing leaks nothing either, and is not disentangled for that.
    silent = architecture(emotion_emotion=(0.2, 0.02))
    assert (silent["verdict"], silent["decided_by"]) == ("poor", "cls_e_e")


def test_what_is_unknown_decides_nothing_unless_something_else_is_poor():
    unknown = (0.2, np.nan)
    assert architecture(content_emotion=unknown)["verdict"] == "cannot tell"
    both = architecture(content_emotion=unknown, speaker_emotion=(0.8, 0.02))
    assert both["verdict"] == "poor"
    assert architecture(emotion_speaker=(0.4, 0.1))["verdict"] == "cannot tell"


def test_below_chance_is_no_better_than_chance_for_a_leak():
    assert architecture(content_emotion=(0.05, 0.02))["value"] == pytest.approx(0.75 / 0.8)


def test_disentanglement_is_judged_above_shuffled_labels_and_beside_the_rotation():
    given = {"emotion": dci(0.8, half=0.05, chance=0.6, rotated=0.78)}
    rows = verdict_table(grid_table([ModelMeasures(model="m", dci=given)]))
    (row,) = rows.to_dict("records")
    assert row["value"] == pytest.approx(0.5)
    assert (row["low"], row["high"]) == pytest.approx((0.375, 0.625))
    assert row["verdict"] == "cannot tell"
    assert row["remark"] == "within the interval after a random rotation: separability, not axes"
    given = {"emotion": dci(0.9, half=0.01, rotated=0.4)}
    rows = verdict_table(grid_table([ModelMeasures(model="m", dci=given)]))
    assert rows["remark"].tolist() == [""]


def test_thresholds_are_the_caller_s():
    table = grid_table([model("gcl1", PUBLISHED["gcl1"])])
    strict = verdict_table(table, rule=VerdictRule(good=0.95, poor=0.9))
    assert strict.set_index("criterion")["verdict"]["emotion explicitness"] == "poor"
    assert (strict["rule"] == str(VerdictRule(good=0.95, poor=0.9))).all()


def test_everything_measured_goes_into_one_grid():
    """From vectors to verdicts; the speaker embedding is one point for each speaker."""
    sets = []
    for seed in (0, 1):
        rng = np.random.default_rng(seed)
        emotion, speaker = np.arange(144) % 3, np.arange(144) // 3 % 6
        embeddings = {
            "content": rng.normal(size=(144, 4)),
            "speaker": np.eye(6)[speaker],
            "emotion": np.eye(3)[emotion] + 0.3 * rng.normal(size=(144, 3)),
        }
        labels = {
            "emotion": emotion.astype(str),
            "speaker": speaker.astype(str),
            "text": (np.arange(144) // 18).astype(str),
        }
        sets.append(Utterances(embeddings, labels))
    train, test = sets
    factors = [class_factors(part, embedding="emotion", label="emotion") for part in sets]
    measured = ModelMeasures(
        model="toy",
        probes=probe_matrix(train, test, seed=0, probes=["logistic"]),
        dci={"emotion": dci_table(*factors, trees=Trees(num_trees=5), seed=0, intervals=False)},
        scatter=scatter_table(test),
    )
    table = grid_table([measured], probe="logistic", metric="uar")
    assert set(table["measure"]) == {
        "cls_c_e", "cls_s_e", "cls_e_e", "cls_c_s", "cls_s_s", "cls_e_s",
        "dci_d_emotion", "dci_c_emotion", "dci_i_emotion",
        "within_share_emotion", "within_share_speaker",
    }  # fmt: skip
    judged = verdict_table(table).set_index("criterion")
    assert judged["verdict"].to_dict() == {
        "emotion explicitness": "good",
        "emotion disentanglement": "cannot tell",
        "speaker explicitness": "good",
        "architecture": "good",
    }
    assert judged["remark"]["architecture"] == "the speaker embedding collapsed onto classes"
    assert wide_verdicts(verdict_table(table))["speaker disentanglement"].tolist() == [
        "not measured"
    ]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: grid_table([]), "needs one"),
        (lambda: grid_table([model("a", PUBLISHED["mi"])] * 2), "'a' occurs twice"),
        (lambda: grid_table([model("a", PUBLISHED["mi"])], probe="svm"), "no accuracy of 'svm'"),
        (lambda: ModelMeasures(model="a", mcd=Interval(1.0, 1.0, 1.0, 6)), "and its tag together"),
        (lambda: ModelMeasures(model="a", mcd_tag="dct"), "and its tag together"),
        (lambda: VerdictRule(good=0.3, poor=0.5), "0 < poor <= good"),
    ],
)
def test_what_makes_no_grid_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
