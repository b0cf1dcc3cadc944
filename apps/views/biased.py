"""Biased codebooks: each trained on one emotion; what it does to the others, and whom it tells."""

import streamlit as st

from quantlab.figures import (
    RunTables,
    axis_words,
    biased_classes,
    biased_matrix,
    biased_panel,
    matrix_levels,
    metric_words,
    number,
    probe_words,
    recipe_matrix,
    routing_curves,
)
from views import choices, shell

_TABLES = ("similarity", "attraction")
_QUANTITIES = {
    "similarity": "similarity",
    "attraction": "attraction",
    "beyond the plain blur": "difference",
}
_OVER = {"λ": "lam", "bits": "bits"}


def show() -> None:
    """Draw the page."""
    run = shell.run()
    st.title("Biased codebooks")
    st.write("Each codebook was trained on one emotion only. What does it do to the others?")
    views = {
        "Panel": _panel,
        "Codebook × emotion": _matrix,
        "Codebook as classifier": _classifier,
    }
    choices.choose_view(views, run)


def _panel(run: RunTables) -> None:
    similarity = shell.table(run, "similarity")
    of_biased = similarity.loc[similarity["recipe"].str.startswith("biased:")]
    if of_biased.empty:
        figure = shell.draw(run, biased_panel, _TABLES)
        shell.show_figure(figure, name="biased", alt="No biased codebooks")
        return
    left, right = st.columns(2)
    with left:
        metric = choices.choose_similarity()
    with right:
        protocol = choices.choose_protocol(choices.protocols_of(run, of_biased))
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
        emotions = choices.choose_emotions(run.emotions)
    whole = st.toggle(
        "Make room for the plain blur",
        key="whole",
        bind="query-params",
        help="A blur toward the codebook's emotion attracts far more than codes do; otherwise a "
        "line of text says where it lies.",
    )
    figure = shell.draw(
        run,
        biased_panel,
        _TABLES,
        codebooks=codebooks or None,
        emotions=emotions,
        whole=whole,
        protocol=protocol,
        metric=metric,
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


def _matrix(run: RunTables) -> None:
    matched = shell.table(run, "matched")
    axes = [name for name in ("payload_bits", "distortion") if (matched["axis"] == name).any()]
    named = {**{f"equal {axis_words(name).split(' (')[0]}": name for name in axes}, "equal λ": ""}
    equal = choices.choose_one("Compared at", list(named), key="equal")
    if not named[equal]:
        _at_lam(run)
        return
    axis = named[equal]
    metrics = [
        name
        for name in dict.fromkeys(matched.loc[matched["axis"] == axis, "metric"])
        if name != axis
    ]
    first, second, third = st.columns(3)
    with first:
        metric = choices.choose("Show", metrics, _matched_words, key="quantity")
    with second:
        protocol = choices.choose_protocol(choices.protocols_of(run, matched))
    levels = matrix_levels(matched, axis=axis, metric=metric, protocol=protocol)
    with third:
        words = axis_words(axis).split(" (")[0]
        level = choices.choose_number(words, levels, default=levels[len(levels) // 2], key="level")
    figure = shell.draw(
        run, recipe_matrix, ["matched"], axis=axis, level=level, metric=metric, protocol=protocol
    )
    shell.show_figure(
        figure, name="recipes", alt="Codebook by emotion at equal cost", min_width=shell.WIDE
    )
    beside = (
        "Below it stand the blur and the ideal code of that emotion, which attract to it by "
        "construction. "
    )
    st.caption(
        f"A frame marks each codebook's own emotion. {beside if axis == 'distortion' else ''}"
        "† marks cells whose clips mostly do not reach the level."
    )


def _matched_words(metric: str) -> str:
    if metric.startswith("recall_"):
        return f"recall, {probe_words(metric.removeprefix('recall_'))}"
    return metric_words(metric)


def _at_lam(run: RunTables) -> None:
    similarity = shell.table(run, "similarity")
    of_biased = similarity.loc[similarity["recipe"].str.startswith("biased:")]
    first, second, third = st.columns(3)
    with first:
        quantity = choices.choose_one("Show", list(_QUANTITIES), key="shown")
    with second:
        metric = choices.choose_similarity()
    with third:
        protocol = choices.choose_protocol(choices.protocols_of(run, of_biased))
    lam = choices.choose_lam(choices.lams_of(of_biased), default=shell.found(run).lam)
    figure = shell.draw(
        run,
        biased_matrix,
        _TABLES,
        lam=lam,
        quantity=_QUANTITIES[quantity],
        protocol=protocol,
        metric=metric,
    )
    shell.show_figure(
        figure, name="biased-table", alt="Codebooks and emotions at one λ", min_width=shell.WIDE
    )
    st.caption(
        f"At one λ ({number(lam)} here) codebooks spend different bits: compare at equal bits or "
        "equal distortion before you conclude."
    )


def _classifier(run: RunTables) -> None:
    table = shell.table(run, "routing")
    left, right = st.columns(2)
    with left:
        over = _OVER[choices.choose_one("Over", list(_OVER), key="over")]
    with right:
        protocol = choices.choose_protocol(choices.protocols_of(run, table))
    figure = shell.draw(run, routing_curves, ["routing"], over=over, protocol=protocol)
    shell.show_figure(
        figure, name="routing", alt="The codebook that fits best, as classifier", min_width=800
    )
    st.caption(
        "A clip is given the emotion whose codebook fits it best, by three rules. Beside it a "
        "probe on the same embeddings, and chance."
    )


show()
