"""Faults in audio files: rows A1 to A15 of the fault list. Every file is built here, by code."""

import io
import os
import struct
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantlab.audio import Clip, clip_from_array, decode_bytes, read_clip, to_pcm16, write_clip
from quantlab.embedders import Functionals
from quantlab.errors import EXIT_BAD_INPUT, InputError, IntegrityError
from quantlab.store import sha256_file
from tests.synthetic_voice import synthetic_voice

RATE = 16_000


def tone(num_samples: int = RATE, *, peak: float = 0.5, rate: int = RATE) -> np.ndarray:
    return peak * np.sin(2 * np.pi * 200 / rate * np.arange(num_samples))


def encoded(
    samples: np.ndarray, *, rate: int = RATE, kind: str = "WAV", subtype: str | None = None
) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=kind, subtype=subtype)
    return buffer.getvalue()


def wav_header(
    *,
    rate: int = RATE,
    channels: int = 1,
    data_bytes: int,
    stated_bytes: int | None = None,
    order: str = "<",
) -> bytes:
    """Return a 16-bit WAV header that may lie about its size."""
    stated = data_bytes if stated_bytes is None else stated_bytes
    riff = min(stated + 36, 0xFFFFFFFF)
    frame = 2 * channels
    byte_rate = rate * frame % 2**32
    head = b"RIFF" if order == "<" else b"RIFX"
    return (
        head
        + struct.pack(f"{order}I", riff)
        + b"WAVEfmt "
        + struct.pack(f"{order}IHHIIHH", 16, 1, channels, rate, byte_rate, frame, 16)
        + b"data"
        + struct.pack(f"{order}I", stated)
    )


def silence(num_samples: int) -> bytes:
    return bytes(2 * num_samples)


# A1: not audio at all

JUNK = {
    "empty": (b"", r"clip\.wav is empty \(0 bytes\)"),
    "header only": (wav_header(data_bytes=0)[:20], r"clip\.wav cannot be decoded as audio: .+"),
    "random bytes": (
        np.random.default_rng(3).bytes(5000),
        r"clip\.wav cannot be decoded as audio: Format not recognised; give WAV, FLAC, OGG or MP3",
    ),
    "web page": (
        b"<!DOCTYPE html><html><body>404</body></html>" * 50,
        r"clip\.wav cannot be decoded as audio: Format not recognised",
    ),
}


@pytest.mark.parametrize("name", JUNK)
def test_a1_what_is_no_audio_is_refused_with_file_and_reason(tmp_path: Path, name: str) -> None:
    data, message = JUNK[name]
    path = tmp_path / "clip.wav"
    path.write_bytes(data)
    with pytest.raises(InputError, match=message) as caught:
        read_clip(path)
    assert caught.value.exit_code == EXIT_BAD_INPUT
    assert "object at 0x" not in str(caught.value)
    with pytest.raises(InputError, match=message):
        decode_bytes(data, name="clip.wav")


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a1_damaged_files_give_a_clip_or_an_input_error(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["WAV", "FLAC", "AIFF", "AU", "CAF"]))
    content = bytearray(encoded(tone(3000), kind=kind))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, min(len(content), 120) - 1))] = data.draw(
            st.integers(0, 255)
        )
    cut = data.draw(st.integers(0, len(content)))
    try:
        clip = decode_bytes(bytes(content[:cut]), name="damaged")
    except InputError:
        return
    assert np.isfinite(clip.samples).all()


# A2 and A3: sizes in the header


@pytest.mark.parametrize("order", ["<", ">"], ids=["RIFF", "RIFX"])
def test_a2_truncated_wav_is_flagged_or_refused(tmp_path: Path, order: str) -> None:
    path = tmp_path / "cut.wav"
    header = wav_header(data_bytes=32000, order=order)
    path.write_bytes(header + silence(7989))
    assert soundfile.info(path).frames == 7989, "the library does not notice"
    clip = read_clip(path)
    assert clip.flags.truncated
    assert "truncated: 16022 bytes of its audio are missing" in clip.flags.warnings
    with pytest.raises(InputError, match=r"cut\.wav is truncated: 16022 bytes .* restore"):
        read_clip(path, strict=True)


def test_a2_truncated_aiff_is_flagged() -> None:
    data = encoded(tone(16000), kind="AIFF")
    assert not decode_bytes(data, name="whole").flags.truncated
    assert decode_bytes(data[: len(data) // 2], name="half").flags.truncated


def test_a2_truncated_flac_is_refused() -> None:
    data = encoded(tone(16000), kind="FLAC")
    with pytest.raises(InputError, match=r"half cannot be decoded as audio: .*lost sync"):
        decode_bytes(data[: len(data) // 2], name="half")


def test_a2_odd_chunks_and_metadata_after_the_audio_are_no_truncation() -> None:
    samples = silence(3000)
    chunk = b"LIST" + struct.pack("<I", 5) + b"abcde\0"
    header = wav_header(data_bytes=len(samples))
    data = header[:36] + chunk + header[36:] + samples + chunk
    assert not decode_bytes(data, name="chunks").flags.truncated
    # A last chunk that is cut is no loss of audio.
    assert not decode_bytes(data[:-4], name="chunks").flags.truncated


@pytest.mark.parametrize("stated", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000])
def test_a3_streamed_wav_is_accepted(stated: int) -> None:
    data = wav_header(data_bytes=8000, stated_bytes=stated) + to_pcm16(tone(4000)).tobytes()
    clip = decode_bytes(data, name="streamed")
    assert clip.samples.size == 4000
    assert not clip.flags.truncated


def test_a3_rf64_is_accepted_and_its_truncation_seen() -> None:
    data = encoded(tone(4000), kind="RF64")
    assert data[:4] == b"RF64"
    assert not decode_bytes(data, name="long").flags.truncated
    assert decode_bytes(data[:-2000], name="long").flags.truncated


def test_a3_flac_of_unknown_length_is_refused() -> None:
    data = bytearray(encoded(tone(16000), kind="FLAC"))
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    with pytest.raises(InputError, match="piped does not say how long it is"):
        decode_bytes(bytes(data), name="piped")


# A4: too short


@pytest.mark.parametrize("num_samples", [0, 1, 1599])
def test_a4_too_short_clips_are_refused_with_their_count(num_samples: int) -> None:
    data = wav_header(data_bytes=2 * num_samples) + silence(num_samples)
    with pytest.raises(InputError, match=rf"short: {num_samples} samples; need >= 0\.1 s"):
        decode_bytes(data, name="short")
    with pytest.raises(InputError, match=rf"{num_samples} samples; need >= 0\.1 s"):
        clip_from_array(np.zeros(num_samples), RATE)


@pytest.mark.parametrize("rate", [4000, 8000, 11025, 16000, 22050, 44100, 48000, 192000])
def test_a4_the_shortest_legal_clip_has_1600_samples(rate: int) -> None:
    clip = clip_from_array(tone(int(np.ceil(0.1 * rate)), rate=rate), rate)
    assert 1600 <= clip.samples.size <= 1601


# A5, A6: values


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a5_nan_and_infinity_are_refused_with_count_and_index(value: float) -> None:
    samples = tone()
    samples[[70, 4321, 12345]] = value
    message = "3 NaN or infinite samples, the first at index 70"
    with pytest.raises(InputError, match=f"bad: {message}"):
        decode_bytes(encoded(samples, subtype="FLOAT"), name="bad")
    with pytest.raises(InputError, match=message):
        clip_from_array(samples, RATE)
    with pytest.raises(InputError, match=message):
        Clip(samples.astype(np.float32), sha256="")


def test_a5_the_index_counts_frames_beyond_the_first_block() -> None:
    samples = np.zeros((70_000, 2))
    samples[69_999, 1] = np.nan
    with pytest.raises(InputError, match="1 NaN or infinite samples, the first at index 69999"):
        decode_bytes(encoded(samples, subtype="DOUBLE"), name="late")


def test_a5_reals_beyond_single_precision_are_refused() -> None:
    samples = tone()
    samples[5] = 1e300
    with pytest.raises(InputError, match="1 NaN or infinite samples, the first at index 5"):
        decode_bytes(encoded(samples, subtype="DOUBLE"), name="huge")


def test_a6_samples_beyond_full_scale_are_kept_and_flagged(tmp_path: Path) -> None:
    clip = decode_bytes(encoded(tone(peak=3.0), subtype="FLOAT"), name="loud")
    assert clip.flags.over_range
    assert "peak 3 is beyond full scale; kept" in clip.flags.warnings
    assert clip.samples.max() > 2.9
    write_clip(tmp_path / "loud.wav", clip.samples)
    written = soundfile.read(tmp_path / "loud.wav", dtype="int16")[0]
    assert (np.sign(written) == np.sign(np.rint(clip.samples * 32767))).all(), "no wrap"


# A7: full scale through 16 bits


@given(st.lists(st.floats(-4.0, 4.0, width=32), min_size=1, max_size=50))
def test_a7_sixteen_bits_never_wrap(values: list[float]) -> None:
    integers = to_pcm16(np.array(values, np.float32)).astype(float)
    assert (np.abs(integers) <= 32767).all()
    cut = np.clip(values, -1, 1)
    assert np.abs(integers / 32767 - cut).max() <= 0.5 / 32767 + 1e-9


def test_a7_full_scale_stays_full_scale(tmp_path: Path) -> None:
    write_clip(tmp_path / "full.wav", np.array([1.0, -1.0] * 800, np.float32))
    written = soundfile.read(tmp_path / "full.wav", dtype="int16")[0]
    assert set(written.tolist()) == {32767, -32767}


# A8: quality


def quality_cases() -> dict[str, tuple[np.ndarray, set[str]]]:
    clean = tone()
    clipped = np.clip(tone(peak=1.2), -1, 32767 / 32768)
    offset = tone(peak=0.2) + 0.3
    return {
        "clean": (clean, set()),
        "clipped": (clipped, {"clipped"}),
        "silent": (np.zeros(RATE), {"silent"}),
        "noise floor": (tone(peak=0.0005), {"silent"}),
        "constant": (np.full(RATE, 0.5), {"silent", "dc_offset"}),
        "offset": (offset, {"dc_offset"}),
    }


@pytest.mark.parametrize("name", quality_cases())
def test_a8_quality_is_flagged(name: str) -> None:
    samples, expected = quality_cases()[name]
    flags = decode_bytes(encoded(samples, subtype="PCM_16"), name=name).flags
    raised = {key for key, value in vars(flags).items() if value is True}
    assert raised == expected
    assert len(flags.warnings) == len(expected)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT", "ALAW", "ULAW"])
def test_a8_clipping_is_seen_in_every_coding(subtype: str) -> None:
    clipped = np.clip(tone(peak=1.5), -1, 1)
    assert decode_bytes(encoded(clipped, subtype=subtype), name=subtype).flags.clipped
    clean = decode_bytes(encoded(tone(peak=0.9), subtype=subtype), name=subtype)
    assert not clean.flags.clipped


# A9: codings and containers

TRUE_FORMATS = [
    ("WAV", "PCM_U8", 0.12),
    ("WAV", "PCM_24", 1e-6),
    ("WAV", "PCM_32", 1e-6),
    ("WAV", "FLOAT", 1e-6),
    ("WAV", "DOUBLE", 1e-6),
    ("WAV", "ALAW", 0.1),
    ("FLAC", "PCM_16", 1e-6),
    ("OGG", "VORBIS", 0.25),
    ("MP3", "MPEG_LAYER_III", 0.25),
]


@pytest.mark.parametrize(("kind", "subtype", "tolerance"), TRUE_FORMATS)
def test_a9_every_coding_gives_nearly_the_same_embedding(
    tmp_path: Path, kind: str, subtype: str, tolerance: float
) -> None:
    samples = to_pcm16(synthetic_voice(noise=0.02)) / 32768
    path = tmp_path / "named.wav"
    path.write_bytes(encoded(samples, kind=kind, subtype=subtype))
    clip = read_clip(path)
    assert clip.flags.source_format == f"{kind}/{subtype}"
    reference = decode_bytes(encoded(samples, subtype="PCM_16"), name="reference")
    embed = Functionals().embed
    gap = embed(clip, level="utterance") - embed(reference, level="utterance")
    assert float(np.sqrt(np.mean(gap**2))) < tolerance


# A10: channels


def test_a10_stereo_is_averaged_with_a_warning() -> None:
    left, right = tone(), 0.3 * tone()
    clip = decode_bytes(encoded(np.stack([left, right], 1)), name="stereo")
    np.testing.assert_allclose(clip.samples, (left + right) / 2, atol=1e-4)
    assert clip.flags.source_channels == 2
    assert clip.flags.warnings == ("2 channels averaged to one",)


def test_a10_opposite_channels_are_flagged() -> None:
    clip = decode_bytes(encoded(np.stack([tone(), -0.95 * tone()], 1)), name="opposite")
    assert clip.flags.cancelling_channels
    assert "the channels cancel each other in their mean" in clip.flags.warnings


@pytest.mark.parametrize("channels", [2, 6, 8])
def test_a10_a_voice_on_one_channel_is_no_cancelling(channels: int) -> None:
    samples = np.zeros((RATE, channels))
    samples[:, 0] = tone()
    assert not decode_bytes(encoded(samples), name="one").flags.cancelling_channels


@pytest.mark.parametrize("channels", [9, 1024])
def test_a10_too_many_channels_are_refused(channels: int) -> None:
    data = encoded(np.zeros((1600, channels)))
    with pytest.raises(InputError, match=f"many has {channels} channels; at most 8"):
        decode_bytes(data, name="many")


# A11: sample rates


@pytest.mark.parametrize("rate", [1, 3999, 192_001, 2**31 - 1])
def test_a11_rates_outside_4_to_192_khz_are_refused(rate: int) -> None:
    data = wav_header(rate=rate, data_bytes=8000) + silence(4000)
    with pytest.raises(
        InputError, match=f"odd has a sample rate of {rate} Hz; 4000-192000 Hz are allowed"
    ):
        decode_bytes(data, name="odd")
    with pytest.raises(InputError, match=f"a sample rate of {rate} Hz"):
        clip_from_array(tone(), rate)


def test_a11_rate_zero_is_refused() -> None:
    data = wav_header(rate=0, data_bytes=8000) + silence(4000)
    with pytest.raises(InputError, match=r"zero (cannot be decoded|has a sample rate of 0 Hz)"):
        decode_bytes(data, name="zero")


@pytest.mark.parametrize("rate", [4000, 8000, 44100, 192_000])
def test_a11_other_rates_are_resampled(rate: int) -> None:
    clip = decode_bytes(encoded(tone(rate, rate=rate), rate=rate), name="rate")
    assert clip.samples.size == RATE
    assert clip.flags.source_rate == rate
    assert clip.flags.narrow_band == (rate < RATE)
    middle = slice(2000, 14000)
    np.testing.assert_allclose(clip.samples[middle], tone()[middle], atol=2e-3)


# A12: bombs


def test_a12_long_clips_are_refused_before_they_are_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.flac"
    with soundfile.SoundFile(path, "w", RATE, 1, format="FLAC", subtype="PCM_16") as file:
        for _ in range(61):
            file.write(np.zeros(10 * RATE, np.int16))
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda *_, **__: pytest.fail("decoded"))
    with pytest.raises(InputError, match=r"bomb\.flac lasts 610\.0 s; at most 600 s are allowed"):
        read_clip(path)
    with pytest.raises(InputError, match=r"lasts 610\.0 s; at most 60 s are allowed"):
        decode_bytes(path.read_bytes(), name="upload")


def test_a12_huge_files_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.wav"
    with open(path, "wb") as file:
        file.truncate((1 << 30) + 1)
    with pytest.raises(InputError, match="has 1073741825 bytes; at most 1073741824 are read"):
        read_clip(path)


# A13: only clips reach an embedder


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((1600, 2)), r"given float64 of shape \(1600, 2\); average the channels"),
        (np.zeros(1600, np.int16), r"given int16 of shape \(1600,\)"),
    ],
)
def test_a13_arrays_must_be_mono_reals(samples: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        clip_from_array(samples, RATE)


def test_a13_clips_are_mono_single_precision_16_khz_and_stay_as_they_are() -> None:
    with pytest.raises(InputError, match="16000 samples per second, given 8000"):
        Clip(np.zeros(1600, np.float32), sha256="", sample_rate=8000)
    with pytest.raises(InputError, match="a clip is a float32 vector, given float64"):
        Clip(np.zeros(1600), sha256="")
    with pytest.raises(InputError, match=r"1599 samples; need >= 0\.1 s"):
        Clip(np.zeros(1599, np.float32), sha256="")
    mine = tone().astype(np.float32)
    clip = clip_from_array(mine, RATE)
    with pytest.raises(ValueError, match="read-only"):
        clip.samples[0] = 1.0
    mine[:] = 0
    assert clip.samples.max() > 0.4


@pytest.mark.parametrize("given", [np.zeros(16000, np.float32), "clip.wav", None])
def test_a13_embedders_take_clips_only(given: object) -> None:
    with pytest.raises(InputError, match=f"an audio clip is needed, given {type(given).__name__}"):
        Functionals().embed(given, level="utterance")  # pyright: ignore[reportArgumentType]


# A14: what lies where a clip should be


def test_a14_changed_content_is_an_integrity_error(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    write_clip(path, tone())
    digest = sha256_file(path)
    assert read_clip(path, expected_sha256=digest).sha256 == digest
    write_clip(path, 0.9 * tone())
    with pytest.raises(IntegrityError, match=rf"has changed: SHA-256 .*, expected {digest[:12]}"):
        read_clip(path, expected_sha256=digest)


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))


def make_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def make_dangling(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere.wav"))


def make_loop(path: Path) -> None:
    path.symlink_to(path)


OBSTACLES = {
    "missing": (lambda path: None, "is missing; check the path"),
    "dangling link": (make_dangling, "is missing; check the path"),
    "link to itself": (make_loop, "cannot read .*symbolic links"),
    "directory": (Path.mkdir, "is a directory; give one audio file"),
    "pipe": (make_fifo, "is not a regular file but a pipe, socket or device"),
    "socket": (make_socket, "is not a regular file but a pipe, socket or device"),
    "device": (make_device, "is not a regular file but a pipe, socket or device"),
}


@pytest.mark.parametrize("name", OBSTACLES)
def test_a14_only_regular_files_are_read_and_nothing_hangs(tmp_path: Path, name: str) -> None:
    make, message = OBSTACLES[name]
    path = tmp_path / "x.wav"
    make(path)
    caught: list[Exception] = []

    def read() -> None:
        try:
            read_clip(path)
        except InputError as error:
            caught.append(error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(timeout=20)
    assert not thread.is_alive(), "read_clip hangs"
    with pytest.raises(InputError, match=message):
        raise caught[0]


def test_a14_unreadable_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "locked.wav"
    write_clip(path, tone())

    def refuse(*_: object) -> int:
        # The superuser, who runs many a test, may read a file of mode 0.
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(InputError, match=r"cannot read .*locked\.wav: Permission denied"):
        read_clip(path)


def test_a14_a_file_swapped_for_a_pipe_after_the_check_does_not_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    regular, pipe = tmp_path / "regular.wav", tmp_path / "pipe.wav"
    write_clip(regular, tone())
    os.mkfifo(pipe)
    status = os.stat(regular)
    monkeypatch.setattr(os, "stat", lambda *_, **__: status)
    with pytest.raises(InputError, match="is not a regular file"):
        read_clip(pipe)


def test_a14_a_nul_in_the_name_is_refused() -> None:
    with pytest.raises(InputError, match=r"cannot read 'a.x00b.wav': embedded null byte"):
        read_clip("a\0b.wav")


# A15: names


@pytest.mark.parametrize(
    "name",
    [
        "żółć 声.wav",
        "two words.wav",
        "line\nbreak.wav",
        "-rf.wav",
        "a" * 251 + ".wav",
        "$(true);'\".wav",
        os.fsdecode(b"\xff\xfe.wav"),
    ],
    ids=["unicode", "space", "newline", "dash", "255 bytes", "shell", "not UTF-8"],
)
def test_a15_any_name_is_read_and_the_hash_is_of_the_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    data = encoded(tone())
    Path(name).write_bytes(data)
    Path("plain.wav").write_bytes(data)
    assert read_clip(name).sha256 == read_clip("plain.wav").sha256
    Path(name).write_bytes(b"")
    with pytest.raises(InputError) as caught:
        read_clip(name)
    str(caught.value).encode()
    assert "\n" not in str(caught.value)


def test_a15_equal_names_in_two_folders_are_two_clips(tmp_path: Path) -> None:
    for folder, peak in (("one", 0.5), ("two", 0.25)):
        write_clip(tmp_path / folder / "a.wav", tone(peak=peak))
    one, two = (read_clip(tmp_path / folder / "a.wav") for folder in ("one", "two"))
    assert one.sha256 != two.sha256
