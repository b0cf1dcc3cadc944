"""Listen: a clip, its reconstruction and its conversions, with what a codec leaves of the emotion.

Two kinds of sounds: those that `quantlab listen` made, which need no model, and those that are made
here of any clip of a corpus on this machine.
"""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from quantlab.codebooks import Codec
from quantlab.corpora import Manifest
from quantlab.errors import QuantlabError
from quantlab.figures import PlayerSound, RunTables, number
from quantlab.synthesis import ListeningSounds, listening_runs
from views import choices, clips, shell, sound

_MADE, _NOW = "made by `quantlab listen`", "made here"


def show() -> None:
    """Draw the page."""
    run = shell.run()
    st.title("Listen")
    st.write("One clip, decoded with its own emotion, with another's, and with what a codec left.")
    folders = listening_runs(shell.root())
    manifests = {name: found for name, found in clips.shelf().manifests.items() if len(found)}
    ways = [way for way, there in ((_MADE, folders), (_NOW, manifests)) if there]
    if not ways:
        st.info(
            "There is nothing to listen to yet. Type `quantlab index FOLDER -o runs/NAME.parquet` "
            "with the folder of a corpus, and reload this page; or make sounds with "
            "`quantlab listen`. A clip of your own can be heard on the page Your clip.",
            icon=":material/volume_off:",
        )
        return
    way = choices.choose_one("Sounds", ways, key="sounds") if len(ways) > 1 else ways[0]
    if way == _MADE:
        _kept(folders)
    else:
        _now(run, manifests)


def _kept(folders: dict[str, ListeningSounds]) -> None:
    first, second, third = st.columns(3)
    with first:
        folder = folders[choices.choose("Listening run", list(folders), str, key="folder")]
    try:
        with second:
            source = choices.choose("Clip", folder.sources, str, key="clip")
        table = folder.table(source)
        targets = [name for name in dict.fromkeys(table["target"]) if name]
        with third:
            target = choices.choose("Toward", targets, str, key="target")
        chosen = _kept_codec(table.loc[table["target"] == target])
        rows = folder.beside(source, target=target, codec=chosen[0], lam=chosen[1])
        sounds = [folder.sound(source, row) for row in rows]
    except QuantlabError as error:
        st.error(shell.text(str(error)), icon=":material/error:")
        return
    sound.player(sounds, title=source, key="player")
    st.caption(_EXPLAINED)
    if folder.licence:
        st.caption(f"Licence: {shell.text(folder.licence)}")


def _kept_codec(rows: pd.DataFrame) -> tuple[str, float]:
    quantized = rows.loc[rows["codec"] != ""]
    if quantized.empty:
        return "", float("nan")
    left, right = st.columns(2)
    with left:
        codec = choices.choose(
            "Codebook", list(dict.fromkeys(quantized["codec"])), str, key="codebook"
        )
    lams = sorted(set(quantized.loc[quantized["codec"] == codec, "lam"].astype(float)))
    with right:
        lam = choices.choose_lam(lams, default=lams[len(lams) // 2])
    return codec, lam


_EXPLAINED = (
    "Original: as recorded. Reconstruction: decoded with its own emotion vector; what has changed "
    "there, no conversion answers for. Natural reference: the recording that the emotion comes "
    "from. Conversion: decoded with the reference's vector; then with what the codec leaves of it."
)


def _now(run: RunTables, manifests: dict[str, Manifest]) -> None:
    sets = {
        name: path
        for name, path in sound.codec_sets(run).items()
        if sound.speaks(path)
    }  # fmt: skip
    if not sets:
        st.info(
            "No codecs here are of vectors that a decoder takes. Embed a corpus with `quantlab "
            "embed CORPUS --embedder stylevc --model checkpoints/nemo_gcl1_cls -o runs/NAME` and "
            "train with `quantlab train runs/NAME --bias each`.",
            icon=":material/volume_off:",
        )
        return
    first, second, third = st.columns(3)
    with first:
        corpus = choices.choose("Corpus", list(manifests), str, key="corpus")
    manifest = manifests[corpus]
    with second:
        speaker = choices.choose("Speaker", manifest.speakers, str, key="speaker")
    with third:
        own = choices.choose("Spoken", manifest.emotions, str, key="spoken")
    items = manifest.items
    mine = np.flatnonzero((items["speaker"] == speaker) & (items["emotion"] == own))
    if not len(mine):
        st.info(f"{shell.text(speaker)} has no {own} clips.", icon=":material/volume_off:")
        return
    left, right = st.columns(2)
    with left:
        source = _choose_row("Clip", items, mine, key="clip")
    with right:
        others = [name for name in manifest.emotions if name != own]
        target = choices.choose("Toward", others or [own], str, key="target")
    reference = _reference(items, source, target)
    left, right = st.columns(2)
    with left:
        chosen = choices.choose("Codecs", list(sets), str, key="codecs")
    with right:
        codec = sound.choose_codec(sets[chosen])
    lam = choices.choose_lam(codec.ladder_, default=codec.ladder_[len(codec.ladder_) // 2])
    if reference is None:
        st.info(f"{shell.text(speaker)} has no {target} clip of another sentence.")
        return
    try:
        sounds = _sounds(manifest, source, reference, codec, lam, target)
    except QuantlabError as error:
        st.error(shell.text(str(error)), icon=":material/error:")
        return
    sound.player(sounds, title=str(items["path"].iloc[source]), key="player")
    st.caption(f"{_EXPLAINED} Reference: {shell.text(str(items['path'].iloc[reference]))}.")


def _choose_row(label: str, items: pd.DataFrame, rows: np.ndarray, *, key: str) -> int:
    named = {str(items["path"].iloc[row]): int(row) for row in rows}
    return named[choices.choose(label, list(named), str, key=key)]


def _reference(items: pd.DataFrame, source: int, target: str) -> int | None:
    """Return the first clip of the speaker in the target emotion that says something else."""
    own = items.iloc[source]
    same = (items["speaker"] == own["speaker"]) & (items["emotion"] == target)
    other = same & ((items["text_id"] != own["text_id"]) | (items["text_id"] == ""))
    rows = np.flatnonzero(other)
    return int(rows[0]) if len(rows) else None


def _sounds(
    manifest: Manifest, source: int, reference: int, codec: Codec, lam: float, target: str
) -> list[PlayerSound]:
    studio = sound.studio_for(codec)
    spoken, emotional = manifest.read_clip(source), manifest.read_clip(reference)
    ways: list[tuple[str, Any, dict[str, Any]]] = [
        ("reconstruction", spoken, {}),
        (f"conversion to {target}", emotional, {}),
        (f"the same, quantized at λ = {number(lam)}", emotional, {"codec": codec, "lam": lam}),
    ]
    made = [
        sound.as_sound(sound.spoken_once(studio, spoken, emotion, **how), name)
        for name, emotion, how in ways
    ]
    original = sound.of_clip(spoken, "original")
    natural = sound.of_clip(emotional, f"natural reference, {target}")
    return [original, made[0], natural, *made[1:]]


show()
