"""Mixed emotions: two references in one, over the ratio; the way through neutral."""

import streamlit as st

from quantlab.figures import (
    RunTables,
    mixing_curves,
    mixing_pairs,
    mixing_simplex,
    pair_words,
    read_middle,
    read_mixing,
    routes_curves,
)
from views import choices, mixer, shell

_WAYS = {"posterior of the target": "p_target", "share of the way to the target": "own_way"}


def show() -> None:
    """Draw the page."""
    run = shell.run()
    st.title("Mixed emotions")
    views = {"Mixing": _mixing, "Routes": _routes, "Make a mixed reference": mixer.show}
    choices.choose_view(views, run)


def _mixing(run: RunTables) -> None:
    table = shell.table(run, "mixing")
    pairs = mixing_pairs(table)
    if not pairs:
        figure = shell.draw(run, mixing_simplex, ["mixing"])
        shell.show_figure(figure, name="simplex", alt="No references were mixed")
        st.caption(
            "A study mixes references when its file says, for example, "
            "`mixing: {pairs: [[sad, happy]], routes: true}`."
        )
        return
    left, right = st.columns(2)
    with left:
        pair = choices.choose("Pair", pairs, pair_words, key="pair")
    with right:
        protocol = choices.choose_protocol(choices.protocols_of(run, table))
    lam = choices.choose_lam(choices.lams_of(table), default=0.0)
    figure = shell.draw(run, mixing_simplex, ["mixing"], lam=lam, protocol=protocol, pairs=[pair])
    shell.show_figure(figure, name="simplex", alt="Posterior over the ratio, on a triangle")
    st.html(f"<p>{read_mixing(table, lam=lam, protocol=protocol)}</p>")
    figure = shell.draw(run, mixing_curves, ["mixing"], pair=pair, lam=lam, protocol=protocol)
    shell.show_figure(
        figure, name="mixing", alt="Posterior, angles and speaker over the ratio",
        min_width=shell.WIDE,
    )  # fmt: skip
    st.html(f"<p>{read_middle(table, lam=lam, protocol=protocol)}</p>")


def _routes(run: RunTables) -> None:
    table = shell.table(run, "routes")
    left, right = st.columns(2)
    with left:
        named = {words: key for words, key in _WAYS.items() if (table["metric"] == key).any()}
        metric = (named or _WAYS)[choices.choose_one("Show", list(named or _WAYS), key="show")]
    with right:
        protocol = choices.choose_protocol(choices.protocols_of(run, table))
    figure = shell.draw(
        run,
        routes_curves,
        ["routes"],
        metric=metric,
        protocol=protocol,
        targets=choices.choose_emotions(run.emotions),
        num_emotions=len(run.emotions),
    )
    shell.show_figure(
        figure,
        name="routes",
        alt="Straight to the target, or through neutral",
        min_width=shell.panels_width(len(run.emotions)),
    )
    st.caption(
        "Bits of both codebooks are counted on the way through neutral. The probe knows the "
        "codebooks' training clips; the share of the way is judged by the speaker's own clips, "
        "which neither has seen."
    )


show()
