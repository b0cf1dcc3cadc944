"""The maps of a run: what they hold, that they are kept, and how they are drawn."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from quantlab.codebooks import Codec
from quantlab.embedders import open_set
from quantlab.errors import InputError, IntegrityError
from quantlab.figures import FigureContext, MapView, RunMap, drift_map, figure_data
from quantlab.sweep import MapSettings, RunFolder, class_means, sweep, train
from tests.small_study import EMOTIONS, make_run


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    maps = {"kinds": ["pca", "tsne"], "max_items": 60}
    run = make_run(tmp_path_factory.mktemp("maps") / "run", maps=maps, reductions=[])
    train(run.path, run.read_study(), progress=False)
    sweep(run.path, progress=False)
    return run.path


def test_a_map_holds_clean_and_quantized_places_of_evenly_drawn_items(swept: Path) -> None:
    found = RunMap.open(swept)
    assert found.kinds == ["pca", "tsne"]
    assert len(found.items) == 60
    assert found.items.groupby(["emotion", "speaker"]).size().tolist() == [5] * 12
    assert found.methods("balanced")[0] == "codec"
    assert found.methods("biased:sad") == ["codec", "shrink_class", "shrink_mean", "water_class"]
    places = found.read("pca", 2)
    assert places.of("balanced", "codec").shape == (len(found.lams), 60, 2)


def test_places_are_those_of_the_codec_that_never_met_the_speaker(swept: Path) -> None:
    found = RunMap.open(swept)
    places = found.read("pca", 3)
    row = 7
    speaker = found.items["speaker"].iloc[row]
    name = speaker.replace("/", "-")
    folder = next((swept / "codecs" / "balanced" / "folds").glob(f"speaker-*{name}*-seed0"))
    codec = Codec.load(folder)
    embeddings = open_set(swept / "embeddings")
    place = embeddings.items["item"].tolist().index(found.items["item"].iloc[row])
    scaling = Codec.load(swept / "codecs" / "balanced").scaling_
    vectors = embeddings.frames([place]).values
    for step, encoded in enumerate(codec.encode_ladder(vectors, codec.ladder_)):
        z_hat = scaling.forward(codec.decode(encoded.symbols))
        wanted = found.place(places, z_hat)[0]
        np.testing.assert_allclose(places.of("balanced", "codec")[step, row], wanted, atol=2e-3)


def test_maps_are_kept_by_a_second_sweep(swept: Path) -> None:
    card = swept / "maps" / "card.json"
    before = card.stat().st_mtime_ns
    sweep(swept, progress=False)
    assert card.stat().st_mtime_ns == before


def test_a_recipe_that_lacks_a_fold_is_not_on_the_map(swept: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(swept, copy)
    folds = sorted((copy / "codecs" / "biased-sad" / "folds").glob("speaker-*"))
    shutil.rmtree(folds[0])
    sweep(copy, progress=False)
    assert RunMap.open(copy).recipes == ["balanced", "biased:happy", "biased:neutral"]


def test_maps_that_are_no_longer_asked_for_are_gone(swept: Path, tmp_path: Path) -> None:
    copy = RunFolder(tmp_path / "run")
    shutil.copytree(swept, copy.path)
    study = copy.read_study()
    without = study.model_copy(update={"maps": MapSettings(max_items=0)})
    copy.write_study(without)
    sweep(copy.path, progress=False)
    with pytest.raises(InputError, match="no maps"):
        RunMap.open(copy.path)


def test_the_map_is_drawn_with_a_frame_for_each_lam_and_exported(swept: Path) -> None:
    found = RunMap.open(swept)
    view = MapView(
        found.read("pca", 2), found.items, found.lams, "balanced", overlaid=("shrink_mean",)
    )
    figure = drift_map(view, context=FigureContext(run="small"), lam=0.0, num_items_of_run=120)
    assert len(figure.frames) == len(found.lams)
    assert "60 of 120 clips" in figure.layout.title.text
    table = figure_data(figure)
    assert len(table) == 60 * 2 * (len(found.lams) + 1)
    last = table.loc[(table["lam"] == found.lams[-1]) & (table["series"] == "sad")]
    of_sad = (found.items["emotion"] == "sad").to_numpy()
    wanted = view.places.of("balanced", "codec")[-1, of_sad]
    np.testing.assert_allclose(last["value"].to_numpy(), wanted.T.ravel(), rtol=1e-6)


def test_missing_and_damaged_maps_say_what_to_type(swept: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="quantlab sweep"):
        RunMap.open(tmp_path)
    place = tmp_path / "maps"
    place.mkdir()
    (place / "card.json").write_text("{")
    with pytest.raises(IntegrityError, match="delete"):
        RunMap.open(tmp_path)
    card = json.loads((swept / "maps" / "card.json").read_text()) | {"format": 99}
    (place / "card.json").write_text(json.dumps(card))
    (place / "items.parquet").write_bytes((swept / "maps" / "items.parquet").read_bytes())
    with pytest.raises(IntegrityError, match="another version"):
        RunMap.open(tmp_path)
    with pytest.raises(InputError, match="pca, tsne"):
        RunMap.open(swept).read("umap", 2)


def test_class_means_are_means_over_clips(swept: Path) -> None:
    embeddings = open_set(swept / "embeddings")
    means = class_means(swept)
    assert tuple(means) == EMOTIONS
    sad = (embeddings.items["emotion"] == "sad").to_numpy()
    np.testing.assert_allclose(
        means["sad"], embeddings.frames().values[sad].mean(axis=0), rtol=1e-5
    )
