"""The page of a listening loop: figures, tables, and sounds to listen to, in one HTML file."""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from quantlab.figures.export import figure_height
from quantlab.figures.listening import QUANTIZED, listening_words
from quantlab.figures.page import render_page
from quantlab.figures.prose import html_table
from quantlab.figures.tables import pick, records, where
from quantlab.figures.words import ALL, emotion_order, interval_text, lam_text, plain, sentence_case

_CAPTIONS = {
    "effect": "What probes, trained on natural speech of other sentences, hear. The bars are 95 % "
    "intervals over speakers. Copy synthesis is the source through the vocoder, reconstruction the "
    "source decoded with its own emotion: what moves there, conversion does not answer for.",
    "lams": "The emotion vector of the reference was quantized at growing λ before it was decoded. "
    "Toward the largest λ a codec sends one and the same vector for every reference.",
    "spectrograms": "One source, its reconstruction and its conversions, as they sound. Level in "
    "dB below the loudest point of all panels.",
}
_SPEAKER = {
    "speaker_right": "Source's speaker heard",
    "speaker_of_reference": "Reference's speaker heard",
    "speaker_cos_source": "Cosine to the source",
    "speaker_cos_others": "To other speakers",
}


@dataclass(frozen=True)
class Sound:
    """A sound on the page.

    Attributes
    ----------
    group, name : str
        Row and column of the table of sounds.
    wav : bytes
        The file.
    """

    group: str
    name: str
    wav: bytes


def listening_page(
    summary: pd.DataFrame,
    *,
    title: str,
    lead: str,
    figures: Mapping[str, go.Figure],
    sounds: Sequence[Sound],
    origin: Sequence[tuple[str, str]],
) -> str:
    """Return the page of a listening loop.

    Parameters
    ----------
    summary : pd.DataFrame
        Its table.
    title, lead : str
        Heading, and the sentences under it; escaped here.
    figures : mapping of str to plotly.graph_objects.Figure
        By the names ``effect``, ``lams`` and ``spectrograms``.
    sounds : sequence of Sound
        What can be listened to.
    origin : sequence of tuple of str
        Terms and what they are: model, licence, settings; escaped here.

    Returns
    -------
    str
        HTML that needs no network.
    """
    parts = [
        f'<header class="top">\n<p class="kicker">quantlab · listening</p>\n<h1>{plain(title)}</h1>'
        f'\n<p class="lead">{html.escape(lead)}</p>\n</header>\n<main>',
        _figure("effect", figures),
        _effect_table(summary),
        _figure("lams", figures),
        _speaker_table(summary),
        _distortion_table(summary),
        _sounds(sounds),
        _figure("spectrograms", figures),
        _origin(origin),
        "</main>",
    ]
    return render_page(title=title, body="\n".join(parts), figures=figures)


def _figure(name: str, figures: Mapping[str, go.Figure]) -> str:
    if name not in figures:
        return ""
    height = figure_height(figures[name])
    return (
        f'<figure id="figure-{name}">\n<div class="scroll"><div class="plot" data-figure="{name}" '
        f'style="min-width: 760px; min-height: {height}px"></div></div>\n'
        f"<figcaption><p>{_CAPTIONS[name]}</p></figcaption>\n</figure>"
    )


def _effect_table(summary: pd.DataFrame) -> str:
    """Return the probability of each target before and after, and the difference."""
    methods = ("source", "copy_synthesis", "reconstruction", "conversion", "reference")
    rows = []
    for listener in dict.fromkeys(name for name in summary["listener"] if name):
        mine = pick(summary, listener=listener)
        for target in (*emotion_order(mine["target"]), ALL):
            of_target = pick(mine, target=target)
            cells = [_cell(pick(of_target, metric="posterior", method=name)) for name in methods]
            gain = pick(of_target, metric="posterior_gain", method="conversion")
            verdict = str(gain["verdict"].iloc[0]) if len(gain) else ""
            mark = f'<span class="verdict {verdict.replace(" ", "-")}">{plain(verdict)}</span>'
            name = "all targets" if target == ALL else target
            rows.append([plain(listener), plain(name), *cells, _cell(gain), mark])
    head = ["Heard by", "Target", *(sentence_case(listening_words(name)) for name in methods)]
    return html_table(
        [*head, "Gain over reconstruction", "Gain"],
        rows,
        caption="Probability of the target emotion, with 95 % intervals over speakers.",
        numeric=7,
    )


def _cell(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "–"
    row = records(rows)[0]
    value, low, high = (float(row[key]) for key in ("value", "low", "high"))
    text = interval_text(value, low, high)
    number, _, rest = text.partition(" (")
    return f'{number} <span class="range">({rest}</span>' if rest else number


def _conditions(summary: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the rows over all targets of each method, codec and λ, with a name."""
    rows = where(summary, summary["target"] == ALL)
    found = []
    for keys, part in rows.groupby(["method", "codec", "lam"], sort=False, dropna=False):
        method, codec, lam = keys  # pyright: ignore[reportGeneralTypeIssues]
        name = listening_words(method)
        if method == QUANTIZED:
            name = f"conversion, {plain(codec)} codebook, {lam_text(float(lam))}"
        found.append((name, part))
    return found


def _speaker_table(summary: pd.DataFrame) -> str:
    shown = [key for key in _SPEAKER if (summary["metric"] == key).any()]
    rows = []
    for name, part in _conditions(where(summary, summary["method"] != "reference")):
        for listener in dict.fromkeys(pick(part, metric="speaker_right")["listener"]):
            mine = pick(part, listener=listener)
            rows.append([name, plain(listener), *(_cell(pick(mine, metric=key)) for key in shown)])
    return html_table(
        ["Sound", "Heard by", *(_SPEAKER[key] for key in shown)],
        rows,
        caption="Whose voice is heard: share of sounds, and cosines of speaker vectors with the "
        "mean of natural speech removed.",
        numeric=len(shown),
    )


def _distortion_table(summary: pd.DataFrame) -> str:
    rows, tag = [], ""
    for name, part in _conditions(summary):
        mine = pick(part, listener="")
        keys = ("rate_bits", "mcd_source_db", "mcd_conversion_db")
        if mine.empty:
            continue
        rows.append([name, *(_cell(pick(mine, metric=key)) for key in keys)])
        tag = next((text for text in mine["tag"] if text), tag)
    return html_table(
        ["Sound", "Bits of the emotion", "To the source (dB)", "To the conversion (dB)"],
        rows,
        caption=f"Mel-cepstral distortion: {html.escape(tag)}.",
        numeric=3,
    )


def _sounds(sounds: Sequence[Sound]) -> str:
    if not sounds:
        return ""
    groups = list(dict.fromkeys(sound.group for sound in sounds))
    rows = []
    for group in groups:
        for sound in (one for one in sounds if one.group == group):
            data = base64.b64encode(sound.wav).decode()
            player = f'<audio controls preload="none" src="data:audio/wav;base64,{data}"></audio>'
            rows.append([plain(group), plain(sound.name), player])
    table = html_table(["Emotion", "Sound", ""], rows, caption="Sounds of one source.")
    return f"<h2>Listen</h2>\n{table}"


def _origin(origin: Sequence[tuple[str, str]]) -> str:
    terms = "\n".join(
        f"<dt>{html.escape(term)}</dt><dd>{html.escape(text)}</dd>" for term, text in origin
    )
    return f"<h2>Origin and licence</h2>\n<dl>\n{terms}\n</dl>"
