"""Made-up voices of two speakers, three emotions and five sentences; an embedder, a decoder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from quantlab.audio import Clip, log10_mel, write_clip
from quantlab.codebooks import Codec, CodecSettings
from quantlab.config import Settings, fingerprint
from quantlab.corpora import Manifest, index_corpus
from quantlab.embedders import Level
from tests.synthetic_voice import synthetic_voice

EMOTIONS = {"angry": 1.25, "neutral": 1.0, "sad": 0.8}
SPEAKERS = {"ann": 200.0, "bob": 120.0}
NUM_TEXTS = 5


def small_corpus(folder: Path) -> Manifest:
    """Write 30 clips of 0.3 s with a table of their labels, and index them."""
    lines = ["path,speaker,emotion,text_id"]
    for place, (speaker, pitch) in enumerate(SPEAKERS.items()):
        for emotion, glide in EMOTIONS.items():
            for text in range(NUM_TEXTS):
                voice = synthetic_voice(
                    pitch_hz=pitch * glide * (1 + 0.01 * text),
                    duration_s=0.25 + 0.02 * text,
                    noise=0.003 * (1 + place),
                    seed=text,
                )
                name = f"{speaker}_{emotion}_{text}.wav"
                write_clip(folder / name, voice)
                lines.append(f"{name},{speaker},{emotion},t{text}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return index_corpus(folder).manifest


class NoSettings(Settings):
    """Nothing to set."""


class BandsEmbedder:
    """Mean and deviation of each band: 160 numbers, many times faster than functionals."""

    name: ClassVar[str] = "bands"
    frame_rate_hz: ClassVar[float] = 100.0
    shares_model: ClassVar[bool] = False
    settings_class: ClassVar[type[NoSettings]] = NoSettings
    settings = NoSettings()
    batch_seconds = 0.0

    def num_dims(self, level: Level) -> int:
        return 160

    def embed(self, clip: Clip, *, level: Level) -> np.ndarray:
        bands = log10_mel(clip.samples)
        return np.concatenate([bands.mean(axis=0), bands.std(axis=0)])[None]

    def embed_batch(self, clips: Sequence[Clip], *, level: Level) -> list[np.ndarray]:
        return [self.embed(clip, level=level) for clip in clips]

    def head(self) -> None:
        return None

    def card(self) -> dict[str, Any]:
        return {"name": self.name, "version": 1, "settings": {}}

    def fingerprint(self, level: Level) -> str:
        return fingerprint({**self.card(), "level": level})


class TiltDecoder:
    """A decoder of a few lines: the emotion vector's mean tilts the source's bands."""

    name: ClassVar[str] = "tilt"
    settings_class: ClassVar[type[NoSettings]] = NoSettings

    def __init__(self) -> None:
        self.num_decoded = 0

    @property
    def embedder(self) -> BandsEmbedder:
        return BandsEmbedder()

    @property
    def level(self) -> Level:
        return "utterance"

    def card(self) -> dict[str, Any]:
        return {"name": self.name, "licence": "CC0", "trained_on": []}

    def speaker_vector(self, clip: Clip) -> np.ndarray:
        return log10_mel(clip.samples).mean(axis=0)

    def decode(self, source: Clip, *, speaker: Clip, emotion: np.ndarray) -> np.ndarray:
        self.num_decoded += 1
        own = log10_mel(source.samples)
        tilt = np.linspace(-1, 1, 80) * float(np.tanh(1 + emotion.mean()))
        moved = self.speaker_vector(speaker) - self.speaker_vector(source)
        return (own + moved + tilt).astype(np.float32)


def small_codec(clips: Manifest) -> Codec:
    """Return a codec of two stages for vectors of `BandsEmbedder`, with four λ."""
    chosen = [clips.read_clip(row) for row in range(0, len(clips), 4)]
    vectors = np.concatenate(BandsEmbedder().embed_batch(chosen, level="utterance"))
    settings = CodecSettings.parse({"quantizer": {"stages": 2, "codes": 2}, "ladder": {"num": 4}})
    about = {"embedder": BandsEmbedder().card(), "level": "utterance", "licence": "CC0"}
    return Codec(settings).fit(vectors, rng=np.random.default_rng(0), about=about)
