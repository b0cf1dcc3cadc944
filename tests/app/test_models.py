"""The pages Disentanglement and Methods: cards, evaluations, every view, terms and licences."""

import json
import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from quantlab.figures import METHODS, MODEL_METHODS
from quantlab.figures.terms import FORMULAS
from quantlab.models import open_stylevc
from quantlab.synthesis import (
    EvaluationSettings,
    card_grid,
    card_metrics,
    evaluate_stylevc,
    evaluation_folders,
    grid_of,
    read_evaluation,
    write_evaluation,
)
from tests.app.conftest import OpenPage, charts, titles
from tests.evaluated_stylevc import QUICK, make_features, save_untrained

SHIPPED = ("nemo_adv1_cls", "nemo_gcl1_cls", "nemo_gcl1_cls_unseen", "nemo_mi_cls")


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `quantlab evaluate-stylevc` writes of two models."""
    place = tmp_path_factory.mktemp("models")
    features = make_features(place)
    for name, seed in (("gcl", 3), ("mi", 4)):
        model = save_untrained(place / name, features, name=name, seed=seed)
        settings = EvaluationSettings.parse(QUICK)
        found = evaluate_stylevc(open_stylevc(model), features, settings=settings)
        write_evaluation(place / "evaluation" / name, found)
    return place / "evaluation"


@pytest.fixture
def kept(evaluated: Path, runs: Path) -> Path:
    shutil.copytree(evaluated, runs / "evaluation")
    return runs / "evaluation"


def said(app: AppTest) -> str:
    assert [problem.value for problem in app.exception] == []
    assert [problem.value for problem in app.error] == []
    return "".join(part.proto.body for part in app.html)


def test_cards_hold_the_grid_of_an_evaluation(evaluated: Path) -> None:
    found = [
        read_evaluation(folder) for folder in evaluation_folders(evaluated.parent)["evaluation"]
    ]
    wanted, _ = grid_of(found)
    told = card_grid({one.model: card_metrics(one) for one in found})
    both = told.merge(wanted, on=["model", "measure"], suffixes=("", "_wanted"))
    assert len(both) == len(told) > 10
    for name in ("value", "low", "high", "chance", "rotated"):
        assert both[name].to_numpy() == pytest.approx(
            both[f"{name}_wanted"].to_numpy(), abs=6e-5, nan_ok=True
        )
    # A card does not say of how many speakers the decoded clips were.
    scores = both.loc[both["measure"] != "mcd_db"]
    assert scores["num_clusters"].tolist() == scores["num_clusters_wanted"].tolist()
    assert both["remark"].tolist() == both["remark_wanted"].tolist()


def test_without_evaluations_the_shipped_cards_are_shown(open_page: OpenPage) -> None:
    app = open_page("disentanglement")
    shown = said(app)
    assert titles(app) == ["All measures of all models"]
    for name in SHIPPED:
        assert name in shown
    assert "0.17" in shown
    assert "cannot tell" in shown
    assert any("evaluate-stylevc" in caption.value for caption in app.caption)


def test_every_view_of_an_evaluation(kept: Path, open_page: OpenPage) -> None:
    app = open_page("disentanglement")
    assert app.selectbox(key="evaluation").value == "evaluation"
    assert "gcl" in said(app)
    views = app.button_group(key="view")
    views.select("Probes").run()
    said(app)
    assert titles(app) == ["What each embedding tells: accuracy on new clips"]
    assert "run gcl" in charts(app)[0]["layout"]["title"]["text"]
    app.selectbox(key="model").select("mi").run()
    assert "run mi" in charts(app)[0]["layout"]["title"]["text"]
    app.button_group(key="score").select("uar").run()
    assert "unweighted average recall" in titles(app)[0]
    app.button_group(key="view").select("Map").run()
    assert titles(app) == ["Embeddings in two dimensions: t-SNE"]
    app.button_group(key="layout").select("principal components").run()
    assert titles(app) == ["Embeddings in two dimensions: principal components"]
    app.button_group(key="view").select("Controls").run()
    assert "shuffled labels" in said(app)


def test_a_link_opens_the_same_view(kept: Path, open_page: OpenPage) -> None:
    app = open_page("disentanglement", view="Map", model="mi", layout="principal components")
    assert titles(app) == ["Embeddings in two dimensions: principal components"]
    assert "run mi" in charts(app)[0]["layout"]["title"]["text"]


def test_a_damaged_evaluation_is_explained(kept: Path, open_page: OpenPage) -> None:
    (kept / "gcl" / "probes.parquet").write_bytes(b"no")
    app = open_page("disentanglement")
    assert [problem.value for problem in app.exception] == []
    assert "evaluate the model again" in app.error[0].value
    card = kept / "mi" / "evaluation.json"
    card.write_text(json.dumps({"kind": "other"}))
    assert open_page("disentanglement").error


def test_methods_explain_every_term(open_page: OpenPage) -> None:
    shown = said(open_page("methods"))
    for term, text in (*METHODS, *MODEL_METHODS):
        assert f"<dt>{term}</dt>" in shown
        assert text in shown
    for formula in FORMULAS.values():
        assert formula in shown
    assert "Apache-2.0" in shown
    for name in (*SHIPPED, "nemo_gcl1_cls_codecs"):
        assert f"<dt>{name}</dt><dd>CC BY-NC-SA 4.0" in shown


def test_formulas_belong_to_terms() -> None:
    assert set(FORMULAS) <= {term for term, _ in METHODS}
    assert not set(FORMULAS) & {term for term, _ in MODEL_METHODS}


def test_codes_in_use_are_drawn_for_each_emotion(open_page: OpenPage) -> None:
    app = open_page("rate", view="Codes in use")
    said(app)
    assert titles(app) == ["How much of its codes is used, balanced codebook"]
