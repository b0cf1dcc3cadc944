"""The demo as a whole process: import, run, report, peak memory, and how informative its λ are."""

import contextlib
import json
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


def _seconds_and_peak_mib(*command: str) -> tuple[float, float]:
    """Run a command; return its seconds and the peak memory of all its processes together."""
    begin, peak = time.monotonic(), 0.0
    child = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL)
    while child.poll() is None:
        peak = max(peak, sum(_pss_mib(pid) for pid in _descendants(child.pid)))
        time.sleep(0.2)
    if child.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {child.returncode}")
    return time.monotonic() - begin, peak


def _descendants(root: int) -> list[int]:
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def _pss_mib(pid: int) -> float:
    """Memory of a process, shared pages counted in part."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) / 1024
    return 0.0


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
        figures["sweep_s"], figures["peak_memory_mib"] = _seconds_and_peak_mib(
            "-m", "quantlab", "sweep", "experiments/demo.yaml", "-o", str(folder)
        )
        figures["report_s"] = _seconds("-m", "quantlab", "report", str(folder))
        figures["informative_lams"] = informative_lams(folder)
        summary = json.loads((folder / "analysis" / "summary.json").read_text())
        figures["trials"] = summary["trials"]["done"]
        figures["report_mib"] = (folder / "report.html").stat().st_size / 2**20
    finally:
        shutil.rmtree(folder.parent)
    write_figures("demo", figures)


if __name__ == "__main__":
    main()
