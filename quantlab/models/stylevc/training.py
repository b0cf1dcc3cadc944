"""Training of StyleVC: steps, validation, states to go on from, the best model.

Lightning Fabric gives device and precision. On the CPU the same seed and number of threads give the
same weights bit for bit, also when training was stopped and went on. Letters: ``N`` items.
"""

import contextlib
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from quantlab.compat import choose_device, heal_torchvision
from quantlab.config import fingerprint
from quantlab.errors import ConfigError, InputError, QuantlabError
from quantlab.models.stylevc.checkpoint import save_model
from quantlab.models.stylevc.curves import NO_TENSORBOARD, Curves
from quantlab.models.stylevc.examples import Examples
from quantlab.models.stylevc.features import Features
from quantlab.models.stylevc.learner import Learner, Values
from quantlab.models.stylevc.schedule import Batches
from quantlab.models.stylevc.settings import StyleVCSettings
from quantlab.models.stylevc.state import State, load_state, save_state
from quantlab.store import lock

if TYPE_CHECKING:
    from lightning.fabric import Fabric

CHECKPOINT, STATE = "checkpoint", "state"

_NOTE_EVERY_STEPS = 20
_SAVE_AT_EPOCH_AFTER_S = 60.0
_SAVE_WITHIN_EPOCH_AFTER_S = 300.0
_JUDGED = ("mel_before", "mel_after", "classifier_speaker", "classifier_emotion")
_NO_FABRIC = (
    "training needs Lightning Fabric, which is not installed; pip install 'quantlab[parallel]'"
)

Progress = Callable[[int, int], None]
"""Called with the number of steps done in this run and the number of steps it will take."""


@dataclass(frozen=True)
class Trained:
    """How far a training is.

    Attributes
    ----------
    step, num_steps : int
        Steps done, and steps of the whole training.
    best_step : int
        Steps after which the model that was kept was reached.
    best_loss : float
        Its validation loss: reconstruction before and after the postnet, and the cross-entropy of
        the classifiers, mean over the validation clips.
    checkpoint : Path
        The folder of that model.
    notes : tuple[str, ...]
        Remarks for the user.
    """

    step: int
    num_steps: int
    best_step: int
    best_loss: float
    checkpoint: Path
    notes: tuple[str, ...]


def train_stylevc(
    features: Features,
    settings: StyleVCSettings,
    folder: str | Path,
    *,
    name: str = "stylevc",
    steps: int = 0,
    vectors: npt.NDArray[np.float32] | None = None,
    about: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train a model, or go on with a training that was stopped.

    Parameters
    ----------
    features : Features
        Features of the corpus.
    settings : StyleVCSettings
        The experiment.
    folder : str or Path
        Where the model, the state and the curves go.
    name : str
        Name of the model, kept in its card.
    steps : int
        Stop after this many steps in all; 0 goes on to the end.
    vectors : np.ndarray [shape=(N, emotion_dims)], optional
        Vectors for the emotion input of every item, with ``network.emotion_dims``.
    about : Mapping[str, Any], optional
        What else the model's card says.
    progress : callable, optional
        Called with (steps done in this run, steps of this run).

    Returns
    -------
    Trained
        How far it is, and the best model so far.

    Raises
    ------
    ConfigError
        Fabric is not installed, the device or its precision is not there, or `folder` holds another
        training.
    InputError
        The items or vectors do not fit the settings.
    QuantlabError
        The loss became NaN or infinite, another process trains in `folder`, or the disk is full.
        The last state is kept.
    KeyboardInterrupt
        The user interrupted; the state was saved after the step that was running.

    Examples
    --------
    >>> from quantlab.models import StyleVCSettings, open_features, train_stylevc
    >>> train_stylevc(open_features("f"), StyleVCSettings(), "runs/mi")  # doctest: +SKIP
    """
    place = Path(folder)
    examples = Examples.of(features, settings, vectors)
    with lock(place / ".lock"):
        training = _Training(place, settings, examples, {"name": name, **(about or {})})
        with _interrupts_wait() as interrupted, contextlib.closing(training):
            return training.run(steps, interrupted, progress)


def launch_fabric(settings: StyleVCSettings) -> "Fabric":
    """Return Fabric on the device and with the precision of the settings.

    Raises
    ------
    ConfigError
        It is not installed, the device is not there, or it has no such precision.
    """
    heal_torchvision()
    try:
        from lightning.fabric import Fabric
    except ModuleNotFoundError as error:
        raise ConfigError(_NO_FABRIC) from error
    device, precision = choose_device(settings.training.device), settings.training.precision
    if device == "cpu" and precision != "32-true" and not _cpu_has(precision):
        raise ConfigError(
            f"training.precision {precision} needs a GPU, or a CPU that runs LSTMs in bfloat16 for "
            "bf16-mixed; choose 32-true, or training.device cuda"
        )
    fabric = Fabric(accelerator=device, devices=1, precision=precision)
    fabric.launch()
    return fabric


def _cpu_has(precision: str) -> bool:
    """Return whether an LSTM runs here in that precision; many CPUs have no such kernel."""
    if precision != "bf16-mixed":
        return False
    try:
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            torch.nn.LSTM(8, 8)(torch.zeros(2, 1, 8))
    except RuntimeError:
        return False
    return True


@contextlib.contextmanager
def _interrupts_wait() -> Iterator[threading.Event]:
    """Give an event that Ctrl-C sets, so that a step is not torn; a second Ctrl-C stops at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked  # only the main thread may handle signals
        return

    def note(*_: object) -> None:
        asked.set()
        # A shell starts background jobs with the signal ignored; a second one must stop them, too.
        ignored = before is signal.SIG_IGN
        signal.signal(signal.SIGINT, signal.default_int_handler if ignored else before)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


class _Training:
    """A training in a folder, from its last state to wherever it is asked to stop."""

    def __init__(
        self, folder: Path, settings: StyleVCSettings, examples: Examples, about: dict[str, Any]
    ) -> None:
        fabric = launch_fabric(settings)
        self._folder, self._settings, self._examples = folder, settings, examples
        self._about, self._device = about, fabric.device
        self._identity = _identity(settings, examples)
        self._learner = Learner(
            settings,
            num_speakers=len(examples.speakers),
            num_emotions=len(examples.emotions),
            fabric=fabric,
        )
        rows = examples.split.train
        self._batches = Batches(rows, examples.features.num_frames[rows], settings.training)
        self._step, self._best_step, self._best_loss, self._seconds = 0, 0, math.inf, 0.0
        self._resume()
        self._curves = Curves(folder, step=self._step)
        self._recent: list[tuple[int, Values]] = []
        self._saved_at = self._resumed_at = time.monotonic()

    def close(self) -> None:
        """Let go of what TensorBoard still holds."""
        self._curves.close()

    def run(self, steps: int, interrupted: threading.Event, progress: Progress | None) -> "Trained":
        """Train up to `steps` steps in all, or to the end."""
        begin, end = self._step, self._batches.num_steps
        end = min(steps, end) if steps else end
        while self._step < end:
            self._advance()
            if self._step % self._batches.steps_per_epoch == 0:
                self._judge()
            if self._save_is_due() or self._step == end or interrupted.is_set():
                self._save()
            if interrupted.is_set():
                raise KeyboardInterrupt
            if progress is not None:
                progress(self._step - begin, end - begin)
        if not self._best_step:
            self._judge()  # stopped within the first epoch: a model is wanted all the same
        return Trained(
            step=self._step,
            num_steps=self._batches.num_steps,
            best_step=self._best_step,
            best_loss=self._best_loss,
            checkpoint=self._folder / CHECKPOINT,
            notes=() if self._curves.has_tensorboard else (NO_TENSORBOARD,),
        )

    def _advance(self) -> None:
        """Take one step; now and then look at what the losses were."""
        rows, starts = self._batches.batch(self._step)
        batch = self._examples.batch(rows, starts, self._device)
        for values in self._learner.step(batch, step=self._step, epoch=self._epoch):
            self._recent.append((self._step, values))
        self._step += 1
        if self._step % _NOTE_EVERY_STEPS == 0:
            self._note()

    @property
    def _epoch(self) -> int:
        return self._step // self._batches.steps_per_epoch

    def _note(self) -> None:
        """Add the means of the latest losses to the curves; stop where one was not finite."""
        gathered: dict[str, list[float]] = {}
        for step, values in self._recent:
            numbers = torch.stack([value.float() for value in values.values()]).tolist()
            named = dict(zip(values, numbers, strict=True))
            if not math.isfinite(named["total"]):
                raise self._diverged(f"the loss of step {step + 1} is not finite ({_odd(named)})")
            for name, number in named.items():
                gathered.setdefault(name, []).append(number)
        self._recent.clear()
        means = {name: float(np.mean(numbers)) for name, numbers in gathered.items()}
        if means:
            self._curves.add(self._step, self._epoch, "train", means)

    def _diverged(self, reason: str) -> QuantlabError:
        kept = load_state(self._folder / STATE, identity=self._identity)
        state = f"the state after step {kept.progress['step']} is kept" if kept else "no state yet"
        best = f", and the best model, of step {self._best_step}" if self._best_step else ""
        return QuantlabError(
            f"{reason}; training stopped: {state}{best}. Lower training.learning_rate or the "
            "weights of the losses, and train into another folder"
        )

    def _judge(self) -> None:
        """Validate, and keep the model where it is the best so far."""
        totals: dict[str, float] = {}
        count = 0
        size = self._settings.training.batch_size
        for num, batch in self._examples.validation(size, self._device):
            count += num
            for name, value in self._learner.validate(batch).items():
                totals[name] = totals.get(name, 0.0) + num * value
        means = {name: total / count for name, total in totals.items()}
        self._note()
        if not all(math.isfinite(mean) for mean in means.values()):
            where = f"the validation after step {self._step}"
            raise self._diverged(f"{where} is not finite ({_odd(means)})")
        self._curves.add(self._step, self._epoch, "validation", means)
        loss = sum(means.get(name, 0.0) for name in _JUDGED)
        if loss < self._best_loss:
            self._best_step, self._best_loss = self._step, loss
            save_model(self._folder / CHECKPOINT, self._learner.network, card=self._card(means))

    def _card(self, validation: Mapping[str, float]) -> dict[str, Any]:
        examples, settings = self._examples, self._settings
        split = examples.split
        return {
            **self._about,
            "mel_statistics": examples.statistics.tolist(),
            "emotions": list(examples.emotions),
            "speakers": list(examples.speakers),
            "licence": settings.data.licence or examples.features.card.get("licence", ""),
            "source": settings.data.source or examples.features.card.get("source", ""),
            "settings": settings.model_dump(mode="json"),
            "features": examples.features.fingerprint,
            "trained_on": examples.seen(by_text=settings.data.split.by == "text"),
            "num_clips": {
                part: len(getattr(split, part)) for part in ("train", "validation", "test")
            },
            "seed": settings.training.seed,
            "step": self._step,
            "epoch": self._epoch,
            "seconds": round(self._elapsed(), 1),
            "device": str(self._device),
            "threads": torch.get_num_threads(),
            "validation": dict(validation),
        }

    def _elapsed(self) -> float:
        """Seconds of training in all runs."""
        return self._seconds + time.monotonic() - self._resumed_at

    def _save_is_due(self) -> bool:
        since = time.monotonic() - self._saved_at
        at_end = self._step % self._batches.steps_per_epoch == 0
        return since > (_SAVE_AT_EPOCH_AFTER_S if at_end else _SAVE_WITHIN_EPOCH_AFTER_S)

    def _save(self) -> None:
        self._note()  # so that no state is kept whose losses were not looked at
        progress = {
            "step": self._step,
            "best_step": self._best_step,
            "best_loss": self._best_loss if self._best_step else None,
            "seconds": self._elapsed(),
            "scaler": self._learner.scaler(),
        }
        self._curves.save()
        state = State(self._learner.tensors(), progress)
        try:
            save_state(self._folder / STATE, state, identity=self._identity)
        except InputError as error:  # the last step made a weight infinite, and no loss saw it yet
            raise self._diverged(f"after step {self._step}, {error}") from error
        self._saved_at = time.monotonic()

    def _resume(self) -> None:
        state = load_state(self._folder / STATE, identity=self._identity)
        if state is None:
            return
        progress = state.progress
        self._learner.load(state.tensors, progress["scaler"])
        self._step, self._seconds = int(progress["step"]), float(progress["seconds"])
        self._best_step = int(progress["best_step"])
        if self._best_step:
            self._best_loss = float(progress["best_loss"])


def _odd(named: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value}" for name, value in named.items() if not math.isfinite(value))


def _identity(settings: StyleVCSettings, examples: Examples) -> dict[str, Any]:
    """Return what names a training: everything that its numbers depend on, but for the machine."""
    places = {"manifest", "features", "emotion_vectors", "licence", "source"}
    vectors = examples.vectors
    return {
        "settings": settings.model_dump(
            mode="json", exclude={"training": {"device"}, "data": places}
        ),
        "features": examples.features.fingerprint,
        "vectors": "" if vectors is None else fingerprint(vectors.tolist()),
    }
