"""One clip followed through a codec over its whole ladder.

Letters: ``T`` frames, ``D`` dimensions, ``L`` values of λ.
"""

from dataclasses import dataclass

import numpy as np

from quantlab.analysis import similarity
from quantlab.codebooks import Codec


@dataclass(frozen=True, eq=False)
class Followed:
    """What a codec makes of one clip at each λ.

    Attributes
    ----------
    lams : np.ndarray, float64, shape [L]
        The codec's ladder.
    bits : np.ndarray, float64, shape [L]
        Code length of the whole clip.
    cosines : np.ndarray, float64, shape [L]
        Centred cosine to the original, mean over frames; 0 of the constant output.
    means : np.ndarray, float32, shape [L + 1, D]
        Time means in z: first the clip itself, then what is left of it at each λ.
    """

    lams: np.ndarray
    bits: np.ndarray
    cosines: np.ndarray
    means: np.ndarray


def follow_clip(vectors: np.ndarray, codec: Codec) -> Followed:
    """Quantize the vectors of a clip at each λ of a codec.

    Parameters
    ----------
    vectors : np.ndarray [shape=(T, D)]
        Of the embedder that the codec was trained on.
    codec : Codec
        A fitted codec of the same width.

    Returns
    -------
    Followed

    Raises
    ------
    InputError
        Widths differ, or vectors are not finite.
    """
    scaling = codec.scaling_
    z, offsets = scaling.forward(vectors), np.array([0, len(vectors)])
    bits, cosines, means = [], [], [z.mean(axis=0)]
    for encoded in codec.encode_ladder(vectors, codec.ladder_):
        z_hat = scaling.forward(codec.decode(encoded.symbols))
        found = similarity(z, z_hat, offsets, mean=scaling.mean, scale=scaling.scale)
        bits.append(float(encoded.code_length_bits.sum()))
        cosines.append(float(found.cos_centred_frames[0]))
        means.append(z_hat.mean(axis=0))
    return Followed(
        np.asarray(codec.ladder_, np.float64),
        np.array(bits),
        np.array(cosines),
        np.stack(means).astype(np.float32),
    )
