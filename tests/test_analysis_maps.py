"""Maps: axes against scikit-learn, and where vectors that a map was not fitted to are placed."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from quantlab.analysis import MAP_KINDS, fit_map, place_in_maps
from quantlab.errors import InputError


def clips(*, count: int = 90, dims: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.array(["happy", "neutral", "sad"])[np.arange(count) % 3]
    centres = {name: 3 * rng.normal(size=dims) for name in np.unique(labels)}
    return np.stack([centres[name] + rng.normal(size=dims) for name in labels]), labels


def test_principal_components_are_those_of_scikit_learn() -> None:
    z, labels = clips()
    found = fit_map(z, labels, kind="pca")
    theirs = PCA(3).fit(z)
    np.testing.assert_allclose(found.explained, theirs.explained_variance_ratio_, rtol=1e-6)
    np.testing.assert_allclose(np.abs(found.places), np.abs(theirs.transform(z)), atol=1e-4)


def test_discriminants_are_those_of_scikit_learn_filled_up_with_components() -> None:
    z, labels = clips()
    found = fit_map(z, labels, kind="lda")
    theirs = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto").fit(z, labels)
    assert found.num_discriminants == 2
    wanted = theirs.transform(z) - theirs.transform(z.mean(axis=0, keepdims=True))
    np.testing.assert_allclose(np.abs(found.places[:, :2]), np.abs(wanted), atol=1e-3)
    ortho, _ = np.linalg.qr(found.basis[:, :2].astype(np.float64))
    np.testing.assert_allclose(ortho.T @ found.basis[:, 2], 0.0, atol=1e-5)


@pytest.mark.parametrize("kind", ["pca", "lda"])
def test_linear_maps_place_clean_vectors_where_they_are(kind: str) -> None:
    z, labels = clips()
    found = fit_map(z, labels, kind=kind)  # pyright: ignore[reportArgumentType]
    (places,) = place_in_maps([found], z, z)
    np.testing.assert_allclose(places, found.places, atol=1e-4)


def test_t_sne_places_vectors_at_the_weighted_mean_of_their_nearest_neighbours() -> None:
    z, labels = clips()
    found = fit_map(z, labels, kind="tsne", num_axes=2, seed=1)
    new = z[:4] + 0.3
    (places,) = place_in_maps([found], z.astype(np.float32), new)
    for row, place in zip(new, places, strict=True):
        squared = np.square(z - row).sum(axis=1)
        nearest = np.argsort(squared)[:15]
        weights = np.exp(-squared[nearest] / squared[nearest].mean())
        wanted = weights @ found.places[nearest] / weights.sum()
        np.testing.assert_allclose(place, wanted, rtol=1e-3, atol=1e-3)


def test_maps_depend_on_the_seed_only() -> None:
    z, labels = clips(count=40)
    first, again = (fit_map(z, labels, kind="tsne", num_axes=2, seed=3) for _ in range(2))
    assert first.places.tobytes() == again.places.tobytes()


def test_bad_maps_are_explained() -> None:
    z, labels = clips(count=12)
    with pytest.raises(InputError, match="at least 4"):
        fit_map(z[:3], labels[:3], kind="pca")
    with pytest.raises(InputError, match=", ".join(MAP_KINDS)):
        fit_map(z, labels, kind="isomap")  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="two classes"):
        fit_map(z, np.full(12, "sad"), kind="lda")
    with pytest.raises(InputError, match="2 or 3 axes"):
        fit_map(z, labels, kind="pca", num_axes=4)
    with pytest.raises(InputError, match="8 dimensions, given 5"):
        place_in_maps([fit_map(z, labels, kind="pca")], z, z[:, :5])
