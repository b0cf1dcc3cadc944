"""Claims × runs: the verdict and the effect of every claim in every run, and what that amounts to.

Verdicts are told by icon, word and colour together. Corrected p-values, references, speakers and
reasons appear on hovering.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from quantlab.figures.claims import p_text
from quantlab.figures.material import Material
from quantlab.figures.palette import VERDICT_ICONS
from quantlab.figures.prose import codec_words
from quantlab.figures.tables import records, where
from quantlab.figures.verdicts import effect_text, section_words, verdict_badge
from quantlab.figures.words import counted, joined, plain, plain_long

PERMUTED = "labels permuted"
_Row = Mapping[str, Any]


def claims_matrix(given: Sequence[Material], *, links: Mapping[str, str] | None = None) -> str:
    """Return one row per claim, grouped by section, and one column per run.

    Parameters
    ----------
    given : sequence of Material
        Runs with claims, in the order of the columns.
    links : mapping from str to str, optional
        Names of runs to the addresses of their reports; escaped.

    Returns
    -------
    str
        HTML, all names escaped; the last row counts the verdicts of each run.
    """
    judged = [{str(row["claim"]): row for row in records(part.claims)} for part in given]
    known = _all_claims(given)
    groups = []
    for section in dict.fromkeys(str(row["section"]) for row in known):
        title = f'<span class="stay">{section_words(section)}</span>'
        lines = "\n".join(_row(row, judged) for row in known if str(row["section"]) == section)
        groups.append(
            f'<tbody>\n<tr class="group"><th scope="colgroup" colspan="{len(given) + 1}">{title}'
            f"</th></tr>\n{lines}\n</tbody>"
        )
    return (
        '<div class="table across" tabindex="0" role="region" aria-label="Claims by run"><table>\n'
        f"{_head(given, links or {})}\n{''.join(groups)}\n{_foot(given)}\n</table></div>"
    )


def _all_claims(given: Sequence[Material]) -> list[_Row]:
    """Return each claim once, in the order of the run that judges most."""
    longest_first = sorted((part.claims for part in given), key=len, reverse=True)
    known: dict[str, _Row] = {}
    for claims in longest_first:
        for row in records(claims):
            known.setdefault(str(row["claim"]), row)
    return list(known.values())


def _head(given: Sequence[Material], links: Mapping[str, str]) -> str:
    names = "".join(f'<th scope="col">{_name(part, links)}</th>' for part in given)
    details = "".join(f"<td>{_details(part)}</td>" for part in given)
    return (
        f'<thead><tr class="names"><th scope="col">Claim</th>{names}</tr>\n'
        f'<tr><th scope="row">Data and codec</th>{details}</tr></thead>'
    )


def _name(part: Material, links: Mapping[str, str]) -> str:
    # Names of studies are long words joined by "_" and "-": break them there, not anywhere.
    name = re.sub(r"([_-])", r"\1<wbr>", plain(part.run.name))
    linked = f'<a href="{links[part.run.name]}">{name}</a>' if part.run.name in links else name
    return f'{linked} <span class="mark">{PERMUTED}</span>' if part.run.is_control else linked


def _details(part: Material) -> str:
    speakers = part.run.num_speakers
    lines = (
        plain(part.run.summary.get("corpus") or "unnamed corpus"),
        plain(part.run.embedder),
        counted(speakers, "speaker") if speakers else "",
        codec_words(part.run.summary),
    )
    return "<br>".join(line for line in lines if line)


def _row(claim: _Row, judged: Sequence[Mapping[str, _Row]]) -> str:
    name = str(claim["claim"])
    rows = [found.get(name) for found in judged]
    units = joined(sorted({plain(row["unit"]) for row in rows if row and row["unit"]}), last="or")
    marks = f' <span class="range">in {units}</span>' if units else ""
    if not claim["rests_on_labels"]:
        marks += ' <span class="mark">rests on no label</span>'
    heading = f"<b>{plain(name)}</b> {plain_long(str(claim['statement']))}{marks}"
    cells = "".join(_cell(row) for row in rows)
    return f'<tr><th scope="row">{heading}</th>{cells}</tr>'


def _cell(row: _Row | None) -> str:
    if row is None:
        return '<td title="This run does not judge the claim.">–</td>'
    value, _, ends = effect_text(row).partition(" (")
    interval = f' <span class="range">({ends}</span>' if ends else ""
    return (
        f'<td title="{_more(row)}">{verdict_badge(str(row["verdict"]))}'
        f'<span class="effect">{value}{interval}</span></td>'
    )


def _more(row: _Row) -> str:
    """Return what a cell says on hovering; escaped for an attribute."""
    reason, reference = (plain_long(str(row[key] or "")) for key in ("reason", "reference"))
    speakers = counted(int(row["num_speakers"]), "speaker")
    parts = (
        reason,
        f"p, corrected: {p_text(float(row['p_holm']))}",
        f"unit: {plain(row['unit'])}" if row["unit"] else "",
        f"beyond: {reference}" if reference else "",
        f"{speakers}, at least {int(row['min_speakers'])} needed",
    )
    return "; ".join(part for part in parts if part)


def _foot(given: Sequence[Material]) -> str:
    cells = []
    for part in given:
        counts = Counter(str(verdict) for verdict in part.claims["verdict"])
        lines = (f"{icon} {counts[name]} {name}" for name, icon in VERDICT_ICONS.items())
        cells.append(f"<td>{'<br>'.join(lines)}</td>")
    return f'<tfoot><tr><th scope="row">All claims</th>{"".join(cells)}</tr></tfoot>'


def read_agreement(given: Sequence[Material]) -> str:
    """Say which claims hold in every run, and which in one but not in another; HTML.

    Controls do not count.
    """
    real = [part for part in given if not part.run.is_control]
    if len(real) < 2:
        return ""
    found: dict[str, list[str]] = {}
    for part in real:
        for row in records(part.claims):
            found.setdefault(str(row["claim"]), []).append(str(row["verdict"]))
    always = [name for name, told in found.items() if told == ["supported"] * len(real)]
    apart = [name for name, told in found.items() if {"supported", "not supported"} <= set(told)]
    runs = f"{len(real)} runs" + (" whose labels are true" if len(real) < len(given) else "")
    return (
        f"Supported in all {runs}: {_listed(always)}. "
        f"Supported in one, not supported in another: {_listed(apart)}."
    )


def read_control(given: Sequence[Material]) -> str:
    """Say whether anything is supported in a run whose labels are permuted; HTML."""
    controls = [part for part in given if part.run.is_control]
    if not controls:
        return (
            "None of these runs is a negative control, so nothing here shows how often the "
            "analysis finds what is not there; a study with <code>permute_labels: true</code> "
            "under <code>data</code> is one."
        )
    return " ".join(_control_sentence(part) for part in controls)


def _control_sentence(part: Material) -> str:
    held = where(part.claims, part.claims["verdict"] == "supported")
    of_labels = held["rests_on_labels"].to_numpy(dtype=bool)
    wrong = [str(name) for name in held["claim"][of_labels]]
    free = [str(name) for name in held["claim"][~of_labels]]
    run = f"<b>{plain(part.run.name)}</b> ({PERMUTED})"
    if wrong:
        text = (
            f"In the control run {run} {counted(len(wrong), 'claim')} came out as supported: "
            f"{_listed(wrong)}. That is an error of the analysis or chance; do not trust these "
            "claims in other runs before it is understood."
        )
    else:
        text = f"In the control run {run} no claim that rests on labels is supported."
    if free:
        text += (
            f" Supported there without resting on labels, which permuting cannot refute: "
            f"{_listed(free)}."
        )
    return text


def _listed(names: Sequence[str]) -> str:
    return joined([plain(name) for name in names]) or "none"


def joined_claims(given: Sequence[Material]) -> pd.DataFrame:
    """Return the claims of all runs below each other, the column `run` first."""
    parts = []
    for part in given:
        claims = part.claims.reset_index(drop=True)
        claims.insert(0, "run", part.run.name)
        parts.append(claims)
    return pd.concat(parts, ignore_index=True)
