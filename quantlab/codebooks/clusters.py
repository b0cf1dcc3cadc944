"""The steps of our own k-means on many groups at once: nearest codes, sums, seeds, dead codes.

Letters as in `quantizer`; ``g`` groups of a batch, ``n`` of their vectors, ``d = D/G``. All arrays
are torch tensors, on the CPU or on a GPU. The last row of every ``[g, K + 1, d]`` is SKIP: always
a candidate, always zero, never moved.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from quantlab.codebooks.leastsquares import NormalEquations

if TYPE_CHECKING:
    import torch

SPAN = 1 << 14  # vectors summed in single precision before they join the sums in double
_SPLIT = 0.1  # standard deviations between a code and the one that is put beside it
_SCORES = {"cpu": 1 << 18, "cuda": 1 << 28}  # distances held at a time: what a core's cache holds


def nearest(x: "torch.Tensor", books: "torch.Tensor", *, skip: bool = True) -> "torch.Tensor":
    """Return the index ``[g, n]`` of the nearest code of ``[g, K + 1, d]``, ties to the lowest.

    Without `skip`, SKIP is no candidate.
    """
    import torch

    num_groups, num_rows, _ = x.shape
    norms = books.square().sum(dim=2)[:, None]
    if not skip:
        norms[..., -1] = torch.inf
    codes = books.mT.contiguous()
    chosen = torch.empty((num_groups, num_rows), dtype=torch.int64, device=x.device)
    block = max(256, _SCORES[x.device.type] // (num_groups * books.shape[1]))
    for start in range(0, num_rows, block):
        part = slice(start, start + block)
        scores = torch.baddbmm(norms, x[:, part], codes, alpha=-2)
        if x.device.type == "cpu":  # NumPy's argmin is vectorised: ten times as fast as torch's
            chosen[:, part] = torch.from_numpy(scores.numpy().argmin(axis=2))
        else:
            chosen[:, part] = scores.argmin(dim=2)
    return chosen


def units(num_groups: int, num_rows: int, device: str) -> Iterator[tuple[slice, slice]]:
    """Cut a batch into pieces of work that do not depend on the number of workers."""
    if device == "cuda":
        yield slice(None), slice(None)
        return
    for group in range(num_groups):
        for start in range(0, num_rows, SPAN):
            yield slice(group, group + 1), slice(start, start + SPAN)


@dataclass(frozen=True, eq=False)
class Descent:
    """What an update needs to know of the vectors that chose each code, stage by stage.

    Attributes
    ----------
    sums : torch.Tensor [shape=(g, Q, K + 1, d), dtype=float64]
        Sum of the residuals that chose each code.
    counts : torch.Tensor [shape=(g, Q, K + 1), dtype=float64]
        Their number.
    left : torch.Tensor [shape=(), dtype=float64]
        Squared error after the last stage, summed over vectors and groups.
    heads : torch.Tensor [shape=(g, Q + 1, keep, d), dtype=float32]
        What each stage was given, and the last one left, of the first vectors.
    """

    sums: "torch.Tensor"
    counts: "torch.Tensor"
    left: "torch.Tensor"
    heads: "torch.Tensor"

    @classmethod
    def zeros(cls, books: "torch.Tensor", keep: int) -> "Descent":
        """Return the sums over no vectors, for codebooks ``[g, Q, K + 1, d]``."""
        import torch

        double = {"dtype": torch.float64, "device": books.device}
        num_groups, num_stages, num, width = books.shape
        return cls(
            torch.zeros(books.shape, **double),
            torch.zeros((num_groups, num_stages, num), **double),
            torch.zeros((), **double),
            torch.zeros((num_groups, num_stages + 1, keep, width), device=books.device),
        )

    def add(self, groups: slice, piece: "Descent") -> None:
        """Add the sums over other vectors of some of the groups."""
        self.sums[groups] += piece.sums
        self.counts[groups] += piece.counts
        self.left.add_(piece.left)
        if self.heads.shape[2]:
            self.heads[groups] += piece.heads


def means(found: Descent, books: "torch.Tensor") -> "torch.Tensor":
    """Return codebooks moved to the means; unused codes and SKIP stay as in `books`."""
    used = found.counts > 0
    used[..., -1] = False
    moved = found.sums / found.counts.where(used, 1.0)[..., None]
    return moved.to(books.dtype).where(used[..., None], books)


def descend(
    x: "torch.Tensor",
    books: "torch.Tensor",
    places: np.ndarray,
    keep: int,
    normal: list[NormalEquations] | None,
    *,
    skip: bool = True,
) -> Descent:
    """Encode vectors ``[g, n, d]`` stage by stage and sum the residuals by chosen code.

    Parameters
    ----------
    x : torch.Tensor [shape=(g, n, d), dtype=float32]
        Vectors.
    books : torch.Tensor [shape=(g, Q, K + 1, d), dtype=float32]
        Codebooks, SKIP last.
    places : np.ndarray [shape=(n,), dtype=int64]
        Ascending places of the vectors in their batch; those below `keep` are kept as heads.
    keep : int
        See `places`.
    normal : list[NormalEquations], optional
        One per group, to which the choices are added.
    skip : bool
        Whether SKIP is a candidate.
    """
    import torch

    found = Descent.zeros(books, keep)
    num_groups, num_stages, num, width = books.shape
    shift = num * torch.arange(num_groups, device=x.device)[:, None]
    num_heads = int(np.searchsorted(places, keep))
    heads = torch.from_numpy(places[:num_heads]).to(x.device)
    residual, symbols = x.clone(), []
    for stage in range(num_stages):
        found.heads[:, stage, heads] = residual[:, :num_heads]
        chosen = nearest(residual, books[:, stage], skip=skip)
        flat = (chosen + shift).view(-1)
        single = torch.zeros((num_groups * num, width), dtype=x.dtype, device=x.device)
        single.index_add_(0, flat, residual.view(-1, width))
        found.sums[:, stage] = single.view(num_groups, num, width)
        counts = torch.bincount(flat, minlength=num_groups * num)
        found.counts[:, stage] = counts.view(num_groups, num)
        codes = books[:, stage].reshape(-1, width)
        residual -= codes.index_select(0, flat).view_as(residual)
        if normal is not None:
            symbols.append(chosen)
    found.heads[:, num_stages, heads] = residual[:, :num_heads]
    found.left.add_(residual.square().sum(dtype=torch.float64))
    if normal is not None:
        rows = torch.stack(symbols, dim=2).cpu().numpy(), x.cpu().numpy()
        for equations, *group in zip(normal, *rows, strict=True):
            equations.add(*group)
    return found


def seed_codes(pool: "torch.Tensor", num_codes: int, *, rng: np.random.Generator) -> "torch.Tensor":
    """Pick codes ``[g, K, d]`` among vectors ``[g, n, d]`` by greedy k-means++.

    Every next code is the best of a few vectors drawn in proportion to their squared distance from
    the codes so far.

    References
    ----------
    Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007, section
    2.2 and the greedy variant of section 5.
    """
    import torch

    num_groups, num_rows, width = pool.shape
    num_trials = 2 + int(np.log(num_codes))
    draws = torch.from_numpy(rng.random((num_codes, num_groups, num_trials))).to(pool.device)
    power = pool.square().sum(dim=2)
    distance = torch.full_like(power, torch.inf)
    picked = torch.empty((num_groups, num_codes, width), dtype=pool.dtype, device=pool.device)
    every = torch.arange(num_groups, device=pool.device)
    for code in range(num_codes):
        mass = (distance.double() if code else torch.ones_like(power).double()).cumsum(dim=1)
        trial = torch.searchsorted(mass, draws[code] * mass[:, -1:]).clamp_(max=num_rows - 1)
        vectors = pool.gather(1, trial[..., None].expand(-1, -1, width))
        norms = power.gather(1, trial)
        reach = torch.baddbmm(norms[..., None] + power[:, None], vectors, pool.mT, alpha=-2)
        reach = torch.minimum(reach.clamp_(min=0), distance[:, None])
        best = reach.sum(dim=2, dtype=torch.float64).argmin(dim=1)
        picked[:, code] = vectors[every, best]
        distance = reach[every, best]
    return picked


def revive(
    books: "torch.Tensor",
    counts: "torch.Tensor",
    pool: "torch.Tensor",
    policy: str,
    *,
    floor: float,
    rng: np.random.Generator,
) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Give codes that hardly any vector chose another place.

    Parameters
    ----------
    books : torch.Tensor [shape=(g, Q, K + 1, d)]
        Codebooks, SKIP last.
    counts : torch.Tensor [shape=(g, Q, K + 1)]
        How many vectors chose each code.
    pool : torch.Tensor [shape=(g, Q, n, d)]
        Vectors as each stage is given them.
    policy : {"keep", "replace", "split"}
        ``keep``: nothing moves. ``replace``: to vectors of the pool, drawn without preference.
        ``split``: beside the codes with the most vectors, which then share them.
    floor : float
        Codes with fewer vectors move.
    rng : np.random.Generator
        Draws the new places.

    Returns
    -------
    tuple[torch.Tensor, torch.Tensor]
        The codebooks, and which codes moved, bool ``[g, Q, K + 1]``.
    """
    import torch

    dead = counts < floor
    dead[..., -1] = False
    if policy == "keep" or not bool(dead.any()):
        return books, torch.zeros_like(dead)
    books = books.clone()
    for group, stage in torch.nonzero(dead.any(dim=2)).tolist():
        codes = torch.nonzero(dead[group, stage])[:, 0]
        vectors = pool[group, stage]
        if policy == "split":
            heavy = counts[group, stage, :-1].argsort(descending=True, stable=True)
            codes, heavy = codes[: len(heavy) // 2], heavy[: min(len(codes), len(heavy) // 2)]
            step = torch.from_numpy(rng.standard_normal((len(heavy), books.shape[3])))
            step = _SPLIT * vectors.std(dim=0, correction=0) * step.to(books)
            books[group, stage, codes] = books[group, stage, heavy] + step
        else:
            rows = rng.choice(len(vectors), size=len(codes), replace=len(codes) > len(vectors))
            books[group, stage, codes] = vectors[torch.from_numpy(rows).to(vectors.device)]
    return books, dead
