"""Finding the trained model whose vectors a codec quantizes, among folders on this machine."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from quantlab.errors import InputError, QuantlabError
from quantlab.store import read_json


def stylevc_models(folders: Iterable[str | Path]) -> list[Path]:
    """Return the StyleVC models that lie in folders, or one or two levels below, sorted."""
    found = []
    for folder in folders:
        root = Path(folder)
        for pattern in ("card.json", "*/card.json", "*/*/card.json"):
            found += [card.parent for card in root.glob(pattern) if _kind(card) == "stylevc"]
    return sorted(dict.fromkeys(found))


def model_of(embedder: Mapping[str, Any], models: Iterable[Path]) -> Path:
    """Return the folder of the model that an embedder's card names.

    Parameters
    ----------
    embedder : Mapping
        The card of a StyleVC embedder, as embedding sets and codecs keep it.
    models : iterable of Path
        Where to look; see `stylevc_models`.

    Raises
    ------
    InputError
        The card is that of another embedder, or none of the models has its weights.
    """
    from quantlab.models import weights_sha256

    if embedder.get("name") != "stylevc":
        raise InputError(
            f"vectors of {embedder.get('name') or 'an unknown embedder'} cannot be made sound by "
            "the models here; train a decoder that takes them, with `quantlab fit-stylevc "
            "experiments/stylevc/nemo_functionals.yaml` for instance, or choose StyleVC codecs"
        )
    wanted = embedder.get("weights_sha256")
    known = list(models)
    for folder in known:
        try:
            if weights_sha256(str(folder)) == wanted:
                return folder
        except QuantlabError:
            continue
    raise InputError(
        f"the model {embedder.get('model') or 'stylevc'} that these vectors come from is not among "
        f"{', '.join(folder.name for folder in known) or 'any models here'}; put its folder beside "
        "the runs"
    )


def _kind(card: Path) -> str:
    try:
        return str(read_json(card).get("kind", ""))
    except (QuantlabError, AttributeError):
        return ""
