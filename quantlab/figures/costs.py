"""The report's tables of bits: what is charged, written and stored, and when parameters pay."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from quantlab.figures.material import Material
from quantlab.figures.prose import html_table, some_lams
from quantlab.figures.tables import at_lam, coded, numbers, pick
from quantlab.figures.words import ALL, fixed, lam_text, number

_FLOAT_BITS = 32
_COLUMNS = (
    ("Code length", "bits_per_vector"),
    ("Payload", "payload_bits"),
    ("Whole file", "file_bits"),
    ("Empirical entropy", "entropy_bits"),
)


def bits_table(given: Material) -> str:
    """Return the bits per vector of the balanced codec at a few λ, counted in four ways; HTML."""
    rows = pick(given.rate, recipe="balanced", method="codec", protocol=given.protocol, emotion=ALL)
    rows = coded(rows)
    if pick(rows, metric="payload_bits").empty:
        return ""
    cells = [
        [
            lam_text(lam),
            *(_bits_at(pick(rows, metric=metric), lam) for _, metric in _COLUMNS),
        ]
        for lam in some_lams(rows, given.lam)
    ]
    caption = (
        "Bits per vector of the balanced codec. The code length is what its probability model "
        "charges; the payload is what the range coder really writes for a fold's test clips "
        "together; the file adds header, lengths and checksum."
    )
    return html_table(
        ["λ", *(words for words, _ in _COLUMNS)], cells, caption=caption, numeric=len(_COLUMNS)
    )


def _bits_at(rows: Any, lam: float) -> str:
    there = numbers(at_lam(rows, lam), "value")
    return fixed(float(there[0]), decimals=2) if there.size else "–"


def parameters_table(given: Material) -> str:
    """Return from how many clips on codebooks and prior pay for themselves; HTML.

    Empty where the summary does not say what they cost.
    """
    sizes = _sizes(given.run.summary)
    rows = pick(given.rate, recipe="balanced", method="codec", protocol=given.protocol, emotion=ALL)
    rows = pick(coded(rows), metric="payload_bits")
    if not sizes or rows.empty:
        return ""
    vectors = sizes["num_vectors"] / sizes["num_items"]
    stored = _FLOAT_BITS * sizes["num_dims"]
    equal = sizes["symbols"] * float(np.log2(sizes["codes"] + 1))
    cells = []
    for lam in some_lams(rows, given.lam):
        bits = float(numbers(at_lam(rows, lam), "value")[0])
        cells.append(
            [
                lam_text(lam),
                fixed(bits, decimals=1),
                _clips(sizes["parameter_bits"], vectors * (stored - bits)),
                _clips(sizes["prior_parameter_bits"], vectors * (equal - bits)),
                _clips(sizes["parameter_bits"], vectors * bits),
            ]
        )
    head = [
        "λ",
        "Payload per vector",
        "Codec pays from",
        "Prior alone pays from",
        "As large as its clips at",
    ]
    caption = (
        f"Codebooks, prior and scaling take {number(sizes['parameter_bits'])} bits, the prior "
        f"alone {number(sizes['prior_parameter_bits'])}. The codec pays from the number of clips "
        "on whose payload and parameters together are less than the embeddings in single precision "
        f"({number(stored)} bits per vector); the prior, less than symbols of equal length "
        f"({fixed(equal, decimals=1)} bits per vector). The last column: how many clips take as "
        "many bits as the parameters themselves."
    )
    return html_table(head, cells, caption=caption, numeric=len(head) - 1)


def _sizes(summary: Mapping[str, Any]) -> dict[str, float]:
    """Return what is needed of the summary as numbers; nothing where a part is missing."""
    names = (
        "parameter_bits",
        "prior_parameter_bits",
        "num_vectors",
        "num_items",
        "num_dims",
        "symbols",
        "codes",
    )
    found = {name: summary.get(name) for name in names}
    known = all(isinstance(value, int | float) and value > 0 for value in found.values())
    return {name: float(value) for name, value in found.items() if value} if known else {}


def _clips(parameter_bits: float, saved_per_clip: float) -> str:
    if saved_per_clip <= 0:
        return "never"
    return f"{int(np.ceil(parameter_bits / saved_per_clip)):,} clips"
