"""The compiled part of the CPU search: a factorized prior, one block of vectors, all λ at once.

Costs are compared in single precision; where that cannot tell two candidates apart, they are
compared again in double precision from the residual itself, so the choice is that of the
reference whatever the block, the thread or the order of a product's sums. Loads numba, so it is
imported only inside the functions that need it. Letters as in `search_cpu`; ``W = D/G``.
"""

import numba
import numpy as np

_UNSURE = np.float32(2.0**-20)  # of the energies involved: sixteen times the unit rounding
_INFINITE = np.int32(0x7F800000)  # the bits of +∞
_NONE = np.int32(2**31 - 1)
_SMALL = 0.125  # share of ‖z‖² below which sums in single precision are not trusted
_FAST = {"nnan", "nsz", "contract", "reassoc", "arcp"}


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _reaches(sums, stage, bits, group, lam, energy, base):
    """First and last symbol that may be the cheapest, and the limit that their cost keeps.

    `base` makes all costs positive: floats then compare like the integers of the same bits, and
    only the minimum of integers is a loop that compilers turn into vector instructions.
    """
    low = _INFINITE
    for symbol in range(sums.shape[2]):
        cost = np.float32(base + sums[stage, stage, symbol] + lam * bits[group, stage, symbol])
        low = min(low, np.float32(cost).view(np.int32))
    lowest = np.int32(low).view(np.float32)
    limit = np.float32(lowest + _UNSURE * (energy + lowest))
    first, final = _NONE, np.int32(-1)
    for symbol in range(np.int32(sums.shape[2])):
        cost = base + sums[stage, stage, symbol] + lam * bits[group, stage, symbol]
        first = min(first, np.int32(symbol) if cost <= limit else _NONE)
        final = max(final, np.int32(symbol) if cost <= limit else np.int32(-1))
    return first, final, limit


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _distance(z, row, books, group, chosen, stage, symbol):
    """‖z − the codes chosen before `stage` − one of that stage‖² in double precision."""
    total = 0.0
    for index in range(z.shape[2]):
        error = z[row, group, index] - books[group, stage, symbol, index]
        for earlier in range(stage):
            error -= books[group, earlier, chosen[earlier], index]
        total += error * error
    return total


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _settle(
    sums, stage, bits, group, lam, base, exact_bits, exact_lam, z, row, books, chosen,
    first, final, limit,
):  # fmt: skip
    """Compare exactly the symbols from `first` to `final` whose cost keeps the limit."""
    best, lowest = first, np.inf
    for symbol in range(first, final + 1):
        if base + sums[stage, stage, symbol] + lam * bits[group, stage, symbol] <= limit:
            cost = _distance(z, row, books, group, chosen, stage, symbol)
            cost += exact_lam * exact_bits[group, stage, symbol]
            if cost < lowest:
                best, lowest = np.int32(symbol), cost
    return best


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _start_sums(products, row, group, norms, sums):
    """Write ‖c‖² − 2⟨z, c⟩ of every stage."""
    two = np.float32(2.0)
    for stage in range(sums.shape[1]):
        for symbol in range(sums.shape[2]):
            product = products[row, group, stage, symbol]
            sums[0, stage, symbol] = norms[group, stage, symbol] - two * product


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _extend_sums(sums, stage, cross, group, start):
    """Add to the sums of all later stages the products of their codes with the one chosen."""
    for later in range(stage + 1, sums.shape[1]):
        row = start + later - stage - 1
        for symbol in range(sums.shape[2]):
            before = sums[stage, later, symbol]
            sums[stage + 1, later, symbol] = before + cross[group, row, symbol]


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def choose_all_lams(
    z, products, books, norms, cross, bits, exact_bits, lams, exact_lams, spread,
    symbols_out, distortion_out, bits_out,
):  # fmt: skip
    """Choose for each row of a block at every λ.

    For a fixed prefix the cheapest symbol as a function of λ is a lower envelope of lines, so a
    symbol that wins at two λ wins between them: each distinct prefix is visited once, with the
    range of λ that it serves, and the range is cut where the winner changes.

    z float64 ``[n, G, W]``, products float32 ``[n, G, Q, A]``, books float32 ``[G, Q, A, W]``,
    norms float32 ``[G, Q, A]``, cross float32 ``[G, A·Q(Q−1)/2, A]``, bits and exact_bits
    ``[G, Q, A]`` in single and double precision, lams and exact_lams ``[L]`` ascending, spread
    float32 ``[G]``; writes ``[L, n, S]``, and ``[L, n]`` twice.
    """
    num_rows, num_groups, num_stages, alphabet = products.shape
    last = num_stages - 1
    sums = np.empty((num_stages, num_stages, alphabet), np.float32)
    chosen = np.empty(num_stages, np.int32)
    at = np.empty(num_stages, np.int64)
    stop = np.empty(num_stages, np.int64)
    at_stop = np.empty(num_stages, np.int32)
    ahead = np.empty(num_stages, np.int32)
    beyond = np.empty(num_stages, np.int32)
    gained = np.empty(num_stages + 1, np.float64)
    spent = np.empty(num_stages + 1, np.float64)
    for row in range(num_rows):
        for group in range(num_groups):
            power = 0.0
            for index in range(z.shape[2]):
                power += z[row, group, index] * z[row, group, index]
            energy = np.float32(power) + spread[group]
            _start_sums(products, row, group, norms, sums)
            gained[0], spent[0] = power, 0.0
            stage, at[0], stop[0] = 0, 0, len(lams)
            fresh, known_last = True, False
            while stage >= 0:
                begin, end = at[stage], stop[stage]
                if begin == end:
                    stage -= 1
                    continue
                base = np.float32(gained[stage]) + np.float32(8.0) * _UNSURE * energy
                same, other = begin, end - 1
                while fresh or ahead[stage] != at_stop[stage]:
                    # A new prefix is tried at the last λ, then at the first; then by halves.
                    probe = (same + other) // 2
                    if fresh:
                        probe = begin if known_last else end - 1
                    elif other - same <= 1:
                        break
                    lam = lams[probe]
                    symbol, final, limit = _reaches(sums, stage, bits, group, lam, energy, base)
                    if symbol != final:
                        symbol = _settle(
                            sums, stage, bits, group, lam, base, exact_bits, exact_lams[probe],
                            z, row, books, chosen, symbol, final, limit,
                        )  # fmt: skip
                    if not fresh:
                        if symbol == ahead[stage]:
                            same = probe
                        else:
                            other, beyond[stage] = probe, symbol
                    elif known_last:
                        ahead[stage], fresh = symbol, False
                    else:
                        at_stop[stage], ahead[stage], beyond[stage] = symbol, symbol, symbol
                        known_last, fresh = True, begin < end - 1
                symbol = ahead[stage]
                if symbol != at_stop[stage]:
                    end = other
                ahead[stage] = beyond[stage]
                beyond[stage] = at_stop[stage]
                chosen[stage] = symbol
                at[stage] = end
                gained[stage + 1] = gained[stage] + sums[stage, stage, symbol]
                spent[stage + 1] = spent[stage] + exact_bits[group, stage, symbol]
                if stage < last:
                    start = alphabet * stage * (2 * last - stage + 1) // 2
                    _extend_sums(sums, stage, cross, group, start + symbol * (last - stage))
                    stage += 1
                    at[stage], stop[stage] = begin, end
                    fresh, known_last = True, False
                    continue
                error = gained[num_stages]
                if error < _SMALL * power:
                    error = _distance(z, row, books, group, chosen, last, symbol)
                for place in range(begin, end):
                    if group == 0:
                        distortion_out[place, row] = error
                        bits_out[place, row] = spent[num_stages]
                    else:
                        distortion_out[place, row] += error
                        bits_out[place, row] += spent[num_stages]
                    for earlier in range(num_stages):
                        symbols_out[place, row, group * num_stages + earlier] = chosen[earlier]
