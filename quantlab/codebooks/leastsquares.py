"""The codebooks of one group that suit given symbols best: joint least squares over its stages.

Letters as in `quantizer`; ``d = D/G``. The normal equations need only how often two codes stand
together and the sum of the vectors of each code, O(N·Q²) to count and independent of N to solve.
"""

import numpy as np

_RIDGE = 1e-3  # vectors' worth of pull towards the place where a code stood


class NormalEquations:
    """Sums over vectors from which the codebooks of one group follow.

    Parameters
    ----------
    num_stages, num_codes, width : int
        Q, K and d. Memory is (Q·(K + 1))²·8 bytes.
    """

    def __init__(self, num_stages: int, num_codes: int, width: int) -> None:
        self.shape = (num_stages, num_codes + 1, width)
        size = num_stages * (num_codes + 1)
        self.together = np.zeros((size, size))
        self.sums = np.zeros((size, width))

    def add(self, symbols: np.ndarray, z: np.ndarray, *, weight: float = 1.0) -> None:
        """Count the symbols ``[n, Q]`` that were chosen for vectors `z` ``[n, d]``."""
        from scipy.sparse import csr_array

        num_rows, num_stages = symbols.shape
        alphabet = self.shape[1]
        flat = symbols.astype(np.int64) + alphabet * np.arange(num_stages)
        chosen = csr_array(
            (
                np.ones(flat.size),
                flat.ravel(),
                np.arange(0, flat.size + 1, num_stages),
            ),
            shape=(num_rows, len(self.sums)),
        )
        self.sums += weight * (chosen.T @ z.astype(np.float64))
        for first in range(num_stages):
            for second in range(first, num_stages):
                pairs = symbols[:, first].astype(np.int64) * alphabet + symbols[:, second]
                count = np.bincount(pairs, minlength=alphabet**2).reshape(alphabet, alphabet)
                self._block(first, second)[:] += weight * count
                if second > first:
                    self._block(second, first)[:] += weight * count.T

    def _block(self, first: int, second: int) -> np.ndarray:
        size = self.shape[1]
        return self.together[first * size : (first + 1) * size, second * size : (second + 1) * size]

    def solve(self, codebooks: np.ndarray) -> np.ndarray:
        """Return the codebooks ``[Q, K, d]`` with the least weighted squared error.

        A slight pull towards the `codebooks` that stood before makes the solution unique and
        leaves codes that were never chosen where they are; the error cannot rise by it.
        """
        num_stages, alphabet, width = self.shape
        codes = np.arange(num_stages * alphabet).reshape(num_stages, alphabet)[:, :-1].ravel()
        before = codebooks.reshape(-1, width).astype(np.float64)
        normal = self.together[np.ix_(codes, codes)]
        pull = _RIDGE * max(np.trace(self.together) / len(self.together), 1e-300)
        # Solving for the step, not the codes, keeps codes without vectors exactly in place.
        missing = self.sums[codes] - normal @ before
        normal[np.diag_indices_from(normal)] += pull
        step = np.linalg.solve(normal, missing)
        return (before + step).reshape(codebooks.shape).astype(np.float32)
