"""What is shown of an evaluated StyleVC model: its tables, and what every figure of it says."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from quantlab.figures.context import FigureContext
from quantlab.figures.tables import where
from quantlab.figures.words import joined, protocol_words


@dataclass(frozen=True, eq=False, kw_only=True)
class ModelTables:
    """What the report shows of one model.

    Attributes
    ----------
    name, corpus, licence, protocol : str
        Of the model, of the clips, and how clips were kept apart.
    num_speakers, num_clips, num_sentences : int
        What it was measured on.
    notes : sequence of str
        Of the evaluation.
    probes : pd.DataFrame
        Columns protocol, encoder, embedding, label, probe, metric, value, low, high, chance,
        num_items, num_clusters, clustered_by.
    dci : pd.DataFrame
        Columns reading, factors, embedding, control, metric, value, low, high, chance.
    bits : pd.DataFrame
        Columns embedding, label, metric, control, value, low, high, label_bits.
    scatter : pd.DataFrame
        Columns embedding, label, metric, value, low, high, chance, spread, effective_dims,
        collapsed.
    information : pd.DataFrame
        Columns first, second, value, low, high, baseline, baseline_high.
    sound : pd.DataFrame
        Columns kind, metric, value, low, high, num_items, tag.
    maps : pd.DataFrame
        Columns embedding, method, x, y, explained, emotion, speaker.
    """

    name: str
    corpus: str
    licence: str
    protocol: str
    num_speakers: int
    num_clips: int
    num_sentences: int
    notes: Sequence[str]
    probes: pd.DataFrame
    dci: pd.DataFrame
    bits: pd.DataFrame
    scatter: pd.DataFrame
    information: pd.DataFrame
    sound: pd.DataFrame
    maps: pd.DataFrame

    def asked(self) -> pd.DataFrame:
        """Return the rows of `probes` of the trained model, on clips kept apart as it was."""
        own = (self.probes["protocol"] == self.protocol) & (self.probes["encoder"] == "trained")
        return where(self.probes, own)

    def context(self) -> FigureContext:
        """Return what every figure of this model says."""
        return FigureContext(
            run=self.name,
            corpus=self.corpus,
            num_speakers=self.num_speakers,
            split=protocol_words(self.protocol),
        )


def models_context(models: Sequence[ModelTables]) -> FigureContext:
    """Return what a figure of several models says."""
    speakers = {given.num_speakers for given in models}
    return FigureContext(
        corpus=joined(sorted({given.corpus for given in models})),
        num_speakers=speakers.pop() if len(speakers) == 1 else 0,
        split=joined(sorted({protocol_words(given.protocol) for given in models})),
    )
