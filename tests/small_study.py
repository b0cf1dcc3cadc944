"""A small embedding set and study for tests: four speakers, three emotions, known geometry."""

from pathlib import Path

import numpy as np
import pandas as pd

from quantlab.embedders import write_set
from quantlab.sweep import RunFolder, StudySettings

EMOTIONS = ("happy", "neutral", "sad")
CARD = {
    "embedder": {"name": "synthetic", "version": 1, "trained_on": []},
    "licence": "CC0-1.0",
    "corpora": ["made"],
    "languages": ["xx"],
    "frame_rate_hz": None,
}


def make_set(
    folder: Path,
    *,
    speakers: int = 4,
    clips: int = 10,
    dims: int = 6,
    frames: int = 1,
    seed: int = 0,
    emotions: tuple[str, ...] = EMOTIONS,
) -> None:
    """Write a set of speakers × emotions × clips: class centre + speaker offset + noise."""
    rng = np.random.default_rng(seed)
    centres = 3 * rng.normal(size=(len(emotions), dims))
    offsets = rng.normal(size=(speakers, dims))
    rows, arrays = [], []
    for speaker in range(speakers):
        for index, emotion in enumerate(emotions):
            for clip in range(clips):
                rows.append(
                    {
                        "item": f"s{speaker}/{emotion}_{clip}.wav",
                        "corpus": "made",
                        "language": "xx",
                        "speaker": f"s{speaker}",
                        "gender": "",
                        "emotion": emotion,
                        "text_id": str(clip),
                        "duration_s": 1.0,
                        "sha256": f"{speaker:02d}{index:02d}{clip:02d}".ljust(64, "0"),
                        "flags": "",
                    }
                )
                noise = rng.normal(size=(frames, dims))
                arrays.append(10 + centres[index] + offsets[speaker] + noise)
    level = "utterance" if frames == 1 else "frame"
    write_set(folder, pd.DataFrame(rows), arrays, card={**CARD, "level": level}, dtype="float32")


def small_study(**changes: object) -> StudySettings:
    """Return a study that trains and sweeps in seconds."""
    values = {
        "name": "small",
        "recipes": ["balanced", "biased:*"],
        "codec": {"quantizer": {"stages": 2, "codes": 4}, "ladder": {"num": 5}},
        "split": {"text_folds": 2},
        **changes,
    }
    return StudySettings.parse(values)


def make_run(folder: Path, **changes: object) -> RunFolder:
    """Write a run folder with embeddings and a study, nothing trained."""
    run = RunFolder(folder)
    make_set(run.embeddings)
    run.write_study(small_study(**changes))
    return run
