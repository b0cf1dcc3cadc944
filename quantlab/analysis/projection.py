"""Two or three coordinates for each embedding, to look at: principal components or t-SNE.

`N` items, `D` dimensions.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from quantlab.analysis.checks import matrix
from quantlab.analysis.utterances import Utterances
from quantlab.errors import InputError

ProjectionMethod = Literal["pca", "tsne"]

_PERPLEXITY = 30.0
_NUM_COMPONENTS = 50


@dataclass(frozen=True, eq=False)
class Projection:
    """A picture of embeddings.

    Attributes
    ----------
    method : {"pca", "tsne"}
        How it was made.
    coordinates : np.ndarray, float64, shape [N, C]
        Place of each item. Of t-SNE neither distances between groups nor their sizes mean anything.
    explained : float, 0 to 1
        Share of the variance that the principal components hold; NaN for t-SNE.
    perplexity : float
        Of t-SNE, about the number of neighbours that it keeps together; NaN for principal
        components.
    """

    method: ProjectionMethod
    coordinates: np.ndarray
    explained: float
    perplexity: float


def project(
    vectors: ArrayLike, *, method: ProjectionMethod, seed: int, num_axes: int = 2
) -> Projection:
    """Lay embeddings out in a plane or in space.

    Parameters
    ----------
    vectors : array_like, shape [N, D]
        Embeddings; four items or more.
    method : {"pca", "tsne"}
        Principal components, or t-SNE of the leading 50 of them, begun from the first.
    seed : int >= 0
        Of t-SNE.
    num_axes : int, 2 or 3
        Axes, C.

    Returns
    -------
    Projection

    Raises
    ------
    InputError
        If the method is unknown, there are fewer than four items, or vectors are not finite.
    """
    rows = matrix("vectors", vectors)
    if len(rows) < 4:
        raise InputError(f"There are {len(rows)} items; a picture needs at least 4.")
    if method not in ("pca", "tsne"):
        raise InputError(f"There is no projection {method!r}; choose pca or tsne.")
    centred = rows - rows.mean(axis=0)
    scores, shares = _principal(centred, num_axes)
    if method == "pca" or not centred.any():
        explained = float(shares[:num_axes].sum())
        return Projection(method, scores[:, :num_axes], explained, float("nan"))
    from sklearn.manifold import TSNE

    perplexity = min(_PERPLEXITY, (len(rows) - 1) / 3.0)
    first = scores[:, :num_axes] / np.std(scores[:, 0]) * 1e-4
    # The begin is given, because scikit-learn's own principal components draw random numbers.
    model = TSNE(num_axes, perplexity=perplexity, init=first.astype(np.float32), random_state=seed)
    coordinates = model.fit_transform(scores[:, :_NUM_COMPONENTS].astype(np.float32))
    return Projection(method, np.asarray(coordinates, np.float64), float("nan"), perplexity)


def projection_table(
    utterances: Utterances, *, method: ProjectionMethod, seed: int
) -> pd.DataFrame:
    """Lay every embedding out in a plane of its own.

    Parameters
    ----------
    utterances : Utterances
        Embeddings and labels.
    method, seed
        As in `project`.

    Returns
    -------
    pd.DataFrame
        One row per embedding and item: embedding, method, x, y, explained, and a column for each
        kind of label.

    Raises
    ------
    InputError
        As in `project`.
    """
    tables = []
    for name in utterances.embeddings:
        found = project(utterances.vectors(name), method=method, seed=seed)
        places = {"x": found.coordinates[:, 0], "y": found.coordinates[:, 1]}
        labels = {kind: utterances.named(kind) for kind in utterances.labels}
        given = {"embedding": name, "method": method, **places, "explained": found.explained}
        tables.append(pd.DataFrame({**given, **labels}))
    return pd.concat(tables, ignore_index=True)


def _principal(centred: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Return scores [N, `least` or more] and shares of variance; largest loadings are positive."""
    left, spread, right = np.linalg.svd(centred, full_matrices=False)
    largest = np.abs(right).argmax(axis=1)
    signs = np.sign(right[np.arange(len(right)), largest])
    scores = left * spread * np.where(signs == 0, 1.0, signs)
    if (lacking := least - scores.shape[1]) > 0:
        scores = np.column_stack([scores, np.zeros((len(scores), lacking))])
    total = np.square(spread).sum()
    shares = np.square(spread) / total if total > 0 else np.full(len(spread), np.nan)
    return scores, shares
