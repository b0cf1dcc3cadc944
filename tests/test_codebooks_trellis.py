import itertools

import numpy as np
import pytest
from scipy.optimize import brentq

from quantlab.codebooks import (
    NUM_STATES,
    Quantizer,
    TrellisFit,
    fit_trellis,
    lam_for_bits,
    search_trellis,
)
from quantlab.codebooks.trellis_fit import _code
from quantlab.entropy import TrellisPrior, decode_symbols, encode_symbols
from quantlab.errors import InputError
from tests.test_entropy_trellis import machine

VARIANCES = 1.0 / np.arange(1, 41)
LAM = lam_for_bits(VARIANCES, 12.0)


def gaussian(rng: np.random.Generator, num: int) -> np.ndarray:
    return (rng.normal(size=(num, 40)) * np.sqrt(VARIANCES)).astype(np.float32)


@pytest.fixture(scope="module")
def fitted() -> TrellisFit:
    rng = np.random.default_rng(5)
    return fit_trellis(gaussian(rng, 6000), LAM, rng=rng, num_states=8, rounds=12)


def rate_limit(distortion: float) -> float:
    """R(D) of the Gaussian source in bits, by root finding on the water level."""
    level = brentq(lambda t: np.minimum(VARIANCES, t).sum() - distortion, 1e-9, 1.0)
    return float(0.5 * np.log2(np.maximum(VARIANCES / level, 1)).sum())


@pytest.mark.parametrize("lam", [0.0, 0.05, 1.0, 100.0])
@pytest.mark.parametrize("shape", [(4, 3, 5), (5, 1, 3), (3, 6, 2), (1, 2, 4)])
def test_search_finds_the_cheapest_of_all_sequences(
    lam: float, shape: tuple[int, int, int], rng: np.random.Generator
) -> None:
    positions, states, alphabet = shape
    for _ in range(5):
        prior = machine(rng, positions=positions, states=states, alphabet=alphabet)
        quantizer = Quantizer(rng.normal(size=(positions, 1, alphabet - 1, 1)))
        z = rng.normal(size=(7, positions))
        every = np.array(list(itertools.product(range(alphabet), repeat=positions)))
        error = ((z[:, None] - quantizer.decode(every).astype(np.float64)) ** 2).sum(axis=2)
        bits = prior.code_length_bits(every)
        possible = np.isfinite(bits)
        best = (error[:, possible] + lam * bits[possible]).min(axis=1)
        result = search_trellis(quantizer, z, prior, [lam])[0]
        assert result.cost(lam) == pytest.approx(best, rel=1e-5)
        decoded = ((z - quantizer.decode(result.symbols)) ** 2).sum(axis=1)
        assert result.distortion == pytest.approx(decoded, rel=1e-5)
        assert result.code_length_bits == pytest.approx(prior.code_length_bits(result.symbols))


def test_several_lams_equal_one_at_a_time(fitted: TrellisFit, rng: np.random.Generator) -> None:
    y = gaussian(rng, 200)
    lams = [3 * LAM, 0.0, LAM]
    together = search_trellis(fitted.quantizer, y, fitted.prior, lams)
    for lam, result in zip(lams, together, strict=True):
        alone = search_trellis(fitted.quantizer, y[::-1], fitted.prior, [lam])[0]
        assert np.array_equal(alone.symbols[::-1], result.symbols)
    bits = [result.code_length_bits for result in together]
    assert (bits[0] <= bits[2] + 1e-3).all()
    assert (bits[2] <= bits[1] + 1e-3).all()


def test_no_vectors(fitted: TrellisFit) -> None:
    result = search_trellis(fitted.quantizer, np.zeros((0, 40)), fitted.prior, [1.0])[0]
    assert result.symbols.shape == (0, 40)


def test_a_large_lam_ends_in_the_cheapest_sequence(
    fitted: TrellisFit, rng: np.random.Generator
) -> None:
    result = search_trellis(fitted.quantizer, gaussian(rng, 30), fitted.prior, [1e6])[0]
    assert (result.symbols == fitted.prior.cheapest_symbols).all()
    assert (result.symbols == fitted.quantizer.skip).all()
    assert result.code_length_bits.max() < 8


def test_fewer_bits_than_ideal_scalars_at_equal_distortion(
    fitted: TrellisFit, rng: np.random.Generator
) -> None:
    y = gaussian(rng, 4000)
    result = search_trellis(fitted.quantizer, y, fitted.prior, [LAM])[0]
    bits, distortion = result.code_length_bits.mean(), result.distortion.mean()
    points = [_scalars(y, step) for step in np.sqrt(LAM) * np.linspace(2.0, 4.0, 9)]
    scalar_bits = np.interp(distortion, *zip(*points, strict=True))
    assert points[0][0] < distortion < points[-1][0]
    assert rate_limit(distortion) < bits < 0.92 * scalar_bits


def _scalars(y: np.ndarray, step: float) -> tuple[float, float]:
    """Distortion and bits of dead-zone scalars under ideal codes fitted to this very data."""
    index = np.sign(y) * np.floor(np.abs(y) / step + 1 / 3)
    bits = distortion = 0.0
    for component in range(y.shape[1]):
        _, code, counts = np.unique(index[:, component], return_inverse=True, return_counts=True)
        share = counts / len(y)
        bits -= float(share @ np.log2(share))
        means = np.bincount(code, weights=y[:, component]) / counts
        distortion += float(((y[:, component] - means[code]) ** 2).mean())
    return distortion, bits


def test_fitting_lowers_the_cost_and_repeats_exactly(rng: np.random.Generator) -> None:
    y = gaussian(rng, 1500)
    first, second = (
        fit_trellis(y, LAM, rng=np.random.default_rng(3), num_states=4, rounds=6) for _ in range(2)
    )
    assert first.cost[-1] < first.cost[0]
    assert np.array_equal(first.quantizer.codebooks, second.quantizer.codebooks)
    assert np.array_equal(first.prior.frequencies, second.prior.frequencies)


def test_components_below_the_water_level_cost_nothing(
    fitted: TrellisFit, rng: np.random.Generator
) -> None:
    silent = VARIANCES < 0.9 * LAM / (2 * np.log(2))
    assert 0 < silent.sum() < 40
    assert (fitted.prior.state_bits[silent].min(axis=2) == 0).all()
    everything_silent = fit_trellis(gaussian(rng, 100), 1e3, rng=rng, num_states=4, rounds=2)
    result = search_trellis(
        everything_silent.quantizer, gaussian(rng, 9), everything_silent.prior, [1.0]
    )[0]
    assert result.code_length_bits.max() == 0


def test_payload_comes_back(fitted: TrellisFit, rng: np.random.Generator) -> None:
    symbols = search_trellis(fitted.quantizer, gaussian(rng, 500), fitted.prior, [LAM])[0].symbols
    payload = encode_symbols(fitted.prior, symbols)
    rebuilt = TrellisPrior.from_tensors(fitted.prior.tensors())
    assert np.array_equal(decode_symbols(rebuilt, payload.data, 500), symbols)
    expected = fitted.prior.code_length_bits(symbols).sum()
    assert abs(payload.num_bits - expected) <= 2 + 1e-4 * expected


def test_many_points_fit_one_grid(rng: np.random.Generator) -> None:
    """A component a million times above the water level: the grid becomes coarser, not larger."""
    y = rng.normal(size=(400, 2)) * [1e3, 1.0]
    fit = fit_trellis(y, 2 * np.log(2), rng=rng, num_states=4, rounds=3)
    assert fit.quantizer.num_codes <= 256
    result = search_trellis(fit.quantizer, y, fit.prior, [2 * np.log(2)])[0]
    assert result.distortion.mean() < 1e3


@pytest.mark.parametrize(("num_states", "gain_db"), [(4, 0.9), (8, 1.0), (32, 1.1), (256, 1.2)])
def test_codes_have_the_granular_gain_that_is_known_of_them(
    num_states: int, gain_db: float, rng: np.random.Generator
) -> None:
    """4 states .99 dB, 8 states 1.09, 256 states 1.33; a tail costs a little here."""
    half, following = _code(num_states)
    positions, place = 200, np.arange(12) - 6
    frequencies = np.where(place % 2 == half[:, None], (1 << 20) // 6, 0)
    frequencies[np.arange(num_states), frequencies.argmax(axis=1)] += (1 << 20) % 6
    next_states = following[:, place // 2 % 2]
    shape = (positions, num_states, 12)
    # The last code is SKIP, which is zero: put it at the place of that point and shift the rest.
    levels = np.where(place == 5, 0, place - 5.0)[:-1]
    prior = TrellisPrior(
        np.broadcast_to(frequencies, shape), np.broadcast_to(next_states, shape).copy()
    )
    quantizer = Quantizer(np.broadcast_to(levels[:, None], (positions, 1, 11, 1)))
    z = rng.uniform(-7.0, -3.0, (60, positions))
    mean = search_trellis(quantizer, z, prior, [0.0])[0].distortion.mean() / positions
    assert 10 * np.log10(4 / 12 / mean) > gain_db


def test_lam_for_bits_follows_the_limit() -> None:
    for bits in (0.1, 5.0, 30.0):
        water = lam_for_bits(VARIANCES, bits) / (2 * np.log(2))
        limit = 0.5 * np.log2(np.maximum(VARIANCES / water, 1)).sum()
        assert limit == pytest.approx(bits / 1.12)
    with pytest.raises(InputError, match="positive variances and bits"):
        lam_for_bits(np.zeros(3), 5.0)
    with pytest.raises(InputError, match="-1 bits"):
        lam_for_bits(VARIANCES, -1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lam": 0.0}, "lam must be finite and > 0"),
        ({"lam": np.nan}, "lam must be finite and > 0"),
        ({"num_states": 5}, "num_states must be one of"),
        ({"rounds": 0}, "rounds at least 1"),
        ({"y": np.zeros((7, 2))}, "at least 8"),
        ({"y": np.full((9, 2), np.inf)}, "NaN or infinite"),
    ],
)
def test_bad_arguments_of_the_fit_are_refused(
    change: dict[str, object], message: str, rng: np.random.Generator
) -> None:
    arguments = {"y": np.zeros((9, 2)), "lam": 1.0, "num_states": NUM_STATES[0], **change}
    with pytest.raises(InputError, match=message):
        fit_trellis(**arguments, rng=rng)  # pyright: ignore[reportArgumentType]


def test_bad_arguments_of_the_search_are_refused(rng: np.random.Generator) -> None:
    prior = machine(rng)
    quantizer = Quantizer(np.zeros((4, 1, 4, 1)))
    z = np.zeros((2, 4))
    with pytest.raises(InputError, match="one dimension at a time"):
        search_trellis(Quantizer(np.zeros((2, 2, 4, 2))), z, prior, [1.0])
    with pytest.raises(InputError, match="the prior is for"):
        search_trellis(Quantizer(np.zeros((4, 1, 3, 1))), z, prior, [1.0])
    with pytest.raises(InputError, match=r"takes \[N, 4\]"):
        search_trellis(quantizer, np.zeros((2, 3)), prior, [1.0])
    with pytest.raises(InputError, match="NaN"):
        search_trellis(quantizer, np.full((2, 4), np.nan), prior, [1.0])
    with pytest.raises(InputError, match="lam must be"):
        search_trellis(quantizer, z, prior, [-1.0])
