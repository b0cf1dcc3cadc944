"""The second page: one emotion beside the other – similarity, recognition, losses, drift."""

import streamlit as st

from quantlab.figures import (
    EACH_OTHER,
    LIMITED,
    RunTables,
    accuracy_curves,
    attraction_curves,
    confusion_heatmap,
    control_curves,
    limit_curves,
    metric_words,
    reduction_curves,
    similarity_curves,
    similarity_heatmap,
)
from views import shell

VIEWS = (
    "Similarity",
    "Recognition",
    "Confusion",
    "Ways of losing",
    "Drift",
    "Bits and limits",
    "Equal bits",
)
_SCORES = {"recall": "recall", "mean recall": "uar", "macro-F1": "macro_f1"}
_WHO = {"each other emotion": EACH_OTHER, "all clips": "all"}


def show() -> None:
    """Draw the page."""
    run = shell.run()
    st.title("Emotions")
    view = shell.choose_one("View", VIEWS, key="view")
    {
        "Similarity": _similarity,
        "Recognition": _recognition,
        "Confusion": _confusion,
        "Ways of losing": _losses,
        "Drift": _drift,
        "Bits and limits": _bits,
        "Equal bits": _equal_bits,
    }[view](run)


def _similarity(run: RunTables) -> None:
    table = shell.table(run, "similarity")
    first, second, third = st.columns(3)
    with first:
        metric = shell.choose_similarity()
    with second:
        recipe = shell.choose_recipe(sorted(set(table["recipe"])) or ["balanced"])
    tested = table.loc[table["recipe"] == recipe]
    with third:
        protocol = shell.choose_protocol(shell.protocols_of(run, tested))
    emotions = shell.choose_emotions(run.emotions)
    chosen = {"metric": metric, "recipe": recipe, "protocol": protocol}
    figure = shell.draw(
        run,
        similarity_curves,
        ["similarity"],
        emotions=emotions,
        references=shell.table(run, "references"),
        **chosen,
    )
    shell.show_figure(figure, name="similarity", alt="Similarity of each emotion against λ")
    figure = shell.draw(run, similarity_heatmap, ["similarity"], **chosen)
    shell.show_figure(
        figure, name="similarity-table", alt="Similarity as a table", min_width=shell.WIDE
    )


def _recognition(run: RunTables) -> None:
    table = shell.table(run, "accuracy")
    first, second, third = st.columns(3)
    with first:
        score = st.selectbox("Score", list(_SCORES), key="score", bind="query-params")
    with second:
        probe = shell.choose_probe(sorted(set(table["probe"])) or ["logistic"])
    with third:
        recipe = shell.choose_recipe(sorted(set(table["recipe"])) or ["balanced"])
    metric = _SCORES.get(score or "", "recall")
    emotions, apart = run.emotions, False
    if metric == "recall":
        emotions = shell.choose_emotions(run.emotions)
        apart = st.toggle("One panel for each emotion", key="apart", bind="query-params")
    figure = shell.draw(
        run,
        accuracy_curves,
        ["accuracy"],
        probe=probe,
        metric=metric,
        recipe=recipe,
        emotions=emotions,
        protocols=run.protocols or ("speaker",),
        apart=apart,
    )
    shell.show_figure(
        figure,
        name="recognition",
        alt="Recognition against λ",
        min_width=shell.panels_width(len(emotions) if apart else 1),
    )


def _confusion(run: RunTables) -> None:
    table = shell.table(run, "confusion")
    first, second, third = st.columns(3)
    with first:
        probe = shell.choose_probe(sorted(set(table["probe"])) or ["logistic"])
    with second:
        recipe = shell.choose_recipe(sorted(set(table["recipe"])) or ["balanced"])
    with third:
        protocol = shell.choose_protocol(shell.protocols_of(run, table))
    lam = shell.choose_lam(shell.lams_of(table), default=shell.found(run).lam)
    figure = shell.draw(
        run,
        confusion_heatmap,
        ["confusion"],
        lam=lam,
        probe=probe,
        recipe=recipe,
        protocol=protocol,
    )
    shell.show_figure(figure, name="confusion", alt="Answers for each true emotion")


def _losses(run: RunTables) -> None:
    first, second, third = st.columns(3)
    accuracy = shell.table(run, "accuracy")
    with first:
        metric = shell.choose_similarity()
    with second:
        probe = shell.choose_probe(sorted(set(accuracy["probe"])) or ["logistic"])
    with third:
        protocol = shell.choose_protocol(run.protocols or ["speaker"])
    emotions = shell.choose_emotions(run.emotions)
    relative = st.toggle("Difference to the whole set", key="relative", bind="query-params")
    figure = shell.draw(
        run,
        reduction_curves,
        ["similarity", "accuracy"],
        metric=metric,
        probe=probe,
        protocol=protocol,
        relative=relative,
        emotions=emotions,
    )
    shell.show_figure(
        figure, name="reductions", alt="Emotions at equal similarity", min_width=shell.WIDE
    )
    st.caption(
        "A vertical cut through the columns compares methods where the whole set is equally "
        "similar to its originals. Equal λ would compare unequal damage."
    )


def _drift(run: RunTables) -> None:
    table = shell.table(run, "attraction")
    first, second, third = st.columns(3)
    with first:
        recipe = shell.choose_recipe(sorted(set(table["recipe"])) or ["balanced"])
    tested = table.loc[table["recipe"] == recipe]
    with second:
        protocol = shell.choose_protocol(shell.protocols_of(run, tested))
    named = {**_WHO, **{f"{name} clips": name for name in run.emotions}}
    with third:
        who = st.selectbox("Whose embeddings", list(named), key="clips", bind="query-params")
    figure = shell.draw(
        run,
        attraction_curves,
        ["attraction"],
        recipe=recipe,
        protocol=protocol,
        emotion=named.get(who or "", EACH_OTHER),
        reference="shrink_class" if recipe.startswith("biased:") else "shrink_mean",
    )
    shell.show_figure(
        figure,
        name="drift",
        alt="Drift toward each emotion",
        min_width=shell.panels_width(len(run.emotions)),
    )
    st.caption(
        "Upper row: degrees closer to each emotion's centre. Lower row: how much of that a plain "
        "blur of equal distortion does not explain; hollow points are within its interval."
    )


def _bits(run: RunTables) -> None:
    table = shell.table(run, "rate")
    first, second, third = st.columns(3)
    with first:
        metric = shell.choose_similarity()
    with second:
        recipe = shell.choose_recipe(sorted(set(table["recipe"])) or ["balanced"])
    tested = table.loc[table["recipe"] == recipe]
    with third:
        protocol = shell.choose_protocol(shell.protocols_of(run, tested))
    emotions = shell.choose_emotions(run.emotions)
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


def _equal_bits(run: RunTables) -> None:
    accuracy = shell.table(run, "accuracy")
    first, second, third = st.columns(3)
    with first:
        metric = shell.choose_similarity()
    with second:
        probe = shell.choose_probe(sorted(set(accuracy["probe"])) or ["logistic"])
    with third:
        protocol = shell.choose_protocol(run.protocols or ["speaker"])
    figure = shell.draw(
        run,
        control_curves,
        ["control", "rate"],
        metric=metric,
        probe=probe,
        protocol=protocol,
        emotions=shell.choose_emotions(run.emotions),
    )
    shell.show_figure(
        figure, name="control", alt="Changes with equal bits for every clip", min_width=shell.WIDE
    )
    st.caption(
        "All panels stand over the mean bits that both spend. Above zero an emotion gains from "
        "equal bits for every clip; hollow points have an interval that reaches zero."
    )


show()
