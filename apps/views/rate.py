"""Rate: what the bits are, what they buy, what better codes could do, and which codes are used."""

import streamlit as st

from quantlab.figures import (
    LIMITED,
    RunTables,
    control_curves,
    limit_curves,
    metric_words,
    rate_curves,
    usage_curves,
)
from views import choices, shell


def show() -> None:
    """Draw the page."""
    run = shell.run()
    st.title("Rate")
    views = {
        "Bits four ways": _bits,
        "Limits": _limits,
        "Codes in use": _usage,
        "Equal bits for every clip": _equal_bits,
    }
    choices.choose_view(views, run)


def _bits(run: RunTables) -> None:
    table = shell.table(run, "rate")
    recipe, protocol = choices.choose_tested(run, table, st.columns(2))
    emotions = choices.choose_emotions(run.emotions)
    shown = [] if emotions == run.emotions else emotions
    figure = shell.draw(
        run, rate_curves, ["rate"], protocol=protocol, recipe=recipe, emotions=shown
    )
    shell.show_figure(figure, name="rate", alt="Bits against λ", min_width=shell.WIDE)
    st.caption(
        "Code length is what the probability model charges, payload what is really written before "
        "padding, file with headers. Empirical entropy says how much the symbols vary: a constant "
        "output has none, and still costs bits."
    )
    _parameters(run)


def _parameters(run: RunTables) -> None:
    summary = run.summary
    bits, vectors = summary.get("parameter_bits"), summary.get("num_vectors")
    if not isinstance(bits, int) or not isinstance(vectors, int) or not vectors:
        return
    st.caption(
        f"Codebooks and prior of one codec take {bits / 8192:,.0f} KiB themselves: "
        f"{bits / vectors:,.0f} bits per vector of this run's {vectors:,}, which pay when many "
        "more are coded."
    )


def _limits(run: RunTables) -> None:
    table = shell.table(run, "rate")
    first, second, third = st.columns(3)
    with first:
        metric = choices.choose_similarity()
    recipe, protocol = choices.choose_tested(run, table, (second, third))
    emotions = choices.choose_emotions(run.emotions)
    figure = shell.draw(
        run,
        limit_curves,
        ["similarity", "rate", "limits"],
        metrics=[metric],
        recipe=recipe,
        protocol=protocol,
        emotions=["all"] if emotions == run.emotions else emotions,
    )
    shell.show_figure(figure, name="limits", alt="Codec and limits over bits")
    st.caption(
        f"{shell.LIMITS_CAPTION} A single chosen emotion stands beside its own limits. Limits are "
        f"known for: {'; '.join(metric_words(name) for name in LIMITED)}."
    )


def _usage(run: RunTables) -> None:
    table = shell.table(run, "rate")
    recipe, protocol = choices.choose_tested(run, table, st.columns(2))
    figure = shell.draw(
        run,
        usage_curves,
        ["rate"],
        protocol=protocol,
        recipe=recipe,
        emotions=choices.choose_emotions(run.emotions),
    )
    shell.show_figure(figure, name="usage", alt="Codes in use against λ", min_width=shell.WIDE)
    st.caption(
        "Skip counts as a code. Few vectors cannot use every code, so both are too low where an "
        "emotion has few clips; compare emotions of like size."
    )


def _equal_bits(run: RunTables) -> None:
    accuracy = shell.table(run, "accuracy")
    first, second, third = st.columns(3)
    with first:
        metric = choices.choose_similarity()
    with second:
        probe = choices.choose_probe(choices.values_of(accuracy, "probe") or ["logistic"])
    with third:
        protocol = choices.choose_protocol(run.protocols or ["speaker"])
    figure = shell.draw(
        run,
        control_curves,
        ["control", "rate"],
        metric=metric,
        probe=probe,
        protocol=protocol,
        emotions=choices.choose_emotions(run.emotions),
    )
    shell.show_figure(
        figure, name="control", alt="Changes with equal bits for every clip", min_width=shell.WIDE
    )
    st.caption(
        "All panels stand over the mean bits that both spend. Above zero an emotion gains from "
        "equal bits for every clip; hollow points have an interval that reaches zero."
    )


show()
