"""Drift: a map on which λ moves without a server, attraction and displacement beside references."""

from typing import Any

import streamlit as st

from quantlab.errors import QuantlabError
from quantlab.figures import (
    EACH_OTHER,
    MapView,
    RunMap,
    RunTables,
    attraction_curves,
    displacement_bars,
    displacement_curves,
    drift_map,
    map_words,
    method_words,
    moved_table,
    protocol_words,
)
from views import choices, clips, shell


def show() -> None:
    """Draw the page."""
    run = shell.run()
    st.title("Drift")
    views = {"Map": _map, "Attraction": _attraction, "Displacement": _displacement}
    choices.choose_view(views, run)


def _map(run: RunTables) -> None:
    found = shell.run_map(run)
    first, second, third, fourth = st.columns([2, 1, 2, 2])
    with first:
        kind = choices.choose("Map of", found.kinds, map_words, key="map")
    with second:
        axes = 3 if choices.choose_one("Axes", ("2-D", "3-D"), key="axes") == "3-D" else 2
    with third:
        recipe = choices.choose_recipe(found.recipes)
    methods = found.methods(recipe)
    named = {"codec": "quantized clips"} | {name: method_words(name) for name in methods[1:]}
    with fourth:
        method = choices.choose("Points", methods, lambda name: named[name], key="points")
    left, right = st.columns(2)
    with left:
        others = [name for name in methods if name != method]
        overlaid = choices.choose_some(
            "Arrows of", others, lambda name: named[name], key="arrows", default=others[:1]
        )
    with right:
        emotions = choices.choose_emotions(run.emotions)
    lams = [float(one) for one in found.lams]
    lam = choices.choose_number("λ to begin with", lams, default=shell.found(run).lam, key="lam")
    chosen = (kind, axes, recipe, method, tuple(overlaid), tuple(emotions))
    _draw_map(run, found, chosen, lam)


def _draw_map(run: RunTables, found: RunMap, chosen: tuple[Any, ...], lam: float) -> None:
    kind, axes, recipe, method, overlaid, emotions = chosen
    try:
        view = MapView(
            found.read(kind, axes), found.items, found.lams, recipe, method, overlaid, emotions
        )
        figure = shell.draw_map(run, drift_map, view, chosen, lam)
    except QuantlabError as error:
        st.error(shell.text(str(error)), icon=":material/error:")
        return
    event = shell.show_figure(
        figure, name="map", alt="Map of clips before and after quantization", min_width=800,
        select=True,
    )  # fmt: skip
    st.caption(
        f"{_KINDS[kind]} Faint: clean clips. Each clip was quantized by a codebook trained on "
        f"clips of others ({protocol_words(str(found.card.get('protocol') or 'speaker'))}). The "
        "slider under the map moves without the server; λ above says where it begins. A map is a "
        "picture: how far clips went is measured in all dimensions, under Displacement. Click a "
        "point to hear it."
    )
    if event is not None:
        _show_clip(run, view, event)


_KINDS = {
    "pca": "Principal components of clean clips.",
    "lda": "Discriminants of clean clips: they draw emotions apart as far as these very clips "
    "allow, which new clips do not reach.",
    "tsne": "t-SNE of clean clips: distances between groups and their sizes mean nothing. "
    "Quantized clips lie at the weighted mean of their 15 nearest clean clips.",
    "umap": "UMAP of clean clips: distances between groups mean little. Quantized clips lie at the "
    "weighted mean of their 15 nearest clean clips.",
}


def _show_clip(run: RunTables, view: MapView, row: int) -> None:
    """Show the clip that was clicked, and play it where its file is on this machine."""
    with st.container(border=True):
        about = moved_table(view, row)
        st.html(" · ".join(f"<b>{value}</b> {key}" for key, value in about.items()))
        clips.play(run, str(view.items["sha256"].iloc[row]))


def _attraction(run: RunTables) -> None:
    table = shell.table(run, "attraction")
    first, second, third = st.columns(3)
    recipe, protocol = choices.choose_tested(run, table, (first, second))
    with third:
        whose = choices.choose_whose(run, ("each other emotion", EACH_OTHER))
    tested = table.loc[table["recipe"] == recipe]
    known = [name for name in _REFERENCES if (tested["method"] == name).any()]
    first_one = "shrink_class" if recipe.startswith("biased:") else "shrink_mean"
    known = sorted(known or [first_one], key=lambda name: name != first_one)
    reference = choices.choose("Beside", known, method_words, key="reference")
    figure = shell.draw(
        run,
        attraction_curves,
        ["attraction"],
        recipe=recipe,
        protocol=protocol,
        emotion=whose,
        reference=reference,
    )
    shell.show_figure(
        figure,
        name="drift",
        alt="Drift toward each emotion",
        min_width=shell.panels_width(len(run.emotions)),
    )
    st.caption(
        "Upper row: degrees closer to each emotion's centre. Lower row: how much of that the "
        "reference of equal distortion does not explain; hollow points are within its interval."
    )


_REFERENCES = (
    "shrink_mean", "water_mean", "noise_matched", "pca_matched", "shrink_class", "water_class",
)  # fmt: skip


def _displacement(run: RunTables) -> None:
    table = shell.table(run, "displacement")
    first, second, third = st.columns(3)
    recipe, protocol = choices.choose_tested(run, table, (first, second))
    with third:
        whose = choices.choose_whose(run)
    chosen = {"recipe": recipe, "protocol": protocol, "emotion": whose}
    figure = shell.draw(
        run,
        displacement_curves,
        ["displacement"],
        emotions=choices.choose_emotions(run.emotions),
        **chosen,
    )
    shell.show_figure(figure, name="displacement", alt="Displacement over λ", min_width=shell.WIDE)
    lam = choices.choose_lam(choices.lams_of(table), default=shell.found(run).lam)
    figure = shell.draw(run, displacement_bars, ["displacement"], lam=lam, **chosen)
    shell.show_figure(
        figure, name="displacement-bars", alt="Displacement at one λ", min_width=shell.WIDE
    )
    st.caption(
        "The least-squares share of the way to the mean, and of the way to each emotion besides. "
        "A blur is the first alone."
    )


show()
