"""Codebook quantizers, rate-aware code choice, recipes, and the codec that joins them."""

from quantlab.codebooks.alternation import encode_ladder
from quantlab.codebooks.codec import Codec, Encoded
from quantlab.codebooks.ladder import PREDECESSOR_LAMS, ladder_ends, make_ladder
from quantlab.codebooks.quantizer import Quantizer, uniform_prior
from quantlab.codebooks.recipes import Recipe, capacity, parse_recipe, permuted_within, select
from quantlab.codebooks.scaling import Scaling
from quantlab.codebooks.search import SearchResult, price, search, search_exhaustive
from quantlab.codebooks.settings import (
    LAM_DECIMALS,
    CodecSettings,
    LadderSettings,
    PriorSettings,
    QuantizerSettings,
)
from quantlab.codebooks.training import MIN_VECTORS_PER_CODE, capped_codes, fit_quantizer

__all__ = [
    "LAM_DECIMALS",
    "MIN_VECTORS_PER_CODE",
    "PREDECESSOR_LAMS",
    "Codec",
    "CodecSettings",
    "Encoded",
    "LadderSettings",
    "PriorSettings",
    "Quantizer",
    "QuantizerSettings",
    "Recipe",
    "Scaling",
    "SearchResult",
    "capacity",
    "capped_codes",
    "encode_ladder",
    "fit_quantizer",
    "ladder_ends",
    "make_ladder",
    "parse_recipe",
    "permuted_within",
    "price",
    "search",
    "search_exhaustive",
    "select",
    "uniform_prior",
]
