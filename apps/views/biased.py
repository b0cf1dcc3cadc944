"""The third page: codebooks that were trained on a single emotion."""

import streamlit as st

from quantlab.figures import biased_classes, biased_matrix, biased_panel
from views import shell

_TABLES = ("similarity", "attraction")
_QUANTITIES = {
    "similarity": "similarity",
    "attraction": "attraction",
    "beyond the plain blur": "difference",
}


def show() -> None:
    """Draw the page."""
    run = shell.run()
    st.title("Biased codebooks")
    st.write("Each codebook was trained on one emotion only. What does it do to the others?")
    similarity = shell.table(run, "similarity")
    of_biased = similarity.loc[similarity["recipe"].str.startswith("biased:")]
    if of_biased.empty:
        figure = shell.draw(run, biased_panel, _TABLES)
        shell.show_figure(figure, name="biased", alt="No biased codebooks")
        return
    left, right = st.columns(2)
    with left:
        metric = shell.choose_similarity()
    with right:
        protocol = shell.choose_protocol(shell.protocols_of(run, of_biased))
    left, right = st.columns(2)
    with left:
        codebooks = st.multiselect(
            "Codebooks",
            biased_classes(of_biased),
            key="codebooks",
            bind="query-params",
            placeholder="all",
        )
    with right:
        emotions = shell.choose_emotions(run.emotions)
    whole = st.toggle(
        "Make room for the plain blur",
        key="whole",
        bind="query-params",
        help="A blur toward the codebook's emotion attracts far more than codes do; otherwise a "
        "line of text says where it lies.",
    )
    chosen = {"protocol": protocol, "metric": metric}
    figure = shell.draw(
        run,
        biased_panel,
        _TABLES,
        codebooks=codebooks or None,
        emotions=emotions,
        whole=whole,
        **chosen,
    )
    shell.show_figure(
        figure,
        name="biased",
        alt="Similarity and attraction for each codebook",
        min_width=shell.panels_width(len(codebooks) or len(biased_classes(of_biased))),
    )
    st.caption(
        "The codebook's own emotion is drawn thick; dashed is the balanced codebook on all clips, "
        "dotted a plain blur toward the codebook's emotion."
    )
    st.header("At one λ")
    left, right = st.columns(2)
    with left:
        quantity = shell.choose_one("Show", list(_QUANTITIES), key="quantity")
    with right:
        lam = shell.choose_lam(shell.lams_of(of_biased), default=shell.found(run).lam)
    figure = shell.draw(
        run, biased_matrix, _TABLES, lam=lam, quantity=_QUANTITIES[quantity], **chosen
    )
    shell.show_figure(
        figure, name="biased-table", alt="Codebooks and emotions at one λ", min_width=shell.WIDE
    )


show()
