"""The first page: what the run is, what it shows in short, and its main curves."""

import streamlit as st

from quantlab.figures import (
    Findings,
    RunTables,
    accuracy_curves,
    limit_curves,
    rate_curves,
    similarity_curves,
)
from views import shell


def show() -> None:
    """Draw the page."""
    run = shell.run()
    _introduce(run)
    found = shell.found(run)
    shell.cards(found.headlines)
    _sentences(found)
    st.header("What stays similar")
    left, right = st.columns(2)
    with left:
        metric = shell.choose_similarity()
    with right:
        protocol = shell.choose_protocol(run.protocols or ["speaker"])
    figure = shell.draw(
        run,
        similarity_curves,
        ["similarity"],
        metric=metric,
        protocol=protocol,
        references=shell.table(run, "references"),
    )
    shell.show_figure(figure, name="similarity", alt="Similarity of each emotion against λ")
    st.header("What is still recognised")
    accuracy = shell.table(run, "accuracy")
    probe = shell.choose_probe(sorted(set(accuracy["probe"])) or ["logistic"])
    figure = shell.draw(run, accuracy_curves, ["accuracy"], probe=probe)
    shell.show_figure(figure, name="accuracy", alt="Mean recall against λ", min_width=shell.WIDE)
    st.header("What it costs")
    figure = shell.draw(run, rate_curves, ["rate"], protocol=protocol)
    shell.show_figure(figure, name="rate", alt="Bits against λ", min_width=shell.WIDE)
    figure = shell.draw(run, limit_curves, ["similarity", "rate", "limits"], protocol=protocol)
    shell.show_figure(figure, name="limits", alt="Codec and limits over bits", min_width=shell.WIDE)
    st.caption(shell.LIMITS_CAPTION)
    _limits(found)
    _report(run)


def _introduce(run: RunTables) -> None:
    st.title(shell.text(run.name))
    parts = [
        str(run.summary.get("corpus") or ""),
        f"{run.num_speakers} speakers" if run.num_speakers else "",
        run.embedder,
        ", ".join(run.emotions),
    ]
    st.caption(shell.text(" · ".join(part for part in parts if part)))


def _sentences(found: Findings) -> None:
    terms = "".join(f"<dt>{term}</dt><dd>{text}</dd>" for term, text in found.sentences)
    if terms:
        st.subheader("In short")
        st.html(f"<p class='quiet'>{found.note}</p><dl class='findings'>{terms}</dl>")


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


show()
