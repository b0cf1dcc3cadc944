"""Embeddings of utterances side by side with their labels: what disentanglement is measured on.

`N` utterances, `D` dimensions of an embedding; embeddings may differ in `D`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from quantlab.analysis.checks import matrix
from quantlab.errors import InputError

SPEAKER, TEXT = "speaker", "text"


@dataclass(frozen=True, eq=False)
class Utterances:
    """Embeddings and labels of the same utterances.

    Attributes
    ----------
    embeddings : mapping of str to np.ndarray, float64, shape [N, D]
        One vector per utterance, by the embedding's name ("content", "speaker", "emotion").
    labels : mapping of str to np.ndarray of str, shape [N]
        One label per utterance, by what it tells ("emotion", "speaker", "text").

    Raises
    ------
    InputError
        If there is no embedding, vectors are not finite, or numbers of utterances differ.

    Examples
    --------
    >>> given = Utterances({"emotion": [[0.0], [1.0]]}, {"speaker": ["a", "b"]})
    >>> given.num_items
    2
    """

    embeddings: Mapping[str, ArrayLike]
    labels: Mapping[str, Sequence[str] | np.ndarray]

    def __post_init__(self) -> None:
        if not self.embeddings:
            raise InputError("No embedding was given; give at least one matrix of vectors.")
        vectors = {name: matrix(name, values) for name, values in self.embeddings.items()}
        labels = {name: np.asarray(values).astype(str) for name, values in self.labels.items()}
        num_items = len(next(iter(vectors.values())))
        for name, values in (*vectors.items(), *labels.items()):
            if values.shape[:1] != (num_items,) or (name in labels and labels[name].ndim != 1):
                raise InputError(
                    f"{name!r} has shape {values.shape} where there are {num_items} utterances; "
                    "give one vector and one label of each kind per utterance."
                )
        object.__setattr__(self, "embeddings", vectors)
        object.__setattr__(self, "labels", labels)

    @property
    def num_items(self) -> int:
        """`N`."""
        return len(self.vectors(next(iter(self.embeddings))))

    def subset(self, rows: ArrayLike) -> "Utterances":
        """Return some of the utterances.

        Parameters
        ----------
        rows : array_like of int or bool
            Positions, or a mask of shape [N].
        """
        chosen = np.asarray(rows)
        return Utterances(
            {name: self.vectors(name)[chosen] for name in self.embeddings},
            {name: self.named(name)[chosen] for name in self.labels},
        )

    def vectors(self, embedding: str) -> np.ndarray:
        """Return the vectors [N, D] of an embedding.

        Raises
        ------
        InputError
            If there is no such embedding.
        """
        if embedding not in self.embeddings:
            raise InputError(
                f"There is no embedding {embedding!r}; there are {sorted(self.embeddings)}."
            )
        return np.asarray(self.embeddings[embedding])

    def named(self, label: str) -> np.ndarray:
        """Return the labels [N] of one kind.

        Raises
        ------
        InputError
            If there are no such labels.
        """
        if label not in self.labels:
            raise InputError(f"There are no labels {label!r}; there are {sorted(self.labels)}.")
        return np.asarray(self.labels[label])

    def clusters(self, *labels: str) -> np.ndarray:
        """Return the clusters [N] that an interval about these labels rests on.

        Raises
        ------
        InputError
            If the labels of the clusters are missing.
        """
        return self.named(cluster_kind(*labels))


def cluster_kind(*labels: str) -> str:
    """Say what the clusters are: speakers, but texts where the speaker is what is predicted.

    An interval leaves out one cluster at a time; without a speaker, nothing can be said of how well
    speakers are told apart as long as that speaker is among the classes.

    Examples
    --------
    >>> cluster_kind("emotion"), cluster_kind("emotion", "speaker")
    ('speaker', 'text')
    """
    return TEXT if SPEAKER in labels else SPEAKER
