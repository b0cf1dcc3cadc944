import functools
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from quantlab.codebooks import (
    Codec,
    CodecSettings,
    QuantizerSettings,
    fit_parallel,
    fit_quantizer,
    search,
    uniform_prior,
)
from quantlab.codebooks.clusters import descend, means, nearest, revive, seed_codes
from quantlab.codebooks.exchange import ALONE, Rows
from quantlab.codebooks.minibatch import fit_minibatch
from quantlab.errors import ConfigError, InputError


def settings(**keys: object) -> QuantizerSettings:
    given = {"stages": 2, "codes": 8, "trainer": "minibatch", "device": "cpu", **keys}
    return QuantizerSettings.parse(given)


def error_of(quantizer, z: np.ndarray) -> float:
    return float(search(quantizer, z, uniform_prior(quantizer), [0.0])[0].distortion.mean())


@pytest.fixture
def clustered(rng: np.random.Generator) -> np.ndarray:
    centres = 3 * rng.normal(size=(40, 6))
    return (centres[rng.integers(0, 40, 6000)] + rng.normal(size=(6000, 6))).astype(np.float32)


# The steps.


def test_nearest_equals_brute_force(rng: np.random.Generator) -> None:
    import torch

    x, books = rng.normal(size=(2, 700, 3)), rng.normal(size=(2, 6, 3))
    books[:, -1] = 0
    distance = ((x[:, :, None] - books[:, None]) ** 2).sum(axis=3)
    tensors = torch.from_numpy(x).float(), torch.from_numpy(books).float()
    assert np.array_equal(nearest(*tensors).numpy(), distance.argmin(axis=2))
    without = nearest(*tensors, skip=False).numpy()
    assert np.array_equal(without, distance[..., :-1].argmin(axis=2))


def test_descent_sums_the_residuals_of_every_code(rng: np.random.Generator) -> None:
    import torch

    x = torch.from_numpy(rng.normal(size=(1, 50, 3))).float()
    books = torch.from_numpy(rng.normal(size=(1, 2, 5, 3))).float()
    books[:, :, -1] = 0
    found = descend(x, books, np.arange(50), 4, None)
    residual = x[0].numpy().copy()
    for stage in range(2):
        codes = books[0, stage].numpy()
        chosen = ((residual[:, None] - codes) ** 2).sum(axis=2).argmin(axis=1)
        for code in range(5):
            mine = residual[chosen == code]
            assert found.counts[0, stage, code] == len(mine)
            assert found.sums[0, stage, code].numpy() == pytest.approx(mine.sum(axis=0), abs=1e-5)
        assert found.heads[0, stage].numpy() == pytest.approx(residual[:4], abs=1e-6)
        residual -= codes[chosen]
    assert float(found.left) == pytest.approx((residual**2).sum(), rel=1e-5)
    moved = means(found, books)
    assert not moved[:, :, -1].any()


def test_seeds_are_distinct_vectors_spread_over_the_clusters(rng: np.random.Generator) -> None:
    import torch

    centres = 100.0 * np.arange(8)[:, None] * np.ones(2)
    pool = np.repeat(centres, 30, axis=0) + rng.normal(size=(240, 2))
    codes = seed_codes(torch.from_numpy(pool).float()[None], 8, rng=rng)[0].numpy()
    assert sorted((codes[:, 0] / 100).round()) == list(range(8))


@pytest.mark.parametrize("policy", ["keep", "replace", "split"])
def test_dead_codes_follow_the_policy(rng: np.random.Generator, policy: str) -> None:
    import torch

    books = torch.tensor([[[[0.0, 0.0], [50.0, 50.0], [5.0, 5.0], [0.0, 0.0]]]])
    counts = torch.tensor([[[90.0, 0.0, 10.0, 0.0]]])
    pool = torch.from_numpy(rng.normal(size=(1, 1, 30, 2))).float()
    moved, which = revive(books, counts, pool, policy, floor=1.0, rng=rng)
    place = moved[0, 0, 1].numpy()
    assert torch.equal(moved[0, 0, [0, 2, 3]], books[0, 0, [0, 2, 3]])
    if policy == "keep":
        assert torch.equal(moved, books)
        assert not which.any()
        return
    assert which.nonzero().tolist() == [[0, 0, 1]]
    if policy == "replace":
        assert (pool[0, 0].numpy() == place).all(axis=1).any()
    else:
        assert 0 < np.abs(place).max() < 1  # beside the code with the most vectors


# The whole trainer.


def test_minibatch_is_as_good_as_scikit_learn(clustered: np.ndarray) -> None:
    shape = {"stages": 2, "codes": 32, "groups": 2}
    errors = {}
    for trainer in ("kmeans", "minibatch"):
        given = QuantizerSettings.parse({**shape, "trainer": trainer})
        quantizer = fit_quantizer(clustered[:4000], given, rng=np.random.default_rng(0))
        errors[trainer] = error_of(quantizer, clustered[4000:])
    assert errors["minibatch"] < 1.03 * errors["kmeans"]


def test_few_vectors_are_fitted_as_well_as_scikit_learn_fits_them(rng: np.random.Generator) -> None:
    """In many dimensions SKIP would win most residuals of codes that sit on single vectors."""
    z = rng.normal(size=(540, 40)) / np.sqrt(np.arange(1, 41))
    errors = {}
    for trainer in ("kmeans", "minibatch"):
        given = QuantizerSettings.parse({"stages": 3, "codes": 32, "trainer": trainer})
        quantizer = fit_quantizer(z, given, rng=np.random.default_rng(0))
        errors[trainer] = error_of(quantizer, z)
    assert errors["minibatch"] < 1.03 * errors["kmeans"]


def test_joint_refit_and_more_passes_do_not_harm(clustered: np.ndarray) -> None:
    errors = [
        error_of(
            fit_quantizer(clustered, settings(**keys), rng=np.random.default_rng(1)), clustered
        )
        for keys in ({"passes": 1, "joint_refit": False}, {"passes": 8})
    ]
    assert errors[1] < errors[0] * 1.001


@pytest.mark.parametrize("workers", [1, 2])
def test_bytes_do_not_depend_on_threads_or_layout(clustered: np.ndarray, workers: int) -> None:
    import torch

    before = torch.get_num_threads()
    expected = fit_quantizer(clustered, settings(groups=2), rng=np.random.default_rng(5)).codebooks
    layouts = [
        np.asfortranarray(clustered),
        np.repeat(clustered, 2, axis=0)[::2],
        clustered.astype(np.float64),
    ]
    torch.set_num_threads(workers)
    try:
        for z in layouts:
            found = fit_quantizer(z, settings(groups=2), rng=np.random.default_rng(5)).codebooks
            assert np.array_equal(found, expected)
        assert torch.get_num_threads() == workers
    finally:
        torch.set_num_threads(before)


def test_a_memory_map_gives_the_same(tmp_path: Path, clustered: np.ndarray) -> None:
    np.save(tmp_path / "z.npy", clustered)
    mapped = np.load(tmp_path / "z.npy", mmap_mode="r")
    books = [
        fit_quantizer(z, settings(), rng=np.random.default_rng(2)) for z in (clustered, mapped)
    ]
    assert np.array_equal(books[0].codebooks, books[1].codebooks)


def test_the_card_reports_usage_perplexity_and_entropy_for_every_trainer(
    rng: np.random.Generator,
) -> None:
    x = rng.normal(size=(120, 4))
    for trainer in ("kmeans", "minibatch", "ema"):
        keys = {"stages": 2, "codes": 4, "trainer": trainer, "device": "cpu"}
        codec = Codec(CodecSettings.parse({"quantizer": keys})).fit(x, rng=rng)
        report = codec.card_["training"]
        assert len(report["usage"]) == len(report["perplexity"]) == 2
        assert all(0.6 <= share <= 1 for share in report["usage"])
        assert 1 <= min(report["perplexity"]) <= max(report["perplexity"]) <= 5
        assert 0 < report["entropy_bits"] <= 2 * np.log2(5)


# Faults.


@pytest.mark.parametrize("num", [0, 1, 7])
def test_too_few_vectors_are_refused(rng: np.random.Generator, num: int) -> None:
    with pytest.raises(InputError, match=f"{num} training vectors are too few"):
        fit_quantizer(np.ones((num, 4)), settings(), rng=rng)


def test_fewer_vectors_than_codes_lower_the_codes(rng: np.random.Generator) -> None:
    assert fit_quantizer(rng.normal(size=(40, 4)), settings(codes=64), rng=rng).num_codes == 5


@pytest.mark.parametrize("policy", ["keep", "replace", "split"])
def test_equal_vectors_and_one_code(rng: np.random.Generator, policy: str) -> None:
    for codes in (1, 4):
        given = settings(codes=codes, dead_codes=policy)
        quantizer = fit_quantizer(np.full((200, 4), 2.0), given, rng=rng)
        assert error_of(quantizer, np.full((3, 4), 2.0)) == pytest.approx(0, abs=1e-6)
        assert error_of(fit_quantizer(np.zeros((64, 4)), given, rng=rng), np.zeros((1, 4))) == 0


@pytest.mark.parametrize("where", [3, 5999])
def test_one_bad_value_is_found(clustered: np.ndarray, where: int) -> None:
    clustered[where, 1] = np.inf
    with pytest.raises(InputError, match="NaN or infinite"):
        fit_quantizer(clustered, settings(), rng=np.random.default_rng(0))


def test_groups_must_divide_the_dimensions(rng: np.random.Generator) -> None:
    with pytest.raises(InputError, match="4 equal groups"):
        fit_quantizer(np.ones((50, 6)), settings(groups=4), rng=rng)


def test_settings_without_effect_are_named() -> None:
    assert QuantizerSettings().ineffective() == ()
    assert settings(passes=3).ineffective() == ()
    given = QuantizerSettings.parse({"trainer": "kmeans", "ema_decay": 0.9, "codes": 4})
    (sentence,) = given.ineffective()
    assert "quantizer.ema_decay has no effect with trainer: kmeans" in sentence
    with pytest.raises(ConfigError, match="split needs trainer: minibatch"):
        QuantizerSettings.parse({"trainer": "ema", "dead_codes": "split"})


# Several processes.


class Together:
    """An exchange between threads: every call waits for all and gives all the same."""

    def __init__(self, rank: int, slots: list, barrier: threading.Barrier) -> None:
        self.rank, self.size = rank, len(slots)
        self._slots, self._barrier = slots, barrier

    def _gather(self, tensor) -> list:
        self._slots[self.rank] = tensor.clone()
        self._barrier.wait(timeout=60)
        found = list(self._slots)
        self._barrier.wait(timeout=60)
        return found

    def all_reduce(self, tensor):
        return sum(self._gather(tensor))

    def broadcast(self, tensor):
        return self._gather(tensor)[0]


def run_together(parts: list[np.ndarray], fit: Callable) -> list:
    slots, barrier = [None] * len(parts), threading.Barrier(len(parts))
    results: list = [None] * len(parts)

    def work(rank: int) -> None:
        results[rank] = fit(parts[rank], Together(rank, slots, barrier))

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(len(parts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("cuts", [[2001], [64, 64]])
def test_processes_with_parts_find_what_one_finds_with_all(
    clustered: np.ndarray, cuts: list[int]
) -> None:
    given = settings(groups=2)

    def fit(z: np.ndarray, exchange) -> np.ndarray:
        return fit_minibatch(z, given, 8, rng=np.random.default_rng(3), exchange=exchange)

    alone = fit(clustered, ALONE)
    found = run_together(np.split(clustered, cuts), fit)
    for books in found:
        assert np.array_equal(books, found[0])
        assert books == pytest.approx(alone, abs=1e-4)


def test_rows_are_counted_over_all_processes(rng: np.random.Generator) -> None:
    z = rng.normal(size=(10, 2)).astype(np.float32)

    def take(part: np.ndarray, exchange) -> tuple:
        rows = Rows.spread_over(part, exchange, device="cpu")
        return rows.total, rows.take(np.array([9, 0, 4, 3]))

    for total, (rows, places) in run_together(np.split(z, [4, 4]), take):
        assert total == 10
        assert np.array_equal(rows, z[np.array([9, 0, 4, 3])[places]])


def test_parallel_training_refuses_what_it_cannot_do(rng: np.random.Generator) -> None:
    with pytest.raises(ConfigError, match="use trainer: minibatch"):
        fit_parallel(_part, QuantizerSettings(), rng=rng, processes=2)
    with pytest.raises(ConfigError, match="1 or more"):
        fit_parallel(_part, settings(), rng=rng, processes=0)


def _part(rank: int, size: int, *, bad: bool = False) -> np.ndarray:
    z = np.random.default_rng(0).normal(size=(3000, 8)).astype(np.float32)
    if bad and rank == size - 1:
        z[-1] = np.nan
    return np.array_split(z, [0, 1100, 3000][: size + 1])[rank + 1] if size > 1 else z


@pytest.mark.slow
def test_two_processes_through_fabric_equal_one() -> None:
    books = [
        fit_parallel(
            _part, settings(), rng=np.random.default_rng(4), processes=count, accelerator="cpu"
        ).codebooks
        for count in (1, 2)
    ]
    assert books[0] == pytest.approx(books[1], abs=1e-4)


@pytest.mark.slow
def test_a_bad_value_in_one_process_ends_all(rng: np.random.Generator) -> None:
    load = functools.partial(_part, bad=True)
    with pytest.raises(InputError, match="NaN or infinite"):
        fit_parallel(load, settings(), rng=rng, processes=2, accelerator="cpu")


@pytest.mark.gpu
def test_a_gpu_is_as_good_as_the_cpu(clustered: np.ndarray) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    errors = [
        error_of(
            fit_quantizer(clustered, settings(device=device), rng=np.random.default_rng(1)),
            clustered,
        )
        for device in ("cpu", "cuda")
    ]
    assert errors[1] == pytest.approx(errors[0], rel=0.03)
