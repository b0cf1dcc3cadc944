"""Studies over several corpora, with the embedder's own classifier, seen clips, and on Ray."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantlab.embedders import Head, open_set, open_sets, write_set
from quantlab.errors import ConfigError, InputError
from quantlab.figures import RunTables
from quantlab.store import read_json
from quantlab.sweep import RunFolder, read_rows, sweep, train
from quantlab.sweep.workspace import fold_state, open_workspace
from tests.small_study import CARD, EMOTIONS, make_set, small_study


def _corpora(folder: Path, **card: object) -> list[str]:
    """Write two sets of one embedder, of two corpora that differ by an offset."""
    places = []
    embedder = card.get("embedder", CARD["embedder"])
    for seed, name in enumerate(("one", "two")):
        make_set(folder / name, speakers=3, seed=seed)
        made = open_set(folder / name)
        centres = np.stack([
            made.frames(np.flatnonzero(made.items["emotion"] == emotion)).values.mean(axis=0)
            for emotion in EMOTIONS
        ])  # fmt: skip
        weight = np.concatenate([2 * centres, np.zeros((1, centres.shape[1]))])
        bias = np.concatenate([-(centres**2).sum(axis=1), [-1e9]])
        head = Head((*EMOTIONS, "unknown"), weight, bias) if card.get("head") else None
        vectors = made.frames().values
        write_set(
            folder / name,
            made.items.assign(corpus=name, sha256=name + made.items["sha256"]),
            [vector[None] for vector in vectors],
            card={**made.card, "corpora": [name], "embedder": embedder},
            dtype="float32",
            head=head,
            posteriors=None if head is None else head.probabilities(vectors),
        )
        places.append(str(folder / name))
    return places


def _study(places: list[str], **changes: object):
    return small_study(
        data={"embeddings": places},
        recipes=["balanced"],
        split={"protocols": ["corpus", "speaker"], **changes.pop("split", {})},  # pyright: ignore
        **changes,
    )


def test_each_corpus_is_left_out_in_turn(tmp_path: Path) -> None:
    run, study = tmp_path / "run", _study(_corpora(tmp_path / "sets"))
    trained = train(run, study, progress=False)
    assert any("2 corpora are left out in turn" in note for note in trained.notes)
    work = open_workspace(RunFolder(run), study)
    assert [name for name in work.folds if name.startswith("corpus/")] == [
        "corpus/one", "corpus/two",
    ]  # fmt: skip
    for name in ("one", "two"):
        fold = work.folds[f"corpus/{name}"]
        assert set(work.items["corpus"].iloc[fold.test]) == {name}
        assert name not in set(work.items["corpus"].iloc[fold.train])
    assert set(work.items["speaker"]) == {f"{c}/s{s}" for c in ("one", "two") for s in range(3)}
    sweep(run, progress=False)
    rows = read_rows(run)
    assert set(rows["protocol"]) == {"corpus", "speaker"}
    tested = rows.loc[(rows["protocol"] == "corpus") & (rows["method"] == "clean")]
    assert len(tested) == len(work.items)
    summary = read_json(run / "analysis" / "summary.json")
    assert summary["protocols"]["corpus"]["num_folds"] == 2
    assert summary["corpus"] == "one, two"
    assert RunTables.open(run).protocols == ["speaker", "corpus"]


def test_one_corpus_cannot_be_left_out(tmp_path: Path) -> None:
    make_set(tmp_path / "one")
    study = small_study(
        data={"embeddings": str(tmp_path / "one")}, recipes=["balanced"],
        split={"protocols": ["corpus"]},
    )  # fmt: skip
    with pytest.raises(InputError, match="two corpora or more"):
        open_workspace(RunFolder(tmp_path / "run"), study)


def test_the_embedders_classifier_is_one_of_the_probes(tmp_path: Path) -> None:
    places = _corpora(tmp_path / "sets", head=True)
    with pytest.raises(InputError, match="differ in head"):
        open_sets(places)
    study = small_study(data={"embeddings": places[0]}, recipes=["balanced"])
    run = tmp_path / "run"
    train(run, study, progress=False)
    sweep(run, progress=False)
    rows = read_rows(run)
    clean = rows.loc[rows["method"] == "clean"].drop_duplicates("item").set_index("item")
    opened = open_set(places[0])
    assert opened.posteriors is not None
    best = opened.posteriors.set_index("item")[list(EMOTIONS)].idxmax(axis=1)
    assert (clean["probe_head"].astype(str) == best.loc[clean.index]).all()
    assert read_json(run / "analysis" / "summary.json")["probes"] == ["logistic", "head"]
    work = open_workspace(RunFolder(run), study)
    state = fold_state(str(run), study, next(iter(work.folds)))
    x = opened.frames().values
    asked = state.probes["head"].predict(state.scaling.forward(x))
    assert (asked == best.to_numpy()).all()


def test_classifiers_that_lack_an_emotion_are_left_out_with_a_note(tmp_path: Path) -> None:
    make_set(tmp_path / "set")
    made = open_set(tmp_path / "set")
    head = Head(("happy", "sad"), np.eye(2, made.num_dims), np.zeros(2))
    vectors = made.frames().values
    write_set(
        tmp_path / "set", made.items, [vector[None] for vector in vectors], card=made.card,
        head=head, posteriors=head.probabilities(vectors),
    )  # fmt: skip
    study = small_study(data={"embeddings": str(tmp_path / "set")})
    work = open_workspace(RunFolder(tmp_path / "run"), study)
    assert work.probes == ("logistic",)
    assert any("does not know neutral" in note for note in work.notes)


def test_seen_clips_are_refused_or_said_in_every_figure(tmp_path: Path) -> None:
    embedder = {**CARD["embedder"], "trained_on": [{"corpus": "one", "labels": True}]}
    places = _corpora(tmp_path / "sets", embedder=embedder)
    run = tmp_path / "run"
    with pytest.raises(InputError, match="seen by the embedder"):
        train(run, _study(places), progress=False)
    study = _study(places, split={"allow_seen": True})
    train(run, study, progress=False)
    sweep(run, progress=False)
    context = RunTables.open(run).context()
    assert "seen by the embedder: 90 clips" in context.subtitle()
    unseen = tmp_path / "unseen"
    train(unseen, _study(_corpora(tmp_path / "others")), progress=False)
    sweep(unseen, progress=False)
    assert "seen" not in RunTables.open(unseen).context().subtitle()


def test_merges_count_two_emotions_as_one(tmp_path: Path) -> None:
    make_set(tmp_path / "set", emotions=("excited", "happy", "sad"))
    data = {"embeddings": str(tmp_path / "set"), "merges": ["excited-happy"]}
    work = open_workspace(RunFolder(tmp_path / "run"), small_study(data=data))
    assert work.emotions == ("happy", "sad")
    plain = small_study(data={**data, "merges": []})
    other = open_workspace(RunFolder(tmp_path / "run"), plain)
    assert other.data_fingerprint != work.data_fingerprint
    with pytest.raises(ConfigError, match="unknown merge"):
        small_study(data={**data, "merges": ["sad-happy"]})


def test_features_in_physical_units_are_scaled_one_by_one(tmp_path: Path) -> None:
    make_set(tmp_path / "set")
    made = open_set(tmp_path / "set")
    units = np.array([1e-3, 1, 1e4, 1, 1, 1], np.float32)
    arrays = [vector[None] * units for vector in made.frames().values]
    card = {**made.card, "embedder": {**CARD["embedder"], "units": "physical"}}
    write_set(tmp_path / "set", made.items, arrays, card=card, dtype="float32")
    run = tmp_path / "run"
    study = small_study(data={"embeddings": str(tmp_path / "set")}, recipes=["balanced"])
    train(run, study, progress=False)
    sweep(run, progress=False)
    rows = read_rows(run)
    assert rows["lam_raw"].isna().all()
    codec = rows.loc[(rows["method"] == "codec") & (rows["lam"] == 0)]
    assert codec["cos_centred_means"].mean() > 0.5
    summary = read_json(run / "analysis" / "summary.json")
    assert (summary["scaling"], summary["lam_raw_per_lam"]) == ("standard", None)


@pytest.mark.slow
def test_ray_gives_the_same_bytes(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    places = _corpora(tmp_path / "sets")
    study = _study(places)
    tables = {}
    for engine in ("local", "ray"):
        run = tmp_path / engine
        train(run, study, workers=2, engine=engine, progress=False)  # pyright: ignore
        sweep(run, workers=2, engine=engine, progress=False)  # pyright: ignore
        names = sorted(path.name for path in (run / "analysis").glob("*.parquet"))
        tables[engine] = [(run / "sweep.parquet").read_bytes()] + [
            (run / "analysis" / name).read_bytes() for name in names
        ]
    assert tables["local"] == tables["ray"]


def test_items_of_a_joined_set_keep_their_table(tmp_path: Path) -> None:
    work = open_workspace(RunFolder(tmp_path / "run"), _study(_corpora(tmp_path / "sets")))
    assert isinstance(work.items, pd.DataFrame)
    assert work.items["item"].is_unique
