"""Two runs side by side, and their difference at equal bits or equal distortion."""

import html
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from quantlab.analysis import difference_table
from quantlab.figures import (
    RunTables,
    cautions,
    compared_words,
    difference_curves,
    difference_sentence,
    emotion_order,
    named_by_folder,
    number,
    rows_over,
    run_stamp,
    same_corpus,
    settings_beside,
    two_runs_curves,
)
from views import choices, shell

_AXES = {"bits": "payload_bits", "distortion": "distortion"}
_SCORES = {"recall": "recall of each emotion", "uar": "mean recall"}
_DIGITS = 6  # levels are round numbers, and none may look like its neighbour
_STYLE = """<style>
.beside { border-collapse: collapse; width: 100%; table-layout: fixed;
  font-size: .88rem; line-height: 1.35; }
.beside th, .beside td { text-align: left; vertical-align: top; padding: .3rem .9rem .3rem 0;
  border-bottom: 1px solid rgba(128, 136, 150, .25); overflow-wrap: anywhere; }
.beside thead th { font-weight: 600; }
.beside thead th:first-child { width: 24%; }
.beside tbody th { font-weight: 400; opacity: .7; }
.beside .same td { opacity: .7; }
</style>"""


def show() -> None:
    """Draw the page."""
    run = shell.run()
    st.title("Compare")
    left, middle, right = st.columns(3)
    with left:
        first, second = (named_by_folder(part) for part in (run, _choose_other(run)))
    with middle:
        axis = _AXES[choices.choose_one("At equal", list(_AXES), key="axis")]
    with right:
        what = _choose_quantity(axis)
    places = iter(st.columns(4 if what in _SCORES else 3))
    metric = what
    if what in _SCORES:
        with next(places):
            metric = f"{what}_{_choose_probe(first, second)}"
    with next(places):
        recipe = choices.choose_recipe(_shared(first, second, "recipes") or ["balanced"])
    with next(places):
        protocol = choices.choose_protocol(_protocols(first, second))
    with next(places):
        either = emotion_order([*first.emotions, *second.emotions])
        emotions = emotion_order(choices.choose_emotions(either))
    chosen = {"metric": metric, "axis": axis, "protocol": protocol, "recipe": recipe}
    table = _differences(first, second, **chosen)
    _say(first, second, table, metric=metric, axis=axis, emotions=emotions)
    st.header("Side by side")
    figure = shell.draw(
        first,
        two_runs_curves,
        (),
        first=_rows(first, **chosen),
        second=_rows(second, **chosen),
        beside=second.context(),
        emotions=emotions,
        references=shell.table(first, "references"),
        beside_references=shell.table(second, "references"),
        **chosen,
    )
    shell.show_figure(
        figure, name="two-runs", alt="One metric of two runs side by side", min_width=shell.WIDE
    )
    st.header("The difference")
    shown = {*table["emotion"]} & {"all", *emotions}
    apart = st.toggle("One panel for each emotion", key="apart", bind="query-params")
    figure = shell.draw(
        first,
        difference_curves,
        (),
        table=table,
        beside=second.context(),
        emotions=emotions,
        apart=apart,
        lacking=[str(part.path) for part in (first, second) if _speakers(part).empty],
        **chosen,
    )
    shell.show_figure(
        figure,
        name="difference",
        alt="The difference of two runs with its interval",
        min_width=shell.panels_width(len(shown)) if apart else shell.PLAIN,
    )
    st.caption(
        "Every speaker's curve over λ is read at the same bits, or the same distortion, of both "
        "runs. Bands are 95 % intervals over speakers, each by itself; hollow points are no "
        "difference that can be told: the interval reaches zero, or fewer than six speakers "
        "reach that point."
    )
    _settings(first, second)


def _choose_other(run: RunTables) -> RunTables:
    """Let the reader choose the second run; stop with advice where there is none."""
    entries = [entry for entry in shell.runs() if entry.path != run.path]
    ready = {entry.name: entry for entry in entries if entry.state in ("ready", "partial")}
    if not ready:
        hints = "".join(f"\n\n{shell.text(entry.hint)}" for entry in entries)
        st.info(
            "There is no other analysed run in this folder. Type `quantlab sweep` with a study of "
            "another corpus, embedder or codebook, so that its results stand beside this run's, "
            f"and reload this page.{hints}",
            icon=":material/difference:",
        )
        st.stop()
    name = st.selectbox("With the run", list(ready), key="other", bind="query-params", width=300)
    return shell.open_run(ready[name or next(iter(ready))].path)


def _choose_quantity(axis: str) -> str:
    """Let the reader choose what is compared: all but what both are equal in."""
    metrics = [name for name in (*choices.SIMILARITIES, "payload_bits") if name != axis]
    return choices.choose(
        "Compare",
        [*metrics, *_SCORES],
        lambda name: _SCORES.get(name) or compared_words(name),
        key="what",
    )


def _choose_probe(first: RunTables, second: RunTables) -> str:
    probes = [set(shell.table(run, "accuracy")["probe"]) for run in (first, second)]
    return choices.choose_probe(sorted(probes[0] & probes[1]) or ["logistic"])


def _shared(first: RunTables, second: RunTables, key: str) -> list[str]:
    """Return the names that both runs list under a key."""
    own, other = ([str(name) for name in run.summary.get(key) or []] for run in (first, second))
    return [name for name in own if name in other]


def _protocols(first: RunTables, second: RunTables) -> list[str]:
    return [name for name in first.protocols if name in second.protocols] or ["speaker"]


def _speakers(run: RunTables) -> pd.DataFrame:
    return shell.table(run, "speakers")


def _rows(run: RunTables, **chosen: Any) -> pd.DataFrame:
    tables = [shell.table(run, name) for name in ("similarity", "rate", "accuracy")]
    return rows_over(*tables, **chosen)


def _differences(first: RunTables, second: RunTables, **chosen: Any) -> pd.DataFrame:
    key = tuple((str(run.path), run_stamp(run.path)) for run in (first, second))
    tables = (_speakers(first), _speakers(second))
    return _difference(key, same_corpus(first, second), chosen, _tables=tables)


@st.cache_data(max_entries=128, show_spinner=False)
def _difference(
    key: tuple[Any, ...],
    same: bool,
    chosen: dict[str, Any],
    *,
    _tables: tuple[pd.DataFrame, pd.DataFrame],
) -> pd.DataFrame:
    return difference_table(*_tables, same_corpus=same, **chosen)


def _say(
    first: RunTables,
    second: RunTables,
    table: pd.DataFrame,
    *,
    metric: str,
    axis: str,
    emotions: Sequence[str],
) -> None:
    """Say what is found at one level, and what speaks against comparing at all."""
    paired = None if table.empty else bool(table["paired"].iloc[0])
    if not table.empty:
        per = "clip" if _per_clip(first) and _per_clip(second) else "vector"
        level = _choose_level(table, f"Bits per {per}" if axis != "distortion" else "Distortion")
        said = {
            name: difference_sentence(
                table,
                names=(first.name, second.name),
                metric=metric,
                level=level,
                emotion=name,
                per=per,
            )
            for name in ("all", *emotions)
        }
        main = said.pop("all")
        if main:
            st.markdown(f"**{shell.text(main)}**")
        lines = "".join(
            f"<dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd>"
            for name, text in said.items()
            if text
        )
        if lines and main:
            with st.expander("Emotion by emotion"):
                st.html(f"<dl class='findings'>{lines}</dl>")
        elif lines:
            st.html(f"<dl class='findings'>{lines}</dl>")
    for sentence in cautions(first, second, axis=axis, metric=metric, paired=paired):
        st.caption(f":material/info: {shell.text(sentence)}")


def _choose_level(table: pd.DataFrame, label: str) -> float:
    """Let the reader choose where the runs are compared in words; the middle to begin with."""
    whole = table.loc[table["emotion"] == "all"]
    rows = table if whole.empty else whole
    levels = choices.values_of(rows, "level")
    if len(levels) < 2:
        return levels[0]
    named = {number(level, digits=_DIGITS): level for level in levels}
    full = rows.loc[rows["num_speakers"] == rows["num_speakers"].max(), "level"]
    middle = number(sorted(set(full))[len(set(full)) // 2], digits=_DIGITS)
    chosen = st.select_slider(label, list(named), value=middle, key="level", bind="query-params")
    return named[str(chosen)]


def _per_clip(run: RunTables) -> bool:
    return run.summary.get("level") == "utterance"


def _settings(first: RunTables, second: RunTables) -> None:
    """Show where the two were made differently; what is the same is folded away."""
    st.header("Where the two differ")
    table = settings_beside(first, second)
    names = (first.name, second.name)
    st.html(_STYLE + _html(table.loc[~table["same"]], names))
    with st.expander(f"The same in both: {len(table.loc[table['same']])} settings"):
        st.html(_html(table.loc[table["same"]], names))


def _html(table: pd.DataFrame, names: tuple[str, str]) -> str:
    head = "".join(f"<th scope='col'>{html.escape(name)}</th>" for name in ("", *names))
    body = "".join(
        f"<tr{' class=same' if row['same'] else ''}><th scope='row'>{html.escape(row['setting'])}"
        f"</th><td>{html.escape(row['first'])}</td><td>{html.escape(row['second'])}</td></tr>"
        for row in table.to_dict("records")
    )
    return f"<table class='beside'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


show()
