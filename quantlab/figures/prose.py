"""The report's tables and texts: scores, claims, limits of what can be told, methods, provenance.

Everything is HTML with names escaped.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from quantlab.figures.claims import VERDICTS, Claim, claim_rows
from quantlab.figures.material import Material
from quantlab.figures.runs import mapping
from quantlab.figures.tables import at_lam, coded, numbers, pick, records
from quantlab.figures.words import (
    ALL,
    counted,
    fixed,
    lam_text,
    number,
    plain,
    plain_long,
    probe_words,
    protocol_words,
    share,
)


def html_table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str, numeric: int = 0
) -> str:
    """Return an HTML table.

    Parameters
    ----------
    head : sequence of str
        Column titles; HTML.
    rows : iterable of sequence of str
        Cells; HTML. The first of each row is its heading.
    caption : str
        HTML.
    numeric : int
        How many columns at the right hold numbers.
    """
    first = len(head) - numeric

    def cell(place: int, text: str, tag: str) -> str:
        kind = ' class="number"' if place >= first else ""
        scope = ' scope="col"' if tag == "th" else ""
        return f"<{tag}{scope}{kind}>{text}</{tag}>"

    top = "".join(cell(place, text, "th") for place, text in enumerate(head))
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>'
        + "".join(cell(place, text, "td") for place, text in enumerate(row[1:], start=1))
        + "</tr>\n"
        for row in rows
    )
    return (
        f'<div class="table"><table>\n<caption>{caption}</caption>\n'
        f"<thead><tr>{top}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>"
    )


def accuracy_table(given: Material) -> str:
    """Return UAR of every probe and protocol, unquantized and at a few λ."""
    uar = pick(given.accuracy, metric="uar", emotion=ALL, recipe="balanced")
    lams = some_lams(pick(uar, method="codec"), given.lam)
    rows = []
    for protocol in given.run.protocols:
        for probe in _probes(given):
            part = pick(uar, protocol=protocol, probe=probe)
            if len(part):
                words = f"{probe_words(probe)}, {protocol_words(protocol)}"
                line = records(part)[-1]
                levels = [share(float(line["chance"])), share(float(line["majority"]))]
                rows.append([words, *levels, *_score_cells(part, lams)])
    if not rows:
        return ""
    head = [
        "Probe and test clips",
        "Chance",
        "Commonest class",
        "Unquantized",
        *map(lam_text, lams),
    ]
    caption = f"Unweighted average recall, with 95 % intervals over speakers.{_hollow(rows)}"
    return html_table(head, rows, caption=caption, numeric=len(head) - 1)


def recall_table(given: Material) -> str:
    """Return the recall of every emotion, unquantized and at a few λ."""
    rows = pick(
        given.accuracy,
        metric="recall",
        recipe="balanced",
        probe=given.probe,
        protocol=given.protocol,
    )
    if rows.empty:
        return ""
    lams = some_lams(pick(rows, method="codec"), given.lam)
    cells = [
        [plain(name), *_score_cells(pick(rows, emotion=name), lams)] for name in given.run.emotions
    ]
    caption = (
        f"Recall of each emotion on {protocol_words(given.protocol)} "
        f"({probe_words(given.probe)}), with 95 % intervals over speakers.{_hollow(cells)}"
    )
    head = ["Emotion", "Unquantized", *map(lam_text, lams)]
    return html_table(head, cells, caption=caption, numeric=len(head) - 1)


def _hollow(rows: Sequence[Sequence[str]]) -> str:
    """Explain the mark of constant answers where it occurs."""
    marked = any("○" in cell for row in rows for cell in row)
    return " ○: the probe gives every clip the same label." if marked else ""


def _probes(given: Material) -> list[str]:
    found = set(given.accuracy["probe"])
    named = [str(name) for name in given.run.summary.get("probes") or []]
    return [name for name in named if name in found] or sorted(found)


def some_lams(curve: pd.DataFrame, middle: float) -> list[float]:
    """Return λ = 0 (or the smallest), the λ of the sentences, the one between, and the largest."""
    lams = np.unique(numbers(coded(curve), "lam"))
    if not lams.size:
        return []
    at = int(np.argmin(np.abs(lams - middle))) if np.isfinite(middle) else len(lams) // 2
    return [float(lams[place]) for place in sorted({0, at // 2, at, len(lams) - 1})]


def _score_cells(rows: pd.DataFrame, lams: Sequence[float]) -> list[str]:
    codec = pick(rows, method="codec")
    parts = [pick(rows, method="clean"), *(at_lam(codec, lam) for lam in lams)]
    return [_score(records(part)[0]) if len(part) else "–" for part in parts]


def _score(row: Mapping[str, Any]) -> str:
    value, low, high = (100 * float(np.clip(row[key], 0, 1)) for key in ("value", "low", "high"))
    text = f"{fixed(value, decimals=0)} %"
    if np.isfinite(low):
        ends = f"{fixed(low, decimals=0)} to {fixed(high, decimals=0)}"
        text += f' <span class="range">({ends})</span>'
    return f"{text} ○" if row["constant"] else text


def claims_table(given: Material, claims: Sequence[Claim]) -> str:
    """Return the comparisons of drift with their references, corrected for their number."""
    if not claims:
        return ""
    head = ["Codebook", "Toward", "Beyond the blur, degrees (95 %)", "p, corrected", "Verdict"]
    rows = [
        [*row[:-1], f'<span class="verdict {row[-1].split()[0]}">{VERDICTS[row[-1]]}</span>']
        for row in claim_rows(claims)
    ]
    caption = (
        f"Drift beyond a plain blur of equal distortion at {lam_text(given.lam)} on "
        f"{protocol_words(given.protocol)}, all clips together; p-values are corrected for the "
        f"{len(claims)} comparisons of this table (Holm). A biased codebook is compared with a "
        "blur toward its own emotion."
    )
    return html_table(head, rows, caption=caption)


def provenance_rows(given: Material) -> list[tuple[str, str]]:
    """Return where the numbers come from: terms and HTML."""
    summary = given.run.summary
    origin = mapping(summary, "provenance")
    versions, durations = mapping(origin, "versions"), mapping(origin, "durations_s")
    seconds = [f"{plain(name)} {number(float(value))} s" for name, value in durations.items()]
    packages = [f"{plain(name)} {plain(version)}" for name, version in versions.items()]
    rows = (
        ("Corpus", plain(summary.get("corpus") or "")),
        ("Language", plain(summary.get("language") or "")),
        ("Licence of the data", plain_long(str(summary.get("licence") or "not stated"))),
        ("Embedder", _embedder_text(given)),
        ("Codec", codec_words(summary)),
        ("λ ladder", _ladder_text(summary.get("ladder"), summary.get("lam_raw_per_lam"))),
        ("Seeds", plain(", ".join(map(str, summary.get("seeds") or [])))),
        ("Run", f"{plain(given.run.name)}, {_short(summary.get('fingerprint'))}"),
        ("Computed", plain(origin.get("when") or "")),
        (
            "Machine",
            plain(", ".join(str(origin[k]) for k in ("platform", "device") if k in origin)),
        ),
        ("Versions", ", ".join(packages)),
        ("Time", ", ".join(seconds)),
    )
    return [(term, text) for term, text in rows if text]


def codec_words(summary: Mapping[str, Any]) -> str:
    """Say the shape of the codec, e.g. "1 group × 8 stages × 32 codes"; empty where unknown."""
    return " × ".join(
        counted(value, word)
        for key, word in (("groups", "group"), ("stages", "stage"), ("codes", "code"))
        if isinstance(value := summary.get(key), int)
    )


def _embedder_text(given: Material) -> str:
    dims, level = given.run.summary.get("num_dims"), given.run.summary.get("level")
    parts = [plain(given.run.embedder)]
    parts += [counted(int(dims), "dimension")] if dims else []
    parts += [f"one vector per {plain(level)}"] if level else []
    return ", ".join(part for part in parts if part)


def _ladder_text(ladder: Any, raw: Any) -> str:
    if not isinstance(ladder, list) or not ladder:
        return ""
    lams = [float(lam) for lam in ladder]
    text = f"{len(lams)} values from {number(min(lams))} to {number(max(lams))}"
    if isinstance(raw, int | float):
        text += f"; times {number(float(raw))} in the embedder's own units"
    return text


def _short(fingerprint: Any) -> str:
    return f"<code>{plain(fingerprint)[:12]}</code>" if fingerprint else ""
