"""What a run shows, in headline numbers and sentences, and what cannot be told from it.

Everything is computed from the tables; texts are HTML with names escaped.
"""

from dataclasses import dataclass

import numpy as np

from quantlab.analysis import MIN_CLUSTERS
from quantlab.figures.claims import NOTHING, read_drift
from quantlab.figures.material import METRIC, Material
from quantlab.figures.readings import (
    constant_lam,
    read_accuracy,
    read_biased,
    read_rate,
    read_similarity,
)
from quantlab.figures.runs import RunTables
from quantlab.figures.tables import at_lam, coded, numbers, pick
from quantlab.figures.words import (
    ALL,
    BIASED,
    counted,
    fixed,
    joined,
    lam_text,
    plain,
    plain_long,
    share,
)

_SENTENCE_LAM = (
    "Unless another λ is named, sentences speak of {lam}, where the similarity of the whole set "
    "has first fallen to half of its start or below."
)


@dataclass(frozen=True)
class Findings:
    """What a run shows.

    Attributes
    ----------
    lam : float
        The λ that the sentences speak of; NaN where there are no similarities.
    note : str
        Why that λ.
    headlines : tuple of (str, str)
        Numbers and what they are.
    sentences : tuple of (str, str)
        Subjects and what is found; HTML.
    limits : tuple of str
        What cannot be told; HTML.
    """

    lam: float
    note: str
    headlines: tuple[tuple[str, str], ...]
    sentences: tuple[tuple[str, str], ...]
    limits: tuple[str, ...]


def findings(run: RunTables) -> Findings:
    """Return what a run shows.

    Parameters
    ----------
    run : RunTables
        Missing tables are taken as empty.

    Returns
    -------
    Findings

    Raises
    ------
    IntegrityError
        A table is damaged.
    """
    return findings_of(Material.of(run))


def findings_of(material: Material) -> Findings:
    """Return what a run shows; see `findings`."""
    headlines = (
        *_people(material),
        *_scores(material),
        _similarity(material),
        _bits(material),
    )
    lam = material.lam
    return Findings(
        lam=lam,
        note=_SENTENCE_LAM.format(lam=lam_text(lam)) if np.isfinite(lam) else "",
        headlines=tuple((value, label) for value, label in headlines if value),
        sentences=tuple(_sentences(material)),
        limits=tuple(_limits(material)),
    )


def _people(material: Material) -> list[tuple[str, str]]:
    run = material.run
    items = run.summary.get("num_items")
    what = counted(int(items), "clip") if isinstance(items, int) else ""
    cards = [
        (what, f"{counted(len(run.emotions), 'emotion')}, {counted(run.num_speakers, 'speaker')}")
    ]
    chance = 1 / len(run.emotions)
    return [*cards, (share(chance), "chance: what guessing recognises")]


def _scores(material: Material) -> list[tuple[str, str]]:
    rows = pick(
        material.accuracy,
        metric="uar",
        emotion=ALL,
        recipe="balanced",
        probe=material.probe,
        protocol=material.protocol,
    )
    cards = []
    for part, label in (
        (pick(rows, method="clean"), "recognised unquantized, new speakers"),
        (
            at_lam(pick(rows, method="codec"), material.lam),
            f"recognised at {lam_text(material.lam)}",
        ),
    ):
        if len(part):
            value, low, high = (float(numbers(part, name)[0]) for name in ("value", "low", "high"))
            ends = f" ({share(low)} to {share(high)})" if np.isfinite(low) else ""
            cards.append((share(value), f"{label}{ends}"))
    return cards


def _similarity(material: Material) -> tuple[str, str]:
    rows = pick(
        material.similarity,
        metric="cos_centred_frames",
        emotion=ALL,
        recipe="balanced",
        method="codec",
        protocol=material.protocol,
    )
    rows = coded(rows)
    if rows.empty:
        return "", ""
    first, there = numbers(rows, "value")[0], numbers(at_lam(rows, material.lam), "value")[0]
    return f"{fixed(first)} → {fixed(there)}", f"similarity from λ = 0 to {lam_text(material.lam)}"


def _bits(material: Material) -> tuple[str, str]:
    rows = pick(
        material.rate,
        metric="bits_per_vector",
        emotion=ALL,
        recipe="balanced",
        method="codec",
        protocol=material.protocol,
    )
    at = at_lam(rows, material.lam)
    if at.empty:
        return "", ""
    first, there = numbers(coded(rows), "value")[0], numbers(at, "value")[0]
    ends = f"{fixed(first, decimals=1)} → {fixed(there, decimals=1)}"
    return ends, f"bits per vector from λ = 0 to {lam_text(material.lam)}"


def _sentences(given: Material) -> list[tuple[str, str]]:
    """Return subjects and findings; HTML."""
    similar = {"metric": METRIC, "lam": given.lam, "protocol": given.protocol}
    found = [
        ("Similarity", read_similarity(given.similarity, **similar)),
        ("Recognition", read_accuracy(given.accuracy, probe=given.probe, lam=given.lam)),
        ("Bits", read_rate(given.rate, protocol=given.protocol)),
        ("Drift", read_drift(given.drifts)),
        (
            "Codebooks of one emotion",
            read_biased(given.similarity, given.attraction, given.drifts, **similar),
        ),
    ]
    return [(term, text) for term, text in found if text != NOTHING]


def _limits(given: Material) -> list[str]:
    """Return what cannot be told from this run, one sentence each."""
    run, speakers = given.run, given.run.num_speakers
    notes = [str(note).rstrip(".") + "." for note in run.summary.get("notes") or []]
    found = [plain_long(note[:1].upper() + note[1:]) for note in notes]
    if 0 < speakers < MIN_CLUSTERS:
        found.append(
            f"With {counted(speakers, 'speaker')} no comparison supports a claim; at least "
            f"{MIN_CLUSTERS} are needed. Curves and intervals are shown for orientation only."
        )
    elif speakers and speakers <= 2 * MIN_CLUSTERS:
        found.append(
            f"{counted(speakers, 'speaker')} are few: intervals rest on {speakers - 1} degrees of "
            "freedom, and a difference that they do not show may still be there."
        )
    seeds = list(run.summary.get("seeds") or [])
    if len(seeds) == 1:
        found.append(
            "Every codec was trained once. How much another random start would change is not "
            "part of the intervals."
        )
    found += [f"This run is incomplete: {plain(note)}." for note in run.notes]
    skipped = int(run.summary.get("num_skipped") or 0)
    if skipped:
        found.append(
            f"{counted(skipped, 'clip')} could not be embedded; see <code>skipped.csv</code>."
        )
    found += _limits_of_tables(given)
    return found


_STUDIES: tuple[tuple[str, str], ...] = (
    ("matched", "comparisons at equal bits or equal distortion"),
    ("displacement", "displacement apart from the way to the mean"),
    ("information", "probes fitted anew on quantized clips"),
    ("routing", "codebooks as a classifier"),
    ("ambiguity", "clear and ambiguous clips"),
    ("stages", "single stages"),
    ("mixing", "mixed references"),
    ("routes", "the way through neutral"),
)


def _limits_of_tables(given: Material) -> list[str]:
    found = []
    if given.claims.empty:
        found.append("No claims were judged in this run, so the page has no table of verdicts.")
    missing = [words for name, words in _STUDIES if getattr(given, name).empty]
    if missing:
        found.append(f"This run holds nothing about {joined(missing, last='or')}.")
    flat = constant_lam(given.rate, protocol=given.protocol)
    if np.isfinite(flat):
        found.append(
            f"From {lam_text(flat)} on the balanced codec emits one sequence for everything. "
            "Recall and similarity there describe that constant, not the robustness of an emotion."
        )
    untold = [plain(claim.toward) for claim in given.drifts if claim.verdict == "cannot tell"]
    if untold:
        found.append(f"Drift toward {joined(sorted(set(untold)))} cannot be judged.")
    text = set(pick(given.similarity, protocol="text")["recipe"])
    biased = [name for name in set(given.similarity["recipe"]) if str(name).startswith(BIASED)]
    if "text" in given.run.protocols and biased and not text.intersection(biased):
        found.append(
            "Codebooks of single emotions were tested on new speakers only, not on new sentences "
            "of known speakers."
        )
    if given.run.summary.get("level") == "utterance":
        found.append(
            "There is one vector per clip, so similarity of frames and of time means are the same, "
            "and nothing is said about how emotion moves within a clip."
        )
    clean = pick(
        given.accuracy,
        method="clean",
        metric="uar",
        probe=given.probe,
        protocol=given.protocol,
        emotion=ALL,
    )
    if len(clean) and float(numbers(clean, "low")[0]) <= float(numbers(clean, "chance")[0]):
        found.append(
            "Unquantized embeddings are not recognised above chance, so what quantization does to "
            "recognition cannot be seen."
        )
    return found
