"""Codebooks that others trained with vector-quantize-pytorch, as codecs.

Two layouts are read, those of two public studies on emotion2vec frames: groups of residual
quantizers (``fine_vqs.<group>.<stage>``) and one residual quantizer (``rvq.layers.<stage>``). Both
hold codebooks only, on features as they are, so the codec has no scaling, and its prior is fitted
to the user's own vectors or says that all symbols cost the same.

References
----------
github.com/1355-XCZ/emotion2vec-compression (grouped, 12 × 3 × 128) and github.com/1355-XCZ/OOOO
(plain, 2 × 32 to 512 × 16): the layouts, read as facts.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from quantlab.codebooks.codec import Codec
from quantlab.codebooks.quantizer import Quantizer
from quantlab.codebooks.settings import CodecSettings
from quantlab.errors import InputError, IntegrityError
from quantlab.store import load_torch_weights, sha256_file

_GROUPED = re.compile(r"fine_vqs\.(\d+)\.(\d+)\._codebook\.(\w+)")
_PLAIN = re.compile(r"(?:rvq\.)?layers\.(\d+)\._codebook\.(\w+)")
_PARTS = {"embed", "embed_avg", "cluster_size", "initted"}
# What their configurations call G, Q, K and D.
_NAMES = {
    "num_groups": 0,
    "num_fine_layers": 1,
    "num_layers": 1,
    "fine_codebook_size": 2,
    "codebook_size": 2,
    "feature_dim": 3,
}


def import_checkpoint(
    path: str | Path,
    *,
    settings: CodecSettings | None = None,
    vectors: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    rng: np.random.Generator | None = None,
    about: Mapping[str, Any] | None = None,
) -> Codec:
    """Make a codec of a PyTorch checkpoint of grouped or plain residual codebooks.

    Parameters
    ----------
    path : str or Path
        The ``.pt`` file; read without running any code of it.
    settings : CodecSettings, optional
        Prior, ladder and beam; quantizer and scaling are those of the file (``scaling: none``).
        By default the λ of the earlier published curves, which are in raw units as these codebooks.
    vectors : np.ndarray [shape=(N, D)], optional
        What the prior is fitted on, in the units of the codebooks. Without them every symbol costs
        log2(K + 1) bits.
    groups : np.ndarray [shape=(N,)], optional
        Speakers of `vectors`, as in `Codec.fit`.
    rng : np.random.Generator, optional
        Needed with `vectors`.
    about : Mapping[str, Any], optional
        Kept in the card: licence, what the codebooks were trained on.

    Returns
    -------
    Codec
        With SKIP at every stage, whether its trainer had one or not.

    Raises
    ------
    InputError
        The file is missing, the codebooks compare directions instead of distances, or `vectors`
        came without `rng` or with another width.
    IntegrityError
        The file is damaged, incomplete, or of another layout.
    """
    content = load_torch_weights(path)
    quantizer = Quantizer(_codebooks(path, content))
    chosen = settings or CodecSettings.parse({"ladder": {"preset": "predecessor"}})
    shape = {
        "groups": quantizer.num_groups,
        "stages": quantizer.num_stages,
        "codes": quantizer.num_codes,
    }
    values = chosen.model_dump(mode="json")
    values |= {"scaling": "none", "quantizer": {**values["quantizer"], **shape}}
    codec = Codec(CodecSettings.parse(values, where=str(path)))
    known = {"imported_from": Path(path).name, "imported_sha256": sha256_file(path)}
    return codec.adopt(
        quantizer, vectors=vectors, groups=groups, rng=rng, about={**(about or {}), **known}
    )


def _codebooks(path: str | Path, content: Any) -> np.ndarray:
    """Return the codebooks [G, Q, K, D/G] of a checkpoint, checked against what it says of them."""
    if not isinstance(content, Mapping):
        raise IntegrityError(f"{path} holds no named weights, but a {type(content).__name__}")
    weights = content.get("model_state_dict", content)
    books: dict[tuple[int, int], np.ndarray] = {}
    for name, value in weights.items():
        place, part = _place(str(name))
        if part not in _PARTS:
            raise IntegrityError(
                f"{path} holds {name!r}, which is no part of plain or grouped residual codebooks "
                "learned by moving averages; only those can be read"
            )
        if part == "initted" and not bool(np.asarray(value).all()):
            raise IntegrityError(f"{path}: the codebook of {name!r} was never trained")
        if part == "embed":
            array = np.asarray(value, np.float32)
            books[place] = array[0] if array.ndim == 3 and len(array) == 1 else array
    shapes = {array.shape for array in books.values()}
    groups = 1 + max((group for group, _ in books), default=-1)
    stages = 1 + max((stage for _, stage in books), default=-1)
    if len(books) != groups * stages or len(shapes) != 1 or len(next(iter(shapes))) != 2:
        raise IntegrityError(
            f"{path} holds {len(books)} codebooks of shapes {sorted(shapes)}; expected one "
            f"[K, D/G] for each of {groups} groups × {stages} stages"
        )
    stacked = np.stack([books[place] for place in sorted(books)])
    found = stacked.reshape(groups, stages, *stacked.shape[1:])
    _check_configuration(path, content, found)
    return found


def _place(name: str) -> tuple[tuple[int, int], str]:
    """Return group, stage and part that a weight's name stands for; part "" when it is foreign."""
    if match := _GROUPED.fullmatch(name):
        return (int(match[1]), int(match[2])), match[3]
    if match := _PLAIN.fullmatch(name):
        return (0, int(match[1])), match[2]
    return (0, 0), ""


def _check_configuration(path: str | Path, content: Mapping[str, Any], books: np.ndarray) -> None:
    stated = content.get("rvq_config", content.get("config", {}))
    stated = stated if isinstance(stated, Mapping) else {}
    if stated.get("use_cosine_sim"):
        raise InputError(
            f"{path} was trained with use_cosine_sim: its codes are directions, which squared "
            "distance does not fit; train codebooks with `quantlab train` instead"
        )
    groups, stages, codes, width = books.shape
    found = (groups, stages, codes, groups * width)
    for name, place in _NAMES.items():
        if name in stated and stated[name] != found[place]:
            raise IntegrityError(
                f"{path} says {name} = {stated[name]}, but its codebooks have {found[place]}"
            )
