"""The transformer prior: a causal network over the symbols of one vector.

It is a floating-point model, so it says what could be gained and guides a search, but two machines
need not agree on its last digits: it is no `CodingPrior`, and no bitstream is written with it.
PyTorch is imported inside functions only; the network is plain functions over named arrays.

Letters: ``N`` vectors, ``S`` symbol positions, ``A`` alphabet size, ``L`` layers, ``H`` heads,
``W`` width, ``F`` hidden width, ``Q`` stages of a group.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from quantlab.entropy.factorized import check_symbols
from quantlab.errors import InputError

if TYPE_CHECKING:
    import torch

_BLOCK = 512  # vectors at a time
_LAYOUT = ("positions", "stages", "heads")


@dataclass(frozen=True, eq=False)
class TransformerPrior:
    """A causal transformer over the S symbols of a vector.

    Attributes
    ----------
    arrays : dict[str, np.ndarray]
        The weights, all float32: ``token [A + 1, W]`` (the last row begins every vector),
        ``group [⌈S/Q⌉, W]``, ``stage [Q, W]``, for each layer ``norm [L, 4, W]`` (scale and shift
        of the two layer norms), ``attend [L, 3W, W]``, ``attend_bias [L, 3W]``, ``join [L, W, W]``,
        ``join_bias [L, W]``, ``widen [L, F, W]``, ``widen_bias [L, F]``, ``narrow [L, W, F]``,
        ``narrow_bias [L, W]``; at the end ``last [2, W]``, ``head [A, W]``, ``head_bias [A]``.
    num_positions : int
        Symbols per vector, S.
    stages : int
        Q; position s belongs to group s // Q and stage s % Q.
    heads : int
        H, a divisor of W.
    """

    arrays: dict[str, np.ndarray]
    num_positions: int
    stages: int
    heads: int
    kind: ClassVar[str] = "transformer"

    def __post_init__(self) -> None:
        if min(self.num_positions, self.stages, self.heads) < 1:
            raise InputError("positions, stages and heads of a transformer must be 1 or more")
        names = ("token", "widen")
        if any(name not in self.arrays or self.arrays[name].ndim < 2 for name in names):
            raise InputError(f"a transformer needs {' and '.join(names)}")
        token, widen = (self.arrays[name].shape for name in names)
        expected = shapes(
            num_positions=self.num_positions,
            alphabet_size=token[0] - 1,
            stages=self.stages,
            width=token[1],
            layers=widen[0],
            hidden=widen[1],
        )
        found = {name: array.shape for name, array in self.arrays.items()}
        if found != expected or token[1] % self.heads or token[1] % 2 or token[0] < 3:
            wrong = sorted(
                name for name in {*found, *expected} if found.get(name) != expected.get(name)
            )
            raise InputError(f"arrays of a transformer do not fit each other: {', '.join(wrong)}")
        for name, array in self.arrays.items():
            if array.dtype != np.float32 or not np.isfinite(array).all():
                raise InputError(f"{name} of a transformer must be finite float32")

    @classmethod
    def from_tensors(cls, tensors: dict[str, np.ndarray]) -> "TransformerPrior":
        """Rebuild the prior from what `tensors` gave; InputError when they are not those of one."""
        layout = np.asarray(tensors.get("layout", ()))
        if layout.shape != (len(_LAYOUT),) or layout.dtype.kind not in "ui":
            raise InputError(f"a transformer's layout is {', '.join(_LAYOUT)}, given {layout}")
        arrays = {name: array for name, array in tensors.items() if name != "layout"}
        positions, stages, heads = (int(value) for value in layout)
        return cls(arrays, positions, stages, heads)

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays from which `from_tensors` rebuilds the prior."""
        layout = np.array([self.num_positions, self.stages, self.heads], np.int64)
        return {**self.arrays, "layout": layout}

    @property
    def alphabet_size(self) -> int:
        """Symbols to choose from at each position, A = K + 1."""
        return len(self.arrays["head"])

    @property
    def parameter_bits(self) -> int:
        """Bits of the weights in single precision."""
        return 32 * sum(array.size for array in self.arrays.values())

    @cached_property
    def network(self) -> "Network":
        """The weights as PyTorch holds them, on the CPU."""
        import torch

        return Network(
            {name: torch.from_numpy(array.copy()) for name, array in self.arrays.items()},
            self.num_positions,
            self.stages,
            self.heads,
        )

    def code_length_bits(self, symbols: np.ndarray) -> np.ndarray:
        """Return Σ −log2 p of each row of `symbols` ``[N, S]`` as float64 ``[N]`` in bits."""
        import torch

        checked = check_symbols(symbols, alphabet_size=self.alphabet_size)
        if checked.shape[1] != self.num_positions:
            raise InputError(
                f"symbols have {checked.shape[1]} positions, the prior {self.num_positions}"
            )
        parts = [np.zeros(0)]
        with torch.inference_mode():
            for start in range(0, len(checked), _BLOCK):
                block = torch.from_numpy(checked[start : start + _BLOCK])
                logits = self.network.logits(block).double()
                own = logits.log_softmax(dim=2).gather(2, block[:, :, None])[:, :, 0]
                parts.append(-own.sum(dim=1).numpy() / math.log(2))
        return np.concatenate(parts)

    def start(self, num_rows: int) -> "TransformerContext":
        """Return `num_rows` empty prefixes; what they share is computed once."""
        import torch

        first = torch.full((1,), self.alphabet_size)
        with torch.inference_mode():
            logits, cache = self.network.step(first, 0, [])
            cache = [(keys.expand(num_rows, -1, -1, -1), values.expand(num_rows, -1, -1, -1))
                     for keys, values in cache]  # fmt: skip
        return TransformerContext(self.network, _bits(logits), 1, cache)


@dataclass(frozen=True, eq=False)
class TransformerContext:
    """Prefixes of one length, with the keys and values that every layer computed for them.

    Attributes
    ----------
    network : Network
        The weights.
    next_bits : np.ndarray [shape=(n, A) or (1, A), dtype=float64]
        Code lengths of the next symbol; empty after the last position.
    position : int
        Tokens seen, the beginning included.
    cache : list[tuple[torch.Tensor, torch.Tensor]]
        Of each layer, ``[n, H, position, W/H]``.
    """

    network: "Network"
    next_bits: np.ndarray
    position: int
    cache: "list[tuple[torch.Tensor, torch.Tensor]]"

    def bits(self) -> np.ndarray:
        """Return the code lengths of the next symbol, float64 ``[n, A]``; one row at the first."""
        return self.next_bits

    def extend(self, parents: np.ndarray, symbols: np.ndarray) -> "TransformerContext":
        """Return the contexts of prefixes `parents` ``[m]``, each with a symbol ``[m]`` more."""
        import torch

        if self.position == self.network.num_positions:
            empty = np.zeros((len(symbols), 0))
            return TransformerContext(self.network, empty, self.position + 1, [])
        rows = torch.from_numpy(np.asarray(parents, np.int64))
        tokens = torch.from_numpy(np.asarray(symbols, np.int64))
        with torch.inference_mode():
            past = [(keys[rows], values[rows]) for keys, values in self.cache]
            logits, cache = self.network.step(tokens, self.position, past)
        return TransformerContext(self.network, _bits(logits), self.position + 1, cache)


class Network:
    """The transformer's functions over PyTorch tensors, named as in `TransformerPrior`."""

    def __init__(
        self, tensors: "dict[str, torch.Tensor]", num_positions: int, stages: int, heads: int
    ) -> None:
        import torch

        self.tensors, self.num_positions, self.heads = tensors, num_positions, heads
        place = torch.arange(num_positions)
        self._group, self._stage = place // stages, place % stages
        self._waves = torch.from_numpy(_sinusoids(num_positions, tensors["token"].shape[1]))

    def _places(self) -> "torch.Tensor":
        """Return what is added to the tokens at every position, ``[S, W]``."""
        tensors, device = self.tensors, self.tensors["token"].device
        embedded = (
            tensors["group"][self._group.to(device)] + tensors["stage"][self._stage.to(device)]
        )
        return embedded + self._waves.to(device)

    def logits(self, symbols: "torch.Tensor", *, dropout: float = 0.0) -> "torch.Tensor":
        """Return the logits ``[N, S, A]`` of all positions of whole vectors ``[N, S]``."""
        import torch

        begin = torch.full_like(symbols[:, :1], len(self.tensors["token"]) - 1)
        tokens = torch.cat([begin, symbols[:, :-1]], dim=1)
        hidden = _drop(self.tensors["token"][tokens] + self._places(), dropout)
        for layer in range(len(self.tensors["widen"])):
            hidden, _ = self._layer(layer, hidden, None, dropout)
        return self._out(hidden)

    def step(
        self,
        tokens: "torch.Tensor",
        position: int,
        past: "list[tuple[torch.Tensor, torch.Tensor]]",
    ) -> "tuple[torch.Tensor, list[tuple[torch.Tensor, torch.Tensor]]]":
        """Take one token ``[n]`` more: the logits ``[n, A]`` that follow and the longer cache."""
        hidden = (self.tensors["token"][tokens] + self._places()[position])[:, None]
        cache = []
        for layer in range(len(self.tensors["widen"])):
            hidden, held = self._layer(layer, hidden, past[layer] if past else (), 0.0)
            cache.append(held)
        return self._out(hidden[:, 0]), cache

    def _layer(
        self,
        layer: int,
        hidden: "torch.Tensor",
        past: "tuple[torch.Tensor, ...] | None",
        dropout: float,
    ) -> "tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]":
        """Apply one layer to ``[n, t, W]``; `past` None means whole vectors, under a mask."""
        import torch
        from torch.nn.functional import gelu, linear, scaled_dot_product_attention

        own = {name: self.tensors[name][layer] for name in _PER_LAYER}
        num_rows, num_tokens, width = hidden.shape
        split = (num_rows, num_tokens, 3, self.heads, width // self.heads)
        mixed = linear(_norm(hidden, own["norm"][:2]), own["attend"], own["attend_bias"])
        queries, keys, values = mixed.view(split).permute(2, 0, 3, 1, 4)
        if past:
            keys, values = torch.cat([past[0], keys], dim=2), torch.cat([past[1], values], dim=2)
        heard = scaled_dot_product_attention(queries, keys, values, is_causal=past is None)
        heard = heard.transpose(1, 2).reshape(hidden.shape)
        hidden = hidden + _drop(linear(heard, own["join"], own["join_bias"]), dropout)
        wide = gelu(linear(_norm(hidden, own["norm"][2:]), own["widen"], own["widen_bias"]))
        hidden = hidden + _drop(linear(wide, own["narrow"], own["narrow_bias"]), dropout)
        return hidden, (keys, values)

    def _out(self, hidden: "torch.Tensor") -> "torch.Tensor":
        from torch.nn.functional import linear

        ended = _norm(hidden, self.tensors["last"])
        return linear(ended, self.tensors["head"], self.tensors["head_bias"])


_PER_LAYER = (
    "norm", "attend", "attend_bias", "join", "join_bias", "widen", "widen_bias", "narrow",
    "narrow_bias",
)  # fmt: skip


def shapes(
    *, num_positions: int, alphabet_size: int, stages: int, width: int, layers: int, hidden: int
) -> dict[str, tuple[int, ...]]:
    """Return the shape of every array of a transformer, by name."""
    return {
        "token": (alphabet_size + 1, width),
        "group": (-(-num_positions // stages), width),
        "stage": (stages, width),
        "norm": (layers, 4, width),
        "attend": (layers, 3 * width, width),
        "attend_bias": (layers, 3 * width),
        "join": (layers, width, width),
        "join_bias": (layers, width),
        "widen": (layers, hidden, width),
        "widen_bias": (layers, hidden),
        "narrow": (layers, width, hidden),
        "narrow_bias": (layers, width),
        "last": (2, width),
        "head": (alphabet_size, width),
        "head_bias": (alphabet_size,),
    }


def _norm(hidden: "torch.Tensor", scale_and_shift: "torch.Tensor") -> "torch.Tensor":
    from torch.nn.functional import layer_norm

    return layer_norm(hidden, hidden.shape[-1:], scale_and_shift[0], scale_and_shift[1])


def _drop(hidden: "torch.Tensor", dropout: float) -> "torch.Tensor":
    from torch.nn.functional import dropout as drop

    return drop(hidden, dropout) if dropout else hidden


def _sinusoids(num_positions: int, width: int) -> np.ndarray:
    """Return the position embedding of Vaswani et al. (2017), section 3.5, float32 ``[S, W]``."""
    angles = np.arange(num_positions)[:, None] / 10_000 ** (np.arange(0, width, 2) / width)
    waves = np.stack([np.sin(angles), np.cos(angles)], axis=2)
    return waves.reshape(num_positions, width).astype(np.float32)


def _bits(logits: "torch.Tensor") -> np.ndarray:
    return -logits.double().log_softmax(dim=1).numpy() / math.log(2)
