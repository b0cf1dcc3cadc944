"""The page over several runs says what each run's tables say, and nothing breaks out of it."""

import html
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from quantlab.errors import InputError, IntegrityError
from quantlab.figures import RunTables, figure_data, write_verdicts
from quantlab.figures.beside import classifier_dots, shared_context, stages_by_run
from quantlab.figures.material import Material
from quantlab.figures.matrix import read_agreement, read_control
from quantlab.figures.palette import VERDICT_ICONS
from quantlab.store import read_csv, read_json, read_table, write_json
from tests.synthetic_run import build_run, write
from tests.test_figures_export import Links

EVIL = "<script>alert('x')</script>"
CONTROL = "negative control: emotions were permuted among each speaker's clips"
NUMBERS = ("value", "low", "high", "p_holm")


class Matrix(HTMLParser):
    """Collects the cells of the matrix as text with their titles, and checks that tags nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.titles: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("br", "wbr", "meta"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
            self.titles.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.titles[-1].append(dict(attrs).get("title") or "")
        if tag == "br" and self.rows:
            self.rows[-1][-1] += "\n"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data


def matrix(page: Path) -> Matrix:
    parser = Matrix()
    parser.feed(page.read_text(encoding="utf-8"))
    parser.close()
    assert parser.open == []
    return parser


def describe(folder: Path, **changes: Any) -> Path:
    """Change the summary of a run."""
    file = folder / "analysis" / "summary.json"
    write_json(file, read_json(file) | changes)
    return folder


def claims_of(folder: Path) -> pd.DataFrame:
    return read_table(folder / "analysis" / "claims.parquet")


def material(folder: Path) -> Material:
    return Material.of(RunTables.open(folder))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build three runs: one corpus with eight speakers, another one, and a small control."""
    root = tmp_path_factory.mktemp("across") / "runs"
    sizes: dict[str, Any] = {"ladder": (0.0, 0.2, 2.0, 20.0), "num_texts": 2}
    describe(build_run(root / "first", num_speakers=8, **sizes), corpus="nEMO")
    other = build_run(root / "other", emotions=("happy", "neutral", "sad"), **sizes, seed=3)
    describe(other, corpus="EmoDB", embedder={"name": "stylevc"}, fingerprint="cd" * 32)
    control = build_run(root / "control", num_speakers=3, biased=False, **sizes)
    describe(control, notes=[CONTROL], licence="private")
    return root


@pytest.fixture
def runs(built: Path, tmp_path: Path) -> Path:
    """Return a copy that a test may change."""
    return Path(shutil.copytree(built, tmp_path / "runs"))


@pytest.fixture(scope="module")
def page(built: Path) -> Path:
    (built / "first" / "report.html").write_text("a report", encoding="utf-8")
    names = ("first", "other", "control")
    return write_verdicts([built / name for name in names], built / "verdicts.html")


def test_every_cell_is_the_row_of_its_run(built: Path, page: Path) -> None:
    found = matrix(page)
    by_claim = {
        row[0].split()[0]: (row[1:], titles[1:])
        for row, titles in zip(found.rows[2:-1], found.titles[2:-1], strict=True)
        if len(row) > 1
    }
    assert len(by_claim) == len(claims_of(built / "first"))
    for place, name in enumerate(("first", "other", "control")):
        for _, row in claims_of(built / name).iterrows():
            cells, titles = by_claim[row["claim"]]
            assert cells[place].startswith(f"{VERDICT_ICONS[row['verdict']]} {row['verdict']}")
            shown = cells[place].removeprefix(f"{VERDICT_ICONS[row['verdict']]} {row['verdict']}")
            if np.isfinite(row["value"]):
                numbers = shown.replace("−", "-").replace("(", "").replace(")", "").split()
                ends = [float(numbers[at]) for at in (0, 1, 3)]
                assert ends == pytest.approx([row["value"], row["low"], row["high"]], abs=6e-3)
            else:
                assert shown == "–"
            assert row["reason"] in titles[place]
            assert f"beyond: {row['reference']}" in titles[place]
            assert f"{row['num_speakers']} speakers" in titles[place]
            if np.isfinite(row["p_holm"]) and row["p_holm"] >= 0.001:
                assert f"p, corrected: {row['p_holm']:.3f}" in titles[place]
            elif np.isfinite(row["p_holm"]):
                assert "p, corrected: < 0.001" in titles[place]


def test_columns_say_what_was_measured(page: Path) -> None:
    names, details = matrix(page).rows[:2]
    assert names == ["Claim", "first", "other", "control labels permuted"]
    assert details[1].split("\n")[:3] == ["nEMO", "functionals", "8 speakers"]
    assert details[2].split("\n")[:3] == ["EmoDB", "stylevc", "6 speakers"]
    assert details[3].split("\n")[0] == "simulated"
    assert all("8 stages × 32 codes" in text for text in details[1:])


def test_the_last_row_counts_verdicts(built: Path, page: Path) -> None:
    last = matrix(page).rows[-1]
    assert last[0] == "All claims"
    for cell, name in zip(last[1:], ("first", "other", "control"), strict=True):
        counts = claims_of(built / name)["verdict"].value_counts()
        known = [f"{icon} {counts.get(word, 0)} {word}" for word, icon in VERDICT_ICONS.items()]
        assert cell.split("\n") == known


def test_the_table_beside_the_page_holds_all_claims(built: Path, page: Path) -> None:
    table = read_csv(page.with_suffix(".csv"))
    assert table.columns[0] == "run"
    for name in ("first", "other", "control"):
        mine, known = table[table["run"] == name], claims_of(built / name)
        assert mine["claim"].tolist() == known["claim"].tolist()
        assert mine["verdict"].tolist() == known["verdict"].tolist()
        for column in NUMBERS:
            values = pd.to_numeric(mine[column])
            assert np.allclose(values, known[column], equal_nan=True)


def test_the_page_needs_no_network_and_tells_its_origin(page: Path) -> None:
    links = Links()
    links.feed(page.read_text(encoding="utf-8"))
    assert links.fetched == []
    text = page.read_text(encoding="utf-8").split('id="origin"')[1].split("</section>")[0]
    assert "<dt>other</dt><dd><code>cdcdcdcdcdcd</code>" in text
    assert "computed 2026-01-11T00:00:00Z" in text
    assert text.count("licence of the data: CC0-1.0") == 2
    assert "licence of the data: private" in text


def test_runs_link_to_the_reports_that_are_there(runs: Path, page: Path) -> None:
    body = page.read_text(encoding="utf-8").split("<main>")[1]
    assert '<a href="first/report.html">first</a>' in body
    assert "other/report.html" not in body
    (runs / "first" / "report.html").write_text("a report", encoding="utf-8")
    elsewhere = write_verdicts([runs / "first"], runs / "elsewhere" / "v.html")
    assert "report.html" not in elsewhere.read_text(encoding="utf-8").split("<script")[0]


def test_a_control_in_which_nothing_holds(built: Path, page: Path) -> None:
    said = read_control([material(built / name) for name in ("first", "control")])
    assert (
        said == "In the control run <b>control</b> (labels permuted) no claim that rests on "
        "labels is supported."
    )
    assert said in page.read_text(encoding="utf-8")


def test_a_control_in_which_claims_hold(runs: Path) -> None:
    claims = claims_of(runs / "control")
    held = claims["claim"].isin(["1.1b", "RQ1"])
    assert set(claims.loc[held, "rests_on_labels"]) == {True, False}
    write(runs / "control", "claims", claims.assign(verdict=np.where(held, "supported", "other")))
    said = read_control([material(runs / "control")])
    assert "1 claim came out as supported: 1.1b. That is an error" in said
    assert said.endswith("which permuting cannot refute: RQ1.")


def test_no_control_is_said(built: Path) -> None:
    assert "None of these runs is a negative control" in read_control([material(built / "first")])


def test_agreement_leaves_controls_out(runs: Path) -> None:
    folders = [runs / name for name in ("first", "other", "control")]
    claims = claims_of(folders[1])
    claims.loc[claims["claim"] == "1.3a", "verdict"] = "not supported"
    write(folders[1], "claims", claims)
    told = [claims_of(folder).set_index("claim")["verdict"] for folder in folders[:2]]
    both = [name for name in told[0].index if {told[0][name], told[1][name]} == {"supported"}]
    said = read_agreement([material(folder) for folder in folders])
    assert said.startswith("Supported in all 2 runs whose labels are true: ")
    assert said.split(": ")[1].split(". Sup")[0].replace(" and ", ", ") == ", ".join(both)
    assert said.endswith("Supported in one, not supported in another: 1.3a.")
    assert read_agreement([material(folders[0]), material(folders[2])]) == ""


def test_a_claim_that_one_run_does_not_judge(runs: Path) -> None:
    claims = claims_of(runs / "first")
    write(runs / "first", "claims", claims[claims["claim"] != "1.3b"])
    found = matrix(write_verdicts([runs / "first", runs / "other"], runs / "v.html"))
    (row,) = [row for row in found.rows if row[0].startswith("1.3b")]
    assert row[1] == "–"
    assert "supported" in row[2]
    named = [row[0].split()[0] for row in found.rows if len(row) > 1][2:-1]
    assert named == claims["claim"].tolist(), "in the order of the run that judges most"


def test_names_are_escaped(runs: Path) -> None:
    words = {key: EVIL for key in ("claim", "section", "statement", "test", "unit", "reference")}
    evil = claims_of(runs / "other").assign(**words, reason=f'"{EVIL}', verdict=EVIL).iloc[:1]
    write(runs / "other", "claims", evil)
    names = {key: EVIL for key in ("run", "corpus", "embedder", "licence", "fingerprint")}
    describe(runs / "other", **names, trials={"done": 1, "total": 2})
    page = write_verdicts([runs / "first", runs / "other"], runs / "v.html")
    matrix(page)
    text = page.read_text(encoding="utf-8")
    assert EVIL not in text
    assert "<script>alert" not in text
    assert html.escape(EVIL) in text


def test_the_csv_is_safe_in_a_spreadsheet(runs: Path) -> None:
    claims = claims_of(runs / "other").assign(statement="=1+1")
    write(runs / "other", "claims", claims)
    write_verdicts([runs / "other"], runs / "v.html")
    text = (runs / "v.csv").read_text(encoding="utf-8")
    assert ",'=1+1," in text
    assert ",=1+1," not in text


def test_classifiers_are_the_rows_of_the_table(built: Path) -> None:
    given = [material(built / name) for name in ("first", "other", "control")]
    figure = classifier_dots(given, context=shared_context(given))
    data = figure_data(figure)
    chances = data[data["series"].str.endswith("chance")]
    assert chances["value"].tolist() == pytest.approx([1 / 6, 1 / 3, 1 / 6, 1 / 3])
    dots = data.drop(chances.index)
    assert len(dots) == 2 * 2 * 4
    words = {"highest cosine": "raw_cosine", "least cost": "least_cost"}
    for part in given[:2]:
        table = part.routing[part.routing["metric"] == "macro_f1"].set_index(["rule", "lam"])
        for panel, lam in (("At λ = 0", 0.0), ("Where similarity has fallen to half", part.lam)):
            for name, rule in words.items():
                of_rule = dots["series"] == f"{part.run.name}, {name}"
                (dot,) = dots[of_rule & (dots["panel"] == panel)].to_dict("records")
                known = table.loc[(rule, lam)]
                assert dot["lam"] == lam
                for column in ("value", "low", "high"):
                    assert dot[column] == pytest.approx(known[column])
    assert given[0].lam > 0
    assert list(figure.layout.yaxis.ticktext) == ["first", "other"]


def test_without_similarities_there_is_no_half(runs: Path) -> None:
    (runs / "first" / "analysis" / "similarity.parquet").unlink()
    given = [material(runs / "first")]
    data = figure_data(classifier_dots(given, context=shared_context(given)))
    assert set(data["panel"]) == {"At λ = 0"}
    page = write_verdicts([runs / "first"], runs / "v.html").read_text(encoding="utf-8")
    assert "half similarity at" not in page


def test_stages_are_the_rows_of_the_balanced_codebook(built: Path) -> None:
    given = [material(built / name) for name in ("first", "other", "control")]
    data = figure_data(stages_by_run(given, context=shared_context(given)))
    for part in given:
        for metric in ("cos_centred_frames", "uar"):
            table = part.stages
            known = table[
                (table["protocol"] == "speaker")
                & (table["recipe"] == "balanced")
                & (table["emotion"] == "all")
                & (table["metric"] == metric)
            ].sort_values("stage")
            name = part.run.name + (" (labels permuted)" if part.run.name == "control" else "")
            mine = data[(data["series"] == name) & (data["quantity"] == metric)]
            assert mine["x"].tolist() == known["stage"].tolist()
            assert np.allclose(mine[["value", "low", "high"]], known[["value", "low", "high"]])
    chances = data.loc[data["series"] == "chance", "value"]
    assert chances.tolist() == pytest.approx([1 / 6, 1 / 3])


def test_many_runs_look_different(runs: Path) -> None:
    given = [material(runs / "first")]
    for place in range(7):
        copy = Path(shutil.copytree(runs / "first", runs / f"copy-{place}"))
        given.append(material(describe(copy, run=copy.name)))
    figure = stages_by_run(given, context=shared_context(given))
    lines = [trace for trace in figure.data if trace.meta and not trace.meta.get("level")]
    looks = {(line.line.color, line.line.dash, line.marker.symbol) for line in lines}
    assert len(looks) == len(given) == 8


def test_what_no_run_has_is_left_out(runs: Path) -> None:
    folders = [runs / "first", runs / "control"]
    text = write_verdicts(folders, runs / "v.html").read_text(encoding="utf-8")
    assert "Not computed in control." in text.split('id="classifiers"')[1]
    assert (runs / "figures" / "v-classifiers.csv").is_file()
    (runs / "first" / "analysis" / "routing.parquet").unlink()
    for folder in folders:
        (folder / "analysis" / "stages.parquet").unlink()
    text = write_verdicts(folders, runs / "bare.html").read_text(encoding="utf-8")
    body = text.split("<main>")[1].split("</main>")[0]
    assert 'id="classifiers"' not in body
    assert 'id="stages"' not in body
    assert "<figure" not in body
    assert not (runs / "figures" / "bare-stages.csv").exists()
    assert "Claims by run" in body


def test_bad_runs_are_refused(runs: Path) -> None:
    page = runs / "v.html"
    with pytest.raises(InputError, match="quantlab verdicts runs/demo"):
        write_verdicts([], page)
    with pytest.raises(InputError, match="absent does not exist"):
        write_verdicts([runs / "first", runs / "absent"], page)
    with pytest.raises(InputError, match="both called 'first'"):
        write_verdicts([runs / "first", runs / "first"], page)
    with pytest.raises(InputError, match=r"-o .*v\.html"):
        write_verdicts([runs / "first"], runs / "v.csv")
    write(runs / "other", "claims", claims_of(runs / "other").iloc[:0])
    (runs / "control" / "analysis" / "claims.parquet").unlink()
    for name in ("other", "control"):
        with pytest.raises(InputError, match=f"quantlab sweep .*{name}` to judge"):
            write_verdicts([runs / "first", runs / name], page)
    (runs / "first" / "analysis" / "claims.parquet").write_bytes(b"no table")
    with pytest.raises(IntegrityError, match="damaged"):
        write_verdicts([runs / "first"], page)
    assert not page.exists()
    assert not page.with_suffix(".csv").exists()


@pytest.mark.parametrize(
    ("notes", "control"), [([], False), ([CONTROL], True), (["seen", CONTROL], True), (None, False)]
)
def test_a_control_is_told_by_its_note(runs: Path, notes: Any, control: bool) -> None:
    assert RunTables.open(describe(runs / "first", notes=notes)).is_control == control
