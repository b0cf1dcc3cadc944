"""Similarity and accuracy: each emotion against λ, bits or cosine; what is lost, what shifted."""

import pandas as pd
import streamlit as st

from quantlab.figures import (
    BITS_AXIS,
    COSINE,
    SIMILARITY_AXIS,
    RunTables,
    accuracy_curves,
    ambiguity_curves,
    axis_curves,
    confusion_heatmap,
    information_curves,
    method_words,
    reduction_curves,
    reduction_heatmap,
    reduction_panels,
    similarity_curves,
    similarity_heatmap,
    stage_curves,
)
from views import choices, shell

_SCORES = {"recall": "recall", "mean recall": "uar", "macro-F1": "macro_f1"}
_OVER = {"λ": "", "bits": BITS_AXIS, "similarity of the whole set": SIMILARITY_AXIS}
_EQUAL = {"similarity of the whole set": COSINE, "payload bits": "payload_bits"}
_TABLES = ("similarity", "rate", "accuracy")
_ALL_METHODS = "all, side by side"


def show() -> None:
    """Draw the page."""
    run = shell.run()
    st.title("Similarity and accuracy")
    views = {
        "Similarity": _similarity,
        "Recognition": _recognition,
        "Confusion": _confusion,
        "Lowered directly": _lowered,
        "Lost or shifted": _information,
        "Stages": _stages,
        "Ambiguous clips": _ambiguity,
    }
    choices.choose_view(views, run)


def _similarity(run: RunTables) -> None:
    table = shell.table(run, "similarity")
    first, second, third = st.columns(3)
    with first:
        metric = choices.choose_similarity()
    recipe, protocol = choices.choose_tested(run, table, (second, third))
    emotions = choices.choose_emotions(run.emotions)
    axis = _OVER[choices.choose_one("Over", list(_OVER), key="over")]
    chosen = {"metric": metric, "recipe": recipe, "protocol": protocol}
    if axis:
        figure = shell.draw(
            run,
            axis_curves,
            _TABLES,
            axis=axis,
            emotions=emotions,
            references=shell.table(run, "references"),
            **chosen,
        )
    else:
        figure = shell.draw(
            run,
            similarity_curves,
            ["similarity"],
            emotions=emotions,
            references=shell.table(run, "references"),
            **chosen,
        )
    shell.show_figure(figure, name="similarity", alt="Similarity of each emotion")
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
        probe = choices.choose_probe(choices.values_of(table, "probe") or ["logistic"])
    with third:
        recipe = choices.choose_recipe(choices.values_of(table, "recipe") or ["balanced"])
    metric = _SCORES.get(score or "", "recall")
    axis = _OVER[choices.choose_one("Over", list(_OVER), key="over")]
    emotions, apart = run.emotions, False
    if metric == "recall":
        emotions = choices.choose_emotions(run.emotions)
    if axis:
        protocol = choices.choose_protocol(choices.protocols_of(run, _of(table, recipe)))
        figure = shell.draw(
            run,
            axis_curves,
            _TABLES,
            axis=axis,
            metric=metric,
            probe=probe,
            recipe=recipe,
            protocol=protocol,
            emotions=emotions,
        )
    else:
        if metric == "recall":
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
        alt="Recognition of each emotion",
        min_width=shell.panels_width(len(emotions) if apart else 1),
    )


def _confusion(run: RunTables) -> None:
    table = shell.table(run, "confusion")
    first, second, third = st.columns(3)
    with first:
        probe = choices.choose_probe(choices.values_of(table, "probe") or ["logistic"])
    with second:
        recipe = choices.choose_recipe(choices.values_of(table, "recipe") or ["balanced"])
    with third:
        protocol = choices.choose_protocol(choices.protocols_of(run, table))
    lam = choices.choose_lam(choices.lams_of(table), default=shell.found(run).lam)
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


def _lowered(run: RunTables) -> None:
    accuracy = shell.table(run, "accuracy")
    similarity = shell.table(run, "similarity")
    known = ("drop_least", "drop_most", "coarse_step", "noise", "truncate")
    methods = [name for name in known if (similarity["method"] == name).any()]
    named = {_ALL_METHODS: "", **{method_words(name): name for name in methods}}
    first, second, third = st.columns(3)
    with first:
        way = st.selectbox("Lowered by", list(named), key="way", bind="query-params")
    with second:
        metric = choices.choose_similarity()
    with third:
        probe = choices.choose_probe(choices.values_of(accuracy, "probe") or ["logistic"])
    left, right = st.columns(2)
    with left:
        protocol = choices.choose_protocol(run.protocols or ["speaker"])
    with right:
        emotions = choices.choose_emotions(run.emotions)
    chosen = {"metric": metric, "protocol": protocol}
    method = named.get(way or "", "")
    if not method:
        relative = st.toggle("Difference to the whole set", key="relative", bind="query-params")
        tables = ["similarity", "accuracy"]
        figure = shell.draw(
            run, reduction_curves, tables, probe=probe, relative=relative, emotions=emotions,
            **chosen,
        )  # fmt: skip
        shell.show_figure(
            figure, name="reductions", alt="Emotions at equal similarity", min_width=shell.WIDE
        )
        st.caption(
            "A vertical cut through the columns compares methods where the whole set is equally "
            "similar to its originals. Equal λ would compare unequal damage."
        )
        return
    axis = _EQUAL[choices.choose_one("At equal", list(_EQUAL), key="equal")]
    chosen |= {"axis": axis, "method": method}
    figure = shell.draw(
        run,
        reduction_panels,
        ["similarity", "matched", "accuracy"],
        probe=probe,
        emotions=emotions,
        **chosen,
    )
    shell.show_figure(
        figure, name="reduction", alt="Codec and direct reduction side by side", min_width=800
    )
    figure = shell.draw(run, reduction_heatmap, ["similarity", "matched"], **chosen)
    shell.show_figure(
        figure,
        name="reduction-table",
        alt="What the codec keeps beyond a direct reduction",
        min_width=shell.WIDE,
    )


def _information(run: RunTables) -> None:
    table = shell.table(run, "information")
    first, second, third = st.columns(3)
    recipe, protocol = choices.choose_tested(run, table, (first, second))
    with third:
        emotion = choices.choose_whose(run)
    figure = shell.draw(
        run,
        information_curves,
        ["information"],
        recipe=recipe,
        protocol=protocol,
        emotion=emotion,
    )
    shell.show_figure(figure, name="information", alt="Lost or shifted", min_width=800)
    st.caption(
        "A probe that is fitted anew on quantized clips finds what has only moved. What it does "
        "not find either is lost to it. Retrained probes are fitted where the study asks for "
        "them: `retrained_probe: true`."
    )


def _stages(run: RunTables) -> None:
    table = shell.table(run, "stages")
    recipe, protocol = choices.choose_tested(run, table, st.columns(2))
    figure = shell.draw(run, stage_curves, ["stages"], recipe=recipe, protocol=protocol)
    shell.show_figure(figure, name="stages", alt="Similarity and recall by stage", min_width=800)


def _ambiguity(run: RunTables) -> None:
    table = shell.table(run, "ambiguity")
    first, second, third = st.columns(3)
    recipe, protocol = choices.choose_tested(run, table, (first, second))
    with third:
        emotion = choices.choose_whose(run)
    figure = shell.draw(
        run,
        ambiguity_curves,
        ["ambiguity"],
        recipe=recipe,
        protocol=protocol,
        emotion=emotion,
    )
    shell.show_figure(
        figure, name="ambiguity", alt="Ambiguous and clear clips", min_width=shell.WIDE
    )
    st.caption(
        "Agreement is that of annotators where the corpus has votes; otherwise a probe that was "
        "not trained on the clip says how sure it is."
    )


def _of(table: pd.DataFrame, recipe: str) -> pd.DataFrame:
    return table.loc[table["recipe"] == recipe]


show()
