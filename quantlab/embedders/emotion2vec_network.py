"""FunASR's emotion2vec network, loaded strictly; in a batch it gives what it gives alone."""

import contextlib
import io
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from quantlab.embedders.emotion2vec_files import ModelFiles
from quantlab.embedders.windows import num_frames
from quantlab.errors import ConfigError, IntegrityError

if TYPE_CHECKING:
    import torch

_PRETRAINING = "modality_encoders.AUDIO.decoder."
_SHOWN = 3
_LOADING = threading.Lock()


def load_network(files: ModelFiles, device: str, precision: str) -> "Network":
    """Return a model's network, loaded once per process, device and precision.

    Raises
    ------
    ConfigError
        FunASR is not installed.
    IntegrityError
        Weights are missing, misshapen or not finite.
    """
    # Threads that start together load it once.
    with _LOADING:
        return _load(files, device, precision)


@lru_cache(maxsize=2)
def _load(files: ModelFiles, device: str, precision: str) -> "Network":
    import torch

    kind = _network_class()
    with torch.random.fork_rng(devices=[]):
        model = kind(model_conf=files.network, vocab_size=len(files.labels) or -1)
    _fill(model, files)
    return Network(model.eval().to(device), device, precision, bool(files.network["normalize"]))


def _network_class() -> Any:
    try:
        with _undisturbed():
            from funasr.models.emotion2vec.model import Emotion2vec
    except ImportError as error:
        raise ConfigError(
            f"emotion2vec needs FunASR, which cannot be imported here ({error}); "
            "install it with: pip install 'quantlab[emotion2vec]'"
        ) from error
    return Emotion2vec


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep what an import prints off the screen, and the root logger as it was."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers


def _fill(model: Any, files: ModelFiles) -> None:
    """Load the weights into the network; what only pre-training used may be absent."""
    import torch

    path = files.folder / "model.pt"
    given, wanted = files.weights(), model.state_dict()
    needed = {name for name in wanted if not name.startswith(_PRETRAINING)}
    missing = sorted(needed - set(given))
    if missing:
        raise IntegrityError(
            f"{path} lacks {len(missing)} of {len(needed)} weights ({', '.join(missing[:_SHOWN])}, "
            "…): with them left at random the vectors would mean nothing; fetch the model anew"
        )
    for name in sorted(needed):
        found, expected = given[name], wanted[name]
        if not isinstance(found, torch.Tensor) or found.shape != expected.shape:
            shape = list(getattr(found, "shape", []))
            raise IntegrityError(
                f"{path}: {name} has shape {shape}, the configuration says "
                f"{list(expected.shape)}; fetch the model anew"
            )
        if not torch.isfinite(found).all():
            raise IntegrityError(f"{path}: {name} holds NaN or infinite weights; fetch it anew")
    model.load_state_dict({name: given[name] for name in needed}, strict=False)


@dataclass(frozen=True, eq=False)
class Network:
    """A loaded network.

    Attributes
    ----------
    model : torch.nn.Module
        In evaluation mode.
    device : str
        Where it lies.
    precision : str
        ``"float32"`` or ``"bfloat16"``.
    normalised : bool
        Whether waves are brought to zero mean and unit variance first.
    masks : threading.local
        The padding mask of the batch that each thread is in.
    """

    model: Any
    device: str
    precision: str
    normalised: bool
    masks: threading.local = field(default_factory=threading.local, repr=False)

    def __post_init__(self) -> None:
        """Set padding frames to zero before each positional convolution.

        FunASR masks them in attention only; through these convolutions they would reach the last
        frames of the shorter clips.
        """
        import torch

        def blank(_: Any, inputs: "tuple[torch.Tensor, ...]") -> "tuple[torch.Tensor, ...]":
            keep = getattr(self.masks, "keep", None)
            return inputs if keep is None else (inputs[0] * keep,)

        encoder = self.model.modality_encoders["AUDIO"].relative_positional_encoder
        for part in encoder.modules():
            if isinstance(part, torch.nn.Conv1d):
                part.register_forward_pre_hook(blank)

    def normalise(self, samples: np.ndarray) -> np.ndarray:
        """Return a whole clip's samples as the network wants them."""
        import torch

        if not self.normalised:
            return samples
        wave = torch.from_numpy(np.array(samples, np.float32))  # a clip is read-only
        return torch.nn.functional.layer_norm(wave, wave.shape).numpy()

    def frames_of(self, waves: list[np.ndarray]) -> list[np.ndarray]:
        """Return the frames ``[T, D]``, float32, of each wave ``[n]``."""
        import torch

        lengths = [len(wave) for wave in waves]
        source = torch.zeros(len(waves), max(lengths))
        padding = torch.ones(source.shape, dtype=torch.bool)
        for row, wave in enumerate(waves):
            source[row, : len(wave)] = torch.from_numpy(np.array(wave))
            padding[row, : len(wave)] = False
        counts = [num_frames(length) for length in lengths]
        even = len(set(lengths)) == 1
        reduced = torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bfloat16")
        with torch.inference_mode(), reduced, self._masked(None if even else counts):
            found = self.model.extract_features(
                source.to(self.device), padding_mask=None if even else padding.to(self.device)
            )["x"]
        arrays = found.float().cpu().numpy()
        return [array[:count] for array, count in zip(arrays, counts, strict=True)]

    @contextlib.contextmanager
    def _masked(self, counts: list[int] | None) -> Iterator[None]:
        """Let the convolutions of this thread see so many frames of each wave; None, all."""
        import torch

        keep = None
        if counts is not None:
            frames = torch.arange(max(counts), device=self.device)
            keep = (frames < torch.tensor(counts, device=self.device)[:, None]).float()[:, None]
        self.masks.keep = keep
        try:
            yield
        finally:
            self.masks.keep = None
