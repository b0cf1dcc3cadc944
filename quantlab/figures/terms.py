"""What the words of the report mean."""

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
