"""The listening loop on made-up voices: what is drawn, heard, counted, kept and resumed."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from quantlab.analysis import cepstral_distortion, fit_probe
from quantlab.audio import clip_from_array, log10_mel, read_clip, write_clip
from quantlab.codebooks import Codec
from quantlab.corpora import Manifest
from quantlab.errors import InputError
from quantlab.store import read_json, read_table
from quantlab.synthesis import (
    DecoderListener,
    EmbedderListener,
    GriffinLim,
    GriffinLimSettings,
    Listening,
    ListeningSettings,
    ListeningSounds,
    as_loud_as,
    listening_loop,
    listening_runs,
    listening_summary,
    make_plan,
    write_listening_report,
)
from tests.small_corpus import (
    EMOTIONS,
    SPEAKERS,
    BandsEmbedder,
    TiltDecoder,
    small_codec,
    small_corpus,
)

VOCODER = GriffinLim(GriffinLimSettings(num_iterations=1))
SETTINGS = ListeningSettings(num_texts=2, targets=("angry", "sad"), num_lams=2, seed=4)
PLAIN = SETTINGS.model_copy(update={"targets": ("sad",)})
SEEN = [{"corpus": "folder", "speaker": "ann", "text_id": "t0"}]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return small_corpus(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def codec(clips: Manifest) -> Codec:
    return small_codec(clips)


def listen(clips: Any, folder: Path, codec: Codec | None = None, **further: Any) -> Listening:
    decoder = further.pop("decoder", None) or TiltDecoder()
    given = {
        "decoder": decoder,
        "vocoder": VOCODER,
        "listeners": [DecoderListener(decoder)],
        "codecs": {} if codec is None else {"small": codec},
        "settings": SETTINGS if codec else PLAIN,
    }
    return listening_loop(clips, folder, **{**given, **further})


@pytest.fixture(scope="module")
def heard(
    clips: Manifest, codec: Codec, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Listening]:
    folder = tmp_path_factory.mktemp("heard")
    return folder, listen(clips, folder, codec, about={"corpora": ["folder"]})


# What is drawn


def corpus_of(clips: Manifest) -> pd.DataFrame:
    return clips.items.assign(corpus="folder")


def test_sentences_of_sources_and_references_are_not_those_of_probes(clips: Manifest) -> None:
    items = corpus_of(clips)
    plan = make_plan(items, SEEN, SETTINGS)
    assert len(plan.texts) == 2
    assert "t0" not in plan.texts
    natural = items.iloc[list(plan.natural)]
    assert set(natural["text_id"]) == {"t1", "t2", "t3", "t4"} - set(plan.texts)
    assert len(natural) == len(SPEAKERS) * len(EMOTIONS) * 2
    assert len(plan.sources) == len(SPEAKERS) * 2
    for source in plan.sources:
        own = items.iloc[source.row]
        assert own["emotion"] == "neutral"
        assert own["text_id"] in plan.texts
        assert [target for target, _ in source.references] == ["angry", "sad"]
        for target, row in source.references:
            reference = items.iloc[row]
            assert reference["emotion"] == target
            assert reference["speaker"] == own["speaker"]
            assert reference["text_id"] in plan.texts
            assert reference["text_id"] != own["text_id"]
    assert make_plan(items, SEEN, SETTINGS) == plan


def test_references_of_others_all_emotions_and_all_sentences(clips: Manifest) -> None:
    items = corpus_of(clips)
    changes = {"reference_speaker": "other", "source_emotions": (), "targets": ()}
    wide = SETTINGS.model_copy(update=changes)
    plan = make_plan(items, SEEN, wide)
    assert len(plan.sources) == len(SPEAKERS) * len(EMOTIONS) * 2
    for source in plan.sources:
        own = items.iloc[source.row]
        assert len(source.references) == len(EMOTIONS) - 1
        assert own["emotion"] not in [target for target, _ in source.references]
        assert all(items["speaker"].iloc[row] != own["speaker"] for _, row in source.references)
    every = SETTINGS.model_copy(update={"sentences": "all"})
    known = make_plan(items, SEEN, every)
    held = {items["text_id"].iloc[row] for row in known.natural} | set(known.texts)
    assert held == {"t0", "t1", "t2", "t3", "t4"}


def test_plans_that_cannot_be_made_are_refused(clips: Manifest) -> None:
    items = corpus_of(clips)
    cases = [
        (items.drop(columns="text_id"), SEEN, SETTINGS, "the clips need the columns text_id"),
        (items, SEEN, ListeningSettings(targets=("happy",)), "no clip is happy; the emotions are"),
        (items, SEEN, ListeningSettings(num_texts=4), "there are 4 sentences that the decoder has"),
        (items.assign(text_id=""), [], SETTINGS, "there are 0 sentences"),
        (items[items["emotion"] == "neutral"], [], ListeningSettings(num_texts=2), "0 sources"),
    ]
    for table, seen, settings, message in cases:
        with pytest.raises(InputError, match=message):
            make_plan(table, seen, settings)


# What is heard


def test_rows_are_what_listeners_say_of_the_sounds(
    clips: Manifest, heard: tuple[Path, Listening]
) -> None:
    """Compute the first source's rows again from the plan, one function after another."""
    rows, items = heard[1].rows, clips.items
    plan = make_plan(items, [], SETTINGS)
    natural = [clips.read_clip(row) for row in plan.natural]
    vectors = np.concatenate(BandsEmbedder().embed_batch(natural, level="utterance"))
    labels = items.iloc[list(plan.natural)]
    probe = fit_probe("logistic", vectors.astype(float), labels["emotion"].tolist(), seed=4)
    source = plan.sources[0]
    clip, (target, reference) = clips.read_clip(source.row), source.references[0]
    emotion = BandsEmbedder().embed(clips.read_clip(reference), level="utterance")[0]
    bands = TiltDecoder().decode(clip, speaker=clip, emotion=emotion)
    rng = np.random.default_rng([4, int(clip.sha256[:15], 16)])
    sound = as_loud_as(VOCODER.synthesise(bands, rng=rng), clip.samples).samples
    own = rows[(rows["source"] == items["path"].iloc[source.row]) & (rows["target"] == target)]
    row = own[own["method"] == "conversion"].iloc[0]
    made = BandsEmbedder().embed(clip_from_array(sound, 16_000), level="utterance")[0]
    shares = np.exp(probe.log_probabilities(made[None].astype(float)))[0]
    for name, value in zip(probe.classes, shares, strict=True):
        assert row[f"posterior_{name}"] == pytest.approx(value, abs=1e-6)
    assert row["posterior"] == row[f"posterior_{target}"]
    assert row["heard_emotion"] == probe.classes[int(shares.argmax())]
    distance = cepstral_distortion(log10_mel(clip.samples), log10_mel(sound), alignment="dtw")
    assert row["mcd_source_db"] == pytest.approx(distance.value_db, abs=1e-6)
    assert row["mcd_tag"] == str(distance.tag)
    mean = vectors.mean(axis=0, dtype=float)
    centroid = vectors[(labels["emotion"] == target).to_numpy()].mean(axis=0, dtype=float) - mean

    def angle(vector: np.ndarray) -> float:
        moved = vector.astype(float) - mean
        cosine = moved @ centroid / np.linalg.norm(moved) / np.linalg.norm(centroid)
        return float(np.degrees(np.arccos(cosine)))

    before = BandsEmbedder().embed(clip, level="utterance")[0]
    assert row["attraction"] == pytest.approx(angle(before) - angle(made), abs=1e-3)
    mels = np.stack([log10_mel(one.samples).mean(axis=0) for one in natural]).astype(float)
    own_voice, new_voice = (
        log10_mel(one).mean(axis=0) - mels.mean(axis=0) for one in (clip.samples, sound)
    )
    likeness = own_voice @ new_voice / np.linalg.norm(own_voice) / np.linalg.norm(new_voice)
    assert row["speaker_cos_source"] == pytest.approx(likeness, abs=1e-4)


def test_every_condition_has_its_rows(heard: tuple[Path, Listening]) -> None:
    rows = heard[1].rows
    counts = rows.groupby(["source", "target"])["method"].value_counts().unstack()
    assert len(counts) == len(SPEAKERS) * 2 * 2
    floors = ["source", "copy_synthesis", "reconstruction", "reference", "conversion"]
    assert (counts[floors] == 1).all(axis=None)
    assert (counts["quantized"] == 2).all()
    plain = rows[rows["method"] == "source"]
    np.testing.assert_array_equal(plain["attraction"], 0.0)
    np.testing.assert_allclose(plain["speaker_cos_source"], 1.0)
    assert plain["mcd_source_db"].isna().all()
    coded = rows[rows["method"] == "quantized"]
    assert coded[["lam", "rate_bits", "mcd_conversion_db"]].notna().all(axis=None)
    largest = coded[coded["lam"] == coded["lam"].max()]
    assert (largest.groupby("source")["posterior_sad"].nunique() == 1).all(), "one constant vector"


def test_equal_emotions_are_decoded_once(clips: Manifest, codec: Codec, tmp_path: Path) -> None:
    decoder = TiltDecoder()
    strong = SETTINGS.model_copy(update={"lams": (1e6, 2e6)})
    done = listen(clips, tmp_path, codec, decoder=decoder, settings=strong)
    vectors = 0
    for source in make_plan(clips.items, [], strong).sources:
        rows = [row for _, row in source.references]
        plain = [BandsEmbedder().embed(clips.read_clip(row), level="utterance") for row in rows]
        coded = [
            codec.decode(codec.encode(one, lam).symbols) for one in plain for lam in strong.lams
        ]
        vectors += 1 + len({one.tobytes() for one in [*plain, *coded]})
    assert decoder.num_decoded == vectors < len(done.rows[done.rows["method"] != "source"])


def test_the_speaker_of_another_reference_is_asked_for(clips: Manifest, tmp_path: Path) -> None:
    other = PLAIN.model_copy(update={"reference_speaker": "other"})
    done = listen(clips, tmp_path, settings=other)
    rows = done.rows[done.rows["method"] == "conversion"]
    assert (rows["reference_speaker"] != rows["speaker"]).all()
    share = (rows["heard_speaker"] == rows["reference_speaker"]).mean()
    table = done.summary[done.summary["target"] == "all"].set_index(["method", "metric"])
    assert table.loc[("conversion", "speaker_of_reference"), "value"] == pytest.approx(share)


# What is counted


def made_up_rows() -> pd.DataFrame:
    """Return rows of three speakers with two sources each, all numbers known."""
    rng = np.random.default_rng(0)
    rows = []
    for speaker in ("a", "b", "c"):
        for source in ("1", "2"):
            for method, lam in (
                ("reconstruction", np.nan), ("conversion", np.nan), ("quantized", 2.0)
            ):  # fmt: skip
                rows.append(
                    {
                        "listener": "ear", "source": speaker + source, "speaker": speaker,
                        "target": "sad", "method": method, "lam": lam,
                        "codec": "x" if lam == 2 else "", "reference_speaker": speaker,
                        "heard_emotion": rng.choice(["sad", "angry"]),
                        "heard_speaker": rng.choice(["a", "b", "c"]),
                        "posterior": rng.uniform(), "posterior_sad": 0.5, "posterior_angry": 0.5,
                        "attraction": rng.normal(), "attraction_source": rng.normal(),
                        "speaker_cos_source": rng.uniform(), "speaker_cos_others": rng.uniform(),
                        "mcd_source_db": rng.uniform(), "rate_bits": lam, "mcd_tag": "so",
                        "mcd_conversion_db": lam,
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


def test_means_and_intervals_are_those_of_speakers() -> None:
    rows = made_up_rows()
    table = listening_summary(rows)
    assert set(table["target"]) == {"all", "sad"}
    found = table[table["target"] == "sad"].set_index(["method", "metric"])
    wide = rows.pivot(index="source", columns="method", values="posterior")
    values = {
        ("conversion", "posterior"): wide["conversion"],
        ("conversion", "posterior_gain"): wide["conversion"] - wide["reconstruction"],
        ("quantized", "posterior_gain"): wide["quantized"] - wide["reconstruction"],
        ("quantized", "posterior_loss"): wide["quantized"] - wide["conversion"],
    }
    for key, each in values.items():
        by_speaker = each.groupby(each.index.str[0]).mean()
        half = t.ppf(0.975, 2) * by_speaker.std() / np.sqrt(3)
        row = found.loc[key]
        assert row["value"] == pytest.approx(each.mean())
        assert row["low"] == pytest.approx(each.mean() - half)
        assert row["high"] == pytest.approx(each.mean() + half)
        assert (row["num_items"], row["num_speakers"]) == (6, 3)
    assert found.loc[("conversion", "posterior_gain"), "verdict"] == "cannot tell"
    right = rows[rows["method"] == "conversion"].eval("heard_speaker == speaker").mean()
    assert found.loc[("conversion", "speaker_right"), "value"] == pytest.approx(right)
    assert found.loc[("conversion", "speaker_right"), "chance"] == pytest.approx(1 / 3)
    assert found.loc[("conversion", "posterior"), "chance"] == 0.5
    assert found.loc[("quantized", "rate_bits"), "value"] == 2.0
    assert found.loc[("quantized", "mcd_source_db"), "tag"] == "so"
    absent = {("reconstruction", "posterior_gain"), ("conversion", "posterior_loss")}
    absent |= {("conversion", "speaker_of_reference"), ("conversion", "rate_bits")}
    assert not absent & set(found.index)


# What is kept


def files_of(folder: Path) -> dict[str, bytes]:
    wanted = ("listening.parquet", "summary.parquet", "summary.csv")
    found = {name: (folder / name).read_bytes() for name in wanted}
    audio = sorted(folder.glob("audio/*/*.wav"))
    return found | {str(path.relative_to(folder)): path.read_bytes() for path in audio}


def test_a_loop_that_was_stopped_ends_as_one_that_was_not(
    clips: Manifest, codec: Codec, heard: tuple[Path, Listening], tmp_path: Path
) -> None:
    def stop(done: int, total: int) -> None:
        assert total == 4
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        listen(clips, tmp_path, codec, progress=stop)
    assert len(list((tmp_path / "rows").iterdir())) == 2
    assert not (tmp_path / "listening.parquet").exists()
    decoder, calls = TiltDecoder(), []
    done = listen(
        clips, tmp_path, codec, decoder=decoder, progress=lambda *state: calls.append(state)
    )
    assert calls == [(place, 4) for place in range(1, 5)]
    assert 0 < decoder.num_decoded <= 2 * (1 + 2 + 4)
    pd.testing.assert_frame_equal(done.rows, heard[1].rows)
    assert files_of(tmp_path) == files_of(heard[0])
    again = TiltDecoder()
    listen(clips, tmp_path, codec, decoder=again)
    assert again.num_decoded == 0


def test_a_damaged_table_is_made_anew_and_another_seed_is_another_run(
    clips: Manifest, tmp_path: Path
) -> None:
    listen(clips, tmp_path)
    before = files_of(tmp_path)
    broken = min((tmp_path / "rows").iterdir())
    broken.write_bytes(broken.read_bytes()[:-40])
    decoder = TiltDecoder()
    listen(clips, tmp_path, decoder=decoder)
    assert decoder.num_decoded == 1 + 1
    assert files_of(tmp_path) == before
    other = PLAIN.model_copy(update={"seed": 5})
    listen(clips, tmp_path, settings=other)
    assert files_of(tmp_path) != before


def test_sounds_of_the_first_source_are_kept_or_of_all(
    clips: Manifest, heard: tuple[Path, Listening], tmp_path: Path
) -> None:
    folder, done = heard
    (audio,) = (folder / "audio").iterdir()
    names = {path.name for path in audio.glob("*.wav")}
    lam = f"{done.rows['lam'].max():g}"
    assert {"source.wav", "copy_synthesis.wav", "reconstruction.wav"} < names
    assert {"angry-conversion.wav", "sad-reference.wav"} < names
    assert f"sad-quantized-small-lam{lam}.wav" in names
    assert len(names) == 3 + 2 * (2 + 2)
    listed = read_json(audio / "sounds.json")
    assert {entry["file"] for entry in listed["sounds"]} == names
    source = read_clip(audio / "source.wav").samples
    for name in names - {"angry-reference.wav", "sad-reference.wav"}:
        level = np.sqrt(np.mean(read_clip(audio / name).samples ** 2))
        assert level == pytest.approx(np.sqrt(np.mean(source**2)), rel=1e-2)
    listen(clips, tmp_path)
    listen(clips, tmp_path, keep=True)
    assert len(list((tmp_path / "audio").iterdir())) == len(SPEAKERS) * 2


def test_kept_sounds_are_found_side_by_side(heard: tuple[Path, Listening], tmp_path: Path) -> None:
    folder, found = heard
    kept = ListeningSounds.open(folder)
    (source,) = kept.sources
    assert source in set(found.rows["source"])
    lams = kept.table(source)["lam"].dropna().unique()
    beside = kept.beside(source, target="sad", codec="small", lam=float(lams[-1]))
    methods = ["source", "reconstruction", "reference", "conversion", "quantized"]
    assert [row["method"] for row in beside] == methods
    assert {row["target"] for row in beside} <= {"", "sad"}
    sound = kept.sound(source, beside[-1])
    assert sound.name == f"conversion to sad, small codebook at λ = {lams[-1]:.3g}"
    assert sound.wav[:4] == b"RIFF"
    assert sound.mel_db.shape[1] == len(sound.band_hz) == 80
    with pytest.raises(InputError):
        kept.sound(source, {**beside[0], "file": "../../listening.json"})
    shutil.copytree(folder, tmp_path / "whole")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "listening.json").write_text("{")
    assert list(listening_runs(tmp_path)) == ["whole"]


def test_clips_that_cannot_be_used_are_left_out(clips: Manifest, tmp_path: Path) -> None:
    plan = make_plan(clips.items, [], SETTINGS)
    quiet = {plan.sources[1].row: "source", plan.natural[0]: "natural"}

    class Quiet:
        items = clips.items

        def read_clip(self, row_index: int):
            if row_index not in quiet:
                return clips.read_clip(row_index)
            write_clip(tmp_path / "quiet.wav", np.zeros(8000, np.float32))
            return read_clip(tmp_path / "quiet.wav")

    listen(Quiet(), tmp_path / "out")
    done = listen(Quiet(), tmp_path / "out")
    assert done.rows["source"].nunique() == 3
    assert sorted(done.skipped["path"]) == sorted(clips.items["path"].iloc[list(quiet)])
    assert done.skipped["reason"].str.contains("is silent").all()
    assert len(read_table(tmp_path / "out" / "listening.parquet")) == len(done.rows)


def test_listeners_and_probes_that_cannot_be_used_are_refused(
    clips: Manifest, tmp_path: Path
) -> None:
    twice = [EmbedderListener(BandsEmbedder()), EmbedderListener(BandsEmbedder())]
    with pytest.raises(InputError, match="distinct names, given bands, bands"):
        listen(clips, tmp_path, listeners=twice)
    with pytest.raises(InputError, match="distinct names, given none"):
        listen(clips, tmp_path, listeners=[])
    svm = SETTINGS.model_copy(update={"probe": "svm"})
    with pytest.raises(InputError, match="gives no probabilities"):
        listen(clips, tmp_path, settings=svm)
    one = clips.subset((clips.items["speaker"] == "ann").to_numpy())
    with pytest.raises(InputError, match=r"all of one speaker \(ann\)"):
        listen(one, tmp_path)


def test_the_page_holds_figures_tables_and_sounds(heard: tuple[Path, Listening]) -> None:
    folder, _ = heard
    page = write_listening_report(folder).read_text()
    for name in ("effect", "lams", "spectrograms"):
        assert f'data-figure="{name}"' in page
    assert page.count("data:audio/wav;base64,") == 3 + 2 * (2 + 2)
    assert "media-src data:" in page
    assert "Gain over reconstruction" in page
    assert "alignment dtw" in page
    assert "tilt" in page
    assert (folder / "figures" / "effect.csv").is_file()
    with pytest.raises(InputError, match="no finished listening loop"):
        write_listening_report(folder / "nowhere")
