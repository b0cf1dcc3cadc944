"""One page over several runs: what holds in which corpus, embedder or codec, and in the control.

Everything is HTML with names escaped; the joined table of claims stands beside the page.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from quantlab import store
from quantlab.errors import InputError
from quantlab.figures.beside import (
    classifier_dots,
    has_classifiers,
    has_stages,
    read_classifiers,
    read_stages_by_run,
    shared_context,
    stages_by_run,
)
from quantlab.figures.export import export_figure
from quantlab.figures.material import Material
from quantlab.figures.matrix import claims_matrix, joined_claims, read_agreement, read_control
from quantlab.figures.page import render_page
from quantlab.figures.report import figure_block
from quantlab.figures.runs import RunTables, mapping
from quantlab.figures.sections import ReportFigure, Section
from quantlab.figures.words import counted, joined, plain, plain_long, slug

_ENDINGS = (".html", ".htm")


def write_verdicts(runs: Sequence[str | Path], path: str | Path) -> Path:
    """Write one page of verdicts over several runs, and the joined table of claims.

    Parameters
    ----------
    runs : sequence of str or Path
        Run folders that were swept, in the order of the columns; one or more, each of a name of
        its own.
    path : str or Path
        The page, ending in ``.html``; ``<stem>.csv`` and ``figures/<stem>-*.csv`` stand beside it.

    Returns
    -------
    Path
        The page; it opens without a network.

    Raises
    ------
    InputError
        There is no run, one is missing, not analysed or not judged, two have one name, or `path`
        is no HTML file; the message says what to type.
    IntegrityError
        A table is damaged.
    """
    target = Path(path)
    if target.suffix.lower() not in _ENDINGS:
        raise InputError(
            f"the page of verdicts is an HTML file, given {target}; type `-o "
            f"{target.with_suffix('.html')}`"
        )
    given = _opened(runs)
    sections = _sections(given, prefix=slug(target.stem))
    figures = {part.name: part.figure for section in sections for part in section.figures}
    for name, figure in figures.items():
        export_figure(figure, target.parent / "figures", name=name, formats=["csv"])
    store.write_csv(target.with_suffix(".csv"), joined_claims(given))
    body = _body(given, sections, target)
    title = "Verdicts over runs – quantlab"
    store.write_text(target, render_page(title=title, body=body, figures=figures))
    return target


def _opened(runs: Sequence[str | Path]) -> list[Material]:
    """Open all runs, and refuse what cannot stand side by side."""
    if not runs:
        raise InputError(
            "there is no run to show verdicts of; name one or more folders, for example "
            "`quantlab verdicts runs/demo`"
        )
    given: dict[str, Material] = {}
    for place in runs:
        run = RunTables.open(place)
        if run.name in given:
            raise InputError(
                f"{given[run.name].run.path} and {run.path} are both called {run.name!r}; give "
                f"each run once, or change `name` in {run.path / 'run.yaml'} and type `quantlab "
                f"sweep {run.path}`"
            )
        given[run.name] = _judged(run)
    return list(given.values())


def _judged(run: RunTables) -> Material:
    # Tables that are as large as the sweep are not read before it is known that claims exist.
    if run.table("claims").empty:
        raise InputError(
            f"{run.path} has no verdicts yet; type `quantlab sweep {run.path}` to judge its claims"
        )
    return Material.of(run)


def _sections(given: Sequence[Material], *, prefix: str) -> tuple[Section, ...]:
    """Return the sections of figures; those that no run has tables for are left out."""
    context = shared_context(given)
    sections = []
    if any(map(has_classifiers, given)):
        sections.append(
            Section(
                name="classifiers",
                heading="Codebooks as classifiers",
                question="Does the codebook that fits a clip best name its emotion, and does that "
                "carry over to other corpora, embedders and sizes?",
                figures=(
                    ReportFigure(
                        name=f"{prefix}-classifiers",
                        figure=classifier_dots(given, context=context),
                        how="One line for each run, one marker for each rule that chooses the "
                        "codebook; bars are 95 % intervals over speakers, the dashed line is what "
                        "guessing reaches. Half similarity is each run's own λ.",
                        shows=_with_lacking(read_classifiers(given), given, has_classifiers),
                        min_width=860,
                    ),
                ),
            )
        )
    if any(map(has_stages, given)):
        sections.append(
            Section(
                name="stages",
                heading="Similarity and recognition by number of stages",
                question="How much do the first stages of the balanced codebook keep in each run?",
                figures=(
                    ReportFigure(
                        name=f"{prefix}-stages",
                        figure=stages_by_run(given, context=context),
                        how="One curve for each run: the clips are decoded from the first stages "
                        "only, at λ = 0. Bands are 95 % intervals over speakers.",
                        shows=_with_lacking(read_stages_by_run(given), given, has_stages),
                        min_width=860,
                    ),
                ),
            )
        )
    return tuple(sections)


def _with_lacking(text: str, given: Sequence[Material], has: Callable[[Material], bool]) -> str:
    lacking = [plain(part.run.name) for part in given if not has(part)]
    return f"{text} Not computed in {joined(lacking)}." if lacking else text


def _body(given: Sequence[Material], sections: Sequence[Section], target: Path) -> str:
    matrix = claims_matrix(given, links=_reports(given, target))
    agreement = read_agreement(given)
    table = plain(target.with_suffix(".csv").name)
    address = quote(target.with_suffix(".csv").name)
    parts = [
        _header(given, sections),
        '<main>\n<section id="claims">\n<h2>Claims by run</h2>',
        f"<p>{read_control(given)}</p>",
        f"<p>{agreement}</p>" if agreement else "",
        '<p class="question">Effects are what goes beyond the reference, with 95 % intervals. '
        "Point at a cell to read its corrected p-value (Holm, over all claims of that run), its "
        f'reference, or why it cannot be told; the same stands in <a href="{address}">{table}</a>.'
        "</p>",
        f"{matrix}\n</section>",
    ]
    parts += [_section(section) for section in sections]
    return "\n".join([*parts, _origin(given), "</main>"])


def _header(given: Sequence[Material], sections: Sequence[Section]) -> str:
    links = [("claims", "Claims by run")]
    links += [(section.name, section.heading) for section in sections]
    nav = "".join(f'<a href="#{name}">{text}</a>' for name, text in [*links, ("origin", "Origin")])
    notes = "".join(
        f"<p><b>{plain(part.run.name)}</b>: {joined([plain(note) for note in part.run.notes])}</p>"
        for part in given
        if part.run.notes
    )
    return (
        '<header class="top">\n<p class="kicker">quantlab · emotion under quantization</p>\n'
        "<h1>Verdicts, run by run</h1>\n"
        f'<p class="lead">The same claims in {counted(len(given), "run")}: what holds whatever the '
        "corpus, the embedder or the codec, what holds in one only, and what cannot be told.</p>\n"
        f"{notes}<nav>{nav}</nav>\n"
        "<noscript><p>The figures need JavaScript; their data lie as CSV in the folder "
        "<code>figures</code> beside this page.</p></noscript>\n</header>"
    )


def _reports(given: Sequence[Material], target: Path) -> dict[str, str]:
    """Return the addresses of the reports that lie below the page, by run."""
    folder = target.parent.resolve()
    found = {part.run.name: (part.run.path / "report.html").resolve() for part in given}
    return {
        name: quote(report.relative_to(folder).as_posix())
        for name, report in found.items()
        if report.is_relative_to(folder) and report.is_file()
    }


def _section(section: Section) -> str:
    figures = "\n".join(figure_block(part) for part in section.figures)
    return (
        f'<section id="{section.name}">\n<h2>{section.heading}</h2>\n'
        f'<p class="question">{section.question}</p>\n{figures}\n</section>'
    )


def _origin(given: Sequence[Material]) -> str:
    rows = "\n".join(
        f"<dt>{plain(part.run.name)}</dt><dd>{_origin_line(part)}</dd>" for part in given
    )
    return (
        '<section id="origin">\n<h2>Origin and licence</h2>\n'
        f"<dl>\n{rows}\n</dl>\n"
        "<footer>Written by quantlab. Figures and tables derived from a corpus carry that corpus's "
        "licence.</footer>\n</section>"
    )


def _origin_line(part: Material) -> str:
    summary = part.run.summary
    fingerprint, when = summary.get("fingerprint"), mapping(summary, "provenance").get("when")
    parts = (
        f"<code>{plain(fingerprint)[:12]}</code>" if fingerprint else "no fingerprint",
        f"computed {plain(when)}" if when else "",
        f"licence of the data: {plain_long(str(summary.get('licence') or 'not stated'))}",
    )
    return " · ".join(text for text in parts if text)
