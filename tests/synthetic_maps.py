"""Small maps of a synthetic run, in the format that a sweep writes."""

from pathlib import Path

import numpy as np
import pandas as pd

from quantlab import store

METHODS = {
    "balanced": ("codec", "shrink_mean", "water_mean"),
    "biased:sad": ("codec", "shrink_class", "shrink_mean"),
}
_EXPLAINED = {"pca-3": [0.5, 0.2, 0.1], "tsne-2": [], "tsne-3": []}


def write_maps(
    run: Path, *, emotions: tuple[str, ...], lams: tuple[float, ...], per_class: int = 10
) -> Path:
    """Write ``maps/`` of a run: clouds that shrink to the mean as λ grows; return the folder."""
    rng = np.random.default_rng(3)
    folder = run / "maps"
    labels = np.repeat(emotions, per_class)
    centres = rng.normal(size=(len(emotions), 3)) * 3
    clean = centres[np.repeat(np.arange(len(emotions)), per_class)]
    clean = (clean + rng.normal(size=clean.shape)).astype(np.float32)
    columns = {
        "item": [f"clip {place}" for place in range(len(labels))],
        "corpus": ["made-up"] * len(labels),
        "speaker": [f"speaker {place % 6}" for place in range(len(labels))],
        "emotion": labels.tolist(),
        "text_id": [f"t{place % 2}" for place in range(len(labels))],
        "duration_s": [1.5] * len(labels),
        "sha256": [f"{place:064x}" for place in range(len(labels))],
    }
    schema = {name: "float64" if name == "duration_s" else "string" for name in columns}
    store.write_table(folder / "items.parquet", pd.DataFrame(columns), schema=schema)
    shares = np.linspace(1.0, 0.0, len(lams))
    moved = np.stack([share * clean for share in shares]).astype(np.float32)
    shown = [f"{recipe}/{method}" for recipe, names in METHODS.items() for method in names]
    for name in _EXPLAINED:
        axes = int(name[-1])
        tensors = {
            "clean": clean[:, :axes],
            "basis": np.eye(3, axes, dtype=np.float32),
            "origin": np.zeros(axes, np.float32),
            "mean": np.zeros((1, axes), np.float32),
            **{method: moved[..., :axes] for method in shown},
        }
        store.save_tensors(folder / f"{name}.safetensors", tensors)
    store.save_tensors(folder / "clean.safetensors", {"z": clean})
    card = {
        "format": 1,
        "identity": "made up",
        "lams": list(lams),
        "protocol": "speaker",
        "shown": shown,
        "maps": {
            name: {"explained": explained, "num_discriminants": 0}
            for name, explained in _EXPLAINED.items()
        },
    }
    store.write_json(folder / "card.json", card)
    return folder
