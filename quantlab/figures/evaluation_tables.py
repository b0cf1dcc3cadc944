"""Tables of the report on trained StyleVC models: the grid, verdicts, and each model's controls."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from quantlab.figures.evaluated import ModelTables
from quantlab.figures.grid import measure_words
from quantlab.figures.prose import html_table
from quantlab.figures.tables import records, where
from quantlab.figures.words import fixed, plain, plain_long, probe_words, protocol_words

_SHOWN = (
    *("cls_c_e", "cls_s_e", "cls_e_e", "cls_c_s", "cls_s_s", "cls_e_s"),
    *("dci_d_emotion", "dci_d_speaker", "dci_i_emotion", "dci_i_speaker", "mcd_db"),
)
_CLASSES = {"good": " above", "poor": " below"}
_BITS = {"v_information": "V-information", "club": "CLUB bound"}
_ERRORS = {
    "mcd_db": ("distortion, dB", 1.0, 2),
    "rmse_cents": ("F0 error, cents", 1.0, 0),
    "rmse_hz": ("F0 error, Hz", 1.0, 1),
    "correlation": ("F0 correlation", 1.0, 2),
    "voicing_error": ("wrongly voiced, %", 100.0, 1),
}


def grid_html(grid: pd.DataFrame) -> str:
    """Return the grid as it is published: a row for each model, with intervals."""
    models = list(grid["model"].unique())
    shown = [name for name in _SHOWN if (grid["measure"] == name).any()]
    cells = {(row["model"], row["measure"]): row for row in records(grid)}
    rows = [
        [
            plain(model),
            *(_ends_cell(cells.get((model, name)), decimals=_digits(name)) for name in shown),
        ]
        for model in models
    ]
    first = [cells.get((models[0], name)) for name in shown]
    chances = ["" if row is None else fixed(float(row["chance"])) for row in first]
    return html_table(
        ["Model", *(_narrow(name) for name in shown)],
        [*rows, [f"chance ({plain(models[0])})", *chances]],
        caption="All models, with 95 % intervals. Of disentanglement, chance is the value with "
        "shuffled labels.",
        numeric=len(shown),
    )


def _narrow(measure: str) -> str:
    """Say a measure in lines that are short enough for a column."""
    if measure == "mcd_db":
        return "distortion,<br>dB"
    words = measure_words(measure).replace(" → ", " →<br>").replace(", ", ",<br>")
    return words.replace("disentanglement", "disentangle-<br>ment").replace(
        "informativeness", "informa-<br>tiveness"
    )


def _digits(measure: str) -> int:
    return 1 if measure == "mcd_db" else 2


def verdict_html(wide: pd.DataFrame, verdicts: pd.DataFrame, criteria: Sequence[str]) -> str:
    """Return verdicts with one row for each model, and the rule that they follow."""
    remarks = {(row["model"], row["criterion"]): str(row["remark"]) for row in records(verdicts)}

    def cell(row: dict[str, Any], name: str) -> str:
        verdict = str(row[name])
        remark = remarks.get((row["model"], name), "")
        small = f"<br><small>{plain_long(remark)}</small>" if remark else ""
        kind = _CLASSES.get(verdict, "")
        return f'<span class="verdict{kind}">{plain(verdict)}</span>{small}'

    rows = [[plain(row["model"]), *(cell(row, name) for name in criteria)] for row in records(wide)]
    rule = plain_long(str(verdicts["rule"].iloc[0])) if len(verdicts) else ""
    return html_table(
        ["Model", *criteria],
        rows,
        caption=f"Verdicts: {rule}. “Cannot tell” where the interval holds a threshold, or rests "
        "on fewer than six clusters.",
    )


def model_tables(given: ModelTables) -> str:
    """Return the tables of one model; those without rows are left out."""
    return "\n".join(
        [
            _accuracies(given),
            _dci(given.dci),
            _bits(given.bits),
            _scatter(given.scatter),
            _information(given.information),
            _sound(given.sound),
        ]
    )


def _ends_cell(row: dict[str, Any] | None, *, decimals: int, factor: float = 1.0) -> str:
    if row is None:
        return "–"
    value, low, high = (factor * float(row[key]) for key in ("value", "low", "high"))
    text = fixed(value, decimals=decimals)
    if low == low and high == high:
        ends = f"{fixed(low, decimals=decimals)} to {fixed(high, decimals=decimals)}"
        text += f'<br><span class="range">{ends}</span>'
    return text


def _accuracies(given: ModelTables) -> str:
    """Return accuracies beside those of the untrained networks, and those on new speakers."""
    table = where(given.probes, given.probes["metric"] == "accuracy")
    if table.empty:
        return ""
    cases = [
        (given.protocol, "trained", protocol_words(given.protocol)),
        (given.protocol, "untrained", "before training"),
        ("speaker", "trained", protocol_words("speaker")),
    ]
    cells = {
        tuple(row[key] for key in ("protocol", "encoder", "embedding", "label", "probe")): row
        for row in records(table)
    }
    shown = [case for case in cases if any(key[:2] == case[:2] for key in cells)]
    rows = []
    for embedding, label, probe in dict.fromkeys(key[2:] for key in cells):
        found = [cells.get((*case[:2], embedding, label, probe)) for case in shown]
        main = found[0] or {"chance": float("nan")}
        name = f"{plain(embedding)} → {plain(label)}, {probe_words(probe)}"
        numbers = [_ends_cell(one, decimals=2) for one in found]
        rows.append([name, fixed(float(main["chance"])), *numbers])
    return html_table(
        ["Embedding, label, classifier", "Chance", *(words for *_, words in shown)],
        rows,
        caption="Accuracy of telling labels, beside the same networks before training, which hear "
        "the acoustics too.",
        numeric=1 + len(shown),
    )


def _dci(table: pd.DataFrame) -> str:
    if table.empty:
        return ""
    controls = list(table["control"].unique())
    cells = {(row["factors"], row["metric"], row["control"]): row for row in records(table)}
    rows = []
    for row in records(where(table, table["control"] == controls[0])):
        factors, metric = row["factors"], row["metric"]
        what = (
            f"classes of {plain(factors)} in the {plain(row['embedding'])} embedding"
            if row["reading"] == "classes"
            else f"{plain(factors)} in all embeddings"
        )
        found = [cells.get((factors, metric, control)) for control in controls]
        numbers = [_ends_cell(one, decimals=2) for one in found]
        rows.append([f"{plain(metric)}, {what}", *numbers, fixed(float(row["chance"]))])
    return html_table(
        ["DCI", *map(plain, controls), "Chance"],
        rows,
        caption="Disentanglement, completeness and informativeness beside their controls. As high "
        "after a rotation: the classes are separable, the axes mean nothing.",
        numeric=len(controls) + 1,
    )


def _bits(table: pd.DataFrame) -> str:
    if table.empty:
        return ""
    controls = list(table["control"].unique())
    cells = {
        (row["embedding"], row["label"], row["metric"], row["control"]): row
        for row in records(table)
    }
    rows = []
    for key in dict.fromkeys(key[:3] for key in cells):
        found = [cells.get((*key, control)) for control in controls]
        entropy = next((float(one["label_bits"]) for one in found if one), float("nan"))
        name = f"{plain(key[0])} → {plain(key[1])}, {_BITS.get(key[2], plain(key[2]))}"
        rows.append([name, *(_ends_cell(one, decimals=2) for one in found), fixed(entropy)])
    return html_table(
        ["Bits", *map(plain, controls), "Of the label"],
        rows,
        caption="Leakage in bits per clip. Emotion is asked of speakers that the classifier was "
        "not fitted on, the speaker in sentences that it was not fitted on. Where classes lie far "
        "apart, the CLUB bound grows beyond all the bits that the label has.",
        numeric=len(controls) + 1,
    )


def _scatter(table: pd.DataFrame) -> str:
    rows = [
        [
            f"{plain(row['embedding'])} by {plain(row['label'])}",
            _ends_cell(row, decimals=2),
            fixed(float(row["chance"])),
            fixed(float(row["spread"]), decimals=3),
            fixed(float(row["effective_dims"]), decimals=1),
            plain(row["collapsed"] or "no"),
        ]
        for row in records(where(table, table["metric"] == "within_share"))
    ]
    if not rows:
        return ""
    return html_table(
        ["Scatter", "Within classes", "Chance", "Spread", "Dimensions in use", "Collapsed"],
        rows,
        caption="Share of the variance that lies within the classes: near chance they are mixed, "
        "near 0 they have shrunk to points. Spread is relative to the length of the vectors.",
        numeric=5,
    )


def _information(table: pd.DataFrame) -> str:
    rows = [
        [
            f"{plain(row['first'])} and {plain(row['second'])}",
            _ends_cell(row, decimals=2),
            f"{fixed(float(row['baseline']))}, 95 % below {fixed(float(row['baseline_high']))}",
        ]
        for row in records(table)
    ]
    if not rows:
        return ""
    return html_table(
        ["Embeddings", "Shared bits", "Of unrelated pairs"],
        rows,
        caption="Mutual information of pairs of embeddings, as of Gaussian vectors after their "
        "components were made normal.",
        numeric=2,
    )


def _sound(table: pd.DataFrame) -> str:
    if table.empty:
        return ""
    cells = {(row["kind"], row["metric"]): row for row in records(table)}
    shown = [name for name in _ERRORS if any(key[1] == name for key in cells)]
    rows = []
    for kind in table["kind"].unique():
        numbers = [
            _ends_cell(cells.get((kind, name)), decimals=_ERRORS[name][2], factor=_ERRORS[name][1])
            for name in shown
        ]
        clips = max(int(row["num_items"]) for key, row in cells.items() if key[0] == kind)
        rows.append([plain(kind), str(clips), *numbers])
    tags = [str(tag) for tag in table["tag"].unique() if tag]
    return html_table(
        ["Speech", "Clips", *(_ERRORS[name][0] for name in shown)],
        rows,
        caption="Decoded from the clip's own content, pitch, speaker and emotion, against the "
        f"clip. Distortion: {plain_long('; '.join(tags))}.",
        numeric=1 + len(shown),
    )
