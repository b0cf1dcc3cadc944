"""Studies with planted effects: embeddings, and what made-up codecs and references make of them.

Nothing here is trained or measured, and nothing is imported from quantlab: every effect is put in
by geometry. A reconstruction is the item's own direction, shortened and turned by an exact angle;
*whereto* it is turned, and how far for which emotion, is what is planted. Between speakers every
effect varies at least as much as between items of one speaker, so that a speaker is one
observation. `N` items, `D` dimensions, `E` emotions, `L` values of λ.

"Absent" is absent in expectation, curved angles and all: there a codec and the reference that it is
held against are either draws from one law, which gives every difference a distribution symmetric
around zero, or are apart by an angle that is itself drawn around zero.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np

Drift = Literal["present", "absent", "shrinkage"]

EMOTIONS = ("angry", "happy", "neutral", "sad", "surprise")
HAPPY, NEUTRAL = 1, 2
NUM_SPEAKERS = 16
NUM_TEXTS = 6
NUM_DIMS = 24

LAMS = (0.0, 0.1, 0.3, 1.0, 3.0)
COSINES = (0.96, 0.82, 0.62, 0.44, 0.28)
"""Mean cosine of item and reconstruction at each λ."""
START, HALF = 0, 3
"""The first λ, and the first at which the cosine is less than half of what it was."""
BIASED_COSINES = (0.96, 0.87, 0.78, 0.72, 0.66)
BITS = (40.0, 31.0, 22.0, 13.0, 5.0)
SHAPE = (0.0, 0.5, 1.0, 1.0, 0.6)
"""How much of an effect on the cosine is there at each λ."""

# Squared lengths of what an item is made of, in the space where E‖z‖² = D.
CENTROID, NEUTRAL_CENTROID = 2.0, 1.0
SPEAKER, INTERACTION, NOISE = 6.0, 3.0, 13.0

COSINE_EFFECT, COSINE_SPEAKER, COSINE_TEXT, COSINE_ITEM = 0.09, 0.03, 0.01, 0.03
"""Cosine that a favoured emotion gains; standard deviations by speaker, text and item."""
OWN_EFFECT, OWN_SPEAKER, OWN_ITEM = 0.04, 0.02, 0.015
"""Cosine that a biased codec's own emotion gains; standard deviations by speaker and item."""
TILT_EFFECT, TILT_SPEAKER, TILT_TEXT = 0.75, 0.22, 0.05
"""Turn toward neutral, as a share of isotropic noise, whose own part that way is 1/√(D − 1)."""
PULL_EFFECT, PULL_SPEAKER, PULL_ITEM = 2.4, 1.2, 1.0
"""Degrees by which a biased codec turns clips beyond its reference."""
BITS_EFFECT, BITS_SPEAKER, BITS_ITEM = 0.3, 0.1, 0.05
"""Share of bits that direct reduction takes more; standard deviations of the log of bits."""
OWN_NOISE = 0.1
"""What is not common to codec and reference where drift is nothing but shrinkage."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Which effects are planted.

    Attributes
    ----------
    drift : {"present", "absent", "shrinkage"}
        Reconstructions turn toward neutral; they turn anywhere, as an ideal code's do; or they are
        shrunk to half the length of that, with noise that the references share.
    bias : bool
        Codecs of single emotions turn clips toward theirs, and keep its own clips more similar.
    robust : bool
        The codec keeps neutral more similar than the others.
    direct : bool
        Direct reduction takes more from neutral than from the others.
    happy : bool
        Direct reduction takes more from happy than from the rest.
    efficient : bool
        Direct reduction takes more bits.
    """

    drift: Drift
    bias: bool
    robust: bool
    direct: bool
    happy: bool
    efficient: bool

    def planted(self) -> dict[str, bool]:
        """Return for every claim that is planted or ruled out whether it holds."""
        drift, better = self.drift == "present", self.robust or self.direct
        return {
            "1.1a": self.direct,
            "1.1b": self.happy,
            "1.1c": better,
            "1.1d": better,
            "1.2a": self.efficient,
            "1.3a": self.robust,
            **dict.fromkeys(("1.4a", "1.4b", "1.4c"), drift),
            **dict.fromkeys(("1.5a", "1.5b", "1.5c"), self.bias),
        }


DRIFTS: tuple[Drift, ...] = ("present", "absent", "shrinkage")
SCENARIOS = tuple(
    Scenario(drift=drift, bias=a, robust=b, direct=c, happy=d, efficient=e)
    for drift in DRIFTS
    for a, b, c, d, e in product((True, False), repeat=5)
)
"""All of them, a full factorial."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Coded:
    """What one method makes of all items at one λ.

    Attributes
    ----------
    recipe, method : str
        Which codec, and the codec itself or what stands beside it.
    lam : float
        NaN for the items themselves.
    vectors : np.ndarray, float64, shape [N, D]
        Reconstructions.
    bits : np.ndarray, float64, shape [N]
        NaN where a method has no code.
    """

    recipe: str
    method: str
    lam: float
    vectors: np.ndarray
    bits: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class Study:
    """A study with planted effects.

    Attributes
    ----------
    z : np.ndarray, float64, shape [N, D]
        The items; the origin is the mean of their law.
    emotion, speaker, text : np.ndarray of int, shape [N]
        Balanced cells, one item per speaker × emotion × text.
    centroids : np.ndarray, float64, shape [E, D]
        Means of the emotions' laws.
    coded : tuple of Coded
        Clean items, codecs, references and direct reduction.
    """

    z: np.ndarray
    emotion: np.ndarray
    speaker: np.ndarray
    text: np.ndarray
    centroids: np.ndarray
    coded: tuple[Coded, ...]


def make_study(seed: int, scenario: Scenario, *, size: float = 1.0) -> Study:
    """Draw a study.

    Parameters
    ----------
    seed : int >= 0
        The same gives the same study.
    scenario : Scenario
        What is planted.
    size : float >= 0
        Factor of all planted effects.

    Returns
    -------
    Study
    """
    maker = _Maker(np.random.default_rng([seed, 20261126]), scenario, size)
    return Study(
        z=maker.z,
        emotion=maker.emotion,
        speaker=maker.speaker,
        text=maker.text,
        centroids=maker.centroids,
        coded=tuple(maker.coded()),
    )


class _Maker:
    """Draws one study; attributes as of `Study`."""

    def __init__(self, rng: np.random.Generator, scenario: Scenario, size: float) -> None:
        self.rng, self.scenario, self.size = rng, scenario, size
        shape = (NUM_SPEAKERS, len(EMOTIONS), NUM_TEXTS)
        self.speaker, self.emotion, self.text = (part.ravel() for part in np.indices(shape))
        self.num_items = len(self.emotion)
        self.centroids = self._centroids()
        self.z = (
            self.centroids[self.emotion]
            + self._vectors(SPEAKER, NUM_SPEAKERS)[self.speaker]
            + self._vectors(INTERACTION, NUM_SPEAKERS, len(EMOTIONS))[self.speaker, self.emotion]
            + self._vectors(NOISE, self.num_items)
        )
        self.length = _lengths(self.z)
        self.unit = self.z / self.length[:, None]
        # A speaker takes to all biased codecs alike: averaged over them, speakers still differ.
        there = size * scenario.bias
        self._own_gain = rng.normal(there * OWN_EFFECT, OWN_SPEAKER, NUM_SPEAKERS)
        self._pull = rng.normal(there * PULL_EFFECT, PULL_SPEAKER, (len(LAMS), NUM_SPEAKERS))

    def coded(self) -> Iterator[Coded]:
        """Yield what every method makes of the items."""
        yield self._part("balanced", "clean", np.nan, self.z)
        yield from self._balanced()
        for place in range(len(EMOTIONS)):
            yield from self._biased(place)

    def _balanced(self) -> Iterator[Coded]:
        kept, reduced = self._cosine_effects()
        bits, direct_bits = self._bits(0.0), self._bits(BITS_EFFECT * self.scenario.efficient)
        tilts = self._tilts()
        shorter = 0.5 if self.scenario.drift == "shrinkage" else 1.0
        for place, lam in enumerate(LAMS):
            cosine = COSINES[place] + SHAPE[place] * kept
            noise, other_noise = self._noises()
            coded = self._turned(cosine, shorter * cosine, self._toward_neutral(noise, tilts[0]))
            yield self._part("balanced", "codec", lam, coded, BITS[place] * bits)
            for method, vectors in self._references(
                _lengths(coded - self.z), other_noise, tilts[1]
            ):
                yield self._part("balanced", method, lam, vectors)
            even = COSINES[place] + SHAPE[place] * reduced
            even += cosine.mean() - even.mean()  # met by the set's mean, as a reduction's target is
            dropped = self._turned(even, even, self._across(self._vectors(1.0, self.num_items)))
            yield self._part("balanced", "drop_least", lam, dropped, BITS[place] * direct_bits)

    def _references(
        self, error: np.ndarray, noise: np.ndarray, tilt: np.ndarray
    ) -> Iterator[tuple[str, np.ndarray]]:
        """Yield what is exactly as far from each item: blurred, ideally coded, or with noise on it.

        An ideal code of white vectors leaves an error at right angles to what it puts out. Whereto
        it turns differs between speakers, as in the codec.
        """
        share = error / self.length
        yield "shrink_mean", self.z * (1.0 - share)[:, None]
        cosine = np.sqrt(1.0 - share**2)
        yield "water_mean", self._turned(cosine, cosine, self._toward_neutral(noise, tilt))
        yield "noise_matched", self.z + error[:, None] * self._across(noise)

    def _biased(self, place: int) -> Iterator[Coded]:
        recipe, own = f"biased:{EMOTIONS[place]}", self.emotion == place
        gain = (self._own_gain[self.speaker] + self._items(OWN_ITEM)) * own
        bits = self._bits(0.0)
        for at, lam in enumerate(LAMS):
            cosine = BIASED_COSINES[at] + SHAPE[at] * gain
            pull = self._pull[at, self.speaker] + self._items(PULL_ITEM)
            coded, blurred = self._pulled(place, cosine, pull)
            yield self._part(recipe, "codec", lam, coded, BITS[at] * bits)
            if at in (START, HALF):
                yield self._part(recipe, "shrink_class", lam, blurred)

    def _pulled(
        self, place: int, cosine: np.ndarray, pull: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return a biased codec's vectors, and the blur toward its emotion as far from the items.

        Clips of other emotions point to the emotion `pull` degrees more than the blur does; one in
        thousands cannot be turned so far and is turned as far as it can be.
        """
        target = self.centroids[place]
        error = self.length * np.sqrt(1.0 - cosine**2)
        way = target - self.z
        blurred = self.z + (error / _lengths(way))[:, None] * way
        aim = _angle_to(blurred, target) - np.radians(pull)
        before = _angle_to(self.z, target)
        turn = np.arccos(cosine)
        # The law of cosines on the sphere: the share of the turn that has to go toward the target.
        share = (np.cos(aim) - np.cos(before) * cosine) / (np.sin(before) * np.sin(turn))
        noise = self._across(self._vectors(1.0, self.num_items))
        direction = self._tangent(target)
        aside = _unit(noise - (noise * direction).sum(axis=1, keepdims=True) * direction)
        share = np.clip(share, -1.0, 1.0)[:, None]
        steered = share * direction + np.sqrt(1.0 - share**2) * aside
        free = (self.emotion == place)[:, None]
        return self._turned(cosine, cosine, np.where(free, noise, steered)), blurred

    def _cosine_effects(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what the cosine of each item gains in the codec and in direct reduction."""
        kept, reduced = np.zeros(len(EMOTIONS)), np.zeros(len(EMOTIONS))
        kept[NEUTRAL] = COSINE_EFFECT * self.scenario.robust
        reduced[NEUTRAL] = -COSINE_EFFECT * self.scenario.direct
        # What happy loses the rest gain, so that neutral less the others stays as it is.
        rest = [place for place in range(len(EMOTIONS)) if place not in (HAPPY, NEUTRAL)]
        lost = COSINE_EFFECT * self.scenario.happy
        reduced[HAPPY] -= lost * len(rest) / (len(rest) + 1)
        reduced[rest] += lost / (len(rest) + 1)
        return self._by_emotion(kept), self._by_emotion(reduced)

    def _by_emotion(self, means: np.ndarray) -> np.ndarray:
        draw = self.rng.normal
        return (
            self.size * means[self.emotion]
            + draw(scale=COSINE_SPEAKER, size=(NUM_SPEAKERS, 5))[self.speaker, self.emotion]
            + draw(scale=COSINE_TEXT, size=(NUM_TEXTS, 5))[self.text, self.emotion]
            + self._items(COSINE_ITEM)
        )

    def _items(self, scale: float) -> np.ndarray:
        return self.rng.normal(scale=scale, size=self.num_items)

    def _bits(self, more: float) -> np.ndarray:
        by_speaker = self.rng.normal(self.size * np.log1p(more), BITS_SPEAKER, NUM_SPEAKERS)
        return np.exp(by_speaker[self.speaker] + self._items(BITS_ITEM))

    def _tilts(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the tilt toward neutral of each item in the codec and in its reference."""
        first, second, shared = (self._tilt() for _ in range(3))
        if self.scenario.drift == "shrinkage":
            return shared + OWN_NOISE * first, shared + OWN_NOISE * second
        return first + self.size * TILT_EFFECT * (self.scenario.drift == "present"), second

    def _tilt(self) -> np.ndarray:
        by_speaker = self.rng.normal(scale=TILT_SPEAKER, size=NUM_SPEAKERS)
        by_text = self.rng.normal(scale=TILT_TEXT, size=NUM_TEXTS)
        return by_speaker[self.speaker] + by_text[self.text]

    def _noises(self) -> tuple[np.ndarray, np.ndarray]:
        """Return noise of unit mean square length for the codec and for its reference."""
        first, second, shared = (self._vectors(1.0, self.num_items) for _ in range(3))
        if self.scenario.drift == "shrinkage":
            return shared + OWN_NOISE * first, shared + OWN_NOISE * second
        return first, second

    def _toward_neutral(self, noise: np.ndarray, tilt: np.ndarray) -> np.ndarray:
        across = noise - (noise * self.unit).sum(axis=1, keepdims=True) * self.unit
        return _unit(across + tilt[:, None] * self._tangent(self.centroids[NEUTRAL]))

    def _tangent(self, target: np.ndarray) -> np.ndarray:
        """Return the unit directions [N, D] in which items turn straight to a target."""
        return self._across(np.broadcast_to(target, self.z.shape))

    def _across(self, vectors: np.ndarray) -> np.ndarray:
        """Return unit vectors: what is at right angles to the items."""
        return _unit(vectors - (vectors * self.unit).sum(axis=1, keepdims=True) * self.unit)

    def _turned(self, cosine: np.ndarray, length: np.ndarray, aside: np.ndarray) -> np.ndarray:
        """Return items turned by an exact angle toward `aside`, their length multiplied."""
        sine = np.sqrt(1.0 - cosine**2)
        direction = cosine[:, None] * self.unit + sine[:, None] * aside
        return (length * self.length)[:, None] * direction

    def _centroids(self) -> np.ndarray:
        """Draw centroids around the origin, that of neutral nearer to it than the others."""
        away = [place for place in range(len(EMOTIONS)) if place != NEUTRAL]
        found = np.zeros((len(EMOTIONS), NUM_DIMS))
        found[NEUTRAL] = self._direction() * np.sqrt(NEUTRAL_CENTROID)
        others = _unit(self._vectors(1.0, len(away)))
        others = _unit(others - others.mean(axis=0)) * np.sqrt(CENTROID)
        found[away] = others - others.mean(axis=0) - found[NEUTRAL] / len(away)
        return found

    def _direction(self) -> np.ndarray:
        return _unit(self._vectors(1.0, 1))[0]

    def _vectors(self, square: float, *shape: int) -> np.ndarray:
        """Draw isotropic vectors of a mean squared length."""
        scale = np.sqrt(square / NUM_DIMS)
        return self.rng.normal(scale=scale, size=(*shape, NUM_DIMS))

    def _part(
        self,
        recipe: str,
        method: str,
        lam: float,
        vectors: np.ndarray,
        bits: np.ndarray | None = None,
    ) -> Coded:
        known = np.full(self.num_items, np.nan) if bits is None else bits
        return Coded(recipe=recipe, method=method, lam=lam, vectors=vectors, bits=known)


def _lengths(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt((vectors**2).sum(axis=-1))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / _lengths(vectors)[..., None]


def _angle_to(vectors: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return angles [N] in radians."""
    along = vectors @ (target / _lengths(target))
    return np.arctan2(_lengths(vectors - along[:, None] * (target / _lengths(target))), along)
