"""A corpus of short made-up voices, its features, and untrained StyleVCs for them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quantlab.audio import write_clip
from quantlab.corpora import Manifest
from quantlab.models import (
    Features,
    StyleVCSettings,
    build_features,
    make_network,
    open_features,
    save_model,
)
from tests.synthetic_voice import synthetic_voice
from tests.tiny_stylevc import TINY

SPEAKERS = {"ann": 210.0, "bob": 120.0, "cat": 260.0, "dan": 150.0}
EMOTIONS = {"angry": 1.3, "sad": 0.9}
SPLIT = {"train_texts": [1, 1], "validation_texts": [2, 2], "test_texts": [3, 6]}
QUICK = {
    "num_folds": 2,
    "num_trees": 3,
    "information_dims": 2,
    "num_permutations": 5,
    "num_decoded": 4,
    "num_vocoded": 1,
}
"""Settings of an evaluation that takes seconds."""


def make_features(folder: Path) -> Features:
    """Return features of six sentences by four speakers in two emotions, written to a folder."""
    rows = []
    for speaker, pitch in SPEAKERS.items():
        for emotion, glide in EMOTIONS.items():
            for text in range(1, 7):
                path = f"{speaker}-{emotion}-{text}.wav"
                voice = synthetic_voice(
                    pitch_hz=pitch * glide * (1 + 0.02 * text), duration_s=0.25, seed=text
                )
                write_clip(folder / "clips" / path, voice)
                rows.append((path, "made-up", speaker, emotion, str(text)))
    columns = ["path", "corpus", "speaker", "emotion", "text_id"]
    manifest = Manifest(folder / "clips", pd.DataFrame(rows, columns=columns))
    build_features(manifest, folder / "features", licence="CC0")
    return open_features(folder / "features")


def save_untrained(
    folder: Path, features: Features, *, name: str = "tiny", seed: int = 3, **data: Any
) -> Path:
    """Write a model with random weights as a training on these features would; return its folder.

    Parameters
    ----------
    folder : Path
        Where to.
    features : Features
        That it claims to be trained on.
    name, seed : str, int
        Of the card.
    **data : Any
        Keys of the split.
    """
    settings = StyleVCSettings.parse(
        {
            "network": {**TINY.model_dump(), "num_mels": 80},
            "training": {"crop_frames": 32},
            "data": {"split": {**SPLIT, **data}},
        }
    )
    card = {
        "name": name,
        "seed": seed,
        "step": 0,
        "licence": "CC0",
        "features": features.fingerprint,
        "settings": settings.model_dump(mode="json"),
        "mel_statistics": features.statistics(np.arange(len(features))).tolist(),
        "emotions": list(EMOTIONS),
        "speakers": list(SPEAKERS),
    }
    save_model(folder, make_network(settings.network, seed=seed), card=card)
    return folder
