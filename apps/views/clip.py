"""Your clip: upload or record, embed, quantize, see where it goes, hear it, take it along.

Bytes of an upload are decoded in memory and kept by this session only; no file is written.
"""

from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from quantlab.audio import Clip, decode_bytes
from quantlab.codebooks import Codec, compress
from quantlab.embedders import Embedder
from quantlab.errors import QuantlabError
from quantlab.figures import (
    RunTables,
    clip_map,
    clip_path_curves,
    map_words,
    number,
)
from quantlab.synthesis import (
    Followed,
    Reference,
    follow_clip,
    quantize_reference,
    reference_archive,
)
from views import choices, clips, shell, sound

TYPES = ("wav", "flac", "ogg", "mp3")
LIMIT_MB = 20
_WAYS = ("Upload", "Record")


@dataclass(frozen=True, eq=False)
class _Coded:
    """The clip of this session through a codec.

    Attributes
    ----------
    clip : Clip
        The clip.
    codec : Codec
        The codec.
    vectors : np.ndarray, float32, shape [T, D]
        Of the embedder.
    reference : Reference
        Quantized at the chosen λ.
    followed : Followed
        At every λ of the codec.
    """

    clip: Clip
    codec: Codec
    vectors: np.ndarray
    reference: Reference
    followed: Followed


def show() -> None:
    """Draw the page."""
    run = shell.run()
    st.title("Your clip")
    st.write(
        "A clip of speech, up to a minute long. It stays in this session's memory, on this "
        "machine, and is gone when you close the page."
    )
    clip = _given("clip")
    sets = sound.codec_sets(run)
    if not sets:
        st.info(
            f"There are no codecs here yet. Type `quantlab train {shell.text(str(run.path))}`.",
            icon=":material/hourglass_bottom:",
        )
        return
    left, right = st.columns(2)
    with left:
        chosen = choices.choose("Codecs", list(sets), str, key="codecs")
    try:
        with right:
            codec = sound.choose_codec(sets[chosen])
    except QuantlabError as error:
        st.error(shell.text(str(error)), icon=":material/error:")
        return
    lam = choices.choose_lam(codec.ladder_, default=_middle(codec))
    if clip is None:
        st.info("Choose a file, or record one, to begin.", icon=":material/mic:")
        return
    try:
        embedder = sound.embedder_for(codec)
        coded = _code(clip, codec, embedder, lam)
    except QuantlabError as error:
        st.error(shell.text(str(error)), icon=":material/error:")
        return
    _numbers(coded)
    _downloads(coded, lam)
    _curves(run, coded, lam)
    if sets[chosen].parent == run.path:
        _where(run, coded)
    _hear(coded, lam)


def _given(key: str) -> Clip | None:
    """Let the reader give a clip; None until there is one that can be used."""
    way = choices.choose_one("Give a clip by", _WAYS, key=f"{key}-by")
    if way == "Upload":
        given = st.file_uploader(
            "Audio file",
            type=list(TYPES),
            max_upload_size=LIMIT_MB,
            key=f"{key}-file",
            help=f"{', '.join(TYPES).upper()}, up to {LIMIT_MB} MB and a minute.",
        )
    else:
        given = st.audio_input("Record", sample_rate=16_000, key=f"{key}-record")
    if given is None:
        return None
    if given.size > LIMIT_MB << 20:
        st.error(f"The file has more than {LIMIT_MB} MB.", icon=":material/error:")
        return None
    try:
        clip = decode_bytes(given.getvalue(), name=given.name)
    except QuantlabError as error:
        st.error(shell.text(str(error)), icon=":material/error:")
        return None
    st.audio(given)
    st.caption(clips.named(clip))
    if clip.flags.silent:
        st.error("The clip is silent; an emotion needs speech.", icon=":material/error:")
        return None
    return clip


def _middle(codec: Codec) -> float:
    return codec.ladder_[len(codec.ladder_) // 2]


def _code(clip: Clip, codec: Codec, embedder: Embedder, lam: float) -> _Coded:
    """Embed the clip, once for this session, and quantize it."""
    level = "frame" if codec.card_.get("level") == "frame" else "utterance"
    kept = st.session_state.setdefault("own_vectors", {})
    key = (clip.sha256, embedder.fingerprint(level))
    if key not in kept:
        with st.spinner("Embedding the clip …"):
            kept.clear()  # one clip at a time
            kept[key] = embedder.embed(clip, level=level)
    vectors = kept[key]
    reference = quantize_reference(
        [clip], embedder, codec, lam=lam, ids=["clip"], level=level, vectors=[vectors]
    )
    return _Coded(clip, codec, vectors, reference, follow_clip(vectors, codec))


def _numbers(coded: _Coded) -> None:
    about = coded.reference.card.clips[0]
    shown = [
        (f"{about.rate_bits:.1f} bits", "code length of the emotion"),
        (f"{about.cos_centred:.2f}", "centred cosine to the original"),
        (f"{about.cos_raw:.3f}", "raw cosine to the original"),
        (number(coded.reference.card.lam), "λ"),
    ]
    shell.cards(shown)


def _downloads(coded: _Coded, lam: float) -> None:
    codec, vectors = coded.codec, coded.vectors
    recipe = str(codec.card_.get("recipe") or "codec").replace(":", "-")
    name = f"reference-{recipe}-lam{number(lam)}"

    def stream() -> bytes:
        return compress(codec, vectors, np.array([0, len(vectors)]), lam=lam).data

    with st.container(horizontal=True, gap="small"):
        st.download_button(
            "Reference for a synthesizer (.npz and card)",
            data=lambda: reference_archive(coded.reference, name=name),
            file_name=f"{name}.zip",
            mime="application/zip",
            key="download-reference",
            on_click="ignore",
            icon=":material/download:",
        )
        if codec.settings.prior.kind in ("factorized", "pairwise"):
            st.download_button(
                "Bitstream (.qlb)",
                data=stream,
                file_name=f"{name}.qlb",
                mime="application/octet-stream",
                key="download-stream",
                on_click="ignore",
                icon=":material/download:",
            )
    if licence := str(codec.card_.get("licence") or ""):
        st.caption(f"Both carry the licence of the codec: {shell.text(licence)}")


def _curves(run: RunTables, coded: _Coded, lam: float) -> None:
    st.header("Over λ")
    context = run.context(dark=shell.is_dark())
    recipe = str(coded.codec.card_.get("recipe") or "balanced")
    figure = clip_path_curves(
        coded.followed.lams,
        coded.followed.bits,
        coded.followed.cosines,
        lam=lam,
        recipe=recipe,
        context=replace(context, run="", corpus="your clip", num_speakers=0, split="", notes=()),
    )
    shell.show_figure(figure, name="clip-lams", alt="Bits and similarity of your clip over λ")


def _where(run: RunTables, coded: _Coded) -> None:
    st.header("Where it goes")
    found = shell.run_map(run)
    left, right = st.columns(2)
    with left:
        kind = choices.choose("Map of", found.kinds, map_words, key="map")
    with right:
        axes = 3 if choices.choose_one("Axes", ("2-D", "3-D"), key="axes") == "3-D" else 2
    codec = coded.codec
    try:
        places = found.read(kind, axes)
        path = found.place(places, coded.followed.means)
    except QuantlabError as error:
        st.error(shell.text(str(error)), icon=":material/error:")
        return
    figure = clip_map(
        places,
        found.items,
        path,
        coded.followed.lams,
        recipe=str(codec.card_.get("recipe") or "balanced"),
        context=run.context(dark=shell.is_dark()),
    )
    shell.show_figure(figure, name="clip-map", alt="Your clip on the map of the run", min_width=800)
    st.caption(
        "Faint: clean clips of the run. The line is your clip, from unquantized to the largest λ. "
        "New voices and rooms lie elsewhere than the corpus: read directions, not distances."
    )


def _hear(coded: _Coded, lam: float) -> None:
    st.header("Hear it")
    try:
        studio = sound.studio_for(coded.codec)
    except QuantlabError as error:
        st.info(shell.text(str(error)), icon=":material/volume_off:")
        return
    if not st.toggle("Make sounds", key="hear", help="Takes some seconds on a processor."):
        return
    clip, codec = coded.clip, coded.codec
    kept = st.session_state.setdefault("own_sounds", {})
    key = (clip.sha256, codec.fingerprint(), lam)
    if key not in kept:
        with st.spinner("Decoding …"):
            try:
                plain = sound.spoken(studio, clip, clip)
                quantized = sound.spoken(studio, clip, clip, codec=codec, lam=lam)
            except QuantlabError as error:
                st.error(shell.text(str(error)), icon=":material/error:")
                return
        kept.clear()
        kept[key] = [
            sound.of_clip(clip, "original"),
            sound.as_sound(plain, "reconstruction"),
            sound.as_sound(quantized, f"quantized emotion, λ = {number(lam)}"),
        ]
    sound.player(kept[key], title="Your clip", key="own-player")
    st.caption(
        "Reconstruction: your clip decoded with its own emotion vector. Then the same with the "
        "vector that the codec leaves of it. The decoder knows six Polish actors: other voices "
        "come out changed, with or without a codec."
    )


show()
