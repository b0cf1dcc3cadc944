"""Recipes: which training vectors a codec is fitted on.

All recipes of one study get the same number of vectors, so that codecs differ in what they saw and
not in how much.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from quantlab.errors import ConfigError, InputError

RecipeKind = Literal["natural", "balanced", "biased", "mixed", "ratio", "shuffled"]
_PLAIN = ("natural", "balanced", "shuffled")
_FORMS = (
    "natural, balanced, shuffled, biased:<emotion>, ratio:<emotion>=<share>, "
    "mixed:<emotion>=<share>,<emotion>=<share>"
)


@dataclass(frozen=True)
class Recipe:
    """A way to choose training vectors by emotion.

    Attributes
    ----------
    name : str
        As written, ``"biased:sad"`` for instance.
    kind : str
        ``natural``: the corpus as it is. ``balanced``: equal shares. ``biased``: one emotion only.
        ``mixed``: given shares. ``ratio``: one emotion at a given share, the others equally.
        ``shuffled``: one "emotion" after labels were permuted within speaker, the reference for
        ``biased``.
    shares : Mapping[str, float]
        Share of each named emotion, 0 to 1; empty for plain kinds.
    """

    name: str
    kind: RecipeKind
    shares: Mapping[str, float]

    @property
    def folder(self) -> str:
        """The recipe's name as a folder: ``biased-sad``."""
        return re.sub(r"[:=,]", "-", self.name)

    def weights(self, emotions: Sequence[str]) -> dict[str, float]:
        """Return the share of every emotion, in the order of `emotions`.

        Raises
        ------
        InputError
            The recipe names an emotion that the data does not have.
        """
        unknown = sorted(set(self.shares) - set(emotions))
        if unknown:
            raise InputError(
                f"recipe {self.name}: no clips of {', '.join(unknown)}; "
                f"the data has {', '.join(emotions)}"
            )
        if self.kind == "ratio":
            target = next(iter(self.shares))
            rest = (1.0 - self.shares[target]) / max(len(emotions) - 1, 1)
            return {name: self.shares[target] if name == target else rest for name in emotions}
        if self.kind == "balanced":
            return dict.fromkeys(emotions, 1.0 / len(emotions))
        return {name: self.shares.get(name, 0.0) for name in emotions}


def parse_recipe(text: str) -> Recipe:
    """Read a recipe from its name.

    Parameters
    ----------
    text : str
        ``natural``, ``balanced``, ``shuffled``, ``biased:sad``, ``ratio:sad=.95`` or
        ``mixed:sad=.5,happy=.5``.

    Returns
    -------
    Recipe
        The recipe.

    Raises
    ------
    ConfigError
        The text has none of these forms, or shares lie outside 0 to 1 or do not sum to one.

    Examples
    --------
    >>> parse_recipe("biased:sad").shares["sad"]
    1.0
    """
    kind, _, rest = text.partition(":")
    if kind in _PLAIN and not rest:
        return Recipe(text, kind, MappingProxyType({}))
    if kind == "biased" and re.fullmatch(r"[a-z]+", rest):
        return Recipe(text, "biased", MappingProxyType({rest: 1.0}))
    if kind in ("mixed", "ratio"):
        shares = _parse_shares(text, rest)
        total = sum(shares.values())
        if kind == "ratio" and len(shares) == 1 and 0 < total < 1:
            return Recipe(text, "ratio", MappingProxyType(shares))
        if kind == "mixed" and len(shares) > 1 and abs(total - 1) < 1e-6:
            return Recipe(text, "mixed", MappingProxyType(shares))
        raise ConfigError(
            f"recipe {text!r}: a ratio names one share between 0 and 1, "
            "a mixture at least two that sum to 1"
        )
    raise ConfigError(f"recipe {text!r} is unknown; the forms are {_FORMS}")


def _parse_shares(text: str, rest: str) -> dict[str, float]:
    shares: dict[str, float] = {}
    for part in rest.split(","):
        match = re.fullmatch(r"([a-z]+)=(\d*\.?\d+)", part)
        if match is None or match[1] in shares:
            raise ConfigError(f"recipe {text!r}: cannot read {part!r}; the forms are {_FORMS}")
        shares[match[1]] = float(match[2])
        if shares[match[1]] <= 0:
            raise ConfigError(f"recipe {text!r}: shares must be positive")
    return shares


def capacity(recipe: Recipe, emotion_of_vector: np.ndarray) -> int:
    """Return the most vectors that `recipe` can draw without repeating one.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    emotion_of_vector : np.ndarray [shape=(N,), str]
        The emotion of each training vector.
    """
    counts = Counter(np.asarray(emotion_of_vector).tolist())
    if recipe.kind == "natural":
        return len(emotion_of_vector)
    if recipe.kind == "shuffled":
        return min(counts.values())
    weights = recipe.weights(sorted(counts))
    rooms = [count / weights[name] for name, count in counts.items() if weights[name] > 0]
    return int(min(rooms) + 1e-9)


def select(
    recipe: Recipe,
    emotion_of_vector: np.ndarray,
    speaker_of_vector: np.ndarray,
    *,
    budget: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw the training vectors of a recipe, without repetition.

    Parameters
    ----------
    recipe : Recipe
        What to draw.
    emotion_of_vector, speaker_of_vector : np.ndarray [shape=(N,), str]
        Labels of the training vectors.
    budget : int
        How many vectors to draw, at most the `capacity` of every recipe compared.
    rng : np.random.Generator
        Source of the draw.

    Returns
    -------
    np.ndarray [shape=(budget,), dtype=int64]
        Sorted indices.

    Raises
    ------
    InputError
        A class holds fewer vectors than the recipe needs.
    """
    labels = np.asarray(emotion_of_vector)
    if recipe.kind == "natural":
        return np.sort(rng.choice(len(labels), budget, replace=False))
    emotions = sorted(set(labels.tolist()))
    if recipe.kind == "shuffled":
        labels = permuted_within(labels, np.asarray(speaker_of_vector), rng=rng)
        shares = {emotions[0]: 1.0}
    else:
        shares = recipe.weights(emotions)
    chosen = []
    for emotion, count in _apportion(shares, budget).items():
        members = np.flatnonzero(labels == emotion)
        if len(members) < count:
            raise InputError(
                f"recipe {recipe.name} needs {count} vectors of {emotion}, there are {len(members)}"
            )
        chosen.append(rng.choice(members, count, replace=False))
    return np.sort(np.concatenate(chosen))


def _apportion(shares: Mapping[str, float], budget: int) -> dict[str, int]:
    """Split `budget` by shares with largest remainders, so that the parts sum to it."""
    names = [name for name, share in shares.items() if share > 0]
    exact = np.array([shares[name] * budget for name in names])
    counts = np.floor(exact + 1e-9).astype(int)
    order = np.argsort(-(exact - counts), kind="stable")
    counts[order[: budget - counts.sum()]] += 1
    return dict(zip(names, counts.tolist(), strict=True))


def permuted_within(
    labels: np.ndarray, groups: np.ndarray, *, rng: np.random.Generator
) -> np.ndarray:
    """Permute `labels` ``[N]`` among the members of each group ``[N]``."""
    permuted = labels.copy()
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        permuted[members] = labels[rng.permutation(members)]
    return permuted
