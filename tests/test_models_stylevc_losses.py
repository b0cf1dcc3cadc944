"""Losses of StyleVC: labels, reversed gradients, group centres, and what each pass adds up."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from quantlab.errors import InputError
from quantlab.models.stylevc.decoder import Decoded
from quantlab.models.stylevc.labels import (
    Adversary,
    Classifier,
    GroupCentres,
    generalised_cross_entropy,
    reverse_gradient,
    within_between,
)
from quantlab.models.stylevc.losses import (
    Labels,
    Losses,
    Objective,
    make_objective,
    reconstruction,
)
from quantlab.models.stylevc.network import Encoded, make_network
from quantlab.models.stylevc.schedule import Pass, passes
from quantlab.models.stylevc.settings import LossSettings
from tests.tiny_stylevc import TINY, drawing, noise

SPEAKERS, EMOTIONS = 3, 4
LABELS = Labels(speaker=torch.tensor([0, 1, 2, 0, 1, 2]), emotion=torch.tensor([0, 1, 2, 3, 0, 0]))
MEL, F0 = noise(6, 17, 20), noise(6, 17, seed=1)


def make_encoded() -> tuple[Encoded, Decoded]:
    return make_network(TINY, seed=1).train()(MEL, F0, generator=drawing())


def objective_of(**loss: object) -> Objective:
    settings = LossSettings.parse({"information_width": 16, **loss}, where="x")
    return make_objective(
        TINY, settings, num_speakers=SPEAKERS, num_emotions=EMOTIONS, seed=1
    )  # fmt: skip


def losses_of(objective: Objective, part: Pass, *, frozen: bool = True) -> Losses:
    encoded, decoded = make_encoded()
    return objective(
        encoded, decoded, MEL, F0, LABELS, part=part, generator=drawing(9), frozen=frozen
    )


def test_reconstruction_is_squared_plus_absolute_error() -> None:
    guess, truth = noise(2, 5, 20).double().numpy(), noise(2, 5, 20, seed=1).double().numpy()
    expected = np.mean((guess - truth) ** 2) + np.mean(np.abs(guess - truth))
    found = reconstruction(torch.from_numpy(guess), torch.from_numpy(truth))
    assert found.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("strength", [0.0, 1.0, 10.0])
def test_the_reversal_keeps_values_and_turns_gradients(strength: float) -> None:
    values, weights = noise(4, 3).requires_grad_(), noise(4, 3, seed=1)
    turned = reverse_gradient(values, strength=strength)
    assert torch.equal(turned, values)
    (turned * weights).sum().backward()
    torch.testing.assert_close(values.grad, -strength * weights)


@pytest.mark.parametrize("exponent", [0.0, 1e-4, 0.3, 0.7, 1.0])
def test_generalised_cross_entropy_and_its_limits(exponent: float) -> None:
    logits, labels = 3 * noise(50, 5), torch.arange(50) % 5
    shares = np.exp(logits.double().numpy())
    p = (shares / shares.sum(axis=1, keepdims=True))[np.arange(50), labels.numpy()]
    expected = np.mean((1 - p**exponent) / exponent) if exponent else np.mean(-np.log(p))
    found = generalised_cross_entropy(logits, labels, exponent=exponent).item()
    assert found == pytest.approx(expected, rel=1e-5)
    if exponent <= 1e-4:
        assert found == pytest.approx(cross_entropy(logits, labels).item(), rel=1e-3)
    if exponent == 1:
        assert found == pytest.approx(np.mean(1 - p), rel=1e-5)


@pytest.mark.parametrize("exponent", [0.0, 0.3, 0.7, 1.0])
def test_its_gradient_is_that_of_the_cross_entropy_times_p_to_the_q(exponent: float) -> None:
    logits, labels = (2 * noise(20, 5)).requires_grad_(), torch.arange(20) % 5
    (plain,) = torch.autograd.grad(cross_entropy(logits, labels), logits)
    loss = generalised_cross_entropy(logits, labels, exponent=exponent)
    (found,) = torch.autograd.grad(loss, logits)
    p = logits.detach().softmax(dim=1)[torch.arange(20), labels]
    torch.testing.assert_close(found, plain * p[:, None] ** exponent, rtol=1e-4, atol=1e-7)


def test_hopeless_logits_stay_finite_and_weigh_nothing() -> None:
    logits = torch.tensor([[200.0, -200.0]], requires_grad=True)
    loss = generalised_cross_entropy(logits, torch.tensor([1]), exponent=0.7)
    loss.backward()
    assert loss.item() == pytest.approx(1 / 0.7)
    assert logits.grad is not None
    assert torch.equal(logits.grad, torch.zeros(1, 2))


@pytest.mark.parametrize("exponent", [-0.1, 1.1, math.nan])
def test_exponents_out_of_range_are_refused(exponent: float) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        generalised_cross_entropy(noise(2, 3), torch.tensor([0, 1]), exponent=exponent)


def test_an_adversary_learns_and_its_embedding_unlearns() -> None:
    embeddings, labels = noise(6, 8).requires_grad_(), LABELS.speaker
    settings = LossSettings(method="adv", adversary_strength=5.0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        adversary = Adversary(8, SPEAKERS, settings)
    guessed = adversary(embeddings, labels)
    guessed.loss.backward()
    own, given = adversary.output.weight.grad, embeddings.grad
    plain = embeddings.detach().requires_grad_()
    logits = plain @ adversary.output.weight.T + adversary.output.bias
    loss = ((1 - logits.softmax(dim=1)[torch.arange(6), labels] ** 0.7) / 0.7).mean()
    straight, weight = torch.autograd.grad(loss, [plain, adversary.output.weight])
    assert guessed.loss.item() == pytest.approx(loss.item(), rel=1e-5)
    torch.testing.assert_close(own, weight)
    torch.testing.assert_close(given, -5 * straight)
    right = (logits.argmax(dim=1) == labels).double().mean().item()
    assert guessed.accuracy.item() == pytest.approx(right)


def test_a_classifier_is_linear_with_cross_entropy() -> None:
    classifier, embeddings = Classifier(8, EMOTIONS), noise(6, 8)
    guessed = classifier(embeddings, LABELS.emotion)
    weight, bias = (part.detach().double().numpy() for part in classifier.parameters())
    logits = embeddings.double().numpy() @ weight.T + bias
    picked = logits[np.arange(6), LABELS.emotion.numpy()]
    expected = np.mean(np.log(np.exp(logits).sum(axis=1)) - picked)
    assert guessed.loss.item() == pytest.approx(expected, rel=1e-5)
    right = (logits.argmax(axis=1) == LABELS.emotion.numpy()).mean()
    assert guessed.accuracy.item() == pytest.approx(right)


def test_group_centres_against_numpy() -> None:
    groups, embeddings = GroupCentres(8, SPEAKERS), noise(6, 8).requires_grad_()
    loss = groups(embeddings, LABELS.speaker)
    loss.backward()
    centres, points = groups.centres.detach().numpy(), embeddings.detach().numpy()
    gaps = points - centres[LABELS.speaker.numpy()]
    assert loss.item() == pytest.approx((gaps**2).sum(axis=1).mean(), rel=1e-5)
    assert embeddings.grad is not None
    np.testing.assert_allclose(embeddings.grad.numpy(), 2 * gaps / 6, rtol=1e-5)
    assert groups.centres.grad is not None
    pulled = [-2 * gaps[LABELS.speaker.numpy() == group].sum(axis=0) / 6 for group in range(3)]
    np.testing.assert_allclose(groups.centres.grad.numpy(), pulled, rtol=1e-4, atol=1e-6)


def test_within_between_against_numpy() -> None:
    points, labels = noise(40, 8).numpy(), np.arange(40) % 4
    points[labels == 1] += 2
    means = np.stack([points[labels == group].mean(axis=0) for group in range(4)])
    within = np.mean([((points[item] - means[labels[item]]) ** 2).sum() for item in range(40)])
    between = np.mean([((means[label] - points.mean(axis=0)) ** 2).sum() for label in labels])
    # A fifth group of which the batch has nothing changes nothing.
    for num_groups in (4, 5):
        found = within_between(
            torch.from_numpy(points), torch.from_numpy(labels), num_groups=num_groups
        )
        assert found.item() == pytest.approx(within / between, rel=1e-4)


def test_within_between_tells_groups_apart_from_chance_and_from_collapse() -> None:
    labels = torch.arange(400) % 4
    centres = 10 * noise(4, 8)
    apart = within_between(centres[labels] + noise(400, 8, seed=1), labels, num_groups=4)
    assert apart < 0.05
    by_chance = [
        within_between(noise(400, 8, seed=seed), labels, num_groups=4).item() for seed in range(20)
    ]
    assert np.mean(by_chance) == pytest.approx((400 - 4) / (4 - 1), rel=0.2)
    for fallen in (torch.zeros(400, 8), noise(1, 8).expand(400, 8), 1e4 + torch.zeros(400, 8)):
        assert within_between(fallen, labels, num_groups=4).item() == pytest.approx(1000)
    one_mean = torch.tensor([[-1.0], [1.0]]).repeat_interleave(4, dim=0).repeat(5, 8)
    found = within_between(one_mean, torch.arange(40) % 4, num_groups=4).item()
    assert 1e6 < found < math.inf


WEIGHTS = {
    "mel_before": 1.0,
    "mel_after": 1.0,
    "contrast": 1.0,
    "commitment": 0.25,
    "mi_content_speaker": 0.01,
    "mi_pitch_speaker": 0.01,
    "mi_pitch_content": 0.01,
    "mi_content_emotion": 0.02,
    "mi_speaker_emotion": 0.02,
    "mi_pitch_emotion": 0.02,
    "centre_speaker": 1.0,
    "centre_emotion": 1.0,
    "adversary_speaker": 1.0,
    "adversary_emotion": 1.0,
    "classifier_speaker": 1.0,
    "classifier_emotion": 1.0,
}
MELS = {"mel_before", "mel_after"}
CODES = {"contrast", "commitment"}
INFORMATION = {name for name in WEIGHTS if name.startswith("mi_")}
CENTRES = {"centre_speaker", "centre_emotion"}
ADVERSARIES = {"adversary_speaker", "adversary_emotion"}
SPEAKER, EMOTION = {"classifier_speaker"}, {"classifier_emotion"}
BOTH = SPEAKER | EMOTION

TOTALS = {
    ("mi", "none", "none"): [MELS | CODES | INFORMATION],
    ("mi", "emotion", "none"): [MELS | CODES | INFORMATION | EMOTION],
    ("mi", "speaker", "none"): [MELS | CODES | INFORMATION | SPEAKER],
    ("mi", "both", "lf1"): [MELS | CODES | BOTH, MELS | CODES | INFORMATION],
    ("mi", "both", "lf2"): [MELS | CODES | BOTH, MELS | INFORMATION],
    ("mi", "both", "lf3"): [MELS | BOTH, MELS | CODES | INFORMATION | BOTH],
    ("mi", "emotion", "lf2"): [MELS | CODES | EMOTION, MELS | INFORMATION],
    ("gcl", "none", "none"): [MELS | CODES | CENTRES],
    ("gcl", "both", "none"): [MELS | CODES | CENTRES | BOTH],
    ("adv", "none", "none"): [MELS | CODES | ADVERSARIES],
    ("adv", "both", "none"): [MELS | CODES | ADVERSARIES | BOTH],
}


@pytest.mark.parametrize(("method", "classifiers", "forward"), TOTALS)
def test_the_total_of_each_pass_is_its_weighted_parts(
    method: str, classifiers: str, forward: str
) -> None:
    objective = objective_of(method=method, classifiers=classifiers, loss_forward=forward)
    totals = TOTALS[method, classifiers, forward]
    for part, counted in zip(passes(objective.settings), totals, strict=True):
        values = losses_of(objective, part).floats()
        expected = sum(WEIGHTS[name] * values[name] for name in counted)
        assert values["total"] == pytest.approx(expected, rel=1e-5)
        # The commitment is told in every pass; all else only where it counts.
        assert set(values) & set(WEIGHTS) == counted | {"commitment"}
        for name in counted & (ADVERSARIES | BOTH | {"contrast"}):
            assert 0 <= values[f"{name}_accuracy"] <= 1
        assert ("within_between_emotion" in values) == (method == "gcl")


def test_weights_are_the_settings() -> None:
    part = passes(LossSettings())[0]
    values = losses_of(
        objective_of(commitment_weight=3.0, lambda_speaker=0.5, lambda_emotion=0.0), part
    ).floats()
    speaker = {"mi_content_speaker", "mi_pitch_speaker", "mi_pitch_content"}
    expected = sum(values[name] for name in MELS) + values["contrast"] + 3 * values["commitment"]
    expected += 0.5 * sum(values[name] for name in speaker)
    assert values["total"] == pytest.approx(expected, rel=1e-5)
    values = losses_of(objective_of(method="gcl", group_weight=0.5), part).floats()
    expected = sum(WEIGHTS[name] * values[name] for name in MELS | CODES)
    expected += 0.5 * (values["centre_speaker"] + values["centre_emotion"])
    assert values["total"] == pytest.approx(expected, rel=1e-5)


def test_adversaries_guess_the_label_of_the_other_embedding() -> None:
    objective = objective_of(method="adv", classifiers="both")
    part, (encoded, decoded) = passes(objective.settings)[0], make_encoded()

    def values(encoded: Encoded) -> dict[str, float]:
        return objective(
            encoded, decoded, MEL, F0, LABELS, part=part, generator=drawing()
        ).floats()  # fmt: skip

    before, moved = values(encoded), values(replace(encoded, emotion=encoded.emotion + noise(6, 8)))
    changed = {name for name in ADVERSARIES | BOTH if before[name] != moved[name]}
    assert changed == {"adversary_speaker", "classifier_emotion"}


def test_the_embedding_gets_the_reversed_gradient_through_the_total() -> None:
    grads = {}
    for strength in (1.0, 10.0):
        objective = objective_of(method="adv", adversary_strength=strength)
        encoded, decoded = make_encoded()
        losses = objective(
            encoded, decoded, MEL, F0, LABELS,
            part=passes(objective.settings)[0], generator=drawing(),
        )  # fmt: skip
        (all_of_it,) = torch.autograd.grad(losses.total, encoded.speaker, retain_graph=True)
        rest = losses.mel_before + losses.mel_after
        (without,) = torch.autograd.grad(rest, encoded.speaker)
        grads[strength] = all_of_it - without
    torch.testing.assert_close(grads[10.0], 10 * grads[1.0], rtol=1e-2, atol=1e-5)
    assert grads[1.0].abs().max() > 1e-4


@pytest.mark.parametrize("frozen", [True, False])
def test_the_model_does_not_train_the_estimators_unless_one_optimiser_does_all(
    frozen: bool,
) -> None:
    objective = objective_of(classifiers="both")
    information = objective.information
    assert information is not None
    losses = losses_of(objective, passes(objective.settings)[0], frozen=frozen)
    losses.total.backward()
    assert all((weight.grad is None) == frozen for weight in information.parameters())
    assert all(weight.grad is not None for weight in objective.model_parameters())


def test_every_other_weight_belongs_to_the_models_optimiser() -> None:
    own = objective_of(classifiers="both")
    assert own.information is not None
    counts = [len(own.model_parameters()), len(list(own.information.parameters()))]
    assert counts[0] == 2 * 2
    assert sum(counts) == len(list(own.parameters()))
    assert len(objective_of(method="gcl").model_parameters()) == 2
    assert len(objective_of(method="adv", classifiers="speaker").model_parameters()) == 3 * 2


def test_the_replica_changes_one_bound_only() -> None:
    part = passes(LossSettings())[0]
    right, wrong = objective_of(), objective_of(se_replica=True)
    assert right.information is not None
    assert wrong.information is not None
    shared = {
        name: weight
        for name, weight in right.information.state_dict().items()
        if "speaker_emotion" not in name and "emotion_speaker" not in name
    }
    wrong.information.load_state_dict(shared, strict=False)
    before, after = losses_of(right, part).floats(), losses_of(wrong, part).floats()
    differs = {name for name in before if before[name] != after[name]}
    assert differs == {"mi_speaker_emotion", "total"}


def test_a_pass_that_counts_the_contrast_needs_it() -> None:
    objective, (encoded, decoded) = objective_of(method="gcl"), make_encoded()
    with pytest.raises(InputError, match="give encode a generator"):
        objective(
            replace(encoded, contrast=None), decoded, MEL, F0, LABELS,
            part=passes(objective.settings)[0], generator=drawing(),
        )  # fmt: skip


def test_objectives_follow_the_seed_and_nothing_global_moves() -> None:
    state = torch.random.get_rng_state()
    first, again = objective_of(method="gcl"), objective_of(method="gcl")
    assert torch.equal(torch.random.get_rng_state(), state)
    for one, other in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
    other = make_objective(
        TINY, first.settings, num_speakers=SPEAKERS, num_emotions=EMOTIONS, seed=2
    )
    assert first.speaker_centres is not None
    assert other.speaker_centres is not None
    assert not torch.equal(first.speaker_centres.centres, other.speaker_centres.centres)


def test_losses_repeat_themselves() -> None:
    objective = objective_of(classifiers="both")
    part = passes(objective.settings)[0]
    assert losses_of(objective, part).floats() == losses_of(objective, part).floats()
