"""What a clip says in another emotion or voice, as samples and as a file with its card.

Content and melody come from the source, the speaker from the source or a third clip, the emotion
from anything that `quantlab.synthesis.emotions` understands. Letters: ``n`` samples, ``T`` frames.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from quantlab.audio import Clip, write_clip
from quantlab.codebooks import Codec
from quantlab.config import Settings
from quantlab.errors import InputError
from quantlab.store import provenance, sha256_file, write_json
from quantlab.synthesis.decoders import Decoder
from quantlab.synthesis.emotions import Emotion, EmotionVector, emotion_vector, refuse_silent
from quantlab.synthesis.references import CodecOrigin
from quantlab.synthesis.vocoders import Vocoder

PEAK = 0.99
"""Largest sample of a conversion, ±1 being full scale."""


class ConversionCard(Settings):
    """What a conversion is and how it was made; the JSON beside the sound."""

    kind: Literal["conversion"] = "conversion"
    """Always ``conversion``."""
    format: Literal[1] = 1
    """Version of this format."""
    source_sha256: str
    """SHA-256 of the clip whose content and melody it has."""
    speaker_sha256: str
    """That of the clip whose speaker it has; the source's own where none was given."""
    emotion: Literal["clip", "vector", "reference"]
    """What the emotion was given as."""
    emotion_sha256: str
    """SHA-256 of that clip's file, or of the vector's bytes."""
    emotion_clip: str = ""
    """The clip's name within a reference."""
    codec: CodecOrigin | None = None
    """What the emotion was quantized with."""
    lam: float | None = None
    """Squared distance in z per bit of that."""
    rate_bits: float | None = None
    """Code length of the emotion."""
    decoder: dict[str, Any]
    """The decoder's own card: name, model, weights, licence."""
    vocoder: dict[str, Any]
    """Name and settings of the vocoder."""
    gain_db: float
    """What the vocoder's level was changed by."""
    level_db: float
    """Level relative to the source's; below 0 where the peak would have gone beyond 0.99."""
    seed: int | None = None
    """What the random numbers began with."""
    command: str = ""
    """What was typed."""
    provenance: dict[str, Any] = Field(default_factory=dict)
    """Versions, platform and time."""
    audio_sha256: str = ""
    """SHA-256 of the sound's file; filled in when it is written."""


@dataclass(frozen=True, eq=False)
class Conversion:
    """A converted clip.

    Attributes
    ----------
    samples : np.ndarray [shape=(n,), dtype=float32]
        Mono, as loud as the source, within ±0.99.
    log10_mel : np.ndarray [shape=(T, 80), dtype=float32]
        The decoder's bands that they were made of.
    sample_rate : int
        Samples per second.
    card : ConversionCard
        What it was made of.
    """

    samples: np.ndarray
    log10_mel: np.ndarray
    sample_rate: int
    card: ConversionCard


@dataclass(frozen=True, eq=False)
class Levelled:
    """Samples at a given level.

    Attributes
    ----------
    samples : np.ndarray [shape=(n,), dtype=float32]
        Within ±`PEAK`.
    gain_db : float
        What was done to them.
    level_db : float ≤ 0
        Their level relative to what was wanted; below 0 where the peak set the limit.
    """

    samples: np.ndarray
    gain_db: float
    level_db: float


def convert(
    source: Clip,
    *,
    decoder: Decoder,
    vocoder: Vocoder,
    emotion: Emotion | EmotionVector,
    rng: np.random.Generator,
    speaker: Clip | None = None,
    clip_id: str = "",
    codec: Codec | None = None,
    lam: float | None = None,
) -> Conversion:
    """Say what a clip says in another emotion.

    Parameters
    ----------
    source : Clip
        Content and melody.
    decoder, vocoder : Decoder, Vocoder
        What makes bands, and what makes samples of them.
    emotion : Clip, np.ndarray, Reference, PlainVectors or EmotionVector
        The emotion; see `emotion_vector`.
    rng : np.random.Generator
        Source of all randomness.
    speaker : Clip, optional
        Whose voice it gets; the source's by default.
    clip_id : str
        Which clip of a reference of several.
    codec, lam : Codec and float, optional
        Quantize the emotion clip with this codec at this λ first.

    Returns
    -------
    Conversion
        As long as the source, less what does not fill a frame.

    Raises
    ------
    InputError
        A clip is silent, or the emotion does not fit the decoder.

    Examples
    --------
    >>> import numpy as np
    >>> from quantlab.audio import read_clip
    >>> from quantlab.synthesis import convert, get_decoder, get_vocoder
    >>> done = convert(  # doctest: +SKIP
    ...     read_clip("neutral.wav"),
    ...     decoder=get_decoder("stylevc", {"directory": "model"}),
    ...     vocoder=get_vocoder("griffin_lim"),
    ...     emotion=read_clip("happy.wav"),
    ...     rng=np.random.default_rng(0),
    ... )
    """
    refuse_silent(source, "the source")
    voice = source if speaker is None else speaker
    refuse_silent(voice, "the speaker's clip")
    found = (
        emotion
        if isinstance(emotion, EmotionVector)
        else emotion_vector(emotion, decoder, clip_id=clip_id, codec=codec, lam=lam)
    )
    bands = decoder.decode(source, speaker=voice, emotion=found.vector)
    done = as_loud_as(vocoder.synthesise(bands, rng=rng), source.samples)
    about = decoder.card()
    card = ConversionCard(
        source_sha256=source.sha256,
        speaker_sha256=voice.sha256,
        emotion=found.kind,  # pyright: ignore[reportArgumentType]
        emotion_sha256=found.sha256,
        emotion_clip=found.clip_id,
        codec=found.codec,
        lam=found.lam,
        rate_bits=found.rate_bits,
        decoder={key: value for key, value in about.items() if key != "trained_on"},
        vocoder=vocoder_card(vocoder),
        gain_db=round(done.gain_db, 3),
        level_db=round(done.level_db, 3),
    )
    return Conversion(done.samples, bands, vocoder.sample_rate, card)


def vocoder_card(vocoder: Vocoder) -> dict[str, Any]:
    """Return name and settings of a vocoder."""
    return {"name": vocoder.name, "settings": vocoder.settings.model_dump(mode="json")}


def as_loud_as(samples: np.ndarray, wanted: np.ndarray) -> Levelled:
    """Scale samples to the root mean square of others, less where that would pass the peak.

    Parameters
    ----------
    samples, wanted : np.ndarray [n], float
        What is scaled, and what it shall be as loud as; lengths and rates may differ.

    Returns
    -------
    Levelled
        Silence stays silence.
    """
    level, goal = _root_mean_square(samples), _root_mean_square(wanted)
    if level == 0.0 or goal == 0.0:
        return Levelled(np.zeros(samples.shape, np.float32), 0.0, 0.0)
    gain = goal / level
    allowed = min(gain, PEAK / float(np.abs(samples).max()))
    scaled = (samples * allowed).astype(np.float32)
    return Levelled(scaled, 20 * float(np.log10(allowed)), 20 * float(np.log10(allowed / gain)))


def _root_mean_square(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def write_conversion(
    path: str | Path, conversion: Conversion, *, seed: int | None = None, command: str = ""
) -> None:
    """Write a conversion as ``<name>.wav`` (or ``.flac``) and, last, ``<name>.json`` beside it.

    Parameters
    ----------
    path : str or Path
        Of the sound.
    conversion : Conversion
        What to write.
    seed, command : int and str
        Kept in the card: what `rng` was made of, and what was typed.

    Raises
    ------
    InputError
        The name is not that of a ``.wav`` or ``.flac`` file.
    QuantlabError
        The file system refused.
    """
    place = checked_output(path)
    write_clip(place, conversion.samples, sample_rate=conversion.sample_rate)
    values = {
        "seed": seed,
        "command": command,
        "provenance": provenance(),
        "audio_sha256": sha256_file(place),
    }
    card = conversion.card.model_copy(update=values)
    write_json(place.with_suffix(".json"), card.model_dump(mode="json"))


def checked_output(path: str | Path) -> Path:
    """Return the path of a sound that is to be written; InputError unless it is named as one."""
    place = Path(path)
    if place.suffix.lower() not in (".wav", ".flac") or place.is_dir():
        raise InputError(f"{place} is not the name of a .wav or .flac file; choose another one")
    return place
