"""Plain words for the run's keys, numbers as text, and escaping of names for pictures and pages.

Keys are what stands in the tables ("shrink_mean", "biased:sad"); words are what a reader sees.
Nothing here draws.
"""

import html
import math
import re
from collections.abc import Iterable, Sequence

EMOTIONS = (
    "angry",
    "disgust",
    "fear",
    "happy",
    "neutral",
    "sad",
    "surprise",
    "calm",
    "excited",
    "frustrated",
    "boredom",
    "contempt",
    "other",
)
"""The canonical emotions in the order of legends, rows and columns."""

ALL = "all"
BIASED = "biased:"
_NAME_LIMIT = 80

_METHODS = {
    "clean": "unquantized",
    "codec": "rate-aware code choice",
    "drop_least": "dropping the least missed codes",
    "drop_most": "dropping the most missed codes",
    "coarse_step": "coarser uniform steps",
    "noise": "added noise",
    "truncate": "fewer stages",
    "rate_controlled": "equal bits for every clip",
    "shrink_mean": "plain blur of equal distortion",
    "shrink_class": "plain blur toward that class, of equal distortion",
    "water_mean": "water-filling of equal distortion",
    "water_class": "water-filling of that class, of equal distortion",
    "noise_matched": "noise of equal distortion",
    "pca_matched": "fewer principal components, of equal distortion",
}
_METRICS = {
    "distortion": "distortion (squared distance per vector)",
    "cos_raw_frames": "raw cosine, mean over frames",
    "cos_centred_frames": "centred cosine, mean over frames",
    "cos_raw_means": "raw cosine between time means",
    "cos_centred_means": "centred cosine between time means",
    "bits_per_vector": "code length",
    "payload_bits": "payload",
    "file_bits": "whole file",
    "entropy_bits": "empirical entropy",
    "distinct_share": "different code sequences per vector",
    "bits_share": "bits relative to λ = 0",
    "code_usage": "codes in use, of all codes",
    "token_entropy": "entropy of the codes, of the largest",
    "uar": "unweighted average recall",
    "macro_f1": "macro-F1",
    "recall": "recall",
    "accuracy": "accuracy",
    "v_information_bits": "V-information (bits)",
    "js_bits": "Jensen–Shannon divergence (bits)",
    "top2": "two most likely emotions right",
    "min_posterior": "the weaker emotion's posterior",
    "speaker_told": "speaker recognised",
    "angle_first": "angle to the first reference (degrees)",
    "angle_second": "angle to the second reference (degrees)",
    "p_target": "posterior of the target",
    "own_way": "share of the speaker's own way to the target",
    "attraction_target": "attraction toward the target (degrees)",
    "attraction_own": "attraction toward the codebook's emotion (degrees)",
}
_LIMITS = {
    "gaussian": "one Gaussian: no data of this covariance need more",
    "class_known": "one Gaussian per emotion: no code of it needs fewer",
    "class_told": "one Gaussian per emotion: enough, the emotion named first",
    "scalar": "one Gaussian, uniform steps for each dimension (estimate)",
}
_PROTOCOLS = {
    "speaker": "new speakers",
    "corpus": "new corpora",
    "text": "new sentences of known speakers",
    "clip": "new clips of known speakers",
}
_PROBES = {
    "logistic": "logistic regression",
    "svm": "support vector machine",
    "mlp": "small neural network",
    "wide_mlp": "neural network",
    "head": "the embedder's own classifier",
}
_MIXED = "mixed:"
_RECIPES = {
    "balanced": "balanced codebook",
    "natural": "codebook of the corpus as it is",
    "shuffled": "codebook with shuffled labels",
}
_RULES = {
    "raw_cosine": "highest cosine",
    "delta_cosine": "highest cosine, less the balanced codebook's",
    "least_cost": "least cost",
    "plain_probe": "probe on unrouted embeddings",
}
_WAYS = {
    "plain_mean": "weighted mean, no code",
    "barycentre": "weighted mean, quantized by a mixed codebook",
    "stages": "coarse stages of one, fine stages of the other",
    "union": "both codebooks in one",
    "mixed_blur": "weighted mean, blurred as much",
    "single_first": "first reference alone",
    "single_second": "second reference alone",
}
_ROUTES = {"direct": "straight to the target", "neutral_first": "through neutral"}
_AXES = {
    "payload_bits": "payload bits per vector",
    "distortion": "distortion (squared distance per vector)",
}


def method_words(method: str) -> str:
    """Say a method in plain words, e.g. "plain blur of equal distortion"."""
    return _METHODS.get(method) or plain(method)


def metric_words(metric: str) -> str:
    """Say a metric in plain words, e.g. "centred cosine, mean over frames"."""
    return _METRICS.get(metric) or plain(metric)


def sentence_case(text: str) -> str:
    """Return a text with its first letter large and all others as they are."""
    return text[:1].upper() + text[1:]


def rule_words(rule: str) -> str:
    """Say how a codebook is chosen as classifier in plain words, e.g. "highest cosine"."""
    return _RULES.get(rule) or plain(rule)


def way_words(way: str) -> str:
    """Say a way to mix references in plain words, e.g. "both codebooks in one"."""
    return _WAYS.get(way) or plain(way)


def route_words(route: str) -> str:
    """Say a route to a target emotion in plain words, e.g. "through neutral"."""
    return _ROUTES.get(route) or plain(route)


def axis_words(axis: str) -> str:
    """Say what methods are matched in, in plain words, e.g. "payload bits per vector"."""
    return _AXES.get(axis) or plain(axis)


def limit_words(limit: str) -> str:
    """Say what a limit bounds in plain words."""
    return _LIMITS.get(limit) or plain(limit)


def protocol_words(protocol: str) -> str:
    """Say a protocol in plain words, e.g. "new speakers"."""
    return _PROTOCOLS.get(protocol) or plain(protocol)


def probe_words(probe: str) -> str:
    """Say a probe in plain words, e.g. "support vector machine"."""
    return _PROBES.get(probe) or plain(probe)


def recipe_words(recipe: str) -> str:
    """Say a recipe in plain words, e.g. "sad codebook"."""
    if recipe.startswith(BIASED):
        return f"{plain(recipe.removeprefix(BIASED))} codebook"
    if recipe.startswith(_MIXED):
        parts = [part.partition("=")[0] for part in recipe.removeprefix(_MIXED).split(",")]
        return f"{plain(joined(parts))} codebook"
    return _RECIPES.get(recipe) or plain(recipe)


def biased_recipe(emotion: str) -> str:
    """Return the recipe of the codebook trained on one class."""
    return f"{BIASED}{emotion}"


def emotion_order(emotions: Iterable[str]) -> list[str]:
    """Sort classes canonically; unknown names follow alphabetically, "all" is left out.

    Examples
    --------
    >>> emotion_order(["sad", "zeal", "all", "angry"])
    ['angry', 'sad', 'zeal']
    """
    rank = {name: place for place, name in enumerate(EMOTIONS)}
    names = {str(name) for name in emotions} - {ALL}
    return sorted(names, key=lambda name: (rank.get(name, len(rank)), name))


def plain(text: object) -> str:
    """Escape a name for HTML and for plotly's text, shortened to 80 characters.

    Examples
    --------
    >>> plain("<script>")
    '&lt;script&gt;'
    """
    name = " ".join(str(text).split())
    if len(name) > _NAME_LIMIT:
        name = f"{name[: _NAME_LIMIT - 1]}…"
    return html.escape(name, quote=True)


def plain_long(text: str) -> str:
    """Escape a sentence of any length."""
    return html.escape(" ".join(text.split()))


def slug(name: str) -> str:
    """Return a name as part of a file name and of an element's id.

    Examples
    --------
    >>> slug("a b/c")
    'a-b-c'
    """
    return re.sub(r"[^A-Za-z0-9_]+", "-", name)[:60]


def number(value: float, *, digits: int = 3) -> str:
    """Write a number with `digits` significant digits and no exponent where it can be avoided.

    Examples
    --------
    >>> number(0.12345), number(1234.5), number(-0.0), number(float("nan"))
    ('0.123', '1,234', '0', '–')
    """
    if not math.isfinite(value):
        return "–"
    if value == 0 or abs(value) < 10.0**-9:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{min(decimals, 9)}f}".replace("-", "−")
    return text.rstrip("0").rstrip(".") if "." in text else text


def fixed(value: float, *, decimals: int = 2) -> str:
    """Write a number with a fixed number of decimals, and a dash where there is none."""
    if not math.isfinite(value):
        return "–"
    text = f"{value:.{decimals}f}"
    return text.replace("-", "−") if float(text) else text.replace("-", "")


def share(value: float) -> str:
    """Write a share of one as a percentage."""
    return f"{fixed(100 * value, decimals=0)} %" if math.isfinite(value) else "–"


def interval_text(value: float, low: float, high: float, *, decimals: int = 2) -> str:
    """Write a value with its interval, e.g. "0.62 (0.55 to 0.69)"."""
    text = fixed(value, decimals=decimals)
    if math.isfinite(low) and math.isfinite(high):
        text += f" ({fixed(low, decimals=decimals)} to {fixed(high, decimals=decimals)})"
    return text


def share_text(value: float, low: float, high: float) -> str:
    """Write a share of one with its interval as percentages, e.g. "62 % (55 % to 69 %)"."""
    ends = f" ({share(low)} to {share(high)})" if math.isfinite(low + high) else ""
    return share(value) + ends


def lam_text(lam: float) -> str:
    """Write a λ, e.g. "λ = 3.16"."""
    return f"λ\u00a0=\u00a0{number(lam)}" if math.isfinite(lam) else "unquantized"


def joined(names: Sequence[str], *, last: str = "and") -> str:
    """Join names into a phrase.

    Examples
    --------
    >>> joined(["a", "b", "c"])
    'a, b and c'
    """
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


def counted(count: int, noun: str) -> str:
    """Write a count with its noun, e.g. "1 speaker", "6 speakers"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
