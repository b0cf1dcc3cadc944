"""A clip of the reader's own: upload, numbers, downloads; faults; nothing shared or kept."""

import io
import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from quantlab.audio import encode_clip
from quantlab.codebooks import Codec
from quantlab.synthesis import mix_references, reference_archive
from tests.app.conftest import OpenPage, titles
from tests.synthetic_voice import synthetic_voice

SHIPPED = "shipped: nemo_gcl1_cls_codecs"


def give(app: AppTest, content: bytes, name: str = "mine.wav") -> AppTest:
    app.file_uploader(key="clip-file").upload(name, content, "audio/wav")
    app.run()
    assert [problem.value for problem in app.exception] == []
    return app


def voice() -> bytes:
    return encode_clip(synthetic_voice(duration_s=1.5))


def test_before_a_clip_the_page_says_what_to_do(open_page: OpenPage) -> None:
    app = open_page("clip")
    assert [problem.value for problem in app.exception] == []
    assert "Choose a file" in app.info[0].value


def test_an_uploaded_clip_is_quantized_and_can_be_taken_along(open_page: OpenPage) -> None:
    app = give(open_page("clip"), voice())
    assert app.selectbox(key="codecs").value == SHIPPED
    said = "".join(part.proto.body for part in app.html)
    assert "code length of the emotion" in said
    assert titles(app) == ["What is left of your clip, balanced codebook"]
    labels = [button.label for button in app.get("download_button")]
    assert "Reference for a synthesizer (.npz and card)" in labels
    assert "Bitstream (.qlb)" in labels
    assert any("CC BY-NC-SA 4.0" in caption.value for caption in app.caption)
    app.selectbox(key="codebook").select("sad codebook").run()
    assert titles(app) == ["What is left of your clip, sad codebook"]


def test_two_sessions_do_not_see_each_other(open_page: OpenPage) -> None:
    first, second = give(open_page("clip"), voice()), open_page("clip")
    assert titles(first)
    assert titles(second) == []
    assert "own_vectors" not in second.session_state


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.wav", b"", "empty"),
        ("noise.wav", b"RIFF" + bytes(range(200)), "noise.wav"),
        ("../../x.wav", b"not audio at all", "audio"),
        ("silent.wav", encode_clip(0 * synthetic_voice()), "silent"),
        ("short.wav", encode_clip(synthetic_voice()[:400]), "0.1 s"),
        ("long.wav", encode_clip(synthetic_voice(duration_s=61.0)), "60"),
    ],
)
def test_clips_that_cannot_be_used_are_explained(
    open_page: OpenPage, name: str, content: bytes, words: str
) -> None:
    app = give(open_page("clip"), content, name)
    assert words in app.error[0].value
    assert titles(app) == []


_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND
_opened: list[str] = []
_watching = False


def _watch(event: str, given: tuple) -> None:
    if _watching and event == "open" and isinstance(given[0], str) and given[2] & _WRITING:
        _opened.append(given[0])


@pytest.fixture
def written() -> Iterator[list[str]]:
    """The files that this process opens for writing meanwhile."""
    global _watching
    if not hasattr(_watch, "hooked"):
        sys.addaudithook(_watch)
        _watch.hooked = True
    _opened.clear()
    _watching = True
    yield _opened
    _watching = False


def test_nothing_of_an_upload_is_written(
    open_page: OpenPage, tmp_path: Path, written: list[str]
) -> None:
    content = voice()
    give(open_page("clip"), content)
    part = content[20_000:20_064]
    holding = [name for name in written if Path(name).is_file() and part in Path(name).read_bytes()]
    assert holding == []
    # The watch sees a file that does hold the clip.
    (tmp_path / "kept.wav").write_bytes(content)
    assert written[-1] == str(tmp_path / "kept.wav")


def test_the_archive_of_a_reference_holds_arrays_and_card() -> None:
    folder = Path(__file__).parents[2] / "checkpoints" / "nemo_gcl1_cls_codecs" / "codecs"
    codec = Codec.load(folder / "balanced")
    mean = codec.decode(codec.constant_symbols[None])
    mixed = mix_references(
        {"one": mean[0], "other": 2 * mean[0]}, {"one": 1.0, "other": 3.0}, codec, lam=0.0
    )
    content = reference_archive(mixed.reference, name="a/b c")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["a_b_c.npz", "a_b_c.json"]
