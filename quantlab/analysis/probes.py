"""Probes: small classifiers, trained on clean vectors, that read a label off a vector.

Three of them serve a sweep, so that a finding does not hang on one: multinomial logistic
regression, a support vector machine and a small multilayer perceptron. Vectors are standardised by
the training items' statistics and classes weigh the same however many items they have, because the
score that the probes serve is a mean over classes. A fourth, the wide perceptron, is the one that
disentanglement is measured with; it stops early instead, and takes the items as they are. `N`
items, `D` dimensions, `E` classes.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike

from quantlab.analysis.checks import matrix
from quantlab.errors import InputError

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

ProbeName = Literal["logistic", "svm", "mlp", "wide_mlp"]
PROBES: tuple[ProbeName, ...] = ("logistic", "svm", "mlp")

# Share of the items on which the wide perceptron decides when to stop.
_VALIDATION = 0.1
# Rows predicted at a time: the kernel of a block with 10 000 training items stays under 400 MB.
_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class FittedProbe:
    """A classifier that has been trained.

    Attributes
    ----------
    name : str
        Which classifier it is.
    classes : tuple of str
        The labels that it can give, sorted.
    num_dims : int
        `D` of the vectors that it takes.
    classifier : sklearn.pipeline.Pipeline
        Standardisation and model; gives positions in `classes`.
    """

    name: ProbeName
    classes: tuple[str, ...]
    num_dims: int
    classifier: "Pipeline"

    def predict(self, x: ArrayLike) -> np.ndarray:
        """Return the label of each vector.

        Parameters
        ----------
        x : array_like, shape [N, D]
            Vectors in the space that the probe was trained in.

        Returns
        -------
        np.ndarray of str, shape [N]

        Raises
        ------
        InputError
            If the vectors have another `D` or are not finite.
        """
        rows = matrix("x", x, num_dims=self.num_dims)
        codes = np.zeros(len(rows), dtype=np.int64)
        for start in range(0, len(rows), _BLOCK):
            codes[start : start + _BLOCK] = self.classifier.predict(rows[start : start + _BLOCK])
        return np.asarray(self.classes)[codes]

    def log_probabilities(self, x: ArrayLike) -> np.ndarray:
        """Return the natural logarithm of each label's probability.

        Where classes weigh the same in training, these are probabilities for equal priors.

        Parameters
        ----------
        x : array_like, shape [N, D]
            Vectors in the space that the probe was trained in.

        Returns
        -------
        np.ndarray, float64, shape [N, E], <= 0
            Columns in the order of `classes`; bounded below by the smallest float64.

        Raises
        ------
        InputError
            If the vectors have another `D` or are not finite, or the probe is a support vector
            machine, which gives no probabilities.
        """
        if self.name == "svm":
            raise InputError(
                "A support vector machine gives no probabilities; take logistic, mlp or wide_mlp."
            )
        rows = matrix("x", x, num_dims=self.num_dims)
        if not len(rows):
            return np.empty((0, len(self.classes)))
        shares = self.classifier.predict_proba(rows)
        return np.log(np.maximum(shares, np.finfo(np.float64).tiny))


def fit_probe(
    name: ProbeName, x: ArrayLike, labels: Sequence[str] | np.ndarray, *, seed: int
) -> FittedProbe:
    """Train a probe.

    Parameters
    ----------
    name : {"logistic", "svm", "mlp", "wide_mlp"}
        Which classifier: L2-regularised multinomial logistic regression, a support vector machine
        with the kernel exp(−‖u − v‖² / D), a perceptron with one hidden layer of 64 units, or one
        of 256 units that is trained by Adam at 1e-3 until its accuracy on a tenth of the items has
        not risen for ten epochs. Only this last one gives rare classes less weight.
    x : array_like, shape [N, D]
        Clean training vectors, one per item.
    labels : sequence of str, length N
        Class of each item; at least two classes, for the wide perceptron of two items or more.
    seed : int >= 0
        Seeds a perceptron's initial weights, the order of its items and its validation part; the
        other two are deterministic without.

    Returns
    -------
    FittedProbe

    Raises
    ------
    InputError
        If the name is unknown, arrays do not fit or are not finite, there is one class only, or a
        class has too few items to be both trained on and validated with.

    Examples
    --------
    >>> x = [[0.0, 0.1], [0.1, 0.0], [1.0, 0.9], [0.9, 1.0]]
    >>> probe = fit_probe("logistic", x, ["sad", "sad", "happy", "happy"], seed=0)
    >>> probe.predict([[0.95, 0.95]]).tolist()
    ['happy']
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = matrix("x", x)
    given = np.asarray(labels).astype(str)
    if given.shape != (len(rows),):
        raise InputError(f"{given.shape} labels were given for {len(rows)} vectors; give one each.")
    classes, codes = np.unique(given, return_inverse=True)
    if len(classes) < 2:
        raise InputError(f"All labels are {classes.tolist()}; a probe needs two classes or more.")
    if name == "wide_mlp":
        model = _stopping_early(codes, classes, seed=seed)
    else:
        model = _model(name, rows.shape[1], seed=seed)
    if name == "mlp":
        rows, codes = _balanced(rows, codes, seed=seed)
    pipeline = make_pipeline(StandardScaler(), model)
    with warnings.catch_warnings():
        # The perceptron trains for a fixed number of epochs, which is part of its regularisation,
        # and logistic regression is convex: where it is cut off, it is close to its optimum.
        warnings.simplefilter("ignore", ConvergenceWarning)
        pipeline.fit(rows, codes)
    return FittedProbe(name, tuple(classes.tolist()), rows.shape[1], pipeline)


def _model(name: ProbeName, num_dims: int, *, seed: int):
    """Return the untrained scikit-learn estimator for standardised vectors."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.svm import SVC

    if name == "logistic":
        # Embeddings have hundreds of correlated dimensions and few speakers: C = 1 overfits the
        # speakers and takes ten times as long.
        return LogisticRegression(C=0.01, max_iter=2000, class_weight="balanced")
    if name == "svm":
        # As a function the kernel goes through BLAS: predicting is ten times faster than in libsvm.
        kernel = partial(_gaussian_kernel, num_dims=num_dims)
        # Scikit-learn has no annotations, and pyright takes the default's type for the only one.
        return SVC(kernel=kernel, class_weight="balanced")  # pyright: ignore[reportArgumentType]
    if name == "mlp":
        return MLPClassifier((64,), alpha=0.01, max_iter=40, n_iter_no_change=40, random_state=seed)
    raise InputError(f"There is no probe {name!r}; choose one of {', '.join(PROBES)}, wide_mlp.")


def _gaussian_kernel(first: np.ndarray, second: np.ndarray, *, num_dims: int) -> np.ndarray:
    """Return exp(−‖u − v‖² / D) of all pairs; single precision, which halves the time."""
    left, right = first.astype(np.float32), second.astype(np.float32)
    apart = left @ right.T
    apart *= -2.0
    apart += np.einsum("nd,nd->n", left, left)[:, None]
    apart += np.einsum("nd,nd->n", right, right)[None, :]
    return np.exp(np.minimum(-apart / num_dims, 0.0)).astype(np.float64)


def _stopping_early(codes: np.ndarray, classes: np.ndarray, *, seed: int):
    """Return the untrained wide perceptron, its validation part large enough for every class."""
    from sklearn.neural_network import MLPClassifier

    counts = np.bincount(codes)
    if counts.min() < 2:
        raise InputError(
            f"There is one item of class {classes[np.argmin(counts)]!r}; the wide_mlp needs one to "
            "train on and one to validate with, so give more, or take logistic."
        )
    return MLPClassifier(
        (256,),
        learning_rate_init=1e-3,
        early_stopping=True,
        validation_fraction=max(_VALIDATION, len(counts) / len(codes)),
        random_state=seed,
    )


def _balanced(rows: np.ndarray, codes: np.ndarray, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Repeat items of rarer classes, because the perceptron takes no class weights."""
    rng = np.random.default_rng(seed)
    most = np.bincount(codes).max()
    picks = []
    for code in np.unique(codes):
        members = np.flatnonzero(codes == code)
        whole, rest = divmod(most, len(members))
        picks += [np.tile(members, whole), rng.choice(members, rest, replace=False)]
    chosen = np.concatenate(picks)
    return rows[chosen], codes[chosen]
