"""Mixing references: the weighted mean of several emotion vectors, quantized again.

Letters: ``R`` references, ``D`` dimensions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from quantlab.analysis import similarity
from quantlab.codebooks import Codec
from quantlab.embedders import Level
from quantlab.errors import InputError
from quantlab.synthesis.quantize import codec_origin
from quantlab.synthesis.references import Reference, ReferenceCard, ReferenceClip


@dataclass(frozen=True, eq=False)
class Mixture:
    """A mixed reference, and where it lies between those it was mixed from.

    Attributes
    ----------
    reference : Reference
        One quantized vector, with its card.
    angles : Mapping[str, float]
        Degrees in z between the quantized mixture and each reference; NaN where either is the
        mean, which has no direction.
    angles_plain : Mapping[str, float]
        The same of the weighted mean, not quantized.
    """

    reference: Reference
    angles: Mapping[str, float]
    angles_plain: Mapping[str, float]


def mix_references(
    vectors: Mapping[str, np.ndarray],
    weights: Mapping[str, float],
    codec: Codec,
    *,
    lam: float,
    embedder: Mapping[str, Any] | None = None,
    level: Level = "utterance",
) -> Mixture:
    """Mix emotion vectors by weight and quantize the mean at one λ.

    Parameters
    ----------
    vectors : Mapping[str, np.ndarray [shape=(D,)]]
        References by name, in the embedder's units; two or more.
    weights : Mapping[str, float]
        ≥ 0 for each name, not all 0; they are divided by their sum.
    codec : Codec
        A fitted codec of the same width; one trained on the mixed emotions is made for it.
    lam : float
        Squared distance in z per bit, ≥ 0.
    embedder : Mapping, optional
        Card of the embedder; that of the codec when omitted.
    level : {"utterance", "frame"}
        What the vectors are of.

    Returns
    -------
    Mixture

    Raises
    ------
    InputError
        Names, weights, widths or λ do not fit.
    """
    _check(vectors, weights, codec)
    total = sum(weights.values())
    shares = {name: weights[name] / total for name in vectors}
    mean = sum(share * np.asarray(vectors[name], np.float64) for name, share in shares.items())
    plain = np.asarray(mean, np.float32)[None]
    encoded = codec.encode(plain, lam)
    after = codec.decode(encoded.symbols)
    scaling = codec.scaling_
    z, z_hat = scaling.forward(plain), scaling.forward(after)
    found = similarity(z, z_hat, np.array([0, 1]), mean=scaling.mean, scale=scaling.scale)
    clip = ReferenceClip(
        id="+".join(f"{name}={share:.3g}" for name, share in shares.items()),
        num_frames=1,
        rate_bits=float(encoded.code_length_bits.sum()),
        cos_raw=float(found.cos_raw_frames[0]),
        cos_centred=float(found.cos_centred_frames[0]),
    )
    card = ReferenceCard(
        embedder=dict(embedder or codec.card_.get("embedder") or {}),
        level=level,
        pooling="embedder" if level == "utterance" else "mean",
        codec=codec_origin(codec),
        lam=encoded.lam,
        lam_raw=scaling.lam_raw(encoded.lam),
        bits_per_vector=clip.rate_bits,
        clips=(clip,),
    )
    single = {name: scaling.forward(np.atleast_2d(vector))[0] for name, vector in vectors.items()}
    return Mixture(
        Reference(after.astype(np.float32), np.ones(1, np.int64), card),
        {name: _degrees(z_hat[0], one) for name, one in single.items()},
        {name: _degrees(z[0], one) for name, one in single.items()},
    )


def _check(vectors: Mapping[str, np.ndarray], weights: Mapping[str, float], codec: Codec) -> None:
    if len(vectors) < 2 or set(vectors) != set(weights):
        raise InputError(
            f"a mixture needs two or more references and a weight for each, given "
            f"{', '.join(vectors) or 'none'} and weights for {', '.join(weights) or 'none'}"
        )
    values = np.array(list(weights.values()), np.float64)
    if not np.isfinite(values).all() or (values < 0).any() or values.sum() == 0:
        raise InputError(f"weights must be 0 or more, and one above 0, given {dict(weights)}")
    width = len(codec.scaling_.mean)
    for name, vector in vectors.items():
        if np.shape(vector) != (width,) or not np.isfinite(vector).all():
            raise InputError(
                f"reference {name} has the shape {np.shape(vector)}; the codec takes finite "
                f"vectors of {width} dimensions"
            )


def _degrees(first: np.ndarray, second: np.ndarray) -> float:
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    if length == 0:
        return float("nan")
    return float(np.degrees(np.arccos(np.clip(float(first @ second) / length, -1.0, 1.0))))
