"""The classifier that some embedders bring along: one linear layer on the time mean, softmax.

Letters: ``N`` vectors, ``D`` dimensions, ``C`` classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quantlab.errors import InputError


@dataclass(frozen=True, eq=False)
class Head:
    """A linear classifier in the embedder's own space.

    Attributes
    ----------
    classes : tuple[str, ...]
        Canonical emotion of each output, ``"unknown"`` where the head has such a class.
    weight : np.ndarray [shape=(C, D), dtype=float32]
        One row per class.
    bias : np.ndarray [shape=(C,), dtype=float32]
        Added before the softmax.
    """

    classes: tuple[str, ...]
    weight: np.ndarray
    bias: np.ndarray

    def __post_init__(self) -> None:
        weight = np.ascontiguousarray(self.weight, dtype=np.float32)
        bias = np.ascontiguousarray(self.bias, dtype=np.float32)
        count = len(self.classes)
        if weight.ndim != 2 or len(weight) != count or bias.shape != (count,):
            raise InputError(
                f"a head of {count} classes needs weights [{count}, D] and {count} biases, "
                f"given {weight.shape} and {bias.shape}"
            )
        if len(set(self.classes)) != count or not count:
            raise InputError(f"a head's classes must be distinct, given {list(self.classes)}")
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise InputError("a head holds NaN or infinite weights")
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "bias", bias)

    @property
    def num_dims(self) -> int:
        """Dimensions D of the vectors it takes."""
        return self.weight.shape[1]

    def probabilities(
        self, vectors: np.ndarray, classes: Sequence[str] | None = None
    ) -> np.ndarray:
        """Return the class probabilities of time means.

        Parameters
        ----------
        vectors : np.ndarray [shape=(N, D)]
            Utterance vectors in the embedder's own units, original or quantized.
        classes : Sequence[str], optional
            Classes to choose among; the probabilities of the others are left out and the rest
            divided by their sum. All by default.

        Returns
        -------
        np.ndarray [shape=(N, C), dtype=float64]
            Rows sum to 1, columns in the order of `classes`.

        Raises
        ------
        InputError
            The vectors have another width, or a class is not among the head's.
        """
        rows = np.asarray(vectors)
        if rows.ndim != 2 or rows.shape[1] != self.num_dims:
            raise InputError(f"vectors have shape {rows.shape}, expected [N, {self.num_dims}]")
        chosen = self.classes if classes is None else tuple(classes)
        missing = [name for name in chosen if name not in self.classes]
        if missing:
            raise InputError(
                f"the head has no class {', '.join(missing)}; its classes are "
                f"{', '.join(self.classes)}"
            )
        columns = [self.classes.index(name) for name in chosen]
        weight = self.weight[columns].astype(np.float64)
        logits = rows.astype(np.float64) @ weight.T + self.bias[columns]
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)
