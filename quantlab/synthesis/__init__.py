"""From embeddings to sound: quantized references, conversion through a decoder, listening to it.

`quantize_reference` makes a `Reference` of clips, `write_reference` and `read_reference` keep it in
files that any program reads, `write_reference_arrays` gives one array per clip. `get_decoder` turns
speech and an emotion vector into log-mel bands, `get_vocoder` bands into samples; `convert` does
both. `listening_loop` converts over codecs and λ, and asks what is heard.
"""

from quantlab.synthesis.conversion import (
    Conversion,
    ConversionCard,
    as_loud_as,
    checked_output,
    convert,
    write_conversion,
)
from quantlab.synthesis.decoders import (
    DECODERS,
    Decoder,
    StyleVCDecoder,
    StyleVCDecoderSettings,
    get_decoder,
)
from quantlab.synthesis.emotions import (
    Emotion,
    EmotionVector,
    PlainVectors,
    emotion_vector,
    read_emotion,
)
from quantlab.synthesis.listeners import DecoderListener, EmbedderListener, Heard, Listener
from quantlab.synthesis.listening import Listening, listening_loop
from quantlab.synthesis.listening_page import write_listening_report
from quantlab.synthesis.listening_plan import ListeningSettings, Plan, Source, make_plan
from quantlab.synthesis.listening_summary import listening_summary
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
    "DECODERS",
    "VOCODERS",
    "CodecOrigin",
    "Conversion",
    "ConversionCard",
    "Decoder",
    "DecoderListener",
    "EmbedderListener",
    "Emotion",
    "EmotionVector",
    "GriffinLim",
    "GriffinLimSettings",
    "Heard",
    "Listener",
    "Listening",
    "ListeningSettings",
    "PlainVectors",
    "Plan",
    "Pooling",
    "Reference",
    "ReferenceCard",
    "ReferenceClip",
    "Source",
    "StyleVCDecoder",
    "StyleVCDecoderSettings",
    "Vocoder",
    "as_loud_as",
    "checked_output",
    "convert",
    "embedder_of",
    "emotion_vector",
    "get_decoder",
    "get_vocoder",
    "listening_loop",
    "listening_summary",
    "make_plan",
    "quantize_reference",
    "read_emotion",
    "read_reference",
    "write_conversion",
    "write_listening_report",
    "write_reference",
    "write_reference_arrays",
]
