"""DCI against its formula written out, against codes whose answer is known, and its controls."""

import numpy as np
import pytest

from quantlab.analysis import (
    QUICK_TREES,
    FactorSet,
    Trees,
    Utterances,
    block_importances,
    class_factors,
    dci_intervals,
    dci_scores,
    dci_table,
    fit_dci,
    label_factors,
    rotated,
    shuffled,
)
from quantlab.errors import InputError

SMALL = Trees(num_trees=15)


def aligned(num_items, *, num_dims=6, num_classes=3, noise=0.1, seed=0):
    """Return utterances whose dimension e is high where the emotion is e, and else noise."""
    rng = np.random.default_rng(seed)
    codes = np.arange(num_items) % num_classes
    vectors = noise * rng.normal(size=(num_items, num_dims))
    vectors[np.arange(num_items), codes] += 1.0
    labels = {
        "emotion": [f"e{code}" for code in codes],
        "speaker": [f"s{place}" for place in rng.integers(0, 6, num_items)],
        "text": [f"t{place}" for place in rng.integers(0, 9, num_items)],
    }
    return Utterances({"emotion": vectors}, labels)


def parts(**settings):
    return [
        class_factors(aligned(240, seed=seed, **settings), embedding="emotion", label="emotion")
        for seed in (0, 1)
    ]


def published_formula(importances):
    """Disentanglement and completeness as in the published code: a small constant, then loops."""
    table = np.asarray(importances) + 1e-11
    num_dims, num_factors = table.shape
    of_dims, of_factors = [], []
    for row in table:
        shares = row / row.sum()
        of_dims.append(1 + sum(p * np.log(p) / np.log(num_factors) for p in shares))
    for column in table.T:
        shares = column / column.sum()
        of_factors.append(1 + sum(p * np.log(p) / np.log(num_dims) for p in shares))
    weights = np.asarray(importances).sum(axis=1) / np.sum(importances)
    masses = np.asarray(importances).sum(axis=0) / np.sum(importances)
    return (
        (np.dot(of_dims, weights), np.dot(of_factors, masses)),
        (np.mean(of_dims), np.mean(of_factors)),
    )


def test_the_formula_is_the_published_one(rng):
    importances = rng.gamma(0.3, size=(11, 4))
    importances[5] = 0.0
    weighted, plain = published_formula(importances)
    found = dci_scores(importances)
    assert (found.disentanglement, found.completeness) == pytest.approx(weighted, abs=1e-8)
    found = dci_scores(importances, weighted=False)
    assert (found.disentanglement, found.completeness) == pytest.approx(plain, abs=1e-8)
    assert found.of_dims[5] == 0.0


def test_the_formula_knows_its_extremes():
    one_to_one = dci_scores(np.eye(4)[:, :3])
    assert (one_to_one.disentanglement, one_to_one.completeness) == (1.0, 1.0)
    spread = dci_scores(np.ones((4, 3)))
    assert (spread.disentanglement, spread.completeness) == pytest.approx((0.0, 0.0), abs=1e-12)
    # Two dimensions each for one factor: nothing is mixed, but no factor is complete.
    paired = dci_scores([[1, 0], [1, 0], [0, 1], [0, 1]])
    assert (paired.disentanglement, paired.completeness) == pytest.approx((1.0, 0.5))
    assert dci_scores(np.zeros((4, 3))).disentanglement == 0.0


def test_unused_dimensions_pull_only_the_unweighted_score():
    wide = np.zeros((256, 3))
    wide[:3] = np.eye(3)
    assert dci_scores(wide).disentanglement == 1.0
    assert dci_scores(wide, weighted=False).disentanglement == pytest.approx(3 / 256)


@pytest.mark.parametrize("trees", [SMALL, Trees(num_trees=15, num_bins=0)])
def test_an_axis_for_each_factor_is_disentangled_and_complete(trees):
    """Independent binary factors, each on a dimension of its own."""
    rng = np.random.default_rng(3)
    sets = []
    for _ in range(2):
        bits = rng.integers(0, 2, size=(200, 3))
        vectors = np.hstack([bits + 0.1 * rng.normal(size=(200, 3)), rng.normal(size=(200, 3))])
        factors = {f"f{place}": bits[:, place].astype(str) for place in range(3)}
        sets.append(FactorSet(vectors, factors, np.arange(200).astype(str)))
    found = fit_dci(*sets, trees=trees, seed=0)
    assert found.scores.disentanglement == pytest.approx(1.0, abs=1e-6)
    assert found.scores.completeness == pytest.approx(1.0, abs=1e-6)
    assert (found.informativeness, found.informativeness_train) == (1.0, 1.0)
    assert found.importances.shape == (6, 3)
    np.testing.assert_allclose(found.importances.sum(axis=0), 1.0)
    np.testing.assert_allclose(found.importances[:3], np.eye(3), atol=1e-6)


def test_rotation_lowers_what_axes_gave_and_keeps_what_is_told():
    train, test = parts()
    turned = rotated(train, test, rng=np.random.default_rng(0))
    before = fit_dci(train, test, trees=SMALL, seed=0)
    after = fit_dci(*turned, trees=SMALL, seed=0)
    assert before.scores.disentanglement > 0.95
    assert after.scores.disentanglement < before.scores.disentanglement - 0.3
    assert after.informativeness > 0.9
    spread = train.vectors.std(axis=0)
    np.testing.assert_allclose(
        np.linalg.norm(turned[1].vectors, axis=1),
        np.linalg.norm((test.vectors - train.vectors.mean(axis=0)) / spread, axis=1),
    )


def test_scores_do_not_depend_on_units_of_a_dimension():
    train, test = parts(noise=0.6)
    units = 10.0 ** np.arange(-3, 3)
    scaled = [
        FactorSet(part.vectors * units, part.factors, part.clusters) for part in (train, test)
    ]
    plain, other = (fit_dci(*pair, trees=SMALL, seed=0) for pair in ((train, test), scaled))
    np.testing.assert_allclose(plain.importances, other.importances, atol=1e-9)


def test_bins_change_little_and_both_settings_are_deterministic():
    train, test = parts(noise=0.8)
    fine = fit_dci(train, test, trees=Trees(num_trees=30, num_bins=0), seed=0)
    coarse = fit_dci(train, test, trees=Trees(num_trees=30), seed=0)
    again = fit_dci(train, test, trees=Trees(num_trees=30), seed=0)
    assert coarse.scores.disentanglement == pytest.approx(fine.scores.disentanglement, abs=0.05)
    np.testing.assert_array_equal(coarse.importances, again.importances)


def test_always_the_rest_is_the_chance_of_one_against_the_rest():
    train, test = parts(num_classes=4)
    found = fit_dci(shuffled(train, rng=np.random.default_rng(0)), test, trees=SMALL, seed=0)
    assert found.majority == 0.75
    assert found.factors == ("e0", "e1", "e2", "e3")
    assert found.informativeness < 0.8


def test_shuffling_keeps_each_cluster_s_labels():
    train, _ = parts()
    mixed = shuffled(train, rng=np.random.default_rng(0))
    values, before = mixed.factors["e0"], train.factors["e0"]
    assert (values != before).any()
    for name in np.unique(train.clusters):
        own = train.clusters == name
        assert sorted(values[own]) == sorted(before[own])
    together = np.stack(list(mixed.factors.values()), axis=1)
    assert ((together != "rest").sum(axis=1) == 1).all()


def test_intervals_are_those_of_leaving_out_each_speaker():
    from scipy.stats import t

    train, test = parts(noise=0.5)
    found = dci_intervals(train, test, trees=SMALL, seed=0)
    whole = fit_dci(train, test, trees=SMALL, seed=0)
    without = []
    names = np.unique(train.clusters)
    for name in names:
        kept = train.clusters != name
        factors = {key: values[kept] for key, values in train.factors.items()}
        part = FactorSet(train.vectors[kept], factors, train.clusters[kept])
        without.append(fit_dci(part, test, trees=SMALL, seed=0).scores.disentanglement)
    value = whole.scores.disentanglement
    error = np.sqrt(np.square(np.array(without) - value).sum() * (1 - 1 / len(names)))
    half = t.ppf(0.975, len(names) - 1) * error
    assert found.disentanglement.value == value
    assert found.disentanglement.low == pytest.approx(value - half)
    assert found.disentanglement.num_clusters == len(names) == 6
    assert found.informativeness.value == pytest.approx(whole.informativeness)


def test_embeddings_side_by_side_show_which_serves_which_factor():
    sets = []
    for seed in (0, 1):
        base = aligned(240, seed=seed)
        speaker = np.array([int(name[1:]) for name in base.named("speaker")])
        rng = np.random.default_rng(10 + seed)
        own = np.eye(6)[speaker] + 0.1 * rng.normal(size=(240, 6))
        embeddings = {"speaker": own, "emotion": base.vectors("emotion")}
        given = Utterances(embeddings, base.labels)
        sets.append(
            label_factors(given, embeddings=("speaker", "emotion"), labels=("emotion", "speaker"))
        )
    assert set(sets[0].clusters) == {f"t{place}" for place in range(9)}
    found = fit_dci(*sets, trees=SMALL, seed=0)
    blocks = block_importances(found.importances, [6, 6])
    np.testing.assert_allclose(blocks, [[0, 1], [1, 0]], atol=0.05)
    np.testing.assert_allclose(blocks.sum(axis=0), found.importances.sum(axis=0))
    assert dci_scores(blocks).disentanglement > 0.9


def test_the_table_holds_every_control_with_its_chance():
    train, test = parts(noise=0.5)
    rng = np.random.default_rng(7)
    raw = tuple(
        FactorSet(rng.normal(size=part.vectors.shape), part.factors, part.clusters)
        for part in (train, test)
    )
    table = dci_table(train, test, untrained=raw, trees=SMALL, seed=0)
    assert table["control"].unique().tolist() == [
        "as given", "rotated", "shuffled labels", "untrained",
    ]  # fmt: skip
    by = table.set_index(["control", "metric"])["value"]
    for metric in ("disentanglement", "completeness"):
        assert by["as given", metric] > by["rotated", metric] > by["shuffled labels", metric]
        chance = table.loc[table["metric"] == metric, "chance"]
        assert (chance == by["shuffled labels", metric]).all()
    accuracy = table[table["metric"] == "informativeness"]
    assert accuracy["chance"].to_numpy() == pytest.approx(2 / 3)
    assert accuracy["low"].notna().all()
    ends = table.set_index(["control", "metric"])["low"]
    assert ends.notna()["as given", "disentanglement"]
    assert not ends.notna()["rotated", "disentanglement"]
    assert by["untrained", "informativeness"] < by["as given", "informativeness"]
    bare = dci_table(train, test, trees=SMALL, seed=0, intervals=False)
    assert len(bare) == 9
    assert bare["value"].to_numpy() == pytest.approx(table["value"].to_numpy()[:9])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dci_scores([[1.0], [0.0]]), "two factors or more"),
        (lambda: dci_scores([[1.0, -1.0], [0.0, 1.0]]), "no negative number"),
        (lambda: block_importances(np.ones((3, 2)), [1, 1]), "do not make up the 3"),
        (lambda: Trees(num_trees=0), "must be positive"),
        (lambda: Trees(num_trees=1, num_bins=1), "2 bins or more"),
        (lambda: aligned(9).vectors("pitch"), "no embedding 'pitch'"),
        (lambda: aligned(9).named("age"), "no labels 'age'"),
        (lambda: Utterances({}, {}), "No embedding"),
        (
            lambda: Utterances({"a": [[1.0]]}, {"emotion": ["x", "y"]}),
            r"'emotion' has shape \(2,\)",
        ),
        (
            lambda: fit_dci(parts()[0], parts(num_classes=4)[1], seed=0),
            r"\['e3'\] are in one of training and test",
        ),
        (
            lambda: fit_dci(parts()[0], parts(num_dims=7)[1], seed=0, trees=QUICK_TREES),
            "test has 7 dimensions",
        ),
        (
            lambda: rotated(parts()[0], parts(num_dims=7)[1], rng=np.random.default_rng(0)),
            "codes of one embedding",
        ),
    ],
)
def test_what_has_no_dci_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
