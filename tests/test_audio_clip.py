"""Reading and writing clips that are as they should be; what is not stands in faults/."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from quantlab.audio import clip_from_array, decode_bytes, encode_clip, read_clip, write_clip
from quantlab.errors import InputError, QuantlabError
from tests.synthetic_voice import synthetic_voice


def test_a_clip_is_read_as_it_was_written(tmp_path: Path) -> None:
    voice = synthetic_voice()
    for suffix in (".wav", ".flac"):
        path = tmp_path / f"clip{suffix}"
        write_clip(path, voice)
        clip = read_clip(path)
        assert clip.samples.dtype == np.float32
        np.testing.assert_allclose(clip.samples, voice, atol=1 / 32768)
        assert clip.sample_rate == 16_000
        assert clip.duration_s == 1.0
        assert clip.source == path
        assert clip.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert clip.flags.source_format == f"{suffix[1:].upper()}/PCM_16"
        assert clip.flags.warnings == ()


def test_bytes_and_file_give_the_same_clip(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    write_clip(path, synthetic_voice())
    from_file, from_bytes = read_clip(path), decode_bytes(path.read_bytes(), name="upload")
    np.testing.assert_array_equal(from_file.samples, from_bytes.samples)
    assert from_file.sha256 == from_bytes.sha256
    assert from_bytes.source is None


def test_a_clip_of_many_blocks_is_read_whole() -> None:
    voice = synthetic_voice(duration_s=15.0)
    assert len(voice) > 3 * (1 << 16)
    clip = decode_bytes(encode_clip(voice), name="long")
    np.testing.assert_allclose(clip.samples, voice, atol=1 / 32768)


def test_arrays_of_equal_samples_and_different_rates_are_different_clips() -> None:
    voice = synthetic_voice()
    assert clip_from_array(voice, 16_000).sha256 != clip_from_array(voice, 8_000).sha256
    assert clip_from_array(voice, 16_000).sha256 == clip_from_array(voice, 16_000).sha256


def test_resampling_keeps_what_lies_below_8_khz() -> None:
    time = np.arange(48_000) / 48_000
    wanted, unwanted = np.sin(2 * np.pi * 3000 * time), np.sin(2 * np.pi * 12_000 * time)
    clip = clip_from_array(0.3 * wanted + 0.3 * unwanted, 48_000)
    expected = 0.3 * np.sin(2 * np.pi * 3000 * np.arange(16_000) / 16_000)
    np.testing.assert_allclose(clip.samples[2000:14_000], expected[2000:14_000], atol=1e-3)


def test_other_sample_rates_are_written(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.wav", synthetic_voice(), sample_rate=22_050)
    info = soundfile.info(tmp_path / "clip.wav")
    assert (info.samplerate, info.frames, info.subtype) == (22_050, 16_000, "PCM_16")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"samples": np.zeros((10, 2))}, r"non-empty vector of reals is needed, given float64 of"),
        ({"samples": np.zeros(0)}, r"of shape \(0,\)"),
        ({"samples": np.zeros(10, np.int16)}, "given int16"),
        ({"samples": np.array([0.0, np.nan])}, "samples to write: 1 NaN or infinite samples"),
        ({"sample_rate": 0}, "a sample rate of 0 Hz is not within 4000-192000 Hz"),
        ({"suffix": ".mp3"}, "cannot write '.mp3'; use .wav or .flac"),
    ],
)
def test_what_cannot_be_written_is_refused(change: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"samples": np.zeros(1600)} | change
    with pytest.raises(InputError, match=message):
        encode_clip(arguments.pop("samples"), **arguments)  # pyright: ignore


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.wav", synthetic_voice())
    before = (tmp_path / "clip.wav").read_bytes()
    with pytest.raises(InputError):
        write_clip(tmp_path / "clip.wav", np.full(10, np.nan))
    assert (tmp_path / "clip.wav").read_bytes() == before
    (tmp_path / "file").write_text("")
    with pytest.raises(QuantlabError, match="could not write"):
        write_clip(tmp_path / "file" / "clip.wav", synthetic_voice())


def test_encoded_clips_are_whole_files() -> None:
    data = encode_clip(synthetic_voice(), suffix=".FLAC")
    assert soundfile.info(io.BytesIO(data)).frames == 16_000
