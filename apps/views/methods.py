"""Methods: what the words mean, what files hold, and under which licences things stand."""

import html

import streamlit as st

from quantlab.errors import QuantlabError
from quantlab.figures import METHODS, MODEL_METHODS, RunTables, terms_html
from quantlab.store import read_json
from views import clips, shell

_FILES = (
    ("run.yaml", "the study: every setting, so that the run can be made again"),
    ("codecs/", "one folder per codec: card.json and safetensors arrays"),
    ("trials/", "what each trial measured of each clip, kept so that a sweep resumes"),
    ("sweep.parquet", "one row per clip, codec and λ"),
    ("analysis/*.parquet", "the tables behind all figures, with intervals; and summary.json"),
    ("maps/", "places of clips on the maps of the page Drift"),
    ("report.html", "all figures and terms on one page that opens without a network"),
    (".qlb", "a bitstream: header, range-coded symbols, checksum; decodes to the same bytes"),
    (".npz and .json", "a quantized reference for a synthesizer, and its card"),
)
_STYLE = """<style>
.terms dl { display: grid; grid-template-columns: minmax(130px, 220px) 1fr; gap: .6rem 1.8rem;
  margin: 0; padding: 0; max-width: 110ch; }
.terms dt { font-weight: 600; }
.terms dd { margin: 0; }
.terms .formula { font-style: italic; opacity: .75; }
@media (max-width: 640px) { .terms dl { grid-template-columns: 1fr; gap: .1rem; }
  .terms dd { margin-bottom: .8rem; } }
</style>"""


def show() -> None:
    """Draw the page."""
    run = shell.run()
    st.html(_STYLE)
    st.title("Methods")
    st.write("What the words of these pages mean. x is an embedding, x̂ what a codec left of it.")
    _terms("Curves and claims", terms_html(METHODS))
    _terms("Models of speech", terms_html(MODEL_METHODS))
    rows = tuple((f"<code>{name}</code>", text) for name, text in _FILES)
    _terms("Files", terms_html(rows))
    _terms("Licences", terms_html(tuple(_licences(run))))
    st.caption(
        "Everything derived from a corpus carries that corpus's licence: tables, codecs, models, "
        "quantized references and sounds."
    )


def _terms(title: str, content: str) -> None:
    st.header(title)
    st.html(f"<div class='terms'>{content}</div>")


def _licences(run: RunTables) -> list[tuple[str, str]]:
    """Return what stands under which licence: the code, the run, models and codecs here."""
    told = str(run.summary.get("licence") or "not stated by the corpus")
    corpus = str(run.summary.get("corpus") or "its corpus")
    found = [
        ("quantlab", "Apache-2.0"),
        (f"run {html.escape(run.name)}", f"{html.escape(told)}, of {html.escape(corpus)}"),
    ]
    root = clips.project() / "checkpoints"
    cards = {card.relative_to(root).parts[0]: card for card in sorted(root.rglob("card.json"))}
    for name, card in cards.items():
        try:
            licence = str(read_json(card).get("licence") or "not stated")
        except (QuantlabError, AttributeError):
            licence = "its card is damaged"
        found.append((html.escape(name), html.escape(licence)))
    return found


show()
