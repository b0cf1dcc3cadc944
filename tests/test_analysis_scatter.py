"""Scatter between and within classes against an analysis of variance, and collapses that show."""

import numpy as np
import pytest

from quantlab.analysis import CollapseRule, Utterances, scatter, scatter_table
from quantlab.errors import InputError


def groups(*, num_items=240, num_dims=5, between=1.0, within=1.0, seed=0):
    rng = np.random.default_rng(seed)
    codes = np.arange(num_items) % 4
    centres = between * rng.normal(size=(4, num_dims))
    vectors = centres[codes] + within * rng.normal(size=(num_items, num_dims)) + 2.0
    speakers = np.char.add("s", (np.arange(num_items) // 4 % 8).astype(str))
    return vectors, np.char.add("e", codes.astype(str)), speakers


def test_one_dimension_is_an_analysis_of_variance():
    from scipy.stats import f_oneway

    vectors, labels, speakers = groups(num_dims=1)
    found = scatter(vectors, labels, speakers)
    parts = [vectors[labels == name, 0] for name in np.unique(labels)]
    statistic = f_oneway(*parts).statistic
    num_items, num_classes = len(vectors), 4
    expected = statistic * (num_classes - 1) / (num_items - num_classes)
    assert found.ratio.value == pytest.approx(expected)
    assert found.within_share.value == pytest.approx(1 / (1 + expected))
    assert found.ratio.num_clusters == 8


def test_intervals_are_those_of_leaving_out_each_cluster():
    from scipy.stats import t

    vectors, labels, speakers = groups()
    found = scatter(vectors, labels, speakers).within_share

    def share(kept):
        rows, names = vectors[kept], labels[kept]
        means = np.array([rows[names == name].mean(axis=0) for name in np.unique(labels)])
        inner = rows - means[np.searchsorted(np.unique(labels), names)]
        return np.square(inner).sum() / np.square(rows - rows.mean(axis=0)).sum()

    without = np.array([share(speakers != name) for name in np.unique(speakers)])
    error = np.sqrt(np.square(without - found.value).sum() * 7 / 8)
    assert found.value == pytest.approx(share(np.ones(len(labels), bool)))
    assert found.high - found.value == pytest.approx(t.ppf(0.975, 7) * error)


def test_chance_is_the_mean_over_random_labellings():
    vectors, labels, speakers = groups(num_items=40, num_dims=3)
    rng = np.random.default_rng(1)
    shares = [
        scatter(vectors, rng.permutation(labels), speakers).within_share.value for _ in range(300)
    ]
    chance = scatter(vectors, labels, speakers).chance_within_share
    assert chance == pytest.approx(36 / 39)
    assert np.mean(shares) == pytest.approx(chance, abs=4 * np.std(shares) / np.sqrt(300))


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_scale_and_rotation_do_not_matter(scale):
    vectors, labels, speakers = groups()
    turn, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(5, 5)))
    plain, moved = (scatter(x, labels, speakers) for x in (vectors, scale * vectors @ turn))
    for name in ("ratio", "within_share"):
        one, other = getattr(plain, name), getattr(moved, name)
        assert (other.value, other.low, other.high) == pytest.approx((one.value, one.low, one.high))
    assert moved.spread == pytest.approx(plain.spread)
    assert moved.effective_dims == pytest.approx(plain.effective_dims)
    assert moved.collapsed == plain.collapsed == ""


def test_dimensions_in_use_are_counted():
    vectors = np.random.default_rng(0).normal(size=(5000, 7))
    labels, speakers = ["a", "b"] * 2500, ["s", "s", "t", "t"] * 1250
    assert scatter(vectors, labels, speakers).effective_dims == pytest.approx(7, rel=0.02)
    wide = np.zeros((20, 400))
    wide[:, :2] = vectors[:20, :2]
    values = np.linalg.eigvalsh(np.cov(vectors[:20, :2].T))
    found = scatter(wide, labels[:20], speakers[:20])
    assert found.effective_dims == pytest.approx(values.sum() ** 2 / np.square(values).sum())


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_collapsed_embeddings_are_flagged(scale):
    vectors, labels, speakers = groups()

    def flag(x):
        return scatter(scale * np.asarray(x), labels, speakers).collapsed

    classes, _, _ = groups(within=0.02)
    centres, _, _ = groups(within=0.0)
    line = np.random.default_rng(0).normal(size=(240, 1)) * np.arange(1.0, 6.0) + 2.0
    assert flag(vectors) == ""
    assert flag(classes) == flag(centres) == "onto classes"
    assert flag(np.full((240, 5), 0.1)) == flag(np.zeros((240, 5))) == "to a point"
    assert flag(7.0 + 1e-4 * vectors) == "to a point"
    assert flag(line) == "to a line"
    assert flag(line[:, :1]) == ""


def test_the_rule_of_collapse_is_the_caller_s():
    vectors, labels, speakers = groups(between=2.0, within=0.6)
    assert scatter(vectors, labels, speakers).collapsed == ""
    strict = CollapseRule(within_share=0.5)
    assert scatter(vectors, labels, speakers, rule=strict).collapsed == "onto classes"


def test_what_has_no_scatter_is_nan_or_infinite_without_a_warning():
    _, labels, speakers = groups()
    same = scatter(np.full((240, 5), 0.1), labels, speakers)
    assert np.isnan(same.within_share.value)
    assert np.isnan(same.effective_dims)
    assert same.spread < 1e-12
    centres, _, _ = groups(within=0.0)
    points = scatter(centres, labels, speakers)
    assert points.ratio.value == np.inf
    assert (points.within_share.value, points.within_share.high) == (0.0, 0.0)


def test_a_class_of_one_cluster_has_no_interval():
    vectors, labels, _ = groups()
    found = scatter(vectors, labels, labels)
    assert np.isfinite(found.within_share.value)
    assert np.isnan(found.within_share.low)


def test_the_table_has_two_rows_for_each_embedding_and_label():
    vectors, labels, speakers = groups()
    texts = (np.arange(240) // 32).astype(str)
    tidy = Utterances(
        {"emotion": vectors, "speaker": np.zeros((240, 2))},
        {"emotion": labels, "speaker": speakers, "text": texts},
    )
    table = scatter_table(tidy).set_index(["embedding", "label", "metric"])
    assert len(table) == 8
    one = scatter(vectors, labels, speakers)
    row = table.loc[("emotion", "emotion", "ratio")]
    assert row["value"] == one.ratio.value
    assert row["chance"] == pytest.approx(3 / 236)
    assert table.loc[("emotion", "speaker", "ratio"), "num_clusters"] == 8
    assert (table.loc["speaker"]["collapsed"] == "to a point").all()
    within = table.loc[("emotion", "speaker", "within_share")]
    assert within["value"] == pytest.approx(within["chance"], abs=0.03)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: scatter([[0.0], [1.0]], ["a", "b"], ["s", "s"]), "more items than classes"),
        (lambda: scatter([[0.0], [1.0]], ["a", "a"], ["s", "s"]), "two classes or more"),
        (lambda: scatter([[0.0], [1.0]], ["a"], ["s", "s"]), "one of each per vector"),
        (lambda: scatter([[np.nan], [1.0]], ["a", "b"], ["s", "s"]), "Row 0 of vectors"),
    ],
)
def test_what_has_no_classes_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
