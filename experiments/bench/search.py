"""The search against its peers: faiss with λ folded into its norms, vector-quantize-pytorch.

All search the same codebooks, 8 stages of 255 codes and SKIP, trained by faiss, in 768 dimensions
of a Gaussian with eigenvalues ∝ 1/k. Their choices are compared before anything is timed, and every
ratio comes from runs side by side. SKIP is a code of zeros to the peers.
"""

import os
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from quantlab.codebooks import (
    Quantizer,
    SearchResult,
    make_paths,
    price,
    search,
    search_exhaustive,
    uniform_prior,
)
from quantlab.entropy import FactorizedPrior

from ._results import write_figures

DIMS, STAGES, CODES = 768, 8, 255
NUM_VECTORS, NUM_TRAINING = 20_000, 15_000
NUM_LAMS = 64
BEAMS = (1, 4, 16, 32)
MATCHED_LAMS = (0.5, 2.0, 8.0)
FEW = 2_000  # vectors for what is slow
REPEATS = 3


def gaussian(count: int, rng: np.random.Generator, dims: int = DIMS) -> np.ndarray:
    """Draw float32 vectors with eigenvalues ∝ 1/k and mean square 1 per dimension."""
    spread = 1.0 / np.arange(1, dims + 1)
    spread *= dims / spread.sum()
    axes = np.linalg.qr(np.random.default_rng(768).normal(size=(dims, dims)))[0]
    drawn = rng.standard_normal((count, dims), np.float32) * np.sqrt(spread).astype(np.float32)
    return drawn @ axes.T.astype(np.float32)


def trained_codebooks(vectors: np.ndarray, codes: int = CODES, stages: int = STAGES) -> Quantizer:
    """Train residual codebooks by faiss; the last code of a stage makes room for SKIP."""
    import faiss

    peer = faiss.ResidualQuantizer(vectors.shape[1], stages, int(np.log2(codes + 1)))
    peer.max_beam_size = 1
    peer.cp.niter = 8
    peer.train(vectors)
    books = faiss.vector_to_array(peer.codebooks).reshape(1, stages, codes + 1, -1)
    return Quantizer(books[:, :, :codes])


def faiss_peer(quantizer: Quantizer, prior: FactorizedPrior, lam: float, beam: int) -> Any:
    """Return faiss's residual quantizer with λ·bits added to its norms, lookup tables on."""
    import faiss

    books = np.ascontiguousarray(quantizer.with_skip()[0].reshape(-1, quantizer.num_dims))
    size = int(np.log2(quantizer.alphabet_size))
    peer: Any = faiss.ResidualQuantizer(quantizer.num_dims, quantizer.num_stages, size)
    peer.max_beam_size, peer.use_beam_LUT = beam, 1
    faiss.copy_array_to_vector(books.ravel(), peer.codebooks)
    peer.is_trained = True
    peer.compute_codebook_tables()
    fold(peer, quantizer, prior, lam)
    return peer


def fold(peer: Any, quantizer: Quantizer, prior: FactorizedPrior, lam: float) -> None:
    """Set the λ of a peer."""
    import faiss

    norms = (quantizer.with_skip()[0].astype(np.float64) ** 2).sum(axis=2)
    charged = (norms + lam * prior.bits_table()).astype(np.float32)
    faiss.copy_array_to_vector(charged.ravel(), peer.centroid_norms)


def match_share(
    quantizer: Quantizer,
    z: np.ndarray,
    prior: FactorizedPrior,
    lam: float,
    pair: tuple[SearchResult, np.ndarray],
) -> float:
    """Share of vectors with equal symbols, or with a cost within 1e-5·J of ours."""
    ours, theirs = pair
    equal = (ours.symbols == theirs).all(axis=1)
    cost = price(quantizer, z, theirs.astype(np.uint16), prior).cost(lam)
    close = np.abs(cost - ours.cost(lam)) <= 1e-5 * ours.cost(lam)
    return float((equal | close).mean())


def seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Best of several wall times."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times)


def vqp_peer(quantizer: Quantizer) -> Callable[[np.ndarray], np.ndarray]:
    """Return vector-quantize-pytorch's encoder, in eval mode, with the same codebooks."""
    import torch
    from vector_quantize_pytorch import ResidualVQ

    model = ResidualVQ(
        dim=quantizer.num_dims,
        num_quantizers=quantizer.num_stages,
        codebook_size=quantizer.alphabet_size,
    )
    with torch.no_grad():
        layers: Any = model.layers
        for layer, book in zip(layers, quantizer.with_skip()[0], strict=True):
            layer._codebook.embed.copy_(torch.from_numpy(book)[None])
            layer._codebook.initted.fill_(True)
    model.eval()

    def encode(vectors: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return model(torch.from_numpy(vectors)[None])[1][0].numpy()

    return encode


def codes_match(quantizer: Quantizer, z: np.ndarray, prior: FactorizedPrior) -> dict[str, float]:
    """Compare the choices with faiss's, every beam, at λ = 0 and above."""
    few, shares = z[:FEW], {0.0: [], 1.0: []}
    for beam in BEAMS:
        peer = faiss_peer(quantizer, prior, 0.0, beam)
        for lam in (0.0, *MATCHED_LAMS):
            fold(peer, quantizer, prior, lam)
            theirs = peer.compute_codes(few)
            ours = search(quantizer, few, prior, [lam], beam=beam)[0]
            shares[float(lam > 0)].append(match_share(quantizer, few, prior, lam, (ours, theirs)))
    reference = search(quantizer, z[:100], prior, MATCHED_LAMS, kernel="reference")
    compiled = search(quantizer, z[:100], prior, MATCHED_LAMS)
    pairs = zip(reference, compiled, strict=True)
    same = [np.array_equal(one.symbols, other.symbols) for one, other in pairs]
    return {
        "code_match_lambda0": min(shares[0.0]),
        "code_match_lambda": min(shares[1.0]),
        "code_match_reference": float(np.mean(same)),
    }


def optimum_share(rng: np.random.Generator) -> float:
    """Share of small cases in which beam 32 reaches the exhaustive optimum."""
    reached = []
    for _ in range(8):
        vectors = rng.normal(size=(1500, 8)).astype(np.float32)
        quantizer = trained_codebooks(vectors, codes=7, stages=3)
        nearest = search(quantizer, vectors, uniform_prior(quantizer), [0.0])[0].symbols
        prior = FactorizedPrior.fit(nearest, alphabet_size=8)
        for lam in (0.0, 0.1, 0.5):
            best = search_exhaustive(quantizer, vectors[:300], prior, lam).cost(lam)
            found = search(quantizer, vectors[:300], prior, [lam], beam=32)[0].cost(lam)
            reached.append(found <= best * (1 + 1e-5) + 1e-9)
    return float(np.concatenate(reached).mean())


def rises(bits_LN: np.ndarray) -> np.ndarray:
    """Tell which vectors' bits rise anywhere along a ladder of rising λ."""
    return (np.diff(bits_LN, axis=0) > 1e-9).any(axis=0)


def monotonicity(results: list[SearchResult], lams: np.ndarray) -> dict[str, float]:
    """Count vectors whose bits rise with λ along the path, and the share of them in mode direct."""
    paths = make_paths(results)
    along = np.stack([paths.at(float(lam)).code_length_bits for lam in lams])
    direct = np.stack([result.code_length_bits for result in results])
    seen = np.stack([result.symbols for result in results])
    changes = (seen[1:] != seen[:-1]).any(axis=2).sum(axis=0)
    return {
        "monotone_violations": float(rises(along).sum()),
        "direct_violations_share": float(rises(direct).mean()),
        "hull_points_per_vector": len(paths.bits) / len(paths),
        "distinct_choices_per_vector": float(changes.mean() + 1),
    }


def speed(
    quantizer: Quantizer, z: np.ndarray, prior: FactorizedPrior, lams: np.ndarray
) -> dict[str, float]:
    """Time one λ and all, faiss's lookup tables at one and at all, and the other peer once."""
    peer, encode = faiss_peer(quantizer, prior, 0.0, 1), vqp_peer(quantizer)
    theirs = encode(z[:FEW])
    nearest = search(quantizer, z[:FEW], prior, [0.0])[0]
    share = match_share(quantizer, z[:FEW], prior, 0.0, (nearest, theirs))
    if share < 0.999:
        raise SystemExit(f"vector-quantize-pytorch chose otherwise: {share:.4f} equal")

    def all_of_faiss() -> None:
        for lam in lams:
            fold(peer, quantizer, prior, float(lam))
            peer.compute_codes(z)

    one = min(seconds(lambda lam=lam: search(quantizer, z, prior, [lam])) for lam in (0.0, 2.0))
    every = seconds(lambda: search(quantizer, z, prior, lams))
    faiss_one = seconds(lambda: peer.compute_codes(z))
    faiss_all = seconds(all_of_faiss, 1)
    vqp = seconds(lambda: encode(z[:FEW]), 2) * len(z) / FEW
    beams = {}
    for beam in BEAMS[1:]:
        wide = faiss_peer(quantizer, prior, 2.0, beam)
        theirs_s = seconds(lambda wide=wide: wide.compute_codes(z[:FEW]), 2)
        ours_s = seconds(lambda beam=beam: search(quantizer, z[:FEW], prior, [2.0], beam=beam), 2)
        beams[f"speedup_vs_faiss_beam{beam}"] = theirs_s / ours_s
    return {
        "cost_64_over_1": every / one,
        "speedup_vs_faiss_64": faiss_all / every,
        "speedup_vs_faiss_one": faiss_one / one,
        "speedup_vs_vqp_one": vqp / one,
        "vec_lambda_per_s": len(lams) * len(z) / every,
        "vec_per_s_one": len(z) / one,
        "faiss_vec_per_s_one": len(z) / faiss_one,
        "vqp_vec_per_s_one": len(z) / vqp,
        **beams,
    }


def pairwise_cost(
    quantizer: Quantizer, z: np.ndarray, prior: FactorizedPrior, lams: np.ndarray
) -> dict[str, float]:
    """Time the search under a prior that looks at the symbols before, quickly fitted."""
    from quantlab.entropy import PairwisePrior, PairwiseSettings

    symbols = search(quantizer, z, prior, [2.0])[0].symbols
    alphabet = quantizer.alphabet_size
    settings = PairwiseSettings(epochs=1.0)
    context = PairwisePrior.fit(
        symbols, alphabet_size=alphabet, rng=np.random.default_rng(1), settings=settings
    )
    few = z[:FEW]
    one = seconds(lambda: search(quantizer, few, context, [2.0]), 2)
    every = seconds(lambda: search(quantizer, few, context, lams), 1)
    plain = seconds(lambda: search(quantizer, few, prior, lams))
    return {
        "pairwise_cost_64_over_1": every / one,
        "pairwise_over_factorized_64": every / plain,
        "pairwise_vec_lambda_per_s": len(few) * len(lams) / every,
    }


def growth(z: np.ndarray, lams: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """Seconds when N, the number of λ, or K grows fourfold, over seconds before."""

    def timed(count: int, num_lams: int, codes: int) -> float:
        quantizer = Quantizer(rng.normal(0, 0.3, (1, STAGES, codes, DIMS)).astype(np.float32))
        prior, part = uniform_prior(quantizer), z[:count]
        search(quantizer, part[:10], prior, [0.0])
        return seconds(lambda: search(quantizer, part, prior, lams[:: NUM_LAMS // num_lams]), 2)

    base = timed(4_000, 16, 127)
    return {
        "growth_4n": timed(16_000, 16, 127) / base,
        "growth_4l": timed(4_000, 64, 127) / base,
        "growth_4k": timed(4_000, 16, 511) / base,
    }


def anonymous_mib() -> float:
    """Memory of this process that no file backs, in MiB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


def peak_over(work: Callable[[], object]) -> float:
    """Rise of anonymous memory while something runs, in MiB."""
    before, peak, done = anonymous_mib(), 0.0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.005):
            peak = max(peak, anonymous_mib())

    watcher = threading.Thread(target=watch)
    watcher.start()
    work()
    done.set()
    watcher.join()
    return max(peak - before, 0.0)


def memory(quantizer: Quantizer, z: np.ndarray, prior: FactorizedPrior) -> dict[str, float]:
    """Anonymous memory beside the result, searching a memory map of 20 k and of 80 k vectors."""
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for times in (1, 4):
            count = times * len(z)
            path = Path(folder) / f"{count}.f16"
            mapped = np.memmap(path, np.float16, "w+", shape=(count, DIMS))
            for part in range(times):
                mapped[part * len(z) : (part + 1) * len(z)] = z
            mapped.flush()
            # A fresh process each: memory freed before would be used again and go unseen.
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                rise = pool.submit(rise_of_search, quantizer, prior, path, count).result()
            figures[f"memory_mib_{count // 1000}k"] = rise
    return figures


def rise_of_search(quantizer: Quantizer, prior: FactorizedPrior, path: Path, count: int) -> float:
    """Memory that a search of a memory map takes beside its result, in MiB."""
    lams = [0.0, 1.0, 4.0]
    mapped = np.memmap(path, np.float16, "r", shape=(count, DIMS))
    search(quantizer, mapped[:1], prior, lams)
    result = count * len(lams) * (2 * STAGES + 16) / 2**20
    return peak_over(lambda: search(quantizer, mapped, prior, lams)) - result


def gpu(
    quantizer: Quantizer, z: np.ndarray, prior: FactorizedPrior, lams: np.ndarray
) -> dict[str, float]:
    """Equality with the CPU and speed on CUDA, on tensors that stay there; nothing without CUDA."""
    import torch

    if not torch.cuda.is_available():
        print("no CUDA device: the GPU kernel is not measured")
        return {}
    from quantlab.codebooks.search_gpu import DeviceTables, choose_on_device

    ours = search(quantizer, z, prior, lams)
    theirs = search(quantizer, z, prior, lams, kernel="gpu")
    shares = [
        match_share(quantizer, z, prior, float(lam), (one, other.symbols))
        for lam, one, other in zip(lams, ours, theirs, strict=True)
    ]
    tables = DeviceTables.of(quantizer, prior, lams, "cuda")
    block = torch.from_numpy(z).to("cuda").view(len(z), 1, DIMS)
    choose_on_device(block, tables)

    def work() -> None:
        choose_on_device(block, tables)
        torch.cuda.synchronize()

    whole = seconds(lambda: search(quantizer, z, prior, lams, kernel="gpu"))
    return {
        "gpu_code_match": min(shares),
        "vec_lambda_per_s_gpu": len(z) * len(lams) / seconds(work, 5),
        "vec_lambda_per_s_gpu_to_host": len(z) * len(lams) / whole,
    }


def main() -> None:
    """Measure and write ``runs/bench/search.json``."""
    import torch

    torch.set_num_threads(os.cpu_count() or 1)
    rng = np.random.default_rng(768)
    training, z = gaussian(NUM_TRAINING, rng), gaussian(NUM_VECTORS, rng)
    quantizer = trained_codebooks(training)
    symbols = search(quantizer, training, uniform_prior(quantizer), [0.0])[0].symbols
    prior = FactorizedPrior.fit(symbols, alphabet_size=quantizer.alphabet_size)
    lams = np.concatenate([[0.0], np.geomspace(0.2, 300.0, NUM_LAMS - 1)])
    figures = codes_match(quantizer, z, prior)
    if min(figures.values()) < 0.999:
        raise SystemExit(f"the choices differ, timing means nothing: {figures}")
    figures["optimum_share"] = optimum_share(rng)
    figures |= monotonicity(search(quantizer, z, prior, lams), lams)
    figures |= speed(quantizer, z, prior, lams)
    figures |= pairwise_cost(quantizer, z, prior, lams)
    figures |= growth(z, lams, rng) | memory(quantizer, z, prior)
    figures |= gpu(quantizer, z, prior, lams)
    write_figures("search", figures)


if __name__ == "__main__":
    main()
