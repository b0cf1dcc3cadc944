"""A whole small study with every reduction, reference and probe: rows, soft labels and verdicts."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantlab.analysis import CLAIM_COLUMNS, fit_probe
from quantlab.codebooks import Codec
from quantlab.config import ConfigError
from quantlab.errors import InputError
from quantlab.figures import RunTables, write_report
from quantlab.store import read_table, write_table
from quantlab.sweep import RunFolder, judge_anew, read_rows, read_studies, sweep, train
from quantlab.sweep.soft_labels import labels_of, write_soft_labels
from quantlab.sweep.workspace import fit_scaling, open_workspace
from tests.small_study import EMOTIONS, make_run, make_set, small_study

REFERENCES = [
    "shrink_mean",
    "shrink_class",
    "water_mean",
    "water_class",
    "noise_matched",
    "pca_matched",
]
REDUCTIONS = ["drop_least", "drop_most", "coarse_step", "noise", "truncate"]
EVERYTHING = {
    "recipes": ["balanced", "natural", "biased:*", "mixed:sad=.5,happy=.5"],
    "references": REFERENCES,
    "reductions": REDUCTIONS,
    "retrained_probe": True,
    "mixing": {"pairs": [["sad", "happy"]], "routes": True, "num_lams": 3},
    "split": {"protocols": ["speaker"]},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = make_run(tmp_path_factory.mktemp("science") / "small", **EVERYTHING)
    train(folder.path, folder.read_study(), progress=False)
    assert sweep(folder.path, progress=False).num_failed == 0
    return folder


@pytest.fixture(scope="module")
def rows(run: RunFolder) -> pd.DataFrame:
    return read_rows(run.path)


def _of(rows: pd.DataFrame, method: str, recipe: str = "balanced") -> pd.DataFrame:
    chosen = rows[(rows["method"] == method) & (rows["recipe"] == recipe)]
    return chosen.sort_values(["lam", "item"], ignore_index=True)


@pytest.mark.parametrize("name", REFERENCES)
def test_references_are_as_distorted_as_the_codec(rows, name) -> None:
    recipe = "biased:sad" if name.endswith("class") else "balanced"
    codec, reference = _of(rows, "codec", recipe), _of(rows, name, recipe)
    assert reference["item"].tolist() == codec["item"].tolist()
    asked, given = codec["distortion"].to_numpy(), reference["distortion"].to_numpy()
    near = np.isclose(given, asked, rtol=1e-6, atol=1e-9)
    if name == "noise_matched":
        assert near.all()
    assert near.mean() > 0.5
    assert (given[~near] < asked[~near]).all()  # even the mean itself distorts less there


def test_classes_references_are_for_codecs_of_one_emotion(rows) -> None:
    by_recipe = rows.groupby("recipe", observed=True)["method"].unique()
    assert {"shrink_class", "water_class"} <= set(by_recipe["biased:sad"])
    assert not {"water_mean", "pca_matched", "noise_matched"} & set(by_recipe["biased:sad"])
    assert not {"shrink_class", "water_class"} & set(by_recipe["natural"])


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_meet_the_codecs_similarity(rows, name) -> None:
    found = _of(rows, name)
    wanted = _of(rows, "codec").groupby(["fold", "lam"], observed=True)["cos_centred_frames"].mean()
    means = found.groupby(["fold", "lam"], observed=True)["cos_centred_frames"].mean()
    reachable = wanted > 0.2
    assert (means - wanted)[reachable].abs().max() < 0.08
    assert found["code_length_bits"].isna().all() == (name == "noise")


def test_the_last_stage_is_the_whole_code(rows) -> None:
    whole = _of(rows, "codec")
    whole = whole[whole["lam"] == 0.0].reset_index(drop=True)
    last, first = _of(rows, "stages_2"), _of(rows, "stages_1")
    pd.testing.assert_series_equal(last["distortion"], whole["distortion"])
    assert first["distortion"].mean() > last["distortion"].mean()
    assert "stages_1" not in set(rows.loc[rows["recipe"] == "biased:sad", "method"])


def test_surprisal_and_retrained_probe_are_what_they_say(run, rows) -> None:
    study = run.read_study()
    work = open_workspace(run, study)
    fold = next(name for name in work.folds if name.startswith("speaker/"))
    short = fold.split("/", 1)[1]
    codec = Codec.load(run.codec("balanced", fold=fold.replace("/", "-"), seed=0))
    scaling = fit_scaling(work, fold)
    labels = work.items["emotion"].astype(str).to_numpy()
    parts = work.folds[fold]
    lam = codec.ladder_[2]
    z_hat = {}
    for side, places in (("train", parts.train), ("test", parts.test)):
        values = work.embeddings.frames(work.rows[places]).values
        encoded = codec.encode_ladder(values, [lam], mode="path")[0]
        z_hat[side] = scaling.forward(codec.decode(encoded.symbols)).astype(np.float64)
    anew = fit_probe("logistic", z_hat["train"], labels[parts.train], seed=0)
    here = rows[
        (rows["fold"] == short) & (rows["recipe"] == "balanced") & (rows["method"] == "codec")
    ]
    here = here[here["lam"] == lam].set_index("item")
    here = here.loc[work.items["item"].iloc[parts.test]]
    assert here["probe_retrained"].tolist() == anew.predict(z_hat["test"]).tolist()
    column = [anew.classes.index(name) for name in labels[parts.test]]
    told = anew.log_probabilities(z_hat["test"])[np.arange(len(column)), column] / np.log(2)
    assert here["retrained_surprisal_bits"].to_numpy() == pytest.approx(-told, abs=1e-5)
    clean = rows[(rows["method"] == "clean") & (rows["fold"] == short)]
    assert clean["retrained_surprisal_bits"].tolist() == clean["surprisal_bits"].tolist()
    assert rows.loc[rows["recipe"] == "biased:sad", "probe_retrained"].isna().all()


def test_tokens_are_counted_by_emotion(run, rows) -> None:
    codec = _of(rows, "codec")
    per_emotion = codec.groupby(["fold", "lam", "emotion"], observed=True)
    assert per_emotion["emotion_token_entropy"].nunique().max() == 1
    assert codec["emotion_token_entropy"].between(0, 1).all()
    assert codec["emotion_code_usage"].between(0, 1).all()


def test_soft_labels_are_of_probes_that_have_not_seen_the_text(run) -> None:
    table = read_table(run.soft_labels)
    assert set(table["source"]) == {"probe"}
    shares = table[[f"share_{name}" for name in EMOTIONS]].to_numpy()
    assert shares.sum(axis=1) == pytest.approx(np.ones(len(table)))
    assert set(table["agreement"]) == {"clear", "middle", "ambiguous"}


def test_votes_are_the_soft_labels_where_there_are_votes(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "voted")
    make_set(folder.embeddings)
    items = read_table(folder.embeddings / "items.parquet")
    votes = ['{"sad": 3, "happy": 1}'] * (len(items) - 1) + [""]
    kinds = dict.fromkeys(items.columns, "string") | {"duration_s": "float64"}
    numeric = {name: "int64" for name in items.columns if items[name].dtype.kind == "i"}
    schema = {**kinds, **numeric, "votes": "string"}
    write_table(folder.embeddings / "items.parquet", items.assign(votes=votes), schema=schema)
    work = open_workspace(folder, small_study())
    write_soft_labels(work)
    table = read_table(folder.soft_labels)
    assert set(table["source"]) == {"votes"}
    known = labels_of(work, np.array([0, len(items) - 1]))
    assert known.soft[0].tolist() == [0.25, 0.0, 0.75]  # happy, neutral, sad
    assert known.soft[1].tolist() == [0.0, 0.0, 1.0]  # nobody voted: its label


def test_every_claim_is_there_with_a_verdict_or_a_reason(run) -> None:
    claims = RunTables.open(run.path).table("claims")
    assert tuple(claims.columns) == CLAIM_COLUMNS
    assert set(claims["verdict"]) == {"cannot tell"}  # four speakers
    tested = claims[~claims["claim"].isin(["2.1", "2.2", "RQ1b"])]
    assert tested["reason"].str.contains("at least 6 are needed").all(), tested["reason"].tolist()


def test_tables_and_report_of_the_study_are_written(run) -> None:
    tables = RunTables.open(run.path)
    for name in (
        "claims", "displacement", "matched", "information", "routing", "ambiguity", "stages",
        "mixing", "routes",
    ):  # fmt: skip
        assert len(tables.table(name)), name
    page = write_report(run.path).read_text()
    assert "Verdicts" in page


def _heard(run: RunFolder) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    base = [
        {"source": f"s{place}", "speaker": f"p{place % 7}", "target": target, "method": method,
         "codec": codec, "lam": lam, "listener": "own"}
        for place in range(28)
        for target in ("happy", "sad")
        for method, codec, lam in (
            ("conversion", "", np.nan), ("quantized", "balanced", 0.0),
            ("quantized", "balanced", 2.0), ("quantized", "biased-sad", 2.0),
        )
    ]  # fmt: skip
    rows = pd.DataFrame(base)
    for name in EMOTIONS:
        rows[f"posterior_{name}"] = 0.3 + 0.02 * rng.normal(size=len(rows))
    strong = (rows["codec"] == "balanced") & (rows["lam"] == 2.0)
    rows["posterior_neutral"] += 0.3 * strong
    rows["posterior_sad"] += 0.3 * (rows["codec"] == "biased-sad")
    return rows


def test_claims_about_what_is_heard_are_judged_from_a_listening_run(run, tmp_path) -> None:
    heard = _heard(run)
    kinds = {"f": "float64"}
    schema = {name: kinds.get(heard[name].dtype.kind, "string") for name in heard.columns}
    write_table(tmp_path / "listening.parquet", heard, schema=schema)
    claims = judge_anew(run.path, tmp_path).set_index("claim")
    assert claims.loc[["2.1", "2.2"], "verdict"].tolist() == ["supported"] * 2
    assert claims.loc["2.1", "value"] == pytest.approx(0.3, abs=0.03)
    kept = RunTables.open(run.path).table("claims").set_index("claim")
    assert kept.loc["2.2", "verdict"] == "supported"
    sweep(run.path, progress=False)
    kept = RunTables.open(run.path).table("claims").set_index("claim")
    assert kept.loc["2.2", "verdict"] == "supported"
    run.listening.unlink()


def test_listeners_that_do_not_know_the_emotions_are_refused(run, tmp_path) -> None:
    heard = _heard(run).drop(columns="posterior_neutral")
    schema = {
        name: "float64" if heard[name].dtype.kind == "f" else "string" for name in heard.columns
    }
    write_table(tmp_path / "listening.parquet", heard, schema=schema)
    with pytest.raises(InputError, match="do not know neutral"):
        judge_anew(run.path, tmp_path)


def test_the_negative_control_permutes_within_speaker_and_says_so(tmp_path: Path) -> None:
    plain = make_run(tmp_path / "plain")
    work = open_workspace(plain, small_study())
    control = open_workspace(plain, small_study(data={"permute_labels": True}))
    assert not (work.items["emotion"] == control.items["emotion"]).all()
    for one, other in (("speaker", "emotion"),):
        before = work.items.groupby([one, other]).size()
        pd.testing.assert_series_equal(before, control.items.groupby([one, other]).size())
    again = open_workspace(plain, small_study(data={"permute_labels": True}))
    assert again.items["emotion"].tolist() == control.items["emotion"].tolist()
    assert work.data_fingerprint != control.data_fingerprint
    assert any(note.startswith("negative control") for note in control.notes)


VARIANTS = """
name: sizes
codec: {quantizer: {stages: 2, codes: 4}}
variants:
  small: {codec: {quantizer: {codes: 2}}}
  other: {seeds: [0, 1]}
"""


def test_variants_change_single_keys(tmp_path: Path) -> None:
    path = tmp_path / "sizes.yaml"
    path.write_text(VARIANTS)
    studies = read_studies(path)
    assert list(studies) == ["small", "other"]
    assert [study.name for study in studies.values()] == ["sizes-small", "sizes-other"]
    quantizers = [study.codec.quantizer for study in studies.values()]
    assert [(one.stages, one.codes) for one in quantizers] == [(2, 2), (2, 4)]
    assert studies["other"].seeds == (0, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("variants: [a, b]", "'variants' maps names"),
        ("variants: {}", "'variants' maps names"),
        ("variants: {a: 3}", "a variant maps keys to values"),
        ("variants: {a: {sedes: [1]}}", "a: unknown key 'sedes'"),
    ],
)
def test_variants_that_cannot_be_read_name_what_is_wrong(tmp_path, text, message) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_studies(path)
