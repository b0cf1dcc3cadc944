"""A clip of the reader's own: upload, numbers, downloads; faults; nothing shared or kept."""

import io
import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from quantlab.audio import encode_clip
from quantlab.codebooks import Codec
from quantlab.synthesis import mix_references, reference_archive
from tests.app.conftest import OpenPage, titles
from tests.faults.test_audio_faults import encoded, wav_header
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


def tone(*, seconds: float = 1.0, rate: int = 16_000, peak: float = 0.5) -> np.ndarray:
    return peak * np.sin(2 * np.pi * 200 / rate * np.arange(round(seconds * rate)))


def with_nan() -> np.ndarray:
    samples = tone()
    samples[7] = np.nan
    return samples


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def bomb() -> bytes:
    """Return a small FLAC of an hour of silence."""
    return encoded(np.zeros(3600 * 8000, np.int16), rate=8000, kind="FLAC")


REFUSED = {
    "A1 empty": ("empty.wav", lambda: b"", "empty"),
    "A1 header": ("head.wav", lambda: wav_header(data_bytes=0)[:20], "cannot be decoded"),
    "A1 noise": ("noise.wav", lambda: b"RIFF" + bytes(range(200)), "noise.wav"),
    "A1 web page": ("page.wav", lambda: b"<html>404</html>" * 50, "Format not recognised"),
    "A1 path": ("../../x.wav", lambda: b"not audio at all", "audio"),
    "A1 markup": ("<img src=x>.wav", lambda: b"no", "audio"),
    "A2 cut FLAC": ("cut.flac", lambda: half(encoded(tone(), kind="FLAC")), "cannot be decoded"),
    "A4 no sample": ("none.wav", lambda: wav_header(data_bytes=0), "0 samples; need >= 0.1 s"),
    "A4 short": ("short.wav", lambda: encode_clip(synthetic_voice()[:400]), "0.1 s"),
    "A5 NaN": ("nan.wav", lambda: encoded(with_nan(), subtype="FLOAT"), "1 NaN or infinite"),
    "A8 silent": ("silent.wav", lambda: encode_clip(0 * synthetic_voice()), "silent"),
    "A10 channels": ("many.wav", lambda: encoded(np.zeros((1600, 9))), "9 channels"),
    "A11 rate": ("rate.wav", lambda: encoded(tone(rate=2000), rate=2000), "2000 Hz"),
    "A12 long": ("long.wav", lambda: encode_clip(synthetic_voice(duration_s=61.0)), "60"),
    "A12 bomb": ("bomb.flac", bomb, "60"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_clips_that_cannot_be_used_are_explained(open_page: OpenPage, fault: str) -> None:
    name, make, words = REFUSED[fault]
    app = give(open_page("clip"), make(), name)
    assert words in app.error[0].value.replace("\\", "")
    assert titles(app) == []


ACCEPTED = {
    "A2 truncated": ("cut.wav", lambda: voice()[:-8000], "truncated"),
    "A3 streamed": (
        "streamed.wav",
        lambda: wav_header(data_bytes=0, stated_bytes=0xFFFFFFFF) + voice()[44:],
        "1.50 s",
    ),
    "A6 loud": ("loud.wav", lambda: encoded(6 * synthetic_voice(), subtype="FLOAT"), "peak"),
    "A9 24 bits": ("deep.wav", lambda: encoded(synthetic_voice(), subtype="PCM_24"), "PCM_24"),
    "A9 FLAC named WAV": ("it.wav", lambda: encoded(synthetic_voice(), kind="FLAC"), "FLAC"),
    "A10 stereo": ("two.wav", lambda: encoded(np.stack(2 * [synthetic_voice()], axis=1)), "1.00 s"),
    "A11 narrow": ("8k.wav", lambda: encoded(synthetic_voice()[::2], rate=8000), "narrow"),
    "A15 name": ("ż ó\u0142ty\n-rf.wav", voice, "1.50 s"),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_odd_clips_are_used_and_named(open_page: OpenPage, case: str) -> None:
    name, make, words = ACCEPTED[case]
    app = give(open_page("clip"), make(), name)
    assert [problem.value for problem in app.error] == []
    assert titles(app) == ["What is left of your clip, balanced codebook"]
    assert any(words in caption.value.replace("\\", "") for caption in app.caption)


def test_a_file_above_the_limit_is_refused(open_page: OpenPage) -> None:
    uploader = open_page("clip").file_uploader(key="clip-file")
    assert uploader.proto.max_upload_size_mb == 20
    content = voice()
    app = give(open_page("clip"), content + bytes((20 << 20) + 1 - len(content)), "large.wav")
    assert "more than 20 MB" in app.error[0].value
    assert titles(app) == []


def test_a_recording_is_used_as_an_upload_is(open_page: OpenPage) -> None:
    app = open_page("clip")
    app.button_group(key="clip-by").select("Record").run()
    assert "record one" in app.info[0].value
    app.audio_input(key="clip-record").set_value(("recording.wav", voice(), "audio/wav")).run()
    assert [problem.value for problem in app.exception] == []
    assert titles(app) == ["What is left of your clip, balanced codebook"]


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
