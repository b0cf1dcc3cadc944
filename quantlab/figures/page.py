"""The report's page: one HTML file with its styles, plotly.js once, and the figures as data.

The page needs no network and forbids itself one. It follows the reader's light or dark theme by
exchanging each light colour of the figures for its dark shade, and prints in light colours.
"""

import html
import json
from collections.abc import Mapping

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from quantlab.figures.export import PLOT_CONFIG
from quantlab.figures.palette import shade_pairs

_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; media-src data:; base-uri 'none'; form-action 'none'"
)


def render_page(*, title: str, body: str, figures: Mapping[str, go.Figure]) -> str:
    """Return a complete HTML page.

    Parameters
    ----------
    title : str
        Of the window; escaped here.
    body : str
        HTML with an element ``<div class="plot" data-figure="name">`` for each figure.
    figures : Mapping[str, plotly.graph_objects.Figure]
        Drawn on a light background.

    Returns
    -------
    str
    """
    data = {name: json.loads(figure.to_json() or "{}") for name, figure in figures.items()}
    settings = {"config": dict(PLOT_CONFIG), "shades": shade_pairs()}
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"{body}\n"
        f'<script type="application/json" id="figures">{inert_json(data)}</script>\n'
        f'<script type="application/json" id="settings">{inert_json(settings)}</script>\n'
        f"<script>{get_plotlyjs()}</script>\n<script>{_SCRIPT}</script>\n</body>\n</html>\n"
    )


def inert_json(value: object) -> str:
    """Write JSON that cannot end its script element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


_STYLE = """
:root {
  --paper: #ffffff; --ground: #f5f6f8; --text: #1b1f27; --muted: #596070; --line: #e1e4ea;
  --accent: #1d5c94; --good: #1d6b4f; --good-ground: #e4f3ec; --low: #8c4a12;
  --low-ground: #f8ebde; --quiet-ground: #eceef2;
  --serif: "Iowan Old Style", "Palatino Linotype", Palatino, "Source Serif 4", Charter, Georgia,
    "Liberation Serif", serif;
  --sans: Inter, "Segoe UI", "Helvetica Neue", Arial, "Liberation Sans", sans-serif;
  color-scheme: light dark;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #15181e; --ground: #0f1115; --text: #eceef3; --muted: #a9b0be; --line: #2b3039;
    --accent: #86bbe4; --good: #7fd6b2; --good-ground: #16352a; --low: #f2b27a;
    --low-ground: #3b2817; --quiet-ground: #242932;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 1rem; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 16px/1.6 var(--sans); -webkit-text-size-adjust: 100%;
}
main { max-width: 1240px; margin: 0 auto; padding: 0 24px 64px; }
header.top { max-width: 1240px; margin: 0 auto; padding: 56px 24px 8px; }
h1, h2, h3 { font-family: var(--serif); font-weight: 600; line-height: 1.2; margin: 0; }
h1 { font-size: clamp(2rem, 4vw, 2.9rem); letter-spacing: -.01em; }
h2 { font-size: 1.65rem; margin: 64px 0 6px; }
h3 { font-size: 1.12rem; font-family: var(--sans); margin: 28px 0 6px; }
p { margin: 0 0 .8em; max-width: 74ch; }
a { color: var(--accent); text-decoration-thickness: 1px; text-underline-offset: 2px; }
.kicker { color: var(--muted); font-size: .85rem; letter-spacing: .08em;
  text-transform: uppercase; margin: 0 0 10px; }
.lead { font: 400 1.2rem/1.5 var(--serif); color: var(--text); max-width: 66ch;
  margin-top: 16px; }
.question { color: var(--muted); margin-bottom: 18px; }
nav { display: flex; flex-wrap: wrap; gap: 4px 20px; padding: 14px 0; margin-top: 20px;
  border-top: 1px solid var(--line); border-bottom: 1px solid var(--line); font-size: .92rem; }
nav a { text-decoration: none; }
nav a:hover, nav a:focus-visible { text-decoration: underline; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(148px, 1fr)); gap: 14px;
  margin: 26px 0 8px; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 10px;
  padding: 14px 16px; }
.card .value { font: 600 1.6rem/1.15 var(--serif); white-space: nowrap;
  font-variant-numeric: tabular-nums; }
.card .label { color: var(--muted); font-size: .85rem; margin-top: 6px; line-height: 1.4; }
figure { background: var(--paper); border: 1px solid var(--line); border-radius: 12px;
  margin: 18px 0 26px; padding: 8px 14px 4px; }
.scroll { overflow-x: auto; }
.plot { width: 100%; }
figcaption { display: grid; grid-template-columns: 1fr 1fr; gap: 6px 36px;
  border-top: 1px solid var(--line); margin: 6px 0 0; padding: 14px 4px 12px;
  font-size: .95rem; }
figcaption p { margin: 0; }
figcaption .name { display: block; color: var(--muted); font-size: .74rem;
  letter-spacing: .08em; text-transform: uppercase; margin-bottom: 2px; }
figcaption .data { grid-column: 1 / -1; color: var(--muted); font-size: .82rem; max-width: none; }
.table { overflow-x: auto; background: var(--paper); border: 1px solid var(--line);
  border-radius: 12px; padding: 6px 16px 10px; margin: 14px 0 26px; }
table { border-collapse: collapse; width: 100%; font-size: .92rem;
  font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--muted); font-size: .88rem; padding: 10px 0 8px; }
th, td { text-align: left; padding: 7px 14px 7px 0; border-bottom: 1px solid var(--line);
  vertical-align: baseline; }
thead th { color: var(--muted); font-weight: 500; font-size: .82rem; white-space: nowrap; }
tbody tr:last-child > * { border-bottom: 0; }
tbody th { font-weight: 500; }
td.number, th.number { text-align: right; white-space: nowrap; }
td .range { color: var(--muted); font-size: .86em; white-space: nowrap; }
.verdict { display: inline-block; border-radius: 99px; padding: 1px 11px; font-size: .84rem;
  background: var(--quiet-ground); color: var(--muted); white-space: nowrap; }
.verdict.above { background: var(--good-ground); color: var(--good); }
.verdict.below { background: var(--low-ground); color: var(--low); }
.verdicts th[scope="row"] { min-width: 240px; max-width: 340px; font-weight: 400; }
.verdicts td { min-width: 90px; max-width: 270px; }
.verdicts td[data-label="Verdict"] { min-width: 140px; }
.verdicts tr.group th { padding-top: 22px; font: 600 1.02rem/1.3 var(--serif); }
.verdicts .reason { display: block; color: var(--muted); font-size: .84em; }
.across { max-height: 94vh; overflow: auto; padding: 0; }
.across table { border-collapse: separate; border-spacing: 0; font-size: .86rem; }
.across th, .across td { padding: 8px 8px 8px 0; min-width: 112px; vertical-align: top; }
.across thead th { font-size: .86rem; white-space: normal; overflow-wrap: anywhere; }
.across thead td { color: var(--muted); font-size: .8rem; line-height: 1.45; }
.across .names th { position: sticky; top: 0; z-index: 2; background: var(--paper);
  color: var(--text); font-weight: 600; vertical-align: bottom; }
.across tr > :first-child { position: sticky; left: 0; z-index: 1; background: var(--paper);
  padding-left: 16px; padding-right: 14px; min-width: 224px; width: 300px; font-weight: 400; }
.across .names > :first-child { z-index: 3; }
.across tr.group th { padding-top: 20px; font: 600 1rem/1.3 var(--serif); }
.across .stay { position: sticky; left: 16px; }
.across .verdict { font-size: .76rem; padding: 0 8px; }
.across .effect { display: block; margin-top: 3px; }
.across .range { display: inline-block; color: var(--muted); font-size: .9em;
  white-space: nowrap; }
.across .mark, .verdicts .mark { display: inline-block; color: var(--muted); font-size: .8em;
  font-weight: 400; border: 1px solid var(--line); border-radius: 4px; padding: 0 5px;
  white-space: nowrap; }
.across tfoot > tr > * { border-bottom: 0; border-top: 1px solid var(--text);
  white-space: nowrap; }
dl { display: grid; grid-template-columns: minmax(150px, 230px) 1fr; gap: 8px 26px;
  margin: 14px 0; max-width: 100ch; }
dt { font-weight: 600; }
dd { margin: 0; overflow-wrap: anywhere; }
.formula { font-style: italic; color: var(--muted); }
ul { margin: 10px 0; padding-left: 1.2em; max-width: 76ch; }
li { margin-bottom: .45em; }
code { font: .9em ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace;
  background: var(--quiet-ground); border-radius: 4px; padding: 1px 5px; }
footer { color: var(--muted); font-size: .85rem; margin-top: 56px;
  border-top: 1px solid var(--line); padding-top: 14px; }
noscript p { color: var(--low); }
audio { height: 34px; width: 240px; max-width: 100%; vertical-align: middle; }
.short { background: var(--paper); border: 1px solid var(--line); border-radius: 12px;
  padding: 18px 22px 10px; margin: 22px 0 8px; }
.short h2 { margin: 0 0 4px; font-size: 1.25rem; }
.short dl { max-width: none; margin: 10px 0; gap: 10px 26px; }
@media screen and (min-width: 1100px) {
  figure.narrow { display: grid; grid-template-columns: minmax(0, 1fr) 320px; gap: 0 22px; }
  figure.narrow figcaption { grid-template-columns: 1fr; align-content: start; gap: 16px;
    border-top: 0; border-left: 1px solid var(--line); margin: 12px 0; padding: 4px 6px 4px 22px; }
}
@media (max-width: 720px) {
  header.top { padding-top: 32px; }
  header.top, main { padding-left: 14px; padding-right: 14px; }
  figcaption { grid-template-columns: 1fr; }
  dl { grid-template-columns: 1fr; gap: 2px; }
  dd { margin-bottom: 10px; }
  h2 { margin-top: 48px; }
  .across tr > :first-child { min-width: 150px; width: 150px; padding-left: 12px;
    padding-right: 10px; font-size: .8rem; overflow-wrap: anywhere; }
  .across .stay { left: 12px; }
  .verdicts thead { display: none; }
  .verdicts, .verdicts tbody, .verdicts tr, .verdicts th, .verdicts td { display: block; }
  .verdicts tr.group th { border-bottom: 0; }
  .verdicts tbody tr:not(.group) { border: 1px solid var(--line); border-radius: 10px;
    padding: 10px 12px; margin: 0 0 12px; }
  .verdicts tr > th[scope="row"], .verdicts tr > td { border: 0; padding: 3px 0; min-width: 0;
    max-width: none; }
  .verdicts td:empty { display: none; }
  .verdicts td[data-label]::before { content: attr(data-label) ": ";
    color: var(--muted); font-size: .84em; }
  .verdicts .reason { display: inline; }
  .verdicts .reason::before { content: " – "; }
}
@media print {
  body { background: #ffffff; font-size: 11pt; }
  nav, figcaption .data { display: none; }
  figure, .table, .card { break-inside: avoid; border-color: #cccccc; }
  .scroll, .across { overflow: visible; max-height: none; }
  h2 { break-after: avoid; }
  main, header.top { max-width: none; padding-left: 0; padding-right: 0; }
}
"""

_SCRIPT = """
(function () {
  "use strict";
  var figures = JSON.parse(document.getElementById("figures").textContent);
  var settings = JSON.parse(document.getElementById("settings").textContent);
  var query = window.matchMedia("(prefers-color-scheme: dark)");
  var places = Array.prototype.slice.call(document.querySelectorAll(".plot[data-figure]"));

  function shaded(name, dark) {
    var text = JSON.stringify(figures[name]);
    if (dark) {
      var shades = new Map(settings.shades);
      var known = settings.shades.map(function (pair) { return pair[0]; }).join("|");
      text = text.replace(new RegExp(known, "g"), function (color) { return shades.get(color); });
    }
    return JSON.parse(text);
  }

  function draw(place, dark) {
    var figure = shaded(place.dataset.figure, dark);
    Plotly.react(place, figure.data, figure.layout, settings.config);
  }

  function drawAll(dark) { places.forEach(function (place) { draw(place, dark); }); }

  var rest = places.slice();
  (function next() {
    var place = rest.shift();
    if (!place) { document.documentElement.dataset.drawn = "all"; return; }
    draw(place, query.matches);
    window.setTimeout(next, 0);
  })();
  query.addEventListener("change", function () { drawAll(query.matches); });
  window.addEventListener("beforeprint", function () { drawAll(false); });
  window.addEventListener("afterprint", function () { drawAll(query.matches); });
})();
"""
