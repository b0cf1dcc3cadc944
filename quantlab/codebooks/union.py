"""The union of two codecs: both their codes to choose from at every stage, at a price for each.

Letters as in `quantizer`; the codecs have ``K1`` and ``K2`` codes per stage.
"""

import numpy as np

from quantlab.codebooks.codec import Codec
from quantlab.codebooks.parts import CodecParts
from quantlab.codebooks.quantizer import Quantizer
from quantlab.entropy import FactorizedPrior
from quantlab.errors import InputError


def union(first: Codec, second: Codec, *, weight: float) -> Codec:
    """Join two codecs into one that may take each code from either.

    A code of the first costs −log2 `weight` more than in its own codec, one of the second
    −log2(1 − `weight`), and SKIP, which both share, −log2 of its weighted mean probability: the
    price of saying each time whose code comes next. At λ = 0 the weight does not matter, and the
    larger λ is, the more the codec of the larger weight decides.

    Parameters
    ----------
    first, second : Codec
        Two codecs of one scaling, with G and Q alike, factorized priors and no rotation.
    weight : float
        Prior probability of the first, between 0 and 1, the ends excluded.

    Returns
    -------
    Codec
        ``K1 + K2`` codes per stage, those of the first before those of the second. Settings are the
        first's, the ladder is that of both.

    Raises
    ------
    InputError
        The weight is out of range, or the codecs do not fit each other.
    NotFittedError
        A codec has not been fitted.
    """
    if not 0.0 < weight < 1.0:
        raise InputError(f"weight is {weight}; give a number between 0 and 1, ends excluded")
    parts = first.parts_, second.parts_
    _check_pair(*parts)
    priors = [_factorized(part) for part in parts]
    quantizer = Quantizer(np.concatenate([part.quantizer.codebooks for part in parts], axis=2))
    shares = (weight, 1.0 - weight)
    weighted = [
        share * prior.frequencies.astype(np.float64)
        for share, prior in zip(shares, priors, strict=True)
    ]
    skip = sum(table[:, -1:] for table in weighted)
    prior = FactorizedPrior.from_weights(
        np.concatenate([*(table[:, :-1] for table in weighted), skip], axis=1)
    )
    ladder = tuple(sorted({*first.ladder_, *second.ladder_}))
    joined = Codec(first.settings, CodecParts(parts[0].scaling, None, quantizer, prior, ladder))
    joined.card_ = {
        "settings": first.settings.model_dump(mode="json"),
        "union": [first.fingerprint(), second.fingerprint()],
        "weight": weight,
        "codes": quantizer.num_codes,
        "parameter_bits": joined.parameter_bits,
    }
    return joined


def _check_pair(first: CodecParts, second: CodecParts) -> None:
    if first.transform is not None or second.transform is not None:
        raise InputError("a union needs codecs without rotation; set transform: {kind: none}")
    scalings = first.scaling, second.scaling
    same = np.array_equal(scalings[0].mean, scalings[1].mean)
    if not same or not np.array_equal(scalings[0].scale, scalings[1].scale):
        raise InputError(
            "the codecs have different scalings; a union needs codecs of one embedding set and fold"
        )
    shapes = [
        (part.quantizer.num_groups, part.quantizer.num_stages, part.quantizer.num_dims)
        for part in (first, second)
    ]
    if shapes[0] != shapes[1]:
        raise InputError(
            f"the codecs have (groups, stages, dimensions) {shapes[0]} and {shapes[1]}; "
            "a union needs the same"
        )


def _factorized(part: CodecParts) -> FactorizedPrior:
    if not isinstance(part.prior, FactorizedPrior):
        raise InputError(
            f"a union needs factorized priors, given {part.prior.kind}; "
            "set prior: {kind: factorized, per_lam: false}"
        )
    return part.prior
