"""Maps of embeddings, fitted to clean vectors, in which other vectors are placed afterwards.

Principal components and discriminants place any vector by a matrix. t-SNE and UMAP know their own
points only: others lie at the weighted mean of their nearest clean neighbours, so that a map can be
kept in plain arrays. Letters: ``N`` clean vectors, ``M`` placed ones, ``D`` dimensions, ``C`` axes.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from quantlab.analysis.checks import matrix
from quantlab.analysis.projection import ProjectionMethod, project
from quantlab.errors import InputError

MapKind = Literal["pca", "lda", "tsne", "umap"]
MAP_KINDS: tuple[MapKind, ...] = ("pca", "lda", "tsne", "umap")
LINEAR_KINDS: tuple[MapKind, ...] = ("pca", "lda")
"""Maps that place a vector by a matrix."""

NUM_NEIGHBOURS = 15
_NUM_COMPONENTS = 50
_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class FittedMap:
    """A map and what is needed to place vectors in it.

    Attributes
    ----------
    kind : {"pca", "lda", "tsne", "umap"}
        How it was made.
    places : np.ndarray, float32, shape [N, C]
        Of the clean vectors.
    basis : np.ndarray, float32, shape [D, C]
        Place of a vector z is ``(z − origin) @ basis``; of shape [0, C] for t-SNE and UMAP.
    origin : np.ndarray, float32, shape [D]
        Mean of the clean vectors.
    explained : tuple of float, 0 to 1
        Share of the variance along each principal component; empty for the others.
    num_discriminants : int
        Leading axes that are discriminants; those behind are principal components of the rest.
    """

    kind: MapKind
    places: np.ndarray
    basis: np.ndarray
    origin: np.ndarray
    explained: tuple[float, ...] = ()
    num_discriminants: int = 0


def fit_map(
    z: ArrayLike, labels: ArrayLike, *, kind: MapKind, num_axes: int = 3, seed: int = 0
) -> FittedMap:
    """Fit a map to clean vectors.

    Parameters
    ----------
    z : array_like, shape [N, D]
        Clean vectors, four or more.
    labels : array_like of str, shape [N]
        Their classes; linear discriminant analysis tells them apart, the others ignore them.
    kind : {"pca", "lda", "tsne", "umap"}
        Principal components; discriminants with a shrunk covariance (Ledoit and Wolf), filled up
        with principal components where there are too few classes; t-SNE or UMAP of the leading 50
        principal components, both begun from the first ones.
    num_axes : int, 2 or 3
        Axes, C.
    seed : int >= 0
        Of t-SNE and UMAP.

    Returns
    -------
    FittedMap

    Raises
    ------
    InputError
        There are too few vectors or classes, the kind is unknown, or UMAP is not installed.

    Notes
    -----
    Discriminants are fitted to the very clips they show: they draw classes apart more than new
    clips would be.
    """
    rows = matrix("z", z)
    if len(rows) < 4:
        raise InputError(f"There are {len(rows)} vectors; a map needs at least 4.")
    if kind not in MAP_KINDS:
        raise InputError(f"There is no map {kind!r}; choose from {', '.join(MAP_KINDS)}.")
    if num_axes not in (2, 3):
        raise InputError(f"A map has 2 or 3 axes, given {num_axes}.")
    origin = rows.mean(axis=0)
    centred = rows - origin
    if kind in LINEAR_KINDS:
        return _linear(kind, centred, origin, np.asarray(labels).astype(str), num_axes)
    scores = centred @ _components(centred, min(_NUM_COMPONENTS, *rows.shape))[0]
    places = _tsne(centred, num_axes, seed) if kind == "tsne" else _umap(scores, num_axes, seed)
    nothing = np.empty((0, num_axes), np.float32)
    return FittedMap(kind, _single(places), nothing, _single(origin))


def place_in_maps(
    maps: Sequence[FittedMap], clean: np.ndarray, z: ArrayLike
) -> tuple[np.ndarray, ...]:
    """Place vectors in several maps of the same clean vectors.

    Parameters
    ----------
    maps : sequence of FittedMap
        The maps.
    clean : np.ndarray, shape [N, D]
        The vectors that they were fitted to; t-SNE and UMAP need them.
    z : array_like, shape [M, D]
        Vectors to place.

    Returns
    -------
    tuple of np.ndarray, float32, shape [M, C]
        One for each map. For t-SNE and UMAP the mean of the 15 nearest clean vectors' places,
        weighted by exp(−d²/d̄²) with d̄² the mean squared distance to them: such places never lie
        outside of what the clean vectors span.

    Raises
    ------
    InputError
        Widths differ, or vectors are not finite.
    """
    rows = matrix("z", z)
    for found in maps:
        if rows.shape[1] != len(found.origin):
            raise InputError(
                f"The map is of vectors of {len(found.origin)} dimensions, given {rows.shape[1]}."
            )
    drawn = any(found.kind not in LINEAR_KINDS for found in maps)
    near = _neighbours(np.asarray(clean, np.float32), rows.astype(np.float32)) if drawn else None
    return tuple(_places(found, rows, near) for found in maps)


_Near = tuple[np.ndarray, np.ndarray]


def _places(found: FittedMap, rows: np.ndarray, near: _Near | None) -> np.ndarray:
    if near is None or found.kind in LINEAR_KINDS:
        return _single((rows - found.origin) @ found.basis)
    nearest, weights = near
    return _single(np.einsum("mk,mkc->mc", weights, found.places[nearest]))


def _neighbours(known: np.ndarray, rows: np.ndarray) -> _Near:
    """Return the nearest known vectors of each row and their weights, both [M, K]."""
    count = min(NUM_NEIGHBOURS, len(known))
    nearest = np.empty((len(rows), count), np.int64)
    weights = np.empty((len(rows), count), np.float32)
    lengths = np.square(known).sum(axis=1)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        squared = lengths - 2 * block @ known.T  # less ‖row‖², which is the same for all
        closest = np.argpartition(squared, count - 1, axis=1)[:, :count]
        distances = np.take_along_axis(squared, closest, axis=1)
        distances = np.maximum(distances + np.square(block).sum(axis=1)[:, None], 0.0)
        mean = np.maximum(distances.mean(axis=1, keepdims=True), np.finfo(np.float32).tiny)
        shares = np.exp(-distances / mean)
        nearest[start : start + _BLOCK] = closest
        weights[start : start + _BLOCK] = shares / shares.sum(axis=1, keepdims=True)
    return nearest, weights


def _linear(
    kind: MapKind, centred: np.ndarray, origin: np.ndarray, labels: np.ndarray, num_axes: int
) -> FittedMap:
    if kind == "pca":
        basis, shares = _components(centred, num_axes)
        explained = tuple(float(share) for share in shares)
        return FittedMap(kind, _single(centred @ basis), _single(basis), _single(origin), explained)
    basis = _discriminants(centred, labels)[:, :num_axes]
    found = basis.shape[1]
    if found < num_axes:
        # What the discriminants leave: components at right angles to them.
        ortho, _ = np.linalg.qr(basis)
        rest, _ = _components(centred - centred @ ortho @ ortho.T, num_axes - found)
        basis = np.column_stack([basis, rest])
    return FittedMap(
        kind,
        _single(centred @ basis),
        _single(basis),
        _single(origin),
        num_discriminants=found,
    )


def _components(centred: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return leading directions [D, count] and their shares of the variance, padded with zeros."""
    _, spread, right = np.linalg.svd(centred, full_matrices=False)
    directions, power = right[:count], np.square(spread)
    largest = np.abs(directions).argmax(axis=1)
    signs = np.sign(directions[np.arange(len(directions)), largest])
    directions = directions * np.where(signs == 0, 1.0, signs)[:, None]
    basis = np.zeros((centred.shape[1], count))
    basis[:, : len(directions)] = directions.T
    shares = np.zeros(count)
    shares[: len(directions)] = power[:count] / max(power.sum(), np.finfo(float).tiny)
    return basis, shares


def _discriminants(centred: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return directions [D, at most classes − 1] that tell classes apart, of unit variance."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    classes = np.unique(labels)
    if len(classes) < 2:
        raise InputError(f"Discriminants need two classes, given {len(classes)}; take pca.")
    model = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto").fit(centred, labels)
    count = min(len(classes) - 1, centred.shape[1])
    basis = np.asarray(model.scalings_)[:, :count]
    largest = np.abs(basis).argmax(axis=0)
    return basis * np.where(basis[largest, np.arange(count)] < 0, -1.0, 1.0)


def _tsne(centred: np.ndarray, num_axes: int, seed: int) -> np.ndarray:
    method: ProjectionMethod = "tsne"
    return project(centred, method=method, num_axes=num_axes, seed=seed).coordinates


def _umap(scores: np.ndarray, num_axes: int, seed: int) -> np.ndarray:
    try:
        import umap
    except ImportError as error:
        raise InputError(
            "UMAP is not installed; type `pip install 'quantlab[maps]'`, or take tsne"
        ) from error
    first = scores[:, :num_axes]
    if first.shape[1] < num_axes:
        first = np.column_stack([first, np.zeros((len(first), num_axes - first.shape[1]))])
    first = 10 * first / max(float(np.abs(first).max()), np.finfo(float).tiny)
    begin: Any = first.astype(np.float32)  # its annotation knows the names of layouts only
    model = umap.UMAP(
        n_neighbors=min(NUM_NEIGHBOURS, len(scores) - 1),
        n_components=num_axes,
        init=begin,
        random_state=seed,
        n_jobs=1,  # what a seed asks for; said by ourselves, UMAP does not warn of it
    )
    with warnings.catch_warnings():
        # A graph in several pieces is laid out in pieces, which the picture shows.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"umap|sklearn")
        return np.asarray(model.fit_transform(scores.astype(np.float32)))


def _single(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, np.float32)
