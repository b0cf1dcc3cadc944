"""Settings of a study: data, split, recipes, codec, seeds, probes, reductions and references."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from quantlab.codebooks import CodecSettings, parse_recipe
from quantlab.config import Settings, fingerprint
from quantlab.corpora import merge_table
from quantlab.errors import ConfigError, QuantlabError
from quantlab.store import read_yaml
from quantlab.sweep.map_settings import MapSettings
from quantlab.sweep.mixing_settings import MixingSettings

EACH_EMOTION = "biased:*"

Protocol = Literal["speaker", "text", "corpus"]


class DataSettings(Settings):
    """Where the embeddings come from: ready sets, or corpora and an embedder."""

    embeddings: str | tuple[str, ...] = ""
    """Folder of an embedding set, relative to where the command runs; or several of one embedder,
    which are read as one."""

    manifests: tuple[str, ...] = ()
    """Manifests that ``quantlab index`` wrote, to embed together when there is no set yet."""

    corpus: str = ""
    """Folder of a corpus to index and embed, when there is no set yet."""

    reader: str = "auto"
    """Which corpus reader to use; ``auto`` recognises the layout."""

    embedder: str = "functionals"
    """Embedder by name."""

    embedder_settings: dict[str, Any] = Field(default_factory=dict)
    """Settings of the embedder; see its settings class."""

    level: Literal["utterance", "frame"] = "utterance"
    """One vector per clip, or frames."""

    licence: str = ""
    """Licence of the corpus; everything derived from it carries it."""

    merges: tuple[str, ...] = ()
    """Emotions to count as one, by name: ``excited-happy``, ``frustrated-angry``,
    ``calm-neutral``."""

    permute_labels: bool = False
    """Permute emotions among each speaker's clips before anything else: the negative control, in
    which no claim about emotion may come out supported."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(map(bool, (self.embeddings, self.corpus, self.manifests))) > 1:
            raise ValueError("give one of embeddings, manifests and corpus")
        return self

    @field_validator("merges")
    @classmethod
    def _known_merges(cls, merges: tuple[str, ...]) -> tuple[str, ...]:
        try:
            merge_table(merges)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return merges


class SplitSettings(Settings):
    """How training and evaluation items are kept apart."""

    protocols: tuple[Protocol, ...] = ("speaker", "text")
    """``speaker``: new speakers. ``text``: new sentences of known speakers. ``corpus``: new
    corpora, each left out in turn."""

    speaker_folds: int | None = Field(default=None, ge=2)
    """Folds over speakers; by default one speaker is left out at a time, above twelve 10 folds."""

    text_folds: int = Field(default=3, ge=2)
    """Folds over sentences."""

    text_recipes: tuple[str, ...] = ("balanced",)
    """Recipes that are also evaluated on new sentences of known speakers; all, where new speakers
    cannot be tested."""

    allow_seen: bool = False
    """Evaluate on clips that the embedder was trained on; every result then says so."""


class StudySettings(Settings):
    """A whole study; every key of an experiment file."""

    name: str = Field(default="study", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Name of the run, used in figures and as the folder under ``runs``."""

    data: DataSettings = DataSettings()
    """Where the embeddings come from."""

    emotions: tuple[str, ...] = ()
    """Emotions to study; empty takes all that have `min_clips` clips."""

    min_clips: int = Field(default=16, ge=2)
    """Fewest clips of an emotion."""

    recipes: tuple[str, ...] = ("balanced",)
    """Training recipes; ``biased:*`` stands for one biased codec per emotion."""

    split: SplitSettings = SplitSettings()
    """How training and evaluation items are kept apart."""

    codec: CodecSettings = CodecSettings()
    """Quantizer, prior and ladder."""

    seeds: tuple[int, ...] = (0,)
    """Each seed trains and evaluates every codec once more."""

    probes: tuple[Literal["logistic", "svm", "mlp"], ...] = ("logistic",)
    """Classifiers trained on clean training items."""

    retrained_probe: bool = False
    """Whether a probe is also fitted to quantized training items, anew at each λ, for the balanced
    codec of the first seed."""

    reductions: tuple[
        Literal["drop_least", "drop_most", "coarse_step", "noise", "truncate"], ...
    ] = ("drop_least", "coarse_step")
    """Similarity reductions of the balanced codec, matched to its similarity at each λ."""

    references: tuple[
        Literal[
            "shrink_mean", "shrink_class", "water_mean", "water_class", "noise_matched",
            "pca_matched",
        ],
        ...,
    ] = ("shrink_mean", "shrink_class", "water_mean", "water_class")  # fmt: skip
    """References matched in distortion; those of a class are for codecs of single emotions."""

    mode: Literal["path", "direct"] = "path"
    """How the codec chooses symbols. ``path``: bits of a vector never rise with λ. ``direct``: each
    λ on its own."""

    rate_control: bool = False
    """Whether the balanced codec is also evaluated with as many bits for every clip as fit a common
    target, at the mean bits of each λ."""

    mixing: MixingSettings = MixingSettings()
    """References of two emotions mixed, and routes to an emotion through neutral."""

    maps: MapSettings = MapSettings()
    """Maps of the embeddings, for the eye."""

    max_train_vectors: int = Field(default=200_000, ge=64)
    """Most training vectors of a codec; more are sampled down."""

    @field_validator("recipes")
    @classmethod
    def _known_recipes(cls, recipes: tuple[str, ...]) -> tuple[str, ...]:
        for recipe in recipes:
            if recipe != EACH_EMOTION:
                _parse(recipe)
        if len(set(recipes)) != len(recipes) or not recipes:
            raise ValueError("name each recipe once, and at least one")
        if "balanced" not in recipes:
            raise ValueError(
                "'balanced' must be among the recipes; the others are compared with it"
            )
        return recipes

    @model_validator(mode="after")
    def _text_recipes_exist(self) -> Self:
        for recipe in self.split.text_recipes:
            each = EACH_EMOTION in self.recipes and recipe.startswith("biased:")
            if recipe not in self.recipes and not each:
                raise ValueError(f"text_recipes names {recipe!r}, which is not among the recipes")
        return self

    @model_validator(mode="after")
    def _has_path(self) -> Self:
        if self.codec.prior.per_lam and self.mode == "path":
            raise ValueError(
                "codec.prior.per_lam leaves no path from one λ to the next; set mode: direct"
            )
        if self.rate_control and self.mode != "path":
            raise ValueError("rate_control takes points of the path; it needs mode: path")
        return self

    @field_validator("seeds", "probes")
    @classmethod
    def _some(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if not values or len(set(values)) != len(values):
            raise ValueError("give at least one value, and each once")
        return values

    def __hash__(self) -> int:
        """Hash by content, so that worker processes can keep what they opened for a study."""
        return hash(fingerprint(self))

    def resolved_recipes(self, emotions: tuple[str, ...]) -> tuple[str, ...]:
        """Return the recipes with ``biased:*`` written out, each once."""
        names: dict[str, None] = {}
        for recipe in self.recipes:
            each = [f"biased:{emotion}" for emotion in emotions]
            names.update(dict.fromkeys(each if recipe == EACH_EMOTION else [recipe]))
        return tuple(names)


def _parse(recipe: str) -> None:
    try:
        parse_recipe(recipe)
    except ConfigError as error:
        raise ValueError(str(error)) from None


def read_study(path: str | Path) -> StudySettings:
    """Read an experiment file that holds one study; `read_studies` says what may be wrong."""
    studies = read_studies(path)
    if len(studies) > 1:
        raise ConfigError(f"{path} holds {len(studies)} variants; name one study")
    return next(iter(studies.values()))


def read_studies(path: str | Path) -> dict[str, StudySettings]:
    """Read an experiment file: one study, or several that differ in the keys of ``variants``.

    Parameters
    ----------
    path : str or Path
        A YAML file with the keys of `StudySettings`, and optionally ``variants``: names to the keys
        that the variant has otherwise.

    Returns
    -------
    dict[str, StudySettings]
        By variant; ``""`` is the only name where there are none. A variant's study is called
        ``<name>-<variant>``.

    Raises
    ------
    InputError
        The file is missing.
    ConfigError
        A key is unknown or a value out of range; the message names the key.
    """
    values = read_yaml(path)
    values.setdefault("name", Path(path).stem)
    variants = values.pop("variants", None)
    if variants is None:
        return {"": _parsed(values, str(path))}
    if not isinstance(variants, dict) or not variants:
        raise ConfigError(f"{path}: 'variants' maps names to the keys that they change")
    return {
        str(name): _parsed(
            _merged({**values, "name": f"{values['name']}-{name}"}, changes), f"{path}: {name}"
        )
        for name, changes in variants.items()
    }


def _merged(values: dict[str, Any], changes: Any) -> dict[str, Any]:
    """Return settings with some keys changed, whole sections merged key by key."""
    if not isinstance(changes, dict):
        raise ConfigError(f"a variant maps keys to values, given {changes!r}")
    both = dict(values)
    for key, value in changes.items():
        nested = isinstance(value, dict) and isinstance(both.get(key), dict)
        both[key] = _merged(both[key], value) if nested else value
    return both


def _parsed(values: dict[str, Any], where: str) -> StudySettings:
    try:
        return StudySettings.parse(values, where=where)
    except ConfigError:
        raise
    except QuantlabError as error:
        raise ConfigError(f"{where}: {error}") from error
