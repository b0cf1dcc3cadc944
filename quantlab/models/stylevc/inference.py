"""A trained StyleVC in use: from samples to embeddings, and from embeddings back to a mel.

Everything here takes and gives NumPy arrays, one clip at a time. Clips shorter than a training crop
are repeated, as in training.

Letters: ``T`` mel frames of 10 ms, ``L`` frames of content, T // downsampling, ``D`` content
dimensions, ``E`` embedding dimensions, ``W`` frames of a window.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from quantlab.audio import log10_mel, log_f0, normalise_f0
from quantlab.compat import choose_device
from quantlab.errors import InputError
from quantlab.models.stylevc.checkpoint import Loaded, load_model
from quantlab.store import sha256_file

Floats = npt.NDArray[np.float32]

_WINDOWS_AT_ONCE = 64
_FILES = ("weights.safetensors", "card.json")


@dataclass(frozen=True, eq=False)
class Speech:
    """A clip as the networks take it.

    Attributes
    ----------
    mel : np.ndarray [shape=(T, num_mels), dtype=float32]
        Log10 mel, each band less its mean in training and divided by its standard deviation.
    f0 : np.ndarray [shape=(T,), dtype=float32]
        Log F0 with mean 0 and variance 1 over the voiced frames, 0 where unvoiced.
    """

    mel: Floats
    f0: Floats


class Inference:
    """The networks of a trained StyleVC, one clip at a time.

    Parameters
    ----------
    loaded : Loaded
        Model and card.
    device : str
        ``cpu`` or ``cuda``.

    Attributes
    ----------
    card : dict[str, Any]
        The model's card.
    emotion_dims : int
        0 where the emotion comes from the mel; else the width of the vectors it comes from.
    """

    def __init__(self, loaded: Loaded, *, device: str = "cpu") -> None:
        self.card = loaded.card
        self.emotion_dims = loaded.model.settings.emotion_dims
        self._network = loaded.model.to(device)
        self._device = device
        self._mean, self._deviation = loaded.mel_statistics
        training: Any = loaded.card.get("settings", {}).get("training", {})
        self._fewest = max(self._network.min_frames, int(training.get("crop_frames", 0)))

    @property
    def num_dims(self) -> int:
        """E."""
        return self._network.settings.embedding_dims

    @property
    def content_dims(self) -> int:
        """D."""
        return self._network.settings.content_dims

    @property
    def num_codes(self) -> int:
        """How many codes the content is made of."""
        return self._network.settings.num_codes

    def read(self, samples: npt.ArrayLike) -> Speech:
        """Analyse samples.

        Parameters
        ----------
        samples : array_like [shape=(n,)]
            Mono, 16 kHz; T is 1 + n // 160.

        Raises
        ------
        InputError
            The samples cannot be analysed.
        """
        wave = np.asarray(samples, np.float32)
        return self.prepare(log10_mel(wave), normalise_f0(log_f0(wave)))

    def prepare(self, log10_mel: npt.ArrayLike, f0: npt.ArrayLike) -> Speech:
        """Take over what was analysed before.

        Parameters
        ----------
        log10_mel : array_like [shape=(T, num_mels)]
            As `quantlab.audio.log10_mel` gives it.
        f0 : array_like [shape=(T,)]
            As `quantlab.audio.normalise_f0` gives it.

        Raises
        ------
        InputError
            The shapes do not fit, or a value is not finite.
        """
        mel, contour = np.asarray(log10_mel, np.float32), np.asarray(f0, np.float32)
        if mel.shape != (len(contour), len(self._mean)) or contour.ndim != 1 or not len(mel):
            raise InputError(
                f"a mel of shape [T, {len(self._mean)}] and a contour [T] are needed, given "
                f"{mel.shape} and {contour.shape}"
            )
        if not (np.isfinite(mel).all() and np.isfinite(contour).all()):
            raise InputError("the mel or the pitch contour holds NaN or infinite values")
        return Speech((mel - self._mean) / self._deviation, contour)

    @torch.inference_mode()
    def content(self, speech: Speech) -> tuple[Floats, npt.NDArray[np.int64]]:
        """Return the content's frames.

        Returns
        -------
        vectors : np.ndarray [shape=(L, D), dtype=float32]
            Quantized content.
        codes : np.ndarray [shape=(L,), dtype=int64]
            The codes it consists of.
        """
        network = self._network
        quantized = network.quantizer(
            network.content_encoder(self._bands(speech.mel).transpose(1, 2)), update=False
        )
        length = max(1, len(speech.mel) // network.settings.downsampling)
        vectors, codes = quantized.content[0, :length], quantized.codes[0, :length]
        return vectors.float().cpu().numpy(), codes.cpu().numpy()

    @torch.inference_mode()
    def speaker(self, speech: Speech) -> Floats:
        """Return the speaker embedding, float32 ``[E]``."""
        return self._network.speaker_embedding(self._bands(speech.mel))[0].float().cpu().numpy()

    @torch.inference_mode()
    def emotion(self, speech: Speech) -> Floats:
        """Return the emotion embedding, float32 ``[E]``, all ≥ 0.

        Raises
        ------
        InputError
            The model takes its emotion from vectors; see `emotion_of`.
        """
        self._refuse_vectors()
        return self._network.emotion_embedding(self._bands(speech.mel))[0].float().cpu().numpy()

    @torch.inference_mode()
    def emotion_of(self, vector: npt.ArrayLike) -> Floats:
        """Return the emotion embedding of another embedder's vector, float32 ``[E]``.

        Parameters
        ----------
        vector : array_like [shape=(emotion_dims,)]
            The vector.

        Raises
        ------
        InputError
            It is of another width, or not finite, or this model reads the emotion from the mel.
        """
        given = np.asarray(vector, np.float32)
        if not self.emotion_dims:
            raise InputError(
                "this StyleVC reads the emotion from the mel; it takes no vectors of embedders"
            )
        if given.shape != (self.emotion_dims,) or not np.isfinite(given).all():
            raise InputError(
                f"the model takes finite vectors of {self.emotion_dims} dimensions, given shape "
                f"{given.shape}; use those of the embedder it was trained with"
            )
        source = torch.from_numpy(given)[None].to(self._device)
        return self._network.emotion_embedding(source)[0].float().cpu().numpy()

    @torch.inference_mode()
    def emotion_windows(self, speech: Speech, *, num_frames: int, hop: int) -> Floats:
        """Return the emotion embedding of each window.

        Parameters
        ----------
        speech : Speech
            The clip.
        num_frames, hop : int ≥ 1
            Length of a window and the distance between two, in frames of 10 ms.

        Returns
        -------
        np.ndarray [shape=(W, E), dtype=float32]
            W is 1 + (T − num_frames) // hop, at least 1.

        Raises
        ------
        InputError
            The model takes its emotion from vectors.
        """
        self._refuse_vectors()
        starts = range(0, max(len(speech.mel) - num_frames, 0) + 1, hop)
        found = []
        for at in range(0, len(starts), _WINDOWS_AT_ONCE):
            pieces = [
                speech.mel[start : start + num_frames]
                for start in starts[at : at + _WINDOWS_AT_ONCE]
            ]
            bands = torch.cat([self._bands(piece) for piece in pieces])
            found.append(self._network.emotion_embedding(bands).float().cpu().numpy())
        return np.concatenate(found)

    @torch.inference_mode()
    def decode(
        self, content: npt.ArrayLike, f0: npt.ArrayLike, speaker: npt.ArrayLike,
        emotion: npt.ArrayLike,
    ) -> Floats:  # fmt: skip
        """Put speech together.

        Parameters
        ----------
        content : array_like [shape=(L, D)]
            From `content`.
        f0 : array_like [shape=(T,)]
            Normalised log F0.
        speaker, emotion : array_like [shape=(E,)]
            Embeddings.

        Returns
        -------
        np.ndarray [shape=(T, num_mels), dtype=float32]
            Log10 mel, the normalisation undone.

        Raises
        ------
        InputError
            A shape does not fit, or a value is not finite.
        """
        given = [np.asarray(part, np.float32) for part in (content, f0, speaker, emotion)]
        if not all(np.isfinite(part).all() for part in given):
            raise InputError("content, pitch, speaker or emotion holds NaN or infinite values")
        tensors = [torch.from_numpy(part)[None].to(self._device) for part in given]
        mel = self._network.decode(*tensors).mel_after[0].float().cpu().numpy()
        return mel * self._deviation + self._mean

    def _bands(self, mel: Floats) -> torch.Tensor:
        """Return a mel ``[1, T, num_mels]``, repeated until it is as long as a training crop."""
        times = -(-self._fewest // len(mel))
        if times > 1:
            mel = np.tile(mel, (times, 1))[: self._fewest]
        return torch.from_numpy(np.ascontiguousarray(mel))[None].to(self._device)

    def _refuse_vectors(self) -> None:
        if self.emotion_dims:
            raise InputError(
                f"this StyleVC takes its emotion from vectors of {self.emotion_dims} dimensions of "
                "another embedder, not from sound; choose a model that was trained without "
                "data.emotion_vectors"
            )


def open_stylevc(
    folder: str | Path, *, device: str = "auto", preset: str | None = None
) -> Inference:
    """Open a trained StyleVC for use; a model that is open already is not read again.

    Parameters
    ----------
    folder : str or Path
        Where `save_model` wrote it, ``runs/stylevc/<name>/checkpoint`` for instance.
    device : {"auto", "cpu", "cuda"}
        Where to run.
    preset : str, optional
        The preset that is expected; any by default.

    Returns
    -------
    Inference
        The model.

    Raises
    ------
    InputError
        The folder holds no StyleVC model.
    IntegrityError
        A file is damaged.
    ConfigError
        There is no such device, or the model is of another preset.
    """
    place = Path(folder).absolute()
    state = tuple(
        (path.stat().st_mtime_ns, path.stat().st_size)
        for path in (place / name for name in _FILES)
        if path.is_file()
    )
    return _open(place, state, choose_device(device), preset)


def weights_sha256(folder: str | Path) -> str:
    """Return the SHA-256 of a model's weights; InputError where there are none."""
    path = Path(folder).absolute() / _FILES[0]
    if not path.is_file():
        raise InputError(
            f"{folder} holds no StyleVC ({_FILES[0]} is missing); run: quantlab fit-stylevc "
            "EXPERIMENT"
        )
    status = path.stat()
    return _hash(path, (status.st_mtime_ns, status.st_size))


@lru_cache(maxsize=16)
def _hash(path: Path, _state: tuple[int, int]) -> str:
    return sha256_file(path)


@lru_cache(maxsize=4)
def _open(
    place: Path, _state: tuple[tuple[int, int], ...], device: str, preset: str | None
) -> Inference:
    return Inference(load_model(place, preset=preset), device=device)
