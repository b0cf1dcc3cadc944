"""Quantized references: what they hold, that they come back, and that damage is refused."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from quantlab.audio import Clip, clip_from_array, griffin_lim, log10_mel
from quantlab.codebooks import Codec, CodecSettings
from quantlab.config import Settings
from quantlab.embedders import Functionals, Head, Level
from quantlab.errors import ConfigError, InputError, IntegrityError
from quantlab.store import read_npz, write_npz
from quantlab.synthesis import (
    GriffinLim,
    Reference,
    embedder_of,
    get_vocoder,
    quantize_reference,
    read_reference,
    write_reference,
    write_reference_arrays,
)
from tests.synthetic_voice import synthetic_voice

LEVELS: tuple[Level, ...] = ("utterance", "frame")


class Levels:
    """An embedder with a head: each frame is the loudness of 0.02 s in three disguises."""

    name: ClassVar[str] = "levels"
    frame_rate_hz: ClassVar[float] = 50.0
    settings_class: ClassVar[type[Any]] = Settings
    batch_seconds = 0.0
    settings = Settings()

    def num_dims(self, level: Level) -> int:
        return 3

    def embed(self, clip: Clip, *, level: Level) -> np.ndarray:
        usable = clip.samples[: clip.samples.size // 320 * 320].reshape(-1, 320)
        rms = np.sqrt(np.mean(usable.astype(float) ** 2, axis=1))
        frames = np.stack([rms, rms**2 + 1, np.sqrt(rms)], axis=1).astype(np.float32)
        return frames if level == "frame" else frames.mean(axis=0, keepdims=True)

    def embed_batch(self, clips: Sequence[Clip], *, level: Level) -> list[np.ndarray]:
        return [self.embed(clip, level=level) for clip in clips]

    def head(self) -> Head | None:
        return Head(("loud", "soft"), np.array([[9, 0, 0], [-9, 0, 0]]), np.array([-1, 1]))

    def card(self) -> dict[str, Any]:
        return {"name": "levels", "version": 1, "trained_on": [], "settings": {}}

    def fingerprint(self, level: Level) -> str:
        return level.ljust(64, "0")


def clips(count: int = 12) -> list[Clip]:
    made = []
    for index in range(count):
        voice = synthetic_voice(pitch_hz=120 + 8 * index, duration_s=0.5 + 0.02 * index, seed=index)
        made.append(clip_from_array(voice * (0.3 + 0.05 * index), 16000))
    return made


def make_codec(level: Level, **about: Any) -> Codec:
    vectors = np.concatenate(Levels().embed_batch(clips(), level=level))
    settings = CodecSettings.parse({"quantizer": {"stages": 2, "codes": 2}, "ladder": {"num": 4}})
    known = {"recipe": "biased:sad", "licence": "CC0-1.0", "corpora": ["made"], "level": level}
    rng = np.random.default_rng(0)
    return Codec(settings).fit(vectors, rng=rng, about=known | about)


@pytest.fixture(scope="module")
def codecs() -> dict[Level, Codec]:
    return {level: make_codec(level) for level in LEVELS}


def make(codec: Codec, level: Level, *, count: int = 3, mean: bool = False) -> Reference:
    ids = [f"voice {index}" for index in range(count)]
    return quantize_reference(
        clips(count), Levels(), codec, lam=0.2, ids=ids, level=level, mean=mean
    )


@pytest.mark.parametrize("level", LEVELS)
def test_a_reference_is_what_the_codec_gives(codecs: dict[Level, Codec], level: Level) -> None:
    codec, made = codecs[level], make(codecs[level], level)
    for index, clip in enumerate(clips(3)):
        before = Levels().embed(clip, level=level)
        encoded = codec.encode(before, 0.2)
        after = codec.decode(encoded.symbols)
        np.testing.assert_array_equal(made.of(f"voice {index}"), after)
        about = made.card.clips[index]
        assert about.sha256 == clip.sha256
        assert about.num_frames == len(before) == made.lengths[index]
        assert about.rate_bits == pytest.approx(encoded.code_length_bits.sum())
        norms = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
        assert about.cos_raw == pytest.approx(np.mean((before * after).sum(1) / norms), abs=1e-5)
        assert about.posterior_before is not None
        assert about.posterior_after is not None
        for given, posterior in ((before, about.posterior_before), (after, about.posterior_after)):
            odds = np.exp(18 * given[:, 0].mean(dtype=float) - 2)
            assert posterior["loud"] == pytest.approx(odds / (1 + odds), abs=1e-5)
            assert sum(posterior.values()) == pytest.approx(1.0)
    assert made.card.pooling == ("embedder" if level == "utterance" else "none")
    assert made.card.codec.fingerprint == codec.fingerprint()
    assert (made.card.codec.recipe, made.card.codec.licence) == ("biased:sad", "CC0-1.0")
    assert made.card.lam == 0.2
    assert made.card.lam_raw == pytest.approx(0.2 * codec.scaling_.lam_unit)


def test_averaged_frames_are_one_vector_per_clip(codecs: dict[Level, Codec]) -> None:
    frames, pooled = (make(codecs["frame"], "frame", mean=mean) for mean in (False, True))
    assert frames.vectors.shape == (frames.lengths.sum(), 3)
    assert pooled.vectors.shape == (3, 3)
    assert pooled.card.pooling == "mean"
    np.testing.assert_allclose(pooled.vectors, frames.means(), rtol=1e-6)
    for index in range(3):
        mean = frames.of(f"voice {index}").mean(axis=0)
        np.testing.assert_allclose(pooled.vectors[index], mean, rtol=1e-5)
    both = [reference.card.clips[0] for reference in (frames, pooled)]
    assert both[0].rate_bits == both[1].rate_bits
    assert both[0].cos_centred != both[1].cos_centred


def test_a_larger_lam_costs_less_and_lies_farther(codecs: dict[Level, Codec]) -> None:
    costs = [
        quantize_reference(
            clips(3), Levels(), codecs["frame"], lam=lam, ids=list("abc"), level="frame"
        ).card
        for lam in (0.0, 1e6)
    ]
    assert costs[0].bits_per_vector > costs[1].bits_per_vector
    assert costs[0].clips[0].cos_centred > costs[1].clips[0].cos_centred


@pytest.mark.parametrize(
    ("level", "mean"), [("utterance", False), ("frame", False), ("frame", True)]
)
def test_references_come_back_from_files_that_numpy_reads(
    codecs: dict[Level, Codec], tmp_path: Path, level: Level, mean: bool
) -> None:
    made = make(codecs[level], level, mean=mean)
    write_reference(tmp_path / "ref.npz", made)
    back = read_reference(tmp_path / "ref.npz")
    np.testing.assert_array_equal(back.vectors, made.vectors)
    np.testing.assert_array_equal(back.lengths, made.lengths)
    assert back.card.clips == made.card.clips
    assert back.card.codec == made.card.codec
    assert "numpy" in back.card.provenance["versions"]
    with np.load(tmp_path / "ref.npz", allow_pickle=False) as plain:
        assert plain["ids"].tolist() == ["voice 0", "voice 1", "voice 2"]
        if made.pooled:
            assert set(plain) == {"emb", "ids"}
            assert plain["emb"].dtype == np.float32
            assert plain["emb"].shape == (3, 3)
        else:
            assert set(plain) == {"frames", "lengths", "ids"}
            assert len(plain["frames"]) == plain["lengths"].sum()


def test_one_array_per_clip(codecs: dict[Level, Codec], tmp_path: Path) -> None:
    shapes: dict[Level, tuple[int, ...]] = {"utterance": (3,), "frame": (26, 3)}
    for level, shape in shapes.items():
        made = make(codecs[level], level)
        places = write_reference_arrays(tmp_path / level, made)
        assert [place.name for place in places] == [f"voice {index}.npy" for index in range(3)]
        assert np.load(places[1]).shape == shape
        np.testing.assert_array_equal(np.atleast_2d(np.load(places[1])), made.of("voice 1"))
        card = json.loads((tmp_path / level / "reference.json").read_text())
        assert card["level"] == level
        assert card["clips"][2]["id"] == "voice 2"


def test_names_cannot_lead_out_of_the_folder(codecs: dict[Level, Codec], tmp_path: Path) -> None:
    made = quantize_reference(
        clips(1), Levels(), codecs["frame"], lam=0.0, ids=["../x"], level="frame"
    )
    with pytest.raises(InputError, match="leads out of"):
        write_reference_arrays(tmp_path / "in", made)
    assert not (tmp_path / "x.npy").exists()


def swap_arrays(place: Path, change: Callable[[dict[str, np.ndarray]], None]) -> None:
    """Change the arrays and sign them anew, as a careless program would."""
    import hashlib

    arrays = read_npz(place)
    change(arrays)
    write_npz(place, arrays)
    card = json.loads(place.with_suffix(".json").read_text())
    card["npz_sha256"] = hashlib.sha256(place.read_bytes()).hexdigest()
    place.with_suffix(".json").write_text(json.dumps(card))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.pop("lengths"), r"its arrays are \['frames', 'ids'\], with this pooling"),
        (lambda a: a.update(frames=a["frames"][:-1]), "must be at least 1 and add up to"),
        (lambda a: a.update(frames=a["frames"].astype(float)), "float32 .* given float64"),
        (lambda a: a.update(lengths=a["lengths"].astype(np.int32)), "int64 lengths, given int32"),
        (lambda a: a.update(lengths=a["lengths"] * 0), "at least 1"),
        (lambda a: a.update(ids=a["ids"][::-1]), "ids are not the clips of the card"),
        (lambda a: a.update(ids=np.arange(3)), "ids are not the clips of the card"),
    ],
)
def test_arrays_that_are_not_what_the_card_says_are_refused(
    codecs: dict[Level, Codec],
    tmp_path: Path,
    change: Callable[[dict[str, np.ndarray]], None],
    message: str,
) -> None:
    write_reference(tmp_path / "r.npz", make(codecs["frame"], "frame"))
    swap_arrays(tmp_path / "r.npz", change)
    with pytest.raises(IntegrityError, match=message):
        read_reference(tmp_path / "r.npz")


def test_other_or_damaged_files_are_refused(codecs: dict[Level, Codec], tmp_path: Path) -> None:
    place, side = tmp_path / "r.npz", tmp_path / "r.json"
    write_reference(place, make(codecs["frame"], "frame"))
    whole, card = place.read_bytes(), side.read_text()
    with pytest.raises(InputError, match=r"is not the name of an \.npz file"):
        read_reference(side)
    with pytest.raises(InputError, match="cannot read"):
        read_reference(tmp_path / "absent.npz")
    place.write_bytes(whole[:-40])
    with pytest.raises(IntegrityError, match="damaged"):
        read_reference(place)
    write_reference(place, make(codecs["frame"], "frame", count=2))
    side.write_text(card)
    with pytest.raises(IntegrityError, match=r"not the file that r\.json was written for"):
        read_reference(place)
    for text, message in (
        ("{", "not JSON"),
        ("[]", "no card of a reference"),
        (card.replace('"lam": 0.2', '"lam": -1'), "greater than or equal to 0"),
        (card.replace('"lam": 0.2', '"lambda": 0.2'), "unknown key 'lambda'; did you mean 'lam'"),
        (card.replace('"format": 1', '"format": 2'), "'format'"),
    ):
        assert text != card
        side.write_text(text)
        with pytest.raises(IntegrityError, match=message):
            read_reference(place)
    side.unlink()
    with pytest.raises(InputError, match=r"no card beside it .* quantlab reference CLIP"):
        read_reference(place)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": ["a"]}, "given 2 clips and the names a"),
        ({"ids": ["a", "a"]}, "one distinct name"),
        ({"level": "utterance"}, "trained at level frame, given level utterance"),
        ({"lam": -1.0}, "lam must be finite and >= 0"),
        ({"embedder": Functionals()}, "functionals gives 120 dimensions .* takes 3"),
    ],
)
def test_what_cannot_be_quantized_is_refused(
    codecs: dict[Level, Codec], change: dict[str, Any], message: str
) -> None:
    given = {"embedder": Levels(), "lam": 0.0, "ids": ["a", "b"], "level": "frame"} | change
    with pytest.raises(InputError, match=message):
        quantize_reference(clips(2), given.pop("embedder"), codecs["frame"], **given)


def test_one_vector_has_no_mean_over_frames(codecs: dict[Level, Codec]) -> None:
    with pytest.raises(InputError, match="no frames to average"):
        make(codecs["utterance"], "utterance", mean=True)
    made = make(codecs["utterance"], "utterance")
    with pytest.raises(InputError, match="no clip 'x'; the reference holds voice 0, voice 1"):
        made.of("x")


def test_the_embedder_must_be_the_one_the_codec_was_trained_on() -> None:
    frames = np.concatenate(Functionals().embed_batch(clips(), level="utterance"))
    card = Functionals().card()

    def fitted(about: dict[str, Any]) -> Codec:
        settings = CodecSettings.parse({"quantizer": {"stages": 1, "codes": 2}})
        return Codec(settings).fit(frames, rng=np.random.default_rng(0), about={"embedder": about})

    good = fitted(card)
    assert embedder_of(good) == ("functionals", card["settings"])
    made = quantize_reference(clips(1), Functionals(), good, lam=0.0, ids=["a"], level="utterance")
    assert made.card.clips[0].posterior_before is None
    assert made.card.embedder["name"] == "functionals"
    other = fitted({**card, "settings": {**card["settings"], "pause_db": 99.0}})
    with pytest.raises(InputError, match=r"another embedder: its settings is .*99\.0"):
        quantize_reference(clips(1), Functionals(), other, lam=0.0, ids=["a"], level="utterance")
    with pytest.raises(InputError, match="names the embedder 'imported', which is none of ours"):
        embedder_of(fitted({"name": "imported"}))
    with pytest.raises(InputError, match="names no embedder; name the one to use: functionals"):
        embedder_of(fitted({}))


def test_the_vocoder_is_griffin_lim_by_name() -> None:
    mel = log10_mel(synthetic_voice(duration_s=0.2))
    vocoder = get_vocoder("griffin_lim", {"num_iterations": 4, "momentum": 0.5})
    made = vocoder.synthesise(mel, rng=np.random.default_rng(1))
    expected = griffin_lim(mel, rng=np.random.default_rng(1), num_iterations=4, momentum=0.5)
    assert made.tobytes() == expected.tobytes()
    assert vocoder.sample_rate == 16000
    assert isinstance(vocoder, GriffinLim)
    with pytest.raises(ConfigError, match="vocoder 'x' is unknown; available: griffin_lim"):
        get_vocoder("x")
    with pytest.raises(ConfigError, match="vocoder griffin_lim: 'momentum'"):
        get_vocoder("griffin_lim", {"momentum": 1.0})
