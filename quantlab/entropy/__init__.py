"""Priors over code symbols, and the counting of bits."""

from quantlab.entropy.bits import SymbolStatistics, symbol_statistics
from quantlab.entropy.bitstream import STREAM_MODES, Stream, pack_stream, unpack_stream
from quantlab.entropy.coder import ENDING_BITS, Payload, decode_symbols, encode_symbols
from quantlab.entropy.conditioned import ConditionedPrior, refit_frequencies
from quantlab.entropy.factorized import (
    PRECISION_BITS,
    FactorizedPrior,
    check_symbols,
    count_symbols,
)
from quantlab.entropy.pairwise import PairwisePrior
from quantlab.entropy.pairwise_fit import PairwiseSettings, fit_pairwise
from quantlab.entropy.protocol import CodingPrior, Context, Prior
from quantlab.entropy.registry import PRIOR_KINDS, prior_from_tensors
from quantlab.entropy.scalar import ScalarTransformCoder, step_for_lam
from quantlab.entropy.transformer import TransformerPrior
from quantlab.entropy.transformer_fit import TransformerSettings, fit_transformer
from quantlab.entropy.trellis import TrellisPrior

__all__ = [
    "ENDING_BITS",
    "PRECISION_BITS",
    "PRIOR_KINDS",
    "STREAM_MODES",
    "CodingPrior",
    "ConditionedPrior",
    "Context",
    "FactorizedPrior",
    "PairwisePrior",
    "PairwiseSettings",
    "Payload",
    "Prior",
    "ScalarTransformCoder",
    "Stream",
    "SymbolStatistics",
    "TransformerPrior",
    "TransformerSettings",
    "TrellisPrior",
    "check_symbols",
    "count_symbols",
    "decode_symbols",
    "encode_symbols",
    "fit_pairwise",
    "fit_transformer",
    "pack_stream",
    "prior_from_tensors",
    "refit_frequencies",
    "step_for_lam",
    "symbol_statistics",
    "unpack_stream",
]
