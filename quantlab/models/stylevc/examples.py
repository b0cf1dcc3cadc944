"""What a model is trained and judged on: features, parts, classes, statistics; batches of them.

Letters: ``N`` items, ``B`` items of a batch.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch

from quantlab.corpora import EMOTIONS
from quantlab.errors import InputError
from quantlab.models.stylevc.data import Split, split_items
from quantlab.models.stylevc.features import Features
from quantlab.models.stylevc.learner import Batch
from quantlab.models.stylevc.losses import Labels
from quantlab.models.stylevc.settings import StyleVCSettings

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Examples:
    """The clips of an experiment, ready to be cut into batches.

    Attributes
    ----------
    features : Features
        Of all clips.
    split : Split
        Which of them train, validate and test.
    speakers, emotions : tuple[str, ...]
        Those of the training clips: speakers by name, emotions in canonical order.
    speaker_numbers, emotion_numbers : np.ndarray [shape=(N,), dtype=int64]
        The classes of the clips, −1 where training has none of theirs.
    statistics : np.ndarray [shape=(2, 80), dtype=float32]
        Mean and standard deviation of the bands over the training clips.
    vectors : np.ndarray [shape=(N, emotion_dims), dtype=float32] or None
        For the emotion input, where it takes vectors.
    crop_frames : int
        Frames of a crop.
    """

    features: Features
    split: Split
    speakers: tuple[str, ...]
    emotions: tuple[str, ...]
    speaker_numbers: Rows
    emotion_numbers: Rows
    statistics: npt.NDArray[np.float32]
    vectors: npt.NDArray[np.float32] | None
    crop_frames: int

    @classmethod
    def of(
        cls,
        features: Features,
        settings: StyleVCSettings,
        vectors: npt.NDArray[np.float32] | None = None,
    ) -> Self:
        """Part the clips of a corpus as the settings say.

        Raises
        ------
        ConfigError
            The settings name a speaker, language or emotion that is not there.
        InputError
            A part is empty, validation has a class that training has not, or the vectors do not
            fit.
        """
        split = split_items(features.items, settings.data)
        if len(split.train) < 2:
            raise InputError("there is one training clip; a batch needs two or more")
        _check_vectors(vectors, len(features), settings.network.emotion_dims)
        speaker, emotion = (features.items[name].to_numpy(str) for name in ("speaker", "emotion"))
        speakers = tuple(sorted(set(speaker[split.train].tolist())))
        present = set(emotion[split.train].tolist())
        emotions = tuple(name for name in EMOTIONS if name in present)
        made = cls(
            features=features,
            split=split,
            speakers=speakers,
            emotions=emotions,
            speaker_numbers=_numbers(speaker, speakers),
            emotion_numbers=_numbers(emotion, emotions),
            statistics=features.statistics(split.train),
            vectors=vectors,
            crop_frames=settings.training.crop_frames,
        )
        made._check_validation()
        return made

    def _check_validation(self) -> None:
        lowest = np.minimum(self.speaker_numbers, self.emotion_numbers)[self.split.validation]
        if (lowest < 0).any():
            raise InputError(
                f"{int((lowest < 0).sum())} validation clips have a speaker or an emotion without "
                "training clips; choose another split, or leave them out by data.speakers or "
                "data.emotions"
            )

    def seen(self, *, by_text: bool) -> list[Any]:
        """Return which clips training or validation saw, as a card's ``trained_on`` says it.

        Parameters
        ----------
        by_text : bool
            Name them by corpus, speaker and sentence, which holds for other copies of the corpus
            too; otherwise by the hash of each clip.
        """
        rows = np.concatenate([self.split.train, self.split.validation])
        items = self.features.items.iloc[np.sort(rows)]
        if not by_text:
            return items["sha256"].tolist()
        return items[["corpus", "speaker", "text_id"]].drop_duplicates().to_dict("records")

    def batch(self, rows: Rows, starts: Rows, device: torch.device) -> Batch:
        """Return crops of some items on a device; see `Features.batch`."""
        mel, f0 = self.features.batch(
            rows, starts, num_frames=self.crop_frames, statistics=self.statistics
        )

        def moved(array: np.ndarray) -> torch.Tensor:
            return torch.from_numpy(array).to(device, non_blocking=True)

        return Batch(
            mel=moved(mel),
            f0=moved(f0),
            labels=Labels(
                speaker=moved(self.speaker_numbers[rows]), emotion=moved(self.emotion_numbers[rows])
            ),
            emotion=None if self.vectors is None else moved(self.vectors[rows]),
        )

    def validation(self, size: int, device: torch.device) -> Iterator[tuple[int, Batch]]:
        """Yield the middle of every validation clip in batches, and how many each batch holds.

        The clips are mixed, always in the same way: group centres need several speakers and
        emotions in a batch, and items stand speaker by speaker.
        """
        rows = np.random.default_rng(0).permutation(self.split.validation)
        starts = np.maximum(self.features.num_frames[rows] - self.crop_frames, 0) // 2
        for at in range(0, len(rows), size):
            part = slice(at, at + size)
            yield len(rows[part]), self.batch(rows[part], starts[part], device)


def _numbers(names: npt.NDArray[np.str_], classes: tuple[str, ...]) -> Rows:
    """Return the number of each name's class, −1 where it is none of them."""
    numbers = {name: number for number, name in enumerate(classes)}
    return np.array([numbers.get(name, -1) for name in names.tolist()], np.int64)


def _check_vectors(vectors: npt.NDArray[np.float32] | None, num_items: int, dims: int) -> None:
    wanted = (num_items, dims) if dims else None
    given = None if vectors is None else vectors.shape
    if given != wanted:
        raise InputError(
            f"the emotion input takes vectors of shape {wanted}, given {given}; see "
            "network.emotion_dims and data.emotion_vectors"
        )
