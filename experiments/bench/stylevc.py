"""StyleVC: a training step against the same networks in a plain PyTorch loop, and sizes.

Both take batches of 30 crops of 128 frames of the ``paper`` preset with mutual information and both
classifiers. Ours reads the crops from 8-bit features and goes through Fabric, with curves and
checks of every loss; the plain loop has one batch in memory and does nothing else. The numbers are
noise: time does not depend on them. ``python -m experiments.bench.stylevc --tiny`` takes the small
preset, to try the benchmark itself.
"""

import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from experiments.bench._results import write_figures
from quantlab.errors import ConfigError
from quantlab.models import PRESETS, Features, StyleVCSettings, make_network, train_stylevc
from quantlab.models.stylevc.features import ITEM_SCHEMA, ClipFeatures
from quantlab.models.stylevc.information import Latents
from quantlab.models.stylevc.losses import Labels, make_objective
from quantlab.models.stylevc.schedule import passes

BATCH, CROP, MELS = 30, 128, 80
TEXTS = 42
SPEAKERS, EMOTIONS = 6, ("angry", "happy", "neutral", "sad", "surprise")
TURNS, STEPS_PER_TURN = 3, 4


def noise_features(rng: np.random.Generator) -> Features:
    """Return features of clips of noise: speakers by emotions by texts."""
    rows, clips = [], []
    for speaker in range(SPEAKERS):
        for emotion in EMOTIONS:
            for text in range(TEXTS):
                length = int(rng.integers(CROP, 3 * CROP))
                name = f"{speaker}_{emotion}_{text}"
                contour = rng.normal(size=length).astype(np.float32)
                rows.append(
                    {"path": name, "sha256": name, "corpus": "noise", "speaker": str(speaker),
                     "emotion": emotion, "text_id": str(text + 1), "place": len(clips),
                     "num_frames": length, "duration_s": length / 100}
                )  # fmt: skip
                clips.append(
                    ClipFeatures(
                        rng.integers(0, 256, (length, MELS), dtype=np.uint8),
                        np.full(MELS, -5.0, np.float32),
                        np.full(MELS, 0.02, np.float32),
                        contour,
                        contour,
                    )
                )
    items = pd.DataFrame(rows).reindex(columns=list(ITEM_SCHEMA)).fillna("")
    return Features(items, tuple(clips), {"fingerprint": "noise"})


def plain_step(settings: StyleVCSettings, rng: np.random.Generator) -> Callable[[], None]:
    """Return a function that takes one step of the same networks and losses on one batch."""
    network = make_network(settings.network, seed=1)
    objective = make_objective(
        settings.network, settings.loss, num_speakers=SPEAKERS, num_emotions=len(EMOTIONS), seed=2
    )
    estimators = objective.information
    if estimators is None:
        raise ConfigError("method mi has estimators; the benchmark compares their steps, too")
    weights = [*network.parameters(), *objective.model_parameters()]
    adam = torch.optim.Adam(weights, lr=settings.training.learning_rate)
    other = torch.optim.Adam(estimators.parameters(), lr=settings.training.mi_learning_rate)
    mel = torch.from_numpy(rng.normal(size=(BATCH, CROP, MELS)).astype(np.float32))
    f0 = torch.from_numpy(rng.normal(size=(BATCH, CROP)).astype(np.float32))
    labels = Labels(
        speaker=torch.arange(BATCH) % SPEAKERS, emotion=torch.arange(BATCH) % len(EMOTIONS)
    )
    (part,) = passes(settings.loss)
    generator = torch.Generator().manual_seed(3)

    def step() -> None:
        encoded = network.encode(mel, generator=generator, update=True)
        latents = Latents.of(encoded, f0).detached()
        for _ in range(settings.training.mi_steps):
            other.zero_grad()
            estimators.negative_log_likelihood(latents).backward()
            torch.nn.utils.clip_grad_norm_(estimators.pitch_content.parameters(), 1.0)
            other.step()
        decoded = network.decode(encoded.content, f0, encoded.speaker, encoded.emotion)
        losses = objective(
            encoded, decoded, mel, f0, labels, part=part, generator=generator, frozen=True
        )
        adam.zero_grad()
        losses.total.backward()
        adam.step()

    return step


def against_plain(preset: str) -> float:
    """Train by turns with ours and with the plain loop; return the ratio of the median steps."""
    settings = StyleVCSettings.parse(
        {
            "preset": preset,
            "loss": {"method": "mi", "classifiers": "both"},
            "training": {"epochs": 100, "batch_size": BATCH, "crop_frames": CROP, "device": "cpu"},
            "data": {"split": {"train_texts": [1, 40], "validation_texts": [41, 41],
                               "test_texts": [42, 42]}},
        },
        where="benchmark",
    )  # fmt: skip
    rng = np.random.default_rng(0)
    features, step = noise_features(rng), plain_step(settings, rng)
    ours: list[float] = []
    plain: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        step()
        for turn in range(1, TURNS + 1):
            ours += _steps_of(features, settings, Path(folder), until=turn * (STEPS_PER_TURN + 2))
            for _ in range(STEPS_PER_TURN):
                begin = time.perf_counter()
                step()
                plain.append(time.perf_counter() - begin)
    for name, times in (("ours", ours), ("plain loop", plain)):
        print(
            f"{name}: {statistics.median(times):.3f} s a step (median of {len(times)}; "
            f"{min(times):.3f} to {max(times):.3f})"
        )
    return statistics.median(ours) / statistics.median(plain)


def _steps_of(
    features: Features, settings: StyleVCSettings, folder: Path, *, until: int
) -> list[float]:
    """Train on to `until` steps; return the seconds from each step of the turn to the next."""
    marks: list[float] = []
    train_stylevc(
        features, settings, folder, steps=until,
        progress=lambda _done, _all: marks.append(time.perf_counter()),
    )  # fmt: skip
    # Left out: the first step, which warms up, and the last one, before whose mark the state is
    # saved. A turn lies within one epoch, so that no validation falls into it.
    return [after - before for before, after in itertools.pairwise(marks[:-1])]


def main() -> None:
    """Measure and write ``runs/bench/stylevc.json``."""
    sizes = {
        name: sum(weight.numel() for weight in make_network(PRESETS[name], seed=0).parameters())
        for name in ("paper", "small")
    }
    ratio = against_plain("small" if "--tiny" in sys.argv else "paper")
    figures = {
        "step_time_vs_plain": ratio,
        "parameters_paper": sizes["paper"],
        "parameters_small": sizes["small"],
    }
    if "--tiny" in sys.argv:
        print(figures)
    else:
        write_figures("stylevc", figures)


if __name__ == "__main__":
    main()
