"""Making the sounds of a showcase: a few clips, converted over targets, codecs and λ."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from quantlab.codebooks import Codec
from quantlab.compat import single_thread
from quantlab.config import Settings, fingerprint
from quantlab.errors import QuantlabError
from quantlab.store import read_json, write_json
from quantlab.synthesis.conversion import vocoder_card
from quantlab.synthesis.decoders import Decoder
from quantlab.synthesis.listening_plan import (
    ClipTable,
    ListeningSettings,
    Plan,
    Source,
    clip_key,
    clip_stem,
    make_plan,
    spread_lams,
)
from quantlab.synthesis.listening_sounds import ListeningSounds
from quantlab.synthesis.listening_source import (
    SOUNDS_FILE,
    SourceSession,
    Studio,
    labelled_clip,
    read_references,
)
from quantlab.synthesis.vocoders import Vocoder

SOUNDS, MADE_BY = "sounds", "showcase.json"
_FORMAT = 1  # raise when the same settings and clips give other sounds
_NEUTRAL = "neutral"


class ShowcaseSettings(Settings):
    """Settings of a showcase whose sounds are made."""

    num_clips: Annotated[int, Field(ge=1)] = 3
    """Clips to convert, spread over the speakers; sentences that the decoder never met."""
    targets: tuple[str, ...] = ()
    """Emotions to convert to; empty takes all of the corpus."""
    num_lams: Annotated[int, Field(ge=1)] = 4
    """How many λ of each codec's ladder, its ends among them."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of what is drawn, and of the vocoder."""


def record_showcase(
    clips: ClipTable,
    site: str | Path,
    *,
    decoder: Decoder,
    vocoder: Vocoder,
    codecs: Mapping[str, Codec],
    settings: ShowcaseSettings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ListeningSounds:
    """Convert a few clips over targets, codecs and λ, and keep the sounds.

    Parameters
    ----------
    clips : ClipTable
        Clips with labels, a `quantlab.corpora.Manifest` for instance.
    site : str or Path
        Sounds go to its folder ``sounds``; those that are there already are not made again.
    decoder, vocoder : Decoder, Vocoder
        What makes them.
    codecs : mapping of str to Codec
        Name to codec, trained on vectors of the decoder's embedder.
    settings : ShowcaseSettings, optional
        Clips, targets, λ and seed.
    progress : callable, optional
        Called with (clips done, clips).

    Returns
    -------
    ListeningSounds
        Equal arguments give equal sounds.

    Raises
    ------
    InputError
        Clips, targets or codecs cannot be used.
    KeyboardInterrupt
        The user interrupted; finished clips are kept.
    """
    chosen = settings or ShowcaseSettings()
    place, items, card = Path(site), clips.items, decoder.card()
    sources = _spread(_plan(clips, card, chosen).sources, chosen.num_clips)
    ladders = {
        name: (codec, spread_lams(codec.ladder_, chosen.num_lams))
        for name, codec in codecs.items()
    }  # fmt: skip
    studio = Studio(decoder, vocoder, {}, ladders, chosen.seed)
    identity = fingerprint(
        {
            "format": _FORMAT,
            "decoder": card,
            "vocoder": vocoder_card(vocoder),
            "codecs": {name: codec.fingerprint() for name, codec in codecs.items()},
            "settings": chosen,
        }
    )
    places = {}
    with single_thread():
        for done, source in enumerate(sources, start=1):
            folder = place / SOUNDS / clip_stem(items, source.row)
            references = [(target, clip_key(items, row)) for target, row in source.references]
            key = fingerprint([identity, clip_key(items, source.row), references])
            if _kept(folder) != key:
                _make(clips, studio, source, folder)
                write_json(folder / MADE_BY, {"made_by": key})
            places[str(items["path"].iloc[source.row])] = folder
            if progress is not None:
                progress(done, len(sources))
    return ListeningSounds(place, places, str(card.get("licence") or ""))


def _plan(clips: ClipTable, card: Mapping[str, Any], settings: ShowcaseSettings) -> Plan:
    neutral = (_NEUTRAL,) if (clips.items["emotion"] == _NEUTRAL).any() else ()
    return make_plan(
        clips.items,
        card.get("trained_on", []),
        ListeningSettings(
            source_emotions=neutral, targets=settings.targets, num_texts=2, seed=settings.seed
        ),
    )  # fmt: skip


def _spread(sources: tuple[Source, ...], num: int) -> list[Source]:
    """Return some of the sources, which stand in the order of speakers."""
    places = np.linspace(0, len(sources) - 1, min(num, len(sources))).round().astype(int)
    return [sources[place] for place in np.unique(places)]


def _make(clips: ClipTable, studio: Studio, source: Source, folder: Path) -> None:
    references = read_references(clips, source.references)
    SourceSession(studio, labelled_clip(clips, source.row), references, audio=folder).rows()


def _kept(folder: Path) -> str:
    """Return what made the sounds of a folder; "" where they are not whole."""
    try:
        read_json(folder / SOUNDS_FILE)
        return str(read_json(folder / MADE_BY)["made_by"])
    except (QuantlabError, KeyError, TypeError):
        return ""
