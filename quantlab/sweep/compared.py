"""What a trial compares its codec with: references, reductions, and the codec's own first stages.

Letters: ``N`` items, ``T`` frames, ``D`` dimensions, ``S`` symbols, ``Q`` stages.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from quantlab import baselines
from quantlab.analysis import fit_gaussian
from quantlab.baselines import GaussianModel, Prepared, Reduced, prepare
from quantlab.codebooks import Codec, Scaling, parse_recipe
from quantlab.embedders import Frames
from quantlab.sweep.codecs import CodecTask
from quantlab.sweep.settings import StudySettings
from quantlab.sweep.workspace import Workspace, fold_scaling, shared_workspace, train_frames

_CLASS = ("shrink_class", "water_class")
_ALL = "all"


@dataclass(frozen=True, eq=False)
class References:
    """References of one codec, matched to its distortion item by item.

    Attributes
    ----------
    names : tuple[str, ...]
        Which ones.
    whole : GaussianModel
        Of the fold's training vectors.
    own : GaussianModel
        Of those of the codec's own emotion where it was trained on one, else `whole`.
    rng : np.random.Generator
        Of what is drawn.
    """

    names: tuple[str, ...]
    whole: GaussianModel
    own: GaussianModel
    rng: np.random.Generator

    @classmethod
    def of(cls, work: Workspace, task: CodecTask, rng: np.random.Generator) -> "References":
        """Choose the references of a codec: those of a class for codecs of one emotion only.

        Beside their class's, such codecs keep the plain blur toward the mean of all.
        """
        recipe = parse_recipe(task.recipe)
        names, whole = task.study.references, _model(task.run, task.study, task.fold, _ALL)
        if recipe.kind == "biased":
            emotion = next(iter(recipe.shares))
            kept = tuple(name for name in names if name in (*_CLASS, "shrink_mean"))
            return cls(kept, whole, _model(task.run, task.study, task.fold, emotion), rng)
        kept = tuple(name for name in names if name not in _CLASS)
        return cls(kept, whole, whole, rng)

    def matched(self, z: Frames, distortion: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        """Yield names and scaled frames ``[ΣT, D]`` as distorted as the codec made each item.

        Parameters
        ----------
        z : Frames
            Scaled frames of N items.
        distortion : np.ndarray [shape=(N,)]
            ‖z − ẑ‖² of the codec, mean over each item's frames.
        """
        makers = {
            "shrink_mean": self._shrink_mean,
            "shrink_class": self._shrink_class,
            "water_mean": self._water_mean,
            "water_class": self._water_class,
            "noise_matched": self._noise,
            "pca_matched": self._components,
        }
        for name in self.names:
            yield name, makers[name](z, distortion)

    def _shrink_mean(self, z: Frames, distortion: np.ndarray) -> np.ndarray:
        toward = np.zeros(z.values.shape[1])
        return baselines.shrink(z.values, z.offsets, distortion, toward=toward)

    def _shrink_class(self, z: Frames, distortion: np.ndarray) -> np.ndarray:
        return baselines.shrink(z.values, z.offsets, distortion, toward=self.own.mean)

    def _water_mean(self, z: Frames, distortion: np.ndarray) -> np.ndarray:
        return baselines.water_fill(z.values, z.offsets, distortion, model=self.whole, rng=self.rng)

    def _water_class(self, z: Frames, distortion: np.ndarray) -> np.ndarray:
        return baselines.water_fill(z.values, z.offsets, distortion, model=self.own, rng=self.rng)

    def _noise(self, z: Frames, distortion: np.ndarray) -> np.ndarray:
        return baselines.add_noise(z.values, z.offsets, distortion, rng=self.rng)

    def _components(self, z: Frames, distortion: np.ndarray) -> np.ndarray:
        return baselines.pca_truncate(z.values, z.offsets, distortion, model=self.whole)


@lru_cache(maxsize=16)
def _model(run: str, study: StudySettings, fold: str, emotion: str) -> GaussianModel:
    """Fit a Gaussian to a fold's scaled training vectors, of one emotion or of all.

    Its covariance is shrunk: an emotion often has fewer vectors than there are dimensions.
    """
    work = shared_workspace(run, study)
    frames, emotions, _ = train_frames(work, fold)
    kept = frames if emotion == _ALL else frames[emotions == emotion]
    if len(kept) > study.max_train_vectors:
        kept = kept[:: -(-len(kept) // study.max_train_vectors)]
    z = fold_scaling(run, study, fold).forward(work.embeddings.take(kept))
    found = fit_gaussian(z)
    # The mean of all is the origin, so that at zero rate nothing has a direction left.
    return GaussianModel.of(
        np.zeros(len(found.mean)) if emotion == _ALL else found.mean, found.covariance
    )


def stage_by_stage(
    codec: Codec, scaling: Scaling, symbols: np.ndarray
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the number of stages kept of every group, and what they reconstruct.

    Parameters
    ----------
    codec : Codec
        A residual codec; a trellis has no stages and yields nothing.
    scaling : Scaling
        Of the fold.
    symbols : np.ndarray [shape=(ΣT, S)]
        Symbols of λ = 0.

    Yields
    ------
    tuple[int, np.ndarray]
        1 to Q and scaled frames ``[ΣT, D]``.
    """
    if codec.settings.scheme != "residual":
        return
    quantizer = codec.quantizer_
    stage = np.arange(quantizer.num_symbols) % quantizer.num_stages
    for kept in range(1, quantizer.num_stages + 1):
        first = np.where(stage < kept, symbols, quantizer.skip)
        yield kept, scaling.forward(codec.decode(first.astype(symbols.dtype)))


def reductions(
    names: Sequence[str],
    codec: Codec,
    z: Frames,
    z_train: np.ndarray,
    targets: list[float],
    *,
    rng: np.random.Generator,
) -> Iterator[tuple[str, list[Reduced]]]:
    """Yield every reduction of a study with its result for each target.

    Parameters
    ----------
    names : Sequence[str]
        Which ones, as in the study.
    codec : Codec
        Whose symbols of λ = 0 are given up.
    z : Frames
        Scaled frames of the items.
    z_train : np.ndarray [shape=(M, D)]
        Scaled training vectors.
    targets : list[float]
        Set-mean centred cosines to meet.
    rng : np.random.Generator
        Of what is drawn.
    """
    prepared = None
    for name in names:
        if name in _BY_SYMBOLS:
            # Symbols of λ = 0 and what each contributes are the same for all of these.
            prepared = prepared or tuple(_prepared(codec, frames) for frames in (z.values, z_train))
            reduced = _BY_SYMBOLS[name](codec.quantizer_, *prepared, targets, rng=rng)
            back = codec.parts_.unrotate
            yield name, [replace(one, z_hat=back(one.z_hat)) for one in reduced]
        elif name == "noise":
            yield name, baselines.noise(z.values, targets, rng=rng)
        else:
            yield name, baselines.coarse_step(z.values, z_train, targets)


def _prepared(codec: Codec, frames: np.ndarray) -> Prepared:
    # Symbols live in the space of the codes, which a codec may have rotated.
    y, lost = codec.parts_.rotate(frames)
    return prepare(codec.quantizer_, y, lost=lost)


_BY_SYMBOLS: dict[str, Callable[..., list[Reduced]]] = {
    "drop_least": baselines.drop_least,
    "drop_most": baselines.drop_most,
    "truncate": baselines.truncate,
}
