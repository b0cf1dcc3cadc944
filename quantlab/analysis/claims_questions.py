"""Claims on ambiguity (§3), on the three applications, and on the follow-up's RQ1 to RQ4."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from quantlab.analysis.ambiguity import AGREEMENT
from quantlab.analysis.effects import Term, estimate
from quantlab.analysis.evidence import CLEAN, REFERENCES, Evidence, untested
from quantlab.analysis.items import BALANCED, PAYLOAD, nearest
from quantlab.analysis.matched import HALF, answers_at_level, level_of, matched
from quantlab.analysis.mixing import mixing_effect, routes_effect
from quantlab.analysis.routing import routing_gain
from quantlab.analysis.verdicts import Claim, Finding

_NO_BIASED = "the study has no codebooks of single emotions"
_NO_CORPUS = "the study leaves no corpus out"
_NO_MIXING = "the study mixes no references; set mixing.pairs"
_NO_ROUTES = "the study compares no routes; set mixing.routes"

# Noise leaves a linear probe nearly all it needs; an ideal code loses as a codec does.
_LOSING = {name: REFERENCES[name] for name in ("water_mean", "noise_matched")}

_AMBIGUOUS = Claim(
    claim="3",
    section="§3",
    statement="Quantization changes the recognition of ambiguous clips otherwise than that of "
    "clear ones",
    test="recognised share, codec minus reference, ambiguous less clear clips: a clear clip has "
    "more to lose, so the change alone would tell nothing",
    unit="share recognised",
    figure="ambiguity",
    direction=0,
)
_NEUTRAL_FIRST = Claim(
    claim="A1",
    section="applications",
    statement="Quantizing with a neutral codebook first gets nearer to the target emotion than "
    "going there directly",
    test="share of the way from the speaker's mean to the speaker's own clips of the target, which "
    "no codebook has seen: neutral codebook then the target's, less the target's alone, at equal "
    "bits and at equal distortion",
    unit="share of the way",
    figure="routes",
)
_SEVERAL = Claim(
    claim="A2",
    section="applications",
    statement="Several references mixed by codebooks carry both emotions at once, more than "
    "either reference alone",
    test="lesser of the two posteriors, coarse stages of one reference and fine stages of the "
    "other, less each reference by itself",
    unit="posterior",
    figure="mixing",
)
_MIXED = Claim(
    claim="A3",
    section="applications",
    statement="A codebook trained on two emotions mixes them, more than a plain blur toward both",
    test="lesser of the two posteriors, half-and-half reference quantized by the mixed codebook, "
    "less a blur of equal distortion toward both emotions",
    unit="posterior",
    figure="mixing",
)
_STAGES = Claim(
    claim="RQ1a",
    section="RQ1",
    statement="Later stages of a balanced codebook add recognisable emotion",
    test="recall, mean over emotions, all stages less the first alone, at λ = 0",
    unit="share recognised",
    figure="stages",
)
_TRANSFER = Claim(
    claim="RQ1b",
    section="RQ1",
    statement="A codebook from another corpus keeps less recognisable emotion",
    test="loss of recall from unquantized to λ = 0, new corpora less new speakers, mean over "
    "emotions",
    unit="share recognised",
    figure="stages",
)
_RECALL_OWN = Claim(
    claim="RQ2a",
    section="RQ2",
    statement="A biased codebook keeps its own emotion recognised better than others",
    test="hit rate less false alarms at equal bits, biased minus balanced codec, own emotion less "
    "the others, mean over codebooks",
    unit="share",
    figure="recipe-matrix-bits",
)
_TOKENS = Claim(
    claim="RQ2b",
    section="RQ2",
    statement="A biased codebook spreads its tokens otherwise on its own emotion than on others",
    test="normalised token entropy at λ = 0, biased minus balanced codec, own emotion less the "
    "others, mean over codebooks",
    unit="share of the largest entropy",
    figure="recipe-matrix-bits",
    direction=0,
)
_LABELS_LEFT = Claim(
    claim="RQ3",
    section="RQ3",
    statement="A biased codebook takes other emotions farther from what annotators hear in them "
    "than its own",
    test="Jensen–Shannon divergence to votes, or to a cross-fitted probe where there are none, at "
    "equal bits, biased minus balanced codec, others less own, mean over codebooks",
    unit="bits",
    figure="ambiguity",
)
_ROUTING = Claim(
    claim="RQ4",
    section="RQ4",
    statement="Choosing the codebook that reconstructs best tells emotion better than the plain "
    "classifier",
    test="macro-F1, highest cosine less that of the balanced codec, less the clean probe's",
    unit="macro-F1",
    figure="routing",
)


def question_claims(evidence: Evidence) -> list[Finding]:
    """Test §3, the applications and RQ1 to RQ4.

    Parameters
    ----------
    evidence : Evidence
        A study; what it lacks makes its claim untested.

    Returns
    -------
    list of Finding
    """
    return [
        _ambiguity(evidence),
        _neutral_first(evidence),
        *_mixtures(evidence),
        _stages(evidence),
        _transfer(evidence),
        *_biased(evidence),
        _routing(evidence),
    ]


def _ambiguity(evidence: Evidence) -> Finding:
    table, known = evidence.items, evidence.agreement
    references = evidence.there(_LOSING)
    if known is None or "water_mean" not in references:
        return untested(_AMBIGUOUS, "agreement is unknown, or the study lacks water_mean")
    classes = known.set_index("item")["agreement"].reindex(table.item).to_numpy(object)
    groups = np.array([AGREEMENT.index(name) if name in AGREEMENT else 1 for name in classes])
    weights = np.zeros(len(AGREEMENT))
    weights[AGREEMENT.index("ambiguous")], weights[AGREEMENT.index("clear")] = 1.0, -1.0
    hits = table.hits(evidence.answers, lam=evidence.lam)
    comparisons = {}
    for method, words in references.items():
        beyond = hits - table.hits(evidence.answers, lam=evidence.lam, method=method)
        comparisons[words] = [Term(values=beyond, weights=weights)]
    return evidence.found(_AMBIGUOUS, comparisons, groups=groups)


def _neutral_first(evidence: Evidence) -> Finding:
    if evidence.routes is None or evidence.routes.empty:
        return untested(_NEUTRAL_FIRST, _NO_ROUTES)
    return _paired(
        _NEUTRAL_FIRST, {"the direct route at equal bits": routes_effect(evidence.routes)}
    )


def _mixtures(evidence: Evidence) -> list[Finding]:
    rows = evidence.mixing
    if rows is None or rows.empty:
        return [untested(claim, _NO_MIXING) for claim in (_SEVERAL, _MIXED)]
    lams = np.unique(rows["lam"].to_numpy(np.float64))
    lam = nearest(lams, evidence.lam)
    singles = {
        f"the {words} reference alone": mixing_effect(rows, way="stages", reference=single, lam=lam)
        for words, single in (("first", "single_first"), ("second", "single_second"))
    }
    mixed = mixing_effect(rows, way="barycentre", reference="mixed_blur", lam=lam)
    return [
        _paired(_SEVERAL, singles),
        _paired(_MIXED, {"plain blur toward both, of equal distortion": mixed}),
    ]


def _paired(claim: Claim, effects: dict[str, pd.DataFrame]) -> Finding:
    """Test paired values of items that stand in tables of their own."""
    if any(part.empty for part in effects.values()):
        return untested(claim, "a side of the comparison is missing")
    estimates = {
        words: estimate(
            [Term(values=part["value"].to_numpy(float), weights=np.ones(1))],
            groups=np.zeros(len(part), np.int64),
            speakers=pd.factorize(part["speaker"])[0],
            texts=pd.factorize(part["text_id"].replace("", np.nan))[0],
        )
        for words, part in effects.items()
    }
    return Finding(claim=claim, estimates=estimates)


def _stages(evidence: Evidence) -> Finding:
    table = evidence.items
    stages = sorted(
        (name for name in table.methods() if name.startswith("stages_")),
        key=lambda name: int(name.rpartition("_")[2]),
    )
    if len(stages) < 2:
        return untested(_STAGES, "the study has no stage-wise rows, or a single stage")
    first, last = (
        table.hits(evidence.answers, lam=0.0, method=name) for name in (stages[0], stages[-1])
    )
    terms = [Term(values=last - first, weights=evidence.all_but())]
    return evidence.found(_STAGES, {"the first stage alone": terms})


def _transfer(evidence: Evidence) -> Finding:
    if evidence.corpus is None:
        return untested(_TRANSFER, _NO_CORPUS)
    lost = []
    for table in (evidence.corpus, evidence.items):
        start = float(table.lams()[0])
        clean = table.hits(evidence.answers, lam=float("nan"), method=CLEAN)
        loss = clean - table.hits(evidence.answers, lam=start)
        lost.append(pd.Series(loss, index=table.item))
    beyond = (lost[0] - lost[1]).reindex(evidence.items.item).to_numpy(float)
    terms = [Term(values=beyond, weights=evidence.all_but())]
    return evidence.found(_TRANSFER, {"a codebook of the same corpora, new speakers": terms})


def _biased(evidence: Evidence) -> list[Finding]:
    claims = (_RECALL_OWN, _TOKENS, _LABELS_LEFT)
    if not evidence.biased:
        return [untested(claim, _NO_BIASED) for claim in claims]
    return [_recall_own(evidence), _tokens(evidence), _labels_left(evidence)]


def _recall_own(evidence: Evidence) -> Finding:
    table, num_emotions = evidence.items, len(evidence.items.emotions)
    at = {"axis": PAYLOAD, "level": level_of(table, PAYLOAD, HALF)}
    balanced = answers_at_level(table, evidence.answers, **at)
    terms: list[Term] = []
    for place, recipe in evidence.biased.items():
        change = answers_at_level(table, evidence.answers, **at, recipe=recipe) - balanced
        for other, term in enumerate(evidence.informedness(change)):
            side = 1.0 if other == place else -1.0 / (num_emotions - 1)
            terms.append(
                Term(
                    values=term.values,
                    weights=term.weights,
                    factor=side / len(evidence.biased),
                )
            )
    return evidence.found(_RECALL_OWN, {"the balanced codebook at equal bits": terms})


def _tokens(evidence: Evidence) -> Finding:
    start = float(evidence.items.lams()[0])

    def read(recipe: str) -> np.ndarray:
        return evidence.coded("emotion_token_entropy", lam=start, recipe=recipe)

    return _own_less_others(evidence, _TOKENS, "emotion_token_entropy", read, sign=1.0)


def _labels_left(evidence: Evidence) -> Finding:
    level = level_of(evidence.items, PAYLOAD, HALF)

    def read(recipe: str) -> np.ndarray:
        found = matched(evidence.items, "js_bits", axis=PAYLOAD, level=level, recipe=recipe)
        return found.values

    return _own_less_others(evidence, _LABELS_LEFT, "js_bits", read, sign=-1.0)


def _own_less_others(
    evidence: Evidence,
    claim: Claim,
    column: str,
    read: Callable[[str], np.ndarray],
    *,
    sign: float,
) -> Finding:
    if not evidence.items.has(column):
        return untested(claim, f"the study has no {column}; sweep it again")
    balanced = read(BALANCED)
    terms: Sequence[Term] = [
        Term(
            values=read(recipe) - balanced,
            weights=evidence.against_others(place),
            factor=sign / len(evidence.biased),
        )
        for place, recipe in evidence.biased.items()
    ]
    return evidence.found(claim, {"the balanced codebook": terms})


def _routing(evidence: Evidence) -> Finding:
    table = evidence.corpus or evidence.items
    if len(evidence.biased) < len(table.emotions) or CLEAN not in table.methods():
        return untested(_ROUTING, "not every emotion of the study has a codebook of its own")
    found = routing_gain(table, lam=table.half_lam(), probe=evidence.answers)
    return Finding(claim=_ROUTING, estimates={"the clean probe": found})
