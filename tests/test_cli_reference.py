"""`quantlab reference` on made-up voices: files, printed numbers and refusals."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from quantlab.audio import read_clip, write_clip
from quantlab.cli.app import app
from quantlab.codebooks import Codec, CodecSettings
from quantlab.embedders import Functionals, Level
from quantlab.errors import InputError
from quantlab.synthesis import read_reference
from tests.synthetic_voice import synthetic_voice


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with clips and a codec of each level, and one that names no embedder."""
    folder = tmp_path_factory.mktemp("reference")
    for index in range(10):
        voice = synthetic_voice(pitch_hz=120 + 10 * index, duration_s=0.5, seed=index)
        write_clip(folder / f"v{index}.wav", voice)
    write_clip(folder / "silence.wav", np.zeros(8000, np.float32))
    read = [read_clip(path) for path in sorted(folder.glob("v*.wav"))]
    settings = CodecSettings.parse({"quantizer": {"stages": 2, "codes": 2}, "ladder": {"num": 4}})
    levels: tuple[Level, ...] = ("utterance", "frame")
    for level in levels:
        vectors = np.concatenate(Functionals().embed_batch(read, level=level))
        about = {"embedder": Functionals().card(), "level": level, "recipe": "balanced"}
        codec = Codec(settings).fit(vectors, rng=np.random.default_rng(0), about=about)
        codec.save(folder / level)
        codec.card_ = {**codec.card_, "embedder": {}, "level": None}
        codec.save(folder / f"{level}-unnamed")
    return folder


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["reference", *map(str, arguments)])


def test_one_clip_becomes_a_reference(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "ref.npz"
    done = run(place / "v0.wav", "--codec", place / "utterance", "--lam", "0.1", "-o", out)
    assert done.exit_code == 0, done.output
    made = read_reference(out)
    codec = Codec.load(place / "utterance")
    vector = Functionals().embed(read_clip(place / "v0.wav"), level="utterance")
    encoded = codec.encode(vector, 0.1)
    np.testing.assert_array_equal(made.vectors, codec.decode(encoded.symbols))
    assert made.ids == ("v0",)
    assert made.card.embedder["name"] == "functionals"
    assert f"v0: {encoded.code_length_bits[0]:.2f} bits, cosine" in done.output
    assert (
        f"1 clips with codec utterance at λ = 0.1: {encoded.code_length_bits[0]:.2f} bits per"
        in (done.output)
    )


def test_several_clips_as_frames_means_and_single_arrays(place: Path, tmp_path: Path) -> None:
    given = [place / "v1.wav", place / "v2.wav", "--codec", place / "frame", "--lam", "0"]
    assert run(*given, "-o", tmp_path / "f.npz").exit_code == 0
    assert run(*given, "--mean", "-o", tmp_path / "m.npz").exit_code == 0
    assert run(*given, "--format", "npy", "-o", tmp_path / "arrays").exit_code == 0
    frames, means = read_reference(tmp_path / "f.npz"), read_reference(tmp_path / "m.npz")
    assert frames.ids == means.ids == ("v1", "v2")
    assert means.vectors.shape == (2, 120)
    np.testing.assert_allclose(means.vectors, frames.means(), atol=1e-6)
    for name in frames.ids:
        np.testing.assert_array_equal(np.load(tmp_path / "arrays" / f"{name}.npy"), frames.of(name))


@pytest.mark.parametrize("level", ["utterance", "frame"])
def test_a_codec_that_names_no_embedder_takes_the_one_named(
    place: Path, tmp_path: Path, level: str
) -> None:
    given = [place / "v3.wav", "--lam", "0"]
    named = run(*given, "--codec", place / level, "-o", tmp_path / "a.npz")
    assert named.exit_code == 0
    unnamed = [*given, "--codec", place / f"{level}-unnamed", "-o", tmp_path / "b.npz"]
    missing = run(*unnamed)
    assert isinstance(missing.exception, InputError)
    assert "names no embedder; name the one to use" in str(missing.exception)
    assert run(*unnamed, "--embedder", "functionals", "--level", level).exit_code == 0
    first, second = (read_reference(tmp_path / name) for name in ("a.npz", "b.npz"))
    np.testing.assert_array_equal(first.vectors, second.vectors)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"-o": "x.txt"}, r"x\.txt is not the name of an \.npz file"),
        ({"--format": "npy", "-o": "full"}, "full exists and is not an empty folder"),
        ({"--codec": "absent"}, "absent holds no codec"),
        ({"--lam": "-1"}, "lam must be finite and >= 0"),
        ({"clip": "silence.wav"}, r"silence\.wav is silent"),
        ({"clip": "absent.wav"}, "absent.wav"),
        ({"--level": "frame"}, "trained at level utterance, given level frame"),
        ({"--set": "pause_db=30"}, "another embedder: its settings"),
        ({"--embedder": "nonsense"}, "embedder 'nonsense' is unknown"),
        ({"--mean": None}, "no frames to average"),
    ],
)
def test_bad_input_is_one_sentence(
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, str | None],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    given = {"clip": "v0.wav", "--codec": str(place / "utterance"), "--lam": "0", "-o": "ref.npz"}
    given |= changes
    clip = place / str(given.pop("clip"))
    done = run(clip, *(part for pair in given.items() for part in pair if part is not None))
    assert done.exception is not None
    assert getattr(done.exception, "exit_code", 1) == 2
    with pytest.raises(type(done.exception), match=message):
        raise done.exception
    assert not (tmp_path / "ref.npz").exists()


def test_clips_of_one_name_are_refused(place: Path, tmp_path: Path) -> None:
    (tmp_path / "v0.wav").write_bytes((place / "v1.wav").read_bytes())
    done = run(
        place / "v0.wav", tmp_path / "v0.wav", "--codec", place / "utterance", "--lam", "0",
        "-o", tmp_path / "r.npz",
    )  # fmt: skip
    assert "one distinct name" in str(done.exception)
