"""What rate-aware code choice is compared with: similarity reductions and references.

A reduction lowers similarity directly, without a prior in the choice; its symbols are then coded
with a factorized prior fitted on the same method's training symbols. A reference is a plain blur
or noise that is matched to a codec's distortion, item by item.
"""

from quantlab.baselines.dropping import drop_least, drop_most, truncate
from quantlab.baselines.gaussian import GaussianModel, pca_truncate, water_fill
from quantlab.baselines.noising import noise
from quantlab.baselines.prepared import Prepared, prepare
from quantlab.baselines.reduced import Reduced
from quantlab.baselines.references import add_noise, shrink
from quantlab.baselines.rounding import coarse_step

__all__ = [
    "GaussianModel",
    "Prepared",
    "Reduced",
    "add_noise",
    "coarse_step",
    "drop_least",
    "drop_most",
    "noise",
    "pca_truncate",
    "prepare",
    "shrink",
    "truncate",
    "water_fill",
]
