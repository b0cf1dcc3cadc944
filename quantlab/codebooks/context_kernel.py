"""The compiled part of the search under any prior: choosing at one position, for many prefixes.

All in double precision. Loads numba, so it is imported only inside the functions that need it.
Letters as in `search_context`.
"""

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def _fill(cost, gained, first, vector, cross, history):
    """Write ‖residual − c‖² of every code c after one prefix."""
    for symbol in range(len(cost)):
        cost[symbol] = gained + first[vector, symbol]
    for earlier in range(len(history)):
        for symbol in range(len(cost)):
            cost[symbol] += cross[earlier, history[earlier], symbol]


@numba.njit(cache=True, nogil=True)
def _lowest(distortion, bits, prefix, lam):
    """Find the possible symbol of lowest cost, the lowest index of equal ones."""
    best, low = -1, np.inf
    for symbol in range(len(distortion)):
        cost = distortion[symbol] + (lam * bits[prefix, symbol] if lam > 0.0 else 0.0)
        if cost < low and bits[prefix, symbol] < np.inf:
            best, low = symbol, cost
    return best


@numba.njit(cache=True, nogil=True)
def split_ranges(
    vectors, begins, ends, prefixes, gained, history, first, cross, bits, lams,
    parent_out, symbol_out, begin_out, end_out, gained_out,
):  # fmt: skip
    """Choose for each prefix and each λ of its range; cut the range where the choice changes.

    A symbol that wins at two λ wins between them. Returns the number of pieces written.
    """
    size = 0
    distortion = np.empty(first.shape[1])
    for node in range(len(vectors)):
        _fill(distortion, gained[node], first, vectors[node], cross, history[node])
        prefix = prefixes[node] if len(bits) > 1 else 0
        begin, stop = begins[node], ends[node]
        at_stop = _lowest(distortion, bits, prefix, lams[stop - 1])
        while begin < stop:
            end, symbol = stop, at_stop
            if begin < stop - 1:
                symbol = _lowest(distortion, bits, prefix, lams[begin])
            if symbol != at_stop:
                same, other = begin, stop - 1
                while other - same > 1:
                    middle = (same + other) // 2
                    if _lowest(distortion, bits, prefix, lams[middle]) == symbol:
                        same = middle
                    else:
                        other = middle
                end = other
            parent_out[size], symbol_out[size] = node, symbol
            begin_out[size], end_out[size] = begin, end
            gained_out[size] = distortion[symbol]
            size += 1
            begin = end
    return size


@numba.njit(cache=True, nogil=True)
def keep_beams(
    beam, counts, vectors, lams, prefixes, gained, spent, history, first, cross, bits,
    parent_out, symbol_out, gained_out, spent_out, counts_out,
):  # fmt: skip
    """Keep the `beam` cheapest continuations of each row's prefixes.

    In order of cost; equal costs in order of the parent's rank, then of the symbol.
    """
    distortion, candidates = np.empty((2, first.shape[1]))
    costs = np.empty(beam)
    for row in range(len(vectors)):
        size, lam, worst = 0, lams[row], np.inf
        for parent in range(counts[row]):
            _fill(distortion, gained[row, parent], first, vectors[row], cross, history[row, parent])
            prefix = prefixes[row, parent] if len(bits) > 1 else 0
            before = spent[row, parent]
            for symbol in range(len(distortion)):
                candidates[symbol] = distortion[symbol] + lam * (before + bits[prefix, symbol])
            for symbol in range(len(distortion)):
                cost = candidates[symbol]
                if not cost < worst:  # infinite, or 0 · ∞: an impossible symbol
                    continue
                place = min(size, beam - 1)
                while place > 0 and costs[place - 1] > cost:
                    costs[place] = costs[place - 1]
                    parent_out[row, place] = parent_out[row, place - 1]
                    symbol_out[row, place] = symbol_out[row, place - 1]
                    gained_out[row, place] = gained_out[row, place - 1]
                    spent_out[row, place] = spent_out[row, place - 1]
                    place -= 1
                costs[place] = cost
                parent_out[row, place], symbol_out[row, place] = parent, symbol
                gained_out[row, place] = distortion[symbol]
                spent_out[row, place] = before + bits[prefix, symbol]
                size = min(size + 1, beam)
                if size == beam:
                    worst = costs[beam - 1]
        counts_out[row] = size
