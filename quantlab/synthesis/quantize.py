"""Making a reference: vectors of clips through a codec at one λ, with what that did to them.

Letters: ``N`` clips, ``T`` frames, ``D`` dimensions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quantlab.analysis import similarity, time_means
from quantlab.audio import Clip
from quantlab.codebooks import Codec, Encoded
from quantlab.embedders import EMBEDDERS, Embedder, Head, Level
from quantlab.errors import InputError
from quantlab.synthesis.references import (
    CodecOrigin,
    Reference,
    ReferenceCard,
    ReferenceClip,
)


@dataclass(frozen=True, eq=False)
class _Coded:
    """Vectors of all clips [ΣT, D] before and after a codec; clip n owns those of its offsets."""

    codec: Codec
    encoded: Encoded
    before: np.ndarray
    after: np.ndarray
    offsets: np.ndarray
    pooled: bool


def quantize_reference(
    clips: Sequence[Clip],
    embedder: Embedder,
    codec: Codec,
    *,
    lam: float,
    ids: Sequence[str],
    level: Level,
    mean: bool = False,
    vectors: Sequence[np.ndarray] | None = None,
) -> Reference:
    """Embed clips and quantize their vectors at one λ.

    Parameters
    ----------
    clips : Sequence[Clip]
        The clips, N ≥ 1.
    embedder : Embedder
        What turns a clip into vectors; the one whose vectors the codec was trained on.
    codec : Codec
        A fitted codec of the same width.
    lam : float
        Squared distance in z per bit, ≥ 0.
    ids : Sequence[str]
        One distinct name per clip.
    level : {"utterance", "frame"}
        One vector per clip, or one per frame.
    mean : bool
        Whether the quantized frames of a clip are averaged into one vector.
    vectors : Sequence[np.ndarray [T, D]], optional
        What the embedder gave of the clips, where that is known already.

    Returns
    -------
    Reference
        The quantized vectors, with rate, cosines and, where the embedder has a classifier, the
        class probabilities before and after.

    Raises
    ------
    InputError
        There are no clips, names do not fit, the codec was trained on other vectors, or λ is out
        of range.
    """
    if not clips or len(clips) != len(ids) or len(set(ids)) != len(ids):
        raise InputError(
            f"a reference needs one distinct name for each of at least one clip, given "
            f"{len(clips)} clips and the names {', '.join(list(ids)[:8])}"
        )
    if mean and level == "utterance":
        raise InputError("there is one vector per clip, and no frames to average")
    refuse_other_embedder(embedder, codec, level)
    arrays = embedder.embed_batch(list(clips), level=level) if vectors is None else list(vectors)
    lengths = np.array([len(array) for array in arrays], np.int64)
    before = np.concatenate(arrays)
    encoded = codec.encode(before, lam)
    after = codec.decode(encoded.symbols)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    coded = _Coded(codec, encoded, before, after, offsets, mean)
    card = ReferenceCard(
        embedder=embedder.card(),
        level=level,
        pooling="mean" if mean else "embedder" if level == "utterance" else "none",
        codec=codec_origin(codec),
        lam=encoded.lam,
        lam_raw=codec.scaling_.lam_raw(encoded.lam),
        bits_per_vector=float(encoded.code_length_bits.mean()),
        clips=_describe(clips, ids, embedder.head(), coded),
    )
    if not mean:
        return Reference(after, lengths, card)
    pooled = time_means(after, offsets).astype(np.float32)
    return Reference(pooled, np.ones(len(clips), np.int64), card)


def codec_origin(codec: Codec) -> CodecOrigin:
    """Return what a card says of a codec."""
    return CodecOrigin(
        fingerprint=codec.fingerprint(),
        recipe=str(codec.card_.get("recipe", "")),
        licence=str(codec.card_.get("licence", "")),
        corpora=tuple(codec.card_.get("corpora", ())),
    )


def _describe(
    clips: Sequence[Clip], ids: Sequence[str], head: Head | None, coded: _Coded
) -> tuple[ReferenceClip, ...]:
    """Say of each clip what it costs, how near it is, and what the embedder's head makes of it."""
    scaling, offsets = coded.codec.scaling_, coded.offsets
    compared = similarity(
        scaling.forward(coded.before),
        scaling.forward(coded.after),
        offsets,
        mean=scaling.mean,
        scale=scaling.scale,
    )
    raw, centred = compared.cos_raw_frames, compared.cos_centred_frames
    if coded.pooled:
        raw, centred = compared.cos_raw_means, compared.cos_centred_means
    bits = np.add.reduceat(coded.encoded.code_length_bits, offsets[:-1])
    posteriors = [_posteriors(head, part, offsets) for part in (coded.before, coded.after)]
    return tuple(
        ReferenceClip(
            id=ids[row],
            sha256=clip.sha256,
            num_frames=int(offsets[row + 1] - offsets[row]),
            rate_bits=float(bits[row]),
            cos_raw=float(raw[row]),
            cos_centred=float(centred[row]),
            posterior_before=posteriors[0][row],
            posterior_after=posteriors[1][row],
        )
        for row, clip in enumerate(clips)
    )


def _posteriors(
    head: Head | None, vectors: np.ndarray, offsets: np.ndarray
) -> Sequence[dict[str, float] | None]:
    """Return each clip's probabilities by class; None for each without a head."""
    if head is None:
        return [None] * (len(offsets) - 1)
    rows = head.probabilities(time_means(vectors, offsets)).tolist()
    return [dict(zip(head.classes, row, strict=True)) for row in rows]


def embedder_of(codec: Codec) -> tuple[str, dict[str, Any]]:
    """Return name and settings of the embedder that a codec's card names.

    Raises
    ------
    InputError
        The card names none, or one that computed its features elsewhere.
    """
    about = codec.card_.get("embedder") or {}
    name = str(about.get("name", ""))
    if name not in EMBEDDERS:
        named = f"the embedder {name!r}, which is none of ours" if name else "no embedder"
        raise InputError(
            f"the codec's card names {named}; name the one to use: {', '.join(EMBEDDERS)}"
        )
    return name, dict(about.get("settings", {}))


def refuse_other_embedder(embedder: Embedder, codec: Codec, level: Level) -> None:
    """Raise InputError unless a codec was trained on what this embedder gives, as far as is known.

    A codec whose card names no embedder of ours is held against its width alone.
    """
    trained_level = codec.card_.get("level")
    if trained_level and trained_level != level:
        raise InputError(f"the codec was trained at level {trained_level}, given level {level}")
    width, wanted = embedder.num_dims(level), len(codec.scaling_.mean)
    if width != wanted:
        raise InputError(
            f"{embedder.name} gives {width} dimensions at level {level}, and the codec takes "
            f"{wanted}; choose the embedder and level it was trained on"
        )
    theirs = codec.card_.get("embedder") or {}
    if theirs.get("name") in EMBEDDERS and (key := other_embedder(theirs, embedder.card())):
        raise InputError(
            f"the codec was trained on vectors of another embedder: its {key} is "
            f"{theirs.get(key)}, given {embedder.card().get(key)}"
        )


def other_embedder(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    """Return by which key two embedders' cards stand for different vectors, ``""`` by none."""
    keys = ("name", "version", "settings", "weights_sha256")
    return next((key for key in keys if _plain(theirs.get(key)) != _plain(ours.get(key))), "")


def _plain(value: Any) -> Any:
    """Return a value as JSON would give it back, so that a tuple equals a list."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
