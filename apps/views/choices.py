"""Choices that the reader makes, bound to the URL: a link opens the same view.

What does not fit the run is dropped by Streamlit, and the URL is cleaned.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from quantlab.figures import (
    RunTables,
    metric_words,
    number,
    probe_words,
    protocol_words,
    recipe_words,
)

SIMILARITIES = (
    "cos_centred_frames",
    "cos_centred_means",
    "cos_raw_frames",
    "cos_raw_means",
    "distortion",
)


def values_of(rows: pd.DataFrame, column: str) -> list[Any]:
    """Return what stands in a column, each once, in order."""
    return sorted(rows[column].unique())


def protocols_of(run: RunTables, rows: pd.DataFrame) -> list[str]:
    """Return the protocols that rows were evaluated with, new speakers first."""
    found = values_of(rows, "protocol")
    return [name for name in run.protocols if name in found] or found or ["speaker"]


def lams_of(rows: pd.DataFrame) -> list[float]:
    """Return the λ of rows in ascending order."""
    return sorted(float(lam) for lam in rows["lam"].dropna().unique())


def choose(label: str, keys: Sequence[str], words: Callable[[str], str], *, key: str) -> str:
    """Let the reader choose one of several keys by their words; bound to the URL."""
    named = {words(name): name for name in keys}
    label_chosen = st.selectbox(label, list(named), key=key, bind="query-params")
    return named.get(label_chosen or "", keys[0])


def choose_some(
    label: str,
    keys: Sequence[str],
    words: Callable[[str], str],
    *,
    key: str,
    default: Sequence[str] = (),
) -> list[str]:
    """Let the reader choose at most three of several keys by their words; bound to the URL."""
    named = {words(name): name for name in keys}
    chosen = st.multiselect(
        label,
        list(named),
        default=[words(name) for name in default],
        key=key,
        bind="query-params",
        placeholder="none",
        max_selections=3,
    )
    return [named[name] for name in chosen if name in named]


def choose_similarity() -> str:
    """Let the reader choose a similarity metric."""
    return choose("Similarity", SIMILARITIES, metric_words, key="metric")


def choose_protocol(protocols: Sequence[str]) -> str:
    """Let the reader choose which clips are tested."""
    return choose("Tested on", protocols, protocol_words, key="protocol")


def choose_recipe(recipes: Sequence[str]) -> str:
    """Let the reader choose a codebook, the balanced one first."""
    ordered = sorted(recipes, key=lambda name: (name != "balanced", name))
    return choose("Codebook", ordered, recipe_words, key="codebook")


def choose_probe(probes: Sequence[str]) -> str:
    """Let the reader choose a classifier."""
    return choose("Probe", probes, probe_words, key="probe")


def choose_emotions(emotions: Sequence[str]) -> list[str]:
    """Let the reader choose emotions; none chosen means all."""
    chosen = st.multiselect(
        "Emotions", list(emotions), key="emotion", bind="query-params", placeholder="all"
    )
    return [str(name) for name in chosen] or list(emotions)


def choose_lam(lams: Sequence[float], *, default: float) -> float:
    """Let the reader choose one λ of the run."""
    return choose_number("λ", lams, default=default, key="lam")


def choose_number(label: str, values: Sequence[float], *, default: float, key: str) -> float:
    """Let the reader choose one of several numbers on a slider; bound to the URL."""
    named = {number(value): float(value) for value in values}
    nearest = min(named, key=lambda text: abs(named[text] - default), default="")
    if len(named) < 2:
        return named.get(nearest, default)
    chosen = st.select_slider(label, list(named), value=nearest, key=key, bind="query-params")
    return named[str(chosen)]


def choose_view(views: Mapping[str, Callable[[RunTables], None]], run: RunTables) -> None:
    """Let the reader choose one view of a page, and draw it."""
    views[choose_one("View", list(views), key="view")](run)


def choose_tested(
    run: RunTables, table: pd.DataFrame, places: Sequence[DeltaGenerator]
) -> tuple[str, str]:
    """Let the reader choose a codebook of a table, and which clips it is tested on.

    Parameters
    ----------
    run : RunTables
        The run.
    table : pd.DataFrame
        With the columns recipe and protocol.
    places : sequence of two containers
        Where both choices stand.

    Returns
    -------
    tuple of str
        Recipe and protocol.
    """
    with places[0]:
        recipe = choose_recipe(values_of(table, "recipe") or ["balanced"])
    with places[1]:
        protocol = choose_protocol(protocols_of(run, table.loc[table["recipe"] == recipe]))
    return recipe, protocol


def choose_whose(run: RunTables, *others: tuple[str, str]) -> str:
    """Let the reader choose whose embeddings are shown: given words first, then each emotion."""
    named = {**dict(others), "all clips": "all", **{f"{name} clips": name for name in run.emotions}}
    first = others[0][1] if others else "all"
    who = st.selectbox("Whose embeddings", list(named), key="clips", bind="query-params")
    return named.get(who or "", first)


def choose_one(label: str, options: Sequence[str], *, key: str) -> str:
    """Let the reader choose one of a few words; bound to the URL."""
    chosen = st.segmented_control(
        label, list(options), key=key, default=options[0], required=True, bind="query-params"
    )
    return str(chosen or options[0])
