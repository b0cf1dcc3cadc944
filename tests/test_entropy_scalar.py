import importlib
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from quantlab.entropy import ScalarTransformCoder, step_for_lam
from quantlab.errors import ConfigError, InputError, IntegrityError

KINDS = ["gaussian", "bottleneck"]


def source(number: int, seed: int, dims: int = 5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixing = np.linalg.qr(np.random.default_rng(1).normal(size=(dims, dims)))[0]
    return 3 + (rng.normal(size=(number, dims)) / np.sqrt(np.arange(1, dims + 1))) @ mixing.T


@pytest.fixture(scope="module", params=KINDS)
def coder(request: pytest.FixtureRequest) -> ScalarTransformCoder:
    rng = np.random.default_rng(2)
    return ScalarTransformCoder.fit(
        source(3000, 0), step=0.5, rng=rng, kind=request.param, training_steps=120
    )


def test_bytes_round_trip_and_cost_the_code_length(coder: ScalarTransformCoder) -> None:
    z = source(2000, 9)
    symbols = coder.encode(z)
    data = coder.compress(symbols)
    assert np.array_equal(coder.decompress(data, len(z)), symbols)
    ideal = coder.code_length_bits(symbols).sum()
    assert abs(8 * len(data) - ideal) < 0.001 * ideal + 64


def test_rate_is_close_to_the_empirical_entropy(coder: ScalarTransformCoder) -> None:
    symbols = coder.encode(source(20_000, 9))
    entropy = 0.0
    for column in symbols.T:
        share = np.unique(column, return_counts=True)[1] / len(column)
        entropy -= (share * np.log2(share)).sum()
    mean = coder.code_length_bits(symbols).mean()
    assert entropy - 0.05 < mean < 1.05 * entropy


def test_distortion_is_that_of_a_uniform_quantizer(coder: ScalarTransformCoder) -> None:
    z = source(5000, 9)
    error = z - coder.decode(coder.encode(z))
    assert np.square(error).mean() == pytest.approx(0.5**2 / 12, rel=0.05)
    assert np.abs(error @ coder.basis).max() <= 0.25 + 1e-9


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_few_vectors_far_outliers_and_all_zeros(coder: ScalarTransformCoder, number: int) -> None:
    for symbols in (
        coder.encode(source(number, 5)),
        np.zeros((number, 5), np.int32),
        np.full((number, 5), 123_456, np.int32) * np.array([1, -1, 1, -1, 1], np.int32),
    ):
        data = coder.compress(symbols)
        assert np.array_equal(coder.decompress(data, number), symbols)


def test_the_same_seed_gives_the_same_tables() -> None:
    made = [
        ScalarTransformCoder.fit(
            source(300, 0), step=0.5, rng=np.random.default_rng(4), training_steps=5
        )
        for _ in range(2)
    ]
    assert np.array_equal(made[0].tables, made[1].tables)
    assert np.array_equal(made[0].basis, made[1].basis)


def test_fewer_components_and_a_given_basis() -> None:
    z = source(2000, 0)
    rng = np.random.default_rng(0)
    first = ScalarTransformCoder.fit(z, step=0.1, rng=rng, kind="gaussian", num_components=2)
    assert first.basis.shape == (5, 2)
    variances = np.linalg.eigvalsh(np.cov(z.T))[::-1]
    left = np.square(z - first.decode(first.encode(z))).sum(axis=1).mean()
    assert left == pytest.approx(variances[2:].sum() + 2 * 0.01 / 12, rel=0.02)
    plain = ScalarTransformCoder.fit(z, step=0.1, rng=rng, kind="gaussian", basis=np.eye(5))
    assert np.array_equal(plain.encode(z), np.rint((z - z.mean(axis=0)) / 0.1).astype(int))
    assert first.parameter_bits < plain.parameter_bits


def test_the_step_of_a_lambda_makes_distortion_and_bits_trade_at_it() -> None:
    z = source(20_000, 0)
    step = step_for_lam(0.01)
    results = []
    for scale in (0.95, 1.05):
        coder = ScalarTransformCoder.fit(
            z, step=scale * step, rng=np.random.default_rng(0), kind="gaussian"
        )
        symbols = coder.encode(z)
        distortion = np.square(z - coder.decode(symbols)).sum(axis=1).mean()
        results.append((distortion, coder.code_length_bits(symbols).mean()))
    (low, many), (high, few) = results
    assert (high - low) / (many - few) == pytest.approx(0.01, rel=0.1)


Z = source(20, 0)


@pytest.mark.parametrize(
    ("z", "options", "message"),
    [
        (Z[:1], {}, "N >= 2"),
        (np.full((3, 2), np.nan), {}, "finite"),
        (Z, {"step": 0.0}, "step must be finite and > 0"),
        (Z, {"num_components": 6}, "0 … 5"),
        (Z, {"basis": np.ones((5, 5))}, "orthonormal"),
        (Z, {"basis": np.eye(4)}, "orthonormal"),
        (1e9 * Z, {"step": 1.0}, "take a larger step"),
        (Z, {"step": 1e-5}, "take a larger step"),
    ],
)
def test_bad_arguments_are_refused(z: np.ndarray, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ScalarTransformCoder.fit(
            z, **{"step": 0.5, "rng": np.random.default_rng(0), "kind": "gaussian", **options}
        )


def test_unfit_vectors_symbols_bytes_and_names(coder: ScalarTransformCoder) -> None:
    with pytest.raises(InputError, match=r"finite \[N, 5\]"):
        coder.encode(np.zeros((2, 4)))
    with pytest.raises(InputError, match=r"must be \[N, 5\]"):
        coder.compress(np.zeros((2, 4), np.int32))
    with pytest.raises(IntegrityError, match="3 bytes are no message"):
        coder.decompress(b"abc", 1)
    with pytest.raises(ConfigError, match="use bottleneck or gaussian"):
        ScalarTransformCoder.fit(Z, step=1.0, rng=np.random.default_rng(0), kind="laplace")  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="lam must be finite and > 0"):
        step_for_lam(0.0)


def test_without_compressai_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def refuse(name: str) -> object:
        if name.startswith("compressai"):
            raise ImportError("No module named 'compressai'")
        return real(name)

    monkeypatch.setattr(importlib, "import_module", refuse)
    with pytest.raises(ConfigError, match=r"pip install 'quantlab\[baseline\]'"):
        ScalarTransformCoder.fit(Z, step=1.0, rng=np.random.default_rng(0))


def run(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("components", [1, 2])
def test_short_messages_leave_the_heap_whole(components: int) -> None:
    """In a process of its own: CompressAI's coder would end it with a double free."""
    done = run(f"""
        import numpy as np
        from quantlab.entropy import ScalarTransformCoder
        z = np.random.default_rng(0).normal(size=(100, {components}))
        rng = np.random.default_rng(0)
        coder = ScalarTransformCoder.fit(z, step=0.1, rng=rng, kind="gaussian")
        for _ in range(2000):
            for number in (0, 1, 2):
                symbols = coder.encode(z[:number])
                assert (coder.decompress(coder.compress(symbols), number) == symbols).all()
        print("whole")
    """)
    assert (done.returncode, done.stdout) == (0, "whole\n"), done.stderr


@pytest.mark.slow
def test_torchvision_loads_and_its_operators_still_raise() -> None:
    done = run("""
        import torch
        from quantlab.compat import heal_torchvision
        heal_torchvision()
        heal_torchvision()
        import torchvision.transforms
        from torchvision.extension import _has_ops
        boxes, scores = torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.ones(1)
        try:
            kept = torchvision.ops.nms(boxes, scores, 0.5).tolist()
            assert _has_ops() and kept == [0]
        except (RuntimeError, NotImplementedError):
            assert not _has_ops()
        print("loaded")
    """)
    assert (done.returncode, done.stdout) == (0, "loaded\n"), done.stderr
