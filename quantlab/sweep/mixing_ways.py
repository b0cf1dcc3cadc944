"""The ways to mix two references, and the routes to an emotion: what each makes of vectors.

All codecs of a fold share one scaling, so that weighted means are the same in features and in z.
Letters: ``P`` references, ``D`` dimensions, ``S`` symbols per vector, ``Q`` stages.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from quantlab.baselines import shrink
from quantlab.codebooks import Codec, Encoded, union
from quantlab.sweep.mixing_items import Condition


def mix(
    first: np.ndarray,
    second: np.ndarray,
    *,
    balanced: Codec,
    mixed: Codec,
    biased: tuple[Codec, Codec],
    toward: np.ndarray,
    weights: Sequence[float],
    lams: Sequence[float],
) -> Iterator[Condition]:
    """Mix references in every way, at every weight and λ.

    Parameters
    ----------
    first, second : np.ndarray [shape=(P, D)]
        References of two emotions, in features.
    balanced, mixed : Codec
        Codecs of all emotions, and of the two half and half.
    biased : tuple[Codec, Codec]
        The codecs of one of the two each.
    toward : np.ndarray [shape=(D,)]
        Mean of the mixed class in z, which the blur shrinks to.
    weights : Sequence[float]
        Shares of the first, between 0 and 1.
    lams : Sequence[float]
        λ ≥ 0.

    Yields
    ------
    Condition
        ``plain_mean``: the weighted mean, not quantized. ``barycentre``: quantized by the mixed
        codec. ``mixed_blur``: the weighted mean shrunk to the same distortion. ``stages``: coarse
        stages of the first, the weight's share of all but at least one, and fine ones of the
        second, from the balanced codec; distortion is to the weighted mean. Left out with one
        stage, and for a trellis. ``union``: the plain half and half mean in the union of the biased
        codecs, which the weight sets the prices of. Left out where they have no factorized prior,
        or a rotation. ``single_first``, ``single_second``: either reference by itself.
    """
    scaling = balanced.scaling_
    nothing = np.full(len(first), np.nan)
    for weight in weights:
        mean = weight * first + (1.0 - weight) * second
        z = scaling.forward(mean)
        yield Condition("plain_mean", weight, 0.0, z, np.zeros(len(z)), nothing)
        for encoded in mixed.encode_ladder(mean, lams, mode="direct"):
            coded = _condition("barycentre", weight, encoded, mixed)
            yield coded
            blurred = shrink(z, np.arange(len(z) + 1), coded.distortion, toward=toward)
            exact = _squared(z, blurred)
            yield Condition("mixed_blur", weight, encoded.lam, blurred, exact, nothing)
    yield from _stages(first, second, balanced, weights, lams)
    yield from _unions(0.5 * (first + second), biased, weights, lams)


def _stages(
    first: np.ndarray,
    second: np.ndarray,
    codec: Codec,
    weights: Sequence[float],
    lams: Sequence[float],
) -> Iterator[Condition]:
    """Yield each reference alone, and coarse stages of the first with fine ones of the second."""
    coded = [codec.encode_ladder(vectors, lams, mode="direct") for vectors in (first, second)]
    num_stages = codec.quantizer_.num_stages
    mixable = num_stages > 1 and codec.settings.scheme == "residual"
    for one, other in zip(*coded, strict=True):
        yield _condition("single_first", 1.0, one, codec)
        yield _condition("single_second", 0.0, other, codec)
        for weight in weights if mixable else ():
            coarse = min(max(round(weight * num_stages), 1), num_stages - 1)
            from_first = np.arange(codec.num_symbols) % num_stages < coarse
            symbols = np.where(from_first, one.symbols, other.symbols)
            z_hat = codec.scaling_.forward(codec.decode(symbols))
            z = codec.scaling_.forward(weight * first + (1.0 - weight) * second)
            bits = codec.bits(symbols, lam=one.lam)
            yield Condition("stages", weight, one.lam, z_hat, _squared(z, z_hat), bits)


def _unions(
    vectors: np.ndarray,
    biased: tuple[Codec, Codec],
    weights: Sequence[float],
    lams: Sequence[float],
) -> Iterator[Condition]:
    if any(
        codec.parts_.transform is not None or codec.prior_.kind != "factorized" for codec in biased
    ):
        return
    for weight in weights:
        joined = union(*biased, weight=weight)
        for encoded in joined.encode_ladder(vectors, lams, mode="direct"):
            yield _condition("union", weight, encoded, joined)


def route(
    vectors: np.ndarray, *, neutral: Codec, target: Codec, lams: Sequence[float]
) -> Iterator[Condition]:
    """Bring items to an emotion, directly and through the neutral codec.

    Parameters
    ----------
    vectors : np.ndarray [shape=(P, D)]
        Items of other emotions, in features.
    neutral, target : Codec
        The codecs biased to neutral and to the emotion.
    lams : Sequence[float]
        λ ≥ 0; on the way through neutral it is that of both codecs.

    Yields
    ------
    Condition
        ``direct`` and ``neutral_first``, of weight 1; bits are of all that is sent, distortion is
        to the item.
    """
    scaling = target.scaling_
    z = scaling.forward(vectors)
    direct = target.encode_ladder(vectors, lams, mode="direct")
    before = neutral.encode_ladder(vectors, lams, mode="direct")
    for encoded, halfway in zip(direct, before, strict=True):
        yield _condition("direct", 1.0, encoded, target)
        after = target.encode(neutral.decode(halfway.symbols), encoded.lam, mode="direct")
        z_hat = scaling.forward(target.decode(after.symbols))
        bits = halfway.code_length_bits + after.code_length_bits
        yield Condition("neutral_first", 1.0, encoded.lam, z_hat, _squared(z, z_hat), bits)


def spread(ladder: Sequence[float], count: int) -> list[float]:
    """Return at most `count` λ from the first to the last of a ladder, evenly by position."""
    places = np.unique(np.rint(np.linspace(0, len(ladder) - 1, count)).astype(int))
    return [ladder[place] for place in places]


def _condition(way: str, weight: float, encoded: Encoded, codec: Codec) -> Condition:
    z_hat = codec.scaling_.forward(codec.decode(encoded.symbols))
    return Condition(way, weight, encoded.lam, z_hat, encoded.distortion, encoded.code_length_bits)


def _squared(z: np.ndarray, z_hat: np.ndarray) -> np.ndarray:
    return np.square(z.astype(np.float64) - z_hat).sum(axis=1)
