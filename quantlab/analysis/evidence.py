"""What the claims of a report are tested on, and how a claim becomes a finding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from quantlab.analysis.effects import Term, average, contrast, estimate, one_class
from quantlab.analysis.items import BALANCED, CODEC, ItemTable
from quantlab.analysis.verdicts import Claim, Finding

NEUTRAL = "neutral"
CLEAN = "clean"
BIASED = "biased:"
REFERENCES: Mapping[str, str] = {
    "shrink_mean": "plain blur of equal distortion",
    "water_mean": "water-filling of equal distortion",
    "noise_matched": "noise of equal distortion",
    "pca_matched": "principal components of equal distortion",
}
CLASS_REFERENCES: Mapping[str, str] = {
    "shrink_class": "plain blur toward the same emotion, of equal distortion",
    "water_class": "water-filling around the same emotion, of equal distortion",
}
"""References of a codec by method, in words."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence:
    """Everything that claims are tested on.

    Attributes
    ----------
    items : ItemTable
        New speakers, or the protocol that the study has instead.
    probe : str
        The probe whose answers count, ``"logistic"`` for instance.
    corpus : ItemTable, optional
        New corpora, where the study leaves corpora out.
    agreement : pd.DataFrame, optional
        Columns item and agreement: how clear each item is, as `agreement_classes` names it.
    mixing, routes, listening : pd.DataFrame, optional
        Rows of mixed references, of routes, and of a listening loop.
    """

    items: ItemTable
    probe: str
    corpus: ItemTable | None = None
    agreement: pd.DataFrame | None = None
    mixing: pd.DataFrame | None = None
    routes: pd.DataFrame | None = None
    listening: pd.DataFrame | None = None

    @cached_property
    def lam(self) -> float:
        """The λ that claims speak of, where the set's similarity has fallen to half."""
        return self.items.half_lam()

    @property
    def answers(self) -> str:
        """The column of the probe's labels."""
        return f"probe_{self.probe}"

    @property
    def neutral(self) -> int | None:
        """Position of neutral among the emotions, None where there is none."""
        return self.items.emotions.index(NEUTRAL) if NEUTRAL in self.items.emotions else None

    @cached_property
    def biased(self) -> dict[int, str]:
        """Position of each emotion that a codec was trained on alone, to its recipe."""
        names = {f"{BIASED}{name}": place for place, name in enumerate(self.items.emotions)}
        return {names[recipe]: recipe for recipe in self.items.recipes if recipe in names}

    def there(self, methods: Mapping[str, str], *, recipe: str = BALANCED) -> dict[str, str]:
        """Return those of the methods that a recipe was compared with at the claims' λ."""
        known = self.items.methods(recipe)
        return {
            name: words
            for name, words in methods.items()
            if name in known and self.lam in self.items.lams(recipe=recipe, method=name)
        }

    def one(self, place: int) -> np.ndarray:
        """Weights of one emotion alone."""
        return one_class(place, len(self.items.emotions))

    def against_others(self, place: int, *, without: Sequence[int] = ()) -> np.ndarray:
        """Weights of one emotion less the mean of the others."""
        return contrast(place, len(self.items.emotions), without=without)

    def all_but(self, *places: int) -> np.ndarray:
        """Weights of the plain mean over emotions, some left out."""
        return average(len(self.items.emotions), without=places)

    def informedness(self, shares: np.ndarray, factor: float = 1.0) -> list[Term]:
        """Return one term per class: how well it is told from the others.

        How often its items are called by its name less how often others are, so that calling
        everything one class gains nothing.

        Parameters
        ----------
        shares : np.ndarray, shape [N, E]
            Share of seeds in which an item was given each label.
        factor : float
            Of every term.
        """
        return [
            Term(values=shares[:, place], weights=self.against_others(place), factor=factor)
            for place in range(shares.shape[1])
        ]

    def found(
        self,
        claim: Claim,
        comparisons: Mapping[str, Sequence[Term]],
        *,
        groups: np.ndarray | None = None,
        keep: np.ndarray | None = None,
    ) -> Finding:
        """Test a claim on items.

        Parameters
        ----------
        claim : Claim
            What is claimed.
        comparisons : mapping of str to sequence of Term
            The effect beyond each reference.
        groups : np.ndarray of int, shape [N], optional
            What terms weigh; emotions when left out.
        keep : np.ndarray of bool, shape [N], optional
            Items to use; all when left out.
        """
        table = self.items
        place = np.arange(table.num_items) if keep is None else np.flatnonzero(keep)
        labels = table.emotion if groups is None else groups
        estimates = {
            words: estimate(
                [
                    Term(values=term.values[place], weights=term.weights, factor=term.factor)
                    for term in terms
                ],
                groups=labels[place],
                speakers=table.speaker_code[place],
                texts=table.text_code[place],
            )
            for words, terms in comparisons.items()
        }
        return Finding(claim=claim, estimates=estimates)

    def coded(self, column: str, *, lam: float | None = None, recipe: str = BALANCED,
              method: str = CODEC) -> np.ndarray:  # fmt: skip
        """Return a column at one λ, that of the claims unless another is named."""
        at = self.lam if lam is None else lam
        return self.items.values(column, lam=at, recipe=recipe, method=method)


def untested(claim: Claim, reason: str) -> Finding:
    """Return the finding of a claim that cannot be tested."""
    return Finding(claim=claim, reason=reason)


def neutral_minus_others(
    toward: np.ndarray, emotion: np.ndarray, emotions: Sequence[str]
) -> np.ndarray:
    """Return a quantity toward neutral less its mean over the other classes not an item's own.

    Parameters
    ----------
    toward : np.ndarray, float64, shape [E, ..., N]
        The quantity toward each class.
    emotion : np.ndarray of int, shape [N]
        Class of each item.
    emotions : sequence of str, length E
        The classes, neutral among them.

    Returns
    -------
    np.ndarray, float64, shape [..., N]
        NaN where there is no other class.
    """
    neutral = list(emotions).index(NEUTRAL)
    places = np.arange(len(emotions)).reshape(-1, *([1] * (toward.ndim - 1)))
    counted = (places != emotion) & (places != neutral) & np.isfinite(toward)
    number = counted.sum(axis=0)
    total = np.where(counted, toward, 0.0).sum(axis=0)
    mean = np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)
    return toward[neutral] - mean
