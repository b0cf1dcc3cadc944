import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from quantlab.codebooks import (
    Quantizer,
    QuantizerSettings,
    encode_direct,
    fit_quantizer,
    refine,
    refine_ladder,
    refit_codebooks,
    uniform_prior,
)
from quantlab.entropy import FactorizedPrior
from quantlab.errors import ConfigError, InputError


@pytest.fixture
def z(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(400, 6)) * np.array([3, 2, 1.5, 1, 0.5, 0.2])


@pytest.fixture
def quantizer(z: np.ndarray, rng: np.random.Generator) -> Quantizer:
    given_settings = QuantizerSettings.parse({"groups": 2, "stages": 2, "codes": 8})
    return fit_quantizer(z, given_settings, rng=rng)


def objective(quantizer: Quantizer, prior, z: np.ndarray, lams: list[float]) -> float:
    results = encode_direct(quantizer, z, prior, lams)
    return float(
        np.mean(
            [
                (result.code_length_bits + result.distortion / lam).mean()
                for result, lam in zip(results, lams, strict=True)
            ]
        )
    )


@hypothesis_settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 2), st.integers(1, 3), st.integers(1, 4))
def test_refit_equals_dense_weighted_least_squares(
    seed: int, groups: int, stages: int, codes: int
) -> None:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(60, 2 * groups))
    quantizer = Quantizer(rng.normal(size=(groups, stages, codes, 2)))
    weights = [1.0, 0.25]
    symbols = [rng.integers(0, codes + 1, (60, groups * stages)) for _ in weights]
    found = refit_codebooks(quantizer, z, symbols, weights=weights)

    def error(candidate: Quantizer) -> float:
        return sum(
            weight * float(((z - candidate.decode(chosen)) ** 2).sum())
            for chosen, weight in zip(symbols, weights, strict=True)
        )

    best = 0.0
    for group in range(groups):
        design = np.concatenate(
            [
                np.sqrt(weight)
                * np.concatenate(
                    [
                        chosen[:, group * stages + stage, None] == np.arange(codes)
                        for stage in range(stages)
                    ],
                    axis=1,
                )
                for chosen, weight in zip(symbols, weights, strict=True)
            ]
        )
        target = np.concatenate(
            [np.sqrt(weight) * z[:, 2 * group : 2 * group + 2] for weight in weights]
        )
        solution = np.linalg.lstsq(design, target, rcond=None)[0]
        best += float(((target - design @ solution) ** 2).sum())
    assert error(found) <= error(quantizer) + 1e-4
    assert error(found) == pytest.approx(best, rel=1e-3, abs=1e-3)


def test_codes_that_nobody_chose_stay(quantizer: Quantizer, z: np.ndarray) -> None:
    symbols = np.full((len(z), 4), quantizer.skip)
    symbols[:, 0] = 2
    moved = refit_codebooks(quantizer, z, [symbols], weights=[1.0]).codebooks
    expected = quantizer.codebooks.copy()
    expected[0, 0, 2] = z[:, :3].mean(axis=0)
    assert moved == pytest.approx(expected, abs=0.01)
    assert np.array_equal(np.delete(moved[0, 0], 2, 0), np.delete(expected[0, 0], 2, 0))


def test_the_objective_falls_and_is_what_a_user_gets(quantizer: Quantizer, z: np.ndarray) -> None:
    lams = [0.05, 0.2, 1.0]
    prior = uniform_prior(quantizer)
    refined = refine(quantizer, prior, z, lams, rounds=12)
    assert all(later < earlier for earlier, later in itertools.pairwise(refined.history))
    assert refined.history[0] == pytest.approx(objective(quantizer, prior, z, lams))
    assert refined.history[-1] == pytest.approx(
        objective(refined.quantizer, refined.prior, z, lams)
    )
    counted = FactorizedPrior.from_counts(
        sum(
            np.stack([np.bincount(column, minlength=9) for column in result.symbols.T])
            for result in encode_direct(quantizer, z, prior, lams)
        )
    )
    prior_alone = objective(quantizer, counted, z, lams)
    assert refined.history[-1] < 0.98 * prior_alone


def test_no_rounds_change_nothing(quantizer: Quantizer, z: np.ndarray) -> None:
    prior = uniform_prior(quantizer)
    refined = refine(quantizer, prior, z, [0.3], rounds=0)
    assert refined.quantizer is quantizer
    assert refined.prior is prior
    assert len(refined.history) == 1


@pytest.mark.parametrize("lams", [[0.05, 0.3, 1.5], [1.5, 0.3, 0.05]])
def test_a_ladder_is_warm_and_no_worse_than_where_it_started(
    quantizer: Quantizer, z: np.ndarray, lams: list[float]
) -> None:
    prior = uniform_prior(quantizer)
    steps = refine_ladder(quantizer, prior, z, lams, rounds=6)
    for lam, step, before in zip(lams, steps, [None, *steps], strict=False):
        start = (before.quantizer, before.prior) if before else (quantizer, prior)
        assert step.history[0] == pytest.approx(objective(*start, z, [lam]))
        assert step.history[-1] <= step.history[0]


def test_dead_codes_are_replaced_when_asked(z: np.ndarray, quantizer: Quantizer) -> None:
    books = quantizer.codebooks.copy()
    books[0, 0, 3:] = 1e3
    far = Quantizer(books)
    prior = uniform_prior(far)
    results = {}
    for policy in ("keep", "replace"):
        refined = refine(
            far, prior, z, [0.01], rounds=6, dead_codes=policy, rng=np.random.default_rng(0)
        )
        results[policy] = refined
    assert (results["keep"].quantizer.codebooks[0, 0, 3:] == 1e3).all()
    assert (results["replace"].quantizer.codebooks[0, 0, 3:] < 1e2).all()


def test_another_prior_is_fitted_by_the_callers_function(
    quantizer: Quantizer, z: np.ndarray
) -> None:
    seen = []

    def refit(symbols) -> FactorizedPrior:
        seen.append([chosen.shape for chosen in symbols])
        return FactorizedPrior.fit(np.concatenate(symbols), alphabet_size=9)

    refined = refine(quantizer, uniform_prior(quantizer), z, [0.1, 0.5], rounds=2, refit=refit)
    assert seen[0] == [(400, 4), (400, 4)]
    assert refined.history[-1] < refined.history[0]


def test_same_seed_same_bytes_and_one_vector(quantizer: Quantizer, z: np.ndarray) -> None:
    found = [
        refine(
            quantizer,
            uniform_prior(quantizer),
            z,
            [0.2],
            rounds=3,
            dead_codes="replace",
            rng=np.random.default_rng(7),
        ).quantizer.codebooks
        for _ in range(2)
    ]
    assert np.array_equal(*found)
    one = refine(quantizer, uniform_prior(quantizer), z[:1], [0.2], rounds=3)
    assert np.isfinite(one.history).all()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"lams": [0.0, 1.0]}, InputError, "lams > 0"),
        ({"lams": []}, InputError, "lams > 0"),
        ({"lams": [np.nan]}, InputError, "lams > 0"),
        ({"z": np.zeros((0, 6))}, InputError, "0 training vectors"),
        ({"z": np.full((5, 6), np.nan)}, InputError, "NaN"),
        ({"z": np.ones((5, 4))}, InputError, "shape"),
        ({"rounds": -1}, ConfigError, "0 or more"),
        ({"dead_codes": "revive"}, ConfigError, "keep or replace"),
        ({"dead_codes": "replace"}, ConfigError, "give rng"),
    ],
)
def test_bad_requests_are_refused(
    quantizer: Quantizer, z: np.ndarray, change: dict, error: type[Exception], message: str
) -> None:
    request = {"z": z, "lams": [0.5], "rounds": 1, **change}
    with pytest.raises(error, match=message):
        refine(quantizer, uniform_prior(quantizer), **request)
