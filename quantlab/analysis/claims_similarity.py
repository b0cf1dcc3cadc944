"""Claims of the quantization study, §1.1 to §1.3: reductions, efficiency, robustness of neutral."""

import numpy as np

from quantlab.analysis.effects import Term
from quantlab.analysis.evidence import CLEAN, NEUTRAL, Evidence, untested
from quantlab.analysis.items import CODEC, PAYLOAD
from quantlab.analysis.matched import HALF, level_of, matched
from quantlab.analysis.verdicts import Claim, Finding

COSINE = "cos_centred_frames"
DIRECT = "drop_least"
_EVEN = "all emotions alike"

_NEUTRAL_FIRST = Claim(
    claim="1.1a",
    section="§1.1",
    statement="Lowered directly, the similarity of neutral falls before that of other emotions",
    test="loss of centred cosine since λ = 0, neutral less the mean of the others, symbols dropped "
    "one by one until the set's mean cosine has halved",
    unit="cosine",
    figure="reductions-cosine",
)
_HAPPY_NEXT = Claim(
    claim="1.1b",
    section="§1.1",
    statement="Lowered directly, the similarity of happy falls next",
    test="the same for happy, neutral left out of the others",
    unit="cosine",
    figure="reductions-cosine",
)
_OTHERWISE_COSINE = Claim(
    claim="1.1c",
    section="§1.1",
    statement="At equal similarity of the set, codebooks treat neutral better than direct "
    "reduction does",
    test="centred cosine of neutral less that of the others, codec minus direct reduction, at "
    "equal set-mean cosine",
    unit="cosine",
    figure="reductions-cosine",
)
_OTHERWISE_BITS = Claim(
    claim="1.1d",
    section="§1.1",
    statement="At equal bits, codebooks treat neutral better than direct reduction does",
    test="the same at equal bits per vector",
    unit="cosine",
    figure="reductions-bits",
)
_FEWER_BITS = Claim(
    claim="1.2a",
    section="§1.2",
    statement="For equal similarity, codebook and entropy model need fewer bits than direct "
    "reduction",
    test="bits per vector of the reduction less those written by the codec, at equal set-mean "
    "cosine",
    unit="bits per vector",
    figure="reductions-bits",
    rests_on_labels=False,
)
_MORE_EMOTION = Claim(
    claim="1.2b",
    section="§1.2",
    statement="At equal bits, codebook and entropy model keep more recognisable emotion",
    test="recall of the probe, mean over emotions, codec minus direct reduction",
    unit="share recognised",
    figure="reductions-bits",
)
_SLOWEST = Claim(
    claim="1.3a",
    section="§1.3",
    statement="Under quantization the similarity of neutral falls most slowly",
    test="loss of centred cosine from λ = 0 to where the set's mean has halved, each other emotion "
    "less neutral",
    unit="cosine",
    figure="similarity",
)
_ROBUST = Claim(
    claim="1.3b",
    section="§1.3",
    statement="Under quantization neutral stays recognised best",
    test="change of hit rate less false alarms from unquantized to that λ, neutral less the mean "
    "of the other emotions",
    unit="share",
    figure="recognition",
)


def similarity_claims(evidence: Evidence) -> list[Finding]:
    """Test §1.1 to §1.3.

    Parameters
    ----------
    evidence : Evidence
        A study with the balanced codec.

    Returns
    -------
    list of Finding
        1.1a to 1.3b.
    """
    return [
        *_direct(evidence),
        *_efficiency(evidence),
        _most_slowly(evidence),
        _most_robust(evidence),
    ]


def _direct(evidence: Evidence) -> list[Finding]:
    claims = (_NEUTRAL_FIRST, _HAPPY_NEXT, _OTHERWISE_COSINE, _OTHERWISE_BITS)
    neutral = evidence.neutral
    if DIRECT not in evidence.items.methods():
        return [untested(claim, f"the study has no reduction {DIRECT}") for claim in claims]
    if neutral is None:
        return [untested(claim, "there are no neutral clips") for claim in claims]
    weights = evidence.against_others(neutral)
    start, reduced = _start(evidence), evidence.coded(COSINE, method=DIRECT)
    coded = evidence.coded(COSINE)
    bits = _gap_at_equal_bits(evidence, COSINE)
    return [
        evidence.found(claims[0], {_EVEN: [Term(values=start - reduced, weights=weights)]}),
        _happy(evidence, neutral, start - reduced),
        evidence.found(claims[2], {"none": [Term(values=coded - reduced, weights=weights)]}),
        evidence.found(claims[3], {"none": [Term(values=bits, weights=weights)]}),
    ]


def _happy(evidence: Evidence, neutral: int, loss: np.ndarray) -> Finding:
    emotions = evidence.items.emotions
    if "happy" not in emotions or len(emotions) < 3:
        return untested(_HAPPY_NEXT, "there are no happy clips, or no third emotion")
    weights = evidence.against_others(emotions.index("happy"), without=[neutral])
    return evidence.found(_HAPPY_NEXT, {_EVEN: [Term(values=loss, weights=weights)]})


def _efficiency(evidence: Evidence) -> list[Finding]:
    if DIRECT not in evidence.items.methods():
        reason = f"the study has no reduction {DIRECT}"
        return [untested(claim, reason) for claim in (_FEWER_BITS, _MORE_EMOTION)]
    everyone = evidence.all_but()
    saved = evidence.coded(PAYLOAD, method=DIRECT) - evidence.coded(PAYLOAD)
    kept = _gap_at_equal_bits(evidence, f"recall_{evidence.probe}")
    reference = {"the direct reduction": saved}, {"the direct reduction": kept}
    return [
        evidence.found(
            claim,
            {words: [Term(values=values, weights=everyone)] for words, values in part.items()},
        )
        for claim, part in zip((_FEWER_BITS, _MORE_EMOTION), reference, strict=True)
    ]


def _gap_at_equal_bits(evidence: Evidence, column: str) -> np.ndarray:
    """Return codec minus direct reduction for every item, half way between the codec's rates."""
    level = level_of(evidence.items, PAYLOAD, HALF)
    codec, direct = (
        matched(evidence.items, column, axis=PAYLOAD, level=level, method=method).values
        for method in (CODEC, DIRECT)
    )
    return codec - direct


def _most_slowly(evidence: Evidence) -> Finding:
    neutral = evidence.neutral
    if neutral is None:
        return untested(_SLOWEST, "there are no neutral clips")
    loss = _start(evidence) - evidence.coded(COSINE)
    comparisons = {
        name: [Term(values=loss, weights=evidence.one(place) - evidence.one(neutral))]
        for place, name in enumerate(evidence.items.emotions)
        if name != NEUTRAL
    }
    return evidence.found(_SLOWEST, comparisons)


def _most_robust(evidence: Evidence) -> Finding:
    neutral = evidence.neutral
    if neutral is None or CLEAN not in evidence.items.methods():
        return untested(_ROBUST, "there are no neutral clips, or no unquantized rows")
    table, probe = evidence.items, evidence.answers
    change = table.answers(probe, lam=evidence.lam) - table.answers(
        probe, lam=float("nan"), method=CLEAN
    )
    others = -1.0 / (len(table.emotions) - 1)
    terms = [
        Term(
            values=term.values,
            weights=term.weights,
            factor=1.0 if place == neutral else others,
        )
        for place, term in enumerate(evidence.informedness(change))
    ]
    return evidence.found(_ROBUST, {"the other emotions": terms})


def _start(evidence: Evidence) -> np.ndarray:
    return evidence.coded(COSINE, lam=float(evidence.items.lams()[0]))
