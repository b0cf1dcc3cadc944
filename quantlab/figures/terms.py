"""What the words of reports and pages mean."""

from collections.abc import Mapping

from quantlab.analysis import MIN_CLUSTERS

METHODS: tuple[tuple[str, str], ...] = (
    (
        "λ",
        "How much squared distance the encoder gives up for one bit. At λ = 0 it takes the nearest "
        "code stage by stage; the larger λ, the more it prefers cheap codes. Distances are "
        "measured after subtracting the training mean and dividing by one number, shared by all "
        "codecs of a run, that makes the mean squared length equal to the number of dimensions.",
    ),
    (
        "Rate-aware code choice",
        "Codes are chosen stage by stage so that distortion + λ · bits is least, where bits are "
        "what the codec's probability model charges. “Skip” is one of the codes.",
    ),
    (
        "Plain blur of equal distortion",
        "The embedding drawn straight toward the training mean (or, for a codebook of one emotion, "
        "toward that emotion's mean) until its distortion equals the codec's, clip by clip. "
        "It needs no codebook; what it does too is no property of the code.",
    ),
    (
        "Centred cosine",
        "The cosine between original and quantized embedding after the training mean is removed. "
        "Without that step any two clips are alike. A constant output has the value 0.",
    ),
    (
        "Attraction",
        "The angle from an embedding to an emotion's centre before quantization, less the angle "
        "after it, in degrees. Centres come from the training speakers.",
    ),
    (
        "Direct reductions",
        "“Dropping the least missed codes” leaves out codes one by one, each time the one "
        "whose loss costs the least cosine; “coarser uniform steps” rounds every dimension. Both "
        "are tuned until the whole set is as similar as under the codec, and know no bits.",
    ),
    (
        "Unweighted average recall",
        "The share of recognised clips of each emotion, averaged over emotions. Probes are fitted "
        "on unquantized embeddings of the training clips and then see quantized test clips.",
    ),
    (
        "New speakers, new sentences",
        "For new speakers, codec, centres and probes never saw the tested speaker. For new "
        "sentences they know the speaker but not the sentence. Every clip is tested once in each.",
    ),
    (
        "Intervals and verdicts",
        "95 % intervals treat a speaker's clips as one cluster (delete-one-speaker jackknife with "
        "Student's t). “More” and “less than the blur” survive a correction for all comparisons of "
        f"the table (Holm); with fewer than {MIN_CLUSTERS} speakers the verdict is “cannot tell”.",
    ),
    (
        "Bits",
        "Code length is the sum of −log₂ p over a vector's symbols. The payload is what the coder "
        "really writes for it, shared among the clips of a set by their code length; a file adds a "
        "header. Empirical entropy is that of the symbols really emitted, one place at a time.",
    ),
    (
        "Limits",
        "Rate–distortion theory says how few bits a source needs at a distortion. For one Gaussian "
        "with the covariance of the training clips that is reverse water-filling, and no other "
        "source of that covariance needs more. For one Gaussian per emotion it lies between coding "
        "with the emotion known for free and naming it first, also shown for each emotion alone. "
        "“Uniform steps” adds the 0.25 bit that a scalar quantizer loses in every dimension at "
        "high rate. Limits of similarity treat embeddings scaled to one length.",
    ),
    (
        "Displacement",
        "What quantization adds to an embedding, explained by two directions at once: the way to "
        "the training mean, and the way from that mean to an emotion's centre. Coefficients say "
        "which part of each way was gone. Neutral is set against the mean of all other emotions "
        "that are not the clip's own. A blur goes the first way only.",
    ),
    (
        "Matched comparisons",
        "Codebooks and reductions are compared where each clip's curve over λ reaches the same "
        "payload bits, or the same distortion, by interpolation; clips whose curve ends before are "
        "counted (“†”). At equal λ alone they spend different bits and do different damage.",
    ),
    (
        "V-information",
        "How many bits about the emotion a kind of probe can extract (Xu et al., 2020): "
        "H_V(Y) − H_V(Y|X), here log₂ of the number of emotions less the mean surprisal that a "
        "cross-validated probe has at the true emotion, every emotion weighing the same. "
        "It is negative where the probe is surer of wrong answers than guessing would be.",
    ),
    (
        "Retrained probe",
        "A probe fitted on quantized training clips at each λ, beside the one fitted on "
        "unquantized clips. What only the retrained one finds has moved to where the other does "
        "not look for it; what neither finds is lost to this kind of probe.",
    ),
    (
        "Codebooks as a classifier",
        "Every clip is coded by the codebook of each emotion, and the best fit names its emotion: "
        "by the highest cosine, by the highest cosine less that of the balanced codebook, or by "
        "the least cost (distortion + λ · bits). The bits that name the codebook are charged.",
    ),
    (
        "Verdict of a claim",
        "<b>Supported</b>: the p-value, corrected for all claims together (Holm), is at most .05, "
        "and the effect goes beyond its reference in the claimed direction. <b>Not supported</b>: "
        "the same in the other direction. <b>Cannot tell</b>: everything else, and every claim "
        f"with fewer than {MIN_CLUSTERS} speakers.",
    ),
    (
        "Negative control",
        "The same study with labels permuted within each speaker. Whatever comes out as supported "
        "there is an error of the analysis; claims that rest on no label are marked, for permuting "
        "labels cannot refute them.",
    ),
)
"""Terms and their meaning; HTML."""

MODEL_METHODS: tuple[tuple[str, str], ...] = (
    (
        "Probes",
        "Classifiers that read a label off an embedding: a linear one, and a neural network with "
        "one hidden layer. They are trained and asked in folds by sentence, on clips that the "
        "model never saw. Intervals are 95 %, over speakers; over sentences where the speaker is "
        "asked for, because then every speaker is a class.",
    ),
    (
        "Disentanglement, completeness",
        "From the importances of gradient-boosted trees: whether a dimension serves one class, and "
        "a class one dimension. If a random rotation of the embedding leaves them as high, they "
        "measured how separable the classes are. Shuffled labels and the same networks before "
        "training are the other controls.",
    ),
    (
        "Informativeness",
        "Accuracy of these trees. Against the rest, always answering “rest” is right often: that "
        "share is its chance.",
    ),
    (
        "Bits of a label",
        "V-information, which a linear classifier can use and which bounds mutual information from "
        "below, and the categorical CLUB bound from above. About 0 where a label cannot be told.",
    ),
    (
        "Mel-cepstral distortion",
        "Mean distance of cepstra frame by frame, without alignment and without the level; its "
        "convention stands below the table, and values of other conventions do not compare. With "
        "log10 instead of the natural logarithm, as in the literature on StyleVC, it is 2.303 "
        "times smaller.",
    ),
    (
        "Copy synthesis",
        "The clip's own mel made sound by the same vocoder and analysed again: what the vocoder "
        "alone costs.",
    ),
)
"""Terms of the evaluation of StyleVC models; HTML."""

FORMULAS: Mapping[str, str] = {
    "λ": "z = (x − μ) / s, mean of ‖z‖² = number of dimensions; λ in ‖z‖² per bit",
    "Rate-aware code choice": "least ‖z − ẑ‖² + λ · Σ −log₂ p(code)",
    "Plain blur of equal distortion": "ẑ = (1 − a) · z, a² · ‖z‖² = distortion",
    "Centred cosine": "z · ẑ / (‖z‖ ‖ẑ‖)",
    "Attraction": "∠(z, centre) − ∠(ẑ, centre), positive = toward the centre",
    "Unweighted average recall": "mean over emotions of recognised clips / clips",
    "Bits": "code length = Σ −log₂ p(code)",
    "Displacement": "x̂ − x ≈ b₁ · (μ − x) + b₂ · (centre − μ)",
    "V-information": "log₂ E − mean of −log₂ p(true emotion), E emotions",
}
"""Formulas of some terms; plain text."""


def terms_html(terms: tuple[tuple[str, str], ...]) -> str:
    """Return terms, their meaning and their formulas as an HTML list."""
    return "<dl>\n" + "\n".join(_term(term, text) for term, text in terms) + "\n</dl>"


def _term(term: str, text: str) -> str:
    formula = FORMULAS.get(term)
    line = f'<br><span class="formula">{formula}</span>' if formula else ""
    return f"<dt>{term}</dt><dd>{text}{line}</dd>"
