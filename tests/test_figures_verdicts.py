"""The verdict table and the forest of claims say what the table says, and nothing breaks out."""

from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest

from quantlab.figures import (
    FigureContext,
    RunTables,
    claims_forest,
    figure_data,
    read_verdicts,
    verdicts_table,
)
from quantlab.figures.palette import VERDICT_COLORS, VERDICT_ICONS
from quantlab.figures.schema import empty_table
from tests.synthetic_run import shared_run

EVIL = "<script>alert('x')</script>"
DRIFT = {"drift": "figure-drift"}


class Cells(HTMLParser):
    """Collects the rows of a table as lists of text, and checks that elements nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.links: list[str] = []
        self.labels: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        known = dict(attrs)
        self.links += [known["href"] or ""] if tag == "a" else []
        self.labels |= {known["data-label"] or ""} if "data-label" in known else set()
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data


def cells(page: str) -> Cells:
    parser = Cells()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunTables:
    return RunTables.open(shared_run(tmp_path_factory))


@pytest.fixture(scope="module")
def claims(run: RunTables) -> pd.DataFrame:
    return run.table("claims")


def claim(**changes: Any) -> pd.DataFrame:
    base = {
        "claim": "1.4a",
        "section": "§1.4",
        "statement": "They drift",
        "test": "cluster t",
        "unit": "degrees",
        "value": 2.0,
        "low": 1.0,
        "high": 5.0,
        "p_value": 0.001,
        "p_holm": 0.012,
        "reference": "a plain blur",
        "min_speakers": 6,
        "num_speakers": 9,
        "speakers_needed": np.nan,
        "clustered_by": "speaker",
        "verdict": "supported",
        "reason": "",
        "figure": "drift",
        "rests_on_labels": True,
    }
    return pd.DataFrame([base | changes])


def test_the_table_has_one_row_per_claim_grouped_by_section(claims: pd.DataFrame) -> None:
    found = cells(
        verdicts_table(claims, links={name: f"figure-{name}" for name in ("drift", "similarity")})
    )
    sections = list(dict.fromkeys(claims["section"]))
    assert len(found.rows) == 1 + len(sections) + len(claims)
    titles = [row[0] for row in found.rows if len(row) == 1]
    assert [title.split(" · ")[0] for title in titles] == sections
    body = [row for row in found.rows[1:] if len(row) > 1]
    for row, (_, known) in zip(body, claims.iterrows(), strict=True):
        assert row[0].startswith(f"{known['claim']} {known['statement']}")
        assert known["test"] == row[1]
        assert known["unit"] in row[2]
        assert known["reference"] == row[3]
        assert row[4].startswith(f"{known['num_speakers']} (at least {known['min_speakers']})")
        assert f"{VERDICT_ICONS[known['verdict']]} {known['verdict']}" in row[6]
        assert ("rests on no label" in row[0]) == (not known["rests_on_labels"])
    linked = {figure for figure in claims["figure"] if figure in ("drift", "similarity")}
    assert found.links == [f"#figure-{name}" for name in claims["figure"] if name in linked]
    assert {"Test", "Reference", "Speakers", "Verdict"} <= found.labels, "cards on a phone"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "2.0 (1.0 to 5.0) degrees"),
        ({"value": 0.1234, "low": 0.1, "high": 0.14}, "0.123 (0.100 to 0.140) degrees"),
        ({"value": 12.3, "low": np.nan, "high": np.nan}, "12.3 degrees"),
        ({"p_holm": 0.0004}, "< 0.001"),
        ({"p_holm": np.nan}, "–"),
        ({"verdict": "cannot tell", "speakers_needed": 30.2}, "would need about 31"),
        ({"verdict": "cannot tell", "reason": "too few speakers"}, "too few speakers"),
        ({"clustered_by": "speaker and text"}, "and by sentences"),
        ({"rests_on_labels": False}, "rests on no label"),
        ({"section": "§9.9"}, "§9.9"),
        ({"min_speakers": 4}, "fewer than 4 speakers"),
    ],
)
def test_rows_say_what_a_claim_holds(changes: dict[str, Any], words: str) -> None:
    page = verdicts_table(claim(**changes))
    text = " ".join(" ".join(cell for row in cells(page).rows for cell in row).split())
    assert words in text or words in page


def test_a_supported_claim_does_not_ask_for_more_speakers() -> None:
    assert "would need" not in verdicts_table(claim(speakers_needed=20.0))


def test_claims_link_only_to_figures_that_are_there() -> None:
    assert 'href="#figure-drift"' in verdicts_table(claim(), links=DRIFT)
    assert "href" not in verdicts_table(claim(figure="listening"), links=DRIFT)
    assert "href" not in verdicts_table(claim(figure=""), links=DRIFT)


def test_names_are_escaped(run: RunTables) -> None:
    evil = claim(claim=EVIL, section=EVIL, statement=EVIL, test=EVIL, unit=EVIL, reference=EVIL)
    evil = evil.assign(reason=EVIL, verdict=EVIL, figure=EVIL)
    page = verdicts_table(evil, links=DRIFT)
    cells(page)
    assert "<script" not in page
    figure = claims_forest(evil, context=run.context())
    assert "<script" not in (figure.to_json() or "").replace("\\u003c", "<")
    assert "<script" not in read_verdicts(evil)


def test_a_run_without_claims_has_no_table(run: RunTables) -> None:
    none = empty_table("claims")
    assert verdicts_table(none) == ""
    assert read_verdicts(none) == "The run has no rows for this figure."
    assert (
        "judges no claims" in claims_forest(none, context=run.context()).layout.annotations[0].text
    )


def test_the_sentence_counts_verdicts(claims: pd.DataFrame) -> None:
    text = read_verdicts(claims)
    assert text.startswith(f"Of {len(claims)} claims, ")
    for verdict in ("supported", "not supported", "cannot tell"):
        assert f"<b>{(claims['verdict'] == verdict).sum()}</b>" in text
    assert "(1.1b, 1.3a, " in text


@pytest.mark.parametrize(
    ("value", "low", "high"), [(2.0, 1.0, 5.0), (-2.0, -5.0, -1.0), (0.5, -1.5, 1.0), (3, 0, 6)]
)
def test_beyond_one_the_interval_excludes_zero(value: float, low: float, high: float) -> None:
    figure = claims_forest(claim(value=value, low=low, high=high), context=FigureContext())
    data = figure_data(figure).iloc[0]
    assert (abs(data["value"]) > 1) == (low > 0 or high < 0)
    assert np.sign(data["value"]) == np.sign(value)
    assert data["value"] / data["low"] == pytest.approx(value / low) if low else data["low"] == 0
    assert data["series"] == "1.4a"


def test_the_forest_tells_verdicts_by_colour_and_marker(claims: pd.DataFrame) -> None:
    for dark in (False, True):
        figure = claims_forest(claims, context=FigureContext(dark=dark))
        drawn = {trace.name: trace for trace in figure.data if trace.meta}
        assert set(drawn) == set(claims["claim"])
        markers = {}
        for _, row in claims.iterrows():
            trace = drawn[row["claim"]]
            assert trace.marker.color == VERDICT_COLORS[row["verdict"]][dark]
            markers.setdefault(row["verdict"], set()).add(trace.marker.symbol)
        assert sorted(len(kinds) for kinds in markers.values()) == [1, 1, 1]
        assert len(set.union(*markers.values())) == 3


def test_far_effects_stand_at_the_end_and_unknown_ones_say_so() -> None:
    rows = pd.concat([claim(value=50.0, low=49.0, high=51.0), claim(claim="2", low=np.nan)])
    figure = claims_forest(rows, context=FigureContext())
    left, right = figure.layout.xaxis.range
    (edge,) = [trace for trace in figure.data if trace.name == "beyond the axis"]
    (unknown,) = [trace for trace in figure.data if trace.name == "no interval"]
    assert left < edge.x[0] < right
    assert (edge.text[0], unknown.text[0]) == ("50", "no interval")
    assert figure_data(figure)["value"].iloc[0] == 50.0
    assert np.isnan(figure_data(figure)["value"].iloc[1])


def test_long_statements_are_shortened_in_the_figure_only() -> None:
    long = claim(statement="very " * 60 + "long")
    figure = claims_forest(long, context=FigureContext())
    assert max(len(text) for text in figure.layout.yaxis.ticktext) < 60
    assert "long" in next(trace for trace in figure.data if trace.meta).hovertext[0]
    assert "long</" in verdicts_table(long) or "long " in verdicts_table(long)
