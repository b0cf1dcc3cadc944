"""What is mixed, and how results are measured: references drawn, posteriors, angles, speakers.

Letters: ``N`` items of the study, ``P`` references (pairs of items, or single ones), ``C``
conditions that each give all references a result, ``D`` dimensions, ``E`` emotions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quantlab.analysis import FittedProbe, cosine_centred, fit_probe
from quantlab.config import fingerprint
from quantlab.corpora import text_keys
from quantlab.sweep.workspace import FoldState, Workspace


@dataclass(frozen=True, eq=False)
class Condition:
    """One way to make a result of every reference.

    Attributes
    ----------
    way : str
        Its name.
    weight : float
        Share of the first item, 0 to 1.
    lam : float
        Squared distance in z per bit; 0 where none matters.
    z_hat : np.ndarray [shape=(P, D)]
        The results.
    distortion : np.ndarray [shape=(P,)]
        Squared distance to what was quantized.
    bits : np.ndarray [shape=(P,)]
        Code length; NaN where there is no code.
    """

    way: str
    weight: float
    lam: float
    z_hat: np.ndarray
    distortion: np.ndarray
    bits: np.ndarray


@dataclass(frozen=True, eq=False)
class Scene:
    """The items of a study as a fold sees them: time means in features and in z, and labels.

    Attributes
    ----------
    vectors, z : np.ndarray [shape=(N, D)]
        Time means of all items, in feature units and scaled.
    items, emotions, speakers, text_ids, texts : np.ndarray [shape=(N,), str]
        Labels; a text, unlike a text_id, is unique among languages, and "" where it is unknown.
    test : np.ndarray [shape=(n,), dtype=int64]
        The items that the fold leaves out.
    """

    vectors: np.ndarray
    z: np.ndarray
    items: np.ndarray
    emotions: np.ndarray
    speakers: np.ndarray
    text_ids: np.ndarray
    texts: np.ndarray
    test: np.ndarray

    @classmethod
    def of(cls, work: Workspace, state: FoldState, fold: str) -> "Scene":
        """Gather the items of a study for one of its folds."""
        vectors = work.embeddings.time_means(work.rows)
        columns = ("item", "emotion", "speaker", "text_id")
        labels = [work.items[name].astype(str).to_numpy() for name in columns]
        return cls(
            vectors,
            state.scaling.forward(vectors),
            *labels,
            texts=np.array(text_keys(work.items), dtype=str),
            test=work.folds[fold].test,
        )


def draw_pairs(scene: Scene, pair: tuple[str, str], *, fold: str, limit: int) -> np.ndarray:
    """Draw pairs of test items of one speaker, one of each emotion.

    Parameters
    ----------
    scene : Scene
        The items.
    pair : tuple[str, str]
        The emotions.
    fold : str
        Seeds the draw, so that all seeds of a study mix the same references.
    limit : int
        Most pairs.

    Returns
    -------
    np.ndarray [shape=(P, 2), dtype=int64]
        Positions, sorted. Of one text where the speaker has said any text in both emotions,
        otherwise of any; P is 0 where no speaker has both emotions.
    """
    found = []
    for speaker in np.unique(scene.speakers[scene.test]):
        own = scene.test[scene.speakers[scene.test] == speaker]
        sides = [own[scene.emotions[own] == emotion] for emotion in pair]
        first, second = (side.ravel() for side in np.meshgrid(*sides, indexing="ij"))
        alike = (scene.texts[first] == scene.texts[second]) & (scene.texts[first] != "")
        kept = alike if alike.any() else np.ones(len(first), bool)
        found.append(np.stack([first[kept], second[kept]], axis=1))
    return _sampled(np.concatenate(found), f"{fold}/{pair[0]}+{pair[1]}", limit)


def draw_items(scene: Scene, *, without: tuple[str, ...], fold: str, limit: int) -> np.ndarray:
    """Draw test items of other emotions than some; positions ``[P, 1]``, sorted."""
    allowed = scene.test[~np.isin(scene.emotions[scene.test], without)]
    return _sampled(allowed[:, None], f"{fold}/{'/'.join(without)}", limit)


def _sampled(rows: np.ndarray, name: str, limit: int) -> np.ndarray:
    if len(rows) <= limit:
        return rows
    rng = np.random.default_rng(int(fingerprint({"mixing": name})[:15], 16))
    return rows[np.sort(rng.choice(len(rows), limit, replace=False))]


def clean_probe(work: Workspace, state: FoldState, fold: str) -> FittedProbe:
    """Return the probe whose posteriors count: logistic where the study has it, else mlp."""
    name = "logistic" if "logistic" in work.study.probes else "mlp"
    known = state.probes.get(name)
    if isinstance(known, FittedProbe):
        return known
    train = work.train_items(fold)
    z = state.scaling.forward(work.embeddings.time_means(work.rows[train]))
    return fit_probe(name, z, work.items["emotion"].astype(str).to_numpy()[train], seed=0)


def measure_conditions(
    scene: Scene,
    references: np.ndarray,
    conditions: list[Condition],
    *,
    probe: FittedProbe,
    emotions: tuple[str, ...],
) -> pd.DataFrame:
    """Measure the results of all conditions together.

    Parameters
    ----------
    scene : Scene
        The items.
    references : np.ndarray [shape=(P, 1 or 2), dtype=int64]
        Their positions.
    conditions : list[Condition]
        C of them.
    probe : FittedProbe
        Gives posteriors.
    emotions : tuple[str, ...]
        The E emotions of the study.

    Returns
    -------
    pd.DataFrame
        C·P rows, conditions outer: item ("first + second" of a pair), speaker, text_id ("" where
        the two differ), weight, lam, a posterior per emotion, bits, distortion and whether the
        nearest speaker's centroid is the reference's own (NaN where that has no other items).
    """
    results = np.stack([condition.z_hat for condition in conditions]).astype(np.float64)
    num_conditions, num_references, num_dims = results.shape
    posteriors = np.exp(probe.log_probabilities(results.reshape(-1, num_dims)))
    first = references[:, 0]
    one_text = (scene.texts[references] == scene.texts[first, None]).all(axis=1)
    names = scene.items[references].astype(object)
    keys = {
        "item": names[:, 0] if names.shape[1] == 1 else names[:, 0] + " + " + names[:, 1],
        "speaker": scene.speakers[first],
        "text_id": np.where(one_text, scene.text_ids[first], ""),
    }
    return pd.DataFrame(
        {
            **{name: np.tile(values, num_conditions) for name, values in keys.items()},
            "weight": np.repeat([part.weight for part in conditions], num_references),
            "lam": np.repeat([part.lam for part in conditions], num_references),
            **{f"p_{emotion}": posteriors[:, probe.classes.index(emotion)] for emotion in emotions},
            "bits_per_vector": np.concatenate([part.bits for part in conditions]),
            "distortion": np.concatenate([part.distortion for part in conditions]),
            "speaker_told": _speaker_told(scene, references, results).ravel(),
        }
    )


def angles(results: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """Return the angle in degrees between vectors ``[P, D]`` in z; 90 where one is zero."""
    return np.degrees(np.arccos(cosine_centred(results, originals)))


def own_way(
    scene: Scene, items: np.ndarray, target: str, results: Sequence[np.ndarray]
) -> np.ndarray:
    """Say how far results went along their speaker's own way to an emotion.

    The way leads from the mean of the speaker's clips to that of his clips of the target, other
    sentences than the item's. Neither codebooks nor probes have seen these clips, so that an output
    which training items alone make look like the target gains nothing.

    Parameters
    ----------
    scene : Scene
        All items.
    items : np.ndarray [shape=(P,), dtype=int64]
        What was sent along a route.
    target : str
        The emotion.
    results : Sequence[np.ndarray [shape=(P, D)]]
        C results of them all, in z.

    Returns
    -------
    np.ndarray [shape=(C, P), dtype=float64]
        1 is the whole way; NaN where the speaker has no such clips.
    """
    moved = np.stack(results).astype(np.float64) - scene.z[items]
    found = np.full(moved.shape[:2], np.nan)
    for place, item in enumerate(items):
        own = scene.speakers == scene.speakers[item]
        if scene.texts[item] != "":
            own &= scene.texts != scene.texts[item]
        own[item] = False
        aimed = own & (scene.emotions == target)
        if aimed.any():
            way = scene.z[aimed].mean(axis=0, dtype=np.float64) - scene.z[own].mean(axis=0)
            found[:, place] = moved[:, place] @ way / (way @ way)
    return found


def _speaker_told(scene: Scene, references: np.ndarray, results: np.ndarray) -> np.ndarray:
    """Say of results [C, P, D] whether their own speaker's centroid is the nearest: 0, 1 or NaN.

    What is told must not rest on the sentence: the centroids are of items of other texts than the
    reference's. Where texts are unknown, they are of all items but the reference's own.
    """
    names, speaker = np.unique(scene.speakers, return_inverse=True)
    z = scene.z.astype(np.float64)
    sums = np.zeros((len(names), z.shape[1]))
    np.add.at(sums, speaker, z)
    counts = np.bincount(speaker, minlength=len(names))
    told = np.empty(results.shape[:2])
    for place, reference in enumerate(references):
        texts = scene.texts[reference]
        left_out = np.isin(scene.texts, texts[texts != ""])
        left_out[reference] = True
        gone = np.flatnonzero(left_out)
        kept, number = sums.copy(), counts - np.bincount(speaker[gone], minlength=len(names))
        np.subtract.at(kept, speaker[gone], z[gone])
        there = np.flatnonzero(number > 0)
        centres = kept[there] / number[there, None]
        distances = np.square(centres).sum(axis=1) - 2.0 * results[:, place] @ centres.T
        own = speaker[reference[0]]
        told[:, place] = there[distances.argmin(axis=1)] == own if number[own] > 0 else np.nan
    return told
