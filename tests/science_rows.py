"""Sweep rows of a small made-up study, for tests of what is computed from them."""

import numpy as np
import pandas as pd

EMOTIONS = ("happy", "neutral", "sad")
LADDER = (0.0, 1.0, 4.0)


def make_rows(
    *,
    num_speakers: int = 6,
    num_texts: int = 4,
    recipes: tuple[str, ...] = ("balanced", "biased:happy", "biased:neutral", "biased:sad"),
    seeds: tuple[int, ...] = (0, 1),
    seed: int = 0,
) -> pd.DataFrame:
    """Return rows of noise: every recipe's codec, and references, reduction and stages."""
    rng = np.random.default_rng(seed)
    items = pd.DataFrame(
        [
            {
                "item": f"s{speaker}-{emotion}-{text}",
                "speaker": f"s{speaker}",
                "emotion": emotion,
                "text_id": f"t{text}",
            }
            for speaker in range(num_speakers)
            for emotion in EMOTIONS
            for text in range(num_texts)
        ]
    )
    parts = []
    for recipe in recipes:
        for number in seeds:
            for method, lam in _conditions(recipe):
                parts.append(_part(items, rng, recipe, number, method, lam))
    return pd.concat(parts, ignore_index=True)


def _conditions(recipe: str) -> list[tuple[str, float]]:
    balanced = recipe == "balanced"
    plain = (
        ["shrink_mean", "water_mean", "noise_matched", "drop_least"]
        if balanced
        else ["shrink_class"]
    )
    found = [(method, lam) for lam in LADDER for method in ("codec", *plain)]
    if balanced:
        found += [("clean", np.nan), ("stages_1", 0.0), ("stages_2", 0.0)]
    return found


def _part(items, rng, recipe, seed, method, lam) -> pd.DataFrame:
    size = len(items)
    fallen = 0.0 if np.isnan(lam) else lam / LADDER[-1]
    coded = method in ("codec", "drop_least")
    bits = 40 * (1.2 - fallen) + rng.normal(size=size) if coded else np.full(size, np.nan)
    columns = {
        "protocol": "speaker",
        "recipe": recipe,
        "method": method,
        "lam": lam,
        "fold": items["speaker"],
        "seed": seed,
        "num_frames": 2,
        "distortion": 1.0 + 9 * fallen + rng.random(size),
        "code_length_bits": 2 * bits,
        "cos_centred_frames": 0.9 - 0.8 * fallen + 0.05 * rng.normal(size=size),
        "set_num_vectors": 2.0 * 12 if method == "codec" else np.nan,
        "set_payload_bits": 40 * (1.2 - fallen) + 0.5 if method == "codec" else np.nan,
        "surprisal_bits": rng.exponential(size=size),
        "js_bits": rng.random(size),
        "top2": rng.integers(0, 2, size).astype(float),
        "emotion_token_entropy": rng.random(),
        "emotion_code_usage": rng.random(),
        "probe_logistic": rng.choice(EMOTIONS, size),
        "displacement_mean": rng.normal(size=size),
        **{f"attraction_{name}": 5 * rng.normal(size=size) for name in EMOTIONS},
        **{f"displacement_{name}": rng.normal(size=size) for name in EMOTIONS},
    }
    return items.assign(**columns)
