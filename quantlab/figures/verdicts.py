"""The verdict table: one row per claim, with test, effect, reference, speakers and verdict; HTML.

Verdicts are told by icon, word and colour together. On a phone every row becomes a card.
"""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from quantlab.figures.claims import NOTHING, p_text
from quantlab.figures.palette import VERDICT_ICONS
from quantlab.figures.tables import numbers, records, where
from quantlab.figures.words import counted, interval_text, joined, number, plain, plain_long

_HEAD = (
    "Claim",
    "Test",
    "Effect (95 %)",
    "Reference",
    "Speakers",
    "p, corrected",
    "Verdict",
    "Figure",
)
_SECTIONS = {
    "§1.1": "Reducing similarity directly",
    "§1.2": "What the bits are worth",
    "§1.3": "Robustness of neutral",
    "§1.4": "Where embeddings drift",
    "§1.5": "Codebooks trained on one emotion",
    "§2.1": "Listening: quantized references",
    "§2.2": "Listening: codebooks trained on one emotion",
    "§3": "Ambiguous clips",
    "applications": "Directions of application",
    "RQ1": "Stages of a codebook",
    "RQ2": "Recall and use of biased codebooks",
    "RQ3": "Agreement with annotators",
    "RQ4": "Codebooks as classifiers across corpora",
}
_CLASSES = {"supported": "above", "not supported": "below", "cannot tell": "cannot"}
_MAX_DECIMALS = 4


def verdicts_table(claims: pd.DataFrame, *, links: Mapping[str, str] | None = None) -> str:
    """Return one row per claim, grouped by section.

    Parameters
    ----------
    claims : pd.DataFrame
        The run's table `claims`.
    links : mapping from str to str, optional
        Names of figures to the ids of elements on the page; a claim whose figure is not among
        them has no link.

    Returns
    -------
    str
        HTML, all names escaped; empty where there are no claims.
    """
    if claims.empty:
        return ""
    head = "".join(f'<th scope="col">{text}</th>' for text in _HEAD)
    groups = []
    for section in dict.fromkeys(str(name) for name in claims["section"]):
        rows = records(where(claims, claims["section"] == section))
        body = "\n".join(_row(row, links or {}) for row in rows)
        title = section_words(section)
        groups.append(
            f'<tbody>\n<tr class="group"><th scope="colgroup" colspan="{len(_HEAD)}">{title}</th>'
            f"</tr>\n{body}\n</tbody>"
        )
    return (
        f'<div class="table"><table class="verdicts">\n<caption>{_caption(claims)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n{''.join(groups)}\n</table></div>"
    )


def section_words(section: str) -> str:
    """Return the title of a group of claims, e.g. "§1.4 · Where embeddings drift"."""
    title = _SECTIONS.get(section, "")
    return f"{plain(section)} · {title}" if title else plain(section)


def verdict_badge(verdict: str) -> str:
    """Return a verdict as coloured word with icon; HTML."""
    kind, icon = _CLASSES.get(verdict, "cannot"), VERDICT_ICONS.get(verdict, "?")
    return (
        f'<span class="verdict {kind}"><span aria-hidden="true">{icon}</span> '
        f"{plain(verdict)}</span>"
    )


def effect_text(row: Mapping[str, Any]) -> str:
    """Write a claim's effect with its interval, to the decimals that the interval is worth."""
    value, low, high = (float(row[name]) for name in ("value", "low", "high"))
    if not np.isfinite([value, low, high]).all():
        return number(value)
    half = max((high - low) / 2, 1e-9)
    decimals = int(np.clip(1 - math.floor(math.log10(half)), 0, _MAX_DECIMALS))
    return interval_text(value, low, high, decimals=decimals)


def _row(row: Mapping[str, Any], links: Mapping[str, str]) -> str:
    statement = f"<b>{plain(row['claim'])}</b> {plain_long(str(row['statement']))}"
    if not row["rests_on_labels"]:
        statement += ' <span class="mark">rests on no label</span>'
    effect = f"{effect_text(row)} {plain(row['unit'])}".rstrip()
    reason = plain_long(str(row["reason"] or ""))
    verdict = verdict_badge(str(row["verdict"]))
    cells = (
        plain_long(str(row["test"])),
        effect,
        plain_long(str(row["reference"])) or "–",
        _speakers(row),
        p_text(float(row["p_holm"])),
        f'{verdict}<span class="reason">{reason}</span>' if reason else verdict,
        _link(links.get(str(row["figure"]), "")),
    )
    named = zip(_HEAD[1:], cells, strict=True)
    parts = "".join(f'<td data-label="{name}">{cell}</td>' for name, cell in named)
    return f'<tr><th scope="row">{statement}</th>{parts}</tr>'


def _speakers(row: Mapping[str, Any]) -> str:
    """Say how many speakers there are, how many a claim needs at least, and how many this one."""
    found, least = int(row["num_speakers"]), int(row["min_speakers"])
    text = f'{found} <span class="range">(at least {least})</span>'
    needed = float(row["speakers_needed"])
    if row["verdict"] == "cannot tell" and np.isfinite(needed):
        text += f'<span class="reason">would need about {math.ceil(needed):,}</span>'
    if row["clustered_by"] == "speaker and text":
        text += '<span class="reason">and by sentences</span>'
    return text


def _link(place: str) -> str:
    return f'<a href="#{place}">figure</a>' if place else ""


def _caption(claims: pd.DataFrame) -> str:
    smallest = int(numbers(claims, "min_speakers").min())
    return (
        f"{counted(len(claims), 'claim')}. Effects are what goes beyond the reference, with 95 % "
        f"intervals over speakers; p-values are corrected for all the claims together (Holm). No "
        f"claim can be supported with fewer than {counted(smallest, 'speaker')}."
    )


def read_verdicts(claims: pd.DataFrame) -> str:
    """Say how many claims are supported, how many are not, and which; HTML."""
    if claims.empty:
        return NOTHING
    counts = Counter(str(name) for name in claims["verdict"])
    parts = []
    for verdict in VERDICT_ICONS:
        mine = claims["claim"][(claims["verdict"] == verdict).to_numpy()]
        listed = f" ({', '.join(plain(name) for name in mine)})" if len(mine) else ""
        parts.append(f"<b>{counts[verdict]}</b> {_VERB[verdict]}{listed}")
    return f"Of {counted(len(claims), 'claim')}, {joined(parts)}."


_VERB = {
    "supported": "supported",
    "not supported": "not supported",
    "cannot tell": "cannot be told",
}
