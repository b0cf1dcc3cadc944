"""The demo as a whole process: import, run, report, peak memory, and how informative its λ are."""

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from experiments.bench._results import write_figures
from quantlab.store import read_table

IMPORTS = 5


def _seconds(*command: str) -> float:
    begin = time.monotonic()
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begin


def informative_lams(run: Path) -> int:
    """Count the λ at which the balanced codec spends 10 to 90 % of its bits at λ = 0."""
    rate = read_table(run / "analysis" / "rate.parquet")
    chosen = rate[
        (rate["recipe"] == "balanced")
        & (rate["protocol"] == "speaker")
        & (rate["method"] == "codec")
        & (rate["metric"] == "bits_share")
        & (rate["emotion"] == "all")
    ]
    return int(chosen["value"].between(0.1, 0.9).sum())


def main() -> None:
    """Measure and print."""
    figures = {
        "import_s": float(np.median([_seconds("-c", "import quantlab") for _ in range(IMPORTS)]))
    }
    folder = Path(tempfile.mkdtemp()) / "demo"
    try:
        figures["sweep_s"] = _seconds(
            "-m", "quantlab", "sweep", "experiments/demo.yaml", "-o", str(folder)
        )
        figures["report_s"] = _seconds("-m", "quantlab", "report", str(folder))
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        figures["largest_process_mib"] = peak / 1024
        figures["informative_lams"] = informative_lams(folder)
        summary = json.loads((folder / "analysis" / "summary.json").read_text())
        figures["trials"] = summary["trials"]["done"]
        figures["report_mib"] = (folder / "report.html").stat().st_size / 2**20
    finally:
        shutil.rmtree(folder.parent)
    write_figures("demo", figures)


if __name__ == "__main__":
    main()
