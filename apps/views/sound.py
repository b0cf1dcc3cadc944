"""What pages with sound share: codecs to choose, models to decode with, and the A/B player.

Models are shared by all sessions and used by one at a time. What is made of an upload stays in its
own session.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from streamlit.components.v2 import component

from quantlab.audio import Clip
from quantlab.codebooks import Codec
from quantlab.embedders import Embedder, get_embedder
from quantlab.errors import InputError, QuantlabError
from quantlab.figures import (
    PlayerSound,
    RunTables,
    player_data,
    player_script,
    player_style,
)
from quantlab.store import read_json
from quantlab.sweep import class_means
from quantlab.synthesis import (
    Conversion,
    Decoder,
    Vocoder,
    convert,
    embedder_of,
    get_decoder,
    get_vocoder,
    model_of,
    player_sound,
    stylevc_models,
)
from views import choices, clips, shell

_SEED = 0
_MOUNT = """export default function ({ parentElement, data }) {
  window.quantlabPlayer(parentElement.querySelector(".player"), data.player, { dark: data.dark });
}"""


@dataclass(frozen=True, eq=False)
class Studio:
    """A decoder and a vocoder that one session uses at a time.

    Attributes
    ----------
    decoder, vocoder : Decoder, Vocoder
        What makes sounds.
    lock : threading.Lock
        Held while they do.
    """

    decoder: Decoder
    vocoder: Vocoder
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def alone(self) -> Iterator["Studio"]:
        """Hold the models for this session."""
        with self.lock:
            yield self


def codec_sets(run: RunTables) -> dict[str, Path]:
    """Return folders of codecs by what the reader calls them: the run's, and those that ship."""
    found = {f"this run ({run.name})": run.path / "codecs"}
    shipped = sorted((clips.project() / "checkpoints").glob("*/codecs"))
    found |= {f"shipped: {path.parent.name}": path for path in shipped}
    return {name: path for name, path in found.items() if _cards(path)}


def choose_codec(folder: Path) -> Codec:
    """Let the reader choose a codec of a folder."""
    cards = {str(card["recipe"]): place for place, card in _cards(folder).items()}
    return load_codec(cards[choices.choose_recipe(list(cards))])


def load_codec(folder: Path) -> Codec:
    """Return a codec, read once for all sessions; it is never changed."""
    return _load_codec(str(folder), (folder / "card.json").stat().st_mtime_ns)


@st.cache_resource(max_entries=32, show_spinner="Reading the codec …")
def _load_codec(folder: str, stamp: int) -> Codec:
    return Codec.load(folder)


def _cards(folder: Path) -> dict[Path, Mapping[str, Any]]:
    """Return the cards of a folder's codecs that name a recipe; damaged ones are left out."""
    files = sorted(folder.glob("*/card.json"))
    return _read_cards(tuple((str(file), file.stat().st_mtime_ns) for file in files))


@st.cache_data(max_entries=16, show_spinner=False)
def _read_cards(stamps: tuple[tuple[str, int], ...]) -> dict[Path, Mapping[str, Any]]:
    found = {}
    for file, _ in stamps:
        try:
            card = read_json(file)
        except QuantlabError:
            continue
        if isinstance(card, dict) and card.get("recipe"):
            found[Path(file).parent] = card
    return found


def models() -> list[Path]:
    """Return the StyleVC models that ship, and those below the folder of runs."""
    return _models((str(clips.project() / "checkpoints"), str(shell.root())))


@st.cache_data(ttl=60, max_entries=4, show_spinner=False)
def _models(folders: tuple[str, ...]) -> list[Path]:
    return stylevc_models(folders)


def embedder_for(codec: Codec) -> Embedder:
    """Return the embedder whose vectors a codec takes.

    Raises
    ------
    InputError
        Its weights are not on this machine, or it is none of ours.
    """
    name, settings = embedder_of(codec)
    if name == "stylevc":
        settings |= {"directory": str(model_of(codec.card_["embedder"], models()))}
    return get_embedder(name, settings)


def studio_for(codec: Codec) -> Studio:
    """Return what makes sound of a codec's vectors.

    Raises
    ------
    InputError
        No decoder here takes them; the message says what to do.
    """
    folder = model_of(codec.card_.get("embedder") or {}, models())
    return _studio(str(folder), (folder / "weights.safetensors").stat().st_mtime_ns)


@st.cache_resource(max_entries=2, show_spinner="Opening the decoder …")
def _studio(folder: str, stamp: int) -> Studio:
    decoder = get_decoder("stylevc", {"directory": folder, "device": "auto"})
    return Studio(decoder, get_vocoder("griffin_lim"))


def spoken(
    studio: Studio,
    source: Clip,
    emotion: Clip,
    *,
    codec: Codec | None = None,
    lam: float | None = None,
) -> Conversion:
    """Say a clip with the emotion of another, quantized where there is a codec.

    All sounds of a source are made with the same random numbers, so that two of them differ by what
    was changed.
    """
    if not np.any(source.samples):
        raise InputError("the clip is silent")
    with studio.alone():
        return convert(
            source,
            decoder=studio.decoder,
            vocoder=studio.vocoder,
            emotion=emotion,
            codec=codec,
            lam=lam,
            rng=np.random.default_rng([_SEED, int(source.sha256[:15], 16)]),
        )


@st.cache_data(max_entries=48, show_spinner="Decoding …")
def _spoken_once(
    key: tuple[object, ...],
    _studio: Studio,
    _source: Clip,
    _emotion: Clip,
    _codec: Codec | None,
    lam: float | None,
) -> Conversion:
    return spoken(_studio, _source, _emotion, codec=_codec, lam=lam)


def spoken_once(
    studio: Studio,
    source: Clip,
    emotion: Clip,
    *,
    codec: Codec | None = None,
    lam: float | None = None,
) -> Conversion:
    """Do the same as `spoken`, once for all sessions: for clips of corpora, never for uploads."""
    weights = str(studio.decoder.card()["weights_sha256"])
    coded = codec.fingerprint() if codec is not None else ""
    key = (weights, source.sha256, emotion.sha256, coded)
    return _spoken_once(key, studio, source, emotion, codec, lam)


@st.cache_data(max_entries=8, show_spinner=False)
def emotion_means(run: str, stamp: tuple[object, ...]) -> dict[str, np.ndarray]:
    """Return the mean vector of each emotion of a run folder."""
    return class_means(run)


def speaks(folder: Path) -> bool:
    """Say whether the codecs of a folder are of vectors that a decoder can take."""
    embedders = [card.get("embedder") or {} for card in _cards(folder).values()]
    return any(about.get("name") == "stylevc" for about in embedders)


def as_sound(made: Conversion, name: str) -> PlayerSound:
    """Return a conversion for the player."""
    bits = made.card.rate_bits
    detail = "" if bits is None else f"{bits:.1f} bits"
    return player_sound(made.samples, sample_rate=made.sample_rate, name=name, detail=detail)


def of_clip(clip: Clip, name: str, detail: str = "") -> PlayerSound:
    """Return a clip for the player."""
    return player_sound(clip.samples, sample_rate=16_000, name=name, detail=detail)


def player(sounds: Sequence[PlayerSound], *, title: str, key: str) -> None:
    """Show sounds side by side, with one transport that switches between them in mid-sentence."""
    data: Mapping[str, object] = {
        "player": player_data(sounds, title=title),
        "dark": shell.is_dark(),
    }
    _player(key=key, data=data)


_player = component(
    "quantlab_player",
    html='<div class="player"></div>',
    css=player_style(),
    js=f"{player_script()}\n{_MOUNT}",
)
