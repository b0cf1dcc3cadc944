"""The compiled part of `paths`: lower convex hulls of many small point sets.

Loads numba, so it is imported only inside the functions that need it.
"""

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def keep_hulls(
    bits: np.ndarray, distortion: np.ndarray, kept: np.ndarray, counts: np.ndarray
) -> None:
    """Find the hull points of each row, in order of falling bits.

    `bits` and `distortion` are float64 ``[N, L]``. The columns of the hull points of row n go to
    ``kept[n, : counts[n]]``; infinite points are left out, the first of equal points is kept.
    """
    num_rows, num_points = bits.shape
    order = np.empty(num_points, np.int64)
    for row in range(num_rows):
        size = 0
        for column in range(num_points):
            r, d = bits[row, column], distortion[row, column]
            if not (np.isfinite(r) and np.isfinite(d)):
                continue
            place = size
            while place > 0:
                other = order[place - 1]
                if bits[row, other] > r:
                    break
                if bits[row, other] == r and distortion[row, other] <= d:
                    break
                order[place] = other
                place -= 1
            order[place] = column
            size += 1
        top = 0
        for index in range(size):
            new = order[index]
            r, d = bits[row, new], distortion[row, new]
            if (
                top > 0
                and bits[row, kept[row, top - 1]] == r
                and distortion[row, kept[row, top - 1]] <= d
            ):
                continue
            while top > 0:
                last = kept[row, top - 1]
                rise = d - distortion[row, last]
                if rise > 0.0:
                    if top == 1:
                        break
                    before = kept[row, top - 2]
                    earlier = (distortion[row, last] - distortion[row, before]) / (
                        bits[row, before] - bits[row, last]
                    )
                    if rise / (bits[row, last] - r) > earlier:
                        break
                top -= 1
            kept[row, top] = new
            top += 1
        counts[row] = top
