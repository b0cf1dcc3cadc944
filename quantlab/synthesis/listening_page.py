"""The report of a listening loop: figures, tables and the sounds of one source, as one page."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from quantlab.audio import HOP_S, log10_mel, mel_band_hz, read_clip
from quantlab.errors import InputError
from quantlab.store import (
    read_bytes,
    read_json,
    read_table,
    resolve_under,
    write_bytes,
    write_text,
)
from quantlab.synthesis.listening_source import (
    CONVERSION,
    COPY,
    QUANTIZED,
    RECONSTRUCTION,
    REFERENCE,
    SOUNDS_FILE,
    SOURCE,
)

if TYPE_CHECKING:
    from quantlab.figures import FigureContext, Spectrogram

_WORDS = {
    SOURCE: "source",
    COPY: "copy synthesis",
    RECONSTRUCTION: "reconstruction",
    REFERENCE: "natural reference",
    CONVERSION: "conversion",
}
_MOST_PANELS = 6


def write_listening_report(folder: str | Path, *, png: bool = False) -> Path:
    """Write the page of a listening loop, and the data of its figures.

    Parameters
    ----------
    folder : str or Path
        What `listening_loop` wrote.
    png : bool
        Whether to write the figures as PNG, too; needs kaleido and a Chrome or Chromium.

    Returns
    -------
    Path
        ``report.html`` in the folder; ``figures/`` stands beside it.

    Raises
    ------
    InputError
        There is no finished listening loop in the folder, or PNG cannot be made.
    IntegrityError
        A file is damaged.
    """
    from quantlab.figures import (
        Sound,
        conversion_effect,
        export_figure,
        listening_curves,
        listening_page,
        spectrogram_panels,
    )

    place = Path(folder)
    if not (place / "listening.json").is_file():
        raise InputError(f"{place} holds no finished listening loop; run: quantlab listen")
    card = read_json(place / "listening.json")
    summary = read_table(place / "summary.parquet")
    rows = read_table(place / "listening.parquet")
    context = _context(card, rows)
    kept = _kept_sounds(place, str(rows["source"].iloc[0]))
    figures = {"effect": conversion_effect(summary, context=context)}
    if card["codecs"]:
        figures["lams"] = listening_curves(summary, context=context)
    if kept:
        figures["spectrograms"] = spectrogram_panels(
            _spectrograms(kept),
            band_hz=mel_band_hz(),
            hop_s=HOP_S,
            context=context,
            title=f"Spectrograms of {kept[0]['source']}",
        )
    page = listening_page(
        summary,
        title=f"Listening to {card['decoder'].get('model') or card['decoder']['name']}",
        lead=_lead(card, rows),
        figures=figures,
        sounds=[Sound(_group(one), _name(one), read_bytes(one["path"])) for one in _chosen(kept)],
        origin=_origin(card),
    )
    write_text(place / "report.html", page)
    # The data of a spectrogram are the sounds.
    for name in figures.keys() - {"spectrograms"}:
        export_figure(figures[name], place / "figures", name=name)
    if png:
        _write_images(figures, place)
    return place / "report.html"


def _write_images(figures: Mapping[str, Any], folder: Path) -> None:
    from quantlab.figures import image_maker

    try:
        with image_maker() as make:
            for name, figure in figures.items():
                write_bytes(folder / "figures" / f"{name}.png", make(figure))
    except InputError as error:
        raise InputError(
            f"{folder / 'report.html'} is written, but its PNG files are not: {error}"
        ) from error


def _context(card: dict[str, Any], rows: pd.DataFrame) -> "FigureContext":
    from quantlab.figures import FigureContext

    return FigureContext(
        corpus=", ".join(card.get("corpora", [])),
        embedder=f"{card['decoder']['name']} {card['decoder'].get('model', '')}".strip(),
        num_speakers=len(set(rows["speaker"])),
        split="sentences that the decoder was not trained on"
        if card["settings"]["sentences"] == "unseen"
        else "sentences that the decoder may have been trained on",
    )


def _lead(card: dict[str, Any], rows: pd.DataFrame) -> str:
    emotions = ", ".join(dict.fromkeys(rows["source_emotion"]))
    targets = ", ".join(dict.fromkeys(rows["target"]))
    whose = {"same": "of the same speaker", "other": "of another speaker"}
    return (
        f"{len(set(rows['source']))} clips ({emotions}) of {len(set(rows['speaker']))} speakers "
        f"were converted to {targets}, after a reference "
        f"{whose[card['settings']['reference_speaker']]} that says something else. What came out "
        f"was embedded again, and probes trained on {card['num_natural']} natural clips of other "
        "sentences say which emotion and whose voice they hear."
    )


def _origin(card: dict[str, Any]) -> list[tuple[str, str]]:
    decoder = card["decoder"]
    codecs = [
        f"{name} (licence: {about['licence'] or 'not stated'})"
        for name, about in card["codecs"].items()
    ]
    found = [
        ("Decoder", f"{decoder['name']} {decoder.get('model', '')}"),
        ("Weights", str(decoder.get("weights_sha256", ""))),
        ("Source", str(decoder.get("source", ""))),
        ("Licence", str(decoder.get("licence", ""))),
        ("Vocoder", str(card["vocoder"]["name"])),
        ("Listeners", ", ".join(card["listeners"])),
        ("Codecs", "; ".join(codecs)),
        ("Sentences of sources and references", ", ".join(card["texts"])),
        ("Command", str(card.get("command", ""))),
    ]
    return [(term, text) for term, text in found if text.strip()]


def _kept_sounds(folder: Path, source: str) -> list[dict[str, Any]]:
    """Return what was kept of the first source: file, method, target, codec and λ of each."""
    for side in sorted((folder / "audio").glob(f"*/{SOUNDS_FILE}")):
        card = read_json(side)
        if card.get("source") == source:
            return [
                {**entry, "source": source, "path": resolve_under(side.parent, entry["file"])}
                for entry in card["sounds"]
            ]
    return []


def _chosen(kept: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what goes on the page: of the codecs the first, at its lowest, middle and last λ."""
    codecs = [entry["codec"] for entry in kept if entry["codec"]]
    first = codecs[0] if codecs else ""
    lams = sorted({entry["lam"] for entry in kept if entry["codec"] == first and first})
    shown = {lams[0], lams[len(lams) // 2], lams[-1]} if lams else set()
    return [
        entry
        for entry in kept
        if not entry["codec"] or (entry["codec"] == first and entry["lam"] in shown)
    ]


def _group(entry: dict[str, Any]) -> str:
    return entry["target"] or "as spoken"


def _name(entry: dict[str, Any]) -> str:
    if entry["method"] == QUANTIZED:
        return f"conversion, {entry['codec']} codebook at λ = {entry['lam']:g}"
    return _WORDS[entry["method"]]


def _spectrograms(kept: list[dict[str, Any]]) -> "list[Spectrogram]":
    """Return source, reconstruction, and the conversions to the first targets."""
    from quantlab.figures import Spectrogram

    plain = [entry for entry in kept if entry["method"] in (SOURCE, RECONSTRUCTION, CONVERSION)]
    return [
        Spectrogram(
            " to ".join(part for part in (_name(entry), entry["target"]) if part),
            log10_mel(read_clip(entry["path"]).samples),
        )
        for entry in plain[:_MOST_PANELS]
    ]
