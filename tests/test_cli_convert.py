"""`quantlab convert` and `quantlab listen` on made-up voices and a small random network."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from quantlab.audio import read_clip, write_clip
from quantlab.cli.app import app
from quantlab.codebooks import Codec, CodecSettings
from quantlab.embedders import get_embedder
from quantlab.models import PRESETS, make_network, save_model
from quantlab.store import read_json, read_table, sha256_file, write_npy
from quantlab.synthesis import get_decoder
from tests.small_corpus import small_corpus


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with ``model``, ``run/codecs/small``, ``clips`` and ``clips.parquet``."""
    folder = tmp_path_factory.mktemp("convert")
    small_corpus(folder / "clips").save(folder / "clips.parquet")
    seen = [{"corpus": "clips", "speaker": "ann", "text_id": f"t{text}"} for text in range(2)]
    card = {
        "name": "made-up", "mel_statistics": [[-3.0] * 80, [1.0] * 80], "emotions": ["angry"],
        "speakers": ["ann"], "licence": "CC0", "settings": {"training": {"crop_frames": 32}},
        "trained_on": seen,
    }  # fmt: skip
    save_model(folder / "model", make_network(PRESETS["small"], seed=1), card=card, half=False)
    embedder = get_embedder("stylevc", {"directory": str(folder / "model"), "device": "cpu"})
    clips = [read_clip(path) for path in sorted((folder / "clips").glob("*.wav"))[::3]]
    vectors = np.concatenate(embedder.embed_batch(clips, level="utterance"))
    settings = CodecSettings.parse({"quantizer": {"stages": 1, "codes": 2}, "ladder": {"num": 3}})
    about = {"embedder": embedder.card(), "level": "utterance", "recipe": "balanced"}
    codec = Codec(settings).fit(vectors, rng=np.random.default_rng(0), about=about)
    codec.save(folder / "run" / "codecs" / "small")
    write_clip(folder / "silence.wav", np.zeros(8000, np.float32))
    write_clip(folder / "short.wav", np.full(800, 0.1, np.float32))
    noise = 0.1 * np.random.default_rng(0).normal(size=4000)
    write_clip(folder / "unvoiced.wav", noise.astype(np.float32))
    write_npy(folder / "narrow.npy", np.zeros(7, np.float32))
    write_npy(folder / "vector.npy", vectors[0])
    (folder / "text.wav").write_text("no sound")
    return folder


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_one_clip_is_converted(place: Path, tmp_path: Path) -> None:
    source, emotion = place / "clips" / "ann_neutral_2.wav", place / "clips" / "ann_sad_3.wav"
    given = ["convert", source, "--model", place / "model", "--emotion", emotion]
    done = run(*given, "-o", tmp_path / "a.wav", "--seed", "5")
    assert done.exit_code == 0, done.output
    assert "as loud as the source" in done.output
    assert "licence of the model, which what is made with it carries: CC0" in done.output
    card = read_json(tmp_path / "a.json")
    assert card["source_sha256"] == sha256_file(source)
    assert card["emotion_sha256"] == sha256_file(emotion)
    assert card["seed"] == 5
    run(*given, "-o", tmp_path / "b.wav", "--seed", "5")
    run(*given, "-o", tmp_path / "c.wav", "--seed", "6")
    files = [(tmp_path / f"{name}.wav").read_bytes() for name in "abc"]
    assert files[0] == files[1] != files[2]


def test_several_clips_a_third_voice_and_a_codec(place: Path, tmp_path: Path) -> None:
    sources = [place / "clips" / f"ann_neutral_{text}.wav" for text in (2, 3)]
    codec = place / "run" / "codecs" / "small"
    further = ["--speaker", place / "clips" / "bob_angry_1.wav", "--codec", codec, "--lam", "0"]
    given = ["--model", place / "model", "--emotion", place / "clips" / "bob_sad_3.wav"]
    done = run("convert", *sources, *given, *further, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    names = ["ann_neutral_2.json", "ann_neutral_2.wav", "ann_neutral_3.json", "ann_neutral_3.wav"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    card = read_json(tmp_path / "out" / "ann_neutral_3.json")
    assert card["speaker_sha256"] == sha256_file(place / "clips" / "bob_angry_1.wav")
    assert card["codec"]["fingerprint"] == Codec.load(codec).fingerprint()
    assert card["lam"] == 0.0


def test_references_vectors_and_unvoiced_speech_work(place: Path, tmp_path: Path) -> None:
    ref = tmp_path / "ref.npz"
    made = run(
        "reference", place / "clips" / "ann_sad_3.wav", place / "clips" / "ann_angry_3.wav",
        "--codec", place / "run" / "codecs" / "small", "--model", place / "model",
        "--lam", "0", "-o", ref,
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    given = ["convert", place / "unvoiced.wav", "--model", place / "model", "--emotion"]
    assert run(*given, ref, "--clip-id", "ann_sad_3", "-o", tmp_path / "r.wav").exit_code == 0
    assert read_json(tmp_path / "r.json")["emotion_clip"] == "ann_sad_3"
    assert run(*given, place / "vector.npy", "-o", tmp_path / "v.wav").exit_code == 0
    assert read_json(tmp_path / "v.json")["emotion"] == "vector"
    assert len(read_clip(tmp_path / "v.wav").samples) == 4000
    ref.write_bytes(ref.read_bytes()[:-30])
    damaged = run(*given, ref, "--clip-id", "ann_sad_3", "-o", tmp_path / "d.wav")
    assert getattr(damaged.exception, "exit_code", 0) == 4
    assert "ref.npz is damaged" in str(damaged.exception)
    assert not (tmp_path / "d.wav").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": "short.wav"}, "800 samples; need >= 0.1 s"),
        ({"source": "silence.wav"}, "silence.wav is silent"),
        ({"source": "absent.wav"}, "absent.wav is missing"),
        ({"source": "text.wav"}, "text.wav cannot be decoded as audio"),
        ({"--emotion": "silence.wav"}, "emotion clip .*silence.wav is silent"),
        ({"--emotion": "narrow.npy"}, "7 dimensions, and the decoder takes the 128 of stylevc"),
        ({"--speaker": "short.wav"}, "800 samples"),
        ({"--clip-id": "x"}, "this is none"),
        ({"--lam": "1"}, "go together"),
        ({"--model": "run"}, "fit-stylevc"),
        ({"--decoder": "x"}, "decoder 'x' is unknown; available: stylevc"),
        ({"--vocoder": "x"}, "vocoder 'x' is unknown; available: griffin_lim"),
        ({"--device": "cuda"}, "PyTorch sees no GPU"),
        ({"-o": "out.mp3"}, r"out.mp3 is not the name of a .wav or .flac file"),
        ({"-o": "clips/ann_neutral_2.wav"}, "ann_neutral_2.wav is a source"),
    ],
)
def test_bad_input_is_one_sentence(
    place: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], message: str
) -> None:
    if changes.get("--device") == "cuda":
        monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.chdir(place)
    given = {
        "source": "clips/ann_neutral_2.wav", "--model": "model",
        "--emotion": "clips/ann_sad_3.wav", "-o": "out.wav",
    } | changes  # fmt: skip
    source = given.pop("source")
    before = sha256_file("clips/ann_neutral_2.wav")
    done = run("convert", source, *(part for pair in given.items() for part in pair))
    assert done.exception is not None
    assert getattr(done.exception, "exit_code", 1) == 2
    with pytest.raises(type(done.exception), match=message):
        raise done.exception
    assert not Path("out.wav").exists()
    assert sha256_file("clips/ann_neutral_2.wav") == before


def test_several_sources_need_a_folder_and_names_of_their_own(place: Path, tmp_path: Path) -> None:
    clip = place / "clips" / "ann_neutral_2.wav"
    given = ["--model", place / "model", "--emotion", place / "vector.npy"]
    done = run("convert", clip, place / "unvoiced.wav", *given, "-o", tmp_path / "a.wav")
    assert "2 sources need a folder" in str(done.exception)
    (tmp_path / clip.name).write_bytes(clip.read_bytes())
    done = run("convert", clip, tmp_path / clip.name, *given, "-o", tmp_path / "out")
    assert "several sources are called ann_neutral_2.wav" in str(done.exception)


def test_listening_from_a_manifest_to_a_page(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "heard"
    given = [
        "listen", place / "clips.parquet", "--model", place / "model", "--codec", place / "run",
        "--lam", "0", "--target", "sad", "--texts", "2", "-o", out, "-q",
    ]  # fmt: skip
    done = run(*given)
    assert done.exit_code == 0, done.output
    rows = read_table(out / "listening.parquet")
    assert set(rows["listener"]) == {"stylevc", "functionals"}
    assert set(rows["codec"]) == {"", "small"}
    assert not set(rows["text_id"]) & {"t0", "t1"}, "the model was trained on these"
    assert f"4 sources, {len(rows)} rows: {out / 'report.html'}" in done.output
    value = read_table(out / "summary.parquet").query(
        "listener == 'functionals' and method == 'conversion' and target == 'sad'"
        " and metric == 'posterior'"
    )["value"].iloc[0]  # fmt: skip
    assert "functionals: sad is heard with" in done.output
    assert f"{value:.2f} (" in done.output
    assert (out / "report.html").is_file()
    assert read_json(out / "listening.json")["corpora"] == ["clips"]
    missing = run(*given, "--codec", place / "run" / "codecs" / "small")
    assert "several codecs are called small" in str(missing.exception)


def test_a_listener_that_the_decoder_is_counts_once(place: Path) -> None:
    from quantlab.cli.convert import _listeners

    decoder = get_decoder("stylevc", {"directory": str(place / "model"), "device": "cpu"})
    names = [one.name for one in _listeners(["own", "functionals", "own"], decoder)]
    assert names == ["stylevc", "functionals"]


def test_a_showcase_of_a_run_is_made_and_taken_up_again(place: Path, tmp_path: Path) -> None:
    given = ["showcase", place / "run", "-o", tmp_path / "site", "--clips", "1", "--lams", "2"]
    done = run(*given, "--target", "sad", "--manifest", place / "clips.parquet")
    assert done.exit_code == 0, done.output
    assert f"1 clip: {tmp_path / 'site' / 'index.html'}" in done.output.replace("\n", "")
    text = (tmp_path / "site" / "index.html").read_text()
    assert "CC0" in text
    assert str(tmp_path) not in text
    assert len(list((tmp_path / "site" / "data").glob("*.js"))) == 1
    again = run(*given, "--target", "sad", "--manifest", place / "clips.parquet")
    assert again.exit_code == 0, again.output


def test_a_showcase_says_what_is_missing(place: Path, tmp_path: Path) -> None:
    cases = [
        ([place / "clips"], "holds neither codecs nor sounds"),
        ([place / "run", "--codec", "none"], "has no codec none; there are small"),
    ]
    for given, words in cases:
        done = run("showcase", *given, "-o", tmp_path / "site")
        assert words in str(done.exception)
        assert not (tmp_path / "site").exists()
    (tmp_path / "notes.txt").write_text("mine")
    done = run("showcase", place / "run", "-o", tmp_path)
    assert "and no showcase; give a new folder" in str(done.exception)


def test_options_that_make_sounds_are_refused_where_there_are_sounds(tmp_path: Path) -> None:
    (tmp_path / "heard").mkdir()
    (tmp_path / "heard" / "listening.json").write_text("{}")
    for given in (["--clips", "2"], ["--lams", "3"], ["--target", "sad"], ["--codec", "small"]):
        done = run("showcase", tmp_path / "heard", "-o", tmp_path / "site", *given)
        assert "holds sounds already" in str(done.exception)
        assert not (tmp_path / "site").exists()
