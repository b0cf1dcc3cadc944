"""What a run was made of and with, in plain words."""

from collections.abc import Mapping
from typing import Any

from quantlab.figures.runs import RunTables, mapping
from quantlab.figures.words import joined, number, probe_words, protocol_words, recipe_words

_PER = {"utterance": "clip", "": "clip"}


def run_settings(run: RunTables) -> dict[str, str]:
    """Return what a run was made of and with, by plain words; "" where the run does not tell."""
    told = run.summary
    made = mapping(told, "provenance")
    versions = mapping(made, "versions")
    return {
        "corpus": str(told.get("corpus") or ""),
        "licence of the data": str(told.get("licence") or ""),
        "language": str(told.get("language") or ""),
        "speakers": size_words(run.num_speakers),
        "clips": size_words(told.get("num_items")),
        "emotions": joined(run.emotions),
        "labels": "permuted (negative control)" if run.is_control else "as in the corpus",
        "embedder": _embedder(run),
        "clips that the embedder knew": size_words(told.get("num_seen")),
        "vectors": _vectors(told),
        "scaling": str(told.get("scaling") or ""),
        "groups × stages × codes": _shape(told),
        "trainer": str(told.get("trainer") or ""),
        "prior": str(told.get("prior") or ""),
        "mode": str(told.get("mode") or ""),
        "training vectors of a codebook": size_words(told.get("num_training_vectors")),
        "λ": _ladder(told.get("ladder")),
        "codebooks": joined([recipe_words(name) for name in _names(told, "recipes")]),
        "probes": joined([probe_words(name) for name in _names(told, "probes")]),
        "seeds": joined(_names(told, "seeds")),
        "tested on": joined([protocol_words(name) for name in run.protocols]),
        "missing": joined(run.notes),
        "quantlab": str(versions.get("quantlab") or ""),
        "other code": ", ".join(
            f"{name} {version}" for name, version in versions.items() if name != "quantlab"
        ),
        "platform": str(made.get("platform") or ""),
        "device": str(made.get("device") or ""),
        "made": str(made.get("when") or "")[:16].replace("T", " "),
        "study and data": str(told.get("fingerprint") or "")[:12],
    }


def _names(told: Mapping[str, Any], key: str) -> list[str]:
    found = told.get(key)
    return [str(name) for name in found] if isinstance(found, list) else []


def size_words(value: object) -> str:
    """Write a count; "" for what is none."""
    return f"{value:,}" if isinstance(value, int) else ""


def _embedder(run: RunTables) -> str:
    card = mapping(run.summary, "embedder")
    settings = [f"{key} {value}" for key, value in mapping(card, "settings").items()]
    model = [f"model {card['model']}"] if card.get("model") else []
    version = [f"version {card['version']}"] if card.get("version") else []
    return ", ".join(part for part in (run.embedder, *model, *version, *settings) if part)


def _vectors(told: Mapping[str, Any]) -> str:
    dims = told.get("num_dims")
    size = f"{dims} dimensions" if dims else ""
    return ", ".join(part for part in (size, f"one per {vector_words(told)}") if part)


def vector_words(told: Mapping[str, Any]) -> str:
    """Say what a summary has one vector per: "clip" or "frame"."""
    level = str(told.get("level") or "")
    return _PER.get(level, level)


def _shape(told: Mapping[str, Any]) -> str:
    sizes = [told.get(key) for key in ("groups", "stages", "codes")]
    return " × ".join(map(str, sizes)) if all(isinstance(size, int) for size in sizes) else ""


def _ladder(ladder: object) -> str:
    lams = (
        [lam for lam in ladder if isinstance(lam, int | float)] if isinstance(ladder, list) else []
    )
    return f"{len(lams)} from {number(min(lams))} to {number(max(lams))}" if lams else ""
