"""Priors by the name of their kind, as a file holds it."""

import numpy as np

from quantlab.entropy.conditioned import ConditionedPrior
from quantlab.entropy.factorized import FactorizedPrior
from quantlab.entropy.pairwise import PairwisePrior
from quantlab.entropy.protocol import Prior
from quantlab.entropy.transformer import TransformerPrior
from quantlab.entropy.trellis import TrellisPrior
from quantlab.errors import InputError

_FAMILIES = (FactorizedPrior, PairwisePrior, TransformerPrior, TrellisPrior, ConditionedPrior)
PRIOR_KINDS = {family.kind: family for family in _FAMILIES}


def prior_from_tensors(kind: str, tensors: dict[str, np.ndarray]) -> Prior | ConditionedPrior:
    """Rebuild a prior from its kind and what its `tensors` gave.

    Raises
    ------
    InputError
        The kind is unknown, or the arrays are not those of such a prior.
    """
    if kind not in PRIOR_KINDS:
        raise InputError(f"prior kind {kind!r} is unknown; it is one of {', '.join(PRIOR_KINDS)}")
    return PRIOR_KINDS[kind].from_tensors(tensors)
