"""From embeddings to sound: references, conversion, listening to it; how well models part speech.

`quantize_reference` makes a `Reference` of clips, `write_reference` and `read_reference` keep it in
files that any program reads, `write_reference_arrays` gives one array per clip. `get_decoder` turns
speech and an emotion vector into log-mel bands, `get_vocoder` bands into samples; `convert` does
both. `listening_loop` converts over codecs and λ, and asks what is heard. `evaluate_stylevc`
measures a trained StyleVC, `grid_of` and `write_evaluation_report` put several side by side.
"""

from quantlab.synthesis.card_grid import card_grid
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
from quantlab.synthesis.evaluation import (
    Evaluation,
    check_features,
    evaluate_stylevc,
    evaluation_key,
    grid_of,
)
from quantlab.synthesis.evaluation_files import (
    card_metrics,
    evaluation_folders,
    read_evaluation,
    write_evaluation,
)
from quantlab.synthesis.evaluation_report import shown_tables, write_evaluation_report
from quantlab.synthesis.evaluation_settings import EvaluationSettings
from quantlab.synthesis.finding import model_of, stylevc_models
from quantlab.synthesis.following import Followed, follow_clip
from quantlab.synthesis.listeners import DecoderListener, EmbedderListener, Heard, Listener
from quantlab.synthesis.listening import Listening, listening_loop
from quantlab.synthesis.listening_page import write_listening_report
from quantlab.synthesis.listening_plan import ListeningSettings, Plan, Source, make_plan
from quantlab.synthesis.listening_sounds import ListeningSounds, listening_runs
from quantlab.synthesis.listening_summary import listening_summary
from quantlab.synthesis.mixtures import Mixture, mix_references
from quantlab.synthesis.player_sounds import player_sound
from quantlab.synthesis.quantize import embedder_of, quantize_reference
from quantlab.synthesis.references import (
    CodecOrigin,
    Pooling,
    Reference,
    ReferenceCard,
    ReferenceClip,
    read_reference,
    reference_archive,
    write_reference,
    write_reference_arrays,
)
from quantlab.synthesis.showcase import check_site, write_showcase
from quantlab.synthesis.showcase_sounds import ShowcaseSettings, record_showcase
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
    "Evaluation",
    "EvaluationSettings",
    "Followed",
    "GriffinLim",
    "GriffinLimSettings",
    "Heard",
    "Listener",
    "Listening",
    "ListeningSettings",
    "ListeningSounds",
    "Mixture",
    "PlainVectors",
    "Plan",
    "Pooling",
    "Reference",
    "ReferenceCard",
    "ReferenceClip",
    "ShowcaseSettings",
    "Source",
    "StyleVCDecoder",
    "StyleVCDecoderSettings",
    "Vocoder",
    "as_loud_as",
    "card_grid",
    "card_metrics",
    "check_features",
    "check_site",
    "checked_output",
    "convert",
    "embedder_of",
    "emotion_vector",
    "evaluate_stylevc",
    "evaluation_folders",
    "evaluation_key",
    "follow_clip",
    "get_decoder",
    "get_vocoder",
    "grid_of",
    "listening_loop",
    "listening_runs",
    "listening_summary",
    "make_plan",
    "mix_references",
    "model_of",
    "player_sound",
    "quantize_reference",
    "read_emotion",
    "read_evaluation",
    "read_reference",
    "record_showcase",
    "reference_archive",
    "shown_tables",
    "stylevc_models",
    "write_conversion",
    "write_evaluation",
    "write_evaluation_report",
    "write_listening_report",
    "write_reference",
    "write_reference_arrays",
    "write_showcase",
]
