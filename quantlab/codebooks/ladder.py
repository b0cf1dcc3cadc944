"""The λ ladder of a codec: where its choices begin to change, to where they have all collapsed."""

import numpy as np

from quantlab.codebooks.quantizer import Quantizer
from quantlab.codebooks.search import search
from quantlab.codebooks.settings import LadderSettings

# λ of the predecessor's published curves, in raw feature units squared per bit.
PREDECESSOR_LAMS = (0, 1e-4, 0.01, 0.1, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)
_LOW_SHARE = 0.01
_HIGH_SHARE = 0.99
_BISECTIONS = 14
_PROBE_VECTORS = 2000


def given_ladder(settings: LadderSettings, *, scale: float) -> tuple[float, ...]:
    """Return the ladder that the settings fix, or ``()`` when it is to be found from data.

    Parameters
    ----------
    settings : LadderSettings
        The settings.
    scale : float
        The scalar s of the scaling; raw λ are divided by s².
    """
    if settings.lams:
        return settings.lams
    if settings.preset == "predecessor":
        return tuple(_tidy(lam / scale**2) for lam in PREDECESSOR_LAMS)
    return ()


def find_ladder(
    quantizer: Quantizer, z: np.ndarray, bits_table: np.ndarray, *, num: int
) -> tuple[float, ...]:
    """Find an informative ladder for a quantizer and a prior.

    Parameters
    ----------
    quantizer : Quantizer
        The codebooks.
    z : np.ndarray [shape=(N, D)]
        Scaled training vectors; the first 2000 are used.
    bits_table : np.ndarray [shape=(S, K + 1)]
        Code lengths of the prior.
    num : int
        Length of the ladder, ≥ 3.

    Returns
    -------
    tuple[float, ...]
        λ = 0, then `num` − 1 values in geometric steps from where 1 % of the symbols differ from
        those of λ = 0 to where 99 % of the vectors have reached the constant output.
    """
    probe = z[:_PROBE_VECTORS]
    nearest = search(quantizer, probe, bits_table, 0.0).symbols
    constant = bits_table.argmin(axis=1)

    def changed(lam: float) -> bool:
        symbols = search(quantizer, probe, bits_table, lam).symbols
        return float((symbols != nearest).mean()) >= _LOW_SHARE

    def collapsed(lam: float) -> bool:
        symbols = search(quantizer, probe, bits_table, lam).symbols
        return float((symbols == constant).all(axis=1).mean()) >= _HIGH_SHARE

    spread = float(np.einsum("nd,nd->n", probe, probe, dtype=np.float64).mean())
    low = _first_true(changed, spread * 1e-7, spread * 1e3)
    high = max(_first_true(collapsed, low, spread * 1e3), low * 10)
    return (0.0, *(_tidy(lam) for lam in np.geomspace(low, high, num - 1)))


def _first_true(condition, low: float, high: float) -> float:
    """Bisect in log λ for the smallest λ that fulfils a (nearly) monotone condition."""
    for _ in range(_BISECTIONS):
        middle = float(np.sqrt(low * high))
        if condition(middle):
            high = middle
        else:
            low = middle
    return high


def _tidy(lam: float) -> float:
    """Keep four significant digits: readable in tables, equal after a round trip through text."""
    return float(f"{lam:.4g}")
