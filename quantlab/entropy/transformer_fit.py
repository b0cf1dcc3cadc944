"""Training of the transformer prior, early-stopped on held-out vectors.

Letters as in `transformer`. The time limit makes a result depend on the machine; without one the
same seed gives the same weights.
"""

import logging
import math
import time
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, model_validator

from quantlab.compat import DeviceName, choose_device
from quantlab.config import Settings
from quantlab.entropy.factorized import check_symbols
from quantlab.entropy.holdout import check_weights, hold_out
from quantlab.entropy.transformer import Network, TransformerPrior, shapes
from quantlab.errors import InputError

if TYPE_CHECKING:
    import torch

_CHECK_VECTORS = 4096
_CHECKS_PER_EPOCH = 4
_EMBEDDED = 0.7  # as strong as the sinusoids of the positions
_WARM_UP_STEPS = 200  # or a tenth of all, where that is less

logger = logging.getLogger(__name__)


class TransformerSettings(Settings):
    """Shape and training of a transformer prior; the defaults are the predecessor's."""

    width: int = Field(default=256, ge=2, le=4096, multiple_of=2)
    """W, of every layer."""

    layers: int = Field(default=6, ge=1, le=64)
    """Layers."""

    heads: int = Field(default=8, ge=1)
    """Attention heads; a divisor of the width."""

    hidden: int = Field(default=1024, ge=1)
    """Hidden width of the feed-forward part."""

    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Of embeddings and of what each layer adds."""

    learning_rate: float = Field(default=1e-4, gt=0)
    """Of AdamW."""

    weight_decay: float = Field(default=0.01, ge=0)
    """Of AdamW."""

    clip: float = Field(default=1.0, gt=0)
    """Largest norm of a step's gradient."""

    batch_size: int = Field(default=2048, ge=1)
    """Vectors of a training step; fewer where there are few."""

    epochs: float = Field(default=5.0, gt=0)
    """Most passes over the training vectors."""

    patience: int = Field(default=4, ge=1)
    """Looks at the held-out vectors without gain before training ends; four in a pass."""

    max_seconds: float = Field(default=0.0, ge=0)
    """Time after which training ends; 0 for none."""

    device: DeviceName = "auto"
    """Where to train."""

    @model_validator(mode="after")
    def _heads_divide(self) -> "TransformerSettings":
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        return self


def fit_transformer(
    symbols: np.ndarray,
    *,
    alphabet_size: int,
    rng: np.random.Generator,
    stages: int = 1,
    groups: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    settings: TransformerSettings | None = None,
) -> TransformerPrior:
    """Fit a transformer prior to emitted symbols.

    Parameters
    ----------
    symbols : np.ndarray [shape=(N, S)]
        Integers in 0 … A − 1, N ≥ 2, S ≥ 1.
    alphabet_size : int
        A, 2 or more.
    rng : np.random.Generator
        Source of all randomness.
    stages : int
        Stages of a group, Q: consecutive positions that share a group embedding.
    groups : np.ndarray [shape=(N,)], optional
        Speakers: whole ones are held out.
    weights : np.ndarray [shape=(N,)], optional
        How much each vector counts, finite and ≥ 0; all alike by default.
    settings : TransformerSettings, optional
        Shape and training.

    Returns
    -------
    TransformerPrior
        The weights that served the held-out vectors best.

    Raises
    ------
    InputError
        Symbols are out of range or too few, or groups or weights do not fit them.
    """
    import torch

    checked = check_symbols(symbols, alphabet_size=alphabet_size)
    if len(checked) < 2 or checked.shape[1] < 1 or alphabet_size < 2:
        raise InputError(
            f"a transformer needs two vectors and an alphabet of two, given {checked.shape} and "
            f"{alphabet_size}"
        )
    chosen = settings or TransformerSettings()
    mass = check_weights(weights, len(checked))
    held_out = hold_out(len(checked), groups, rng=rng)
    device = torch.device(choose_device(chosen.device))
    arrays = _initial(checked, alphabet_size, stages, chosen, rng)
    tensors = {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
    network = Network(tensors, checked.shape[1], stages, chosen.heads)
    forked = [device] if device.type == "cuda" else []
    # Dropout draws from torch's global generator; fork it so that callers keep theirs.
    with torch.random.fork_rng(devices=forked):
        torch.manual_seed(int(rng.integers(2**31)))
        best = _train(network, checked, mass, held_out, chosen, rng)
    return TransformerPrior(best, checked.shape[1], stages, chosen.heads)


def _initial(
    symbols: np.ndarray,
    alphabet_size: int,
    stages: int,
    settings: TransformerSettings,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    expected = shapes(
        num_positions=symbols.shape[1],
        alphabet_size=alphabet_size,
        stages=stages,
        width=settings.width,
        layers=settings.layers,
        hidden=settings.hidden,
    )
    arrays = {}
    for name, shape in expected.items():
        if name.endswith("bias"):
            arrays[name] = np.zeros(shape, np.float32)
        else:
            scale = _EMBEDDED if name in ("token", "group", "stage") else shape[-1] ** -0.5
            arrays[name] = (scale * rng.standard_normal(shape)).astype(np.float32)
    # Where branches meet the sum they start small, so that the depth does not matter.
    for name in ("join", "narrow", "head"):
        arrays[name] /= np.float32(math.sqrt(2 * settings.layers))
    arrays["norm"][:] = np.array([1, 0, 1, 0], np.float32)[:, None]
    arrays["last"][:] = np.array([1, 0], np.float32)[:, None]
    return arrays


def _train(
    network: Network,
    symbols: np.ndarray,
    mass: np.ndarray,
    held_out: np.ndarray,
    settings: TransformerSettings,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    import torch

    device = network.tensors["token"].device
    begin = time.monotonic()
    data, weight = torch.from_numpy(symbols), torch.from_numpy(mass.astype(np.float32))
    rest = np.flatnonzero(~held_out)
    judges = rng.permutation(np.flatnonzero(held_out))[:_CHECK_VECTORS]
    size = max(1, min(settings.batch_size, len(rest) // 16))
    steps = max(1, math.ceil(settings.epochs * len(rest) / size))
    every = max(1, len(rest) // size // _CHECKS_PER_EPOCH)
    for tensor in network.tensors.values():
        tensor.requires_grad_(True)
    adam = torch.optim.AdamW(
        list(network.tensors.values()),
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
    )
    best, least, waited = _copy(network), math.inf, 0
    order, place = rng.permutation(rest), 0
    for step in range(1, steps + 1):
        if place + size > len(order):
            order, place = rng.permutation(rest), 0
        rows = torch.from_numpy(order[place : place + size])
        place += size
        over = settings.max_seconds and time.monotonic() - begin > settings.max_seconds
        for group in adam.param_groups:
            group["lr"] = settings.learning_rate * _pace(step, steps, begin, settings)
        adam.zero_grad()
        logits = network.logits(data[rows].to(device), dropout=settings.dropout)
        _mean_nats(logits, data[rows].to(device), weight[rows].to(device)).backward()
        torch.nn.utils.clip_grad_norm_(network.tensors.values(), settings.clip)
        adam.step()
        if step % every and step < steps and not over:
            continue
        bits = _held_out_bits(network, data[judges], weight[judges])
        logger.debug("transformer prior, step %d of %d: %.3f bits", step, steps, bits)
        if bits < least:
            best, least, waited = _copy(network), bits, 0
        else:
            waited += 1
        if waited >= settings.patience or over:
            break
    return best


def _pace(step: int, steps: int, begin: float, settings: TransformerSettings) -> float:
    """Share of the learning rate: up in the first steps, then down along a cosine."""
    done = step / steps
    if settings.max_seconds:
        done = min(1.0, max(done, (time.monotonic() - begin) / settings.max_seconds))
    ramp = min(1.0, step / min(_WARM_UP_STEPS, max(1, steps // 10)))
    return ramp * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def _mean_nats(
    logits: "torch.Tensor", symbols: "torch.Tensor", weight: "torch.Tensor"
) -> "torch.Tensor":
    """Mean over weighted vectors and positions."""
    from torch.nn.functional import cross_entropy

    nats = cross_entropy(logits.flatten(0, 1), symbols.flatten(), reduction="none")
    per_vector = nats.view(symbols.shape).mean(dim=1)
    return (per_vector * weight).sum() / weight.sum().clamp_min(1e-12)


def _held_out_bits(network: Network, symbols: "torch.Tensor", weight: "torch.Tensor") -> float:
    import torch

    device, total = network.tensors["token"].device, 0.0
    with torch.no_grad():
        for rows in torch.arange(len(symbols)).split(512):
            block, own = symbols[rows].to(device), weight[rows].to(device)
            mean = _mean_nats(network.logits(block), block, own)
            total += float(mean) * float(own.sum())
    return total * symbols.shape[1] / math.log(2) / max(float(weight.sum()), 1e-12)


def _copy(network: Network) -> dict[str, np.ndarray]:
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in network.tensors.items()}
