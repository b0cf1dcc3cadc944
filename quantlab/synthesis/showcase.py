"""A showcase: a folder of sounds over λ and codecs with a page that opens without a server."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from quantlab.errors import InputError
from quantlab.store import read_bytes, write_bytes, write_text
from quantlab.synthesis.listening_sounds import ListeningSounds, sound_words
from quantlab.synthesis.listening_source import CONVERSION, COPY, METHODS, QUANTIZED
from quantlab.synthesis.showcase_sounds import SOUNDS

if TYPE_CHECKING:
    from quantlab.figures import ShowcaseClip

PAGE = "index.html"
_HEARD = tuple(method for method in METHODS if method != COPY)


def write_showcase(
    sounds: ListeningSounds,
    site: str | Path,
    *,
    title: str,
    lead: str,
    origin: Sequence[tuple[str, str]],
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write the page of sounds that `listening_loop` or `record_showcase` made.

    Parameters
    ----------
    sounds : ListeningSounds
        What is heard; files outside `site` are copied into it.
    site : str or Path
        The folder, from `check_site`: ``index.html``, ``sounds/`` and ``data/``.
    title, lead : str
        Heading, and the sentences under it.
    origin : sequence of tuple of str
        Terms and what they are: model, codecs, licence.
    progress : callable, optional
        Called with (clips done, clips).

    Returns
    -------
    Path
        The page.

    Raises
    ------
    InputError, IntegrityError
        A sound is missing or damaged.
    """
    from quantlab.figures import showcase_page

    place = Path(site)
    shown = []
    for number, source in enumerate(sounds.sources):
        shown.append(_clip(sounds, source, place, number))
        if progress is not None:
            progress(number + 1, len(sounds.sources))
    page = showcase_page(shown, title=title, lead=lead, origin=origin)
    write_text(place / PAGE, page)
    return place / PAGE


def check_site(site: str | Path) -> Path:
    """Return the folder of a showcase.

    Raises
    ------
    InputError
        It is a file, or holds something that no showcase wrote.
    """
    place = Path(site)
    if place.exists() and not place.is_dir():
        raise InputError(f"{place} is a file; give a folder to make")
    inside = [one.name for one in place.iterdir()] if place.is_dir() else []
    others = [name for name in inside if not name.startswith(".")]
    if others and not {PAGE, SOUNDS} & set(others):
        raise InputError(
            f"{place} holds {', '.join(sorted(others)[:3])} and no showcase; give a new folder"
        )
    return place


def _clip(sounds: ListeningSounds, source: str, site: Path, number: int) -> "ShowcaseClip":
    """Put the sounds of one clip into the site, and write its data."""
    from quantlab.figures import ShowcaseClip, player_data, showcase_data

    rows = [row for row in sounds.table(source).to_dict("records") if row["method"] in _HEARD]
    if not rows:
        raise InputError(f"{sounds.places[source]} names no sounds of {source}; make them again")
    folder = f"{SOUNDS}/{sounds.places[source].name}"
    made, addresses = [], []
    for row in rows:
        file = sounds.file(source, row)
        target = site / folder / file.name
        if file.resolve() != target.resolve():
            write_bytes(target, read_bytes(file))
        made.append(sounds.sound(source, row))
        addresses.append(f"{folder}/{file.name}")
    data = player_data(made, title=source, addresses=addresses)
    for entry, row in zip(data["sounds"], rows, strict=True):
        coded = row["method"] == QUANTIZED
        entry |= {key: row[key] for key in ("method", "target", "codec")}
        entry["lam"] = float(row["lam"]) if coded else None
    script = f"data/clip-{number + 1}.js"
    write_text(site / script, showcase_data(number, data))
    targets = dict.fromkeys(row["target"] for row in rows if row["method"] == CONVERSION)
    files = [(sound_words(row), address) for row, address in zip(rows, addresses, strict=True)]
    return ShowcaseClip(name=source, data=script, targets=list(targets), files=files)
