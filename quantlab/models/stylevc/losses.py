"""The loss of one pass, put together from its parts, and every part by name.

    total = reconstruction [+ contrast + w_c · commitment] [+ classifiers]
          + λ_s · (I(c;s) + I(p;s) + I(p;c)) + λ_e · (I(c;e) + I(s;e) + I(p;e))     method mi
          + w_g · (distance of speakers + of emotions to their centres)             method gcl
          + GCE of the speaker told from e + of the emotion told from s             method adv

with content c, pitch p, speaker s and emotion e. What stands in brackets depends on the pass.

Letters: ``B`` utterances, ``T`` mel frames.
"""

from dataclasses import dataclass, fields

import torch
from torch import nn
from torch.nn.functional import l1_loss, mse_loss

from quantlab.errors import InputError
from quantlab.models.stylevc.decoder import Decoded
from quantlab.models.stylevc.information import Bounds, Information, Latents
from quantlab.models.stylevc.labels import (
    Adversary,
    Classifier,
    GroupCentres,
    Guessed,
    within_between,
)
from quantlab.models.stylevc.network import Encoded
from quantlab.models.stylevc.schedule import Pass
from quantlab.models.stylevc.settings import LossSettings, NetworkSettings

Parts = dict[str, torch.Tensor]


@dataclass(frozen=True, eq=False)
class Labels:
    """Who speaks and how.

    Attributes
    ----------
    speaker : torch.Tensor [shape=(B,), dtype=int64]
        Index of the speaker.
    emotion : torch.Tensor [shape=(B,), dtype=int64]
        Index of the emotion.
    """

    speaker: torch.Tensor
    emotion: torch.Tensor


@dataclass(frozen=True, eq=False)
class Losses:
    """The loss of a pass and its parts, scalars before weighting; None where there is no such part.

    Attributes
    ----------
    total : torch.Tensor
        What to lower, the only one to differentiate.
    mel_before, mel_after : torch.Tensor
        Mean squared plus mean absolute error before and after the postnet.
    commitment, perplexity : torch.Tensor
        Of the codes; reported in every pass.
    contrast, contrast_accuracy : torch.Tensor, optional
        Of the prediction of content.
    mi_content_speaker, mi_pitch_speaker, mi_pitch_content : torch.Tensor, optional
        Bounds in nats, weighted by λ_speaker.
    mi_content_emotion, mi_speaker_emotion, mi_pitch_emotion : torch.Tensor, optional
        Bounds in nats, weighted by λ_emotion.
    centre_speaker, centre_emotion : torch.Tensor, optional
        Squared distances to the group centres.
    within_between_speaker, within_between_emotion : torch.Tensor, optional
        Variance within over between groups in this batch; large where embeddings collapse.
    adversary_speaker, adversary_speaker_accuracy : torch.Tensor, optional
        Of the speaker told from the emotion embedding.
    adversary_emotion, adversary_emotion_accuracy : torch.Tensor, optional
        Of the emotion told from the speaker embedding.
    classifier_speaker, classifier_speaker_accuracy : torch.Tensor, optional
        Of the speaker told from the speaker embedding.
    classifier_emotion, classifier_emotion_accuracy : torch.Tensor, optional
        Of the emotion told from the emotion embedding.
    """

    total: torch.Tensor
    mel_before: torch.Tensor
    mel_after: torch.Tensor
    commitment: torch.Tensor
    perplexity: torch.Tensor
    contrast: torch.Tensor | None = None
    contrast_accuracy: torch.Tensor | None = None
    mi_content_speaker: torch.Tensor | None = None
    mi_pitch_speaker: torch.Tensor | None = None
    mi_pitch_content: torch.Tensor | None = None
    mi_content_emotion: torch.Tensor | None = None
    mi_speaker_emotion: torch.Tensor | None = None
    mi_pitch_emotion: torch.Tensor | None = None
    centre_speaker: torch.Tensor | None = None
    centre_emotion: torch.Tensor | None = None
    within_between_speaker: torch.Tensor | None = None
    within_between_emotion: torch.Tensor | None = None
    adversary_speaker: torch.Tensor | None = None
    adversary_speaker_accuracy: torch.Tensor | None = None
    adversary_emotion: torch.Tensor | None = None
    adversary_emotion_accuracy: torch.Tensor | None = None
    classifier_speaker: torch.Tensor | None = None
    classifier_speaker_accuracy: torch.Tensor | None = None
    classifier_emotion: torch.Tensor | None = None
    classifier_emotion_accuracy: torch.Tensor | None = None

    def floats(self) -> dict[str, float]:
        """Return the parts that there are as numbers by name; waits once for the device."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        kept = {name: part for name, part in named.items() if part is not None}
        values = torch.stack([part.detach().float() for part in kept.values()]).tolist()
        return dict(zip(kept, values, strict=True))


def reconstruction(mel: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return mean squared plus mean absolute error of ``[B, T, num_mels]``."""
    guess, truth = mel.float(), target.float()
    return mse_loss(guess, truth) + l1_loss(guess, truth)


class Objective(nn.Module):
    """All losses of an experiment, with the networks that exist for them only.

    Initial weights come from PyTorch's global generator; use `make_objective` to draw them from a
    seed. `information` has an optimiser of its own; all other parameters belong to the model's, see
    `model_parameters`.

    Parameters
    ----------
    network : NetworkSettings
        Widths of the embeddings and the content.
    loss : LossSettings
        Method, classifiers, weights.
    num_speakers : int
        Speakers in the training data.
    num_emotions : int
        Emotions in the training data.
    """

    def __init__(
        self, network: NetworkSettings, loss: LossSettings, *, num_speakers: int, num_emotions: int
    ) -> None:
        super().__init__()
        self.settings = loss
        self.num_speakers, self.num_emotions = num_speakers, num_emotions
        wide = network.embedding_dims
        self.information = Information(network, loss) if loss.method == "mi" else None
        self.speaker_centres = self.emotion_centres = None
        if loss.method == "gcl":
            self.speaker_centres = GroupCentres(wide, num_speakers)
            self.emotion_centres = GroupCentres(wide, num_emotions)
        self.speaker_adversary = self.emotion_adversary = None
        if loss.method == "adv":
            self.speaker_adversary = Adversary(wide, num_speakers, loss)
            self.emotion_adversary = Adversary(wide, num_emotions, loss)
        self.speaker_classifier = self.emotion_classifier = None
        if loss.classifiers in ("speaker", "both"):
            self.speaker_classifier = Classifier(wide, num_speakers)
        if loss.classifiers in ("emotion", "both"):
            self.emotion_classifier = Classifier(wide, num_emotions)

    def model_parameters(self) -> list[nn.Parameter]:
        """Return the weights that the model's optimiser trains: all but the estimators'."""
        return [
            weight
            for name, weight in self.named_parameters()
            if not name.startswith("information.")
        ]

    def forward(
        self,
        encoded: Encoded,
        decoded: Decoded,
        mel: torch.Tensor,
        f0: torch.Tensor,
        labels: Labels,
        *,
        part: Pass,
        generator: torch.Generator,
        frozen: bool = True,
    ) -> Losses:
        """Return the loss of a pass.

        Parameters
        ----------
        encoded : Encoded
            With contrast where `part.codes`.
        decoded : Decoded
            From `encoded`.
        mel : torch.Tensor [shape=(B, T, num_mels)]
            What `decoded` should be.
        f0 : torch.Tensor [shape=(B, T)]
            Normalised log F0.
        labels : Labels
            Of the utterances.
        part : Pass
            Which losses count.
        generator : torch.Generator
            Draws the permutation of the bounds.
        frozen : bool
            False lets the bounds' gradients reach the estimators too, for a single optimiser.

        Returns
        -------
        Losses
            Total and parts.

        Raises
        ------
        InputError
            The pass counts the contrast and `encoded` has none.
        """
        parts: Parts = {
            "mel_before": reconstruction(decoded.mel_before, mel),
            "mel_after": reconstruction(decoded.mel_after, mel),
            "commitment": encoded.commitment,
            "perplexity": encoded.perplexity,
        }
        terms = [parts["mel_before"], parts["mel_after"]]
        if part.codes:
            terms += self._codes(encoded, parts)
        if part.classifiers:
            terms += self._classifiers(encoded, labels, parts)
        if part.information and self.information is not None:
            bounds = self.information.bounds(
                Latents.of(encoded, f0), generator=generator, frozen=frozen
            )
            terms += self._information(bounds, parts)
        terms += self._centres(encoded, labels, parts)
        terms += self._adversaries(encoded, labels, parts)
        return Losses(total=torch.stack(terms).sum(), **parts)

    # Each of these adds to `parts` what there is, and returns what to add to the total.

    def _codes(self, encoded: Encoded, parts: Parts) -> list[torch.Tensor]:
        if encoded.contrast is None:
            raise InputError("this pass counts the contrast; give encode a generator")
        parts["contrast"] = encoded.contrast.loss
        parts["contrast_accuracy"] = encoded.contrast.accuracy
        return [encoded.contrast.loss, self.settings.commitment_weight * encoded.commitment]

    def _information(self, bounds: Bounds, parts: Parts) -> list[torch.Tensor]:
        parts |= {f"mi_{field.name}": getattr(bounds, field.name) for field in fields(bounds)}
        speaker = bounds.content_speaker + bounds.pitch_speaker + bounds.pitch_content
        emotion = bounds.content_emotion + bounds.speaker_emotion + bounds.pitch_emotion
        return [self.settings.lambda_speaker * speaker, self.settings.lambda_emotion * emotion]

    def _centres(self, encoded: Encoded, labels: Labels, parts: Parts) -> list[torch.Tensor]:
        if self.speaker_centres is None or self.emotion_centres is None:
            return []
        speaker = self.speaker_centres(encoded.speaker, labels.speaker)
        emotion = self.emotion_centres(encoded.emotion, labels.emotion)
        parts |= {
            "centre_speaker": speaker,
            "centre_emotion": emotion,
            "within_between_speaker": within_between(
                encoded.speaker, labels.speaker, num_groups=self.num_speakers
            ),
            "within_between_emotion": within_between(
                encoded.emotion, labels.emotion, num_groups=self.num_emotions
            ),
        }
        return [self.settings.group_weight * (speaker + emotion)]

    def _adversaries(self, encoded: Encoded, labels: Labels, parts: Parts) -> list[torch.Tensor]:
        if self.speaker_adversary is None or self.emotion_adversary is None:
            return []
        speaker = self.speaker_adversary(encoded.emotion, labels.speaker)
        emotion = self.emotion_adversary(encoded.speaker, labels.emotion)
        parts |= _guessed("adversary_speaker", speaker) | _guessed("adversary_emotion", emotion)
        return [speaker.loss, emotion.loss]

    def _classifiers(self, encoded: Encoded, labels: Labels, parts: Parts) -> list[torch.Tensor]:
        terms = []
        if self.speaker_classifier is not None:
            speaker = self.speaker_classifier(encoded.speaker, labels.speaker)
            parts |= _guessed("classifier_speaker", speaker)
            terms.append(speaker.loss)
        if self.emotion_classifier is not None:
            emotion = self.emotion_classifier(encoded.emotion, labels.emotion)
            parts |= _guessed("classifier_emotion", emotion)
            terms.append(emotion.loss)
        return terms


def _guessed(name: str, guessed: Guessed) -> Parts:
    return {name: guessed.loss, f"{name}_accuracy": guessed.accuracy}


def make_objective(
    network: NetworkSettings,
    loss: LossSettings,
    *,
    num_speakers: int,
    num_emotions: int,
    seed: int,
) -> Objective:
    """Return an objective on the CPU with initial weights drawn from `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Objective(network, loss, num_speakers=num_speakers, num_emotions=num_emotions)
