"""StyleVC as an embedder: utterances, windows, cards that say what was seen, bad input."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from quantlab.audio import Clip, clip_from_array, write_clip
from quantlab.cli.app import app
from quantlab.corpora import Manifest, seen_items
from quantlab.embedders import StyleVCEmbedder, get_embedder, open_set
from quantlab.errors import ConfigError, InputError, IntegrityError
from quantlab.models import make_network, open_stylevc, save_model
from quantlab.models.stylevc.settings import PRESETS

SEEN = [{"corpus": "csv", "speaker": "s1", "text_id": "1"}]
CARD = {
    "name": "tiny",
    "mel_statistics": [[-4.0] * 80, [1.5] * 80],
    "emotions": ["angry", "happy"],
    "speakers": ["a", "b"],
    "licence": "CC BY 4.0",
    "trained_on": SEEN,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("stylevc")
    save_model(place, make_network(PRESETS["small"], seed=2), card=CARD)
    return place


@pytest.fixture(scope="module")
def embedder(folder: Path) -> StyleVCEmbedder:
    made = get_embedder("stylevc", {"directory": str(folder), "device": "cpu"})
    assert isinstance(made, StyleVCEmbedder)
    return made


def tone(seconds: float, *, pitch: float = 180.0) -> Clip:
    times = np.arange(int(16000 * seconds)) / 16000
    wave = np.sign(np.sin(2 * np.pi * pitch * times)) * 0.2
    return clip_from_array(wave.astype(np.float32), 16000)


def test_an_utterance_is_what_the_emotion_encoder_gives(embedder: StyleVCEmbedder) -> None:
    clip = tone(1.6)
    model = open_stylevc(embedder.settings.directory, device="cpu")
    found = embedder.embed(clip, level="utterance")
    assert found.shape == (1, embedder.num_dims("utterance")) == (1, 128)
    np.testing.assert_array_equal(found[0], model.emotion(model.read(clip.samples)))
    assert (found >= 0).all()
    assert found.any()


def test_windows_begin_every_fifth_of_a_second(embedder: StyleVCEmbedder) -> None:
    clip = tone(2.0)
    found = embedder.embed(clip, level="frame")
    assert found.shape == (1 + (201 - 128) // 20, 128)
    assert embedder.frame_rate_hz == 5.0
    wide = get_embedder("stylevc", {"directory": embedder.settings.directory, "window_s": 1.5})
    assert len(wide.embed(clip, level="frame")) == 1 + (201 - 150) // 20
    assert wide.fingerprint("frame") != embedder.fingerprint("frame")
    assert wide.fingerprint("utterance") == embedder.fingerprint("utterance")


@pytest.mark.parametrize("level", ["utterance", "frame"])
def test_a_tenth_of_a_second_unvoiced_gives_one_finite_vector(
    embedder: StyleVCEmbedder, level: str
) -> None:
    noise = np.random.default_rng(0).normal(0, 0.05, 1600).astype(np.float32)
    found = embedder.embed_batch([clip_from_array(noise, 16000)], level=level)[0]
    assert found.shape == (1, 128)
    assert np.isfinite(found).all()


def test_the_card_says_what_was_seen(embedder: StyleVCEmbedder) -> None:
    card = embedder.card()
    assert card["trained_on"] == SEEN
    assert card["licence"] == "CC BY 4.0"
    assert card["model"] == "tiny"
    assert len(card["weights_sha256"]) == 64
    assert embedder.head() is None


def test_other_weights_have_another_fingerprint(embedder: StyleVCEmbedder, tmp_path: Path) -> None:
    save_model(tmp_path, make_network(PRESETS["small"], seed=3), card=CARD)
    other = get_embedder("stylevc", {"directory": str(tmp_path)})
    assert other.fingerprint("utterance") != embedder.fingerprint("utterance")


def test_without_a_model_it_says_where_to_find_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give it with --model checkpoints"):
        get_embedder("stylevc").card()
    with pytest.raises(InputError, match="fit-stylevc"):
        get_embedder("stylevc", {"directory": str(tmp_path)}).fingerprint("utterance")
    with pytest.raises(ConfigError, match="not downloaded"):
        get_embedder("stylevc", {"download": True})


def test_a_model_of_vectors_has_no_encoder(tmp_path: Path) -> None:
    settings = PRESETS["small"].model_copy(update={"emotion_dims": 12})
    save_model(tmp_path, make_network(settings, seed=1), card=CARD)
    with pytest.raises(InputError, match="vectors of 12 dimensions; use their embedder"):
        get_embedder("stylevc", {"directory": str(tmp_path)}).num_dims("utterance")


def test_damaged_weights_are_found(folder: Path, tmp_path: Path) -> None:
    for name in ("card.json", "weights.safetensors"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    damaged = bytearray((tmp_path / "weights.safetensors").read_bytes())
    damaged[-9] ^= 1
    (tmp_path / "weights.safetensors").write_bytes(damaged)
    with pytest.raises(IntegrityError):
        get_embedder("stylevc", {"directory": str(tmp_path)}).num_dims("utterance")


def test_what_was_seen_can_be_left_out(folder: Path, tmp_path: Path) -> None:
    rows = ["path,speaker,emotion,text_id"]
    for speaker in ("s1", "s2"):
        for text in ("1", "2"):
            for emotion in ("angry", "happy"):
                name = f"{speaker}{text}{emotion}.wav"
                pitch = 100.0 + 7 * len(rows)
                write_clip(tmp_path / name, tone(0.4, pitch=pitch).samples)
                rows.append(f"{name},{speaker},{emotion},{text}")
    (tmp_path / "clips.csv").write_text("\n".join(rows) + "\n")

    def run(*args: str) -> str:
        done = CliRunner().invoke(app, list(args))
        assert done.exit_code == 0, done.output
        return done.output

    manifest = str(tmp_path / "clips.parquet")
    run("index", str(tmp_path / "clips.csv"), "-o", manifest, "-q")
    corpus = str(Manifest.load(manifest).items["corpus"].iloc[0])
    card = CARD | {"trained_on": [{"corpus": corpus, "speaker": "s1", "text_id": "1"}]}
    model = tmp_path / "model"
    save_model(model, make_network(PRESETS["small"], seed=2), card=card)
    assert seen_items(Manifest.load(manifest), card).sum() == 2
    output = run(
        "embed", manifest, "-o", str(tmp_path / "run"), "--embedder", "stylevc",
        "--model", str(model), "--device", "cpu", "--unseen", "--workers", "1", "-q",
    )  # fmt: skip
    assert "2 clips that the embedder has seen are left out" in output
    kept = open_set(tmp_path / "run" / "embeddings").items
    assert len(kept) == 6
    assert not seen_items(kept, card).any()

    everything = card | {"trained_on": [corpus]}
    save_model(model, make_network(PRESETS["small"], seed=2), card=everything)
    done = CliRunner().invoke(
        app,
        ["embed", manifest, "-o", str(tmp_path / "b"), "--embedder", "stylevc", "--unseen",
         "--model", str(model)],
    )  # fmt: skip
    assert isinstance(done.exception, InputError)
    assert "was trained on all of 8 clips" in str(done.exception)
