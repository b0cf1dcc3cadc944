"""Finding the clips of embeddings on this machine, by the hash of their bytes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from quantlab.audio import Clip
from quantlab.corpora.manifest import Manifest
from quantlab.errors import InputError, QuantlabError


@dataclass(frozen=True, eq=False)
class ClipShelf:
    """The clips of some manifests.

    Attributes
    ----------
    manifests : Mapping[str, Manifest]
        By the names of their files, without ending.
    places : Mapping[str, tuple[str, int]]
        SHA-256 of a clip's bytes to manifest and row.
    """

    manifests: Mapping[str, Manifest]
    places: Mapping[str, tuple[str, int]]

    @classmethod
    def of(cls, files: Iterable[str | Path]) -> "ClipShelf":
        """Read manifests; files that are none, or are damaged, are left out.

        Where two hold one clip, the later stands.
        """
        manifests: dict[str, Manifest] = {}
        places: dict[str, tuple[str, int]] = {}
        for file in files:
            path = Path(file)
            name = path.parent.name if path.stem == "manifest" else path.stem
            try:
                manifests[name] = Manifest.load(path)
            except QuantlabError:
                continue
            hashes = manifests[name].items["sha256"].astype(str)
            places |= {text: (name, row) for row, text in enumerate(hashes) if text}
        return cls(manifests, places)

    def read(self, sha256: str) -> Clip:
        """Read a clip by the hash of its bytes.

        Raises
        ------
        InputError
            No manifest holds it, or its file is gone or cannot be used.
        IntegrityError
            Its file is no longer the one that was indexed.
        """
        if sha256 not in self.places:
            raise InputError(
                "the audio of this clip is not on this machine; type `quantlab index FOLDER -o "
                "runs/NAME.parquet` with the folder of its corpus"
            )
        name, row = self.places[sha256]
        return self.manifests[name].read_clip(row)


def manifest_files(folder: str | Path) -> list[Path]:
    """Return what may be manifests: Parquet files of a folder, and those of the runs in it."""
    root = Path(folder)
    return sorted([*root.glob("*.parquet"), *root.glob("*/manifest.parquet")])
