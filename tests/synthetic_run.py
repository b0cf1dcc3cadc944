"""Build a run folder from a small simulated study, quickly and always the same.

The geometry is real (class centroids, speakers, a codec that pulls vectors to a point and goes
constant at large λ), and the tables are made by `quantlab.analysis.summarise` from sweep rows, so
that figures and pages are tested on what a sweep would leave behind.
"""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd

from quantlab import store
from quantlab.analysis import (
    cosine_ceiling,
    fit_twin,
    rate_limit,
    space_filling_line,
    summarise,
)
from tests.synthetic_studies import study_tables

EMOTIONS = ("angry", "fear", "happy", "neutral", "sad", "surprise")
LADDER = (0.0, 0.02, 0.06, 0.2, 0.6, 2.0, 6.0, 20.0, 60.0)
NUM_DIMS = 16
ROBUSTNESS = {"neutral": 18.0, "sad": 6.0, "happy": 4.0, "fear": 3.0, "angry": 2.2, "surprise": 1.4}
PROBES = ("logistic", "svm")
_KINDS = {"b": "bool", "i": "int64", "f": "float64"}


def build_run(
    folder: Path,
    *,
    emotions: tuple[str, ...] = EMOTIONS,
    num_speakers: int = 6,
    num_texts: int = 3,
    ladder: tuple[float, ...] = LADDER,
    name: str | None = None,
    biased: bool = True,
    seed: int = 5,
) -> Path:
    """Write `folder/analysis` and return `folder`."""
    rng = np.random.default_rng(seed)
    study = _Study(rng, emotions=emotions, num_speakers=num_speakers, num_texts=num_texts)
    recipes = ["balanced", "natural", "shuffled"]
    recipes += [f"biased:{emotion}" for emotion in emotions] if biased else []
    rows = pd.concat(
        [
            study.rows(protocol=protocol, recipe=recipe, ladder=ladder)
            for protocol in ("speaker", "text")
            for recipe in recipes
        ],
        ignore_index=True,
    )
    tables = summarise(rows, emotions=emotions)
    for part in dataclasses.fields(tables):
        write(folder, part.name, getattr(tables, part.name))
    write(folder, "references", study.references())
    write(folder, "limits", study.limits())
    studies = study_tables(
        emotions=emotions, ladder=ladder, num_speakers=num_speakers, biased=biased
    )
    for table, frame in studies.items():
        write(folder, table, frame)
    summary = _summary(name or folder.name, emotions, recipes, num_speakers, ladder, study)
    store.write_json(folder / "analysis" / "summary.json", summary)
    store.write_yaml(folder / "run.yaml", {"name": summary["run"], "emotions": list(emotions)})
    return folder


def write(folder: Path, name: str, frame: pd.DataFrame) -> None:
    """Write one table of the analysis."""
    frame = frame.reset_index(drop=True)
    schema = {column: _KINDS.get(frame[column].dtype.kind, "string") for column in frame.columns}
    store.write_table(folder / "analysis" / f"{name}.parquet", frame, schema=schema)


class _Study:
    """Vectors z [N, D] with their labels, and what a codec makes of them."""

    def __init__(self, rng, *, emotions, num_speakers, num_texts):
        self.emotions = emotions
        self.centroids = _unit(rng.normal(size=(len(emotions), NUM_DIMS))) * 2.6
        self.centroids -= self.centroids.mean(axis=0)
        grid = [
            (emotion, speaker, text)
            for emotion in range(len(emotions))
            for speaker in range(num_speakers)
            for text in range(num_texts)
        ]
        self.emotion, self.speaker, self.text = (np.array(part) for part in zip(*grid, strict=True))
        offsets = rng.normal(size=(num_speakers, NUM_DIMS)) * 0.9
        noise = rng.normal(size=(len(grid), NUM_DIMS)) * 0.8
        self.z = self.centroids[self.emotion] + offsets[self.speaker] + noise
        self.z -= self.z.mean(axis=0)
        self.z *= np.sqrt(NUM_DIMS / (self.z**2).sum(axis=1).mean())
        self.mean = _unit(rng.normal(size=NUM_DIMS)) * 9.0
        self.grain = rng.normal(size=self.z.shape)
        self.tired = rng.normal(size=self.z.shape)

    def rows(self, *, protocol, recipe, ladder):
        parts = [self._part("clean", np.nan, self.z)] if recipe == "balanced" else []
        for lam in ladder:
            coded = self._coded(recipe, lam)
            parts.append(self._part("codec", lam, coded, bits=self._bits(recipe, lam)))
            lost = ((self.z - coded) ** 2).sum(axis=1)
            if recipe.startswith("biased:"):
                center = self.centroids[self.emotions.index(recipe.removeprefix("biased:"))]
                parts.append(self._part("shrink_class", lam, _shrink(self.z, center, lost)))
            else:
                parts.append(self._part("shrink_mean", lam, _shrink(self.z, 0.0, lost)))
            if recipe == "balanced":
                even = self._coded(recipe, 0.8 * lam)
                bits = self._bits(recipe, lam)
                parts.append(self._part("rate_controlled", lam, even, bits=bits, even=True))
                for method, sign in (("drop_least", -1.0), ("coarse_step", 0.0)):
                    reduced = self._reduced(lam, sign)
                    parts.append(self._part(method, lam, reduced, bits=self._bits(recipe, lam)))
        table = pd.concat(parts, ignore_index=True)
        table["protocol"], table["recipe"], table["seed"] = protocol, recipe, 0
        table["codec"] = recipe.replace(":", "-")
        table["fold"] = table["speaker"] if protocol == "speaker" else table["text_id"]
        sets = table.groupby(["fold", "method", "lam"], dropna=False)
        paid = sets["code_length_bits"].transform("mean")
        coded = paid.notna() & table["method"].isin(["codec", "rate_controlled"])
        table["set_num_vectors"] = sets["item"].transform("size").where(coded)
        table["set_payload_bits"] = (1.0001 * paid).where(coded)
        table["set_file_bits"] = (1.0001 * paid + 1.5).where(coded)
        if protocol == "text":
            return table
        wrong = np.random.default_rng(9).random(len(table)) < 0.22
        for probe in PROBES:
            answers = table[f"probe_{probe}"].to_numpy(object)
            table[f"probe_{probe}"] = np.where(wrong, np.roll(answers, 7), answers)
        return table

    def _coded(self, recipe, lam):
        own = recipe.removeprefix("biased:")
        strength = np.array([ROBUSTNESS.get(name, 3.0) for name in self.emotions])
        strength = strength * np.where(np.array(self.emotions) == own, 9.0, 1.0)
        keep = 1.0 / (1.0 + (lam / strength[self.emotion]) ** 1.3)
        keep = np.where(keep < 0.12, 0.0, keep)[:, None]
        goal = np.zeros(NUM_DIMS)
        if own in self.emotions:
            goal = 0.75 * self.centroids[self.emotions.index(own)]
        elif "neutral" in self.emotions:
            goal = 0.25 * self.centroids[self.emotions.index("neutral")]
        pull = 0.12 if own in self.emotions else 0.03
        return goal + (self.z - goal) * np.minimum(keep, 1 - pull) + 0.3 * keep * self.grain

    def _reduced(self, lam, sign):
        mean = (1.0 / (1.0 + (lam / 4.0) ** 1.2)) ** 0.8
        strength = np.array([ROBUSTNESS.get(name, 3.0) for name in self.emotions])
        tilt = 0.18 * sign * (np.log(strength) - np.log(strength).mean()) * 4 * mean * (1 - mean)
        keep = np.clip(mean + tilt[self.emotion], 0.02, 1.0)[:, None]
        return keep * self.z + np.sqrt(1 - keep**2) * self.tired

    def _bits(self, recipe, lam):
        extra = 8.0 if recipe.startswith("biased:") else 0.0
        return 3.0 + (37.0 + extra) / (1.0 + (lam / 0.9) ** 0.9)

    def _part(self, method, lam, coded, *, bits=np.nan, even=False):
        cos = _cosine(self.z, coded)
        raw = _cosine(self.z + self.mean, coded + self.mean)
        distances = ((coded[:, None] - self.centroids) ** 2).sum(axis=2)
        nearest = np.array(self.emotions, dtype=object)[distances.argmin(axis=1)]
        constant = bool(np.allclose(coded, coded[0]))
        varied = not np.isnan(bits)
        extra = 0.1 * self.emotion + 0.15 * self.speaker
        columns = {
            "method": method,
            "lam": lam,
            "lam_raw": lam * 3.7,
            "item": [f"item{place:03d}" for place in range(len(self.z))],
            "emotion": np.array(self.emotions, dtype=object)[self.emotion],
            "speaker": [f"S{place}" for place in self.speaker],
            "text_id": [f"t{place}" for place in self.text],
            "num_frames": 1,
            "distortion": ((self.z - coded) ** 2).sum(axis=1),
            "code_length_bits": bits + (extra.mean() if even else extra),
            "cos_raw_frames": raw,
            "cos_centred_frames": cos,
            "cos_raw_means": raw,
            "cos_centred_means": cos,
            "zero_output": np.linalg.norm(coded, axis=1) < 1e-12,
            "set_entropy_bits": (0.0 if constant else 0.8 * bits) if varied else np.nan,
            "set_distinct_sequences": (1.0 if constant else len(self.z) * 0.9)
            if varied
            else np.nan,
        }
        columns |= {f"probe_{probe}": nearest for probe in PROBES}
        before, after = _angles(self.z, self.centroids), _angles(coded, self.centroids)
        for place, emotion in enumerate(self.emotions):
            columns[f"attraction_{emotion}"] = (before - after)[:, place]
        return pd.DataFrame(columns)

    def limits(self):
        names = np.array(self.emotions)[self.emotion]
        share = np.linspace(0.02, 1.0, 30)
        parts = []
        for metric, vectors, total, values in (
            ("distortion", self.z, NUM_DIMS, NUM_DIMS * share),
            ("cos_centred_frames", _unit(self.z), 1.0, cosine_ceiling(share, 1.0)),
        ):
            twin = fit_twin(vectors, names)
            both = twin.limits(total * share)
            whole = rate_limit(twin.covariance, distortion=total * share)
            bits = {
                ("gaussian", "all"): whole.bits,
                ("scalar", "all"): space_filling_line(whole),
                ("class_known", "all"): both.lower_bits,
                ("class_told", "all"): both.upper_bits,
            }
            for name, part, own in zip(twin.classes, twin.shares, twin.covariances, strict=True):
                known = rate_limit(own, distortion=total * share).bits
                bits |= {("class_known", name): known, ("class_told", name): known - np.log2(part)}
            parts += [
                pd.DataFrame({"metric": metric, "limit": limit, "emotion": emotion} | curve)
                for (limit, emotion), spent in bits.items()
                for curve in [{"bits": spent, "value": values}]
            ]
        table = pd.concat(parts, ignore_index=True)
        return pd.concat(
            [table.assign(protocol=name) for name in ("speaker", "text")], ignore_index=True
        )

    def references(self):
        pairs = _unit(self.z) @ _unit(self.z).T
        raw = _unit(self.z + self.mean) @ _unit(self.z + self.mean).T
        upper = np.triu_indices(len(pairs), 1)
        values = {
            f"random_pair_{kind}_{level}": table[upper].mean()
            for kind, table in (("cos_centred", pairs), ("cos_raw", raw))
            for level in ("frames", "means")
        }
        return pd.DataFrame(
            {
                "metric": list(values),
                "value": list(values.values()),
                "note": "typical cosine of two random clips",
            }
        )


def _summary(name, emotions, recipes, num_speakers, ladder, study):
    folds = {
        "num_speakers": num_speakers,
        "num_items": len(study.z),
        "train_speakers_per_fold": num_speakers - 1,
    }
    return {
        "run": name,
        "fingerprint": "ab" * 32,
        "emotions": list(emotions),
        "recipes": recipes,
        "protocols": {
            "speaker": {"num_folds": num_speakers, **folds},
            "text": {"num_folds": 3, **folds, "train_speakers_per_fold": num_speakers},
        },
        "ladder": list(ladder),
        "lam_raw_per_lam": 3.7,
        "probes": list(PROBES),
        "num_dims": NUM_DIMS,
        "groups": 1,
        "stages": 8,
        "codes": 32,
        "symbols": 8,
        "seeds": [0],
        "num_items": len(study.z),
        "num_vectors": len(study.z),
        "parameter_bits": 140_000,
        "prior_parameter_bits": 5_280,
        "num_skipped": 0,
        "notes": [],
        "embedder": {"name": "functionals", "version": "1", "trained_on": []},
        "level": "utterance",
        "corpus": "simulated",
        "language": "none",
        "licence": "CC0-1.0",
        "provenance": {
            "versions": {"quantlab": "0.1.0", "numpy": np.__version__},
            "platform": "test",
            "device": "cpu",
            "when": "2026-01-11T00:00:00Z",
            "durations_s": {"train": 12.0, "sweep": 34.5, "analysis": 1.25},
        },
        "trials": {"done": 18, "total": 18, "failed": 0},
    }


def _unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _cosine(left, right):
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return np.divide(
        (left * right).sum(axis=1), norms, out=np.zeros(len(left)), where=norms > 1e-12
    )


def _angles(vectors, centroids):
    norms = np.linalg.norm(vectors, axis=1)[:, None] * np.linalg.norm(centroids, axis=1)
    cos = np.divide(vectors @ centroids.T, norms, out=np.zeros(norms.shape), where=norms > 1e-12)
    return np.degrees(np.arccos(np.clip(cos, -1, 1)))


def _shrink(z, center, distortion):
    away = z - center
    length = np.linalg.norm(away, axis=1)
    share = np.minimum(np.sqrt(distortion) / np.maximum(length, 1e-12), 1.0)
    return z - share[:, None] * away


def shared_run(factory, *, small: bool = False) -> Path:
    """Return a run that is built once for the whole test session; read only."""
    place = factory.getbasetemp() / "shared" / ("small" if small else "demo")
    if not place.exists():
        sizes = {"emotions": ("happy", "neutral", "sad"), "ladder": LADDER[::2], "num_texts": 2}
        build_run(place, name="demo", **(sizes if small else {}))
    return place
