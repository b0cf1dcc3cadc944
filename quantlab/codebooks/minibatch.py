"""Our own mini-batch k-means for residual codebooks: all stages of all groups, in few passes.

1. *Seeds*: each stage by greedy k-means++ and a few turns of k-means on a small sample.
2. *Averages*: all stages move together towards moving averages over mini-batches, and codes that
   hardly any vector chooses get another place.
3. *Passes* over all vectors: codes move to the means of their vectors; with ``joint_refit`` the
   stages of a group are then solved for together. The codebooks with the lowest error are kept.

The same code runs on the CPU and on a GPU, on arrays and on memory maps, in one process or in
several that hold different rows (see `parallel`). On the CPU the result depends on the data and
the generator alone, not on the number of cores. Memory beside the vectors: 65 536 rows at a time
and the codebooks' statistics, whatever N; ``joint_refit`` adds G·(Q·(K + 1))²·8 bytes. Letters as
in `quantizer`.
"""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from quantlab.codebooks.clusters import Descent, descend, means, revive, seed_codes, units
from quantlab.codebooks.exchange import ALONE, BLOCK, Exchange, Rows
from quantlab.codebooks.leastsquares import NormalEquations
from quantlab.codebooks.settings import QuantizerSettings
from quantlab.compat import choose_device, single_thread

if TYPE_CHECKING:
    import torch

_SEED_VECTORS = 32  # per code, and no fewer in all than
_LEAST_SEED_VECTORS = 4096
_SETTLED = 1e-4  # relative gain in squared error below which seeds count as settled
_SEED_TURNS = 10  # where averages follow; they do the rest
_RUN = 64  # neighbouring rows that stay together when the order is drawn, for the disk's sake
_BATCH = 16  # vectors per code in a mini-batch, and no fewer than
_LEAST_BATCH = 1024
_DECAY = 0.9
_HARDLY = 1 / 8  # of the mean number of vectors per code: fewer, and a code counts as dead

Spread = Callable[..., Iterator[Any]]


def fit_minibatch(
    z: np.ndarray,
    settings: QuantizerSettings,
    num_codes: int,
    *,
    rng: np.random.Generator,
    exchange: Exchange = ALONE,
) -> np.ndarray:
    """Fit the codebooks of all groups and stages.

    Parameters
    ----------
    z : np.ndarray [shape=(N, D)]
        Scaled training vectors, of any real type and layout; a memory map is read in blocks. With
        several processes, the rows of this one.
    settings : QuantizerSettings
        Shape and training; D is divisible by G.
    num_codes : int
        K, already capped.
    rng : np.random.Generator
        Source of all randomness, in the same state in every process.
    exchange : Exchange
        The other processes.

    Returns
    -------
    np.ndarray [shape=(G, Q, K, D/G), dtype=float32]
        The codebooks, the same in every process.

    Raises
    ------
    InputError
        Vectors hold NaN or infinite values.

    References
    ----------
    Sculley, "Web-scale k-means clustering", WWW 2010, algorithm 1, with a constant forgetting rate
    as in van den Oord et al., "Neural discrete representation learning", 2017, appendix A.1.
    """
    device = choose_device(settings.device)
    rows = Rows.spread_over(z, exchange, device=device)
    with _spread(device) as spread:
        trainer = _Trainer(rows, settings, num_codes, rng, exchange, device, spread)
        books = trainer.seed()
        if rows.total > trainer.sample.shape[1]:
            books = trainer.average(books)
        return trainer.finish(books)[:, :, :-1].cpu().numpy()


@contextlib.contextmanager
def _spread(device: str) -> Iterator[Spread]:
    """Yield a `map` that uses as many threads as the numerical libraries were allowed to.

    Threads of ours over pieces of work, each piece in one thread, are faster than threads inside
    each small product, and sums do not depend on their number.
    """
    import torch
    from threadpoolctl import threadpool_info

    if device == "cuda":
        yield map
        return
    allowed = [library["num_threads"] for library in threadpool_info()]
    workers = min([torch.get_num_threads(), *allowed])
    with single_thread():
        if workers == 1:
            yield map
            return
        with ThreadPoolExecutor(workers) as pool:
            yield pool.map


class _Trainer:
    """One fit: where the rows are and how the work is shared out."""

    def __init__(
        self,
        rows: Rows,
        settings: QuantizerSettings,
        num_codes: int,
        rng: np.random.Generator,
        exchange: Exchange,
        device: str,
        spread: Spread,
    ) -> None:
        self.rows, self.settings, self.num_codes = rows, settings, num_codes
        self.rng, self.exchange, self.device, self.spread = rng, exchange, device, spread
        self.width = rows.values.shape[1] // settings.groups

    def seed(self) -> "torch.Tensor":
        """Fit stage after stage to a small sample: codebooks ``[G, Q, K + 1, d]``, SKIP last."""
        import torch

        size = max(_SEED_VECTORS * self.num_codes, _LEAST_SEED_VECTORS)
        size = min(size, self.rows.total)
        alone = size == self.rows.total
        numbers = self.rng.choice(self.rows.total, size, replace=False)
        mine, places = self.rows.take(numbers)
        shape = (self.settings.groups, size, self.width)
        pool = torch.zeros(shape, dtype=torch.float32, device=self.device)
        pool[:, torch.from_numpy(places).to(self.device)] = self._tensor(mine)
        self.sample = pool = self.exchange.all_reduce(pool)
        stages = []
        for _ in range(self.settings.stages):
            codes = seed_codes(pool, self.num_codes, rng=self.rng)
            books = torch.nn.functional.pad(codes, (0, 0, 0, 1))[:, None]
            last, turns = np.inf, self.settings.kmeans_iterations if alone else _SEED_TURNS
            for _ in range(turns):
                # SKIP would win most residuals of codes that still sit on single vectors.
                found = self._descend(pool, books, skip=False)
                books, revived = self._revive(means(found, books), found.counts, pool[:, None], 1.0)
                cost = float(found.left)
                if cost >= last * (1.0 if alone else 1 - _SETTLED) and not bool(revived.any()):
                    break
                last = cost
            pool = self._descend(pool, books, keep=size).heads[:, 1]
            stages.append(books[:, 0])
        return self.exchange.broadcast(torch.stack(stages, dim=1))

    def average(self, books: "torch.Tensor") -> "torch.Tensor":
        """Move all stages towards moving averages over mini-batches."""
        sums, counts = None, None
        for block, places, size in self._batches():
            keep = min(self.num_codes, size)
            found = self._shared(self._descend(block, books, keep=keep, places=places))
            if sums is None or counts is None:
                sums, counts = found.sums, found.counts
            else:
                sums = _DECAY * sums + (1 - _DECAY) * found.sums
                counts = _DECAY * counts + (1 - _DECAY) * found.counts
            floor = _HARDLY * size / self.num_codes
            moved = means(Descent(sums, counts, found.left, found.heads), books)
            books, revived = self._revive(moved, counts, found.heads[:, :-1], floor)
            counts = counts.where(~revived, floor * 2)
            sums = sums.where(~revived[..., None], books * counts[..., None])
            books = self.exchange.broadcast(books)
        return books

    def finish(self, books: "torch.Tensor") -> "torch.Tensor":
        """Pass over all vectors; return the codebooks with the lowest error on the sample."""
        best, lowest = books, float(self._descend(self.sample, books).left)
        turns = self.settings.passes - self.settings.passes // 2
        # Few vectors would be fitted too closely, at the cost of what the first stages give alone.
        joint = self.settings.joint_refit and self.rows.total > self.sample.shape[1]
        for turn in range(turns):
            refit = joint and 2 * turn >= turns - 1
            books = self.exchange.broadcast(self._pass(books, refit=refit))
            cost = float(self._descend(self.sample, books).left)
            if cost < lowest:
                best, lowest = books, cost
        return best

    def _tensor(self, rows: np.ndarray) -> "torch.Tensor":
        """Bring rows ``[n, D]`` to the device as ``[G, n, d]``."""
        import torch

        block = torch.from_numpy(rows).to(self.device)
        split = block.view(len(block), self.settings.groups, self.width)
        return split.transpose(0, 1).contiguous()

    def _batches(self) -> Iterator[tuple["torch.Tensor", np.ndarray, int]]:
        """Yield our part ``[G, n, d]`` of each mini-batch, its places there, the batch's size."""
        total, size = self.rows.total, max(_BATCH * self.num_codes, _LEAST_BATCH)
        size = min(size, total)
        runs_at_a_time = max(BLOCK, size) // _RUN
        for _ in range(self.settings.passes // 2):
            order = self.rng.permutation(-(-total // _RUN))
            for start in range(0, len(order), runs_at_a_time):
                runs = order[start : start + runs_at_a_time]
                numbers = (runs[:, None] * _RUN + np.arange(_RUN)).ravel()
                numbers = self.rng.permutation(numbers[numbers < total])
                rows, places = self.rows.take(numbers)
                # What does not fill a batch is left out; the next epoch leaves out other rows.
                for begin in range(0, len(numbers) - size + 1, size):
                    inside = slice(*np.searchsorted(places, [begin, begin + size]))
                    yield self._tensor(rows[inside]), places[inside] - begin, size

    def _descend(
        self,
        x: "torch.Tensor",
        books: "torch.Tensor",
        *,
        keep: int = 0,
        places: np.ndarray | None = None,
        normal: list[NormalEquations] | None = None,
        skip: bool = True,
    ) -> Descent:
        """Encode vectors ``[G, n, d]`` piece by piece and add up what the pieces counted."""
        pieces = list(units(len(x), x.shape[1], self.device))
        total = Descent.zeros(books, keep)
        order = np.arange(x.shape[1]) if places is None else places

        def work(unit: tuple[slice, slice]) -> Descent:
            groups, rows = unit
            equations = normal and normal[groups]
            return descend(x[unit], books[groups], order[rows], keep, equations, skip=skip)

        for (groups, _), piece in zip(pieces, self.spread(work, pieces), strict=True):
            total.add(groups, piece)
        return total

    def _shared(self, found: Descent) -> Descent:
        add = self.exchange.all_reduce
        return Descent(add(found.sums), add(found.counts), add(found.left), add(found.heads))

    def _revive(
        self, books: "torch.Tensor", counts: "torch.Tensor", pool: "torch.Tensor", floor: float
    ) -> tuple["torch.Tensor", "torch.Tensor"]:
        policy = self.settings.dead_codes
        return revive(books, counts, pool, policy, floor=floor, rng=self.rng)

    def _pass(self, books: "torch.Tensor", *, refit: bool) -> "torch.Tensor":
        """Encode all vectors and return codebooks moved to suit them."""
        import torch

        shape = (self.settings.stages, self.num_codes, self.width)
        normal = [NormalEquations(*shape) for _ in books] if refit else None
        total = Descent.zeros(books, 0)
        for start in range(0, len(self.rows.values), BLOCK):
            block = self._tensor(self.rows.block(start))
            total.add(slice(None), self._descend(block, books, normal=normal))
        total = self._shared(total)
        if normal is None:
            return means(total, books)
        moved = books.clone()
        for group, equations in enumerate(normal):
            for sums in (equations.together, equations.sums):
                shared = self.exchange.all_reduce(torch.from_numpy(sums).to(self.device))
                sums[:] = shared.cpu().numpy()
            solved = equations.solve(books[group, :, :-1].cpu().numpy())
            moved[group, :, :-1] = torch.from_numpy(solved).to(books)
        return moved
