"""Conversion: decoders, where emotions come from, levels, files, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from quantlab.audio import Clip, clip_from_array, log10_mel, read_clip, write_clip
from quantlab.codebooks import Codec, CodecSettings
from quantlab.embedders import Functionals, get_embedder
from quantlab.errors import ConfigError, InputError, IntegrityError
from quantlab.models import PRESETS, make_network, open_stylevc, save_model, weights_sha256
from quantlab.store import read_json, sha256_file, write_npy, write_npz
from quantlab.synthesis import (
    Decoder,
    GriffinLim,
    GriffinLimSettings,
    PlainVectors,
    as_loud_as,
    convert,
    emotion_vector,
    get_decoder,
    quantize_reference,
    read_emotion,
    write_conversion,
    write_reference,
    write_reference_arrays,
)
from tests.small_corpus import TiltDecoder
from tests.synthetic_voice import synthetic_voice

SMALL = PRESETS["small"]
VOCODER = GriffinLim(GriffinLimSettings(num_iterations=2))
CARD = {
    "name": "made-up",
    "mel_statistics": [[-3.0] * 80, [1.0] * 80],
    "emotions": ["angry", "sad"],
    "speakers": ["a", "b"],
    "licence": "CC0",
    "settings": {"training": {"crop_frames": 32}},
    "trained_on": [{"corpus": "x", "speaker": "a", "text_id": "1"}],
}


def voice(pitch_hz: float = 150.0, *, duration_s: float = 0.5, seed: int = 7) -> Clip:
    return clip_from_array(
        synthetic_voice(pitch_hz=pitch_hz, duration_s=duration_s, seed=seed), 16_000
    )


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with models ``own`` and ``other`` that read the mel, and ``vectors``."""
    place = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(("own", "other")):
        save_model(place / name, make_network(SMALL, seed=seed), card=CARD, half=False)
    settings = SMALL.model_copy(update={"emotion_dims": 480})
    about = {**Functionals().card(), "level": "utterance"}
    for name, card in (("vectors", {**CARD, "emotion_embedder": about}), ("unnamed", CARD)):
        save_model(place / name, make_network(settings, seed=5), card=card, half=False)
    return place


@pytest.fixture(scope="module")
def decoder(folder: Path) -> Decoder:
    return get_decoder("stylevc", {"directory": str(folder / "own"), "device": "cpu"})


@pytest.fixture(scope="module")
def codec(decoder: Decoder) -> Codec:
    clips = [voice(100 + 12 * index, seed=index, duration_s=0.3) for index in range(10)]
    vectors = np.concatenate(decoder.embedder.embed_batch(clips, level="utterance"))
    settings = CodecSettings.parse({"quantizer": {"stages": 2, "codes": 2}, "ladder": {"num": 4}})
    about = {"embedder": decoder.embedder.card(), "level": "utterance", "recipe": "balanced"}
    return Codec(settings).fit(vectors, rng=np.random.default_rng(0), about=about)


# The decoder


def test_the_decoder_is_the_networks_one_after_another(folder: Path, decoder: Decoder) -> None:
    source, third, emotion = voice(), voice(220), voice(110)
    model = open_stylevc(folder / "own", device="cpu")
    speech = model.read(source.samples)
    wanted = model.decode(
        model.content(speech)[0],
        speech.f0,
        model.speaker(model.read(third.samples)),
        model.emotion(model.read(emotion.samples)),
    )
    vector = decoder.embedder.embed(emotion, level="utterance")[0]
    found = decoder.decode(source, speaker=third, emotion=vector)
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert found.shape == (1 + len(source.samples) // 160, 80)
    assert decoder.card()["weights_sha256"] == weights_sha256(folder / "own")
    assert decoder.card()["licence"] == "CC0"


def test_a_model_of_vectors_takes_those_of_its_embedder(folder: Path) -> None:
    made = get_decoder("stylevc", {"directory": str(folder / "vectors"), "device": "cpu"})
    assert made.embedder.name == "functionals"
    clip = voice()
    vector = Functionals().embed(clip, level="utterance")[0]
    np.testing.assert_array_equal(emotion_vector(clip, made).vector, vector)
    model = open_stylevc(folder / "vectors", device="cpu")
    speech = model.read(clip.samples)
    wanted = model.decode(
        model.content(speech)[0], speech.f0, model.speaker(speech), model.emotion_of(vector)
    )
    np.testing.assert_allclose(made.decode(clip, speaker=clip, emotion=vector), wanted, atol=1e-6)


def test_a_card_without_embedder_needs_one_of_the_right_width(folder: Path) -> None:
    place = {"directory": str(folder / "unnamed"), "device": "cpu"}
    with pytest.raises(InputError, match="480 dimensions of the embedder '', which is none of"):
        emotion_vector(voice(), get_decoder("stylevc", place))
    named = get_decoder("stylevc", {**place, "embedder": "functionals"})
    assert emotion_vector(voice(), named).vector.shape == (480,)


def test_unknown_decoders_and_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="decoder 'x' is unknown; available: stylevc"):
        get_decoder("x")
    with pytest.raises(InputError, match="--model FOLDER"):
        get_decoder("stylevc").card()
    with pytest.raises(InputError, match="fit-stylevc"):
        get_decoder("stylevc", {"directory": str(tmp_path), "device": "cpu"}).card()


# Emotions


def test_what_an_emotion_may_be_ends_in_one_vector(
    decoder: Decoder, codec: Codec, tmp_path: Path
) -> None:
    clip = voice(180)
    vector = decoder.embedder.embed(clip, level="utterance")[0]
    np.testing.assert_array_equal(emotion_vector(clip, decoder).vector, vector)
    np.testing.assert_array_equal(emotion_vector(vector, decoder).vector, vector)
    frames = np.stack([vector, 3 * vector])
    np.testing.assert_allclose(emotion_vector(frames, decoder).vector, 2 * vector, rtol=1e-6)
    write_npy(tmp_path / "v.npy", vector)
    write_npz(tmp_path / "v.npz", {"anything": frames})
    for name, times in (("v.npy", 1), ("v.npz", 2)):
        found = emotion_vector(read_emotion(tmp_path / name), decoder)
        np.testing.assert_allclose(found.vector, times * vector, rtol=1e-6)
        assert found.kind == "vector"


def test_a_clip_through_a_codec_is_the_reference_of_it(
    decoder: Decoder, codec: Codec, tmp_path: Path
) -> None:
    clips = [voice(180), voice(130)]
    made = quantize_reference(
        clips, decoder.embedder, codec, lam=0.5, ids=["a", "b"], level="utterance"
    )
    write_reference(tmp_path / "r.npz", made)
    write_reference_arrays(tmp_path / "arrays", made)
    direct = emotion_vector(clips[1], decoder, codec=codec, lam=0.5)
    of_file = emotion_vector(read_emotion(tmp_path / "r.npz"), decoder, clip_id="b")
    of_array = emotion_vector(read_emotion(tmp_path / "arrays" / "b.npy"), decoder)
    encoded = codec.encode(decoder.embedder.embed(clips[1], level="utterance"), 0.5)
    for found in (direct, of_file, of_array):
        np.testing.assert_array_equal(found.vector, codec.decode(encoded.symbols)[0])
    assert direct.rate_bits == of_file.rate_bits == pytest.approx(encoded.code_length_bits[0])
    assert direct.codec == of_file.codec
    assert of_file.clip_id == "b"
    assert of_file.sha256 == clips[1].sha256


def test_frames_of_a_reference_are_averaged(folder: Path, decoder: Decoder) -> None:
    clip = voice(duration_s=2.0)
    frames = decoder.embedder.embed(clip, level="frame")
    assert len(frames) > 2
    settings = CodecSettings.parse({"quantizer": {"stages": 1, "codes": 1}, "ladder": {"num": 3}})
    about = {"embedder": decoder.embedder.card(), "level": "frame"}
    codec = Codec(settings).fit(np.tile(frames, (4, 1)), rng=np.random.default_rng(0), about=about)
    made = quantize_reference([clip], decoder.embedder, codec, lam=0, ids=["a"], level="frame")
    found = emotion_vector(made, decoder)
    np.testing.assert_allclose(found.vector, made.vectors.mean(axis=0), atol=1e-6)
    again = emotion_vector(clip, decoder, codec=codec, lam=0)
    np.testing.assert_allclose(again.vector, found.vector, atol=1e-6)


def test_other_weights_and_embedders_are_refused(
    folder: Path, decoder: Decoder, codec: Codec
) -> None:
    other = get_decoder("stylevc", {"directory": str(folder / "other"), "device": "cpu"})
    made = quantize_reference(
        [voice()], decoder.embedder, codec, lam=0, ids=["a"], level="utterance"
    )
    with pytest.raises(InputError, match=r"reference comes from another embedder.*weights_sha256"):
        emotion_vector(made, other)
    with pytest.raises(InputError, match="codec was trained on vectors of another embedder"):
        emotion_vector(voice(), other, codec=codec, lam=0)
    plain = PlainVectors(np.zeros((1, 128), np.float32), Functionals().card())
    with pytest.raises(InputError, match=r"the vector comes from another embedder.*its name"):
        emotion_vector(plain, decoder)


def test_what_does_not_fit_together_is_refused(
    decoder: Decoder, codec: Codec, tmp_path: Path
) -> None:
    made = quantize_reference(
        [voice(), voice(99)], decoder.embedder, codec, lam=0, ids=["a", "b"], level="utterance"
    )
    silence = clip_from_array(np.zeros(8000), 16_000)
    cases = [
        (np.zeros(7, np.float32), {}, "7 dimensions, and the decoder takes the 128 of stylevc"),
        (np.full(128, np.nan), {}, "finite real vector"),
        (np.zeros((2, 2, 2)), {}, "finite real vector"),
        (np.zeros(128, np.int64), {}, "finite real vector"),
        (made, {}, "holds 2 clips; name one with --clip-id: a, b"),
        (made, {"clip_id": "c"}, "no clip 'c'"),
        (made, {"codec": codec, "lam": 0.0, "clip_id": "a"}, "only a clip is quantized"),
        (voice(), {"codec": codec}, "go together"),
        (voice(), {"lam": 1.0}, "go together"),
        (voice(), {"clip_id": "a"}, "this is none"),
        (voice(), {"codec": codec, "lam": -1.0}, "lam must be"),
        (silence, {}, "the emotion clip is silent"),
        (silence, {"codec": codec, "lam": 0.0}, "the emotion clip is silent"),
    ]
    for emotion, further, message in cases:
        with pytest.raises(InputError, match=message):
            emotion_vector(emotion, decoder, **further)
    write_npz(tmp_path / "two.npz", {"a": np.zeros(2), "b": np.zeros(2)})
    with pytest.raises(InputError, match="holds the arrays a, b; give a file of one array"):
        read_emotion(tmp_path / "two.npz")
    (tmp_path / "bad.npy").write_bytes(b"\x93NUMPY\x01\x00nothing")
    with pytest.raises(IntegrityError, match=r"bad\.npy is damaged"):
        read_emotion(tmp_path / "bad.npy")
    with pytest.raises(InputError, match="cannot read"):
        read_emotion(tmp_path / "absent.npy")
    with pytest.raises(InputError, match=r"absent\.wav is missing"):
        read_emotion(tmp_path / "absent.wav")


def test_a_damaged_reference_is_refused(decoder: Decoder, codec: Codec, tmp_path: Path) -> None:
    made = quantize_reference(
        [voice()], decoder.embedder, codec, lam=0, ids=["a"], level="utterance"
    )
    write_reference(tmp_path / "r.npz", made)
    data = bytearray((tmp_path / "r.npz").read_bytes())
    data[len(data) // 3] ^= 1
    (tmp_path / "r.npz").write_bytes(bytes(data))
    with pytest.raises(IntegrityError, match=r"r\.npz"):
        read_emotion(tmp_path / "r.npz")


# Levels


def test_loudness_is_that_of_the_source_unless_the_peak_forbids() -> None:
    tone = np.sin(np.arange(1000)).astype(np.float32)
    soft = as_loud_as(0.001 * tone, 0.3 * np.cos(np.arange(700)))
    assert np.sqrt(np.mean(soft.samples**2)) == pytest.approx(0.3 / np.sqrt(2), rel=1e-2)
    assert soft.level_db == 0.0
    click = np.zeros(1000, np.float32)
    click[500] = 0.5
    loud = as_loud_as(click, 0.5 * tone)
    assert np.abs(loud.samples).max() == pytest.approx(0.99, abs=1e-6)
    wanted = np.sqrt(np.mean(np.square(0.5 * tone)))
    reached = np.sqrt(np.mean(np.square(loud.samples)))
    assert loud.level_db == pytest.approx(20 * np.log10(reached / wanted), abs=1e-4)
    assert loud.gain_db == pytest.approx(20 * np.log10(0.99 / 0.5), abs=1e-4)
    assert not as_loud_as(np.zeros(5, np.float32), tone).samples.any()
    assert as_loud_as(tone, np.zeros(5)).samples.dtype == np.float32


# Conversion


def test_a_conversion_is_decoded_vocoded_and_levelled() -> None:
    source, third, emotion = voice(), voice(240), voice(100)
    made = TiltDecoder()
    done = convert(source, decoder=made, vocoder=VOCODER, emotion=emotion, speaker=third, rng=rng())
    vector = made.embedder.embed(emotion, level="utterance")[0]
    bands = made.decode(source, speaker=third, emotion=vector)
    np.testing.assert_array_equal(done.log10_mel, bands)
    wanted = as_loud_as(VOCODER.synthesise(bands, rng=rng()), source.samples)
    np.testing.assert_array_equal(done.samples, wanted.samples)
    assert len(done.samples) == 160 * (len(log10_mel(source.samples)) - 1)
    card = done.card
    assert (card.source_sha256, card.speaker_sha256) == (source.sha256, third.sha256)
    assert (card.emotion, card.emotion_sha256) == ("clip", emotion.sha256)
    assert "trained_on" not in card.decoder
    own = convert(source, decoder=made, vocoder=VOCODER, emotion=emotion, rng=rng())
    assert own.card.speaker_sha256 == source.sha256
    assert not np.array_equal(own.log10_mel, done.log10_mel)


def test_equal_seeds_give_equal_files_with_their_card(decoder: Decoder, tmp_path: Path) -> None:
    for name in ("a", "b"):
        done = convert(voice(), decoder=decoder, vocoder=VOCODER, emotion=voice(99), rng=rng())
        write_conversion(tmp_path / f"{name}.wav", done, seed=3, command="typed")
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    other = convert(
        voice(), decoder=decoder, vocoder=VOCODER, emotion=voice(99), rng=np.random.default_rng(4)
    )
    assert not np.array_equal(other.samples, done.samples)
    card = read_json(tmp_path / "a.json")
    assert card["audio_sha256"] == sha256_file(tmp_path / "a.wav")
    assert (card["seed"], card["command"]) == (3, "typed")
    assert card["decoder"]["licence"] == "CC0"
    assert card["vocoder"]["settings"]["num_iterations"] == 2
    with pytest.raises(InputError, match=r"a\.mp3 is not the name"):
        write_conversion(tmp_path / "a.mp3", done)


def test_short_and_unvoiced_clips_are_converted_and_silence_is_refused(decoder: Decoder) -> None:
    noise = clip_from_array(0.1 * np.random.default_rng(0).normal(size=1600), 16_000)
    done = convert(noise, decoder=decoder, vocoder=VOCODER, emotion=noise, rng=rng())
    assert len(done.samples) == 1600
    assert np.isfinite(done.samples).all()
    assert np.sqrt(np.mean(done.samples**2)) == pytest.approx(0.1, rel=0.2)
    silence = clip_from_array(np.zeros(8000), 16_000)
    with pytest.raises(InputError, match="the source is silent"):
        convert(silence, decoder=decoder, vocoder=VOCODER, emotion=noise, rng=rng())
    with pytest.raises(InputError, match="the speaker's clip is silent"):
        convert(noise, decoder=decoder, vocoder=VOCODER, emotion=noise, speaker=silence, rng=rng())


def test_the_name_of_a_silent_file_is_said(decoder: Decoder, tmp_path: Path) -> None:
    write_clip(tmp_path / "quiet.wav", np.zeros(8000, np.float32))
    quiet = read_clip(tmp_path / "quiet.wav")
    with pytest.raises(InputError, match=r"the source .*quiet\.wav is silent"):
        convert(quiet, decoder=decoder, vocoder=VOCODER, emotion=voice(), rng=rng())


def test_the_embedder_of_a_decoder_is_that_of_its_folder(folder: Path, decoder: Decoder) -> None:
    own = get_embedder("stylevc", {"directory": str(folder / "own"), "device": "cpu"})
    assert decoder.embedder.card() == own.card()
