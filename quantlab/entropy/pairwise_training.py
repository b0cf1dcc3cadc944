"""Training of a pairwise prior in single precision, with gradients written out.

Automatic differentiation of many small lookups takes several times as long. Letters as in
`pairwise`; logits are natural logarithms here. PyTorch is imported inside functions only.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

_SMOOTHING = 0.5
_SAMPLED = 32768  # vectors that the starting point is taken from
_ITERATIONS = 6


@dataclass
class Weights:
    """What is learned.

    Attributes
    ----------
    bias : torch.Tensor [shape=(S, A)]
        b.
    effects : torch.Tensor [shape=(S, A, R)]
        E.
    loadings : torch.Tensor [shape=(S, R, A)]
        V.
    tables : torch.Tensor [shape=(P, A, A)]
        Full tables of the pairs.
    pairs : np.ndarray [shape=(P, 2), dtype=int64]
        Positions (s, r), r < s, in ascending order.
    """

    bias: "torch.Tensor"
    effects: "torch.Tensor"
    loadings: "torch.Tensor"
    tables: "torch.Tensor"
    pairs: np.ndarray

    def __post_init__(self) -> None:
        places = range(len(self.bias))
        self.tables_of = [
            [(int(r), row) for row, (s, r) in enumerate(self.pairs) if s == position]
            for position in places
        ]

    def arrays(self) -> "list[torch.Tensor]":
        """Return the tensors, bias first."""
        return [self.bias, self.effects, self.loadings, self.tables]

    def copy(self) -> "Weights":
        """Return weights that further training leaves alone."""
        bias, effects, loadings, tables = (array.clone() for array in self.arrays())
        return Weights(bias, effects, loadings, tables, self.pairs)

    def scaled(self, strength: float, bias: np.ndarray) -> "Weights":
        """Return weights between none at all with `bias` ``[S, A]`` (0) and these (1)."""
        import torch

        plain = torch.from_numpy(bias.astype(np.float32))
        return Weights(
            strength * self.bias + (1 - strength) * plain,
            self.effects,
            strength * self.loadings,
            strength * self.tables,
            self.pairs,
        )


def initial_weights(
    symbols: "torch.Tensor",
    share: np.ndarray,
    rank: int,
    pairs: np.ndarray,
    *,
    rng: np.random.Generator,
) -> Weights:
    """Return weights to start from: log `share`, principal effects, loadings and tables of zeros.

    Parameters
    ----------
    symbols : torch.Tensor [shape=(S, N)]
        Training vectors, as columns.
    share : np.ndarray [shape=(S, A)]
        How often each symbol occurs.
    rank : int
        Numbers in the state, R.
    pairs : np.ndarray [shape=(P, 2)]
        Positions (s, r) that get a full table.
    rng : np.random.Generator
        Source of all randomness.

    Returns
    -------
    Weights
        The effects are the leading axes of multiple correspondence analysis, by subspace
        iteration, scaled to a state of variance one.

    References
    ----------
    Greenacre, Correspondence Analysis in Practice (2017), chapter 18.
    """
    import torch

    num_positions, alphabet = share.shape
    sample = symbols[:, torch.from_numpy(rng.permutation(symbols.shape[1])[:_SAMPLED])]
    root = torch.from_numpy(np.sqrt(share).astype(np.float32))[:, :, None]
    draw = rng.standard_normal((num_positions, alphabet, rank)).astype(np.float32)
    effects = torch.from_numpy(draw)
    with torch.no_grad():
        axes, state = _axes(effects, root, sample)
        for _ in range(_ITERATIONS):
            sums = [torch.zeros_like(effects[0]).index_add_(0, chosen, state) for chosen in sample]
            axes, state = _axes(torch.stack(sums) / root, root, sample)
        effects = axes / state.std(dim=0, correction=0).clamp_min(1e-6)
        effects[-1] = 0.0
    return Weights(
        torch.from_numpy(np.log(share).astype(np.float32)),
        effects,
        torch.zeros((num_positions, rank, alphabet)),
        torch.zeros((len(pairs), alphabet, alphabet)),
        pairs,
    )


def _axes(
    effects: "torch.Tensor", root: "torch.Tensor", symbols: "torch.Tensor"
) -> "tuple[torch.Tensor, torch.Tensor]":
    """Orthogonal effects, centred at each position, and the sums of them over vectors."""
    import torch

    # What is the same for all symbols of a position says nothing.
    effects = effects - root * (root * effects).sum(dim=1, keepdim=True)
    rows = effects.reshape(-1, effects.shape[2])
    axes = torch.linalg.qr(rows)[0].reshape(effects.shape) / root
    state = torch.zeros((symbols.shape[1], effects.shape[2]))
    for position, chosen in enumerate(symbols):
        state += axes[position][chosen]
    return axes, state


def smoothed_share(symbols: np.ndarray, mass: np.ndarray, alphabet_size: int) -> np.ndarray:
    """Return how often each symbol occurs at each position, ``[S, A]``, rows summing to 1."""
    counts = weighted_counts(symbols, mass, alphabet_size) + _SMOOTHING
    return counts / counts.sum(axis=1, keepdims=True)


def weighted_counts(symbols: np.ndarray, mass: np.ndarray, alphabet_size: int) -> np.ndarray:
    """Add up the `mass` ``[N]`` of vectors by symbol and position: ``[S, A]``."""
    return np.stack([np.bincount(column, mass, minlength=alphabet_size) for column in symbols.T])


class Optimizer:
    """AdamW over some weights."""

    def __init__(self, weights: Weights, *, decay: float) -> None:
        import torch

        self.weights = weights
        parameters = [torch.nn.Parameter(array) for array in weights.arrays()]
        gradients = [torch.zeros_like(parameter) for parameter in parameters]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        self._gradients = gradients
        self._adam = torch.optim.AdamW(
            [
                {"params": parameters[:1], "weight_decay": 0.0},
                {"params": parameters[1:], "weight_decay": decay},
            ],
            fused=True,
        )

    def step(self, symbols: "torch.Tensor", mass: "torch.Tensor", *, rate: float) -> None:
        """Improve the weights on a batch: columns ``[S, n]`` and what each vector counts."""
        import torch

        for group in self._adam.param_groups:
            group["lr"] = rate
        with torch.no_grad():
            bias, effects, loadings, tables = self._gradients
            share = (mass / len(mass))[:, None]
            errors, states = _errors(self.weights, symbols)
            later = torch.zeros_like(states[0])
            for position in range(len(symbols) - 1, -1, -1):
                chosen, error = symbols[position], errors[position].mul_(share)
                effects[position].zero_().index_add_(0, chosen, later)
                bias[position] = error.sum(0)
                loadings[position] = states[position].T @ error
                for earlier, row in self.weights.tables_of[position]:
                    tables[row].zero_().index_add_(0, symbols[earlier], error)
                later += error @ self.weights.loadings[position].T
            self._adam.step()


def _logits(
    weights: Weights, state: "torch.Tensor", symbols: "torch.Tensor", position: int
) -> "torch.Tensor":
    import torch

    logits = torch.addmm(weights.bias[position], state, weights.loadings[position])
    for earlier, row in weights.tables_of[position]:
        logits += weights.tables[row][symbols[earlier]]
    return logits


def _errors(
    weights: Weights, symbols: "torch.Tensor"
) -> "tuple[list[torch.Tensor], list[torch.Tensor]]":
    """Probabilities less what came, ``[n, A]``, and states ``[n, R]``, of every position."""
    import torch

    errors, states = [], []
    state = torch.zeros((symbols.shape[1], weights.effects.shape[2]))
    for position, chosen in enumerate(symbols):
        error = torch.softmax(_logits(weights, state, symbols, position), dim=1)
        error.scatter_add_(1, chosen[:, None], torch.full((len(chosen), 1), -1.0))
        errors.append(error)
        states.append(state)
        state = state + weights.effects[position][chosen]
    return errors, states


def mean_bits(weights: Weights, symbols: "torch.Tensor", mass: "torch.Tensor") -> float:
    """Return the mean code length in bits of vectors, given as columns ``[S, N]``."""
    import torch

    total = 0.0
    with torch.no_grad():
        for part in torch.arange(symbols.shape[1]).split(1024):
            block = symbols[:, part]
            state = torch.zeros((len(part), weights.effects.shape[2]))
            nats = torch.zeros(len(part), dtype=torch.float64)
            for position, chosen in enumerate(block):
                logs = torch.log_softmax(_logits(weights, state, block, position), dim=1)
                nats -= logs.gather(1, chosen[:, None])[:, 0]
                state = state + weights.effects[position][chosen]
            total += float((nats * mass[part]).sum())
    return total / float(mass.sum()) / math.log(2)
