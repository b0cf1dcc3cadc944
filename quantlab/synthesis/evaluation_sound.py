"""How far the mel that a StyleVC puts together is from the clip's own, and what a vocoder adds.

Three kinds of speech are compared with the clip: the mel that is decoded from the clip's own
content, pitch, speaker and emotion; the sound that a vocoder makes of it, analysed again; and copy
synthesis, the same of the clip's own mel, which is the floor that this vocoder sets.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from quantlab.analysis import cepstral_distortion, cluster_mean, pitch_errors
from quantlab.audio import log10_mel, log_f0
from quantlab.errors import InputError
from quantlab.synthesis.evaluation_parts import Rows
from quantlab.synthesis.vocoders import Vocoder

if TYPE_CHECKING:
    from quantlab.models import Features, Inference

DECODED, VOCODED, COPY = "decoded mel", "decoded and vocoded", "copy synthesis"
"""Values of the column `kind`."""

METRICS = ("mcd_db", "rmse_cents", "rmse_hz", "correlation", "voicing_error")
CLIP_SCHEMA = {
    "path": "string",
    "speaker": "string",
    "emotion": "string",
    "kind": "string",
    **dict.fromkeys(METRICS, "float64"),
    "num_frames": "int64",
    "num_voiced": "int64",
    "tag": "string",
}
MEAN_SCHEMA = {
    "kind": "string",
    "metric": "string",
    **dict.fromkeys(("value", "low", "high"), "float64"),
    "num_items": "int64",
    "num_clusters": "int64",
    "tag": "string",
}


def sound_errors(
    model: "Inference",
    features: "Features",
    rows: Rows,
    *,
    vocoder: Vocoder,
    num_vocoded: int,
    seed: int,
    advance: Callable[[], None],
) -> pd.DataFrame:
    """Compare decoded and vocoded speech with the clips that it comes from, frame by frame.

    Parameters
    ----------
    model : Inference
        What decodes.
    features : Features
        Of the clips.
    rows : np.ndarray, int64
        Which clips are decoded.
    vocoder : Vocoder
        What makes sound of a mel.
    num_vocoded : int >= 0
        How many of them, from the first, are also made sound.
    seed : int >= 0
        Of the vocoder; what a clip sounds like does not depend on the others.
    advance : callable
        Called after each clip.

    Returns
    -------
    pd.DataFrame
        One row per clip and kind, with the columns of `CLIP_SCHEMA`; pitch is NaN where there is no
        sound. Distortions carry their `tag`.
    """
    found: list[dict[str, Any]] = []
    for place, row in enumerate(rows):
        clip, item = features.clips[row], features.items.iloc[row]
        about = {name: str(item[name]) for name in ("path", "speaker", "emotion")}
        mel = clip.log10_mel
        speech = model.prepare(mel, clip.f0)
        decoded = model.decode(
            model.content(speech)[0], speech.f0, model.speaker(speech), model.emotion(speech)
        )
        found.append({**about, "kind": DECODED, **_distance(mel, decoded), **_no_pitch(mel)})
        if place < num_vocoded:
            for kind, source in ((VOCODED, decoded), (COPY, mel)):
                rng = np.random.default_rng([seed, int(row)])
                samples = vocoder.synthesise(source, rng=rng)
                pitch = asdict(pitch_errors(clip.log_f0, log_f0(samples)))
                found.append({**about, "kind": kind, **_distance(mel, log10_mel(samples)), **pitch})
        advance()
    return pd.DataFrame(found, columns=list(CLIP_SCHEMA))


def _distance(mel: np.ndarray, other: np.ndarray) -> dict[str, Any]:
    found = cepstral_distortion(mel, other)
    return {"mcd_db": found.value_db, "tag": str(found.tag)}


def _no_pitch(mel: np.ndarray) -> dict[str, Any]:
    return {**dict.fromkeys(METRICS[1:], np.nan), "num_frames": len(mel), "num_voiced": 0}


def sound_means(clips: pd.DataFrame) -> pd.DataFrame:
    """Average errors over clips, with intervals over speakers.

    Parameters
    ----------
    clips : pd.DataFrame
        From `sound_errors`.

    Returns
    -------
    pd.DataFrame
        One row per kind and metric that was measured, with the columns of `MEAN_SCHEMA`; each clip
        counts once, those without a value (no voiced frame in common) do not.

    Raises
    ------
    InputError
        Distortions have different tags.
    """
    return pd.DataFrame(list(_means(clips)), columns=list(MEAN_SCHEMA))


def _means(clips: pd.DataFrame) -> Iterator[dict[str, Any]]:
    tags = sorted(set(clips["tag"]))
    if len(tags) > 1:
        raise InputError(f"distortions of different conventions cannot be averaged: {tags}")
    for kind in clips["kind"].unique():
        for metric in METRICS:
            rows = clips.loc[(clips["kind"] == kind) & clips[metric].notna()]
            if len(rows):
                mean = cluster_mean(rows[metric], rows["speaker"])
                tag = tags[0] if metric == "mcd_db" else ""
                given = {"kind": kind, "metric": metric, **asdict(mean)}
                yield {**given, "num_items": len(rows), "tag": tag}
