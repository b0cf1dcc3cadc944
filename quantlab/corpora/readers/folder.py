"""Reader for a plain folder of clips whose names or directories tell speaker and emotion.

Four layouts are understood; the one that explains most files is taken for all of them.
"""

from collections.abc import Callable

from quantlab.corpora.labels import canonical_emotion
from quantlab.corpora.readers.listing import Files, Reading, Row, Skipped, stem_of
from quantlab.errors import InputError

_Parts = tuple[str, str, str]  # speaker, emotion, text id


def _speaker_emotion(folders: list[str], stem: str) -> _Parts | None:
    return (folders[0], folders[1], "") if len(folders) == 2 else None


def _emotion_speaker(folders: list[str], stem: str) -> _Parts | None:
    return (folders[1], folders[0], "") if len(folders) == 2 else None


def _emotion_prefix(folders: list[str], stem: str) -> _Parts | None:
    speaker, separator, _ = stem.partition("_")
    return (speaker, folders[0], "") if len(folders) == 1 and separator and speaker else None


def _flat(folders: list[str], stem: str) -> _Parts | None:
    parts = stem.split("_", 2)
    return (parts[0], parts[1], parts[2]) if not folders and len(parts) == 3 and parts[0] else None


LAYOUTS: dict[str, Callable[[list[str], str], _Parts | None]] = {
    "<speaker>/<emotion>/<clip>.wav": _speaker_emotion,
    "<emotion>/<speaker>/<clip>.wav": _emotion_speaker,
    "<emotion>/<speaker>_<anything>.wav": _emotion_prefix,
    "<speaker>_<emotion>_<text>.wav": _flat,
}


def _parse(layout: str, path: str) -> _Parts | None:
    return LAYOUTS[layout](path.split("/")[:-1], stem_of(path))


def _explains(layout: str, path: str) -> bool:
    parts = _parse(layout, path)
    if parts is None:
        return False
    try:
        canonical_emotion(parts[1])
    except InputError:
        return False
    return True


def read(files: Files) -> Reading:
    """Read speaker and emotion from the layout that explains most of the files.

    Raises
    ------
    InputError
        No layout explains any file; the message lists the layouts.
    """
    counts = {layout: sum(_explains(layout, path) for path in files.audio) for layout in LAYOUTS}
    layout = max(LAYOUTS, key=lambda name: counts[name])
    if not counts[layout]:
        seen = f"such as {files.audio[0]!r}" if files.audio else "and no audio file at all"
        raise InputError(
            f"{files.root} holds {len(files.audio)} audio files, {seen}, in no layout that is "
            f"understood. Layouts: {', '.join(LAYOUTS)}, each with a known emotion name. Or put a "
            "manifest.csv with the columns path, speaker and emotion into the folder"
        )
    rows, skipped = [], []
    for path in files.audio:
        parts = _parse(layout, path)
        if parts is None:
            skipped.append(Skipped(path, f"does not follow the layout {layout}"))
            continue
        speaker, emotion, text_id = parts
        rows.append(
            Row(
                path=path,
                corpus=files.root.name,
                speaker=speaker,
                emotion=emotion,
                emotion_raw=emotion,
                text_id=text_id,
            )
        )
    return Reading(tuple(rows), tuple(skipped), (f"folder layout {layout}",))
