"""Priors over code symbols, and the counting of bits."""

from quantlab.entropy.bits import SymbolStatistics, symbol_statistics
from quantlab.entropy.factorized import FactorizedPrior, check_symbols, count_symbols
from quantlab.entropy.protocol import CodingPrior, Context, Prior

__all__ = [
    "CodingPrior",
    "Context",
    "FactorizedPrior",
    "Prior",
    "SymbolStatistics",
    "check_symbols",
    "count_symbols",
    "symbol_statistics",
]
