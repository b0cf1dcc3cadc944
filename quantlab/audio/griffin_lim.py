"""From log-mel bands back to samples, without a learned vocoder.

The bands are first spread over the bins of the magnitude spectrum, then a phase is sought that is
consistent with it. Both steps lose detail, so it sounds metallic; what it proves is that a
spectrogram says what it should.
Letters: T frames, F frequency bins (201), B bands (80).
"""

import warnings

import numpy as np

from quantlab.audio.acoustics import HOP, NUM_BANDS, NUM_FFT, mel_matrix
from quantlab.errors import InputError

MIN_FRAMES = 3
_NUM_UPDATES = 50
_LOUDEST = 5.0  # full scale lies near 0.5: beyond 5 the bands are not log10 magnitudes


def griffin_lim(
    log10_mel: np.ndarray,
    *,
    rng: np.random.Generator,
    num_iterations: int = 60,
    momentum: float = 0.99,
) -> np.ndarray:
    """Synthesise samples whose log-mel bands come near those given.

    Parameters
    ----------
    log10_mel : np.ndarray [T, 80], float
        Bands as `quantlab.audio.log10_mel` gives them, T ≥ 3, at most 5.
    rng : np.random.Generator
        Source of the phases that the search begins with.
    num_iterations : int ≥ 0
        Projections onto the consistent spectrograms; 0 keeps the random phases.
    momentum : float, 0 ≤ momentum < 1
        Weight of the last step in the next one; 0 is the algorithm of Griffin and Lim.

    Returns
    -------
    np.ndarray [160 (T − 1)], float32
        Mono samples at 16 kHz, not limited to ±1. On one machine equal bands and equal states of
        `rng` give equal bytes.

    Raises
    ------
    InputError
        The bands are no finite [T, 80], shorter than 3 frames or louder than 5, or a number is out
        of range.

    References
    ----------
    D. W. Griffin, J. S. Lim, "Signal estimation from modified short-time Fourier transform", IEEE
    Transactions on Acoustics, Speech, and Signal Processing 32, 1984.
    N. Perraudin, P. Balazs, P. L. Søndergaard, "A fast Griffin-Lim algorithm", WASPAA 2013, eq. 4.

    Examples
    --------
    >>> import numpy as np
    >>> griffin_lim(np.full((11, 80), -2.0), rng=np.random.default_rng(0)).shape
    (1600,)
    """
    import librosa

    bands = _checked(log10_mel)
    if num_iterations < 0 or not 0 <= momentum < 1:
        raise InputError(
            f"num_iterations must be >= 0 and momentum at least 0 and below 1, given "
            f"{num_iterations} and {momentum}"
        )
    magnitude = magnitude_of(bands)
    with warnings.catch_warnings():
        # Three frames make 320 samples, which reflection still brings to whole windows.
        warnings.filterwarnings("ignore", message="n_fft=400 is too large for input signal")
        samples = librosa.griffinlim(
            magnitude.T,
            n_iter=num_iterations,
            hop_length=HOP,
            win_length=NUM_FFT,
            n_fft=NUM_FFT,
            window="hann",
            center=True,
            dtype=np.float64,
            length=HOP * (len(bands) - 1),
            pad_mode="reflect",
            momentum=momentum,
            init="random",
            random_state=rng,
        )
    return samples.astype(np.float32)


def magnitude_of(log10_mel: np.ndarray) -> np.ndarray:
    """Return non-negative magnitudes [T, F], float64, whose bands come nearest those given.

    Nearest in generalised Kullback-Leibler divergence, which weighs weak bands like strong ones.
    The filters are linearly dependent (below 1 kHz they lie closer than the bins), so least squares
    from the pseudo-inverse, librosa's way, goes astray on bands that no signal has, those of a
    network for instance. Multiplicative updates from a smooth beginning do not, and leave the bins
    that the bands do not determine as smooth as they began, where a sparse solution makes tones.

    References
    ----------
    D. D. Lee, H. S. Seung, "Algorithms for non-negative matrix factorization", NIPS 2000, eq. 5.
    """
    import scipy.sparse

    # Sparse products run in one thread, so the order of their sums is fixed.
    spread = scipy.sparse.csr_matrix(mel_matrix())  # [F, B]
    gather = scipy.sparse.csr_matrix(mel_matrix().T)
    bands = 10.0 ** log10_mel.T.astype(np.float64)
    share = np.asarray(spread.sum(axis=1))
    share[share == 0] = 1.0  # bins that no filter reaches stay at zero
    magnitude = spread @ (bands / np.asarray(gather.sum(axis=1))) / share
    for _ in range(_NUM_UPDATES):
        magnitude *= spread @ (bands / (gather @ magnitude)) / share
    return magnitude.T


def _checked(log10_mel: np.ndarray) -> np.ndarray:
    """Return the bands, or raise InputError."""
    if log10_mel.ndim != 2 or log10_mel.shape[1] != NUM_BANDS or len(log10_mel) < MIN_FRAMES:
        raise InputError(
            f"log10 mel bands must have shape [T, {NUM_BANDS}] with at least {MIN_FRAMES} frames, "
            f"given {log10_mel.shape}"
        )
    if not np.isfinite(log10_mel).all():
        count = int((~np.isfinite(log10_mel)).sum())
        raise InputError(f"{count} of the log10 mel bands are NaN or infinite")
    if log10_mel.max() > _LOUDEST:
        raise InputError(
            f"log10 mel bands reach {log10_mel.max():.3g}, beyond {_LOUDEST:g}; give them in "
            "log10 of the magnitude, with the normalisation of a model undone"
        )
    return log10_mel
