"""The search in PyTorch, for GPUs: factorized priors, all λ of a block of vectors together.

Single precision throughout, in tensors that stay on the device; tests run it on the CPU. Letters:
``n`` vectors of a block, ``L`` values of λ, ``m`` nodes (distinct prefixes), ``b`` prefixes kept,
``Q`` stages, ``A = K + 1`` symbols, ``S = G·Q``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from quantlab.codebooks.quantizer import Quantizer
from quantlab.codebooks.results import SearchResult
from quantlab.codebooks.search_cpu import checked_block
from quantlab.entropy import FactorizedPrior

if TYPE_CHECKING:
    import torch

_BLOCK_BYTES = 1 << 28  # of the products of one block, and of the costs of one beam step
_SMALL = 0.125  # share of ‖z‖² below which sums in single precision are not trusted


@dataclass(frozen=True, eq=False)
class DeviceTables:
    """Codebooks, prior and λ on one device.

    Attributes
    ----------
    books : torch.Tensor [shape=(G, Q, A, D/G), dtype=float32]
        Codes and SKIP.
    norms, bits : torch.Tensor [shape=(G, Q, A), dtype=float32]
        ‖c‖² and code lengths.
    cross : list[list[torch.Tensor]]
        2⟨c′, c⟩ of each stage j with those before, [j, A, A].
    lams : torch.Tensor [shape=(L,), dtype=float32]
        Ascending.
    """

    books: torch.Tensor
    norms: torch.Tensor
    bits: torch.Tensor
    cross: list[list[torch.Tensor]]
    lams: torch.Tensor

    @classmethod
    def of(
        cls, quantizer: Quantizer, prior: FactorizedPrior, lams: np.ndarray, device: str
    ) -> DeviceTables:
        """Copy to a device what the search needs."""
        import torch

        books = torch.from_numpy(quantizer.with_skip()).to(device)
        bits = prior.bits_table().reshape(books.shape[:3]).astype(np.float32)
        with _full_precision():
            cross = [
                [2.0 * group[:stage] @ group[stage].T for stage in range(len(group))]
                for group in books
            ]
        return cls(
            books,
            (books.double() ** 2).sum(dim=3).float(),
            torch.from_numpy(bits).to(device),
            cross,
            torch.from_numpy(np.minimum(lams, 1e30).astype(np.float32)).to(device),
        )


def search_gpu(
    quantizer: Quantizer,
    z: np.ndarray,
    prior: FactorizedPrior,
    lams: Sequence[float] | np.ndarray,
    *,
    beam: int = 1,
    device: str = "cuda",
) -> list[SearchResult]:
    """Choose stage by stage at all λ on a device; see `search`."""
    import torch

    sorted_lams, place = np.unique(np.asarray(lams, np.float64), return_inverse=True)
    tables = DeviceTables.of(quantizer, prior, sorted_lams, device)
    shape = (len(sorted_lams), len(z))
    symbols = np.empty((*shape, quantizer.num_symbols), np.uint16)
    distortion = np.empty(shape)
    size = _block_size(tables, beam)
    for start in range(0, len(z) if len(sorted_lams) else 0, size):
        part = slice(start, start + size)
        block = torch.from_numpy(checked_block(quantizer, z[part])).to(device)
        chosen, errors = choose_on_device(block, tables, beam=beam)
        symbols[:, part] = chosen.to(torch.int32).permute(1, 0, 2).cpu().numpy()
        distortion[:, part] = errors.T.cpu().numpy()
    results = [
        SearchResult(found, left, prior.code_length_bits(found))
        for found, left in zip(symbols, distortion, strict=True)
    ]
    return [results[index] for index in place]


def _block_size(tables: DeviceTables, beam: int) -> int:
    """Vectors whose products, or whose costs in one beam step, fill the memory of a block."""
    _, stages, alphabet, _ = tables.books.shape
    one = stages * alphabet if beam == 1 else len(tables.lams) * beam * alphabet
    return max(_BLOCK_BYTES // (4 * one), 1)


def choose_on_device(
    block: torch.Tensor, tables: DeviceTables, *, beam: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    """Choose the symbols of a block that is on the device already.

    Parameters
    ----------
    block : torch.Tensor [shape=(n, G, D/G)]
        Vectors, float32 or float64.
    tables : DeviceTables
        On the same device.
    beam : int
        Prefixes kept.

    Returns
    -------
    tuple[torch.Tensor, torch.Tensor]
        Symbols int16 ``[n, L, S]`` and distortion float64 ``[n, L]``.
    """
    import torch

    num_vectors, num_lams = len(block), len(tables.lams)
    stages, alphabet = tables.norms.shape[1:]
    errors = torch.zeros((num_vectors, num_lams), dtype=torch.float64, device=block.device)
    parts = []
    for group in range(len(tables.books)):
        vectors = block[:, group]
        codes = tables.books[group].reshape(stages * alphabet, -1)
        with _full_precision():
            products = vectors.float() @ codes.T
        first = tables.norms[group] - 2.0 * products.view(num_vectors, stages, alphabet)
        power = (vectors.double() ** 2).sum(dim=1)
        if beam == 1:
            chosen, gained = _with_ranges(first, power, tables, group)
        else:
            chosen, gained = _with_beam(first, power, tables, group, beam)
        errors += _settled(chosen, gained, vectors, power, tables.books[group])
        parts.append(chosen)
    return torch.cat(parts, dim=2), errors


def _with_ranges(
    first: torch.Tensor, power: torch.Tensor, tables: DeviceTables, group: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Beam 1: one node for each distinct prefix of a vector, with the range of λ it serves.

    Nodes stay in order of vectors, then of λ.
    """
    import torch

    num_vectors, num_stages, _ = first.shape
    num_lams = len(tables.lams)
    vectors = torch.arange(num_vectors, device=first.device)
    begins = torch.zeros_like(vectors)
    ends = torch.full_like(vectors, num_lams)
    gained, history = power, vectors.new_empty((num_vectors, 0))
    for stage in range(num_stages):
        costs = first[vectors, stage]
        for earlier in range(stage):
            costs += tables.cross[group][stage][earlier][history[:, earlier]]
        nodes, starts, symbols = _pieces(costs, tables.bits[group, stage], tables, begins, ends)
        gained = gained[nodes] + costs[nodes, symbols].double()
        history = torch.cat([history[nodes], symbols[:, None]], dim=1)
        vectors, stops = vectors[nodes], ends[nodes]
        following = torch.roll(starts, -1)
        alike = nodes == torch.roll(nodes, -1)
        alike[-1:] = False
        begins, ends = starts, torch.where(alike, following, stops)
    lengths = ends - begins
    chosen = torch.repeat_interleave(history.to(torch.int16), lengths, dim=0)
    gained = torch.repeat_interleave(gained, lengths)
    shape = (num_vectors, num_lams)
    return chosen.view(*shape, num_stages), gained.view(shape)


def _pieces(
    costs: torch.Tensor,
    bits: torch.Tensor,
    tables: DeviceTables,
    begins: torch.Tensor,
    ends: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Cut each node's range of λ where its choice changes: node, first λ and symbol of each piece.

    Ranges whose ends choose differently are halved until the ends are neighbours; a symbol that
    wins at both ends wins between them.
    """
    import torch

    def choose(nodes: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        return torch.addcmul(costs[nodes], tables.lams[places, None], bits[None]).argmin(dim=1)

    nodes = torch.arange(len(costs), device=costs.device)
    left, right = begins, ends - 1
    at_left, at_right = choose(nodes, left), choose(nodes, right)
    found = [(nodes, left, at_left)]
    while True:
        differ = at_left != at_right
        nodes, left, right = nodes[differ], left[differ], right[differ]
        at_left, at_right = at_left[differ], at_right[differ]
        if not len(nodes):
            break
        touching = right - left == 1
        found.append((nodes[touching], right[touching], at_right[touching]))
        apart = ~touching
        nodes, left, right = nodes[apart], left[apart], right[apart]
        at_left, at_right = at_left[apart], at_right[apart]
        middle = (left + right) // 2
        at_middle = choose(nodes, middle)
        nodes = torch.cat([nodes, nodes])
        left, right = torch.cat([left, middle]), torch.cat([middle, right])
        at_left = torch.cat([at_left, at_middle])
        at_right = torch.cat([at_middle, at_right])
    nodes, starts, symbols = (torch.cat(parts) for parts in zip(*found, strict=True))
    order = torch.argsort(nodes * len(tables.lams) + starts)
    return nodes[order], starts[order], symbols[order]


def _with_beam(
    first: torch.Tensor, power: torch.Tensor, tables: DeviceTables, group: int, beam: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Beam above 1: each λ of each vector is a row of its own."""
    import torch

    num_vectors, num_stages, alphabet = first.shape
    num_lams = len(tables.lams)
    vectors = torch.arange(num_vectors, device=first.device).repeat_interleave(num_lams)
    lams = tables.lams.repeat(num_vectors)[:, None, None]
    gained = power.repeat_interleave(num_lams)[:, None]
    spent = torch.zeros_like(gained)
    history = vectors.new_empty((len(vectors), 1, 0))
    for stage in range(num_stages):
        left = first[vectors, stage][:, None].expand(-1, gained.shape[1], -1).clone()
        for earlier in range(stage):
            left += tables.cross[group][stage][earlier][history[:, :, earlier]]
        bits = tables.bits[group, stage]
        ahead = gained - gained[:, :1] + lams[:, :, 0] * (spent - spent[:, :1])
        costs = left + lams * bits + ahead.float()[:, :, None]
        kept = _lowest(costs.flatten(1), min(beam, costs.shape[1] * alphabet))
        parents, symbols = kept // alphabet, kept % alphabet
        gained = gained.gather(1, parents) + left.flatten(1).gather(1, kept).double()
        spent = spent.gather(1, parents) + bits[symbols].double()
        places = parents[:, :, None].expand(-1, -1, stage)
        history = torch.cat([history.gather(1, places), symbols[:, :, None]], dim=2)
    shape = (num_vectors, num_lams)
    return history[:, 0].to(torch.int16).view(*shape, num_stages), gained[:, 0].view(shape)


def _lowest(costs: torch.Tensor, count: int) -> torch.Tensor:
    """Places of the `count` lowest costs of each row, equal ones in order of place."""
    import torch

    places = torch.topk(costs, count, dim=1, largest=False, sorted=False).indices.sort(dim=1).values
    order = costs.gather(1, places).argsort(dim=1, stable=True)
    return places.gather(1, order)


def _settled(
    chosen: torch.Tensor,
    gained: torch.Tensor,
    vectors: torch.Tensor,
    power: torch.Tensor,
    books: torch.Tensor,
) -> torch.Tensor:
    """Recompute small distortions from the residual, in double precision."""
    import torch

    rows, places = torch.nonzero(gained < _SMALL * power[:, None], as_tuple=True)
    for start in range(0, len(rows), 1 << 16):
        row, place = rows[start : start + (1 << 16)], places[start : start + (1 << 16)]
        residual = vectors[row].double()
        for stage in range(len(books)):
            residual -= books[stage, chosen[row, place, stage].long()].double()
        gained[row, place] = (residual**2).sum(dim=1)
    return gained


@contextlib.contextmanager
def _full_precision() -> Iterator[None]:
    """Keep products out of TF32, whose ten bits of mantissa choose other codes."""
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
