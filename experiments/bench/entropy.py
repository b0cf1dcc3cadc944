"""Priors and the coder on symbols of real speech: bits, what the tables cost, and speed.

GRVQ 12 × 3 × 128 over 50 Hz frames of nEMO; five speakers train, the sixth is held out. Symbols
are those of λ = 0, and of one λ in the middle for which codebooks stay and the factorized prior
alternates with the search. A prior's extra parameter bits pay after *break-even* vectors. Symbols
per second are of the coder with that prior, encoding and decoding, tables included.

Without a GPU the transformer is a small one, trained for less than a minute on the symbols of
λ = 0: what the predecessor's 6 × 256 would reach after a day is not measured here.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from quantlab.codebooks import (
    Quantizer,
    QuantizerSettings,
    Scaling,
    fit_quantizer,
    search,
    uniform_prior,
)
from quantlab.compat import choose_device
from quantlab.entropy import (
    CodingPrior,
    FactorizedPrior,
    PairwisePrior,
    PairwiseSettings,
    Prior,
    TransformerSettings,
    decode_symbols,
    encode_symbols,
    fit_transformer,
)

from ._frames import BenchFrames, load_frames
from ._results import write_figures

SHAPE = QuantizerSettings(groups=12, stages=3, codes=128, kmeans_iterations=12)
CODEBOOK_VECTORS, MIDDLE_VECTORS, TEST_VECTORS = 40_000, 60_000, 30_000
MIDDLE_LAM = 0.2  # about 204 of 252 bits
CODED_VECTORS = 30_000  # of 36 symbols: 1.08 million
UTTERANCES = 500
TRANSFORMER_SECONDS = 45
LARGE = {"learning_rate": 5e-4, "batch_size": 2048}
SMALL = {"width": 96, "layers": 1, "heads": 6, "hidden": 192, "learning_rate": 4e-3, "dropout": 0.0}
SMALL |= {"batch_size": 64}


@dataclass(frozen=True, eq=False)
class Symbols:
    """Training and held-out symbols at one λ, with the speakers of the former."""

    train: np.ndarray
    test: np.ndarray
    speakers: np.ndarray


@dataclass
class Row:
    """One line of the table."""

    prior: Prior
    bits: float
    seconds: float
    middle: float | None = None
    speed: list[float] = field(default_factory=list)


def quantized(frames: BenchFrames, rng: np.random.Generator) -> tuple[Quantizer, Symbols, Symbols]:
    """Train codebooks, and choose symbols at λ = 0 and in the middle."""
    train, test = frames.split()
    test = test[:: max(1, len(test) // TEST_VECTORS)]
    scaling = Scaling.fit(frames.values[train], np.zeros(len(train), np.int64))
    z, z_test = scaling.forward(frames.values[train]), scaling.forward(frames.values[test])
    sample = np.sort(rng.choice(len(train), CODEBOOK_VECTORS, replace=False))
    quantizer = fit_quantizer(z[sample], SHAPE, rng=rng)
    start = uniform_prior(quantizer)
    plain = [search(quantizer, part, start, [0.0])[0].symbols for part in (z, z_test)]
    prior = FactorizedPrior.fit(plain[0], alphabet_size=quantizer.alphabet_size)
    for _ in range(3):
        chosen = search(quantizer, z[sample], prior, [MIDDLE_LAM])[0].symbols
        prior = FactorizedPrior.fit(chosen, alphabet_size=quantizer.alphabet_size)
    few = np.sort(rng.choice(len(train), MIDDLE_VECTORS, replace=False))
    middle = [search(quantizer, part, prior, [MIDDLE_LAM])[0].symbols for part in (z[few], z_test)]
    speakers = frames.speakers[train]
    return (
        quantizer,
        Symbols(plain[0], plain[1], speakers),
        Symbols(middle[0], middle[1], speakers[few]),
    )


def timed_fit(fit: Callable[[Symbols], Prior], symbols: Symbols) -> Row:
    """Fit a prior and price the held-out symbols."""
    begin = time.perf_counter()
    prior = fit(symbols)
    seconds = time.perf_counter() - begin
    return Row(prior, float(prior.code_length_bits(symbols.test).mean()), seconds)


def coder(prior: CodingPrior, symbols: np.ndarray) -> tuple[float, float, float]:
    """Code and decode: share above the code length, and millions of symbols per second."""
    prior.code_length_bits(symbols[:100])  # compiled before the clock starts
    begin = time.perf_counter()
    payload = encode_symbols(prior, symbols)
    middle = time.perf_counter()
    again = decode_symbols(prior, payload.data, len(symbols))
    end = time.perf_counter()
    _require_equal(again, symbols)
    ideal = float(prior.code_length_bits(symbols).sum())
    millions = symbols.size / 1e6
    return payload.num_bits / ideal - 1.0, millions / (middle - begin), millions / (end - middle)


def _require_equal(decoded: np.ndarray, symbols: np.ndarray) -> None:
    if not np.array_equal(decoded, symbols):
        raise RuntimeError("decoding did not give back what was encoded")


def utterance_overhead(prior: CodingPrior, symbols: np.ndarray) -> float:
    """Return the most bits above the code length, of stand-alone clips of one to ten frames."""
    worst, start = -np.inf, 0
    for number in range(UTTERANCES):
        part = symbols[start : start + 1 + number % 10]
        start += len(part)
        payload = encode_symbols(prior, part)
        _require_equal(decode_symbols(prior, payload.data, len(part)), part)
        worst = max(worst, payload.num_bits - float(prior.code_length_bits(part).sum()))
    return worst


def show(rows: dict[str, Row]) -> None:
    """Print the table."""
    base = rows["factorized"]
    titles = ("prior", "bits λ=0", f"bits λ={MIDDLE_LAM}", "parameter bits", "break-even", "fit s")
    print("{:<12}{:>10}{:>12}{:>16}{:>12}{:>8}  Msymbols/s".format(*titles))
    for name, row in rows.items():
        extra, gain = row.prior.parameter_bits - base.prior.parameter_bits, base.bits - row.bits
        pays = f"{extra / gain:.0f}" if extra and gain > 0 else "–"
        speed = " / ".join(f"{value:.2f}" for value in row.speed) or "not coded"
        middle = "–" if row.middle is None else f"{row.middle:.2f}"
        print(
            f"{name:<12}{row.bits:>10.2f}{middle:>12}{row.prior.parameter_bits:>16}"
            f"{pays:>12}{row.seconds:>8.1f}  {speed}"
        )


def main() -> None:
    """Run the benchmark and write its figures."""
    rng = np.random.default_rng(0)
    frames = load_frames()
    quantizer, plain, middle = quantized(frames, rng)
    alphabet = quantizer.alphabet_size
    gpu = choose_device() == "cuda"
    network = TransformerSettings.parse(
        {"max_seconds": TRANSFORMER_SECONDS, "epochs": 20} | (LARGE if gpu else SMALL)
    )
    fits = {
        "factorized": lambda given: FactorizedPrior.fit(given.train, alphabet_size=alphabet),
        "pairwise": lambda given: PairwisePrior.fit(
            given.train, alphabet_size=alphabet, rng=np.random.default_rng(1),
            stages=SHAPE.stages, groups=given.speakers, settings=PairwiseSettings(),
        ),
        "transformer": lambda given: fit_transformer(
            given.train, alphabet_size=alphabet, rng=np.random.default_rng(1),
            stages=SHAPE.stages, groups=given.speakers, settings=network,
        ),
    }  # fmt: skip
    rows = {name: timed_fit(fit, plain) for name, fit in fits.items()}
    for name in ("factorized", "pairwise"):
        rows[name].middle = timed_fit(fits[name], middle).bits
    overheads = {}
    coded = plain.test[:CODED_VECTORS]
    for name in ("factorized", "pairwise"):
        prior = cast(CodingPrior, rows[name].prior)
        overheads[name], *rows[name].speed = coder(prior, coded)
    show(rows)
    print(
        f"transformer: {network.layers} × {network.width}, {TRANSFORMER_SECONDS} s on the "
        f"{'GPU' if gpu else 'CPU'}, less than it could do; "
        f"pairwise at λ={MIDDLE_LAM} from {len(middle.train)} vectors"
    )
    pairwise, order_0 = cast(CodingPrior, rows["pairwise"].prior), rows["factorized"].bits
    write_figures(
        "entropy",
        {
            "coder_overhead_corpus": max(overheads.values()),
            "utterance_overhead_bits_max": utterance_overhead(pairwise, plain.test),
            "pairwise_saving_vs_order0": 1.0 - rows["pairwise"].bits / order_0,
            "transformer_saving_vs_order0": 1.0 - rows["transformer"].bits / order_0,
            "encode_msym_s": min(rows[name].speed[0] for name in overheads),
            "decode_msym_s": min(rows[name].speed[1] for name in overheads),
        },
    )


if __name__ == "__main__":
    main()
