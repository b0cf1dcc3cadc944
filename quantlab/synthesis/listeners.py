"""Listeners: what stands in for a person who says which emotion and which speaker is heard.

A listener embeds sound and asks probes that were trained on natural speech. The decoder's own
encoders are one, an embedder that the decoder never met is another; a finding should not hang on
the first alone. Letters: ``N`` natural clips, ``D`` dimensions, ``E`` emotions, ``S`` speakers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from quantlab.analysis import (
    FittedProbe,
    ProbeName,
    attraction,
    centroids,
    cosine_centred,
    fit_probe,
)
from quantlab.audio import Clip
from quantlab.config import fingerprint
from quantlab.embedders import Embedder
from quantlab.errors import InputError
from quantlab.synthesis.decoders import Decoder


@dataclass(frozen=True, eq=False)
class Heard:
    """What a listener takes in of one clip.

    Attributes
    ----------
    emotion, speaker : np.ndarray [shape=(D,), dtype=float64]
        The vectors that emotion and speaker are told from; they may differ in D.
    """

    emotion: np.ndarray
    speaker: np.ndarray


class Listener(Protocol):
    """Turns sound into the vectors that probes are asked about."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    def hear(self, clip: Clip) -> Heard:
        """Return what it takes in of a clip."""
        ...

    def fingerprint(self) -> str:
        """Return 64 hexadecimal characters that change whenever what it takes in may."""
        ...


class EmbedderListener:
    """Hears by an embedder: emotion and speaker are told from one vector.

    Parameters
    ----------
    embedder : Embedder
        The embedder; its utterance vectors are used.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    @property
    def name(self) -> str:
        """The embedder's name."""
        return self._embedder.name

    def hear(self, clip: Clip) -> Heard:
        """Return the utterance vector twice."""
        vector = self._embedder.embed(clip, level="utterance")[0].astype(np.float64)
        return Heard(vector, vector)

    def fingerprint(self) -> str:
        """Return that of the embedder."""
        return fingerprint({"listener": "embedder", "of": self._embedder.fingerprint("utterance")})


class DecoderListener:
    """Hears by a decoder's own encoders: the emotion by its embedder, the speaker as it does.

    Parameters
    ----------
    decoder : Decoder
        The decoder.
    """

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder

    @property
    def name(self) -> str:
        """The name of the decoder's embedder."""
        return self._decoder.embedder.name

    def hear(self, clip: Clip) -> Heard:
        """Return emotion vector and speaker vector."""
        frames = self._decoder.embedder.embed(clip, level=self._decoder.level)
        speaker = self._decoder.speaker_vector(clip)
        return Heard(frames.mean(axis=0, dtype=np.float64), speaker.astype(np.float64))

    def fingerprint(self) -> str:
        """Return that of its embedder and its weights."""
        return fingerprint(
            {
                "listener": "decoder",
                "embedder": self._decoder.embedder.fingerprint(self._decoder.level),
                "weights": self._decoder.card().get("weights_sha256"),
            }
        )


@dataclass(frozen=True, eq=False)
class Natural:
    """Natural speech as a listener takes it in.

    Attributes
    ----------
    emotion, speaker : np.ndarray [shape=(N, D), dtype=float64]
        Vectors.
    emotions, speakers : np.ndarray of str [shape=(N,)]
        Labels.
    """

    emotion: np.ndarray
    speaker: np.ndarray
    emotions: np.ndarray
    speakers: np.ndarray


@dataclass(frozen=True, eq=False)
class Judgement:
    """What a trained listener says of one clip.

    Attributes
    ----------
    posterior : dict[str, float]
        Probability of each emotion, for equal priors.
    attraction : dict[str, float]
        Degrees by which the clip points more toward each emotion than the source does.
    emotion, speaker : str
        The likeliest emotion and speaker.
    speaker_cos_source : float, -1 to 1
        Cosine of the speaker vectors of clip and source, the mean of natural speech removed.
    speaker_cos_others : float, -1 to 1
        Its mean over the centroids of the other speakers.
    """

    posterior: dict[str, float]
    attraction: dict[str, float]
    emotion: str
    speaker: str
    speaker_cos_source: float
    speaker_cos_others: float


@dataclass(frozen=True, eq=False)
class TrainedListener:
    """A listener with its probes, centroids and scaling of natural speech.

    Attributes
    ----------
    listener : Listener
        What hears.
    emotion_probe, speaker_probe : FittedProbe
        What is asked.
    emotion_mean, speaker_mean : np.ndarray [shape=(D,), dtype=float64]
        Means of natural speech.
    emotion_centroids : np.ndarray [shape=(E, D), dtype=float64]
        Means of the classes less the mean of all, in the order of the probe's classes.
    speaker_centroids : np.ndarray [shape=(S, D), dtype=float64]
        Likewise of the speakers.
    """

    listener: Listener
    emotion_probe: FittedProbe
    speaker_probe: FittedProbe
    emotion_mean: np.ndarray
    speaker_mean: np.ndarray
    emotion_centroids: np.ndarray
    speaker_centroids: np.ndarray

    @classmethod
    def of(
        cls, listener: Listener, natural: Natural, *, probe: ProbeName, seed: int
    ) -> "TrainedListener":
        """Train the probes on natural speech.

        Raises
        ------
        InputError
            There is but one emotion or one speaker.
        """
        for what, labels in (("emotion", natural.emotions), ("speaker", natural.speakers)):
            if len(set(labels.tolist())) < 2:
                raise InputError(
                    f"the natural clips are all of one {what} ({labels[0]}); a listener needs two"
                )
        ask_emotion = fit_probe(probe, natural.emotion, natural.emotions, seed=seed)
        ask_speaker = fit_probe(probe, natural.speaker, natural.speakers, seed=seed)
        means = [vectors.mean(axis=0) for vectors in (natural.emotion, natural.speaker)]
        return cls(
            listener=listener,
            emotion_probe=ask_emotion,
            speaker_probe=ask_speaker,
            emotion_mean=means[0],
            speaker_mean=means[1],
            emotion_centroids=centroids(
                natural.emotion - means[0], natural.emotions.tolist(), ask_emotion.classes
            ),
            speaker_centroids=centroids(
                natural.speaker - means[1], natural.speakers.tolist(), ask_speaker.classes
            ),
        )

    def judge(self, heard: Heard, source: Heard, *, speaker: str) -> Judgement:
        """Say what is heard.

        Parameters
        ----------
        heard, source : Heard
            A clip, and the one that it was made of.
        speaker : str
            Who speaks in the source.
        """
        emotion, before = (part.emotion[None] for part in (heard, source))
        classes = self.emotion_probe.classes
        shares = np.exp(self.emotion_probe.log_probabilities(emotion)[0])
        turned = attraction(
            before - self.emotion_mean, emotion - self.emotion_mean, self.emotion_centroids
        )[0]
        voice, own = (part.speaker[None] - self.speaker_mean for part in (heard, source))
        others = [name != speaker for name in self.speaker_probe.classes]
        others_centroids = self.speaker_centroids[others]
        likeness = cosine_centred(np.repeat(voice, len(others_centroids), axis=0), others_centroids)
        return Judgement(
            posterior=dict(zip(classes, shares.tolist(), strict=True)),
            attraction=dict(zip(classes, turned.tolist(), strict=True)),
            emotion=classes[int(shares.argmax())],
            speaker=str(self.speaker_probe.predict(heard.speaker[None])[0]),
            speaker_cos_source=float(cosine_centred(voice, own)[0]),
            speaker_cos_others=float(likeness.mean()),
        )


Progress = Callable[[int, int], Any]
"""Called with how many of how many are done."""
