"""One source of a listening loop: its sounds over targets, codecs and λ, and what is heard in them.

Every sound of a source is made with the same random numbers, so that two of them differ by what was
changed and not by the vocoder's phase. Equal emotion vectors are decoded once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from quantlab.analysis import CepstralDistortion, cepstral_distortion
from quantlab.audio import Clip, clip_from_array, log10_mel, write_clip
from quantlab.codebooks import Codec
from quantlab.store import write_json
from quantlab.synthesis.conversion import as_loud_as
from quantlab.synthesis.decoders import Decoder
from quantlab.synthesis.emotions import (
    EmotionVector,
    clip_vector,
    quantized_vectors,
    refuse_silent,
)
from quantlab.synthesis.listeners import Heard, Judgement, TrainedListener
from quantlab.synthesis.listening_plan import ClipTable
from quantlab.synthesis.vocoders import Vocoder

SOURCE, COPY, RECONSTRUCTION = "source", "copy_synthesis", "reconstruction"
REFERENCE, CONVERSION, QUANTIZED = "reference", "conversion", "quantized"
METHODS = (SOURCE, COPY, RECONSTRUCTION, REFERENCE, CONVERSION, QUANTIZED)
"""What is listened to: the source, its bands through the vocoder, it decoded with its own emotion,
the natural clip that the emotion comes from, the conversion, and that with a quantized emotion."""

SOUNDS_FILE = "sounds.json"

COLUMNS = {
    "source": "string",
    "speaker": "string",
    "text_id": "string",
    "source_emotion": "string",
    "target": "string",
    "reference": "string",
    "reference_speaker": "string",
    "method": "string",
    "codec": "string",
    "lam": "float64",
    "rate_bits": "float64",
    "listener": "string",
    "heard_emotion": "string",
    "posterior": "float64",
    "attraction": "float64",
    "attraction_source": "float64",
    "heard_speaker": "string",
    "speaker_cos_source": "float64",
    "speaker_cos_others": "float64",
    "mcd_source_db": "float64",
    "mcd_conversion_db": "float64",
    "mcd_tag": "string",
}
"""Columns of the rows, before ``posterior_<emotion>`` and ``attraction_<emotion>``."""


@dataclass(frozen=True, eq=False)
class Studio:
    """What every source meets.

    Attributes
    ----------
    decoder, vocoder : Decoder, Vocoder
        What makes sounds.
    listeners : Mapping[str, TrainedListener]
        Who listens, by name.
    codecs : Mapping[str, tuple[Codec, tuple[float, ...]]]
        Codecs by name, each with its λ.
    seed : int
        Of the vocoder's random numbers.
    """

    decoder: Decoder
    vocoder: Vocoder
    listeners: Mapping[str, TrainedListener]
    codecs: Mapping[str, tuple[Codec, tuple[float, ...]]]
    seed: int


@dataclass(frozen=True, eq=False)
class Labelled:
    """A clip with its labels.

    Attributes
    ----------
    clip : Clip
        The sound.
    name, speaker, emotion, text_id : str
        Its path in the corpus, and what the corpus says of it.
    """

    clip: Clip
    name: str
    speaker: str
    emotion: str
    text_id: str


def labelled_clip(clips: ClipTable, row: int) -> Labelled:
    """Read the clip of a row, with its labels."""
    item = clips.items.iloc[row]
    names = [str(item[key]) for key in ("path", "speaker", "emotion", "text_id")]
    return Labelled(clips.read_clip(row), *names)


@dataclass(frozen=True, eq=False)
class _Sound:
    """A sound with its bands, what listeners take in of it, and how far it is from the source."""

    clip: Clip
    mel: np.ndarray
    heard: Mapping[str, Heard]
    to_source: CepstralDistortion | None = None


class SourceSession:
    """The sounds of one source.

    Parameters
    ----------
    studio : Studio
        What makes and judges them.
    source : Labelled
        The source; silence is refused.
    references : Mapping[str, Labelled]
        Target emotion to the clip that it comes from.
    audio : Path, optional
        Folder for the sounds.
    """

    def __init__(
        self,
        studio: Studio,
        source: Labelled,
        references: Mapping[str, Labelled],
        *,
        audio: Path | None = None,
    ) -> None:
        refuse_silent(source.clip, "the source")
        self._studio, self._source, self._references = studio, source, references
        self._audio = audio
        self._made: dict[bytes, _Sound] = {}
        self._kept: list[dict[str, Any]] = []
        self._natural = self._hear(source.clip)

    def rows(self) -> list[dict[str, Any]]:
        """Make all sounds and return the rows of what is heard; see `COLUMNS`."""
        studio, clip = self._studio, self._source.clip
        copy = self._render(log10_mel(clip.samples))
        reconstruction = self._decoded(clip_vector(clip, studio.decoder))
        floors = {SOURCE: self._natural, COPY: copy, RECONSTRUCTION: reconstruction}
        for method, sound in floors.items():
            self._keep(sound, method)
        rows = []
        for target, reference in self._references.items():
            for method, sound in floors.items():
                rows += self._judged(sound, method, target, reference)
            rows += self._target(target, reference)
        if self._audio is not None:
            write_json(
                self._audio / SOUNDS_FILE, {"source": self._source.name, "sounds": self._kept}
            )
        return rows

    def _target(self, target: str, reference: Labelled) -> Iterator[dict[str, Any]]:
        """Yield the rows of everything that is made after one reference."""
        studio = self._studio
        natural = self._hear(reference.clip)
        self._keep(natural, REFERENCE, target=target)
        yield from self._judged(natural, REFERENCE, target, reference)
        plain = self._decoded(clip_vector(reference.clip, studio.decoder))
        self._keep(plain, CONVERSION, target=target)
        yield from self._judged(plain, CONVERSION, target, reference)
        for name, (codec, lams) in studio.codecs.items():
            for coded in quantized_vectors(reference.clip, studio.decoder, codec, lams):
                sound = self._decoded(coded.vector)
                self._keep(sound, QUANTIZED, target=target, codec=name, coded=coded)
                yield from self._judged(
                    sound, QUANTIZED, target, reference, codec=name, coded=coded, plain=plain
                )

    # Making sounds

    def _decoded(self, emotion: np.ndarray) -> _Sound:
        key = emotion.tobytes()
        if key not in self._made:
            clip = self._source.clip
            self._made[key] = self._render(
                self._studio.decoder.decode(clip, speaker=clip, emotion=emotion)
            )
        return self._made[key]

    def _render(self, bands: np.ndarray) -> _Sound:
        source, vocoder = self._source.clip, self._studio.vocoder
        rng = np.random.default_rng([self._studio.seed, int(source.sha256[:15], 16)])
        samples = as_loud_as(vocoder.synthesise(bands, rng=rng), source.samples).samples
        sound = self._hear(clip_from_array(samples, vocoder.sample_rate, name="a conversion"))
        return replace(sound, to_source=cepstral(self._natural.mel, sound.mel))

    def _hear(self, clip: Clip) -> _Sound:
        listeners = self._studio.listeners
        heard = {name: trained.listener.hear(clip) for name, trained in listeners.items()}
        return _Sound(clip, log10_mel(clip.samples), heard)

    def _keep(
        self, sound: _Sound, method: str, *, target: str = "", codec: str = "",
        coded: EmotionVector | None = None,
    ) -> None:  # fmt: skip
        if self._audio is None:
            return
        lam, bits = (None, None) if coded is None else (coded.lam, coded.rate_bits)
        strength = "" if lam is None else f"lam{lam:g}"
        name = "-".join(part for part in (target, method, codec, strength) if part)
        write_clip(self._audio / f"{name}.wav", sound.clip.samples)
        entry = {"file": f"{name}.wav", "method": method, "target": target, "codec": codec}
        self._kept.append({**entry, "lam": lam, "rate_bits": bits})

    # Judging them

    def _judged(
        self,
        sound: _Sound,
        method: str,
        target: str,
        reference: Labelled,
        *,
        codec: str = "",
        coded: EmotionVector | None = None,
        plain: _Sound | None = None,
    ) -> list[dict[str, Any]]:
        """Return one row per listener."""
        source = self._source
        to_source = sound.to_source
        to_plain = cepstral(plain.mel, sound.mel) if plain is not None else None
        shared = {
            "source": source.name,
            "speaker": source.speaker,
            "text_id": source.text_id,
            "source_emotion": source.emotion,
            "target": target,
            "reference": reference.name,
            "reference_speaker": reference.speaker,
            "method": method,
            "codec": codec,
            "lam": np.nan if coded is None else coded.lam,
            "rate_bits": np.nan if coded is None else coded.rate_bits,
            "mcd_source_db": np.nan if to_source is None else to_source.value_db,
            "mcd_conversion_db": np.nan if to_plain is None else to_plain.value_db,
            "mcd_tag": "" if to_source is None else str(to_source.tag),
        }
        rows = []
        for name, trained in self._studio.listeners.items():
            judgement = trained.judge(
                sound.heard[name], self._natural.heard[name], speaker=source.speaker
            )
            said = _said(judgement, target, source.emotion)
            rows.append({**shared, "listener": name, **said})
        return rows


def _said(judgement: Judgement, target: str, source_emotion: str) -> dict[str, Any]:
    nothing = float("nan")  # a class that no natural clip has
    return {
        "heard_emotion": judgement.emotion,
        "posterior": judgement.posterior.get(target, nothing),
        "attraction": judgement.attraction.get(target, nothing),
        "attraction_source": judgement.attraction.get(source_emotion, nothing),
        "heard_speaker": judgement.speaker,
        "speaker_cos_source": judgement.speaker_cos_source,
        "speaker_cos_others": judgement.speaker_cos_others,
        **{f"posterior_{name}": value for name, value in judgement.posterior.items()},
        **{f"attraction_{name}": value for name, value in judgement.attraction.items()},
    }


def cepstral(reference: np.ndarray, other: np.ndarray) -> CepstralDistortion:
    """Return the distortion between two sounds' bands, aligned in time."""
    return cepstral_distortion(reference, other, alignment="dtw")


def read_references(clips: ClipTable, references: Sequence[tuple[str, int]]) -> dict[str, Labelled]:
    """Read the references of a source; silence is refused."""
    found = {target: labelled_clip(clips, row) for target, row in references}
    for reference in found.values():
        refuse_silent(reference.clip, "the reference")
    return found
