"""quantlab: codebook quantization of speech-emotion embeddings."""

__version__ = "0.1.0"
