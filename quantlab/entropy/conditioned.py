"""One prior for every λ: what symbols are likely depends on how dear bits are.

Letters: ``N`` vectors, ``S`` symbol positions, ``A`` alphabet size, ``L`` values of λ. Each λ has
its own order-0 frequencies; a pairwise prior's weights are shared by all. A transformer is not
conditioned on λ.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from quantlab.entropy.factorized import (
    PRECISION_BITS,
    FactorizedPrior,
    check_symbols,
    count_symbols,
)
from quantlab.entropy.pairwise import PairwisePrior
from quantlab.entropy.pairwise_fit import PairwiseSettings, fit_pairwise
from quantlab.errors import InputError

_SCALING_ROUNDS = 8
_BLOCK = 4096
_SMOOTHING = 0.5
_MANY = 1e12  # counts so high that smoothing them changes nothing
_BASES = {"factorized": FactorizedPrior, "pairwise": PairwisePrior}


@dataclass(frozen=True, eq=False)
class ConditionedPrior:
    """A prior per λ, of which `at` gives the one to use.

    Attributes
    ----------
    lams : np.ndarray [shape=(L,), dtype=float64]
        Squared distance per bit, ascending, finite and ≥ 0.
    frequencies : np.ndarray [shape=(L, S, A), dtype=uint32]
        Of each λ; rows are positive and sum to ``2**20``.
    base : FactorizedPrior or PairwisePrior
        What all share; its own frequencies are not used.
    """

    lams: np.ndarray
    frequencies: np.ndarray
    base: FactorizedPrior | PairwisePrior
    kind: ClassVar[str] = "conditioned"

    def __post_init__(self) -> None:
        lams = np.asarray(self.lams, np.float64)
        if lams.ndim != 1 or not len(lams) or not np.isfinite(lams).all() or (lams < 0).any():
            raise InputError(f"lams must be finite numbers >= 0 and not none, given {self.lams}")
        if (np.diff(lams) <= 0).any():
            raise InputError("lams must ascend, each once")
        shape = (len(lams), *self.base.frequencies.shape)
        if np.shape(self.frequencies) != shape:
            raise InputError(f"frequencies must be {shape}, given {np.shape(self.frequencies)}")
        rows = FactorizedPrior(np.reshape(self.frequencies, (-1, shape[2]))).frequencies
        object.__setattr__(self, "lams", lams)
        object.__setattr__(self, "frequencies", rows.reshape(shape))

    @classmethod
    def fit(
        cls,
        symbols: Mapping[float, np.ndarray],
        *,
        alphabet_size: int,
        rng: np.random.Generator,
        kind: Literal["factorized", "pairwise"] = "factorized",
        stages: int = 0,
        groups: np.ndarray | None = None,
        settings: PairwiseSettings | None = None,
    ) -> "ConditionedPrior":
        """Fit to the symbols emitted at each λ.

        Parameters
        ----------
        symbols : Mapping[float, np.ndarray]
            For each λ integers ``[N, S]`` in 0 … A − 1, of the same vectors.
        alphabet_size : int
            A.
        rng : np.random.Generator
            Source of all randomness.
        kind : {"factorized", "pairwise"}
            What each λ gets. Pairwise weights are fitted to all symbols together, then each λ's
            own frequencies such that every symbol is expected as often as it occurs.
        stages : int
            Stages of a group, see `fit_pairwise`.
        groups : np.ndarray [shape=(N,)], optional
            Speakers, see `fit_pairwise`.
        settings : PairwiseSettings, optional
            For a pairwise prior.

        Raises
        ------
        InputError
            There are no symbols, or they do not fit each other.
        """
        lams = sorted(symbols)
        sets = [check_symbols(symbols[lam], alphabet_size=alphabet_size) for lam in lams]
        if not sets or any(part.shape != sets[0].shape for part in sets):
            raise InputError("give symbols of the same vectors [N, S] for one λ or more")
        if kind not in _BASES:
            raise InputError(f"kind is {kind!r}; it must be one of {', '.join(_BASES)}")
        if kind == "factorized":
            priors = [FactorizedPrior.fit(part, alphabet_size=alphabet_size) for part in sets]
            return cls._join(lams, priors)
        shared = fit_pairwise(
            np.concatenate(sets),
            alphabet_size=alphabet_size,
            rng=rng,
            stages=stages,
            groups=None if groups is None else np.tile(groups, len(sets)),
            settings=settings,
        )
        return cls._join(lams, [refit_frequencies(shared, part) for part in sets])

    @classmethod
    def _join(
        cls, lams: Sequence[float], priors: Sequence[FactorizedPrior | PairwisePrior]
    ) -> "ConditionedPrior":
        return cls(np.array(lams), np.stack([prior.frequencies for prior in priors]), priors[0])

    def at(self, lam: float) -> FactorizedPrior | PairwisePrior:
        """Return the prior of the λ nearest to `lam` in logarithm; zero is near to zero only.

        Raises
        ------
        InputError
            `lam` is negative or not finite.
        """
        if not (math.isfinite(lam) and lam >= 0):
            raise InputError(f"lam must be finite and >= 0, given {lam}")
        positive = np.flatnonzero(self.lams > 0)
        if lam == 0 or not len(positive):
            place = 0
        else:
            place = positive[np.abs(np.log(self.lams[positive] / lam)).argmin()]
        return replace(self.base, frequencies=self.frequencies[place])

    @property
    def num_positions(self) -> int:
        """Symbols per vector, S."""
        return self.base.num_positions

    @property
    def alphabet_size(self) -> int:
        """Symbols to choose from at each position, A = K + 1."""
        return self.base.alphabet_size

    @property
    def parameter_bits(self) -> int:
        """Bits of all tables, what is shared counted once, and of the λ."""
        more = (len(self.lams) - 1) * FactorizedPrior(self.base.frequencies).parameter_bits
        return self.base.parameter_bits + more + 64 * len(self.lams)

    @classmethod
    def from_tensors(cls, tensors: dict[str, np.ndarray]) -> "ConditionedPrior":
        """Rebuild the prior from what `tensors` gave; InputError when they are not those of one."""
        shared = {
            name.removeprefix("shared."): array
            for name, array in tensors.items()
            if name.startswith("shared.")
        }
        found = set(tensors) - {f"shared.{name}" for name in shared}
        if found != {"lams", "frequencies"} or np.ndim(tensors["frequencies"]) != 3:
            raise InputError(f"a conditioned prior has lams, frequencies, given {sorted(found)}")
        if not len(tensors["frequencies"]):
            raise InputError("a conditioned prior needs frequencies for one λ or more")
        family = PairwisePrior if shared else FactorizedPrior
        base = family.from_tensors({**shared, "frequencies": tensors["frequencies"][0]})
        return cls(tensors["lams"], tensors["frequencies"], base)

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays from which `from_tensors` rebuilds the prior."""
        shared = {
            f"shared.{name}": array
            for name, array in self.base.tensors().items()
            if name != "frequencies"
        }
        return {"lams": self.lams, "frequencies": self.frequencies, **shared}


def refit_frequencies(prior: PairwisePrior, symbols: np.ndarray) -> PairwisePrior:
    """Adapt a pairwise prior's frequencies to other symbols, its weights left as they are.

    Parameters
    ----------
    prior : PairwisePrior
        Fitted, to the symbols of several λ for instance.
    symbols : np.ndarray [shape=(N, S)]
        Integers in 0 … A − 1.

    Returns
    -------
    PairwisePrior
        Expects every symbol about as often as it occurs in `symbols`, each counted half a time
        more; with no symbols at all, `prior` itself.

    References
    ----------
    Darroch and Ratcliff, "Generalized iterative scaling for log-linear models", Ann. Math.
    Statist. 43 (1972), theorem 1.
    """
    checked = check_symbols(symbols, alphabet_size=prior.alphabet_size)
    if not len(checked):
        return prior
    counts = count_symbols(checked, alphabet_size=prior.alphabet_size) + _SMOOTHING
    share = counts / counts.sum(axis=1, keepdims=True)
    for _ in range(_SCALING_ROUNDS):
        weights = prior.frequencies * share / _expected(prior, checked)
        scaled = _MANY * weights / weights.sum(axis=1, keepdims=True)
        prior = replace(prior, frequencies=FactorizedPrior.from_counts(scaled).frequencies)
    return prior


def _expected(prior: PairwisePrior, symbols: np.ndarray) -> np.ndarray:
    """Return the mean probability ``[S, A]`` of each symbol over the prefixes that occur."""
    sums = np.zeros(prior.frequencies.shape)
    for start in range(0, len(symbols), _BLOCK):
        block = symbols[start : start + _BLOCK]
        coding = prior.start_coding(len(block))
        for position, column in enumerate(block.T):
            rows = coding.frequencies()
            sums[position] += rows.sum(axis=0, dtype=np.float64) * (len(block) / len(rows))
            coding.append(column)
    return sums / (len(symbols) * float(1 << PRECISION_BITS))
