"""Factors that a code is asked for, in both readings of DCI, and codes that serve as its controls.

The first reading takes one embedding and one label, each class against the rest; the second takes
all embeddings side by side and several labels. `N` items, `D` dimensions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from quantlab.analysis.utterances import Utterances
from quantlab.errors import InputError

REST = "rest"
"""The label of items that are not of a one-versus-rest factor's class."""


@dataclass(frozen=True, eq=False)
class FactorSet:
    """Vectors and the factors that they are asked for.

    Attributes
    ----------
    vectors : np.ndarray, float64, shape [N, D]
        Codes.
    factors : mapping of str to np.ndarray of str, shape [N]
        Value of each factor for each item.
    clusters : np.ndarray of str, shape [N]
        What the items' intervals are clustered by.
    """

    vectors: np.ndarray
    factors: Mapping[str, np.ndarray]
    clusters: np.ndarray


def class_factors(utterances: Utterances, *, embedding: str, label: str) -> FactorSet:
    """Ask an embedding for each class of one label against the rest.

    Parameters
    ----------
    utterances : Utterances
        Embeddings and labels.
    embedding, label : str
        Which embedding, and whose classes become the factors.

    Returns
    -------
    FactorSet
        One factor per class, with the values `REST` and the class.

    Raises
    ------
    InputError
        If the embedding, the label or the labels of its clusters are missing.
    """
    values = utterances.named(label)
    factors = {str(name): np.where(values == name, name, REST) for name in np.unique(values)}
    return FactorSet(utterances.vectors(embedding), factors, utterances.clusters(label))


def label_factors(
    utterances: Utterances, *, embeddings: Sequence[str], labels: Sequence[str]
) -> FactorSet:
    """Ask embeddings that are put side by side for several labels.

    Parameters
    ----------
    utterances : Utterances
        Embeddings and labels.
    embeddings : sequence of str
        Which embeddings make the code, in this order.
    labels : sequence of str
        Each is a factor. One with many values, such as the text, costs a tree per value and stage:
        two labels of six values, with 2000 items of 768 dimensions, take 100 s on one core.

    Returns
    -------
    FactorSet

    Raises
    ------
    InputError
        If an embedding, a label or the labels of the clusters are missing.
    """
    code = np.concatenate([utterances.vectors(name) for name in embeddings], axis=1)
    factors = {name: utterances.named(name) for name in labels}
    return FactorSet(code, factors, utterances.clusters(*labels))


def rotated(
    train: FactorSet, test: FactorSet, *, rng: np.random.Generator
) -> tuple[FactorSet, FactorSet]:
    """Turn codes by one random rotation, which keeps all they tell and mixes their axes.

    Dimensions are standardised by the training items first, so that none drowns in a larger one.

    Parameters
    ----------
    train, test : FactorSet
        Codes of one width.
    rng : np.random.Generator
        Draws the rotation, all orthogonal matrices being equally likely.

    Returns
    -------
    tuple of two FactorSet

    Raises
    ------
    InputError
        If widths differ.
    """
    num_dims = train.vectors.shape[1]
    if test.vectors.shape[1] != num_dims:
        raise InputError(
            f"Training codes have {num_dims} dimensions and test codes {test.vectors.shape[1]}; "
            "give codes of one embedding."
        )
    mean, spread = train.vectors.mean(axis=0), train.vectors.std(axis=0)
    units = np.where(spread > 0, spread, 1.0)
    basis, triangle = np.linalg.qr(rng.standard_normal((num_dims, num_dims)))
    turn = basis * np.sign(np.diagonal(triangle))  # without the signs, not uniform (Mezzadri 2007)
    first, second = (
        replace(part, vectors=(part.vectors - mean) / units @ turn) for part in (train, test)
    )
    return first, second


def shuffled(given: FactorSet, *, rng: np.random.Generator) -> FactorSet:
    """Give each code the factors of another item of its cluster.

    Parameters
    ----------
    given : FactorSet
        Codes and factors.
    rng : np.random.Generator
        Draws the permutation within each cluster; all factors move together.

    Returns
    -------
    FactorSet
    """
    order = permutation_within(given.clusters, rng=rng)
    return replace(given, factors={name: values[order] for name, values in given.factors.items()})


def permutation_within(clusters: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """Return a permutation that keeps every item in its cluster.

    Parameters
    ----------
    clusters : np.ndarray, shape [N]
        Whose item it is.
    rng : np.random.Generator
        Draws it.

    Returns
    -------
    np.ndarray, int64, shape [N]
        Positions to take labels from.

    Examples
    --------
    >>> names = np.array(["a", "b", "a", "b"])
    >>> names[permutation_within(names, rng=np.random.default_rng(0))].tolist()
    ['a', 'b', 'a', 'b']
    """
    by_cluster = np.argsort(clusters, kind="stable")
    mixed = np.lexsort((rng.random(len(clusters)), clusters))
    order = np.empty(len(clusters), dtype=np.int64)
    order[by_cluster] = mixed
    return order
