"""How far from the rate–distortion limit: our trellis codec and its peers on three sources.

1. A 768-dimensional Gaussian with eigenvalues ∝ 1/k, whose R(D) is known exactly.
2. The twin of nEMO's functionals, one Gaussian per emotion, whose R(D) is enclosed from both sides.
3. Real 50 Hz frames of a speaker that nobody was trained on.

Bits of the trellis are bits really written, those of the peers ideal order-0 code lengths. All are
of held-out vectors. A gap is bits over the limit at the same distortion, minus one.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.bench._frames import load_frames
from experiments.bench._peers import Point, local_search, residual, scalars
from experiments.bench._results import write_figures
from quantlab.analysis import Twin, fit_twin, water_filling
from quantlab.codebooks import (
    Codec,
    CodecSettings,
    Klt,
    Scaling,
    fit_trellis,
    lam_for_bits,
    search_trellis,
)
from quantlab.embedders import open_set
from quantlab.entropy import encode_symbols

TARGETS = (5, 10, 15, 25, 35, 50, 60)
_COMPONENTS = 96
_TRAINING, _TEST = 60_000, 10_000
_NEMO = Path("checkpoints/data/nemo-functionals")
_FRAME_TRAINING = 30_000


@dataclass(frozen=True)
class Source:
    """Components of training and held-out vectors, and what the components leave out."""

    train: np.ndarray
    test: np.ndarray
    variances: np.ndarray
    lost: float

    @classmethod
    def of(cls, train: np.ndarray, test: np.ndarray, components: int) -> "Source":
        """Rotate vectors onto the principal axes of the training ones."""
        klt = Klt.fit(train, components)
        lost = float(klt.lost(test).mean())
        return cls(klt.forward(train), klt.forward(test), klt.variances, lost)

    def total(self, point: Point) -> Point:
        """Add the energy outside the components to a point's distortion."""
        return Point(point.bits, point.distortion + self.lost)


def trellis(source: Source, bits: float, *, seed: int = 1) -> Point:
    """Fit a trellis for so many bits and write the held-out vectors at exactly about as many.

    λ is moved, on training vectors, until they take the wanted bits; a tenth either way suffices.
    """
    lam = lam_for_bits(source.variances, bits)
    fit = fit_trellis(source.train, lam, rng=np.random.default_rng(seed))
    ladder = lam * np.geomspace(0.75, 1.3, 7)
    found = search_trellis(fit.quantizer, source.train[:4000], fit.prior, ladder)
    spent = [result.code_length_bits.mean() for result in found]
    lam = float(np.exp(np.interp(bits, spent[::-1], np.log(ladder[::-1]))))
    result = search_trellis(fit.quantizer, source.test, fit.prior, [lam])[0]
    payload = encode_symbols(fit.prior, result.symbols).num_bits / len(source.test)
    return source.total(Point(payload, float(result.distortion.mean())))


def _gaussian_table(rng: np.random.Generator) -> dict[str, float]:
    """Source 1: every scheme's gap over R(D)."""
    eigenvalues = 1.0 / np.arange(1, 769)
    eigenvalues *= 768 / eigenvalues.sum()
    train, test = (
        (rng.standard_normal((num, 768), dtype=np.float32) * np.sqrt(eigenvalues)).astype(
            np.float32
        )
        for num in (_TRAINING, _TEST)
    )
    source = Source.of(train, test, _COMPONENTS)
    figures: dict[str, float] = {}

    def limit(point: Point) -> float:
        return float(water_filling(eigenvalues, distortion=point.distortion).bits)

    def show(name: str, point: Point) -> float:
        gap = point.bits / limit(point) - 1
        print(f"gaussian  {name:<12} {point.bits:7.2f} bits  D {point.distortion / 768:.4f}  "
              f"R(D) {limit(point):6.2f}  gap {100 * gap:5.1f} %", flush=True)  # fmt: skip
        return gap

    scalar, scalar_gaps, ahead = [], [], []
    for target in (3.5, *TARGETS, 75):
        lam = lam_for_bits(source.variances, target)
        scalar.append(source.total(scalars(source.train, source.test, lam)))
        scalar_gaps.append(show("scalars", scalar[-1]))
    for target in TARGETS:
        point = trellis(source, target)
        figures[f"gap_over_rd_{target}"] = show("trellis", point)
        figures[f"payload_bits_{target}"] = point.bits
        ahead.append(point.bits < _bits_at(scalar, point.distortion, limit))
    figures["ahead_of_klt_share"] = float(np.mean(ahead))
    figures["gap_klt_scalar"] = min(scalar_gaps)
    for point in residual(source.train, source.test, (1, 2, 3, 4)):
        figures["gap_faiss_rq_32"] = show("faiss RQ", source.total(point))
    point = local_search(source.train, source.test, 4)
    figures["gap_faiss_lsq_32"] = show("faiss LSQ", source.total(point))
    return figures


def _bits_at(curve: Sequence[Point], distortion: float, limit) -> float:
    """Bits of a curve at a distortion: its gap is smooth, so that is what is interpolated."""
    falling = sorted(curve, key=lambda point: point.distortion)
    gaps = [point.bits / limit(point) for point in falling]
    at = np.interp(distortion, [point.distortion for point in falling], gaps)
    return float(at) * limit(Point(0.0, distortion))


def _twin_table(rng: np.random.Generator) -> dict[str, float]:
    """Source 2: where the schemes lie over R(D | class), whose width to the top is H(class)."""
    data = open_set(_NEMO)
    frames = np.asarray(data.frames().values, np.float64)
    z = (frames - frames.mean(axis=0)).astype(np.float32)
    z *= np.float32(np.sqrt(z.shape[1] / (z.astype(np.float64) ** 2).sum(axis=1).mean()))
    twin: Twin = fit_twin(Klt.fit(z, 64).forward(z), data.items["emotion"].to_numpy())
    train, test = (
        (twin.sample(num, rng=rng)[0] - twin.shares @ twin.means).astype(np.float32)
        for num in (_TRAINING // 2, _TEST)
    )
    source = Source.of(train, test, 64)
    figures: dict[str, float] = {}
    for target in (10, 25, 50):
        lam = lam_for_bits(source.variances, target)
        points = {"trellis": trellis(source, target)}
        points["scalars"] = scalars(source.train, source.test, lam)
        for name, point in points.items():
            limits = twin.limits(point.distortion)
            lower, upper = float(limits.lower_bits), float(limits.tight_upper_bits)
            print(f"twin      {name:<12} {point.bits:7.2f} bits  limit in {lower:.2f} … {upper:.2f}"
                  f"  gap at most {100 * (point.bits / lower - 1):5.1f} %", flush=True)  # fmt: skip
            figures[f"twin_gap_at_most_{name}_{target}"] = point.bits / lower - 1
    figures["twin_class_bits"] = float(limits.class_bits)
    return figures


def _frames_table(rng: np.random.Generator) -> dict[str, float]:
    """Source 3: bits at equal distortion on frames of the held-out speaker of nEMO."""
    frames = load_frames()
    train_rows, test_rows = frames.split()
    train = frames.values[np.sort(rng.permutation(train_rows)[:_FRAME_TRAINING])]
    test = frames.values[np.sort(rng.permutation(test_rows)[:_TEST])]
    scaling = Scaling.fit(train, np.zeros(len(train), np.int8))
    z, held_z = scaling.forward(train), scaling.forward(test)
    source = Source.of(z, held_z, z.shape[1])
    lams = [lam_for_bits(source.variances, bits) for bits in (120, 80, 50, 30, 15, 8)]
    settings = {
        "quantizer": {"groups": 12, "stages": 3, "codes": 128, "trainer": "minibatch"},
        "prior": {"max_vectors": 10_000},
        "ladder": {"lams": lams},
    }
    codec = Codec(CodecSettings.parse(settings)).fit(train, rng=rng, scaling=scaling)
    curves: dict[str, list[Point]] = {"GRVQ": [], "trellis": [], "scalars": []}
    for encoded in codec.encode_ladder(test, lams):
        bits, distortion = encoded.code_length_bits.mean(), encoded.distortion.mean()
        curves["GRVQ"].append(Point(float(bits), float(distortion)))
    for target in (15, 40, 80):
        lam = lam_for_bits(source.variances, target)
        curves["trellis"].append(trellis(source, target))
        curves["scalars"].append(scalars(source.train, source.test, lam))
    for name, curve in curves.items():
        for point in curve:
            print(f"frames    {name:<12} {point.bits:7.2f} bits  D {point.distortion / 120:.4f}",
                  flush=True)  # fmt: skip
    return _saving(curves)


def _saving(curves: dict[str, list[Point]]) -> dict[str, float]:
    """Share of bits that the trellis saves at equal distortion, where the other curve reaches."""
    figures = {}
    for name in ("GRVQ", "scalars"):
        other = sorted(curves[name], key=lambda point: point.distortion)
        reach = [point.distortion for point in other]
        shares = [
            1 - point.bits / np.exp(
                np.interp(point.distortion, reach, [np.log(each.bits) for each in other])
            )
            for point in curves["trellis"]
            if reach[0] <= point.distortion <= reach[-1]
        ]  # fmt: skip
        if shares:
            figures[f"frames_saving_vs_{name.lower()}"] = float(np.mean(shares))
    return figures


def main() -> None:
    """Measure the three sources and write the figures."""
    begin = time.perf_counter()
    figures = _gaussian_table(np.random.default_rng(0))
    print(f"{time.perf_counter() - begin:.0f} s", flush=True)
    figures |= _twin_table(np.random.default_rng(1))
    print(f"{time.perf_counter() - begin:.0f} s", flush=True)
    figures |= _frames_table(np.random.default_rng(2))
    figures["seconds"] = time.perf_counter() - begin
    write_figures("rd", figures)


if __name__ == "__main__":
    main()
