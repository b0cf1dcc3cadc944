"""The maps of a run, read from ``maps/`` only as far as they are shown.

Letters: ``N`` items of the map, ``L`` values of λ, ``C`` axes, ``D`` dimensions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quantlab import store
from quantlab.analysis import LINEAR_KINDS, MAP_KINDS, FittedMap, MapKind, place_in_maps
from quantlab.errors import InputError, IntegrityError

_FORMAT = 1
_FIXED = ("clean", "basis", "origin", "mean")
_COLUMNS = ("item", "corpus", "speaker", "emotion", "text_id", "duration_s", "sha256")


@dataclass(frozen=True, eq=False)
class RunMap:
    """The maps of one run.

    Attributes
    ----------
    path : Path
        The folder ``maps`` of the run.
    card : Mapping
        What was mapped: λ, kinds, protocol, numbers of items.
    items : pd.DataFrame
        N rows: item, corpus, speaker, emotion, text_id, duration_s, sha256.
    """

    path: Path
    card: Mapping[str, Any]
    items: pd.DataFrame

    @classmethod
    def open(cls, run_dir: str | Path) -> "RunMap":
        """Open the maps of a run folder.

        Raises
        ------
        InputError
            The run has no maps; the message says what to type.
        IntegrityError
            They are damaged or of another version.
        """
        place = Path(run_dir) / "maps"
        if not (place / "card.json").is_file():
            raise InputError(
                f"{run_dir} has no maps of its embeddings yet; type `quantlab sweep {run_dir}`: "
                "finished trials are kept"
            )
        again = f"delete {place} and type `quantlab sweep {run_dir}`"
        try:
            card = store.read_json(place / "card.json")
            items = store.read_table(place / "items.parquet")
        except (InputError, IntegrityError) as error:
            raise IntegrityError(f"{place} is damaged; {again}") from error
        if not isinstance(card, dict) or card.get("format") != _FORMAT:
            raise IntegrityError(f"{place} is of another version of quantlab; {again}")
        if not _whole(card) or any(name not in items.columns for name in _COLUMNS):
            raise IntegrityError(f"{place} is damaged; {again}")
        return cls(place, card, items)

    @property
    def kinds(self) -> list[MapKind]:
        """The kinds of map there are, in a fixed order."""
        found = {str(name).partition("-")[0] for name in self.card["maps"]}
        return [kind for kind in MAP_KINDS if kind in found]

    @property
    def lams(self) -> np.ndarray:
        """The λ of the run, ascending, float64 ``[L]``."""
        return np.asarray(self.card["lams"], np.float64)

    @property
    def recipes(self) -> list[str]:
        """Codebooks that were mapped, the balanced one first."""
        names = {str(name).partition("/")[0] for name in self.card["shown"]}
        return sorted(names, key=lambda name: (name != "balanced", name))

    def methods(self, recipe: str) -> list[str]:
        """Return what was mapped of a codebook, ``codec`` first, then its references."""
        pairs = [str(name).partition("/") for name in self.card["shown"]]
        found = [method for name, _, method in pairs if name == recipe]
        return sorted(found, key=lambda name: (name != "codec", name))

    def read(self, kind: str, num_axes: int) -> "MapPlaces":
        """Open one map.

        Raises
        ------
        InputError
            The run has no such map.
        IntegrityError
            Its file is damaged.
        """
        stored = 3 if kind in LINEAR_KINDS else num_axes
        about = self.card["maps"].get(f"{kind}-{stored}")
        if about is None:
            raise InputError(
                f"there is no map {kind!r} in {self.path.parent}; there are {', '.join(self.kinds)}"
            )
        file = self.path / f"{kind}-{stored}.safetensors"
        try:
            tensors = store.map_tensors(file)
            fixed = {name: tensors[name] for name in _FIXED}
        except (InputError, IntegrityError, KeyError) as error:
            raise IntegrityError(
                f"{file} is damaged; delete {self.path} and type "
                f"`quantlab sweep {self.path.parent}`"
            ) from error
        found = FittedMap(
            next(name for name in MAP_KINDS if name == kind),
            fixed["clean"],
            fixed["basis"],
            fixed["origin"],
            tuple(about["explained"]),
            int(about["num_discriminants"]),
        )
        return MapPlaces(found, num_axes, fixed["mean"], tensors)

    def place(self, places: "MapPlaces", z: np.ndarray) -> np.ndarray:
        """Place vectors of the run's scaling, float32 ``[M, D]``, in a map of the run.

        Returns
        -------
        np.ndarray, float32, shape [M, C]
        """
        clean = store.map_tensors(self.path / "clean.safetensors")["z"]
        (found,) = place_in_maps([places.fitted], clean, z)
        return found[:, : places.num_axes]


def _whole(card: Mapping[str, Any]) -> bool:
    """Say whether a card holds what every map needs, of the right kinds."""
    lams, maps, shown = (card.get(name) for name in ("lams", "maps", "shown"))
    return (
        isinstance(lams, list)
        and all(isinstance(lam, int | float) for lam in lams)
        and isinstance(maps, dict)
        and len(maps) > 0
        and all(map(_described, maps.values()))
        and isinstance(shown, list)
        and len(shown) > 0
        and all(isinstance(name, str) for name in shown)
    )


def _described(about: Any) -> bool:
    return (
        isinstance(about, dict)
        and isinstance(about.get("explained"), list)
        and isinstance(about.get("num_discriminants"), int)
    )


@dataclass(frozen=True, eq=False)
class MapPlaces:
    """One map: where everything lies.

    Attributes
    ----------
    fitted : FittedMap
        The map itself.
    num_axes : int
        Axes that are shown, C.
    middle : np.ndarray, float32, shape [1, …]
        Where the mean lies.
    tensors : Mapping of str to np.ndarray
        Places on disk by ``<recipe>/<method>``.
    """

    fitted: FittedMap
    num_axes: int
    middle: np.ndarray
    tensors: Mapping[str, np.ndarray]

    @property
    def clean(self) -> np.ndarray:
        """Of the clean items, float32 ``[N, C]``."""
        return np.asarray(self.fitted.places[:, : self.num_axes])

    @property
    def mean(self) -> np.ndarray:
        """Of the mean, float32 ``[C]``."""
        return np.asarray(self.middle[0, : self.num_axes])

    def of(self, recipe: str, method: str) -> np.ndarray:
        """Of every item at every λ, float32 ``[L, N, C]``; InputError where it was not mapped."""
        name = f"{recipe}/{method}"
        if name not in self.tensors:
            raise InputError(f"{name} is not on the map")
        return np.asarray(self.tensors[name][..., : self.num_axes])
