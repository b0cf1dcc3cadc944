"""What is said of two runs: what was found, what speaks against it, and where they differ."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from quantlab.analysis import MIN_CLUSTERS, verdict
from quantlab.figures.context import FigureContext
from quantlab.figures.run_settings import run_settings, size_words, vector_words
from quantlab.figures.runs import RunTables, mapping
from quantlab.figures.tables import records
from quantlab.figures.words import (
    ALL,
    counted,
    fixed,
    joined,
    metric_words,
    number,
    plain,
    probe_words,
    protocol_words,
)

RECALL, UAR = "recall_", "uar_"
_BITS = "payload_bits"
_NAME_LIMIT = 30
_UNNAMED = ("", "unnamed")
_UNWRITTEN = "transformer"
_CLOSE = 0.1
_SIDES = ("first", "second")


def compared_words(metric: str) -> str:
    """Say what two runs are compared in, in plain words, e.g. "recall (logistic regression)"."""
    if metric.startswith(RECALL):
        return f"recall ({probe_words(metric.removeprefix(RECALL))})"
    if metric.startswith(UAR):
        return f"mean recall ({probe_words(metric.removeprefix(UAR))})"
    return "bits per vector" if metric == _BITS else metric_words(metric)


def equal_words(axis: str) -> str:
    """Say what two runs are equal in, e.g. "equal bits"."""
    return "equal bits" if axis == _BITS else "equal distortion"


def is_share(metric: str) -> bool:
    """Tell whether a metric is a share of clips, written in percent."""
    return metric.startswith((RECALL, UAR))


def shortened(name: str) -> str:
    """Return a run's name, escaped, short enough for an axis."""
    text = " ".join(name.split())
    return plain(text if len(text) <= _NAME_LIMIT else f"{text[: _NAME_LIMIT - 1]}…")


def pair_context(first: FigureContext, second: FigureContext, *, protocol: str) -> FigureContext:
    """Return what a figure of two runs says under its title, on the first one's background."""
    parts = []
    for context in (first, second):
        size = counted(context.num_speakers, "speaker") if context.num_speakers else ""
        described = ", ".join(
            part for part in (context.corpus, context.embedder, size, *context.notes) if part
        )
        parts.append(f"{context.run}: {described}" if described else context.run)
    tested = f"tested on {protocol_words(protocol)}"
    return FigureContext(notes=(*parts, tested), dark=first.dark)


def named_by_folder(run: RunTables) -> RunTables:
    """Return a run under its folder's name, which is never that of another run beside it."""
    return replace(run, summary={**run.summary, "run": run.path.name})


def same_corpus(first: RunTables, second: RunTables) -> bool:
    """Tell whether speakers of equal names are equal: both runs name the same corpus."""
    corpora = {str(run.summary.get("corpus") or "") for run in (first, second)}
    return len(corpora) == 1 and not corpora & set(_UNNAMED)


def difference_sentence(
    table: pd.DataFrame,
    *,
    names: tuple[str, str],
    metric: str,
    level: float,
    emotion: str = ALL,
    per: str = "vector",
) -> str:
    """Say in one sentence what two runs differ in at one level.

    Parameters
    ----------
    table : pd.DataFrame
        From `quantlab.analysis.difference_table`.
    names : tuple of two str
        Of the runs.
    metric : str
        What the table compares.
    level : float
        One of the table's levels.
    emotion : str
        A class, or "all".
    per : str
        What bits are counted for: "clip" where a clip has a single vector.

    Returns
    -------
    str
        Plain text that is not escaped. "Cannot tell" with fewer than six speakers; "" where the
        table has no row there.
    """
    rows = table.loc[(table["level"] == level) & (table["emotion"] == emotion)]
    if rows.empty:
        return ""
    row = records(rows)[0]
    first, second = names
    over = "all clips" if emotion == ALL else f"{emotion} clips"
    place = number(level, digits=6)
    at = f"At {place} bits per {per}" if row["axis"] == _BITS else f"At a distortion of {place}"
    few, who = _who(row)
    told = str(verdict(row["low"], row["high"], row["num_speakers"]))
    if told in ("above", "below"):
        more = "more" if told == "above" else "less"
        verb, noun = _verb(metric)
        amount = _amount(metric, row, turned=told == "below")
        values = " against ".join(_value(metric, row[f"value_{side}"]) for side in _SIDES)
        return (
            f"{at}, {first} {verb} {amount} {more} {noun} than {second} over {over} ({values}), "
            f"{who}."
        )
    amount = _amount(metric, row)
    if told == "inside":
        return (
            f"{at}, no difference in {_verb(metric)[1]} is to be seen over {over}: {first} less "
            f"{second} is {amount}, {who}."
        )
    return (
        f"{at}, cannot tell over {over}: {few}, and fewer than {MIN_CLUSTERS} support no claim "
        f"({first} less {second} is {amount}, {who})."
    )


def _who(row: Mapping[str, Any]) -> tuple[str, str]:
    """Say how many speakers there are at least, and how they were compared."""
    speakers = counted(int(row["num_speakers"]), "speaker")
    if row["paired"]:
        return f"{speakers} of both runs", f"{speakers} paired"
    both = f"{int(row['num_first'])} and {counted(int(row['num_second']), 'speaker')}"
    return f"{speakers} in one run", f"{both}, not paired"


def _verb(metric: str) -> tuple[str, str]:
    if metric == "distortion":
        return "has", "distortion"
    if metric == _BITS:
        return "spends", "bits"
    return ("has", compared_words(metric)) if is_share(metric) else ("keeps", "similarity")


def _amount(metric: str, row: Mapping[str, Any], *, turned: bool = False) -> str:
    """Write a difference with its interval; `turned` changes its sign."""
    ends = [row["difference"], row["low"], row["high"]]
    ends = [-ends[0], -ends[2], -ends[1]] if turned else ends
    if is_share(metric):
        ends, decimals, unit = [100 * end for end in ends], 0, " points"
    elif metric.startswith("cos"):
        decimals, unit = 2 if max(map(abs, ends)) >= _CLOSE else 3, ""
    else:
        decimals, unit = 1, ""
    value, low, high = (fixed(end, decimals=decimals) for end in ends)
    return f"{value}{unit} ({low} to {high})"


def _value(metric: str, value: float) -> str:
    if is_share(metric):
        return f"{fixed(100 * value, decimals=0)} %"
    return fixed(value, decimals=2 if metric.startswith("cos") else 1)


def cautions(
    first: RunTables, second: RunTables, *, axis: str, metric: str, paired: bool | None = None
) -> list[str]:
    """Say what stands against comparing two runs, in full sentences that are not escaped.

    Parameters
    ----------
    first, second : RunTables
        The runs, under different names.
    axis, metric : str
        What they are equal in, and what is compared.
    paired : bool, optional
        Whether speakers were paired; None where nothing was compared.
    """
    said = []
    if "distortion" in (axis, metric) and _embedder_key(first) != _embedder_key(second):
        said.append(
            "Distortion is a squared distance in z, which every embedder has its own of: between "
            "these two embedders it says nothing. Compare at equal bits."
        )
    levels = [vector_words(run.summary) for run in (first, second)]
    if levels[0] != levels[1]:
        said.append(
            f"{first.name} has one vector per {levels[0]} and {second.name} one per {levels[1]}: "
            "bits per vector are not bits per clip."
        )
    said += _about_clips(first, second, axis)
    said += _about_emotions(first, second)
    unwritten = [run.name for run in (first, second) if run.summary.get("prior") == _UNWRITTEN]
    if unwritten and _BITS in (axis, metric):
        said.append(
            f"{joined(unwritten)}: the prior cannot be written as a bitstream, so bits are code "
            "length there."
        )
    if permuted := [run.name for run in (first, second) if run.is_control]:
        said.append(f"{joined(permuted)}: labels were permuted, a negative control.")
    if paired is False:
        said.append(
            "The runs share no speakers, so the means of both are compared (Welch's interval); "
            "speakers differ more among themselves than pairs do, and so the interval is wider."
        )
    return said


def _about_clips(first: RunTables, second: RunTables, axis: str) -> list[str]:
    """Say how the clips of both runs are not the same."""
    if same_corpus(first, second):
        sizes = [size_words(run.summary.get("num_items")) for run in (first, second)]
        if sizes[0] == sizes[1] or not all(sizes):
            return []
        return [
            f"The runs hold {sizes[0]} and {sizes[1]} clips of one corpus: a speaker's means are "
            "over different clips in each."
        ]
    if axis != "distortion":
        return []
    return [
        "The corpora differ, and z is scaled to each one's own clips: equal distortion is an equal "
        "share of each one's own variance."
    ]


def _about_emotions(first: RunTables, second: RunTables) -> list[str]:
    only = []
    for own, other in ((first, second), (second, first)):
        alone = [name for name in own.emotions if name not in other.emotions]
        only += [f"only {own.name} has {joined(alone)}"] if alone else []
    if not only:
        return []
    text = "; ".join(only)
    return [
        f"{text[0].upper()}{text[1:]}. All clips together are then clips of different emotions, "
        "and what guessing reaches differs too."
    ]


def settings_beside(first: RunTables, second: RunTables) -> pd.DataFrame:
    """Tabulate what two runs were made of and with.

    Parameters
    ----------
    first, second : RunTables
        The runs.

    Returns
    -------
    pd.DataFrame
        Columns setting, first, second (plain text that is not escaped) and same; settings that
        neither run tells are left out.
    """
    told = [run_settings(run) for run in (first, second)]
    rows = [
        {"setting": name, "first": told[0][name], "second": told[1][name]}
        for name in told[0]
        if told[0][name] or told[1][name]
    ]
    table = pd.DataFrame(rows, columns=["setting", "first", "second"])
    same = table["first"] == table["second"]
    blank = table[["first", "second"]].replace("", "–")
    return table.assign(first=blank["first"], second=blank["second"], same=same)


def _embedder_key(run: RunTables) -> tuple[str, ...]:
    """Return what makes two embedders the same."""
    card = mapping(run.summary, "embedder")
    keys = ("model", "version", "settings", "pooling", "layer", "checkpoint")
    return (run.embedder, str(run.summary.get("num_dims")), *(str(card.get(key)) for key in keys))
