"""Where a conversion's emotion comes from: a clip, a vector, a file, or a clip through a codec.

Whatever it is, it becomes one vector that the decoder takes; what was computed by another embedder,
or by the same with other weights, is refused. Letters: ``T`` frames, ``D`` dimensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from quantlab.audio import Clip, read_clip
from quantlab.codebooks import Codec
from quantlab.embedders import Level
from quantlab.errors import InputError
from quantlab.store import read_json, read_npy, read_npz, sha256_bytes
from quantlab.synthesis.decoders import Decoder
from quantlab.synthesis.quantize import codec_origin, other_embedder, refuse_other_embedder
from quantlab.synthesis.references import CodecOrigin, Reference, read_reference


@dataclass(frozen=True, eq=False)
class PlainVectors:
    """Vectors of which only the embedder is known, if at all.

    Attributes
    ----------
    values : np.ndarray [shape=(T, D), dtype=float32]
        One vector, or frames that are averaged.
    embedder : dict[str, Any]
        The card of what computed them; empty where nobody knows.
    """

    values: np.ndarray
    embedder: dict[str, Any]


Emotion = Clip | np.ndarray | Reference | PlainVectors
"""What may be given as the emotion of a conversion: speech, a vector ``[D]``, frames ``[T, D]``."""


@dataclass(frozen=True, eq=False)
class EmotionVector:
    """The emotion as a decoder takes it.

    Attributes
    ----------
    vector : np.ndarray [shape=(D,), dtype=float32]
        A vector of the decoder's embedder.
    kind : str
        ``clip``, ``vector`` or ``reference``.
    sha256 : str
        Of the clip's file, or of the vector's bytes.
    clip_id : str
        Name of the clip within a reference.
    codec : CodecOrigin or None
        What it was quantized with.
    lam, rate_bits : float or None
        λ of the quantization, and the code length of all vectors of the clip.
    """

    vector: np.ndarray
    kind: str
    sha256: str
    clip_id: str = ""
    codec: CodecOrigin | None = None
    lam: float | None = None
    rate_bits: float | None = None


def read_emotion(path: str | Path) -> Emotion:
    """Read an emotion from a file.

    Parameters
    ----------
    path : str or Path
        A reference of `quantlab reference` (``.npz`` with its card beside it), one array as
        ``.npy`` or ``.npz`` (``[D]``, or ``[T, D]`` to be averaged), or else an audio file.

    Raises
    ------
    InputError
        The file is missing or holds nothing of the kind.
    IntegrityError
        It is damaged, or not what its card says.
    """
    place = Path(path)
    if place.suffix == ".npz":
        if place.with_suffix(".json").is_file():
            return read_reference(place)
        arrays = read_npz(place)
        if len(arrays) != 1:
            raise InputError(
                f"{place} holds the arrays {', '.join(sorted(arrays)) or 'none'}; give a file of "
                "one array, or a reference with its .json beside it"
            )
        return PlainVectors(_frames(next(iter(arrays.values())), str(place)), {})
    if place.suffix == ".npy":
        return PlainVectors(_frames(read_npy(place), str(place)), _card_of_folder(place))
    return read_clip(place)


def _card_of_folder(place: Path) -> dict[str, Any]:
    """Return the embedder of a single array that `write_reference_arrays` wrote, else nothing."""
    side = place.parent / "reference.json"
    if not side.is_file():
        return {}
    card = read_json(side)
    ids = [clip.get("id") for clip in card.get("clips", [])]
    known = card.get("kind") == "reference" and place.stem in ids
    return dict(card.get("embedder", {})) if known else {}


def emotion_vector(
    emotion: Emotion,
    decoder: Decoder,
    *,
    clip_id: str = "",
    codec: Codec | None = None,
    lam: float | None = None,
) -> EmotionVector:
    """Turn an emotion into the one vector that a decoder takes.

    Parameters
    ----------
    emotion : Clip, np.ndarray, Reference or PlainVectors
        The emotion; frames are averaged.
    decoder : Decoder
        Whose embedder it must come from.
    clip_id : str
        Which clip of a reference; needed where it holds several.
    codec : Codec, optional
        Quantize a clip's vectors with it first.
    lam : float, optional
        At this λ, ≥ 0.

    Raises
    ------
    InputError
        The clip is silent, the vector is of another width or embedder, a clip of a reference is
        not named, or codec and λ do not go with what was given.
    """
    if (codec is None) != (lam is None):
        raise InputError("a codec and a λ go together; give both --codec and --lam, or neither")
    if codec is not None and not isinstance(emotion, Clip):
        raise InputError("only a clip is quantized here; give one, or leave out codec and λ")
    if clip_id and not isinstance(emotion, Reference):
        raise InputError(f"a clip id ({clip_id}) chooses from a reference; this is none")
    if isinstance(emotion, Clip):
        if codec is None or lam is None:
            found = EmotionVector(clip_vector(emotion, decoder), "clip", emotion.sha256)
        else:
            found = quantized_vectors(emotion, decoder, codec, [lam])[0]
    elif isinstance(emotion, Reference):
        found = _of_reference(emotion, decoder, clip_id)
    else:
        plain = (
            PlainVectors(_frames(emotion, "the emotion"), {})
            if isinstance(emotion, np.ndarray)
            else emotion
        )
        _refuse_other(plain.embedder, decoder, "the vector")
        found = _plain_vector(plain.values)
    return _checked(found, decoder)


def clip_vector(clip: Clip, decoder: Decoder) -> np.ndarray:
    """Return the vector of a clip as a decoder takes it, float32 ``[D]``; silence is refused."""
    refuse_silent(clip, "the emotion clip")
    return decoder.embedder.embed(clip, level=decoder.level).mean(axis=0, dtype=np.float32)


def quantized_vectors(
    clip: Clip, decoder: Decoder, codec: Codec, lams: Sequence[float]
) -> list[EmotionVector]:
    """Embed a clip, quantize it at several λ, and average what comes out.

    Raises
    ------
    InputError
        The clip is silent, the codec was trained on other vectors, or a λ is out of range.
    """
    refuse_silent(clip, "the emotion clip")
    embedder = decoder.embedder
    level: Level = "frame" if codec.card_.get("level") == "frame" else "utterance"
    refuse_other_embedder(embedder, codec, level)
    frames = embedder.embed(clip, level=level)
    start = EmotionVector(np.empty(0), "clip", clip.sha256, codec=codec_origin(codec))
    return [
        replace(
            start,
            vector=codec.decode(encoded.symbols).mean(axis=0, dtype=np.float32),
            lam=encoded.lam,
            rate_bits=float(encoded.code_length_bits.sum()),
        )
        for encoded in codec.encode_ladder(frames, lams)
    ]


def refuse_silent(clip: Clip, what: str) -> None:
    """Raise InputError where nothing can be heard in a clip."""
    if clip.flags.silent:
        named = f"{what} {clip.source}" if clip.source else what
        raise InputError(f"{named} is silent; give one in which somebody speaks")


def _of_reference(reference: Reference, decoder: Decoder, clip_id: str) -> EmotionVector:
    card = reference.card
    if not clip_id and len(reference.ids) > 1:
        raise InputError(
            f"the reference holds {len(reference.ids)} clips; name one with --clip-id: "
            f"{', '.join(reference.ids[:8])}"
        )
    name = clip_id or next(iter(reference.ids))
    frames = reference.of(name)
    _refuse_other(card.embedder, decoder, "the reference")
    clip = card.clips[reference.ids.index(name)]
    return EmotionVector(
        vector=frames.mean(axis=0, dtype=np.float32),
        kind="reference",
        sha256=clip.sha256,
        clip_id=name,
        codec=card.codec,
        lam=card.lam,
        rate_bits=clip.rate_bits,
    )


def _plain_vector(frames: np.ndarray) -> EmotionVector:
    vector = frames.mean(axis=0, dtype=np.float32)
    return EmotionVector(vector, "vector", sha256_bytes(np.ascontiguousarray(frames).tobytes()))


def _frames(values: np.ndarray, name: str) -> np.ndarray:
    """Return a vector ``[D]`` or frames ``[T, D]`` as float32 ``[T, D]``."""
    usable = values.dtype.kind == "f" and values.ndim in (1, 2) and values.size
    if not usable or not np.isfinite(values).all():
        raise InputError(
            f"{name} must be a finite real vector [D] or frames [T, D], given {values.dtype} of "
            f"shape {values.shape}"
        )
    return np.atleast_2d(values).astype(np.float32)


def _refuse_other(theirs: dict[str, Any], decoder: Decoder, what: str) -> None:
    """Refuse what another embedder computed; where nobody knows, the width must do."""
    ours = decoder.embedder.card()
    if theirs and (key := other_embedder(theirs, ours)):
        raise InputError(
            f"{what} comes from another embedder than the decoder was trained with: its {key} is "
            f"{theirs.get(key)}, needed {ours.get(key)}"
        )


def _checked(found: EmotionVector, decoder: Decoder) -> EmotionVector:
    width = decoder.embedder.num_dims(decoder.level)
    if found.vector.shape != (width,):
        raise InputError(
            f"the emotion has {len(found.vector)} dimensions, and the decoder takes the {width} of "
            f"{decoder.embedder.name}"
        )
    return found
