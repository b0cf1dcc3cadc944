"""What happens at which step: learning rate, passes of a batch, clips of a batch.

Every answer follows from the number of the step and the seed, so that a training that goes on after
an interruption does what it would have done without one. Letters: ``B`` clips of a batch.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quantlab.models.stylevc.settings import LossSettings, TrainingSettings

_ORDER, _BATCH = 0, 1  # separate streams of random numbers


@dataclass(frozen=True)
class Pass:
    """One forward pass and one optimisation step on a batch, and the losses that count in it.

    The reconstruction always counts, and so do group centres and adversaries where there are any.

    Attributes
    ----------
    name : str
        ``"all"``, ``"label"`` or ``"mi"``.
    classifiers : bool
        Whether the classifiers' cross-entropy counts.
    codes : bool
        Whether contrast and commitment count.
    information : bool
        Whether the bounds of mutual information count.
    """

    name: str
    classifiers: bool
    codes: bool
    information: bool


_ALL = (Pass("all", classifiers=True, codes=True, information=True),)
_PASSES = {
    "none": _ALL,
    "lf1": (
        Pass("label", classifiers=True, codes=True, information=False),
        Pass("mi", classifiers=False, codes=True, information=True),
    ),
    "lf2": (
        Pass("label", classifiers=True, codes=True, information=False),
        Pass("mi", classifiers=False, codes=False, information=True),
    ),
    "lf3": (
        Pass("label", classifiers=True, codes=False, information=False),
        Pass("mi", classifiers=True, codes=True, information=True),
    ),
}


def passes(settings: LossSettings) -> tuple[Pass, ...]:
    """Return the passes of every batch, in order: one, or the label and the information pass."""
    return _PASSES[settings.loss_forward]


def learning_rate(step: int, epoch: int, settings: TrainingSettings) -> float:
    """Return the learning rate of the model: a linear rise, then a factor at some epochs.

    Parameters
    ----------
    step : int
        Number of the step, from 0.
    epoch : int
        Number of its epoch, from 0.
    settings : TrainingSettings
        Rates, `warmup_steps`, `decay_epochs`.

    Returns
    -------
    float
        Above 0.

    Examples
    --------
    >>> settings = TrainingSettings(warmup_steps=10, decay_epochs=(5,))
    >>> [learning_rate(step, 0, settings) for step in (0, 10, 20)]
    [1e-06, 0.001, 0.001]
    >>> learning_rate(20, 5, settings)
    0.0005
    """
    first, full = settings.first_learning_rate, settings.learning_rate
    risen = min(1.0, step / settings.warmup_steps) if settings.warmup_steps else 1.0
    halvings = sum(epoch >= at for at in settings.decay_epochs)
    return (first + (full - first) * risen) * settings.decay**halvings


@dataclass(frozen=True, eq=False)
class Batches:
    """Which clips are seen at which step, and where they are cut.

    Every epoch goes through the clips in an order of its own, in whole batches; what is left over
    is left out of that epoch. Where there are fewer clips than a batch holds, each is seen at
    every step.

    Attributes
    ----------
    rows : np.ndarray [shape=(n,), dtype=int64]
        The training items.
    num_frames : np.ndarray [shape=(n,), dtype=int64]
        Frames of each of them.
    settings : TrainingSettings
        Batch size, frames of a crop, seed.
    """

    rows: npt.NDArray[np.int64]
    num_frames: npt.NDArray[np.int64]
    settings: TrainingSettings

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches of an epoch, 1 or more."""
        return max(1, len(self.rows) // self.settings.batch_size)

    @property
    def num_steps(self) -> int:
        """Steps of the whole training."""
        return self.steps_per_epoch * self.settings.epochs

    def batch(self, step: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the rows of a step, int64 ``[B]``, and the first frame of each crop, ``[B]``."""
        epoch, at = divmod(step, self.steps_per_epoch)
        seed, size = self.settings.seed, self.settings.batch_size
        order = np.random.default_rng((seed, _ORDER, epoch)).permutation(len(self.rows))
        chosen = order[at * size : (at + 1) * size]
        room = np.maximum(self.num_frames[chosen] - self.settings.crop_frames, 0)
        starts = np.random.default_rng((seed, _BATCH, step)).integers(0, room + 1)
        return self.rows[chosen], starts


def step_seed(step: int, settings: TrainingSettings) -> int:
    """Return the seed of PyTorch's generator at a step: permutations and negatives."""
    state = np.random.SeedSequence((settings.seed, step)).generate_state(1, np.uint64)
    return int(state[0]) >> 1  # PyTorch takes 63 bits
