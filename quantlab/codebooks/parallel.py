"""Training codebooks in several processes, on several GPUs or CPU cores, through Lightning Fabric.

Every process holds other rows; what they count is summed over all before anything moves, so the
codebooks are those of one process with all rows but for the order of additions.
"""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from quantlab.codebooks.exchange import ALONE, Exchange, Rows
from quantlab.codebooks.minibatch import fit_minibatch
from quantlab.codebooks.quantizer import Quantizer
from quantlab.codebooks.settings import QuantizerSettings
from quantlab.codebooks.training import capped_codes, check_shape
from quantlab.compat import DeviceName, choose_device, heal_torchvision
from quantlab.errors import ConfigError, QuantlabError

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue

    import torch
    from lightning.fabric import Fabric

_HOST = "127.0.0.1"

LoadRows = Callable[[int, int], np.ndarray]


@dataclass(frozen=True)
class FabricExchange:
    """The exchange of processes that Fabric started.

    Attributes
    ----------
    fabric : lightning.fabric.Fabric
        A launched Fabric.
    """

    fabric: "Fabric"

    @property
    def rank(self) -> int:
        """Which process this is."""
        return self.fabric.global_rank

    @property
    def size(self) -> int:
        """Number of processes."""
        return self.fabric.world_size

    def all_reduce(self, tensor: "torch.Tensor") -> "torch.Tensor":
        """Return the sum of every process's tensor, the same everywhere."""
        # Fabric may reduce in place, and callers keep using what they gave.
        return cast("torch.Tensor", self.fabric.all_reduce(tensor.clone(), reduce_op="sum"))

    def broadcast(self, tensor: "torch.Tensor") -> "torch.Tensor":
        """Return the first process's tensor."""
        return self.fabric.broadcast(tensor).to(tensor.device)


def fit_parallel(
    load: LoadRows,
    settings: QuantizerSettings,
    *,
    rng: np.random.Generator,
    processes: int,
    accelerator: DeviceName = "auto",
) -> Quantizer:
    """Fit codebooks in several new processes of this machine.

    Parameters
    ----------
    load : callable
        ``load(rank, size)`` returns the rows ``[n, D]`` of one process, for example a slice of a
        memory map. It is sent to the processes, so it must be a function of a module (or a
        `functools.partial` of one), and the caller's script needs its ``__main__`` guard.
    settings : QuantizerSettings
        Shape and training; the trainer must be ``minibatch``. The device follows `accelerator`.
    rng : np.random.Generator
        Source of all randomness.
    processes : int
        Processes, ≥ 1; on GPUs one each.
    accelerator : {"auto", "cpu", "cuda"}
        Where they compute; ``auto`` takes GPUs where PyTorch sees any.

    Returns
    -------
    Quantizer
        The codebooks, the same as one process with all rows finds but for rounding.

    Raises
    ------
    ConfigError
        Another trainer, or fewer than one process.
    InputError
        As `fit_quantizer`, from the process that found it.
    """
    if settings.trainer != "minibatch":
        raise ConfigError(f"trainer {settings.trainer} runs in one process; use trainer: minibatch")
    if processes < 1:
        raise ConfigError(f"processes is {processes}; give 1 or more")
    # A spawned process cannot use the caller's generator, and all of them need the same state.
    seed = int(rng.integers(2**63))
    device = choose_device(accelerator)
    settings = settings.model_copy(update={"device": device})
    if processes == 1:
        return Quantizer(_fit_here(load, settings, seed, ALONE))
    return Quantizer(_spawn(load, settings, seed, processes))


def _spawn(load: LoadRows, settings: QuantizerSettings, seed: int, processes: int) -> np.ndarray:
    """Run the processes, and return what the first of them sends."""
    from multiprocessing import get_context

    from torch.multiprocessing.spawn import ProcessRaisedException, spawn

    queue = get_context("spawn").SimpleQueue()
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port = probe.getsockname()[1]
    job = (load, settings, seed, processes, port, queue)
    running = spawn(_child, job, nprocs=processes, join=False)
    found = None
    try:
        while running is not None and not running.join(timeout=0.1):
            # Taken while they run: a full pipe would keep the sender from ending.
            found = queue.get() if found is None and not queue.empty() else found
    except ProcessRaisedException as failure:
        while not queue.empty():
            sent = queue.get()
            if isinstance(sent, QuantlabError):
                raise sent from failure
        raise
    return found if found is not None else queue.get()


def _child(
    rank: int,
    load: LoadRows,
    settings: QuantizerSettings,
    seed: int,
    processes: int,
    port: int,
    queue: "SimpleQueue[np.ndarray | QuantlabError]",
) -> None:
    """Join the others through Fabric and fit; the first process sends the codebooks."""
    import torch

    os.environ.update(
        MASTER_ADDR=_HOST,
        MASTER_PORT=str(port),
        NODE_RANK="0",
        LOCAL_RANK=str(rank),  # tells Fabric that its processes are there already
        WORLD_SIZE=str(processes),
    )
    torch.set_num_threads(max(1, torch.get_num_threads() // processes))
    # Fabric's own launcher would import lightning in each process before the cure.
    heal_torchvision()
    from lightning.fabric import Fabric

    fabric = Fabric(accelerator=settings.device, devices=processes, strategy="ddp")
    fabric.launch()
    try:
        codebooks = _fit_here(load, settings, seed, FabricExchange(fabric))
    except QuantlabError as error:
        queue.put(error)
        raise
    if rank == 0:
        queue.put(codebooks)
    fabric.barrier()
    torch.distributed.destroy_process_group()


def _fit_here(
    load: LoadRows, settings: QuantizerSettings, seed: int, exchange: Exchange
) -> np.ndarray:
    """Fit this process's part."""
    z = load(exchange.rank, exchange.size)
    check_shape(z, settings)
    total = Rows.spread_over(z, exchange, device=settings.device).total
    num_codes = capped_codes(settings.codes, total)
    rng = np.random.default_rng(seed)
    return fit_minibatch(z, settings, num_codes, rng=rng, exchange=exchange)
