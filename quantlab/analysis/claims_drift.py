"""Claims of the quantization study, §1.4, §1.5 and §2: drift, biased codebooks, what is heard."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from quantlab.analysis.effects import Term, estimate
from quantlab.analysis.evidence import (
    BIASED,
    CLASS_REFERENCES,
    NEUTRAL,
    REFERENCES,
    Evidence,
    neutral_minus_others,
    untested,
)
from quantlab.analysis.items import BALANCED, PAYLOAD
from quantlab.analysis.matched import HALF, level_of, matched
from quantlab.analysis.verdicts import Claim, Finding

COSINE = "cos_centred_frames"
_NO_REFERENCE = "the study has no reference matched in distortion"
_NO_WATER = (
    "the study lacks the reference water_mean; turning anywhere moves far classes nearer, which a "
    "blur does not show"
)
_NO_BIASED = "the study has no codebooks of single emotions"
_NO_LISTENING = "no listening run was given; run quantlab listen"
_NO_NEUTRAL = "there are no neutral clips"

_TOWARD_NEUTRAL = Claim(
    claim="1.4a",
    section="§1.4",
    statement="Quantization draws clips of other emotions toward neutral, beyond what equal "
    "distortion does",
    test="attraction to neutral of clips that are not neutral, codec minus reference, where the "
    "set's similarity has halved",
    unit="degrees",
    figure="drift",
)
_NEUTRAL_MOST = Claim(
    claim="1.4b",
    section="§1.4",
    statement="The drift is toward neutral rather than toward other emotions",
    test="attraction to neutral less the mean attraction to the other emotions that are not the "
    "clip's own, codec minus reference",
    unit="degrees",
    figure="drift",
)
_DISPLACED = Claim(
    claim="1.4c",
    section="§1.4",
    statement="Beyond shrinkage to the mean, clips are displaced toward neutral",
    test="regression coefficient of the displacement toward neutral less the mean of those toward "
    "the other emotions that are not the clip's own, codec minus reference",
    unit="share of the way",
    figure="displacement",
)
_OWN_SIMILAR = Claim(
    claim="1.5a",
    section="§1.5",
    statement="A codebook trained on one emotion keeps that emotion more similar than others",
    test="centred cosine at equal bits, biased minus balanced codec, own emotion less the others, "
    "mean over codebooks",
    unit="cosine",
    figure="recipe-matrix-bits",
)
_OWN_ATTRACTS = Claim(
    claim="1.5b",
    section="§1.5",
    statement="A codebook trained on one emotion draws clips of others toward it, beyond what "
    "equal distortion does",
    test="attraction of other clips to the codebook's emotion, codec minus reference, where the "
    "set's similarity has halved, mean over codebooks",
    unit="degrees",
    figure="biased",
)
_FROM_START = Claim(
    claim="1.5c",
    section="§1.5",
    statement="That attraction is there from the start, at λ = 0",
    test="the same at λ = 0",
    unit="degrees",
    figure="biased",
)
_HEARD_NEUTRAL = Claim(
    claim="2.1",
    section="§2.1",
    statement="Speech converted with a more strongly quantized reference sounds more neutral",
    test="posterior of neutral for the listener, targets other than neutral, strongest "
    "quantization that keeps the codec alive less unquantized, minus the mean of the other "
    "emotions that are not the target",
    unit="posterior",
    figure="",
)
_HEARD_BIAS = Claim(
    claim="2.2",
    section="§2.2",
    statement="Speech converted with a reference from a biased codebook sounds more like its "
    "emotion",
    test="posterior of the codebook's emotion for the listener, other targets, biased minus "
    "balanced codec, mean over λ and codebooks",
    unit="posterior",
    figure="",
)


def drift_claims(evidence: Evidence) -> list[Finding]:
    """Test §1.4.

    Parameters
    ----------
    evidence : Evidence
        A study with references matched in distortion.

    Returns
    -------
    list of Finding
        1.4a to 1.4c; each has to hold beyond every reference of the study.
    """
    neutral = evidence.neutral
    references = evidence.there(REFERENCES)
    if neutral is None or "water_mean" not in references:
        reason = _NO_NEUTRAL if neutral is None else _NO_WATER
        return [untested(claim, reason) for claim in (_TOWARD_NEUTRAL, _NEUTRAL_MOST, _DISPLACED)]

    def alone(method: str) -> np.ndarray:
        return evidence.coded(f"attraction_{NEUTRAL}", method=method)

    def against(prefix: str) -> Callable[[str], np.ndarray]:
        return lambda method: _neutral_less_others(evidence, prefix, method)

    quantities = (
        (_TOWARD_NEUTRAL, alone),
        (_NEUTRAL_MOST, against("attraction_")),
        (_DISPLACED, against("displacement_")),
    )
    weights = evidence.all_but(neutral)
    return [
        evidence.found(
            claim,
            {
                words: [Term(values=read("codec") - read(method), weights=weights)]
                for method, words in references.items()
            },
        )
        for claim, read in quantities
    ]


def _neutral_less_others(evidence: Evidence, prefix: str, method: str) -> np.ndarray:
    table = evidence.items
    toward = np.stack([evidence.coded(f"{prefix}{name}", method=method) for name in table.emotions])
    return neutral_minus_others(toward, table.emotion, table.emotions)


def bias_claims(evidence: Evidence) -> list[Finding]:
    """Test §1.5.

    Parameters
    ----------
    evidence : Evidence
        A study with codecs of single emotions.

    Returns
    -------
    list of Finding
        1.5a to 1.5c.
    """
    if not evidence.biased:
        return [untested(claim, _NO_BIASED) for claim in (_OWN_SIMILAR, _OWN_ATTRACTS, _FROM_START)]
    start = float(evidence.items.lams()[0])
    return [
        _similar(evidence),
        _attracted(evidence, _OWN_ATTRACTS, evidence.lam),
        _attracted(evidence, _FROM_START, start),
    ]


def _similar(evidence: Evidence) -> Finding:
    level = level_of(evidence.items, PAYLOAD, HALF)
    read = {
        recipe: matched(evidence.items, COSINE, axis=PAYLOAD, level=level, recipe=recipe).values
        for recipe in (BALANCED, *evidence.biased.values())
    }
    share = 1.0 / len(evidence.biased)
    terms = [
        Term(
            values=read[recipe] - read[BALANCED],
            weights=evidence.against_others(place),
            factor=share,
        )
        for place, recipe in evidence.biased.items()
    ]
    return evidence.found(_OWN_SIMILAR, {"the balanced codebook at equal bits": terms})


def _attracted(evidence: Evidence, claim: Claim, lam: float) -> Finding:
    first = next(iter(evidence.biased.values()))
    references = evidence.there(CLASS_REFERENCES, recipe=first)
    if not references:
        return untested(claim, _NO_REFERENCE)
    share = 1.0 / len(evidence.biased)
    comparisons = {}
    for method, words in references.items():
        terms = []
        for place, recipe in evidence.biased.items():
            column = f"attraction_{evidence.items.emotions[place]}"
            at = {"lam": lam, "recipe": recipe}
            beyond = evidence.coded(column, **at) - evidence.coded(column, **at, method=method)
            terms.append(Term(values=beyond, weights=evidence.all_but(place), factor=share))
        comparisons[words] = terms
    return evidence.found(claim, comparisons)


def listening_claims(evidence: Evidence) -> list[Finding]:
    """Test §2: what a listener hears in speech converted with quantized references.

    Parameters
    ----------
    evidence : Evidence
        With the rows of a listening loop, or without.

    Returns
    -------
    list of Finding
        2.1 and 2.2, for the first listener.
    """
    heard = evidence.listening
    if heard is None or heard.empty:
        return [untested(claim, _NO_LISTENING) for claim in (_HEARD_NEUTRAL, _HEARD_BIAS)]
    own = heard.loc[heard["listener"] == heard["listener"].iloc[0]]
    posterior = [name for name in own.columns if str(name).startswith("posterior_")]
    return [_heard_neutral(own, posterior), _heard_bias(own)]


def _heard_neutral(rows: pd.DataFrame, posteriors: list[str]) -> Finding:
    name = f"posterior_{NEUTRAL}"
    aimed = rows.loc[rows["target"] != NEUTRAL]
    balanced = aimed.loc[aimed["codec"] == BALANCED]
    plain = aimed.loc[aimed["method"] == "conversion"]
    if name not in posteriors or balanced.empty or plain.empty:
        return untested(_HEARD_NEUTRAL, "the listening run has no neutral or no balanced codec")
    strongest = balanced.loc[balanced["lam"] == balanced["lam"].max()]
    pairs = strongest.merge(plain, on=["source", "target"], suffixes=("", "_plain"))
    gains = {
        column: pairs[column].to_numpy(float) - pairs[f"{column}_plain"].to_numpy(float)
        for column in posteriors
    }
    own = "posterior_" + pairs["target"].astype(str).to_numpy(object)
    others = [
        np.where(own == column, np.nan, gain) for column, gain in gains.items() if column != name
    ]
    value = gains[name] - np.nanmean(others, axis=0)
    return _of_rows(_HEARD_NEUTRAL, pairs, value, "the other emotions")


def _heard_bias(rows: pd.DataFrame) -> Finding:
    balanced = rows.loc[rows["codec"] == BALANCED]
    tables, gains = [], []
    for codec in dict.fromkeys(rows["codec"].astype(str)):
        name = codec.replace("biased-", BIASED).partition(BIASED)[2]
        column = f"posterior_{name}"
        if not name or column not in rows.columns:
            continue
        of_codec = rows.loc[(rows["codec"] == codec) & (rows["target"] != name)]
        pairs = of_codec.merge(balanced, on=["source", "target", "lam"], suffixes=("", "_balanced"))
        tables.append(pairs)
        gains.append(pairs[column].to_numpy(float) - pairs[f"{column}_balanced"].to_numpy(float))
    if not sum(map(len, gains)):
        return untested(_HEARD_BIAS, "the listening run has no biased codec beside the balanced")
    joined = pd.concat(tables, ignore_index=True)
    reference = "the balanced codebook at equal λ"
    return _of_rows(_HEARD_BIAS, joined, np.concatenate(gains), reference)


def _of_rows(claim: Claim, rows: pd.DataFrame, values: np.ndarray, reference: str) -> Finding:
    """Return the finding of values that stand beside rows; texts are too few to be clusters."""
    found = estimate(
        [Term(values=values, weights=np.ones(1))],
        groups=np.zeros(len(values), np.int64),
        speakers=pd.factorize(rows["speaker"])[0],
        texts=np.full(len(values), -1),
    )
    return Finding(claim=claim, estimates={reference: found})
