"""The union codebook against brute force, and what it refuses."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.codebooks import Codec, CodecSettings, Quantizer, Scaling, search_exhaustive, union
from quantlab.codebooks.parts import CodecParts
from quantlab.entropy import FactorizedPrior
from quantlab.errors import InputError, NotFittedError

GROUPS, STAGES, WIDTH = 2, 2, 2


def make_codec(
    seed: int, codes: int, *, stages: int = STAGES, scale: float = 2.0, mean: float = 0.5
) -> Codec:
    rng = np.random.default_rng(seed)
    books = (
        rng.normal(size=(GROUPS, stages, codes, WIDTH)) / np.arange(1, stages + 1)[:, None, None]
    )
    counts = rng.integers(20, 400, size=(GROUPS * stages, codes + 1))
    scaling = Scaling(np.full(GROUPS * WIDTH, mean, np.float32), scale)
    prior = FactorizedPrior.from_counts(counts)
    parts = CodecParts(scaling, None, Quantizer(books), prior, (0.0, 0.5, 1.0))
    return Codec(CodecSettings(), parts)


def brute_force(
    first: Codec, second: Codec, weight: float, z: np.ndarray, lam: float
) -> list[tuple[float, tuple[tuple[str, int], ...]]]:
    """Cheapest J of each vector and its choices, from the two codecs' own tables and offsets."""
    own = {"first": (first, -np.log2(weight)), "second": (second, -np.log2(1 - weight))}
    best = []
    for vector in z.astype(float):
        total, chosen = 0.0, []
        for group in range(GROUPS):
            part = vector[group * WIDTH : (group + 1) * WIDTH]
            options = []
            for stage in range(STAGES):
                position = group * STAGES + stage
                here = []
                skipping = 0.0
                for name, (codec, offset) in own.items():
                    books = codec.quantizer_.codebooks[group, stage].astype(float)
                    p = codec.prior_.frequencies[position] / 2**20
                    skipping += 2**-offset * p[-1]
                    here += [
                        ((name, k), code, offset - np.log2(p[k])) for k, code in enumerate(books)
                    ]
                options.append([*here, (("skip", 0), np.zeros(WIDTH), -np.log2(skipping))])
            costs = [
                (
                    float(((part - sum(code for _, code, _ in path)) ** 2).sum())
                    + lam * sum(bits for _, _, bits in path),
                    tuple(name for name, _, _ in path),
                )
                for path in itertools.product(*options)
            ]
            cost, names = min(costs)
            total, chosen = total + cost, [*chosen, *names]
        best.append((total, tuple(chosen)))
    return best


def named(symbols: np.ndarray, first_codes: int, skip: int) -> tuple[tuple[str, int], ...]:
    return tuple(
        ("skip", 0)
        if s == skip
        else ("first", s)
        if s < first_codes
        else ("second", s - first_codes)
        for s in symbols.tolist()
    )


@pytest.mark.parametrize("weight", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("lam", [0.0, 0.05, 0.4])
def test_the_cheapest_choice_is_that_of_brute_force(weight: float, lam: float) -> None:
    first, second = make_codec(0, 3), make_codec(1, 2)
    joined = union(first, second, weight=weight)
    z = np.random.default_rng(2).normal(size=(25, GROUPS * WIDTH)).astype(np.float32)
    found = search_exhaustive(joined.quantizer_, z, joined.prior_, lam)
    expected = brute_force(first, second, weight, z, lam)
    assert found.cost(lam) == pytest.approx([cost for cost, _ in expected], abs=1e-4)
    names = [named(symbols, 3, joined.quantizer_.skip) for symbols in found.symbols]
    assert names == [chosen for _, chosen in expected]


@settings(max_examples=30, deadline=None)
@given(st.floats(0.02, 0.98), st.integers(0, 1000))
def test_the_price_of_a_code_is_its_own_and_an_offset(weight: float, seed: int) -> None:
    first, second = make_codec(seed, 4), make_codec(seed + 1, 3)
    bits = union(first, second, weight=weight).prior_.bits_table()
    assert bits.shape == (GROUPS * STAGES, 8)
    tables = [codec.prior_.frequencies / 2**20 for codec in (first, second)]
    mixed = [weight * tables[0], (1 - weight) * tables[1]]
    expected = np.concatenate(
        [mixed[0][:, :4], mixed[1][:, :3], mixed[0][:, 4:] + mixed[1][:, 3:]], axis=1
    )
    # A symbol is one unit of 2**20 off at most, the most probable one as many as there are symbols.
    bound = np.log2(np.e) * 1.01 * (1 / expected + 8 * 8) / 2**20
    assert (np.abs(bits + np.log2(expected)) <= bound).all()
    assert (2.0**-bits).sum(axis=1) == pytest.approx(1.0)


def test_a_codes_offset_is_exact_where_integers_hold_it() -> None:
    """Halves of even frequencies: every price is one bit more, to the last digit but A/2**20."""
    codec = make_codec(5, 3)
    frequencies = np.full((GROUPS * STAGES, 4), 2**18)
    parts = codec.parts_
    plain = Codec(
        CodecSettings(),
        CodecParts(
            parts.scaling, None, parts.quantizer, FactorizedPrior(frequencies), parts.ladder
        ),
    )
    bits = union(plain, plain, weight=0.5).prior_.bits_table()
    assert bits[:, :6] == pytest.approx(3.0, abs=2e-5)
    assert bits[:, 6] == pytest.approx(2.0, abs=2e-5)


def test_it_encodes_and_decodes_like_any_codec() -> None:
    first, second = make_codec(0, 3), make_codec(1, 2)
    joined = union(first, second, weight=0.3)
    x = np.random.default_rng(3).normal(size=(40, GROUPS * WIDTH))
    encoded = joined.encode(x, 0.1, mode="direct")
    z, z_hat = (joined.scaling_.forward(v) for v in (x, joined.decode(encoded.symbols)))
    assert ((z - z_hat) ** 2).sum(axis=1) == pytest.approx(encoded.distortion, abs=1e-4)
    assert joined.bits(encoded.symbols) == pytest.approx(encoded.code_length_bits)
    alone = first.encode(x, 0.0, mode="direct").distortion
    nearest = joined.encode(x, 0.0, mode="direct").distortion
    assert nearest.mean() < alone.mean()
    path = joined.encode_ladder(x, joined.ladder_, mode="path")
    assert (np.diff([part.code_length_bits for part in path], axis=0) <= 1e-9).all()
    assert joined.card_["union"] == [first.fingerprint(), second.fingerprint()]


def test_a_larger_weight_draws_more_codes_from_that_codec() -> None:
    first, second = make_codec(0, 3), make_codec(1, 3)
    x = np.random.default_rng(4).normal(size=(200, GROUPS * WIDTH))
    shares = []
    for weight in (0.05, 0.5, 0.95):
        symbols = union(first, second, weight=weight).encode(x, 0.3, mode="direct").symbols
        shares.append((symbols < 3).sum() / (symbols < 6).sum())
    assert shares == sorted(shares)
    assert shares[0] < shares[2]


@pytest.mark.parametrize("weight", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_a_weight_out_of_range_is_refused(weight: float) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        union(make_codec(0, 2), make_codec(1, 2), weight=weight)


def test_codecs_that_do_not_fit_are_refused() -> None:
    codec = make_codec(0, 2)
    with pytest.raises(InputError, match="different scalings"):
        union(codec, make_codec(1, 2, scale=3.0), weight=0.5)
    with pytest.raises(InputError, match="different scalings"):
        union(codec, make_codec(1, 2, mean=0.0), weight=0.5)
    with pytest.raises(InputError, match=r"\(2, 2, 4\) and \(2, 3, 4\)"):
        union(codec, make_codec(1, 2, stages=3), weight=0.5)
    with pytest.raises(NotFittedError):
        union(codec, Codec(), weight=0.5)


def test_other_priors_and_rotations_are_refused() -> None:
    x = np.random.default_rng(0).normal(size=(200, 4))
    values = {"quantizer": {"stages": 2, "codes": 2}, "ladder": {"lams": [0.0, 0.5]}}
    per_lam = Codec(CodecSettings.parse({**values, "prior": {"per_lam": True}}))
    per_lam.fit(x, rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="factorized priors, given conditioned"):
        union(per_lam, per_lam, weight=0.5)
    rotated = Codec(CodecSettings.parse({**values, "transform": {"kind": "klt"}}))
    rotated.fit(x, rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="without rotation"):
        union(rotated, rotated, weight=0.5)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.array([[0.0, 1.0]]), "positive"),
        (np.array([[np.nan, 1.0]]), "positive"),
        (np.ones(4), r"\[S, A\]"),
        (np.ones((2, 1)), r"\[S, A\]"),
    ],
)
def test_a_prior_is_not_made_of_bad_weights(weights: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        FactorizedPrior.from_weights(weights)
