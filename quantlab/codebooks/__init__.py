"""Codebook quantizers, rate-aware code choice, recipes, and the codec that joins them."""

from quantlab.codebooks.checkpoints import import_checkpoint
from quantlab.codebooks.codec import Codec
from quantlab.codebooks.encoding import encode_direct, encode_paths
from quantlab.codebooks.ladder import PREDECESSOR_LAMS, ladder_ends, make_ladder
from quantlab.codebooks.parallel import fit_parallel
from quantlab.codebooks.paths import Paths, RateControlled, join_paths, make_paths
from quantlab.codebooks.quantizer import Quantizer, uniform_prior
from quantlab.codebooks.recipes import Recipe, capacity, parse_recipe, permuted_within, select
from quantlab.codebooks.refine import Refined, refine, refine_ladder, refit_codebooks
from quantlab.codebooks.results import Encoded, Mode
from quantlab.codebooks.scaling import Scaling, ScalingKind
from quantlab.codebooks.search import SearchResult, price, search, search_exhaustive
from quantlab.codebooks.settings import (
    LAM_DECIMALS,
    CodecSettings,
    LadderSettings,
    PriorSettings,
    QuantizerSettings,
    TransformSettings,
    TrellisSettings,
)
from quantlab.codebooks.streams import (
    CodedSymbols,
    Compressed,
    Decompressed,
    compress,
    compress_symbols,
    decompress,
    read_symbols,
)
from quantlab.codebooks.training import MIN_VECTORS_PER_CODE, capped_codes, fit_quantizer
from quantlab.codebooks.transform import Klt
from quantlab.codebooks.trellis import search_trellis
from quantlab.codebooks.trellis_fit import NUM_STATES, TrellisFit, fit_trellis, lam_for_bits
from quantlab.codebooks.union import union

__all__ = [
    "LAM_DECIMALS",
    "MIN_VECTORS_PER_CODE",
    "NUM_STATES",
    "PREDECESSOR_LAMS",
    "Codec",
    "CodecSettings",
    "CodedSymbols",
    "Compressed",
    "Decompressed",
    "Encoded",
    "Klt",
    "LadderSettings",
    "Mode",
    "Paths",
    "PriorSettings",
    "Quantizer",
    "QuantizerSettings",
    "RateControlled",
    "Recipe",
    "Refined",
    "Scaling",
    "ScalingKind",
    "SearchResult",
    "TransformSettings",
    "TrellisFit",
    "TrellisSettings",
    "capacity",
    "capped_codes",
    "compress",
    "compress_symbols",
    "decompress",
    "encode_direct",
    "encode_paths",
    "fit_parallel",
    "fit_quantizer",
    "fit_trellis",
    "import_checkpoint",
    "join_paths",
    "ladder_ends",
    "lam_for_bits",
    "make_ladder",
    "make_paths",
    "parse_recipe",
    "permuted_within",
    "price",
    "read_symbols",
    "refine",
    "refine_ladder",
    "refit_codebooks",
    "search",
    "search_exhaustive",
    "search_trellis",
    "select",
    "uniform_prior",
    "union",
]
