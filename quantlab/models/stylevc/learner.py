"""The networks of a training with their optimisers: one step on a batch, validation, their state.

Letters: ``B`` utterances, ``T`` mel frames.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from quantlab.errors import IntegrityError
from quantlab.models.stylevc.information import Information, Latents
from quantlab.models.stylevc.losses import Labels, Losses, make_objective
from quantlab.models.stylevc.network import make_network
from quantlab.models.stylevc.schedule import Pass, learning_rate, passes, step_seed
from quantlab.models.stylevc.settings import StyleVCSettings

if TYPE_CHECKING:
    from lightning.fabric import Fabric
    from lightning.fabric.wrappers import _FabricOptimizer

Values = dict[str, torch.Tensor]
"""Losses by name, scalars without gradient, still on the device."""

_VALIDATION = Pass("validation", classifiers=True, codes=False, information=False)


@dataclass(frozen=True, eq=False)
class Batch:
    """Crops of some utterances, on the device where they are used.

    Attributes
    ----------
    mel : torch.Tensor [shape=(B, T, 80)]
        Normalised mel spectrograms.
    f0 : torch.Tensor [shape=(B, T)]
        Normalised log F0.
    labels : Labels
        Speakers and emotions.
    emotion : torch.Tensor [shape=(B, emotion_dims)], optional
        Vectors for the emotion input, where it takes vectors.
    """

    mel: torch.Tensor
    f0: torch.Tensor
    labels: Labels
    emotion: torch.Tensor | None = None


class Learner:
    """The networks of an experiment and what trains them.

    Each optimiser is an Adam: one for the model and all that belongs to its loss, one for the
    estimators of mutual information. The estimators learn from embeddings that were computed once,
    so that nothing else moves with them.

    Parameters
    ----------
    settings : StyleVCSettings
        Network, losses, training.
    num_speakers, num_emotions : int
        Classes of the training data.
    fabric : lightning.fabric.Fabric
        Device and precision, launched.
    """

    def __init__(
        self, settings: StyleVCSettings, *, num_speakers: int, num_emotions: int, fabric: "Fabric"
    ) -> None:
        training = settings.training
        self.network = make_network(settings.network, seed=training.seed).to(fabric.device)
        self.objective = make_objective(
            settings.network,
            settings.loss,
            num_speakers=num_speakers,
            num_emotions=num_emotions,
            seed=training.seed + 1,
        ).to(fabric.device)
        self._settings, self._fabric = settings, fabric
        self._passes = passes(settings.loss)
        weights = [*self.network.parameters(), *self.objective.model_parameters()]
        estimators = self.objective.information
        own = [] if estimators is None else list(estimators.parameters())
        if training.single_optimizer:
            weights, own = [*weights, *own], []
        self._adams = {"model": _adam(weights, training.learning_rate)}
        if own:
            self._adams["information"] = _adam(own, training.mi_learning_rate)
        self._steppers = {
            name: cast("_FabricOptimizer", fabric.setup_optimizers(adam))
            for name, adam in self._adams.items()
        }

    def step(self, batch: Batch, *, step: int, epoch: int) -> list[Values]:
        """Learn from a batch; return the losses of each pass.

        Parameters
        ----------
        batch : Batch
            Training utterances.
        step, epoch : int
            Numbers from 0; the learning rate and all random numbers follow from them.
        """
        self.network.train()
        self.objective.train()
        generator = torch.Generator().manual_seed(step_seed(step, self._settings.training))
        for group in self._adams["model"].param_groups:
            group["lr"] = learning_rate(step, epoch, self._settings.training)
        return [self._pass(batch, part, generator) for part in self._passes]

    def _pass(self, batch: Batch, part: Pass, generator: torch.Generator) -> Values:
        training = self._settings.training
        estimators = self.objective.information if part.information else None
        if estimators is not None and training.em_updates_replica:
            self._fit_anew(estimators, batch)
        with self._fabric.autocast():
            encoded = self.network.encode(
                batch.mel,
                batch.emotion,
                generator=generator if part.codes else None,
                update=True,
            )
        separate = not (training.single_optimizer or training.em_updates_replica)
        if estimators is not None and separate:
            latents = Latents.of(encoded, batch.f0).detached()
            for _ in range(training.mi_steps):
                self._fit(estimators, latents)
        with self._fabric.autocast():
            decoded = self.network.decode(
                encoded.content, batch.f0, encoded.speaker, encoded.emotion
            )
            losses = self.objective(
                encoded,
                decoded,
                batch.mel,
                batch.f0,
                batch.labels,
                part=part,
                generator=generator,
                frozen=not training.single_optimizer,
            )
            total = losses.total
            if estimators is not None and training.single_optimizer:
                latents = Latents.of(encoded, batch.f0).detached()
                total = total + estimators.negative_log_likelihood(latents)
        self._backward("model", total)
        self._steppers["model"].step()
        return _values(losses)

    def _fit(self, estimators: Information, latents: Latents) -> None:
        """Take one step of the estimators towards what is most likely."""
        with self._fabric.autocast():
            loss = estimators.negative_log_likelihood(latents)
        self._backward("information", loss)
        # Clipped by itself, and not with all that shares its optimiser, as Fabric would.
        self._fabric.strategy.precision.unscale_gradients(self._adams["information"])
        torch.nn.utils.clip_grad_norm_(
            estimators.pitch_content.parameters(), self._settings.training.mi_clip
        )
        self._steppers["information"].step()

    def _fit_anew(self, estimators: Information, batch: Batch) -> None:
        """Encode for every step of the estimators, which moves codes and batch statistics."""
        for _ in range(self._settings.training.mi_steps):
            with torch.no_grad(), self._fabric.autocast():
                encoded = self.network.encode(batch.mel, batch.emotion, update=True)
            self._fit(estimators, Latents.of(encoded, batch.f0))

    def _backward(self, name: str, loss: torch.Tensor) -> None:
        self._adams[name].zero_grad(set_to_none=True)
        self._fabric.backward(loss)

    @torch.no_grad()
    def validate(self, batch: Batch) -> dict[str, float]:
        """Return the losses of a batch that is not learnt from, in evaluation mode, by name.

        Reconstruction, classifiers, group centres and adversaries; no contrast and no bounds.
        """
        self.network.eval()
        self.objective.eval()
        with self._fabric.autocast():
            encoded, decoded = self.network(batch.mel, batch.f0, batch.emotion)
            losses = self.objective(
                encoded,
                decoded,
                batch.mel,
                batch.f0,
                batch.labels,
                part=_VALIDATION,
                generator=torch.Generator(),
            )
        return losses.floats()

    def tensors(self) -> dict[str, np.ndarray]:
        """Return all that the next step depends on by name."""
        found: dict[str, np.ndarray] = {}
        for name, module in (("network", self.network), ("objective", self.objective)):
            for key, tensor in module.state_dict().items():
                found[f"{name}.{key}"] = tensor.detach().cpu().numpy()
        for name, adam in self._adams.items():
            for index, moments in adam.state_dict()["state"].items():
                for key, value in moments.items():
                    found[f"adam.{name}.{index}.{key}"] = value.detach().cpu().numpy()
        return found

    def scaler(self) -> dict[str, Any]:
        """Return the state of the gradients' scale; empty without 16-bit arithmetic."""
        return self._fabric.strategy.precision.state_dict()

    def load(self, tensors: Mapping[str, np.ndarray], scaler: Mapping[str, Any]) -> None:
        """Take over what `tensors` and `scaler` returned.

        Raises
        ------
        IntegrityError
            A weight is missing, superfluous or of another shape.
        """
        try:
            for name, module in (("network", self.network), ("objective", self.objective)):
                module.load_state_dict(_under(tensors, name))
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:300]
            raise IntegrityError(f"the stored state does not fit the networks: {reason}") from error
        for name, adam in self._adams.items():
            moments: dict[int, dict[str, torch.Tensor]] = {}
            for key, tensor in _under(tensors, f"adam.{name}").items():
                index, _, part = key.partition(".")
                moments.setdefault(int(index), {})[part] = tensor
            groups = adam.state_dict()["param_groups"]
            adam.load_state_dict({"state": moments, "param_groups": groups})
        self._fabric.strategy.precision.load_state_dict(dict(scaler))


def _values(losses: Losses) -> Values:
    named = {field.name: getattr(losses, field.name) for field in fields(losses)}
    return {name: value.detach() for name, value in named.items() if value is not None}


def _adam(weights: list[torch.nn.Parameter], rate: float) -> torch.optim.Adam:
    # One fused pass over all weights: several times as fast as the plain one, on the CPU as well.
    return torch.optim.Adam(weights, lr=rate, fused=True)


def _under(tensors: Mapping[str, np.ndarray], name: str) -> dict[str, torch.Tensor]:
    """Return what stands under a name, as tensors of their own memory."""
    prefix = f"{name}."
    return {
        key.removeprefix(prefix): torch.from_numpy(np.array(array))
        for key, array in tensors.items()
        if key.startswith(prefix)
    }
