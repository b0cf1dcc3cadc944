"""From fixed-point log weights to coding frequencies, in whole numbers only.

A row of frequencies is a *base* row, as a factorized prior would have it, times two to the power of
a *tilt* for every symbol. Tilts are whole multiples of 2**-10 bits. The exponential is a table of
the fraction and a shift by the whole part; the sum is divided by multiplying with one reciprocal
per row. All of it is 64-bit integer arithmetic without overflow, so every platform computes the
same row. With tilts of zero the row is the base row again, exactly.

Letters: ``n`` rows, ``A`` alphabet size, ``P`` tables of pairs.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from quantlab.entropy.factorized import PRECISION_BITS

TILT_BITS = 10  # fraction bits of a tilt
TABLE_BITS = 4  # fraction bits of a table's entries
TILT_LIMIT = 1 << 27  # a tilt's absolute value stays below, in units of 2**-TILT_BITS
_EXPONENTIAL_BITS = 12
_RECIPROCAL_BITS = 42
_NEVER = -(1 << 29)  # of symbols that have but the one unit that every symbol has


@dataclass(frozen=True, eq=False)
class Base:
    """A row of frequencies, taken apart for `spread`.

    Attributes
    ----------
    mantissa : np.ndarray [shape=(A,), dtype=uint64]
        What each symbol has above one unit, shifted left until it has 20 bits.
    exponent : np.ndarray [shape=(A,), dtype=int64]
        Its number of bits, times ``2**TILT_BITS``.
    """

    mantissa: np.ndarray
    exponent: np.ndarray


def split_base(frequencies: np.ndarray) -> Base:
    """Take a row of positive frequencies ``[A]`` that sum to ``2**20`` apart."""
    above = frequencies.astype(np.int64) - 1
    lengths = np.frexp(above.astype(np.float64))[1].astype(np.int64)
    exponent = np.where(above > 0, lengths << TILT_BITS, _NEVER)
    return Base((above << (PRECISION_BITS - lengths)).astype(np.uint64), exponent)


def spread(
    products: np.ndarray, shift: int, tables: np.ndarray, chosen: np.ndarray, base: Base
) -> np.ndarray:
    """Return the frequencies of each row.

    The tilt of symbol a in row i is ``(products[i, a] >> shift) + Σ_p tables[p, chosen[i, p], a]``,
    the latter in units of ``2**-4`` bits.

    Parameters
    ----------
    products : np.ndarray [shape=(n, A), dtype=float32 or float64]
        Whole numbers.
    shift : int
        Bits dropped from them, 0 or more.
    tables : np.ndarray [shape=(P, A, A), dtype=int8]
        Tilts by the symbols of P earlier positions.
    chosen : np.ndarray [shape=(n, P), dtype=int64]
        Those symbols.
    base : Base
        Frequencies at tilt zero.

    Returns
    -------
    np.ndarray [shape=(n, A), dtype=uint32]
        Rows that sum to ``2**20`` and hold no zero. What rounding leaves over goes to the first
        of the largest.
    """
    out = np.empty(products.shape, np.uint32)
    _kernel()(products, shift, tables, chosen, base.mantissa, base.exponent, exponentials(), out)
    return out


@cache
def exponentials() -> np.ndarray:
    """Return 2**12 · 2**(−i / 2**10), rounded, for i = 0 … 2**10 − 1, as uint64."""
    steps = np.arange(1 << TILT_BITS) / (1 << TILT_BITS)
    table = np.rint((1 << _EXPONENTIAL_BITS) * 2.0**-steps).astype(np.uint64)
    table.setflags(write=False)
    return table


@cache
def code_lengths() -> np.ndarray:
    """Return 20 − log2 f for every frequency f = 0 … 2**20, float64; infinite for 0."""
    table = np.full((1 << PRECISION_BITS) + 1, np.inf)
    table[1:] = PRECISION_BITS - np.log2(np.arange(1, len(table), dtype=np.float64))
    table.setflags(write=False)
    return table


@cache
def _kernel() -> Any:
    from numba import njit

    total, never = 1 << PRECISION_BITS, 2 * _NEVER
    lift = TILT_BITS - TABLE_BITS
    fraction, mask, reciprocal = TILT_BITS, (1 << TILT_BITS) - 1, _RECIPROCAL_BITS

    @njit(cache=True, nogil=True)
    def fill(products, shift, tables, chosen, mantissa, exponent, exponential, out):
        num_rows, alphabet = products.shape
        tilts = np.empty(alphabet, np.int64)
        weights = np.empty(alphabet, np.uint64)
        room = np.uint64(total - alphabet)
        for row in range(num_rows):
            for a in range(alphabet):
                tilts[a] = (np.int64(products[row, a]) >> shift) + exponent[a]
            for p in range(len(tables)):
                table = tables[p, chosen[row, p]]
                for a in range(alphabet):
                    tilts[a] += np.int64(table[a]) << lift
            highest = never
            for a in range(alphabet):
                highest = max(highest, tilts[a])
            norm = np.uint64(0)
            for a in range(alphabet):
                below = highest - tilts[a]
                weight = mantissa[a] * exponential[below & mask]
                weight >>= np.uint64(min(below >> fraction, 63))
                weights[a] = weight
                norm += weight
            inverse = (room << np.uint64(reciprocal)) // norm
            rest, best, most = np.int64(room), 0, np.int64(-1)
            for a in range(alphabet):
                share = np.int64((weights[a] * inverse) >> np.uint64(reciprocal))
                rest -= share
                if share > most:
                    best, most = a, share
                out[row, a] = share + 1
            out[row, best] += rest
        return None

    return fill
