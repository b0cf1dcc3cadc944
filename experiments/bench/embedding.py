"""Embedding: against FunASR's own loop, how much is read again, and memory at any size.

emotion2vec runs with the published configuration and random weights, on every k-th clip of nEMO:
time does not depend on the weights. ``python -m experiments.bench.embedding --tiny`` takes a small
network instead, to try the benchmark itself.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from experiments.bench._results import write_figures
from quantlab.corpora import Manifest, index_corpus
from quantlab.embedders import Functionals, embed_manifest, get_embedder, open_set
from quantlab.errors import InputError
from tests.emotion2vec_model import write_model

EVERY = 32
TURNS = 3
NUM_FILES = 10_000
NUM_FRAMES, WIDTH, PER_ITEM = 5_000_000, 768, 500

GENERATE_LOOP = """
import json, sys, time
import numpy as np
from funasr import AutoModel
model, folder, cores = sys.argv[1:]
paths = json.load(open(folder + "/paths.json"))
network = AutoModel(
    model=model, disable_update=True, device="cpu", ncpu=int(cores), disable_pbar=True,
    log_level="ERROR",
)
begin = time.perf_counter()
vectors = [
    network.generate(path, granularity="utterance", extract_embedding=True)[0]["feats"]
    for path in paths
]
json.dump(time.perf_counter() - begin, open(folder + "/loop.json", "w"))
np.save(folder + "/vectors.npy", np.stack(vectors))
"""

WRITE_AND_READ = """
import sys, threading, time
import numpy as np, pandas as pd
from quantlab.embedders import open_set, write_set
folder, count, frames, width = sys.argv[1], *map(int, sys.argv[2:5])
peak, stop = 0, False
def watch():
    global peak
    while not stop:
        for line in open("/proc/self/status"):
            if line.startswith("RssAnon"):
                peak = max(peak, int(line.split()[1]))
        time.sleep(0.01)
thread = threading.Thread(target=watch)
thread.start()
block = np.random.default_rng(0).normal(size=(frames, width)).astype(np.float16)
items = pd.DataFrame({"item": [str(row) for row in range(count)]})
write_set(folder, items, (block for _ in range(count)), card={"level": "frame"}, job="bench")
opened = open_set(folder, verify=False)
opened.time_means()
rng = np.random.default_rng(1)
opened.frames(rng.choice(count, 100, replace=False))
opened.take(rng.integers(0, count * frames, 20_000))
stop = True
thread.join()
print(peak / (1 << 20))
"""


def corpus() -> Path:
    """Return the folder of nEMO."""
    place = Path(os.environ.get("QUANTLAB_CORPORA", "../shared/corpora")) / "nemo"
    if not place.is_dir():
        raise InputError(f"no nEMO in {place}; set QUANTLAB_CORPORA to the folder that holds it")
    return place


def against_generate(folder: Path, size: str) -> dict[str, float]:
    """Embed clips with ours and with FunASR's loop, in turns, and compare times and vectors.

    Both are timed as whole processes, so that each pays for its own start.
    """
    model = write_model(folder / "model", size)
    manifest = index_corpus(corpus()).manifest
    chosen = manifest.subset(np.arange(0, len(manifest), EVERY))
    chosen.save(folder / "clips.parquet")
    paths = [str(chosen.path_of(row)) for row in range(len(chosen))]
    (folder / "paths.json").write_text(json.dumps(paths))
    theirs = [sys.executable, "-c", GENERATE_LOOP, *map(str, (model, folder, os.cpu_count() or 1))]
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    for turn in range(TURNS):
        ours = [
            sys.executable, "-m", "quantlab", "embed", str(folder / "clips.parquet"), "--quiet",
            "-o", str(folder / f"run{turn}"), "--embedder", "emotion2vec", "--set", "model=base",
            "--model", str(model),
        ]  # fmt: skip
        for name, command in (("theirs", theirs), ("ours", ours)):
            environment = {**os.environ, "QUANTLAB_CACHE": str(folder / f"cache{turn}")}
            begin = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True, env=environment)
            times[name].append(time.perf_counter() - begin)
    loop_s = json.loads((folder / "loop.json").read_text())
    vectors = np.load(folder / "vectors.npy")
    found = open_set(folder / f"run{TURNS - 1}" / "embeddings").frames().values
    embedder = get_embedder("emotion2vec", {"model": "base", "directory": str(model)})
    rows = range(0, len(chosen), max(len(chosen) // 8, 1))
    exact = [embedder.embed(chosen.read_clip(row), level="utterance")[0] for row in rows]
    difference = float(np.abs(np.stack(exact) - vectors[list(rows)]).max())
    seconds = float(chosen.items["duration_s"].sum())
    print(
        f"emotion2vec {size}, {len(paths)} clips of nEMO, {seconds:.0f} s of speech, whole "
        f"processes: generate loop {min(times['theirs']):.1f} s (in the loop {loop_s:.1f} s), ours "
        f"{min(times['ours']):.1f} s; set in half precision within "
        f"{np.abs(found - vectors).max():.1e}"
    )
    return {
        "speedup_vs_generate_loop": min(times["theirs"]) / min(times["ours"]),
        "max_abs_diff": difference,
    }


def indexing(folder: Path) -> float:
    """Return the seconds that indexing 10 000 files of three seconds takes."""
    rng = np.random.default_rng(0)
    noise = (0.1 * rng.normal(size=(16, 48_000))).astype(np.float32)
    for row in range(NUM_FILES):
        place = folder / f"s{row % 20}" / ("happy", "sad")[row % 2]
        place.mkdir(parents=True, exist_ok=True)
        soundfile.write(place / f"{row}.wav", np.roll(noise[row % 16], row), 16000)
    begin = time.perf_counter()
    index_corpus(folder)
    return time.perf_counter() - begin


def reads_of_unchanged(folder: Path) -> float:
    """Count how many clips are opened when an unchanged corpus is embedded again."""
    manifest = index_corpus(corpus()).manifest
    few = manifest.subset(np.arange(0, len(manifest), EVERY))
    embed_manifest(few, Functionals(), folder / "one", cache=folder / "cache", progress=False)
    opened = []
    read_clip = Manifest.read_clip

    def counted(self: Manifest, row: int, **options: float) -> object:
        opened.append(row)
        return read_clip(self, row, **options)

    Manifest.read_clip = counted  # pyright: ignore[reportAttributeAccessIssue]
    try:
        embed_manifest(few, Functionals(), folder / "two", cache=folder / "cache", progress=False)
    finally:
        Manifest.read_clip = read_clip
    return float(len(opened))


def peak_memory(folder: Path) -> float:
    """Return the peak of anonymous memory, GiB, of writing and reading five million frames."""
    count = NUM_FRAMES // PER_ITEM
    numbers = map(str, (count, PER_ITEM, WIDTH))
    command = [sys.executable, "-c", WRITE_AND_READ, str(folder / "set"), *numbers]
    return float(subprocess.run(command, check=True, capture_output=True).stdout)


def main() -> None:
    """Run the benchmark and write its figures."""
    size = "tiny" if "--tiny" in sys.argv else "base"
    figures: dict[str, float] = {}
    place = Path(tempfile.mkdtemp(prefix="quantlab-bench-"))
    try:
        figures |= against_generate(place / "emotion2vec", size)
        figures["index_10000_s"] = indexing(place / "files")
        figures["reembed_audio_reads"] = reads_of_unchanged(place / "again")
        figures["peak_rss_5m_frames_gb"] = peak_memory(place / "large")
    finally:
        shutil.rmtree(place, ignore_errors=True)
    write_figures("embedding", figures)


if __name__ == "__main__":
    main()
