"""What every figure says about where it comes from, and the background it is drawn for."""

from dataclasses import dataclass, field, replace

from quantlab.figures.words import counted, plain, protocol_words


@dataclass(frozen=True, kw_only=True)
class FigureContext:
    """What every figure says about where it comes from, and the background it is drawn for.

    Attributes
    ----------
    run, corpus, embedder : str
        Names of the run, the corpus and the embedder.
    num_speakers : int
        Speakers that were evaluated; 0 where unknown.
    split : str
        The split in plain words, e.g. "each speaker held out in turn".
    notes : tuple of str
        Warnings that belong under every title, e.g. "17 of 40 trials".
    dark : bool
        For a dark background.
    """

    run: str = ""
    corpus: str = ""
    embedder: str = ""
    num_speakers: int = 0
    split: str = ""
    notes: tuple[str, ...] = field(default=())
    dark: bool = False

    def subtitle(self) -> str:
        """Return one line, escaped for plotly."""
        speakers = counted(self.num_speakers, "speaker") if self.num_speakers else ""
        corpus = ", ".join(part for part in (plain(self.corpus), speakers) if part)
        run = f"run {plain(self.run)}" if self.run else ""
        parts = (run, corpus, plain(self.embedder), plain(self.split), *map(plain, self.notes))
        return " · ".join(part for part in parts if part)

    def on(self, *, dark: bool) -> "FigureContext":
        """Return the same context for another background."""
        return replace(self, dark=dark)


def with_protocol(context: FigureContext, protocol: str) -> FigureContext:
    """Return the context of a figure that shows one protocol."""
    return replace(context, split=f"tested on {protocol_words(protocol)}")
