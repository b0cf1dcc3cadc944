"""The report: valid, offline, escaped; its sentences follow the tables."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantlab.analysis import holm
from quantlab.errors import InputError, IntegrityError
from quantlab.figures import RunTables, findings, write_report
from quantlab.figures import report as report_module
from quantlab.figures.claims import claim_rows, drift_claims, read_drift
from quantlab.figures.readings import (
    constant_lam,
    half_lam,
    read_accuracy,
    read_biased,
    read_confusion,
    read_half_points,
    read_rate,
    read_recalls,
    read_reductions,
    read_similarity,
)
from quantlab.store import read_csv
from tests.synthetic_run import LADDER, build_run, shared_run, write
from tests.test_figures_export import Links, can_draw

METRIC = "cos_centred_frames"
VOID = {"meta", "link", "br", "img", "input", "hr"}
FIGURES = {
    "similarity",
    "similarity-table",
    "accuracy",
    "recall",
    "confusion",
    "rate",
    "limits",
    "control",
    "reductions",
    "drift",
    "drift-by-emotion",
    "biased",
    "biased-similarity",
    "biased-difference",
    "claims",
    "reductions-cosine",
    "reductions-cosine-difference",
    "reductions-bits",
    "reductions-bits-difference",
    "displacement",
    "displacement-curves",
    "recipe-matrix-bits",
    "recipe-matrix-distortion",
    "recipe-matrix-recall",
    "information",
    "routing",
    "ambiguity",
    "stages",
    "mixing",
    "mixing-curves",
    "routes",
    "published-similarity",
    "published-accuracy",
    "published-biased-rate",
    "published-ambiguity",
}


class Outline(HTMLParser):
    """Checks that elements nest, and collects ids, links and text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.plots: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        assert len(known) == len(attrs), f"an attribute stands twice in <{tag}>"
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [known["id"]] if known.get("id") else []
        self.links += [known["href"]] if tag == "a" and known.get("href") else []
        self.plots += [known["data-figure"]] if known.get("data-figure") else []

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "script" not in self.open and "style" not in self.open:
            self.text.append(data)


def outline(page: str) -> Outline:
    parser = Outline()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    assert len(set(parser.ids)) == len(parser.ids)
    return parser


@pytest.fixture
def run(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path / "demo"
    shutil.copytree(shared_run(tmp_path_factory, small=True), folder)
    return folder


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    run = RunTables.open(shared_run(tmp_path_factory))
    return {
        name: run.table(name)
        for name in ("similarity", "rate", "accuracy", "confusion", "attraction")
    }


def test_the_report_is_one_valid_page_that_needs_no_network(run: Path) -> None:
    path = write_report(run)
    assert path == run / "report.html"
    page = path.read_text()
    found = outline(page)
    assert set(found.plots) == FIGURES
    assert {link[1:] for link in found.links if link.startswith("#")} <= set(found.ids)
    assert {link for link in found.links if not link.startswith("#")} == {
        f"figures/{name}.csv" for name in FIGURES
    }
    links = Links()
    links.feed(page)
    assert links.fetched == []
    assert "default-src 'none'" in page
    assert page.count("plotly.js v") == 1, "plotly.js stands there once"
    island = re.search(r'<script type="application/json" id="figures">(.*?)</script>', page, re.S)
    assert island is not None
    assert set(json.loads(island[1])) == FIGURES
    text = " ".join(" ".join(found.text).split())
    for words in ("What cannot be told", "6 speakers are few", "CC0-1.0", "chance", "In short"):
        assert words in text
    assert "abababababab" in text


def test_verdicts_stand_right_after_the_headlines(run: Path) -> None:
    page = write_report(run).read_text()
    places = [
        page.index(part)
        for part in ('class="cards"', 'id="verdicts"', 'class="verdicts"', 'id="figure-claims"',
                     "<h2>In short</h2>", 'id="similarity"')
    ]  # fmt: skip
    assert places == sorted(places)
    table = pd.read_parquet(run / "analysis" / "claims.parquet")
    body = page[: page.index('<script type="application/json"')]
    assert body.count('<td data-label="Verdict"') == len(table)
    assert 'href="#figure-reductions-cosine"' in body
    assert 'href="#recognition"' in body.split('id="verdicts"')[1]
    assert "listening" not in "".join(outline(page).links)
    for term in ("V-information", "Displacement", "Retrained probe", "Negative control"):
        assert f"<dt>{term}</dt>" in body


def test_a_run_without_the_new_tables_says_what_it_lacks(run: Path) -> None:
    for name in ("claims", "matched", "information", "routing", "ambiguity", "stages", "mixing"):
        (run / "analysis" / f"{name}.parquet").unlink()
    page = write_report(run).read_text()
    found = outline(page)
    assert not {"claims", "information", "routing", "stages", "mixing"} & set(found.plots)
    assert "displacement" in found.plots
    assert "No claims were judged in this run" in page
    assert "This run holds nothing about comparisons at equal bits or equal distortion," in page


def test_constant_answers_are_marked_and_explained(run: Path) -> None:
    file = run / "analysis" / "accuracy.parquet"
    table = pd.read_parquet(file)
    write(run, "accuracy", table.assign(constant=False))
    assert "○" not in write_report(run).read_text().split('<script type="application/json"')[0]
    write(run, "accuracy", table.assign(constant=table["lam"] >= 6.0))
    page = write_report(run).read_text()
    assert "○: the probe gives every clip the same label." in page


def test_every_figure_has_its_data_beside_it(run: Path) -> None:
    first = write_report(run).read_bytes()
    assert write_report(run).read_bytes() == first, "the same run gives the same report"
    assert {file.stem for file in (run / "figures").glob("*.csv")} == FIGURES
    table = pd.read_parquet(run / "analysis" / "similarity.parquet")
    drawn = read_csv(run / "figures" / "similarity.csv")
    rows = table[
        (table["metric"] == METRIC)
        & (table["protocol"] == "speaker")
        & (table["recipe"] == "balanced")
        & (table["method"] == "codec")
        & (table["emotion"] == "sad")
    ].sort_values("lam")
    sad = drawn[drawn["series"] == "sad"]
    np.testing.assert_allclose(sad["value"].astype(float), rows["value"], rtol=1e-8)
    np.testing.assert_allclose(sad["lam"].astype(float), rows["lam"], rtol=1e-8)


def test_names_cannot_break_out_of_the_page(tmp_path: Path) -> None:
    evil = "<script>alert('x')</script>"
    folder = build_run(
        tmp_path / "evil",
        emotions=("neutral", "sad", evil),
        num_speakers=2,
        num_texts=2,
        ladder=(0.0, 1.0, 9.0),
        name=evil,
        biased=False,
    )
    file = folder / "analysis" / "summary.json"
    summary = json.loads(file.read_text())
    for key in ("corpus", "language", "licence"):
        summary[key] = f"{key}</p>{evil}"
    summary["notes"] = [f"note {evil}"]
    summary["provenance"]["versions"] = {evil: evil}
    summary["provenance"]["durations_s"] = {evil: 1.0}
    file.write_text(json.dumps(summary))
    page = write_report(folder).read_text()
    outline(page)
    assert "<script>alert" not in page
    assert "</p><script" not in page
    assert page.count("<script") == 4
    assert "&lt;script&gt;" in page


def test_few_speakers_are_named_as_such(tmp_path: Path) -> None:
    folder = build_run(
        tmp_path / "small",
        emotions=("neutral", "sad"),
        num_speakers=3,
        num_texts=2,
        ladder=(0.0, 1.0, 9.0),
    )
    found = findings(RunTables.open(folder))
    assert any("With 3 speakers no comparison supports a claim" in text for text in found.limits)
    drift = dict(found.sentences)["Drift"]
    assert drift.startswith("Cannot be told")
    assert 'verdict cannot">cannot tell' in write_report(folder).read_text()


def test_a_partial_run_has_a_report_with_what_is_there(run: Path) -> None:
    for name in ("attraction", "confusion", "references"):
        (run / "analysis" / f"{name}.parquet").unlink()
    page = write_report(run).read_text()
    found = outline(page)
    assert set(found.plots) == FIGURES
    assert "The run has no rows for this figure." in page
    assert "What stays similar" in page


def test_damaged_and_missing_runs_raise(run: Path) -> None:
    file = run / "analysis" / "rate.parquet"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(IntegrityError, match="quantlab sweep"):
        write_report(run)
    assert not (run / "report.html").exists()
    with pytest.raises(InputError, match="does not exist"):
        write_report(run / "nothing")


def test_without_a_browser_the_report_is_written_all_the_same(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_browser() -> None:
        raise InputError("no browser")

    monkeypatch.setattr(report_module, "image_maker", no_browser)
    with pytest.raises(InputError, match=r"report.html is written, but .* no browser"):
        write_report(run, png=True)
    outline((run / "report.html").read_text())


@can_draw
@pytest.mark.slow
def test_pictures_are_written_beside_the_data(run: Path) -> None:
    write_report(run, png=True)
    assert {file.stem for file in (run / "figures").glob("*.png")} == FIGURES


def test_half_and_constant_points(tables: dict[str, pd.DataFrame]) -> None:
    lam = half_lam(tables["similarity"], metric=METRIC)
    rows = tables["similarity"].query(
        "metric == @METRIC and emotion == 'all' and recipe == 'balanced' and method == 'codec'"
        " and protocol == 'speaker'"
    )
    values = rows.set_index("lam")["value"].sort_index()
    assert values[lam] <= 0.5 * values.iloc[0] < values[values.index < lam].iloc[-1]
    assert np.isnan(half_lam(rows.iloc[:0], metric=METRIC))
    entropy = tables["rate"].query("metric == 'entropy_bits' and recipe == 'balanced'")
    assert np.isnan(constant_lam(tables["rate"]))
    flat = entropy.assign(value=np.where(entropy["lam"] >= 6.0, 0.0, entropy["value"]))
    assert constant_lam(flat) == 6.0
    assert constant_lam(flat.assign(value=0.0)) == LADDER[0]
    assert "From λ\u00a0=\u00a06 on every vector gets the same symbols" in read_rate(
        pd.concat([tables["rate"].query("metric == 'bits_per_vector'"), flat])
    )


def one_lam(values: dict[str, tuple[float, float, float]], **keys: object) -> pd.DataFrame:
    rows = [
        {"emotion": name, "value": value, "low": low, "high": high}
        for name, (value, low, high) in values.items()
    ]
    base = {
        "protocol": "speaker",
        "recipe": "balanced",
        "method": "codec",
        "metric": METRIC,
        "lam": 2.0,
        "num_items": 9,
        "num_speakers": 6,
        "constant": False,
    }
    return pd.DataFrame(rows).assign(**{**base, **keys})


def test_similarity_sentence_says_when_the_order_is_open() -> None:
    clear = one_lam({"all": (0.5, 0.4, 0.6), "sad": (0.3, 0.2, 0.4), "neutral": (0.8, 0.7, 0.9)})
    text = read_similarity(clear, metric=METRIC, lam=2.0)
    assert "<b>neutral</b> keeps the most, 0.80 (0.70 to 0.90)" in text
    assert "<b>sad</b> the least" in text
    assert "cannot be told" not in text
    overlapping = one_lam(
        {"all": (0.5, 0.4, 0.6), "sad": (0.3, 0.2, 0.75), "neutral": (0.8, 0.7, 0.9)}
    )
    assert "cannot be told" in read_similarity(overlapping, metric=METRIC, lam=2.0)


def test_recall_sentence_names_a_constant_classifier() -> None:
    rows = one_lam(
        {"sad": (0.0, 0.0, 0.0), "neutral": (1.0, 0.9, 1.2)},
        metric="recall",
        probe="svm",
        constant=True,
    )
    text = read_recalls(rows, probe="svm", lam=2.0)
    assert "<b>neutral</b> is recognised best, 100 % (90 % to 100 %)" in text
    assert "same label" in text


def test_half_points_are_sorted_by_strength(tables: dict[str, pd.DataFrame]) -> None:
    text = read_half_points(tables["similarity"], metric=METRIC)
    assert text.startswith("Half of the similarity is lost first by")
    lams = [float(lam) for lam in re.findall(r"λ\u00a0=\u00a0([\d.]+)", text)]
    assert lams == sorted(lams)


def test_accuracy_sentence_gives_clean_level_blur_and_chance(
    tables: dict[str, pd.DataFrame],
) -> None:
    text = read_accuracy(tables["accuracy"], probe="logistic", lam=6.0)
    clean = (
        tables["accuracy"]
        .query(
            "method == 'clean' and metric == 'uar' and probe == 'logistic'"
            " and protocol == 'speaker'"
        )["value"]
        .iloc[0]
    )
    assert f"{100 * clean:.0f} %" in text
    assert "chance is 17 %" in text
    assert "plain blur" in text
    assert text.count("On new") == 2


def test_confusion_sentence_finds_the_largest_share() -> None:
    rows = pd.DataFrame(
        [
            ("sad", "sad", 1),
            ("sad", "neutral", 9),
            ("neutral", "neutral", 10),
            ("neutral", "sad", 0),
        ],
        columns=["emotion", "predicted", "count"],
    ).assign(protocol="speaker", recipe="balanced", method="codec", lam=2.0, probe="svm")
    text = read_confusion(rows, probe="svm", lam=2.0)
    assert "<b>sad</b> answered as <b>neutral</b> (90 % of its clips)" in text
    assert "neutral is answered for 95 % of all clips" in text
    right = rows.assign(count=np.where(rows["emotion"] == rows["predicted"], 5, 0))
    assert read_confusion(right, probe="svm", lam=2.0) == "Every clip is recognised there."


def test_reduction_sentence_lists_every_method(tables: dict[str, pd.DataFrame]) -> None:
    text = read_reductions(tables["similarity"], metric=METRIC, lam=6.0)
    for words in ("rate-aware code choice:", "dropping the least missed codes:", "coarser uniform"):
        assert words in text
    assert "keeps the most" in text or "do the intervals of first and last part" in text


def test_reduction_sentence_knows_when_orders_differ() -> None:
    parts = []
    for method, (sad, neutral) in {"codec": (0.2, 0.8), "drop_least": (0.8, 0.2)}.items():
        values = {
            "all": (0.5, 0.4, 0.6),
            "sad": (sad, sad - 0.1, sad + 0.1),
            "neutral": (neutral, neutral - 0.1, neutral + 0.1),
        }
        parts.append(one_lam(values, method=method))
    rows = pd.concat(parts, ignore_index=True)
    text = read_reductions(rows, metric=METRIC, lam=2.0)
    assert "Which emotion keeps the most differs between rate-aware code choice and" in text
    same = rows.assign(method=rows["method"].replace("drop_least", "codec"))
    assert read_reductions(same, metric=METRIC, lam=2.0) == "The run has no rows for this figure."
    vague = rows.assign(low=-1.0, high=1.0)
    assert "Under none do the intervals" in read_reductions(vague, metric=METRIC, lam=2.0)
    half = rows.assign(low=rows["low"].where(rows["method"] == "codec", -1.0))
    assert "Only under rate-aware code choice" in read_reductions(half, metric=METRIC, lam=2.0)


def test_claims_are_corrected_for_their_number(tables: dict[str, pd.DataFrame]) -> None:
    claims = drift_claims(tables["attraction"], lam=6.0)
    assert len(claims) == 12
    assert {claim.toward for claim in claims if claim.codebook == "balanced"} == {
        "angry",
        "fear",
        "happy",
        "neutral",
        "sad",
        "surprise",
    }
    adjusted = [claim.p_adjusted for claim in claims]
    assert np.all(np.asarray(adjusted) <= 1)
    from quantlab.analysis import p_value

    plain = [p_value(claim.interval) for claim in claims]
    np.testing.assert_allclose(adjusted, holm(plain))
    for claim in claims:
        sure = claim.p_adjusted <= 0.05
        side = "above" if claim.interval.value > 0 else "below"
        assert claim.verdict == (side if sure else "inside")
    text = read_drift(claims)
    above = [claim.toward for claim in claims if claim.verdict == "above"]
    assert above
    assert all(f"<b>{name}</b>" in text for name in above if name == "neutral")
    assert len(claim_rows(claims)) == 12
    biased = read_biased(tables["similarity"], tables["attraction"], claims, metric=METRIC, lam=6.0)
    assert "of 6 codebooks" in biased
    assert "Clips come closer to the codebook's emotion, beyond the interval, in" in biased


def test_few_speakers_support_no_claim(tables: dict[str, pd.DataFrame]) -> None:
    few = tables["attraction"].assign(num_speakers=5)
    claims = drift_claims(few, lam=6.0)
    assert {claim.verdict for claim in claims} == {"cannot tell"}
    assert np.isnan([claim.p_adjusted for claim in claims]).all()
    assert all(row[-2] == "–" for row in claim_rows(claims))


def test_findings_survive_tables_that_are_missing(run: Path) -> None:
    for name in ("similarity", "rate", "accuracy", "confusion", "attraction", "references"):
        (run / "analysis" / f"{name}.parquet").unlink()
    found = findings(RunTables.open(run))
    assert np.isnan(found.lam)
    assert found.sentences == ()
    assert [value for value, _ in found.headlines] == ["36 clips", "33 %"]


def test_notes_and_skipped_clips_stand_among_the_limits(run: Path) -> None:
    file = run / "analysis" / "summary.json"
    summary = json.loads(file.read_text())
    summary |= {"notes": ["emotion 'calm' left out"], "num_skipped": 3}
    summary["trials"] = {"done": 17, "total": 40, "failed": 0}
    file.write_text(json.dumps(summary))
    limits = " ".join(findings(RunTables.open(run)).limits)
    assert "Emotion &#x27;calm&#x27; left out." in limits
    assert "3 clips could not be embedded" in limits
    assert "17 of 40 trials" in limits


def test_balanced_only_runs_have_no_claims_about_biased_codebooks(run: Path) -> None:
    for name in ("similarity", "attraction", "rate", "accuracy", "confusion"):
        table = pd.read_parquet(run / "analysis" / f"{name}.parquet")
        write(run, name, table[table["recipe"] == "balanced"])
    page = write_report(run).read_text()
    assert "This run has no codebooks of single emotions" in page
    assert "codebooks draw" not in page
