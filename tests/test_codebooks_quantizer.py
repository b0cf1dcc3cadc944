import numpy as np
import pytest

from quantlab.codebooks import (
    Quantizer,
    QuantizerSettings,
    capped_codes,
    fit_quantizer,
    search,
    uniform_prior,
)
from quantlab.errors import InputError


@pytest.fixture
def quantizer(rng: np.random.Generator) -> Quantizer:
    return Quantizer(rng.normal(size=(2, 3, 5, 4)).astype(np.float32))


def test_shapes(quantizer: Quantizer) -> None:
    assert (quantizer.num_dims, quantizer.num_symbols, quantizer.alphabet_size) == (8, 6, 6)
    assert quantizer.parameter_bits == 2 * 3 * 5 * 4 * 32


def test_decode_adds_codes_and_skip_adds_nothing(
    quantizer: Quantizer, rng: np.random.Generator
) -> None:
    symbols = rng.integers(0, 6, (20, 6))
    expected = np.zeros((20, 8))
    for row, group, stage in np.ndindex(20, 2, 3):
        symbol = symbols[row, group * 3 + stage]
        if symbol < 5:
            expected[row, group * 4 : group * 4 + 4] += quantizer.codebooks[group, stage, symbol]
    assert np.allclose(quantizer.decode(symbols), expected, atol=1e-5)
    assert not quantizer.decode(np.full((1, 6), 5)).any()


def test_fewer_stages(quantizer: Quantizer, rng: np.random.Generator) -> None:
    symbols = rng.integers(0, 5, (4, 6))
    kept = symbols.copy()
    kept[:, [1, 2, 4, 5]] = 5
    assert np.array_equal(quantizer.decode(symbols, num_stages=1), quantizer.decode(kept))
    assert not quantizer.decode(symbols, num_stages=0).any()
    with pytest.raises(InputError, match="0 … 3"):
        quantizer.decode(symbols, num_stages=4)


@pytest.mark.parametrize(
    "symbols", [np.zeros((1, 5), int), np.full((1, 6), 6), np.full((1, 6), -1)]
)
def test_decode_refuses_foreign_symbols(quantizer: Quantizer, symbols: np.ndarray) -> None:
    with pytest.raises(InputError):
        quantizer.decode(symbols)


@pytest.mark.parametrize("books", [np.ones((2, 3, 4)), np.full((1, 1, 1, 1), np.nan)])
def test_bad_codebooks_are_refused(books: np.ndarray) -> None:
    with pytest.raises(InputError):
        Quantizer(books)


@pytest.mark.parametrize("trainer", ["kmeans", "ema", "minibatch"])
@pytest.mark.parametrize("groups", [1, 2])
def test_training_lowers_the_error_stage_by_stage(
    rng: np.random.Generator, trainer: str, groups: int
) -> None:
    centres = 4 * rng.normal(size=(6, 8))
    z = centres[rng.integers(0, 6, 600)] + 0.3 * rng.normal(size=(600, 8))
    settings = QuantizerSettings.parse(
        {
            "groups": groups,
            "stages": 3,
            "codes": 8,
            "trainer": trainer,
            "epochs": 8,
            "device": "cpu",
        }
    )
    quantizer = fit_quantizer(z, settings, rng=rng)
    symbols = search(quantizer, z, uniform_prior(quantizer), [0.0])[0].symbols
    errors = [
        float(((z - quantizer.decode(symbols, num_stages=stages)) ** 2).sum(axis=1).mean())
        for stages in range(4)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[3] < 0.05 * errors[0]


@pytest.mark.parametrize("trainer", ["kmeans", "ema", "minibatch"])
def test_training_is_decided_by_the_generator_alone(trainer: str) -> None:
    import torch

    z = np.random.default_rng(0).normal(size=(200, 4))
    settings = QuantizerSettings.parse(
        {"stages": 2, "codes": 8, "trainer": trainer, "epochs": 3, "device": "cpu"}
    )
    before = torch.random.get_rng_state()
    books = [
        fit_quantizer(z, settings, rng=np.random.default_rng(seed)).codebooks for seed in (1, 1, 2)
    ]
    assert np.array_equal(books[0], books[1])
    assert not np.array_equal(books[0], books[2])
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.gpu
def test_ema_on_a_gpu_is_as_good_as_on_the_cpu() -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    z = np.random.default_rng(0).normal(size=(2000, 16))
    errors = []
    for device in ("cpu", "cuda"):
        settings = QuantizerSettings.parse(
            {"stages": 3, "codes": 32, "trainer": "ema", "device": device}
        )
        quantizer = fit_quantizer(z, settings, rng=np.random.default_rng(1))
        errors.append(search(quantizer, z, uniform_prior(quantizer), [0.0])[0].distortion.mean())
    assert errors[1] == pytest.approx(errors[0], rel=0.03)


def test_kmeans_reaches_the_error_of_scikit_learn(rng: np.random.Generator) -> None:
    from sklearn.cluster import KMeans

    z = rng.normal(size=(500, 3)).astype(np.float32)
    settings = QuantizerSettings.parse({"stages": 1, "codes": 10})
    quantizer = fit_quantizer(z, settings, rng=rng)
    codes = quantizer.codebooks[0, 0]
    ours = ((z[:, None] - codes[None]) ** 2).sum(axis=2).min(axis=1).sum()
    theirs = KMeans(10, n_init=5, random_state=0).fit(z).inertia_
    assert ours < 1.1 * theirs


def test_padding_does_not_draw_a_code_to_zero(rng: np.random.Generator) -> None:
    """A batch that is not full is padded; without the mask one code would end at the origin."""
    z = 5 + 0.1 * rng.normal(size=(300, 4))
    settings = QuantizerSettings.parse(
        {
            "stages": 1,
            "codes": 4,
            "trainer": "ema",
            "batch_size": 256,
            "epochs": 30,
            "device": "cpu",
        }
    )
    quantizer = fit_quantizer(z, settings, rng=rng)
    assert np.linalg.norm(quantizer.codebooks[0, 0], axis=1).min() > 8


def test_codes_are_capped_by_the_number_of_vectors(rng: np.random.Generator) -> None:
    assert capped_codes(256, 450) == 56
    assert capped_codes(32, 450) == 32
    quantizer = fit_quantizer(rng.normal(size=(40, 4)), QuantizerSettings(), rng=rng)
    assert quantizer.num_codes == 5
    with pytest.raises(InputError, match="7 training vectors are too few"):
        capped_codes(4, 7)


def test_equal_vectors_train_without_fuss(rng: np.random.Generator) -> None:
    settings = QuantizerSettings.parse({"stages": 3, "codes": 4})
    quantizer = fit_quantizer(np.ones((64, 4)), settings, rng=rng)
    assert search(quantizer, np.ones((2, 4)), uniform_prior(quantizer), [0.0])[
        0
    ].distortion == pytest.approx([0, 0])


@pytest.mark.parametrize(
    ("z", "settings", "message"),
    [
        (np.ones((50, 5)), {"groups": 2}, "2 equal groups"),
        (np.full((50, 4), np.nan), {}, "NaN"),
        (np.ones((0, 4)), {}, "0 training vectors"),
    ],
)
def test_bad_training_data_is_refused(
    rng: np.random.Generator, z: np.ndarray, settings: dict, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        fit_quantizer(z, QuantizerSettings.parse(settings), rng=rng)
