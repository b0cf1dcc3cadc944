"""The first page: what the run is, what it shows in short, its verdicts and its main curves."""

import html
from urllib.parse import quote

import streamlit as st

from quantlab.figures import (
    Findings,
    RunEntry,
    RunTables,
    accuracy_curves,
    claims_forest,
    limit_curves,
    rate_curves,
    read_verdicts,
    run_settings,
    similarity_curves,
    verdicts_table,
)
from views import choices, shell


def show() -> None:
    """Draw the page."""
    run = shell.run()
    _introduce(run)
    words = st.container()
    # The figure is sent before the words above it, so that the browser loads what draws it while
    # they are found; they stand there even where a missing table ends the page at the figure.
    try:
        with st.container():
            _curves(run)
    finally:
        with words:
            found = shell.found(run)
            shell.cards(found.headlines)
            _sentences(found)
    _verdicts(run)
    _limits(found)
    _report(run)
    _origin(run)
    _runs(run)


def _introduce(run: RunTables) -> None:
    st.title(shell.text(run.name))
    parts = [
        str(run.summary.get("corpus") or ""),
        f"{run.num_speakers} speakers" if run.num_speakers else "",
        run.embedder,
        ", ".join(run.emotions),
    ]
    st.caption(shell.text(" · ".join(part for part in parts if part)))


def _curves(run: RunTables) -> None:
    """Draw one of the main curves; the other pages have them all, with more choices."""
    st.header("Main curves")
    curves = {
        "What stays similar": _similar,
        "What is still recognised": _recognised,
        "What it costs": _costs,
        "What the bits buy": _buys,
        "All claims": _claims,
    }
    curves[choices.choose_one("Curve", list(curves), key="curve")](run)


def _similar(run: RunTables) -> None:
    left, right = st.columns(2)
    with left:
        metric = choices.choose_similarity()
    with right:
        protocol = choices.choose_protocol(run.protocols or ["speaker"])
    figure = shell.draw(
        run,
        similarity_curves,
        ["similarity"],
        metric=metric,
        protocol=protocol,
        references=shell.table(run, "references"),
    )
    shell.show_figure(figure, name="similarity", alt="Similarity of each emotion against λ")


def _recognised(run: RunTables) -> None:
    accuracy = shell.table(run, "accuracy")
    probe = choices.choose_probe(choices.values_of(accuracy, "probe") or ["logistic"])
    figure = shell.draw(run, accuracy_curves, ["accuracy"], probe=probe)
    shell.show_figure(figure, name="accuracy", alt="Mean recall against λ", min_width=shell.WIDE)


def _costs(run: RunTables) -> None:
    protocol = choices.choose_protocol(run.protocols or ["speaker"])
    figure = shell.draw(run, rate_curves, ["rate"], protocol=protocol)
    shell.show_figure(figure, name="rate", alt="Bits against λ", min_width=shell.WIDE)


def _buys(run: RunTables) -> None:
    protocol = choices.choose_protocol(run.protocols or ["speaker"])
    figure = shell.draw(run, limit_curves, ["similarity", "rate", "limits"], protocol=protocol)
    shell.show_figure(figure, name="limits", alt="Codec and limits over bits", min_width=shell.WIDE)
    st.caption(shell.LIMITS_CAPTION)


def _claims(run: RunTables) -> None:
    figure = shell.draw(run, claims_forest, ["claims"])
    shell.show_figure(
        figure, name="claims", alt="Every claim with its interval and verdict", min_width=shell.WIDE
    )


def _sentences(found: Findings) -> None:
    terms = "".join(f"<dt>{term}</dt><dd>{text}</dd>" for term, text in found.sentences)
    if terms:
        st.subheader("In short")
        st.html(f"<p class='quiet'>{found.note}</p><dl class='findings'>{terms}</dl>")


def _verdicts(run: RunTables) -> None:
    st.header("Verdicts")
    claims = shell.table(run, "claims")
    if len(claims):
        st.html(f"<p>{read_verdicts(claims)}</p>")
        with st.expander("All claims with effects, intervals and reasons"):
            st.html(f"<div class='claims'>{verdicts_table(claims)}</div>")


def _limits(found: Findings) -> None:
    st.header("What cannot be told")
    items = "".join(f"<li>{sentence}</li>" for sentence in found.limits)
    st.html(f"<ul>{items}</ul>" if items else "<p>Nothing beyond what the intervals say.</p>")


def _report(run: RunTables) -> None:
    file = run.path / "report.html"
    if file.is_file():
        st.download_button(
            "Report with all figures and terms",
            data=file.read_bytes,
            file_name=f"{run.name}.html",
            mime="text/html",
            key="download-report",
            on_click="ignore",
            icon=":material/description:",
        )
    else:
        st.caption(f"Type `quantlab report {shell.text(str(run.path))}` for one page with it all.")


def _origin(run: RunTables) -> None:
    """Say where the run comes from, so that it can be made again."""
    with st.expander("Where this run comes from"):
        rows = {"folder": str(run.path), **run_settings(run)}
        cells = "".join(
            f"<tr><th scope='row'>{term}</th><td>{html.escape(value)}</td></tr>"
            for term, value in rows.items()
            if value
        )
        st.html(f"<table class='runs'><tbody>{cells}</tbody></table>")


def _runs(run: RunTables) -> None:
    """List all runs of the folder, with links to those that can be shown."""
    entries = shell.runs()
    if len(entries) < 2:
        return
    with st.expander(f"All {len(entries)} runs of this folder"):
        rows = "".join(_row(entry, here=entry.path == run.path) for entry in entries)
        st.html(f"<table class='runs'><tbody>{rows}</tbody></table>")


def _row(entry: RunEntry, *, here: bool) -> str:
    name = html.escape(entry.name)
    link = f"<a href='?run={quote(entry.name)}' target='_self'>{name}</a>"
    cell = f"<b>{name}</b>" if here else link
    return f"<tr><td>{cell}</td><td>{entry.state}</td><td>{html.escape(entry.hint)}</td></tr>"


show()
