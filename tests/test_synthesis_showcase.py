"""A showcase: its sounds are made once and are those of a conversion; its page holds them all."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quantlab.audio import read_clip
from quantlab.codebooks import Codec
from quantlab.corpora import Manifest
from quantlab.errors import InputError
from quantlab.synthesis import (
    DecoderListener,
    GriffinLim,
    GriffinLimSettings,
    ListeningSettings,
    ListeningSounds,
    ShowcaseSettings,
    check_site,
    convert,
    listening_loop,
    record_showcase,
    showcase_sounds,
    write_showcase,
)
from tests.small_corpus import TiltDecoder, small_codec, small_corpus

VOCODER = GriffinLim(GriffinLimSettings(num_iterations=1))
SETTINGS = ShowcaseSettings(num_clips=2, targets=("angry", "sad"), num_lams=2, seed=4)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return small_corpus(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def codec(clips: Manifest) -> Codec:
    return small_codec(clips)


def record(clips: Manifest, site: Path, codec: Codec, **changes: Any) -> ListeningSounds:
    return record_showcase(
        clips,
        site,
        decoder=TiltDecoder(),
        vocoder=VOCODER,
        codecs={"balanced": codec},
        settings=SETTINGS.model_copy(update=changes),
    )


@pytest.fixture(scope="module")
def recorded(
    clips: Manifest, codec: Codec, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, ListeningSounds]:
    site = tmp_path_factory.mktemp("site")
    return site, record(clips, site, codec)


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_clips_are_spread_over_speakers_and_neutral(
    clips: Manifest, recorded: tuple[Path, ListeningSounds]
) -> None:
    rows = clips.items.set_index("path").loc[recorded[1].sources]
    assert len(set(rows["speaker"])) == 2
    assert set(rows["emotion"]) == {"neutral"}


def test_a_sound_is_that_of_a_conversion(
    clips: Manifest, codec: Codec, recorded: tuple[Path, ListeningSounds]
) -> None:
    sounds = recorded[1]
    source = sounds.sources[0]
    table = sounds.table(source)
    coded = table.loc[(table["method"] == "quantized") & (table["target"] == "sad")]
    assert coded["lam"].tolist() == [codec.ladder_[0], codec.ladder_[-1]]
    folder = sounds.places[source]
    spoken = clips.read_clip(int(np.flatnonzero(clips.items["path"] == source)[0]))
    reference = read_clip(folder / "sad-reference.wav")
    for row in coded.to_dict("records"):
        made = convert(
            spoken,
            decoder=TiltDecoder(),
            vocoder=VOCODER,
            emotion=reference,
            codec=codec,
            lam=row["lam"],
            rng=np.random.default_rng([SETTINGS.seed, int(spoken.sha256[:15], 16)]),
        )
        # The reference was read back from 16 bits, so the vector differs a little.
        heard = read_clip(folder / row["file"]).samples
        assert np.corrcoef(made.samples[: len(heard)], heard)[0, 1] > 0.99
        assert row["rate_bits"] == pytest.approx(made.card.rate_bits, rel=0.2)


def test_equal_arguments_give_equal_bytes_and_nothing_is_made_twice(
    clips: Manifest,
    codec: Codec,
    recorded: tuple[Path, ListeningSounds],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site, _ = recorded
    record(clips, tmp_path, codec)
    assert files_of(tmp_path) == files_of(site)

    def refuse(*given: Any, **named: Any) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(showcase_sounds, "SourceSession", refuse)
    record(clips, tmp_path, codec)
    with pytest.raises(AssertionError, match="made again"):
        record(clips, tmp_path, codec, seed=5)


class _Addresses(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("href", "src") and value]


def data_of(site: Path) -> Iterator[dict[str, Any]]:
    for script in sorted((site / "data").glob("*.js")):
        found = re.fullmatch(r"window\.quantlabShowcase\.add\(\d+, (.*)\);\n", script.read_text())
        assert found is not None
        yield json.loads(found[1])


def test_the_page_holds_every_sound_and_nothing_from_elsewhere(
    recorded: tuple[Path, ListeningSounds],
) -> None:
    site, sounds = recorded
    done: list[tuple[int, int]] = []
    page = write_showcase(
        sounds, site, title="a <b>", lead="Two & more.", origin=[("Licence", "CC0 <i>")],
        progress=lambda *step: done.append(step),
    )  # fmt: skip
    text = page.read_text()
    assert "<h1>a &lt;b&gt;</h1>" in text
    assert "CC0 &lt;i&gt;" in text
    assert done == [(1, 2), (2, 2)]
    parser = _Addresses()
    parser.feed(text)
    wavs = {path for path in files_of(site) if path.endswith(".wav") and "copy_syn" not in path}
    assert set(parser.found) == wavs
    told = list(data_of(site))
    assert {sound["address"] for data in told for sound in data["sounds"]} == wavs
    quantized = [one for one in told[0]["sounds"] if one["method"] == "quantized"]
    assert {(one["target"], one["codec"]) for one in quantized} == {
        ("angry", "balanced"), ("sad", "balanced")
    }  # fmt: skip
    assert all(one["detail"].endswith(" bits") for one in quantized)


def test_sounds_of_a_listening_loop_are_copied(
    clips: Manifest, codec: Codec, tmp_path: Path
) -> None:
    decoder = TiltDecoder()
    listening_loop(
        clips,
        tmp_path / "listen",
        decoder=decoder,
        vocoder=VOCODER,
        listeners=[DecoderListener(decoder)],
        codecs={"small": codec},
        settings=ListeningSettings(num_texts=2, targets=("sad",), num_lams=2, seed=4),
    )
    sounds = ListeningSounds.open(tmp_path / "listen")
    site = tmp_path / "site"
    write_showcase(sounds, site, title="x", lead="", origin=[])
    source = sounds.sources[0]
    for row in sounds.table(source).to_dict("records"):
        if row["method"] == "copy_synthesis":
            continue
        copied = site / "sounds" / sounds.places[source].name / row["file"]
        assert copied.read_bytes() == (sounds.places[source] / row["file"]).read_bytes()
    assert len(list(data_of(site))) == 1


def test_a_folder_of_something_else_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match=r"thesis\.tex and no showcase; give a new folder"):
        check_site(tmp_path)
    with pytest.raises(InputError, match="is a file"):
        check_site(tmp_path / "thesis.tex")
    assert check_site(tmp_path / "new") == tmp_path / "new"
    (tmp_path / "index.html").write_text("")
    assert check_site(tmp_path) == tmp_path


def test_sounds_that_are_missing_are_named(clips: Manifest, codec: Codec, tmp_path: Path) -> None:
    sounds = record(clips, tmp_path, codec, num_clips=1)
    (sounds.places[sounds.sources[0]] / "sad-conversion.wav").unlink()
    with pytest.raises(InputError, match=r"sad-conversion\.wav"):
        write_showcase(sounds, tmp_path, title="x", lead="", origin=[])


def test_targets_that_no_clip_has_are_refused(
    clips: Manifest, codec: Codec, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="no clip is bored; the emotions are"):
        record(clips, tmp_path, codec, targets=("bored",))
