"""What the symbols themselves say about rate, beside the code length that a prior gives them.

Code length is a cross-entropy and not information: a constant output still has one, while its
empirical entropy is zero. Both are therefore always reported.
"""

from dataclasses import dataclass

import numpy as np

from quantlab.entropy.factorized import count_symbols


@dataclass(frozen=True)
class SymbolStatistics:
    """Statistics of the symbols emitted for one data set.

    Attributes
    ----------
    entropy_bits : float
        Empirical entropy, summed over positions, in bits per vector.
    distinct_sequences : int
        How many different symbol sequences occur among the vectors.
    num_vectors : int
        Vectors counted.
    usage : np.ndarray [shape=(S,), dtype=float64]
        Share of the alphabet in use at each position, 0 to 1.
    perplexity : np.ndarray [shape=(S,), dtype=float64]
        2 to the entropy of each position, 1 to A.
    """

    entropy_bits: float
    distinct_sequences: int
    num_vectors: int
    usage: np.ndarray
    perplexity: np.ndarray


def symbol_statistics(symbols: np.ndarray, *, alphabet_size: int) -> SymbolStatistics:
    """Describe emitted symbols ``[N, S]``; an empty set has entropy 0 and no sequences.

    The entropy is the plug-in estimate per position, which is biased low on few vectors.
    """
    counts = count_symbols(symbols, alphabet_size=alphabet_size)
    share = counts / max(len(symbols), 1)
    logs = np.log2(share, out=np.zeros_like(share), where=share > 0)
    entropy = -(share * logs).sum(axis=1)
    return SymbolStatistics(
        entropy_bits=float(entropy.sum()),
        distinct_sequences=len(np.unique(symbols, axis=0)),
        num_vectors=len(symbols),
        usage=(counts > 0).mean(axis=1),
        perplexity=2.0**entropy,
    )
