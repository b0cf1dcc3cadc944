"""Peers of the rate–distortion benchmark, each at the best settings found for it.

Every function takes components ``[N, M]`` of training and of held-out vectors and gives what the
held-out ones cost: mean squared error within the components, and bits per vector under ideal
order-0 codes whose frequencies come from the training vectors.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from quantlab.entropy import FactorizedPrior

_ROUNDS = 10
_STEPS = (
    1.4,
    1.8,
    2.2,
)  # spacings of the scalar levels to try, in roots of the water level
_SCALAR_TRAINING = 20_000


@dataclass(frozen=True)
class Point:
    """One point of a rate–distortion curve, per vector."""

    bits: float
    distortion: float


def scalars(train: np.ndarray, test: np.ndarray, lam: float) -> Point:
    """Entropy-constrained scalars: a dead zone and thresholds by λ, levels at the means.

    Each component has its own levels and code; its spacing is the best of three at this λ.
    """
    bits = distortion = 0.0
    water = lam / (2 * np.log(2))
    for component in range(train.shape[1]):
        learn, held = train[:_SCALAR_TRAINING, component], test[:, component]
        if learn.var() < 0.8 * water:
            distortion += float((held.astype(np.float64) ** 2).mean())
            continue
        tried = [_scalar(learn, held, lam, step * np.sqrt(water)) for step in _STEPS]
        _, best = min(tried, key=lambda pair: pair[0])
        bits, distortion = bits + best.bits, distortion + best.distortion
    return Point(bits, distortion)


def _scalar(learn: np.ndarray, held: np.ndarray, lam: float, step: float) -> tuple[float, Point]:
    """J on the training values, and the point on the held-out ones, of one component."""
    side = int(np.ceil(4.5 * learn.std() / step))
    levels = step * np.arange(-side, side + 1.0)
    share = np.exp(-0.5 * (levels / learn.std()) ** 2)
    lengths = -np.log2(share / share.sum())
    for _ in range(_ROUNDS):
        code = _choose(learn, levels, lam * lengths)
        counts = np.bincount(code, minlength=len(levels))
        sums = np.bincount(code, weights=learn, minlength=len(levels))
        levels = np.where(counts > 0, sums / np.maximum(counts, 1), levels)
        lengths = -np.log2((counts + 0.01) / (counts + 0.01).sum())

    def point(values: np.ndarray) -> Point:
        code = _choose(values, levels, lam * lengths)
        return Point(float(lengths[code].mean()), float(((values - levels[code]) ** 2).mean()))

    fitted = point(learn)
    return fitted.distortion + lam * fitted.bits, point(held)


def _choose(values: np.ndarray, levels: np.ndarray, charges: np.ndarray) -> np.ndarray:
    """Index of the level of least (value − level)² + charge, from the lines' envelope.

    The cost is linear in the value but for its square, which all share, so the choice changes only
    where two lines of the lower envelope meet.
    """
    offsets = levels**2 + charges
    kept: list[int] = []
    for index in np.argsort(levels, kind="stable"):
        while kept and levels[kept[-1]] == levels[index]:
            if offsets[kept[-1]] <= offsets[index]:
                break
            kept.pop()
        else:
            while len(kept) > 1 and _meets(levels, offsets, kept[-2], kept[-1]) >= _meets(
                levels, offsets, kept[-1], index
            ):
                kept.pop()
            kept.append(int(index))
    edges = [_meets(levels, offsets, *pair) for pair in itertools.pairwise(kept)]
    return np.array(kept)[np.searchsorted(edges, values)]


def _meets(levels: np.ndarray, offsets: np.ndarray, left: int, right: int) -> float:
    """Value at which level `right` becomes as cheap as level `left`."""
    return (offsets[right] - offsets[left]) / (2 * (levels[right] - levels[left]))


def residual(
    train: np.ndarray, test: np.ndarray, stages: tuple[int, ...], *, beam: int = 16
) -> list[Point]:
    """Train faiss's residual quantizer, 256 codes a stage, and cut it after each of `stages`."""
    import faiss

    learn, held = (np.ascontiguousarray(y, dtype=np.float32) for y in (train, test))
    whole = faiss.ResidualQuantizer(train.shape[1], max(stages), 8)
    whole.max_beam_size = beam
    whole.use_beam_LUT = 1
    whole.train(learn)
    books = faiss.vector_to_array(whole.codebooks).reshape(max(stages), 256, -1)
    points = []
    for num in stages:
        part = faiss.ResidualQuantizer(train.shape[1], num, 8)
        part.max_beam_size = beam
        part.use_beam_LUT = 1
        part.is_trained = True
        faiss.copy_array_to_vector(books[:num].ravel(), part.codebooks)
        part.compute_codebook_tables()
        points.append(_coded(part, learn[:20_000], held))
    return points


def local_search(train: np.ndarray, test: np.ndarray, stages: int) -> Point:
    """Faiss's local search quantizer with 256 codes a stage, its training cut to bounded time."""
    import faiss

    learn, held = (np.ascontiguousarray(y, dtype=np.float32) for y in (train, test))
    quantizer = faiss.LocalSearchQuantizer(train.shape[1], stages, 8)
    quantizer.train_iters = 8
    quantizer.train_ils_iters = 4
    quantizer.train(learn[:20_000])
    return _coded(quantizer, learn[:10_000], held)


def _coded(quantizer, learn: np.ndarray, held: np.ndarray) -> Point:
    """Order-0 code length and squared error of held-out vectors."""
    symbols = [quantizer.compute_codes(part).astype(np.int64) for part in (learn, held)]
    prior = FactorizedPrior.fit(symbols[0], alphabet_size=256)
    error = held - quantizer.decode(quantizer.compute_codes(held))
    return Point(
        float(prior.code_length_bits(symbols[1]).mean()),
        float(np.einsum("nd,nd->n", error, error, dtype=np.float64).mean()),
    )
