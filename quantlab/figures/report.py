"""The report of a run: one HTML file that opens without a network, and its figures as files."""

import html
from collections.abc import Mapping
from pathlib import Path

from quantlab import store
from quantlab.errors import InputError
from quantlab.figures.control import control_table
from quantlab.figures.costs import bits_table, parameters_table
from quantlab.figures.export import export_figure, image_maker
from quantlab.figures.findings import Findings, findings_of
from quantlab.figures.material import Material
from quantlab.figures.page import render_page
from quantlab.figures.prose import (
    accuracy_table,
    claims_table,
    codec_words,
    provenance_rows,
    recall_table,
)
from quantlab.figures.runs import RunTables, mapping
from quantlab.figures.sections import (
    ReportFigure,
    Section,
    figures_of,
    report_sections,
)
from quantlab.figures.terms import METHODS, terms_html
from quantlab.figures.verdicts import verdicts_table
from quantlab.figures.words import (
    counted,
    joined,
    plain,
    protocol_words,
)


def write_report(run_dir: str | Path, *, png: bool = False) -> Path:
    """Write a run's report and the data of its figures.

    Parameters
    ----------
    run_dir : str or Path
        For example ``runs/demo``.
    png : bool
        Also write every figure as PNG; needs kaleido and a Chrome or Chromium.

    Returns
    -------
    Path
        ``report.html`` in the run's folder; ``figures/*.csv`` (and ``*.png``) stand beside it.

    Raises
    ------
    InputError
        The run is missing or not analysed; or PNG was asked for and cannot be made: the report
        is written all the same.
    IntegrityError
        A table is damaged.
    """
    material = Material.of(RunTables.open(run_dir))
    sections = report_sections(material)
    figures = figures_of(sections)
    folder = material.run.path / "figures"
    for name, part in figures.items():
        export_figure(part.figure, folder, name=name, formats=["csv"])
    page = render_page(
        title=f"{material.run.name} – quantlab",
        body=_body(material, sections),
        figures={name: part.figure for name, part in figures.items()},
    )
    path = material.run.path / "report.html"
    store.write_text(path, page)
    if png:
        _write_images(figures, folder, path)
    return path


def _write_images(figures: Mapping[str, ReportFigure], folder: Path, report: Path) -> None:
    try:
        with image_maker() as make:
            for name, part in figures.items():
                width = 900 if part.narrow else max(1280, part.min_width)
                store.write_bytes(folder / f"{name}.png", make(part.figure, width=width))
    except InputError as error:
        raise InputError(f"{report} is written, but its PNG files are not: {error}") from error


def _body(material: Material, sections: tuple[Section, ...]) -> str:
    extras = {
        "rate": bits_table(material) + parameters_table(material),
        "control": control_table(material),
        "recognition": accuracy_table(material) + recall_table(material),
        "drift": claims_table(material, material.drifts),
    }
    found = findings_of(material)
    judged = [section for section in sections if section.name == "verdicts"]
    rest = [section for section in sections if section.name != "verdicts"]
    table = verdicts_table(material.claims, links=_links(sections))
    parts = [_header(material, sections), "<main>", _cards(found)]
    parts += [_section(section, before=table) for section in judged]
    parts += [_short(found)]
    parts += [_section(section, after=extras.get(section.name, "")) for section in rest]
    parts += [_limits(found), _methods(), _provenance(material), "</main>"]
    return "\n".join(parts)


def _links(sections: tuple[Section, ...]) -> dict[str, str]:
    """Return the id of each figure on the page by name; sections too, where no figure is named so.

    A claim may rest on all figures of a section, as those about recognition do.
    """
    ids = {section.name: section.name for section in sections}
    return ids | {name: f"figure-{name}" for name in figures_of(sections)}


def _header(material: Material, sections: tuple[Section, ...]) -> str:
    run = material.run
    links = [(section.name, section.heading) for section in sections]
    links += [("limits", "What cannot be told"), ("methods", "Terms"), ("provenance", "Origin")]
    nav = "".join(f'<a href="#{name}">{heading}</a>' for name, heading in links)
    corpus = plain(run.summary.get("corpus") or "an unnamed corpus")
    codecs = len(run.summary.get("recipes") or [])
    emotions = joined([plain(name) for name in run.emotions])
    notes = "".join(f"<p><b>{plain(note)}</b></p>" for note in run.notes)
    return (
        '<header class="top">\n<p class="kicker">quantlab · emotion under quantization</p>\n'
        f"<h1>{plain(run.name)}</h1>\n"
        f'<p class="lead">Embeddings ({plain(run.embedder)}) of the corpus {corpus} went through '
        f"{counted(codecs, 'kind')} of codebook at growing quantization strength λ. This page "
        f"shows what is left of {emotions}.</p>\n<p>{_split_words(run)}</p>\n{notes}"
        f"<nav>{nav}</nav>\n"
        "<noscript><p>The figures need JavaScript; their data lie as CSV in the folder "
        "<code>figures</code> beside this page.</p></noscript>\n</header>"
    )


def _split_words(run: RunTables) -> str:
    """Say how clips were tested, and with which codec."""
    protocols = mapping(run.summary, "protocols")
    parts = []
    for name in run.protocols:
        folds = mapping(protocols, name).get("num_folds")
        number = f" ({counted(folds, 'fold')})" if isinstance(folds, int) else ""
        parts.append(f"{protocol_words(name)}{number}")
    tested = f"Tested on {joined(parts)}." if parts else ""
    shape = codec_words(run.summary)
    return f"{tested} Each codec has {shape}." if shape else tested


def _cards(found: Findings) -> str:
    inside = "".join(
        f'<div class="card"><div class="value">{value}</div><div class="label">{label}</div></div>'
        for value, label in found.headlines
    )
    return f'<div class="cards">{inside}</div>'


def _short(found: Findings) -> str:
    terms = "".join(f"<dt>{term}</dt><dd>{text}</dd>" for term, text in found.sentences)
    if not terms:
        return ""
    note = f'<p class="question">{found.note}</p>' if found.note else ""
    return f'<div class="short">\n<h2>In short</h2>\n{note}<dl>{terms}</dl>\n</div>'


def _section(section: Section, *, before: str = "", after: str = "") -> str:
    figures = "\n".join(figure_block(part) for part in section.figures)
    return (
        f'<section id="{section.name}">\n<h2>{section.heading}</h2>\n'
        f'<p class="question">{section.question}</p>\n{before}\n{figures}\n{after}\n</section>'
    )


def figure_block(part: ReportFigure) -> str:
    """Return the HTML of a figure with the sentences beside it."""
    kind = ' class="narrow"' if part.narrow else ""
    width = f"min-width: {part.min_width}px"
    height = part.figure.layout.height or 400  # pyright: ignore[reportAttributeAccessIssue]
    data = f'<a href="figures/{part.name}.csv">figures/{part.name}.csv</a>'
    return (
        f'<figure{kind} id="figure-{part.name}">\n<div class="scroll">'
        f'<div class="plot" data-figure="{part.name}" '
        f'style="{width}; min-height: {height}px"></div></div>\n'
        f'<figcaption><p><span class="name">How to read it</span>{part.how}</p>'
        f'<p><span class="name">What it shows</span>{part.shows}</p>'
        f'<p class="data">Data: {data}</p></figcaption>\n</figure>'
    )


def _limits(found: Findings) -> str:
    sentences = found.limits or ("Nothing beyond what the intervals say.",)
    items = "\n".join(f"<li>{sentence}</li>" for sentence in sentences)
    return (
        '<section id="limits">\n<h2>What cannot be told</h2>\n'
        '<p class="question">Before a curve is quoted elsewhere.</p>\n'
        f"<ul>\n{items}\n</ul>\n</section>"
    )


def _methods() -> str:
    return f'<section id="methods">\n<h2>Terms</h2>\n{terms_html(METHODS)}\n</section>'


def _provenance(material: Material) -> str:
    rows = provenance_rows(material)
    terms = "\n".join(f"<dt>{html.escape(term)}</dt><dd>{text}</dd>" for term, text in rows)
    return (
        '<section id="provenance">\n<h2>Origin and licence</h2>\n'
        f"<dl>\n{terms}\n</dl>\n"
        "<footer>Written by quantlab. Figures and tables derived from a corpus carry that corpus's "
        "licence.</footer>\n</section>"
    )
