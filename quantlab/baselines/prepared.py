"""Symbols of λ = 0 and what is needed to give some of them up, computed once for all reductions.

Letters: ``N`` vectors, ``D`` dimensions, ``G`` groups, ``Q`` stages, ``S = G·Q`` symbols.
"""

from dataclasses import dataclass

import numpy as np

from quantlab.codebooks import Quantizer, search, uniform_prior
from quantlab.errors import InputError

_BLOCK_BYTES = 4 << 20


@dataclass(frozen=True, eq=False)
class Prepared:
    """Vectors as their symbols of λ = 0, and the inner products of what the symbols stand for.

    Memory: 8·N·S·(Q + 1) bytes.

    Attributes
    ----------
    quantizer : Quantizer
        The codebooks.
    symbols : np.ndarray [shape=(N, S), dtype=uint16]
        Indices 0 … K, K being SKIP.
    gram : np.ndarray [shape=(N, G, Q, Q), dtype=float64]
        Products between the code vectors of a group; those of different groups are orthogonal.
    with_z : np.ndarray [shape=(N, S), dtype=float64]
        Products of the code vectors with z.
    norm : np.ndarray [shape=(N,), dtype=float64]
        ‖z‖ >= 0.
    """

    quantizer: Quantizer
    symbols: np.ndarray
    gram: np.ndarray
    with_z: np.ndarray
    norm: np.ndarray


def prepare(quantizer: Quantizer, z: np.ndarray, *, lost: np.ndarray | None = None) -> Prepared:
    """Choose the symbols of λ = 0 and multiply out what they stand for.

    Parameters
    ----------
    quantizer : Quantizer
        The codebooks.
    z : np.ndarray [shape=(N, D)]
        Scaled vectors, N ≥ 1.
    lost : np.ndarray [shape=(N,)], optional
        Squared length that each vector has outside the D dimensions, where a rotation left axes
        out; it counts for the cosine.

    Returns
    -------
    Prepared
        What `drop_least`, `drop_most` and `truncate` take in place of the vectors.

    Raises
    ------
    InputError
        There are no vectors, they are not finite, or shapes do not fit.
    """
    if len(z) == 0:
        raise InputError("no vectors to reduce")
    symbols = search(quantizer, z, uniform_prior(quantizer), [0.0])[0].symbols
    groups, stages = quantizer.num_groups, quantizer.num_stages
    books = quantizer.with_skip().astype(np.float64)
    exact = quantizer.grouped(z)
    by_group = symbols.reshape(len(z), groups, stages)
    gram = np.empty((len(z), groups, stages, stages))
    with_z = np.empty((len(z), groups, stages))
    block = max(_BLOCK_BYTES // (books.itemsize * stages * books.shape[3]), 1)
    for group in range(groups):
        for start in range(0, len(z), block):
            part = (slice(start, start + block), group)
            codes = books[group, np.arange(stages), by_group[part]]
            gram[part] = codes @ codes.transpose(0, 2, 1)
            with_z[part] = (codes @ exact[part].astype(np.float64)[:, :, None])[:, :, 0]
    power = np.einsum("nd,nd->n", z, z, dtype=np.float64)
    norm = np.sqrt(power if lost is None else power + lost)
    return Prepared(quantizer, symbols, gram, with_z.reshape(symbols.shape), norm)
