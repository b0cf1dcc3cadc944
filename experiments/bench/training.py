"""Codebook training: our mini-batch trainer against an EMA loop over vector-quantize-pytorch.

GRVQ 12×3×128 on 50 Hz frames of nEMO (one speaker held out) and on a Gaussian of 768
dimensions with eigenvalues ∝ 1/k. The loop gets its k-means start, its mask, the faster of its two
ways to group, and the best of several decays; it may stop at the first epoch within 0.1 % of its
own best. Both are judged by the same choice of codes at λ = 0 on vectors that neither was fitted
on. Ours takes as many passes as it needs to get there, in one run.
"""

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from experiments.bench._frames import load_frames
from experiments.bench._results import write_figures
from quantlab.codebooks import Quantizer, QuantizerSettings, fit_quantizer, search, uniform_prior
from quantlab.entropy import symbol_statistics

GROUPS, STAGES, CODES = 12, 3, 128
BATCH = 4096
EPOCHS = {0.99: 2, 0.8: 4}  # by decay; .99 is far behind after twice as many
PASSES = (4, 6, 8, 10, 16)
CLOSE = 1.001
HELD_OUT_VECTORS = 20_000


class Trained(NamedTuple):
    """Codebooks and the seconds they took so far."""

    seconds: float
    quantizer: Quantizer


def nemo() -> tuple[np.ndarray, np.ndarray]:
    """Frames of all speakers but one, and of that one, scaled to unit mean square."""
    frames = load_frames()
    known, held = frames.split()
    train = frames.values[known]
    mean = train.mean(axis=0)
    scale = float(np.sqrt(((train - mean) ** 2).mean()))
    return (train - mean) / scale, (frames.values[held] - mean) / scale


def gaussian() -> tuple[np.ndarray, np.ndarray]:
    """Draw 768 dimensions with eigenvalues ∝ 1/k, shuffled so that groups are alike."""
    rng = np.random.default_rng(0)
    spread = np.sqrt(1 / np.arange(1, 769))[rng.permutation(768)]
    spread /= np.sqrt((spread**2).mean())
    z = rng.standard_normal((70_000, 768), dtype=np.float32) * spread.astype(np.float32)
    return z[:60_000], z[60_000:]


def error(quantizer: Quantizer, z: np.ndarray) -> float:
    """Mean squared error per dimension at λ = 0."""
    found = search(quantizer, z, uniform_prior(quantizer), [0.0])[0]
    return float(found.distortion.mean() / quantizer.num_dims)


def ema_epochs(z: np.ndarray, decay: float, epochs: int, *, grouped: bool) -> Iterator[Trained]:
    """Yield the EMA loop's codebooks after each epoch."""
    import torch
    from vector_quantize_pytorch import GroupedResidualVQ, ResidualVQ

    torch.manual_seed(0)
    options = {
        "num_quantizers": STAGES,
        "codebook_size": CODES,
        "decay": decay,
        "kmeans_init": True,
        "kmeans_iters": 10,
        "threshold_ema_dead_code": 2,
        "commitment_weight": 0.0,
    }
    width = z.shape[1] // GROUPS
    if grouped:
        model = GroupedResidualVQ(dim=z.shape[1], groups=GROUPS, **options)
        parts, layers = [slice(None)], [model]
        each = list(model.rvqs)
    else:
        layers = each = [ResidualVQ(dim=width, **options) for _ in range(GROUPS)]
        parts = [slice(group * width, (group + 1) * width) for group in range(GROUPS)]

    def step(batch: torch.Tensor) -> None:
        mask = torch.ones((1, len(batch)), dtype=torch.bool)
        with torch.no_grad():
            for layer, part in zip(layers, parts, strict=True):
                layer.train()(batch[None, :, part], mask=mask)

    data, rng, seconds = torch.from_numpy(np.ascontiguousarray(z)), np.random.default_rng(0), 0.0
    for _ in range(epochs):
        begin = time.perf_counter()
        order = torch.from_numpy(rng.permutation(len(z)))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            step(data[order[start : start + BATCH]])
        seconds += time.perf_counter() - begin
        books = torch.stack([layer.codebooks for layer in each]).detach().numpy()
        yield Trained(seconds, Quantizer(books))


def faster_grouping(z: np.ndarray) -> bool:
    """Whether the library's own grouping beats a loop over groups."""
    few = z[: 4 * BATCH]
    times = [next(ema_epochs(few, 0.8, 1, grouped=grouped)).seconds for grouped in (True, False)]
    return times[0] < times[1]


def ours(z: np.ndarray, passes: int) -> Trained:
    """Train with our mini-batch trainer on the CPU."""
    settings = QuantizerSettings(
        groups=GROUPS,
        stages=STAGES,
        codes=CODES,
        trainer="minibatch",
        passes=passes,
        device="cpu",
    )
    begin = time.perf_counter()
    quantizer = fit_quantizer(z, settings, rng=np.random.default_rng(0))
    return Trained(time.perf_counter() - begin, quantizer)


def _report(name: str, trained: Trained, held_out: np.ndarray) -> float:
    quantizer = trained.quantizer
    symbols = search(quantizer, held_out, uniform_prior(quantizer), [0.0])[0].symbols
    found = symbol_statistics(symbols, alphabet_size=quantizer.alphabet_size)
    mse = error(quantizer, held_out)
    print(
        f"{name:<24} {trained.seconds:7.1f} s  MSE {mse:.5f}  codes used {found.usage.mean():.3f}  "
        f"perplexity {found.perplexity.mean():.1f}  entropy {found.entropy_bits:.1f} bits",
        flush=True,
    )
    return mse


def compare(
    name: str, source: Callable[[], tuple[np.ndarray, np.ndarray]]
) -> tuple[float, float, float, float]:
    """Return the speed-up, the ratio of final errors, and both times."""
    train, held_out = source()
    held_out = held_out[:: max(1, len(held_out) // HELD_OUT_VECTORS)]
    ours(train[: 4 * BATCH], 2)  # warm
    grouped = faster_grouping(train)
    curves = {}
    for decay, epochs in EPOCHS.items():
        curves[decay] = [
            (run.seconds, _report(f"{name} EMA {decay}", run, held_out))
            for run in ema_epochs(train, decay, epochs, grouped=grouped)
        ]
    target = min(mse for curve in curves.values() for _, mse in curve)
    theirs = min(
        seconds for curve in curves.values() for seconds, mse in curve if mse <= CLOSE * target
    )
    for passes in PASSES:
        run = ours(train, passes)
        mse = _report(f"{name} minibatch {passes}", run, held_out)
        if mse <= target:
            break
    return theirs / run.seconds, mse / target, theirs, run.seconds


def main() -> None:
    """Measure and print."""
    figures = {}
    sources = {"": nemo, "_gaussian": gaussian}
    for suffix, source in sources.items():
        speedup, ratio, theirs, mine = compare(suffix.strip("_") or "nemo", source)
        figures[f"speedup_to_equal_mse{suffix}"] = speedup
        figures[f"heldout_mse_ratio{suffix}"] = ratio
        figures[f"ema_seconds{suffix}"] = theirs
        figures[f"minibatch_seconds{suffix}"] = mine
    write_figures("training", figures)


if __name__ == "__main__":
    main()
