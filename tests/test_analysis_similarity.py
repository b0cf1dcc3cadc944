"""Cosines, distortion and the random-pair line against definitions written out by hand."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_similarity

from quantlab.analysis import (
    cosine_centred,
    cosine_raw,
    distortion,
    random_pair_cosine,
    similarity,
    time_means,
)
from quantlab.errors import InputError

OFFSETS = np.array([0, 3, 4, 9])


@pytest.fixture
def frames():
    rng = np.random.default_rng(3)
    return rng.normal(size=(9, 5)), rng.normal(size=(9, 5))


def test_similarity_equals_loops_over_items(frames):
    z, z_hat = frames
    mean, scale = np.arange(1.0, 6.0), 0.7
    found = similarity(z, z_hat, OFFSETS, mean=mean, scale=scale)

    def cosine(a, b):
        return float(a @ b / np.sqrt((a @ a) * (b @ b)))

    for item, (start, end) in enumerate(pairwise(OFFSETS)):
        a, b = z[start:end], z_hat[start:end]
        x, x_hat = mean + scale * a, mean + scale * b
        pairs = list(zip(a, b, strict=True))
        raw_pairs = list(zip(x, x_hat, strict=True))
        assert found.distortion[item] == pytest.approx(
            np.mean([np.sum((p - q) ** 2) for p, q in pairs])
        )
        assert found.cos_centred_frames[item] == pytest.approx(
            np.mean([cosine(p, q) for p, q in pairs])
        )
        assert found.cos_raw_frames[item] == pytest.approx(
            np.mean([cosine(p, q) for p, q in raw_pairs])
        )
        assert found.cos_centred_means[item] == pytest.approx(cosine(a.mean(0), b.mean(0)))
        assert found.cos_raw_means[item] == pytest.approx(cosine(x.mean(0), x_hat.mean(0)))
    assert not found.zero_output.any()


def test_parts_agree_with_the_whole(frames):
    z, z_hat = frames
    found = similarity(z, z_hat, OFFSETS, mean=np.ones(5), scale=2.0)
    np.testing.assert_allclose(distortion(z, z_hat, OFFSETS), found.distortion)
    np.testing.assert_allclose(
        cosine_centred(time_means(z, OFFSETS), time_means(z_hat, OFFSETS)), found.cos_centred_means
    )
    np.testing.assert_allclose(
        cosine_raw(1 + 2 * time_means(z, OFFSETS), 1 + 2 * time_means(z_hat, OFFSETS)),
        found.cos_raw_means,
    )
    np.testing.assert_allclose(cosine_raw(z, z_hat), np.diag(cosine_similarity(z, z_hat)))


def test_time_means_of_single_frames_are_the_frames(frames):
    z, _ = frames
    np.testing.assert_array_equal(time_means(z, np.arange(10)), z)


def test_a_zero_output_has_centred_cosine_zero_and_is_flagged(frames):
    z, z_hat = frames
    z_hat[3] = 0.0  # the second item, whole
    z_hat[0] = 0.0  # one frame of the first item
    found = similarity(z, z_hat, OFFSETS, mean=np.full(5, 4.0), scale=1.0)
    assert found.zero_output.tolist() == [False, True, False]
    assert found.cos_centred_frames[1] == found.cos_centred_means[1] == 0.0
    assert found.cos_raw_means[1] == pytest.approx(
        float(cosine_raw(z[3:4] + 4.0, np.full((1, 5), 4.0))[0])
    )
    expected = (0.0 + cosine_centred(z[1:3], z_hat[1:3]).sum()) / 3
    assert found.cos_centred_frames[0] == pytest.approx(expected)


def test_the_same_vectors_are_entirely_similar(frames):
    z, _ = frames
    found = similarity(z, z, OFFSETS, mean=np.ones(5), scale=3.0)
    np.testing.assert_array_equal(found.distortion, 0.0)
    for values in (
        found.cos_raw_frames,
        found.cos_raw_means,
        found.cos_centred_frames,
        found.cos_centred_means,
    ):
        np.testing.assert_allclose(values, 1.0)


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    stretch=st.floats(1e-3, 1e3),
    num_dims=st.integers(1, 6),
)
def test_cosine_ignores_length_and_knows_direction(seed, stretch, num_dims):
    rng = np.random.default_rng(seed)
    x, x_hat = rng.normal(size=(2, 4, num_dims))
    cosine = cosine_raw(x, x_hat)
    assert (np.abs(cosine) <= 1.0).all()
    np.testing.assert_allclose(cosine_raw(x_hat, x), cosine)
    np.testing.assert_allclose(cosine_raw(stretch * x, x_hat), cosine, atol=1e-12)
    np.testing.assert_allclose(cosine_raw(-x, x_hat), -cosine, atol=1e-12)
    np.testing.assert_allclose(cosine_centred(x, x_hat), cosine)


def test_random_pairs_are_all_pairs_when_these_are_few():
    means = np.random.default_rng(0).normal(size=(20, 4)) + 1.0
    table = cosine_similarity(means)
    expected = table[np.triu_indices(20, k=1)].mean()
    assert random_pair_cosine(means, rng=np.random.default_rng(1)) == pytest.approx(expected)


def test_random_pairs_are_drawn_from_distinct_utterances():
    means = np.random.default_rng(0).normal(size=(300, 4)) + 1.0
    expected = cosine_similarity(means)[np.triu_indices(300, k=1)].mean()
    drawn = random_pair_cosine(means, rng=np.random.default_rng(1), num_pairs=20_000)
    assert drawn == pytest.approx(expected, abs=0.01)
    assert drawn == random_pair_cosine(means, rng=np.random.default_rng(1), num_pairs=20_000)
    opposite = np.array([[1.0], [-1.0]])
    # More than one pair cannot be had here, so a self-pair would show as +1.
    assert random_pair_cosine(opposite, rng=np.random.default_rng(0), num_pairs=1) == -1.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cosine_raw([[0.0, 0.0]], [[1.0, 0.0]]), "Vector 0 .* no direction"),
        (lambda: cosine_raw([[1.0, 0.0]], [[0.0, 0.0]]), "no direction"),
        (lambda: cosine_raw([[1.0]], [[1.0, 2.0]]), r"shape \(1, 1\)"),
        (lambda: cosine_centred([[np.nan]], [[1.0]]), "Row 0 of z holds NaN"),
        (lambda: cosine_centred([1.0], [1.0]), "one row per vector"),
        (lambda: distortion([[1.0], [1.0]], [[1.0], [1.0]], [0, 1]), "cover the 2 frames"),
        (lambda: distortion([[1.0]], [[1.0]], [0]), "cover the 1 frames"),
        (lambda: time_means([[1.0]], [0, 0, 1]), "Item 0 has no frame"),
        (lambda: random_pair_cosine([[1.0]], rng=np.random.default_rng(0)), "two utterances"),
        (
            lambda: random_pair_cosine([[1.0], [0.0]], rng=np.random.default_rng(0)),
            "no direction",
        ),
        (
            lambda: similarity([[1.0]], [[1.0]], [0, 1], mean=[0.0], scale=0.0),
            "scale is 0.0",
        ),
        (
            lambda: similarity([[1.0]], [[1.0]], [0, 1], mean=[0.0, 1.0], scale=1.0),
            "mean has 2 dimensions",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
