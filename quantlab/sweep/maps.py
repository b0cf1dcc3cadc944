"""Maps of a run: clean items, and where codecs and references take them at each λ.

Maps are fitted to clean items; each item is quantized by codecs that were trained without its
speaker (or, where a study has no new speakers, without its sentence). They are pictures: every
claim is computed from the full vectors. Letters: ``N`` items of the map, ``L`` values of λ, ``C``
axes, ``D`` dimensions.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from quantlab.analysis import (
    LINEAR_KINDS,
    FittedMap,
    distortion,
    fit_map,
    place_in_maps,
    time_means,
)
from quantlab.codebooks import Codec, Scaling
from quantlab.config import fingerprint
from quantlab.embedders import ITEM_SCHEMA, Frames
from quantlab.engine import Ticker
from quantlab.errors import InputError, IntegrityError
from quantlab.store import read_json, save_tensors, write_json, write_table
from quantlab.sweep.codecs import CodecTask, codec_task
from quantlab.sweep.compared import References
from quantlab.sweep.map_settings import MapSettings
from quantlab.sweep.workspace import ALL_ITEMS, Workspace, fit_scaling

_FORMAT = 1  # raise when the same settings and data give other maps
_COLUMNS = ("item", "corpus", "speaker", "emotion", "text_id", "duration_s", "sha256")


def write_maps(
    work: Workspace, settings: MapSettings, ladder: Sequence[float], *, progress: bool = True
) -> bool:
    """Write ``maps/`` of a run, unless the same maps are there.

    Parameters
    ----------
    work : Workspace
        The run, its codecs trained.
    settings : MapSettings
        Which maps.
    ladder : Sequence[float]
        The λ of the study.
    progress : bool
        Whether to show progress.

    Returns
    -------
    bool
        Whether maps were made.
    """
    card = work.folder.maps / "card.json"
    tasks = _whole_recipes(work, tuple(ladder)) if settings.kinds and settings.max_items else []
    if not tasks:
        card.unlink(missing_ok=True)  # maps of earlier codecs are none of this study
        return False
    identity = fingerprint(
        {
            "format": _FORMAT,
            "settings": settings,
            "codecs": [task.identity for task in tasks],
            "references": work.study.references,
            "mode": work.study.mode,
        }
    )
    if _identity_of(card) == identity:
        return False
    card.unlink(missing_ok=True)  # what follows is whole only when it is there again
    described = _Maps(work, settings, tasks).write(progress=progress)
    write_json(card, {"format": _FORMAT, "identity": identity, "lams": list(ladder), **described})
    return True


def _whole_recipes(work: Workspace, ladder: tuple[float, ...]) -> list[CodecTask]:
    """Return the first seed's codecs of every recipe that has one for each fold.

    A recipe that lacks a fold would leave that fold's items without a place.
    """
    seed, found = work.study.seeds[0], []
    for recipe in work.recipes:
        tasks = [codec_task(work, recipe, fold, seed, ladder) for fold in _folds(work)]
        found += tasks if all(task.finished for task in tasks) else []
    return found


def _identity_of(card: Any) -> str:
    try:
        return str(read_json(card).get("identity", ""))
    except (InputError, IntegrityError, AttributeError):
        return ""


def _folds(work: Workspace) -> list[str]:
    """Return the folds whose codecs quantize the map's items: new speakers where there are any."""
    first = next(iter(work.folds)).split("/")[0]
    protocol = "speaker" if any(fold.startswith("speaker/") for fold in work.folds) else first
    return [fold for fold in work.folds if fold.startswith(f"{protocol}/")]


class _Maps:
    """The maps in the making."""

    def __init__(self, work: Workspace, settings: MapSettings, tasks: list[CodecTask]) -> None:
        self.work, self.settings, self.tasks = work, settings, tasks
        self.chosen = chosen_items(work, settings.max_items)
        self.scaling: Scaling = fit_scaling(work, ALL_ITEMS)
        self.clean = self.scaling.forward(work.embeddings.time_means(work.rows[self.chosen]))
        labels = work.items["emotion"].astype(str).to_numpy()[self.chosen]
        # The first two of three linear axes are the plane; the others lay out each anew.
        self.maps: dict[tuple[str, int], FittedMap] = {
            (kind, axes): fit_map(self.clean, labels, kind=kind, num_axes=axes)
            for kind in settings.kinds
            for axes in ((3,) if kind in LINEAR_KINDS else (2, 3))
        }
        self.places: dict[tuple[str, int], dict[str, np.ndarray]] = {key: {} for key in self.maps}

    def write(self, *, progress: bool) -> dict[str, Any]:
        """Place everything and write it; return what the card says."""
        work, folder = self.work, self.work.folder.maps
        with Ticker("maps", len(self.tasks), shown=progress) as ticker:
            for task in self.tasks:
                self._place_task(task)
                ticker.advance(1)
        items = work.items.iloc[self.chosen]
        schema = {name: ITEM_SCHEMA[name] for name in _COLUMNS}
        write_table(folder / "items.parquet", items[list(_COLUMNS)], schema=schema)
        save_tensors(folder / "clean.safetensors", {"z": self.clean.astype(np.float16)})
        origin = np.zeros((1, self.clean.shape[1]), np.float32)
        means = place_in_maps(list(self.maps.values()), self.clean, origin)
        for (key, found), mean in zip(self.maps.items(), means, strict=True):
            fixed = {"clean": found.places, "basis": found.basis, "origin": found.origin}
            tensors = {**fixed, "mean": mean, **self.places[key]}
            save_tensors(folder / f"{key[0]}-{key[1]}.safetensors", tensors)
        return {
            "protocol": self.tasks[0].fold.split("/")[0],
            "num_items": len(self.chosen),
            "num_items_of_run": len(work.items),
            "maps": {f"{kind}-{axes}": _about(found) for (kind, axes), found in self.maps.items()},
            "shown": sorted(next(iter(self.places.values()))),
        }

    def _place_task(self, task: CodecTask) -> None:
        """Place what one codec and its references make of its fold's test items."""
        work = self.work
        test = work.folds[task.fold].test
        places = np.flatnonzero(np.isin(self.chosen, test))
        if not len(places):
            return
        frames = work.embeddings.frames(work.rows[self.chosen[places]])
        codec = Codec.load(task.folder)
        for step, method, values in self._made(task, codec, frames):
            means = self.scaling.forward(time_means(values, frames.offsets))
            placed = place_in_maps(list(self.maps.values()), self.clean, means)
            for (key, found), where in zip(self.maps.items(), placed, strict=True):
                name = f"{task.recipe}/{method}"
                shape = (len(codec.ladder_), *found.places.shape)
                into = self.places[key].setdefault(name, np.zeros(shape, np.float32))
                into[step, places] = where

    def _made(
        self, task: CodecTask, codec: Codec, frames: Frames
    ) -> Iterator[tuple[int, str, np.ndarray]]:
        """Yield place of λ, method and vectors in the embedder's units."""
        work, scaling = self.work, codec.scaling_
        z = Frames(scaling.forward(frames.values), frames.offsets)
        rng = np.random.default_rng(int(task.identity[:15], 16))
        references = References.of(work, task, rng)
        ladder = codec.encode_ladder(frames.values, codec.ladder_, mode=work.study.mode)
        for step, encoded in enumerate(ladder):
            decoded = codec.decode(encoded.symbols)
            yield step, "codec", decoded
            lost = distortion(z.values, scaling.forward(decoded), frames.offsets)
            for name, blurred in references.matched(z, lost):
                yield step, name, scaling.inverse(blurred)


def chosen_items(work: Workspace, most: int) -> np.ndarray:
    """Return positions of at most `most` items, ascending, evenly over emotions and speakers.

    The draw depends on the items only, not on any seed of a study.
    """
    if len(work.items) <= most:
        return np.arange(len(work.items))
    rng = np.random.default_rng(0)
    order = rng.permutation(len(work.items))
    # Every group gives its first item before any gives its second.
    groups = work.items.iloc[order].groupby(["emotion", "speaker"], sort=True).cumcount()
    ranked = order[np.argsort(groups.to_numpy(), kind="stable")]
    return np.sort(ranked[:most])


def _about(found: FittedMap) -> Mapping[str, Any]:
    return {"explained": list(found.explained), "num_discriminants": found.num_discriminants}
