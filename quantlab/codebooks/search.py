"""Rate-aware code choice at many λ: one function, three implementations, one rule for ties.

`search` keeps the cheapest prefixes position by position, `search_exhaustive` finds the true
minimum for tiny codebooks. Both minimise J = ‖z − ẑ‖² + λ·Σ −log2 p(symbol | symbols before) over
codes and SKIP. Letters as in `quantizer`; ``A = K + 1``, ``L`` values of λ.
"""

import itertools
from collections.abc import Sequence
from typing import Literal

import numpy as np

from quantlab.codebooks.quantizer import Quantizer
from quantlab.codebooks.results import SearchResult, price
from quantlab.codebooks.search_cpu import cross_bytes, search_cpu
from quantlab.codebooks.search_reference import search_reference
from quantlab.codebooks.trellis import search_trellis
from quantlab.compat import choose_device
from quantlab.entropy import FactorizedPrior, Prior, TrellisPrior
from quantlab.errors import ConfigError, InputError

__all__ = ["MAX_BEAM", "Kernel", "SearchResult", "price", "search", "search_exhaustive"]

MAX_BEAM = 32
Kernel = Literal["auto", "reference", "cpu", "gpu"]
_KERNELS = ("auto", "reference", "cpu", "gpu")
_EXHAUSTIVE_LIMIT = 1 << 20
_TABLE_LIMIT = 1 << 30


def search(
    quantizer: Quantizer,
    z: np.ndarray,
    prior: Prior,
    lams: Sequence[float] | np.ndarray,
    *,
    beam: int = 1,
    kernel: Kernel = "auto",
) -> list[SearchResult]:
    """Choose symbols position by position, minimising the cost of what has been chosen so far.

    With beam 1 each position minimises the cost of its own residual; at λ = 0 that is the nearest
    neighbour stage by stage, SKIP among the candidates. With beam B the B cheapest prefixes are
    kept, over all positions; under a factorized prior over the stages of each group, because the
    costs of groups add up. A symbol that the prior makes impossible is not chosen at any λ.

    Ties go to the prefix of lower rank, then to the symbol of lowest index; a kernel may differ
    from the reference only between choices that cost the same within 1e-5·J.

    Under a trellis prior the choice is exact whatever the beam: a Viterbi search, see
    `search_trellis`.

    Memory beside the result, which holds L·N·(2·S + 16) bytes: 2·G·Q²·A² bytes of products between
    codes in single precision (twice that for a context prior or a beam; beyond 1 GiB the reference
    is used, which holds none), and for each thread a block of 256 vectors with 4·S·A bytes each, or
    of 4096 prefixes with what the prior keeps of each. `z` may be a memory map; it is read once.

    Parameters
    ----------
    quantizer : Quantizer
        The codebooks.
    z : np.ndarray [shape=(N, D)]
        Scaled vectors of any real dtype and layout.
    prior : Prior
        What symbols cost, in bits.
    lams : Sequence[float] or np.ndarray [shape=(L,)]
        Squared distance per bit, finite and ≥ 0, in any order. Many cost little more than one with
        beam 1; with a beam each costs the same.
    beam : int
        Prefixes kept, 1 … 32.
    kernel : {"auto", "reference", "cpu", "gpu"}
        ``reference`` is the plain definition, ``cpu`` (also ``auto``) compiled, ``gpu`` PyTorch on
        CUDA, for factorized priors.

    Returns
    -------
    list[SearchResult]
        One per λ, in the order given.

    Raises
    ------
    InputError
        Shapes do not fit, values are not finite, or a λ or the beam is out of range.
    ConfigError
        The kernel is unknown, or ``gpu`` without CUDA or with a prior that looks at symbols.

    References
    ----------
    Chou, Lookabaugh and Gray, "Entropy-constrained vector quantization", IEEE Trans. ASSP 37
    (1989), equation 5, applied to each residual stage.
    """
    lams = [float(lam) for lam in lams]
    _check(quantizer, z, prior, lams)
    if not 1 <= beam <= MAX_BEAM:
        raise InputError(f"beam is {beam}; give 1 … {MAX_BEAM}")
    if kernel not in _KERNELS:
        raise ConfigError(f"kernel {kernel!r} is unknown; use one of {', '.join(_KERNELS)}")
    if isinstance(prior, TrellisPrior):
        return search_trellis(quantizer, z, prior, lams)
    if kernel == "gpu":
        return _on_gpu(quantizer, z, prior, lams, beam)
    if kernel == "reference" or cross_bytes(quantizer) > _TABLE_LIMIT:
        if not all(np.isfinite(row).all() for row in z):
            raise InputError("vectors hold NaN or infinite values; check the embedding set")
        return search_reference(quantizer, z, prior, lams, beam=beam)
    if beam == 1 and isinstance(prior, FactorizedPrior):
        return search_cpu(quantizer, z, prior, lams)
    from quantlab.codebooks.search_context import search_context

    return search_context(quantizer, z, prior, lams, beam=beam)


def _on_gpu(
    quantizer: Quantizer, z: np.ndarray, prior: Prior, lams: Sequence[float] | np.ndarray, beam: int
) -> list[SearchResult]:
    if not isinstance(prior, FactorizedPrior):
        raise ConfigError(
            f"kernel gpu takes a factorized prior, given {prior.kind}; use auto or cpu"
        )
    from quantlab.codebooks.search_gpu import search_gpu

    return search_gpu(quantizer, z, prior, lams, beam=beam, device=choose_device("cuda"))


def _check(
    quantizer: Quantizer, z: np.ndarray, prior: Prior, lams: Sequence[float] | np.ndarray
) -> None:
    quantizer.grouped(z[:0])
    expected = (quantizer.num_symbols, quantizer.alphabet_size)
    found = (prior.num_positions, prior.alphabet_size)
    if found != expected:
        raise InputError(f"the prior gives bits for {found}, the quantizer has {expected}")
    for lam in lams:
        if not (np.isfinite(lam) and lam >= 0):
            raise InputError(f"lam must be finite and >= 0, given {lam}")


def search_exhaustive(
    quantizer: Quantizer, z: np.ndarray, prior: Prior, lam: float
) -> SearchResult:
    """Try every symbol sequence: the true minimum of J, for tiny codebooks.

    Under a factorized prior the groups are tried one by one. Parameters and errors as `search`;
    InputError also when there are more than 2**20 sequences.
    """
    _check(quantizer, z, prior, [lam])
    if not np.isfinite(z).all():
        raise InputError("vectors hold NaN or infinite values; check the embedding set")
    num_stages, alphabet = quantizer.num_stages, quantizer.alphabet_size
    if isinstance(prior, FactorizedPrior) and quantizer.num_groups > 1:
        table = prior.frequencies.reshape(quantizer.num_groups, num_stages, alphabet)
        groups = quantizer.grouped(z)
        parts = [
            search_exhaustive(Quantizer(books[None]), groups[:, group], FactorizedPrior(rows), lam)
            for group, (books, rows) in enumerate(zip(quantizer.codebooks, table, strict=True))
        ]
        return price(quantizer, z, np.concatenate([part.symbols for part in parts], axis=1), prior)
    if alphabet**quantizer.num_symbols > _EXHAUSTIVE_LIMIT:
        raise InputError(
            f"{alphabet}**{quantizer.num_symbols} sequences are too many to try; use search instead"
        )
    sequences = np.array(list(itertools.product(range(alphabet), repeat=quantizer.num_symbols)))
    points = quantizer.decode(sequences).astype(np.float64)
    bits = prior.code_length_bits(sequences)
    charge = np.full(len(bits), np.inf)
    np.multiply(lam, bits, out=charge, where=np.isfinite(bits))
    symbols = np.empty((len(z), quantizer.num_symbols), np.uint16)
    for row, vector in enumerate(np.asarray(z, np.float64)):
        error = vector - points
        symbols[row] = sequences[(np.einsum("md,md->m", error, error) + charge).argmin()]
    return price(quantizer, z, symbols, prior)
