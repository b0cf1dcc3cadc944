"""Fitting codebooks to vectors: k-means, our own mini-batches, or vector-quantize-pytorch's EMA.

Letters as in `quantizer`. All trainers see training vectors only and draw all randomness from the
generator they are given.
"""

from typing import TYPE_CHECKING, cast

import numpy as np

from quantlab.codebooks.minibatch import fit_minibatch
from quantlab.codebooks.quantizer import Quantizer
from quantlab.codebooks.settings import QuantizerSettings
from quantlab.compat import choose_device
from quantlab.errors import InputError

if TYPE_CHECKING:
    import torch
    from vector_quantize_pytorch import ResidualVQ

MIN_VECTORS_PER_CODE = 8


def capped_codes(num_codes: int, num_vectors: int) -> int:
    """Return K lowered so that every code has at least eight training vectors.

    Raises
    ------
    InputError
        There are fewer than eight vectors.
    """
    if num_vectors < MIN_VECTORS_PER_CODE:
        raise InputError(
            f"{num_vectors} training vectors are too few for a codebook; "
            f"give at least {MIN_VECTORS_PER_CODE}"
        )
    return min(num_codes, num_vectors // MIN_VECTORS_PER_CODE)


def fit_quantizer(
    z: np.ndarray, settings: QuantizerSettings, *, rng: np.random.Generator
) -> Quantizer:
    """Fit codebooks to scaled training vectors.

    Parameters
    ----------
    z : np.ndarray [shape=(N, D)]
        Finite vectors, N ≥ 8; D divisible by the number of groups. The trainer ``minibatch``
        reads a memory map in blocks, the others copy the vectors.
    settings : QuantizerSettings
        Shape of the quantizer and how to train it. K is capped, see `capped_codes`.
    rng : np.random.Generator
        Source of all randomness.

    Returns
    -------
    Quantizer
        The fitted codebooks.

    Raises
    ------
    InputError
        Too few vectors, non-finite values, or D not divisible by the number of groups.
    """
    check_shape(z, settings)
    num_codes = capped_codes(settings.codes, len(z))
    if settings.trainer == "minibatch":
        return Quantizer(fit_minibatch(z, settings, num_codes, rng=rng))
    vectors = np.ascontiguousarray(z, dtype=np.float32)
    if not np.isfinite(vectors).all():
        raise InputError("training vectors hold NaN or infinite values; check the embedding set")
    train = _fit_kmeans if settings.trainer == "kmeans" else _fit_ema
    width = vectors.shape[1] // settings.groups
    books = [
        train(vectors[:, group * width : (group + 1) * width], num_codes, settings, rng)
        for group in range(settings.groups)
    ]
    return Quantizer(np.stack(books))


def check_shape(z: np.ndarray, settings: QuantizerSettings) -> None:
    """Check that vectors split into groups; InputError where not."""
    if z.ndim != 2 or not z.shape[1] or z.shape[1] % settings.groups:
        raise InputError(
            f"vectors of shape {z.shape} cannot be split into {settings.groups} equal "
            "groups; choose a number of groups that divides the number of dimensions"
        )


def _fit_kmeans(
    vectors: np.ndarray, num_codes: int, settings: QuantizerSettings, rng: np.random.Generator
) -> np.ndarray:
    """Run k-means on the residuals of each stage in turn: codebooks ``[Q, K, d]``."""
    residual = vectors.copy()
    books = np.zeros((settings.stages, num_codes, vectors.shape[1]), np.float32)
    for stage in range(settings.stages):
        books[stage] = _kmeans(residual, num_codes, settings.kmeans_iterations, rng)
        # SKIP is a candidate when coding, so the next stage sees what is left after it, too.
        candidates = np.concatenate([books[stage], np.zeros((1, vectors.shape[1]), np.float32)])
        residual -= candidates[_nearest(residual, candidates)]
    return books


def _nearest(vectors: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Index of the nearest candidate ``[n, d]`` of each vector ``[N, d]``, ties to the lowest."""
    norms = np.einsum("kd,kd->k", candidates, candidates)
    block = 65536
    parts = [
        (norms - 2.0 * (vectors[start : start + block] @ candidates.T)).argmin(axis=1)
        for start in range(0, len(vectors), block)
    ]
    return np.concatenate(parts)


def _kmeans(
    vectors: np.ndarray, num_codes: int, iterations: int, rng: np.random.Generator
) -> np.ndarray:
    from sklearn.cluster import KMeans

    distinct = np.unique(vectors, axis=0)
    if len(distinct) <= num_codes:
        # Nothing to cluster: every distinct vector is a code, the rest repeat the first and die.
        padding = np.repeat(distinct[:1], num_codes - len(distinct), axis=0)
        return np.concatenate([distinct, padding])
    model = KMeans(
        num_codes,
        n_init=1,  # pyright: ignore[reportArgumentType] (the stub knows only "auto")
        max_iter=iterations,
        tol=1e-5,
        random_state=int(rng.integers(2**31 - 1)),
    )
    return model.fit(vectors).cluster_centers_.astype(np.float32)


def _fit_ema(
    vectors: np.ndarray, num_codes: int, settings: QuantizerSettings, rng: np.random.Generator
) -> np.ndarray:
    """Train one group's stages together by exponential moving averages: ``[Q, K, d]``."""
    import torch
    from vector_quantize_pytorch import ResidualVQ

    device = choose_device(settings.device)
    # The library draws from torch's global generator; fork it so that callers keep theirs.
    with torch.random.fork_rng(devices=[device] if device == "cuda" else []):
        torch.manual_seed(int(rng.integers(2**31 - 1)))
        model = ResidualVQ(
            dim=vectors.shape[1],
            num_quantizers=settings.stages,
            codebook_size=num_codes,
            decay=settings.ema_decay,
            kmeans_init=True,
            kmeans_iters=10,
            threshold_ema_dead_code=2 if settings.dead_codes == "replace" else 0,
            commitment_weight=0.0,
        ).to(device)
        model.train()
        data = torch.from_numpy(vectors).to(device)
        size = min(settings.batch_size, len(vectors))
        for epoch in range(settings.epochs):
            order = torch.from_numpy(rng.permutation(len(vectors))).to(device)
            if epoch == 0:
                # k-means starts from the first batch alone, so let that one be large.
                first = data[order[: max(settings.batch_size, 32 * num_codes)]]
                _ema_step(model, first, size=len(first))
            for start in range(0, len(order), size):
                _ema_step(model, data[order[start : start + size]], size=size)
        codebooks = cast("torch.Tensor", model.codebooks).detach().cpu().numpy()
    return codebooks.astype(np.float32)


def _ema_step(model: "ResidualVQ", batch: "torch.Tensor", *, size: int) -> None:
    """Update the moving averages with one batch, padded to a fixed shape under a mask.

    Without the mask the zeros of the padding would enter the statistics and draw a code to zero.
    """
    import torch
    from torch.nn.functional import pad

    mask = torch.arange(size, device=batch.device) < len(batch)
    with torch.no_grad():
        model(pad(batch, (0, 0, 0, size - len(batch)))[None], mask=mask[None])
