"""Quantized references: the emotion vectors of clips as a synthesizer takes them, and how made.

A reference is ``<name>.npz``, which any program that has NumPy reads, and ``<name>.json`` beside
it. The arrays are ``ids`` (text ``[N]``) and either ``emb`` (float32 ``[N, D]``, one vector per
clip) or ``frames`` (float32 ``[ΣT, D]``) and ``lengths`` (int64 ``[N]``).
Letters: ``N`` clips, ``T`` frames, ``D`` dimensions.
"""

import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from quantlab.config import Settings
from quantlab.embedders import Level
from quantlab.errors import ConfigError, InputError, IntegrityError
from quantlab.store import (
    json_text,
    npz_bytes,
    provenance,
    read_json,
    read_npz,
    resolve_under,
    sha256_bytes,
    sha256_file,
    write_json,
    write_npy,
    write_npz,
)

Pooling = Literal["none", "embedder", "mean"]
"""How a clip came to its vectors: ``none``, all frames; ``embedder``, the one vector that the
embedder gives of a clip; ``mean``, the time mean of the quantized frames."""

FORMAT_VERSION = 1
_Fingerprint = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Cosine = Annotated[float, Field(ge=-1.000001, le=1.000001)]


class ReferenceClip(Settings):
    """What is known of one clip of a reference."""

    id: Annotated[str, Field(min_length=1)]
    """The clip's name, unique within the reference."""
    sha256: str = ""
    """SHA-256 of the audio file; empty where there was none."""
    num_frames: Annotated[int, Field(ge=1)]
    """Vectors that were coded."""
    rate_bits: Annotated[float, Field(ge=0)]
    """Code length of all of them, Σ −log2 p."""
    cos_raw: _Cosine
    """Cosine of the reference and the original, averaged over what is written: vectors or means."""
    cos_centred: _Cosine
    """The same with the codec's training mean removed; 0 where the reference is that mean."""
    posterior_before: dict[str, float] | None = None
    """Class probabilities of the original by the embedder's own head, where it has one."""
    posterior_after: dict[str, float] | None = None
    """Those of the reference."""


class CodecOrigin(Settings):
    """The codec that a reference was quantized with."""

    fingerprint: _Fingerprint
    """Hash of everything that decides how it codes."""
    recipe: str = ""
    """What it was trained on, ``biased:sad`` for instance."""
    licence: str = ""
    """Licence of its training corpus, which what is made with it carries."""
    corpora: tuple[str, ...] = ()
    """Its training corpora."""


class ReferenceCard(Settings):
    """What a reference is and how it was made; the JSON beside the arrays."""

    kind: Literal["reference"] = "reference"
    """Always ``reference``."""
    format: Literal[1] = FORMAT_VERSION
    """Version of this format."""
    embedder: dict[str, Any]
    """The embedder's own card: name, version, settings, weights."""
    level: Level
    """What was embedded: clips as a whole, or frames."""
    pooling: Pooling
    """How a clip came to its vectors."""
    codec: CodecOrigin
    """The codec."""
    lam: Annotated[float, Field(ge=0)]
    """Squared distance in z per bit."""
    lam_raw: float | None
    """λ in feature units squared per bit; nothing where dimensions have scales of their own."""
    bits_per_vector: Annotated[float, Field(ge=0)]
    """Mean code length over all coded vectors."""
    clips: Annotated[tuple[ReferenceClip, ...], Field(min_length=1)]
    """The clips, in the order of the arrays."""
    provenance: dict[str, Any] = Field(default_factory=dict)
    """Versions, platform and time."""
    npz_sha256: str = ""
    """SHA-256 of the arrays' file; filled in when it is written."""


@dataclass(frozen=True, eq=False)
class Reference:
    """Quantized emotion vectors of clips.

    Attributes
    ----------
    vectors : np.ndarray [shape=(ΣT, D), dtype=float32]
        The vectors of all clips, one clip after another, in the embedder's own units.
    lengths : np.ndarray [shape=(N,), dtype=int64]
        Vectors of each clip; all 1 unless pooling is ``none``.
    card : ReferenceCard
        What it is and how it was made.

    Raises
    ------
    InputError
        Shapes, dtypes, numbers or names do not fit each other.
    """

    vectors: np.ndarray
    lengths: np.ndarray
    card: ReferenceCard

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or self.vectors.dtype != np.float32 or 0 in self.vectors.shape:
            raise InputError(
                f"the vectors of a reference are float32 [ΣT, D], given {self.vectors.dtype} of "
                f"shape {self.vectors.shape}"
            )
        if not np.isfinite(self.vectors).all():
            raise InputError("the vectors of a reference hold NaN or infinite values")
        if self.lengths.dtype != np.int64 or self.lengths.shape != (len(self.card.clips),):
            raise InputError(
                f"{len(self.card.clips)} clips need as many int64 lengths, given "
                f"{self.lengths.dtype} of shape {self.lengths.shape}"
            )
        if (self.lengths < 1).any() or self.lengths.sum() != len(self.vectors):
            raise InputError(
                f"the lengths must be at least 1 and add up to the {len(self.vectors)} vectors, "
                f"given {self.lengths.tolist()[:8]}"
            )
        if self.pooled and (self.lengths != 1).any():
            raise InputError("a pooled reference has one vector per clip")
        if len(set(self.ids)) != len(self.ids):
            raise InputError(f"the clips of a reference need distinct names, given {self.ids[:8]}")

    @property
    def pooled(self) -> bool:
        """Whether there is one vector per clip."""
        return self.card.pooling != "none"

    @property
    def ids(self) -> tuple[str, ...]:
        """The clips' names, in the order of the arrays."""
        return tuple(clip.id for clip in self.card.clips)

    @property
    def num_dims(self) -> int:
        """Dimensions D."""
        return self.vectors.shape[1]

    def of(self, clip: str) -> np.ndarray:
        """Return the vectors of one clip ``[T, D]``; InputError naming the clips there are."""
        if clip not in self.ids:
            raise InputError(f"no clip {clip!r}; the reference holds {', '.join(self.ids[:8])}")
        return np.split(self.vectors, np.cumsum(self.lengths)[:-1])[self.ids.index(clip)]

    def means(self) -> np.ndarray:
        """Return the time mean of each clip, float32 ``[N, D]``."""
        starts = np.cumsum(self.lengths) - self.lengths
        sums = np.add.reduceat(self.vectors.astype(np.float64), starts, axis=0)
        return (sums / self.lengths[:, None]).astype(np.float32)


def write_reference(path: str | Path, reference: Reference) -> None:
    """Write ``<name>.npz`` and, last, ``<name>.json`` beside it.

    Raises
    ------
    InputError
        The path does not end in ``.npz``.
    QuantlabError
        The file system refused.
    """
    place = _checked(path)
    write_npz(place, _arrays(reference))
    _write_card(place.with_suffix(".json"), reference.card, npz_sha256=sha256_file(place))


def reference_archive(reference: Reference, *, name: str) -> bytes:
    """Return a ZIP file of ``<name>.npz`` and ``<name>.json``, made in memory.

    Parameters
    ----------
    reference : Reference
        What to write.
    name : str
        Of the files; other characters than letters, digits, ``.``, ``-`` and ``_`` become ``_``.
    """
    stem = re.sub(r"[^\w.-]", "_", name).strip(".") or "reference"
    arrays = npz_bytes(_arrays(reference))
    card = _complete_card(reference.card, npz_sha256=sha256_bytes(arrays))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for ending, content in (("npz", arrays), ("json", json_text(card).encode())):
            archive.writestr(zipfile.ZipInfo(f"{stem}.{ending}"), content)
    return buffer.getvalue()


def _arrays(reference: Reference) -> dict[str, np.ndarray]:
    ids = np.array(reference.ids, dtype=np.str_)
    if reference.pooled:
        return {"emb": reference.vectors, "ids": ids}
    return {"frames": reference.vectors, "lengths": reference.lengths, "ids": ids}


def _checked(path: str | Path) -> Path:
    place = Path(path)
    if place.suffix != ".npz" or place.is_dir():
        raise InputError(f"{place} is not the name of an .npz file; choose another one")
    return place


def _write_card(path: Path, card: ReferenceCard, **changes: Any) -> None:
    write_json(path, _complete_card(card, **changes))


def _complete_card(card: ReferenceCard, **changes: Any) -> dict[str, Any]:
    values = {"provenance": provenance(), **changes}
    return card.model_copy(update=values).model_dump(mode="json")


def read_reference(path: str | Path) -> Reference:
    """Read a reference that `write_reference` wrote, and check it against its card.

    Parameters
    ----------
    path : str or Path
        The ``.npz`` file; its card lies beside it.

    Returns
    -------
    Reference
        Vectors and card.

    Raises
    ------
    InputError
        The file or its card is missing.
    IntegrityError
        A file is damaged, or the arrays are not what the card says.
    """
    place = _checked(path)
    side = place.with_suffix(".json")
    if place.is_file() and not side.is_file():
        raise InputError(
            f"{place} has no card beside it ({side.name}), so how it was made is not known; make "
            "it with: quantlab reference CLIP --codec FOLDER --lam X -o REFERENCE.npz"
        )
    arrays = read_npz(place)
    values = read_json(side)
    if not isinstance(values, dict) or values.get("kind") != "reference":
        raise IntegrityError(f"{side} is no card of a reference")
    try:
        card = ReferenceCard.parse(values, where=str(side))
        if card.npz_sha256 != sha256_file(place):
            raise IntegrityError(
                f"{place} is not the file that {side.name} was written for; make the reference anew"
            )
        return _from_arrays(arrays, card)
    except (ConfigError, InputError) as error:
        raise IntegrityError(f"{place} is no whole reference: {error}") from None


def _from_arrays(arrays: dict[str, np.ndarray], card: ReferenceCard) -> Reference:
    names = {"frames", "lengths", "ids"} if card.pooling == "none" else {"emb", "ids"}
    if set(arrays) != names:
        raise InputError(f"its arrays are {sorted(arrays)}, with this pooling {sorted(names)}")
    ids = tuple(clip.id for clip in card.clips)
    if arrays["ids"].dtype.kind != "U" or tuple(arrays["ids"].ravel().tolist()) != ids:
        raise InputError("its ids are not the clips of the card")
    if card.pooling == "none":
        return Reference(arrays["frames"], arrays["lengths"], card)
    return Reference(arrays["emb"], np.ones(len(arrays["emb"]), np.int64), card)


def write_reference_arrays(folder: str | Path, reference: Reference) -> list[Path]:
    """Write one ``<id>.npy`` per clip, ``[D]`` or ``[T, D]``, and last ``reference.json``.

    Many programs read embeddings in this form. A name with slashes makes folders.

    Returns
    -------
    list[Path]
        The arrays' files, in the order of the clips.

    Raises
    ------
    InputError
        A clip's name leads out of the folder.
    QuantlabError
        The file system refused.
    """
    places = [resolve_under(folder, f"{clip}.npy") for clip in reference.ids]
    for clip, place in zip(reference.ids, places, strict=True):
        vectors = reference.of(clip)
        write_npy(place, vectors[0] if reference.pooled else vectors)
    _write_card(Path(folder) / "reference.json", reference.card)
    return places
