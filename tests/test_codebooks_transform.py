from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA

from quantlab.codebooks import Klt
from quantlab.errors import InputError


@pytest.fixture
def z(rng: np.random.Generator) -> np.ndarray:
    """Correlated vectors whose mean is exactly zero."""
    drawn = rng.normal(size=(600, 12)) @ rng.normal(size=(12, 12))
    return (drawn - drawn.mean(axis=0)).astype(np.float32)


def test_axes_are_those_of_pca(z: np.ndarray) -> None:
    klt = Klt.fit(z, 5)
    pca = PCA(5, svd_solver="full").fit(z.astype(np.float64))
    assert np.abs(np.einsum("md,md->m", klt.basis, pca.components_)) == pytest.approx(1, abs=1e-5)
    assert klt.variances == pytest.approx(pca.explained_variance_ * 599 / 600, rel=1e-5)
    assert (klt.basis[np.arange(5), np.abs(klt.basis).argmax(axis=1)] > 0).all()


def test_energy_is_about_the_origin(z: np.ndarray) -> None:
    values = np.linalg.eigvalsh((z + 1.0).T.astype(np.float64) @ (z + 1.0) / len(z))
    assert Klt.fit(z + 1.0).variances == pytest.approx(values[::-1], rel=1e-4)


def test_all_components_give_the_vectors_back(z: np.ndarray) -> None:
    klt = Klt.fit(z)
    assert klt.inverse(klt.forward(z)) == pytest.approx(z, abs=1e-4)
    assert klt.lost(z) == pytest.approx(0, abs=1e-6)


def test_components_and_loss_share_out_the_energy(z: np.ndarray) -> None:
    klt = Klt.fit(z, 4)
    y = klt.forward(z)
    power = (z.astype(np.float64) ** 2).sum(axis=1)
    assert (y.astype(np.float64) ** 2).sum(axis=1) + klt.lost(z) == pytest.approx(power, rel=1e-4)
    moments = y.T.astype(np.float64) @ y / len(y)
    assert moments == pytest.approx(np.diag(klt.variances), abs=1e-3)


def test_a_memory_map_in_half_precision_gives_the_same_axes(z: np.ndarray, tmp_path: Path) -> None:
    half = z.astype(np.float16)
    np.save(tmp_path / "z.npy", half)
    mapped = np.load(tmp_path / "z.npy", mmap_mode="r")
    assert np.array_equal(Klt.fit(mapped, 3).basis, Klt.fit(half.astype(np.float32), 3).basis)
    assert np.array_equal(Klt.fit(np.asfortranarray(z), 3).basis, Klt.fit(z, 3).basis)


def test_fewer_vectors_than_dimensions() -> None:
    klt = Klt.fit(np.eye(2, 5, dtype=np.float32) * [[2.0], [1.0]])
    assert klt.variances == pytest.approx([2.0, 0.5, 0, 0, 0])
    assert klt.basis[:2] == pytest.approx(np.eye(2, 5))


@pytest.mark.parametrize(
    ("vectors", "components", "message"),
    [
        (np.zeros((0, 3)), 0, "not empty"),
        (np.zeros(3), 0, "not empty"),
        (np.zeros((4, 3)), 4, "3 dimensions"),
        (np.zeros((4, 3)), -1, "3 dimensions"),
        (np.full((4, 3), np.nan), 0, "NaN"),
    ],
)
def test_bad_input_is_refused(vectors: np.ndarray, components: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Klt.fit(vectors, components)


def test_bad_bases_and_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="not orthonormal"):
        Klt(np.ones((2, 3)), np.ones(2))
    with pytest.raises(InputError, match="variances"):
        Klt(np.eye(2), np.ones(3))
    with pytest.raises(InputError, match="NaN"):
        Klt(np.eye(2), np.array([1.0, np.nan]))
    with pytest.raises(InputError, match=r"expected \[N, 3\]"):
        Klt(np.eye(2, 3), np.ones(2)).forward(np.zeros((1, 2)))
