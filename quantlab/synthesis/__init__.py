"""From embeddings to sound: quantized references for synthesizers, and vocoders.

`quantize_reference` makes a `Reference` of clips, `write_reference` and `read_reference` keep it in
files that any program reads, `write_reference_arrays` gives one array per clip. `get_vocoder` turns
log-mel bands into samples.
"""

from quantlab.synthesis.quantize import embedder_of, quantize_reference
from quantlab.synthesis.references import (
    CodecOrigin,
    Pooling,
    Reference,
    ReferenceCard,
    ReferenceClip,
    read_reference,
    write_reference,
    write_reference_arrays,
)
from quantlab.synthesis.vocoders import (
    VOCODERS,
    GriffinLim,
    GriffinLimSettings,
    Vocoder,
    get_vocoder,
)

__all__ = [
    "VOCODERS",
    "CodecOrigin",
    "GriffinLim",
    "GriffinLimSettings",
    "Pooling",
    "Reference",
    "ReferenceCard",
    "ReferenceClip",
    "Vocoder",
    "embedder_of",
    "get_vocoder",
    "quantize_reference",
    "read_reference",
    "write_reference",
    "write_reference_arrays",
]
