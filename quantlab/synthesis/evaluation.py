"""Evaluation of a trained StyleVC on clips that its training did not see.

`evaluate_stylevc` embeds the clips and measures what embeddings tell, what the decoder makes of
them, and the controls of both; `grid_of` puts several models side by side, with verdicts.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from quantlab.analysis import (
    Interval,
    ModelMeasures,
    ProbeScore,
    Utterances,
    VerdictRule,
    grid_table,
    verdict_table,
)
from quantlab.config import fingerprint
from quantlab.errors import InputError, IntegrityError
from quantlab.store import provenance
from quantlab.synthesis.evaluation_parts import (
    JudgedClips,
    balanced_subset,
    embedded,
    judged_clips,
)
from quantlab.synthesis.evaluation_settings import EvaluationSettings
from quantlab.synthesis.evaluation_sound import (
    CLIP_SCHEMA,
    DECODED,
    MEAN_SCHEMA,
    sound_errors,
    sound_means,
)
from quantlab.synthesis.evaluation_tables import CLASSES, SCHEMAS, TRAINED, measured_tables
from quantlab.synthesis.vocoders import get_vocoder

if TYPE_CHECKING:
    from quantlab.models import Features, Inference

VERSION = 1
"""Of what is measured: another version's evaluations are made anew."""

TABLE_SCHEMAS: Mapping[str, Mapping[str, str]] = {
    **SCHEMAS,
    "sound": MEAN_SCHEMA,
    "clips": CLIP_SCHEMA,
}
"""Columns and types of every table of an `Evaluation`."""

_BOTH = "both"


@dataclass(frozen=True, eq=False, kw_only=True)
class Evaluation:
    """What was measured of one model, as tidy tables.

    Attributes
    ----------
    model : str
        Its name.
    about : Mapping[str, Any]
        What it was measured on and how: protocol, corpus, licence, num_clips, num_sentences,
        speakers, new_speakers, num_new_clips, seed, step, settings, key, seconds, provenance.
    notes : tuple of str
        What was left out, and what else a reader must know.
    probes : pd.DataFrame
        Scores of probes: protocol, encoder ("trained", or "untrained" for the same networks before
        training), and the attributes of `ProbeScore`.
    dci : pd.DataFrame
        DCI and its controls: reading ("classes" or "labels"), factors, embedding, and the columns
        of `dci_table`.
    bits : pd.DataFrame
        Leakage in bits: the attributes of `LeakageBits`.
    scatter : pd.DataFrame
        From `scatter_table`.
    information : pd.DataFrame
        From `information_table`.
    sound : pd.DataFrame
        Distortion and errors of pitch: kind, metric, value, low, high, num_items, num_clusters,
        tag.
    clips : pd.DataFrame
        The same clip by clip.
    maps : pd.DataFrame
        Places of the clips in two dimensions, from `projection_table`.
    """

    model: str
    about: Mapping[str, Any]
    notes: tuple[str, ...]
    probes: pd.DataFrame
    dci: pd.DataFrame
    bits: pd.DataFrame
    scatter: pd.DataFrame
    information: pd.DataFrame
    sound: pd.DataFrame
    clips: pd.DataFrame
    maps: pd.DataFrame


def evaluate_stylevc(
    model: "str | Path | Inference",
    features: "Features",
    *,
    settings: EvaluationSettings | None = None,
    name: str = "",
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Evaluate a trained StyleVC on the test clips of the features that it was trained on.

    Probes are trained and tested on sentences that training never saw, in folds by sentence, so
    that no probe is asked a sentence that it knows. With held-out speakers, a probe of the others'
    emotions is asked theirs as well.

    Parameters
    ----------
    model : str, Path or Inference
        Folder of the model, or the model, opened.
    features : Features
        Those that it was trained on.
    settings : EvaluationSettings, optional
        Its defaults when left out.
    name : str
        What to call the model; by default its card's name.
    device : {"auto", "cpu", "cuda"}
        Where networks run.
    progress : callable, optional
        Called with how many pieces of work are done, and of how many.

    Returns
    -------
    Evaluation

    Raises
    ------
    InputError
        The features are not those that the model was trained on, it takes its emotion from vectors,
        or its test clips cannot be told apart.
    ConfigError
        The vocoder is unknown.
    """
    from quantlab.models import StyleVCSettings, open_stylevc

    begin = time.monotonic()
    how = settings or EvaluationSettings()
    vocoder = get_vocoder(how.vocoder)
    opened = open_stylevc(model, device=device) if isinstance(model, str | Path) else model
    check_features(opened, features)
    judged = judged_clips(
        features, StyleVCSettings.parse(opened.card["settings"], where="settings of the model")
    )
    num_decoded = min(how.num_decoded, len(judged.rows))
    total = 2 * len(judged.rows) + len(judged.new_speakers) + num_decoded + len(SCHEMAS)
    advance = _counting(progress, total)
    known = embedded(opened, features, judged.rows, judged.sentences, advance=advance)
    new = None
    if len(judged.new_speakers):
        new = embedded(opened, features, judged.new_speakers, judged.sentences, advance=advance)
    untrained = embedded(
        _untrained(opened, how.seed, device),
        features,
        judged.rows,
        judged.sentences,
        advance=advance,
    )
    notes = list(judged.notes)
    tables = measured_tables(
        known, untrained, new, protocol=judged.protocol, settings=how, notes=notes, advance=advance
    )
    drawn = balanced_subset(known, num_decoded, rng=np.random.default_rng(how.seed))
    tables["clips"] = sound_errors(
        opened,
        features,
        judged.rows[drawn],
        vocoder=vocoder,
        num_vocoded=how.num_vocoded,
        seed=how.seed,
        advance=advance,
    )
    tables["sound"] = sound_means(tables["clips"])
    about = {
        **_about(opened, features, judged, known, new),
        "settings": how.model_dump(mode="json"),
        "key": evaluation_key(opened, features, how),
        "seconds": round(time.monotonic() - begin, 1),
        "provenance": provenance(),
    }
    called = name or str(opened.card.get("name") or "stylevc")
    return Evaluation(model=called, about=about, notes=tuple(notes), **tables)


def check_features(model: "Inference", features: "Features") -> None:
    """Refuse features that a model was not trained on, and models that embed no sound.

    Raises
    ------
    InputError
        Something does not fit.
    IntegrityError
        The model's card does not say what it was trained on.
    """
    if model.emotion_dims:
        raise InputError(
            f"{model.card.get('name') or 'the model'} takes its emotion from vectors of "
            f"{model.emotion_dims} dimensions of another embedder, so it has no emotion embedding "
            "of its own to evaluate; leave it out"
        )
    if missing := [key for key in ("settings", "features") if not model.card.get(key)]:
        raise IntegrityError(
            f"the model's card has no {' and no '.join(missing)}, so its test clips are not known; "
            "train the model again"
        )
    theirs, ours = str(model.card["features"]), features.fingerprint
    if theirs != ours:
        raise InputError(
            f"{model.card.get('name') or 'the model'} was trained on features {theirs[:12]}, given "
            f"are features {ours[:12]} of {_joined(features.items['corpus'])}; give the features "
            "that it was trained on"
        )


def evaluation_key(model: "Inference", features: "Features", settings: EvaluationSettings) -> str:
    """Return a hash of everything that decides the numbers: 64 hexadecimal characters."""
    return fingerprint(
        {
            "version": VERSION,
            "weights": model.card.get("tensors", {}),
            "features": features.fingerprint,
            "settings": settings,
        }
    )


def _counting(progress: Callable[[int, int], None] | None, total: int) -> Callable[[], None]:
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    return advance


def _untrained(model: "Inference", seed: int, device: str) -> "Inference":
    """Return the same networks before training, with the model's normalisation."""
    from quantlab.compat import choose_device
    from quantlab.models import Inference, Loaded, NetworkSettings, make_network

    settings = NetworkSettings.parse(model.card["network"], where="network of the model")
    network = make_network(settings, seed=seed).eval()
    return Inference(Loaded(model=network, card=model.card), device=choose_device(device))


def _about(
    model: "Inference",
    features: "Features",
    judged: JudgedClips,
    known: Utterances,
    new: Utterances | None,
) -> dict[str, Any]:
    return {
        "protocol": judged.protocol,
        "corpus": _joined(features.items["corpus"]),
        "licence": str(model.card.get("licence", "")),
        "features": features.fingerprint,
        "num_clips": known.num_items,
        "num_sentences": len(np.unique(known.named("text"))),
        "speakers": np.unique(known.named("speaker")).tolist(),
        "new_speakers": [] if new is None else np.unique(new.named("speaker")).tolist(),
        "num_new_clips": 0 if new is None else new.num_items,
        "seed": model.card.get("seed"),
        "step": model.card.get("step"),
    }


def _joined(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(map(str, names))))


def grid_of(
    evaluations: Iterable[Evaluation], *, probe: str = "", rule: VerdictRule | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Put evaluations side by side, and say what is good, medium or poor.

    Parameters
    ----------
    evaluations : iterable of Evaluation
        Each under a name of its own.
    probe : str
        Whose accuracies are taken; by default the first of the settings.
    rule : VerdictRule, optional
        Thresholds; its defaults when left out.

    Returns
    -------
    grid : pd.DataFrame
        From `grid_table`: one row per model and measure. Of speakers that training knows.
    verdicts : pd.DataFrame
        From `verdict_table`.

    Raises
    ------
    InputError
        There is no evaluation, a name occurs twice, or there are no accuracies of this probe.
    """
    given = list(evaluations)
    if not given:
        raise InputError("There is no evaluation; a grid needs one.")
    grid = grid_table([_measures(one) for one in given], probe=probe or main_probe(given[0]))
    return grid, verdict_table(grid, rule=rule)


def _measures(given: Evaluation) -> ModelMeasures:
    own = (given.probes["protocol"] == given.about["protocol"]) & (
        given.probes["encoder"] == TRAINED
    )
    scores = given.probes.loc[own].drop(columns=["protocol", "encoder"]).to_dict("records")
    distortion = main_distortion(given)
    return ModelMeasures(
        model=given.model,
        probes=[ProbeScore(**{str(key): value for key, value in row.items()}) for row in scores],
        dci=_dci_tables(given.dci),
        scatter=given.scatter if len(given.scatter) else None,
        mcd=None if distortion is None else distortion[0],
        mcd_tag="" if distortion is None else distortion[1],
    )


def _dci_tables(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the tables of both readings by the name of their factors."""
    found = {}
    for reading, factors in table[["reading", "factors"]].drop_duplicates().to_numpy(str).tolist():
        rows = table.loc[(table["reading"] == reading) & (table["factors"] == factors)]
        found[factors if reading == CLASSES else _BOTH] = rows
    return found


def main_probe(given: Evaluation) -> str:
    """Return the first probe of an evaluation's settings."""
    return str(given.about["settings"]["probes"][0])


def main_distortion(given: Evaluation, kind: str = DECODED) -> tuple[Interval, str] | None:
    """Return the mel-cepstral distortion of a kind of speech and its tag; None without one."""
    rows = given.sound.loc[(given.sound["kind"] == kind) & (given.sound["metric"] == "mcd_db")]
    for row in rows.to_dict("records"):
        ends = (float(row[key]) for key in ("value", "low", "high"))
        return Interval(*ends, num_clusters=int(row["num_clusters"])), str(row["tag"])
    return None
