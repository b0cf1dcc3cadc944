"""Tables of the further studies with plausible content: smooth curves plus seeded noise.

They follow the columns that an analysis writes. The values are invented; figures and pages are
tested on them.
"""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pandas as pd

MIN_SPEAKERS = 6
ROBUST = {"neutral": 20.0, "sad": 7.0, "happy": 4.5, "fear": 3.0, "angry": 2.4, "surprise": 1.6}
REDUCTIONS = ("drop_least", "drop_most", "coarse_step", "truncate")
AGREEMENTS = ("clear", "middle", "ambiguous")
NUM_STAGES = 8


def study_tables(
    *, emotions: tuple[str, ...], ladder: tuple[float, ...], num_speakers: int, biased: bool
) -> dict[str, pd.DataFrame]:
    """Return all tables of further studies by name; those of single emotions only if `biased`."""
    made = _Maker(emotions, ladder, num_speakers)
    tables = {
        "claims": made.claims(),
        "displacement": made.displacement(),
        "matched": made.matched(biased=biased),
        "information": made.information(),
        "ambiguity": made.ambiguity(),
        "stages": made.stages(),
    }
    if biased:
        tables |= {"routing": made.routing(), "mixing": made.mixing(), "routes": made.routes()}
    return tables


class _Maker:
    def __init__(self, emotions, ladder, num_speakers):
        self.emotions, self.ladder, self.num_speakers = emotions, ladder, num_speakers
        self.chance = 1 / len(emotions)
        self.rng = np.random.default_rng(41)
        self.rows: list[dict] = []

    def add(self, value, *, half=0.05, **keys):
        """Add a row; values wobble a little and intervals are symmetrical."""
        value = float(value + 0.12 * half * self.rng.normal())
        half = half if self.num_speakers > 1 else np.nan
        sizes = {"num_items": 9 * self.num_speakers, "num_speakers": self.num_speakers}
        ends = {"value": value, "low": value - half, "high": value + half}
        self.rows.append({**keys, **ends, **sizes})

    def table(self):
        rows, self.rows = self.rows, []
        return pd.DataFrame(rows)

    def strength(self, emotion):
        known = [ROBUST.get(name, 3.0) for name in self.emotions]
        return ROBUST.get(emotion, 3.0) if emotion != "all" else float(np.exp(np.log(known).mean()))

    def keep(self, emotion, lam, scale=1.0):
        """Return what is left of an emotion at λ, from 1 to 0."""
        return 1 / (1 + (lam / (scale * self.strength(emotion))) ** 1.3)

    def each(self) -> Iterable[str]:
        return (*self.emotions, "all")

    def claims(self):
        listed = [
            ("1.1a", "§1.1", "The direct reduction hits neutral first", "share", -0.04, 0.09, ""),
            ("1.1b", "§1.1", "Codec and reduction order emotions differently", "tau", 0.41, 0.2,
             "reductions-cosine"),
            ("1.3a", "§1.3", "Neutral keeps most similarity", "cosine", 0.22, 0.05, "similarity"),
            ("1.3b", "§1.3", "Neutral is recognised when others no longer are", "recall", 0.31,
             0.04, "recognition"),
            ("1.4a", "§1.4", "Embeddings drift toward neutral beyond a plain blur of equal "
             "distortion, more than toward any other emotion that is not their own", "degrees",
             -2.6, 1.1, "drift"),
            ("1.4b", "§1.4", "Displacement toward neutral exceeds that toward the others", "share",
             0.06, 0.08, "displacement"),
            ("1.5a", "§1.5", "A biased codebook keeps its own emotion better at equal bits",
             "cosine", 0.08, 0.01, "recipe-matrix-bits"),
            ("2.1a", "§2.1", "Quantized references sound more neutral", "share", np.nan, np.nan,
             "listening"),
            ("3a", "§3", "Ambiguous clips lose accuracy earlier", "share", 0.01, 0.09, "ambiguity"),
            ("A1", "applications", "Going through neutral first is better", "share", -0.08, 0.03,
             "routes"),
            ("RQ1", "RQ1", "Half of the stages give 95 % of the recall", "stages", 1.8, 0.6,
             "stages"),
            ("RQ4", "RQ4", "Codebooks classify better than the plain probe", "recall", -0.12, 0.05,
             "routing"),
        ]  # fmt: skip
        few = self.num_speakers < MIN_SPEAKERS
        rows = []
        for place, (claim, section, statement, unit, value, half, figure) in enumerate(listed):
            apart = abs(value) / half if np.isfinite(value) else np.nan
            p = float(np.clip(0.05 / apart**4, 1e-6, 1)) if np.isfinite(value) else np.nan
            sure = np.isfinite(p) and min(1.0, 4 * p) <= 0.05 and not few
            verdict = "cannot tell" if not sure else "supported" if value > 0 else "not supported"
            told = {
                "supported": "",
                "not supported": "",
                "cannot tell": "the interval holds the reference",
            }
            reason = "no listening test was made" if np.isnan(value) else told[verdict]
            rows.append(
                {
                    "claim": claim,
                    "section": section,
                    "statement": statement,
                    "test": "difference over speakers at equal cost, cluster t",
                    "unit": unit,
                    "value": value,
                    "low": value - half,
                    "high": value + half,
                    "p_value": p,
                    "p_holm": min(1.0, 4 * p) if np.isfinite(p) and not few else np.nan,
                    "reference": "a plain blur of equal distortion",
                    "min_speakers": MIN_SPEAKERS,
                    "num_speakers": self.num_speakers,
                    "speakers_needed": 31.2 if verdict == "cannot tell" and apart else np.nan,
                    "clustered_by": "speaker and text" if claim == "RQ1" else "speaker",
                    "verdict": verdict,
                    "reason": reason,
                    "figure": figure,
                    "rests_on_labels": place != 10,
                }
            )
        return pd.DataFrame(rows)

    def displacement(self):
        for protocol in ("speaker", "text"):
            for lam in self.ladder:
                gone = 1 - self.keep("all", lam)
                for target in ("mean", *self.emotions, "neutral_minus_others"):
                    keys = {"protocol": protocol, "recipe": "balanced", "lam": lam}
                    keys |= {"emotion": "all", "target": target}
                    pull = {"mean": gone, "neutral": 0.12 * gone}.get(target, 0.01 * gone)
                    pull = 0.1 * gone if target == "neutral_minus_others" else pull
                    blur = gone if target == "mean" else 0.0
                    water = 0.93 * gone if target == "mean" else 0.03 * gone
                    wide = 0.02 + 0.05 * gone
                    self.add(pull, half=wide, method="codec", **keys)
                    self.add(blur, half=0.4 * wide, method="shrink_mean", **keys)
                    self.add(water, half=0.6 * wide, method="water_mean", **keys)
                    for name, other in (("shrink_mean", blur), ("water_mean", water)):
                        self.add(pull - other, half=wide, method=f"codec-minus-{name}", **keys)
        return self.table()

    def matched(self, *, biased):
        recipes = ["balanced", "natural", "shuffled"]
        recipes += [f"biased:{name}" for name in self.emotions] if biased else []
        for axis, levels in (("payload_bits", (5.0, 10, 20, 30)), ("distortion", (2.0, 5, 9, 13))):
            for level in levels:
                lam = 40 / level**1.2 if axis == "payload_bits" else level**1.5 / 4
                for recipe in recipes:
                    self._matched_level(axis, level, lam, recipe)
        return self.table()

    def _matched_level(self, axis, level, lam, recipe):
        own = recipe.removeprefix("biased:")
        methods = ["codec"]
        if recipe == "balanced":
            methods += list(REDUCTIONS)
        elif own in self.emotions and axis == "distortion":
            methods += ["shrink_class"]
        for method in methods:
            for emotion in self.each():
                keep = self.keep(emotion, lam)
                keep = 0.5 * keep + 0.5 * self.keep("all", lam) if method in REDUCTIONS else keep
                keep *= 0.8 if recipe == "shuffled" else 1.0
                if own in self.emotions:
                    keep = min(1.0, 1.15 * keep) if emotion == own else 0.85 * keep
                keys = {"protocol": "speaker", "axis": axis, "level": float(level)}
                keys |= {"recipe": recipe, "method": method, "emotion": emotion}
                clamped = 0.7 if own == "sad" and level == levels_end(axis) else 0.0
                keys |= {"clamped": clamped}
                recall = self.chance + (0.9 - self.chance) * keep
                self.add(keep, half=0.06, metric="cos_centred_frames", **keys)
                self.add(recall, half=0.09, metric="recall_logistic", **keys)
                self.add(16 * (1 - keep), half=0.8, metric="distortion", **keys)
                if own in self.emotions:
                    self.add(6 * (1 - keep), half=1.2, metric="attraction_own", **keys)

    def information(self):
        ceiling = np.log2(len(self.emotions))
        for lam in (np.nan, *self.ladder):
            clean = np.isnan(lam)
            kept = {
                "clean": 1.0 if clean else self.keep("all", lam),
                "retrained": 1.0 if clean else self.keep("all", lam, 3.0),
                "head": 0.9 if clean else 0.9 * self.keep("all", lam, 0.8),
            }
            for probe, keep in kept.items():
                keys = {"protocol": "speaker", "recipe": "balanced", "lam": lam, "probe": probe}
                keys |= {"method": "clean" if clean else "codec", "emotion": "all"}
                uar = self.chance + (0.85 - self.chance) * keep
                bits = 0.7 * ceiling * keep - (0.5 * (1 - keep) if probe != "retrained" else 0.0)
                self.add(uar, half=0.06, metric="uar", chance=self.chance, **keys)
                self.add(bits, half=0.15, metric="v_information_bits", chance=0.0, **keys)
        return self.table()

    def routing(self):
        for metric in ("uar", "macro_f1"):
            for lam in self.ladder:
                bits = 6 * (3 + 37 / (1 + lam)) + np.log2(len(self.emotions))
                keep = self.keep("all", lam)
                scores = {
                    "raw_cosine": 0.25 + 0.3 * keep,
                    "delta_cosine": 0.22 + 0.42 * keep,
                    "least_cost": 0.3 + 0.35 * keep,
                    "plain_probe": 0.82,
                }
                for rule, score in scores.items():
                    keys = {"protocol": "speaker", "lam": lam, "rule": rule, "metric": metric}
                    score -= 0.03 if metric == "macro_f1" else 0.0
                    more = {"emotion": "all", "chance": self.chance, "bits": bits}
                    self.add(score, half=0.07, **keys, **more)
        return self.table()

    def ambiguity(self):
        for protocol in ("speaker", "text"):
            for lam in self.ladder:
                for place, agreement in enumerate(AGREEMENTS):
                    keep = self.keep("all", lam, 1.3 - 0.3 * place)
                    top = 0.92 - 0.17 * place
                    keys = {"protocol": protocol, "recipe": "balanced", "lam": lam}
                    keys |= {"source": "probe", "agreement": agreement, "emotion": "all"}
                    right = self.chance + (top - self.chance) * keep
                    self.add(right, half=0.08, metric="accuracy", **keys)
                    self.add(right - 0.05, half=0.08, metric="macro_f1", **keys)
                    self.add(0.1 + 0.5 * (1 - keep) + 0.1 * place, metric="js_bits", **keys)
                    self.add(0.2 + 0.6 * keep - 0.1 * place, metric="top2", **keys)
        return self.table()

    def stages(self):
        for protocol, recipe in (
            ("speaker", "balanced"),
            ("corpus", "balanced"),
            ("speaker", "natural"),
        ):
            drop = {"speaker": 1.0, "corpus": 0.7}[protocol]
            for stage in range(1, NUM_STAGES + 1):
                for emotion in self.each():
                    gain = 1 - 0.55**stage
                    keys = {"protocol": protocol, "recipe": recipe, "stage": stage}
                    keys |= {"emotion": emotion, "chance": self.chance}
                    self.add(0.95 * gain * drop, metric="cos_centred_frames", **keys)
                    self.add(16 * (1 - gain * drop), half=0.6, metric="distortion", **keys)
                    uar = self.chance + (0.82 * drop - self.chance) * (1 - 0.4**stage)
                    self.add(uar, half=0.06, metric="uar", **keys)
        return self.table()

    def mixing(self):
        pairs = [f"{one}+{other}" for one, other in pairwise(reversed(self.emotions))][:2]
        for pair in pairs:
            for lam in self.ladder[::2]:
                for way in ("plain_mean", "barycentre", "stages", "union", "mixed_blur"):
                    for weight in (0.0, 0.25, 0.5, 0.75, 1.0):
                        self._mix(pair, way, weight, lam)
                self._mix(pair, "single_first", 1.0, lam)
                self._mix(pair, "single_second", 0.0, lam)
        return self.table()

    def _mix(self, pair, way, weight, lam):
        first, second = pair.split("+")
        keep = self.keep("all", lam, 3.0)
        bulge = {"plain_mean": 0.25, "barycentre": 0.1, "stages": 0.35, "union": 0.05}
        other = 1 - (0.9 - bulge.get(way, 0.2) * 4 * weight * (1 - weight)) * (0.4 + 0.6 * keep)
        steep = {"union": 3.0, "stages": 0.6}.get(way, 1.0)
        turned = weight**steep / (weight**steep + (1 - weight) ** steep)
        posteriors = {first: turned * (1 - other), second: (1 - turned) * (1 - other)}
        rest = [name for name in self.emotions if name not in posteriors]
        posteriors |= {name: other / len(rest) for name in rest}
        keys = {"protocol": "speaker", "pair": pair, "way": way, "weight": weight, "lam": lam}
        for name, value in posteriors.items():
            self.add(max(value, 0.002), half=0.01, metric=f"p_{name}", **keys)
        least = min(posteriors[first], posteriors[second])
        self.add(least + 0.01, half=0.02, metric="min_posterior", **keys)
        self.add(10 + 60 * (1 - turned), half=4.0, metric="angle_first", **keys)
        self.add(10 + 60 * turned, half=4.0, metric="angle_second", **keys)
        self.add(0.3 + 0.6 * abs(2 * weight - 1), half=0.1, metric="speaker_told", **keys)
        self.add(25 / (1 + lam), half=1.0, metric="bits_per_vector", **keys)
        self.add(16 * (1 - keep), half=0.5, metric="distortion", **keys)

    def routes(self):
        for target in self.emotions:
            if target == "neutral":
                continue
            for lam in self.ladder:
                for route in ("direct", "neutral_first"):
                    around = route == "neutral_first"
                    keys = {"protocol": "speaker", "target": target, "route": route, "lam": lam}
                    gone = 1 - self.keep("all", lam)
                    bits = (3 + 40 / (1 + lam)) * (1.8 if around else 1.0)
                    told = self.chance + (0.3 if around else 0.45) * gone
                    self.add(told, half=0.08, metric="p_target", **keys)
                    self.add(bits, half=1.0, metric="bits_per_vector", **keys)
                    self.add(5 * gone, half=1.5, metric="attraction_target", **keys)
                    self.add(0.2 + 0.1 * gone, half=0.2, metric="own_way", **keys)
                    self.add(14 * gone, half=0.6, metric="distortion", **keys)
                    self.add(0.9 - 0.6 * gone, half=0.1, metric="speaker_told", **keys)
        return self.table()


def levels_end(axis: str) -> float:
    """Return the level at which some curves end."""
    return 30.0 if axis == "payload_bits" else 13.0
