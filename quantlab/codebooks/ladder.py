"""The λ ladder of a codec: where its choices begin to change, to where they have all collapsed."""

from collections.abc import Callable, Sequence

import numpy as np

from quantlab.codebooks.quantizer import Quantizer
from quantlab.codebooks.search import search
from quantlab.codebooks.settings import LAM_DECIMALS, LadderSettings
from quantlab.entropy import Prior
from quantlab.errors import ConfigError

# λ of the predecessor's published curves, in raw feature units squared per bit.
PREDECESSOR_LAMS = (0, 1e-4, 0.01, 0.1, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)
_LOW_SHARE = 0.01
_HIGH_SHARE = 0.99
_BISECTIONS = 14
_PROBE_VECTORS = 2000


def given_ladder(settings: LadderSettings, *, lam_unit: float) -> tuple[float, ...]:
    """Return the ladder that the settings fix, or ``()`` when it is to be found from data.

    Parameters
    ----------
    settings : LadderSettings
        The settings.
    lam_unit : float
        One unit of λ in feature units squared per bit, s², by which raw λ are divided; NaN where
        the dimensions have no common s.

    Raises
    ------
    ConfigError
        The preset is asked for where dimensions have no common scale, or its smallest λ cannot be
        told from 0 at this scale.
    """
    if settings.lams:
        return settings.lams
    if settings.preset == "auto":
        return ()
    if np.isnan(lam_unit):
        raise ConfigError(
            "the predecessor's λ are in raw units, and dimensions that are scaled one by one share "
            "none; leave the preset out, or set scaling: scalar"
        )
    lams = tuple(round(_tidy(lam / lam_unit), LAM_DECIMALS) for lam in PREDECESSOR_LAMS)
    if len(set(lams)) < len(lams):
        raise ConfigError(
            f"the predecessor's λ are too small for embeddings of scale {lam_unit**0.5:.3g}; "
            "leave the preset out, or give lams"
        )
    return lams


def make_ladder(ends: Sequence[float] | np.ndarray, num: int) -> tuple[float, ...]:
    """Return λ = 0 and `num` − 1 values in geometric steps between two ends, `num` ≥ 3."""
    return (0.0, *(_tidy(lam) for lam in np.geomspace(ends[0], ends[1], num - 1)))


def ladder_ends(quantizer: Quantizer, z: np.ndarray, prior: Prior) -> tuple[float, float]:
    """Find where the choices of a quantizer begin to change, and where they have collapsed.

    Parameters
    ----------
    quantizer : Quantizer
        The codebooks.
    z : np.ndarray [shape=(N, D)]
        Scaled training vectors; the first 2000 are used.
    prior : Prior
        What symbols cost.

    Returns
    -------
    tuple[float, float]
        The λ at which 1 % of the symbols differ from those of λ = 0, and the λ at which 99 % of
        the vectors have reached one constant output.
    """
    probe = z[:_PROBE_VECTORS]
    nearest = search(quantizer, probe, prior, [0.0])[0].symbols

    def changed(lam: float) -> bool:
        symbols = search(quantizer, probe, prior, [lam])[0].symbols
        return float((symbols != nearest).mean()) >= _LOW_SHARE

    def collapsed(lam: float) -> bool:
        symbols = search(quantizer, probe, prior, [lam])[0].symbols
        # One and the same output for nearly all. Where two symbols are nearly as probable, the
        # very constant of λ → ∞ may lie far beyond, and nothing changes on the way.
        counts = np.unique(symbols, axis=0, return_counts=True)[1]
        return int(counts.max()) >= _HIGH_SHARE * len(symbols)

    spread = float(np.einsum("nd,nd->n", probe, probe, dtype=np.float64).mean())
    low = _first_true(changed, spread * 1e-7, spread * 1e3)
    return low, max(_first_true(collapsed, low, spread * 1e3), low * 10)


def _first_true(condition: Callable[[float], bool], low: float, high: float) -> float:
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
