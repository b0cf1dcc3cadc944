"""Trials of mixing and routes: rows against the codecs themselves, resume, faults, settings."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from quantlab.analysis import fit_probe
from quantlab.codebooks import Codec, CodecSettings, union
from quantlab.embedders import open_set
from quantlab.errors import ConfigError, QuantlabError
from quantlab.store import read_table
from quantlab.sweep import MixingSettings, RunFolder, StudySettings, sweep, train
from quantlab.sweep.mixing import mixing_tasks
from quantlab.sweep.mixing_items import (
    Condition,
    Scene,
    clean_probe,
    draw_items,
    draw_pairs,
    measure_conditions,
)
from quantlab.sweep.mixing_settings import mixing_recipes
from quantlab.sweep.mixing_ways import mix, spread
from quantlab.sweep.workspace import fold_state, open_workspace
from tests.small_study import make_run, make_set, small_study

RECIPES = ["balanced", "biased:*", "mixed:happy=.5,sad=0.5"]  # the pair below, in another order
MIXING = {
    "pairs": [["sad", "happy"]],
    "weights": [0.25, 0.5],
    "num_lams": 3,
    "routes": True,
    "max_references": 6,
}
STUDY = {"recipes": RECIPES, "mixing": MIXING, "split": {"protocols": ["speaker"]}}
FOLD, SEED = "s1", 0


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run = make_run(tmp_path_factory.mktemp("runs") / "mixing", **STUDY)
    train(run.path, run.read_study(), progress=False)
    assert sweep(run.path, progress=False).exit_code == 0
    return run


@pytest.fixture
def copy(finished: RunFolder, tmp_path: Path) -> RunFolder:
    shutil.copytree(finished.path, tmp_path / "mixing")
    return RunFolder(tmp_path / "mixing")


class Oracle:
    """The fold again, with plain NumPy and scikit-learn."""

    def __init__(self, run: RunFolder) -> None:
        found = open_set(run.embeddings)
        self.items = found.items
        self.x = found.frames().values.astype(float)
        self.run = run
        self.codec = {name: self._load(name) for name in ("balanced", "biased:sad", "biased:happy")}
        self.codec |= {name: self._load(name) for name in ("biased:neutral", RECIPES[2])}
        scaling = self.codec["balanced"].scaling_
        self.mean, self.scale = scaling.mean.astype(float), scaling.scale
        self.z = (self.x - self.mean) / self.scale
        train = (self.items["speaker"] != FOLD).to_numpy()
        labels = self.items["emotion"].to_numpy(str)
        self.probe = make_pipeline(
            StandardScaler(), LogisticRegression(C=0.01, max_iter=2000, class_weight="balanced")
        ).fit(self.z[train], labels[train])
        self.centroids = {
            name: self.z[train & (labels == name)].mean(axis=0) for name in set(labels)
        }

    def _load(self, recipe: str) -> Codec:
        return Codec.load(self.run.codec(recipe, fold=f"speaker-{FOLD}", seed=SEED))

    def places(self, name: str) -> list[int]:
        names = self.items["item"].tolist()
        return [names.index(part) for part in name.split(" + ")]

    def coded(self, recipe: str, vector: np.ndarray, lam: float) -> tuple[np.ndarray, float]:
        return self.coded_by(self.codec[recipe], vector, lam)

    def coded_by(self, codec: Codec, vector: np.ndarray, lam: float) -> tuple[np.ndarray, float]:
        found = codec.encode(vector[None], lam, mode="direct")
        return codec.decode(found.symbols)[0].astype(float), float(found.code_length_bits[0])

    def scaled(self, vector: np.ndarray) -> np.ndarray:
        return (vector - self.mean) / self.scale

    def told(self, z_hat: np.ndarray, places: list[int]) -> float:
        texts = {self.items["text_id"][place] for place in places}
        distances = {}
        for speaker in sorted(set(self.items["speaker"])):
            own = (self.items["speaker"] == speaker) & ~self.items["text_id"].isin(texts)
            distances[speaker] = ((z_hat - self.z[own.to_numpy()].mean(axis=0)) ** 2).sum()
        return float(min(distances, key=lambda name: distances[name]) == FOLD)

    def way(self, place: int, target: str, z_hat: np.ndarray) -> float:
        other = self.items["text_id"] != self.items["text_id"][place]
        own = other & (self.items["speaker"] == self.items["speaker"][place])
        aimed = own & (self.items["emotion"] == target)
        way = self.z[aimed.to_numpy()].mean(axis=0) - self.z[own.to_numpy()].mean(axis=0)
        return float((z_hat - self.z[place]) @ way / (way @ way))


def angle(one: np.ndarray, other: np.ndarray) -> float:
    lengths = np.linalg.norm(one) * np.linalg.norm(other)
    cosine = one @ other / lengths if lengths > 0 else 0.0
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


@pytest.fixture(scope="module")
def oracle(finished: RunFolder) -> Oracle:
    return Oracle(finished)


def rows_of(path: Path) -> pd.DataFrame:
    rows = read_table(path)
    texts = [name for name in rows.columns if rows[name].dtype == "category"]
    rows = rows.astype(dict.fromkeys(texts, str))
    return rows[rows["fold"] == FOLD]


def made(oracle: Oracle, row: pd.Series) -> tuple[np.ndarray, float, float]:
    """Return what a row's way makes of its pair: result in z, bits, distortion."""
    first, second = (oracle.x[place] for place in oracle.places(row["item"]))
    mean = row["weight"] * first + (1 - row["weight"]) * second
    target, bits = oracle.scaled(mean), np.nan
    if row["way"] == "plain_mean":
        return target, bits, 0.0
    if row["way"] == "mixed_blur":
        result, _ = oracle.coded(RECIPES[2], mean, row["lam"])
        wanted = ((oracle.scaled(result) - target) ** 2).sum()
        middle = (oracle.centroids["sad"] + oracle.centroids["happy"]) / 2
        alpha = max(0.0, 1 - np.sqrt(wanted / ((target - middle) ** 2).sum()))
        blurred = middle + alpha * (target - middle)
        return blurred, bits, ((blurred - target) ** 2).sum()
    if row["way"] == "barycentre":
        result, bits = oracle.coded(RECIPES[2], mean, row["lam"])
    elif row["way"] == "union":
        target = oracle.scaled((first + second) / 2)
        joined = union(
            oracle.codec["biased:sad"], oracle.codec["biased:happy"], weight=row["weight"]
        )
        result, bits = oracle.coded_by(joined, (first + second) / 2, row["lam"])
    elif row["way"].startswith("single"):
        vector = first if row["way"] == "single_first" else second
        target = oracle.scaled(vector)
        result, bits = oracle.coded("balanced", vector, row["lam"])
    else:
        codec = oracle.codec["balanced"]
        one, other = (
            codec.encode(part[None], row["lam"], mode="direct").symbols for part in (first, second)
        )
        symbols = np.array([[one[0, 0], other[0, 1]]])  # two stages, of which the first is coarse
        result, bits = codec.decode(symbols)[0].astype(float), float(codec.bits(symbols)[0])
    scaled = oracle.scaled(result)
    return scaled, bits, ((scaled - target) ** 2).sum()


def test_rows_of_mixing_are_what_codecs_and_probe_give(finished: RunFolder, oracle: Oracle) -> None:
    rows = rows_of(finished.mixing)
    rows = rows[rows["item"].isin(rows["item"].unique()[:2])]
    assert set(rows["way"]) == {
        "plain_mean", "barycentre", "stages", "union", "mixed_blur", "single_first",
        "single_second",
    }  # fmt: skip
    for _, row in rows.iterrows():
        places = oracle.places(row["item"])
        z_hat, bits, distortion = made(oracle, row)
        told = dict(
            zip(oracle.probe.classes_, oracle.probe.predict_proba(z_hat[None])[0], strict=True)
        )
        where = (row["way"], row["weight"], row["lam"])
        assert [row[f"p_{name}"] for name in told] == pytest.approx(
            list(told.values()), abs=1e-4
        ), where
        assert row["min_posterior"] == min(row["p_sad"], row["p_happy"])
        assert row["bits_per_vector"] == pytest.approx(bits, nan_ok=True), where
        assert row["distortion"] == pytest.approx(distortion, abs=1e-4), where
        for side, place in zip(("first", "second"), places, strict=True):
            assert row[f"angle_{side}"] == pytest.approx(angle(z_hat, oracle.z[place]), abs=0.1)
        assert row["speaker_told"] == oracle.told(z_hat, places), where


def test_rows_of_routes_are_what_codecs_and_probe_give(finished: RunFolder, oracle: Oracle) -> None:
    rows = rows_of(finished.routes)
    assert set(rows["target"]) == {"happy", "sad"}
    assert set(rows["route"]) == {"direct", "neutral_first"}
    for _, row in rows.groupby(["target", "route", "lam"]).head(2).iterrows():
        (place,) = oracle.places(row["item"])
        assert oracle.items["emotion"][place] not in ("neutral", row["target"])
        vector, spent = oracle.x[place], 0.0
        if row["route"] == "neutral_first":
            vector, spent = oracle.coded("biased:neutral", vector, row["lam"])
        result, bits = oracle.coded(f"biased:{row['target']}", vector, row["lam"])
        z, z_hat = oracle.z[place], oracle.scaled(result)
        assert row["bits_per_vector"] == pytest.approx(spent + bits)
        assert row["distortion"] == pytest.approx(((z - z_hat) ** 2).sum(), abs=1e-4)
        posterior = oracle.probe.predict_proba(z_hat[None])[0]
        expected = posterior[list(oracle.probe.classes_).index(row["target"])]
        assert row["p_target"] == pytest.approx(expected, abs=1e-4)
        assert row["p_target"] == row[f"p_{row['target']}"]
        centroid = oracle.centroids[row["target"]]
        turned = angle(z, centroid) - angle(z_hat, centroid)
        assert row["attraction_target"] == pytest.approx(turned, abs=0.1)
        assert row["own_way"] == pytest.approx(oracle.way(place, row["target"], z_hat), abs=1e-4)
        assert row["speaker_told"] == oracle.told(z_hat, [place])


def test_every_condition_has_all_references_once(finished: RunFolder) -> None:
    rows = rows_of(finished.mixing)
    counts = rows.groupby(["way", "weight", "lam"]).size()
    assert set(counts) == {6}
    per_way = counts.groupby("way").size().to_dict()
    assert per_way == {
        "plain_mean": 2, "barycentre": 6, "mixed_blur": 6, "stages": 6, "union": 6,
        "single_first": 3, "single_second": 3,
    }  # fmt: skip
    assert not rows.duplicated(["way", "weight", "lam", "item"]).any()
    ladder = Codec.load(finished.codec("balanced")).ladder_
    assert sorted(set(rows["lam"])) == [ladder[0], ladder[2], ladder[-1]]
    routes = rows_of(finished.routes)
    assert set(routes.groupby(["target", "route", "lam"]).size()) == {6}


def test_references_are_of_one_unseen_speaker_and_one_text(finished: RunFolder) -> None:
    rows = read_table(finished.mixing)
    assert sorted(set(rows["fold"].astype(str))) == ["s0", "s1", "s2", "s3"]
    for row in rows.astype({"item": str, "fold": str}).drop_duplicates("item").itertuples():
        first, second = row.item.split(" + ")
        text = row.text_id
        assert (first, second) == (f"{row.fold}/sad_{text}.wav", f"{row.fold}/happy_{text}.wav")
        assert row.speaker == row.fold


def test_tables_of_the_analysis_are_written(finished: RunFolder) -> None:
    table = read_table(finished.analysis / "mixing.parquet")
    assert set(table["pair"]) == {"sad+happy"}
    assert set(table["num_speakers"]) == {4}
    plain = table[(table["way"] == "plain_mean") & (table["metric"] == "distortion")]
    assert (plain["value"] == 0).all()
    routes = read_table(finished.analysis / "routes.parquet")
    bits = routes[routes["metric"] == "bits_per_vector"].pivot(
        index=["target", "lam"], columns="route", values="value"
    )
    assert (bits["neutral_first"] > bits["direct"]).all()
    summary = json.loads((finished.analysis / "summary.json").read_text())
    assert summary["trials"] == {"done": 28, "total": 28, "failed": 0}  # 20 codecs, 8 of mixing


def test_the_blur_is_as_far_from_the_mean_as_the_codec(finished: RunFolder) -> None:
    rows = rows_of(finished.mixing)
    wide = rows.pivot_table(index=["item", "weight", "lam"], columns="way", values="distortion")
    wide = wide[["barycentre", "mixed_blur"]].dropna()
    assert (wide["mixed_blur"] <= wide["barycentre"] + 1e-4).all()
    assert np.isclose(wide["mixed_blur"], wide["barycentre"], atol=1e-4).mean() > 0.5


@pytest.mark.parametrize("workers", [1, 2])
def test_rows_are_the_same_bytes_for_any_number_of_workers(
    finished: RunFolder, copy: RunFolder, workers: int
) -> None:
    """Remove all of it and half of it: the sweep ends in the same bytes."""
    tables = sorted(copy.trials.glob("mix-*.parquet"))
    assert len(tables) == 8
    for table in tables if workers == 2 else tables[::2]:
        table.unlink()
    copy.mixing.unlink()
    tables[1].write_bytes(b"damaged")
    swept = sweep(copy.path, workers=workers, progress=False)
    assert swept.num_new == (8 if workers == 2 else 5)
    assert swept.num_failed == 0
    for table in [*tables, copy.mixing, copy.routes]:
        twin = finished.path / table.relative_to(copy.path)
        assert table.read_bytes() == twin.read_bytes(), table.name


def test_a_failure_is_recorded_and_does_not_stop_the_rest(copy: RunFolder) -> None:
    before = len(read_table(copy.mixing))
    broken = copy.codec(RECIPES[2], fold=f"speaker-{FOLD}") / "weights.safetensors"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:-8])
    study = copy.read_study()
    changed = study.model_copy(update={"mixing": MixingSettings.parse({**MIXING, "num_lams": 2})})
    copy.write_study(changed)
    swept = sweep(copy.path, progress=False)
    assert (swept.num_failed, swept.exit_code) == (1, 3)
    assert swept.num_new == 8  # all of mixing, none of the codecs' own trials
    assert FOLD not in set(read_table(copy.mixing)["fold"].astype(str))
    assert len(read_table(copy.mixing)) < before
    (record,) = (json.loads(path.read_text()) for path in copy.trials.glob("mix-*.failed.json"))
    assert (record["recipe"], record["fold"]) == ("mixing", f"speaker/{FOLD}")
    assert "IntegrityError" in record["error"]
    summary = json.loads((copy.analysis / "summary.json").read_text())
    assert summary["failures"][0]["recipe"] == "mixing"
    assert sweep(copy.path, progress=False).num_new == 0
    broken.write_bytes(whole)
    assert sweep(copy.path, retry_failed=True, progress=False).exit_code == 0


def test_only_what_changed_runs_again_and_what_is_not_asked_for_goes(copy: RunFolder) -> None:
    study = copy.read_study()
    routes = copy.routes.read_bytes()
    weights = MixingSettings.parse({**MIXING, "weights": [0.5]})
    copy.write_study(study.model_copy(update={"mixing": weights}))
    assert sweep(copy.path, progress=False).num_new == 4
    assert copy.routes.read_bytes() == routes
    copy.write_study(study.model_copy(update={"mixing": MixingSettings()}))
    assert sweep(copy.path, progress=False).num_new == 0
    left = [
        copy.mixing,
        copy.routes,
        *copy.analysis.glob("mixing.*"),
        *copy.analysis.glob("routes*"),
    ]
    assert not [path for path in left if path.exists()]


def scene_of(speakers: str, emotions: str, texts: list[str]) -> Scene:
    count = len(speakers)
    z = np.arange(count, dtype=float)[:, None]
    names = np.array([f"i{place}" for place in range(count)])
    given = np.array(texts)
    return Scene(
        z, z, names, np.array([*emotions]), np.array([*speakers]), given, given, np.arange(count)
    )


def test_pairs_share_a_text_where_the_speaker_has_one() -> None:
    """Speaker x has text 1 in both emotions, y has no text in both, z has one emotion only."""
    scene = scene_of("xxxxyyz", "sshhshs", ["1", "2", "1", "3", "1", "2", "1"])
    pairs = draw_pairs(scene, ("s", "h"), fold="f", limit=10)
    assert pairs.tolist() == [[0, 2], [4, 5]]
    unknown = scene_of("xxxx", "sshh", [""] * 4)
    assert draw_pairs(unknown, ("s", "h"), fold="f", limit=10).tolist() == [
        [0, 2], [0, 3], [1, 2], [1, 3],
    ]  # fmt: skip
    assert draw_pairs(unknown, ("s", "n"), fold="f", limit=10).shape == (0, 2)


def test_draws_are_limited_and_repeatable() -> None:
    scene = scene_of("x" * 40, "sh" * 20, [""] * 40)
    drawn = [draw_pairs(scene, ("s", "h"), fold=fold, limit=15) for fold in ("f", "f", "g")]
    assert drawn[0].shape == (15, 2)
    assert len(np.unique(drawn[0], axis=0)) == 15
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    items = draw_items(scene, without=("h",), fold="f", limit=7)[:, 0]
    assert len(set(items)) == 7
    assert set(scene.emotions[items]) == {"s"}


def test_lams_are_spread_from_zero_to_the_end() -> None:
    ladder = [0.0, *np.geomspace(0.1, 100, 15)]
    assert spread(ladder, 4) == [ladder[0], ladder[5], ladder[10], ladder[15]]
    assert spread(ladder[:3], 8) == ladder[:3]


def test_missing_recipes_are_named_before_anything_is_trained(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    make_set(run.embeddings)
    wanted = {"split": {"protocols": ["speaker"]}, "mixing": {"pairs": [["sad", "happy"]]}}
    study = small_study(recipes=["balanced", "biased:sad"], **wanted)
    with pytest.raises(ConfigError, match=r"mixed:sad=\.5,happy=\.5, biased:happy; add"):
        train(run.path, study, progress=False)
    assert not (run.path / "codecs").exists()
    study = small_study(recipes=["balanced", "biased:sad"], mixing={"routes": True})
    with pytest.raises(ConfigError, match="biased:happy, biased:neutral"):
        train(run.path, study, progress=False)


def test_missing_emotions_and_protocols_are_named(finished: RunFolder) -> None:
    settings = MixingSettings.parse({"pairs": [["sad", "fear"]]})
    with pytest.raises(ConfigError, match=r"mixing\.pairs needs clips of fear; the study has"):
        mixing_recipes(settings, ["balanced"], ["happy", "sad"])
    with pytest.raises(ConfigError, match=r"mixing\.routes needs clips of neutral"):
        mixing_recipes(MixingSettings(routes=True), ["balanced"], ["happy", "sad"])
    assert mixing_recipes(MixingSettings(), ["balanced"], ["happy", "sad"]) == {}
    study = finished.read_study()
    split = study.split.model_copy(update={"protocols": ("text",)})
    work = open_workspace(finished, study.model_copy(update={"split": split}))
    with pytest.raises(ConfigError, match=r"add speaker to split\.protocols"):
        mixing_tasks(work, (0.0, 1.0))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"pairs": [["sad", "gloomy"]]}, "unknown emotion gloomy"),
        ({"pairs": [["sad", "sad"]]}, "not sad twice"),
        ({"pairs": [["sad", "happy"], ["happy", "sad"]]}, "each pair once"),
        ({"weights": [0.5, 1.0]}, "between 0 and 1"),
        ({"weights": []}, "at least one weight"),
        ({"weights": [0.5, 0.5]}, "each once"),
        ({"num_lams": 1}, "num_lams"),
        ({"max_references": 0}, "max_references"),
        ({"pair": []}, "did you mean 'pairs'"),
    ],
)
def test_settings_out_of_range_are_refused(values: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        StudySettings.parse({"mixing": values})


def test_a_codec_that_is_missing_is_a_failure_that_says_so(copy: RunFolder) -> None:
    shutil.rmtree(copy.codec("biased:neutral", fold=f"speaker-{FOLD}"))
    copy.write_study(
        copy.read_study().model_copy(
            update={"mixing": MixingSettings.parse({**MIXING, "max_references": 5})}
        )
    )
    assert sweep(copy.path, progress=False).num_failed == 1
    (record,) = (json.loads(path.read_text()) for path in copy.trials.glob("*.failed.json"))
    assert record["error"].startswith("InputError: codecs of biased:neutral are missing")


@pytest.mark.parametrize(
    ("changes", "ways"),
    [
        ({"prior": {"per_lam": True}}, {"stages"}),
        ({"quantizer": {"stages": 1, "codes": 4}}, {"union"}),
        ({"transform": {"kind": "klt"}}, {"stages"}),
        ({}, {"stages", "union"}),
    ],
)
def test_a_way_that_codecs_do_not_allow_is_left_out(changes: dict, ways: set[str]) -> None:
    values = {"quantizer": {"stages": 2, "codes": 4}, "ladder": {"lams": [0.0, 0.5]}, **changes}
    x = np.random.default_rng(0).normal(size=(100, 4))
    codec = Codec(CodecSettings.parse(values)).fit(x, rng=np.random.default_rng(1))
    conditions = mix(
        x[:9],
        x[9:18],
        balanced=codec,
        mixed=codec,
        biased=(codec, codec),
        toward=np.zeros(4),
        weights=[0.3],
        lams=[0.0, 0.5],
    )
    always = {"plain_mean", "barycentre", "mixed_blur", "single_first", "single_second"}
    assert {part.way for part in conditions} == always | ways


def test_coarse_stages_come_from_the_first_in_every_group() -> None:
    settings = CodecSettings.parse(
        {"quantizer": {"groups": 2, "stages": 4, "codes": 4}, "ladder": {"lams": [0.0, 0.5]}}
    )
    x = np.random.default_rng(0).normal(size=(200, 4))
    codec = Codec(settings).fit(x, rng=np.random.default_rng(1))
    first, second = x[:20], x[20:40]
    weights = {0.1: 1, 0.5: 2, 0.7: 3, 0.95: 3}
    conditions = mix(
        first,
        second,
        balanced=codec,
        mixed=codec,
        biased=(codec, codec),
        toward=np.zeros(4),
        weights=list(weights),
        lams=[0.0],
    )
    found = {part.weight: part for part in conditions if part.way == "stages"}
    one, other = (codec.encode(part, 0.0, mode="direct").symbols for part in (first, second))
    for weight, coarse in weights.items():
        symbols = other.copy()
        for group in range(2):
            symbols[:, 4 * group : 4 * group + coarse] = one[:, 4 * group : 4 * group + coarse]
        z_hat = codec.scaling_.forward(codec.decode(symbols))
        assert np.array_equal(found[weight].z_hat, z_hat)
        assert np.array_equal(found[weight].bits, codec.bits(symbols))


def test_frames_are_mixed_by_their_time_means(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    make_set(run.embeddings, frames=3)
    study = small_study(**STUDY)
    run.write_study(study)
    work = open_workspace(run, study)
    state = fold_state(str(run.path), study, "speaker/s1")
    scene = Scene.of(work, state, "speaker/s1")
    frames = open_set(run.embeddings).frames().values.reshape(120, 3, -1).astype(float)
    assert scene.vectors == pytest.approx(frames.mean(axis=1), abs=1e-4)
    assert scene.z == pytest.approx(state.scaling.forward(frames.mean(axis=1)), abs=1e-4)
    assert set(scene.speakers[scene.test]) == {"s1"}


@pytest.mark.parametrize("texts_known", [True, False])
def test_speakers_are_told_by_items_that_share_nothing_with_the_reference(
    texts_known: bool,
) -> None:
    rng = np.random.default_rng(0)
    speakers, texts = np.repeat(["x", "y", "z"], 8), np.tile([*"01234567"], 3)
    z = rng.normal(size=(24, 2)) + 0.7 * np.repeat(rng.normal(size=(3, 2)), 8, axis=0)
    names, emotions = np.array([f"i{place}" for place in range(24)]), np.tile(["s", "h"], 12)
    given = texts if texts_known else np.full(24, "")
    scene = Scene(z, z, names, emotions, speakers, given, given, np.arange(8))
    probe = fit_probe("logistic", z, emotions, seed=0)
    references = np.array([[0, 1], [2, 3], [4, 4], [6, 1]])
    results = [rng.normal(size=(4, 2)) for _ in range(5)]
    nothing = np.zeros(4)
    conditions = [Condition("way", 0.5, 0.0, part, nothing, nothing) for part in results]
    rows = measure_conditions(scene, references, conditions, probe=probe, emotions=("s", "h"))
    expected = []
    for part in results:
        for z_hat, pair in zip(part, references, strict=True):
            gone = np.isin(texts, texts[pair]) if texts_known else np.isin(np.arange(24), pair)
            centres = [z[(speakers == name) & ~gone].mean(axis=0) for name in "xyz"]
            expected.append(float(np.argmin([((z_hat - c) ** 2).sum() for c in centres]) == 0))
    assert rows["speaker_told"].tolist() == expected
    assert 0 < np.mean(expected) < 1
    same = ["", "", "4", ""] if texts_known else [""] * 4
    assert rows["text_id"].tolist() == same * 5


def test_a_speaker_without_other_items_cannot_be_told() -> None:
    scene = scene_of("xxyy", "shsh", ["1", "1", "1", "2"])
    probe = fit_probe("logistic", scene.z, scene.emotions, seed=0)
    condition = Condition("way", 0.5, 0.0, scene.z[:1], np.zeros(1), np.zeros(1))
    rows = measure_conditions(
        scene, np.array([[0, 1]]), [condition], probe=probe, emotions=("s", "h")
    )
    assert rows["speaker_told"].isna().all()


def test_without_logistic_among_the_probes_the_perceptron_answers(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", **STUDY, probes=["svm"])
    study = run.read_study()
    work = open_workspace(run, study)
    state = fold_state(str(run.path), study, "speaker/s1")
    probe = clean_probe(work, state, "speaker/s1")
    assert (probe.name, probe.classes) == ("mlp", ("happy", "neutral", "sad"))
    test = work.folds["speaker/s1"].test
    z = state.scaling.forward(work.embeddings.time_means(work.rows[test]))
    assert (probe.predict(z) == work.items["emotion"].to_numpy(str)[test]).mean() > 0.7


def test_a_run_without_trained_codecs_says_how_to_train(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", **STUDY)
    with pytest.raises(QuantlabError, match="quantlab train"):
        sweep(run.path, progress=False)
