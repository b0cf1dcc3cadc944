"""The sounds that a listening loop kept, found again for a page that plays them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from quantlab.audio import read_clip
from quantlab.errors import InputError, IntegrityError, QuantlabError
from quantlab.store import read_json, resolve_under
from quantlab.synthesis.listening_source import (
    CONVERSION,
    COPY,
    QUANTIZED,
    RECONSTRUCTION,
    REFERENCE,
    SOUNDS_FILE,
    SOURCE,
)
from quantlab.synthesis.player_sounds import player_sound

if TYPE_CHECKING:
    from quantlab.figures import PlayerSound

_TEXTS, _NUMBERS = ("file", "method", "target", "codec"), ("lam", "rate_bits")
_WORDS = {
    SOURCE: "original",
    COPY: "copy synthesis",
    RECONSTRUCTION: "reconstruction",
    REFERENCE: "natural reference",
    CONVERSION: "conversion",
}


@dataclass(frozen=True, eq=False)
class ListeningSounds:
    """The sounds of a folder that `listening_loop` wrote.

    Attributes
    ----------
    folder : Path
        The folder.
    places : Mapping[str, Path]
        Clip that was converted to the folder of its sounds.
    licence : str
        Of the decoder, which what it made carries.
    """

    folder: Path
    places: Mapping[str, Path]
    licence: str

    @classmethod
    def open(cls, folder: str | Path) -> "ListeningSounds":
        """Find the sounds of a folder.

        Raises
        ------
        InputError
            It holds no finished listening loop, or no sounds.
        IntegrityError
            A card is damaged.
        """
        root = Path(folder)
        card = read_json(root / "listening.json")
        places = {}
        for side in sorted((root / "audio").glob(f"*/{SOUNDS_FILE}")):
            found = read_json(side)
            if not isinstance(found, dict) or not isinstance(found.get("sounds"), list):
                raise IntegrityError(f"{side} is damaged; run quantlab listen again")
            places[str(found.get("source", side.parent.name))] = side.parent
        if not places:
            raise InputError(f"{root} keeps no sounds; run quantlab listen again")
        decoder = card.get("decoder") if isinstance(card, dict) else None
        licence = decoder.get("licence", "") if isinstance(decoder, dict) else ""
        return cls(root, places, str(licence))

    @property
    def sources(self) -> list[str]:
        """The clips that were converted."""
        return list(self.places)

    def table(self, source: str) -> pd.DataFrame:
        """Return the sounds of a clip.

        Returns
        -------
        pd.DataFrame
            Columns file, method, target, codec, and, NaN without a codec, lam and rate_bits.
        """
        columns = [*_TEXTS, *_NUMBERS]
        sounds = read_json(self.places[source] / SOUNDS_FILE)["sounds"]
        rows = [[one.get(name) for name in columns] for one in sounds if isinstance(one, dict)]
        table = pd.DataFrame(rows, columns=columns)
        texts = {name: table[name].fillna("").astype(str) for name in _TEXTS}
        return table.assign(
            **texts, **{name: pd.to_numeric(table[name], errors="coerce") for name in _NUMBERS}
        )

    def beside(self, source: str, *, target: str, codec: str, lam: float) -> list[dict[str, Any]]:
        """Return what is heard side by side: original, reconstruction, reference, conversions."""
        rows = self.table(source).to_dict("records")
        chosen = []
        for method in (SOURCE, RECONSTRUCTION, REFERENCE, CONVERSION, QUANTIZED):
            for row in rows:
                toward = row["target"] in ("", target)
                coded = method != QUANTIZED or (
                    row["codec"] == codec and np.isclose(row["lam"], lam)
                )
                if row["method"] == method and toward and coded:
                    chosen.append({str(key): value for key, value in row.items()})
        return chosen

    def sound(self, source: str, row: Mapping[str, Any]) -> "PlayerSound":
        """Read one sound.

        Raises
        ------
        InputError
            Its file is missing or leads out of the folder.
        """
        path = self.file(source, row)
        bits = float(row.get("rate_bits", np.nan))
        detail = f"{bits:.1f} bits" if np.isfinite(bits) else ""
        return player_sound(read_clip(path).samples, name=sound_words(row), detail=detail)

    def file(self, source: str, row: Mapping[str, Any]) -> Path:
        """Return the file of a sound; InputError where its name leads out of the folder."""
        return resolve_under(self.places[source], str(row["file"]))


def sound_words(row: Mapping[str, Any]) -> str:
    """Say what a sound is, e.g. "conversion to sad, balanced codebook at λ = 2"."""
    from quantlab.figures import number

    toward = f" to {row['target']}" if row["target"] else ""
    if row["method"] == QUANTIZED:
        return f"conversion{toward}, {row['codec']} codebook at λ = {number(float(row['lam']))}"
    word = _WORDS.get(str(row["method"]), str(row["method"]))
    if row["method"] == REFERENCE:
        return f"{word}, {row['target']}"
    return word + toward


def listening_runs(folder: str | Path) -> dict[str, ListeningSounds]:
    """Return the finished listening loops of a folder of runs, by name; damaged ones are left out.

    Parameters
    ----------
    folder : str or Path
        For example ``runs``.
    """
    found = {}
    for card in sorted(Path(folder).glob("*/listening.json")):
        try:
            found[card.parent.name] = ListeningSounds.open(card.parent)
        except (QuantlabError, AttributeError):
            continue
    return found
