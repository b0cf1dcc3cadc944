"""Clips of corpora on this machine: found by the hash of their bytes, read, played."""

from pathlib import Path

import streamlit as st

from quantlab.audio import Clip, encode_clip
from quantlab.corpora import ClipShelf, manifest_files
from quantlab.errors import QuantlabError
from quantlab.figures import RunTables
from views import shell


def shelf() -> ClipShelf:
    """Return the clips of all manifests in the folder of runs."""
    files = manifest_files(shell.root())
    return _shelf(tuple((str(path), path.stat().st_mtime_ns) for path in files))


@st.cache_resource(max_entries=4, show_spinner=False)
def _shelf(stamps: tuple[tuple[str, int], ...]) -> ClipShelf:
    return ClipShelf.of(path for path, _ in stamps)


def play(run: RunTables, sha256: str) -> None:
    """Show a player for a clip of the run's corpus, or say what to type."""
    try:
        clip = shelf().read(sha256)
    except QuantlabError as error:
        st.info(shell.text(str(error)), icon=":material/volume_off:")
        return
    st.audio(encode_clip(clip.samples), format="audio/wav")
    if licence := str(run.summary.get("licence") or ""):
        st.caption(f"Licence of the corpus: {shell.text(licence)}")


def named(clip: Clip) -> str:
    """Return a clip's length and what is worth knowing of it, as one escaped line."""
    parts = [f"{len(clip.samples) / 16_000:.2f} s", clip.flags.source_format]
    return shell.text(" · ".join([*parts, *clip.flags.warnings]))


def project() -> Path:
    """Return the folder that holds `apps` and, in a clone, the checkpoints."""
    return Path(__file__).resolve().parents[2]
