"""Settings of mixed references and routes, and the recipes whose codecs they need."""

from collections.abc import Sequence

from pydantic import Field, field_validator

from quantlab.codebooks import parse_recipe
from quantlab.config import Settings
from quantlab.corpora import EMOTIONS
from quantlab.errors import ConfigError

NEUTRAL = "neutral"


class MixingSettings(Settings):
    """References of two emotions mixed, and a neutral codebook on the way to another emotion.

    Both work on time means of the test items of new speakers, coded at each λ on its own.
    """

    pairs: tuple[tuple[str, str], ...] = ()
    """Pairs of emotions to mix. They need the recipes ``balanced``, one ``biased`` to each of the
    two, and their half-and-half ``mixed``."""

    weights: tuple[float, ...] = (0.1, 0.25, 0.5, 0.75, 0.9)
    """Shares of the first emotion's reference, between 0 and 1."""

    num_lams: int = Field(default=4, ge=2, le=64)
    """How many λ, spread over the ladder from λ = 0 to its end."""

    routes: bool = False
    """Whether to compare the way to each emotion through the neutral codebook with the direct one.
    It needs a ``biased`` recipe for every emotion, neutral among them."""

    max_references: int = Field(default=60, ge=1)
    """Most pairs of references, and most items on the way to one emotion, in each fold; more are
    sampled down."""

    @field_validator("pairs")
    @classmethod
    def _two_emotions(cls, pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        for pair in pairs:
            unknown = [name for name in pair if name not in EMOTIONS]
            if unknown:
                known = ", ".join(EMOTIONS)
                raise ValueError(f"unknown emotion {', '.join(unknown)}; known are {known}")
            if pair[0] == pair[1]:
                raise ValueError(f"a pair names two emotions, not {pair[0]} twice")
        if len({frozenset(pair) for pair in pairs}) != len(pairs):
            raise ValueError("name each pair once, in one order")
        return pairs

    @field_validator("weights")
    @classmethod
    def _between_the_ends(cls, weights: tuple[float, ...]) -> tuple[float, ...]:
        if not weights or len(set(weights)) != len(weights):
            raise ValueError("give at least one weight, and each once")
        if not all(0 < weight < 1 for weight in weights):
            raise ValueError("every weight must lie between 0 and 1, ends excluded")
        return tuple(sorted(weights))


def mixing_recipes(
    settings: MixingSettings, recipes: Sequence[str], emotions: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Return the recipes that a study's mixing needs, as the study spells them.

    Parameters
    ----------
    settings : MixingSettings
        What is asked for.
    recipes : Sequence[str]
        The study's recipes, ``biased:*`` written out.
    emotions : Sequence[str]
        The study's emotions.

    Returns
    -------
    dict[str, tuple[str, ...]]
        Those of "mixing" and of "routes"; a key is missing where nothing of it is asked for.

    Raises
    ------
    ConfigError
        An emotion or a recipe is missing; the message names it.
    """
    needed: dict[str, list[str]] = {}
    if settings.pairs:
        _require_emotions("pairs", [name for pair in settings.pairs for name in pair], emotions)
        needed["mixing"] = ["balanced"]
        for pair in settings.pairs:
            needed["mixing"] += [mixed_recipe(pair), *(f"biased:{name}" for name in pair)]
    if settings.routes:
        _require_emotions("routes", [NEUTRAL], emotions)
        needed["routes"] = [f"biased:{name}" for name in emotions]
    known = {_content(name): name for name in recipes}
    asked = dict.fromkeys(name for names in needed.values() for name in names)
    missing = [name for name in asked if _content(name) not in known]
    if missing:
        raise ConfigError(f"mixing needs the recipes {', '.join(missing)}; add them to recipes")
    return {
        kind: tuple(dict.fromkeys(known[_content(name)] for name in names))
        for kind, names in needed.items()
    }


def mixed_recipe(pair: tuple[str, str]) -> str:
    """Return the recipe that is trained on two emotions, half and half."""
    return f"mixed:{pair[0]}=.5,{pair[1]}=.5"


def same_recipe(name: str, other: str) -> bool:
    """Say whether two names, ``mixed:…`` in another order for instance, mean one recipe."""
    return _content(name) == _content(other)


def _content(name: str) -> tuple[str, frozenset[tuple[str, float]]]:
    recipe = parse_recipe(name)
    return recipe.kind, frozenset(recipe.shares.items())


def _require_emotions(key: str, asked: Sequence[str], emotions: Sequence[str]) -> None:
    missing = sorted({*asked} - {*emotions})
    if missing:
        raise ConfigError(
            f"mixing.{key} needs clips of {', '.join(missing)}; the study has {', '.join(emotions)}"
        )
