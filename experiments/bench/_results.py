"""Where benchmarks put their figures, and with what machine and versions."""

import os
from pathlib import Path

from quantlab.store import provenance, write_json

FOLDER = Path("runs/bench")


def write_figures(name: str, figures: dict[str, float]) -> Path:
    """Write ``runs/bench/<name>.json`` and print the figures as a table."""
    origin = provenance()
    path = FOLDER / f"{name}.json"
    write_json(
        path,
        {
            "figures": {key: round(float(value), 6) for key, value in figures.items()},
            "device": f"{origin['platform']}, {os.cpu_count()} cores, no GPU used",
            "versions": origin["versions"],
            "when": origin["when"],
        },
    )
    width = max(len(key) for key in figures)
    for key, value in figures.items():
        print(f"{key:<{width}}  {value:.4g}")
    print(path)
    return path
