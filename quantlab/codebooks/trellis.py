"""Trellis search: the cheapest path through the states of a trellis prior, by Viterbi's algorithm.

Works on quantizers with one stage and groups of one dimension each: position m of a vector is its
component m, and the code chosen there is its reproduction. Unlike the stage-wise search this one
is exact: nothing that the prior allows costs less. Letters: ``N`` vectors, ``S`` components,
``Z`` states, ``A = K + 1`` symbols; ``B`` branches into different states and ``J`` parallel symbols
on one branch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from quantlab.codebooks.quantizer import Quantizer
from quantlab.codebooks.results import SearchResult
from quantlab.entropy import TrellisPrior
from quantlab.errors import InputError

_NEVER = np.float32(1e30)  # the cost of what is impossible; sums of it stay finite
_BLOCK = 16384  # vectors searched at a time
_PARTS = 64  # independent pieces of a block, shared out over the threads


@dataclass(frozen=True, eq=False)
class Machine:
    """A trellis prior's possible steps, laid out for the search.

    Attributes
    ----------
    only : np.ndarray [shape=(S,), dtype=int32]
        The one symbol of a position where nothing is to be chosen and no state is left, else −1.
    positions : np.ndarray [shape=(s,), dtype=int64]
        The other positions; the arrays below are about them.
    symbols : np.ndarray [shape=(s, B, J, Z), dtype=int32]
        Parallel symbols of each branch out of each state, −1 where there are fewer.
    next_states : np.ndarray [shape=(s, B, Z), dtype=int32]
        Where each branch leads, −1 where there are fewer.
    num_parallel : np.ndarray [shape=(s, B), dtype=int32]
        Most parallel symbols of that branch over the states, 0 where the branch is unused.
    """

    only: np.ndarray
    positions: np.ndarray
    symbols: np.ndarray
    next_states: np.ndarray
    num_parallel: np.ndarray

    @classmethod
    def of(cls, prior: TrellisPrior) -> "Machine":
        """Collect the possible symbols of every state, grouped by the state they lead to."""
        only = _only_symbols(prior)
        positions = np.flatnonzero(only < 0)
        num_states = prior.num_states
        steps: dict[tuple[int, int], list[list[int]]] = {}
        known: dict[bytes, list[list[int]]] = {b"": [[0]]}
        for row, state in np.ndindex(len(positions), num_states):
            place = positions[row], state
            possible = np.flatnonzero(prior.frequencies[place])
            target = prior.next_states[place][possible]
            key = possible.tobytes() + b"|" + target.tobytes()
            if key not in known:
                known[key] = [possible[target == other].tolist() for other in np.unique(target)]
            steps[row, state] = known[key]
        branches = max(len(groups) for groups in known.values())
        parallel = max(len(group) for groups in known.values() for group in groups)
        symbols = np.full((len(positions), branches, parallel, num_states), -1, np.int32)
        next_states = np.full((len(positions), branches, num_states), -1, np.int32)
        for (row, state), groups in steps.items():
            following = prior.next_states[positions[row], state]
            for branch, group in enumerate(groups):
                symbols[row, branch, : len(group), state] = group
                next_states[row, branch, state] = following[group[0]]
        num_parallel = (symbols >= 0).any(axis=3).sum(axis=2).astype(np.int32)
        return cls(only, positions, symbols, next_states, num_parallel)

    @property
    def steps(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What the search's kernel takes of the machine."""
        return self.symbols, self.next_states, self.num_parallel

    def laid_out(self, table: np.ndarray, absent: float) -> np.ndarray:
        """Return entries of a table ``[S, Z, A]`` in the order of `symbols`, float32."""
        states = np.arange(table.shape[1])
        places = self.positions[:, None, None, None]
        picked = table[places, states, np.maximum(self.symbols, 0)]
        return np.where(self.symbols >= 0, picked, absent).astype(np.float32)


def _only_symbols(prior: TrellisPrior) -> np.ndarray:
    certain = (prior.frequencies > 0).sum(axis=2).max(axis=1) == 1
    symbol = prior.frequencies.argmax(axis=2)
    states = np.arange(prior.num_states)
    following = np.take_along_axis(prior.next_states, symbol[..., None], axis=2)[..., 0]
    stays = (following == states).all(axis=1) & (symbol == symbol[:, :1]).all(axis=1)
    return np.where(certain & stays, symbol[:, 0], -1).astype(np.int32)


def search_trellis(
    quantizer: Quantizer,
    z: np.ndarray,
    prior: TrellisPrior,
    lams: Sequence[float],
    *,
    machine: Machine | None = None,
) -> list[SearchResult]:
    """Find the sequences of least J = distortion + λ·bits that a trellis prior allows.

    Exact but for the rounding of single precision: |ΔJ| ≤ 1e-5·J. Ties go to the lowest state,
    then to the lowest symbol. Memory is bounded by about 16384·S bytes·12 plus the tables.

    Parameters
    ----------
    quantizer : Quantizer
        One stage; as many groups as dimensions.
    z : np.ndarray [shape=(N, S)]
        Finite vectors, already rotated; a memory map will do.
    prior : TrellisPrior
        What may come and what it costs.
    lams : Sequence[float]
        Squared distance per bit, finite and ≥ 0, in any order.
    machine : Machine, optional
        ``Machine.of(prior)``, where it is known from an earlier call.

    Returns
    -------
    list[SearchResult]
        One per λ, in the order given.

    Raises
    ------
    InputError
        The quantizer is not of that shape, or shapes, values or a λ are out of range.

    References
    ----------
    Forney, "The Viterbi algorithm", Proc. IEEE 61 (1973); Fischer and Wang, "Entropy-constrained
    trellis-coded quantization", IEEE Trans. Inf. Theory 38 (1992), section III.
    """
    _check(quantizer, z, prior, lams)
    machine = machine or Machine.of(prior)
    books = quantizer.with_skip()[:, 0, :, 0]
    every_state = np.broadcast_to(books[:, None], prior.frequencies.shape)
    levels = machine.laid_out(every_state, 0.0)
    lengths = machine.laid_out(prior.state_bits, np.inf)
    shape = (len(lams), len(z))
    symbols = np.empty((*shape, quantizer.num_symbols), np.uint16)
    distortion, bits = np.empty(shape), np.empty(shape)
    viterbi = _kernel()
    for start in range(0, len(z), _BLOCK):
        part = slice(start, start + _BLOCK)
        exact = np.asarray(z[part], dtype=np.float64)
        if not np.isfinite(exact).all():
            raise InputError("vectors hold NaN or infinite values; check the embedding set")
        block = exact[:, machine.positions].astype(np.float32)
        chosen = np.tile(machine.only, (len(exact), 1))
        for row, lam in enumerate(lams):
            charges = np.full(lengths.shape, _NEVER)
            np.multiply(lengths, np.float32(lam), out=charges, where=np.isfinite(lengths))
            chosen[:, machine.positions] = viterbi(block, levels, charges, *machine.steps, _PARTS)
            symbols[row, part] = chosen
            error = exact - books[np.arange(len(books)), chosen]
            distortion[row, part] = np.einsum("nd,nd->n", error, error)
            bits[row, part] = prior.code_length_bits(chosen)
    return [SearchResult(*parts) for parts in zip(symbols, distortion, bits, strict=True)]


def _check(quantizer: Quantizer, z: np.ndarray, prior: TrellisPrior, lams: Sequence[float]) -> None:
    quantizer.grouped(z)
    if quantizer.num_stages != 1 or quantizer.num_groups != quantizer.num_dims:
        raise InputError(
            f"a trellis prior codes one dimension at a time: the quantizer must have one stage and "
            f"{quantizer.num_dims} groups, it has {quantizer.num_stages} and "
            f"{quantizer.num_groups}"
        )
    expected = (quantizer.num_symbols, quantizer.alphabet_size)
    if (prior.num_positions, prior.alphabet_size) != expected:
        raise InputError(
            f"the prior is for {(prior.num_positions, prior.alphabet_size)} positions and symbols, "
            f"the quantizer has {expected}"
        )
    for lam in lams:
        if not (np.isfinite(lam) and lam >= 0):
            raise InputError(f"lam must be finite and >= 0, given {lam}")


@cache
def _kernel() -> Any:
    """Compile the search over one block; every vector by itself, whatever the threads."""
    import numba

    @numba.njit(parallel=True, cache=True)
    def viterbi(block, levels, charges, symbols, next_states, num_parallel, num_parts):
        num_rows, num_positions = block.shape
        _, num_branches, _, num_states = levels.shape
        out = np.empty((num_rows, num_positions), np.int32)
        for piece in numba.prange(num_parts):
            reached = np.empty(num_states, np.float32)
            onward = np.empty(num_states, np.float32)
            cheapest = np.empty((num_branches, num_states), np.float32)
            parallel = np.empty((num_branches, num_states), np.int32)
            back = np.empty((num_positions, num_states), np.int32)
            first = piece * num_rows // num_parts
            for row in range(first, (piece + 1) * num_rows // num_parts):
                reached[:] = _NEVER
                reached[0] = 0.0
                for position in range(num_positions):
                    value = block[row, position]
                    onward[:] = _NEVER
                    back[position] = 0
                    for branch in range(num_branches):
                        if num_parallel[position, branch] == 0:
                            continue
                        level, charge = levels[position, branch], charges[position, branch]
                        best, which = cheapest[branch], parallel[branch]
                        for state in range(num_states):
                            error = value - level[0, state]
                            best[state] = error * error + charge[0, state]
                            which[state] = 0
                        for other in range(1, num_parallel[position, branch]):
                            for state in range(num_states):
                                error = value - level[other, state]
                                cost = error * error + charge[other, state]
                                if cost < best[state]:
                                    best[state] = cost
                                    which[state] = other
                    for state in range(num_states):
                        for branch in range(num_branches):
                            target = next_states[position, branch, state]
                            if target < 0:
                                continue
                            total = reached[state] + cheapest[branch, state]
                            if total < onward[target]:
                                onward[target] = total
                                step = parallel[branch, state] * num_branches + branch
                                back[position, target] = step * num_states + state
                    reached, onward = onward, reached
                state = np.argmin(reached)
                for position in range(num_positions - 1, -1, -1):
                    code = back[position, state]
                    state = code % num_states
                    branch = code // num_states % num_branches
                    other = code // num_states // num_branches
                    out[row, position] = symbols[position, branch, other, state]
        return out

    return viterbi
