"""Probes, bits and shared information against vectors whose answers are known."""

import numpy as np
import pytest

from quantlab.analysis import (
    ProbeScore,
    Utterances,
    cluster_folds,
    crossed_probe_matrix,
    fit_probe,
    gaussian_information,
    information_table,
    leakage_bits,
    probe_matrix,
    project,
    score_table,
)
from quantlab.errors import InputError

NUM_SPEAKERS, NUM_EMOTIONS, NUM_TEXTS = 6, 4, 12


def spoken(*, seed, num_dims=8, noise=0.5):
    """Return utterances in which each embedding tells its own label and nothing else."""
    grid = np.stack(
        np.meshgrid(range(NUM_SPEAKERS), range(NUM_EMOTIONS), range(NUM_TEXTS), indexing="ij"), -1
    ).reshape(-1, 3)
    rng, centres = np.random.default_rng(seed), np.random.default_rng(5)
    speaker, emotion, text = grid.T
    places = {
        "content": centres.normal(size=(NUM_TEXTS, num_dims))[text],
        "speaker": centres.normal(size=(NUM_SPEAKERS, num_dims))[speaker],
        "emotion": centres.normal(size=(NUM_EMOTIONS, num_dims))[emotion],
    }
    return Utterances(
        {name: mean + noise * rng.normal(size=mean.shape) for name, mean in places.items()},
        {
            "speaker": [f"s{code}" for code in speaker],
            "emotion": [f"e{code}" for code in emotion],
            "text": [f"t{code}" for code in text],
        },
    )


@pytest.fixture(scope="module")
def scored():
    return probe_matrix(spoken(seed=0), spoken(seed=1), seed=0)


def test_the_matrix_shows_what_each_embedding_tells(scored):
    assert len(scored) == 3 * 2 * 2 * 2
    for row in scored:
        assert row.chance == row.majority == 1 / (4 if row.label == "emotion" else 6)
        assert row.num_items == 288
        if row.embedding == row.label:
            assert row.value > 0.9
        else:
            # 288 items: three standard errors about chance, and as much for what probes overfit.
            assert abs(row.value - row.chance) < 0.12


def test_intervals_are_clustered_by_speakers_and_by_texts_for_the_speaker(scored):
    kinds = {(row.label, row.clustered_by, row.num_clusters) for row in scored}
    assert kinds == {("emotion", "speaker", 6), ("speaker", "text", 12)}
    for row in scored:
        assert row.low <= row.value <= row.high


def test_accuracy_and_its_interval_are_those_of_the_cluster_means():
    """With clusters of one size the jackknife is Student's interval of their means."""
    from scipy.stats import t

    train, test = spoken(seed=0, noise=2.0), spoken(seed=1, noise=2.0)
    rows = probe_matrix(train, test, seed=0, labels=["emotion"], probes=["logistic"])
    row = next(r for r in rows if (r.embedding, r.metric) == ("emotion", "accuracy"))
    probe = fit_probe("logistic", train.vectors("emotion"), train.named("emotion"), seed=0)
    right = probe.predict(test.vectors("emotion")) == test.named("emotion")
    means = [right[test.named("speaker") == f"s{code}"].mean() for code in range(6)]
    half = t.ppf(0.975, 5) * np.std(means, ddof=1) / np.sqrt(6)
    assert row.value == pytest.approx(np.mean(right))
    assert (row.low, row.high) == pytest.approx((row.value - half, row.value + half))


def test_folds_keep_sentences_together_and_are_about_as_large():
    texts = spoken(seed=0).named("text")
    folds = cluster_folds(texts, 5, rng=np.random.default_rng(1))
    assert [len(set(folds[texts == name])) for name in np.unique(texts)] == [1] * NUM_TEXTS
    sizes = [len(np.unique(texts[folds == fold])) for fold in range(5)]
    assert sorted(sizes) == [2, 2, 2, 3, 3]
    assert not np.array_equal(folds, cluster_folds(texts, 5, rng=np.random.default_rng(2)))
    assert len(np.unique(cluster_folds(texts, 50, rng=np.random.default_rng(1)))) == NUM_TEXTS


def test_each_fold_is_told_by_probes_of_the_others():
    given, asked = spoken(seed=0, noise=2.0), spoken(seed=1, noise=2.0).subset(np.arange(100))
    folds = cluster_folds(given.named("text"), 3, rng=np.random.default_rng(0))
    keys = {"seed": 0, "labels": ["emotion"], "probes": ["logistic"]}
    rows = crossed_probe_matrix(given, asked, folds=(folds, folds[:100]), **keys)
    row = next(r for r in rows if (r.embedding, r.metric) == ("emotion", "accuracy"))
    right = []
    for fold in range(3):
        part = given.subset(folds != fold)
        probe = fit_probe("logistic", part.vectors("emotion"), part.named("emotion"), seed=0)
        held = asked.subset(folds[:100] == fold)
        right += (probe.predict(held.vectors("emotion")) == held.named("emotion")).tolist()
    assert len(right) == row.num_items == 100
    assert row.value == pytest.approx(np.mean(right))


def test_a_label_that_only_its_sentence_tells_is_not_told_of_a_new_sentence():
    """Where a sentence gives the emotion away, folds by sentence leave nothing to be learned."""
    rng = np.random.default_rng(0)
    texts = np.repeat(np.arange(12), 24)
    emotions = np.array(["sad", "happy"])[texts % 2]
    vectors = np.eye(12)[texts] + 0.1 * rng.normal(size=(288, 12))
    labels = {"emotion": emotions, "speaker": ["a", "b"] * 144, "text": texts}
    given = Utterances({"emotion": vectors}, labels)
    keys = {"seed": 0, "labels": ["emotion"], "probes": ["logistic"]}
    by_text = cluster_folds(texts, 4, rng=np.random.default_rng(0))
    by_item = np.arange(288) % 4
    apart = crossed_probe_matrix(given, given, folds=(by_text, by_text), **keys)[0]
    mixed = crossed_probe_matrix(given, given, folds=(by_item, by_item), **keys)[0]
    assert mixed.value > 0.98
    assert apart.value < 0.6


def test_a_rare_class_separates_accuracy_from_recall():
    rng = np.random.default_rng(0)
    labels = {"emotion": ["sad"] * 90 + ["happy"] * 10, "speaker": ["a", "b"] * 50}
    given = Utterances({"emotion": rng.normal(size=(100, 3))}, labels)
    rows = {
        row.metric: row
        for row in probe_matrix(given, given, seed=0, labels=["emotion"], probes=["wide_mlp"])
    }
    assert rows["accuracy"].majority == 0.9
    assert rows["uar"].majority == rows["uar"].chance == 0.5


def test_the_table_has_a_column_per_attribute(scored):
    table = score_table(scored)
    assert len(table) == len(scored)
    wanted = "embedding label probe metric value low high chance majority num_items num_clusters"
    assert set(wanted.split()) <= set(table.columns)
    assert ProbeScore(**table.iloc[0].to_dict()) == scored[0]


def two_clouds(num_items, *, distance, seed, share=0.5):
    """Return a one-dimensional Gaussian for each of two labels, and clusters of a hundred items."""
    rng = np.random.default_rng(seed)
    labels = rng.random(num_items) < share
    x = (labels - 0.5) * distance + rng.normal(size=num_items)
    named = np.where(labels, "sad", "happy")
    speakers = [f"s{place // 100}" for place in range(num_items)]
    return Utterances({"emotion": x[:, None]}, {"emotion": named, "speaker": speakers})


def true_bits(distance, share):
    """Mutual information, and the CLUB bound with the true posterior, by quadrature."""
    x = np.linspace(-12, 12, 20_001)
    priors = np.array([1 - share, share])
    density = np.exp(-0.5 * (x - np.array([[-0.5], [0.5]]) * distance) ** 2) / np.sqrt(2 * np.pi)
    joint = priors[:, None] * density
    mixture = joint.sum(axis=0)
    log_posterior = np.log2(joint / mixture)
    step = x[1] - x[0]
    told = (joint * log_posterior).sum() * step
    apart = (priors[:, None] * mixture * log_posterior).sum() * step
    return told - priors @ np.log2(priors), told - apart


@pytest.mark.parametrize(("distance", "share"), [(2.0, 0.5), (3.0, 0.3), (1.0, 0.2)])
def test_bits_of_two_gaussians_are_the_true_ones(distance, share):
    given = two_clouds(4000, distance=distance, share=share, seed=1)
    rows = leakage_bits(given, rng=np.random.default_rng(0), labels=["emotion"])
    information, bound = true_bits(distance, share)
    values = {(row.metric, row.control): row for row in rows}
    usable = values["v_information", "as given"]
    assert usable.value == pytest.approx(information, abs=0.04)
    assert usable.low < information < usable.high + 0.02
    assert values["club", "as given"].value == pytest.approx(bound, rel=0.25)
    assert usable.label_bits == pytest.approx(
        -share * np.log2(share) - (1 - share) * np.log2(1 - share), abs=0.02
    )
    for metric in ("v_information", "club"):
        assert values[metric, "shuffled labels"].value == pytest.approx(0.0, abs=0.01)


def test_bits_bracket_what_a_wide_embedding_tells():
    given = spoken(seed=3, num_dims=32)
    rows = leakage_bits(given, rng=np.random.default_rng(0), num_folds=3)
    assert len(rows) == 3 * 2 * 2 * 2
    for row in rows:
        if row.control == "shuffled labels" or row.embedding != row.label:
            assert abs(row.value) < 0.15
        elif row.metric == "v_information":
            assert 0.8 * row.label_bits < row.value <= row.label_bits + 1e-9
        else:
            assert row.value >= row.label_bits


def test_bits_are_repeatable():
    given = two_clouds(600, distance=1.0, seed=0)
    first, second = (
        leakage_bits(given, rng=np.random.default_rng(4), labels=["emotion"]) for _ in range(2)
    )
    assert first == second


def correlated(num_items, correlations, *, seed, num_dims=4):
    rng = np.random.default_rng(seed)
    first, other = rng.normal(size=(2, num_items, num_dims))
    second = rng.normal(size=(num_items, num_dims))
    for place, rho in enumerate(correlations):
        second[:, place] = rho * first[:, place] + np.sqrt(1 - rho**2) * other[:, place]
    return first, second, np.arange(num_items) % 20


@pytest.mark.parametrize("correlations", [(), (0.5,), (0.9, 0.3), (0.7, 0.7, 0.7, 0.7)])
def test_shared_bits_of_gaussians_are_the_true_ones(correlations):
    first, second, clusters = correlated(6000, correlations, seed=2)
    found = gaussian_information(first, second, clusters)
    true = -0.5 * np.sum(np.log2(1 - np.square(correlations)))
    assert found.value == pytest.approx(true, abs=0.05)
    assert found.low - 0.03 < true < found.high + 0.03
    assert found.num_clusters == 20


def test_few_items_and_many_components_are_not_biased():
    """Without the correction, 2 × 12 components of 80 items would share about two bits."""
    estimates = [
        gaussian_information(*correlated(80, (), seed=seed, num_dims=12)).value
        for seed in range(60)
    ]
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert abs(np.mean(estimates)) < 4 * error < 0.3


def test_shared_bits_ignore_rotation_scale_and_shift():
    first, second, clusters = correlated(500, (0.8,), seed=0)
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))
    plain = gaussian_information(first, second, clusters).value
    moved = gaussian_information(first, 1000 * second @ turn + 3, clusters).value
    assert moved == pytest.approx(plain, abs=1e-6)


def test_a_constant_embedding_shares_nothing():
    first, _, clusters = correlated(200, (), seed=0)
    found = gaussian_information(first, np.full((200, 3), 0.1), clusters)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_the_matrix_of_pairs_stands_beside_unrelated_pairs():
    first, second, clusters = correlated(400, (0.8,), seed=0)
    third = np.random.default_rng(9).normal(size=(400, 3))
    given = Utterances({"a": first, "b": second, "c": third}, {"speaker": clusters.astype(str)})
    table = information_table(given, rng=np.random.default_rng(0), num_permutations=50)
    assert list(zip(table["first"], table["second"], strict=True)) == [
        ("a", "b"), ("a", "c"), ("b", "c"),
    ]  # fmt: skip
    related, *unrelated = table.to_dict("records")
    assert related["value"] > related["baseline_high"] > 0
    assert related["low"] > 0
    for row in table.to_dict("records"):
        assert abs(row["baseline"]) < 0.02
    assert all(row["low"] < 0 for row in unrelated)


def test_pictures_keep_groups_together_and_are_repeatable():
    spread = spoken(seed=0, noise=0.2)
    given, labels = spread.vectors("emotion")[::3], spread.named("emotion")[::3]
    for method in ("pca", "tsne"):
        first, second = (project(given, method=method, seed=1) for _ in range(2))
        np.testing.assert_array_equal(first.coordinates, second.coordinates)
        places = first.coordinates
        assert places.shape == (96, 2)
        means = np.array([places[labels == name].mean(axis=0) for name in np.unique(labels)])
        nearest = np.linalg.norm(places[:, None] - means, axis=2).argmin(axis=1)
        assert np.mean(np.unique(labels)[nearest] == labels) > 0.9


def test_principal_components_are_those_of_scikit_learn():
    from sklearn.decomposition import PCA

    vectors = np.random.default_rng(0).normal(size=(50, 6)) * [5, 4, 3, 2, 1, 1]
    found, model = project(vectors, method="pca", seed=0), PCA(2)
    expected = model.fit_transform(vectors)
    np.testing.assert_allclose(np.abs(found.coordinates), np.abs(expected), atol=1e-9)
    assert found.explained == pytest.approx(model.explained_variance_ratio_.sum())
    assert project([[1.0]] * 5, method="tsne", seed=0).coordinates.tolist() == [[0.0, 0.0]] * 5


def test_the_wide_perceptron_needs_two_items_of_a_class():
    with pytest.raises(InputError, match="one item of class 'happy'"):
        fit_probe("wide_mlp", [[0.0], [1.0], [1.1]], ["happy", "sad", "sad"], seed=0)


def test_probabilities_belong_to_the_answers():
    given = spoken(seed=0)
    for name in ("logistic", "wide_mlp"):
        probe = fit_probe(name, given.vectors("emotion"), given.named("emotion"), seed=0)
        logs = probe.log_probabilities(given.vectors("emotion"))
        np.testing.assert_allclose(np.exp(logs).sum(axis=1), 1.0)
        answers = np.asarray(probe.classes)[logs.argmax(axis=1)]
        np.testing.assert_array_equal(answers, probe.predict(given.vectors("emotion")))
        assert probe.log_probabilities(np.empty((0, 8))).shape == (0, 4)
    machine = fit_probe("svm", given.vectors("emotion"), given.named("emotion"), seed=0)
    with pytest.raises(InputError, match="gives no probabilities"):
        machine.log_probabilities(given.vectors("emotion"))


def few(**labels):
    return Utterances({"emotion": np.arange(8.0)[:, None]}, labels)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: probe_matrix(
                few(emotion=["a", "b"] * 4, speaker=["s"] * 8),
                few(emotion=["a", "c"] * 4, speaker=["s"] * 8),
                seed=0,
                labels=["emotion"],
            ),
            r"\['c'\] of test items occur in no training item",
        ),
        (
            lambda: leakage_bits(
                few(emotion=["a", "b"] * 4, speaker=["s", "s", "t", "t"] * 2),
                rng=np.random.default_rng(0),
                labels=["emotion"],
            ),
            "2 clusters; three are needed",
        ),
        (
            lambda: leakage_bits(
                few(emotion=["a"] * 7 + ["b"], speaker=[f"s{place // 2}" for place in range(8)]),
                rng=np.random.default_rng(0),
                labels=["emotion"],
            ),
            r"\['b'\] occur in so few clusters",
        ),
        (lambda: leakage_bits(few(), rng=np.random.default_rng(0), num_folds=1), "at least 2"),
        (lambda: cluster_folds(["a", "b"], 1, rng=np.random.default_rng(0)), "at least 2"),
        (lambda: cluster_folds(["a", "a"], 2, rng=np.random.default_rng(0)), "of one cluster"),
        (
            lambda: crossed_probe_matrix(
                few(emotion=["a", "b"] * 4),
                few(emotion=["a", "b"] * 4),
                folds=(np.zeros(8), np.zeros(7)),
                seed=0,
            ),
            r"Folds of shape \(7,\) came with 8 items",
        ),
        (
            lambda: crossed_probe_matrix(
                few(emotion=["a", "b"] * 4),
                few(emotion=["a", "b"] * 4),
                folds=(np.arange(8) % 2, np.arange(8) % 2),
                seed=0,
                labels=["emotion"],
            ),
            r"\['a'\] of test items occur in no training item",
        ),
        (lambda: score_table([]), "no score"),
        (lambda: gaussian_information([[1.0], [2.0]], [[1.0]], ["a", "b"]), "same items"),
        (
            lambda: gaussian_information(np.eye(9), np.eye(9)[:, ::-1], np.zeros(9)),
            "9 items cannot tell",
        ),
        (lambda: gaussian_information([[1.0]], [[1.0]], ["a"], num_dims=0), "at least one"),
        (
            lambda: information_table(few(speaker=["s"] * 8), rng=np.random.default_rng(0)),
            "a pair needs two",
        ),
        (lambda: project([[1.0]] * 3, method="pca", seed=0), "at least 4"),
        (lambda: project([[1.0]] * 4, method="umap", seed=0), "choose pca or tsne"),
    ],
)
def test_what_cannot_be_told_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
