"""The static page of a showcase: sounds over λ and codebooks, that opens without a server."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quantlab.figures.page import inert_json
from quantlab.figures.player import player_script, player_style

_FOLDER = Path(__file__).with_name("assets")
# Scripts of the page's own folder, also where it was opened as a file; nothing from elsewhere.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'self' file:; style-src 'unsafe-inline'; "
    "img-src data: blob:; media-src 'self' file: blob:; base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True, eq=False)
class ShowcaseClip:
    """One clip of a showcase.

    Attributes
    ----------
    name : str
        What the clip is called.
    data : str
        Address of its data, relative to the page.
    targets : sequence of str
        Emotions that it was converted to.
    files : sequence of tuple of str
        Name and relative address of each sound.
    """

    name: str
    data: str
    targets: Sequence[str]
    files: Sequence[tuple[str, str]]


def showcase_page(
    clips: Sequence[ShowcaseClip], *, title: str, lead: str, origin: Sequence[tuple[str, str]]
) -> str:
    """Return the page; texts are escaped here.

    Parameters
    ----------
    clips : sequence of ShowcaseClip
        One or more.
    title, lead : str
        Heading, and the sentences under it.
    origin : sequence of tuple of str
        Terms and what they are: model, codecs, licence.

    Returns
    -------
    str
        HTML. The data of each clip stand in a script of their own, from `showcase_data`.
    """
    listed = [
        {"name": clip.name, "data": clip.data, "targets": list(clip.targets)} for clip in clips
    ]
    terms = "".join(
        f"<dt>{html.escape(term)}</dt><dd>{html.escape(text)}</dd>" for term, text in origin
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<title>{html.escape(title)} – quantlab</title>\n"
        f"<style>{_asset('showcase.css')}\n{player_style()}</style>\n</head>\n<body>\n"
        f'<header>\n<p class="kicker">quantlab · showcase</p>\n<h1>{html.escape(title)}</h1>\n'
        f"<p>{html.escape(lead)}</p>\n"
        "<noscript><p>The player needs JavaScript; all sounds are linked below.</p></noscript>\n"
        f"</header>\n<main>\n{_CONTROLS}\n<details>\n<summary>All sounds as files</summary>\n"
        f"{''.join(_files(clip) for clip in clips)}</details>\n"
        f"<h2>Origin and licence</h2>\n<dl>{terms}</dl>\n</main>\n"
        '<footer><p class="quiet">Written by quantlab. Sounds made of a corpus carry that '
        "corpus's licence.</p></footer>\n"
        f'<script type="application/json" id="clips">{inert_json(listed)}</script>\n'
        f"<script>{player_script()}</script>\n<script>{_asset('showcase.js')}</script>\n"
        "</body>\n</html>\n"
    )


_CONTROLS = """<div id="controls" hidden>
<div class="choices">
<label>Clip<select id="clip"></select></label>
<label>Toward<select id="target"></select></label>
</div>
<div id="player"></div>
<h2>Quantized emotion</h2>
<p class="quiet" id="choose">Choose a codebook and λ: the last sound above is the conversion with
what it left of the reference's emotion vector. Bits are that vector's code length: the larger λ,
the fewer; toward the largest a codebook sends one and the same vector for every reference.</p>
<div class="wide"><table aria-describedby="choose">
<tbody id="codes"></tbody>
</table></div>
</div>"""


def showcase_data(place: int, data: dict[str, Any]) -> str:
    """Return the script that hands one clip's data, from `player_data`, to the page."""
    return f"window.quantlabShowcase.add({place}, {inert_json(data)});\n"


def _files(clip: ShowcaseClip) -> str:
    links = "".join(
        f'<li><a href="{html.escape(address)}" download>{html.escape(name)}</a></li>'
        for name, address in clip.files
    )
    return f"<h3>{html.escape(clip.name)}</h3>\n<ul>{links}</ul>\n"


def _asset(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
