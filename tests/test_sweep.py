import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantlab.analysis import fit_gaussian, fit_twin, rate_limit, space_filling_line
from quantlab.codebooks import Codec, Paths, compress
from quantlab.embedders import open_set
from quantlab.errors import ConfigError, InputError, QuantlabError
from quantlab.store import read_table, sha256_file, table_metadata
from quantlab.sweep import (
    RunFolder,
    StudySettings,
    coded,
    quantize_set,
    read_rows,
    read_study,
    sweep,
    train,
)
from quantlab.sweep.workspace import fit_scaling, open_workspace
from tests.small_study import EMOTIONS, make_run, make_set, small_study


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run = make_run(tmp_path_factory.mktemp("runs") / "small")
    train(run.path, run.read_study(), progress=False)
    sweep(run.path, progress=False)
    return run


@pytest.fixture
def copy(finished: RunFolder, tmp_path: Path) -> RunFolder:
    shutil.copytree(finished.path, tmp_path / "small")
    return RunFolder(tmp_path / "small")


def test_every_item_is_evaluated_once_per_condition(finished: RunFolder) -> None:
    rows = read_rows(finished.path)
    keys = ["recipe", "protocol", "seed", "method", "lam", "item"]
    assert not rows[rows["method"] == "codec"].duplicated(keys).any()
    counts = rows[rows["method"] == "codec"].groupby(["recipe", "protocol"], observed=True).size()
    assert set(counts) == {5 * 120}
    assert set(rows["method"]) == {
        "clean", "codec", "drop_least", "coarse_step", "shrink_mean", "shrink_class", "water_mean",
        "water_class", "stages_1",
        "stages_2",
    }  # fmt: skip


def test_no_codec_has_seen_the_speaker_it_is_evaluated_on(finished: RunFolder) -> None:
    rows = read_rows(finished.path)
    spoken = rows[rows["protocol"] == "speaker"]
    tested = spoken.groupby("fold", observed=True)["speaker"].unique()
    assert sorted(speaker for names in tested for speaker in names) == ["s0", "s1", "s2", "s3"]
    texts = rows[rows["protocol"] == "text"].groupby("fold", observed=True)["text_id"].unique()
    assert not set(texts.iloc[0]) & set(texts.iloc[1])


def test_rows_are_what_the_codec_gives(finished: RunFolder) -> None:
    """Recompute one trial's numbers from the codec with plain NumPy."""
    rows = read_rows(finished.path)
    rows = rows[(rows["recipe"] == "biased:sad") & (rows["protocol"] == "speaker")]
    rows = rows[(rows["fold"] == rows["fold"].iloc[0]) & (rows["method"] == "codec")]
    lam = sorted(set(rows["lam"]))[2]
    rows = rows[rows["lam"] == lam]
    fold = f"speaker-{rows['fold'].iloc[0]}"
    codec = Codec.load(finished.codec("biased:sad", fold=fold))
    embeddings = open_set(finished.embeddings)
    names = embeddings.items["item"].tolist()
    x = embeddings.frames([names.index(item) for item in rows["item"]]).values
    encoded = codec.encode(x, lam)
    mean, scale = codec.scaling_.mean.astype(float), codec.scaling_.scale
    z, z_hat = (x - mean) / scale, (codec.decode(encoded.symbols) - mean) / scale
    assert rows["distortion"].to_numpy() == pytest.approx(((z - z_hat) ** 2).sum(1), abs=1e-4)
    assert rows["code_length_bits"].to_numpy() == pytest.approx(codec.bits(encoded.symbols))
    assert rows["lam_raw"].to_numpy() == pytest.approx(lam * scale**2)

    def angle(vectors: np.ndarray, target: np.ndarray) -> np.ndarray:
        norms = np.linalg.norm(vectors, axis=1) * np.linalg.norm(target)
        cosine = np.divide(vectors @ target, norms, out=np.zeros(len(norms)), where=norms > 0)
        return np.degrees(np.arccos(cosine.clip(-1, 1)))

    others = embeddings.items[embeddings.items["speaker"] != rows["speaker"].iloc[0]]
    sad = others.index[others["emotion"] == "sad"].to_numpy()
    centroid = ((embeddings.frames(sad).values - mean) / scale).mean(axis=0)
    expected = angle(z, centroid) - angle(z_hat, centroid)
    assert rows["attraction_sad"].to_numpy() == pytest.approx(expected, abs=1e-2)


def test_references_match_the_distortion(finished: RunFolder) -> None:
    rows = read_rows(finished.path)
    rows = rows[(rows["recipe"] == "balanced") & (rows["protocol"] == "speaker")]
    rows = rows[rows["lam"].notna()]
    wide = rows.pivot(index=["item", "lam"], columns="method", values="distortion")
    blurred = wide["shrink_mean"]
    clipped = blurred < wide["codec"] - 1e-6
    assert blurred[~clipped].to_numpy() == pytest.approx(
        wide["codec"][~clipped].to_numpy(), abs=1e-5
    )
    assert clipped.mean() < 0.3


def test_reductions_meet_the_codecs_similarity(finished: RunFolder) -> None:
    rows = read_rows(finished.path)
    rows = rows[(rows["recipe"] == "balanced") & rows["lam"].notna()]
    means = rows.groupby(["fold", "lam", "method"], observed=True)["cos_centred_frames"].mean()
    wide = means.unstack("method")
    assert (wide["drop_least"] - wide["codec"]).abs().median() < 0.03
    assert (wide["coarse_step"] - wide["codec"]).abs().median() < 0.03


def test_codecs_of_one_study_see_equally_many_vectors(finished: RunFolder) -> None:
    cards = [json.loads(path.read_text()) for path in (finished.path / "codecs").rglob("card.json")]
    by_fold: dict[str, set[int]] = {}
    for card in cards:
        by_fold.setdefault(card["fold"], set()).add(card["num_training_vectors"])
    assert all(len(counts) == 1 for counts in by_fold.values())
    assert {card["licence"] for card in cards} == {"CC0-1.0"}
    assert len({json.dumps(card["settings"]) for card in cards}) == 1


def test_analysis_is_written(finished: RunFolder) -> None:
    summary = json.loads((finished.analysis / "summary.json").read_text())
    assert summary["emotions"] == list(EMOTIONS)
    assert summary["trials"] == {"done": 18, "total": 18, "failed": 0}
    assert summary["protocols"]["speaker"]["num_folds"] == 4
    accuracy = read_table(finished.analysis / "accuracy.parquet")
    clean = accuracy[(accuracy["method"] == "clean") & (accuracy["metric"] == "uar")]
    assert (clean["value"] > 0.7).all()
    assert clean["chance"].to_numpy() == pytest.approx(1 / 3)
    references = read_table(finished.analysis / "references.parquet")
    assert set(references["metric"]) == {
        f"random_pair_cos_{kind}_{over}"
        for kind in ("raw", "centred")
        for over in ("means", "frames")
    }
    speakers = read_table(finished.analysis / "speakers.parquet")
    assert tuple(speakers.columns) == (
        "protocol", "recipe", "method", "lam", "metric", "emotion", "speaker", "value", "num_items",
    )  # fmt: skip
    assert speakers["speaker"].nunique() == summary["protocols"]["speaker"]["num_speakers"]
    assert {"cos_centred_frames", "payload_bits", "uar_logistic"} <= set(speakers["metric"])
    of_set = read_table(finished.analysis / "similarity.parquet")
    keys = ["protocol", "recipe", "method", "lam", "metric", "emotion"]
    own = speakers[speakers["metric"] == "distortion"].assign(
        total=lambda table: table["value"] * table["num_items"]
    )
    sums = own.groupby(keys)[["total", "num_items"]].sum()
    whole = of_set.set_index(keys)["value"].reindex(sums.index)
    assert (sums["total"] / sums["num_items"]).to_numpy() == pytest.approx(whole.to_numpy())


def test_payload_and_file_are_those_of_the_stream_that_is_written(finished: RunFolder) -> None:
    rows = read_rows(finished.path)
    assert set(rows["mode"]) == {"path"}
    written = rows["set_payload_bits"].notna()
    assert set(rows.loc[written, "method"]) == {"codec"}
    assert written[rows["method"] == "codec"].all()
    rows = rows[written & (rows["recipe"] == "biased:sad") & (rows["protocol"] == "speaker")]
    rows = rows[rows["fold"] == rows["fold"].iloc[0]]
    lam = sorted(set(rows["lam"]))[1]
    rows = rows[rows["lam"] == lam]
    codec = Codec.load(finished.codec("biased:sad", fold=f"speaker-{rows['fold'].iloc[0]}", seed=0))
    embeddings = open_set(finished.embeddings)
    names = embeddings.items["item"].tolist()
    frames = embeddings.frames([names.index(item) for item in rows["item"]])
    stream = compress(codec, frames.values, frames.offsets, lam=lam)
    count = len(frames.values)
    assert set(rows["set_payload_bits"]) == {round(stream.payload_bits / count, 9)}
    assert set(rows["set_file_bits"]) == {round(stream.file_bits / count, 9)}
    assert abs(rows["code_length_bits"].sum() - stream.payload_bits) < 4


def test_path_never_spends_more_bits_at_a_larger_lam(finished: RunFolder) -> None:
    rows = read_rows(finished.path)
    rows = rows[rows["method"] == "codec"].sort_values("lam")
    keys = ["recipe", "protocol", "fold", "item"]
    steps = rows.groupby(keys, observed=True)["code_length_bits"].diff().dropna()
    assert len(steps) > 0
    assert (steps <= 1e-9).all()


def test_limits_are_those_of_the_training_items(finished: RunFolder) -> None:
    limits = read_table(finished.analysis / "limits.parquet")
    assert set(limits["protocol"]) == {"speaker", "text"}
    assert set(limits["emotion"]) == {"all", *EMOTIONS}
    work = open_workspace(finished, finished.read_study())
    chosen = limits[(limits["protocol"] == "speaker") & (limits["metric"] == "distortion")]
    at = sorted(set(chosen["value"]))[20]
    found = chosen[chosen["value"] == at].set_index(["limit", "emotion"])["bits"]
    bits: dict[tuple[str, str], list[float]] = {}
    for fold in (name for name in work.folds if name.startswith("speaker/")):
        train_rows = work.rows[work.folds[fold].train]
        z = fit_scaling(work, fold).forward(work.embeddings.frames(train_rows).values)
        labels = work.items["emotion"].to_numpy(str)[work.folds[fold].train]
        twin = fit_twin(z, labels)
        both = twin.limits(at)
        bits.setdefault(("class_known", "all"), []).append(float(both.lower_bits))
        bits.setdefault(("class_told", "all"), []).append(float(both.upper_bits))
        own = fit_gaussian(z[labels == "sad"])
        bits.setdefault(("class_known", "sad"), []).append(
            float(rate_limit(own.covariance, distortion=at).bits)
        )
        whole = rate_limit(twin.covariance, distortion=at)
        bits.setdefault(("gaussian", "all"), []).append(float(whole.bits))
        bits.setdefault(("scalar", "all"), []).append(float(space_filling_line(whole)))
    for key, values in bits.items():
        assert found[key] == pytest.approx(np.mean(values), abs=1e-6), key
    cosine = limits[limits["metric"] == "cos_centred_frames"]
    assert cosine["value"].between(0, 1).all()


def test_rate_control_meets_the_mean_bits_of_every_lam(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "control")
    make_set(run.embeddings, clips=60, frames=2)
    run.write_study(
        small_study(
            recipes=["balanced"],
            split={"protocols": ["speaker"]},
            reductions=[],
            rate_control=True,
            codec={"quantizer": {"stages": 3, "codes": 16}, "ladder": {"num": 5}},
        )
    )
    train(run.path, run.read_study(), progress=False)
    sweep(run.path, progress=False)
    rows = read_rows(run.path)
    keys = ["fold", "lam"]
    bits = {
        method: rows[rows["method"] == method].groupby(keys, observed=True)["code_length_bits"]
        for method in ("codec", "rate_controlled")
    }
    mean = {method: part.mean() for method, part in bits.items()}
    # One step of one of 180 items is the finest there is; larger sets come nearer.
    assert mean["rate_controlled"].to_numpy() == pytest.approx(mean["codec"].to_numpy(), rel=0.004)
    control = read_table(run.analysis / "control.parquet")
    assert set(control["metric"]) >= {"distortion", "payload_bits", "recall_logistic"}
    worse = control[(control["metric"] == "distortion") & (control["emotion"] == "all")]
    assert (worse["value"] >= -1e-6).all(), "one λ has the least distortion for its bits"


def test_a_prior_that_cannot_be_coded_has_no_payload(
    finished: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConfigError("a transformer prior computes in floating point")

    monkeypatch.setattr(coded, "compress_symbols", refuse)
    codec = Codec.load(finished.codec("balanced"))
    frames = open_set(finished.embeddings).frames()
    for part in coded.coded_at_each_lam(codec, frames, mode="direct"):
        assert np.isnan(part.of_set["set_payload_bits"])
        assert np.isnan(part.of_set["set_file_bits"])
        assert part.of_set["set_num_vectors"] == len(frames.values)


def test_targets_tie_in_order_of_items() -> None:
    bits, distortion = np.array([4.0, 1.0, 4.0, 1.0]), np.array([0.0, 3.0, 0.0, 3.0])
    paths = Paths(np.zeros((4, 1), np.uint16), bits, distortion, np.array([0, 2, 4]))
    rates = coded.ItemRates.of(paths, np.array([0, 1, 2]))
    assert rates.totals.tolist() == [2.0, 5.0, 8.0]
    assert rates.targets_for(5.1).tolist() == [4.0, 0.0]
    spent = paths.for_item_bits(rates.targets_for(5.1), np.array([0, 1, 2])).achieved
    assert np.asarray(spent).tolist() == [4.0, 1.0]
    assert rates.targets_for(0.0).tolist() == [0.0, 0.0]
    assert rates.targets_for(99.0).tolist() == [4.0, 4.0]


def test_the_ready_experiment_is_a_study() -> None:
    study = read_study(Path(__file__).parents[1] / "experiments" / "rate_control.yaml")
    assert study.rate_control
    assert study.mode == "path"


def test_nothing_is_done_twice(copy: RunFolder) -> None:
    before = {path: path.stat().st_mtime_ns for path in copy.trials.iterdir()}
    trained = train(copy.path, copy.read_study(), progress=False)
    swept = sweep(copy.path, progress=False)
    # The copy lies elsewhere but holds the same data, so every identity is the same.
    assert (trained.num_new, swept.num_new) == (0, 0)
    assert {path: path.stat().st_mtime_ns for path in copy.trials.iterdir()} == before


@pytest.mark.parametrize("damage", ["delete", "zero", "truncate", "foreign"])
def test_only_a_damaged_trial_is_redone(copy: RunFolder, damage: str) -> None:
    expected = sha256_file(copy.sweep)
    tables = sorted(copy.trials.glob("*.parquet"))
    victim = tables[3]
    if damage == "delete":
        victim.unlink()
    elif damage == "foreign":
        shutil.copy(tables[4], victim)
    else:
        size = victim.stat().st_size
        victim.write_bytes(bytes(size) if damage == "zero" else victim.read_bytes()[: size // 2])
    assert sweep(copy.path, progress=False).num_new == 1
    assert sha256_file(copy.sweep) == expected


def test_two_workers_give_the_same_bytes(finished: RunFolder, tmp_path: Path) -> None:
    run = make_run(tmp_path / "small")
    train(run.path, run.read_study(), workers=2, progress=False)
    sweep(run.path, workers=2, progress=False)
    assert sha256_file(run.sweep) == sha256_file(finished.sweep)


def test_other_settings_are_other_trials(copy: RunFolder) -> None:
    old = {path.name for path in copy.trials.iterdir()}
    study = small_study(probes=["logistic", "svm"])
    train(copy.path, study, progress=False)
    swept = sweep(copy.path, progress=False)
    assert swept.num_new == swept.num_trials
    assert old <= {path.name for path in copy.trials.iterdir()}
    rows = read_rows(copy.path)
    assert "probe_svm" in rows
    assert not {f"{name}.parquet" for name in set(rows["trial"])} & old


def test_a_failing_trial_is_recorded_and_the_rest_is_done(
    copy: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    import quantlab.sweep.trial as trial_module

    victim = sorted(copy.trials.glob("*.parquet"))[0]
    victim.unlink()

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("made to fail")

    with monkeypatch.context() as patch:
        patch.setattr(trial_module, "measure", fail)
        swept = sweep(copy.path, progress=False)
    assert (swept.num_failed, swept.exit_code) == (1, 3)
    record = json.loads(victim.with_suffix(".failed.json").read_text())
    assert record["error"] == "RuntimeError: made to fail"
    assert "Traceback" in record["trace"]
    assert json.loads((copy.analysis / "summary.json").read_text())["trials"]["failed"] == 1
    assert sweep(copy.path, progress=False).num_new == 0
    again = sweep(copy.path, retry_failed=True, progress=False)
    assert (again.num_new, again.num_failed) == (1, 0)


def test_codecs_of_other_settings_are_asked_for(copy: RunFolder) -> None:
    study = small_study(codec={"quantizer": {"stages": 1, "codes": 4}, "ladder": {"num": 5}})
    copy.write_study(study)
    with pytest.raises(QuantlabError, match=r"codecs are missing.*quantlab train"):
        sweep(copy.path, progress=False)


def test_too_many_trials_need_consent(copy: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantlab.sweep.run.MANY_TRIALS", 3)
    with pytest.raises(ConfigError, match="add --yes"):
        sweep(copy.path, progress=False)


def test_too_few_vectors_for_the_codes_asked_for_is_said(tmp_path: Path) -> None:
    study = small_study(codec={"quantizer": {"stages": 1, "codes": 99}, "ladder": {"num": 3}})
    run = make_run(tmp_path / "small")
    trained = train(run.path, study, progress=False)
    assert any("K lowered from 99 to 5 codes" in note for note in trained.notes)
    sweep(run.path, progress=False)
    summary = json.loads((run.analysis / "summary.json").read_text())
    assert (summary["codes"], summary["codes_asked"]) == (5, 99)
    assert list(trained.notes) == summary["notes"][:-1]
    assert "the limits rest on 20 training vectors" in summary["notes"][-1]


@pytest.mark.parametrize("scheme", ["residual", "trellis"])
def test_rotated_codecs_are_swept_with_their_reductions(tmp_path: Path, scheme: str) -> None:
    codec = {
        "scheme": scheme,
        "transform": {"kind": "klt", "components": 4},
        "quantizer": {"stages": 2, "codes": 4},
        "trellis": {"states": 4, "bits": 8, "rounds": 4},
        "ladder": {"num": 4},
    }
    run = make_run(tmp_path / "run", codec=codec, recipes=["balanced"])
    assert not train(run.path, run.read_study(), progress=False).failures
    assert sweep(run.path, progress=False).num_failed == 0
    rows = read_rows(run.path)
    assert {"codec", "drop_least", "coarse_step"} <= set(rows["method"])


def test_frames_are_swept_like_utterances(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "frames")
    make_set(run.embeddings, frames=7, clips=6)
    run.write_study(small_study())
    train(run.path, run.read_study(), progress=False)
    sweep(run.path, progress=False)
    rows = read_rows(run.path)
    assert set(rows["num_frames"]) == {7}
    coded = rows[rows["method"] == "codec"]
    assert (coded["cos_centred_means"] - coded["cos_centred_frames"]).abs().max() > 0.01


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"emotions": ["happy", "fear"]}, InputError, r"too few clips of fear \(0\)"),
        ({"emotions": ["happy", "glad"]}, InputError, "unknown emotion glad"),
        ({"min_clips": 1000}, InputError, r"two emotions with 1000 clips each"),
        ({"recipes": ["balanced", "biased:fear"]}, InputError, "no clips of fear"),
        ({"split": {"speaker_folds": 9, "protocols": ["speaker"]}}, InputError, "9 folds"),
    ],
)
def test_impossible_studies_are_refused(
    tmp_path: Path, changes: dict, error: type[Exception], message: str
) -> None:
    run = make_run(tmp_path / "small")
    with pytest.raises(error, match=message):
        train(run.path, small_study(**changes), progress=False)


def test_one_speaker_leaves_new_sentences_only(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "one")
    make_set(run.embeddings, speakers=1, clips=40)
    run.write_study(small_study())
    train(run.path, run.read_study(), progress=False)
    sweep(run.path, progress=False)
    assert set(read_rows(run.path)["protocol"]) == {"text"}
    summary = json.loads((run.analysis / "summary.json").read_text())
    assert any("protocol 'speaker' left out" in note for note in summary["notes"])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"recipes": ["biased:sad"]}, "'balanced' must be among"),
        ({"recipes": ["balanced", "bias:sad"]}, "'bias:sad' is unknown"),
        ({"recipes": ["balanced", "balanced"]}, "each recipe once"),
        ({"seeds": []}, "at least one value"),
        ({"data": {"corpus": "a", "embeddings": "b"}}, "give one of"),
        ({"name": "../x"}, "name"),
        ({"codec": {"quantiser": {}}}, "did you mean 'quantizer'"),
        ({"codec": {"prior": {"per_lam": True}}}, "no path .* set mode: direct"),
        ({"mode": "direct", "rate_control": True}, "needs mode: path"),
    ],
)
def test_bad_studies_are_refused(values: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        StudySettings.parse(values)


def test_a_whole_set_is_quantized(finished: RunFolder, tmp_path: Path) -> None:
    embeddings = open_set(finished.embeddings)
    codec = Codec.load(finished.find_codec("sad"))
    done = quantize_set(embeddings, codec, tmp_path / "set", lam=0.5, progress=False)
    back = open_set(tmp_path / "set")
    encoded = codec.encode(embeddings.frames().values, 0.5)
    assert np.array_equal(back.frames().values, codec.decode(encoded.symbols))
    assert done.bits_per_vector == pytest.approx(encoded.code_length_bits.mean())
    assert back.card["quantized"]["recipe"] == "biased:sad"
    assert back.card["licence"] == "CC0-1.0"
    quantize_set(embeddings, codec, tmp_path / "npy", lam=0.5, form="npy", progress=False)
    one = np.load(tmp_path / "npy" / "s0" / "happy_0.npy", allow_pickle=False)
    assert one.shape == (6,)
    assert np.array_equal(one, back.frames([0]).values[0])


def test_unknown_codecs_are_listed(finished: RunFolder) -> None:
    assert finished.find_codec("biased:sad") == finished.find_codec("sad")
    with pytest.raises(InputError, match=r"no codec 'fear'.*balanced, biased-happy"):
        finished.find_codec("fear")


def _kill_and_resume(run: RunFolder, delay_s: float) -> bool:
    """Start a sweep in a process of its own, kill it after a while; say whether it was alive."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.sweep_once", str(run.path)],
        start_new_session=True,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(delay_s)
    alive = child.poll() is None
    if alive:
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    return alive


def _resumes_after_kills(finished: RunFolder, run: RunFolder, kills: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shutil.rmtree(run.trials)
    run.sweep.unlink()
    hit = sum(_kill_and_resume(run, float(rng.uniform(0, 0.5))) for _ in range(kills))
    assert hit > 0
    sweep(run.path, progress=False)
    assert sha256_file(run.sweep) == sha256_file(finished.sweep)
    assert len(list(run.trials.glob("*.parquet"))) == 18
    tables = [table_metadata(path)["fingerprint"] for path in run.trials.glob("*.parquet")]
    assert len(set(tables)) == 18


def test_a_killed_sweep_resumes_to_the_same_bytes(finished: RunFolder, copy: RunFolder) -> None:
    _resumes_after_kills(finished, copy, kills=2, seed=0)


@pytest.mark.slow
def test_twenty_random_kills(finished: RunFolder, copy: RunFolder) -> None:
    _resumes_after_kills(finished, copy, kills=20, seed=1)


def test_rows_carry_the_trial_that_made_them(finished: RunFolder) -> None:
    rows = read_rows(finished.path, columns=["trial", "recipe", "fold"])
    assert isinstance(rows, pd.DataFrame)
    assert rows.drop_duplicates().groupby("trial", observed=True).size().max() == 1


def test_a_codec_that_was_not_trained_fails_its_own_trial_only(copy: RunFolder) -> None:
    fold = next(copy.codec("biased:sad").glob("folds/speaker-*"))
    shutil.rmtree(fold)
    for table in copy.trials.iterdir():
        table.unlink()
    swept = sweep(copy.path, progress=False)
    assert (swept.num_failed, swept.exit_code) == (1, 3)
    record = json.loads(next(copy.trials.glob("*.failed.json")).read_text())
    assert "its codec was not trained; run: quantlab train" in record["error"]
    assert len(set(read_rows(copy.path)["trial"])) == 17


def test_when_every_trial_fails_nothing_is_overwritten(
    copy: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    import quantlab.sweep.trial as trial_module

    before = sha256_file(copy.sweep)
    for table in copy.trials.iterdir():
        table.unlink()
    monkeypatch.setattr(trial_module, "run_trial", lambda _: 1 / 0)
    swept = sweep(copy.path, progress=False)
    assert (swept.num_failed, swept.exit_code) == (18, 3)
    assert sha256_file(copy.sweep) == before
