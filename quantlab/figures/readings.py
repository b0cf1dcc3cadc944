"""What the tables say, in sentences: the text beside the report's figures.

Every number and every name comes from the tables; where an order cannot be told from the
intervals, the sentence says so. Sentences are HTML with all names escaped.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from quantlab.figures.biased import biased_classes
from quantlab.figures.claims import NOTHING, Claim
from quantlab.figures.compare import REDUCTIONS
from quantlab.figures.tables import at_lam, coded, nearest_lam, numbers, pick, records, where
from quantlab.figures.words import (
    ALL,
    biased_recipe,
    counted,
    emotion_order,
    fixed,
    interval_text,
    joined,
    lam_text,
    method_words,
    plain,
    probe_words,
    protocol_words,
    sentence_case,
    share,
)

_FLAT = 1e-9


def half_lam(similarity: pd.DataFrame, *, metric: str, protocol: str = "speaker") -> float:
    """Return the smallest λ at which the set's similarity has fallen to half of its start.

    Parameters
    ----------
    similarity : pd.DataFrame
        The run's table `similarity`.
    metric, protocol : str
        Which rows; always the balanced codebook.

    Returns
    -------
    float
        The largest λ if it never falls so far, NaN where there are no rows.
    """
    whole = _codec(similarity, metric=metric, protocol=protocol, emotion=ALL)
    if whole.empty:
        return float("nan")
    values, lams = numbers(whole, "value"), numbers(whole, "lam")
    fallen = np.flatnonzero(values <= 0.5 * values[0])
    return float(lams[fallen[0]] if fallen.size else lams[-1])


def constant_lam(rate: pd.DataFrame, *, protocol: str = "speaker") -> float:
    """Return the smallest λ from which every vector gets the same symbols, NaN if there is none."""
    entropy = _codec(rate, metric="entropy_bits", protocol=protocol, emotion=ALL)
    flat = numbers(entropy, "value") <= _FLAT
    if not flat.size or not flat[-1]:
        return float("nan")
    first = len(flat) - int(np.argmin(flat[::-1])) if not flat.all() else 0
    return float(numbers(entropy, "lam")[first])


def _codec(table: pd.DataFrame, **keys: str) -> pd.DataFrame:
    return coded(pick(table, recipe="balanced", method="codec", **keys))


def read_similarity(
    similarity: pd.DataFrame, *, metric: str, lam: float, protocol: str = "speaker"
) -> str:
    """Say which emotion keeps the most similarity at λ, and which the least."""
    rows = at_lam(_codec(similarity, metric=metric, protocol=protocol), lam)
    if rows.empty:
        return NOTHING
    whole = numbers(pick(rows, emotion=ALL), "value")
    extremes = _extremes(where(rows, rows["emotion"] != ALL))
    at = f"At {lam_text(lam)} the similarity of the whole set is {fixed(float(whole[0]))}"
    return f"{at}; {extremes}" if extremes else f"{at}."


def read_half_points(similarity: pd.DataFrame, *, metric: str, protocol: str = "speaker") -> str:
    """Say at which λ each emotion has lost half of its similarity."""
    rows = _codec(similarity, metric=metric, protocol=protocol)
    lost, kept = [], []
    for name in emotion_order(rows["emotion"]):
        curve = pick(rows, emotion=name)
        values, lams = numbers(curve, "value"), numbers(curve, "lam")
        fallen = np.flatnonzero(values <= 0.5 * values[0])
        if fallen.size:
            lost.append((float(lams[fallen[0]]), name))
        else:
            kept.append(plain(name))
    if not lost and not kept:
        return NOTHING
    places = [f"<b>{plain(name)}</b> ({lam_text(lam)})" for lam, name in sorted(lost)]
    text = f"Half of the similarity is lost first by {joined(places)}." if places else ""
    if kept:
        verb = "keeps" if len(kept) == 1 else "keep"
        text += f" {joined(kept)} {verb} more than half up to the largest λ."
    return text.strip()


def _extremes(rows: pd.DataFrame, *, as_share: bool = False) -> str:
    """Name the emotions with the largest and smallest value, and whether the order is sure."""
    if len(rows) < 2:
        return ""
    ordered = records(rows.sort_values("value", kind="stable"))
    least, most = ordered[0], ordered[-1]
    sure = least["high"] < most["low"]
    best, worst = ("is recognised best", "worst") if as_share else ("keeps the most", "the least")
    text = (
        f"<b>{plain(most['emotion'])}</b> {best}, {_value(most, as_share=as_share)}, and "
        f"<b>{plain(least['emotion'])}</b> {worst}, {_value(least, as_share=as_share)}."
    )
    if sure:
        return text
    return f"{text} Their intervals overlap or are missing, so their order cannot be told."


def _value(row: Mapping[str, Any], *, as_share: bool = False) -> str:
    value, low, high = (float(row[name]) for name in ("value", "low", "high"))
    if not as_share:
        return interval_text(value, low, high)
    low, high = float(np.clip(low, 0, 1)), float(np.clip(high, 0, 1))  # NaN stays NaN
    ends = f" ({share(low)} to {share(high)})" if np.isfinite([low, high]).all() else ""
    return share(value) + ends


def read_rate(rate: pd.DataFrame, *, protocol: str = "speaker") -> str:
    """Say how far bits fall, and from where on the output is constant."""
    bits = _codec(rate, metric="bits_per_vector", protocol=protocol, emotion=ALL)
    if bits.empty:
        return NOTHING
    first, last = bits.iloc[0], bits.iloc[-1]
    text = (
        f"The code length falls from {fixed(first['value'], decimals=1)} bits per vector at "
        f"{lam_text(first['lam'])} to {fixed(last['value'], decimals=1)} at "
        f"{lam_text(last['lam'])}."
    )
    flat = constant_lam(rate, protocol=protocol)
    if np.isfinite(flat):
        text += (
            f" From {lam_text(flat)} on every vector gets the same symbols: what is similar there "
            "is similar to a constant, and bits are still paid for it."
        )
    return text


def read_limits(
    similarity: pd.DataFrame, rate: pd.DataFrame, limits: pd.DataFrame, *, protocol: str = "speaker"
) -> str:
    """Say how many bits the codec writes where the limits need how many, at two λ."""
    lost = _codec(similarity, metric="distortion", protocol=protocol, emotion=ALL)
    paid = _codec(rate, metric="payload_bits", protocol=protocol, emotion=ALL)
    known = (limits["protocol"] == protocol) & (limits["metric"] == "distortion")
    known = where(limits, known & (limits["emotion"] == ALL))
    if lost.empty or paid.empty or known.empty:
        return NOTHING
    sentences = []
    for place in sorted({0, len(lost) // 2}):
        lam, distortion = (float(numbers(lost, name)[place]) for name in ("lam", "value"))
        bits = float(numbers(at_lam(paid, lam), "value")[0])
        needed = {
            name: fixed(_needed(where(known, known["limit"] == name), distortion), decimals=1)
            for name in ("gaussian", "class_known", "class_told")
        }
        sentences.append(
            f"At {lam_text(lam)} the codec writes <b>{fixed(bits, decimals=1)} bits</b> per "
            f"vector. For the same distortion one Gaussian needs {needed['gaussian']}, and one "
            f"Gaussian per emotion at least {needed['class_known']} and at most "
            f"{needed['class_told']}."
        )
    return " ".join(sentences)


def _needed(limit: pd.DataFrame, distortion: float) -> float:
    ordered = limit.sort_values("value", kind="stable")
    places, bits = numbers(ordered, "value"), numbers(ordered, "bits")
    return float(np.interp(distortion, places, bits, left=np.nan))


def read_accuracy(accuracy: pd.DataFrame, *, probe: str, lam: float, metric: str = "uar") -> str:
    """Say what the probe scores unquantized, at λ and after the plain blur, beside chance."""
    rows = pick(accuracy, probe=probe, metric=metric, recipe="balanced", emotion=ALL)
    sentences = []
    for protocol in ("speaker", "corpus", "text"):
        part = pick(rows, protocol=protocol)
        clean = pick(part, method="clean")
        there = at_lam(pick(part, method="codec"), nearest_lam(part, lam))
        if clean.empty or there.empty:
            continue
        at = float(there["lam"].iloc[0])
        text = (
            f"On {protocol_words(protocol)} the probe ({probe_words(probe)}) scores "
            f"{_value(records(clean)[0], as_share=True)} unquantized and "
            f"<b>{_value(records(there)[0], as_share=True)}</b> at {lam_text(at)}"
        )
        blur = at_lam(pick(part, method="shrink_mean"), at)
        if len(blur):
            blurred = _value(records(blur)[0], as_share=True)
            text += f", against {blurred} after a plain blur of equal distortion"
        sentences.append(f"{text}; chance is {share(float(there['chance'].iloc[0]))}.")
        sentences.append(_chance_from(pick(part, method="codec"), protocol))
    return " ".join(part for part in sentences if part) or NOTHING


def _chance_from(curve: pd.DataFrame, protocol: str) -> str:
    """Say from which λ on the interval always reaches chance."""
    curve = coded(curve)
    at_chance = numbers(curve, "low") <= numbers(curve, "chance")
    if not at_chance.size or not at_chance[-1]:
        return ""
    above = np.flatnonzero(~at_chance)
    first = int(above[-1]) + 1 if above.size else 0
    lam = float(numbers(curve, "lam")[first])
    return f"From {lam_text(lam)} on its interval reaches down to chance."


def read_recalls(
    accuracy: pd.DataFrame, *, probe: str, lam: float, protocol: str = "speaker"
) -> str:
    """Say which emotion is still recognised at λ, and which is not."""
    rows = _codec(accuracy, probe=probe, metric="recall", protocol=protocol)
    rows = at_lam(rows, nearest_lam(rows, lam))
    if rows.empty:
        return NOTHING
    text = f"On {protocol_words(protocol)} at {lam_text(float(rows['lam'].iloc[0]))}, "
    text += _extremes(rows, as_share=True)
    if numbers(rows, "constant").any():
        text += " The probe gives every clip the same label there, so recall says nothing."
    return text


def read_confusion(
    confusion: pd.DataFrame, *, probe: str, lam: float, protocol: str = "speaker"
) -> str:
    """Say which confusion is the most frequent at λ."""
    rows = _codec(confusion, probe=probe, protocol=protocol)
    rows = at_lam(rows, nearest_lam(rows, lam))
    if rows.empty:
        return NOTHING
    counts = {(row["emotion"], row["predicted"]): int(row["count"]) for row in records(rows)}
    totals, answers = Counter[str](), Counter[str]()
    for (true, answer), count in counts.items():
        totals[true] += count
        answers[answer] += count
    wrong = {pair: count / totals[pair[0]] for pair, count in counts.items() if pair[0] != pair[1]}
    worst = max(wrong, key=lambda pair: wrong[pair], default=None)
    if worst is None or not wrong[worst]:
        return "Every clip is recognised there."
    common, most = answers.most_common(1)[0]
    return (
        f"The most frequent confusion is <b>{plain(worst[0])}</b> answered as "
        f"<b>{plain(worst[1])}</b> ({share(wrong[worst])} of its clips); {plain(common)} is "
        f"answered for {share(most / answers.total())} of all clips."
    )


def read_reductions(
    similarity: pd.DataFrame, *, metric: str, lam: float, protocol: str = "speaker"
) -> str:
    """Say in which order emotions keep similarity under each way of losing it."""
    rows = pick(similarity, metric=metric, protocol=protocol, recipe="balanced")
    rows = at_lam(rows, nearest_lam(coded(rows), lam))
    orders, texts = {}, []
    for method in REDUCTIONS:
        part = pick(rows, method=method)
        part = where(part, part["emotion"] != ALL).sort_values(
            "value", ascending=False, kind="stable"
        )
        if len(part):
            orders[method] = records(part)
            named = [f"{plain(row['emotion'])} {fixed(row['value'])}" for row in records(part)]
            texts.append(f"{method_words(method)}: {', '.join(named)}")
    if len(orders) < 2:
        return NOTHING
    listed = f"Matched to the set's similarity at {lam_text(lam)} – {'; '.join(texts)}."
    return f"{listed} {_compare(orders)}"


def _compare(orders: Mapping[str, list[dict[str, Any]]]) -> str:
    """Say whether methods spare the same emotion, as far as the intervals part first and last."""
    sure = {
        method: str(rows[0]["emotion"])
        for method, rows in orders.items()
        if rows[0]["low"] > rows[-1]["high"]
    }
    named = joined([method_words(method) for method in sure])
    if not sure:
        return "Under none do the intervals of first and last part, so no order can be told."
    if len(sure) == 1:
        return f"Only under {named} do the intervals of first and last part."
    if len(set(sure.values())) == 1:
        return f"The same emotion keeps the most under {named}."
    return f"Which emotion keeps the most differs between {named}."


def read_biased(
    similarity: pd.DataFrame,
    attraction: pd.DataFrame,
    claims: Sequence[Claim],
    *,
    metric: str,
    lam: float,
    protocol: str = "speaker",
) -> str:
    """Say how many biased codebooks keep their own emotion best and draw others toward it."""
    names = biased_classes(similarity)
    if not names:
        return NOTHING
    rows = pick(similarity, metric=metric, protocol=protocol, method="codec")
    rows = at_lam(rows, nearest_lam(coded(rows), lam))
    rows = where(rows, rows["emotion"] != ALL)
    best, more = [], []
    for name in names:
        own = pick(rows, recipe=biased_recipe(name)).sort_values("value", kind="stable")
        plainly = numbers(pick(rows, recipe="balanced", emotion=name), "value")
        mine = numbers(pick(own, emotion=name), "value")
        if len(own) and own["emotion"].iloc[-1] == name:
            best.append(name)
        if mine.size and plainly.size and mine[0] > plainly[0]:
            more.append(name)
    drawn = [
        claim.toward
        for claim in claims
        if claim.verdict == "above" and claim.codebook != "balanced"
    ]
    return (
        f"At {lam_text(lam)}, {_of(best, names)} on average keep their own emotion more similar "
        f"than any other, and {_of(more, names)} keep it more similar than the balanced codebook "
        f"does. {_read_pull(attraction, names, lam=lam, protocol=protocol)}"
        f"{sentence_case(_of(drawn, names))} draw embeddings toward their emotion by more than a "
        "plain blur toward it explains."
    )


def _read_pull(attraction: pd.DataFrame, names: Sequence[str], *, lam: float, protocol: str) -> str:
    """Say how many codebooks draw clips toward their emotion at all, at the lowest λ and at λ."""
    rows = coded(pick(attraction, protocol=protocol, method="codec", emotion=ALL))
    if rows.empty:
        return ""
    found = []
    for at in dict.fromkeys((float(numbers(rows, "lam").min()), nearest_lam(rows, lam))):
        here = where(at_lam(rows, at), numbers(at_lam(rows, at), "low") > 0)
        own = [name for name in names if len(pick(here, recipe=biased_recipe(name), target=name))]
        plainly = len(pick(here, recipe="balanced", target=names))
        found.append(
            f"{_of(own, names)} at {lam_text(at)} (the balanced codebook toward {plainly} of "
            f"{counted(len(names), 'emotion')})"
        )
    return f"Clips come closer to the codebook's emotion, beyond the interval, in {joined(found)}. "


def _of(found: Sequence[str], names: Sequence[str]) -> str:
    listed = f" ({joined([plain(name) for name in found])})" if 0 < len(found) < len(names) else ""
    return f"{len(found)} of {counted(len(names), 'codebook')}{listed}"
